//! Cases about what happens on a node.

use std::time::Duration;

use wucluster_core::action::ShellAction;
use wucluster_core::definition::Hook;
use wucluster_core::observation::{Contents, ProbeRequest};
use wucluster_core::ports::ShellError;

use super::bench::{Bench, Outcome, UUID, ensure, place_of};

fn hook(run: &str) -> Hook {
    Hook { run: run.to_owned(), timeout: Duration::from_secs(30), blocks: true }
}

pub(super) async fn a_file_system_is_made_once(bench: &Bench<'_>) -> Outcome {
    let (mount, volume) = bench.volume("format", None).await?;
    let node = bench.attach(&mount, &volume).await?;
    bench.must_shell(&node, Bench::format_action(&mount, &volume)).await?;
    let probe = bench.probe(&node, &volume).await?;
    let device = probe.devices.get(&volume.serial()).ok_or("its device is gone")?;
    let wanted = Contents::Filesystem { kind: "ext4".to_owned(), uuid: Some(UUID.to_owned()) };
    ensure!(device.contents == wanted, "the device holds {}", device.contents);
    // Asked again, it is either refused or known to be done; what is there stays.
    match bench.shell(&node, Bench::format_action(&mount, &volume)).await {
        Ok(_) | Err(ShellError::Refused(_) | ShellError::NotBlank(_)) => {}
        other => return Err(format!("formatting it again was answered {other:?}")),
    }
    let probe = bench.probe(&node, &volume).await?;
    let device = probe.devices.get(&volume.serial()).ok_or("its device is gone")?;
    ensure!(device.contents == wanted, "the device then holds {}", device.contents);
    bench.detach(&mount, &volume).await?;
    bench.delete(&mount, &volume).await
}

pub(super) async fn mounting_twice_is_mounting_once(bench: &Bench<'_>) -> Outcome {
    let (node, mount, volume) = bench.mounted("twice").await?;
    bench.must_shell(&node, Bench::mount_action(&mount, &volume)).await?;
    let probe = bench.probe(&node, &volume).await?;
    let places = probe.mount_table.iter().filter(|seen| seen.at == place_of(&mount)).count();
    ensure!(places == 1, "it is in the mount table {places} times");
    bench.discard(&node, &mount, &volume).await
}

pub(super) async fn a_mount_is_seen_with_its_serial(bench: &Bench<'_>) -> Outcome {
    let (node, mount, volume) = bench.mounted("seen").await?;
    let probe = bench.probe(&node, &volume).await?;
    let at = place_of(&mount);
    let seen =
        probe.mount_table.iter().find(|seen| seen.at == at).ok_or("it is in no mount table")?;
    ensure!(
        seen.serial.as_deref() == Some(volume.serial().as_str()),
        "its serial is {:?}",
        seen.serial
    );
    ensure!(seen.is_root && !seen.is_read_only, "it is mounted otherwise than asked: {seen:?}");
    ensure!(seen.kind == "ext4", "its kind is {}", seen.kind);
    let device = probe.devices.get(&volume.serial()).ok_or("its device is gone")?;
    ensure!(device.is_held == Some(true), "a mounted device counts as held {:?}", device.is_held);
    ensure!(
        device.mounts.iter().any(|found| found.at == at),
        "the device knows {:?}",
        device.mounts
    );
    bench.discard(&node, &mount, &volume).await
}

pub(super) async fn unmounting_twice_is_unmounting_once(bench: &Bench<'_>) -> Outcome {
    let (node, mount, volume) = bench.mounted("unmount").await?;
    for _ in 0..2 {
        bench.must_shell(&node, Bench::unmount_action(&mount, &volume, Vec::new())).await?;
    }
    let probe = bench.probe(&node, &volume).await?;
    let device = probe.devices.get(&volume.serial()).ok_or("its device is gone")?;
    ensure!(device.mounts.is_empty(), "it is still mounted: {:?}", device.mounts);
    ensure!(device.is_held == Some(false), "it is still held: {:?}", device.is_held);
    bench.detach(&mount, &volume).await?;
    bench.delete(&mount, &volume).await
}

pub(super) async fn a_blocking_hook_keeps_the_mount(bench: &Bench<'_>) -> Outcome {
    let (node, mount, volume) = bench.mounted("hook").await?;
    let unmount = Bench::unmount_action(&mount, &volume, vec![hook("exit 3")]);
    match bench.shell(&node, unmount).await {
        Err(ShellError::HookRefused { hook, .. }) => {
            ensure!(hook.run == "exit 3", "it blames {hook:?}");
        }
        other => return Err(format!("the unmount was answered {other:?}")),
    }
    let probe = bench.probe(&node, &volume).await?;
    ensure!(probe.mount_table.iter().any(|seen| seen.at == place_of(&mount)), "it is unmounted");
    let passed_over = Hook { blocks: false, ..hook("exit 3") };
    let unmount = Bench::unmount_action(&mount, &volume, vec![passed_over.clone()]);
    let receipt = bench.shell(&node, unmount).await.map_err(|error| error.to_string())?;
    let named: Vec<_> = receipt.passed_over.into_iter().map(|(hook, _)| hook).collect();
    ensure!(named == [passed_over], "passed over is {named:?}");
    bench.discard(&node, &mount, &volume).await
}

pub(super) async fn checks_are_answered_in_their_order(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let request = ProbeRequest {
        ready: vec![hook("exit 0"), hook("exit 3")],
        before_halt: vec![hook("exit 1")],
        ..ProbeRequest::default()
    };
    let probe = bench.harness.shell().probe(&node, &request).await.map_err(|gap| gap.why)?;
    let ready: Vec<bool> = probe.ready.iter().map(|answer| answer.passed).collect();
    ensure!(ready == [true, false], "the readiness checks answered {ready:?}");
    let before_halt: Vec<bool> = probe.before_halt.iter().map(|answer| answer.passed).collect();
    ensure!(before_halt == [false], "the halt checks answered {before_halt:?}");
    Ok(())
}

pub(super) async fn an_absent_device_is_refused(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let (mount, volume) = bench.volume("absent", None).await?;
    let actions: [ShellAction; 2] =
        [Bench::mount_action(&mount, &volume), Bench::format_action(&mount, &volume)];
    for action in actions {
        match bench.shell(&node, action).await {
            Err(ShellError::Refused(_) | ShellError::Failed { .. }) => {}
            other => {
                return Err(format!("a request about an absent device was answered {other:?}"));
            }
        }
    }
    // Unmounted it is; a node may say so, or say that it cannot vouch for what it does not see.
    match bench.shell(&node, Bench::unmount_action(&mount, &volume, Vec::new())).await {
        Ok(_) | Err(ShellError::Refused(_)) => {}
        other => return Err(format!("unmounting an absent device was answered {other:?}")),
    }
    bench.delete(&mount, &volume).await
}

pub(super) async fn bytes_survive_detaching_and_attaching(bench: &Bench<'_>) -> Outcome {
    let (node, mount, volume) = bench.mounted("survive").await?;
    let file = format!("{}/file", place_of(&mount));
    bench.harness.write(&node, &file, "bytes").await?;
    bench.must_shell(&node, Bench::unmount_action(&mount, &volume, Vec::new())).await?;
    let hidden = bench.harness.read(&node, &file).await?;
    ensure!(hidden.is_none(), "the file is there without the mount");
    bench.detach(&mount, &volume).await?;
    bench.attach(&mount, &volume).await?;
    bench.must_shell(&node, Bench::mount_action(&mount, &volume)).await?;
    let read = bench.harness.read(&node, &file).await?;
    ensure!(read.as_deref() == Some("bytes"), "the file holds {read:?}");
    bench.discard(&node, &mount, &volume).await
}

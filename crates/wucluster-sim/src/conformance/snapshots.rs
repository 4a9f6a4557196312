//! Cases about snapshots.

use wucluster_core::action::CloudAction;
use wucluster_core::definition::Size;
use wucluster_core::ids::{SnapshotId, VolumeId};
use wucluster_core::observation::{Contents, SnapshotState};
use wucluster_core::ports::ErrorClass;
use wucluster_core::tags::Tags;

use super::bench::{Bench, Outcome, UUID, ensure, place_of};
use super::volumes::UNKNOWN;

pub(super) async fn a_snapshot_is_completed_with_its_tags(bench: &Bench<'_>) -> Outcome {
    let (mount, volume) = bench.volume("snapshot", None).await?;
    let id = bench.snapshot(&mount, &volume).await?;
    let seen = bench
        .eventually("the snapshot is completed", |view| {
            let Some(seen) = view.snapshots.iter().find(|seen| seen.id == id) else {
                return Ok(None);
            };
            match seen.state {
                SnapshotState::Pending => Ok(None),
                SnapshotState::Completed => Ok(Some(seen.clone())),
                SnapshotState::Error
                | SnapshotState::Recoverable
                | SnapshotState::Recovering
                | SnapshotState::Unrecognized(_) => {
                    Err(format!("a new snapshot went to {}", seen.state))
                }
            }
        })
        .await?;
    ensure!(seen.volume == volume, "it says it is of {}", seen.volume);
    ensure!(seen.size == Size::from_gib(1), "its size is {}", seen.size);
    ensure!(seen.started_at.is_some(), "it does not say when it was begun");
    let wanted = Tags::for_mount(bench.harness.cluster(), &mount);
    ensure!(seen.tags.contains(&wanted), "its tags are {:?}", seen.tags);
    bench.delete(&mount, &volume).await
}

pub(super) async fn each_request_makes_another_snapshot(bench: &Bench<'_>) -> Outcome {
    let (mount, volume) = bench.volume("another", None).await?;
    let first = bench.snapshot(&mount, &volume).await?;
    bench.until_completed(&first).await?;
    let tags = Tags::for_mount(bench.harness.cluster(), &mount);
    let again = CloudAction::CreateSnapshot { mount: mount.clone(), volume: volume.clone(), tags };
    match bench.ask(again).await {
        Ok(wucluster_core::ports::Receipt::Snapshot(second)) => {
            ensure!(second != first, "the same snapshot was named twice");
            bench.until_completed(&second).await?;
        }
        Err(error) if error.code == "SnapshotCreationPerVolumeRateExceeded" => {
            ensure!(error.class == ErrorClass::Retry, "its class is {:?}", error.class);
        }
        other => return Err(format!("the second request was answered {other:?}")),
    }
    bench.delete(&mount, &volume).await
}

pub(super) async fn a_restored_volume_holds_the_bytes(bench: &Bench<'_>) -> Outcome {
    let (node, mount, volume) = bench.mounted("source").await?;
    let text = "bytes of the source";
    bench.harness.write(&node, &format!("{}/file", place_of(&mount)), text).await?;
    bench.must_shell(&node, Bench::unmount_action(&mount, &volume, Vec::new())).await?;
    bench.detach(&mount, &volume).await?;
    let snapshot = bench.snapshot(&mount, &volume).await?;
    bench.until_completed(&snapshot).await?;
    bench.delete(&mount, &volume).await?;
    let (restored, copy) = bench.volume("restored", Some(snapshot.clone())).await?;
    let seen = bench.volume_seen(&copy).await?;
    ensure!(
        seen.from_snapshot == Some(snapshot),
        "it says it was made from {:?}",
        seen.from_snapshot
    );
    bench.attach(&restored, &copy).await?;
    let probe = bench.probe(&node, &copy).await?;
    let device = probe.devices.get(&copy.serial()).ok_or("its device is gone")?;
    let wanted = Contents::Filesystem { kind: "ext4".to_owned(), uuid: Some(UUID.to_owned()) };
    ensure!(device.contents == wanted, "its device holds {}", device.contents);
    bench.must_shell(&node, Bench::mount_action(&restored, &copy)).await?;
    let read = bench.harness.read(&node, &format!("{}/file", place_of(&restored))).await?;
    ensure!(read.as_deref() == Some(text), "the file holds {read:?}");
    bench.discard(&node, &restored, &copy).await
}

pub(super) async fn a_snapshot_outlives_its_volume(bench: &Bench<'_>) -> Outcome {
    let (mount, volume) = bench.volume("outlived", None).await?;
    let id = bench.snapshot(&mount, &volume).await?;
    bench.until_completed(&id).await?;
    bench.delete(&mount, &volume).await?;
    let view = bench.view().await?;
    let seen = view.snapshots.iter().find(|seen| seen.id == id).ok_or("it went with its volume")?;
    ensure!(seen.state == SnapshotState::Completed, "it is {}", seen.state);
    Ok(())
}

pub(super) async fn an_unknown_snapshot_restores_nothing(bench: &Bench<'_>) -> Outcome {
    let mount = bench.mount("nothing")?;
    let from = SnapshotId::new("snap-0123456789abcdef0");
    let create = bench.create_action(&mount, Some(from));
    let error = bench.refused(create, &["InvalidSnapshot.NotFound"]).await?;
    ensure!(error.class != ErrorClass::Retry, "its class is {:?}", error.class);
    let name = mount.mount.as_str();
    let view = bench.view().await?;
    let is_made = view
        .volumes
        .iter()
        .any(|seen| seen.tags.get(wucluster_core::tags::KEY_MOUNT) == Some(name));
    ensure!(!is_made, "a volume was made all the same");
    Ok(())
}

pub(super) async fn a_volume_smaller_than_its_snapshot_is_refused(bench: &Bench<'_>) -> Outcome {
    let mount = bench.mount("large")?;
    let mut create = bench.create_action(&mount, None);
    if let CloudAction::CreateVolume { size, .. } = &mut create {
        *size = Size::from_gib(2);
    }
    let wucluster_core::ports::Receipt::Volume(volume) = bench.must(create).await? else {
        return Err("the answer names no volume".to_owned());
    };
    bench.until_available(&volume).await?;
    let snapshot = bench.snapshot(&mount, &volume).await?;
    bench.until_completed(&snapshot).await?;
    bench.delete(&mount, &volume).await?;
    let small = bench.mount("small")?;
    // EC2 was seen to make the volume as large as the snapshot instead; never smaller.
    match bench.ask(bench.create_action(&small, Some(snapshot))).await {
        Err(error) if error.code == "InvalidParameterValue" => {
            ensure!(error.class == ErrorClass::Permanent, "its class is {:?}", error.class);
        }
        Ok(wucluster_core::ports::Receipt::Volume(id)) => {
            let seen = bench.until_available(&id).await?;
            ensure!(seen.size >= Size::from_gib(2), "it was made with {}", seen.size);
            bench.delete(&small, &id).await?;
        }
        other => return Err(format!("the answer is {other:?}")),
    }
    Ok(())
}

pub(super) async fn an_unknown_volume_gives_no_snapshot(bench: &Bench<'_>) -> Outcome {
    let mount = bench.mount("no-volume")?;
    let tags = Tags::for_mount(bench.harness.cluster(), &mount);
    let create = CloudAction::CreateSnapshot { mount, volume: VolumeId::new(UNKNOWN), tags };
    bench.refused(create, &["InvalidVolume.NotFound"]).await?;
    Ok(())
}

pub(super) async fn a_deleted_snapshot_is_gone_and_what_stands_beside_it_stays(
    bench: &Bench<'_>,
) -> Outcome {
    let (node, mount, volume) = bench.mounted("pruned").await?;
    let text = "bytes that were kept twice";
    bench.harness.write(&node, &format!("{}/file", place_of(&mount)), text).await?;
    bench.must_shell(&node, Bench::unmount_action(&mount, &volume, Vec::new())).await?;
    bench.detach(&mount, &volume).await?;
    let first = bench.snapshot(&mount, &volume).await?;
    bench.until_completed(&first).await?;
    let second = bench.another_snapshot(&mount, &volume).await?;
    bench.until_completed(&second).await?;
    let (restored, copy) = bench.volume("pruned-copy", Some(first.clone())).await?;
    bench.delete_snapshot(&mount, &first, &second).await?;
    // Neither its volume, nor what was made from it, nor the other snapshot stands on it.
    bench.attach(&restored, &copy).await?;
    bench.must_shell(&node, Bench::mount_action(&restored, &copy)).await?;
    let read = bench.harness.read(&node, &format!("{}/file", place_of(&restored))).await?;
    ensure!(read.as_deref() == Some(text), "the volume made from it holds {read:?}");
    bench.discard(&node, &restored, &copy).await?;
    bench.delete(&mount, &volume).await?;
    let (again, other) = bench.volume("pruned-again", Some(second.clone())).await?;
    bench.attach(&again, &other).await?;
    bench.must_shell(&node, Bench::mount_action(&again, &other)).await?;
    let read = bench.harness.read(&node, &format!("{}/file", place_of(&again))).await?;
    ensure!(read.as_deref() == Some(text), "the volume made from the other one holds {read:?}");
    bench.discard(&node, &again, &other).await?;
    let seen = bench.view().await?.snapshots.into_iter().find(|seen| seen.id == second);
    let seen = seen.ok_or("the other snapshot went, too")?;
    ensure!(seen.state == SnapshotState::Completed, "the other snapshot is {}", seen.state);
    // Once more, it is as good as done, or not there.
    match bench.ask(Bench::delete_snapshot_action(&mount, &first, &second)).await {
        Ok(wucluster_core::ports::Receipt::AlreadyDone) => Ok(()),
        Err(error) if error.code == "InvalidSnapshot.NotFound" => {
            ensure!(error.class == ErrorClass::Ambiguous, "its class is {:?}", error.class);
            Ok(())
        }
        other => Err(format!("deleting it again was answered {other:?}")),
    }
}

pub(super) async fn an_unknown_snapshot_is_not_deleted(bench: &Bench<'_>) -> Outcome {
    let mount = bench.mount("no-snapshot")?;
    let (unknown, other) =
        (SnapshotId::new("snap-0123456789abcdef0"), SnapshotId::new("snap-0123456789abcdef1"));
    match bench.ask(Bench::delete_snapshot_action(&mount, &unknown, &other)).await {
        Ok(wucluster_core::ports::Receipt::AlreadyDone) => Ok(()),
        Err(error) if error.code == "InvalidSnapshot.NotFound" => {
            ensure!(error.class == ErrorClass::Ambiguous, "its class is {:?}", error.class);
            Ok(())
        }
        other => Err(format!("the answer is {other:?}")),
    }
}

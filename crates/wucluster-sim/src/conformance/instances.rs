//! Cases about instances.

use wucluster_core::action::{CloudAction, NodeAddress};
use wucluster_core::ids::{ClusterName, InstanceId};
use wucluster_core::observation::{GapKind, InstanceSeen, InstanceState, ProbeRequest};
use wucluster_core::ports::{ErrorClass, Receipt};
use wucluster_core::tags::Tags;

use super::bench::{Bench, Outcome, ensure};

pub(super) async fn an_unused_cluster_has_nothing(bench: &Bench<'_>) -> Outcome {
    let view = bench.view().await?;
    ensure!(view.instances.is_empty(), "instances are listed: {:?}", view.instances);
    ensure!(view.volumes.is_empty(), "volumes are listed: {:?}", view.volumes);
    ensure!(view.requests > 0, "a look costs no request");
    Ok(())
}

pub(super) async fn an_instance_runs_and_answers(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let seen = bench.instance_seen(&node.instance).await?;
    ensure!(seen.state == InstanceState::Running, "it is {}", seen.state);
    ensure!(seen.address.is_some(), "it has no address");
    ensure!(node.ssh.host_key.is_some(), "the provider does not vouch for a host key");
    let probe = bench.harness.shell().probe(&node, &ProbeRequest::default()).await;
    let probe = probe.map_err(|gap| gap.why)?;
    ensure!(!probe.boot_id.is_empty(), "it tells no boot id");
    ensure!(probe.mount_table.iter().any(|mount| mount.at == "/"), "its mount table has no root");
    Ok(())
}

pub(super) async fn the_tags_of_an_instance_are_those_of_its_making(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let seen = bench.instance_seen(&node.instance).await?;
    let wanted = Tags::for_node(bench.harness.cluster(), &bench.node);
    ensure!(seen.tags.contains(&wanted), "its tags are {:?}", seen.tags);
    Ok(())
}

pub(super) async fn the_same_token_gives_the_same_instance(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let again = bench.must(bench.run_action()).await?;
    ensure!(again == Receipt::Instance(node.instance.clone()), "the answer is {again:?}");
    let living = bench.view().await?.instances;
    ensure!(living.len() == 1, "{} instances are listed", living.len());
    Ok(())
}

pub(super) async fn a_running_instance_is_already_started(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let start = CloudAction::StartInstance { node: node.node, instance: node.instance };
    let receipt = bench.must(start).await?;
    ensure!(
        matches!(receipt, Receipt::AlreadyDone | Receipt::Accepted),
        "the answer is {receipt:?}"
    );
    Ok(())
}

pub(super) async fn a_stopped_instance_is_started_again(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let stop =
        CloudAction::StopInstance { node: node.node.clone(), instance: node.instance.clone() };
    let receipt = bench.must(stop.clone()).await?;
    ensure!(receipt == Receipt::Accepted, "the answer is {receipt:?}");
    let reaches = async |state: InstanceState| {
        let what = format!("the instance is {state}");
        let seen = bench.eventually(&what, |view| {
            let seen = view.instances.iter().find(|seen| seen.id == node.instance);
            // Where its ssh is reached is told once it can be.
            let is_told =
                |seen: &&InstanceSeen| seen.state != InstanceState::Running || seen.ssh.is_some();
            Ok(seen.filter(|seen| seen.state == state).filter(is_told).cloned())
        });
        seen.await
    };
    reaches(InstanceState::Stopped).await?;
    let again = bench.must(stop).await?;
    let is_done = matches!(again, Receipt::AlreadyDone | Receipt::Accepted);
    ensure!(is_done, "the answer to the second is {again:?}");
    let start =
        CloudAction::StartInstance { node: node.node.clone(), instance: node.instance.clone() };
    bench.must(start).await?;
    // Its host key is that which it had; its address may be another one.
    let seen = reaches(InstanceState::Running).await?;
    let ssh = seen.ssh.ok_or("it runs again, and has no ssh endpoint")?;
    let key = &node.ssh.host_key;
    ensure!(&ssh.host_key == key, "its host key was {key:?}, and is {:?}", ssh.host_key);
    let address = NodeAddress { ssh, ..node };
    bench.moves_to(address.clone()).await;
    for _ in 0..bench.harness.looks_max() {
        if bench.harness.shell().probe(&address, &ProbeRequest::default()).await.is_ok() {
            return Ok(());
        }
        bench.harness.sleep(bench.harness.pause()).await;
    }
    Err("it runs again, and its ssh never answered".to_owned())
}

pub(super) async fn an_unknown_instance_is_not_found(bench: &Bench<'_>) -> Outcome {
    let instance = InstanceId::new("i-0123456789abcdef0");
    let terminate =
        CloudAction::TerminateInstance { node: bench.node.clone(), instance: instance.clone() };
    let error = bench.refused(terminate, &["InvalidInstanceID.NotFound"]).await?;
    // Source: EC2 developer guide: this answer does not prove that the instance is gone.
    ensure!(error.class == ErrorClass::Ambiguous, "its class is {:?}", error.class);
    let start = CloudAction::StartInstance { node: bench.node.clone(), instance };
    bench.refused(start, &["InvalidInstanceID.NotFound"]).await?;
    Ok(())
}

pub(super) async fn another_host_key_is_refused_before_anything_is_sent(
    bench: &Bench<'_>,
) -> Outcome {
    let mut node = bench.main().await?;
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
    node.ssh.host_key = Some(other.to_owned());
    match bench.harness.shell().probe(&node, &ProbeRequest::default()).await {
        Err(gap) if gap.kind == GapKind::WrongHost => Ok(()),
        Err(gap) => Err(format!("the gap is {:?}: {}", gap.kind, gap.why)),
        Ok(_) => Err("it answered all the same".to_owned()),
    }
}

pub(super) async fn another_cluster_sees_nothing_of_it(bench: &Bench<'_>) -> Outcome {
    bench.main().await?;
    let other = ClusterName::new("somebody-else").map_err(|error| error.to_string())?;
    let view = bench.harness.cloud().observe(&other).await.map_err(|error| error.to_string())?;
    ensure!(view.instances.is_empty(), "it sees {} instances", view.instances.len());
    // The cloud is told whose it is again, for what follows.
    bench.view().await?;
    Ok(())
}

pub(super) async fn a_terminated_instance_lets_its_volumes_go(bench: &Bench<'_>) -> Outcome {
    let (mount, volume) = bench.volume("let-go", None).await?;
    let node = bench.attach(&mount, &volume).await?;
    let seen = bench.volume_seen(&volume).await?;
    let goes_too = seen.attachments.iter().any(|found| found.delete_on_termination != Some(false));
    ensure!(!goes_too, "the volume would be deleted with the instance: {:?}", seen.attachments);
    let terminate =
        CloudAction::TerminateInstance { node: node.node, instance: node.instance.clone() };
    let receipt = bench.must(terminate.clone()).await?;
    ensure!(receipt == Receipt::Accepted, "the answer is {receipt:?}");
    bench
        .eventually("the instance is terminated", |view| {
            match view.instances.iter().find(|seen| seen.id == node.instance) {
                None => Ok(Some(())),
                Some(seen) if seen.state == InstanceState::Terminated => Ok(Some(())),
                // A late listing may still show it running.
                Some(seen)
                    if matches!(
                        seen.state,
                        InstanceState::ShuttingDown | InstanceState::Running
                    ) =>
                {
                    Ok(None)
                }
                Some(seen) => Err(format!("it went to {}", seen.state)),
            }
        })
        .await?;
    bench.until_available(&volume).await?;
    bench.delete(&mount, &volume).await?;
    match bench.ask(terminate).await {
        Ok(Receipt::AlreadyDone | Receipt::Accepted) => Ok(()),
        Err(error) if error.code == "InvalidInstanceID.NotFound" => Ok(()),
        other => Err(format!("terminating it again was answered {other:?}")),
    }
}

pub(super) async fn a_terminated_instance_answers_nobody(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    match bench.harness.shell().probe(&node, &ProbeRequest::default()).await {
        Err(gap) if gap.kind == GapKind::NoAnswer => {}
        Err(gap) => return Err(format!("the gap is {:?}: {}", gap.kind, gap.why)),
        Ok(_) => return Err("it answered".to_owned()),
    }
    let (mount, volume) = bench.volume("too-late", None).await?;
    let attach = Bench::attach_action(&mount, &volume, &node.instance);
    let error = bench.refused(attach, &["IncorrectState", "InvalidInstanceID.NotFound"]).await?;
    ensure!(error.class != ErrorClass::Permanent, "its class is {:?}", error.class);
    bench.delete(&mount, &volume).await
}

pub(super) async fn the_token_of_a_terminated_instance_is_burned(bench: &Bench<'_>) -> Outcome {
    let codes = ["IdempotentInstanceTerminated", "IdempotentParameterMismatch"];
    bench.refused(bench.run_action(), &codes).await?;
    Ok(())
}

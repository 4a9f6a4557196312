//! Cases about volumes and attachments.

use wucluster_core::action::CloudAction;
use wucluster_core::definition::Size;
use wucluster_core::ids::VolumeId;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{AttachmentState, Contents, VolumeState};
use wucluster_core::ports::{ErrorClass, Receipt};
use wucluster_core::tags::{KEY_EPOCH, Tags};

use super::bench::{Bench, Outcome, ensure};

/// The id of a volume that never was.
pub(super) const UNKNOWN: &str = "vol-0123456789abcdef0";

pub(super) async fn no_request_gets_no_answer(bench: &Bench<'_>) -> Outcome {
    let answers = bench.harness.cloud().issue(&[]).await;
    ensure!(answers.is_empty(), "there are {} answers", answers.len());
    Ok(())
}

pub(super) async fn a_blank_volume_becomes_available(bench: &Bench<'_>) -> Outcome {
    let mount = bench.mount("blank")?;
    let Receipt::Volume(id) = bench.must(bench.create_action(&mount, None)).await? else {
        return Err("the answer names no volume".to_owned());
    };
    let seen = bench
        .eventually("the volume is available", |view| {
            let Some(seen) = view.volumes.iter().find(|seen| seen.id == id) else {
                return Ok(None);
            };
            match seen.state {
                VolumeState::Creating => Ok(None),
                VolumeState::Available => Ok(Some(seen.clone())),
                VolumeState::InUse
                | VolumeState::Deleting
                | VolumeState::Deleted
                | VolumeState::Error
                | VolumeState::Unrecognized(_) => {
                    Err(format!("a new volume went to {}", seen.state))
                }
            }
        })
        .await?;
    ensure!(seen.size == Size::from_gib(1), "its size is {}", seen.size);
    ensure!(seen.from_snapshot.is_none(), "it says it was made from {:?}", seen.from_snapshot);
    ensure!(seen.open_attachments().next().is_none(), "it is attached: {:?}", seen.attachments);
    let wanted = Tags::for_mount(bench.harness.cluster(), &mount);
    ensure!(seen.tags.contains(&wanted), "its tags are {:?}", seen.tags);
    bench.delete(&mount, &id).await
}

pub(super) async fn the_same_token_gives_the_same_volume(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("token", None).await?;
    let again = bench.must(bench.create_action(&mount, None)).await?;
    ensure!(again == Receipt::Volume(id.clone()), "the answer is {again:?}, not {id}");
    bench.delete(&mount, &id).await
}

pub(super) async fn a_used_token_with_other_parameters_is_refused(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("mismatch", None).await?;
    let mut other = bench.create_action(&mount, None);
    if let CloudAction::CreateVolume { size, .. } = &mut other {
        *size = Size::from_gib(2);
    }
    let error = bench.refused(other, &["IdempotentParameterMismatch"]).await?;
    ensure!(error.class == ErrorClass::Ambiguous, "its class is {:?}", error.class);
    bench.delete(&mount, &id).await
}

pub(super) async fn the_token_of_a_deleted_volume_is_burned(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("burned", None).await?;
    bench.delete(&mount, &id).await?;
    bench.refused(bench.create_action(&mount, None), &["IdempotentParameterMismatch"]).await?;
    Ok(())
}

pub(super) async fn tags_are_set_beside_the_others(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("tags", None).await?;
    for value in ["1 live", "1 sealed"] {
        let mut tags = Tags::default();
        tags.set(KEY_EPOCH, value);
        bench
            .must(CloudAction::TagVolume { mount: mount.clone(), volume: id.clone(), tags })
            .await?;
        let wanted = Tags::for_mount(bench.harness.cluster(), &mount);
        bench
            .eventually("the tag is read back", |view| {
                let seen = view.volumes.iter().find(|seen| seen.id == id);
                let is_there = seen.is_some_and(|seen| {
                    seen.tags.get(KEY_EPOCH) == Some(value) && seen.tags.contains(&wanted)
                });
                Ok(is_there.then_some(()))
            })
            .await?;
    }
    bench.delete(&mount, &id).await
}

pub(super) async fn an_unknown_volume_is_not_found(bench: &Bench<'_>) -> Outcome {
    let node = bench.main().await?;
    let (mount, volume) = (bench.mount("unknown")?, VolumeId::new(UNKNOWN));
    let attach = Bench::attach_action(&mount, &volume, &node.instance);
    bench.refused(attach, &["InvalidVolume.NotFound"]).await?;
    let mut tags = Tags::default();
    tags.set(KEY_EPOCH, "1 live");
    let tag = CloudAction::TagVolume { mount, volume, tags };
    bench.refused(tag, &["InvalidVolume.NotFound", "InvalidID"]).await?;
    Ok(())
}

pub(super) async fn a_deleted_volume_is_deleted_once(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("deleted", None).await?;
    bench.delete(&mount, &id).await?;
    match bench.ask(Bench::delete_action(&mount, &id)).await {
        Ok(Receipt::AlreadyDone) => Ok(()),
        Err(error) if error.code == "InvalidVolume.NotFound" => Ok(()),
        other => Err(format!("deleting it again was answered {other:?}")),
    }
}

pub(super) async fn answers_stand_in_the_order_of_requests(bench: &Bench<'_>) -> Outcome {
    let (mount, first) = (bench.mount("aligned")?, bench.mount("aligned-first")?);
    let batch = [
        Cleared::unguarded(bench.create_action(&first, None)),
        Cleared::unguarded(Bench::detach_action(
            &mount,
            &VolumeId::new(UNKNOWN),
            &bench.main().await?.instance,
        )),
        Cleared::unguarded(bench.create_action(&mount, None)),
    ];
    let answers = bench.harness.cloud().issue(&batch).await;
    let [Ok(Receipt::Volume(one)), Err(error), Ok(Receipt::Volume(two))] = answers.as_slice()
    else {
        return Err(format!("the answers are {answers:?}"));
    };
    ensure!(error.code == "InvalidVolume.NotFound", "the middle one failed with {error}");
    for (mount, id) in [(&first, one), (&mount, two)] {
        let seen = bench.until_available(id).await?;
        let name = seen.tags.get(wucluster_core::tags::KEY_MOUNT).map(str::to_owned);
        ensure!(
            name.as_deref() == Some(mount.mount.as_str()),
            "{id} is tagged {name:?}, not {mount}"
        );
        bench.delete(mount, id).await?;
    }
    Ok(())
}

pub(super) async fn a_free_volume_grows(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("grown", None).await?;
    let size = Size::from_gib(2);
    let grow = CloudAction::GrowVolume { mount: mount.clone(), volume: id.clone(), size };
    bench.must(grow).await?;
    bench
        .eventually("the volume is larger", |view| {
            let seen = view.volumes.iter().find(|seen| seen.id == id);
            Ok(seen.filter(|seen| seen.size == size && seen.is_free()).map(drop))
        })
        .await?;
    let node = bench.attach(&mount, &id).await?;
    let device = bench.probe(&node, &id).await?.devices.remove(&id.serial());
    let device = device.ok_or("its device never appeared")?;
    ensure!(device.size_bytes == size.bytes(), "its device has {} bytes", device.size_bytes);
    bench.detach(&mount, &id).await?;
    bench.delete(&mount, &id).await
}

pub(super) async fn a_volume_never_shrinks(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("shrunk", None).await?;
    let grow = |gib| CloudAction::GrowVolume {
        mount: mount.clone(),
        volume: id.clone(),
        size: Size::from_gib(gib),
    };
    bench.must(grow(2)).await?;
    bench
        .eventually("the volume is larger", |view| {
            let seen = view.volumes.iter().find(|seen| seen.id == id);
            Ok(seen.filter(|seen| seen.size == Size::from_gib(2)).map(drop))
        })
        .await?;
    let error = bench.refused(grow(1), &["InvalidParameterValue"]).await?;
    ensure!(error.class == ErrorClass::Permanent, "its class is {:?}", error.class);
    let seen = bench.volume_seen(&id).await?;
    ensure!(seen.size == Size::from_gib(2), "it has {}", seen.size);
    bench.delete(&mount, &id).await
}

pub(super) async fn an_attached_volume_is_in_use_and_its_device_is_blank(
    bench: &Bench<'_>,
) -> Outcome {
    let (mount, id) = bench.volume("attached", None).await?;
    let node = bench.main().await?;
    bench.must(Bench::attach_action(&mount, &id, &node.instance)).await?;
    bench
        .eventually("the volume is attached", |view| {
            let Some(seen) = view.volumes.iter().find(|seen| seen.id == id) else {
                return Ok(None);
            };
            match seen.attachments.as_slice() {
                // A late listing may still show it free.
                [] => Ok(None),
                [one] if one.instance != node.instance => {
                    Err(format!("it is attached to {}", one.instance))
                }
                [one] if one.state == AttachmentState::Attaching => Ok(None),
                [one] if one.state == AttachmentState::Attached => {
                    let is_in_use = seen.state == VolumeState::InUse;
                    if is_in_use {
                        Ok(Some(()))
                    } else {
                        Err(format!("attached, it is {}", seen.state))
                    }
                }
                other => Err(format!("its attachments are {other:?}")),
            }
        })
        .await?;
    let mut device = None;
    for _ in 0..bench.harness.looks_max() {
        device = bench.probe(&node, &id).await?.devices.remove(&id.serial());
        if device.is_some() {
            break;
        }
        bench.harness.sleep(bench.harness.pause()).await;
    }
    let device = device.ok_or("its device never appeared")?;
    ensure!(device.contents == Contents::Blank, "its device is {}", device.contents);
    ensure!(device.is_held == Some(false), "its device is held: {:?}", device.is_held);
    ensure!(
        device.size_bytes == Size::from_gib(1).bytes(),
        "its device has {} bytes",
        device.size_bytes
    );
    bench.detach(&mount, &id).await?;
    bench.delete(&mount, &id).await
}

pub(super) async fn an_attached_volume_is_not_attached_again(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("again", None).await?;
    let node = bench.attach(&mount, &id).await?;
    match bench.ask(Bench::attach_action(&mount, &id, &node.instance)).await {
        Ok(Receipt::AlreadyDone) => {}
        Err(error) if error.code == "VolumeInUse" => {
            ensure!(error.class == ErrorClass::Ambiguous, "its class is {:?}", error.class);
        }
        other => return Err(format!("attaching it again was answered {other:?}")),
    }
    ensure!(bench.volume_seen(&id).await?.attachments.len() == 1, "it has several attachments");
    bench.detach(&mount, &id).await?;
    bench.delete(&mount, &id).await
}

pub(super) async fn a_volume_in_use_is_not_deleted(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("in-use", None).await?;
    bench.attach(&mount, &id).await?;
    let error = bench.refused(Bench::delete_action(&mount, &id), &["VolumeInUse"]).await?;
    ensure!(error.class == ErrorClass::Retry, "its class is {:?}", error.class);
    let seen = bench.volume_seen(&id).await?;
    ensure!(seen.state == VolumeState::InUse, "it is {}", seen.state);
    bench.detach(&mount, &id).await?;
    bench.delete(&mount, &id).await
}

pub(super) async fn a_free_volume_cannot_be_detached(bench: &Bench<'_>) -> Outcome {
    let (mount, id) = bench.volume("free", None).await?;
    let node = bench.main().await?;
    let error = bench
        .refused(Bench::detach_action(&mount, &id, &node.instance), &["IncorrectState"])
        .await?;
    ensure!(error.class == ErrorClass::Retry, "its class is {:?}", error.class);
    bench.delete(&mount, &id).await
}

pub(super) async fn a_detached_volume_is_available_and_its_device_gone(
    bench: &Bench<'_>,
) -> Outcome {
    let (mount, id) = bench.volume("detached", None).await?;
    let node = bench.attach(&mount, &id).await?;
    bench.must(Bench::detach_action(&mount, &id, &node.instance)).await?;
    bench
        .eventually("the volume is available", |view| {
            let Some(seen) = view.volumes.iter().find(|seen| seen.id == id) else {
                return Ok(None);
            };
            let is_open = seen.open_attachments().next().is_some();
            match (&seen.state, is_open) {
                (VolumeState::Available, false) => Ok(Some(())),
                (VolumeState::InUse, true) => Ok(None),
                // Not taken out of the cloud's two vocabularies at the same instant.
                (VolumeState::Available, true) | (VolumeState::InUse, false) => Ok(None),
                (other, _) => Err(format!("it went to {other}")),
            }
        })
        .await?;
    let probe = bench.probe(&node, &id).await?;
    ensure!(!probe.devices.contains_key(&id.serial()), "its device is still there");
    bench.delete(&mount, &id).await
}

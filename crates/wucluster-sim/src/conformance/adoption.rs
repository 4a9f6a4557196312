//! Cases about what is found by its id, and gets other tags.

use wucluster_core::action::CloudAction;
use wucluster_core::ids::{Subject, VolumeId};
use wucluster_core::memory::AwaitedId;
use wucluster_core::tags::{KEY_STORE, StoreMark, Tags};

use super::bench::{Bench, Outcome, ensure};
use super::volumes::UNKNOWN;

fn marked() -> Tags {
    Tags::default().kept_in(Some(&StoreMark::new("0123456789abcdef", 2, "mill:/home/ann/store")))
}

pub(super) async fn what_there_is_is_found_by_its_id(bench: &Bench<'_>) -> Outcome {
    let (mount, volume) = bench.volume("found", None).await?;
    let snapshot = bench.snapshot(&mount, &volume).await?;
    bench.until_completed(&snapshot).await?;
    let instance = bench.main().await?.instance;
    let ids = [
        AwaitedId::Instance(instance),
        AwaitedId::Volume(volume.clone()),
        AwaitedId::Snapshot(snapshot),
    ];
    let cloud = bench.harness.cloud();
    for id in &ids {
        let found = cloud.find(id.as_str()).await.map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| format!("{id} was not found"))?;
        ensure!(found.awaited_id() == *id, "for {id}, {} was found", found.id());
        let is_ours = found.tags().identity(bench.harness.cluster()).is_ok();
        ensure!(is_ours, "the tags of {id} are {:?}", found.tags());
    }
    for unknown in [UNKNOWN, "i-0123456789abcdef0", "snap-0123456789abcdef0", "nothing", "../a"] {
        let found = cloud.find(unknown).await.map_err(|error| error.to_string())?;
        ensure!(found.is_none(), "`{unknown}` was found: {found:?}");
    }
    bench.delete(&mount, &volume).await
}

pub(super) async fn an_adopted_thing_has_its_mark_beside_its_tags(bench: &Bench<'_>) -> Outcome {
    let (mount, volume) = bench.volume("adopted", None).await?;
    let snapshot = bench.snapshot(&mount, &volume).await?;
    bench.until_completed(&snapshot).await?;
    let node = bench.main().await?;
    let of_mount = Subject::Mount(mount.clone());
    let things = [
        (Subject::Node(node.node.clone()), AwaitedId::Instance(node.instance.clone())),
        (of_mount.clone(), AwaitedId::Volume(volume.clone())),
        (of_mount, AwaitedId::Snapshot(snapshot)),
    ];
    for (subject, id) in things {
        let adopt =
            || CloudAction::Adopt { subject: subject.clone(), id: id.clone(), tags: marked() };
        bench.must(adopt()).await?;
        bench.must(adopt()).await?;
        bench
            .eventually("its mark is read back", |view| {
                let instances = view.instances.iter().map(|seen| (seen.id.as_str(), &seen.tags));
                let volumes = view.volumes.iter().map(|seen| (seen.id.as_str(), &seen.tags));
                let snapshots = view.snapshots.iter().map(|seen| (seen.id.as_str(), &seen.tags));
                let tags = instances
                    .chain(volumes)
                    .chain(snapshots)
                    .find(|(seen, _)| *seen == id.as_str())
                    .map(|(_, tags)| tags);
                let is_marked =
                    tags.is_some_and(|tags| tags.get(KEY_STORE) == marked().get(KEY_STORE));
                Ok(is_marked.then_some(()))
            })
            .await?;
    }
    bench.delete(&mount, &volume).await
}

pub(super) async fn an_unknown_thing_is_not_adopted(bench: &Bench<'_>) -> Outcome {
    let subject = Subject::Mount(bench.mount("unknown-adopted")?);
    let id = AwaitedId::Volume(VolumeId::new(UNKNOWN));
    let adopt = CloudAction::Adopt { subject, id, tags: marked() };
    bench.refused(adopt, &["InvalidVolume.NotFound", "InvalidID"]).await?;
    Ok(())
}

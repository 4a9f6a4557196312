//! Clearing up: what is of no use to anybody any more.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::cloud::LocalCloud;
use crate::copies;
use crate::error::LocalError;
use crate::files;
use crate::machine;
use crate::records::{InstanceRecord, Record, SnapshotRecord, VolumeRecord};
use crate::store::{Held, now};

/// How long the token of what is gone is remembered. EC2: "at least 24 hours".
const TOKEN_KEPT: Duration = Duration::from_secs(24 * 3600);

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// Ids of instances that were terminated for a day or more.
    pub instances: Vec<String>,
    /// Ids of volumes that were deleted a day ago or more; only their records were left.
    pub volume_records: Vec<String>,
    /// Ids of snapshots that failed.
    pub failed_snapshots: Vec<String>,
    /// Directories of things that were never finished, or half removed.
    pub leftovers: Vec<String>,
    /// Recipes of node images that no instance uses.
    pub images: Vec<String>,
}

/// Removes what is of no use. Volumes and completed snapshots are never touched, nor are volumes in
/// error: something in them may be worth a look.
pub(crate) fn collect(cloud: &LocalCloud, held: &Held) -> Result<Removed, LocalError> {
    let store = &cloud.store;
    let at = now();
    let mut removed = Removed::default();
    let mut images = vec![cloud.images.status()?.recipe];
    for record in store.list::<InstanceRecord>(held)? {
        if record.terminated_at.is_some_and(|end| at >= end.after(TOKEN_KEPT)) {
            store.remove::<InstanceRecord>(held, record.id.as_str())?;
            removed.instances.push(record.id.to_string());
        } else if record.terminated_at.is_none() {
            images.push(record.image);
        }
    }
    for record in store.list::<VolumeRecord>(held)? {
        let Some(end) = record.deleted_at else { continue };
        if at >= end.after(TOKEN_KEPT) {
            store.remove::<VolumeRecord>(held, record.id.as_str())?;
            removed.volume_records.push(record.id.to_string());
        } else {
            cloud.finish_deletion(&record)?;
        }
    }
    for mut record in store.list::<SnapshotRecord>(held)? {
        cloud.settle_snapshot(held, &mut record)?;
        if record.is_failed {
            store.remove::<SnapshotRecord>(held, record.id.as_str())?;
            removed.failed_snapshots.push(record.id.to_string());
        }
    }
    leftovers::<InstanceRecord>(cloud, &mut removed)?;
    leftovers::<VolumeRecord>(cloud, &mut removed)?;
    leftovers::<SnapshotRecord>(cloud, &mut removed)?;
    runtime_dirs(cloud, &mut removed)?;
    for entry in list(store.root())? {
        if entry.starts_with(".probe-") {
            files::remove_all(&store.root().join(&entry))?;
            removed.leftovers.push(entry);
        }
    }
    removed.images = cloud.images.remove_others(&images)?;
    Ok(removed)
}

/// Removes directories without a record, and files that were being written when somebody died.
fn leftovers<R: Record>(cloud: &LocalCloud, removed: &mut Removed) -> Result<(), LocalError> {
    let kind = cloud.store.root().join(R::KIND);
    for name in list(&kind)? {
        let dir = cloud.store.dir::<R>(&name);
        if !dir.join("meta.json").exists() {
            // A copier that still writes here would fail, and say so to nobody.
            if matches!(copies::progress(&dir, Path::new("")), Ok(copies::Progress::Running { .. }))
            {
                continue;
            }
            files::remove_all(&dir)?;
            removed.leftovers.push(name);
            continue;
        }
        for file in list(&dir)? {
            if file.starts_with('.') && file.ends_with(".tmp") {
                files::remove_all(&dir.join(&file))?;
                removed.leftovers.push(format!("{name}/{file}"));
            }
        }
    }
    Ok(())
}

/// Removes runtime directories of machines that do not live.
fn runtime_dirs(cloud: &LocalCloud, removed: &mut Removed) -> Result<(), LocalError> {
    let root = machine::runtime_root(&cloud.store);
    for name in list(&root)? {
        let id = wucluster_core::ids::InstanceId::new(name.clone());
        let files = machine::files_of(&cloud.store, &id);
        if !machine::life(&files)?.is_alive() {
            files::remove_all(&files.runtime)?;
            removed.leftovers.push(format!("run/{name}"));
        }
    }
    Ok(())
}

fn list(dir: &Path) -> Result<Vec<String>, LocalError> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(dir).map_err(LocalError::file("list", dir))?;
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use wucluster_core::action::CloudAction;
    use wucluster_core::definition::Size;
    use wucluster_core::ids::{ClusterName, MountKey};
    use wucluster_core::ports::Receipt;
    use wucluster_core::tags::Tags;

    use crate::cloud::LocalConfig;

    use super::*;

    #[tokio::test]
    async fn what_is_of_no_use_goes_and_data_stays() {
        let dir = tempfile::tempdir().unwrap();
        let config = LocalConfig {
            state_dir: dir.path().join("state"),
            cache_dir: dir.path().join("cache"),
        };
        let cloud = LocalCloud::open(&config).unwrap();
        let Ok(_) = cloud.image_status() else { return };
        let held = cloud.store.hold().await.unwrap();
        let cluster = ClusterName::new("demo").unwrap();
        let mount = MountKey::try_from("a/data".to_owned()).unwrap();
        let tags = Tags::for_mount(&cluster, &mount);
        let make = |token: &str| CloudAction::CreateVolume {
            mount: mount.clone(),
            size: Size::from_gib(1),
            from: None,
            zone: None,
            ebs: wucluster_core::definition::EbsVolume::default(),
            tags: tags.clone(),
            token: token.to_owned(),
        };
        let Receipt::Volume(kept) = cloud.perform(&held, &make("kept")).await.unwrap() else {
            panic!("no volume")
        };
        // Made by somebody who died: a directory without a record, a file half written, and a
        // snapshot whose copier was never started.
        let half = cloud.store.root().join("volumes/vol-00000000000000000");
        fs::create_dir(&half).unwrap();
        fs::write(half.join("data.raw"), "x").unwrap();
        let kept_dir = cloud.store.dir::<VolumeRecord>(kept.as_str());
        fs::write(kept_dir.join(".meta.json.1.tmp"), "{").unwrap();
        let snapshot = SnapshotRecord {
            schema: crate::records::RECORD_SCHEMA,
            id: wucluster_core::ids::SnapshotId::new("snap-0123456789abcdef0"),
            volume: kept.clone(),
            size: Size::from_gib(1),
            tags: tags.clone(),
            started_at: now(),
            taken_by: None,
            message: None,
            is_failed: false,
            sha256: None,
        };
        cloud.store.put(&held, &snapshot).unwrap();

        let removed = collect(&cloud, &held).unwrap();
        assert_eq!(removed.failed_snapshots, [snapshot.id.to_string()]);
        assert_eq!(removed.leftovers.len(), 2, "{removed:?}");
        assert!(!half.exists() && cloud.store.volume_data(&kept).exists());
        assert_eq!(collect(&cloud, &held).unwrap(), Removed::default(), "twice is once");
        drop(held);
        let view = cloud.look(&cluster).await.unwrap();
        assert!(view.snapshots.is_empty() && view.volumes.len() == 1);

        // Somebody died between the record of a deletion and the removal of the disk: the next look ends it.
        let held = cloud.store.hold().await.unwrap();
        cloud.delete_volume(&held, &kept).unwrap();
        drop(held);
        fs::write(cloud.store.volume_data(&kept), "half deleted").unwrap();
        assert!(cloud.look(&cluster).await.unwrap().volumes.is_empty());
        assert!(!cloud.store.volume_data(&kept).exists(), "the space is given back");
    }
}

//! The account on disk: `<state>/local/{instances,volumes,snapshots}/<id>/meta.json` and what belongs
//! to each.
//!
//! Everything is changed under one lock, so that two processes never see each other half done.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wucluster_core::ids::hex;
use wucluster_core::ids::{InstanceId, SnapshotId, VolumeId};
use wucluster_core::time::Timestamp;

use crate::copies;
use crate::error::LocalError;
use crate::files;
use crate::records::{InstanceRecord, RECORD_SCHEMA, Record, SnapshotRecord, VolumeRecord};

/// Longest wait for another process to finish its change.
const LOCK_LIMIT: Duration = Duration::from_secs(60);

/// The account's files.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

/// The right to change the account; dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: File,
}

impl Store {
    /// Opens the account of a state directory, making it if need be.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, LocalError> {
        let root = state_dir.join("local");
        for kind in [InstanceRecord::KIND, VolumeRecord::KIND, SnapshotRecord::KIND, "networks"] {
            files::create_private_dir(&root.join(kind))?;
        }
        // QEMU takes these paths as arguments, from a working directory of its own.
        let root = root.canonicalize().map_err(LocalError::file("find", &root))?;
        Ok(Self { root })
    }

    /// Returns where the account lies.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Takes the right to change the account.
    pub(crate) async fn hold(&self) -> Result<Held, LocalError> {
        Ok(Held { _lock: files::lock(&self.root.join("lock"), LOCK_LIMIT).await? })
    }

    /// Returns the directory of a thing.
    pub(crate) fn dir<R: Record>(&self, id: &str) -> PathBuf {
        self.root.join(R::KIND).join(id)
    }

    /// Returns the directory of an instance.
    pub(crate) fn instance_dir(&self, id: &InstanceId) -> PathBuf {
        self.dir::<InstanceRecord>(id.as_str())
    }

    /// Returns the file that holds a volume's content.
    pub(crate) fn volume_data(&self, id: &VolumeId) -> PathBuf {
        self.dir::<VolumeRecord>(id.as_str()).join(copies::DISK)
    }

    /// Returns the directory of a snapshot.
    pub(crate) fn snapshot_dir(&self, id: &SnapshotId) -> PathBuf {
        self.dir::<SnapshotRecord>(id.as_str())
    }

    /// Lists all things of a kind in the order of their ids.
    ///
    /// A directory without a record is something half made or half removed: it is passed over here,
    /// and left to `gc`.
    pub(crate) fn list<R: Record>(&self, _held: &Held) -> Result<Vec<R>, LocalError> {
        let dir = self.root.join(R::KIND);
        let mut records = Vec::new();
        for entry in fs::read_dir(&dir).map_err(LocalError::file("list", &dir))? {
            let entry = entry.map_err(LocalError::file("list", &dir))?;
            if let Some(id) = entry.file_name().to_str().filter(|id| is_id(id, R::PREFIX)) {
                records.extend(self.read::<R>(id)?);
            }
        }
        records.sort_by(|a, b| a.id().cmp(b.id()));
        Ok(records)
    }

    /// Reads one thing; `None` when there is none of that id.
    pub(crate) fn get<R: Record>(&self, _held: &Held, id: &str) -> Result<Option<R>, LocalError> {
        if is_id(id, R::PREFIX) { self.read(id) } else { Ok(None) }
    }

    fn read<R: Record>(&self, id: &str) -> Result<Option<R>, LocalError> {
        let path = self.dir::<R>(id).join("meta.json");
        let Some(record) = files::read_json::<R>(&path)? else { return Ok(None) };
        if record.schema() > RECORD_SCHEMA || record.id() != id {
            let why = format!("it is of form {} for {}", record.schema(), record.id());
            return Err(LocalError::Unreadable { path, why });
        }
        Ok(Some(record))
    }

    /// Writes a thing, durably.
    pub(crate) fn put<R: Record>(&self, _held: &Held, record: &R) -> Result<(), LocalError> {
        let dir = self.dir::<R>(record.id());
        let is_new = !dir.exists();
        files::create_private_dir(&dir)?;
        files::write_json(&dir.join("meta.json"), record)?;
        if is_new {
            files::sync_dir(&self.root.join(R::KIND))?;
        }
        Ok(())
    }

    /// Removes a thing with all its files. The record goes first: what is left is no thing.
    pub(crate) fn remove<R: Record>(&self, _held: &Held, id: &str) -> Result<(), LocalError> {
        let dir = self.dir::<R>(id);
        files::remove_all(&dir.join("meta.json"))?;
        files::remove_all(&dir)?;
        files::sync_dir(&self.root.join(R::KIND))
    }
}

/// Says whether a name is an id: the prefix and 17 hexadecimal digits, as EC2 makes them.
pub(crate) fn is_id(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|digits| {
        digits.len() == 17
            && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// Makes a new id at random.
pub(crate) fn new_id<R: Record>() -> Result<String, LocalError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 9];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(LocalError::file("read", source))?;
    Ok(format!("{}{}", R::PREFIX, &hex(&bytes)[..17]))
}

/// Returns the time by this host's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::Size;
    use wucluster_core::tags::Tags;

    use super::*;

    fn volume(id: String) -> VolumeRecord {
        VolumeRecord {
            schema: RECORD_SCHEMA,
            id: VolumeId::new(id),
            size: Size::from_gib(1),
            zone: None,
            tags: Tags::default(),
            token: "t".into(),
            from_snapshot: None,
            created_at: now(),
            is_creating: false,
            deleted_at: None,
            error: None,
            attachment: None,
        }
    }

    #[tokio::test]
    async fn what_was_put_is_listed_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let held = store.hold().await.unwrap();
        let record = volume(new_id::<VolumeRecord>().unwrap());
        store.put(&held, &record).unwrap();
        fs::create_dir(store.root().join("volumes/vol-half-made")).unwrap();
        assert_eq!(store.list::<VolumeRecord>(&held).unwrap(), std::slice::from_ref(&record));
        assert_eq!(store.get(&held, record.id.as_str()).unwrap(), Some(record.clone()));
        assert_eq!(store.get::<VolumeRecord>(&held, "../../etc").unwrap(), None);
        store.remove::<VolumeRecord>(&held, record.id.as_str()).unwrap();
        assert!(store.list::<VolumeRecord>(&held).unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_bad_record_makes_the_listing_fail_rather_than_shrink() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let held = store.hold().await.unwrap();
        let record = volume(new_id::<VolumeRecord>().unwrap());
        store.put(&held, &record).unwrap();
        fs::write(store.dir::<VolumeRecord>(record.id.as_str()).join("meta.json"), "").unwrap();
        assert!(store.list::<VolumeRecord>(&held).is_err());
    }

    #[test]
    fn ids_look_like_ec2s_and_make_serials_of_20_characters() {
        let id = new_id::<VolumeRecord>().unwrap();
        assert!(is_id(&id, "vol-"), "{id}");
        assert_eq!(VolumeId::new(id).serial().len(), 20);
        assert!(!is_id("vol-0123456789ABCDEF0", "vol-"));
        assert!(!is_id("vol-../../etc/passwd1", "vol-"));
    }
}

//! The cluster's folder on this machine: who drives it now, what runs did, where data was seen.
//!
//! ```text
//! STATE/clusters/PROVIDER/NAME/
//!   lock             held while a command drives the cluster
//!   records.jsonl    what one drive leaves for the next, a record each line
//!   runs/000042.jsonl every event of run 42, a line each
//! ```
//!
//! It is never the truth about the cloud. Losing it costs history, the guard against a mount whose
//! snapshots all vanished, and the caution about what a listing does not show yet; nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wucluster_core::definition::Provider;
use wucluster_core::ids::{ClusterName, MountKey};
use wucluster_core::time::Timestamp;

use crate::event::EngineEvent;
use crate::records::{Fact, Record, Records};

/// Something about the cluster's folder does not work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another command drives the cluster.
    #[error("another wucluster drives {cluster}{}", holder.as_ref().map_or_else(String::new, |holder| format!(": {holder}")))]
    Locked {
        /// The cluster.
        cluster: ClusterName,
        /// What it wrote about itself.
        holder: Option<String>,
    },
    /// A file of it cannot be used.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of it makes no sense.
    #[error("{} is damaged; move it away to go on without it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
}

/// The cluster's folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    cluster: ClusterName,
}

impl Store {
    /// Opens the folder of a cluster below `state`, making it when it is missing (mode 0700).
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be made.
    pub fn open(
        state: &Path,
        provider: Provider,
        cluster: &ClusterName,
    ) -> Result<Self, StoreError> {
        let folder = state.join("clusters").join(provider.to_string()).join(cluster.as_str());
        let runs = folder.join("runs");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&runs)
            .map_err(|source| StoreError::Io { what: "make", path: runs, source })?;
        Ok(Self { folder, cluster: cluster.clone() })
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the right to drive the cluster, until the guard is dropped or the process ends.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, with what that wrote about itself.
    pub fn lock(&self, about: &str) -> Result<DriveLock, StoreError> {
        let path = self.folder.join("lock");
        let io = |what| {
            let path = path.clone();
            move |source| StoreError::Io { what, path, source }
        };
        let mut file =
            private().create(true).read(true).write(true).open(&path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).ok().filter(|text| !text.is_empty());
                return Err(StoreError::Locked { cluster: self.cluster.clone(), holder });
            }
            Err(fs::TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        file.set_len(0).and_then(|()| file.write_all(about.as_bytes())).map_err(io("write"))?;
        Ok(DriveLock { _file: file })
    }

    /// Reads what earlier drives left; nothing where there was none.
    ///
    /// A last line that was cut off counts as never written.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the file makes no sense: going on without it is a person's choice.
    pub fn records(&self) -> Result<Records, StoreError> {
        let path = self.folder.join(RECORDS);
        let mut records = self.records_of_old()?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(records),
            Err(source) => return Err(StoreError::Io { what: "read", path, source }),
        };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                break;
            }
            match serde_json::from_slice::<Record>(line) {
                Ok(record) => records.apply(&record),
                Err(source) => return Err(StoreError::Damaged { path, source }),
            }
        }
        Ok(records)
    }

    /// Reads what earlier versions kept in a file of its own.
    fn records_of_old(&self) -> Result<Records, StoreError> {
        #[derive(Deserialize)]
        struct DataEpochs {
            epochs: BTreeMap<MountKey, u64>,
        }
        let path = self.folder.join("data-epochs.json");
        let data_epochs = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<DataEpochs>(&bytes)
                .map(|read| read.epochs)
                .map_err(|source| StoreError::Damaged { path, source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(StoreError::Io { what: "read", path, source }),
        };
        let mut records = Records::default();
        records.data_epochs = data_epochs;
        Ok(records)
    }

    /// Writes down, whole and durably, what earlier drives left, for a drive to add to.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be written; the former file is whole then.
    pub fn begin_records(
        &self,
        records: &Records,
        now: Timestamp,
    ) -> Result<RecordLog, StoreError> {
        let path = self.folder.join(RECORDS);
        let fresh = self.folder.join("records.jsonl.new");
        let text: Vec<u8> = records.compact(now).flat_map(|record| line_of(&record)).collect();
        let write = || -> io::Result<File> {
            let mut file = private().create(true).write(true).truncate(true).open(&fresh)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.folder)?.sync_all()?;
            private().append(true).open(&path)
        };
        let file = write().map_err(|source| StoreError::Io {
            what: "write",
            path: path.clone(),
            source,
        })?;
        Ok(RecordLog { path, file })
    }

    /// Begins the journal of a new run; its number is one more than the last.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be made.
    pub fn begin_run(&self) -> Result<Journal, StoreError> {
        let runs = self.folder.join("runs");
        let io = |source| StoreError::Io { what: "write", path: runs.clone(), source };
        let last = fs::read_dir(&runs)
            .map_err(io)?
            .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse::<u64>().ok())
            .max()
            .unwrap_or(0);
        for run in last + 1.. {
            let path = runs.join(format!("{run:06}.jsonl"));
            match private().create_new(true).append(true).open(&path) {
                Ok(file) => return Ok(Journal { run, path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(io(source)),
            }
        }
        unreachable!("a number is always free below the largest")
    }
}

const RECORDS: &str = "records.jsonl";

fn line_of(record: &Record) -> Vec<u8> {
    // A record holds nothing that JSON cannot hold.
    let mut line = serde_json::to_vec(record).unwrap_or_default();
    line.push(b'\n');
    line
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// The right to drive a cluster; ends when dropped.
#[derive(Debug)]
pub struct DriveLock {
    _file: File,
}

/// The records of a cluster, open for more.
#[derive(Debug)]
pub struct RecordLog {
    path: PathBuf,
    file: File,
}

impl RecordLog {
    /// Adds a record: before it returns, the next process can read it.
    ///
    /// That data was seen, and that a write epoch is to be sealed, is durable when it returns, against a power
    /// cut of this machine too; the rest is worth only minutes.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be written; the run may go on, the next one is less cautious.
    pub fn write(&mut self, record: &Record) -> Result<(), StoreError> {
        let is_for_long = matches!(record.fact, Fact::DataSeen { .. } | Fact::Sealing { .. });
        let write = |file: &mut File| {
            file.write_all(&line_of(record))?;
            if is_for_long { file.sync_data() } else { Ok(()) }
        };
        write(&mut self.file).map_err(|source| StoreError::Io {
            what: "write",
            path: self.path.clone(),
            source,
        })
    }
}

/// The journal of one run: a JSON line for each event, written before the next thing is done.
#[derive(Debug)]
pub struct Journal {
    run: u64,
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Returns the number of the run.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Writes an event.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be written; the run may go on, its history has a gap.
    pub fn write(&mut self, event: &EngineEvent) -> Result<(), StoreError> {
        let mut line = serde_json::to_vec(event)
            .map_err(|source| StoreError::Damaged { path: self.path.clone(), source })?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| StoreError::Io {
            what: "write",
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wucluster_core::ids::{MountName, NodeName};

    fn store(state: &Path) -> Store {
        Store::open(state, Provider::Local, &ClusterName::new("gibbon").unwrap()).unwrap()
    }

    #[test]
    fn a_second_driver_is_told_who_the_first_is() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        let lock = store.lock("ann, launch").unwrap();
        match store.lock("bob") {
            Err(StoreError::Locked { holder, .. }) => {
                assert_eq!(holder.as_deref(), Some("ann, launch"));
            }
            other => panic!("{other:?}"),
        }
        drop(lock);
        store.lock("bob").unwrap();
    }

    fn seen(epoch: u64) -> Record {
        let mount =
            MountKey { node: NodeName::new("a").unwrap(), mount: MountName::new("b").unwrap() };
        Record { at: Timestamp::from_millis(7), fact: Fact::DataSeen { mount, epoch } }
    }

    #[test]
    fn records_are_read_as_they_were_written_and_data_epochs_only_grow() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        assert_eq!(store.records().unwrap(), Records::default());
        let mut records = Records::default();
        let now = Timestamp::from_millis(9);
        let mut log = store.begin_records(&records, now).unwrap();
        for epoch in [3, 1, 2] {
            log.write(&seen(epoch)).unwrap();
            records.apply(&seen(epoch));
        }
        assert_eq!(store.records().unwrap(), records);
        drop(store.begin_records(&records, now).unwrap());
        assert_eq!(store.records().unwrap(), records, "made anew, and the same");
        assert_eq!(records.data_epochs.values().copied().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn the_file_of_earlier_versions_still_counts() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        let text = br#"{"schema": 1, "epochs": {"a/b": 4}}"#;
        fs::write(store.folder().join("data-epochs.json"), text).unwrap();
        let records = store.records().unwrap();
        assert!(records.data_epochs.values().eq([&4]), "{records:?}");
    }

    #[test]
    fn a_line_that_was_cut_off_was_never_written() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        let mut log = store.begin_records(&Records::default(), Timestamp::default()).unwrap();
        log.write(&seen(1)).unwrap();
        let whole = fs::read(store.folder().join(RECORDS)).unwrap();
        log.write(&seen(2)).unwrap();
        let both = fs::read(store.folder().join(RECORDS)).unwrap();
        for end in whole.len()..both.len() {
            fs::write(store.folder().join(RECORDS), &both[..end]).unwrap();
            let epochs = store.records().unwrap().data_epochs;
            assert!(epochs.values().eq([&1]), "cut at {end}: {epochs:?}");
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_an_empty_one() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        fs::write(store.folder().join(RECORDS), b"{\"sch\n").unwrap();
        assert!(matches!(store.records(), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn runs_are_numbered_from_one() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        assert_eq!(store.begin_run().unwrap().run(), 1);
        assert_eq!(store.begin_run().unwrap().run(), 2);
    }
}

//! The cluster's folder on this machine: who drives it now, what runs did, where data was seen.
//!
//! ```text
//! STATE/clusters/PROVIDER/NAME/
//!   lock             held while a command drives the cluster
//!   data-epochs.json per mount, the highest write epoch under which data was seen
//!   runs/000042.jsonl every event of run 42, a line each
//! ```
//!
//! It is never the truth about the cloud. Losing it costs history, and the guard against a mount
//! whose snapshots all vanished; nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wucluster_core::definition::Provider;
use wucluster_core::ids::{ClusterName, MountKey};

use crate::event::EngineEvent;

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

#[derive(Debug, Default, Serialize, Deserialize)]
struct DataEpochs {
    schema: u32,
    epochs: BTreeMap<MountKey, u64>,
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

    /// Returns, per mount, the highest write epoch under which data was seen.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the file makes no sense: going on without it is a person's choice.
    pub fn data_epochs(&self) -> Result<BTreeMap<MountKey, u64>, StoreError> {
        let path = self.folder.join("data-epochs.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<DataEpochs>(&bytes)
                .map(|read| read.epochs)
                .map_err(|source| StoreError::Damaged { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(source) => Err(StoreError::Io { what: "read", path, source }),
        }
    }

    /// Records, durably, that data was seen in a mount under a write epoch.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be written; the former file is whole then.
    pub fn note_data(&self, mount: &MountKey, epoch: u64) -> Result<(), StoreError> {
        let mut epochs = self.data_epochs()?;
        let known = epochs.entry(mount.clone()).or_insert(0);
        *known = (*known).max(epoch);
        let path = self.folder.join("data-epochs.json");
        let text = serde_json::to_vec_pretty(&DataEpochs { schema: 1, epochs })
            .map_err(|source| StoreError::Damaged { path: path.clone(), source })?;
        let fresh = self.folder.join("data-epochs.json.new");
        let write = || -> io::Result<()> {
            let mut file = private().create(true).write(true).truncate(true).open(&fresh)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|source| StoreError::Io { what: "write", path: path.clone(), source })
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

    #[test]
    fn data_epochs_only_grow() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        let key =
            MountKey { node: NodeName::new("a").unwrap(), mount: MountName::new("b").unwrap() };
        for epoch in [3, 1, 2] {
            store.note_data(&key, epoch).unwrap();
        }
        assert_eq!(store.data_epochs().unwrap()[&key], 3);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_an_empty_one() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        fs::write(store.folder().join("data-epochs.json"), b"{\"sch").unwrap();
        assert!(matches!(store.data_epochs(), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn runs_are_numbered_from_one() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        assert_eq!(store.begin_run().unwrap().run(), 1);
        assert_eq!(store.begin_run().unwrap().run(), 2);
    }
}

//! The cluster's place in the store, and its folder on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use wucluster_core::definition::ClusterDefinition;
use wucluster_engine::store::Dismissed;
use wucluster_engine::store::journal::{self, Left};
use wucluster_engine::store::lease::LeaseError;
use wucluster_engine::store::objects::{Listed, Objects, ObjectsError};
use wucluster_store::{Folder, OpenError};

use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, with_sources};

/// The cluster's place in the store.
#[derive(Debug, Clone)]
pub(crate) struct ClusterStore {
    objects: Arc<dyn Objects>,
    folder: PathBuf,
    /// Why it could not be opened, if it could not.
    closed: Option<Fault>,
}

/// A store that could not be opened. What only reads the cloud does without it.
#[derive(Debug)]
struct Closed {
    place: String,
    why: String,
}

impl Closed {
    fn error<T>(&self, what: &'static str, key: &str) -> Result<T, ObjectsError> {
        let (key, place, why) = (key.to_owned(), self.place.clone(), self.why.clone());
        Err(ObjectsError { what, key, place, why, is_denied: false })
    }
}

#[async_trait]
impl Objects for Closed {
    async fn put_new(&self, key: &str, _: &[u8]) -> Result<bool, ObjectsError> {
        self.error("make", key)
    }

    async fn put(&self, key: &str, _: &[u8]) -> Result<(), ObjectsError> {
        self.error("write", key)
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        self.error("read", key)
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        self.error("list", folder)
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

impl ClusterStore {
    /// Opens it, making its folder when it is missing (mode 0700).
    ///
    /// Where it cannot be opened, everything that is asked of it fails and says why: whoever needs it asks
    /// [`ClusterStore::usable`] first.
    pub(crate) fn open(definition: &ClusterDefinition, dirs: &Dirs, url: Option<&str>) -> Self {
        let provider = definition.provider.to_string();
        let clusters = dirs.state.join("clusters");
        let folder = clusters.join(&provider).join(definition.name.as_str());
        let place = match url {
            // The folder of this machine has the pinned host keys too.
            None => Folder::open(&folder),
            Some(url) => wucluster_store::open(url)
                .and_then(|place| place.below(&format!("{provider}/{}", definition.name))),
        };
        match place {
            Ok(place) => Self { objects: Arc::new(place), folder, closed: None },
            Err(error) => {
                let (place, why) = match url {
                    None => (folder.display().to_string(), with_sources(&error)),
                    Some(url) => (url.to_owned(), with_sources(&error)),
                };
                let exit = match &error {
                    OpenError::Unknown { .. }
                    | OpenError::Malformed { .. }
                    | OpenError::NoS3 { .. } => Exit::Usage,
                    _ => Exit::Failed,
                };
                let closed = Some(Fault::new(exit, format!("the store: {why}")));
                Self { objects: Arc::new(Closed { place, why }), folder, closed }
            }
        }
    }

    /// Passes when it could be opened: who asks the cloud for anything needs it.
    ///
    /// # Errors
    /// A fault that says why not; nothing was asked of any cloud.
    pub(crate) fn usable(&self) -> Result<(), Fault> {
        let Some(fault) = &self.closed else { return Ok(()) };
        Err(fault
            .clone()
            .hint("nothing was asked of the cloud")
            .hint("what reads the cloud only still works: `wucluster status`, `plan`, `ssh`"))
    }

    /// Returns where leases and journals are.
    pub(crate) fn objects(&self) -> &Arc<dyn Objects> {
        &self.objects
    }

    /// Returns the cluster's folder on this machine: the pinned host keys are there.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads what earlier runs left.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged: going on without it is a person's choice.
    pub(crate) async fn left(&self) -> Result<Left, Fault> {
        let left = journal::left(self.objects.as_ref()).await?;
        let Some(first) = left.damage.first() else { return Ok(left) };
        let place = self.objects.place();
        Err(Fault::failed(format!("the journal in {place} is damaged: {first}")).hint(
            "nothing was asked; what it said of requests that may still come, and of data that was seen, is not known",
        ).hint(format!(
            "when no other wucluster has driven this cluster for 20 minutes, move {} away to go on without it",
            first.what_to_move(&place)
        )))
    }
}

impl From<ObjectsError> for Fault {
    fn from(error: ObjectsError) -> Self {
        let exit = if error.is_denied { Exit::Denied } else { Exit::Failed };
        Self::new(exit, format!("the store cannot be used: {error}"))
            .hint("what reads the cloud only still works: `wucluster status`, `plan`, `ssh`")
    }
}

impl From<Dismissed> for Fault {
    fn from(dismissed: Dismissed) -> Self {
        match dismissed {
            Dismissed::Store(error) => error.into(),
            Dismissed::TakenOver { .. } => Self::new(Exit::Locked, dismissed.to_string())
                .hint("nothing was asked of the cloud; see who drives:    wucluster lease"),
            Dismissed::Damaged { ref key, ref place, .. } => {
                let to_move = format!("{place}/{key}");
                Self::failed(dismissed.to_string()).hint("nothing was asked of the cloud").hint(
                    format!("move {to_move} away, and adopt the cluster anew:    wucluster adopt"),
                )
            }
            Dismissed::Silent(_) | Dismissed::Foreign { .. } => {
                Self::failed(dismissed.to_string()).hint("nothing was asked of the cloud")
            }
        }
    }
}

impl From<LeaseError> for Fault {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Store(error) => error.into(),
            LeaseError::Held(_) => Self::new(Exit::Locked, error.to_string()),
            LeaseError::Damaged { ref key, ref place, .. } => {
                let to_move = format!("{place}/{key}");
                Self::failed(error.to_string()).hint("nothing was asked of the cloud").hint(format!(
                    "when no other wucluster has driven this cluster for 20 minutes, move {to_move} away to go on without it"
                ))
            }
        }
    }
}

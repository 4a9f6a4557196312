//! The cluster's place in the store, and its folder on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wucluster_core::definition::ClusterDefinition;
use wucluster_engine::store::Dismissed;
use wucluster_engine::store::journal::{self, Left};
use wucluster_engine::store::lease::LeaseError;
use wucluster_engine::store::objects::{Objects, ObjectsError};
use wucluster_store::Folder;

use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, with_sources};

/// The cluster's place in the store.
#[derive(Debug, Clone)]
pub(crate) struct ClusterStore {
    objects: Arc<dyn Objects>,
    folder: PathBuf,
}

impl ClusterStore {
    /// Opens it, making its folder when it is missing (mode 0700).
    ///
    /// # Errors
    /// A fault that says why not; nothing was asked of any cloud.
    pub(crate) fn open(
        definition: &ClusterDefinition,
        dirs: &Dirs,
        url: Option<&str>,
    ) -> Result<Self, Fault> {
        let provider = definition.provider.to_string();
        let clusters = dirs.state.join("clusters");
        let folder = clusters.join(&provider).join(definition.name.as_str());
        let place = match url {
            // The folder of this machine has the pinned host keys too.
            None => Folder::open(&folder),
            Some(url) => wucluster_store::open(url)
                .and_then(|place| place.below(&format!("{provider}/{}", definition.name))),
        };
        let place = place.map_err(|error| {
            Fault::failed(format!("the store: {}", with_sources(&error)))
                .hint("nothing was asked of the cloud")
        })?;
        Ok(Self { objects: Arc::new(place), folder })
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

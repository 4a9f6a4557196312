//! The local cloud itself: the account of one state directory, behind the port.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use wucluster_core::action::CloudAction;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{ClusterName, InstanceId, SnapshotId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found};
use wucluster_core::ports::{Admission, Cloud, CloudError, CloudLimits, ErrorClass, Receipt};

use crate::accel::Accel;
use crate::admission;
use crate::arguments::SLOTS;
use crate::error::LocalError;
use crate::gc::{self, Removed};
use crate::image::{ImageCache, ImageProgress, ImageStatus};
use crate::keys;
use crate::machine;
use crate::program::{self, MACHINE_TOOLS};
use crate::records::Wanted;
use crate::store::Store;

/// Within which time what was asked for is done, or not at all.
///
/// Source: whoever asks was heard of within 30 s before, and after 90 s of silence others go on without him. It is longer
/// than others have the account to themselves as a rule: starting a machine takes about a second.
const DONE_WITHIN: Duration = Duration::from_secs(55);

/// Where a local cloud keeps its things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// Directory of machines, volumes and snapshots: the account. Losing it loses the data.
    pub state_dir: PathBuf,
    /// Directory of node images. Losing it costs building them again.
    pub cache_dir: PathBuf,
}

/// QEMU machines with real disks on this host.
#[derive(Debug, Clone)]
pub struct LocalCloud {
    pub(crate) store: Store,
    pub(crate) images: ImageCache,
}

impl LocalCloud {
    /// Opens the account of a state directory, making the directory if need be.
    ///
    /// # Errors
    /// When the directory cannot be made or found.
    pub fn open(config: &LocalConfig) -> Result<Self, LocalError> {
        let LocalConfig { state_dir, cache_dir } = config;
        Ok(Self { store: Store::open(state_dir)?, images: ImageCache::new(cache_dir) })
    }

    /// Gets everything ready that running machines takes: tools, node image, accelerator, keys.
    ///
    /// Builds the image when there is none for this host's recipe, which takes about a minute and
    /// tells its steps. Ready already: comes back at once.
    ///
    /// # Errors
    /// [`LocalError::MissingTools`] names all that is missing, with the line that installs it.
    pub async fn prepare(
        &self,
        progress: impl FnMut(ImageProgress) + Send,
    ) -> Result<Accel, LocalError> {
        program::require(MACHINE_TOOLS)?;
        self.images.ensure(progress).await?;
        let held = self.store.hold().await?;
        keys::client_key(self.store.root()).await?;
        let accel = Accel::of_host(self.store.root()).await;
        drop(held);
        accel
    }

    /// Tells what is known about the node image.
    ///
    /// # Errors
    /// When this host has no recipe: it is no Debian, and none was given.
    pub fn image_status(&self) -> Result<ImageStatus, LocalError> {
        self.images.status()
    }

    /// Returns how machines are executed here, probing on the first call after a boot of the host.
    ///
    /// # Errors
    /// When the forced accelerator is none, or the answer cannot be remembered.
    pub async fn accel(&self) -> Result<Accel, LocalError> {
        Accel::of_host(self.store.root()).await
    }

    /// Returns the private key that opens every node of this account.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.store.root().join("id_ed25519")
    }

    /// Returns the directory that holds the account.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.store.root()
    }

    /// Returns the file with what an instance printed on its console since its last start.
    ///
    /// # Errors
    /// [`LocalError::NoSuchInstance`].
    pub async fn console(&self, id: &InstanceId) -> Result<PathBuf, LocalError> {
        let held = self.store.hold().await?;
        self.instance(&held, id)?;
        Ok(machine::files_of(&self.store, id).console())
    }

    /// Asks an instance to stop. Its root disk and its attachments stay.
    ///
    /// # Errors
    /// As [`Cloud::issue`].
    pub async fn stop(&self, id: &InstanceId) -> Result<Receipt, CloudError> {
        let held = self.store.hold().await?;
        self.end_instance(&held, id, Wanted::Stopped).await
    }

    /// Pulls an instance's plug: what its programs had not synced is gone. It is then seen as stopped.
    ///
    /// # Errors
    /// [`LocalError::NoSuchInstance`]; or when its process cannot be told from others.
    pub async fn kill(&self, id: &InstanceId) -> Result<(), LocalError> {
        let held = self.store.hold().await?;
        self.instance(&held, id)?;
        machine::kill(&machine::files_of(&self.store, id), id)
    }

    /// Deletes a snapshot.
    ///
    /// # Errors
    /// `IncorrectState` while it is being written or read, `InvalidSnapshot.NotFound`.
    pub async fn delete_snapshot(&self, id: &SnapshotId) -> Result<Receipt, CloudError> {
        let held = self.store.hold().await?;
        self.remove_snapshot(&held, id)
    }

    /// Removes what is of no use any more; see [`Removed`]. Never a volume or snapshot with content.
    ///
    /// # Errors
    /// As file operations fail; what was removed before stays removed.
    pub async fn gc(&self) -> Result<Removed, LocalError> {
        let held = self.store.hold().await?;
        gc::collect(self, &held)
    }

    /// Lists in words every reason why launching the cluster would fail, given what is there of it.
    ///
    /// # Errors
    /// When the host does not tell its free space.
    pub fn admit(
        &self,
        definition: &ClusterDefinition,
        view: &CloudView,
    ) -> Result<Vec<String>, LocalError> {
        admission::refusals(&self.store, definition, view)
    }
}

#[async_trait]
impl Cloud for LocalCloud {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        Ok(self.look(cluster).await?)
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        Ok(self.found(id).await?)
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        let asked_at = SystemTime::now();
        let held = self.store.hold().await.map_err(CloudError::from);
        let held = match held.and_then(|held| in_time(asked_at).map(|()| held)) {
            Ok(held) => held,
            Err(error) => return actions.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut answers = Vec::with_capacity(actions.len());
        for action in actions {
            answers.push(self.perform(&held, action.action()).await);
        }
        answers
    }

    fn limits(&self) -> CloudLimits {
        CloudLimits {
            // A look takes some 10 ms per machine.
            look_interval_min: Duration::from_millis(300),
            look_interval_max: Duration::from_secs(2),
            visibility_lag_max: Duration::ZERO,
            // What is asked for is in the records before it is answered, and seen in the next look.
            late_effect_max: Duration::ZERO,
            attachments_per_instance_max: Some(u32::from(SLOTS)),
            launches_together_max: 1,
        }
    }
}

/// Says whether what was asked for then may still be done, by the time of day: other clocks stand still while a machine
/// sleeps.
///
/// What others see of a process that was stopped for longer is silence, and they go on without it.
fn in_time(asked_at: SystemTime) -> Result<(), CloudError> {
    match asked_at.elapsed() {
        Ok(waited) if waited <= DONE_WITHIN => Ok(()),
        waited => {
            let waited = waited.map_or_else(
                |_| "this machine's clock was set back meanwhile".to_owned(),
                |waited| format!("it waited for {} s, as it was stopped", waited.as_secs()),
            );
            let why = format!(
                "{waited}; nothing was done, the next look tells whether it is still wanted"
            );
            Err(CloudError {
                class: ErrorClass::Retry,
                code: "SentTooLate".to_owned(),
                message: why,
            })
        }
    }
}

#[async_trait]
impl Admission for LocalCloud {
    async fn refusals(&self, definition: &ClusterDefinition, view: &CloudView) -> Vec<String> {
        self.admit(definition, view).unwrap_or_else(|error| vec![error.to_string()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_before_the_process_was_stopped_is_not_done_after_it() {
        let asked = |ago: Duration| in_time(SystemTime::now().checked_sub(ago).unwrap());
        assert_eq!(asked(DONE_WITHIN / 2), Ok(()));
        let late = asked(DONE_WITHIN + Duration::from_secs(1)).unwrap_err();
        assert_eq!(late.class, ErrorClass::Retry);
        assert!(late.message.contains("nothing was done"), "{late}");
    }

    #[test]
    fn a_clock_that_was_set_back_lets_nothing_pass() {
        let later = SystemTime::now() + Duration::from_secs(60);
        assert!(in_time(later).unwrap_err().message.contains("set back"));
    }
}

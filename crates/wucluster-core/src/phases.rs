//! Phases of volumes: what operators tell each other, in the cluster's store, before they do what cannot be undone.
//!
//! ```text
//!  Live -> Sealed -> Deleting -> Gone
//!    ^        |
//!    +--------+     only this one goes back
//! ```
//!
//! EC2 deletes, attaches and detaches without a token: a request that an operator sent before it fell asleep may land
//! hours later, when another one drives. So before a volume may be written to, is sealed or is deleted, that is entered
//! in one log that all operators of a store share, and an entry can be made only by whoever knows all those before it. A
//! volume whose deletion was entered is never used again, whatever became of the request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::{Action, CloudAction, ShellAction};
use crate::ids::{MountKey, SnapshotId, VolumeId};
use crate::interlock::Context;

/// How far a volume is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It may be written to.
    Live,
    /// Its writes are over: a snapshot that is begun from now on keeps them all.
    Sealed,
    /// Its deletion may have been asked for. There is no way back.
    Deleting,
    /// It was seen to be deleted.
    Gone,
}

impl Phase {
    /// Returns its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sealed => "sealed",
            Self::Deleting => "deleting",
            Self::Gone => "gone",
        }
    }
}

/// One entry of the log: a volume has come to a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseEntry {
    /// The volume.
    pub volume: VolumeId,
    /// Whose it is.
    pub mount: MountKey,
    /// The phase.
    pub phase: Phase,
    /// The write epoch to which it applies.
    pub epoch: u64,
    /// Where it is deleted: the snapshot that keeps its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_by: Option<SnapshotId>,
}

/// What is entered: the last of each volume.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phases {
    last: BTreeMap<VolumeId, PhaseEntry>,
    /// Per mount, the highest write epoch of which it was entered that writes are over.
    sealed: BTreeMap<MountKey, u64>,
}

impl Phases {
    /// Returns the last entry of a volume; `None`: nothing was ever entered of it.
    #[must_use]
    pub fn of(&self, volume: &VolumeId) -> Option<&PhaseEntry> {
        self.last.get(volume)
    }

    /// Lists the last entries, in the order of their volumes.
    pub fn iter(&self) -> impl Iterator<Item = &PhaseEntry> {
        self.last.values()
    }

    /// Takes an entry.
    pub fn enter(&mut self, entry: PhaseEntry) {
        if entry.phase != Phase::Live {
            let known = self.sealed.entry(entry.mount.clone()).or_insert(0);
            *known = entry.epoch.max(*known);
        }
        self.last.insert(entry.volume.clone(), entry);
    }

    /// Returns the highest write epoch of a mount of which it was entered that writes are over.
    #[must_use]
    pub fn sealed_epoch(&self, mount: &MountKey) -> Option<u64> {
        self.sealed.get(mount).copied()
    }

    /// Says whether the deletion of a volume was entered: it is never used again.
    #[must_use]
    pub fn is_doomed(&self, volume: &VolumeId) -> bool {
        self.of(volume).is_some_and(|last| matches!(last.phase, Phase::Deleting | Phase::Gone))
    }

    /// Says whether it is entered that a volume's writes are over under that write epoch.
    #[must_use]
    pub fn is_sealed(&self, volume: &VolumeId, epoch: u64) -> bool {
        self.of(volume).is_some_and(|last| match last.phase {
            Phase::Live => false,
            Phase::Sealed => last.epoch == epoch,
            Phase::Deleting | Phase::Gone => true,
        })
    }

    /// Forgets what is gone, which a log that is begun anew need not carry on.
    pub fn compact(&mut self) {
        self.last.retain(|_, last| last.phase != Phase::Gone);
    }
}

/// Returns what has to be entered, durably, before an action is asked for; `None`: nothing, or it is entered already.
#[must_use]
pub fn entry_before(ctx: &Context<'_>, action: &Action) -> Option<PhaseEntry> {
    let phases = ctx.memory.phases.as_ref()?;
    let (mount, phase, kept_by) = match action {
        Action::Cloud(CloudAction::AttachVolume { mount, .. })
        | Action::Shell(
            ShellAction::Mount { mount, .. } | ShellAction::MakeFilesystem { mount, .. },
        ) => (mount, Phase::Live, None),
        Action::Cloud(CloudAction::TagVolume { mount, tags, .. })
            if tags.epoch().is_some_and(|epoch| epoch.is_sealed) =>
        {
            (mount, Phase::Sealed, None)
        }
        Action::Cloud(CloudAction::DeleteVolume { mount, kept_by, .. }) => {
            (mount, Phase::Deleting, kept_by.clone())
        }
        Action::Cloud(_) | Action::Shell(_) => return None,
    };
    let seen = ctx.observation.mount(mount)?.volumes.iter().find(|seen| match action {
        Action::Cloud(
            CloudAction::AttachVolume { volume, .. }
            | CloudAction::TagVolume { volume, .. }
            | CloudAction::DeleteVolume { volume, .. },
        ) => &seen.id == volume,
        Action::Shell(
            ShellAction::Mount { serial, .. } | ShellAction::MakeFilesystem { serial, .. },
        ) => &seen.id.serial() == serial,
        Action::Cloud(_) | Action::Shell(_) => false,
    })?;
    let epoch = match action {
        Action::Cloud(CloudAction::TagVolume { tags, .. }) => tags.epoch()?.number,
        Action::Cloud(_) | Action::Shell(_) => seen.tags.epoch()?.number,
    };
    // What was once to be deleted goes no other way.
    let is_back = phases.is_doomed(&seen.id) && phase != Phase::Deleting;
    let entry = PhaseEntry { volume: seen.id.clone(), mount: mount.clone(), phase, epoch, kept_by };
    let is_known = phases.of(&seen.id) == Some(&entry);
    (!is_back && !is_known).then_some(entry)
}

//! Volumes.
//!
//! ```text
//! (create) -> creating -> available <-> in-use
//!                |           |
//!                v           v
//!              error      deleting -> deleted (or simply no longer listed)
//! ```

use serde::{Deserialize, Serialize};

use super::attachment::{AttachmentSeen, AttachmentState};
use crate::definition::Size;
use crate::ids::{SnapshotId, VolumeId};
use crate::tags::Tags;
use crate::time::Timestamp;

state_words! {
    /// State of a volume. Source: EC2 `VolumeState`.
    VolumeState {
        /// Being made; may still fail.
        Creating = "creating",
        /// Made, and attached to nothing.
        Available = "available",
        /// Attached, or on the way to or from it.
        InUse = "in-use",
        /// On its way out; cannot be called back.
        Deleting = "deleting",
        /// Gone.
        Deleted = "deleted",
        /// Failed; its content cannot be read. Never deleted by us.
        Error = "error",
    }
}

/// A volume as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSeen {
    /// Its id.
    pub id: VolumeId,
    /// Its state.
    pub state: VolumeState,
    /// Its size.
    pub size: Size,
    /// Its tags.
    pub tags: Tags,
    /// Its attachments: none, or one; more are possible only for shared volumes, which we refuse.
    pub attachments: Vec<AttachmentSeen>,
    /// The snapshot that it was made from. `None`: made blank.
    pub from_snapshot: Option<SnapshotId>,
    /// Its zone.
    pub zone: Option<String>,
    /// When it was made, by the provider's clock.
    pub created_at: Option<Timestamp>,
}

impl VolumeSeen {
    /// Returns its attachments that are not over.
    pub fn open_attachments(&self) -> impl Iterator<Item = &AttachmentSeen> {
        self.attachments.iter().filter(|seen| seen.state != AttachmentState::Detached)
    }

    /// Says whether the listing shows it attached to nothing, in both of its vocabularies.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.state == VolumeState::Available && self.open_attachments().next().is_none()
    }
}

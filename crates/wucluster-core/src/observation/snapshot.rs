//! Snapshots.
//!
//! ```text
//! (create) -> pending -> completed        completed -> recoverable -> recovering -> completed
//!                |                                     (recycle bin)
//!                v
//!              error
//! ```

use serde::{Deserialize, Serialize};

use crate::definition::Size;
use crate::ids::{SnapshotId, VolumeId};
use crate::tags::Tags;
use crate::time::Timestamp;

state_words! {
    /// State of a snapshot. Source: EC2 `SnapshotState`.
    SnapshotState {
        /// Its content is fixed, and still being copied; a volume cannot be made from it.
        Pending = "pending",
        /// Whole and durable; only this permits a restore or a delete.
        Completed = "completed",
        /// Failed; of no use.
        Error = "error",
        /// In the recycle bin.
        Recoverable = "recoverable",
        /// On its way back from the recycle bin.
        Recovering = "recovering",
    }
}

/// A snapshot as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSeen {
    /// Its id.
    pub id: SnapshotId,
    /// Its state.
    pub state: SnapshotState,
    /// The volume that it was taken of.
    pub volume: VolumeId,
    /// The size of that volume.
    pub size: Size,
    /// Its tags.
    pub tags: Tags,
    /// When it was asked for, by the provider's clock; its content is of that moment.
    pub started_at: Option<Timestamp>,
    /// How much of it is copied. Unit: percent.
    pub progress_percent: Option<u8>,
    /// The provider's words about its state.
    pub message: Option<String>,
}

//! Attachments of volumes to instances.
//!
//! ```text
//! (attach) -> attaching -> attached -> detaching -> (no entry: detached)
//!                                        |   ^
//!                                        v   | the node lets go
//!                                        busy
//! ```

use serde::{Deserialize, Serialize};

use crate::ids::InstanceId;
use crate::time::Timestamp;

state_words! {
    /// State of an attachment. Source: EC2 `VolumeAttachmentState`.
    AttachmentState {
        /// Asked for; the node may not see the device yet.
        Attaching = "attaching",
        /// The device is there.
        Attached = "attached",
        /// Asked to be let go.
        Detaching = "detaching",
        /// Let go; usually there is no entry at all.
        Detached = "detached",
        /// The node still holds the device: most likely it is mounted.
        Busy = "busy",
    }
}

/// One attachment of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentSeen {
    /// The instance.
    pub instance: InstanceId,
    /// Its state.
    pub state: AttachmentState,
    /// Since when, by the provider's clock.
    pub since: Option<Timestamp>,
    /// Whether the volume would be deleted with the instance; anything but `Some(false)` is unsafe.
    pub delete_on_termination: Option<bool>,
}

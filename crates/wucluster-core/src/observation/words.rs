//! One word for each node and mount, as screens and journals show it.

use super::{
    AttachmentState, FilesystemState, MountObservation, NodeObservation, Observed, VolumeState,
};

impl NodeObservation {
    /// Returns the node's state in a word: `away`, the provider's word, or `conflict`.
    #[must_use]
    pub fn word(&self) -> &str {
        match self.instances.as_slice() {
            [] => "away",
            [one] => one.state.as_str(),
            _ => "conflict",
        }
    }
}

impl MountObservation {
    /// Returns the mount's state in a word, the most telling of the three facts: file system,
    /// attachment, volume.
    #[must_use]
    pub fn word(&self) -> &str {
        let volume = match self.volumes.as_slice() {
            [] => return "away",
            [one] => one,
            _ => return "conflict",
        };
        let Some(attachment) = volume.open_attachments().next() else {
            return match &volume.state {
                VolumeState::InUse
                | VolumeState::Creating
                | VolumeState::Available
                | VolumeState::Deleting
                | VolumeState::Deleted
                | VolumeState::Error
                | VolumeState::Unrecognized(_) => volume.state.as_str(),
            };
        };
        match (&attachment.state, &self.filesystem) {
            (AttachmentState::Attached | AttachmentState::Busy, Observed::Present(state)) => {
                match state {
                    FilesystemState::NoDevice | FilesystemState::Unmounted { .. } => {
                        attachment.state.as_str()
                    }
                    FilesystemState::Mounted { .. }
                    | FilesystemState::MountedElsewhere { .. }
                    | FilesystemState::Held { .. }
                    | FilesystemState::PointTaken { .. } => state.word(),
                }
            }
            (state, _) => state.as_str(),
        }
    }
}

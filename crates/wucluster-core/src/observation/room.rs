//! Room: whether a file system fills its volume.

use std::fmt;

use super::{FilesystemState, MountObservation, Observation, Observed};
use crate::definition::Size;

/// How much a file system may lack of its volume and pass for filling it. Unit: bytes.
///
/// Volumes are whole GiB, so what was grown lacks 1 GiB at least. What makes no whole group of blocks is left out by
/// `resize2fs` and `mkfs`: at most 128 MiB of ext4 with blocks of 4 KiB, and less of xfs.
const SLACK_BYTES: u64 = 256 << 20;

/// How large a mounted file system and its volume are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Size of the volume, as the cloud lists it.
    pub volume: Size,
    /// Size of the file system by its own superblock. Unit: bytes.
    pub filesystem_bytes: u64,
}

impl Room {
    /// Says whether the file system is to be grown.
    #[must_use]
    pub fn is_short(self) -> bool {
        self.filesystem_bytes.saturating_add(SLACK_BYTES) <= self.volume.bytes()
    }
}

/// As in `9.9 of 20 GiB`.
impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.filesystem_bytes.saturating_mul(10) >> 30;
        match (tenths / 10, tenths % 10) {
            (whole, 0) => write!(f, "{whole} of {}", self.volume),
            (whole, tenth) => write!(f, "{whole}.{tenth} of {}", self.volume),
        }
    }
}

impl Observation {
    /// Tells how large the file system of a mount is, and its volume; `None` when it is not mounted as wanted, or its
    /// node could not tell.
    #[must_use]
    pub fn room_of(&self, mount: &MountObservation) -> Option<Room> {
        let Observed::Present(FilesystemState::Mounted { .. }) = &mount.filesystem else {
            return None;
        };
        let Observed::Present(probe) = &self.node(&mount.key.node)?.probe else { return None };
        let volume = mount.volume()?;
        let filesystem_bytes = probe.devices.get(&volume.id.serial())?.filesystem_bytes?;
        Some(Room { volume: volume.size, filesystem_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lacks_more_than_a_group_of_blocks_is_short() {
        let room = |filesystem_bytes| Room { volume: Size::from_gib(20), filesystem_bytes };
        for (bytes, is_short) in [
            (10 << 30, true),
            (19 << 30, true),
            ((20 << 30) - (128 << 20), false),
            ((20 << 30) - (256 << 20), true),
            (20 << 30, false),
            (40 << 30, false),
            (u64::MAX, false),
        ] {
            assert_eq!(room(bytes).is_short(), is_short, "{bytes}");
        }
        assert_eq!(room(10 << 30).to_string(), "10 of 20 GiB");
        assert_eq!(room((10 << 30) - 1).to_string(), "9.9 of 20 GiB");
    }
}

//! File systems: what a node says about its devices and mounts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::definition::Hook;

/// What one round trip to a node is to find out, beside its devices and mounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Serial numbers of the devices whose content is looked at closely.
    pub serials: Vec<String>,
    /// Readiness checks to run.
    pub ready: Vec<Hook>,
    /// Halt checks to run.
    pub before_halt: Vec<Hook>,
    /// Environment for the checks.
    pub environment: BTreeMap<String, String>,
}

/// What a node told in one round trip.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeProbe {
    /// The kernel's id of the node's present boot; changes with each reboot.
    pub boot_id: String,
    /// Its data devices by serial number.
    pub devices: BTreeMap<String, DeviceSeen>,
    /// Answers to the readiness checks, in the order asked; empty when none were asked.
    pub ready: Vec<CheckResult>,
    /// Answers to the halt checks, in the order asked; empty when none were asked.
    pub before_halt: Vec<CheckResult>,
    /// Mount points of everything in the node's own mount table, with the device's serial if known.
    pub mount_table: Vec<MountSeen>,
}

/// Answer to one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check.
    pub hook: Hook,
    /// Exit status 0 within its time.
    pub passed: bool,
    /// What it printed last, cleaned and cut.
    pub output: String,
}

/// A device as its node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSeen {
    /// Its path on the node, such as `/dev/nvme1n1`.
    pub path: String,
    /// Its size. Unit: bytes.
    pub size_bytes: u64,
    /// The size of the file system on it by its own superblock, where it is one that can grow while it is mounted and the
    /// node was able to tell. Unit: bytes. It may lack a little of its device: what makes no whole group of blocks.
    #[serde(default)]
    pub filesystem_bytes: Option<u64>,
    /// What is on it.
    pub contents: Contents,
    /// Where it is mounted, in the node's own mount table.
    pub mounts: Vec<MountSeen>,
    /// Whether the kernel has it open for a file system, swap, RAID or the like, in any name space:
    /// `Some(false)` only when an exclusive open succeeded; `None` when that could not be tried.
    pub is_held: Option<bool>,
    /// Whether its node has its file system frozen for a checkpoint: what is written waits.
    #[serde(default)]
    pub is_frozen: bool,
    /// Partitions and stacked devices on it, by name.
    pub on_top: Vec<String>,
    /// Processes that hold it, where the node was able to tell.
    pub holders: Vec<Holder>,
}

impl NodeProbe {
    /// Lists the devices that are volumes, by their serial numbers ([`crate::ids::VolumeId::serial`]).
    pub fn volumes(&self) -> impl Iterator<Item = (&String, &DeviceSeen)> {
        self.devices.iter().filter(|(serial, _)| serial.starts_with("vol"))
    }
}

impl DeviceSeen {
    /// Says whether its node has it in use for certain: mounted, or open in any name space.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        !self.mounts.is_empty() || self.is_held == Some(true)
    }
}

/// What is on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// Nobody looked closely, as it is mounted or was not asked for.
    NotExamined,
    /// Every examination succeeded and none found a signature, partition or holder.
    Blank,
    /// A file system.
    Filesystem {
        /// Its type, in the words of `blkid`.
        kind: String,
        /// Its UUID, if it has one.
        uuid: Option<String>,
    },
    /// Something else: partitions, LUKS, LVM, RAID, swap, or several signatures.
    Other(String),
    /// An examination failed; nothing may be concluded.
    Unreadable(String),
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExamined => f.write_str("not examined"),
            Self::Blank => f.write_str("blank"),
            Self::Filesystem { kind, uuid: Some(uuid) } => write!(f, "{kind} {uuid}"),
            Self::Filesystem { kind, uuid: None } => f.write_str(kind),
            Self::Other(what) => f.write_str(what),
            Self::Unreadable(why) => write!(f, "unreadable: {why}"),
        }
    }
}

/// One line of a node's mount table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSeen {
    /// The mount point, unescaped.
    pub at: String,
    /// The file system's type.
    pub kind: String,
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
    /// Serial number of the device, if it has one.
    pub serial: Option<String>,
    /// Whether the whole file system is mounted there, not a directory of it (a bind mount).
    pub is_root: bool,
}

/// A process that keeps a mount busy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its user.
    pub user: String,
    /// Its command line, cut.
    pub command: String,
    /// What it holds: a file, its working directory, a memory map, a mount of another name space.
    pub what: String,
}

/// What the file system of a mount is seen to do on its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilesystemState {
    /// The volume's attachment is seen by the cloud, its device is not (yet) seen by the node.
    NoDevice,
    /// Not mounted anywhere, and an exclusive open proved it.
    Unmounted {
        /// What is on the device.
        contents: Contents,
    },
    /// Mounted as wanted: this device, whole, at the mount point of the definition, writable.
    Mounted {
        /// The mount point.
        at: String,
    },
    /// Mounted, but not as wanted.
    MountedElsewhere {
        /// Every place where it is mounted.
        at: Vec<String>,
        /// What is wrong: another place, read-only, a part of it only.
        why: String,
    },
    /// In no mount table that we read, yet the kernel holds it, or whether it does could not be told.
    Held {
        /// What is known about who holds it.
        why: String,
        /// Processes that hold it.
        holders: Vec<Holder>,
    },
    /// The mount point of the definition is taken by something else.
    PointTaken {
        /// What is mounted there.
        by: String,
        /// What is on the device.
        contents: Contents,
    },
}

impl FilesystemState {
    /// Returns a word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoDevice => "device not seen",
            Self::Unmounted { .. } => "unmounted",
            Self::Mounted { .. } => "mounted",
            Self::MountedElsewhere { .. } => "mounted otherwise",
            Self::Held { .. } => "held",
            Self::PointTaken { .. } => "mount point taken",
        }
    }
}

//! Actions: fully specified, idempotent requests. Nothing is left to choose at execution.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::{EbsVolume, FilesystemKind, Hook, MachineDefinition, Size};
use crate::ids::{InstanceId, MountKey, NodeName, SnapshotId, Subject, VolumeId};
use crate::memory::AwaitedId;
use crate::node_set::NodeSet;
use crate::observation::SshEndpoint;
use crate::tags::Tags;

/// What harm an action could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hazard {
    /// Makes something new; costs money.
    Creates,
    /// Changes what is there and can be undone.
    Changes,
    /// Ends something for good.
    Destroys,
}

/// One request, to the cloud or to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// To the cloud.
    Cloud(CloudAction),
    /// To a node.
    Shell(ShellAction),
}

impl Action {
    /// Returns what it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Cloud(action) => action.subject(),
            Self::Shell(action) => Subject::Mount(action.mount().clone()),
        }
    }

    /// Returns what harm it could do.
    #[must_use]
    pub fn hazard(&self) -> Hazard {
        match self {
            Self::Cloud(action) => action.hazard(),
            Self::Shell(action) => action.hazard(),
        }
    }

    /// Returns its name: the provider's name of the request, or the node's verb.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cloud(action) => action.name(),
            Self::Shell(action) => action.name(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cloud(action) => action.fmt(f),
            Self::Shell(action) => action.fmt(f),
        }
    }
}

/// A request to the cloud.
///
/// Providers translate it, and decide nothing: no waiting for a state, no ordering, no naming.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum CloudAction {
    /// Runs one instance for a node. Idempotent by `token`.
    ///
    /// Those that share a call differ in `node` and its tags alone. Whoever carries one of them out carries out all: the same
    /// token stands for all of their instances, the first time and every time.
    RunInstance {
        /// The node.
        node: NodeName,
        /// What machine.
        machine: MachineDefinition,
        /// In which zone.
        zone: Option<String>,
        /// Tags, set at creation.
        tags: Tags,
        /// Same token, same instance.
        token: String,
        /// The nodes that share the call, this one among them. `None`: it is made for this one alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        together: Option<NodeSet>,
    },
    /// Starts a stopped instance.
    StartInstance {
        /// The node.
        node: NodeName,
        /// The instance.
        instance: InstanceId,
    },
    /// Stops a running instance in good order; its root disk stays, and what its memory and instance store hold does not.
    /// Already stopped, or stopping: success.
    StopInstance {
        /// The node.
        node: NodeName,
        /// The instance.
        instance: InstanceId,
    },
    /// Terminates an instance; its root disk goes with it.
    TerminateInstance {
        /// The node.
        node: NodeName,
        /// The instance.
        instance: InstanceId,
    },
    /// Makes a volume. Idempotent by `token`.
    CreateVolume {
        /// The mount.
        mount: MountKey,
        /// How large.
        size: Size,
        /// From which snapshot. `None`: blank.
        from: Option<SnapshotId>,
        /// In which zone.
        zone: Option<String>,
        /// What EBS must know of it beside that; other providers ignore it.
        #[serde(default)]
        ebs: EbsVolume,
        /// Tags, set at creation.
        tags: Tags,
        /// Same token, same volume.
        token: String,
    },
    /// Attaches a volume to an instance.
    AttachVolume {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
        /// The instance.
        instance: InstanceId,
    },
    /// Detaches a volume. Never by force.
    DetachVolume {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
        /// The instance.
        instance: InstanceId,
    },
    /// Sets tags on a volume.
    TagVolume {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
        /// What to set; other tags stay.
        tags: Tags,
    },
    /// Sets tags on a snapshot.
    TagSnapshot {
        /// The mount.
        mount: MountKey,
        /// The snapshot.
        snapshot: SnapshotId,
        /// What to set; other tags stay.
        tags: Tags,
    },
    /// Sets tags on anything that comes to this cluster, or to this store, by a person's word.
    Adopt {
        /// Whose it is from now on.
        subject: Subject,
        /// What it is.
        id: AwaitedId,
        /// What to set; other tags stay.
        tags: Tags,
    },
    /// Makes a volume larger, in use or not; what is on it stays as it is. One that has this size or more: success.
    GrowVolume {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
        /// How large it becomes.
        size: Size,
    },
    /// Takes a snapshot. Each call makes another one: never retried without a look.
    CreateSnapshot {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
        /// Tags, set at creation.
        tags: Tags,
    },
    /// Deletes a volume.
    DeleteVolume {
        /// The mount.
        mount: MountKey,
        /// The volume.
        volume: VolumeId,
        /// The snapshot that keeps its data. `None`: it never held any.
        kept_by: Option<SnapshotId>,
    },
    /// Deletes a snapshot on which nothing stands any more.
    DeleteSnapshot {
        /// The mount.
        mount: MountKey,
        /// The snapshot.
        snapshot: SnapshotId,
        /// The snapshot that keeps the newest data of the mount.
        kept_by: SnapshotId,
    },
}

impl CloudAction {
    /// Returns what it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::RunInstance { node, .. }
            | Self::StartInstance { node, .. }
            | Self::StopInstance { node, .. }
            | Self::TerminateInstance { node, .. } => Subject::Node(node.clone()),
            Self::CreateVolume { mount, .. }
            | Self::AttachVolume { mount, .. }
            | Self::DetachVolume { mount, .. }
            | Self::TagVolume { mount, .. }
            | Self::GrowVolume { mount, .. }
            | Self::TagSnapshot { mount, .. }
            | Self::CreateSnapshot { mount, .. }
            | Self::DeleteVolume { mount, .. }
            | Self::DeleteSnapshot { mount, .. } => Subject::Mount(mount.clone()),
            Self::Adopt { subject, .. } => subject.clone(),
        }
    }

    /// Returns what harm it could do.
    #[must_use]
    pub fn hazard(&self) -> Hazard {
        match self {
            Self::RunInstance { .. } | Self::CreateVolume { .. } | Self::CreateSnapshot { .. } => {
                Hazard::Creates
            }
            Self::StartInstance { .. }
            | Self::StopInstance { .. }
            | Self::AttachVolume { .. }
            | Self::DetachVolume { .. }
            | Self::TagVolume { .. }
            | Self::GrowVolume { .. }
            | Self::TagSnapshot { .. }
            | Self::Adopt { .. } => Hazard::Changes,
            Self::TerminateInstance { .. }
            | Self::DeleteVolume { .. }
            | Self::DeleteSnapshot { .. } => Hazard::Destroys,
        }
    }

    /// Returns EC2's name of the request.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunInstance { .. } => "RunInstances",
            Self::StartInstance { .. } => "StartInstances",
            Self::StopInstance { .. } => "StopInstances",
            Self::TerminateInstance { .. } => "TerminateInstances",
            Self::CreateVolume { .. } => "CreateVolume",
            Self::AttachVolume { .. } => "AttachVolume",
            Self::DetachVolume { .. } => "DetachVolume",
            Self::TagVolume { .. } | Self::TagSnapshot { .. } | Self::Adopt { .. } => "CreateTags",
            Self::GrowVolume { .. } => "ModifyVolume",
            Self::CreateSnapshot { .. } => "CreateSnapshot",
            Self::DeleteVolume { .. } => "DeleteVolume",
            Self::DeleteSnapshot { .. } => "DeleteSnapshot",
        }
    }
}

impl fmt::Display for CloudAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunInstance { node, .. } => write!(f, "run an instance for {node}"),
            Self::StartInstance { node, instance } => write!(f, "start {instance} of {node}"),
            Self::StopInstance { node, instance } => write!(f, "stop {instance} of {node}"),
            Self::TerminateInstance { node, instance } => {
                write!(f, "terminate {instance} of {node}")
            }
            Self::CreateVolume { mount, size, from: Some(from), .. } => {
                write!(f, "make a volume of {size} for {mount} from {from}")
            }
            Self::CreateVolume { mount, size, from: None, .. } => {
                write!(f, "make a blank volume of {size} for {mount}")
            }
            Self::AttachVolume { mount, volume, instance } => {
                write!(f, "attach {volume} of {mount} to {instance}")
            }
            Self::DetachVolume { mount, volume, instance } => {
                write!(f, "detach {volume} of {mount} from {instance}")
            }
            Self::TagVolume { mount, volume, tags } => {
                write!(f, "mark {volume} of {mount}:")?;
                marks(f, tags)
            }
            Self::TagSnapshot { mount, snapshot, tags } => {
                write!(f, "mark {snapshot} of {mount}:")?;
                marks(f, tags)
            }
            Self::Adopt { subject, id, .. } => write!(f, "adopt {id} as {subject}'s"),
            Self::GrowVolume { mount, volume, size } => {
                write!(f, "grow {volume} of {mount} to {size}")
            }
            Self::CreateSnapshot { mount, volume, .. } => {
                write!(f, "take a snapshot of {volume} of {mount}")
            }
            Self::DeleteVolume { mount, volume, kept_by: Some(snapshot) } => {
                write!(f, "delete {volume} of {mount}, kept by {snapshot}")
            }
            Self::DeleteVolume { mount, volume, kept_by: None } => {
                write!(f, "delete {volume} of {mount}, which never held data")
            }
            Self::DeleteSnapshot { mount, snapshot, kept_by } => {
                write!(f, "delete {snapshot} of {mount}, superseded by {kept_by}")
            }
        }
    }
}

fn marks(f: &mut fmt::Formatter<'_>, tags: &Tags) -> fmt::Result {
    tags.iter()
        .try_for_each(|(key, value)| write!(f, " {}={value}", key.trim_start_matches("wucluster:")))
}

/// A request to a node, by ssh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum ShellAction {
    /// Makes a file system. The node proves once more that the device is blank, and refuses else.
    MakeFilesystem {
        /// The mount.
        mount: MountKey,
        /// Serial number of the device.
        serial: String,
        /// Which file system.
        fs: FilesystemKind,
        /// The UUID that it gets.
        uuid: String,
    },
    /// Mounts the device, making the mount point when it is missing. Already mounted there: success.
    Mount {
        /// The mount.
        mount: MountKey,
        /// Serial number of the device.
        serial: String,
        /// The mount point.
        at: String,
        /// The file system's type as it was seen on the device.
        kind: String,
        /// Mount options.
        options: Vec<String>,
        /// Owner of the mounted directory.
        owner: Option<String>,
        /// Group of the mounted directory.
        group: Option<String>,
        /// Mode of the mounted directory.
        mode: Option<u32>,
    },
    /// Unmounts the device from everywhere in the node's own mount table, never lazily or by force.
    /// Already unmounted: success.
    Unmount {
        /// The mount.
        mount: MountKey,
        /// Serial number of the device.
        serial: String,
        /// Hooks to run first; a blocking no leaves it mounted.
        before: Vec<Hook>,
    },
    /// Grows a mounted file system to the size of its device, without unmounting it. The node waits for a moment until
    /// its kernel shows the device with its new size, and refuses what is not mounted whole at its place. One that fills
    /// its device already: success.
    GrowFilesystem {
        /// The mount.
        mount: MountKey,
        /// Serial number of the device.
        serial: String,
        /// The mount point.
        at: String,
        /// The size that the device is to have.
        size: Size,
    },
    /// Freezes the file system of the device: what was written is on the device, and what is written waits. The node thaws it
    /// by itself once the limit is over, whoever is still there. Frozen already: refused.
    Freeze {
        /// The mount.
        mount: MountKey,
        /// Serial number of the device.
        serial: String,
        /// The mount point. Never `/`.
        at: String,
        /// How long it may stay frozen. Unit: seconds, at least 1.
        limit_seconds: u32,
    },
    /// Thaws it. Done only if it stood still all the time since the freeze of this run; else the node says so, and it is
    /// thawed all the same.
    Thaw {
        /// The mount.
        mount: MountKey,
        /// Serial number of the device.
        serial: String,
        /// The mount point.
        at: String,
    },
}

impl ShellAction {
    /// Returns the mount that it is about.
    #[must_use]
    pub fn mount(&self) -> &MountKey {
        match self {
            Self::MakeFilesystem { mount, .. }
            | Self::Mount { mount, .. }
            | Self::Unmount { mount, .. }
            | Self::GrowFilesystem { mount, .. }
            | Self::Freeze { mount, .. }
            | Self::Thaw { mount, .. } => mount,
        }
    }

    /// Returns the serial number of the device that it is about.
    #[must_use]
    pub fn serial(&self) -> &str {
        match self {
            Self::MakeFilesystem { serial, .. }
            | Self::Mount { serial, .. }
            | Self::Unmount { serial, .. }
            | Self::GrowFilesystem { serial, .. }
            | Self::Freeze { serial, .. }
            | Self::Thaw { serial, .. } => serial,
        }
    }

    /// Returns what harm it could do.
    #[must_use]
    pub fn hazard(&self) -> Hazard {
        match self {
            Self::MakeFilesystem { .. } => Hazard::Destroys,
            Self::Mount { .. }
            | Self::Unmount { .. }
            | Self::GrowFilesystem { .. }
            | Self::Freeze { .. }
            | Self::Thaw { .. } => Hazard::Changes,
        }
    }

    /// Returns the verb.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MakeFilesystem { .. } => "mkfs",
            Self::Mount { .. } => "mount",
            Self::Unmount { .. } => "umount",
            Self::GrowFilesystem { .. } => "growfs",
            Self::Freeze { .. } => "freeze",
            Self::Thaw { .. } => "thaw",
        }
    }

    /// Returns how long the node may take over it.
    ///
    /// Longest of our own figures; hooks add their own limits.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        let base = Duration::from_secs(600);
        match self {
            Self::MakeFilesystem { .. } | Self::Mount { .. } | Self::GrowFilesystem { .. } => base,
            // Twice: what was written is written out before, too.
            Self::Freeze { limit_seconds, .. } => {
                Duration::from_secs(2 * u64::from(*limit_seconds))
            }
            Self::Thaw { .. } => Duration::from_secs(60),
            Self::Unmount { before, .. } => {
                before.iter().fold(base, |sum, hook| sum + hook.timeout)
            }
        }
    }
}

impl fmt::Display for ShellAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeFilesystem { mount, fs, serial, .. } => {
                write!(f, "make {fs} on {serial} of {mount}")
            }
            Self::Mount { mount, at, .. } => write!(f, "mount {mount} at {at}"),
            Self::Unmount { mount, .. } => write!(f, "unmount {mount}"),
            Self::GrowFilesystem { mount, size, .. } => {
                write!(f, "grow the file system of {mount} to {size}")
            }
            Self::Freeze { mount, limit_seconds, .. } => {
                write!(f, "freeze {mount} for {limit_seconds}s at most")
            }
            Self::Thaw { mount, .. } => write!(f, "thaw {mount}"),
        }
    }
}

/// A node that can be spoken to: whom, where and with which environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAddress {
    /// The node.
    pub node: NodeName,
    /// Its instance, to which the host key is pinned.
    pub instance: InstanceId,
    /// Where it is reached.
    pub ssh: SshEndpoint,
    /// The run for which it is spoken to, as [`crate::tags::StoreMark::fence`] numbers it: from then on it refuses whatever
    /// one with a lower number asks of it. `None`: somebody only looks, and changes nothing.
    pub run: Option<u64>,
}

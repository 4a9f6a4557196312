//! The definition of a cluster: what the user wrote, checked, with groups expanded.

pub mod code;
pub mod diagnostic;
mod digest;
pub mod duration;
pub mod ec2;
pub mod memory_size;
pub mod mount_point;
pub mod network;
mod parse;
pub mod prices;
pub mod quantity;
pub mod size;
pub mod template;

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use code::Code;
pub use diagnostic::{Diagnostic, Label, Patch, Severity, line_and_column, line_number};
pub use duration::parse_duration;
pub use ec2::{EbsVolume, Ec2Machine, is_image_owner};
pub use mount_point::check_mount_point;
pub use network::{AddressBlock, ManagedNetwork, PublicKey};
pub use parse::decode;
pub use prices::{Price, Prices, PricesByType};
pub use size::Size;
pub use template::template;

use crate::ids::{ClusterName, MountKey, MountName, NodeName, SnapshotId, Subject};

/// A cluster as its definition file describes it; exists whether or not anything runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDefinition {
    /// The cluster's name; with the provider's account it is the cluster's identity.
    pub name: ClusterName,
    /// Which cloud the cluster lives in.
    pub provider: Provider,
    /// The region that the cluster lives in. `None`: as the user's own settings say; for providers with regions.
    pub region: Option<String>,
    /// The zone in which nodes and volumes are made, and the first of them if there are several; providers without zones
    /// ignore it.
    pub zone: Option<String>,
    /// The zones that are tried after it, in their order, where it has no capacity.
    pub other_zones: Vec<String>,
    /// The security group and the key pair that wucluster makes for it. `None`: none, as the nodes name those that are
    /// there; for providers with networks.
    pub network: Option<ManagedNetwork>,
    /// Where leases and journals are: `s3://BUCKET/PREFIX`, `file:///PATH` or a path. `None`: in this machine's folder of
    /// the cluster.
    pub store: Option<String>,
    /// What things cost, as the user says it; nothing that is done depends on it. `None`: by the program's own list, if
    /// it has one for that region.
    pub prices: Option<Prices>,
    /// How old a snapshot may be and still count as recent. `None`: age does not matter.
    pub recent: Option<Duration>,
    /// The nodes in the order of the file, groups expanded in place.
    pub nodes: IndexMap<NodeName, NodeDefinition>,
}

impl ClusterDefinition {
    /// Lists the zones in which nodes may be, in the order in which they are tried.
    pub fn zones(&self) -> impl Iterator<Item = &str> {
        self.zone.iter().chain(&self.other_zones).map(String::as_str)
    }

    /// Says whether a node may be in several zones, or its machine of several types.
    #[must_use]
    pub fn leaves_choice(&self, node: &NodeName) -> bool {
        let has_types = || self.nodes.get(node).is_some_and(|node| !node.other_types.is_empty());
        !self.other_zones.is_empty() || has_types()
    }

    /// Returns the mount of that name, if the definition has it.
    #[must_use]
    pub fn mount(&self, key: &MountKey) -> Option<&MountDefinition> {
        self.nodes.get(&key.node)?.mounts.get(&key.mount)
    }

    /// Lists which names the definition says to have been others before: of nodes, and of mounts, those of renamed nodes
    /// included. Whether anything has such a name still is told by a look.
    pub fn renames(&self) -> impl Iterator<Item = Rename> {
        self.nodes.values().flat_map(|node| {
            let of_node = node.was.as_ref().map(|was| Rename {
                from: Subject::Node(was.clone()),
                to: Subject::Node(node.name.clone()),
            });
            let of_mounts = node.mounts.values().filter_map(|mount| {
                let to = MountKey { node: node.name.clone(), mount: mount.name.clone() };
                let from = Subject::Mount(mount.was.clone()?);
                Some(Rename { from, to: Subject::Mount(to) })
            });
            of_node.into_iter().chain(of_mounts)
        })
    }

    /// Lists all mounts in the order of the file.
    pub fn mounts(&self) -> impl Iterator<Item = (MountKey, &MountDefinition)> {
        self.nodes.values().flat_map(|node| {
            node.mounts.values().map(|mount| {
                (MountKey { node: node.name.clone(), mount: mount.name.clone() }, mount)
            })
        })
    }
}

/// A node or mount that had another name before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rename {
    /// The former name.
    pub from: Subject,
    /// The name that it has now.
    pub to: Subject,
}

/// The cloud that a cluster lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// QEMU machines with real disks on this host.
    Local,
    /// EC2 and EBS.
    Aws,
    /// The simulator.
    Sim,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Local => "local",
            Self::Aws => "aws",
            Self::Sim => "sim",
        })
    }
}

/// One node, after expansion of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDefinition {
    /// Its name: the group's, with `-1`, `-2` … where the group has a `count`.
    pub name: NodeName,
    /// The name of the `[node.GROUP]` table that it comes from.
    pub group: String,
    /// The name that it had before, if the definition says so.
    pub was: Option<NodeName>,
    /// What machine it runs on; its type is the first of them if there are several.
    pub machine: MachineDefinition,
    /// The instance types that are tried after it, in their order, where it has no capacity.
    pub other_types: Vec<String>,
    /// Its mounts in the order of the file.
    pub mounts: IndexMap<MountName, MountDefinition>,
    /// What is asked of the node on the way.
    pub hooks: NodeHooks,
    /// The line of the file where its group begins. Unit: lines, the first is 1.
    pub line: usize,
}

impl NodeDefinition {
    /// Lists the instance types that its machine may have, in the order in which they are tried.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.machine.instance_type.iter().chain(&self.other_types).map(String::as_str)
    }
}

/// The machine that a node runs on. What a provider does not know it ignores.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MachineDefinition {
    /// The provider's name of the image to start from. `None`: the provider's own.
    pub image: Option<String>,
    /// The provider's instance type, such as `m7i.xlarge`.
    pub instance_type: Option<String>,
    /// Memory of a local machine. Unit: MiB.
    pub memory_mib: Option<u32>,
    /// Processors of a local machine.
    pub cpus: Option<u32>,
    /// What EC2 must know beside that.
    #[serde(default, skip_serializing_if = "Ec2Machine::is_default")]
    pub ec2: Ec2Machine,
}

/// One mount: a volume while running, a snapshot while not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountDefinition {
    /// Its name within the node.
    pub name: MountName,
    /// Its mount point: absolute, normalized, at no place that the system needs.
    pub at: String,
    /// The size of its volume.
    pub size: Size,
    /// The file system that a blank volume gets.
    pub fs: FilesystemKind,
    /// Mount options, as `mount -o` takes them.
    pub options: Vec<String>,
    /// Owner of the mounted directory: a user's name or number.
    pub owner: Option<String>,
    /// Group of the mounted directory: a group's name or number.
    pub group: Option<String>,
    /// Mode of the mounted directory, such as `0o2775`.
    pub mode: Option<u32>,
    /// The snapshot to begin from while the mount has no data of its own.
    pub from: Option<SnapshotId>,
    /// The name that it had before, of this node or of another, if the definition says so, or says it of its node.
    pub was: Option<MountKey>,
    /// What EBS must know beside that.
    pub ebs: EbsVolume,
    /// The line of the file where the mount is defined. Unit: lines, the first is 1.
    pub line: usize,
}

/// A file system that wucluster can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilesystemKind {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
}

impl FilesystemKind {
    /// Returns the name that `mkfs`, `mount` and `blkid` use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }
}

impl fmt::Display for FilesystemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The hooks of a node. Each runs on the node as a shell command; exit status 0 means yes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeHooks {
    /// Readiness checks: all must say yes before the node counts as launched.
    pub ready: Vec<Hook>,
    /// Runs before a mount of the node is unmounted; a no keeps it mounted.
    pub before_unmount: Vec<Hook>,
    /// Asked before the node may be halted; a no keeps it up.
    pub before_halt: Vec<Hook>,
}

/// A command of the user's that runs on a node.
///
/// Environment on the node: `WUCLUSTER_CLUSTER`, `WUCLUSTER_NODE`, `WUCLUSTER_HOOK` (`ready`,
/// `before-unmount` or `before-halt`); for `before-unmount` also `WUCLUSTER_MOUNT` and
/// `WUCLUSTER_MOUNT_POINT`. Hooks may run more than once and must be idempotent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hook {
    /// The command, handed to `/bin/sh -c` on the node.
    pub run: String,
    /// How long it may take; then it is ended and counts as a no. Unit: whole seconds in the file.
    pub timeout: Duration,
    /// Whether a no blocks. `false`: a no is reported and passed over.
    pub blocks: bool,
}

/// Default time limit of a hook.
pub const HOOK_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

//! What was seen: the provider's listings and the nodes' answers, joined to the definition.
//!
//! States are the provider's own words, plus `Unrecognized` for words that we do not know yet;
//! unrecognized is never safe. Absence, ignorance and error are different values.

/// Declares a provider's state as an enum with its words, and `Unrecognized` for other words.
macro_rules! state_words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word that this version does not know; never safe.
            Unrecognized(String),
        }

        impl $name {
            /// All states that have a word of their own.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the provider's word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Unrecognized(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)+
                    _ => Self::Unrecognized(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(state: $name) -> String {
                state.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

mod assemble;
pub mod attachment;
pub mod filesystem;
pub mod instance;
mod room;
pub mod snapshot;
pub mod volume;
mod words;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use attachment::{AttachmentSeen, AttachmentState};
pub use filesystem::{
    CheckResult, Contents, DeviceSeen, FilesystemState, Holder, MountSeen, NodeProbe, ProbeRequest,
};
pub use instance::{InstanceSeen, InstanceState, LACK_OF_CAPACITY, SshEndpoint};
pub use room::Room;
pub use snapshot::{SnapshotSeen, SnapshotState};
pub use volume::{VolumeSeen, VolumeState};

use crate::ids::{InstanceId, MountKey, NodeName, VolumeId};
use crate::memory::AwaitedId;
use crate::tags::Tags;
use crate::time::Timestamp;

/// Something looked for: seen, seen to be absent, or not seen well enough to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed<T> {
    /// It is there.
    Present(T),
    /// A complete look did not find it. A single look is no proof that it never was.
    Absent,
    /// It could not be told.
    Unknown(Gap),
}

impl<T> Observed<T> {
    /// Returns the value, if it was seen.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Returns why it could not be told, if so.
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Unknown(gap) => Some(gap),
            Self::Present(_) | Self::Absent => None,
        }
    }
}

/// Why something could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What kind of gap it is.
    pub kind: GapKind,
    /// The reason in words, for people; may quote the provider or ssh.
    pub why: String,
    /// When it was last tried.
    pub at: Timestamp,
}

/// Kinds of [`Gap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// Nobody asked yet, or the answer is still under way.
    NotAsked,
    /// It runs, and cannot be asked, as the cloud does not tell its address yet.
    NoAddress,
    /// Asked, and no answer that can be used.
    NoAnswer,
    /// The node answered with another identity than expected; nothing was sent to it.
    WrongHost,
}

/// One bulk look at the cloud: everything that carries the cluster's tag.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CloudView {
    /// When the look was asked for; everything in it is at least this new.
    pub asked_at: Timestamp,
    /// All instances, in any order, terminated ones as long as the provider lists them.
    pub instances: Vec<InstanceSeen>,
    /// All volumes, in any order.
    pub volumes: Vec<VolumeSeen>,
    /// All snapshots, in any order.
    pub snapshots: Vec<SnapshotSeen>,
    /// How many requests the look cost.
    pub requests: u32,
}

/// Something in the cloud that a person names by its id, whosever it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// An instance.
    Instance(InstanceSeen),
    /// A volume.
    Volume(VolumeSeen),
    /// A snapshot.
    Snapshot(SnapshotSeen),
}

impl Found {
    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> String {
        self.awaited_id().to_string()
    }

    /// Returns its id and what it is.
    #[must_use]
    pub fn awaited_id(&self) -> AwaitedId {
        match self {
            Self::Instance(seen) => AwaitedId::Instance(seen.id.clone()),
            Self::Volume(seen) => AwaitedId::Volume(seen.id.clone()),
            Self::Snapshot(seen) => AwaitedId::Snapshot(seen.id.clone()),
        }
    }

    /// Returns its tags.
    #[must_use]
    pub fn tags(&self) -> &Tags {
        match self {
            Self::Instance(seen) => &seen.tags,
            Self::Volume(seen) => &seen.tags,
            Self::Snapshot(seen) => &seen.tags,
        }
    }
}

/// The last answer of each node, or why there is none.
pub type NodeViews = BTreeMap<NodeName, NodeView>;

/// The last answer of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// The instance that was asked; the answer says nothing about any other.
    pub instance: InstanceId,
    /// When the node was asked.
    pub asked_at: Timestamp,
    /// Its answer.
    pub probe: Result<NodeProbe, Gap>,
}

/// What is known about the cluster at one moment: the join of definition, cloud and nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When the cloud was asked.
    pub cloud_asked_at: Timestamp,
    /// Every node that is defined or was seen, in the order: defined ones as in the file, then others.
    pub nodes: Vec<NodeObservation>,
    /// Every mount that is defined or was seen, likewise.
    pub mounts: Vec<MountObservation>,
    /// Tagged as this cluster's, but naming no node or mount that makes sense.
    pub strangers: Vec<Stranger>,
    /// How many requests the look cost.
    pub requests: u32,
    index: Index,
}

/// Where to find things in an observation, so that a plan's cost grows with the cluster's size only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Index {
    nodes: IndexMap<NodeName, usize>,
    mounts: IndexMap<MountKey, usize>,
    mounts_of_node: IndexMap<NodeName, Vec<usize>>,
    attached: IndexMap<InstanceId, Vec<usize>>,
    snapshot_generation: Option<u64>,
    volume_generation: Option<u64>,
}

impl Observation {
    /// Makes an observation of its parts.
    #[must_use]
    pub fn new(
        cloud_asked_at: Timestamp,
        nodes: Vec<NodeObservation>,
        mounts: Vec<MountObservation>,
        strangers: Vec<Stranger>,
        requests: u32,
    ) -> Self {
        let mut index = Index::default();
        for (at, node) in nodes.iter().enumerate() {
            index.nodes.insert(node.name.clone(), at);
        }
        for (at, mount) in mounts.iter().enumerate() {
            index.mounts.insert(mount.key.clone(), at);
            index.mounts_of_node.entry(mount.key.node.clone()).or_default().push(at);
            for volume in &mount.volumes {
                for attachment in volume.open_attachments() {
                    index.attached.entry(attachment.instance.clone()).or_default().push(at);
                }
                index.volume_generation = index.volume_generation.max(volume.tags.generation());
            }
            let taken = mount.snapshots.iter().filter_map(|seen| seen.tags.generation()).max();
            index.snapshot_generation = index.snapshot_generation.max(taken);
        }
        Self { cloud_asked_at, nodes, mounts, strangers, requests, index }
    }

    /// Returns the node of that name.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> Option<&NodeObservation> {
        self.nodes.get(*self.index.nodes.get(name)?)
    }

    /// Returns the mount of that name.
    #[must_use]
    pub fn mount(&self, key: &MountKey) -> Option<&MountObservation> {
        self.mounts.get(*self.index.mounts.get(key)?)
    }

    /// Lists the mounts that belong to a node.
    pub fn mounts_of(&self, node: &NodeName) -> impl Iterator<Item = &MountObservation> {
        self.at(self.index.mounts_of_node.get(node))
    }

    /// Lists the mounts that have a volume attached to an instance, or on the way to or from it,
    /// whosever mounts they are.
    pub fn attached_to(&self, instance: &InstanceId) -> impl Iterator<Item = &MountObservation> {
        self.at(self.index.attached.get(instance))
    }

    /// Returns the node of the cluster that has a stranger attached.
    #[must_use]
    pub fn holder_of(&self, stranger: &Stranger) -> Option<&NodeObservation> {
        let has_it = |one: &InstanceSeen| stranger.held_by.contains(&one.id);
        self.nodes.iter().find(|node| node.instances.iter().any(has_it))
    }

    /// Returns the running node of a mount of which no listing shows a volume there, and why it has not told what it has
    /// mounted: a volume that lost its name is in no listing, and one that goes back in time shows as free what is used.
    #[must_use]
    pub fn unasked_about(&self, mount: &MountObservation) -> Option<(&NodeObservation, &Gap)> {
        // Of a mount that has left the definition nothing is left to be mounted but what is listed.
        let is_one = mount.is_defined || !mount.volumes.is_empty();
        let is_nowhere = is_one && matches!(mount.filesystem, Observed::Absent);
        let node = self.node(&mount.key.node).filter(|_| is_nowhere)?;
        // Of several with one name none is asked.
        let runs = node.instances.iter().any(|one| one.state == InstanceState::Running);
        match &node.probe {
            Observed::Unknown(gap) if runs => Some((node, gap)),
            Observed::Unknown(_) | Observed::Absent | Observed::Present(_) => None,
        }
    }

    /// Returns why a node that left the definition, and runs, has not told what it has in use: its mounts left with it, and
    /// what lost its name is in no listing.
    #[must_use]
    pub fn unasked<'a>(&self, node: &'a NodeObservation) -> Option<&'a Gap> {
        let runs = node.instances.iter().any(|one| one.state == InstanceState::Running);
        match &node.probe {
            Observed::Unknown(gap) if runs && !node.is_defined => Some(gap),
            Observed::Unknown(_) | Observed::Absent | Observed::Present(_) => None,
        }
    }

    /// Returns a volume's device that a node has in use, that is no volume which is listed, and that may be the one of a
    /// mount: of one without a volume, or of one that left the definition with its node. What a user attached beside
    /// mounts whose volumes are all there is nobody's concern; what is mounted in the place of a mount is told as its.
    #[must_use]
    pub fn unlisted_in_use<'a>(
        &self,
        node: &'a NodeObservation,
    ) -> Option<(&'a String, &'a DeviceSeen)> {
        let lacks = |mount: &MountObservation| mount.is_defined && mount.volumes.is_empty();
        if node.is_defined && !self.mounts_of(&node.name).any(lacks) {
            return None;
        }
        let mut in_use = node.probe.present()?.volumes().filter(|(_, device)| device.is_in_use());
        in_use.find(|(serial, device)| {
            let mut volumes = self.mounts.iter().flat_map(|mount| &mount.volumes);
            let is_listed = volumes.any(|volume| &volume.id.serial() == *serial)
                || self.strangers.iter().any(|stranger| &stranger.serial() == *serial);
            let mut told = self.mounts_of(&node.name).filter_map(|mount| match &mount.filesystem {
                Observed::Present(FilesystemState::MountedElsewhere { at, .. })
                    if mount.volumes.is_empty() =>
                {
                    Some(at)
                }
                _ => None,
            });
            let at: Vec<&String> = device.mounts.iter().map(|mount| &mount.at).collect();
            !is_listed && !told.any(|told| told.iter().any(|point| at.contains(&point)))
        })
    }

    /// Says whether a node has a volume in use, whatever listings show.
    #[must_use]
    pub fn has_in_use(&self, node: &NodeName, volume: &VolumeSeen) -> bool {
        let probe = self.node(node).and_then(|node| node.probe.present());
        let device = probe.and_then(|probe| probe.devices.get(&volume.id.serial()));
        device.is_some_and(DeviceSeen::is_in_use)
    }

    /// Returns the highest generation that any snapshot carries.
    #[must_use]
    pub fn snapshot_generation_max(&self) -> Option<u64> {
        self.index.snapshot_generation
    }

    /// Returns the highest generation that any volume carries.
    #[must_use]
    pub fn volume_generation_max(&self) -> Option<u64> {
        self.index.volume_generation
    }

    fn at<'a>(
        &'a self,
        places: Option<&'a Vec<usize>>,
    ) -> impl Iterator<Item = &'a MountObservation> {
        places.into_iter().flatten().map(|at| &self.mounts[*at])
    }
}

/// One node as seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeObservation {
    /// Its name.
    pub name: NodeName,
    /// Whether the definition has it.
    pub is_defined: bool,
    /// Its instances that are not terminated; more than one is a conflict of identity.
    pub instances: Vec<InstanceSeen>,
    /// Its instances that are terminated and still listed.
    pub terminated: Vec<InstanceSeen>,
    /// The answer of its one running instance. `Absent`: no instance runs, so there is nobody to ask.
    pub probe: Observed<NodeProbe>,
    /// When the node was asked, if it was.
    pub probed_at: Option<Timestamp>,
}

impl NodeObservation {
    /// Returns the node's only living instance; `None` when there is none, or a conflict.
    #[must_use]
    pub fn instance(&self) -> Option<&InstanceSeen> {
        match self.instances.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// One mount as seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountObservation {
    /// Its full name.
    pub key: MountKey,
    /// Whether the definition has it.
    pub is_defined: bool,
    /// Its volumes that are not deleted; more than one is a conflict of identity.
    pub volumes: Vec<VolumeSeen>,
    /// All its snapshots, newest generation first, but for those of checkpoints.
    pub snapshots: Vec<SnapshotSeen>,
    /// Its snapshots that were taken for checkpoints, while it was mounted: the newest first, and those whose number cannot be
    /// read last. They claim no write epoch, cover nothing, and nothing begins from them by itself; so they are kept apart
    /// from those that do.
    pub checkpoints: Vec<SnapshotSeen>,
    /// What the file system of its volume is seen to do. `Absent`: no volume is attached to a living
    /// instance, so nothing can be mounted.
    pub filesystem: Observed<FilesystemState>,
}

impl MountObservation {
    /// Returns the mount's only volume; `None` when there is none, or a conflict.
    #[must_use]
    pub fn volume(&self) -> Option<&VolumeSeen> {
        match self.volumes.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// Something that carries the cluster's tag and fits nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// Its id.
    pub id: String,
    /// What it is: `instance`, `volume` or `snapshot`.
    pub kind: String,
    /// Its state, in the provider's word.
    pub state: String,
    /// Why it fits nowhere.
    pub why: String,
    /// The instances that have it, if it is a volume: it may be in use there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<InstanceId>,
}

impl Stranger {
    /// Returns the serial number under which a machine shows it, if it is a volume.
    #[must_use]
    pub fn serial(&self) -> String {
        VolumeId::new(self.id.as_str()).serial()
    }
}

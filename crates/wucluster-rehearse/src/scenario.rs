//! A run, described whole: the cluster, what goes wrong, what is done, and then calm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, MountName, NodeName};
use wucluster_sim::Lie;

use crate::depot::StoreFault;
use crate::mail::Fate;
use crate::trouble::Trouble;

/// One run. The same description gives the same history on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, for whoever reads it later.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Seed of the world: durations, latencies, ids.
    pub seed: u64,
    /// The nodes with their mounts.
    pub nodes: Vec<NodeShape>,
    /// How the cluster stands at the beginning.
    pub start: Start,
    /// How long it takes to write down anything in the store. Unit: milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub store_takes: u64,
    /// What goes wrong, until calm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
    /// What is done before calm.
    pub steps: Vec<Step>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(millis: &u64) -> bool {
    *millis == 0
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeShape {
    /// Its name.
    pub name: NodeName,
    /// Its mounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<MountShape>,
    /// Its hooks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookShape>,
}

/// A hook of a node, one of each kind at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookShape {
    /// When it runs.
    pub on: HookTime,
    /// How often it says no once things begin to go wrong, until calm.
    pub noes: usize,
    /// Whether a no is only told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_over: bool,
    /// How long each answer takes. Unit: milliseconds.
    #[serde(default)]
    pub takes: u64,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookTime {
    /// Once the mounts are mounted.
    Ready,
    /// Before one of the mounts is unmounted.
    BeforeUnmount,
    /// Before the machine is ended.
    BeforeHalt,
}

impl HookTime {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ready, Self::BeforeUnmount, Self::BeforeHalt];

    /// Returns its key in a definition; also the command that it runs here.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::BeforeUnmount => "before-unmount",
            Self::BeforeHalt => "before-halt",
        }
    }
}

/// A mount of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountShape {
    /// Its name.
    pub name: MountName,
    /// Whether its file system is XFS, and not ext4.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub xfs: bool,
    /// Its size. Unit: GiB.
    pub gib: u64,
}

/// How a cluster stands at the beginning of a run; brought about without any fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// It never was.
    Empty,
    /// It is launched, and something is written to every mount.
    Launched,
    /// It was launched, written to, and put away.
    Away,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// An operator drives the cluster to a demand.
    Drive {
        /// The demand.
        demand: Demand,
        /// What ends the drive before it ends itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<Ends>,
        /// What is done beside it: after so many milliseconds, this.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        beside: Vec<(u64, Act)>,
    },
    /// An operator falls asleep on the way; others wait for its silence, and go on; and the first one wakes up.
    #[serde(rename_all = "kebab-case")]
    Asleep {
        /// What the first one drives to.
        first: Demand,
        /// When it falls asleep. Unit: milliseconds after its beginning.
        asleep_after: u64,
        /// For how long it sleeps. Unit: milliseconds.
        asleep_for: u64,
        /// What is done meanwhile, from when it falls asleep.
        meanwhile: Vec<Step>,
    },
    /// Several operators are awake at once, with one store.
    #[serde(rename_all = "kebab-case")]
    Rivals {
        /// What the first one drives to.
        first: Demand,
        /// What befalls the first one's way to the store: after so many milliseconds, this.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cut_off: Vec<(u64, StoreFault)>,
        /// Those who come to it, in their order.
        others: Vec<Rival>,
    },
    /// Something is done while nobody drives.
    Do(Act),
}

/// An operator who comes while another one drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rival {
    /// How long after the one before it began. Unit: milliseconds.
    pub after: u64,
    /// What it drives to.
    pub demand: Demand,
    /// How it comes to the lease.
    pub comes: Comes,
}

/// How an operator comes to a lease that another one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comes {
    /// It waits until the other one has ended, or is silent for long enough.
    Waits,
    /// It takes the other one for gone, rightly or wrongly.
    Takes,
}

/// What ends a drive from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Ends {
    /// The operator is gone after so many milliseconds, in the middle of whatever it did.
    KilledAfter(u64),
    /// The operator is gone the n-th time that it would go on.
    KilledAtTurn(u64),
    /// A person interrupts after so many milliseconds.
    InterruptedAfter(u64),
    /// The operator is gone at one of the points at which it waits.
    Gone {
        /// It is gone the n-th time that it waits, counted from when it takes the lease.
        at_wait: u64,
        /// What becomes of the requests that had not arrived.
        requests: Fate,
        /// What becomes of the objects of the store that were being made.
        objects: Fate,
    },
}

/// Something that users and humans do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A user writes a new file to a mount, if it is mounted.
    Write(MountKey),
    /// A node writes its caches to its devices.
    Sync(NodeName),
    /// A process begins to hold a mount, until it is released.
    Hold(MountKey),
    /// A container begins to hold a mount in another name space.
    HoldElsewhere(MountKey),
    /// All that holds a mount lets go.
    Release(MountKey),
    /// So many milliseconds pass.
    Pass(u64),
    /// A node leaves the definition.
    NodeLeaves(NodeName),
    /// A node comes back into the definition.
    NodeJoins(NodeName),
    /// A mount leaves the definition.
    MountLeaves(MountKey),
    /// A mount comes back into the definition.
    MountJoins(MountKey),
    /// The definition gives a mount another size from now on. Unit: GiB.
    Resize(MountKey, u64),
    /// The definition gives a mount the other kind of file system from now on.
    ChangeKind(MountKey),
    /// The definition gives a mount another mount point from now on.
    MovePoint(MountKey, String),
    /// The definition names another zone from now on.
    ChangeZone(String),
    /// A node's machine loses power.
    PowerCut(NodeName),
    /// A node's hooks say no so many times from now on.
    HooksSayNo(NodeName, usize),
    /// A human stops a node's instance in the console.
    Stop(NodeName),
    /// A human terminates a node's instance in the console.
    Terminate(NodeName),
    /// A human detaches a mount's volume by force.
    ForceDetach(MountKey),
    /// A human deletes a mount's newest snapshot.
    DeleteNewestSnapshot(MountKey),
    /// A human deletes a mount's volume.
    DeleteVolume(MountKey),
    /// A human sets a tag of a mount's volume.
    TagVolume(MountKey, String, String),
    /// A human mounts a mount's device by hand, at another place.
    MountByHand(MountKey),
    /// Somebody puts something else on a volume that holds nothing.
    PutOther(MountKey),
    /// Another host answers in place of a node, until calm.
    Impersonate(NodeName),
    /// What is made next stays out of listings for so many milliseconds.
    Hide(u64),
    /// Somebody deletes the store, with the journals and the log of phases.
    LoseStore,
    /// A person takes the cluster over for the store that it is driven from now.
    Adopt,
    /// Something else befalls the store.
    Store(StoreFault),
    /// The next examination by any node is wrong in such a way.
    Lie(Lie),
}

impl Act {
    /// Returns the mount that it is about, if it is about one.
    #[must_use]
    pub fn mount(&self) -> Option<&MountKey> {
        match self {
            Self::Write(mount)
            | Self::Hold(mount)
            | Self::HoldElsewhere(mount)
            | Self::Release(mount)
            | Self::MountLeaves(mount)
            | Self::MountJoins(mount)
            | Self::Resize(mount, _)
            | Self::ChangeKind(mount)
            | Self::MovePoint(mount, _)
            | Self::ForceDetach(mount)
            | Self::DeleteNewestSnapshot(mount)
            | Self::DeleteVolume(mount)
            | Self::TagVolume(mount, _, _)
            | Self::MountByHand(mount)
            | Self::PutOther(mount) => Some(mount),
            Self::Sync(_)
            | Self::Pass(_)
            | Self::Hide(_)
            | Self::Lie(_)
            | Self::LoseStore
            | Self::Adopt
            | Self::Store(_)
            | Self::Impersonate(_)
            | Self::ChangeZone(_)
            | Self::NodeLeaves(_)
            | Self::NodeJoins(_)
            | Self::PowerCut(_)
            | Self::HooksSayNo(..)
            | Self::Stop(_)
            | Self::Terminate(_) => None,
        }
    }

    /// Returns the node that it is about, if it is about one or a mount of one.
    #[must_use]
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Sync(node)
            | Self::NodeLeaves(node)
            | Self::NodeJoins(node)
            | Self::PowerCut(node)
            | Self::HooksSayNo(node, _)
            | Self::Stop(node)
            | Self::Terminate(node)
            | Self::Impersonate(node) => Some(node),
            Self::Pass(_)
            | Self::Hide(_)
            | Self::Lie(_)
            | Self::LoseStore
            | Self::Adopt
            | Self::Store(_)
            | Self::ChangeZone(_) => None,
            other => other.mount().map(|mount| &mount.node),
        }
    }

    /// Says whether it changes the definition.
    #[must_use]
    pub fn is_edit(&self) -> bool {
        matches!(
            self,
            Self::NodeLeaves(_)
                | Self::NodeJoins(_)
                | Self::MountLeaves(_)
                | Self::MountJoins(_)
                | Self::Resize(..)
                | Self::ChangeKind(_)
                | Self::MovePoint(..)
                | Self::ChangeZone(_)
        )
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(mount) => write!(f, "a user writes to {mount}"),
            Self::Sync(node) => write!(f, "{node} writes its caches"),
            Self::Hold(mount) => write!(f, "a process holds {mount}"),
            Self::HoldElsewhere(mount) => write!(f, "a container holds {mount}"),
            Self::Release(mount) => write!(f, "all lets go of {mount}"),
            Self::Pass(millis) => write!(f, "{millis} ms pass"),
            Self::NodeLeaves(node) => write!(f, "{node} leaves the definition"),
            Self::NodeJoins(node) => write!(f, "{node} comes back into the definition"),
            Self::MountLeaves(mount) => write!(f, "{mount} leaves the definition"),
            Self::MountJoins(mount) => write!(f, "{mount} comes back into the definition"),
            Self::Resize(mount, gib) => write!(f, "the definition gives {mount} {gib} GiB"),
            Self::ChangeKind(mount) => {
                write!(f, "the definition gives {mount} the other kind of file system")
            }
            Self::MovePoint(mount, at) => write!(f, "the definition moves {mount} to {at}"),
            Self::ChangeZone(zone) => write!(f, "the definition moves to the zone {zone}"),
            Self::PowerCut(node) => write!(f, "{node} loses power"),
            Self::HooksSayNo(node, noes) => write!(f, "the hooks of {node} say no {noes} times"),
            Self::Stop(node) => write!(f, "a human stops {node}"),
            Self::Terminate(node) => write!(f, "a human terminates {node}"),
            Self::ForceDetach(mount) => write!(f, "a human detaches {mount} by force"),
            Self::DeleteNewestSnapshot(mount) => {
                write!(f, "a human deletes the newest snapshot of {mount}")
            }
            Self::DeleteVolume(mount) => write!(f, "a human deletes the volume of {mount}"),
            Self::TagVolume(mount, key, value) => {
                write!(f, "a human sets {key} of the volume of {mount} to `{value}`")
            }
            Self::MountByHand(mount) => write!(f, "a human mounts {mount} by hand"),
            Self::PutOther(mount) => write!(f, "somebody puts something else on {mount}"),
            Self::Impersonate(node) => write!(f, "another host answers in place of {node}"),
            Self::Hide(millis) => write!(f, "what is made next is not listed for {millis} ms"),
            Self::LoseStore => f.write_str("somebody deletes the store"),
            Self::Adopt => f.write_str("a person adopts the cluster for this store"),
            Self::Store(fault) => fault.fmt(f),
            Self::Lie(lie) => write!(f, "the next examination by a node goes wrong: {lie:?}"),
        }
    }
}

/// What was changed of the definition so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// Nodes that have left it for now.
    pub nodes: BTreeSet<NodeName>,
    /// Mounts that have left it for now.
    pub mounts: BTreeSet<MountKey>,
    /// Other sizes. Unit: GiB.
    pub sizes: BTreeMap<MountKey, u64>,
    /// Mounts with the other kind of file system.
    pub kinds: BTreeSet<MountKey>,
    /// Other mount points.
    pub points: BTreeMap<MountKey, String>,
    /// Another zone.
    pub zone: Option<String>,
}

impl Edits {
    /// Makes a change of the definition; says whether it is one.
    pub fn make(&mut self, act: &Act) -> bool {
        match act {
            Act::NodeLeaves(node) => self.nodes.insert(node.clone()),
            Act::NodeJoins(node) => self.nodes.remove(node),
            Act::MountLeaves(mount) => self.mounts.insert(mount.clone()),
            Act::MountJoins(mount) => self.mounts.remove(mount),
            Act::Resize(mount, gib) => self.sizes.insert(mount.clone(), *gib) != Some(*gib),
            Act::ChangeKind(mount) => {
                if !self.kinds.remove(mount) {
                    self.kinds.insert(mount.clone());
                }
                true
            }
            Act::MovePoint(mount, at) => {
                self.points.insert(mount.clone(), at.clone()).as_ref() != Some(at)
            }
            Act::ChangeZone(zone) => self.zone.replace(zone.clone()).as_ref() != Some(zone),
            _ => false,
        }
    }

    /// Puts all that left the definition back into it; what is described otherwise stays so.
    pub fn put_back(&mut self) {
        self.nodes.clear();
        self.mounts.clear();
    }
}

impl Scenario {
    /// Lists all mounts that the cluster ever has.
    pub fn mounts(&self) -> impl Iterator<Item = MountKey> {
        self.nodes.iter().flat_map(|node| {
            node.mounts
                .iter()
                .map(|mount| MountKey { node: node.name.clone(), mount: mount.name.clone() })
        })
    }

    /// Returns how a mount is described at the beginning.
    #[must_use]
    pub fn shape(&self, key: &MountKey) -> Option<&MountShape> {
        let node = self.nodes.iter().find(|node| node.name == key.node)?;
        node.mounts.iter().find(|mount| mount.name == key.mount)
    }

    /// Returns the definition as a user would write it, as it was changed.
    #[must_use]
    pub fn definition_text(&self, edits: &Edits) -> String {
        let mut text = "[cluster]\nname = \"swarm\"\n".to_owned();
        if let Some(zone) = &edits.zone {
            let _ = writeln!(text, "zone = \"{zone}\"");
        }
        for node in self.nodes.iter().filter(|node| !edits.nodes.contains(&node.name)) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n[node.{}]", node.name);
            for HookShape { on, passed_over, .. } in &node.hooks {
                let (key, blocks) = (on.key(), !passed_over);
                let _ = writeln!(
                    text,
                    "{key} = [{{ run = \"{key}\", timeout = \"10s\", blocks = {blocks} }}]"
                );
            }
            for mount in &node.mounts {
                let key = MountKey { node: node.name.clone(), mount: mount.name.clone() };
                if !edits.mounts.contains(&key) {
                    let MountShape { name, xfs, gib } = mount;
                    let fs = if *xfs == edits.kinds.contains(&key) { "ext4" } else { "xfs" };
                    let gib = edits.sizes.get(&key).unwrap_or(gib);
                    let usual = format!("/mnt/{name}");
                    let at = edits.points.get(&key).unwrap_or(&usual);
                    let _ = writeln!(
                        text,
                        "mount.{name} = {{ at = \"{at}\", size = \"{gib} GiB\", fs = \"{fs}\" }}"
                    );
                }
            }
        }
        text
    }

    /// Parses the definition as it was changed.
    ///
    /// # Errors
    /// The first thing that is wrong with the names or sizes of the scenario.
    pub fn definition(&self, edits: &Edits) -> Result<ClusterDefinition, String> {
        ClusterDefinition::parse(&self.definition_text(edits)).map_err(|wrong| format!("{wrong:?}"))
    }

    /// Reads a scenario from its JSON.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Returns it as JSON, ready to be kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

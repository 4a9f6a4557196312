//! The ten demands: predicates over an observation, not stages on a line.

mod verdict;

pub(crate) use verdict::{Answer, ready};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Subject;

/// A final state that a user may demand of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// Every node has a running instance and every mount has a volume.
    Instantiated,
    /// Instantiated, and every mount's volume is attached to its own node.
    Attached,
    /// Attached, and every mount is mounted at its mount point inside its node.
    Mounted,
    /// Mounted, and every readiness check passes.
    Launched,
    /// No mount is mounted.
    Unmounted,
    /// Unmounted, and no mount is attached.
    Separated,
    /// Separated, and every mount that exists has a recent snapshot.
    RecentlySnapshotted,
    /// Separated, and every halt check says that its node may stop.
    Haltable,
    /// Separated, and no node runs: each is stopped, or there is none. Volumes stay, and so do the root disks of what is
    /// stopped.
    Parked,
    /// No node runs or is stopped, no volume exists, and nobody's data went with them.
    Away,
}

impl Demand {
    /// All demands, in the order in which they are explained.
    pub const ALL: [Self; 10] = [
        Self::Instantiated,
        Self::Attached,
        Self::Mounted,
        Self::Launched,
        Self::Unmounted,
        Self::Separated,
        Self::RecentlySnapshotted,
        Self::Haltable,
        Self::Parked,
        Self::Away,
    ];

    /// Returns its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instantiated => "instantiated",
            Self::Attached => "attached",
            Self::Mounted => "mounted",
            Self::Launched => "launched",
            Self::Unmounted => "unmounted",
            Self::Separated => "separated",
            Self::RecentlySnapshotted => "recently-snapshotted",
            Self::Haltable => "haltable",
            Self::Parked => "parked",
            Self::Away => "away",
        }
    }

    /// Returns the command that demands it, without the program's name.
    #[must_use]
    pub fn command(self) -> String {
        match self {
            Self::Launched => "launch".to_owned(),
            Self::Parked => "park".to_owned(),
            Self::Away => "put-away".to_owned(),
            Self::Instantiated
            | Self::Attached
            | Self::Mounted
            | Self::Unmounted
            | Self::Separated
            | Self::RecentlySnapshotted
            | Self::Haltable => format!("become {self}"),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Demand {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|demand| demand.as_str() == text).ok_or_else(|| {
            format!(
                "`{text}` is no state; the states are {}",
                Self::ALL.map(Self::as_str).join(", ")
            )
        })
    }
}

/// How far a demand is: met, unmet, or not to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What fails, with the subjects; empty when the demand holds or nothing is known to fail.
    pub unmet: Vec<Shortfall>,
    /// What could not be told.
    pub unknown: Vec<Shortfall>,
}

impl Verdict {
    /// Says whether the demand holds, for certain.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.unmet.is_empty() && self.unknown.is_empty()
    }

    /// Lists all subjects that fall short, or might.
    pub fn shortfalls(&self) -> impl Iterator<Item = &Shortfall> {
        self.unmet.iter().chain(&self.unknown)
    }
}

/// One clause of a demand that does not hold for a subject, or could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// Which clause.
    pub clause: Clause,
    /// For whom.
    pub subject: Subject,
    /// What was seen instead.
    pub why: String,
}

/// The clauses that demands are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// The node has a running instance.
    InstanceRuns,
    /// The mount has a usable volume.
    VolumeExists,
    /// The mount's volume is attached to its own node.
    VolumeAttached,
    /// The mount is mounted at its mount point.
    Mounted,
    /// The mount's volume is no smaller than the definition says.
    VolumeGrown,
    /// The mount's file system fills its volume, as far as its node can tell.
    FilesystemGrown,
    /// The node's readiness checks pass.
    Ready,
    /// The mount is not mounted anywhere.
    NotMounted,
    /// The mount's volume is attached to nothing.
    NotAttached,
    /// The mount's volume is covered by a recent snapshot.
    Snapshotted,
    /// The node's halt checks pass.
    MayHalt,
    /// The node has no instance that runs, or is about to.
    NotRunning,
    /// The node has no instance.
    NoInstance,
    /// The mount has no volume.
    NoVolume,
}

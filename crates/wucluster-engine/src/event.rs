//! What the engine tells while it drives. Screens, journals and `--json` are made of these.

use serde::{Deserialize, Serialize};
use wucluster_core::action::Action;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{ClusterName, MountKey, Subject};
use wucluster_core::interlock::Hold;
use wucluster_core::plan::Row;
use wucluster_core::time::Timestamp;

use crate::records::{Fact, Record};
use crate::store::journal::Damage;

/// One thing that happened, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineEvent {
    /// When, by our clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum EventKind {
    /// The drive begins.
    Started {
        /// The cluster.
        cluster: ClusterName,
        /// The demand.
        demand: Demand,
        /// Which parts of the cluster it is about; none: all of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        only: Vec<String>,
    },
    /// A wave was planned on new observations: everything that a screen shows.
    Planned(Progress),
    /// A node or mount was seen in another state than before.
    Changed {
        /// Who.
        subject: Subject,
        /// The state before, in a word.
        from: String,
        /// The state now, in a word.
        to: String,
        /// The provider's id, if there is one.
        id: Option<String>,
        /// What it does or waits for next, in words.
        note: Option<String>,
    },
    /// A request is about to be made.
    Asked {
        /// About whom.
        subject: Subject,
        /// The request's name.
        name: String,
        /// The request, whole.
        action: Action,
    },
    /// A request was answered.
    Answered {
        /// About whom.
        subject: Subject,
        /// The request's name.
        name: String,
        /// The id of what was made, if anything was.
        made: Option<String>,
    },
    /// A request failed.
    Failed {
        /// About whom.
        subject: Subject,
        /// The request's name.
        name: String,
        /// What went wrong.
        error: String,
        /// How many times in a row.
        times: u32,
    },
    /// A hook said no, and does not block.
    PassedOver {
        /// About whom it was asked.
        subject: Subject,
        /// The hook's command.
        hook: String,
        /// What it printed last.
        output: String,
    },
    /// A look at the cloud failed.
    LookFailed {
        /// What went wrong.
        error: String,
    },
    /// An interlock holds something that it did not hold before.
    Held(Hold),
    /// Something is no longer held.
    Released {
        /// Who.
        subject: Subject,
    },
    /// Data was seen under a write epoch: remembered, so that it is never taken for blank.
    DataSeen {
        /// The mount.
        mount: MountKey,
        /// The write epoch.
        epoch: u64,
    },
    /// A fact that the next drive has to know, whatever becomes of this one.
    Recorded(Fact),
    /// What earlier runs left, told at the beginning of each journal.
    Carried {
        /// The facts.
        records: Vec<Record>,
        /// Which runs may still be written to, and up to which batch they are in the facts.
        read: Vec<(u64, u64)>,
        /// What was wrong with what they left.
        damage: Vec<Damage>,
    },
    /// No new requests from here on; answers that are due are taken.
    Stopping {
        /// How many answers are due.
        due: usize,
    },
    /// The drive ended.
    Finished {
        /// How: `reached`, `held`, `stalled`, `interrupted` or `failed`.
        outcome: String,
        /// How many requests were made, looks included.
        requests: u64,
    },
}

/// How far a drive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// A row for each node and mount.
    pub rows: Vec<Row>,
    /// What is held.
    pub holds: Vec<Hold>,
    /// How many requests were made so far, looks included.
    pub requests: u64,
}

impl Progress {
    /// Returns how many nodes and mounts are where the demand wants them, and how many there are.
    #[must_use]
    pub fn there(&self) -> (usize, usize) {
        (self.rows.iter().filter(|row| row.is_there).count(), self.rows.len())
    }
}

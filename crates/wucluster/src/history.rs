//! What runs left in the cluster's store: the last one, what happened to whom, who drives now.

use serde::Serialize;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;
use wucluster_engine::store::journal;
use wucluster_engine::store::lease::{self, Held, LeaseEnd, LeaseError, Newest};
use wucluster_engine::store::objects::Objects;
use wucluster_engine::{EngineEvent, EventKind};

use crate::operator::is_gone;

/// How many of the latest journals are searched for what happened to one node or mount.
const RUNS_SEARCHED: usize = 20;

/// How many of the latest runs are looked at for the last one that demanded a state.
const RUNS_LOOKED_AT: usize = 5;

/// The last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LastRun {
    /// Its number.
    pub(crate) run: u64,
    /// What it was for.
    pub(crate) demand: Demand,
    /// Which parts of the cluster it was about; none: all of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) only: Vec<String>,
    /// How it ended; `None` when that was not written: it goes on, or was ended from outside.
    pub(crate) outcome: Option<String>,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it last wrote.
    pub(crate) heard_at: Timestamp,
}

impl LastRun {
    /// Returns which part of the cluster it was about.
    pub(crate) fn scope(&self) -> Scope {
        // What was written down was read as parts before.
        Scope::of(self.only.iter().filter_map(|part| part.parse().ok()).collect())
    }
}

/// Who drives the cluster now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Driver {
    /// User and host.
    pub(crate) who: String,
    /// The process.
    pub(crate) pid: u32,
    /// The command, such as `launch`.
    pub(crate) command: String,
    /// Since when.
    pub(crate) since: Timestamp,
    /// The number of its run.
    pub(crate) run: u64,
    /// When it last renewed its lease.
    pub(crate) heard_at: Timestamp,
}

impl From<&Held> for Driver {
    fn from(held: &Held) -> Self {
        let lease = &held.lease;
        Self {
            who: lease.operator.who.clone(),
            pid: lease.operator.pid,
            command: lease.purpose.command.clone(),
            since: lease.since,
            run: lease.run,
            heard_at: held.heard_at,
        }
    }
}

/// What the leases tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lately {
    /// The last run that demanded a state.
    pub(crate) last_run: Option<LastRun>,
    /// Who drives now.
    pub(crate) driver: Option<Driver>,
}

/// Finds out what the last run was and who drives now.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn lately(objects: &dyn Objects) -> Result<Lately, LeaseError> {
    let held = match lease::newest(objects).await? {
        Newest::None => return Ok(Lately::default()),
        Newest::Ended(..) => None,
        Newest::Held(held) => Some(held),
    };
    let runs = lease::all(objects, RUNS_LOOKED_AT).await?;
    let last_run = runs.iter().rev().find_map(|(lease, end)| {
        let demand = lease.purpose.demand?;
        let heard_at = match (end, &held) {
            (Some(LeaseEnd { at, .. }), _) => *at,
            (None, Some(held)) if held.lease.run == lease.run => held.heard_at,
            (None, _) => lease.since,
        };
        Some(LastRun {
            run: lease.run,
            demand,
            only: lease.purpose.only.clone(),
            outcome: end.as_ref().map(|end| end.outcome.clone()),
            started_at: lease.since,
            heard_at,
        })
    });
    let driver = held.filter(|held| !is_gone(&held.lease.operator)).as_ref().map(Driver::from);
    Ok(Lately { last_run, driver })
}

/// Lists the last events about a node or mount, oldest first, each with its run.
///
/// # Errors
/// When the store cannot be read. What is damaged is left out.
pub(crate) async fn about(
    objects: &dyn Objects,
    subject: &Subject,
    most: usize,
) -> Result<Vec<(u64, EngineEvent)>, LeaseError> {
    let runs = lease::all(objects, RUNS_SEARCHED).await?;
    let mut found = Vec::new();
    for (lease, _) in runs.iter().rev() {
        let events = journal::read(objects, lease.run, 0).await?.events;
        let about =
            events.into_iter().rev().filter(|event| subject_of(&event.kind) == Some(subject));
        found.extend(about.take(most - found.len()).map(|event| (lease.run, event)));
        if found.len() == most {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

/// Returns whom an event is about.
pub(crate) fn subject_of(kind: &EventKind) -> Option<&Subject> {
    match kind {
        EventKind::Changed { subject, .. }
        | EventKind::Asked { subject, .. }
        | EventKind::Answered { subject, .. }
        | EventKind::Failed { subject, .. }
        | EventKind::PassedOver { subject, .. }
        | EventKind::Released { subject } => Some(subject),
        EventKind::Held(hold) => Some(&hold.subject),
        EventKind::Started { .. }
        | EventKind::Planned(_)
        | EventKind::LookFailed { .. }
        | EventKind::DataSeen { .. }
        | EventKind::Recorded(_)
        | EventKind::Carried { .. }
        | EventKind::Stopping { .. }
        | EventKind::Finished { .. } => None,
    }
}

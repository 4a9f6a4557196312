//! What a report tells of one run: put together from its lease and its journal, and nothing else.

mod bars;
mod holds;
mod ledger;
mod requests;

pub(crate) use bars::{Bar, Hatch, Mark, Stretch, group_of};
pub(crate) use holds::HoldTold;
pub(crate) use ledger::{Entry, Kept};
pub(crate) use requests::Usage;

use serde::Serialize;
use wucluster_core::demand::Demand;
use wucluster_core::time::Timestamp;
use wucluster_engine::store::journal::RunJournal;
use wucluster_engine::store::lease::{Lease, LeaseEnd};
use wucluster_engine::{EngineEvent, EventKind};

/// The version of what `report --json` prints.
pub(crate) const SCHEMA: &str = "wucluster/report/1";

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Its end is recorded.
    Ended,
    /// Nothing says that its operator is gone.
    GoesOn,
    /// Its end was not recorded: it was ended from outside.
    NoEnd,
}

/// What the store has of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Records<'a> {
    /// The cluster's name.
    pub(crate) cluster: &'a str,
    /// Who drove, and what for.
    pub(crate) lease: &'a Lease,
    /// How it ended; `None` where that is not recorded.
    pub(crate) end: Option<&'a LeaseEnd>,
    /// Whether it may go on.
    pub(crate) goes_on: bool,
    /// What happened.
    pub(crate) journal: &'a RunJournal,
}

/// All that a report tells, but for the events themselves.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// The version of this format.
    pub(crate) schema: &'static str,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The number of the run.
    pub(crate) run: u64,
    /// The command, such as `launch`.
    pub(crate) command: String,
    /// The state that was demanded; `None` where the command demands none.
    pub(crate) demand: Option<Demand>,
    /// User and host of who drove.
    pub(crate) by: String,
    /// The run whose lease was taken over, and how.
    pub(crate) took_over: Option<String>,
    /// When it began.
    pub(crate) began: Timestamp,
    /// When it ended; where no end is recorded, when it was last heard of.
    pub(crate) until: Timestamp,
    /// How it stands.
    pub(crate) standing: Standing,
    /// How it ended, in a word; `None` where no end is recorded.
    pub(crate) outcome: Option<String>,
    /// How many requests were made, looks included; `None` where no end is recorded.
    pub(crate) requests_made: Option<u64>,
    /// How many of the requests that are in the journal failed, those that were too many included.
    pub(crate) failed: usize,
    /// How many were refused for being too many.
    pub(crate) throttled: usize,
    /// How many looks at the cloud failed.
    pub(crate) looks_failed: usize,
    /// What is wrong with the rest of the journal, which is not told.
    pub(crate) damage: Option<String>,
    /// How many events there are.
    pub(crate) events: usize,
    /// A bar for each node and mount.
    pub(crate) bars: Vec<Bar>,
    /// What each kind of request came to.
    pub(crate) usage: Vec<Usage>,
    /// What was held.
    pub(crate) holds: Vec<HoldTold>,
    /// What was deleted, or asked to be.
    pub(crate) ledger: Vec<Entry>,
}

impl Report {
    /// Puts together what is known of a run.
    pub(crate) fn of(records: &Records<'_>) -> Self {
        let Records { cluster, lease, end, goes_on, journal } = *records;
        let events = &journal.events;
        let began = events.iter().map(|event| event.at).fold(lease.since, Timestamp::min);
        let heard = events.iter().map(|event| event.at).fold(began, Timestamp::max);
        let until = end.map_or(heard, |end| end.at.max(heard));
        // What cannot be read may have changed anything.
        let told_until = if journal.damage.is_some() { heard } else { until };
        let finished = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Finished { requests, .. } => Some(*requests),
            _ => None,
        });
        let asks = requests::asks(events);
        let usage = requests::usage(&asks, events);
        let holds = holds::told(events);
        let standing = match (end, goes_on) {
            (Some(_), _) => Standing::Ended,
            (None, true) => Standing::GoesOn,
            (None, false) => Standing::NoEnd,
        };
        Self {
            schema: SCHEMA,
            cluster: cluster.to_owned(),
            run: lease.run,
            command: lease.purpose.command.clone(),
            demand: lease.purpose.demand,
            by: lease.operator.who.clone(),
            took_over: crate::commands::took_over(lease),
            began,
            until,
            standing,
            outcome: end.map(|end| end.outcome.clone()),
            requests_made: end.map(|end| end.requests).or(finished),
            failed: usage.iter().map(|usage| usage.failed).sum(),
            throttled: usage.iter().map(|usage| usage.throttled).sum(),
            looks_failed: events.iter().filter(|event| is_failed_look(event)).count(),
            damage: journal.damage.as_ref().map(ToString::to_string),
            events: events.len(),
            bars: bars::bars(events, &asks, &holds, began, told_until),
            ledger: ledger::entries(&asks, events),
            usage,
            holds,
        }
    }
}

fn is_failed_look(event: &EngineEvent) -> bool {
    matches!(event.kind, EventKind::LookFailed { .. })
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use wucluster_engine::store::journal::Damage;

    use super::testing::{Journal, at};
    use super::*;

    #[test]
    fn a_run_with_an_end_has_its_time_its_outcome_and_its_requests() {
        let told = Journal::put_away().report();
        assert_eq!(told.standing, Standing::Ended);
        assert_eq!((told.began, told.until), (at(0), at(100)));
        assert_eq!((told.outcome.as_deref(), told.requests_made), (Some("held"), Some(64)));
        assert_eq!((told.failed, told.throttled), (2, 1));
    }

    #[test]
    fn a_run_without_an_end_reaches_to_its_last_event() {
        let told = Journal { end: None, ..Journal::put_away() }.report();
        assert_eq!(told.standing, Standing::NoEnd);
        assert_eq!((told.until, told.outcome), (at(90), None));
        let told = Journal { end: None, goes_on: true, ..Journal::put_away() }.report();
        assert_eq!(told.standing, Standing::GoesOn);
    }

    #[test]
    fn bars_end_where_a_damaged_journal_does() {
        let damage = Damage::Torn { run: 7, seq: 9 };
        let told = Journal { damage: Some(damage), ..Journal::put_away() }.report();
        assert_eq!(told.until, at(100), "the end is in the lease");
        let home = told.bars.iter().find(|bar| bar.subject.to_string() == "chief/home").unwrap();
        assert_eq!(home.stretches.last().unwrap().to, at(90));
        let data = told.bars.iter().find(|bar| bar.subject.to_string() == "chief/data").unwrap();
        assert_eq!(data.hatches[0].to, at(90));
    }

    #[test]
    fn a_run_of_which_nothing_is_told_has_no_bars_and_does_not_end_before_it_began() {
        let empty = Journal { events: Vec::new(), end: None, ..Journal::put_away() }.report();
        assert_eq!((empty.began, empty.until), (at(0), at(0)));
        assert!(empty.bars.is_empty() && empty.usage.is_empty() && empty.ledger.is_empty());
    }
}

//! What was asked for, and what came of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;
use wucluster_core::action::Action;
use wucluster_core::ids::Subject;
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind};

/// What every request that was one too many is called, by all providers.
const THROTTLED: &str = "RequestLimitExceeded";

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask<'a> {
    /// About whom.
    pub(crate) subject: &'a Subject,
    /// Its name.
    pub(crate) name: &'a str,
    /// The request, whole.
    pub(crate) action: &'a Action,
    /// When it was asked.
    pub(crate) at: Timestamp,
    /// What came of it.
    pub(crate) came: Came<'a>,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came<'a> {
    /// No answer is recorded: it may have come about.
    Open,
    /// It was answered well.
    Answered {
        /// When.
        at: Timestamp,
        /// The id of what was made, if anything was.
        made: Option<&'a str>,
    },
    /// It failed; or it was answered well and had no effect.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        error: &'a str,
    },
}

/// What one kind of request came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// The request's name.
    pub(crate) name: String,
    /// How many were asked.
    pub(crate) asked: usize,
    /// How many were answered well.
    pub(crate) answered: usize,
    /// How many failed, those that were one too many included.
    pub(crate) failed: usize,
    /// How many were refused for being too many.
    pub(crate) throttled: usize,
    /// Why the last of them failed.
    pub(crate) last_error: Option<String>,
    /// How many have no answer in the journal.
    pub(crate) open: usize,
    /// Half of those that were answered well took no longer. Unit: ms.
    pub(crate) median_ms: Option<u64>,
    /// Of a hundred that were answered well, 95 took no longer. Unit: ms.
    pub(crate) p95_ms: Option<u64>,
}

/// Says whether a failure is the provider's word for too many requests.
pub(crate) fn is_throttled(error: &str) -> bool {
    error.split(':').next().is_some_and(|code| code.trim() == THROTTLED)
}

/// Lists what was asked for, in order, each with the answer to it.
pub(super) fn asks(events: &[EngineEvent]) -> Vec<Ask<'_>> {
    let mut asks: Vec<Ask<'_>> = Vec::new();
    let mut open: BTreeMap<(&Subject, &str), VecDeque<usize>> = BTreeMap::new();
    // What was answered last, of each kind: a failure that answers nothing says that it had no effect.
    let mut answered: BTreeMap<(&Subject, &str), usize> = BTreeMap::new();
    for event in events {
        let at = event.at;
        match &event.kind {
            EventKind::Asked { subject, name, action } => {
                open.entry((subject, name)).or_default().push_back(asks.len());
                asks.push(Ask { subject, name, action, at, came: Came::Open });
            }
            EventKind::Answered { subject, name, made } => {
                let key = (subject, name.as_str());
                if let Some(of) = open.get_mut(&key).and_then(VecDeque::pop_front) {
                    asks[of].came = Came::Answered { at, made: made.as_deref() };
                    answered.insert(key, of);
                }
            }
            EventKind::Failed { subject, name, error, .. } => {
                let key = (subject, name.as_str());
                let of = open.get_mut(&key).and_then(VecDeque::pop_front);
                if let Some(of) = of.or_else(|| answered.remove(&key)) {
                    asks[of].came = Came::Failed { at, error };
                }
            }
            _ => {}
        }
    }
    asks
}

/// Counts requests by name, those that failed without having been asked included.
pub(super) fn usage(asks: &[Ask<'_>], events: &[EngineEvent]) -> Vec<Usage> {
    let mut by_name: BTreeMap<&str, (Usage, Vec<Duration>)> = BTreeMap::new();
    let none = |name: &str| Usage {
        name: name.to_owned(),
        asked: 0,
        answered: 0,
        failed: 0,
        throttled: 0,
        last_error: None,
        open: 0,
        median_ms: None,
        p95_ms: None,
    };
    for ask in asks {
        let (usage, took) = by_name.entry(ask.name).or_insert_with(|| (none(ask.name), Vec::new()));
        usage.asked += 1;
        match ask.came {
            Came::Open => usage.open += 1,
            Came::Answered { at, .. } => {
                usage.answered += 1;
                took.push(at.since(ask.at));
            }
            Came::Failed { .. } => {}
        }
    }
    for event in events {
        if let EventKind::Failed { name, error, .. } = &event.kind {
            let (usage, _) = by_name.entry(name).or_insert_with(|| (none(name), Vec::new()));
            usage.failed += 1;
            usage.throttled += usize::from(is_throttled(error));
            usage.last_error = Some(error.clone());
        }
    }
    let finish = |(mut usage, mut took): (Usage, Vec<Duration>)| {
        took.sort_unstable();
        usage.median_ms = rank(&took, 50);
        usage.p95_ms = rank(&took, 95);
        usage
    };
    by_name.into_values().map(finish).collect()
}

/// Returns what so many of a hundred do not exceed, in ms: the nearest of those that were measured.
fn rank(sorted: &[Duration], percent: usize) -> Option<u64> {
    let place = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    u64::try_from(sorted.get(place)?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Journal, answered, asked_unmount, at, failed};
    use super::*;

    #[test]
    fn answers_belong_to_the_first_request_of_their_kind_that_is_open() {
        let events = [
            asked_unmount(1, "chief/home"),
            asked_unmount(2, "chief/data"),
            failed(3, "chief/data", "umount", "busy"),
            answered(4, "chief/home", "umount", None),
            asked_unmount(5, "chief/data"),
        ];
        let came: Vec<_> = asks(&events).iter().map(|ask| ask.came).collect();
        assert_eq!(
            came,
            [
                Came::Answered { at: at(4), made: None },
                Came::Failed { at: at(3), error: "busy" },
                Came::Open,
            ]
        );
    }

    #[test]
    fn what_was_answered_and_then_failed_had_no_effect() {
        let events = [
            asked_unmount(1, "chief/home"),
            answered(2, "chief/home", "umount", None),
            failed(9, "chief/home", "umount", "it had no effect"),
        ];
        let asks = asks(&events);
        assert_eq!(asks[0].came, Came::Failed { at: at(9), error: "it had no effect" });
        let usage = usage(&asks, &events);
        assert_eq!((usage[0].asked, usage[0].answered, usage[0].failed), (1, 0, 1));
        assert_eq!(usage[0].last_error.as_deref(), Some("it had no effect"));
    }

    #[test]
    fn only_the_providers_own_word_counts_as_too_many() {
        assert!(is_throttled("RequestLimitExceeded: request limit exceeded for CreateTags"));
        assert!(!is_throttled("umount: the user wrote RequestLimitExceeded: into a file"));
    }

    #[test]
    fn median_and_p95_are_measured_ones() {
        let took: Vec<Duration> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!((rank(&took, 50), rank(&took, 95)), (Some(10), Some(19)));
        assert_eq!((rank(&took[..1], 50), rank(&took[..1], 95)), (Some(1), Some(1)));
        assert_eq!(rank(&[], 50), None);
    }

    #[test]
    fn each_kind_of_request_is_counted() {
        let told = Journal::put_away().report();
        let counts: Vec<_> = told
            .usage
            .iter()
            .map(|usage| format!("{} {}/{}", usage.name, usage.answered, usage.asked))
            .collect();
        assert_eq!(
            counts,
            ["CreateSnapshot 1/1", "DeleteVolume 1/2", "TerminateInstances 0/1", "umount 1/2"]
        );
    }
}

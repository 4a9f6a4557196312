//! The timeline: a bar for each node and mount, cut by its state through time.

use std::collections::BTreeMap;

use serde::Serialize;
use wucluster_core::ids::{NodeName, Subject};
use wucluster_core::time::Timestamp;

use wucluster_engine::{EngineEvent, EventKind, Fact};

use super::holds::HoldTold;
use super::requests::{Ask, Came};
use crate::history::subject_of;

/// A node or mount through the time of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Bar {
    /// Who.
    pub(crate) subject: Subject,
    /// Its states one after the other, without gaps. Empty: it did not change, and its state is not in the journal.
    pub(crate) stretches: Vec<Stretch>,
    /// When what was asked about it.
    pub(crate) marks: Vec<Mark>,
    /// When it was held.
    pub(crate) hatches: Vec<Hatch>,
}

/// A time in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stretch {
    /// The state, in a word.
    pub(crate) state: String,
    /// Since when.
    pub(crate) from: Timestamp,
    /// Until when.
    pub(crate) to: Timestamp,
    /// The provider's id, where it was told.
    pub(crate) id: Option<String>,
    /// What it did or waited for when it came into this state.
    pub(crate) note: Option<String>,
}

/// A request about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mark {
    /// When it was asked.
    pub(crate) at: Timestamp,
    /// The request's name.
    pub(crate) name: String,
    /// When it was answered, well or not.
    pub(crate) answered_at: Option<Timestamp>,
    /// Why it failed, if it did.
    pub(crate) error: Option<String>,
}

/// A time in which it was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hatch {
    /// The code of the rule.
    pub(crate) code: &'static str,
    /// What was refused.
    pub(crate) what: String,
    /// Since when.
    pub(crate) from: Timestamp,
    /// Until when.
    pub(crate) to: Timestamp,
}

/// Makes the bars, nodes by their names and numbers, each before its mounts.
pub(super) fn bars(
    events: &[EngineEvent],
    asks: &[Ask<'_>],
    holds: &[HoldTold],
    began: Timestamp,
    until: Timestamp,
) -> Vec<Bar> {
    let mut bars: BTreeMap<Place, Bar> = BTreeMap::new();
    for subject in events.iter().flat_map(|event| subjects(&event.kind)) {
        if let Some(node) = subject.node() {
            bar_of(&mut bars, &Subject::Node(node.clone()));
            bar_of(&mut bars, subject);
        }
    }
    for event in events {
        let EventKind::Changed { subject, from, to, id, note } = &event.kind else { continue };
        let Some(bar) = bar_of(&mut bars, subject) else { continue };
        if bar.stretches.is_empty() {
            bar.stretches.push(Stretch {
                state: from.clone(),
                from: began,
                to: event.at,
                id: None,
                note: None,
            });
        }
        // A clock that was set back does not turn a bar around.
        let last = bar.stretches.last_mut();
        let at = last.as_ref().map_or(event.at, |last| event.at.max(last.from));
        if let Some(last) = last {
            last.to = at;
        }
        let (state, id, note) = (to.clone(), id.clone(), note.clone());
        bar.stretches.push(Stretch { state, from: at, to: until.max(at), id, note });
    }
    for ask in asks {
        let Some(bar) = bar_of(&mut bars, ask.subject) else { continue };
        let (answered_at, error) = match ask.came {
            Came::Open => (None, None),
            Came::Answered { at, .. } => (Some(at), None),
            Came::Failed { at, error } => (Some(at), Some(error.to_owned())),
        };
        bar.marks.push(Mark { at: ask.at, name: ask.name.to_owned(), answered_at, error });
    }
    for told in holds {
        let Some(bar) = bar_of(&mut bars, &told.hold.subject) else { continue };
        bar.hatches.push(Hatch {
            code: told.hold.interlock.code(),
            what: told.hold.what.clone(),
            from: told.from,
            to: told.to.unwrap_or(until),
        });
    }
    bars.into_values().collect()
}

/// Where a bar stands: the node's name without its number, the number, the whole name, the mount.
type Place = (String, u64, String, Option<String>);

/// Returns the bar of a node or mount; what is neither has none.
fn bar_of<'a>(bars: &'a mut BTreeMap<Place, Bar>, subject: &Subject) -> Option<&'a mut Bar> {
    let mount = match subject {
        Subject::Node(_) => None,
        Subject::Mount(key) => Some(key.mount.to_string()),
        Subject::Cluster | Subject::Stranger(_) => return None,
    };
    let node = subject.node()?;
    let (group, number) = group_of(node);
    let place = (group.to_owned(), number, node.to_string(), mount);
    let none = || Bar {
        subject: subject.clone(),
        stretches: Vec::new(),
        marks: Vec::new(),
        hatches: Vec::new(),
    };
    Some(bars.entry(place).or_insert_with(none))
}

/// Splits a node's name into the name of its group and its number: `worker-12` is the 12th of `worker`.
pub(crate) fn group_of(node: &NodeName) -> (&str, u64) {
    let name = node.as_str();
    let split =
        name.rsplit_once('-').and_then(|(group, number)| Some((group, number.parse().ok()?)));
    split.unwrap_or((name, 0))
}

/// Lists whom an event tells of, what earlier runs left included.
fn subjects(kind: &EventKind) -> Vec<&Subject> {
    match kind {
        EventKind::Carried { records, .. } => {
            records.iter().filter_map(|record| lives(&record.fact)).collect()
        }
        EventKind::Recorded(fact) => lives(fact).into_iter().collect(),
        _ => subject_of(kind).into_iter().collect(),
    }
}

/// Returns whose thing a fact says to live.
fn lives(fact: &Fact) -> Option<&Subject> {
    match fact {
        Fact::Lives { subject, .. } => Some(subject),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Journal, at, changed};
    use super::*;

    fn states(bar: &Bar) -> Vec<(&str, i64, i64)> {
        let seconds = |time: Timestamp| (time.as_millis() - at(0).as_millis()) / 1000;
        bar.stretches
            .iter()
            .map(|one| (one.state.as_str(), seconds(one.from), seconds(one.to)))
            .collect()
    }

    #[test]
    fn a_bar_has_no_gaps_from_the_beginning_to_the_end() {
        let told = Journal::put_away().report();
        let home = told.bars.iter().find(|bar| bar.subject.to_string() == "chief/home").unwrap();
        assert_eq!(
            states(home),
            [("mounted", 0, 20), ("attached", 20, 30), ("available", 30, 70), ("away", 70, 100)]
        );
        assert_eq!(home.marks.len(), 4);
        let data = told.bars.iter().find(|bar| bar.subject.to_string() == "chief/data").unwrap();
        assert!(data.stretches.is_empty(), "it did not change");
        assert_eq!((data.hatches[0].code, data.hatches[0].to), ("mount-busy", at(100)));
    }

    #[test]
    fn nodes_stand_by_number_before_their_mounts() {
        let events: Vec<_> = ["worker-10/a", "worker-2", "worker-2/a", "chief/a"]
            .map(|name| changed(1, name, "away", "running"))
            .to_vec();
        let bars = bars(&events, &[], &[], at(0), at(9));
        let names: Vec<_> = bars.iter().map(|bar| bar.subject.to_string()).collect();
        assert_eq!(
            names,
            ["chief", "chief/a", "worker-2", "worker-2/a", "worker-10", "worker-10/a"]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_turn_a_bar_around() {
        let events =
            [changed(5, "chief", "away", "pending"), changed(2, "chief", "pending", "running")];
        let bars = bars(&events, &[], &[], at(0), at(9));
        assert_eq!(states(&bars[0]), [("away", 0, 5), ("pending", 5, 5), ("running", 5, 9)]);
    }
}

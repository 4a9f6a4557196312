//! The longest way: which node or mount came last, and what it waited for, step by step.

use std::time::Duration;

use serde::Serialize;
use wucluster_core::ids::{NodeName, Subject};
use wucluster_core::time::Timestamp;

use super::meter::Glimpse;
use super::story::{Mark, Story};

/// Pauses shorter than this are part of the step after them: the next look, the way of a request.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// One step of the longest way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Whose step it is.
    pub subject: Subject,
    /// What it is.
    #[serde(flatten)]
    pub kind: StepKind,
    /// When it began, since the run did. Unit: milliseconds.
    #[serde(rename = "after_ms", serialize_with = "millis")]
    pub after: Duration,
    /// How long it took. Unit: milliseconds.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
}

/// What a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum StepKind {
    /// From the request until its effect was seen.
    Request {
        /// The request, such as `AttachVolume`.
        request: String,
        /// The state that came of it.
        to: String,
    },
    /// From one state to the next, without a request.
    State {
        /// The state that it was in.
        from: String,
        /// The state that came of it.
        to: String,
    },
    /// From the request for a snapshot until it was complete, and seen to be.
    Snapshot,
    /// Until a node's ssh answered.
    Boot,
    /// Until something else was so.
    Wait {
        /// What for, in words.
        on: String,
    },
    /// Until it was looked at.
    Look,
}

pub(crate) fn millis<S: serde::Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Walks back from the end of a run to its beginning, along what each step waited for.
///
/// What a request waited for is taken to be the last change before it that it can have waited for: the
/// engine asks as soon as it may.
pub(crate) fn longest(story: &Story, glimpses: &[Glimpse]) -> Vec<Step> {
    let mut steps = Vec::new();
    let changes = changes(story);
    let Some((mut at, mut subject)) =
        changes.iter().map(|change| (change.at, change.subject)).max()
    else {
        return steps;
    };
    let mut walk = Walk { story, steps: &mut steps };
    if story.ended.since(at) >= PAUSE_MIN {
        walk.step(subject, StepKind::Look, at, story.ended);
    }
    loop {
        let (mut from, asked) = walk.back(subject, at);
        if let Some(begun) = walk.snapshot_before(subject, from) {
            walk.step(subject, StepKind::Snapshot, begun, from);
            from = begun;
        }
        if from <= story.started {
            break;
        }
        let before = match &asked {
            Some(request) => trigger(&changes, subject, request, from),
            None => Some((from, subject)),
        };
        let (then, whose) = before.unwrap_or((story.started, subject));
        if from.since(then) >= PAUSE_MIN {
            let kind = walk.pause(subject, then, from, glimpses);
            walk.step(subject, kind, then, from);
        } else if let Some(last) = walk.steps.last_mut() {
            last.took += from.since(then);
            last.after = then.since(story.started);
        }
        if then <= story.started || then >= at {
            break;
        }
        (at, subject) = (then, whose);
    }
    steps.reverse();
    steps
}

/// A change of a node or mount.
struct Change<'a> {
    at: Timestamp,
    subject: &'a Subject,
    to: &'a str,
}

/// Lists all changes, in the order of subjects.
fn changes(story: &Story) -> Vec<Change<'_>> {
    let mut changes = Vec::new();
    for (subject, marks) in &story.marks {
        for (at, mark) in marks {
            if let Mark::Changed { to, .. } = mark {
                changes.push(Change { at: *at, subject, to });
            }
        }
    }
    changes
}

/// Returns the last change that a request about a subject can have waited for, up to a time: of
/// the subject itself; for a mount, that its node came to run; for a node's stop or end, of any of its mounts.
fn trigger<'a>(
    changes: &[Change<'a>],
    subject: &Subject,
    request: &str,
    until: Timestamp,
) -> Option<(Timestamp, &'a Subject)> {
    let may_lead = |change: &&Change<'a>| match (subject, change.subject) {
        _ if change.at > until => false,
        (Subject::Mount(_), Subject::Node(node)) => {
            subject.node() == Some(node) && change.to == "running"
        }
        (Subject::Node(node), Subject::Mount(_)) => {
            matches!(request, "StopInstances" | "TerminateInstances")
                && change.subject.node() == Some(node)
        }
        (one, other) => one == other,
    };
    changes.iter().filter(may_lead).map(|change| (change.at, change.subject)).max()
}

struct Walk<'a> {
    story: &'a Story,
    steps: &'a mut Vec<Step>,
}

impl Walk<'_> {
    fn step(&mut self, subject: &Subject, kind: StepKind, from: Timestamp, to: Timestamp) {
        let (after, took) = (from.since(self.story.started), to.since(from));
        self.steps.push(Step { subject: subject.clone(), kind, after, took });
    }

    /// Tells what led to the change of a subject at a time; returns when that began, and the request
    /// if it was one.
    fn back(&mut self, subject: &Subject, at: Timestamp) -> (Timestamp, Option<String>) {
        let none = Vec::new();
        let marks = self.story.marks.get(subject).unwrap_or(&none);
        let Some(this) = marks
            .iter()
            .rposition(|(when, mark)| *when <= at && matches!(mark, Mark::Changed { .. }))
        else {
            return (self.story.started, None);
        };
        let Mark::Changed { from, to } = &marks[this].1 else {
            return (self.story.started, None);
        };
        for (when, mark) in marks[..this].iter().rev() {
            match mark {
                Mark::Asked(request) => {
                    let kind = StepKind::Request { request: request.clone(), to: to.clone() };
                    self.step(subject, kind, *when, at);
                    return (*when, Some(request.clone()));
                }
                Mark::Changed { .. } => {
                    let kind = StepKind::State { from: from.clone(), to: to.clone() };
                    self.step(subject, kind, *when, at);
                    return (*when, None);
                }
                Mark::Waits(_) => {}
            }
        }
        // It was so before: the first look at it only showed it.
        self.step(subject, StepKind::Look, self.story.started, at);
        (self.story.started, None)
    }

    /// Says what a subject waited for from one time to another.
    fn pause(
        &self,
        subject: &Subject,
        from: Timestamp,
        to: Timestamp,
        glimpses: &[Glimpse],
    ) -> StepKind {
        let node: Option<&NodeName> = subject.node();
        let is_within = |glimpse: &&Glimpse| {
            Some(&glimpse.node) == node && glimpse.at >= from && glimpse.at <= to
        };
        // A node that answered before and does not now is not booting: it may be on its way out.
        let answered_before = glimpses
            .iter()
            .any(|glimpse| Some(&glimpse.node) == node && glimpse.at < from && glimpse.is_answered);
        let mut within = glimpses.iter().filter(is_within);
        if !answered_before && within.any(|glimpse| !glimpse.is_answered) {
            return StepKind::Boot;
        }
        match self.said(subject, from, to) {
            Some(on) => StepKind::Wait { on },
            None => StepKind::Look,
        }
    }

    /// Returns what a subject was said to wait for most of a time.
    fn said(&self, subject: &Subject, from: Timestamp, to: Timestamp) -> Option<String> {
        let notes: Vec<(Timestamp, &String)> = self
            .story
            .marks
            .get(subject)?
            .iter()
            .filter_map(|(at, mark)| match mark {
                Mark::Waits(on) if *at < to => Some((*at, on)),
                Mark::Waits(_) | Mark::Asked(_) | Mark::Changed { .. } => None,
            })
            .collect();
        let mut lasted: Vec<(Duration, &String)> = Vec::new();
        for (n, (at, on)) in notes.iter().enumerate() {
            let end = notes.get(n + 1).map_or(to, |(next, _)| *next);
            let span = end.since(from.max(*at));
            match lasted.iter_mut().find(|(_, known)| known == on) {
                Some((sum, _)) => *sum += span,
                None => lasted.push((span, on)),
            }
        }
        lasted.into_iter().max_by_key(|(span, _)| *span).map(|(_, on)| on.clone())
    }

    /// Returns when the snapshot was asked for that a deletion waited for.
    fn snapshot_before(&self, subject: &Subject, deleted_at: Timestamp) -> Option<Timestamp> {
        let marks = self.story.marks.get(subject)?;
        let asked = |name: &str| {
            let name = name.to_owned();
            move |mark: &Mark| matches!(mark, Mark::Asked(request) if *request == name)
        };
        let is_deletion = asked("DeleteVolume");
        marks.iter().find(|(at, mark)| *at == deleted_at && is_deletion(mark))?;
        let is_snapshot = asked("CreateSnapshot");
        let taken = marks.iter().rfind(|(at, mark)| *at < deleted_at && is_snapshot(mark));
        taken.map(|(at, _)| *at)
    }
}

//! What happened in a run, kept as briefly as forecasts need it.

use std::collections::BTreeMap;

use wucluster_core::action::{Action, CloudAction};
use wucluster_core::ids::Subject;
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind};

/// Something that a node or mount went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A request about it was made.
    Asked(String),
    /// It was seen in another state.
    Changed {
        /// The state before.
        from: String,
        /// The state now.
        to: String,
    },
    /// It began to wait for something, in words.
    Waits(String),
}

/// A run, by subject.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) marks: BTreeMap<Subject, Vec<(Timestamp, Mark)>>,
    /// What was asked to be deleted.
    pub(crate) deletions: Vec<CloudAction>,
    /// What each row waited for last, in the order of rows.
    notes: Vec<Option<String>>,
}

impl Story {
    /// Takes an event.
    pub(crate) fn take(&mut self, event: &EngineEvent) {
        self.ended = event.at;
        match &event.kind {
            EventKind::Started { .. } => self.started = event.at,
            EventKind::Asked { subject, name, action } => {
                self.mark(event.at, subject, Mark::Asked(name.clone()));
                if let Action::Cloud(
                    deletes @ (CloudAction::TerminateInstance { .. }
                    | CloudAction::DeleteVolume { .. }),
                ) = action
                    && !self.deletions.contains(deletes)
                {
                    self.deletions.push(deletes.clone());
                }
            }
            EventKind::Changed { subject, from, to, .. } => {
                let (from, to) = (from.clone(), to.clone());
                self.mark(event.at, subject, Mark::Changed { from, to });
            }
            EventKind::Planned(progress) => {
                self.notes.resize(progress.rows.len(), None);
                for (at, row) in progress.rows.iter().enumerate() {
                    if self.notes[at] == row.note {
                        continue;
                    }
                    self.notes[at].clone_from(&row.note);
                    if let Some(note) = &row.note {
                        self.mark(event.at, &row.subject, Mark::Waits(note.clone()));
                    }
                }
            }
            EventKind::Answered { .. }
            | EventKind::Failed { .. }
            | EventKind::PassedOver { .. }
            | EventKind::LookFailed { .. }
            | EventKind::DataSeen { .. }
            | EventKind::Recorded(_)
            | EventKind::Carried { .. }
            | EventKind::Held(_)
            | EventKind::Released { .. }
            | EventKind::Stopping { .. }
            | EventKind::Finished { .. } => {}
        }
    }

    fn mark(&mut self, at: Timestamp, subject: &Subject, mark: Mark) {
        match self.marks.get_mut(subject) {
            Some(marks) => marks.push((at, mark)),
            None => {
                self.marks.insert(subject.clone(), vec![(at, mark)]);
            }
        }
    }
}

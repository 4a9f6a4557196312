//! The safety ledger: what was deleted, or asked to be, and what keeps its data.

use std::collections::BTreeMap;

use serde::Serialize;
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::ids::Subject;
use wucluster_core::time::Timestamp;

use wucluster_engine::{EngineEvent, EventKind, Fact};

use super::requests::{Ask, Came};

/// A machine, a volume or a snapshot that was asked to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// Whose it was.
    pub(crate) subject: Subject,
    /// Its id.
    pub(crate) id: String,
    /// What keeps its data.
    #[serde(flatten)]
    pub(crate) kept: Kept,
    /// When its deletion was first asked.
    pub(crate) asked_at: Timestamp,
    /// How often it was asked.
    pub(crate) times: usize,
    /// When it was answered well.
    pub(crate) answered_at: Option<Timestamp>,
    /// Why the last try failed, if it did.
    pub(crate) error: Option<String>,
    /// When it was seen to be gone.
    pub(crate) gone_at: Option<Timestamp>,
}

/// What keeps the data of something that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kept")]
pub(crate) enum Kept {
    /// A snapshot.
    Snapshot {
        /// Its id.
        snapshot: String,
        /// When this run was told that it is being taken; `None`: an earlier run took it.
        taken_at: Option<Timestamp>,
    },
    /// Nothing, since it never held data.
    NeverHeldData,
    /// Nothing: the root disk of a machine is not kept.
    RootDisk,
}

/// Lists what was asked to be deleted, in the order of the first request.
pub(super) fn entries(asks: &[Ask<'_>], events: &[EngineEvent]) -> Vec<Entry> {
    let mut taken: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for ask in asks {
        if let (
            Action::Cloud(CloudAction::CreateSnapshot { .. }),
            Came::Answered { at, made: Some(made) },
        ) = (ask.action, ask.came)
        {
            taken.insert(made, at);
        }
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut place: BTreeMap<String, usize> = BTreeMap::new();
    for ask in asks {
        let (id, kept) = match ask.action {
            Action::Cloud(CloudAction::DeleteVolume {
                volume, kept_by: Some(snapshot), ..
            }) => {
                let snapshot = snapshot.to_string();
                let taken_at = taken.get(snapshot.as_str()).copied();
                (volume.to_string(), Kept::Snapshot { snapshot, taken_at })
            }
            Action::Cloud(CloudAction::DeleteVolume { volume, kept_by: None, .. }) => {
                (volume.to_string(), Kept::NeverHeldData)
            }
            // An earlier run took the one that keeps the data: this one takes none.
            Action::Cloud(CloudAction::DeleteSnapshot { snapshot, kept_by, .. }) => {
                let kept_by = kept_by.to_string();
                (snapshot.to_string(), Kept::Snapshot { snapshot: kept_by, taken_at: None })
            }
            Action::Cloud(CloudAction::TerminateInstance { instance, .. }) => {
                (instance.to_string(), Kept::RootDisk)
            }
            _ => continue,
        };
        let at = *place.entry(id.clone()).or_insert(entries.len());
        if at == entries.len() {
            entries.push(Entry {
                subject: ask.subject.clone(),
                id,
                kept: kept.clone(),
                asked_at: ask.at,
                times: 0,
                answered_at: None,
                error: None,
                gone_at: None,
            });
        }
        let entry = &mut entries[at];
        entry.times += 1;
        // What keeps it is what the last request named: that is what was judged last.
        entry.kept = kept;
        match ask.came {
            Came::Open => {}
            Came::Answered { at, .. } => {
                entry.answered_at = Some(at);
                entry.error = None;
            }
            Came::Failed { error, .. } => entry.error = Some(error.to_owned()),
        }
    }
    for event in events {
        if let EventKind::Recorded(Fact::Ended { id } | Fact::Vanished { id }) = &event.kind
            && let Some(at) = place.get(id.as_str())
        {
            entries[*at].gone_at.get_or_insert(event.at);
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Journal, at};
    use super::*;

    #[test]
    fn each_thing_stands_once_with_what_keeps_it_and_what_came_of_it() {
        let told = Journal::put_away().report();
        let [volume, machine] = told.ledger.as_slice() else { panic!("{:?}", told.ledger) };
        assert_eq!((volume.id.as_str(), volume.times), ("vol-1", 2));
        let snapshot = "snap-1".to_owned();
        assert_eq!(volume.kept, Kept::Snapshot { snapshot, taken_at: Some(at(40)) });
        assert_eq!((volume.asked_at, volume.answered_at), (at(60), Some(at(65))));
        assert_eq!((volume.error.as_deref(), volume.gone_at), (None, Some(at(70))));
        assert_eq!((machine.kept.clone(), machine.answered_at), (Kept::RootDisk, None));
        assert_eq!(machine.gone_at, None);
    }
}

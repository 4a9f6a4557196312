//! What users wrote, and what happened, as it is remembered outside the world.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wucluster_core::ids::MountKey;
use wucluster_core::time::Timestamp;
use wucluster_sim::EPOCH;

use crate::change::Change;
use crate::scenario::Edits;

/// What users wrote and did.
#[derive(Debug, Default)]
pub struct Notes {
    /// Per mount, the files that were written; each once, with its own name as content.
    pub written: BTreeMap<MountKey, Vec<String>>,
    /// What was changed of the definition.
    pub edits: Edits,
    /// Which changes met what was there before them, and at how many drives.
    pub met: BTreeMap<Change, u64>,
    /// When the store was lost, put back, or a part of it went, last.
    pub forgotten_at: Option<Timestamp>,
    /// What happened, line by line, if it is kept.
    pub story: Option<Vec<String>>,
}

impl Notes {
    /// Writes a line of the story.
    pub fn tell(&mut self, at: Timestamp, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>9.1}  {}", at.since(EPOCH).as_secs_f64(), line()));
        }
    }

    /// Returns the name of the next file for a mount.
    #[must_use]
    pub fn next_file(&self, mount: &MountKey) -> String {
        format!("note-{}", self.written.get(mount).map_or(0, Vec::len) + 1)
    }
}

/// Shared [`Notes`].
#[derive(Debug, Clone, Default)]
pub struct Notebook(Arc<Mutex<Notes>>);

impl Notebook {
    /// Opens the notes.
    pub fn open(&self) -> MutexGuard<'_, Notes> {
        // Notes are whole between any two of their entries.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

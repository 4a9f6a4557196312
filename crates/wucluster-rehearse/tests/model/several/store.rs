//! What operators share: the log of phases, in few bytes, by the real code that reads and enters.

use wucluster_core::phases::{Phase, PhaseEntry, Phases};

use crate::cloud::MOUNTS;
use crate::names::Names;

/// Highest number of a volume of a mount.
pub const VOLUMES: usize = 5;

/// An entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    pub mount: u8,
    pub number: u8,
    pub last: Last,
}

/// What is entered of a volume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Last {
    pub phase: Phase,
    pub epoch: u8,
    /// The snapshot that keeps it; 0: none is named.
    pub kept_by: u8,
}

/// The log, as far as it counts: the last entry of each volume, and the highest epoch that was sealed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Log {
    last: [[Option<Last>; VOLUMES]; MOUNTS],
    sealed: [u8; MOUNTS],
}

impl Log {
    /// What the planner reads.
    pub fn phases(&self, names: &Names) -> Phases {
        let mut phases = Phases::default();
        for mount in 0..names.mounts.len() {
            for (number, last) in (1..).zip(&self.last[mount]) {
                let Some(last) = last else { continue };
                // It was entered once, of whichever volume: only the highest counts.
                let sealed = Last { phase: Phase::Sealed, epoch: self.sealed[mount], kept_by: 0 };
                if self.sealed[mount] > 0 {
                    phases.enter(entry_of(names, mount, number, &sealed));
                }
                phases.enter(entry_of(names, mount, number, last));
            }
        }
        phases
    }

    fn of(names: &Names, phases: &Phases) -> Self {
        let mut log = Self::default();
        for (mount, key) in names.mounts.iter().enumerate() {
            for (number, slot) in (1..).zip(&mut log.last[mount]) {
                let last = phases.of(&Names::volume(mount as u8, number));
                *slot = last.map(Last::of);
            }
            log.sealed[mount] = phases.sealed_epoch(key).map_or(0, |epoch| epoch as u8);
        }
        log
    }

    /// The log with one more entry.
    pub fn with(&self, names: &Names, entry: &Entry) -> Self {
        let mut phases = self.phases(names);
        phases.enter(entry_of(names, usize::from(entry.mount), entry.number, &entry.last));
        Self::of(names, &phases)
    }

    /// The log as a run begins it anew.
    pub fn begun_anew(&self, names: &Names) -> Self {
        let mut known = self.phases(names);
        known.compact();
        let mut phases = Phases::default();
        known.iter().cloned().for_each(|entry| phases.enter(entry));
        Self::of(names, &phases)
    }

    /// Whether it says that the deletion of a volume was begun and not seen to be over.
    pub fn is_deleting(&self, mount: usize, number: u8) -> Option<Last> {
        let last = self.last[mount].get(usize::from(number).checked_sub(1)?)?.as_ref()?;
        (last.phase == Phase::Deleting).then_some(*last)
    }
}

impl Last {
    pub fn of(entry: &PhaseEntry) -> Self {
        Self {
            phase: entry.phase,
            epoch: u8::try_from(entry.epoch).expect("numbers stay small in a small world"),
            kept_by: entry.kept_by.as_ref().map_or(0, |id| Names::number(id.as_str())),
        }
    }
}

fn entry_of(names: &Names, mount: usize, number: u8, last: &Last) -> PhaseEntry {
    PhaseEntry {
        volume: Names::volume(mount as u8, number),
        mount: names.mounts[mount].clone(),
        phase: last.phase,
        epoch: u64::from(last.epoch),
        kept_by: (last.kept_by > 0).then(|| Names::snapshot(mount, last.kept_by)),
    }
}

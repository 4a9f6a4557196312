//! The operator: what it last saw, and what it remembers.
//!
//! Times are told apart only as far as the planner compares them: each look and answer is newer, or
//! not, than the last request's answer and than the attachment's present state.

use wucluster_core::demand::Demand;

use super::ask::{Ask, SUBJECTS};
use super::cloud::{Attach, Cloud, MOUNTS, NODES, Snap, Vol};
use super::names::Layout;
use super::provider::Outcome;

/// Numbers of awaited snapshots begin after this, those of volumes before.
pub const AWAITED_SNAPSHOT: u8 = 100;

/// What a node said of a mount's device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Device {
    #[default]
    None,
    NotExamined,
    Blank,
    Filesystem(u8),
    Mounted,
    /// Held, and in no mount table that was read.
    Held,
}

/// A node's last answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Answer {
    /// The instance that was asked; 0: nobody was.
    pub instance: u8,
    pub is_silent: bool,
    /// Per mount, its device and the number of the volume that it is.
    pub devices: [(Device, u8); MOUNTS],
}

/// What is remembered of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Remembered {
    pub flight: Option<Ask>,
    /// Cleared to destroy once, and to be cleared again on a newer look.
    pub first: Option<Ask>,
    pub awaited: u8,
    /// A creation whose answer was lost.
    pub unsure: Option<Ask>,
    pub tokens: u8,
    /// The last look is older than the cloud's last answer.
    pub is_look_old: bool,
    /// The node's word is older than its last answer to a request.
    pub is_word_old: bool,
}

/// Everything that the operator knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operator {
    pub demand: Demand,
    pub has_looked: bool,
    pub view: Cloud,
    pub answers: [Answer; NODES],
    pub subjects: [Remembered; SUBJECTS],
    /// Per mount, whether the node's word is older than the attachment's state.
    pub is_device_old: [bool; MOUNTS],
    /// Per mount, the highest epoch under which data was seen; kept in the store.
    pub known: [u8; MOUNTS],
}

impl Operator {
    pub fn new(demand: Demand) -> Self {
        Self {
            demand,
            has_looked: false,
            view: Cloud::default(),
            answers: Default::default(),
            subjects: Default::default(),
            is_device_old: Default::default(),
            known: Default::default(),
        }
    }

    /// Begins anew without memory; what the store keeps and listings last said stays.
    pub fn begin_anew(&mut self, demand: Demand) {
        *self = Self { view: self.view, known: self.known, ..Self::new(demand) };
    }

    /// Takes a listing in.
    pub fn look(&mut self, listed: Cloud, truth: &Cloud) {
        for mount in 0..MOUNTS {
            let before = self.view.mounts[mount].volume.attach;
            let now = listed.mounts[mount].volume.attach;
            if now == Attach::None {
                self.is_device_old[mount] = false;
            } else if now != before || !self.has_looked {
                self.is_device_old[mount] = true;
            }
        }
        for (place, subject) in self.subjects.iter_mut().enumerate() {
            subject.is_look_old = false;
            let is_seen = match place.checked_sub(NODES) {
                None => listed.nodes[place].run.is_living(),
                Some(mount) => listed.mounts[mount].volume.state != Vol::None,
            };
            if is_seen {
                subject.unsure = None;
            }
            let awaited = subject.awaited;
            let is_there = |cloud: &Cloud| match place.checked_sub(NODES) {
                None => cloud.nodes[place].number == awaited || cloud.nodes[place].gone == awaited,
                Some(mount) => match awaited.checked_sub(AWAITED_SNAPSHOT) {
                    Some(number) => {
                        cloud.mounts[mount].snapshots[usize::from(number) - 1].state != Snap::None
                    }
                    None => {
                        let volume = &cloud.mounts[mount].volume;
                        volume.number == awaited && volume.state != Vol::None
                    }
                },
            };
            // What vanished before it was seen is waited for until time is up.
            if awaited != 0 && (is_there(&listed) || !is_there(truth)) {
                subject.awaited = 0;
            }
        }
        self.view = listed;
        self.has_looked = true;
    }

    /// Takes a node's answer in, which is newer than all that was known of its devices.
    pub fn take_word(&mut self, layout: Layout, node: usize) {
        for mount in (0..layout.mounts()).filter(|mount| layout.owner(*mount) == node) {
            self.is_device_old[mount] = false;
            self.subjects[NODES + mount].is_word_old = false;
        }
    }

    /// Hears what came of a request that is under way, and returns the request.
    pub fn hear(&mut self, subject: usize, outcome: Option<Outcome>) -> Option<Ask> {
        let remembered = &mut self.subjects[subject];
        let ask = remembered.flight.take()?;
        if ask.is_shell() {
            remembered.is_word_old = true;
        } else {
            remembered.is_look_old = true;
        }
        match outcome {
            Some(Outcome::Made(number)) => {
                let is_snapshot = matches!(ask, Ask::Snapshot { .. });
                remembered.unsure = None;
                remembered.awaited = number + if is_snapshot { AWAITED_SNAPSHOT } else { 0 };
            }
            Some(Outcome::Done) if !ask.is_shell() => remembered.awaited = 0,
            Some(Outcome::TokenSpent) => {
                remembered.tokens += 1;
                remembered.unsure = None;
            }
            Some(Outcome::Done | Outcome::Refused) => {}
            None if matches!(ask, Ask::Run { .. } | Ask::Create { .. }) => {
                remembered.unsure = Some(ask);
            }
            None => {}
        }
        Some(ask)
    }

    /// What the plan depends on.
    pub fn key(&self) -> Self {
        let mut key = *self;
        for subject in &mut key.subjects {
            subject.first = None;
            subject.flight = subject.flight.map(|_| Ask::Unmount { mount: 0, number: 0 });
        }
        key
    }
}

//! One run of one operator: what it knows, and what of it is under way.

use crate::ask::{Ask, SUBJECTS};
use crate::cloud::{MOUNTS, NODES};
use crate::operator::Operator;

use super::store::Log;

/// A request on its way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Late {
    pub subject: u8,
    pub ask: Ask,
    pub sent: Sent,
}

/// Who asked, and when.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Sent {
    /// The run that asked.
    pub run: u8,
    /// The latest run that had begun by then: those that begin later find it written down.
    pub under: u8,
    /// The machine that was meant, if it goes to one.
    pub instance: u8,
}

impl Sent {
    /// Whether a run finds it among what was asked for before.
    pub fn is_known_to(&self, run: u8) -> bool {
        self.run == run || self.under < run
    }
}

/// A run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Driver {
    pub operator: Operator,
    pub run: u8,
    /// The log of phases, as it knows it.
    pub log: Log,
    /// Per mount, the highest epoch that was ever asked to be sealed, as it knows.
    pub sealed: [u8; MOUNTS],
    /// Per mount, the number of the volume whose unmount its node has carried out for this run.
    pub fenced: [u8; MOUNTS],
    /// Per mount, whether this run has asked for a seal since its node last spoke.
    pub has_sealed: [bool; MOUNTS],
    /// Per subject, the last creation that was asked for and the number of what it made, unless that was seen to end.
    pub made: [Option<(Ask, u8)>; SUBJECTS],
    /// Of what is under way.
    pub sent: [Sent; SUBJECTS],
}

/// All that the plan of a run depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Knows {
    pub operator: Operator,
    pub log: Option<Log>,
    pub sealed: [u8; MOUNTS],
    pub fenced: [u8; MOUNTS],
    pub has_sealed: [bool; MOUNTS],
    /// The last creations, as they were asked for.
    pub made: [Option<Ask>; SUBJECTS],
    /// What was asked for and may still come.
    pub open: [Option<(u8, Ask)>; super::world::LATE],
}

impl Driver {
    pub fn new(operator: Operator, run: u8, log: Log, sealed: [u8; MOUNTS]) -> Self {
        Self {
            operator,
            run,
            log,
            sealed,
            fenced: [0; MOUNTS],
            has_sealed: [false; MOUNTS],
            made: [None; SUBJECTS],
            sent: [Sent::default(); SUBJECTS],
        }
    }

    /// What is under way.
    pub fn flights(&self) -> impl Iterator<Item = Late> + '_ {
        let subjects = self.operator.subjects.iter().zip(&self.sent);
        (0..).zip(subjects).filter_map(|(subject, (remembered, sent))| {
            Some(Late { subject, ask: remembered.flight?, sent: *sent })
        })
    }

    /// Remembers what it is about to ask for.
    pub fn ask(&mut self, subject: usize, ask: Ask, sent: Sent) {
        self.operator.subjects[subject].flight = Some(ask);
        self.sent[subject] = sent;
        match ask {
            Ask::Attach { mount, .. } | Ask::Mount { mount, .. } => {
                self.fenced[usize::from(mount)] = 0;
            }
            Ask::TagEpoch { mount, epoch, is_sealed: true, .. } => {
                let mount = usize::from(mount);
                self.sealed[mount] = self.sealed[mount].max(epoch);
                self.has_sealed[mount] = true;
            }
            _ => {}
        }
    }
}

/// The node that a request goes to.
pub fn node_of(layout: crate::names::Layout, ask: Ask) -> Option<usize> {
    match ask {
        Ask::Mkfs { mount, .. } | Ask::Mount { mount, .. } | Ask::Unmount { mount, .. } => {
            Some(layout.owner(usize::from(mount)))
        }
        _ => None,
    }
}

/// The mount of a subject.
pub fn mount_of(subject: usize) -> Option<usize> {
    subject.checked_sub(NODES)
}

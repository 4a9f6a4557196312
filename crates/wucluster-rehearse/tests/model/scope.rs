//! Scopes: how small a world is, and how much may go wrong in it.

use wucluster_core::demand::Demand;
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;

use super::names::Layout;

/// What may go wrong; each time takes one from the scope's budget.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Fault {
    /// C3: a request takes effect and its answer is lost.
    LostAnswer,
    /// C4: its answer is lost, and it takes effect later, or never.
    LateEffect,
    /// O4: and it may do so after its operator died, or was given another demand.
    OutlivesOperator,
    /// C6: one kind of listing still shows what the last look showed.
    OldListing,
    /// O1: the operator dies and is started again, without memory; answers that are due never come.
    Crash,
    /// S1: a snapshot fails.
    SnapshotFails,
    /// N: a machine reboots: nothing is mounted, what was in memory only is gone.
    Reboot,
    /// T: a machine ends, and lets go of its volumes.
    Dies,
    /// N1: a node does not answer, until it does again.
    Silence,
    /// N3: a process works in a mount, until it ends.
    Process,
    /// N4: another name space keeps a mount, until it lets go.
    Pin,
    /// N7: nothing on the node sees what is on a volume.
    LooksBlank,
    /// H: a person stops a machine.
    HumanStops,
    /// H3: a person detaches a volume.
    HumanDetaches,
    /// H3: a person attaches a volume to its machine.
    HumanAttaches,
    /// H2: a person deletes a snapshot.
    HumanDeletesSnapshot,
}

/// How a world begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Start {
    /// Nothing ever was.
    Nothing,
    /// Launched, with data, of which some is in memory only.
    Launched,
    /// The same, with the volume unmounted and detached again.
    Detached,
    /// The same, sealed and with a snapshot.
    Sealed,
    /// Put away, with one snapshot.
    Away,
}

/// A scope.
#[derive(Clone, Debug)]
pub struct Scope {
    pub name: &'static str,
    pub layout: Layout,
    pub start: Start,
    pub demand: Demand,
    /// The other demand, to which it may be changed.
    pub other: Demand,
    pub flips: u8,
    pub writes: u8,
    pub faults: u8,
    pub kinds: &'static [Fault],
    pub ablated: Option<Interlock>,
    pub unguarded: Option<Guard>,
    /// After how many generated states the search is given up.
    pub states_max: usize,
}

impl Scope {
    /// A launched world of one mount that is to be put away; nothing goes wrong.
    pub const fn away(name: &'static str) -> Self {
        Self {
            name,
            layout: Layout::OneMount,
            start: Start::Launched,
            demand: Demand::Away,
            other: Demand::Launched,
            flips: 0,
            writes: 1,
            faults: 0,
            kinds: &[],
            ablated: None,
            unguarded: None,
            states_max: 10_000_000,
        }
    }

    /// A world that is to be launched.
    pub const fn launch(name: &'static str, start: Start) -> Self {
        Self { start, demand: Demand::Launched, other: Demand::Away, ..Self::away(name) }
    }

    pub const fn faults(self, faults: u8, kinds: &'static [Fault]) -> Self {
        Self { faults, kinds, ..self }
    }

    pub const fn flips(self, flips: u8) -> Self {
        Self { flips, ..self }
    }

    pub const fn layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    pub const fn to(self, other: Demand) -> Self {
        Self { other, ..self }
    }

    pub const fn cap(self, states_max: usize) -> Self {
        Self { states_max, ..self }
    }

    pub const fn without(self, rule: Interlock) -> Self {
        Self { ablated: Some(rule), ..self }
    }

    pub const fn unguarded(self, guard: Guard) -> Self {
        Self { unguarded: Some(guard), ..self }
    }

    pub fn has(&self, kind: Fault) -> bool {
        self.kinds.contains(&kind)
    }
}

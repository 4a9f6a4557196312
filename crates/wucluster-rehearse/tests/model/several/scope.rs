//! Scopes: how small a world is, how much may go wrong in it, and which parts of the protocol are there.

use wucluster_core::demand::Demand;
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;

use crate::names::Layout;
use crate::provider::Harm;
use crate::scope::Start;

/// What may go wrong; each time takes one from the scope's budget.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// C3: a request takes effect and its answer is lost.
    LostAnswer,
    /// C4: its answer is lost, and it takes effect later, or never.
    LateEffect,
    /// C5: a request takes effect and is answered, and is carried a second time later.
    Twice,
    /// C6: one kind of listing still shows what the last look showed.
    OldListing,
    /// C7: what an old listing shows may be older than the last look. Beside [`Self::OldListing`].
    BackInTime,
    /// N6: a machine reboots: nothing is mounted, and what was on its way to it is lost.
    Reboot,
    /// N1: a node does not answer, until it does again; what is on its way to it is.
    Deaf,
}

/// How an entry is made in the log of phases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entering {
    /// There is no log.
    Nowhere,
    /// At the end of it, whatever stands there by now.
    Blindly,
    /// Only by whoever knows all of it.
    ByNumber,
}

/// Whose taking away of mounts that are used is judged (I2, I4). Loss of data is always.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Judges {
    /// Each request's.
    All,
    /// Those of requests that come while they are counted on.
    CountedOn,
    /// Nobody's.
    Data,
}

/// A scope.
#[derive(Clone, Debug)]
pub struct Scope {
    pub name: &'static str,
    pub layout: Layout,
    pub start: Start,
    /// The demands of the runs, one after the other; beyond these, each may have either.
    pub demands: &'static [Demand],
    /// How many runs begin.
    pub runs: u8,
    pub writes: u8,
    /// The highest write epoch that is followed.
    pub epochs_max: u8,
    pub faults: u8,
    pub kinds: &'static [Fault],
    /// Whether nothing is asked any more once a later run has the lease.
    pub has_lease: bool,
    /// Whether nodes refuse what an earlier run asks, and mounts from before an unmount.
    pub has_fence: bool,
    pub entering: Entering,
    /// Whether what a run wrote down before it asked is known to the next: epochs that were seen and sealed.
    pub has_records: bool,
    /// Whether what an earlier run asked for is heeded for as long as it may come, and then does not come any more. If
    /// not, it may come at any time, and nobody counts on it.
    pub heeds_open: bool,
    pub judges: Judges,
    /// Whether the machine is kept as it is: what is asked of it is not carried out.
    pub keeps_machine: bool,
    /// Whether a look takes in the node's word as well.
    pub looks_whole: bool,
    pub ablated: &'static [Interlock],
    pub unguarded: &'static [Guard],
    /// After how many generated states the search is given up.
    pub states_max: usize,
}

impl Scope {
    /// The full protocol, in a launched world of one mount whose machine stays; nothing goes wrong but that operators
    /// are overtaken, and that their last requests come at any time.
    pub const fn launched(name: &'static str, runs: u8) -> Self {
        Self {
            name,
            layout: Layout::OneMount,
            start: Start::Launched,
            demands: &[],
            runs,
            writes: 1,
            epochs_max: 9,
            faults: 0,
            kinds: &[],
            has_lease: true,
            has_fence: true,
            entering: Entering::ByNumber,
            has_records: true,
            heeds_open: false,
            judges: Judges::CountedOn,
            keeps_machine: true,
            looks_whole: true,
            ablated: &[],
            unguarded: &[],
            states_max: 20_000_000,
        }
    }

    /// The same, in another world.
    pub const fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    pub const fn layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    pub const fn faults(self, faults: u8, kinds: &'static [Fault]) -> Self {
        Self { faults, kinds, ..self }
    }

    pub const fn writes(self, writes: u8) -> Self {
        Self { writes, ..self }
    }

    pub const fn epochs(self, epochs_max: u8) -> Self {
        Self { epochs_max, ..self }
    }

    pub const fn demands(self, demands: &'static [Demand]) -> Self {
        Self { demands, ..self }
    }

    pub const fn judges(self, judges: Judges) -> Self {
        Self { judges, ..self }
    }

    /// What is asked for comes within the time for which it is heeded.
    pub const fn in_time(self) -> Self {
        Self { heeds_open: true, ..self }
    }

    /// The machine comes and goes.
    pub const fn with_machine(self) -> Self {
        Self { keeps_machine: false, ..self }
    }

    /// Looks and nodes' words are steps of their own.
    pub const fn apart(self) -> Self {
        Self { looks_whole: false, ..self }
    }

    pub const fn no_lease(self) -> Self {
        Self { has_lease: false, ..self }
    }

    pub const fn no_fence(self) -> Self {
        Self { has_fence: false, ..self }
    }

    pub const fn entering(self, entering: Entering) -> Self {
        Self { entering, ..self }
    }

    pub const fn no_records(self) -> Self {
        Self { has_records: false, ..self }
    }

    pub const fn without(self, ablated: &'static [Interlock], unguarded: &'static [Guard]) -> Self {
        Self { ablated, unguarded, ..self }
    }

    /// Whether harm is passed over by which no data is lost: a mount is taken from whoever uses it. What follows from
    /// it is searched.
    pub fn excuses(&self, harm: Option<Harm>, is_late: bool) -> bool {
        let is_counted_on = self.heeds_open || !is_late;
        let is_judged = match self.judges {
            Judges::All => true,
            Judges::CountedOn => is_counted_on,
            Judges::Data => false,
        };
        !is_judged && matches!(harm, Some(Harm::DetachedMounted | Harm::TerminatedMounted))
    }

    /// The demands that a run may have.
    pub fn demands_of(&self, run: u8) -> &'static [Demand] {
        let at = usize::from(run) - 1;
        self.demands.get(at..=at).unwrap_or(&[Demand::Away, Demand::Launched])
    }

    pub fn has(&self, kind: Fault) -> bool {
        self.kinds.contains(&kind)
    }
}

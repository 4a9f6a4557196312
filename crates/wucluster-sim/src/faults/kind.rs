//! The closed list of kinds of faults: one for each row of the fault model.

use std::fmt;

/// Who lets a kind of fault strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Striker {
    /// The world by itself, by its plan of faults.
    World,
    /// Whoever drives: it changes definition or demand, drops operators, starts several of them.
    Driver,
    /// The store of leases, records and journals.
    Store,
}

/// Declares the kinds with id, short name, sentence and striker.
macro_rules! kinds {
    ($($kind:ident $id:literal $name:literal $by:ident $sentence:literal;)+) => {
        /// A kind of fault: a row of the fault model, of which a [`Fault`](super::Fault) is a case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind {
            $(#[doc = concat!($id, ": ", $sentence)] $kind,)+
        }

        impl FaultKind {
            /// All kinds, in the order of the fault model.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// Returns the id of its row, such as `C4`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$kind => $id,)+ }
            }

            /// Returns a short name, for tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// Returns what goes wrong, in a sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$kind => $sentence,)+ }
            }

            /// Returns who lets it strike.
            #[must_use]
            pub const fn striker(self) -> Striker {
                match self { $(Self::$kind => Striker::$by,)+ }
            }
        }
    };
}

kinds! {
    Throttle "A1" "throttle" World
        "Requests are refused because there were too many of them.";
    ServerError "A2" "server error" World
        "Requests fail on the provider's side before they take effect.";
    Denied "A3" "denied" World
        "Credentials run out, a request is not permitted, or its signature's time is refused.";
    SlowCall "C1" "slow call" World
        "A request is under way for long, before its effect or after it.";
    Hang "C2" "hang" World
        "A request is not answered until its caller gives up, whether or not it took effect.";
    LostAnswer "C3" "lost answer" World
        "A request takes effect, and its answer is lost.";
    DelayedEffect "C4" "delayed effect" World
        "A request is answered, or given up, and takes effect later, with its asker alive or dead.";
    RepeatedEffect "C5" "repeated effect" World
        "A request lands twice, or its token was used before.";
    StaleListing "C6" "stale listing" World
        "Listings are late, each attribute of each thing by its own time.";
    WaveringListing "C7" "wavering listing" World
        "Listings show an old value after they showed a newer one.";
    StuckAttachment "C8" "stuck attachment" World
        "An attachment stays attaching, detaching or busy.";
    LateFailure "C9" "late failure" World
        "What was confirmed fails or vanishes later: a volume, its disk, a snapshot.";
    Reuse "C10" "reuse" World
        "An address or a device's name comes to belong to something else.";
    OddDevice "C11" "odd device" World
        "A device is late, missing, renamed, or of a wrong size.";
    TornPages "P1" "torn pages" World
        "A listing lacks something, has it twice, or its pages run out.";
    ZoneOutage "P2" "zone outage" World
        "A zone is out of order: requests about it fail, and so do listings of instances.";
    TornBatch "P3" "torn batch" World
        "Of several requests issued at once some take effect, and none is answered.";
    NoCapacity "K1" "no capacity" World
        "There is no capacity, a limit is reached, or a launch ends in a terminated instance.";
    UnaskedMachine "K2" "unasked machine" World
        "A machine stops, reboots or is terminated unasked, with notice or without.";
    SlowSnapshot "S1" "slow snapshot" World
        "A snapshot stays pending for long.";
    BrokenSnapshot "S2" "broken snapshot" World
        "A snapshot ends in error, stands still on its way, or goes to the recycle bin.";
    TwinSnapshot "S3" "twin snapshot" World
        "One request takes two snapshots, as no token tells a repetition.";
    ShellRefused "N1" "shell refused" World
        "A node's ssh is refused, or another host answers, or it is no ssh that answers.";
    ShellHangs "N2" "shell hangs" World
        "A node's ssh hangs, or is open to one side only, so that a request arrives late.";
    ShellCut "N3" "shell cut" World
        "The connection to a node is lost before, during or after a request's effect.";
    Busy "N4" "busy" World
        "A process, a name space, a nested mount, swap or a mapped device holds a volume.";
    MkfsFails "N5" "mkfs fails" World
        "Making a file system fails half way, or the device turns unreadable before it.";
    MountsItself "N6" "mounts itself" World
        "A file system is mounted by the node itself, at a boot or after an unmount.";
    LyingProbe "N7" "lying probe" World
        "A node's answer is garbage, or lacks devices, or an examination of a device failed.";
    ForeignContent "N8" "foreign content" World
        "A volume that should be blank has something on it.";
    SickNode "N9" "sick node" World
        "A node's root disk is full or read-only, a tool is missing, or sudo asks for a password.";
    OperatorKilled "O1" "operator killed" Driver
        "The operator is gone at any moment, with a request under way.";
    OperatorPaused "O2" "operator paused" Driver
        "The operator is interrupted, or sleeps for hours.";
    SeveralOperators "O3" "several operators" Driver
        "Several operators drive one cluster, with one store or with several.";
    LeaseLost "O4" "lease lost" Store
        "The lease is stolen, broken, or cannot be renewed.";
    OperatorClock "T1" "operator's clock" World
        "The operator's clock is wrong, drifts, or leaps.";
    TokenLifetime "T2" "token lifetime" World
        "Tokens are forgotten sooner than an outage ends.";
    ProviderClock "T3" "provider's clock" World
        "The provider's clock differs from everybody's.";
    StoreBroken "D1" "store broken" Store
        "The store takes no writes.";
    JournalTorn "D2" "journal torn" Store
        "The journal is torn, has wrong bytes, or lacks records.";
    StoreLost "D3" "store lost" Store
        "The store is gone, old, or a copy.";
    StoreConfused "D4" "store confused" Store
        "The store's answers to conditional writes are wrong.";
    HumanTags "H1" "human tags" World
        "A human edits, removes or copies tags.";
    HumanDeletes "H2" "human deletes" World
        "A human deletes something, or marks a volume to be deleted with its instance.";
    HumanHands "H3" "human hands" World
        "A human attaches, detaches, mounts or writes by hand, or makes look-alikes.";
    DefinitionChanged "F1" "definition changed" Driver
        "The definition changes in mid-run.";
    DemandReversed "F2" "demand reversed" Driver
        "The demand is reversed, repeated, or aimed at a part, in mid-run.";
    Namesake "F3" "namesake" World
        "Somebody else's cluster of the same name is in the account.";
}

impl FaultKind {
    /// Says whether the simulated world lets it strike by itself; others are for whoever drives or
    /// stores, and are counted by [`World::count_fault`](crate::World::count_fault).
    #[must_use]
    pub fn is_simulated(self) -> bool {
        self.striker() == Striker::World
    }

    /// Returns the kind whose row has that id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// Returns the kind of a fault's [name](super::Fault::name), which begins with the id.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::from_id(name.split(' ').next()?)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_of_the_48_rows_has_an_id_and_a_name_of_its_own() {
        let ids: BTreeSet<&str> = FaultKind::ALL.iter().map(|kind| kind.id()).collect();
        let names: BTreeSet<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!((FaultKind::ALL.len(), ids.len(), names.len()), (48, 48, 48));
        for kind in FaultKind::ALL {
            assert_eq!(FaultKind::from_id(kind.id()), Some(*kind));
            assert_eq!(FaultKind::of_name(&kind.to_string()), Some(*kind));
            assert!(kind.sentence().ends_with('.'), "{kind}");
        }
    }
}

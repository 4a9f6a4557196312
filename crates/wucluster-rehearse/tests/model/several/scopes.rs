//! The scopes of several operators that are searched.

use wucluster_core::demand::Demand::{self, Away, Launched};
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;

use super::scope::Fault::{BackInTime, Deaf, LateEffect, LostAnswer, OldListing, Reboot, Twice};
use super::scope::{Entering, Fault, Judges, Scope};
use crate::names::Layout;
use crate::scope::Start;

const WIRE: &[Fault] = &[LostAnswer, LateEffect, Twice];
const LOOKS: &[Fault] = &[OldListing];
const ANY: &[Fault] = &[OldListing, LostAnswer, LateEffect, Twice, Reboot, Deaf];
/// Listings that go back in time, and a machine that forgets what it had mounted.
const UNSEEN: &[Fault] = &[OldListing, BackInTime, Reboot];

const TO_AND_FRO: &[Demand] = &[Away, Launched, Away];
const LAUNCHED_TWICE: &[Demand] = &[Away, Launched, Launched, Away];
const LAUNCH_FIRST: &[Demand] = &[Launched, Away];

/// What is searched with every change.
pub fn daily() -> Vec<Scope> {
    vec![
        Scope::launched("overtaken twice", 3).writes(2),
        Scope::launched("overtaken twice, an old look", 3).faults(1, LOOKS),
        Scope::launched("overtaken twice, first launch", 3).start(Start::Nothing).with_machine(),
        Scope::launched("overtaken twice, from a snapshot", 3).start(Start::Sealed).faults(1, WIRE),
        Scope::launched("overtaken, anything", 2).faults(1, ANY),
        Scope::launched("overtaken, anything, word apart", 2).faults(1, ANY).apart(),
        Scope::launched("overtaken, machine and all", 2).with_machine().faults(1, ANY),
        Scope::launched("counted on: overtaken twice", 3).in_time(),
        Scope::launched("counted on: overtaken, anything", 2).faults(1, ANY).in_time(),
        Scope::launched("two mounts", 2).layout(Layout::TwoMounts),
    ]
}

/// What is searched when there is time.
pub fn full() -> Vec<Scope> {
    let mut scopes = daily();
    scopes.extend(no_lease());
    scopes.extend([
        Scope::launched("overtaken thrice", 4).writes(2),
        Scope::launched("overtaken thrice, away and back", 4).start(Start::Sealed).writes(2),
        Scope::launched("overtaken twice, anything", 3).faults(1, ANY),
        Scope::launched("overtaken, anything, twice", 2).faults(2, ANY),
        Scope::launched("overtaken, anything, twice, word apart", 2).faults(2, ANY).apart(),
        Scope::launched("overtaken twice, machine and all", 3).with_machine(),
        Scope::launched("unseen writes", 2)
            .start(Start::Detached)
            .demands(LAUNCH_FIRST)
            .faults(3, UNSEEN)
            .apart(),
        Scope::launched("counted on: overtaken thrice", 4).in_time(),
        Scope::launched("counted on: overtaken, anything, twice", 2).faults(2, ANY).in_time(),
        Scope::launched("no lease: overtaken twice", 3)
            .no_lease()
            .judges(Judges::Data)
            .start(Start::Detached)
            .demands(TO_AND_FRO)
            .epochs(2),
        Scope::launched("two nodes", 2).layout(Layout::TwoNodes),
    ]);
    scopes
}

/// What is searched when there is time, and is too large to be searched whole.
pub fn large() -> Vec<Scope> {
    vec![Scope::launched("overtaken, machine and all, twice", 2).with_machine().faults(2, ANY)]
}

/// The protocol without any lease: no data is lost, and runs take mounts from each other.
pub fn no_lease() -> Vec<Scope> {
    let alone = |name| Scope::launched(name, 2).no_lease().judges(Judges::Data).epochs(3);
    vec![
        alone("no lease: from mounted"),
        alone("no lease: from detached").start(Start::Detached),
        alone("no lease: from sealed").start(Start::Sealed),
    ]
}

const EPOCHS: &[Guard] = &[Guard::RaisedEpoch];
const SEALS: &[Guard] = &[Guard::RaisedEpoch, Guard::EnteredSeal];
const WORD: &[Guard] = &[Guard::NodeFence];
const DOOMED: &[Interlock] = &[Interlock::DeletionEntered];
const COVER: &[Interlock] = &[Interlock::SnapshotOlder];

/// Parts that are taken away, and the invariant that is broken then.
pub fn ablated() -> Vec<(Scope, &'static str)> {
    let bare = |scope: Scope| {
        scope.entering(Entering::Nowhere).no_records().judges(Judges::Data).without(&[], EPOCHS)
    };
    let data = |name, runs| Scope::launched(name, runs).judges(Judges::Data);
    vec![
        (bare(data("nothing", 2)).no_lease().no_fence(), "I1"),
        (bare(data("lease", 3)).no_fence(), "I1"),
        (bare(data("lease, fence", 3)), "I1"),
        (data("lease, fence, epochs; no log", 3).entering(Entering::Nowhere), "I1"),
        (data("lease, fence, epochs; log not heeded", 3).without(DOOMED, &[]), "I1"),
        (
            data("fence, epochs, log without numbers; no lease", 3)
                .no_lease()
                .entering(Entering::Blindly)
                .start(Start::Sealed)
                .demands(TO_AND_FRO)
                .epochs(2),
            "I1",
        ),
        (data("lease, epochs, log; no fence", 4).no_fence().demands(LAUNCHED_TWICE), "I1"),
        (data("all, any snapshot counts", 3).without(COVER, &[]), "I1"),
        (
            data("all but what is entered and written of seals", 3)
                .without(&[], SEALS)
                .no_records(),
            "I1",
        ),
        (
            data("all, no word before a seal", 2)
                .start(Start::Detached)
                .demands(LAUNCH_FIRST)
                .faults(3, UNSEEN)
                .apart()
                .without(&[], WORD),
            "I1",
        ),
        (Scope::launched("all, fence taken away", 3).no_fence(), "I4"),
    ]
}

/// Parts without which nothing is broken, as another one stands behind each.
pub fn spare() -> Vec<Scope> {
    vec![
        Scope::launched("lease, log without numbers", 3).entering(Entering::Blindly),
        Scope::launched("without the raised epoch", 3).without(&[], EPOCHS),
        Scope::launched("without entered seals", 3).without(&[], &[Guard::EnteredSeal]),
        Scope::launched("without records", 3).no_records(),
        Scope::launched("without both", 3).no_records().without(&[], &[Guard::EnteredSeal]),
    ]
}

/// What is known to go wrong still, and the invariant that it breaks.
pub fn gaps() -> Vec<(Scope, &'static str)> {
    vec![
        (Scope::launched("a detachment that nobody counts on", 2).judges(Judges::All), "I4"),
        (Scope::launched("no lease", 2).no_lease(), "I4"),
    ]
}

//! The scopes that are searched.

use wucluster_core::demand::Demand;
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;

use super::names::Layout;
use super::scope::Fault::{
    Crash, Dies, HumanAttaches, HumanDeletesSnapshot, HumanDetaches, HumanStops, LateEffect,
    LooksBlank, LostAnswer, OldListing, OutlivesOperator, Pin, Process, Reboot, Silence,
    SnapshotFails,
};
use super::scope::{Fault, Scope, Start};

const WIRE: &[Fault] = &[LostAnswer, Crash, OldListing];
const STOPPED: &[Fault] = &[HumanStops, OldListing];
const LOOKS: &[Fault] = &[LostAnswer, OldListing];
const CRASHES: &[Fault] = &[LostAnswer, Crash];
const LATE: &[Fault] = &[LateEffect, Crash];
const MACHINES: &[Fault] = &[Reboot, Dies, Silence, Process, Pin];
const PEOPLE: &[Fault] = &[HumanStops, HumanDetaches, HumanAttaches, HumanDeletesSnapshot];
const CONTENT: &[Fault] = &[SnapshotFails, LooksBlank, LostAnswer];
const LAUNCH: &[Fault] = &[LostAnswer, LateEffect, Crash, OldListing, Dies, Reboot];
const ALL: &[Fault] = &[
    LateEffect,
    LostAnswer,
    OldListing,
    Crash,
    SnapshotFails,
    Reboot,
    Dies,
    Silence,
    Process,
    Pin,
    HumanStops,
    HumanDetaches,
    HumanDeletesSnapshot,
];
/// All but late effects, which are known to break I4 where a detachment is asked for twice.
const SOON: &[Fault] = match ALL {
    [LateEffect, soon @ ..] => soon,
    _ => panic!("late effects come first"),
};

/// What is searched with every change.
pub fn daily() -> Vec<Scope> {
    vec![
        Scope::away("put away"),
        Scope::launch("first launch", Start::Nothing).flips(1),
        Scope::launch("launch again, back and forth", Start::Away).flips(2),
        Scope::away("put away, lost answers, crashes, old looks").faults(2, WIRE).flips(1),
        Scope::away("put away, late effects, crashes").faults(2, LATE).flips(1),
        Scope::away("put away, machines and processes").faults(2, MACHINES).flips(1),
        Scope::away("put away, people").faults(2, PEOPLE).flips(1),
        Scope::away("put away, content and snapshots").faults(3, CONTENT).flips(2),
        Scope::launch("first launch, wire and machines", Start::Nothing).faults(2, LAUNCH).flips(1),
        Scope::launch("an old look says stopped", Start::Nothing).faults(2, STOPPED).flips(1),
        Scope::away("put away, separated in between").to(Demand::Separated).faults(1, ALL).flips(2),
        Scope::away("two mounts on one node").layout(Layout::TwoMounts).faults(1, WIRE),
        Scope::away("two nodes").layout(Layout::TwoNodes),
    ]
}

/// What is searched when there is time.
pub fn full() -> Vec<Scope> {
    let mut scopes = daily();
    for scope in &mut scopes {
        scope.states_max = 20_000_000;
    }
    let large = [
        Scope::away("put away, anything but late, twice").faults(2, SOON).flips(1),
        Scope::launch("first launch, anything, twice", Start::Nothing).faults(2, ALL).flips(1),
        Scope::launch("launch again, anything, twice", Start::Away).faults(2, ALL).flips(1),
        Scope::away("put away, answers and old looks, thrice").faults(3, LOOKS).flips(2),
        Scope::away("put away, answers and crashes, thrice").faults(3, CRASHES).flips(2),
        Scope::away("put away, late effects, thrice").faults(3, LATE).flips(2),
        Scope::away("put away, machines, thrice").faults(3, MACHINES).flips(2),
        Scope::away("put away, people, thrice").faults(3, PEOPLE).flips(2),
        Scope::away("put away, content, four times").faults(4, CONTENT).flips(2),
        Scope::away("two mounts, one fault").layout(Layout::TwoMounts).faults(1, ALL),
        Scope::away("two nodes, one fault").layout(Layout::TwoNodes).faults(1, ALL),
    ];
    scopes.extend(large.map(|scope| scope.cap(40_000_000)));
    scopes
}

/// Guards that are taken away, and the invariant that each of them keeps.
pub fn ablated() -> Vec<(Scope, &'static str)> {
    let again = |name| Scope::launch(name, Start::Away).flips(2);
    vec![
        (Scope::away("without mount-busy").without(Interlock::MountBusy), "I4"),
        (
            Scope::away("without still-attached and the node's own word")
                .without(Interlock::StillAttached)
                .unguarded(Guard::NodesWord),
            "I2",
        ),
        (Scope::away("without snapshot-unfinished").without(Interlock::SnapshotUnfinished), "I1"),
        (again("without snapshot-older").without(Interlock::SnapshotOlder), "I1"),
        (again("without snapshot-not-ours").without(Interlock::SnapshotNotOurs), "I1"),
        (again("without data-missing").without(Interlock::DataMissing), "I9"),
    ]
}

/// What is known to go wrong still, and the invariant that it breaks.
pub fn gaps() -> Vec<(Scope, &'static str)> {
    let outlives: &[Fault] = &[LateEffect, OutlivesOperator];
    vec![
        (Scope::away("a detachment that outlives its drive").faults(1, outlives).flips(1), "I4"),
        (
            Scope::away("a late detachment after an old look")
                .faults(2, &[LateEffect, OldListing])
                .flips(1),
            "I4",
        ),
        (Scope::away("old looks around a crash").faults(3, &[Crash, OldListing]).flips(1), "I7"),
    ]
}

/// The scopes after which there is calm.
pub fn calm() -> Vec<Scope> {
    vec![
        Scope::away("put away, wire").faults(2, WIRE).flips(1),
        Scope::away("put away, machines").faults(2, MACHINES).flips(1),
        Scope::away("put away, people").faults(2, PEOPLE).flips(1),
        Scope::away("put away, content").faults(3, CONTENT).flips(1),
        Scope::launch("first launch", Start::Nothing).faults(2, LAUNCH).flips(1),
        Scope::launch("launch again", Start::Away).faults(2, ALL).flips(1),
    ]
}

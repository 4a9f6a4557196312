//! How often the worlds reach what the properties are about: a property of what never comes up says
//! nothing.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use wucluster_core::interlock::Interlock;

use crate::worlds::{any_demand, any_world};

/// How many worlds are counted.
const CASES: usize = 50_000;

/// Least share of worlds whose plan asks for each kind of request. Unit: of ten thousand.
const SHARE_MIN: usize = 10;

const REQUESTS: [&str; 13] = [
    "AttachVolume",
    "CreateSnapshot",
    "CreateTags",
    "CreateVolume",
    "DeleteVolume",
    "DetachVolume",
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
    "mkfs",
    "mount",
    "umount",
];

/// Rules that send a request to an earlier rung, or make it wait, and so are never shown by a plan; and that of pruning,
/// which no plan does.
const SILENT: [Interlock; 6] = [
    Interlock::SnapshotUnfinished,
    Interlock::SnapshotOlder,
    Interlock::SnapshotNotOurs,
    Interlock::DeletionEntered,
    Interlock::SnapshotNeeded,
    // The planner asks for nothing smaller.
    Interlock::NeverShrunk,
];

#[test]
fn every_request_and_every_rule_comes_up_among_the_worlds() {
    let mut runner = TestRunner::deterministic();
    let mut requests: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut holds: BTreeMap<Interlock, usize> = BTreeMap::new();
    let (mut met, mut waiting) = (0_usize, 0_usize);
    let cases = (any_world(), any_demand());
    for _ in 0..CASES {
        let (world, demand) = cases.new_tree(&mut runner).unwrap().current();
        let plan = world.plan(demand);
        met += usize::from(plan.is_met());
        waiting += usize::from(!plan.waits.is_empty());
        for action in &plan.actions {
            *requests.entry(action.action().name()).or_default() += 1;
        }
        for hold in &plan.holds {
            *holds.entry(hold.interlock).or_default() += 1;
        }
    }
    println!("of {CASES} worlds {met} meet their demand, {waiting} wait for something");
    for (name, count) in &requests {
        println!("  do   {name:<20} {count:>7}");
    }
    for (interlock, count) in &holds {
        println!("  held {interlock:<20} {count:>7}");
    }
    for name in REQUESTS {
        let count = requests.get(name).copied().unwrap_or(0);
        assert!(count * 10_000 >= CASES * SHARE_MIN, "{name} is asked for {count} times only");
    }
    let never: Vec<_> = Interlock::ALL
        .iter()
        .filter(|rule| !holds.contains_key(rule) && !SILENT.contains(rule))
        .collect();
    assert!(never.is_empty(), "rules that no world comes under: {never:?}");
}

//! The judges can fail: each guard, switched off, is missed on the day that the page of guards names, and a
//! planted bug is noticed at once.
#![cfg(feature = "ablation")]
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_core::policy::Guard;
use wucluster_rehearse::ablate::{ablate, missed, on_page};
use wucluster_rehearse::guard::AnyGuard;

/// The page that lists who misses which guard.
const PAGE: &str = include_str!("../../../docs/guards.md");

/// A node is mostly asked to unmount before a detachment anyway, and keeps late mounts out from then on: no day is
/// known on which nobody asked it. The node's part is tested by itself.
const MISSED_BY_NOBODY: AnyGuard = AnyGuard::Other(Guard::NodeFence);

#[test]
fn each_guard_is_missed_on_the_day_that_the_page_names() {
    let mut nobody_misses = Vec::new();
    for guard in AnyGuard::all() {
        if guard == MISSED_BY_NOBODY && on_page(PAGE, guard).is_none() {
            nobody_misses.push(guard);
            continue;
        }
        let (day, rule) = on_page(PAGE, guard)
            .unwrap_or_else(|| panic!("{guard}: the page names no day on which it is missed"));
        let violation = missed(guard, &day)
            .unwrap_or_else(|| panic!("{guard}: nobody misses it on day {day} any more"));
        println!("{guard}: day {day}: {violation}");
        assert_eq!(violation.rule.as_str(), rule, "{guard}, day {day}: make the page again");
    }
    // A day on which it is missed takes this line away.
    assert_eq!(nobody_misses, [MISSED_BY_NOBODY]);
}

#[test]
fn a_planted_bug_is_noticed() {
    let caught = ablate(AnyGuard::Canary, 200);
    let caught = caught.expect("200 days must be enough for a bug of that size");
    println!("the canary: day {}: {}", caught.day, caught.violation);
}

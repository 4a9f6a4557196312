//! The judges can fail: each guard, switched off, is missed on the day that the page of guards names, and a
//! planted bug is noticed at once.
#![cfg(feature = "ablation")]
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_rehearse::ablate::{ablate, missed, on_page};
use wucluster_rehearse::guard::AnyGuard;

/// The page that lists who misses which guard.
const PAGE: &str = include_str!("../../../docs/guards.md");

#[test]
fn each_guard_is_missed_on_the_day_that_the_page_names() {
    for guard in AnyGuard::all() {
        let (day, rule) = on_page(PAGE, guard)
            .unwrap_or_else(|| panic!("{guard}: the page names no day on which it is missed"));
        let violation = missed(guard, &day)
            .unwrap_or_else(|| panic!("{guard}: nobody misses it on day {day} any more"));
        println!("{guard}: day {day}: {violation}");
        assert_eq!(violation.rule.as_str(), rule, "{guard}, day {day}: make the page again");
    }
}

#[test]
fn a_planted_bug_is_noticed() {
    let caught = ablate(AnyGuard::Canary, 200);
    let caught = caught.expect("200 days must be enough for a bug of that size");
    println!("the canary: day {}: {}", caught.day, caught.violation);
}

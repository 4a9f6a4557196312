//! The judges can fail: each of these guards, switched off alone, is missed on a known seed, and a
//! planted bug is noticed at once.
#![cfg(feature = "ablation")]
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;
use wucluster_rehearse::ablate::{ablate, missed, seed_on_page};
use wucluster_rehearse::guard::AnyGuard;

/// The page that lists who misses which guard.
const PAGE: &str = include_str!("../../../docs/guards.md");

/// Guards whose line on the page is run again here: those that are missed within the first days.
const PROVED: [AnyGuard; 8] = [
    AnyGuard::Interlock(Interlock::MountBusy),
    AnyGuard::Interlock(Interlock::NodeSilent),
    AnyGuard::Interlock(Interlock::DataMissing),
    AnyGuard::Interlock(Interlock::WrongContents),
    AnyGuard::Interlock(Interlock::BeyondYes),
    AnyGuard::Other(Guard::FreshLook),
    AnyGuard::Other(Guard::StableToken),
    AnyGuard::Canary,
];

/// Reads the rule that the page says is broken without a guard.
fn rule_on_page(guard: AnyGuard) -> String {
    let begin = format!("| `{guard}` |");
    let line = PAGE.lines().find(|line| line.starts_with(&begin)).unwrap_or_default();
    line.split('|').nth(3).unwrap_or_default().trim().trim_matches('`').to_owned()
}

#[test]
fn each_of_these_guards_is_missed_on_the_day_that_the_page_names() {
    for guard in PROVED {
        let seed = seed_on_page(PAGE, guard)
            .unwrap_or_else(|| panic!("{guard}: the page names nobody that misses it"));
        let violation = missed(guard, seed)
            .unwrap_or_else(|| panic!("{guard}: nobody misses it on seed {seed} any more"));
        println!("{guard}: seed {seed}: {violation}");
        let rule = rule_on_page(guard);
        assert_eq!(violation.rule.as_str(), rule, "{guard}, seed {seed}: make the page again");
    }
}

#[test]
fn every_guard_has_its_line() {
    for guard in AnyGuard::all() {
        assert!(PAGE.contains(&format!("| `{guard}` |")), "{guard} is not on the page");
    }
}

#[test]
fn a_planted_bug_is_noticed() {
    let caught = ablate(AnyGuard::Canary, 0..200, None);
    let caught = caught.expect("200 days must be enough for a bug of that size");
    println!("the canary: seed {}: {}", caught.seed, caught.violation);
}

//! The judges can fail: each of these guards, switched off alone, is missed on a known seed, and a
//! planted bug is noticed at once.
#![cfg(feature = "ablation")]
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;
use wucluster_rehearse::ablate::{ablate, missed};
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

/// Reads a guard's line of the page: the seed, and the rule that is broken there.
fn line_of(guard: AnyGuard) -> (u64, String) {
    let begin = format!("| `{guard}` |");
    let line = PAGE
        .lines()
        .find(|line| line.starts_with(&begin))
        .unwrap_or_else(|| panic!("{guard} is not on the page"));
    let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`')).skip(2);
    let seed = cells.next().and_then(|cell| cell.parse().ok());
    let rule = cells.next().unwrap_or_default().to_owned();
    (seed.unwrap_or_else(|| panic!("{guard}: nobody is named that misses it")), rule)
}

#[test]
fn each_of_these_guards_is_missed_on_the_day_that_the_page_names() {
    for guard in PROVED {
        let (seed, rule) = line_of(guard);
        let violation = missed(guard, seed)
            .unwrap_or_else(|| panic!("{guard}: nobody misses it on seed {seed} any more"));
        println!("{guard}: seed {seed}: {violation}");
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

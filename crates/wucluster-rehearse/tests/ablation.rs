//! The judges can fail: each guard, switched off, is missed on the day that the page of guards names, and a
//! planted bug is noticed at once.
#![cfg(feature = "ablation")]
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;
use wucluster_rehearse::ablate::{ablate, missed, on_page};
use wucluster_rehearse::guard::{Ablation, AnyGuard};
use wucluster_rehearse::run::Manner;
use wucluster_rehearse::scenario::Scenario;
use wucluster_rehearse::swarm::run_safely;
use wucluster_rehearse::verdict::Rule;
use wucluster_sim::HarmKind;

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

/// What keeps a machine up for its mounts while its cluster is parked: either of the two guards is enough.
#[test]
fn without_both_guards_a_machine_is_stopped_with_its_mounts() {
    let text = r#"{
        "note": "A cluster is parked while a container holds its mount.",
        "seed": 1,
        "nodes": [{ "name": "n1", "mounts": [{ "name": "home", "gib": 1 }] }],
        "start": "launched",
        "steps": [
            { "do": { "hold-elsewhere": "n1/home" } },
            { "drive": { "demand": "parked" } }
        ]
    }"#;
    let scenario = Scenario::from_json(text).expect("it is a scenario");
    let attached = AnyGuard::Interlock(Interlock::StillAttached);
    let word = AnyGuard::Other(Guard::NodesWord);
    let broken = |ablation: Ablation| -> Vec<Rule> {
        let report = run_safely(&scenario, &Manner { ablation, tells: false });
        report.violations.into_iter().map(|found| found.rule).collect()
    };
    let harm = Rule::Harm(HarmKind::StoppedWhileMounted);
    assert!(broken(Ablation::of(attached).and(word)).contains(&harm));
    for alone in [attached, word] {
        assert!(!broken(Ablation::of(alone)).contains(&harm), "{alone} is missed alone");
    }
    let kept = broken(Ablation::none());
    assert!(kept.is_empty(), "{kept:?}");
}

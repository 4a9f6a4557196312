//! Thousands of bad days, each followed by calm, each judged by the truth.
//!
//! `WUCLUSTER_SEEDS` changes how many.
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_rehearse::generate;
use wucluster_rehearse::run::Manner;
use wucluster_rehearse::swarm::swarm;
use wucluster_rehearse::trouble::kinds;

fn seeds() -> u64 {
    let asked = std::env::var("WUCLUSTER_SEEDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

#[test]
fn ten_thousand_bad_days_end_well() {
    let count = seeds();
    let table = swarm(0..count, &Manner::default(), None, &|seed, report| {
        for found in report.violations.iter().take(2) {
            println!("seed {seed}: {found}");
            println!("   cargo run -p wucluster-rehearse --bin torture -- replay --seed {seed}");
        }
        false
    });
    println!("{}", table.to_text());
    assert_eq!(table.seeds, count);
    assert!(
        table.guilty.is_empty(),
        "{} seeds broke a rule: {:#?}",
        table.guilty.len(),
        table.guilty
    );
    assert_eq!(table.repeated, count.div_ceil(100), "the same seed has the same history");
    if count < 5_000 {
        println!("too few seeds to judge what was felt");
        return;
    }
    // What was planned and never felt proves nothing.
    for kind in kinds() {
        let (felt_in, _) = table.kinds.get(kind.id()).copied().unwrap_or_default();
        assert!(felt_in >= count / 1000, "{kind} was felt in {felt_in} of {count} seeds");
    }
}

#[test]
fn a_seed_is_a_scenario_that_json_keeps_whole() {
    for seed in 0..300 {
        let scenario = generate::scenario(seed);
        let text = scenario.to_json();
        let read = wucluster_rehearse::scenario::Scenario::from_json(&text);
        assert_eq!(read, Ok(scenario), "seed {seed}");
    }
}

#[test]
fn a_tenth_of_the_days_is_fine() {
    let quiet = (0..1000).filter(|seed| generate::scenario(*seed).troubles.is_empty()).count();
    assert!((70..140).contains(&quiet), "{quiet} of 1000 have no fault");
}

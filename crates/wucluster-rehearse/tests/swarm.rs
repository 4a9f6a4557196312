//! Thousands of bad days, each followed by calm, each judged by the truth.
//!
//! `WUCLUSTER_SEEDS` changes how many.
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_rehearse::generate;
use wucluster_rehearse::run::{Manner, Report};
use wucluster_rehearse::swarm::{Debt, changed_days, open_seeds, store_days, swarm};
use wucluster_rehearse::verdict::Rule;
use wucluster_sim::HarmKind;

#[cfg(feature = "ablation")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn seeds() -> u64 {
    let asked = std::env::var("WUCLUSTER_SEEDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

/// No open seed may be about bytes: these rules are kept on every seed. A second instance or volume costs
/// money, and loses nothing.
fn is_never_open(rule: &str) -> bool {
    let costs_money = [HarmKind::TwoInstances, HarmKind::TwoVolumes];
    let harms = HarmKind::ALL.iter().filter(|kind| !costs_money.contains(kind)).copied();
    harms.map(Rule::Harm).chain([Rule::LostData, Rule::Discarded]).any(|it| it.as_str() == rule)
}

#[test]
fn bad_days_end_well_or_are_known_not_to() {
    let count = seeds();
    let tells = |seed, report: &Report| {
        for found in report.violations.iter().take(2) {
            println!("seed {seed}: {found}");
            println!("   cargo run -p wucluster-rehearse --bin torture -- replay --seed {seed}");
        }
        false
    };
    let mut table = swarm(0..count, &Manner::default(), None, &tells);
    let with_changes = changed_days(&(0..count));
    let changed = with_changes.end - with_changes.start;
    table.merge(swarm(with_changes, &Manner::default(), None, &tells));
    let with_store = store_days(&(0..count));
    let stores = with_store.end - with_store.start;
    table.merge(swarm(with_store, &Manner::default(), None, &tells));
    println!("{}", table.to_text());
    assert_eq!((table.days(), table.seeds), (count, count + changed + stores));
    for (seed, what) in &table.guilty {
        println!("open: {seed} {}", what.split(' ').next().unwrap_or_default());
    }
    let Debt { known: _, new, mended } = table.debt();
    assert!(new.is_empty(), "{} seeds broke a rule: {new:#?}", new.len());
    assert!(mended.is_empty(), "these seeds are mended: take them off the list: {mended:?}");
    let all = open_seeds();
    let about_bytes: Vec<_> = all.iter().filter(|(_, rule)| is_never_open(rule)).collect();
    assert!(
        about_bytes.is_empty(),
        "no byte may be at stake on a seed that is open: {about_bytes:?}"
    );
    let repeated = count.div_ceil(100) + changed.div_ceil(100) + stores.div_ceil(100);
    assert_eq!(table.repeated, repeated, "the same seed has the same history");
    if count < 1_000 {
        println!("too few seeds to judge what was felt");
        return;
    }
    // What was planned and never felt proves nothing.
    for (kind, felt_in) in table.rarest_kinds() {
        assert!(felt_in >= count / 100, "{kind} was felt in {felt_in} of {count} seeds");
    }
    for (change, met_in) in table.rarest_changes() {
        assert!(met_in >= changed / 100, "{change} met something in {met_in} of {changed} seeds");
    }
    for (kind, felt_in) in table.rarest_store_kinds() {
        assert!(felt_in >= stores / 100, "{kind} was felt in {felt_in} of {stores} seeds");
    }
    let apart: Vec<_> =
        table.rarest_pairs().into_iter().filter(|(_, felt_in)| *felt_in == 0).collect();
    assert!(count < 10_000 || apart.is_empty(), "never felt together: {apart:?}");
}

#[test]
fn a_seed_is_a_scenario_that_json_keeps_whole() {
    let from = [0, generate::CHANGES_FROM, generate::STORES_FROM];
    for seed in from.into_iter().flat_map(|from| from..from + 200) {
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

//! Forecasts of whole clusters: they repeat themselves, add up, and tell what holds.
#![allow(clippy::unwrap_used, reason = "a test panics")]

use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::scope::Scope;
use wucluster_rehearse::forecast::{Day, Ended, KeptBy, Stage, StepKind, forecast};
use wucluster_rehearse::runs::{Kind, day_with, judged, kills, many};

const TRIO: &str = include_str!("../../../examples/aws.cluster.toml");

fn stage(from: Demand) -> Stage {
    Stage::set(&ClusterDefinition::parse(TRIO).unwrap(), from, 1).unwrap()
}

#[test]
fn the_same_seed_is_the_same_day_and_another_one_is_not() {
    let stage = stage(Demand::Away);
    let seen = |seed| forecast(&stage, Demand::Launched, &Day::calm(seed));
    assert_eq!(seen(7), seen(7));
    assert_ne!(seen(7).took, seen(8).took);
}

#[test]
fn the_longest_way_has_no_gaps_and_takes_as_long_as_the_run() {
    for (from, demand) in [(Demand::Away, Demand::Launched), (Demand::Launched, Demand::Away)] {
        let stage = stage(from);
        for seed in 1..20 {
            let seen = forecast(&stage, demand, &Day::calm(seed));
            let mut at = Duration::ZERO;
            for step in &seen.path {
                assert_eq!(step.after, at, "seed {seed}, {demand}: {:#?}", seen.path);
                at += step.took;
            }
            // What is there last is seen at once, or by the next look.
            let rest = seen.took - at;
            assert!(rest < Duration::from_secs(1), "seed {seed}, {demand}: {rest:?} are missing");
        }
    }
}

#[test]
fn a_put_away_is_as_long_as_its_longest_snapshot_and_keeps_all_data() {
    let seen = forecast(&stage(Demand::Launched), Demand::Away, &Day::calm(1));
    assert_eq!(seen.ended, Ended::Reached);
    assert!(seen.path.iter().any(|step| step.kind == StepKind::Snapshot), "{:#?}", seen.path);
    assert!(seen.is_safe());
    let kept = seen.deleted.iter().filter(|one| one.kept_by == KeptBy::NewSnapshot).count();
    assert_eq!((seen.deleted.len(), kept), (6, 3));
}

#[test]
fn a_part_is_put_away_on_any_day_and_the_rest_stays() {
    let workers = Scope::of(vec!["worker-*".parse().unwrap()]);
    let stage = stage(Demand::Launched).only(workers.clone());
    let seen = forecast(&stage, Demand::Away, &Day::calm(1));
    assert_eq!((seen.ended.clone(), seen.deleted.len()), (Ended::Reached, 4));
    assert!(seen.deleted.iter().all(|one| workers.has(&one.subject)), "{:?}", seen.deleted);
    assert!(seen.is_safe(), "{seen:?}");
    let days = many(&stage, Demand::Away, (1, 30), Duration::ZERO, &mut |_| {});
    assert_eq!((days.violations.as_slice(), days.not_reached), ([].as_slice(), 0));
}

#[test]
fn a_state_that_is_there_already_takes_nothing() {
    let seen = forecast(&stage(Demand::Launched), Demand::Launched, &Day::calm(1));
    assert_eq!((seen.ended, seen.deleted.len()), (Ended::Reached, 0));
    assert!(seen.usage.iter().all(|usage| usage.request.starts_with("Describe")));
}

#[test]
fn a_day_without_capacity_is_held_and_ends_well_once_it_is_over() {
    let stage = stage(Demand::Away);
    let kind = Kind::named("no-capacity").unwrap();
    let held = (0..200)
        .map(|seed| {
            judged(&stage, Demand::Launched, &day_with(&[kind], seed, Duration::ZERO), vec![])
        })
        .find(|report| matches!(report.first.ended, Ended::Held { .. }))
        .unwrap();
    assert!(held.first.faults.contains_key("K1 no capacity"), "{:?}", held.first.faults);
    assert_eq!(held.repeated, Some(Ended::Reached));
    assert!(held.violations.is_empty(), "seed {}: {:?}", held.seed, held.violations);
}

#[test]
fn every_kind_of_fault_is_felt_on_some_day() {
    let (up, down) = (stage(Demand::Away), stage(Demand::Launched));
    for kind in Kind::ALL {
        let is_felt = (0..100).any(|seed| {
            let day = day_with(&[kind], seed, Duration::ZERO);
            let felt = |stage, demand| !forecast(stage, demand, &day).faults.is_empty();
            felt(&up, Demand::Launched) || felt(&down, Demand::Away)
        });
        assert!(is_felt, "{} never struck", kind.name);
    }
}

#[test]
fn bad_days_do_no_harm_and_end() {
    for (from, demand) in [(Demand::Away, Demand::Launched), (Demand::Launched, Demand::Away)] {
        let days = many(&stage(from), demand, (1000, 60), Duration::ZERO, &mut |_| {});
        assert!(days.violations.is_empty(), "{demand}: {:#?}", days.violations);
        assert_eq!(days.reached + days.reached_later + days.not_reached, 60);
        assert!(days.reached_later > 0, "no day was bad enough");
    }
}

#[test]
fn an_operator_that_is_lost_on_the_way_changes_nothing_about_the_end() {
    for (from, demand) in [(Demand::Away, Demand::Launched), (Demand::Launched, Demand::Away)] {
        let seen = kills(&stage(from), demand, &Day::calm(1), 60, &mut |_, _| {});
        assert_eq!((seen.killed, seen.reached, seen.held), (60, 60, 0), "{demand}");
        assert!(seen.violations.is_empty(), "{demand}: {:#?}", seen.violations);
    }
}

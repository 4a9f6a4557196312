//! The closed list of kinds of faults, and random cases of each.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::schedule::{Dice, step};
use common::{Lab, node};
use wucluster_sim::{Fault, FaultKind, Faults, Names, Rng, Striker, World};

fn names() -> Names {
    let lab = Lab::new(World::new(0));
    Names { nodes: vec![node("head"), node("tail")], mounts: vec![lab.mount] }
}

#[test]
fn a_random_case_of_a_kind_is_of_that_kind_and_counted_under_its_id() {
    let mut rng = Rng::new(1, "cases");
    for kind in FaultKind::ALL {
        let cases: Vec<Fault> =
            (0..200).filter_map(|_| Fault::random(*kind, &mut rng, &names())).collect();
        assert_eq!(!cases.is_empty(), kind.is_simulated(), "{kind}");
        for case in &cases {
            assert_eq!(case.kind(), *kind, "{case:?}");
            let name = case.name();
            assert_eq!(name.split(' ').next(), Some(kind.id()), "{case:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
    let plan = |seed| {
        let mut rng = Rng::new(seed, "plan");
        FaultKind::ALL.iter().fold(Faults::none(), |plan, kind| {
            plan.with_kind(*kind, &mut rng, &names(), Duration::from_secs(3600))
        })
    };
    assert_eq!(plan(3), plan(3));
    assert_ne!(plan(3), plan(4));
}

#[test]
fn kinds_that_strike_outside_of_the_world_are_counted_beside_its_own() {
    let mut world = World::new(1);
    world.count_fault(FaultKind::DemandReversed);
    assert_eq!(world.kinds_fired().get(&FaultKind::DemandReversed), Some(&1));
    let outside: BTreeSet<&str> = FaultKind::ALL
        .iter()
        .filter(|kind| kind.striker() != Striker::World)
        .map(|kind| kind.id())
        .collect();
    let expected = ["D1", "D2", "D3", "D4", "F1", "F2", "O1", "O2", "O3", "O4"];
    assert_eq!(outside, BTreeSet::from(expected));
}

#[test]
fn random_plans_let_every_kind_be_felt_and_calm_lets_everything_come_to_rest() {
    let mut felt: BTreeSet<FaultKind> = BTreeSet::new();
    for seed in 0..400 {
        let mut lab = Lab::new(World::new(seed));
        let mut rng = Rng::new(seed, "plan");
        let names = Names { nodes: vec![lab.node.clone()], mounts: vec![lab.mount.clone()] };
        let half = FaultKind::ALL.iter().filter(|_| rng.chance(0.3)).collect::<Vec<_>>();
        let plan = half.into_iter().fold(Faults::none(), |plan, kind| {
            plan.with_kind(*kind, &mut rng, &names, Duration::from_secs(1200))
        });
        lab.world.set_faults(plan);
        let mut dice = Dice(seed);
        for _ in 0..200 {
            step(&mut lab, &mut dice);
        }
        felt.extend(lab.world.kinds_fired().into_keys());
        lab.world.calm();
        assert!(lab.world.settle(Duration::from_secs(24 * 3600)), "seed {seed} comes to rest");
    }
    // Batches and clocks are felt behind the ports only.
    let behind_ports = BTreeSet::from(["C1", "P3", "T1"]);
    let missing: Vec<&str> = FaultKind::ALL
        .iter()
        .filter(|kind| kind.is_simulated() && !felt.contains(kind))
        .map(|kind| kind.id())
        .filter(|id| !behind_ports.contains(id))
        .collect();
    assert_eq!(missing, [] as [&str; 0]);
}

//! The same seed and the same requests give the same history, whatever goes wrong on the way.

mod common;

use std::time::Duration;

use common::Lab;
use common::schedule::{Dice, step};
use wucluster_core::action::CloudAction;
use wucluster_core::interlock::Cleared;
use wucluster_core::ports::{Clock, Cloud, NodeShell};
use wucluster_sim::{Fault, FaultKind, Faults, Limits, Names, Rng, Sim, World};

/// A world that keeps its history as text.
fn told(seed: u64) -> World {
    World::new(seed).with_limits(Limits { keeps_trace: true, ..Limits::default() })
}

/// A random plan of all kinds of faults.
fn all_kinds(seed: u64, lab: &Lab) -> Faults {
    let names = Names { nodes: vec![lab.node.clone()], mounts: vec![lab.mount.clone()] };
    let mut rng = Rng::new(seed, "plan");
    let horizon = Duration::from_secs(1800);
    FaultKind::ALL
        .iter()
        .fold(Faults::none(), |plan, kind| plan.with_kind(*kind, &mut rng, &names, horizon))
}

fn everything() -> Faults {
    let span = Some(Duration::from_secs(90));
    Faults::none()
        .with_chance(0.05, Fault::Throttle)
        .with_chance(0.05, Fault::ServerError)
        .with_chance(0.1, Fault::LostAnswer)
        .with_chance(0.1, Fault::LostShellAnswer)
        .with_chance(0.1, Fault::Hidden { span: Duration::from_secs(30) })
        .with_chance(0.1, Fault::StuckDetaching { span })
        .with_chance(0.2, Fault::SnapshotFails)
        .with_chance(0.1, Fault::VolumeBreaks)
        .with_chance(0.2, Fault::UmountBusy { span })
        .with_rate(20.0, Fault::MachineStops { node: None })
        .with_rate(20.0, Fault::MachineReboots { node: None, is_in_order: false })
        .with_rate(30.0, Fault::Unreachable { node: None, span, hangs: true })
        .with_rate(30.0, Fault::StaleListings { lag: Duration::from_secs(20), span, wavers: true })
}

#[test]
fn the_same_seed_gives_the_same_history_for_50_random_schedules() {
    let mut histories = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let history = || {
            let mut lab = Lab::new(told(seed));
            let plan = all_kinds(seed, &lab);
            lab.world.set_faults(plan);
            let mut dice = Dice(seed);
            for _ in 0..200 {
                step(&mut lab, &mut dice);
            }
            lab.world
        };
        let (first, second) = (history(), history());
        assert_eq!(first.trace(), second.trace(), "seed {seed}");
        assert_eq!(first.trace_digest(), second.trace_digest(), "seed {seed}");
        histories.insert(first.trace_digest());
    }
    assert_eq!(histories.len(), 50, "each seed has a history of its own");
}

#[test]
fn a_clone_goes_on_exactly_as_its_original() {
    let mut lab = Lab::new(told(9).with_faults(everything()));
    let mut dice = Dice(9);
    for _ in 0..60 {
        step(&mut lab, &mut dice);
    }
    let mut twin = Lab { world: lab.world.clone(), ..Lab::new(World::new(0)) };
    let mut same_dice = Dice(dice.0);
    for _ in 0..60 {
        step(&mut lab, &mut dice);
        step(&mut twin, &mut same_dice);
    }
    assert_eq!(lab.world.trace(), twin.world.trace());
}

#[test]
fn adapters_are_deterministic_too_and_an_hour_costs_next_to_nothing() {
    let history = || {
        let sim = Sim::new(told(4).with_faults(everything()));
        let lab = Lab::new(World::new(4));
        wucluster_sim::run(async {
            let (cloud, shell, clock) = (sim.cloud(), sim.shell(), sim.clock());
            let begin = clock.now();
            let run = lab.run_action();
            let create = lab.create_volume("t");
            while clock.now().since(begin) < Duration::from_secs(3600) {
                let batch: Vec<Cleared<CloudAction>> =
                    [&run, &create].map(|action| Cleared::unguarded(action.clone())).into();
                let (_, view) = tokio::join!(cloud.issue(&batch), cloud.observe(&lab.cluster));
                let seen = view.ok().and_then(|view| view.instances.into_iter().next());
                if let Some(seen) = seen
                    && let Some(ssh) = seen.ssh
                {
                    let address = wucluster_core::action::NodeAddress {
                        node: lab.node.clone(),
                        instance: seen.id,
                        ssh,
                        run: None,
                    };
                    drop(shell.probe(&address, &Default::default()).await);
                }
                clock.sleep(Duration::from_secs(5)).await;
            }
        });
        sim.into_world()
    };
    let (first, second) = (history(), history());
    assert_eq!(first.trace(), second.trace());
    assert!(first.trace().len() > 500);
}

#[test]
fn a_kind_taken_out_of_the_plan_leaves_the_luck_of_all_others_as_it_was() {
    let without = |with: bool| {
        let mut faults = Faults::none().with_chance(0.2, Fault::Throttle);
        if with {
            faults = faults.with_chance(0.3, Fault::StuckAttaching { span: None });
        }
        let faults = faults.with_chance(0.4, Fault::Hidden { span: Duration::from_secs(30) });
        let mut lab = Lab::attached_in(World::new(5), wucluster_sim::Content::blank());
        lab.world.set_faults(faults);
        for nth in 0..200 {
            drop(lab.world.ask(&lab.create_volume(&format!("token-{nth}"))));
            drop(lab.world.ask(&lab.attach()));
            drop(lab.world.ask(&lab.detach()));
            lab.world.advance(Duration::from_secs(30));
        }
        let made: Vec<_> = lab.world.volumes_of(&lab.mount);
        (lab.world.faults_fired().get("C6 hidden").copied(), made)
    };
    assert_eq!(without(true), without(false), "ids, throttling and hiding do not shift");
}

#[test]
fn how_long_a_thing_takes_does_not_depend_on_what_else_is_made() {
    let begun = |others: usize| {
        let mut lab = Lab::new(World::new(6));
        for nth in 0..others {
            lab.world.ask(&lab.create_volume(&format!("other-{nth}"))).expect("it is made");
        }
        lab.world.ask(&lab.run_action()).expect("it is made");
        let id = lab.instance();
        let start = lab.world.now();
        while !lab.world.is_up(&id) {
            lab.world.advance(Duration::from_millis(1));
        }
        (id, lab.world.now().since(start))
    };
    assert_eq!(begun(0), begun(7));
}

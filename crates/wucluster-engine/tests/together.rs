//! Nodes that share a call, while the cloud misbehaves: each has one machine in the end, and what was refused together is
//! asked for alone.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod world;

use std::time::Duration;

use world::{Operator, node};
use wucluster_core::demand::Demand;
use wucluster_sim::{Fault, Faults, Limits, World};

const CROWD: &str = r#"
[cluster]
name = "gibbon"

[node.worker]
count = 12
mount.a = { at = "/mnt/a", size = "1 GiB" }
"#;

/// How many calls that run instances came so far.
fn calls(world: &World) -> u64 {
    world.calls().get("RunInstances").map_or(0, |calls| calls.asked)
}

/// Each worker has one machine, and no other one was made.
#[track_caller]
fn assert_one_each(world: &World) {
    for at in 1..=12 {
        let name = node(&format!("worker-{at}"));
        assert_eq!(world.instances_of(&name).len(), 1, "{name}");
    }
}

#[test]
fn a_dozen_like_nodes_come_up_by_one_call() {
    let mut operator = Operator::new(CROWD);
    let drive = operator.drive(World::new(1), Demand::Launched);
    assert_eq!(calls(&drive.world), 1, "{}", drive.story());
    let world = drive.reached();
    assert_one_each(&world);
    let world = operator.drive(world, Demand::Away).reached();
    let drive = operator.drive(world, Demand::Launched);
    assert_eq!(calls(&drive.world), 2, "{}", drive.story());
    drive.reached();
}

#[test]
fn whatever_becomes_of_a_shared_call_each_has_one_machine_in_the_end() {
    let late = Fault::DelayedEffect { span: Duration::from_millis(500), is_answered: false };
    for (fault, most) in [
        (Fault::LostAnswer, 2),
        (Fault::Hang { takes_effect: true }, 2),
        (Fault::Hang { takes_effect: false }, 2),
        (late, 2),
        (Fault::ServerErrors { run: 1 }, 2),
        (Fault::Throttle, 2),
        (Fault::Repeated { after: Duration::from_secs(2) }, 2),
        // Only one of them fails: it is run again by itself.
        (Fault::LaunchFails, 2),
        // Another one that had the token was terminated: it is another call.
        (Fault::TokenUsed { is_listed: true }, 2),
        // It says nothing of each: each is asked for alone.
        (Fault::NoCapacity, 13),
        (Fault::TokenUsed { is_listed: false }, 13),
    ] {
        let mut operator = Operator::new(CROWD);
        let mut world = World::new(2);
        world.set_faults(Faults::none().at_call("RunInstances", 1, fault.clone()));
        let drive = operator.drive(world, Demand::Launched);
        let asked = calls(&drive.world);
        assert!((1..=most).contains(&asked), "{fault:?}: {asked} calls\n{}", drive.story());
        let world = drive.reached();
        assert!(world.faults_fired().values().sum::<u64>() >= 1, "{fault:?} was not felt");
        let living = (1..=12)
            .filter(|at| world.instance_of(&node(&format!("worker-{at}"))).is_some())
            .count();
        assert_eq!(living, 12, "{fault:?}");
        operator.drive(world, Demand::Away).reached();
    }
}

#[test]
fn a_quota_that_holds_some_lets_the_others_run() {
    let mut operator = Operator::new(CROWD);
    let limits = Limits { instances_max: 8, ..Limits::default() };
    let drive = operator.drive(World::new(3).with_limits(limits), Demand::Launched);
    drive.unharmed();
    let held = drive.held();
    assert_eq!(
        held.iter().filter(|hold| hold.starts_with("provider-refused")).count(),
        4,
        "{held:?}"
    );
    let running = (1..=12)
        .filter(|at| drive.world.instance_of(&node(&format!("worker-{at}"))).is_some())
        .count();
    assert_eq!(running, 8);
}

//! Zones and types without capacity: a launch takes the first that has some.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod world;

use std::time::Duration;

use world::{Drive, Operator, key, node};
use wucluster_core::demand::Demand;
use wucluster_core::interlock::Hold;
use wucluster_engine::Outcome;
use wucluster_sim::{Fault, Faults, World};

const CHOICE: &str = r#"
[cluster]
name = "gibbon"
zone = ["sim-1a", "sim-1b"]

[node.chief]
type = ["large", "small"]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "2 GiB", fs = "xfs" }
"#;

fn full(zone: Option<&str>, kind: Option<&str>, is_told_late: bool) -> Fault {
    Fault::Full {
        zone: zone.map(str::to_owned),
        instance_type: kind.map(str::to_owned),
        is_told_late,
        span: None,
    }
}

fn full_world(seed: u64, faults: &[Fault]) -> World {
    let mut world = World::new(seed);
    for fault in faults {
        assert!(world.strike(fault));
    }
    world
}

/// The zones of the chief's machine and of its volumes.
fn zones(world: &World) -> Vec<String> {
    let machine = world.instance_of(&node("chief")).unwrap();
    let mut zones = vec![world.instance_zone(&machine).unwrap().to_owned()];
    for mount in ["chief/home", "chief/data"] {
        let volumes = world.volumes_of(&key(mount));
        assert_eq!(volumes.len(), 1, "{mount}");
        zones.push(world.volume_zone(&volumes[0]).unwrap().to_owned());
    }
    zones
}

fn write(world: &mut World) {
    for mount in ["chief/home", "chief/data"] {
        world.write(&key(mount), "note", "kept").unwrap();
    }
}

fn assert_kept(world: &World) {
    for mount in ["chief/home", "chief/data"] {
        assert_eq!(world.read(&key(mount), "note").unwrap().as_deref(), Some("kept"), "{mount}");
    }
}

#[track_caller]
fn the_hold(drive: &Drive) -> Hold {
    let Outcome::Held(holds) = &drive.ending.outcome else {
        panic!("{:?}\n{}", drive.ending.outcome, drive.story())
    };
    holds.iter().find(|hold| hold.interlock.to_string() == "no-capacity").unwrap().clone()
}

#[test]
fn a_node_comes_up_in_the_second_zone_with_all_its_volumes_and_goes_wherever_there_is_room_next() {
    let mut operator = Operator::new(CHOICE);
    let drive =
        operator.drive(full_world(1, &[full(Some("sim-1a"), None, false)]), Demand::Launched);
    assert_eq!(drive.asked("RunInstances"), 3, "both types in the first zone: {}", drive.story());
    let mut world = drive.reached();
    assert_eq!(zones(&world), ["sim-1b", "sim-1b", "sim-1b"]);
    write(&mut world);
    world = operator.drive(world, Demand::Away).reached();
    // What was put away is in no zone: now the first has room again, and the second has none.
    world.calm();
    assert!(world.strike(&full(Some("sim-1b"), None, false)));
    let world = operator.drive(world, Demand::Launched).reached();
    assert_eq!(zones(&world), ["sim-1a", "sim-1a", "sim-1a"]);
    assert_kept(&world);
}

#[test]
fn another_type_is_taken_before_another_zone() {
    let mut operator = Operator::new(CHOICE);
    let world = full_world(2, &[full(None, Some("large"), false)]);
    let drive = operator.drive(world, Demand::Launched);
    assert_eq!(drive.asked("RunInstances"), 2, "{}", drive.story());
    assert_eq!(zones(&drive.reached()), ["sim-1a", "sim-1a", "sim-1a"]);
}

#[test]
fn a_launch_that_fails_after_it_was_accepted_leads_to_the_next_zone_too() {
    let mut operator = Operator::new(CHOICE);
    let world = full_world(3, &[full(Some("sim-1a"), None, true)]);
    let drive = operator.drive(world, Demand::Launched);
    assert_eq!(drive.asked("RunInstances"), 3, "{}", drive.story());
    assert_eq!(drive.asked("CreateVolume"), 2, "none before its machine ran: {}", drive.story());
    assert_eq!(zones(&drive.reached()), ["sim-1b", "sim-1b", "sim-1b"]);
}

#[test]
fn where_nothing_can_be_had_it_is_held_with_all_that_was_tried_and_tried_on() {
    for is_told_late in [false, true] {
        let mut operator = Operator::new(CHOICE);
        let world = full_world(4, &[full(None, None, is_told_late)]);
        let drive = operator.drive(world, Demand::Launched);
        drive.unharmed();
        let hold = the_hold(&drive);
        assert_eq!(hold.why.len(), 4, "{:?}", hold.why);
        for (why, expected) in hold.why.iter().zip([
            "large in sim-1a",
            "small in sim-1a",
            "large in sim-1b",
            "small in sim-1b",
        ]) {
            assert!(why.starts_with(expected), "{why}");
        }
        let asked = drive.asked("RunInstances");
        assert!(asked >= 3 * 4, "three rounds: {asked}\n{}", drive.story());
        assert!(drive.world.volumes_of(&key("chief/home")).is_empty());
        // Room again: the same operator goes on, and so would another one.
        let mut world = drive.world;
        world.calm();
        let world = operator.drive(world, Demand::Launched).reached();
        assert_eq!(zones(&world), ["sim-1a", "sim-1a", "sim-1a"]);
    }
}

#[test]
fn one_candidate_whose_launches_fail_late_is_held_like_one_that_is_refused() {
    let text = CHOICE
        .replace(r#"["sim-1a", "sim-1b"]"#, r#""sim-1a""#)
        .replace(r#"["large", "small"]"#, r#""large""#);
    let mut operator = Operator::new(&text);
    let drive = operator.drive(full_world(5, &[full(None, None, true)]), Demand::Launched);
    drive.unharmed();
    let hold = the_hold(&drive);
    assert!(hold.why[0].contains("Server.InsufficientInstanceCapacity"), "{:?}", hold.why);
    let asked = drive.asked("RunInstances");
    assert!((3..40).contains(&asked), "{asked}\n{}", drive.story());
}

#[test]
fn a_node_with_a_volume_left_stays_in_its_zone_and_waits() {
    let mut operator = Operator::new(CHOICE);
    let mut world = operator.drive(World::new(6), Demand::Launched).reached();
    write(&mut world);
    let machine = world.instance_of(&node("chief")).unwrap();
    let mut world = operator.drive(world, Demand::Separated).reached();
    assert!(world.strike(&Fault::MachineTerminates { node: Some(node("chief")) }));
    world.advance(Duration::from_secs(600));
    assert!(world.strike(&full(Some("sim-1a"), None, false)));
    let drive = operator.drive(world, Demand::Launched);
    drive.unharmed();
    let hold = the_hold(&drive);
    assert!(
        hold.why.iter().any(|why| why.contains("no other zone than sim-1a is tried")),
        "{:?}",
        hold.why
    );
    let mut world = drive.world;
    assert!(world.instances_of(&node("chief")).is_empty());
    world.calm();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_eq!(zones(&world), ["sim-1a", "sim-1a", "sim-1a"]);
    assert_ne!(world.instance_of(&node("chief")), Some(machine));
    assert_kept(&world);
}

#[test]
fn throttling_and_faults_of_the_provider_are_no_lack_of_capacity() {
    for fault in [Fault::Throttle, Fault::ServerError, Fault::LostAnswer] {
        let mut operator = Operator::new(CHOICE);
        let world = World::new(7);
        let mut faults = Faults::none();
        for call in 1..=3 {
            faults = faults.at_call("RunInstances", call, fault.clone());
        }
        let drive = operator.drive(world.with_faults(faults), Demand::Launched);
        let story = drive.story();
        let world = drive.reached();
        assert_eq!(zones(&world), ["sim-1a", "sim-1a", "sim-1a"], "{fault:?}\n{story}");
        assert!(world.faults_fired().values().sum::<u64>() >= 1, "{fault:?}");
    }
}

#[test]
fn an_operator_that_dies_on_the_way_is_followed_by_one_that_begins_anew() {
    for seconds in [1, 2, 4, 8, 16, 32, 64] {
        let mut operator = Operator::new(CHOICE);
        let world = full_world(
            100 + seconds,
            &[
                full(Some("sim-1a"), Some("large"), false),
                full(Some("sim-1a"), Some("small"), true),
            ],
        );
        let after = Duration::from_secs(seconds);
        let world = operator.drive_and_die(world, Demand::Launched, after);
        let drive = operator.drive(world, Demand::Launched);
        let world = drive.reached();
        assert_eq!(zones(&world), ["sim-1b", "sim-1b", "sim-1b"], "{seconds}s");
        assert_eq!(world.instances_of(&node("chief")).len(), 1, "{seconds}s");
    }
}

/// A day on which types and zones fill up at random, answers are lost, requests land late, and launches fail.
fn bad_day(seed: u64) -> Faults {
    let mut faults = Faults::none()
        .with_chance(0.1, Fault::LostAnswer)
        .with_chance(0.1, Fault::Throttle)
        .with_chance(0.2, Fault::NoCapacity)
        .with_chance(0.1, Fault::LaunchFails)
        .with_chance(0.2, Fault::Hidden { span: Duration::from_secs(90) });
    let is_answered = false;
    for call in [1, 3] {
        if seed.is_multiple_of(2) {
            let span = Duration::from_secs(30 + 40 * (seed % 7));
            faults =
                faults.at_call("RunInstances", call, Fault::DelayedEffect { span, is_answered });
        }
    }
    faults
}

#[test]
fn on_bad_days_each_node_has_one_machine_and_all_its_volumes_beside_it() {
    let text = format!(
        "{CHOICE}\n[node.worker]\ncount = 2\ntype = [\"large\", \"small\"]\nmount.scratch = {{ at = \"/mnt/scratch\", size = \"1 GiB\" }}\n"
    );
    let mut zones_taken = std::collections::BTreeSet::new();
    let seeds = std::env::var("WUCLUSTER_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(24) {
        let mut operator = Operator::new(&text);
        let mut world = full_world(seed, &[full(Some("sim-1a"), Some("large"), seed % 3 == 0)]);
        if seed % 4 == 1 {
            assert!(world.strike(&full(Some("sim-1a"), None, seed % 3 == 1)));
        }
        world.set_faults(bad_day(seed));
        let after = Duration::from_secs(5 + 17 * (seed % 5));
        let world = operator.drive_and_die(world, Demand::Launched, after);
        let drive = operator.drive(world, Demand::Launched);
        drive.unharmed();
        let mut world = drive.world;
        world.set_faults(Faults::none());
        world.calm();
        let drive = operator.drive(world, Demand::Launched);
        let story = drive.story();
        let world = drive.reached();
        for name in ["chief", "worker-1", "worker-2"] {
            let machines = world.instances_of(&node(name));
            assert_eq!(machines.len(), 1, "seed {seed}, {name}\n{story}");
            let zone = world.instance_zone(&machines[0]).map(str::to_owned);
            for (mount, _) in operator.definition.mounts().filter(|(it, _)| it.node == node(name)) {
                let volumes = world.volumes_of(&mount);
                assert_eq!(volumes.len(), 1, "seed {seed}, {mount}\n{story}");
                assert_eq!(world.volume_zone(&volumes[0]), zone.as_deref(), "seed {seed}\n{story}");
            }
            zones_taken.extend(zone);
        }
    }
    assert_eq!(zones_taken.len(), 2, "both zones were taken: {zones_taken:?}");
}

//! Growing on the simulated cloud: a live mount, one that is away, one that is detached; and what goes wrong on the way.

mod world;

use world::{Operator, PAIR, world as quiet, world_with};
use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::demand::Demand;
use wucluster_sim::{Fault, Faults, World};

/// Gives every mount of a definition that many GiB.
fn resized(definition: &str, gib: u32) -> ClusterDefinition {
    let mut definition = ClusterDefinition::parse(definition).expect("the definition is right");
    for node in definition.nodes.values_mut() {
        for mount in node.mounts.values_mut() {
            mount.size = Size::from_gib(gib);
        }
    }
    definition
}

fn write_everywhere(world: &mut World, operator: &Operator) {
    for (mount, _) in operator.definition.mounts() {
        world.write(&mount, "note", &format!("kept by {mount}")).expect("it is mounted");
    }
}

#[track_caller]
fn assert_grown(world: &World, operator: &Operator, gib: u32) {
    let size = Size::from_gib(gib);
    for (mount, _) in operator.definition.mounts() {
        let id = world.volume_of(&mount).expect("it has a volume");
        assert_eq!(world.room_of(&id), Some((size, size)), "{mount}");
        let read = world.read(&mount, "note").expect("it is mounted");
        assert_eq!(read.as_deref(), Some(format!("kept by {mount}").as_str()), "{mount}");
    }
}

/// A launched cluster of 10 GiB each, with something written.
fn launched(world: World) -> (World, Operator) {
    let mut operator = Operator::new(PAIR);
    operator.definition = resized(PAIR, 10);
    let mut world = operator.drive(world, Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    (world, operator)
}

#[test]
fn a_live_mount_is_grown_and_nothing_else_is_touched() {
    let (world, mut operator) = launched(quiet(1));
    let mounts = operator.definition.mounts().count();
    operator.definition = resized(PAIR, 20);
    let drive = operator.drive(world, Demand::Launched);
    assert_eq!(drive.asked("ModifyVolume"), mounts);
    assert_eq!(drive.asked("growfs"), mounts);
    for other in ["umount", "mount", "mkfs", "DetachVolume", "CreateTags", "CreateSnapshot"] {
        assert_eq!(drive.asked(other), 0, "{other}");
    }
    let world = drive.reached();
    assert_grown(&world, &operator, 20);
    // A put-away keeps what is on the larger volumes, and they come back as large.
    let world = operator.drive(world, Demand::Away).reached();
    let drive = operator.drive(world, Demand::Launched);
    assert_eq!(drive.asked("growfs") + drive.asked("ModifyVolume"), 0);
    assert_grown(&drive.reached(), &operator, 20);
}

#[test]
fn what_was_away_when_it_was_redefined_comes_up_larger() {
    let (world, mut operator) = launched(quiet(2));
    let world = operator.drive(world, Demand::Away).reached();
    operator.definition = resized(PAIR, 20);
    let drive = operator.drive(world, Demand::Launched);
    assert_eq!(drive.asked("ModifyVolume"), 0);
    assert_eq!(drive.asked("growfs"), operator.definition.mounts().count());
    assert_grown(&drive.reached(), &operator, 20);
}

#[test]
fn what_is_detached_and_snapshotted_is_grown_under_a_new_epoch() {
    for from in [Demand::Unmounted, Demand::Separated, Demand::RecentlySnapshotted] {
        let (world, mut operator) = launched(quiet(3));
        let world = operator.drive(world, from).reached();
        operator.definition = resized(PAIR, 20);
        let world = operator.drive(world, Demand::Instantiated).reached();
        let world = operator.drive(world, Demand::Launched).reached();
        assert_grown(&world, &operator, 20);
        let world = operator.drive(world, Demand::Away).reached();
        assert_grown(&operator.drive(world, Demand::Launched).reached(), &operator, 20);
    }
}

#[test]
fn a_smaller_size_changes_nothing_and_holds_nothing() {
    let (world, mut operator) = launched(quiet(4));
    operator.definition = resized(PAIR, 5);
    let before = world.mutating_calls();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_eq!(world.mutating_calls(), before);
    let world = operator.drive(world, Demand::Away).reached();
    assert_grown(&operator.drive(world, Demand::Launched).reached(), &operator, 10);
}

#[test]
fn whatever_is_lost_on_the_way_it_is_grown_once_and_no_byte_is_lost() {
    let faults = || {
        [
            ("ModifyVolume", Fault::LostAnswer),
            ("ModifyVolume", Fault::Throttle),
            ("ModifyVolume", Fault::ServerError),
            ("growfs", Fault::LostShellAnswer),
            ("ModifyVolume", Fault::Repeated { after: std::time::Duration::ZERO }),
        ]
    };
    for (seed, (request, fault)) in (10..).zip(faults()) {
        let about = format!("{request} {fault:?}");
        let (world, mut operator) = launched(world_with(seed, Faults::none()));
        let mut world = world;
        world.set_faults(Faults::none().at_call(request, 1, fault));
        operator.definition = resized(PAIR, 20);
        let drive = operator.drive(world, Demand::Launched);
        drive.unharmed();
        println!("{about}\n{}", drive.story());
        let world = drive.reached();
        assert_grown(&world, &operator, 20);
        let world = operator.drive(world, Demand::Away).reached();
        assert_grown(&operator.drive(world, Demand::Launched).reached(), &operator, 20);
    }
}

#[test]
fn a_volume_that_was_changed_too_often_is_held_as_large_as_it_is_and_put_away_all_the_same() {
    let (mut world, mut operator) = launched(quiet(5));
    for gib in [11, 12, 13, 14] {
        operator.definition = resized(PAIR, gib);
        world = operator.drive(world, Demand::Launched).reached();
        assert_grown(&world, &operator, gib);
    }
    operator.definition = resized(PAIR, 15);
    let drive = operator.drive(world, Demand::Launched);
    drive.unharmed();
    let held = drive.held().join("\n");
    assert!(held.contains("provider-refused"), "{held}\n{}", drive.story());
    let world = drive.world;
    assert_grown(&world, &operator, 14);
    let world = operator.drive(world, Demand::Away).reached();
    let drive = operator.drive(world, Demand::Launched);
    assert_grown(&drive.reached(), &operator, 15);
}

#[test]
fn a_launch_that_is_cut_off_while_it_grows_is_gone_on_with() {
    for millis in [200, 1000, 2000, 4000, 8000, 12_000] {
        let (world, mut operator) = launched(quiet(6));
        operator.definition = resized(PAIR, 20);
        let after = std::time::Duration::from_millis(millis);
        let world = operator.drive_and_die(world, Demand::Launched, after);
        let world = operator.drive(world, Demand::Launched).reached();
        assert_grown(&world, &operator, 20);
    }
}

//! Growing: what is smaller than the definition has it is made larger in place, and nothing is ever made smaller, moved or
//! formatted; on the way down none of it matters.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod common;

use common::{NOW, World, key, tell};
use wucluster_core::action::{Action, CloudAction, ShellAction};
use wucluster_core::definition::Size;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject, VolumeId};
use wucluster_core::interlock::{Interlock, Refusal, Rung, clear};
use wucluster_core::memory::{Failure, FailureError, SubjectMemory};
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::time::Timestamp;

/// A node with a mount of 20 GiB.
const LARGE: &str = r#"
[cluster]
name = "gibbon"
zone = "z-1"

[node.chief]
mount.home = { at = "/mnt/home", size = "20 GiB" }
"#;

fn home() -> MountKey {
    key("chief/home")
}

fn volume() -> VolumeId {
    VolumeId::new("vol-chief-home")
}

/// The mount's volume of that size, which is free.
fn free(gib: u32, epoch: &str) -> World {
    let mut world =
        World::new(LARGE).instance("chief", "running").volume("chief/home", "available", epoch);
    let seen = world.view.volumes.last_mut().unwrap();
    (seen.size, seen.zone) = (Size::from_gib(gib), Some("z-1".to_owned()));
    world
}

/// The same, mounted; its file system fills it.
fn mounted(gib: u32) -> World {
    let mut world = free(gib, "1 live").attached("i-chief", "attached").mounted("/mnt/home");
    world.view.volumes.last_mut().unwrap().state = "in-use".to_owned().into();
    world
}

/// What a node says that shows the volume as it is, and its file system with another size.
fn with_room(world: World, gib: Option<u32>) -> World {
    world.device(|device| device.filesystem_bytes = gib.map(|gib| Size::from_gib(gib).bytes()))
}

fn grow(gib: u32) -> Action {
    let (mount, volume) = (home(), volume());
    Action::Cloud(CloudAction::GrowVolume { mount, volume, size: Size::from_gib(gib) })
}

fn grow_filesystem() -> Action {
    Action::Shell(ShellAction::GrowFilesystem {
        mount: home(),
        serial: volume().serial(),
        at: "/mnt/home".to_owned(),
        size: Size::from_gib(20),
    })
}

fn asked(world: &World, demand: Demand) -> Vec<Action> {
    let plan = world.plan(demand);
    println!("{}", tell(&plan));
    plan.actions.iter().map(|one| one.action().clone()).collect()
}

fn refused(world: &World, action: Action) -> Refusal {
    world.with_context(Demand::Launched, |ctx| clear(ctx, action)).unwrap_err()
}

fn note(world: &World, demand: Demand) -> Option<String> {
    let plan = world.plan(demand);
    let rows = plan.rows(&world.definition, &world.observe());
    rows.into_iter().find(|row| row.subject == Subject::Mount(home())).unwrap().note
}

#[test]
fn what_is_mounted_and_too_small_is_grown_where_it_is() {
    let world = mounted(10);
    assert_eq!(asked(&world, Demand::Launched), [grow(20)]);
    // It is up for whoever wants no more than that.
    assert!(world.plan(Demand::Unmounted).actions.iter().all(|one| one.action() != &grow(20)));
    // Then its file system.
    let world = with_room(mounted(20), Some(10));
    assert_eq!(asked(&world, Demand::Launched), [grow_filesystem()]);
    assert!(world.plan(Demand::Attached).is_met(), "{}", world.told(Demand::Attached));
    let world = with_room(mounted(20), Some(20));
    assert!(world.plan(Demand::Launched).is_met(), "{}", world.told(Demand::Launched));
}

#[test]
fn a_file_system_whose_size_nobody_can_tell_stays_as_it_is() {
    let world = with_room(mounted(20), None);
    assert!(world.plan(Demand::Launched).is_met(), "{}", world.told(Demand::Launched));
}

#[test]
fn a_growth_under_way_is_waited_for_and_asked_for_again_only_after_long() {
    let mut world = mounted(10);
    let at = |seconds: i64| Timestamp::from_millis(NOW.as_millis() - seconds * 1000);
    world.memory.growing.insert(volume(), (Size::from_gib(20), at(599)));
    let plan = world.plan(Demand::Launched);
    assert!(plan.actions.is_empty() && plan.waits.len() == 1, "{}", tell(&plan));
    world.memory.growing.insert(volume(), (Size::from_gib(20), at(600)));
    assert_eq!(asked(&world, Demand::Launched), [grow(20)]);
    // What was asked for under an earlier definition is no answer to this one.
    world.memory.growing.insert(volume(), (Size::from_gib(15), at(1)));
    assert_eq!(asked(&world, Demand::Launched), [grow(20)]);
}

#[test]
fn what_is_free_is_grown_before_it_is_attached() {
    assert_eq!(asked(&free(10, "1 live"), Demand::Instantiated), [grow(20)]);
    assert_eq!(asked(&free(10, "1 live"), Demand::Launched), [grow(20)]);
}

#[test]
fn what_is_sealed_is_raised_before_it_is_grown() {
    for world in [
        free(10, "1 sealed"),
        free(10, "1 sealed").snapshot("chief/home", "snap-1", "completed", 1),
        free(10, "1 live").snapshot("chief/home", "snap-1", "completed", 1),
    ] {
        let Refusal::First(Rung::Raise, _) = refused(&world, grow(20)) else {
            panic!("it is not raised first");
        };
        let asked = asked(&world, Demand::Launched);
        let [Action::Cloud(CloudAction::TagVolume { tags, .. })] = asked.as_slice() else {
            panic!("{asked:?}");
        };
        assert_eq!(tags.epoch().map(|epoch| (epoch.number, epoch.is_sealed)), Some((2, false)));
    }
}

#[test]
fn nothing_that_is_in_use_is_taken_off_to_be_grown() {
    let claimed = mounted(10).snapshot("chief/home", "snap-1", "completed", 1);
    for action in [grow(20), grow_filesystem()] {
        let Refusal::Hold(hold) = refused(&claimed, action) else { panic!("it is no hold") };
        assert_eq!(hold.interlock, Interlock::SnapshotOlder);
    }
    let plan = claimed.plan(Demand::Launched);
    assert!(plan.actions.is_empty() && plan.holds.len() == 1, "{}", tell(&plan));
    // Without the rule it would be grown under its snapshot.
    #[cfg(feature = "ablation")]
    {
        let mut claimed = claimed;
        claimed.policy.ablated.insert(Interlock::SnapshotOlder);
        assert_eq!(asked(&claimed, Demand::Launched), [grow(20)]);
    }
}

#[test]
fn a_volume_is_never_made_smaller() {
    let world = mounted(40);
    let Refusal::Hold(hold) = refused(&world, grow(20)) else { panic!("it is no hold") };
    assert_eq!(hold.interlock, Interlock::NeverShrunk);
    #[cfg(feature = "ablation")]
    {
        let mut world = mounted(40);
        world.policy.ablated.insert(Interlock::NeverShrunk);
        assert!(world.with_context(Demand::Launched, |ctx| clear(ctx, grow(20))).is_ok());
    }
    // Nor is it asked for: it is up as it is, and that is told.
    let world = mounted(40);
    assert!(world.plan(Demand::Launched).is_met(), "{}", world.told(Demand::Launched));
    let note = note(&world, Demand::Launched).unwrap();
    assert!(note.contains("keeps its 40 GiB") && note.contains("no volume shrinks"), "{note}");
    assert!(world.with_context(Demand::Launched, |ctx| clear(ctx, grow(41))).is_ok());
}

#[test]
fn another_file_system_or_zone_changes_nothing_and_is_told() {
    let mut world = mounted(20);
    world.view.volumes[0].zone = Some("z-2".to_owned());
    world.view.volumes[0].tags.set("wucluster:filesystem", "xfs 1");
    let note = note(&world, Demand::Launched).unwrap();
    assert!(note.contains("stays xfs, defined is ext4"), "{note}");
    assert!(note.contains("stays in z-2, defined is z-1"), "{note}");
    assert!(asked(&world, Demand::Launched).is_empty());
}

#[test]
fn a_growth_that_is_refused_keeps_nothing_from_being_mounted() {
    let error = CloudError {
        class: ErrorClass::Permanent,
        code: "VolumeModificationRateExceeded".to_owned(),
        message: "wait at least 6 hours".to_owned(),
    };
    let failure = Failure {
        action: "ModifyVolume".to_owned(),
        error: FailureError::Cloud(error),
        times: 1,
        first_at: NOW,
        last_at: NOW,
    };
    let remember = |world: &mut World| {
        let memory = SubjectMemory { failure: Some(failure.clone()), ..SubjectMemory::default() };
        world.memory.subjects.insert(Subject::Mount(home()), memory);
    };
    let mut world = free(10, "1 live");
    remember(&mut world);
    assert!(matches!(
        asked(&world, Demand::Launched)[..],
        [Action::Cloud(CloudAction::AttachVolume { .. })]
    ),);
    // Once it is up, it is told.
    let mut world = mounted(10);
    remember(&mut world);
    let plan = world.plan(Demand::Launched);
    let [hold] = plan.holds.as_slice() else { panic!("{}", tell(&plan)) };
    assert!(hold.why[0].contains("6 hours"), "{hold:?}");
    assert!(plan.actions.is_empty());
}

#[test]
fn on_the_way_down_no_size_matters() {
    for demand in [
        Demand::Unmounted,
        Demand::Separated,
        Demand::RecentlySnapshotted,
        Demand::Haltable,
        Demand::Away,
    ] {
        for gib in [10, 40] {
            let as_defined = mounted(20).told(demand);
            assert_eq!(mounted(gib).told(demand), as_defined, "{demand} {gib}");
            assert_eq!(with_room(mounted(gib), Some(5)).told(demand), as_defined, "{demand}");
        }
    }
}

//! What a pruning may delete, and why all else stays: each rule keeps what it must, and lets go what it may.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod common;

use common::{GIBBON, NOW, SOLO, World, key};
use wucluster_core::action::{Action, CloudAction, Hazard};
use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{SnapshotId, Subject, VolumeId};
use wucluster_core::interlock::data::{Source, source};
use wucluster_core::interlock::prune::{Stays, fates, generations, kept_generations, prune};
use wucluster_core::interlock::{Interlock, Refusal, clear, needs_second_look};
use wucluster_core::memory::{AwaitedId, Made, OpenRequest, SubjectMemory, Unsure};
use wucluster_core::observation::{SnapshotSeen, SnapshotState, VolumeState};
use wucluster_core::phases::{Phase, PhaseEntry, Phases};
use wucluster_core::policy::Consent;
use wucluster_core::tags::{
    KEY_BACK_TO, KEY_CONTENT, KEY_EPOCH, KEY_GENERATION, KEY_MOUNT, StoreMark, Tags,
};
use wucluster_core::time::Timestamp;

/// A mount that was put away so many times, and of which the newest generation is kept.
fn put_away(times: u64) -> World {
    let mut world = World::new(SOLO);
    for epoch in 1..=times {
        world = world.snapshot("chief/home", &format!("snap-{epoch}"), "completed", epoch);
    }
    world.policy.generations_kept = 1;
    world
}

/// No snapshot goes.
const NOTHING: [&str; 0] = [];

/// Which snapshots go.
fn going(world: &World) -> Vec<String> {
    world.with_context(Demand::Away, |ctx| {
        let fates = fates(ctx);
        // The list and the gate say the same of each of them.
        for fate in &fates {
            assert_eq!(fate.stays.is_none(), prune(ctx, fate).is_ok(), "{fate:?}");
        }
        let going = fates.iter().filter(|fate| fate.stays.is_none());
        going.map(|fate| fate.snapshot.id.to_string()).collect()
    })
}

#[track_caller]
fn stays(world: &World, id: &str) -> Stays {
    world.with_context(Demand::Away, |ctx| {
        let all = fates(ctx);
        let fate = all.iter().find(|fate| fate.snapshot.id.as_str() == id).unwrap();
        fate.stays.clone().unwrap_or_else(|| panic!("{id} goes"))
    })
}

fn delete(mount: &str, snapshot: &str, kept_by: &str) -> Action {
    let (snapshot, kept_by) = (SnapshotId::new(snapshot), SnapshotId::new(kept_by));
    Action::Cloud(CloudAction::DeleteSnapshot { mount: key(mount), snapshot, kept_by })
}

/// What the gate says to the deletion of a snapshot of `chief/home`, whoever proposes it.
fn refused(world: &World, snapshot: &str, kept_by: &str) -> Option<Refusal> {
    let action = delete("chief/home", snapshot, kept_by);
    world.with_context(Demand::Away, |ctx| clear(ctx, action).err())
}

#[track_caller]
fn assert_held(world: &World, snapshot: &str, kept_by: &str, interlock: Interlock) {
    match refused(world, snapshot, kept_by) {
        Some(Refusal::Hold(hold)) => assert_eq!(hold.interlock, interlock, "{hold:?}"),
        other => panic!("{snapshot}: {interlock} was expected, not {other:?}"),
    }
}

#[track_caller]
fn assert_waits(world: &World, snapshot: &str, kept_by: &str) {
    let refusal = refused(world, snapshot, kept_by);
    assert!(matches!(refusal, Some(Refusal::Wait(_))), "{refusal:?}");
}

fn snapshot<'a>(world: &'a mut World, id: &str) -> &'a mut SnapshotSeen {
    world.view.snapshots.iter_mut().find(|seen| seen.id.as_str() == id).unwrap()
}

#[test]
fn what_is_superseded_goes_and_the_newest_never() {
    let world = put_away(4);
    assert_eq!(going(&world), ["snap-3", "snap-2", "snap-1"]);
    assert_eq!(stays(&world, "snap-4"), Stays::Newest);
    assert_held(&world, "snap-4", "snap-4", Interlock::SnapshotNeeded);
    assert_held(&world, "snap-4", "snap-3", Interlock::SnapshotNeeded);
    // What is to keep the data must be there, complete, and of a later write epoch.
    assert_held(&world, "snap-2", "snap-1", Interlock::SnapshotNeeded);
    assert_held(&world, "snap-2", "snap-9", Interlock::SnapshotNeeded);
    assert_eq!(refused(&world, "snap-2", "snap-3"), None);
}

#[test]
fn of_the_newest_epoch_what_a_launch_begins_from_stays_also_where_the_volume_grew_in_between() {
    let mut world = put_away(3).snapshot("chief/home", "snap-grown", "completed", 3);
    snapshot(&mut world, "snap-grown").size = Size::from_gib(9);
    snapshot(&mut world, "snap-3").size = Size::from_gib(4);
    let begins = world.with_context(Demand::Launched, |ctx| source(ctx, &key("chief/home")));
    assert!(matches!(begins, Ok(Source::Own(seen)) if seen.id.as_str() == "snap-grown"));
    assert!(!going(&world).contains(&"snap-grown".to_owned()));
    assert!(refused(&world, "snap-1", "snap-grown").is_none(), "it keeps the mount's data");
    assert!(refused(&world, "snap-grown", "snap-3").is_some());
}

#[test]
fn the_only_one_stays_whatever_is_wrong_with_it() {
    assert_eq!(stays(&put_away(1), "snap-1"), Stays::Newest);
    let mut world = put_away(1);
    snapshot(&mut world, "snap-1").state = SnapshotState::Error;
    assert_eq!(stays(&world, "snap-1"), Stays::Newest);
}

#[test]
fn the_newest_generations_stay_whole() {
    let mut world = put_away(5);
    for (keep, gone) in [(2, 3), (3, 2), (4, 1), (5, 0), (9, 0)] {
        world.policy.generations_kept = keep;
        assert_eq!(going(&world).len(), gone, "{keep}");
    }
    world.policy.generations_kept = 2;
    assert_eq!(stays(&world, "snap-4"), Stays::Generation(4));
    assert_eq!(world.with_context(Demand::Away, kept_generations), [5, 4]);
    world.policy.generations_kept = 0;
    assert_eq!(going(&world).len(), 4, "one generation is always kept");
}

#[test]
fn a_generation_of_which_none_is_complete_is_none() {
    let mut world = put_away(3).snapshot("chief/home", "snap-4", "error", 4);
    world = world.snapshot("chief/home", "snap-5", "completed", 5);
    world.policy.generations_kept = 2;
    assert_eq!(world.with_context(Demand::Away, kept_generations), [5, 3]);
    assert_eq!(going(&world), ["snap-4", "snap-2", "snap-1"], "what failed is waste");
}

#[test]
fn what_a_mount_would_begin_from_in_a_kept_generation_stays() {
    let mut world = World::new(GIBBON);
    for number in [1, 2, 3, 4, 5] {
        world = world.snapshot("chief/home", &format!("home-{number}"), "completed", number);
    }
    // It was not launched for generations 3 and 4.
    for number in [1, 2, 5] {
        world = world.snapshot("chief/data", &format!("data-{number}"), "completed", number);
    }
    world.policy.generations_kept = 2;
    assert_eq!(stays(&world, "data-2"), Stays::AsOf(4));
    assert_eq!(going(&world), ["home-3", "home-2", "home-1", "data-1"]);
    world.policy.generations_kept = 1;
    assert_eq!(going(&world).len(), 6, "as of generation 5 it is not needed");
}

#[test]
fn what_a_return_that_was_cut_short_still_begins_from_stays() {
    let mut world = World::new(GIBBON);
    for epoch in 1..=5 {
        world = world.snapshot("chief/home", &format!("snap-h{epoch}"), "completed", epoch);
    }
    world.policy.generations_kept = 1;
    assert_eq!(going(&world), ["snap-h4", "snap-h3", "snap-h2", "snap-h1"]);
    let mut world = world.volume("chief/data", "available", "6 live");
    let volume = world.view.volumes.last_mut().unwrap();
    volume.tags.set("wucluster:generation", "6");
    volume.tags.set(KEY_BACK_TO, "2");
    assert_eq!(world.with_context(Demand::Away, kept_generations), [5, 2]);
    assert_eq!(stays(&world, "snap-h2"), Stays::Generation(2));
    assert_eq!(going(&world), ["snap-h4", "snap-h3", "snap-h1"]);
}

#[test]
fn a_mount_that_left_the_definition_is_pruned_by_the_same_rules() {
    let mut world = put_away(3);
    world.definition = ClusterDefinition::parse(
        "[cluster]\nname = \"gibbon\"\n[node.other]\nmount.home = { at = \"/mnt/h\", size = \"1 GiB\" }\n",
    )
    .unwrap();
    assert_eq!(going(&world), ["snap-2", "snap-1"]);
    assert_eq!(stays(&world, "snap-3"), Stays::Newest);
}

#[test]
fn only_what_is_complete_or_failed_is_deleted() {
    for (state, waits) in
        [("pending", true), ("recovering", true), ("recoverable", false), ("dreaming", false)]
    {
        let mut world = put_away(3);
        snapshot(&mut world, "snap-1").state = SnapshotState::from(state.to_owned());
        assert_eq!(going(&world), ["snap-2"], "{state}");
        if waits {
            assert_waits(&world, "snap-1", "snap-3");
        } else {
            assert_held(&world, "snap-1", "snap-3", Interlock::SnapshotNeeded);
        }
    }
    let mut world = put_away(3);
    snapshot(&mut world, "snap-1").state = SnapshotState::Error;
    world.policy.generations_kept = 2;
    assert_eq!(going(&world), ["snap-1"], "it is of no use in any generation");
}

#[test]
fn what_failed_stays_where_an_older_state_would_pass_for_that_of_a_kept_generation() {
    let mut world = put_away(4);
    snapshot(&mut world, "snap-2").state = SnapshotState::Error;
    snapshot(&mut world, "snap-2").tags.set(KEY_GENERATION, "3");
    snapshot(&mut world, "snap-3").tags.set(KEY_GENERATION, "4");
    // Another mount has a complete one of generation 3.
    world = world.snapshot("chief/data", "data-3", "completed", 3);
    world.policy.generations_kept = 2;
    assert_eq!(stays(&world, "snap-2"), Stays::AsOf(3));
    world.policy.generations_kept = 1;
    assert_eq!(going(&world), ["snap-2", "snap-1"]);
    // Taken once more, and complete.
    world.policy.generations_kept = 2;
    let mut world = world.snapshot("chief/home", "snap-2b", "completed", 2);
    snapshot(&mut world, "snap-2b").tags.set(KEY_GENERATION, "3");
    assert_eq!(going(&world), ["snap-2", "snap-1"]);
}

#[test]
fn what_tells_that_another_was_only_taken_a_second_time_stays_as_long_as_that_one() {
    let home = || key("chief/home");
    let second = |second: u64| Some(NOW.after(std::time::Duration::from_secs(second)));
    let mut world = put_away(4).snapshot("chief/home", "snap-2b", "completed", 2);
    for number in 1..=4 {
        snapshot(&mut world, &format!("snap-{number}")).started_at = second(number);
    }
    let again = snapshot(&mut world, "snap-2b");
    again.started_at = second(9);
    // The first failed, so that it keeps nothing itself; the second is of a generation that is kept.
    again.tags.set(KEY_GENERATION, "4");
    snapshot(&mut world, "snap-2").state = SnapshotState::Error;
    assert!(matches!(stays(&world, "snap-2"), Stays::Needed(why) if why.contains("snap-2b")));
    assert_held(&world, "snap-2", "snap-4", Interlock::SnapshotNeeded);
    assert_eq!(going(&world), ["snap-3", "snap-1"]);
    let begins = |world: &World| world.with_context(Demand::Launched, |ctx| source(ctx, &home()));
    assert!(matches!(begins(&world), Ok(Source::Own(seen)) if seen.id.as_str() == "snap-4"));
    let mut without = world.clone();
    without.view.snapshots.retain(|seen| seen.id.as_str() != "snap-2");
    assert!(begins(&without).is_err(), "the second looks like an edited record");
    // In its turn, or gone, it needs no telling.
    snapshot(&mut world, "snap-2b").started_at = second(2);
    assert_eq!(going(&world), ["snap-3", "snap-2", "snap-1"]);
    world.view.snapshots.retain(|seen| seen.id.as_str() != "snap-2b");
    assert_eq!(going(&world), ["snap-3", "snap-2", "snap-1"]);
}

#[test]
fn nothing_goes_before_the_newest_is_complete() {
    for (state, interlock) in [
        ("error", Some(Interlock::SnapshotFailed)),
        ("recoverable", Some(Interlock::SnapshotUnfinished)),
        ("pending", None),
    ] {
        let mut world = put_away(3);
        snapshot(&mut world, "snap-3").state = SnapshotState::from(state.to_owned());
        assert_eq!(going(&world), NOTHING, "{state}");
        match interlock {
            Some(interlock) => assert_held(&world, "snap-1", "snap-2", interlock),
            None => assert_waits(&world, "snap-1", "snap-2"),
        }
        // Taken twice, and one of them is complete.
        let world = world.snapshot("chief/home", "snap-3b", "completed", 3);
        assert_eq!(going(&world), ["snap-2", "snap-1"], "{state}");
    }
}

#[test]
fn where_the_newest_cannot_be_told_nothing_of_the_mount_goes() {
    let world = || {
        let mut world = World::new(GIBBON);
        for number in [1, 2, 3] {
            world = world.snapshot("chief/home", &format!("snap-{number}"), "completed", number);
            world = world.snapshot("chief/data", &format!("data-{number}"), "completed", number);
        }
        world.policy.generations_kept = 1;
        world
    };
    assert_eq!(going(&world()).len(), 4);
    let mut unreadable = world();
    snapshot(&mut unreadable, "snap-2").tags.set(KEY_EPOCH, "two");
    assert_eq!(going(&unreadable), ["data-2", "data-1"]);
    assert_held(&unreadable, "snap-1", "snap-3", Interlock::Foreign);
    assert_held(&unreadable, "snap-2", "snap-3", Interlock::Foreign);
    let mut disordered = world();
    snapshot(&mut disordered, "snap-1").started_at =
        Some(NOW.after(std::time::Duration::from_secs(9)));
    assert_eq!(going(&disordered), ["data-2", "data-1"]);
    assert_held(&disordered, "snap-1", "snap-3", Interlock::DataMissing);
    // Data was seen that no snapshot holds, and no volume either.
    let mut lacking = world();
    lacking.memory.data_epochs.insert(key("chief/home"), 4);
    assert_eq!(going(&lacking), ["data-2", "data-1"]);
    assert_held(&lacking, "snap-1", "snap-3", Interlock::DataMissing);
    let launched = lacking.volume_called("chief/home", "vol-9", "in-use", "4 live");
    assert_eq!(going(&launched).len(), 4, "its volume holds it");
}

#[test]
fn what_carries_no_generation_stays() {
    let mut world = put_away(3);
    snapshot(&mut world, "snap-1").tags.remove(KEY_GENERATION);
    assert_eq!(going(&world), ["snap-2"]);
    assert_eq!(stays(&world, "snap-1"), Stays::NoGeneration);
}

#[test]
fn what_holds_nothing_takes_the_place_of_no_data() {
    let mut world = put_away(4);
    snapshot(&mut world, "snap-4").tags.set(KEY_CONTENT, "blank");
    assert_eq!(going(&world), ["snap-2", "snap-1"]);
    assert_eq!(stays(&world, "snap-3"), Stays::Newest);
    assert_held(&world, "snap-2", "snap-4", Interlock::SnapshotNeeded);
    // Nothing but blank ones: the newest of them stays.
    for number in 1..=3 {
        snapshot(&mut world, &format!("snap-{number}")).tags.set(KEY_CONTENT, "blank");
    }
    assert_eq!(going(&world).len(), 3);
}

#[test]
fn what_covers_a_volume_stays() {
    // The same volume, snapshotted three times; a late listing shows it at the first of these.
    let world = put_away(3).volume("chief/home", "available", "1 sealed");
    assert_eq!(going(&world), NOTHING);
    assert!(
        matches!(stays(&world, "snap-1"), Stays::Needed(why) if why.contains("vol-chief-home"))
    );
    assert_held(&world, "snap-1", "snap-3", Interlock::SnapshotNeeded);
    let world = put_away(3).volume("chief/home", "available", "dreaming");
    assert_eq!(going(&world), NOTHING, "what it covers cannot be told");
    let world = put_away(3).volume("chief/home", "in-use", "4 live");
    assert_eq!(going(&world), ["snap-2", "snap-1"]);
}

#[test]
fn what_was_taken_of_a_volume_that_lost_its_name_stays() {
    let mut world = put_away(3).volume("chief/home", "available", "9 live");
    world.view.volumes[0].tags.remove(wucluster_core::tags::KEY_NODE);
    assert_eq!(going(&world), NOTHING);
    world.view.volumes.clear();
    assert_eq!(going(&world).len(), 2);
}

#[test]
fn what_a_volume_is_being_made_from_stays() {
    let mut world = put_away(3).volume_called("chief/home", "vol-new", "creating", "4 live");
    world.view.volumes[0].from_snapshot = Some(SnapshotId::new("snap-1"));
    assert_eq!(going(&world), ["snap-2"]);
    assert_held(&world, "snap-1", "snap-3", Interlock::SnapshotNeeded);
    world.view.volumes[0].state = VolumeState::Available;
    assert_eq!(going(&world), ["snap-2", "snap-1"], "it stands on its own");
}

#[test]
fn what_a_volume_was_asked_for_from_stays_until_it_shows() {
    let request = CloudAction::CreateVolume {
        mount: key("chief/home"),
        size: Size::from_gib(1),
        from: Some(SnapshotId::new("snap-1")),
        zone: None,
        ebs: wucluster_core::definition::EbsVolume::default(),
        tags: Tags::default(),
        token: "t".to_owned(),
    };
    let unsure = Unsure { action: request.clone(), until: NOW, is_old: true };
    let lost = SubjectMemory { unsure: Some(unsure), ..SubjectMemory::default() };
    let made = |id: Option<&str>| SubjectMemory {
        made: Some(Made {
            request: request.clone(),
            id: id.map(|id| AwaitedId::Volume(VolumeId::new(id))),
        }),
        ..SubjectMemory::default()
    };
    for memory in [lost, made(None), made(Some("vol-new"))] {
        let mut world = put_away(3);
        world.memory.subjects.insert(Subject::Mount(key("chief/home")), memory);
        assert_eq!(going(&world), ["snap-2"]);
        assert_held(&world, "snap-1", "snap-3", Interlock::SnapshotNeeded);
    }
    let mut world = put_away(3).volume_called("chief/home", "vol-new", "available", "4 live");
    world.memory.subjects.insert(Subject::Mount(key("chief/home")), made(Some("vol-new")));
    assert_eq!(going(&world), ["snap-2", "snap-1"]);
}

#[test]
fn what_keeps_a_volume_whose_deletion_was_begun_stays_until_it_is_gone() {
    let with = |phase: Phase, epoch: u64, kept_by: Option<&str>| {
        let mut phases = Phases::default();
        phases.enter(PhaseEntry {
            volume: VolumeId::new("vol-chief-home"),
            mount: key("chief/home"),
            phase,
            epoch,
            kept_by: kept_by.map(SnapshotId::new),
        });
        let mut world = put_away(3);
        world.memory.phases = Some(phases);
        world
    };
    let begun = with(Phase::Deleting, 9, Some("snap-1"));
    assert_eq!(going(&begun), ["snap-2"]);
    assert_held(&begun, "snap-1", "snap-3", Interlock::SnapshotNeeded);
    assert_eq!(going(&with(Phase::Gone, 1, Some("snap-1"))), ["snap-2", "snap-1"]);
    // It was sealed under epoch 2, and no look shows it any more.
    assert_eq!(going(&with(Phase::Sealed, 2, None)), ["snap-1"]);
    assert_eq!(going(&with(Phase::Live, 4, None)), ["snap-2", "snap-1"]);
}

#[test]
fn what_the_definition_names_stays() {
    let mut world = put_away(3);
    world.definition = ClusterDefinition::parse(
        "[cluster]\nname = \"gibbon\"\n[node.chief]\nmount.home = { at = \"/mnt/home\", size = \"1 GiB\" }\n\
         mount.copy = { at = \"/mnt/copy\", size = \"1 GiB\", from = \"snap-1\" }\n",
    )
    .unwrap();
    assert_eq!(going(&world), ["snap-2"]);
    assert_eq!(stays(&world, "snap-1"), Stays::Named(key("chief/copy")));
    assert_held(&world, "snap-1", "snap-3", Interlock::SnapshotNeeded);
}

#[test]
fn what_belongs_to_another_store_stays_and_holds_its_node() {
    let own = StoreMark::new("0123456789abcdef", 1, "here");
    let other = StoreMark::new("fedcba9876543210", 1, "there");
    let mut world = put_away(3);
    world.memory.store = Some(own.clone());
    for number in 1..=3 {
        let seen = snapshot(&mut world, &format!("snap-{number}"));
        seen.tags = std::mem::take(&mut seen.tags).kept_in(Some(&own));
    }
    assert_eq!(going(&world), ["snap-2", "snap-1"]);
    let seen = snapshot(&mut world, "snap-1");
    seen.tags = std::mem::take(&mut seen.tags).kept_in(Some(&other));
    assert_eq!(going(&world), NOTHING);
    assert_held(&world, "snap-2", "snap-3", Interlock::OtherStore);
}

#[test]
fn what_is_not_ours_is_not_deleted() {
    let mut world = put_away(3);
    snapshot(&mut world, "snap-1").tags.set(KEY_MOUNT, "no name at all");
    assert_eq!(going(&world), ["snap-2"]);
    assert_held(&world, "snap-1", "snap-3", Interlock::Foreign);
    assert_waits(&world, "snap-of-nobody", "snap-3");
}

#[test]
fn a_yes_covers_what_it_names_and_two_looks_clear_it() {
    let mut world = put_away(3);
    world.policy.consent = Consent::Only(["snap-1".to_owned()].into());
    assert_eq!(refused(&world, "snap-1", "snap-3"), None);
    assert_held(&world, "snap-2", "snap-3", Interlock::BeyondYes);
    let action = delete("chief/home", "snap-1", "snap-3");
    assert_eq!(action.hazard(), Hazard::Destroys);
    assert!(needs_second_look(&world.observe(), &action));
    let first = world.with_context(Demand::Away, |ctx| clear(ctx, action).unwrap());
    world.with_context(Demand::Away, |ctx| {
        assert!(first.clone().renew(ctx).is_err(), "the same look");
    });
    world.view.asked_at = Timestamp::from_millis(NOW.as_millis() + 1);
    world.with_context(Demand::Away, |ctx| assert!(first.clone().renew(ctx).is_ok()));
    // Whatever was so at the first one.
    snapshot(&mut world, "snap-3").state = SnapshotState::Recoverable;
    world.with_context(Demand::Away, |ctx| assert!(first.renew(ctx).is_err()));
}

#[test]
fn where_nothing_is_recorded_nothing_is_deleted_before_it_was_looked_at_for_a_while() {
    let mut world = put_away(3);
    world.memory.doubts_until = Some(Timestamp::from_millis(NOW.as_millis() + 1));
    assert_waits(&world, "snap-1", "snap-3");
    world.memory.doubts_until = Some(NOW);
    assert_eq!(refused(&world, "snap-1", "snap-3"), None);
}

#[test]
fn no_volume_is_made_from_what_may_yet_be_deleted() {
    let create = |from: &str| {
        Action::Cloud(CloudAction::CreateVolume {
            mount: key("chief/home"),
            size: Size::from_gib(1),
            from: Some(SnapshotId::new(from)),
            zone: None,
            ebs: wucluster_core::definition::EbsVolume::default(),
            tags: Tags::default(),
            token: "t".to_owned(),
        })
    };
    let Action::Cloud(action) = delete("chief/home", "snap-3", "snap-4") else { unreachable!() };
    let until = Timestamp::from_millis(NOW.as_millis() + 1);
    let open = OpenRequest { action, times: 1, asked_at: NOW, until };
    let memory = SubjectMemory { open_requests: vec![open], ..SubjectMemory::default() };
    let mut world = put_away(3);
    world.memory.subjects.insert(Subject::Mount(key("chief/home")), memory);
    let refused = |world: &World| {
        world.with_context(Demand::Launched, |ctx| clear(ctx, create("snap-3")).err())
    };
    assert!(matches!(refused(&world), Some(Refusal::Wait(wait)) if wait.what.contains("snap-3")));
    world.view.asked_at = until;
    assert_eq!(refused(&world), None, "it cannot come any more");
}

#[test]
fn generations_tell_which_mounts_they_have() {
    let world = World::new(GIBBON)
        .snapshot("chief/home", "home-1", "completed", 1)
        .snapshot("chief/data", "data-1", "completed", 1)
        .snapshot("worker-1/scratch", "scratch-1", "completed", 1)
        .snapshot("chief/home", "home-2", "completed", 2)
        .snapshot("chief/data", "data-2", "error", 2)
        .snapshot("chief/home", "home-3", "pending", 3);
    let told = generations(&world.observe(), |_| true);
    let numbers: Vec<_> = told.iter().map(|one| (one.number, one.is_complete())).collect();
    assert_eq!(numbers, [(3, false), (2, false), (1, true)]);
    assert_eq!(told[0].pending, [key("chief/home")]);
    assert_eq!(told[0].missing, [key("chief/data"), key("worker-1/scratch")]);
    assert_eq!(
        (&told[1].complete[..], &told[1].failed[..]),
        (&[key("chief/home")][..], &[key("chief/data")][..])
    );
    assert_eq!(told[2].begun_at, Some(NOW));
    let of_home = generations(&world.observe(), |mount| *mount == key("chief/home"));
    assert!(of_home[1].is_complete(), "{:?}", of_home[1]);
}

#[cfg(feature = "ablation")]
#[test]
fn without_the_rule_the_newest_would_go() {
    let mut world = put_away(2);
    assert_held(&world, "snap-2", "snap-1", Interlock::SnapshotNeeded);
    world.policy.ablated.insert(Interlock::SnapshotNeeded);
    assert_eq!(refused(&world, "snap-2", "snap-1"), None);
}

/// Numbers that look random, the same each time.
struct Luck(u64);

impl Luck {
    fn draw(&mut self, of: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % of
    }
}

/// A mount with snapshots, and perhaps a volume, in whatever order and state.
fn any_world(luck: &mut Luck) -> World {
    let mut world = World::new(SOLO);
    for number in 0..luck.draw(7) {
        let state = ["completed", "completed", "completed", "pending", "error", "recoverable"]
            [usize::try_from(luck.draw(6)).unwrap()];
        let epoch = luck.draw(5) + 1;
        world = world.snapshot("chief/home", &format!("snap-{number}"), state, epoch);
        let seen = world.view.snapshots.last_mut().unwrap();
        // Mostly as they come about: in the order of epochs and generations, of a volume of their own.
        let second = if luck.draw(12) == 0 { luck.draw(6) } else { epoch };
        seen.started_at = Some(NOW.after(std::time::Duration::from_secs(second)));
        seen.volume = VolumeId::new(format!("vol-{}", if luck.draw(3) == 0 { 1 } else { epoch }));
        let generation = if luck.draw(4) == 0 { luck.draw(6) } else { epoch };
        seen.tags.set(KEY_GENERATION, generation.to_string());
        // Its volume may have grown in between.
        seen.size = Size::from_gib(if luck.draw(3) == 0 { 9 } else { 4 });
        match luck.draw(20) {
            0 => drop(seen.tags.remove(KEY_EPOCH)),
            1 => drop(seen.tags.remove(KEY_GENERATION)),
            2 | 3 => seen.tags.set(KEY_CONTENT, "blank"),
            4 => drop(seen.tags.remove(KEY_CONTENT)),
            _ => {}
        }
    }
    if luck.draw(4) == 0 {
        let epoch =
            format!("{} {}", luck.draw(6) + 1, ["live", "sealed"][usize::from(luck.draw(2) == 0)]);
        let id = format!("vol-{}", luck.draw(6));
        world = world.volume_called("chief/home", &id, "available", &epoch);
    }
    if luck.draw(4) == 0 {
        world.memory.data_epochs.insert(key("chief/home"), luck.draw(6));
    }
    world.policy.generations_kept = luck.draw(4);
    world
}

/// Says whether a snapshot stays only since it tells that one of some was taken a second time.
fn tells_of_one_of(world: &World, id: &str, some: &[String]) -> bool {
    let Stays::Needed(why) = stays(world, id) else { return false };
    why.contains("a second time") && some.iter().any(|one| why.contains(one))
}

#[test]
fn whatever_is_pruned_each_mount_begins_from_the_same_as_before() {
    let mut luck = Luck(0x9e37_79b9_7f4a_7c15);
    let (mut pruned, mut with_data, mut ordered, mut released) = (0, 0, 0, 0);
    for case in 0..50_000 {
        let mut before = any_world(&mut luck);
        let begins = |world: &World| {
            world
                .with_context(Demand::Launched, |ctx| source(ctx, &key("chief/home")).map_err(drop))
        };
        let going = going(&before);
        let mut after = before.clone();
        // Any part of it, as somebody may be interrupted.
        let part = luck.draw(3);
        after.view.snapshots.retain(|seen| {
            !going.contains(&seen.id.to_string()) || (part == 0 && luck.draw(2) == 0)
        });
        let what = format!("case {case}, {going:?}: {:#?}", before.view.snapshots);
        assert_eq!(begins(&before), begins(&after), "{what}");
        // And what is left is kept once more, but what only told why one of those that are gone was so late.
        let left: Vec<String> = going
            .iter()
            .filter(|id| after.view.snapshots.iter().any(|seen| seen.id.as_str() == id.as_str()))
            .cloned()
            .collect();
        let mut again = self::going(&after);
        again.retain(|id| {
            let told = left.contains(id) || !tells_of_one_of(&before, id, &going);
            released += usize::from(!told);
            told
        });
        assert_eq!(again, left, "{what}");
        pruned += going.len();
        with_data +=
            usize::from(matches!(begins(&before), Ok(Source::Own(_))) && !going.is_empty());
        // As of each kept generation, what it would begin from is still there.
        for number in before.with_context(Demand::Away, kept_generations) {
            for world in [&mut before, &mut after] {
                let is_of = |of: u64| of <= number;
                world.view.snapshots.retain(|seen| seen.tags.generation().is_some_and(is_of));
                world.memory.data_epochs.clear();
            }
            // Where records contradict each other, an order of them that nobody would compare today is nobody's promise.
            let dated =
                before.view.snapshots.iter().map(|seen| (seen.tags.epoch(), seen.started_at));
            let dated: Vec<_> = dated.collect();
            let is_in_order =
                |one: &(_, _)| dated.iter().all(|two| one.0 >= two.0 || one.1 <= two.1);
            if dated.iter().all(is_in_order) {
                assert_eq!(begins(&before), begins(&after), "generation {number} of {what}");
                ordered += 1;
            }
        }
        // Or where a person gives up the newest.
        for world in [&mut before, &mut after] {
            world.policy.lose.insert(key("chief/home"));
        }
        assert_eq!(begins(&before), begins(&after), "given up, {what}");
    }
    println!("{pruned} snapshots were pruned, {with_data} times beside data that is begun from");
    println!("{ordered} kept generations were gone back to, {released} excuses no longer needed");
    assert!(
        pruned > 10_000 && with_data > 5_000 && ordered > 10_000,
        "{pruned} {with_data} {ordered}"
    );
}

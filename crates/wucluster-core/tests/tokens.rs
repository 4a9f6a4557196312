//! Tokens: a creation whose answer was lost comes again under the same one, whatever listings show
//! meanwhile, so that the provider makes nothing twice.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod common;

use common::{NOW, SOLO, World};
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::definition::Size;
use wucluster_core::demand::Demand;
use wucluster_core::ids::VolumeId;
use wucluster_core::memory::{Made, SubjectMemory, Unsure};
use wucluster_core::observation::SnapshotState;
use wucluster_core::tags::{KEY_EPOCH, KEY_GENERATION};

/// The tokens of instance and volume in a plan for `launched`.
fn tokens(world: &World) -> (Option<String>, Option<String>) {
    let (mut instance, mut volume) = (None, None);
    for cleared in &world.plan(Demand::Launched).actions {
        match cleared.action() {
            Action::Cloud(CloudAction::RunInstance { token, .. }) => instance = Some(token.clone()),
            Action::Cloud(CloudAction::CreateVolume { token, .. }) => volume = Some(token.clone()),
            Action::Cloud(_) | Action::Shell(_) => {}
        }
    }
    (instance, volume)
}

#[test]
fn the_token_of_an_instance_stays_when_a_terminated_one_leaves_the_listing() {
    let listed = World::new(SOLO).instance("chief", "terminated");
    let forgotten = World::new(SOLO);
    assert!(tokens(&listed).0.is_some());
    assert_eq!(tokens(&listed).0, tokens(&forgotten).0);
}

#[test]
fn a_token_that_the_provider_calls_used_up_is_replaced() {
    let before = World::new(SOLO);
    let mut after = World::new(SOLO);
    let subject = before.plan(Demand::Launched).actions[0].action().subject();
    let memory = SubjectMemory { token_generation: 1, ..SubjectMemory::default() };
    after.memory.subjects.insert(subject, memory);
    assert_ne!(tokens(&before).0, tokens(&after).0);
}

/// A mount that is away with two snapshots of its newest epoch, the second of which is in that state.
fn two_of_one_epoch(state: &str) -> World {
    let mut world = World::new(SOLO);
    for (id, state) in [("snap-1", "completed"), ("snap-2", state)] {
        world = world.snapshot("chief/home", id, state, 3);
        let snapshot = world.view.snapshots.last_mut().unwrap();
        snapshot.volume = VolumeId::new("vol-before");
        snapshot.tags.set(KEY_EPOCH, "3 sealed");
        snapshot.tags.set(KEY_GENERATION, "3");
    }
    world
}

#[test]
fn source_and_token_of_a_volume_stay_when_a_second_snapshot_of_the_same_epoch_completes() {
    let source = |world: &World| {
        let plan = world.plan(Demand::Launched);
        plan.actions.iter().find_map(|cleared| match cleared.action() {
            Action::Cloud(CloudAction::CreateVolume { from, .. }) => from.clone(),
            _ => None,
        })
    };
    let (pending, completed) = (two_of_one_epoch("pending"), two_of_one_epoch("completed"));
    assert_eq!(source(&pending).unwrap().as_str(), "snap-1");
    assert_eq!(source(&pending), source(&completed));
    assert_eq!(tokens(&pending).1, tokens(&completed).1);
}

#[test]
fn of_two_snapshots_of_an_epoch_the_one_of_the_grown_volume_is_begun_from() {
    for larger in ["snap-1", "snap-2"] {
        let mut world = two_of_one_epoch("completed");
        for snapshot in &mut world.view.snapshots {
            snapshot.size = Size::from_gib(if snapshot.id.as_str() == larger { 9 } else { 4 });
        }
        let plan = world.plan(Demand::Launched);
        let made = plan.actions.iter().find_map(|cleared| match cleared.action() {
            Action::Cloud(CloudAction::CreateVolume { from, size, .. }) => Some((from, *size)),
            _ => None,
        });
        let (from, size) = made.unwrap();
        assert_eq!((from.as_ref().unwrap().as_str(), size), (larger, Size::from_gib(9)));
    }
}

#[test]
fn a_volume_is_made_as_large_as_it_was_though_only_a_snapshot_on_its_way_tells() {
    for (state, of, size) in
        [("pending", "vol-before", 9), ("error", "vol-before", 9), ("pending", "vol-other", 4)]
    {
        let mut world = two_of_one_epoch(state);
        for snapshot in &mut world.view.snapshots {
            let is_complete = snapshot.state == SnapshotState::Completed;
            snapshot.size = Size::from_gib(if is_complete { 4 } else { 9 });
            if !is_complete {
                snapshot.volume = VolumeId::new(of);
            }
        }
        let plan = world.plan(Demand::Launched);
        let made = plan.actions.iter().find_map(|cleared| match cleared.action() {
            Action::Cloud(CloudAction::CreateVolume { from, size, .. }) => Some((from, *size)),
            _ => None,
        });
        let (from, made) = made.unwrap();
        assert_eq!((from.as_ref().unwrap().as_str(), made), ("snap-1", Size::from_gib(size)));
    }
}

#[test]
fn a_creation_whose_answer_was_lost_is_asked_again_as_it_was() {
    let listed = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 3);
    let plan = listed.plan(Demand::Launched);
    let mut later = World::new(SOLO).snapshot("chief/home", "snap-0", "completed", 2);
    later.view.snapshots.extend(listed.view.snapshots.clone());
    later.view.snapshots[1].tags.set(KEY_GENERATION, "9");
    let chief = later.definition.nodes.values_mut().next().unwrap();
    chief.machine.instance_type = Some("m7i.large".to_owned());
    chief.mounts.values_mut().next().unwrap().ebs.kind = Some("io2".to_owned());
    for cleared in &plan.actions {
        let Action::Cloud(action) = cleared.action() else { continue };
        let unsure = Unsure { action: action.clone(), until: NOW, is_old: false };
        let memory = SubjectMemory { unsure: Some(unsure), ..SubjectMemory::default() };
        later.memory.subjects.insert(action.subject(), memory);
    }
    let again: Vec<_> = later.plan(Demand::Launched).actions;
    let asked = |actions: &[wucluster_core::interlock::Cleared<Action>]| {
        actions.iter().map(|one| one.action().clone()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&again), asked(&plan.actions), "whatever is listed or defined by now");
    later.memory.subjects.clear();
    assert_ne!(tokens(&later).0, tokens(&listed).0, "without that memory it is another token");
}

#[test]
fn what_was_asked_for_long_ago_is_not_repeated_before_it_had_time_to_show_itself() {
    let listed = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 3);
    let asked = listed.plan(Demand::Launched).actions;
    let with = |until| {
        let mut later = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 3);
        for cleared in &asked {
            let Action::Cloud(action) = cleared.action() else { continue };
            let unsure = Some(Unsure { action: action.clone(), until, is_old: true });
            let memory = SubjectMemory { unsure, ..SubjectMemory::default() };
            later.memory.subjects.insert(action.subject(), memory);
        }
        later.plan(Demand::Launched)
    };
    let plan = with(NOW.after(std::time::Duration::from_secs(1)));
    assert_eq!((plan.actions.len(), plan.waits.len()), (0, 2), "its token may be forgotten");
    assert_eq!(with(NOW).actions.len(), 2, "and then as it was");
}

/// Lets a world remember what another one asked for, as answered.
fn remember_made(world: &mut World, asked: &World) {
    for cleared in &asked.plan(Demand::Launched).actions {
        let Action::Cloud(request) = cleared.action() else { continue };
        let made = Made { request: request.clone(), id: None };
        let memory = SubjectMemory { made: Some(made), ..SubjectMemory::default() };
        world.memory.subjects.insert(request.subject(), memory);
    }
}

#[test]
fn what_is_made_once_more_keeps_its_token_when_other_snapshots_have_come() {
    let before = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 3);
    let mut later = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 3);
    later.view.snapshots[0].tags.set(KEY_GENERATION, "9");
    assert_ne!(tokens(&later).0, tokens(&before).0, "without that memory it is another token");
    remember_made(&mut later, &before);
    assert_eq!(tokens(&later), tokens(&before));
}

#[test]
fn what_would_not_be_the_same_is_asked_for_anew() {
    let before = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 3);
    let mut later = World::new(SOLO).snapshot("chief/home", "snap-2", "completed", 4);
    remember_made(&mut later, &before);
    let (instance, volume) = tokens(&later);
    assert_eq!(instance, tokens(&before).0, "a machine does not depend on snapshots");
    assert_ne!(volume, tokens(&before).1, "there is newer data by now");
    for node in later.definition.nodes.values_mut() {
        node.machine.memory_mib = Some(2048);
    }
    assert_ne!(tokens(&later).0, instance, "the definition wants another machine");
}

#[test]
fn a_volume_that_was_asked_for_from_an_older_snapshot_is_waited_for_while_it_may_come() {
    let before = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 3);
    let mut later = World::new(SOLO).snapshot("chief/home", "snap-2", "completed", 4);
    let plan = before.plan(Demand::Launched);
    let asked = plan.actions.iter().find_map(|cleared| match cleared.action() {
        Action::Cloud(action @ CloudAction::CreateVolume { .. }) => Some(action.clone()),
        _ => None,
    });
    let action = asked.unwrap();
    let mut with = |until| {
        let unsure = Some(Unsure { action: action.clone(), until, is_old: false });
        let memory = SubjectMemory { unsure, ..SubjectMemory::default() };
        later.memory.subjects.insert(action.subject(), memory);
        tokens(&later).1
    };
    assert_eq!(with(NOW.after(std::time::Duration::from_secs(1))), None);
    let anew = with(NOW);
    assert!(anew.is_some() && anew != tokens(&before).1);
}

//! Renaming: nothing is made under a new name while the former one has something, and no name is taken that other data has.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod common;

use common::{World, key};
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, Subject, VolumeId};
use wucluster_core::interlock::rename::{
    as_renamed, attached_elsewhere, clear_rename, still_so_named,
};
use wucluster_core::interlock::{Interlock, Refusal};
use wucluster_core::memory::{AwaitedId, OpenRequest};
use wucluster_core::tags::{KEY_MOUNT, KEY_WAS};

/// `chief/home` has become `chief/data`.
const IN_PLACE: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.data = { at = "/mnt/home", size = "1 GiB", was = "home" }
"#;

/// `chief/home` has moved to `worker`.
const MOVED: &str = r#"
[cluster]
name = "gibbon"

[node.chief]

[node.worker]
mount.home = { at = "/mnt/home", size = "1 GiB", was = "chief/home" }
"#;

/// A node has another name.
const NODE: &str = r#"
[cluster]
name = "gibbon"

[node.head]
was = "chief"
mount.home = { at = "/mnt/home", size = "1 GiB" }
"#;

/// What a launch asks for.
fn asks(world: &World) -> Vec<&'static str> {
    let plan = world.plan(Demand::Launched);
    plan.actions.iter().map(|action| action.action().name()).collect()
}

fn holds(world: &World) -> Vec<Interlock> {
    world.plan(Demand::Launched).holds.iter().map(|hold| hold.interlock).collect()
}

/// What keeps the first thing that has its former name from being renamed.
fn refusal(world: &World) -> Option<Result<Interlock, String>> {
    world.with_context(Demand::Launched, |ctx| {
        let list = still_so_named(ctx.definition, ctx.observation);
        clear_rename(ctx, list.first().unwrap()).err().map(|refusal| match refusal {
            Refusal::Hold(hold) | Refusal::First(_, hold) => Ok(hold.interlock),
            Refusal::Wait(wait) => Err(wait.what),
        })
    })
}

#[test]
fn only_the_name_is_set_and_where_it_came_from() {
    let world = World::new(IN_PLACE)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached");
    world.with_context(Demand::Launched, |ctx| {
        let list = still_so_named(ctx.definition, ctx.observation);
        assert_eq!(list.len(), 1);
        let cleared = clear_rename(ctx, &list[0]).unwrap();
        let Action::Cloud(CloudAction::Adopt { subject, id, tags }) = cleared.action() else {
            panic!("{:?}", cleared.action())
        };
        assert_eq!(*subject, Subject::Mount(key("chief/data")));
        assert_eq!(*id, AwaitedId::Volume(VolumeId::new("vol-chief-home")));
        assert_eq!((tags.get(KEY_MOUNT), tags.get(KEY_WAS)), (Some("data"), Some("chief/home")));
        assert!(tags.epoch().is_none() && tags.generation().is_none(), "its history stays");
    });
}

#[test]
fn nothing_is_made_while_the_former_name_has_something() {
    for world in [
        World::new(IN_PLACE).instance("chief", "running").volume(
            "chief/home",
            "available",
            "1 live",
        ),
        World::new(IN_PLACE).instance("chief", "running").snapshot(
            "chief/home",
            "snap-1",
            "completed",
            1,
        ),
    ] {
        assert_eq!(asks(&world), <[&str; 0]>::default());
        assert_eq!(holds(&world), [Interlock::IdentityConflict]);
        // Shown as it will be, it goes on with what is there.
        let mut then = world.clone();
        then.view = as_renamed(&then.definition, then.view.clone());
        assert_eq!(holds(&then), []);
        assert!(matches!(asks(&then).as_slice(), ["AttachVolume" | "CreateVolume" | "CreateTags"]));
    }
    let machine = World::new(NODE).instance("chief", "running");
    assert_eq!(holds(&machine), [Interlock::IdentityConflict]);
    assert!(!asks(&machine).contains(&"RunInstances"));
}

#[test]
fn nothing_is_made_while_data_of_the_former_name_is_remembered_and_not_seen() {
    let mut world = World::new(IN_PLACE).instance("chief", "running");
    assert_eq!(asks(&world), ["CreateVolume"], "it never had any");
    world.memory.data_epochs.insert(key("chief/home"), 3);
    assert_eq!((asks(&world), holds(&world)), (vec![], vec![Interlock::IdentityConflict]));
    world.policy.lose.insert(key("chief/data"));
    assert_eq!(asks(&world), ["CreateVolume"], "a person gave it up");
}

#[test]
fn a_name_that_other_data_has_is_not_taken() {
    let both = || {
        World::new(IN_PLACE).volume("chief/home", "available", "1 sealed").volume(
            "chief/data",
            "available",
            "1 sealed",
        )
    };
    assert_eq!(refusal(&both()), Some(Ok(Interlock::IdentityConflict)));
    // What came from there before is no other.
    assert_eq!(refusal(&both().tag(KEY_WAS, "chief/home")), None);
    assert_eq!(refusal(&both().tag(KEY_WAS, "chief/other")), Some(Ok(Interlock::IdentityConflict)));

    let mut known = World::new(IN_PLACE).volume("chief/home", "available", "1 sealed");
    assert_eq!(refusal(&known), None);
    known.memory.data_epochs.insert(key("chief/data"), 2);
    assert_eq!(refusal(&known), Some(Ok(Interlock::IdentityConflict)));
    let (from, to) = (Subject::Mount(key("chief/home")), Subject::Mount(key("chief/data")));
    known.memory.renames.insert(to, from);
    assert_eq!(refusal(&known), None, "it was begun: what is remembered is its own");

    let nodes = World::new(NODE).instance("chief", "running").instance("head", "running");
    assert_eq!(refusal(&nodes), Some(Ok(Interlock::IdentityConflict)));
}

#[test]
fn what_moves_is_detached_first() {
    let there = || {
        World::new(MOVED)
            .instance("chief", "running")
            .instance("worker", "running")
            .volume("chief/home", "in-use", "1 live")
            .attached("i-chief", "attached")
    };
    assert_eq!(refusal(&there()), Some(Ok(Interlock::AttachedElsewhere)));
    there().with_context(Demand::Launched, |ctx| {
        let moved = attached_elsewhere(ctx.definition, ctx.observation);
        assert_eq!(moved, [(key("chief/home"), key("worker/home"))]);
    });
    let free = World::new(MOVED).volume("chief/home", "available", "1 live");
    assert_eq!(refusal(&free), None);
    // A machine that is renamed keeps what it has.
    let renamed = World::new(NODE)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached");
    renamed.with_context(Demand::Launched, |ctx| {
        assert_eq!(attached_elsewhere(ctx.definition, ctx.observation), []);
        for one in still_so_named(ctx.definition, ctx.observation) {
            assert!(clear_rename(ctx, &one).is_ok(), "{one:?}");
        }
    });
}

#[test]
fn what_may_still_be_taken_away_keeps_its_name_until_then() {
    let open = |world: &mut World, action: CloudAction| {
        let until = common::NOW.after(std::time::Duration::from_secs(60));
        let open = OpenRequest { action, times: 1, asked_at: common::NOW, until };
        let subject = Subject::Mount(key("chief/home"));
        world.memory.subjects.entry(subject).or_default().open_requests.push(open);
    };
    let free = || World::new(MOVED).volume("chief/home", "available", "1 sealed");
    let (mount, volume) = (key("chief/home"), VolumeId::new("vol-chief-home"));
    let mut doomed = free();
    let (of, what) = (mount.clone(), volume.clone());
    open(&mut doomed, CloudAction::DeleteVolume { mount: of, volume: what, kept_by: None });
    assert!(matches!(refusal(&doomed), Some(Err(_))), "{:?}", refusal(&doomed));
    let mut left = free();
    let instance = InstanceId::new("i-chief");
    open(&mut left, CloudAction::DetachVolume { mount, volume, instance });
    assert_eq!(refusal(&left), None, "it has left that machine");
}

#[cfg(feature = "ablation")]
#[test]
fn without_the_rules_a_blank_volume_takes_the_place_of_data_and_two_histories_are_mixed() {
    let mut world = World::new(IN_PLACE).instance("chief", "running").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        1,
    );
    world.policy.ablated.insert(Interlock::IdentityConflict);
    assert_eq!(asks(&world), ["CreateVolume"]);
    let mut both = World::new(IN_PLACE).volume("chief/home", "available", "1 sealed").volume(
        "chief/data",
        "available",
        "1 sealed",
    );
    both.policy.ablated.insert(Interlock::IdentityConflict);
    assert_eq!(refusal(&both), None);
    let mut there = World::new(MOVED)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached");
    there.policy.ablated.insert(Interlock::AttachedElsewhere);
    assert_eq!(refusal(&there), None);
}

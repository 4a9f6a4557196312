//! Going back to a generation: what mounts without a volume begin from.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod common;

use common::{World, key};
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::demand::Demand;
use wucluster_core::interlock::data::{Source, source};
use wucluster_core::tags::KEY_BACK_TO;

const MOUNTS: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "2 GiB" }
"#;

/// Two mounts, put away three times; `chief/data` was away in generation 2 and has no snapshot of it.
fn thrice() -> World {
    World::new(MOUNTS)
        .snapshot("chief/home", "snap-h1", "completed", 1)
        .snapshot("chief/home", "snap-h2", "completed", 2)
        .snapshot("chief/home", "snap-h3", "completed", 3)
        .snapshot("chief/data", "snap-d1", "completed", 1)
        .snapshot("chief/data", "snap-d3", "completed", 3)
}

fn begins_from(world: &World, mount: &str) -> String {
    world.with_context(Demand::Launched, |ctx| match source(ctx, &key(mount)) {
        Ok(Source::Own(seen)) => seen.id.to_string(),
        Ok(Source::Base(id)) => format!("base {id}"),
        Ok(Source::Blank) => "blank".to_owned(),
        Err(refusal) => match refusal.into_hold() {
            Ok(hold) => format!("held[{}]", hold.interlock),
            Err(wait) => format!("wait: {}", wait.what),
        },
    })
}

/// What the plan of a launch makes each volume from, with the generation it is marked to go back to.
fn made(world: &World) -> Vec<(String, Option<String>, Option<u64>, String)> {
    let plan = world.plan(Demand::Launched);
    let volumes = plan.actions.iter().filter_map(|cleared| match cleared.action() {
        Action::Cloud(CloudAction::CreateVolume { mount, from, tags, token, .. }) => {
            let from = from.as_ref().map(ToString::to_string);
            Some((mount.to_string(), from, tags.back_to(), token.clone()))
        }
        Action::Cloud(_) | Action::Shell(_) => None,
    });
    volumes.collect()
}

#[test]
fn without_a_word_the_newest_is_begun_from() {
    let world = thrice();
    assert_eq!(begins_from(&world, "chief/home"), "snap-h3");
    assert_eq!(begins_from(&world, "chief/data"), "snap-d3");
}

#[test]
fn going_back_takes_what_each_mount_held_then() {
    let mut world = thrice();
    world.policy.generation = Some(2);
    assert_eq!(begins_from(&world, "chief/home"), "snap-h2");
    assert_eq!(begins_from(&world, "chief/data"), "snap-d1", "it was away, and held that");
    world.policy.generation = Some(1);
    assert_eq!(begins_from(&world, "chief/home"), "snap-h1");
    assert_eq!(begins_from(&world, "chief/data"), "snap-d1");
}

#[test]
fn what_began_later_begins_blank() {
    let mut world = World::new(MOUNTS).snapshot("chief/home", "snap-h1", "completed", 1).snapshot(
        "chief/data",
        "snap-d3",
        "completed",
        3,
    );
    world.policy.generation = Some(1);
    assert_eq!(begins_from(&world, "chief/data"), "blank");
}

#[test]
fn what_is_not_whole_is_waited_for_or_held() {
    for (state, told) in [
        ("pending", "wait: snap-h2 of generation 2 is pending"),
        ("error", "held[data-missing]"),
        ("recoverable", "held[data-missing]"),
    ] {
        let mut world = World::new(MOUNTS)
            .snapshot("chief/home", "snap-h1", "completed", 1)
            .snapshot("chief/home", "snap-h2", state, 2)
            .snapshot("chief/home", "snap-h3", "completed", 3);
        world.policy.generation = Some(2);
        assert_eq!(begins_from(&world, "chief/home"), told, "never an older one in its place");
    }
}

#[test]
fn a_new_volume_tells_where_it_went_back_to_under_a_token_of_its_own() {
    let mut world = thrice();
    let newest = made(&world);
    world.policy.generation = Some(1);
    let back = made(&world);
    assert_eq!(newest.len(), 2);
    assert_eq!(back.len(), 2);
    for (new, old) in newest.iter().zip(&back) {
        assert_eq!((&new.0, new.2), (&old.0, None));
        assert_eq!(old.2, Some(1));
        assert_ne!(new.3, old.3, "the answer to one may still come when the other is asked");
    }
    assert_eq!(back[0].1.as_deref(), Some("snap-h1"));
}

/// `chief/home` went back to generation 1 in a launch that was cut short before `chief/data` was made.
fn cut_short() -> World {
    let mut world = thrice().volume("chief/home", "available", "4 live");
    let volume = world.view.volumes.last_mut().unwrap();
    volume.tags.set("wucluster:generation", "4");
    volume.tags.set(KEY_BACK_TO, "1");
    world
}

#[test]
fn a_launch_that_was_cut_short_ends_with_one_and_the_same_set() {
    assert_eq!(begins_from(&cut_short(), "chief/data"), "snap-d1");
}

#[test]
fn what_was_put_away_since_is_newer_than_what_others_went_back_to() {
    let world = cut_short().snapshot("chief/data", "snap-d4", "completed", 4);
    assert_eq!(begins_from(&world, "chief/data"), "snap-d4");
}

#[test]
fn data_that_is_missing_since_then_is_still_missed() {
    let mut world = cut_short();
    world.memory.data_epochs.insert(key("chief/data"), 4);
    assert_eq!(begins_from(&world, "chief/data"), "held[data-missing]");
}

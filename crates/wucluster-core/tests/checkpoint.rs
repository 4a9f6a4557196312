//! What a checkpoint is, and what it is never: the proof for a delete, or what a mount begins from by itself.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod common;

use common::{GIBBON, NOW, SOLO, World, key};
use wucluster_core::action::{Action, CloudAction, ShellAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{SnapshotId, VolumeId};
use wucluster_core::interlock::checkpoint::{
    Target, checkpoints, fates, kept, next_number, of_set, vouch,
};
use wucluster_core::interlock::data::{Cover, Source, cover, source};
use wucluster_core::interlock::prune::{Stays, prune};
use wucluster_core::interlock::{Interlock, Refusal, clear};
use wucluster_core::observation::{MountObservation, SnapshotState};
use wucluster_core::policy::Policy;
use wucluster_core::tags::{
    BackTo, Checkpoint, KEY_BACK_TO, KEY_CHECKPOINT, KEY_CONTENT, KEY_EPOCH, KEY_GENERATION, Tags,
};
use wucluster_core::time::Timestamp;

/// A snapshot of a checkpoint, such as `3 of 4 at 7 frozen`.
fn checkpoint(world: World, mount: &str, id: &str, mark: &str) -> World {
    let mut world = world.snapshot(mount, id, "completed", 99);
    let seen = world.view.snapshots.last_mut().unwrap();
    assert!(seen.tags.remove(KEY_EPOCH) && seen.tags.remove(KEY_GENERATION));
    seen.tags.set(KEY_CHECKPOINT, mark);
    world
}

/// A chief that runs with its only mount mounted, at write epoch 7.
fn running() -> World {
    World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "7 live")
        .attached("i-chief", "attached")
        .mounted("/mnt/home")
}

fn put_away(epoch: &str) -> World {
    World::new(SOLO).volume("chief/home", "available", epoch)
}

fn with_home<T>(world: &World, judge: impl FnOnce(&MountObservation) -> T) -> T {
    world
        .with_context(Demand::Away, |ctx| judge(ctx.observation.mount(&key("chief/home")).unwrap()))
}

fn target(world: &World) -> Result<Option<Target>, Refusal> {
    world.with_context(Demand::Mounted, |ctx| {
        Target::of(ctx, ctx.observation.mount(&key("chief/home")).unwrap())
    })
}

fn home() -> Target {
    target(&running()).unwrap().unwrap()
}

fn delete_home() -> Action {
    Action::Cloud(CloudAction::DeleteVolume {
        mount: key("chief/home"),
        volume: VolumeId::new("vol-chief-home"),
        kept_by: Some(SnapshotId::new("snap-1")),
    })
}

#[track_caller]
fn begins(world: &World) -> Result<Source, Refusal> {
    world.with_context(Demand::Launched, |ctx| source(ctx, &key("chief/home")))
}

#[test]
fn the_mark_is_read_as_it_is_written() {
    let mark = Checkpoint { number: 3, of: 4, epoch: 7, is_frozen: true };
    assert_eq!(mark.to_string(), "3 of 4 at 7 frozen");
    for mark in [mark, Checkpoint { is_frozen: false, ..mark }] {
        assert_eq!(mark.to_string().parse(), Ok(mark));
    }
    for bad in
        ["", "3", "3 of 4 at 7", "3 of 4 at 7 whole", "3 of x at 7 begun", "3 of 4 at 7 begun "]
    {
        assert!(bad.parse::<Checkpoint>().is_err(), "{bad:?}");
    }
    for back in [BackTo::Generation(3), BackTo::Checkpoint(3)] {
        assert_eq!(back.to_string().parse(), Ok(back));
    }
    let mut tags = Tags::default();
    tags.set(KEY_BACK_TO, BackTo::Checkpoint(3).to_string());
    assert_eq!((tags.back_to(), tags.went_back()), (None, Some(BackTo::Checkpoint(3))));
}

#[test]
fn a_checkpoint_covers_nothing_and_a_snapshot_of_a_put_away_does() {
    // Of this very volume, of its size and of its last write epoch, complete, and of when everything stood still.
    let world = checkpoint(put_away("7 sealed"), "chief/home", "snap-1", "1 of 1 at 7 frozen");
    with_home(&world, |home| {
        assert_eq!(home.snapshots, []);
        assert_eq!(home.checkpoints.len(), 1);
        let missing = cover(home, home.volume().unwrap(), None, NOW);
        assert!(matches!(missing, Cover::Missing(_)), "{missing:?}");
    });
    let refused = world.with_context(Demand::Away, |ctx| clear(ctx, delete_home()));
    let Err(Refusal::First(_, hold)) = refused else { panic!("{refused:?}") };
    assert_eq!(hold.interlock, Interlock::SnapshotOlder);

    let world = world.snapshot("chief/home", "snap-2", "completed", 7);
    with_home(&world, |home| {
        let complete = cover(home, home.volume().unwrap(), None, NOW);
        assert!(matches!(complete, Cover::Complete(seen) if seen.id.as_str() == "snap-2"));
    });
    assert!(world.with_context(Demand::Away, |ctx| clear(ctx, delete_home())).is_ok());
}

#[test]
fn not_even_one_that_claims_a_write_epoch_covers_anything() {
    let mut world = checkpoint(put_away("7 sealed"), "chief/home", "snap-1", "nonsense");
    world.view.snapshots[0].tags.set(KEY_EPOCH, "7 sealed");
    world.view.snapshots[0].tags.set(KEY_GENERATION, "7");
    assert!(world.with_context(Demand::Away, |ctx| clear(ctx, delete_home())).is_err());
    world.with_context(Demand::Away, |ctx| {
        assert_eq!(ctx.observation.snapshot_generation_max(), None);
    });
}

#[test]
fn a_checkpoint_stands_in_nobodys_way() {
    // Its write epoch cannot be read, it was begun before and after others, and it is of no generation.
    let away = || World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 7);
    let mut world = checkpoint(away(), "chief/home", "snap-2", "1 of 1 at 7 frozen");
    world.view.snapshots[1].started_at = Some(Timestamp::from_millis(1));
    let own = |source| matches!(source, Ok(Source::Own(seen)) if seen.id.as_str() == "snap-1");
    assert!(own(begins(&world)));
    world.policy.generation = Some(7);
    assert!(own(begins(&world)));
    // Nor does it keep a volume from being attached whose epoch it was taken in.
    let volume = checkpoint(
        put_away("7 live").instance("chief", "running"),
        "chief/home",
        "snap-1",
        "1 of 1 at 7 frozen",
    );
    let attach = Action::Cloud(CloudAction::AttachVolume {
        mount: key("chief/home"),
        volume: VolumeId::new("vol-chief-home"),
        instance: "i-chief".to_owned().into(),
    });
    let cleared = volume.with_context(Demand::Launched, |ctx| clear(ctx, attach));
    assert!(cleared.is_ok(), "{cleared:?}");
}

#[test]
fn a_mount_that_has_nothing_but_a_checkpoint_is_held_and_told_how_to_begin_from_it() {
    assert_eq!(begins(&World::new(SOLO)), Ok(Source::Blank));
    let world = checkpoint(World::new(SOLO), "chief/home", "snap-1", "4 of 1 at 7 frozen");
    let Err(Refusal::Hold(hold)) = begins(&world) else { panic!("it is held") };
    assert_eq!(hold.interlock, Interlock::DataMissing);
    assert!(hold.why.iter().any(|why| why.contains("checkpoint 4") && why.contains("snap-1")));
    assert!(hold.fix.iter().any(|fix| fix.ends_with("launch --checkpoint 4")), "{:?}", hold.fix);
    // Nor does an older state take its place.
    let older = world.snapshot("chief/home", "snap-2", "completed", 6);
    assert!(matches!(begins(&older), Err(Refusal::Hold(_))));
    // Put away later, it is in a snapshot of its own.
    let newer = older.snapshot("chief/home", "snap-3", "completed", 7);
    assert!(matches!(begins(&newer), Ok(Source::Own(seen)) if seen.id.as_str() == "snap-3"));
}

#[test]
fn a_person_may_begin_from_one_and_a_launch_that_was_cut_short_ends_in_it() {
    let mut world = checkpoint(World::new(GIBBON), "chief/home", "snap-1", "4 of 2 at 7 frozen");
    world = checkpoint(world, "chief/data", "snap-2", "4 of 2 at 3 frozen");
    world = world.snapshot("chief/home", "snap-3", "completed", 9);
    let is_own = |world: &World, id: &str| matches!(begins(world), Ok(Source::Own(seen)) if seen.id.as_str() == id);
    assert!(is_own(&world, "snap-3"));
    world.policy.checkpoint = Some(4);
    assert!(is_own(&world, "snap-1"));
    // What it has no snapshot of begins as it always does.
    let worker = world.with_context(Demand::Launched, |ctx| source(ctx, &key("worker-1/scratch")));
    assert!(worker.is_err() || worker == Ok(Source::Blank), "{worker:?}");
    // The next one, without that word, goes on.
    world.policy = Policy::default();
    let mut world = world.volume("chief/data", "available", "4 live").tag(KEY_GENERATION, "10");
    world.view.volumes[0].tags.set(KEY_BACK_TO, "checkpoint 4");
    assert!(is_own(&world, "snap-1"));
    // Incomplete, it is waited for; one that does not say that everything stood still is none.
    world.policy.checkpoint = Some(4);
    world.view.snapshots[0].state = SnapshotState::Pending;
    assert!(matches!(begins(&world), Err(Refusal::Wait(_))));
    world.view.snapshots[0].tags.set(KEY_CHECKPOINT, "4 of 2 at 7 begun");
    assert!(is_own(&world, "snap-3"));
}

#[test]
fn what_is_mounted_is_frozen_and_nothing_else() {
    let found = home();
    assert_eq!((found.at.as_str(), found.epoch), ("/mnt/home", 7));
    let may =
        |world: &World| world.with_context(Demand::Mounted, |ctx| found.freeze(ctx, 60)).is_ok();
    assert!(may(&running()));
    assert_eq!(target(&World::new(SOLO)), Ok(None), "it is away");
    let attached = || {
        World::new(SOLO)
            .instance("chief", "running")
            .volume("chief/home", "in-use", "7 live")
            .attached("i-chief", "attached")
    };
    for (what, world) in [
        ("it is not mounted", attached()),
        ("elsewhere", attached().mounted("/srv")),
        ("silent", running().silent("chief")),
        ("blank", running().tag(KEY_CONTENT, "blank")),
        ("sealed", running().tag(KEY_EPOCH, "7 sealed")),
        ("frozen", running().device(|device| device.is_frozen = true)),
        ("two volumes", running().volume_called("chief/home", "vol-2", "available", "7 live")),
    ] {
        assert!(!may(&world), "{what}");
    }
    // The root, or any other place.
    for at in ["/", "/mnt"] {
        let freeze = Action::Shell(ShellAction::Freeze {
            mount: key("chief/home"),
            serial: home().volume.serial(),
            at: at.to_owned(),
            limit_seconds: 60,
        });
        assert!(running().with_context(Demand::Mounted, |ctx| clear(ctx, freeze)).is_err(), "{at}");
    }
}

#[test]
fn what_is_frozen_is_not_unmounted_and_may_always_be_thawed() {
    let frozen = running().device(|device| device.is_frozen = true);
    let unmount = || {
        Action::Shell(ShellAction::Unmount {
            mount: key("chief/home"),
            serial: home().volume.serial(),
            before: Vec::new(),
        })
    };
    let refused = frozen.with_context(Demand::Away, |ctx| clear(ctx, unmount()));
    assert!(matches!(refused, Err(Refusal::Wait(_))), "{refused:?}");
    assert!(running().with_context(Demand::Away, |ctx| clear(ctx, unmount())).is_ok());
    for world in [frozen, running(), running().silent("chief")] {
        assert!(world.with_context(Demand::Mounted, |ctx| home().thaw(ctx)).is_ok());
    }
}

#[test]
fn a_snapshot_of_what_is_mounted_is_taken_only_while_it_stands_still() {
    let mut world = running();
    let take =
        |world: &World| world.with_context(Demand::Mounted, |ctx| home().snapshot(ctx, 3, 1));
    assert!(matches!(take(&world), Err(Refusal::Wait(_))));
    world.memory.frozen.insert(home().volume.serial());
    let cleared = take(&world).unwrap();
    let Action::Cloud(CloudAction::CreateSnapshot { tags, .. }) = cleared.action() else {
        panic!()
    };
    assert_eq!(tags.get(KEY_CHECKPOINT), Some("3 of 1 at 7 begun"));
    assert_eq!((tags.get(KEY_EPOCH), tags.get(KEY_GENERATION)), (None, None), "it claims nothing");
    // Whoever else proposes one, with a claim or a vow in advance.
    for (name, value) in
        [(KEY_EPOCH, "7 sealed"), (KEY_GENERATION, "3"), (KEY_CHECKPOINT, "3 of 1 at 7 frozen")]
    {
        let mut tags = tags.clone();
        tags.set(name, value);
        let action = Action::Cloud(CloudAction::CreateSnapshot {
            mount: key("chief/home"),
            volume: VolumeId::new("vol-chief-home"),
            tags,
        });
        let refused = world.with_context(Demand::Mounted, |ctx| clear(ctx, action));
        assert!(matches!(refused, Err(Refusal::Hold(_))), "{name}: {refused:?}");
    }
}

#[test]
fn a_snapshot_is_marked_with_no_more_than_its_own_checkpoint() {
    let world = checkpoint(running(), "chief/home", "snap-1", "3 of 1 at 7 begun");
    let id = SnapshotId::new("snap-1");
    world.with_context(Demand::Mounted, |ctx| {
        let cleared = vouch(ctx, &key("chief/home"), &id).unwrap();
        let Action::Cloud(CloudAction::TagSnapshot { tags, .. }) = cleared.action() else {
            panic!()
        };
        assert_eq!(tags.get(KEY_CHECKPOINT), Some("3 of 1 at 7 frozen"));
        assert!(vouch(ctx, &key("chief/home"), &SnapshotId::new("snap-2")).is_err());
        for (name, value) in [(KEY_EPOCH, "7 sealed"), (KEY_CHECKPOINT, "4 of 1 at 7 frozen")] {
            let mut tags = tags.clone();
            tags.set(name, value);
            let (mount, snapshot) = (key("chief/home"), id.clone());
            let mark = Action::Cloud(CloudAction::TagSnapshot { mount, snapshot, tags });
            assert!(clear(ctx, mark).is_err(), "{name}");
        }
    });
    // A put-away's snapshot is none of a checkpoint's.
    let world = running().snapshot("chief/home", "snap-1", "completed", 6);
    let refused = world.with_context(Demand::Mounted, |ctx| vouch(ctx, &key("chief/home"), &id));
    assert!(refused.is_err());
}

#[test]
fn a_set_is_whole_when_each_of_its_mounts_has_one_complete_snapshot_that_says_so() {
    let set = |marks: &[(&str, &str, &str)]| {
        let mut world = World::new(GIBBON);
        for (at, (mount, mark, state)) in marks.iter().enumerate() {
            world = checkpoint(world, mount, &format!("snap-{at}"), mark);
            world.view.snapshots[at].state = SnapshotState::from((*state).to_owned());
        }
        world.with_context(Demand::Away, |ctx| {
            let sets = checkpoints(ctx.observation);
            assert_eq!(next_number(ctx.observation), sets[0].number + 1);
            sets[0].clone()
        })
    };
    let (frozen, begun) = ("3 of 2 at 7 frozen", "3 of 2 at 7 begun");
    let (home, data) = ("chief/home", "chief/data");
    assert!(set(&[(home, frozen, "completed"), (data, frozen, "completed")]).is_whole());
    // One that was begun twice, of which one is known to be right.
    let twice = set(&[
        (home, frozen, "completed"),
        (data, frozen, "completed"),
        (data, begun, "completed"),
    ]);
    assert!(twice.is_whole());
    for marks in [
        vec![(home, frozen, "completed")],
        vec![(home, frozen, "completed"), (data, begun, "completed")],
        vec![(home, frozen, "completed"), (data, frozen, "pending")],
        vec![(home, frozen, "completed"), (data, frozen, "error")],
        vec![(home, frozen, "completed"), (data, frozen, "completed"), (data, frozen, "completed")],
    ] {
        let set = set(&marks);
        assert!(!set.is_whole(), "{set:?}");
    }
}

#[test]
fn the_newest_whole_checkpoints_stay_and_those_before_them_go() {
    let mut world = World::new(SOLO).snapshot("chief/home", "snap-0", "completed", 9);
    for (id, mark) in [
        ("snap-1", "1 of 1 at 7 frozen"),
        ("snap-2", "2 of 1 at 7 begun"),
        ("snap-3", "3 of 1 at 7 frozen"),
        ("snap-4", "4 of 1 at 7 frozen"),
        ("snap-5", "5 of 2 at 7 frozen"),
    ] {
        world = checkpoint(world, "chief/home", id, mark);
    }
    let going = |world: &World| -> Vec<String> {
        world.with_context(Demand::Away, |ctx| {
            let all = fates(ctx);
            for fate in &all {
                assert_eq!(fate.stays.is_none(), prune(ctx, fate).is_ok(), "{fate:?}");
            }
            let going = all.iter().filter(|fate| fate.stays.is_none());
            going.map(|fate| fate.snapshot.id.to_string()).collect()
        })
    };
    world.policy.generations_kept = 2;
    assert_eq!(world.with_context(Demand::Away, kept), [4, 3]);
    assert_eq!(going(&world), ["snap-2", "snap-1"], "the newest of all is not whole, and stays");
    world.policy.generations_kept = 0;
    assert_eq!(going(&world), ["snap-3", "snap-2", "snap-1"], "one is always kept");
    // What a launch goes back to, what the definition names, and what a volume is made from.
    let back = world.clone().volume("chief/home", "available", "10 live");
    assert_eq!(going(&back.clone().tag(KEY_BACK_TO, "checkpoint 1")), ["snap-3", "snap-2"]);
    let mut made = back.clone();
    made.view.volumes[0].state = "creating".to_owned().into();
    made.view.volumes[0].from_snapshot = Some(SnapshotId::new("snap-2"));
    assert_eq!(going(&made), ["snap-3", "snap-1"]);
    let mut named = world.clone();
    let text = SOLO.replace("size =", "from = \"snap-3\", size =");
    named.definition = wucluster_core::definition::ClusterDefinition::parse(&text).unwrap();
    assert_eq!(going(&named), ["snap-2", "snap-1"]);
    // Whoever proposes another keeper, or the newest of all.
    for (snapshot, by) in
        [("snap-1", "snap-5"), ("snap-1", "snap-0"), ("snap-4", "snap-5"), ("snap-5", "snap-4")]
    {
        let action = Action::Cloud(CloudAction::DeleteSnapshot {
            mount: key("chief/home"),
            snapshot: SnapshotId::new(snapshot),
            kept_by: SnapshotId::new(by),
        });
        let refused = world.with_context(Demand::Away, |ctx| clear(ctx, action));
        assert!(matches!(refused, Err(Refusal::Hold(_))), "{snapshot} by {by}");
    }
}

#[test]
fn a_checkpoint_supersedes_no_put_aways_snapshot() {
    let world = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 6);
    let mut world = checkpoint(world, "chief/home", "snap-2", "1 of 1 at 6 frozen");
    world.policy.generations_kept = 1;
    let stays = world.with_context(Demand::Away, |ctx| {
        let all = wucluster_core::interlock::prune::fates(ctx);
        assert_eq!(all.len(), 1);
        all[0].stays.clone()
    });
    assert_eq!(stays, Some(Stays::Newest));
    let of =
        |world: &World| with_home(world, |home| of_set(home, 1).map(|seen| seen.id.to_string()));
    assert_eq!(of(&world).as_deref(), Some("snap-2"));
}

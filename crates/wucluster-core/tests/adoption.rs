//! What belongs to another store is left alone until a person adopts it; what was made by hand becomes a node's or mount's
//! only where nothing is in its way.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod common;

use common::{SOLO, World, key, node};
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::definition::Size;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, SnapshotId, Subject, VolumeId};
use wucluster_core::interlock::adopt::{by_hand, of_others, take_over};
use wucluster_core::interlock::{Interlock, Refusal, clear};
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, Found, InstanceSeen, InstanceState, SnapshotSeen,
    SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::tags::{KEY_CLUSTER, KEY_NODE, KEY_STORE, StoreMark, Tags};

fn own() -> StoreMark {
    StoreMark::new("0123456789abcdef", 1, "mill:/home/ann/state")
}

fn other() -> StoreMark {
    StoreMark::new("fedcba9876543210", 4, "s3://team/wucluster")
}

/// A put-away of one mount that is about to be detached, all of it a store's.
fn world(mark: Option<&StoreMark>) -> World {
    let mut world = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached")
        .device(|_| ());
    world.memory.store = Some(own());
    for tags in tags_of(&mut world) {
        *tags = std::mem::take(tags).kept_in(mark);
    }
    world
}

fn tags_of(world: &mut World) -> Vec<&mut Tags> {
    let view = &mut world.view;
    let instances = view.instances.iter_mut().map(|seen| &mut seen.tags);
    let volumes = view.volumes.iter_mut().map(|seen| &mut seen.tags);
    instances.chain(volumes).chain(view.snapshots.iter_mut().map(|seen| &mut seen.tags)).collect()
}

fn detach() -> Action {
    Action::Cloud(CloudAction::DetachVolume {
        mount: key("chief/home"),
        volume: VolumeId::new("vol-chief-home"),
        instance: InstanceId::new("i-chief"),
    })
}

fn held(world: &World) -> Option<Interlock> {
    match world.with_context(Demand::Away, |ctx| clear(ctx, detach()).err()) {
        Some(Refusal::Hold(hold) | Refusal::First(_, hold)) => Some(hold.interlock),
        Some(Refusal::Wait(_)) | None => None,
    }
}

#[test]
fn what_is_ours_is_driven_and_what_is_another_s_is_not() {
    assert_eq!(held(&world(Some(&own()))), None);
    // However often it was adopted since it was marked.
    let earlier = StoreMark { adoptions: 0, ..own() };
    assert_eq!(held(&world(Some(&earlier))), None);
    // From a copy of the store as it was before it adopted, nothing is driven.
    let later = StoreMark { adoptions: 2, ..own() };
    assert_eq!(held(&world(Some(&later))), Some(Interlock::OtherStore));
    assert_eq!(held(&world(Some(&other()))), Some(Interlock::OtherStore));
    assert_eq!(held(&world(None)), Some(Interlock::OtherStore));
}

#[test]
fn one_thing_of_another_store_holds_its_node_with_all_mounts() {
    for at in 0..2 {
        let mut world = world(Some(&own()));
        *tags_of(&mut world)[at] = std::mem::take(tags_of(&mut world)[at]).kept_in(Some(&other()));
        assert_eq!(held(&world), Some(Interlock::OtherStore), "thing {at}");
    }
}

#[test]
fn where_no_store_is_shared_nothing_is_marked_and_nothing_held() {
    let mut world = world(Some(&other()));
    world.memory.store = None;
    assert_eq!(held(&world), None);
}

#[cfg(feature = "ablation")]
#[test]
fn without_the_rule_another_operator_s_volume_would_be_detached() {
    let mut world = world(Some(&other()));
    world.policy.ablated.insert(Interlock::OtherStore);
    assert_eq!(held(&world), None);
}

#[test]
fn the_hold_names_the_other_store_and_the_way_out() {
    let world = world(Some(&other()));
    let refusal = world.with_context(Demand::Away, |ctx| clear(ctx, detach()).unwrap_err());
    let Refusal::Hold(hold) = refusal else { panic!("{refusal:?}") };
    let text = format!("{} {} {}", hold.why.join(" "), hold.so, hold.fix.join(" "));
    for word in ["fedcba9876543210", "s3://team/wucluster", "wucluster adopt"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn all_that_is_made_is_marked() {
    let mut world = World::new(SOLO);
    world.memory.store = Some(own());
    let plan = world.plan(Demand::Launched);
    assert_eq!(plan.actions.len(), 2);
    for cleared in &plan.actions {
        let Action::Cloud(
            CloudAction::RunInstance { tags, .. } | CloudAction::CreateVolume { tags, .. },
        ) = cleared.action()
        else {
            panic!("{:?}", cleared.action());
        };
        assert_eq!(tags.store(), Some(own()));
    }
}

#[test]
fn adoption_changes_the_mark_and_nothing_else() {
    let world = world(Some(&other()));
    let all = of_others(&world.observe(), &own());
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|one| one.store == Some(other())));
    for one in &all {
        let cleared = world.with_context(Demand::Launched, |ctx| take_over(ctx, one).unwrap());
        let Action::Cloud(CloudAction::Adopt { tags, id, .. }) = cleared.action() else {
            panic!("{:?}", cleared.action());
        };
        assert_eq!(id, &one.id);
        assert_eq!(tags.iter().collect::<Vec<_>>(), [(KEY_STORE, own().to_string().as_str())]);
    }
    assert_eq!(of_others(&self::world(Some(&own())).observe(), &own()), []);
}

#[test]
fn marks_are_read_as_they_are_written() {
    for mark in [own(), other(), StoreMark::new("0123456789abcdef", u64::MAX, "")] {
        assert_eq!(mark.to_string().parse(), Ok(mark));
    }
    let odd = StoreMark::new("0123456789abcdef", 0, "mill:/home/ann lee/\u{e9}\u{1}*");
    assert_eq!(odd.place, "mill:/home/ann_lee/___");
    assert!(StoreMark::new("0123456789abcdef", u64::MAX, &"x".repeat(999)).to_string().len() < 256);
    for wrong in ["", "0", "0123456789abcdef", "0123456789abcdef x y", "0123456789abcdeg 1 y"] {
        assert_eq!(wrong.parse::<StoreMark>(), Err(()), "{wrong}");
    }
}

fn instance(state: InstanceState) -> InstanceSeen {
    InstanceSeen {
        id: InstanceId::new("i-hand"),
        state,
        tags: Tags::default(),
        ssh: None,
        address: None,
        zone: None,
        instance_type: None,
        launched_at: None,
        state_reason: None,
    }
}

fn volume(state: VolumeState) -> VolumeSeen {
    VolumeSeen {
        id: VolumeId::new("vol-hand"),
        state,
        size: Size::from_gib(1),
        tags: Tags::default(),
        attachments: Vec::new(),
        from_snapshot: None,
        zone: None,
        created_at: None,
    }
}

fn snapshot(state: SnapshotState) -> SnapshotSeen {
    SnapshotSeen {
        id: SnapshotId::new("snap-hand"),
        state,
        volume: VolumeId::new("vol-long-gone"),
        size: Size::from_gib(1),
        tags: Tags::default(),
        started_at: None,
        progress_percent: None,
        message: None,
    }
}

fn chief() -> Subject {
    Subject::Node(node("chief"))
}

fn home() -> Subject {
    Subject::Mount(key("chief/home"))
}

fn adopted(world: &World, found: &Found, subject: &Subject) -> Result<Tags, Interlock> {
    let judged = world.with_context(Demand::Launched, |ctx| by_hand(ctx, found, subject));
    match judged {
        Ok(cleared) => match cleared.action() {
            Action::Cloud(CloudAction::Adopt { tags, id, subject: of }) => {
                assert_eq!((of, id.to_string()), (subject, found.id()));
                Ok(tags.clone())
            }
            other => panic!("{other:?}"),
        },
        Err(Refusal::Hold(hold)) => {
            assert!(!hold.why.is_empty() && !hold.fix.is_empty(), "{hold:?}");
            Err(hold.interlock)
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn empty() -> World {
    let mut world = World::new(SOLO);
    world.memory.store = Some(own());
    world
}

#[test]
fn what_was_made_by_hand_gets_a_name() {
    let node_s = adopted(&empty(), &Found::Instance(instance(InstanceState::Running)), &chief());
    let node_s = node_s.unwrap();
    assert_eq!((node_s.get(KEY_NODE), node_s.store()), (Some("chief"), Some(own())));
    let mount_s = adopted(&empty(), &Found::Volume(volume(VolumeState::Available)), &home());
    let mount_s = mount_s.unwrap();
    let epoch = mount_s.epoch().unwrap();
    assert_eq!((epoch.number, epoch.is_sealed), (1, false));
    let kept = adopted(&empty(), &Found::Snapshot(snapshot(SnapshotState::Completed)), &home());
    assert!(kept.unwrap().epoch().unwrap().is_sealed);
}

#[test]
fn a_launch_after_an_adoption_begins_from_what_was_adopted() {
    let mut seen = snapshot(SnapshotState::Completed);
    seen.tags = adopted(&empty(), &Found::Snapshot(seen.clone()), &home()).unwrap();
    let mut world = empty();
    world.view.snapshots.push(seen.clone());
    let plan = world.plan(Demand::Launched);
    let from = plan.actions.iter().find_map(|cleared| match cleared.action() {
        Action::Cloud(CloudAction::CreateVolume { from, .. }) => Some(from.clone()),
        _ => None,
    });
    assert_eq!(from, Some(Some(seen.id)), "{plan:?}");
}

#[test]
fn what_is_in_the_way_is_told() {
    use Interlock::{
        AttachedElsewhere, Foreign, IdentityConflict, SnapshotUnfinished, UnrecognizedState,
    };
    let world =
        World::new(SOLO).instance("chief", "running").volume("chief/home", "available", "1 live");
    let kept = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 1);
    let running = || Found::Instance(instance(InstanceState::Running));
    let free = || Found::Volume(volume(VolumeState::Available));
    let whole = || Found::Snapshot(snapshot(SnapshotState::Completed));
    let ending = Found::Instance(instance(InstanceState::ShuttingDown));
    let broken = Found::Volume(volume(VolumeState::Error));
    let pending = Found::Snapshot(snapshot(SnapshotState::Pending));
    let mut taken = volume(VolumeState::InUse);
    taken.attachments.push(AttachmentSeen {
        instance: InstanceId::new("i-other"),
        state: AttachmentState::Attached,
        since: None,
        delete_on_termination: None,
    });
    let mut theirs = volume(VolumeState::Available);
    theirs.tags.set(KEY_CLUSTER, "theirs");
    let cases = [
        (&world, running(), chief(), IdentityConflict),
        (&world, free(), home(), IdentityConflict),
        (&kept, free(), home(), IdentityConflict),
        (&kept, whole(), home(), IdentityConflict),
        (&empty(), ending, chief(), UnrecognizedState),
        (&empty(), broken, home(), UnrecognizedState),
        (&empty(), pending, home(), SnapshotUnfinished),
        (&empty(), Found::Volume(taken), home(), AttachedElsewhere),
        (&empty(), Found::Volume(theirs), home(), Foreign),
        (&empty(), running(), home(), Foreign),
        (&empty(), free(), chief(), Foreign),
        (&empty(), whole(), chief(), Foreign),
    ];
    for (world, found, subject, interlock) in cases {
        assert_eq!(adopted(world, &found, &subject), Err(interlock), "{found:?} as {subject}");
    }
}

#[test]
fn what_has_the_name_already_keeps_its_history() {
    let mut world = world(Some(&other()));
    let seen = world.view.volumes[0].clone();
    let tags = adopted(&world, &Found::Volume(seen.clone()), &home()).unwrap();
    assert_eq!(tags.iter().len(), 1, "{tags:?}");
    // But not as anything else.
    assert_eq!(
        adopted(&world, &Found::Volume(seen), &Subject::Mount(key("chief/data"))),
        Err(Interlock::Foreign)
    );
    world.view.volumes.clear();
    let id = AwaitedId::Instance(InstanceId::new("i-chief"));
    assert!(of_others(&world.observe(), &own()).iter().any(|one| one.id == id));
}

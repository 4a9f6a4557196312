//! Properties of the planner over any observation, also impossible ones. What is safe is judged here
//! from the listings themselves, not by the rules that the planner uses.
//!
//! `PROPTEST_CASES` sets how many observations each property sees.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{GIBBON, NOW, World, key};
use proptest::prelude::*;
use wucluster_core::action::{Action, CloudAction, Hazard, ShellAction};
use wucluster_core::definition::Size;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, SnapshotId, Subject, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{
    Contents, Gap, GapKind, InstanceState, Observation, SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::policy::Consent;
use wucluster_core::tags::{ContentMark, Tags};

const NODES: [&str; 3] = ["chief", "worker-1", "gone"];
const MOUNTS: [&str; 4] = ["chief/home", "chief/data", "worker-1/scratch", "gone/old"];

/// A volume and all that may be seen of it.
#[derive(Debug, Clone)]
struct AnyVolume {
    mount: usize,
    twin: bool,
    state: String,
    epoch: String,
    content: &'static str,
    from: bool,
    gib: u32,
    attachment: Option<(usize, String, Option<bool>)>,
    contents: Contents,
    mounted_at: Option<&'static str>,
    is_held: Option<bool>,
    device_is_seen: bool,
}

#[derive(Debug, Clone)]
struct AnySnapshot {
    mount: usize,
    of_twin: bool,
    state: String,
    epoch: u64,
    content: &'static str,
    gib: u32,
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(words).prop_map(str::to_owned)
}

fn contents() -> impl Strategy<Value = Contents> {
    prop_oneof![
        Just(Contents::Blank),
        Just(Contents::NotExamined),
        Just(Contents::Filesystem { kind: "ext4".to_owned(), uuid: Some(common::UUID.to_owned()) }),
        Just(Contents::Filesystem { kind: "xfs".to_owned(), uuid: None }),
        Just(Contents::Other("LVM2_member".to_owned())),
        Just(Contents::Unreadable("input/output error".to_owned())),
    ]
}

fn any_volume() -> impl Strategy<Value = AnyVolume> {
    let cloud = (
        0..MOUNTS.len(),
        prop::bool::weighted(0.1),
        words(&["creating", "available", "in-use", "deleting", "error", "odd"]),
        words(&["1 live", "1 sealed", "2 live", "2 sealed", "3 sealed", "nonsense"]),
        proptest::sample::select(&["data", "blank", ""][..]),
        prop::bool::weighted(0.2),
        1..3u32,
        proptest::option::of((
            0..NODES.len() + 1,
            words(&[
                "attaching",
                "attached",
                "attached",
                "attached",
                "detaching",
                "busy",
                "detached",
                "odd",
            ]),
            proptest::sample::select(&[Some(false), Some(false), Some(true), None][..]),
        )),
    );
    let node = (
        contents(),
        proptest::option::of(proptest::sample::select(&["/mnt/home", "/mnt/data", "/other"][..])),
        proptest::sample::select(&[Some(false), Some(false), Some(true), None][..]),
        prop::bool::weighted(0.9),
    );
    (cloud, node).prop_map(
        |(
            (mount, twin, state, epoch, content, from, gib, attachment),
            (contents, mounted_at, is_held, device_is_seen),
        )| AnyVolume {
            mount,
            twin,
            state,
            epoch,
            content,
            from,
            gib,
            attachment,
            contents,
            mounted_at,
            is_held,
            device_is_seen,
        },
    )
}

fn any_snapshot() -> impl Strategy<Value = AnySnapshot> {
    (
        0..MOUNTS.len(),
        prop::bool::weighted(0.2),
        words(&["pending", "completed", "completed", "error", "recoverable", "recovering", "odd"]),
        1..4u64,
        proptest::sample::select(&["data", "data", "blank"][..]),
        1..3u32,
    )
        .prop_map(|(mount, of_twin, state, epoch, content, gib)| AnySnapshot {
            mount,
            of_twin,
            state,
            epoch,
            content,
            gib,
        })
}

fn any_world() -> impl Strategy<Value = World> {
    let instances = prop::collection::vec(
        (
            0..NODES.len(),
            words(&[
                "pending",
                "running",
                "running",
                "running",
                "stopping",
                "stopped",
                "shutting-down",
                "terminated",
                "odd",
            ]),
            prop::bool::weighted(0.2),
        ),
        0..4,
    );
    (
        instances,
        prop::collection::vec(any_volume(), 0..5),
        prop::collection::vec(any_snapshot(), 0..6),
        prop::collection::vec((0..MOUNTS.len(), 1..4u64), 0..2),
    )
        .prop_map(|(instances, volumes, snapshots, known)| {
            build(&instances, &volumes, &snapshots, &known)
        })
}

fn build(
    instances: &[(usize, String, bool)],
    volumes: &[AnyVolume],
    snapshots: &[AnySnapshot],
    known: &[(usize, u64)],
) -> World {
    let mut world = World::new(GIBBON);
    let mut silent = Vec::new();
    for (at, (node, state, is_silent)) in instances.iter().enumerate() {
        let id = if instances[..at].iter().any(|(other, ..)| other == node) {
            format!("i-{}-{at}", NODES[*node])
        } else {
            format!("i-{}", NODES[*node])
        };
        world = world.instance_called(NODES[*node], &id, state);
        if *is_silent && world.answers.contains_key(&common::node(NODES[*node])) {
            silent.push(NODES[*node]);
        }
    }
    for (at, volume) in volumes.iter().enumerate() {
        let name = MOUNTS[volume.mount];
        // Most of what is attached is in use, and attached to its own node: else little gets far.
        let mut volume = volume.clone();
        if let Some((node, _, _)) = &mut volume.attachment {
            if at % 3 < 2 {
                *node = [0, 0, 1, 2][volume.mount];
                volume.state = "in-use".to_owned();
            }
        } else if at % 3 < 2 && volume.state == "in-use" {
            volume.state = "available".to_owned();
        }
        let is_second =
            volume.twin || volumes[..at].iter().any(|other| other.mount == volume.mount);
        let id = if is_second {
            format!("vol-twin-{at}")
        } else {
            format!("vol-{}", name.replace('/', "-"))
        };
        world = world
            .volume_called(name, &id, &volume.state, &volume.epoch)
            .tag("wucluster:content", volume.content);
        let last = world.view.volumes.last_mut().unwrap();
        last.size = Size::from_gib(volume.gib);
        last.from_snapshot = volume.from.then(|| SnapshotId::new("snap-base"));
        if let Some((node, state, flag)) = &volume.attachment {
            let instance = NODES.get(*node).map_or("i-else".to_owned(), |name| format!("i-{name}"));
            world = world.attached(&instance, state);
            world.view.volumes.last_mut().unwrap().attachments[0].delete_on_termination = *flag;
            world = world.device(|device| {
                device.contents = volume.contents.clone();
                device.is_held = volume.is_held;
            });
            if let Some(at) = volume.mounted_at {
                world = world.mounted(at);
            }
            if !volume.device_is_seen {
                let serial = world.view.volumes.last().unwrap().id.serial();
                for answer in world.answers.values_mut() {
                    if let Ok(probe) = &mut answer.probe {
                        probe.devices.remove(&serial);
                    }
                }
            }
        }
    }
    for (at, snapshot) in snapshots.iter().enumerate() {
        world = world.snapshot(
            MOUNTS[snapshot.mount],
            &format!("snap-{at}"),
            &snapshot.state,
            snapshot.epoch,
        );
        let last = world.view.snapshots.last_mut().unwrap();
        last.tags.set("wucluster:content", snapshot.content);
        last.size = Size::from_gib(snapshot.gib);
        if snapshot.of_twin {
            last.volume = VolumeId::new("vol-twin-0");
        }
    }
    for (mount, epoch) in known {
        world.memory.data_epochs.insert(key(MOUNTS[*mount]), *epoch);
    }
    for name in silent {
        world = world.silent(name);
    }
    world
}

fn any_demand() -> impl Strategy<Value = Demand> {
    proptest::sample::select(&Demand::ALL[..])
}

fn cloud_actions(actions: &[Cleared<Action>]) -> impl Iterator<Item = &CloudAction> {
    actions.iter().filter_map(|cleared| match cleared.action() {
        Action::Cloud(action) => Some(action),
        Action::Shell(_) => None,
    })
}

fn volume<'a>(world: &'a World, id: &VolumeId) -> &'a VolumeSeen {
    world
        .view
        .volumes
        .iter()
        .find(|volume| &volume.id == id)
        .expect("a plan names only what was seen")
}

/// Whether a running machine's own answer says, now, that nothing has the volume's device open; or
/// no machine has it at all.
fn is_surely_unmounted(world: &World, volume: &VolumeSeen) -> bool {
    volume.open_attachments().all(|attachment| {
        let Some(instance) =
            world.view.instances.iter().find(|seen| seen.id == attachment.instance)
        else {
            return false;
        };
        if matches!(instance.state, InstanceState::Stopped | InstanceState::Terminated) {
            return true;
        }
        world.answers.values().filter(|answer| answer.instance == instance.id).any(|answer| {
            match &answer.probe {
                Err(_) => false,
                Ok(probe) => probe.devices.get(&volume.id.serial()).is_none_or(|device| {
                    device.mounts.is_empty()
                        && device.is_held == Some(false)
                        && device.on_top.is_empty()
                }),
            }
        })
    })
}

fn mount_of(action: &CloudAction) -> Option<&MountKey> {
    match action {
        CloudAction::CreateVolume { mount, .. }
        | CloudAction::AttachVolume { mount, .. }
        | CloudAction::DetachVolume { mount, .. }
        | CloudAction::TagVolume { mount, .. }
        | CloudAction::CreateSnapshot { mount, .. }
        | CloudAction::DeleteVolume { mount, .. } => Some(mount),
        CloudAction::RunInstance { .. }
        | CloudAction::StartInstance { .. }
        | CloudAction::TerminateInstance { .. } => None,
    }
}

fn destroys(world: &World, demand: Demand) -> BTreeSet<String> {
    world
        .plan(demand)
        .actions
        .iter()
        .filter(|cleared| cleared.action().hazard() == Hazard::Destroys)
        .map(|cleared| cleared.action().to_string())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_never_silently_stuck(world in any_world(), demand in any_demand()) {
        let plan = world.plan(demand);
        prop_assert!(!plan.is_stuck() || !plan.holds.is_empty(), "{}", common::tell(&plan));
    }

    #[test]
    fn a_met_demand_asks_nothing(world in any_world(), demand in any_demand()) {
        let plan = world.plan(demand);
        prop_assert!(!plan.is_met() || (plan.actions.is_empty() && plan.holds.is_empty()));
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_listings(world in any_world(), demand in any_demand()) {
        let mut turned = world.clone();
        turned.view.instances.reverse();
        turned.view.volumes.reverse();
        turned.view.snapshots.reverse();
        prop_assert_eq!(world.plan(demand), turned.plan(demand));
    }

    #[test]
    fn one_subject_is_asked_for_one_thing_at_a_time(world in any_world(), demand in any_demand()) {
        let plan = world.plan(demand);
        let subjects: BTreeSet<Subject> = plan.actions.iter().map(|one| one.action().subject()).collect();
        prop_assert_eq!(subjects.len(), plan.actions.len());
    }

    #[test]
    fn a_volume_is_deleted_only_under_a_whole_snapshot_of_its_last_write(world in any_world()) {
        for action in cloud_actions(&world.plan(Demand::Away).actions) {
            let CloudAction::DeleteVolume { volume: id, kept_by, .. } = action else { continue };
            let volume = volume(&world, id);
            prop_assert_eq!(&volume.state, &VolumeState::Available);
            prop_assert!(volume.open_attachments().next().is_none());
            let epoch = volume.tags.epoch().expect("an epoch is read");
            prop_assert!(epoch.is_sealed);
            let kept = world.view.snapshots.iter().find(|seen| Some(&seen.id) == kept_by.as_ref()).unwrap();
            prop_assert_eq!(&kept.state, &SnapshotState::Completed);
            prop_assert_eq!(&kept.volume, id);
            prop_assert_eq!(kept.size, volume.size);
            prop_assert_eq!(kept.tags.epoch().map(|claimed| claimed.number), Some(epoch.number));
        }
    }

    #[test]
    fn only_away_deletes_and_terminates(world in any_world(), demand in proptest::sample::select(&Demand::ALL[..8])) {
        for action in cloud_actions(&world.plan(demand).actions) {
            prop_assert_ne!(action.hazard(), Hazard::Destroys);
        }
    }

    #[test]
    fn a_volume_is_detached_only_when_surely_unmounted(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            if let CloudAction::DetachVolume { volume: id, .. } = action {
                prop_assert!(is_surely_unmounted(&world, volume(&world, id)));
            }
        }
    }

    #[test]
    fn an_instance_is_terminated_only_with_nothing_attached(world in any_world()) {
        for action in cloud_actions(&world.plan(Demand::Away).actions) {
            if let CloudAction::TerminateInstance { instance, .. } = action {
                let attached = world
                    .view
                    .volumes
                    .iter()
                    .any(|volume| volume.open_attachments().any(|one| &one.instance == instance));
                prop_assert!(!attached);
            }
        }
    }

    #[test]
    fn a_snapshot_is_taken_only_of_a_sealed_volume_that_nobody_has(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            if let CloudAction::CreateSnapshot { volume: id, tags, .. } = action {
                let volume = volume(&world, id);
                prop_assert!(volume.is_free());
                prop_assert!(volume.tags.epoch().is_some_and(|epoch| epoch.is_sealed));
                prop_assert_eq!(tags.epoch(), volume.tags.epoch());
            }
        }
    }

    #[test]
    fn a_volume_is_attached_only_under_an_epoch_that_no_snapshot_claims(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            let CloudAction::AttachVolume { volume: id, instance, mount } = action else { continue };
            let epoch = volume(&world, id).tags.epoch().unwrap();
            prop_assert!(!epoch.is_sealed);
            let claims = world.view.snapshots.iter().any(|seen| {
                &seen.volume == id
                    && seen.tags.identity(&world.definition.name).is_ok()
                    && seen.tags.epoch().is_none_or(|claimed| claimed.number >= epoch.number)
                    && seen.tags.get("wucluster:mount") == Some(mount.mount.as_str())
                    && seen.tags.get("wucluster:node") == Some(mount.node.as_str())
            });
            prop_assert!(!claims);
            let own = world.view.instances.iter().find(|seen| &seen.id == instance).unwrap();
            prop_assert_eq!(own.tags.get("wucluster:node"), Some(mount.node.as_str()));
        }
    }

    #[test]
    fn only_what_is_proven_blank_is_formatted(world in any_world(), demand in any_demand()) {
        for cleared in &world.plan(demand).actions {
            let Action::Shell(ShellAction::MakeFilesystem { serial, .. }) = cleared.action() else { continue };
            let volume = world.view.volumes.iter().find(|volume| &volume.id.serial() == serial).unwrap();
            prop_assert_eq!(volume.tags.content(), Some(ContentMark::Blank));
            prop_assert_eq!(&volume.from_snapshot, &None);
            let seen_blank = world.answers.values().any(|answer| {
                answer.probe.as_ref().is_ok_and(|probe| {
                    probe.devices.get(serial).is_some_and(|device| {
                        device.contents == Contents::Blank && device.is_held == Some(false)
                    })
                })
            });
            prop_assert!(seen_blank);
        }
    }

    #[test]
    fn a_blank_volume_is_made_only_where_no_data_is_known(world in any_world(), demand in any_demand()) {
        for action in cloud_actions(&world.plan(demand).actions) {
            let CloudAction::CreateVolume { mount, from, .. } = action else { continue };
            let of_mount: Vec<_> = world
                .view
                .snapshots
                .iter()
                .filter(|seen| seen.tags.contains(&Tags::for_mount(&world.definition.name, mount)))
                .filter(|seen| seen.tags.content() != Some(ContentMark::Blank))
                .collect();
            let newest = of_mount.iter().filter_map(|seen| seen.tags.epoch()).map(|epoch| epoch.number).max();
            match from {
                None => {
                    prop_assert!(of_mount.is_empty());
                    prop_assert!(!world.memory.data_epochs.contains_key(mount));
                }
                Some(id) => {
                    let source = of_mount.iter().find(|seen| &seen.id == id).unwrap();
                    prop_assert_eq!(&source.state, &SnapshotState::Completed);
                    prop_assert_eq!(source.tags.epoch().map(|epoch| epoch.number), newest);
                    prop_assert!(world.memory.data_epochs.get(mount).is_none_or(|known| Some(*known) <= newest));
                }
            }
        }
    }

    #[test]
    fn twins_are_never_touched(world in any_world(), demand in any_demand()) {
        let observation: Observation = world.observe();
        for cleared in &world.plan(demand).actions {
            match cleared.action() {
                Action::Cloud(action) => {
                    if let Some(mount) = mount_of(action) {
                        prop_assert!(observation.mount(mount).is_none_or(|seen| seen.volumes.len() < 2));
                    } else if let Subject::Node(node) = action.subject() {
                        prop_assert!(observation.node(&node).is_none_or(|seen| seen.instances.len() < 2));
                    }
                }
                Action::Shell(action) => {
                    prop_assert!(observation.mount(action.mount()).is_none_or(|seen| seen.volumes.len() < 2));
                }
            }
        }
    }

    #[test]
    fn nothing_is_destroyed_beyond_the_yes(world in any_world()) {
        let mut world = world;
        world.policy.consent = Consent::Only(BTreeSet::new());
        for action in cloud_actions(&world.plan(Demand::Away).actions) {
            prop_assert_ne!(action.hazard(), Hazard::Destroys);
        }
    }

    #[test]
    fn knowing_less_never_destroys_more(world in any_world(), demand in any_demand(), which in 0..NODES.len()) {
        let before = destroys(&world, demand);
        let mut blind = world.clone();
        if let Some(answer) = blind.answers.get_mut(&common::node(NODES[which])) {
            answer.probe =
                Err(Gap { kind: GapKind::NoAnswer, why: "connection lost".to_owned(), at: NOW });
        }
        let after = destroys(&blind, demand);
        prop_assert!(after.is_subset(&before), "{after:?} of {before:?}");
    }

    #[test]
    fn what_was_asked_is_not_asked_again_before_it_is_seen(world in any_world(), demand in any_demand()) {
        let first = world.plan(demand);
        let mut asked = world.clone();
        for cleared in &first.actions {
            let memory = asked.memory.subjects.entry(cleared.action().subject()).or_default();
            memory.in_flight = Some(cleared.action().name());
        }
        prop_assert!(asked.plan(demand).actions.is_empty());
        for cleared in &first.actions {
            let memory = asked.memory.subjects.entry(cleared.action().subject()).or_default();
            memory.in_flight = None;
            memory.cloud_settled_at = Some(NOW.after(Duration::from_secs(1)));
        }
        prop_assert!(asked.plan(demand).actions.is_empty());
    }

    #[test]
    fn rows_tell_of_everything_that_falls_short(world in any_world(), demand in any_demand()) {
        let observation = world.observe();
        let plan = world.plan(demand);
        let rows = plan.rows(&world.definition, &observation);
        for shortfall in plan.verdict.shortfalls() {
            if matches!(shortfall.subject, Subject::Node(_) | Subject::Mount(_)) {
                let row = rows.iter().find(|row| row.subject == shortfall.subject);
                prop_assert!(row.is_some_and(|row| !row.is_there), "{shortfall:?}");
            }
        }
    }
}

#[test]
fn the_properties_see_what_they_are_about() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeSet<&'static str> = BTreeSet::new();
    for _ in 0..20_000 {
        let world = any_world().new_tree(&mut runner).unwrap().current();
        for demand in [Demand::Launched, Demand::Away] {
            seen.extend(world.plan(demand).actions.iter().map(|one| one.action().name()));
        }
    }
    let all = [
        "AttachVolume",
        "CreateSnapshot",
        "CreateTags",
        "CreateVolume",
        "DeleteVolume",
        "DetachVolume",
        "RunInstances",
        "StartInstances",
        "TerminateInstances",
        "mkfs",
        "mount",
        "umount",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}

//! Any worlds: what may be seen of a cluster, possible or not, and what may be remembered of it.

use proptest::prelude::*;
use std::collections::BTreeSet;
use wucluster_core::definition::{HOOK_TIMEOUT_DEFAULT, Hook, Size};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, SnapshotId, Subject, VolumeId};
use wucluster_core::memory::{Awaited, AwaitedId, Failure, FailureError, SubjectMemory};
use wucluster_core::observation::{AttachmentState, CheckResult, Contents, Gap, GapKind};
use wucluster_core::phases::{Phase, PhaseEntry};
use wucluster_core::policy::Consent;
use wucluster_core::ports::{CloudError, ErrorClass, ShellError};
use wucluster_core::tags::StoreMark;
use wucluster_core::time::Timestamp;

use crate::common::{self, GIBBON, NOW, World, key};

pub const NODES: [&str; 3] = ["chief", "worker-1", "gone"];
pub const MOUNTS: [&str; 4] = ["chief/home", "chief/data", "worker-1/scratch", "gone/old"];

/// The same cluster with everything that a definition may ask beside.
const HOOKED: &str = r#"
[cluster]
name = "gibbon"
recent = "1h"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "2 GiB", fs = "xfs", from = "snap-0ba5e" }
ready = ["true"]
before-halt = ["true"]

[node.worker]
count = 1
mount.scratch = { at = "/mnt/scratch", size = "1 GiB" }
before-unmount = ["true"]
"#;

/// A volume and all that may be seen of it.
#[derive(Debug, Clone)]
struct AnyVolume {
    mount: usize,
    plausible: Option<Plausible>,
    twin: bool,
    state: String,
    epoch: String,
    content: &'static str,
    from: bool,
    gib: u32,
    attachment: Option<(usize, String, Option<bool>)>,
    contents: AnyContents,
    is_recorded: bool,
    schema: &'static str,
    on_top: bool,
    mounted_at: Option<&'static str>,
    is_held: Option<bool>,
    device_is_seen: bool,
}

/// Where a volume may be on its way; worlds without such places among them get nowhere.
#[derive(Debug, Clone, Copy)]
enum Plausible {
    Live,
    Sealed,
    Covered,
    Failing,
    Blank,
    Formatted,
    Recorded,
    Misrecorded,
    Mounted,
    Attaching,
    Detaching,
}

impl AnyVolume {
    /// Puts the volume to a place that it may really come to, keeping the rest as it was drawn.
    fn made_plausible(&self) -> Self {
        let Some(place) = self.plausible else { return self.clone() };
        let own = [0, 0, 1, 2][self.mount];
        let attached = |state: &str| Some((own, state.to_owned(), Some(false)));
        let mut volume = Self {
            state: "in-use".to_owned(),
            epoch: "2 live".to_owned(),
            content: "data",
            from: false,
            attachment: attached("attached"),
            contents: AnyContents::Is(Contents::Filesystem {
                kind: "ext4".to_owned(),
                uuid: Some(common::UUID.to_owned()),
            }),
            mounted_at: None,
            is_held: Some(false),
            device_is_seen: true,
            is_recorded: true,
            schema: "1",
            on_top: false,
            ..self.clone()
        };
        match place {
            Plausible::Live | Plausible::Sealed | Plausible::Covered | Plausible::Failing => {
                volume.state = "available".to_owned();
                volume.attachment = None;
                if !matches!(place, Plausible::Live) {
                    volume.epoch = "2 sealed".to_owned();
                }
            }
            Plausible::Blank | Plausible::Formatted => {
                volume.content = "blank";
                volume.is_recorded = false;
                volume.contents = match place {
                    Plausible::Blank => AnyContents::Is(Contents::Blank),
                    _ => AnyContents::Ours,
                };
            }
            Plausible::Recorded => {}
            Plausible::Misrecorded => volume.contents = AnyContents::Ours,
            Plausible::Mounted => {
                volume.mounted_at =
                    Some(["/mnt/home", "/mnt/data", "/mnt/scratch", "/old"][self.mount]);
            }
            Plausible::Attaching => volume.attachment = attached("attaching"),
            Plausible::Detaching => volume.attachment = attached("detaching"),
        }
        volume
    }
}

#[derive(Debug, Clone)]
struct AnySnapshot {
    mount: usize,
    of_twin: bool,
    state: String,
    epoch: u64,
    content: &'static str,
    gib: Option<u32>,
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(words).prop_map(str::to_owned)
}

/// What a node sees on a device; `Ours` is a file system that we made on that very volume.
#[derive(Debug, Clone)]
enum AnyContents {
    Ours,
    Is(Contents),
}

fn contents() -> impl Strategy<Value = AnyContents> {
    let ext4 =
        || Contents::Filesystem { kind: "ext4".to_owned(), uuid: Some(common::UUID.to_owned()) };
    prop_oneof![
        2 => Just(AnyContents::Is(Contents::Blank)),
        1 => Just(AnyContents::Is(Contents::NotExamined)),
        3 => Just(AnyContents::Is(ext4())),
        2 => Just(AnyContents::Ours),
        1 => Just(AnyContents::Is(Contents::Filesystem { kind: "xfs".to_owned(), uuid: None })),
        1 => Just(AnyContents::Is(Contents::Other("LVM2_member".to_owned()))),
        1 => Just(AnyContents::Is(Contents::Unreadable("input/output error".to_owned()))),
    ]
}

fn any_volume(mount: usize) -> impl Strategy<Value = AnyVolume> {
    let plausible = proptest::option::weighted(
        0.75,
        proptest::sample::select(
            &[
                Plausible::Live,
                Plausible::Sealed,
                Plausible::Covered,
                Plausible::Covered,
                Plausible::Failing,
                Plausible::Blank,
                Plausible::Formatted,
                Plausible::Recorded,
                Plausible::Misrecorded,
                Plausible::Mounted,
                Plausible::Attaching,
                Plausible::Detaching,
            ][..],
        ),
    );
    let cloud = (
        plausible,
        prop::bool::weighted(0.05),
        words(&["creating", "available", "in-use", "deleting", "error", "odd"]),
        words(&["1 live", "1 sealed", "2 live", "2 sealed", "3 sealed", "nonsense"]),
        proptest::sample::select(&["data", "blank", ""][..]),
        prop::bool::weighted(0.2),
        1..3u32,
        proptest::option::of((
            0..NODES.len() + 1,
            words(&["attaching", "attached", "attached", "detaching", "busy", "detached", "odd"]),
            proptest::sample::select(&[Some(false), Some(false), Some(true), None][..]),
        )),
    );
    let node = (
        contents(),
        proptest::option::of(proptest::sample::select(&["/mnt/home", "/mnt/data", "/other"][..])),
        proptest::sample::select(&[Some(false), Some(false), Some(true), None][..]),
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.7),
        proptest::sample::select(&["1", "1", "1", "1", "1", "1", "1", "1", "1", "2"][..]),
        prop::bool::weighted(0.05),
    );
    (cloud, node).prop_map(
        move |(
            (plausible, twin, state, epoch, content, from, gib, attachment),
            (contents, mounted_at, is_held, device_is_seen, is_recorded, schema, on_top),
        )| AnyVolume {
            mount,
            plausible,
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
            is_recorded,
            schema,
            on_top,
        },
    )
}

fn any_snapshot() -> impl Strategy<Value = AnySnapshot> {
    (
        0..MOUNTS.len(),
        prop::bool::weighted(0.1),
        words(&[
            "pending",
            "completed",
            "completed",
            "completed",
            "completed",
            "error",
            "recoverable",
            "recovering",
            "odd",
        ]),
        1..4u64,
        proptest::sample::select(&["data", "data", "data", "blank"][..]),
        proptest::option::weighted(0.3, 1..3u32),
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

/// What is remembered of one subject.
#[derive(Debug, Clone, Copy)]
enum AnyMemory {
    InFlight,
    CloudSettled(i64),
    ShellSettled(i64),
    Failed(&'static str, u32),
    Refused(&'static str, u32),
    Awaited,
    Attachment(&'static str, i64),
    Silent(u64),
    Unready(u64),
    HaltRefused(u32),
    Unfenced,
    Entered(Option<Phase>, u64),
}

fn any_memory() -> impl Strategy<Value = AnyMemory> {
    let about_now = || proptest::sample::select(&[-1_000_i64, -1, 0, 1, 1_000][..]);
    let seconds = || proptest::sample::select(&[0_u64, 299, 300, 3_000][..]);
    prop_oneof![
        1 => Just(AnyMemory::InFlight),
        1 => about_now().prop_map(AnyMemory::CloudSettled),
        1 => about_now().prop_map(AnyMemory::ShellSettled),
        1 => (
            proptest::sample::select(
                &["AttachVolume", "DeleteVolume", "CreateVolume", "RunInstances", "DetachVolume"][..]
            ),
            1..16u32
        )
            .prop_map(|(name, times)| AnyMemory::Failed(name, times)),
        3 => (proptest::sample::select(&["umount", "mount", "mkfs"][..]), 1..15u32)
            .prop_map(|(name, times)| AnyMemory::Refused(name, times)),
        1 => Just(AnyMemory::Awaited),
        1 => (
            proptest::sample::select(&["attaching", "attached", "detaching", "busy"][..]),
            proptest::sample::select(&[-100_000_i64, -1, 0, 1][..])
        )
            .prop_map(|(state, since)| AnyMemory::Attachment(state, since)),
        1 => seconds().prop_map(AnyMemory::Silent),
        1 => seconds().prop_map(AnyMemory::Unready),
        1 => (0..5u32).prop_map(AnyMemory::HaltRefused),
        1 => Just(AnyMemory::Unfenced),
        2 => (
            proptest::option::weighted(
                0.9,
                proptest::sample::select(
                    &[Phase::Live, Phase::Sealed, Phase::Sealed, Phase::Deleting, Phase::Gone][..]
                )
            ),
            1..4u64
        )
            .prop_map(|(phase, epoch)| AnyMemory::Entered(phase, epoch)),
    ]
}

/// What was said yes to, of everything: mostly all.
#[derive(Debug, Clone, Copy)]
enum AnyYes {
    Everything,
    Nothing,
    OneVolume,
}

pub fn any_world() -> BoxedStrategy<World> {
    let state = || {
        words(&[
            "pending",
            "running",
            "running",
            "running",
            "running",
            "running",
            "stopping",
            "stopped",
            "shutting-down",
            "terminated",
            "odd",
        ])
    };
    let gap = || {
        let none = || proptest::sample::select(&[GapKind::NoAnswer, GapKind::WrongHost][..]);
        proptest::option::weighted(0.2, none())
    };
    let instances = (
        prop::collection::vec(proptest::option::weighted(0.75, (state(), gap())), NODES.len()),
        proptest::option::weighted(0.1, (0..NODES.len(), state())),
    );
    let volumes = (
        proptest::option::weighted(0.7, any_volume(0)),
        proptest::option::weighted(0.5, any_volume(1)),
        proptest::option::weighted(0.5, any_volume(2)),
        proptest::option::weighted(0.2, any_volume(3)),
        proptest::option::weighted(0.1, any_volume(0)),
        prop::bool::weighted(0.1),
    );
    let policy = (
        proptest::sample::select(
            &[AnyYes::Everything, AnyYes::Everything, AnyYes::Nothing, AnyYes::OneVolume][..],
        ),
        proptest::option::weighted(0.1, 0..MOUNTS.len()),
    );
    (
        proptest::option::weighted(0.3, proptest::option::of(prop::bool::ANY)),
        instances,
        volumes,
        prop::collection::vec(any_snapshot(), 0..6),
        proptest::option::weighted(0.3, (0..MOUNTS.len(), 1..4u64)),
        prop::collection::vec((0..NODES.len() + MOUNTS.len(), any_memory()), 0..3),
        (policy, proptest::option::weighted(0.4, 0..16_usize)),
    )
        .prop_map(
            |(
                hooks,
                (first, second),
                (a, b, c, d, e, all_mounted),
                snapshots,
                known,
                memories,
                ((yes, lose), other_store),
            )| {
                let definition = if hooks.is_some() { HOOKED } else { GIBBON };
                let mut instances: Vec<_> = first
                    .into_iter()
                    .enumerate()
                    .filter_map(|(node, seen)| seen.map(|(state, gap)| (node, state, gap)))
                    .collect();
                instances.extend(second.map(|(node, state)| (node, state, None)));
                let mut volumes: Vec<_> = [a, b, c, d, e].into_iter().flatten().collect();
                if all_mounted {
                    volumes
                        .iter_mut()
                        .for_each(|volume| volume.plausible = Some(Plausible::Mounted));
                }
                let mut world = build(World::new(definition), &instances, &volumes, &snapshots);
                if let Some(Some(passed)) = hooks {
                    answer_checks(&mut world, passed);
                }
                if let Some((mount, epoch)) = known {
                    world.memory.data_epochs.insert(key(MOUNTS[mount]), epoch);
                }
                for (subject, memory) in memories {
                    remember(&mut world, subject, memory);
                }
                world.policy.consent = match yes {
                    AnyYes::Everything => Consent::Everything,
                    AnyYes::Nothing => Consent::Only(BTreeSet::new()),
                    AnyYes::OneVolume => {
                        Consent::Only(BTreeSet::from(["vol-chief-home".to_owned()]))
                    }
                };
                if let Some(of_another) = other_store {
                    mark(&mut world, of_another);
                }
                world.policy.lose.extend(lose.map(|mount| key(MOUNTS[mount])));
                world
            },
        )
        .boxed()
}

/// The store that the worlds are driven from, where they have one.
pub fn own_store() -> StoreMark {
    StoreMark::new("0123456789abcdef", 1, "here")
}

/// Everything belongs to one store, but the thing of that number, which is another's or nobody's.
fn mark(world: &mut World, of_another: usize) {
    world.memory.store = Some(own_store());
    let view = &mut world.view;
    let instances = view.instances.iter_mut().map(|seen| &mut seen.tags);
    let volumes = view.volumes.iter_mut().map(|seen| &mut seen.tags);
    let tags = instances.chain(volumes).chain(view.snapshots.iter_mut().map(|seen| &mut seen.tags));
    for (at, tags) in tags.enumerate() {
        if at != of_another {
            *tags = std::mem::take(tags).kept_in(Some(&own_store()));
        } else if at % 2 == 0 {
            let other = StoreMark::new("fedcba9876543210", 3, "there");
            *tags = std::mem::take(tags).kept_in(Some(&other));
        }
    }
}

/// The checks of the node `chief` were asked, and say yes or no.
fn answer_checks(world: &mut World, passed: bool) {
    let chief = common::node(NODES[0]);
    let hooks = &world.definition.nodes[&chief].hooks;
    let said = |hooks: &[Hook]| {
        let said = |hook: &Hook| CheckResult { hook: hook.clone(), passed, output: String::new() };
        hooks.iter().map(said).collect()
    };
    let (ready, before_halt) = (said(&hooks.ready), said(&hooks.before_halt));
    if !passed {
        let since = Timestamp::from_millis(NOW.as_millis() - 400_000);
        world.memory.unready_since.insert(chief.clone(), since);
        world.memory.halt_refusals.insert(chief.clone(), 3);
    }
    if let Some(Ok(probe)) = world.answers.get_mut(&chief).map(|answer| &mut answer.probe) {
        (probe.ready, probe.before_halt) = (ready, before_halt);
    }
}

fn remember(world: &mut World, subject: usize, memory: AnyMemory) {
    let near = |millis: i64| Timestamp::from_millis(NOW.as_millis() + millis);
    let before = |seconds: u64| near(-1_000 * i64::try_from(seconds).unwrap());
    let node = common::node(NODES[subject % NODES.len()]);
    let subject = match subject.checked_sub(NODES.len()) {
        None => Subject::Node(node.clone()),
        Some(mount) => Subject::Mount(key(MOUNTS[mount])),
    };
    let mount = match &subject {
        Subject::Mount(mount) => mount.clone(),
        _ => key(MOUNTS[0]),
    };
    let mut of_subject: SubjectMemory =
        world.memory.subjects.get(&subject).cloned().unwrap_or_default();
    let failure = |action: &str, error, times| {
        Some(Failure { action: action.to_owned(), error, times, first_at: NOW, last_at: NOW })
    };
    match memory {
        AnyMemory::InFlight => of_subject.in_flight = Some("AttachVolume"),
        AnyMemory::CloudSettled(at) => of_subject.cloud_settled_at = Some(near(at)),
        AnyMemory::ShellSettled(at) => of_subject.shell_settled_at = Some(near(at)),
        AnyMemory::Failed(action, times) => {
            let class = [
                ErrorClass::Retry,
                ErrorClass::Ambiguous,
                ErrorClass::Capacity,
                ErrorClass::Permanent,
                ErrorClass::Permission,
            ][(times as usize) % 5];
            let error = CloudError { class, code: "Odd".to_owned(), message: "odd".to_owned() };
            of_subject.failure = failure(action, FailureError::Cloud(error), times);
            of_subject.not_before = (times % 2 == 0).then(|| near(1_000));
        }
        AnyMemory::Refused(action, times) => {
            let hook = Hook { run: "true".to_owned(), timeout: HOOK_TIMEOUT_DEFAULT, blocks: true };
            let said = || "it says no".to_owned();
            let error = match times % 5 {
                0 => ShellError::Busy { holders: Vec::new(), message: said() },
                1 => ShellError::HookRefused { hook, output: said() },
                2 => ShellError::Refused(said()),
                3 => ShellError::Failed { status: 32, message: said() },
                _ => ShellError::NoAnswer(said()),
            };
            of_subject.failure = failure(action, FailureError::Shell(error), times);
            of_subject.not_before = (times % 2 == 1).then(|| near(1_000));
        }
        AnyMemory::Awaited => {
            let what = match &subject {
                Subject::Mount(_) => AwaitedId::Volume(VolumeId::new("vol-unseen")),
                _ => AwaitedId::Instance(InstanceId::new("i-unseen")),
            };
            let until = near(1_000);
            of_subject.awaited = vec![Awaited { what, since: NOW, until, is_ending: false }];
        }
        AnyMemory::Attachment(state, since) => {
            let state = AttachmentState::from(state.to_owned());
            world.memory.attachments.insert(mount, (state, near(since)));
        }
        AnyMemory::Silent(seconds) => {
            world.memory.silent_since.insert(node, before(seconds));
        }
        AnyMemory::Unready(seconds) => {
            world.memory.unready_since.insert(node, before(seconds));
        }
        AnyMemory::Unfenced => world.memory.fenced.clear(),
        AnyMemory::Entered(phase, epoch) => {
            let phases = world.memory.phases.get_or_insert_default();
            let volume = VolumeId::new(format!("vol-{}", mount.to_string().replace('/', "-")));
            let kept_by = Some(SnapshotId::new("snap-0"));
            let entry = phase.map(|phase| PhaseEntry { volume, mount, phase, epoch, kept_by });
            entry.into_iter().for_each(|entry| phases.enter(entry));
        }
        AnyMemory::HaltRefused(times) => {
            world.memory.halt_refusals.insert(node, times);
        }
    }
    world.memory.subjects.insert(subject, of_subject);
}

fn build(
    world: World,
    instances: &[(usize, String, Option<GapKind>)],
    volumes: &[AnyVolume],
    snapshots: &[AnySnapshot],
) -> World {
    let mut world = world;
    let mut silent = Vec::new();
    for (at, (node, state, gap)) in instances.iter().enumerate() {
        let id = if instances[..at].iter().any(|(other, ..)| other == node) {
            format!("i-{}-{at}", NODES[*node])
        } else {
            format!("i-{}", NODES[*node])
        };
        world = world.instance_called(NODES[*node], &id, state);
        if let Some(gap) = gap
            && world.answers.contains_key(&common::node(NODES[*node]))
        {
            silent.push((NODES[*node], *gap));
        }
    }
    for (at, volume) in volumes.iter().enumerate() {
        let name = MOUNTS[volume.mount];
        let volume = volume.made_plausible();
        let is_second =
            volume.twin || volumes[..at].iter().any(|other| other.mount == volume.mount);
        let id = if is_second {
            format!("vol-twin-{at}")
        } else {
            format!("vol-{}", name.replace('/', "-"))
        };
        world = world
            .volume_called(name, &id, &volume.state, &volume.epoch)
            .tag("wucluster:content", volume.content)
            .tag("wucluster:schema", volume.schema);
        let last = world.view.volumes.last_mut().unwrap();
        if !volume.is_recorded {
            last.tags.remove("wucluster:filesystem");
        }
        if volume.plausible.is_none() {
            last.size = Size::from_gib(volume.gib);
        }
        last.from_snapshot = volume.from.then(|| SnapshotId::new("snap-0ba5e"));
        let contents = match &volume.contents {
            AnyContents::Is(contents) => contents.clone(),
            AnyContents::Ours => Contents::Filesystem {
                kind: "ext4".to_owned(),
                uuid: Some(last.id.filesystem_uuid()),
            },
        };
        let id = last.id.clone();
        let (state, count) = match volume.plausible {
            Some(Plausible::Covered) => ("completed", 1),
            Some(Plausible::Failing) => ("error", 3),
            _ => ("", 0),
        };
        for nth in 0..count {
            world = world.snapshot(name, &format!("snap-{nth}-of-{at}"), state, 2);
            world.view.snapshots.last_mut().unwrap().volume = id.clone();
        }
        if let Some((node, state, flag)) = &volume.attachment {
            let instance = NODES.get(*node).map_or("i-else".to_owned(), |name| format!("i-{name}"));
            world = world.attached(&instance, state);
            world.view.volumes.last_mut().unwrap().attachments[0].delete_on_termination = *flag;
            world = world.device(|device| {
                device.contents = contents.clone();
                device.is_held = volume.is_held;
                device.on_top.extend(volume.on_top.then(|| "dm-0".to_owned()));
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
        last.size = snapshot.gib.map_or(last.size, Size::from_gib);
        if snapshot.of_twin {
            last.volume = VolumeId::new("vol-twin-0");
        }
    }
    for (name, kind) in silent {
        let gap = Gap { kind, why: "no word".to_owned(), at: NOW };
        world.answers.get_mut(&common::node(name)).unwrap().probe = Err(gap);
    }
    world
}

pub fn any_demand() -> impl Strategy<Value = Demand> {
    proptest::sample::select(&Demand::ALL[..])
}

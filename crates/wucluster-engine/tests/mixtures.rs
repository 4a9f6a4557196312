//! Every start mixture of one node with two mounts, for every demand: the demand is reached, or held
//! for a reason that is true of that start; no harm is done, and no data is lost.
//!
//! A mixture is a state of the node's instance times a state of each mount. Combinations that no
//! cloud can be in (attached to an instance that does not exist) are left out.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use world::{Operator, PAIR, key, node};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, VolumeId};
use wucluster_core::interlock::Interlock;
use wucluster_core::observation::{AttachmentState, InstanceState, SnapshotState, VolumeState};
use wucluster_core::tags::{KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, KEY_GENERATION, Tags};
use wucluster_engine::Outcome;
use wucluster_sim::{Content, PlaceVolume, World};

/// The UUID of a mount's file system: XFS refuses to mount two with the same.
fn uuid(kind: &str) -> &'static str {
    match kind {
        "xfs" => "11111111-2222-8333-8444-555555555555",
        _ => "11111111-2222-8333-8444-666666666666",
    }
}

/// How a mount stands at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Never was.
    Never,
    /// Away, with a snapshot in that state and perhaps a whole older one.
    Away(Kept),
    /// A volume that is attached to nothing.
    Loose(Loose),
    /// A volume that is attached to the node's instance.
    Attached(Attached),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Whole,
    Pending,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loose {
    CreatingBlank,
    Blank,
    Live,
    Sealed,
    SealedPending,
    SealedWhole,
    /// Live again, under a snapshot of the epoch before.
    LiveAgain,
    Deleting,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attached {
    Attaching,
    Blank,
    Unmounted,
    Mounted,
    MountedElsewhere,
    Detaching,
    /// Somebody asked for detachment while it was mounted.
    Busy,
}

const STARTS: [Start; 20] = [
    Start::Never,
    Start::Away(Kept::Whole),
    Start::Away(Kept::Pending),
    Start::Away(Kept::Failed),
    Start::Loose(Loose::CreatingBlank),
    Start::Loose(Loose::Blank),
    Start::Loose(Loose::Live),
    Start::Loose(Loose::Sealed),
    Start::Loose(Loose::SealedPending),
    Start::Loose(Loose::SealedWhole),
    Start::Loose(Loose::LiveAgain),
    Start::Loose(Loose::Deleting),
    Start::Loose(Loose::Broken),
    Start::Attached(Attached::Attaching),
    Start::Attached(Attached::Blank),
    Start::Attached(Attached::Unmounted),
    Start::Attached(Attached::Mounted),
    Start::Attached(Attached::MountedElsewhere),
    Start::Attached(Attached::Detaching),
    Start::Attached(Attached::Busy),
];

const INSTANCES: [Option<InstanceState>; 7] = [
    None,
    Some(InstanceState::Pending),
    Some(InstanceState::Running),
    Some(InstanceState::Stopping),
    Some(InstanceState::Stopped),
    Some(InstanceState::ShuttingDown),
    Some(InstanceState::Terminated),
];

fn data(mount: &MountKey, kind: &str) -> Content {
    Content::formatted(kind, uuid(kind)).with_file("note", &format!("kept by {mount}"))
}

fn tags(epoch: &str, content: &str, kind: &str) -> Tags {
    let mut tags = Tags::default();
    tags.set(KEY_EPOCH, epoch);
    tags.set(KEY_GENERATION, "2");
    tags.set(KEY_CONTENT, content);
    if content == "data" {
        tags.set(KEY_FILESYSTEM, format!("{kind} {}", uuid(kind)));
    }
    tags
}

/// Whether a cloud can be in that state; if so, places it.
fn place(
    world: &mut World,
    definition: &ClusterDefinition,
    mount: &MountKey,
    start: Start,
    instance: Option<(&InstanceId, &InstanceState)>,
) -> bool {
    let defined = definition.mount(mount).unwrap();
    let kind = defined.fs.as_str();
    let cluster = &definition.name;
    let new = || {
        let mut place = PlaceVolume::new();
        place.size = defined.size;
        place
    };
    let volume =
        |epoch: &str| new().with_tags(tags(epoch, "data", kind)).with_content(data(mount, kind));
    let blank = || new().with_tags(tags("1 live", "blank", kind));
    let snapshot = |world: &mut World, of: &VolumeId, epoch: u64, state: SnapshotState| {
        let tags = tags(&format!("{epoch} sealed"), "data", kind);
        world.place_snapshot(cluster, mount, of, state, data(mount, kind), &tags);
    };
    match start {
        Start::Never => true,
        Start::Away(kept) => {
            let of = VolumeId::new(format!("vol-gone-{}", mount.mount));
            snapshot(world, &of, 1, SnapshotState::Completed);
            let state = match kept {
                Kept::Whole => SnapshotState::Completed,
                Kept::Pending => SnapshotState::Pending,
                Kept::Failed => SnapshotState::Error,
            };
            snapshot(world, &of, 2, state);
            true
        }
        Start::Loose(loose) => {
            let placed = match loose {
                Loose::CreatingBlank => blank().in_state(VolumeState::Creating),
                Loose::Blank => blank(),
                Loose::Live => volume("1 live"),
                Loose::Sealed | Loose::SealedPending | Loose::SealedWhole | Loose::Deleting => {
                    volume("1 sealed")
                }
                Loose::LiveAgain => volume("2 live"),
                Loose::Broken => volume("1 live").in_state(VolumeState::Error),
            };
            let of = world.place_volume(cluster, mount, placed);
            match loose {
                Loose::SealedPending => snapshot(world, &of, 1, SnapshotState::Pending),
                Loose::SealedWhole | Loose::LiveAgain => {
                    snapshot(world, &of, 1, SnapshotState::Completed);
                }
                Loose::Deleting => {
                    snapshot(world, &of, 1, SnapshotState::Completed);
                    world.human(&wucluster_sim::Human::DeleteVolume(mount.clone())).unwrap();
                }
                Loose::CreatingBlank
                | Loose::Blank
                | Loose::Live
                | Loose::Sealed
                | Loose::Broken => {}
            }
            true
        }
        Start::Attached(attached) => {
            let Some((id, state)) = instance else { return false };
            let is_alive = matches!(
                state,
                InstanceState::Running | InstanceState::Stopping | InstanceState::ShuttingDown
            );
            let possible = match attached {
                Attached::Attaching => *state == InstanceState::Running,
                Attached::Blank | Attached::Unmounted => {
                    !matches!(state, InstanceState::Pending | InstanceState::Terminated)
                }
                Attached::Mounted | Attached::MountedElsewhere => is_alive,
                Attached::Detaching | Attached::Busy => *state == InstanceState::Running,
            };
            if !possible {
                return false;
            }
            let point = defined.at.as_str();
            let placed = match attached {
                Attached::Attaching => volume("1 live").attached(id, AttachmentState::Attaching),
                Attached::Blank => blank().attached(id, AttachmentState::Attached),
                Attached::Unmounted => volume("1 live").attached(id, AttachmentState::Attached),
                Attached::Mounted => {
                    volume("1 live").attached(id, AttachmentState::Attached).mounted(point)
                }
                Attached::MountedElsewhere => {
                    volume("1 live").attached(id, AttachmentState::Attached).mounted("/somewhere")
                }
                Attached::Detaching => volume("1 live").attached(id, AttachmentState::Detaching),
                Attached::Busy => {
                    volume("1 live").attached(id, AttachmentState::Busy).mounted(point)
                }
            };
            world.place_volume(cluster, mount, placed);
            true
        }
    }
}

/// The rule that may hold a mount which started so, on the way to a demand; all else must be reached.
fn may_hold(instance: Option<&InstanceState>, start: Start, demand: Demand) -> Option<Interlock> {
    let upward = demand.is_upward();
    match start {
        Start::Away(Kept::Failed) if upward => Some(Interlock::DataMissing),
        Start::Loose(Loose::Broken)
            if upward || matches!(demand, Demand::RecentlySnapshotted | Demand::Away) =>
        {
            Some(Interlock::VolumeFailed)
        }
        // A machine that halts takes the wrong mount with it.
        Start::Attached(Attached::MountedElsewhere)
            if matches!(demand, Demand::Mounted | Demand::Launched)
                && instance == Some(&InstanceState::Running) =>
        {
            Some(Interlock::MountedElsewhere)
        }
        _ => None,
    }
}

fn has_data(start: Start) -> bool {
    !matches!(
        start,
        Start::Never
            | Start::Away(Kept::Failed)
            | Start::Loose(Loose::CreatingBlank | Loose::Blank | Loose::Broken)
            | Start::Attached(Attached::Blank)
    )
}

/// One mixture and demand; `None` when no cloud can be in it, else what is wrong about the end.
fn judge(
    seed: u64,
    instance: &Option<InstanceState>,
    starts: [Start; 2],
    demand: Demand,
) -> Option<Result<(), String>> {
    let mut operator = Operator::new(PAIR);
    let mut world = World::new(seed);
    let definition = operator.definition.clone();
    let mounts = [key("chief/home"), key("chief/data")];
    let placed = instance.as_ref().map(|state| {
        (world.place_instance(&definition.name, &node("chief"), state.clone()), state.clone())
    });
    for (mount, start) in mounts.iter().zip(starts) {
        let instance = placed.as_ref().map(|(id, state)| (id, state));
        if !place(&mut world, &definition, mount, start, instance) {
            return None;
        }
    }
    let drive = operator.drive(world, demand);
    let told = |what: &str| Some(Err(format!("{what}\n{}", drive.story())));
    if !drive.world.harm().is_empty() {
        return told(&format!("harm: {:#?}", drive.world.harm()));
    }
    let allowed: Vec<_> = mounts
        .iter()
        .zip(starts)
        .filter_map(|(mount, start)| {
            may_hold(instance.as_ref(), start, demand).map(|rule| (mount.clone(), rule))
        })
        .collect();
    match &drive.ending.outcome {
        Outcome::Reached if allowed.is_empty() => {}
        Outcome::Reached => return told("reached, though it had to be held"),
        Outcome::Held(holds) => {
            for hold in holds {
                let is_allowed = allowed.iter().any(|(mount, rule)| {
                    *rule == hold.interlock
                        && hold.subject == wucluster_core::ids::Subject::Mount(mount.clone())
                });
                if !is_allowed {
                    return told(&format!("held without need: {hold:?}"));
                }
            }
            if holds.len() != allowed.len() {
                return told(&format!("held by {holds:?}, expected {allowed:?}"));
            }
        }
        other => return told(&format!("{other:?}")),
    }
    // What was there is there: launched from here, every byte of the mounts that are not held shows.
    let held: Vec<MountKey> = allowed.into_iter().map(|(mount, _)| mount).collect();
    if matches!(
        demand,
        Demand::Instantiated | Demand::Attached | Demand::Separated | Demand::Haltable
    ) {
        return Some(Ok(()));
    }
    let again = operator.drive(drive.world.clone(), Demand::Launched);
    if !again.world.harm().is_empty() {
        return told(&format!(
            "harm in the launch after: {:#?}\n{}",
            again.world.harm(),
            again.story()
        ));
    }
    for (mount, start) in mounts.iter().zip(starts) {
        if held.contains(mount)
            || may_hold(instance.as_ref(), start, Demand::Launched).is_some()
                && demand != Demand::Away
        {
            continue;
        }
        if has_data(start) {
            let read = again.world.read(mount, "note").ok().flatten();
            if read != Some(format!("kept by {mount}")) {
                return told(&format!("the data of {mount} is gone: {read:?}\n{}", again.story()));
            }
        }
    }
    Some(Ok(()))
}

#[test]
fn every_mixture_reaches_every_demand_or_says_truly_why_not() {
    let mut cases = Vec::new();
    for instance in &INSTANCES {
        // The two mounts differ in their file system only, so each pair of starts stands once, the
        // mounts taking turns.
        for (at, one) in STARTS.into_iter().enumerate() {
            for other in STARTS.into_iter().skip(at) {
                let (first, second) = if at % 2 == 0 { (one, other) } else { (other, one) };
                for demand in Demand::ALL {
                    cases.push((instance, [first, second], demand));
                }
            }
        }
    }
    let next = AtomicUsize::new(0);
    let judged = AtomicUsize::new(0);
    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((instance, starts, demand)) =
                    cases.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match judge(7, instance, *starts, *demand) {
                        None => {}
                        Some(Ok(())) => {
                            judged.fetch_add(1, Ordering::Relaxed);
                        }
                        Some(Err(what)) => {
                            let name =
                                instance.as_ref().map_or("no instance", InstanceState::as_str);
                            wrong
                                .lock()
                                .unwrap()
                                .push(format!("{name}, {starts:?} -> {demand}: {what}"));
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let judged = judged.into_inner();
    println!("{judged} mixtures with their demands judged, of {} combinations", cases.len());
    for line in wrong.iter().map(|text| text.lines().next().unwrap_or_default()) {
        println!("{line}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong; the first:\n{}",
        wrong.len(),
        judged + wrong.len(),
        wrong.iter().take(3).cloned().collect::<Vec<_>>().join("\n\n")
    );
    assert!(judged > 7_000, "only {judged} were judged");
}

//! Pruning: which snapshots nothing stands on any more, and why the others stay.
//!
//! A put-away leaves a snapshot of each mount, and none of them ever ends by itself. What may go was superseded by a
//! complete snapshot of a later write epoch, belongs to no generation that is kept, is not what a mount would begin from
//! when it went back to one of these, and is needed by nothing else that is there or may yet come.

use std::collections::BTreeSet;

use super::data::number;
use super::{Context, Hold, Interlock, Refusal, adopt, checkpoint, data};
use crate::action::{Action, CloudAction};
use crate::ids::{MountKey, SnapshotId, Subject, VolumeId};
use crate::interlock::{Cleared, clear};
use crate::observation::{
    MountObservation, Observation, SnapshotSeen, SnapshotState, VolumeSeen, VolumeState,
};
use crate::phases::{Phase, Phases};
use crate::plan::WaitOn;
use crate::policy::Guard;
use crate::tags::{ContentMark, KEY_EPOCH};

/// What becomes of a snapshot in a pruning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate<'a> {
    /// Whose it is.
    pub mount: &'a MountObservation,
    /// The snapshot.
    pub snapshot: &'a SnapshotSeen,
    /// The snapshot that keeps the newest data of its mount; `None` where that cannot be told.
    pub kept_by: Option<&'a SnapshotId>,
    /// Why it stays. `None`: it may go.
    pub stays: Option<Stays>,
}

/// Why a snapshot stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// It is of the newest write epoch of its mount, or its only one; or none that is complete supersedes it.
    Newest,
    /// It belongs to a generation that is kept.
    Generation(u64),
    /// It was the newest of its mount as of a generation that is kept.
    AsOf(u64),
    /// It belongs to a checkpoint that is kept.
    Checkpoint(u64),
    /// It belongs to a checkpoint, and no later one that is whole and kept is of its mount.
    NewestCheckpoint,
    /// It carries no generation that can be read, or no checkpoint.
    NoGeneration,
    /// The definition has a mount begin from it.
    Named(MountKey),
    /// Something that is there, or may yet come, needs it; in words.
    Needed(String),
    /// It is in a state in which none is deleted.
    State(SnapshotState),
    /// Nothing of its mount goes, or nothing now.
    Refused(Box<Refusal>),
}

impl Stays {
    /// Says why in a few words.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::Newest => "the newest of its mount".to_owned(),
            Self::Generation(number) => format!("generation {number} is kept"),
            Self::AsOf(number) => format!("the newest of its mount as of generation {number}"),
            Self::Checkpoint(number) => format!("checkpoint {number} is kept"),
            Self::NewestCheckpoint => "no later whole checkpoint is of its mount".to_owned(),
            Self::NoGeneration => "its generation cannot be read".to_owned(),
            Self::Named(mount) => format!("the definition has {mount} begin from it"),
            Self::Needed(why) => why.clone(),
            Self::State(state) => format!("it is {state}"),
            Self::Refused(refusal) => match &**refusal {
                Refusal::First(_, hold) | Refusal::Hold(hold) => {
                    format!("held[{}]: {}", hold.interlock, hold.what)
                }
                Refusal::Wait(wait) => wait.what.clone(),
            },
        }
    }
}

/// Lists the newest generations that are kept whole, the newest first: of all that there are of the cluster, whether or not
/// the definition still has their mounts. One of which no snapshot is complete is none. Beside them those to which what
/// lives went back: a launch that was cut short goes on from there.
#[must_use]
pub fn kept_generations(ctx: &Context<'_>) -> Vec<u64> {
    let snapshots = ctx.observation.mounts.iter().flat_map(|mount| &mount.snapshots);
    let complete = snapshots.filter(|seen| seen.state == SnapshotState::Completed);
    let all: BTreeSet<u64> = complete.filter_map(|seen| seen.tags.generation()).collect();
    let keep = usize::try_from(ctx.policy.generations_kept.max(1)).unwrap_or(usize::MAX);
    let volumes = ctx.observation.mounts.iter().flat_map(|mount| &mount.volumes);
    let went_back = volumes.filter_map(|volume| volume.tags.back_to());
    let kept: BTreeSet<u64> = all.into_iter().rev().take(keep).chain(went_back).collect();
    kept.into_iter().rev().collect()
}

/// Tells of every snapshot of the cluster whether it may go: mounts as the definition has them, then others, and of each
/// the newest first.
#[must_use]
pub fn fates<'a>(ctx: &Context<'a>) -> Vec<Fate<'a>> {
    let kept = kept_generations(ctx);
    let mounts: &'a [MountObservation] = &ctx.observation.mounts;
    mounts.iter().flat_map(|mount| of_mount(ctx, mount, &kept)).collect()
}

/// Clears the deletion of a snapshot.
///
/// # Errors
/// Why it stays.
pub fn prune(ctx: &Context<'_>, fate: &Fate<'_>) -> Result<Cleared<Action>, Refusal> {
    if let Some(Stays::Refused(refusal)) = &fate.stays {
        return Err((**refusal).clone());
    }
    let Some(kept_by) = fate.kept_by else {
        let subject = Subject::Mount(fate.mount.key.clone());
        return Err(not_kept(subject, fate.snapshot));
    };
    let (mount, snapshot) = (fate.mount.key.clone(), fate.snapshot.id.clone());
    let kept_by = kept_by.clone();
    clear(ctx, Action::Cloud(CloudAction::DeleteSnapshot { mount, snapshot, kept_by }))
}

fn of_mount<'a>(ctx: &Context<'_>, mount: &'a MountObservation, kept: &[u64]) -> Vec<Fate<'a>> {
    let keeper = keeper(ctx, mount);
    let of_one = |snapshot: &'a SnapshotSeen| {
        let refused = || match &keeper {
            Err(why) => Some(Stays::Refused(Box::new(why.clone()))),
            // What holds nothing, and came after the data.
            Ok(keeper) if number(keeper) <= number(snapshot) => Some(Stays::Newest),
            Ok(_) => None,
        };
        let kept_by = keeper.as_ref().ok().map(|keeper| &keeper.id);
        let stays = needs(ctx, mount, snapshot, kept).or_else(refused);
        Fate { mount, snapshot, kept_by, stays }
    };
    mount.snapshots.iter().map(of_one).collect()
}

/// Passes the deletion of a snapshot that a later one of its mount supersedes, and on which nothing stands.
pub(super) fn superseded(
    ctx: &Context<'_>,
    key: &MountKey,
    id: &SnapshotId,
    kept_by: &SnapshotId,
) -> Result<(), Refusal> {
    let subject = Subject::Mount(key.clone());
    let is_stranger = ctx.observation.strangers.iter().any(|one| one.id == id.as_str());
    let seen = ctx.observation.mount(key);
    let of_checkpoint = seen.and_then(|mount| {
        let snapshot = mount.checkpoints.iter().find(|seen| &seen.id == id)?;
        Some((mount, snapshot))
    });
    if let Some((mount, snapshot)) = of_checkpoint {
        return checkpoint::superseded(ctx, mount, snapshot, kept_by);
    }
    let found = seen.and_then(|mount| {
        let snapshot = mount.snapshots.iter().find(|seen| &seen.id == id)?;
        Some((mount, snapshot))
    });
    let Some((mount, snapshot)) = found else {
        if is_stranger {
            let what = format!("{id} is not deleted");
            return Err(Hold::new(Interlock::Foreign, subject, what)
                .why("it is no snapshot of this mount, by its tags")
                .so("it stays")
                .refuse());
        }
        return Err(Refusal::wait(subject, WaitOn::Cloud, format!("{id} must be seen")));
    };
    let kept = kept_generations(ctx);
    let mut fates = of_mount(ctx, mount, &kept).into_iter();
    match fates.find(|fate| fate.snapshot.id == snapshot.id).and_then(|fate| fate.stays) {
        None => {}
        Some(Stays::Refused(refusal)) => {
            let is_on = match &*refusal {
                Refusal::First(_, hold) | Refusal::Hold(hold) => ctx.is_on(hold.interlock),
                Refusal::Wait(_) => true,
            };
            if is_on {
                return Err(*refusal);
            }
        }
        Some(Stays::State(state @ (SnapshotState::Pending | SnapshotState::Recovering))) => {
            return Err(Refusal::wait(subject, WaitOn::Cloud, format!("{id} is {state}")));
        }
        Some(stays) if ctx.is_on(Interlock::SnapshotNeeded) => {
            let what = format!("{id} is not deleted");
            return Err(Hold::new(Interlock::SnapshotNeeded, subject, what)
                .why(stays.why())
                .so("it stays")
                .fix(format!("see what there is:   wucluster snapshots {key}"))
                .refuse());
        }
        Some(_) => {}
    }
    let keeps = |seen: &&SnapshotSeen| {
        &seen.id == kept_by
            && seen.state == SnapshotState::Completed
            && number(seen) > number(snapshot)
            && (is_data(seen) || !is_data(snapshot))
    };
    if ctx.is_on(Interlock::SnapshotNeeded) && !mount.snapshots.iter().any(|seen| keeps(&seen)) {
        return Err(not_kept(subject, snapshot));
    }
    Ok(())
}

fn not_kept(subject: Subject, snapshot: &SnapshotSeen) -> Refusal {
    let what = format!("{} is not deleted", snapshot.id);
    Hold::new(Interlock::SnapshotNeeded, subject, what)
        .why("no complete snapshot of a later write epoch is seen in its place")
        .so("it stays")
        .refuse()
}

/// Passes a snapshot that a volume is to be made from, unless its deletion was asked for and may still come.
pub(super) fn stays(ctx: &Context<'_>, key: &MountKey, from: &SnapshotId) -> Result<(), Refusal> {
    if !ctx.policy.guards(Guard::MayYetCome) {
        return Ok(());
    }
    let goes = |request: &CloudAction| matches!(request, CloudAction::DeleteSnapshot { snapshot, .. } if snapshot == from);
    let mut subjects = ctx.memory.subjects.values();
    if !subjects.any(|memory| memory.open_requests_at(ctx.seen_at()).any(goes)) {
        return Ok(());
    }
    let what = format!("the deletion of {from} was asked for before, and may still come");
    Err(Refusal::wait(Subject::Mount(key.clone()), WaitOn::Cloud, what))
}

fn is_data(seen: &SnapshotSeen) -> bool {
    seen.tags.content() != Some(ContentMark::Blank)
}

/// Says whether a snapshot is of the highest write epoch among some: of those that hold data, or of all.
fn is_newest<'a>(
    snapshot: &SnapshotSeen,
    among: impl Iterator<Item = &'a SnapshotSeen> + Clone,
) -> bool {
    let of_data = among.clone().filter(|seen| is_data(seen)).filter_map(number).max();
    let of_all = among.filter_map(number).max();
    let own = number(snapshot);
    own == of_all || (own == of_data && is_data(snapshot))
}

/// Finds why a snapshot stays whatever is to be said of its mount as a whole.
fn needs(
    ctx: &Context<'_>,
    mount: &MountObservation,
    snapshot: &SnapshotSeen,
    kept: &[u64],
) -> Option<Stays> {
    if !matches!(snapshot.state, SnapshotState::Completed | SnapshotState::Error) {
        return Some(Stays::State(snapshot.state.clone()));
    }
    if mount.snapshots.len() == 1 || is_newest(snapshot, mount.snapshots.iter()) {
        return Some(Stays::Newest);
    }
    if let Some(key) = named(ctx, &snapshot.id) {
        return Some(Stays::Named(key));
    }
    if let Some(why) = needed_by(ctx, mount, snapshot) {
        return Some(Stays::Needed(why));
    }
    let with_data: Vec<_> = mount.snapshots.iter().filter(|seen| is_data(seen)).collect();
    if is_data(snapshot)
        && let Some(later) = data::excused_by(snapshot, &with_data)
    {
        return Some(Stays::Needed(format!("it tells that {} was taken a second time", later.id)));
    }
    let has_failed = snapshot.state == SnapshotState::Error;
    let Some(generation) = snapshot.tags.generation() else {
        return (!has_failed).then_some(Stays::NoGeneration);
    };
    if kept.contains(&generation) && !has_failed {
        return Some(Stays::Generation(generation));
    }
    let complete = || mount.snapshots.iter().filter(|seen| seen.state == SnapshotState::Completed);
    // What failed holds nothing. But where it is the newest as of a generation that is kept, it says that this one has not
    // the data of its mount: without it, an older state would pass for that.
    let is_repeated = complete().any(|seen| {
        number(seen) == number(snapshot)
            && (is_data(seen) || !is_data(snapshot))
            && seen.tags.generation().is_some_and(|of| of <= generation)
    });
    if has_failed && is_repeated {
        return None;
    }
    let there = mount.snapshots.iter().filter(|seen| {
        seen.state == SnapshotState::Completed || has_failed && seen.state == SnapshotState::Error
    });
    let as_of = |kept: u64| {
        let is_of = move |seen: &&SnapshotSeen| seen.tags.generation().is_some_and(|of| of <= kept);
        generation <= kept && is_newest(snapshot, there.clone().filter(is_of))
    };
    kept.iter().copied().find(|number| as_of(*number)).map(Stays::AsOf)
}

/// Finds the mount that the definition has begin from a snapshot.
pub(super) fn named(ctx: &Context<'_>, id: &SnapshotId) -> Option<MountKey> {
    let mut mounts = ctx.definition.mounts();
    mounts.find(|(_, defined)| defined.from.as_ref() == Some(id)).map(|(key, _)| key)
}

/// Finds the volume that is being made from a snapshot, or was asked for from it and is not seen yet.
pub(super) fn begun_from(ctx: &Context<'_>, id: &SnapshotId) -> Option<String> {
    let all = || ctx.observation.mounts.iter().flat_map(|mount| &mount.volumes);
    let is_made = |volume: &&VolumeSeen| {
        volume.from_snapshot.as_ref() == Some(id)
            && !matches!(volume.state, VolumeState::Available | VolumeState::InUse)
    };
    if let Some(volume) = all().find(is_made) {
        return Some(format!("{} is being made from it", volume.id));
    }
    for memory in ctx.memory.subjects.values() {
        let begins = |request: &CloudAction| matches!(request, CloudAction::CreateVolume { from, .. } if from.as_ref() == Some(id));
        let is_open = memory.unsure.as_ref().is_some_and(|unsure| begins(&unsure.action));
        let made = memory.made.as_ref().filter(|made| begins(&made.request));
        let is_there =
            |id: &crate::memory::AwaitedId| all().any(|volume| volume.id.as_str() == id.as_str());
        let is_lost = made.is_some_and(|made| made.id.as_ref().is_none_or(|id| !is_there(id)));
        if is_open || is_lost {
            return Some("a volume was asked for from it, and is not seen yet".to_owned());
        }
    }
    None
}

/// Finds what is there, or may yet come, and needs a snapshot.
fn needed_by(
    ctx: &Context<'_>,
    mount: &MountObservation,
    snapshot: &SnapshotSeen,
) -> Option<String> {
    if let Some(why) = begun_from(ctx, &snapshot.id) {
        return Some(why);
    }
    // Of its own write epoch or a later one; what cannot be read may be that.
    let covers = |epoch: Option<u64>| epoch.is_none_or(|epoch| number(snapshot) >= Some(epoch));
    let is_covered = |volume: &&VolumeSeen| {
        volume.id == snapshot.volume && covers(volume.tags.epoch().map(|epoch| epoch.number))
    };
    if let Some(volume) = mount.volumes.iter().find(is_covered) {
        return Some(format!("it covers {}", volume.id));
    }
    // A volume that lost its name, or has that of another mount.
    let is_its = |id: &VolumeId| id == &snapshot.volume;
    let of_others = ctx.observation.mounts.iter().filter(|other| other.key != mount.key);
    let mut elsewhere = of_others.flat_map(|other| &other.volumes).map(|volume| &volume.id);
    let is_stranger =
        ctx.observation.strangers.iter().any(|one| one.id == snapshot.volume.as_str());
    if is_stranger || elsewhere.any(is_its) {
        return Some(format!("it was taken of {}, which has another name now", snapshot.volume));
    }
    let phases = ctx.memory.phases.iter().flat_map(Phases::iter);
    for entry in phases.filter(|entry| entry.phase != Phase::Gone) {
        if entry.kept_by.as_ref() == Some(&snapshot.id) {
            return Some(format!("it keeps {}, whose deletion was begun", entry.volume));
        }
        if is_its(&entry.volume) && covers(Some(entry.epoch)) {
            return Some(format!("it covers {}, which is not known to be gone", entry.volume));
        }
    }
    None
}

/// Finds the snapshot that keeps the newest data of a mount, complete, so that those before it are superseded.
///
/// # Errors
/// Why nothing of the mount goes: which snapshot is the newest cannot be told, or it is not complete.
fn keeper<'a>(ctx: &Context<'_>, mount: &'a MountObservation) -> Result<&'a SnapshotSeen, Refusal> {
    let subject = Subject::Mount(mount.key.clone());
    adopt::own_store(ctx, &subject)?;
    let hold = |interlock, why: String| {
        Hold::new(interlock, subject.clone(), "none of its snapshots is deleted")
            .why(why)
            .so("all of them stay")
            .fix(format!("see what there is:   wucluster snapshots {}", mount.key))
    };
    let mend = format!(
        "if a tag {KEY_EPOCH} was edited by hand, set it back; see the provider's log for its former value"
    );
    if let Some(unreadable) = mount.snapshots.iter().find(|seen| number(seen).is_none()) {
        let tag = unreadable.tags.get(KEY_EPOCH).unwrap_or("");
        let why = format!("{} has the tag {KEY_EPOCH} = {tag:?}", unreadable.id);
        return Err(hold(Interlock::Foreign, why).fix(mend).refuse());
    }
    let with_data: Vec<&SnapshotSeen> =
        mount.snapshots.iter().filter(|seen| is_data(seen)).collect();
    if let Some((edited, later)) = data::out_of_order(&with_data) {
        let why = format!(
            "{} claims a later write epoch than {}, and was begun before it",
            edited.id, later.id
        );
        return Err(hold(Interlock::DataMissing, why).fix(mend).refuse());
    }
    let newest_data = with_data.iter().copied().filter_map(number).max();
    let living = mount.volumes.iter().filter(|volume| {
        matches!(volume.state, VolumeState::Available | VolumeState::InUse | VolumeState::Creating)
    });
    let living = living.filter_map(|volume| volume.tags.epoch()).map(|epoch| epoch.number).max();
    if let Some(known) = checkpoint::known_epoch(ctx, &mount.key)
        && newest_data.max(living) < Some(known)
    {
        let why = format!(
            "it held data at write epoch {known}, and neither a volume nor a snapshot of that is listed"
        );
        return Err(hold(Interlock::DataMissing, why).may_clear().refuse());
    }
    let top = newest_data.or_else(|| mount.snapshots.iter().filter_map(number).max());
    let of_top = || {
        let holds =
            |seen: &&SnapshotSeen| number(seen) == top && (newest_data.is_none() || is_data(seen));
        mount.snapshots.iter().filter(holds)
    };
    // As a launch takes it.
    if let Some(whole) = data::whole_of_one_epoch(of_top()) {
        return Ok(whole);
    }
    match of_top().next() {
        Some(seen) if matches!(seen.state, SnapshotState::Pending | SnapshotState::Recovering) => {
            let what = format!("its newest snapshot {} is {}", seen.id, seen.state);
            Err(Refusal::wait(subject, WaitOn::Cloud, what))
        }
        Some(seen) => {
            let interlock = match seen.state {
                SnapshotState::Error => Interlock::SnapshotFailed,
                _ => Interlock::SnapshotUnfinished,
            };
            let message =
                seen.message.as_ref().map_or_else(String::new, |text| format!(": {text}"));
            let why = format!("its newest snapshot {} is {}{message}", seen.id, seen.state);
            Err(hold(interlock, why)
                .fix("put the cluster away once more, so that its data is in a complete one")
                .refuse())
        }
        None => Err(Refusal::wait(subject, WaitOn::Cloud, "it has no snapshot")),
    }
}

/// What a generation is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// When the first of its snapshots was begun, by the provider's clock.
    pub begun_at: Option<crate::time::Timestamp>,
    /// Mounts with a complete snapshot of it, as the definition has them, then others.
    pub complete: Vec<MountKey>,
    /// Mounts with none that is complete, and one that is on its way.
    pub pending: Vec<MountKey>,
    /// Mounts with none but one that failed, or is in a state from which it does not come by itself.
    pub failed: Vec<MountKey>,
    /// Mounts that the definition has and that have no snapshot of it: they were not launched then, or it is gone.
    pub missing: Vec<MountKey>,
}

impl Generation {
    /// Says whether every mount of the definition has a complete snapshot of it, and every other that has any.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.pending.is_empty() && self.failed.is_empty() && self.missing.is_empty()
    }
}

/// Lists the generations that there are, the newest first, of the mounts that `is_meant` names.
pub fn generations(
    observation: &Observation,
    is_meant: impl Fn(&MountKey) -> bool,
) -> Vec<Generation> {
    let mounts = || observation.mounts.iter().filter(|mount| is_meant(&mount.key));
    let all: BTreeSet<u64> = mounts()
        .flat_map(|mount| &mount.snapshots)
        .filter_map(|seen| seen.tags.generation())
        .collect();
    let one = |number: u64| {
        let mut told = Generation {
            number,
            begun_at: None,
            complete: Vec::new(),
            pending: Vec::new(),
            failed: Vec::new(),
            missing: Vec::new(),
        };
        for mount in mounts() {
            let of = || {
                let snapshots = mount.snapshots.iter();
                snapshots.filter(|seen| seen.tags.generation() == Some(number))
            };
            let begun = of().filter_map(|seen| seen.started_at).min();
            told.begun_at = match (told.begun_at, begun) {
                (Some(known), Some(begun)) => Some(known.min(begun)),
                (known, begun) => known.or(begun),
            };
            let has = |state: SnapshotState| of().any(|seen| seen.state == state);
            let place = if has(SnapshotState::Completed) {
                &mut told.complete
            } else if has(SnapshotState::Pending) || has(SnapshotState::Recovering) {
                &mut told.pending
            } else if of().next().is_some() {
                &mut told.failed
            } else if mount.is_defined {
                &mut told.missing
            } else {
                continue;
            };
            place.push(mount.key.clone());
        }
        told
    };
    all.into_iter().rev().map(one).collect()
}

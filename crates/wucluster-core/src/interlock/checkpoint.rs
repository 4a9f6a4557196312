//! Checkpoints: sets of snapshots of mounted file systems that stand still for a moment.
//!
//! A checkpoint claims no write epoch, as what it is of is written to on. So it is never the proof for a delete, and nothing
//! begins from it by itself: [`MountObservation::checkpoints`] is another list than the one that all other rules read. What
//! it does tell is that there was data: a mount that has nothing but a checkpoint is held, and never begins blank.

use std::collections::{BTreeMap, BTreeSet};

use super::prune::{Fate, Stays, begun_from, named};
use super::{Cleared, Context, Hold, Interlock, Refusal, adopt, clear, data, order, ownership};
use crate::action::{Action, CloudAction, ShellAction};
use crate::ids::{MountKey, SnapshotId, Subject, VolumeId};
use crate::observation::{
    FilesystemState, MountObservation, Observation, Observed, SnapshotSeen, SnapshotState,
    VolumeSeen,
};
use crate::plan::WaitOn;
use crate::tags::{
    BackTo, Checkpoint, ContentMark, KEY_CHECKPOINT, KEY_EPOCH, KEY_GENERATION, Tags,
};
use crate::time::Timestamp;

/// A mount of which a checkpoint is to be taken, and what that takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The mount.
    pub mount: MountKey,
    /// Its volume.
    pub volume: VolumeId,
    /// Where it is mounted.
    pub at: String,
    /// The write epoch under which it is written to.
    pub epoch: u64,
}

impl Target {
    /// Finds what is to be frozen of a mount; `None`: there is nothing of it that could be written to.
    ///
    /// # Errors
    /// Why it cannot be frozen, or whether it could cannot be told.
    pub fn of(ctx: &Context<'_>, mount: &MountObservation) -> Result<Option<Self>, Refusal> {
        if mount.volumes.is_empty() && mount.filesystem == Observed::Absent {
            return Ok(None);
        }
        let subject = Subject::Mount(mount.key.clone());
        let volume = match mount.volumes.as_slice() {
            [one] => one,
            [] => {
                let what = "its volume is not listed, and something is mounted in its place";
                return Err(Refusal::wait(subject, WaitOn::Cloud, what));
            }
            several => return Err(ownership::volume_conflict(&mount.key, several)),
        };
        let at = mounted_at(ctx, &mount.key)?;
        let Some(epoch) = volume.tags.epoch() else {
            let what = format!("the write epoch of {} cannot be read", volume.id);
            return Err(Refusal::wait(subject, WaitOn::Cloud, what));
        };
        let (mount, volume, at) = (mount.key.clone(), volume.id.clone(), at.to_owned());
        Ok(Some(Self { mount, volume, at, epoch: epoch.number }))
    }

    /// Clears the freeze of its file system, for so many seconds at most.
    ///
    /// # Errors
    /// Why it is not frozen.
    pub fn freeze(
        &self,
        ctx: &Context<'_>,
        limit_seconds: u32,
    ) -> Result<Cleared<Action>, Refusal> {
        clear(
            ctx,
            Action::Shell(ShellAction::Freeze {
                mount: self.mount.clone(),
                serial: self.volume.serial(),
                at: self.at.clone(),
                limit_seconds,
            }),
        )
    }

    /// Clears its thaw.
    ///
    /// # Errors
    /// Its volume is not seen.
    pub fn thaw(&self, ctx: &Context<'_>) -> Result<Cleared<Action>, Refusal> {
        clear(
            ctx,
            Action::Shell(ShellAction::Thaw {
                mount: self.mount.clone(),
                serial: self.volume.serial(),
                at: self.at.clone(),
            }),
        )
    }

    /// Clears its snapshot in a checkpoint of so many mounts.
    ///
    /// # Errors
    /// Why it is not taken: its file system does not stand still.
    pub fn snapshot(
        &self,
        ctx: &Context<'_>,
        number: u64,
        of: u64,
    ) -> Result<Cleared<Action>, Refusal> {
        let seen = ctx.observation.mount(&self.mount).and_then(MountObservation::volume);
        let mut tags =
            Tags::for_mount(&ctx.definition.name, &self.mount).kept_in(ctx.memory.store.as_ref());
        let mark = Checkpoint { number, of, epoch: self.epoch, is_frozen: false };
        tags.set(KEY_CHECKPOINT, mark.to_string());
        if let Some(volume) = seen {
            tags.take_content(&volume.tags, &volume.id);
        }
        let (mount, volume) = (self.mount.clone(), self.volume.clone());
        clear(ctx, Action::Cloud(CloudAction::CreateSnapshot { mount, volume, tags }))
    }
}

/// Clears the mark that says of a snapshot that everything of its checkpoint stood still.
///
/// # Errors
/// A wait until it is seen.
pub fn vouch(
    ctx: &Context<'_>,
    mount: &MountKey,
    snapshot: &SnapshotId,
) -> Result<Cleared<Action>, Refusal> {
    let seen = seen(ctx, mount, snapshot)?;
    let Some(mark) = seen.tags.checkpoint() else {
        let what = format!("the tag {KEY_CHECKPOINT} of {snapshot} cannot be read");
        return Err(Refusal::wait(Subject::Mount(mount.clone()), WaitOn::Cloud, what));
    };
    let mut tags = Tags::default();
    tags.set(KEY_CHECKPOINT, Checkpoint { is_frozen: true, ..mark }.to_string());
    let (mount, snapshot) = (mount.clone(), snapshot.clone());
    clear(ctx, Action::Cloud(CloudAction::TagSnapshot { mount, snapshot, tags }))
}

/// Tells the number of the next checkpoint: one more than any that is seen.
#[must_use]
pub fn next_number(observation: &Observation) -> u64 {
    let seen = observation.mounts.iter().flat_map(|mount| &mount.checkpoints);
    seen.filter_map(|seen| seen.tags.checkpoint()).map(|of| of.number).max().unwrap_or(0) + 1
}

/// Tells the highest write epoch under which a mount is known to have held data: by what was remembered, or by a checkpoint
/// that was taken then.
pub(crate) fn known_epoch(ctx: &Context<'_>, key: &MountKey) -> Option<u64> {
    let told = ctx.observation.mount(key).into_iter().flat_map(|mount| &mount.checkpoints);
    let told = told.filter(|seen| seen.tags.content() != Some(ContentMark::Blank));
    let told = told.filter_map(|seen| seen.tags.checkpoint()).map(|of| of.epoch).max();
    ctx.memory.data_epochs.get(key).copied().max(told)
}

/// Returns the newest snapshot of a mount that a checkpoint keeps whole.
#[must_use]
pub fn newest(mount: &MountObservation) -> Option<(&SnapshotSeen, Checkpoint)> {
    let whole = mount.checkpoints.iter().filter(|seen| seen.state == SnapshotState::Completed);
    let mut whole = whole.filter_map(|seen| Some((seen, seen.tags.checkpoint()?)));
    whole.find(|(_, of)| of.is_frozen)
}

/// Returns the snapshot of a mount that is of a checkpoint, whatever its state; `None` where there is none that counts, or
/// more than one.
#[must_use]
pub fn of_set(mount: &MountObservation, number: u64) -> Option<&SnapshotSeen> {
    let is_of = |seen: &&SnapshotSeen| {
        seen.tags.checkpoint().is_some_and(|of| of.number == number && of.is_frozen)
    };
    let mut of_it = mount.checkpoints.iter().filter(is_of);
    of_it.next().filter(|_| of_it.next().is_none())
}

/// What a checkpoint is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointSet {
    /// Its number.
    pub number: u64,
    /// How many mounts it was taken of.
    pub of: u64,
    /// When the first of its snapshots was begun, by the provider's clock.
    pub begun_at: Option<Timestamp>,
    /// Mounts whose snapshot is complete, and known to be of when everything stood still.
    pub complete: Vec<MountKey>,
    /// Mounts whose snapshot is that, and on its way.
    pub pending: Vec<MountKey>,
    /// Mounts whose snapshot failed, is in a state from which it does not come by itself, or is there twice.
    pub failed: Vec<MountKey>,
    /// Mounts of whose snapshot it was never said that everything stood still: it was cut short, or is being taken.
    pub unfrozen: Vec<MountKey>,
}

impl CheckpointSet {
    /// Says whether all of it is there, complete, and of when everything stood still.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.complete.len() as u64 == self.of
            && self.pending.is_empty()
            && self.failed.is_empty()
            && self.unfrozen.is_empty()
    }
}

/// Lists the checkpoints that there are, the newest first. Those whose number cannot be read are of none.
#[must_use]
pub fn checkpoints(observation: &Observation) -> Vec<CheckpointSet> {
    let all = || observation.mounts.iter().flat_map(|mount| &mount.checkpoints);
    let mut of: BTreeMap<u64, u64> = BTreeMap::new();
    for mark in all().filter_map(|seen| seen.tags.checkpoint()) {
        let known = of.entry(mark.number).or_insert(0);
        *known = (*known).max(mark.of);
    }
    let one = |(number, of): (u64, u64)| {
        let is_of =
            |seen: &&SnapshotSeen| seen.tags.checkpoint().is_some_and(|of| of.number == number);
        let mut told = CheckpointSet {
            number,
            of,
            begun_at: all().filter(is_of).filter_map(|seen| seen.started_at).min(),
            complete: Vec::new(),
            pending: Vec::new(),
            failed: Vec::new(),
            unfrozen: Vec::new(),
        };
        for mount in &observation.mounts {
            let frozen = |seen: &&SnapshotSeen| {
                is_of(seen) && seen.tags.checkpoint().is_some_and(|of| of.is_frozen)
            };
            if !mount.checkpoints.iter().any(|seen| is_of(&seen)) {
                continue;
            }
            let place =
                match (mount.checkpoints.iter().any(|seen| frozen(&seen)), of_set(mount, number)) {
                    (false, _) => &mut told.unfrozen,
                    (true, None) => &mut told.failed,
                    (true, Some(seen)) => match seen.state {
                        SnapshotState::Completed => &mut told.complete,
                        SnapshotState::Pending | SnapshotState::Recovering => &mut told.pending,
                        SnapshotState::Error
                        | SnapshotState::Recoverable
                        | SnapshotState::Unrecognized(_) => &mut told.failed,
                    },
                };
            place.push(mount.key.clone());
        }
        told
    };
    of.into_iter().rev().map(one).collect()
}

/// Lists the numbers of the newest whole checkpoints that a pruning keeps, the newest first.
#[must_use]
pub fn kept(ctx: &Context<'_>) -> Vec<u64> {
    let keep = usize::try_from(ctx.policy.generations_kept.max(1)).unwrap_or(usize::MAX);
    let whole = checkpoints(ctx.observation).into_iter().filter(CheckpointSet::is_whole);
    whole.map(|set| set.number).take(keep).collect()
}

/// Tells of every snapshot of a checkpoint whether it may go: mounts as the definition has them, then others, and of each
/// the newest first.
#[must_use]
pub fn fates<'a>(ctx: &Context<'a>) -> Vec<Fate<'a>> {
    let kept = kept(ctx);
    let mounts: &'a [MountObservation] = &ctx.observation.mounts;
    mounts.iter().flat_map(|mount| of_mount(ctx, mount, &kept)).collect()
}

fn of_mount<'a>(ctx: &Context<'_>, mount: &'a MountObservation, kept: &[u64]) -> Vec<Fate<'a>> {
    let is_others = adopt::own_store(ctx, &Subject::Mount(mount.key.clone())).err();
    let one = |snapshot: &'a SnapshotSeen| {
        let kept_by = kept_by(mount, snapshot, kept);
        let stays = match &is_others {
            Some(refusal) => Some(Stays::Refused(Box::new(refusal.clone()))),
            None => needs(ctx, snapshot, kept, kept_by.is_some()),
        };
        Fate { mount, snapshot, kept_by, stays }
    };
    mount.checkpoints.iter().map(one).collect()
}

/// Finds the snapshot of a later checkpoint that is kept, of the same mount.
fn kept_by<'a>(
    mount: &'a MountObservation,
    snapshot: &SnapshotSeen,
    kept: &[u64],
) -> Option<&'a SnapshotId> {
    let own = snapshot.tags.checkpoint()?.number;
    let mut later = kept.iter().copied().filter(|number| *number > own);
    later.find_map(|number| {
        of_set(mount, number)
            .filter(|seen| seen.state == SnapshotState::Completed)
            .map(|seen| &seen.id)
    })
}

/// Finds why a snapshot of a checkpoint stays.
fn needs(
    ctx: &Context<'_>,
    snapshot: &SnapshotSeen,
    kept: &[u64],
    is_superseded: bool,
) -> Option<Stays> {
    if !matches!(snapshot.state, SnapshotState::Completed | SnapshotState::Error) {
        return Some(Stays::State(snapshot.state.clone()));
    }
    let Some(mark) = snapshot.tags.checkpoint() else { return Some(Stays::NoGeneration) };
    if let Some(key) = named(ctx, &snapshot.id) {
        return Some(Stays::Named(key));
    }
    if let Some(why) = begun_from(ctx, &snapshot.id) {
        return Some(Stays::Needed(why));
    }
    let volumes = ctx.observation.mounts.iter().flat_map(|mount| &mount.volumes);
    let went_back = BackTo::Checkpoint(mark.number);
    let is_base = volumes.filter_map(|volume| volume.tags.went_back()).any(|of| of == went_back);
    if kept.contains(&mark.number) || is_base {
        return Some(Stays::Checkpoint(mark.number));
    }
    (!is_superseded).then_some(Stays::NewestCheckpoint)
}

/// Passes the deletion of a snapshot of a checkpoint that a later whole one, which is kept, supersedes.
pub(super) fn superseded(
    ctx: &Context<'_>,
    mount: &MountObservation,
    snapshot: &SnapshotSeen,
    by: &SnapshotId,
) -> Result<(), Refusal> {
    if !ctx.is_on(Interlock::SnapshotNeeded) {
        return Ok(());
    }
    let subject = Subject::Mount(mount.key.clone());
    let kept = kept(ctx);
    let kept_by = kept_by(mount, snapshot, &kept);
    let why = match needs(ctx, snapshot, &kept, kept_by.is_some()) {
        None if kept_by == Some(by) => return Ok(()),
        None => "no snapshot of a later whole checkpoint is seen in its place".to_owned(),
        Some(Stays::State(state @ (SnapshotState::Pending | SnapshotState::Recovering))) => {
            let what = format!("{} is {state}", snapshot.id);
            return Err(Refusal::wait(subject, WaitOn::Cloud, what));
        }
        Some(stays) => stays.why(),
    };
    let what = format!("{} is not deleted", snapshot.id);
    Err(Hold::new(Interlock::SnapshotNeeded, subject, what)
        .why(why)
        .so("it stays")
        .fix(format!("see what there is:   wucluster snapshots {}", mount.key))
        .refuse())
}

/// Says whether a mount's node tells that it has the file system frozen.
#[must_use]
pub fn stands_still(observation: &Observation, mount: &MountObservation) -> bool {
    let probe = observation.node(&mount.key.node).and_then(|node| node.probe.present());
    let devices = probe.map(|probe| &probe.devices);
    mount.volumes.iter().any(|volume| {
        devices
            .and_then(|devices| devices.get(&volume.id.serial()))
            .is_some_and(|device| device.is_frozen)
    })
}

/// Passes a file system that is not frozen: to unmount one that is would hang.
pub(super) fn not_frozen(ctx: &Context<'_>, key: &MountKey) -> Result<(), Refusal> {
    let mount = ctx.observation.mount(key);
    if !mount.is_some_and(|mount| stands_still(ctx.observation, mount)) {
        return Ok(());
    }
    let what = "its file system is frozen for a checkpoint; its node thaws it by itself";
    Err(Refusal::wait(Subject::Mount(key.clone()), WaitOn::Node(key.node.clone()), what))
}

/// Passes the freeze of a file system that is mounted where the definition says, of a volume of ours that holds data.
pub(super) fn may_freeze(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    at: &str,
) -> Result<(), Refusal> {
    let subject = Subject::Mount(key.clone());
    let wait = |what: String| Refusal::wait(subject.clone(), WaitOn::Node(key.node.clone()), what);
    order::attached_to_own(ctx, key, volume)?;
    data::not_doomed(ctx, key, volume)?;
    if mounted_at(ctx, key)? != at || at == "/" {
        return Err(wait(format!("it is not mounted at {at}")));
    }
    if volume.tags.content() != Some(ContentMark::Data) {
        return Err(wait(format!("{} is not recorded to hold data yet", volume.id)));
    }
    if volume.tags.epoch().is_none_or(|epoch| epoch.is_sealed) {
        return Err(wait(format!("the write epoch of {} is not live", volume.id)));
    }
    not_frozen(ctx, key)
}

/// Tells where a mount is mounted, as wanted, by a fresh word of its node.
fn mounted_at<'a>(ctx: &'a Context<'_>, key: &MountKey) -> Result<&'a str, Refusal> {
    let subject = Subject::Mount(key.clone());
    let on_node = || WaitOn::Node(key.node.clone());
    let Some(mount) = ctx.observation.mount(key) else {
        return Err(Refusal::wait(subject, WaitOn::Cloud, "the mount must be seen"));
    };
    match &mount.filesystem {
        Observed::Present(FilesystemState::Mounted { at }) => {
            order::probe_is_fresh(ctx, key)?;
            Ok(at)
        }
        Observed::Present(_) | Observed::Absent => {
            let what = format!("it is {}, and not mounted", mount.word());
            Err(Refusal::wait(subject, on_node(), what))
        }
        Observed::Unknown(gap) => Err(Refusal::wait(
            subject,
            on_node(),
            format!("whether it is mounted is not known: {}", gap.why),
        )),
    }
}

/// Passes a checkpoint's snapshot of a volume whose file system its node has frozen for this run. It claims nothing.
pub(super) fn may_take(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    tags: &Tags,
) -> Result<(), Refusal> {
    let subject = Subject::Mount(key.clone());
    order::attached_to_own(ctx, key, volume)?;
    let claims = [KEY_EPOCH, KEY_GENERATION].iter().any(|claim| tags.get(claim).is_some());
    if claims || tags.checkpoint().is_none_or(|mark| mark.is_frozen) {
        return Err(Hold::new(Interlock::SnapshotOlder, subject, "no checkpoint of it is taken")
            .why("a checkpoint claims no write epoch, and that everything stood still is said afterwards")
            .so("nothing was asked")
            .refuse());
    }
    if ctx.memory.frozen.contains(&volume.id.serial()) {
        return Ok(());
    }
    Err(Refusal::wait(subject, WaitOn::Others, "its file system must be frozen first"))
}

/// Passes a mark on a checkpoint's snapshot that says no more than of which checkpoint it is.
pub(super) fn may_mark(
    ctx: &Context<'_>,
    key: &MountKey,
    snapshot: &SnapshotId,
    tags: &Tags,
) -> Result<(), Refusal> {
    let seen = seen(ctx, key, snapshot)?;
    let is_same = |mark: Checkpoint| {
        seen.tags.checkpoint().is_some_and(|own| own.number == mark.number && own.of == mark.of)
    };
    let keys: BTreeSet<&str> = tags.iter().map(|(key, _)| key).collect();
    if keys == BTreeSet::from([KEY_CHECKPOINT]) && tags.checkpoint().is_some_and(is_same) {
        return Ok(());
    }
    Err(Hold::new(Interlock::Foreign, Subject::Mount(key.clone()), "its snapshot is not marked")
        .why(format!("{snapshot} is of another checkpoint, or the mark is no checkpoint's"))
        .so("it stays as it is")
        .refuse())
}

fn seen<'a>(
    ctx: &Context<'a>,
    key: &MountKey,
    id: &SnapshotId,
) -> Result<&'a SnapshotSeen, Refusal> {
    let mount: Option<&'a MountObservation> = ctx.observation.mount(key);
    let found = mount.and_then(|mount| mount.checkpoints.iter().find(|seen| &seen.id == id));
    found.ok_or_else(|| {
        Refusal::wait(Subject::Mount(key.clone()), WaitOn::Cloud, format!("{id} must be seen"))
    })
}

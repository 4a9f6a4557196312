//! The rules about content: what covers a volume, what a mount begins from, what may be formatted.

use std::time::Duration;

use super::{Context, Hold, Interlock, Refusal, Rung, checkpoint};
use crate::definition::Size;
use crate::ids::{MountKey, SnapshotId, Subject};
use crate::observation::{
    Contents, MountObservation, SnapshotSeen, SnapshotState, VolumeSeen, VolumeState,
};
use crate::plan::WaitOn;
use crate::policy::Guard;
use crate::tags::{BackTo, ContentMark, Epoch};
use crate::time::Timestamp;

/// Whether a snapshot keeps everything that was ever written to a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover<'a> {
    /// This one does, complete and durable.
    Complete(&'a SnapshotSeen),
    /// This one will, once it is complete.
    Pending(&'a SnapshotSeen),
    /// None does; in words, why.
    Missing(String),
}

/// Tells whether a snapshot covers a volume: of this very volume, of its size, and of its present
/// epoch, which must be sealed, so that nothing was written since.
///
/// `recent`, if given, also bounds the snapshot's age at `now`. Age alone never proves anything.
#[must_use]
pub fn cover<'a>(
    mount: &'a MountObservation,
    volume: &VolumeSeen,
    recent: Option<Duration>,
    now: Timestamp,
) -> Cover<'a> {
    let Some(epoch) = volume.tags.epoch() else {
        return Cover::Missing(format!("{} has no readable write epoch", volume.id));
    };
    if !epoch.is_sealed {
        return Cover::Missing("it may have been written to since its last snapshot".to_owned());
    }
    let of_volume: Vec<&SnapshotSeen> = mount
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.volume == volume.id && snapshot.size == volume.size)
        // Begun before something was found on it: nobody would begin from it again.
        .filter(|snapshot| {
            snapshot.tags.content() != Some(ContentMark::Blank)
                || volume.tags.content() == Some(ContentMark::Blank)
        })
        .collect();
    let of_epoch = || of_volume.iter().copied().filter(|snapshot| claims(snapshot, epoch));
    let is_recent = |snapshot: &&SnapshotSeen| match (recent, snapshot.started_at) {
        (None, _) => true,
        (Some(limit), Some(started)) => now.since(started) <= limit,
        (Some(_), None) => false,
    };
    if let Some(snapshot) =
        of_epoch().filter(is_recent).find(|snapshot| snapshot.state == SnapshotState::Completed)
    {
        return Cover::Complete(snapshot);
    }
    if let Some(snapshot) = of_epoch().find(|snapshot| snapshot.state == SnapshotState::Pending) {
        return Cover::Pending(snapshot);
    }
    Cover::Missing(match (of_epoch().next(), of_volume.first()) {
        (Some(snapshot), _) => match &snapshot.state {
            SnapshotState::Completed => format!("{} is older than `recent` allows", snapshot.id),
            SnapshotState::Pending
            | SnapshotState::Error
            | SnapshotState::Recoverable
            | SnapshotState::Recovering
            | SnapshotState::Unrecognized(_) => format!("{} is {}", snapshot.id, snapshot.state),
        },
        (None, Some(older)) => format!("{} began before the last write", older.id),
        (None, None) => "it has no snapshot".to_owned(),
    })
}

fn claims(snapshot: &SnapshotSeen, epoch: Epoch) -> bool {
    snapshot.tags.epoch().is_some_and(|claimed| claimed.number == epoch.number)
}

/// Passes a volume that a complete snapshot covers, naming it.
pub(crate) fn covered_by(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<SnapshotId, Refusal> {
    let subject = Subject::Mount(key.clone());
    let Some(mount) = ctx.observation.mount(key) else {
        return Err(Refusal::wait(subject, WaitOn::Cloud, "the mount must be seen"));
    };
    let kept = "the volume and its data stay";
    if !ctx.is_on(Interlock::SnapshotOlder)
        && let Some(any) = mount.snapshots.iter().find(|any| any.state == SnapshotState::Completed)
    {
        return Ok(any.id.clone());
    }
    if !ctx.is_on(Interlock::SnapshotNotOurs)
        && let Some(any) = mount
            .snapshots
            .iter()
            .find(|any| any.state == SnapshotState::Completed && any.volume != volume.id)
    {
        return Ok(any.id.clone());
    }
    let epoch = sealed(ctx, key, volume)?;
    match cover(mount, volume, None, ctx.now) {
        Cover::Complete(snapshot) => Ok(snapshot.id.clone()),
        Cover::Pending(snapshot) if !ctx.is_on(Interlock::SnapshotUnfinished) => {
            Ok(snapshot.id.clone())
        }
        Cover::Pending(snapshot) => {
            let percent = snapshot
                .progress_percent
                .map_or_else(String::new, |percent| format!(", {percent}% done"));
            Err(Refusal::wait(
                subject,
                WaitOn::Cloud,
                format!("snapshot {} is pending{percent}", snapshot.id),
            ))
        }
        Cover::Missing(why) => {
            let failed = mount
                .snapshots
                .iter()
                .filter(|seen| {
                    seen.volume == volume.id
                        && claims(seen, epoch)
                        && seen.state == SnapshotState::Error
                })
                .count();
            if failed >= ctx.policy.tries_before_hold as usize {
                return Err(Hold::new(
                    Interlock::SnapshotFailed,
                    subject,
                    "no snapshot of it succeeds",
                )
                .why(format!(
                    "{failed} snapshots of {} at its last write ended in error",
                    volume.id
                ))
                .whys(mount.snapshots.iter().find_map(|seen| seen.message.clone()))
                .so(kept)
                .fix("look at the provider's message, delete the failed snapshots, and repeat")
                .refuse());
            }
            Err(Hold::new(Interlock::SnapshotOlder, subject, "its last write is in no snapshot")
                .why(why)
                .so(kept)
                .first(Rung::Snapshot))
        }
    }
}

/// Passes a volume whose present epoch is sealed, returning the epoch.
pub(super) fn sealed(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<Epoch, Refusal> {
    let epoch = recorded_epoch(key, volume)?;
    // A tag that lands late, or a listing that goes back in time, takes the record back to an epoch that is long over.
    // Its old snapshot would pass for one of the last write, and a new one would claim less than those before it.
    let seen = checkpoint::known_epoch(ctx, key).map(|number| (number, "it held data at"));
    let asked = ctx.memory.sealed_epoch(key).map(|number| (number, "it was sealed at"));
    if let Some((number, what)) = seen.max(asked).filter(|(number, _)| *number > epoch.number)
        && ctx.is_on(Interlock::SnapshotOlder)
    {
        return Err(Hold::new(
            Interlock::SnapshotOlder,
            Subject::Mount(key.clone()),
            "its record is older than its last write",
        )
        .why(format!("{} is marked `{epoch}`, and {what} write epoch {number}", volume.id))
        .so("the volume stays")
        .first(Rung::Raise));
    }
    if ctx.memory.strange.contains(&volume.id) && volume.tags.content() == Some(ContentMark::Blank)
    {
        let hold = Hold::new(
            Interlock::NotBlank,
            Subject::Mount(key.clone()),
            "what was found on it is not recorded yet",
        );
        return Err(hold
            .why(format!("{} was made blank, and something was found on it", volume.id))
            .so("the volume stays: its snapshot would count as blank")
            .first(Rung::Mark));
    }
    if epoch.is_sealed {
        entered_as_sealed(ctx, key, volume, epoch)?;
        return Ok(epoch);
    }
    if !ctx.is_on(Interlock::SnapshotOlder) {
        return Ok(epoch);
    }
    Err(Hold::new(
        Interlock::SnapshotOlder,
        Subject::Mount(key.clone()),
        "its writes are not known to be over",
    )
    .why(format!("{} is marked `{epoch}`", volume.id))
    .so("the volume stays")
    .first(Rung::Seal))
}

/// Passes a volume whose seal is entered in the log that operators share. Where it is not (the store was lost, or another
/// one is used), nothing keeps another operator from writing to it: it is sealed anew, and costs one more snapshot.
fn entered_as_sealed(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    epoch: Epoch,
) -> Result<(), Refusal> {
    let Some(phases) = ctx.memory.phases.as_ref().filter(|_| ctx.policy.guards(Guard::EnteredSeal))
    else {
        return Ok(());
    };
    if phases.is_sealed(&volume.id, epoch.number) {
        return Ok(());
    }
    let entered = phases.of(&volume.id).map_or_else(
        || "the store knows nothing of it".to_owned(),
        |last| {
            format!("the store has it as {}, at write epoch {}", last.phase.as_str(), last.epoch)
        },
    );
    let hold = Hold::new(
        Interlock::DeletionEntered,
        Subject::Mount(key.clone()),
        "its seal is not entered in the store",
    );
    Err(hold
        .why(format!("{} is marked `{epoch}`, and {entered}", volume.id))
        .so("the volume stays")
        .first(Rung::Raise))
}

/// Passes a volume whose deletion was never entered in the log that operators share: a request to delete it may still be
/// on its way, and what is written to it now would go with it. Its snapshot keeps what it holds.
pub(crate) fn not_doomed(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<(), Refusal> {
    let phases = ctx.memory.phases.as_ref().filter(|_| ctx.is_on(Interlock::DeletionEntered));
    let Some(last) = phases
        .filter(|phases| phases.is_doomed(&volume.id))
        .and_then(|phases| phases.of(&volume.id))
    else {
        return Ok(());
    };
    let kept = last.kept_by.as_ref().map_or_else(String::new, |kept| format!(", kept by {kept}"));
    let hold = Hold::new(
        Interlock::DeletionEntered,
        Subject::Mount(key.clone()),
        "its volume was given up before",
    );
    Err(hold
        .why(format!("the deletion of {} was begun{kept}, and may still come", volume.id))
        .so("it is not used again: its mount begins from its snapshot once it is gone")
        .fix(format!("if it cannot be deleted from here, delete {} by hand", volume.id))
        .first(Rung::Delete))
}

/// Passes a volume under whose epoch writing may begin: live, and claimed by no snapshot.
pub(super) fn open_epoch(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<(), Refusal> {
    not_doomed(ctx, key, volume)?;
    let epoch = recorded_epoch(key, volume)?;
    if !ctx.policy.guards(Guard::RaisedEpoch) {
        return Ok(());
    }
    // What cannot be read is the least of them: all else is raised over first.
    let snapshots = ctx.observation.mount(key).into_iter().flat_map(|mount| &mount.snapshots);
    let claimed = snapshots
        .filter(|snapshot| {
            snapshot.volume == volume.id
                && snapshot.tags.epoch().is_none_or(|claimed| claimed.number >= epoch.number)
        })
        .max_by_key(|snapshot| snapshot.tags.epoch().map(|claimed| claimed.number));
    // A seal that was asked for counts, whether or not it is seen: it may land later, and a snapshot may have
    // been taken under it that is not listed yet.
    let was_sealed = ctx.memory.sealed_epoch(key).is_some_and(|sealed| sealed >= epoch.number);
    let is_open = !epoch.is_sealed && claimed.is_none() && !was_sealed;
    if !ctx.is_on(Interlock::SnapshotOlder) || is_open {
        return Ok(());
    }
    // No epoch is higher than what cannot be read: to raise it once more would help nothing, for ever.
    if let Some(unreadable) = claimed.filter(|snapshot| snapshot.tags.epoch().is_none()) {
        let key_epoch = crate::tags::KEY_EPOCH;
        return Err(Hold::new(
            Interlock::Foreign,
            Subject::Mount(key.clone()),
            "the write epoch of its snapshot cannot be read",
        )
        .why(format!(
            "{} has the tag {key_epoch} = {:?}",
            unreadable.id,
            unreadable.tags.get(key_epoch).unwrap_or("")
        ))
        .so("the volume is neither attached nor mounted: the snapshot might pass for what is written now")
        .fix("if the tag was edited by hand, set it back; see the provider's log for its former value")
        .refuse());
    }
    Err(Hold::new(
        Interlock::SnapshotOlder,
        Subject::Mount(key.clone()),
        "it cannot be attached yet",
    )
    .why(match claimed {
        Some(snapshot) => format!("{} claims to cover its writes up to `{epoch}`", snapshot.id),
        None if epoch.is_sealed => format!("{} is marked `{epoch}`", volume.id),
        None => format!("write epoch {} of {} was asked to be sealed", epoch.number, volume.id),
    })
    .so("the volume stays detached")
    .first(Rung::Raise))
}

fn recorded_epoch(key: &MountKey, volume: &VolumeSeen) -> Result<Epoch, Refusal> {
    volume.tags.epoch().ok_or_else(|| {
        Hold::new(Interlock::Foreign, Subject::Mount(key.clone()), "its write epoch cannot be read")
            .why(format!(
                "{} has the tag {} = {:?}",
                volume.id,
                crate::tags::KEY_EPOCH,
                volume.tags.get(crate::tags::KEY_EPOCH).unwrap_or("")
            ))
            .so("the volume is neither attached nor deleted")
            .fix("if the tag was edited by hand, set it back; see the provider's log for its former value")
            .refuse()
    })
}

/// Finds what a mount without a volume begins from: its newest snapshot, the definition's base, or
/// nothing, where no data ever was.
///
/// # Errors
/// A refusal where data was and its newest state is not to be had (yet): never an older one, and
/// never a blank volume, in its place.
pub fn source(ctx: &Context<'_>, key: &MountKey) -> Result<Source, Refusal> {
    let subject = Subject::Mount(key.clone());
    let Some(mount) = ctx.observation.mount(key) else {
        return Err(Refusal::wait(subject, WaitOn::Cloud, "the mount must be seen"));
    };
    let base = ctx.definition.mount(key).and_then(|defined| defined.from.clone());
    let with_data: Vec<&SnapshotSeen> = mount
        .snapshots
        .iter()
        .filter(|seen| seen.tags.content() != Some(ContentMark::Blank))
        .collect();
    if let Some(unreadable) = with_data.iter().find(|seen| seen.tags.epoch().is_none()) {
        return Err(missing(
            mount,
            format!(
                "{} has no readable write epoch, so which snapshot is the newest cannot be told",
                unreadable.id
            ),
        ));
    }
    let newest =
        with_data.iter().filter_map(|seen| seen.tags.epoch()).map(|epoch| epoch.number).max();
    let known = checkpoint::known_epoch(ctx, key);
    if !ctx.is_on(Interlock::DataMissing) {
        let any = with_data.iter().rev().find(|seen| seen.state == SnapshotState::Completed);
        return Ok(any.map_or(Source::Blank, |any| Source::Own((*any).clone())));
    }
    if let Some(generation) = ctx.policy.generation {
        return as_of(mount, &with_data, generation, base);
    }
    if let Some(number) = ctx.policy.checkpoint
        && let Some(source) = at_checkpoint(mount, number)
    {
        return source;
    }
    if ctx.policy.lose.contains(key) {
        let newest_whole = with_data.iter().find(|seen| seen.state == SnapshotState::Completed);
        return Ok(match (newest_whole, base) {
            (Some(whole), _) => Source::Own((*whole).clone()),
            (None, Some(base)) => Source::Base(base),
            (None, None) => Source::Blank,
        });
    }
    if let Some(known) = known
        && newest.is_none_or(|newest| newest < known)
    {
        return Err(missing(
            mount,
            match with_data.first() {
                Some(older) => format!(
                    "it held data at write epoch {known}, and its newest snapshot {} is of an earlier one",
                    older.id
                ),
                None => {
                    format!("it held data at write epoch {known}, and no snapshot of it is listed")
                }
            },
        ));
    }
    // What was written since it went back, and is not to be had, is missed like any other data: that is asked above.
    match going_back(ctx, mount) {
        Some(BackTo::Generation(generation)) => {
            return as_of(mount, &with_data, generation, base);
        }
        Some(BackTo::Checkpoint(number)) => {
            if let Some(source) = at_checkpoint(mount, number) {
                return source;
            }
        }
        None => {}
    }
    let Some(newest) = newest else {
        return Ok(base.map_or(Source::Blank, Source::Base));
    };
    if let Some((edited, later)) = out_of_order(&with_data) {
        return Err(Hold::new(Interlock::DataMissing, subject, "its newest data cannot be told")
            .why(format!(
                "{} claims a later write epoch than {}, and was begun before it",
                edited.id, later.id
            ))
            .so("no volume was made: an older state might take the place of its data")
            .fix(format!("see what there is:   wucluster snapshots {key}"))
            .fix(format!(
                "if a tag {} was edited by hand, set it back; see the provider's log for its former value",
                crate::tags::KEY_EPOCH
            ))
            .refuse());
    }
    let of_newest: Vec<&&SnapshotSeen> = with_data
        .iter()
        .filter(|seen| seen.tags.epoch().is_some_and(|epoch| epoch.number == newest))
        .collect();
    if let Some(whole) = whole_of_one_epoch(of_newest.iter().map(|seen| **seen)) {
        return Ok(Source::Own(whole.clone()));
    }
    if let Some(coming) = of_newest
        .iter()
        .find(|seen| matches!(seen.state, SnapshotState::Pending | SnapshotState::Recovering))
    {
        let percent = coming
            .progress_percent
            .map_or_else(String::new, |percent| format!(", {percent}% done"));
        return Err(Refusal::wait(
            subject,
            WaitOn::Cloud,
            format!("its newest snapshot {} is {}{percent}", coming.id, coming.state),
        ));
    }
    let first = of_newest[0];
    Err(missing(
        mount,
        format!(
            "its newest snapshot {} is {}{}",
            first.id,
            first.state,
            first.message.as_ref().map_or_else(String::new, |message| format!(": {message}"))
        ),
    ))
}

/// Tells to what a mount without a volume goes back: to what a person names now, or to what others of the cluster went back
/// to in the launch that is under way, so that it ends with one and the same set however often it is interrupted.
pub(crate) fn going_back(ctx: &Context<'_>, mount: &MountObservation) -> Option<BackTo> {
    let said = ctx.policy.generation.map(BackTo::Generation);
    let said = said.or(ctx.policy.checkpoint.map(BackTo::Checkpoint));
    if said.is_some() {
        return said;
    }
    let own = mount.snapshots.iter().filter_map(|seen| seen.tags.generation()).max();
    let volumes = ctx.observation.mounts.iter().flat_map(|mount| &mount.volumes);
    let went_back = volumes.filter_map(|volume| {
        let (launched, back_to) = (volume.tags.generation()?, volume.tags.went_back()?);
        // What was put away since then has newer data.
        own.is_none_or(|own| own < launched).then_some((launched, back_to))
    });
    went_back.max().map(|(_, back_to)| back_to)
}

/// Finds what a mount held in a checkpoint; `None`: it was not of it, and begins as it always does.
fn at_checkpoint(mount: &MountObservation, number: u64) -> Option<Result<Source, Refusal>> {
    let seen = checkpoint::of_set(mount, number)?;
    Some(match seen.state {
        SnapshotState::Completed => Ok(Source::Own(seen.clone())),
        SnapshotState::Pending | SnapshotState::Recovering => {
            let what = format!("{} of checkpoint {number} is {}", seen.id, seen.state);
            Err(Refusal::wait(Subject::Mount(mount.key.clone()), WaitOn::Cloud, what))
        }
        SnapshotState::Error | SnapshotState::Recoverable | SnapshotState::Unrecognized(_) => {
            let why = format!("{} of checkpoint {number} is {}", seen.id, seen.state);
            Err(missing(mount, why))
        }
    })
}

/// Chooses among the snapshots of one epoch, newest first. All hold the same, but the volume may have grown in between: of
/// those that are as large as it was in the end, the first that was begun stays the first in later listings.
pub(super) fn whole_of_one_epoch<'a>(
    seen: impl Iterator<Item = &'a SnapshotSeen>,
) -> Option<&'a SnapshotSeen> {
    seen.filter(|seen| seen.state == SnapshotState::Completed).max_by_key(|seen| seen.size)
}

/// Tells how large a volume was in the end that a snapshot was taken of: one that was taken of it in the same epoch after it
/// had grown tells that also while it is not complete.
pub(crate) fn size_in_the_end(mount: &MountObservation, of: &SnapshotSeen) -> Size {
    let same = mount.snapshots.iter().filter(|seen| {
        seen.volume == of.volume && number(seen).is_some() && number(seen) == number(of)
    });
    same.map(|seen| seen.size).fold(of.size, Size::max)
}

/// Finds what a mount held in a generation: its newest snapshot of that one or, where it has none of it, of the last before.
fn as_of(
    mount: &MountObservation,
    with_data: &[&SnapshotSeen],
    generation: u64,
    base: Option<SnapshotId>,
) -> Result<Source, Refusal> {
    let rank = |seen: &SnapshotSeen| (seen.tags.generation(), number(seen));
    if let Some(unreadable) = with_data.iter().find(|seen| seen.tags.generation().is_none()) {
        return Err(missing(
            mount,
            format!(
                "{} has no readable generation, so what it held then cannot be told",
                unreadable.id
            ),
        ));
    }
    let of_then =
        with_data.iter().filter(|seen| seen.tags.generation().is_some_and(|of| of <= generation));
    let Some(newest) = of_then.clone().map(|seen| rank(seen)).max() else {
        return Ok(base.map_or(Source::Blank, Source::Base));
    };
    let newest: Vec<&&SnapshotSeen> = of_then.filter(|seen| rank(seen) == newest).collect();
    if let Some(whole) = whole_of_one_epoch(newest.iter().map(|seen| **seen)) {
        return Ok(Source::Own(whole.clone()));
    }
    let first = newest[0];
    Err(match first.state {
        SnapshotState::Pending | SnapshotState::Recovering => {
            let what = format!("{} of generation {generation} is {}", first.id, first.state);
            Refusal::wait(Subject::Mount(mount.key.clone()), WaitOn::Cloud, what)
        }
        SnapshotState::Completed
        | SnapshotState::Error
        | SnapshotState::Recoverable
        | SnapshotState::Unrecognized(_) => missing(
            mount,
            format!("{}, which it held in generation {generation}, is {}", first.id, first.state),
        ),
    })
}

/// Finds a snapshot of the highest write epoch that was begun before one of a lower epoch: epochs grow with
/// time, so one of the two records is not what we wrote. The provider's own times are compared with each
/// other only.
pub(super) fn out_of_order<'a>(
    snapshots: &[&'a SnapshotSeen],
) -> Option<(&'a SnapshotSeen, &'a SnapshotSeen)> {
    let newest = newest_begun(snapshots)?;
    let later = snapshots.iter().copied().find(|seen| {
        number(seen) < number(newest)
            && newest.started_at.is_some_and(|begun| seen.started_at.is_some_and(|at| at > begun))
            && !snapshots.iter().any(|first| excuses(first, seen, newest))
    })?;
    Some((newest, later))
}

/// Finds the snapshot that would be out of order if this one were not there: one that was asked for twice may be begun a
/// second time long after, and the first tells that it was.
pub(super) fn excused_by<'a>(
    first: &SnapshotSeen,
    snapshots: &[&'a SnapshotSeen],
) -> Option<&'a SnapshotSeen> {
    let newest = newest_begun(snapshots)?;
    snapshots.iter().copied().find(|seen| excuses(first, seen, newest))
}

fn newest_begun<'a>(snapshots: &[&'a SnapshotSeen]) -> Option<&'a SnapshotSeen> {
    snapshots.iter().copied().max_by_key(|seen| (number(seen), seen.started_at))
}

/// Tells of which write epoch a snapshot is; `None`: its tag cannot be read.
pub(super) fn number(seen: &SnapshotSeen) -> Option<u64> {
    seen.tags.epoch().map(|epoch| epoch.number)
}

fn excuses(first: &SnapshotSeen, later: &SnapshotSeen, newest: &SnapshotSeen) -> bool {
    first.volume == later.volume
        && later.volume == newest.volume
        && number(first) == number(later)
        && first.started_at < newest.started_at
        && later.started_at > newest.started_at
}

fn missing(mount: &MountObservation, why: String) -> Refusal {
    let subject = Subject::Mount(mount.key.clone());
    let kept = checkpoint::newest(mount);
    let hold = Hold::new(
        Interlock::DataMissing,
        subject.clone(),
        "its data cannot be brought back",
    )
    .why(why)
    .whys(kept.map(|(seen, of)| {
        format!("checkpoint {} keeps it as it was while it was in use: {}", of.number, seen.id)
    }))
    .so("no volume was made: neither an older state nor a blank disk takes the place of its data")
    .fix(format!("see what there is:   wucluster snapshots {subject}"))
    .fix("look for the missing snapshot, in the provider's recycle bin if it has one");
    let hold = match kept {
        Some((_, of)) => hold.fix(format!(
            "begin from the checkpoint:   wucluster launch --checkpoint {}",
            of.number
        )),
        None => hold,
    };
    hold.fix(format!(
        "give its newest data up, and begin from what is left:   wucluster launch --lose {subject}"
    ))
    .refuse()
}

/// What a new volume begins from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The mount's own newest snapshot.
    Own(SnapshotSeen),
    /// The base that the definition names.
    Base(SnapshotId),
    /// Nothing: no data ever was.
    Blank,
}

impl Source {
    /// Returns the snapshot that it begins from, if it does from one.
    #[must_use]
    pub fn snapshot(&self) -> Option<&SnapshotId> {
        match self {
            Self::Own(seen) => Some(&seen.id),
            Self::Base(id) => Some(id),
            Self::Blank => None,
        }
    }
}

/// Passes a device that provably holds nothing: made blank by us, never mounted, and seen blank.
pub(super) fn blank(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    contents: &Contents,
) -> Result<(), Refusal> {
    if !ctx.is_on(Interlock::NotBlank) {
        return Ok(());
    }
    let hold = || {
        Hold::new(Interlock::NotBlank, Subject::Mount(key.clone()), "it is not formatted")
            .so("nothing was written to it; it stays attached and unmounted")
            .fix("look at it on the node; if it is truly empty, delete the volume and launch again")
    };
    if let Some(snapshot) = &volume.from_snapshot {
        return Err(hold()
            .why(format!(
                "{} was made from {snapshot}: what is on it is data, even if no file system shows",
                volume.id
            ))
            .refuse());
    }
    match volume.tags.content() {
        Some(ContentMark::Blank) => {}
        Some(ContentMark::Data) => {
            return Err(hold()
                .why(format!(
                    "{} is recorded to hold data, and its device shows {contents}",
                    volume.id
                ))
                .refuse());
        }
        Some(ContentMark::Foreign) => return Err(foreign(key, volume, contents)),
        None => {
            return Err(hold()
                .why(format!("{} has no record of being made blank", volume.id))
                .refuse());
        }
    }
    if ctx.memory.strange.contains(&volume.id) {
        return Err(hold()
            .why(format!("its node found something on {} before", volume.id))
            .refuse());
    }
    if let Some(known) = checkpoint::known_epoch(ctx, key)
        && volume.tags.epoch().is_none_or(|epoch| epoch.number <= known)
    {
        return Err(hold().why(format!("the mount held data at write epoch {known}")).refuse());
    }
    match contents {
        Contents::Blank => Ok(()),
        Contents::NotExamined => Err(Refusal::wait(
            Subject::Mount(key.clone()),
            WaitOn::Node(key.node.clone()),
            "its device is examined",
        )),
        Contents::Filesystem { .. } | Contents::Other(_) => Err(hold()
            .why(format!("its device holds {contents}, which is not ours"))
            .first(Rung::Mark)),
        Contents::Unreadable(why) => {
            Err(hold().why(format!("its device could not be examined: {why}")).may_clear().refuse())
        }
    }
}

/// The refusal for a volume that was made blank, and holds what somebody else put there.
fn foreign(key: &MountKey, volume: &VolumeSeen, contents: &Contents) -> Refusal {
    Hold::new(
        Interlock::NotBlank,
        Subject::Mount(key.clone()),
        "it is neither formatted nor mounted",
    )
    .why(format!(
        "{} was made blank, and something that is not ours was found on it (now: {contents})",
        volume.id
    ))
    .so("nothing was written to it; it stays attached and unmounted, and is kept like data when it is put away")
    .fix("look at it on the node, and save what is on it")
    .fix(format!("to begin anew without it:   wucluster put-away, then   wucluster launch --lose {key}"))
    .refuse()
}

/// Passes a device unless something that is not ours came to be on a volume that is still recorded as
/// blank: until that is recorded, its snapshots would count as blank, and the next probe might be believed
/// that shows nothing.
pub(super) fn recorded_blank(
    key: &MountKey,
    volume: &VolumeSeen,
    contents: &Contents,
) -> Result<(), Refusal> {
    let is_foreign = match contents {
        Contents::Other(_) => true,
        Contents::Filesystem { uuid, .. } => {
            uuid.as_deref() != Some(volume.id.filesystem_uuid().as_str())
        }
        Contents::Blank | Contents::NotExamined | Contents::Unreadable(_) => false,
    };
    if !is_foreign || volume.tags.content() != Some(ContentMark::Blank) {
        return Ok(());
    }
    let hold = Hold::new(
        Interlock::NotBlank,
        Subject::Mount(key.clone()),
        "it is neither formatted nor mounted",
    );
    Err(hold
        .why(format!(
            "{} was made blank, and its device holds {contents}, which is not ours",
            volume.id
        ))
        .so("nothing was written to it; it stays attached and unmounted")
        .fix("look at it on the node; save what is on it, or delete the volume and launch again")
        .first(Rung::Mark))
}

/// Passes a device unless a file system that we made is on a volume that is still recorded as blank: whoever made
/// it did not come to record it, and somebody may have mounted it and written to it since.
pub(super) fn recorded_ours(
    key: &MountKey,
    volume: &VolumeSeen,
    contents: &Contents,
) -> Result<(), Refusal> {
    let Contents::Filesystem { uuid: Some(_), .. } = contents else { return Ok(()) };
    // What a listing that contradicts itself shows as attached is not written down on its word.
    let is_attached = volume.state == VolumeState::InUse && volume.open_attachments().count() == 1;
    if volume.tags.content() != Some(ContentMark::Blank) || !is_attached {
        return Ok(());
    }
    let hold = Hold::new(
        Interlock::NotBlank,
        Subject::Mount(key.clone()),
        "its file system is not recorded yet",
    );
    Err(hold
        .why(format!("{} is recorded as blank, and its device holds {contents}", volume.id))
        .so("it stays attached: its snapshot would count as blank")
        .first(Rung::Record))
}

/// Passes a device whose content is what the volume's record says, so that it may be mounted.
pub(super) fn right_contents<'a>(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    contents: &'a Contents,
) -> Result<&'a str, Refusal> {
    let hold = |why: String| {
        Hold::new(Interlock::WrongContents, Subject::Mount(key.clone()), "it is not mounted")
            .why(why)
            .so("nothing was written to it; it stays attached and unmounted")
            .fix("look at the device on the node before anything else: what is on it is not what was left there")
    };
    if ctx.is_on(Interlock::NotBlank) {
        recorded_blank(key, volume, contents)?;
    }
    let (kind, uuid) = match contents {
        Contents::Filesystem { kind, uuid } => (kind.as_str(), uuid.as_deref()),
        Contents::NotExamined => {
            return Err(Refusal::wait(
                Subject::Mount(key.clone()),
                WaitOn::Node(key.node.clone()),
                "its device is examined",
            ));
        }
        Contents::Blank => {
            let needs_format = hold(format!("no file system is on {}", volume.id));
            return Err(match volume.tags.content() {
                Some(ContentMark::Blank) => needs_format.first(Rung::Format),
                Some(ContentMark::Foreign) => foreign(key, volume, contents),
                Some(ContentMark::Data) | None => hold(format!(
                    "{} is recorded to hold data, and its device shows none",
                    volume.id
                ))
                .refuse(),
            });
        }
        Contents::Other(_) if volume.tags.content() == Some(ContentMark::Foreign) => {
            return Err(foreign(key, volume, contents));
        }
        Contents::Other(what) => return Err(hold(format!("its device holds {what}")).refuse()),
        Contents::Unreadable(why) => {
            return Err(hold(format!("its device could not be examined: {why}"))
                .may_clear()
                .refuse());
        }
    };
    if !ctx.is_on(Interlock::WrongContents) {
        return Ok(kind);
    }
    if volume.tags.content() == Some(ContentMark::Foreign) {
        return Err(foreign(key, volume, contents));
    }
    if !matches!(kind, "ext4" | "xfs" | "ext3" | "ext2") {
        return Err(
            hold(format!("its device holds `{kind}`, which wucluster does not mount")).refuse()
        );
    }
    match (volume.tags.content(), volume.tags.filesystem(&volume.id)) {
        (Some(ContentMark::Data), Some((recorded_kind, recorded_uuid))) => {
            if recorded_kind == kind && uuid == Some(&*recorded_uuid) {
                Ok(kind)
            } else {
                Err(hold(format!(
                    "its record says {recorded_kind} {recorded_uuid}, its device holds {contents}"
                ))
                .refuse())
            }
        }
        // Made by us just now, or begun from a base of the user's: record what is there, then mount.
        (Some(ContentMark::Data), None) => {
            Err(hold("its file system is not recorded yet".to_owned()).first(Rung::Record))
        }
        (Some(ContentMark::Blank), _) => {
            Err(hold("its file system is not recorded yet".to_owned()).first(Rung::Record))
        }
        (Some(ContentMark::Foreign), _) => Err(foreign(key, volume, contents)),
        (None, _) => Err(hold(format!("{} has no record of its content", volume.id)).refuse()),
    }
}

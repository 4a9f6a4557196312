//! What a mount does next.

use super::{Step, candidates, growth, identity, pace};
use crate::action::{Action, CloudAction, ShellAction};
use crate::definition::MountDefinition;
use crate::demand::Demand;
use crate::ids::{SnapshotId, Subject};
use crate::interlock::data::{self, Cover, Source};
use crate::interlock::{Context, Refusal, Rung, checkpoint, order, ownership};
use crate::memory::AwaitedId;
use crate::observation::{
    AttachmentState, Contents, FilesystemState, InstanceState, MountObservation, NodeObservation,
    Observed, VolumeSeen, VolumeState,
};
use crate::plan::WaitOn;
use crate::policy::Guard;
use crate::tags::{
    ContentMark, Epoch, KEY_BACK_TO, KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, KEY_GENERATION, Tags,
};

pub(super) fn step(ctx: &Context<'_>, demand: Demand, mount: &MountObservation) -> Step {
    let volume = match mount.volumes.as_slice() {
        [] => None,
        [one] => Some(one),
        several if ctx.policy.guards(Guard::SoleName) => {
            return ownership::volume_conflict(&mount.key, several).into();
        }
        several => several.first(),
    };
    let counts = |volume: &&VolumeSeen| {
        ctx.policy.guards(Guard::AsMade) || !is_defined_otherwise(ctx, mount, volume)
    };
    let volume = volume.filter(counts);
    let result = match (demand, volume) {
        (
            Demand::Instantiated | Demand::Attached | Demand::Mounted | Demand::Launched,
            Some(volume),
        ) if !ctx.policy.guards(Guard::NotReplaced) && is_defined_otherwise(ctx, mount, volume) => {
            deleted(ctx, mount, volume)
        }
        (Demand::Instantiated | Demand::Attached | Demand::Mounted | Demand::Launched, None) => {
            create(ctx, mount)
        }
        (Demand::Instantiated, Some(volume)) => {
            exists_then(ctx, mount, volume, || growth::volume_grown(ctx, mount, volume))
        }
        (Demand::Attached, Some(volume)) => exists_then(ctx, mount, volume, || {
            up(ctx, mount, volume, &[attached, growth::volume_grown])
        }),
        (Demand::Mounted | Demand::Launched, Some(volume)) => {
            exists_then(ctx, mount, volume, || {
                let ways: &[Way] =
                    &[attached, mounted, growth::volume_grown, growth::filesystem_grown];
                up(ctx, mount, volume, ways)
            })
        }
        (
            Demand::Unmounted
            | Demand::Separated
            | Demand::RecentlySnapshotted
            | Demand::Haltable
            | Demand::Parked,
            None,
        ) => order::nothing_nameless(ctx, mount).map(|()| Step::Done),
        // Its machine is held for that.
        (Demand::Away, None) => Ok(Step::Done),
        (Demand::Unmounted, Some(volume)) => match order::unmounted(ctx, &mount.key, volume) {
            // What is on it has to be recorded before it is taken away, which nobody demands.
            Err(Refusal::First(Rung::Mark | Rung::Record, _)) => Ok(Step::Done),
            result => result.map(|()| Step::Done),
        },
        (Demand::Separated | Demand::Haltable | Demand::Parked, Some(volume)) => {
            separated(ctx, mount, volume)
        }
        (Demand::RecentlySnapshotted, Some(volume)) => snapshotted(ctx, mount, volume),
        (Demand::Away, Some(volume)) => deleted(ctx, mount, volume),
    };
    let result = match (demand, result) {
        (
            Demand::Unmounted
            | Demand::Separated
            | Demand::RecentlySnapshotted
            | Demand::Haltable
            | Demand::Parked,
            Ok(Step::Done),
        ) => order::used_nowhere(ctx, mount).map(|()| Step::Done),
        (_, result) => result,
    };
    settle(ctx, mount, volume, result)
}

/// Attaches, mounts and grows a mount, as far as each goes before the next. A growth that does not come about keeps nothing
/// from being mounted.
fn up(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
    ways: &[Way],
) -> Result<Step, Refusal> {
    // What is free is grown first: not every cloud grows what is attached.
    if volume.open_attachments().next().is_none() {
        match growth::volume_grown(ctx, mount, volume) {
            Ok(Step::Done | Step::Hold(_) | Step::Again(..)) | Err(Refusal::Hold(_)) => {}
            result => return result,
        }
    }
    for way in ways {
        match way(ctx, mount, volume)? {
            Step::Done => {}
            other => return Ok(other),
        }
    }
    Ok(Step::Done)
}

/// What is to be done about a mount next, in one respect.
type Way = fn(&Context<'_>, &MountObservation, &VolumeSeen) -> Result<Step, Refusal>;

/// Says whether the definition would have a mount's volume made otherwise by now. What is there stays what it is all the
/// same: it may be grown, and nothing else of its size, its zone and its file system changes but by a person's hands
/// ([`growth::differences`]).
fn is_defined_otherwise(ctx: &Context<'_>, mount: &MountObservation, volume: &VolumeSeen) -> bool {
    let Some(defined) = ctx.definition.mount(&mount.key) else { return false };
    let mut zones = ctx.definition.zones().peekable();
    defined.size != volume.size
        || (zones.peek().is_some() && !zones.any(|zone| volume.zone.as_deref() == Some(zone)))
        || volume.tags.filesystem(&volume.id).is_some_and(|(kind, _)| kind != defined.fs.as_str())
}

/// Follows a refusal down its rungs: what must come first is proposed in its place.
fn settle(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: Option<&VolumeSeen>,
    result: Result<Step, Refusal>,
) -> Step {
    let mut result = result;
    // Each rung leads only to lower ones, so this ends; the bound is for a rule that forgets it.
    for _ in 0..8 {
        let refusal = match result {
            Ok(step) => return step,
            Err(refusal) => refusal,
        };
        let (Refusal::First(rung, hold), Some(volume)) = (refusal.clone(), volume) else {
            return refusal.into();
        };
        result = match propose(ctx, mount, volume, rung) {
            Some(Ok(action)) => pace::attempt(ctx, action),
            Some(Err(refusal)) => Err(refusal),
            None => return Step::Hold(*hold),
        };
    }
    result.unwrap_or_else(Step::from)
}

/// Makes the request of a rung; `None` when the rung has none here.
fn propose(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
    rung: Rung,
) -> Option<Result<Action, Refusal>> {
    let key = mount.key.clone();
    let id = volume.id.clone();
    let defined = ctx.definition.mount(&key);
    let tag = |set: &[(&str, String)]| {
        let mut tags = Tags::default();
        for (name, value) in set {
            tags.set(name, value.clone());
        }
        Action::Cloud(CloudAction::TagVolume { mount: key.clone(), volume: id.clone(), tags })
    };
    Some(Ok(match rung {
        Rung::Unmount => Action::Shell(ShellAction::Unmount {
            mount: key.clone(),
            serial: id.serial(),
            before: ctx
                .definition
                .nodes
                .get(&key.node)
                .map_or_else(Vec::new, |node| node.hooks.before_unmount.clone()),
        }),
        Rung::Detach => {
            let attachment = volume.open_attachments().next()?;
            Action::Cloud(CloudAction::DetachVolume {
                mount: key.clone(),
                volume: id.clone(),
                instance: attachment.instance.clone(),
            })
        }
        // Without the guard the snapshot comes first.
        Rung::Seal if !ctx.policy.guards(Guard::SeenSeal) && !is_claimed(mount, volume) => {
            return Some(snapshot(ctx, mount, volume));
        }
        Rung::Seal => {
            let number = volume.tags.epoch()?.number;
            tag(&[(KEY_EPOCH, Epoch { number, is_sealed: true }.to_string())])
        }
        Rung::Raise => {
            let number = next_epoch(ctx, mount).max(volume.tags.epoch()?.number + 1);
            tag(&[
                (KEY_EPOCH, Epoch { number, is_sealed: false }.to_string()),
                (KEY_GENERATION, next_generation(ctx).to_string()),
            ])
        }
        Rung::Snapshot => return Some(snapshot(ctx, mount, volume)),
        Rung::Record => {
            let Observed::Present(FilesystemState::Unmounted {
                contents: Contents::Filesystem { kind, uuid: Some(uuid) },
            }) = &mount.filesystem
            else {
                return None;
            };
            let mut tags = Tags::default();
            tags.set(KEY_CONTENT, ContentMark::Data.as_str());
            tags.set_filesystem(&id, kind, uuid);
            Action::Cloud(CloudAction::TagVolume { mount: key, volume: id, tags })
        }
        Rung::Mark => tag(&[(KEY_CONTENT, ContentMark::Foreign.as_str().to_owned())]),
        Rung::Format => Action::Shell(ShellAction::MakeFilesystem {
            mount: key.clone(),
            serial: id.serial(),
            fs: defined?.fs,
            uuid: volume.id.filesystem_uuid(),
        }),
        Rung::Delete => return Some(deletion(ctx, mount, volume)),
    }))
}

/// Says whether a snapshot claims to cover a volume's present epoch.
fn is_claimed(mount: &MountObservation, volume: &VolumeSeen) -> bool {
    let number = volume.tags.epoch().map(|epoch| epoch.number);
    mount.snapshots.iter().any(|seen| {
        seen.volume == volume.id && seen.tags.epoch().map(|epoch| epoch.number) == number
    })
}

fn snapshot(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Action, Refusal> {
    let subject = Subject::Mount(mount.key.clone());
    let is_seen = |id: &SnapshotId| mount.snapshots.iter().any(|seen| &seen.id == id);
    let awaited =
        ctx.memory.of(&subject).into_iter().flat_map(|memory| memory.awaited_at(ctx.seen_at()));
    let mut awaited =
        awaited.filter(|awaited| matches!(&awaited.what, AwaitedId::Snapshot(id) if !is_seen(id)));
    if let Some(awaited) = awaited.next()
        && ctx.policy.guards(Guard::Awaited)
    {
        let what = format!("snapshot {} is to show itself", awaited.what);
        return Err(Refusal::wait(subject, WaitOn::Cloud, what));
    }
    let epoch = volume.tags.epoch().map_or(0, |epoch| epoch.number);
    let mut tags =
        Tags::for_mount(&ctx.definition.name, &mount.key).kept_in(ctx.memory.store.as_ref());
    tags.set(KEY_EPOCH, Epoch { number: epoch, is_sealed: true }.to_string());
    tags.set(KEY_GENERATION, generation_of_snapshot(ctx, mount, epoch).to_string());
    tags.take_content(&volume.tags, &volume.id);
    Ok(Action::Cloud(CloudAction::CreateSnapshot {
        mount: mount.key.clone(),
        volume: volume.id.clone(),
        tags,
    }))
}

/// The write epoch under which a mount's next volume, or next attachment, writes.
fn next_epoch(ctx: &Context<'_>, mount: &MountObservation) -> u64 {
    let claimed =
        mount.snapshots.iter().filter_map(|seen| seen.tags.epoch()).map(|epoch| epoch.number);
    let known = checkpoint::known_epoch(ctx, &mount.key);
    let sealed = ctx.memory.sealed_epoch(&mount.key);
    claimed.chain(known).chain(sealed).max().unwrap_or(0) + 1
}

/// The generation that what is launched now will be put away as: one more than any snapshot's.
pub(super) fn next_generation(ctx: &Context<'_>) -> u64 {
    ctx.observation.snapshot_generation_max().unwrap_or(0) + 1
}

/// The generation of a snapshot taken now: that of the latest launch, unless this mount already has
/// one of that generation at another epoch.
fn generation_of_snapshot(ctx: &Context<'_>, mount: &MountObservation, epoch: u64) -> u64 {
    let launched = ctx.observation.volume_generation_max().unwrap_or(1);
    let newest = ctx.observation.snapshot_generation_max().unwrap_or(0).max(launched);
    let is_taken = mount.snapshots.iter().any(|seen| {
        seen.tags.generation() == Some(newest)
            && seen.tags.epoch().is_none_or(|claimed| claimed.number != epoch)
    });
    if is_taken { newest + 1 } else { newest }
}

fn create(ctx: &Context<'_>, mount: &MountObservation) -> Result<Step, Refusal> {
    let subject = Subject::Mount(mount.key.clone());
    let Some(defined) = ctx.definition.mount(&mount.key) else { return Ok(Step::Done) };
    let awaited =
        ctx.memory.of(&subject).into_iter().flat_map(|memory| memory.awaited_at(ctx.seen_at()));
    let mut awaited = awaited.filter(|awaited| matches!(awaited.what, AwaitedId::Volume(_)));
    if let Some(awaited) = awaited.next()
        && ctx.policy.guards(Guard::Awaited)
    {
        let what = format!("{} is to show itself", awaited.what);
        return Err(Refusal::wait(subject, WaitOn::Cloud, what));
    }
    let source = data::source(ctx, &mount.key)?;
    if let Some(unsure) = identity::unsure(ctx, &subject)? {
        if unsure.begins_from(source.snapshot()) {
            return pace::attempt(ctx, Action::Cloud(unsure.action.clone()));
        }
        if unsure.until > ctx.seen_at() {
            let what = "it was asked for before from another snapshot, and may still show itself";
            return Err(Refusal::wait(subject, WaitOn::Cloud, what));
        }
    }
    let zone = candidates::zone_of_volume(ctx, &mount.key)?;
    let mut tags =
        Tags::for_mount(&ctx.definition.name, &mount.key).kept_in(ctx.memory.store.as_ref());
    tags.set(KEY_EPOCH, Epoch { number: next_epoch(ctx, mount), is_sealed: false }.to_string());
    tags.set(KEY_GENERATION, next_generation(ctx).to_string());
    let back_to = data::going_back(ctx, mount).map(|back| back.to_string());
    if let Some(back) = &back_to {
        tags.set(KEY_BACK_TO, back.clone());
    }
    let mark = match &source {
        Source::Blank => ContentMark::Blank,
        Source::Own(snapshot) if snapshot.tags.content() == Some(ContentMark::Foreign) => {
            ContentMark::Foreign
        }
        Source::Own(_) | Source::Base(_) => ContentMark::Data,
    };
    tags.set(KEY_CONTENT, mark.as_str());
    let (size, from) = match &source {
        Source::Own(snapshot) => {
            if let Some((kind, uuid)) = snapshot.tags.filesystem(&snapshot.volume) {
                tags.set(KEY_FILESYSTEM, format!("{kind} {uuid}"));
            }
            (defined.size.max(data::size_in_the_end(mount, snapshot)), Some(snapshot.id.clone()))
        }
        Source::Base(base) => (defined.size, Some(base.clone())),
        Source::Blank => (defined.size, None),
    };
    let epoch = tags.get(KEY_EPOCH).unwrap_or_default().to_owned();
    // Not the snapshot's id: of two that hold the same, a later listing may show another first, and a
    // request whose answer was lost must come again under the same token.
    let size_word = size.to_string();
    let mut parts = vec!["volume", &epoch, &size_word, zone.as_deref().unwrap_or("")];
    // What it begins from is another thing altogether.
    parts.extend(back_to.as_deref());
    let token = identity::token(ctx, &subject, &parts);
    let action = CloudAction::CreateVolume {
        mount: mount.key.clone(),
        size,
        from,
        zone,
        ebs: defined.ebs.clone(),
        tags,
        token,
    };
    pace::attempt(ctx, Action::Cloud(identity::as_before(ctx, &subject, action)))
}

fn exists(mount: &MountObservation, volume: &VolumeSeen) -> Result<Step, Refusal> {
    let subject = Subject::Mount(mount.key.clone());
    match &volume.state {
        VolumeState::Available | VolumeState::InUse => Ok(Step::Done),
        VolumeState::Creating | VolumeState::Deleting | VolumeState::Deleted => {
            Err(Refusal::wait(subject, WaitOn::Cloud, format!("{} is {}", volume.id, volume.state)))
        }
        VolumeState::Error => Err(order::failed(&mount.key, volume)),
        VolumeState::Unrecognized(word) => {
            Err(order::unrecognized(subject, volume.id.as_str(), word))
        }
    }
}

fn exists_then(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
    then: impl FnOnce() -> Result<Step, Refusal>,
) -> Result<Step, Refusal> {
    match exists(mount, volume)? {
        // One that somebody attached is in use: what is on it is looked at first.
        Step::Done if volume.open_attachments().next().is_none() => {
            data::not_doomed(ctx, &mount.key, volume)?;
            then()
        }
        Step::Done => then(),
        other => Ok(other),
    }
}

fn attached(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Step, Refusal> {
    let subject = Subject::Mount(mount.key.clone());
    let node = ctx.observation.node(&mount.key.node);
    let own = node.and_then(NodeObservation::instance);
    if let Some(attachment) = volume.open_attachments().next() {
        if own.is_some_and(|own| own.id == attachment.instance) {
            return match &attachment.state {
                AttachmentState::Attached => Ok(Step::Done),
                AttachmentState::Attaching
                | AttachmentState::Detaching
                | AttachmentState::Detached
                | AttachmentState::Busy
                | AttachmentState::Unrecognized(_) => {
                    order::free(ctx, &mount.key, volume).map(|()| Step::Done)
                }
            };
        }
        let is_going = node
            .is_some_and(|node| node.terminated.iter().any(|gone| gone.id == attachment.instance));
        return Err(if is_going {
            Refusal::wait(subject, WaitOn::Cloud, format!("{} lets go of it", attachment.instance))
        } else {
            order::elsewhere(ctx, &mount.key, volume, &attachment.instance)
        });
    }
    match own {
        Some(own) if own.state == InstanceState::Running => {
            let action = CloudAction::AttachVolume {
                mount: mount.key.clone(),
                volume: volume.id.clone(),
                instance: own.id.clone(),
            };
            pace::attempt(ctx, Action::Cloud(action))
        }
        Some(_) | None => Err(Refusal::wait(
            subject,
            WaitOn::Others,
            format!("waits for {} to run", mount.key.node),
        )),
    }
}

fn mounted(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Step, Refusal> {
    let Some(defined) = ctx.definition.mount(&mount.key) else { return Ok(Step::Done) };
    if matches!(mount.filesystem, Observed::Present(FilesystemState::Mounted { .. })) {
        return Ok(Step::Done);
    }
    let kind = match &mount.filesystem {
        Observed::Present(FilesystemState::Unmounted {
            contents: Contents::Filesystem { kind, .. },
        }) => kind.clone(),
        Observed::Present(_) | Observed::Absent | Observed::Unknown(_) => {
            defined.fs.as_str().to_owned()
        }
    };
    pace::attempt(ctx, Action::Shell(mount_action(mount, volume, defined, kind)))
}

fn mount_action(
    mount: &MountObservation,
    volume: &VolumeSeen,
    defined: &MountDefinition,
    kind: String,
) -> ShellAction {
    ShellAction::Mount {
        mount: mount.key.clone(),
        serial: volume.id.serial(),
        at: defined.at.clone(),
        kind,
        options: defined.options.clone(),
        owner: defined.owner.clone(),
        group: defined.group.clone(),
        mode: defined.mode,
    }
}

fn separated(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Step, Refusal> {
    match &volume.state {
        VolumeState::Deleting | VolumeState::Deleted | VolumeState::Error => {
            if volume.open_attachments().next().is_none() {
                return Ok(Step::Done);
            }
        }
        VolumeState::Creating
        | VolumeState::Available
        | VolumeState::InUse
        | VolumeState::Unrecognized(_) => {}
    }
    order::free(ctx, &mount.key, volume).map(|()| Step::Done)
}

fn snapshotted(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Step, Refusal> {
    let is_going = matches!(volume.state, VolumeState::Deleting | VolumeState::Deleted);
    if is_going && volume.open_attachments().next().is_none() {
        return Ok(Step::Done);
    }
    order::free(ctx, &mount.key, volume)?;
    match data::cover(mount, volume, ctx.definition.recent, ctx.now) {
        Cover::Complete(_) => Ok(Step::Done),
        Cover::Pending(seen) => Err(Refusal::wait(
            Subject::Mount(mount.key.clone()),
            WaitOn::Cloud,
            format!("snapshot {} is pending", seen.id),
        )),
        Cover::Missing(_) => {
            // Passes when an older snapshot covers it all the same; then only a fresher one is wanted.
            data::covered_by(ctx, &mount.key, volume)?;
            pace::attempt(ctx, snapshot(ctx, mount, volume)?)
        }
    }
}

fn deleted(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Step, Refusal> {
    let subject = Subject::Mount(mount.key.clone());
    if matches!(volume.state, VolumeState::Deleting | VolumeState::Deleted) {
        return Err(Refusal::wait(subject, WaitOn::Cloud, format!("{} is deleting", volume.id)));
    }
    pace::attempt(ctx, deletion(ctx, mount, volume)?)
}

fn deletion(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Action, Refusal> {
    order::free(ctx, &mount.key, volume)?;
    let kept_by = data::covered_by(ctx, &mount.key, volume)?;
    Ok(Action::Cloud(CloudAction::DeleteVolume {
        mount: mount.key.clone(),
        volume: volume.id.clone(),
        kept_by: Some(kept_by),
    }))
}

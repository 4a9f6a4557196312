//! What a mount does when the definition gives it more room, and what is told when it gives it other things.

use std::time::Duration;

use super::{Step, pace};
use crate::action::{Action, CloudAction, ShellAction};
use crate::definition::ClusterDefinition;
use crate::ids::Subject;
use crate::interlock::{Context, Refusal};
use crate::observation::{FilesystemState, MountObservation, Observed, VolumeSeen};
use crate::plan::WaitOn;

/// How long a growth that was answered well may take to show itself before it is asked for once more.
///
/// EC2 takes seconds until the new size is listed and can be used (state `optimizing`); a long one has been seen to take
/// minutes.
const GROWTH_PATIENCE: Duration = Duration::from_secs(600);

/// Makes a mount's volume as large as the definition has it; never smaller.
pub(super) fn volume_grown(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Step, Refusal> {
    let Some(size) = ctx.definition.mount(&mount.key).map(|defined| defined.size) else {
        return Ok(Step::Done);
    };
    if size <= volume.size {
        return Ok(Step::Done);
    }
    let asked = ctx.memory.growing.get(&volume.id).filter(|(asked, _)| *asked == size);
    if asked.is_some_and(|(_, since)| ctx.now.since(*since) < GROWTH_PATIENCE) {
        let what = format!("{} is being grown to {size}", volume.id);
        return Err(Refusal::wait(Subject::Mount(mount.key.clone()), WaitOn::Cloud, what));
    }
    let (mount, volume) = (mount.key.clone(), volume.id.clone());
    pace::attempt(ctx, Action::Cloud(CloudAction::GrowVolume { mount, volume, size }))
}

/// Makes a mounted file system as large as its volume, where its node can tell that it is not.
pub(super) fn filesystem_grown(
    ctx: &Context<'_>,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Result<Step, Refusal> {
    let is_short = ctx.observation.room_of(mount).is_some_and(|room| room.is_short());
    let Observed::Present(FilesystemState::Mounted { at }) = &mount.filesystem else {
        return Ok(Step::Done);
    };
    if !is_short {
        return Ok(Step::Done);
    }
    let (mount, serial) = (mount.key.clone(), volume.id.serial());
    let (at, size) = (at.clone(), volume.size);
    pace::attempt(ctx, Action::Shell(ShellAction::GrowFilesystem { mount, serial, at, size }))
}

/// Tells what of a mount's definition no volume that holds data is changed to, a sentence each: it would have to be made
/// smaller, made anew in another zone, or formatted. Empty where there is nothing of the kind.
#[must_use]
pub fn kept_as_made(
    definition: &ClusterDefinition,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Vec<String> {
    let mut told = Vec::new();
    let Some(defined) = definition.mount(&mount.key) else { return told };
    if volume.size > defined.size {
        let (is, wanted) = (volume.size, defined.size);
        told.push(format!("it keeps its {is}, defined are {wanted}: a volume never shrinks"));
    }
    if let Some((kind, _)) = volume.tags.filesystem()
        && kind != defined.fs.as_str()
    {
        let wanted = defined.fs.as_str();
        told.push(format!("it stays {kind}, defined is {wanted}: data is never formatted"));
    }
    if let (Some(zone), Some(wanted)) = (&volume.zone, &definition.zone)
        && zone != wanted
    {
        told.push(format!("it stays in {zone}, defined is {wanted}: a volume never moves"));
    }
    told
}

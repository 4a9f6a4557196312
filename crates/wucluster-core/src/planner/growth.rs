//! What a mount does when the definition gives it more room, and what is told when it gives it other things.

use std::time::Duration;

use super::{Step, pace};
use crate::action::{Action, CloudAction, ShellAction};
use crate::definition::ClusterDefinition;
use crate::ids::Subject;
use crate::interlock::{Context, Refusal};
use crate::observation::{
    FilesystemState, MountObservation, Observation, Observed, Room, VolumeSeen,
};
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
    let is_short = ctx.observation.room_of(mount).is_some_and(Room::is_short);
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

/// Where what is there is not as the definition has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What is so, and what comes of it, in one line without the subject.
    pub what: String,
    /// How a person would bring it about, where no demand does; `None`: a launch does.
    pub by_hand: Option<&'static str>,
}

/// Tells where a mount's volume is not as the definition has it: what a launch grows, and what stays as it was made, since
/// it would have to be made smaller, made anew in another zone, or formatted.
#[must_use]
pub fn differences(
    definition: &ClusterDefinition,
    observation: &Observation,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> Vec<Difference> {
    let mut told = Vec::new();
    let Some(defined) = definition.mount(&mount.key) else { return told };
    let (is, wanted) = (volume.size, defined.size);
    if is < wanted {
        let what = format!("its volume has {is}, defined are {wanted}: a launch grows it");
        told.push(Difference { what, by_hand: None });
    } else if let Some(room) = observation.room_of(mount).filter(|room| room.is_short()) {
        let what = format!("its file system has {room}: a launch grows it");
        told.push(Difference { what, by_hand: None });
    }
    if is > wanted {
        let what = format!("it keeps its {is}, defined are {wanted}: no volume shrinks");
        told.push(Difference { what, by_hand: Some(COPY) });
    }
    if let Some((kind, _)) = volume.tags.filesystem(&volume.id)
        && kind != defined.fs.as_str()
    {
        let wanted = defined.fs.as_str();
        let what = format!("it stays {kind}, defined is {wanted}: no data is formatted");
        told.push(Difference { what, by_hand: Some(COPY) });
    }
    let wanted: Vec<&str> = definition.zones().collect();
    if let Some(zone) = &volume.zone
        && !wanted.is_empty()
        && !wanted.contains(&zone.as_str())
    {
        let wanted = wanted.join(" or ");
        let what = format!("it stays in {zone}, defined is {wanted}: no volume moves");
        told.push(Difference { what, by_hand: Some("put it away with its node, and launch") });
    }
    told
}

/// How a mount gets less room, or another file system.
const COPY: &str = "define a new mount so, launch, copy its files there, and take this one out";

//! The rules about growing: never smaller, and never under a snapshot.

use super::{Context, Hold, Interlock, Refusal, data};
use crate::definition::Size;
use crate::ids::{MountKey, Subject};
use crate::observation::{VolumeSeen, VolumeState};
use crate::plan::WaitOn;

/// Passes a volume that is there, and is smaller than what is asked for: none is ever made smaller, and none is grown that
/// is written down as over, or that a snapshot claims to cover.
pub(super) fn may_grow(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    size: Size,
) -> Result<(), Refusal> {
    let subject = || Subject::Mount(key.clone());
    if !matches!(volume.state, VolumeState::Available | VolumeState::InUse) {
        let what = format!("{} is {}", volume.id, volume.state);
        return Err(Refusal::wait(subject(), WaitOn::Cloud, what));
    }
    if size < volume.size && ctx.is_on(Interlock::NeverShrunk) {
        return Err(Hold::new(Interlock::NeverShrunk, subject(), "it is not made smaller")
            .why(format!("{} has {}, and {size} was asked for", volume.id, volume.size))
            .so("it keeps its size, and all that is on it")
            .fix("make a new mount of that size, and copy its files there")
            .refuse());
    }
    is_live(ctx, key, volume)
}

/// Passes a volume to which may be written: live, and claimed by no snapshot. Of one that is attached nothing is taken off
/// for that: it may be in use.
pub(super) fn is_live(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<(), Refusal> {
    let is_attached = volume.open_attachments().next().is_some();
    match data::open_epoch(ctx, key, volume) {
        Err(Refusal::First(_, mut hold)) if is_attached => {
            "it is not grown".clone_into(&mut hold.what);
            "it stays attached, and as large as it is".clone_into(&mut hold.so);
            hold.fix.push(format!("put it away and launch it:   wucluster put-away --only {key}"));
            Err(hold.refuse())
        }
        result => result,
    }
}

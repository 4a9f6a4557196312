//! The rules about whose a thing is, and what was said yes to.

use super::{Context, Hold, Interlock, Refusal};
use crate::ids::{InstanceId, MountKey, NodeName, Subject, VolumeId};
use crate::observation::{InstanceSeen, InstanceState, NodeObservation, VolumeSeen, VolumeState};
use crate::plan::WaitOn;

/// Passes the one volume that carries a mount's name, if it is the one that is meant.
pub(super) fn sole_volume<'a>(
    ctx: &'a Context<'_>,
    key: &MountKey,
    id: &VolumeId,
) -> Result<&'a VolumeSeen, Refusal> {
    let subject = Subject::Mount(key.clone());
    let volumes = ctx.observation.mount(key).map_or(&[][..], |mount| &mount.volumes);
    if volumes.len() > 1 && ctx.is_on(Interlock::IdentityConflict) {
        return Err(volume_conflict(key, volumes));
    }
    volumes
        .iter()
        .find(|volume| &volume.id == id)
        .ok_or_else(|| Refusal::wait(subject, WaitOn::Cloud, format!("{id} must be seen")))
}

/// The refusal for several volumes with one name.
pub(crate) fn volume_conflict(key: &MountKey, volumes: &[VolumeSeen]) -> Refusal {
    let is_going = |one: &&VolumeSeen| one.state == VolumeState::Deleting;
    if let Some(going) = last_of_several(volumes, is_going) {
        let what = format!("{} carries its name too, and is {}", going.id, going.state);
        return Refusal::wait(Subject::Mount(key.clone()), WaitOn::Cloud, what);
    }
    Hold::new(
        Interlock::IdentityConflict,
        Subject::Mount(key.clone()),
        "several volumes carry its name",
    )
    .whys(volumes.iter().map(|volume| {
        let held = volume
            .open_attachments()
            .next()
            .map_or_else(String::new, |one| format!(", attached to {}", one.instance));
        format!("{} is {}{held}", volume.id, volume.state)
    }))
    .so("none of them was touched: which one holds the data cannot be told")
    .fix("take the wucluster tags off all but the right one, and repeat")
    .refuse()
}

/// Of several with one name, returns one that is on its way out, if all but one are: the conflict ends by
/// itself.
fn last_of_several<T>(several: &[T], is_going: impl Fn(&&T) -> bool) -> Option<&T> {
    let staying = several.iter().filter(|one| !is_going(one)).count();
    if several.len() > 1 && staying <= 1 { several.iter().find(|one| is_going(one)) } else { None }
}

/// Says whether several instances carry a node's name, and all but one of them are on their way out.
pub(super) fn conflict_ends(node: &NodeObservation) -> bool {
    last_of_several(&node.instances, |one| one.state == InstanceState::ShuttingDown).is_some()
}

/// Passes the one living instance that carries a node's name, if it is the one that is meant.
pub(super) fn sole_instance<'a>(
    ctx: &'a Context<'_>,
    node: &NodeName,
    id: &InstanceId,
) -> Result<(&'a NodeObservation, &'a InstanceSeen), Refusal> {
    let subject = Subject::Node(node.clone());
    let seen = ctx.observation.node(node).ok_or_else(|| {
        Refusal::wait(subject.clone(), WaitOn::Cloud, format!("{id} must be seen"))
    })?;
    if seen.instances.len() > 1 && ctx.is_on(Interlock::IdentityConflict) {
        return Err(instance_conflict(node, &seen.instances));
    }
    seen.instances
        .iter()
        .find(|instance| &instance.id == id)
        .map(|instance| (seen, instance))
        .ok_or_else(|| Refusal::wait(subject, WaitOn::Cloud, format!("{id} must be seen")))
}

/// The refusal for several instances with one name.
pub(crate) fn instance_conflict(node: &NodeName, instances: &[InstanceSeen]) -> Refusal {
    let is_going = |one: &&InstanceSeen| one.state == InstanceState::ShuttingDown;
    if let Some(going) = last_of_several(instances, is_going) {
        let what = format!("{} carries its name too, and is {}", going.id, going.state);
        return Refusal::wait(Subject::Node(node.clone()), WaitOn::Cloud, what);
    }
    Hold::new(Interlock::IdentityConflict, Subject::Node(node.clone()), "several instances carry its name")
        .whys(instances.iter().map(|instance| format!("{} is {}", instance.id, instance.state)))
        .so("none of them was touched: which one is the node cannot be told")
        .fix("take the wucluster tags off all but the right one, or terminate the others by hand, and repeat")
        .refuse()
}

/// Passes a thing whose deletion was said yes to.
pub(super) fn consented(ctx: &Context<'_>, subject: Subject, id: &str) -> Result<(), Refusal> {
    if ctx.policy.consent.covers(id) || !ctx.is_on(Interlock::BeyondYes) {
        return Ok(());
    }
    Err(Hold::new(Interlock::BeyondYes, subject, "nobody said yes to its deletion")
        .why(format!("{id} was not among what was to be deleted when the question was asked"))
        .so("it stays")
        .fix("demand it again: the question then names it")
        .refuse())
}

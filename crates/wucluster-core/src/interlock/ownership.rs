//! The rules about whose a thing is, and what was said yes to.

use super::{Context, Hold, Interlock, Refusal};
use crate::ids::{InstanceId, MountKey, NodeName, Subject, VolumeId};
use crate::observation::{InstanceSeen, NodeObservation, VolumeSeen};
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

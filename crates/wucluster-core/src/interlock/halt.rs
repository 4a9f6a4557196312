//! The rules about ending a machine: nothing attached, nothing in use, and its own checks say yes.

use super::order::{has_halted, silent};
use super::{Context, Hold, Interlock, Refusal};
use crate::ids::{InstanceId, NodeName, Subject};
use crate::memory::AwaitedId;
use crate::observation::{
    InstanceSeen, InstanceState, NodeObservation, NodeProbe, Observed, VolumeSeen,
};
use crate::plan::WaitOn;
use crate::policy::Guard;
use crate::time::Timestamp;

/// How a machine is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// For now: what is attached to it stays so.
    Stopped,
    /// For good: what is marked to be deleted with it is.
    Terminated,
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
        }
    }
}

/// Passes an instance to which no volume of the cluster's is attached, also none that fits no mount:
/// whatever is mounted of it would be cut off, and it may be marked to go with an instance that is terminated.
pub(super) fn nothing_attached(
    ctx: &Context<'_>,
    node: &NodeName,
    instance: &InstanceId,
    end: End,
) -> Result<(), Refusal> {
    let subject = Subject::Node(node.clone());
    for mount in ctx.observation.attached_to(instance) {
        for volume in &mount.volumes {
            let Some(attachment) = volume.open_attachments().find(|one| &one.instance == instance)
            else {
                continue;
            };
            if end == End::Terminated
                && attachment.delete_on_termination != Some(false)
                && ctx.is_on(Interlock::DeleteOnTermination)
            {
                return Err(Hold::new(
                    Interlock::DeleteOnTermination,
                    subject,
                    "it is not terminated",
                )
                .why(format!(
                    "{} of {} would be deleted together with {instance}",
                    volume.id, mount.key
                ))
                .so("the machine stays up")
                .fix(format!("detach {} by hand, or clear its flag DeleteOnTermination", volume.id))
                .may_clear()
                .refuse());
            }
            if ctx.is_on(Interlock::StillAttached) {
                return Err(Refusal::wait(
                    subject,
                    WaitOn::Others,
                    format!("kept up for {}", mount.key.mount),
                ));
            }
        }
    }
    let stranger = ctx.observation.strangers.iter().find(|one| one.held_by.contains(instance));
    if let Some(stranger) = stranger
        && ctx.is_on(Interlock::StillAttached)
    {
        return Err(Hold::new(
            Interlock::StillAttached,
            subject,
            format!("it is not {}", end.as_str()),
        )
        .why(format!("{} is attached to it and fits no mount: {}", stranger.id, stranger.why))
        .so("the machine stays up, and nothing of it was touched")
        .fix(format!("set the tags of {} right, or unmount and detach it by hand", stranger.id))
        .may_clear()
        .refuse());
    }
    // The listing speaks of volumes; an attachment that has just been asked for is not in it yet, a
    // volume that it left out for once may be anywhere, and one that goes back in time may lack the
    // volume that an answer is due about.
    let busy = ctx.memory.of_mounts_of(node).find(|(_, memory)| {
        let is_missed = memory
            .awaited_at(ctx.seen_at())
            .any(|awaited| matches!(awaited.what, AwaitedId::Volume(_)));
        memory.in_flight.is_some() || is_missed
    });
    match busy {
        Some((mount, _)) if ctx.is_on(Interlock::StillAttached) => {
            Err(Refusal::wait(subject, WaitOn::Answer, format!("kept up for {}", mount.mount)))
        }
        Some(_) | None => Ok(()),
    }
}

/// Passes an instance whose own system says that it has nothing of anybody's mounted, or that does not
/// run. Listings may leave out for once what is attached; a machine knows what it holds.
pub(super) fn nothing_in_use(
    ctx: &Context<'_>,
    node: &NodeObservation,
    instance: &InstanceSeen,
    end: End,
) -> Result<(), Refusal> {
    let subject = Subject::Node(node.name.clone());
    has_halted(ctx, &node.name, &subject)?;
    let may_run = matches!(instance.state, InstanceState::Running | InstanceState::Pending);
    if !may_run || !ctx.policy.guards(Guard::NodesWord) {
        return Ok(());
    }
    // A listing that goes back in time shows as pending what has long had something mounted.
    let is_new = instance.state == InstanceState::Pending && !ctx.has_answered(&instance.id);
    let probe = match &node.probe {
        Observed::Present(probe) => probe,
        Observed::Absent | Observed::Unknown(_) if is_new => return Ok(()),
        Observed::Absent => {
            let what = format!("{} answered a while ago, and is asked again", node.name);
            return Err(Refusal::wait(subject, WaitOn::Node(node.name.clone()), what));
        }
        Observed::Unknown(gap) => return Err(silent(ctx, &subject, &node.name, gap)),
    };
    let Some((serial, device)) = probe.devices.iter().find(|(_, device)| device.is_in_use()) else {
        nothing_left_out(ctx, node, &instance.id)?;
        return nothing_unlisted(ctx, node, probe, end);
    };
    let mut volumes = ctx.observation.mounts.iter().flat_map(|mount| &mount.volumes);
    if volumes.any(|volume| volume.id.serial() == *serial) {
        let what = format!("kept up for device {serial}, which is in use there");
        return Err(Refusal::wait(subject, WaitOn::Node(node.name.clone()), what));
    }
    let at: Vec<&str> = device.mounts.iter().map(|mount| mount.at.as_str()).collect();
    Err(Hold::new(Interlock::StillAttached, subject, format!("it is not {}", end.as_str()))
        .why(format!("it has device {serial} in use ({}), which is no volume of the cluster's that is listed", at.join(", ")))
        .so("the machine stays up: what is on that device is not known to be kept")
        .fix(format!("unmount it by hand, and repeat:    wucluster ssh {}", node.name))
        .may_clear()
        .refuse())
}

/// Passes a machine whose answers have left out nothing lately that it had in use: an answer may be torn, as any listing.
fn nothing_left_out(
    ctx: &Context<'_>,
    node: &NodeObservation,
    instance: &InstanceId,
) -> Result<(), Refusal> {
    if !ctx.policy.guards(Guard::MissingDevice) {
        return Ok(());
    }
    let devices = ctx.memory.in_use.get(instance).into_iter().flatten();
    let is_recent = |since: &Timestamp| ctx.now.since(*since) < ctx.policy.attachment_patience;
    let mut left_out = devices.filter(|(_, since)| since.as_ref().is_some_and(is_recent));
    let Some((serial, _)) = left_out.next() else { return Ok(()) };
    let what =
        format!("kept up for device {serial}, which was in use there and is not shown any more");
    let subject = Subject::Node(node.name.clone());
    Err(Refusal::wait(subject, WaitOn::Node(node.name.clone()), what))
}

/// Passes a machine whose devices are all listed. A volume that somebody took the name off is in no listing of
/// ours, and may be marked to be deleted with its machine.
fn nothing_unlisted(
    ctx: &Context<'_>,
    node: &NodeObservation,
    probe: &NodeProbe,
    end: End,
) -> Result<(), Refusal> {
    let listed = |serial: &str| {
        let mut volumes = ctx.observation.mounts.iter().flat_map(|mount| &mount.volumes);
        let mut strangers = ctx.observation.strangers.iter();
        volumes.any(|volume| volume.id.serial() == serial)
            || strangers.any(|one| one.serial() == serial)
            || ctx
                .memory
                .ended
                .keys()
                .any(|id| matches!(id, AwaitedId::Volume(volume) if volume.serial() == serial))
    };
    let unlisted = probe.volumes().map(|(serial, _)| serial).find(|serial| !listed(serial));
    let Some(serial) = unlisted.filter(|_| ctx.is_on(Interlock::StillAttached)) else {
        return Ok(());
    };
    let subject = Subject::Node(node.name.clone());
    Err(Hold::new(Interlock::StillAttached, subject, format!("it is not {}", end.as_str()))
        .why(format!(
            "it has device {serial}, and no volume of the cluster's that is listed is that"
        ))
        .so("the machine stays up: what is on that device is not known to be kept")
        .fix(format!(
            "see whose it is, and detach it by hand; then repeat:    wucluster ssh {}",
            node.name
        ))
        .may_clear()
        .refuse())
}

/// Passes a machine that shows no device of a volume any more, by its own word. Once it has halted nobody can ask it, and
/// a listing that goes back in time would leave in doubt what it has.
pub(super) fn let_go_of_all(ctx: &Context<'_>, node: &NodeObservation) -> Result<(), Refusal> {
    let subject = Subject::Node(node.name.clone());
    if !ctx.is_on(Interlock::StillAttached) {
        return Ok(());
    }
    let probe = match &node.probe {
        Observed::Present(probe) => probe,
        Observed::Absent => return Ok(()),
        Observed::Unknown(gap) => return Err(silent(ctx, &subject, &node.name, gap)),
    };
    match probe.volumes().next() {
        None => Ok(()),
        Some((serial, _)) => {
            let what = format!("kept up until it shows that it has let go of device {serial}");
            Err(Refusal::wait(subject, WaitOn::Node(node.name.clone()), what))
        }
    }
}

/// Passes a node whose halt checks all say yes, or that has halted already.
pub(crate) fn may_halt(ctx: &Context<'_>, node: &NodeObservation) -> Result<(), Refusal> {
    let subject = Subject::Node(node.name.clone());
    let Some(defined) = ctx.definition.nodes.get(&node.name) else { return Ok(()) };
    let wanted: Vec<_> = defined.hooks.before_halt.iter().filter(|hook| hook.blocks).collect();
    if wanted.is_empty() || !ctx.is_on(Interlock::HaltRefused) {
        return Ok(());
    }
    match node.instance().map(|instance| &instance.state) {
        None | Some(InstanceState::Stopped | InstanceState::Terminated) => return Ok(()),
        Some(
            InstanceState::Pending
            | InstanceState::Running
            | InstanceState::Stopping
            | InstanceState::ShuttingDown
            | InstanceState::Unrecognized(_),
        ) => {}
    }
    let probe = match &node.probe {
        Observed::Present(probe) => probe,
        Observed::Absent => return Ok(()),
        Observed::Unknown(gap) => return Err(silent(ctx, &subject, &node.name, gap)),
    };
    for hook in wanted {
        match probe.before_halt.iter().find(|result| &result.hook == hook) {
            Some(result) if result.passed => {}
            None => {
                // Nobody asks while it has volumes: while those are held, that is no progress.
                let id = node.instance().map(|instance| &instance.id);
                let has_volumes = id.is_some_and(|id| {
                    let volumes = ctx.observation.attached_to(id).flat_map(|mount| &mount.volumes);
                    volumes.flat_map(VolumeSeen::open_attachments).any(|one| &one.instance == id)
                });
                return Err(if has_volumes {
                    Refusal::wait(subject, WaitOn::Others, "its halt checks wait for its volumes")
                } else {
                    let on = WaitOn::Node(node.name.clone());
                    Refusal::wait(subject, on, "its halt checks are asked")
                });
            }
            Some(result) => {
                let refusals = ctx.memory.halt_refusals.get(&node.name).copied().unwrap_or(0);
                if refusals < ctx.policy.tries_before_hold {
                    return Err(Refusal::wait(
                        subject,
                        WaitOn::Node(node.name.clone()),
                        format!("halt check `{}` says no", hook.run),
                    ));
                }
                return Err(Hold::new(Interlock::HaltRefused, subject, "its halt check says no")
                    .why(format!("`{}` said no {refusals} times", hook.run))
                    .whys(
                        (!result.output.is_empty())
                            .then(|| format!("it printed: {}", result.output)),
                    )
                    .so("the machine stays up (and is paid for)")
                    .fix(format!("see for yourself:    wucluster ssh {}", node.name))
                    .fix("repeat once the check passes, or change `before-halt` in the definition")
                    .may_clear()
                    .refuse());
            }
        }
    }
    Ok(())
}

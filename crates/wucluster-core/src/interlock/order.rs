//! The rules about order: unmounted before detached, detached before terminated.

use super::{Context, Hold, Interlock, Refusal, Rung, data};
use crate::action::CloudAction;
use crate::ids::{InstanceId, MountKey, NodeName, Subject};
use crate::memory::AwaitedId;
use crate::observation::{
    AttachmentState, FilesystemState, Gap, GapKind, InstanceState, MountObservation,
    NodeObservation, Observed, VolumeSeen, VolumeState,
};
use crate::plan::WaitOn;
use crate::policy::Guard;

/// Passes a mount whose file system is certainly mounted nowhere.
pub(crate) fn unmounted(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<(), Refusal> {
    let subject = Subject::Mount(key.clone());
    if !ctx.is_on(Interlock::MountBusy) {
        return Ok(());
    }
    let Some(mount) = ctx.observation.mount(key) else {
        return Err(Refusal::wait(subject, WaitOn::Cloud, "the mount must be seen"));
    };
    let hold = || {
        Hold::new(Interlock::MountBusy, subject.clone(), "it is mounted")
            .so("it stays mounted and attached, and its node stays up")
    };
    match &mount.filesystem {
        Observed::Absent => has_halted(ctx, &key.node, &subject),
        Observed::Unknown(gap) if !is_heeded(ctx, gap) => Ok(()),
        Observed::Unknown(gap) => {
            // No answer can come of a machine that is not the node's own: nobody asks it.
            if gap.kind == GapKind::NotAsked {
                attached_to_own(ctx, key, volume)?;
            }
            Err(silent(ctx, &subject, &key.node, gap))
        }
        Observed::Present(state) => match state {
            FilesystemState::NoDevice => {
                probe_is_fresh(ctx, key)?;
                device_is_missing(ctx, key, volume)
            }
            FilesystemState::Unmounted { contents } => {
                if ctx.is_on(Interlock::NotBlank) {
                    data::recorded_blank(key, volume, contents)?;
                }
                probe_is_fresh(ctx, key)?;
                if ctx.is_on(Interlock::NotBlank) {
                    data::recorded_ours(key, volume, contents)?;
                }
                // What was recorded meanwhile took its time, in which the node may have mounted it by itself.
                let probed_at = ctx.observation.node(&key.node).and_then(|node| node.probed_at);
                let settled_at = ctx.memory.of(&subject).and_then(|memory| memory.cloud_settled_at);
                if settled_at > probed_at && ctx.policy.guards(Guard::FreshWord) {
                    let on = WaitOn::Node(key.node.clone());
                    return Err(Refusal::wait(subject, on, "its node is asked again"));
                }
                Ok(())
            }
            FilesystemState::PointTaken { .. } => probe_is_fresh(ctx, key),
            FilesystemState::Mounted { at } => {
                Err(hold().why(format!("{} is mounted at {at}", volume.id)).first(Rung::Unmount))
            }
            FilesystemState::MountedElsewhere { at, why } => Err(hold()
                .why(format!("{} is mounted at {} ({why})", volume.id, at.join(", ")))
                .first(Rung::Unmount)),
            FilesystemState::Held { why, .. } => Err(hold().why(why.clone()).first(Rung::Unmount)),
        },
    }
}

/// Passes a volume that its node will not mount any more on anything asked for earlier: a mount whose answer was lost,
/// of this drive or of another, may arrive when its device is on its way off.
pub(super) fn fenced(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<(), Refusal> {
    let filesystem = ctx.observation.mount(key).map(|mount| &mount.filesystem);
    let may_mount = matches!(
        filesystem,
        Some(Observed::Present(
            FilesystemState::Unmounted { .. } | FilesystemState::PointTaken { .. }
        ))
    );
    let is_fenced = ctx.memory.fenced.contains(&volume.id.serial());
    if !may_mount || is_fenced || !ctx.policy.guards(Guard::NodeFence) {
        return Ok(());
    }
    let hold = Hold::new(Interlock::MountBusy, Subject::Mount(key.clone()), "it stays attached");
    Err(hold
        .why("a mount that was asked for before may still arrive at its node")
        .so("nothing was detached")
        .may_clear()
        .first(Rung::Unmount))
}

/// Passes a mount without a volume, unless one that no listing shows by its name is mounted in its place: then it
/// is neither unmounted nor kept.
pub(crate) fn nothing_nameless(ctx: &Context<'_>, mount: &MountObservation) -> Result<(), Refusal> {
    let subject = Subject::Mount(mount.key.clone());
    let Observed::Present(FilesystemState::MountedElsewhere { at, why }) = &mount.filesystem else {
        return Ok(());
    };
    let memory = ctx.memory.of(&subject);
    if memory.is_some_and(|memory| memory.awaited_at(ctx.seen_at()).next().is_some()) {
        return Err(Refusal::wait(subject, WaitOn::Cloud, "its volume is to show itself"));
    }
    Err(Hold::new(Interlock::MountedElsewhere, subject, "it is not unmounted")
        .why(format!("{} is mounted: {why}", at.join(", ")))
        .so("it stays mounted: what is on it is not known to be kept")
        .fix("set the tags of its volume right, or unmount and detach it by hand")
        .may_clear()
        .refuse())
}

/// Passes a node that has nothing in use which no listing shows: a volume that lost its name is neither unmounted nor kept,
/// whatever mount it was made for.
pub(crate) fn nothing_unlisted(ctx: &Context<'_>, node: &NodeObservation) -> Result<(), Refusal> {
    let subject = Subject::Node(node.name.clone());
    if let Some(gap) = ctx.observation.unasked(node) {
        return Err(silent(ctx, &subject, &node.name, gap));
    }
    let Some((serial, device)) = ctx.observation.unlisted_in_use(node) else { return Ok(()) };
    let is_known = |id: &AwaitedId| matches!(id, AwaitedId::Volume(id) if &id.serial() == serial);
    let mut memories = ctx.memory.subjects.values();
    if memories.any(|it| it.awaited_at(ctx.seen_at()).any(|awaited| is_known(&awaited.what))) {
        let what = format!("the volume of device {serial} is to show itself");
        return Err(Refusal::wait(subject, WaitOn::Cloud, what));
    }
    let at: Vec<&str> = device.mounts.iter().map(|mount| mount.at.as_str()).collect();
    let at = if at.is_empty() { "in another name space".to_owned() } else { at.join(", ") };
    Err(Hold::new(Interlock::MountedElsewhere, subject, "not all that it has is unmounted")
        .why(format!("it has device {serial} in use ({at}), which is no volume of the cluster's that is listed"))
        .so("it stays as it is: what is on that device is not known to be kept")
        .fix("set the tags of its volume right, or unmount and detach it by hand")
        .may_clear()
        .refuse())
}

/// Passes a mount of which no listing shows a volume on its node, if that node says so too.
pub(crate) fn used_nowhere(ctx: &Context<'_>, mount: &MountObservation) -> Result<(), Refusal> {
    let (key, subject) = (&mount.key, Subject::Mount(mount.key.clone()));
    if let Some((node, gap)) = ctx.observation.unasked_about(mount) {
        // Of several machines with one name none is asked: they are held.
        if node.instance().is_none() {
            return Err(Refusal::wait(subject, WaitOn::Others, gap.why.clone()));
        }
        return Err(silent(ctx, &subject, &node.name, gap));
    }
    if !matches!(mount.filesystem, Observed::Absent) {
        return Ok(());
    }
    mount.volumes.iter().try_for_each(|volume| not_in_use(ctx, key, volume))
}

/// Passes a machine that is listed as halted, unless it answered so shortly ago that the listing may be from before, or its
/// start was asked for and may have come since: then what it has mounted is not known.
pub(super) fn has_halted(
    ctx: &Context<'_>,
    node: &NodeName,
    subject: &Subject,
) -> Result<(), Refusal> {
    let instance = ctx.observation.node(node).and_then(NodeObservation::instance);
    let halted = instance
        .filter(|seen| matches!(seen.state, InstanceState::Stopped | InstanceState::Stopping));
    let Some(halted) = halted else { return Ok(()) };
    let what = if ctx.has_answered(&halted.id) && ctx.policy.guards(Guard::NodesWord) {
        format!("{node} answered a while ago, and is listed as halted")
    } else if may_start(ctx, node, &halted.id) && ctx.policy.guards(Guard::MayYetCome) {
        format!("the start of {node} was asked for before, and may still come")
    } else {
        return Ok(());
    };
    Err(Refusal::wait(subject.clone(), WaitOn::Cloud, what))
}

fn may_start(ctx: &Context<'_>, node: &NodeName, instance: &InstanceId) -> bool {
    let memory = ctx.memory.of(&Subject::Node(node.clone()));
    let mut open = memory.into_iter().flat_map(|memory| memory.open_requests_at(ctx.seen_at()));
    open.any(|action| matches!(action, CloudAction::StartInstance { instance: id, .. } if id == instance))
}

/// Passes a volume that its node has not shown for so long that it has no device there. Answers may lack
/// for once what is there, also twice in a row, and be held by another name space meanwhile.
fn device_is_missing(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<(), Refusal> {
    let is_attached = volume.open_attachments().any(|one| one.state == AttachmentState::Attached);
    if !is_attached || !ctx.policy.guards(Guard::MissingDevice) {
        return Ok(());
    }
    let since = ctx.memory.deviceless_since.get(key);
    if since.is_some_and(|since| ctx.now.since(*since) >= ctx.policy.attachment_patience) {
        return Ok(());
    }
    Err(Refusal::wait(
        Subject::Mount(key.clone()),
        WaitOn::Node(key.node.clone()),
        "its node does not show its device, and is asked again",
    ))
}

/// Passes when the node's answer is newer than everything that was last asked of it about the mount,
/// and than the present state of the volume's attachment: an answer of before tells of a device that
/// may have come or gone since.
pub(super) fn probe_is_fresh(ctx: &Context<'_>, key: &MountKey) -> Result<(), Refusal> {
    let subject = Subject::Mount(key.clone());
    if !ctx.policy.guards(Guard::FreshWord) {
        return Ok(());
    }
    let memory = ctx.memory.of(&subject);
    let settled = memory.and_then(|memory| memory.shell_settled_at);
    // A detachment that failed is asked for again after a pause; meanwhile somebody may have mounted.
    let failed = memory
        .and_then(|memory| memory.failure.as_ref())
        .filter(|failure| failure.action == "DetachVolume")
        .map(|failure| failure.last_at);
    let attached = ctx.memory.attachments.get(key).map(|(_, since)| *since);
    let Some(asked) = ctx.observation.node(&key.node).and_then(|node| node.probed_at) else {
        return Ok(());
    };
    if settled.max(failed).is_some_and(|settled| asked <= settled)
        || attached.is_some_and(|since| asked < since)
    {
        return Err(Refusal::wait(
            subject,
            WaitOn::Node(key.node.clone()),
            "the node is asked again",
        ));
    }
    Ok(())
}

/// Says whether the rule about a gap of that kind is switched on.
fn is_heeded(ctx: &Context<'_>, gap: &Gap) -> bool {
    match gap.kind {
        GapKind::NotAsked => true,
        GapKind::NoAddress | GapKind::NoAnswer => ctx.is_on(Interlock::NodeSilent),
        GapKind::WrongHost => ctx.is_on(Interlock::HostKeyChanged),
    }
}

/// Tells what a node's silence means: a wait, or a hold once it has lasted too long.
pub(crate) fn silent(ctx: &Context<'_>, subject: &Subject, node: &NodeName, gap: &Gap) -> Refusal {
    match gap.kind {
        GapKind::WrongHost => Hold::new(Interlock::HostKeyChanged, Subject::Node(node.clone()), "it is not spoken to")
            .why(gap.why.clone())
            .so("nothing was sent to it; what is mounted there is not known, so nothing is detached or deleted")
            .fix("find out who answers at its address; if its keys were renewed on purpose, terminate it by hand")
            .refuse(),
        GapKind::NotAsked => Refusal::wait(subject.clone(), WaitOn::Node(node.clone()), gap.why.clone()),
        GapKind::NoAddress | GapKind::NoAnswer => {
            let since = ctx.memory.silent_since.get(node).copied();
            let lasted = since.map_or(std::time::Duration::ZERO, |since| ctx.now.since(since));
            if lasted < ctx.policy.silence_max {
                return Refusal::wait(subject.clone(), WaitOn::Node(node.clone()), gap.why.clone());
            }
            let said = match gap.kind {
                GapKind::NoAnswer => format!("ssh says: {}", gap.why),
                GapKind::NotAsked | GapKind::NoAddress | GapKind::WrongHost => gap.why.clone(),
            };
            Hold::new(Interlock::NodeSilent, Subject::Node(node.clone()), "it does not answer")
                .why(format!("no answer for {}s; {said}", lasted.as_secs()))
                .so("what is mounted on it is not known, so nothing of it is unmounted, detached or deleted")
                .fix("look at its console, and repeat once it answers")
                .fix("or stop the machine: its system unmounts, and then it is known")
                .may_clear()
                .refuse()
        }
    }
}

/// Passes a volume that is attached to nothing, in both vocabularies of the listing.
pub(crate) fn free(ctx: &Context<'_>, key: &MountKey, volume: &VolumeSeen) -> Result<(), Refusal> {
    let subject = Subject::Mount(key.clone());
    match &volume.state {
        VolumeState::Creating => {
            return Err(Refusal::wait(
                subject,
                WaitOn::Cloud,
                format!("{} is creating", volume.id),
            ));
        }
        VolumeState::Deleting | VolumeState::Deleted => {
            return Err(Refusal::wait(
                subject,
                WaitOn::Cloud,
                format!("{} is deleting", volume.id),
            ));
        }
        VolumeState::Error => return Err(failed(key, volume)),
        VolumeState::Unrecognized(word) => {
            return Err(unrecognized(subject, volume.id.as_str(), word));
        }
        VolumeState::Available | VolumeState::InUse => {}
    }
    let open: Vec<_> = volume.open_attachments().collect();
    let attachment = match open.as_slice() {
        [] if volume.state == VolumeState::Available => return not_in_use(ctx, key, volume),
        [] => {
            return Err(Refusal::wait(subject, WaitOn::Cloud, format!("{} is in-use", volume.id)));
        }
        [one] => *one,
        _ => {
            return Err(Hold::new(
                Interlock::AttachedElsewhere,
                subject,
                "it is attached more than once",
            )
            .whys(
                open.iter()
                    .map(|one| format!("{} is {} to {}", volume.id, one.state, one.instance)),
            )
            .so("nothing was detached: who writes to it cannot be told")
            .fix("detach it by hand from all but its own node")
            .refuse());
        }
    };
    if is_halting(ctx, &key.node, &attachment.instance) {
        let what = format!("{} halts, and then lets go of it", attachment.instance);
        return Err(Refusal::wait(subject, WaitOn::Cloud, what));
    }
    let watched = ctx.memory.attachments.get(key).filter(|(state, _)| *state == attachment.state);
    let lasted = watched.map(|(_, since)| ctx.now.since(*since));
    let is_stuck = lasted.is_some_and(|lasted| lasted >= ctx.policy.attachment_patience);
    let seconds = lasted
        .map_or_else(|| "some time".to_owned(), |lasted| format!("{}s at least", lasted.as_secs()));
    let stuck = |what: &str| {
        Hold::new(Interlock::DetachStuck, subject.clone(), what)
            .why(format!(
                "{} is {} to {} since {seconds}",
                volume.id, attachment.state, attachment.instance
            ))
            .so("the volume stays as it is; nothing was forced")
            .fix(format!("see who holds it:    wucluster explain {key}"))
            .fix("or stop the machine: then the provider lets go")
            .may_clear()
    };
    match &attachment.state {
        AttachmentState::Attached => Err(stuck("it is attached").first(Rung::Detach)),
        // Somebody asked for it while it was mounted: it comes off once it is unmounted.
        AttachmentState::Detaching | AttachmentState::Busy if is_mounted(ctx, key) => {
            Err(stuck("its detachment waits for it to be unmounted").first(Rung::Unmount))
        }
        AttachmentState::Attaching if is_stuck => {
            Err(stuck("its attachment does not come about").refuse())
        }
        AttachmentState::Detaching if is_stuck => Err(stuck("it cannot be detached").refuse()),
        AttachmentState::Busy if is_stuck => {
            Err(stuck("it cannot be detached: its node holds it").refuse())
        }
        AttachmentState::Attaching | AttachmentState::Detaching | AttachmentState::Busy => Err(
            Refusal::wait(subject, WaitOn::Cloud, format!("{} is {}", volume.id, attachment.state)),
        ),
        AttachmentState::Detached => Ok(()),
        AttachmentState::Unrecognized(word) => Err(unrecognized(subject, volume.id.as_str(), word)),
    }
}

fn is_halting(ctx: &Context<'_>, node: &NodeName, instance: &InstanceId) -> bool {
    ctx.observation.node(node).is_some_and(|node| {
        node.instances.iter().any(|one| {
            &one.id == instance
                && matches!(one.state, InstanceState::Stopping | InstanceState::ShuttingDown)
        })
    })
}

fn is_mounted(ctx: &Context<'_>, key: &MountKey) -> bool {
    match ctx.observation.mount(key).map(|mount| &mount.filesystem) {
        Some(Observed::Present(state)) => match state {
            FilesystemState::Mounted { .. }
            | FilesystemState::MountedElsewhere { .. }
            | FilesystemState::Held { .. } => true,
            FilesystemState::NoDevice
            | FilesystemState::Unmounted { .. }
            | FilesystemState::PointTaken { .. } => false,
        },
        Some(Observed::Absent | Observed::Unknown(_)) | None => false,
    }
}

/// Passes a volume that is attached to its own node's instance, and only there.
pub(super) fn attached_to_own<'a>(
    ctx: &'a Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
) -> Result<&'a NodeObservation, Refusal> {
    let subject = Subject::Mount(key.clone());
    let node = ctx
        .observation
        .node(&key.node)
        .ok_or_else(|| Refusal::wait(subject.clone(), WaitOn::Others, "its node must be seen"))?;
    let own = node.instance().map(|instance| &instance.id);
    for attachment in volume.open_attachments() {
        if Some(&attachment.instance) != own && ctx.is_on(Interlock::AttachedElsewhere) {
            return Err(elsewhere(ctx, key, volume, &attachment.instance));
        }
    }
    Ok(node)
}

/// Passes a volume of which nothing that was asked for may still come: a detachment from this instance, a
/// deletion, or the end of the instance. Whoever used it meanwhile would lose it in the middle.
pub(super) fn nothing_may_come(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    instance: Option<&InstanceId>,
) -> Result<(), Refusal> {
    if !ctx.policy.guards(Guard::MayYetCome) {
        return Ok(());
    }
    let subject = Subject::Mount(key.clone());
    let open = |subject: &Subject| ctx.memory.of(subject).into_iter();
    let of_mount = open(&subject).flat_map(|memory| memory.open_requests_at(ctx.seen_at()));
    let node = Subject::Node(key.node.clone());
    let of_node = open(&node).flat_map(|memory| memory.open_requests_at(ctx.seen_at()));
    let what = of_mount.chain(of_node).find_map(|action| match action {
        CloudAction::DeleteVolume { volume: id, .. } => (id == &volume.id).then_some("deletion"),
        CloudAction::DetachVolume { volume: id, instance: from, .. } => {
            (id == &volume.id && Some(from) == instance).then_some("detachment")
        }
        CloudAction::TerminateInstance { instance: id, .. } => {
            (Some(id) == instance).then_some("end of its machine")
        }
        CloudAction::StopInstance { instance: id, .. } => {
            (Some(id) == instance).then_some("stop of its machine")
        }
        _ => None,
    });
    match what {
        Some(what) => Err(Refusal::wait(
            subject,
            WaitOn::Cloud,
            format!("the {what} was asked for before, and may still come"),
        )),
        None => Ok(()),
    }
}

/// Passes a volume that is listed as free, unless its node has it in use: a listing that goes back in time shows
/// as free what is mounted, and what is sealed and snapshotted then would lack what is written later.
fn not_in_use(ctx: &Context<'_>, key: &MountKey, volume: &VolumeSeen) -> Result<(), Refusal> {
    has_halted(ctx, &key.node, &Subject::Mount(key.clone()))?;
    if ctx.observation.has_in_use(&key.node, volume) && ctx.policy.guards(Guard::NodesWord) {
        let what = format!("{} has it in use, though it is listed as free", key.node);
        return Err(Refusal::wait(Subject::Mount(key.clone()), WaitOn::Cloud, what));
    }
    Ok(())
}

/// The refusal for a volume that another instance has.
pub(crate) fn elsewhere(
    ctx: &Context<'_>,
    key: &MountKey,
    volume: &VolumeSeen,
    instance: &InstanceId,
) -> Refusal {
    // Which one is the node's own is told once the others are gone.
    if ctx.observation.node(&key.node).is_some_and(super::ownership::conflict_ends) {
        let what = format!("one of several with the name {} goes", key.node);
        return Refusal::wait(Subject::Mount(key.clone()), WaitOn::Cloud, what);
    }
    if is_halting(ctx, &key.node, instance) {
        let what = format!("{instance} halts");
        return Refusal::wait(Subject::Mount(key.clone()), WaitOn::Cloud, what);
    }
    Hold::new(Interlock::AttachedElsewhere, Subject::Mount(key.clone()), "another machine has it")
        .why(format!(
            "{} is attached to {instance}, which is not {}'s own instance",
            volume.id, key.node
        ))
        .so("it was not taken away from there")
        .fix("unmount and detach it there by hand, or wait until that machine is gone; then repeat")
        .may_clear()
        .refuse()
}

/// The refusal for a volume that has failed.
pub(crate) fn failed(key: &MountKey, volume: &VolumeSeen) -> Refusal {
    Hold::new(Interlock::VolumeFailed, Subject::Mount(key.clone()), "its volume has failed")
        .why(format!("{} is in state `error` at the provider", volume.id))
        .so("it was neither replaced nor deleted")
        .fix(format!("see what its snapshots keep:    wucluster snapshots {key}"))
        .fix(
            "then delete the failed volume by hand and launch: the newest snapshot takes its place",
        )
        .refuse()
}

/// The refusal for a state that this version does not know.
pub(crate) fn unrecognized(subject: Subject, id: &str, word: &str) -> Refusal {
    Hold::new(Interlock::UnrecognizedState, subject, "its state is not known to this version")
        .why(format!("the provider calls {id} `{word}`"))
        .so("nothing was done to it")
        .fix("wait and look again, or use a newer wucluster")
        .may_clear()
        .refuse()
}

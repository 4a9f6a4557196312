//! The gate: every request passes here or comes back with its reason.

use super::halt::End;
use super::{
    Cleared, Hold, Interlock, Refusal, adopt, checkpoint, data, growth, halt, order, ownership,
    prune, rename,
};
use crate::action::{Action, CloudAction, ShellAction};
use crate::definition::ClusterDefinition;
use crate::demand::Demand;
use crate::ids::{InstanceId, MountKey, Subject, VolumeId};
use crate::memory::Memory;
use crate::observation::{
    FilesystemState, InstanceState, NodeObservation, Observation, Observed, VolumeSeen, VolumeState,
};
use crate::plan::WaitOn;
use crate::policy::{Guard, Policy};
use crate::time::Timestamp;

/// Everything that a rule may look at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The definition.
    pub definition: &'a ClusterDefinition,
    /// The demand.
    pub demand: Demand,
    /// What was seen.
    pub observation: &'a Observation,
    /// What was asked, and what came of it.
    pub memory: &'a Memory,
    /// What is permitted.
    pub policy: &'a Policy,
    /// The time.
    pub now: Timestamp,
}

impl Context<'_> {
    /// Tells when the cloud was looked at. What may still show itself until a time is gone only when a look that was
    /// begun then does not show it: while the cloud cannot be looked at, time alone proves nothing.
    pub(crate) fn seen_at(&self) -> Timestamp {
        self.observation.cloud_asked_at
    }

    /// Says whether a machine answered so shortly ago that a listing may still show it as it was before.
    pub(crate) fn has_answered(&self, instance: &InstanceId) -> bool {
        self.memory.answered.get(instance).is_some_and(|until| *until > self.seen_at())
    }

    /// Says whether a rule is switched on: always, but in tests that show what is lost without it.
    #[cfg_attr(
        not(feature = "ablation"),
        expect(clippy::unused_self, reason = "the switch exists in tests only")
    )]
    pub(crate) fn is_on(&self, interlock: Interlock) -> bool {
        #[cfg(feature = "ablation")]
        return !self.policy.ablated.contains(&interlock);
        #[cfg(not(feature = "ablation"))]
        {
            let _ = interlock;
            true
        }
    }
}

impl Cleared<Action> {
    /// Clears the same action again on a newer observation, just before it is issued.
    ///
    /// # Errors
    /// The refusal that stands against it now; a wait when the observation is not newer.
    pub fn renew(self, ctx: &Context<'_>) -> Result<Self, Refusal> {
        if ctx.observation.cloud_asked_at <= self.seen_at() {
            return Err(Refusal::wait(
                self.action().subject(),
                WaitOn::Cloud,
                "it is looked at once more",
            ));
        }
        clear(ctx, self.action().clone())
    }
}

/// Clears an action, or says what stands against it.
///
/// # Errors
/// A [`Refusal`]: what must come first, what is waited for, or a hold.
pub fn clear(ctx: &Context<'_>, action: Action) -> Result<Cleared<Action>, Refusal> {
    settled(ctx, &action)?;
    if !matches!(action, Action::Cloud(CloudAction::Adopt { .. })) {
        adopt::own_store(ctx, &action.subject())?;
    }
    match &action {
        Action::Cloud(request) => cloud(ctx, request)?,
        Action::Shell(request) => shell(ctx, request)?,
    }
    Ok(Cleared::new(action, ctx.observation.cloud_asked_at))
}

/// Passes when nothing about the subject is under way and what was seen of it is newer than what was
/// last asked.
fn settled(ctx: &Context<'_>, action: &Action) -> Result<(), Refusal> {
    let subject = action.subject();
    let Some(memory) = ctx.memory.of(&subject) else { return Ok(()) };
    if let Some(name) = memory.in_flight.filter(|_| ctx.policy.guards(Guard::OneAtATime)) {
        return Err(Refusal::wait(subject, WaitOn::Answer, format!("{name} is asked")));
    }
    let is_old = |settled| ctx.observation.cloud_asked_at <= settled;
    if ctx.policy.guards(Guard::FreshLook) && memory.cloud_settled_at.is_some_and(is_old) {
        return Err(Refusal::wait(subject, WaitOn::Cloud, "the cloud is looked at again"));
    }
    if let (Some(settled), Some(node)) = (memory.shell_settled_at, subject.node())
        && ctx.policy.guards(Guard::FreshWord)
        && ctx
            .observation
            .node(node)
            .and_then(|node| node.probed_at)
            .is_some_and(|asked| asked <= settled)
    {
        return Err(Refusal::wait(
            subject.clone(),
            WaitOn::Node(node.clone()),
            "the node is asked again",
        ));
    }
    Ok(())
}

fn cloud(ctx: &Context<'_>, request: &CloudAction) -> Result<(), Refusal> {
    match request {
        CloudAction::RunInstance { node, .. } => {
            enough_is_known(ctx, Subject::Node(node.clone()))?;
            rename::nothing_left_behind(ctx, &Subject::Node(node.clone()))?;
            let living = ctx.observation.node(node).map_or(&[][..], |seen| &seen.instances);
            if living.is_empty() || !ctx.is_on(Interlock::IdentityConflict) {
                Ok(())
            } else {
                Err(ownership::instance_conflict(node, living))
            }
        }
        CloudAction::StartInstance { node, instance } => {
            ownership::sole_instance(ctx, node, instance).map(|_| ())
        }
        CloudAction::StopInstance { node, instance } => {
            let (seen, machine) = ownership::sole_instance(ctx, node, instance)?;
            if machine.state != InstanceState::Running {
                let what = format!("{instance} is {}", machine.state);
                return Err(Refusal::wait(Subject::Node(node.clone()), WaitOn::Cloud, what));
            }
            halt::nothing_attached(ctx, node, instance, End::Stopped)?;
            halt::nothing_in_use(ctx, seen, machine, End::Stopped)?;
            halt::let_go_of_all(ctx, seen)?;
            halt::may_halt(ctx, seen)
        }
        CloudAction::TerminateInstance { node, instance } => {
            let (seen, machine) = ownership::sole_instance(ctx, node, instance)?;
            halt::nothing_attached(ctx, node, instance, End::Terminated)?;
            halt::nothing_in_use(ctx, seen, machine, End::Terminated)?;
            halt::may_halt(ctx, seen)?;
            ownership::consented(ctx, Subject::Node(node.clone()), instance.as_str())
        }
        CloudAction::CreateVolume { mount, from, .. } => create_volume(ctx, mount, from.as_ref()),
        CloudAction::AttachVolume { mount, volume, instance } => {
            let seen = ownership::sole_volume(ctx, mount, volume)?;
            let node = order::attached_to_own(ctx, mount, seen)?;
            if node
                .instance()
                .is_none_or(|own| &own.id != instance || own.state != InstanceState::Running)
            {
                return Err(Refusal::wait(
                    Subject::Mount(mount.clone()),
                    WaitOn::Others,
                    format!("waits for {} to run", mount.node),
                ));
            }
            order::free(ctx, mount, seen)?;
            order::nothing_may_come(ctx, mount, seen, Some(instance))?;
            data::open_epoch(ctx, mount, seen)
        }
        CloudAction::DetachVolume { mount, volume, instance } => {
            let seen = ownership::sole_volume(ctx, mount, volume)?;
            order::attached_to_own(ctx, mount, seen)?;
            if !seen.open_attachments().any(|one| &one.instance == instance) {
                return Err(Refusal::wait(
                    Subject::Mount(mount.clone()),
                    WaitOn::Cloud,
                    "it is not attached",
                ));
            }
            order::unmounted(ctx, mount, seen)?;
            order::fenced(ctx, mount, seen)
        }
        CloudAction::TagVolume { mount, volume, tags } => {
            let seen = ownership::sole_volume(ctx, mount, volume)?;
            // Both ends of an epoch are written only while nobody can write to the volume.
            let Some(epoch) = tags.epoch() else { return Ok(()) };
            order::free(ctx, mount, seen)?;
            // A listing that goes back in time shows as free what is attached, and a mount that an earlier run asked for may
            // be on its way there: the node refuses it once it was spoken to for this one.
            let is_fence = epoch.is_sealed && ctx.policy.guards(Guard::NodeFence);
            match ctx.observation.mount(mount).filter(|_| is_fence) {
                Some(mount) => order::used_nowhere(ctx, mount),
                None => Ok(()),
            }
        }
        CloudAction::GrowVolume { mount, volume, size } => {
            let seen = ownership::sole_volume(ctx, mount, volume)?;
            order::attached_to_own(ctx, mount, seen)?;
            growth::may_grow(ctx, mount, seen, *size)
        }
        CloudAction::Adopt { subject, id, .. } => adopt::seen(ctx, subject, id),
        CloudAction::TagSnapshot { mount, snapshot, tags } => {
            checkpoint::may_mark(ctx, mount, snapshot, tags)
        }
        CloudAction::CreateSnapshot { mount, volume, tags } => {
            let seen = ownership::sole_volume(ctx, mount, volume)?;
            if tags.is_checkpoint() {
                return checkpoint::may_take(ctx, mount, seen, tags);
            }
            if ctx.is_on(Interlock::SnapshotOlder) {
                order::free(ctx, mount, seen)?;
            }
            if ctx.policy.guards(Guard::SeenSeal) {
                data::sealed(ctx, mount, seen)?;
            }
            Ok(())
        }
        CloudAction::DeleteVolume { mount, volume, .. } => {
            let seen = ownership::sole_volume(ctx, mount, volume)?;
            order::free(ctx, mount, seen)?;
            data::covered_by(ctx, mount, seen)?;
            // The yes was given when it was begun.
            if ctx.memory.phases.as_ref().is_some_and(|phases| phases.is_doomed(volume)) {
                return Ok(());
            }
            ownership::consented(ctx, Subject::Mount(mount.clone()), volume.as_str())
        }
        CloudAction::DeleteSnapshot { mount, snapshot, kept_by } => {
            enough_is_known(ctx, Subject::Mount(mount.clone()))?;
            prune::superseded(ctx, mount, snapshot, kept_by)?;
            ownership::consented(ctx, Subject::Mount(mount.clone()), snapshot.as_str())
        }
    }
}

/// Passes what makes something, unless nothing is recorded of what is there: one look that does not show a thing is no proof
/// then that there is none.
fn enough_is_known(ctx: &Context<'_>, subject: Subject) -> Result<(), Refusal> {
    match ctx.memory.doubts_until {
        Some(until) if ctx.seen_at() < until => Err(Refusal::wait(
            subject,
            WaitOn::Cloud,
            "nothing is recorded of what is there: it is looked at for a while",
        )),
        Some(_) | None => Ok(()),
    }
}

fn create_volume(
    ctx: &Context<'_>,
    key: &MountKey,
    from: Option<&crate::ids::SnapshotId>,
) -> Result<(), Refusal> {
    enough_is_known(ctx, Subject::Mount(key.clone()))?;
    rename::nothing_left_behind(ctx, &Subject::Mount(key.clone()))?;
    let existing = ctx.observation.mount(key).map_or(&[][..], |mount| &mount.volumes);
    if !existing.is_empty() && ctx.is_on(Interlock::IdentityConflict) {
        return Err(ownership::volume_conflict(key, existing));
    }
    if let Some(from) = from {
        prune::stays(ctx, key, from)?;
    }
    let source = data::source(ctx, key)?;
    if source.snapshot() == from || !ctx.is_on(Interlock::DataMissing) {
        return Ok(());
    }
    Err(Hold::new(
        Interlock::DataMissing,
        Subject::Mount(key.clone()),
        "it would not begin from its newest data",
    )
    .so("no volume was made")
    .refuse())
}

fn shell(ctx: &Context<'_>, request: &ShellAction) -> Result<(), Refusal> {
    match request {
        ShellAction::MakeFilesystem { mount, serial, .. } => {
            let (seen, state) = device(ctx, mount, serial)?;
            match state {
                FilesystemState::Unmounted { contents } => {
                    data::not_doomed(ctx, mount, seen)?;
                    data::blank(ctx, mount, seen, contents)
                }
                FilesystemState::NoDevice
                | FilesystemState::Mounted { .. }
                | FilesystemState::MountedElsewhere { .. }
                | FilesystemState::Held { .. }
                | FilesystemState::PointTaken { .. } => Err(in_the_way(ctx, mount, state)),
            }
        }
        ShellAction::Mount { mount, serial, .. } => {
            let (seen, state) = device(ctx, mount, serial)?;
            match state {
                FilesystemState::Unmounted { contents } => {
                    data::right_contents(ctx, mount, seen, contents)?;
                    // Whoever attached it may not have raised its epoch: then what is written now
                    // would be thought covered.
                    data::open_epoch(ctx, mount, seen)
                }
                FilesystemState::NoDevice
                | FilesystemState::Mounted { .. }
                | FilesystemState::MountedElsewhere { .. }
                | FilesystemState::Held { .. }
                | FilesystemState::PointTaken { .. } => Err(in_the_way(ctx, mount, state)),
            }
        }
        ShellAction::Unmount { mount, serial, .. } => {
            let id = volume_of(ctx, mount, serial)?;
            let seen = ownership::sole_volume(ctx, mount, &id)?;
            order::attached_to_own(ctx, mount, seen)?;
            checkpoint::not_frozen(ctx, mount)
        }
        ShellAction::GrowFilesystem { mount, serial, .. } => {
            let (seen, state) = device(ctx, mount, serial)?;
            match state {
                FilesystemState::Mounted { .. } => growth::is_live(ctx, mount, seen),
                FilesystemState::NoDevice
                | FilesystemState::Unmounted { .. }
                | FilesystemState::MountedElsewhere { .. }
                | FilesystemState::Held { .. }
                | FilesystemState::PointTaken { .. } => {
                    let subject = Subject::Mount(mount.clone());
                    Err(Refusal::wait(subject, WaitOn::Others, "it must be mounted first"))
                }
            }
        }
        ShellAction::Freeze { mount, serial, at, limit_seconds: _ } => {
            let id = volume_of(ctx, mount, serial)?;
            let seen = ownership::sole_volume(ctx, mount, &id)?;
            checkpoint::may_freeze(ctx, mount, seen, at)
        }
        // What stands still may always go on.
        ShellAction::Thaw { mount, serial, .. } => volume_of(ctx, mount, serial).map(|_| ()),
    }
}

/// Finds the volume with that serial, attached to its own running node, and what its device does.
fn device<'a>(
    ctx: &'a Context<'_>,
    key: &MountKey,
    serial: &str,
) -> Result<(&'a VolumeSeen, &'a FilesystemState), Refusal> {
    let id = volume_of(ctx, key, serial)?;
    let seen = ownership::sole_volume(ctx, key, &id)?;
    let node: &NodeObservation = order::attached_to_own(ctx, key, seen)?;
    let subject = Subject::Mount(key.clone());
    if seen.state != VolumeState::InUse || seen.open_attachments().next().is_none() {
        return Err(Refusal::wait(subject, WaitOn::Cloud, "it must be attached first"));
    }
    order::nothing_may_come(ctx, key, seen, node.instance().map(|own| &own.id))?;
    let filesystem = ctx.observation.mount(key).map(|mount| &mount.filesystem);
    if matches!(filesystem, Some(Observed::Present(_))) {
        order::probe_is_fresh(ctx, key)?;
    }
    match filesystem {
        Some(Observed::Present(state)) => Ok((seen, state)),
        Some(Observed::Unknown(gap)) => Err(order::silent(ctx, &subject, &node.name, gap)),
        Some(Observed::Absent) | None => {
            Err(Refusal::wait(subject, WaitOn::Others, format!("waits for {} to run", key.node)))
        }
    }
}

fn volume_of(ctx: &Context<'_>, key: &MountKey, serial: &str) -> Result<VolumeId, Refusal> {
    ctx.observation
        .mount(key)
        .and_then(|mount| mount.volumes.iter().find(|volume| volume.id.serial() == serial))
        .map(|volume| volume.id.clone())
        .ok_or_else(|| {
            Refusal::wait(Subject::Mount(key.clone()), WaitOn::Cloud, "its volume must be seen")
        })
}

/// What keeps a device from being formatted or mounted, where that is not its content.
fn in_the_way(ctx: &Context<'_>, key: &MountKey, state: &FilesystemState) -> Refusal {
    let subject = Subject::Mount(key.clone());
    let hold = |why: String| {
        Hold::new(Interlock::MountedElsewhere, subject.clone(), "it cannot be mounted")
            .why(why)
            .so("it stays attached as it is")
            .fix(format!(
                "look on the node, unmount what is in the way, and repeat:    wucluster ssh {}",
                key.node
            ))
            .may_clear()
            .refuse()
    };
    let attached = ctx.memory.attachments.get(key).map(|(_, since)| ctx.now.since(*since));
    match state {
        FilesystemState::NoDevice
            if attached.is_some_and(|lasted| lasted >= ctx.policy.attachment_patience) =>
        {
            Hold::new(Interlock::NodeFailed, subject, "its device does not appear on its node")
                .why("the provider calls it attached, and the node shows no device of its serial number")
                .why(format!("for {}s at least", attached.unwrap_or_default().as_secs()))
                .so("it stays attached as it is; everything else went on")
                .fix(format!("look on the node:    wucluster ssh {}", key.node))
                .fix("or stop the machine and launch again: it then finds its devices anew")
                .may_clear()
                .refuse()
        }
        FilesystemState::NoDevice => Refusal::wait(
            subject,
            WaitOn::Node(key.node.clone()),
            "its device is to appear on the node",
        ),
        FilesystemState::Mounted { at } => {
            Refusal::wait(subject, WaitOn::Others, format!("mounted at {at}"))
        }
        FilesystemState::MountedElsewhere { at, why } => {
            hold(format!("it is mounted at {}, but not as wanted: {why}", at.join(", ")))
        }
        FilesystemState::Held { why, .. } => hold(why.clone()),
        FilesystemState::PointTaken { by, .. } => hold(format!("its mount point is taken by {by}")),
        FilesystemState::Unmounted { contents } => hold(format!("its device holds {contents}")),
    }
}

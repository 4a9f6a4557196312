//! Renaming: what the definition says to have had another name comes to its new one. Only tags change.
//!
//! A name is identity: tags carry it, and a mount under a new one would begin blank while its data stays under the old one.
//! So nothing is made under the new name before the old one is empty, and nothing takes a name under which other data is.

use std::collections::BTreeSet;

use super::{Cleared, Context, Hold, Interlock, Refusal, adopt};
use crate::action::{Action, CloudAction};
use crate::definition::{ClusterDefinition, Rename};
use crate::ids::{MountKey, Subject};
use crate::memory::{AwaitedId, Memory};
use crate::observation::{
    CloudView, InstanceState, NodeObservation, Observation, VolumeSeen, VolumeState,
};
use crate::plan::WaitOn;
use crate::tags::{Identity, KEY_WAS, Tags};

/// Something that still has its former name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerlyNamed {
    /// From which name it comes to which.
    pub rename: Rename,
    /// What it is.
    pub id: AwaitedId,
}

/// Lists all that still has a name which the definition says to be a former one: living machines, volumes that are not
/// being deleted, and snapshots.
#[must_use]
pub fn still_so_named(
    definition: &ClusterDefinition,
    observation: &Observation,
) -> Vec<FormerlyNamed> {
    let of = |rename: Rename| {
        let ids = living_under(observation, &rename.from);
        ids.into_iter().map(move |id| FormerlyNamed { rename: rename.clone(), id })
    };
    definition.renames().flat_map(of).collect()
}

/// Lists what lives under a name.
fn living_under(observation: &Observation, name: &Subject) -> Vec<AwaitedId> {
    match name {
        Subject::Node(node) => {
            let seen = observation.node(node).into_iter().flat_map(|node| &node.instances);
            let living = seen.filter(|one| one.state != InstanceState::ShuttingDown);
            living.map(|one| AwaitedId::Instance(one.id.clone())).collect()
        }
        Subject::Mount(key) => {
            let Some(mount) = observation.mount(key) else { return Vec::new() };
            let volumes = mount.volumes.iter().filter(|one| is_staying(one));
            let volumes = volumes.map(|one| AwaitedId::Volume(one.id.clone()));
            let snapshots = mount.snapshots.iter().chain(&mount.checkpoints);
            let snapshots = snapshots.map(|one| AwaitedId::Snapshot(one.id.clone()));
            volumes.chain(snapshots).collect()
        }
        Subject::Cluster | Subject::Stranger(_) => Vec::new(),
    }
}

fn is_staying(volume: &VolumeSeen) -> bool {
    !matches!(volume.state, VolumeState::Deleting | VolumeState::Deleted)
}

/// Lists the mounts, by their former names, that are still attached to another machine than that to which they come: they
/// have to be separated before they can be renamed.
#[must_use]
pub fn attached_elsewhere(
    definition: &ClusterDefinition,
    observation: &Observation,
) -> Vec<(MountKey, MountKey)> {
    let moved = definition.renames().filter_map(|rename| match (rename.from, rename.to) {
        (Subject::Mount(from), Subject::Mount(to)) => Some((from, to)),
        _ => None,
    });
    moved
        .filter(|(from, to)| {
            let volumes = observation.mount(from).into_iter().flat_map(|mount| &mount.volumes);
            volumes.into_iter().any(|volume| is_elsewhere(definition, observation, to, volume))
        })
        .collect()
}

/// Says whether a volume is attached to a machine that is neither a mount's node nor what that was called before.
fn is_elsewhere(
    definition: &ClusterDefinition,
    observation: &Observation,
    to: &MountKey,
    volume: &VolumeSeen,
) -> bool {
    let node = definition.nodes.get(&to.node);
    let names = [Some(&to.node), node.and_then(|node| node.was.as_ref())];
    let own: BTreeSet<_> = names
        .into_iter()
        .flatten()
        .filter_map(|name| observation.node(name).and_then(NodeObservation::instance))
        .map(|instance| &instance.id)
        .collect();
    volume.open_attachments().any(|one| !own.contains(&one.instance))
}

/// Clears giving something its new name: its tags, and nothing else.
///
/// # Errors
/// A wait while something that was asked for under its former name may still come; a hold where something else has the new
/// name, or it is attached to another machine than its new node. Nothing was changed.
pub fn clear_rename(ctx: &Context<'_>, one: &FormerlyNamed) -> Result<Cleared<Action>, Refusal> {
    let Rename { from, to } = &one.rename;
    adopt::own_store(ctx, from)?;
    adopt::own_store(ctx, to)?;
    settled(ctx, from)?;
    settled(ctx, to)?;
    name_is_free(ctx, &one.rename)?;
    let name = &ctx.definition.name;
    let mut tags = match to {
        Subject::Node(node) => Tags::for_node(name, node),
        Subject::Mount(key) => {
            in_place(ctx, key, one)?;
            Tags::for_mount(name, key)
        }
        Subject::Cluster | Subject::Stranger(_) => Tags::default(),
    };
    tags.set(KEY_WAS, from.to_string());
    let action = CloudAction::Adopt { subject: to.clone(), id: one.id.clone(), tags };
    Ok(Cleared::new(Action::Cloud(action), ctx.observation.cloud_asked_at))
}

/// Passes a name under which nothing that was asked for may still come, and take away or make what is then looked for under
/// another one.
fn settled(ctx: &Context<'_>, name: &Subject) -> Result<(), Refusal> {
    let Some(memory) = ctx.memory.of(name) else { return Ok(()) };
    let takes_away = |action: &&CloudAction| match action {
        CloudAction::DeleteVolume { .. }
        | CloudAction::DeleteSnapshot { .. }
        | CloudAction::TerminateInstance { .. } => true,
        // What has left that machine is not taken off another one.
        CloudAction::DetachVolume { mount, volume, instance } => {
            let volumes = ctx.observation.mount(mount).into_iter().flat_map(|seen| &seen.volumes);
            let mut held = volumes.filter(|one| &one.id == volume);
            held.any(|one| one.open_attachments().any(|held| &held.instance == instance))
        }
        _ => false,
    };
    let open = memory.open_requests_at(ctx.seen_at()).find(takes_away).map(CloudAction::name);
    let unsure = memory.unsure.as_ref().filter(|unsure| unsure.until > ctx.seen_at());
    let unsure = unsure.map(|unsure| unsure.action.name());
    if let Some(request) = memory.in_flight.or(open).or(unsure) {
        let what = format!("{request} was asked for before, and may still come");
        return Err(Refusal::wait(name.clone(), WaitOn::Cloud, what));
    }
    Ok(())
}

/// Passes a new name that nothing has but what came to it from the same former one, and under which no other data ever was.
fn name_is_free(ctx: &Context<'_>, rename: &Rename) -> Result<(), Refusal> {
    if !ctx.is_on(Interlock::IdentityConflict) {
        return Ok(());
    }
    let Rename { from, to } = rename;
    let from_word = from.to_string();
    let is_other = |tags: &Tags| tags.get(KEY_WAS) != Some(from_word.as_str());
    let (others, data) = match to {
        Subject::Node(node) => {
            let seen = ctx.observation.node(node).into_iter().flat_map(|node| &node.instances);
            let others = seen.filter(|one| is_other(&one.tags));
            (others.map(|one| format!("{} is {}", one.id, one.state)).collect::<Vec<_>>(), None)
        }
        Subject::Mount(key) => {
            let mount = ctx.observation.mount(key);
            let volumes = mount.into_iter().flat_map(|mount| &mount.volumes);
            let volumes = volumes.filter(|one| is_other(&one.tags));
            let snapshots = mount
                .into_iter()
                .flat_map(|mount| mount.snapshots.iter().chain(&mount.checkpoints));
            let snapshots = snapshots.filter(|one| is_other(&one.tags));
            let volumes = volumes.map(|one| format!("{} is {}", one.id, one.state));
            let snapshots = snapshots.map(|one| format!("{} is {}", one.id, one.state));
            // What was copied over when the renaming began is its own.
            let is_begun = ctx.memory.renames.get(to) == Some(from);
            let data = ctx.memory.data_epochs.get(key).filter(|_| !is_begun);
            (volumes.chain(snapshots).collect(), data)
        }
        Subject::Cluster | Subject::Stranger(_) => (Vec::new(), None),
    };
    if others.is_empty() && data.is_none() {
        return Ok(());
    }
    let data = data.map(|epoch| format!("it held data of its own, at write epoch {epoch}"));
    Err(Hold::new(
        Interlock::IdentityConflict,
        to.clone(),
        format!("{from} cannot be renamed to it"),
    )
    .whys(others.into_iter().chain(data))
    .so(format!("nothing was renamed: {from} keeps its name, and both keep what they hold"))
    .fix("give it a name in the definition that nothing had before")
    .fix("or take `was` out of the definition: then each stays what it is")
    .refuse())
}

/// Passes what is attached to nothing, or to the machine on which it stays.
fn in_place(ctx: &Context<'_>, to: &MountKey, one: &FormerlyNamed) -> Result<(), Refusal> {
    let Rename { from, .. } = &one.rename;
    let (AwaitedId::Volume(id), Subject::Mount(key)) = (&one.id, from) else { return Ok(()) };
    let volumes = ctx.observation.mount(key).into_iter().flat_map(|mount| &mount.volumes);
    let Some(volume) = volumes.into_iter().find(|volume| &volume.id == id) else { return Ok(()) };
    if volume.state == VolumeState::Creating {
        let what = format!("{id} is {}", volume.state);
        return Err(Refusal::wait(from.clone(), WaitOn::Cloud, what));
    }
    let is_elsewhere = is_elsewhere(ctx.definition, ctx.observation, to, volume);
    if !is_elsewhere || !ctx.is_on(Interlock::AttachedElsewhere) {
        return Ok(());
    }
    let holders: Vec<String> = volume
        .open_attachments()
        .map(|one| format!("{id} is attached to {}", one.instance))
        .collect();
    Err(Hold::new(Interlock::AttachedElsewhere, from.clone(), format!("it is not moved to {to}"))
        .whys(holders)
        .so("it keeps its name, and stays as it is")
        .fix(format!("unmount and detach it first:   wucluster become separated --only {key}"))
        .refuse())
}

/// Passes a node or mount of which nothing is left under its former name: what was made under the new one would be blank,
/// or a second machine, beside what it is to go on with.
pub(super) fn nothing_left_behind(ctx: &Context<'_>, subject: &Subject) -> Result<(), Refusal> {
    if !ctx.is_on(Interlock::IdentityConflict) {
        return Ok(());
    }
    let former = match subject {
        Subject::Node(name) => {
            let was = ctx.definition.nodes.get(name).and_then(|node| node.was.clone());
            was.map(Subject::Node)
        }
        // A person has given its newest data up.
        Subject::Mount(key) if ctx.policy.lose.contains(key) => None,
        Subject::Mount(key) => {
            ctx.definition.mount(key).and_then(|mount| mount.was.clone()).map(Subject::Mount)
        }
        Subject::Cluster | Subject::Stranger(_) => None,
    };
    let Some(former) = former else { return Ok(()) };
    let left = living_under(ctx.observation, &former);
    let known = match &former {
        Subject::Mount(key) => ctx.memory.data_epochs.get(key),
        Subject::Node(_) | Subject::Cluster | Subject::Stranger(_) => None,
    };
    if left.is_empty() && known.is_none() {
        return Ok(());
    }
    let data = known.map(|epoch| format!("{former} held data at write epoch {epoch}"));
    let left = left.into_iter().map(|id| format!("{id} still has the name {former}"));
    Err(Hold::new(
        Interlock::IdentityConflict,
        subject.clone(),
        format!("nothing is made for it: it was {former} before, which has not come over"),
    )
    .whys(left.chain(data))
    .so("nothing was made under the new name, which would begin without what is there")
    .fix("demand it again: what has the former name is renamed first")
    .fix(format!("if {former} is another one, take `was` out of the definition"))
    .may_clear()
    .refuse())
}

/// Makes what is remembered of former names that of the new ones, for plans.
pub fn remember_as_renamed(definition: &ClusterDefinition, memory: &mut Memory) {
    for rename in definition.renames() {
        let (Subject::Mount(from), Subject::Mount(to)) = (rename.from, rename.to) else { continue };
        if let Some(epoch) = memory.data_epochs.remove(&from) {
            memory.data_epochs.entry(to).or_insert(epoch);
        }
    }
}

/// Shows a listing as it will be when all is renamed, for plans. What cannot be renamed, since something has the new name, is
/// left as it is; what has to be detached first is shown detached.
#[must_use]
pub fn as_renamed(definition: &ClusterDefinition, mut view: CloudView) -> CloudView {
    let cluster = &definition.name;
    let renames: Vec<Rename> = definition.renames().collect();
    let now = Observation::assemble(definition, &view, &crate::observation::NodeViews::new());
    let elsewhere = attached_elsewhere(definition, &now);
    for Rename { from, to } in &renames {
        if !living_under(&now, to).is_empty() {
            continue;
        }
        let is_it = |tags: &Tags| match (tags.identity(cluster), from) {
            (Ok(Identity::Node(node)), Subject::Node(name)) => node == *name,
            (Ok(Identity::Mount(key)), Subject::Mount(name)) => key == *name,
            _ => false,
        };
        let named = match to {
            Subject::Node(node) => Tags::for_node(cluster, node),
            Subject::Mount(key) => Tags::for_mount(cluster, key),
            Subject::Cluster | Subject::Stranger(_) => continue,
        };
        for one in view.instances.iter_mut().filter(|one| is_it(&one.tags)) {
            one.tags = one.tags.clone().with(&named);
        }
        for one in view.volumes.iter_mut().filter(|one| is_it(&one.tags)) {
            one.tags = one.tags.clone().with(&named);
            if elsewhere.iter().any(|(key, _)| *from == Subject::Mount(key.clone())) {
                one.attachments.clear();
                one.state = VolumeState::Available;
            }
        }
        for one in view.snapshots.iter_mut().filter(|one| is_it(&one.tags)) {
            one.tags = one.tags.clone().with(&named);
        }
    }
    view
}

//! In which zone, and as what type, a node's machine is asked for; and where its volumes are made.
//!
//! The order is zone by zone, and in each zone type by type. A zone outlives a launch, as volumes are made in it and none of
//! them moves, and traffic between zones is paid for; a type is chosen anew at each launch. So the better zone is worth a
//! lesser type. Zones in which machines of the cluster are already come first, the fullest first, for the same reason.
//!
//! The next candidate is taken only after the provider said of the one before that it has no capacity for it. Anything else,
//! throttling above all, says nothing about capacity. In each round each candidate is asked once; between two rounds the
//! pause of any failed request is kept.

use std::collections::BTreeMap;

use super::identity;
use crate::action::CloudAction;
use crate::definition::NodeDefinition;
use crate::ids::{MountKey, NodeName, Subject};
use crate::interlock::{Context, Refusal};
use crate::memory::{Candidate, Failure, FailureError, SubjectMemory, Unsure};
use crate::observation::{InstanceState, NodeObservation, VolumeState};
use crate::plan::WaitOn;
use crate::ports::ErrorClass;

/// Returns the candidate for which a node's machine is asked next: of those that were refused least often, the first.
pub(super) fn next(ctx: &Context<'_>, node: &NodeDefinition) -> Candidate {
    let memory = ctx.memory.of(&Subject::Node(node.name.clone()));
    let all = all(ctx, node);
    // What was made may be hidden: asked for as it was, its token brings it back, and another zone would have a second one.
    let made = memory.and_then(|memory| memory.made.as_ref()).filter(|made| made.id.is_some());
    let before = made.and_then(|made| Candidate::of(&made.request));
    if let Some(before) = before.filter(|before| all.contains(before)) {
        return before;
    }
    let refused = |candidate: &Candidate| {
        let refused = memory.and_then(|memory| memory.no_capacity.get(candidate));
        refused.map_or(0, |refused| refused.times)
    };
    let first = all.into_iter().min_by_key(refused);
    first.unwrap_or(Candidate { zone: None, instance_type: None })
}

/// Lists a node's candidates in the order in which they are tried.
pub(super) fn all(ctx: &Context<'_>, node: &NodeDefinition) -> Vec<Candidate> {
    let zones = match settled_zone(ctx, &node.name) {
        Some(zone) => vec![Some(zone)],
        None => zones(ctx),
    };
    let types: Vec<Option<String>> = node.types().map(|kind| Some(kind.to_owned())).collect();
    let types = if types.is_empty() { vec![None] } else { types };
    let of_zone = |zone: Option<String>| {
        types.iter().map(move |kind| Candidate { zone: zone.clone(), instance_type: kind.clone() })
    };
    zones.into_iter().flat_map(of_zone).collect()
}

/// Lists the zones in the order in which they are tried.
fn zones(ctx: &Context<'_>) -> Vec<Option<String>> {
    let mut machines: BTreeMap<&str, usize> = BTreeMap::new();
    for instance in ctx.observation.nodes.iter().flat_map(|node| &node.instances) {
        let is_up = matches!(instance.state, InstanceState::Pending | InstanceState::Running);
        if let Some(zone) = instance.zone.as_deref().filter(|_| is_up) {
            *machines.entry(zone).or_default() += 1;
        }
    }
    let mut zones: Vec<&str> = ctx.definition.zones().collect();
    zones.sort_by_key(|zone| std::cmp::Reverse(machines.get(zone).copied().unwrap_or_default()));
    if zones.is_empty() {
        return vec![None];
    }
    zones.into_iter().map(|zone| Some(zone.to_owned())).collect()
}

/// Returns the zone to which a node's volumes bind it, where the definition leaves a choice. Those that were asked for and
/// are not seen bind it, too; snapshots are in no zone. Of volumes that somebody made in several zones the first one counts.
pub(super) fn settled_zone(ctx: &Context<'_>, node: &NodeName) -> Option<String> {
    if ctx.definition.other_zones.is_empty() {
        return None;
    }
    let mounts = ctx.observation.mounts_of(node).filter(|mount| mount.is_defined);
    let volumes = mounts.flat_map(|mount| &mount.volumes);
    let seen = volumes
        .filter(|one| !matches!(one.state, VolumeState::Deleting | VolumeState::Deleted))
        .find_map(|one| one.zone.clone());
    let asked = || {
        let of_mounts = ctx.memory.of_mounts_of(node).filter(|(key, _)| is_defined(ctx, key));
        of_mounts.filter_map(|(_, memory)| zone_asked_for(memory)).next()
    };
    seen.or_else(asked)
}

fn is_defined(ctx: &Context<'_>, key: &MountKey) -> bool {
    ctx.definition.mount(key).is_some()
}

/// Returns the zone in which a volume was asked for that may be there, or come.
fn zone_asked_for(memory: &SubjectMemory) -> Option<String> {
    let zone = |action: &CloudAction| match action {
        CloudAction::CreateVolume { zone, .. } => zone.clone(),
        _ => None,
    };
    let unsure = memory.unsure.as_ref().map(|unsure| &unsure.action);
    let is_refused = |id: bool| !id && memory.in_flight.is_none();
    let made = memory.made.as_ref().filter(|made| !is_refused(made.id.is_some()));
    unsure.or(made.map(|made| &made.request)).and_then(zone)
}

/// Returns the zone in which a volume of a mount is made: that of its node, wherever that came to be.
///
/// # Errors
/// A wait, where the definition leaves a choice of zones and the node's machine does not run yet. Not before it runs: a launch
/// that was accepted may still fail for want of capacity, and a volume would bind the node to that zone.
pub(super) fn zone_of_volume(ctx: &Context<'_>, key: &MountKey) -> Result<Option<String>, Refusal> {
    if ctx.definition.other_zones.is_empty() {
        return Ok(ctx.definition.zone.clone());
    }
    let machine = ctx.observation.node(&key.node).and_then(NodeObservation::instance);
    let runs = machine.filter(|machine| match &machine.state {
        InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => true,
        InstanceState::Pending
        | InstanceState::ShuttingDown
        | InstanceState::Terminated
        | InstanceState::Unrecognized(_) => false,
    });
    let of_machine = runs.and_then(|machine| machine.zone.clone());
    match of_machine.or_else(|| settled_zone(ctx, &key.node)) {
        Some(zone) => Ok(Some(zone)),
        None => Err(Refusal::wait(
            Subject::Mount(key.clone()),
            WaitOn::Others,
            "it is made in the zone in which its node comes to run",
        )),
    }
}

/// Returns the creation whose answer was lost, to be asked again as it was: see [`identity::unsure`]. One that was refused
/// since, for want of capacity, leaves its candidate once nothing can come of it any more; and one of a shared call leaves that,
/// as its token may be forgotten while the others run.
///
/// # Errors
/// As [`identity::unsure`].
pub(super) fn unsure<'a>(
    ctx: &'a Context<'_>,
    subject: &Subject,
) -> Result<Option<&'a Unsure>, Refusal> {
    let memory = ctx.memory.of(subject);
    let is_refused = memory.and_then(|memory| memory.failure.as_ref()).is_some_and(is_capacity);
    let is_over = |unsure: &Unsure| {
        let CloudAction::RunInstance { node, together, .. } = &unsure.action else { return false };
        let may_leave = (ctx.definition.leaves_choice(node) && is_refused) || together.is_some();
        may_leave && unsure.until <= ctx.seen_at()
    };
    Ok(identity::unsure(ctx, subject)?.filter(|unsure| !is_over(unsure)))
}

/// Returns what the token of a machine names beside the machine: its candidate, where there are several. With one alone it
/// is what it was before there were lists.
pub(super) fn token_parts<'a>(
    ctx: &Context<'_>,
    node: &NodeDefinition,
    candidate: &'a Candidate,
) -> Vec<&'a str> {
    if !ctx.definition.leaves_choice(&node.name) {
        return Vec::new();
    }
    let zone = candidate.zone.as_deref().unwrap_or_default();
    vec![zone, candidate.instance_type.as_deref().unwrap_or_default()]
}

/// How a candidate stands among those that were refused for want of capacity.
pub(super) struct Standing {
    /// How many times it was refused. What is asked next was refused no more often than any other: so many rounds are over.
    pub(super) times: u32,
    /// Whether others were refused in this round, and it was not asked yet: nobody need wait to ask for it.
    pub(super) is_next: bool,
}

/// Tells how the candidate of a request stands that is to be asked for after a failure; `None`: there is no choice, or it did
/// not fail for want of capacity.
pub(super) fn standing(
    ctx: &Context<'_>,
    failure: &Failure,
    action: &CloudAction,
) -> Option<Standing> {
    let CloudAction::RunInstance { node, .. } = action else { return None };
    let candidate = Candidate::of(action)?;
    if !(ctx.definition.leaves_choice(node) && is_capacity(failure)) {
        return None;
    }
    let refused = &ctx.memory.of(&Subject::Node(node.clone()))?.no_capacity;
    let times = refused.get(&candidate).map_or(0, |refused| refused.times);
    let is_next = refused.values().any(|refused| refused.times > times);
    Some(Standing { times, is_next })
}

/// Says whether a request failed for want of capacity.
pub(super) fn is_capacity(failure: &Failure) -> bool {
    matches!(&failure.error, FailureError::Cloud(error) if error.class == ErrorClass::Capacity)
}

/// Tells of each candidate of a node what the provider said, in the order in which they are tried; nothing where there is one.
pub(super) fn told(ctx: &Context<'_>, node: &NodeName) -> Vec<String> {
    let Some(defined) = ctx.definition.nodes.get(node) else { return Vec::new() };
    let refused = ctx.memory.of(&Subject::Node(node.clone())).map(|memory| &memory.no_capacity);
    let Some(refused) = refused.filter(|_| ctx.definition.leaves_choice(node)) else {
        return Vec::new();
    };
    let of_one = |candidate: Candidate| {
        let refused = refused.get(&candidate)?;
        let times =
            if refused.times == 1 { "once".to_owned() } else { format!("{} times", refused.times) };
        Some(format!("{candidate}: {times} {}", refused.error))
    };
    all(ctx, defined).into_iter().filter_map(of_one).collect()
}

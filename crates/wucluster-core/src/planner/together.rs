//! Which nodes share a call that runs their instances.
//!
//! EC2 takes two such calls a second, and of one call a thousand instances. A call is refused or answered as a whole, and its
//! token stands for all of its instances; so only what never was asked for shares one, and what was refused together is asked
//! for alone. Who is who of the instances follows from the order of the names, which goes with the request.

use std::collections::BTreeMap;

use super::{identity, mounts};
use crate::action::{Action, CloudAction};
use crate::definition::MachineDefinition;
use crate::ids::{NodeName, Subject};
use crate::interlock::{Cleared, Context, Refusal, clear};
use crate::memory::FailureError;
use crate::node_set::NodeSet;
use crate::ports::ErrorClass;

/// Those that want the same machine in the same zone, with the places of their requests.
struct Alike<'a> {
    machine: &'a MachineDefinition,
    zone: &'a Option<String>,
    nodes: BTreeMap<&'a NodeName, usize>,
}

/// Has like nodes that are run for the first time share calls.
pub(super) fn share(ctx: &Context<'_>, actions: &mut [Cleared<Action>]) {
    let together_max = ctx.policy.launches_together_max;
    if together_max < 2 {
        return;
    }
    let mut all: Vec<Alike<'_>> = Vec::new();
    for (at, action) in actions.iter().enumerate() {
        let Action::Cloud(CloudAction::RunInstance { node, machine, zone, together: None, .. }) =
            action.action()
        else {
            continue;
        };
        if !is_first(ctx, node) {
            continue;
        }
        match all.iter_mut().find(|one| one.machine == machine && one.zone == zone) {
            Some(same) => drop(same.nodes.insert(node, at)),
            None => all.push(Alike { machine, zone, nodes: BTreeMap::from([(node, at)]) }),
        }
    }
    let mut shared = Vec::new();
    for alike in &all {
        for set in NodeSet::of(alike.nodes.keys().copied(), together_max) {
            let places = set.nodes().filter_map(|node| alike.nodes.get(&node).copied());
            let places: Vec<usize> = places.collect();
            if places.len() > 1 {
                let alone = places.iter().map(|at| actions[*at].action());
                // Each was cleared by itself a moment ago; if one is not now, none shares a call.
                let together = together(ctx, alike, alone, &set).unwrap_or_default();
                shared.extend(places.into_iter().zip(together));
            }
        }
    }
    for (at, action) in shared {
        actions[at] = action;
    }
}

/// Makes the requests of a set of those that each has alone: the same for all, but for their nodes' names.
fn together<'a>(
    ctx: &Context<'_>,
    alike: &Alike<'_>,
    alone: impl Iterator<Item = &'a Action>,
    set: &NodeSet,
) -> Result<Vec<Cleared<Action>>, Refusal> {
    let generation = mounts::next_generation(ctx).to_string();
    let used_up = set.nodes().filter_map(|node| ctx.memory.of(&Subject::Node(node)));
    let used_up = used_up.map(|memory| memory.token_generation).max().unwrap_or(0).to_string();
    let parts = [
        "instances",
        &generation,
        &used_up,
        set.as_str(),
        alike.zone.as_deref().unwrap_or_default(),
        alike.machine.instance_type.as_deref().unwrap_or_default(),
    ];
    let shared = identity::token(ctx, &Subject::Cluster, &parts);
    let share = |action: &Action| {
        let mut action = action.clone();
        if let Action::Cloud(CloudAction::RunInstance { token, together, .. }) = &mut action {
            (*token, *together) = (shared.clone(), Some(set.clone()));
        }
        clear(ctx, action)
    };
    alone.map(share).collect()
}

/// Says whether nothing that was asked for a node may have come about, and nothing was refused that may be about it alone.
fn is_first(ctx: &Context<'_>, node: &NodeName) -> bool {
    let Some(memory) = ctx.memory.of(&Subject::Node(node.clone())) else { return true };
    let may_pass = memory.failure.as_ref().is_none_or(|failure| {
        matches!(&failure.error, FailureError::Cloud(error) if error.class == ErrorClass::Retry)
    });
    let is_untried =
        memory.unsure.is_none() && memory.made.as_ref().is_none_or(|made| made.id.is_none());
    is_untried && may_pass && !memory.goes_alone
}

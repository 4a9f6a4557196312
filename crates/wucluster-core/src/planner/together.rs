//! Which nodes share a call that runs their instances.
//!
//! EC2 takes two such calls a second, and of one call a thousand instances. A call is refused or answered as a whole, and its
//! token stands for all of its instances; so only what never was asked for shares one, and what was refused together is asked
//! for alone. Who is who of the instances follows from the order of the names, which goes with the request.

use super::{identity, mounts};
use crate::action::{Action, CloudAction};
use crate::definition::MachineDefinition;
use crate::ids::{NodeName, Subject};
use crate::interlock::{Cleared, Context, clear};
use crate::memory::FailureError;
use crate::node_set::NodeSet;
use crate::ports::ErrorClass;
use crate::tags::KEY_STORE;

/// Those that want the same machine in the same zone.
struct Alike<'a> {
    machine: &'a MachineDefinition,
    zone: &'a Option<String>,
    store: Option<&'a str>,
    nodes: Vec<(&'a NodeName, usize)>,
}

/// Has like nodes that are run for the first time share calls.
pub(super) fn share(ctx: &Context<'_>, actions: &mut [Cleared<Action>]) {
    let together_max = ctx.policy.launches_together_max;
    if together_max < 2 {
        return;
    }
    let mut all: Vec<Alike<'_>> = Vec::new();
    for (at, action) in actions.iter().enumerate() {
        let Action::Cloud(CloudAction::RunInstance {
            node,
            machine,
            zone,
            tags,
            together: None,
            ..
        }) = action.action()
        else {
            continue;
        };
        if !is_first(ctx, node) {
            continue;
        }
        let store = tags.get(KEY_STORE);
        let same = all
            .iter_mut()
            .find(|one| one.machine == machine && one.zone == zone && one.store == store);
        match same {
            Some(same) => same.nodes.push((node, at)),
            None => all.push(Alike { machine, zone, store, nodes: vec![(node, at)] }),
        }
    }
    let mut shared = Vec::new();
    for alike in &all {
        for set in NodeSet::of(alike.nodes.iter().map(|(node, _)| *node), together_max) {
            let of_set: Vec<usize> = alike
                .nodes
                .iter()
                .filter(|(node, _)| set.place(node).is_some())
                .map(|(_, at)| *at)
                .collect();
            if of_set.len() > 1 {
                shared.extend(together(ctx, actions, &of_set, &set));
            }
        }
    }
    for (at, action) in shared {
        actions[at] = action;
    }
}

/// Makes the requests of a set: the same for all, but for their nodes' names.
fn together(
    ctx: &Context<'_>,
    actions: &[Cleared<Action>],
    of_set: &[usize],
    set: &NodeSet,
) -> Vec<(usize, Cleared<Action>)> {
    let generation = mounts::next_generation(ctx).to_string();
    let used_up = set.nodes().filter_map(|node| ctx.memory.of(&Subject::Node(node)));
    let used_up = used_up.map(|memory| memory.token_generation).max().unwrap_or(0).to_string();
    let mut cleared = Vec::with_capacity(of_set.len());
    for at in of_set {
        let Action::Cloud(CloudAction::RunInstance { node, machine, zone, tags, .. }) =
            actions[*at].action()
        else {
            continue;
        };
        let parts = [
            "instances",
            &generation,
            &used_up,
            set.as_str(),
            zone.as_deref().unwrap_or_default(),
            machine.instance_type.as_deref().unwrap_or_default(),
        ];
        let action = CloudAction::RunInstance {
            node: node.clone(),
            machine: machine.clone(),
            zone: zone.clone(),
            tags: tags.clone(),
            token: identity::token(ctx, &Subject::Cluster, &parts),
            together: Some(set.clone()),
        };
        match clear(ctx, Action::Cloud(action)) {
            Ok(action) => cleared.push((*at, action)),
            // Each was cleared by itself a moment ago; if one is not, none shares a call.
            Err(_) => return Vec::new(),
        }
    }
    cleared
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

//! What the next round trip to a node should find out.

use std::collections::BTreeMap;

use crate::definition::ClusterDefinition;
use crate::demand::Demand;
use crate::observation::{FilesystemState, NodeObservation, Observation, Observed, ProbeRequest};

/// Which checks a probe may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Those that this demand needs, once they are worth asking.
    For(Demand),
    /// Readiness checks, where all of the node's mounts are mounted: for `status`.
    State,
}

/// Tells what to ask a node in one round trip: always its devices and mounts; its readiness checks
/// once all its mounts are mounted; its halt checks once nothing of the cluster's is attached to it.
#[must_use]
pub fn probe_request(
    definition: &ClusterDefinition,
    ask: Ask,
    observation: &Observation,
    node: &NodeObservation,
) -> ProbeRequest {
    let instance = node.instance().map(|instance| &instance.id);
    let attached: Vec<_> = instance
        .into_iter()
        .flat_map(|instance| observation.attached_to(instance))
        .flat_map(|mount| &mount.volumes)
        .filter(|volume| volume.open_attachments().any(|one| Some(&one.instance) == instance))
        .collect();
    let all_mounted =
        observation.mounts_of(&node.name).filter(|mount| mount.is_defined).all(|mount| {
            matches!(mount.filesystem, Observed::Present(FilesystemState::Mounted { .. }))
        });
    let hooks = definition.nodes.get(&node.name).map(|defined| &defined.hooks);
    let wants_ready = matches!(ask, Ask::State | Ask::For(Demand::Launched)) && all_mounted;
    let wants_halt = matches!(ask, Ask::For(Demand::Haltable | Demand::Parked | Demand::Away))
        && attached.is_empty();
    let environment = BTreeMap::from([
        ("WUCLUSTER_CLUSTER".to_owned(), definition.name.to_string()),
        ("WUCLUSTER_NODE".to_owned(), node.name.to_string()),
    ]);
    ProbeRequest {
        serials: attached.iter().map(|volume| volume.id.serial()).collect(),
        ready: hooks.filter(|_| wants_ready).map_or_else(Vec::new, |hooks| hooks.ready.clone()),
        before_halt: hooks
            .filter(|_| wants_halt)
            .map_or_else(Vec::new, |hooks| hooks.before_halt.clone()),
        environment,
    }
}

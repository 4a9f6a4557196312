//! `--only`: which part of a cluster a command is about.

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{ClusterName, MountKey, NodeName};
use wucluster_core::observation::Observation;
use wucluster_core::scope::{Part, Scope};

use crate::fault::Fault;
use crate::site::Site;

/// How many names a hint lists at most.
const NAMES_MAX: usize = 12;

/// Makes a scope of what was said, and makes sure that it names something: of the definition or, where the demand is about
/// what there is, of the cloud. The cloud is looked at only when that is needed.
///
/// # Errors
/// A usage fault when a part names nothing; or that the cloud cannot be looked at.
pub(crate) async fn scope(
    site: &Site,
    definition: &ClusterDefinition,
    parts: &[Part],
    demand: Demand,
) -> Result<Scope, Fault> {
    let scope = Scope::of(parts.to_vec());
    match names_something(&scope, definition, None) {
        Err(_) if !demand.is_upward() => {
            let observation = site.look_at_cloud(definition).await?;
            names_something(&scope, definition, Some(&observation))?;
        }
        result => result?,
    }
    Ok(scope)
}

/// Passes a scope of which each part names a node or mount of the definition or, if it is given, of the cloud.
///
/// # Errors
/// A usage fault that lists the names there are.
pub(crate) fn names_something(
    scope: &Scope,
    definition: &ClusterDefinition,
    observation: Option<&Observation>,
) -> Result<(), Fault> {
    let seen_nodes = observation.iter().flat_map(|seen| &seen.nodes).map(|node| node.name.clone());
    let mut nodes: Vec<NodeName> = definition.nodes.keys().cloned().collect();
    nodes.extend(seen_nodes.filter(|name| !definition.nodes.contains_key(name)));
    let seen_mounts = observation.iter().flat_map(|seen| &seen.mounts).map(|mount| &mount.key);
    let mut mounts: Vec<MountKey> = definition.mounts().map(|(key, _)| key).collect();
    mounts.extend(seen_mounts.filter(|key| definition.mount(key).is_none()).cloned());
    let is_empty = |part: &&Part| {
        !nodes.iter().any(|node| part.has_node(node))
            && !mounts.iter().any(|key| part.has_mount(key))
    };
    let Some(part) = scope.parts().iter().find(is_empty) else { return Ok(()) };
    let names: Vec<String> = if part.to_string().contains('/') {
        mounts.iter().map(ToString::to_string).collect()
    } else {
        nodes.iter().map(ToString::to_string).collect()
    };
    let place = if observation.is_some() { "this cluster" } else { "the definition" };
    let fault = Fault::usage(format!("there is nothing named like `{part}` in {place}"));
    let more = if names.len() > NAMES_MAX { ", ..." } else { "" };
    let names: Vec<String> = names.into_iter().take(NAMES_MAX).collect();
    Err(if names.is_empty() {
        fault
    } else {
        fault.hint(format!("there are {}{more}", names.join(", ")))
    })
}

/// Names the cluster, or a part of it: `gibbon` or `gibbon (worker-*)`.
pub(crate) fn named(cluster: &ClusterName, scope: &Scope) -> String {
    if scope.is_whole() {
        return cluster.to_string();
    }
    format!("{cluster} ({})", scope.words().join(", "))
}

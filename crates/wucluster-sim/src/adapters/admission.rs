//! What the simulated cloud could not carry, told before anything is asked of it.

use async_trait::async_trait;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::observation::{CloudView, InstanceState};
use wucluster_core::ports::Admission;

use super::cloud::SimCloud;

#[async_trait]
impl Admission for SimCloud {
    async fn refusals(&self, definition: &ClusterDefinition, view: &CloudView) -> Vec<String> {
        let limits = self.sim().peek(|world| world.limits().clone());
        let mut refusals = Vec::new();
        let is_unknown = |zone: &&str| limits.zones.iter().all(|known| known != zone);
        for zone in definition.zones().filter(is_unknown) {
            refusals
                .push(format!("there is no zone {zone}; there are {}", limits.zones.join(", ")));
        }
        let attachments_max = limits.attachments_per_instance_max;
        for node in definition.nodes.values().filter(|node| node.mounts.len() > attachments_max) {
            let mounts = node.mounts.len();
            refusals.push(format!(
                "{} has {mounts} mounts, and an instance takes {attachments_max} volumes",
                node.name
            ));
        }
        let is_living = |state: &InstanceState| *state != InstanceState::Terminated;
        let living = view.instances.iter().filter(|seen| is_living(&seen.state)).count();
        let wanted = definition.nodes.len();
        if wanted.max(living) > limits.instances_max {
            let instances_max = limits.instances_max;
            refusals.push(format!(
                "{wanted} nodes are more than the {instances_max} instances permitted"
            ));
        }
        refusals
    }
}

//! How long a plan takes: joining the listings with the definition, and planning a launch, for
//! clusters of 10,000 and 100,000 nodes with four mounts each, half of them there already.
//!
//! Prints the median of a few runs. Nothing is asserted.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::time::{Duration, Instant};

use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, VolumeId};
use wucluster_core::interlock::Context;
use wucluster_core::memory::Memory;
use wucluster_core::observation::{
    CloudView, InstanceSeen, InstanceState, NodeViews, Observation, VolumeSeen, VolumeState,
};
use wucluster_core::planner::plan;
use wucluster_core::policy::Policy;
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

fn main() {
    for (groups, aim) in [(1, "100 ms"), (10, "1.5 s")] {
        let definition = definition(groups);
        let view = half_there(&definition);
        let (memory, policy) = (Memory::default(), Policy::default());
        let mut joins = Vec::new();
        let mut plans = Vec::new();
        let mut actions = 0;
        for _ in 0..5 {
            let started = Instant::now();
            let observation = Observation::assemble(&definition, &view, &NodeViews::new());
            joins.push(started.elapsed());
            let started = Instant::now();
            let made = plan(&Context {
                definition: &definition,
                demand: Demand::Launched,
                observation: &observation,
                memory: &memory,
                policy: &policy,
                now: Timestamp::default(),
            });
            plans.push(started.elapsed());
            actions = made.actions.len();
        }
        println!(
            "{:>7} nodes x 4 mounts: plan {:>8.1?} (aim {aim}), join {:>8.1?}, {actions} requests",
            definition.nodes.len(),
            median(plans),
            median(joins),
        );
    }
}

/// Groups of 10,000 nodes, as many as a definition may have in one group.
fn definition(groups: usize) -> ClusterDefinition {
    let text = "[cluster]\nname = \"large\"\n[node.n]\ncount = 10000\n\
                mount.a = { at = \"/mnt/a\", size = \"1 GiB\" }\nmount.b = { at = \"/mnt/b\", size = \"1 GiB\" }\n\
                mount.c = { at = \"/mnt/c\", size = \"1 GiB\" }\nmount.d = { at = \"/mnt/d\", size = \"1 GiB\" }\n";
    let mut whole = ClusterDefinition::parse(text).expect("it is right");
    let first = whole.nodes.clone();
    for group in 1..groups {
        for node in first.values() {
            let mut node = node.clone();
            let name = node.name.as_str().replace("n-", &format!("n{group}-"));
            node.name = wucluster_core::ids::NodeName::new(name).expect("it is a name");
            whole.nodes.insert(node.name.clone(), node);
        }
    }
    whole
}

fn half_there(definition: &ClusterDefinition) -> CloudView {
    let mut view = CloudView { asked_at: Timestamp::from_millis(1), ..CloudView::default() };
    for (at, node) in definition.nodes.values().enumerate().filter(|(at, _)| at % 2 == 0) {
        view.instances.push(InstanceSeen {
            id: InstanceId::new(format!("i-{at:017x}")),
            state: InstanceState::Running,
            tags: Tags::for_node(&definition.name, &node.name),
            ssh: None,
            address: None,
            zone: None,
            instance_type: None,
            launched_at: None,
            state_reason: None,
        });
    }
    for (at, (key, _)) in definition.mounts().enumerate().filter(|(at, _)| at % 2 == 0) {
        let mut tags = Tags::for_mount(&definition.name, &key);
        tags.set(wucluster_core::tags::KEY_EPOCH, "1 live");
        tags.set(wucluster_core::tags::KEY_CONTENT, "blank");
        view.volumes.push(VolumeSeen {
            id: VolumeId::new(format!("vol-{at:017x}")),
            state: VolumeState::Available,
            size: Size::from_gib(1),
            tags,
            attachments: Vec::new(),
            from_snapshot: None,
            zone: None,
            created_at: None,
        });
    }
    view
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

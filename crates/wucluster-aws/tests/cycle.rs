//! A cluster is launched, put away and launched again by the engine, on moto's EC2 and stand-ins for its nodes.
//!
//! This shows the requests and their number, not that real machines come up: there are none.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use support::moto::{Moto, options};
use support::nodes::Nodes;
use wucluster_aws::{AwsCloud, AwsOptions};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::observation::{Observation, VolumeState};
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::Cloud as _;
use wucluster_engine::{Engine, Outcome, Pursuit, Records, Stop, SystemClock};

fn definition(nodes: usize) -> ClusterDefinition {
    let text = format!(
        r#"
[cluster]
name = "cycle"
provider = "aws"
region = "eu-central-1"
zone = "eu-central-1a"

[defaults]
image = "ami-0123456789abcdef0"
type = "t3.micro"
user = "admin"
tags = {{ project = "apes" }}

[node.n]
count = {nodes}
mount.a = {{ at = "/mnt/a", size = "1 GiB" }}
mount.b = {{ at = "/mnt/b", size = "2 GiB", fs = "xfs", volume-type = "gp3", iops = 3500, throughput = 200, encrypted = true }}
"#
    );
    ClusterDefinition::parse(&text).unwrap()
}

/// A cluster on a server of its own.
struct Bench {
    definition: ClusterDefinition,
    cloud: AwsCloud,
    nodes: Nodes,
    // Last, as it is asked until the others are gone.
    _moto: Moto,
}

impl Bench {
    fn new(nodes: usize, is_unpaced: bool) -> Self {
        let (moto, definition) = (Moto::begin(), definition(nodes));
        // What is made on moto shows itself at once, so that nobody need wait for what is hidden.
        let lag = Some(Duration::from_secs(1));
        let of = AwsOptions { visibility_lag_max: lag, is_unpaced, ..AwsOptions::of(&definition) };
        let cloud = AwsCloud::new(options(&moto.url(), of));
        let nodes = Nodes::new(moto.cloud(), &definition.name);
        Self { definition, cloud, nodes, _moto: moto }
    }

    /// Drives to a demand, and returns what is there then and how many calls of each request it took.
    async fn reach(&self, demand: Demand) -> (Observation, BTreeMap<&'static str, u64>) {
        let before = self.cloud.calls();
        let engine = Engine::new(&self.cloud, &self.nodes, &SystemClock);
        let pursuit = Pursuit {
            definition: self.definition.clone(),
            demand,
            policy: Policy { consent: Consent::Everything, ..Policy::default() },
            timeout: Some(Duration::from_secs(300)),
            wait: Duration::ZERO,
            records: Records::default(),
            tenure: None,
        };
        let ending = engine.pursue(pursuit, Stop::never(), &mut |_| {}).await;
        assert_eq!(ending.outcome, Outcome::Reached, "{demand}");
        let mut calls = self.cloud.calls();
        for (name, made) in before {
            *calls.entry(name).or_default() -= made;
        }
        calls.retain(|_, made| *made > 0);
        println!("{demand}: {calls:?}");
        (ending.observation.unwrap(), calls)
    }

    fn address(
        &self,
        observation: &Observation,
        node: &str,
    ) -> wucluster_core::action::NodeAddress {
        let name = wucluster_core::ids::NodeName::new(node).unwrap();
        let seen = observation.node(&name).unwrap().instance().unwrap();
        wucluster_core::action::NodeAddress {
            node: name,
            instance: seen.id.clone(),
            ssh: seen.ssh.clone().unwrap(),
            run: None,
        }
    }
}

#[tokio::test]
async fn three_nodes_with_two_mounts_each_come_back_with_their_data() {
    let bench = Bench::new(3, false);
    let (seen, calls) = bench.reach(Demand::Launched).await;
    for made in ["CreateVolume", "AttachVolume"] {
        assert_eq!(calls.get(made), Some(&6), "{calls:?}");
    }
    assert_eq!(calls.get("RunInstances"), Some(&1), "like nodes share it");
    let chief = bench.address(&seen, "n-1");
    assert_eq!(chief.ssh.user, "admin");
    bench.nodes.write(&chief, "/mnt/b/note", "kept").await.unwrap();

    let (away, calls) = bench.reach(Demand::Away).await;
    assert_eq!(calls.get("CreateSnapshot"), Some(&6), "{calls:?}");
    assert_eq!(calls.get("DeleteVolume"), Some(&6), "{calls:?}");
    assert!(away.nodes.iter().all(|node| node.instance().is_none()));
    let view = bench.cloud.observe(&bench.definition.name).await.unwrap();
    assert!(view.volumes.iter().all(|seen| seen.state == VolumeState::Deleted), "{view:?}");
    assert_eq!(view.snapshots.len(), 6);
    let tagged = view.snapshots.iter().filter(|seen| seen.tags.get("project") == Some("apes"));
    assert_eq!(tagged.count(), 6, "the user's own tags are on what stays");

    let (seen, _) = bench.reach(Demand::Launched).await;
    let chief = bench.address(&seen, "n-1");
    let read = bench.nodes.read(&chief, "/mnt/b/note").await.unwrap();
    assert_eq!(read.as_deref(), Some("kept"));
    let restored = seen.mounts.iter().filter_map(|mount| mount.volume()?.from_snapshot.as_ref());
    assert_eq!(restored.count(), 6, "each mount begins from its snapshot");

    let (_, calls) = bench.reach(Demand::Launched).await;
    assert!(calls.is_empty(), "what is reached is not touched again: {calls:?}");
}

/// How many calls that change something a launch and a put-away may take for each node of two mounts.
///
/// A launch: two `CreateVolume`, two `AttachVolume`, and at most two `CreateTags` that put new file systems on record: volumes
/// that come to it together share calls. A put-away: per mount a `DetachVolume`,
/// a `CreateSnapshot` and a `DeleteVolume`.
const LAUNCH_EACH: u64 = 6;
const AWAY_EACH: u64 = 6;
/// Calls that are shared by nodes: instances, seals, and terminations. Some more for those that come to their turn later.
const SHARED: u64 = 8;

#[tokio::test]
async fn a_cluster_takes_so_many_requests_per_node_and_no_more() {
    for nodes in [5_u64, 20] {
        let bench = Bench::new(usize::try_from(nodes).unwrap(), true);
        let (_, calls) = bench.reach(Demand::Launched).await;
        let made = calls.values().sum::<u64>();
        assert!(made <= LAUNCH_EACH * nodes + SHARED, "{nodes} nodes: {made}, {calls:?}");
        let (_, calls) = bench.reach(Demand::Away).await;
        let made = calls.values().sum::<u64>();
        assert!(made <= AWAY_EACH * nodes + SHARED, "{nodes} nodes: {made}, {calls:?}");
        let view = bench.cloud.observe(&bench.definition.name).await.unwrap();
        assert_eq!(view.requests, 3, "a look is three listings, whatever the cluster's size");
    }
}

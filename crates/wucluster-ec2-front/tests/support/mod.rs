//! A simulated account that the real provider reaches over HTTP.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use wucluster_aws::{AwsCloud, AwsKeys, AwsOptions};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{ClusterName, InstanceId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found};
use wucluster_core::ports::{Clock as _, Cloud, CloudError, CloudLimits, Receipt, RequestBudget};
use wucluster_ec2_front::{Front, FrontOptions};
use wucluster_sim::{Limits, Sim, World};

/// The region of all tests.
pub const REGION: &str = "eu-central-1";
/// A zone in it.
pub const ZONE: &str = "eu-central-1a";

/// How many times faster than ours the world's time passes: an hour takes 18 s.
pub const SPEED: u32 = 200;

/// How many consoles are read at once.
const CONSOLES_AT_ONCE: usize = 16;

/// A simulated account behind a server, and the provider before it.
///
/// It is the provider as it is, but for two things that the program has from elsewhere: its looks are dated by the world's
/// clock, and consoles vouch for host keys.
pub struct Site {
    pub sim: Sim,
    pub aws: AwsCloud,
    pub front: Front,
    keys: Mutex<BTreeMap<InstanceId, String>>,
}

impl Site {
    /// Puts a world behind a server, for a cluster without anything special.
    pub fn new(world: World, cluster: &str) -> Self {
        let text = format!("[cluster]\nname = \"{cluster}\"\nprovider = \"aws\"\n[node.bench]\n");
        Self::of(world, &ClusterDefinition::parse(&text).unwrap(), FrontOptions::default())
    }

    /// Puts a world behind a server, for a cluster.
    pub fn of(world: World, definition: &ClusterDefinition, options: FrontOptions) -> Self {
        Self::at_speed(world, definition, options, SPEED)
    }

    /// Does the same with another speed.
    pub fn at_speed(
        world: World,
        definition: &ClusterDefinition,
        options: FrontOptions,
        speed: u32,
    ) -> Self {
        let zones = vec![ZONE.to_owned(), format!("{REGION}b")];
        let limits = Limits { zones, ..world.limits().clone() };
        let sim = Sim::at_speed(world.with_limits(limits), speed);
        let front = Front::begin(Arc::new(sim.cloud()), options).unwrap();
        let aws = AwsCloud::new(AwsOptions {
            region: Some(REGION.to_owned()),
            endpoint_url: Some(front.url()),
            keys: Some(AwsKeys { id: "ann".to_owned(), secret: "a-secret".to_owned() }),
            // Its budgets are of our time, and the world's of the world's.
            is_unpaced: true,
            // A second of the world's.
            look_pause: Some(Duration::from_secs(1) / speed),
            ..AwsOptions::of(definition)
        });
        Self { sim, aws, front, keys: Mutex::default() }
    }

    /// Has consoles vouch for host keys, each read once, some at a time.
    async fn vouch(&self, view: &mut CloudView) -> Result<(), CloudError> {
        let with_address = || view.instances.iter().filter(|seen| seen.ssh.is_some());
        let ids: Vec<InstanceId> = with_address()
            .map(|seen| seen.id.clone())
            .filter(|id| !self.keys.lock().unwrap().contains_key(id))
            .collect();
        let read: Vec<_> = stream::iter(ids)
            .map(|id| async move { (self.aws.host_key(&id).await, id) })
            .buffer_unordered(CONSOLES_AT_ONCE)
            .collect()
            .await;
        for (key, id) in read {
            if let Some(key) = key? {
                self.keys.lock().unwrap().insert(id, key);
            }
        }
        let keys = self.keys.lock().unwrap();
        for seen in &mut view.instances {
            if let Some(ssh) = &mut seen.ssh {
                ssh.host_key = keys.get(&seen.id).cloned();
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Cloud for Site {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        let asked_at = self.sim.clock().now();
        let mut view = self.aws.observe(cluster).await?;
        view.asked_at = asked_at;
        self.vouch(&mut view).await?;
        Ok(view)
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.aws.find(id).await
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        Cloud::issue(&self.aws, actions).await
    }

    fn limits(&self) -> CloudLimits {
        self.aws.limits()
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        self.sim.cloud().budget(request)
    }

    fn soonest(&self, request: &str) -> Duration {
        self.aws.soonest(request)
    }
}

//! A simulated account that the real provider reaches over HTTP.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
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
            ..AwsOptions::of(definition)
        });
        Self { sim, aws, front, keys: Mutex::default() }
    }

    /// Has consoles vouch for host keys, each read once.
    async fn vouch(&self, view: &mut CloudView) -> Result<(), CloudError> {
        for seen in &mut view.instances {
            let Some(ssh) = &mut seen.ssh else { continue };
            let known = self.keys.lock().unwrap().get(&seen.id).cloned();
            ssh.host_key = match known {
                Some(key) => Some(key),
                None => self.aws.host_key(&seen.id).await?,
            };
            if let Some(key) = &ssh.host_key {
                self.keys.lock().unwrap().insert(seen.id.clone(), key.clone());
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
}

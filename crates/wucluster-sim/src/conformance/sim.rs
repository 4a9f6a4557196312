//! The simulator's own harness.

use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::action::NodeAddress;
use wucluster_core::ids::{ClusterName, InvalidName};
use wucluster_core::ports::{Cloud, NodeShell};

use super::harness::Harness;
use crate::adapters::{Sim, SimCloud, SimShell};

/// The simulator as a cloud under test.
#[derive(Debug)]
pub struct SimHarness {
    sim: Sim,
    cloud: SimCloud,
    shell: SimShell,
    cluster: ClusterName,
}

impl SimHarness {
    /// Makes the harness of a world for a cluster of that name.
    ///
    /// # Errors
    /// [`InvalidName`] when it is no name.
    pub fn new(sim: &Sim, cluster: &str) -> Result<Self, InvalidName> {
        let cluster = ClusterName::new(cluster)?;
        Ok(Self { sim: sim.clone(), cloud: sim.cloud(), shell: sim.shell(), cluster })
    }
}

#[async_trait]
impl Harness for SimHarness {
    fn cloud(&self) -> &dyn Cloud {
        &self.cloud
    }

    fn shell(&self) -> &dyn NodeShell {
        &self.shell
    }

    fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    async fn write(&self, node: &NodeAddress, path: &str, data: &str) -> Result<(), String> {
        let written = self.sim.with(|world| world.write_path(&node.instance, path, data));
        written.map_err(|error| error.to_string())
    }

    async fn read(&self, node: &NodeAddress, path: &str) -> Result<Option<String>, String> {
        let read = self.sim.with(|world| world.read_path(&node.instance, path));
        read.map_err(|error| error.to_string())
    }
}

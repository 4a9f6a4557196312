//! What a cloud must lend to the suite.

use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::action::NodeAddress;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::ids::ClusterName;
use wucluster_core::ports::{Cloud, NodeShell};

/// A cloud under test.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Returns the cloud.
    fn cloud(&self) -> &dyn Cloud;

    /// Returns the way into its nodes.
    fn shell(&self) -> &dyn NodeShell;

    /// Returns the name of a cluster of which nothing exists.
    fn cluster(&self) -> &ClusterName;

    /// Returns the machine to test with.
    fn machine(&self) -> MachineDefinition {
        MachineDefinition::default()
    }

    /// Returns the zone to test in; `None`: the cloud's own choice.
    fn zone(&self) -> Option<String> {
        None
    }

    /// Returns how long the suite pauses between two looks.
    fn pause(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Returns how many looks the suite takes before it gives up on a condition.
    fn looks_max(&self) -> usize {
        600
    }

    /// Returns after that time.
    async fn sleep(&self, span: Duration);

    /// Writes a file on a node, without any sync.
    ///
    /// # Errors
    /// Says in words why it could not be written.
    async fn write(&self, node: &NodeAddress, path: &str, data: &str) -> Result<(), String>;

    /// Reads a file on a node. `None`: there is none.
    ///
    /// # Errors
    /// Says in words why it could not be read.
    async fn read(&self, node: &NodeAddress, path: &str) -> Result<Option<String>, String>;
}

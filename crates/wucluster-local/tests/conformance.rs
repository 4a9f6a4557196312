//! The suite that every cloud has to pass, on real machines reached by the engine's ssh.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use support::Host;
use wucluster_core::action::NodeAddress;
use wucluster_core::ids::ClusterName;
use wucluster_core::ports::{Cloud, NodeShell};
use wucluster_engine::SystemClock;
use wucluster_engine::ssh::{SshOptions, SshShell};
use wucluster_sim::conformance::{self, Harness};

struct Machines {
    host: Host,
    shell: SshShell,
}

#[async_trait]
impl Harness for Machines {
    fn cloud(&self) -> &dyn Cloud {
        &self.host.cloud
    }

    fn shell(&self) -> &dyn NodeShell {
        &self.shell
    }

    fn cluster(&self) -> &ClusterName {
        &self.host.cluster
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(300)
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    async fn write(&self, node: &NodeAddress, path: &str, data: &str) -> Result<(), String> {
        let script = format!("printf %s '{data}' >'{path}'");
        self.host.ssh(&node.instance, &script).await.map(drop)
    }

    async fn read(&self, node: &NodeAddress, path: &str) -> Result<Option<String>, String> {
        let script = format!("if [ -e '{path}' ]; then printf there; cat '{path}'; fi");
        let said = self.host.ssh(&node.instance, &script).await?;
        Ok(said.strip_prefix("there").map(str::to_owned))
    }
}

#[tokio::test]
async fn the_local_cloud_passes_the_suite() {
    let host = Host::new().await;
    let dir = tempfile::tempdir().unwrap();
    let options =
        SshOptions::new(host.cluster.clone(), dir.path().join("r"), dir.path().join("known"));
    let shell = SshShell::new(options, Arc::new(SystemClock)).unwrap();
    let machines = Machines { host, shell };
    let report = conformance::run(&machines).await;
    println!("{report}");
    assert!(report.is_ok(), "{report}");
}

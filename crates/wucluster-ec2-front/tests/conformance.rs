//! The suite that every cloud has to pass, through the SDK and over HTTP, against a cloud that heeds EC2's rules.
//!
//! The suite of the simulator itself says what the simulator does; here it says what of it comes through the provider.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use std::time::Duration;

use async_trait::async_trait;
use support::{SPEED, Site, ZONE};
use wucluster_core::action::NodeAddress;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::ids::ClusterName;
use wucluster_core::ports::{Cloud, NodeShell};
use wucluster_sim::conformance::{self, Harness};
use wucluster_sim::{SimShell, World};

/// The cases that fail, each with why. The test is that it is these and no others.
const DIVERGENCES: &[(&str, &str)] = &[];

struct OnFront {
    site: Site,
    shell: SimShell,
    cluster: ClusterName,
}

#[async_trait]
impl Harness for OnFront {
    fn cloud(&self) -> &dyn Cloud {
        &self.site
    }

    fn shell(&self) -> &dyn NodeShell {
        &self.shell
    }

    fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    fn machine(&self) -> MachineDefinition {
        MachineDefinition {
            image: Some("ami-0123456789abcdef0".to_owned()),
            instance_type: Some("t3.micro".to_owned()),
            ..MachineDefinition::default()
        }
    }

    fn zone(&self) -> Option<String> {
        Some(ZONE.to_owned())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span / SPEED).await;
    }

    async fn write(&self, node: &NodeAddress, path: &str, data: &str) -> Result<(), String> {
        let written = self.site.sim.with(|world| world.write_path(&node.instance, path, data));
        written.map_err(|error| error.to_string())
    }

    async fn read(&self, node: &NodeAddress, path: &str) -> Result<Option<String>, String> {
        let read = self.site.sim.with(|world| world.read_path(&node.instance, path));
        read.map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn the_provider_passes_the_suite_on_a_cloud_that_heeds_tokens() {
    let site = Site::new(World::new(1), "conformance");
    let (shell, cluster) = (site.sim.shell(), ClusterName::new("conformance").unwrap());
    let on_front = OnFront { site, shell, cluster };
    let report = conformance::run(&on_front).await;
    println!("{report}\n{:?}", on_front.site.front.requests());
    let failed: Vec<&str> = report.failed.iter().map(|(name, _)| *name).collect();
    let expected: Vec<&str> = DIVERGENCES.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, expected, "{report}");
    assert!(report.passed.len() > 45, "{report}");
    assert_eq!(on_front.site.front.misunderstood(), Vec::<String>::new());
    assert!(on_front.site.front.requests()["GetConsoleOutput"] > 0, "host keys come from consoles");
}

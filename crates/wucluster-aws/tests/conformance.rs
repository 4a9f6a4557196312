//! The suite that every cloud has to pass, against moto's EC2, with what moto does otherwise than EC2.
//!
//! Moto shows that requests and answers have the right shape. It heeds no token and checks no attachment, so that it
//! shows nothing about safety; and it has no machines, so that cases about nodes are about stand-ins.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use std::time::Duration;

use async_trait::async_trait;
use support::moto::{Moto, ZONE};
use support::nodes::Nodes;
use wucluster_core::action::NodeAddress;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::ids::ClusterName;
use wucluster_core::ports::{Cloud, NodeShell};
use wucluster_sim::conformance::{self, Harness};

/// The cases that fail, each with what moto does instead. The test is that it is these and no others.
const DIVERGENCES: &[(&str, &str)] = &[
    ("an_instance_runs_and_answers", "not moto's: no listing of EC2 has host keys"),
    ("the_same_token_gives_the_same_instance", "it heeds no token"),
    ("the_same_token_gives_the_same_volume", "it heeds no token"),
    ("a_used_token_with_other_parameters_is_refused", "it heeds no token"),
    ("the_token_of_a_deleted_volume_is_burned", "it heeds no token"),
    ("a_volume_never_shrinks", "it makes the volume smaller"),
    ("an_attached_volume_is_not_attached_again", "it attaches what is attached"),
    ("a_free_volume_cannot_be_detached", "it says InvalidAttachment.NotFound, not IncorrectState"),
    ("a_volume_smaller_than_its_snapshot_is_refused", "it makes the volume smaller"),
    ("a_terminated_instance_lets_its_volumes_go", "it cannot let go what it attached twice"),
    ("a_terminated_instance_answers_nobody", "it is not terminated, for the same reason"),
    ("the_token_of_a_terminated_instance_is_burned", "it heeds no token"),
    ("nothing_is_left", "what it attached twice is never free"),
];

struct OnMoto {
    nodes: Nodes,
    cluster: ClusterName,
}

#[async_trait]
impl Harness for OnMoto {
    fn cloud(&self) -> &dyn Cloud {
        &self.nodes
    }

    fn shell(&self) -> &dyn NodeShell {
        &self.nodes
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

    fn pause(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn looks_max(&self) -> usize {
        20
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    async fn write(&self, node: &NodeAddress, path: &str, data: &str) -> Result<(), String> {
        self.nodes.write(node, path, data).await
    }

    async fn read(&self, node: &NodeAddress, path: &str) -> Result<Option<String>, String> {
        self.nodes.read(node, path).await
    }
}

#[tokio::test]
async fn the_suite_passes_but_for_what_moto_does_otherwise() {
    let moto = Moto::begin();
    let cluster = ClusterName::new("conformance").unwrap();
    let nodes = Nodes::new(moto.cloud(), &cluster);
    let report = conformance::run(&OnMoto { nodes, cluster }).await;
    println!("{report}");
    let failed: Vec<&str> = report.failed.iter().map(|(name, _)| *name).collect();
    let expected: Vec<&str> = DIVERGENCES.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, expected, "{report}");
    assert!(report.passed.len() > 25, "{report}");
}

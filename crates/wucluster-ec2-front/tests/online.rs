//! What is asked before a launch, and the network that is the cluster's own, on a simulated account.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod support;

use std::collections::BTreeMap;

use support::Site;
use wucluster_aws::{Finding, Verdict};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{ClusterName, InstanceId, NodeName};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::InstanceState;
use wucluster_core::ports::{Cloud as _, Receipt};
use wucluster_core::tags::Tags;
use wucluster_ec2_front::FrontOptions;
use wucluster_sim::{Durations, Limits, World};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ann";

fn definition() -> ClusterDefinition {
    let text = r#"
[cluster]
name = "gibbon"
provider = "aws"
region = "eu-central-1"
zone = "eu-central-1a"
network = "managed"
ssh-from = ["203.0.113.0/24"]
[node.n]
count = 2
image = "ami-0123456789abcdef0"
type = "t3.micro"
mount.home = { at = "/mnt/home", size = "1 GiB" }
"#;
    ClusterDefinition::parse(text).unwrap()
}

fn site(definition: &ClusterDefinition, quota: f64) -> Site {
    let world = World::new(1).with_durations(Durations::fast()).with_limits(Limits::generous());
    let quotas = BTreeMap::from([("L-1216C47A".to_owned(), quota)]);
    Site::of(world, definition, FrontOptions { quotas, ..FrontOptions::default() })
}

fn told<'a>(findings: &'a [Finding], about: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.about.starts_with(about));
    found.unwrap_or_else(|| panic!("nothing about {about}: {findings:#?}"))
}

/// Asks all that is asked before a launch, of which the server must understand everything.
async fn survey(site: &Site, definition: &ClusterDefinition) -> Vec<Finding> {
    let (_, mut findings) = site.aws.survey(definition).await.unwrap();
    findings.extend(site.aws.survey_network(&[KEY.to_owned()]).await.unwrap());
    assert_eq!(site.front.misunderstood(), Vec::<String>::new());
    findings
}

async fn run(site: &Site, definition: &ClusterDefinition) -> InstanceId {
    let (cluster, node) = (ClusterName::new("gibbon").unwrap(), NodeName::new("n-1").unwrap());
    let action = CloudAction::RunInstance {
        machine: definition.nodes[&node].machine.clone(),
        zone: definition.zone.clone(),
        tags: Tags::for_node(&cluster, &node),
        token: "a".to_owned(),
        together: None,
        node,
    };
    match site.aws.issue(&[Cleared::unguarded(action)]).await.remove(0).unwrap() {
        Receipt::Instance(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Looks until the one instance has come to a state.
async fn until(site: &Site, definition: &ClusterDefinition, state: InstanceState) {
    loop {
        let view = site.aws.observe(&definition.name).await.unwrap();
        if view.instances.iter().all(|seen| seen.state == state) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_asked_before_a_launch_and_the_network_is_made_used_and_put_away() {
    let definition = definition();
    let site = site(&definition, 4.0);
    let before = survey(&site, &definition).await;
    let bad =
        before.iter().filter(|one| matches!(one.verdict, Verdict::Wrong | Verdict::Forbidden));
    assert_eq!(bad.count(), 0, "{before:#?}");
    assert_eq!(told(&before, "quota L-1216C47A").verdict, Verdict::Fine);
    // Nothing was made by asking.
    let seen = site.aws.network_seen(&definition.name).await.unwrap();
    assert!(seen.groups.is_empty() && seen.keys.is_empty(), "{seen:?}");

    let from = ["203.0.113.0/24".parse().unwrap()];
    let network = site.aws.make_network(&from, &[KEY.to_owned()]).await;
    site.aws.settle_network(network);
    let instance = run(&site, &definition).await;
    until(&site, &definition, InstanceState::Running).await;
    // What runs is a node's, and needed once.
    let during = survey(&site, &definition).await;
    assert_eq!(told(&during, "quota L-1216C47A").verdict, Verdict::Fine, "{during:#?}");
    assert!(told(&during, "security group wucluster-gibbon").what.contains("203.0.113.0/24"));
    assert_eq!(told(&during, "ec2:RunInstances").verdict, Verdict::Fine);

    // Another address comes in, and the one before goes.
    let elsewhere = ["198.51.100.7".parse().unwrap()];
    let changed = site.aws.let_in(&definition.name, &elsewhere).await.unwrap();
    assert_eq!((changed.opened.len(), changed.closed.len()), (1, 1));

    let error = site.aws.remove_network(&definition.name).await.unwrap_err();
    assert_eq!(error.code, "NetworkInUse", "{error}");
    let node = NodeName::new("n-1").unwrap();
    let end = CloudAction::TerminateInstance { node, instance };
    site.aws.issue(&[Cleared::unguarded(end)]).await.remove(0).unwrap();
    until(&site, &definition, InstanceState::Terminated).await;
    let removed = site.aws.remove_network(&definition.name).await.unwrap();
    assert_eq!((removed.groups.len(), removed.keys.len()), (1, 1));
    let seen = site.aws.network_seen(&definition.name).await.unwrap();
    assert!(seen.groups.is_empty() && seen.keys.is_empty(), "{seen:?}");
    assert_eq!(site.front.misunderstood(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_too_small_is_told_before_anything_is_made() {
    let definition = definition();
    let site = site(&definition, 3.0);
    let findings = survey(&site, &definition).await;
    let finding = told(&findings, "quota L-1216C47A");
    assert_eq!(finding.verdict, Verdict::Wrong);
    assert!(finding.what.ends_with("4 vCPU needed, of 3 vCPU"), "{finding:?}");
    let fix = finding.fix.as_deref().unwrap_or_default();
    assert!(fix.contains("--quota-code L-1216C47A --desired-value 4,"), "{fix}");
}

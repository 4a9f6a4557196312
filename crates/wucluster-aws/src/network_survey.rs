//! What can be known before a launch about the network that is the cluster's own: asked, judged, and tried with dry runs.

use aws_sdk_ec2::types::{KeyPairInfo, SecurityGroup};
use wucluster_core::definition::AddressBlock;
use wucluster_core::ports::{CloudError, ErrorClass};

use crate::calls::Call;
use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::dry_runs::{Tried, about_what_is_there, made};
use crate::network::{self, Whose};
use crate::network_plan::{Network, NetworkPlan};
use crate::public_keys;
use crate::survey::Finding;

/// A public key for an upload that is only asked about: 32 zeros.
const ANY_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA wucluster";
/// An address for a rule that is only asked about. Source: RFC 5737, addresses for documentation.
const ANY_ADDRESS: &str = "203.0.113.7/32";
/// What may be asked about only with a group at hand.
const ABOUT_THE_GROUP: [Call; 3] = [
    Call::AuthorizeSecurityGroupIngress,
    Call::RevokeSecurityGroupIngress,
    Call::DeleteSecurityGroup,
];

/// What is there under the names of the network, whosever it is.
#[derive(Debug, Default)]
pub(crate) struct NetworkFacts {
    pub(crate) group: Option<SecurityGroup>,
    pub(crate) key: Option<KeyPairInfo>,
}

impl AwsCloud {
    /// Asks about the network that is the cluster's own, and judges it. `keys` are public keys of the caller.
    ///
    /// # Errors
    /// When AWS cannot be asked at all.
    pub async fn survey_network(&self, keys: &[String]) -> Result<Vec<Finding>, CloudError> {
        let Some(plan) = &self.options.network else { return Ok(Vec::new()) };
        let clients = self.clients().await?;
        let mut findings = Vec::new();
        if plan.needs_group() {
            findings.push(self.group_finding(clients, plan).await);
        }
        if plan.needs_key() {
            let about = format!("key pair {}", plan.name());
            findings.push(match self.keys_named(clients, plan.cluster()).await {
                Err(error) => refused(about, error),
                Ok(there) => key_finding(about, plan, there.first(), keys),
            });
        }
        Ok(findings)
    }

    async fn group_finding(&self, clients: &Clients, plan: &NetworkPlan) -> Finding {
        let about = format!("security group {}", plan.name());
        let vpc = match self.vpc_of(clients, plan).await {
            Ok(vpc) => vpc,
            Err(error) => return refused(about, error),
        };
        let groups = match self.groups_named(clients, plan.cluster()).await {
            Ok(groups) => groups,
            Err(error) => return refused(about, error),
        };
        let Some(group) = groups.iter().find(|group| group.vpc_id() == Some(vpc.as_str())) else {
            return Finding::fine(about, format!("a launch makes it in {vpc}"));
        };
        let id = group.group_id().unwrap_or_default();
        match Whose::of(group.tags(), plan.cluster()) {
            Whose::Others => {
                refused(about, network::foreign_group(&plan.name(), id, plan.cluster()))
            }
            Whose::Ours => {
                let from: Vec<String> =
                    network::lets_in(group).iter().map(AddressBlock::to_string).collect();
                let from = if from.is_empty() { "nowhere".to_owned() } else { from.join(", ") };
                Finding::fine(about, format!("{id} in {vpc}, it lets ssh in from {from}"))
            }
        }
    }

    /// Finds what of the network is there; instances that are only tried are run with that.
    pub(crate) async fn settle_what_is_there(&self, clients: &Clients) -> NetworkFacts {
        let Some(plan) = &self.options.network else { return NetworkFacts::default() };
        let mut facts = NetworkFacts::default();
        // What cannot be asked is told by the survey.
        if plan.needs_group()
            && let Ok(vpc) = self.vpc_of(clients, plan).await
            && let Ok(groups) = self.groups_named(clients, plan.cluster()).await
        {
            facts.group = groups.into_iter().find(|group| group.vpc_id() == Some(vpc.as_str()));
        }
        if plan.needs_key()
            && let Ok(keys) = self.keys_named(clients, plan.cluster()).await
        {
            facts.key = keys.into_iter().next();
        }
        let group = facts.group.as_ref().and_then(SecurityGroup::group_id).map(str::to_owned);
        let key = facts.key.as_ref().and_then(KeyPairInfo::key_name).map(str::to_owned);
        self.settle_network(Ok(Network { group, key }));
        facts
    }

    /// Tries the calls about the network.
    pub(crate) async fn trials_of_network(
        &self,
        clients: &Clients,
        facts: &NetworkFacts,
    ) -> Vec<Finding> {
        let Some(plan) = &self.options.network else { return Vec::new() };
        let ec2 = &clients.changes;
        let mut findings = Vec::new();
        let mut later: Vec<Call> = Vec::new();
        if plan.needs_group() {
            // Without one it is asked about EC2's own; why there is none, the finding about the group tells.
            let vpc = self.vpc_of(clients, plan).await.ok();
            let request = network::creation(ec2, plan, vpc.as_deref()).dry_run(true);
            let tried = self.verdict("CreateSecurityGroup", request.send().await.map(drop)).await;
            findings.push(makes(Call::CreateSecurityGroup, tried));
            match facts.group.as_ref().and_then(SecurityGroup::group_id) {
                None => later.extend(ABOUT_THE_GROUP),
                Some(id) => findings.extend(self.trials_on_group(clients, id).await),
            }
        }
        if plan.needs_key() {
            let request = network::upload(ec2, plan, ANY_KEY).dry_run(true);
            let tried = self.verdict("ImportKeyPair", request.send().await.map(drop)).await;
            findings.push(makes(Call::ImportKeyPair, tried));
            match facts.key.as_ref().and_then(KeyPairInfo::key_name) {
                None => later.push(Call::DeleteKeyPair),
                Some(name) => {
                    let request = ec2.delete_key_pair().key_name(name).dry_run(true);
                    let tried = self.verdict("DeleteKeyPair", request.send().await.map(drop)).await;
                    findings.push(about_what_is_there(Call::DeleteKeyPair, tried));
                }
            }
        }
        if !later.is_empty() {
            let calls: Vec<String> = later.into_iter().map(Call::permission).collect();
            let what = format!(
                "{}: they can be tried when the cluster has a security group and a key pair of its own",
                calls.join(", ")
            );
            findings.push(Finding::unknown("permissions", what));
        }
        findings
    }

    async fn trials_on_group(&self, clients: &Clients, id: &str) -> Vec<Finding> {
        let ec2 = &clients.changes;
        let rule = || ANY_ADDRESS.parse().ok().map(|block| network::rule(&block));
        let mut findings = Vec::new();
        for call in ABOUT_THE_GROUP {
            let name = call.name();
            let tried = match call {
                Call::AuthorizeSecurityGroupIngress => {
                    let request = ec2.authorize_security_group_ingress().group_id(id);
                    let request = request.set_ip_permissions(rule().map(|rule| vec![rule]));
                    self.verdict(name, request.dry_run(true).send().await.map(drop)).await
                }
                Call::RevokeSecurityGroupIngress => {
                    let request = ec2.revoke_security_group_ingress().group_id(id);
                    let request = request.set_ip_permissions(rule().map(|rule| vec![rule]));
                    self.verdict(name, request.dry_run(true).send().await.map(drop)).await
                }
                Call::DeleteSecurityGroup => {
                    let request = ec2.delete_security_group().group_id(id);
                    self.verdict(name, request.dry_run(true).send().await.map(drop)).await
                }
                _ => continue,
            };
            findings.push(about_what_is_there(call, tried));
        }
        findings
    }
}

/// Judges a call that makes something which may be there already.
fn makes(call: Call, tried: Tried) -> Finding {
    match tried {
        Tried::Refused(error) if error.code.ends_with(".Duplicate") => {
            Finding::fine(call.permission(), "permitted; what it makes is there")
        }
        tried => made(call.permission(), tried),
    }
}

fn key_finding(
    about: String,
    plan: &NetworkPlan,
    there: Option<&KeyPairInfo>,
    keys: &[String],
) -> Finding {
    let best = keys.first();
    let Some(there) = there else {
        return match best.map(|key| public_keys::check_key(key)) {
            Some(Ok(())) => Finding::fine(about, "a launch uploads your public key"),
            Some(Err(error)) => refused(about, error),
            None => refused(about, public_keys::no_key()),
        };
    };
    match public_keys::judge_key(&plan.name(), there, keys, plan.cluster()) {
        Ok(()) => {
            let print = there.key_fingerprint().unwrap_or("?");
            Finding::fine(about, format!("it is there, with fingerprint {print}"))
        }
        Err(error) => refused(about, error),
    }
}

/// Tells what keeps the network from being made.
fn refused(about: String, error: CloudError) -> Finding {
    match error.class {
        ErrorClass::Permanent => Finding::wrong(about, error.message),
        _ => Finding::unasked(about, &error),
    }
}

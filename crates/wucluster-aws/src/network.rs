//! The network that is the cluster's own: a security group that lets ssh in, and a key pair.
//!
//! Ours is what has the name and carries the cluster's tag, which it got as it was made. What has only one of them is
//! somebody else's, and is never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::operation::create_security_group::builders::CreateSecurityGroupFluentBuilder;
use aws_sdk_ec2::operation::import_key_pair::builders::ImportKeyPairFluentBuilder;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, KeyPairInfo, Reservation, ResourceType,
    SecurityGroup, Tag,
};
use wucluster_core::definition::{AddressBlock, Ec2Machine};
use wucluster_core::ids::ClusterName;
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::tags::{KEY_CLUSTER, KEY_NAME, KEY_SCHEMA, SCHEMA, Tags};

use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::instances::tagged;
use crate::network_plan::{LetIn, Network, NetworkPlan, NetworkSeen, name_of};
use crate::public_keys::{check_key, judge_key, no_key};
use crate::{errors, late};

/// What the group is for. EC2 wants a description, and never lets it be changed.
const DESCRIPTION: &str = "ssh to the nodes of a cluster of wucluster";
/// What a rule of ours says. Others are left as they are.
const RULE: &str = "wucluster: ssh";
/// The port of ssh.
const SSH: i32 = 22;
/// Whose something of that name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Ours,
    Others,
}

impl Whose {
    pub(crate) fn of(tags: &[Tag], cluster: &ClusterName) -> Self {
        let is_ours =
            |tag: &Tag| tag.key() == Some(KEY_CLUSTER) && tag.value() == Some(cluster.as_str());
        if tags.iter().any(is_ours) { Self::Ours } else { Self::Others }
    }
}

fn tags_of(cluster: &ClusterName) -> Tags {
    let mut tags = Tags::default();
    tags.set(KEY_SCHEMA, SCHEMA.to_string());
    tags.set(KEY_CLUSTER, cluster.as_str());
    tags.set(KEY_NAME, name_of(cluster));
    tags
}

fn filter(name: &str, value: impl Into<String>) -> Filter {
    Filter::builder().name(name).values(value).build()
}

impl AwsCloud {
    /// Makes what is missing of the network of the definition, and has the group let in who is to be let in; instances are
    /// then run with both. Whoever asks again gets the same.
    ///
    /// `keys` are public keys of the caller, the best one first: it is uploaded where no key is there. A key that is there
    /// must be one of them.
    ///
    /// # Errors
    /// [`CloudError`]: `ForeignSecurityGroup`, `OtherKeyPair`, `NoPublicKey`, `SeveralNetworks`, `NoDefaultNetwork`, or
    /// what AWS said. What was made stays, and is found by the next try.
    pub async fn make_network(
        &self,
        from: &[AddressBlock],
        keys: &[String],
    ) -> Result<Network, CloudError> {
        let Some(plan) = &self.options.network else { return Ok(Network::default()) };
        let clients = self.clients().await?;
        let made = late::since(SystemTime::now(), async {
            let group = match plan.needs_group() {
                true => Some(self.group(clients, plan, from).await?),
                false => None,
            };
            let key = match plan.needs_key() {
                true => Some(self.key(clients, plan, keys).await?),
                false => None,
            };
            Ok(Network { group, key })
        });
        match made.await {
            Ok(network) => Ok(network),
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Takes up with what instances are to be run, or why that is not known.
    pub fn settle_network(&self, network: Result<Network, CloudError>) {
        self.memory().network = Some(network);
    }

    /// Returns groups and key of an instance to be run: its own ones, and where it names none those of the managed network.
    pub(crate) fn ways_in(
        &self,
        machine: &Ec2Machine,
    ) -> Result<(Vec<String>, Option<String>), CloudError> {
        let (groups, key) = (machine.security_groups.clone(), machine.key.clone());
        if self.options.network.is_none() || (!groups.is_empty() && key.is_some()) {
            return Ok((groups, key));
        }
        let settled = self.memory().network.clone();
        let network = settled.unwrap_or_else(|| {
            Err(errors::unaskable("NetworkNotSettled", "its network was not settled"))
        })?;
        let groups = if groups.is_empty() { network.group.into_iter().collect() } else { groups };
        Ok((groups, key.or(network.key)))
    }

    /// Says whether an instance is to be run with something that is not there yet.
    pub(crate) fn lacks_ways_in(&self, machine: &Ec2Machine) -> bool {
        self.options.network.is_some()
            && self.ways_in(machine).is_ok_and(|(groups, key)| groups.is_empty() || key.is_none())
    }

    /// Has what is said of a key that wucluster just uploaded tried again: EC2 may not see it for a moment.
    pub(crate) fn as_of_new_key(&self, machine: &Ec2Machine, error: CloudError) -> CloudError {
        let is_managed = self.options.network.is_some() && machine.key.is_none();
        if is_managed && error.code == "InvalidKeyPair.NotFound" {
            return CloudError { class: ErrorClass::Retry, ..error };
        }
        error
    }

    /// Has the groups that are there let in who is to be let in, and nobody else whom wucluster once let in. Makes none.
    ///
    /// # Errors
    /// What AWS said.
    pub async fn let_in(
        &self,
        cluster: &ClusterName,
        from: &[AddressBlock],
    ) -> Result<LetIn, CloudError> {
        let clients = self.clients().await?;
        let changed = late::since(SystemTime::now(), async {
            let mut changed = LetIn::default();
            for group in self.groups_named(clients, cluster).await? {
                if Whose::of(group.tags(), cluster) == Whose::Ours {
                    let one = self.let_into(clients, &group, from).await?;
                    changed.opened.extend(one.opened);
                    changed.closed.extend(one.closed);
                }
            }
            Ok(changed)
        });
        match changed.await {
            Ok(changed) => Ok(changed),
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Finds what of the cluster's own network is there.
    ///
    /// # Errors
    /// What AWS said.
    pub async fn network_seen(&self, cluster: &ClusterName) -> Result<NetworkSeen, CloudError> {
        let clients = self.clients().await?;
        let groups = self.groups_named(clients, cluster).await?;
        let keys = self.keys_named(clients, cluster).await?;
        let groups = groups.iter().filter(|group| Whose::of(group.tags(), cluster) == Whose::Ours);
        let keys = keys.iter().filter(|key| Whose::of(key.tags(), cluster) == Whose::Ours);
        Ok(NetworkSeen {
            groups: groups.filter_map(SecurityGroup::group_id).map(str::to_owned).collect(),
            keys: keys.filter_map(KeyPairInfo::key_name).map(str::to_owned).collect(),
        })
    }

    /// Deletes the cluster's own network, but for a group that an instance uses; returns what was deleted.
    ///
    /// # Errors
    /// [`CloudError`]: `NetworkInUse` when an instance uses the group, whosever it is; `DependencyViolation`, to be tried
    /// again, while one that was terminated lingers or something else uses it; or what AWS said.
    pub async fn remove_network(&self, cluster: &ClusterName) -> Result<NetworkSeen, CloudError> {
        let clients = self.clients().await?;
        let seen = self.network_seen(cluster).await?;
        let removed = late::since(SystemTime::now(), async {
            for group in &seen.groups {
                self.is_unused(clients, group).await?;
                let answer = clients.changes.delete_security_group().group_id(group).send().await;
                match translated("DeleteSecurityGroup", answer) {
                    Err(error) if error.code == "InvalidGroup.NotFound" => {}
                    answer => drop(answer?),
                }
            }
            for name in &seen.keys {
                let answer = clients.changes.delete_key_pair().key_name(name).send().await;
                match translated("DeleteKeyPair", answer) {
                    Err(error) if error.code == "InvalidKeyPair.NotFound" => {}
                    answer => drop(answer?),
                }
            }
            Ok(())
        });
        match removed.await {
            Ok(()) => Ok(seen),
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Passes a group that no instance uses.
    async fn is_unused(&self, clients: &Clients, group: &str) -> Result<(), CloudError> {
        let of_group = filter("instance.group-id", group);
        // Of one that is shutting down, EC2 itself says when the group is free.
        let there = ["pending", "running", "stopping", "stopped"].map(str::to_owned);
        let there =
            Filter::builder().name("instance-state-name").set_values(Some(there.to_vec())).build();
        let request = clients.looks.describe_instances().filters(of_group).filters(there);
        let answer = translated("DescribeInstances", request.send().await)?;
        let users = answer.reservations().iter().flat_map(Reservation::instances);
        let users: Vec<&str> = users.filter_map(|user| user.instance_id()).collect();
        if users.is_empty() && answer.next_token().is_none_or(str::is_empty) {
            return Ok(());
        }
        Err(errors::unaskable(
            "NetworkInUse",
            format!(
                "{} uses security group {group}, which stays with its key pair",
                users.join(", ")
            ),
        ))
    }

    /// Lists the groups of the cluster's name, whosever they are. Names are unique within a network.
    pub(crate) async fn groups_named(
        &self,
        clients: &Clients,
        cluster: &ClusterName,
    ) -> Result<Vec<SecurityGroup>, CloudError> {
        let named = filter("group-name", name_of(cluster));
        let answer = clients.looks.describe_security_groups().filters(named).send().await;
        Ok(translated("DescribeSecurityGroups", answer)?.security_groups.unwrap_or_default())
    }

    /// Lists the key pairs of the cluster's name, whosever they are.
    pub(crate) async fn keys_named(
        &self,
        clients: &Clients,
        cluster: &ClusterName,
    ) -> Result<Vec<KeyPairInfo>, CloudError> {
        let named = filter("key-name", name_of(cluster));
        let request = clients.looks.describe_key_pairs().filters(named).include_public_key(true);
        Ok(translated("DescribeKeyPairs", request.send().await)?.key_pairs.unwrap_or_default())
    }

    /// Finds the network (VPC) in which the group must be.
    pub(crate) async fn vpc_of(
        &self,
        clients: &Clients,
        plan: &NetworkPlan,
    ) -> Result<String, CloudError> {
        let mut found = BTreeSet::new();
        if !plan.subnets.is_empty() {
            let ids = plan.subnets.iter().cloned().collect();
            let of_nodes = Filter::builder().name("subnet-id").set_values(Some(ids)).build();
            let answer = clients.looks.describe_subnets().filters(of_nodes).send().await;
            let subnets = translated("DescribeSubnets", answer)?.subnets.unwrap_or_default();
            for id in &plan.subnets {
                let subnet = subnets.iter().find(|one| one.subnet_id() == Some(id.as_str()));
                let vpc = subnet.and_then(|subnet| subnet.vpc_id()).ok_or_else(|| {
                    let why = format!(
                        "there is no subnet {id} in this region; mend it in the definition"
                    );
                    errors::unaskable("InvalidSubnetID.NotFound", why)
                })?;
                found.insert(vpc.to_owned());
            }
        }
        if plan.is_in_default {
            let mut request =
                clients.looks.describe_subnets().filters(filter("default-for-az", "true"));
            if let Some(zone) = &plan.zone {
                request = request.filters(filter("availability-zone", zone));
            }
            let answer = translated("DescribeSubnets", request.send().await)?;
            let vpc = answer.subnets().iter().find_map(|subnet| subnet.vpc_id());
            let vpc = vpc.ok_or_else(|| {
                let place = plan.zone.as_deref().unwrap_or("this region");
                let why = format!(
                    "the account has no default subnet in {place}: give the nodes a `subnet`"
                );
                errors::unaskable("NoDefaultNetwork", why)
            })?;
            found.insert(vpc.to_owned());
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (one, other) => {
                let names: Vec<String> = one.into_iter().chain(other).chain(found).collect();
                let why = format!(
                    "the subnets of the nodes are of several networks ({}), and a security group is of one: give each node \
                     `security-groups` of its own",
                    names.join(", ")
                );
                Err(errors::unaskable("SeveralNetworks", why))
            }
        }
    }

    /// Finds or makes the group, and has it let in who is to be let in.
    async fn group(
        &self,
        clients: &Clients,
        plan: &NetworkPlan,
        from: &[AddressBlock],
    ) -> Result<String, CloudError> {
        let vpc = self.vpc_of(clients, plan).await?;
        let name = plan.name();
        let groups = self.groups_named(clients, &plan.cluster).await?;
        let there = groups.into_iter().find(|group| group.vpc_id() == Some(vpc.as_str()));
        let group = match there {
            Some(group) => {
                let id = group.group_id().unwrap_or_default();
                if Whose::of(group.tags(), &plan.cluster) == Whose::Others {
                    return Err(foreign_group(&name, id, &plan.cluster));
                }
                group
            }
            None => {
                let request = creation(&clients.changes, plan, Some(&vpc));
                let answer = translated("CreateSecurityGroup", request.send().await)?;
                let Some(id) = answer.group_id() else {
                    return Err(errors::garbled(
                        "CreateSecurityGroup",
                        "the answer names no group",
                    ));
                };
                SecurityGroup::builder().group_id(id).build()
            }
        };
        self.let_into(clients, &group, from).await?;
        Ok(group.group_id().unwrap_or_default().to_owned())
    }

    /// Has a group of ours let in who is to be let in: first those who are missing, so that nobody is shut out in between.
    async fn let_into(
        &self,
        clients: &Clients,
        group: &SecurityGroup,
        from: &[AddressBlock],
    ) -> Result<LetIn, CloudError> {
        let id = group.group_id().unwrap_or_default();
        let there = rules(group);
        let is_there = |block: &AddressBlock| there.iter().any(|rule| rule.from == *block);
        let opened: Vec<AddressBlock> =
            from.iter().filter(|block| !is_there(block)).copied().collect();
        let closed: Vec<AddressBlock> = there
            .iter()
            .filter(|rule| rule.is_ours && !from.contains(&rule.from))
            .map(|rule| rule.from)
            .collect();
        // Each by itself: one that is there already, or gone already, spoils nothing for the others.
        for block in &opened {
            let request = clients.changes.authorize_security_group_ingress().group_id(id);
            let answer = request.ip_permissions(rule(block)).send().await;
            match translated("AuthorizeSecurityGroupIngress", answer) {
                Err(error) if error.code == "InvalidPermission.Duplicate" => {}
                answer => drop(answer?),
            }
        }
        for block in &closed {
            let request = clients.changes.revoke_security_group_ingress().group_id(id);
            let answer = request.ip_permissions(rule(block)).send().await;
            match translated("RevokeSecurityGroupIngress", answer) {
                Err(error) if error.code == "InvalidPermission.NotFound" => {}
                answer => drop(answer?),
            }
        }
        Ok(LetIn { opened, closed })
    }

    /// Finds or uploads the key pair.
    async fn key(
        &self,
        clients: &Clients,
        plan: &NetworkPlan,
        keys: &[String],
    ) -> Result<String, CloudError> {
        let name = plan.name();
        if let Some(there) = self.keys_named(clients, &plan.cluster).await?.first() {
            return judge_key(&name, there, keys, &plan.cluster).map(|()| name);
        }
        let key = keys.first().ok_or_else(no_key)?;
        check_key(key)?;
        let request = upload(&clients.changes, plan, key);
        translated("ImportKeyPair", request.send().await)?;
        Ok(name)
    }
}

/// Writes the request that makes the group.
pub(crate) fn creation(
    ec2: &Client,
    plan: &NetworkPlan,
    vpc: Option<&str>,
) -> CreateSecurityGroupFluentBuilder {
    let tags = tagged(ResourceType::SecurityGroup, &tags_of(&plan.cluster), &BTreeMap::new());
    ec2.create_security_group()
        .group_name(plan.name())
        .description(DESCRIPTION)
        .set_vpc_id(vpc.map(str::to_owned))
        .set_tag_specifications(tags.map(|tags| vec![tags]))
}

/// Writes the request that uploads a public key.
pub(crate) fn upload(ec2: &Client, plan: &NetworkPlan, key: &str) -> ImportKeyPairFluentBuilder {
    let tags = tagged(ResourceType::KeyPair, &tags_of(&plan.cluster), &BTreeMap::new());
    ec2.import_key_pair()
        .key_name(plan.name())
        .public_key_material(Blob::new(key.as_bytes()))
        .set_tag_specifications(tags.map(|tags| vec![tags]))
}

/// Translates what a call came to.
pub(crate) fn translated<T, E>(call: &str, answer: Result<T, SdkError<E>>) -> Result<T, CloudError>
where
    E: ProvideErrorMetadata + RequestId + std::error::Error + 'static,
{
    answer.map_err(|error| errors::translate(call, &error))
}

/// A block that a group lets in to ssh, and whether wucluster made it so.
struct Rule {
    from: AddressBlock,
    is_ours: bool,
}

/// Lists from where a group lets ssh in.
pub(crate) fn lets_in(group: &SecurityGroup) -> Vec<AddressBlock> {
    rules(group).into_iter().map(|rule| rule.from).collect()
}

/// Lists the rules of a group that are about the port of ssh alone.
fn rules(group: &SecurityGroup) -> Vec<Rule> {
    let is_ssh = |rule: &&IpPermission| {
        rule.ip_protocol() == Some("tcp")
            && rule.from_port() == Some(SSH)
            && rule.to_port() == Some(SSH)
    };
    let read = |block: Option<&str>, told: Option<&str>| {
        let is_ours = told.is_some_and(|told| told.starts_with(RULE));
        Some(Rule { from: block?.parse().ok()?, is_ours })
    };
    let of_ssh = || group.ip_permissions().iter().filter(is_ssh);
    let v4 = of_ssh().flat_map(IpPermission::ip_ranges);
    let v6 = of_ssh().flat_map(IpPermission::ipv6_ranges);
    v4.filter_map(|range| read(range.cidr_ip(), range.description()))
        .chain(v6.filter_map(|range| read(range.cidr_ipv6(), range.description())))
        .collect()
}

/// Writes the rule that lets a block in.
pub(crate) fn rule(block: &AddressBlock) -> IpPermission {
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(SSH).to_port(SSH);
    let text = block.to_string();
    if block.is_v6() {
        rule.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(text).description(RULE).build()).build()
    } else {
        rule.ip_ranges(IpRange::builder().cidr_ip(text).description(RULE).build()).build()
    }
}

pub(crate) fn foreign_group(name: &str, id: &str, cluster: &ClusterName) -> CloudError {
    let why = format!(
        "security group {id} is called {name} and lacks the tag {KEY_CLUSTER}={cluster}: it is somebody else's, and is not \
         touched; delete or rename it, or name it as `security-groups` if you mean it"
    );
    errors::unaskable("ForeignSecurityGroup", why)
}

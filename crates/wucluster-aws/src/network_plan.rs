//! What a definition asks for of a network that is the cluster's own, and what of it is there.

use std::collections::BTreeSet;
use std::fmt;

use wucluster_core::definition::{AddressBlock, ClusterDefinition};
use wucluster_core::ids::ClusterName;

/// What a definition asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPlan {
    pub(crate) cluster: ClusterName,
    pub(crate) zone: Option<String>,
    /// The subnets of nodes that name no groups.
    pub(crate) subnets: BTreeSet<String>,
    /// Whether such a node names no subnet.
    pub(crate) is_in_default: bool,
    /// Whether there are such nodes.
    needs_group: bool,
    /// Whether there are nodes that name no key.
    needs_key: bool,
}

impl NetworkPlan {
    /// Reads off a definition what its nodes do not name themselves. `None`: it wants no managed network.
    #[must_use]
    pub fn of(definition: &ClusterDefinition) -> Option<Self> {
        definition.network.as_ref()?;
        let machines = || definition.nodes.values().map(|node| &node.machine.ec2);
        let without = || machines().filter(|machine| machine.security_groups.is_empty());
        Some(Self {
            cluster: definition.name.clone(),
            zone: definition.zone.clone(),
            subnets: without().filter_map(|machine| machine.subnet.clone()).collect(),
            is_in_default: without().any(|machine| machine.subnet.is_none()),
            needs_group: without().next().is_some(),
            needs_key: machines().any(|machine| machine.key.is_none()),
        })
    }

    /// Says whether a security group is wanted.
    #[must_use]
    pub const fn needs_group(&self) -> bool {
        self.needs_group
    }

    /// Says whether a key pair is wanted.
    #[must_use]
    pub const fn needs_key(&self) -> bool {
        self.needs_key
    }

    /// Returns the cluster.
    pub(crate) const fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Returns the name of both.
    pub(crate) fn name(&self) -> String {
        name_of(&self.cluster)
    }
}

/// Returns the name of what is made for a cluster.
pub(crate) fn name_of(cluster: &ClusterName) -> String {
    format!("wucluster-{cluster}")
}

/// What of it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// The id of the security group.
    pub group: Option<String>,
    /// The name of the key pair.
    pub key: Option<String>,
}

/// What changed about who is let in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LetIn {
    /// From where ssh is let in now, and was not before.
    pub opened: Vec<AddressBlock>,
    /// From where it was let in by wucluster, and is no more.
    pub closed: Vec<AddressBlock>,
}

/// What is there that is the cluster's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSeen {
    /// Ids of security groups.
    pub groups: Vec<String>,
    /// Names of key pairs.
    pub keys: Vec<String>,
}

impl NetworkSeen {
    /// Says whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.keys.is_empty()
    }
}

impl fmt::Display for NetworkSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.iter().map(|id| format!("security group {id}"));
        let keys = self.keys.iter().map(|name| format!("key pair {name}"));
        f.pad(&groups.chain(keys).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nodes_do_not_name_is_wanted() {
        let plan = |cluster: &str, node: &str| {
            let text = format!(
                "[cluster]\nname = \"gibbon\"\nprovider = \"aws\"\n{cluster}\n[node.n]\n{node}\n[node.m]\nkey = \"k\"\nsecurity-groups = \"sg-1\"\n"
            );
            NetworkPlan::of(&ClusterDefinition::parse(&text).unwrap())
        };
        assert_eq!(plan("", ""), None);
        let wants = |node: &str| {
            let plan = plan("network = \"managed\"", node).unwrap();
            (plan.needs_group, plan.needs_key, plan.is_in_default, plan.subnets.len())
        };
        assert_eq!(wants(""), (true, true, true, 0));
        assert_eq!(wants("subnet = \"subnet-1\""), (true, true, false, 1));
        assert_eq!(wants("key = \"k\""), (true, false, true, 0));
        assert_eq!(
            wants("security-groups = \"sg-2\"\nsubnet = \"subnet-1\""),
            (false, true, false, 0)
        );
    }
}

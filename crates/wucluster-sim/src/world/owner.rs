//! Whose a thing is in truth: what its tags said when it was made.

use serde::{Deserialize, Serialize};
use wucluster_core::ids::{ClusterName, MountKey, NodeName, Subject};
use wucluster_core::tags::{Identity, KEY_CLUSTER, KEY_MOUNT, KEY_NODE, Tags};

/// Who made a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Maker {
    /// The operator, through the port, or a start mixture in its name.
    Operator,
    /// A human, by other means.
    Human,
}

/// A node or mount of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) cluster: ClusterName,
    #[serde(with = "crate::persist::identity")]
    pub(super) identity: Identity,
}

impl Owner {
    /// Reads the owner from tags. `None`: they name nobody.
    pub(super) fn of(tags: &Tags) -> Option<Self> {
        let cluster = ClusterName::new(tags.get(KEY_CLUSTER)?).ok()?;
        let identity = tags.identity(&cluster).ok()?;
        Some(Self { cluster, identity })
    }

    /// Says whether tags name this owner, as [`Owner::of`] reads them.
    pub(super) fn is_named_by(&self, tags: &Tags) -> bool {
        // Most tags are another's, and their text tells.
        let mount = match &self.identity {
            Identity::Node(_) => None,
            Identity::Mount(key) => Some(key.mount.as_str()),
        };
        tags.get(KEY_NODE) == Some(self.node().as_str())
            && tags.get(KEY_MOUNT) == mount
            && Self::of(tags).as_ref() == Some(self)
    }

    pub(super) fn is_node(&self, name: &NodeName) -> bool {
        matches!(&self.identity, Identity::Node(node) if node == name)
    }

    pub(super) fn is_mount(&self, key: &MountKey) -> bool {
        matches!(&self.identity, Identity::Mount(mount) if mount == key)
    }

    /// Returns the node that it is, or belongs to.
    pub(super) fn node(&self) -> &NodeName {
        match &self.identity {
            Identity::Node(node) => node,
            Identity::Mount(key) => &key.node,
        }
    }

    /// Returns it as a subject.
    pub(super) fn subject(&self) -> Subject {
        match &self.identity {
            Identity::Node(node) => Subject::Node(node.clone()),
            Identity::Mount(key) => Subject::Mount(key.clone()),
        }
    }
}

//! Names from the definition and ids from the provider: one type each, never mixed.
//!
//! They are handed around more than anything else, so that a clone shares the text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest name of a cluster, node group or mount. Unit: characters.
///
/// Source: tag values and host names must hold `cluster/node-123/mount`; a DNS label holds 63.
pub const NAME_LENGTH_MAX: usize = 32;

/// A name that breaks the rule for names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a name: {reason}")]
pub struct InvalidName {
    /// What was given.
    pub name: String,
    /// Which part of the rule it breaks.
    pub reason: &'static str,
}

/// Checks the rule for names: `[a-z0-9][a-z0-9-]{0,31}`, not ending in `-`.
///
/// # Errors
/// [`InvalidName`] says which part of the rule is broken.
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    let fail = |reason| Err(InvalidName { name: name.to_owned(), reason });
    if name.is_empty() {
        return fail("it is empty");
    }
    if name.len() > NAME_LENGTH_MAX {
        return fail("it is longer than 32 characters");
    }
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return fail("only a-z, 0-9 and - may stand in it");
    }
    if name.starts_with('-') || name.ends_with('-') {
        return fail("it must begin and end with a letter or digit");
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Makes the name, checking [`check_name`].
            ///
            /// # Errors
            /// [`InvalidName`] when the rule for names is broken.
            pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
                let name = name.into();
                check_name(&name)?;
                Ok(Self(name.into()))
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(name: String) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Makes the id from the provider's own word; it is carried as it is.
            #[must_use]
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into().into())
            }

            /// Returns the id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self::new(id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a cluster.
    ClusterName
);
name_type!(
    /// The name of a node after expansion of its group, such as `worker-2`.
    NodeName
);
name_type!(
    /// The name of a mount within its node, such as `scratch`.
    MountName
);

id_type!(
    /// A provider's id of an instance, such as `i-0a3f52c1e8b7d9014`.
    InstanceId
);
id_type!(
    /// A provider's id of a volume, such as `vol-0b77f3a1c9d02e8a4`.
    VolumeId
);
id_type!(
    /// A provider's id of a snapshot, such as `snap-0f3d6a7715c2e9b48`.
    SnapshotId
);

impl VolumeId {
    /// Returns the serial number by which the volume's device is known inside a node.
    ///
    /// Source: NVMe devices of EBS carry the volume id without its dash (EC2 User Guide, "Amazon EBS
    /// and NVMe"); the local cloud does the same.
    #[must_use]
    pub fn serial(&self) -> String {
        self.0.replacen('-', "", 1)
    }

    /// Returns the UUID of the file system that is made on the volume: derived from its id, so that a repeated or
    /// interrupted `mkfs` is known as ours.
    #[must_use]
    pub fn filesystem_uuid(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"wucluster file system\0");
        hasher.update(self.0.as_bytes());
        let mut bytes: [u8; 16] = [0; 16];
        bytes.copy_from_slice(&hasher.finalize()[..16]);
        // Version 8 (custom) and the variant of RFC 9562.
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let text = hex(&bytes);
        let (first, rest) = (&text[..8], &text[8..]);
        format!("{first}-{}-{}-{}-{}", &rest[..4], &rest[4..8], &rest[8..12], &rest[12..])
    }
}

/// A mount's full name: its node and its own name, shown as `worker-2/scratch`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MountKey {
    /// The node that the mount belongs to.
    pub node: NodeName,
    /// Its name within the node.
    pub mount: MountName,
}

impl MountKey {
    /// A key that stands before those of all of a node's mounts; no mount has it.
    pub(crate) fn before_all_of(node: &NodeName) -> Self {
        Self { node: node.clone(), mount: MountName("".into()) }
    }
}

impl fmt::Display for MountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.node, self.mount))
    }
}

impl TryFrom<String> for MountKey {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        let (node, mount) = text
            .split_once('/')
            .ok_or(InvalidName { name: text.clone(), reason: "a mount is named NODE/MOUNT" })?;
        Ok(Self { node: NodeName::new(node)?, mount: MountName::new(mount)? })
    }
}

impl From<MountKey> for String {
    fn from(key: MountKey) -> String {
        key.to_string()
    }
}

/// What an action, a wait, a hold or an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The cluster as a whole.
    Cluster,
    /// A node.
    Node(NodeName),
    /// A mount.
    Mount(MountKey),
    /// A thing in the cloud that carries the cluster's tag and fits no node or mount, by its id.
    Stranger(String),
}

impl Subject {
    /// Returns the node that the subject is, or belongs to.
    #[must_use]
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Node(node) => Some(node),
            Self::Mount(key) => Some(&key.node),
            Self::Cluster | Self::Stranger(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.pad("cluster"),
            Self::Node(node) => node.fmt(f),
            Self::Mount(key) => key.fmt(f),
            Self::Stranger(id) => f.pad(id),
        }
    }
}

/// Writes bytes as hexadecimal digits, as checksums and tokens are shown.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |four_bits: u8| char::from_digit(u32::from(four_bits), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["a", "worker-1", "0", "a-b-c"] {
            assert!(NodeName::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(33);
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "ä", "a\n", "$(x)", long.as_str()] {
            assert!(NodeName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_serial_is_the_id_without_its_dash() {
        assert_eq!(VolumeId::new("vol-0123456789abcdef0").serial(), "vol0123456789abcdef0");
    }
}

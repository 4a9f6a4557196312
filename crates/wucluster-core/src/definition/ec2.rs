//! What EC2 and EBS must know beside what every cloud knows. Other providers ignore it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Size;

/// Says whether a word names who owns images: an account's number, `self`, `amazon` or `aws-marketplace`.
#[must_use]
pub fn is_image_owner(word: &str) -> bool {
    let is_account = word.len() == 12 && word.bytes().all(|c| c.is_ascii_digit());
    is_account || matches!(word, "self" | "amazon" | "aws-marketplace")
}

/// What EC2 must know of a machine, beside its image and type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ec2Machine {
    /// The user to log in as. `None`: as the image's makers named it.
    pub user: Option<String>,
    /// The subnet to launch in; it must lie in the cluster's zone. `None`: the zone's default one.
    pub subnet: Option<String>,
    /// Ids of security groups. Empty: the default group of the network.
    pub security_groups: Vec<String>,
    /// The name of a key pair of the region; its public key is put on the machine at its first start.
    pub key: Option<String>,
    /// Name or ARN of an instance profile: what programs on the machine may do.
    pub profile: Option<String>,
    /// The size of the system's disk. `None`: as the image has it.
    pub root: Option<Size>,
    /// Whether the machine is a spot instance: cheaper, and taken away when others pay more.
    pub spot: bool,
    /// Tags of the user's own, for bills and policies.
    pub tags: BTreeMap<String, String>,
}

impl Ec2Machine {
    /// Says whether nothing of it was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What EBS must know of a volume, beside its size.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EbsVolume {
    /// The type, such as `gp3`. `None`: `gp3`.
    pub kind: Option<String>,
    /// Reads and writes a second. `None`: what the type comes with.
    pub iops: Option<u32>,
    /// Unit: MiB a second. `None`: what the type comes with.
    pub throughput: Option<u32>,
    /// How fast blocks of the snapshot that it begins with are fetched. Unit: MiB a second. `None`: as they are used.
    pub initialization_rate: Option<u32>,
    /// Whether it is encrypted. `None`: as the account's default and the snapshot say.
    pub encrypted: Option<bool>,
    /// Id, alias or ARN of the KMS key. `None`: the account's default key for EBS.
    pub kms_key: Option<String>,
}

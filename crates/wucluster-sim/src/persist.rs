//! How the parts of a world are written in documents, where serde needs a hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::Error as DeError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::faults::FaultState;

/// Names of all requests that are counted and limited.
const REQUESTS: [&str; 20] = [
    "AttachVolume",
    "CreateSnapshot",
    "CreateTags",
    "CreateVolume",
    "DeleteSnapshot",
    "DeleteVolume",
    "DescribeInstances",
    "DescribeSnapshots",
    "DescribeVolumes",
    "DetachVolume",
    "ModifyVolume",
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
    "growfs",
    "mkfs",
    "mount",
    "probe",
    "umount",
];

/// Returns the faults of a world that was read, until its seed is known.
pub(crate) fn no_faults() -> FaultState {
    FaultState::new(0)
}

/// Reads counters by request; what this version knows no request for is left out.
pub(crate) fn by_request<'de, D, V>(from: D) -> Result<BTreeMap<&'static str, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    let read = BTreeMap::<String, V>::deserialize(from)?;
    let known = |name: String| REQUESTS.into_iter().find(|known| *known == name);
    Ok(read.into_iter().filter_map(|(name, value)| Some((known(name)?, value))).collect())
}

/// Maps whose keys are no texts, as lists of pairs.
pub(crate) mod pairs {
    use super::{BTreeMap, Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K, V, S>(map: &BTreeMap<K, V>, to: S) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        V: Serialize,
        S: Serializer,
    {
        to.collect_seq(map)
    }

    pub(crate) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}

/// What several contents share.
pub(crate) mod shared {
    use super::{Arc, Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T, S>(shared: &Arc<T>, to: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize,
        S: Serializer,
    {
        shared.as_ref().serialize(to)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Arc<T>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        T::deserialize(from).map(Arc::new)
    }
}

/// Whose a thing is, written as people write it: `NODE` or `NODE/MOUNT`.
pub(crate) mod identity {
    use wucluster_core::ids::{MountKey, NodeName};
    use wucluster_core::tags::Identity;

    use super::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(identity: &Identity, to: S) -> Result<S::Ok, S::Error> {
        match identity {
            Identity::Node(node) => to.collect_str(node),
            Identity::Mount(key) => to.collect_str(key),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Identity, D::Error> {
        let text = String::deserialize(from)?;
        let read = if text.contains('/') {
            MountKey::try_from(text).map(Identity::Mount).map_err(|error| error.to_string())
        } else {
            NodeName::new(text).map(Identity::Node).map_err(|error| error.to_string())
        };
        read.map_err(super::DeError::custom)
    }
}

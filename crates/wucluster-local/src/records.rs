//! What the account remembers of each thing: facts that no look at the host could tell again.
//!
//! States are not stored. They are derived at each look, from these facts and from what is there.

use serde::{Deserialize, Serialize};
use wucluster_core::definition::{MachineDefinition, Size};
use wucluster_core::ids::{ClusterName, InstanceId, NodeName, SnapshotId, VolumeId};
use wucluster_core::tags::{KEY_CLUSTER, Tags};
use wucluster_core::time::Timestamp;

/// Version of the records' form.
pub(crate) const RECORD_SCHEMA: u32 = 1;

/// A kind of thing that the account keeps.
pub(crate) trait Record: Serialize + for<'a> Deserialize<'a> {
    /// Directory of its kind.
    const KIND: &'static str;
    /// What its ids begin with.
    const PREFIX: &'static str;
    /// Its id.
    fn id(&self) -> &str;
    /// Its tags.
    fn tags(&self) -> &Tags;
    /// Gives it other tags.
    fn set_tags(&mut self, tags: Tags);
    /// The form it was written in.
    fn schema(&self) -> u32;

    /// Says whether it carries the cluster's tag.
    fn belongs_to(&self, cluster: &ClusterName) -> bool {
        self.tags().get(KEY_CLUSTER) == Some(cluster.as_str())
    }
}

/// What was last asked for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wanted {
    /// To run.
    Running,
    /// To be stopped, by a person.
    Stopped,
    /// To be terminated.
    Terminated,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstanceRecord {
    pub(crate) schema: u32,
    pub(crate) id: InstanceId,
    pub(crate) node: NodeName,
    pub(crate) cluster: ClusterName,
    pub(crate) machine: MachineDefinition,
    pub(crate) zone: Option<String>,
    pub(crate) tags: Tags,
    /// Same token, same instance.
    pub(crate) token: String,
    /// The recipe of the image that its root disk is an overlay of.
    pub(crate) image: String,
    /// The port on the loopback address that leads to its ssh.
    pub(crate) ssh_port: u16,
    /// Its public host key, as `TYPE BASE64`.
    pub(crate) host_key: String,
    /// Its address on the cluster's network.
    pub(crate) address: String,
    pub(crate) wanted: Wanted,
    pub(crate) created_at: Timestamp,
    /// When it was last started.
    pub(crate) started_at: Timestamp,
    /// How often it was started. What is mounted in a later boot, its own files may say.
    #[serde(default)]
    pub(crate) starts: u32,
    /// The resets of the boot at hand.
    #[serde(default)]
    pub(crate) resets: Option<Resets>,
    /// When its end was asked for, and until when it may take its time.
    pub(crate) ending: Option<Ending>,
    /// Set once it is terminated, root disk removed.
    pub(crate) terminated_at: Option<Timestamp>,
    /// Why it is in its state.
    pub(crate) state_reason: Option<String>,
}

/// How often a boot that hung was begun anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resets {
    pub(crate) count: u32,
    pub(crate) last_at: Timestamp,
}

/// An end that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) asked_at: Timestamp,
    /// When the machine was last told; a machine that boots may miss it.
    pub(crate) told_at: Timestamp,
    /// After this its plug is pulled, at the next look.
    pub(crate) force_after: Timestamp,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeRecord {
    pub(crate) schema: u32,
    pub(crate) id: VolumeId,
    pub(crate) size: Size,
    pub(crate) zone: Option<String>,
    pub(crate) tags: Tags,
    /// Same token, same volume.
    pub(crate) token: String,
    pub(crate) from_snapshot: Option<SnapshotId>,
    pub(crate) created_at: Timestamp,
    /// Whether its content is being copied, or was not found yet to be complete.
    pub(crate) is_creating: bool,
    /// Set once it is deleted; the record stays for its token.
    pub(crate) deleted_at: Option<Timestamp>,
    /// Why it could not be made.
    pub(crate) error: Option<String>,
    pub(crate) attachment: Option<AttachmentRecord>,
}

/// An attachment, from the request until the device is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttachmentRecord {
    pub(crate) instance: InstanceId,
    /// The reserved port that the device is plugged in.
    pub(crate) slot: u8,
    pub(crate) asked_at: Timestamp,
    /// Set once the node was seen to have the device.
    pub(crate) attached_at: Option<Timestamp>,
    pub(crate) detach: Option<DetachRecord>,
}

/// A detachment that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DetachRecord {
    pub(crate) asked_at: Timestamp,
    /// When the machine was last told; a machine that boots may miss it.
    pub(crate) told_at: Timestamp,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotRecord {
    pub(crate) schema: u32,
    pub(crate) id: SnapshotId,
    pub(crate) volume: VolumeId,
    pub(crate) size: Size,
    pub(crate) tags: Tags,
    pub(crate) started_at: Timestamp,
    /// The instance that is taking it, of a volume in use, until it hands it over.
    pub(crate) taken_by: Option<InstanceId>,
    /// What is to be said about it: how it was taken, or why it failed.
    pub(crate) message: Option<String>,
    /// It failed; it never turns into anything else.
    pub(crate) is_failed: bool,
    /// Set once it is whole and durable: the checksum of the file that keeps it.
    pub(crate) sha256: Option<String>,
}

impl Record for InstanceRecord {
    const KIND: &'static str = "instances";
    const PREFIX: &'static str = "i-";
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn set_tags(&mut self, tags: Tags) {
        self.tags = tags;
    }
    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Record for VolumeRecord {
    const KIND: &'static str = "volumes";
    const PREFIX: &'static str = "vol-";
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn set_tags(&mut self, tags: Tags) {
        self.tags = tags;
    }
    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Record for SnapshotRecord {
    const KIND: &'static str = "snapshots";
    const PREFIX: &'static str = "snap-";
    fn id(&self) -> &str {
        self.id.as_str()
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn set_tags(&mut self, tags: Tags) {
        self.tags = tags;
    }
    fn schema(&self) -> u32 {
        self.schema
    }
}

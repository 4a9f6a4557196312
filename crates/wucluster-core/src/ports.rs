//! The ports: what the core asks of the world, as traits in plain data.
//!
//! Providers translate, batch and report. They never wait for a state, never order, never correct.
//! They accept nothing but [`Cleared`] actions: an unguarded delete does not compile.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::action::{CloudAction, NodeAddress, ShellAction};
use crate::definition::{ClusterDefinition, Hook};
use crate::ids::{ClusterName, InstanceId, SnapshotId, VolumeId};
use crate::interlock::Cleared;
use crate::observation::{CloudView, Found, Gap, Holder, NodeProbe, ProbeRequest};
use crate::time::Timestamp;

/// A cloud: instances, volumes and snapshots.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Looks at everything that carries the cluster's tag: one bulk listing each of instances,
    /// volumes and snapshots, whatever the cluster's size.
    ///
    /// # Errors
    /// [`CloudError`] when any of the listings could not be had whole: half a look is no look.
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError>;

    /// Finds one thing by its id, whosever it is; `None` when there is none, or it is of no kind that clusters are made of.
    ///
    /// # Errors
    /// [`CloudError`] when it cannot be told.
    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError>;

    /// Issues requests and returns at once with one answer each, in the same order. May batch.
    ///
    /// An answer is the provider's word that it heard the request, not that the state is reached. What was answered
    /// takes effect once at most: a provider that tries again by itself answers with
    /// [`ErrorClass::Ambiguous`] unless it knows that its earlier tries never arrived.
    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>>;

    /// Returns what this cloud is like: how soon a look is worth its price, and the like.
    fn limits(&self) -> CloudLimits;

    /// Returns how often a request of that name may be made; `None` where nothing is known to limit
    /// it.
    fn budget(&self, _request: &str) -> Option<RequestBudget> {
        None
    }

    /// Returns how soon after its answer a request of that name can have brought about what it is for: no look before
    /// that is worth its price. Zero where what comes before that is to be seen too. Nothing rests on it.
    fn soonest(&self, _request: &str) -> Duration {
        Duration::ZERO
    }
}

/// How often a request may be made: so many at once, and so many a second in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestBudget {
    /// How many requests can be made at once.
    pub capacity: u32,
    /// How many are added a second, up to the capacity.
    pub refill_per_second: u32,
}

/// What a cloud is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudLimits {
    /// Shortest useful time between two looks.
    pub look_interval_min: Duration,
    /// Longest time between two looks while something is under way.
    pub look_interval_max: Duration,
    /// How long a new thing may stay invisible to listings after its creation was confirmed.
    pub visibility_lag_max: Duration,
    /// How late a request may still take effect: one whose answer was lost, or that was only heard.
    pub late_effect_max: Duration,
    /// Most data volumes on one instance, where it is known.
    pub attachments_per_instance_max: Option<u32>,
    /// Most instances that one call makes, all or none; 1: each has a call of its own.
    pub launches_together_max: usize,
}

/// The provider's confirmation of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receipt {
    /// Heard; nothing new was made.
    Accepted,
    /// Already so; nothing was done.
    AlreadyDone,
    /// An instance is being made, or was made under this token before.
    Instance(InstanceId),
    /// A volume is being made, or was made under this token before.
    Volume(VolumeId),
    /// A snapshot is being taken.
    Snapshot(SnapshotId),
}

/// What to do next about a [`CloudError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// Passing: throttled, 5xx, a state that is not yet right. Look again and try later.
    Retry,
    /// No answer after sending: it may or may not have happened. Look before anything else.
    Ambiguous,
    /// No room now: capacity of the provider or of this host. Try later, or elsewhere.
    Capacity,
    /// Not permitted, or no valid credentials.
    Permission,
    /// The user must mend something first; repeating is useless.
    Permanent,
}

/// A request to the cloud failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{code}: {message}")]
pub struct CloudError {
    /// What to do next about it.
    pub class: ErrorClass,
    /// The provider's code, such as `IncorrectState`.
    pub code: String,
    /// What happened and, where it can be told, what to do, in words.
    pub message: String,
}

/// For how long a node refuses mounts from before an unmount.
///
/// Source: longer than what is left of a connection keeps trying to deliver what was sent (Linux:
/// `tcp_orphan_retries` and `tcp_retries2`, 15 min at most), and not for ever, as clocks differ.
pub const FENCE_KEPT: Duration = Duration::from_secs(20 * 60);

/// Speaks to nodes, by ssh or the like. Separate from [`Cloud`]: either may fail alone.
#[async_trait]
pub trait NodeShell: Send + Sync {
    /// Looks at a node: one round trip tells devices, mounts, holders and the answers of checks.
    ///
    /// # Errors
    /// [`Gap`] when there is no usable answer; `GapKind::WrongHost` when the host key differs, in
    /// which case nothing was sent.
    async fn probe(&self, node: &NodeAddress, request: &ProbeRequest) -> Result<NodeProbe, Gap>;

    /// Carries out requests on one node in their order, in one round trip, each answered.
    ///
    /// What was not answered may still be carried out, minutes later. A node that was spoken to for a later run
    /// ([`NodeAddress::run`]), looks included, refuses it, until it is started anew. One that has carried out an unmount
    /// refuses a mount that rests on a look from before that one's ([`Cleared::seen_at`]), for at least
    /// [`FENCE_KEPT`].
    async fn issue(
        &self,
        node: &NodeAddress,
        actions: &[Cleared<ShellAction>],
    ) -> Vec<Result<ShellReceipt, ShellError>>;
}

/// A node's answer to a request that it carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShellReceipt {
    /// Hooks that said no and do not block, with what they printed.
    pub passed_over: Vec<(Hook, String)>,
}

/// A request to a node failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShellError {
    /// The file system is in use; it stays mounted.
    #[error("in use")]
    Busy {
        /// Who holds it, as far as the node could tell.
        holders: Vec<Holder>,
        /// What `umount` said.
        message: String,
    },
    /// A blocking hook said no.
    #[error("hook `{}` said no: {output}", hook.run)]
    HookRefused {
        /// The hook.
        hook: Hook,
        /// What it printed last.
        output: String,
    },
    /// The node refused: what it found there is not what the request rests on.
    #[error("refused by the node: {0}")]
    Refused(String),
    /// The node would not make a file system: by its own examination the device holds something, or
    /// cannot be proved to hold nothing.
    #[error("refused by the node: {0}")]
    NotBlank(String),
    /// The command failed on the node.
    #[error("{message}")]
    Failed {
        /// The command's exit status.
        status: i32,
        /// What it said.
        message: String,
    },
    /// No answer: it may or may not have happened.
    #[error("no answer from the node: {0}")]
    NoAnswer(String),
}

/// A clock: it begins with the time of day, and goes on steadily, whatever somebody sets it to meanwhile.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the time.
    fn now(&self) -> Timestamp;

    /// Returns after that time.
    async fn sleep(&self, span: Duration);

    /// Returns how long the machine has been up: two of these tell what passed between two processes, whatever somebody
    /// made of the time of day meanwhile. `None`: it cannot be told.
    fn uptime(&self) -> Option<Uptime> {
        None
    }
}

/// How long a machine has been up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// Which of its starts is meant.
    pub boot: String,
    /// For how long, its sleep included.
    pub span: Duration,
}

/// Says, before anything is asked, whether a cloud can carry a cluster.
#[async_trait]
pub trait Admission: Send + Sync {
    /// Lists every reason why launching this cluster would fail, given what already runs.
    async fn refusals(&self, definition: &ClusterDefinition, view: &CloudView) -> Vec<String>;
}

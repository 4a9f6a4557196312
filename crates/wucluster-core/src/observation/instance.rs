//! Instances.
//!
//! ```text
//! (run) -> pending -> running -> shutting-down -> terminated
//!             |          |  ^          ^
//!             |          v  |          |
//!             |       stopping -> stopped
//!             +-> terminated (launch failed)   stopped -> pending (start)
//! ```

use serde::{Deserialize, Serialize};

use crate::ids::InstanceId;
use crate::ports::{CloudError, ErrorClass};
use crate::tags::Tags;
use crate::time::Timestamp;

state_words! {
    /// State of an instance. Source: EC2 `InstanceState`.
    InstanceState {
        /// Asked for or being started; nothing in it answers yet.
        Pending = "pending",
        /// The machine runs; its ssh may answer later.
        Running = "running",
        /// On its way to stopped; what is mounted is being unmounted by its system.
        Stopping = "stopping",
        /// Halted; nothing of it is mounted, its disks remain.
        Stopped = "stopped",
        /// On its way to terminated.
        ShuttingDown = "shutting-down",
        /// Gone for good; listed for a while.
        Terminated = "terminated",
    }
}

impl InstanceState {
    /// Says whether no program runs in it any more, for certain.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Stopped | Self::Terminated)
    }
}

/// An instance as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSeen {
    /// Its id.
    pub id: InstanceId,
    /// Its state.
    pub state: InstanceState,
    /// Its tags.
    pub tags: Tags,
    /// Where and as whom it is reached by ssh, once that is known.
    pub ssh: Option<SshEndpoint>,
    /// The address by which other nodes and people know it.
    pub address: Option<String>,
    /// Its zone.
    pub zone: Option<String>,
    /// Its type, if the provider told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// When it was launched, by the provider's clock.
    pub launched_at: Option<Timestamp>,
    /// The provider's reason for its state, if it gave one.
    pub state_reason: Option<String>,
}

/// The provider's code for the end of a launch that it accepted, and had no capacity for. Source: EC2 `StateReason`.
pub const LACK_OF_CAPACITY: &str = "Server.InsufficientInstanceCapacity";

impl InstanceSeen {
    /// Returns what the provider says of a launch that it accepted, and that then failed for want of capacity.
    #[must_use]
    pub fn lack_of_capacity(&self) -> Option<CloudError> {
        let reason = self.state_reason.as_deref().filter(|_| self.state.is_dead())?;
        let (code, message) = reason.split_once(':').unwrap_or((reason, ""));
        (code == LACK_OF_CAPACITY).then(|| CloudError {
            class: ErrorClass::Capacity,
            code: code.to_owned(),
            message: message.trim_start().to_owned(),
        })
    }
}

/// How an instance is reached by ssh, with the key by which it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshEndpoint {
    /// Host name or address literal.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User to log in as.
    pub user: String,
    /// The instance's public host key as `TYPE BASE64`, when the provider vouches for it.
    pub host_key: Option<String>,
    /// A private key file to offer, beside what the user's own ssh offers.
    pub identity_file: Option<String>,
}

//! In which of its ways a fault strikes.

use serde::{Deserialize, Serialize};

/// Why a request is refused for lack of credentials or rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Denial {
    /// The session is over: `ExpiredToken`.
    Expired,
    /// A right is missing: `UnauthorizedOperation`.
    Unauthorized,
    /// The signature is too old for the provider's clock: `RequestExpired`.
    Clock,
}

/// How the pages of a listing are torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tear {
    /// One thing is on no page.
    Missing,
    /// One thing is on two pages.
    Twice,
    /// The token for the next page is no longer valid: the listing fails.
    Expired,
}

/// What room there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Room {
    /// Instances cannot be run or started: `InsufficientInstanceCapacity`.
    Instances,
    /// Volumes cannot be made: `VolumeLimitExceeded`.
    Volumes,
    /// Volumes cannot be attached: `AttachmentLimitExceeded`.
    Attachments,
    /// Snapshots cannot be taken: `PendingSnapshotLimitExceeded`.
    Snapshots,
}

/// How a node's ssh fails without being silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Greeting {
    /// The key is not accepted.
    LoginRefused,
    /// A banner without end.
    Banner,
    /// Something answers that is no ssh.
    OtherProtocol,
}

/// When the connection to a node is cut; after the effect is [`Fault::LostShellAnswer`].
///
/// [`Fault::LostShellAnswer`]: super::Fault::LostShellAnswer
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cut {
    /// Before anything arrived.
    Before,
    /// While it was being done: a file system is half made, hooks ran and nothing was unmounted.
    During,
}

/// What holds a volume's device beside processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grip {
    /// A mount in another name space, as of a container: in no table that a look reads.
    OtherNamespace,
    /// A mount of something else below its mount point.
    Nested,
    /// A swap file on it.
    Swap,
    /// A mapped device on top of it.
    Mapper,
}

/// What a failed attempt at making a file system leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Leaves {
    /// Nothing that an examination could find.
    Nothing,
    /// The signature of the file system, which cannot be mounted.
    Torn,
}

/// How a node's answer to a look is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lie {
    /// It cannot be understood: cut, garbled, far too long, or no text.
    Garbage,
    /// It lists no device at all.
    NoDevices,
    /// Every examination of a device failed.
    Unreadable,
    /// Examinations found nothing where something is; also just before a file system is made.
    Blank,
}

/// What ails a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sickness {
    /// Its root disk is full.
    RootFull,
    /// Its root disk takes no writes.
    RootReadOnly,
    /// The programs that look at devices and make file systems are not there.
    ToolMissing,
    /// `sudo` asks for a password.
    SudoAsks,
}

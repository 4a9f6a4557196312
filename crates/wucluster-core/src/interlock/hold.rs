//! Refusals that explain themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Subject;

macro_rules! interlocks {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// The rules, by name. A closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Interlock {
            $($(#[$doc])* $variant,)+
        }

        impl Interlock {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the rule's code, as shown in `held[CODE]`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

interlocks! {
    /// A file system in use is not unmounted, and nothing that needs it unmounted goes on.
    MountBusy = "mount-busy",
    /// A node that does not answer cannot tell what is mounted on it.
    NodeSilent = "node-silent",
    /// A node answered with another host key than the one pinned to its instance.
    HostKeyChanged = "host-key-changed",
    /// A hook said no before unmounting.
    UnmountRefused = "unmount-refused",
    /// A halt check said no.
    HaltRefused = "halt-refused",
    /// The provider cannot get a volume off its instance.
    DetachStuck = "detach-stuck",
    /// An instance is not terminated while a volume of the cluster's is attached to it.
    StillAttached = "still-attached",
    /// A volume that would die with its instance keeps the instance.
    DeleteOnTermination = "delete-on-termination",
    /// A volume is not deleted before the snapshot of its last write is complete.
    SnapshotUnfinished = "snapshot-unfinished",
    /// A volume is not deleted under a snapshot that began before its last write.
    SnapshotOlder = "snapshot-older",
    /// A volume is not deleted under a snapshot of another volume or size.
    SnapshotNotOurs = "snapshot-not-ours",
    /// A snapshot on which something stands is not deleted: the newest of its mount, one of a generation that is kept, and
    /// one that a volume, a request or the definition needs.
    SnapshotNeeded = "snapshot-needed",
    /// A volume is never made smaller.
    NeverShrunk = "never-shrunk",
    /// The provider failed to take a snapshot.
    SnapshotFailed = "snapshot-failed",
    /// Data was there and its newest snapshot is not to be had: no older or blank one in its place.
    DataMissing = "data-missing",
    /// A device that is not proven blank is not formatted.
    NotBlank = "not-blank",
    /// What is on the device is not what this mount's record says.
    WrongContents = "wrong-contents",
    /// The mount point is taken, or the device is mounted in the wrong way.
    MountedElsewhere = "mounted-elsewhere",
    /// The volume is attached to another instance than its node's.
    AttachedElsewhere = "attached-elsewhere",
    /// Two living things carry one identity.
    IdentityConflict = "identity-conflict",
    /// The thing is not ours, or not known to be.
    Foreign = "foreign",
    /// The provider says a state that this version does not know.
    UnrecognizedState = "unrecognized-state",
    /// The volume has failed at the provider.
    VolumeFailed = "volume-failed",
    /// A volume whose deletion was entered in the store is not used again, and none is deleted whose seal was not.
    DeletionEntered = "deletion-entered",
    /// What belongs to another store is not touched: its operators are not seen from here, and may be at work.
    OtherStore = "other-store",
    /// A deletion that nobody said yes to.
    BeyondYes = "beyond-yes",
    /// The provider refuses, and repeating is useless.
    ProviderRefused = "provider-refused",
    /// The provider does not permit it, or does not know who asks.
    NotPermitted = "not-permitted",
    /// No capacity now.
    NoCapacity = "no-capacity",
    /// The node fails at what it is asked to do.
    NodeFailed = "node-failed",
    /// A readiness check keeps saying no.
    NotReady = "not-ready",
}

impl fmt::Display for Interlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A refusal as data: which rule, about what, and the three lines that a person needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The rule.
    pub interlock: Interlock,
    /// What is held.
    pub subject: Subject,
    /// What was refused, in one line, without the subject.
    pub what: String,
    /// The evidence, a line each.
    pub why: Vec<String>,
    /// What was not done, and what stays as it is.
    pub so: String,
    /// What to do now, a line each; commands where there are any.
    pub fix: Vec<String>,
    /// Whether it may clear by itself, so that it is worth looking again.
    pub may_clear: bool,
}

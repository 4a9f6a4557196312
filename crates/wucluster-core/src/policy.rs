//! What the user permits and how patient we are.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::MountKey;
#[cfg(feature = "ablation")]
use crate::interlock::Interlock;
use crate::scope::Scope;

/// What the user permits and how patient we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What may be deleted.
    pub consent: Consent,
    /// Mounts whose newest data may be given up: they begin from the newest whole snapshot that is
    /// left, or blank. Only a person can say so, by name.
    pub lose: BTreeSet<MountKey>,
    /// Which part of the cluster the demand is about.
    pub scope: Scope,
    /// The generation to go back to: mounts without a volume begin from their snapshots of it. `None`: from their newest.
    /// Only a person can say so.
    pub generation: Option<u64>,
    /// The checkpoint to go back to: mounts without a volume that it has a snapshot of begin from that. Only a person can say
    /// so.
    pub checkpoint: Option<u64>,
    /// How many of the newest generations a pruning keeps whole, and of the newest checkpoints; at least one.
    ///
    /// Default 3: two to go back to, beside the newest.
    pub generations_kept: u64,
    /// How long a running node may stay silent before that becomes a hold.
    ///
    /// Default 5 minutes: sshd answers 20 to 60 s after `running` on EC2, and machines emulated
    /// without hardware support take about a minute when several boot at once.
    pub silence_max: Duration,
    /// How long readiness checks may say no before that becomes a hold.
    pub ready_patience: Duration,
    /// How long an attachment may stay under way before that becomes a hold.
    ///
    /// Default 90 s: the limit that the EBS CSI driver uses for `attaching`.
    pub attachment_patience: Duration,
    /// How often a request that may clear by itself is tried before its refusal becomes a hold.
    pub tries_before_hold: u32,
    /// Of how many like nodes at most the machines are asked for in one call. Default 1: each has a call of its own. A drive
    /// takes what its provider carries: [`crate::ports::CloudLimits::launches_together_max`].
    pub launches_together_max: usize,
    /// Interlocks that are switched off, to show what is lost without them.
    #[cfg(feature = "ablation")]
    pub ablated: BTreeSet<Interlock>,
    /// Other guards that are switched off, likewise.
    #[cfg(feature = "ablation")]
    pub unguarded: BTreeSet<Guard>,
}

/// What keeps a drive safe or honest beside the interlocks: how it takes evidence, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Nothing is asked about a subject on a look from before the last answer about it.
    FreshLook,
    /// Nothing is asked of a node on its word from before its last answer about the mount, or from
    /// before the attachment.
    FreshWord,
    /// One request at a time about one subject.
    OneAtATime,
    /// What was confirmed as made is awaited before another one is made.
    Awaited,
    /// What was there and is not listed is awaited.
    Missed,
    /// What was asked to be detached, deleted or terminated is not used again while that may still happen.
    MayYetCome,
    /// What destroys is cleared on two looks.
    SecondLook,
    /// A device that its node does not show is taken for gone once it has been missing for long.
    MissingDevice,
    /// The write epoch is raised before a volume is attached again.
    RaisedEpoch,
    /// The seal is seen in a listing before the snapshot is asked for.
    SeenSeal,
    /// The planner asks nothing about a name that several things carry.
    SoleName,
    /// What is there is a mount's volume, whatever size, zone and file system the definition gives it by now: no other
    /// one is made in its place.
    AsMade,
    /// Nor is it deleted on the way up, to be made anew as it is defined.
    NotReplaced,
    /// A running machine is ended on its own word only.
    NodesWord,
    /// A volume is detached only after its node carried out an unmount of this drive, and sealed only after a node that runs
    /// was asked, so that it refuses a mount which was asked for before.
    NodeFence,
    /// A creation has the same token each time that it is asked for.
    StableToken,
    /// What was answered well and did nothing counts as failed.
    NoEffect,
    /// What failed is tried again later, and later.
    BackOff,
    /// A seal is entered in the log that operators share, before it is asked for, and heeded only then.
    EnteredSeal,
}

impl Guard {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::FreshLook,
        Self::FreshWord,
        Self::OneAtATime,
        Self::Awaited,
        Self::Missed,
        Self::MayYetCome,
        Self::SecondLook,
        Self::MissingDevice,
        Self::RaisedEpoch,
        Self::SeenSeal,
        Self::SoleName,
        Self::AsMade,
        Self::NotReplaced,
        Self::NodesWord,
        Self::NodeFence,
        Self::StableToken,
        Self::NoEffect,
        Self::BackOff,
        Self::EnteredSeal,
    ];

    /// Returns its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FreshLook => "fresh-look",
            Self::FreshWord => "fresh-word",
            Self::OneAtATime => "one-at-a-time",
            Self::Awaited => "awaited",
            Self::Missed => "missed",
            Self::MayYetCome => "may-yet-come",
            Self::SecondLook => "second-look",
            Self::MissingDevice => "missing-device",
            Self::RaisedEpoch => "raised-epoch",
            Self::SeenSeal => "seen-seal",
            Self::SoleName => "sole-name",
            Self::AsMade => "as-made",
            Self::NotReplaced => "not-replaced",
            Self::NodesWord => "nodes-word",
            Self::NodeFence => "node-fence",
            Self::StableToken => "stable-token",
            Self::NoEffect => "no-effect",
            Self::BackOff => "back-off",
            Self::EnteredSeal => "entered-seal",
        }
    }
}

impl Policy {
    /// Says whether a guard is switched on: always, but in tests that show what is lost without it.
    #[must_use]
    pub fn guards(&self, guard: Guard) -> bool {
        #[cfg(feature = "ablation")]
        return !self.unguarded.contains(&guard);
        #[cfg(not(feature = "ablation"))]
        {
            let _ = guard;
            true
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            consent: Consent::Only(BTreeSet::new()),
            lose: BTreeSet::new(),
            scope: Scope::default(),
            generation: None,
            checkpoint: None,
            generations_kept: 3,
            silence_max: Duration::from_secs(300),
            ready_patience: Duration::from_secs(300),
            attachment_patience: Duration::from_secs(90),
            tries_before_hold: 3,
            launches_together_max: 1,
            #[cfg(feature = "ablation")]
            ablated: BTreeSet::new(),
            #[cfg(feature = "ablation")]
            unguarded: BTreeSet::new(),
        }
    }
}

/// What the user said yes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// Everything that is safe to delete.
    Everything,
    /// The instances, volumes and snapshots with these ids, if they are safe to delete; nothing else.
    Only(BTreeSet<String>),
}

impl Consent {
    /// Says whether the yes covers the thing with that id.
    #[must_use]
    pub fn covers(&self, id: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(ids) => ids.contains(id),
        }
    }
}

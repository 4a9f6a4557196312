//! What the user permits and how patient we are.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::MountKey;
#[cfg(feature = "ablation")]
use crate::interlock::Interlock;

/// What the user permits and how patient we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What may be deleted.
    pub consent: Consent,
    /// Mounts whose newest data may be given up: they begin from the newest whole snapshot that is
    /// left, or blank. Only a person can say so, by name.
    pub lose: BTreeSet<MountKey>,
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
    /// Interlocks that are switched off, to show what is lost without them.
    #[cfg(feature = "ablation")]
    pub ablated: BTreeSet<Interlock>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            consent: Consent::Only(BTreeSet::new()),
            lose: BTreeSet::new(),
            silence_max: Duration::from_secs(300),
            ready_patience: Duration::from_secs(300),
            attachment_patience: Duration::from_secs(90),
            tries_before_hold: 3,
            #[cfg(feature = "ablation")]
            ablated: BTreeSet::new(),
        }
    }
}

/// What the user said yes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// Everything that is safe to delete.
    Everything,
    /// The instances and volumes with these ids, if they are safe to delete; nothing else.
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

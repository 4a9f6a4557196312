//! Guards that can be switched off, to show what is lost without them.

use std::collections::BTreeSet;
use std::fmt;

use wucluster_core::interlock::Interlock;
use wucluster_core::policy::{Consent, Guard, Policy};
use wucluster_sim::HarmKind;

use crate::verdict::Rule;

/// An interlock, or another guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnyGuard {
    /// A named rule between a plan and the data.
    Interlock(Interlock),
    /// How evidence is taken, and when.
    Other(Guard),
    /// The node's: it examines a device once more before it makes a file system on it.
    Examination,
    /// The node's: it refuses what an earlier run asks than one that has spoken to it.
    RunFence,
    /// None: a bug that is planted in a test, so that it is known that the judges would see one.
    Canary,
}

impl AnyGuard {
    /// Lists all guards that can be switched off, the canary last.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let interlocks = [
            Interlock::MountBusy,
            Interlock::NodeSilent,
            Interlock::HostKeyChanged,
            Interlock::StillAttached,
            Interlock::DeleteOnTermination,
            Interlock::SnapshotUnfinished,
            Interlock::SnapshotOlder,
            Interlock::SnapshotNotOurs,
            Interlock::DataMissing,
            Interlock::NotBlank,
            Interlock::WrongContents,
            Interlock::AttachedElsewhere,
            Interlock::IdentityConflict,
            Interlock::DeletionEntered,
            Interlock::OtherStore,
            Interlock::BeyondYes,
        ];
        interlocks
            .into_iter()
            .map(Self::Interlock)
            .chain(Guard::ALL.into_iter().map(Self::Other))
            .chain([Self::Examination, Self::RunFence, Self::Canary])
            .collect()
    }

    /// Returns the guard that stands behind it: the same harm is kept from by either, so that only
    /// without both it comes about.
    #[must_use]
    pub fn stand_in(self) -> Option<Self> {
        match self {
            Self::Interlock(Interlock::DeleteOnTermination) => {
                Some(Self::Interlock(Interlock::StillAttached))
            }
            Self::Interlock(Interlock::IdentityConflict) => Some(Self::Other(Guard::SoleName)),
            Self::Other(Guard::SoleName | Guard::AsMade) => {
                Some(Self::Interlock(Interlock::IdentityConflict))
            }
            Self::Other(Guard::SecondLook) => Some(Self::Other(Guard::MissingDevice)),
            Self::Other(Guard::MissingDevice) => Some(Self::Other(Guard::SecondLook)),
            Self::Other(Guard::RaisedEpoch) => Some(Self::Other(Guard::EnteredSeal)),
            Self::Other(Guard::NodeFence) => Some(Self::RunFence),
            Self::RunFence => Some(Self::Examination),
            Self::Interlock(_) | Self::Other(_) | Self::Examination | Self::Canary => None,
        }
    }

    /// Lists the rules of which a guard has to be missed, where a guard keeps from harm: a day that without
    /// it takes another course may break other rules by chance. None: any rule counts.
    #[must_use]
    pub fn keeps_from(self) -> &'static [Rule] {
        match self {
            Self::Interlock(
                Interlock::MountBusy | Interlock::NodeSilent | Interlock::HostKeyChanged,
            )
            | Self::Other(
                Guard::FreshWord
                | Guard::SecondLook
                | Guard::MissingDevice
                | Guard::NodesWord
                | Guard::MayYetCome,
            ) => &[
                Rule::Harm(HarmKind::DetachedWhileMounted),
                Rule::Harm(HarmKind::TerminatedWhileMounted),
                Rule::Harm(HarmKind::StoppedWhileMounted),
            ],
            Self::Interlock(
                Interlock::SnapshotUnfinished
                | Interlock::SnapshotOlder
                | Interlock::SnapshotNotOurs
                | Interlock::DeletionEntered
                | Interlock::OtherStore,
            )
            | Self::Other(Guard::RaisedEpoch | Guard::SeenSeal | Guard::EnteredSeal) => {
                &[Rule::Harm(HarmKind::DeletedUnsaved), Rule::LostData]
            }
            Self::Interlock(Interlock::DataMissing) => {
                &[Rule::Harm(HarmKind::RestoredOlder), Rule::Harm(HarmKind::BlankDespiteData)]
            }
            Self::Interlock(Interlock::DeleteOnTermination) => {
                &[Rule::Harm(HarmKind::DeletedWithInstance)]
            }
            Self::Interlock(Interlock::NotBlank) | Self::Examination => {
                &[Rule::Harm(HarmKind::FormattedOverContent)]
            }
            Self::RunFence => &[Rule::Harm(HarmKind::FormattedOverContent), Rule::LostData],
            Self::Other(Guard::AsMade) => &[Rule::Harm(HarmKind::Remade)],
            Self::Other(Guard::NotReplaced) => &[Rule::Discarded],
            Self::Other(Guard::StableToken | Guard::Missed) => {
                &[Rule::Harm(HarmKind::TwoInstances), Rule::Harm(HarmKind::TwoVolumes)]
            }
            Self::Interlock(_) | Self::Other(_) | Self::Canary => &[],
        }
    }

    /// Returns the guard of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::all().into_iter().find(|known| known.as_str() == word)
    }

    /// Returns its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interlock(interlock) => interlock.code(),
            Self::Other(guard) => guard.as_str(),
            Self::Examination => "examination",
            Self::RunFence => "run-fence",
            Self::Canary => "canary",
        }
    }
}

impl fmt::Display for AnyGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is switched off in a run; in a build without the feature `ablation`, nothing can be.
#[derive(Debug, Clone, Default)]
pub struct Ablation {
    off: BTreeSet<AnyGuard>,
}

impl Ablation {
    /// Returns the ablation that leaves every guard on.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the ablation that switches off one guard.
    #[cfg(feature = "ablation")]
    #[must_use]
    pub fn of(guard: AnyGuard) -> Self {
        Self { off: BTreeSet::from([guard]) }
    }

    /// Switches off one more.
    #[cfg(feature = "ablation")]
    #[must_use]
    pub fn and(mut self, guard: AnyGuard) -> Self {
        self.off.insert(guard);
        self
    }

    /// Says whether a guard is off.
    #[must_use]
    pub fn is_off(&self, guard: AnyGuard) -> bool {
        self.off.contains(&guard)
    }

    /// Switches off in a policy what is to be off.
    pub fn apply(&self, policy: &mut Policy) {
        if self.is_off(AnyGuard::Interlock(Interlock::BeyondYes)) {
            // Nobody said yes to anything: whatever is ended then is beyond it.
            policy.consent = Consent::Only(BTreeSet::new());
        }
        #[cfg(feature = "ablation")]
        for guard in &self.off {
            match guard {
                AnyGuard::Interlock(interlock) => {
                    policy.ablated.insert(*interlock);
                }
                AnyGuard::Other(guard) => {
                    policy.unguarded.insert(*guard);
                }
                // It is the node's: its world is told.
                AnyGuard::Examination | AnyGuard::RunFence => {}
                // An epoch that is neither raised nor heeded: the oldest of all mistakes.
                AnyGuard::Canary => {
                    policy.ablated.insert(Interlock::SnapshotOlder);
                    policy.unguarded.insert(Guard::SeenSeal);
                }
            }
        }
    }
}

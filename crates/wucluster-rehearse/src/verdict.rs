//! What a run is found guilty of.

use std::fmt;

use serde::{Deserialize, Serialize};
use wucluster_core::ids::Subject;
use wucluster_sim::HarmKind;

/// A rule that every run has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// I1: no volume is deleted whose content no complete snapshot holds.
    DeletedUnsaved,
    /// I3: no volume is deleted with its instance.
    DeletedWithInstance,
    /// I4: nothing is detached while a living machine has it in use.
    DetachedWhileMounted,
    /// I2: no machine is ended while it has a volume in use.
    TerminatedWhileMounted,
    /// I5: no file system is made over content.
    FormattedOverContent,
    /// I7: one living instance for a node.
    TwoInstances,
    /// I7: one living volume for a mount.
    TwoVolumes,
    /// I8: nothing is touched that is not ours.
    TouchedForeign,
    /// I9: a mount begins from its newest snapshot.
    RestoredOlder,
    /// I9: no blank volume takes the place of data.
    BlankDespiteData,
    /// I6: a volume is attached to, and mounted in, its own node.
    WrongNode,
    /// I1: what was written is there after the next launch, or in the snapshot that keeps it.
    LostData,
    /// I12: away means that nothing is left that costs money.
    LeftOver,
    /// L1: in calm, each demand ends within its time.
    NoEnd,
    /// L1: what is held is held for a reason that is true.
    UntrueHold,
    /// L1: what is not held gets where it is wanted.
    LeftBehind,
    /// L2: nothing is asked over and over without a change.
    Spin,
    /// L3: what is reached is left alone.
    NotIdle,
    /// L4: one stuck thing delays no other.
    Delayed,
    /// R1: what is reported as reached was so.
    UntrueReport,
    /// Nothing is ended that nobody said yes to.
    BeyondYes,
    /// One request at a time about one subject.
    Doubled,
    /// A request rests on a look that is newer than the last answer about its subject.
    Outdated,
    /// The same seed gives the same history.
    NotRepeatable,
    /// Nothing panics.
    Panic,
}

impl Rule {
    /// Returns the rule's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeletedUnsaved => "deleted-unsaved",
            Self::DeletedWithInstance => "deleted-with-instance",
            Self::DetachedWhileMounted => "detached-while-mounted",
            Self::TerminatedWhileMounted => "terminated-while-mounted",
            Self::FormattedOverContent => "formatted-over-content",
            Self::TwoInstances => "two-instances",
            Self::TwoVolumes => "two-volumes",
            Self::TouchedForeign => "touched-foreign",
            Self::RestoredOlder => "restored-older",
            Self::BlankDespiteData => "blank-despite-data",
            Self::WrongNode => "wrong-node",
            Self::LostData => "lost-data",
            Self::LeftOver => "left-over",
            Self::NoEnd => "no-end",
            Self::UntrueHold => "untrue-hold",
            Self::LeftBehind => "left-behind",
            Self::Spin => "spin",
            Self::NotIdle => "not-idle",
            Self::Delayed => "delayed",
            Self::UntrueReport => "untrue-report",
            Self::BeyondYes => "beyond-yes",
            Self::Doubled => "doubled",
            Self::Outdated => "outdated",
            Self::NotRepeatable => "not-repeatable",
            Self::Panic => "panic",
        }
    }
}

impl From<HarmKind> for Rule {
    fn from(kind: HarmKind) -> Self {
        match kind {
            HarmKind::DeletedUnsaved => Self::DeletedUnsaved,
            HarmKind::DeletedWithInstance => Self::DeletedWithInstance,
            HarmKind::DetachedWhileMounted => Self::DetachedWhileMounted,
            HarmKind::TerminatedWhileMounted => Self::TerminatedWhileMounted,
            HarmKind::FormattedOverContent => Self::FormattedOverContent,
            HarmKind::TwoInstances => Self::TwoInstances,
            HarmKind::TwoVolumes => Self::TwoVolumes,
            HarmKind::TouchedForeign => Self::TouchedForeign,
            HarmKind::RestoredOlder => Self::RestoredOlder,
            HarmKind::BlankDespiteData => Self::BlankDespiteData,
            HarmKind::WrongNode => Self::WrongNode,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A rule that a run broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// About whom.
    pub subject: Subject,
    /// What was so.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rule, self.subject, self.what)
    }
}

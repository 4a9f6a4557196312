//! What a run is found guilty of.

use std::fmt;

use wucluster_core::ids::Subject;
use wucluster_sim::HarmKind;

/// A rule that every run has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// No request does what must never happen, judged by the simulator at the instant of its effect.
    Harm(HarmKind),
    /// I1: what was written is there after the next launch, or in the snapshot that keeps it.
    LostData,
    /// I14: nothing that is defined is deleted on the way up.
    Discarded,
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
    /// L5: an operator that is gone on the way, and another that comes, leave what one alone would have left.
    UnlikeWhole,
    /// R1: what is reported as reached was so.
    UntrueReport,
    /// Nothing is ended that nobody said yes to.
    BeyondYes,
    /// No machine is ended that said no to it.
    HaltedDespiteNo,
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
            Self::Harm(kind) => kind.as_str(),
            Self::LostData => "lost-data",
            Self::Discarded => "discarded",
            Self::LeftOver => "left-over",
            Self::NoEnd => "no-end",
            Self::UntrueHold => "untrue-hold",
            Self::LeftBehind => "left-behind",
            Self::Spin => "spin",
            Self::NotIdle => "not-idle",
            Self::Delayed => "delayed",
            Self::UnlikeWhole => "unlike-whole",
            Self::UntrueReport => "untrue-report",
            Self::BeyondYes => "beyond-yes",
            Self::HaltedDespiteNo => "halted-despite-no",
            Self::Doubled => "doubled",
            Self::Outdated => "outdated",
            Self::NotRepeatable => "not-repeatable",
            Self::Panic => "panic",
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

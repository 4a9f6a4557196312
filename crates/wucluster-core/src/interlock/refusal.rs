//! Why an action was not cleared.

use crate::ids::Subject;
use crate::interlock::{Hold, Interlock};
use crate::plan::{Wait, WaitOn};

/// Why an action was not cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Another request of the same subject must come first, and may be proposed.
    First(Rung, Box<Hold>),
    /// Something is under way that would lift it.
    Wait(Wait),
    /// Nothing that we may do would lift it.
    Hold(Box<Hold>),
}

/// What must come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// The mount must be unmounted.
    Unmount,
    /// The volume must be detached.
    Detach,
    /// The volume's epoch must be sealed.
    Seal,
    /// A snapshot must be taken.
    Snapshot,
    /// The volume's epoch must be raised.
    Raise,
    /// The volume's content must be recorded.
    Record,
    /// It must be recorded that it holds something which is not ours.
    Mark,
    /// A file system must be made.
    Format,
    /// The volume must be deleted, as was begun before.
    Delete,
}

impl Refusal {
    pub(crate) fn wait(subject: Subject, on: WaitOn, what: impl Into<String>) -> Self {
        Self::Wait(Wait { subject, what: what.into(), on })
    }

    /// Turns it into what is shown when nobody lifts it.
    ///
    /// # Errors
    /// The wait, where it is no hold at all.
    pub fn into_hold(self) -> Result<Hold, Wait> {
        match self {
            Self::First(_, hold) | Self::Hold(hold) => Ok(*hold),
            Self::Wait(wait) => Err(wait),
        }
    }
}

impl Hold {
    /// Makes a hold that only a person can lift.
    pub(crate) fn new(interlock: Interlock, subject: Subject, what: impl Into<String>) -> Self {
        Self {
            interlock,
            subject,
            what: what.into(),
            why: Vec::new(),
            so: String::new(),
            fix: Vec::new(),
            may_clear: false,
        }
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    pub(crate) fn whys(mut self, why: impl IntoIterator<Item = String>) -> Self {
        self.why.extend(why);
        self
    }

    pub(crate) fn so(mut self, so: impl Into<String>) -> Self {
        self.so = so.into();
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix.push(fix.into());
        self
    }

    pub(crate) fn may_clear(mut self) -> Self {
        self.may_clear = true;
        self
    }

    pub(crate) fn first(self, rung: Rung) -> Refusal {
        Refusal::First(rung, Box::new(self))
    }

    pub(crate) fn refuse(self) -> Refusal {
        Refusal::Hold(Box::new(self))
    }
}

//! Exit codes: what each means, in one table. `wucluster help exit-codes` prints it.

use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// The demand holds, or the command did what it says.
    Done,
    /// It failed; trying again did not help.
    Failed,
    /// The command line or the definition is wrong; nothing was touched.
    Usage,
    /// It is not so, asked with `--is` or `--exit-code`.
    Differs,
    /// An interlock holds something; everything else is done.
    Held,
    /// Another command drives the cluster.
    Locked,
    /// No credentials, or not permitted.
    Denied,
    /// The time limit passed; what is under way goes on.
    TimedOut,
    /// A yes was declined, or needed where nobody can be asked.
    Declined,
    /// Interrupted by a person.
    Interrupted,
}

impl Exit {
    /// All ways to end, in the order of their codes.
    pub(crate) const ALL: [Self; 10] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Differs,
        Self::Held,
        Self::Locked,
        Self::Denied,
        Self::TimedOut,
        Self::Declined,
        Self::Interrupted,
    ];

    /// Returns the code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Differs => 3,
            Self::Held => 4,
            Self::Locked => 5,
            Self::Denied => 6,
            Self::TimedOut => 7,
            Self::Declined => 8,
            Self::Interrupted => 130,
        }
    }

    /// Returns what the code means, in one line.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done: the state holds, or the command did what it says",
            Self::Failed => "failed; trying again did not clear it",
            Self::Usage => "the command line or the definition is wrong; nothing was touched",
            Self::Differs => "it is not so (`status --is STATE`, `plan --exit-code`)",
            Self::Held => "an interlock holds something; everything else is done",
            Self::Locked => "another command drives the cluster",
            Self::Denied => "no credentials, or not permitted",
            Self::TimedOut => "`--timeout` passed; what is under way goes on, safe to repeat",
            Self::Declined => "a yes was declined, or needed where nobody can be asked",
            Self::Interrupted => "interrupted; where things stand was told",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_grow_and_are_all_different() {
        let codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}

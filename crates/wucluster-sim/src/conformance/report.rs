//! What came of the suite.

use std::fmt;

/// What came of the suite: the cases that passed and those that failed, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Names of the cases that passed.
    pub passed: Vec<&'static str>,
    /// Names of the cases that failed, with what was wrong.
    pub failed: Vec<(&'static str, String)>,
}

impl Report {
    /// Says whether every case passed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed } = self;
        write!(f, "{} cases passed, {} failed", passed.len(), failed.len())?;
        for (name, why) in failed {
            write!(f, "\n  {name}: {why}")?;
        }
        Ok(())
    }
}

//! Whose account it is, and in which region.

use std::fmt;

/// An account of AWS and a region in it. A cluster lives in one of them and is never looked for in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's number, of twelve digits.
    pub id: String,
    /// The region, such as `eu-central-1`.
    pub region: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {} in {}", self.id, self.region)
    }
}

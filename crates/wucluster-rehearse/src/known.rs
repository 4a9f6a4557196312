//! Defects that were found and are not mended yet: counted and shown in every run, never hidden.
//!
//! Each has a kept scenario that shows it; the test of that scenario fails once the defect is mended,
//! so that its line here goes with it.

use std::collections::BTreeMap;

use wucluster_sim::{FaultKind, HarmKind};

use crate::verdict::Rule;

/// A volume that was made blank, and on which somebody else put something before it was formatted, is
/// put away under a snapshot that is marked as blank: the next launch begins from a blank volume. Nothing
/// is lost, as the snapshot stays; but nobody is told.
pub const FOREIGN_CONTENT_PASSES_FOR_BLANK: &str =
    "foreign content passes for blank when it is put away";

/// Returns the known defect that a broken rule is a case of, given what was felt in the run.
#[must_use]
pub fn defect(rule: Rule, _: &str, fired: &BTreeMap<FaultKind, u64>) -> Option<&'static str> {
    let is_foreign = fired.contains_key(&FaultKind::ForeignContent);
    match rule {
        Rule::Harm(HarmKind::BlankDespiteData) if is_foreign => {
            Some(FOREIGN_CONTENT_PASSES_FOR_BLANK)
        }
        _ => None,
    }
}

//! Defects that were found and are not mended yet: counted and shown in every run, never hidden.
//!
//! Each has a kept scenario that shows it; the test of that scenario fails once the defect is mended,
//! so that its line here goes with it.

use wucluster_sim::{FaultKind, Harm, HarmKind, World};

use crate::bench::Driven;

/// A volume that was made blank, and on which somebody else put something before it was formatted, is
/// put away under a snapshot that is marked as blank: the next launch begins from a blank volume. Nothing
/// is lost, as the snapshot stays; but nobody is told.
pub const FOREIGN_CONTENT_PASSES_FOR_BLANK: &str =
    "foreign content passes for blank when it is put away";

/// Returns the known defect that a harm is a case of: for the very things that the fault befell.
#[must_use]
pub fn defect(harm: &Harm, _: &Driven, world: &World) -> Option<&'static str> {
    match harm.kind {
        HarmKind::BlankDespiteData
            if world.was_struck(FaultKind::ForeignContent, &harm.subject) =>
        {
            Some(FOREIGN_CONTENT_PASSES_FOR_BLANK)
        }
        _ => None,
    }
}

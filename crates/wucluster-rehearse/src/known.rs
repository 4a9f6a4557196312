//! Defects that were found and are not mended yet: counted and shown in every run, never hidden.
//!
//! Each has a kept scenario that shows it; the test of that scenario fails once the defect is mended,
//! so that its line here goes with it.

use wucluster_sim::{Harm, HarmKind, World};

use crate::bench::Driven;

/// What a node showed on a volume that was made blank could not be recorded in its tags, as the provider
/// refused; then the machine was gone, and whoever put the volume away had seen nothing. Nothing is lost, as
/// the snapshot stays; but it is marked as blank. It takes a record in the store.
pub const SEEN_AND_NOT_RECORDED: &str =
    "what was seen on a blank volume could not be recorded before its machine was gone";

/// A request that was asked for while it was right takes effect minutes later, when all has changed: the
/// volume that is deleted was attached again, written to, and let go; the one that is detached was mounted
/// again. Nothing at the provider tells it apart. Only records of what was asked, heeded by whoever comes
/// next, keep from it.
pub const LATE_REQUEST_HITS_WHAT_CAME_AFTER: &str = "a late request hits what came after it";

/// Of several instances or volumes that a mount or node had one after the other, a listing that wavers shows
/// the dead ones alive again. What is awaited is one of them at a time, so that the living one may be
/// forgotten, and a second one be made beside it. It takes a memory of all that was ever seen to end.
pub const GHOSTS_HIDE_THE_LIVING: &str =
    "the dead that a wavering listing shows again hide the living";

/// Returns the known defect that a harm is a case of: for the very things that the fault befell.
#[must_use]
pub fn defect(harm: &Harm, driven: &Driven, world: &World) -> Option<&'static str> {
    let went_back = world.went_back(&harm.subject, driven.from, harm.at);
    match harm.kind {
        _ if !harm.late_by.is_zero() => Some(LATE_REQUEST_HITS_WHAT_CAME_AFTER),
        HarmKind::TwoInstances | HarmKind::TwoVolumes if went_back => Some(GHOSTS_HIDE_THE_LIVING),
        _ => None,
    }
}

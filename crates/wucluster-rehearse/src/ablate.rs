//! Ablation: each guard is switched off in turn, and the judges have to notice.
//!
//! A guard that nobody misses is either not needed, or the days are too mild; both have to be told.

use std::sync::Mutex;
use std::time::Duration;

use crate::generate;
use crate::guard::{Ablation, AnyGuard};
use crate::run::{Manner, Report};
use crate::swarm::{run_safely, swarm};
use crate::verdict::Violation;

/// The seed that shows what is lost without a guard, and what that is.
#[derive(Debug, Clone)]
pub struct Catch {
    /// The guard that was off.
    pub guard: AnyGuard,
    /// The seed.
    pub seed: u64,
    /// The first rule that was broken, and that is kept with the guard on.
    pub violation: Violation,
}

/// Runs a seed with a guard off; returns what is broken without it, and not with it.
#[must_use]
pub fn missed(guard: AnyGuard, seed: u64) -> Option<Violation> {
    let scenario = generate::scenario(seed);
    let without = run_safely(&scenario, &manner(guard));
    new_violation(&without, seed)
}

fn manner(guard: AnyGuard) -> Manner {
    Manner { ablation: Ablation::of(guard), tells: false }
}

/// Returns the first broken rule that the same seed does not break with all guards on.
fn new_violation(without: &Report, seed: u64) -> Option<Violation> {
    if without.violations.is_empty() {
        return None;
    }
    let with = run_safely(&generate::scenario(seed), &Manner::default());
    let is_new =
        |found: &&Violation| with.violations.iter().all(|known| known.rule != found.rule);
    without.violations.iter().find(is_new).cloned()
}

/// Looks through the seeds of a range for one that misses a guard, for a bounded time.
#[must_use]
pub fn ablate(
    guard: AnyGuard,
    seeds: std::ops::Range<u64>,
    limit: Option<Duration>,
) -> Option<Catch> {
    let caught: Mutex<Option<Catch>> = Mutex::new(None);
    let stops = |seed: u64, report: &Report| {
        let Some(violation) = new_violation(report, seed) else { return false };
        if let Ok(mut caught) = caught.lock() {
            // Two threads may find one each: the earlier seed counts.
            if caught.as_ref().is_none_or(|known| seed < known.seed) {
                *caught = Some(Catch { guard, seed, violation });
            }
        }
        true
    };
    let _ = swarm(seeds, &manner(guard), limit, &stops);
    caught.into_inner().ok().flatten()
}

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
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::Guard;

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
    let is_new = |found: &&Violation| with.violations.iter().all(|known| known.rule != found.rule);
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

/// Returns the page that lists each guard with the seed that shows what is lost without it.
#[must_use]
pub fn page(seeds: u64, catches: &[(AnyGuard, Option<Catch>)]) -> String {
    let mut text = HEAD.to_owned();
    for (guard, caught) in catches {
        let line = match caught {
            Some(caught) => {
                format!("| `{guard}` | {} | `{}` |\n", caught.seed, caught.violation.rule)
            }
            None => {
                format!("| `{guard}` | - | nobody misses it in {seeds} days: {} |\n", why(*guard))
            }
        };
        text += &line;
    }
    text += TAIL;
    text
}

/// Reads from the page the seed that it names for a guard, if it names one.
#[must_use]
pub fn seed_on_page(page: &str, guard: AnyGuard) -> Option<u64> {
    let begin = format!("| `{guard}` |");
    let line = page.lines().find_map(|line| line.strip_prefix(begin.as_str()))?;
    line.split('|').next()?.trim().parse().ok()
}

const HEAD: &str = "\
# Guards

Made by `cargo run -p wucluster-rehearse --features ablation --bin torture -- guards`; not by hand.

Each guard is switched off alone, and the days of the seeds are run until a judge notices. The seed and the
rule that is broken then stand here; with the guard on, the same seed keeps that rule. The rules are those of
[safety.md](safety.md).

| guard | seed | broken without it |
|---|---|---|
";

const TAIL: &str = "
`canary` is no guard but a planted bug; every run of the tests has to notice it.

Not listed are the rules that only tell what others refused (`provider-refused`, `not-permitted`,
`no-capacity`, `node-failed`, `snapshot-failed`, `detach-stuck`, `volume-failed`, `unrecognized-state`,
`mounted-elsewhere`, `foreign`): without them nothing is done that is not done with them, and a drive would
wait instead. That they are told truly is judged on every seed. The rules about hooks (`unmount-refused`,
`halt-refused`, `not-ready`) are tested in the engine's simulation; the days of the seeds have no hooks.
";

/// Says why a guard may be missed by nobody: what else stands behind it, or what the days lack.
fn why(guard: AnyGuard) -> &'static str {
    match guard {
        AnyGuard::Interlock(Interlock::StillAttached) => {
            "the node's own word stands behind it (`nodes-word`), and the volumes are let go of first"
        }
        AnyGuard::Interlock(Interlock::DeleteOnTermination) => {
            "`still-attached` stands behind it: nothing attached, nothing to be deleted with the instance"
        }
        AnyGuard::Interlock(Interlock::NotBlank) => {
            "the node examines the device once more before it formats, and refuses"
        }
        AnyGuard::Interlock(Interlock::IdentityConflict) => {
            "the planner holds a conflict before it asks the gate"
        }
        AnyGuard::Other(Guard::SecondLook) => {
            "the provider refuses to delete what is attached, and `nodes-word` keeps machines"
        }
        AnyGuard::Other(Guard::FreshWord) => {
            "a drive goes one way, so that an older word of a node hides nothing that it asks for; and the node proves each request once more itself"
        }
        AnyGuard::Other(Guard::Missed) => {
            "what it keeps from is a known defect where listings waver, and counted as such"
        }
        AnyGuard::Other(Guard::SeenSeal) => {
            "the interlock `snapshot-older` heeds the seal again before the deletion"
        }
        AnyGuard::Other(Guard::NodesWord) => {
            "it is missed only on days on which listings leave out what is attached"
        }
        AnyGuard::Other(Guard::Awaited | Guard::OneAtATime) => {
            "the same question has the same token, and makes nothing twice"
        }
        AnyGuard::Interlock(_) | AnyGuard::Other(_) | AnyGuard::Canary => {
            "why is not known: the days may be too mild for it"
        }
    }
}

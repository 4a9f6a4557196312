//! Ablation: each guard is switched off in turn, and the judges have to notice.
//!
//! A guard behind which another one stands is switched off together with it: the harm must come about then,
//! and not with only the other one off. A guard that nobody misses is either not needed, or the days are
//! too mild for it; the page says so.

use std::fmt;
use std::path::Path;
use std::sync::Mutex;

use crate::generate;
use crate::guard::{Ablation, AnyGuard};
use crate::run::{Manner, Report};
use crate::scenario::Scenario;
use crate::swarm::{self, run_safely, swarm};
use crate::verdict::Violation;

/// A day on which a guard is missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Day {
    /// That of a seed.
    Seed(u64),
    /// A kept scenario, by name.
    Kept(String),
}

impl Day {
    /// Returns its description; `None` when no such scenario is kept.
    #[must_use]
    pub fn scenario(&self) -> Option<Scenario> {
        match self {
            Self::Seed(seed) => Some(generate::scenario(*seed)),
            Self::Kept(name) => kept().into_iter().find(|(known, _)| known == name).map(|it| it.1),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "{seed}"),
            Self::Kept(name) => write!(f, "`{name}`"),
        }
    }
}

/// The day that shows what is lost without a guard, and what that is.
#[derive(Debug, Clone)]
pub struct Catch {
    /// The guard that was off, and with it the one that stands behind it.
    pub guard: AnyGuard,
    /// The day.
    pub day: Day,
    /// The first rule that was broken, and that is kept with the guard on.
    pub violation: Violation,
}

/// Runs a day with a guard off, and what stands behind it; returns what is broken without both, and neither
/// with both, nor with only the guard on.
#[must_use]
pub fn missed(guard: AnyGuard, day: &Day) -> Option<Violation> {
    let scenario = day.scenario()?;
    new_violation(guard, &run_safely(&scenario, &manner(off(guard))), &scenario)
}

/// What is switched off to see whether a guard is missed.
fn off(guard: AnyGuard) -> Ablation {
    let alone = Ablation::of(guard);
    guard.stand_in().map_or_else(|| alone.clone(), |other| alone.clone().and(other))
}

fn manner(ablation: Ablation) -> Manner {
    Manner { ablation, tells: false }
}

/// Returns the first rule that is broken without a guard, and not with it.
fn new_violation(guard: AnyGuard, without: &Report, scenario: &Scenario) -> Option<Violation> {
    let counts = |found: &&Violation| {
        guard.keeps_from().is_empty() || guard.keeps_from().contains(&found.rule)
    };
    without.violations.iter().find(counts)?;
    let with = [Ablation::none()].into_iter().chain(guard.stand_in().map(Ablation::of));
    let broken: Vec<_> = with
        .flat_map(|ablation| run_safely(scenario, &manner(ablation)).violations)
        .map(|found| found.rule)
        .collect();
    without.violations.iter().filter(counts).find(|found| !broken.contains(&found.rule)).cloned()
}

/// Looks for a day on which a guard is missed: in the scenario that is kept for it, in the seeds, and in those of days with
/// all kinds of change.
#[must_use]
pub fn ablate(guard: AnyGuard, seeds: u64) -> Option<Catch> {
    let day = Day::Kept(format!("without-{guard}"));
    match missed(guard, &day) {
        Some(violation) => Some(Catch { guard, day, violation }),
        None => {
            by_seed(guard, 0..seeds).or_else(|| by_seed(guard, swarm::changed_days(&(0..seeds))))
        }
    }
}

fn by_seed(guard: AnyGuard, seeds: std::ops::Range<u64>) -> Option<Catch> {
    let caught: Mutex<Option<(u64, Violation)>> = Mutex::new(None);
    let stops = |seed: u64, report: &Report| {
        let scenario = generate::scenario(seed);
        let Some(violation) = new_violation(guard, report, &scenario) else { return false };
        if let Ok(mut caught) = caught.lock() {
            // Two threads may find one each: the earlier seed counts.
            if caught.as_ref().is_none_or(|(known, _)| seed < *known) {
                *caught = Some((seed, violation));
            }
        }
        true
    };
    let _ = swarm(seeds, &manner(off(guard)), None, &stops);
    let (seed, violation) = caught.into_inner().ok().flatten()?;
    Some(Catch { guard, day: Day::Seed(seed), violation })
}

/// Reads the kept scenarios, by name.
///
/// # Panics
/// When one of them cannot be read: its guard would seem to be missed by nobody.
#[must_use]
pub fn kept() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_scenario = path.extension().is_some_and(|kind| kind == "json");
        let (Some(name), true) = (path.file_stem(), is_scenario) else { continue };
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let scenario = text.and_then(|text| Scenario::from_json(&text));
        let scenario = scenario.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        found.push((name.to_string_lossy().into_owned(), scenario));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// Returns the page that lists each guard with the day that shows what is lost without it.
#[must_use]
pub fn page(seeds: u64, catches: &[(AnyGuard, Option<Catch>)]) -> String {
    let mut text = HEAD.to_owned();
    for (guard, caught) in catches {
        let behind = guard.stand_in().map_or_else(|| "-".to_owned(), |other| format!("`{other}`"));
        text += &match caught {
            Some(Catch { day, violation, .. }) => {
                format!("| `{guard}` | {behind} | {day} | `{}` |\n", violation.rule)
            }
            None => format!(
                "| `{guard}` | {behind} | - | nobody misses it in {seeds} days: they may be too mild for it |\n"
            ),
        };
    }
    text += TAIL;
    text
}

/// Reads from the page the day that it names for a guard, and the rule that is broken on it.
#[must_use]
pub fn on_page(page: &str, guard: AnyGuard) -> Option<(Day, String)> {
    let begin = format!("| `{guard}` |");
    let line = page.lines().find_map(|line| line.strip_prefix(begin.as_str()))?;
    let mut cells = line.split('|').skip(1).map(str::trim);
    let (day, rule) = (cells.next()?, cells.next()?);
    let day = match day.parse() {
        Ok(seed) => Day::Seed(seed),
        Err(_) => Day::Kept(day.strip_prefix('`')?.strip_suffix('`')?.to_owned()),
    };
    Some((day, rule.trim_matches('`').to_owned()))
}

const HEAD: &str = "\
# Guards

Made by `cargo run -p wucluster-rehearse --features ablation --bin torture -- guards`; not by hand.

Each guard is switched off, and days are run until a judge notices. The day (a seed, or a kept scenario) and
the rule that is broken then stand here; with the guard on, the same day keeps that rule. Where another guard
stands behind it, both are switched off: the rule is broken without both, and kept with either. The rules are
those of [safety.md](safety.md).

| guard | behind it | day | broken without |
|---|---|---|---|
";

const TAIL: &str = "
`canary` is no guard but a planted bug; every run of the tests has to notice it. Every run of the tests also
runs each day of this page with and without its guard.

Not listed are the rules that only tell what others refused (`provider-refused`, `not-permitted`,
`no-capacity`, `node-failed`, `snapshot-failed`, `detach-stuck`, `volume-failed`, `unrecognized-state`,
`mounted-elsewhere`, `foreign`): without them nothing is done that is not done with them, and a drive would
wait instead. That they are told truly is judged on every seed. The rules about hooks (`unmount-refused`,
`halt-refused`, `not-ready`) are tested in the engine's simulation; one node in four of the days has hooks. The rule of
`prune` (`snapshot-needed`) is tested there and in the core: no demand deletes a snapshot. So is that of growing
(`never-shrunk`): no plan asks for less.
";

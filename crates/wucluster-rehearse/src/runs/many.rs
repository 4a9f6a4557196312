//! Many bad days, one after the other, each judged by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use wucluster_core::demand::Demand;
use wucluster_engine::Outcome;
use wucluster_sim::World;

use super::day::bad_day;
use crate::forecast::{Day, Ended, Forecast, Stage, drive, forecast_with_world, left_over, lost};

/// How one bad day went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayReport {
    /// The seed that makes it again.
    pub seed: u64,
    /// What could go wrong.
    pub kinds: Vec<&'static str>,
    /// How it ended, and what it took.
    pub first: Forecast,
    /// Where it did not end well: how the same command ended once the day was over.
    pub repeated: Option<Ended>,
    /// What must never happen, and did.
    pub violations: Vec<String>,
}

impl DayReport {
    /// Says whether the demand was reached in the end.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        let last = self.repeated.as_ref().unwrap_or(&self.first.ended);
        *last == Ended::Reached
    }
}

/// How many bad days went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Days {
    /// How many days there were.
    pub runs: u64,
    /// On how many the demand was reached at once.
    pub reached: u64,
    /// On how many it was held or not reached at first, and reached by repeating the command.
    pub reached_later: u64,
    /// The seeds of those days.
    pub later_seeds: Vec<u64>,
    /// On how many it was not reached in the end.
    pub not_reached: u64,
    /// By what it was held at first, and on how many days.
    pub held_by: BTreeMap<String, u64>,
    /// How often each fault was felt, on all days.
    pub faults: BTreeMap<String, u64>,
    /// How long a day took that reached the demand at once: half of them took no longer. Unit:
    /// milliseconds.
    pub took_median_ms: u64,
    /// The longest of them. Unit: milliseconds.
    pub took_longest_ms: u64,
    /// Days on which something happened that must never happen.
    pub violations: Vec<Violation>,
    /// Days on which the demand was not reached in the end, and what holds it.
    pub unreached: Vec<Violation>,
}

/// A day to look at, with the seed that makes it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// What happened, a line each.
    pub what: Vec<String>,
}

/// Rehearses a demand on so many bad days, from `seed` on; `tell` hears of each as it is over.
pub fn many(
    stage: &Stage,
    demand: Demand,
    (seed, runs): (u64, u64),
    wait: Duration,
    tell: &mut dyn FnMut(&DayReport),
) -> Days {
    let mut days = Days {
        runs,
        reached: 0,
        reached_later: 0,
        later_seeds: Vec::new(),
        not_reached: 0,
        held_by: BTreeMap::new(),
        faults: BTreeMap::new(),
        took_median_ms: 0,
        took_longest_ms: 0,
        violations: Vec::new(),
        unreached: Vec::new(),
    };
    let mut took = Vec::new();
    for seed in (0..runs).map(|n| seed.wrapping_add(n)) {
        let report = one(stage, demand, seed, wait);
        days.add(&report, &mut took);
        tell(&report);
    }
    took.sort_unstable();
    days.took_median_ms = took.get(took.len() / 2).copied().unwrap_or(0);
    days.took_longest_ms = took.last().copied().unwrap_or(0);
    days
}

/// Rehearses a demand on the bad day of one seed, and once more after it if need be.
#[must_use]
pub fn one(stage: &Stage, demand: Demand, seed: u64, wait: Duration) -> DayReport {
    let (day, kinds) = bad_day(seed, wait);
    let kinds = kinds.iter().map(|kind| kind.name).collect();
    judged(stage, demand, &day, kinds)
}

/// Rehearses a demand on a given day, and once more after it if need be.
#[must_use]
pub fn judged(stage: &Stage, demand: Demand, day: &Day, kinds: Vec<&'static str>) -> DayReport {
    let (first, mut world) = forecast_with_world(stage, demand, day);
    let mut repeated = None;
    let mut violations = violations(&first);
    if first.ended != Ended::Reached {
        world.calm();
        let (ended, after) = again(stage, world, demand, day);
        if ended == Ended::Stalled {
            violations.push("the command did not end within a day of calm".to_owned());
        }
        violations.extend(after);
        repeated = Some(ended);
    }
    DayReport { seed: day.seed, kinds, first, repeated, violations }
}

fn again(stage: &Stage, world: World, demand: Demand, day: &Day) -> (Ended, Vec<String>) {
    let done_before = world.harm().len();
    let run = drive(stage, world, demand, &Day::calm(day.seed), &mut |_| {});
    let is_away = run.ending.outcome == Outcome::Reached && demand == Demand::Away;
    let mut what: Vec<String> =
        run.world.harm()[done_before..].iter().map(ToString::to_string).collect();
    what.extend(lost(&run.world, &stage.written).iter().map(ToString::to_string));
    if is_away {
        let left = left_over(stage, &run.world);
        what.extend(left.iter().map(|id| format!("{id} is left over, and paid for")));
    }
    (run.ending.outcome.into(), what)
}

fn violations(forecast: &Forecast) -> Vec<String> {
    let harm = forecast.harm.iter().cloned();
    let lost = forecast.lost.iter().map(ToString::to_string);
    let left = forecast.left_over.iter().map(|id| format!("{id} is left over, and paid for"));
    harm.chain(lost).chain(left).collect()
}

impl Days {
    fn add(&mut self, report: &DayReport, took: &mut Vec<u64>) {
        for (fault, count) in &report.first.faults {
            *self.faults.entry(fault.clone()).or_insert(0) += count;
        }
        match &report.first.ended {
            Ended::Reached => {
                self.reached += 1;
                took.push(u64::try_from(report.first.took.as_millis()).unwrap_or(u64::MAX));
            }
            Ended::Held { holds } => {
                let mut reasons: Vec<String> =
                    holds.iter().map(|hold| hold.interlock.to_string()).collect();
                reasons.sort();
                reasons.dedup();
                for reason in reasons {
                    *self.held_by.entry(reason).or_insert(0) += 1;
                }
            }
            Ended::Stalled => *self.held_by.entry("no end in sight".to_owned()).or_insert(0) += 1,
            Ended::Blind { .. } => {
                *self.held_by.entry("the cloud could not be looked at".to_owned()).or_insert(0) +=
                    1;
            }
        }
        if report.first.ended != Ended::Reached {
            if report.is_reached() {
                self.reached_later += 1;
                self.later_seeds.push(report.seed);
            } else {
                self.not_reached += 1;
                let what = reasons(report.repeated.as_ref());
                self.unreached.push(Violation { seed: report.seed, what });
            }
        }
        if !report.violations.is_empty() {
            let what = report.violations.clone();
            self.violations.push(Violation { seed: report.seed, what });
        }
    }
}

fn reasons(ended: Option<&Ended>) -> Vec<String> {
    match ended {
        Some(Ended::Held { holds }) => holds
            .iter()
            .map(|hold| format!("held[{}] {}: {}", hold.interlock, hold.subject, hold.what))
            .collect(),
        Some(Ended::Blind { error }) => vec![format!("the cloud cannot be looked at: {error}")],
        Some(Ended::Stalled) => vec!["it did not end".to_owned()],
        Some(Ended::Reached) | None => Vec::new(),
    }
}

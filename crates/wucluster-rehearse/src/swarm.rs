//! Many seeds at once, and what they showed together.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wucluster_core::ids::Subject;
use wucluster_sim::FaultKind;

use crate::change::Change;
use crate::generate;
use crate::run::{Manner, Report, run};
use crate::scenario::Scenario;
use crate::verdict::{Rule, Violation};

/// How many of the rarest kinds and pairs are named.
const RAREST: usize = 8;

/// One seed in so many is run twice, to see that its history is the same.
const REPEATED: u64 = 100;

/// What many runs showed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Table {
    /// How many seeds were run.
    pub seeds: u64,
    /// How many of them are of days with all kinds of change.
    #[serde(default)]
    pub seeds_with_changes: u64,
    /// How many of them are of days with several operators and a bad store.
    #[serde(default)]
    pub seeds_with_store: u64,
    /// How many were run twice, with the same history.
    pub repeated: u64,
    /// How long they took together. Unit: seconds of virtual time.
    pub virtual_seconds: u64,
    /// How often drives ended in which way.
    pub endings: BTreeMap<String, u64>,
    /// Per kind of fault: in how many seeds it was felt, and how often in all.
    pub kinds: BTreeMap<String, (u64, u64)>,
    /// Per pair of kinds, as `A1 C3`: in how many seeds both were felt.
    pub pairs: BTreeMap<String, u64>,
    /// Per kind of change: in how many seeds it met what was there before it, and at how many drives in all.
    #[serde(default)]
    pub changes: BTreeMap<String, (u64, u64)>,
    /// What nobody could have known without records from before the drive; counted, not held against.
    pub excused: u64,
    /// The slowest seed, and how many milliseconds it took.
    pub slowest: (u64, u64),
    /// Seeds that broke a rule, with the first rule each.
    pub guilty: BTreeMap<u64, String>,
}

/// How what a run broke compares with what is known to be broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// Seeds that break the rule that is listed for them.
    pub known: Vec<u64>,
    /// Seeds that break another rule, or are not listed, with what they broke.
    pub new: Vec<(u64, String)>,
    /// Seeds that are listed, were run, and break no rule any more.
    pub mended: Vec<u64>,
}

/// The kinds that only days with several operators and a bad store have.
pub const STORE_KINDS: [FaultKind; 6] = [
    FaultKind::SeveralOperators,
    FaultKind::LeaseLost,
    FaultKind::StoreBroken,
    FaultKind::JournalTorn,
    FaultKind::StoreLost,
    FaultKind::StoreConfused,
];

/// One day with all kinds of change is run beside so many of the others.
pub const DAYS_PER_CHANGED_DAY: u64 = 10;

/// Returns the seeds of the days with all kinds of change that belong to a range of the others.
#[must_use]
pub fn changed_days(days: &std::ops::Range<u64>) -> std::ops::Range<u64> {
    let nth = |day: u64| generate::CHANGES_FROM + day / DAYS_PER_CHANGED_DAY;
    nth(days.start)..nth(days.end)
}

/// One day with several operators and a store to which things happen is run beside so many of the others.
pub const DAYS_PER_STORE_DAY: u64 = 10;

/// Returns the seeds of the days with several operators that belong to a range of the others.
#[must_use]
pub fn store_days(days: &std::ops::Range<u64>) -> std::ops::Range<u64> {
    let nth = |day: u64| generate::STORES_FROM + day / DAYS_PER_STORE_DAY;
    nth(days.start)..nth(days.end)
}

/// Lists the seeds that break a rule, found and not mended yet, each with the rule: a debt that is shown in every run that
/// comes to them, and that can only get smaller.
#[must_use]
pub fn open_seeds() -> BTreeMap<u64, &'static str> {
    let lines = include_str!("../tests/open-seeds.txt").lines();
    let read = |line: &'static str| {
        let (seed, rule) = line.split_once(' ')?;
        Some((seed.parse().ok()?, rule))
    };
    lines.filter(|line| !line.starts_with('#')).filter_map(read).collect()
}

impl Table {
    /// Returns how many seeds of days without further kinds of change were run: of those from 0 on.
    #[must_use]
    pub fn days(&self) -> u64 {
        self.seeds - self.seeds_with_changes - self.seeds_with_store
    }

    /// Compares what was broken with the list of [`open_seeds`], of which the first so many of both ranges were run.
    #[must_use]
    pub fn debt(&self) -> Debt {
        let open = open_seeds();
        let from = generate::CHANGES_FROM;
        let with_changes = from..from + self.seeds_with_changes;
        let with_store = generate::STORES_FROM..generate::STORES_FROM + self.seeds_with_store;
        let (known, new): (Vec<_>, Vec<_>) = self
            .guilty
            .iter()
            .partition(|(seed, what)| open.get(*seed).copied() == what.split(' ').next());
        Debt {
            known: known.into_iter().map(|(seed, _)| *seed).collect(),
            new: new.into_iter().map(|(seed, what)| (*seed, what.clone())).collect(),
            mended: open
                .range(..self.days())
                .chain(open.range(with_changes))
                .chain(open.range(with_store))
                .map(|(seed, _)| *seed)
                .filter(|seed| !self.guilty.contains_key(seed))
                .collect(),
        }
    }

    /// Adds a run.
    pub fn add(&mut self, seed: u64, report: &Report, took: Duration) {
        self.seeds += 1;
        match seed {
            generate::STORES_FROM.. => self.seeds_with_store += 1,
            generate::CHANGES_FROM.. => self.seeds_with_changes += 1,
            _ => {}
        }
        for (change, times) in &report.met {
            let slot = self.changes.entry(change.as_str().to_owned()).or_default();
            slot.0 += 1;
            slot.1 += times;
        }
        self.virtual_seconds += report.span.as_secs();
        self.excused += report.excused;
        for ending in &report.endings {
            *self.endings.entry((*ending).to_owned()).or_default() += 1;
        }
        let fired: Vec<&FaultKind> = report.fired.keys().collect();
        for (at, kind) in fired.iter().enumerate() {
            let slot = self.kinds.entry(kind.id().to_owned()).or_default();
            slot.0 += 1;
            slot.1 += report.fired[*kind];
            for other in fired.iter().skip(at + 1) {
                *self.pairs.entry(format!("{} {}", kind.id(), other.id())).or_default() += 1;
            }
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.slowest = self.slowest.max_by_time((seed, millis));
        if let Some(first) = report.violations.first() {
            self.guilty.insert(seed, first.to_string());
        }
    }

    /// Adds what another table counted.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.seeds_with_changes += other.seeds_with_changes;
        self.seeds_with_store += other.seeds_with_store;
        self.repeated += other.repeated;
        self.virtual_seconds += other.virtual_seconds;
        self.excused += other.excused;
        self.slowest = self.slowest.max_by_time(other.slowest);
        self.guilty.extend(other.guilty);
        for (ending, count) in other.endings {
            *self.endings.entry(ending).or_default() += count;
        }
        for (pair, count) in other.pairs {
            *self.pairs.entry(pair).or_default() += count;
        }
        for (kind, (seeds, times)) in other.kinds {
            let slot = self.kinds.entry(kind).or_default();
            slot.0 += seeds;
            slot.1 += times;
        }
        for (change, (seeds, times)) in other.changes {
            let slot = self.changes.entry(change).or_default();
            slot.0 += seeds;
            slot.1 += times;
        }
    }

    /// Lists the simulated kinds with in how many seeds each was felt, the rarest first.
    #[must_use]
    pub fn rarest_kinds(&self) -> Vec<(FaultKind, u64)> {
        let felt = |kind: FaultKind| self.kinds.get(kind.id()).map_or(0, |(seeds, _)| *seeds);
        let mut kinds: Vec<_> = crate::trouble::kinds().map(|kind| (kind, felt(kind))).collect();
        kinds.sort_by_key(|(_, count)| *count);
        kinds
    }

    /// Lists the pairs of simulated kinds with in how many seeds both were felt, the rarest first.
    #[must_use]
    pub fn rarest_pairs(&self) -> Vec<(String, u64)> {
        let kinds: Vec<FaultKind> = crate::trouble::kinds().collect();
        let mut pairs = Vec::new();
        for (at, one) in kinds.iter().enumerate() {
            for other in kinds.iter().skip(at + 1) {
                let pair = format!("{} {}", one.id(), other.id());
                let count = self.pairs.get(&pair).copied().unwrap_or(0);
                pairs.push((pair, count));
            }
        }
        pairs.sort_by_key(|(_, count)| *count);
        pairs
    }

    /// Lists the pairs of simulated kinds that were felt together in fewer seeds than `bar`, and in how many.
    #[must_use]
    pub fn pairs_below(&self, bar: u64) -> Vec<(String, u64)> {
        let kinds: Vec<FaultKind> = crate::trouble::kinds().collect();
        let pairs = kinds.iter().enumerate().flat_map(|(at, one)| {
            kinds.iter().skip(at + 1).map(move |other| format!("{} {}", one.id(), other.id()))
        });
        pairs
            .map(|pair| {
                let count = self.pairs.get(&pair).copied().unwrap_or(0);
                (pair, count)
            })
            .filter(|(_, count)| *count < bar)
            .collect()
    }

    /// Lists the kinds of change with in how many seeds each met what was there before it, the rarest first.
    #[must_use]
    pub fn rarest_changes(&self) -> Vec<(Change, u64)> {
        let met = |change: Change| self.changes.get(change.as_str()).map_or(0, |(seeds, _)| *seeds);
        let mut changes: Vec<_> = Change::ALL.map(|change| (change, met(change))).into();
        changes.sort_by_key(|(_, count)| *count);
        changes
    }

    /// Lists the kinds that befall the store, or several operators, with in how many seeds each was felt, the rarest first.
    #[must_use]
    pub fn rarest_store_kinds(&self) -> Vec<(FaultKind, u64)> {
        let felt = |kind: FaultKind| self.kinds.get(kind.id()).map_or(0, |(seeds, _)| *seeds);
        let mut kinds: Vec<_> = STORE_KINDS.map(|kind| (kind, felt(kind))).into();
        kinds.sort_by_key(|(_, count)| *count);
        kinds
    }

    /// Lists the simulated kinds that were felt in no seed.
    #[must_use]
    pub fn never_felt(&self) -> Vec<FaultKind> {
        crate::trouble::kinds().filter(|kind| !self.kinds.contains_key(kind.id())).collect()
    }

    /// Returns it as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} seeds ({} with changes, {} with several operators and a bad store), {} virtual hours, {} seeds run twice \
             alike; slowest seed {} ({} ms)\n",
            self.seeds,
            self.seeds_with_changes,
            self.seeds_with_store,
            self.virtual_seconds / 3600,
            self.repeated,
            self.slowest.0,
            self.slowest.1
        );
        let endings: Vec<String> =
            self.endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
        text += &format!("drives: {}\n", endings.join(", "));
        text += "kind                        felt in seeds      times\n";
        for kind in FaultKind::ALL {
            let felt = self.kinds.get(kind.id()).copied();
            let expected = crate::trouble::kinds().any(|known| known == *kind)
                || (self.seeds_with_store > 0 && STORE_KINDS.contains(kind));
            if felt.is_none() && !expected {
                continue;
            }
            let (seeds, times) = felt.unwrap_or_default();
            // What only days with a bad store have is of these.
            let of = if STORE_KINDS.contains(kind) { self.seeds_with_store } else { self.seeds };
            let percent = seeds * 100 / of.max(1);
            text += &format!("{:<24} {seeds:>10} {percent:>3}% {times:>10}\n", kind.to_string());
        }
        if self.seeds_with_changes > 0 {
            text += &format!(
                "kind of change               met in seeds     drives, of {} seeds\n",
                self.seeds_with_changes
            );
            for change in Change::ALL {
                let (seeds, times) = self.changes.get(change.as_str()).copied().unwrap_or_default();
                let percent = seeds * 100 / self.seeds_with_changes;
                text += &format!("{change:<24} {seeds:>10} {percent:>3}% {times:>10}\n");
            }
        }
        let rarest: Vec<String> = self
            .rarest_kinds()
            .iter()
            .take(RAREST)
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        text += &format!("rarest kinds: {}\n", rarest.join(", "));
        let pairs = self.rarest_pairs();
        let seldom = pairs.iter().filter(|(_, count)| count * 1_000 < self.seeds).count();
        let rarest: Vec<String> =
            pairs.iter().take(RAREST).map(|(pair, count)| format!("{pair} {count}")).collect();
        text += &format!(
            "rarest pairs: {}; {seldom} of {} pairs in less than one seed of a thousand\n",
            rarest.join(", "),
            pairs.len()
        );
        text += &format!("what nobody could have known: {}\n", self.excused);
        text += &format!("seeds that broke a rule: {}\n", self.guilty.len());
        text
    }
}

trait MaxByTime {
    fn max_by_time(self, other: Self) -> Self;
}

impl MaxByTime for (u64, u64) {
    fn max_by_time(self, other: Self) -> Self {
        if other.1 > self.1 { other } else { self }
    }
}

/// Runs a scenario; a panic is a broken rule like others.
#[must_use]
pub fn run_safely(scenario: &Scenario, manner: &Manner) -> Report {
    catch_unwind(AssertUnwindSafe(|| run(scenario, manner))).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without words".to_owned());
        let violation = Violation { rule: Rule::Panic, subject: Subject::Cluster, what };
        Report { violations: vec![violation], ..Report::default() }
    })
}

/// Runs the seeds of a range on all cores, until all are run or the time is over.
///
/// `stops` says after each seed whether enough was seen.
#[must_use]
pub fn swarm(
    seeds: std::ops::Range<u64>,
    manner: &Manner,
    limit: Option<Duration>,
    stops: &(dyn Fn(u64, &Report) -> bool + Sync),
) -> Table {
    let next = AtomicU64::new(seeds.start);
    let began = Instant::now();
    let table = Mutex::new(Table::default());
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Table::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let is_over = limit.is_some_and(|limit| began.elapsed() > limit);
                    if seed >= seeds.end || is_over {
                        break;
                    }
                    let from = Instant::now();
                    let scenario = generate::scenario(seed);
                    let mut report = run_safely(&scenario, manner);
                    let took = from.elapsed();
                    if seed.is_multiple_of(REPEATED) {
                        let again = run_safely(&scenario, manner);
                        if again.digest == report.digest && again.endings == report.endings {
                            own.repeated += 1;
                        } else {
                            report.violations.push(Violation {
                                rule: Rule::NotRepeatable,
                                subject: Subject::Cluster,
                                what: format!("{:016x}, then {:016x}", report.digest, again.digest),
                            });
                        }
                    }
                    own.add(seed, &report, took);
                    if stops(seed, &report) {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                }
                if let Ok(mut table) = table.lock() {
                    table.merge(own);
                }
            });
        }
    });
    table.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_below_a_bar_are_those_that_were_felt_together_too_rarely() {
        let mut report = Report::default();
        report.fired.extend([(FaultKind::Throttle, 1), (FaultKind::ServerError, 1)]);
        let mut table = Table::default();
        table.add(0, &report, Duration::ZERO);
        table.add(1, &report, Duration::ZERO);
        let all = table.pairs_below(u64::MAX).len();
        let count = crate::trouble::kinds().count();
        assert_eq!(all, count * (count - 1) / 2);
        assert_eq!(table.pairs_below(3).iter().filter(|(_, count)| *count == 2).count(), 1);
        assert_eq!(table.pairs_below(2).len(), all - 1);
        assert_eq!(table.never_felt().len(), count - 2);
    }

    #[test]
    fn a_change_counts_where_it_met_something_and_beside_ten_days_there_is_one_with_all_kinds() {
        let mut report = Report::default();
        report.met.insert(Change::Zone, 3);
        let mut table = Table::default();
        table.add(7, &Report::default(), Duration::ZERO);
        table.add(generate::CHANGES_FROM, &report, Duration::ZERO);
        assert_eq!((table.days(), table.seeds_with_changes), (1, 1));
        let changes = table.rarest_changes();
        assert_eq!(changes.iter().filter(|(_, count)| *count == 0).count(), Change::ALL.len() - 1);
        assert_eq!(changes.last(), Some(&(Change::Zone, 1)));
        // However a range is cut, each of its days comes once.
        let cut = [0..15, 15..16, 16..40].map(|days| changed_days(&days));
        assert_eq!(cut[0].start, generate::CHANGES_FROM);
        assert_eq!((cut[0].end, cut[1].end), (cut[1].start, cut[2].start));
        assert_eq!(cut[2].end, generate::CHANGES_FROM + 4);
    }
}

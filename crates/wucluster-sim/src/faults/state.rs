//! Faults that are in force, waiting, or were felt.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use wucluster_core::ids::{NodeName, Subject};
use wucluster_core::time::Timestamp;

use super::clock::OperatorClock;
use super::conditions::{Conditions, Until};
use super::fault::Fault;
use super::kind::FaultKind;
use super::plan::{Faults, When, lag_of};
use crate::rng::{Rng, mix};

/// The plan and what has come of it. Its randomness is its own, so that a world without faults goes
/// the same way whatever a plan would have drawn.
#[derive(Debug, Clone)]
pub(crate) struct FaultState {
    plan: Faults,
    /// Number of the plan in force; events of an earlier one are void.
    number: u64,
    seed: u64,
    /// One generator for each entry of the plan, in its order: first the chances, then the rates.
    /// Taking an entry out of the plan leaves the luck of all others as it is.
    chances: Vec<Rng>,
    rates: Vec<Rng>,
    /// Faults of requests that wait for the next request they apply to.
    armed: Vec<Fault>,
    outages: BTreeMap<NodeName, (Until, bool)>,
    impostors: BTreeMap<NodeName, Until>,
    stale: Option<(Duration, Until, bool)>,
    pub(crate) conditions: Conditions,
    pub(crate) clock: OperatorClock,
    /// How many more requests fail with a 5xx.
    failing_run: u32,
    /// Longest lateness that was ever possible.
    staleness_max: Duration,
    fired: BTreeMap<&'static str, u64>,
    /// When listings showed something of whom other than it was, and whether older than before.
    late: BTreeMap<Subject, Vec<(Timestamp, bool)>>,
    /// Whom a fault befell last, by its kind.
    struck: BTreeMap<(FaultKind, Subject), Timestamp>,
}

impl FaultState {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            plan: Faults::none(),
            number: 0,
            seed,
            chances: Vec::new(),
            rates: Vec::new(),
            armed: Vec::new(),
            outages: BTreeMap::new(),
            impostors: BTreeMap::new(),
            stale: None,
            conditions: Conditions::default(),
            clock: OperatorClock::default(),
            failing_run: 0,
            staleness_max: Duration::ZERO,
            fired: BTreeMap::new(),
            late: BTreeMap::new(),
            struck: BTreeMap::new(),
        }
    }

    /// Puts a plan in force, and returns its number.
    pub(crate) fn begin(&mut self, plan: Faults) -> u64 {
        self.staleness_max = self.staleness_max.max(plan.lag_max());
        self.number += 1;
        self.chances = generators(self.seed ^ self.number, &plan.chances);
        self.rates = generators(self.seed ^ self.number, &plan.rates);
        self.plan = plan;
        self.number
    }

    /// Ends the plan and all that is in force.
    pub(crate) fn end(&mut self) {
        self.begin(Faults::none());
        self.armed.clear();
        self.outages.clear();
        self.impostors.clear();
        self.stale = None;
        self.conditions.end();
        self.failing_run = 0;
    }

    /// Ends chances and rates of a plan, if it is still in force.
    pub(crate) fn run_out(&mut self, number: u64) {
        if number == self.number {
            self.plan.chances.clear();
            self.plan.rates.clear();
        }
    }

    pub(crate) fn lasts(&self) -> Option<Duration> {
        self.plan.lasts
    }

    pub(crate) fn scheduled(&self) -> impl Iterator<Item = (usize, When)> {
        self.plan.scheduled.iter().enumerate().map(|(index, (when, _))| (index, when.clone()))
    }

    pub(crate) fn scheduled_fault(&self, index: usize, number: u64) -> Option<Fault> {
        let (_, fault) = self.plan.scheduled.get(index).filter(|_| number == self.number)?;
        Some(fault.clone())
    }

    pub(crate) fn rates(&self) -> usize {
        self.plan.rates.len()
    }

    pub(crate) fn recurring_fault(&self, index: usize, number: u64) -> Option<Fault> {
        let (_, fault) = self.plan.rates.get(index).filter(|_| number == self.number)?;
        Some(fault.clone())
    }

    /// Draws when a fault of a rate strikes next: evenly between at once and twice the average.
    pub(crate) fn next_recurrence(&mut self, index: usize) -> Option<Duration> {
        let (per_hour, _) = self.plan.rates.get(index).filter(|(per_hour, _)| *per_hour > 0.0)?;
        let average = Duration::try_from_secs_f64(3600.0 / per_hour).ok()?;
        Some(self.rates.get_mut(index)?.between(Duration::ZERO, average * 2))
    }

    /// Lets a fault of requests wait for the next one that it applies to.
    pub(crate) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    /// Collects all that befalls the `nth` request of a name: on its way, or else once it arrived.
    pub(crate) fn on_request(&mut self, name: &str, nth: u64, is_on_its_way: bool) -> Vec<Fault> {
        let is_now = |fault: &Fault| fault.strikes_on_the_way() == is_on_its_way;
        let mut faults: Vec<Fault> = self
            .plan
            .scheduled
            .iter()
            .filter(|(when, _)| matches!(when, When::Call(request, at) if *request == name && *at == nth))
            .filter(|(_, fault)| is_now(fault))
            .map(|(_, fault)| fault.clone())
            .collect();
        let (struck, waiting) = std::mem::take(&mut self.armed)
            .into_iter()
            .partition(|fault: &Fault| is_now(fault) && fault.applies_to(name));
        self.armed = waiting;
        faults.extend::<Vec<Fault>>(struck);
        for ((request, probability, fault), rng) in self.plan.chances.iter().zip(&mut self.chances)
        {
            let is_meant = request.is_none_or(|request| request == name);
            // Drawn for each request that it could befall, whether or not another fault did.
            if is_meant && is_now(fault) && fault.applies_to(name) && rng.chance(*probability) {
                faults.push(fault.clone());
            }
        }
        if !is_on_its_way && self.failing_run > 0 && Fault::ServerError.applies_to(name) {
            self.failing_run -= 1;
            faults.push(Fault::ServerErrors { run: self.failing_run });
        }
        for fault in &faults {
            if let Fault::ServerErrors { run } = fault {
                self.failing_run = self.failing_run.max(run.saturating_sub(1));
            }
        }
        faults
    }

    pub(crate) fn until(now: Timestamp, span: Option<Duration>) -> Option<Timestamp> {
        span.map(|span| now.after(span))
    }

    pub(crate) fn cut_off(
        &mut self,
        node: NodeName,
        until: Option<Timestamp>,
        hangs: bool,
    ) -> bool {
        self.outages.insert(node, (until, hangs));
        true
    }

    pub(crate) fn impersonate(&mut self, node: NodeName, until: Option<Timestamp>) -> bool {
        self.impostors.insert(node, until);
        true
    }

    pub(crate) fn make_stale(
        &mut self,
        lag: Duration,
        until: Option<Timestamp>,
        wavers: bool,
    ) -> bool {
        self.staleness_max = self.staleness_max.max(lag);
        self.stale = Some((lag, until, wavers));
        true
    }

    /// Returns the fault that keeps a node from answering, and whether it hangs.
    pub(crate) fn outage_of(
        &self,
        node: &NodeName,
        now: Timestamp,
    ) -> Option<(&'static str, bool)> {
        let (until, hangs) = self.outages.get(node)?;
        let fault = Fault::Unreachable { node: None, span: None, hangs: *hangs };
        is_on(*until, now).then(|| (fault.name(), *hangs))
    }

    /// Returns the fault that lets another host answer for a node.
    pub(crate) fn impostor_of(&self, node: &NodeName, now: Timestamp) -> Option<&'static str> {
        let until = self.impostors.get(node)?;
        is_on(*until, now).then(|| Fault::WrongHost { node: None, span: None }.name())
    }

    /// Returns by how much listings may be late now, and whether that changes from look to look.
    pub(crate) fn staleness(&self, now: Timestamp) -> Option<(Duration, bool)> {
        let (lag, until, wavers) = self.stale?;
        is_on(until, now).then_some((lag, wavers))
    }

    /// Returns the longest time by which listings could ever be late.
    pub(crate) fn staleness_max(&self) -> Duration {
        self.staleness_max
    }

    pub(crate) fn count(&mut self, fault: &'static str) {
        *self.fired.entry(fault).or_default() += 1;
    }

    /// Notes that a listing showed something of somebody other than it was.
    pub(crate) fn note_late(&mut self, now: Timestamp, subject: Subject, went_back: bool) {
        self.late.entry(subject).or_default().push((now, went_back));
    }

    /// Says whether listings showed something of somebody other than it was within a time; with
    /// `went_back`, older than they had shown it before.
    pub(crate) fn was_late(
        &self,
        subject: &Subject,
        (from, to): (Timestamp, Timestamp),
        went_back: bool,
    ) -> bool {
        let mut looks = self.late.get(subject).into_iter().flatten();
        looks.any(|(at, back)| from <= *at && *at <= to && (*back || !went_back))
    }

    /// Says whether a listing showed something of anybody older than it had been shown before, within a time.
    pub(crate) fn has_gone_back(&self, from: Timestamp, to: Timestamp) -> bool {
        let mut shown = self.late.values().flatten();
        shown.any(|(at, back)| *back && from <= *at && *at <= to)
    }

    /// Notes whom a fault befell.
    pub(crate) fn note_struck(&mut self, now: Timestamp, kind: FaultKind, subject: Subject) {
        self.struck.insert((kind, subject), now);
    }

    pub(crate) fn was_struck(&self, kind: FaultKind, subject: &Subject) -> bool {
        self.struck.contains_key(&(kind, subject.clone()))
    }

    pub(crate) fn fired_counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.fired
    }

    pub(crate) fn fired_kinds(&self) -> BTreeMap<FaultKind, u64> {
        let mut kinds = BTreeMap::new();
        for (name, count) in &self.fired {
            if let Some(kind) = FaultKind::of_name(name) {
                *kinds.entry(kind).or_default() += count;
            }
        }
        kinds
    }

    /// Picks whom a fault without a name befalls, by the time alone.
    pub(crate) fn pick<'a, T>(&self, what: &str, now: Timestamp, things: &'a [T]) -> Option<&'a T> {
        Rng::new(self.seed ^ now.as_millis().unsigned_abs(), what).pick(things)
    }
}

impl Faults {
    /// Returns the longest time by which the plan may make listings late.
    fn lag_max(&self) -> Duration {
        let scheduled = self.scheduled.iter().map(|(_, fault)| fault);
        let chances = self.chances.iter().map(|(_, _, fault)| fault);
        let rates = self.rates.iter().map(|(_, fault)| fault);
        scheduled.chain(chances).chain(rates).map(lag_of).max().unwrap_or_default()
    }
}

/// Makes a generator for each entry of a plan, which follows from the entry itself and from how many
/// of the same are before it.
fn generators<T: Debug>(seed: u64, entries: &[T]) -> Vec<Rng> {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let texts = entries.iter().map(|entry| format!("{entry:?}"));
    texts
        .map(|text| {
            let nth = seen.entry(text.clone()).or_default();
            *nth += 1;
            Rng::new(seed ^ mix(*nth), &text)
        })
        .collect()
}

fn is_on(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| now < until)
}

//! One run: a start, what goes wrong, and then calm; judged all along.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_engine::Outcome;
use wucluster_engine::store::Dismissed;
use wucluster_sim::{
    Durations, EXAMINATION_MISSED, FaultKind, Harm, HarmKind, Limits, Span, World,
};

use crate::bench::{Bench, Driven, Refused};
use crate::change::Change;
use crate::depot::StoreFault;
use crate::guard::{Ablation, AnyGuard};
use crate::judge;
use crate::mail::UnderWay;
use crate::scenario::{Act, Comes, Ends, Rival, Scenario, Start, Step};
use crate::stock::Stock;
use crate::trouble;
use crate::verdict::{Rule, Violation};

/// How long a drive is let go on while things go wrong. Unit: virtual time.
const STORM_MAX: Duration = Duration::from_secs(8 * 60);

/// Within which time each demand has to end in calm: 30 minutes, beside what a snapshot takes.
const CALM_MAX: Duration = Duration::from_secs(30 * 60 + 300);

/// After what time a run that has not ended never will. Unit: virtual time.
///
/// Source: the longest runs take hours. Where nothing is due any more virtual time leaps to this at once, so that what
/// waits for nothing is told instead of waited for.
const RUN_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How often in a row a person goes on after a drive could not begin, in calm.
///
/// Source: each shelf of the store may be damaged by itself, and a number that was taken is skipped at the second try.
const REFUSALS_MAX: usize = 5;

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Which rules were broken; none in a good run.
    pub violations: Vec<Violation>,
    /// What would have broken a rule, had it not been beyond what anybody could know then.
    pub excused: u64,
    /// How often each kind of fault was felt.
    pub fired: BTreeMap<FaultKind, u64>,
    /// Which kinds of change met what was there before them, and at how many drives.
    pub met: BTreeMap<Change, u64>,
    /// How long it took. Unit: virtual time.
    pub span: Duration,
    /// A digest of all that happened.
    pub digest: u64,
    /// How each drive ended.
    pub endings: Vec<&'static str>,
    /// How often the operator of each drive of a step waited.
    pub waits: Vec<u64>,
    /// What each operator had on its way that was gone at one of the points at which it waits.
    pub under_way: Vec<UnderWay>,
    /// What there was after the steps, and after each demand in calm.
    pub stocks: Vec<Stock>,
    /// What happened, if it was to be told.
    pub story: Vec<String>,
}

/// How a run is run.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Which guards are off.
    pub ablation: Ablation,
    /// Whether what happens is told.
    pub tells: bool,
}

/// Runs a scenario and judges it.
#[must_use]
pub fn run(scenario: &Scenario, manner: &Manner) -> Report {
    let report = once(scenario, manner, false);
    let is_doubtful = report.violations.iter().any(|found| found.rule == Rule::UntrueReport);
    if is_doubtful {
        // It was not so at the end; whether it was so for an instant is worth a second run.
        return once(scenario, manner, true);
    }
    report
}

fn once(scenario: &Scenario, manner: &Manner, watches: bool) -> Report {
    wucluster_sim::run(async {
        let examines_before_format = !manner.ablation.is_off(AnyGuard::Examination);
        let fences_runs = !manner.ablation.is_off(AnyGuard::RunFence);
        let limits =
            Limits { keeps_trace: false, examines_before_format, fences_runs, ..Limits::default() };
        let world =
            World::new(scenario.seed).with_limits(limits).with_durations(durations(scenario.seed));
        let mut bench = Bench::new(scenario, world, &manner.ablation, manner.tells);
        if watches {
            bench.watch();
        }
        let mut trial = Trial::default();
        match ended(trial.whole(&bench, scenario)).await {
            Some(Ok(())) => {}
            Some(Err(wrong)) => {
                trial.guilty(Rule::Panic, Subject::Cluster, format!("no such cluster: {wrong}"));
            }
            None => {
                let what = "something waits for what never comes".to_owned();
                trial.guilty(Rule::NoEnd, Subject::Cluster, what);
            }
        }
        let story = bench.notes.open().story.take().unwrap_or_default();
        let met = std::mem::take(&mut bench.notes.open().met);
        bench.sim.peek(|world| Report {
            fired: world.kinds_fired(),
            met,
            span: world.now().since(wucluster_sim::EPOCH),
            digest: world.trace_digest(),
            excused: trial.excused,
            violations: trial.violations,
            endings: trial.endings,
            waits: trial.waits,
            under_way: trial.under_way,
            stocks: trial.stocks,
            story,
        })
    })
}

/// Goes on to the end, if there is one.
async fn ended<T>(run: impl Future<Output = T>) -> Option<T> {
    timeout(RUN_MAX, run).await.ok()
}

/// Returns how long things take in the world of a seed: in one of four as long as on a real cloud, else
/// with shorter boots and snapshots, which leave the same races and cost a third of the time.
fn durations(seed: u64) -> Durations {
    if seed.is_multiple_of(4) {
        return Durations::default();
    }
    Durations {
        launch: Span::seconds(1, 8),
        ssh: Span::seconds(1, 8),
        terminate: Span::seconds(1, 10),
        stop: Span::seconds(1, 10),
        reboot: Span::seconds(1, 8),
        snapshot: Span::seconds(2, 20),
        ..Durations::default()
    }
}

#[derive(Default)]
struct Trial {
    violations: Vec<Violation>,
    excused: u64,
    /// How much of the simulator's harm was judged.
    harm_judged: usize,
    endings: Vec<&'static str>,
    waits: Vec<u64>,
    under_way: Vec<UnderWay>,
    stocks: Vec<Stock>,
}

impl Trial {
    fn guilty(&mut self, rule: Rule, subject: Subject, what: String) {
        self.violations.push(Violation { rule, subject, what });
    }

    /// Takes over what the simulator saw itself during a drive, at the instant at which it was done.
    fn harm(&mut self, bench: &Bench) {
        let harm: Vec<Harm> =
            bench.sim.peek(|world| world.harm().iter().skip(self.harm_judged).cloned().collect());
        self.harm_judged += harm.len();
        for harm in harm {
            // Raw data that somebody put on a volume of ours looks blank to every examination.
            let was_shown = bench.was_shown(&harm);
            let is_over = harm.kind == HarmKind::FormattedOverContent;
            let looks_blank = is_over && harm.what.contains("holds data that shows no signature");
            // Nor can anybody know what two examinations in a row miss, each by itself.
            let is_missed = is_over && !was_shown && harm.what.contains(EXAMINATION_MISSED);
            // What came to be on a blank volume, and was shown to nobody, nobody could record.
            let is_blank = matches!(harm.kind, HarmKind::BlankDespiteData | HarmKind::Remade);
            let was_struck = |kind| bench.sim.peek(|world| world.was_struck(kind, &harm.subject));
            let is_foreign = is_blank && was_struck(FaultKind::ForeignContent);
            let is_robbed = bench.sim.peek(|world| bench.is_robbed(world, &harm.subject));
            // Or a human edited the record afterwards.
            let is_unseen = is_foreign && (!was_shown || is_robbed);
            // A human gave it another name: it is kept, under that name.
            let is_renamed = matches!(&harm.subject, Subject::Mount(mount)
                if !bench.cast.mounts.contains(mount));
            // Or gave it another's name, or edited the tags of its snapshots, so that another one counts as the newest.
            let is_edited = matches!(harm.kind, HarmKind::RestoredOlder | HarmKind::WrongNode)
                && bench.sim.peek(|world| world.was_struck(FaultKind::HumanTags, &harm.subject));
            // Or took the name or the mark off its snapshots, or the provider shows them to nobody (it has them in its bin), and
            // the store that knew of its data was lost before: with that store it would have been held.
            let forgotten_at = bench.notes.open().forgotten_at;
            let is_hidden = is_robbed || harm.what.contains("is recoverable");
            let is_forgotten = is_hidden
                && matches!(harm.kind, HarmKind::BlankDespiteData)
                && forgotten_at.is_some_and(|at| at < harm.at);
            if looks_blank || is_missed || is_renamed || is_edited || is_unseen || is_forgotten {
                self.excused += 1;
                continue;
            }
            self.guilty(Rule::Harm(harm.kind), harm.subject.clone(), harm.to_string());
        }
    }

    async fn whole(&mut self, bench: &Bench, scenario: &Scenario) -> Result<(), String> {
        self.start(bench, scenario.start).await?;
        bench.sim.with(|world| {
            world.set_faults(trouble::plan(&scenario.troubles, &bench.cast, world.calls()));
        });
        bench.begin_hooks();
        // Whoever is gone had time, and so has who comes after.
        let is_gone =
            |step: &Step| matches!(step, Step::Drive { ends: Some(Ends::Gone { .. }), .. });
        let most = if scenario.steps.iter().any(is_gone) { CALM_MAX } else { STORM_MAX };
        let mut last = Demand::Launched;
        let mut before: Option<Demand> = None;
        for step in &scenario.steps {
            match step {
                Step::Do(act) => bench.act(act).await,
                Step::Asleep { first, asleep_after, asleep_for, meanwhile } => {
                    let asleep =
                        (Duration::from_millis(*asleep_after), Duration::from_millis(*asleep_for));
                    let driven = bench.asleep(*first, asleep, meanwhile, most).await?;
                    if let Some((driven, demand)) = driven {
                        last = demand;
                        before = Some(demand);
                        self.judge_storm(bench, &driven, demand);
                    }
                }
                Step::Rivals { first, cut_off, others } => {
                    last = self.rivals(bench, *first, cut_off, others).await?;
                    before = Some(last);
                }
                Step::Drive { demand, ends, beside } => {
                    last = *demand;
                    if before.is_some_and(|before| before.is_upward() != demand.is_upward()) {
                        bench.sim.with(|world| world.count_fault(FaultKind::DemandReversed));
                    }
                    before = Some(*demand);
                    let driven = bench.drive(*demand, *ends, beside, most).await?;
                    self.waits.push(driven.waits);
                    self.under_way.extend(driven.under_way);
                    self.judge_storm(bench, &driven, *demand);
                    // On every other day somebody does at once what the message says; else it waits for calm.
                    if let (Some(Refused::Damaged { what, .. }), true) =
                        (&driven.refused, scenario.seed.is_multiple_of(2))
                    {
                        bench.move_away(what).await;
                    }
                    if driven.is_of_another_store() && scenario.seed.is_multiple_of(2) {
                        bench.act(&Act::Adopt).await;
                    }
                }
            }
        }
        bench.all_arrived().await;
        self.stocks.push(bench.stock()?);
        let sees_all = scenario.seed.is_multiple_of(4);
        bench.sim.with(World::calm);
        bench.calm_store();
        bench.tell("-- calm");
        self.calm(bench, last, true).await?;
        bench.release_all();
        bench.restore_definition();
        self.calm(bench, Demand::Launched, sees_all).await?;
        bench.write_everywhere().await;
        self.calm(bench, Demand::Away, sees_all).await?;
        self.calm(bench, Demand::Launched, sees_all).await
    }

    async fn start(&mut self, bench: &Bench, start: Start) -> Result<(), String> {
        let demands: &[Demand] = match start {
            Start::Empty => &[],
            Start::Launched => &[Demand::Launched],
            Start::Away => &[Demand::Launched, Demand::Away],
        };
        for demand in demands {
            let driven = bench.drive(*demand, None, &[], CALM_MAX).await?;
            self.judge_calm(bench, &driven, *demand);
            if *demand == Demand::Launched {
                bench.write_everywhere().await;
            }
        }
        Ok(())
    }

    /// Judges a drive during which things went wrong.
    fn judge_storm(&mut self, bench: &Bench, driven: &Driven, demand: Demand) {
        self.judge_any(bench, driven, demand);
        let (found, lag) = bench
            .sim
            .peek(|world| (judge::report(bench, driven, demand, world), world.staleness_max()));
        // What is up may be taken down by others just before a drive that is shorter than listings are late, and
        // what is gone may be given its name again; what we made ourselves is known from records.
        let is_short = driven.to.since(driven.from) <= lag;
        for violation in found {
            let subject = &violation.subject;
            let is_by_others =
                demand.is_upward() || bench.sim.peek(|world| bench.is_robbed(world, subject));
            let is_late = bench.sim.peek(|world| judge::is_late(driven, world, subject));
            let has_unseen_twin =
                bench.sim.peek(|world| judge::has_unseen_twin(bench, driven, world, &violation));
            if is_short && is_by_others && is_late || has_unseen_twin {
                self.excused += 1;
            } else {
                self.violations.push(violation);
            }
        }
    }

    /// Drives in calm, judges the end, and sees that what is reached is left alone, where that is wanted.
    async fn calm(
        &mut self,
        bench: &Bench,
        demand: Demand,
        looks_again: bool,
    ) -> Result<(), String> {
        let driven = self.drive_in_calm(bench, demand).await?;
        self.judge_calm(bench, &driven, demand);
        self.stocks.push(bench.stock()?);
        if !driven.is_reached() || !looks_again {
            return Ok(());
        }
        let again = bench.drive(demand, None, &[], CALM_MAX).await?;
        let asked = bench.ear.log().calls.len();
        if !again.is_reached() || asked > 0 {
            let outcome = again.ending.map(|ending| ending.outcome);
            let what = format!("demanded again, {asked} requests were made: {outcome:?}");
            self.guilty(Rule::NotIdle, Subject::Cluster, what);
        }
        Ok(())
    }

    /// Drives in calm. What is damaged in the store stays so until a person does what the message says.
    async fn drive_in_calm(&mut self, bench: &Bench, demand: Demand) -> Result<Driven, String> {
        let mut driven = bench.drive(demand, None, &[], CALM_MAX).await?;
        for _ in 0..REFUSALS_MAX {
            let Some(refused) = &driven.refused else { break };
            self.endings.push("refused");
            if let Refused::Damaged { what, .. } = refused {
                bench.move_away(what).await;
            }
            driven = bench.drive(demand, None, &[], CALM_MAX).await?;
        }
        if driven.is_of_another_store() {
            self.judge_any(bench, &driven, demand);
            bench.act(&Act::Adopt).await;
            driven = bench.drive(demand, None, &[], CALM_MAX).await?;
        }
        Ok(driven)
    }

    /// Lets several operators drive at once; tells what the last one drove to.
    ///
    /// The last one is judged when it ends, as one that drives alone; what is done to data is judged whoever did it.
    async fn rivals(
        &mut self,
        bench: &Bench,
        first: Demand,
        cut_off: &[(u64, StoreFault)],
        others: &[Rival],
    ) -> Result<Demand, String> {
        let door = bench.door();
        let faults = async {
            let began = Instant::now();
            for (after, fault) in cut_off {
                sleep_until(began + Duration::from_millis(*after)).await;
                bench.tell(&format!("-- for the first operator: {fault}"));
                door.strike(fault);
            }
        };
        let drives_first = bench.drive_beside(first, Comes::Takes, Arc::clone(&door), STORM_MAX);
        let (come, last) = match others.split_last() {
            Some((last, come)) => (come, Some(last)),
            None => (others, None),
        };
        let (mut at, mut starts) = (Instant::now(), Vec::new());
        for rival in others {
            at += Duration::from_millis(rival.after);
            starts.push(at);
        }
        let beside = come.iter().zip(&starts).map(|(rival, at)| async move {
            sleep_until(*at).await;
            bench.tell(&format!("-- another operator comes: {:?}", rival.comes));
            bench.drive_beside(rival.demand, rival.comes, bench.door(), STORM_MAX).await
        });
        let drives_last = async {
            let (Some(rival), Some(at)) = (last, starts.last()) else { return Ok(()) };
            sleep_until(*at).await;
            bench.tell(&format!("-- the last operator comes: {:?}", rival.comes));
            let driven = bench.drive_as(rival.demand, rival.comes, None, &[], STORM_MAX).await?;
            count_rival(bench, &driven);
            self.judge_storm(bench, &driven, rival.demand);
            Ok::<_, String>(())
        };
        let (driven, _, beside, done) =
            tokio::join!(drives_first, faults, futures_util::future::join_all(beside), drives_last);
        done?;
        for driven in std::iter::once(driven).chain(beside) {
            let driven = driven?;
            count_rival(bench, &driven);
            self.endings.push(word(&driven));
        }
        self.harm(bench);
        Ok(last.map_or(first, |rival| rival.demand))
    }

    fn judge_calm(&mut self, bench: &Bench, driven: &Driven, demand: Demand) {
        self.judge_any(bench, driven, demand);
        let found = bench.sim.peek(|world| {
            let mut found = judge::calm(bench, driven, demand, world);
            found.extend(judge::data(bench, world));
            found.extend(judge::kept(bench, world));
            found
        });
        self.violations.extend(found);
    }

    fn judge_any(&mut self, bench: &Bench, driven: &Driven, demand: Demand) {
        self.harm(bench);
        if bench.nobody_said_yes() {
            self.violations.extend(judge::consent(&bench.ear.log()));
        }
        self.endings.push(word(driven));
        let found = bench.sim.peek(|world| judge::wire(driven, &bench.ear.log(), demand, world));
        self.violations.extend(found);
    }
}

/// Counts that several operators met: one waited for another, or was told that another took over.
fn count_rival(bench: &Bench, driven: &Driven) {
    let is_overtaken = driven.ending.as_ref().is_some_and(|ending| {
        matches!(ending.outcome, Outcome::Dismissed(Dismissed::TakenOver { .. }))
    });
    if driven.has_waited || is_overtaken {
        bench.sim.with(|world| world.count_fault(FaultKind::SeveralOperators));
    }
}

/// Tells in a word how a drive ended.
fn word(driven: &Driven) -> &'static str {
    match (&driven.ending, &driven.refused) {
        (None, Some(_)) => "refused",
        (None, None) => "killed",
        (Some(ending), _) => match ending.outcome {
            Outcome::Reached => "reached",
            Outcome::Held(_) => "held",
            Outcome::Stalled => "stalled",
            Outcome::Interrupted => "interrupted",
            Outcome::Failed(_) => "failed",
            Outcome::Dismissed(_) => "dismissed",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_nothing_is_told_and_not_waited_for() {
        assert_eq!(wucluster_sim::run(ended(std::future::pending::<()>())), None);
        assert_eq!(wucluster_sim::run(ended(std::future::ready(7))), Some(7));
    }
}

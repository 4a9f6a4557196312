//! Pruning: snapshots on which nothing stands any more are deleted, by a person's word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wucluster_core::action::{Action, CloudAction};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::SnapshotId;
use wucluster_core::interlock::{Cleared, Context, Hold, Refusal, Request, checkpoint, prune};
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::Observation;
use wucluster_core::phases::Phases;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::tags::StoreMark;

use crate::budget::Budgets;
use crate::engine::Engine;
use crate::event::{EngineEvent, EventKind};
use crate::records::{Fact, Records};
use crate::store::{Dismissed, Tenure};

/// How many looks in a row may bring nothing forward before what is left is told.
///
/// Source: with the pause between looks, longer than listings of EC2 are late as a rule.
const ROUNDS: u32 = 10;

/// Pause between two looks, where the cloud itself asks for none that is longer.
const PAUSE: Duration = Duration::from_secs(2);

/// How often one deletion is asked for before its failure is told.
const TRIES: u32 = 3;

/// How many looks in a row must leave a snapshot out before it is taken for gone.
const ABSENT_LOOKS_MIN: u32 = 2;

/// What all providers call a request that was one too many.
const THROTTLED: &str = "RequestLimitExceeded";

/// What a pruning is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Pruning<'a> {
    /// The cluster.
    pub definition: &'a ClusterDefinition,
    /// What earlier drives left.
    pub records: &'a Records,
    /// How far each volume is on its way, by the log that operators share.
    pub phases: &'a Phases,
    /// The store that the cluster is driven from.
    pub store: &'a StoreMark,
    /// How many of the newest generations stay whole, and of the newest whole checkpoints; at least one.
    pub keep: u64,
}

/// What came of a pruning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// What is gone, in the order in which that was seen.
    pub gone: Vec<SnapshotId>,
    /// What was asked to be deleted and is still seen: a listing may be late, and to repeat does no harm.
    pub left: Vec<SnapshotId>,
    /// What could not be deleted, and why.
    pub failed: Vec<(SnapshotId, CloudError)>,
    /// What was not asked for, as it stays by now, and why.
    pub spared: Vec<(SnapshotId, String)>,
    /// The rules that held some of it.
    pub holds: Vec<Hold>,
    /// How many requests were made, looks not included.
    pub requests: u64,
}

impl Pruned {
    /// Says whether all that was to go is gone.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.left.is_empty() && self.failed.is_empty() && self.spared.is_empty()
    }
}

/// A pruning could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PruneError {
    /// The cloud cannot be looked at.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The right to drive was lost.
    #[error(transparent)]
    Dismissed(#[from] Dismissed),
}

impl Pruning<'_> {
    /// Judges a look with all that is known of the cluster; a yes covers `consent`.
    pub fn judge<T>(
        &self,
        engine: &Engine<'_>,
        observation: &Observation,
        consent: Consent,
        judge: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let now = engine.clock.now();
        let mut memory = self.records.memory(now, &engine.cloud.limits());
        memory.store = Some(self.store.clone());
        memory.phases = Some(self.phases.clone());
        let policy = Policy { consent, generations_kept: self.keep, ..Policy::default() };
        judge(&Context {
            definition: self.definition,
            demand: Demand::Away,
            observation,
            memory: &memory,
            policy: &policy,
            now,
        })
    }
}

impl Engine<'_> {
    /// Deletes snapshots that a person said yes to, each cleared on two looks, and looks until they are gone.
    ///
    /// What a later look shows to be needed stays, whatever was said before. An answer that was lost is looked for: a
    /// deletion is asked for once more only when two later looks show that the snapshot is still there.
    ///
    /// Idempotent: what is gone counts as done.
    ///
    /// # Errors
    /// [`PruneError`]; what was deleted before stays so.
    pub async fn prune(
        &self,
        pruning: &Pruning<'_>,
        tenure: &Tenure,
        wanted: &BTreeSet<SnapshotId>,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<Pruned, PruneError> {
        let mut run = Run { open: wanted.clone(), ..Run::default() };
        let pause = PAUSE.max(self.cloud.limits().look_interval_min);
        let (mut idle, mut is_first) = (0, true);
        while !run.open.is_empty() && idle < ROUNDS {
            if !std::mem::take(&mut is_first) {
                self.clock.sleep(pause).await;
                tenure.beat(self.clock.now()).await?;
            }
            idle += 1;
            let observation = match self.look_for(pruning.definition).await {
                Ok(observation) => observation,
                Err(error) if error.class == ErrorClass::Retry && idle < ROUNDS => continue,
                Err(error) => return Err(error.into()),
            };
            let mut tell = |kind| {
                let event = EngineEvent { at: self.clock.now(), kind };
                tenure.tell(&event);
                emit(&event);
            };
            let gone = run.note_gone(&observation, &mut tell);
            let ids = wanted.iter().map(ToString::to_string).collect();
            let mut cleared =
                pruning.judge(self, &observation, Consent::Only(ids), |ctx| run.clear(ctx));
            if let Some(budget) = self.cloud.budget("DeleteSnapshot") {
                let now = self.clock.now();
                cleared.retain(|_| run.budgets.take("DeleteSnapshot", budget, now).is_ok());
            }
            let has_asked = !cleared.is_empty();
            if has_asked {
                let requests = run.note_asked(cleared, &mut tell);
                tenure.permit().await?;
                let answers = self.cloud.issue(&requests).await;
                for (request, answer) in requests.iter().zip(answers) {
                    run.note_answer(request.action(), answer, &mut tell);
                }
                if std::mem::take(&mut run.is_throttled) {
                    run.budgets.is_spent("DeleteSnapshot", self.clock.now());
                }
                tenure.commit().await?;
            }
            if gone > 0 || has_asked {
                idle = 0;
            }
        }
        Ok(run.end())
    }
}

/// How far a pruning is.
#[derive(Default)]
struct Run {
    /// What is to go and is neither gone nor given up.
    open: BTreeSet<SnapshotId>,
    /// What the last look cleared for the first time.
    first: BTreeMap<SnapshotId, Cleared<Action>>,
    /// What was asked for, and how often.
    asked: BTreeMap<SnapshotId, (CloudAction, u32)>,
    /// What was answered well: it is only looked for.
    answered: BTreeSet<SnapshotId>,
    /// Of what an answer was lost: its deletion may come whenever it likes.
    lost: BTreeSet<SnapshotId>,
    /// How many looks in a row left out what is to go.
    absent: BTreeMap<SnapshotId, u32>,
    /// Why what is open is not asked for now.
    waits: BTreeMap<SnapshotId, Refusal>,
    budgets: Budgets,
    is_throttled: bool,
    done: Pruned,
}

impl Run {
    /// Takes for gone what looks leave out; returns how much that is.
    fn note_gone(&mut self, seen: &Observation, tell: &mut impl FnMut(EventKind)) -> usize {
        let listed: BTreeSet<&SnapshotId> = seen
            .mounts
            .iter()
            .flat_map(|mount| mount.snapshots.iter().chain(&mount.checkpoints))
            .map(|snapshot| &snapshot.id)
            .collect();
        let (mut gone, open) = (Vec::new(), &self.open);
        self.absent.retain(|id, _| open.contains(id) && !listed.contains(id));
        for id in open.iter().filter(|id| !listed.contains(id)) {
            let looks = self.absent.entry(id.clone()).or_insert(0);
            *looks += 1;
            if *looks >= ABSENT_LOOKS_MIN {
                gone.push(id.clone());
            }
        }
        for id in &gone {
            self.open.remove(id);
            self.waits.remove(id);
            if let Some((request, _)) = self.asked.get(id) {
                let subject = request.subject();
                tell(EventKind::Recorded(Fact::Settled { subject, request: request.clone() }));
            }
            tell(EventKind::Recorded(Fact::Ended { id: AwaitedId::Snapshot(id.clone()) }));
        }
        self.done.gone.extend(gone.iter().cloned());
        gone.len()
    }

    /// Returns what two looks in a row cleared. What stays by now is given up.
    fn clear(&mut self, ctx: &Context<'_>) -> Vec<Cleared<Action>> {
        let (mut twice, mut once) = (Vec::new(), BTreeMap::new());
        self.waits.clear();
        for fate in prune::fates(ctx).into_iter().chain(checkpoint::fates(ctx)) {
            let id = &fate.snapshot.id;
            if !self.open.contains(id) || self.answered.contains(id) {
                continue;
            }
            let refusal = match (prune::prune(ctx, &fate), self.first.remove(id)) {
                (Ok(cleared), Some(first)) if first.action() == cleared.action() => {
                    match first.clone().renew(ctx) {
                        Ok(renewed) => {
                            // It counts as the first look, should there be no room for it now.
                            once.insert(id.clone(), first);
                            twice.push(renewed);
                            continue;
                        }
                        Err(refusal) => {
                            once.insert(id.clone(), first);
                            refusal
                        }
                    }
                }
                (Ok(cleared), _) => {
                    once.insert(id.clone(), cleared);
                    continue;
                }
                (Err(refusal), _) => refusal,
            };
            match refusal {
                Refusal::First(_, hold) | Refusal::Hold(hold) if !hold.may_clear => {
                    self.open.remove(id);
                    self.done.spared.push((id.clone(), hold.why.join("; ")));
                    if !self.done.holds.contains(&hold) {
                        self.done.holds.push(*hold);
                    }
                }
                other => {
                    self.waits.insert(id.clone(), other);
                }
            }
        }
        self.first = once;
        twice
    }

    /// Writes down what is about to be asked for.
    fn note_asked(
        &mut self,
        cleared: Vec<Cleared<Action>>,
        tell: &mut impl FnMut(EventKind),
    ) -> Vec<Cleared<CloudAction>> {
        let mut requests = Vec::with_capacity(cleared.len());
        for one in cleared {
            let action = one.action().clone();
            let (subject, name) = (action.subject(), action.name().to_owned());
            let Request::Cloud(request) = one.into_request() else { continue };
            let CloudAction::DeleteSnapshot { snapshot, .. } = request.action() else { continue };
            tell(EventKind::Asked { subject, name, action });
            self.first.remove(snapshot);
            let asked = self.asked.entry(snapshot.clone());
            asked.or_insert_with(|| (request.action().clone(), 0)).1 += 1;
            self.done.requests += 1;
            requests.push(request);
        }
        requests
    }

    fn note_answer(
        &mut self,
        request: &CloudAction,
        answer: Result<wucluster_core::ports::Receipt, CloudError>,
        tell: &mut impl FnMut(EventKind),
    ) {
        let CloudAction::DeleteSnapshot { snapshot: id, .. } = request else { return };
        let (subject, name) = (request.subject(), request.name().to_owned());
        let Err(error) = answer else {
            tell(EventKind::Answered { subject, name, made: None });
            self.answered.insert(id.clone());
            return;
        };
        let times = self.asked.get(id).map_or(1, |(_, times)| *times);
        let kind = EventKind::Failed { subject, name, error: error.to_string(), times };
        tell(kind);
        self.is_throttled |= error.code == THROTTLED;
        let is_final = match error.class {
            ErrorClass::Ambiguous => {
                self.lost.insert(id.clone());
                times >= TRIES
            }
            ErrorClass::Retry | ErrorClass::Capacity => times >= TRIES,
            ErrorClass::Permission | ErrorClass::Permanent => true,
        };
        if error.class != ErrorClass::Ambiguous && !self.lost.contains(id) {
            // It was refused each time: nothing of it is on its way.
            let subject = request.subject();
            let request = request.clone();
            tell(EventKind::Recorded(Fact::Settled { subject, request }));
        }
        if !is_final {
            return;
        }
        if self.lost.contains(id) {
            // Whether it goes shows only in looks from here on.
            self.answered.insert(id.clone());
        } else {
            self.open.remove(id);
            self.done.failed.push((id.clone(), error));
        }
    }

    fn end(mut self) -> Pruned {
        for id in self.open {
            if self.asked.contains_key(&id) {
                self.done.left.push(id);
                continue;
            }
            let why = match self.waits.remove(&id) {
                Some(Refusal::Wait(wait)) => wait.what,
                Some(Refusal::First(_, hold) | Refusal::Hold(hold)) => {
                    let why = hold.why.join("; ");
                    if !self.done.holds.contains(&hold) {
                        self.done.holds.push(*hold);
                    }
                    why
                }
                None => "it was not seen twice".to_owned(),
            };
            self.done.spared.push((id, why));
        }
        self.done
    }
}

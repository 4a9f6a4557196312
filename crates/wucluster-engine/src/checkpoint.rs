//! Checkpoints: all file systems of a running cluster stand still for a moment, in which a snapshot of each is begun.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use wucluster_core::action::{Action, CloudAction, NodeAddress, ShellAction};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, NodeName, SnapshotId, Subject};
use wucluster_core::interlock::checkpoint::{self, Target};
use wucluster_core::interlock::{Cleared, Context, Refusal, Request};
use wucluster_core::observation::{Observation, SnapshotState};
use wucluster_core::phases::Phases;
use wucluster_core::planner::Ask;
use wucluster_core::policy::Policy;
use wucluster_core::ports::{CloudError, ErrorClass, Receipt, ShellError};
use wucluster_core::scope::Scope;
use wucluster_core::tags::StoreMark;
use wucluster_core::time::Timestamp;

use crate::budget::Budgets;
use crate::engine::Engine;
use crate::event::{EngineEvent, EventKind};
use crate::records::Records;
use crate::stop::Stop;
use crate::store::{Dismissed, Tenure};

/// How often it is looked at a cluster of which something is not as it must be to be frozen, before that is told.
///
/// Source: a listing or a node's word that was late has come by then; whoever asks sits and waits.
const LOOKS: u32 = 3;

/// Pause between two looks, where the cloud itself asks for none that is longer.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a node may take to answer before anything is frozen.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one try of a thaw may take. It asks the node for one step; its lock may be taken by a probe for 10 s.
const THAW_LIMIT: Duration = Duration::from_secs(20);

/// How often a thaw, or a mark, is asked for before its failure is told.
const TRIES: u32 = 3;

/// How often the lease is renewed while nodes freeze.
const BEAT: Duration = Duration::from_secs(5);

/// What a checkpoint is taken by.
#[derive(Debug, Clone, Copy)]
pub struct Checkpointing<'a> {
    /// The cluster.
    pub definition: &'a ClusterDefinition,
    /// What earlier drives left.
    pub records: &'a Records,
    /// How far each volume is on its way, by the log that operators share.
    pub phases: &'a Phases,
    /// The store that the cluster is driven from.
    pub store: &'a StoreMark,
    /// Of which part of the cluster.
    pub scope: &'a Scope,
    /// How long anything may stand still. Unit: whole seconds, at least one; nodes thaw by themselves after it.
    pub limit: Duration,
}

/// A mount of a checkpoint, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The mount.
    pub mount: MountKey,
    /// Its snapshot, if one was begun.
    pub snapshot: Option<SnapshotId>,
    /// The snapshot's state as it was last seen; `None`: it was not seen.
    pub state: Option<SnapshotState>,
    /// Whether the snapshot says by now that everything stood still.
    pub is_vouched: bool,
}

/// What came of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpointed {
    /// Its number.
    pub number: u64,
    /// The mounts that it is of.
    pub taken: Vec<Taken>,
    /// Mounts of the part that have no volume: there is nothing of them to be frozen.
    pub away: Vec<MountKey>,
    /// What went wrong, in the order in which that was seen. Where there is anything, the set is no checkpoint.
    pub failures: Vec<(Subject, String)>,
    /// For how long anything stood still, by our clock.
    pub stood_still: Duration,
    /// Whether a person interrupted it.
    pub is_interrupted: bool,
    /// Whether the time to wait for its snapshots ran out; they go on by themselves.
    pub is_late: bool,
    /// How many requests were made, looks not included.
    pub requests: u64,
}

impl Checkpointed {
    /// Says whether everything stood still while all snapshots were begun, all of them are complete, and say so.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_done = |one: &Taken| one.is_vouched && one.state == Some(SnapshotState::Completed);
        self.failures.is_empty() && !self.taken.is_empty() && self.taken.iter().all(is_done)
    }
}

/// A checkpoint could not be begun, or could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The cloud cannot be looked at.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The right to drive was lost. What was frozen was thawed.
    #[error(transparent)]
    Dismissed(#[from] Dismissed),
    /// Something of the part cannot be frozen. Nothing was asked.
    #[error("not everything can be frozen")]
    Refused(Vec<Refusal>),
    /// Nothing of the part is mounted. Nothing was asked.
    #[error("nothing is mounted")]
    Nothing,
}

impl Checkpointing<'_> {
    /// Judges a look with all that is known of the cluster, and what stands still.
    pub fn judge<T>(
        &self,
        engine: &Engine<'_>,
        observation: &Observation,
        frozen: &BTreeSet<String>,
        judge: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let now = engine.clock.now();
        let mut memory = self.records.memory(now, &engine.cloud.limits());
        memory.store = Some(self.store.clone());
        memory.phases = Some(self.phases.clone());
        memory.frozen.clone_from(frozen);
        judge(&Context {
            definition: self.definition,
            demand: Demand::Mounted,
            observation,
            memory: &memory,
            policy: &Policy::default(),
            now,
        })
    }

    /// Finds what would be frozen by a look, and what of the part is away.
    ///
    /// # Errors
    /// [`CheckpointError::Refused`], [`CheckpointError::Nothing`].
    pub fn targets(
        &self,
        engine: &Engine<'_>,
        observation: &Observation,
    ) -> Result<(Vec<Target>, Vec<MountKey>), CheckpointError> {
        let none = BTreeSet::new();
        self.judge(engine, observation, &none, |ctx| {
            let (mut targets, mut away, mut refused) = (Vec::new(), Vec::new(), Vec::new());
            let mounts = observation.mounts.iter();
            for mount in mounts.filter(|one| one.is_defined && self.scope.has_mount(&one.key)) {
                let limit = self.limit_seconds();
                let found = Target::of(ctx, mount).and_then(|target| match target {
                    Some(target) => target.freeze(ctx, limit).map(|_| Some(target)),
                    None => Ok(None),
                });
                match found {
                    Ok(Some(target)) => targets.push(target),
                    Ok(None) => away.push(mount.key.clone()),
                    Err(refusal) => refused.push(refusal),
                }
            }
            match (refused.is_empty(), targets.is_empty()) {
                (false, _) => Err(CheckpointError::Refused(refused)),
                (true, true) => Err(CheckpointError::Nothing),
                (true, false) => Ok((targets, away)),
            }
        })
    }

    fn limit_seconds(&self) -> u32 {
        u32::try_from(self.limit.as_secs().max(1)).unwrap_or(u32::MAX)
    }
}

impl Engine<'_> {
    /// Freezes every mounted file system of a part of the cluster, begins a snapshot of each, thaws at once, and waits until
    /// all are complete, at most for `patience`.
    ///
    /// Everything stands still before the first snapshot is asked for and until the last one was answered; else it is no
    /// checkpoint, and says so: a snapshot says only afterwards, by its tag, that everything stood still. Whatever goes
    /// wrong, and whoever is lost, everything is thawed: nodes do that by themselves once the limit is over. Nothing is
    /// deleted, and no data is ever at risk.
    ///
    /// Not idempotent: each call takes another checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`]; whatever was frozen was thawed, or is by its node.
    pub async fn checkpoint(
        &self,
        job: &Checkpointing<'_>,
        tenure: &Tenure,
        stop: Stop,
        patience: Option<Duration>,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<Checkpointed, CheckpointError> {
        let begun_at = self.clock.now();
        let (observation, targets, away) = self.prepare(job, tenure).await?;
        let number = checkpoint::next_number(&observation);
        let mut run = Run {
            engine: self,
            job,
            tenure,
            observation,
            targets,
            stop,
            emit,
            done: Checkpointed { number, away, ..Checkpointed::default() },
        };
        run.done.taken = run.targets.iter().map(|target| of_target(&target.mount)).collect();
        run.take().await?;
        if run.done.failures.is_empty() {
            let until = patience.map(|patience| begun_at.after(patience));
            run.vouch(until).await?;
        }
        Ok(run.done)
    }

    /// Looks until everything of the part can be frozen, a few times.
    async fn prepare(
        &self,
        job: &Checkpointing<'_>,
        tenure: &Tenure,
    ) -> Result<(Observation, Vec<Target>, Vec<MountKey>), CheckpointError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let looked = self.look_as(
                job.definition,
                Ask::For(Demand::Mounted),
                PATIENCE,
                Some(tenure.fence()),
            );
            let observation = match beating(self, tenure, looked).await? {
                Ok(observation) => observation,
                Err(error) if error.class == ErrorClass::Retry && looks < LOOKS => {
                    self.pause(tenure).await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match job.targets(self, &observation) {
                Ok((targets, away)) => return Ok((observation, targets, away)),
                Err(CheckpointError::Refused(_)) if looks < LOOKS => self.pause(tenure).await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn pause(&self, tenure: &Tenure) -> Result<(), Dismissed> {
        self.clock.sleep(PAUSE.max(self.cloud.limits().look_interval_min)).await;
        tenure.beat(self.clock.now()).await
    }
}

fn of_target(mount: &MountKey) -> Taken {
    Taken { mount: mount.clone(), snapshot: None, state: None, is_vouched: false }
}

/// Waits for something, and renews the lease meanwhile.
async fn beating<T>(
    engine: &Engine<'_>,
    tenure: &Tenure,
    work: impl Future<Output = T>,
) -> Result<T, Dismissed> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            () = engine.clock.sleep(BEAT) => tenure.beat(engine.clock.now()).await?,
        }
    }
}

/// How far a checkpoint is.
struct Run<'e, 'a> {
    engine: &'e Engine<'a>,
    job: &'e Checkpointing<'e>,
    tenure: &'e Tenure,
    observation: Observation,
    targets: Vec<Target>,
    stop: Stop,
    emit: &'e mut (dyn FnMut(&EngineEvent) + Send),
    done: Checkpointed,
}

type Answers = Vec<(Subject, Result<(), ShellError>)>;

impl Run<'_, '_> {
    /// Freezes, begins the snapshots, and thaws, whatever came of that.
    async fn take(&mut self) -> Result<(), CheckpointError> {
        let (freezes, thaws) = self.cleared();
        self.ask(&freezes);
        self.tenure.permit().await?;
        let frozen_from = self.engine.clock.now();
        let deadline = frozen_from.after(self.job.limit);
        let taken = self.take_frozen(freezes, deadline).await;
        // It is not held up by a store that cannot be written: it undoes.
        let thawed = self.thaw(thaws).await;
        self.done.stood_still = self.engine.clock.now().since(frozen_from);
        let is_lost = !self.done.failures.is_empty();
        for (subject, answer) in thawed {
            let why = match answer {
                Ok(()) => continue,
                // What was never frozen cannot have stood still; that is told already.
                Err(ShellError::Refused(_)) if is_lost => continue,
                Err(error @ ShellError::Refused(_)) => error.to_string(),
                Err(error) => {
                    format!("its thaw is not known ({error}); its node thaws it by itself")
                }
            };
            self.fail(subject, why);
        }
        taken?;
        self.tenure.commit().await?;
        Ok(())
    }

    /// Clears the freeze and the thaw of every target. That each may be frozen was found out on this look.
    fn cleared(&self) -> (Vec<Cleared<ShellAction>>, Vec<Cleared<ShellAction>>) {
        let limit = self.job.limit_seconds();
        let shell = |cleared: Result<Cleared<Action>, Refusal>| match cleared.ok()?.into_request() {
            Request::Shell(request) => Some(request),
            Request::Cloud(_) => None,
        };
        self.job.judge(self.engine, &self.observation, &BTreeSet::new(), |ctx| {
            let freezes = self.targets.iter().filter_map(|one| shell(one.freeze(ctx, limit)));
            let thaws = self.targets.iter().filter_map(|one| shell(one.thaw(ctx)));
            (freezes.collect(), thaws.collect())
        })
    }

    async fn take_frozen(
        &mut self,
        freezes: Vec<Cleared<ShellAction>>,
        deadline: Timestamp,
    ) -> Result<(), CheckpointError> {
        if freezes.len() != self.targets.len() {
            let what = "it cannot be frozen any more".to_owned();
            self.fail(Subject::Cluster, what);
            return Ok(());
        }
        let limit = self.job.limit;
        let mut stop = self.stop.clone();
        let frozen = self.on_nodes(&freezes, limit);
        let answers = tokio::select! {
            answers = beating(self.engine, self.tenure, frozen) => Some(answers?),
            () = stop.wished() => None,
        };
        let Some(answers) = answers else {
            self.interrupted();
            return Ok(());
        };
        for (subject, answer) in self.heard("freeze", answers) {
            if let Err(why) = answer {
                self.fail(subject, format!("it could not be frozen: {why}"));
            }
        }
        if !self.done.failures.is_empty() {
            return Ok(());
        }
        self.snapshots(deadline).await
    }

    /// Begins a snapshot of each, as fast as the cloud takes them.
    async fn snapshots(&mut self, deadline: Timestamp) -> Result<(), CheckpointError> {
        let frozen: BTreeSet<String> =
            self.targets.iter().map(|target| target.volume.serial()).collect();
        let (number, of) = (self.done.number, self.targets.len() as u64);
        let cleared: Vec<Result<Cleared<Action>, Refusal>> =
            self.job.judge(self.engine, &self.observation, &frozen, |ctx| {
                self.targets.iter().map(|target| target.snapshot(ctx, number, of)).collect()
            });
        let mut waiting: Vec<Cleared<Action>> = Vec::new();
        for (at, one) in cleared.into_iter().enumerate() {
            match one {
                Ok(cleared) => waiting.push(cleared),
                Err(refusal) => {
                    let subject = Subject::Mount(self.targets[at].mount.clone());
                    self.fail(subject, why(refusal));
                }
            }
        }
        let mut budgets = Budgets::default();
        while !waiting.is_empty() && self.done.failures.is_empty() {
            if self.stop.is_wished() {
                self.interrupted();
                return Ok(());
            }
            let now = self.engine.clock.now();
            if now >= deadline {
                self.over();
                return Ok(());
            }
            let budget = self.engine.cloud.budget("CreateSnapshot");
            let fits = |budgets: &mut Budgets| {
                budget.is_none_or(|budget| budgets.take("CreateSnapshot", budget, now).is_ok())
            };
            let count = waiting.iter().take_while(|_| fits(&mut budgets)).count();
            let asked: Vec<Cleared<Action>> = waiting.drain(..count).collect();
            if asked.is_empty() {
                self.engine.clock.sleep(Duration::from_millis(500)).await;
                self.tenure.beat(self.engine.clock.now()).await?;
                continue;
            }
            let again = self.issue_snapshots(asked, deadline).await?;
            if !again.is_empty() {
                waiting.extend(again);
                self.engine.clock.sleep(Duration::from_secs(1)).await;
            }
        }
        Ok(())
    }

    /// Asks for snapshots; returns those that the cloud refused for a moment.
    async fn issue_snapshots(
        &mut self,
        asked: Vec<Cleared<Action>>,
        deadline: Timestamp,
    ) -> Result<Vec<Cleared<Action>>, CheckpointError> {
        let requests = self.tell_asked(&asked);
        self.tenure.permit().await?;
        let left = deadline.since(self.engine.clock.now());
        let answers = tokio::select! {
            answers = self.engine.cloud.issue(&requests) => Some(answers),
            () = self.engine.clock.sleep(left) => None,
        };
        let Some(answers) = answers else {
            self.over();
            return Ok(Vec::new());
        };
        let mut again = Vec::new();
        for (cleared, answer) in asked.into_iter().zip(answers) {
            let subject = cleared.action().subject();
            match answer {
                Ok(receipt) => {
                    let Receipt::Snapshot(id) = receipt else { continue };
                    self.answered(&subject, "CreateSnapshot", Some(id.to_string()));
                    let mut taken = self.done.taken.iter_mut();
                    if let Some(one) =
                        taken.find(|one| Subject::Mount(one.mount.clone()) == subject)
                    {
                        one.snapshot = Some(id);
                    }
                }
                Err(error) => {
                    self.failed(&subject, "CreateSnapshot", &error.to_string());
                    // What was refused for a moment began nothing.
                    if error.class == ErrorClass::Retry {
                        again.push(cleared);
                    } else {
                        self.fail(subject, format!("no snapshot of it was begun: {error}"));
                    }
                }
            }
        }
        if !again.is_empty() && self.engine.clock.now() >= deadline {
            self.over();
        }
        Ok(again)
    }

    /// Thaws everything that was asked to be frozen. What does not answer is asked again.
    async fn thaw(&mut self, thaws: Vec<Cleared<ShellAction>>) -> Answers {
        self.ask(&thaws);
        let (mut left, mut all) = (thaws, Vec::new());
        for attempt in 1..=TRIES {
            let answers = self.on_nodes(&left, THAW_LIMIT).await;
            let mut again = Vec::new();
            for (request, (mount, answer)) in left.into_iter().zip(answers) {
                let is_silent = matches!(answer, Err(ShellError::NoAnswer(_)));
                if is_silent && attempt < TRIES {
                    again.push(request);
                } else {
                    all.push((mount, answer));
                }
            }
            left = again;
            if left.is_empty() {
                break;
            }
        }
        self.heard("thaw", all)
    }

    /// Asks nodes, all at once, each answered within a time; answers come in the order of the requests.
    async fn on_nodes(
        &self,
        requests: &[Cleared<ShellAction>],
        limit: Duration,
    ) -> Vec<(MountKey, Result<(), ShellError>)> {
        let mut of_node: BTreeMap<NodeName, Vec<usize>> = BTreeMap::new();
        for (at, request) in requests.iter().enumerate() {
            of_node.entry(request.action().mount().node.clone()).or_default().push(at);
        }
        let silent = |why: &str| Err(ShellError::NoAnswer(why.to_owned()));
        let asked = of_node.into_iter().map(|(node, places)| async move {
            let batch: Vec<_> = places.iter().map(|at| requests[*at].clone()).collect();
            let answers = match self.address(&node) {
                None => places.iter().map(|_| silent("it has no address")).collect(),
                Some(address) => {
                    let issued = async {
                        let answers = self.engine.shell.issue(&address, &batch).await;
                        answers.into_iter().map(|answer| answer.map(|_| ())).collect()
                    };
                    tokio::select! {
                        answers = issued => answers,
                        () = self.engine.clock.sleep(limit) => {
                            let why = format!("no answer within {}s", limit.as_secs());
                            places.iter().map(|_| silent(&why)).collect::<Vec<_>>()
                        }
                    }
                }
            };
            places.into_iter().zip(answers).collect::<Vec<_>>()
        });
        let asked: Vec<_> = asked.collect();
        let mut answers: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        answers.sort_by_key(|(at, _)| *at);
        let mount = |at: usize| requests[at].action().mount().clone();
        answers.into_iter().map(|(at, answer)| (mount(at), answer)).collect()
    }

    fn address(&self, node: &NodeName) -> Option<NodeAddress> {
        let instance = self.observation.node(node)?.instance()?;
        Some(NodeAddress {
            node: node.clone(),
            instance: instance.id.clone(),
            ssh: instance.ssh.clone()?,
            run: Some(self.tenure.fence()),
        })
    }

    /// Lets each snapshot say that everything stood still, and waits until all are complete.
    async fn vouch(&mut self, until: Option<Timestamp>) -> Result<(), CheckpointError> {
        let mut tries: BTreeMap<SnapshotId, u32> = BTreeMap::new();
        let pause = PAUSE.max(self.engine.cloud.limits().look_interval_min);
        loop {
            match self.engine.look_for(self.job.definition).await {
                Ok(observation) => self.observation = observation,
                Err(error) if error.class == ErrorClass::Retry => {}
                Err(error) => return Err(error.into()),
            }
            self.note_seen();
            let is_vouched = self.done.taken.iter().all(|one| one.is_vouched);
            let is_settled = self.done.taken.iter().all(|one| {
                !matches!(
                    one.state,
                    None | Some(SnapshotState::Pending | SnapshotState::Recovering)
                )
            });
            if is_vouched && is_settled || !self.done.failures.is_empty() {
                return Ok(());
            }
            self.mark(&mut tries).await?;
            if self.stop.is_wished() {
                self.done.is_interrupted = true;
                return Ok(());
            }
            if until.is_some_and(|until| self.engine.clock.now() >= until) {
                self.done.is_late = true;
                return Ok(());
            }
            let mut stop = self.stop.clone();
            tokio::select! {
                () = self.engine.clock.sleep(pause) => {}
                () = stop.wished() => {}
            }
            self.tenure.beat(self.engine.clock.now()).await?;
        }
    }

    /// Takes what a look shows of the snapshots.
    fn note_seen(&mut self) {
        let mut failures = Vec::new();
        for one in &mut self.done.taken {
            let mount = self.observation.mount(&one.mount);
            let seen = mount.into_iter().flat_map(|mount| &mount.checkpoints);
            let Some(seen) = seen.into_iter().find(|seen| Some(&seen.id) == one.snapshot.as_ref())
            else {
                continue;
            };
            one.is_vouched = seen.tags.checkpoint().is_some_and(|of| of.is_frozen);
            let has_failed = !matches!(
                seen.state,
                SnapshotState::Pending | SnapshotState::Recovering | SnapshotState::Completed
            );
            if has_failed && one.state.as_ref() != Some(&seen.state) {
                let said =
                    seen.message.as_ref().map_or_else(String::new, |text| format!(": {text}"));
                let why = format!("its snapshot {} is {}{said}", seen.id, seen.state);
                failures.push((Subject::Mount(one.mount.clone()), why));
            }
            one.state = Some(seen.state.clone());
        }
        self.done.failures.extend(failures);
    }

    async fn mark(&mut self, tries: &mut BTreeMap<SnapshotId, u32>) -> Result<(), CheckpointError> {
        let open: Vec<(MountKey, SnapshotId)> = self
            .done
            .taken
            .iter()
            .filter(|one| !one.is_vouched)
            .filter_map(|one| Some((one.mount.clone(), one.snapshot.clone()?)))
            .collect();
        let cleared: Vec<Cleared<Action>> =
            self.job.judge(self.engine, &self.observation, &BTreeSet::new(), |ctx| {
                let marks = open.iter().map(|(mount, id)| checkpoint::vouch(ctx, mount, id));
                marks.filter_map(Result::ok).collect()
            });
        if cleared.is_empty() {
            return Ok(());
        }
        let requests = self.tell_asked(&cleared);
        self.tenure.permit().await?;
        let answers = self.engine.cloud.issue(&requests).await;
        for (request, answer) in requests.iter().zip(answers) {
            let CloudAction::TagSnapshot { snapshot, .. } = request.action() else { continue };
            let (subject, name) = (request.action().subject(), request.action().name());
            let times = tries.entry(snapshot.clone()).or_insert(0);
            *times += 1;
            let times = *times;
            match answer {
                Ok(_) => self.answered(&subject, name, None),
                Err(error) => {
                    self.failed(&subject, name, &error.to_string());
                    let is_final =
                        matches!(error.class, ErrorClass::Permission | ErrorClass::Permanent);
                    if is_final || times >= TRIES {
                        let why = format!("its snapshot could not be marked as whole: {error}");
                        self.fail(subject, why);
                    }
                }
            }
        }
        self.tenure.commit().await?;
        Ok(())
    }

    fn tell(&mut self, kind: EventKind) {
        let event = EngineEvent { at: self.engine.clock.now(), kind };
        self.tenure.tell(&event);
        (self.emit)(&event);
    }

    /// Writes down what nodes are about to be asked.
    fn ask(&mut self, requests: &[Cleared<ShellAction>]) {
        for request in requests {
            let action = Action::Shell(request.action().clone());
            let (subject, name) = (action.subject(), action.name().to_owned());
            self.done.requests += 1;
            self.tell(EventKind::Asked { subject, name, action });
        }
    }

    /// Writes down what the cloud is about to be asked.
    fn tell_asked(&mut self, cleared: &[Cleared<Action>]) -> Vec<Cleared<CloudAction>> {
        let mut requests = Vec::with_capacity(cleared.len());
        for one in cleared {
            let action = one.action().clone();
            let (subject, name) = (action.subject(), action.name().to_owned());
            let Request::Cloud(request) = one.clone().into_request() else { continue };
            self.done.requests += 1;
            self.tell(EventKind::Asked { subject, name, action });
            requests.push(request);
        }
        requests
    }

    fn answered(&mut self, subject: &Subject, name: &str, made: Option<String>) {
        let (subject, name) = (subject.clone(), name.to_owned());
        self.tell(EventKind::Answered { subject, name, made });
    }

    fn failed(&mut self, subject: &Subject, name: &str, error: &str) {
        let (subject, name, error) = (subject.clone(), name.to_owned(), error.to_owned());
        self.tell(EventKind::Failed { subject, name, error, times: 1 });
    }

    /// Writes down what nodes answered.
    fn heard(&mut self, name: &str, answers: Vec<(MountKey, Result<(), ShellError>)>) -> Answers {
        let mut told = Vec::with_capacity(answers.len());
        for (mount, answer) in answers {
            let subject = Subject::Mount(mount);
            match &answer {
                Ok(()) => self.answered(&subject, name, None),
                Err(error) => self.failed(&subject, name, &error.to_string()),
            }
            told.push((subject, answer));
        }
        told
    }

    fn fail(&mut self, subject: Subject, why: String) {
        self.done.failures.push((subject, why));
    }

    fn interrupted(&mut self) {
        self.done.is_interrupted = true;
        self.fail(Subject::Cluster, "it was interrupted while file systems stood still".to_owned());
    }

    fn over(&mut self) {
        let limit = self.job.limit.as_secs();
        let what = format!("not all snapshots were begun within {limit}s");
        self.fail(Subject::Cluster, what);
    }
}

fn why(refusal: Refusal) -> String {
    match refusal.into_hold() {
        Ok(hold) => format!("{}: {}", hold.what, hold.why.join("; ")),
        Err(wait) => wait.what,
    }
}

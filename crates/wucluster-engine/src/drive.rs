//! One drive: the loop of look, plan, ask, in one task without threads.
//!
//! Looks, probes and requests are all under way at once; whatever comes back first is taken first,
//! and each answer leads to a new plan. A node or mount is asked for something only when everything
//! about it that was asked before is answered and seen.

mod attachments;
mod capacity;
mod contents;
mod crowd;
mod keeping;
mod lives;
mod looks;
mod open_requests;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use wucluster_core::action::{Action, CloudAction, NodeAddress, ShellAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, NodeName, Subject, VolumeId};
use wucluster_core::interlock::{Cleared, Context, Hold};
use wucluster_core::memory::{Awaited, AwaitedId, Memory, OpenRequest};
use wucluster_core::observation::{
    AttachmentState, CloudView, FilesystemState, Gap, GapKind, InstanceState, NodeProbe, NodeViews,
    Observation, Observed,
};
use wucluster_core::plan::{Plan, Row, WaitOn};
use wucluster_core::planner::{ends_machine, plan};
use wucluster_core::policy::Guard;
use wucluster_core::ports::{CloudError, Receipt, ShellError, ShellReceipt};
use wucluster_core::tags::ContentMark;
use wucluster_core::time::Timestamp;

use crate::budget::Budgets;
use crate::engine::{Ending, Engine, Outcome, Pursuit};
use crate::event::{EngineEvent, EventKind, Progress};
use crate::pace;
use crate::stop::Stop;
use crate::store::Dismissed;
use attachments::SeenAttached;
use contents::is_foreign;
use crowd::Crowd;
use keeping::GIVE_BACK;

/// After an interrupt, how long answers that are due are waited for.
///
/// Source: our promise on the screen that Ctrl-C shows.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How long something that may clear by itself is watched before the drive ends with it, at least: what
/// was stuck before this drive began may be just about to move.
const HOLD_GRACE: Duration = Duration::from_secs(5);

/// How long the first progress of a drive waits for the first answers of nodes: it would call what is mounted attached.
const FIRST_ANSWERS: Duration = Duration::from_secs(2);

/// How long the cloud may refuse to be looked at before the drive gives up, if nothing says that
/// repeating is useless at once.
const BLIND_MAX: Duration = Duration::from_secs(300);

enum Done {
    Looked {
        asked_at: Timestamp,
        result: Result<CloudView, CloudError>,
    },
    Probed {
        address: NodeAddress,
        asked_at: Timestamp,
        result: Result<NodeProbe, Gap>,
    },
    Cloud {
        actions: Vec<CloudAction>,
        results: Vec<Result<Receipt, CloudError>>,
    },
    Shell {
        actions: Vec<ShellAction>,
        results: Vec<Result<ShellReceipt, ShellError>>,
    },
    /// The lease was renewed, or not.
    Beat(Result<(), Dismissed>),
    /// The journal was written, or not.
    Wrote(Result<(), Dismissed>),
}

impl Done {
    /// Says whether it tells nothing that could be planned on.
    fn is_bookkeeping(&self) -> bool {
        matches!(self, Self::Beat(Ok(())) | Self::Wrote(Ok(())))
    }
}

pub(crate) struct Drive<'a, 'e> {
    engine: Engine<'a>,
    pursuit: Pursuit,
    stop: Stop,
    emit: &'e mut (dyn FnMut(&EngineEvent) + Send),
    tasks: FuturesUnordered<BoxFuture<'a, Done>>,
    view: Option<CloudView>,
    answers: NodeViews,
    memory: Memory,
    observation: Option<Observation>,
    /// Whether the observation is of the last view and answers.
    is_assembled: bool,
    plan: Option<Plan>,
    words: BTreeMap<Subject, String>,
    /// When the first plan was made.
    began_at: Option<Timestamp>,
    held: Vec<Hold>,
    /// Per subject and name of a request, how often it failed since the subject was last seen to change, and when first.
    failures: BTreeMap<Subject, BTreeMap<String, (u32, Timestamp)>>,
    /// Per subject, the last request that was answered well: proposed again, it had no effect.
    done: BTreeMap<Subject, Action>,
    /// Cleared to destroy, waiting to be cleared once more on a newer look.
    renewing: BTreeMap<Subject, Cleared<Action>>,
    is_looking: bool,
    probing: BTreeSet<NodeName>,
    /// Nodes whose next answer the last plan waits for.
    awaited: BTreeSet<NodeName>,
    /// Nodes whose answer to a request is due: asking them meanwhile would show a half-done state.
    busy_nodes: BTreeSet<NodeName>,
    asking: usize,
    next_look_at: Timestamp,
    /// By when a look is to begin that shows what was answered since the last one began.
    wanted_look_at: Option<Timestamp>,
    /// Before when what was last asked of each subject cannot have come about.
    ripe_at: BTreeMap<Subject, Timestamp>,
    /// Since when it is considered what is to be done now: what has fallen due since then is still to be considered.
    turn_at: Timestamp,
    next_probe_at: BTreeMap<NodeName, Timestamp>,
    /// How often in a row a node did not answer, or had nothing new.
    idle_probes: BTreeMap<NodeName, u32>,
    /// When a look showed something new last, or a request was answered.
    news_at: Timestamp,
    /// How many looks in a row failed.
    failed_looks: u32,
    blind_since: Option<Timestamp>,
    blindness: Option<CloudError>,
    held_since: Option<Timestamp>,
    /// Since when the last look and answers before a held end are asked for.
    last_word_since: Option<Timestamp>,
    requests: u64,
    budgets: Budgets,
    /// How many snapshots the cloud takes at a time, once it refused one for there being too many.
    snapshots_most: Option<Crowd>,
    /// When there is room for the first of the requests that were put off.
    room_at: Option<Timestamp>,
    /// When the last fact for the next drive was told.
    recorded_at: Timestamp,
    /// When each mount's write epoch was last asked to be sealed by this drive.
    sealed_at: BTreeMap<MountKey, Timestamp>,
    /// What lives or ever did, as far as this drive and the records know.
    known: BTreeSet<AwaitedId>,
    /// What was taken for gone in this drive.
    vanished: BTreeSet<AwaitedId>,
    /// In how many looks in a row each thing that is awaited was left out.
    absent: BTreeMap<AwaitedId, u32>,
    /// Whether earlier drives left nothing, though there is a store, and no look was followed yet.
    lacks_records: bool,
    /// Whether nothing was recorded when it began.
    knew_nothing: bool,
    /// What was seen attached, in this drive or shortly before it, and was not heard to be let go of.
    attached: BTreeMap<VolumeId, SeenAttached>,
    /// When the look was asked for that was followed last.
    followed: Option<Timestamp>,
    /// Per machine, of which answer it was last written down.
    answered_told: BTreeMap<InstanceId, Timestamp>,
    /// What we asked to be ended, and were answered well.
    dying: BTreeSet<AwaitedId>,
    /// Why nothing may be asked any more.
    dismissed: Option<Dismissed>,
    /// Whether the journal is being written without anybody waiting for it.
    is_writing: bool,
}

impl<'a, 'e> Drive<'a, 'e> {
    pub(crate) fn new(
        engine: Engine<'a>,
        mut pursuit: Pursuit,
        stop: Stop,
        emit: &'e mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Self {
        let limits = engine.cloud.limits();
        pursuit.policy.launches_together_max = limits.launches_together_max;
        pursuit.records.begin(engine.clock);
        let mut memory = pursuit.records.memory(engine.clock.now(), &limits);
        memory.phases = pursuit.tenure.as_ref().map(|tenure| tenure.phases().clone());
        memory.store = pursuit.tenure.as_ref().map(|tenure| tenure.store().clone());
        let known = memory.living.keys().cloned().collect();
        let lacks_records = pursuit.tenure.is_some() && pursuit.records.know_nothing();
        let attached = pursuit.records.attached(engine.clock.now());
        let attached = attached.map(|(volume, mount, instance, seen_at)| {
            (
                volume.clone(),
                SeenAttached { mount: mount.clone(), instance: instance.clone(), seen_at },
            )
        });
        let attached = attached.collect();
        Self {
            engine,
            pursuit,
            stop,
            emit,
            tasks: FuturesUnordered::new(),
            view: None,
            answers: NodeViews::new(),
            memory,
            observation: None,
            is_assembled: false,
            plan: None,
            words: BTreeMap::new(),
            began_at: None,
            held: Vec::new(),
            failures: BTreeMap::new(),
            done: BTreeMap::new(),
            renewing: BTreeMap::new(),
            is_looking: false,
            probing: BTreeSet::new(),
            awaited: BTreeSet::new(),
            busy_nodes: BTreeSet::new(),
            asking: 0,
            next_look_at: Timestamp::default(),
            wanted_look_at: None,
            ripe_at: BTreeMap::new(),
            turn_at: Timestamp::default(),
            next_probe_at: BTreeMap::new(),
            idle_probes: BTreeMap::new(),
            news_at: Timestamp::default(),
            failed_looks: 0,
            blind_since: None,
            blindness: None,
            held_since: None,
            last_word_since: None,
            requests: 0,
            budgets: Budgets::default(),
            snapshots_most: None,
            room_at: None,
            recorded_at: Timestamp::default(),
            sealed_at: BTreeMap::new(),
            known,
            vanished: BTreeSet::new(),
            absent: BTreeMap::new(),
            lacks_records,
            knew_nothing: lacks_records,
            attached,
            followed: None,
            answered_told: BTreeMap::new(),
            dying: BTreeSet::new(),
            dismissed: None,
            is_writing: false,
        }
    }

    pub(crate) async fn run(mut self) -> Ending {
        let started = self.now();
        let deadline = self.pursuit.timeout.map(|timeout| started.after(timeout));
        self.tell(EventKind::Started {
            cluster: self.pursuit.definition.name.clone(),
            demand: self.pursuit.demand,
            only: self.pursuit.policy.scope.words(),
        });
        if let Some(record) = self.pursuit.records.begin(self.engine.clock) {
            self.record(record.fact);
        }
        self.beat_when_due();
        let outcome = loop {
            self.turn_at = self.now();
            if let Some(dismissed) = self.dismissed.clone() {
                self.drain().await;
                break Outcome::Dismissed(dismissed);
            }
            if self.stop.is_wished() {
                self.drain().await;
                break Outcome::Interrupted;
            }
            if deadline.is_some_and(|deadline| self.now() >= deadline) {
                self.drain().await;
                break Outcome::Stalled;
            }
            if let Some(outcome) = self.wave() {
                break outcome;
            }
            self.look_about();
            self.write_news();
            self.next(deadline).await;
            if let Some(outcome) = self.blinded() {
                break outcome;
            }
        };
        if outcome == Outcome::Reached {
            self.last_act(deadline).await;
        }
        let requests = self.requests;
        self.tell(EventKind::Finished { outcome: outcome.word().to_owned(), requests });
        self.give_back(outcome.word()).await;
        let progress = self.progress();
        Ending { outcome, progress, observation: self.observation, requests }
    }

    fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    fn tell(&mut self, kind: EventKind) {
        let event = EngineEvent { at: self.engine.clock.now(), kind };
        self.note_down(&event);
        (self.emit)(&event);
    }

    /// Plans on what is known now and makes the requests of the plan.
    fn wave(&mut self) -> Option<Outcome> {
        let view = self.view.as_ref()?;
        // An answer to a request shows nothing new of cloud or nodes.
        let known = self.observation.take_if(|_| self.is_assembled);
        let observation = known.unwrap_or_else(|| {
            Observation::assemble(&self.pursuit.definition, view, &self.answers)
        });
        self.is_assembled = true;
        self.remember(&observation);
        let now = self.now();
        let plan = plan(&self.context(&observation, now));
        self.show(&plan, &observation);
        let is_met = plan.is_met();
        let actions = plan.actions.clone();
        let moves = self.moves(&plan);
        let holds = self.held.clone();
        self.awaited = plan
            .waits
            .iter()
            .filter_map(|wait| match &wait.on {
                WaitOn::Node(node) => Some(node.clone()),
                WaitOn::Cloud | WaitOn::Answer | WaitOn::Time(_) | WaitOn::Others => None,
            })
            .collect();
        self.observation = Some(observation);
        self.plan = Some(plan);
        let is_doubted =
            self.observation.as_ref().is_some_and(|seen| self.doubts_a_detachment(seen));
        let is_whole = !self.misses_something() && !self.misses_a_device() && !is_doubted;
        if is_met && self.asking == 0 && is_whole {
            return Some(Outcome::Reached);
        }
        if moves || holds.is_empty() {
            self.held_since = None;
            self.last_word_since = None;
        } else {
            let since = *self.held_since.get_or_insert(now);
            let is_worth_it = holds.iter().any(|hold| hold.may_clear)
                && now.since(since) < self.pursuit.wait.max(HOLD_GRACE);
            let may_end = !is_worth_it && self.asking == 0 && !self.misses_something();
            if may_end && self.has_last_word(&holds) {
                return Some(Outcome::Held(holds));
            }
        }
        self.ask(actions);
        None
    }

    /// Says whether what is held was looked at once more before the drive ends with it, and its nodes were
    /// asked: what a person is told should be true by then. If not, asks for it.
    fn has_last_word(&mut self, holds: &[Hold]) -> bool {
        let now = self.now();
        let since = *self.last_word_since.get_or_insert(now);
        let Some(observation) = &self.observation else { return true };
        if self.blind_since.is_none() && observation.cloud_asked_at < since {
            self.next_look_at = Timestamp::default();
            return false;
        }
        let old: BTreeSet<NodeName> = holds
            .iter()
            .filter_map(|hold| hold.subject.node())
            .filter(|node| self.wants_probe(observation, node))
            .filter(|node| {
                let answer = self.answers.get(*node);
                answer.is_some_and(|answer| answer.probe.is_ok() && answer.asked_at < since)
            })
            .cloned()
            .collect();
        for node in &old {
            self.next_probe_at.insert(node.clone(), Timestamp::default());
            self.awaited.insert(node.clone());
        }
        old.is_empty()
    }

    /// Says whether anything moves beside what is held: what a held subject is tried with once more, and
    /// what waits for others only, does not.
    fn moves(&self, plan: &Plan) -> bool {
        let held: BTreeSet<&Subject> = self.held.iter().map(|hold| &hold.subject).collect();
        plan.actions.iter().any(|action| !held.contains(&action.action().subject()))
            || plan.waits.iter().any(|wait| {
                let is_stuck = match &wait.on {
                    WaitOn::Others => true,
                    WaitOn::Node(node) => self.is_busy_with(node, &held),
                    WaitOn::Cloud | WaitOn::Answer | WaitOn::Time(_) => false,
                };
                !is_stuck && !held.contains(&wait.subject)
            })
    }

    /// Says whether a node cannot answer for nothing but that held mounts of it are tried once more.
    fn is_busy_with(&self, node: &NodeName, held: &BTreeSet<&Subject>) -> bool {
        self.busy_nodes.contains(node)
            && self
                .memory
                .of_mounts_of(node)
                .filter(|(_, memory)| memory.in_flight.is_some())
                .all(|(key, _)| held.contains(&Subject::Mount(key.clone())))
    }

    fn context<'c>(&'c self, observation: &'c Observation, now: Timestamp) -> Context<'c> {
        Context {
            definition: &self.pursuit.definition,
            demand: self.pursuit.demand,
            observation,
            memory: &self.memory,
            policy: &self.pursuit.policy,
            now,
        }
    }

    /// Says whether something that must be there is still to show itself.
    fn misses_something(&self) -> bool {
        let seen_at = self.view.as_ref().map(|view| view.asked_at).unwrap_or_default();
        let lag = self.engine.cloud.limits().visibility_lag_max;
        let is_apart = matches!(
            self.pursuit.demand,
            Demand::Separated
                | Demand::RecentlySnapshotted
                | Demand::Haltable
                | Demand::Parked
                | Demand::Away
        );
        // An attachment that was asked for and is not listed yet would undo what is reported.
        let attaches = |end: &OpenRequest| {
            matches!(end.action, CloudAction::AttachVolume { .. })
                && end.asked_at.after(lag) > seen_at
        };
        // So would the end of a machine that runs.
        let is_heeded = self.pursuit.policy.guards(Guard::MayYetCome);
        let is_upward = self.pursuit.demand.is_upward() && is_heeded;
        let lives = |node: &NodeName, instance: &InstanceId| {
            let seen = self.observation.as_ref().and_then(|seen| seen.node(node));
            seen.is_some_and(|seen| seen.instances.iter().any(|one| &one.id == instance))
        };
        let ends = |action: &CloudAction| {
            ends_machine(action).is_some_and(|(node, instance)| lives(node, instance))
        };
        // And the start of one that has halted.
        let is_parking = self.pursuit.demand == Demand::Parked && is_heeded;
        let starts = |action: &CloudAction| {
            matches!(action, CloudAction::StartInstance { node, instance }
                if lives(node, instance))
        };
        // What is on its way out is awaited by nobody, but one look without it is no proof that it has ended.
        let is_doubted =
            |one: &Awaited| one.is_ending && self.absent.get(&one.what).copied() == Some(1);
        let scope = &self.pursuit.policy.scope;
        let mut memories = self.memory.subjects.iter().filter(|(subject, _)| scope.has(subject));
        self.memory.doubts_until.is_some_and(|until| seen_at < until)
            || memories.any(|(_, memory)| {
                memory.unsure.as_ref().is_some_and(|unsure| unsure.until > seen_at)
                    || (is_apart && memory.open_requests.iter().any(attaches))
                    || (is_upward && memory.open_requests_at(seen_at).any(ends))
                    || (is_parking && memory.open_requests_at(seen_at).any(starts))
                    || memory.awaited.iter().any(is_doubted)
                    || memory.awaited_at(seen_at).any(|awaited| {
                        !awaited.is_ending && !matches!(awaited.what, AwaitedId::Snapshot(_))
                    })
            })
    }

    /// Says whether a node does not show, for no longer than answers lack things, the device of a volume that is attached
    /// to it: what is not shown is not known to be unmounted. Its node is asked again.
    fn misses_a_device(&mut self) -> bool {
        let policy = &self.pursuit.policy;
        if self.pursuit.demand != Demand::Unmounted || !policy.guards(Guard::MissingDevice) {
            return false;
        }
        let (now, patience) = (self.now(), policy.attachment_patience);
        let missing = self.memory.deviceless_since.iter();
        let missing = missing.filter(|(_, since)| now.since(**since) < patience);
        let missing = missing.filter(|(key, _)| policy.scope.has(&Subject::Mount((*key).clone())));
        let nodes: Vec<NodeName> = missing.map(|(key, _)| key.node.clone()).collect();
        let is_missed = !nodes.is_empty();
        self.awaited.extend(nodes);
        is_missed
    }

    /// Takes from an observation what later plans need to know.
    fn remember(&mut self, observation: &Observation) {
        self.follow(observation);
        let mut seen = Vec::new();
        let now = self.now();
        for mount in &observation.mounts {
            let attachment = mount.volume().and_then(|volume| volume.open_attachments().next());
            match attachment {
                None => {
                    self.memory.attachments.remove(&mount.key);
                }
                Some(attachment) => {
                    let watched = self.memory.attachments.entry(mount.key.clone());
                    let watched = watched.or_insert_with(|| (attachment.state.clone(), now));
                    if watched.0 != attachment.state {
                        *watched = (attachment.state.clone(), now);
                    }
                }
            }
            // Whatever else is heard in between, or nothing, begins it anew.
            if matches!(mount.filesystem, Observed::Present(FilesystemState::NoDevice))
                && attachment.is_some_and(|one| {
                    matches!(one.state, AttachmentState::Attached | AttachmentState::Busy)
                })
            {
                self.memory.deviceless_since.entry(mount.key.clone()).or_insert(now);
            } else {
                self.memory.deviceless_since.remove(&mount.key);
            }
            let Some(volume) = mount.volume() else { continue };
            if is_foreign(observation, mount, volume) {
                self.found_strange(mount.key.clone(), volume.id.clone());
            }
            // Wherever it is mounted, it is written to.
            let is_mounted = matches!(
                mount.filesystem,
                Observed::Present(
                    FilesystemState::Mounted { .. } | FilesystemState::MountedElsewhere { .. }
                )
            );
            let holds_data = volume.tags.content() == Some(ContentMark::Data) && is_mounted;
            if let (true, Some(epoch)) = (holds_data, volume.tags.epoch()) {
                let epoch = self.written_under(observation, &mount.key, epoch.number);
                seen.push((mount.key.clone(), epoch));
            }
        }
        for (mount, epoch) in seen {
            self.knows_data(mount, epoch);
        }
        self.note_in_use(observation);
        for node in &observation.nodes {
            let asks = self.wants_probe(observation, &node.name);
            match &node.probe {
                Observed::Unknown(gap) if gap.kind == GapKind::NoAnswer || asks => {
                    let is_running =
                        node.instance().is_some_and(|one| one.state == InstanceState::Running);
                    if is_running {
                        self.memory.silent_since.entry(node.name.clone()).or_insert(now);
                    }
                }
                Observed::Unknown(_) | Observed::Absent | Observed::Present(_) => {
                    self.memory.silent_since.remove(&node.name);
                }
            }
        }
    }

    /// Tells what changed since the last plan.
    fn show(&mut self, plan: &Plan, observation: &Observation) {
        let rows = plan.rows_in_scope(&self.pursuit.definition, observation);
        let mut is_early = false;
        for row in &rows {
            // Of what nobody was asked about yet it is not known where it is: to hear it changes nothing.
            if !self.words.contains_key(&row.subject) && self.is_yet_to_be_told(row, observation) {
                is_early = true;
                continue;
            }
            let before = self.words.insert(row.subject.clone(), row.state.clone());
            if let Some(from) = before.filter(|from| *from != row.state) {
                self.tell(EventKind::Changed {
                    subject: row.subject.clone(),
                    from,
                    to: row.state.clone(),
                    id: row.id.clone(),
                    note: row.note.clone(),
                });
                // Whatever failed before, failed in another state.
                self.done.remove(&row.subject);
                if self.lacks_capacity(&row.subject) {
                    continue;
                }
                self.failures.remove(&row.subject);
                if let Some(memory) = self.memory.subjects.get_mut(&row.subject) {
                    memory.failure = None;
                    memory.not_before = None;
                }
            }
        }
        for hold in &plan.holds {
            let is_new = !self
                .held
                .iter()
                .any(|known| known.subject == hold.subject && known.interlock == hold.interlock);
            if is_new {
                self.tell(EventKind::Held(hold.clone()));
            }
        }
        // While a refused request is tried once more, what holds it is not over; once it is answered
        // well, it is.
        let (kept, over): (Vec<Hold>, Vec<Hold>) = std::mem::take(&mut self.held)
            .into_iter()
            .filter(|known| plan.holds.iter().all(|hold| hold.subject != known.subject))
            .partition(|known| {
                self.memory
                    .of(&known.subject)
                    .is_some_and(|memory| memory.failure.is_some() && memory.not_before.is_some())
            });
        for hold in over {
            self.tell(EventKind::Released { subject: hold.subject });
        }
        self.held = plan.holds.iter().cloned().chain(kept).collect();
        let began = *self.began_at.get_or_insert(self.engine.clock.now());
        if is_early && self.now().since(began) < FIRST_ANSWERS {
            return;
        }
        let requests = self.requests;
        self.tell(EventKind::Planned(Progress { rows, holds: plan.holds.clone(), requests }));
    }

    /// Says whether only a node can tell where a mount is, which will be asked and was not yet.
    fn is_yet_to_be_told(&self, row: &Row, observation: &Observation) -> bool {
        let Subject::Mount(key) = &row.subject else { return false };
        let gap = observation.mount(key).and_then(|mount| mount.filesystem.gap());
        gap.is_some_and(|gap| gap.kind == GapKind::NotAsked)
            && !self.answers.contains_key(&key.node)
            && self.wants_probe(observation, &key.node)
    }

    fn progress(&self) -> Option<Progress> {
        let (plan, observation) = (self.plan.as_ref()?, self.observation.as_ref()?);
        Some(Progress {
            rows: plan.rows_in_scope(&self.pursuit.definition, observation),
            holds: plan.holds.clone(),
            requests: self.requests,
        })
    }

    /// Waits for the first thing to happen, and takes it and all that has happened with it.
    async fn next(&mut self, deadline: Option<Timestamp>) {
        let wake = self.wake_at(deadline);
        let clock = self.engine.clock;
        let rows = self.observation.as_ref().map_or(0, |seen| seen.nodes.len() + seen.mounts.len());
        let gather = pace::gather(rows);
        let mut stop = self.stop.clone();
        let done = loop {
            let pause = wake.since(clock.now()).max(gather).max(Duration::from_millis(1));
            let done = tokio::select! {
                biased;
                () = stop.wished() => None,
                Some(done) = self.tasks.next(), if !self.tasks.is_empty() => Some(done),
                () = clock.sleep(pause) => None,
            };
            match done {
                // Nothing new is known: what was planned holds.
                Some(done) if done.is_bookkeeping() => self.take(done),
                done => break done,
            }
        };
        let Some(done) = done else { return };
        // A look tells all there is of the cloud; nodes tell of themselves, one by one.
        let is_look = matches!(done, Done::Looked { .. });
        self.take(done);
        if gather > Duration::ZERO && !is_look {
            self.gather(gather).await;
        }
        while let Some(Some(done)) = futures_util::FutureExt::now_or_never(self.tasks.next()) {
            self.take(done);
        }
    }

    /// Takes what comes back within a time.
    async fn gather(&mut self, span: Duration) {
        let gathered = self.engine.clock.sleep(span);
        let mut stop = self.stop.clone();
        tokio::pin!(gathered);
        loop {
            tokio::select! {
                biased;
                () = stop.wished() => return,
                () = &mut gathered => return,
                Some(done) = self.tasks.next(), if !self.tasks.is_empty() => self.take(done),
            }
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Looked { asked_at, result } => self.took_look(asked_at, result),
            Done::Probed { address, asked_at, result } => {
                self.took_probe(address, asked_at, result);
            }
            Done::Cloud { actions, results } => {
                self.asking -= 1;
                for (action, result) in actions.into_iter().zip(results) {
                    self.wants_look_after(&action, &result);
                    self.took_cloud(&action, result);
                }
                self.news_at = self.now();
            }
            Done::Shell { actions, results } => {
                self.asking -= 1;
                for (action, result) in actions.into_iter().zip(results) {
                    self.busy_nodes.remove(&action.mount().node);
                    self.took_shell(&action, result);
                }
            }
            Done::Beat(result) => {
                self.keep(result);
                self.beat_when_due();
            }
            Done::Wrote(result) => {
                self.is_writing = false;
                self.keep(result);
                self.write_news();
            }
        }
    }

    /// Takes the answers that are due, for a bounded time, and tells where things are as last seen.
    async fn drain(&mut self) {
        let due = self.asking;
        self.tell(EventKind::Stopping { due });
        let clock = self.engine.clock;
        let reserved = self.pursuit.tenure.as_ref().map_or(Duration::ZERO, |_| GIVE_BACK);
        let limit = clock.sleep(STOP_GRACE - reserved);
        tokio::pin!(limit);
        while self.asking > 0 {
            tokio::select! {
                Some(done) = self.tasks.next() => self.take(done),
                () = &mut limit => break,
            }
        }
        if let Some(view) = &self.view {
            let observation = Observation::assemble(&self.pursuit.definition, view, &self.answers);
            let plan = plan(&self.context(&observation, self.now()));
            self.observation = Some(observation);
            self.plan = Some(plan);
        }
    }
}

//! One drive: the loop of look, plan, ask, in one task without threads.
//!
//! Looks, probes and requests are all under way at once; whatever comes back first is taken first,
//! and each answer leads to a new plan. A node or mount is asked for something only when everything
//! about it that was asked before is answered and seen.

mod lives;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use wucluster_core::action::{Action, CloudAction, NodeAddress, ShellAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, NodeName, Subject};
use wucluster_core::interlock::{Cleared, Context, Hold, Request, needs_second_look};
use wucluster_core::memory::{
    Awaited, AwaitedId, Failure, FailureError, Memory, OpenRequest, Unsure,
};
use wucluster_core::observation::{
    AttachmentState, CloudView, FilesystemState, Gap, GapKind, InstanceState, NodeProbe, NodeView,
    NodeViews, Observation, Observed,
};
use wucluster_core::plan::{Plan, WaitOn};
use wucluster_core::planner::{Ask, plan, probe_request};
use wucluster_core::policy::Guard;
use wucluster_core::ports::{CloudError, ErrorClass, Receipt, ShellError, ShellReceipt};
use wucluster_core::tags::ContentMark;
use wucluster_core::time::Timestamp;

use crate::budget::Budgets;
use crate::engine::{Ending, Engine, Outcome, Pursuit};
use crate::event::{EngineEvent, EventKind, Progress};
use crate::pace;
use crate::records::Fact;
use crate::stop::Stop;
use lives::{ended_by, is_foreign};

/// After an interrupt, how long answers that are due are waited for.
///
/// Source: our promise on the screen that Ctrl-C shows.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How long something that may clear by itself is watched before the drive ends with it, at least: what
/// was stuck before this drive began may be just about to move.
const HOLD_GRACE: Duration = Duration::from_secs(5);

/// How long the cloud may refuse to be looked at before the drive gives up, if nothing says that
/// repeating is useless at once.
const BLIND_MAX: Duration = Duration::from_secs(300);

enum Done {
    Looked { asked_at: Timestamp, result: Result<CloudView, CloudError> },
    Probed { address: NodeAddress, asked_at: Timestamp, result: Result<NodeProbe, Gap> },
    Cloud { actions: Vec<CloudAction>, results: Vec<Result<Receipt, CloudError>> },
    Shell { actions: Vec<ShellAction>, results: Vec<Result<ShellReceipt, ShellError>> },
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
    held: Vec<Hold>,
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
    next_probe_at: BTreeMap<NodeName, Timestamp>,
    /// How often in a row a node did not answer, or had nothing new.
    idle_probes: BTreeMap<NodeName, u32>,
    quiet_looks: u32,
    blind_since: Option<Timestamp>,
    blindness: Option<CloudError>,
    held_since: Option<Timestamp>,
    /// Since when the last look and answers before a held end are asked for.
    last_word_since: Option<Timestamp>,
    requests: u64,
    budgets: Budgets,
    /// When there is room for the first of the requests that were put off.
    room_at: Option<Timestamp>,
    /// When the last fact for the next drive was told.
    recorded_at: Timestamp,
    /// When each mount's write epoch was last asked to be sealed by this drive.
    sealed_at: BTreeMap<MountKey, Timestamp>,
    /// Instances that were taken for living because a volume is attached to them.
    vouched: BTreeSet<AwaitedId>,
    /// What we asked to be ended, and were answered well.
    dying: BTreeSet<AwaitedId>,
    /// What the last look left out for the first time: one more has to.
    doubted: BTreeSet<AwaitedId>,
}

impl<'a, 'e> Drive<'a, 'e> {
    pub(crate) fn new(
        engine: Engine<'a>,
        pursuit: Pursuit,
        stop: Stop,
        emit: &'e mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Self {
        let limits = engine.cloud.limits();
        let memory = pursuit.records.memory(engine.clock.now(), &limits);
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
            held: Vec::new(),
            done: BTreeMap::new(),
            renewing: BTreeMap::new(),
            is_looking: false,
            probing: BTreeSet::new(),
            awaited: BTreeSet::new(),
            busy_nodes: BTreeSet::new(),
            asking: 0,
            next_look_at: Timestamp::default(),
            next_probe_at: BTreeMap::new(),
            idle_probes: BTreeMap::new(),
            quiet_looks: 0,
            blind_since: None,
            blindness: None,
            held_since: None,
            last_word_since: None,
            requests: 0,
            budgets: Budgets::default(),
            room_at: None,
            recorded_at: Timestamp::default(),
            sealed_at: BTreeMap::new(),
            vouched: BTreeSet::new(),
            dying: BTreeSet::new(),
            doubted: BTreeSet::new(),
        }
    }

    pub(crate) async fn run(mut self) -> Ending {
        let started = self.now();
        let deadline = self.pursuit.timeout.map(|timeout| started.after(timeout));
        self.tell(EventKind::Started {
            cluster: self.pursuit.definition.name.clone(),
            demand: self.pursuit.demand,
        });
        let outcome = loop {
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
            self.next(deadline).await;
            if let Some(outcome) = self.blinded() {
                break outcome;
            }
        };
        let requests = self.requests;
        self.tell(EventKind::Finished { outcome: outcome.word().to_owned(), requests });
        let progress = self.progress();
        Ending { outcome, progress, observation: self.observation, requests }
    }

    fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    fn tell(&mut self, kind: EventKind) {
        let event = EngineEvent { at: self.engine.clock.now(), kind };
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
        if is_met && self.asking == 0 && !self.misses_something() {
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
        let now = self.now();
        let lag = self.engine.cloud.limits().visibility_lag_max;
        let is_apart = matches!(
            self.pursuit.demand,
            Demand::Separated | Demand::RecentlySnapshotted | Demand::Haltable | Demand::Away
        );
        // An attachment that was asked for and is not listed yet would undo what is reported.
        let attaches = |end: &OpenRequest| {
            matches!(end.action, CloudAction::AttachVolume { .. }) && end.asked_at.after(lag) > now
        };
        !self.doubted.is_empty()
            || self.memory.subjects.values().any(|memory| {
                memory.unsure.as_ref().is_some_and(|unsure| unsure.until > now)
                    || (is_apart && memory.open_requests.iter().any(attaches))
                    || memory.awaited_at(now).any(|awaited| {
                        !awaited.is_ending && !matches!(awaited.what, AwaitedId::Snapshot(_))
                    })
            })
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
                && attachment.is_some_and(|one| one.state == AttachmentState::Attached)
            {
                self.memory.deviceless_since.entry(mount.key.clone()).or_insert(now);
            } else {
                self.memory.deviceless_since.remove(&mount.key);
            }
            let Some(volume) = mount.volume() else { continue };
            if is_foreign(mount, volume) {
                self.found_strange(mount.key.clone(), volume.id.clone());
            }
            let holds_data = volume.tags.content() == Some(ContentMark::Data)
                && matches!(mount.filesystem, Observed::Present(FilesystemState::Mounted { .. }));
            if let (true, Some(epoch)) = (holds_data, volume.tags.epoch()) {
                let epoch = self.written_under(observation, &mount.key, epoch.number);
                if self.memory.data_epochs.get(&mount.key).is_none_or(|known| *known < epoch) {
                    seen.push((mount.key.clone(), epoch));
                }
            }
        }
        for (mount, epoch) in seen {
            self.memory.data_epochs.insert(mount.clone(), epoch);
            self.tell(EventKind::DataSeen { mount, epoch });
        }
        for (subject, memory) in &mut self.memory.subjects {
            let is_there = match subject {
                Subject::Node(name) => {
                    observation.node(name).is_some_and(|node| !node.instances.is_empty())
                }
                Subject::Mount(key) => {
                    observation.mount(key).is_some_and(|mount| !mount.volumes.is_empty())
                }
                Subject::Cluster | Subject::Stranger(_) => false,
            };
            if is_there {
                memory.unsure = None;
            }
        }
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
        let rows = plan.rows(&self.pursuit.definition, observation);
        for row in &rows {
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
        let requests = self.requests;
        self.tell(EventKind::Planned(Progress { rows, holds: plan.holds.clone(), requests }));
    }

    fn progress(&self) -> Option<Progress> {
        let (plan, observation) = (self.plan.as_ref()?, self.observation.as_ref()?);
        Some(Progress {
            rows: plan.rows(&self.pursuit.definition, observation),
            holds: plan.holds.clone(),
            requests: self.requests,
        })
    }

    /// Makes requests: what weighs more only once it is cleared again on a newer look.
    fn ask(&mut self, actions: Vec<Cleared<Action>>) {
        let mut cloud: BTreeMap<&'static str, Vec<Cleared<CloudAction>>> = BTreeMap::new();
        let mut shell: BTreeMap<NodeName, Vec<Cleared<ShellAction>>> = BTreeMap::new();
        let mut renewing = BTreeMap::new();
        let mut put_off = BTreeMap::new();
        self.room_at = None;
        for cleared in actions {
            let subject = cleared.action().subject();
            let heeds_effect = self.pursuit.policy.guards(Guard::NoEffect);
            if heeds_effect && self.done.get(&subject) == Some(cleared.action()) {
                self.had_no_effect(&subject, cleared.action());
                continue;
            }
            let looks_twice = self.pursuit.policy.guards(Guard::SecondLook);
            let is_weighty = self
                .observation
                .as_ref()
                .is_none_or(|seen| needs_second_look(seen, cleared.action()));
            let cleared = if looks_twice && is_weighty {
                match self.renew(&subject, &cleared) {
                    Some(renewed) => renewed,
                    None => {
                        // Of the two looks that clear it, the first is the one that counts from.
                        let first = self
                            .renewing
                            .remove(&subject)
                            .filter(|first| first.action() == cleared.action())
                            .unwrap_or(cleared);
                        renewing.insert(subject, first);
                        continue;
                    }
                }
            } else {
                cleared
            };
            if let Action::Cloud(action) = cleared.action()
                && !self.has_room(action.name())
            {
                // It was cleared twice already; when there is room it need only be cleared again.
                put_off.extend(self.renewing.remove(&subject).map(|first| (subject, first)));
                continue;
            }
            self.note_asked(&subject, cleared.action());
            match cleared.into_request() {
                Request::Cloud(request) => {
                    cloud.entry(request.action().name()).or_default().push(request);
                }
                Request::Shell(request) => {
                    shell.entry(request.action().mount().node.clone()).or_default().push(request);
                }
            }
        }
        if !renewing.is_empty() {
            // A cloud that cannot be looked at is not asked any sooner for that.
            if self.blind_since.is_none() {
                self.next_look_at = Timestamp::default();
            }
            // What a node does, it proves by itself once more; what the cloud does, it must say first.
            let cloud_only =
                renewing.iter().filter(|(_, cleared)| matches!(cleared.action(), Action::Cloud(_)));
            for node in cloud_only.filter_map(|(subject, _)| subject.node()) {
                self.next_probe_at.insert(node.clone(), Timestamp::default());
                self.awaited.insert(node.clone());
            }
        }
        renewing.extend(put_off);
        self.renewing = renewing;
        for requests in cloud.into_values() {
            self.asking += 1;
            self.requests += requests.len() as u64;
            let port = self.engine.cloud;
            self.tasks.push(Box::pin(async move {
                let results = port.issue(&requests).await;
                let actions = requests.iter().map(|request| request.action().clone()).collect();
                Done::Cloud { actions, results }
            }));
        }
        for (node, requests) in shell {
            let Some(address) = self.address(&node) else {
                for request in requests {
                    let result = Err(ShellError::NoAnswer("it has no address yet".to_owned()));
                    self.took_shell(request.action(), result);
                }
                continue;
            };
            self.asking += 1;
            self.busy_nodes.insert(node);
            let port = self.engine.shell;
            self.tasks.push(Box::pin(async move {
                let results = port.issue(&address, &requests).await;
                let actions = requests.iter().map(|request| request.action().clone()).collect();
                Done::Shell { actions, results }
            }));
        }
    }

    /// Takes a request from its budget. Where none is left, it is remembered when there will be.
    fn has_room(&mut self, request: &'static str) -> bool {
        let Some(budget) = self.engine.cloud.budget(request) else { return true };
        match self.budgets.take(request, budget, self.now()) {
            Ok(()) => true,
            Err(at) => {
                self.room_at = Some(self.room_at.map_or(at, |known| known.min(at)));
                false
            }
        }
    }

    /// Takes a request that was answered well and is wanted again, all the same, for a failed one:
    /// asking it over and over would help nobody.
    fn had_no_effect(&mut self, subject: &Subject, action: &Action) {
        self.done.remove(subject);
        let held = self.observation.as_ref().and_then(|observation| match subject {
            Subject::Mount(key) => match &observation.mount(key)?.filesystem {
                Observed::Present(FilesystemState::Held { why, holders }) => {
                    Some((why.clone(), holders.clone()))
                }
                Observed::Present(_) | Observed::Absent | Observed::Unknown(_) => None,
            },
            Subject::Cluster | Subject::Node(_) | Subject::Stranger(_) => None,
        });
        let nothing = || "it was carried out, and nothing changed".to_owned();
        let error = match (action, held) {
            (Action::Cloud(_), _) => FailureError::Cloud(CloudError {
                class: ErrorClass::Retry,
                code: "NoEffect".to_owned(),
                message: nothing(),
            }),
            (Action::Shell(ShellAction::Unmount { .. }), Some((message, holders))) => {
                FailureError::Shell(ShellError::Busy { holders, message })
            }
            (Action::Shell(_), _) => {
                FailureError::Shell(ShellError::Failed { status: 0, message: nothing() })
            }
        };
        self.failed(subject.clone(), action.name(), error);
    }

    fn renew(&self, subject: &Subject, cleared: &Cleared<Action>) -> Option<Cleared<Action>> {
        let first = self.renewing.get(subject)?;
        if first.action() != cleared.action() {
            return None;
        }
        let observation = self.observation.as_ref()?;
        first.clone().renew(&self.context(observation, self.now())).ok()
    }

    fn note_asked(&mut self, subject: &Subject, action: &Action) {
        let name = action.name();
        self.memory.subjects.entry(subject.clone()).or_default().in_flight = Some(name);
        if let Action::Cloud(action) = action {
            self.note_open(subject, action);
            self.note_seal(action);
        }
        self.tell(EventKind::Asked {
            subject: subject.clone(),
            name: name.to_owned(),
            action: action.clone(),
        });
    }

    fn address(&self, node: &NodeName) -> Option<NodeAddress> {
        let instance = self.observation.as_ref()?.node(node)?.instance()?;
        Some(NodeAddress {
            node: node.clone(),
            instance: instance.id.clone(),
            ssh: instance.ssh.clone()?,
        })
    }

    /// Says whether a node's answer matters to the demand.
    fn wants_probe(&self, observation: &Observation, name: &NodeName) -> bool {
        let Some(node) = observation.node(name) else { return false };
        let Some(instance) = node.instance().filter(|one| one.state == InstanceState::Running)
        else {
            return false;
        };
        let hooks = self.pursuit.definition.nodes.get(name).map(|defined| &defined.hooks);
        let is_attached = observation.attached_to(&instance.id).next().is_some();
        match self.pursuit.demand {
            Demand::Instantiated => false,
            // What is on its way off must be off first, and only the node can tell what keeps it.
            Demand::Attached => observation
                .attached_to(&instance.id)
                .flat_map(|mount| &mount.volumes)
                .any(|volume| {
                    volume.open_attachments().any(|one| {
                        matches!(one.state, AttachmentState::Detaching | AttachmentState::Busy)
                    })
                }),
            // Before a device can be there, a node has nothing to tell.
            Demand::Mounted => node.is_defined && is_attached,
            Demand::Launched => {
                let is_checked = hooks.is_some_and(|hooks| !hooks.ready.is_empty());
                node.is_defined && (is_attached || is_checked && !self.has_mounts(name))
            }
            Demand::Unmounted | Demand::Separated | Demand::RecentlySnapshotted => {
                is_attached || self.had_devices_in_use(name)
            }
            // What the listing does not show may be mounted all the same: the node is asked before it ends.
            Demand::Away => true,
            Demand::Haltable => {
                is_attached
                    || self.had_devices_in_use(name)
                    || hooks.is_some_and(|hooks| !hooks.before_halt.is_empty())
            }
        }
    }

    fn has_mounts(&self, name: &NodeName) -> bool {
        self.pursuit.definition.nodes.get(name).is_some_and(|defined| !defined.mounts.is_empty())
    }

    /// Tells when a node is to be asked; `None` while its answer does not matter.
    ///
    /// A node whose answer is waited for is asked at its own pace; any other only now and then, since
    /// each question costs the node a part of the second that its work needs.
    fn probe_due_at(&self, observation: &Observation, name: &NodeName) -> Option<Timestamp> {
        if !self.wants_probe(observation, name) {
            return None;
        }
        let due = self.next_probe_at.get(name).copied().unwrap_or_default();
        // One round trip serves all devices that come at once.
        let arriving = observation.mounts_of(name).filter_map(|mount| {
            let (state, since) = self.memory.attachments.get(&mount.key)?;
            (*state == AttachmentState::Attaching).then(|| since.after(pace::ARRIVAL))
        });
        let due = arriving.filter(|end| *end > self.now()).fold(due, Timestamp::max);
        let instance = observation.node(name)?.instance().map(|instance| &instance.id);
        let answer = self.answers.get(name).filter(|answer| Some(&answer.instance) == instance);
        let Some(answer) = answer.filter(|answer| answer.probe.is_ok()) else { return Some(due) };
        Some(if self.awaited.contains(name) {
            due
        } else {
            due.max(answer.asked_at.after(pace::UNASKED_PROBE))
        })
    }

    /// Begins the looks and probes that are due.
    fn look_about(&mut self) {
        let now = self.now();
        if !self.is_looking && self.next_look_at <= now {
            self.is_looking = true;
            let port = self.engine.cloud;
            let clock = self.engine.clock;
            let cluster = self.pursuit.definition.name.clone();
            self.tasks.push(Box::pin(async move {
                let asked_at = clock.now();
                let result = port.observe(&cluster).await;
                Done::Looked { asked_at, result }
            }));
        }
        let Some(observation) = self.observation.take() else { return };
        for node in &observation.nodes {
            let is_due = self.probe_due_at(&observation, &node.name).is_some_and(|due| due <= now);
            if !is_due || self.busy_nodes.contains(&node.name) || self.probing.contains(&node.name)
            {
                continue;
            }
            let Some(instance) = node.instance() else { continue };
            let Some(ssh) = instance.ssh.clone() else { continue };
            let address =
                NodeAddress { node: node.name.clone(), instance: instance.id.clone(), ssh };
            let request = probe_request(
                &self.pursuit.definition,
                Ask::For(self.pursuit.demand),
                &observation,
                node,
            );
            self.probing.insert(node.name.clone());
            let port = self.engine.shell;
            let clock = self.engine.clock;
            self.tasks.push(Box::pin(async move {
                let asked_at = clock.now();
                let result = port.probe(&address, &request).await;
                Done::Probed { address, asked_at, result }
            }));
        }
        self.observation = Some(observation);
    }

    /// Waits for the first thing to happen, and takes it and all that has happened with it.
    async fn next(&mut self, deadline: Option<Timestamp>) {
        let wake = self.wake_at(deadline);
        let clock = self.engine.clock;
        let rows = self.observation.as_ref().map_or(0, |seen| seen.nodes.len() + seen.mounts.len());
        let gather = pace::gather(rows);
        let pause = wake.since(clock.now()).max(gather).max(Duration::from_millis(1));
        let mut stop = self.stop.clone();
        let done = tokio::select! {
            biased;
            () = stop.wished() => None,
            Some(done) = self.tasks.next(), if !self.tasks.is_empty() => Some(done),
            () = clock.sleep(pause) => None,
        };
        let Some(done) = done else { return };
        self.take(done);
        if gather > Duration::ZERO {
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

    /// The nearest time at which something is due.
    fn wake_at(&self, deadline: Option<Timestamp>) -> Timestamp {
        let mut times: Vec<Timestamp> = deadline.into_iter().collect();
        if !self.is_looking {
            times.push(self.next_look_at);
        }
        if let Some(observation) = &self.observation {
            let free = self.next_probe_at.keys().filter(|node| !self.probing.contains(*node));
            times.extend(free.filter_map(|node| self.probe_due_at(observation, node)));
        }
        times.extend(self.room_at);
        if let Some(plan) = &self.plan {
            times.extend(plan.waits.iter().filter_map(|wait| match wait.on {
                WaitOn::Time(time) => Some(time),
                WaitOn::Cloud | WaitOn::Node(_) | WaitOn::Answer | WaitOn::Others => None,
            }));
            if self.held_since.is_some() {
                times.extend(self.memory.subjects.values().filter_map(|memory| memory.not_before));
            }
        }
        let now = self.now();
        times
            .into_iter()
            .filter(|time| *time > now)
            .min()
            .unwrap_or_else(|| now.after(self.engine.cloud.limits().look_interval_max))
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
                    self.took_cloud(&action, result);
                }
                self.quiet_looks = 0;
                self.next_look_at = self.now().after(pace::FIRST_LOOK);
            }
            Done::Shell { actions, results } => {
                self.asking -= 1;
                for (action, result) in actions.into_iter().zip(results) {
                    self.busy_nodes.remove(&action.mount().node);
                    self.took_shell(&action, result);
                }
            }
        }
    }

    fn took_look(&mut self, asked_at: Timestamp, result: Result<CloudView, CloudError>) {
        self.is_looking = false;
        let limits = self.engine.cloud.limits();
        match result {
            Ok(mut view) => {
                view.asked_at = asked_at;
                self.bury(&mut view);
                self.requests += u64::from(view.requests);
                let is_same = self.view.as_ref().is_some_and(|before| same_things(before, &view));
                self.quiet_looks = if is_same { self.quiet_looks + 1 } else { 0 };
                self.blind_since = None;
                self.view = Some(view);
                self.is_assembled = false;
                let is_stale = self
                    .memory
                    .subjects
                    .values()
                    .any(|memory| memory.cloud_settled_at >= Some(asked_at));
                let pause = if is_stale {
                    pace::FIRST_LOOK
                } else {
                    pace::look_again(&limits, self.quiet_looks, self.waits_for_cloud())
                };
                self.next_look_at = self.now().after(pause);
            }
            Err(error) => {
                let now = self.now();
                self.blind_since.get_or_insert(now);
                self.quiet_looks += 1;
                self.next_look_at = now.after(
                    pace::look_again(&limits, self.quiet_looks, true).max(Duration::from_secs(1)),
                );
                if matches!(error.class, ErrorClass::Permission | ErrorClass::Permanent) {
                    self.blind_since = Some(Timestamp::from_millis(0));
                }
                self.tell(EventKind::LookFailed { error: error.to_string() });
                self.last_blindness(error);
            }
        }
    }

    fn took_probe(
        &mut self,
        address: NodeAddress,
        asked_at: Timestamp,
        result: Result<NodeProbe, Gap>,
    ) {
        let NodeAddress { node, instance, ssh: _ } = address;
        self.probing.remove(&node);
        let now = self.now();
        match &result {
            Ok(probe) => {
                self.memory.silent_since.remove(&node);
                let blocking_no = |results: &[wucluster_core::observation::CheckResult]| {
                    results.iter().any(|result| result.hook.blocks && !result.passed)
                };
                if blocking_no(&probe.ready) {
                    self.memory.unready_since.entry(node.clone()).or_insert(now);
                } else {
                    self.memory.unready_since.remove(&node);
                }
                if blocking_no(&probe.before_halt) {
                    *self.memory.halt_refusals.entry(node.clone()).or_insert(0) += 1;
                } else {
                    self.memory.halt_refusals.remove(&node);
                }
            }
            Err(_) => {
                self.memory.silent_since.entry(node.clone()).or_insert(now);
            }
        }
        let is_same = match (self.answers.get(&node).map(|before| &before.probe), &result) {
            (Some(Ok(before)), Ok(after)) => before == after,
            (Some(Err(_)), Err(_)) => true,
            _ => false,
        };
        let idle = self.idle_probes.entry(node.clone()).or_insert(0);
        *idle = if is_same { idle.saturating_add(1) } else { 0 };
        let is_stale = self
            .memory
            .of_mounts_of(&node)
            .any(|(_, memory)| memory.shell_settled_at >= Some(asked_at));
        let pause =
            if is_stale { pace::FIRST_LOOK } else { pace::probe_again(*idle, result.is_err()) };
        self.next_probe_at.insert(node.clone(), now.after(pause));
        self.answers.insert(node, NodeView { instance, asked_at, probe: result });
        self.is_assembled = false;
    }

    fn took_cloud(&mut self, action: &CloudAction, result: Result<Receipt, CloudError>) {
        let subject = action.subject();
        let name = action.name();
        let now = self.now();
        let limits = self.engine.cloud.limits();
        let (lag, late) = (limits.visibility_lag_max, limits.late_effect_max);
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        memory.in_flight = None;
        memory.cloud_settled_at = Some(now);
        if let Some(node) = subject.node() {
            // What a node sees of its devices may be new too.
            self.next_probe_at.insert(node.clone(), now.after(pace::FIRST_LOOK));
            self.idle_probes.remove(node);
        }
        match result {
            Ok(receipt) => {
                memory.not_before = None;
                memory.unsure = None;
                self.done.insert(subject.clone(), Action::Cloud(action.clone()));
                if let Some(ended) = ended_by(action) {
                    memory.awaited.retain(|awaited| awaited.what != ended);
                    self.dying.insert(ended);
                }
                let made = match receipt {
                    Receipt::Accepted | Receipt::AlreadyDone => None,
                    Receipt::Instance(id) => Some(AwaitedId::Instance(id)),
                    Receipt::Volume(id) => Some(AwaitedId::Volume(id)),
                    Receipt::Snapshot(id) => Some(AwaitedId::Snapshot(id)),
                };
                let id = made.as_ref().map(ToString::to_string);
                if let Some(what) = made {
                    let until = now.after(lag);
                    let is_kept = !matches!(what, AwaitedId::Snapshot(_));
                    let awaited =
                        Awaited { what: what.clone(), since: now, until, is_ending: false };
                    memory.await_for(awaited);
                    if is_kept {
                        self.lives(subject.clone(), what);
                    }
                }
                self.tell(EventKind::Answered { subject, name: name.to_owned(), made: id });
            }
            Err(error) => {
                if error.class != ErrorClass::Ambiguous {
                    self.note_refused(&subject, action);
                }
                let memory = self.memory.subjects.entry(subject.clone()).or_default();
                let spent = matches!(
                    error.code.as_str(),
                    "IdempotentInstanceTerminated" | "IdempotentParameterMismatch"
                );
                let is_creation = matches!(
                    action,
                    CloudAction::RunInstance { .. } | CloudAction::CreateVolume { .. }
                );
                if spent {
                    memory.token_generation += 1;
                    memory.unsure = None;
                } else if is_creation && error.class == ErrorClass::Ambiguous {
                    let until = now.after(lag.max(late));
                    memory.unsure = Some(Unsure { action: action.clone(), until });
                }
                if is_creation && memory.unsure.is_none() {
                    self.record(Fact::Refused { subject: subject.clone() });
                }
                if error.code == "RequestLimitExceeded" {
                    self.budgets.is_spent(name, now);
                }
                self.failed(subject, name, FailureError::Cloud(error));
            }
        }
    }

    fn took_shell(&mut self, action: &ShellAction, result: Result<ShellReceipt, ShellError>) {
        let subject = Subject::Mount(action.mount().clone());
        let name = action.name();
        let now = self.now();
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        memory.in_flight = None;
        memory.shell_settled_at = Some(now);
        self.next_probe_at.insert(action.mount().node.clone(), now.after(pace::AFTER_ANSWER));
        self.idle_probes.remove(&action.mount().node);
        match result {
            Ok(receipt) => {
                memory.not_before = None;
                for (hook, output) in receipt.passed_over {
                    let subject = subject.clone();
                    self.tell(EventKind::PassedOver { subject, hook: hook.run, output });
                }
                self.done.insert(subject.clone(), Action::Shell(action.clone()));
                self.tell(EventKind::Answered { subject, name: name.to_owned(), made: None });
            }
            Err(error) => {
                if matches!(error, ShellError::NotBlank(_)) {
                    self.note_refused_format(action.mount());
                }
                self.failed(subject, name, FailureError::Shell(error));
            }
        }
    }

    fn failed(&mut self, subject: Subject, name: &str, error: FailureError) {
        let now = self.now();
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        let (times, first_at) = match &memory.failure {
            Some(before) if before.action == name => (before.times + 1, before.first_at),
            _ => (1, now),
        };
        let text = match &error {
            FailureError::Cloud(error) => error.to_string(),
            FailureError::Shell(error) => error.to_string(),
        };
        memory.not_before = Some(now.after(pace::back_off(times)));
        memory.failure =
            Some(Failure { action: name.to_owned(), error, times, first_at, last_at: now });
        self.tell(EventKind::Failed { subject, name: name.to_owned(), error: text, times });
    }

    fn waits_for_cloud(&self) -> bool {
        self.asking > 0
            || self.misses_something()
            || !self.renewing.is_empty()
            || self.observation.as_ref().is_some_and(|seen| self.lacks_an_address(seen))
            || self
                .plan
                .as_ref()
                .is_none_or(|plan| plan.waits.iter().any(|wait| wait.on == WaitOn::Cloud))
    }

    /// Says whether a node is to be asked whose address only the cloud can tell.
    fn lacks_an_address(&self, observation: &Observation) -> bool {
        observation.nodes.iter().any(|node| {
            node.instance().is_some_and(|one| one.ssh.is_none())
                && self.wants_probe(observation, &node.name)
        })
    }

    fn last_blindness(&mut self, error: CloudError) {
        self.blindness = Some(error);
    }

    fn blinded(&mut self) -> Option<Outcome> {
        let since = self.blind_since?;
        (self.now().since(since) >= BLIND_MAX)
            .then(|| self.blindness.take())
            .flatten()
            .map(Outcome::Failed)
    }

    /// Takes the answers that are due, for a bounded time, and tells where things are as last seen.
    async fn drain(&mut self) {
        let due = self.asking;
        self.tell(EventKind::Stopping { due });
        let clock = self.engine.clock;
        let limit = clock.sleep(STOP_GRACE);
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

fn same_things(before: &CloudView, after: &CloudView) -> bool {
    before.instances == after.instances
        && before.volumes == after.volumes
        && before.snapshots == after.snapshots
}

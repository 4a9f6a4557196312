//! What is asked for, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use wucluster_core::action::{Action, CloudAction, NodeAddress, ShellAction};
use wucluster_core::ids::{NodeName, Subject};
use wucluster_core::interlock::{Cleared, Request, needs_second_look};
use wucluster_core::memory::{Awaited, AwaitedId, Candidate, Failure, FailureError, Made, Unsure};
use wucluster_core::observation::{FilesystemState, InstanceState, Observed};
use wucluster_core::policy::Guard;
use wucluster_core::ports::{CloudError, ErrorClass, Receipt, ShellError, ShellReceipt};
use wucluster_core::time::Timestamp;

use super::open_requests::ended_by;
use super::{Done, Drive};
use crate::event::EventKind;
use crate::pace;
use crate::records::{Fact, creates};

impl Drive<'_, '_> {
    /// Makes requests: what weighs more only once it is cleared again on a newer look.
    pub(super) fn ask(&mut self, actions: Vec<Cleared<Action>>) {
        let mut cloud: BTreeMap<&'static str, Vec<Cleared<CloudAction>>> = BTreeMap::new();
        let mut shell: BTreeMap<NodeName, Vec<Cleared<ShellAction>>> = BTreeMap::new();
        let mut renewing = BTreeMap::new();
        let mut put_off = BTreeMap::new();
        self.room_at = None;
        let mut rooms = BTreeMap::new();
        let mut snapshot_room = self.snapshot_room();
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
                .is_none_or(|seen| needs_second_look(seen, cleared.action()))
                || self.rests_on_an_old_word(cleared.action());
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
            let is_snapshot =
                matches!(cleared.action(), Action::Cloud(CloudAction::CreateSnapshot { .. }));
            let is_crowded = is_snapshot && snapshot_room == Some(0);
            if let Action::Cloud(action) = cleared.action()
                && (is_crowded || !self.has_room_for(action, &mut rooms))
            {
                // It was cleared twice already; when there is room it need only be cleared again.
                put_off.extend(self.renewing.remove(&subject).map(|first| (subject, first)));
                continue;
            }
            if is_snapshot {
                snapshot_room = snapshot_room.map(|room| room - 1);
            }
            self.enter_before(cleared.action());
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
        // An answer is due after which the cloud is looked at anyway: one look serves both.
        if cloud.keys().any(|name| self.engine.cloud.soonest(name).is_zero()) {
            self.hold_look_back();
        }
        let permit = self.permit();
        for requests in cloud.into_values() {
            self.asking += 1;
            self.requests += calls(&requests);
            let port = self.engine.cloud;
            let permit = permit.clone();
            self.tasks.push(Box::pin(async move {
                let actions: Vec<CloudAction> =
                    requests.iter().map(|request| request.action().clone()).collect();
                let results = match permit.given().await {
                    Ok(()) => port.issue(&requests).await,
                    Err(not_asked) => vec![Err(not_asked.of_cloud()); actions.len()],
                };
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
            let permit = permit.clone();
            self.tasks.push(Box::pin(async move {
                let actions: Vec<ShellAction> =
                    requests.iter().map(|request| request.action().clone()).collect();
                let results = match permit.given().await {
                    Ok(()) => port.issue(&address, &requests).await,
                    Err(not_asked) => vec![Err(not_asked.of_shell()); actions.len()],
                };
                Done::Shell { actions, results }
            }));
        }
    }

    /// Takes a request from its budget; of those that share a call, the first one does, and all go or none.
    fn has_room_for(&mut self, action: &CloudAction, rooms: &mut BTreeMap<String, bool>) -> bool {
        let Some((_, token)) = action.shared() else { return self.has_room(action.name()) };
        if let Some(has_room) = rooms.get(token) {
            return *has_room;
        }
        let has_room = self.has_room(action.name());
        rooms.insert(token.clone(), has_room);
        has_room
    }

    /// Takes a request from its budget. Where none is left, it is remembered when there will be.
    pub(super) fn has_room(&mut self, request: &'static str) -> bool {
        let Some(budget) = self.engine.cloud.budget(request) else { return true };
        match self.budgets.take(request, budget, self.now()) {
            Ok(()) => true,
            Err(at) => {
                self.room_at = Some(self.room_at.map_or(at, |known| known.min(at)));
                false
            }
        }
    }

    /// Says whether a detachment would rest on what its node said a while ago, or before the look: it may have mounted by
    /// itself since, and it is asked once more.
    fn rests_on_an_old_word(&self, action: &Action) -> bool {
        let Some(asked_at) = self.word_before(action) else { return false };
        self.now().since(asked_at) > pace::WORD_AGE_MAX
            || self.observation.as_ref().is_some_and(|seen| asked_at < seen.cloud_asked_at)
    }

    /// Returns when the node was asked on whose word a detachment rests: the machine that has the volume runs.
    fn word_before(&self, action: &Action) -> Option<Timestamp> {
        let Action::Cloud(CloudAction::DetachVolume { mount, instance, .. }) = action else {
            return None;
        };
        if !self.pursuit.policy.guards(Guard::FreshWord) {
            return None;
        }
        let machine = self.observation.as_ref()?.node(&mount.node)?.instance()?;
        let is_asked = &machine.id == instance && machine.state == InstanceState::Running;
        let word =
            self.answers.get(&mount.node).filter(|word| is_asked && word.instance == machine.id);
        word.map(|word| word.asked_at)
    }

    /// Takes a request that was answered well and is wanted again, all the same, for a failed one:
    /// asking it over and over would help nobody.
    pub(super) fn had_no_effect(&mut self, subject: &Subject, action: &Action) {
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

    pub(super) fn renew(
        &self,
        subject: &Subject,
        cleared: &Cleared<Action>,
    ) -> Option<Cleared<Action>> {
        let first = self.renewing.get(subject)?;
        if first.action() != cleared.action() {
            return None;
        }
        // A second look makes the node's word no newer.
        if self.word_before(first.action()).is_some_and(|asked_at| asked_at <= first.seen_at()) {
            return None;
        }
        let observation = self.observation.as_ref()?;
        first.clone().renew(&self.context(observation, self.now())).ok()
    }

    pub(super) fn note_asked(&mut self, subject: &Subject, action: &Action) {
        let name = action.name();
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        memory.in_flight = Some(name);
        if let Action::Cloud(action) = action
            && creates(action)
        {
            memory.made = Some(Made { request: action.clone(), id: None });
        }
        match action {
            Action::Cloud(action) => {
                self.note_open(subject, action);
                self.note_seal(action);
                self.note_kept(action);
                // The fence is the machine's, and it may be another one.
                if let CloudAction::AttachVolume { volume, .. } = action {
                    self.memory.fenced.remove(&volume.serial());
                }
            }
            Action::Shell(ShellAction::Mount { serial, .. }) => {
                self.memory.fenced.remove(serial);
            }
            Action::Shell(_) => {}
        }
        self.tell(EventKind::Asked {
            subject: subject.clone(),
            name: name.to_owned(),
            action: action.clone(),
        });
    }

    pub(super) fn address(&self, node: &NodeName) -> Option<NodeAddress> {
        let instance = self.observation.as_ref()?.node(node)?.instance()?;
        Some(NodeAddress {
            node: node.clone(),
            instance: instance.id.clone(),
            ssh: instance.ssh.clone()?,
            run: self.run_number(),
        })
    }

    pub(super) fn took_cloud(&mut self, action: &CloudAction, result: Result<Receipt, CloudError>) {
        let subject = action.subject();
        let name = action.name();
        let now = self.now();
        let limits = self.engine.cloud.limits();
        let (lag, late) = (limits.visibility_lag_max, limits.late_effect_max);
        match &result {
            Err(error) if error.class == ErrorClass::Ambiguous => {
                self.note_unanswered(&subject, action);
            }
            Ok(_) | Err(_) => self.note_heard(&subject, action),
        }
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
                if let CloudAction::GrowVolume { volume, size, .. } = action {
                    self.memory.growing.insert(volume.clone(), (*size, now));
                }
                let memory = self.memory.subjects.entry(subject.clone()).or_default();
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
                let was_unsure = memory.unsure.is_some();
                let spent = matches!(
                    error.code.as_str(),
                    "IdempotentInstanceTerminated" | "IdempotentParameterMismatch"
                );
                let is_creation = matches!(
                    action,
                    CloudAction::RunInstance { .. } | CloudAction::CreateVolume { .. }
                );
                if spent {
                    memory.unsure = None;
                } else if is_creation && error.class == ErrorClass::Ambiguous {
                    let until = now.after(lag.max(late));
                    memory.unsure = Some(Unsure { action: action.clone(), until, is_old: false });
                }
                if is_creation && memory.unsure.is_none() {
                    self.record(Fact::Refused { subject: subject.clone() });
                }
                if spent {
                    self.renounce(&subject);
                    // Somebody made this before, and nothing is recorded of it.
                    if self.knew_nothing {
                        self.doubt_for(lag);
                    }
                }
                // Of those that share a call the first one counts.
                let place = action.shared().zip(subject.node());
                let place = place.and_then(|((set, _), node)| set.place(node));
                if error.code == "RequestLimitExceeded" && place.is_none_or(|place| place == 0) {
                    self.budgets.is_spent(name, now);
                }
                if error.code == "PendingSnapshotLimitExceeded" {
                    self.snapshots_are_crowded();
                }
                let may_be_there = spent && was_unsure;
                let may_be_about_one =
                    matches!(error.class, ErrorClass::Capacity | ErrorClass::Permanent);
                if action.shared().is_some() && (may_be_about_one || may_be_there) {
                    self.was_refused_together(subject, name, error, may_be_there);
                    return;
                }
                match Candidate::of(action).filter(|_| error.class == ErrorClass::Capacity) {
                    Some(candidate) => self.had_no_capacity(subject, name, &candidate, error),
                    None => self.failed(subject, name, FailureError::Cloud(error)),
                }
            }
        }
    }

    /// Takes the refusal of a call that several share: whom of them it is about it does not say, so that each is asked for
    /// alone. What the token may have made before, unanswered, shows itself first.
    fn was_refused_together(
        &mut self,
        subject: Subject,
        name: &str,
        error: CloudError,
        may_be_there: bool,
    ) {
        let lag = self.engine.cloud.limits().visibility_lag_max;
        let until = self.now().after(lag);
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        memory.goes_alone = true;
        if memory.unsure.is_none() && !may_be_there {
            let text = error.to_string();
            self.tell(EventKind::Failed { subject, name: name.to_owned(), error: text, times: 1 });
            return;
        }
        // It is not the last word: asked again as it was, or alone, another answer may come.
        let error = CloudError { class: ErrorClass::Retry, ..error };
        self.failed(subject.clone(), name, FailureError::Cloud(error));
        if may_be_there {
            let memory = self.memory.subjects.entry(subject).or_default();
            memory.not_before = Some(until);
        }
    }

    pub(super) fn took_shell(
        &mut self,
        action: &ShellAction,
        result: Result<ShellReceipt, ShellError>,
    ) {
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
                if let ShellAction::Unmount { serial, .. } = action {
                    self.memory.fenced.insert(serial.clone());
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

    pub(super) fn failed(&mut self, subject: Subject, name: &str, error: FailureError) {
        self.failed_as(subject, name, name.to_owned(), error);
    }

    /// Takes a failure that is counted apart from others of the same name.
    pub(super) fn failed_as(
        &mut self,
        subject: Subject,
        name: &str,
        counted_as: String,
        error: FailureError,
    ) {
        let now = self.now();
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        // Of each kind of request by itself: where two kinds fail in turn, neither makes the other begin anew.
        let of_subject = self.failures.entry(subject.clone()).or_default();
        let (times, first_at) = of_subject.entry(counted_as).or_insert((0, now));
        *times += 1;
        let (times, first_at) = (*times, *first_at);
        let text = match &error {
            FailureError::Cloud(error) => error.to_string(),
            FailureError::Shell(error) => error.to_string(),
        };
        memory.not_before = Some(now.after(pace::back_off(times)));
        memory.failure =
            Some(Failure { action: name.to_owned(), error, times, first_at, last_at: now });
        self.tell(EventKind::Failed { subject, name: name.to_owned(), error: text, times });
    }
}

/// Counts the calls that requests make.
fn calls(requests: &[Cleared<CloudAction>]) -> u64 {
    let shared: BTreeSet<&str> = requests
        .iter()
        .filter_map(|request| request.action().shared().map(|(_, token)| token.as_str()))
        .collect();
    let alone = requests.iter().filter(|request| request.action().shared().is_none()).count();
    (alone + shared.len()) as u64
}

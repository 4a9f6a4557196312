//! When the cloud is looked at and nodes are asked, and what they say.

use std::collections::BTreeSet;
use std::time::Duration;

use wucluster_core::action::{CloudAction, NodeAddress};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, NodeName};
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, CloudView, Gap, InstanceState, NodeProbe, NodeView,
    Observation, SnapshotSeen, SnapshotState, VolumeState,
};
use wucluster_core::plan::WaitOn;
use wucluster_core::planner::{Ask, probe_request};
use wucluster_core::ports::{CloudError, ErrorClass, Receipt};
use wucluster_core::time::Timestamp;

use super::{BLIND_MAX, Done, Drive};
use crate::engine::Outcome;
use crate::event::EventKind;
use crate::pace;
use crate::records::{ANSWERED_AGAIN, Fact};

impl Drive<'_, '_> {
    /// Says whether a node's answer matters to the demand.
    pub(super) fn wants_probe(&self, observation: &Observation, name: &NodeName) -> bool {
        let Some(node) = observation.node(name) else { return false };
        let Some(instance) = node.instance().filter(|one| one.state == InstanceState::Running)
        else {
            return false;
        };
        let hooks = self.pursuit.definition.nodes.get(name).map(|defined| &defined.hooks);
        let is_attached = observation.attached_to(&instance.id).next().is_some();
        let mut of_mounts = self.memory.of_mounts_of(name);
        // Whether a volume was let go of, the machine knows better than any listing.
        let lets_go = of_mounts.any(|(_, memory)| {
            let mut open = memory.open_requests_at(observation.cloud_asked_at);
            open.any(|open| matches!(open, CloudAction::DetachVolume { instance: from, .. } if from == &instance.id))
        });
        if lets_go {
            return true;
        }
        let is_doubted = self.asks_what_it_let_go(observation, name, &instance.id);
        // What lost its name may be mounted in the place of a mount.
        let has_stranger =
            observation.strangers.iter().any(|stranger| stranger.held_by.contains(&instance.id));
        let is_unasked = observation.unasked(node).is_some()
            || observation.mounts_of(name).any(|mount| observation.unasked_about(mount).is_some());
        // What was given up before may have to be sealed anew, which no node may be unasked for.
        let phases = self.memory.phases.as_ref();
        let is_given_up = |id| phases.is_some_and(|phases| phases.is_doomed(id));
        let mut volumes = observation.mounts_of(name).flat_map(|mount| &mount.volumes);
        if is_unasked && volumes.any(|volume| is_given_up(&volume.id)) {
            return true;
        }
        let (demand, scope) = (self.pursuit.demand, &self.pursuit.policy.scope);
        let of_node = scope.of_node(demand, node, observation);
        let of_mounts = observation.mounts_of(name);
        let of_mounts = of_mounts.filter_map(|mount| scope.of_mount(demand, mount));
        let of_all = scope.is_whole().then_some(demand);
        let wanted: BTreeSet<Demand> = of_all.into_iter().chain(of_node).chain(of_mounts).collect();
        let has_word = |wanted: Demand| match wanted {
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
                is_attached
                    || has_stranger
                    || is_unasked
                    || is_doubted
                    || self.had_devices_in_use(name)
            }
            // What the listing does not show may be mounted all the same: the node is asked before it ends.
            Demand::Parked | Demand::Away => true,
            Demand::Haltable => {
                is_attached
                    || has_stranger
                    || is_unasked
                    || is_doubted
                    || self.had_devices_in_use(name)
                    || hooks.is_some_and(|hooks| !hooks.before_halt.is_empty())
            }
        };
        wanted.into_iter().any(has_word)
    }

    pub(super) fn has_mounts(&self, name: &NodeName) -> bool {
        self.pursuit.definition.nodes.get(name).is_some_and(|defined| !defined.mounts.is_empty())
    }

    /// Tells when a node is to be asked; `None` while its answer does not matter.
    ///
    /// A node whose answer is waited for is asked at its own pace; any other only now and then, since
    /// each question costs the node a part of the second that its work needs.
    pub(super) fn probe_due_at(
        &self,
        observation: &Observation,
        name: &NodeName,
    ) -> Option<Timestamp> {
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
    pub(super) fn look_about(&mut self) {
        let now = self.now();
        if !self.is_looking && self.look_due_at() <= now {
            self.is_looking = true;
            self.wanted_look_at = self.wanted_look_at.filter(|wanted| *wanted > now);
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
        let run = self.run_number();
        for node in &observation.nodes {
            let is_due = self.probe_due_at(&observation, &node.name).is_some_and(|due| due <= now);
            if !is_due || self.busy_nodes.contains(&node.name) || self.probing.contains(&node.name)
            {
                continue;
            }
            let Some(instance) = node.instance() else { continue };
            let Some(ssh) = instance.ssh.clone() else { continue };
            let address =
                NodeAddress { node: node.name.clone(), instance: instance.id.clone(), ssh, run };
            // Whether a node is ready, or may halt, is asked only of those that the demand is about.
            let (demand, scope) = (self.pursuit.demand, &self.pursuit.policy.scope);
            let wanted = match scope.is_whole() {
                true => demand,
                false => scope.of_node(demand, node, &observation).unwrap_or(Demand::Mounted),
            };
            let request =
                probe_request(&self.pursuit.definition, Ask::For(wanted), &observation, node);
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

    /// The nearest time at which something is due.
    pub(super) fn wake_at(&self, deadline: Option<Timestamp>) -> Timestamp {
        let mut times: Vec<Timestamp> = deadline.into_iter().collect();
        if !self.is_looking {
            times.push(self.look_due_at());
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
        // Time goes on while plans are made: what has fallen due meanwhile is due at once, and not passed over for what comes
        // last.
        times
            .into_iter()
            .filter(|time| *time > self.turn_at)
            .min()
            .unwrap_or_else(|| self.now().after(self.engine.cloud.limits().look_interval_max))
    }

    pub(super) fn took_look(&mut self, asked_at: Timestamp, result: Result<CloudView, CloudError>) {
        self.is_looking = false;
        let limits = self.engine.cloud.limits();
        match result {
            Ok(mut view) => {
                view.asked_at = asked_at;
                self.bury(&mut view);
                self.requests += u64::from(view.requests);
                let is_same = self.view.as_ref().is_some_and(|before| same_things(before, &view));
                self.failed_looks = 0;
                if !is_same {
                    self.news_at = self.now();
                }
                self.blind_since = None;
                self.view = Some(view);
                self.is_assembled = false;
                let next = pace::next_look(asked_at, self.pause(), self.now());
                self.next_look_at = self.wanted_look_at.map_or(next, |wanted| next.min(wanted));
            }
            Err(error) => {
                let now = self.now();
                self.blind_since.get_or_insert(now);
                self.failed_looks += 1;
                self.next_look_at = now.after(pace::after_failed_look(&limits, self.failed_looks));
                if matches!(error.class, ErrorClass::Permission | ErrorClass::Permanent) {
                    self.blind_since = Some(Timestamp::from_millis(0));
                }
                self.tell(EventKind::LookFailed { error: error.to_string() });
                self.last_blindness(error);
            }
        }
    }

    /// Has the cloud looked at after an answer: as soon as there may be something to see.
    pub(super) fn wants_look_after(
        &mut self,
        action: &CloudAction,
        result: &Result<Receipt, CloudError>,
    ) {
        let (now, subject) = (self.now(), action.subject());
        let soonest = match result {
            Ok(Receipt::AlreadyDone) | Err(_) => Duration::ZERO,
            Ok(_) => self.engine.cloud.soonest(action.name()),
        };
        self.ripe_at.insert(subject, now.after(soonest));
        // What was made is to be seen, though it takes its time.
        let pause = soonest.min(self.engine.cloud.limits().look_interval_min);
        let wanted = now.after(pause.max(pace::FIRST_LOOK));
        let wanted = self.wanted_look_at.map_or(wanted, |before| before.min(wanted));
        self.wanted_look_at = Some(wanted);
        self.next_look_at = self.next_look_at.min(wanted);
    }

    /// Lets answers come first that are due within moments, but not for ever.
    pub(super) fn hold_look_back(&mut self) {
        let (now, limits) = (self.now(), self.engine.cloud.limits());
        let Some(view) = self.view.as_ref().filter(|_| self.blind_since.is_none()) else { return };
        let latest = view.asked_at.after(limits.look_interval_min).after(pace::ANSWER);
        self.next_look_at = self.next_look_at.max(latest.min(now.after(pace::ANSWER)));
    }

    /// When the next look is to begin: not before anything can have come that is waited for.
    fn look_due_at(&self) -> Timestamp {
        let is_urgent = self.next_look_at == Timestamp::default()
            || !self.renewing.is_empty()
            || self.blind_since.is_some()
            || self.observation.as_ref().is_none_or(|seen| self.lacks_an_address(seen));
        if is_urgent {
            return self.next_look_at;
        }
        let waits = self.plan.iter().flat_map(|plan| &plan.waits);
        let of_cloud = waits.filter(|wait| wait.on == WaitOn::Cloud);
        let ripe =
            of_cloud.map(|wait| self.ripe_at.get(&wait.subject).copied().unwrap_or_default());
        let Some(ripe) = ripe.min() else { return self.next_look_at };
        // What was made is looked for once before it is ripe.
        let ripe = match self.misses_something() {
            true => ripe.min(self.wanted_look_at.unwrap_or_default()),
            false => ripe,
        };
        self.next_look_at.max(ripe)
    }

    /// The pause before the next look, as far as it is not wanted at once.
    fn pause(&self) -> Duration {
        let (now, limits) = (self.now(), self.engine.cloud.limits());
        if !self.waits_for_cloud() {
            return limits.look_interval_max;
        }
        match self.view.as_ref().and_then(|view| next_whole(view, now)) {
            Some((so_far, left)) => pace::look_at_end(&limits, so_far, left),
            None => pace::look_again(&limits, now.since(self.news_at)),
        }
    }

    pub(super) fn took_probe(
        &mut self,
        address: NodeAddress,
        asked_at: Timestamp,
        result: Result<NodeProbe, Gap>,
    ) {
        let NodeAddress { node, instance, ssh: _, run: _ } = address;
        self.probing.remove(&node);
        let now = self.now();
        if result.is_ok() {
            self.note_answered(&instance, asked_at);
        }
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
        let idle = *idle;
        let is_stale = self
            .memory
            .of_mounts_of(&node)
            .any(|(_, memory)| memory.shell_settled_at >= Some(asked_at))
            || self.devices_came_since(&node, asked_at);
        let pause =
            if is_stale { pace::FIRST_LOOK } else { pace::probe_again(idle, result.is_err()) };
        self.next_probe_at.insert(node.clone(), now.after(pause));
        self.answers.insert(node, NodeView { instance, asked_at, probe: result });
        self.is_assembled = false;
    }

    /// Says whether a node was seen to get or lose a device after it was asked.
    fn devices_came_since(&self, node: &NodeName, asked_at: Timestamp) -> bool {
        let mut of_node = self.memory.attachments.iter().filter(|(key, _)| &key.node == node);
        of_node.any(|(_, (_, since))| *since > asked_at)
    }

    /// Remembers that a machine runs, for as long as a listing may show it as it was before.
    fn note_answered(&mut self, instance: &InstanceId, asked_at: Timestamp) {
        let lag = self.engine.cloud.limits().visibility_lag_max;
        if lag.is_zero() {
            return;
        }
        let until = asked_at.after(lag).after(ANSWERED_AGAIN);
        self.memory.answered.insert(instance.clone(), until);
        let told = self.answered_told.get(instance);
        if told.is_none_or(|told| asked_at.since(*told) >= ANSWERED_AGAIN) {
            self.answered_told.insert(instance.clone(), asked_at);
            self.record(Fact::NodeAnswered { instance: instance.clone() });
        }
    }

    pub(super) fn waits_for_cloud(&self) -> bool {
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
    pub(super) fn lacks_an_address(&self, observation: &Observation) -> bool {
        observation.nodes.iter().any(|node| {
            node.instance().is_some_and(|one| one.ssh.is_none())
                && self.wants_probe(observation, &node.name)
        })
    }

    pub(super) fn last_blindness(&mut self, error: CloudError) {
        self.blindness = Some(error);
    }

    pub(super) fn blinded(&mut self) -> Option<Outcome> {
        let since = self.blind_since?;
        (self.now().since(since) >= BLIND_MAX)
            .then(|| self.blindness.take())
            .flatten()
            .map(Outcome::Failed)
    }
}

/// Says whether two looks show the same, in whatever order they list it. How far snapshots have come is not news: it is known
/// that they come.
///
/// Source for the order: EC2 API reference, `DescribeInstances` and the like: things come in no particular order.
fn same_things(before: &CloudView, after: &CloudView) -> bool {
    let is_same = |before: &SnapshotSeen, after: &SnapshotSeen| {
        let SnapshotSeen {
            id,
            state,
            volume,
            size,
            tags,
            started_at,
            progress_percent: _,
            message,
        } = before;
        (id, state, volume, size) == (&after.id, &after.state, &after.volume, &after.size)
            && (tags, started_at, message) == (&after.tags, &after.started_at, &after.message)
    };
    alike(&before.instances, &after.instances, |one| &one.id, PartialEq::eq)
        && alike(&before.volumes, &after.volumes, |one| &one.id, PartialEq::eq)
        && alike(&before.snapshots, &after.snapshots, |one| &one.id, is_same)
}

/// Says whether two listings hold the same things.
fn alike<T, K: Ord>(
    before: &[T],
    after: &[T],
    id: impl Fn(&T) -> &K,
    is_same: impl Fn(&T, &T) -> bool,
) -> bool {
    let sorted = |all: &[T]| -> Vec<usize> {
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by(|one, other| id(&all[*one]).cmp(id(&all[*other])));
        order
    };
    let pairs = || sorted(before).into_iter().zip(sorted(after));
    before.len() == after.len() && pairs().all(|(old, new)| is_same(&before[old], &after[new]))
}

/// Returns since when the snapshot is under way that is whole next, and in how long it is, if each goes on as it went so far.
/// `None`: something else is under way, or nobody can tell.
fn next_whole(view: &CloudView, now: Timestamp) -> Option<(Duration, Duration)> {
    if moves(view) {
        return None;
    }
    let expected = |seen: &SnapshotSeen| {
        let percent = seen.progress_percent.filter(|percent| (1..=100).contains(percent))?;
        let started_at = seen.started_at?;
        let whole_after = view.asked_at.since(started_at).saturating_mul(100) / u32::from(percent);
        let so_far = now.since(started_at);
        Some((so_far, whole_after.saturating_sub(so_far)))
    };
    let pending = view.snapshots.iter().filter(|seen| seen.state == SnapshotState::Pending);
    let all: Option<Vec<_>> = pending.map(expected).collect();
    all?.into_iter().min_by_key(|(_, left)| *left)
}

/// Says whether an instance, a volume or an attachment is on its way to another state.
fn moves(view: &CloudView) -> bool {
    let instances = view.instances.iter().any(|one| match one.state {
        InstanceState::Pending | InstanceState::Stopping | InstanceState::ShuttingDown => true,
        InstanceState::Running
        | InstanceState::Stopped
        | InstanceState::Terminated
        | InstanceState::Unrecognized(_) => false,
    });
    let volumes = view.volumes.iter().any(|one| match one.state {
        VolumeState::Creating | VolumeState::Deleting => true,
        VolumeState::Available
        | VolumeState::InUse
        | VolumeState::Deleted
        | VolumeState::Error
        | VolumeState::Unrecognized(_) => false,
    });
    let is_settled = |one: &AttachmentSeen| {
        matches!(one.state, AttachmentState::Attached | AttachmentState::Detached)
    };
    let mut attachments = view.volumes.iter().flat_map(|volume| &volume.attachments);
    instances || volumes || !attachments.all(is_settled)
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::Size;
    use wucluster_core::ids::{SnapshotId, VolumeId};
    use wucluster_core::tags::Tags;

    use super::*;

    fn view(snapshots: &[(&str, SnapshotState, u8)]) -> CloudView {
        let seen = |(id, state, percent): &(&str, SnapshotState, u8)| SnapshotSeen {
            id: SnapshotId::new(*id),
            state: state.clone(),
            volume: VolumeId::new("vol-1"),
            size: Size::from_gib(1),
            tags: Tags::default(),
            started_at: Some(Timestamp::from_millis(0)),
            progress_percent: Some(*percent),
            message: None,
        };
        let asked_at = Timestamp::from_millis(10_000);
        CloudView {
            asked_at,
            snapshots: snapshots.iter().map(seen).collect(),
            ..CloudView::default()
        }
    }

    #[test]
    fn neither_another_order_nor_a_snapshot_that_comes_on_is_news() {
        use SnapshotState::{Completed, Pending};
        let before = view(&[("snap-1", Pending, 10), ("snap-2", Pending, 20)]);
        assert!(same_things(&before, &view(&[("snap-2", Pending, 30), ("snap-1", Pending, 10)])));
        assert!(!same_things(
            &before,
            &view(&[("snap-2", Completed, 100), ("snap-1", Pending, 10)])
        ));
        assert!(!same_things(&before, &view(&[("snap-1", Pending, 10)])));
        assert!(!same_things(&before, &view(&[("snap-1", Pending, 10), ("snap-3", Pending, 20)])));
    }

    #[test]
    fn the_next_snapshot_is_whole_when_it_goes_on_as_it_went() {
        use SnapshotState::{Completed, Pending};
        let now = Timestamp::from_millis(12_000);
        let next = |seen: &[(&str, SnapshotState, u8)]| next_whole(&view(seen), now);
        let after = |left| Some((Duration::from_secs(12), Duration::from_secs(left)));
        let slow_and_quick = [("snap-1", Pending, 10), ("snap-2", Pending, 50)];
        assert_eq!(next(&slow_and_quick), after(8), "half of it in 10 s");
        assert_eq!(next(&[("snap-1", Pending, 100), ("snap-2", Completed, 100)]), after(0));
        assert_eq!(next(&[("snap-1", Pending, 0), ("snap-2", Pending, 50)]), None);
        assert_eq!(next(&[("snap-1", Completed, 100)]), None);
    }
}

//! What lives and what has ended: listings go back in time and leave things out, and a drive must not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wucluster_core::action::Action;
use wucluster_core::ids::{InstanceId, Subject, VolumeId};
use wucluster_core::memory::{Awaited, AwaitedId};
use wucluster_core::observation::{CloudView, InstanceState, Observation, VolumeSeen, VolumeState};
use wucluster_core::policy::Guard;
use wucluster_core::time::Timestamp;

use super::Drive;
use crate::event::EventKind;
use crate::records::{Fact, KEPT, SECOND_THOUGHT, creates};

/// How often the next drive is told, at least, that all that lives was seen again.
const HEARD_AGAIN: Duration = Duration::from_secs(30);

/// How many looks in a row must leave something out before it is taken for gone.
///
/// Source: at the pace of looks that show nothing new, so many take 12 s, less than the shortest time for which anything
/// is awaited; listings that are torn by chance leave things out three times in a row every few thousand simulated days.
const ABSENT_LOOKS_MIN: u32 = 5;

impl Drive<'_, '_> {
    /// Tells a fact that the next drive has to know.
    pub(super) fn record(&mut self, fact: Fact) {
        self.recorded_at = self.now();
        self.tell(EventKind::Recorded(fact));
    }

    /// Remembers that something lives.
    pub(super) fn lives(&mut self, subject: Subject, id: AwaitedId) {
        if self.known.insert(id.clone())
            && let Some(memory) = self.memory.subjects.get_mut(&subject)
        {
            // What was asked for without an answer has come about.
            memory.unsure = None;
            if let Some(made) = &mut memory.made {
                made.id = Some(id.clone());
            }
        }
        if self.memory.living.insert(id.clone(), subject.clone()).is_none() {
            self.record(Fact::Lives { subject, id });
        }
    }

    fn ends(&mut self, id: AwaitedId) {
        let now = self.now();
        if let Some(whose) = self.memory.living.remove(&id) {
            self.is_no_repetition(&whose);
            if let Some(memory) = self.memory.subjects.get_mut(&whose)
                && memory.made.as_ref().is_some_and(|made| made.id.as_ref() == Some(&id))
            {
                memory.made = None;
            }
        }
        if let AwaitedId::Volume(volume) = &id {
            self.enter_gone(volume);
        }
        if self.memory.ended.insert(id.clone(), now).is_none() {
            self.record(Fact::Ended { id });
        }
    }

    /// What was made is over, or gone: to ask for another one is no repetition of a request that had no effect.
    fn is_no_repetition(&mut self, whose: &Subject) {
        let makes = |done: &Action| matches!(done, Action::Cloud(action) if creates(action));
        if self.done.get(whose).is_some_and(makes) {
            self.done.remove(whose);
        }
    }

    /// Takes for gone what was not listed for long enough. What we asked to be ended has then ended.
    fn is_gone(&mut self, id: AwaitedId) {
        if self.dying.contains(&id) {
            self.ends(id);
        } else if let Some(whose) = self.memory.living.remove(&id) {
            self.is_no_repetition(&whose);
            self.record(Fact::Vanished { id: id.clone() });
            // Asked for as it was, the same came back, and still nobody sees it: somebody took all its names off it.
            if !self.vanished.insert(id) {
                self.renounce(&whose);
            }
        }
    }

    /// Shows in a new listing as ended what was seen to end before: nothing comes to life again.
    pub(super) fn bury(&self, view: &mut CloudView) {
        let now = self.now();
        let has_ended =
            |id: &AwaitedId| self.memory.ended.get(id).is_some_and(|at| now.since(*at) < KEPT);
        if self.memory.ended.is_empty() || !self.pursuit.policy.guards(Guard::Missed) {
            return;
        }
        for instance in &mut view.instances {
            if has_ended(&AwaitedId::Instance(instance.id.clone())) {
                instance.state = InstanceState::Terminated;
            }
        }
        for volume in &mut view.volumes {
            if has_ended(&AwaitedId::Volume(volume.id.clone())) {
                volume.state = VolumeState::Deleting;
            }
        }
    }

    /// Follows who lives from look to look, and awaits what a listing leaves out: absence from one of them
    /// never counts as gone.
    pub(super) fn follow(&mut self, observation: &Observation) {
        // An answer that comes between two looks leads to a new plan on the same one.
        if self.followed != Some(observation.cloud_asked_at) {
            self.followed = Some(observation.cloud_asked_at);
            let seen = seen(observation);
            self.doubt(&seen);
            self.note_capacity(observation);
            self.note_seen(&seen);
            self.miss(&seen, observation.cloud_asked_at);
            self.await_on(observation.cloud_asked_at);
            self.settle(observation);
        }
        self.note_attached(observation);
        self.give_up(observation.cloud_asked_at);
    }

    /// Doubts the first look, where nothing is recorded of what it shows: the store was lost, and with it what else there
    /// may be. So does whoever takes down what nothing is recorded of.
    fn doubt(&mut self, seen: &Seen) {
        if !std::mem::take(&mut self.lacks_records) {
            return;
        }
        let lag = self.engine.cloud.limits().visibility_lag_max;
        let shows_something = !seen.living.is_empty()
            || !seen.over.is_empty()
            || !seen.estranged.is_empty()
            || !seen.snapshots.is_empty();
        let patience = match (shows_something, self.pursuit.demand.is_upward()) {
            // A snapshot that is not listed yet would be missed by nobody.
            (true, _) => lag,
            (false, false) => lag.min(SECOND_THOUGHT),
            // A cluster begins so.
            (false, true) => Duration::ZERO,
        };
        self.doubt_for(patience);
    }

    /// Doubts all looks that are begun within some time.
    pub(super) fn doubt_for(&mut self, patience: Duration) {
        let until = self.now().after(patience);
        if !patience.is_zero() && self.memory.doubts_until.is_none_or(|known| known < until) {
            self.memory.doubts_until = Some(until);
            self.record(Fact::Doubted { until });
        }
    }

    fn note_seen(&mut self, seen: &Seen) {
        for id in &seen.over {
            self.ends(id.clone());
        }
        for (id, subject) in &seen.living {
            self.lives(subject.clone(), id.clone());
        }
        // What has a node's volume lives, though it was never listed. Once: of another's machine no more is heard.
        for (id, subject) in &seen.vouched {
            if !self.known.contains(id) && !self.memory.ended.contains_key(id) {
                self.lives(subject.clone(), id.clone());
            }
        }
        // It is there, and somebody took the name off it: its token would bring it back for ever.
        for id in &seen.estranged {
            if let Some(whose) = self.memory.living.remove(id) {
                self.record(Fact::Vanished { id: id.clone() });
                self.renounce(&whose);
            }
        }
        let mut renounced = Vec::new();
        for (whose, memory) in &mut self.memory.subjects {
            if memory.awaited.iter().any(|awaited| seen.estranged.contains(&awaited.what)) {
                renounced.push(whose.clone());
            }
            memory.awaited.retain(|awaited| {
                !seen.living.contains_key(&awaited.what)
                    && !seen.over.contains(&awaited.what)
                    && !seen.snapshots.contains(&awaited.what)
                    && !seen.estranged.contains(&awaited.what)
            });
        }
        for whose in renounced {
            self.renounce(&whose);
        }
        if self.now().since(self.recorded_at) >= HEARD_AGAIN {
            self.record(Fact::Looked);
        }
    }

    /// Makes the next creation for a subject another one than the last.
    pub(super) fn renounce(&mut self, whose: &Subject) {
        let memory = self.memory.subjects.entry(whose.clone()).or_default();
        memory.token_generation += 1;
        memory.made = None;
        self.is_no_repetition(whose);
        self.record(Fact::Renounced { subject: whose.clone() });
    }

    fn miss(&mut self, seen: &Seen, since: Timestamp) {
        if !self.pursuit.policy.guards(Guard::Missed) {
            return;
        }
        let missed: Vec<(AwaitedId, Subject)> = self
            .memory
            .living
            .iter()
            .filter(|(id, _)| !seen.living.contains_key(*id))
            .map(|(id, subject)| (id.clone(), subject.clone()))
            .collect();
        let lag = self.engine.cloud.limits().visibility_lag_max;
        for (what, subject) in missed {
            let is_ending = self.was_ending(&subject, &what);
            // A deleted volume is not listed for long; what is asked for in its place waits a moment.
            let is_deleted = self.dying.contains(&what) && matches!(what, AwaitedId::Volume(_));
            let until = since.after(if is_deleted { lag.min(SECOND_THOUGHT) } else { lag });
            let memory = self.memory.subjects.entry(subject).or_default();
            if memory.awaited.iter().all(|known| known.what != what) {
                memory.await_for(Awaited { what, since, until, is_ending });
            }
        }
    }

    /// Awaits on what few looks have left out so far, however long ago it was last seen: where looks are slow or fail,
    /// time passes without saying anything.
    fn await_on(&mut self, seen_at: Timestamp) {
        if self.engine.cloud.limits().visibility_lag_max.is_zero() {
            return;
        }
        let mut absent = BTreeMap::new();
        for awaited in self.memory.subjects.values_mut().flat_map(|memory| &mut memory.awaited) {
            let looks = self.absent.get(&awaited.what).map_or(1, |looks| looks + 1);
            if looks < ABSENT_LOOKS_MIN {
                awaited.until = awaited.until.max(seen_at.after(Duration::from_millis(1)));
            }
            absent.insert(awaited.what.clone(), looks);
        }
        self.absent = absent;
    }

    /// Says whether something was on its way out when it was last seen, by our own doing or another's.
    fn was_ending(&self, subject: &Subject, what: &AwaitedId) -> bool {
        if self.dying.contains(what) {
            return true;
        }
        let (Subject::Node(name), AwaitedId::Instance(id)) = (subject, what) else { return false };
        let before = self.observation.as_ref().and_then(|before| before.node(name));
        before.is_some_and(|node| {
            node.instances
                .iter()
                .any(|one| &one.id == id && one.state == InstanceState::ShuttingDown)
        })
    }

    /// Takes for gone what a look does not show that was begun after the provider may have hidden it. However long
    /// the cloud could not be looked at, nothing is gone for that.
    fn give_up(&mut self, seen_at: Timestamp) {
        let mut vanished = Vec::new();
        for memory in self.memory.subjects.values_mut() {
            memory.awaited.retain(|awaited| {
                let is_over = awaited.until <= seen_at;
                if is_over {
                    vanished.push(awaited.what.clone());
                }
                !is_over
            });
        }
        for id in vanished {
            self.is_gone(id);
        }
    }
}

/// What a look showed.
struct Seen {
    /// What lives, and whose it is.
    living: BTreeMap<AwaitedId, Subject>,
    over: BTreeSet<AwaitedId>,
    /// What somebody has given another name: it is there, and nobody's.
    estranged: BTreeSet<AwaitedId>,
    snapshots: BTreeSet<AwaitedId>,
    /// Instances that are not listed, and to which a listed volume is attached, with the volume's node.
    vouched: BTreeMap<AwaitedId, Subject>,
}

fn seen(observation: &Observation) -> Seen {
    let mut seen = Seen {
        living: BTreeMap::new(),
        over: BTreeSet::new(),
        estranged: BTreeSet::new(),
        snapshots: BTreeSet::new(),
        vouched: BTreeMap::new(),
    };
    for stranger in &observation.strangers {
        match stranger.kind.as_str() {
            "instance" => {
                seen.estranged.insert(AwaitedId::Instance(InstanceId::new(stranger.id.as_str())));
            }
            "volume" => {
                seen.estranged.insert(AwaitedId::Volume(VolumeId::new(stranger.id.as_str())));
            }
            _ => {}
        }
    }
    for node in &observation.nodes {
        for one in &node.instances {
            let subject = Subject::Node(node.name.clone());
            seen.living.insert(AwaitedId::Instance(one.id.clone()), subject);
        }
        seen.over.extend(node.terminated.iter().map(|one| AwaitedId::Instance(one.id.clone())));
    }
    for mount in &observation.mounts {
        for one in &mount.volumes {
            let id = AwaitedId::Volume(one.id.clone());
            if matches!(one.state, VolumeState::Deleting | VolumeState::Deleted) {
                seen.over.insert(id);
            } else {
                seen.living.insert(id, Subject::Mount(mount.key.clone()));
            }
        }
        seen.snapshots
            .extend(mount.snapshots.iter().map(|one| AwaitedId::Snapshot(one.id.clone())));
    }
    for mount in &observation.mounts {
        for attachment in mount.volumes.iter().flat_map(VolumeSeen::open_attachments) {
            let id = AwaitedId::Instance(attachment.instance.clone());
            let is_listed = seen.living.contains_key(&id)
                || seen.over.contains(&id)
                || seen.estranged.contains(&id);
            if !is_listed {
                seen.vouched.insert(id, Subject::Node(mount.key.node.clone()));
            }
        }
    }
    seen
}

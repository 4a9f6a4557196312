//! The state of the world, and how its time passes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::ids::{ClusterName, InstanceId, SnapshotId, VolumeId};
use wucluster_core::observation::VolumeState;
use wucluster_core::ports::CloudError;
use wucluster_core::tags::{KEY_CLUSTER, Tags};
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::harm::Ledger;
use super::hooks::Hooks;
use super::instance::Instance;
use super::owner::{Maker, Owner};
use super::requests::TokenUse;
use super::snapshot::Snapshot;
use super::throttle::Traffic;
use super::trace::Trace;
use super::volume::Volume;
use crate::durations::{Durations, Span};
use crate::faults::{Fault, FaultState, Faults};
use crate::limits::Limits;
use crate::rng::{Rng, mix};

/// The time at which every world begins: 2026-01-01T00:00:00Z.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A cloud with its nodes, in truth.
///
/// Nothing in it happens by itself: time passes in [`World::advance_to`], and all randomness comes
/// from the seed. A clone lives on independently; contents and histories are shared until changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct World {
    pub(super) now: Timestamp,
    pub(super) seed: u64,
    /// Draws so far, by what they are about: what befalls one thing shifts no other's luck.
    pub(super) draws: BTreeMap<String, u64>,
    pub(super) durations: Durations,
    pub(super) limits: Limits,
    pub(super) instances: BTreeMap<InstanceId, Instance>,
    pub(super) volumes: BTreeMap<VolumeId, Volume>,
    pub(super) snapshots: BTreeMap<SnapshotId, Snapshot>,
    #[serde(with = "crate::persist::pairs")]
    pub(super) tokens: BTreeMap<(String, String), TokenUse>,
    /// What shared calls were answered that came at this moment, by token.
    #[serde(skip)]
    pub(super) shared: BTreeMap<String, Result<Vec<String>, CloudError>>,
    #[serde(skip)]
    pub(super) shared_at: Timestamp,
    #[serde(with = "crate::persist::pairs")]
    pub(super) events: BTreeMap<(Timestamp, u64), Event>,
    pub(super) next_event: u64,
    pub(super) next_id: u64,
    pub(super) dirty: BTreeSet<Changed>,
    pub(super) hooks: Hooks,
    pub(super) ledger: Ledger,
    pub(super) traffic: Traffic,
    pub(super) trace: Trace,
    /// Not kept in documents: a world that is read again goes on without faults.
    #[serde(skip, default = "crate::persist::no_faults")]
    pub(super) faults: FaultState,
    /// How long the caller of the last request is kept waiting for its answer.
    pub(super) wait: Duration,
    /// Whether the batch of requests under way was torn by the last one.
    pub(super) is_torn: bool,
    /// Whether the connection to a node was cut by the last request.
    pub(super) is_cut: bool,
    /// Whose data was ever written, even if nothing of it is left.
    pub(super) had_data: BTreeSet<Owner>,
    /// The generations that a person said to go back to.
    #[serde(default)]
    pub(super) returns: BTreeSet<u64>,
    /// The checkpoints that a person said to go back to.
    #[serde(default)]
    pub(super) checkpoint_returns: BTreeSet<u64>,
    /// Snapshots that an image of the account's is made of: they cannot be deleted.
    #[serde(default)]
    pub(super) imaged: BTreeSet<SnapshotId>,
    /// How many events have happened since this world was made or read.
    #[serde(skip)]
    pub(crate) happened: u64,
}

/// A thing whose listing has to be published anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Changed {
    Instance(InstanceId),
    Volume(VolumeId),
    Snapshot(SnapshotId),
}

impl World {
    /// Makes an empty world with default durations and limits, and no faults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: EPOCH,
            seed,
            draws: BTreeMap::new(),
            durations: Durations::default(),
            limits: Limits::default(),
            instances: BTreeMap::new(),
            volumes: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            tokens: BTreeMap::new(),
            shared: BTreeMap::new(),
            shared_at: Timestamp::default(),
            events: BTreeMap::new(),
            next_event: 0,
            next_id: 0,
            dirty: BTreeSet::new(),
            hooks: Hooks::default(),
            ledger: Ledger::default(),
            traffic: Traffic::default(),
            trace: Trace::default(),
            faults: FaultState::new(seed),
            wait: Duration::ZERO,
            is_torn: false,
            is_cut: false,
            had_data: BTreeSet::new(),
            returns: BTreeSet::new(),
            checkpoint_returns: BTreeSet::new(),
            imaged: BTreeSet::new(),
            happened: 0,
        }
    }

    /// Notes that a person said to go back to a generation: a volume that is marked so may begin from what its mount held
    /// then, and from nothing else.
    pub fn says_go_back_to(&mut self, generation: u64) {
        self.returns.insert(generation);
    }

    /// Notes that a person said to go back to a checkpoint: a volume that is marked so may begin from its mount's snapshot in
    /// that one.
    pub fn says_go_back_to_checkpoint(&mut self, number: u64) {
        self.checkpoint_returns.insert(number);
    }

    /// Returns the world with other durations, for what begins from now on.
    #[must_use]
    pub fn with_durations(mut self, durations: Durations) -> Self {
        self.durations = durations;
        self
    }

    /// Returns the world with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.trace.keeps_text(limits.keeps_trace);
        self.limits = limits;
        self
    }

    /// Returns the world with a plan of faults, whose times count from now.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.set_faults(faults);
        self
    }

    /// Returns the world's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the durations in force.
    #[must_use]
    pub fn durations(&self) -> &Durations {
        &self.durations
    }

    /// Returns the limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the longest time by which listings can be late, by the faults so far.
    #[must_use]
    pub fn staleness_max(&self) -> Duration {
        self.faults.staleness_max()
    }

    /// Lets time pass up to `target`, with all that falls due on the way; never backwards.
    pub fn advance_to(&mut self, target: Timestamp) {
        while let Some(entry) = self.events.first_entry() {
            let due = entry.key().0;
            if due > target {
                break;
            }
            let event = entry.remove();
            self.now = self.now.max(due);
            self.happen(event);
            self.publish();
            self.happened += 1;
        }
        self.now = self.now.max(target);
    }

    /// Lets a span of time pass.
    pub fn advance(&mut self, span: Duration) {
        self.advance_to(self.now.after(span));
    }

    /// Lets time pass until nothing is under way any more, or `limit` is over; says which.
    ///
    /// Terminated instances that only wait to leave the listings do not count as under way.
    pub fn settle(&mut self, limit: Duration) -> bool {
        let end = self.now.after(limit);
        loop {
            let next = self
                .events
                .iter()
                .find(|(_, event)| self.is_awaited(event))
                .map(|((due, _), _)| *due);
            match next {
                None => return true,
                Some(due) if due > end => {
                    self.advance_to(end);
                    return false;
                }
                Some(due) => self.advance_to(due),
            }
        }
    }

    /// Returns when the next thing falls due, if anything does.
    #[must_use]
    pub fn next_event_at(&self) -> Option<Timestamp> {
        self.events.first_key_value().map(|((due, _), _)| *due)
    }

    /// Lists the ids of a cluster's things that cost money and are no snapshots, as far as the
    /// operator made them and their tags still say so: what must be empty when the cluster is away.
    ///
    /// What was made without the cluster's tags is [harm](Self::harm) already; what a human made or
    /// took the tags from cannot be told from a stranger's.
    #[must_use]
    pub fn left_over(&self, cluster: &ClusterName) -> Vec<String> {
        let is_of = |maker: Maker, tags: &Tags| {
            maker == Maker::Operator && tags.get(KEY_CLUSTER) == Some(cluster.as_str())
        };
        let instances = self
            .instances
            .values()
            .filter(|found| is_of(found.maker, &found.tags) && !found.is_terminated())
            .map(|found| found.id.to_string());
        let volumes = self
            .volumes
            .values()
            .filter(|found| is_of(found.maker, &found.tags) && found.state != VolumeState::Deleted)
            .map(|found| found.id.to_string());
        instances.chain(volumes).collect()
    }

    /// Returns what the operator's clock shows, which a fault may have made wrong.
    #[must_use]
    pub fn operator_time(&self) -> Timestamp {
        self.faults.clock.at(self.now)
    }

    /// Returns how fast the operator's clock goes. Unit: percent of the true rate.
    pub(crate) fn operator_rate_percent(&self) -> u32 {
        self.faults.clock.rate_percent()
    }

    /// Lets another operator begin, whose clock may be wrong.
    pub(crate) fn begin_operator(&mut self) {
        self.faults.clock.begin(self.now);
    }

    /// Reads the operator's clock; a wrong one is felt at its first reading.
    pub(crate) fn read_clock(&mut self) -> Timestamp {
        if self.faults.clock.is_first_felt(self.now) {
            let fault = Fault::OperatorClock {
                leap: Duration::ZERO,
                is_ahead: false,
                is_sudden: true,
                rate_percent: 0,
            };
            self.fired(fault.name());
        }
        self.operator_time()
    }

    /// Returns the true time that passes while the operator's clock shows that a span passed.
    pub(crate) fn true_span(&self, span: Duration) -> Duration {
        self.faults.clock.true_span(span)
    }

    /// Takes whether the connection to a node was cut by the last request.
    pub(crate) fn take_cut(&mut self) -> bool {
        std::mem::take(&mut self.is_cut)
    }

    /// Takes how long the caller of the requests since the last time is kept waiting.
    pub(crate) fn take_wait(&mut self) -> Duration {
        std::mem::take(&mut self.wait)
    }

    pub(super) fn schedule(&mut self, after: Duration, event: Event) {
        self.schedule_at(self.now.after(after), event);
    }

    pub(super) fn schedule_at(&mut self, due: Timestamp, event: Event) {
        self.events.insert((due, self.next_event), event);
        self.next_event += 1;
    }

    /// Draws how long something takes, from the luck of what it is about.
    pub(super) fn draw(&mut self, about: &str, span: Span) -> Duration {
        if span.min >= span.max {
            return span.min;
        }
        self.luck(about).between(span.min, span.max)
    }

    /// Makes the generator of the next draw about something.
    pub(super) fn luck(&mut self, about: &str) -> Rng {
        let nth = match self.draws.get_mut(about) {
            Some(nth) => nth,
            None => self.draws.entry(about.to_owned()).or_default(),
        };
        *nth += 1;
        Rng::new(self.seed ^ mix(*nth), about)
    }

    /// Makes an id: 17 hexadecimal digits that begin with 0, as EC2's do, and the number in the
    /// order of making. The id follows from what asked for it, such as a token.
    pub(super) fn make_id(&mut self, prefix: &str, asked_by: &str) -> (u64, String) {
        self.next_id += 1;
        let digits = self.luck(&format!("{prefix} {asked_by}")).number();
        (self.next_id, format!("{prefix}-0{digits:016x}"))
    }

    pub(super) fn instance_mut(&mut self, id: &InstanceId) -> Option<&mut Instance> {
        self.dirty.insert(Changed::Instance(id.clone()));
        self.instances.get_mut(id)
    }

    pub(super) fn volume_mut(&mut self, id: &VolumeId) -> Option<&mut Volume> {
        self.dirty.insert(Changed::Volume(id.clone()));
        self.volumes.get_mut(id)
    }

    pub(super) fn snapshot_mut(&mut self, id: &SnapshotId) -> Option<&mut Snapshot> {
        self.dirty.insert(Changed::Snapshot(id.clone()));
        self.snapshots.get_mut(id)
    }

    /// Shows to listings what changed since the last time.
    pub(super) fn publish(&mut self) {
        let (now, keep) = (self.now, self.faults.staleness_max());
        for changed in std::mem::take(&mut self.dirty) {
            match changed {
                Changed::Instance(id) => {
                    if let Some(instance) = self.instances.get_mut(&id) {
                        let seen = instance.seen();
                        instance.published.push(now, seen, keep);
                    }
                }
                Changed::Volume(id) => {
                    if let Some(volume) = self.volumes.get_mut(&id) {
                        let seen = volume.seen();
                        volume.published.push(now, seen, keep);
                    }
                }
                Changed::Snapshot(id) => {
                    if let Some(snapshot) = self.snapshots.get_mut(&id) {
                        let seen = snapshot.seen();
                        snapshot.published.push(now, seen, keep);
                    }
                }
            }
        }
    }
}

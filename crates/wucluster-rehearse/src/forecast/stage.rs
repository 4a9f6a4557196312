//! Where a rehearsal begins: a world in the state that is assumed, with data in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{ClusterName, MountKey, SnapshotId, VolumeId};
use wucluster_core::interlock::Hold;
use wucluster_core::observation::{AttachmentState, InstanceState, Observation, SnapshotState};
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::scope::Scope;
use wucluster_core::tags::{
    ContentMark, Epoch, KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, KEY_GENERATION, Tags,
};
use wucluster_engine::{Outcome, Records};
use wucluster_sim::{Content, Faults, Limits, PlaceVolume, World};

use super::kept;
use super::placed::{Unplaced, place};
use super::pursue::{Day, drive};

/// A cluster in a simulated cloud, ready to be rehearsed from.
#[derive(Debug, Clone)]
pub struct Stage {
    pub(crate) definition: ClusterDefinition,
    pub(crate) from: Demand,
    pub(crate) world: World,
    /// What the store of whoever drove it here remembers.
    pub(crate) records: Records,
    /// Mounts that hold data.
    pub(crate) written: Vec<MountKey>,
    /// What is wanted of it, and what may be done for that: all that is safe.
    pub(crate) policy: Policy,
}

/// Why there is nothing to begin from: the assumed state is not reached even on a good day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the cluster cannot be {on_the_way_to}, where the rehearsal was to begin")]
pub struct Obstacle {
    /// The state that was not reached.
    pub on_the_way_to: Demand,
    /// What holds it, if that is the reason.
    pub holds: Vec<Hold>,
}

impl Stage {
    /// Sets the stage: the cluster in state `from`, in a cloud with EC2's durations and limits.
    ///
    /// `away` is a cluster that was never launched: nothing of it exists, beside the snapshots that
    /// its definition names. In any other state each node has its machine and each mount its volume,
    /// with data on it, as a launch and what followed it would have left them. That the state holds is
    /// proved by a drive to it.
    ///
    /// # Errors
    /// [`Obstacle`] when it does not hold, as where a check says no.
    pub fn set(definition: &ClusterDefinition, from: Demand, seed: u64) -> Result<Self, Obstacle> {
        let mut stage = Self::empty(definition, from, seed);
        if from != Demand::Away {
            stage.written = place_launched(&mut stage.world, &stage.definition, from);
            // What every operator who came this far knows.
            stage.records.data_epochs =
                stage.written.iter().map(|mount| (mount.clone(), EPOCH)).collect();
            stage.go(from)?;
            stage.world.reset_calls();
        }
        Ok(stage)
    }

    /// Sets the stage as a cluster was seen to be, for whoever drives it to a demand.
    ///
    /// # Errors
    /// [`Unplaced`] when something was seen that cannot be placed.
    pub(crate) fn observed(
        definition: &ClusterDefinition,
        (demand, policy): (Demand, Policy),
        observation: &Observation,
        data_epochs: BTreeMap<MountKey, u64>,
    ) -> Result<Self, Unplaced> {
        let mut stage = Self { policy, ..Self::empty(definition, Demand::Away, 1) };
        let zones = zones_of(definition, observation)?;
        if !zones.is_empty() {
            let limits = stage.world.limits().clone();
            stage.world = stage.world.with_limits(Limits { zones, ..limits });
        }
        place(&mut stage.world, &stage.definition, demand, observation)?;
        stage.records.data_epochs = data_epochs;
        Ok(stage)
    }

    fn empty(definition: &ClusterDefinition, from: Demand, seed: u64) -> Self {
        let mut definition = definition.clone();
        let mut world = World::new(seed).with_limits(limits(&definition));
        place_bases(&mut world, &mut definition);
        let policy = Policy { consent: Consent::Everything, ..Policy::default() };
        Self { definition, from, world, records: Records::default(), written: Vec::new(), policy }
    }

    /// Returns the same stage for demands on a part of the cluster. All of it is there as before.
    #[must_use]
    pub fn only(mut self, scope: Scope) -> Self {
        self.policy.scope = scope;
        self
    }

    /// Returns the state in which rehearsals begin.
    #[must_use]
    pub fn from(&self) -> Demand {
        self.from
    }

    fn go(&mut self, demand: Demand) -> Result<(), Obstacle> {
        let day = Day::calm(self.world.seed());
        let run = drive(self, self.world.clone(), demand, &day, &mut |_| {});
        self.world = run.world;
        self.records = run.records;
        match run.ending.outcome {
            Outcome::Reached => Ok(()),
            Outcome::Held(holds) => Err(Obstacle { on_the_way_to: demand, holds }),
            Outcome::Stalled
            | Outcome::Interrupted
            | Outcome::Failed(_)
            | Outcome::Dismissed(_) => Err(Obstacle { on_the_way_to: demand, holds: Vec::new() }),
        }
    }

    /// Returns the world of a day that begins here.
    pub(crate) fn day(&self, seed: u64, faults: Faults) -> World {
        self.world.clone().reseeded(seed).with_faults(faults)
    }
}

/// EC2's limits, with the cluster's own zones, and room for as many nodes as it has: quotas are the
/// account's, and are raised for clusters that need it.
fn limits(definition: &ClusterDefinition) -> Limits {
    let usual = Limits::default();
    let (nodes, mounts) = (definition.nodes.len(), definition.mounts().count());
    let zones: Vec<String> = definition.zones().map(str::to_owned).collect();
    Limits {
        zones: if zones.is_empty() { usual.zones } else { zones },
        instances_max: usual.instances_max.max(2 * nodes),
        volumes_max: usual.volumes_max.max(2 * mounts),
        // A volume that was just made by the cloud shows itself within this time nearly always.
        visibility_lag_max: Duration::from_secs(300),
        keeps_trace: false,
        ..usual
    }
}

/// The write epoch of a mount's first volume.
const EPOCH: u64 = 1;

/// Puts a whole cluster into the world in a state; returns the mounts, which all hold data.
fn place_launched(
    world: &mut World,
    definition: &ClusterDefinition,
    state: Demand,
) -> Vec<MountKey> {
    let cluster = &definition.name;
    let (is_attached, is_mounted) = match state {
        Demand::Instantiated | Demand::Attached | Demand::Mounted | Demand::Launched => {
            (true, true)
        }
        Demand::Unmounted => (true, false),
        Demand::Separated
        | Demand::RecentlySnapshotted
        | Demand::Haltable
        | Demand::Parked
        | Demand::Away => (false, false),
    };
    let is_kept = state == Demand::RecentlySnapshotted;
    let of_node =
        if state == Demand::Parked { InstanceState::Stopped } else { InstanceState::Running };
    let mut written = Vec::new();
    for node in definition.nodes.values() {
        let instance = world.place_instance(cluster, &node.name, of_node.clone());
        for mount in node.mounts.values() {
            let key = MountKey { node: node.name.clone(), mount: mount.name.clone() };
            let fs = mount.fs.as_str();
            let uuid = format!("00000000-0000-4000-8000-{:012x}", written.len() + 1);
            let epoch = Epoch { number: EPOCH, is_sealed: is_kept };
            let mut tags = Tags::default();
            tags.set(KEY_EPOCH, epoch.to_string());
            tags.set(KEY_GENERATION, "1");
            tags.set(KEY_CONTENT, ContentMark::Data.as_str());
            tags.set(KEY_FILESYSTEM, format!("{fs} {uuid}"));
            let content = kept::written(Content::formatted(fs, &uuid), &key);
            let mut place = PlaceVolume {
                size: mount.size,
                from: mount.from.clone(),
                ..PlaceVolume::new().with_content(content.clone()).with_tags(tags.clone())
            };
            if is_attached {
                place = place.attached(&instance, AttachmentState::Attached);
            }
            if is_mounted {
                place = place.mounted(&mount.at);
            }
            let volume = world.place_volume(cluster, &key, place);
            if is_kept {
                let state = SnapshotState::Completed;
                world.place_snapshot(cluster, &key, &volume, state, content, &tags);
            }
            written.push(key);
        }
    }
    written
}

/// Lists the zones of a world in which everything is where it was seen; none: nothing was seen, or providers have no zones.
/// Where the definition leaves a choice, nodes may be in several, and may come to be in all that it names.
fn zones_of(
    definition: &ClusterDefinition,
    observation: &Observation,
) -> Result<Vec<String>, Unplaced> {
    let instances = observation.nodes.iter().flat_map(|node| &node.instances);
    let volumes = observation.mounts.iter().flat_map(|mount| &mount.volumes);
    let zones = instances.map(|one| &one.zone).chain(volumes.map(|one| &one.zone)).flatten();
    let zones: BTreeSet<&String> = zones.collect();
    let has_choice = !definition.other_zones.is_empty();
    if zones.len() > 1 && !has_choice {
        return Err(Unplaced("it lies in several zones".to_owned()));
    }
    let mut all: Vec<String> = Vec::new();
    if has_choice {
        all.extend(definition.zones().map(str::to_owned));
    }
    let others: Vec<String> =
        zones.into_iter().filter(|zone| !all.contains(zone)).cloned().collect();
    all.extend(others);
    Ok(all)
}

/// Puts the snapshots into the world that the definition begins from, and names them in it by the
/// ids that they got there.
fn place_bases(world: &mut World, definition: &mut ClusterDefinition) {
    let mut placed: BTreeMap<SnapshotId, SnapshotId> = BTreeMap::new();
    // They are somebody else's: not the cluster's own, and in no listing of it.
    let Ok(elsewhere) = ClusterName::new("bases") else { return };
    for node in definition.nodes.values_mut() {
        for mount in node.mounts.values_mut() {
            let Some(named) = &mount.from else { continue };
            let key = MountKey { node: node.name.clone(), mount: mount.name.clone() };
            let id = placed.entry(named.clone()).or_insert_with(|| {
                let content = Content::formatted(mount.fs.as_str(), "base").with_file("base", "1");
                let volume = VolumeId::new("vol-00000000000000000");
                let state = SnapshotState::Completed;
                world.place_snapshot(&elsewhere, &key, &volume, state, content, &Tags::default())
            });
            mount.from = Some(id.clone());
        }
    }
}

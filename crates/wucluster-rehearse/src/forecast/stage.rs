//! Where a rehearsal begins: a world in the state that is assumed, with data in it.

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{ClusterName, MountKey, SnapshotId, VolumeId};
use wucluster_core::interlock::Hold;
use wucluster_core::observation::SnapshotState;
use wucluster_core::tags::Tags;
use wucluster_engine::{Outcome, Records};
use wucluster_sim::{Content, Faults, Limits, World};

use super::kept;
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
}

/// Why there is nothing to begin from: the assumed state is not reached even on a good day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cluster does not come to be {on_the_way_to}, where the rehearsal was to begin")]
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
    /// its definition names. For any other state it is launched first and data is written into each
    /// mount. Nothing goes wrong on the way.
    ///
    /// # Errors
    /// [`Obstacle`] when the state is not reached.
    pub fn set(definition: &ClusterDefinition, from: Demand, seed: u64) -> Result<Self, Obstacle> {
        let mut definition = definition.clone();
        let mut world = World::new(seed).with_limits(limits(&definition));
        place_bases(&mut world, &mut definition);
        let mut stage =
            Self { definition, from, world, records: Records::default(), written: Vec::new() };
        if from != Demand::Away {
            stage.go(Demand::Launched)?;
            let skipped = kept::write(&mut stage.world, &stage.definition);
            let mounts = stage.definition.mounts().map(|(mount, _)| mount);
            stage.written = mounts.filter(|mount| !skipped.contains(mount)).collect();
            if from != Demand::Launched {
                stage.go(from)?;
            }
            stage.world.reset_calls();
        }
        Ok(stage)
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
            Outcome::Stalled | Outcome::Interrupted | Outcome::Failed(_) => {
                Err(Obstacle { on_the_way_to: demand, holds: Vec::new() })
            }
        }
    }

    /// Returns the world of a day that begins here.
    pub(crate) fn day(&self, seed: u64, faults: Faults) -> World {
        self.world.clone().reseeded(seed).with_faults(faults)
    }
}

/// EC2's limits, with the cluster's own zone, and room for as many nodes as it has: quotas are the
/// account's, and are raised for clusters that need it.
fn limits(definition: &ClusterDefinition) -> Limits {
    let usual = Limits::default();
    let (nodes, mounts) = (definition.nodes.len(), definition.mounts().count());
    Limits {
        zones: definition.zone.clone().map_or(usual.zones, |zone| vec![zone]),
        instances_max: usual.instances_max.max(2 * nodes),
        volumes_max: usual.volumes_max.max(2 * mounts),
        // A volume that was just made by the cloud shows itself within this time nearly always.
        visibility_lag_max: Duration::from_secs(300),
        keeps_trace: false,
        ..usual
    }
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

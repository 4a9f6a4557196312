//! Kinds of change that people make beside faults: of the definition, and of who drives.

use std::collections::BTreeSet;
use std::fmt;

use wucluster_core::definition::Size;
use wucluster_core::ids::MountKey;
use wucluster_sim::{Shape, World};

use crate::scenario::Edits;
use crate::truth::Stage;

/// A kind of change.
///
/// Each counts when its effect is met: a drive begins while what is there is other than the definition says by now, or an
/// operator wakes up and is told that another one took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// A mount's volume, or its newest snapshot, is larger than it is defined now.
    Smaller,
    /// A mount's volume, or its newest snapshot, is smaller than it is defined now.
    Larger,
    /// A file system of another kind than defined now is on a mount's volume or in its newest snapshot.
    Kind,
    /// A machine or a volume is in another zone than the defined one.
    Zone,
    /// A mount is mounted at another mount point than the defined one.
    Point,
    /// An operator fell asleep on the way, others took over, and it noticed when it woke up.
    Overtaken,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Smaller, Self::Larger, Self::Kind, Self::Zone, Self::Point, Self::Overtaken];

    /// Returns its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smaller => "F1 smaller",
            Self::Larger => "F1 larger",
            Self::Kind => "F1 other file system",
            Self::Zone => "F1 other zone",
            Self::Point => "F1 other mount point",
            Self::Overtaken => "O3 asleep, overtaken",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Lists the changes of the definition that meet what is there as it was before them.
#[must_use]
pub fn met(stage: &Stage<'_>, edits: &Edits, world: &World) -> BTreeSet<Change> {
    let mut met = BTreeSet::new();
    let cluster = &stage.definition.name;
    for mount in stage.mounts {
        let Some(defined) = stage.definition.mount(mount) else { continue };
        let there = edits.sizes.get(mount).and_then(|_| size(stage, mount, world));
        if there.is_some_and(|there| there > defined.size) {
            met.insert(Change::Smaller);
        }
        if there.is_some_and(|there| there < defined.size) {
            met.insert(Change::Larger);
        }
        let kind = Some(mount).filter(|_| edits.kinds.contains(mount));
        let kind = kind.and_then(|mount| kind_of(stage, mount, world));
        if kind.is_some_and(|kind| kind != defined.fs.as_str()) {
            met.insert(Change::Kind);
        }
        let at = edits.points.get(mount).and_then(|_| world.mounted_at(mount));
        if at.is_some_and(|at| at != defined.at) {
            met.insert(Change::Point);
        }
    }
    if edits.zone.is_some() {
        let zone = stage.definition.zone.as_deref();
        let volumes = stage.mounts.iter().flat_map(|mount| world.volumes_named(cluster, mount));
        let instances = stage.nodes.iter().flat_map(|node| world.instances_named(cluster, node));
        let is_elsewhere = volumes.into_iter().any(|id| world.volume_zone(&id) != zone)
            || instances.into_iter().any(|id| world.instance_zone(&id) != zone);
        if is_elsewhere {
            met.insert(Change::Zone);
        }
    }
    met
}

/// Returns the size of what a mount has: of its volume, or else of its newest snapshot.
fn size(stage: &Stage<'_>, mount: &MountKey, world: &World) -> Option<Size> {
    match world.volumes_named(&stage.definition.name, mount).first() {
        Some(volume) => world.volume_size(volume),
        None => world.snapshot_size(world.snapshots_of(mount).first()?),
    }
}

/// Returns the kind of the file system of what a mount has: on its volume, or else in its newest snapshot.
fn kind_of(stage: &Stage<'_>, mount: &MountKey, world: &World) -> Option<String> {
    let content = match world.volumes_named(&stage.definition.name, mount).first() {
        Some(volume) => world.content_of_volume(volume)?,
        None => world.content_of_snapshot(world.snapshots_of(mount).first()?)?,
    };
    match content.shape() {
        Shape::Filesystem { kind, .. } => Some(kind.clone()),
        _ => None,
    }
}

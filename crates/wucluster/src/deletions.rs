//! What putting away would delete, and what keeps each thing's data.

use serde::Serialize;
use wucluster_core::definition::Size;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::data::{Cover, cover};
use wucluster_core::observation::{
    InstanceState, MountObservation, Observation, VolumeSeen, VolumeState,
};
use wucluster_core::scope::Scope;
use wucluster_core::tags::ContentMark;
use wucluster_core::time::Timestamp;

/// One thing that would be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Deletion {
    /// Whose it is.
    pub(crate) subject: Subject,
    /// Its id: what a yes covers.
    pub(crate) id: String,
    /// The volume's size; `None` for an instance.
    pub(crate) size: Option<Size>,
    /// What keeps its data.
    pub(crate) kept: Kept,
}

/// What keeps the data of something that is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub(crate) enum Kept {
    /// An instance: its root disk is never kept.
    RootDisk,
    /// A complete snapshot of its last write.
    Snapshot {
        /// The snapshot.
        id: String,
    },
    /// A snapshot of its last write that is still being copied.
    Pending {
        /// The snapshot.
        id: String,
    },
    /// A snapshot that is taken first.
    New {
        /// When the one before it was taken, if there is one.
        last: Option<Timestamp>,
        /// Whether the volume never held data that we know of.
        is_blank: bool,
    },
}

/// Lists what a demand would delete, nodes with their mounts below them: on the way down what is in its scope, on the way up
/// what of it has left the definition, if that is put away.
///
/// Left out is what is on its way out already, what carries a name that others carry too, and what
/// has failed: none of it is deleted by us.
pub(crate) fn deletions(demand: Demand, scope: &Scope, observation: &Observation) -> Vec<Deletion> {
    let mut found = Vec::new();
    for node in &observation.nodes {
        if scope.of_node(demand, node, observation) == Some(Demand::Away)
            && let Some(instance) = node.instance()
            && is_deletable_instance(&instance.state)
        {
            found.push(Deletion {
                subject: Subject::Node(node.name.clone()),
                id: instance.id.to_string(),
                size: None,
                kept: Kept::RootDisk,
            });
        }
        for mount in observation.mounts.iter().filter(|mount| mount.key.node == node.name) {
            if scope.of_mount(demand, mount) == Some(Demand::Away)
                && let Some(volume) = mount.volume()
                && is_deletable_volume(&volume.state)
            {
                found.push(Deletion {
                    subject: Subject::Mount(mount.key.clone()),
                    id: volume.id.to_string(),
                    size: Some(volume.size),
                    kept: kept(mount, volume),
                });
            }
        }
    }
    found
}

fn is_deletable_instance(state: &InstanceState) -> bool {
    match state {
        InstanceState::Pending
        | InstanceState::Running
        | InstanceState::Stopping
        | InstanceState::Stopped => true,
        InstanceState::ShuttingDown
        | InstanceState::Terminated
        | InstanceState::Unrecognized(_) => false,
    }
}

fn is_deletable_volume(state: &VolumeState) -> bool {
    match state {
        VolumeState::Creating | VolumeState::Available | VolumeState::InUse => true,
        VolumeState::Deleting
        | VolumeState::Deleted
        | VolumeState::Error
        | VolumeState::Unrecognized(_) => false,
    }
}

/// Says what keeps a volume's data, as the interlock will judge it.
fn kept(mount: &MountObservation, volume: &VolumeSeen) -> Kept {
    match cover(mount, volume, None, Timestamp::default()) {
        Cover::Complete(snapshot) => Kept::Snapshot { id: snapshot.id.to_string() },
        Cover::Pending(snapshot) => Kept::Pending { id: snapshot.id.to_string() },
        Cover::Missing(_) => Kept::New {
            last: mount.snapshots.iter().filter_map(|snapshot| snapshot.started_at).max(),
            is_blank: volume.tags.content() == Some(ContentMark::Blank),
        },
    }
}

//! Whether the data of a rehearsal is still there, judged by the truth.

use std::fmt;

use serde::Serialize;
use wucluster_core::ids::{MountKey, SnapshotId};
use wucluster_core::observation::SnapshotState;
use wucluster_sim::{Content, World};

/// The file that a rehearsal writes into each mount.
const FILE: &str = "rehearsal";

/// A mount whose data is not to be had any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The mount.
    pub mount: MountKey,
    /// What is there instead.
    pub why: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the data of {} is lost: {}", self.mount, self.why)
    }
}

/// Returns a content with the data of a mount in it.
pub(crate) fn written(content: Content, mount: &MountKey) -> Content {
    content.with_file(FILE, &data(mount))
}

fn data(mount: &MountKey) -> String {
    format!("kept by {mount}")
}

/// Lists the mounts whose data would not come back: neither the volume that a launch would take nor,
/// without one, the newest complete snapshot holds it.
pub(crate) fn lost(world: &World, written: &[MountKey]) -> Vec<Lost> {
    written.iter().filter_map(|mount| judge(world, mount)).collect()
}

fn judge(world: &World, mount: &MountKey) -> Option<Lost> {
    let holds = |content: &Content| content.file(FILE) == Some(data(mount).as_str());
    let lost = |why: &str| Some(Lost { mount: mount.clone(), why: why.to_owned() });
    if let Some(volume) = world.volume_of(mount) {
        return match world.content_of_volume(&volume) {
            Some(content) if holds(content) => None,
            Some(_) | None => lost(&format!("its volume {volume} does not hold it")),
        };
    }
    let newest: Option<SnapshotId> = world
        .snapshots_of(mount)
        .into_iter()
        .find(|id| world.snapshot_state(id) == Some(SnapshotState::Completed));
    match newest.as_ref().and_then(|id| world.content_of_snapshot(id)) {
        Some(content) if holds(content) => None,
        Some(_) => lost("its newest complete snapshot does not hold it"),
        None => lost("it has neither a volume nor a complete snapshot"),
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::tags::Tags;
    use wucluster_sim::PlaceVolume;

    use super::*;

    #[test]
    fn data_is_lost_where_a_launch_would_not_bring_it_back() {
        let cluster = wucluster_core::ids::ClusterName::new("gibbon").unwrap();
        let mount = MountKey::try_from("chief/home".to_owned()).unwrap();
        let empty = Content::formatted("ext4", "u");
        let written = written(empty.clone(), &mount);
        let lost_of = |world: &World| lost(world, std::slice::from_ref(&mount)).len();

        let mut world = World::new(1);
        assert_eq!(lost_of(&world), 1, "nothing is there at all");
        let place = PlaceVolume::new().with_content(written.clone());
        let volume = world.place_volume(&cluster, &mount, place);
        assert_eq!(lost_of(&world), 0, "its volume holds it");

        let mut world = World::new(1);
        let mut take = |state, content| {
            let tags = Tags::default();
            world.place_snapshot(&cluster, &mount, &volume, state, content, &tags);
            world.clone()
        };
        assert_eq!(lost_of(&take(SnapshotState::Pending, written.clone())), 1);
        assert_eq!(lost_of(&take(SnapshotState::Completed, written.clone())), 0);
        assert_eq!(
            lost_of(&take(SnapshotState::Completed, empty.clone())),
            1,
            "a newer one is in its way"
        );

        let mut world = World::new(1);
        world.place_volume(&cluster, &mount, PlaceVolume::new().with_content(empty));
        assert_eq!(lost_of(&world), 1, "a volume without it would be taken");
    }
}

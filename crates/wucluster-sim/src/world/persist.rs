//! A world as a document, so that it lives on from one program to the next.
//!
//! A world that was written and read again goes on exactly as it would have: same truth, same time,
//! same randomness. What is not kept is a plan of faults: they end with the program that made them.

use serde::{Deserialize, Serialize};
use wucluster_core::observation::VolumeState;

use super::state::World;
use crate::faults::FaultState;

/// Version of the document. Another one is not read: a world is worth less than a wrong one.
const SCHEMA: &str = "wucluster/sim-world/1";

/// A document is none of a world.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// It does not read as one.
    #[error("it is no simulated world: {0}")]
    Damaged(#[from] serde_json::Error),
    /// It was written by another version.
    #[error("it is of version `{0}`, and this program reads `{SCHEMA}`")]
    Version(String),
}

#[derive(Serialize)]
struct Written<'a> {
    schema: &'static str,
    world: &'a World,
}

#[derive(Deserialize)]
struct Header {
    schema: String,
}

#[derive(Deserialize)]
struct Read {
    world: World,
}

impl World {
    /// Writes the world as a document.
    ///
    /// # Errors
    /// [`PersistError::Damaged`] when it cannot be written as JSON.
    pub fn to_document(&self) -> Result<Vec<u8>, PersistError> {
        Ok(serde_json::to_vec(&Written { schema: SCHEMA, world: self })?)
    }

    /// Reads a world from its document. Its time stands where it was written.
    ///
    /// # Errors
    /// [`PersistError`] when it is none, or of another version.
    pub fn from_document(bytes: &[u8]) -> Result<Self, PersistError> {
        let header: Header = serde_json::from_slice(bytes)?;
        if header.schema != SCHEMA {
            return Err(PersistError::Version(header.schema));
        }
        let read: Read = serde_json::from_slice(bytes)?;
        let mut world = read.world;
        world.faults = FaultState::new(world.seed);
        Ok(world)
    }

    /// Returns the world as it stands with other randomness from now on: what differs between two
    /// days that begin alike.
    #[must_use]
    pub fn reseeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.faults = FaultState::new(seed);
        self
    }

    /// Forgets instances and volumes that are gone for good and that no listing shows any more; what
    /// can be asked of the world stays the same.
    pub fn forget_gone(&mut self) {
        self.instances.retain(|_, found| found.is_listed || !found.is_terminated());
        self.volumes.retain(|_, found| found.is_listed || found.state != VolumeState::Deleted);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wucluster_core::ids::{ClusterName, MountKey, NodeName};
    use wucluster_core::observation::{AttachmentState, InstanceState, SnapshotState, VolumeState};
    use wucluster_core::tags::Tags;

    use super::*;
    use crate::{Content, Durations, PlaceVolume};

    fn busy_world() -> World {
        let cluster = ClusterName::new("gibbon").unwrap();
        let chief = NodeName::new("chief").unwrap();
        let home = MountKey::try_from("chief/home".to_owned()).unwrap();
        let data = MountKey::try_from("chief/data".to_owned()).unwrap();
        let mut world = World::new(7);
        let instance = world.place_instance(&cluster, &chief, InstanceState::Running);
        world.place_instance(&cluster, &NodeName::new("worker").unwrap(), InstanceState::Pending);
        let place = PlaceVolume::new()
            .with_content(Content::formatted("ext4", "u"))
            .attached(&instance, AttachmentState::Attached)
            .mounted("/mnt/home");
        let volume = world.place_volume(&cluster, &home, place);
        world.place_volume(&cluster, &data, PlaceVolume::new().in_state(VolumeState::Creating));
        let content = Content::formatted("ext4", "u").with_file("old", "1");
        let tags = Tags::default();
        world.place_snapshot(&cluster, &home, &volume, SnapshotState::Pending, content, &tags);
        world.write(&home, "note", "kept").unwrap();
        world.hold(&home, 17, "/mnt/home/note").unwrap();
        world.observe(&cluster).unwrap();
        world
    }

    fn again(world: &World) -> World {
        World::from_document(&world.to_document().unwrap()).unwrap()
    }

    #[test]
    fn a_world_that_is_read_again_goes_on_as_it_would_have() {
        let mut first = busy_world();
        let mut second = again(&first);
        for _ in 0..50 {
            first.advance(Duration::from_secs(3));
            second.advance(Duration::from_secs(3));
            second = again(&second);
        }
        assert_eq!(first.trace(), second.trace());
        assert_eq!(first.trace_digest(), second.trace_digest());
        let home = MountKey::try_from("chief/home".to_owned()).unwrap();
        assert_eq!(second.read(&home, "note").unwrap().as_deref(), Some("kept"));
        assert_eq!(first.to_document().unwrap(), second.to_document().unwrap());
    }

    #[test]
    fn what_is_none_is_refused_and_never_taken_for_an_empty_world() {
        assert!(matches!(World::from_document(b"{}"), Err(PersistError::Damaged(_))));
        let text = String::from_utf8(World::new(1).to_document().unwrap()).unwrap();
        let cut = &text.as_bytes()[..text.len() / 2];
        assert!(matches!(World::from_document(cut), Err(PersistError::Damaged(_))));
        let other = text.replace("sim-world/1", "sim-world/9");
        let read = World::from_document(other.as_bytes());
        assert!(matches!(read, Err(PersistError::Version(version)) if version.ends_with("/9")));
    }

    #[test]
    fn forgetting_what_is_gone_changes_no_listing() {
        let cluster = ClusterName::new("gibbon").unwrap();
        let chief = NodeName::new("chief").unwrap();
        let mut world = World::new(1).with_durations(Durations::instant());
        world.limits.is_shuffled = false;
        world.place_instance(&cluster, &chief, InstanceState::Terminated);
        let home = MountKey::try_from("chief/home".to_owned()).unwrap();
        let gone = PlaceVolume::new().in_state(VolumeState::Deleted);
        let gone = world.place_volume(&cluster, &home, gone);
        let before = world.observe(&cluster).unwrap();
        world.forget_gone();
        assert_eq!(world.volume_state(&gone), None);
        assert_eq!(world.observe(&cluster).unwrap(), before);
        assert_eq!(before.instances.len(), 1, "a terminated instance lingers in the listings");
    }

    #[test]
    fn two_days_that_begin_alike_differ_by_their_seed() {
        let day = |seed| {
            let mut world = busy_world().reseeded(seed);
            world.settle(Duration::from_secs(600));
            world.trace_digest()
        };
        assert_eq!(day(1), day(1));
        assert_ne!(day(1), day(2));
    }
}

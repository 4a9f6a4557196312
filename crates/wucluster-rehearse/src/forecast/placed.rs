//! What was seen, put into a simulated world, so that it can be rehearsed from there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{ClusterName, InstanceId, MountKey, VolumeId};
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, Contents, FilesystemState, GapKind, InstanceSeen,
    InstanceState, MountObservation, NodeObservation, Observation, Observed, SnapshotSeen,
    SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::tags::{ContentMark, Tags};
use wucluster_core::time::Timestamp;
use wucluster_sim::{Content, PlaceVolume, World};

/// Something was seen that a simulated world cannot be brought into, or not well enough to tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unplaced(pub(crate) String);

/// Puts everything that was seen into a world.
///
/// Ids are others there; states, tags and ages are those that were seen. Nothing is guessed: what the
/// demand depends on and nobody could see is [`Unplaced`].
pub(crate) fn place(
    world: &mut World,
    definition: &ClusterDefinition,
    demand: Demand,
    observation: &Observation,
) -> Result<(), Unplaced> {
    if !demand.is_upward()
        && let Some(stranger) = observation.strangers.iter().find(|one| !one.held_by.is_empty())
    {
        return unplaced(format!("{} fits nowhere, and an instance has it", stranger.id));
    }
    let mut placing = Placing {
        world,
        definition,
        demand,
        observation,
        instances: BTreeMap::new(),
        alive: BTreeMap::new(),
    };
    for node in &observation.nodes {
        placing.node(node)?;
    }
    for mount in &observation.mounts {
        placing.mount(mount)?;
    }
    Ok(())
}

fn unplaced<T>(why: String) -> Result<T, Unplaced> {
    Err(Unplaced(why))
}

struct Placing<'a> {
    world: &'a mut World,
    definition: &'a ClusterDefinition,
    demand: Demand,
    observation: &'a Observation,
    /// Ids that were seen, and those of the same things in the world.
    instances: BTreeMap<InstanceId, InstanceId>,
    /// The states of instances by the ids that were seen.
    alive: BTreeMap<InstanceId, InstanceState>,
}

impl Placing<'_> {
    fn node(&mut self, node: &NodeObservation) -> Result<(), Unplaced> {
        let name = &node.name;
        let seen = match node.instances.as_slice() {
            [] => return Ok(()),
            [one] => one,
            _ => return unplaced(format!("several instances carry the name {name}")),
        };
        if let InstanceState::Unrecognized(word) = &seen.state {
            return unplaced(format!("the state of {name} is `{word}`"));
        }
        if let Some(gap) = node.probe.gap()
            && gap.kind != GapKind::NotAsked
        {
            return unplaced(format!("{name} runs and does not answer"));
        }
        let InstanceSeen { id, state, tags, zone, .. } = seen;
        let placed = self.world.place_instance_in(tags.clone(), state.clone(), zone.clone());
        self.instances.insert(id.clone(), placed);
        self.alive.insert(id.clone(), state.clone());
        Ok(())
    }

    fn mount(&mut self, mount: &MountObservation) -> Result<(), Unplaced> {
        let key = &mount.key;
        let placed = match mount.volumes.as_slice() {
            [] => None,
            [one] => Some((&one.id, self.volume(mount, one)?)),
            _ => return unplaced(format!("several volumes carry the name {key}")),
        };
        // The newest comes first, and is to be the last that is made.
        for snapshot in mount.snapshots.iter().chain(&mount.checkpoints).rev() {
            let own = placed.as_ref().filter(|(seen, _)| **seen == snapshot.volume);
            self.snapshot(key, snapshot, own.map(|(_, id)| id))?;
        }
        Ok(())
    }

    fn volume(
        &mut self,
        mount: &MountObservation,
        seen: &VolumeSeen,
    ) -> Result<VolumeId, Unplaced> {
        let key = &mount.key;
        match &seen.state {
            VolumeState::Error | VolumeState::Unrecognized(_) => {
                return unplaced(format!("the state of {} of {key} is {}", seen.id, seen.state));
            }
            VolumeState::Creating
            | VolumeState::Available
            | VolumeState::InUse
            | VolumeState::Deleting
            | VolumeState::Deleted => {}
        }
        let attachments: Vec<&AttachmentSeen> = seen.open_attachments().collect();
        let attachment = match attachments.as_slice() {
            [] => None,
            [one] => Some((self.holder(key, one)?, one.state.clone())),
            _ => return unplaced(format!("{} of {key} is attached more than once", seen.id)),
        };
        let (content, mounted_at) = self.content(mount, seen, attachments.first().copied())?;
        let place = PlaceVolume {
            state: seen.state.clone(),
            zone: seen.zone.clone(),
            size: seen.size,
            tags: Tags::default(),
            was_mounted: mounted_at.is_some() || content.holds_data(),
            content,
            from: seen.from_snapshot.clone(),
            attachment,
            mounted_at,
        };
        // There it has another id, and the file system that it has.
        let mut tags = seen.tags.clone();
        tags.take_content(&seen.tags, &seen.id);
        Ok(self.world.place_tagged_volume(tags, place))
    }

    /// Returns the instance in the world that has a volume.
    fn holder(&self, key: &MountKey, seen: &AttachmentSeen) -> Result<InstanceId, Unplaced> {
        if let AttachmentState::Unrecognized(word) = &seen.state {
            return unplaced(format!("the state of the attachment of {key} is `{word}`"));
        }
        if seen.delete_on_termination != Some(false) {
            return unplaced(format!("the volume of {key} would go with its instance"));
        }
        match self.instances.get(&seen.instance) {
            Some(id) => Ok(id.clone()),
            None => unplaced(format!("{} has the volume of {key}, and is unknown", seen.instance)),
        }
    }

    /// Tells what is on a volume, and where it is mounted.
    fn content(
        &self,
        mount: &MountObservation,
        seen: &VolumeSeen,
        attachment: Option<&AttachmentSeen>,
    ) -> Result<(Content, Option<String>), Unplaced> {
        let key = &mount.key;
        match &mount.filesystem {
            Observed::Present(FilesystemState::Mounted { at }) => {
                if let Some(pid) = self.held_by(key, seen).filter(|_| !self.demand.is_upward()) {
                    return unplaced(format!("pid {pid} holds {key}, nobody knows how long"));
                }
                Ok((self.filesystem(key, seen), Some(at.clone())))
            }
            Observed::Present(FilesystemState::Unmounted { contents }) => match contents {
                Contents::Blank => Ok((Content::blank(), None)),
                Contents::Filesystem { kind, uuid } => {
                    let uuid = uuid.as_deref().unwrap_or_default();
                    Ok((marked(seen, Content::formatted(kind, uuid)), None))
                }
                Contents::NotExamined => Ok((self.by_tags(key, seen)?, None)),
                Contents::Other(_) | Contents::Unreadable(_) => {
                    unplaced(format!("the device of {key} holds {contents}"))
                }
            },
            Observed::Present(FilesystemState::NoDevice) | Observed::Absent => {
                Ok((self.by_tags(key, seen)?, None))
            }
            Observed::Present(
                odd @ (FilesystemState::MountedElsewhere { .. }
                | FilesystemState::Held { .. }
                | FilesystemState::PointTaken { .. }),
            ) => unplaced(format!("{key}: {}", odd.word())),
            Observed::Unknown(_) if !self.depends_on(mount) => Ok((self.by_tags(key, seen)?, None)),
            Observed::Unknown(gap) => {
                let holder = attachment.and_then(|one| self.alive.get(&one.instance));
                if holder.is_none_or(|state| *state == InstanceState::Running) {
                    return unplaced(format!("whether {key} is mounted is not seen: {}", gap.why));
                }
                // A machine that boots has mounted nothing yet, and one that halts lets go.
                Ok((self.by_tags(key, seen)?, None))
            }
        }
    }

    /// Returns a process that was seen to keep a mount busy.
    fn held_by(&self, key: &MountKey, seen: &VolumeSeen) -> Option<u32> {
        let probe = self.observation.node(&key.node)?.probe.present()?;
        Some(probe.devices.get(&seen.id.serial())?.holders.first()?.pid)
    }

    /// Says whether the demand asks whether a volume is mounted.
    fn depends_on(&self, mount: &MountObservation) -> bool {
        match self.demand {
            Demand::Instantiated | Demand::Attached => false,
            Demand::Mounted | Demand::Launched => mount.is_defined,
            Demand::Unmounted
            | Demand::Separated
            | Demand::RecentlySnapshotted
            | Demand::Haltable
            | Demand::Parked
            | Demand::Away => true,
        }
    }

    fn by_tags(&self, key: &MountKey, seen: &VolumeSeen) -> Result<Content, Unplaced> {
        match seen.tags.content() {
            Some(ContentMark::Blank) => Ok(Content::blank()),
            Some(ContentMark::Data) => Ok(marked(seen, self.filesystem(key, seen))),
            Some(ContentMark::Foreign) | None => {
                unplaced(format!("nothing tells what {} of {key} holds", seen.id))
            }
        }
    }

    fn filesystem(&self, key: &MountKey, seen: &VolumeSeen) -> Content {
        let defined = self.definition.mount(key).map(|mount| mount.fs.as_str());
        let (kind, uuid) = seen
            .tags
            .filesystem(&seen.id)
            .unwrap_or((defined.unwrap_or("ext4"), Cow::Borrowed("unknown")));
        marked(seen, Content::formatted(kind, &uuid))
    }

    fn snapshot(
        &mut self,
        key: &MountKey,
        seen: &SnapshotSeen,
        own: Option<&VolumeId>,
    ) -> Result<(), Unplaced> {
        match &seen.state {
            SnapshotState::Pending | SnapshotState::Completed | SnapshotState::Error => {}
            SnapshotState::Recoverable
            | SnapshotState::Recovering
            | SnapshotState::Unrecognized(_) => {
                return unplaced(format!("the state of {} of {key} is {}", seen.id, seen.state));
            }
        }
        let defined = self.definition.mount(key).map_or("ext4", |mount| mount.fs.as_str());
        let (kind, uuid) =
            seen.tags.filesystem(&seen.volume).unwrap_or((defined, Cow::Borrowed("unknown")));
        let content = Content::formatted(kind, &uuid).with_file("data", "1");
        let of = own.unwrap_or(&seen.volume);
        let cluster: &ClusterName = &self.definition.name;
        let state = seen.state.clone();
        let id = self.world.place_snapshot(cluster, key, of, state, content, &seen.tags);
        if let Some(started) = seen.started_at {
            let age = self.observation.cloud_asked_at.since(started);
            self.world.date_snapshot(&id, before(self.world.now(), age));
        }
        Ok(())
    }
}

/// Returns the content with somebody's data where the volume's tags say that there is some.
fn marked(seen: &VolumeSeen, content: Content) -> Content {
    match seen.tags.content() {
        Some(ContentMark::Data) => content.with_file("data", "1"),
        Some(ContentMark::Blank | ContentMark::Foreign) | None => content,
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(age))
}

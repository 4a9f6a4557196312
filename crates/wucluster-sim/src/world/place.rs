//! Start mixtures: puts instances, volumes and snapshots into any state by hand.

use std::time::Duration;

use wucluster_core::definition::Size;
use wucluster_core::ids::{ClusterName, InstanceId, MountKey, NodeName, SnapshotId, VolumeId};
use wucluster_core::observation::{AttachmentState, InstanceState, SnapshotState, VolumeState};
use wucluster_core::tags::{KEY_NAME, Tags};
use wucluster_core::time::Timestamp;

use super::attachment::Attachment;
use super::event::Event;
use super::instance::NewInstance;
use super::machine::Mounted;
use super::owner::Maker;
use super::snapshot::NewSnapshot;
use super::state::World;
use super::volume::{Fate, NewVolume};
use crate::content::{Content, Shape};

/// A volume of a start mixture.
///
/// Made by [`PlaceVolume::new`] and then changed field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceVolume {
    /// Its state where it is not attached; an attached one is `in-use`.
    pub state: VolumeState,
    /// Its zone. `None`: the first one.
    pub zone: Option<String>,
    /// Its size.
    pub size: Size,
    /// Tags beside those of its identity.
    pub tags: Tags,
    /// What is on it.
    pub content: Content,
    /// The snapshot that it is said to be made from.
    pub from: Option<SnapshotId>,
    /// Where it is attached, and in which state.
    pub attachment: Option<(InstanceId, AttachmentState)>,
    /// Where it is mounted on that instance; needs a file system, and a machine that runs.
    pub mounted_at: Option<String>,
    /// Whether it was ever mounted, and so may not be deleted unsaved.
    pub was_mounted: bool,
}

impl Default for PlaceVolume {
    fn default() -> Self {
        Self::new()
    }
}

impl PlaceVolume {
    /// Makes a blank, available volume of 1 GiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: VolumeState::Available,
            zone: None,
            size: Size::from_gib(1),
            tags: Tags::default(),
            content: Content::blank(),
            from: None,
            attachment: None,
            mounted_at: None,
            was_mounted: false,
        }
    }

    /// Returns it with a content that somebody wrote.
    #[must_use]
    pub fn with_content(self, content: Content) -> Self {
        let was_mounted = content.holds_data();
        Self { content, was_mounted, ..self }
    }

    /// Returns it with tags beside those of its identity.
    #[must_use]
    pub fn with_tags(self, tags: Tags) -> Self {
        Self { tags, ..self }
    }

    /// Returns it in a state, attached to nothing.
    #[must_use]
    pub fn in_state(self, state: VolumeState) -> Self {
        Self { state, ..self }
    }

    /// Returns it attached to an instance.
    #[must_use]
    pub fn attached(self, instance: &InstanceId, state: AttachmentState) -> Self {
        Self { attachment: Some((instance.clone(), state)), ..self }
    }

    /// Returns it mounted at a place.
    #[must_use]
    pub fn mounted(self, at: &str) -> Self {
        Self { mounted_at: Some(at.to_owned()), was_mounted: true, ..self }
    }
}

impl World {
    /// Puts an instance of a node into a state. Transitional states go on from here by themselves;
    /// a running one answers ssh.
    pub fn place_instance(
        &mut self,
        cluster: &ClusterName,
        node: &NodeName,
        state: InstanceState,
    ) -> InstanceId {
        self.place_tagged_instance(Tags::for_node(cluster, node), state)
    }

    /// Does the same with any tags, for strangers.
    pub fn place_tagged_instance(&mut self, tags: Tags, state: InstanceState) -> InstanceId {
        self.place_instance_in(tags, state, None)
    }

    fn zone_or_first(&self, zone: Option<String>) -> String {
        zone.or_else(|| self.limits.zones.first().cloned()).unwrap_or_default()
    }

    /// Does the same in a zone; `None`: in the first one.
    pub fn place_instance_in(
        &mut self,
        tags: Tags,
        state: InstanceState,
        zone: Option<String>,
    ) -> InstanceId {
        let zone = self.zone_or_first(zone);
        let hidden_for = Duration::ZERO;
        let id = self.add_instance(NewInstance {
            asked_by: name_of(&tags),
            tags,
            zone,
            maker: Maker::Operator,
            hidden_for,
        });
        let (goes_on, span) = match &state {
            InstanceState::Pending => (Some(InstanceState::Running), self.durations.launch),
            InstanceState::Stopping => (Some(InstanceState::Stopped), self.durations.stop),
            InstanceState::ShuttingDown => {
                (Some(InstanceState::Terminated), self.durations.terminate)
            }
            InstanceState::Running
            | InstanceState::Stopped
            | InstanceState::Terminated
            | InstanceState::Unrecognized(_) => (None, self.durations.launch),
        };
        let is_on = matches!(
            state,
            InstanceState::Running | InstanceState::Stopping | InstanceState::ShuttingDown
        );
        if let Some(instance) = self.instance_mut(&id) {
            instance.machine.boots = u32::from(is_on);
            instance.machine.is_up = state == InstanceState::Running;
            instance.state = state;
        }
        if let Some(next) = goes_on {
            let after = self.draw(id.as_str(), span);
            self.schedule(after, Event::InstanceReaches { id: id.clone(), state: next, turn: 0 });
        }
        self.publish();
        id
    }

    /// Puts a volume of a mount into a state. Transitional states go on from here by themselves.
    pub fn place_volume(
        &mut self,
        cluster: &ClusterName,
        mount: &MountKey,
        place: PlaceVolume,
    ) -> VolumeId {
        let tags = Tags::for_mount(cluster, mount).with(&place.tags);
        self.place_tagged_volume(tags, place)
    }

    /// Does the same with these tags alone, for strangers.
    pub fn place_tagged_volume(&mut self, tags: Tags, place: PlaceVolume) -> VolumeId {
        let PlaceVolume {
            state,
            zone,
            size,
            tags: _,
            content,
            from,
            attachment,
            mounted_at,
            was_mounted,
        } = place;
        let zone = self.zone_or_first(zone);
        let (maker, hidden_for) = (Maker::Operator, Duration::ZERO);
        let had_data = content.holds_data() || was_mounted;
        let kind = match content.shape() {
            Shape::Filesystem { kind, .. } => kind.clone(),
            Shape::Blank | Shape::Other(_) | Shape::Raw => String::new(),
        };
        let id = self.add_volume(NewVolume {
            asked_by: name_of(&tags),
            tags,
            zone,
            size,
            from,
            content,
            maker,
            hidden_for,
        });
        if let Some(volume) = self.volume_mut(&id) {
            volume.state = state.clone();
            volume.was_mounted = was_mounted;
            if let Some(owner) = volume.owner.clone().filter(|_| had_data) {
                self.had_data.insert(owner);
            }
        }
        match &state {
            VolumeState::Creating => {
                let after = self.draw(id.as_str(), self.durations.create_volume);
                self.schedule(after, Event::VolumeMade { id: id.clone(), fate: Fate::Made });
            }
            VolumeState::Deleting => self.begin_delete(&id),
            VolumeState::Deleted => self.volume_gone(&id),
            VolumeState::Available
            | VolumeState::InUse
            | VolumeState::Error
            | VolumeState::Unrecognized(_) => {}
        }
        if let Some((instance, attachment)) = attachment {
            self.place_attachment(&id, &instance, &attachment);
            let is_alive =
                self.instances.get(&instance).is_some_and(|found| found.machine.boots > 0);
            if let Some(at) = mounted_at.filter(|_| is_alive) {
                let mounted = Mounted { volume: id.clone(), at, kind, is_read_only: false };
                self.mount(&instance, mounted);
            }
        }
        self.publish();
        id
    }

    fn place_attachment(&mut self, id: &VolumeId, instance: &InstanceId, state: &AttachmentState) {
        let now = self.now;
        let is_plugged = *state != AttachmentState::Attaching;
        let Some(volume) = self.volume_mut(id) else { return };
        if volume.state == VolumeState::Available {
            volume.state = VolumeState::InUse;
        }
        volume.turn += 1;
        let turn = volume.turn;
        volume.attachment = Some(Attachment {
            instance: instance.clone(),
            state: state.clone(),
            since: now,
            delete_on_termination: false,
            is_plugged,
            is_stuck: false,
            device_after: None,
        });
        match state {
            AttachmentState::Attaching => {
                let after = self.draw(id.as_str(), self.durations.attach);
                self.schedule(after, Event::Attached { volume: id.clone(), turn });
            }
            // What nothing holds is let go of after a while.
            AttachmentState::Detaching | AttachmentState::Busy => {
                let after = self.draw(id.as_str(), self.durations.detach);
                self.schedule(after, Event::DetachDue { volume: id.clone(), turn });
            }
            AttachmentState::Attached
            | AttachmentState::Detached
            | AttachmentState::Unrecognized(_) => {}
        }
        if is_plugged
            && let Some(found) = self.instances.get_mut(instance)
            && !found.is_dead()
        {
            let number = found.machine.free_number();
            found.machine.devices.insert(id.clone(), number);
        }
    }

    /// Puts a snapshot of a mount into a state, with a content; `of` need not exist any more.
    ///
    /// A pending one completes by itself. `tags` stand beside those of its identity.
    pub fn place_snapshot(
        &mut self,
        cluster: &ClusterName,
        mount: &MountKey,
        of: &VolumeId,
        state: SnapshotState,
        content: Content,
        tags: &Tags,
    ) -> SnapshotId {
        let known = self.volumes.get(of).map(|volume| volume.size);
        let size = known.unwrap_or(Size::from_gib(1));
        let tags = Tags::for_mount(cluster, mount).with(tags);
        let takes = self.snapshot_time(of.as_str(), size);
        let had_data = content.holds_data();
        let id = self.add_snapshot(NewSnapshot {
            volume: of.clone(),
            size,
            tags,
            content,
            takes,
            hidden_for: Duration::ZERO,
        });
        if let Some(snapshot) = self.snapshot_mut(&id) {
            snapshot.state = state;
            snapshot.has_any_size = known.is_none();
            if let Some(owner) = snapshot.owner.clone().filter(|_| had_data) {
                self.had_data.insert(owner);
            }
        }
        self.publish();
        id
    }

    /// Lets a snapshot have been begun at another time, as listings tell it.
    pub fn date_snapshot(&mut self, id: &SnapshotId, started_at: Timestamp) {
        if let Some(snapshot) = self.snapshot_mut(id) {
            snapshot.started_at = started_at;
        }
        self.publish();
    }

    /// Lets the completion of the pending snapshots of a mount come true at once.
    pub fn complete_snapshots(&mut self, mount: &MountKey) {
        for id in self.snapshots_of(mount) {
            if let Some(snapshot) = self.snapshot_mut(&id)
                && snapshot.state == SnapshotState::Pending
            {
                snapshot.state = SnapshotState::Completed;
            }
        }
        self.publish();
    }
}

/// Returns the name that people see, as what a placed thing is told by.
fn name_of(tags: &Tags) -> String {
    format!("placed {}", tags.get(KEY_NAME).unwrap_or_default())
}

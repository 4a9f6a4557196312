//! Humans: what they do by other means than wucluster.

use wucluster_core::ids::{
    InstanceId, MountKey, MountName, NodeName, SnapshotId, Subject, VolumeId,
};
use wucluster_core::observation::{AttachmentState, VolumeState};
use wucluster_core::tags::{KEY_MOUNT, KEY_NAME, KEY_NODE, Tags};

use super::event::Event;
use super::harm::Cause;
use super::harm_kind::HarmKind;
use super::instance::NewInstance;
use super::machine::Mounted;
use super::owner::Maker;
use super::snapshot::NewSnapshot;
use super::state::World;
use super::user::UserError;
use super::volume::{Fate, NewVolume, Volume};
use crate::content::{Content, Shape};
use crate::faults::FaultKind;

/// Something that a human does behind wucluster's back, in the console or on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Human {
    /// Deletes a mount's volume; it must be detached.
    DeleteVolume(MountKey),
    /// Deletes a mount's newest snapshot.
    DeleteNewestSnapshot(MountKey),
    /// Deletes all of a mount's snapshots.
    DeleteSnapshots(MountKey),
    /// Takes a snapshot of a mount's volume, without tags.
    TakeSnapshot(MountKey),
    /// Terminates a node's instance.
    TerminateInstance(NodeName),
    /// Stops a node's instance.
    StopInstance(NodeName),
    /// Starts a node's instance.
    StartInstance(NodeName),
    /// Attaches a mount's volume to a node's instance.
    Attach(MountKey, NodeName),
    /// Detaches a mount's volume by force, mounted or not: what is cached is lost.
    ForceDetach(MountKey),
    /// Mounts a mount's device at a place on the node that sees it.
    Mount(MountKey, String),
    /// Unmounts a mount's device.
    Unmount(MountKey),
    /// Writes a file of a mount straight through to the device of its machine, mounted or not.
    Write(MountKey, String),
    /// Sets a tag on a mount's volume.
    TagVolume(MountKey, String, String),
    /// Removes a tag from a mount's volume.
    UntagVolume(MountKey, String),
    /// Sets a tag on a node's instance.
    TagInstance(NodeName, String, String),
    /// Removes a tag from a node's instance.
    UntagInstance(NodeName, String),
    /// Sets a tag on a mount's newest snapshot.
    TagSnapshot(MountKey, String, String),
    /// Removes a tag from a mount's newest snapshot.
    UntagSnapshot(MountKey, String),
    /// Sets whether a mount's volume is deleted with the instance that it is attached to.
    SetDeleteOnTermination(MountKey, bool),
    /// Makes a blank volume with the tags of a mount's volume.
    CopyVolume(MountKey),
    /// Runs an instance with the tags of a node's instance.
    CopyInstance(NodeName),
    /// Makes a volume with the name of a mount's volume, and no other tag.
    LookAlike(MountKey),
    /// Sets whether a node's instance is protected from termination.
    Protect(NodeName, bool),
}

impl Human {
    /// Returns the kind of fault that it is.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::TagVolume(..)
            | Self::UntagVolume(..)
            | Self::TagInstance(..)
            | Self::UntagInstance(..)
            | Self::TagSnapshot(..)
            | Self::UntagSnapshot(..)
            | Self::CopyVolume(_)
            | Self::CopyInstance(_) => FaultKind::HumanTags,
            Self::DeleteVolume(_)
            | Self::DeleteNewestSnapshot(_)
            | Self::DeleteSnapshots(_)
            | Self::TerminateInstance(_)
            | Self::SetDeleteOnTermination(..) => FaultKind::HumanDeletes,
            Self::TakeSnapshot(_)
            | Self::StopInstance(_)
            | Self::StartInstance(_)
            | Self::Attach(..)
            | Self::ForceDetach(_)
            | Self::Mount(..)
            | Self::Unmount(_)
            | Self::Write(..)
            | Self::LookAlike(_)
            | Self::Protect(..) => FaultKind::HumanHands,
        }
    }

    /// Returns which harm nobody could have foreseen when it happens after the look.
    fn excuses(&self) -> &'static [HarmKind] {
        match self {
            Self::DeleteNewestSnapshot(_) | Self::DeleteSnapshots(_) => HarmKind::OF_LOST_SNAPSHOTS,
            Self::Attach(..) | Self::Mount(..) | Self::StartInstance(_) => HarmKind::OF_MOUNTS,
            Self::Write(..) => &[HarmKind::DeletedUnsaved, HarmKind::FormattedOverContent],
            Self::TagVolume(..)
            | Self::UntagVolume(..)
            | Self::TagInstance(..)
            | Self::UntagInstance(..)
            | Self::TagSnapshot(..)
            | Self::UntagSnapshot(..)
            | Self::CopyVolume(_)
            | Self::CopyInstance(_) => HarmKind::OF_TAGS,
            Self::SetDeleteOnTermination(..) => &[HarmKind::DeletedWithInstance],
            Self::DeleteVolume(_)
            | Self::TakeSnapshot(_)
            | Self::TerminateInstance(_)
            | Self::StopInstance(_)
            | Self::ForceDetach(_)
            | Self::Unmount(_)
            | Self::Protect(..)
            | Self::LookAlike(_) => &[],
        }
    }

    /// Says whether it takes away a name or data, so that what happens to them then is told, and not
    /// held against anybody.
    #[must_use]
    pub fn robs(&self) -> bool {
        matches!(self, Self::ForceDetach(_)) || self.kind() != FaultKind::HumanHands
    }

    /// Returns the node or mount whose name it gives to what was another's.
    fn heir(&self) -> Option<Subject> {
        let mount_named = |node: &str, mount: &str| {
            let node = NodeName::new(node).ok()?;
            Some(Subject::Mount(MountKey { node, mount: MountName::new(mount).ok()? }))
        };
        match self {
            Self::TagVolume(of, key, value) | Self::TagSnapshot(of, key, value) => match &**key {
                KEY_NODE => mount_named(value, of.mount.as_str()),
                KEY_MOUNT => mount_named(of.node.as_str(), value),
                _ => None,
            },
            Self::TagInstance(_, key, value) if key == KEY_NODE => {
                Some(Subject::Node(NodeName::new(value).ok()?))
            }
            _ => None,
        }
    }

    /// Returns the node or mount that it touches.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::DeleteVolume(mount)
            | Self::DeleteNewestSnapshot(mount)
            | Self::DeleteSnapshots(mount)
            | Self::TakeSnapshot(mount)
            | Self::Attach(mount, _)
            | Self::ForceDetach(mount)
            | Self::Mount(mount, _)
            | Self::Unmount(mount)
            | Self::Write(mount, _)
            | Self::TagVolume(mount, _, _)
            | Self::UntagVolume(mount, _)
            | Self::TagSnapshot(mount, _, _)
            | Self::UntagSnapshot(mount, _)
            | Self::SetDeleteOnTermination(mount, _)
            | Self::LookAlike(mount)
            | Self::CopyVolume(mount) => Subject::Mount(mount.clone()),
            Self::TerminateInstance(node)
            | Self::StopInstance(node)
            | Self::StartInstance(node)
            | Self::TagInstance(node, _, _)
            | Self::UntagInstance(node, _)
            | Self::Protect(node, _)
            | Self::CopyInstance(node) => Subject::Node(node.clone()),
        }
    }
}

impl World {
    /// Lets a human do something.
    ///
    /// # Errors
    /// When it cannot be done as things are; nothing changed then.
    pub fn human(&mut self, what: &Human) -> Result<(), UserError> {
        let result = self.human_does(what);
        if result.is_ok() {
            let subject = what.subject();
            if let Some(node) = subject.node() {
                self.touch(node, Cause::Human, what.excuses());
            }
            if what.robs() {
                self.faults.note_struck(self.now, what.kind(), subject);
                // Whoever gets the name is as little to be known as whoever loses it.
                if let Some(heir) = what.heir() {
                    if let Some(node) = heir.node() {
                        self.touch(node, Cause::Human, what.excuses());
                    }
                    self.faults.note_struck(self.now, what.kind(), heir);
                }
            }
            if let Human::Write(mount, _) = what {
                // Whoever did not put it there cannot know of it before a node shows it.
                let subject = Subject::Mount(mount.clone());
                self.faults.note_struck(self.now, FaultKind::ForeignContent, subject);
            }
            if let Human::Attach(_, node) = what {
                self.touch(node, Cause::Human, what.excuses());
            }
        }
        self.note(format!("human {what:?}: {result:?}"));
        self.publish();
        result
    }

    fn human_does(&mut self, what: &Human) -> Result<(), UserError> {
        match what {
            Human::DeleteVolume(mount) => {
                let volume = self.one_volume(mount)?;
                if volume.state != VolumeState::Available {
                    return Err(UserError::Refused(format!("{} is {}", volume.id, volume.state)));
                }
                let id = volume.id.clone();
                self.begin_delete(&id);
            }
            Human::DeleteNewestSnapshot(mount) => {
                let id = self.newest_snapshot(mount)?;
                if let Some(snapshot) = self.snapshot_mut(&id) {
                    snapshot.is_listed = false;
                }
            }
            Human::DeleteSnapshots(mount) => {
                for id in self.snapshots_of(mount) {
                    if let Some(snapshot) = self.snapshot_mut(&id) {
                        snapshot.is_listed = false;
                    }
                }
            }
            Human::TakeSnapshot(mount) => {
                let volume = self.one_volume(mount)?;
                let (id, size, content) = (volume.id.clone(), volume.size, volume.content.clone());
                let takes = self.snapshot_time(id.as_str(), size);
                self.add_snapshot(NewSnapshot {
                    volume: id,
                    size,
                    tags: Tags::default(),
                    content,
                    takes,
                    hidden_for: std::time::Duration::ZERO,
                });
            }
            Human::TerminateInstance(node) => {
                let id = self.one_instance(node)?;
                self.lose_machine(&id, "Client.UserInitiatedShutdown: a human terminated it");
            }
            Human::StopInstance(node) => {
                let id = self.one_instance(node)?;
                if !self.stop_machine(&id, "Client.UserInitiatedShutdown: a human stopped it") {
                    return Err(UserError::NotRunning(id));
                }
            }
            Human::StartInstance(node) => {
                let id = self.one_instance(node)?;
                if self.instance_state(&id)
                    != Some(wucluster_core::observation::InstanceState::Stopped)
                {
                    return Err(UserError::Refused(format!("{id} is not stopped")));
                }
                self.power_on(&id);
            }
            Human::Attach(mount, node) => {
                let (volume, instance) =
                    (self.one_volume(mount)?.id.clone(), self.one_instance(node)?);
                self.may_attach(&volume, &instance)
                    .map_err(|error| UserError::Refused(error.to_string()))?;
                self.begin_attach(&volume, &instance, false);
            }
            Human::ForceDetach(mount) => self.force_detach(mount)?,
            Human::Mount(mount, at) => {
                let (instance, volume) = self.machine_of(mount)?;
                let Shape::Filesystem { kind, .. } =
                    self.one_volume(mount)?.content.shape().clone()
                else {
                    return Err(UserError::Refused("it has no file system".to_owned()));
                };
                let mounted = Mounted { volume, at: at.clone(), kind, is_read_only: false };
                self.may_mount(&instance, &mounted, true)
                    .map_err(|error| UserError::Refused(error.to_string()))?;
                self.mount(&instance, mounted);
            }
            Human::Unmount(mount) => {
                let (instance, volume) = self.machine_of(mount)?;
                self.unmount(&instance, &volume)
                    .map_err(|error| UserError::Refused(error.to_string()))?;
            }
            Human::Write(mount, data) => {
                // Nobody can write to a volume that no machine has.
                let (_, id) = self.machine_of(mount)?;
                if !matches!(self.one_volume(mount)?.content.shape(), Shape::Filesystem { .. }) {
                    return Err(UserError::Refused("it has no file system".to_owned()));
                }
                if let Some(volume) = self.volume_mut(&id) {
                    volume.content = volume.content.clone().with_file("by-hand", data);
                }
            }
            Human::TagVolume(mount, key, value) => {
                let id = self.one_volume(mount)?.id.clone();
                if let Some(volume) = self.volume_mut(&id) {
                    volume.tags.set(key, value.clone());
                }
            }
            Human::UntagVolume(mount, key) => {
                let id = self.one_volume(mount)?.id.clone();
                if let Some(volume) = self.volume_mut(&id) {
                    volume.tags.remove(key);
                }
            }
            Human::TagInstance(node, key, value) => {
                let id = self.one_instance(node)?;
                if let Some(instance) = self.instance_mut(&id) {
                    instance.tags.set(key, value.clone());
                }
            }
            Human::UntagInstance(node, key) => {
                let id = self.one_instance(node)?;
                if let Some(instance) = self.instance_mut(&id) {
                    instance.tags.remove(key);
                }
            }
            Human::TagSnapshot(mount, key, value) => {
                let id = self.newest_snapshot(mount)?;
                if let Some(snapshot) = self.snapshot_mut(&id) {
                    snapshot.tags.set(key, value.clone());
                }
            }
            Human::UntagSnapshot(mount, key) => {
                let id = self.newest_snapshot(mount)?;
                if let Some(snapshot) = self.snapshot_mut(&id) {
                    snapshot.tags.remove(key);
                }
            }
            Human::Protect(node, is_set) => {
                let id = self.one_instance(node)?;
                if let Some(instance) = self.instance_mut(&id) {
                    instance.is_protected = *is_set;
                }
            }
            Human::LookAlike(mount) => {
                let volume = self.one_volume(mount)?;
                let name = volume.tags.get(KEY_NAME).unwrap_or_default().to_owned();
                let mut tags = Tags::default();
                tags.set(KEY_NAME, name);
                self.copy_volume(mount, tags, "look-alike")?;
            }
            Human::SetDeleteOnTermination(mount, is_set) => {
                let id = self.one_volume(mount)?.id.clone();
                let attachment = self.volume_mut(&id).and_then(|volume| volume.attachment.as_mut());
                let attachment = attachment
                    .ok_or_else(|| UserError::Missing(format!("attachment of {mount}")))?;
                attachment.delete_on_termination = *is_set;
            }
            Human::CopyVolume(mount) => {
                let tags = self.one_volume(mount)?.tags.clone();
                self.copy_volume(mount, tags, "copy")?;
            }
            Human::CopyInstance(node) => {
                let id = self.one_instance(node)?;
                let (tags, zone) =
                    (self.instances[&id].tags.clone(), self.instances[&id].zone.clone());
                let hidden_for = std::time::Duration::ZERO;
                let id = self.add_instance(NewInstance {
                    asked_by: format!("copy of {id}"),
                    tags,
                    zone,
                    maker: Maker::Human,
                    hidden_for,
                });
                let after = self.draw(id.as_str(), self.durations.launch);
                let state = wucluster_core::observation::InstanceState::Running;
                self.schedule(after, Event::InstanceReaches { id, state, turn: 0 });
            }
        }
        Ok(())
    }

    /// Makes a blank volume like a mount's, with other tags.
    fn copy_volume(&mut self, mount: &MountKey, tags: Tags, what: &str) -> Result<(), UserError> {
        let volume = self.one_volume(mount)?;
        let id = self.add_volume(NewVolume {
            asked_by: format!("{what} of {}", volume.id),
            tags,
            zone: volume.zone.clone(),
            size: volume.size,
            from: None,
            content: Content::blank(),
            maker: Maker::Human,
            hidden_for: std::time::Duration::ZERO,
        });
        let after = self.draw(id.as_str(), self.durations.create_volume);
        self.schedule(after, Event::VolumeMade { id, fate: Fate::Made });
        Ok(())
    }

    fn newest_snapshot(&self, mount: &MountKey) -> Result<SnapshotId, UserError> {
        let newest = self.snapshots_of(mount).into_iter().next();
        newest.ok_or_else(|| UserError::Missing(format!("snapshot of {mount}")))
    }

    fn force_detach(&mut self, mount: &MountKey) -> Result<(), UserError> {
        let volume = self.one_volume(mount)?;
        let id = volume.id.clone();
        let attachment = volume.attachment.as_ref();
        let attachment =
            attachment.ok_or_else(|| UserError::Missing(format!("attachment of {mount}")))?;
        let instance = attachment.instance.clone();
        if attachment.state == AttachmentState::Detached {
            return Err(UserError::Missing(format!("attachment of {mount}")));
        }
        let lost = self.instances.get_mut(&instance).map(|found| {
            found.machine.mounts.retain(|mounted| mounted.volume != id);
            found.machine.elsewhere.remove(&id);
            found.machine.grips.retain(|(on, _)| on != &id);
            found.machine.processes.retain(|_, process| process.volume != id);
            found.machine.caches.remove(&id).unwrap_or_default().len()
        });
        if let Some(writes) = lost.filter(|writes| *writes > 0) {
            self.record_loss(&instance, &id, writes, "detached by force");
        }
        self.detached(&id);
        Ok(())
    }

    fn one_volume(&self, mount: &MountKey) -> Result<&Volume, UserError> {
        let id: Option<VolumeId> = self.volume_of(mount);
        id.and_then(|id| self.volumes.get(&id))
            .ok_or_else(|| UserError::Missing(format!("volume of {mount}")))
    }

    fn one_instance(&self, node: &NodeName) -> Result<InstanceId, UserError> {
        self.instance_of(node).ok_or_else(|| UserError::Missing(format!("instance of {node}")))
    }
}

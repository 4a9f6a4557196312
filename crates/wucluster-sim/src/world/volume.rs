//! Volumes: what the cloud keeps of them, and the requests about them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::definition::Size;
use wucluster_core::ids::{InstanceId, MountKey, SnapshotId, VolumeId};
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::ports::{CloudError, ErrorClass, Receipt};
use wucluster_core::tags::{Identity, Tags};
use wucluster_core::time::Timestamp;

use super::attachment::Attachment;
use super::event::Event;
use super::owner::{Maker, Owner};
use super::published::Published;
use super::requests::By;
use super::state::World;
use crate::content::Content;
use crate::error::{refuse, with_class};
use crate::faults::{Room, Upset};

/// A volume in truth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Volume {
    pub(super) id: VolumeId,
    /// Its number in the order of making.
    pub(super) number: u64,
    pub(super) state: VolumeState,
    pub(super) size: Size,
    pub(super) tags: Tags,
    pub(super) owner: Option<Owner>,
    pub(super) maker: Maker,
    pub(super) zone: String,
    pub(super) attachment: Option<Attachment>,
    /// Grows with each change of direction of its attachment; events of an earlier turn are void.
    pub(super) turn: u64,
    pub(super) from_snapshot: Option<SnapshotId>,
    pub(super) created_at: Timestamp,
    pub(super) content: Content,
    /// The size that it is on the way to.
    #[serde(default)]
    pub(super) grows_to: Option<Size>,
    /// When its growths began.
    #[serde(default)]
    pub(super) grown_at: Vec<Timestamp>,
    /// Whether a file system of it was ever mounted writable.
    pub(super) was_mounted: bool,
    pub(super) snapshot_at: Option<Timestamp>,
    pub(super) is_listed: bool,
    pub(super) published: Published<VolumeSeen>,
}

impl Volume {
    /// Says whether it exists and can be worked with or may become so.
    pub(super) fn is_living(&self) -> bool {
        matches!(self.state, VolumeState::Creating | VolumeState::Available | VolumeState::InUse)
    }

    /// Returns the mount that it belongs to in truth.
    pub(super) fn mount(&self) -> Option<MountKey> {
        match &self.owner.as_ref()?.identity {
            Identity::Mount(key) => Some(key.clone()),
            Identity::Node(_) => None,
        }
    }

    pub(super) fn seen(&self) -> Option<VolumeSeen> {
        if !self.is_listed {
            return None;
        }
        let attachments = self.attachment.iter().map(|found| AttachmentSeen {
            instance: found.instance.clone(),
            state: found.state.clone(),
            since: Some(found.since),
            delete_on_termination: Some(found.delete_on_termination),
        });
        Some(VolumeSeen {
            id: self.id.clone(),
            state: self.state.clone(),
            size: self.size,
            tags: self.tags.clone(),
            attachments: attachments.collect(),
            from_snapshot: self.from_snapshot.clone(),
            zone: Some(self.zone.clone()),
            created_at: Some(self.created_at),
        })
    }
}

/// What becomes of a volume that is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// It is made.
    Made,
    /// It ends in error.
    Breaks,
    /// It is gone, as if it had never been.
    Vanishes,
}

/// What a new volume is made of.
pub(super) struct NewVolume {
    /// What it follows from: a token, or the like.
    pub(super) asked_by: String,
    pub(super) tags: Tags,
    pub(super) zone: String,
    pub(super) size: Size,
    pub(super) from: Option<SnapshotId>,
    pub(super) content: Content,
    pub(super) maker: Maker,
    pub(super) hidden_for: Duration,
}

/// The parameters of `CreateVolume`.
pub(super) struct CreateVolume<'a> {
    pub(super) size: Size,
    pub(super) from: Option<&'a SnapshotId>,
    pub(super) zone: Option<&'a str>,
    pub(super) tags: &'a Tags,
    pub(super) token: &'a str,
}

impl World {
    pub(super) fn create_volume(
        &mut self,
        by: &By<'_>,
        asked: &CreateVolume<'_>,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        let zone = self.zone(asked.zone)?;
        self.check_tags(asked.tags)?;
        if self.is_to_be_burned(by.action, &zone, asked.token, upset) {
            let (_, gone) = self.make_id("vol", &format!("before {}", asked.token));
            self.burn_by_fault(by.action, &zone, asked.token, (upset, Some(&gone)));
        }
        if let Some(id) = self.replay(by.action, &zone, asked.token)? {
            let id = VolumeId::new(id);
            return match self.volumes.get(&id).map(|found| &found.state) {
                Some(VolumeState::Deleting | VolumeState::Deleted) | None => Err(refuse(
                    "IdempotentParameterMismatch",
                    format!(
                        "the client token {} is associated with a resource that is already deleted",
                        asked.token
                    ),
                )),
                Some(_) => Ok(Receipt::Volume(id)),
            };
        }
        if asked.size.gib() == 0 || asked.size.gib() > 65_536 {
            return Err(refuse(
                "InvalidParameterValue",
                format!("a volume of {} cannot be made", asked.size),
            ));
        }
        let content = match asked.from {
            None => Content::blank(),
            Some(id) => self.restorable(id, asked.size)?,
        };
        if self.volumes.values().filter(|volume| volume.is_living()).count()
            >= self.limits.volumes_max
        {
            return Err(refuse("VolumeLimitExceeded", "you have reached your limit of volumes"));
        }
        self.check_room(Room::Volumes)?;
        self.judge_new_volume(by, asked.tags, asked.from);
        self.judge_remade(by, asked.tags, (asked.size, &zone));
        let hidden_for = self.hidden_for(asked.token, upset);
        let id = self.add_volume(NewVolume {
            asked_by: asked.token.to_owned(),
            tags: asked.tags.clone(),
            zone: zone.clone(),
            size: asked.size,
            from: asked.from.cloned(),
            content,
            maker: Maker::Operator,
            hidden_for,
        });
        self.burn(by.action, &zone, asked.token, id.as_str());
        let after = self.draw(id.as_str(), self.durations.create_volume);
        let (fault, fate) = match (upset.volume_breaks(), upset.volume_vanishes()) {
            (Some((fault, ())), _) => (Some(fault), Fate::Breaks),
            (None, Some((fault, ()))) => (Some(fault), Fate::Vanishes),
            (None, None) => (None, Fate::Made),
        };
        if let Some(fault) = fault {
            self.fired(fault);
        }
        self.schedule(after, Event::VolumeMade { id: id.clone(), fate });
        Ok(Receipt::Volume(id))
    }

    /// Adds a volume that is being made; whoever calls schedules what becomes of it.
    pub(super) fn add_volume(&mut self, new: NewVolume) -> VolumeId {
        let (number, id) = self.make_id("vol", &new.asked_by);
        let id = VolumeId::new(id);
        let NewVolume { asked_by: _, tags, zone, size, from, content, maker, hidden_for } = new;
        let volume = Volume {
            id: id.clone(),
            number,
            state: VolumeState::Creating,
            size,
            owner: Owner::of(&tags),
            tags,
            maker,
            zone,
            attachment: None,
            turn: 0,
            from_snapshot: from,
            created_at: self.now,
            content,
            grows_to: None,
            grown_at: Vec::new(),
            was_mounted: false,
            snapshot_at: None,
            is_listed: true,
            published: Published::new(self.now.after(hidden_for)),
        };
        self.volumes.insert(id.clone(), volume);
        self.volume_mut(&id);
        self.schedule_glance(hidden_for);
        id
    }

    fn restorable(&self, id: &SnapshotId, size: Size) -> Result<Content, CloudError> {
        let snapshot =
            self.snapshots.get(id).filter(|snapshot| snapshot.is_listed).ok_or_else(|| {
                refuse("InvalidSnapshot.NotFound", format!("the snapshot {id} does not exist"))
            })?;
        match &snapshot.state {
            SnapshotState::Completed => {}
            SnapshotState::Error => {
                return Err(refuse(
                    "InvalidSnapshot.NotFound",
                    format!("the snapshot {id} failed and holds nothing"),
                ));
            }
            state @ (SnapshotState::Pending
            | SnapshotState::Recoverable
            | SnapshotState::Recovering
            | SnapshotState::Unrecognized(_)) => {
                return Err(refuse(
                    "IncorrectState",
                    format!("Snapshot is in invalid state - {state}"),
                ));
            }
        }
        if size < snapshot.size {
            let message =
                format!("a volume of {size} is smaller than snapshot {id} of {}", snapshot.size);
            return Err(refuse("InvalidParameterValue", message));
        }
        let mut content = snapshot.content.clone();
        if !snapshot.has_any_size {
            content.keep_room(snapshot.size);
        }
        Ok(content)
    }

    pub(super) fn volume_made(&mut self, id: &VolumeId, fate: Fate) {
        let Some(volume) = self.volume_mut(id).filter(|found| found.state == VolumeState::Creating)
        else {
            return;
        };
        volume.state = match fate {
            Fate::Made => VolumeState::Available,
            Fate::Breaks => VolumeState::Error,
            Fate::Vanishes => {
                volume.is_listed = false;
                VolumeState::Deleted
            }
        };
        let state = volume.state.clone();
        self.note(format!("volume {id} {state}"));
    }

    pub(super) fn delete_volume(
        &mut self,
        by: &By<'_>,
        id: &VolumeId,
    ) -> Result<Receipt, CloudError> {
        let state = match self.volumes.get(id) {
            Some(volume) => volume.state.clone(),
            None => return Err(not_found(id)),
        };
        match state {
            VolumeState::Available => {
                self.judge_ownership(by, id.as_str());
                self.judge_delete(by, id);
                self.begin_delete(id);
                Ok(Receipt::Accepted)
            }
            VolumeState::InUse => {
                let error = refuse("VolumeInUse", format!("Volume {id} is currently attached"));
                Err(with_class(error, ErrorClass::Retry))
            }
            VolumeState::Deleting | VolumeState::Deleted => Ok(Receipt::AlreadyDone),
            VolumeState::Creating | VolumeState::Error | VolumeState::Unrecognized(_) => {
                Err(refuse("IncorrectState", format!("{id} is {state} and cannot be deleted")))
            }
        }
    }

    pub(super) fn begin_delete(&mut self, id: &VolumeId) {
        if let Some(volume) = self.volume_mut(id) {
            volume.state = VolumeState::Deleting;
        }
        let after = self.draw(id.as_str(), self.durations.delete_volume);
        self.schedule(after, Event::VolumeGone { id: id.clone() });
    }

    pub(super) fn volume_gone(&mut self, id: &VolumeId) {
        if let Some(volume) = self.volume_mut(id) {
            volume.state = VolumeState::Deleted;
            volume.is_listed = false;
        }
        self.note(format!("volume {id} gone"));
    }

    pub(super) fn tag_volume(
        &mut self,
        by: &By<'_>,
        id: &VolumeId,
        tags: &Tags,
    ) -> Result<Receipt, CloudError> {
        let all = self.known_volume(id)?.tags.clone().with(tags);
        self.check_tags(&all)?;
        self.judge_ownership(by, id.as_str());
        if let Some(volume) = self.volume_mut(id) {
            volume.tags = all;
        }
        Ok(Receipt::Accepted)
    }

    /// Returns a volume that is neither gone nor going.
    pub(super) fn known_volume(&self, id: &VolumeId) -> Result<&Volume, CloudError> {
        self.volumes
            .get(id)
            .filter(|volume| !matches!(volume.state, VolumeState::Deleting | VolumeState::Deleted))
            .ok_or_else(|| not_found(id))
    }

    /// Returns whose a mount is, by whatever was ever made for it.
    pub(super) fn owner_of(&self, mount: &MountKey) -> Option<Owner> {
        let of_volumes = self.volumes.values().filter_map(|found| found.owner.as_ref());
        let of_snapshots = self.snapshots.values().filter_map(|found| found.owner.as_ref());
        of_volumes.chain(of_snapshots).find(|owner| owner.is_mount(mount)).cloned()
    }

    /// Lists the ids of a mount's volumes that are not gone, going or broken, oldest first.
    #[must_use]
    pub fn volumes_of(&self, mount: &MountKey) -> Vec<VolumeId> {
        let mut found: Vec<&Volume> = self
            .volumes
            .values()
            .filter(|volume| volume.is_living())
            .filter(|volume| volume.owner.as_ref().is_some_and(|owner| owner.is_mount(mount)))
            .collect();
        found.sort_by_key(|volume| volume.number);
        found.into_iter().map(|volume| volume.id.clone()).collect()
    }

    /// Returns the id of a mount's oldest living volume.
    #[must_use]
    pub fn volume_of(&self, mount: &MountKey) -> Option<VolumeId> {
        self.volumes_of(mount).into_iter().next()
    }

    /// Returns a volume's true state; `None` when there never was such a volume.
    #[must_use]
    pub fn volume_state(&self, id: &VolumeId) -> Option<VolumeState> {
        self.volumes.get(id).map(|volume| volume.state.clone())
    }

    /// Returns a volume's true tags.
    #[must_use]
    pub fn volume_tags(&self, id: &VolumeId) -> Option<&Tags> {
        self.volumes.get(id).map(|volume| &volume.tags)
    }

    /// Returns where a volume is attached, and the attachment's true state.
    #[must_use]
    pub fn attachment_of(&self, id: &VolumeId) -> Option<(InstanceId, AttachmentState)> {
        let attachment = self.volumes.get(id)?.attachment.as_ref()?;
        Some((attachment.instance.clone(), attachment.state.clone()))
    }

    /// Returns what is on a volume's device; writes that wait in a cache are not.
    #[must_use]
    pub fn content_of_volume(&self, id: &VolumeId) -> Option<&Content> {
        self.volumes.get(id).map(|volume| &volume.content)
    }
}

fn not_found(id: &VolumeId) -> CloudError {
    refuse("InvalidVolume.NotFound", format!("The volume '{id}' does not exist."))
}

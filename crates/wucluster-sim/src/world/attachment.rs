//! Attachments: the requests about them, and how a device comes to a machine and leaves it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::ids::{InstanceId, VolumeId};
use wucluster_core::observation::{AttachmentState, InstanceState, VolumeState};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::requests::By;
use super::state::World;
use crate::error::refuse;
use crate::faults::{Felt, Room, Upset};

/// An attachment in truth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Attachment {
    pub(super) instance: InstanceId,
    pub(super) state: AttachmentState,
    pub(super) since: Timestamp,
    pub(super) delete_on_termination: bool,
    /// Whether the device is plugged into the machine, whatever the listing says.
    pub(super) is_plugged: bool,
    /// Whether a fault keeps it where it is.
    pub(super) is_stuck: bool,
    /// Whether a fault keeps the device from its node, and for how long; `None`: until a reboot.
    pub(super) device_after: Option<Option<Duration>>,
}

impl World {
    pub(super) fn attach_volume(
        &mut self,
        by: &By<'_>,
        id: &VolumeId,
        instance: &InstanceId,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        self.may_attach(id, instance)?;
        self.check_room(Room::Attachments)?;
        self.judge_ownership(by, id.as_str());
        self.judge_ownership(by, instance.as_str());
        self.judge_attach(by, id, instance);
        let sticks = upset.sticks_attaching();
        self.begin_attach(id, instance, sticks.is_some());
        if let Some((fault, span)) = sticks {
            self.fired(fault);
            if let Some(span) = span {
                let turn = self.volumes[id].turn;
                self.schedule(span, Event::Attached { volume: id.clone(), turn });
            }
        }
        if let Some((fault, span)) = upset.device_is_late() {
            self.fired(fault);
            if let Some(attachment) =
                self.volume_mut(id).and_then(|found| found.attachment.as_mut())
            {
                attachment.device_after = Some(span);
            }
        }
        Ok(Receipt::Accepted)
    }

    pub(super) fn may_attach(
        &self,
        id: &VolumeId,
        instance: &InstanceId,
    ) -> Result<(), CloudError> {
        let volume = self.known_volume(id)?;
        let target =
            self.instances.get(instance).filter(|found| found.is_listed).ok_or_else(|| {
                refuse(
                    "InvalidInstanceID.NotFound",
                    format!("the instance {instance} does not exist"),
                )
            })?;
        if let Some(attachment) = &volume.attachment {
            let message =
                format!("{id} is already attached to an instance: {}", attachment.instance);
            return Err(refuse("VolumeInUse", message));
        }
        if volume.state != VolumeState::Available {
            return Err(refuse(
                "IncorrectState",
                format!("{id} is not 'available', it is {}", volume.state),
            ));
        }
        if !matches!(target.state, InstanceState::Running | InstanceState::Stopped) {
            let message = format!("Instance '{instance}' is not 'running', it is {}", target.state);
            return Err(refuse("IncorrectState", message));
        }
        if volume.zone != target.zone {
            let message = format!("{id} is in {}, {instance} in {}", volume.zone, target.zone);
            return Err(refuse("InvalidVolume.ZoneMismatch", message));
        }
        let attached = self
            .volumes
            .values()
            .filter(|volume| {
                volume.attachment.as_ref().is_some_and(|found| &found.instance == instance)
            })
            .count();
        if attached >= self.limits.attachments_per_instance_max {
            let message = format!("{instance} has {attached} volumes attached and takes no more");
            return Err(refuse("AttachmentLimitExceeded", message));
        }
        Ok(())
    }

    pub(super) fn begin_attach(&mut self, id: &VolumeId, instance: &InstanceId, is_stuck: bool) {
        let now = self.now;
        let Some(volume) = self.volume_mut(id) else { return };
        volume.state = VolumeState::InUse;
        volume.turn += 1;
        volume.attachment = Some(Attachment {
            instance: instance.clone(),
            state: AttachmentState::Attaching,
            since: now,
            delete_on_termination: false,
            is_plugged: false,
            is_stuck,
            device_after: None,
        });
        let turn = volume.turn;
        if !is_stuck {
            let after = self.draw(id.as_str(), self.durations.attach);
            self.schedule(after, Event::Attached { volume: id.clone(), turn });
        }
    }

    pub(super) fn detach_volume(
        &mut self,
        by: &By<'_>,
        id: &VolumeId,
        instance: &InstanceId,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        let volume = self.known_volume(id)?;
        let Some(attachment) = &volume.attachment else {
            let message = format!("Volume '{id}' is in the '{}' state", volume.state);
            return Err(refuse("IncorrectState", message));
        };
        if &attachment.instance != instance {
            let message = format!("{id} is attached to {}, not to {instance}", attachment.instance);
            return Err(refuse("InvalidAttachment.NotFound", message));
        }
        match attachment.state {
            AttachmentState::Detaching | AttachmentState::Busy | AttachmentState::Detached => {
                return Ok(Receipt::AlreadyDone);
            }
            AttachmentState::Attaching
            | AttachmentState::Attached
            | AttachmentState::Unrecognized(_) => {}
        }
        self.judge_ownership(by, id.as_str());
        self.judge_detach(by, id, instance);
        self.begin_detach(id, upset.sticks_detaching());
        Ok(Receipt::Accepted)
    }

    pub(super) fn attached(&mut self, id: &VolumeId, turn: u64) {
        let now = self.now;
        let Some(volume) = self.volume_mut(id).filter(|found| found.turn == turn) else { return };
        let Some(attachment) = volume.attachment.as_mut() else { return };
        attachment.state = AttachmentState::Attached;
        attachment.since = now;
        attachment.is_plugged = true;
        attachment.is_stuck = false;
        let instance = attachment.instance.clone();
        let late = attachment.device_after;
        self.note(format!("attached {id} to {instance}"));
        let usual = self.draw(id.as_str(), self.durations.device);
        let after = match late {
            None => usual,
            Some(Some(span)) => usual.max(span),
            Some(None) => return,
        };
        self.schedule(after, Event::DeviceAppears { volume: id.clone(), instance, turn });
    }

    pub(super) fn device_appears(&mut self, id: &VolumeId, instance: &InstanceId, turn: u64) {
        let is_current = self.volumes.get(id).is_some_and(|found| found.turn == turn);
        if let Some(found) = self.instances.get_mut(instance)
            && is_current
            && found.is_running()
            && !found.machine.devices.contains_key(id)
        {
            let number = found.machine.free_number();
            found.machine.devices.insert(id.clone(), number);
            self.note(format!("device {id} on {instance}"));
            self.mount_at_boot(instance, id);
        }
    }

    /// Begins to detach; with a fault it stays `detaching` for that time, or until the machine dies.
    pub(super) fn begin_detach(&mut self, id: &VolumeId, sticks: Felt<(Option<Duration>, bool)>) {
        let now = self.now;
        let Some(volume) = self.volume_mut(id) else { return };
        volume.turn += 1;
        let turn = volume.turn;
        let Some(attachment) = volume.attachment.as_mut() else { return };
        attachment.state = AttachmentState::Detaching;
        attachment.since = now;
        attachment.is_stuck = sticks.is_some();
        let due = Event::DetachDue { volume: id.clone(), turn };
        match sticks {
            None => {
                let after = self.draw(id.as_str(), self.durations.detach);
                self.schedule(after, due);
            }
            Some((fault, (span, is_busy))) => {
                self.fired(fault);
                if let Some(span) = span {
                    self.schedule(span, due);
                }
                if is_busy {
                    let after = self.draw(id.as_str(), self.durations.busy);
                    self.schedule(after, Event::DetachBusy { volume: id.clone(), turn });
                }
            }
        }
    }

    /// Lets go of a device that nothing holds; else waits for the machine to let go.
    pub(super) fn detach_due(&mut self, id: &VolumeId, turn: u64) {
        let Some(attachment) = self
            .volumes
            .get_mut(id)
            .filter(|found| found.turn == turn)
            .and_then(|found| found.attachment.as_mut())
        else {
            return;
        };
        attachment.is_stuck = false;
        let instance = attachment.instance.clone();
        if self.is_held(id, &instance) {
            let after = self.draw(id.as_str(), self.durations.busy);
            self.schedule(after, Event::DetachBusy { volume: id.clone(), turn });
            return;
        }
        self.detached(id);
        self.note(format!("detached {id} from {instance}"));
    }

    pub(super) fn detach_busy(&mut self, id: &VolumeId, turn: u64) {
        let Some(volume) = self.volume_mut(id).filter(|found| found.turn == turn) else { return };
        let Some(attachment) = volume.attachment.as_mut() else { return };
        if attachment.state == AttachmentState::Detaching {
            attachment.state = AttachmentState::Busy;
            self.note(format!("busy {id}"));
        }
    }

    /// Ends the attachment at once.
    pub(super) fn detached(&mut self, id: &VolumeId) {
        let Some(volume) = self.volume_mut(id) else { return };
        volume.turn += 1;
        let attachment = volume.attachment.take();
        if volume.state == VolumeState::InUse {
            volume.state = VolumeState::Available;
        }
        if let Some(attachment) = attachment
            && let Some(instance) = self.instances.get_mut(&attachment.instance)
        {
            instance.machine.devices.remove(id);
        }
    }

    /// Tells the cloud that a volume's file system is gone from its machine, so that a detachment
    /// that waited for it goes on.
    pub(super) fn device_let_go(&mut self, id: &VolumeId) {
        let Some(volume) = self.volumes.get(id) else { return };
        let Some(attachment) = &volume.attachment else { return };
        let is_waiting =
            matches!(attachment.state, AttachmentState::Detaching | AttachmentState::Busy);
        if is_waiting && !attachment.is_stuck && !self.is_held(id, &attachment.instance) {
            let turn = volume.turn;
            let after = self.draw(id.as_str(), self.durations.detach);
            self.schedule(after, Event::DetachDue { volume: id.clone(), turn });
        }
    }

    /// Does the same for all volumes of a machine, freeing those that a fault kept as well.
    pub(super) fn devices_let_go(&mut self, instance: &InstanceId) {
        let attached: Vec<VolumeId> = self
            .volumes
            .values_mut()
            .filter_map(|volume| {
                let attachment =
                    volume.attachment.as_mut().filter(|found| &found.instance == instance)?;
                if attachment.state != AttachmentState::Attaching {
                    attachment.is_stuck = false;
                }
                Some(volume.id.clone())
            })
            .collect();
        for volume in attached {
            self.device_let_go(&volume);
        }
    }

    /// Says whether a living machine holds the volume's device, in any name space.
    pub(super) fn is_held(&self, volume: &VolumeId, instance: &InstanceId) -> bool {
        self.instances
            .get(instance)
            .is_some_and(|found| !found.is_dead() && found.machine.is_holding(volume))
    }
}

//! The life of an instance: power, boot, reboot, and what is lost without power.

use wucluster_core::ids::{InstanceId, VolumeId};
use wucluster_core::observation::InstanceState;

use super::event::Event;
use super::harm::Cause;
use super::harm_kind::HarmKind;
use super::machine::Mounted;
use super::state::World;
use super::volume::Volume;
use crate::content::Shape;

impl World {
    pub(super) fn instance_reaches(&mut self, id: &InstanceId, state: &InstanceState, turn: u64) {
        let Some(instance) = self.instance_mut(id).filter(|instance| instance.turn == turn) else {
            return;
        };
        instance.state = state.clone();
        self.note(format!("instance {id} {state}"));
        match state {
            InstanceState::Running => {
                self.boot(id);
                let after = self.draw(id.as_str(), self.durations.ssh);
                self.schedule(after, Event::SshAnswers { id: id.clone(), turn });
            }
            InstanceState::Stopped => self.halt(id),
            InstanceState::Terminated => {
                self.halt(id);
                self.release_volumes(id);
                self.schedule(
                    self.durations.terminated_listed,
                    Event::InstanceForgotten { id: id.clone() },
                );
            }
            InstanceState::Pending
            | InstanceState::Stopping
            | InstanceState::ShuttingDown
            | InstanceState::Unrecognized(_) => {}
        }
    }

    pub(super) fn ssh_answers(&mut self, id: &InstanceId, turn: u64) {
        if let Some(instance) = self.instances.get_mut(id)
            && instance.turn == turn
            && instance.is_running()
        {
            instance.machine.is_up = true;
            self.note(format!("ssh {id} up"));
        }
    }

    /// Turns a stopped instance on.
    pub(super) fn power_on(&mut self, id: &InstanceId) {
        let Some(instance) = self.instance_mut(id) else { return };
        instance.state = InstanceState::Pending;
        instance.reason = None;
        instance.turn += 1;
        instance.starts += 1;
        let turn = instance.turn;
        let after = self.draw(id.as_str(), self.durations.launch);
        self.schedule(
            after,
            Event::InstanceReaches { id: id.clone(), state: InstanceState::Running, turn },
        );
    }

    /// Ends an instance for good. Stricter than EC2: its system gets no time to write its caches.
    pub(super) fn shut_down(&mut self, id: &InstanceId, reason: &str) {
        self.leave(id, InstanceState::ShuttingDown, InstanceState::Terminated, reason);
        self.drop_caches(id, "terminated");
    }

    /// Stops an instance as its own system would: what is mounted is written and unmounted.
    pub(super) fn stop(&mut self, id: &InstanceId, reason: &str) {
        self.leave(id, InstanceState::Stopping, InstanceState::Stopped, reason);
        let mounted: Vec<VolumeId> = self
            .instances
            .get(id)
            .map(|found| found.machine.caches.keys().cloned().collect())
            .unwrap_or_default();
        for volume in mounted {
            self.flush(id, &volume);
        }
    }

    /// Stops an instance by request. Stricter than EC2: its system gets no time to write its caches.
    pub(super) fn power_off(&mut self, id: &InstanceId, reason: &str) {
        self.leave(id, InstanceState::Stopping, InstanceState::Stopped, reason);
        self.drop_caches(id, "stopped");
    }

    fn leave(
        &mut self,
        id: &InstanceId,
        by_way_of: InstanceState,
        to: InstanceState,
        reason: &str,
    ) {
        let Some(instance) = self.instance_mut(id) else { return };
        let was_dead = instance.is_dead();
        instance.state = by_way_of;
        instance.reason = Some(reason.to_owned());
        instance.turn += 1;
        instance.machine.is_up = false;
        let turn = instance.turn;
        let span = if to == InstanceState::Terminated {
            self.durations.terminate
        } else {
            self.durations.stop
        };
        // Recorded: a stopped instance is terminated at once, there is nothing to shut down.
        let after = if was_dead { std::time::Duration::ZERO } else { self.draw(id.as_str(), span) };
        self.schedule(after, Event::InstanceReaches { id: id.clone(), state: to, turn });
    }

    /// Begins a boot: devices of all attached volumes are there, under new numbers.
    fn boot(&mut self, id: &InstanceId) {
        let mut attached: Vec<VolumeId> = self
            .volumes
            .values()
            .filter(|volume| {
                volume
                    .attachment
                    .as_ref()
                    .is_some_and(|found| &found.instance == id && found.is_plugged)
            })
            .map(|volume| volume.id.clone())
            .collect();
        self.luck(id.as_str()).shuffle(&mut attached);
        if let Some(instance) = self.instances.get_mut(id) {
            instance.machine.boots += 1;
            instance.machine.is_up = false;
            instance.machine.fences.clear();
            instance.machine.run = 0;
            instance.machine.devices = attached.iter().cloned().zip(1..).collect();
        }
        for volume in attached {
            self.mount_at_boot(id, &volume);
        }
    }

    /// Mounts a device that its node came to see, where a fault makes nodes do so by themselves.
    pub(super) fn mount_at_boot(&mut self, instance: &InstanceId, volume: &VolumeId) {
        let mount = self.volumes.get(volume).and_then(Volume::mount);
        let fault = mount.and_then(|mount| self.faults.conditions.mounts_at_boot(&mount, self.now));
        if let Some(fault) = fault {
            self.mount_by_itself(instance, volume, fault);
        }
    }

    /// Mounts a volume where it was mounted last on that machine, or anywhere, if it can be.
    pub(super) fn mount_by_itself(
        &mut self,
        instance: &InstanceId,
        volume: &VolumeId,
        fault: &'static str,
    ) {
        let Some(machine) = self.instances.get(instance).map(|found| &found.machine) else {
            return;
        };
        if !machine.devices.contains_key(volume) || machine.is_mounted(volume) {
            return;
        }
        // Where it was before, or where systems mount what they find.
        let found = || match self.volumes.get(volume)?.content.shape() {
            Shape::Filesystem { kind, .. } => {
                Some((format!("/media/{}", volume.serial()), kind.clone()))
            }
            Shape::Blank | Shape::Other(_) | Shape::Raw => None,
        };
        let Some((at, kind)) = machine.places.get(volume).cloned().or_else(found) else { return };
        let mounted = Mounted { volume: volume.clone(), at, kind, is_read_only: false };
        if self.may_mount(instance, &mounted, true).is_err() {
            return;
        }
        self.mount(instance, mounted);
        let owner = self.volumes.get(volume).and_then(|found| found.owner.clone());
        if let Some(owner) = owner {
            self.touch(owner.node(), Cause::Node, HarmKind::OF_HOLDERS);
        }
        self.note(format!("{instance} mounted {volume} by itself"));
        self.fired(fault);
    }

    /// Ends all that ran, whatever was not written is lost.
    fn halt(&mut self, id: &InstanceId) {
        self.drop_caches(id, "halted");
        if let Some(instance) = self.instances.get_mut(id) {
            instance.machine.devices.clear();
        }
        self.devices_let_go(id);
    }

    /// Drops mounts, processes and caches, and records what was lost with them.
    fn drop_caches(&mut self, id: &InstanceId, how: &str) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        let lost = instance.machine.lose_power();
        for (volume, writes) in lost {
            self.record_loss(id, &volume, writes.len(), how);
        }
    }

    /// Detaches the volumes of a terminated instance, or deletes those that were marked so.
    fn release_volumes(&mut self, id: &InstanceId) {
        let attached: Vec<(VolumeId, bool)> = self
            .volumes
            .values()
            .filter_map(|volume| {
                let found = volume.attachment.as_ref().filter(|found| &found.instance == id)?;
                Some((volume.id.clone(), found.delete_on_termination))
            })
            .collect();
        for (volume, is_deleted_too) in attached {
            self.detached(&volume);
            if is_deleted_too {
                self.begin_delete(&volume);
            }
        }
    }

    /// Pulls the plug of an instance's machine: nothing is written any more. It stops.
    ///
    /// Returns whether there was a living machine.
    pub fn kill_machine(&mut self, id: &InstanceId) -> bool {
        let is_alive = self.instances.get(id).is_some_and(|found| {
            let state = &found.state;
            matches!(
                state,
                InstanceState::Pending | InstanceState::Running | InstanceState::Stopping
            )
        });
        if !is_alive {
            return false;
        }
        self.drop_caches(id, "killed");
        self.leave(
            id,
            InstanceState::Stopping,
            InstanceState::Stopped,
            "Server.InternalError: the host failed",
        );
        self.note(format!("killed {id}"));
        self.publish();
        true
    }

    /// Stops an instance in good order, unasked.
    pub fn stop_machine(&mut self, id: &InstanceId, reason: &str) -> bool {
        if self.instances.get(id).is_none_or(|found| !found.is_running()) {
            return false;
        }
        self.stop(id, reason);
        self.note(format!("stopped {id}"));
        self.publish();
        true
    }

    /// Terminates an instance unasked, as a spot interruption does.
    pub fn lose_machine(&mut self, id: &InstanceId, reason: &str) -> bool {
        if self.instances.get(id).is_none_or(|found| {
            matches!(found.state, InstanceState::ShuttingDown | InstanceState::Terminated)
        }) {
            return false;
        }
        self.shut_down(id, reason);
        self.note(format!("lost {id}"));
        self.publish();
        true
    }

    /// Boots a running instance anew. In good order its caches are written first, else they are
    /// lost. Its mounts are gone either way.
    pub fn reboot(&mut self, id: &InstanceId, is_in_order: bool) -> bool {
        let Some(instance) = self.instances.get(id).filter(|found| found.is_running()) else {
            return false;
        };
        let turn = instance.turn;
        if is_in_order {
            let cached: Vec<VolumeId> = instance.machine.caches.keys().cloned().collect();
            for volume in cached {
                self.flush(id, &volume);
            }
        }
        self.drop_caches(id, "rebooted");
        self.devices_let_go(id);
        self.boot(id);
        let after = self.draw(id.as_str(), self.durations.reboot);
        self.schedule(after, Event::SshAnswers { id: id.clone(), turn });
        self.note(format!("rebooted {id}"));
        self.publish();
        true
    }
}

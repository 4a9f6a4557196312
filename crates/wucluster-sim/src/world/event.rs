//! What falls due by itself as time passes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::definition::Size;
use wucluster_core::ids::{InstanceId, SnapshotId, VolumeId};
use wucluster_core::observation::InstanceState;

use super::late::{Parcel, ShellParcel};
use super::state::World;
use super::volume::Fate;
use crate::faults::{Fault, Grip};

/// Something that happens at its time, unless what it belongs to went another way meanwhile.
///
/// `turn` is the number of the change of direction that the event belongs to; a thing that took
/// another turn since then ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Event {
    /// An instance reaches a state.
    InstanceReaches { id: InstanceId, state: InstanceState, turn: u64 },
    /// A node's ssh answers.
    SshAnswers { id: InstanceId, turn: u64 },
    /// A terminated instance leaves the listings.
    InstanceForgotten { id: InstanceId },
    /// A volume is made.
    VolumeMade { id: VolumeId, fate: Fate },
    /// A volume has become larger.
    VolumeGrown { id: VolumeId, size: Size },
    /// A volume is gone.
    VolumeGone { id: VolumeId },
    /// An attachment is complete.
    Attached { volume: VolumeId, turn: u64 },
    /// A node sees a device.
    DeviceAppears { volume: VolumeId, instance: InstanceId, turn: u64 },
    /// A detachment completes, if nothing holds the device.
    DetachDue { volume: VolumeId, turn: u64 },
    /// A detachment is seen to be stuck.
    DetachBusy { volume: VolumeId, turn: u64 },
    /// A snapshot completes or fails.
    SnapshotDue { id: SnapshotId, turn: u64 },
    /// Cached data of a volume reaches the device by itself.
    Writeback { instance: InstanceId, volume: VolumeId, boots: u32 },
    /// A node thaws by itself what was frozen for too long.
    FreezeEnds { instance: InstanceId, volume: VolumeId, number: u64 },
    /// A process that a fault started ends.
    ProcessEnds { instance: InstanceId, pid: u32, boots: u32 },
    /// A scheduled fault strikes.
    FaultDue { index: usize, plan: u64 },
    /// A fault of a rate strikes, and is scheduled again.
    FaultRecurs { index: usize, plan: u64 },
    /// Chances and rates of a plan of faults run out.
    FaultsRunOut { plan: u64 },
    /// A request to the cloud takes effect that was answered or given up before.
    Lands(Box<Parcel>),
    /// A request to a node arrives that was given up before.
    ShellLands(Box<ShellParcel>),
    /// The notice of a spot interruption is over.
    SpotEnds { instance: InstanceId },
    /// A snapshot comes back from the recycle bin.
    SnapshotRecovers { id: SnapshotId },
    /// Something lets go of a device that a fault let it hold.
    GripEnds { instance: InstanceId, volume: VolumeId, grip: Grip, boots: u32 },
    /// A node mounts a volume by itself, where it was before.
    Remounts { instance: InstanceId, volume: VolumeId, boots: u32 },
    /// Something becomes visible, or an outage ends: only worth a look.
    Glance,
}

impl World {
    /// Says whether something that is under way waits for an event, and still does.
    pub(super) fn is_awaited(&self, event: &Event) -> bool {
        let volume_turn = |id| self.volumes.get(id).map(|found| found.turn);
        match event {
            Event::InstanceReaches { id, turn, .. } | Event::SshAnswers { id, turn } => {
                self.instances.get(id).is_some_and(|found| found.turn == *turn)
            }
            Event::Attached { volume, turn }
            | Event::DeviceAppears { volume, turn, .. }
            | Event::DetachDue { volume, turn }
            | Event::DetachBusy { volume, turn } => volume_turn(volume) == Some(*turn),
            Event::SnapshotDue { id, turn } => {
                self.snapshots.get(id).is_some_and(|found| found.turn == *turn)
            }
            Event::VolumeMade { .. }
            | Event::VolumeGrown { .. }
            | Event::VolumeGone { .. }
            | Event::Lands(_)
            | Event::ShellLands(_)
            | Event::Glance => true,
            Event::InstanceForgotten { .. }
            | Event::Writeback { .. }
            | Event::FreezeEnds { .. }
            | Event::ProcessEnds { .. }
            | Event::SpotEnds { .. }
            | Event::SnapshotRecovers { .. }
            | Event::GripEnds { .. }
            | Event::Remounts { .. }
            | Event::FaultDue { .. }
            | Event::FaultRecurs { .. }
            | Event::FaultsRunOut { .. } => false,
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::InstanceReaches { id, state, turn } => self.instance_reaches(&id, &state, turn),
            Event::SshAnswers { id, turn } => self.ssh_answers(&id, turn),
            Event::InstanceForgotten { id } => {
                if let Some(instance) = self.instance_mut(&id) {
                    instance.is_listed = false;
                }
            }
            Event::VolumeMade { id, fate } => self.volume_made(&id, fate),
            Event::VolumeGrown { id, size } => self.volume_grown(&id, size),
            Event::VolumeGone { id } => self.volume_gone(&id),
            Event::Attached { volume, turn } => self.attached(&volume, turn),
            Event::DeviceAppears { volume, instance, turn } => {
                self.device_appears(&volume, &instance, turn);
            }
            Event::DetachDue { volume, turn } => self.detach_due(&volume, turn),
            Event::DetachBusy { volume, turn } => self.detach_busy(&volume, turn),
            Event::SnapshotDue { id, turn } => self.snapshot_due(&id, turn),
            Event::FreezeEnds { instance, volume, number } => {
                let found = self.instances.get(&instance);
                let frozen = found.and_then(|found| found.machine.frozen.get(&volume));
                if frozen.is_some_and(|(_, now)| *now == number) {
                    self.let_go_on(&instance, &volume);
                }
            }
            Event::Writeback { instance, volume, boots } => {
                let is_same_boot =
                    self.instances.get(&instance).is_some_and(|found| found.machine.boots == boots);
                if is_same_boot {
                    self.flush(&instance, &volume);
                }
            }
            Event::ProcessEnds { instance, pid, boots } => {
                if let Some(found) = self.instances.get_mut(&instance)
                    && found.machine.boots == boots
                {
                    found.machine.processes.remove(&pid);
                }
            }
            Event::FaultDue { index, plan } => self.fault_due(index, plan),
            Event::FaultRecurs { index, plan } => self.fault_recurs(index, plan),
            Event::FaultsRunOut { plan } => self.faults.run_out(plan),
            Event::Lands(parcel) => self.lands(&parcel),
            Event::ShellLands(parcel) => self.shell_lands(&parcel),
            Event::SpotEnds { instance } => {
                if self.lose_machine(&instance, "Server.SpotInstanceTermination: interrupted") {
                    self.fired(Fault::SpotInterrupts { node: None, notice: Duration::ZERO }.name());
                }
            }
            Event::SnapshotRecovers { id } => self.recover_snapshot(&id),
            Event::GripEnds { instance, volume, grip, boots } => {
                if self.boots_of(&instance) == Some(boots) {
                    self.release_grip(&instance, &volume, grip);
                }
            }
            Event::Remounts { instance, volume, boots } => {
                if self.boots_of(&instance) == Some(boots) {
                    let fault = Fault::RemountsItself { after: Duration::ZERO };
                    self.mount_by_itself(&instance, &volume, fault.name());
                }
            }
            Event::Glance => {}
        }
    }

    /// Returns how often an instance's machine was booted.
    pub(super) fn boots_of(&self, id: &InstanceId) -> Option<u32> {
        self.instances.get(id).map(|found| found.machine.boots)
    }

    pub(super) fn schedule_glance(&mut self, after: Duration) {
        if !after.is_zero() {
            self.schedule(after, Event::Glance);
        }
    }
}

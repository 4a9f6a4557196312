//! What is written on volumes, and under which write epoch, as far as a drive and those before it know.

use wucluster_core::action::CloudAction;
use wucluster_core::ids::{MountKey, NodeName, VolumeId};
use wucluster_core::observation::{
    Contents, DeviceSeen, MountObservation, Observation, VolumeSeen,
};
use wucluster_core::tags::ContentMark;

use super::Drive;
use crate::event::EventKind;
use crate::records::Fact;

impl Drive<'_, '_> {
    /// Remembers that a write epoch is about to be asked to be sealed.
    pub(super) fn note_seal(&mut self, action: &CloudAction) {
        if let CloudAction::TagVolume { mount, tags, .. } = action
            && let Some(epoch) = tags.epoch().filter(|epoch| epoch.is_sealed)
        {
            let known = self.memory.sealed_epochs.entry(mount.clone()).or_insert(0);
            *known = (*known).max(epoch.number);
            self.sealed_at.insert(mount.clone(), self.now());
        }
    }

    /// Remembers that what a snapshot is asked for of is data, ours or anybody's: the next look may not list that
    /// snapshot, and the volume will be gone.
    pub(super) fn note_kept(&mut self, action: &CloudAction) {
        let CloudAction::CreateSnapshot { mount, volume, tags, .. } = action else { return };
        // Once its deletion is entered nobody writes to a volume, whatever number a later seal gave it: a snapshot keeps its
        // data already.
        if self.memory.phases.as_ref().is_some_and(|phases| phases.is_doomed(volume)) {
            return;
        }
        if tags.content() != Some(ContentMark::Blank)
            && let Some(epoch) = tags.epoch()
        {
            self.knows_data(mount.clone(), epoch.number);
        }
    }

    /// Remembers that a mount holds data at a write epoch.
    pub(super) fn knows_data(&mut self, mount: MountKey, epoch: u64) {
        if self.memory.data_epochs.get(&mount).is_none_or(|known| *known < epoch) {
            self.memory.data_epochs.insert(mount.clone(), epoch);
            self.tell(EventKind::DataSeen { mount, epoch });
        }
    }

    /// Tells under which write epoch a mounted volume is written: one that was asked to be sealed before its node
    /// was asked is over, and what is written since is not covered by any snapshot of it.
    pub(super) fn written_under(&self, seen: &Observation, mount: &MountKey, epoch: u64) -> u64 {
        let probed_at = seen.node(&mount.node).and_then(|node| node.probed_at);
        let is_since = probed_at > Some(self.sealed_at.get(mount).copied().unwrap_or_default());
        match self.memory.sealed_epochs.get(mount) {
            Some(sealed) if *sealed >= epoch && is_since => sealed + 1,
            Some(_) | None => epoch,
        }
    }

    /// Says whether a node's last answer shows a device of ours in use.
    pub(super) fn had_devices_in_use(&self, node: &NodeName) -> bool {
        let probe = self.answers.get(node).and_then(|answer| answer.probe.as_ref().ok());
        probe.is_some_and(|probe| probe.devices.values().any(DeviceSeen::is_in_use))
    }

    /// Remembers what each machine has in use, and since when it leaves that out.
    pub(super) fn note_in_use(&mut self, observation: &Observation) {
        let now = self.now();
        for node in &observation.nodes {
            let (Some(instance), Some(probe)) = (node.instance(), node.probe.present()) else {
                continue;
            };
            let of_machine = self.memory.in_use.entry(instance.id.clone()).or_default();
            for (serial, since) in of_machine.iter_mut() {
                let is_shown = probe.devices.contains_key(serial);
                *since = if is_shown { None } else { since.or(Some(now)) };
            }
            for (serial, device) in &probe.devices {
                if device.is_in_use() {
                    of_machine.insert(serial.clone(), None);
                } else {
                    of_machine.remove(serial);
                }
            }
        }
    }

    /// Remembers that a node found something on a mount's volume that it would not format over.
    pub(super) fn note_refused_format(&mut self, mount: &MountKey) {
        let volume = self.observation.as_ref().and_then(|seen| seen.mount(mount)?.volume());
        if let Some(volume) = volume.map(|volume| volume.id.clone()) {
            self.found_strange(mount.clone(), volume);
        }
    }

    /// Remembers that there is something on a volume that was made blank.
    pub(super) fn found_strange(&mut self, mount: MountKey, volume: VolumeId) {
        if self.memory.strange.insert(volume.clone()) {
            self.record(Fact::Strange { mount, volume });
        }
    }
}

/// Says whether a volume that was made blank holds what we did not put there, also while somebody has it in use.
pub(super) fn is_foreign(
    seen: &Observation,
    mount: &MountObservation,
    volume: &VolumeSeen,
) -> bool {
    let probe = seen.node(&mount.key.node).and_then(|node| node.probe.present());
    let Some(device) = probe.and_then(|probe| probe.devices.get(&volume.id.serial())) else {
        return false;
    };
    let is_ours = |uuid: &Option<String>| uuid.as_deref() == Some(&volume.id.filesystem_uuid());
    volume.tags.content() == Some(ContentMark::Blank)
        && match &device.contents {
            Contents::Filesystem { uuid, .. } => !is_ours(uuid),
            Contents::Other(_) => true,
            Contents::NotExamined | Contents::Blank | Contents::Unreadable(_) => false,
        }
}

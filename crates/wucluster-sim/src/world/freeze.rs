//! File systems that stand still: what was written is on the device, and what is written waits.

use std::time::Duration;

use wucluster_core::ids::{InstanceId, MountKey, VolumeId};
use wucluster_core::ports::{ShellError, ShellReceipt};

use super::event::Event;
use super::shell::failed;
use super::state::World;

impl World {
    /// Writes out and freezes the file system of a volume that is mounted at a place; its machine thaws it by itself after
    /// the limit.
    pub(super) fn freeze(
        &mut self,
        id: &InstanceId,
        volume: &VolumeId,
        at: &str,
        limit: Duration,
        took: &mut Duration,
    ) -> Result<ShellReceipt, ShellError> {
        let Some(found) = self.instances.get(id) else {
            return Err(ShellError::Refused("the machine is gone".to_owned()));
        };
        let is_there = found.machine.mounted_at(at).is_some_and(|there| &there.volume == volume);
        if at == "/" || !is_there {
            return Err(ShellError::Refused(format!("it is not mounted at {at}")));
        }
        if found.machine.frozen.contains_key(volume) {
            return Err(ShellError::Refused("it is frozen already".to_owned()));
        }
        if let Some(fault) = self.no_io(volume) {
            self.fired(fault);
            *took = (*took).max(limit);
            return Err(failed(1, "fsfreeze: Input/output error"));
        }
        self.flush(id, volume);
        let (until, number) = (self.now.after(limit), self.next_freeze());
        if let Some(found) = self.instances.get_mut(id) {
            found.machine.frozen.insert(volume.clone(), (until, number));
        }
        let (instance, volume) = (id.clone(), volume.clone());
        self.note(format!("froze {volume}"));
        self.schedule(limit, Event::FreezeEnds { instance, volume, number });
        Ok(ShellReceipt::default())
    }

    /// Thaws a file system; says whether it stood still until now.
    pub(super) fn thaw(
        &mut self,
        id: &InstanceId,
        volume: &VolumeId,
    ) -> Result<ShellReceipt, ShellError> {
        if self.let_go_on(id, volume) {
            return Ok(ShellReceipt::default());
        }
        Err(ShellError::Refused(
            "it did not stand still until now: it was thawed before".to_owned(),
        ))
    }

    /// Lets a file system go on; says whether it was frozen.
    pub(super) fn let_go_on(&mut self, id: &InstanceId, volume: &VolumeId) -> bool {
        let found = self.instances.get_mut(id);
        let was = found.and_then(|found| found.machine.frozen.remove(volume)).is_some();
        if was {
            self.note(format!("thawed {volume}"));
        }
        was
    }

    /// Says whether a running machine has the file system of a mount frozen.
    #[must_use]
    pub fn is_frozen(&self, mount: &MountKey) -> bool {
        let volumes = self.volumes_of(mount);
        let mut running = self.instances.values().filter(|found| found.is_running());
        running.any(|found| volumes.iter().any(|volume| found.machine.frozen.contains_key(volume)))
    }

    fn next_freeze(&self) -> u64 {
        let all = self.instances.values().flat_map(|found| found.machine.frozen.values());
        all.map(|(_, number)| *number).max().unwrap_or(0).max(self.now.as_millis().unsigned_abs())
            + 1
    }
}

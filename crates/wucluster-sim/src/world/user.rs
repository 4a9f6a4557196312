//! The user of the nodes: writes and reads files, holds mounts busy, works in containers.

use wucluster_core::ids::{InstanceId, MountKey, VolumeId};
use wucluster_core::observation::VolumeState;

use super::event::Event;
use super::harm::Cause;
use super::harm_kind::HarmKind;
use super::machine::Process;
use super::state::World;
use crate::content::Write;

/// Something that a user or a human tried could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// What it is about does not exist.
    #[error("there is no {0}")]
    Missing(String),
    /// The mount is not mounted on a running machine.
    #[error("{0} is not mounted on a running machine")]
    NotMounted(String),
    /// The machine does not run.
    #[error("{0} does not run")]
    NotRunning(InstanceId),
    /// The device or its mount takes no writes.
    #[error("{0} takes no writes")]
    ReadOnly(String),
    /// The file system is frozen: whoever writes waits until it is thawed.
    #[error("{0} waits: its file system is frozen")]
    Frozen(String),
    /// The cloud or the node refused it, in its words.
    #[error("{0}")]
    Refused(String),
}

impl World {
    /// Writes a file of a mount, named relative to its root. It goes to the machine's cache first.
    ///
    /// # Errors
    /// When the mount is not mounted, or read-only.
    pub fn write(&mut self, mount: &MountKey, file: &str, data: &str) -> Result<(), UserError> {
        let (instance, at) = self.place_of(mount)?;
        self.write_path(&instance, &format!("{at}/{file}"), data)
    }

    /// Returns a file of a mount as its users see it, written or not.
    ///
    /// # Errors
    /// When the mount is not mounted.
    pub fn read(&self, mount: &MountKey, file: &str) -> Result<Option<String>, UserError> {
        let (instance, at) = self.place_of(mount)?;
        self.read_path(&instance, &format!("{at}/{file}"))
    }

    /// Writes a file by its path on a machine. Where nothing is mounted it goes to the root disk.
    ///
    /// # Errors
    /// When the machine does not run, or the place takes no writes.
    pub fn write_path(&mut self, id: &InstanceId, path: &str, data: &str) -> Result<(), UserError> {
        let writeback = self.durations.writeback;
        let machine = self.running(id)?;
        let Some((mounted, file)) = machine.resolve(path) else {
            let machine =
                &mut self.instances.get_mut(id).ok_or(UserError::NotRunning(id.clone()))?.machine;
            machine.root_files.insert(path.to_owned(), data.to_owned());
            return Ok(());
        };
        let (volume, file, boots) = (mounted.volume.clone(), file.to_owned(), machine.boots);
        let is_broken =
            self.volumes.get(&volume).is_none_or(|found| found.state != VolumeState::InUse);
        if mounted.is_read_only || is_broken {
            return Err(UserError::ReadOnly(path.to_owned()));
        }
        if machine.frozen.contains_key(&volume) {
            return Err(UserError::Frozen(path.to_owned()));
        }
        let machine =
            &mut self.instances.get_mut(id).ok_or(UserError::NotRunning(id.clone()))?.machine;
        let cache = machine.caches.entry(volume.clone()).or_default();
        let was_clean = cache.is_empty();
        cache.push(Write { file, data: data.to_owned() });
        if was_clean {
            self.schedule(writeback, Event::Writeback { instance: id.clone(), volume, boots });
        }
        self.note(format!("user wrote {path} on {id}"));
        Ok(())
    }

    /// Returns a file by its path on a machine, written or not.
    ///
    /// # Errors
    /// When the machine does not run.
    pub fn read_path(&self, id: &InstanceId, path: &str) -> Result<Option<String>, UserError> {
        let machine = self.running(id)?;
        let Some((mounted, file)) = machine.resolve(path) else {
            return Ok(machine.root_files.get(path).cloned());
        };
        let cached = machine
            .caches
            .get(&mounted.volume)
            .and_then(|writes| writes.iter().rev().find(|write| write.file == file))
            .map(|write| write.data.clone());
        let written = || self.volumes.get(&mounted.volume)?.content.file(file).map(str::to_owned);
        Ok(cached.or_else(written))
    }

    /// Writes all caches of a machine to its devices, as `sync` does.
    ///
    /// # Errors
    /// When the machine does not run.
    pub fn sync(&mut self, id: &InstanceId) -> Result<(), UserError> {
        let cached: Vec<VolumeId> = self.running(id)?.caches.keys().cloned().collect();
        for volume in cached {
            self.flush(id, &volume);
        }
        Ok(())
    }

    /// Returns how many writes of a mount wait in its machine's cache.
    #[must_use]
    pub fn cached_writes(&self, mount: &MountKey) -> usize {
        let volumes = self.volumes_of(mount);
        self.instances
            .values()
            .flat_map(|instance| instance.machine.caches.iter())
            .filter(|(volume, _)| volumes.contains(volume))
            .map(|(_, writes)| writes.len())
            .sum()
    }

    /// Lets a process hold something of a mount, so that it cannot be unmounted.
    ///
    /// # Errors
    /// When the mount is not mounted.
    pub fn hold(&mut self, mount: &MountKey, pid: u32, what: &str) -> Result<(), UserError> {
        let (instance, _) = self.place_of(mount)?;
        let volume = self.volume_of(mount).ok_or_else(|| UserError::Missing(mount.to_string()))?;
        self.start_process(&instance, pid, volume, what);
        Ok(())
    }

    /// Lets a process on a machine keep a file open by its path; says whether that is on a mount, which it then holds.
    ///
    /// # Errors
    /// When the machine does not run.
    pub fn hold_path(&mut self, id: &InstanceId, pid: u32, path: &str) -> Result<bool, UserError> {
        let Some((mounted, _)) = self.running(id)?.resolve(path) else { return Ok(false) };
        let volume = mounted.volume.clone();
        self.start_process(id, pid, volume, path);
        Ok(true)
    }

    fn start_process(&mut self, id: &InstanceId, pid: u32, volume: VolumeId, what: &str) {
        let process = Process {
            volume,
            user: "user".to_owned(),
            command: format!("process-{pid}"),
            what: what.to_owned(),
            is_fault: false,
        };
        if let Some(found) = self.instances.get_mut(id) {
            found.machine.processes.insert(pid, process);
        }
    }

    /// Ends a process on a machine; says whether there was one.
    pub fn kill_process(&mut self, id: &InstanceId, pid: u32) -> bool {
        let found = self.instances.get_mut(id);
        found.is_some_and(|found| found.machine.processes.remove(&pid).is_some())
    }

    /// Ends a process that held a mount; says whether there was one on any machine.
    pub fn release(&mut self, pid: u32) -> bool {
        let mut is_found = false;
        for instance in self.instances.values_mut() {
            is_found |= instance.machine.processes.remove(&pid).is_some();
        }
        is_found
    }

    /// Keeps a mount's file system alive in another name space, as a container does.
    ///
    /// # Errors
    /// When the volume is not visible on a running machine.
    pub fn hold_elsewhere(&mut self, mount: &MountKey, who: &str) -> Result<(), UserError> {
        let (instance, volume) = self.machine_of(mount)?;
        self.touch(&mount.node, Cause::Node, HarmKind::OF_HOLDERS);
        if let Some(found) = self.instances.get_mut(&instance) {
            found.machine.elsewhere.insert(volume, who.to_owned());
        }
        Ok(())
    }

    /// Lets go of a mount's file system in all other name spaces.
    ///
    /// # Errors
    /// When the volume is not visible on a running machine.
    pub fn release_elsewhere(&mut self, mount: &MountKey) -> Result<(), UserError> {
        let (instance, volume) = self.machine_of(mount)?;
        let mut is_last = false;
        if let Some(found) = self.instances.get_mut(&instance) {
            found.machine.elsewhere.remove(&volume);
            is_last = !found.machine.is_holding(&volume);
        }
        if is_last {
            self.flush(&instance, &volume);
            self.device_let_go(&volume);
            self.publish();
        }
        Ok(())
    }

    /// Says whether a mount's volume is mounted in its machine's own mount table, and where.
    #[must_use]
    pub fn mounted_at(&self, mount: &MountKey) -> Option<String> {
        self.place_of(mount).ok().map(|(_, at)| at)
    }

    /// Says whether a volume is mounted in a running machine's own mount table, and where.
    #[must_use]
    pub fn volume_mounted_at(&self, volume: &VolumeId) -> Option<String> {
        let mut running = self.instances.values().filter(|found| found.is_running());
        running.find_map(|found| {
            let mut mounts = found.machine.mounts.iter();
            mounts.find(|mounted| &mounted.volume == volume).map(|mounted| mounted.at.clone())
        })
    }

    /// Returns the machine that a mount's volume is visible on.
    pub(super) fn machine_of(&self, mount: &MountKey) -> Result<(InstanceId, VolumeId), UserError> {
        let missing = || UserError::NotMounted(mount.to_string());
        let volume = self.volume_of(mount).ok_or_else(missing)?;
        let instance = self
            .instances
            .values()
            .find(|found| found.is_running() && found.machine.devices.contains_key(&volume))
            .ok_or_else(missing)?;
        Ok((instance.id.clone(), volume))
    }

    fn place_of(&self, mount: &MountKey) -> Result<(InstanceId, String), UserError> {
        self.volumes_of(mount)
            .iter()
            .find_map(|volume| {
                self.instances.values().filter(|found| found.is_running()).find_map(|found| {
                    let mounted =
                        found.machine.mounts.iter().find(|mounted| &mounted.volume == volume)?;
                    Some((found.id.clone(), mounted.at.clone()))
                })
            })
            .ok_or_else(|| UserError::NotMounted(mount.to_string()))
    }

    fn running(&self, id: &InstanceId) -> Result<&super::machine::Machine, UserError> {
        self.instances
            .get(id)
            .filter(|found| found.is_running())
            .map(|found| &found.machine)
            .ok_or_else(|| UserError::NotRunning(id.clone()))
    }
}

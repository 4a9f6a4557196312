//! Requests to a node.

use std::time::Duration;

use wucluster_core::action::{NodeAddress, ShellAction};
use wucluster_core::definition::Hook;
use wucluster_core::ids::{InstanceId, NodeName, Subject, VolumeId};
use wucluster_core::observation::VolumeState;
use wucluster_core::ports::{FENCE_KEPT, ShellError, ShellReceipt};
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::machine::{Mounted, Process};
use super::state::World;
use crate::content::Shape;
use crate::faults::{Fault, Grip, Sickness, Upset};

/// Exit status of `mount` and `umount` when they fail. Source: mount(8).
const STATUS_MOUNT_FAILED: i32 = 32;

/// Exit status of a shell that does not find a command. Source: POSIX.
const STATUS_NOT_FOUND: i32 = 127;

/// Numbers from here on are those of the faults' own processes, one for each volume.
const FAULT_PID_MIN: u64 = 1_000_000;

/// What a machine says to a run that others came after.
pub(super) const LATER_RUN: &str = "a later run has been here";

impl World {
    /// Carries out a request on a node; returns its answer and how long the node took over it.
    ///
    /// # Errors
    /// As [`wucluster_core::ports::NodeShell::issue`].
    pub fn shell(
        &mut self,
        node: &NodeAddress,
        action: &ShellAction,
        seen_at: Timestamp,
    ) -> (Result<ShellReceipt, ShellError>, Duration) {
        let name = action.name();
        let nth = self.count_asked(name);
        let upset = self.upset(name, nth);
        let (result, took) = match self.reach(node) {
            Err((gap, took)) => (Err(ShellError::NoAnswer(gap.why)), took),
            Ok((id, reached)) => {
                if let Some(answer) = self.interrupted(node, &id, action, seen_at, &upset) {
                    self.publish();
                    return answer;
                }
                let mut took = reached;
                let done = self
                    .enter_run(&id, node.run)
                    .map_err(|why| ShellError::Refused(why.to_owned()))
                    .and_then(|()| {
                        self.carry_out(&node.node, &id, action, seen_at, &upset, &mut took)
                    });
                (done, took)
            }
        };
        self.publish();
        match &result {
            Ok(_) => {
                self.note(format!("{} {action}: done", node.instance));
                self.count_done(name);
            }
            Err(error) => self.note(format!("{} {action}: {error}", node.instance)),
        }
        match upset.loses_answer() {
            Some(fault) if result.is_ok() => {
                self.fired(fault);
                (Err(lost()), took)
            }
            Some(_) | None => (result, took),
        }
    }

    pub(super) fn carry_out(
        &mut self,
        node: &NodeName,
        id: &InstanceId,
        action: &ShellAction,
        seen_at: Timestamp,
        upset: &Upset,
        took: &mut Duration,
    ) -> Result<ShellReceipt, ShellError> {
        if let Some((fault, error)) = self.ailment(node, action) {
            self.fired(fault);
            return Err(error);
        }
        if let Some((fault, ())) = upset.device_is_renamed() {
            self.fired(fault);
            let message = "the device under that name has another serial number";
            return Err(ShellError::Refused(message.to_owned()));
        }
        match action {
            ShellAction::MakeFilesystem { mount, serial, fs, uuid } => {
                let volume = self.device(id, serial)?;
                let by = (Subject::Mount(mount.clone()), action.to_string());
                let made = (fs.as_str(), uuid.as_str());
                let receipt = self.make_filesystem(id, &volume, made, by, seen_at, upset)?;
                self.judge_device(mount, &volume, &action.to_string(), seen_at);
                Ok(receipt)
            }
            ShellAction::Mount {
                mount,
                serial,
                at,
                kind,
                options,
                owner: _,
                group: _,
                mode: _,
            } => {
                let volume = self.device(id, serial)?;
                self.passes_fence(id, &volume, seen_at)?;
                let is_read_only = options.iter().any(|option| option == "ro");
                let has_nouuid = options.iter().any(|option| option == "nouuid");
                let mounted = Mounted {
                    volume: volume.clone(),
                    at: at.clone(),
                    kind: kind.clone(),
                    is_read_only,
                };
                self.may_mount(id, &mounted, has_nouuid)?;
                let is_there =
                    self.instances.get(id).is_some_and(|found| found.machine.is_mounted(&volume));
                if !is_there {
                    self.judge_device(mount, &volume, &action.to_string(), seen_at);
                    self.judge_mount(mount, (id, &volume), &action.to_string(), seen_at);
                    self.mount(id, mounted);
                }
                Ok(ShellReceipt::default())
            }
            ShellAction::GrowFilesystem { mount, serial, at, size } => {
                let volume = self.device(id, serial)?;
                let receipt = self.grow_filesystem(id, (mount, &volume), (at, *size), took)?;
                self.judge_device(mount, &volume, &action.to_string(), seen_at);
                Ok(receipt)
            }
            ShellAction::Unmount { mount: _, serial, before } => {
                self.raise_fence(id, serial, seen_at);
                // A frozen file system is not unmounted: it goes on first.
                if let Ok(volume) = self.device(id, serial) {
                    self.let_go_on(id, &volume);
                }
                self.unmount_asked(node, id, serial, before, upset, took)
            }
            ShellAction::Freeze { mount: _, serial, at, limit_seconds } => {
                let volume = self.device(id, serial)?;
                let limit = Duration::from_secs(u64::from(*limit_seconds));
                self.freeze(id, &volume, at, limit, took)
            }
            ShellAction::Thaw { mount: _, serial, at: _ } => {
                let volume = self.device(id, serial)?;
                self.thaw(id, &volume)
            }
        }
    }

    /// Returns the latest run for which a machine was spoken to since it was started.
    #[must_use]
    pub fn run_told(&self, id: &InstanceId) -> Option<u64> {
        self.instances.get(id).map(|found| found.machine.run)
    }

    /// Lets a machine be spoken to for a run, unless it was spoken to for a later one since it was started.
    pub(super) fn enter_run(
        &mut self,
        id: &InstanceId,
        run: Option<u64>,
    ) -> Result<(), &'static str> {
        let (Some(run), Some(found)) = (run, self.instances.get_mut(id)) else { return Ok(()) };
        if found.machine.run > run && self.limits.fences_runs {
            return Err(LATER_RUN);
        }
        let is_new = run > found.machine.run;
        found.machine.run = found.machine.run.max(run);
        // What an earlier run left frozen goes on.
        if is_new {
            let left: Vec<VolumeId> = found.machine.frozen.keys().cloned().collect();
            for volume in left {
                self.let_go_on(id, &volume);
            }
        }
        Ok(())
    }

    /// Passes a mount that rests on a look no older than that of the volume's last unmount.
    fn passes_fence(
        &self,
        id: &InstanceId,
        volume: &VolumeId,
        seen_at: Timestamp,
    ) -> Result<(), ShellError> {
        let Some(found) = self.instances.get(id) else { return Ok(()) };
        // Whoever got here has entered with the latest run.
        let rests_on = (found.machine.run, seen_at);
        match found.machine.fences.get(volume) {
            Some((unmount, since))
                if rests_on < *unmount && self.now.since(*since) < FENCE_KEPT =>
            {
                Err(ShellError::Refused("it was asked for before the last unmount".to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn raise_fence(&mut self, id: &InstanceId, serial: &str, seen_at: Timestamp) {
        let (now, volume) = (self.now, self.device(id, serial));
        if let (Ok(volume), Some(found)) = (volume, self.instances.get_mut(id)) {
            let rests_on = (found.machine.run, seen_at);
            let fence = found.machine.fences.entry(volume).or_insert((rests_on, now));
            *fence = (fence.0.max(rests_on), now);
        }
    }

    /// Finds a visible device by its serial number.
    fn device(&self, id: &InstanceId, serial: &str) -> Result<VolumeId, ShellError> {
        self.instances
            .get(id)
            .and_then(|found| found.machine.devices.keys().find(|volume| volume.serial() == serial))
            .cloned()
            .ok_or_else(|| ShellError::Refused(format!("there is no device with serial {serial}")))
    }

    /// Returns the fault for which a volume's disk can be neither read nor written.
    pub(super) fn no_io(&self, volume: &VolumeId) -> Option<&'static str> {
        let mount = self.volumes.get(volume)?.mount()?;
        self.faults.conditions.no_io(&mount, self.now)
    }

    /// Returns how a sick node fails a request.
    fn ailment(&self, node: &NodeName, action: &ShellAction) -> Option<(&'static str, ShellError)> {
        let (fault, sickness) = self.faults.conditions.sickness(node, self.now)?;
        let error = match (sickness, action) {
            (Sickness::SudoAsks, _) => failed(1, "sudo: a password is required"),
            (Sickness::ToolMissing, ShellAction::MakeFilesystem { .. }) => {
                failed(STATUS_NOT_FOUND, "mkfs: command not found")
            }
            (Sickness::ToolMissing, ShellAction::GrowFilesystem { .. }) => {
                failed(STATUS_NOT_FOUND, "resize2fs: command not found")
            }
            (Sickness::RootFull, ShellAction::Mount { .. }) => {
                failed(1, "mkdir: No space left on device")
            }
            (Sickness::RootReadOnly, ShellAction::Mount { .. }) => {
                failed(1, "mkdir: Read-only file system")
            }
            (
                Sickness::ToolMissing | Sickness::RootFull | Sickness::RootReadOnly,
                ShellAction::MakeFilesystem { .. }
                | ShellAction::Mount { .. }
                | ShellAction::Unmount { .. }
                | ShellAction::GrowFilesystem { .. }
                | ShellAction::Freeze { .. }
                | ShellAction::Thaw { .. },
            ) => return None,
        };
        Some((fault, error))
    }

    /// Says why a device cannot be mounted there. Stricter than `mount`: never a second time.
    pub(super) fn may_mount(
        &self,
        id: &InstanceId,
        wanted: &Mounted,
        has_nouuid: bool,
    ) -> Result<(), ShellError> {
        let (Some(instance), Some(volume)) =
            (self.instances.get(id), self.volumes.get(&wanted.volume))
        else {
            return Err(ShellError::Refused("the device is gone".to_owned()));
        };
        let machine = &instance.machine;
        if let Some(there) = machine.mounted_at(&wanted.at) {
            if there.volume == wanted.volume {
                return Ok(());
            }
            return Err(ShellError::Refused(format!(
                "{} is mounted at {}",
                there.volume.serial(),
                wanted.at
            )));
        }
        if machine.is_mounted(&wanted.volume) {
            return Err(ShellError::Refused("the device is already mounted elsewhere".to_owned()));
        }
        if machine.is_gripped(&wanted.volume, Grip::Mapper) {
            return Err(failed(STATUS_MOUNT_FAILED, "already mounted or mount point busy"));
        }
        if volume.state == VolumeState::Error || self.no_io(&wanted.volume).is_some() {
            return Err(failed(STATUS_MOUNT_FAILED, "can't read superblock"));
        }
        let Shape::Filesystem { kind, uuid } = volume.content.shape() else {
            return Err(failed(STATUS_MOUNT_FAILED, "wrong fs type, bad option, bad superblock"));
        };
        if volume.content.is_torn() {
            return Err(failed(STATUS_MOUNT_FAILED, "mount: Structure needs cleaning"));
        }
        if *kind != wanted.kind {
            let message = format!("wrong fs type: it is {kind}, not {}", wanted.kind);
            return Err(failed(STATUS_MOUNT_FAILED, &message));
        }
        let has_twin = machine.mounts.iter().any(|mounted| {
            let twin = self.volumes.get(&mounted.volume).map(|found| found.content.shape());
            matches!(twin, Some(Shape::Filesystem { uuid: other, .. }) if other == uuid)
        });
        if kind == "xfs" && has_twin && !has_nouuid {
            return Err(failed(
                STATUS_MOUNT_FAILED,
                "a filesystem with this UUID is already mounted",
            ));
        }
        Ok(())
    }

    pub(super) fn mount(&mut self, id: &InstanceId, mounted: Mounted) {
        let volume = mounted.volume.clone();
        if !mounted.is_read_only
            && let Some(found) = self.volumes.get_mut(&volume)
        {
            found.was_mounted = true;
            self.had_data.extend(found.owner.clone());
        }
        if let Some(instance) = self.instances.get_mut(id) {
            let place = (mounted.at.clone(), mounted.kind.clone());
            instance.machine.places.insert(volume, place);
            instance.machine.mounts.push(mounted);
        }
    }

    fn unmount_asked(
        &mut self,
        node: &NodeName,
        id: &InstanceId,
        serial: &str,
        before: &[Hook],
        upset: &Upset,
        took: &mut Duration,
    ) -> Result<ShellReceipt, ShellError> {
        let mounted = self.instances.get(id).and_then(|found| {
            found.machine.mounts.iter().find(|mounted| mounted.volume.serial() == serial)
        });
        let Some(volume) = mounted.map(|mounted| mounted.volume.clone()) else {
            return Ok(ShellReceipt::default());
        };
        let mut receipt = ShellReceipt::default();
        for hook in before {
            let (answer, span) = self.run_hook(node, hook);
            *took += span;
            if answer.passed {
                continue;
            }
            if hook.blocks {
                return Err(ShellError::HookRefused { hook: hook.clone(), output: answer.output });
            }
            receipt.passed_over.push((hook.clone(), answer.output));
        }
        if let Some((fault, span)) = upset.keeps_busy() {
            self.fired(fault);
            self.hold_by_fault(id, &volume, span);
        }
        if let Some(fault) = self.no_io(&volume) {
            self.fired(fault);
            *took = (*took).max(self.durations.hang);
            return Err(ShellError::NoAnswer("umount did not come to an end".to_owned()));
        }
        self.unmount(id, &volume)?;
        if let (Some((_, after)), Some(boots)) = (upset.remounts(), self.boots_of(id)) {
            let instance = id.clone();
            self.schedule(after, Event::Remounts { instance, volume, boots });
        }
        Ok(receipt)
    }

    /// Unmounts a volume from the machine's own mount table, which writes its cache unless another
    /// name space keeps the file system alive.
    pub(super) fn unmount(&mut self, id: &InstanceId, volume: &VolumeId) -> Result<(), ShellError> {
        let Some(instance) = self.instances.get(id) else { return Ok(()) };
        let holders = self.holders(instance, volume);
        if !holders.is_empty() {
            return Err(ShellError::Busy { holders, message: "target is busy".to_owned() });
        }
        let machine = &instance.machine;
        let nested = machine
            .mounts
            .iter()
            .filter(|mounted| &mounted.volume == volume)
            .find_map(|mounted| machine.nested(&mounted.at).next());
        if let Some(nested) = nested {
            let message = format!("target is busy: {} is mounted below it", nested.at);
            return Err(ShellError::Busy { holders: Vec::new(), message });
        }
        for grip in [Grip::Nested, Grip::Swap] {
            if machine.is_gripped(volume, grip) {
                self.felt_grip(grip);
                let message = match grip {
                    Grip::Nested => "target is busy: something is mounted below it",
                    _ => "target is busy",
                };
                return Err(ShellError::Busy { holders: Vec::new(), message: message.to_owned() });
            }
        }
        let lives_elsewhere = machine.elsewhere.contains_key(volume)
            || machine.is_gripped(volume, Grip::OtherNamespace);
        if !lives_elsewhere {
            self.flush(id, volume);
        }
        if let Some(instance) = self.instances.get_mut(id) {
            instance.machine.mounts.retain(|mounted| &mounted.volume != volume);
        }
        self.device_let_go(volume);
        Ok(())
    }

    /// Counts that a grip was felt.
    pub(super) fn felt_grip(&mut self, grip: Grip) {
        self.fired(Fault::Gripped { mount: None, grip, span: None }.name());
    }

    /// Writes a volume's cache to its device. A disk that takes no writes lets them wait.
    pub(super) fn flush(&mut self, id: &InstanceId, volume: &VolumeId) {
        if self.no_io(volume).is_some() {
            let boots = self.boots_of(id).unwrap_or_default();
            let (instance, volume) = (id.clone(), volume.clone());
            self.schedule(self.durations.writeback, Event::Writeback { instance, volume, boots });
            return;
        }
        let Some(instance) = self.instances.get_mut(id) else { return };
        let writes = instance.machine.caches.remove(volume).unwrap_or_default();
        if writes.is_empty() {
            return;
        }
        match self.volumes.get_mut(volume) {
            Some(found) if found.state == VolumeState::InUse => {
                for write in &writes {
                    found.content.apply(write);
                }
                self.note(format!("wrote {} to {volume}", writes.len()));
            }
            Some(_) | None => self.record_loss(id, volume, writes.len(), "the volume failed"),
        }
    }

    fn hold_by_fault(&mut self, id: &InstanceId, volume: &VolumeId, span: Option<Duration>) {
        let number = self.volumes.get(volume).map_or(0, |found| found.number);
        let pid = u32::try_from(FAULT_PID_MIN + number).unwrap_or(u32::MAX);
        let Some(instance) = self.instances.get_mut(id) else { return };
        let process = Process {
            volume: volume.clone(),
            user: "user".to_owned(),
            command: "less notes".to_owned(),
            what: "a file".to_owned(),
            is_fault: true,
        };
        let boots = instance.machine.boots;
        instance.machine.processes.insert(pid, process);
        if let Some(span) = span {
            self.schedule(span, Event::ProcessEnds { instance: id.clone(), pid, boots });
        }
    }
}

/// Makes the error of a connection that broke after its request was sent.
pub(super) fn lost() -> ShellError {
    ShellError::NoAnswer("the connection was lost".to_owned())
}

/// Makes the error of a command that failed.
pub(super) fn failed(status: i32, message: &str) -> ShellError {
    ShellError::Failed { status, message: message.to_owned() }
}

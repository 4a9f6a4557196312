//! Looks at a node: what one round trip tells.

use std::time::Duration;

use wucluster_core::action::NodeAddress;
use wucluster_core::ids::{InstanceId, NodeName};
use wucluster_core::observation::{
    Contents, DeviceSeen, Gap, GapKind, Holder, MountSeen, NodeProbe, ProbeRequest, VolumeState,
};

use super::instance::Instance;
use super::machine::Mounted;
use super::state::World;
use super::volume::Volume;
use crate::content::Shape;
use crate::faults::{Fault, Greeting, Grip, Lie, Sickness};

impl World {
    /// Looks at a node; returns its answer and how long the node took over it.
    ///
    /// # Errors
    /// As [`wucluster_core::ports::NodeShell::probe`].
    pub fn probe(
        &mut self,
        node: &NodeAddress,
        request: &ProbeRequest,
    ) -> (Result<NodeProbe, Gap>, Duration) {
        let nth = self.count_asked("probe");
        let upset = self.upset("probe", nth);
        let (id, mut took) = match self.reach(node) {
            Ok(reached) => reached,
            Err((gap, took)) => {
                self.note(format!("probe {}: {}", node.node, gap.why));
                return (Err(gap), took);
            }
        };
        let cut = upset.is_cut().map(|(fault, _)| fault);
        if let Some(fault) = upset.loses_answer().or(cut) {
            self.fired(fault);
            return (Err(self.gap(GapKind::NoAnswer, "the connection was lost")), took);
        }
        if let Some((fault, sickness)) = self.faults.conditions.sickness(&node.node, self.now)
            && sickness == Sickness::SudoAsks
        {
            self.fired(fault);
            return (Err(self.gap(GapKind::NoAnswer, "sudo: a password is required")), took);
        }
        if let Some((fault, Lie::Garbage)) = upset.lies() {
            self.fired(fault);
            return (Err(self.gap(GapKind::NoAnswer, "the answer cannot be understood")), took);
        }
        if let Err(why) = self.enter_run(&id, node.run) {
            return (Err(self.gap(GapKind::NoAnswer, why)), took);
        }
        let mut probe = self.look_inside(&id, request);
        self.feel_devices(&id, &probe);
        self.sicken(&node.node, &mut probe);
        if let Some((fault, lie)) = upset.lies()
            && apply_lie(lie, &mut probe)
        {
            self.fired(fault);
        }
        for hook in &request.ready {
            let (answer, span) = self.run_hook(&node.node, hook);
            probe.ready.push(answer);
            took += span;
        }
        for hook in &request.before_halt {
            let (answer, span) = self.run_hook(&node.node, hook);
            probe.before_halt.push(answer);
            took += span;
        }
        self.count_done("probe");
        (Ok(probe), took)
    }

    /// Connects to a node by its address and proves its host key, as ssh does.
    pub(super) fn reach(
        &mut self,
        node: &NodeAddress,
    ) -> Result<(InstanceId, Duration), (Gap, Duration)> {
        let hang = self.durations.hang;
        if let Some((fault, hangs)) = self.faults.outage_of(&node.node, self.now) {
            self.fired(fault);
            let why = if hangs { "the connection timed out" } else { "the connection was refused" };
            let took = if hangs { hang } else { Duration::ZERO };
            return Err((self.gap(GapKind::NoAnswer, why), took));
        }
        if let Some((fault, greeting)) = self.faults.conditions.greeting(&node.node, self.now) {
            self.fired(fault);
            let (why, took) = match greeting {
                Greeting::LoginRefused => ("permission denied (publickey)", Duration::ZERO),
                Greeting::Banner => ("the banner does not end", hang),
                Greeting::OtherProtocol => ("what answers is no ssh", Duration::ZERO),
            };
            return Err((self.gap(GapKind::NoAnswer, why), took));
        }
        let zone = self.instances.get(&node.instance).map(|found| found.zone.as_str());
        if self.faults.conditions.outages(self.now).any(|out| Some(out) == zone) {
            self.fired(Fault::ZoneOutage { zone: None, span: None }.name());
            return Err((self.gap(GapKind::NoAnswer, "the connection timed out"), hang));
        }
        if let Some(fault) = self.faults.impostor_of(&node.node, self.now) {
            self.fired(fault);
            return Err((
                self.gap(GapKind::WrongHost, "the host key differs from the pinned one"),
                Duration::ZERO,
            ));
        }
        let is_there =
            |found: &&Instance| found.address().as_deref() == Some(node.ssh.host.as_str());
        let expected = self.instances.get(&node.instance).filter(is_there);
        let Some(found) = expected.or_else(|| self.instances.values().find(is_there)) else {
            return Err((self.gap(GapKind::NoAnswer, "no route to the host"), hang));
        };
        if !found.is_running() || !found.machine.is_up {
            return Err((
                self.gap(GapKind::NoAnswer, "the connection was refused"),
                Duration::ZERO,
            ));
        }
        if found.fixed_address.is_some() {
            let fault = Fault::AddressReused { node: None };
            let gap = self.gap(GapKind::WrongHost, "the host key differs from the pinned one");
            self.fired(fault.name());
            return Err((gap, Duration::ZERO));
        }
        if node.ssh.host_key.as_ref().is_some_and(|key| *key != found.host_key()) {
            return Err((
                self.gap(GapKind::WrongHost, "the host key differs from the pinned one"),
                Duration::ZERO,
            ));
        }
        if found.id != node.instance {
            return Err((
                self.gap(GapKind::WrongHost, "another instance has this address"),
                Duration::ZERO,
            ));
        }
        Ok((found.id.clone(), Duration::ZERO))
    }

    fn gap(&self, kind: GapKind, why: &str) -> Gap {
        Gap { kind, why: why.to_owned(), at: self.operator_time() }
    }

    fn look_inside(&self, id: &InstanceId, request: &ProbeRequest) -> NodeProbe {
        let Some(instance) = self.instances.get(id) else { return NodeProbe::default() };
        let mut probe = NodeProbe { boot_id: instance.boot_id(), ..NodeProbe::default() };
        probe.mount_table.push(MountSeen {
            at: "/".to_owned(),
            kind: "ext4".to_owned(),
            is_read_only: false,
            serial: None,
            is_root: true,
        });
        for mounted in &instance.machine.mounts {
            probe.mount_table.push(mount_seen(mounted));
            if instance.machine.is_gripped(&mounted.volume, Grip::Nested) {
                probe.mount_table.push(MountSeen {
                    at: format!("{}/nested", mounted.at),
                    kind: "tmpfs".to_owned(),
                    is_read_only: false,
                    serial: None,
                    is_root: true,
                });
            }
        }
        for (volume, number) in &instance.machine.devices {
            let serial = volume.serial();
            let is_asked = request.serials.contains(&serial);
            if let Some(seen) = self.device_seen(instance, volume, *number, is_asked) {
                probe.devices.insert(serial, seen);
            }
        }
        probe
    }

    /// Counts the faults of devices that an answer shows.
    fn feel_devices(&mut self, id: &InstanceId, probe: &NodeProbe) {
        let Some(instance) = self.instances.get(id) else { return };
        let mut felt: Vec<&'static str> = Vec::new();
        for (volume, grip) in &instance.machine.grips {
            if instance.machine.devices.contains_key(volume) {
                felt.push(Fault::Gripped { mount: None, grip: *grip, span: None }.name());
            }
        }
        for volume in instance.machine.devices.keys() {
            let Some(mount) = self.volumes.get(volume).and_then(Volume::mount) else { continue };
            felt.extend(self.faults.conditions.wrong_size(&mount, self.now));
            let contents = probe.devices.get(&volume.serial()).map(|seen| &seen.contents);
            if matches!(contents, Some(Contents::Unreadable(_))) {
                felt.extend(self.faults.conditions.no_io(&mount, self.now));
            }
        }
        for fault in felt {
            self.fired(fault);
        }
    }

    /// Shows in an answer what ails its node.
    fn sicken(&mut self, node: &NodeName, probe: &mut NodeProbe) {
        let Some((fault, sickness)) = self.faults.conditions.sickness(node, self.now) else {
            return;
        };
        let is_felt = match sickness {
            Sickness::ToolMissing => apply_lie(Lie::Unreadable, probe),
            Sickness::RootReadOnly => {
                let root = probe.mount_table.iter_mut().find(|seen| seen.at == "/");
                root.map(|root| root.is_read_only = true).is_some()
            }
            Sickness::RootFull | Sickness::SudoAsks => false,
        };
        if is_felt {
            self.fired(fault);
        }
    }

    fn device_seen(
        &self,
        instance: &Instance,
        id: &wucluster_core::ids::VolumeId,
        number: u32,
        is_asked: bool,
    ) -> Option<DeviceSeen> {
        let volume = self.volumes.get(id)?;
        let machine = &instance.machine;
        let is_held = machine.is_holding(id);
        let is_broken = volume.state == VolumeState::Error || self.no_io(id).is_some();
        let has_wrong_size = volume
            .mount()
            .is_some_and(|mount| self.faults.conditions.wrong_size(&mount, self.now).is_some());
        let size_bytes = volume.size.bytes() / if has_wrong_size { 2 } else { 1 };
        let contents = match (is_asked && !machine.is_mounted(id), is_broken) {
            (false, _) => Contents::NotExamined,
            (true, true) => Contents::Unreadable("input/output error".to_owned()),
            (true, false) => volume.content.examined(),
        };
        let is_mounted = machine.mounts.iter().any(|mounted| &mounted.volume == id);
        // Of a broken disk it is told as well: the kernel keeps the superblock of what is mounted.
        let is_told = is_mounted && matches!(volume.content.shape(), Shape::Filesystem { .. });
        Some(DeviceSeen {
            path: format!("/dev/nvme{number}n1"),
            size_bytes,
            filesystem_bytes: is_told.then(|| volume.content.room(volume.size).bytes()),
            contents,
            mounts: machine
                .mounts
                .iter()
                .filter(|mounted| &mounted.volume == id)
                .map(mount_seen)
                .collect(),
            // An exclusive open fails on a held device, and is tried only where it was asked for.
            is_held: if is_held { Some(true) } else { is_asked.then_some(false) },
            is_frozen: machine.frozen.contains_key(id),
            on_top: machine
                .is_gripped(id, Grip::Mapper)
                .then(|| "dm-0".to_owned())
                .into_iter()
                .collect(),
            holders: self.holders(instance, id),
        })
    }

    /// Lists who holds a volume on a machine.
    pub(super) fn holders(
        &self,
        instance: &Instance,
        id: &wucluster_core::ids::VolumeId,
    ) -> Vec<Holder> {
        instance
            .machine
            .processes
            .iter()
            .filter(|(_, process)| &process.volume == id)
            .map(|(pid, process)| Holder {
                pid: *pid,
                user: process.user.clone(),
                command: process.command.clone(),
                what: process.what.clone(),
            })
            .collect()
    }
}

/// Makes an answer wrong; says whether that made a difference.
fn apply_lie(lie: Lie, probe: &mut NodeProbe) -> bool {
    let before = probe.clone();
    let examined = |seen: &&mut DeviceSeen| seen.contents != Contents::NotExamined;
    match lie {
        Lie::NoDevices => {
            probe.devices.clear();
            // Whose mounts those are is told by the devices.
            for mounted in &mut probe.mount_table {
                mounted.serial = None;
            }
        }
        Lie::Unreadable => {
            for seen in probe.devices.values_mut().filter(examined) {
                seen.contents = Contents::Unreadable("the examination failed".to_owned());
            }
        }
        Lie::Blank => {
            for seen in probe.devices.values_mut().filter(examined) {
                seen.contents = Contents::Blank;
            }
        }
        Lie::Garbage => {}
    }
    *probe != before
}

fn mount_seen(mounted: &Mounted) -> MountSeen {
    MountSeen {
        at: mounted.at.clone(),
        kind: mounted.kind.clone(),
        is_read_only: mounted.is_read_only,
        serial: Some(mounted.volume.serial()),
        is_root: true,
    }
}

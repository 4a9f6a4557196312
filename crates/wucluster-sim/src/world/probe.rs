//! Looks at a node: what one round trip tells.

use std::time::Duration;

use wucluster_core::action::NodeAddress;
use wucluster_core::ids::InstanceId;
use wucluster_core::observation::{
    Contents, DeviceSeen, Gap, GapKind, Holder, MountSeen, NodeProbe, ProbeRequest, VolumeState,
};

use super::instance::Instance;
use super::machine::Mounted;
use super::state::World;

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
        if let Some(fault) = upset.loses_answer {
            self.fired(fault);
            return (Err(self.gap(GapKind::NoAnswer, "the connection was lost")), took);
        }
        let mut probe = self.look_inside(&id, request);
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
        Gap { kind, why: why.to_owned(), at: self.now }
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
        probe.mount_table.extend(instance.machine.mounts.iter().map(mount_seen));
        for (volume, number) in &instance.machine.devices {
            let serial = volume.serial();
            let is_asked = request.serials.contains(&serial);
            if let Some(seen) = self.device_seen(instance, volume, *number, is_asked) {
                probe.devices.insert(serial, seen);
            }
        }
        probe
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
        let is_broken = volume.state == VolumeState::Error;
        let contents = match (is_asked && !machine.is_mounted(id), is_broken) {
            (false, _) => Contents::NotExamined,
            (true, true) => Contents::Unreadable("input/output error".to_owned()),
            (true, false) => volume.content.examined(),
        };
        Some(DeviceSeen {
            path: format!("/dev/nvme{number}n1"),
            size_bytes: volume.size.bytes(),
            contents,
            mounts: machine
                .mounts
                .iter()
                .filter(|mounted| &mounted.volume == id)
                .map(mount_seen)
                .collect(),
            // An exclusive open fails on a held device, and is tried only where it was asked for.
            is_held: if is_held { Some(true) } else { is_asked.then_some(false) },
            on_top: Vec::new(),
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

fn mount_seen(mounted: &Mounted) -> MountSeen {
    MountSeen {
        at: mounted.at.clone(),
        kind: mounted.kind.clone(),
        is_read_only: mounted.is_read_only,
        serial: Some(mounted.volume.serial()),
        is_root: true,
    }
}

//! Faults of the world, as they strike.

use std::time::Duration;

use wucluster_core::ids::{InstanceId, MountKey, NodeName, SnapshotId, VolumeId};
use wucluster_core::observation::{InstanceState, SnapshotState, VolumeState};
use wucluster_core::tags::Tags;

use super::event::Event;
use super::harm::Cause;
use super::harm_kind::HarmKind;
use super::instance::NewInstance;
use super::owner::Maker;
use super::state::World;
use super::volume::{NewVolume, Volume};
use crate::content::{Content, Shape};
use crate::faults::{Fault, FaultKind, FaultState, Grip};

/// Whether a fault that struck is felt now, or only by whoever meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Struck {
    /// There was nothing that it could befall.
    Nothing,
    /// It took effect.
    Now,
    /// It is in force, and counted when somebody feels it.
    InForce,
}

impl Struck {
    fn now(is_struck: bool) -> Self {
        if is_struck { Self::Now } else { Self::Nothing }
    }
}

impl World {
    /// Lets a fault of the world happen now, and one of requests with the next request that it
    /// applies to; says whether there was anything that it could befall.
    pub fn strike(&mut self, fault: &Fault) -> bool {
        if fault.is_about_requests() {
            self.faults.arm(fault.clone());
            return true;
        }
        let struck = self.afflict(fault);
        if struck == Struck::Now {
            self.fired(fault.name());
        }
        self.publish();
        struck != Struck::Nothing
    }

    fn afflict(&mut self, fault: &Fault) -> Struck {
        match fault {
            Fault::MachineStops { node } => Struck::now(
                self.any_machine(node.as_ref()).is_some_and(|id| self.kill_machine(&id)),
            ),
            Fault::MachineTerminates { node } => {
                let reason = "Server.SpotInstanceTermination: interrupted";
                let id = self.any_machine(node.as_ref());
                Struck::now(id.is_some_and(|id| self.lose_machine(&id, reason)))
            }
            Fault::MachineReboots { node, is_in_order } => {
                let id = self.any_machine(node.as_ref());
                Struck::now(id.is_some_and(|id| self.reboot(&id, *is_in_order)))
            }
            Fault::MachineRetires { node } => {
                let reason = "Server.ScheduledStop: the host is retired";
                let id = self.any_machine(node.as_ref());
                Struck::now(id.is_some_and(|id| self.stop_machine(&id, reason)))
            }
            Fault::SpotInterrupts { node, notice } => {
                let Some(instance) = self.any_machine(node.as_ref()) else {
                    return Struck::Nothing;
                };
                self.schedule(*notice, Event::SpotEnds { instance });
                Struck::InForce
            }
            Fault::VolumeFails { mount } => {
                let id = self.any_volume(mount.as_ref());
                Struck::now(id.is_some_and(|id| self.fail_volume(&id)))
            }
            Fault::SnapshotVanishes { mount } => {
                let id = self.any_snapshot(mount.as_ref());
                Struck::now(id.is_some_and(|id| self.lose_snapshot(&id)))
            }
            Fault::SnapshotBinned { mount, span } => {
                let id = self.any_snapshot(mount.as_ref());
                Struck::now(id.is_some_and(|id| self.bin_snapshot(&id, *span)))
            }
            Fault::ForeignContent { mount, what } => {
                let id = match mount {
                    Some(mount) => self.volume_of(mount),
                    None => self.any_new_volume(),
                };
                Struck::now(id.is_some_and(|id| self.put_foreign_content(&id, what)))
            }
            Fault::AddressReused { node } => {
                let id = self.any_machine(node.as_ref());
                Struck::now(id.is_some_and(|id| self.give_address_away(&id)))
            }
            Fault::Namesake { mount } => Struck::now(self.make_namesake(mount.as_ref())),
            Fault::Human(what) => Struck::now(self.human(what).is_ok()),
            Fault::Gripped { mount, grip, span } => self.grip(mount.as_ref(), *grip, *span),
            Fault::OperatorClock { leap, is_ahead, is_sudden, rate_percent } => {
                let clock = &mut self.faults.clock;
                if *is_sudden {
                    clock.upset(self.now, *leap, *is_ahead, *rate_percent);
                } else {
                    clock.upset_next(*leap, *is_ahead, *rate_percent);
                }
                Struck::InForce
            }
            _ => self.put_in_force(fault),
        }
    }

    /// Puts in force what lasts, for whomever it befalls.
    fn put_in_force(&mut self, fault: &Fault) -> Struck {
        let now = self.now;
        let mut mount = None;
        let (fault, span) = match fault {
            Fault::Unreachable { node, span, hangs } => {
                let Some(node) = self.any_node(node.as_ref()) else { return Struck::Nothing };
                self.faults.cut_off(node, FaultState::until(now, *span), *hangs);
                return Struck::InForce;
            }
            Fault::WrongHost { node, span } => {
                let Some(node) = self.any_node(node.as_ref()) else { return Struck::Nothing };
                self.faults.impersonate(node, FaultState::until(now, *span));
                return Struck::InForce;
            }
            Fault::StaleListings { lag, span, wavers } => {
                self.faults.make_stale(*lag, FaultState::until(now, *span), *wavers);
                return Struck::InForce;
            }
            Fault::OddGreeting { node, greeting, span } => {
                let Some(node) = self.any_node(node.as_ref()) else { return Struck::Nothing };
                let node = Some(node);
                (Fault::OddGreeting { node, greeting: *greeting, span: *span }, *span)
            }
            Fault::SickNode { node, sickness, span } => {
                let Some(node) = self.any_node(node.as_ref()) else { return Struck::Nothing };
                let node = Some(node);
                (Fault::SickNode { node, sickness: *sickness, span: *span }, *span)
            }
            Fault::ZoneOutage { zone, span } => {
                let zone = zone.clone().or_else(|| self.limits.zones.first().cloned());
                (Fault::ZoneOutage { zone, span: *span }, *span)
            }
            Fault::VolumeImpaired { mount: of, span }
            | Fault::DeviceWrongSize { mount: of, span }
            | Fault::MountsAtBoot { mount: of, span } => {
                mount = of.clone().or_else(|| self.any_mount());
                if mount.is_none() {
                    return Struck::Nothing;
                }
                (fault.clone(), *span)
            }
            Fault::TightRate { span, .. }
            | Fault::DeniedFor { span, .. }
            | Fault::NoRoom { span, .. }
            | Fault::Full { span, .. }
            | Fault::ShortTokens { span, .. } => (fault.clone(), *span),
            other => (other.clone(), None),
        };
        self.faults.conditions.add(fault, mount, now, span);
        Struck::InForce
    }

    fn fail_volume(&mut self, id: &VolumeId) -> bool {
        let Some(volume) = self.volume_mut(id).filter(|found| found.is_living()) else {
            return false;
        };
        volume.state = VolumeState::Error;
        self.note(format!("volume {id} failed"));
        true
    }

    fn lose_snapshot(&mut self, id: &SnapshotId) -> bool {
        let Some(snapshot) = self.snapshot_mut(id) else { return false };
        snapshot.is_listed = false;
        let owner = snapshot.owner.clone();
        if let Some(owner) = owner {
            self.touch(owner.node(), Cause::Cloud, HarmKind::OF_LOST_SNAPSHOTS);
        }
        self.note(format!("snapshot {id} vanished"));
        true
    }

    fn bin_snapshot(&mut self, id: &SnapshotId, span: Option<Duration>) -> bool {
        let Some(snapshot) =
            self.snapshot_mut(id).filter(|found| found.state == SnapshotState::Completed)
        else {
            return false;
        };
        snapshot.state = SnapshotState::Recoverable;
        let owner = snapshot.owner.clone();
        if let Some(owner) = owner {
            self.touch(owner.node(), Cause::Cloud, HarmKind::OF_LOST_SNAPSHOTS);
        }
        if let Some(span) = span {
            self.schedule(span, Event::SnapshotRecovers { id: id.clone() });
        }
        self.note(format!("snapshot {id} in the recycle bin"));
        true
    }

    /// Brings a snapshot back from the recycle bin.
    pub(super) fn recover_snapshot(&mut self, id: &SnapshotId) {
        if let Some(snapshot) =
            self.snapshot_mut(id).filter(|found| found.state == SnapshotState::Recoverable)
        {
            snapshot.state = SnapshotState::Completed;
            self.note(format!("snapshot {id} recovered"));
        }
    }

    /// Brings back all snapshots that are in the recycle bin.
    pub(super) fn recover_binned(&mut self) {
        let binned: Vec<SnapshotId> = self
            .snapshots
            .values()
            .filter(|found| found.state == SnapshotState::Recoverable)
            .map(|found| found.id.clone())
            .collect();
        for id in binned {
            self.recover_snapshot(&id);
        }
    }

    /// Puts something on a volume that nobody ever mounted, so that no user's data goes with it;
    /// from a machine that has its device, as nobody can write to it otherwise.
    fn put_foreign_content(&mut self, id: &VolumeId, what: &str) -> bool {
        let Some(volume) = self.volumes.get(id).filter(|volume| self.is_new(volume)) else {
            return false;
        };
        let owner = volume.owner.clone();
        if let Some(volume) = self.volume_mut(id) {
            volume.content =
                if what.is_empty() { Content::raw("raw") } else { Content::other(what) };
        }
        if let Some(owner) = owner {
            self.touch(owner.node(), Cause::Human, &[HarmKind::FormattedOverContent]);
            self.faults.note_struck(self.now, FaultKind::ForeignContent, owner.subject());
        }
        true
    }

    /// Says whether a volume is blank, was never mounted or copied, and is in a machine.
    fn is_new(&self, volume: &Volume) -> bool {
        let is_taken = self.snapshots.values().any(|snapshot| snapshot.volume == volume.id);
        let has_machine = self
            .instances
            .values()
            .any(|found| found.is_running() && found.machine.devices.contains_key(&volume.id));
        let is_blank = *volume.content.shape() == Shape::Blank;
        !volume.was_mounted && !is_taken && is_blank && has_machine
    }

    fn any_new_volume(&self) -> Option<VolumeId> {
        let new: Vec<&VolumeId> = self
            .volumes
            .values()
            .filter(|found| found.is_living() && found.owner.is_some() && self.is_new(found))
            .map(|found| &found.id)
            .collect();
        self.faults.pick("new volume", self.now, &new).map(|id| (*id).clone())
    }

    /// Gives an instance's address to a stranger's, and another one to it.
    fn give_address_away(&mut self, id: &InstanceId) -> bool {
        let Some(instance) = self.instances.get(id).filter(|found| found.is_running()) else {
            return false;
        };
        let (address, zone) = (instance.address(), instance.zone.clone());
        if let Some(instance) = self.instance_mut(id) {
            instance.starts += 1;
        }
        let stranger = self.add_instance(NewInstance {
            asked_by: format!("stranger at the address of {id}"),
            tags: Tags::default(),
            zone,
            maker: Maker::Human,
            hidden_for: Duration::ZERO,
        });
        if let Some(found) = self.instance_mut(&stranger) {
            found.state = InstanceState::Running;
            found.machine.is_up = true;
            found.fixed_address = address;
        }
        self.note(format!("address of {id} now {stranger}'s"));
        true
    }

    /// Makes what somebody else's cluster of the same name has for a mount and its node.
    fn make_namesake(&mut self, mount: Option<&MountKey>) -> bool {
        let Some(mount) = mount.cloned().or_else(|| self.any_mount()) else { return false };
        let Some(owner) = self.owner_of(&mount) else { return false };
        let zone = self.limits.zones.first().cloned().unwrap_or_default();
        let hidden_for = Duration::ZERO;
        let asked_by = format!("namesake of {mount}");
        let instance = self.add_instance(NewInstance {
            asked_by: asked_by.clone(),
            tags: Tags::for_node(&owner.cluster, &mount.node),
            zone: zone.clone(),
            maker: Maker::Human,
            hidden_for,
        });
        let after = self.draw(instance.as_str(), self.durations.launch);
        let state = InstanceState::Running;
        self.schedule(after, Event::InstanceReaches { id: instance, state, turn: 0 });
        let volume = self.add_volume(NewVolume {
            asked_by,
            tags: Tags::for_mount(&owner.cluster, &mount),
            zone,
            size: wucluster_core::definition::Size::from_gib(1),
            from: None,
            content: Content::formatted("ext4", "namesake").with_file("theirs", "1"),
            maker: Maker::Human,
            hidden_for,
        });
        let after = self.draw(volume.as_str(), self.durations.create_volume);
        self.schedule(after, Event::VolumeMade { id: volume, fate: super::volume::Fate::Made });
        self.touch(&mount.node, Cause::Human, HarmKind::OF_TAGS);
        true
    }

    fn grip(&mut self, mount: Option<&MountKey>, grip: Grip, span: Option<Duration>) -> Struck {
        let Some(mount) = mount.cloned().or_else(|| self.any_mount()) else {
            return Struck::Nothing;
        };
        let Ok((instance, volume)) = self.machine_of(&mount) else { return Struck::Nothing };
        let Some(found) = self.instances.get_mut(&instance) else { return Struck::Nothing };
        let needs_mount = matches!(grip, Grip::Nested | Grip::Swap);
        if needs_mount && !found.machine.is_mounted(&volume) {
            return Struck::Nothing;
        }
        found.machine.grips.push((volume.clone(), grip));
        let boots = found.machine.boots;
        if let Some(span) = span {
            self.schedule(span, Event::GripEnds { instance, volume, grip, boots });
        }
        self.touch(&mount.node, Cause::Node, HarmKind::OF_HOLDERS);
        Struck::InForce
    }

    /// Ends one grip on a device.
    pub(super) fn release_grip(&mut self, instance: &InstanceId, volume: &VolumeId, grip: Grip) {
        let Some(found) = self.instances.get_mut(instance) else { return };
        let grips = &mut found.machine.grips;
        if let Some(index) = grips.iter().position(|(on, how)| on == volume && *how == grip) {
            grips.remove(index);
        }
        if !found.machine.is_holding(volume) {
            self.flush(instance, volume);
            self.device_let_go(volume);
        }
    }

    pub(super) fn release_grips(&mut self) {
        let grips: Vec<(InstanceId, VolumeId, Grip)> = self
            .instances
            .values()
            .flat_map(|found| {
                let of =
                    |(volume, grip): &(VolumeId, Grip)| (found.id.clone(), volume.clone(), *grip);
                found.machine.grips.iter().map(of)
            })
            .collect();
        for (instance, volume, grip) in grips {
            self.release_grip(&instance, &volume, grip);
        }
    }

    fn any_node(&self, node: Option<&NodeName>) -> Option<NodeName> {
        if let Some(node) = node {
            return Some(node.clone());
        }
        let id = self.any_machine(None)?;
        self.instances.get(&id)?.owner.as_ref().map(|owner| owner.node().clone())
    }

    fn any_machine(&self, node: Option<&NodeName>) -> Option<InstanceId> {
        if let Some(node) = node {
            return self.instance_of(node);
        }
        let running: Vec<&InstanceId> = self
            .instances
            .values()
            .filter(|found| found.is_running() && found.owner.is_some())
            .map(|found| &found.id)
            .collect();
        self.faults.pick("machine", self.now, &running).map(|id| (*id).clone())
    }

    fn any_volume(&self, mount: Option<&MountKey>) -> Option<VolumeId> {
        if let Some(mount) = mount {
            return self.volume_of(mount);
        }
        let living: Vec<&VolumeId> = self
            .volumes
            .values()
            .filter(|found| found.is_living() && found.owner.is_some())
            .map(|found| &found.id)
            .collect();
        self.faults.pick("volume", self.now, &living).map(|id| (*id).clone())
    }

    fn any_mount(&self) -> Option<MountKey> {
        let id = self.any_volume(None)?;
        self.volumes.get(&id)?.mount()
    }

    fn any_snapshot(&self, mount: Option<&MountKey>) -> Option<SnapshotId> {
        if let Some(mount) = mount {
            return self.snapshots_of(mount).into_iter().next();
        }
        let listed: Vec<&SnapshotId> = self
            .snapshots
            .values()
            .filter(|found| found.is_listed && found.owner.is_some())
            .map(|found| &found.id)
            .collect();
        self.faults.pick("snapshot", self.now, &listed).map(|id| (*id).clone())
    }
}

//! Faults as they strike.

use wucluster_core::ids::{InstanceId, NodeName, VolumeId};
use wucluster_core::observation::{AttachmentState, SnapshotState, VolumeState};

use super::event::Event;
use super::state::World;
use crate::faults::{Fault, FaultKind, FaultState, Faults, Upset, When};

impl World {
    /// Replaces the plan of faults; its times count from now.
    pub fn set_faults(&mut self, faults: Faults) {
        let plan = self.faults.begin(faults);
        let scheduled: Vec<(usize, When)> = self.faults.scheduled().collect();
        for (index, when) in scheduled {
            match when {
                When::After(span) => self.schedule(span, Event::FaultDue { index, plan }),
                When::Call(_, _) => {}
            }
        }
        if let Some(span) = self.faults.lasts() {
            self.schedule(span, Event::FaultsRunOut { plan });
        }
        for index in 0..self.faults.rates() {
            self.schedule_recurrence(index, plan);
        }
    }

    /// Ends all faults: nothing new goes wrong, outages end, what was stuck goes on.
    ///
    /// What humans and lost machines did stays done.
    pub fn calm(&mut self) {
        self.faults.end();
        for instance in self.instances.values_mut() {
            instance.machine.processes.retain(|_, process| !process.is_fault);
        }
        let stuck: Vec<(VolumeId, AttachmentState, u64)> = self
            .volumes
            .values_mut()
            .filter_map(|volume| {
                let attachment = volume.attachment.as_mut().filter(|found| found.is_stuck)?;
                attachment.is_stuck = false;
                Some((volume.id.clone(), attachment.state.clone(), volume.turn))
            })
            .collect();
        for (volume, state, turn) in stuck {
            if state == AttachmentState::Attaching {
                let after = self.draw(volume.as_str(), self.durations.attach);
                self.schedule(after, Event::Attached { volume, turn });
            } else {
                let after = self.draw(volume.as_str(), self.durations.detach);
                self.schedule(after, Event::DetachDue { volume, turn });
            }
        }
        let slow: Vec<_> = self
            .snapshots
            .values()
            .filter(|found| found.state == SnapshotState::Pending)
            .map(|found| (found.id.clone(), found.size, found.due_at))
            .collect();
        for (id, size, due_at) in slow {
            let usual = self.now.after(self.snapshot_time(id.as_str(), size));
            if due_at > usual {
                let turn = self.snapshot_mut(&id).map_or(0, |snapshot| {
                    snapshot.turn += 1;
                    snapshot.due_at = usual;
                    snapshot.turn
                });
                self.schedule_at(usual, Event::SnapshotDue { id, turn });
            }
        }
        self.note("calm");
        self.publish();
    }

    /// Lists how often the effect of each kind of fault was felt: not how often it was planned.
    #[must_use]
    pub fn kinds_fired(&self) -> std::collections::BTreeMap<FaultKind, u64> {
        self.faults.fired_kinds()
    }

    /// Counts an effect of a kind that strikes outside of the world: of operators, of the store, of
    /// a changed definition or demand.
    pub fn count_fault(&mut self, kind: FaultKind) {
        self.fired(kind.id());
    }

    /// Lists how often the effect of each case of a fault was felt, by its name.
    #[must_use]
    pub fn faults_fired(&self) -> &std::collections::BTreeMap<&'static str, u64> {
        self.faults.fired_counts()
    }

    pub(super) fn fired(&mut self, fault: &'static str) {
        self.faults.count(fault);
        self.note(format!("fault {fault}"));
    }

    /// Says what goes wrong with the `nth` request of a name; faults of the world strike first.
    pub(super) fn upset(&mut self, name: &'static str, nth: u64) -> Upset {
        let mut upset = Upset::default();
        for fault in self.faults.on_request(name, nth) {
            if !upset.add(&fault, name) {
                self.strike(&fault);
            }
        }
        upset
    }

    pub(super) fn fault_due(&mut self, index: usize, plan: u64) {
        let Some(fault) = self.faults.scheduled_fault(index, plan) else { return };
        self.strike(&fault);
    }

    pub(super) fn fault_recurs(&mut self, index: usize, plan: u64) {
        let Some(fault) = self.faults.recurring_fault(index, plan) else { return };
        self.strike(&fault);
        self.schedule_recurrence(index, plan);
    }

    fn schedule_recurrence(&mut self, index: usize, plan: u64) {
        if let Some(after) = self.faults.next_recurrence(index) {
            self.schedule(after, Event::FaultRecurs { index, plan });
        }
    }

    /// Lets a fault of the world happen now, and one of requests with the next request that it
    /// applies to; says whether there was anything that it could befall.
    pub fn strike(&mut self, fault: &Fault) -> bool {
        let name = fault.name();
        let now = self.now;
        let struck = match fault {
            Fault::Unreachable { node, span, hangs } => {
                let node = self.any_node(node.as_ref());
                node.is_some_and(|node| {
                    self.faults.cut_off(node, FaultState::until(now, *span), *hangs)
                })
            }
            Fault::WrongHost { node, span } => {
                let node = self.any_node(node.as_ref());
                node.is_some_and(|node| {
                    self.faults.impersonate(node, FaultState::until(now, *span))
                })
            }
            Fault::StaleListings { lag, span, wavers } => {
                self.faults.make_stale(*lag, FaultState::until(now, *span), *wavers)
            }
            Fault::MachineStops { node } => {
                let id = self.any_machine(node.as_ref());
                id.is_some_and(|id| self.kill_machine(&id))
            }
            Fault::MachineTerminates { node } => {
                let id = self.any_machine(node.as_ref());
                id.is_some_and(|id| {
                    self.lose_machine(&id, "Server.SpotInstanceTermination: interrupted")
                })
            }
            Fault::MachineReboots { node, is_in_order } => {
                let id = self.any_machine(node.as_ref());
                id.is_some_and(|id| self.reboot(&id, *is_in_order))
            }
            Fault::VolumeFails { mount } => {
                let id = match mount {
                    Some(mount) => self.volume_of(mount),
                    None => self.any_volume(),
                };
                id.is_some_and(|id| self.fail_volume(&id))
            }
            Fault::Human(what) => self.human(what).is_ok(),
            Fault::Throttle
            | Fault::ServerError
            | Fault::Denied
            | Fault::LostAnswer
            | Fault::NoCapacity
            | Fault::LaunchFails
            | Fault::StuckAttaching { .. }
            | Fault::StuckDetaching { .. }
            | Fault::VolumeBreaks
            | Fault::SnapshotFails
            | Fault::SnapshotSlow { .. }
            | Fault::Hidden { .. }
            | Fault::UmountBusy { .. }
            | Fault::LostShellAnswer => {
                self.faults.arm(fault.clone());
                return true;
            }
        };
        // These are felt only when somebody asks, and counted then.
        let is_felt_later = matches!(
            fault,
            Fault::Unreachable { .. } | Fault::WrongHost { .. } | Fault::StaleListings { .. }
        );
        if struck && !is_felt_later {
            self.fired(name);
        }
        self.publish();
        struck
    }

    fn fail_volume(&mut self, id: &VolumeId) -> bool {
        let Some(volume) = self.volume_mut(id).filter(|found| found.is_living()) else {
            return false;
        };
        volume.state = VolumeState::Error;
        self.note(format!("volume {id} failed"));
        true
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
        let now = self.now;
        let running: Vec<InstanceId> = self
            .instances
            .values()
            .filter(|found| found.is_running())
            .map(|found| found.id.clone())
            .collect();
        self.faults.pick("machine", now, &running).cloned()
    }

    fn any_volume(&self) -> Option<VolumeId> {
        let now = self.now;
        let living: Vec<VolumeId> = self
            .volumes
            .values()
            .filter(|found| found.is_living())
            .map(|found| found.id.clone())
            .collect();
        self.faults.pick("volume", now, &living).cloned()
    }
}

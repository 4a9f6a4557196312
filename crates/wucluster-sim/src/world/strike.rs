//! The plan of faults: what strikes when, what was felt, and the end of it all.

use std::time::Duration;

use wucluster_core::ids::{Subject, VolumeId};
use wucluster_core::observation::{AttachmentState, SnapshotState};
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::state::World;
use crate::faults::{Fault, FaultKind, Faults, Upset, When};

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
        self.faults.clock.end(self.now);
        for instance in self.instances.values_mut() {
            instance.machine.processes.retain(|_, process| !process.is_fault);
        }
        self.release_grips();
        self.recover_binned();
        // What was announced in the storm would end machines in calm, or mount what is reported to be unmounted.
        self.events
            .retain(|_, event| !matches!(event, Event::SpotEnds { .. } | Event::Remounts { .. }));
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
            // A device that a fault hid for good stays hidden until the machine boots anew.
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

    /// Says whether listings showed anything of somebody other than it was within a time.
    #[must_use]
    pub fn was_shown_late(&self, subject: &Subject, from: Timestamp, to: Timestamp) -> bool {
        self.faults.was_late(subject, (from, to), false)
    }

    /// Says whether listings showed anything of somebody older than they had shown it before, or left
    /// it out, within a time.
    #[must_use]
    pub fn went_back(&self, subject: &Subject, from: Timestamp, to: Timestamp) -> bool {
        self.faults.was_late(subject, (from, to), true)
    }

    /// Says whether a listing showed anything of anybody older than it had been shown before, or left it out, within a time.
    #[must_use]
    pub fn has_gone_back(&self, from: Timestamp, to: Timestamp) -> bool {
        self.faults.has_gone_back(from, to)
    }

    /// Says whether a kind of fault ever befell somebody: foreign content, or a human who takes away
    /// name or data.
    #[must_use]
    pub fn was_struck(&self, kind: FaultKind, subject: &Subject) -> bool {
        self.faults.was_struck(kind, subject)
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
        for fault in self.faults.on_request(name, nth, false) {
            if !upset.add(&fault) {
                self.strike(&fault);
            }
        }
        upset
    }

    /// Draws for how long a request of a name is under way before it arrives, beside the usual.
    pub(crate) fn delay_before(&mut self, name: &'static str) -> Duration {
        let nth = self.traffic.calls.get(name).map_or(0, |calls| calls.asked) + 1;
        let mut delay = Duration::ZERO;
        for fault in self.faults.on_request(name, nth, true) {
            if let Fault::SlowCall { span, .. } = fault {
                self.fired(fault.name());
                delay = delay.max(span);
            }
        }
        delay
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
}

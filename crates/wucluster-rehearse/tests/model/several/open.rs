//! Which steps are open from a state.

use super::driver::{Driver, node_of};
use super::scope::Fault;
use super::world::{DRIVERS, LATE, Shared, State, Step};
use crate::cloud::{Attach, Listing, Run, Snap, Vol};

impl Shared {
    /// Lists the steps from a state.
    pub fn open(&self, state: &State, steps: &mut Vec<Step>) {
        if state.truth.harm.is_some() {
            return;
        }
        self.begins(state, steps);
        for at in 0..DRIVERS as u8 {
            self.drives(state, at, steps);
        }
        for at in 0..LATE as u8 {
            if state.late[usize::from(at)].is_some() {
                steps.push(Step::LateEffect(at));
                // Where nobody heeds it, not to come is the same as not to come yet.
                if self.scope.heeds_open {
                    steps.push(Step::LateVanishes(at));
                }
            }
        }
        for node in 0..self.scope.layout.nodes() {
            let (place, machine) = (node as u8, state.truth.cloud.nodes[node]);
            match machine.run {
                Run::Pending | Run::Stopping | Run::ShuttingDown => {
                    steps.push(Step::Instance(place));
                }
                Run::Terminated => steps.push(Step::Forget(place)),
                Run::None | Run::Running | Run::Stopped if machine.gone > 0 => {
                    steps.push(Step::Forget(place));
                }
                Run::None | Run::Running | Run::Stopped => {}
            }
            if state.truth.is_silent[node] {
                steps.push(Step::Speaks(place));
            }
            let has_fault =
                |kind| state.faults > 0 && self.has(kind) && machine.run == Run::Running;
            let layout = self.scope.layout;
            let mut flights = state.drivers.iter().flatten().flat_map(Driver::flights);
            let is_busy = flights.any(|one| node_of(layout, one.ask) == Some(node));
            if has_fault(Fault::Reboot) && !is_busy {
                steps.push(Step::Reboot(place));
            }
            if has_fault(Fault::Deaf) && !state.truth.is_silent[node] {
                steps.push(Step::Falls(place));
            }
        }
        for mount in 0..self.scope.layout.mounts() {
            let place = mount as u8;
            let (disk, slot) = (state.truth.disks[mount], &state.truth.cloud.mounts[mount]);
            if matches!(slot.volume.state, Vol::Creating | Vol::Deleting) {
                steps.push(Step::Volume(place));
            }
            match slot.volume.attach {
                Attach::Attaching | Attach::Detaching => steps.push(Step::Attachment(place)),
                Attach::Busy if !disk.is_held() => steps.push(Step::Attachment(place)),
                Attach::None | Attach::Attached | Attach::Busy => {}
            }
            for (at, snapshot) in slot.snapshots.iter().enumerate() {
                if snapshot.state == Snap::Pending {
                    steps.push(Step::SnapshotCompletes(place, at as u8));
                }
            }
            if disk.is_held() && state.writes > 0 {
                steps.push(Step::Write(place));
            }
        }
    }

    fn begins(&self, state: &State, steps: &mut Vec<Step>) {
        if state.lease == self.scope.runs {
            return;
        }
        // With a lease there is one at a time: which of them it is says nothing.
        let drivers = if self.scope.has_lease { 1 } else { DRIVERS };
        for at in 0..drivers {
            let is_next = at == 0 || state.drivers[0].is_some();
            let flights = state.drivers[at].iter().flat_map(Driver::flights).count();
            if is_next && state.room() >= flights {
                let begin = |demand: &_| Step::Begin(at as u8, *demand);
                steps.extend(self.scope.demands_of(state.lease + 1).iter().map(begin));
            }
        }
    }

    fn drives(&self, state: &State, at: u8, steps: &mut Vec<Step>) {
        let Some(driver) = &state.drivers[usize::from(at)] else { return };
        steps.push(Step::Look(at));
        if !self.scope.looks_whole {
            for node in 0..self.scope.layout.nodes() {
                if self.may_ask(state, at, node) {
                    steps.push(Step::Probe(at, node as u8));
                }
            }
        }
        let may_fail = |kind| state.faults > 0 && self.has(kind);
        for flight in driver.flights() {
            let subject = flight.subject;
            steps.push(Step::Answer(at, subject));
            if may_fail(Fault::LostAnswer) {
                steps.push(Step::AnswerLost(at, subject));
            }
            if may_fail(Fault::LateEffect) && state.room() > 0 {
                steps.push(Step::EffectLate(at, subject));
            }
            if may_fail(Fault::Twice) && state.room() > 0 {
                steps.push(Step::Twice(at, subject));
            }
        }
        if may_fail(Fault::BackInTime) && state.past.is_none() {
            steps.push(Step::Remember);
        }
        if may_fail(Fault::OldListing) {
            let lists = [
                Listing::Instances,
                Listing::Volumes,
                Listing::Tags,
                Listing::Attachments,
                Listing::Snapshots,
            ];
            let listed = state.truth.cloud.listed();
            let older = state.older(driver);
            let is_old = |which: &Listing| listed.with_older(older, *which) != listed;
            steps
                .extend(lists.into_iter().filter(is_old).map(|which| Step::LookAtOlder(at, which)));
        }
    }
}

//! Which steps are open from a state: what the operator may do, how the world may move by itself, and what
//! may go wrong while the budget of faults lasts.

use super::ask::Ask;
use super::cloud::{Attach, Listing, NODES, Run, Snap, Vol};
use super::scope::Fault;
use super::step::Step;
use super::world::{State, World};

impl World {
    /// Lists the steps from a state.
    pub fn open(&self, state: &State, steps: &mut Vec<Step>) {
        if state.truth.harm.is_some() {
            return;
        }
        steps.push(Step::Look);
        for node in 0..self.layout().nodes() {
            let place = node as u8;
            if self.may_probe(state, node) {
                steps.push(Step::Probe(place));
            }
            match state.truth.cloud.nodes[node].run {
                Run::Pending | Run::Stopping | Run::ShuttingDown => {
                    steps.push(Step::Instance(place));
                }
                Run::Terminated => steps.push(Step::Forget(place)),
                Run::None | Run::Running | Run::Stopped => {
                    if state.truth.cloud.nodes[node].gone > 0 {
                        steps.push(Step::Forget(place));
                    }
                }
            }
            if state.truth.is_silent[node] {
                steps.push(Step::Speaks(place));
            }
        }
        for (place, subject) in state.operator.subjects.iter().enumerate() {
            if subject.flight.is_some() {
                steps.push(Step::Answer(place as u8));
            }
        }
        if state.late.is_some() {
            steps.extend([Step::LateEffect, Step::LateVanishes]);
        }
        for mount in 0..self.layout().mounts() {
            let place = mount as u8;
            let (disk, volume) =
                (state.truth.disks[mount], &state.truth.cloud.mounts[mount].volume);
            if matches!(volume.state, Vol::Creating | Vol::Deleting) {
                steps.push(Step::Volume(place));
            }
            match volume.attach {
                Attach::Attaching | Attach::Detaching => steps.push(Step::Attachment(place)),
                Attach::Busy if !disk.is_held() => steps.push(Step::Attachment(place)),
                Attach::None | Attach::Attached | Attach::Busy => {}
            }
            for (at, snapshot) in state.truth.cloud.mounts[mount].snapshots.iter().enumerate() {
                if snapshot.state == Snap::Pending {
                    steps.push(Step::SnapshotCompletes(place, at as u8));
                }
            }
            if disk.is_held() && state.writes > 0 && !disk.is_dirty {
                steps.push(Step::Write(place));
            }
            if disk.is_dirty {
                steps.push(Step::Writeback(place));
            }
            if disk.has_process {
                steps.push(Step::Rests(place));
            }
            if disk.is_pinned {
                steps.push(Step::Unpins(place));
            }
        }
        let is_idle = state.operator.subjects.iter().all(|subject| subject.flight.is_none());
        if state.flips > 0 && is_idle && self.may_begin_anew(state) {
            steps.push(Step::Flip);
        }
        self.faults(state, steps);
    }

    fn may_probe(&self, state: &State, node: usize) -> bool {
        let is_busy = state.operator.subjects[NODES..]
            .iter()
            .enumerate()
            .filter(|(mount, _)| self.layout().owner(*mount) == node)
            .any(|(_, subject)| subject.flight.is_some_and(Ask::is_shell));
        state.operator.has_looked && state.operator.view.nodes[node].run == Run::Running && !is_busy
    }

    /// Whether another operator may begin: what was asked by the last has taken effect, or never will.
    /// What outlives its operator can be told by nobody; a scope says whether it may.
    fn may_begin_anew(&self, state: &State) -> bool {
        state.late.is_none() || self.scope.has(Fault::OutlivesOperator)
    }

    fn faults(&self, state: &State, steps: &mut Vec<Step>) {
        if state.faults == 0 {
            return;
        }
        let has = |kind| self.scope.has(kind);
        for (place, subject) in state.operator.subjects.iter().enumerate() {
            if subject.flight.is_some() {
                if has(Fault::LostAnswer) {
                    steps.push(Step::AnswerLost(place as u8));
                }
                if has(Fault::LateEffect) && state.late.is_none() {
                    steps.push(Step::EffectLate(place as u8));
                }
            }
        }
        if has(Fault::Crash) && state.operator.has_looked && self.may_begin_anew(state) {
            steps.push(Step::Crash);
        }
        if has(Fault::OldListing) {
            let lists = [Listing::Instances, Listing::Volumes, Listing::Snapshots];
            let listed = state.truth.cloud.listed();
            let old = |which: &Listing| listed.with_older(&state.operator.view, *which) != listed;
            steps.extend(lists.into_iter().filter(old).map(Step::LookAtOlder));
        }
        for node in 0..self.layout().nodes() {
            let place = node as u8;
            if state.truth.cloud.nodes[node].run == Run::Running {
                if has(Fault::Reboot) {
                    steps.push(Step::Reboot(place));
                }
                if has(Fault::Dies) {
                    steps.push(Step::Dies(place));
                }
                if has(Fault::HumanStops) {
                    steps.push(Step::HumanStops(place));
                }
                if has(Fault::Silence) && !state.truth.is_silent[node] {
                    steps.push(Step::Falls(place));
                }
            }
        }
        for mount in 0..self.layout().mounts() {
            let place = mount as u8;
            let (disk, volume) =
                (state.truth.disks[mount], &state.truth.cloud.mounts[mount].volume);
            if disk.is_mounted && has(Fault::Process) && !disk.has_process {
                steps.push(Step::Works(place));
            }
            if disk.is_mounted && has(Fault::Pin) && !disk.is_pinned {
                steps.push(Step::Pins(place));
            }
            let has_content = volume.state != Vol::None && volume.hidden.content.fs > 0;
            if has(Fault::LooksBlank)
                && has_content
                && !volume.hidden.looks_blank
                && !disk.is_held()
            {
                steps.push(Step::LooksBlank(place));
            }
            if has(Fault::HumanDetaches) && volume.attach == Attach::Attached {
                steps.push(Step::HumanDetaches(place));
            }
            let own = &state.truth.cloud.nodes[self.layout().owner(mount)];
            if has(Fault::HumanAttaches)
                && volume.state == Vol::Available
                && own.run == Run::Running
            {
                steps.push(Step::HumanAttaches(place));
            }
            for (at, snapshot) in state.truth.cloud.mounts[mount].snapshots.iter().enumerate() {
                if has(Fault::SnapshotFails) && snapshot.state == Snap::Pending {
                    steps.push(Step::SnapshotFails(place, at as u8));
                }
                if has(Fault::HumanDeletesSnapshot) && snapshot.state == Snap::Completed {
                    steps.push(Step::HumanDeletesSnapshot(place, at as u8));
                }
            }
        }
    }
}

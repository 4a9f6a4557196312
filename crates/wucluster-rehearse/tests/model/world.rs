//! The small world as a model: its states, the steps from each, and what holds in all of them.

use stateright::{Model, Property};

use super::ask::{Ask, SUBJECTS};
use super::cloud::{Attach, Cloud, Disk, MOUNTS, NODES, Run, Snap, Snapshot, Vol, Volume};
use super::names::{Layout, Names};
use super::operator::{AWAITED_SNAPSHOT, Answer, Device, Operator};
use super::planner::Planner;
use super::provider::{Harm, Outcome};
use super::scope::Scope;
use super::step::Step;

/// Everything: the truth, the operator, and what may still go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    pub cloud: Cloud,
    pub disks: [Disk; MOUNTS],
    pub is_silent: [bool; NODES],
    pub operator: Operator,
    /// A request whose answer was lost and whose effect may yet come.
    pub late: Option<(u8, Ask)>,
    pub faults: u8,
    pub flips: u8,
    pub writes: u8,
    pub harm: Option<Harm>,
}

/// A scope as a model.
pub struct World {
    pub scope: Scope,
    pub planner: Planner,
}

impl World {
    pub fn new(scope: Scope) -> Self {
        let planner = Planner::new(Names::new(scope.layout), scope.ablated, scope.unguarded);
        Self { scope, planner }
    }

    /// Leaves out the steps without which the same harm comes about.
    pub fn shortened(&self, steps: Vec<Step>) -> Vec<Step> {
        let harm = self.replay(&steps);
        let mut steps = steps;
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.remove(at);
            if self.replay(&fewer) == harm {
                (steps, at) = (fewer, 0);
            } else {
                at += 1;
            }
        }
        steps
    }

    /// What harm these steps do; none, where they cannot all be taken.
    fn replay(&self, steps: &[Step]) -> Option<Harm> {
        let mut state = State::new(&self.scope);
        let mut open = Vec::new();
        for step in steps {
            open.clear();
            self.actions(&state, &mut open);
            if !open.contains(step) {
                return None;
            }
            state = self.next_state(&state, *step)?;
        }
        state.harm
    }

    pub fn layout(&self) -> Layout {
        self.scope.layout
    }

    /// Plans, as the engine does after whatever it hears, and makes the requests of the plan: what
    /// destroys only when an older look cleared the very same.
    fn wave(&self, state: &mut State, is_new_look: bool) {
        let operator = &mut state.operator;
        if !operator.has_looked {
            return;
        }
        let planned = self.planner.plan(operator);
        operator.known = planned.known;
        let mut firsts = [None; SUBJECTS];
        for (subject, ask, destroys) in &planned.asks {
            let remembered = &mut operator.subjects[*subject];
            let is_renewed = is_new_look && remembered.first == Some(*ask);
            if *destroys && !is_renewed {
                firsts[*subject] = Some(*ask);
            } else {
                remembered.flight = Some(*ask);
            }
        }
        for (subject, first) in operator.subjects.iter_mut().zip(firsts) {
            subject.first = first;
        }
        if planned.is_met && is_new_look && !state.is_met(self.layout()) {
            state.harm = Some(Harm::FalselyMet);
        }
    }

    /// Ends a request that is under way, as the operator hears of it.
    fn hear(&self, state: &mut State, subject: usize, outcome: Option<Outcome>) {
        let remembered = &mut state.operator.subjects[subject];
        let Some(ask) = remembered.flight.take() else { return };
        if ask.is_shell() {
            remembered.is_word_old = true;
        } else {
            remembered.is_look_old = true;
        }
        match outcome {
            Some(Outcome::Made(number)) => {
                let is_snapshot = matches!(ask, Ask::Snapshot { .. });
                remembered.unsure = None;
                remembered.awaited = number + if is_snapshot { AWAITED_SNAPSHOT } else { 0 };
            }
            Some(Outcome::Done) if !ask.is_shell() => remembered.awaited = 0,
            Some(Outcome::TokenSpent) => {
                remembered.tokens += 1;
                remembered.unsure = None;
            }
            Some(Outcome::Done | Outcome::Refused) => {}
            None if matches!(ask, Ask::Run { .. } | Ask::Create { .. }) => {
                remembered.unsure = Some(ask);
            }
            None => {}
        }
        self.wave(state, false);
    }

    /// Whether a request reaches whom it is for: a node must answer to be asked.
    fn apply(&self, state: &mut State, subject: usize, ask: Ask) -> Option<Outcome> {
        if let Ask::Mkfs { mount, .. } | Ask::Mount { mount, .. } | Ask::Unmount { mount, .. } = ask
        {
            let node = self.layout().owner(usize::from(mount));
            if state.is_silent[node] || state.cloud.nodes[node].run != Run::Running {
                return None;
            }
        }
        Some(state.apply(self.layout(), subject, ask))
    }

    fn probe(&self, state: &mut State, node: usize) {
        let truth = state.cloud.nodes[node];
        let seen = state.operator.view.nodes[node];
        let mut answer = Answer { instance: seen.number, ..Answer::default() };
        if state.is_silent[node] || truth.run != Run::Running || truth.number != seen.number {
            answer.is_silent = true;
        } else {
            for mount in 0..self.layout().mounts() {
                let volume = &state.cloud.mounts[mount].volume;
                let has_device = volume.holder == (node as u8, truth.number)
                    && matches!(volume.attach, Attach::Attached | Attach::Detaching | Attach::Busy);
                if !has_device {
                    continue;
                }
                let believed = &state.operator.view.mounts[mount].volume;
                let is_asked = believed.number == volume.number && believed.attach != Attach::None;
                let disk = state.disks[mount];
                let content = volume.hidden.content;
                let device = match (disk.is_mounted, disk.is_pinned, is_asked) {
                    (true, ..) => Device::Mounted,
                    (false, true, _) => Device::Held,
                    (false, false, false) => Device::NotExamined,
                    (false, false, true) if content.fs == 0 || volume.hidden.looks_blank => {
                        Device::Blank
                    }
                    (false, false, true) => Device::Filesystem(content.fs),
                };
                answer.devices[mount] = (device, volume.number);
            }
        }
        state.operator.answers[node] = answer;
        for mount in (0..self.layout().mounts()).filter(|mount| self.layout().owner(*mount) == node)
        {
            state.operator.is_device_old[mount] = false;
            state.operator.subjects[NODES + mount].is_word_old = false;
        }
        self.wave(state, false);
    }
}

impl Model for World {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.scope)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.open(state, steps);
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut next = *before;
        let state = &mut next;
        if step.is_fault() {
            state.faults -= 1;
        }
        match step {
            Step::Look => {
                state.operator.look(before.cloud.listed(), &before.cloud);
                self.wave(state, true);
            }
            Step::LookAtOlder(which) => {
                let listed = before.cloud.listed().with_older(&before.operator.view, which);
                state.operator.look(listed, &before.cloud);
                self.wave(state, true);
                // An end that an old listing shows is not to be told from a true one.
                if state.harm == Some(Harm::FalselyMet) {
                    state.harm = None;
                }
            }
            Step::Probe(node) => self.probe(state, usize::from(node)),
            Step::Answer(subject) | Step::AnswerLost(subject) => {
                let place = usize::from(subject);
                let ask = state.operator.subjects[place].flight?;
                let outcome = self.apply(state, place, ask);
                let is_heard = matches!(step, Step::Answer(_));
                self.hear(state, place, outcome.filter(|_| is_heard));
            }
            Step::EffectLate(subject) => {
                let place = usize::from(subject);
                state.late = state.operator.subjects[place].flight.map(|ask| (subject, ask));
                self.hear(state, place, None);
            }
            Step::LateEffect => {
                let (subject, ask) = state.late.take()?;
                self.apply(state, usize::from(subject), ask);
            }
            Step::LateVanishes => state.late = None,
            Step::Crash => state.operator.begin_anew(before.operator.demand),
            Step::Flip => {
                state.flips -= 1;
                let is_other = before.operator.demand == self.scope.other;
                let demand = if is_other { self.scope.demand } else { self.scope.other };
                state.operator.begin_anew(demand);
            }
            Step::Instance(node) => state.instance_moves_on(usize::from(node)),
            Step::Forget(node) => state.forget_instance(usize::from(node)),
            Step::Volume(mount) => {
                let volume = &mut state.cloud.mounts[usize::from(mount)].volume;
                if volume.state == Vol::Creating {
                    volume.state = Vol::Available;
                } else {
                    *volume = Volume::default();
                }
            }
            Step::Attachment(mount) => state.attachment_moves_on(usize::from(mount)),
            Step::SnapshotCompletes(mount, at) => {
                state.snapshot(mount, at).state = Snap::Completed;
            }
            Step::SnapshotFails(mount, at) => state.snapshot(mount, at).state = Snap::Error,
            Step::Write(mount) => {
                state.writes -= 1;
                state.disks[usize::from(mount)].is_dirty = true;
            }
            Step::Writeback(mount) => state.flush(usize::from(mount)),
            Step::Reboot(node) => state.lose_memory(usize::from(node)),
            Step::Dies(node) => state.end_instance(usize::from(node)),
            Step::Falls(node) => state.is_silent[usize::from(node)] = true,
            Step::Speaks(node) => state.is_silent[usize::from(node)] = false,
            Step::Works(mount) => state.disks[usize::from(mount)].has_process = true,
            Step::Rests(mount) => state.disks[usize::from(mount)].has_process = false,
            Step::Pins(mount) => state.disks[usize::from(mount)].is_pinned = true,
            Step::Unpins(mount) => {
                let mount = usize::from(mount);
                state.disks[mount].is_pinned = false;
                if !state.disks[mount].is_mounted {
                    state.flush(mount);
                }
            }
            Step::LooksBlank(mount) => {
                state.cloud.mounts[usize::from(mount)].volume.hidden.looks_blank = true;
            }
            Step::HumanStops(node) => state.cloud.nodes[usize::from(node)].run = Run::Stopping,
            Step::HumanDetaches(mount) => {
                state.cloud.mounts[usize::from(mount)].volume.attach = Attach::Detaching;
            }
            Step::HumanAttaches(mount) => {
                let node = self.layout().owner(usize::from(mount));
                let number = state.cloud.nodes[node].number;
                let volume = &mut state.cloud.mounts[usize::from(mount)].volume;
                volume.state = Vol::InUse;
                volume.attach = Attach::Attaching;
                volume.holder = (node as u8, number);
            }
            Step::HumanDeletesSnapshot(mount, at) => {
                *state.snapshot(mount, at) = Snapshot::default();
                state.cloud.mounts[usize::from(mount)].is_robbed = true;
            }
        }
        (next != *before).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! never {
            ($($name:literal: $($harm:ident)|+,)+) => {
                vec![$(Property::always($name, |_: &Self, state: &State| {
                    !matches!(state.harm, $(Some(Harm::$harm))|+)
                }),)+]
            };
        }
        never! {
            "I1 no volume is deleted unsaved": DeletedUnsaved,
            "I2 no machine is terminated with a mount": TerminatedMounted,
            "I4 nothing is detached while held": DetachedMounted,
            "I5 nothing is formatted over content": Formatted,
            "I6 nothing comes to another node": WrongNode,
            "I7 no name has two living things": TwoInstances | TwoVolumes,
            "I8 no request changes what is another's": Foreign,
            "I9 nothing older takes the newest data's place": Older,
            "R1 no end is told that is none": FalselyMet,
        }
    }
}

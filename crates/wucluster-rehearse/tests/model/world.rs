//! The small world as a model: its states, the steps from each, and what holds in all of them.

use stateright::{Model, Property};

use super::ask::{Ask, SUBJECTS};
use super::cloud::{Attach, Run, Snap, Snapshot, Vol, Volume};
use super::names::{Layout, Names};
use super::never::never;
use super::operator::Operator;
use super::planner::Planner;
use super::provider::{Harm, Outcome};
use super::scope::Scope;
use super::search::Searched;
use super::step::Step;
use super::truth::Truth;

/// Everything: the truth, the operator, and what may still go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    pub truth: Truth,
    pub operator: Operator,
    /// A request whose answer was lost and whose effect may yet come.
    pub late: Option<(u8, Ask)>,
    pub faults: u8,
    pub flips: u8,
    pub writes: u8,
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
            state.truth.harm = Some(Harm::FalselyMet);
        }
    }

    /// Ends a request that is under way, as the operator hears of it.
    fn hear(&self, state: &mut State, subject: usize, outcome: Option<Outcome>) {
        if state.operator.hear(subject, outcome).is_some() {
            self.wave(state, false);
        }
    }

    /// Whether a request reaches whom it is for: a node must answer to be asked.
    fn apply(&self, state: &mut State, subject: usize, ask: Ask) -> Option<Outcome> {
        if let Ask::Mkfs { mount, .. } | Ask::Mount { mount, .. } | Ask::Unmount { mount, .. } = ask
        {
            let node = self.layout().owner(usize::from(mount));
            if state.truth.is_silent[node] || state.truth.cloud.nodes[node].run != Run::Running {
                return None;
            }
        }
        Some(state.truth.apply(self.layout(), subject, ask))
    }

    fn probe(&self, state: &mut State, node: usize) {
        state.operator.answers[node] =
            state.truth.answer(self.layout(), node, &state.operator.view);
        state.operator.take_word(self.layout(), node);
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
                state.operator.look(before.truth.cloud.listed(), &before.truth.cloud);
                self.wave(state, true);
            }
            Step::LookAtOlder(which) => {
                let listed = before.truth.cloud.listed().with_older(&before.operator.view, which);
                state.operator.look(listed, &before.truth.cloud);
                self.wave(state, true);
                // An end that an old listing shows is not to be told from a true one.
                if state.truth.harm == Some(Harm::FalselyMet) {
                    state.truth.harm = None;
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
            Step::Instance(node) => state.truth.instance_moves_on(usize::from(node)),
            Step::Forget(node) => state.truth.forget_instance(usize::from(node)),
            Step::Volume(mount) => {
                let volume = &mut state.truth.cloud.mounts[usize::from(mount)].volume;
                if volume.state == Vol::Creating {
                    volume.state = Vol::Available;
                } else {
                    *volume = Volume::default();
                }
            }
            Step::Attachment(mount) => state.truth.attachment_moves_on(usize::from(mount)),
            Step::SnapshotCompletes(mount, at) => {
                state.truth.snapshot(mount, at).state = Snap::Completed;
            }
            Step::SnapshotFails(mount, at) => state.truth.snapshot(mount, at).state = Snap::Error,
            Step::Write(mount) => {
                state.writes -= 1;
                state.truth.disks[usize::from(mount)].is_dirty = true;
            }
            Step::Writeback(mount) => state.truth.flush(usize::from(mount)),
            Step::Reboot(node) => state.truth.lose_memory(usize::from(node)),
            Step::Dies(node) => state.truth.end_instance(usize::from(node)),
            Step::Falls(node) => state.truth.is_silent[usize::from(node)] = true,
            Step::Speaks(node) => state.truth.is_silent[usize::from(node)] = false,
            Step::Works(mount) => state.truth.disks[usize::from(mount)].has_process = true,
            Step::Rests(mount) => state.truth.disks[usize::from(mount)].has_process = false,
            Step::Pins(mount) => state.truth.disks[usize::from(mount)].is_pinned = true,
            Step::Unpins(mount) => {
                let mount = usize::from(mount);
                state.truth.disks[mount].is_pinned = false;
                if !state.truth.disks[mount].is_mounted {
                    state.truth.flush(mount);
                }
            }
            Step::LooksBlank(mount) => {
                state.truth.cloud.mounts[usize::from(mount)].volume.hidden.looks_blank = true;
            }
            Step::HumanStops(node) => {
                state.truth.cloud.nodes[usize::from(node)].run = Run::Stopping;
            }
            Step::HumanDetaches(mount) => {
                state.truth.cloud.mounts[usize::from(mount)].volume.attach = Attach::Detaching;
            }
            Step::HumanAttaches(mount) => {
                let node = self.layout().owner(usize::from(mount));
                let number = state.truth.cloud.nodes[node].number;
                let volume = &mut state.truth.cloud.mounts[usize::from(mount)].volume;
                volume.state = Vol::InUse;
                volume.attach = Attach::Attaching;
                volume.holder = (node as u8, number);
            }
            Step::HumanDeletesSnapshot(mount, at) => {
                *state.truth.snapshot(mount, at) = Snapshot::default();
                state.truth.cloud.mounts[usize::from(mount)].is_robbed = true;
            }
        }
        (next != *before).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
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

impl Searched for World {
    fn name(&self) -> &'static str {
        self.scope.name
    }

    fn states_max(&self) -> usize {
        self.scope.states_max
    }

    fn harm(state: &State) -> Option<Harm> {
        state.truth.harm
    }
}

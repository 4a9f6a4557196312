//! The small world of several operators as a model.

use stateright::{Model, Property};
use wucluster_core::demand::Demand;
use wucluster_core::phases::Phase;

use super::driver::{Driver, Knows, Late, Sent, mount_of, node_of};
use super::planner::{Asked, planned};
use super::scope::{Entering, Fault, Scope};
use super::store::{Entry, Last, Log};
use crate::ask::{Ask, SUBJECTS};
use crate::cloud::{Cloud, Listing, MOUNTS, NODES, Run, Snap, Vol, Volume};
use crate::names::Names;
use crate::never::never;
use crate::operator::Operator;
use crate::planner::Planner;
use crate::provider::{Harm, Outcome};
use crate::scope::Start;
use crate::search::Searched;
use crate::truth::Truth;

/// How many requests may be on their way beside what is awaited.
pub const LATE: usize = 4;
/// How many runs go on beside each other, where nothing keeps them from it.
pub const DRIVERS: usize = 2;

/// Everything: the truth, what is shared, who drives, and what may still go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    pub truth: Truth,
    /// Per node, the latest run for which its machine was spoken to since its start.
    pub spoken: [u8; NODES],
    /// Per mount, the run of the last unmount that its machine has carried out.
    pub fences: [u8; MOUNTS],
    pub drivers: [Option<Driver>; DRIVERS],
    pub late: [Option<Late>; LATE],
    /// How many runs have begun: the number of the last.
    pub lease: u8,
    pub log: Log,
    /// The run that made the last object of the log.
    pub log_run: u8,
    /// Per mount, the highest epoch under which data was seen, and that was asked to be sealed, by what runs wrote down.
    pub known: [u8; MOUNTS],
    pub sealed: [u8; MOUNTS],
    /// Per subject, the last creation that was asked for and the number of what it made, unless that was seen to end.
    pub made: [Option<(Ask, u8)>; SUBJECTS],
    /// What the last one who looked saw: no later look is older.
    pub view: Cloud,
    /// What listings showed once, and may show again.
    pub past: Option<Cloud>,
    pub faults: u8,
    pub writes: u8,
}

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A run begins, which takes the lease from whoever has it.
    Begin(u8, Demand),
    /// An operator looks at the cloud (and asks its nodes), and plans.
    Look(u8),
    LookAtOlder(u8, Listing),
    /// What listings show now, they may show again later.
    Remember,
    /// An operator asks a node, and plans.
    Probe(u8, u8),
    /// A request takes effect and is answered; its operator plans.
    Answer(u8, u8),
    AnswerLost(u8, u8),
    EffectLate(u8, u8),
    /// A request takes effect, is answered, and is on its way once more.
    Twice(u8, u8),
    /// A request of a run that is over, or that was given up, takes effect.
    LateEffect(u8),
    LateVanishes(u8),
    Instance(u8),
    Forget(u8),
    Volume(u8),
    Attachment(u8),
    SnapshotCompletes(u8, u8),
    /// The user writes.
    Write(u8),
    Reboot(u8),
    Falls(u8),
    Speaks(u8),
}

impl Step {
    fn is_fault(self) -> bool {
        matches!(
            self,
            Self::LookAtOlder(..)
                | Self::AnswerLost(..)
                | Self::EffectLate(..)
                | Self::Twice(..)
                | Self::Reboot(_)
                | Self::Falls(_)
        )
    }
}

/// A scope as a model.
pub struct Shared {
    pub scope: Scope,
    pub planner: Planner,
    /// Tells its policy from those of other scopes.
    id: usize,
}

impl Shared {
    pub fn new(scope: Scope) -> Self {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let names = Names::new(scope.layout);
        let mut planner = Planner::new(names, None, None);
        planner.policy.ablated.extend(scope.ablated);
        planner.policy.unguarded.extend(scope.unguarded);
        let id = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self { scope, planner, id }
    }

    fn names(&self) -> &Names {
        &self.planner.names
    }

    /// What a run knows.
    fn knows(&self, state: &State, driver: &Driver) -> Knows {
        let mut open = [None; LATE];
        if self.scope.heeds_open {
            let others = state.drivers.iter().flatten().filter(|other| other.run != driver.run);
            let flights = others.flat_map(Driver::flights);
            let all = state.late.iter().flatten().copied().chain(flights);
            let known = all.filter(|late| late.sent.is_known_to(driver.run));
            for (slot, late) in open.iter_mut().zip(known) {
                *slot = Some((late.subject, late.ask));
            }
        }
        Knows {
            operator: driver.operator.key(),
            log: (self.scope.entering != Entering::Nowhere).then_some(driver.log),
            sealed: driver.sealed,
            fenced: driver.fenced,
            has_sealed: driver.has_sealed,
            made: driver.made.map(|made| made.map(|(ask, _)| ask)),
            open,
        }
    }

    /// Plans, as the engine does after whatever it hears, writes down what it is about to ask, and asks: what destroys
    /// only when an older look cleared the very same.
    fn wave(&self, state: &mut State, at: u8, is_new_look: bool) {
        let Some(mut driver) = state.drivers[usize::from(at)] else { return };
        if !driver.operator.has_looked {
            return;
        }
        let planned = planned(&self.planner, self.id, &self.knows(state, &driver));
        driver.operator.known = planned.known;
        let mut firsts = [None; SUBJECTS];
        let mut asked: Vec<&Asked> = Vec::new();
        for one in &planned.asks {
            if self.scope.keeps_machine && mount_of(one.subject).is_none() {
                continue;
            }
            let first = driver.operator.subjects[one.subject].first;
            if one.destroys && !(is_new_look && first == Some(one.ask)) {
                firsts[one.subject] = Some(one.ask);
            } else {
                asked.push(one);
            }
        }
        for (subject, first) in driver.operator.subjects.iter_mut().zip(firsts) {
            subject.first = first;
        }
        let entries = asked.iter().filter_map(|one| one.entry);
        if !asked.is_empty() && !self.permit(state, &mut driver, entries) {
            self.retire(state, at);
            return;
        }
        for one in asked {
            let instance = node_of(self.scope.layout, one.ask)
                .map_or(0, |node| driver.operator.view.nodes[node].number);
            let sent = Sent { run: driver.run, under: state.lease, instance };
            driver.ask(one.subject, one.ask, sent);
            if creates(one.ask) {
                driver.made[one.subject] = Some((one.ask, 0));
                state.made[one.subject] = Some((one.ask, 0));
            }
            for mount in 0..MOUNTS {
                state.known[mount] = state.known[mount].max(driver.operator.known[mount]);
                state.sealed[mount] = state.sealed[mount].max(driver.sealed[mount]);
            }
        }
        state.drivers[usize::from(at)] = Some(driver);
    }

    /// Writes down what is about to be asked, and finds out whether it may be.
    fn permit(
        &self,
        state: &mut State,
        driver: &mut Driver,
        entries: impl Iterator<Item = Entry>,
    ) -> bool {
        for entry in entries {
            if !self.enter(state, driver, &entry) {
                return false;
            }
        }
        !self.scope.has_lease || state.lease == driver.run
    }

    fn enter(&self, state: &mut State, driver: &mut Driver, entry: &Entry) -> bool {
        let is_last = state.log_run == driver.run;
        if self.scope.entering == Entering::Nowhere {
            return true;
        }
        if self.scope.entering == Entering::ByNumber && !is_last {
            return false;
        }
        state.log = state.log.with(self.names(), entry);
        driver.log = driver.log.with(self.names(), entry);
        true
    }

    /// Ends a run: what it has under way may come at any time.
    fn retire(&self, state: &mut State, at: u8) {
        let Some(driver) = state.drivers[usize::from(at)].take() else { return };
        for late in driver.flights() {
            state.send(late);
        }
    }

    fn begin(&self, state: &mut State, at: u8, demand: Demand) {
        let before = state.drivers[usize::from(at)].or(state.drivers[1 - usize::from(at)]);
        if self.scope.has_lease {
            (0..DRIVERS as u8).for_each(|each| self.retire(state, each));
        } else {
            self.retire(state, at);
        }
        state.lease += 1;
        let mut operator = Operator { view: state.view, ..Operator::new(demand) };
        let mut sealed = [0; MOUNTS];
        if self.scope.has_records {
            operator.known = state.known;
            sealed = state.sealed;
            // What is known to live is awaited where a look leaves it out.
            for (place, subject) in operator.subjects.iter_mut().enumerate() {
                let seen = before.map_or(0, |before| {
                    let (view, place) = (&before.operator.view, place);
                    match mount_of(place) {
                        None => view.nodes[place].number,
                        Some(mount) => view.mounts[mount].volume.number,
                    }
                });
                let awaited = before.map_or(0, |before| before.operator.subjects[place].awaited);
                subject.awaited = if awaited > 0 { awaited } else { seen };
            }
        }
        let made = if self.scope.has_records { state.made } else { [None; SUBJECTS] };
        if self.scope.heeds_open {
            for late in state.late.iter().flatten() {
                if creates(late.ask) {
                    operator.subjects[usize::from(late.subject)].unsure = Some(late.ask);
                }
            }
        }
        if self.scope.entering != Entering::Nowhere {
            state.log = state.log.begun_anew(self.names());
            state.log_run = state.lease;
        }
        let mut driver = Driver::new(operator, state.lease, state.log, sealed);
        driver.made = made;
        state.drivers[usize::from(at)] = Some(driver);
    }

    /// Carries a request out, if it reaches whom it is for; `None`: nobody answers.
    fn carry(&self, state: &mut State, late: Late) -> Option<Outcome> {
        let layout = self.scope.layout;
        if let Some(node) = node_of(layout, late.ask) {
            let machine = state.truth.cloud.nodes[node];
            if machine.run != Run::Running || machine.number != late.sent.instance {
                return None;
            }
            if self.scope.has_fence {
                if state.spoken[node] > late.sent.run {
                    return Some(Outcome::Refused);
                }
                state.spoken[node] = late.sent.run;
                match late.ask {
                    Ask::Mount { mount, .. }
                        if state.fences[usize::from(mount)] > late.sent.run =>
                    {
                        return Some(Outcome::Refused);
                    }
                    Ask::Unmount { mount, number } => {
                        state.fences[usize::from(mount)] = late.sent.run;
                        // What this run asked for before rests on an older look, and is refused.
                        let before = (Ask::Mount { mount, number }, late.sent.run);
                        state.drop_late(|late| (late.ask, late.sent.run) == before);
                    }
                    _ => {}
                }
            }
        }
        let before = state.truth.cloud.nodes.map(|node| node.number);
        let outcome = state.truth.apply(layout, usize::from(late.subject), late.ask);
        for (node, before) in before.into_iter().enumerate() {
            if state.truth.cloud.nodes[node].number != before {
                self.is_started(state, node);
            }
        }
        Some(outcome)
    }

    /// A machine begins without any fence.
    fn is_started(&self, state: &mut State, node: usize) {
        state.spoken[node] = 0;
        for mount in (0..MOUNTS).filter(|mount| self.scope.layout.owner(*mount) == node) {
            state.fences[mount] = 0;
        }
    }

    fn hear(&self, state: &mut State, at: u8, subject: u8, outcome: Option<Outcome>) {
        let Some(driver) = &mut state.drivers[usize::from(at)] else { return };
        let Some(ask) = driver.operator.hear(usize::from(subject), outcome) else { return };
        driver.sent[usize::from(subject)] = Sent::default();
        let made = match outcome {
            Some(Outcome::Made(number)) if creates(ask) => Some(Some((ask, number))),
            // Its token is used up: the next is another one.
            Some(Outcome::TokenSpent) => Some(None),
            Some(_) | None => None,
        };
        if let Some(made) = made {
            driver.made[usize::from(subject)] = made;
            state.made[usize::from(subject)] = made;
        }
        if let (Ask::Unmount { mount, number }, Some(Outcome::Done)) = (ask, outcome) {
            driver.fenced[usize::from(mount)] = number;
        }
        self.wave(state, at, false);
    }

    /// Asks a node; it answers nobody whose run is over.
    fn ask_node(&self, state: &mut State, at: u8, node: usize) {
        let Some(driver) = &mut state.drivers[usize::from(at)] else { return };
        let run = driver.run;
        let operator = &mut driver.operator;
        let mut answer = state.truth.answer(self.scope.layout, node, &operator.view);
        if self.scope.has_fence && !answer.is_silent {
            if state.spoken[node] > run {
                answer = crate::operator::Answer {
                    instance: answer.instance,
                    is_silent: true,
                    ..Default::default()
                };
            } else {
                state.spoken[node] = run;
            }
        }
        operator.answers[node] = answer;
        operator.take_word(self.scope.layout, node);
        for mount in (0..MOUNTS).filter(|mount| self.scope.layout.owner(*mount) == node) {
            driver.has_sealed[mount] = false;
        }
    }

    fn look(&self, state: &mut State, at: u8, listed: Cloud) {
        let Some(driver) = &mut state.drivers[usize::from(at)] else { return };
        driver.operator.look(listed, &state.truth.cloud);
        state.view = listed;
        for made in [&mut driver.made, &mut state.made] {
            follow(made, &listed);
        }
        // What is seen to be deleted is entered as such, with whatever is asked for next.
        let mut gone = Vec::new();
        for mount in 0..MOUNTS {
            let seen = &listed.mounts[mount].volume;
            for number in 1..=super::store::VOLUMES as u8 {
                let is_over = seen.number != number || seen.state == Vol::Deleting;
                if let (true, Some(last)) = (is_over, driver.log.is_deleting(mount, number)) {
                    let last = Last { phase: Phase::Gone, ..last };
                    gone.push(Entry { mount: mount as u8, number, last });
                }
            }
        }
        let mut driver = *driver;
        let mut may = true;
        for entry in &gone {
            may = may && self.enter(state, &mut driver, entry);
        }
        if !may {
            self.retire(state, at);
            return;
        }
        state.drivers[usize::from(at)] = Some(driver);
        if self.scope.looks_whole {
            for node in 0..self.scope.layout.nodes() {
                if self.may_ask(state, at, node) {
                    self.ask_node(state, at, node);
                }
            }
        }
        self.wave(state, at, true);
    }

    /// Whether a node is asked: one that runs, and to which nothing is under way.
    pub fn may_ask(&self, state: &State, at: u8, node: usize) -> bool {
        let Some(driver) = &state.drivers[usize::from(at)] else { return false };
        let mut flights = driver.flights();
        driver.operator.has_looked
            && driver.operator.view.nodes[node].run == Run::Running
            && !flights.any(|one| node_of(self.scope.layout, one.ask) == Some(node))
    }
}

fn creates(ask: Ask) -> bool {
    matches!(ask, Ask::Run { .. } | Ask::Create { .. })
}

/// Follows what was made: what is seen to live is it, and what is seen to have ended is made anew.
fn follow(made: &mut [Option<(Ask, u8)>; SUBJECTS], listed: &Cloud) {
    for (place, slot) in made.iter_mut().enumerate() {
        let Some((_, number)) = slot else { continue };
        let (living, is_over) = match mount_of(place) {
            None => {
                let node = &listed.nodes[place];
                let living = if node.run.is_living() { node.number } else { 0 };
                let is_over =
                    node.gone == *number || (node.run == Run::Terminated && node.number == *number);
                (living, is_over)
            }
            Some(mount) => {
                let volume = &listed.mounts[mount].volume;
                let is_living = !matches!(volume.state, Vol::None | Vol::Deleting);
                let living = if is_living { volume.number } else { 0 };
                (living, volume.state == Vol::Deleting && volume.number == *number)
            }
        };
        if *number > 0 && is_over {
            *slot = None;
        } else if *number == 0 {
            *number = living;
        }
    }
}

impl State {
    fn new(scope: &Scope, names: &Names) -> Self {
        let small = crate::scope::Scope {
            layout: scope.layout,
            start: scope.start,
            ..crate::scope::Scope::away(scope.name)
        };
        let begun = crate::world::State::new(&small);
        let mut truth = begun.truth;
        for disk in &mut truth.disks {
            disk.is_dirty = false;
        }
        // What earlier runs left: data was seen, and the volume may be written to, or was sealed and is gone.
        let (mut log, mut known, mut sealed) = (Log::default(), [0; MOUNTS], [0; MOUNTS]);
        for mount in 0..scope.layout.mounts() {
            match scope.start {
                Start::Nothing => {}
                Start::Away => (known[mount], sealed[mount]) = (1, 1),
                Start::Launched | Start::Detached | Start::Sealed => {
                    let is_sealed = scope.start == Start::Sealed;
                    let phase = if is_sealed { Phase::Sealed } else { Phase::Live };
                    let last = Last { phase, epoch: 1, kept_by: 0 };
                    (known[mount], sealed[mount]) = (1, u8::from(is_sealed));
                    log = log.with(names, &Entry { mount: mount as u8, number: 1, last });
                }
            }
        }
        if !scope.has_records {
            (known, sealed) = ([0; MOUNTS], [0; MOUNTS]);
        }
        Self {
            truth,
            spoken: [0; NODES],
            fences: [0; MOUNTS],
            drivers: [None; DRIVERS],
            late: [None; LATE],
            lease: 0,
            log,
            log_run: 0,
            known,
            sealed,
            made: [None; SUBJECTS],
            view: begun.operator.view,
            past: None,
            faults: scope.faults,
            writes: scope.writes,
        }
    }

    /// What an old listing shows to a run.
    pub fn older<'a>(&'a self, driver: &'a Driver) -> &'a Cloud {
        self.past.as_ref().unwrap_or(&driver.operator.view)
    }

    /// Puts a request on its way, for which there is room.
    fn send(&mut self, late: Late) {
        let free = self.late.iter_mut().find(|slot| slot.is_none());
        *free.expect("there is room for what may come late") = Some(late);
    }

    fn take_late(&mut self, at: u8) -> Option<Late> {
        let late = self.late[usize::from(at)].take();
        // Which slot it is in says nothing.
        self.late[usize::from(at)..].rotate_left(1);
        late
    }

    /// Drops what will have no effect.
    fn drop_late(&mut self, is_over: impl Fn(&Late) -> bool) {
        for at in (0..LATE as u8).rev() {
            if self.late[usize::from(at)].as_ref().is_some_and(&is_over) {
                self.take_late(at);
            }
        }
    }

    /// How many more requests may come to be late.
    pub fn room(&self) -> usize {
        self.late.iter().filter(|slot| slot.is_none()).count()
    }
}

impl Model for Shared {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.scope, self.names())]
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
            Step::Begin(at, demand) => self.begin(state, at, demand),
            Step::Look(at) => self.look(state, at, before.truth.cloud.listed()),
            Step::LookAtOlder(at, which) => {
                let older = before.older(before.drivers[usize::from(at)].as_ref()?);
                self.look(state, at, before.truth.cloud.listed().with_older(older, which));
            }
            Step::Remember => state.past = Some(before.truth.cloud.listed()),
            Step::Probe(at, node) => {
                self.ask_node(state, at, usize::from(node));
                self.wave(state, at, false);
            }
            Step::Answer(at, subject)
            | Step::AnswerLost(at, subject)
            | Step::Twice(at, subject) => {
                let driver = before.drivers[usize::from(at)]?;
                let flight = driver.flights().find(|late| late.subject == subject)?;
                let outcome = self.carry(state, flight);
                if self.scope.excuses(state.truth.harm, false) {
                    state.truth.harm = None;
                }
                if matches!(step, Step::Twice(..)) {
                    state.send(flight);
                }
                let is_heard = !matches!(step, Step::AnswerLost(..));
                self.hear(state, at, subject, outcome.filter(|_| is_heard));
            }
            Step::EffectLate(at, subject) => {
                let driver = before.drivers[usize::from(at)]?;
                state.send(driver.flights().find(|late| late.subject == subject)?);
                self.hear(state, at, subject, None);
            }
            Step::LateEffect(at) => {
                let late = state.take_late(at)?;
                self.carry(state, late);
                if self.scope.excuses(state.truth.harm, true) {
                    state.truth.harm = None;
                }
            }
            Step::LateVanishes(at) => {
                state.take_late(at)?;
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
            Step::Write(mount) => {
                state.writes -= 1;
                let hidden = &mut state.truth.cloud.mounts[usize::from(mount)].volume.hidden;
                // No two writes are the same, whatever volume they come to.
                hidden.content.writes = 1 + self.scope.writes - state.writes;
            }
            Step::Reboot(node) => {
                let place = usize::from(node);
                state.truth.lose_memory(place);
                self.is_started(state, place);
                let layout = self.scope.layout;
                state.drop_late(|late| node_of(layout, late.ask) == Some(place));
            }
            Step::Falls(node) => state.truth.is_silent[usize::from(node)] = true,
            Step::Speaks(node) => state.truth.is_silent[usize::from(node)] = false,
        }
        (next != *before).then_some(next)
    }

    /// Where two runs go on beside each other, one seals what the other raises, for ever.
    fn within_boundary(&self, state: &State) -> bool {
        let mut volumes = state.truth.cloud.mounts.iter().map(|mount| mount.volume.marks.epoch);
        volumes.all(|epoch| epoch <= self.scope.epochs_max)
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
        }
    }
}

impl Searched for Shared {
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

impl Shared {
    pub fn has(&self, kind: Fault) -> bool {
        self.scope.has(kind)
    }
}

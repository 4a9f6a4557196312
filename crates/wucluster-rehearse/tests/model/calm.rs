//! Liveness: once nothing goes wrong any more, every way ends where the demand holds, or is held for a
//! true reason.
//!
//! States that faults led to are taken, all budgets are emptied, and the graph of what can follow is
//! built whole. A strongly connected part of it that nothing leaves is an end: there the drive goes
//! round for ever.

use std::collections::{BTreeMap, HashMap, VecDeque};

use stateright::Model;
use wucluster_core::demand::Demand;
use wucluster_core::interlock::Interlock;

use super::cloud::{Run, Snap, Vol};
use super::step::Step;
use super::world::{State, World};

/// How a way ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    Reached,
    /// A process or another name space keeps a mount.
    KeptBusy,
    /// Its data, or a snapshot that it waits for, is not to be had.
    Held(Interlock),
}

/// What came of a calm.
pub struct Calm {
    pub roots: usize,
    pub states: usize,
    pub ends: BTreeMap<End, usize>,
    /// A state of an end that is none.
    pub endless: Option<Box<State>>,
}

/// Searches the calm after at most so many states of a scope.
pub fn calm(world: &World, roots_max: usize) -> Calm {
    let roots = reached(world, roots_max);
    let mut graph = Graph::default();
    for root in &roots {
        graph.add(State { faults: 0, flips: 0, writes: 0, ..*root });
    }
    graph.close(world);
    let mut ends = BTreeMap::new();
    let mut endless = None;
    for part in graph.ends() {
        let states: Vec<&State> = part.iter().map(|at| &graph.states[*at]).collect();
        match end_of(world, &states) {
            Some(end) => *ends.entry(end).or_default() += 1,
            None => endless = endless.or_else(|| Some(Box::new(graph.states[part[0]]))),
        }
    }
    Calm { roots: roots.len(), states: graph.states.len(), ends, endless }
}

/// The first states of a scope, in the order of their distance.
fn reached(world: &World, most: usize) -> Vec<State> {
    let mut known: HashMap<State, ()> = HashMap::new();
    let mut queue: VecDeque<State> = world.init_states().into();
    let mut states = Vec::new();
    while let Some(state) = queue.pop_front() {
        if states.len() >= most || known.insert(state, ()).is_some() {
            continue;
        }
        queue.extend(world.next_states(&state));
        states.push(state);
    }
    states
}

#[derive(Default)]
struct Graph {
    places: HashMap<State, usize>,
    states: Vec<State>,
    next: Vec<Vec<usize>>,
}

impl Graph {
    fn add(&mut self, state: State) -> usize {
        *self.places.entry(state).or_insert_with(|| {
            self.states.push(state);
            self.next.push(Vec::new());
            self.states.len() - 1
        })
    }

    fn close(&mut self, world: &World) {
        let mut at = 0;
        let mut steps = Vec::new();
        while at < self.states.len() {
            let state = self.states[at];
            steps.clear();
            world.actions(&state, &mut steps);
            // Who works in a mount may work there for ever.
            steps.retain(|step| !matches!(step, Step::Rests(_) | Step::Unpins(_)));
            for step in &steps {
                if let Some(next) = world.next_state(&state, *step) {
                    let next = self.add(next);
                    self.next[at].push(next);
                }
            }
            at += 1;
        }
    }

    /// The strongly connected parts that nothing leaves (Tarjan's way, without recursion).
    fn ends(&self) -> Vec<Vec<usize>> {
        const NONE: usize = usize::MAX;
        let count = self.states.len();
        let (mut order, mut low, mut part) = (vec![NONE; count], vec![0; count], vec![NONE; count]);
        let (mut stack, mut parts) = (Vec::new(), Vec::<Vec<usize>>::new());
        let mut clock = 0;
        for root in 0..count {
            if order[root] != NONE {
                continue;
            }
            let mut calls = vec![(root, 0)];
            while let Some((at, edge)) = calls.pop() {
                if edge == 0 {
                    order[at] = clock;
                    low[at] = clock;
                    clock += 1;
                    stack.push(at);
                } else {
                    low[at] = low[at].min(low[self.next[at][edge - 1]]);
                }
                let mut edge = edge;
                let mut is_left = false;
                while let Some(&next) = self.next[at].get(edge) {
                    edge += 1;
                    if order[next] == NONE {
                        calls.extend([(at, edge), (next, 0)]);
                        is_left = true;
                        break;
                    }
                    if part[next] == NONE {
                        low[at] = low[at].min(order[next]);
                    }
                }
                if !is_left && low[at] == order[at] {
                    let mut members = Vec::new();
                    while let Some(member) = stack.pop() {
                        part[member] = parts.len();
                        members.push(member);
                        if member == at {
                            break;
                        }
                    }
                    parts.push(members);
                }
            }
        }
        let leaves = |members: &Vec<usize>| {
            members.iter().any(|at| self.next[*at].iter().any(|next| part[*next] != part[*at]))
        };
        parts.into_iter().filter(|members| !leaves(members)).collect()
    }
}

/// How a part that nothing leaves ends; `None` where it is neither reached nor truly held.
fn end_of(world: &World, states: &[&State]) -> Option<End> {
    let is_reached = |state: &&State| {
        let operator = &state.operator;
        operator.has_looked && world.planner.plan(operator).is_met && holds(world, state)
    };
    if states.iter().any(is_reached) {
        return Some(End::Reached);
    }
    let held = states.iter().find_map(|state| {
        let planned = world.planner.plan(&state.operator);
        let is_held = state.operator.has_looked && planned.asks.is_empty() && !planned.has_waits;
        let mut reasons = planned.holds.iter().copied();
        if is_held { reasons.find(|reason| is_true(world, state, *reason)) } else { None }
    });
    if let Some(reason) = held {
        return Some(End::Held(reason));
    }
    let is_busy =
        |state: &&State| state.truth.disks.iter().any(|disk| disk.has_process || disk.is_pinned);
    states.iter().all(is_busy).then_some(End::KeptBusy)
}

/// Whether the demand holds in truth, to the last mount.
fn holds(world: &World, state: &State) -> bool {
    let layout = world.scope.layout;
    let is_mounted = (0..layout.mounts()).all(|mount| state.truth.disks[mount].is_mounted);
    state.is_met(layout) && (state.operator.demand != Demand::Launched || is_mounted)
}

/// Whether what a hold says is so in truth.
fn is_true(world: &World, state: &State, reason: Interlock) -> bool {
    let layout = world.scope.layout;
    let mut mounts = state.truth.cloud.mounts.iter().take(layout.mounts());
    match reason {
        Interlock::DataMissing => mounts.any(|mount| {
            let taken = || mount.snapshots.iter().filter(|one| one.state != Snap::None);
            let newest = taken().map(|one| one.marks.epoch).max();
            let mut of_newest = taken().filter(|one| Some(one.marks.epoch) == newest);
            mount.volume.state == Vol::None
                && (mount.is_robbed || of_newest.all(|one| one.state == Snap::Error))
        }),
        Interlock::SnapshotFailed => mounts.any(|mount| {
            mount.snapshots.iter().filter(|one| one.state == Snap::Error).count() >= 3
        }),
        Interlock::WrongContents | Interlock::NotBlank => {
            mounts.any(|mount| mount.volume.hidden.looks_blank)
        }
        Interlock::NodeSilent => (0..layout.nodes()).any(|node| {
            state.truth.is_silent[node] && state.truth.cloud.nodes[node].run == Run::Running
        }),
        _ => false,
    }
}

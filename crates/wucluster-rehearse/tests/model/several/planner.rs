//! What the real planner makes of what a run knows, and what the real code enters before it is asked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use wucluster_core::action::CloudAction;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::{Context, needs_second_look};
use wucluster_core::memory::{Made, Memory, OpenRequest};
use wucluster_core::phases::entry_before;
use wucluster_core::planner::plan;

use super::driver::{Knows, mount_of};
use super::store::{Entry, Last};
use crate::ask::{Ask, translate};
use crate::cloud::MOUNTS;
use crate::names::Names;
use crate::planner::{BEFORE, LATER, NOW, Planner};

/// A request of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub subject: usize,
    pub ask: Ask,
    pub destroys: bool,
    /// What is entered before it.
    pub entry: Option<Entry>,
}

/// What the planner says, in few bytes.
#[derive(Debug)]
pub struct Planned {
    pub asks: Vec<Asked>,
    pub known: [u8; MOUNTS],
}

thread_local! {
    static KNOWN: RefCell<HashMap<(usize, Knows), Rc<Planned>>> = RefCell::new(HashMap::new());
}

/// How many answers of the planner a thread keeps; then it forgets them all, to bound its memory.
const KNOWN_MAX: usize = 300_000;

/// Plans one wave with the real planner; `scope` tells one policy from another.
pub fn planned(planner: &Planner, scope: usize, knows: &Knows) -> Rc<Planned> {
    let key = (scope, *knows);
    KNOWN.with_borrow_mut(|known| {
        if let Some(planned) = known.get(&key) {
            return Rc::clone(planned);
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let planned = Rc::new(evaluate(planner, knows));
        known.insert(key, Rc::clone(&planned));
        planned
    })
}

fn evaluate(planner: &Planner, knows: &Knows) -> Planned {
    let names = &planner.names;
    let operator = &knows.operator;
    let (answers, observation) = planner.observe(operator);
    let mut known = operator.known;
    for (mount, epoch) in planner.in_use(operator, &observation) {
        // What is seen in use though its epoch was asked to be sealed is written to under the next one: the engine's rule.
        let is_over = knows.sealed[mount] >= epoch && !knows.has_sealed[mount];
        let epoch = if is_over { knows.sealed[mount] + 1 } else { epoch };
        known[mount] = known[mount].max(epoch);
    }
    let memory = memory(planner, knows, &known);
    let context = Context {
        definition: &names.definition,
        demand: operator.demand,
        observation: &observation,
        memory: &memory,
        policy: &planner.policy,
        now: NOW,
    };
    let plan = plan(&context);
    let asks = plan.actions.iter().map(|cleared| {
        let action = cleared.action();
        let destroys = needs_second_look(&observation, action);
        if destroys {
            planner.check_renewal(operator, &answers, &context, action);
        }
        let (subject, ask) = translate(names, action);
        let entry = entry_before(&context, action).map(|entry| Entry {
            mount: names.place(&Subject::Mount(entry.mount.clone())),
            number: Names::number(entry.volume.as_str()),
            last: Last::of(&entry),
        });
        Asked { subject, ask, destroys, entry }
    });
    Planned { asks: asks.collect(), known }
}

fn memory(planner: &Planner, knows: &Knows, known: &[u8; MOUNTS]) -> Memory {
    let names = &planner.names;
    let mut memory = planner.memory(&knows.operator, known);
    memory.fenced.clear();
    memory.phases = knows.log.map(|log| log.phases(names));
    for (mount, key) in names.mounts.iter().enumerate() {
        if knows.fenced[mount] > 0 {
            memory.fenced.insert(Names::volume(mount as u8, knows.fenced[mount]).serial());
        }
        if knows.sealed[mount] > 0 {
            memory.sealed_epochs.insert(key.clone(), u64::from(knows.sealed[mount]));
        }
    }
    let subject = |place: usize| match mount_of(place) {
        None => Subject::Node(names.nodes[place].clone()),
        Some(mount) => Subject::Mount(names.mounts[mount].clone()),
    };
    for (place, made) in knows.made.iter().enumerate() {
        let Some(request) = made.and_then(|ask| planner.creation(ask)) else { continue };
        let of_subject = memory.subjects.entry(subject(place)).or_default();
        of_subject.made = Some(Made { request, id: None });
    }
    for (place, ask) in knows.open.iter().flatten() {
        let Some(action) = again(names, *ask) else { continue };
        let subject = subject(usize::from(*place));
        let open = OpenRequest { action, times: 1, asked_at: BEFORE, until: LATER };
        memory.subjects.entry(subject).or_default().open_requests.push(open);
    }
    memory
}

/// The request, of those that matter when they come late.
fn again(names: &Names, ask: Ask) -> Option<CloudAction> {
    let key = |mount: u8| names.mounts[usize::from(mount)].clone();
    let machine = |node: u8, number: u8| Names::instance(usize::from(node), number);
    Some(match ask {
        Ask::Detach { mount, number, node, instance } => CloudAction::DetachVolume {
            mount: key(mount),
            volume: Names::volume(mount, number),
            instance: machine(node, instance),
        },
        Ask::Attach { mount, number, node, instance } => CloudAction::AttachVolume {
            mount: key(mount),
            volume: Names::volume(mount, number),
            instance: machine(node, instance),
        },
        Ask::Delete { mount, number } => CloudAction::DeleteVolume {
            mount: key(mount),
            volume: Names::volume(mount, number),
            kept_by: None,
        },
        Ask::Terminate { node, number } => CloudAction::TerminateInstance {
            node: names.nodes[usize::from(node)].clone(),
            instance: machine(node, number),
        },
        Ask::Start { node, number } => CloudAction::StartInstance {
            node: names.nodes[usize::from(node)].clone(),
            instance: machine(node, number),
        },
        _ => return None,
    })
}

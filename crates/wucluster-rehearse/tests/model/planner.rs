//! What the real planner makes of what the operator knows.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use wucluster_core::action::{Action, CloudAction};
use wucluster_core::definition::Size;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::{Context, Interlock, clear, needs_second_look};
use wucluster_core::memory::{Awaited, AwaitedId, Memory, Unsure};
use wucluster_core::observation::{FilesystemState, NodeViews, Observation, Observed};
use wucluster_core::planner::plan;
use wucluster_core::policy::{Consent, Guard, Policy};
use wucluster_core::tags::{ContentMark, Tags};
use wucluster_core::time::Timestamp;

use super::ask::{Ask, translate};
use super::cloud::{Attach, MOUNTS, NODES};
use super::names::Names;
use super::operator::{AWAITED_SNAPSHOT, Operator};
use super::seen::attachment_state;

pub const BEFORE: Timestamp = Timestamp::from_millis(1_050);
pub const ASKED: Timestamp = Timestamp::from_millis(1_100);
const AFTER: Timestamp = Timestamp::from_millis(1_150);
pub const NOW: Timestamp = Timestamp::from_millis(1_200);
pub const LATER: Timestamp = Timestamp::from_millis(100_000);

/// What the planner says, in few bytes.
#[derive(Debug)]
pub struct Planned {
    /// Whom, what, and whether it destroys.
    pub asks: Vec<(usize, Ask, bool)>,
    pub is_met: bool,
    pub has_waits: bool,
    pub holds: BTreeSet<Interlock>,
    pub known: [u8; MOUNTS],
}

/// The planner, with an answer kept for each thing that it was ever asked: it is a pure function.
pub struct Planner {
    pub names: Names,
    pub policy: Policy,
}

thread_local! {
    static KNOWN: RefCell<HashMap<(u64, Operator), Rc<Planned>>> = RefCell::new(HashMap::new());
}

/// How many answers of the planner a thread keeps; then it forgets them all, to bound its memory.
const KNOWN_MAX: usize = 400_000;

impl Planner {
    pub fn new(names: Names, ablated: Option<Interlock>, unguarded: Option<Guard>) -> Self {
        let mut policy = Policy { consent: Consent::Everything, ..Policy::default() };
        policy.ablated.extend(ablated);
        policy.unguarded.extend(unguarded);
        Self { names, policy }
    }

    fn id(&self) -> u64 {
        let ablated = self.policy.ablated.iter().next().map_or(0, |rule| *rule as u64 + 1);
        ablated * 3 + self.names.layout as u64
    }

    /// Plans one wave with the real planner.
    pub fn plan(&self, operator: &Operator) -> Rc<Planned> {
        let key = (self.id(), operator.key());
        KNOWN.with_borrow_mut(|known| {
            if let Some(planned) = known.get(&key) {
                return Rc::clone(planned);
            }
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            let planned = Rc::new(self.evaluate(operator));
            known.insert(key, Rc::clone(&planned));
            planned
        })
    }

    /// Puts together what an operator saw, by listings and by nodes' answers.
    pub fn observe(&self, operator: &Operator) -> (NodeViews, Observation) {
        let answers = self.answers(operator);
        let view = self.view(operator, ASKED);
        let observation = Observation::assemble(&self.names.definition, &view, &answers);
        (answers, observation)
    }

    /// Lists the places of mounts of which data is seen in use, with their write epochs.
    pub fn in_use(&self, operator: &Operator, observation: &Observation) -> Vec<(usize, u8)> {
        let mut found = Vec::new();
        for (at, key) in self.names.mounts.iter().enumerate() {
            let Some(seen) = observation.mount(key) else { continue };
            let Some(volume) = seen.volume() else { continue };
            let is_mounted =
                matches!(seen.filesystem, Observed::Present(FilesystemState::Mounted { .. }));
            if is_mounted && volume.tags.content() == Some(ContentMark::Data) {
                found.push((at, operator.view.mounts[at].volume.marks.epoch));
            }
        }
        found
    }

    fn evaluate(&self, operator: &Operator) -> Planned {
        let (answers, observation) = self.observe(operator);
        let mut known = operator.known;
        for (at, epoch) in self.in_use(operator, &observation) {
            known[at] = known[at].max(epoch);
        }
        let memory = self.memory(operator, &known);
        let context = |observation| Context {
            definition: &self.names.definition,
            demand: operator.demand,
            observation,
            memory: &memory,
            policy: &self.policy,
            now: NOW,
        };
        let plan = plan(&context(&observation));
        let asks = plan.actions.iter().map(|cleared| {
            let destroys = needs_second_look(&observation, cleared.action());
            if destroys {
                self.check_renewal(operator, &answers, &context(&observation), cleared.action());
            }
            let (subject, ask) = translate(&self.names, cleared.action());
            (subject, ask, destroys)
        });
        Planned {
            asks: asks.collect(),
            is_met: plan.is_met(),
            has_waits: !plan.waits.is_empty(),
            holds: plan.holds.iter().map(|hold| hold.interlock).collect(),
            known,
        }
    }

    /// A permit of an older look is renewed on this one, and never on its own: what the model does by
    /// counting looks is what `Cleared::renew` does by times.
    pub fn check_renewal(
        &self,
        operator: &Operator,
        answers: &NodeViews,
        now: &Context<'_>,
        action: &Action,
    ) {
        let earlier =
            Observation::assemble(&self.names.definition, &self.view(operator, BEFORE), answers);
        let before = Context { observation: &earlier, ..*now };
        let first = clear(&before, action.clone()).expect("what is cleared now was so just before");
        assert!(first.clone().renew(&before).is_err(), "renewed on the very look that cleared it");
        assert!(first.renew(now).is_ok(), "not renewed, though it is cleared anew");
    }

    pub fn memory(&self, operator: &Operator, known: &[u8; MOUNTS]) -> Memory {
        // Requests to nodes are never late here: there is nothing to keep out.
        let volumes = (0..MOUNTS as u8)
            .flat_map(|mount| (1..=9).map(move |number| Names::volume(mount, number)));
        let fenced = volumes.map(|volume| volume.serial()).collect();
        let mut memory = Memory { fenced, ..Memory::default() };
        for (place, remembered) in operator.subjects.iter().enumerate() {
            let subject = match place.checked_sub(NODES) {
                None => self.names.nodes.get(place).map(|node| Subject::Node(node.clone())),
                Some(mount) => self.names.mounts.get(mount).map(|key| Subject::Mount(key.clone())),
            };
            let Some(subject) = subject else { continue };
            let what = match (place.checked_sub(NODES), remembered.awaited) {
                (_, 0) => None,
                (None, number) => Some(AwaitedId::Instance(Names::instance(place, number))),
                (Some(mount), number) => Some(match number.checked_sub(AWAITED_SNAPSHOT) {
                    Some(number) => AwaitedId::Snapshot(Names::snapshot(mount, number)),
                    None => AwaitedId::Volume(Names::volume(mount as u8, number)),
                }),
            };
            let of_subject = memory.subjects.entry(subject).or_default();
            of_subject.in_flight = remembered.flight.map(|_| "a request");
            of_subject.cloud_settled_at = remembered.is_look_old.then_some(AFTER);
            of_subject.shell_settled_at = remembered.is_word_old.then_some(AFTER);
            let awaited = |what| Awaited { what, since: BEFORE, until: LATER, is_ending: false };
            of_subject.awaited = what.map(awaited).into_iter().collect();
            let unsure = |action| Unsure { action, until: LATER, is_old: false };
            of_subject.unsure = remembered.unsure.and_then(|ask| self.creation(ask)).map(unsure);
            of_subject.token_generation = u32::from(remembered.tokens);
        }
        for (mount, key) in self.names.mounts.iter().enumerate() {
            if known[mount] > 0 {
                memory.data_epochs.insert(key.clone(), u64::from(known[mount]));
            }
            let attach = operator.view.mounts[mount].volume.attach;
            if attach != Attach::None {
                let since = if operator.is_device_old[mount] { AFTER } else { BEFORE };
                memory.attachments.insert(key.clone(), (attachment_state(attach), since));
            }
        }
        memory
    }

    /// The creation that was asked, as it was.
    pub fn creation(&self, ask: Ask) -> Option<CloudAction> {
        match ask {
            Ask::Run { node, token } => {
                let node = &self.names.nodes[usize::from(node)];
                Some(CloudAction::RunInstance {
                    node: node.clone(),
                    machine: self.names.definition.nodes[node].machine.clone(),
                    zone: None,
                    tags: Tags::for_node(&self.names.definition.name, node),
                    token: format!("{token:08x}"),
                    together: None,
                })
            }
            Ask::Create { mount, from, marks, token } => {
                let place = usize::from(mount);
                Some(CloudAction::CreateVolume {
                    mount: self.names.mounts[place].clone(),
                    size: Size::from_gib(1),
                    from: (from > 0).then(|| Names::snapshot(place, from)),
                    zone: None,
                    ebs: wucluster_core::definition::EbsVolume::default(),
                    tags: self.tags(place, &marks),
                    token: format!("{token:08x}"),
                })
            }
            _ => None,
        }
    }
}

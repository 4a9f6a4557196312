//! The operator: what it last saw, what it remembers, and what the real planner makes of it.
//!
//! Times are told apart only as far as the planner compares them: each look and answer is newer, or
//! not, than the last request's answer and than the attachment's present state.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use wucluster_core::action::{Action, CloudAction};
use wucluster_core::definition::Size;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::{Context, Interlock, clear, needs_second_look};
use wucluster_core::memory::{Awaited, AwaitedId, Memory, Unsure};
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, CloudView, Contents, DeviceSeen, FilesystemState, Gap,
    GapKind, InstanceSeen, InstanceState, MountSeen, NodeProbe, NodeView, NodeViews, Observation,
    Observed, SnapshotSeen, SnapshotState, SshEndpoint, VolumeSeen, VolumeState,
};
use wucluster_core::planner::plan;
use wucluster_core::policy::{Consent, Guard, Policy};
use wucluster_core::tags::{
    ContentMark, Epoch, KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, KEY_GENERATION, Tags,
};
use wucluster_core::time::Timestamp;

use super::ask::{Ask, SUBJECTS, translate};
use super::cloud::{Attach, Cloud, MOUNTS, Marks, NODES, Run, Snap, Vol};
use super::names::Names;

const BEFORE: Timestamp = Timestamp::from_millis(1_050);
const ASKED: Timestamp = Timestamp::from_millis(1_100);
const AFTER: Timestamp = Timestamp::from_millis(1_150);
const NOW: Timestamp = Timestamp::from_millis(1_200);
const LATER: Timestamp = Timestamp::from_millis(100_000);

/// Numbers of awaited snapshots begin after this, those of volumes before.
pub const AWAITED_SNAPSHOT: u8 = 100;

/// What a node said of a mount's device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Device {
    #[default]
    None,
    NotExamined,
    Blank,
    Filesystem(u8),
    Mounted,
    /// Held, and in no mount table that was read.
    Held,
}

/// A node's last answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Answer {
    /// The instance that was asked; 0: nobody was.
    pub instance: u8,
    pub is_silent: bool,
    /// Per mount, its device and the number of the volume that it is.
    pub devices: [(Device, u8); MOUNTS],
}

/// What is remembered of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Remembered {
    pub flight: Option<Ask>,
    /// Cleared to destroy once, and to be cleared again on a newer look.
    pub first: Option<Ask>,
    pub awaited: u8,
    /// A creation whose answer was lost.
    pub unsure: Option<Ask>,
    pub tokens: u8,
    /// The last look is older than the cloud's last answer.
    pub is_look_old: bool,
    /// The node's word is older than its last answer to a request.
    pub is_word_old: bool,
}

/// Everything that the operator knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operator {
    pub demand: Demand,
    pub has_looked: bool,
    pub view: Cloud,
    pub answers: [Answer; NODES],
    pub subjects: [Remembered; SUBJECTS],
    /// Per mount, whether the node's word is older than the attachment's state.
    pub is_device_old: [bool; MOUNTS],
    /// Per mount, the highest epoch under which data was seen; kept in the store.
    pub known: [u8; MOUNTS],
}

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

impl Operator {
    pub fn new(demand: Demand) -> Self {
        Self {
            demand,
            has_looked: false,
            view: Cloud::default(),
            answers: Default::default(),
            subjects: Default::default(),
            is_device_old: Default::default(),
            known: Default::default(),
        }
    }

    /// Begins anew without memory; what the store keeps and listings last said stays.
    pub fn begin_anew(&mut self, demand: Demand) {
        *self = Self { view: self.view, known: self.known, ..Self::new(demand) };
    }

    /// Takes a listing in.
    pub fn look(&mut self, listed: Cloud, truth: &Cloud) {
        for mount in 0..MOUNTS {
            let before = self.view.mounts[mount].volume.attach;
            let now = listed.mounts[mount].volume.attach;
            if now == Attach::None {
                self.is_device_old[mount] = false;
            } else if now != before || !self.has_looked {
                self.is_device_old[mount] = true;
            }
        }
        for (place, subject) in self.subjects.iter_mut().enumerate() {
            subject.is_look_old = false;
            let is_seen = match place.checked_sub(NODES) {
                None => listed.nodes[place].run.is_living(),
                Some(mount) => listed.mounts[mount].volume.state != Vol::None,
            };
            if is_seen {
                subject.unsure = None;
            }
            let awaited = subject.awaited;
            let is_there = |cloud: &Cloud| match place.checked_sub(NODES) {
                None => cloud.nodes[place].number == awaited || cloud.nodes[place].gone == awaited,
                Some(mount) => match awaited.checked_sub(AWAITED_SNAPSHOT) {
                    Some(number) => {
                        cloud.mounts[mount].snapshots[usize::from(number) - 1].state != Snap::None
                    }
                    None => {
                        let volume = &cloud.mounts[mount].volume;
                        volume.number == awaited && volume.state != Vol::None
                    }
                },
            };
            // What vanished before it was seen is waited for until time is up.
            if awaited != 0 && (is_there(&listed) || !is_there(truth)) {
                subject.awaited = 0;
            }
        }
        self.view = listed;
        self.has_looked = true;
    }

    /// What the plan depends on.
    fn key(&self) -> Self {
        let mut key = *self;
        for subject in &mut key.subjects {
            subject.first = None;
            subject.flight = subject.flight.map(|_| Ask::Unmount { mount: 0, number: 0 });
        }
        key
    }
}

/// The planner, with an answer kept for each thing that it was ever asked: it is a pure function.
pub struct Planner {
    pub names: Names,
    policy: Policy,
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

    fn evaluate(&self, operator: &Operator) -> Planned {
        let answers = self.answers(operator);
        let observation =
            Observation::assemble(&self.names.definition, &self.view(operator, ASKED), &answers);
        let mut known = operator.known;
        for (at, key) in self.names.mounts.iter().enumerate() {
            let Some(seen) = observation.mount(key) else { continue };
            let Some(volume) = seen.volume() else { continue };
            let is_mounted =
                matches!(seen.filesystem, Observed::Present(FilesystemState::Mounted { .. }));
            if is_mounted && volume.tags.content() == Some(ContentMark::Data) {
                known[at] = known[at].max(operator.view.mounts[at].volume.marks.epoch);
            }
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
    fn check_renewal(
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

    fn memory(&self, operator: &Operator, known: &[u8; MOUNTS]) -> Memory {
        let mut memory = Memory::default();
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
            let unsure = |action| Unsure { action, until: LATER };
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
    fn creation(&self, ask: Ask) -> Option<CloudAction> {
        match ask {
            Ask::Run { node, token } => {
                let node = &self.names.nodes[usize::from(node)];
                Some(CloudAction::RunInstance {
                    node: node.clone(),
                    machine: self.names.definition.nodes[node].machine.clone(),
                    zone: None,
                    tags: Tags::for_node(&self.names.definition.name, node),
                    token: format!("{token:08x}"),
                })
            }
            Ask::Create { mount, from, marks, token } => {
                let place = usize::from(mount);
                Some(CloudAction::CreateVolume {
                    mount: self.names.mounts[place].clone(),
                    size: Size::from_gib(1),
                    from: (from > 0).then(|| Names::snapshot(place, from)),
                    zone: None,
                    tags: self.tags(place, &marks),
                    token: format!("{token:08x}"),
                })
            }
            _ => None,
        }
    }

    fn view(&self, operator: &Operator, asked_at: Timestamp) -> CloudView {
        let mut view = CloudView { asked_at, ..CloudView::default() };
        let cluster = &self.names.definition.name;
        for (at, name) in self.names.nodes.iter().enumerate() {
            let node = &operator.view.nodes[at];
            let seen = |number: u8, state: InstanceState| InstanceSeen {
                id: Names::instance(at, number),
                state,
                tags: Tags::for_node(cluster, name),
                ssh: Some(SshEndpoint {
                    host: "127.0.0.1".to_owned(),
                    port: 22,
                    user: "root".to_owned(),
                    host_key: None,
                    identity_file: None,
                }),
                address: None,
                zone: None,
                launched_at: None,
                state_reason: None,
            };
            if let Some(state) = instance_state(node.run) {
                view.instances.push(seen(node.number, state));
            }
            if node.gone > 0 {
                view.instances.push(seen(node.gone, InstanceState::Terminated));
            }
        }
        for (at, key) in self.names.mounts.iter().enumerate() {
            let mount = &operator.view.mounts[at];
            let tags = |marks: &Marks| self.tags(at, marks);
            let volume = &mount.volume;
            if let Some(state) = volume_state(volume.state) {
                let attachment = (volume.attach != Attach::None).then(|| AttachmentSeen {
                    instance: Names::instance(usize::from(volume.holder.0), volume.holder.1),
                    state: attachment_state(volume.attach),
                    since: None,
                    delete_on_termination: Some(false),
                });
                view.volumes.push(VolumeSeen {
                    id: Names::volume(at as u8, volume.number),
                    state,
                    size: Size::from_gib(1),
                    tags: tags(&volume.marks),
                    attachments: attachment.into_iter().collect(),
                    from_snapshot: (volume.from > 0).then(|| Names::snapshot(at, volume.from)),
                    zone: None,
                    created_at: None,
                });
            }
            for (place, snapshot) in mount.snapshots.iter().enumerate() {
                let state = match snapshot.state {
                    Snap::None => continue,
                    Snap::Pending => SnapshotState::Pending,
                    Snap::Completed => SnapshotState::Completed,
                    Snap::Error => SnapshotState::Error,
                };
                view.snapshots.push(SnapshotSeen {
                    id: Names::snapshot(at, place as u8 + 1),
                    state,
                    volume: Names::volume(at as u8, snapshot.of),
                    size: Size::from_gib(1),
                    tags: tags(&snapshot.marks).with(&Tags::for_mount(cluster, key)),
                    started_at: Some(Timestamp::from_millis(place as i64)),
                    progress_percent: None,
                    message: None,
                });
            }
        }
        view
    }

    fn tags(&self, mount: usize, marks: &Marks) -> Tags {
        let mut tags = Tags::for_mount(&self.names.definition.name, &self.names.mounts[mount]);
        let epoch = Epoch { number: u64::from(marks.epoch), is_sealed: marks.is_sealed };
        tags.set(KEY_EPOCH, epoch.to_string());
        tags.set(KEY_GENERATION, marks.generation.to_string());
        let content = if marks.is_data { ContentMark::Data } else { ContentMark::Blank };
        tags.set(KEY_CONTENT, content.as_str());
        if marks.recorded > 0 {
            tags.set(KEY_FILESYSTEM, format!("ext4 {}", self.names.uuid(mount, marks.recorded)));
        }
        tags
    }

    fn answers(&self, operator: &Operator) -> NodeViews {
        let mut answers = NodeViews::new();
        for (at, name) in self.names.nodes.iter().enumerate() {
            let answer = &operator.answers[at];
            if answer.instance == 0 {
                continue;
            }
            let probe = if answer.is_silent {
                Err(Gap { kind: GapKind::NoAnswer, why: "no answer".to_owned(), at: NOW })
            } else {
                Ok(self.probe(at, answer))
            };
            let instance = Names::instance(at, answer.instance);
            answers.insert(name.clone(), NodeView { instance, asked_at: ASKED, probe });
        }
        answers
    }

    fn probe(&self, node: usize, answer: &Answer) -> NodeProbe {
        let mut probe = NodeProbe { boot_id: "boot".to_owned(), ..NodeProbe::default() };
        for (mount, key) in self.names.mounts.iter().enumerate() {
            let (seen, number) = answer.devices[mount];
            if self.names.layout.owner(mount) != node || seen == Device::None {
                continue;
            }
            let serial = Names::volume(mount as u8, number).serial();
            let at = self.names.definition.mount(key).map_or("", |defined| defined.at.as_str());
            let mounted = MountSeen {
                at: at.to_owned(),
                kind: "ext4".to_owned(),
                is_read_only: false,
                serial: Some(serial.clone()),
                is_root: true,
            };
            let mounts = if seen == Device::Mounted { vec![mounted] } else { Vec::new() };
            probe.mount_table.extend(mounts.iter().cloned());
            let contents = match seen {
                Device::Blank => Contents::Blank,
                Device::Filesystem(number) => Contents::Filesystem {
                    kind: "ext4".to_owned(),
                    uuid: Some(self.names.uuid(mount, number).to_owned()),
                },
                Device::None | Device::NotExamined | Device::Mounted | Device::Held => {
                    Contents::NotExamined
                }
            };
            let is_held = match seen {
                Device::Blank | Device::Filesystem(_) => Some(false),
                Device::Mounted | Device::Held => Some(true),
                Device::None | Device::NotExamined => None,
            };
            let device = DeviceSeen {
                path: "/dev/nvme1n1".to_owned(),
                size_bytes: Size::from_gib(1).bytes(),
                contents,
                mounts,
                is_held,
                on_top: Vec::new(),
                holders: Vec::new(),
            };
            probe.devices.insert(serial, device);
        }
        probe
    }
}

fn instance_state(run: Run) -> Option<InstanceState> {
    Some(match run {
        Run::None => return None,
        Run::Pending => InstanceState::Pending,
        Run::Running => InstanceState::Running,
        Run::Stopping => InstanceState::Stopping,
        Run::Stopped => InstanceState::Stopped,
        Run::ShuttingDown => InstanceState::ShuttingDown,
        Run::Terminated => InstanceState::Terminated,
    })
}

fn volume_state(state: Vol) -> Option<VolumeState> {
    Some(match state {
        Vol::None => return None,
        Vol::Creating => VolumeState::Creating,
        Vol::Available => VolumeState::Available,
        Vol::InUse => VolumeState::InUse,
        Vol::Deleting => VolumeState::Deleting,
    })
}

fn attachment_state(attach: Attach) -> AttachmentState {
    match attach {
        Attach::None => AttachmentState::Detached,
        Attach::Attaching => AttachmentState::Attaching,
        Attach::Attached => AttachmentState::Attached,
        Attach::Detaching => AttachmentState::Detaching,
        Attach::Busy => AttachmentState::Busy,
    }
}

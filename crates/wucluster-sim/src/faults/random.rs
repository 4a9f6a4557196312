//! Random cases of each kind of fault, with the ranges of the fault model.

use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{MountKey, NodeName};
use wucluster_core::tags::{KEY_CLUSTER, KEY_CONTENT, KEY_EPOCH, KEY_MOUNT, KEY_NODE};

use super::cases::{Cut, Denial, Greeting, Grip, Leaves, Lie, Room, Sickness, Tear};
use super::fault::Fault;
use super::kind::FaultKind;
use super::plan::Faults;
use crate::rng::Rng;
use crate::world::Human;

/// Whom faults may befall.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Nodes.
    pub nodes: Vec<NodeName>,
    /// Mounts.
    pub mounts: Vec<MountKey>,
}

impl Names {
    /// Lists the nodes and mounts of a definition.
    #[must_use]
    pub fn of(definition: &ClusterDefinition) -> Self {
        Self {
            nodes: definition.nodes.keys().cloned().collect(),
            mounts: definition.mounts().map(|(key, _)| key).collect(),
        }
    }
}

/// Names of requests that change something.
const CHANGES: [&str; 9] = [
    "RunInstances",
    "StartInstances",
    "TerminateInstances",
    "CreateVolume",
    "AttachVolume",
    "DetachVolume",
    "CreateTags",
    "CreateSnapshot",
    "DeleteVolume",
];

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Fault {
    /// Makes a random case of a kind, whose parameters are even in their order of magnitude within
    /// the ranges of the fault model.
    ///
    /// `None`: the world does not let that kind strike ([`FaultKind::is_simulated`]), or there is
    /// nobody whom it could befall.
    #[must_use]
    pub fn random(kind: FaultKind, rng: &mut Rng, names: &Names) -> Option<Self> {
        // Half of the time whoever is there at that moment.
        let node = rng.pick(&names.nodes).cloned();
        let mount = rng.pick(&names.mounts).cloned();
        let (some_node, some_mount) =
            if rng.chance(0.5) { (None, None) } else { (node.clone(), mount.clone()) };
        // Three of four have an end; the others last until calm.
        let (is_endless, luck) = (rng.chance(0.25), rng.number());
        let until = |min, max| {
            let span = Rng::new(luck, "span").span(seconds(min), seconds(max));
            (!is_endless).then_some(span)
        };
        let fault = match kind {
            FaultKind::Throttle => {
                let span = until(1, 600);
                match rng.below(2) {
                    0 => Self::Throttle,
                    _ => Self::TightRate { per_second: rng.magnitude(1, 100), span },
                }
            }
            FaultKind::ServerError => match rng.below(2) {
                0 => Self::ServerError,
                _ => Self::ServerErrors { run: 1 + u32::try_from(rng.below(20)).unwrap_or(0) },
            },
            FaultKind::Denied => {
                let span = until(10, 7200);
                let denials = [Denial::Expired, Denial::Unauthorized, Denial::Clock];
                match (rng.below(3), rng.pick(&denials)) {
                    (1, Some(denial)) => Self::DeniedFor { denial: *denial, request: None, span },
                    (2, Some(denial)) => {
                        let request = rng.pick(&CHANGES).map(|name| (*name).to_owned());
                        Self::DeniedFor { denial: *denial, request, span }
                    }
                    (_, _) => Self::Denied,
                }
            }
            FaultKind::SlowCall => Self::SlowCall {
                span: rng.span(Duration::from_millis(10), seconds(300)),
                is_before: rng.chance(0.5),
            },
            FaultKind::Hang => Self::Hang { takes_effect: rng.chance(0.5) },
            FaultKind::LostAnswer => Self::LostAnswer,
            FaultKind::DelayedEffect => Self::DelayedEffect {
                span: rng.span(Duration::from_millis(100), seconds(900)),
                is_answered: rng.chance(0.5),
            },
            FaultKind::RepeatedEffect => match rng.below(3) {
                0 => Self::Repeated { after: Duration::ZERO },
                1 => Self::Repeated { after: rng.span(Duration::from_millis(100), seconds(900)) },
                _ => Self::TokenUsed { is_listed: rng.chance(0.5) },
            },
            FaultKind::StaleListing => {
                let span = until(60, 3600);
                if rng.chance(0.3) {
                    Self::Hidden { span: rng.span(seconds(1), seconds(600)) }
                } else {
                    let lag = rng.span(seconds(1), seconds(600));
                    Self::StaleListings { lag, span, wavers: false }
                }
            }
            FaultKind::WaveringListing => {
                let span = until(60, 3600);
                Self::StaleListings { lag: rng.span(seconds(1), seconds(600)), span, wavers: true }
            }
            FaultKind::StuckAttachment => {
                let span = until(60, 7200);
                match rng.below(3) {
                    0 => Self::StuckAttaching { span },
                    1 => Self::StuckDetaching { span },
                    _ => Self::StuckBusy { span },
                }
            }
            FaultKind::LateFailure => {
                let span = until(60, 7200);
                match rng.below(5) {
                    0 => Self::VolumeBreaks,
                    1 => Self::VolumeVanishes,
                    2 => Self::VolumeFails { mount: some_mount },
                    3 => Self::VolumeImpaired { mount: some_mount, span },
                    _ => Self::SnapshotVanishes { mount: some_mount },
                }
            }
            FaultKind::Reuse => Self::AddressReused { node: some_node },
            FaultKind::OddDevice => {
                let span = until(1, 600);
                match rng.below(3) {
                    0 => Self::DeviceLate { span },
                    1 => Self::DeviceRenamed,
                    _ => Self::DeviceWrongSize { mount: some_mount, span },
                }
            }
            FaultKind::TornPages => {
                let tears = [Tear::Missing, Tear::Twice, Tear::Expired];
                Self::TornPages { tear: *rng.pick(&tears)? }
            }
            FaultKind::ZoneOutage => Self::ZoneOutage { zone: None, span: until(60, 4 * 3600) },
            FaultKind::TornBatch => Self::TornBatch,
            FaultKind::NoCapacity => {
                let span = until(60, 7200);
                let rooms = [Room::Instances, Room::Volumes, Room::Attachments, Room::Snapshots];
                match (rng.below(3), rng.pick(&rooms)) {
                    (0, Some(room)) => Self::NoRoom { room: *room, span },
                    (1, _) => Self::NoCapacity,
                    (_, _) => Self::LaunchFails,
                }
            }
            FaultKind::UnaskedMachine => match rng.below(6) {
                0 => Self::MachineStops { node: some_node },
                1 => Self::MachineTerminates { node: some_node },
                2 => Self::MachineReboots { node: some_node, is_in_order: true },
                3 => Self::MachineReboots { node: some_node, is_in_order: false },
                4 => Self::MachineRetires { node: some_node },
                // Source: EC2 user guide, "Spot Instance interruption notices".
                _ => Self::SpotInterrupts { node: some_node, notice: seconds(120) },
            },
            FaultKind::SlowSnapshot => {
                Self::SnapshotSlow { span: rng.span(seconds(1), seconds(8 * 3600)) }
            }
            FaultKind::BrokenSnapshot => {
                let span = until(60, 4 * 3600);
                match rng.below(3) {
                    0 => Self::SnapshotFails,
                    1 => {
                        let percent = u8::try_from(rng.below(100)).unwrap_or(99);
                        Self::SnapshotStuck { percent, span }
                    }
                    _ => Self::SnapshotBinned { mount: some_mount, span },
                }
            }
            FaultKind::TwinSnapshot => Self::SnapshotTwice,
            FaultKind::ShellRefused => {
                let span = until(1, 7200);
                let greetings = [Greeting::LoginRefused, Greeting::Banner, Greeting::OtherProtocol];
                match (rng.below(3), rng.pick(&greetings)) {
                    (0, Some(greeting)) => {
                        Self::OddGreeting { node: some_node, greeting: *greeting, span }
                    }
                    (1, _) => Self::WrongHost { node: some_node, span },
                    (_, _) => Self::Unreachable { node: some_node, span, hangs: false },
                }
            }
            FaultKind::ShellHangs => {
                let span = until(1, 3600);
                match rng.below(2) {
                    0 => Self::Unreachable { node: some_node, span, hangs: true },
                    _ => Self::ShellLate { span: rng.span(seconds(1), seconds(900)) },
                }
            }
            FaultKind::ShellCut => match rng.below(3) {
                0 => Self::ShellCut { cut: Cut::Before },
                1 => Self::ShellCut { cut: Cut::During },
                _ => Self::LostShellAnswer,
            },
            FaultKind::Busy => {
                let span = until(1, 7200);
                let grips = [Grip::OtherNamespace, Grip::Nested, Grip::Swap, Grip::Mapper];
                match (rng.below(2), rng.pick(&grips)) {
                    (0, Some(grip)) => Self::Gripped { mount: some_mount, grip: *grip, span },
                    (_, _) => Self::UmountBusy { span },
                }
            }
            FaultKind::MkfsFails => {
                let span = until(1, 600);
                match rng.below(3) {
                    0 => Self::MkfsFails { leaves: Leaves::Nothing },
                    1 => Self::MkfsFails { leaves: Leaves::Torn },
                    _ => Self::DeviceUnreadable { span },
                }
            }
            FaultKind::MountsItself => {
                let span = until(60, 7200);
                match rng.below(2) {
                    0 => Self::RemountsItself {
                        after: rng.span(Duration::from_millis(100), seconds(60)),
                    },
                    _ => Self::MountsAtBoot { mount: some_mount, span },
                }
            }
            FaultKind::LyingProbe => {
                let lies = [Lie::Garbage, Lie::NoDevices, Lie::Unreadable, Lie::Blank];
                Self::ProbeLies { lie: *rng.pick(&lies)? }
            }
            FaultKind::ForeignContent => {
                let whats =
                    ["dos partition table", "crypto_LUKS", "LVM2_member", "zfs_member", "swap"];
                let what = (*rng.pick(&whats)?).to_owned();
                Self::ForeignContent { mount: some_mount, what }
            }
            FaultKind::SickNode => {
                let sicknesses = [
                    Sickness::RootFull,
                    Sickness::RootReadOnly,
                    Sickness::ToolMissing,
                    Sickness::SudoAsks,
                ];
                let (sickness, span) = (*rng.pick(&sicknesses)?, until(60, 7200));
                Self::SickNode { node: some_node, sickness, span }
            }
            FaultKind::OperatorClock => {
                let is_sudden = rng.chance(0.5);
                // A wrong clock may be wrong by years; one that is set right leaps by less.
                let leap_max = if is_sudden { 3600 } else { 10 * 365 * 24 * 3600 };
                let leap = rng.span(seconds(1), seconds(leap_max));
                // A clock that is counted from a machine's boot is off by less than one part in a thousand; a guest that
                // is carried over to another host, by a little more.
                let rate_percent = 90 + u32::try_from(rng.below(21)).unwrap_or(10);
                Self::OperatorClock { leap, is_ahead: rng.chance(0.5), is_sudden, rate_percent }
            }
            FaultKind::TokenLifetime => {
                let lifetime = rng.span(seconds(15 * 60), seconds(24 * 3600));
                Self::ShortTokens { lifetime, span: None }
            }
            FaultKind::ProviderClock => {
                let offset = rng.span(seconds(1), seconds(3600));
                Self::ProviderClock { offset, is_ahead: rng.chance(0.5) }
            }
            FaultKind::HumanTags => Self::Human(human_tags(rng, mount?, node?)),
            FaultKind::HumanDeletes => Self::Human(human_deletes(rng, mount?, node?)),
            FaultKind::HumanHands => Self::Human(human_hands(rng, mount?, node?)),
            FaultKind::Namesake => Self::Namesake { mount: some_mount },
            FaultKind::OperatorKilled
            | FaultKind::OperatorPaused
            | FaultKind::SeveralOperators
            | FaultKind::LeaseLost
            | FaultKind::StoreBroken
            | FaultKind::JournalTorn
            | FaultKind::StoreLost
            | FaultKind::StoreConfused
            | FaultKind::DefinitionChanged
            | FaultKind::DemandReversed => return None,
        };
        Some(fault)
    }
}

impl Faults {
    /// Adds one to four random cases of a kind, each at its own random time within `horizon` or
    /// with a random probability at each request that it could befall.
    ///
    /// Probabilities are those of the fault model, even in their order of magnitude.
    #[must_use]
    pub fn with_kind(
        mut self,
        kind: FaultKind,
        rng: &mut Rng,
        names: &Names,
        horizon: Duration,
    ) -> Self {
        for _ in 0..=rng.below(4) {
            let Some(fault) = Fault::random(kind, rng, names) else { break };
            let after = rng.between(Duration::ZERO, horizon);
            let per_million = rng.magnitude(1000, 1_000_000 * u64::from(percent_max(kind)) / 100);
            let is_frequent = rng.chance(0.5);
            self = if fault.is_about_requests() && is_frequent {
                #[expect(clippy::cast_precision_loss, reason = "it is a million at most")]
                let probability = per_million as f64 / 1e6;
                self.with_chance(probability, fault)
            } else {
                self.after(after, fault)
            };
        }
        self
    }
}

/// Returns the highest probability of a kind at one request. Unit: percent.
fn percent_max(kind: FaultKind) -> u8 {
    match kind {
        FaultKind::ServerError | FaultKind::Throttle => 50,
        FaultKind::LostAnswer
        | FaultKind::TwinSnapshot
        | FaultKind::ShellCut
        | FaultKind::Reuse
        | FaultKind::TornPages => 30,
        FaultKind::Hang | FaultKind::LateFailure | FaultKind::BrokenSnapshot => 10,
        _ => 20,
    }
}

fn human_tags(rng: &mut Rng, mount: MountKey, node: NodeName) -> Human {
    let keys = [KEY_CLUSTER, KEY_NODE, KEY_MOUNT, KEY_EPOCH, KEY_CONTENT];
    let key = rng.pick(&keys).copied().unwrap_or(KEY_EPOCH).to_owned();
    let values = ["", "0", "1 sealed", "7 live", "blank", "data", "somebody"];
    let value = rng.pick(&values).copied().unwrap_or_default().to_owned();
    match rng.below(8) {
        0 => Human::TagVolume(mount, key, value),
        1 => Human::UntagVolume(mount, key),
        2 => Human::TagInstance(node, key, value),
        3 => Human::UntagInstance(node, key),
        4 => Human::TagSnapshot(mount, key, value),
        5 => Human::UntagSnapshot(mount, key),
        6 => Human::CopyVolume(mount),
        _ => Human::CopyInstance(node),
    }
}

fn human_deletes(rng: &mut Rng, mount: MountKey, node: NodeName) -> Human {
    match rng.below(6) {
        0 => Human::DeleteVolume(mount),
        1 => Human::DeleteNewestSnapshot(mount),
        2 => Human::DeleteSnapshots(mount),
        3 => Human::TerminateInstance(node),
        _ => Human::SetDeleteOnTermination(mount, true),
    }
}

fn human_hands(rng: &mut Rng, mount: MountKey, node: NodeName) -> Human {
    match rng.below(10) {
        0 => Human::TakeSnapshot(mount),
        1 => Human::StopInstance(node),
        2 => Human::StartInstance(node),
        3 => Human::Attach(mount, node),
        4 => Human::ForceDetach(mount),
        5 => Human::Mount(mount, "/by-hand".to_owned()),
        6 => Human::Unmount(mount),
        7 => Human::LookAlike(mount),
        8 => Human::Protect(node, true),
        _ => Human::Write(mount, "by hand".to_owned()),
    }
}

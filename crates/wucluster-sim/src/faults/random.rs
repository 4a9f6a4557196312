//! Random cases of each kind of fault, with the ranges of the fault model.

use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{MountKey, NodeName};
use wucluster_core::tags::{KEY_CLUSTER, KEY_CONTENT, KEY_EPOCH, KEY_MOUNT, KEY_NODE};

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

/// Kinds that the world is to let strike, and cannot yet.
pub(super) const fn is_missing(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::SlowCall
            | FaultKind::Hang
            | FaultKind::DelayedEffect
            | FaultKind::RepeatedEffect
            | FaultKind::Reuse
            | FaultKind::OddDevice
            | FaultKind::TornPages
            | FaultKind::ZoneOutage
            | FaultKind::TornBatch
            | FaultKind::TwinSnapshot
            | FaultKind::MkfsFails
            | FaultKind::MountsItself
            | FaultKind::LyingProbe
            | FaultKind::ForeignContent
            | FaultKind::SickNode
            | FaultKind::OperatorClock
            | FaultKind::TokenLifetime
            | FaultKind::ProviderClock
            | FaultKind::Namesake
    )
}

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
        // 48 of 64: an end; the others last until calm.
        let endless = rng.chance(0.25);
        let mut until = |min, max| {
            let span = rng.span(seconds(min), seconds(max));
            (!endless).then_some(span)
        };
        let fault = match kind {
            FaultKind::Throttle => Self::Throttle,
            FaultKind::ServerError => Self::ServerError,
            FaultKind::Denied => Self::Denied,
            FaultKind::LostAnswer => Self::LostAnswer,
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
                if rng.chance(0.5) {
                    Self::StuckAttaching { span }
                } else {
                    Self::StuckDetaching { span }
                }
            }
            FaultKind::LateFailure => {
                if rng.chance(0.5) {
                    Self::VolumeBreaks
                } else {
                    Self::VolumeFails { mount: some_mount }
                }
            }
            FaultKind::NoCapacity => {
                if rng.chance(0.5) {
                    Self::NoCapacity
                } else {
                    Self::LaunchFails
                }
            }
            FaultKind::UnaskedMachine => match rng.below(4) {
                0 => Self::MachineStops { node: some_node },
                1 => Self::MachineTerminates { node: some_node },
                2 => Self::MachineReboots { node: some_node, is_in_order: true },
                _ => Self::MachineReboots { node: some_node, is_in_order: false },
            },
            FaultKind::SlowSnapshot => {
                Self::SnapshotSlow { span: rng.span(seconds(1), seconds(8 * 3600)) }
            }
            FaultKind::BrokenSnapshot => Self::SnapshotFails,
            FaultKind::ShellRefused => {
                let span = until(1, 7200);
                if rng.chance(0.5) {
                    Self::Unreachable { node: some_node, span, hangs: false }
                } else {
                    Self::WrongHost { node: some_node, span }
                }
            }
            FaultKind::ShellHangs => {
                let span = until(1, 3600);
                Self::Unreachable { node: some_node, span, hangs: true }
            }
            FaultKind::ShellCut => Self::LostShellAnswer,
            FaultKind::Busy => Self::UmountBusy { span: until(1, 7200) },
            FaultKind::HumanTags => Self::Human(human_tags(rng, mount?, node?)),
            FaultKind::HumanDeletes => Self::Human(human_deletes(rng, mount?, node?)),
            FaultKind::HumanHands => Self::Human(human_hands(rng, mount?, node?)),
            FaultKind::SlowCall
            | FaultKind::Hang
            | FaultKind::DelayedEffect
            | FaultKind::RepeatedEffect
            | FaultKind::Reuse
            | FaultKind::OddDevice
            | FaultKind::TornPages
            | FaultKind::ZoneOutage
            | FaultKind::TornBatch
            | FaultKind::TwinSnapshot
            | FaultKind::MkfsFails
            | FaultKind::MountsItself
            | FaultKind::LyingProbe
            | FaultKind::ForeignContent
            | FaultKind::SickNode
            | FaultKind::OperatorClock
            | FaultKind::TokenLifetime
            | FaultKind::ProviderClock
            | FaultKind::Namesake
            | FaultKind::OperatorKilled
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
    match rng.below(6) {
        0 => Human::TagVolume(mount, key, value),
        1 => Human::UntagVolume(mount, key),
        2 => Human::TagInstance(node, key, value),
        3 => Human::UntagInstance(node, key),
        4 => Human::CopyVolume(mount),
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
    match rng.below(8) {
        0 => Human::TakeSnapshot(mount),
        1 => Human::StopInstance(node),
        2 => Human::StartInstance(node),
        3 => Human::Attach(mount, node),
        4 => Human::ForceDetach(mount),
        5 => Human::Mount(mount, "/by-hand".to_owned()),
        6 => Human::Unmount(mount),
        _ => Human::Write(mount, "by hand".to_owned()),
    }
}

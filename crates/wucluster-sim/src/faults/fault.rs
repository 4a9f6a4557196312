//! Kinds of faults.

use std::time::Duration;

use wucluster_core::ids::{MountKey, NodeName};

use super::kind::FaultKind;
use crate::world::Human;

/// A fault. Where a `node` or `mount` is `None`, any one is befallen; where a `span` is `None`, it
/// lasts until [`World::calm`](crate::World::calm).
///
/// Each variant names the row of the fault model that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A1: a request is refused with `RequestLimitExceeded`.
    Throttle,
    /// A2: a request is refused with a 5xx before it takes effect.
    ServerError,
    /// A3: a request is not permitted.
    Denied,
    /// C3: a request takes effect, and its answer is lost.
    LostAnswer,
    /// K1: `RunInstances` finds no capacity.
    NoCapacity,
    /// K1: `RunInstances` succeeds, and the instance is terminated instead of running.
    LaunchFails,
    /// C8: an attachment stays `attaching`; a detach request frees it.
    StuckAttaching {
        /// How long.
        span: Option<Duration>,
    },
    /// C8: an attachment stays `detaching`; the end of the machine frees it.
    StuckDetaching {
        /// How long.
        span: Option<Duration>,
    },
    /// C9: a volume's making is confirmed, and ends in `error`.
    VolumeBreaks,
    /// S2: a snapshot ends in `error`.
    SnapshotFails,
    /// S1: a snapshot stays `pending` at least that long.
    SnapshotSlow {
        /// How long.
        span: Duration,
    },
    /// C6: a new thing stays out of listings that long.
    Hidden {
        /// How long.
        span: Duration,
    },
    /// N4: a process holds a mount just when it is to be unmounted.
    UmountBusy {
        /// How long.
        span: Option<Duration>,
    },
    /// N3: a request to a node, or a look at it, loses its answer; a request took effect.
    LostShellAnswer,
    /// C6, C7: listings are late, each attribute of each thing by its own time up to `lag`.
    StaleListings {
        /// By how much at most.
        lag: Duration,
        /// How long.
        span: Option<Duration>,
        /// Whether the lateness changes from look to look, so that an old value may come back.
        wavers: bool,
    },
    /// N1, N2: a node does not answer.
    Unreachable {
        /// Which node.
        node: Option<NodeName>,
        /// How long.
        span: Option<Duration>,
        /// Whether it hangs until the caller gives up, instead of refusing at once.
        hangs: bool,
    },
    /// N1: another host answers at the node's address.
    WrongHost {
        /// Which node.
        node: Option<NodeName>,
        /// How long.
        span: Option<Duration>,
    },
    /// K2: an instance loses power, and is then stopped.
    MachineStops {
        /// Which node.
        node: Option<NodeName>,
    },
    /// K2: an instance is terminated unasked.
    MachineTerminates {
        /// Which node.
        node: Option<NodeName>,
    },
    /// K2: an instance reboots unasked.
    MachineReboots {
        /// Which node.
        node: Option<NodeName>,
        /// Whether caches are written first.
        is_in_order: bool,
    },
    /// C9: a volume fails.
    VolumeFails {
        /// Which mount's.
        mount: Option<MountKey>,
    },
    /// H1, H2, H3: a human does something.
    Human(Human),
}

/// What a fault befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The world, at any time.
    World,
    /// Any request to the cloud, listings included.
    Cloud,
    /// Any request to the cloud that changes something.
    CloudChange,
    /// Requests of these names.
    Named(&'static [&'static str]),
    /// Any request to a node, looks included.
    Shell,
}

/// Names of what is asked of nodes.
const SHELL: &[&str] = &["probe", "mkfs", "mount", "umount"];

impl Target {
    fn has(self, request: &str) -> bool {
        let is_shell = SHELL.contains(&request);
        match self {
            Self::World => true,
            Self::Cloud => !is_shell,
            Self::CloudChange => !is_shell && !request.starts_with("Describe"),
            Self::Named(names) => names.contains(&request),
            Self::Shell => is_shell,
        }
    }
}

impl Fault {
    /// Returns the kind that it is a case of.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Throttle => FaultKind::Throttle,
            Self::ServerError => FaultKind::ServerError,
            Self::Denied => FaultKind::Denied,
            Self::LostAnswer => FaultKind::LostAnswer,
            Self::NoCapacity | Self::LaunchFails => FaultKind::NoCapacity,
            Self::StuckAttaching { .. } | Self::StuckDetaching { .. } => FaultKind::StuckAttachment,
            Self::VolumeBreaks | Self::VolumeFails { .. } => FaultKind::LateFailure,
            Self::SnapshotFails => FaultKind::BrokenSnapshot,
            Self::SnapshotSlow { .. } => FaultKind::SlowSnapshot,
            Self::Hidden { .. } | Self::StaleListings { wavers: false, .. } => {
                FaultKind::StaleListing
            }
            Self::StaleListings { wavers: true, .. } => FaultKind::WaveringListing,
            Self::UmountBusy { .. } => FaultKind::Busy,
            Self::LostShellAnswer => FaultKind::ShellCut,
            Self::Unreachable { hangs: false, .. } | Self::WrongHost { .. } => {
                FaultKind::ShellRefused
            }
            Self::Unreachable { hangs: true, .. } => FaultKind::ShellHangs,
            Self::MachineStops { .. }
            | Self::MachineTerminates { .. }
            | Self::MachineReboots { .. } => FaultKind::UnaskedMachine,
            Self::Human(what) => what.kind(),
        }
    }

    /// Returns the name under which its effects are counted; it begins with the kind's id.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Throttle => "A1 throttle",
            Self::ServerError => "A2 server error",
            Self::Denied => "A3 denied",
            Self::LostAnswer => "C3 lost answer",
            Self::NoCapacity => "K1 no capacity",
            Self::LaunchFails => "K1 launch fails",
            Self::StuckAttaching { .. } => "C8 stuck attaching",
            Self::StuckDetaching { .. } => "C8 stuck detaching",
            Self::VolumeBreaks => "C9 volume breaks",
            Self::SnapshotFails => "S2 snapshot fails",
            Self::SnapshotSlow { .. } => "S1 snapshot slow",
            Self::Hidden { .. } => "C6 hidden",
            Self::UmountBusy { .. } => "N4 umount busy",
            Self::LostShellAnswer => "N3 lost answer",
            Self::StaleListings { wavers: false, .. } => "C6 stale listings",
            Self::StaleListings { wavers: true, .. } => "C7 wavering listings",
            Self::Unreachable { hangs: false, .. } => "N1 unreachable",
            Self::Unreachable { hangs: true, .. } => "N2 hangs",
            Self::WrongHost { .. } => "N1 wrong host",
            Self::MachineStops { .. } => "K2 machine stops",
            Self::MachineTerminates { .. } => "K2 machine terminates",
            Self::MachineReboots { .. } => "K2 machine reboots",
            Self::VolumeFails { .. } => "C9 volume fails",
            Self::Human(what) => match what.kind() {
                FaultKind::HumanTags => "H1 human tags",
                FaultKind::HumanDeletes => "H2 human deletes",
                _ => "H3 human hands",
            },
        }
    }

    /// Says whether it befalls one request, and not the world.
    #[must_use]
    pub fn is_about_requests(&self) -> bool {
        self.target() != Target::World
    }

    /// Says whether it can befall a request of that name.
    #[must_use]
    pub fn applies_to(&self, request: &str) -> bool {
        self.target().has(request)
    }

    fn target(&self) -> Target {
        match self {
            Self::Throttle | Self::ServerError | Self::Denied => Target::Cloud,
            Self::LostAnswer => Target::CloudChange,
            Self::NoCapacity | Self::LaunchFails => Target::Named(&["RunInstances"]),
            Self::StuckAttaching { .. } => Target::Named(&["AttachVolume"]),
            Self::StuckDetaching { .. } => Target::Named(&["DetachVolume"]),
            Self::VolumeBreaks => Target::Named(&["CreateVolume"]),
            Self::SnapshotFails | Self::SnapshotSlow { .. } => Target::Named(&["CreateSnapshot"]),
            Self::Hidden { .. } => {
                Target::Named(&["RunInstances", "CreateVolume", "CreateSnapshot"])
            }
            Self::UmountBusy { .. } => Target::Named(&["umount"]),
            Self::LostShellAnswer => Target::Shell,
            Self::StaleListings { .. }
            | Self::Unreachable { .. }
            | Self::WrongHost { .. }
            | Self::MachineStops { .. }
            | Self::MachineTerminates { .. }
            | Self::MachineReboots { .. }
            | Self::VolumeFails { .. }
            | Self::Human(_) => Target::World,
        }
    }
}

//! What each fault is a case of, what it is called, and what it befalls.

use super::cases::Lie;
use super::fault::Fault;
use super::kind::FaultKind;

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
const SHELL: &[&str] = &["probe", "mkfs", "mount", "umount", "growfs"];

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
            Self::TightRate { .. } => FaultKind::Throttle,
            Self::ServerErrors { .. } => FaultKind::ServerError,
            Self::DeniedFor { .. } => FaultKind::Denied,
            Self::SlowCall { .. } => FaultKind::SlowCall,
            Self::Hang { .. } => FaultKind::Hang,
            Self::DelayedEffect { .. } => FaultKind::DelayedEffect,
            Self::Repeated { .. } | Self::TokenUsed { .. } => FaultKind::RepeatedEffect,
            Self::ShortTokens { .. } => FaultKind::TokenLifetime,
            Self::StuckBusy { .. } => FaultKind::StuckAttachment,
            Self::VolumeVanishes | Self::VolumeImpaired { .. } | Self::SnapshotVanishes { .. } => {
                FaultKind::LateFailure
            }
            Self::SnapshotStuck { .. } | Self::SnapshotBinned { .. } => FaultKind::BrokenSnapshot,
            Self::SnapshotTwice => FaultKind::TwinSnapshot,
            Self::AddressReused { .. } => FaultKind::Reuse,
            Self::DeviceLate { .. } | Self::DeviceRenamed | Self::DeviceWrongSize { .. } => {
                FaultKind::OddDevice
            }
            Self::TornPages { .. } => FaultKind::TornPages,
            Self::ZoneOutage { .. } => FaultKind::ZoneOutage,
            Self::TornBatch => FaultKind::TornBatch,
            Self::NoRoom { .. } | Self::Full { .. } => FaultKind::NoCapacity,
            Self::MachineRetires { .. } | Self::SpotInterrupts { .. } => FaultKind::UnaskedMachine,
            Self::OddGreeting { .. } => FaultKind::ShellRefused,
            Self::ShellLate { .. } => FaultKind::ShellHangs,
            Self::ShellCut { .. } => FaultKind::ShellCut,
            Self::Gripped { .. } => FaultKind::Busy,
            Self::MkfsFails { .. } | Self::DeviceUnreadable { .. } => FaultKind::MkfsFails,
            Self::RemountsItself { .. } | Self::MountsAtBoot { .. } => FaultKind::MountsItself,
            Self::ProbeLies { .. } => FaultKind::LyingProbe,
            Self::ForeignContent { .. } => FaultKind::ForeignContent,
            Self::SickNode { .. } => FaultKind::SickNode,
            Self::OperatorClock { .. } => FaultKind::OperatorClock,
            Self::ProviderClock { .. } => FaultKind::ProviderClock,
            Self::Namesake { .. } => FaultKind::Namesake,
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
            Self::TightRate { .. } => "A1 tight rate",
            Self::ServerErrors { .. } => "A2 server errors",
            Self::DeniedFor { .. } => "A3 denied for a time",
            Self::SlowCall { .. } => "C1 slow call",
            Self::Hang { .. } => "C2 hang",
            Self::DelayedEffect { .. } => "C4 delayed effect",
            Self::Repeated { .. } => "C5 repeated",
            Self::TokenUsed { .. } => "C5 token used",
            Self::ShortTokens { .. } => "T2 short tokens",
            Self::StuckBusy { .. } => "C8 stuck busy",
            Self::VolumeVanishes => "C9 volume vanishes",
            Self::VolumeImpaired { .. } => "C9 volume impaired",
            Self::SnapshotVanishes { .. } => "C9 snapshot vanishes",
            Self::SnapshotStuck { .. } => "S2 snapshot stuck",
            Self::SnapshotBinned { .. } => "S2 snapshot binned",
            Self::SnapshotTwice => "S3 snapshot twice",
            Self::AddressReused { .. } => "C10 address reused",
            Self::DeviceLate { .. } => "C11 device late",
            Self::DeviceRenamed => "C11 device renamed",
            Self::DeviceWrongSize { .. } => "C11 device of wrong size",
            Self::TornPages { .. } => "P1 torn pages",
            Self::ZoneOutage { .. } => "P2 zone outage",
            Self::TornBatch => "P3 torn batch",
            Self::NoRoom { .. } => "K1 no room",
            Self::Full { .. } => "K1 full",
            Self::MachineRetires { .. } => "K2 machine retires",
            Self::SpotInterrupts { .. } => "K2 spot interrupts",
            Self::OddGreeting { .. } => "N1 odd greeting",
            Self::ShellLate { .. } => "N2 shell late",
            Self::ShellCut { .. } => "N3 shell cut",
            Self::Gripped { .. } => "N4 gripped",
            Self::MkfsFails { .. } => "N5 mkfs fails",
            Self::DeviceUnreadable { .. } => "N5 device unreadable",
            Self::RemountsItself { .. } => "N6 remounts itself",
            Self::MountsAtBoot { .. } => "N6 mounts at boot",
            Self::ProbeLies { .. } => "N7 probe lies",
            Self::ForeignContent { .. } => "N8 foreign content",
            Self::SickNode { .. } => "N9 sick node",
            Self::OperatorClock { .. } => "T1 operator's clock",
            Self::ProviderClock { .. } => "T3 provider's clock",
            Self::Namesake { .. } => "F3 namesake",
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

    /// Says whether it befalls a request on its way, before it arrives.
    pub(crate) fn strikes_on_the_way(&self) -> bool {
        matches!(self, Self::SlowCall { is_before: true, .. })
    }

    fn target(&self) -> Target {
        match self {
            Self::Throttle
            | Self::ServerError
            | Self::ServerErrors { .. }
            | Self::Denied
            | Self::SlowCall { .. }
            | Self::Hang { .. } => Target::Cloud,
            Self::LostAnswer
            | Self::DelayedEffect { .. }
            | Self::Repeated { .. }
            | Self::TornBatch => Target::CloudChange,
            Self::NoCapacity | Self::LaunchFails => Target::Named(&["RunInstances"]),
            Self::TokenUsed { .. } => Target::Named(&["RunInstances", "CreateVolume"]),
            Self::StuckAttaching { .. } | Self::DeviceLate { .. } => {
                Target::Named(&["AttachVolume"])
            }
            Self::StuckDetaching { .. } | Self::StuckBusy { .. } => {
                Target::Named(&["DetachVolume"])
            }
            Self::VolumeBreaks | Self::VolumeVanishes => Target::Named(&["CreateVolume"]),
            Self::SnapshotFails
            | Self::SnapshotSlow { .. }
            | Self::SnapshotStuck { .. }
            | Self::SnapshotTwice => Target::Named(&["CreateSnapshot"]),
            Self::Hidden { .. } => {
                Target::Named(&["RunInstances", "CreateVolume", "CreateSnapshot"])
            }
            Self::TornPages { .. } => {
                Target::Named(&["DescribeInstances", "DescribeVolumes", "DescribeSnapshots"])
            }
            Self::UmountBusy { .. } | Self::RemountsItself { .. } => Target::Named(&["umount"]),
            Self::MkfsFails { .. } | Self::DeviceUnreadable { .. } => Target::Named(&["mkfs"]),
            Self::DeviceRenamed | Self::ShellLate { .. } => {
                Target::Named(&["mkfs", "mount", "umount", "growfs"])
            }
            Self::ProbeLies { lie: Lie::Blank } => Target::Named(&["probe", "mkfs"]),
            Self::ProbeLies { .. } => Target::Named(&["probe"]),
            Self::LostShellAnswer | Self::ShellCut { .. } => Target::Shell,
            Self::StaleListings { .. }
            | Self::Unreachable { .. }
            | Self::WrongHost { .. }
            | Self::MachineStops { .. }
            | Self::MachineTerminates { .. }
            | Self::MachineReboots { .. }
            | Self::VolumeFails { .. }
            | Self::Human(_)
            | Self::TightRate { .. }
            | Self::DeniedFor { .. }
            | Self::ShortTokens { .. }
            | Self::VolumeImpaired { .. }
            | Self::SnapshotVanishes { .. }
            | Self::SnapshotBinned { .. }
            | Self::AddressReused { .. }
            | Self::DeviceWrongSize { .. }
            | Self::ZoneOutage { .. }
            | Self::NoRoom { .. }
            | Self::Full { .. }
            | Self::MachineRetires { .. }
            | Self::SpotInterrupts { .. }
            | Self::OddGreeting { .. }
            | Self::Gripped { .. }
            | Self::MountsAtBoot { .. }
            | Self::ForeignContent { .. }
            | Self::SickNode { .. }
            | Self::OperatorClock { .. }
            | Self::ProviderClock { .. }
            | Self::Namesake { .. } => Target::World,
        }
    }
}

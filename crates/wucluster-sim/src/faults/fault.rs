//! Kinds of faults.

use std::time::Duration;

use wucluster_core::ids::{MountKey, NodeName};

use super::cases::{Cut, Denial, Greeting, Grip, Leaves, Lie, Room, Sickness, Tear};
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
    /// A1: requests are limited to so many a second, each name by itself.
    TightRate {
        /// How many.
        per_second: u64,
        /// How long.
        span: Option<Duration>,
    },
    /// A2: this request and the following ones fail with a 5xx before their effect.
    ServerErrors {
        /// How many in all.
        run: u32,
    },
    /// A3: requests of a name, or all of them, are refused.
    DeniedFor {
        /// Why.
        denial: Denial,
        /// Which requests. `None`: all.
        request: Option<String>,
        /// How long.
        span: Option<Duration>,
    },
    /// C1: a request is under way for long. One that takes longer than its caller's patience is
    /// given up, and still lands.
    SlowCall {
        /// How long.
        span: Duration,
        /// Whether before its effect, or after it.
        is_before: bool,
    },
    /// C2: a request is not answered until its caller gives up.
    Hang {
        /// Whether it takes effect.
        takes_effect: bool,
    },
    /// C4: a request takes effect later, whoever is alive then, if it still can.
    DelayedEffect {
        /// How much later.
        span: Duration,
        /// Whether it is confirmed at once, or its answer is lost. What makes something new is
        /// never confirmed before it is made.
        is_answered: bool,
    },
    /// C5: a request lands twice. At once: the answer is that of the repetition.
    Repeated {
        /// How long after the first time.
        after: Duration,
    },
    /// C5: the token of a creation was used before, for something that is no more.
    TokenUsed {
        /// Whether what it was used for is listed as terminated; else the parameters differ.
        is_listed: bool,
    },
    /// T2: tokens are forgotten after a time.
    ShortTokens {
        /// After which time.
        lifetime: Duration,
        /// How long that is so.
        span: Option<Duration>,
    },
    /// C8: a detachment shows `busy` though nothing holds the device.
    StuckBusy {
        /// How long.
        span: Option<Duration>,
    },
    /// C9: a volume's making is confirmed, and it vanishes.
    VolumeVanishes,
    /// C9: a volume's disk takes neither reads nor writes for a time.
    VolumeImpaired {
        /// Which mount's.
        mount: Option<MountKey>,
        /// How long.
        span: Option<Duration>,
    },
    /// C9: a mount's newest snapshot vanishes.
    SnapshotVanishes {
        /// Which mount's.
        mount: Option<MountKey>,
    },
    /// S2: a snapshot stands still on its way.
    SnapshotStuck {
        /// How far it comes. Unit: percent.
        percent: u8,
        /// How long.
        span: Option<Duration>,
    },
    /// S2: a mount's newest snapshot goes to the recycle bin, and comes back after a time.
    SnapshotBinned {
        /// Which mount's.
        mount: Option<MountKey>,
        /// How long. `None`: it stays there.
        span: Option<Duration>,
    },
    /// S3: one request takes two snapshots, and answers with the second.
    SnapshotTwice,
    /// C10: a node's address comes to belong to a stranger's instance, and it gets another one.
    AddressReused {
        /// Which node.
        node: Option<NodeName>,
    },
    /// C11: an attached volume's device is seen late by its node, or only after a reboot.
    DeviceLate {
        /// How much later.
        span: Option<Duration>,
    },
    /// C11: the name under which a device is looked for leads to another one; the node notices.
    DeviceRenamed,
    /// C11: a node sees a device in a wrong size.
    DeviceWrongSize {
        /// Which mount's.
        mount: Option<MountKey>,
        /// How long.
        span: Option<Duration>,
    },
    /// P1: the pages of a listing are torn.
    TornPages {
        /// How.
        tear: Tear,
    },
    /// P2: a zone is out of order. Its machines run on.
    ZoneOutage {
        /// Which one. `None`: the first.
        zone: Option<String>,
        /// How long.
        span: Option<Duration>,
    },
    /// P3: of several requests issued at once the later ones are dropped, and none is answered.
    TornBatch,
    /// K1: there is no room for something for a time.
    NoRoom {
        /// For what.
        room: Room,
        /// How long.
        span: Option<Duration>,
    },
    /// K1: machines cannot be had in a zone, of a type, or of a type in a zone, for a time.
    Full {
        /// In which zone. `None`: in all of them.
        zone: Option<String>,
        /// Of which type. `None`: of any.
        instance_type: Option<String>,
        /// Whether a launch is accepted, and told later by an instance that is terminated instead of running.
        is_told_late: bool,
        /// How long.
        span: Option<Duration>,
    },
    /// K2: an instance is stopped in good order, as when its host is retired.
    MachineRetires {
        /// Which node.
        node: Option<NodeName>,
    },
    /// K2: an instance is terminated after a notice.
    SpotInterrupts {
        /// Which node.
        node: Option<NodeName>,
        /// How long after the notice.
        notice: Duration,
    },
    /// N1: a node's ssh answers, and lets nobody in.
    OddGreeting {
        /// Which node.
        node: Option<NodeName>,
        /// How.
        greeting: Greeting,
        /// How long.
        span: Option<Duration>,
    },
    /// N2: a request to a node is given up by its caller, and arrives later, if the machine still
    /// is the same and runs.
    ShellLate {
        /// How much later.
        span: Duration,
    },
    /// N3: the connection to a node is cut; what was to follow on it is not done.
    ShellCut {
        /// When.
        cut: Cut,
    },
    /// N4: something beside a process holds a volume's device.
    Gripped {
        /// Which mount's.
        mount: Option<MountKey>,
        /// What.
        grip: Grip,
        /// How long.
        span: Option<Duration>,
    },
    /// N5: making a file system fails on its way.
    MkfsFails {
        /// What it leaves.
        leaves: Leaves,
    },
    /// N5: a device turns unreadable for its node just before a file system is made on it.
    DeviceUnreadable {
        /// How long.
        span: Option<Duration>,
    },
    /// N6: after an unmount the node mounts the file system again by itself.
    RemountsItself {
        /// How long after.
        after: Duration,
    },
    /// N6: a node mounts a mount's volume by itself whenever it comes to see its device, from now on.
    MountsAtBoot {
        /// Which mount's.
        mount: Option<MountKey>,
        /// How long that is so.
        span: Option<Duration>,
    },
    /// N7: a look at a node tells something wrong.
    ProbeLies {
        /// What.
        lie: Lie,
    },
    /// N8: a volume that is still blank has something on it.
    ForeignContent {
        /// Which mount's.
        mount: Option<MountKey>,
        /// What, in the words of an examination.
        what: String,
    },
    /// N9: something ails a node.
    SickNode {
        /// Which node.
        node: Option<NodeName>,
        /// What.
        sickness: Sickness,
        /// How long.
        span: Option<Duration>,
    },
    /// T1: the operator's clock is wrong from now on: it leaps, and goes at another rate.
    OperatorClock {
        /// By how much it leaps.
        leap: Duration,
        /// Whether it leaps forward.
        is_ahead: bool,
        /// Whether it leaps under an operator's eyes; else it is wrong for the next one that begins,
        /// from the beginning.
        is_sudden: bool,
        /// How fast it goes. Unit: percent of the true rate.
        rate_percent: u32,
    },
    /// T3: the provider's timestamps are off.
    ProviderClock {
        /// By how much.
        offset: Duration,
        /// Whether they are ahead.
        is_ahead: bool,
    },
    /// F3: somebody else's cluster of the same name comes to be in the account, with a node and a
    /// mount of the same names.
    Namesake {
        /// Whose mount and node.
        mount: Option<MountKey>,
    },
}

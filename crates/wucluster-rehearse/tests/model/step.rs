//! One step of the small world.

use super::cloud::Listing;

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The operator looks at the cloud, and plans.
    Look,
    /// The operator looks, and one kind of listing is as old as its last look.
    LookAtOlder(Listing),
    /// The operator asks a node, and plans.
    Probe(u8),
    /// A request takes effect and is answered; the operator plans.
    Answer(u8),
    /// A request takes effect, and its answer is lost; the operator plans.
    AnswerLost(u8),
    /// A request's answer is lost, and its effect is yet to come; the operator plans.
    EffectLate(u8),
    /// The late request takes effect.
    LateEffect,
    /// The late request never takes effect.
    LateVanishes,
    /// The operator dies and is started again.
    Crash,
    /// The other demand takes the place of this one.
    Flip,
    /// An instance moves on.
    Instance(u8),
    /// A terminated instance leaves the listings.
    Forget(u8),
    /// A volume is made, or is gone.
    Volume(u8),
    /// An attachment moves on.
    Attachment(u8),
    SnapshotCompletes(u8, u8),
    SnapshotFails(u8, u8),
    /// The user writes; it stays in memory.
    Write(u8),
    /// What is in memory reaches the disk.
    Writeback(u8),
    Reboot(u8),
    Dies(u8),
    Falls(u8),
    Speaks(u8),
    Works(u8),
    Rests(u8),
    Pins(u8),
    Unpins(u8),
    LooksBlank(u8),
    HumanStops(u8),
    HumanDetaches(u8),
    HumanAttaches(u8),
    HumanDeletesSnapshot(u8, u8),
}

impl Step {
    pub fn is_fault(self) -> bool {
        match self {
            Self::LookAtOlder(_)
            | Self::AnswerLost(_)
            | Self::EffectLate(_)
            | Self::Crash
            | Self::SnapshotFails(..)
            | Self::Reboot(_)
            | Self::Dies(_)
            | Self::Falls(_)
            | Self::Works(_)
            | Self::Pins(_)
            | Self::LooksBlank(_)
            | Self::HumanStops(_)
            | Self::HumanDetaches(_)
            | Self::HumanAttaches(_)
            | Self::HumanDeletesSnapshot(..) => true,
            Self::Look
            | Self::Probe(_)
            | Self::Answer(_)
            | Self::LateEffect
            | Self::LateVanishes
            | Self::Flip
            | Self::Instance(_)
            | Self::Forget(_)
            | Self::Volume(_)
            | Self::Attachment(_)
            | Self::SnapshotCompletes(..)
            | Self::Write(_)
            | Self::Writeback(_)
            | Self::Speaks(_)
            | Self::Rests(_)
            | Self::Unpins(_) => false,
        }
    }
}

//! Kinds of harm, each a rule that no request may break.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the kinds of harm with their invariants, words and sentences.
macro_rules! harms {
    ($($kind:ident $invariant:literal $word:literal $sentence:literal;)+) => {
        /// Kinds of [`Harm`](super::Harm).
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum HarmKind {
            $(#[doc = concat!($invariant, ": ", $sentence)] $kind,)+
        }

        impl HarmKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// Returns the word of the rule that it breaks.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word,)+ }
            }

            /// Returns the invariant that it breaks, such as `I1`.
            #[must_use]
            pub const fn invariant(self) -> &'static str {
                match self { $(Self::$kind => $invariant,)+ }
            }
        }
    };
}

harms! {
    DeletedUnsaved "I1" "deleted-unsaved"
        "A volume was deleted, and no complete snapshot holds what was on it.";
    DeletedWithInstance "I3" "deleted-with-instance"
        "A volume was deleted with the instance that it was attached to.";
    DetachedWhileMounted "I4" "detached-while-mounted"
        "A detachment was asked for while a living machine had the file system mounted.";
    TerminatedWhileMounted "I2" "terminated-while-mounted"
        "A termination was asked for while the machine had a volume mounted.";
    StoppedWhileMounted "I2" "stopped-while-mounted"
        "A stop was asked for while the machine had a volume mounted.";
    FormattedOverContent "I5" "formatted-over-content"
        "A file system was made over content.";
    TwoInstances "I7" "two-instances"
        "A second living instance was made for one node.";
    TwoVolumes "I7" "two-volumes"
        "A second living volume was made for one mount.";
    TouchedForeign "I8" "touched-foreign"
        "A request changed something that does not carry the right tags.";
    RestoredOlder "I9" "restored-older"
        "A volume was made from an older snapshot than the newest one of its mount.";
    BlankDespiteData "I9" "blank-despite-data"
        "A blank volume was made for a mount that has data.";
    WrongNode "I6" "wrong-node"
        "A volume was attached to, or mounted in, another node than its own.";
    DeletedSnapshot "I10" "deleted-snapshot"
        "A snapshot was deleted that holds the newest data of its mount, or alone what is on a volume.";
    Remade "I14" "remade"
        "A volume was made smaller, elsewhere, or of another file system than what it takes the place of.";
}

impl fmt::Display for HarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl HarmKind {
    /// What nobody could have known about snapshots that were there at the look.
    pub(in crate::world) const OF_LOST_SNAPSHOTS: &'static [Self] =
        &[Self::DeletedUnsaved, Self::BlankDespiteData, Self::RestoredOlder];
    /// What nobody could have known about mounts that were not there at the look.
    pub(in crate::world) const OF_MOUNTS: &'static [Self] = &[
        Self::DetachedWhileMounted,
        Self::TerminatedWhileMounted,
        Self::StoppedWhileMounted,
        Self::DeletedUnsaved,
    ];
    /// What nobody could have known about devices that nothing held at the look.
    pub(in crate::world) const OF_HOLDERS: &'static [Self] =
        &[Self::DetachedWhileMounted, Self::TerminatedWhileMounted, Self::StoppedWhileMounted];
    /// What nobody could have known about tags that were others at the look.
    pub(in crate::world) const OF_TAGS: &'static [Self] = &[
        Self::TouchedForeign,
        Self::WrongNode,
        Self::TwoInstances,
        Self::TwoVolumes,
        Self::BlankDespiteData,
        Self::RestoredOlder,
    ];
}

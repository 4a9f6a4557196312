//! Digests of what happened, to compare two histories or two contents at a glance.

use serde::{Deserialize, Serialize};

/// A running digest of 64 bits (FNV-1a); not for security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Digest(u64);

impl Digest {
    /// Starts a digest.
    pub(crate) fn new(seed: u64) -> Self {
        Self(0xcbf2_9ce4_8422_2325 ^ crate::rng::mix(seed))
    }

    /// Returns the digest with `text` added, and its end marked.
    #[must_use]
    pub(crate) fn with(self, text: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(step(text.bytes().fold(self.0, step), 0xff))
    }

    /// Returns the value.
    pub(crate) fn value(self) -> u64 {
        crate::rng::mix(self.0)
    }
}

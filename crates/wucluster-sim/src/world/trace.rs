//! The history of a world: each request and each event, as text and as a digest.

use serde::{Deserialize, Serialize};

use super::state::World;
use crate::digest::Digest;

/// What happened, line by line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Trace {
    lines: Vec<String>,
    is_kept: bool,
    digest: Digest,
}

impl Default for Trace {
    fn default() -> Self {
        Self { lines: Vec::new(), is_kept: false, digest: Digest::new(0) }
    }
}

impl Trace {
    pub(super) fn keeps_text(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }
}

impl World {
    pub(super) fn note(&mut self, what: impl Into<String>) {
        let line = format!("{} {}", self.now.since(super::state::EPOCH).as_millis(), what.into());
        self.trace.digest = self.trace.digest.with(&line);
        if self.trace.is_kept {
            self.trace.lines.push(line);
        }
    }

    /// Lists what happened, each line beginning with the milliseconds since [`EPOCH`](super::EPOCH).
    #[must_use]
    pub fn trace(&self) -> &[String] {
        &self.trace.lines
    }

    /// Returns a digest of all that happened: equal for equal histories.
    #[must_use]
    pub fn trace_digest(&self) -> u64 {
        self.trace.digest.value()
    }
}

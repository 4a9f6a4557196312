//! A drive as JSON lines on standard output: the same records as the journal's.

use std::io::Write as _;

use wucluster_engine::EngineEvent;

/// Writes events as JSON lines.
#[derive(Debug, Default)]
pub(crate) struct Jsonl {
    /// Whether the reader went away.
    pub(crate) is_closed: bool,
}

impl Jsonl {
    /// Writes an event.
    pub(crate) fn event(&mut self, event: &EngineEvent) {
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        self.is_closed |= stdout.write_all(&line).and_then(|()| stdout.flush()).is_err();
    }
}

//! A drive as lines on standard error, with a sign of life when nothing changes.

use std::io::Write as _;
use std::time::Duration;

use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind, Progress};

use super::About;
use crate::render::look::Look;
use crate::render::plain::Lines;

/// Longest silence.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Writes a line for each change.
pub(crate) struct LineByLine {
    about: About,
    lines: Lines,
    look: Look,
    progress: Option<Progress>,
    /// Changes before the first progress.
    early: Vec<(Timestamp, String)>,
    spoke_at: Timestamp,
}

impl LineByLine {
    /// Makes the writer.
    pub(crate) fn new(about: About, look: Look) -> Self {
        let lines =
            Lines { cluster: about.cluster.clone(), run: about.run, is_verbose: about.is_verbose };
        Self { spoke_at: about.started, lines, about, look, progress: None, early: Vec::new() }
    }

    /// Writes an event, if it is worth a line.
    pub(crate) fn event(&mut self, event: &EngineEvent) {
        if let EventKind::Planned(progress) = &event.kind {
            if self.progress.is_none() {
                let first = self.lines.first(event.at, self.about.demand, progress, &self.look);
                self.say(event.at, &first);
                self.say_early();
            }
            self.progress = Some(progress.clone());
        } else if let Some(line) = self.lines.event(event, &self.look) {
            // What changes while it is still being found out where everything is comes below that.
            let is_early = self.progress.is_none();
            if is_early && matches!(event.kind, EventKind::Changed { .. }) {
                self.early.push((event.at, line));
            } else {
                self.say(event.at, &line);
            }
        }
    }

    fn say_early(&mut self) {
        for (at, line) in std::mem::take(&mut self.early) {
            self.say(at, &line);
        }
    }

    /// Gives a sign of life after a long silence.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if now.since(self.spoke_at) < SILENCE_MAX {
            return;
        }
        if let Some(progress) = &self.progress {
            let line = self.lines.heartbeat(now, progress, &self.look);
            self.say(now, &line);
        }
    }

    /// Writes the last line.
    pub(crate) fn finish(
        &mut self,
        word: &str,
        progress: Option<&Progress>,
        now: Timestamp,
        took: Duration,
    ) {
        self.say_early();
        let line = self.lines.last(now, word, progress, took, &self.look);
        self.say(now, &line);
    }

    fn say(&mut self, now: Timestamp, line: &str) {
        self.spoke_at = now;
        // Nobody to read it is no reason to stop driving.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

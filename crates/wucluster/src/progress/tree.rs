//! A drive as a tree that is repainted in place, on standard error.

use std::collections::BTreeMap;
use std::io::Write as _;

use wucluster_core::ids::Subject;
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind, Progress};

use super::About;
use crate::output::size;
use crate::render::look::Look;
use crate::render::plain::{Lines, due_answers};
use crate::render::text::cut;
use crate::render::tree::{Scene, tree};

/// Height of a screen that does not tell. Unit: lines.
const HEIGHT_DEFAULT: usize = 24;

/// What the last line says while all is well.
const FOOTER: &str = "Ctrl-C stops asking; nothing is undone.";

/// Paints the tree.
pub(crate) struct LiveTree {
    about: About,
    look: Look,
    lines: Lines,
    progress: Option<Progress>,
    since: BTreeMap<Subject, Timestamp>,
    footer: String,
    verdict: Option<String>,
    frame: usize,
    /// How many lines of the screen are ours now.
    painted: usize,
}

impl LiveTree {
    /// Makes the painter; nothing is painted yet.
    pub(crate) fn new(about: About, look: Look) -> Self {
        let lines =
            Lines { cluster: about.cluster.clone(), run: about.run, is_verbose: about.is_verbose };
        Self {
            about,
            look,
            lines,
            progress: None,
            since: BTreeMap::new(),
            footer: FOOTER.to_owned(),
            verdict: None,
            frame: 0,
            painted: 0,
        }
    }

    /// Takes an event. What went wrong is written above the tree, where it stays.
    pub(crate) fn event(&mut self, event: &EngineEvent) {
        match &event.kind {
            EventKind::Planned(progress) => {
                self.progress = Some(progress.clone());
                self.paint(event.at);
            }
            EventKind::Changed { subject, .. } => {
                self.since.insert(subject.clone(), event.at);
            }
            EventKind::Stopping { due } => {
                self.footer =
                    format!("no new requests; {}. Ctrl-C again leaves now.", due_answers(*due));
                self.paint(event.at);
            }
            // Of failures in a row the first is enough here; the hold tells the rest.
            EventKind::Failed { times, .. } if *times == 1 || self.about.is_verbose => {
                self.above(event);
            }
            EventKind::LookFailed { .. } | EventKind::PassedOver { .. } => self.above(event),
            EventKind::Asked { .. } | EventKind::Answered { .. } if self.about.is_verbose => {
                self.above(event);
            }
            EventKind::Started { .. }
            | EventKind::Asked { .. }
            | EventKind::Answered { .. }
            | EventKind::Failed { .. }
            | EventKind::Held(_)
            | EventKind::Released { .. }
            | EventKind::DataSeen { .. }
            | EventKind::Recorded(_)
            | EventKind::Carried { .. }
            | EventKind::Finished { .. } => {}
        }
    }

    fn above(&mut self, event: &EngineEvent) {
        let Some(line) = self.lines.event(event, &self.look) else { return };
        self.clear();
        let line = if self.about.is_verbose {
            line
        } else {
            cut(&line, self.look.width.saturating_sub(1), &self.look)
        };
        write(&format!("{line}\n"));
        self.paint(event.at);
    }

    /// Paints a frame over the last one, in a single write.
    pub(crate) fn paint(&mut self, now: Timestamp) {
        self.frame = self.frame.wrapping_add(1);
        let (columns, height) =
            size(std::io::stderr()).unwrap_or((self.look.width, HEIGHT_DEFAULT));
        self.look.width = columns.clamp(40, 250);
        let empty = Vec::new();
        let scene = Scene {
            cluster: &self.about.cluster,
            demand: self.about.demand,
            run: (self.about.run > 0).then_some(self.about.run),
            rows: self.progress.as_ref().map_or(&empty, |progress| &progress.rows),
            requests: self.progress.as_ref().map_or(0, |progress| progress.requests),
            started: self.about.started,
            now,
            since: &self.since,
            places: &self.about.places,
            frame: self.frame,
            height: if height == 0 { HEIGHT_DEFAULT } else { height },
            verdict: self.verdict.as_deref(),
            footer: &self.footer,
        };
        let lines = tree(&scene, &self.look);
        let mut text = self.back();
        for line in &lines {
            // Each line is wiped as it is written: a frame never flickers through an empty screen.
            text.push_str("\r\u{1b}[2K");
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("\u{1b}[J");
        self.painted = lines.len();
        write(&text);
    }

    /// Takes the tree off the screen.
    pub(crate) fn clear(&mut self) {
        let text = format!("{}\r\u{1b}[J", self.back());
        self.painted = 0;
        write(&text);
    }

    /// Paints the last frame, which stays. `verdict`: what to say in place of success.
    pub(crate) fn finish(
        &mut self,
        verdict: Option<&str>,
        progress: Option<&Progress>,
        now: Timestamp,
    ) {
        if let Some(progress) = progress {
            self.progress = Some(progress.clone());
        }
        self.verdict = verdict.map(str::to_uppercase);
        self.footer = String::new();
        self.paint(now);
    }

    fn back(&self) -> String {
        if self.painted > 0 { format!("\u{1b}[{}A", self.painted) } else { String::new() }
    }
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // A terminal that went away is no reason to stop driving.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

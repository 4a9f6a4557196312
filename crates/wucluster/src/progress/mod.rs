//! How a drive is shown while it runs.

mod counter;
mod jsonl;
mod lines;
mod tree;

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::MountKey;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, Progress};

use crate::args::{Globals, ProgressKind};
use crate::commands::part;
use crate::output::Output;

pub(crate) use counter::Counter;
use jsonl::Jsonl;
use lines::LineByLine;
use tree::LiveTree;

/// What all ways of showing a drive need to know.
#[derive(Debug, Clone)]
pub(crate) struct About {
    /// The cluster's name, with the part of it that is driven.
    pub(crate) cluster: String,
    /// Where it is driven.
    pub(crate) demand: Demand,
    /// The number of the run; 0 when it has no journal.
    pub(crate) run: u64,
    /// When the drive began.
    pub(crate) started: Timestamp,
    /// Where each mount is mounted.
    pub(crate) places: BTreeMap<MountKey, String>,
    /// Whether requests are told too.
    pub(crate) is_verbose: bool,
}

impl About {
    /// Describes a drive.
    pub(crate) fn new(
        definition: &ClusterDefinition,
        scope: &Scope,
        demand: Demand,
        run: u64,
        started: Timestamp,
        is_verbose: bool,
    ) -> Self {
        Self {
            cluster: part::named(&definition.name, scope),
            demand,
            run,
            started,
            places: definition.mounts().map(|(key, mount)| (key, mount.at.clone())).collect(),
            is_verbose,
        }
    }
}

/// A way of showing a drive.
pub(crate) enum Reporter {
    /// A tree, repainted in place.
    Tree(LiveTree),
    /// A line for each change.
    Lines(LineByLine),
    /// Each event as a JSON line.
    Jsonl(Jsonl),
    /// Nothing.
    Quiet,
}

impl Reporter {
    /// Chooses the way.
    pub(crate) fn new(globals: &Globals, output: &Output, about: About) -> Self {
        let tree = |about| Self::Tree(LiveTree::new(about, output.err.clone()));
        let lines = |about| Self::Lines(LineByLine::new(about, output.err.clone()));
        match globals.progress {
            _ if globals.json => Self::Jsonl(Jsonl::default()),
            _ if globals.quiet => Self::Quiet,
            ProgressKind::Auto if output.is_err_terminal => tree(about),
            ProgressKind::Auto | ProgressKind::Plain => lines(about),
            ProgressKind::Tty => tree(about),
            ProgressKind::Jsonl => Self::Jsonl(Jsonl::default()),
            ProgressKind::Quiet => Self::Quiet,
        }
    }

    /// Makes the way that programs read.
    pub(crate) fn jsonl() -> Self {
        Self::Jsonl(Jsonl::default())
    }

    /// Shows an event.
    pub(crate) fn event(&mut self, event: &EngineEvent) {
        match self {
            Self::Tree(tree) => tree.event(event),
            Self::Lines(lines) => lines.event(event),
            Self::Jsonl(jsonl) => jsonl.event(event),
            Self::Quiet => {}
        }
    }

    /// Moves on with time: repaints, or gives a sign of life.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        match self {
            Self::Tree(tree) => tree.paint(now),
            Self::Lines(lines) => lines.tick(now),
            Self::Jsonl(_) | Self::Quiet => {}
        }
    }

    /// Makes room for words that others write to standard error.
    pub(crate) fn step_aside(&mut self) {
        if let Self::Tree(tree) = self {
            tree.clear();
        }
    }

    /// Shows the last state. `word`: how it ended, such as `launched` or `HELD`.
    pub(crate) fn finish(
        &mut self,
        word: &str,
        is_reached: bool,
        progress: Option<&Progress>,
        now: Timestamp,
        took: Duration,
    ) {
        match self {
            Self::Tree(tree) => tree.finish((!is_reached).then_some(word), progress, now),
            Self::Lines(lines) => lines.finish(word, progress, now, took),
            Self::Jsonl(_) | Self::Quiet => {}
        }
    }

    /// Says whether nobody reads any more what is shown.
    pub(crate) fn is_unheard(&self) -> bool {
        matches!(self, Self::Jsonl(jsonl) if jsonl.is_closed)
    }

    /// Says whether results go to standard output as sentences.
    pub(crate) fn has_sentences(&self) -> bool {
        !matches!(self, Self::Jsonl(_) | Self::Quiet)
    }
}

//! `log`: what one run did, and what keeps the data of what it deleted.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use wucluster_core::action::{Action, CloudAction};
use wucluster_core::ids::{SnapshotId, Subject};
use wucluster_engine::store::journal::{self, RunJournal};
use wucluster_engine::store::lease::{self, Lease, LeaseEnd, Newest, TookOver};
use wucluster_engine::store::objects::Objects;
use wucluster_engine::{EngineEvent, EventKind};

use super::Session;
use super::history::open;
use crate::args::LogArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::operator::is_gone;
use crate::output::Output;
use crate::render::plain::Lines;
use crate::render::table::{Cell, Column, Table};
use crate::render::text::clean;
use crate::render::words::{count, moment, span};
use crate::signals::Interrupts;
use crate::store::ClusterStore;

/// Pause between two looks of `--follow`.
const PAUSE: Duration = Duration::from_millis(500);

/// Tells what one run did.
pub(crate) async fn log(session: &Session, args: &LogArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let (store, _) = open(session)?;
    let objects = store.objects().as_ref();
    let Some((lease, mut end)) = find(objects, args.run).await? else {
        output.aside("Nobody has driven this cluster so far.\n");
        return Ok(Exit::Done);
    };
    let run = lease.run;
    let mut interrupts = Interrupts::listen()?;
    let mut teller = Teller::new(output, run, lines(session, &store, run));
    if !output.is_json {
        output.result(&head(&lease, output));
    }
    let mut seen = 0;
    loop {
        let journal = journal::read(objects, run, seen).await?;
        seen = journal.seq;
        teller.tell(&journal)?;
        let goes_on = end.is_none() && journal.damage.is_none() && !is_gone(&lease.operator);
        if !(args.follow && goes_on) {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = interrupts.next() => return Ok(Exit::Interrupted),
        }
        end = lease::end_of(objects, run).await?;
    }
    teller.ledger(end.as_ref());
    Ok(Exit::Done)
}

/// Finds a run, the last one where none is named; `None` where there was none at all.
///
/// # Errors
/// When the store cannot be read, or there was no such run.
pub(super) async fn find(
    objects: &dyn Objects,
    run: Option<u64>,
) -> Result<Option<(Lease, Option<LeaseEnd>)>, Fault> {
    let run = match (run, lease::newest(objects).await?) {
        (Some(run), _) => run,
        (None, Newest::Ended(lease, _)) => lease.run,
        (None, Newest::Held(held)) => held.lease.run,
        (None, Newest::None) => return Ok(None),
    };
    match lease::one(objects, run).await? {
        Some(found) => Ok(Some(found)),
        None => Err(Fault::usage(format!("there was no run {run}"))
            .hint("`wucluster history --all` lists all")),
    }
}

/// Returns the cluster's name, as the store has it.
pub(super) fn cluster_of(store: &ClusterStore) -> String {
    store.folder().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes whose lease was taken over, and why; `None` where it was free.
pub(crate) fn took_over(lease: &Lease) -> Option<String> {
    Some(match lease.took_over.as_ref()? {
        TookOver::Gone { run } => format!("run {run} was ended from outside"),
        TookOver::Silent { run, watched } => {
            format!("took over from run {run}, silent for {}", span(*watched))
        }
    })
}

fn lines(session: &Session, store: &ClusterStore, run: u64) -> Lines {
    Lines { cluster: cluster_of(store), run, is_verbose: !session.output.is_quiet }
}

fn head(lease: &Lease, output: &Output) -> String {
    let look = &output.out;
    let who = clean(&lease.operator.who);
    let command = clean(&lease.purpose.command);
    let began = moment(lease.since, look);
    let took_over = took_over(lease).map_or_else(String::new, |how| format!("; {how}"));
    format!("run {}: {command}, by {who}, {began}{took_over}\n", lease.run)
}

/// Tells events, and keeps what was deleted.
struct Teller<'a> {
    output: &'a Output,
    run: u64,
    lines: Lines,
    /// What was asked to be deleted, with what keeps its data, until it is refused.
    deleted: BTreeMap<(Subject, String), Option<SnapshotId>>,
    /// Of whom which deletions are to be answered, in the order of asking.
    due: BTreeMap<(Subject, String), VecDeque<String>>,
    /// Which was answered last: a failure that answers nothing says that it had no effect.
    answered: BTreeMap<(Subject, String), String>,
}

impl<'a> Teller<'a> {
    fn new(output: &'a Output, run: u64, lines: Lines) -> Self {
        let (deleted, due, answered) = Default::default();
        Self { output, run, lines, deleted, due, answered }
    }

    fn tell(&mut self, journal: &RunJournal) -> Result<(), Fault> {
        for event in &journal.events {
            self.keep(event);
            if self.output.is_json {
                let line = serde_json::to_string(event)
                    .map_err(|error| Fault::failed(format!("cannot write JSON: {error}")))?;
                self.output.result(&format!("{line}\n"));
            } else if let Some(line) = self.lines.event(event, &self.output.out) {
                self.output.result(&format!("{line}\n"));
            }
        }
        if let Some(damage) = &journal.damage {
            self.output.warn(format!("the rest of run {} cannot be read: {damage}", self.run));
        }
        Ok(())
    }

    fn keep(&mut self, event: &EngineEvent) {
        match &event.kind {
            EventKind::Asked { action: Action::Cloud(action), name, .. } => {
                let (id, kept_by) = match action {
                    CloudAction::DeleteSnapshot { snapshot, kept_by, .. } => {
                        (snapshot.to_string(), Some(kept_by.clone()))
                    }
                    CloudAction::DeleteVolume { volume, kept_by, .. } => {
                        (volume.to_string(), kept_by.clone())
                    }
                    CloudAction::TerminateInstance { instance, .. } => (instance.to_string(), None),
                    _ => return,
                };
                let asked = (action.subject(), name.clone());
                self.due.entry(asked).or_default().push_back(id.clone());
                self.deleted.insert((action.subject(), id), kept_by);
            }
            EventKind::Answered { subject, name, .. } => {
                let key = (subject.clone(), name.clone());
                if let Some(id) = self.due.get_mut(&key).and_then(VecDeque::pop_front) {
                    self.answered.insert(key, id);
                }
            }
            EventKind::Failed { subject, name, .. } => {
                let key = (subject.clone(), name.clone());
                let due = self.due.get_mut(&key).and_then(VecDeque::pop_front);
                if let Some(id) = due.or_else(|| self.answered.remove(&key)) {
                    self.deleted.remove(&(subject.clone(), id));
                }
            }
            _ => {}
        }
    }

    /// Tells what was deleted and what keeps it, and how the run ended.
    fn ledger(&self, end: Option<&LeaseEnd>) {
        if self.output.is_json {
            return;
        }
        if !self.deleted.is_empty() {
            let mut table = Table::new([
                Column::new("DELETED"),
                Column::new("ID"),
                Column::new("KEPT SAFE BY"),
            ]);
            for ((subject, id), kept_by) in &self.deleted {
                let kept = match (subject, kept_by) {
                    (_, Some(snapshot)) => snapshot.to_string(),
                    (Subject::Mount(_), None) => "nothing: it never held any data".to_owned(),
                    (_, None) => "root disk not kept".to_owned(),
                };
                table.row([Cell::new(subject.to_string()), Cell::new(id), Cell::new(kept)]);
            }
            self.output.result(&format!("\n{}", table.render(&self.output.out)));
        }
        let how = match end {
            Some(end) => {
                let requests = usize::try_from(end.requests).unwrap_or(usize::MAX);
                format!("{}, {}", end.outcome, count(requests, "request"))
            }
            None => "no end recorded".to_owned(),
        };
        self.output.result(&format!("run {} {how}\n", self.run));
    }
}

//! `checkpoint`: takes snapshots of the running cluster, of one moment.

use std::time::Duration;

use serde::Serialize;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{ClusterName, MountKey, SnapshotId};
use wucluster_core::interlock::checkpoint::{CheckpointSet, checkpoints, next_number};
use wucluster_core::interlock::{Hold, Refusal};
use wucluster_core::observation::{Observation, SnapshotState};
use wucluster_core::planner::Ask;
use wucluster_core::tags::StoreMark;
use wucluster_core::time::Timestamp;
use wucluster_engine::store::identity;
use wucluster_engine::store::lease::Purpose;
use wucluster_engine::{
    CheckpointError, Checkpointed, Checkpointing, EngineEvent, EventKind, Stop,
};

use super::{Session, lock, part};
use crate::args::CheckpointArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::hold::holds;
use crate::render::words::count;
use crate::signals::Interrupts;
use crate::site::Site;

/// How long a node may take to answer where it is only shown what would be frozen.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    read_at: Timestamp,
    /// Whether it was only shown.
    is_dry_run: bool,
    /// Its number, or the one that it would have.
    number: u64,
    /// Whether all of it is there, complete, and of when everything stood still.
    is_whole: bool,
    /// For how long anything stood still.
    stood_still_ms: u64,
    mounts: Vec<MountRow>,
    /// Mounts that are away: there is nothing of them to be frozen.
    away: &'a [MountKey],
    /// What went wrong.
    failures: Vec<Failure>,
    held: Vec<Hold>,
}

#[derive(Serialize)]
struct MountRow {
    mount: MountKey,
    snapshot: Option<SnapshotId>,
    state: Option<SnapshotState>,
}

#[derive(Serialize)]
struct Failure {
    subject: String,
    why: String,
}

/// Takes a checkpoint.
pub(crate) async fn checkpoint(session: &Session, args: &CheckpointArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let scope = part::scope(&site, &definition, &args.only, Demand::Mounted).await?;
    let told = Told { session, cluster: &definition.name };
    if args.dry_run {
        let observation = site.look(&definition, Ask::For(Demand::Mounted), PATIENCE).await?;
        let left = site.store.left().await?;
        let own = identity::read(site.store.objects().as_ref()).await?;
        let own = own.unwrap_or_else(|| StoreMark::new("", 0, ""));
        let job = Checkpointing {
            definition: &definition,
            records: &left.records,
            phases: &left.log.phases,
            store: &own,
            scope: &scope,
            limit: args.freeze_limit,
        };
        let number = next_number(&observation);
        return match job.targets(&site.engine(), &observation) {
            Ok((targets, away)) => {
                let mounts = targets.into_iter().map(|one| one.mount).collect();
                told.shown(number, mounts, &away, observation.cloud_asked_at)
            }
            Err(error) => told.refused(number, error, site.now(), true),
        };
    }
    lock::glance(session, &site, "checkpoint").await?;
    let mut interrupts = Interrupts::listen()?;
    let command = std::iter::once("checkpoint".to_owned());
    let command = command.chain(scope.words().into_iter().map(|word| format!("--only {word}")));
    let purpose = Purpose {
        command: command.collect::<Vec<_>>().join(" "),
        demand: None,
        only: scope.words(),
    };
    let taken = lock::take(session, &site, purpose).await?;
    let (tenure, records) = lock::begin(&site, taken).await?;
    let job = Checkpointing {
        definition: &definition,
        records: &records,
        phases: tenure.phases(),
        store: tenure.store(),
        scope: &scope,
        limit: args.freeze_limit,
    };
    let (stopper, stop) = Stop::new();
    let is_silent = output.is_quiet || output.is_json;
    let mut said = 0;
    let mut emit = |event: &EngineEvent| {
        if !is_silent && let Some(text) = step(event, &mut said) {
            output.aside(text);
        }
    };
    let result = {
        let engine = site.engine();
        let run = engine.checkpoint(&job, &tenure, stop, session.globals.timeout, &mut emit);
        tokio::pin!(run);
        loop {
            tokio::select! {
                result = &mut run => break result,
                () = interrupts.next() => stopper.stop(),
            }
        }
    };
    let is_whole = result.as_ref().is_ok_and(Checkpointed::is_whole);
    let requests = result.as_ref().map_or(0, |done| done.requests);
    lock::end(&site, &tenure, if is_whole { "taken" } else { "failed" }, requests).await;
    match result {
        Ok(done) => told.taken(&done, site.now()),
        Err(CheckpointError::Cloud(error)) => Err(error.into()),
        Err(CheckpointError::Dismissed(dismissed)) => Err(dismissed.into()),
        Err(error) => told.refused(0, error, site.now(), false),
    }
}

/// Says where it is, at the first request of each kind.
fn step(event: &EngineEvent, said: &mut u8) -> Option<&'static str> {
    let EventKind::Asked { name, .. } = &event.kind else { return None };
    let (number, text) = match name.as_str() {
        "freeze" => (1, "freezing the file systems\n"),
        "CreateSnapshot" => (2, "everything stands still; beginning the snapshots\n"),
        "thaw" => (3, "thawing the file systems\n"),
        "CreateTags" => (4, "waiting for the snapshots\n"),
        _ => return None,
    };
    (*said < number).then(|| {
        *said = number;
        text
    })
}

/// Finds a whole checkpoint.
///
/// # Errors
/// A usage fault that lists those there are; [`Exit::Held`] where it is not whole.
pub(crate) fn whole(number: u64, observation: &Observation) -> Result<CheckpointSet, Fault> {
    let all = checkpoints(observation);
    let whole = all.iter().filter(|set| set.is_whole());
    let names: Vec<String> = whole.map(|set| set.number.to_string()).collect();
    let hint = match names.as_slice() {
        [] => "`wucluster checkpoint` takes one of a running cluster".to_owned(),
        names => format!("there are {}; see `wucluster snapshots`", names.join(", ")),
    };
    match all.into_iter().find(|set| set.number == number) {
        Some(set) if set.is_whole() => Ok(set),
        Some(_) => {
            let what = format!("checkpoint {number} is not whole; nothing was asked");
            Err(Fault::new(Exit::Held, what).hint(hint))
        }
        None => {
            let what = format!("there is no checkpoint {number}; nothing was asked");
            Err(Fault::usage(what).hint(hint))
        }
    }
}

/// How the command tells what it did.
struct Told<'a> {
    session: &'a Session,
    cluster: &'a ClusterName,
}

impl Told<'_> {
    /// Tells what would be frozen.
    fn shown(
        &self,
        number: u64,
        mounts: Vec<MountKey>,
        away: &[MountKey],
        read_at: Timestamp,
    ) -> Result<Exit, Fault> {
        let output = &self.session.output;
        if output.is_json {
            let row = |mount| MountRow { mount, snapshot: None, state: None };
            let mut document = self.document(number, read_at);
            (document.is_dry_run, document.away) = (true, away);
            document.mounts = mounts.into_iter().map(row).collect();
            output.json(&document)?;
            return Ok(Exit::Done);
        }
        let freezes = count(mounts.len(), "mount");
        let mut text = format!("checkpoint {number} of {} would freeze {freezes}:\n", self.cluster);
        for mount in &mounts {
            text.push_str(&format!("  {mount}\n"));
        }
        output.result(&(text + &left_out(away)));
        Ok(Exit::Done)
    }

    /// Tells why nothing was frozen.
    fn refused(
        &self,
        number: u64,
        error: CheckpointError,
        now: Timestamp,
        is_dry_run: bool,
    ) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let refusals = match error {
            CheckpointError::Refused(refusals) => refusals,
            CheckpointError::Cloud(error) => return Err(error.into()),
            CheckpointError::Dismissed(dismissed) => return Err(dismissed.into()),
            CheckpointError::Nothing => {
                let what = format!("nothing of {} is mounted; nothing was asked", self.cluster);
                return Err(Fault::new(Exit::Held, what)
                    .hint("what is away is kept by its snapshots already: `wucluster snapshots`"));
            }
        };
        let (mut held, mut waits) = (Vec::new(), Vec::new());
        for refusal in refusals {
            match refusal {
                Refusal::First(_, hold) | Refusal::Hold(hold) => {
                    if !held.contains(&*hold) {
                        held.push(*hold);
                    }
                }
                Refusal::Wait(wait) => waits.push((wait.subject.to_string(), wait.what)),
            }
        }
        let failures = waits.iter().cloned().map(|(subject, why)| Failure { subject, why });
        if output.is_json {
            let mut document = self.document(number, now);
            document.is_dry_run = is_dry_run;
            (document.failures, document.held) = (failures.collect(), held);
            output.json(&document)?;
            return Ok(Exit::Held);
        }
        if !held.is_empty() {
            output.aside(&format!("\n{}", holds(&held, &output.err)));
        }
        let mut fault = Fault::new(Exit::Held, "not everything can be frozen; nothing was asked");
        for (subject, why) in &waits {
            fault = fault.hint(format!("{subject}: {why}"));
        }
        Err(fault.hint("take it of the rest:    wucluster checkpoint --only NODE[/MOUNT]"))
    }

    /// Tells what came of it.
    fn taken(&self, done: &Checkpointed, now: Timestamp) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let exit = match (done.is_whole(), done.is_interrupted, done.is_late) {
            (true, _, _) => Exit::Done,
            (false, true, _) => Exit::Interrupted,
            (false, false, true) => Exit::TimedOut,
            (false, false, false) => Exit::Failed,
        };
        if output.is_json {
            let mut document = self.document(done.number, now);
            document.is_whole = done.is_whole();
            document.away = &done.away;
            document.stood_still_ms =
                u64::try_from(done.stood_still.as_millis()).unwrap_or(u64::MAX);
            let row = |one: &wucluster_engine::Taken| MountRow {
                mount: one.mount.clone(),
                snapshot: one.snapshot.clone(),
                state: one.state.clone(),
            };
            document.mounts = done.taken.iter().map(row).collect();
            let failure = |(subject, why): &(wucluster_core::ids::Subject, String)| Failure {
                subject: subject.to_string(),
                why: why.clone(),
            };
            document.failures = done.failures.iter().map(failure).collect();
            output.json(&document)?;
            return Ok(exit);
        }
        let number = done.number;
        if done.is_whole() {
            output.result(&format!(
                "checkpoint {number} of {}: {} of {}, {}; everything stood still for {:.1} s\n{}",
                self.cluster,
                done.taken.len(),
                count(done.taken.len(), "mount"),
                count(done.taken.len(), "snapshot"),
                done.stood_still.as_secs_f64(),
                left_out(&done.away),
            ));
            output.next(&["snapshots"]);
            return Ok(Exit::Done);
        }
        if done.failures.is_empty() {
            let what = format!(
                "checkpoint {number} is not whole yet: its snapshots are still being made, and go on by themselves"
            );
            return Err(Fault::new(exit, what)
                .hint("everything stood still while they were begun, and goes on since")
                .hint("look later:    wucluster snapshots"));
        }
        let mut fault = Fault::new(
            exit,
            format!(
                "checkpoint {number} is none: not all of it is of one moment; no data was touched"
            ),
        );
        for (subject, why) in &done.failures {
            fault = fault.hint(format!("{subject}: {why}"));
        }
        let begun = done.taken.iter().filter_map(|one| one.snapshot.as_ref());
        let begun: Vec<&str> = begun.map(SnapshotId::as_str).collect();
        if !begun.is_empty() {
            fault = fault.hint(format!(
                "of no use, until `prune --checkpoints` deletes them: {}",
                begun.join(", ")
            ));
        }
        Err(fault.hint("take another one:    wucluster checkpoint"))
    }

    fn document(&self, number: u64, read_at: Timestamp) -> Document<'_> {
        Document {
            schema: "wucluster/checkpoint/1",
            cluster: self.cluster,
            read_at,
            is_dry_run: false,
            number,
            is_whole: false,
            stood_still_ms: 0,
            mounts: Vec::new(),
            away: &[],
            failures: Vec::new(),
            held: Vec::new(),
        }
    }
}

/// Says which mounts are left out, as they are away.
fn left_out(away: &[MountKey]) -> String {
    let names: Vec<String> = away.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!("Not of it, as they are away: {}.\n", names.join(", ")),
    }
}

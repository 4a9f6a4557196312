//! `become`, `launch`, `park` and `put-away`: drives the cluster to a state.

use std::collections::BTreeSet;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_core::observation::Observation;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::scope::Scope;
use wucluster_engine::store::Dismissed;
use wucluster_engine::store::lease::Purpose;
use wucluster_engine::{Ending, EngineEvent, EventKind, Outcome, Pursuit, Stop, Stopper};

use super::{Session, admission, confirm, generation, lock, network, part, plan, removed, renamed};
use crate::args::{DriveArgs, PlanArgs, ProgressKind, UpArgs};
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, exit_of};
use crate::output::Output;
use crate::progress::{About, Reporter};
use crate::render::ending::{reached, still_open, tally, under_way, way_back};
use crate::render::hold::{holds, part};
use crate::render::look::Tone;
use crate::render::words::span;
use crate::signals::Interrupts;
use crate::site::{Nodes, Site};

/// Time between two frames of the live tree.
const FRAME: Duration = Duration::from_millis(100);

/// Drives the cluster to a state.
pub(crate) async fn drive(session: &Session, demand: Demand, args: &UpArgs) -> Result<Exit, Fault> {
    if args.drive.dry_run {
        let UpArgs { generation, checkpoint, .. } = *args;
        let (state, only) = (demand, args.drive.only.clone());
        let args = PlanArgs { state, exit_code: false, all: false, only, generation, checkpoint };
        return plan::plan(session, &args).await;
    }
    let definition = session.definition()?;
    if let Some(stranger) = args.lose.iter().find(|key| definition.mount(key).is_none()) {
        return Err(Fault::usage(format!("`--lose {stranger}` names no mount of the definition")));
    }
    let back = generation::back_to(args.generation, args.checkpoint);
    if let Some(back) = back.filter(|_| !demand.is_upward()) {
        return Err(generation::upward_only(back, demand));
    }
    let dirs = Dirs::find()?;
    let site = Site::open(session, &definition, &dirs)?;
    drive_on(session, &site, &definition, &dirs, demand, args).await
}

/// Drives a cluster whose clouds and store are open.
pub(crate) async fn drive_on(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
    dirs: &Dirs,
    demand: Demand,
    args: &UpArgs,
) -> Result<Exit, Fault> {
    let output = &session.output;
    let back = generation::back_to(args.generation, args.checkpoint);
    let mut scope = part::scope(site, definition, &args.drive.only, demand).await?;
    let command = scope.command(demand);
    lock::glance(session, site, &command).await?;
    let mut records = site.store.left().await?.records;
    records.begin(site.clock());
    let mut consent = BTreeSet::new();
    if demand == Demand::Away {
        let observation = site.look_at_cloud(definition).await?;
        let verdict = demand.verdict_in(&scope, definition, &observation, site.now());
        if verdict.is_met()
            && !records.expect_more(site.now(), &site.cloud().limits())
            && !network::is_left(site, &scope).await
        {
            return Ok(already_away(session, definition, &scope, &observation));
        }
        consent = confirm::confirm(session, &definition.name, &scope, &observation, site.now())?;
    }
    if let Some(back) = back {
        generation::confirm(session, site, definition, &scope, back).await?;
    }
    let has_renames = demand.is_upward() && definition.renames().next().is_some();
    if has_renames {
        let observation = site.look_at_cloud(definition).await?;
        let list = renamed::of(definition, &observation);
        if !list.is_empty() && !output.is_quiet && !output.is_json {
            output.aside(&renamed::text(&list));
        }
        let moved = renamed::to_be_separated(definition, &observation, &scope);
        if !moved.is_empty() {
            let only = moved.iter().filter_map(|key| key.to_string().parse().ok()).collect();
            let first = DriveArgs { only, dry_run: false }.into();
            let exit = drive_on(session, site, definition, dirs, Demand::Separated, &first);
            let exit = Box::pin(exit).await?;
            if exit != Exit::Done {
                return Ok(exit);
            }
        }
    }
    let asks_about_removed = demand.is_upward() && removed::can_ask(session);
    if asks_about_removed {
        let observation = site.look_at_cloud_as_renamed(definition).await?;
        let list = removed::of(demand, &scope, &observation);
        if !list.is_empty()
            && let Some(ids) = removed::ask(session, &list, &observation, site.now())?
        {
            consent = ids;
            scope = scope.and_take_away_removed();
        }
    }
    let mut interrupts = Interrupts::listen()?;
    if demand.is_upward() {
        get_ready(site, definition, dirs, output, &mut interrupts).await?;
        network::notes(session, site, definition);
    }
    let is_silent = output.is_quiet
        || output.is_json
        || matches!(session.globals.progress, ProgressKind::Quiet | ProgressKind::Jsonl);
    if let (Nodes::Sim(account), false) = (&site.nodes, is_silent) {
        output.aside(&format!("simulated: nothing is real, and {}\n", account.pace()));
    }
    let purpose = Purpose { command: command.clone(), demand: Some(demand), only: scope.words() };
    let taken = lock::take(session, site, purpose).await?;
    let run = taken.run();
    let mut has_asked = false;
    let (tenure, mut records) = lock::begin(site, taken).await?;
    if let Err(fault) = network::before(session, site, demand).await {
        lock::end(site, &tenure, "held", 0).await;
        return Err(fault);
    }
    if has_renames {
        let engine = site.engine();
        match renamed::rename(session, engine, definition, &scope, &tenure, records).await {
            Ok((known, asked)) => {
                records = known;
                has_asked = asked > 0;
            }
            Err(fault) => {
                lock::end(site, &tenure, "held", 0).await;
                return Err(fault);
            }
        }
    }
    let about = About::new(definition, &scope, demand, run, site.now(), session.globals.verbose);
    let record = Arc::new(Mutex::new(Record {
        reporter: Reporter::new(&session.globals, output, about),
        output: output.clone(),
        has_asked,
    }));
    let pursuit = Pursuit {
        definition: definition.clone(),
        demand,
        policy: Policy {
            consent: Consent::Only(consent),
            lose: args.lose.iter().cloned().collect(),
            scope: scope.clone(),
            generation: args.generation,
            checkpoint: args.checkpoint,
            ..Policy::default()
        },
        timeout: session.globals.timeout,
        wait: session.globals.wait.unwrap_or_default(),
        records,
        tenure: Some(Arc::new(tenure)),
    };
    let begun = site.now();
    let ending = pursue(site, pursuit, &record, &mut interrupts).await;
    let mut again = command;
    if let Some(back) = back {
        again.push_str(&format!(" {}", generation::option(back)));
    }
    let finished = Finished {
        session,
        definition,
        scope: &scope,
        name: part::named(&definition.name, &scope),
        demand,
        again,
        turn_back: way_back(demand, &scope),
        run,
        took: site.now().since(begun),
    };
    let exit = finished.tell(site, &ending, &record)?;
    network::after(session, site, is_silent);
    if let (Some(observation), false, false) = (&ending.observation, asks_about_removed, is_silent)
    {
        let removed = removed::of(demand, &scope, observation);
        if !removed.is_empty() {
            session.output.aside(&removed::stays(&removed, &session.output));
        }
    }
    Ok(exit)
}

/// Says that there is nothing to do; no run is begun for it.
fn already_away(
    session: &Session,
    definition: &ClusterDefinition,
    scope: &Scope,
    observation: &Observation,
) -> Exit {
    let Session { globals, output } = session;
    if output.is_json || globals.progress == ProgressKind::Jsonl {
        let outcome = Outcome::Reached.word().to_owned();
        let requests = u64::from(observation.requests);
        let kind = EventKind::Finished { outcome, requests };
        let event = EngineEvent { at: observation.cloud_asked_at, kind };
        Reporter::jsonl().event(&event);
    } else if !output.is_quiet {
        let name = part::named(&definition.name, scope);
        let seen = Some((scope, observation));
        output.result(&reached(&name, Demand::Away, 0, true, seen, 0, Duration::ZERO));
        output.next(&["launch", "snapshots"]);
    }
    Exit::Done
}

/// Drives, painting frames in between and heeding interrupts.
async fn pursue(
    site: &Site,
    pursuit: Pursuit,
    record: &Arc<Mutex<Record>>,
    interrupts: &mut Interrupts,
) -> Ending {
    let (stopper, stop) = Stop::new();
    let mut emit = {
        let record = Arc::clone(record);
        move |event: &EngineEvent| lock_of(&record).take(event)
    };
    let engine = network::engine(site, &pursuit);
    let drive = engine.pursue(pursuit, stop, &mut emit);
    tokio::pin!(drive);
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ending = &mut drive => return ending,
            () = interrupts.next() => interrupted(&stopper, record, &mut is_stopping),
            _ = frames.tick() => {
                let mut record = lock_of(record);
                record.reporter.tick(site.now());
                if record.reporter.is_unheard() && !is_stopping {
                    is_stopping = true;
                    stopper.stop();
                }
            }
        }
    }
}

fn interrupted(stopper: &Stopper, record: &Arc<Mutex<Record>>, is_stopping: &mut bool) {
    if *is_stopping {
        let mut record = lock_of(record);
        record.reporter.step_aside();
        record.output.aside(
            "left at once: what was asked may or may not have happened; the next look tells.\n",
        );
        process::exit(i32::from(Exit::Interrupted.code()));
    }
    *is_stopping = true;
    stopper.stop();
}

/// Everything that is done with events.
struct Record {
    reporter: Reporter,
    output: Output,
    has_asked: bool,
}

impl Record {
    fn take(&mut self, event: &EngineEvent) {
        self.has_asked |= matches!(event.kind, EventKind::Asked { .. });
        if !matches!(event.kind, EventKind::Recorded(_) | EventKind::Carried { .. }) {
            self.reporter.event(event);
        }
    }
}

/// Takes the record; a panic elsewhere does not keep us from telling how things stand.
fn lock_of(record: &Arc<Mutex<Record>>) -> std::sync::MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks whether the cloud can carry the cluster, and gets ready what launching needs.
async fn get_ready(
    site: &Site,
    definition: &ClusterDefinition,
    dirs: &Dirs,
    output: &Output,
    interrupts: &mut Interrupts,
) -> Result<(), Fault> {
    match &site.nodes {
        Nodes::Sim(account) => match account.refusals(definition).await? {
            none if none.is_empty() => Ok(()),
            refusals => Err(admission::held(definition, "the simulated cloud", refusals, output)),
        },
        #[cfg(feature = "aws")]
        Nodes::Ssh(_) if definition.provider == wucluster_core::definition::Provider::Aws => {
            crate::aws_cloud::get_ready(definition)
        }
        Nodes::Ssh(_) => get_local_ready(definition, dirs, output, interrupts).await,
    }
}

#[cfg(feature = "local")]
async fn get_local_ready(
    definition: &ClusterDefinition,
    dirs: &Dirs,
    output: &Output,
    interrupts: &mut Interrupts,
) -> Result<(), Fault> {
    interrupts.unless(crate::local_cloud::get_ready(definition, dirs, output)).await
}

#[cfg(not(feature = "local"))]
async fn get_local_ready(
    _: &ClusterDefinition,
    _: &Dirs,
    _: &Output,
    _: &mut Interrupts,
) -> Result<(), Fault> {
    Ok(())
}

/// A drive that ended.
struct Finished<'a> {
    session: &'a Session,
    definition: &'a ClusterDefinition,
    /// Which part of it was driven.
    scope: &'a Scope,
    /// The cluster, or that part of it.
    name: String,
    demand: Demand,
    /// The command that goes on, without the program's name.
    again: String,
    /// The command that goes the other way, likewise.
    turn_back: String,
    run: u64,
    took: Duration,
}

impl Finished<'_> {
    /// Tells how it ended and returns with what code.
    fn tell(
        &self,
        site: &Site,
        ending: &Ending,
        record: &Arc<Mutex<Record>>,
    ) -> Result<Exit, Fault> {
        let Ending { outcome, progress, observation: _, requests: _ } = ending;
        let mut record = lock_of(record);
        let is_reached = *outcome == Outcome::Reached;
        let word = if is_reached { self.demand.as_str() } else { outcome.word() };
        record.reporter.finish(word, is_reached, progress.as_ref(), site.now(), self.took);
        let is_spoken = record.reporter.has_sentences();
        match outcome {
            Outcome::Reached => {
                self.reached(ending, !record.has_asked, is_spoken);
                Ok(Exit::Done)
            }
            Outcome::Held(held) => Ok(self.held(ending, held)),
            Outcome::Stalled => {
                self.stalled(ending);
                Ok(Exit::TimedOut)
            }
            Outcome::Interrupted => {
                if !record.reporter.is_unheard() {
                    self.interrupted(ending);
                }
                Ok(Exit::Interrupted)
            }
            Outcome::Dismissed(why) => {
                self.dismissed(ending, why);
                Ok(match why {
                    Dismissed::TakenOver { .. }
                    | Dismissed::Silent(_)
                    | Dismissed::Foreign { .. } => Exit::Locked,
                    Dismissed::Store(error) if error.is_denied => Exit::Denied,
                    Dismissed::Store(_) | Dismissed::Damaged { .. } => Exit::Failed,
                })
            }
            Outcome::Failed(error) => Err(Fault::new(
                exit_of(error.class),
                format!("the cloud cannot be looked at: {error}"),
            )
            .hint(format!("nothing was undone; repeat it: {}", self.again()))),
        }
    }

    fn output(&self) -> &Output {
        &self.session.output
    }

    /// The command that goes on.
    fn again(&self) -> String {
        format!("{} {}", self.output().err.program, self.again)
    }

    fn reached(&self, ending: &Ending, was_so: bool, is_spoken: bool) {
        if !is_spoken {
            return;
        }
        let output = self.output();
        output.result(&reached(
            &self.name,
            self.demand,
            self.run,
            was_so,
            ending.observation.as_ref().map(|seen| (self.scope, seen)),
            ending.requests,
            self.took,
        ));
        let first = self.definition.nodes.keys().next();
        match (self.demand, first) {
            (Demand::Launched | Demand::Mounted, Some(first)) => {
                output.next(&[&format!("ssh {first}"), "status"]);
            }
            (Demand::Parked, _) => output.next(&["launch", "put-away"]),
            (Demand::Away, _) => output.next(&["launch", "snapshots"]),
            (_, _) => output.next(&["status"]),
        }
    }

    fn held(&self, ending: &Ending, held: &[Hold]) -> Exit {
        let output = self.output();
        let progress = ending.progress.as_ref();
        let text = format!("\n{}\n{}", holds(held, &output.err), tally(progress, held.len()));
        output.aside(&text);
        if held.iter().any(is_permission) { Exit::Denied } else { Exit::Held }
    }

    fn stalled(&self, ending: &Ending) {
        let output = self.output();
        let progress = ending.progress.as_ref();
        let far = progress.map_or_else(String::new, |progress| {
            let (there, all) = progress.there();
            format!("; {there} of {all} there")
        });
        output.aside(&format!(
            "time is up after {}: {} is not {} yet{far}.\n{}{}Nothing is undone. Safe to repeat: {}\n",
            span(self.took),
            self.name,
            self.demand,
            still_open(progress, &output.err),
            under_way(progress, ending.observation.as_ref(), &output.err),
            self.again(),
        ));
    }

    /// Says that somebody else may drive now, or that nothing can be written down any more.
    fn dismissed(&self, ending: &Ending, why: &Dismissed) {
        let look = &self.output().err;
        let head = look.paint(Tone::Bad, "stopped");
        let mut text = format!("\n{head} {} after {}: {why}\n", self.name, span(self.took));
        let reason = match why {
            Dismissed::TakenOver { .. } => "two drivers could undo each other's steps",
            Dismissed::Silent(_) => "somebody else may have taken over meanwhile",
            Dismissed::Store(_) => "what cannot be written down first is not asked",
            Dismissed::Damaged { .. } => "whose the cluster is cannot be told",
            Dismissed::Foreign { .. } => "the store was copied, or put back to an earlier state",
        };
        part("why", &[reason.to_owned()], look, &mut text);
        let so = "nothing more was asked, and nothing is undone".to_owned();
        part("so", &[so], look, &mut text);
        let fix = match why {
            Dismissed::TakenOver { .. } => format!("look on:  {} status --watch", look.program),
            Dismissed::Store(_)
            | Dismissed::Damaged { .. }
            | Dismissed::Silent(_)
            | Dismissed::Foreign { .. } => {
                format!("when the store can be written to again:  {}", self.again())
            }
        };
        part("fix", &[fix], look, &mut text);
        text.push_str(&under_way(ending.progress.as_ref(), ending.observation.as_ref(), look));
        self.output().aside(&text);
    }

    fn interrupted(&self, ending: &Ending) {
        let output = self.output();
        let rest = under_way(ending.progress.as_ref(), ending.observation.as_ref(), &output.err);
        output.aside(&format!(
            "interrupted: run {} after {}.\n{rest}Nothing is undone.   Go on: {}     Turn back: {} {}\n",
            self.run,
            span(self.took),
            self.again(),
            output.err.program,
            self.turn_back,
        ));
    }
}

/// Says whether a hold is for lack of rights.
fn is_permission(hold: &Hold) -> bool {
    hold.interlock == Interlock::NotPermitted
}

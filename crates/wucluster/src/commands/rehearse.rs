//! `rehearse`: runs a state on a simulated cloud, and tells what it would take.

use std::time::Duration;

use serde::Serialize;
use wucluster_core::definition::{ClusterDefinition, Provider};
use wucluster_core::demand::Demand;
use wucluster_core::ids::ClusterName;
use wucluster_core::scope::Scope;
use wucluster_rehearse::forecast::{Day, Ended, Forecast, Obstacle, Stage, forecast};
use wucluster_rehearse::runs::{
    DayReport, Days, Kills, Kind, bad_day, day_with, judged, kills, many,
};

use super::{Session, part};
use crate::args::RehearseArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::progress::Counter;
use crate::render::hold::holds;
use crate::render::look::Tone;
use crate::render::rehearsal::{self as screen, Scene};
use crate::render::text::sentence;
use crate::site::has_cloud;

/// At how many points an operator is killed at most, in a cluster of one node or mount; the larger the
/// cluster the fewer, as each kill is a run of its own.
const KILLS_MAX: usize = 20_000;

/// What the luck is drawn from with which the cluster came to be where a rehearsal begins: always the
/// same, so that a day of many is the same day by itself.
const STAGE_SEED: u64 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    provider: Provider,
    from: Demand,
    demand: Demand,
    /// Of which part of the cluster; none: of all of it.
    only: Vec<String>,
    seed: u64,
    is_safe: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<&'a Forecast>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bad_day: Option<&'a DayReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<&'a Days>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kills: Option<&'a Kills>,
    /// Why it did not begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<&'a Obstacle>,
}

/// What is rehearsed, and where the words go.
struct Rehearsal<'a> {
    session: &'a Session,
    args: &'a RehearseArgs,
    definition: &'a ClusterDefinition,
    stage: &'a Stage,
    scope: &'a Scope,
    wait: Duration,
}

/// Rehearses a state.
pub(crate) fn rehearse(session: &Session, args: &RehearseArgs) -> Result<Exit, Fault> {
    let definition = session.definition()?;
    let scope = Scope::of(args.only.clone());
    part::names_something(&scope, &definition, None)?;
    let usual = if args.state.is_upward() { Demand::Away } else { Demand::Launched };
    let from = args.from.unwrap_or(usual);
    let stage = match Stage::set(&definition, from, STAGE_SEED) {
        Ok(stage) => stage.only(scope.clone()),
        Err(obstacle) => return nowhere_to_begin(session, args, (&definition, from), &obstacle),
    };
    let rehearsal = Rehearsal {
        session,
        args,
        definition: &definition,
        stage: &stage,
        scope: &scope,
        wait: session.globals.wait.unwrap_or_default(),
    };
    match (args.runs, args.kill, &args.faults) {
        (Some(runs), _, _) => rehearsal.days(runs),
        (None, true, _) => rehearsal.kills(),
        (None, false, Some(kinds)) => rehearsal.bad_day(&kinds.0),
        (None, false, None) => rehearsal.calm_day(),
    }
}

fn nowhere_to_begin(
    session: &Session,
    args: &RehearseArgs,
    (definition, from): (&ClusterDefinition, Demand),
    obstacle: &Obstacle,
) -> Result<Exit, Fault> {
    let output = &session.output;
    if output.is_json {
        let document = document(definition, from, args, true);
        output.json(&Document { obstacle: Some(obstacle), ..document })?;
    } else {
        output.aside(&format!("{}: {obstacle}\n\n", output.err.paint(Tone::Bad, "error")));
        output.aside(&holds(&obstacle.holds, &output.err));
    }
    Ok(if obstacle.holds.is_empty() { Exit::Failed } else { Exit::Held })
}

fn document<'a>(
    definition: &'a ClusterDefinition,
    from: Demand,
    args: &RehearseArgs,
    is_safe: bool,
) -> Document<'a> {
    Document {
        schema: "wucluster/rehearse/1",
        cluster: &definition.name,
        provider: definition.provider,
        from,
        demand: args.state,
        only: args.only.iter().map(ToString::to_string).collect(),
        seed: args.seed,
        is_safe,
        forecast: None,
        bad_day: None,
        days: None,
        kills: None,
        obstacle: None,
    }
}

impl Rehearsal<'_> {
    fn scene(&self) -> Scene<'_> {
        Scene {
            definition: self.definition,
            from: self.stage.from(),
            demand: self.args.state,
            scope: self.scope,
            seed: self.args.seed,
        }
    }

    fn document(&self, is_safe: bool) -> Document<'_> {
        document(self.definition, self.stage.from(), self.args, is_safe)
    }

    /// Writes a screen, or nothing when JSON was written.
    fn show(&self, text: &str) {
        let output = &self.session.output;
        output.result(&format!("{}\n{text}", screen::headline(&self.scene(), &output.out)));
    }

    fn calm_day(&self) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let counter = Counter::begin(output, "days", self.rows());
        let seen = forecast(self.stage, self.args.state, &Day::calm(self.args.seed));
        counter.over();
        if output.is_json {
            output.json(&Document { forecast: Some(&seen), ..self.document(seen.is_safe()) })?;
        } else {
            self.show(&screen::day(&seen, &output.out));
            self.judge(&violations(&seen));
            let state = self.args.state;
            let days = format!("rehearse {state}{} --runs 100", self.options());
            if has_cloud(self.definition.provider) {
                output.next(&[&self.scope.command(state), &days]);
            } else {
                output.next(&[&days]);
            }
        }
        Ok(exit_of(&seen.ended, seen.is_safe()))
    }

    fn bad_day(&self, kinds: &[Kind]) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let (seed, state) = (self.args.seed, self.args.state);
        let (day, kinds) = if kinds.is_empty() {
            bad_day(seed, self.wait)
        } else {
            (day_with(kinds, seed, self.wait), kinds.to_vec())
        };
        let names: Vec<&'static str> = kinds.iter().map(|kind| kind.name).collect();
        let counter = Counter::begin(output, "days", self.rows());
        let report = judged(self.stage, state, &day, names.clone());
        counter.over();
        let is_safe = report.violations.is_empty();
        if output.is_json {
            output.json(&Document { bad_day: Some(&report), ..self.document(is_safe) })?;
        } else {
            let kinds = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            let may = format!("A bad day, on which may go wrong: {kinds}.\n");
            let mut text = sentence(&may, &output.out);
            text.push_str(&screen::day(&report.first, &output.out));
            if let Some(ended) = &report.repeated {
                text.push_str(&screen::afterwards(&report.first.ended, ended, state, &output.out));
            }
            self.show(&text);
            self.judge(&report.violations);
            let options = self.options();
            let next = seed.wrapping_add(1);
            let next = format!("rehearse {state}{options} --faults --seed {next}");
            output.next(&[&next, &format!("rehearse {state}{options} --runs 100")]);
        }
        Ok(exit_of(&report.first.ended, is_safe))
    }

    fn days(&self, runs: u64) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let (seed, state) = (self.args.seed, self.args.state);
        let mut done = 0;
        let counter = Counter::begin(output, "days", self.rows());
        let seen = many(self.stage, state, (seed, runs), self.wait, &mut |_| {
            done += 1;
            counter.done(done, runs);
        });
        counter.over();
        let is_safe = seen.violations.is_empty();
        if output.is_json {
            output.json(&Document { days: Some(&seen), ..self.document(is_safe) })?;
        } else {
            self.show(&screen::days(&seen, &self.scene(), &output.out));
            let worst = seen.violations.first().or(seen.unreached.first());
            let worst = worst.map(|worst| worst.seed).or(seen.later_seeds.first().copied());
            let look = worst.unwrap_or(seed);
            let again = format!("rehearse {state}{} --faults --seed {look}", self.options());
            output.next(&[&again, &format!("rehearse {state}{} --kill", self.options())]);
            if !is_safe {
                self.replay(&again);
            }
        }
        Ok(match (is_safe, seen.not_reached) {
            (false, _) => Exit::Failed,
            (true, 0) => Exit::Done,
            (true, _) => Exit::Held,
        })
    }

    fn kills(&self) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let rows = self.rows();
        let most = u64::try_from(KILLS_MAX / rows.max(1)).unwrap_or(1).max(3);
        let day = Day { wait: self.wait, ..Day::calm(self.args.seed) };
        let counter = Counter::begin(output, "kills", rows);
        let seen = kills(self.stage, self.args.state, &day, most, &mut |done, all| {
            counter.done(done, all);
        });
        counter.over();
        let is_safe = seen.violations.is_empty();
        if output.is_json {
            output.json(&Document { kills: Some(&seen), ..self.document(is_safe) })?;
        } else {
            self.show(&screen::killed(&seen, &self.scene(), &output.out));
            let state = self.args.state;
            output.next(&[&format!("rehearse {state}{} --runs 100", self.options())]);
        }
        Ok(match (is_safe, seen.held) {
            (false, _) => Exit::Failed,
            (true, 0) => Exit::Done,
            (true, _) => Exit::Held,
        })
    }

    /// Returns how many nodes and mounts there are.
    fn rows(&self) -> usize {
        self.definition.nodes.len() + self.definition.mounts().count()
    }

    /// Returns the options that say what is rehearsed, as they are written after the state.
    fn options(&self) -> String {
        let from = self.args.from.map_or_else(String::new, |from| format!(" --from {from}"));
        format!("{from}{}", self.scope.options())
    }

    /// Says whether anything happened that must never happen, loudly if so.
    fn judge(&self, violations: &[String]) {
        let output = &self.session.output;
        if violations.is_empty() {
            output.result(&screen::safe(&self.scene(), &output.out));
            return;
        }
        for one in violations {
            output.aside(&format!("{}: {one}\n", output.err.paint(Tone::Bad, "VIOLATION")));
        }
        let faults = match &self.args.faults {
            None => String::new(),
            Some(kinds) if kinds.0.is_empty() => " --faults".to_owned(),
            Some(kinds) => {
                let names: Vec<&str> = kinds.0.iter().map(|kind| kind.name).collect();
                format!(" --faults={}", names.join(","))
            }
        };
        let (state, seed) = (self.args.state, self.args.seed);
        self.replay(&format!("rehearse {state}{}{faults} --seed {seed}", self.options()));
    }

    fn replay(&self, command: &str) {
        let output = &self.session.output;
        output.aside(&format!(
            "This is a defect of wucluster. Make it again with: {} {command}\n",
            output.err.program
        ));
    }
}

fn violations(forecast: &Forecast) -> Vec<String> {
    let harm = forecast.harm.iter().cloned();
    let lost = forecast.lost.iter().map(ToString::to_string);
    let left = forecast.left_over.iter().map(|id| format!("{id} is left over, and paid for"));
    harm.chain(lost).chain(left).collect()
}

fn exit_of(ended: &Ended, is_safe: bool) -> Exit {
    match ended {
        _ if !is_safe => Exit::Failed,
        Ended::Reached => Exit::Done,
        Ended::Held { .. } => Exit::Held,
        Ended::Stalled | Ended::Blind { .. } => Exit::Failed,
    }
}

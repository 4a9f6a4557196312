//! `status`: shows where everything is.

use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::planner::Ask;
use wucluster_core::scope::Scope;

use super::wait::{Answer, missing};
use super::{Session, network, part, removed};
use crate::args::StatusArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::forecast::forecast;
use crate::output::size;
use crate::render::status as screen;
use crate::signals::Interrupts;
use crate::site::{GLANCE, PATIENCE, Site};
use crate::view::{self, Status, StatusRow};

/// Pause between two looks of `--watch`.
const PAUSE: Duration = Duration::from_secs(2);

/// Shows where everything is.
pub(crate) async fn status(session: &Session, args: &StatusArgs) -> Result<Exit, Fault> {
    let definition = session.definition()?;
    let dirs = Dirs::find()?;
    let site = if args.watch {
        Site::open_to_watch(session, &definition, &dirs)?
    } else {
        Site::open(session, &definition, &dirs)?
    };
    let scope = Scope::of(args.only.clone());
    if let Some(demand) = args.is {
        return is(session, &site, &definition, demand, &scope).await;
    }
    if args.watch {
        return watch(session, &site, &definition, args.failing, &scope).await;
    }
    let seen = look(session, &site, &definition, &scope).await?;
    let output = &session.output;
    if output.is_json {
        output.json(&seen)?;
    } else if output.is_out_terminal {
        output.result(&screen::status(&seen, args.failing, site.now(), &output.out));
        output.result("\n");
        output.next(&next(&seen).iter().map(String::as_str).collect::<Vec<_>>());
    } else {
        output.result(&screen::tabs(&seen, args.failing, site.now()));
    }
    let is_away = scope.is_whole() && seen.holds.contains(&Demand::Away);
    if is_away
        && !output.is_json
        && let Some(left) = network::left(&site).await
    {
        output.warn(left);
    }
    Ok(Exit::Done)
}

async fn look(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
    scope: &Scope,
) -> Result<Status, Fault> {
    let lately = site.lately(|text| session.output.warn(text)).await;
    let last_run = lately.last_run;
    let observation = site.look(definition, Ask::State, GLANCE).await?;
    part::names_something(scope, definition, Some(&observation))?;
    let now = site.now();
    let plan = match &last_run {
        None => None,
        Some(run) => {
            let memory = site.remembered(|text| session.output.warn(text)).await;
            Some(forecast(definition, run, &observation, &memory, now))
        }
    };
    let (plan, driver) = (plan.as_ref(), lately.driver);
    Ok(view::status(definition, &observation, scope, plan, last_run, driver, now))
}

/// Says by the exit code whether a state holds; what is missing is told aside.
async fn is(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
    demand: Demand,
    scope: &Scope,
) -> Result<Exit, Fault> {
    let observation = site.look(definition, Ask::For(demand), PATIENCE).await?;
    part::names_something(scope, definition, Some(&observation))?;
    let verdict = demand.verdict_in(scope, definition, &observation, site.now());
    let output = &session.output;
    if output.is_json {
        output.json(&Answer::new(demand, &verdict))?;
    } else if let (Some(missing), false) = (missing(&verdict), output.is_quiet) {
        output.aside(&format!("{} is not {demand}: {missing}\n", definition.name));
    }
    Ok(if verdict.is_met() { Exit::Done } else { Exit::Differs })
}

/// Looks again and again, repainting a terminal in place.
async fn watch(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
    is_failing_only: bool,
    scope: &Scope,
) -> Result<Exit, Fault> {
    let mut interrupts = Interrupts::listen()?;
    let output = &session.output;
    let mut look_at = output.out.clone();
    let mut is_first = true;
    loop {
        let seen = tokio::select! {
            seen = look(session, site, definition, scope) => seen?,
            () = interrupts.next() => return Ok(Exit::Done),
        };
        if output.is_json {
            let line = serde_json::to_string(&seen)
                .map_err(|error| Fault::failed(format!("cannot write JSON: {error}")))?;
            output.result(&format!("{line}\n"));
        } else if output.is_out_terminal {
            let (columns, height) = size(std::io::stdout()).unwrap_or((look_at.width, 24));
            look_at.width = columns.clamp(40, 250);
            let text = screen::status(&seen, is_failing_only, site.now(), &look_at);
            let wipe = if std::mem::take(&mut is_first) { "\u{1b}[2J" } else { "" };
            output.result(&format!("{wipe}{}", frame(&text, height)));
        } else {
            output.result(&format!("{}\n", screen::tabs(&seen, is_failing_only, site.now())));
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = interrupts.next() => return Ok(Exit::Done),
        }
    }
}

/// Writes a screen over the one before, cut to the terminal's height.
fn frame(text: &str, height: usize) -> String {
    let room = height.saturating_sub(2).max(3);
    let lines: Vec<&str> = text.lines().collect();
    let mut out = "\u{1b}[H".to_owned();
    let shown = if lines.len() > room { room - 1 } else { lines.len() };
    for line in &lines[..shown] {
        out.push_str(line);
        out.push_str("\u{1b}[K\n");
    }
    if shown < lines.len() {
        out.push_str(&format!("... {} more lines\u{1b}[K\n", lines.len() - shown));
    }
    out.push_str("\u{1b}[J");
    out
}

/// Returns the commands that make sense now.
fn next(seen: &Status) -> Vec<String> {
    let failing = seen.rows.iter().find(|row| row.is_held || row.is_uncertain);
    let explain = failing.map(|row| format!("explain {}", row.name));
    let gone = gone_from(seen);
    let first = match (&seen.driver, &seen.last_run) {
        (Some(_), _) => "status --watch".to_owned(),
        (None, Some(run)) if seen.rows.iter().any(|row| row.wants.is_some()) => {
            run.scope().command(run.demand)
        }
        (None, _) if seen.holds.contains(&Demand::Away) => "launch".to_owned(),
        (None, _) if seen.holds.contains(&Demand::Launched) => match &gone {
            Some(scope) => scope.command(Demand::Away),
            None => "put-away".to_owned(),
        },
        (None, _) => "launch".to_owned(),
    };
    std::iter::once(first).chain(explain).collect()
}

/// Returns what has left the definition and is not away, if anything has.
fn gone_from(seen: &Status) -> Option<Scope> {
    let left = seen.rows.iter().filter(|row| !row.is_defined && row.state != "away");
    let left: Vec<Subject> = left.map(StatusRow::subject).collect();
    (!left.is_empty()).then(|| removed::part(&left.iter().collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_never_scrolls_the_screen() {
        let text = (0..50).map(|n| format!("line {n}\n")).collect::<String>();
        let shown = frame(&text, 10);
        assert_eq!(shown.matches('\n').count(), 8);
        assert!(shown.contains("... 43 more lines"), "{shown}");
    }
}

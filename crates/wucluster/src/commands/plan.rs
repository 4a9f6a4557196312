//! `plan`: shows what a state would take.

use serde::Serialize;
use wucluster_core::cost::{Costs, costs};
use wucluster_core::definition::Provider;
use wucluster_core::demand::{Demand, Verdict};
use wucluster_core::ids::{ClusterName, Subject};
use wucluster_core::interlock::{Hold, rename};
use wucluster_core::observation::Stranger;
use wucluster_core::plan::{Row, Wait};
use wucluster_core::planner::Ask;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;
use wucluster_rehearse::forecast::{Estimate, estimate};

use super::renamed::{self, Renaming};
use super::{Session, generation, part, removed};
use crate::args::PlanArgs;
use crate::deletions::{Deletion, deletions};
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::forecast::{Wish, forecast};
use crate::render::cost;
use crate::render::plan::{self, Forecast};
use crate::site::{PATIENCE, Site};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    provider: Provider,
    demand: Demand,
    is_met: bool,
    read_at: Timestamp,
    requests: u32,
    rows: Vec<Row>,
    verdict: &'a Verdict,
    first_requests: Vec<FirstRequest>,
    waits: &'a [Wait],
    holds: &'a [Hold],
    deletions: &'a [Deletion],
    /// What is renamed before anything else.
    renames: &'a [Renaming],
    strangers: &'a [Stranger],
    /// `null` where there is nothing to do, or none can be made.
    estimate: Option<&'a Estimate>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_estimate: Option<String>,
    /// What the whole cluster costs an hour, now and in other states.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cost::document")]
    costs: Option<Costs>,
}

#[derive(Serialize)]
struct FirstRequest {
    subject: Subject,
    name: &'static str,
    what: String,
}

/// Plans without doing.
pub(crate) async fn plan(session: &Session, args: &PlanArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let back = generation::back_to(args.generation, args.checkpoint);
    if let Some(back) = back.filter(|_| !args.state.is_upward()) {
        return Err(generation::upward_only(back, args.state));
    }
    let has_renames = args.state.is_upward() && definition.renames().next().is_some();
    let (observation, renames) = if has_renames {
        let now = site.look_at_cloud(&definition).await?;
        let then = site.look_as_renamed(&definition, Ask::For(args.state), PATIENCE).await?;
        (then, renamed::of(&definition, &now))
    } else {
        (site.look(&definition, Ask::For(args.state), PATIENCE).await?, Vec::new())
    };
    let scope = Scope::of(args.only.clone());
    let seen = (!args.state.is_upward()).then_some(&observation);
    part::names_something(&scope, &definition, seen)?;
    if let Some(back) = back {
        generation::exists(back, &observation)?;
    }
    let now = site.now();
    let mut memory = site.remembered(|text| output.warn(text)).await;
    if has_renames {
        rename::remember_as_renamed(&definition, &mut memory);
    }
    let removed = removed::of(args.state, &scope, &observation);
    let wish = Wish { demand: args.state, scope, back };
    let policy = wish.policy();
    let made = forecast(&definition, wish, &observation, &memory, now);
    // What is held will not move by itself.
    let is_idle = made.is_met() || !made.holds.is_empty();
    let guess = (!is_idle)
        .then(|| estimate(&definition, (args.state, policy), &observation, memory.data_epochs));
    let list = deletions(args.state, &made.scope, &observation);
    let exit = if args.exit_code && (!made.is_met() || !renames.is_empty()) {
        Exit::Differs
    } else {
        Exit::Done
    };
    if output.is_json {
        output.json(&Document {
            schema: "wucluster/plan/1",
            cluster: &definition.name,
            provider: definition.provider,
            demand: args.state,
            is_met: made.is_met(),
            read_at: observation.cloud_asked_at,
            requests: observation.requests,
            rows: made.rows_in_scope(&definition, &observation),
            verdict: &made.verdict,
            first_requests: made
                .actions
                .iter()
                .map(|action| FirstRequest {
                    subject: action.action().subject(),
                    name: action.action().name(),
                    what: action.action().to_string(),
                })
                .collect(),
            waits: &made.waits,
            holds: &made.holds,
            deletions: &list,
            renames: &renames,
            strangers: &observation.strangers,
            estimate: guess.as_ref().and_then(|guess| guess.as_ref().ok()),
            no_estimate: guess
                .as_ref()
                .and_then(|guess| guess.as_ref().err())
                .map(ToString::to_string),
            costs: costs(&definition, &observation),
        })?;
        return Ok(exit);
    }
    if output.is_quiet && args.exit_code {
        return Ok(exit);
    }
    if !renames.is_empty() {
        output.result(&format!("{}\n", renamed::text(&renames)));
    }
    let shown = Forecast {
        definition: &definition,
        observation: &observation,
        plan: &made,
        estimate: guess.as_ref(),
        deletions: &list,
        now,
        is_unfolded: args.all || session.globals.verbose,
    };
    output.result(&plan::plan(&shown, &output.out));
    if !removed.is_empty() {
        output.result(&removed::stays(&removed, output));
    }
    if !made.is_met() || !renames.is_empty() {
        let mut command = made.scope.command(args.state);
        if let Some(back) = generation::back_to(args.generation, args.checkpoint) {
            command.push_str(&format!(" {}", generation::option(back)));
        }
        output.next(&[&command]);
    }
    Ok(exit)
}

//! The planner: definition, demand and observation in; one wave of requests, waits and holds out.
//!
//! Pure: no I/O, no clock, no environment, no state between calls. For each node and mount it
//! proposes the request that serves the demand best; where an interlock says that another must come
//! first, it proposes that one instead. Every subject advances by itself; there are no phases.

mod candidates;
mod growth;
mod identity;
mod mounts;
mod nodes;
mod pace;
mod probe;
mod together;

use std::collections::BTreeSet;

pub use growth::{Difference, differences};
pub use probe::{Ask, probe_request};

use crate::action::{Action, CloudAction};
use crate::demand::{Demand, Verdict};
use crate::ids::{InstanceId, NodeName, Subject};
use crate::interlock::{Cleared, Context, Hold, Interlock, Refusal, order};
use crate::observation::Observed;
use crate::plan::{Plan, Wait, WaitOn};
use crate::policy::Guard;

/// What one subject does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it is where the demand wants it.
    Done,
    /// This request, now.
    Do(Cleared<Action>),
    /// This request once more, though it was refused so often that a person should know.
    Again(Cleared<Action>, Box<Hold>),
    /// Nothing yet.
    Wait(Wait),
    /// Nothing without help.
    Hold(Hold),
}

impl From<Refusal> for Step {
    fn from(refusal: Refusal) -> Self {
        match refusal.into_hold() {
            Ok(hold) => Self::Hold(hold),
            Err(wait) => Self::Wait(wait),
        }
    }
}

/// Plans one wave.
///
/// # Guarantees
/// Deterministic, and independent of the order of listings. No action when the demand is met. A
/// plan that is not met has an action, a wait or a hold.
#[must_use]
pub fn plan(ctx: &Context<'_>) -> Plan {
    let scope = &ctx.policy.scope;
    let verdict = ctx.demand.verdict_in(scope, ctx.definition, ctx.observation, ctx.now);
    let mut plan = Plan {
        demand: ctx.demand,
        scope: scope.clone(),
        verdict,
        actions: Vec::new(),
        waits: Vec::new(),
        holds: Vec::new(),
    };
    if plan.verdict.is_met() {
        plan.waits = unseen(ctx);
        return plan;
    }
    let of_nodes = ctx.observation.nodes.iter().filter_map(|node| {
        let wanted = scope.of_node(ctx.demand, node, ctx.observation)?;
        Some(nodes::step(ctx, wanted, node))
    });
    let of_mounts = ctx.observation.mounts.iter().filter_map(|mount| {
        let wanted = scope.of_mount(ctx.demand, mount)?;
        Some(mounts::step(ctx, wanted, mount))
    });
    let steps = of_nodes.chain(of_mounts);
    let strangers = strangers(ctx, &plan.verdict);
    let mut told = BTreeSet::new();
    for step in steps.chain(strangers) {
        match step {
            Step::Done => {}
            Step::Do(action) => plan.actions.push(action),
            Step::Again(action, hold) => {
                plan.actions.push(action);
                plan.holds.push(*hold);
            }
            Step::Wait(wait) => plan.waits.push(wait),
            Step::Hold(hold) => {
                // A silent node holds all its mounts for one and the same reason: said once.
                if told.insert((hold.subject.clone(), hold.interlock)) {
                    plan.holds.push(hold);
                }
            }
        }
    }
    together::share(ctx, &mut plan.actions);
    // A wait for others is no progress when the others are all held.
    if plan.actions.is_empty()
        && !plan.holds.is_empty()
        && plan.waits.iter().all(|wait| wait.on == WaitOn::Others)
    {
        plan.waits.clear();
    }
    plan
}

/// Returns which machine a request ends or halts, if it does.
#[must_use]
pub fn ends_machine(action: &CloudAction) -> Option<(&NodeName, &InstanceId)> {
    match action {
        CloudAction::StopInstance { node, instance }
        | CloudAction::TerminateInstance { node, instance } => Some((node, instance)),
        CloudAction::RunInstance { .. }
        | CloudAction::StartInstance { .. }
        | CloudAction::CreateVolume { .. }
        | CloudAction::AttachVolume { .. }
        | CloudAction::DetachVolume { .. }
        | CloudAction::TagVolume { .. }
        | CloudAction::TagSnapshot { .. }
        | CloudAction::GrowVolume { .. }
        | CloudAction::Adopt { .. }
        | CloudAction::CreateSnapshot { .. }
        | CloudAction::DeleteVolume { .. }
        | CloudAction::DeleteSnapshot { .. } => None,
    }
}

/// Lists what may still show itself, or end, though nothing lacks: it was asked for before, or left out of a listing.
fn unseen(ctx: &Context<'_>) -> Vec<Wait> {
    let of_subject = |(subject, memory): (&Subject, &crate::memory::SubjectMemory)| {
        let awaited = memory.awaited_at(ctx.seen_at()).find(|awaited| {
            !awaited.is_ending && !matches!(awaited.what, crate::memory::AwaitedId::Snapshot(_))
        });
        let lives = |node: &NodeName, instance: &InstanceId| {
            let node = ctx.observation.node(node);
            node.is_some_and(|node| node.instances.iter().any(|one| &one.id == instance))
        };
        let ends = memory.open_requests_at(ctx.seen_at()).any(|action| {
            ends_machine(action).is_some_and(|(node, instance)| lives(node, instance))
        });
        let starts = memory.open_requests_at(ctx.seen_at()).any(|action| {
            matches!(action, CloudAction::StartInstance { node, instance } if lives(node, instance))
        });
        let what = match (awaited, &memory.unsure) {
            // What is up is not told to be so while its end may come.
            _ if ends && ctx.demand.is_upward() && ctx.policy.guards(Guard::MayYetCome) => {
                "its end was asked for before, and may still come".to_owned()
            }
            // Nor is what has halted told to be parked while its start may.
            _ if starts && ctx.demand == Demand::Parked && ctx.policy.guards(Guard::MayYetCome) => {
                "its start was asked for before, and may still come".to_owned()
            }
            (Some(awaited), _) => format!("{} may still show itself", awaited.what),
            (None, Some(unsure)) if unsure.until > ctx.seen_at() => {
                "it was asked for before, without an answer, and may still show itself".to_owned()
            }
            (None, _) => return None,
        };
        Some(Wait { subject: subject.clone(), what, on: WaitOn::Cloud })
    };
    let scope = &ctx.policy.scope;
    ctx.memory
        .subjects
        .iter()
        .filter(|(subject, _)| scope.has(subject))
        .filter_map(of_subject)
        .collect()
}

/// What fits no node or mount is held, or its node's word is waited for.
fn strangers(ctx: &Context<'_>, verdict: &Verdict) -> Vec<Step> {
    let foreign = verdict.unmet.iter().filter_map(|shortfall| {
        let Subject::Stranger(id) = &shortfall.subject else { return None };
        let hold =
            Hold::new(Interlock::Foreign, shortfall.subject.clone(), "it fits no node or mount");
        Some(hold.why(format!("{id}: {}", shortfall.why)).so("it was not touched").fix(format!(
            "if it is not {}'s, take the wucluster tags off it; if it is, set them right",
            ctx.definition.name
        )))
    });
    let silent = verdict.unknown.iter().filter_map(|shortfall| {
        let Subject::Stranger(id) = &shortfall.subject else { return None };
        let stranger = ctx.observation.strangers.iter().find(|one| &one.id == id)?;
        let node = ctx.observation.holder_of(stranger)?;
        let Observed::Unknown(gap) = &node.probe else { return None };
        let subject = shortfall.subject.clone();
        // Of several machines with one name none is asked: they are held.
        Some(if node.instance().is_none() {
            Refusal::wait(subject, WaitOn::Others, gap.why.clone())
        } else {
            order::silent(ctx, &subject, &node.name, gap)
        })
    });
    foreign.map(Step::Hold).chain(silent.map(Step::from)).collect()
}

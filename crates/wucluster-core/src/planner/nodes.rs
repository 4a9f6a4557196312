//! What a node does next.

use super::{Step, candidates, identity, pace};
use crate::action::{Action, CloudAction};
use crate::definition::MachineDefinition;
use crate::demand::Demand;
use crate::ids::{InstanceId, Subject};
use crate::interlock::{Context, Hold, Interlock, Refusal, halt, order, ownership};
use crate::memory::AwaitedId;
use crate::observation::{GapKind, InstanceSeen, InstanceState, NodeObservation, Observed};
use crate::plan::WaitOn;
use crate::policy::Guard;
use crate::tags::Tags;

pub(super) fn step(ctx: &Context<'_>, demand: Demand, node: &NodeObservation) -> Step {
    let subject = Subject::Node(node.name.clone());
    if node.instances.len() > 1 && ctx.policy.guards(Guard::SoleName) {
        return ownership::instance_conflict(&node.name, &node.instances).into();
    }
    match demand {
        Demand::Instantiated | Demand::Attached | Demand::Mounted => {
            runs(ctx, node).unwrap_or(Step::Done)
        }
        Demand::Launched => runs(ctx, node).unwrap_or_else(|| ready(ctx, node)),
        Demand::Unmounted | Demand::Separated | Demand::RecentlySnapshotted => {
            order::nothing_unlisted(ctx, node).map_or_else(Step::from, |()| Step::Done)
        }
        Demand::Haltable => order::nothing_unlisted(ctx, node)
            .and_then(|()| halt::may_halt(ctx, node))
            .map_or_else(Step::from, |()| Step::Done),
        Demand::Parked => stopped(ctx, node, &subject),
        Demand::Away => match node.instance() {
            None => Step::Done,
            Some(instance) => gone(ctx, node, instance, &subject),
        },
    }
}

/// Brings the node's instance up; `None` when it runs.
fn runs(ctx: &Context<'_>, node: &NodeObservation) -> Option<Step> {
    let subject = Subject::Node(node.name.clone());
    let Some(instance) = node.instance() else {
        return Some(run(ctx, node, &subject));
    };
    let wait = |what: String| Some(Step::from(Refusal::wait(subject.clone(), WaitOn::Cloud, what)));
    match &instance.state {
        InstanceState::Running => {
            let memory = ctx.memory.of(&subject);
            let mut open =
                memory.into_iter().flat_map(|memory| memory.open_requests_at(ctx.seen_at()));
            let ends = open.any(|action| {
                super::ends_machine(action).is_some_and(|(_, id)| id == &instance.id)
            });
            if ends && ctx.demand.is_upward() && ctx.policy.guards(Guard::MayYetCome) {
                return wait("its end was asked for before, and may still come".to_owned());
            }
            None
        }
        InstanceState::Pending => wait(format!("{} is pending", instance.id)),
        InstanceState::Stopping | InstanceState::ShuttingDown => {
            wait(format!("{} is {}", instance.id, instance.state))
        }
        InstanceState::Terminated => Some(run(ctx, node, &subject)),
        InstanceState::Stopped => {
            let action = CloudAction::StartInstance {
                node: node.name.clone(),
                instance: instance.id.clone(),
            };
            Some(pace::attempt(ctx, Action::Cloud(action)).unwrap_or_else(Step::from))
        }
        InstanceState::Unrecognized(word) => {
            Some(order::unrecognized(subject.clone(), instance.id.as_str(), word).into())
        }
    }
}

fn run(ctx: &Context<'_>, node: &NodeObservation, subject: &Subject) -> Step {
    let is_over = |id: &InstanceId| node.terminated.iter().any(|seen| &seen.id == id);
    let awaited =
        ctx.memory.of(subject).into_iter().flat_map(|memory| memory.awaited_at(ctx.seen_at()));
    let mut awaited =
        awaited.filter(|awaited| matches!(&awaited.what, AwaitedId::Instance(id) if !is_over(id)));
    if let Some(awaited) = awaited.next()
        && ctx.policy.guards(Guard::Awaited)
    {
        let what = if awaited.is_ending { "is to end" } else { "is to show itself" };
        let what = format!("{} {what}", awaited.what);
        return Refusal::wait(subject.clone(), WaitOn::Cloud, what).into();
    }
    let Some(defined) = ctx.definition.nodes.get(&node.name) else { return Step::Done };
    match candidates::unsure(ctx, subject) {
        Err(refusal) => return refusal.into(),
        Ok(Some(unsure)) => {
            let action = Action::Cloud(unsure.action.clone());
            return pace::attempt(ctx, action).unwrap_or_else(Step::from);
        }
        Ok(None) => {}
    }
    // Nothing that a later listing may show otherwise: a request whose answer was lost must come again
    // under the same token. The provider itself tells when that one is used up.
    let generation = super::mounts::next_generation(ctx).to_string();
    let candidate = candidates::next(ctx, defined);
    let mut parts = vec!["instance", &generation];
    parts.extend(candidates::token_parts(ctx, defined, &candidate));
    let token = identity::token(ctx, subject, &parts);
    let instance_type = candidate.instance_type;
    let action = CloudAction::RunInstance {
        node: node.name.clone(),
        machine: MachineDefinition { instance_type, ..defined.machine.clone() },
        zone: candidate.zone,
        tags: Tags::for_node(&ctx.definition.name, &node.name).kept_in(ctx.memory.store.as_ref()),
        token,
        together: None,
    };
    let action = identity::as_before(ctx, subject, action);
    pace::attempt(ctx, Action::Cloud(action)).unwrap_or_else(Step::from)
}

fn ready(ctx: &Context<'_>, node: &NodeObservation) -> Step {
    let subject = Subject::Node(node.name.clone());
    let (why, is_no) = match crate::demand::ready(ctx.definition, node) {
        crate::demand::Answer::Yes => return Step::Done,
        crate::demand::Answer::No(why) => (why, true),
        crate::demand::Answer::Unknown(why) => (why, false),
    };
    // Nobody asks a node while all of its mounts are held: that it was not asked is then no progress.
    if let Observed::Unknown(gap) = &node.probe
        && gap.kind != GapKind::NotAsked
    {
        return order::silent(ctx, &subject, &node.name, gap).into();
    }
    let waits_for = ctx.observation.mounts_of(&node.name).find(|mount| {
        mount.is_defined
            && !matches!(
                mount.filesystem,
                Observed::Present(crate::observation::FilesystemState::Mounted { .. })
            )
    });
    if let Some(mount) = waits_for {
        return Refusal::wait(
            subject,
            WaitOn::Others,
            format!("its checks wait for {}", mount.key.mount),
        )
        .into();
    }
    if let Observed::Unknown(gap) = &node.probe {
        return order::silent(ctx, &subject, &node.name, gap).into();
    }
    let since = ctx.memory.unready_since.get(&node.name).copied();
    let lasted = since.map_or(std::time::Duration::ZERO, |since| ctx.now.since(since));
    // A check that was not asked says nothing, however long others have said no.
    if !is_no || lasted < ctx.policy.ready_patience {
        return Refusal::wait(subject, WaitOn::Node(node.name.clone()), why).into();
    }
    Step::Hold(
        Hold::new(Interlock::NotReady, subject, "its readiness check says no")
            .why(why)
            .why(format!("for {}s", lasted.as_secs()))
            .so("the node runs, and all its mounts are mounted; nothing was undone")
            .fix(format!("see for yourself:    wucluster ssh {}", node.name))
            .fix("launch again once the check passes, or change `ready` in the definition")
            .may_clear(),
    )
}

/// Stops the node's instance, if it has one that runs.
fn stopped(ctx: &Context<'_>, node: &NodeObservation, subject: &Subject) -> Step {
    let nothing_in_use =
        || order::nothing_unlisted(ctx, node).map_or_else(Step::from, |()| Step::Done);
    let Some(instance) = node.instance() else { return nothing_in_use() };
    match &instance.state {
        InstanceState::Stopped | InstanceState::Terminated => nothing_in_use(),
        // EC2 stops only what runs.
        InstanceState::Pending | InstanceState::Stopping | InstanceState::ShuttingDown => {
            let what = format!("{} is {}", instance.id, instance.state);
            Refusal::wait(subject.clone(), WaitOn::Cloud, what).into()
        }
        InstanceState::Unrecognized(word) => {
            order::unrecognized(subject.clone(), instance.id.as_str(), word).into()
        }
        InstanceState::Running => {
            let action = CloudAction::StopInstance {
                node: node.name.clone(),
                instance: instance.id.clone(),
            };
            pace::attempt(ctx, Action::Cloud(action)).unwrap_or_else(Step::from)
        }
    }
}

fn gone(
    ctx: &Context<'_>,
    node: &NodeObservation,
    instance: &InstanceSeen,
    subject: &Subject,
) -> Step {
    match &instance.state {
        InstanceState::ShuttingDown => Refusal::wait(
            subject.clone(),
            WaitOn::Cloud,
            format!("{} is shutting-down", instance.id),
        )
        .into(),
        InstanceState::Terminated => Step::Done,
        InstanceState::Unrecognized(word) => {
            order::unrecognized(subject.clone(), instance.id.as_str(), word).into()
        }
        InstanceState::Pending
        | InstanceState::Running
        | InstanceState::Stopping
        | InstanceState::Stopped => {
            let action = CloudAction::TerminateInstance {
                node: node.name.clone(),
                instance: instance.id.clone(),
            };
            pace::attempt(ctx, Action::Cloud(action)).unwrap_or_else(Step::from)
        }
    }
}

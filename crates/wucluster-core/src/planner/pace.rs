//! What a failed request means for the next try: later, or a hold.

use std::time::Duration;

use super::{Step, candidates};
use crate::action::{Action, CloudAction};
use crate::ids::{NodeName, Subject};
use crate::interlock::{Cleared, Context, Hold, Interlock, Refusal, clear};
use crate::memory::{Failure, FailureError};
use crate::observation::Holder;
use crate::plan::WaitOn;
use crate::policy::Guard;
use crate::ports::{ErrorClass, ShellError};

/// How long a limit on what is under way at once may keep something waiting before a person is told.
///
/// Those that are under way lift it: EBS takes a hundred snapshots at a time, and a first one may
/// take the better part of an hour.
const CROWD_PATIENCE: Duration = Duration::from_secs(3600);

/// Clears an action and holds it back while its last failure says so.
pub(super) fn attempt(ctx: &Context<'_>, action: Action) -> Result<Step, Refusal> {
    let cleared = clear(ctx, action)?;
    Ok(paced(ctx, cleared))
}

fn paced(ctx: &Context<'_>, cleared: Cleared<Action>) -> Step {
    let subject = cleared.action().subject();
    let Some(memory) = ctx.memory.of(&subject) else { return Step::Do(cleared) };
    let Some(failure) =
        memory.failure.as_ref().filter(|failure| failure.action == cleared.action().name())
    else {
        return Step::Do(cleared);
    };
    let is_final = match &failure.error {
        FailureError::Cloud(error) => match error.class {
            ErrorClass::Permanent | ErrorClass::Permission => true,
            // What was made did not show itself for as long as it may be hidden. Asked again under its token
            // it is the same, and under another one it might be the second.
            ErrorClass::Retry if error.code == "NoEffect" && is_creation(cleared.action()) => true,
            ErrorClass::Retry | ErrorClass::Ambiguous | ErrorClass::Capacity => false,
        },
        FailureError::Shell(error) => match error {
            // What the node found may have changed under our eyes: it looks again before it is final.
            ShellError::Refused(_)
            | ShellError::NotBlank(_)
            | ShellError::Busy { .. }
            | ShellError::HookRefused { .. }
            | ShellError::Failed { .. }
            | ShellError::NoAnswer(_) => false,
        },
    };
    // Of several candidates each counts by itself, and one that is next in its round waits for nothing.
    let standing = match cleared.action() {
        Action::Cloud(action) => candidates::standing(ctx, failure, action),
        Action::Shell(_) => None,
    };
    let times = standing.as_ref().map_or(failure.times, |standing| standing.times);
    let is_next = standing.is_some_and(|standing| standing.is_next);
    let not_yet = memory
        .not_before
        .filter(|time| *time > ctx.now && !is_next && ctx.policy.guards(Guard::BackOff));
    let is_told =
        is_final || (times >= ctx.policy.tries_before_hold && !waits_in_a_crowd(ctx, failure));
    let held = is_told.then(|| hold(ctx, subject.clone(), cleared.action(), failure));
    match held {
        None if not_yet.is_none() => return Step::Do(cleared),
        Some(hold) if !is_final && not_yet.is_none() => {
            return Step::Again(cleared, Box::new(hold));
        }
        Some(hold) => return Step::Hold(hold),
        None => {}
    }
    Step::from(Refusal::wait(
        subject,
        not_yet.map_or(WaitOn::Answer, WaitOn::Time),
        format!("{} failed ({}), tries again", failure.action, brief(&failure.error)),
    ))
}

fn is_creation(action: &Action) -> bool {
    matches!(
        action,
        Action::Cloud(CloudAction::RunInstance { .. } | CloudAction::CreateVolume { .. })
    )
}

/// Says whether too much is under way at once, and has not been for too long.
fn waits_in_a_crowd(ctx: &Context<'_>, failure: &Failure) -> bool {
    let is_crowd = matches!(
        &failure.error,
        FailureError::Cloud(error) if matches!(
            error.code.as_str(),
            "PendingSnapshotLimitExceeded" | "ConcurrentSnapshotLimitExceeded"
        )
    );
    is_crowd && ctx.now.since(failure.first_at) < CROWD_PATIENCE
}

fn brief(error: &FailureError) -> String {
    match error {
        FailureError::Cloud(error) => error.to_string(),
        FailureError::Shell(error) => error.to_string(),
    }
}

fn hold(ctx: &Context<'_>, subject: Subject, action: &Action, failure: &Failure) -> Hold {
    let times = match failure.times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    match &failure.error {
        FailureError::Cloud(error) => {
            let (interlock, fix, may_clear) = match error.class {
                ErrorClass::Capacity => {
                    (Interlock::NoCapacity, "repeat later, or ask for less in the definition", true)
                }
                ErrorClass::Permission => {
                    (Interlock::NotPermitted, "get credentials that may do this, and repeat", false)
                }
                // EC2 stops no spot machine of a one-time request, and none whose root is an instance store.
                ErrorClass::Permanent if action.name() == "StopInstances" => (
                    Interlock::ProviderRefused,
                    "put it away instead, or let it run: not every machine can be stopped",
                    false,
                ),
                ErrorClass::Permanent => {
                    (Interlock::ProviderRefused, "mend what the provider names, and repeat", false)
                }
                ErrorClass::Retry | ErrorClass::Ambiguous => {
                    (Interlock::ProviderRefused, "repeat later: nothing is lost", true)
                }
            };
            let mut hold =
                Hold::new(interlock, subject, format!("the provider would not {action}"))
                    .why(format!("{} failed {times}: {error}", failure.action))
                    .so("it stays as it is; everything else went on")
                    .fix(fix);
            if error.class == ErrorClass::Capacity
                && let Action::Cloud(CloudAction::RunInstance { node, .. }) = action
            {
                hold = of_candidates(ctx, hold, node);
            }
            if matches!(action, Action::Cloud(CloudAction::GrowVolume { .. })) {
                "it goes on with the size that it has; everything else went on"
                    .clone_into(&mut hold.so);
                if error.class == ErrorClass::Permanent {
                    hold.fix = vec!["do what the provider says, and launch again".to_owned()];
                }
            }
            hold.may_clear = may_clear;
            hold
        }
        FailureError::Shell(error) => match error {
            ShellError::Busy { holders, message } => {
                busy(ctx, &subject, failure, &times, holders, message)
            }
            ShellError::HookRefused { hook, output } => Hold::new(
                Interlock::UnmountRefused,
                subject.clone(),
                "its hook says no to unmounting",
            )
            .why(format!("`{}` said no {times}", hook.run))
            .whys((!output.is_empty()).then(|| format!("it printed: {output}")))
            .so("it stays mounted and attached, and its node stays up")
            .fix("repeat once the hook passes, or change `before-unmount` in the definition")
            .may_clear(),
            ShellError::Refused(why) | ShellError::NotBlank(why) => {
                let interlock = if failure.action == "mkfs" {
                    Interlock::NotBlank
                } else {
                    Interlock::NodeFailed
                };
                Hold::new(interlock, subject.clone(), format!("its node would not {action}"))
                    .why(why.clone())
                    .so("nothing was changed on the device")
                    .fix(look_closer(&subject))
            }
            ShellError::Failed { status, message } => Hold::new(
                Interlock::NodeFailed,
                subject.clone(),
                format!("its node could not {action}"),
            )
            .why(format!("{} failed {times}, status {status}: {message}", failure.action))
            .so("it stays as it is; everything else went on")
            .fix(look_closer(&subject))
            .may_clear(),
            ShellError::NoAnswer(why) => {
                Hold::new(Interlock::NodeSilent, subject.clone(), "its node does not answer")
                    .why(format!("{} got no answer {times}: {why}", failure.action))
                    .so("whether it was carried out is seen at the next look")
                    .fix(look_closer(&subject))
                    .may_clear()
            }
        },
    }
}

/// Tells of all that was tried for a node's machine, and what keeps it from more.
fn of_candidates(ctx: &Context<'_>, hold: Hold, node: &NodeName) -> Hold {
    let told = candidates::told(ctx, node);
    if told.is_empty() {
        return hold;
    }
    let mut hold = Hold { why: told, ..hold };
    hold.what = "there is no capacity for its machine".to_owned();
    if let Some(zone) = candidates::settled_zone(ctx, node) {
        hold = hold.why(format!("no other zone than {zone} is tried: its volumes are there"));
        hold.fix = vec![
            "repeat later, or name more types in the definition".to_owned(),
            format!(
                "or put it away, and launch:    wucluster put-away --only {node}    (a snapshot is in no zone)"
            ),
        ];
    } else {
        hold.fix = vec!["repeat later, or name more types or zones in the definition".to_owned()];
    }
    hold
}

fn look_closer(subject: &Subject) -> String {
    match subject.node() {
        Some(node) => {
            format!("look closer:    wucluster explain {subject}    wucluster ssh {node}")
        }
        None => "look closer:    wucluster status".to_owned(),
    }
}

fn busy(
    ctx: &Context<'_>,
    subject: &Subject,
    failure: &Failure,
    times: &str,
    holders: &[Holder],
    message: &str,
) -> Hold {
    let mut hold = Hold::new(Interlock::MountBusy, subject.clone(), "it cannot be unmounted");
    if holders.is_empty() {
        hold = hold.why(format!("{} was refused {times}: {message}", failure.action));
    } else {
        let count = if holders.len() == 1 {
            "1 process holds".to_owned()
        } else {
            format!("{} processes hold", holders.len())
        };
        hold = hold.why(format!("{count} it (asked {times})"));
        hold = hold.whys(holders.iter().take(8).map(|holder| {
            format!("pid {:<7} {:<8} {}   {}", holder.pid, holder.user, holder.command, holder.what)
        }));
        if holders.len() > 8 {
            hold = hold.why(format!("and {} more", holders.len() - 8));
        }
    }
    hold = hold.so("it stays mounted and attached, and its node stays up (and is paid for). Nothing was forced.");
    hold = hold.fix(format!(
        "let it finish:    wucluster {} --wait 2h",
        ctx.policy.scope.command(ctx.demand)
    ));
    if let Some(node) = subject.node() {
        if let Some(first) = holders.first() {
            hold =
                hold.fix(format!("ask it to stop:   wucluster run {node} -- kill {}", first.pid));
        }
        hold = hold.fix(format!("look closer:      wucluster explain {subject}"));
    }
    hold.may_clear()
}

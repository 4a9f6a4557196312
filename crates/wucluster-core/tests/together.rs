//! Which nodes share a call that runs their instances: only what was never asked for before, and all or none.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod common;

use std::collections::BTreeMap;

use common::{NOW, World, node};
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::memory::{AwaitedId, Failure, FailureError, Made, SubjectMemory, Unsure};
use wucluster_core::ports::{CloudError, ErrorClass};

const CROWD: &str = r#"
[cluster]
name = "gibbon"

[defaults]
type = "small"

[node.chief]
type = "large"

[node.worker]
count = 5
mount.scratch = { at = "/mnt/scratch", size = "1 GiB" }
"#;

fn crowd() -> World {
    let mut world = World::new(CROWD);
    world.policy.launches_together_max = 3;
    world
}

/// Per node, with whom it shares its call, and the call's token.
fn calls(world: &World) -> BTreeMap<String, (Option<String>, String)> {
    let plan = world.plan(Demand::Launched);
    let call = |action: &Action| match action {
        Action::Cloud(CloudAction::RunInstance { node, token, together, .. }) => {
            let set = together.as_ref().map(ToString::to_string);
            Some((node.to_string(), (set, token.clone())))
        }
        _ => None,
    };
    plan.actions.iter().filter_map(|cleared| call(cleared.action())).collect()
}

fn sets(world: &World) -> BTreeMap<String, String> {
    let set = |(node, (set, _)): (String, (Option<String>, String))| {
        (node, set.unwrap_or_else(|| "alone".to_owned()))
    };
    calls(world).into_iter().map(set).collect()
}

fn action(world: &World, name: &str) -> CloudAction {
    let plan = world.plan(Demand::Launched);
    let of = plan.actions.iter().find_map(|cleared| match cleared.action() {
        Action::Cloud(action @ CloudAction::RunInstance { node, .. }) if node.as_str() == name => {
            Some(action.clone())
        }
        _ => None,
    });
    of.unwrap()
}

fn remember<'a>(world: &'a mut World, name: &str) -> &'a mut SubjectMemory {
    world.memory.subjects.entry(Subject::Node(node(name))).or_default()
}

fn failed(class: ErrorClass, code: &str) -> Failure {
    let error = CloudError { class, code: code.to_owned(), message: "no".to_owned() };
    Failure {
        action: "RunInstances".to_owned(),
        error: FailureError::Cloud(error),
        times: 1,
        first_at: NOW,
        last_at: NOW,
    }
}

fn expect(world: &World, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(node, set)| ((*node).to_owned(), (*set).to_owned())).collect();
    assert_eq!(sets(world), expected);
}

#[test]
fn like_nodes_share_calls_and_each_call_has_a_token_of_its_own() {
    let world = crowd();
    expect(
        &world,
        &[
            ("chief", "alone"),
            ("worker-1", "worker-1..3"),
            ("worker-2", "worker-1..3"),
            ("worker-3", "worker-1..3"),
            ("worker-4", "worker-4..5"),
            ("worker-5", "worker-4..5"),
        ],
    );
    let calls = calls(&world);
    let token = |name: &str| &calls[name].1;
    assert_eq!(token("worker-1"), token("worker-3"));
    assert_ne!(token("worker-1"), token("worker-4"));
    assert_ne!(token("worker-1"), token("chief"));
    // Each request differs in the node alone.
    let first = action(&world, "worker-1");
    assert_eq!(first.for_fellow(&node("worker-2")), action(&world, "worker-2"));
}

#[test]
fn a_provider_that_takes_one_at_a_time_is_asked_for_one_at_a_time() {
    let mut world = crowd();
    world.policy.launches_together_max = 1;
    assert!(sets(&world).values().all(|set| set == "alone"));
}

#[test]
fn what_runs_already_is_asked_for_by_nobody() {
    let world = crowd().instance("worker-2", "running");
    let sets = sets(&world);
    assert_eq!(sets["worker-1"], "worker-1 worker-3..4");
    assert_eq!(sets["worker-5"], "alone");
    assert!(!sets.contains_key("worker-2"));
}

#[test]
fn a_lost_answer_is_asked_for_as_it_was_whoever_else_is_wanted_by_then() {
    let before = crowd();
    let mut after = crowd();
    for name in ["worker-1", "worker-2", "worker-3"] {
        let until = NOW.after(std::time::Duration::from_secs(1));
        let unsure = Unsure { action: action(&before, name), until, is_old: false };
        remember(&mut after, name).unsure = Some(unsure);
    }
    // Two of the three have shown themselves, and others are wanted that were not.
    let after = after.instance("worker-1", "running").instance("worker-2", "pending");
    assert_eq!(action(&after, "worker-3"), action(&before, "worker-3"));
    assert_eq!(sets(&after)["worker-4"], "worker-4..5");
}

#[test]
fn what_was_made_and_is_gone_is_made_again_alone() {
    let before = crowd();
    let mut after = crowd();
    let id = Some(AwaitedId::Instance("i-1".to_owned().into()));
    remember(&mut after, "worker-1").made = Some(Made { request: action(&before, "worker-1"), id });
    let after = after.instance("worker-4", "running").instance("worker-5", "running");
    expect(
        &after,
        &[
            ("chief", "alone"),
            ("worker-1", "alone"),
            ("worker-2", "worker-2..3"),
            ("worker-3", "worker-2..3"),
        ],
    );
}

/// A crowd of whose first three one call was asked for before, and refused; with what is remembered of each beside that.
fn refused(note: impl Fn(&mut SubjectMemory)) -> World {
    let (before, mut after) = (crowd(), crowd());
    for name in ["worker-1", "worker-2", "worker-3"] {
        let request = action(&before, name);
        let memory = remember(&mut after, name);
        memory.made = Some(Made { request, id: None });
        note(memory);
    }
    after
}

#[test]
fn a_call_that_was_one_too_many_is_shared_again_by_those_who_still_want_it() {
    let before = crowd();
    let mut after = refused(|memory| {
        memory.failure = Some(failed(ErrorClass::Retry, "RequestLimitExceeded"));
    });
    assert_eq!(calls(&after), calls(&before), "the same call, under the same token");
    // It made nothing: nobody need be asked for who is not wanted any more.
    after.definition.nodes.retain(|name, _| name.as_str() != "worker-2");
    assert_eq!(sets(&after)["worker-1"], "worker-1 worker-3..4");
}

#[test]
fn what_was_refused_together_is_asked_for_alone() {
    let before = crowd();
    let mut after = refused(|memory| memory.goes_alone = true);
    let sets = sets(&after);
    assert_eq!(
        [&sets["worker-1"], &sets["worker-2"], &sets["worker-4"]],
        ["alone", "alone", "worker-4..5"]
    );
    assert_ne!(calls(&after)["worker-1"].1, calls(&before)["worker-1"].1);
    // One that was asked for without an answer before may yet come: until then it is the same call.
    let request = action(&before, "worker-1");
    let later = NOW.after(std::time::Duration::from_secs(1));
    let unsure = |until| Some(Unsure { action: request.clone(), until, is_old: false });
    remember(&mut after, "worker-1").unsure = unsure(later);
    assert_eq!(action(&after, "worker-1"), request);
    remember(&mut after, "worker-1").unsure = unsure(NOW);
    assert_eq!(calls(&after)["worker-1"].0, None);
}

#[test]
fn a_token_that_is_used_up_makes_it_another_call_with_the_same_nodes() {
    let before = crowd();
    let mut after = crowd();
    remember(&mut after, "worker-2").token_generation = 1;
    assert_eq!(sets(&after), sets(&before));
    assert_ne!(calls(&after)["worker-1"].1, calls(&before)["worker-1"].1);
    assert_eq!(calls(&after)["worker-4"], calls(&before)["worker-4"]);
}

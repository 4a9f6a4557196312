//! In which zone and as what type a machine is asked for, where the definition leaves a choice.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod common;

use common::{NOW, World, node};
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, Subject, VolumeId};
use wucluster_core::memory::{
    AwaitedId, Candidate, Failure, FailureError, Made, NoCapacity, SubjectMemory, Unsure,
};
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::time::Timestamp;

const CHOICE: &str = r#"
[cluster]
name = "gibbon"
zone = ["z-a", "z-b"]

[node.chief]
type = ["large", "small"]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "2 GiB" }

[node.worker]
"#;

fn chief() -> Subject {
    Subject::Node(node("chief"))
}

fn error(class: ErrorClass, code: &str) -> CloudError {
    CloudError { class, code: code.to_owned(), message: "no".to_owned() }
}

/// Lets a candidate of the chief have been refused, some times, a moment ago.
fn refuse(world: &mut World, zone: &str, kind: &str, times: u32) {
    let error = error(ErrorClass::Capacity, "InsufficientInstanceCapacity");
    let memory = world.memory.subjects.entry(chief()).or_default();
    let candidate = Candidate { zone: Some(zone.to_owned()), instance_type: Some(kind.to_owned()) };
    memory.no_capacity.insert(candidate, NoCapacity { times, error: error.clone() });
    failed(world, error, times);
}

fn failed(world: &mut World, error: CloudError, times: u32) {
    let memory = world.memory.subjects.entry(chief()).or_default();
    memory.failure = Some(Failure {
        action: "RunInstances".to_owned(),
        error: FailureError::Cloud(error),
        times,
        first_at: NOW,
        last_at: NOW,
    });
    memory.not_before = Some(NOW.after(std::time::Duration::from_secs(60)));
}

fn run_of(world: &World, name: &str) -> Option<CloudAction> {
    let plan = world.plan(Demand::Launched);
    plan.actions.iter().find_map(|cleared| match cleared.action() {
        Action::Cloud(action @ CloudAction::RunInstance { node, .. }) if node.as_str() == name => {
            Some(action.clone())
        }
        _ => None,
    })
}

fn wanted(world: &World) -> Option<String> {
    run_of(world, "chief").map(|action| Candidate::of(&action).unwrap().to_string())
}

fn token(world: &World) -> String {
    match run_of(world, "chief").unwrap() {
        CloudAction::RunInstance { token, .. } => token,
        other => panic!("{other}"),
    }
}

/// The zones of the volumes that are asked for.
fn volumes(world: &World) -> Vec<String> {
    let plan = world.plan(Demand::Launched);
    let zone = |action: &Action| match action {
        Action::Cloud(CloudAction::CreateVolume { zone, .. }) => zone.clone(),
        _ => None,
    };
    plan.actions.iter().filter_map(|cleared| zone(cleared.action())).collect()
}

fn at(mut world: World, zone: &str) -> World {
    world.view.instances.last_mut().unwrap().zone = Some(zone.to_owned());
    world
}

fn volume_at(mut world: World, zone: &str) -> World {
    world.view.volumes.last_mut().unwrap().zone = Some(zone.to_owned());
    world
}

#[test]
fn zones_are_tried_in_their_order_and_in_each_all_types() {
    let mut world = World::new(CHOICE);
    for expected in ["large in z-a", "small in z-a", "large in z-b", "small in z-b"] {
        assert_eq!(wanted(&world).as_deref(), Some(expected), "at once, whatever failed before");
        let (kind, zone) = expected.split_once(" in ").unwrap();
        refuse(&mut world, zone, kind, 1);
    }
    let told = world.told(Demand::Launched);
    assert!(told.contains("wait  chief: RunInstances failed"), "the round is over: {told}");
    world.memory.subjects.get_mut(&chief()).unwrap().not_before = None;
    assert_eq!(wanted(&world).as_deref(), Some("large in z-a"), "and the next one begins");
}

#[test]
fn only_the_word_that_there_is_no_capacity_leads_to_the_next() {
    for (class, code) in [
        (ErrorClass::Retry, "RequestLimitExceeded"),
        (ErrorClass::Permanent, "VcpuLimitExceeded"),
        (ErrorClass::Permission, "UnauthorizedOperation"),
        (ErrorClass::Ambiguous, "timeout"),
    ] {
        let mut world = World::new(CHOICE);
        failed(&mut world, error(class, code), 1);
        assert_eq!(wanted(&world), None, "{code}: its pause is kept");
        world.memory.subjects.get_mut(&chief()).unwrap().not_before = None;
        let first = wanted(&world);
        assert!(first.is_none_or(|first| first == "large in z-a"), "{code}");
        // Of a later one the same is true.
        refuse(&mut world, "z-a", "large", 1);
        failed(&mut world, error(class, code), 1);
        assert_eq!(wanted(&world), None, "{code}: its pause is kept");
    }
}

#[test]
fn after_so_many_rounds_it_is_held_with_all_that_was_tried() {
    let mut world = World::new(CHOICE);
    let tries = world.policy.tries_before_hold;
    for (zone, kind) in [("z-a", "large"), ("z-a", "small"), ("z-b", "large")] {
        refuse(&mut world, zone, kind, tries);
    }
    refuse(&mut world, "z-b", "small", tries - 1);
    let told = world.told(Demand::Launched);
    assert!(!told.contains("held"), "the last round is not over: {told}");
    refuse(&mut world, "z-b", "small", tries);
    let plan = world.plan(Demand::Launched);
    let hold = plan.holds.iter().find(|hold| hold.subject == chief()).unwrap();
    assert_eq!(hold.interlock.to_string(), "no-capacity");
    assert_eq!(hold.why.len(), 4, "{:?}", hold.why);
    assert!(hold.why[0].starts_with("large in z-a: 3 times Insufficient"), "{:?}", hold.why);
    assert!(hold.why[3].starts_with("small in z-b: 3 times Insufficient"), "{:?}", hold.why);
}

#[test]
fn volumes_bind_their_node_to_their_zone_and_types_are_still_a_choice() {
    let mut world =
        volume_at(World::new(CHOICE).volume("chief/home", "available", "1 live"), "z-b");
    assert_eq!(wanted(&world).as_deref(), Some("large in z-b"));
    refuse(&mut world, "z-b", "large", 1);
    assert_eq!(wanted(&world).as_deref(), Some("small in z-b"));
    assert_eq!(volumes(&world), ["z-b"], "the other one is made beside it, at once");
    for kind in ["large", "small"] {
        refuse(&mut world, "z-b", kind, 5);
    }
    let told = world.told(Demand::Launched);
    assert!(told.contains("no other zone than z-b is tried: its volumes are there"), "{told}");
    // Snapshots bind to nothing.
    let away = World::new(CHOICE).snapshot("chief/home", "snap-1", "completed", 3);
    assert_eq!(wanted(&away).as_deref(), Some("large in z-a"));
    let deleting = World::new(CHOICE).volume("chief/home", "deleting", "1 live");
    assert_eq!(wanted(&volume_at(deleting, "z-b")).as_deref(), Some("large in z-a"));
}

#[test]
fn a_volume_that_was_asked_for_and_is_not_seen_binds_its_node_too() {
    let running = at(World::new(CHOICE).instance("chief", "running"), "z-b");
    let plan = running.plan(Demand::Launched);
    let request = plan.actions.iter().find_map(|cleared| match cleared.action() {
        Action::Cloud(action @ CloudAction::CreateVolume { .. }) => Some(action.clone()),
        _ => None,
    });
    let request = request.unwrap();
    let with = |memory: SubjectMemory| {
        let mut world = World::new(CHOICE);
        world.memory.subjects.insert(request.subject(), memory);
        wanted(&world)
    };
    let made = |id: Option<&str>| {
        let id = id.map(|id| AwaitedId::Volume(VolumeId::new(id)));
        Some(Made { request: request.clone(), id })
    };
    let unsure = Some(Unsure { action: request.clone(), until: NOW, is_old: false });
    let there = SubjectMemory { made: made(Some("vol-1")), ..SubjectMemory::default() };
    assert_eq!(with(there).as_deref(), Some("large in z-b"));
    let lost = SubjectMemory { unsure, made: made(None), ..SubjectMemory::default() };
    assert_eq!(with(lost).as_deref(), Some("large in z-b"));
    let asked = SubjectMemory {
        in_flight: Some("CreateVolume"),
        made: made(None),
        ..SubjectMemory::default()
    };
    assert_eq!(with(asked).as_deref(), Some("large in z-b"));
    let refused = SubjectMemory { made: made(None), ..SubjectMemory::default() };
    assert_eq!(with(refused).as_deref(), Some("large in z-a"), "nothing came of it");
}

#[test]
fn volumes_wait_for_the_zone_in_which_their_node_runs() {
    let world = World::new(CHOICE);
    assert!(volumes(&world).is_empty());
    let told = world.told(Demand::Launched);
    assert!(
        told.contains("wait  chief/home: it is made in the zone in which its node comes to run"),
        "{told}"
    );
    let pending = at(World::new(CHOICE).instance("chief", "pending"), "z-b");
    assert!(volumes(&pending).is_empty(), "the launch may still fail for want of capacity");
    let running = at(World::new(CHOICE).instance("chief", "running"), "z-b");
    assert_eq!(volumes(&running), ["z-b", "z-b"]);
}

#[test]
fn with_one_zone_volumes_wait_for_nothing_and_tokens_are_what_they_were() {
    let one = |zone: &str, kind: &str| {
        let text = CHOICE.replace(r#"["z-a", "z-b"]"#, zone).replace(r#"["large", "small"]"#, kind);
        World::new(&text)
    };
    let plain = one("\"z-a\"", "\"large\"");
    assert_eq!(volumes(&plain), ["z-a", "z-a"]);
    assert_eq!(token(&plain), token(&one("[\"z-a\"]", "[\"large\"]")));
    // It names neither zone nor type, as before there were lists.
    assert_eq!(token(&plain), token(&one("\"z-b\"", "\"small\"")));
    let mut several = World::new(CHOICE);
    let first = token(&several);
    assert_ne!(first, token(&plain));
    refuse(&mut several, "z-a", "large", 1);
    assert_ne!(token(&several), first, "another request under the same token is a mismatch");
}

#[test]
fn nodes_go_where_others_of_the_cluster_are() {
    let empty = World::new(CHOICE);
    let zone = |world: &World, name| Candidate::of(&run_of(world, name).unwrap()).unwrap().zone;
    assert_eq!(zone(&empty, "worker").as_deref(), Some("z-a"));
    let beside = at(World::new(CHOICE).instance("chief", "running"), "z-b");
    assert_eq!(zone(&beside, "worker").as_deref(), Some("z-b"));
    let elsewhere = at(World::new(CHOICE).instance("chief", "running"), "z-c");
    assert_eq!(zone(&elsewhere, "worker").as_deref(), Some("z-a"), "z-c is not in the list");
    let stopped = at(World::new(CHOICE).instance("chief", "stopped"), "z-b");
    assert_eq!(zone(&stopped, "worker").as_deref(), Some("z-a"));
}

#[test]
fn a_machine_whose_answer_was_lost_is_asked_for_as_it_was_until_nothing_can_come_of_it() {
    let first = run_of(&World::new(CHOICE), "chief").unwrap();
    let with = |until: Timestamp, is_refused: bool| {
        let mut world = World::new(CHOICE);
        if is_refused {
            refuse(&mut world, "z-a", "large", 1);
        }
        let memory = world.memory.subjects.entry(chief()).or_default();
        memory.not_before = None;
        memory.unsure = Some(Unsure { action: first.clone(), until, is_old: false });
        run_of(&world, "chief").unwrap()
    };
    let later = NOW.after(std::time::Duration::from_secs(1));
    assert_eq!(with(later, false), first);
    assert_eq!(with(NOW, false), first);
    assert_eq!(with(later, true), first, "it may still come, whatever the repetition was told");
    assert_eq!(Candidate::of(&with(NOW, true)).unwrap().to_string(), "small in z-a");
}

#[test]
fn a_machine_that_is_hidden_for_long_is_brought_back_and_none_is_made_elsewhere() {
    let mut world = World::new(CHOICE);
    refuse(&mut world, "z-a", "large", 1);
    let request = run_of(&world, "chief").unwrap();
    let mut later = World::new(CHOICE);
    let id = Some(AwaitedId::Instance(InstanceId::new("i-1")));
    let memory = later.memory.subjects.entry(chief()).or_default();
    memory.made = Some(Made { request: request.clone(), id });
    assert_eq!(run_of(&later, "chief").unwrap(), request);
    let memory = later.memory.subjects.entry(chief()).or_default();
    memory.made = None;
    assert_eq!(wanted(&later).as_deref(), Some("large in z-a"), "it was seen to end");
}

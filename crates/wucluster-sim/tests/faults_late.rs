//! Requests that are slow, late, repeated, or were made before: felt, counted, and judged by what is
//! so when they take effect.

mod common;

use std::time::Duration;

use common::Lab;
use wucluster_core::action::CloudAction;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{AttachmentState, InstanceState, VolumeState};
use wucluster_core::ports::{Clock, Cloud, ErrorClass, Receipt};
use wucluster_sim::{Content, Fault, FaultKind, Faults, HarmKind, Human, Sim, World};

const MINUTE: Duration = Duration::from_secs(60);

fn fired(world: &World, fault: &str) -> u64 {
    world.faults_fired().get(fault).copied().unwrap_or(0)
}

fn data() -> Content {
    Content::formatted("ext4", "u").with_file("a", "1")
}

/// A free volume with data and a complete snapshot of it.
fn saved(seed: u64) -> Lab {
    let mut lab = Lab::attached(seed, data());
    lab.world.ask(&lab.detach()).expect("it is attached");
    lab.settle();
    lab.snapshot();
    lab.settle();
    lab
}

#[test]
fn a_delayed_attachment_lands_after_the_snapshot_and_nobody_is_told() {
    let late = Fault::DelayedEffect { span: 5 * MINUTE, is_answered: true };
    let mut lab = saved(1);
    lab.world.set_faults(Faults::none().at_call("AttachVolume", 1, late));
    assert_eq!(lab.world.ask(&lab.attach()), Ok(Receipt::Accepted));
    let volume = lab.volume();
    lab.world.advance(4 * MINUTE);
    assert_eq!(lab.world.attachment_of(&volume), None);
    assert_eq!(fired(&lab.world, "C4 delayed effect"), 0, "it counts when it is felt");
    lab.world.advance(2 * MINUTE);
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Attached);
    assert_eq!(fired(&lab.world, "C4 delayed effect"), 1);
}

#[test]
fn a_delayed_effect_survives_its_operator_and_is_judged_when_it_lands() {
    let late = Fault::DelayedEffect { span: 10 * MINUTE, is_answered: false };
    let mut lab = Lab::attached_in(World::new(1), Content::formatted("ext4", "u"));
    lab.world.set_faults(Faults::none().at_call("DetachVolume", 1, late));
    assert_eq!(lab.world.ask(&lab.detach()).unwrap_err().class, ErrorClass::Ambiguous);
    // The operator is gone; another one mounts what it sees attached.
    lab.shell(&lab.mount_action()).unwrap();
    lab.world.calm();
    lab.world.advance(11 * MINUTE);
    let harm = lab.world.harm();
    assert_eq!(harm.len(), 1, "{harm:?}");
    assert_eq!((harm[0].kind, harm[0].late_by), (HarmKind::DetachedWhileMounted, 10 * MINUTE));
    assert!(harm[0].to_string().contains("it landed 600.000 s late"), "{}", harm[0]);
}

#[test]
fn what_can_no_longer_be_done_when_it_lands_is_not_done() {
    let late = Fault::DelayedEffect { span: MINUTE, is_answered: true };
    let mut lab = saved(1);
    lab.world.set_faults(Faults::none().at_call("DeleteVolume", 1, late));
    assert_eq!(lab.world.ask(&lab.delete_volume()), Ok(Receipt::Accepted));
    lab.world.ask(&lab.attach()).unwrap();
    lab.world.advance(2 * MINUTE);
    assert_eq!(lab.world.volume_state(&lab.volume()), Some(VolumeState::InUse));
    assert_eq!(fired(&lab.world, "C4 delayed effect"), 0);
    assert_eq!(lab.world.harm(), []);
}

#[test]
fn what_makes_something_is_never_confirmed_before_it_is_made() {
    let late = Fault::DelayedEffect { span: MINUTE, is_answered: true };
    let faults =
        Faults::none().at_call("CreateSnapshot", 2, late.clone()).at_call("CreateVolume", 1, late);
    let mut lab = saved(1);
    lab.world.set_faults(faults);
    lab.world.advance(MINUTE);
    assert_eq!(lab.world.ask(&lab.snapshot_action()).unwrap_err().code, "NoAnswer");
    assert_eq!(lab.world.snapshots_of(&lab.mount).len(), 1);
    // No token tells a repetition: two snapshots come of it.
    lab.snapshot();
    lab.world.advance(2 * MINUTE);
    assert_eq!(lab.world.snapshots_of(&lab.mount).len(), 3);
    // A token does.
    let create = lab.create_volume("t");
    assert_eq!(lab.world.ask(&create).unwrap_err().code, "NoAnswer");
    assert!(matches!(lab.world.ask(&create), Ok(Receipt::Volume(_))));
    lab.world.advance(2 * MINUTE);
    assert_eq!(lab.world.volumes_of(&lab.mount).len(), 2, "the old one and one new one");
}

#[test]
fn what_is_asked_under_a_token_that_was_used_is_answered_and_never_made_later() {
    let late = Fault::DelayedEffect { span: 5 * MINUTE, is_answered: false };
    let mut lab = saved(1);
    lab.world.set_faults(Faults::none().at_call("CreateVolume", 2, late));
    let create = lab.create_volume("t");
    let first = lab.world.ask(&create);
    assert!(matches!(first, Ok(Receipt::Volume(_))), "{first:?}");
    assert_eq!(lab.world.ask(&create), first);
    lab.world.advance(6 * MINUTE);
    assert_eq!(lab.world.volumes_of(&lab.mount).len(), 2, "the old one and one new one");
    assert_eq!(fired(&lab.world, "C4 delayed effect"), 0);
}

#[test]
fn a_request_that_lands_twice_at_once_is_answered_by_the_repetition() {
    let twice = || Fault::Repeated { after: Duration::ZERO };
    let mut lab = Lab::attached_in(World::new(1), data());
    let faults =
        Faults::none().at_call("CreateSnapshot", 1, twice()).at_call("AttachVolume", 1, twice());
    lab.world.set_faults(faults);
    let error = lab.world.ask(&lab.snapshot_action()).unwrap_err();
    assert_eq!(error.code, "SnapshotCreationPerVolumeRateExceeded");
    assert_eq!(lab.world.snapshots_of(&lab.mount).len(), 1, "the first one took effect");
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    assert_eq!(lab.world.ask(&lab.attach()).unwrap_err().code, "VolumeInUse");
    assert!(lab.world.attachment_of(&lab.volume()).is_some());
    assert_eq!(fired(&lab.world, "C5 repeated"), 2);
}

#[test]
fn a_repetition_that_lands_late_undoes_what_was_done_since() {
    let mut lab = Lab::attached_in(World::new(1), data());
    let twice = Fault::Repeated { after: 5 * MINUTE };
    lab.world.set_faults(Faults::none().at_call("DetachVolume", 1, twice));
    // Only what was not answered is repeated later.
    assert_eq!(lab.world.ask(&lab.detach()).unwrap_err().code, "NoAnswer");
    lab.world.advance(MINUTE);
    lab.world.ask(&lab.attach()).unwrap();
    lab.world.advance(MINUTE);
    lab.shell(&lab.mount_action()).unwrap();
    lab.world.advance(4 * MINUTE);
    assert_eq!(lab.world.harm()[0].kind, HarmKind::DetachedWhileMounted);
    assert_eq!(fired(&lab.world, "C5 repeated"), 1);
}

#[test]
fn a_token_that_was_used_before_gives_the_documented_errors() {
    let listed = Fault::TokenUsed { is_listed: true };
    let other = Fault::TokenUsed { is_listed: false };
    let faults = Faults::none()
        .at_call("RunInstances", 1, listed.clone())
        .at_call("RunInstances", 2, other.clone())
        .at_call("CreateVolume", 1, listed)
        .at_call("CreateVolume", 2, other);
    let mut lab = Lab::new(World::new(1).with_faults(faults));
    let code =
        |result: Result<Receipt, wucluster_core::ports::CloudError>| result.unwrap_err().code;
    let run = lab.run_action();
    assert_eq!(code(lab.world.ask(&run)), "IdempotentInstanceTerminated");
    assert_eq!(lab.view().instances[0].state, InstanceState::Terminated);
    let mut other_run = run.clone();
    if let CloudAction::RunInstance { token, .. } = &mut other_run {
        "other".clone_into(token);
    }
    assert_eq!(code(lab.world.ask(&other_run)), "IdempotentParameterMismatch");
    assert_eq!(code(lab.world.ask(&run)), "IdempotentInstanceTerminated", "it stays burned");
    assert_eq!(code(lab.world.ask(&lab.create_volume("a"))), "IdempotentParameterMismatch");
    assert_eq!(code(lab.world.ask(&lab.create_volume("b"))), "IdempotentParameterMismatch");
    assert_eq!(fired(&lab.world, "C5 token used"), 4);
    assert_eq!(lab.world.volumes_of(&lab.mount), []);
}

#[test]
fn a_forgotten_token_makes_a_second_thing_and_that_is_harm() {
    let short = Fault::ShortTokens { lifetime: 15 * MINUTE, span: None };
    let mut lab = Lab::new(World::new(1));
    assert!(lab.world.strike(&short));
    let first = lab.run_instance();
    lab.world.advance(14 * MINUTE);
    assert_eq!(lab.run_instance(), first);
    assert_eq!(fired(&lab.world, "T2 short tokens"), 0);
    lab.world.advance(2 * MINUTE);
    assert_ne!(lab.run_instance(), first);
    assert_eq!(fired(&lab.world, "T2 short tokens"), 1);
    assert_eq!(lab.world.harm()[0].kind, HarmKind::TwoInstances);
}

/// Asks through the port for one detachment, and returns its answer and how long it took.
async fn detach(
    sim: &Sim,
    lab: &Lab,
) -> (Result<Receipt, wucluster_core::ports::CloudError>, Duration) {
    let (cloud, clock) = (sim.cloud(), sim.clock());
    let begin = clock.now();
    let mut answers = cloud.issue(&[Cleared::unguarded(lab.detach())]).await;
    (answers.remove(0), clock.now().since(begin))
}

fn attached_with(faults: Faults) -> (Sim, Lab) {
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.world.set_faults(faults);
    (Sim::new(lab.world.clone()), lab)
}

#[test]
fn a_slow_call_is_waited_for_and_the_world_goes_on_meanwhile() {
    for is_before in [true, false] {
        let slow = Fault::SlowCall { span: Duration::from_secs(20), is_before };
        let (sim, lab) = attached_with(Faults::none().at_call("DetachVolume", 1, slow));
        let (answer, took) = wucluster_sim::run(detach(&sim, &lab));
        assert_eq!(answer, Ok(Receipt::Accepted));
        assert!((20..22).contains(&took.as_secs()), "{took:?}");
        let world = sim.into_world();
        assert_eq!(fired(&world, "C1 slow call"), 1);
        let is_detached = world.attachment_of(&lab.volume()).is_none();
        assert_eq!(is_detached, !is_before, "before: it has only just begun");
    }
}

#[test]
fn a_call_slower_than_its_callers_patience_is_given_up_and_lands_all_the_same() {
    let slow = Fault::SlowCall { span: Duration::from_secs(200), is_before: true };
    let (sim, lab) = attached_with(Faults::none().at_call("DetachVolume", 1, slow));
    let (answer, took) = wucluster_sim::run(detach(&sim, &lab));
    assert_eq!(answer.unwrap_err().code, "NoAnswer");
    assert!((30..32).contains(&took.as_secs()), "{took:?}");
    let mut world = sim.into_world();
    assert!(world.attachment_of(&lab.volume()).is_some());
    world.advance(Duration::from_secs(200));
    assert_eq!(world.attachment_of(&lab.volume()), None);
}

#[test]
fn a_call_that_hangs_is_given_up_whether_or_not_it_took_effect() {
    for takes_effect in [true, false] {
        let hang = Fault::Hang { takes_effect };
        let (sim, lab) = attached_with(Faults::none().at_call("DetachVolume", 1, hang));
        let (answer, took) = wucluster_sim::run(detach(&sim, &lab));
        assert_eq!(answer.unwrap_err().class, ErrorClass::Ambiguous);
        assert!((30..32).contains(&took.as_secs()), "{took:?}");
        let world = sim.into_world();
        assert_eq!(fired(&world, "C2 hang"), 1);
        assert_eq!(world.attachment_of(&lab.volume()).is_none(), takes_effect);
    }
    let hang = Fault::Hang { takes_effect: true };
    let (sim, lab) = attached_with(Faults::none().at_call("DescribeVolumes", 1, hang));
    let looked = wucluster_sim::run(async { sim.cloud().observe(&lab.cluster).await });
    assert_eq!(looked.unwrap_err().class, ErrorClass::Retry, "a look has no effect");
}

#[test]
fn a_torn_batch_takes_effect_in_part_and_is_not_answered() {
    let mut lab = Lab::new(World::new(1));
    lab.world.set_faults(Faults::none().at_call("CreateVolume", 2, Fault::TornBatch));
    let batch: Vec<Cleared<CloudAction>> =
        ["a", "b", "c"].map(|token| Cleared::unguarded(lab.create_volume(token))).into();
    let sim = Sim::new(lab.world.clone());
    let answers = wucluster_sim::run(async { sim.cloud().issue(&batch).await });
    assert!(
        answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.code == "NoAnswer"))
    );
    let world = sim.into_world();
    assert_eq!(world.volumes_of(&lab.mount).len(), 2);
    assert_eq!(world.kinds_fired().get(&FaultKind::TornBatch), Some(&1));
}

#[test]
fn requests_fail_in_runs_at_a_tight_rate_and_without_rights_for_a_time() {
    let mut lab = Lab::new(World::new(1));
    lab.world.set_faults(Faults::none().at_call("CreateVolume", 1, Fault::ServerErrors { run: 3 }));
    let create = lab.create_volume("t");
    let fails = (0..5).filter(|_| lab.world.ask(&create).is_err()).count();
    assert_eq!((fails, fired(&lab.world, "A2 server errors")), (3, 3));

    let rate = Fault::TightRate { per_second: 2, span: Some(MINUTE) };
    assert!(lab.world.strike(&rate));
    let refused = (0..5).filter(|_| lab.world.ask(&create).is_err()).count();
    assert_eq!((refused, fired(&lab.world, "A1 tight rate")), (3, 3));
    lab.world.advance(2 * MINUTE);
    assert!((0..5).all(|_| lab.world.ask(&create).is_ok()));

    use wucluster_sim::Denial;
    for (denial, code) in [
        (Denial::Expired, "ExpiredToken"),
        (Denial::Unauthorized, "UnauthorizedOperation"),
        (Denial::Clock, "RequestExpired"),
    ] {
        let request = Some("CreateVolume".to_owned());
        assert!(lab.world.strike(&Fault::DeniedFor { denial, request, span: Some(MINUTE) }));
        assert_eq!(lab.world.ask(&create).unwrap_err().code, code);
        assert!(lab.world.observe(&lab.cluster).is_ok(), "only that request is denied");
        lab.world.advance(2 * MINUTE);
        assert!(lab.world.ask(&create).is_ok());
    }
    assert_eq!(fired(&lab.world, "A3 denied for a time"), 3);
}

#[test]
fn a_human_who_changed_something_else_excuses_nothing() {
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    let tag = Human::TagInstance(lab.node.clone(), "team".to_owned(), "a".to_owned());
    lab.world.human(&tag).unwrap();
    lab.world.ask(&lab.delete_volume()).unwrap();
    assert_eq!(lab.world.harm()[0].kind, HarmKind::DeletedUnsaved, "the tag is no reason");
}

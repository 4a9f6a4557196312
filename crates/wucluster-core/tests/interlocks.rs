//! Each interlock blocks when it must and permits when it may; and switched off, it would have let
//! the harmful request through. What is lost then, the simulation shows.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod common;

use common::{GIBBON, NOW, SOLO, UUID, World, key};
use wucluster_core::action::{Action, CloudAction, ShellAction};
use wucluster_core::definition::FilesystemKind;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, SnapshotId, Subject, VolumeId};
use wucluster_core::interlock::{Interlock, Refusal, Rung, clear, needs_second_look};
use wucluster_core::memory::{
    Awaited, AwaitedId, Failure, FailureError, OpenRequest, SubjectMemory,
};
use wucluster_core::observation::{Contents, InstanceState};
use wucluster_core::phases::{Phase, PhaseEntry, Phases, entry_before};
use wucluster_core::policy::Consent;
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::time::Timestamp;

fn home() -> wucluster_core::ids::MountKey {
    key("chief/home")
}

fn volume() -> VolumeId {
    VolumeId::new("vol-chief-home")
}

fn detach() -> Action {
    Action::Cloud(CloudAction::DetachVolume {
        mount: home(),
        volume: volume(),
        instance: InstanceId::new("i-chief"),
    })
}

fn delete() -> Action {
    Action::Cloud(CloudAction::DeleteVolume {
        mount: home(),
        volume: volume(),
        kept_by: Some(SnapshotId::new("snap-1")),
    })
}

fn terminate() -> Action {
    Action::Cloud(CloudAction::TerminateInstance {
        node: common::node("chief"),
        instance: InstanceId::new("i-chief"),
    })
}

fn stop() -> Action {
    Action::Cloud(CloudAction::StopInstance {
        node: common::node("chief"),
        instance: InstanceId::new("i-chief"),
    })
}

/// A running machine that answers, and has no device of a volume.
fn idle() -> World {
    let mut world = attached().device(|_| {});
    world.view.volumes.clear();
    world = world.volume("chief/home", "available", "1 live");
    let answer = world.answers.values_mut().next().expect("it answers");
    answer.probe.as_mut().expect("it answers").devices.clear();
    world
}

fn mkfs() -> Action {
    Action::Shell(ShellAction::MakeFilesystem {
        mount: home(),
        serial: volume().serial(),
        fs: FilesystemKind::Ext4,
        uuid: UUID.to_owned(),
    })
}

/// What the gate says: nothing, when it clears the action.
fn refused(world: &World, action: Action) -> Option<Refusal> {
    world.with_context(Demand::Away, |ctx| clear(ctx, action).err())
}

#[track_caller]
fn assert_permits(world: &World, action: Action) {
    assert_eq!(refused(world, action), None);
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn assert_blocks(world: &World, action: Action, interlock: Interlock) {
    match refused(world, action.clone()) {
        Some(Refusal::First(_, hold) | Refusal::Hold(hold)) => {
            assert_eq!(hold.interlock, interlock, "{hold:?}");
        }
        other => panic!("expected {interlock}, got {other:?}"),
    }
}

#[track_caller]
fn assert_waits(world: &World, action: Action) {
    match refused(world, action) {
        Some(Refusal::Wait(_)) => {}
        other => panic!("expected a wait, got {other:?}"),
    }
}

#[cfg(feature = "ablation")]
#[track_caller]
fn assert_guard(world: &World, action: Action, interlock: Interlock) {
    assert!(refused(world, action.clone()).is_some(), "{interlock} does not block");
    let mut ablated = world.clone();
    ablated.policy.ablated.insert(interlock);
    assert_permits(&ablated, action);
}

fn attached() -> World {
    World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached")
}

fn sealed() -> World {
    World::new(SOLO).volume("chief/home", "available", "1 sealed")
}

#[test]
fn detach_is_held_while_mounted() {
    assert_blocks(&attached().mounted("/mnt/home"), detach(), Interlock::MountBusy);
}

#[test]
fn detach_is_held_while_mounted_at_another_place() {
    assert_blocks(&attached().mounted("/somewhere"), detach(), Interlock::MountBusy);
}

#[test]
fn detach_is_held_while_another_name_space_has_it_mounted() {
    let world = attached().device(|device| device.is_held = Some(true));
    assert_blocks(&world, detach(), Interlock::MountBusy);
}

#[test]
fn detach_is_held_while_it_cannot_be_told_whether_it_is_in_use() {
    let world = attached().device(|device| device.is_held = None);
    assert_blocks(&world, detach(), Interlock::MountBusy);
}

#[test]
fn detach_is_held_while_something_stands_on_the_device() {
    let world = attached().device(|device| device.on_top = vec!["nvme1n1p1".to_owned()]);
    assert_blocks(&world, detach(), Interlock::MountBusy);
}

#[test]
fn detach_waits_for_a_silent_node_and_is_held_when_it_stays_silent() {
    let mut world = attached().silent("chief");
    assert_waits(&world, detach());
    world.memory.silent_since.insert(common::node("chief"), Timestamp::from_millis(0));
    assert_blocks(&world, detach(), Interlock::NodeSilent);
}

#[test]
fn a_detachment_on_a_nodes_positive_word_needs_one_look_and_on_less_needs_two() {
    let weighs = |world: &World| {
        world.with_context(Demand::Away, |ctx| needs_second_look(ctx.observation, &detach()))
    };
    assert!(!weighs(&attached()), "the node shows the device, and that nothing has it in use");
    let mut unseen = attached();
    unseen.answers.get_mut(&common::node("chief")).unwrap().probe.as_mut().unwrap().devices.clear();
    assert!(weighs(&unseen), "the node shows no device: it may be missing in its answer only");
    let off = World::new(SOLO)
        .instance("chief", "stopped")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached");
    assert!(weighs(&off), "that a machine is off is the word of a listing, which may be old");
    assert_permits(&off, detach());
}

#[test]
fn what_a_machine_of_another_name_has_mounted_is_held_and_not_waited_for() {
    let taken = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-other", "attached");
    let plan = taken.plan(Demand::Unmounted);
    assert!(plan.waits.is_empty(), "{:?}", plan.waits);
    assert_eq!(plan.holds[0].interlock, Interlock::AttachedElsewhere);
}

#[test]
fn detach_waits_while_the_node_has_not_lacked_the_device_for_long() {
    let mut world = attached();
    world.answers.get_mut(&common::node("chief")).unwrap().probe.as_mut().unwrap().devices.clear();
    assert_waits(&world, detach());
    let patience = world.policy.attachment_patience.as_millis();
    let patience = i64::try_from(patience).unwrap();
    let mut lacks_since = |span: i64| {
        let since = Timestamp::from_millis(NOW.as_millis() - span);
        world.memory.deviceless_since.insert(home(), since);
        world.clone()
    };
    assert_waits(&lacks_since(patience - 1), detach());
    assert_permits(&lacks_since(patience), detach());
}

#[test]
fn a_readiness_check_that_was_not_asked_is_waited_for_however_long_it_said_no_before() {
    let mut world = World::new("[cluster]\nname = \"gibbon\"\n[node.chief]\nready = [\"true\"]\n")
        .instance("chief", "running");
    world.memory.unready_since.insert(common::node("chief"), Timestamp::from_millis(0));
    let plan = world.plan(Demand::Launched);
    assert!(plan.holds.is_empty(), "{:?}", plan.holds);
    assert!(!plan.is_stuck(), "the node is asked");
}

#[test]
fn a_detachment_that_failed_is_asked_for_again_only_on_a_newer_word_of_the_node() {
    let failed_at = |world: &mut World, last_at: Timestamp| {
        let error = CloudError {
            class: ErrorClass::Retry,
            code: "InternalError".to_owned(),
            message: "not now".to_owned(),
        };
        let failure = Failure {
            action: "DetachVolume".to_owned(),
            error: FailureError::Cloud(error),
            times: 1,
            first_at: last_at,
            last_at,
        };
        let memory = world.memory.subjects.entry(Subject::Mount(home())).or_default();
        memory.failure = Some(failure);
    };
    let mut world = attached();
    failed_at(&mut world, NOW);
    assert_waits(&world, detach());
    failed_at(&mut world, Timestamp::from_millis(NOW.as_millis() - 1));
    assert_permits(&world, detach());
}

#[test]
fn a_running_node_without_an_address_is_as_silent_as_one_that_does_not_answer() {
    let mut world = attached().without_address("chief");
    assert_waits(&world, detach());
    world.memory.silent_since.insert(common::node("chief"), Timestamp::from_millis(0));
    assert_blocks(&world, detach(), Interlock::NodeSilent);
}

#[test]
fn detach_waits_for_an_unmount_that_keeps_late_mounts_out() {
    let mut world = attached();
    world.memory.fenced.clear();
    assert!(matches!(refused(&world, detach()), Some(Refusal::First(Rung::Unmount, _))));
    // Nothing arrives at a machine that does not run.
    let mut world = World::new(SOLO)
        .instance("chief", "stopped")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached");
    world.memory.fenced.clear();
    assert_permits(&world, detach());
}

#[test]
fn detach_is_permitted_once_unmounted() {
    assert_permits(&attached(), detach());
}

#[test]
fn detach_is_permitted_from_a_stopped_machine() {
    let world = World::new(SOLO)
        .instance("chief", "stopped")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached");
    assert_permits(&world, detach());
}

#[test]
fn detach_waits_for_an_answer_newer_than_the_last_request_to_the_node() {
    let mut world = attached();
    let memory = SubjectMemory { shell_settled_at: Some(NOW), ..SubjectMemory::default() };
    world.memory.subjects.insert(Subject::Mount(home()), memory);
    assert_waits(&world, detach());
}

#[test]
fn delete_is_permitted_under_a_complete_snapshot_of_the_sealed_epoch() {
    assert_permits(&sealed().snapshot("chief/home", "snap-1", "completed", 1), delete());
}

#[test]
fn delete_is_held_without_a_snapshot() {
    assert_blocks(&sealed(), delete(), Interlock::SnapshotOlder);
}

#[test]
fn delete_is_held_under_a_snapshot_of_an_earlier_epoch() {
    let world = World::new(SOLO).volume("chief/home", "available", "2 sealed").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        1,
    );
    assert_blocks(&world, delete(), Interlock::SnapshotOlder);
}

#[test]
fn delete_is_held_while_the_epoch_is_live() {
    let world = World::new(SOLO).volume("chief/home", "available", "1 live").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        1,
    );
    assert_blocks(&world, delete(), Interlock::SnapshotOlder);
}

#[test]
fn delete_is_held_under_a_snapshot_of_another_volume() {
    let world = World::new(SOLO)
        .volume_called("chief/home", "vol-other", "available", "1 sealed")
        .snapshot("chief/home", "snap-1", "completed", 1);
    let action = Action::Cloud(CloudAction::DeleteVolume {
        mount: home(),
        volume: VolumeId::new("vol-other"),
        kept_by: Some(SnapshotId::new("snap-1")),
    });
    assert_blocks(&world, action, Interlock::SnapshotOlder);
}

#[test]
fn delete_is_held_under_a_snapshot_of_another_size() {
    let mut world = sealed().snapshot("chief/home", "snap-1", "completed", 1);
    world.view.snapshots[0].size = wucluster_core::definition::Size::from_gib(7);
    assert_blocks(&world, delete(), Interlock::SnapshotOlder);
}

#[test]
fn delete_waits_for_a_pending_snapshot_whatever_its_progress() {
    let mut world = sealed().snapshot("chief/home", "snap-1", "pending", 1);
    world.view.snapshots[0].progress_percent = Some(100);
    assert_waits(&world, delete());
}

#[test]
fn delete_is_held_under_snapshots_that_failed() {
    let mut world = sealed();
    for id in ["snap-1", "snap-2", "snap-3"] {
        world = world.snapshot("chief/home", id, "error", 1);
    }
    assert_blocks(&world, delete(), Interlock::SnapshotFailed);
}

#[test]
fn delete_is_held_beyond_what_was_said_yes_to() {
    let mut world = sealed().snapshot("chief/home", "snap-1", "completed", 1);
    world.policy.consent = Consent::Only(["vol-else".to_owned()].into());
    assert_blocks(&world, delete(), Interlock::BeyondYes);
    world.policy.consent = Consent::Only(["vol-chief-home".to_owned()].into());
    assert_permits(&world, delete());
}

fn mount_home() -> Action {
    Action::Shell(ShellAction::Mount {
        mount: home(),
        serial: volume().serial(),
        at: "/mnt/home".to_owned(),
        kind: "ext4".to_owned(),
        options: Vec::new(),
        owner: None,
        group: None,
        mode: None,
    })
}

#[test]
fn mount_is_held_under_an_epoch_that_a_snapshot_claims_whoever_attached_it() {
    let live = || {
        World::new(SOLO)
            .instance("chief", "running")
            .volume("chief/home", "in-use", "1 live")
            .attached("i-chief", "attached")
    };
    assert_permits(&live(), mount_home());
    assert_blocks(
        &live().snapshot("chief/home", "snap-1", "completed", 1),
        mount_home(),
        Interlock::SnapshotOlder,
    );
    let sealed = live().tag("wucluster:epoch", "1 sealed");
    assert_blocks(&sealed, mount_home(), Interlock::SnapshotOlder);
    assert!(
        sealed.told(Demand::Launched).contains("do    detach"),
        "{}",
        sealed.told(Demand::Launched)
    );
}

#[test]
fn detach_does_not_wait_for_the_word_of_a_machine_that_has_halted() {
    let memory = |world: &mut World| {
        let settled = Some(NOW.after(std::time::Duration::from_secs(1)));
        let memory = SubjectMemory { shell_settled_at: settled, ..SubjectMemory::default() };
        world.memory.subjects.insert(Subject::Mount(home()), memory);
    };
    let mut running = attached();
    memory(&mut running);
    assert_waits(&running, detach());
    let mut halted = attached();
    memory(&mut halted);
    halted.view.instances[0].state = InstanceState::Stopped;
    assert_permits(&halted, detach());
}

#[test]
fn detach_waits_while_the_start_of_a_halted_machine_may_still_come() {
    let second = std::time::Duration::from_secs(1);
    let mut halted = attached();
    halted.view.instances[0].state = InstanceState::Stopped;
    let instance = halted.view.instances[0].id.clone();
    let node = home().node;
    let mut asked = |instance, until| {
        let action = CloudAction::StartInstance { node: node.clone(), instance };
        let open = OpenRequest { action, times: 1, asked_at: NOW, until };
        let memory = SubjectMemory { open_requests: vec![open], ..SubjectMemory::default() };
        halted.memory.subjects.insert(Subject::Node(node.clone()), memory);
        refused(&halted, detach())
    };
    let while_open = asked(instance.clone(), NOW.after(second));
    assert!(matches!(while_open, Some(Refusal::Wait(_))), "{while_open:?}");
    assert_eq!(asked(instance, NOW), None, "it can come no more");
    assert_eq!(asked(InstanceId::new("i-other"), NOW.after(second)), None, "of another machine");
}

#[test]
fn what_is_up_is_not_told_to_be_so_while_its_end_may_still_come() {
    let second = std::time::Duration::from_secs(1);
    let mut world =
        World::new("[cluster]\nname = \"solo\"\n[node.chief]\n").instance("chief", "running");
    let node = common::node("chief");
    let mut waits = |instance: &str, until| {
        let instance = InstanceId::new(instance);
        let action = CloudAction::TerminateInstance { node: node.clone(), instance };
        let open = OpenRequest { action, times: 1, asked_at: NOW, until };
        let memory = SubjectMemory { open_requests: vec![open], ..SubjectMemory::default() };
        world.memory.subjects.insert(Subject::Node(node.clone()), memory);
        let plan = world.plan(Demand::Instantiated);
        assert!(plan.is_met() && plan.actions.is_empty());
        plan.waits.len()
    };
    assert_eq!(waits("i-chief", NOW.after(second)), 1);
    assert_eq!(waits("i-chief", NOW), 0, "it can come no more");
    assert_eq!(waits("i-before", NOW.after(second)), 0, "another machine's, that is gone");
}

#[test]
fn delete_is_held_while_attached() {
    let world = attached().snapshot("chief/home", "snap-1", "completed", 1);
    assert_blocks(&world, delete(), Interlock::DetachStuck);
}

#[test]
fn delete_is_held_when_two_volumes_carry_the_name() {
    let world = sealed().volume_called("chief/home", "vol-twin", "available", "1 sealed").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        1,
    );
    assert_blocks(&world, delete(), Interlock::IdentityConflict);
}

#[test]
fn delete_is_held_when_the_epoch_cannot_be_read() {
    let world = World::new(SOLO).volume("chief/home", "available", "nonsense").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        1,
    );
    assert_blocks(&world, delete(), Interlock::Foreign);
}

#[test]
fn terminate_waits_while_a_volume_is_attached() {
    assert_waits(&attached(), terminate());
}

#[test]
fn terminate_is_held_by_a_volume_that_would_die_with_it() {
    let mut world = attached();
    world.view.volumes[0].attachments[0].delete_on_termination = None;
    assert_blocks(&world, terminate(), Interlock::DeleteOnTermination);
}

#[test]
fn terminate_is_permitted_with_nothing_attached() {
    assert_permits(&World::new(SOLO).instance("chief", "running"), terminate());
}

#[test]
fn stop_is_permitted_by_the_word_of_a_machine_that_let_go_of_all() {
    assert_permits(&idle(), stop());
    assert!(idle().with_context(Demand::Parked, |ctx| needs_second_look(ctx.observation, &stop())));
    // It deletes nothing, and asks for no yes.
    let mut world = idle();
    world.policy.consent = Consent::Only([].into());
    assert_permits(&world, stop());
}

#[test]
fn stop_waits_while_a_volume_is_attached() {
    assert_waits(&attached().device(|_| {}), stop());
    // The flag that would delete a volume with a machine says nothing about one that is stopped.
    let mut world = attached().device(|_| {});
    world.view.volumes[0].attachments[0].delete_on_termination = None;
    assert_waits(&world, stop());
}

#[test]
fn stop_waits_while_the_machine_shows_the_device_of_a_volume_that_is_listed_as_free() {
    let mut world = attached().device(|_| {});
    world.view.volumes.clear();
    let world = world.volume("chief/home", "available", "1 live");
    assert_waits(&world, stop());
    #[cfg(feature = "ablation")]
    assert_guard(&world, stop(), Interlock::StillAttached);
}

#[test]
fn stop_is_held_by_a_device_in_use_that_no_listing_shows() {
    assert_blocks(&mounted_and_not_listed(), stop(), Interlock::StillAttached);
}

#[test]
fn stop_waits_for_the_word_of_the_machine() {
    let silent = World::new(SOLO).instance("chief", "running").silent("chief");
    assert_waits(&silent, stop());
    #[cfg(feature = "ablation")]
    {
        let mut unguarded = silent;
        unguarded.policy.unguarded.insert(wucluster_core::policy::Guard::NodesWord);
        unguarded.policy.ablated.insert(Interlock::StillAttached);
        assert_permits(&unguarded, stop());
    }
}

#[test]
fn only_what_runs_is_stopped() {
    for state in ["pending", "stopping", "stopped", "shutting-down"] {
        assert_waits(&World::new(SOLO).instance("chief", state), stop());
    }
}

#[test]
fn what_is_halted_is_not_told_to_be_parked_while_its_start_may_still_come() {
    let second = std::time::Duration::from_secs(1);
    let mut world =
        World::new("[cluster]\nname = \"solo\"\n[node.chief]\n").instance("chief", "stopped");
    let node = common::node("chief");
    let mut waits = |until| {
        let instance = InstanceId::new("i-chief");
        let action = CloudAction::StartInstance { node: node.clone(), instance };
        let open = OpenRequest { action, times: 1, asked_at: NOW, until };
        let memory = SubjectMemory { open_requests: vec![open], ..SubjectMemory::default() };
        world.memory.subjects.insert(Subject::Node(node.clone()), memory);
        let plan = world.plan(Demand::Parked);
        assert!(plan.is_met() && plan.actions.is_empty());
        plan.waits.len()
    };
    assert_eq!(waits(NOW.after(second)), 1);
    assert_eq!(waits(NOW), 0, "it can come no more");
}

#[test]
fn what_is_up_is_not_told_to_be_so_while_its_stop_may_still_come() {
    let second = std::time::Duration::from_secs(1);
    let mut world =
        World::new("[cluster]\nname = \"solo\"\n[node.chief]\n").instance("chief", "running");
    let node = common::node("chief");
    let action =
        CloudAction::StopInstance { node: node.clone(), instance: InstanceId::new("i-chief") };
    let open = OpenRequest { action, times: 1, asked_at: NOW, until: NOW.after(second) };
    let memory = SubjectMemory { open_requests: vec![open], ..SubjectMemory::default() };
    world.memory.subjects.insert(Subject::Node(node), memory);
    let plan = world.plan(Demand::Instantiated);
    assert!(plan.is_met() && plan.actions.is_empty());
    assert_eq!(plan.waits.len(), 1);
}

#[test]
fn delete_is_held_under_a_record_that_is_older_than_the_data() {
    let mut world = sealed().snapshot("chief/home", "snap-1", "completed", 1);
    world.memory.data_epochs.insert(home(), 1);
    assert_permits(&world, delete());
    world.memory.data_epochs.insert(home(), 2);
    assert_blocks(&world, delete(), Interlock::SnapshotOlder);
}

/// A machine with a mounted device whose volume the listing leaves out.
fn mounted_and_not_listed() -> World {
    let mut world = attached().mounted("/mnt/home");
    world.view.volumes.clear();
    world
}

#[test]
fn terminate_is_held_by_a_device_in_use_that_no_listing_shows() {
    assert_blocks(&mounted_and_not_listed(), terminate(), Interlock::StillAttached);
}

#[test]
fn terminate_waits_for_the_word_of_a_running_machine() {
    let silent = World::new(SOLO).instance("chief", "running").silent("chief");
    assert_waits(&silent, terminate());
}

#[test]
fn terminate_waits_for_the_word_of_a_machine_that_answered_and_is_listed_as_pending() {
    let mut world = World::new(SOLO).instance("chief", "pending");
    assert_permits(&world, terminate());
    let id = world.view.instances[0].id.clone();
    let later = NOW.after(std::time::Duration::from_secs(1));
    world.memory.answered.insert(id.clone(), later);
    assert_waits(&world, terminate());
    world.memory.answered.insert(id, NOW);
    assert_permits(&world, terminate());
}

#[test]
fn terminate_waits_while_answers_leave_out_what_the_machine_had_in_use() {
    let mut world = World::new(SOLO).instance("chief", "running");
    let id = world.view.instances[0].id.clone();
    let patience = world.policy.attachment_patience;
    let left_out = |since| [("vol1".to_owned(), since)].into();
    world.memory.in_use.insert(id.clone(), left_out(Some(NOW)));
    assert_waits(&world, terminate());
    #[cfg(feature = "ablation")]
    {
        let mut unguarded = world;
        unguarded.policy.unguarded.insert(wucluster_core::policy::Guard::MissingDevice);
        assert_permits(&unguarded, terminate());
    }
    let mut world = World::new(SOLO).instance("chief", "running");
    // It is shown again, and by that word it is not in use.
    world.memory.in_use.insert(id.clone(), left_out(None));
    assert_permits(&world, terminate());
    let long_ago =
        Timestamp::from_millis(NOW.as_millis() - i64::try_from(patience.as_millis()).unwrap());
    world.memory.in_use.insert(id, left_out(Some(long_ago)));
    assert_permits(&world, terminate());
}

#[test]
fn terminate_needs_no_word_of_a_stopped_machine() {
    assert_permits(&World::new(SOLO).instance("chief", "stopped"), terminate());
}

#[test]
fn terminate_waits_for_a_volume_that_was_there_and_is_not_listed() {
    let mut world = World::new(SOLO).instance("chief", "running");
    let awaited = Awaited {
        what: AwaitedId::Volume(volume()),
        since: NOW,
        until: NOW.after(std::time::Duration::from_secs(1)),
        is_ending: false,
    };
    let memory = SubjectMemory { awaited: vec![awaited.clone()], ..SubjectMemory::default() };
    world.memory.subjects.insert(Subject::Mount(home()), memory);
    assert_waits(&world, terminate());
    let over = vec![Awaited { until: NOW, ..awaited }];
    let memory = SubjectMemory { awaited: over, ..SubjectMemory::default() };
    world.memory.subjects.insert(Subject::Mount(home()), memory);
    assert_permits(&world, terminate());
}

#[test]
fn a_device_that_does_not_appear_is_waited_for_and_then_held() {
    let mount = || {
        Action::Shell(ShellAction::Mount {
            mount: home(),
            serial: volume().serial(),
            at: "/mnt/home".to_owned(),
            kind: "ext4".to_owned(),
            options: Vec::new(),
            owner: None,
            group: None,
            mode: None,
        })
    };
    let since = |seconds: i64| {
        let mut world = attached();
        for answer in world.answers.values_mut() {
            if let Ok(probe) = &mut answer.probe {
                probe.devices.clear();
            }
        }
        let at = Timestamp::from_millis(NOW.as_millis() - seconds * 1000);
        let state = wucluster_core::observation::AttachmentState::Attached;
        world.memory.attachments.insert(home(), (state, at));
        world
    };
    assert_waits(&since(89), mount());
    assert_blocks(&since(90), mount(), Interlock::NodeFailed);
}

#[test]
fn terminate_is_held_by_a_volume_of_another_node_that_is_attached_to_it() {
    let world = World::new(GIBBON)
        .instance("chief", "running")
        .volume("worker-1/scratch", "in-use", "1 live")
        .attached("i-chief", "attached");
    assert_waits(&world, terminate());
}

#[test]
fn terminate_is_held_by_an_attached_volume_whose_tags_fit_no_mount() {
    let stranger = attached().tag("wucluster:schema", "2");
    assert_blocks(&stranger, terminate(), Interlock::StillAttached);
    let mut detached = stranger;
    detached.view.volumes[0].attachments.clear();
    assert_permits(&detached, terminate());
}

#[test]
fn terminate_waits_while_an_attachment_is_being_asked_for() {
    let mut world =
        World::new(SOLO).instance("chief", "running").volume("chief/home", "available", "1 live");
    let memory = SubjectMemory { in_flight: Some("AttachVolume"), ..SubjectMemory::default() };
    world.memory.subjects.insert(Subject::Mount(home()), memory.clone());
    assert_waits(&world, terminate());
    // Of a mount that left the definition, and that this listing does not show.
    let mut unseen = World::new(SOLO).instance("chief", "running");
    unseen.memory.subjects.insert(Subject::Mount(key("chief/old")), memory.clone());
    assert_waits(&unseen, terminate());
    let mut of_another = World::new(SOLO).instance("chief", "running");
    of_another.memory.subjects.insert(Subject::Mount(key("worker/old")), memory);
    assert_permits(&of_another, terminate());
}

fn blank() -> World {
    attached().tag("wucluster:content", "blank").device(|device| device.contents = Contents::Blank)
}

#[test]
fn mkfs_is_permitted_on_what_we_made_blank_and_see_blank() {
    assert_permits(&blank(), mkfs());
}

#[test]
fn mkfs_is_held_on_anything_that_is_not_proven_blank() {
    for contents in [
        Contents::Filesystem { kind: "ext4".to_owned(), uuid: None },
        Contents::Other("LVM2_member".to_owned()),
        Contents::Unreadable("blkid: status 2, and the device cannot be read".to_owned()),
    ] {
        let world = blank().device(|device| device.contents = contents.clone());
        assert_blocks(&world, mkfs(), Interlock::NotBlank);
    }
}

#[test]
fn mkfs_waits_for_a_close_look() {
    assert_waits(&blank().device(|device| device.contents = Contents::NotExamined), mkfs());
}

#[test]
fn mkfs_is_held_on_a_volume_that_came_from_a_snapshot() {
    let mut world = blank();
    world.view.volumes[0].from_snapshot = Some(SnapshotId::new("snap-base"));
    assert_blocks(&world, mkfs(), Interlock::NotBlank);
}

#[test]
fn mkfs_is_held_on_a_volume_that_is_recorded_to_hold_data() {
    assert_blocks(&blank().tag("wucluster:content", "data"), mkfs(), Interlock::NotBlank);
}

#[test]
fn mkfs_is_held_where_data_was_seen_under_this_epoch() {
    let mut world = blank();
    world.memory.data_epochs.insert(home(), 1);
    assert_blocks(&world, mkfs(), Interlock::NotBlank);
}

fn create(from: Option<&str>) -> Action {
    Action::Cloud(CloudAction::CreateVolume {
        mount: home(),
        size: wucluster_core::definition::Size::from_gib(1),
        from: from.map(SnapshotId::new),
        zone: None,
        ebs: wucluster_core::definition::EbsVolume::default(),
        tags: wucluster_core::tags::Tags::default(),
        token: "token".to_owned(),
    })
}

#[test]
fn a_blank_volume_is_permitted_where_no_data_ever_was() {
    assert_permits(&World::new(SOLO), create(None));
}

#[test]
fn a_blank_volume_is_held_where_data_was() {
    let mut world = World::new(SOLO);
    world.memory.data_epochs.insert(home(), 1);
    assert_blocks(&world, create(None), Interlock::DataMissing);
}

#[test]
fn a_blank_volume_is_held_where_a_snapshot_of_data_is() {
    let world = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 1);
    assert_blocks(&world, create(None), Interlock::DataMissing);
}

#[test]
fn only_the_newest_snapshot_is_brought_back() {
    let world = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 1).snapshot(
        "chief/home",
        "snap-2",
        "completed",
        2,
    );
    assert_blocks(&world, create(Some("snap-1")), Interlock::DataMissing);
    assert_permits(&world, create(Some("snap-2")));
}

#[test]
fn an_older_snapshot_does_not_take_the_place_of_a_failed_one() {
    let world = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 1).snapshot(
        "chief/home",
        "snap-2",
        "error",
        2,
    );
    assert_blocks(&world, create(Some("snap-1")), Interlock::DataMissing);
}

#[test]
fn a_pending_newest_snapshot_is_waited_for() {
    let world = World::new(SOLO).snapshot("chief/home", "snap-1", "completed", 1).snapshot(
        "chief/home",
        "snap-2",
        "pending",
        2,
    );
    assert_waits(&world, create(Some("snap-1")));
}

fn attach() -> Action {
    Action::Cloud(CloudAction::AttachVolume {
        mount: home(),
        volume: volume(),
        instance: InstanceId::new("i-chief"),
    })
}

#[test]
fn attach_is_permitted_under_a_live_epoch_that_no_snapshot_claims() {
    let world = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "available", "2 live")
        .snapshot("chief/home", "snap-1", "completed", 1);
    assert_permits(&world, attach());
}

/// That world, while something that was asked for may still come.
fn may_come(world: &World, action: Action, until: Timestamp) -> World {
    let Action::Cloud(action) = action else { panic!("{action} is asked of a node") };
    let mut world = world.clone();
    let memory = world.memory.subjects.entry(action.subject()).or_default();
    memory.open_requests = vec![OpenRequest { action, times: 1, asked_at: NOW, until }];
    world
}

#[test]
fn nothing_is_attached_or_mounted_that_may_still_be_taken_away() {
    let available = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "available", "2 live")
        .snapshot("chief/home", "snap-1", "completed", 1);
    let later = NOW.after(std::time::Duration::from_secs(1));
    assert_permits(&blank(), mkfs());
    for end in [detach(), delete(), terminate()] {
        for (world, use_of_it) in [(&available, attach()), (&blank(), mkfs())] {
            assert_waits(&may_come(world, end.clone(), later), use_of_it.clone());
        }
        assert_permits(&may_come(&available, end.clone(), NOW), attach());
        assert_permits(&may_come(&blank(), end, NOW), mkfs());
    }
    let elsewhere = Action::Cloud(CloudAction::DetachVolume {
        mount: home(),
        volume: volume(),
        instance: InstanceId::new("i-former"),
    });
    assert_permits(&may_come(&available, elsewhere, later), attach());
}

#[test]
fn attach_is_held_until_a_sealed_epoch_is_raised() {
    let world =
        World::new(SOLO).instance("chief", "running").volume("chief/home", "available", "1 sealed");
    assert_blocks(&world, attach(), Interlock::SnapshotOlder);
}

#[test]
fn attach_is_held_under_an_epoch_that_a_snapshot_claims_even_a_pending_one() {
    for state in ["pending", "completed", "error"] {
        let world = World::new(SOLO)
            .instance("chief", "running")
            .volume("chief/home", "available", "1 live")
            .snapshot("chief/home", "snap-1", state, 1);
        assert_blocks(&world, attach(), Interlock::SnapshotOlder);
    }
}

#[test]
fn nothing_is_taken_away_from_another_machine() {
    let world = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-stranger", "attached");
    assert_blocks(&world, attach(), Interlock::AttachedElsewhere);
    assert_blocks(&world, detach(), Interlock::AttachedElsewhere);
}

#[test]
fn a_destructive_request_is_renewed_only_on_a_newer_look() {
    let mut world = sealed().snapshot("chief/home", "snap-1", "completed", 1);
    let first = world.with_context(Demand::Away, |ctx| clear(ctx, delete()).unwrap());
    let same_look = world.with_context(Demand::Away, |ctx| first.clone().renew(ctx));
    assert!(matches!(same_look, Err(Refusal::Wait(_))));
    world.view.asked_at = NOW.after(std::time::Duration::from_millis(1));
    world
        .with_context(Demand::Away, |ctx| first.clone().renew(ctx))
        .expect("a newer look shows the same");
    world.view.snapshots.clear();
    let gone = world.with_context(Demand::Away, |ctx| first.renew(ctx));
    assert!(matches!(gone, Err(Refusal::First(..))), "the snapshot vanished between the two looks");
}

#[cfg(feature = "ablation")]
mod switched_off {
    use super::*;

    #[test]
    fn each_guard_is_all_that_stands_in_the_way() {
        let mounted = attached().mounted("/mnt/home");
        assert_guard(&mounted, detach(), Interlock::MountBusy);
        assert_guard(&attached(), terminate(), Interlock::StillAttached);
        let stranger = attached().tag("wucluster:schema", "2");
        assert_guard(&stranger, terminate(), Interlock::StillAttached);
        let older = World::new(SOLO).volume("chief/home", "available", "2 sealed").snapshot(
            "chief/home",
            "snap-1",
            "completed",
            1,
        );
        assert_guard(&older, delete(), Interlock::SnapshotOlder);
        let mut unguarded = mounted_and_not_listed();
        unguarded.policy.unguarded.insert(wucluster_core::policy::Guard::NodesWord);
        assert_permits(&unguarded, terminate());
        let pending = sealed().snapshot("chief/home", "snap-1", "pending", 1);
        assert_guard(&pending, delete(), Interlock::SnapshotUnfinished);
        let foreign = blank().device(|device| device.contents = Contents::Other("LUKS".to_owned()));
        assert_guard(&foreign, mkfs(), Interlock::NotBlank);
        let lost = World::new(SOLO).snapshot("chief/home", "snap-1", "error", 1);
        assert_guard(&lost, create(None), Interlock::DataMissing);
        let mut unasked = sealed().snapshot("chief/home", "snap-1", "completed", 1);
        unasked.policy.consent = Consent::Only([].into());
        assert_guard(&unasked, delete(), Interlock::BeyondYes);
        let claimed = World::new(SOLO)
            .instance("chief", "running")
            .volume("chief/home", "available", "1 live")
            .snapshot("chief/home", "snap-1", "completed", 1);
        assert_guard(&claimed, attach(), Interlock::SnapshotOlder);
    }
}

#[test]
fn an_answer_from_before_the_attachment_says_nothing_about_the_device() {
    let mount = mount_home;
    let later = NOW.after(std::time::Duration::from_secs(1));
    let mut world = attached();
    assert_permits(&world, mount());
    let state = wucluster_core::observation::AttachmentState::Attached;
    world.memory.attachments.insert(home(), (state, later));
    assert_waits(&world, mount());
    assert_waits(&world, detach());
}

#[test]
fn a_snapshot_whose_epoch_was_edited_does_not_pass_for_the_newest() {
    // Per snapshot: its volume, the epoch that it claims, and when it was begun.
    let listed = |snapshots: &[(&str, &str, u64, i64)]| {
        let mut world = World::new(SOLO);
        for (id, volume, epoch, at) in snapshots {
            world = world.snapshot("chief/home", id, "completed", *epoch);
            let seen = world.view.snapshots.last_mut().unwrap();
            seen.volume = VolumeId::new(*volume);
            seen.started_at = Some(Timestamp::from_millis(*at));
        }
        world
    };
    let of_another_volume = listed(&[("snap-1", "vol-1", 7, 10), ("snap-2", "vol-2", 2, 20)]);
    assert_blocks(&of_another_volume, create(Some("snap-1")), Interlock::DataMissing);
    let of_its_volume = listed(&[("snap-1", "vol-1", 7, 10), ("snap-2", "vol-1", 2, 20)]);
    assert_blocks(&of_its_volume, create(Some("snap-1")), Interlock::DataMissing);
    let as_it_should_be = listed(&[("snap-1", "vol-1", 1, 10), ("snap-2", "vol-2", 2, 20)]);
    assert_permits(&as_it_should_be, create(Some("snap-2")));
    // What was asked for twice, and was carried out a second time much later.
    let repeated = listed(&[
        ("snap-1", "vol-1", 1, 10),
        ("snap-2", "vol-1", 2, 20),
        ("snap-3", "vol-1", 1, 30),
    ]);
    assert_permits(&repeated, create(Some("snap-2")));
}

#[test]
fn a_conflict_that_ends_by_itself_is_waited_for() {
    let both = |first: &str, second: &str| {
        World::new(SOLO)
            .instance_called("chief", "i-1", first)
            .instance_called("chief", "i-2", second)
            .volume("chief/home", "in-use", "1 live")
            .attached("i-1", "attached")
            .plan(Demand::Launched)
    };
    assert!(both("stopped", "shutting-down").holds.is_empty());
    assert!(both("shutting-down", "shutting-down").holds.is_empty());
    let held = both("stopped", "running").holds;
    assert_eq!(held[0].interlock, Interlock::IdentityConflict);
    assert_eq!(held[1].interlock, Interlock::AttachedElsewhere);
    // The one that has the volume halts: what comes of it is seen first.
    let held = both("stopping", "running").holds;
    assert_eq!(held.len(), 1, "{held:?}");
    let volumes = World::new(SOLO)
        .volume("chief/home", "available", "1 live")
        .volume("chief/home", "deleting", "1 sealed")
        .plan(Demand::Launched);
    assert!(volumes.holds.is_empty(), "{:?}", volumes.holds);
}

#[test]
fn a_volume_is_held_and_not_raised_for_ever_under_a_snapshot_without_a_readable_epoch() {
    let mut world = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "available", "3 live")
        .snapshot("chief/home", "snap-1", "completed", 1);
    world.view.snapshots[0].tags.set(wucluster_core::tags::KEY_EPOCH, "rubbish");
    let plan = world.plan(Demand::Launched);
    assert!(plan.actions.is_empty(), "{:?}", plan.actions);
    assert_eq!(plan.holds[0].interlock, Interlock::Foreign);
}

#[test]
fn a_nameless_volume_in_the_place_of_a_mount_holds_what_leads_down() {
    let unlisted = |at: &str| {
        let mut world = World::new(SOLO)
            .instance("chief", "running")
            .volume("chief/home", "in-use", "1 live")
            .attached("i-chief", "attached")
            .mounted(at);
        world.view.volumes.clear();
        world
    };
    let down =
        [Demand::Unmounted, Demand::Separated, Demand::RecentlySnapshotted, Demand::Haltable];
    for demand in down {
        let plan = unlisted("/mnt/home").plan(demand);
        let holds: Vec<_> = plan.holds.iter().map(|hold| hold.interlock).collect();
        assert_eq!(holds, [Interlock::MountedElsewhere], "{demand}");
        assert!(!plan.is_met(), "{demand}");
        // Mounted elsewhere, or held by a container, it may be the mount's all the same.
        let mut held = unlisted("/mnt/home");
        for answer in held.answers.values_mut() {
            let probe = answer.probe.as_mut().unwrap();
            probe.mount_table.clear();
            probe.devices.values_mut().for_each(|device| device.mounts.clear());
        }
        for world in [unlisted("/srv"), held] {
            let plan = world.plan(demand);
            let holds: Vec<_> = plan.holds.iter().map(|hold| hold.interlock).collect();
            assert_eq!(holds, [Interlock::MountedElsewhere], "{demand}");
        }
    }
    // A listing may lack it for once: then it is awaited.
    let mut world = unlisted("/mnt/home");
    let awaited = Awaited {
        what: AwaitedId::Volume(VolumeId::new("vol-chief-home")),
        since: NOW,
        until: NOW.after(std::time::Duration::from_secs(60)),
        is_ending: false,
    };
    let memory = SubjectMemory { awaited: vec![awaited], ..SubjectMemory::default() };
    world.memory.subjects.insert(Subject::Mount(key("chief/home")), memory);
    let plan = world.plan(Demand::Unmounted);
    assert!(plan.holds.is_empty() && !plan.is_met());
}

#[test]
fn what_a_user_attached_beside_the_mounts_holds_nothing() {
    let world = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached")
        .mounted("/srv")
        .volume_called("chief/home", "vol-other", "available", "1 live");
    let mut world = world;
    world.view.volumes.remove(0);
    assert!(world.plan(Demand::Separated).is_met());
}

#[test]
fn a_running_node_that_left_the_definition_is_asked_before_anything_is_unmounted() {
    let mut world = World::new(SOLO).instance("gone", "running");
    world.answers.clear();
    let plan = world.plan(Demand::Unmounted);
    assert!(!plan.is_met() && plan.holds.is_empty() && plan.waits.len() == 1, "{plan:?}");
    assert!(world.plan(Demand::Mounted).waits.is_empty());
}

#[test]
fn of_two_machines_with_one_name_nothing_is_said_to_be_unmounted() {
    let world = World::new(SOLO)
        .instance_called("chief", "i-1", "running")
        .instance_called("chief", "i-2", "running");
    let plan = world.plan(Demand::Unmounted);
    let holds: Vec<_> = plan.holds.iter().map(|hold| hold.interlock).collect();
    assert!(!plan.is_met());
    assert_eq!(holds, [Interlock::IdentityConflict]);
}

#[test]
fn a_volume_that_is_listed_as_new_is_not_known_to_be_detached() {
    let world = World::new(SOLO).volume("chief/home", "creating", "1 live");
    let plan = world.plan(Demand::Separated);
    assert!(!plan.is_met() && plan.holds.is_empty() && plan.waits.len() == 1, "{plan:?}");
}

#[test]
fn a_volume_that_fits_no_mount_and_is_in_use_holds_what_leads_down() {
    let estranged = |world: World| {
        let mut world = world
            .volume("chief/home", "in-use", "1 live")
            .attached("i-chief", "attached")
            .mounted("/srv");
        world.view.volumes[0].tags.set(wucluster_core::tags::KEY_MOUNT, "1 sealed");
        world
    };
    let down =
        [Demand::Unmounted, Demand::Separated, Demand::RecentlySnapshotted, Demand::Haltable];
    for demand in down {
        let world = estranged(World::new(SOLO).instance("chief", "running"));
        let plan = world.plan(demand);
        let holds: Vec<_> = plan.holds.iter().map(|hold| hold.interlock).collect();
        assert_eq!(holds, [Interlock::Foreign], "{demand}");
        assert!(!plan.is_met(), "{demand}");
        // As long as its node was not asked, nothing is reported; what is not in use is nobody's concern.
        let mut unasked = world.clone();
        unasked.answers.clear();
        let plan = unasked.plan(demand);
        assert!(plan.holds.is_empty() && !plan.waits.is_empty() && !plan.is_met(), "{demand}");
        let mut unused = world;
        let unmounted = World::new(SOLO).instance("chief", "running");
        unused.answers = unmounted.answers;
        assert!(unused.plan(demand).is_met(), "{demand}");
    }
}

#[test]
fn what_is_awaited_is_gone_only_when_a_later_look_does_not_show_it() {
    let until = Timestamp::from_millis(NOW.as_millis() - 60_000);
    let mut world = World::new(SOLO);
    world.view.asked_at = Timestamp::from_millis(until.as_millis() - 1);
    let awaited = Awaited {
        what: AwaitedId::Instance(InstanceId::new("i-chief")),
        since: world.view.asked_at,
        until,
        is_ending: false,
    };
    let memory = SubjectMemory { awaited: vec![awaited], ..SubjectMemory::default() };
    world.memory.subjects.insert(Subject::Node(common::node("chief")), memory);
    let makes = |world: &World| {
        let plan = world.plan(Demand::Instantiated);
        plan.actions.iter().any(|action| action.action().name() == "RunInstances")
    };
    assert!(!makes(&world), "the last look was begun before");
    world.view.asked_at = until;
    assert!(makes(&world));
}

#[test]
fn a_volume_under_an_older_epoch_than_was_sealed_is_raised_before_a_snapshot() {
    let mut world = World::new(SOLO).volume("chief/home", "available", "4 sealed");
    world.memory.sealed_epochs.insert(key("chief/home"), 6);
    for demand in [Demand::RecentlySnapshotted, Demand::Away] {
        let plan = world.plan(demand);
        let asked: Vec<_> = plan.actions.iter().map(|one| one.action().to_string()).collect();
        assert_eq!(asked, ["mark vol-chief-home of chief/home: epoch=7 live generation=1"]);
    }
}

#[test]
fn a_seal_waits_for_the_word_of_a_running_node() {
    let mut tags = wucluster_core::tags::Tags::default();
    tags.set(wucluster_core::tags::KEY_EPOCH, "3 sealed");
    let request = CloudAction::TagVolume { mount: home(), volume: volume(), tags };
    let seal = || Action::Cloud(request.clone());
    let free = || World::new(SOLO).volume("chief/home", "available", "3 live");
    // A mount that an earlier run asked for may be on its way to it, and the listing may be old.
    assert_waits(&free().instance("chief", "running").silent("chief"), seal());
    assert_permits(&free().instance("chief", "running"), seal());
    assert_permits(&free().instance("chief", "stopped"), seal());
    assert_permits(&free(), seal());
}

/// What the log of phases says of the volume.
fn entered(phase: Phase, epoch: u64) -> Option<Phases> {
    let mut phases = Phases::default();
    let kept_by = (phase == Phase::Deleting).then(|| SnapshotId::new("snap-1"));
    phases.enter(PhaseEntry { volume: volume(), mount: home(), phase, epoch, kept_by });
    Some(phases)
}

/// A volume that is put away but for its deletion.
fn covered() -> World {
    World::new(SOLO).volume("chief/home", "available", "3 sealed").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        3,
    )
}

#[test]
fn delete_is_permitted_under_a_seal_that_was_entered_and_held_under_none() {
    let mut world = covered();
    world.memory.phases = entered(Phase::Sealed, 3);
    assert_permits(&world, delete());
    // The store was lost, or tells of another epoch, or somebody has entered that it is written to.
    for phases in [Some(Phases::default()), entered(Phase::Sealed, 2), entered(Phase::Live, 3)] {
        world.memory.phases = phases;
        assert_blocks(&world, delete(), Interlock::DeletionEntered);
    }
}

#[test]
fn a_lost_store_costs_one_more_snapshot() {
    let mut world = covered();
    world.memory.phases = Some(Phases::default());
    let asked = |world: &World| {
        let plan = world.plan(Demand::Away);
        plan.actions.iter().map(|one| one.action().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&world), ["mark vol-chief-home of chief/home: epoch=4 live generation=4"]);
    let mut raised = World::new(SOLO).volume("chief/home", "available", "4 live").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        3,
    );
    raised.memory.phases = Some(Phases::default());
    assert_eq!(asked(&raised), ["mark vol-chief-home of chief/home: epoch=4 sealed"]);
    let mut sealed = World::new(SOLO).volume("chief/home", "available", "4 sealed").snapshot(
        "chief/home",
        "snap-1",
        "completed",
        3,
    );
    sealed.memory.phases = entered(Phase::Sealed, 4);
    assert_eq!(asked(&sealed), ["take a snapshot of vol-chief-home of chief/home"]);
}

#[test]
fn a_volume_whose_deletion_was_begun_is_deleted_and_never_used_again() {
    let mut world = covered().instance("chief", "running");
    let asked = |world: &World| {
        let plan = world.plan(Demand::Launched);
        plan.actions.iter().map(|one| one.action().to_string()).collect::<Vec<_>>()
    };
    world.memory.phases = entered(Phase::Sealed, 3);
    assert_eq!(asked(&world), ["mark vol-chief-home of chief/home: epoch=4 live generation=4"]);
    world.memory.phases = entered(Phase::Deleting, 3);
    world.policy.consent = Consent::Only(std::collections::BTreeSet::new());
    assert_eq!(asked(&world), ["delete vol-chief-home of chief/home, kept by snap-1"]);
    // Without its snapshot it has to be kept by another one first.
    world.view.snapshots.clear();
    assert_eq!(asked(&world), ["take a snapshot of vol-chief-home of chief/home"]);
}

#[test]
fn neither_attach_nor_mount_nor_mkfs_touches_a_volume_whose_deletion_was_begun() {
    let attach = Action::Cloud(CloudAction::AttachVolume {
        mount: home(),
        volume: volume(),
        instance: InstanceId::new("i-chief"),
    });
    let mut free =
        World::new(SOLO).instance("chief", "running").volume("chief/home", "available", "4 live");
    let held =
        World::new(SOLO).instance("chief", "running").volume("chief/home", "in-use", "4 live");
    let mut held = held.attached("i-chief", "attached");
    let mount = Action::Shell(ShellAction::Mount {
        mount: home(),
        serial: volume().serial(),
        at: "/mnt/home".to_owned(),
        kind: "ext4".to_owned(),
        options: Vec::new(),
        owner: None,
        group: None,
        mode: None,
    });
    for (phase, is_permitted) in
        [(Phase::Live, true), (Phase::Sealed, true), (Phase::Deleting, false), (Phase::Gone, false)]
    {
        (free.memory.phases, held.memory.phases) = (entered(phase, 3), entered(phase, 3));
        let mut blank = held.clone().tag("wucluster:content", "blank");
        blank = blank.device(|device| device.contents = Contents::Blank);
        for (world, action) in [(&free, attach.clone()), (&held, mount.clone()), (&blank, mkfs())] {
            if is_permitted {
                assert_permits(world, action);
            } else {
                #[cfg(feature = "ablation")]
                assert_guard(world, action, Interlock::DeletionEntered);
                #[cfg(not(feature = "ablation"))]
                assert_blocks(world, action, Interlock::DeletionEntered);
            }
        }
    }
}

#[test]
fn what_cannot_be_undone_is_entered_first() {
    let attach = Action::Cloud(CloudAction::AttachVolume {
        mount: home(),
        volume: volume(),
        instance: InstanceId::new("i-chief"),
    });
    let entry = |world: &World, action: &Action| {
        world.with_context(Demand::Away, |ctx| {
            entry_before(ctx, action).map(|entry| (entry.phase, entry.epoch))
        })
    };
    let mut world = covered();
    assert_eq!(entry(&world, &delete()), None, "nobody keeps a log");
    world.memory.phases = Some(Phases::default());
    assert_eq!(entry(&world, &attach), Some((Phase::Live, 3)));
    assert_eq!(entry(&world, &delete()), Some((Phase::Deleting, 3)));
    assert_eq!(entry(&world, &detach()), None);
    world.memory.phases = entered(Phase::Live, 3);
    assert_eq!(entry(&world, &attach), None, "it is entered already");
    let mut tags = wucluster_core::tags::Tags::default();
    tags.set("wucluster:epoch", "3 sealed");
    let seal = Action::Cloud(CloudAction::TagVolume {
        mount: home(),
        volume: volume(),
        tags: tags.clone(),
    });
    assert_eq!(entry(&world, &seal), Some((Phase::Sealed, 3)));
    tags.set("wucluster:epoch", "4 live");
    let raise = Action::Cloud(CloudAction::TagVolume { mount: home(), volume: volume(), tags });
    assert_eq!(entry(&world, &raise), None);
    // There is no way back.
    world.memory.phases = entered(Phase::Deleting, 3);
    for action in [&attach, &seal, &delete()] {
        assert_eq!(entry(&world, action), None, "{action}");
    }
}

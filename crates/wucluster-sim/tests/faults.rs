//! Every fault can be felt, is counted when it is felt, and ends with calm.

mod common;

use std::time::Duration;

use common::{Lab, node};
use wucluster_core::action::CloudAction;
use wucluster_core::observation::{AttachmentState, GapKind, InstanceState, VolumeState};
use wucluster_core::ports::{ErrorClass, Receipt, ShellError};
use wucluster_sim::{Content, Fault, Faults, HarmKind, Human, World};

const HOUR: Duration = Duration::from_secs(3600);

fn fired(lab: &Lab, fault: &str) -> u64 {
    lab.world.faults_fired().get(fault).copied().unwrap_or(0)
}

#[test]
fn a_lost_answer_leaves_its_effect_and_the_token_finds_it() {
    let faults = Faults::none().at_call("CreateVolume", 1, Fault::LostAnswer);
    let mut lab = Lab::new(World::new(1).with_faults(faults));
    let create = lab.create_volume("token");
    let error = lab.world.ask(&create).unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("NoAnswer", ErrorClass::Ambiguous));
    assert_eq!(lab.world.ask(&create), Ok(Receipt::Volume(lab.volume())));
    assert_eq!(lab.world.volumes_of(&lab.mount).len(), 1);
    assert_eq!(fired(&lab, "C3 lost answer"), 1);
}

#[test]
fn a_lost_answer_of_a_refused_request_does_not_count() {
    let faults = Faults::none().at_call("DetachVolume", 1, Fault::LostAnswer);
    let mut lab = Lab::attached_in(World::new(1).with_faults(faults), Content::blank());
    lab.world.human(&Human::ForceDetach(lab.mount.clone())).unwrap();
    assert_eq!(lab.world.ask(&lab.detach()).unwrap_err().code, "IncorrectState");
    assert_eq!(fired(&lab, "C3 lost answer"), 0);
}

#[test]
fn requests_are_throttled_and_fail_before_their_effect() {
    let faults = Faults::none()
        .at_call("CreateVolume", 1, Fault::Throttle)
        .at_call("CreateVolume", 2, Fault::ServerError)
        .at_call("CreateVolume", 3, Fault::Denied)
        .at_call("DescribeVolumes", 1, Fault::ServerError);
    let mut lab = Lab::new(World::new(1).with_faults(faults));
    let create = lab.create_volume("token");
    let classes: Vec<_> = (0..3).map(|_| lab.world.ask(&create).unwrap_err().class).collect();
    assert_eq!(classes, [ErrorClass::Retry, ErrorClass::Ambiguous, ErrorClass::Permission]);
    assert_eq!(lab.world.observe(&lab.cluster).unwrap_err().class, ErrorClass::Retry);
    assert_eq!(lab.world.volumes_of(&lab.mount), []);
    assert_eq!(lab.world.calls()["CreateVolume"].asked, 3);
    assert_eq!(lab.world.calls()["CreateVolume"].done, 0);
}

#[test]
fn a_launch_without_capacity_or_luck_ends_in_words() {
    let faults = Faults::none().at_call("RunInstances", 1, Fault::NoCapacity).at_call(
        "RunInstances",
        2,
        Fault::LaunchFails,
    );
    let mut lab = Lab::new(World::new(1).with_faults(faults));
    assert_eq!(lab.world.ask(&lab.run_action()).unwrap_err().class, ErrorClass::Capacity);
    let instance = lab.run_instance();
    lab.settle();
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Terminated));
    let view = lab.view();
    assert!(view.instances[0].state_reason.as_deref().unwrap().starts_with("Server.InternalError"));
}

#[test]
fn what_is_stuck_stays_so_until_calm() {
    let faults = Faults::none()
        .at_call("AttachVolume", 1, Fault::StuckAttaching { span: None })
        .at_call("DetachVolume", 2, Fault::StuckDetaching { span: None });
    let mut lab = Lab::attached_in(World::new(1).with_faults(faults), Content::blank());
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    lab.world.ask(&lab.attach()).unwrap();
    lab.world.advance(HOUR);
    let volume = lab.volume();
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Attaching);
    lab.world.ask(&lab.detach()).unwrap();
    lab.world.advance(HOUR);
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Detaching);
    lab.world.calm();
    lab.settle();
    assert_eq!(lab.world.volume_state(&volume), Some(VolumeState::Available));
    assert_eq!((fired(&lab, "C8 stuck attaching"), fired(&lab, "C8 stuck detaching")), (1, 1));
}

#[test]
fn a_slow_snapshot_is_completed_by_calm() {
    let slow = Fault::SnapshotSlow { span: 8 * HOUR };
    let mut lab = Lab::mounted_in(World::new(1).with_faults(Faults::none().with_chance(1.0, slow)));
    let snapshot = lab.snapshot();
    lab.world.advance(HOUR);
    let percent = lab.view().snapshots[0].progress_percent.unwrap();
    assert!((5..50).contains(&percent), "{percent} %");
    lab.world.calm();
    lab.settle();
    assert_eq!(lab.world.snapshot_state(&snapshot).unwrap().as_str(), "completed");
    assert!(lab.world.now().since(wucluster_sim::EPOCH) < 2 * HOUR);
}

#[test]
fn a_node_that_is_cut_off_or_impersonated_gets_nothing() {
    let span = Some(Duration::from_secs(60));
    let name = Some(node("head"));
    let faults = Faults::none()
        .after(Duration::ZERO, Fault::Unreachable { node: name.clone(), span, hangs: false })
        .after(Duration::from_secs(100), Fault::WrongHost { node: name, span });
    let mut lab = Lab::mounted_in(World::new(1));
    lab.world.set_faults(faults);
    lab.world.advance(Duration::from_secs(1));
    assert_eq!(lab.probe().unwrap_err().kind, GapKind::NoAnswer);
    assert!(matches!(lab.unmount(), Err(ShellError::NoAnswer(_))));
    lab.world.advance(Duration::from_secs(60));
    assert!(lab.probe().is_ok());
    lab.world.advance(Duration::from_secs(60));
    assert_eq!(lab.probe().unwrap_err().kind, GapKind::WrongHost);
    assert!(matches!(lab.unmount(), Err(ShellError::NoAnswer(_))));
    assert!(lab.world.mounted_at(&lab.mount).is_some());
    assert_eq!((fired(&lab, "N1 unreachable"), fired(&lab, "N1 wrong host")), (2, 2));
}

#[test]
fn machines_stop_reboot_and_vanish_unasked() {
    let name = Some(node("head"));
    let strike = |fault: Fault| {
        let mut lab = Lab::mounted(1);
        lab.world.write(&lab.mount, "a", "1").unwrap();
        assert!(lab.world.strike(&fault));
        lab.settle();
        let id = lab.view().instances[0].id.clone();
        assert_eq!(fired(&lab, fault.name()), 1);
        assert_eq!(lab.world.harm(), [], "nobody asked for it");
        (
            lab.world.instance_state(&id).unwrap(),
            lab.world.losses().len(),
            lab.world.mounted_at(&lab.mount),
        )
    };
    assert_eq!(
        strike(Fault::MachineStops { node: name.clone() }),
        (InstanceState::Stopped, 1, None)
    );
    assert_eq!(
        strike(Fault::MachineTerminates { node: name.clone() }),
        (InstanceState::Terminated, 1, None)
    );
    let reboot = |is_in_order| Fault::MachineReboots { node: name.clone(), is_in_order };
    assert_eq!(strike(reboot(true)), (InstanceState::Running, 0, None));
    assert_eq!(strike(reboot(false)), (InstanceState::Running, 1, None));
}

#[test]
fn new_things_hide_and_listings_are_late_each_in_its_own_way() {
    let span = Duration::from_secs(120);
    let faults = Faults::none().at_call("CreateVolume", 1, Fault::Hidden { span });
    let mut lab = Lab::new(World::new(1).with_faults(faults));
    lab.world.ask(&lab.create_volume("t")).unwrap();
    lab.world.advance(Duration::from_secs(100));
    assert_eq!(lab.view().volumes.len(), 0);
    lab.world.advance(Duration::from_secs(30));
    assert_eq!(lab.view().volumes.len(), 1);

    let lag = Duration::from_secs(600);
    let stale = Fault::StaleListings { lag, span: None, wavers: true };
    let mut lab = Lab::attached_in(
        World::new(1).with_faults(Faults::none().after(HOUR, stale)),
        Content::blank(),
    );
    lab.world.advance(HOUR);
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    lab.world.advance(Duration::from_secs(300));
    let looks: Vec<_> = (0..50).map(|_| lab.view().volumes[0].clone()).collect();
    assert!(looks.iter().any(|seen| seen.state == VolumeState::InUse));
    assert!(looks.iter().any(|seen| seen.state == VolumeState::Available));
    let is_torn = |seen: &wucluster_core::observation::VolumeSeen| {
        seen.state == VolumeState::Available && !seen.attachments.is_empty()
    };
    assert!(looks.iter().any(is_torn), "state and attachment are late each by itself");
    assert!(fired(&lab, "C7 wavering listings") > 0);
    lab.world.calm();
    assert!(lab.view().volumes[0].is_free());
}

#[test]
fn a_mount_is_busy_just_when_it_is_to_be_unmounted() {
    let busy = Fault::UmountBusy { span: Some(Duration::from_secs(60)) };
    let mut lab =
        Lab::mounted_in(World::new(1).with_faults(Faults::none().at_call("umount", 1, busy)));
    assert!(matches!(lab.unmount(), Err(ShellError::Busy { .. })));
    lab.world.advance(Duration::from_secs(61));
    assert!(lab.unmount().is_ok());
}

#[test]
fn a_failed_volume_cannot_be_read_and_what_is_cached_for_it_is_lost() {
    let mut lab = Lab::mounted(1);
    let volume = lab.volume();
    lab.world.write(&lab.mount, "a", "1").unwrap();
    assert!(lab.world.strike(&Fault::VolumeFails { mount: Some(lab.mount.clone()) }));
    assert_eq!(lab.world.volume_state(&volume), Some(VolumeState::Error));
    lab.world.advance(HOUR);
    assert_eq!(lab.world.losses()[0].writes, 1);
    let delete = CloudAction::DeleteVolume { mount: lab.mount.clone(), volume, kept_by: None };
    assert_eq!(lab.world.ask(&delete).unwrap_err().code, "IncorrectState");
}

#[test]
fn humans_change_tags_and_flags_and_the_next_request_is_judged_by_them() {
    let key = wucluster_core::tags::KEY_CLUSTER.to_owned();
    let mut lab = Lab::attached_in(World::new(1), Content::blank());
    lab.world.human(&Human::UntagVolume(lab.mount.clone(), key)).unwrap();
    assert_eq!(lab.view().volumes.len(), 0, "without the tag it is not listed");
    lab.world.advance(Duration::from_secs(1));
    lab.world.ask(&lab.detach()).unwrap();
    assert_eq!(lab.world.harm()[0].kind, HarmKind::TouchedForeign);

    let mut lab =
        Lab::attached_in(World::new(1), Content::formatted("ext4", "u").with_file("a", "1"));
    lab.world.human(&Human::SetDeleteOnTermination(lab.mount.clone(), true)).unwrap();
    let volume = lab.volume();
    assert_eq!(lab.view().volumes[0].attachments[0].delete_on_termination, Some(true));
    lab.world.advance(Duration::from_secs(1));
    let terminate =
        CloudAction::TerminateInstance { node: lab.node.clone(), instance: lab.instance() };
    lab.world.ask(&terminate).unwrap();
    lab.settle();
    assert_eq!(lab.world.harm()[0].kind, HarmKind::DeletedWithInstance);
    assert_eq!(lab.world.volume_state(&volume), Some(VolumeState::Deleted));
}

#[test]
fn a_human_strikes_between_the_look_and_the_effect() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    lab.unmount().unwrap();
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    lab.snapshot();
    lab.settle();
    let attach = Human::Attach(lab.mount.clone(), lab.node.clone());
    lab.world.set_faults(Faults::none().at_call("DeleteVolume", 1, Fault::Human(attach)));
    assert_eq!(lab.world.ask(&lab.delete_volume()).unwrap_err().code, "VolumeInUse");
    assert_eq!(fired(&lab, "H3 human hands"), 1);
    lab.settle();
    let at = Human::Mount(lab.mount.clone(), "/elsewhere".to_owned());
    lab.world.human(&at).unwrap();
    assert_eq!(lab.world.mounted_at(&lab.mount).as_deref(), Some("/elsewhere"));
    lab.world.human(&Human::CopyVolume(lab.mount.clone())).unwrap();
    lab.world.human(&Human::CopyInstance(lab.node.clone())).unwrap();
    assert_eq!(lab.world.volumes_of(&lab.mount).len(), 2);
    assert_eq!(lab.world.instances_of(&lab.node).len(), 2);
    assert_eq!(lab.world.harm(), []);
}

#[test]
fn chances_and_rates_run_out_with_their_plan() {
    let faults = Faults::none()
        .with_chance(1.0, Fault::Throttle)
        .with_rate(3600.0, Fault::MachineReboots { node: None, is_in_order: true })
        .lasting(Duration::from_secs(60));
    let mut lab = Lab::attached_in(World::new(1), Content::blank());
    lab.world.set_faults(faults);
    assert!(lab.world.observe(&lab.cluster).is_err());
    lab.world.advance(Duration::from_secs(61));
    let reboots = fired(&lab, "K2 machine reboots");
    assert!(reboots > 10, "{reboots} reboots in a minute");
    assert!(lab.world.observe(&lab.cluster).is_ok());
    lab.world.advance(HOUR);
    assert_eq!(fired(&lab, "K2 machine reboots"), reboots);
}

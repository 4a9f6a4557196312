//! Faults of the cloud's things: listings, zones, volumes, snapshots, machines, addresses, room.

mod common;

use std::time::Duration;

use common::{Lab, node};
use wucluster_core::action::CloudAction;
use wucluster_core::observation::{
    AttachmentState, Contents, GapKind, InstanceSeen, InstanceState, SnapshotState, VolumeState,
};
use wucluster_core::ports::{ErrorClass, ShellError};
use wucluster_core::tags::{KEY_CLUSTER, KEY_NAME};
use wucluster_sim::{Content, Fault, Faults, HarmKind, Human, Room, Tear, World};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn fired(lab: &Lab, fault: &str) -> u64 {
    lab.world.faults_fired().get(fault).copied().unwrap_or(0)
}

fn data() -> Content {
    Content::formatted("ext4", "u").with_file("a", "1")
}

#[test]
fn torn_pages_lack_something_or_have_it_twice_or_run_out() {
    let faults = Faults::none()
        .at_call("DescribeVolumes", 1, Fault::TornPages { tear: Tear::Missing })
        .at_call("DescribeVolumes", 2, Fault::TornPages { tear: Tear::Twice })
        .at_call("DescribeVolumes", 3, Fault::TornPages { tear: Tear::Expired });
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.world.set_faults(faults);
    assert_eq!(lab.view().volumes.len(), 0);
    assert_eq!(lab.view().volumes.len(), 2);
    let error = lab.world.observe(&lab.cluster).unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("InvalidNextToken", ErrorClass::Retry));
    assert_eq!(lab.view().volumes.len(), 1);
    assert_eq!(fired(&lab, "P1 torn pages"), 3);
}

#[test]
fn a_tear_in_an_empty_listing_is_not_felt() {
    let faults = Faults::none().with_chance(1.0, Fault::TornPages { tear: Tear::Missing });
    let mut lab = Lab::new(World::new(1).with_faults(faults));
    assert_eq!(lab.view().volumes.len(), 0);
    assert_eq!(fired(&lab, "P1 torn pages"), 0);
}

#[test]
fn a_zone_out_of_order_refuses_requests_hides_instances_and_its_machines_run_on() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    let address = lab.address().unwrap();
    assert!(lab.world.strike(&Fault::ZoneOutage { zone: None, span: Some(HOUR) }));
    assert_eq!(lab.world.ask(&lab.detach()).unwrap_err().class, ErrorClass::Ambiguous);
    assert_eq!(lab.world.observe(&lab.cluster).unwrap_err().class, ErrorClass::Retry);
    let (probe, _) = lab.world.probe(&address, &Default::default());
    assert_eq!(probe.unwrap_err().kind, GapKind::NoAnswer);
    let elsewhere = CloudAction::CreateVolume {
        mount: lab.mount.clone(),
        size: wucluster_core::definition::Size::from_gib(1),
        from: None,
        zone: Some("sim-1b".to_owned()),
        ebs: wucluster_core::definition::EbsVolume::default(),
        tags: wucluster_core::tags::Tags::for_mount(&lab.cluster, &lab.mount),
        token: "t".to_owned(),
    };
    assert!(lab.world.ask(&elsewhere).is_ok(), "another zone is in order");
    assert_eq!(fired(&lab, "P2 zone outage"), 3);
    lab.world.advance(HOUR);
    assert_eq!(lab.world.read(&lab.mount, "a").unwrap().as_deref(), Some("1"));
    assert!(lab.probe().is_ok());
}

#[test]
fn there_is_no_room_for_a_time() {
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    for (room, action, code) in [
        (Room::Instances, lab.run_action(), "InsufficientInstanceCapacity"),
        (Room::Volumes, lab.create_volume("t"), "InsufficientVolumeCapacity"),
        (Room::Attachments, lab.attach(), "AttachmentLimitExceeded"),
        (Room::Snapshots, lab.snapshot_action(), "PendingSnapshotLimitExceeded"),
    ] {
        assert!(lab.world.strike(&Fault::NoRoom { room, span: Some(MINUTE) }));
        assert_eq!(lab.world.ask(&action).unwrap_err().code, code);
        lab.world.advance(MINUTE);
        assert!(lab.world.ask(&action).is_ok(), "{action}");
    }
    assert_eq!(fired(&lab, "K1 no room"), 4);
}

#[test]
fn a_type_cannot_be_had_in_one_zone_for_a_time_and_elsewhere_it_can() {
    let mut lab = Lab::new(World::new(1));
    let run = |zone: &str, kind: &str| {
        let mut action = lab.run_action();
        if let CloudAction::RunInstance { machine, zone: wanted, token, .. } = &mut action {
            machine.instance_type = Some(kind.to_owned());
            *wanted = Some(zone.to_owned());
            *token = format!("{zone} {kind}");
        }
        action
    };
    let (refused, other_type) = (run("sim-1a", "large"), run("sim-1a", "small"));
    let (other_zone, late) = (run("sim-1b", "large"), run("sim-1b", "small"));
    let full = |zone: &str, kind: &str, is_told_late| Fault::Full {
        zone: Some(zone.to_owned()),
        instance_type: Some(kind.to_owned()),
        is_told_late,
        span: Some(HOUR),
    };
    assert!(lab.world.strike(&full("sim-1a", "large", false)));
    assert!(lab.world.strike(&full("sim-1b", "small", true)));
    let error = lab.world.ask(&refused).unwrap_err();
    assert_eq!(error.code, "InsufficientInstanceCapacity");
    assert!(error.message.contains("large in sim-1a"), "{error}");
    assert!(lab.world.ask(&other_type).is_ok());
    assert!(lab.world.ask(&other_zone).is_ok());
    assert!(lab.world.ask(&late).is_ok(), "it is accepted, and fails on its way");
    lab.settle();
    let view = lab.view();
    let failed: Vec<_> = view.instances.iter().filter_map(InstanceSeen::lack_of_capacity).collect();
    assert_eq!(failed.len(), 1, "{:?}", view.instances);
    assert_eq!(failed[0].code, "Server.InsufficientInstanceCapacity");
    assert_eq!(fired(&lab, "K1 full"), 2);
    lab.world.advance(HOUR);
    assert!(lab.world.ask(&refused).is_ok());
}

#[test]
fn a_volume_vanishes_while_it_is_made_and_its_token_stays_burned() {
    let faults = Faults::none().at_call("CreateVolume", 1, Fault::VolumeVanishes);
    let mut lab = Lab::new(World::new(1).with_faults(faults));
    let create = lab.create_volume("t");
    assert!(lab.world.ask(&create).is_ok());
    lab.settle();
    assert_eq!(lab.view().volumes.len(), 0);
    assert_eq!(lab.world.ask(&create).unwrap_err().code, "IdempotentParameterMismatch");
    assert_eq!(fired(&lab, "C9 volume vanishes"), 1);
}

#[test]
fn an_impaired_disk_keeps_writes_waiting_and_loses_none() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    let mount = Some(lab.mount.clone());
    assert!(lab.world.strike(&Fault::VolumeImpaired { mount, span: Some(HOUR) }));
    lab.world.advance(10 * MINUTE);
    assert_eq!(lab.world.cached_writes(&lab.mount), 1);
    assert!(matches!(lab.unmount(), Err(ShellError::NoAnswer(_))));
    assert!(lab.world.mounted_at(&lab.mount).is_some());
    lab.world.advance(HOUR);
    assert_eq!(lab.world.cached_writes(&lab.mount), 0);
    assert_eq!(lab.world.losses(), []);
    let volume = lab.volume();
    assert_eq!(lab.world.content_of_volume(&volume).unwrap().file("a"), Some("1"));
    assert_eq!(fired(&lab, "C9 volume impaired"), 1);
}

#[test]
fn a_snapshot_that_vanished_after_the_look_excuses_the_delete_and_before_it_does_not() {
    for is_seen in [false, true] {
        let mut lab = Lab::attached_in(World::new(1), data());
        lab.world.ask(&lab.detach()).unwrap();
        lab.settle();
        lab.snapshot();
        lab.settle();
        assert!(lab.world.strike(&Fault::SnapshotVanishes { mount: Some(lab.mount.clone()) }));
        if is_seen {
            lab.world.advance(MINUTE);
        }
        lab.world.ask(&lab.delete_volume()).unwrap();
        let harm = if is_seen { lab.world.harm() } else { lab.world.excused_harm() };
        assert_eq!(harm[0].kind, HarmKind::DeletedUnsaved);
        assert_eq!(lab.world.harm().len() + lab.world.excused_harm().len(), 1);
        assert_eq!(fired(&lab, "C9 snapshot vanishes"), 1);
    }
}

#[test]
fn a_snapshot_stands_still_on_its_way() {
    let stuck = Fault::SnapshotStuck { percent: 42, span: Some(4 * HOUR) };
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.world.set_faults(Faults::none().at_call("CreateSnapshot", 1, stuck));
    let id = lab.snapshot();
    lab.world.advance(3 * HOUR);
    assert_eq!(lab.view().snapshots[0].progress_percent, Some(42));
    lab.world.advance(2 * HOUR);
    assert_eq!(lab.world.snapshot_state(&id), Some(SnapshotState::Completed));

    let forever = Fault::SnapshotStuck { percent: 99, span: None };
    lab.world.set_faults(Faults::none().at_call("CreateSnapshot", 2, forever));
    let id = lab.snapshot();
    lab.world.advance(24 * HOUR);
    assert_eq!(lab.world.snapshot_state(&id), Some(SnapshotState::Pending));
    lab.world.calm();
    lab.settle();
    assert_eq!(lab.world.snapshot_state(&id), Some(SnapshotState::Completed));
    assert_eq!(fired(&lab, "S2 snapshot stuck"), 2);
}

#[test]
fn a_snapshot_in_the_recycle_bin_restores_nothing_until_it_is_back() {
    let mut lab = Lab::attached_in(World::new(1), data());
    let id = lab.snapshot();
    lab.settle();
    let mount = Some(lab.mount.clone());
    assert!(lab.world.strike(&Fault::SnapshotBinned { mount, span: Some(HOUR) }));
    assert_eq!(lab.view().snapshots[0].state, SnapshotState::Recoverable);
    lab.world.advance(HOUR);
    assert_eq!(lab.world.snapshot_state(&id), Some(SnapshotState::Completed));
    assert_eq!(fired(&lab, "S2 snapshot binned"), 1);
}

#[test]
fn one_request_takes_two_snapshots_of_the_same_moment() {
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.world.set_faults(Faults::none().at_call("CreateSnapshot", 1, Fault::SnapshotTwice));
    let answered = lab.snapshot();
    let taken = lab.world.snapshots_of(&lab.mount);
    assert_eq!((taken.len(), &taken[0]), (2, &answered));
    let content = |id| lab.world.content_of_snapshot(id).cloned();
    assert_eq!(content(&taken[0]), content(&taken[1]));
    assert_eq!(fired(&lab, "S3 snapshot twice"), 1);
}

#[test]
fn a_detachment_shows_busy_though_nothing_holds_the_device() {
    let mut lab = Lab::attached_in(World::new(1), data());
    let busy = Fault::StuckBusy { span: Some(HOUR) };
    lab.world.set_faults(Faults::none().at_call("DetachVolume", 1, busy));
    lab.world.ask(&lab.detach()).unwrap();
    lab.world.advance(2 * MINUTE);
    let volume = lab.volume();
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Busy);
    lab.world.advance(HOUR);
    assert_eq!(lab.world.volume_state(&volume), Some(VolumeState::Available));
    assert_eq!((fired(&lab, "C8 stuck busy"), lab.world.harm()), (1, &[][..]));
}

#[test]
fn a_reused_address_leads_to_a_stranger_who_is_told_nothing() {
    let mut lab = Lab::mounted(1);
    let old = lab.address().unwrap();
    assert!(lab.world.strike(&Fault::AddressReused { node: Some(node("head")) }));
    let (answer, _) = lab.world.probe(&old, &Default::default());
    assert_eq!(answer.unwrap_err().kind, GapKind::WrongHost);
    let unmount = lab.unmount_action();
    let now = lab.world.now();
    assert!(matches!(lab.world.shell(&old, &unmount, now).0, Err(ShellError::NoAnswer(_))));
    assert!(lab.world.mounted_at(&lab.mount).is_some());
    assert!(lab.probe().is_ok(), "a new look tells the new address");
    assert!(fired(&lab, "C10 address reused") >= 2);
}

#[test]
fn a_machine_retires_in_order_and_a_spot_instance_goes_after_its_notice() {
    let name = Some(node("head"));
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    assert!(lab.world.strike(&Fault::MachineRetires { node: name.clone() }));
    lab.settle();
    assert_eq!(lab.world.losses(), []);
    assert_eq!(fired(&lab, "K2 machine retires"), 1);

    let mut lab = Lab::mounted(1);
    let instance = lab.instance();
    assert!(lab.world.strike(&Fault::SpotInterrupts { node: name, notice: 2 * MINUTE }));
    lab.world.advance(MINUTE);
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Running));
    assert_eq!(fired(&lab, "K2 spot interrupts"), 0);
    lab.world.advance(10 * MINUTE);
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Terminated));
    assert_eq!(fired(&lab, "K2 spot interrupts"), 1);
}

#[test]
fn a_namesake_brings_a_second_node_and_mount_that_nobody_here_made() {
    let mut lab = Lab::attached_in(World::new(1), data());
    assert!(lab.world.strike(&Fault::Namesake { mount: None }));
    lab.settle();
    let view = lab.view();
    assert_eq!((view.instances.len(), view.volumes.len()), (2, 2));
    assert_eq!(lab.world.harm(), []);
    assert_eq!(lab.world.left_over(&lab.cluster).len(), 2, "theirs is not left over by us");
    assert_eq!(fired(&lab, "F3 namesake"), 1);
}

#[test]
fn the_providers_timestamps_are_off_and_the_clock_of_everybody_else_is_not() {
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.snapshot();
    lab.settle();
    let before = lab.view();
    assert!(lab.world.strike(&Fault::ProviderClock { offset: HOUR, is_ahead: false }));
    let after = lab.view();
    let earlier = before.volumes[0].created_at.unwrap().since(after.volumes[0].created_at.unwrap());
    assert_eq!(earlier, HOUR);
    assert_eq!(after.asked_at, lab.world.now());
    assert!(fired(&lab, "T3 provider's clock") > 0);
}

#[test]
fn humans_retag_snapshots_make_look_alikes_and_protect_instances() {
    let mut lab = Lab::attached_in(World::new(1), data());
    lab.snapshot();
    lab.settle();
    let (mount, name) = (lab.mount.clone(), lab.node.clone());
    lab.world.human(&Human::UntagSnapshot(mount.clone(), KEY_CLUSTER.to_owned())).unwrap();
    assert_eq!(lab.view().snapshots.len(), 0);
    let cluster = lab.cluster.to_string();
    let back = Human::TagSnapshot(mount.clone(), KEY_CLUSTER.to_owned(), cluster);
    lab.world.human(&back).unwrap();
    assert_eq!(lab.view().snapshots.len(), 1);
    lab.world.human(&Human::LookAlike(mount)).unwrap();
    lab.settle();
    let view = lab.view();
    assert_eq!(view.volumes.len(), 1, "a name alone does not make it ours");
    assert!(view.volumes[0].tags.get(KEY_NAME).is_some());
    lab.world.human(&Human::Protect(name.clone(), true)).unwrap();
    let terminate = CloudAction::TerminateInstance { node: name, instance: lab.instance() };
    let error = lab.world.ask(&terminate).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.class),
        ("OperationNotPermitted", ErrorClass::Permanent)
    );
}

#[test]
fn a_blank_volume_comes_to_have_something_on_it_and_data_is_never_overwritten_so() {
    let mut lab = Lab::attached_in(World::new(1), Content::blank());
    let foreign = |mount: &wucluster_core::ids::MountKey| Fault::ForeignContent {
        mount: Some(mount.clone()),
        what: "crypto_LUKS".to_owned(),
    };
    let fault = foreign(&lab.mount);
    assert!(lab.world.strike(&fault));
    let serial = lab.volume().serial();
    let contents = lab.probe().unwrap().devices[&serial].contents.clone();
    assert_eq!(contents, Contents::Other("crypto_LUKS".to_owned()));
    assert!(matches!(lab.shell(&lab.make_filesystem()), Err(ShellError::NotBlank(_))));
    assert_eq!(fired(&lab, "N8 foreign content"), 1);

    let mut lab = Lab::attached_in(World::new(1), Content::blank());
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    assert!(!lab.world.strike(&fault), "nobody can write to a volume that no machine has");
    let mut lab = Lab::attached_in(World::new(1), data());
    assert!(!lab.world.strike(&fault), "only what is blank is befallen");
    assert_eq!(lab.world.content_of_volume(&lab.volume()), Some(&data()));
}

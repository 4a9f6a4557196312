//! The world does what the cloud's and the kernel's documents say, and sees every harm.

mod common;

use std::time::Duration;

use common::{Lab, node};
use wucluster_core::action::{CloudAction, ShellAction};
use wucluster_core::definition::{FilesystemKind, Hook, Size};
use wucluster_core::ids::{MountKey, SnapshotId};
use wucluster_core::observation::{
    AttachmentState, Contents, GapKind, InstanceState, ProbeRequest, SnapshotState, VolumeState,
};
use wucluster_core::ports::{ErrorClass, Receipt, ShellError};
use wucluster_core::tags::Tags;
use wucluster_sim::{
    Answer, Content, Durations, Fault, Faults, HarmKind, HookScript, Human, Limits, PlaceVolume,
    World,
};

const LIMIT: Duration = Duration::from_secs(3600);

#[test]
fn a_node_goes_through_every_state_of_a_life() {
    let mut lab = Lab::new(World::new(1));
    let instance = lab.run_instance();
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Pending));
    assert!(lab.address().is_none(), "a pending instance has no address");
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Running));
    assert!(lab.world.is_up(&instance));
    let terminate =
        CloudAction::TerminateInstance { node: lab.node.clone(), instance: instance.clone() };
    assert_eq!(lab.world.ask(&terminate), Ok(Receipt::Accepted));
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::ShuttingDown));
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Terminated));
    assert_eq!(lab.view().instances.len(), 1, "it lingers in listings");
    lab.world.advance(Duration::from_secs(3700));
    assert_eq!(lab.view().instances.len(), 0);
    assert_eq!(lab.world.harm(), []);
}

#[test]
fn a_snapshot_of_a_mounted_volume_misses_what_is_in_the_cache() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    assert_eq!(lab.world.read(&lab.mount, "a"), Ok(Some("1".to_owned())));
    let early = lab.snapshot();
    assert_eq!(lab.world.content_of_snapshot(&early).unwrap().file("a"), None);
    lab.world.advance(Duration::from_secs(16));
    lab.unmount().unwrap();
    let late = lab.snapshot();
    assert_eq!(lab.world.content_of_snapshot(&late).unwrap().file("a"), Some("1"));
}

#[test]
fn written_data_reaches_the_volume_by_itself_after_a_while() {
    let mut lab = Lab::mounted(1);
    let volume = lab.volume();
    lab.world.write(&lab.mount, "a", "1").unwrap();
    assert_eq!(lab.world.cached_writes(&lab.mount), 1);
    lab.world.advance(lab.world.durations().writeback);
    assert_eq!(lab.world.content_of_volume(&volume).unwrap().file("a"), Some("1"));
    assert_eq!(lab.world.cached_writes(&lab.mount), 0);
}

#[test]
fn a_killed_machine_loses_unsynced_writes_and_keeps_synced_ones() {
    let mut lab = Lab::mounted(1);
    let (volume, instance) = (lab.volume(), lab.instance());
    lab.world.write(&lab.mount, "kept", "1").unwrap();
    lab.world.sync(&instance).unwrap();
    lab.world.write(&lab.mount, "lost", "2").unwrap();
    assert!(lab.world.kill_machine(&instance));
    assert!(lab.world.settle(LIMIT));
    let content = lab.world.content_of_volume(&volume).unwrap();
    assert_eq!((content.file("kept"), content.file("lost")), (Some("1"), None));
    assert_eq!(lab.world.losses().len(), 1);
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Stopped));
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Attached);
}

#[test]
fn a_stop_in_good_order_writes_the_caches() {
    let mut lab = Lab::mounted(1);
    let (volume, instance) = (lab.volume(), lab.instance());
    lab.world.write(&lab.mount, "kept", "1").unwrap();
    lab.world.human(&Human::StopInstance(lab.node.clone())).unwrap();
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Stopped));
    assert_eq!(lab.world.content_of_volume(&volume).unwrap().file("kept"), Some("1"));
    assert_eq!(lab.world.losses(), []);
}

#[test]
fn a_reboot_loses_mounts_and_changes_the_boot_id() {
    let mut lab = Lab::mounted(1);
    let before = lab.probe().unwrap();
    let instance = lab.instance();
    assert!(lab.world.reboot(&instance, true));
    assert_eq!(lab.probe().unwrap_err().kind, GapKind::NoAnswer);
    assert!(lab.world.settle(LIMIT));
    let after = lab.probe().unwrap();
    assert_ne!(before.boot_id, after.boot_id);
    assert_eq!(lab.world.mounted_at(&lab.mount), None);
    assert!(after.devices.contains_key(&lab.volume().serial()));
}

#[test]
fn the_same_token_gives_the_same_volume_and_a_burned_one_the_documented_error() {
    let mut lab = Lab::new(World::new(1));
    let create = lab.create_volume("token");
    let first = lab.world.ask(&create).unwrap();
    assert_eq!(lab.world.ask(&create), Ok(first));
    let mut other = create.clone();
    if let CloudAction::CreateVolume { size, .. } = &mut other {
        *size = Size::from_gib(9);
    }
    let mismatch = lab.world.ask(&other).unwrap_err();
    assert_eq!(mismatch.code, "IdempotentParameterMismatch");
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.ask(&lab.delete_volume()), Ok(Receipt::Accepted));
    let burned = lab.world.ask(&create).unwrap_err();
    assert_eq!(burned.code, "IdempotentParameterMismatch");
    assert!(burned.message.contains("already deleted"));
    assert_eq!(lab.world.harm(), []);
}

#[test]
fn the_token_of_a_terminated_instance_is_burned() {
    let mut lab = Lab::new(World::new(1));
    let instance = lab.run_instance();
    assert_eq!(lab.run_instance(), instance);
    assert!(lab.world.settle(LIMIT));
    lab.world.lose_machine(&instance, "gone");
    assert!(lab.world.settle(LIMIT));
    let error = lab.world.ask(&lab.run_action()).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.class),
        ("IdempotentInstanceTerminated", ErrorClass::Retry)
    );
}

#[test]
fn volumes_are_attached_only_when_they_and_their_instance_are_ready() {
    let mut lab = Lab::new(World::new(1));
    lab.run_instance();
    let create = lab.create_volume("token");
    lab.world.ask(&create).unwrap();
    let error = lab.world.ask(&lab.attach()).unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("IncorrectState", ErrorClass::Retry));
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.ask(&lab.attach()), Ok(Receipt::Accepted));
    assert_eq!(lab.world.ask(&lab.attach()).unwrap_err().code, "VolumeInUse");
    let volume = lab.volume();
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Attaching);
    assert_eq!(lab.world.ask(&lab.delete_volume()).unwrap_err().code, "VolumeInUse");
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Attached);
    assert!(lab.probe().unwrap().devices.contains_key(&volume.serial()));
    assert_eq!(lab.world.harm(), []);
}

#[test]
fn volumes_are_not_attached_across_zones_or_beyond_the_limit() {
    let limits = Limits { attachments_per_instance_max: 1, ..Limits::default() };
    let mut lab = Lab::mounted_in(World::new(1).with_limits(limits));
    let second = lab.world.place_volume(&lab.cluster, &lab.mount, PlaceVolume::new());
    let instance = lab.instance();
    let attach = CloudAction::AttachVolume {
        mount: lab.mount.clone(),
        volume: second,
        instance: instance.clone(),
    };
    assert_eq!(lab.world.ask(&attach).unwrap_err().code, "AttachmentLimitExceeded");
    let mut elsewhere = lab.create_volume("elsewhere");
    if let CloudAction::CreateVolume { zone, .. } = &mut elsewhere {
        *zone = Some("sim-1b".to_owned());
    }
    let Ok(Receipt::Volume(volume)) = lab.world.ask(&elsewhere) else { panic!("it is made") };
    assert!(lab.world.settle(LIMIT));
    let attach = CloudAction::AttachVolume { mount: lab.mount.clone(), volume, instance };
    assert_eq!(lab.world.ask(&attach).unwrap_err().code, "InvalidVolume.ZoneMismatch");
}

#[test]
fn a_detach_while_mounted_is_harm_and_stays_busy_until_the_unmount() {
    let mut lab = Lab::mounted(1);
    let volume = lab.volume();
    assert_eq!(lab.world.ask(&lab.detach()), Ok(Receipt::Accepted));
    assert_eq!(lab.world.harm()[0].kind, HarmKind::DetachedWhileMounted);
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Detaching);
    lab.world.advance(Duration::from_secs(60));
    assert_eq!(lab.world.attachment_of(&volume).unwrap().1, AttachmentState::Busy);
    lab.unmount().unwrap();
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.attachment_of(&volume), None);
    assert_eq!(lab.world.volume_state(&volume), Some(VolumeState::Available));
}

#[test]
fn a_stop_while_mounted_is_harm_and_loses_the_cache() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    let stop = CloudAction::StopInstance { node: lab.node.clone(), instance: lab.instance() };
    assert_eq!(lab.world.ask(&stop), Ok(Receipt::Accepted));
    assert_eq!(lab.world.ask(&stop), Ok(Receipt::AlreadyDone));
    assert_eq!(lab.world.harm()[0].kind, HarmKind::StoppedWhileMounted);
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.losses()[0].writes, 1);
    let (volume, instance) = (lab.volume(), lab.instance());
    assert_eq!(lab.world.instance_state(&instance), Some(InstanceState::Stopped));
    assert_eq!(lab.world.attachment_of(&volume).unwrap().0, instance, "it keeps what it has");
    let start = CloudAction::StartInstance { node: lab.node.clone(), instance };
    assert_eq!(lab.world.ask(&start), Ok(Receipt::Accepted));
}

#[test]
fn a_termination_while_mounted_is_harm_and_loses_the_cache() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    let terminate =
        CloudAction::TerminateInstance { node: lab.node.clone(), instance: lab.instance() };
    lab.world.ask(&terminate).unwrap();
    assert_eq!(lab.world.harm()[0].kind, HarmKind::TerminatedWhileMounted);
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.losses()[0].writes, 1);
    let volume = lab.volume();
    assert_eq!(lab.world.attachment_of(&volume), None, "a terminated instance lets its volumes go");
}

#[test]
fn a_delete_is_harm_unless_a_complete_snapshot_holds_the_content() {
    let saved = |complete: bool, write_after: bool| {
        let mut lab = Lab::mounted(1);
        lab.world.write(&lab.mount, "a", "1").unwrap();
        lab.unmount().unwrap();
        lab.world.ask(&lab.detach()).unwrap();
        assert!(lab.world.settle(LIMIT));
        lab.snapshot();
        if complete {
            assert!(lab.world.settle(LIMIT));
        }
        if write_after {
            let (mount, name) = (lab.mount.clone(), lab.node.clone());
            lab.world.human(&Human::Attach(mount.clone(), name)).unwrap();
            assert!(lab.world.settle(LIMIT));
            lab.world.human(&Human::Write(mount.clone(), "x".to_owned())).unwrap();
            lab.world.human(&Human::ForceDetach(mount)).unwrap();
            lab.world.advance(Duration::from_secs(1));
        }
        assert_eq!(lab.world.ask(&lab.delete_volume()), Ok(Receipt::Accepted));
        lab.world.harm().iter().map(|harm| harm.kind).collect::<Vec<_>>()
    };
    assert_eq!(saved(true, false), []);
    assert_eq!(saved(false, false), [HarmKind::DeletedUnsaved]);
    assert_eq!(saved(true, true), [HarmKind::DeletedUnsaved]);
}

#[test]
fn a_snapshot_under_the_name_that_a_human_gave_the_volume_saves_it() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    lab.unmount().unwrap();
    lab.world.ask(&lab.detach()).unwrap();
    assert!(lab.world.settle(LIMIT));
    let (key, value) = (wucluster_core::tags::KEY_MOUNT.to_owned(), "other".to_owned());
    lab.world.human(&Human::TagVolume(lab.mount.clone(), key, value)).unwrap();
    lab.world.advance(Duration::from_secs(1));
    let renamed = MountKey::try_from("head/other".to_owned()).unwrap();
    let tags = Tags::for_mount(&lab.cluster, &renamed);
    let (mount, volume) = (renamed, lab.volume());
    lab.world.ask(&CloudAction::CreateSnapshot { mount, volume, tags }).unwrap();
    assert!(lab.world.settle(LIMIT));
    lab.world.ask(&lab.delete_volume()).unwrap();
    let kinds: Vec<HarmKind> = lab.world.harm().iter().map(|harm| harm.kind).collect();
    assert!(!kinds.contains(&HarmKind::DeletedUnsaved), "{kinds:?}");
}

#[test]
fn what_a_human_changed_after_the_look_excuses_the_harm() {
    let mut lab = Lab::mounted(1);
    lab.unmount().unwrap();
    lab.world.ask(&lab.detach()).unwrap();
    assert!(lab.world.settle(LIMIT));
    lab.snapshot();
    assert!(lab.world.settle(LIMIT));
    let looked_at = lab.world.now();
    lab.world.advance(Duration::from_secs(1));
    lab.world.human(&Human::DeleteNewestSnapshot(lab.mount.clone())).unwrap();
    lab.world.request(None, &lab.delete_volume(), looked_at).unwrap();
    assert_eq!(lab.world.harm(), []);
    assert_eq!(lab.world.excused_harm()[0].kind, HarmKind::DeletedUnsaved);
}

#[test]
fn a_volume_that_nobody_ever_mounted_may_go_unsaved() {
    let mut lab = Lab::new(World::new(1));
    lab.world.place_volume(&lab.cluster, &lab.mount, PlaceVolume::new());
    assert_eq!(lab.world.ask(&lab.delete_volume()), Ok(Receipt::Accepted));
    assert_eq!(lab.world.harm(), []);
}

#[test]
fn a_file_system_is_made_on_blank_devices_only_and_over_raw_data_it_is_harm() {
    let format = |content: Content| {
        let mut lab = Lab::attached(1, content);
        let before = lab.probe().unwrap().devices[&lab.volume().serial()].contents.clone();
        let result = lab.shell(&lab.make_filesystem());
        (before, result, lab.world.harm().iter().map(|harm| harm.kind).collect::<Vec<_>>())
    };
    let (seen, made, harm) = format(Content::blank());
    assert_eq!((seen, made.is_ok(), harm), (Contents::Blank, true, vec![]));
    let (seen, refused, harm) = format(Content::other("LUKS"));
    assert_eq!((seen, harm), (Contents::Other("LUKS".to_owned()), vec![]));
    assert!(matches!(refused, Err(ShellError::NotBlank(_))));
    let (seen, made, harm) = format(Content::raw("rows"));
    assert_eq!((seen, made.is_ok()), (Contents::Blank, true));
    assert_eq!(harm, [HarmKind::FormattedOverContent]);
}

#[test]
fn a_busy_mount_names_its_holders_and_stays() {
    let mut lab = Lab::mounted(1);
    lab.world.hold(&lab.mount, 41, "working directory").unwrap();
    let Err(ShellError::Busy { holders, .. }) = lab.unmount() else { panic!("it is busy") };
    assert_eq!((holders[0].pid, holders[0].what.as_str()), (41, "working directory"));
    assert!(lab.world.mounted_at(&lab.mount).is_some());
    assert!(lab.world.release(41));
    assert!(lab.unmount().is_ok());
    assert!(lab.unmount().is_ok(), "already unmounted is success");
}

#[test]
fn a_mount_in_another_name_space_holds_the_device() {
    let mut lab = Lab::mounted(1);
    lab.world.hold_elsewhere(&lab.mount, "a container").unwrap();
    lab.unmount().unwrap();
    let serial = lab.volume().serial();
    let device = lab.probe().unwrap().devices[&serial].clone();
    assert_eq!((device.mounts.len(), device.is_held), (0, Some(true)));
    lab.world.release_elsewhere(&lab.mount).unwrap();
    let device = lab.probe().unwrap().devices[&serial].clone();
    assert_eq!(device.is_held, Some(false));
}

#[test]
fn a_hook_that_says_no_keeps_the_mount_unless_it_does_not_block() {
    let mut lab = Lab::mounted(1);
    let hook = |blocks| Hook { run: "drain".to_owned(), timeout: Duration::from_secs(5), blocks };
    lab.world.script_hook(&lab.node, "drain", HookScript::always(Answer::no("jobs run")));
    let unmount = |lab: &Lab, blocks| ShellAction::Unmount {
        mount: lab.mount.clone(),
        serial: lab.volume().serial(),
        before: vec![hook(blocks)],
    };
    let refused = lab.shell(&unmount(&lab, true)).unwrap_err();
    assert_eq!(
        refused,
        ShellError::HookRefused { hook: hook(true), output: "jobs run".to_owned() }
    );
    let late = Answer::yes().after(Duration::from_secs(6));
    lab.world.script_hook(&lab.node, "drain", HookScript::always(late));
    assert!(matches!(lab.shell(&unmount(&lab, true)), Err(ShellError::HookRefused { .. })));
    let receipt = lab.shell(&unmount(&lab, false)).unwrap();
    assert_eq!(receipt.passed_over.len(), 1);
    assert_eq!(lab.world.mounted_at(&lab.mount), None);
    assert_eq!(lab.world.hook_runs().len(), 3);
}

#[test]
fn a_restore_from_an_older_snapshot_or_a_blank_one_instead_is_harm() {
    let restore = |pick: fn(
        &[wucluster_core::ids::SnapshotId],
    ) -> Option<wucluster_core::ids::SnapshotId>| {
        let mut lab = Lab::new(World::new(1));
        let gone = wucluster_core::ids::VolumeId::new("vol-0gone");
        let mut snapshots = Vec::new();
        for data in ["old", "new"] {
            let content = Content::formatted("ext4", "u").with_file("a", data);
            let (cluster, mount) = (lab.cluster.clone(), lab.mount.clone());
            let tags = Tags::default();
            snapshots.push(lab.world.place_snapshot(
                &cluster,
                &mount,
                &gone,
                SnapshotState::Completed,
                content,
                &tags,
            ));
        }
        let mut create = lab.create_volume("t");
        if let CloudAction::CreateVolume { from, .. } = &mut create {
            *from = pick(&snapshots);
        }
        lab.world.ask(&create).unwrap();
        lab.world.harm().iter().map(|harm| harm.kind).collect::<Vec<_>>()
    };
    assert_eq!(restore(|all| all.last().cloned()), []);
    assert_eq!(restore(|all| all.first().cloned()), [HarmKind::RestoredOlder]);
    assert_eq!(restore(|_| None), [HarmKind::BlankDespiteData]);
}

#[test]
fn twins_and_strangers_are_harm() {
    let mut lab = Lab::mounted(1);
    let second = lab.create_volume("another");
    lab.world.ask(&second).unwrap();
    let CloudAction::RunInstance { node, machine, zone, tags, .. } = lab.run_action() else {
        unreachable!()
    };
    let token = "another".to_owned();
    let twin = CloudAction::RunInstance { node, machine, zone, tags, token, together: None };
    lab.world.ask(&twin).unwrap();
    let stranger = lab.world.place_tagged_volume(Tags::default(), PlaceVolume::new());
    let delete =
        CloudAction::DeleteVolume { mount: lab.mount.clone(), volume: stranger, kept_by: None };
    lab.world.ask(&delete).unwrap();
    let kinds: Vec<_> = lab.world.harm().iter().map(|harm| harm.kind).collect();
    assert_eq!(kinds, [HarmKind::TwoVolumes, HarmKind::TwoInstances, HarmKind::TouchedForeign]);
    assert!(lab.world.harm()[0].to_string().contains("head/data"));
}

#[test]
fn a_blank_volume_beside_a_broken_one_with_data_is_harm_and_nobody_is_excused() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    assert!(lab.world.strike(&Fault::VolumeFails { mount: Some(lab.mount.clone()) }));
    lab.world.ask(&lab.create_volume("t")).unwrap();
    assert_eq!(lab.world.harm()[0].kind, HarmKind::BlankDespiteData);
    assert_eq!(lab.world.excused_harm(), []);
}

#[test]
fn a_device_that_is_tagged_as_somebody_elses_is_neither_mounted_nor_formatted() {
    let key = wucluster_core::tags::KEY_MOUNT.to_owned();
    let mut lab = Lab::attached(1, Content::formatted("ext4", "u"));
    let mount = lab.mount.clone();
    let address = lab.address().unwrap();
    lab.world.human(&Human::TagVolume(mount, key, "other".to_owned())).unwrap();
    lab.world.advance(Duration::from_secs(1));
    let (action, now) = (lab.mount_action(), lab.world.now());
    assert!(lab.world.shell(&address, &action, now).0.is_ok());
    assert_eq!(lab.world.harm()[0].kind, HarmKind::TouchedForeign);
}

#[test]
fn a_mount_on_another_nodes_machine_is_harm() {
    let mut lab = Lab::attached(1, Content::formatted("ext4", "u"));
    let mut other = lab.mount.clone();
    other.node = node("tail");
    let wrong = match lab.mount_action() {
        ShellAction::Mount { serial, at, kind, options, owner, group, mode, .. } => {
            ShellAction::Mount { mount: other, serial, at, kind, options, owner, group, mode }
        }
        action => action,
    };
    lab.shell(&wrong).unwrap();
    let kinds: Vec<HarmKind> = lab.world.harm().iter().map(|harm| harm.kind).collect();
    let (tags, node) = (HarmKind::TouchedForeign, HarmKind::WrongNode);
    assert_eq!(kinds, [tags, node, node], "by its tags, its volume and its machine");
}

#[test]
fn snapshots_are_limited_in_rate_and_number() {
    let mut lab = Lab::mounted(1);
    let slow = Fault::SnapshotSlow { span: Duration::from_secs(9000) };
    lab.world.set_faults(Faults::none().with_chance(1.0, slow));
    lab.snapshot();
    let error = lab.world.ask(&lab.snapshot_action()).unwrap_err();
    assert_eq!(error.code, "SnapshotCreationPerVolumeRateExceeded");
    for _ in 0..4 {
        lab.world.advance(Duration::from_secs(15));
        lab.snapshot();
    }
    lab.world.advance(Duration::from_secs(15));
    let error = lab.world.ask(&lab.snapshot_action()).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.class),
        ("ConcurrentSnapshotLimitExceeded", ErrorClass::Retry)
    );
}

#[test]
fn a_pending_or_failed_snapshot_restores_nothing() {
    let mut lab = Lab::mounted(1);
    lab.world.set_faults(Faults::none().at_call("CreateSnapshot", 2, Fault::SnapshotFails));
    let first = lab.snapshot();
    let mut create = lab.create_volume("restored");
    if let CloudAction::CreateVolume { from, .. } = &mut create {
        *from = Some(first.clone());
    }
    assert_eq!(lab.world.ask(&create).unwrap_err().code, "IncorrectState");
    assert!(lab.world.settle(LIMIT));
    let second = lab.snapshot();
    assert!(lab.world.settle(LIMIT));
    assert_eq!(lab.world.snapshot_state(&second), Some(SnapshotState::Error));
    assert_eq!(lab.world.faults_fired()["S2 snapshot fails"], 1);
    assert_eq!(lab.world.snapshot_state(&first), Some(SnapshotState::Completed));
    assert!(lab.world.ask(&create).is_ok());
}

#[test]
fn an_instant_world_needs_one_look_for_each_step() {
    let world = World::new(3).with_durations(Durations::instant()).with_limits(Limits::generous());
    let mut lab = Lab::new(world);
    lab.run_instance();
    lab.world.advance(Duration::ZERO);
    assert!(lab.world.is_up(&lab.instance()));
    assert_eq!(lab.probe().unwrap().devices.len(), 0);
    assert_eq!(lab.view().instances[0].state, InstanceState::Running);
    let other = node("other");
    assert!(lab.world.instance_of(&other).is_none());
    assert_eq!(lab.world.calls()["RunInstances"].done, 1);
}

#[test]
fn a_write_where_nothing_is_mounted_lands_on_the_root_disk() {
    let mut lab = Lab::attached(1, Content::formatted("ext4", "u"));
    let instance = lab.instance();
    lab.world.write_path(&instance, "/data/a", "1").unwrap();
    assert_eq!(lab.shell(&lab.mount_action()), Ok(wucluster_core::ports::ShellReceipt::default()));
    assert_eq!(lab.world.read_path(&instance, "/data/a"), Ok(None), "it is hidden below the mount");
    assert_eq!(FilesystemKind::Ext4.as_str(), "ext4");
    let asked = ProbeRequest::default();
    let address = lab.address().unwrap();
    let (probe, _) = lab.world.probe(&address, &asked);
    assert_eq!(probe.unwrap().mount_table.len(), 2);
}

#[test]
fn a_put_away_cluster_leaves_nothing_that_costs_money_but_snapshots() {
    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    assert_eq!(lab.world.left_over(&lab.cluster).len(), 2);
    lab.unmount().unwrap();
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    let snapshot = lab.snapshot();
    lab.settle();
    lab.world.ask(&lab.delete_volume()).unwrap();
    let terminate =
        CloudAction::TerminateInstance { node: lab.node.clone(), instance: lab.instance() };
    lab.world.ask(&terminate).unwrap();
    assert_eq!(lab.world.left_over(&lab.cluster).len(), 2, "they are still on their way out");
    lab.settle();
    assert_eq!(lab.world.left_over(&lab.cluster), Vec::<String>::new());
    assert_eq!(lab.world.snapshots_of(&lab.mount), [snapshot]);
    assert_eq!((lab.world.harm(), lab.world.losses()), (&[][..], &[][..]));
}

#[test]
fn placed_things_go_on_from_where_they_are() {
    let mut lab = Lab::new(World::new(1));
    let states = [
        (InstanceState::Pending, InstanceState::Running),
        (InstanceState::Running, InstanceState::Running),
        (InstanceState::Stopping, InstanceState::Stopped),
        (InstanceState::Stopped, InstanceState::Stopped),
        (InstanceState::ShuttingDown, InstanceState::Terminated),
        (InstanceState::Terminated, InstanceState::Terminated),
    ];
    let placed: Vec<_> = states
        .iter()
        .map(|(first, _)| lab.world.place_instance(&lab.cluster, &lab.node, first.clone()))
        .collect();
    let busy = PlaceVolume::new()
        .with_content(Content::formatted("ext4", "u"))
        .attached(&placed[1], AttachmentState::Busy);
    let held = lab.world.place_volume(&lab.cluster, &lab.mount, busy.clone().mounted("/data"));
    let free = lab.world.place_volume(&lab.cluster, &lab.mount, busy);
    let creating = PlaceVolume::new().in_state(VolumeState::Creating);
    let creating = lab.world.place_volume(&lab.cluster, &lab.mount, creating);
    lab.settle();
    for ((_, last), id) in states.iter().zip(&placed) {
        assert_eq!(lab.world.instance_state(id).as_ref(), Some(last));
    }
    assert_eq!(lab.world.attachment_of(&held).unwrap().1, AttachmentState::Busy);
    assert_eq!(lab.world.attachment_of(&free), None);
    assert_eq!(lab.world.volume_state(&creating), Some(VolumeState::Available));
    assert_eq!(lab.world.mounted_at(&lab.mount).as_deref(), Some("/data"));
}

#[test]
fn a_stopped_instance_keeps_its_volumes_and_sees_them_when_started_again() {
    let mut lab = Lab::mounted(1);
    let (volume, instance) = (lab.volume(), lab.instance());
    let before = lab.address().unwrap();
    lab.world.human(&Human::StopInstance(lab.node.clone())).unwrap();
    lab.settle();
    assert!(lab.address().is_none());
    let start = CloudAction::StartInstance { node: lab.node.clone(), instance };
    assert_eq!(lab.world.ask(&start), Ok(Receipt::Accepted));
    assert_eq!(lab.world.ask(&start), Ok(Receipt::AlreadyDone));
    lab.settle();
    let after = lab.address().unwrap();
    assert_ne!(before.ssh.host, after.ssh.host, "each start gives another address");
    assert_eq!(before.ssh.host_key, after.ssh.host_key);
    assert!(lab.probe().unwrap().devices.contains_key(&volume.serial()));
    assert_eq!(lab.world.mounted_at(&lab.mount), None);
}

#[test]
fn waiting_for_a_condition_ends_when_it_holds_or_nothing_can_bring_it() {
    use wucluster_sim::Sim;
    let mut lab = Lab::new(World::new(1));
    let instance = lab.run_instance();
    let sim = Sim::new(lab.world);
    wucluster_sim::run(async {
        assert!(sim.wait_until(|world| world.is_up(&instance)).await);
        assert!(!sim.wait_until(|world| !world.is_up(&instance)).await);
    });
}

#[test]
fn the_newest_snapshot_or_that_of_a_sealed_volume_alone_is_never_cleared_away() {
    let mut lab = Lab::new(World::new(1));
    let gone = wucluster_core::ids::VolumeId::new("vol-0gone");
    let (cluster, mount) = (lab.cluster.clone(), lab.mount.clone());
    let take = |lab: &mut Lab, of: &wucluster_core::ids::VolumeId, data: &str| {
        let content = Content::formatted("ext4", "u").with_file("a", data);
        let state = SnapshotState::Completed;
        lab.world.place_snapshot(&cluster, &mount, of, state, content, &Tags::default())
    };
    let mut tags = Tags::default();
    tags.set(wucluster_core::tags::KEY_EPOCH, "3 sealed");
    let sealed = PlaceVolume::new()
        .with_content(Content::formatted("ext4", "u").with_file("a", "sealed"))
        .with_tags(tags);
    let volume = lab.world.place_volume(&lab.cluster.clone(), &lab.mount.clone(), sealed);
    let of_sealed = take(&mut lab, &volume, "sealed");
    let all: Vec<_> = ["1", "2", "3", "4"].iter().map(|data| take(&mut lab, &gone, data)).collect();
    let kinds = |lab: &Lab| lab.world.harm().iter().map(|harm| harm.kind).collect::<Vec<_>>();
    let delete = |lab: &mut Lab, id: &SnapshotId| {
        let (mount, kept_by) = (lab.mount.clone(), id.clone());
        lab.world.ask(&CloudAction::DeleteSnapshot { mount, snapshot: id.clone(), kept_by })
    };
    for old in &all[..3] {
        assert_eq!(delete(&mut lab, old), Ok(Receipt::Accepted));
    }
    assert_eq!(kinds(&lab), [], "a newer one is there");
    delete(&mut lab, &all[3]).unwrap();
    assert_eq!(kinds(&lab), [HarmKind::DeletedSnapshot]);
    take(&mut lab, &gone, "5");
    delete(&mut lab, &of_sealed).unwrap();
    assert_eq!(kinds(&lab), [HarmKind::DeletedSnapshot; 2], "it alone holds what is on a volume");
    assert_eq!(delete(&mut lab, &of_sealed).unwrap_err().code, "InvalidSnapshot.NotFound");
}

#[test]
fn what_an_image_is_made_of_is_not_deleted_and_what_is_pending_goes_when_it_completes() {
    let mut lab = Lab::new(World::new(1));
    let (cluster, mount) = (lab.cluster.clone(), lab.mount.clone());
    let of = wucluster_core::ids::VolumeId::new("vol-0gone");
    let content = || Content::formatted("ext4", "u").with_file("a", "b");
    let mut place =
        |state| lab.world.place_snapshot(&cluster, &mount, &of, state, content(), &Tags::default());
    let (imaged, pending) = (place(SnapshotState::Completed), place(SnapshotState::Pending));
    let delete = |id: &SnapshotId| CloudAction::DeleteSnapshot {
        mount: mount.clone(),
        snapshot: id.clone(),
        kept_by: id.clone(),
    };
    lab.world.register_image(&imaged);
    let error = lab.world.ask(&delete(&imaged)).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.class),
        ("InvalidSnapshot.InUse", ErrorClass::Permanent)
    );
    lab.world.ask(&delete(&pending)).unwrap();
    assert_eq!(lab.world.snapshot_state(&pending), Some(SnapshotState::Pending));
    lab.world.advance(Duration::from_secs(24 * 3600));
    assert_eq!(lab.world.snapshot_state(&pending), None);
}

#[test]
fn a_volume_that_is_made_smaller_or_elsewhere_is_harm() {
    let made = |gib: u32, zone: &str, is_there: bool| {
        let mut lab = Lab::new(World::new(1));
        let (cluster, mount) = (lab.cluster.clone(), lab.mount.clone());
        let content = Content::formatted("ext4", "u").with_file("a", "b");
        let size = Size::from_gib(4);
        let place = PlaceVolume { size, ..PlaceVolume::new().with_content(content.clone()) };
        let volume = lab.world.place_volume(&cluster, &mount, place);
        if !is_there {
            let state = SnapshotState::Completed;
            lab.world.place_snapshot(&cluster, &mount, &volume, state, content, &Tags::default());
            let kept_by = None;
            let delete = CloudAction::DeleteVolume { mount: mount.clone(), volume, kept_by };
            lab.world.ask(&delete).unwrap();
        }
        let CloudAction::CreateVolume { mount, ebs, tags, token, .. } = lab.create_volume("new")
        else {
            unreachable!()
        };
        let (size, zone) = (Size::from_gib(gib), Some(zone.to_owned()));
        let create = CloudAction::CreateVolume { mount, size, from: None, zone, ebs, tags, token };
        lab.world.ask(&create).unwrap();
        lab.world.harm().iter().any(|harm| harm.kind == HarmKind::Remade)
    };
    assert!(!made(4, "sim-1a", false));
    assert!(made(3, "sim-1a", false), "it is smaller than its snapshot");
    assert!(!made(4, "sim-1b", false), "a snapshot is of no zone");
    assert!(made(4, "sim-1b", true), "its volume is in another zone");
}

//! Faults of nodes: their ssh, devices, mounts, and what they tell.

mod common;

use std::time::Duration;

use common::{Lab, node};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{Contents, GapKind};
use wucluster_core::ports::{Clock, Cloud, NodeShell, ShellError};
use wucluster_sim::{
    Content, Cut, Fault, Faults, Greeting, Grip, HarmKind, Leaves, Lie, Sickness, Sim, World,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn fired(lab: &Lab, fault: &str) -> u64 {
    lab.world.faults_fired().get(fault).copied().unwrap_or(0)
}

fn blank_with(faults: Faults) -> Lab {
    let mut lab = Lab::attached_in(World::new(1), Content::blank());
    lab.world.set_faults(faults);
    lab
}

fn contents(lab: &mut Lab) -> Contents {
    let serial = lab.volume().serial();
    lab.probe().expect("the node answers").devices[&serial].contents.clone()
}

#[test]
fn an_odd_greeting_lets_nobody_in() {
    for greeting in [Greeting::LoginRefused, Greeting::Banner, Greeting::OtherProtocol] {
        let mut lab = Lab::mounted(1);
        let name = Some(node("head"));
        assert!(lab.world.strike(&Fault::OddGreeting { node: name, greeting, span: Some(MINUTE) }));
        assert_eq!(lab.probe().unwrap_err().kind, GapKind::NoAnswer);
        assert!(matches!(lab.unmount(), Err(ShellError::NoAnswer(_))));
        assert_eq!(fired(&lab, "N1 odd greeting"), 2);
        lab.world.advance(MINUTE);
        assert!(lab.unmount().is_ok());
    }
}

#[test]
fn a_late_mount_lands_on_the_same_boot_and_on_no_other() {
    for reboots in [false, true] {
        let mut lab = Lab::attached_in(World::new(1), Content::formatted("ext4", "u"));
        let late = Fault::ShellLate { span: 5 * MINUTE };
        lab.world.set_faults(Faults::none().at_call("mount", 1, late));
        assert!(matches!(lab.shell(&lab.mount_action()), Err(ShellError::NoAnswer(_))));
        assert_eq!(lab.world.mounted_at(&lab.mount), None);
        if reboots {
            let id = lab.instance();
            assert!(lab.world.reboot(&id, true));
        }
        lab.world.advance(6 * MINUTE);
        assert_eq!(lab.world.mounted_at(&lab.mount).is_some(), !reboots);
        assert_eq!(fired(&lab, "N2 shell late"), u64::from(!reboots));
    }
}

#[test]
fn a_connection_is_cut_before_or_during_and_what_follows_on_it_is_not_done() {
    let mut lab =
        blank_with(Faults::none().at_call("mkfs", 1, Fault::ShellCut { cut: Cut::Before }));
    let sim = Sim::new(lab.world.clone());
    let address = lab.address().unwrap();
    let trip = [lab.make_filesystem(), lab.mount_action()].map(Cleared::unguarded);
    let answers = wucluster_sim::run(async { sim.shell().issue(&address, &trip).await });
    assert!(answers.iter().all(|answer| matches!(answer, Err(ShellError::NoAnswer(_)))));
    lab.world = sim.into_world();
    assert_eq!(contents(&mut lab), Contents::Blank);
    assert_eq!(lab.world.calls().get("mount"), None, "the mount never left");

    lab.world.set_faults(Faults::none().at_call("mkfs", 2, Fault::ShellCut { cut: Cut::During }));
    assert!(matches!(lab.shell(&lab.make_filesystem()), Err(ShellError::NoAnswer(_))));
    assert!(matches!(contents(&mut lab), Contents::Filesystem { .. }));
    let error = lab.shell(&lab.mount_action()).unwrap_err();
    assert!(matches!(error, ShellError::Failed { status: 32, .. }), "half made: {error}");
    assert_eq!(fired(&lab, "N3 shell cut"), 2);
}

#[test]
fn each_grip_keeps_a_device_in_its_own_way() {
    let grip = |lab: &mut Lab, grip| {
        let mount = Some(lab.mount.clone());
        lab.world.strike(&Fault::Gripped { mount, grip, span: Some(HOUR) })
    };
    let serial = |lab: &Lab| lab.volume().serial();

    for how in [Grip::Nested, Grip::Swap] {
        let mut lab = Lab::attached_in(World::new(1), Content::formatted("ext4", "u"));
        assert!(!grip(&mut lab, how), "there is nothing to be on");
        lab.shell(&lab.mount_action()).unwrap();
        assert!(grip(&mut lab, how));
        assert!(matches!(lab.unmount(), Err(ShellError::Busy { .. })));
        assert!(fired(&lab, "N4 gripped") > 0);
        lab.world.advance(HOUR);
        assert!(lab.unmount().is_ok(), "{how:?} ended");
    }

    let mut lab = Lab::mounted(1);
    lab.world.write(&lab.mount, "a", "1").unwrap();
    assert!(grip(&mut lab, Grip::OtherNamespace));
    assert!(lab.unmount().is_ok());
    let key = serial(&lab);
    let seen = lab.probe().unwrap().devices[&key].clone();
    assert_eq!((seen.mounts.len(), seen.is_held), (0, Some(true)));
    assert_eq!(lab.world.cached_writes(&lab.mount), 1, "the file system is alive");
    lab.world.ask(&lab.detach()).unwrap();
    lab.world.advance(2 * HOUR);
    assert_eq!(lab.world.cached_writes(&lab.mount), 0);
    assert_eq!(
        lab.world.attachment_of(&lab.volume()),
        None,
        "it let go, and the detachment went on"
    );

    let mut lab = Lab::attached_in(World::new(1), Content::formatted("ext4", "u"));
    assert!(grip(&mut lab, Grip::Mapper));
    let key = serial(&lab);
    let seen = lab.probe().unwrap().devices[&key].clone();
    assert_eq!((seen.on_top, seen.is_held), (vec!["dm-0".to_owned()], Some(true)));
    assert!(lab.shell(&lab.mount_action()).is_err());
    lab.world.calm();
    assert!(lab.shell(&lab.mount_action()).is_ok());
}

#[test]
fn a_failed_mkfs_leaves_nothing_or_something_that_cannot_be_mounted() {
    let mut lab =
        blank_with(
            Faults::none()
                .at_call("mkfs", 1, Fault::MkfsFails { leaves: Leaves::Nothing })
                .at_call("mkfs", 2, Fault::MkfsFails { leaves: Leaves::Torn }),
        );
    let make = lab.make_filesystem();
    assert!(matches!(lab.shell(&make), Err(ShellError::Failed { .. })));
    assert_eq!(contents(&mut lab), Contents::Blank);
    assert!(matches!(lab.shell(&make), Err(ShellError::Failed { .. })));
    assert!(matches!(contents(&mut lab), Contents::Filesystem { .. }));
    assert!(lab.shell(&lab.mount_action()).is_err());
    assert!(matches!(lab.shell(&make), Err(ShellError::NotBlank(_))), "never over what is there");
    assert_eq!(fired(&lab, "N5 mkfs fails"), 2);
}

#[test]
fn a_device_that_turns_unreadable_is_not_blank() {
    let unreadable = Fault::DeviceUnreadable { span: Some(MINUTE) };
    let mut lab = blank_with(Faults::none().at_call("mkfs", 1, unreadable));
    assert!(matches!(lab.shell(&lab.make_filesystem()), Err(ShellError::Failed { .. })));
    assert!(matches!(contents(&mut lab), Contents::Unreadable(_)));
    lab.world.advance(MINUTE);
    assert_eq!(contents(&mut lab), Contents::Blank);
    assert!(fired(&lab, "N5 device unreadable") >= 2);
}

#[test]
fn a_node_mounts_again_by_itself_after_an_unmount_and_at_a_boot() {
    let mut lab = Lab::mounted(1);
    let again = Fault::RemountsItself { after: MINUTE };
    lab.world.set_faults(Faults::none().at_call("umount", 1, again));
    lab.unmount().unwrap();
    assert_eq!(lab.world.mounted_at(&lab.mount), None);
    assert_eq!(fired(&lab, "N6 remounts itself"), 0);
    lab.world.advance(2 * MINUTE);
    assert_eq!(lab.world.mounted_at(&lab.mount).as_deref(), Some("/data"));
    assert_eq!(fired(&lab, "N6 remounts itself"), 1);
    lab.world.ask(&lab.detach()).unwrap();
    assert_eq!(lab.world.excused_harm(), [], "whoever looked again could have known");
    assert_eq!(lab.world.harm()[0].kind, HarmKind::DetachedWhileMounted);

    let mut lab = Lab::mounted(1);
    let boot = Fault::MountsAtBoot { mount: Some(lab.mount.clone()), span: None };
    assert!(lab.world.strike(&boot));
    let id = lab.instance();
    assert!(lab.world.reboot(&id, true));
    assert_eq!(lab.world.mounted_at(&lab.mount).as_deref(), Some("/data"));
    assert_eq!(fired(&lab, "N6 mounts at boot"), 1);

    let mut lab = Lab::attached_in(World::new(1), Content::formatted("ext4", "u"));
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    let found = Fault::MountsAtBoot { mount: Some(lab.mount.clone()), span: None };
    assert!(lab.world.strike(&found));
    lab.world.ask(&lab.attach()).unwrap();
    lab.settle();
    let at = lab.world.mounted_at(&lab.mount).unwrap();
    assert!(at.starts_with("/media/"), "a device that was never mounted there: {at}");
}

#[test]
fn a_device_is_late_renamed_or_of_a_wrong_size() {
    let mut lab = Lab::attached_in(World::new(1), Content::blank());
    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    let late = |span| Fault::DeviceLate { span };
    lab.world.set_faults(Faults::none().at_call("AttachVolume", 1, late(Some(5 * MINUTE))));
    lab.world.ask(&lab.attach()).unwrap();
    lab.world.advance(4 * MINUTE);
    assert_eq!(lab.probe().unwrap().devices.len(), 0);
    lab.world.advance(2 * MINUTE);
    assert_eq!(lab.probe().unwrap().devices.len(), 1);

    lab.world.ask(&lab.detach()).unwrap();
    lab.settle();
    lab.world.set_faults(Faults::none().at_call("AttachVolume", 2, late(None)));
    lab.world.ask(&lab.attach()).unwrap();
    lab.world.advance(HOUR);
    assert_eq!(lab.probe().unwrap().devices.len(), 0);
    let id = lab.instance();
    assert!(lab.world.reboot(&id, true));
    lab.settle();
    assert_eq!(lab.probe().unwrap().devices.len(), 1, "a reboot brings it");
    assert_eq!(fired(&lab, "C11 device late"), 2);

    let mount = Some(lab.mount.clone());
    let serial = lab.volume().serial();
    let size = |lab: &mut Lab| lab.probe().unwrap().devices[&serial].size_bytes;
    let right = size(&mut lab);
    assert!(lab.world.strike(&Fault::DeviceWrongSize { mount, span: Some(MINUTE) }));
    assert_eq!(size(&mut lab), right / 2);
    lab.world.advance(MINUTE);
    assert_eq!(size(&mut lab), right);
    assert_eq!(fired(&lab, "C11 device of wrong size"), 1);

    lab.world.set_faults(Faults::none().at_call("mkfs", 1, Fault::DeviceRenamed));
    assert!(matches!(lab.shell(&lab.make_filesystem()), Err(ShellError::Refused(_))));
    assert!(lab.shell(&lab.make_filesystem()).is_ok());
    assert_eq!(fired(&lab, "C11 device renamed"), 1);
}

#[test]
fn a_look_at_a_node_lies_in_each_of_its_ways() {
    let lie = |lie| Fault::ProbeLies { lie };
    let mut lab = Lab::attached_in(World::new(1), Content::formatted("ext4", "u"));
    lab.world.set_faults(
        Faults::none()
            .at_call("probe", 1, lie(Lie::Garbage))
            .at_call("probe", 2, lie(Lie::NoDevices))
            .at_call("probe", 3, lie(Lie::Unreadable))
            .at_call("probe", 4, lie(Lie::Blank)),
    );
    assert_eq!(lab.probe().unwrap_err().kind, GapKind::NoAnswer);
    assert!(lab.probe().unwrap().devices.is_empty());
    assert!(matches!(contents(&mut lab), Contents::Unreadable(_)));
    assert_eq!(contents(&mut lab), Contents::Blank);
    assert!(matches!(contents(&mut lab), Contents::Filesystem { .. }));
    assert_eq!(fired(&lab, "N7 probe lies"), 4);
}

#[test]
fn a_blind_node_formats_over_data_and_only_the_planner_could_have_known() {
    let blind = || Faults::none().with_chance_at("mkfs", 1.0, Fault::ProbeLies { lie: Lie::Blank });
    let data = Content::formatted("ext4", "u").with_file("a", "1");
    let mut lab = Lab::attached_in(World::new(1), data);
    lab.world.set_faults(blind());
    assert!(lab.shell(&lab.make_filesystem()).is_ok());
    assert_eq!(lab.world.harm()[0].kind, HarmKind::FormattedOverContent);

    let mut lab = Lab::attached_in(World::new(1), Content::formatted("ext4", "u"));
    lab.world.set_faults(blind());
    assert!(lab.shell(&lab.make_filesystem()).is_ok());
    assert_eq!(lab.world.harm(), [], "nobody ever mounted it, nothing is lost");
}

#[test]
fn a_sick_node_fails_what_it_needs_its_root_disk_tools_or_rights_for() {
    let sick = |sickness| {
        let mut lab = Lab::attached_in(World::new(1), Content::blank());
        let name = Some(node("head"));
        assert!(lab.world.strike(&Fault::SickNode { node: name, sickness, span: Some(HOUR) }));
        lab
    };
    for sickness in [Sickness::RootFull, Sickness::RootReadOnly] {
        let mut lab = sick(sickness);
        lab.shell(&lab.make_filesystem()).unwrap();
        assert!(matches!(lab.shell(&lab.mount_action()), Err(ShellError::Failed { .. })));
        let is_read_only = lab.probe().unwrap().mount_table[0].is_read_only;
        assert_eq!(is_read_only, sickness == Sickness::RootReadOnly);
        assert!(fired(&lab, "N9 sick node") >= 1);
        lab.world.advance(HOUR);
        assert!(lab.shell(&lab.mount_action()).is_ok());
    }
    let mut lab = sick(Sickness::ToolMissing);
    assert!(matches!(
        lab.shell(&lab.make_filesystem()),
        Err(ShellError::Failed { status: 127, .. })
    ));
    assert!(matches!(contents(&mut lab), Contents::Unreadable(_)), "unreadable, and not blank");
    let mut lab = sick(Sickness::SudoAsks);
    assert_eq!(lab.probe().unwrap_err().kind, GapKind::NoAnswer);
    assert!(matches!(lab.unmount(), Err(ShellError::Failed { .. })));
    assert_eq!(fired(&lab, "N9 sick node"), 2);
}

#[test]
fn the_operators_clock_leaps_and_drifts_and_evidence_is_still_dated_right() {
    let lab = Lab::attached_in(World::new(1), Content::blank());
    let mut world = lab.world.clone();
    let leap = 24 * HOUR;
    let wrong = Fault::OperatorClock { leap, is_ahead: false, is_sudden: false, rate_percent: 200 };
    assert!(world.strike(&wrong));
    assert_eq!(world.operator_time(), world.now(), "it is wrong for the next operator");
    let sim = Sim::new(world);
    wucluster_sim::run(async {
        let (cloud, clock) = (sim.cloud(), sim.clock());
        let (shown, truth) = (clock.now(), sim.now());
        assert_eq!(truth.since(shown), 24 * HOUR);
        clock.sleep(10 * MINUTE).await;
        assert_eq!(clock.now().since(shown), 10 * MINUTE);
        assert_eq!(sim.now().since(truth), 5 * MINUTE, "its clock runs at twice the rate");
        let view = cloud.observe(&lab.cluster).await.unwrap();
        assert!(view.asked_at < truth, "a look is dated by the operator's clock");
        let before = clock.now();
        let set = Fault::OperatorClock { leap, is_ahead: true, is_sudden: true, rate_percent: 100 };
        sim.with(|world| world.strike(&set));
        assert_eq!(clock.now().since(before), leap, "it is set under the operator's eyes");
    });
    assert_eq!(sim.into_world().faults_fired().get("T1 operator's clock"), Some(&2));
}

#[test]
fn an_operator_who_reads_the_time_of_day_once_feels_nothing_of_a_leap() {
    let mut world = Lab::attached_in(World::new(1), Content::blank()).world;
    let wrong =
        Fault::OperatorClock { leap: HOUR, is_ahead: true, is_sudden: false, rate_percent: 200 };
    assert!(world.strike(&wrong));
    world.set_faults(wucluster_sim::Faults::none());
    let sim = Sim::new(world);
    wucluster_sim::run(async {
        let clock = sim.begin_operator();
        let (shown, truth) = (clock.now(), sim.now());
        assert_eq!(shown.since(truth), HOUR);
        assert_eq!(sim.true_time(shown), truth, "evidence is dated by the truth all the same");
        let set =
            Fault::OperatorClock { leap: HOUR, is_ahead: false, is_sudden: true, rate_percent: 50 };
        sim.with(|world| world.strike(&set));
        clock.sleep(10 * MINUTE).await;
        assert_eq!(clock.now().since(shown), 10 * MINUTE);
        assert_eq!(sim.now().since(truth), 5 * MINUTE);
    });
    assert_eq!(sim.into_world().faults_fired().get("T1 operator's clock"), Some(&1));
}

//! The engine on the simulated cloud, in virtual time: the main job, and what goes wrong on the way.
//! The simulator judges every effect by the truth; each test asserts that no harm was done.

mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use world::{Operator, PAIR, TRIO, key, node, world as quiet, world_with};
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::observation::InstanceState;
use wucluster_core::policy::Consent;
use wucluster_core::ports::Clock;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;
use wucluster_engine::{Engine, Outcome, Stop};
use wucluster_sim::{
    Answer, Fault, Faults, HarmKind, HookScript, Human, Lie, Limits, Sim, SimClock, World,
};

/// Writes a line into every mount and lets it reach the disks.
fn write_everywhere(world: &mut World, operator: &Operator) {
    for (mount, _) in operator.definition.mounts() {
        world.write(&mount, "note", &format!("kept by {mount}")).expect("it is mounted");
    }
}

#[track_caller]
fn assert_data(world: &World, operator: &Operator) {
    for (mount, _) in operator.definition.mounts() {
        let read = world.read(&mount, "note").expect("it is mounted");
        assert_eq!(read.as_deref(), Some(format!("kept by {mount}").as_str()), "{mount}");
    }
}

#[test]
fn launch_put_away_launch_keeps_every_byte() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(1), Demand::Launched).reached();
    for _ in 0..3 {
        write_everywhere(&mut world, &operator);
        world = operator.drive(world, Demand::Away).reached();
        for (mount, _) in operator.definition.mounts() {
            assert_eq!(world.volumes_of(&mount), []);
        }
        for name in operator.definition.nodes.keys() {
            assert_eq!(world.instance_of(name), None);
        }
        world = operator.drive(world, Demand::Launched).reached();
        assert_data(&world, &operator);
    }
}

/// The operator's clock, which goes on by some milliseconds whenever it is read, as time does while plans are made.
struct Busy {
    clock: SimClock,
    reads: AtomicU64,
    step: Duration,
}

#[async_trait]
impl Clock for Busy {
    fn now(&self) -> Timestamp {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        self.clock
            .now()
            .after(self.step * u32::try_from(reads).expect("it is read a few thousand times"))
    }

    async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }
}

#[test]
fn what_falls_due_while_a_plan_is_made_is_not_passed_over() {
    let operator = Operator::new(PAIR);
    for (seed, step) in (1..=20).flat_map(|seed| [1, 5, 20, 60].map(|step| (seed, step))) {
        let sim = Sim::new(quiet(seed));
        let (cloud, shell) = (sim.cloud(), sim.shell());
        let step = Duration::from_millis(step);
        let clock = Busy { clock: sim.clock(), reads: AtomicU64::new(0), step };
        let pursuit = operator.pursuit(Demand::Launched);
        let ending = wucluster_sim::run(async {
            Engine::new(&cloud, &shell, &clock).pursue(pursuit, Stop::never(), &mut |_| {}).await
        });
        assert_eq!(ending.outcome, Outcome::Reached, "seed {seed}, {step:?}");
    }
}

#[test]
fn what_is_reached_is_not_touched_again() {
    let mut operator = Operator::new(TRIO);
    for demand in [Demand::Launched, Demand::Away] {
        let world = operator.drive(quiet(2), demand).reached();
        let before = world.mutating_calls();
        let again = operator.drive(world, demand);
        assert_eq!(
            again
                .events
                .iter()
                .filter(|event| matches!(event.kind, wucluster_engine::EventKind::Asked { .. }))
                .count(),
            0
        );
        assert_eq!(again.reached().mutating_calls(), before);
    }
}

#[test]
fn each_demand_is_reached_from_each_other() {
    for from in Demand::ALL {
        for to in Demand::ALL {
            let mut operator = Operator::new(PAIR);
            let world = operator.drive(quiet(3), Demand::Launched).reached();
            let world = operator.drive(world, from).reached();
            operator.drive(world, to).reached();
        }
    }
}

#[test]
fn what_is_parked_is_stopped_and_starts_again_as_it_was() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(4), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let machines = |world: &World| {
        ["chief", "worker-1", "worker-2"].map(|name| world.instance_of(&node(name)).unwrap())
    };
    let volumes = |world: &World| {
        let keys = operator.definition.mounts().map(|(key, _)| key);
        keys.map(|key| world.volume_of(&key).unwrap()).collect::<Vec<_>>()
    };
    let before = (machines(&world), volumes(&world));
    let mut driving = operator.clone();
    // Nobody has to say yes: nothing is deleted.
    driving.policy.consent = Consent::Only([].into());
    let drive = driving.drive(world, Demand::Parked);
    assert_eq!((drive.asked("StopInstances"), drive.asked("CreateSnapshot")), (3, 0));
    let world = drive.reached();
    assert_eq!((machines(&world), volumes(&world)), before);
    for id in &before.0 {
        assert_eq!(world.instance_state(id), Some(InstanceState::Stopped));
    }
    let drive = driving.drive(world, Demand::Launched);
    assert_eq!((drive.asked("StartInstances"), drive.asked("RunInstances")), (3, 0));
    let world = drive.reached();
    assert_eq!((machines(&world), volumes(&world)), before);
    assert_data(&world, &operator);
    // Put away from there, nothing is started for it.
    let world = driving.drive(world, Demand::Parked).reached();
    driving.policy = operator.policy.clone();
    let drive = driving.drive(world, Demand::Away);
    assert_eq!((drive.asked("StartInstances"), drive.asked("CreateSnapshot")), (0, 4));
    let world = driving.drive(drive.reached(), Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn a_busy_mount_keeps_its_machine_up_and_the_others_are_parked() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(4), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    world.hold(&key("chief/data"), 4711, "/mnt/data/open").unwrap();
    let drive = operator.drive(world, Demand::Parked);
    drive.unharmed();
    assert_eq!(drive.held(), ["mount-busy chief/data"]);
    assert_eq!(drive.asked("StopInstances"), 2);
    let mut world = drive.world;
    assert!(world.losses().is_empty());
    world.release(4711);
    let world = operator.drive(world, Demand::Parked).reached();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn a_parking_that_is_cut_short_anywhere_is_gone_on_with_in_both_directions() {
    for seed in 0..24 {
        let mut operator = Operator::new(PAIR);
        let mut world = operator.drive(quiet(seed), Demand::Launched).reached();
        write_everywhere(&mut world, &operator);
        let after = Duration::from_millis(500 + seed * 2_300);
        let world = operator.drive_and_die(world, Demand::Parked, after);
        let next =
            [Demand::Parked, Demand::Launched, Demand::Away][usize::try_from(seed).unwrap() % 3];
        let world = operator.drive(world, next).reached();
        let world = operator.drive(world, Demand::Launched).reached();
        assert_data(&world, &operator);
    }
}

#[test]
fn a_busy_mount_holds_the_put_away_and_the_rest_goes_on() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(4), Demand::Launched).reached();
    world.hold(&key("chief/data"), 4711, "/mnt/data/open").unwrap();
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!(drive.held(), ["mount-busy chief/data"]);
    let Outcome::Held(holds) = &drive.ending.outcome else { unreachable!() };
    assert!(holds[0].why.iter().any(|why| why.contains("4711")), "{holds:?}");
    let mut world = drive.world;
    assert_eq!(world.instance_of(&node("worker-1")), None, "the others are away");
    assert!(world.volumes_of(&key("chief/home")).is_empty());
    assert!(world.instance_of(&node("chief")).is_some(), "kept up for its mount");
    world.release(4711);
    operator.drive(world, Demand::Away).reached();
}

#[test]
fn waiting_for_a_busy_mount_ends_when_it_is_released() {
    let mut operator = Operator::new(PAIR);
    operator.wait = Duration::from_secs(3600);
    let mut world = operator.drive(quiet(5), Demand::Launched).reached();
    world.hold(&key("chief/data"), 4711, "/mnt/data/open").unwrap();
    let drive = operator.drive_beside(world, Demand::Away, |sim| async move {
        tokio::time::sleep(Duration::from_secs(600)).await;
        sim.with(|world| world.release(4711));
    });
    drive.reached();
}

#[test]
fn a_mount_in_another_name_space_holds_the_put_away() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(6), Demand::Launched).reached();
    world.hold_elsewhere(&key("chief/data"), "a container").unwrap();
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!(drive.held(), ["mount-busy chief/data"]);
    let mut world = drive.world;
    world.release_elsewhere(&key("chief/data")).unwrap();
    operator.drive(world, Demand::Away).reached();
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    for (request, demand) in [
        ("RunInstances", Demand::Launched),
        ("CreateVolume", Demand::Launched),
        ("AttachVolume", Demand::Launched),
        ("CreateSnapshot", Demand::Away),
        ("DetachVolume", Demand::Away),
        ("DeleteVolume", Demand::Away),
        ("TerminateInstances", Demand::Away),
        ("mount", Demand::Launched),
        ("umount", Demand::Away),
        ("mkfs", Demand::Launched),
    ] {
        let mut operator = Operator::new(PAIR);
        let lost = if matches!(request, "mount" | "umount" | "mkfs") {
            Fault::LostShellAnswer
        } else {
            Fault::LostAnswer
        };
        let mut world = quiet(7);
        if demand == Demand::Away {
            world = operator.drive(world, Demand::Launched).reached();
            write_everywhere(&mut world, &operator);
        }
        let faults = Faults::none().at_call(request, 1, lost);
        world.set_faults(faults);
        let mut world = operator.drive(world, demand).reached();
        assert!(
            world.faults_fired().values().sum::<u64>() >= 1,
            "{request}: {:?}",
            world.faults_fired()
        );
        if demand == Demand::Away {
            world = operator.drive(world, Demand::Launched).reached();
            assert_data(&world, &operator);
        }
        for (mount, _) in operator.definition.mounts() {
            assert_eq!(world.volumes_of(&mount).len(), 1, "{request}");
        }
        assert_eq!(world.instances_of(&node("chief")).len().max(1), 1, "{request}");
    }
}

#[test]
fn a_failed_snapshot_is_taken_again_and_never_counts() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(8), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    world.set_faults(Faults::none().at_call("CreateSnapshot", 1, Fault::SnapshotFails));
    let drive = operator.drive(world, Demand::Away);
    assert_eq!(drive.asked("CreateSnapshot"), 3, "{}", drive.story());
    let world = operator.clone().drive(drive.reached(), Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn snapshots_that_always_fail_hold_the_delete() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(9), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    world.set_faults(Faults::none().with_chance(1.0, Fault::SnapshotFails));
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!(drive.held(), ["snapshot-failed chief/home", "snapshot-failed chief/data"]);
    assert_eq!(drive.world.volumes_of(&key("chief/home")).len(), 1);
}

#[test]
fn a_silent_node_holds_its_mounts_and_is_put_away_once_it_answers() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(10), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let silent = Fault::Unreachable { node: Some(node("worker-2")), span: None, hangs: true };
    assert!(world.strike(&silent));
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!(drive.held(), ["node-silent worker-2"]);
    let mut world = drive.world;
    assert_eq!(world.instance_of(&node("worker-1")), None, "one silent node delays no other");
    world.calm();
    let world = operator.drive(world, Demand::Away).reached();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn a_node_that_lists_no_devices_keeps_what_it_shows_mounted() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(15), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let blind = Fault::ProbeLies { lie: Lie::NoDevices };
    world.set_faults(Faults::none().with_chance(1.0, blind));
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!((drive.asked("DetachVolume"), drive.asked("TerminateInstances")), (0, 0));
    let mut world = drive.world;
    world.calm();
    let world = operator.drive(world, Demand::Away).reached();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn another_host_at_the_nodes_address_is_told_nothing() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(11), Demand::Launched).reached();
    assert!(world.strike(&Fault::WrongHost { node: Some(node("chief")), span: None }));
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!(drive.held(), ["host-key-changed chief"]);
    assert_eq!(drive.asked("umount"), 0);
}

#[test]
fn a_machine_killed_while_mounted_is_brought_back_with_what_was_synced() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(12), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let id = world.instance_of(&node("chief")).unwrap();
    world.sync(&id).unwrap();
    assert!(world.kill_machine(&id));
    let world = operator.drive(world, Demand::Launched).reached();
    assert_eq!(world.instance_of(&node("chief")), Some(id), "started again, not replaced");
    assert_data(&world, &operator);
}

#[test]
fn a_machine_killed_while_mounted_is_put_away_without_it() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(13), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let id = world.instance_of(&node("chief")).unwrap();
    world.sync(&id).unwrap();
    assert!(world.kill_machine(&id));
    let world = operator.drive(world, Demand::Away).reached();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn a_machine_that_vanishes_in_mid_launch_is_replaced() {
    for at in [5, 20, 40, 60, 80] {
        let mut operator = Operator::new(TRIO);
        let faults = Faults::none()
            .after(
                Duration::from_secs(at),
                Fault::MachineTerminates { node: Some(node("worker-1")) },
            )
            .after(
                Duration::from_secs(at + 3),
                Fault::MachineStops { node: Some(node("worker-2")) },
            );
        operator.drive(world_with(14, faults), Demand::Launched).reached();
    }
}

#[test]
fn a_stuck_detachment_is_held_by_name_and_never_forced() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(15), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    world.set_faults(Faults::none().at_call(
        "DetachVolume",
        1,
        Fault::StuckDetaching { span: None },
    ));
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    let held = drive.held();
    assert_eq!(held.len(), 1);
    assert!(held[0].starts_with("detach-stuck chief/"), "{held:?}");
    // The remedy that the hold offers: with the machine stopped, the provider lets go.
    let mut world = drive.world;
    world.human(&Human::StopInstance(node("chief"))).unwrap();
    let world = operator.drive(world, Demand::Away).reached();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn readiness_checks_gate_launched_and_only_that() {
    let definition = format!("{PAIR}ready = [{{ run = \"is-ready\" }}]\n");
    let mut operator = Operator::new(&definition);
    operator.policy.ready_patience = Duration::from_secs(120);
    let mut world = quiet(16);
    world.script_hook(&node("chief"), "is-ready", HookScript::always(Answer::no("warming up")));
    let drive = operator.drive(world, Demand::Launched);
    drive.unharmed();
    assert_eq!(drive.held(), ["not-ready chief"]);
    let world = operator.drive(drive.world, Demand::Mounted).reached();
    let mut world = world;
    world.script_hook(&node("chief"), "is-ready", HookScript::yes_after(2, "almost"));
    operator.drive(world, Demand::Launched).reached();
}

#[test]
fn a_halt_check_that_says_no_keeps_the_node_and_not_the_mounts() {
    let definition = format!("{PAIR}before-halt = [{{ run = \"may-halt\" }}]\n");
    let mut operator = Operator::new(&definition);
    let mut world = operator.drive(quiet(17), Demand::Launched).reached();
    world.script_hook(&node("chief"), "may-halt", HookScript::always(Answer::no("a job runs")));
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!(drive.held(), ["halt-refused chief"]);
    let mut world = drive.world;
    assert!(world.volumes_of(&key("chief/home")).is_empty(), "its mounts are away");
    world.script_hook(&node("chief"), "may-halt", HookScript::always(Answer::yes()));
    operator.drive(world, Demand::Away).reached();
}

#[test]
fn a_hook_that_says_no_keeps_the_mounts_mounted() {
    let definition = format!("{PAIR}before-unmount = [{{ run = \"quiesce\" }}]\n");
    let mut operator = Operator::new(&definition);
    let mut world = operator.drive(quiet(18), Demand::Launched).reached();
    world.script_hook(&node("chief"), "quiesce", HookScript::always(Answer::no("still flushing")));
    let drive = operator.drive(world, Demand::Unmounted);
    drive.unharmed();
    assert_eq!(drive.held(), ["unmount-refused chief/home", "unmount-refused chief/data"]);
    assert!(drive.world.mounted_at(&key("chief/home")).is_some());
}

#[test]
fn a_node_and_a_mount_more_are_launched_while_the_rest_stays() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(19), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let before = (world.instance_of(&node("chief")), world.volume_of(&key("chief/home")));
    let mut wider = Operator::new(&format!(
        "{PAIR}mount.more = {{ at = \"/mnt/more\", size = \"1 GiB\" }}\n[node.extra]\nmount.spare = {{ at = \"/mnt/spare\", size = \"1 GiB\" }}\n"
    ));
    wider.records.clone_from(&operator.records);
    let drive = wider.drive(world, Demand::Launched);
    assert_eq!(drive.asked("umount") + drive.asked("DetachVolume"), 0);
    let world = drive.reached();
    assert_eq!((world.instance_of(&node("chief")), world.volume_of(&key("chief/home"))), before);
    assert_data(&world, &operator);
    assert!(world.mounted_at(&key("extra/spare")).is_some());
    assert!(world.mounted_at(&key("chief/more")).is_some());
}

#[test]
fn what_left_the_definition_is_put_away_with_the_cluster() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(20), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let mut narrower = Operator::new(PAIR);
    narrower.records.clone_from(&operator.records);
    let world = narrower.drive(world, Demand::Launched).reached();
    assert!(world.instance_of(&node("worker-1")).is_some(), "left alone by launch");
    let world = narrower.drive(world, Demand::Away).reached();
    assert_eq!(world.instance_of(&node("worker-1")), None);
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn what_left_the_definition_is_put_away_by_a_launch_where_that_is_said() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(20), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let mut narrower = Operator::new(
        &TRIO
            .replace("count = 2", "count = 1")
            .replace(r#"mount.data = { at = "/mnt/data", size = "2 GiB", fs = "xfs" }"#, ""),
    );
    narrower.records.clone_from(&operator.records);
    let before = (world.instance_of(&node("chief")), world.volume_of(&key("chief/home")));
    narrower.policy.scope = Scope::default().and_take_away_removed();
    let drive = narrower.drive(world, Demand::Launched);
    assert_eq!(drive.asked("DeleteVolume"), 2);
    assert_eq!(drive.asked("TerminateInstances"), 1);
    let world = drive.reached();
    assert_eq!(world.instance_of(&node("worker-2")), None);
    assert_eq!(world.volumes_of(&key("worker-2/scratch")), []);
    assert_eq!(world.volumes_of(&key("chief/data")), []);
    assert_eq!((world.instance_of(&node("chief")), world.volume_of(&key("chief/home"))), before);
    operator.records.clone_from(&narrower.records);
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn what_left_the_definition_stays_where_nobody_said_yes_to_its_deletion() {
    let mut operator = Operator::new(TRIO);
    let world = operator.drive(quiet(20), Demand::Launched).reached();
    let mut narrower = Operator::new(PAIR);
    narrower.records.clone_from(&operator.records);
    narrower.policy.scope = Scope::default().and_take_away_removed();
    narrower.policy.consent = Consent::Only(BTreeSet::new());
    let drive = narrower.drive(world, Demand::Launched);
    drive.unharmed();
    assert_eq!(
        drive.held(),
        [
            "beyond-yes worker-1",
            "beyond-yes worker-2",
            "beyond-yes worker-1/scratch",
            "beyond-yes worker-2/scratch"
        ]
    );
    assert!(drive.world.mounted_at(&key("chief/home")).is_some());
    assert!(drive.world.instance_of(&node("worker-1")).is_some());
}

#[test]
fn a_part_is_driven_by_itself_in_every_direction() {
    for demand in Demand::ALL {
        for part in ["worker-1", "worker-*/scratch", "chief/home"] {
            let mut operator = Operator::new(TRIO);
            let mut world = operator.drive(quiet(31), Demand::Launched).reached();
            write_everywhere(&mut world, &operator);
            let scope = Scope::of(vec![part.parse().unwrap()]);
            let rest = |world: &World| {
                let keys = operator.definition.mounts().map(|(key, _)| key);
                let out = keys.filter(|key| !scope.has(&Subject::Mount(key.clone())));
                out.map(|key| (world.volume_of(&key), world.mounted_at(&key))).collect::<Vec<_>>()
            };
            let before = rest(&world);
            let mut partial = operator.clone();
            partial.policy.scope = scope.clone();
            let world = partial.drive(world, demand).reached();
            assert_eq!(rest(&world), before, "{demand} --only {part}");
            let is_away = demand == Demand::Away;
            let named = operator
                .definition
                .mounts()
                .find(|(key, _)| scope.has(&Subject::Mount(key.clone())));
            let (named, _) = named.unwrap();
            assert_eq!(world.volumes_of(&named).is_empty(), is_away, "{demand} --only {part}");
            assert_eq!(
                world.instance_of(&named.node).is_none(),
                is_away && part == "worker-1",
                "{demand} --only {part}"
            );
            // And back, with all its bytes.
            let world = partial.drive(world, Demand::Launched).reached();
            assert_data(&world, &operator);
        }
    }
}

#[test]
fn a_part_of_what_is_away_comes_up_with_the_node_that_it_needs() {
    let mut operator = Operator::new(TRIO);
    operator.policy.scope = Scope::of(vec!["worker-2/scratch".parse().unwrap()]);
    let world = operator.drive(quiet(32), Demand::Launched).reached();
    assert!(world.mounted_at(&key("worker-2/scratch")).is_some());
    assert_eq!(world.instance_of(&node("worker-1")), None);
    assert_eq!(world.volumes_of(&key("chief/home")), []);
}

#[test]
fn a_silent_node_is_no_concern_of_another_part() {
    let mut operator = Operator::new(TRIO);
    let mut world = operator.drive(quiet(33), Demand::Launched).reached();
    let silent = Fault::Unreachable { node: Some(node("chief")), span: None, hangs: true };
    assert!(world.strike(&silent));
    operator.policy.scope = Scope::of(vec!["worker-*".parse().unwrap()]);
    let world = operator.drive(world, Demand::Away).reached();
    assert!(world.instance_of(&node("chief")).is_some());
    assert_eq!(world.instance_of(&node("worker-1")), None);
}

/// Writes a number into every mount and lets it reach the disks.
fn write_number(world: &mut World, operator: &Operator, number: u64) {
    for (mount, _) in operator.definition.mounts() {
        world.write(&mount, "number", &number.to_string()).expect("it is mounted");
    }
}

#[track_caller]
fn assert_number(world: &World, operator: &Operator, number: u64) {
    for (mount, _) in operator.definition.mounts() {
        let read = world.read(&mount, "number").expect("it is mounted");
        assert_eq!(read.as_deref(), Some(number.to_string().as_str()), "{mount}");
    }
}

/// A cluster that is away, and held 1, 2 and 3 at its put-aways.
fn thrice_away(operator: &mut Operator, seed: u64) -> World {
    let mut world = quiet(seed);
    for number in 1..=3 {
        world = operator.drive(world, Demand::Launched).reached();
        write_number(&mut world, operator, number);
        world = operator.drive(world, Demand::Away).reached();
    }
    world
}

#[test]
fn a_cluster_goes_back_to_any_generation_and_forth_again() {
    let mut operator = Operator::new(TRIO);
    let mut world = thrice_away(&mut operator, 34);
    for generation in [1, 3, 2] {
        operator.policy.generation = Some(generation);
        world.says_go_back_to(generation);
        world = operator.drive(world, Demand::Launched).reached();
        assert_number(&world, &operator, generation);
        operator.policy.generation = None;
        // What runs is what a plain launch finds.
        world = operator.drive(world, Demand::Launched).reached();
        assert_number(&world, &operator, generation);
        world = operator.drive(world, Demand::Away).reached();
    }
    // The newest data is what was put away last.
    let mut world = operator.drive(world, Demand::Launched).reached();
    assert_number(&world, &operator, 2);
    write_number(&mut world, &operator, 7);
    let world = operator.drive(world, Demand::Away).reached();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_number(&world, &operator, 7);
}

#[test]
fn to_go_back_without_a_persons_word_is_harm() {
    let mut operator = Operator::new(TRIO);
    let world = thrice_away(&mut operator, 34);
    operator.policy.generation = Some(1);
    let drive = operator.drive(world, Demand::Launched);
    let kinds: Vec<HarmKind> = drive.world.harm().iter().map(|harm| harm.kind).collect();
    assert_eq!(kinds, [HarmKind::RestoredOlder; 4]);
}

#[test]
fn whoever_goes_on_with_a_return_that_was_cut_short_ends_with_the_same_generation() {
    for seconds in 1..40 {
        let mut operator = Operator::new(TRIO);
        let mut world = thrice_away(&mut operator, 35);
        world.says_go_back_to(1);
        let mut back = operator.clone();
        back.policy.generation = Some(1);
        let world = back.drive_and_die(world, Demand::Launched, Duration::from_secs(seconds));
        let begun = operator.definition.mounts().any(|(key, _)| !world.volumes_of(&key).is_empty());
        operator.records.clone_from(&back.records);
        let world = operator.drive(world, Demand::Launched).reached();
        let read = world.read(&key("chief/home"), "number").unwrap();
        let number = read.unwrap().parse().unwrap();
        assert_eq!(number, if begun { 1 } else { 3 }, "cut after {seconds} s");
        assert_number(&world, &operator, number);
    }
}

#[test]
fn an_operator_that_dies_anywhere_is_followed_by_one_that_finishes() {
    for seed in 0..60 {
        let mut operator = Operator::new(TRIO);
        let mut world = quiet(100 + seed);
        world = operator.drive_and_die(
            world,
            Demand::Launched,
            Duration::from_millis(500 + seed * 1_700),
        );
        world = operator.drive(world, Demand::Launched).reached();
        write_everywhere(&mut world, &operator);
        world =
            operator.drive_and_die(world, Demand::Away, Duration::from_millis(300 + seed * 2_300));
        assert!(world.harm().is_empty(), "seed {seed}: {:#?}", world.harm());
        // Half of them are turned back in the middle.
        if seed % 2 == 0 {
            world = operator.drive(world, Demand::Away).reached();
        }
        world = operator.drive(world, Demand::Launched).reached();
        assert_data(&world, &operator);
    }
}

#[test]
fn data_that_a_human_deleted_is_never_replaced_by_a_blank_disk() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(21), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let mut world = operator.drive(world, Demand::Away).reached();
    world.human(&Human::DeleteSnapshots(key("chief/home"))).unwrap();
    let drive = operator.drive(world, Demand::Launched);
    drive.unharmed();
    assert_eq!(drive.held(), ["data-missing chief/home"]);
    assert!(drive.world.mounted_at(&key("chief/data")).is_some(), "the other mount is back");
}

#[test]
fn throttling_and_passing_errors_only_cost_time() {
    let mut operator = Operator::new(TRIO);
    let faults =
        Faults::none().with_chance(0.2, Fault::Throttle).with_chance(0.1, Fault::ServerError);
    let mut world = operator.drive(world_with(22, faults), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let world = operator.drive(world, Demand::Away).reached();
    let world = operator.drive(world, Demand::Launched).reached();
    assert_data(&world, &operator);
}

#[test]
fn time_running_out_destroys_nothing() {
    let mut operator = Operator::new(TRIO);
    operator.timeout = Some(Duration::from_secs(10));
    let drive = operator.drive(quiet(23), Demand::Launched);
    drive.unharmed();
    assert_eq!(drive.ending.outcome, Outcome::Stalled);
    operator.timeout = None;
    operator.drive(drive.world, Demand::Launched).reached();
}

#[test]
fn what_a_person_gives_up_by_name_begins_from_what_is_left() {
    let mut operator = Operator::new(PAIR);
    let mut world = operator.drive(quiet(24), Demand::Launched).reached();
    write_everywhere(&mut world, &operator);
    let mut world = operator.drive(world, Demand::Away).reached();
    world.human(&Human::DeleteSnapshots(key("chief/home"))).unwrap();
    let drive = operator.drive(world, Demand::Launched);
    assert_eq!(drive.held(), ["data-missing chief/home"]);
    operator.policy.lose.insert(key("chief/home"));
    let world = operator.drive(drive.world, Demand::Launched).reached();
    assert_eq!(world.read(&key("chief/home"), "note").unwrap(), None);
    assert_eq!(
        world.read(&key("chief/data"), "note").unwrap().as_deref(),
        Some("kept by chief/data")
    );
}

#[test]
fn waiting_for_a_busy_mount_ends_after_the_time_that_was_given() {
    let mut operator = Operator::new(PAIR);
    operator.wait = Duration::from_secs(600);
    let mut world = operator.drive(quiet(25), Demand::Launched).reached();
    world.hold(&key("chief/data"), 4711, "/mnt/data/open").unwrap();
    let before = world.now();
    let drive = operator.drive(world, Demand::Away);
    drive.unharmed();
    assert_eq!(drive.held(), ["mount-busy chief/data"]);
    let took = drive.world.now().since(before);
    assert!((600..900).contains(&took.as_secs()), "{took:?}");
}

/// A dozen workers with two mounts each.
const DOZEN: &str = r#"
[cluster]
name = "gibbon"

[node.worker]
count = 12
mount.a = { at = "/mnt/a", size = "1 GiB" }
mount.b = { at = "/mnt/b", size = "1 GiB" }
"#;

#[test]
fn no_more_is_asked_than_the_cloud_takes() {
    let mut operator = Operator::new(DOZEN);
    let drive = operator.drive(quiet(61), Demand::Launched);
    assert_eq!(drive.asked("RunInstances"), 12, "{}", drive.story());
    assert!(!drive.story().contains("RequestLimitExceeded"), "{}", drive.story());
    let drive = operator.drive(drive.reached(), Demand::Away);
    assert_eq!(drive.asked("CreateSnapshot"), 24, "{}", drive.story());
    drive.reached();
}

#[test]
fn a_limit_on_what_is_under_way_at_once_is_waited_for() {
    let mut operator = Operator::new(DOZEN);
    let limits = Limits { snapshots_pending_max: 3, ..Limits::default() };
    let world = operator.drive(quiet(62).with_limits(limits), Demand::Launched).reached();
    let drive = operator.drive(world, Demand::Away);
    assert!(drive.story().contains("PendingSnapshotLimitExceeded"), "{}", drive.story());
    drive.reached();
}

#[test]
fn what_a_node_was_seen_to_let_go_of_is_attached_again_without_a_wait() {
    for seed in 1..=8 {
        let mut operator = Operator::new(TRIO);
        let mut world = operator.drive(quiet(seed), Demand::Launched).reached();
        for apart in [Demand::Separated, Demand::Haltable] {
            world = operator.drive(world, apart).reached();
            let before = world.now();
            world = operator.drive(world, Demand::Launched).reached();
            let took = world.now().since(before);
            assert!(took < Duration::from_secs(60), "seed {seed}: after {apart} it took {took:?}");
        }
    }
}

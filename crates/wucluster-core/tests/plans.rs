//! What the planner does next, read as a story: a world by hand, a demand, and the plan as text.
//! The goldens are in `tests/plans/`.

mod common;

use common::{GIBBON, NOW, SOLO, World, key};
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::memory::{Failure, FailureError, SubjectMemory};
use wucluster_core::observation::{Contents, Holder};
use wucluster_core::ports::ShellError;
use wucluster_core::time::Timestamp;

fn golden(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "plans", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn launched() -> World {
    World::new(GIBBON)
        .instance("chief", "running")
        .instance("worker-1", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached")
        .mounted("/mnt/home")
        .volume("chief/data", "in-use", "1 live")
        .attached("i-chief", "attached")
        .mounted("/mnt/data")
        .volume("worker-1/scratch", "in-use", "1 live")
        .attached("i-worker-1", "attached")
        .mounted("/mnt/scratch")
}

#[test]
fn launch_from_nothing_asks_for_everything_at_once() {
    golden("launch-from-nothing", &World::new(GIBBON).told(Demand::Launched));
}

#[test]
fn launch_of_what_is_launched_asks_nothing() {
    golden("launch-again", &launched().told(Demand::Launched));
}

#[test]
fn launch_brings_back_the_newest_snapshots() {
    let world = World::new(GIBBON)
        .snapshot("chief/home", "snap-home-1", "completed", 1)
        .snapshot("chief/home", "snap-home-2", "completed", 2)
        .snapshot("chief/data", "snap-data-1", "completed", 1)
        .snapshot("chief/data", "snap-data-2", "pending", 2)
        .snapshot("worker-1/scratch", "snap-scratch-1", "completed", 1)
        .snapshot("worker-1/scratch", "snap-scratch-2", "error", 2);
    golden("launch-from-snapshots", &world.told(Demand::Launched));
}

#[test]
fn launch_takes_each_part_from_where_it_is() {
    let world = World::new(GIBBON)
        .instance("chief", "running")
        .instance("worker-1", "stopped")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached")
        .volume("chief/data", "available", "3 sealed")
        .volume("worker-1/scratch", "in-use", "1 live")
        .attached("i-worker-1", "attached");
    golden("launch-from-a-mixture", &world.told(Demand::Launched));
}

#[test]
fn a_blank_device_is_formatted_recorded_and_mounted() {
    let blank = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .tag("wucluster:content", "blank")
        .attached("i-chief", "attached")
        .device(|device| device.contents = Contents::Blank);
    let mut text = blank.told(Demand::Launched);
    let uuid = blank.view.volumes[0].id.filesystem_uuid();
    let made = blank.clone().device(|device| {
        device.contents =
            Contents::Filesystem { kind: "ext4".to_owned(), uuid: Some(uuid.clone()) };
    });
    text += &made.told(Demand::Launched);
    let recorded =
        made.tag("wucluster:content", "data").tag("wucluster:filesystem", &format!("ext4 {uuid}"));
    text += &recorded.told(Demand::Launched);
    golden("first-mount", &text);
}

#[test]
fn foreign_content_is_neither_formatted_nor_mounted() {
    let blank = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .tag("wucluster:content", "blank")
        .attached("i-chief", "attached");
    let mut text = blank
        .clone()
        .device(|device| device.contents = Contents::Other("a partition table (gpt)".to_owned()))
        .told(Demand::Launched);
    text += &blank.clone().told(Demand::Launched);
    let marked = blank.tag("wucluster:content", "foreign");
    text += &marked.clone().told(Demand::Launched);
    // What was seen once is not forgotten by a look that shows nothing.
    text += &marked.device(|device| device.contents = Contents::Blank).told(Demand::Launched);
    golden("foreign-content", &text);
}

#[test]
fn put_away_takes_each_mount_one_rung_further() {
    let mut text = launched().told(Demand::Away);
    let halfway = World::new(GIBBON)
        .instance("chief", "running")
        .instance("worker-1", "running")
        .volume("chief/home", "available", "1 live")
        .volume("chief/data", "available", "1 sealed")
        .snapshot("chief/data", "snap-data-1", "completed", 1)
        .volume("worker-1/scratch", "in-use", "1 live")
        .attached("i-worker-1", "attached");
    text += &halfway.told(Demand::Away);
    let snapshots = World::new(GIBBON)
        .instance("chief", "shutting-down")
        .volume("chief/home", "available", "1 sealed")
        .volume("chief/data", "available", "1 sealed")
        .snapshot("chief/data", "snap-data-1", "pending", 1);
    text += &snapshots.told(Demand::Away);
    golden("put-away", &text);
}

/// What is remembered of a mount that could not be unmounted three times.
fn busy(holders: Vec<Holder>) -> SubjectMemory {
    let message = "target is busy".to_owned();
    let failure = Failure {
        action: "umount".to_owned(),
        error: FailureError::Shell(ShellError::Busy { holders, message }),
        times: 3,
        first_at: NOW,
        last_at: NOW,
    };
    SubjectMemory {
        failure: Some(failure),
        not_before: Some(NOW.after(std::time::Duration::from_secs(4))),
        ..SubjectMemory::default()
    }
}

#[test]
fn a_node_that_stays_up_for_what_is_held_says_so() {
    let mut world = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached")
        .mounted("/mnt/home");
    world.memory.subjects.insert(Subject::Mount(key("chief/home")), busy(Vec::new()));
    let plan = world.plan(Demand::Away);
    assert!(plan.actions.is_empty() && plan.holds.len() == 1, "{plan:?}");
    let rows = plan.rows(&world.definition, &world.observe());
    let notes: Vec<Option<&str>> = rows.iter().map(|row| row.note.as_deref()).collect();
    assert_eq!(notes, [Some("kept up for home"), Some("it cannot be unmounted")]);
}

#[test]
fn put_away_is_held_by_a_busy_mount_and_says_who_holds_it() {
    let mut world = launched();
    let holders = vec![
        Holder {
            pid: 18211,
            user: "flip".to_owned(),
            command: "python train.py".to_owned(),
            what: "/mnt/data/run7/ckpt-0912.pt, open for writing".to_owned(),
        },
        Holder {
            pid: 18240,
            user: "flip".to_owned(),
            command: "bash".to_owned(),
            what: "working directory /mnt/data/run7".to_owned(),
        },
    ];
    world.memory.subjects.insert(Subject::Mount(key("chief/data")), busy(holders));
    golden("put-away-busy", &world.told(Demand::Away));
}

#[test]
fn put_away_is_held_by_a_silent_node_once_for_all_its_mounts() {
    let mut world = launched().silent("chief");
    let mut text = world.told(Demand::Away);
    world.memory.silent_since.insert(common::node("chief"), Timestamp::from_millis(0));
    text += &world.told(Demand::Away);
    golden("put-away-silent", &text);
}

#[test]
fn a_reversed_demand_goes_on_from_where_it_is() {
    let world = World::new(SOLO)
        .instance("chief", "running")
        .volume("chief/home", "available", "1 sealed")
        .snapshot("chief/home", "snap-1", "pending", 1);
    let mut text = world.told(Demand::Away);
    text += &world.told(Demand::Launched);
    golden("reversed", &text);
}

#[test]
fn what_left_the_definition_is_left_alone_by_launch_and_put_away_with_the_rest() {
    let world = World::new(SOLO)
        .instance("chief", "running")
        .instance("gone", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached")
        .mounted("/mnt/home")
        .volume("gone/old", "in-use", "4 live")
        .attached("i-gone", "attached")
        .mounted("/mnt/old");
    let mut text = world.told(Demand::Launched);
    text += &world.told(Demand::Away);
    golden("left-the-definition", &text);
}

#[test]
fn a_conflict_of_identity_touches_neither() {
    let world = World::new(SOLO)
        .instance_called("chief", "i-one", "running")
        .instance_called("chief", "i-two", "running")
        .volume_called("chief/home", "vol-one", "available", "1 live")
        .volume_called("chief/home", "vol-two", "available", "1 live");
    let mut text = world.told(Demand::Launched);
    text += &world.told(Demand::Away);
    golden("conflict", &text);
}

#[test]
fn each_demand_of_a_launched_cluster() {
    let text: String = Demand::ALL.iter().map(|demand| launched().told(*demand)).collect();
    golden("each-demand-of-launched", &text);
}

#[test]
fn each_demand_of_a_cluster_that_is_away() {
    let world = World::new(GIBBON).snapshot("chief/home", "snap-1", "completed", 1);
    let text: String = Demand::ALL.iter().map(|demand| world.told(*demand)).collect();
    golden("each-demand-of-away", &text);
}

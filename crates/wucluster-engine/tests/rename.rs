//! Renaming and moving, in the simulator: what had another name comes to its new one with its data, and nothing is made
//! under a new name before.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod desk;

use std::time::Duration;

use desk::{Desk, assert_unharmed, reads, write};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::interlock::Interlock;
use wucluster_core::scope::Scope;
use wucluster_engine::AdoptError;
use wucluster_sim::{Sim, World};

fn cluster(nodes: &str) -> ClusterDefinition {
    ClusterDefinition::parse(&format!("[cluster]\nname = \"gibbon\"\n{nodes}")).unwrap()
}

/// A cluster of two nodes, one mount on the first.
fn before() -> ClusterDefinition {
    cluster(
        r#"
        [node.chief]
        mount.home = { at = "/mnt/home", size = "1 GiB" }
        [node.worker]
        "#,
    )
}

fn only(part: &str) -> Scope {
    Scope::of(vec![part.parse().unwrap()])
}

fn held_by(done: Result<wucluster_engine::Renamed, AdoptError>) -> Interlock {
    match done {
        Err(AdoptError::Held(hold)) => hold.interlock,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mount_is_renamed_where_it_is_and_keeps_its_data() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(11));
        let ann = Desk::new(&sim);
        assert_eq!(ann.held(&before(), Demand::Launched).await, []);
        write(&sim, "chief/home", "old");
        let renamed = cluster(
            r#"
            [node.chief]
            mount.data = { at = "/mnt/home", size = "1 GiB", was = "home" }
            [node.worker]
            "#,
        );
        let calls = sim.peek(World::mutating_calls);
        assert_eq!(ann.rename(&renamed).await.unwrap().taken.len(), 1);
        assert_eq!(ann.held(&renamed, Demand::Launched).await, []);
        assert_eq!(sim.peek(World::mutating_calls) - calls, 1, "tags, and nothing else");
        assert_eq!(reads(&sim, "chief/data", "old").as_deref(), Some("old"));
        // Once is enough.
        assert_eq!(ann.rename(&renamed).await.unwrap().taken, []);

        assert_eq!(ann.held(&renamed, Demand::Away).await, []);
        // Whoever takes `was` out again has the same.
        let plain = cluster(
            r#"
            [node.chief]
            mount.data = { at = "/mnt/home", size = "1 GiB" }
            [node.worker]
            "#,
        );
        assert_eq!(ann.held(&plain, Demand::Launched).await, []);
        assert_eq!(reads(&sim, "chief/data", "old").as_deref(), Some("old"));
        assert_eq!(ann.held(&plain, Demand::Away).await, []);
        // And the former name is free: what has it now begins blank.
        assert_eq!(ann.held(&before(), Demand::Launched).await, []);
        assert_eq!(reads(&sim, "chief/home", "old"), None);
        assert_unharmed(&sim);
    });
}

#[test]
fn a_group_is_renamed_while_it_is_away_and_while_it_runs() {
    wucluster_sim::run(async {
        let group = |head: &str| {
            cluster(&format!(
                "[node.{head}\ncount = 2\nmount.scratch = {{ at = \"/scratch\", size = \"1 GiB\" }}"
            ))
        };
        let sim = Sim::new(World::new(12));
        let ann = Desk::new(&sim);
        assert_eq!(ann.held(&group("worker]"), Demand::Launched).await, []);
        write(&sim, "worker-2/scratch", "two");
        let compute = group("compute]\nwas = \"worker\"");
        assert_eq!(ann.rename(&compute).await.unwrap().taken.len(), 4, "machines and volumes");
        let calls = sim.peek(World::mutating_calls);
        assert_eq!(ann.held(&compute, Demand::Launched).await, []);
        assert_eq!(sim.peek(World::mutating_calls), calls, "nothing is made anew");
        assert_eq!(reads(&sim, "compute-2/scratch", "two").as_deref(), Some("two"));

        assert_eq!(ann.held(&compute, Demand::Away).await, []);
        let cruncher = group("cruncher]\nwas = \"compute\"");
        assert_eq!(ann.rename(&cruncher).await.unwrap().taken.len(), 2, "snapshots");
        assert_eq!(ann.held(&cruncher, Demand::Launched).await, []);
        assert_eq!(reads(&sim, "cruncher-2/scratch", "two").as_deref(), Some("two"));
        assert_unharmed(&sim);
    });
}

#[test]
fn a_mount_moves_to_another_node_once_it_is_separated() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(13));
        let ann = Desk::new(&sim);
        assert_eq!(ann.held(&before(), Demand::Launched).await, []);
        write(&sim, "chief/home", "old");
        let moved = cluster(
            r#"
            [node.chief]
            [node.worker]
            mount.home = { at = "/mnt/home", size = "1 GiB", was = "chief/home" }
            "#,
        );
        // Without being renamed it is not made a second time.
        let held = ann.held(&moved, Demand::Launched).await;
        assert_eq!(held, [Interlock::IdentityConflict]);
        assert_eq!(held_by(ann.rename(&moved).await), Interlock::AttachedElsewhere);
        assert_eq!(reads(&sim, "chief/home", "old").as_deref(), Some("old"));
        // Who renames another part leaves it alone.
        let others = ann.rename_part(&moved, &only("chief"), &mut |_| ()).await.unwrap();
        assert_eq!((others.taken.len(), others.left.len()), (0, 0));

        let outcome = ann.drive_part(&moved, Demand::Separated, only("chief/home")).await;
        assert_eq!(outcome, wucluster_engine::Outcome::Reached);
        let renamed = ann.rename(&moved).await.unwrap();
        assert_eq!((renamed.taken.len(), renamed.left.as_slice()), (1, &[][..]));
        assert_eq!(ann.held(&moved, Demand::Launched).await, []);
        assert_eq!(reads(&sim, "worker/home", "old").as_deref(), Some("old"));
        assert_unharmed(&sim);
    });
}

#[test]
fn a_name_under_which_other_data_is_is_not_taken() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(14));
        let ann = Desk::new(&sim);
        let both = cluster(
            r#"
            [node.chief]
            mount.home = { at = "/mnt/home", size = "1 GiB" }
            mount.data = { at = "/mnt/data", size = "1 GiB" }
            "#,
        );
        assert_eq!(ann.held(&both, Demand::Launched).await, []);
        write(&sim, "chief/home", "home");
        write(&sim, "chief/data", "data");
        assert_eq!(ann.held(&both, Demand::Away).await, []);
        let onto = cluster(
            r#"
            [node.chief]
            mount.data = { at = "/mnt/data", size = "1 GiB", was = "home" }
            "#,
        );
        let calls = sim.peek(World::mutating_calls);
        assert_eq!(held_by(ann.rename(&onto).await), Interlock::IdentityConflict);
        assert_eq!(sim.peek(World::mutating_calls), calls, "nothing was renamed");
        // Both keep what they hold.
        assert_eq!(ann.held(&both, Demand::Launched).await, []);
        assert_eq!(reads(&sim, "chief/home", "home").as_deref(), Some("home"));
        assert_eq!(reads(&sim, "chief/data", "data").as_deref(), Some("data"));
        assert_unharmed(&sim);
    });
}

#[test]
fn renaming_that_is_cut_off_anywhere_is_carried_on() {
    let after = cluster(
        r#"
        [node.head]
        was = "chief"
        mount.data = { at = "/mnt/home", size = "1 GiB", was = "home" }
        [node.worker]
        "#,
    );
    let mut cuts = 0;
    for millis in (0..6_000).step_by(40) {
        let is_cut = wucluster_sim::run(async {
            let sim = Sim::new(World::new(15));
            let ann = Desk::new(&sim);
            assert_eq!(ann.held(&before(), Demand::Launched).await, []);
            write(&sim, "chief/home", "old");
            assert_eq!(ann.held(&before(), Demand::Away).await, []);
            assert_eq!(ann.held(&before(), Demand::Launched).await, []);
            let rename = tokio::time::timeout(Duration::from_millis(millis), ann.rename(&after));
            let is_cut = rename.await.is_err();
            // Nobody makes anything under the new names meanwhile: it is held, or had come over already.
            let held = ann.held(&after, Demand::Instantiated).await;
            let is_right =
                |one| matches!(one, Interlock::IdentityConflict | Interlock::DataMissing);
            assert!(held.iter().copied().all(is_right), "{millis} ms: {held:?}");
            assert_eq!(ann.rename(&after).await.unwrap().left, [], "{millis} ms");
            assert_eq!(ann.held(&after, Demand::Launched).await, [], "{millis} ms");
            assert_eq!(reads(&sim, "head/data", "old").as_deref(), Some("old"), "{millis} ms");
            assert_eq!(ann.held(&after, Demand::Away).await, [], "{millis} ms");
            assert_eq!(ann.held(&after, Demand::Launched).await, [], "{millis} ms");
            assert_eq!(reads(&sim, "head/data", "old").as_deref(), Some("old"), "{millis} ms");
            assert_unharmed(&sim);
            is_cut
        });
        cuts += u32::from(is_cut);
        if !is_cut {
            break;
        }
    }
    assert!(cuts > 3, "cut off {cuts} times");
}

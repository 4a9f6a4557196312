//! Two stores and one cluster, in the simulator: whoever comes second is held until the cluster is adopted, and whoever
//! was first is held from then on; and what was made by hand comes to a node or mount.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod desk;

use std::time::Duration;

use desk::{Desk, assert_unharmed, key, reads, write};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::Interlock;
use wucluster_engine::{AdoptError, Adopted};
use wucluster_sim::{Human, Sim, World};

const CLUSTER: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
"#;

const COPY: &str = r#"
mount.copy = { at = "/mnt/copy", size = "1 GiB" }
"#;

fn definition(more: &str) -> ClusterDefinition {
    ClusterDefinition::parse(&format!("{CLUSTER}{more}")).unwrap()
}

#[test]
fn whoever_comes_second_is_held_until_the_cluster_is_adopted() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(1));
        let cluster = definition("");
        let (ann, bob) = (Desk::new(&sim), Desk::new(&sim));
        assert_eq!(ann.held(&cluster, Demand::Launched).await, []);
        write(&sim, "chief/home", "ann's");
        let before = sim.peek(World::mutating_calls);
        assert_eq!(bob.held(&cluster, Demand::Launched).await, [], "what is there is there");
        let held = bob.held(&cluster, Demand::Away).await;
        assert!(!held.is_empty() && held.iter().all(|one| *one == Interlock::OtherStore));
        assert_eq!(sim.peek(World::mutating_calls), before, "bob asked for something");

        let adopted = bob.take_over(&cluster).await;
        assert_eq!((adopted.taken.len(), adopted.left.len(), adopted.failed.len()), (2, 0, 0));
        assert_eq!(bob.take_over(&cluster).await, Adopted::default(), "once is enough");
        let held = ann.held(&cluster, Demand::Away).await;
        assert!(held.contains(&Interlock::OtherStore), "{held:?}");

        assert_eq!(bob.held(&cluster, Demand::Away).await, []);
        assert_eq!(bob.held(&cluster, Demand::Launched).await, []);
        assert_eq!(reads(&sim, "chief/home", "ann's").as_deref(), Some("ann's"));
        assert_unharmed(&sim);

        // And back: ann's runs count as later again, also for the machine that bob's have spoken to.
        assert_eq!(ann.take_over(&cluster).await.failed, []);
        assert_eq!(ann.held(&cluster, Demand::Away).await, []);
        assert_eq!(ann.held(&cluster, Demand::Launched).await, []);
        assert_eq!(reads(&sim, "chief/home", "ann's").as_deref(), Some("ann's"));
        assert_unharmed(&sim);
    });
}

#[test]
fn a_machine_that_is_up_heeds_a_new_store_whose_runs_begin_anew() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(2));
        let cluster = definition("");
        let ann = Desk::new(&sim);
        for demand in [Demand::Launched, Demand::Unmounted, Demand::Launched] {
            assert_eq!(ann.held(&cluster, demand).await, []);
        }
        // The folder is lost: the next store knows nothing of those runs.
        let new = Desk::new(&sim);
        new.take_over(&cluster).await;
        assert_eq!(new.held(&cluster, Demand::Unmounted).await, []);
        assert_unharmed(&sim);
    });
}

#[test]
fn an_adoption_that_is_cut_off_is_carried_on() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(3));
        let cluster = definition("");
        let (ann, bob) = (Desk::new(&sim), Desk::new(&sim));
        assert_eq!(ann.held(&cluster, Demand::Launched).await, []);
        // Cut off after it was written down, and before anything came over.
        bob.tenure("adopt", Some(0)).await;
        assert!(bob.held(&cluster, Demand::Away).await.contains(&Interlock::OtherStore));
        assert_eq!(bob.take_over(&cluster).await.taken.len(), 2);
        assert_eq!(bob.held(&cluster, Demand::Away).await, []);
        assert_unharmed(&sim);
    });
}

#[test]
fn a_snapshot_that_a_person_took_becomes_a_mount_s() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(4));
        let (cluster, ann) = (definition(""), Desk::new(&sim));
        assert_eq!(ann.held(&cluster, Demand::Launched).await, []);
        write(&sim, "chief/home", "old");
        assert_eq!(ann.held(&cluster, Demand::Unmounted).await, []);
        sim.with(|world| world.human(&Human::TakeSnapshot(key("chief/home")))).unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
        let nameless = sim.with(World::nameless_snapshots);
        let [id] = nameless.as_slice() else { panic!("{nameless:?}") };

        let with_copy = definition(COPY);
        let copy = Subject::Mount(key("chief/copy"));
        match ann.adopt(&with_copy, id.as_str(), &Subject::Mount(key("chief/home"))).await {
            Err(AdoptError::Held(hold)) => assert_eq!(hold.interlock, Interlock::IdentityConflict),
            other => panic!("{other:?}"),
        }
        ann.adopt(&with_copy, id.as_str(), &copy).await.unwrap();
        ann.adopt(&with_copy, id.as_str(), &copy).await.unwrap();
        assert_eq!(ann.held(&with_copy, Demand::Launched).await, []);
        assert_eq!(reads(&sim, "chief/copy", "old").as_deref(), Some("old"));
        assert_unharmed(&sim);
    });
}

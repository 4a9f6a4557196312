//! Two stores and one cluster, in the simulator: whoever comes second is held until the cluster is adopted, and whoever
//! was first is held from then on; and what was made by hand comes to a node or mount.
#![allow(clippy::unwrap_used, reason = "a test panics")]

use std::sync::Arc;
use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::{Clock as _, Cloud as _};
use wucluster_engine::store::lease::{self, LeaseEnd, Operator, Purpose, Taking};
use wucluster_engine::store::objects::{MemoryObjects, Objects};
use wucluster_engine::store::{Tenure, identity, journal};
use wucluster_engine::{AdoptError, Adopted, Adoption, Engine, Outcome, Pursuit, Records, Stop};
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

fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).unwrap()
}

/// An operator with a store of its own.
struct Desk<'a> {
    sim: &'a Sim,
    objects: Arc<MemoryObjects>,
}

impl<'a> Desk<'a> {
    fn new(sim: &'a Sim) -> Self {
        Self { sim, objects: Arc::default() }
    }

    async fn tenure(&self, purpose: &str, adopts: Option<u64>) -> (Tenure, Records) {
        let clock = self.sim.begin_operator();
        let taking = Taking {
            operator: Operator::default(),
            purpose: Purpose { command: purpose.to_owned(), demand: None, only: Vec::new() },
            nonce: format!("{purpose} {:?} {:p}", clock.now(), Arc::as_ptr(&self.objects)),
            patience: Duration::ZERO,
            is_gone: &|_| true,
            calendar: &clock,
        };
        let objects = Arc::clone(&self.objects) as Arc<dyn Objects>;
        let taken = lease::take(&objects, &clock, &taking, &mut |_| ()).await.unwrap();
        if let Some(seen) = adopts {
            taken.adopt(seen).await.unwrap();
        }
        let mut left = journal::left(objects.as_ref()).await.unwrap();
        left.records.begin(&clock);
        let tenure = Tenure::begin(taken, &left, Arc::new(clock.clone()), clock.now()).await;
        (tenure.unwrap(), left.records)
    }

    async fn drive(&self, definition: &ClusterDefinition, demand: Demand) -> Outcome {
        let (tenure, records) = self.tenure(&demand.command(), None).await;
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let pursuit = Pursuit {
            definition: definition.clone(),
            demand,
            policy: Policy { consent: Consent::Everything, ..Policy::default() },
            timeout: Some(Duration::from_secs(3600)),
            wait: Duration::ZERO,
            records,
            tenure: Some(Arc::new(tenure)),
        };
        let engine = Engine::new(&cloud, &shell, &clock);
        engine.pursue(pursuit, Stop::never(), &mut |_| ()).await.outcome
    }

    /// Which rules hold a drive; none when it ends as it was demanded.
    async fn held(&self, definition: &ClusterDefinition, demand: Demand) -> Vec<Interlock> {
        match self.drive(definition, demand).await {
            Outcome::Reached => Vec::new(),
            Outcome::Held(holds) => holds.iter().map(|hold| hold.interlock).collect(),
            other => panic!("{other:?}"),
        }
    }

    async fn take_over(&self, definition: &ClusterDefinition) -> Adopted {
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let engine = Engine::new(&cloud, &shell, &clock);
        let own = identity::read(self.objects.as_ref()).await.unwrap();
        let others = engine.of_others(definition, own.as_ref()).await.unwrap();
        let seen = others.iter().filter_map(|one| one.store.as_ref()).map(|mark| mark.adoptions);
        let seen = seen.max().unwrap_or(0);
        let (tenure, records) = self.tenure("adopt", Some(seen)).await;
        let adoption = Adoption { definition, tenure: &tenure, records: &records };
        let adopted = engine.take_over(&adoption, &mut |_| ()).await.unwrap();
        let end = LeaseEnd { outcome: "adopted".to_owned(), at: clock.now(), requests: 0 };
        tenure.end(&end).await.unwrap();
        adopted
    }

    async fn adopt(
        &self,
        definition: &ClusterDefinition,
        id: &str,
        subject: &Subject,
    ) -> Result<(), AdoptError> {
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let engine = Engine::new(&cloud, &shell, &clock);
        let found = cloud.find(id).await.unwrap().unwrap();
        let (tenure, records) = self.tenure("adopt", None).await;
        let adoption = Adoption { definition, tenure: &tenure, records: &records };
        let done = engine.adopt(&adoption, &found, subject, &mut |_| ()).await;
        let end = LeaseEnd { outcome: "adopted".to_owned(), at: clock.now(), requests: 0 };
        tenure.end(&end).await.unwrap();
        done
    }
}

fn write(sim: &Sim, file: &str) {
    sim.with(|world| world.write(&key("chief/home"), file, file)).unwrap();
}

fn reads(sim: &Sim, mount: &str, file: &str) -> Option<String> {
    sim.with(|world| world.read(&key(mount), file)).unwrap()
}

fn assert_unharmed(sim: &Sim) {
    sim.peek(|world| assert!(world.harm().is_empty(), "{:#?}", world.harm()));
}

#[test]
fn whoever_comes_second_is_held_until_the_cluster_is_adopted() {
    wucluster_sim::run(async {
        let sim = Sim::new(World::new(1));
        let cluster = definition("");
        let (ann, bob) = (Desk::new(&sim), Desk::new(&sim));
        assert_eq!(ann.held(&cluster, Demand::Launched).await, []);
        write(&sim, "ann's");
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
        write(&sim, "old");
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

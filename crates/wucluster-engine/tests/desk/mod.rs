//! An operator with a store of its own, in the simulator.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::sync::Arc;
use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::{Clock as _, Cloud as _};
use wucluster_core::scope::Scope;
use wucluster_engine::store::lease::{self, LeaseEnd, Operator, Purpose, Taking};
use wucluster_engine::store::objects::{MemoryObjects, Objects};
use wucluster_engine::store::{Tenure, identity, journal};
use wucluster_engine::{
    AdoptError, Adopted, Adoption, Engine, EngineEvent, Outcome, Pursuit, Records, Renamed, Stop,
};
use wucluster_sim::Sim;

pub fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).unwrap()
}

/// An operator with a store of its own.
pub struct Desk<'a> {
    pub sim: &'a Sim,
    pub objects: Arc<MemoryObjects>,
}

impl<'a> Desk<'a> {
    pub fn new(sim: &'a Sim) -> Self {
        Self { sim, objects: Arc::default() }
    }

    pub async fn tenure(&self, purpose: &str, adopts: Option<u64>) -> (Tenure, Records) {
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

    pub async fn drive(&self, definition: &ClusterDefinition, demand: Demand) -> Outcome {
        self.drive_part(definition, demand, Scope::default()).await
    }

    pub async fn drive_part(
        &self,
        definition: &ClusterDefinition,
        demand: Demand,
        scope: Scope,
    ) -> Outcome {
        let (tenure, records) = self.tenure(&demand.command(), None).await;
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let pursuit = Pursuit {
            definition: definition.clone(),
            demand,
            policy: Policy { consent: Consent::Everything, scope, ..Policy::default() },
            timeout: Some(Duration::from_secs(3600)),
            wait: Duration::ZERO,
            records,
            tenure: Some(Arc::new(tenure)),
        };
        let engine = Engine::new(&cloud, &shell, &clock);
        engine.pursue(pursuit, Stop::never(), &mut |_| ()).await.outcome
    }

    /// Which rules hold a drive; none when it ends as it was demanded.
    pub async fn held(&self, definition: &ClusterDefinition, demand: Demand) -> Vec<Interlock> {
        match self.drive(definition, demand).await {
            Outcome::Reached => Vec::new(),
            Outcome::Held(holds) => holds.iter().map(|hold| hold.interlock).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub async fn take_over(&self, definition: &ClusterDefinition) -> Adopted {
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

    pub async fn rename(&self, definition: &ClusterDefinition) -> Result<Renamed, AdoptError> {
        self.rename_part(definition, &Scope::default(), &mut |_| ()).await
    }

    pub async fn rename_part(
        &self,
        definition: &ClusterDefinition,
        scope: &Scope,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<Renamed, AdoptError> {
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let engine = Engine::new(&cloud, &shell, &clock);
        let (tenure, records) = self.tenure("rename", None).await;
        let adoption = Adoption { definition, tenure: &tenure, records: &records };
        let done = engine.rename(&adoption, scope, emit).await;
        let end = LeaseEnd { outcome: "renamed".to_owned(), at: clock.now(), requests: 0 };
        tenure.end(&end).await.unwrap();
        done
    }

    pub async fn adopt(
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

pub fn write(sim: &Sim, mount: &str, file: &str) {
    sim.with(|world| world.write(&key(mount), file, file)).unwrap();
}

pub fn reads(sim: &Sim, mount: &str, file: &str) -> Option<String> {
    sim.with(|world| world.read(&key(mount), file)).unwrap()
}

pub fn assert_unharmed(sim: &Sim) {
    sim.peek(|world| assert!(world.harm().is_empty(), "{:#?}", world.harm()));
}

//! A cluster in the simulator, and an operator who drives it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, NodeName};
use wucluster_core::policy::{Consent, Policy};
use wucluster_engine::{Ending, Engine, EngineEvent, EventKind, Outcome, Pursuit, Records, Stop};
use wucluster_sim::{Faults, Sim, World};

/// One node with an ext4 and an xfs mount.
pub const PAIR: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "2 GiB", fs = "xfs" }
"#;

/// A chief with two mounts and two workers with one each.
pub const TRIO: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "2 GiB", fs = "xfs" }

[node.worker]
count = 2
mount.scratch = { at = "/mnt/scratch", size = "1 GiB" }
"#;

pub fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).unwrap()
}

pub fn node(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

/// An operator: a definition, a permission, and what its store remembers.
#[derive(Clone)]
pub struct Operator {
    pub definition: ClusterDefinition,
    pub policy: Policy,
    pub timeout: Option<Duration>,
    pub wait: Duration,
    pub records: Records,
}

/// What an operator did.
pub struct Drive {
    pub ending: Ending,
    pub events: Vec<EngineEvent>,
    pub world: World,
}

impl Operator {
    pub fn new(definition: &str) -> Self {
        Self {
            definition: ClusterDefinition::parse(definition)
                .expect("the test's definition is right"),
            policy: Policy { consent: Consent::Everything, ..Policy::default() },
            timeout: Some(Duration::from_secs(4 * 3600)),
            wait: Duration::ZERO,
            records: Records::default(),
        }
    }

    /// What it asks of the engine.
    pub fn pursuit(&self, demand: Demand) -> Pursuit {
        Pursuit {
            definition: self.definition.clone(),
            demand,
            policy: self.policy.clone(),
            timeout: self.timeout,
            wait: self.wait,
            records: self.records.clone(),
            tenure: None,
        }
    }

    /// Drives the world to a demand, in virtual time.
    pub fn drive(&mut self, world: World, demand: Demand) -> Drive {
        self.drive_beside(world, demand, |_| async {})
    }

    /// Does the same while something else goes on beside it.
    pub fn drive_beside<F: Future<Output = ()>>(
        &mut self,
        world: World,
        demand: Demand,
        beside: impl FnOnce(Sim) -> F,
    ) -> Drive {
        let sim = Sim::new(world);
        let (cloud, shell, clock) = (sim.cloud(), sim.shell(), sim.clock());
        let pursuit = self.pursuit(demand);
        let mut events = Vec::new();
        let ending = wucluster_sim::run(async {
            let engine = Engine::new(&cloud, &shell, &clock);
            let mut emit = |event: &EngineEvent| events.push(event.clone());
            let drive = engine.pursue(pursuit, Stop::never(), &mut emit);
            let beside = beside(sim.clone());
            tokio::pin!(drive, beside);
            tokio::select! {
                ending = &mut drive => ending,
                () = &mut beside => drive.await,
            }
        });
        for event in &events {
            self.records.take(event);
        }
        Drive { ending, events, world: sim.into_world() }
    }

    /// Drives an operator that is dropped after that time, wherever it is.
    pub fn drive_and_die(&mut self, world: World, demand: Demand, after: Duration) -> World {
        let sim = Sim::new(world);
        let (cloud, shell, clock) = (sim.cloud(), sim.shell(), sim.clock());
        let pursuit = self.pursuit(demand);
        let records = &mut self.records;
        wucluster_sim::run(async {
            let engine = Engine::new(&cloud, &shell, &clock);
            let mut emit = |event: &EngineEvent| {
                records.take(event);
            };
            let _ =
                tokio::time::timeout(after, engine.pursue(pursuit, Stop::never(), &mut emit)).await;
        });
        sim.into_world()
    }
}

impl Drive {
    /// Asserts that the demand was reached and no harm was done; gives the world back.
    #[track_caller]
    pub fn reached(self) -> World {
        self.unharmed();
        assert_eq!(self.ending.outcome, Outcome::Reached, "{}", self.story());
        self.world
    }

    #[track_caller]
    pub fn unharmed(&self) {
        assert!(self.world.harm().is_empty(), "{:#?}\n{}", self.world.harm(), self.story());
    }

    /// What happened, a line each.
    pub fn story(&self) -> String {
        let mut text = String::new();
        let start = self.events.first().map(|event| event.at).unwrap_or_default();
        for event in &self.events {
            let seconds = event.at.since(start).as_secs_f64();
            let line = match &event.kind {
                EventKind::Planned(_) => continue,
                EventKind::Asked { action, .. } => format!("ask {action}"),
                EventKind::Changed { subject, from, to, .. } => {
                    format!("{subject}: {from} -> {to}")
                }
                EventKind::Failed { subject, name, error, .. } => {
                    format!("{subject}: {name} failed: {error}")
                }
                EventKind::Held(hold) => {
                    format!(
                        "held[{}] {} {} {:?}",
                        hold.interlock, hold.subject, hold.what, hold.why
                    )
                }
                other => format!("{other:?}"),
            };
            text += &format!("{seconds:9.3} {line}\n");
        }
        text
    }

    pub fn asked(&self, name: &str) -> usize {
        self.events
            .iter()
            .filter(|event| matches!(&event.kind, EventKind::Asked { name: asked, .. } if asked == name))
            .count()
    }

    /// The code of each hold at the end.
    pub fn held(&self) -> Vec<String> {
        match &self.ending.outcome {
            Outcome::Held(holds) => {
                holds.iter().map(|hold| format!("{} {}", hold.interlock, hold.subject)).collect()
            }
            other => panic!("expected holds, got {other:?}\n{}", self.story()),
        }
    }
}

pub fn world(seed: u64) -> World {
    World::new(seed)
}

pub fn world_with(seed: u64, faults: Faults) -> World {
    World::new(seed).with_faults(faults)
}

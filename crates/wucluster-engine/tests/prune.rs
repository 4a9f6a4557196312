//! Prunings in the simulator: what is superseded goes, however answers are lost, and no byte that a mount would begin from
//! goes with it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, SnapshotId};
use wucluster_core::interlock::Interlock;
use wucluster_core::interlock::prune::fates;
use wucluster_core::observation::{NodeViews, Observation};
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::{Clock as _, Cloud as _, ErrorClass};
use wucluster_engine::store::lease::{self, LeaseEnd, Operator, Purpose, Taking};
use wucluster_engine::store::objects::{MemoryObjects, Objects};
use wucluster_engine::store::{Tenure, journal};
use wucluster_engine::{
    Engine, EngineEvent, EventKind, Outcome, Pruned, Pruning, Pursuit, Records, Stop,
};
use wucluster_sim::{Fault, Faults, Human, Sim, World};

const CLUSTER: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "1 GiB" }
"#;

/// The same without its second mount.
const HALF: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
"#;

fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).unwrap()
}

/// An operator with a store, who drives and prunes a simulated cluster.
struct Desk {
    sim: Sim,
    objects: Arc<MemoryObjects>,
    definition: ClusterDefinition,
}

impl Desk {
    fn new(seed: u64, definition: &str) -> Self {
        let definition = ClusterDefinition::parse(definition).unwrap();
        Self { sim: Sim::new(World::new(seed)), objects: Arc::default(), definition }
    }

    async fn tenure(&self, command: &str) -> (Tenure, Records) {
        let clock = self.sim.begin_operator();
        let taking = Taking {
            operator: Operator::default(),
            purpose: Purpose { command: command.to_owned(), demand: None, only: Vec::new() },
            nonce: format!("{command} {:?}", clock.now()),
            patience: Duration::ZERO,
            is_gone: &|_| true,
            calendar: &clock,
        };
        let objects = Arc::clone(&self.objects) as Arc<dyn Objects>;
        let taken = lease::take(&objects, &clock, &taking, &mut |_| ()).await.unwrap();
        let mut left = journal::left(objects.as_ref()).await.unwrap();
        left.records.begin(&clock);
        let tenure = Tenure::begin(taken, &left, Arc::new(clock.clone()), clock.now()).await;
        (tenure.unwrap(), left.records)
    }

    async fn drive(&self, demand: Demand) -> Outcome {
        let (tenure, records) = self.tenure(&demand.command()).await;
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let pursuit = Pursuit {
            definition: self.definition.clone(),
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

    /// Launches, writes into each mount what names the round, and puts away.
    async fn cycle(&self, round: u32) {
        assert_eq!(self.drive(Demand::Launched).await, Outcome::Reached, "round {round}");
        for (mount, _) in self.definition.mounts() {
            self.write(&mount, round);
        }
        assert_eq!(self.drive(Demand::Away).await, Outcome::Reached, "round {round}");
    }

    fn write(&self, mount: &MountKey, round: u32) {
        let text = format!("{mount} {round}");
        self.sim.with(|world| world.write(mount, "newest", &text)).unwrap();
    }

    fn newest(&self, mount: &str) -> Option<String> {
        self.sim.with(|world| world.read(&key(mount), "newest")).unwrap()
    }

    async fn prune(&self, keep: u64) -> (Pruned, Vec<EngineEvent>) {
        self.prune_after(keep, |_| ()).await
    }

    /// Lists what may go, lets something happen, and prunes what was listed.
    async fn prune_after(
        &self,
        keep: u64,
        meanwhile: impl FnOnce(&Sim),
    ) -> (Pruned, Vec<EngineEvent>) {
        let (tenure, records) = self.tenure("prune").await;
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let engine = Engine::new(&cloud, &shell, &clock);
        let pruning = Pruning {
            definition: &self.definition,
            records: &records,
            phases: tenure.phases(),
            store: tenure.store(),
            keep,
        };
        let mut view = loop {
            // Listings may fail on a bad day.
            match cloud.observe(&self.definition.name).await {
                Ok(view) => break view,
                Err(_) => clock.sleep(Duration::from_secs(5)).await,
            }
        };
        view.asked_at = clock.now();
        let seen = Observation::assemble(&self.definition, &view, &NodeViews::new());
        let wanted: BTreeSet<SnapshotId> =
            pruning.judge(&engine, &seen, Consent::Everything, |ctx| {
                let going = fates(ctx).into_iter().filter(|fate| fate.stays.is_none());
                going.map(|fate| fate.snapshot.id.clone()).collect()
            });
        meanwhile(&self.sim);
        let mut events = Vec::new();
        let mut emit = |event: &EngineEvent| events.push(event.clone());
        let pruned = engine.prune(&pruning, &tenure, &wanted, &mut emit).await.unwrap();
        let end = LeaseEnd { outcome: "pruned".to_owned(), at: clock.now(), requests: 0 };
        tenure.end(&end).await.unwrap();
        (pruned, events)
    }

    fn snapshots(&self, mount: &str) -> usize {
        self.sim.peek(|world| world.snapshots_of(&key(mount)).len())
    }

    fn assert_unharmed(&self, about: &str) {
        self.sim.peek(|world| assert!(world.harm().is_empty(), "{about}: {:#?}", world.harm()));
    }
}

fn asked(events: &[EngineEvent]) -> usize {
    events.iter().filter(|event| matches!(event.kind, EventKind::Asked { .. })).count()
}

#[test]
fn what_is_superseded_goes_and_a_launch_brings_the_newest_back() {
    wucluster_sim::run(async {
        let desk = Desk::new(1, CLUSTER);
        for round in 1..=5 {
            desk.cycle(round).await;
        }
        let (pruned, events) = desk.prune(2).await;
        assert!(pruned.is_whole(), "{pruned:?}");
        assert_eq!((pruned.gone.len(), asked(&events)), (6, 6));
        assert_eq!((desk.snapshots("chief/home"), desk.snapshots("chief/data")), (2, 2));
        let (again, events) = desk.prune(2).await;
        assert_eq!((again, asked(&events)), (Pruned::default(), 0), "once is enough");
        assert_eq!(desk.drive(Demand::Launched).await, Outcome::Reached);
        assert_eq!(desk.newest("chief/home").as_deref(), Some("chief/home 5"));
        assert_eq!(desk.newest("chief/data").as_deref(), Some("chief/data 5"));
        // While it is launched, too; and what comes after is numbered on.
        desk.write(&key("chief/home"), 6);
        let (pruned, _) = desk.prune(1).await;
        assert_eq!((pruned.gone.len(), pruned.is_whole()), (2, true));
        assert_eq!(desk.drive(Demand::Away).await, Outcome::Reached);
        assert_eq!(desk.drive(Demand::Launched).await, Outcome::Reached);
        assert_eq!(desk.newest("chief/home").as_deref(), Some("chief/home 6"));
        desk.assert_unharmed("all along");
    });
}

#[test]
fn each_deletion_is_written_down_before_it_is_asked_for_and_after_it_is_seen() {
    wucluster_sim::run(async {
        let desk = Desk::new(2, HALF);
        for round in 1..=3 {
            desk.cycle(round).await;
        }
        desk.prune(1).await;
        let left = journal::left(desk.objects.as_ref()).await.unwrap();
        let runs = lease::newest(desk.objects.as_ref()).await.unwrap();
        let run = match runs {
            lease::Newest::Ended(lease, _) => lease.run,
            other => panic!("{other:?}"),
        };
        let told = journal::read(desk.objects.as_ref(), run, 0).await.unwrap().events;
        let at = |is_it: fn(&EventKind) -> bool| told.iter().position(|one| is_it(&one.kind));
        let asked = at(|kind| matches!(kind, EventKind::Asked { .. })).unwrap();
        let answered = at(|kind| matches!(kind, EventKind::Answered { .. })).unwrap();
        let gone =
            at(|kind| matches!(kind, EventKind::Recorded(wucluster_engine::Fact::Ended { .. })));
        assert!(asked < answered && answered < gone.unwrap(), "{told:#?}");
        // Nothing of it is left open for the next drive.
        let memory = left.records.memory(desk.sim.clock().now(), &desk.sim.cloud().limits());
        assert!(memory.subjects.values().all(|one| one.open_requests.is_empty()), "{memory:#?}");
    });
}

#[test]
fn a_lost_answer_is_looked_for_and_not_asked_again() {
    for name in ["lost", "late"] {
        wucluster_sim::run(async {
            let desk = Desk::new(3, HALF);
            for round in 1..=3 {
                desk.cycle(round).await;
            }
            let fault = match name {
                "lost" => Fault::LostAnswer,
                _ => Fault::DelayedEffect { span: Duration::from_secs(3), is_answered: true },
            };
            desk.sim.with(|world| {
                world.set_faults(Faults::none().with_chance_at("DeleteSnapshot", 1.0, fault));
            });
            let (pruned, events) = desk.prune(1).await;
            assert!(pruned.is_whole(), "{name}: {pruned:?}");
            assert_eq!((pruned.gone.len(), asked(&events)), (2, 2), "{name}");
            assert_eq!(desk.snapshots("chief/home"), 1, "{name}");
            desk.assert_unharmed(name);
        });
    }
}

#[test]
fn what_is_refused_is_told_and_what_an_image_is_made_of_stays() {
    wucluster_sim::run(async {
        let desk = Desk::new(4, HALF);
        for round in 1..=3 {
            desk.cycle(round).await;
        }
        let oldest = desk.sim.peek(|world| world.snapshots_of(&key("chief/home"))).pop().unwrap();
        desk.sim.with(|world| world.register_image(&oldest));
        let (pruned, events) = desk.prune(1).await;
        let [(id, error)] = pruned.failed.as_slice() else { panic!("{pruned:?}") };
        assert_eq!((id, error.class), (&oldest, ErrorClass::Permanent));
        assert_eq!((pruned.gone.len(), asked(&events)), (1, 2), "it is not asked for again");
    });
}

#[test]
fn what_changed_since_the_list_was_made_stays() {
    wucluster_sim::run(async {
        let desk = Desk::new(5, HALF);
        for round in 1..=3 {
            desk.cycle(round).await;
        }
        let lose = |sim: &Sim| {
            sim.with(|world| world.human(&Human::DeleteNewestSnapshot(key("chief/home")))).unwrap();
        };
        let (pruned, events) = desk.prune_after(1, lose).await;
        assert_eq!(asked(&events), 0, "what is left is all there is: {pruned:?}");
        let held = |rule| pruned.holds.iter().any(|hold| hold.interlock == rule);
        assert!(held(Interlock::DataMissing), "{pruned:?}");
        assert_eq!((pruned.spared.len(), pruned.is_whole()), (2, false), "{pruned:?}");
        assert_eq!(desk.snapshots("chief/home"), 2);
    });
}

/// Many histories: mounts are written or not, left out or not, put away, pruned under faults, and launched again.
#[test]
fn no_byte_that_a_mount_would_begin_from_is_lost_over_many_histories() {
    let (mut gone, mut prunings) = (0, 0);
    for seed in 0..60_u64 {
        let mut luck = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = |of: u64| {
            luck ^= luck << 13;
            luck ^= luck >> 7;
            luck ^= luck << 17;
            luck % of
        };
        wucluster_sim::run(async {
            let mut desk = Desk::new(seed, CLUSTER);
            let mut written: BTreeMap<MountKey, u32> = BTreeMap::new();
            for round in 1..=4 {
                // Sometimes the second mount is not defined, so that a generation lacks it.
                let text = if draw(3) == 0 { HALF } else { CLUSTER };
                desk.definition = ClusterDefinition::parse(text).unwrap();
                assert_eq!(desk.drive(Demand::Launched).await, Outcome::Reached, "seed {seed}");
                for (mount, _) in desk.definition.mounts() {
                    if draw(3) > 0 {
                        desk.write(&mount, round);
                        written.insert(mount, round);
                    }
                }
                let prunes_launched = draw(2) == 0;
                if prunes_launched {
                    gone += bad_pruning(&desk, draw(3) + 1, draw(6)).await;
                    prunings += 1;
                }
                assert_eq!(desk.drive(Demand::Away).await, Outcome::Reached, "seed {seed}");
                if !prunes_launched || draw(2) == 0 {
                    gone += bad_pruning(&desk, draw(3) + 1, draw(6)).await;
                    prunings += 1;
                }
                desk.assert_unharmed(&format!("seed {seed}"));
            }
            desk.definition = ClusterDefinition::parse(CLUSTER).unwrap();
            assert_eq!(desk.drive(Demand::Launched).await, Outcome::Reached, "seed {seed}");
            for (mount, round) in &written {
                let newest = desk.newest(&mount.to_string());
                assert_eq!(newest, Some(format!("{mount} {round}")), "seed {seed}");
            }
            desk.assert_unharmed(&format!("seed {seed}"));
        });
    }
    println!("{prunings} prunings deleted {gone} snapshots");
    assert!(gone > 100, "{gone}");
}

/// Prunes while something may go wrong; returns how many snapshots went.
async fn bad_pruning(desk: &Desk, keep: u64, kind: u64) -> usize {
    let faults = match kind {
        0 => Faults::none().with_chance_at("DeleteSnapshot", 0.5, Fault::LostAnswer),
        1 => Faults::none().at_call(
            "DeleteSnapshot",
            1,
            Fault::Repeated { after: Duration::from_secs(40) },
        ),
        2 => {
            let fault = Fault::DelayedEffect { span: Duration::from_secs(90), is_answered: false };
            Faults::none().with_chance_at("DeleteSnapshot", 1.0, fault)
        }
        _ => Faults::none(),
    };
    desk.sim.with(|world| world.set_faults(faults));
    let (pruned, _) = desk.prune(keep).await;
    desk.sim.with(|world| world.set_faults(Faults::none()));
    assert!(pruned.failed.is_empty() && pruned.holds.is_empty(), "{pruned:?}");
    pruned.gone.len()
}

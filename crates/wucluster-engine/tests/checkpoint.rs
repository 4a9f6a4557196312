//! Checkpoints in the simulator: what was written before everything stood still is in them, whatever goes wrong everything
//! goes on, and a set that was cut short is none.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

use std::sync::Arc;
use std::time::Duration;

use wucluster_core::action::CloudAction;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, SnapshotId};
use wucluster_core::interlock::checkpoint::{CheckpointSet, checkpoints};
use wucluster_core::observation::{NodeViews, Observation, SnapshotState};
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::{Clock as _, Cloud as _};
use wucluster_core::scope::Scope;
use wucluster_core::tags::{Checkpoint, KEY_CHECKPOINT, Tags};
use wucluster_engine::store::lease::{self, LeaseEnd, Operator, Purpose, Taking};
use wucluster_engine::store::objects::{MemoryObjects, Objects};
use wucluster_engine::store::{Tenure, journal};
use wucluster_engine::{
    CheckpointError, Checkpointed, Checkpointing, Engine, EngineEvent, EventKind, Outcome, Pursuit,
    Records, Stop,
};
use wucluster_sim::{Fault, Faults, Limits, Sim, World};

const CLUSTER: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }

[node.worker]
count = 2
mount.scratch = { at = "/mnt/scratch", size = "1 GiB" }
"#;

const LIMIT: Duration = Duration::from_secs(60);

fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).unwrap()
}

/// An operator with a store, who drives a simulated cluster and takes checkpoints of it.
struct Desk {
    sim: Sim,
    objects: Arc<MemoryObjects>,
    definition: ClusterDefinition,
    scope: Scope,
}

impl Desk {
    fn new(seed: u64) -> Self {
        let definition = ClusterDefinition::parse(CLUSTER).unwrap();
        let (sim, objects) = (Sim::new(World::new(seed)), Arc::default());
        Self { sim, objects, definition, scope: Scope::default() }
    }

    async fn launched(seed: u64) -> Self {
        let desk = Self::new(seed);
        assert_eq!(desk.drive(Demand::Launched, Policy::default()).await, Outcome::Reached);
        desk
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

    async fn drive(&self, demand: Demand, policy: Policy) -> Outcome {
        let (tenure, records) = self.tenure(&demand.command()).await;
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let pursuit = Pursuit {
            definition: self.definition.clone(),
            demand,
            policy: Policy { consent: Consent::Everything, ..policy },
            timeout: Some(Duration::from_secs(3600)),
            wait: Duration::ZERO,
            records,
            tenure: Some(Arc::new(tenure)),
        };
        let engine = Engine::new(&cloud, &shell, &clock);
        engine.pursue(pursuit, Stop::never(), &mut |_| ()).await.outcome
    }

    fn write(&self, mount: &str, text: &str) {
        self.sim.with(|world| world.write(&key(mount), "newest", text)).unwrap();
    }

    fn write_all(&self, text: &str) {
        for (mount, _) in self.definition.mounts() {
            self.write(&mount.to_string(), text);
        }
    }

    async fn checkpoint(
        &self,
        limit: Duration,
        stop: Stop,
    ) -> Result<Checkpointed, CheckpointError> {
        self.checkpoint_while(limit, stop, &mut |_| ()).await
    }

    async fn checkpoint_while(
        &self,
        limit: Duration,
        stop: Stop,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Result<Checkpointed, CheckpointError> {
        let (tenure, records) = self.tenure("checkpoint").await;
        let (cloud, shell, clock) = (self.sim.cloud(), self.sim.shell(), self.sim.clock());
        let job = Checkpointing {
            definition: &self.definition,
            records: &records,
            phases: tenure.phases(),
            store: tenure.store(),
            scope: &self.scope,
            limit,
        };
        let engine = Engine::new(&cloud, &shell, &clock);
        let done = engine.checkpoint(&job, &tenure, stop, None, emit).await;
        let end = LeaseEnd { outcome: "taken".to_owned(), at: clock.now(), requests: 0 };
        tenure.end(&end).await.unwrap();
        done
    }

    async fn sets(&self) -> Vec<CheckpointSet> {
        let clock = self.sim.clock();
        clock.sleep(Duration::from_secs(60)).await;
        let mut view = self.sim.cloud().observe(&self.definition.name).await.unwrap();
        view.asked_at = clock.now();
        checkpoints(&Observation::assemble(&self.definition, &view, &NodeViews::new()))
    }

    fn is_anything_frozen(&self) -> bool {
        let mounts = self.definition.mounts();
        self.sim.with(|world| mounts.into_iter().any(|(mount, _)| world.is_frozen(&mount)))
    }

    fn kept(&self, id: &SnapshotId) -> Option<String> {
        self.sim.with(|world| world.content_of_snapshot(id)?.file("newest").map(str::to_owned))
    }

    fn nothing_went_wrong(&self) {
        self.sim.with(|world| {
            assert_eq!(world.harm(), []);
            assert_eq!(world.losses(), []);
        });
    }
}

#[test]
fn what_was_written_and_not_synced_is_in_it() {
    let desk = Desk::new(1);
    wucluster_sim::run(async {
        assert_eq!(desk.drive(Demand::Launched, Policy::default()).await, Outcome::Reached);
        desk.write_all("one");
        assert!(desk.sim.with(|world| world.cached_writes(&key("chief/home"))) > 0);
        let done = desk.checkpoint(LIMIT, Stop::never()).await.unwrap();
        assert!(done.is_whole(), "{done:?}");
        assert_eq!((done.number, done.taken.len()), (1, 3));
        assert!(done.stood_still < LIMIT);
        assert!(!desk.is_anything_frozen());
        for one in &done.taken {
            assert_eq!(
                desk.kept(one.snapshot.as_ref().unwrap()).as_deref(),
                Some("one"),
                "{one:?}"
            );
        }
        // They go on writing, and the next one is another.
        desk.write_all("two");
        let next = desk.checkpoint(LIMIT, Stop::never()).await.unwrap();
        assert_eq!((next.is_whole(), next.number), (true, 2));
        let sets = desk.sets().await;
        assert_eq!(sets.len(), 2);
        assert!(sets.iter().all(CheckpointSet::is_whole), "{sets:?}");
        assert_eq!(desk.kept(done.taken[0].snapshot.as_ref().unwrap()).as_deref(), Some("one"));
        desk.nothing_went_wrong();
    });
}

#[test]
fn without_the_freeze_it_would_miss_what_was_not_synced() {
    wucluster_sim::run(async {
        let desk = Desk::launched(2).await;
        desk.write("chief/home", "one");
        // As a checkpoint asks, but nobody made the file system stand still.
        let volume = desk.sim.with(|world| world.volume_of(&key("chief/home"))).unwrap();
        let mut tags = Tags::for_mount(&desk.definition.name, &key("chief/home"));
        let mark = Checkpoint { number: 1, of: 1, epoch: 1, is_frozen: false };
        tags.set(KEY_CHECKPOINT, mark.to_string());
        let take = CloudAction::CreateSnapshot { mount: key("chief/home"), volume, tags };
        desk.sim.with(|world| world.ask(&take)).unwrap();
        let id = desk.sim.with(|world| world.snapshots_of(&key("chief/home")))[0].clone();
        assert_eq!(desk.kept(&id), None);
    });
}

#[test]
fn who_writes_waits_while_it_stands_still() {
    wucluster_sim::run(async {
        let desk = Desk::launched(3).await;
        desk.write_all("one");
        let (mut refused, mut written) = (0, 0);
        let sim = &desk.sim;
        let mut emit = |event: &EngineEvent| {
            if let EventKind::Asked { name, .. } | EventKind::Answered { name, .. } = &event.kind {
                let tried = sim.with(|world| world.write(&key("worker-1/scratch"), "newest", name));
                if tried.is_ok() { written += 1 } else { refused += 1 }
            }
        };
        let done = desk.checkpoint_while(LIMIT, Stop::never(), &mut emit).await.unwrap();
        assert!(done.is_whole(), "{done:?}");
        assert!(refused > 0 && written > 0, "{refused} {written}");
        desk.write("worker-1/scratch", "it goes on");
    });
}

#[test]
fn a_put_away_makes_snapshots_of_its_own_and_a_volume_is_not_deleted_under_a_checkpoint() {
    wucluster_sim::run(async {
        let desk = Desk::launched(4).await;
        desk.write_all("one");
        assert!(desk.checkpoint(LIMIT, Stop::never()).await.unwrap().is_whole());
        // Nothing is written since: the checkpoint holds all there is, and proves nothing.
        assert_eq!(desk.drive(Demand::Away, Policy::default()).await, Outcome::Reached);
        for (mount, _) in desk.definition.mounts() {
            assert_eq!(desk.sim.with(|world| world.snapshots_of(&mount)).len(), 2, "{mount}");
        }
        desk.nothing_went_wrong();
        // The newest data comes back, not the checkpoint's.
        assert_eq!(desk.drive(Demand::Launched, Policy::default()).await, Outcome::Reached);
        desk.write_all("two");
        assert_eq!(desk.drive(Demand::Away, Policy::default()).await, Outcome::Reached);
        assert_eq!(desk.drive(Demand::Launched, Policy::default()).await, Outcome::Reached);
        let newest = desk.sim.with(|world| world.read(&key("chief/home"), "newest")).unwrap();
        assert_eq!(newest.as_deref(), Some("two"));
        // By a person's word it does.
        assert_eq!(desk.drive(Demand::Away, Policy::default()).await, Outcome::Reached);
        desk.sim.with(|world| world.says_go_back_to_checkpoint(1));
        let back = Policy { checkpoint: Some(1), ..Policy::default() };
        assert_eq!(desk.drive(Demand::Launched, back).await, Outcome::Reached);
        let then = desk.sim.with(|world| world.read(&key("chief/home"), "newest")).unwrap();
        assert_eq!(then.as_deref(), Some("one"));
        desk.nothing_went_wrong();
    });
}

#[test]
fn a_snapshot_that_is_refused_lets_everything_go_on_and_the_set_is_none() {
    wucluster_sim::run(async {
        let limits = Limits { snapshots_pending_max: 1, ..Limits::default() };
        let desk = Desk { sim: Sim::new(World::new(5).with_limits(limits)), ..Desk::new(5) };
        assert_eq!(desk.drive(Demand::Launched, Policy::default()).await, Outcome::Reached);
        desk.write_all("one");
        let done = desk.checkpoint(Duration::from_secs(10), Stop::never()).await.unwrap();
        assert!(!done.is_whole() && !done.failures.is_empty(), "{done:?}");
        assert!(!desk.is_anything_frozen());
        let sets = desk.sets().await;
        assert!(sets.iter().all(|set| !set.is_whole()), "{sets:?}");
        desk.write_all("they go on");
        assert_eq!(desk.drive(Demand::Away, Policy::default()).await, Outcome::Reached);
        desk.nothing_went_wrong();
    });
}

#[test]
fn what_an_operator_left_frozen_is_thawed_by_its_node_and_by_the_next_run() {
    for by_next in [false, true] {
        wucluster_sim::run(async {
            let desk = Desk::launched(6).await;
            desk.write_all("one");
            // The operator is lost as soon as it hears that something is frozen.
            let (tenure, records) = desk.tenure("checkpoint").await;
            let (cloud, shell, clock) = (desk.sim.cloud(), desk.sim.shell(), desk.sim.clock());
            let engine = Engine::new(&cloud, &shell, &clock);
            let job = Checkpointing {
                definition: &desk.definition,
                records: &records,
                phases: tenure.phases(),
                store: tenure.store(),
                scope: &desk.scope,
                limit: LIMIT,
            };
            let (lost, mut is_lost) = tokio::sync::oneshot::channel();
            let mut lost = Some(lost);
            let mut emit = |event: &EngineEvent| {
                if matches!(&event.kind, EventKind::Answered { name, .. } if name == "freeze") {
                    lost.take().map(|lost| lost.send(()));
                }
            };
            let run = engine.checkpoint(&job, &tenure, Stop::never(), None, &mut emit);
            tokio::select! {
                biased;
                _ = &mut is_lost => {}
                done = run => panic!("it was not lost: {done:?}"),
            }
            assert!(desk.is_anything_frozen());
            if by_next {
                assert_eq!(desk.drive(Demand::Away, Policy::default()).await, Outcome::Reached);
            } else {
                clock.sleep(LIMIT + Duration::from_secs(1)).await;
                assert!(!desk.is_anything_frozen());
                desk.write_all("it goes on");
            }
            assert!(desk.sets().await.iter().all(|set| !set.is_whole()));
            desk.nothing_went_wrong();
        });
    }
}

#[test]
fn a_node_that_is_silent_at_the_thaw_spoils_the_set_and_nothing_else() {
    wucluster_sim::run(async {
        let desk = Desk::launched(7).await;
        desk.write_all("one");
        let sim = &desk.sim;
        let mut emit = |event: &EngineEvent| {
            if matches!(&event.kind, EventKind::Asked { name, .. } if name == "CreateSnapshot") {
                let span = Some(Duration::from_secs(300));
                let silent = Fault::Unreachable { node: None, span, hangs: false };
                let faults = Faults::none().after(Duration::ZERO, silent);
                sim.with(|world| world.set_faults(faults));
            }
        };
        let done = desk.checkpoint_while(LIMIT, Stop::never(), &mut emit).await.unwrap();
        assert!(!done.is_whole() && !done.failures.is_empty(), "{done:?}");
        let sets = desk.sets().await;
        assert!(sets.iter().all(|set| !set.is_whole()), "{sets:?}");
        desk.sim.clock().sleep(LIMIT).await;
        assert!(!desk.is_anything_frozen(), "the nodes thaw by themselves");
        desk.nothing_went_wrong();
    });
}

#[test]
fn an_interrupt_thaws_and_the_set_is_none() {
    wucluster_sim::run(async {
        let desk = Desk::launched(8).await;
        desk.write_all("one");
        let (stopper, stop) = Stop::new();
        let mut emit = |event: &EngineEvent| {
            if matches!(&event.kind, EventKind::Answered { name, .. } if name == "freeze") {
                stopper.stop();
            }
        };
        let done = desk.checkpoint_while(LIMIT, stop, &mut emit).await.unwrap();
        assert!(done.is_interrupted && !done.is_whole(), "{done:?}");
        assert!(!desk.is_anything_frozen());
    });
}

#[test]
fn what_is_away_is_left_out_and_what_is_not_mounted_holds_it() {
    wucluster_sim::run(async {
        let mut desk = Desk::launched(9).await;
        let worker = Scope::of(vec!["worker-2".parse().unwrap()]);
        let policy = Policy { scope: worker, ..Policy::default() };
        assert_eq!(desk.drive(Demand::Unmounted, policy.clone()).await, Outcome::Reached);
        let refused = desk.checkpoint(LIMIT, Stop::never()).await;
        assert!(matches!(refused, Err(CheckpointError::Refused(_))), "{refused:?}");
        assert!(desk.sets().await.is_empty());
        desk.scope = Scope::of(vec!["chief".parse().unwrap()]);
        let chief = desk.checkpoint(LIMIT, Stop::never()).await.unwrap();
        assert_eq!((chief.is_whole(), chief.taken.len()), (true, 1));
        desk.scope = Scope::default();
        assert_eq!(desk.drive(Demand::Away, policy).await, Outcome::Reached);
        let rest = desk.checkpoint(LIMIT, Stop::never()).await.unwrap();
        assert_eq!((rest.is_whole(), rest.taken.len()), (true, 2));
        assert_eq!(rest.away, [key("worker-2/scratch")]);
        assert!(rest.taken.iter().all(|one| one.state == Some(SnapshotState::Completed)));
    });
}

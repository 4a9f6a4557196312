//! When the cloud is looked at: often enough, and not while nothing can be seen.
#![allow(clippy::unwrap_used, reason = "a test panics")]

mod world;

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use world::Operator;
use wucluster_core::action::CloudAction;
use wucluster_core::demand::Demand;
use wucluster_core::ids::ClusterName;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found};
use wucluster_core::ports::{Clock, Cloud, CloudError, CloudLimits, Receipt, RequestBudget};
use wucluster_core::time::Timestamp;
use wucluster_engine::{Engine, Outcome, Stop};
use wucluster_sim::{Durations, Sim, SimClock, SimCloud, Span, World};

/// A node that only has to run, so that nothing is waited for but its machine.
const BARE: &str = "[cluster]\nname = \"gibbon\"\n[node.chief]\n";
/// How long a machine takes to run. Unit: seconds.
const LAUNCH: u64 = 20;

/// A cloud that says how soon something can have come, and notes down when it is looked at and when it has answered.
struct Watched {
    inner: SimCloud,
    clock: SimClock,
    soonest: Duration,
    looks: Mutex<Vec<Timestamp>>,
    answers: Mutex<Vec<Timestamp>>,
}

#[async_trait]
impl Cloud for Watched {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        self.looks.lock().unwrap().push(self.clock.now());
        self.inner.observe(cluster).await
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.inner.find(id).await
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        let answers = self.inner.issue(actions).await;
        self.answers.lock().unwrap().push(self.clock.now());
        answers
    }

    fn limits(&self) -> CloudLimits {
        self.inner.limits()
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        self.inner.budget(request)
    }

    fn soonest(&self, _request: &str) -> Duration {
        self.soonest
    }
}

/// Launches the node in a cloud that says so, and that lists what was made after so many seconds; returns when it was looked at
/// after its answer, and when the node was launched, both since that answer.
fn looks_after_the_answer(seed: u64, soonest: Duration, hidden: u64) -> (Vec<Duration>, Duration) {
    let (launch, visibility) = (Span::seconds(LAUNCH, LAUNCH), Span::seconds(hidden, hidden));
    let sim = Sim::new(World::new(seed).with_durations(Durations {
        launch,
        visibility,
        ..Durations::default()
    }));
    let (shell, clock) = (sim.shell(), sim.clock());
    let (looks, answers) = (Mutex::default(), Mutex::default());
    let cloud = Watched { inner: sim.cloud(), clock: sim.clock(), soonest, looks, answers };
    let pursuit = Operator::new(BARE).pursuit(Demand::Launched);
    let ending = wucluster_sim::run(async {
        Engine::new(&cloud, &shell, &clock).pursue(pursuit, Stop::never(), &mut |_| {}).await
    });
    assert_eq!(ending.outcome, Outcome::Reached, "seed {seed}");
    let answers = cloud.answers.into_inner().unwrap();
    let [answered] = answers.as_slice() else {
        panic!("seed {seed}: asked {} times", answers.len())
    };
    let looks = cloud.looks.into_inner().unwrap();
    let after = looks.into_iter().filter(|look| look > answered);
    (after.map(|look| look.since(*answered)).collect(), sim.now().since(*answered))
}

#[test]
fn what_was_made_is_looked_for_once_and_then_not_before_it_can_have_come() {
    let soonest = Duration::from_secs(6);
    for seed in 1..=20 {
        let (looks, took) = looks_after_the_answer(seed, soonest, 0);
        let early: Vec<_> = looks.iter().filter(|look| **look < soonest).collect();
        assert_eq!(early.len(), 1, "seed {seed}: {looks:?}");
        assert!(*early[0] <= Duration::from_secs(2), "seed {seed}: {looks:?}");
        // Nor is it missed for long: a sixteenth of the time for which nothing was new, a look, and the node's answer.
        assert!(took <= Duration::from_secs(LAUNCH + LAUNCH / 4), "seed {seed}: {took:?}");
    }
}

#[test]
fn a_cloud_that_does_not_say_how_soon_is_looked_at_all_the_while() {
    for seed in 1..=20 {
        let (looks, _) = looks_after_the_answer(seed, Duration::ZERO, 0);
        let early = looks.iter().filter(|look| **look < Duration::from_secs(6)).count();
        assert!(early >= 4, "seed {seed}: {looks:?}");
    }
}

#[test]
fn what_was_made_and_is_not_listed_yet_is_looked_for_until_it_is() {
    let (soonest, hidden) = (Duration::from_secs(6), 4);
    for seed in 1..=20 {
        let (looks, _) = looks_after_the_answer(seed, soonest, hidden);
        let early = looks.iter().filter(|look| **look < soonest).count();
        assert!((4..=5).contains(&early), "seed {seed}: {looks:?}");
    }
}

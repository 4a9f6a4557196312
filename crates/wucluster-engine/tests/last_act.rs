//! What is done at the end of a drive that reached its demand, while the right to drive is still held.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod desk;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use desk::Desk;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::ports::Clock as _;
use wucluster_engine::store::lease::{self, Newest, SILENCE};
use wucluster_engine::{Engine, LastAct, Outcome, Pursuit, Stop, Stopper};
use wucluster_sim::{Sim, World};

const DEFINITION: &str =
    "[cluster]\nname = \"c\"\n[node.n]\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\" }\n";

/// Notes who may drive while it is at work.
struct Act<'a> {
    desk: &'a Desk<'a>,
    /// Interrupts the drive that it ends.
    stopper: Option<Stopper>,
    lasts: Duration,
    /// Whether the right to drive was held and renewed, each time that it looked.
    held: Mutex<Vec<bool>>,
}

impl Act<'_> {
    async fn look(&self) {
        let newest = lease::newest(self.desk.objects.as_ref()).await.unwrap();
        let now = self.desk.sim.clock().now();
        let is_held = matches!(newest, Newest::Held(held) if now.since(held.heard_at) < SILENCE);
        self.held.lock().unwrap().push(is_held);
    }
}

#[async_trait]
impl LastAct for Act<'_> {
    async fn perform(&self) {
        self.look().await;
        if let Some(stopper) = &self.stopper {
            stopper.stop();
        }
        self.desk.sim.clock().sleep(self.lasts).await;
        self.look().await;
    }
}

/// Drives with an act at the end; returns how it ended, and what the act saw.
async fn drive(
    desk: &Desk<'_>,
    demand: Demand,
    consent: Consent,
    is_interrupted: bool,
) -> (Outcome, Vec<bool>) {
    let (tenure, records) = desk.tenure(&demand.command(), None).await;
    let (cloud, shell, clock) = (desk.sim.cloud(), desk.sim.shell(), desk.sim.clock());
    let pursuit = Pursuit {
        definition: ClusterDefinition::parse(DEFINITION).unwrap(),
        demand,
        policy: Policy { consent, ..Policy::default() },
        timeout: Some(Duration::from_secs(3600)),
        wait: Duration::ZERO,
        records,
        tenure: Some(Arc::new(tenure)),
    };
    let (stopper, stop) = Stop::new();
    let stopper = is_interrupted.then_some(stopper);
    let act = Act { desk, stopper, lasts: SILENCE * 3, held: Mutex::default() };
    let engine = Engine::new(&cloud, &shell, &clock).and_last(&act);
    let ending = engine.pursue(pursuit, stop, &mut |_| ()).await;
    let newest = lease::newest(desk.objects.as_ref()).await.unwrap();
    assert!(matches!(newest, Newest::Ended(..)), "the right to drive is given back after it");
    (ending.outcome, act.held.into_inner().unwrap())
}

#[test]
fn it_is_done_once_and_nobody_takes_over_meanwhile() {
    let sim = Sim::new(World::new(1));
    wucluster_sim::run(async {
        let desk = Desk::new(&sim);
        let (outcome, held) = drive(&desk, Demand::Launched, Consent::Everything, false).await;
        assert_eq!((outcome, held), (Outcome::Reached, vec![true, true]));
    });
}

#[test]
fn what_is_not_reached_has_no_end_to_do() {
    let sim = Sim::new(World::new(1));
    wucluster_sim::run(async {
        let desk = Desk::new(&sim);
        drive(&desk, Demand::Launched, Consent::Everything, false).await;
        let nothing = Consent::Only(BTreeSet::new());
        let (outcome, held) = drive(&desk, Demand::Away, nothing, false).await;
        assert!(matches!(outcome, Outcome::Held(_)), "{outcome:?}");
        assert_eq!(held, Vec::<bool>::new());
    });
}

#[test]
fn who_interrupts_does_not_wait_for_it_and_what_was_reached_is_reached() {
    let sim = Sim::new(World::new(1));
    wucluster_sim::run(async {
        let desk = Desk::new(&sim);
        let (outcome, held) = drive(&desk, Demand::Launched, Consent::Everything, true).await;
        assert_eq!((outcome, held), (Outcome::Reached, vec![true]));
    });
}

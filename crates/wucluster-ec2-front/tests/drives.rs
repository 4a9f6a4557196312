//! Whole drives of the engine with the real provider, over HTTP, on a simulated account in which something goes wrong.
//!
//! Each goes up, down and up again with data, and the simulator judges it by the truth. Each test says which fault was felt,
//! and by what the provider felt it: a connection that ended, an error in XML, a page.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use std::time::{Duration, Instant};

use support::Site;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::interlock::Interlock;
use wucluster_core::policy::{Consent, Policy};
use wucluster_ec2_front::FrontOptions;
use wucluster_engine::{Engine, EngineEvent, Outcome, Pursuit, Records, Stop};
use wucluster_sim::{Denial, Fault, Faults, World};

/// Longest time of a drive, of the world's.
const TIMEOUT: Duration = Duration::from_secs(4 * 3600);

/// Every call that changes something on the whole way.
const CALLS: [&str; 8] = [
    "RunInstances",
    "CreateVolume",
    "AttachVolume",
    "CreateTags",
    "DetachVolume",
    "CreateSnapshot",
    "DeleteVolume",
    "TerminateInstances",
];

fn definition(nodes: usize) -> ClusterDefinition {
    let text = format!(
        r#"
[cluster]
name = "gibbon"
provider = "aws"
region = "eu-central-1"
zone = "eu-central-1a"

[defaults]
image = "ami-0123456789abcdef0"
type = "t3.micro"
tags = {{ project = "apes" }}

[node.n]
count = {nodes}
mount.home = {{ at = "/mnt/home", size = "1 GiB" }}
mount.data = {{ at = "/mnt/data", size = "2 GiB", fs = "xfs", volume-type = "gp3", iops = 3500, throughput = 200, encrypted = true }}
"#
    );
    ClusterDefinition::parse(&text).unwrap()
}

/// An operator with an account.
struct Operator {
    definition: ClusterDefinition,
    site: Site,
    records: Records,
}

impl Operator {
    fn new(seed: u64, nodes: usize, faults: Faults) -> Self {
        Self::with_pages(seed, nodes, faults, 1000)
    }

    fn with_pages(seed: u64, nodes: usize, faults: Faults, page_max: usize) -> Self {
        let definition = definition(nodes);
        let options = FrontOptions { page_max, ..FrontOptions::default() };
        let site = Site::of(World::new(seed).with_faults(faults), &definition, options);
        Self { definition, site, records: Records::default() }
    }

    /// Drives to a demand.
    async fn drive(&mut self, demand: Demand) -> Outcome {
        let (shell, clock) = (self.site.sim.shell(), self.site.sim.clock());
        let (began, from) = (Instant::now(), self.site.sim.now());
        let pursuit = Pursuit {
            definition: self.definition.clone(),
            demand,
            policy: Policy { consent: Consent::Everything, ..Policy::default() },
            timeout: Some(TIMEOUT),
            wait: Duration::ZERO,
            records: self.records.clone(),
            tenure: None,
        };
        let mut events = Vec::new();
        let mut emit = |event: &EngineEvent| events.push(event.clone());
        let engine = Engine::new(&self.site, &shell, &clock);
        let ending = engine.pursue(pursuit, Stop::never(), &mut emit).await;
        for event in &events {
            self.records.take(event);
        }
        println!(
            "{demand}: {} after {:.0} s of the world's, {:.1} s of ours",
            ending.outcome.word(),
            self.site.sim.now().since(from).as_secs_f64(),
            began.elapsed().as_secs_f64()
        );
        if ending.outcome != Outcome::Reached {
            for event in events.iter().rev().take(12).rev() {
                let text = format!("{event:?}");
                println!("   {}", text.chars().take(300).collect::<String>());
            }
        }
        self.is_unharmed();
        ending.outcome
    }

    async fn reach(&mut self, demand: Demand) {
        let outcome = self.drive(demand).await;
        assert_eq!(outcome, Outcome::Reached, "{demand}");
    }

    /// Drives to a demand that cannot be reached now, for that reason and no other.
    async fn is_held(&mut self, demand: Demand, by: Interlock) {
        let outcome = self.drive(demand).await;
        let Outcome::Held(holds) = outcome else { panic!("{demand} is not held: {outcome:?}") };
        assert!(!holds.is_empty() && holds.iter().all(|hold| hold.interlock == by), "{holds:?}");
    }

    /// Goes up, writes, goes down, goes up again, and compares.
    async fn whole_way(&mut self) {
        self.reach(Demand::Launched).await;
        self.write();
        self.reach(Demand::Away).await;
        for (mount, _) in self.definition.mounts() {
            assert_eq!(self.site.sim.peek(|world| world.volumes_of(&mount)), [], "{mount}");
        }
        self.reach(Demand::Launched).await;
        self.compare();
    }

    fn write(&self) {
        for (mount, _) in self.definition.mounts() {
            let text = format!("kept by {mount}");
            self.site.sim.with(|world| world.write(&mount, "note", &text)).unwrap();
        }
    }

    fn compare(&self) {
        for (mount, _) in self.definition.mounts() {
            let read = self.site.sim.with(|world| world.read(&mount, "note")).unwrap();
            assert_eq!(read, Some(format!("kept by {mount}")), "{mount}");
        }
    }

    /// Asks the simulator whether anything was done that must not be, and the server whether it understood everything.
    #[track_caller]
    fn is_unharmed(&self) {
        let harm = self.site.sim.peek(|world| world.harm().to_vec());
        assert!(harm.is_empty(), "{harm:?}");
        let losses = self.site.sim.peek(|world| world.losses().len());
        assert_eq!(losses, 0);
        assert_eq!(self.site.front.misunderstood(), Vec::<String>::new());
    }

    /// How often a case of a fault was felt.
    fn fired(&self, name: &str) -> u64 {
        self.site.sim.peek(|world| world.faults_fired().get(name).copied().unwrap_or_default())
    }

    /// Compares what the provider counted with what came: nothing on the way sent anything a second time.
    #[track_caller]
    fn nothing_was_sent_twice(&self) {
        let (sent, came) = (self.site.aws.calls(), self.site.front.requests());
        for (name, sent) in sent {
            assert_eq!(came.get(name), Some(&sent), "{name}");
        }
    }
}

#[tokio::test]
async fn without_faults_the_data_comes_back() {
    let mut operator = Operator::new(1, 2, Faults::none());
    operator.whole_way().await;
    operator.nothing_was_sent_twice();
    let requests = operator.site.front.requests();
    println!("{requests:?}");
    for name in CALLS {
        assert!(requests.contains_key(name), "{name} never came: {requests:?}");
    }
    let refused = operator.site.front.refused();
    let snapshots = operator.definition.mounts().count() as u64;
    assert_eq!(requests["CreateSnapshot"], snapshots, "{requests:?}, {refused:?}");
}

#[tokio::test]
async fn the_answer_to_each_call_that_changes_something_is_lost_once() {
    let lost = |faults: Faults, name| faults.at_call(name, 1, Fault::LostAnswer);
    let mut operator = Operator::new(2, 1, CALLS.into_iter().fold(Faults::none(), lost));
    operator.whole_way().await;
    assert_eq!(operator.fired("C3 lost answer"), CALLS.len() as u64);
    let lost = operator.site.front.lost();
    for name in CALLS {
        assert!(lost.get(name).is_some_and(|times| *times > 0), "{name}: {lost:?}");
    }
    operator.nothing_was_sent_twice();
}

#[tokio::test]
async fn requests_are_refused_as_too_many_for_an_hour() {
    let faults = Faults::none()
        .with_chance(0.15, Fault::Throttle)
        // Of each listing the server makes three.
        .after(Duration::ZERO, Fault::TightRate { per_second: 6, span: Some(TIMEOUT) })
        .lasting(Duration::from_secs(3600));
    let mut operator = Operator::new(3, 2, faults);
    operator.whole_way().await;
    let refused = operator.site.front.refused();
    println!("{refused:?}");
    assert!(operator.fired("A1 throttle") > 0);
    assert!(refused.get("RequestLimitExceeded").is_some_and(|times| *times > 5), "{refused:?}");
}

#[tokio::test]
async fn listings_are_late_and_waver() {
    let stale = |lag, wavers| Fault::StaleListings { lag, span: None, wavers };
    let faults = Faults::none().after(Duration::ZERO, stale(Duration::from_secs(40), true));
    let mut operator = Operator::new(4, 2, faults);
    operator.whole_way().await;
    assert!(operator.fired("C7 wavering listings") > 0);
}

#[tokio::test]
async fn attachment_detachment_and_snapshot_are_stuck_for_a_time() {
    let (short, long) = (Some(Duration::from_secs(40)), Some(Duration::from_secs(900)));
    let faults = Faults::none()
        .at_call("AttachVolume", 1, Fault::StuckAttaching { span: short })
        .at_call("DetachVolume", 1, Fault::StuckDetaching { span: short })
        .at_call("CreateSnapshot", 1, Fault::SnapshotStuck { percent: 40, span: long });
    let mut operator = Operator::new(5, 1, faults);
    operator.whole_way().await;
    for name in ["C8 stuck attaching", "C8 stuck detaching", "S2 snapshot stuck"] {
        assert!(operator.fired(name) > 0, "{name} was not felt");
    }
}

#[tokio::test]
async fn what_is_stuck_for_good_is_held_for_that_reason_and_goes_on_later() {
    let faults = Faults::none().at_call("AttachVolume", 1, Fault::StuckAttaching { span: None });
    let mut operator = Operator::new(9, 1, faults);
    operator.is_held(Demand::Launched, Interlock::DetachStuck).await;
    assert!(operator.fired("C8 stuck attaching") > 0);
    operator.site.sim.with(|world| {
        world.calm();
        world.set_faults(Faults::none().at_call(
            "DetachVolume",
            1,
            Fault::StuckDetaching { span: None },
        ));
    });
    operator.reach(Demand::Launched).await;
    operator.write();
    operator.is_held(Demand::Away, Interlock::DetachStuck).await;
    assert!(operator.fired("C8 stuck detaching") > 0);
    operator.site.sim.with(World::calm);
    operator.reach(Demand::Away).await;
    operator.reach(Demand::Launched).await;
    operator.compare();
}

#[tokio::test]
async fn requests_fail_hang_and_take_effect_late() {
    let late = Fault::DelayedEffect { span: Duration::from_secs(120), is_answered: false };
    let faults = Faults::none()
        .at_call("RunInstances", 1, Fault::ServerErrors { run: 2 })
        .at_call("CreateVolume", 1, late.clone())
        .at_call("AttachVolume", 1, Fault::Hang { takes_effect: true })
        .at_call("DetachVolume", 1, Fault::Hang { takes_effect: false })
        .at_call("CreateSnapshot", 1, late)
        .at_call("DeleteVolume", 1, Fault::ServerErrors { run: 1 });
    let mut operator = Operator::new(6, 1, faults);
    operator.whole_way().await;
    for name in ["A2 server errors", "C2 hang", "C4 delayed effect"] {
        assert!(operator.fired(name) > 0, "{name} was not felt");
    }
    let (lost, refused) = (operator.site.front.lost(), operator.site.front.refused());
    for name in ["CreateVolume", "AttachVolume", "DetachVolume", "CreateSnapshot"] {
        assert!(lost.contains_key(name), "{name}: {lost:?}");
    }
    assert!(refused.contains_key("InternalError"), "{refused:?}");
    operator.nothing_was_sent_twice();
}

#[tokio::test]
async fn what_is_not_permitted_is_held_with_the_reason_and_goes_on_later() {
    let mut operator = Operator::new(7, 1, Faults::none());
    operator.reach(Demand::Launched).await;
    operator.write();
    let denied = Fault::DeniedFor {
        denial: Denial::Unauthorized,
        request: Some("CreateSnapshot".to_owned()),
        span: None,
    };
    assert!(operator.site.sim.with(|world| world.strike(&denied)));
    let Outcome::Held(holds) = operator.drive(Demand::Away).await else { panic!("it is not held") };
    let told = format!("{holds:?}");
    assert!(told.contains("UnauthorizedOperation") && told.contains("CreateSnapshot"), "{told}");
    assert_eq!(holds.len(), 2, "both mounts are, and nothing else: {told}");
    assert!(operator.fired("A3 denied for a time") > 0);
    assert!(!operator.site.front.requests().contains_key("DeleteVolume"));
    operator.site.sim.with(World::calm);
    operator.reach(Demand::Away).await;
    operator.reach(Demand::Launched).await;
    operator.compare();
}

#[tokio::test]
async fn listings_of_several_pages_are_read_to_their_end() {
    let mut operator = Operator::with_pages(8, 6, Faults::none(), 5);
    operator.whole_way().await;
    // 12 volumes are 3 pages, 6 instances are 2, and there were dozens of looks.
    assert!(operator.site.front.further_pages() > 50, "{}", operator.site.front.further_pages());
}

/// Calls of a launch that put new file systems on record, at most: nodes that come to it together share them, and who does is
/// chance.
fn on_record(nodes: u64) -> u64 {
    10 + nodes
}

#[tokio::test]
async fn a_cluster_takes_so_many_calls_per_node_and_no_more() {
    for nodes in [5_u64, 20, 100] {
        let mut operator = Operator::new(10, nodes as usize, Faults::none());
        let (mut before, mut refused_before) = (0, 0);
        for demand in [Demand::Launched, Demand::Away] {
            operator.reach(demand).await;
            let calls = operator.site.aws.calls();
            let made = calls.values().sum::<u64>() - before;
            before += made;
            // Those that were one too many at their moment are made once more; listings may be among them.
            let refused = operator.site.front.refused().values().sum::<u64>() - refused_before;
            refused_before += refused;
            println!("{nodes} nodes, {demand}: {made}, {refused} refused; so far: {calls:?}");
            let told = || format!("{nodes} nodes, {demand}: {made}, {calls:?}");
            if demand == Demand::Launched {
                // Two volumes are made and attached for each, and like nodes share what runs them.
                let tags = calls.get("CreateTags").copied().unwrap_or_default();
                let once = 4 * nodes + nodes.div_ceil(100);
                assert!((once..=once + refused).contains(&(made - tags)), "{}", told());
                assert!(tags <= on_record(nodes), "{}", told());
            } else {
                // Per mount a detachment, a snapshot and a deletion; some are tried again, as EC2 takes a hundred snapshots at a
                // time. Seals and terminations are shared.
                assert!(made <= 7 * nodes + 8, "{}", told());
            }
        }
    }
}

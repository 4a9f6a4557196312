//! What a launch and a put-away of many nodes take through the real SDK, against the least that EC2's lags and budgets let
//! them take. Printed, never asserted.
//!
//! The account is simulated, with lags as EC2 has them, and its time passes faster than ours: what the provider itself takes
//! counts so many times as much as it would on EC2. Server and simulator run in the same process, and take time that EC2
//! would not. The more nodes, the more is said for another speed: each has its own.
//!
//! Each size is run twice: where a call to EC2 or to a node is answered at once, so that what is above the least is the
//! operator's own (how often it looks, and what it waits for), and where a call takes what it takes from another network, so
//! that the calls count which have to come one after the other.
//!
//! With `WUCLUSTER_BENCH_TIMES=1` it prints what happened when; `WUCLUSTER_BENCH_NODES=5` makes it one size only.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark panics and prints")]

#[path = "../tests/support/mod.rs"]
mod support;
mod times;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use support::{Site, ZONE};
use times::Watched;
use tokio::runtime::{Builder, Runtime};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::policy::{Consent, Policy};
use wucluster_ec2_front::FrontOptions;
use wucluster_engine::{Engine, Outcome, Pursuit, Records, Stop};
use wucluster_sim::{Bucket, Durations, Limits, Span, World};

/// How many nodes, and how many times faster than ours the world's time passes then.
const SIZES: [(usize, u32); 3] = [(5, 2), (20, 2), (100, 4)];
/// What each step of the cloud takes. Unit: seconds of the world's.
const LAUNCH: u32 = 20;
const VOLUME: u32 = 2;
const ATTACH: u32 = 3;
const SNAPSHOT: u32 = 30;
const DELETE: u32 = 1;
const MOUNTS: usize = 2;

/// What a call takes from here to where it is answered, and back.
#[derive(Debug, Clone, Copy)]
struct Calls {
    to_cloud: Duration,
    to_node: Duration,
}

impl Calls {
    const AT_ONCE: Self = Self { to_cloud: Duration::ZERO, to_node: Duration::ZERO };
    /// The means of what the simulated account takes.
    const FROM_AFAR: Self =
        Self { to_cloud: Duration::from_millis(225), to_node: Duration::from_millis(175) };
}

fn durations(calls: Calls) -> Durations {
    let exactly = |seconds: u32| Span::seconds(seconds.into(), seconds.into());
    let to_node = u64::try_from(calls.to_node.as_millis()).unwrap();
    Durations {
        launch: exactly(LAUNCH),
        ssh: exactly(0),
        device: exactly(0),
        create_volume: exactly(VOLUME),
        attach: exactly(ATTACH),
        detach: exactly(ATTACH),
        snapshot: exactly(SNAPSHOT),
        snapshot_per_gib: Duration::ZERO,
        delete_volume: exactly(DELETE),
        terminate: exactly(5),
        visibility: exactly(0),
        // The server's calls take their time, not those behind it.
        cloud_call: exactly(0),
        shell_call: Span::millis(to_node, to_node),
        ..Durations::default()
    }
}

fn definition(nodes: usize) -> ClusterDefinition {
    let text = format!(
        "[cluster]\nname = \"many\"\nprovider = \"aws\"\nregion = \"{}\"\nzone = \"{ZONE}\"\n\
         [defaults]\nimage = \"ami-0123456789abcdef0\"\ntype = \"t3.micro\"\n\
         [node.n]\ncount = {nodes}\n\
         mount.a = {{ at = \"/mnt/a\", size = \"1 GiB\" }}\n\
         mount.b = {{ at = \"/mnt/b\", size = \"1 GiB\", fs = \"xfs\" }}\n",
        support::REGION
    );
    ClusterDefinition::parse(&text).unwrap()
}

/// Drives to a demand; returns how long it took, of the world's time, and how many calls of each name came.
async fn drive(
    site: &Site,
    definition: &ClusterDefinition,
    demand: Demand,
) -> (Duration, BTreeMap<String, u64>) {
    let before = site.front.requests();
    let (shell, clock) = (site.sim.shell(), site.sim.clock());
    let from = site.sim.now();
    let pursuit = Pursuit {
        definition: definition.clone(),
        demand,
        policy: Policy { consent: Consent::Everything, ..Policy::default() },
        timeout: Some(Duration::from_secs(4 * 3600)),
        wait: Duration::ZERO,
        records: Records::default(),
        tenure: None,
    };
    let watched = Watched::new(site);
    let mut hear = |event: &_| watched.hear(event);
    let ending =
        Engine::new(&watched, &shell, &clock).pursue(pursuit, Stop::never(), &mut hear).await;
    assert_eq!(ending.outcome, Outcome::Reached, "{demand}");
    if std::env::var_os("WUCLUSTER_BENCH_TIMES").is_some() {
        watched.print();
    }
    let mut calls = site.front.requests();
    for (name, came) in before {
        *calls.entry(name).or_default() -= came;
    }
    calls.retain(|_, came| *came > 0);
    (site.sim.now().since(from), calls)
}

/// Returns when requests of a name can be made that are wanted at those times, as EC2's budget lets them. Unit: seconds.
fn let_pass(name: &str, mut wanted: Vec<f64>) -> Vec<f64> {
    let budget = Bucket::budget_of(name);
    let (most, refill) = (f64::from(budget.capacity), f64::from(budget.refill_per_second));
    let (mut left, mut at) = (most, 0.0_f64);
    wanted.sort_by(f64::total_cmp);
    for time in &mut wanted {
        let now = time.max(at);
        left = (left + (now - at) * refill).min(most);
        let wait = ((1.0 - left) / refill).max(0.0);
        (at, left) = (now + wait, left + wait * refill - 1.0);
        *time = at;
    }
    wanted
}

fn later(times: Vec<f64>, seconds: u32) -> Vec<f64> {
    times.into_iter().map(|time| time + f64::from(seconds)).collect()
}

fn last(times: &[f64]) -> f64 {
    times.iter().copied().fold(0.0, f64::max)
}

/// The least that a launch takes: machines and volumes at once, then the attachments, each as soon as its budget lets it.
/// Machines that came of one call run at the same time.
fn launched(nodes: usize, calls: &BTreeMap<String, u64>) -> f64 {
    let runs = calls.get("RunInstances").map_or(nodes, |runs| usize::try_from(*runs).unwrap());
    let running = later(let_pass("RunInstances", vec![0.0; runs]), LAUNCH);
    let volumes = later(let_pass("CreateVolume", vec![0.0; nodes * MOUNTS]), VOLUME);
    let both = volumes.iter().enumerate().map(|(at, volume)| {
        let of_node = running[at / MOUNTS * runs / nodes];
        volume.max(of_node)
    });
    last(&later(let_pass("AttachVolume", both.collect()), ATTACH))
}

/// The least that a put-away takes: a snapshot is taken of what is detached, so many at a time, and a volume is deleted once
/// its snapshot is whole.
fn away(nodes: usize) -> f64 {
    let at_a_time = Limits::default().snapshots_pending_max;
    let detached = later(let_pass("DetachVolume", vec![0.0; nodes * MOUNTS]), ATTACH);
    let mut whole: Vec<f64> = Vec::new();
    for (at, begun) in let_pass("CreateSnapshot", detached).into_iter().enumerate() {
        let room = at.checked_sub(at_a_time).map_or(0.0, |before| whole[before]);
        whole.push(begun.max(room) + f64::from(SNAPSHOT));
    }
    last(&later(let_pass("DeleteVolume", whole), DELETE))
}

/// The round trips that come one after the other: the interlocks let no step be asked for before the one before was seen.
fn round_trips(demand: Demand, each: Calls) -> f64 {
    // Instances and volumes side by side, then snapshots.
    let look = 2.0;
    // A request has its effect half way.
    let (calls, shell_calls) = match demand {
        // Look; run; look and console; attach; look; probe, look again before mkfs; mkfs, probe; tags; look; mount, probe.
        Demand::Launched => (look + 0.5 + look + 1.0 + 0.5 + look + look + 1.0 + look, 5.0),
        // Look; probe, umount, probe; detach; look; seal; look; snapshot; look, and again; delete; look.
        _ => (look + 0.5 + look + 1.0 + look + 0.5 + look + look + 0.5 + look, 3.0),
    };
    calls * each.to_cloud.as_secs_f64() + shell_calls * each.to_node.as_secs_f64()
}

/// What this process has used of the processor: the operator's thread, and the server's. Unit: seconds.
fn used() -> (f64, f64) {
    let of = |task: &str| {
        let text = fs::read_to_string(format!("/proc/self/task/{task}/schedstat"));
        let nanos = text.ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        nanos.unwrap_or(0.0) / 1e9
    };
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let tasks = tasks.filter_map(|task| task.file_name().into_string().ok());
    let is_server = |task: &String| {
        let name = fs::read_to_string(format!("/proc/self/task/{task}/comm"));
        name.is_ok_and(|name| name.trim() == "ec2-front")
    };
    let server = tasks.filter(is_server).map(|task| of(&task)).sum();
    (of(&std::process::id().to_string()), server)
}

fn peak_mib() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// Launches and puts away so many nodes, and prints what it took.
fn measure(runtime: &Runtime, nodes: usize, speed: u32, each: Calls) {
    let definition = definition(nodes);
    let world = World::new(1).with_durations(durations(each));
    let options = FrontOptions { round_trip: each.to_cloud / speed, ..FrontOptions::default() };
    let site = Site::at_speed(world, &definition, options, speed);
    let told = match each.to_cloud.as_millis() {
        0 => "calls answered at once".to_owned(),
        millis => format!("calls of {millis} ms"),
    };
    for demand in [Demand::Launched, Demand::Away] {
        let (began, (before, server_before)) = (Instant::now(), used());
        let (took, calls) = runtime.block_on(drive(&site, &definition, demand));
        let (took, (after, server_after)) = (took.as_secs_f64(), used());
        let least = match demand {
            Demand::Launched => launched(nodes, &calls),
            _ => away(nodes),
        };
        let trips = round_trips(demand, each);
        println!(
            "   {nodes:>3} nodes x {MOUNTS} mounts, {demand}, {told}: {took:.1} s of EC2's time; its lags and budgets alone \
             {least:.1} s ({:.2} times that)",
            took / least,
        );
        if trips > 0.0 {
            let least = least + trips;
            println!("       with the round trips {least:.1} s ({:.2} times that)", took / least);
        }
        println!(
            "       ours {:.1} s at {speed} times our time, of which the operator used {:.1} s of a core, the server {:.1} s; {} MiB",
            began.elapsed().as_secs_f64(),
            after - before,
            server_after - server_before,
            peak_mib(),
        );
        println!("       {calls:?}");
    }
    assert!(site.sim.peek(|world| world.harm().is_empty()));
}

fn main() {
    // `cargo test --benches` only asks whether it runs.
    let is_test = std::env::args().any(|word| word == "--test");
    let asked: Option<usize> =
        std::env::var("WUCLUSTER_BENCH_NODES").ok().map(|nodes| nodes.parse().unwrap());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let sizes = if is_test { vec![(1, 20)] } else { SIZES.to_vec() };
    for (nodes, speed) in sizes {
        if asked.is_some_and(|asked| asked != nodes) {
            continue;
        }
        for each in [Calls::AT_ONCE, Calls::FROM_AFAR] {
            measure(&runtime, nodes, speed, each);
        }
    }
}

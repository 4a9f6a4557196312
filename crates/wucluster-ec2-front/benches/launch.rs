//! What a launch and a put-away of many nodes take through the real SDK, against the longest way of one mount and against
//! EC2's budgets. Printed, never asserted.
//!
//! The account is simulated, with lags as EC2 has them, and its time passes faster than ours: what the provider itself takes
//! counts so many times as much as it would on EC2. Server and simulator run in the same process, and count as if they were
//! the provider's.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark panics and prints")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use support::{Site, ZONE};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::policy::{Consent, Policy};
use wucluster_ec2_front::FrontOptions;
use wucluster_engine::{Engine, Outcome, Pursuit, Records, Stop};
use wucluster_sim::{Bucket, Durations, Span, World};

/// How many times faster than ours the world's time passes.
const SPEED: u32 = 20;
/// What each step of the cloud takes. Unit: seconds of the world's.
const LAUNCH: u64 = 20;
const VOLUME: u64 = 2;
const ATTACH: u64 = 3;
const SNAPSHOT: u64 = 30;

fn durations() -> Durations {
    let exactly = |seconds| Span::seconds(seconds, seconds);
    Durations {
        launch: exactly(LAUNCH),
        ssh: exactly(0),
        device: exactly(0),
        create_volume: exactly(VOLUME),
        attach: exactly(ATTACH),
        detach: exactly(ATTACH),
        snapshot: exactly(SNAPSHOT),
        snapshot_per_gib: Duration::ZERO,
        delete_volume: exactly(1),
        terminate: exactly(5),
        visibility: exactly(0),
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
    let ending =
        Engine::new(site, &shell, &clock).pursue(pursuit, Stop::never(), &mut |_| {}).await;
    assert_eq!(ending.outcome, Outcome::Reached, "{demand}");
    let mut calls = site.front.requests();
    for (name, came) in before {
        *calls.entry(name).or_default() -= came;
    }
    calls.retain(|_, came| *came > 0);
    (site.sim.now().since(from), calls)
}

/// The least time in which EC2's budgets let those calls pass.
fn floor(calls: &BTreeMap<String, u64>) -> (f64, &str) {
    let of = |(name, came): (&String, &u64)| {
        let budget = Bucket::budget_of(name);
        let beyond = came.saturating_sub(u64::from(budget.capacity));
        beyond as f64 / f64::from(budget.refill_per_second)
    };
    let all = calls.iter().filter(|(name, _)| !name.starts_with("Describe"));
    let longest = all.map(|call| (of(call), call.0.as_str()));
    longest.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, "none"))
}

/// What this process has used of the processor. Unit: seconds.
fn used() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    // Of the main thread only; the server has a thread of its own.
    let nanos: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}

fn peak_mib() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn main() {
    // `cargo test --benches` only asks whether it runs.
    let sizes: &[usize] =
        if std::env::args().any(|word| word == "--test") { &[1] } else { &[5, 20, 100] };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for nodes in sizes {
        let definition = definition(*nodes);
        let world = World::new(1).with_durations(durations());
        let site = Site::at_speed(world, &definition, FrontOptions::default(), SPEED);
        for (demand, path) in
            [(Demand::Launched, LAUNCH + ATTACH), (Demand::Away, ATTACH + SNAPSHOT)]
        {
            let (began, before) = (Instant::now(), used());
            let (took, calls) = runtime.block_on(drive(&site, &definition, demand));
            let (floor, name) = floor(&calls);
            println!(
                "   {nodes:>3} nodes x 2 mounts, {demand}: {:.0} s of EC2's time (longest way of one mount {path} s, \
                 budget of {name} {floor:.0} s); ours {:.1} s, of which the operator used {:.1} s of a core; {} MiB",
                took.as_secs_f64(),
                began.elapsed().as_secs_f64(),
                used() - before,
                peak_mib(),
            );
            println!("       {calls:?}");
        }
        assert!(site.sim.peek(|world| world.harm().is_empty()));
    }
}

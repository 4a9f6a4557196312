//! Thousands of bad days, each followed by calm.
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_rehearse::generate;
use wucluster_rehearse::run::{Manner, run};

#[test]
fn swarm() {
    let count: u64 =
        std::env::var("WUCLUSTER_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let mut bad = 0;
    let mut span = 0;
    let mut slow = (0, 0.0);
    for seed in 0..count {
        let scenario = generate::scenario(seed);
        let t = std::time::Instant::now();
        let report = run(&scenario, &Manner::default());
        let t = t.elapsed().as_secs_f64();
        if t > slow.1 {
            slow = (seed, t)
        }
        span += report.span.as_secs();
        if !report.violations.is_empty() {
            bad += 1;
            println!("seed {seed}: {:?}", report.endings);
            for found in report.violations.iter().take(3) {
                println!("   {found}");
            }
        }
    }
    println!("{bad} of {count}, {} virtual hours, slowest {slow:?}", span / 3600);
}

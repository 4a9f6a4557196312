//! How fast simulated days pass: days of seeds one after the other on one core, and rehearsals of a large
//! cluster from where each state begins.
//!
//! Prints what was measured. Nothing is asserted.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::cast_precision_loss, reason = "rates are for people")]

use std::time::{Duration, Instant};

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_rehearse::forecast::{Day, Stage, forecast};
use wucluster_rehearse::generate;
use wucluster_rehearse::run::{Manner, run};

/// How many days of seeds are run.
const SEEDS: u64 = 500;

const LARGE: &str = r#"
[cluster]
name = "large"
provider = "sim"

[node.n]
count = 1000
mount.a = { at = "/mnt/a", size = "10 GiB" }
mount.b = { at = "/mnt/b", size = "10 GiB" }
"#;

fn main() {
    let began = Instant::now();
    let spans = (0..SEEDS).map(|seed| run(&generate::scenario(seed), &Manner::default()).span);
    let hours = spans.sum::<Duration>().as_secs_f64() / 3600.0;
    let took = began.elapsed().as_secs_f64();
    println!(
        "   {SEEDS} days of seeds: {:.0} days/s, {hours:.0} virtual hours, {:.0} virtual hours/s",
        SEEDS as f64 / took,
        hours / took
    );
    let definition = ClusterDefinition::parse(LARGE).expect("it is right");
    for (from, demand) in [(Demand::Away, Demand::Launched), (Demand::Launched, Demand::Away)] {
        let began = Instant::now();
        let stage = Stage::set(&definition, from, 1).expect("nothing holds it");
        let seen = forecast(&stage, demand, &Day::calm(1));
        println!(
            "   rehearse {demand} of 1,000 nodes x 2 mounts: {:.1} s, for {:.0} virtual minutes",
            began.elapsed().as_secs_f64(),
            seen.took.as_secs_f64() / 60.0
        );
    }
}

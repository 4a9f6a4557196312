//! Torments the engine by the seed, and replays what was found.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its user")]

use wucluster_rehearse::generate;
use wucluster_rehearse::run::{Manner, run};
use wucluster_rehearse::scenario::Scenario;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let scenario = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["replay", "--seed", seed] => generate::scenario(seed.parse().expect("a number")),
        ["replay", file] => Scenario::from_json(&std::fs::read_to_string(file).expect("a file"))
            .expect("a scenario"),
        _ => panic!("replay --seed N | replay FILE"),
    };
    println!("{}", scenario.to_json());
    let report = run(&scenario, &Manner { tells: true, ..Manner::default() });
    for line in &report.story {
        println!("{line}");
    }
    for found in &report.violations {
        println!("{found}");
    }
}

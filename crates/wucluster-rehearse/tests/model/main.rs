//! Model checking: the real planner, in every reachable state of small worlds.
//!
//! `WUCLUSTER_MODEL=full` searches more and larger scopes; see `docs/model-checking.md`.
#![allow(clippy::print_stdout, reason = "the table of scopes is what the test is for")]
#![allow(clippy::cast_precision_loss, reason = "a rate is for people")]
#![allow(clippy::cast_possible_truncation, reason = "a small world's numbers are small")]

mod ask;
mod calm;
mod cloud;
mod names;
mod never;
mod open;
mod operator;
mod planner;
mod provider;
mod scope;
mod scopes;
mod search;
mod seen;
mod several;
mod state;
mod step;
mod truth;
mod world;

use std::time::Instant;

use search::{search, tell};
use several::Shared;
use world::World;

fn is_full() -> bool {
    std::env::var("WUCLUSTER_MODEL").is_ok_and(|how| how == "full")
}

#[test]
fn no_invariant_is_broken_in_any_small_world() {
    println!(
        "scope                                             unique  generated  depth  end         seconds  states/s"
    );
    let scopes = if is_full() { scopes::full() } else { scopes::daily() };
    let began = Instant::now();
    let mut broken = Vec::new();
    let (mut unique, mut exhausted) = (0, 0);
    for scope in &scopes {
        let searched = search(World::new(scope.clone()), 2);
        unique += searched.unique;
        exhausted += usize::from(searched.is_exhausted);
        if let Some(counterexample) = searched.counterexample {
            tell(scope.name, &counterexample);
            broken.push(scope.name);
        }
    }
    println!(
        "{unique} unique states over {} scopes, {exhausted} of them exhausted; {:.0} states/s",
        scopes.len(),
        unique as f64 / began.elapsed().as_secs_f64()
    );
    assert!(broken.is_empty(), "broken: {broken:?}");
    let (states_min, scopes_min) = if is_full() { (20_000_000, 12) } else { (2_000_000, 6) };
    assert!(unique >= states_min, "the scopes have become too small to say much");
    assert!(scopes.len() >= scopes_min && exhausted >= 6, "too few scopes are searched whole");
}

#[test]
fn each_guard_that_is_taken_away_breaks_its_invariant() {
    for (scope, expected) in scopes::ablated() {
        let searched = search(World::new(scope.clone()), 1);
        let counterexample = searched.counterexample.unwrap_or_else(|| {
            panic!("{} without {:?}: nothing is broken", scope.name, scope.ablated)
        });
        tell(scope.name, &counterexample);
        assert!(
            counterexample.0.starts_with(expected),
            "{} is broken, not {expected}",
            counterexample.0
        );
    }
}

/// What `docs/model-checking.md` lists as gaps. The day that one is not found any more it is closed: take
/// it off the list there and here.
#[test]
fn the_known_gaps_are_what_the_documents_say() {
    for (scope, expected) in scopes::gaps() {
        let found = search(World::new(scope.clone()), 1).counterexample;
        let counterexample = found.unwrap_or_else(|| panic!("{} is closed", scope.name));
        println!("open, not mended:");
        tell(scope.name, &counterexample);
        assert!(counterexample.0.starts_with(expected), "{}", counterexample.0);
    }
}

#[test]
fn after_faults_every_way_ends_reached_or_held_for_a_true_reason() {
    let roots_max = if is_full() { 100_000 } else { 20_000 };
    let mut seen = std::collections::BTreeSet::new();
    for scope in scopes::calm() {
        let world = World::new(scope.clone());
        let began = Instant::now();
        let calm = calm::calm(&world, roots_max);
        let ends: Vec<_> =
            calm.ends.iter().map(|(end, count)| format!("{end:?} {count}")).collect();
        println!(
            "calm after {:<35} {:>7} roots, {:>8} states, ends: {}, {:.1} s",
            scope.name,
            calm.roots,
            calm.states,
            ends.join(", "),
            began.elapsed().as_secs_f64()
        );
        if let Some(state) = calm.endless {
            println!("{state:?}\n{:?}", world.planner.plan(&state.operator));
            panic!("{}: an end that is neither reached nor truly held", scope.name);
        }
        seen.extend(calm.ends.into_keys());
    }
    assert!(
        seen.contains(&calm::End::Reached) && seen.len() > 1,
        "both kinds of end come up: {seen:?}"
    );
}

/// Searches scopes that are to be whole and unbroken.
fn search_whole(scopes: &[several::Scope], threads: usize) -> usize {
    let mut unique = 0;
    for scope in scopes {
        let seen = search(Shared::new(scope.clone()), threads);
        if let Some(counterexample) = seen.counterexample {
            tell(scope.name, &counterexample);
            panic!("{}: {} is broken", scope.name, counterexample.0);
        }
        assert!(seen.is_exhausted, "{} is too large", scope.name);
        unique += seen.unique;
    }
    unique
}

#[test]
fn several_operators_lose_nothing_whatever_comes_late() {
    let scopes = if is_full() { several::scopes::full() } else { several::scopes::daily() };
    let unique = search_whole(&scopes, 1);
    let large = if is_full() { several::scopes::large() } else { Vec::new() };
    for scope in large {
        let name = scope.name;
        assert!(search(Shared::new(scope), 1).counterexample.is_none(), "{name} is broken");
    }
    println!("{unique} unique states of several operators over {} scopes", scopes.len());
    let states_min = if is_full() { 5_000_000 } else { 300_000 };
    assert!(unique >= states_min, "the scopes have become too small to say much");
}

#[test]
fn the_lease_keeps_no_data_safe_that_the_rest_does_not() {
    assert!(search_whole(&several::scopes::no_lease(), 1) >= 100_000);
    search_whole(&several::scopes::spare(), 1);
}

#[test]
fn each_part_of_the_protocol_that_is_taken_away_is_missed() {
    for (scope, expected) in several::scopes::ablated().into_iter().chain(several::scopes::gaps()) {
        let name = scope.name;
        let found = search(Shared::new(scope), 1).counterexample;
        let counterexample = found.unwrap_or_else(|| panic!("{name}: nothing is broken"));
        tell(name, &counterexample);
        assert!(counterexample.0.starts_with(expected), "{} is broken", counterexample.0);
    }
}

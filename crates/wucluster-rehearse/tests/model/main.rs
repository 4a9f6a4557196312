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
mod open;
mod operator;
mod planner;
mod provider;
mod scope;
mod scopes;
mod seen;
mod state;
mod step;
mod world;

use std::time::Instant;

use scope::Scope;
use stateright::{Checker, HasDiscoveries, Model};
use step::Step;
use world::World;

/// What a search saw.
struct Searched {
    unique: usize,
    is_exhausted: bool,
    /// The invariant that was broken, and the steps that led there.
    counterexample: Option<(&'static str, Vec<Step>)>,
}

/// Searches a scope, and prints its line of the table.
fn search(scope: &Scope, threads: usize) -> Searched {
    let began = Instant::now();
    let checker = World::new(scope.clone())
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(scope.states_max)
        .spawn_bfs()
        .join();
    let found = checker
        .discoveries()
        .into_iter()
        .next()
        .map(|(name, path)| (name, checker.model().shortened(path.into_actions())));
    let is_exhausted = checker.state_count() < scope.states_max && found.is_none();
    println!(
        "{:<46} {:>9} {:>10} {:>6}  {:<9} {:>7.1} {:>9.0}",
        scope.name,
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        match (&found, is_exhausted) {
            (Some(_), _) => "broken",
            (None, true) => "exhausted",
            (None, false) => "capped",
        },
        began.elapsed().as_secs_f64(),
        checker.unique_state_count() as f64 / began.elapsed().as_secs_f64().max(0.001)
    );
    Searched { unique: checker.unique_state_count(), is_exhausted, counterexample: found }
}

fn tell(name: &str, (broken, steps): &(&'static str, Vec<Step>)) {
    println!("{name}: {broken}, in {} steps", steps.len());
    for step in steps {
        println!("    {step:?}");
    }
}

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
        let searched = search(scope, 2);
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
        let searched = search(&scope, 1);
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
        let found = search(&scope, 1).counterexample;
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

//! Searches a scope, and shortens what it finds.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use crate::provider::Harm;

/// A small world that can be searched.
pub trait Searched: Model + Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// After how many generated states the search is given up.
    fn states_max(&self) -> usize;

    fn harm(state: &Self::State) -> Option<Harm>;
}

/// What a search saw.
pub struct Seen<Step> {
    pub unique: usize,
    pub is_exhausted: bool,
    /// The invariant that was broken, and the steps that led there.
    pub counterexample: Option<(&'static str, Vec<Step>)>,
}

/// Searches a scope, and prints its line of the table.
pub fn search<M>(world: M, threads: usize) -> Seen<M::Action>
where
    M: Searched,
    M::State: Clone + std::fmt::Debug + PartialEq + std::hash::Hash + Send + Sync,
    M::Action: Clone + std::fmt::Debug + PartialEq + Send + Sync,
{
    let began = Instant::now();
    let (name, states_max) = (world.name(), world.states_max());
    let checker = world
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(states_max)
        .spawn_bfs()
        .join();
    let found = checker
        .discoveries()
        .into_iter()
        .next()
        .map(|(name, path)| (name, shortened(checker.model(), path.into_actions())));
    let is_exhausted = checker.state_count() < states_max && found.is_none();
    println!(
        "{name:<46} {:>9} {:>10} {:>6}  {:<9} {:>7.1} {:>9.0}",
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
    Seen { unique: checker.unique_state_count(), is_exhausted, counterexample: found }
}

/// Leaves out the steps without which the same harm comes about.
fn shortened<M>(world: &M, mut steps: Vec<M::Action>) -> Vec<M::Action>
where
    M: Searched,
    M::Action: Clone + PartialEq,
{
    let harm = replay(world, &steps);
    let mut at = 0;
    while at < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        if replay(world, &fewer) == harm {
            (steps, at) = (fewer, 0);
        } else {
            at += 1;
        }
    }
    steps
}

/// What harm these steps do; none, where they cannot all be taken.
fn replay<M>(world: &M, steps: &[M::Action]) -> Option<Harm>
where
    M: Searched,
    M::Action: Clone + PartialEq,
{
    let mut state = world.init_states().pop()?;
    let mut open = Vec::new();
    for step in steps {
        open.clear();
        world.actions(&state, &mut open);
        if !open.contains(step) {
            return None;
        }
        state = world.next_state(&state, step.clone())?;
    }
    M::harm(&state)
}

/// Prints a counterexample.
pub fn tell<Step: std::fmt::Debug>(name: &str, (broken, steps): &(&'static str, Vec<Step>)) {
    println!("{name}: {broken}, in {} steps", steps.len());
    for step in steps {
        println!("    {step:?}");
    }
}

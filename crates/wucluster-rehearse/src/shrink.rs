//! Shrinking: what a failure does without is taken out of its scenario, piece by piece.

use wucluster_core::demand::Demand;

use crate::run::{Manner, Report};
use crate::scenario::{Scenario, Step};
use crate::swarm::run_safely;

/// Most runs that one shrinking may take.
const RUNS_MAX: usize = 600;

/// Takes out of a scenario whatever it does without, and still shows what it is kept for: faults, nodes,
/// mounts, steps, and what is done beside them. Returns the smallest that was found, and how many runs it
/// took.
#[must_use]
pub fn shrink(
    scenario: &Scenario,
    manner: &Manner,
    shows: &dyn Fn(&Report) -> bool,
) -> (Scenario, usize) {
    let mut smallest = scenario.clone();
    let mut runs = 0;
    loop {
        let mut is_smaller = false;
        // Larger pieces first: each that goes takes many smaller ones with it.
        for candidates in [without_faults, without_nodes, without_steps, without_mounts, milder] {
            let mut at = 0;
            while let Some(candidate) = candidates(&smallest).into_iter().nth(at) {
                if runs >= RUNS_MAX {
                    return (smallest, runs);
                }
                runs += 1;
                let report = run_safely(&candidate, manner);
                if shows(&report) {
                    smallest = candidate;
                    is_smaller = true;
                } else {
                    at += 1;
                }
            }
        }
        if !is_smaller {
            return (smallest, runs);
        }
    }
}

fn without_faults(scenario: &Scenario) -> Vec<Scenario> {
    leave_out(scenario, scenario.troubles.len(), |smaller, at| {
        smaller.troubles.remove(at);
    })
}

fn without_nodes(scenario: &Scenario) -> Vec<Scenario> {
    // A cluster without nodes is no cluster.
    let count = if scenario.nodes.len() > 1 { scenario.nodes.len() } else { 0 };
    leave_out(scenario, count, |smaller, at| {
        smaller.nodes.remove(at);
        forget_the_gone(smaller);
    })
}

fn without_steps(scenario: &Scenario) -> Vec<Scenario> {
    leave_out(scenario, scenario.steps.len(), |smaller, at| {
        smaller.steps.remove(at);
    })
}

fn without_mounts(scenario: &Scenario) -> Vec<Scenario> {
    let places: Vec<(usize, usize)> = scenario
        .nodes
        .iter()
        .enumerate()
        .flat_map(|(node, shape)| (0..shape.mounts.len()).map(move |mount| (node, mount)))
        .collect();
    leave_out(scenario, places.len(), |smaller, at| {
        let (node, mount) = places[at];
        smaller.nodes[node].mounts.remove(mount);
        forget_the_gone(smaller);
    })
}

/// Lists scenarios in which a drive ends by itself, or less is done beside it.
fn milder(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    for (at, step) in scenario.steps.iter().enumerate() {
        if let Step::Asleep { meanwhile, .. } = step {
            all.extend(awake(scenario, at, meanwhile));
        }
        if let Step::Rivals { first, cut_off, others } = step {
            all.extend(fewer(scenario, at, *first, (cut_off.len(), others.len())));
        }
        let Step::Drive { ends, beside, .. } = step else { continue };
        let change = |change: &dyn Fn(&mut Step)| {
            let mut smaller = scenario.clone();
            change(&mut smaller.steps[at]);
            smaller
        };
        if ends.is_some() {
            all.push(change(&|step| {
                if let Step::Drive { ends, .. } = step {
                    *ends = None;
                }
            }));
        }
        if beside.len() > 1 {
            all.push(change(&|step| {
                if let Step::Drive { beside, .. } = step {
                    beside.clear();
                }
            }));
        }
        for act in 0..beside.len() {
            all.push(change(&|step| {
                if let Step::Drive { beside, .. } = step {
                    beside.remove(act);
                }
            }));
        }
    }
    all
}

/// Lists scenarios in which nobody falls asleep at a step, or less is done meanwhile.
fn awake(scenario: &Scenario, at: usize, meanwhile: &[Step]) -> Vec<Scenario> {
    let mut without = scenario.clone();
    without.steps.splice(at..=at, meanwhile.iter().cloned());
    let less = leave_out(scenario, meanwhile.len(), |smaller, one| {
        if let Step::Asleep { meanwhile, .. } = &mut smaller.steps[at] {
            meanwhile.remove(one);
        }
    });
    std::iter::once(without).chain(less).collect()
}

/// Lists scenarios in which one operator less comes to a step, the first one's way to the store is better, or one drives alone.
fn fewer(
    scenario: &Scenario,
    at: usize,
    first: Demand,
    (faults, others): (usize, usize),
) -> Vec<Scenario> {
    let mut alone = scenario.clone();
    alone.steps[at] = Step::Drive { demand: first, ends: None, beside: Vec::new() };
    let less_faults = leave_out(scenario, faults, |smaller, one| {
        if let Step::Rivals { cut_off, .. } = &mut smaller.steps[at] {
            cut_off.remove(one);
        }
    });
    let less_rivals = leave_out(scenario, others, |smaller, one| {
        if let Step::Rivals { others, .. } = &mut smaller.steps[at] {
            others.remove(one);
        }
    });
    std::iter::once(alone).chain(less_faults).chain(less_rivals).collect()
}

fn leave_out(
    scenario: &Scenario,
    count: usize,
    remove: impl Fn(&mut Scenario, usize),
) -> Vec<Scenario> {
    (0..count)
        .map(|at| {
            let mut smaller = scenario.clone();
            remove(&mut smaller, at);
            smaller
        })
        .collect()
}

/// Takes out what is done to nodes and mounts that are not in the scenario any more.
fn forget_the_gone(scenario: &mut Scenario) {
    let mounts: Vec<_> = scenario.mounts().collect();
    let nodes: Vec<_> = scenario.nodes.iter().map(|node| node.name.clone()).collect();
    let is_there = |act: &crate::scenario::Act| {
        act.mount().is_none_or(|mount| mounts.contains(mount))
            && act.node().is_none_or(|node| nodes.contains(node))
    };
    retain(&mut scenario.steps, &is_there);
}

fn retain(steps: &mut Vec<Step>, is_there: &dyn Fn(&crate::scenario::Act) -> bool) {
    steps.retain(|step| match step {
        Step::Do(act) => is_there(act),
        Step::Drive { .. } | Step::Asleep { .. } | Step::Rivals { .. } => true,
    });
    for step in steps {
        match step {
            Step::Drive { beside, .. } => beside.retain(|(_, act)| is_there(act)),
            Step::Asleep { meanwhile, .. } => retain(meanwhile, is_there),
            Step::Do(_) | Step::Rivals { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    #[test]
    fn what_is_smaller_still_makes_sense() {
        let from = [0, generate::CHANGES_FROM, generate::STORES_FROM];
        for seed in from.into_iter().flat_map(|from| from..from + 200) {
            let scenario = generate::scenario(seed);
            let candidates = [without_faults, without_nodes, without_steps, without_mounts, milder]
                .into_iter()
                .flat_map(|candidates| candidates(&scenario));
            for smaller in candidates {
                assert_ne!(smaller, scenario, "seed {seed}");
                assert!(smaller.definition(&Default::default()).is_ok(), "seed {seed}");
                let text = smaller.to_json();
                assert_eq!(Scenario::from_json(&text).as_ref(), Ok(&smaller), "seed {seed}");
            }
        }
    }
}

//! Scenarios from seeds: a random subset of faults, and a random day.
//!
//! Each kind of fault, node and step draws from a stream of its own. Source of the proportions:
//! swarm testing (Groce et al., ISSTA 2012): a random *subset* of kinds finds more than all at once.

use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, MountName, NodeName};

use crate::dice::Dice;
use crate::scenario::{Act, Ends, MountShape, NodeShape, Scenario, Start, Step};
use crate::trouble::{KINDS, Kind, Moment, Trouble};

/// How often a kind is part of a seed's subset, in a thousand.
const KIND_PERMILLE: u64 = 300;

/// Draws the scenario of a seed.
#[must_use]
pub fn scenario(seed: u64) -> Scenario {
    let nodes = nodes(seed);
    let mounts: Vec<MountKey> = nodes
        .iter()
        .flat_map(|node| {
            let mounts = node.mounts.iter();
            mounts.map(|mount| MountKey { node: node.name.clone(), mount: mount.name.clone() })
        })
        .collect();
    let names: Vec<NodeName> = nodes.iter().map(|node| node.name.clone()).collect();
    let mut dice = Dice::new(seed, "start");
    let start = match dice.below(4) {
        0 => Start::Empty,
        1 => Start::Away,
        _ => Start::Launched,
    };
    let troubles = troubles(seed);
    let steps = steps(seed, &names, &mounts, start);
    Scenario { note: String::new(), seed, nodes, start, troubles, steps }
}

/// Draws 1 to 12 nodes with 0 to 24 mounts in all; small clusters are drawn more often.
fn nodes(seed: u64) -> Vec<NodeShape> {
    let mut dice = Dice::new(seed, "nodes");
    let count = round(dice.log_uniform(0.6, 12.4));
    let mut left = 24;
    let mut nodes = Vec::new();
    for at in 1..=count {
        let mut dice = Dice::new(seed, &format!("node {at}"));
        let wanted = [1, 1, 1, 2, 2, 3, 4, 0][usize::try_from(dice.below(8)).unwrap_or(0)];
        let mounts = wanted.min(left);
        left -= mounts;
        let mounts = (0..mounts).filter_map(|at| {
            let name = ["home", "data", "scratch", "log"].get(usize::try_from(at).ok()?)?;
            let name = MountName::new(*name).ok()?;
            Some(MountShape { name, xfs: dice.permille(400), gib: dice.between(1, 8) })
        });
        let mounts = mounts.collect();
        if let Ok(name) = NodeName::new(format!("n{at}")) {
            nodes.push(NodeShape { name, mounts });
        }
    }
    nodes
}

fn troubles(seed: u64) -> Vec<Trouble> {
    let mut dice = Dice::new(seed, "subset");
    let draw = |kind: &Kind| {
        let mut dice = Dice::new(seed, kind.name);
        let count = if dice.permille(300) { 2 } else { 1 };
        (0..count).map(|_| Trouble::of_kind(kind, &mut dice)).collect::<Vec<_>>()
    };
    match dice.below(100) {
        // None at all.
        0..10 => Vec::new(),
        // Exactly one kind.
        10..20 => dice.pick(KINDS).map(draw).unwrap_or_default(),
        // Node after node stalls, and they come back in another order.
        20..25 => swizzle(seed),
        _ => KINDS
            .iter()
            .filter(|kind| Dice::new(seed, &format!("is {} on", kind.name)).permille(KIND_PERMILLE))
            .flat_map(draw)
            .collect(),
    }
}

fn swizzle(seed: u64) -> Vec<Trouble> {
    let mut dice = Dice::new(seed, "swizzle");
    let stall = |number: u64| {
        let mut dice = Dice::new(seed, &format!("stall {number}"));
        let draw = dice.roll();
        let when = Moment::After(dice.between(number * 5_000, number * 40_000 + 1_000));
        Trouble { kind: "N1 unreachable".to_owned(), draw, when }
    };
    (0..dice.between(2, 6)).map(stall).collect()
}

fn steps(seed: u64, nodes: &[NodeName], mounts: &[MountKey], start: Start) -> Vec<Step> {
    let mut dice = Dice::new(seed, "steps");
    let count = dice.between(1, 4);
    // Up from nothing, down from everything, and then mostly back and forth.
    let mut upward = !matches!(start, Start::Launched);
    let mut steps = Vec::new();
    for at in 0..count {
        let mut dice = Dice::new(seed, &format!("step {at}"));
        if dice.permille(250) {
            steps.extend(acts_between(&mut dice, nodes, mounts).into_iter().map(Step::Do));
        }
        let demand = if dice.permille(750) {
            if upward { Demand::Launched } else { Demand::Away }
        } else {
            *dice.pick(&Demand::ALL).unwrap_or(&Demand::Launched)
        };
        let ends = match dice.below(10) {
            0 | 1 => Some(Ends::KilledAfter(round(dice.log_uniform(300.0, 300_000.0)))),
            2 => Some(Ends::KilledAtTurn(round(dice.log_uniform(1.0, 400.0)))),
            3 => Some(Ends::InterruptedAfter(round(dice.log_uniform(300.0, 300_000.0)))),
            _ => None,
        };
        let beside = acts_beside(seed, at, mounts);
        steps.push(Step::Drive { demand, ends, beside });
        // What was begun is turned back, or demanded again.
        if dice.permille(800) {
            upward = !upward;
        }
    }
    steps
}

/// Draws what users do while somebody drives: they write, and keep mounts busy.
fn acts_beside(seed: u64, at: u64, mounts: &[MountKey]) -> Vec<(u64, Act)> {
    let mut acts = Vec::new();
    for mount in mounts {
        let mut dice = Dice::new(seed, &format!("beside {at} at {mount}"));
        for _ in 0..dice.below(3) {
            let after = round(dice.log_uniform(200.0, 400_000.0));
            acts.push((after, Act::Write(mount.clone())));
        }
        if dice.permille(60) {
            let after = round(dice.log_uniform(200.0, 120_000.0));
            let hold = if dice.permille(500) {
                Act::Hold(mount.clone())
            } else {
                Act::HoldElsewhere(mount.clone())
            };
            acts.push((after, hold));
            if dice.permille(700) {
                let later = after + round(dice.log_uniform(1_000.0, 600_000.0));
                acts.push((later, Act::Release(mount.clone())));
            }
        }
    }
    acts.sort_by_key(|(after, _)| *after);
    acts
}

/// Draws what happens while nobody drives.
fn acts_between(dice: &mut Dice, nodes: &[NodeName], mounts: &[MountKey]) -> Vec<Act> {
    let mut acts = Vec::new();
    for _ in 0..dice.between(1, 3) {
        let node = dice.pick(nodes).cloned();
        let mount = dice.pick(mounts).cloned();
        let act = match (dice.below(9), node, mount) {
            (0, Some(node), _) if nodes.len() > 1 => Act::NodeLeaves(node),
            (1, Some(node), _) => Act::NodeJoins(node),
            (2, _, Some(mount)) => Act::MountLeaves(mount),
            (3, _, Some(mount)) => Act::MountJoins(mount),
            (4, Some(node), _) => Act::Sync(node),
            (5, Some(node), _) => Act::PowerCut(node),
            (6 | 7, _, Some(mount)) => Act::Write(mount),
            _ => Act::Pass(round(dice.log_uniform(1_000.0, 4_000_000.0))),
        };
        acts.push(act);
    }
    acts
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers pass numbers far below 2^53"
)]
fn round(number: f64) -> u64 {
    number.round().max(1.0) as u64
}

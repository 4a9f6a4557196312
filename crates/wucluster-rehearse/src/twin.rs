//! L4: one stuck thing delays no other. The same day is driven twice, once with a node that is stuck, and
//! whatever has nothing to do with that node has to be as quick.

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::demand::Demand;
use wucluster_core::ids::{NodeName, Subject};
use wucluster_sim::{Fault, Limits, Rng, World};

use crate::bench::Bench;
use crate::generate;
use crate::guard::Ablation;
use crate::scenario::{Act, Scenario};
use crate::verdict::{Rule, Violation};

/// How long either twin may take. Unit: virtual time.
const DRIVE_MAX: Duration = Duration::from_secs(30 * 60);

/// What two looks more or less may cost, beside the tenth that is allowed.
const LOOKS: Duration = Duration::from_secs(2);

/// How the node is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stuck {
    /// A process holds one of its mounts.
    Busy,
    /// A container does.
    BusyElsewhere,
    /// Its ssh hangs.
    Silent,
    /// Another host answers in its place.
    Replaced,
}

/// Drives the nodes of a seed to a demand with and without its first node being stuck. Returns what came
/// later than it may, and how many nodes and mounts were compared.
#[must_use]
pub fn twins(seed: u64) -> (Vec<Violation>, usize) {
    let mut rng = Rng::new(seed, "twins");
    let mut scenario = generate::scenario(seed);
    scenario.troubles.clear();
    let kinds = [Stuck::Busy, Stuck::BusyElsewhere, Stuck::Silent, Stuck::Replaced];
    let stuck = rng.pick(&kinds).copied().unwrap_or(Stuck::Busy);
    let upward = matches!(stuck, Stuck::Silent | Stuck::Replaced) && rng.chance(0.5);
    let node = scenario.nodes[0].name.clone();
    let free = times(&scenario, upward, None);
    let held = times(&scenario, upward, Some((stuck, &node)));
    let mut late = Vec::new();
    let mut compared = 0;
    for (subject, without) in &free {
        if subject.node() == Some(&node) {
            continue;
        }
        compared += 1;
        let most = without.mul_f64(1.1) + LOOKS;
        let with = held.get(subject).copied();
        if with.is_none_or(|with| with > most) {
            let what = format!("{stuck:?} {node}: it took {with:?}, and {without:?} without it");
            late.push(Violation { rule: Rule::Delayed, subject: subject.clone(), what });
        }
    }
    (late, compared)
}

/// Returns when each node and mount last changed, counted from the beginning of the drive.
fn times(
    scenario: &Scenario,
    upward: bool,
    stuck: Option<(Stuck, &NodeName)>,
) -> BTreeMap<Subject, Duration> {
    wucluster_sim::run(async {
        let limits = Limits { keeps_trace: false, ..Limits::default() };
        let world = World::new(scenario.seed).with_limits(limits);
        let bench = Bench::new(scenario, world, &Ablation::none(), false);
        let before: &[Demand] =
            if upward { &[Demand::Launched, Demand::Away] } else { &[Demand::Launched] };
        for demand in before {
            let _ = bench.drive(*demand, None, &[], DRIVE_MAX).await;
        }
        if let Some((stuck, node)) = stuck {
            strike(&bench, stuck, node).await;
        }
        let demand = if upward { Demand::Launched } else { Demand::Away };
        let mut times = BTreeMap::new();
        if let Ok(driven) = bench.drive(demand, None, &[], DRIVE_MAX).await {
            for (at, subject) in driven.changes {
                times.insert(subject, at.since(driven.from));
            }
        }
        times
    })
}

async fn strike(bench: &Bench, stuck: Stuck, node: &NodeName) {
    let mount = bench.cast.mounts.iter().find(|mount| &mount.node == node).cloned();
    let (node, span) = (Some(node.clone()), None);
    match (stuck, mount) {
        (Stuck::Busy, Some(mount)) => bench.act(&Act::Hold(mount)).await,
        (Stuck::BusyElsewhere, Some(mount)) => bench.act(&Act::HoldElsewhere(mount)).await,
        (Stuck::Replaced, _) => {
            bench.sim.with(|world| world.strike(&Fault::WrongHost { node, span }));
        }
        (Stuck::Silent | Stuck::Busy | Stuck::BusyElsewhere, _) => {
            bench.sim.with(|world| world.strike(&Fault::Unreachable { node, span, hangs: true }));
        }
    }
}

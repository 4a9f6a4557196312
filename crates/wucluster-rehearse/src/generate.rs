//! Scenarios from seeds: a random subset of faults, and a random day.
//!
//! Each kind of fault, node and step draws from a stream of its own. Source of the proportions:
//! swarm testing (Groce et al., ISSTA 2012): a random *subset* of kinds finds more than all at once.

use std::time::Duration;

use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, MountName, NodeName};
use wucluster_sim::{Fault, FaultKind, Rng};

use crate::depot::{Shelf, StoreFault};
use crate::scenario::{
    Act, Comes, Ends, HookShape, HookTime, MountShape, NodeShape, Rival, Scenario, Start, Step,
};
use crate::trouble::{Cast, Moment, Trouble, kinds};

/// How likely a kind is part of a seed's subset.
const KIND_CHANCE: f64 = 0.3;

/// How likely a kind is whose effects are seldom met even where it is on: each pair of kinds is to be
/// felt together on one day of a thousand.
const SELDOM_CHANCE: f64 = 0.4;

const SELDOM: [FaultKind; 7] = [
    FaultKind::TornBatch,
    FaultKind::SlowSnapshot,
    FaultKind::TwinSnapshot,
    FaultKind::Busy,
    FaultKind::MkfsFails,
    FaultKind::MountsItself,
    FaultKind::TokenLifetime,
];

/// Seeds from here on are days with all kinds of change: the definition describes otherwise what is there, and
/// operators fall asleep. What is drawn for the seeds below stays what it was.
pub const CHANGES_FROM: u64 = 1_000_000;

/// Seeds from here on are days with several operators at once, and with a store to which things happen.
pub const STORES_FROM: u64 = 2_000_000;

/// Seeds from here on are days on which clusters are parked, too.
pub const PARKED_FROM: u64 = 3_000_000;

/// What is demanded on days before [`PARKED_FROM`], beside the usual.
const ALL_BUT_PARKED: [Demand; 9] = [
    Demand::Instantiated,
    Demand::Attached,
    Demand::Mounted,
    Demand::Launched,
    Demand::Unmounted,
    Demand::Separated,
    Demand::RecentlySnapshotted,
    Demand::Haltable,
    Demand::Away,
];

/// Longest time for which nobody drives.
const OUTAGE_MAX: Duration = Duration::from_secs(12 * 3600);

/// As often as a hook says no that never says yes before calm.
const NOES_WITHOUT_END: usize = 100_000;

/// Most mounts of a cluster.
const MOUNTS_MAX: u64 = 24;

/// Draws the scenario of a seed.
#[must_use]
pub fn scenario(seed: u64) -> Scenario {
    let nodes = nodes(seed);
    let names: Vec<NodeName> = nodes.iter().map(|node| node.name.clone()).collect();
    // File systems are made on new volumes alone: half of the clusters begin from nothing.
    let start = match Rng::new(seed, "start").below(10) {
        0..5 => Start::Empty,
        5..7 => Start::Away,
        _ => Start::Launched,
    };
    let troubles = troubles(seed);
    let mut scenario = Scenario {
        note: String::new(),
        seed,
        nodes,
        start,
        store_takes: 0,
        troubles,
        steps: Vec::new(),
    };
    let mounts: Vec<MountKey> = scenario.mounts().collect();
    scenario.steps = steps(seed, &names, &mounts, start);
    if (CHANGES_FROM..STORES_FROM).contains(&seed) {
        scenario.steps = with_changes(&scenario, &mounts);
    }
    if seed >= STORES_FROM {
        scenario.steps = with_store(&scenario);
        let has_rivals = scenario.steps.iter().any(|step| matches!(step, Step::Rivals { .. }));
        // The simulator tells one operator's clock from the true time, and not those of several who are awake at once.
        let clock = FaultKind::OperatorClock.id();
        scenario.troubles.retain(|trouble| !has_rivals || trouble.kind != clock);
    }
    scenario.steps.extend(outage(&scenario, &names));
    scenario
}

/// Adds, where tokens are forgotten early, what lasts longer than they do: a machine is made, that long
/// nobody drives, and the machine is gone when somebody demands it again.
fn outage(scenario: &Scenario, nodes: &[NodeName]) -> Vec<Step> {
    let lifetimes =
        scenario.troubles.iter().filter_map(|trouble| match trouble.fault(&Cast::default()) {
            Some(Fault::ShortTokens { lifetime, .. }) => Some(lifetime),
            _ => None,
        });
    let lifetime = lifetimes.min();
    let node = Rng::new(scenario.seed, "outage").pick(nodes).cloned();
    let (Some(lifetime), Some(node)) = (lifetime.filter(|it| *it <= OUTAGE_MAX), node) else {
        return Vec::new();
    };
    let millis = u64::try_from(lifetime.as_millis()).unwrap_or(0);
    let launch = || Step::Drive { demand: Demand::Launched, ends: None, beside: Vec::new() };
    vec![launch(), Step::Do(Act::Pass(millis)), Step::Do(Act::Terminate(node)), launch()]
}

/// Adds to the steps of a scenario what changes beside faults.
fn with_changes(scenario: &Scenario, mounts: &[MountKey]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (at, step) in scenario.steps.iter().enumerate() {
        let Step::Drive { demand, ends, beside } = step else {
            steps.push(step.clone());
            continue;
        };
        let mut rng = Rng::new(scenario.seed, &format!("changes {at}"));
        if rng.chance(0.6) {
            steps.extend(edits(&mut rng, scenario, mounts).into_iter().map(Step::Do));
        }
        let mut rng = Rng::new(scenario.seed, &format!("asleep {at}"));
        if !rng.chance(0.15) {
            steps.push(step.clone());
            continue;
        }
        // Who takes over demands the same, or turns it back; sometimes by another definition.
        let first = if rng.chance(0.5) {
            *demand
        } else if demand.is_upward() {
            Demand::Away
        } else {
            Demand::Launched
        };
        let mut meanwhile = Vec::new();
        if rng.chance(0.3) {
            meanwhile.extend(edits(&mut rng, scenario, mounts).into_iter().map(Step::Do));
        }
        meanwhile.push(Step::Drive { demand: *demand, ends: *ends, beside: beside.clone() });
        steps.push(Step::Asleep {
            first,
            asleep_after: rng.magnitude(100, 120_000),
            asleep_for: rng.magnitude(1_000, 1_800_000),
            meanwhile,
        });
    }
    steps
}

/// Adds to the steps of a scenario several operators at once, and what befalls the store.
fn with_store(scenario: &Scenario) -> Vec<Step> {
    let mut steps = Vec::new();
    for (at, step) in scenario.steps.iter().enumerate() {
        let Step::Drive { demand, ends, beside } = step else {
            steps.push(step.clone());
            continue;
        };
        let mut rng = Rng::new(scenario.seed, &format!("store before {at}"));
        if rng.chance(0.4) {
            steps.push(Step::Do(between(&mut rng)));
        }
        let mut rng = Rng::new(scenario.seed, &format!("rivals {at}"));
        if rng.chance(0.4) {
            steps.push(rivals(&mut rng, *demand));
            continue;
        }
        let mut rng = Rng::new(scenario.seed, &format!("store beside {at}"));
        let mut beside = beside.clone();
        if rng.chance(0.5) {
            beside.push((rng.magnitude(50, 120_000), Act::Store(meanwhile(&mut rng))));
            beside.sort_by_key(|(after, _)| *after);
        }
        steps.push(Step::Drive { demand: *demand, ends: *ends, beside });
    }
    steps
}

/// Draws what happens to a store while nobody drives.
fn between(rng: &mut Rng) -> Act {
    let shelf = rng.pick(&Shelf::ALL).copied().unwrap_or(Shelf::Runs);
    let back = if rng.chance(0.5) { 0 } else { rng.below(4) };
    match rng.below(9) {
        0 => Act::LoseStore,
        1 => Act::Store(StoreFault::Torn(shelf, back)),
        2 => Act::Store(StoreFault::Changed(shelf, back)),
        3 => Act::Store(StoreFault::Missing(shelf, back)),
        4 | 5 => Act::Store(StoreFault::Copied),
        6 | 7 => Act::Store(StoreFault::PutBack),
        _ => Act::Store(confused(rng)),
    }
}

/// Draws what happens to a store while somebody drives.
fn meanwhile(rng: &mut Rng) -> StoreFault {
    match rng.below(8) {
        0 | 1 => StoreFault::Unreachable(rng.magnitude(1_000, 200_000)),
        2 => StoreFault::Slow(rng.magnitude(1_000, 200_000), rng.magnitude(20, 20_000)),
        3 => StoreFault::SlowBeats(rng.magnitude(10_000, 300_000), rng.magnitude(1_000, 120_000)),
        4 => StoreFault::RefusesWrites(rng.magnitude(1, 60), rng.magnitude(1, 60)),
        5 => StoreFault::Copied,
        _ => confused(rng),
    }
}

fn confused(rng: &mut Rng) -> StoreFault {
    let nth = rng.magnitude(1, 40);
    match rng.below(3) {
        0 => StoreFault::MadeAndLost(nth),
        1 => StoreFault::MadeAndDenied(nth),
        _ => StoreFault::DeniedForNothing(nth),
    }
}

/// Draws several operators who are awake at once: they demand the same, or the opposite.
fn rivals(rng: &mut Rng, demand: Demand) -> Step {
    let opposite = if demand.is_upward() { Demand::Away } else { Demand::Launched };
    let either = |rng: &mut Rng| if rng.chance(0.5) { demand } else { opposite };
    let first = either(rng);
    let mut cut_off = Vec::new();
    if rng.chance(0.4) {
        let fault = match rng.below(3) {
            0 => StoreFault::Unreachable(rng.magnitude(5_000, 400_000)),
            1 => StoreFault::Slow(rng.magnitude(5_000, 400_000), rng.magnitude(100, 60_000)),
            _ => StoreFault::SlowBeats(400_000, rng.magnitude(10_000, 300_000)),
        };
        cut_off.push((rng.magnitude(100, 60_000), fault));
    }
    let count = if rng.chance(0.25) { 2 } else { 1 };
    let mut others: Vec<Rival> = (0..count)
        .map(|_| Rival {
            after: rng.magnitude(1, 120_000),
            demand: either(rng),
            comes: if rng.chance(0.5) { Comes::Takes } else { Comes::Waits },
        })
        .collect();
    if let Some(last) = others.last_mut() {
        last.demand = demand;
    }
    Step::Rivals { first, cut_off, others }
}

/// Draws how the definition describes otherwise what may be there.
fn edits(rng: &mut Rng, scenario: &Scenario, mounts: &[MountKey]) -> Vec<Act> {
    let mut acts = Vec::new();
    for _ in 0..=rng.below(3) {
        let mount = rng.pick(mounts).cloned();
        let gib = mount.as_ref().and_then(|mount| scenario.shape(mount)).map_or(1, |it| it.gib);
        acts.push(match (rng.below(5), mount) {
            (0, Some(mount)) => Act::Resize(mount, 1 + rng.below(gib)),
            (1, Some(mount)) => Act::Resize(mount, gib + 1 + rng.below(8)),
            (2, Some(mount)) => Act::ChangeKind(mount),
            (3, Some(mount)) => {
                let root = rng.pick(&["/srv", "/srv", "/mnt"]).copied().unwrap_or("/srv");
                let at = format!("{root}/{}", mount.mount);
                Act::MovePoint(mount, at)
            }
            (_, _) => Act::ChangeZone(
                rng.pick(&["sim-1b", "sim-1b", "sim-1a"]).copied().unwrap_or("sim-1b").to_owned(),
            ),
        });
    }
    acts
}

/// Draws 1 to 12 nodes with 0 to 24 mounts in all; small clusters are drawn far more often.
fn nodes(seed: u64) -> Vec<NodeShape> {
    let mut rng = Rng::new(seed, "nodes");
    let most = rng.magnitude(1, 12);
    let count = rng.magnitude(1, most);
    let mut left = MOUNTS_MAX;
    let mut nodes = Vec::new();
    for at in 1..=count {
        let mut rng = Rng::new(seed, &format!("node {at}"));
        let wanted = rng.pick(&[1, 1, 1, 2, 2, 3, 4, 0]).copied().unwrap_or(1);
        let mut mounts = Vec::new();
        for name in ["home", "data", "scratch", "log"].into_iter().take(wanted) {
            if left > 0
                && let Ok(name) = MountName::new(name)
            {
                left -= 1;
                mounts.push(MountShape { name, xfs: rng.chance(0.4), gib: 1 + rng.below(8) });
            }
        }
        if let Ok(name) = NodeName::new(format!("n{at}")) {
            let hooks = hooks(&mut Rng::new(seed, &format!("hooks of node {at}")));
            nodes.push(NodeShape { name, mounts, hooks });
        }
    }
    nodes
}

/// Draws the hooks of a node: one in four has some; most say yes in the end.
fn hooks(rng: &mut Rng) -> Vec<HookShape> {
    let mut hooks = Vec::new();
    if !rng.chance(0.25) {
        return hooks;
    }
    for on in HookTime::ALL {
        if rng.chance(0.5) {
            let noes = match rng.below(6) {
                0 | 1 => 0,
                2 => NOES_WITHOUT_END,
                _ => usize::try_from(rng.magnitude(1, 30)).unwrap_or(1),
            };
            let passed_over = rng.chance(0.2);
            hooks.push(HookShape { on, noes, passed_over, takes: rng.magnitude(1, 12_000) });
        }
    }
    hooks
}

fn troubles(seed: u64) -> Vec<Trouble> {
    let mut rng = Rng::new(seed, "subset");
    let draw = |kind: FaultKind| {
        let mut rng = Rng::new(seed, kind.id());
        let count = 1 + rng.below(2);
        (0..count).map(|_| Trouble::random(kind, &mut rng)).collect::<Vec<_>>()
    };
    match rng.below(100) {
        // None at all.
        0..10 => Vec::new(),
        // Exactly one kind.
        10..20 => rng.pick(&kinds().collect::<Vec<_>>()).copied().map(draw).unwrap_or_default(),
        // Node after node stalls, and they come back in another order.
        20..25 => (0..rng.below(5) + 2).map(|number| stall(seed, number)).collect(),
        _ => kinds()
            .filter(|kind| {
                let chance = if SELDOM.contains(kind) { SELDOM_CHANCE } else { KIND_CHANCE };
                Rng::new(seed, &format!("{} is on", kind.id())).chance(chance)
            })
            .flat_map(draw)
            .collect(),
    }
}

fn stall(seed: u64, number: u64) -> Trouble {
    let mut rng = Rng::new(seed, &format!("stall {number}"));
    let draw = rng.number();
    let when = Moment::After(number * 5_000 + rng.below(35_000 * number + 1_000));
    Trouble { kind: FaultKind::ShellHangs.id().to_owned(), draw, when }
}

fn steps(seed: u64, nodes: &[NodeName], mounts: &[MountKey], start: Start) -> Vec<Step> {
    let count = 1 + Rng::new(seed, "steps").below(4);
    // Up from nothing, down from everything, and then mostly back and forth.
    let mut upward = !matches!(start, Start::Launched);
    let mut steps = Vec::new();
    for at in 0..count {
        let mut rng = Rng::new(seed, &format!("step {at}"));
        if rng.chance(0.25) {
            steps.extend(acts_between(&mut rng, nodes, mounts).into_iter().map(Step::Do));
        }
        let is_parked = seed >= PARKED_FROM && Rng::new(seed, &format!("park {at}")).chance(0.5);
        let usual = match (upward, is_parked) {
            (true, _) => Demand::Launched,
            (false, true) => Demand::Parked,
            (false, false) => Demand::Away,
        };
        let demand =
            if rng.chance(0.75) { usual } else { *rng.pick(&ALL_BUT_PARKED).unwrap_or(&usual) };
        let ends = match rng.below(10) {
            0 | 1 => Some(Ends::KilledAfter(rng.magnitude(300, 300_000))),
            2 => Some(Ends::KilledAtTurn(rng.magnitude(1, 400))),
            3 => Some(Ends::InterruptedAfter(rng.magnitude(300, 300_000))),
            _ => None,
        };
        let mut beside = acts_beside(seed, at, mounts);
        let mut rng = Rng::new(seed, &format!("hooks beside {at}"));
        if let Some(node) = rng.pick(nodes).filter(|_| rng.clone().chance(0.15)) {
            let noes = usize::try_from(rng.magnitude(1, 20)).unwrap_or(1);
            beside.push((rng.magnitude(200, 120_000), Act::HooksSayNo(node.clone(), noes)));
            beside.sort_by_key(|(after, _)| *after);
        }
        steps.push(Step::Drive { demand, ends, beside });
        // What was begun is turned back, or demanded again.
        if rng.chance(0.8) {
            upward = !upward;
        }
    }
    steps
}

/// Draws what users do while somebody drives: they write, and keep mounts busy.
fn acts_beside(seed: u64, at: u64, mounts: &[MountKey]) -> Vec<(u64, Act)> {
    let mut acts = Vec::new();
    for mount in mounts {
        let mut rng = Rng::new(seed, &format!("beside {at} at {mount}"));
        for _ in 0..rng.below(3) {
            acts.push((rng.magnitude(200, 400_000), Act::Write(mount.clone())));
        }
        if rng.chance(0.06) {
            let after = rng.magnitude(200, 120_000);
            let is_process = rng.chance(0.5);
            let hold = if is_process { Act::Hold } else { Act::HoldElsewhere };
            acts.push((after, hold(mount.clone())));
            if rng.chance(0.7) {
                let later = after + rng.magnitude(1_000, 600_000);
                acts.push((later, Act::Release(mount.clone())));
            }
        }
    }
    acts.sort_by_key(|(after, _)| *after);
    acts
}

/// Draws what happens while nobody drives.
fn acts_between(rng: &mut Rng, nodes: &[NodeName], mounts: &[MountKey]) -> Vec<Act> {
    let mut acts = Vec::new();
    for _ in 0..=rng.below(3) {
        let node = rng.pick(nodes).cloned();
        let mount = rng.pick(mounts).cloned();
        acts.push(match (rng.below(9), node, mount) {
            (0, Some(node), _) => Act::NodeLeaves(node),
            (1, Some(node), _) => Act::NodeJoins(node),
            (2, _, Some(mount)) => Act::MountLeaves(mount),
            (3, _, Some(mount)) => Act::MountJoins(mount),
            (4, Some(node), _) => Act::Sync(node),
            (5, Some(node), _) => Act::PowerCut(node),
            (6 | 7, _, Some(mount)) => Act::Write(mount),
            _ => Act::Pass(rng.magnitude(1_000, 4_000_000)),
        });
    }
    acts
}

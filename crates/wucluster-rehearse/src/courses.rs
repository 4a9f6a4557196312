//! Courses of events in which operators are killed: the ways that a cluster goes in ordinary life.

use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, MountName, NodeName};
use wucluster_sim::Rng;

use crate::kills::Point;
use crate::scenario::{
    Act, Ends, HookShape, HookTime, MountShape, NodeShape, Scenario, Start, Step,
};

/// A course of events in which operators are killed.
#[derive(Debug, Clone)]
pub struct Course {
    /// Its name.
    pub name: &'static str,
    /// What happens if nobody is killed.
    pub(crate) whole: Scenario,
    /// The steps whose operators are killed.
    pub(crate) killed: Vec<usize>,
    /// Whether a kill turns it back earlier: then only as many snapshots are taken as have anything to keep, and what is on
    /// them is judged by what users wrote.
    pub(crate) may_keep_fewer: bool,
}

fn key(node: &str, mount: &str) -> Option<MountKey> {
    Some(MountKey { node: NodeName::new(node).ok()?, mount: MountName::new(mount).ok()? })
}

fn node(name: &str, mounts: &[(&str, bool, u64)], hooks: &[HookShape]) -> Option<NodeShape> {
    let shape = |(name, xfs, gib): &(&str, bool, u64)| {
        Some(MountShape { name: MountName::new(*name).ok()?, xfs: *xfs, gib: *gib })
    };
    let mounts = mounts.iter().map(shape).collect::<Option<Vec<_>>>()?;
    Some(NodeShape { name: NodeName::new(name).ok()?, mounts, hooks: hooks.to_vec() })
}

fn drive(demand: Demand) -> Step {
    Step::Drive { demand, ends: None, beside: Vec::new() }
}

/// Lists all courses. The first six are run, at all points, with every run of the tests.
#[must_use]
pub fn courses() -> Vec<Course> {
    all_courses().unwrap_or_default()
}

/// How many of the courses the tests run.
pub const TESTED: usize = 6;

fn all_courses() -> Option<Vec<Course>> {
    use Demand::{Away, Haltable, Launched, RecentlySnapshotted};
    let hook = |on, noes| HookShape { on, noes, passed_over: false, takes: 300 };
    let course = |name, start, killed: &[usize], steps: Vec<Step>| {
        let mounts = [("home", false, 4), ("data", true, 8)];
        let nodes = vec![
            node("n1", &mounts, &[])?,
            node("n2", &[("scratch", false, 2)], &[])?,
            node("n3", &[], &[])?,
        ];
        let whole = Scenario {
            note: String::new(),
            seed: 1,
            nodes,
            start,
            store_takes: 40,
            troubles: Vec::new(),
            steps,
        };
        Some(Course { name, whole, killed: killed.to_vec(), may_keep_fewer: false })
    };
    let twice = |demand| vec![drive(demand), drive(demand)];
    let thrice = |demand| vec![drive(demand), drive(demand), drive(demand)];
    let resize = Act::Resize(key("n1", "home")?, 6);
    let moved = Act::MovePoint(key("n1", "data")?, "/srv/data".to_owned());
    let turned =
        Step::Drive { demand: Away, ends: Some(Ends::InterruptedAfter(9_000)), beside: Vec::new() };
    let second = NodeName::new("n2").ok()?;
    let mut all = vec![
        course("first-launch", Start::Empty, &[0], twice(Launched))?,
        course("put-away", Start::Launched, &[0], twice(Away))?,
        course("launch-again", Start::Away, &[0], twice(Launched))?,
        course("turned-back", Start::Launched, &[1], [vec![turned], twice(Launched)].concat())?,
        course(
            "changed",
            Start::Away,
            &[2],
            [vec![Step::Do(resize), Step::Do(moved)], twice(Launched)].concat(),
        )?,
        course("snapshotted", Start::Launched, &[0], twice(RecentlySnapshotted))?,
        course("haltable", Start::Launched, &[0], twice(Haltable))?,
        course("slow-store", Start::Launched, &[0], twice(Away))?,
        course("killed-twice-up", Start::Away, &[0, 1], thrice(Launched))?,
        course("killed-twice-down", Start::Launched, &[0, 1], thrice(Away))?,
        course("away-then-launch", Start::Launched, &[0], vec![drive(Away), drive(Launched)])?,
        course("launch-then-away", Start::Empty, &[0], vec![drive(Launched), drive(Away)])?,
        course(
            "node-joins",
            Start::Empty,
            &[1],
            vec![
                Step::Do(Act::NodeLeaves(second.clone())),
                drive(Launched),
                Step::Do(Act::NodeJoins(second)),
                drive(Launched),
            ],
        )?,
    ];
    for course in &mut all {
        match course.name {
            "away-then-launch" | "launch-then-away" => course.may_keep_fewer = true,
            "haltable" => course.whole.nodes[0].hooks.push(hook(HookTime::BeforeHalt, 1)),
            "slow-store" => {
                course.whole.store_takes = 400;
                let hooks = [hook(HookTime::BeforeUnmount, 2), hook(HookTime::BeforeHalt, 1)];
                course.whole.nodes[0].hooks.extend(hooks);
            }
            _ => {}
        }
    }
    Some(all)
}

impl Course {
    /// Returns what happens in a world if nobody is killed. Every other world has a larger cluster.
    #[must_use]
    pub fn whole(&self, world: u64) -> Scenario {
        let mut scenario = Scenario { seed: world, ..self.whole.clone() };
        if world.is_multiple_of(2) {
            let mounts = [("logs", false, 1), ("pool", true, 16), ("work", false, 3)];
            scenario.nodes.extend(node("n4", &mounts, &[]));
            scenario.nodes.extend(node("n5", &[("home", true, 2)], &[]));
        }
        scenario
    }

    /// Returns what happens in a world with a kill.
    #[must_use]
    pub fn with(&self, world: u64, point: Point) -> Scenario {
        let mut scenario = self.whole(world);
        let mut rng = Rng::new(world ^ point.at_wait, self.name);
        for (nth, at) in self.killed.iter().enumerate() {
            // Who comes second is killed as early or as late as it happens.
            let at_wait = if nth == 0 { point.at_wait } else { rng.magnitude(1, 120) };
            if let Some(Step::Drive { ends, .. }) = scenario.steps.get_mut(*at) {
                let Point { requests, objects, .. } = point;
                *ends = Some(Ends::Gone { at_wait, requests, objects });
            }
        }
        scenario
    }
}

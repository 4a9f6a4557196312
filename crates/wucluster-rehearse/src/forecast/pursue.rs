//! One day: the engine drives the stage's world to a demand, and what it took is added up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use wucluster_core::action::CloudAction;
use wucluster_core::definition::Size;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::interlock::Hold;
use wucluster_engine::{Ending, Engine, EngineEvent, Outcome, Pursuit, Records, Stop};
use wucluster_sim::{Faults, Harm, Sim, World};

use super::budget::{Usage, usage};
use super::kept::{Lost, lost};
use super::meter::Meter;
use super::path::{Step, longest, millis};
use super::stage::Stage;
use super::story::Story;

/// Longest time that a run may take. Unit: simulated time.
const TIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// How an operator goes about it, and what goes wrong.
#[derive(Debug, Clone)]
pub struct Day {
    /// What all luck of the day is drawn from.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
    /// How long to go on trying what may clear by itself, as with `--wait`.
    pub wait: Duration,
}

impl Day {
    /// Makes a day on which nothing goes wrong.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        Self { seed, faults: Faults::none(), wait: Duration::ZERO }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Ended {
    /// The demand holds.
    Reached,
    /// Holds keep what is missing.
    Held {
        /// What is held, and why.
        holds: Vec<Hold>,
    },
    /// It did not end within a day.
    Stalled,
    /// The cloud could not be looked at.
    Blind {
        /// What it said.
        error: String,
    },
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Reached => Self::Reached,
            Outcome::Held(holds) => Self::Held { holds },
            Outcome::Stalled | Outcome::Interrupted | Outcome::Dismissed(_) => Self::Stalled,
            Outcome::Failed(error) => Self::Blind { error: error.to_string() },
        }
    }
}

/// Something that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// Whose it was.
    pub subject: Subject,
    /// The size of its volume; `None` for an instance.
    pub size: Option<Size>,
    /// What keeps its data.
    pub kept_by: KeptBy,
}

/// What keeps the data of something that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptBy {
    /// An instance: its root disk is never kept.
    Nothing,
    /// A snapshot that was there when the run began.
    OldSnapshot,
    /// A snapshot that was taken on the way.
    NewSnapshot,
}

/// What a run took, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Where it began.
    pub from: Demand,
    /// Where it was to go.
    pub demand: Demand,
    /// What all luck was drawn from.
    pub seed: u64,
    /// How it ended.
    pub ended: Ended,
    /// How long it took, in simulated time. Unit: milliseconds.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
    /// What that time went by with.
    pub path: Vec<Step>,
    /// What it asked of the cloud, by request.
    pub usage: Vec<Usage>,
    /// How often nodes were looked at.
    pub probes: u64,
    /// What was deleted.
    pub deleted: Vec<Deleted>,
    /// How often each fault was felt, by its name.
    pub faults: BTreeMap<String, u64>,
    /// What must never happen, and did.
    pub harm: Vec<String>,
    /// Data that would not come back.
    pub lost: Vec<Lost>,
    /// What is paid for although nothing should be left.
    pub left_over: Vec<String>,
}

impl Forecast {
    /// Says whether nothing happened that must never happen.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.harm.is_empty() && self.lost.is_empty() && self.left_over.is_empty()
    }

    /// Returns how many requests the cloud got.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.usage.iter().map(|usage| usage.calls).sum()
    }
}

/// Rehearses a demand from the stage on one day.
#[must_use]
pub fn forecast(stage: &Stage, demand: Demand, day: &Day) -> Forecast {
    forecast_with_world(stage, demand, day).0
}

/// Does the same, and gives the world after it.
pub(crate) fn forecast_with_world(stage: &Stage, demand: Demand, day: &Day) -> (Forecast, World) {
    let world = stage.day(day.seed, day.faults.clone());
    let old: Vec<String> = snapshots(stage, &world);
    let mut story = Story::default();
    let run = drive(stage, world, demand, day, &mut |event| story.take(event));
    let is_over = run.ending.outcome == Outcome::Reached && demand == Demand::Away;
    let forecast = Forecast {
        from: stage.from,
        demand,
        seed: day.seed,
        ended: run.ending.outcome.into(),
        took: story.ended.since(story.started),
        path: longest(&story, &run.glimpses),
        usage: usage(&run.calls),
        probes: run.glimpses.len() as u64,
        deleted: deleted(stage, &story, &old),
        faults: fired(&run.world),
        harm: run.world.harm().iter().map(Harm::to_string).collect(),
        lost: lost(&run.world, &stage.written),
        left_over: if is_over { left_over(stage, &run.world) } else { Vec::new() },
    };
    (forecast, run.world)
}

/// Lists the ids of what costs money and is no snapshot, of what the demand was about.
pub(crate) fn left_over(stage: &Stage, world: &World) -> Vec<String> {
    let cluster = &stage.definition.name;
    let mut left = world.left_over(cluster);
    let scope = &stage.policy.scope;
    left.retain(|id| {
        let whose = world.named_by_tags(cluster, id);
        scope.is_whole() || whose.is_some_and(|whose| scope.has(&whose))
    });
    left
}

pub(crate) fn fired(world: &World) -> BTreeMap<String, u64> {
    world.faults_fired().iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn snapshots(stage: &Stage, world: &World) -> Vec<String> {
    let mounts = stage.definition.mounts();
    let ids = mounts.flat_map(|(mount, _)| world.snapshots_of(&mount));
    ids.map(|id| id.to_string()).collect()
}

fn deleted(stage: &Stage, story: &Story, old: &[String]) -> Vec<Deleted> {
    let size = |mount: &MountKey| stage.definition.mount(mount).map(|found| found.size);
    let one = |action: &CloudAction| match action {
        CloudAction::DeleteVolume { mount, kept_by, .. } => Some(Deleted {
            subject: Subject::Mount(mount.clone()),
            size: size(mount),
            kept_by: match kept_by {
                None => KeptBy::Nothing,
                Some(id) if old.contains(&id.to_string()) => KeptBy::OldSnapshot,
                Some(_) => KeptBy::NewSnapshot,
            },
        }),
        CloudAction::TerminateInstance { node, .. } => Some(Deleted {
            subject: Subject::Node(node.clone()),
            size: None,
            kept_by: KeptBy::Nothing,
        }),
        CloudAction::RunInstance { .. }
        | CloudAction::StartInstance { .. }
        | CloudAction::StopInstance { .. }
        | CloudAction::CreateVolume { .. }
        | CloudAction::AttachVolume { .. }
        | CloudAction::DetachVolume { .. }
        | CloudAction::TagVolume { .. }
        | CloudAction::GrowVolume { .. }
        | CloudAction::TagSnapshot { .. }
        | CloudAction::Adopt { .. }
        | CloudAction::DeleteSnapshot { .. }
        | CloudAction::CreateSnapshot { .. } => None,
    };
    let mut deleted: Vec<Deleted> = story.deletions.iter().filter_map(one).collect();
    deleted.sort_by(|a, b| a.subject.node().cmp(&b.subject.node()).then(a.subject.cmp(&b.subject)));
    deleted
}

/// A run and the world after it.
pub(crate) struct Run {
    pub(crate) ending: Ending,
    pub(crate) world: World,
    pub(crate) records: Records,
    pub(crate) calls: Vec<super::meter::Call>,
    pub(crate) glimpses: Vec<super::meter::Glimpse>,
}

/// Drives a world to a demand, in virtual time.
pub(crate) fn drive(
    stage: &Stage,
    world: World,
    demand: Demand,
    day: &Day,
    watch: &mut (dyn FnMut(&EngineEvent) + Send),
) -> Run {
    let sim = Sim::new(world);
    let meter = Meter::new(&sim);
    let clock = sim.clock();
    let mut records = stage.records.clone();
    let ending = wucluster_sim::run(async {
        let engine = Engine::new(&meter, &meter, &clock);
        let mut emit = |event: &EngineEvent| {
            records.take(event);
            watch(event);
        };
        engine.pursue(pursuit(stage, demand, day), Stop::never(), &mut emit).await
    });
    let (calls, glimpses) = meter.read();
    Run { ending, world: sim.into_world(), records, calls, glimpses }
}

/// Returns what is pursued.
pub(crate) fn pursuit(stage: &Stage, demand: Demand, day: &Day) -> Pursuit {
    Pursuit {
        definition: stage.definition.clone(),
        demand,
        policy: stage.policy.clone(),
        timeout: Some(TIME_MAX),
        wait: day.wait,
        records: stage.records.clone(),
        tenure: None,
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::ClusterDefinition;
    use wucluster_core::scope::Scope;

    use super::*;

    #[test]
    fn of_a_part_only_what_is_left_of_it_counts() {
        let trio = include_str!("../../../../examples/aws.cluster.toml");
        let trio = ClusterDefinition::parse(trio).unwrap();
        let stage = Stage::set(&trio, Demand::Launched, 1).unwrap();
        let left = |only: &str| {
            let scope = Scope::of(vec![only.parse().unwrap()]);
            left_over(&stage.clone().only(scope), &stage.world).len()
        };
        assert_eq!(left_over(&stage, &stage.world).len(), 6);
        assert_eq!((left("worker-1"), left("*/scratch"), left("nobody")), (2, 2, 0));
    }
}

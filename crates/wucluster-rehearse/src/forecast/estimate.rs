//! What a demand would take from where a cluster was seen to be, in two numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::MountKey;
use wucluster_core::observation::Observation;
use wucluster_core::policy::Policy;
use wucluster_engine::{EventKind, Outcome};

use super::pursue::{Day, drive};
use super::stage::Stage;

/// How many days are rehearsed, so that the numbers are ranges. An estimate is cheap or is none.
const DAYS: u64 = 5;

/// Up to so many nodes and mounts that many days are rehearsed. Measured 2026-11: a day of 6 takes 3 ms.
const MANY_DAYS_ROWS_MAX: usize = 16;

/// Up to so many nodes and mounts one day is rehearsed. Measured 2026-11: a launch of 60 or 200 takes
/// 0.3 s, and of 3,000 it takes 9 s.
const ONE_DAY_ROWS_MAX: usize = 200;

/// About how much a demand would take: the least and the most of some rehearsals on calm days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Requests to the cloud, looks included.
    pub requests: Range,
    /// Time. Unit: milliseconds.
    pub took_ms: Range,
    /// How many days were rehearsed.
    pub days: u64,
}

/// The least and the most of several numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Range {
    fn of(numbers: impl Iterator<Item = u64> + Clone) -> Self {
        Self { least: numbers.clone().min().unwrap_or(0), most: numbers.max().unwrap_or(0) }
    }
}

/// Why there is no estimate, in words that complete "no estimate, as".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEstimate {
    /// There is too much of the cluster for a glance.
    #[error("{rows} nodes and mounts take a while to rehearse")]
    Large {
        /// How many nodes and mounts there are.
        rows: usize,
    },
    /// Something was seen that the simulator does not know.
    #[error("{0}")]
    Unplaced(String),
    /// It does not come to an end by itself.
    #[error("it would be held: {0}")]
    Held(String),
    /// A rehearsal did not end.
    #[error("a rehearsal of it does not come to an end")]
    Endless,
}

/// Rehearses a demand, as far as a policy says which part of the cluster it is about and what it goes back to, from where
/// the cluster was seen to be.
///
/// # Errors
/// [`NoEstimate`]: rather none than a wrong one.
pub fn estimate(
    definition: &ClusterDefinition,
    (demand, policy): (Demand, Policy),
    observation: &Observation,
    data_epochs: BTreeMap<MountKey, u64>,
) -> Result<Estimate, NoEstimate> {
    let rows = observation.nodes.len() + observation.mounts.len();
    let days = match rows {
        0..=MANY_DAYS_ROWS_MAX => DAYS,
        rows if rows <= ONE_DAY_ROWS_MAX => 1,
        rows => return Err(NoEstimate::Large { rows }),
    };
    let stage = Stage::observed(definition, (demand, policy), observation, data_epochs)
        .map_err(|why| NoEstimate::Unplaced(why.to_string()))?;
    // On a thread of its own, as whoever asks may be within a runtime, and this takes another.
    let rehearse = || (1..=days).map(|seed| one(&stage, demand, seed)).collect();
    let made: Result<Vec<(u64, u64)>, NoEstimate> =
        std::thread::scope(|scope| scope.spawn(rehearse).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let made = made?;
    Ok(Estimate {
        requests: Range::of(made.iter().map(|(requests, _)| *requests)),
        took_ms: Range::of(made.iter().map(|(_, took_ms)| *took_ms)),
        days,
    })
}

/// Rehearses one day: returns its requests, and how many milliseconds it took.
fn one(stage: &Stage, demand: Demand, seed: u64) -> Result<(u64, u64), NoEstimate> {
    let day = Day::calm(seed);
    let world = stage.day(seed, day.faults.clone());
    let mut started = world.now();
    let mut took = Duration::ZERO;
    let run = drive(stage, world, demand, &day, &mut |event| {
        if matches!(event.kind, EventKind::Started { .. }) {
            started = event.at;
        }
        took = event.at.since(started);
    });
    match run.ending.outcome {
        Outcome::Reached => {
            Ok((run.calls.len() as u64, u64::try_from(took.as_millis()).unwrap_or(u64::MAX)))
        }
        Outcome::Held(holds) => Err(NoEstimate::Held(holds.first().map_or_else(
            || "nothing tells by what".to_owned(),
            |hold| format!("{}: {}", hold.subject, hold.what),
        ))),
        Outcome::Stalled | Outcome::Interrupted | Outcome::Failed(_) | Outcome::Dismissed(_) => {
            Err(NoEstimate::Endless)
        }
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::observation::{NodeViews, VolumeState};
    use wucluster_core::planner::Ask;
    use wucluster_core::scope::Scope;
    use wucluster_engine::Engine;
    use wucluster_sim::{Sim, World};

    use super::super::pursue::{Forecast, forecast};
    use super::*;

    const TRIO: &str = include_str!("../../../../examples/aws.cluster.toml");

    fn definition() -> ClusterDefinition {
        ClusterDefinition::parse(TRIO).unwrap()
    }

    fn look(world: World, demand: Demand) -> Observation {
        let sim = Sim::new(world);
        let (cloud, shell, clock) = (sim.cloud(), sim.shell(), sim.clock());
        let patience = Duration::from_secs(12);
        wucluster_sim::run(async {
            let engine = Engine::new(&cloud, &shell, &clock);
            engine.look(&definition(), Ask::For(demand), patience).await.unwrap()
        })
    }

    fn of(from: Demand, demand: Demand) -> Result<Estimate, NoEstimate> {
        of_part(from, demand, Scope::default())
    }

    fn of_part(from: Demand, demand: Demand, scope: Scope) -> Result<Estimate, NoEstimate> {
        let stage = Stage::set(&definition(), from, 1).unwrap();
        let seen = look(stage.world.clone(), demand);
        let policy = Policy { scope, ..stage.policy };
        estimate(&stage.definition, (demand, policy), &seen, stage.records.data_epochs.clone())
    }

    #[test]
    fn what_is_away_is_estimated_as_it_is_rehearsed() {
        let stage = Stage::set(&definition(), Demand::Away, 1).unwrap();
        let seen: Vec<_> =
            (1..=DAYS).map(|seed| forecast(&stage, Demand::Launched, &Day::calm(seed))).collect();
        let millis = |took: Duration| u64::try_from(took.as_millis()).unwrap();
        let wanted = Estimate {
            requests: Range::of(seen.iter().map(Forecast::requests)),
            took_ms: Range::of(seen.iter().map(|seen| millis(seen.took))),
            days: DAYS,
        };
        assert_eq!(of(Demand::Away, Demand::Launched), Ok(wanted));
    }

    #[test]
    fn from_every_state_every_other_can_be_estimated() {
        for from in Demand::ALL {
            for demand in Demand::ALL {
                let made = of(from, demand);
                assert!(made.is_ok(), "from {from} to {demand}: {made:?}");
            }
        }
    }

    #[test]
    fn a_put_away_takes_as_long_as_a_snapshot_at_least_and_less_where_there_is_one() {
        let whole = of(Demand::Launched, Demand::Away).unwrap();
        let kept = of(Demand::RecentlySnapshotted, Demand::Away).unwrap();
        assert!(whole.took_ms.least > 45_000, "{whole:?}");
        assert!(kept.took_ms.most < whole.took_ms.least, "{kept:?} and {whole:?}");
    }

    #[test]
    fn a_part_takes_less_than_the_whole() {
        let part = || Scope::of(vec!["worker-1/scratch".parse().unwrap()]);
        for (from, demand) in
            [(Demand::Launched, Demand::Separated), (Demand::Separated, Demand::Launched)]
        {
            let (one, all) = (of_part(from, demand, part()).unwrap(), of(from, demand).unwrap());
            assert!(one.requests.least < all.requests.least, "{demand}: {one:?} and {all:?}");
        }
    }

    #[test]
    fn what_cannot_be_placed_has_no_estimate() {
        let stage = Stage::set(&definition(), Demand::Launched, 1).unwrap();
        let good = look(stage.world.clone(), Demand::Away);
        let why = |seen: &Observation| {
            let demand = (Demand::Away, stage.policy.clone());
            estimate(&stage.definition, demand, seen, BTreeMap::new()).unwrap_err()
        };

        let mut broken = good.clone();
        broken.mounts[0].volumes[0].state = VolumeState::Error;
        assert!(why(&broken).to_string().contains("chief/home is error"), "{}", why(&broken));

        let mut two = good.clone();
        let second = two.nodes[0].instances[0].clone();
        two.nodes[0].instances.push(second);
        assert_eq!(why(&two).to_string(), "several instances carry the name chief");

        let mut elsewhere = good.clone();
        elsewhere.nodes[1].instances[0].zone = Some("us-east-1a".to_owned());
        assert_eq!(why(&elsewhere).to_string(), "it lies in several zones");

        // Where nodes may be in several zones, there is one.
        let mut choice = stage.definition.clone();
        choice.zone = Some("us-east-1d".to_owned());
        choice.other_zones = vec!["us-east-1a".to_owned()];
        for mount in &mut elsewhere.mounts {
            let is_elsewhere = mount.key.node == elsewhere.nodes[1].name;
            for volume in mount.volumes.iter_mut().filter(|_| is_elsewhere) {
                volume.zone = Some("us-east-1a".to_owned());
            }
        }
        let demand = (Demand::Away, stage.policy.clone());
        let estimated = estimate(&choice, demand, &elsewhere, BTreeMap::new());
        assert!(estimated.is_ok(), "{:?}", estimated.err());

        let mut busy = stage.world.clone();
        let home = MountKey::try_from("chief/home".to_owned()).unwrap();
        busy.hold(&home, 412, "/mnt/home/note").unwrap();
        let busy = look(busy, Demand::Away);
        assert_eq!(why(&busy).to_string(), "pid 412 holds chief/home, nobody knows how long");

        // Nobody asked the nodes: what is mounted is not known, and not guessed.
        let view = stage.world.clone().observe(&stage.definition.name).unwrap();
        let unasked = Observation::assemble(&stage.definition, &view, &NodeViews::new());
        assert!(why(&unasked).to_string().contains("chief/home is mounted"), "{}", why(&unasked));
    }
}

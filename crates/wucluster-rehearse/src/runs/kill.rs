//! An operator that is lost on the way, at every point at which it waits, and another that comes.

use serde::Serialize;
use wucluster_core::demand::Demand;
use wucluster_engine::{Engine, EngineEvent, Outcome, Stop};
use wucluster_sim::{Sim, World};

use crate::forecast::{Day, Ended, Stage, lost, pursuit};
use crate::mail::Waits;

use super::many::Violation;

/// What came of killing the operator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kills {
    /// At how many points the operator waits during the run.
    pub points: u64,
    /// At how many of them it was killed: all, or evenly spread ones where there are too many.
    pub killed: u64,
    /// After how many kills another operator reached the demand.
    pub reached: u64,
    /// After how many it was held, although the run without a kill was not.
    pub held: u64,
    /// Kills after which something happened that must never happen. `seed` is the kill's point.
    pub violations: Vec<Violation>,
}

/// Kills the operator at each point at which it waits, or at `most` of them, and lets another one
/// begin anew from what the first left in the cloud.
///
/// `tell` hears how many are done.
pub fn kills(
    stage: &Stage,
    demand: Demand,
    day: &Day,
    most: u64,
    tell: &mut dyn FnMut(u64, u64),
) -> Kills {
    let whole = attempt(stage, demand, day, u64::MAX);
    let (points, things) = (whole.polls, count(stage, &whole.world));
    let killed = points.min(most);
    let mut kills = Kills { points, killed, reached: 0, held: 0, violations: Vec::new() };
    for n in 0..killed {
        // Evenly spread, the first and the last included.
        let point = if killed < 2 { 0 } else { n * (points - 1) / (killed - 1) };
        let after = attempt(stage, demand, day, point);
        let mut what: Vec<String> = after.world.harm().iter().map(ToString::to_string).collect();
        what.extend(lost(&after.world, &stage.written).iter().map(ToString::to_string));
        match &after.ended {
            Ended::Reached => {
                kills.reached += 1;
                let left = count(stage, &after.world);
                if left != things {
                    what.push(format!(
                        "{left} machines and volumes are left, and {things} without the kill"
                    ));
                }
            }
            Ended::Held { .. } => kills.held += 1,
            Ended::Stalled | Ended::Blind { .. } => {
                what.push("the second operator did not come to an end".to_owned());
            }
        }
        if !what.is_empty() {
            kills.violations.push(Violation { seed: point, what });
        }
        tell(n + 1, killed);
    }
    kills
}

fn count(stage: &Stage, world: &World) -> usize {
    world.left_over(&stage.definition.name).len()
}

/// A run of one operator, or of two, one after the other.
struct Attempt {
    ended: Ended,
    world: World,
    /// How often the first operator was woken.
    polls: u64,
}

/// Lets an operator be woken so many times, and drops it then; another one takes over in the same
/// cloud, with what the first had written down.
fn attempt(stage: &Stage, demand: Demand, day: &Day, most: u64) -> Attempt {
    let sim = Sim::new(stage.day(day.seed, day.faults.clone()));
    let (cloud, shell, clock) = (sim.cloud(), sim.shell(), sim.clock());
    let mut records = stage.records.clone();
    let (outcome, polls) = wucluster_sim::run(async {
        let engine = Engine::new(&cloud, &shell, &clock);
        let mut emit = |event: &EngineEvent| {
            records.take(event);
        };
        let first = engine.pursue(pursuit(stage, demand, day), Stop::never(), &mut emit);
        let mut waits = Waits::at_most(Some(most));
        if let Some(ending) = waits.within(first).await {
            return (ending.outcome, waits.count);
        }
        let mut pursuit = pursuit(stage, demand, day);
        pursuit.records = records;
        let ending = engine.pursue(pursuit, Stop::never(), &mut |_| {}).await;
        (ending.outcome, waits.count)
    });
    let ended = match outcome {
        Outcome::Reached => Ended::Reached,
        other => other.into(),
    };
    Attempt { ended, world: sim.into_world(), polls }
}

//! Which named states hold of a part of a cluster, and which is nearest.

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::{Demand, Verdict};
use wucluster_core::ids::Subject;
use wucluster_core::observation::Observation;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;

use super::Nearest;

/// What states hold, and how far others are, of a part of the cluster.
pub(super) struct Far<'a> {
    pub(super) definition: &'a ClusterDefinition,
    pub(super) observation: &'a Observation,
    pub(super) scope: &'a Scope,
    pub(super) now: Timestamp,
}

impl Far<'_> {
    fn verdict(&self, demand: Demand) -> Verdict {
        demand.verdict_in(self.scope, self.definition, self.observation, self.now)
    }

    /// Lists the states that hold, the strongest of each direction first.
    pub(super) fn holding(&self) -> Vec<Demand> {
        let states = UPWARD.into_iter().chain(DOWNWARD);
        states.filter(|demand| self.verdict(*demand).is_met()).collect()
    }

    /// Returns the state that least is missing to: on the way of the last demand, if there was one.
    pub(super) fn nearest(&self, all: usize, is_upward: Option<bool>) -> Option<Nearest> {
        let far = |state: Demand| {
            let verdict = self.verdict(state);
            let mut short: Vec<&Subject> = verdict.shortfalls().map(|one| &one.subject).collect();
            short.sort();
            short.dedup();
            Nearest { state, there: all.saturating_sub(short.len()), all }
        };
        // Of equals the first: states that say more stand first in each direction.
        let states = UPWARD.into_iter().chain(DOWNWARD);
        let states = states.filter(|state| is_upward.is_none_or(|it| it == state.is_upward()));
        states.map(far).reduce(|best, next| if next.there > best.there { next } else { best })
    }
}

/// The states on the way up, the strongest first.
const UPWARD: [Demand; 4] =
    [Demand::Launched, Demand::Mounted, Demand::Attached, Demand::Instantiated];

/// Those on the way down.
const DOWNWARD: [Demand; 6] = [
    Demand::Away,
    Demand::Parked,
    Demand::Haltable,
    Demand::RecentlySnapshotted,
    Demand::Separated,
    Demand::Unmounted,
];

//! The world as a cloud.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::action::CloudAction;
use wucluster_core::ids::ClusterName;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found};
use wucluster_core::ports::{Cloud, CloudError, CloudLimits, Receipt, RequestBudget};

use super::shared::Sim;
use crate::limits::{Bucket, LATE_EFFECT_MAX, LAUNCHES_TOGETHER_MAX};
use crate::world::{World, no_answer};

/// The simulated cloud. One for each operator: it remembers which cluster was looked at last, so
/// that what it changes of any other cluster is harm.
#[derive(Debug)]
pub struct SimCloud {
    sim: Sim,
    cluster: Mutex<Option<ClusterName>>,
}

impl SimCloud {
    pub(super) fn new(sim: Sim) -> Self {
        Self { sim, cluster: Mutex::new(None) }
    }

    pub(super) fn sim(&self) -> &Sim {
        &self.sim
    }

    async fn half_call(&self) {
        let span = self.sim.with(|world| world.durations().cloud_call);
        self.sim.sleep(self.sim.half_call(span)).await;
    }

    /// Keeps the caller waiting for as long as the last requests made it wait.
    async fn wait(&self) {
        let span = self.sim.with(World::take_wait);
        if !span.is_zero() {
            self.sim.sleep(span).await;
        }
    }

    /// Makes one listing, which may be slow on its way.
    async fn list(
        &self,
        (name, list): Listing,
        cluster: &ClusterName,
        view: &mut CloudView,
    ) -> Result<(), CloudError> {
        self.half_call().await;
        let (delay, patience) =
            self.sim.with(|world| (world.delay_before(name), world.durations().client_timeout));
        self.sim.sleep(delay.min(patience)).await;
        if delay > patience {
            return Err(no_answer(name));
        }
        let listed = self.sim.with(|world| list(world, cluster, view));
        self.wait().await;
        listed
    }
}

/// A listing: its name, and what makes it.
type Listing =
    (&'static str, fn(&mut World, &ClusterName, &mut CloudView) -> Result<(), CloudError>);

/// All listings of a look, in their order.
const LISTINGS: [Listing; 3] = [
    ("DescribeInstances", World::list_instances),
    ("DescribeVolumes", World::list_volumes),
    ("DescribeSnapshots", World::list_snapshots),
];

#[async_trait]
impl Cloud for SimCloud {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        *self.cluster.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster.clone());
        // Three requests, one after the other: the world goes on between them.
        let mut view = CloudView { asked_at: self.sim.begin_look(), ..CloudView::default() };
        for listing in LISTINGS {
            self.list(listing, cluster, &mut view).await?;
        }
        self.half_call().await;
        Ok(view)
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.half_call().await;
        let found = self.sim.with(|world| world.find(id));
        self.half_call().await;
        Ok(found)
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        self.half_call().await;
        let cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asked: Vec<_> = actions
            .iter()
            .map(|cleared| (cleared.action(), self.sim.true_time(cleared.seen_at())))
            .collect();
        let (delay, patience) = self.sim.with(|world| {
            let delays = asked.iter().map(|(action, _)| world.delay_before(action.name()));
            (delays.max().unwrap_or_default(), world.durations().client_timeout)
        });
        // Whoever loses patience is told nothing, and what was asked lands all the same.
        if delay > patience {
            let answers = self.sim.with(|world| world.give_up(cluster.as_ref(), &asked, delay));
            self.sim.sleep(patience).await;
            return answers;
        }
        if !delay.is_zero() {
            self.sim.sleep(delay).await;
        }
        let answers = self.sim.with(|world| world.request_batch(cluster.as_ref(), &asked));
        self.wait().await;
        self.half_call().await;
        answers
    }

    fn limits(&self) -> CloudLimits {
        let (lag, attachments) = self.sim.peek(|world| {
            let promised = world.limits().visibility_lag_max;
            (promised.max(world.staleness_max()), world.limits().attachments_per_instance_max)
        });
        // As an operator's clock counts that goes too fast.
        let counted = |span: Duration| span + span / 8;
        CloudLimits {
            look_interval_min: Duration::from_secs(1),
            look_interval_max: Duration::from_secs(15),
            visibility_lag_max: counted(lag),
            late_effect_max: counted(LATE_EFFECT_MAX),
            attachments_per_instance_max: u32::try_from(attachments).ok(),
            launches_together_max: LAUNCHES_TOGETHER_MAX,
        }
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        let is_throttled = self.sim.peek(|world| world.limits().is_throttled);
        is_throttled.then(|| Bucket::budget_of(request))
    }

    fn soonest(&self, request: &str) -> Duration {
        self.sim.peek(|world| world.durations().soonest(request))
    }
}

//! The world as a cloud.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::action::CloudAction;
use wucluster_core::ids::ClusterName;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::CloudView;
use wucluster_core::ports::{Cloud, CloudError, CloudLimits, Receipt, RequestBudget};

use super::shared::Sim;
use crate::limits::Bucket;
use crate::world::World;

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
        tokio::time::sleep(self.sim.half_call(span)).await;
    }
}

#[async_trait]
impl Cloud for SimCloud {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        *self.cluster.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster.clone());
        // Three requests, one after the other: the world goes on between them.
        let mut view = CloudView { asked_at: self.sim.now(), ..CloudView::default() };
        for list in [World::list_instances, World::list_volumes, World::list_snapshots] {
            self.half_call().await;
            self.sim.with(|world| list(world, cluster, &mut view))?;
        }
        self.half_call().await;
        Ok(view)
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        self.half_call().await;
        let cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answers = self.sim.with(|world| {
            actions
                .iter()
                .map(|cleared| world.request(cluster.as_ref(), cleared.action(), cleared.seen_at()))
                .collect()
        });
        self.half_call().await;
        answers
    }

    fn limits(&self) -> CloudLimits {
        let (lag, attachments) = self.sim.peek(|world| {
            let promised = world.limits().visibility_lag_max;
            (promised.max(world.staleness_max()), world.limits().attachments_per_instance_max)
        });
        CloudLimits {
            look_interval_min: Duration::from_secs(1),
            look_interval_max: Duration::from_secs(15),
            visibility_lag_max: lag,
            attachments_per_instance_max: u32::try_from(attachments).ok(),
        }
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        let is_throttled = self.sim.peek(|world| world.limits().is_throttled);
        is_throttled.then(|| Bucket::budget_of(request))
    }
}

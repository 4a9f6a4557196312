//! The world's time as a clock.

use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::ports::Clock;
use wucluster_core::time::Timestamp;

use super::shared::Sim;

/// The world's time: that of tokio's clock, counted from [`EPOCH`](crate::EPOCH).
#[derive(Debug, Clone)]
pub struct SimClock {
    sim: Sim,
}

impl SimClock {
    pub(super) fn new(sim: Sim) -> Self {
        Self { sim }
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.sim.now()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

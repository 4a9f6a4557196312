//! The operator's clock.

use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::ports::Clock;
use wucluster_core::time::Timestamp;

use super::shared::Sim;

/// The operator's clock: it shows the world's time, that of tokio's clock counted from
/// [`EPOCH`](crate::EPOCH), unless a [fault](crate::Fault::OperatorClock) made it wrong.
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
        self.sim.read_clock()
    }

    async fn sleep(&self, span: Duration) {
        let span = self.sim.true_span(span);
        tokio::time::sleep(span).await;
    }
}

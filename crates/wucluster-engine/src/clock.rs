//! The clock of the machine that we run on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use wucluster_core::ports::Clock;
use wucluster_core::time::Timestamp;

/// The real clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

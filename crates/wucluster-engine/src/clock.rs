//! The clock of the machine that we run on.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use wucluster_core::ports::Clock;
use wucluster_core::time::Timestamp;

/// When the clock was first read, by both of the machine's clocks.
static ORIGIN: OnceLock<(Instant, Timestamp)> = OnceLock::new();

/// The real clock: it begins with the time of day, and goes on steadily.
///
/// Somebody who sets the machine's clock while a drive goes on must not make it wait for years, or look
/// without a pause: all pauses and patience are counted from this clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (began, at) = *ORIGIN.get_or_init(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            (Instant::now(), Timestamp::from_millis(millis))
        });
        at.after(began.elapsed())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

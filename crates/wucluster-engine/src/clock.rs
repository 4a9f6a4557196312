//! The clock of the machine that we run on.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rustix::time::{ClockId, clock_gettime};
use wucluster_core::ports::{Clock, Uptime};
use wucluster_core::time::Timestamp;

/// When the clock was first read, by both of the machine's clocks.
static ORIGIN: OnceLock<(Duration, Timestamp)> = OnceLock::new();

/// Which start of the machine this is, if its system tells.
static BOOT: OnceLock<Option<String>> = OnceLock::new();

/// Where Linux tells it.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Returns for how long the machine has been up, its sleep included.
fn up_for() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(now.tv_sec)) + Duration::from_nanos(part(now.tv_nsec))
}

/// The real clock: it begins with the time of day, and goes on steadily, also while a laptop sleeps.
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
            (up_for(), Timestamp::from_millis(millis))
        });
        at.after(up_for().saturating_sub(began))
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    fn uptime(&self) -> Option<Uptime> {
        let read = || Some(std::fs::read_to_string(BOOT_ID).ok()?.trim().to_owned());
        let boot = BOOT.get_or_init(read).clone()?;
        Some(Uptime { boot, span: up_for() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_the_time_of_day_and_never_goes_back() {
        let first = SystemClock.now();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(since.as_millis()).unwrap();
        assert!((now - first.as_millis()).abs() < 60_000, "{now} and {first:?}");
        assert!(SystemClock.now() >= first);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn two_uptimes_of_one_start_can_be_compared() {
        let (first, second) = (SystemClock.uptime().unwrap(), SystemClock.uptime().unwrap());
        assert_eq!(first.boot, second.boot);
        assert!(first.span <= second.span && !first.boot.is_empty());
    }
}

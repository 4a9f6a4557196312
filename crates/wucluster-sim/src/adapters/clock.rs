//! The operator's clock.

use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::ports::{Clock, Uptime};
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
        self.sim.sleep(span).await;
    }
}

/// How a clock goes that read the time of day once, and goes on steadily from there.
#[derive(Debug, Clone, Copy)]
pub(super) struct SteadyTime {
    /// The true time at which it began, and what it showed then.
    pub(super) began: (Timestamp, Timestamp),
    /// How fast the operator's machine counts. Unit: percent of the true rate.
    pub(super) rate_percent: u32,
}

impl SteadyTime {
    /// Returns what it shows at a true time.
    pub(super) fn shown(self, now: Timestamp) -> Timestamp {
        let (began, shown) = self.began;
        let millis = now.since(began).as_millis() * u128::from(self.rate_percent) / 100;
        shown.after(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

/// The clock of an operator that read the time of day once, as the engine's own does.
#[derive(Debug, Clone)]
pub struct SteadyClock {
    sim: Sim,
    time: SteadyTime,
}

impl SteadyClock {
    pub(super) fn new(sim: Sim, time: SteadyTime) -> Self {
        Self { sim, time }
    }

    /// Returns how fast it goes. Unit: percent of the true rate.
    #[must_use]
    pub fn rate_percent(&self) -> u32 {
        self.time.rate_percent
    }
}

#[async_trait]
impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let now = self.sim.now();
        let shown = self.time.shown(now);
        self.sim.note_shown(now, shown);
        shown
    }

    async fn sleep(&self, span: Duration) {
        let rate = u128::from(self.time.rate_percent.max(1));
        // Whole milliseconds at another rate, so that whoever sleeps does not wake before.
        let millis = span.as_millis().saturating_mul(100).div_ceil(rate);
        let scaled = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        self.sim.sleep(if rate == 100 { span } else { scaled }).await;
    }

    fn uptime(&self) -> Option<Uptime> {
        let span = self.sim.now().since(crate::EPOCH);
        Some(Uptime { boot: "simulated".to_owned(), span })
    }
}

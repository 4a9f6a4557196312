//! The operator's clock, as wrong as it is.

use std::time::Duration;

use wucluster_core::time::Timestamp;

/// Rate of a clock that goes right. Unit: percent.
const RIGHT: u32 = 100;

/// How the operator's clock differs from the world's time.
#[derive(Debug, Clone)]
pub(crate) struct OperatorClock {
    /// A true time, and what the clock showed then.
    since: Option<(Timestamp, Timestamp)>,
    rate_percent: u32,
    /// How it will be wrong for the next operator: the leap, whether forward, and the rate.
    next: Option<(Duration, bool, u32)>,
    /// Whether somebody read it since it was made wrong.
    is_felt: bool,
}

impl Default for OperatorClock {
    fn default() -> Self {
        Self { since: None, rate_percent: RIGHT, next: None, is_felt: false }
    }
}

impl OperatorClock {
    /// Returns what it shows at a true time.
    pub(crate) fn at(&self, now: Timestamp) -> Timestamp {
        match self.since {
            None => now,
            Some((then, shown)) => shown.after(self.scaled(now.since(then))),
        }
    }

    /// Returns how fast it goes. Unit: percent of the true rate.
    pub(crate) fn rate_percent(&self) -> u32 {
        self.rate_percent
    }

    /// Returns the true time that passes until it shows that a span passed: whole milliseconds, as
    /// whoever sleeps must not wake before.
    pub(crate) fn true_span(&self, span: Duration) -> Duration {
        if self.rate_percent == RIGHT {
            return span;
        }
        let millis =
            span.as_millis().saturating_mul(100).div_ceil(u128::from(self.rate_percent.max(1)));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// Says whether it shows anything but the true time.
    pub(crate) fn is_wrong(&self, now: Timestamp) -> bool {
        self.at(now) != now || self.rate_percent != RIGHT
    }

    /// Says whether this is the first reading of a wrong clock.
    pub(crate) fn is_first_felt(&mut self, now: Timestamp) -> bool {
        let is_first = !self.is_felt && self.is_wrong(now);
        self.is_felt |= is_first;
        is_first
    }

    /// Lets it leap, and go at another rate from now on.
    pub(crate) fn upset(&mut self, now: Timestamp, leap: Duration, is_ahead: bool, rate: u32) {
        let millis = i64::try_from(leap.as_millis()).unwrap_or(i64::MAX / 2);
        let shown = self.at(now).as_millis();
        let shown =
            if is_ahead { shown.saturating_add(millis) } else { shown.saturating_sub(millis) };
        self.since = Some((now, Timestamp::from_millis(shown)));
        self.rate_percent = rate.max(1);
        self.is_felt = false;
    }

    /// Lets it be wrong for the next operator, from the beginning.
    pub(crate) fn upset_next(&mut self, leap: Duration, is_ahead: bool, rate: u32) {
        self.next = Some((leap, is_ahead, rate));
    }

    /// Begins with the next operator.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        if let Some((leap, is_ahead, rate)) = self.next.take() {
            self.upset(now, leap, is_ahead, rate);
        }
    }

    /// Lets it go at the right rate again, as wrong as it is.
    pub(crate) fn end(&mut self, now: Timestamp) {
        self.next = None;
        if self.since.is_some() {
            self.upset(now, Duration::ZERO, true, RIGHT);
            self.is_felt = true;
        }
    }

    fn scaled(&self, span: Duration) -> Duration {
        let millis = span.as_millis().saturating_mul(u128::from(self.rate_percent)) / 100;
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_leaps_drifts_and_then_stays_as_wrong_as_it_is() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut clock = OperatorClock::default();
        assert_eq!((clock.at(at(5)), clock.is_wrong(at(5))), (at(5), false));
        clock.upset(at(100), Duration::from_secs(50), false, 200);
        assert_eq!((clock.at(at(100)), clock.at(at(110))), (at(50), at(70)));
        assert_eq!(clock.true_span(Duration::from_secs(10)), Duration::from_secs(5));
        assert_eq!(clock.true_span(Duration::from_millis(1)), Duration::from_millis(1));
        clock.end(at(110));
        assert_eq!((clock.at(at(110)), clock.at(at(120))), (at(70), at(80)));
        assert!(clock.is_wrong(at(120)));
    }
}

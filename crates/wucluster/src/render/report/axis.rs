//! The axis of time: where a moment stands on the page, and which moments are written along it.

use wucluster_core::time::Timestamp;

use super::super::look::Look;
use super::super::words::{clock, date, moment};

/// Steps between ticks. Unit: seconds.
const STEPS: [i64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400, 172_800, 604_800,
];

/// How many ticks there are at most: on a narrow page each has about 70 pixels.
const TICKS_MAX: i64 = 8;

/// Where the run ends; behind it stands what it left. Unit: percent.
const END: f64 = 96.0;

/// Behind here a tick has no room for a time of day, or for a date. Unit: percent.
const LAST_CLOCK: f64 = 84.0;
const LAST_DATE: f64 = 75.0;

/// The time that a page shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis<'a> {
    from: Timestamp,
    /// How long it is. Unit: ms.
    length: i64,
    /// How long the run is that it shows. Unit: ms.
    told: i64,
    look: &'a Look,
}

/// A moment that is written along the axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where. Unit: percent.
    pub(super) place: f64,
    /// Its words; `None` where they would stand out.
    pub(super) words: Option<String>,
}

impl<'a> Axis<'a> {
    /// Makes the axis of a run; it is a second long at least.
    pub(super) fn new(from: Timestamp, until: Timestamp, look: &'a Look) -> Self {
        let told = until.as_millis().saturating_sub(from.as_millis());
        Self { from, length: told.max(1_000), told, look }
    }

    /// Returns where a moment of the run stands. Unit: percent.
    pub(super) fn place(&self, time: Timestamp) -> f64 {
        let passed = time.as_millis().saturating_sub(self.from.as_millis());
        #[allow(
            clippy::cast_precision_loss,
            reason = "a page has no more than some thousand pixels"
        )]
        let share = passed as f64 / self.length as f64;
        (share * END).clamp(0.0, END)
    }

    /// Returns where the run ends, or was last heard of. Unit: percent.
    pub(super) fn end(&self) -> f64 {
        END
    }

    /// Returns up to where a state is drawn that lasted until then: to the edge of the page where the run left it so.
    pub(super) fn left_until(&self, time: Timestamp) -> f64 {
        let passed = time.as_millis().saturating_sub(self.from.as_millis());
        if passed >= self.told { 100.0 } else { self.place(time) }
    }

    /// Writes a moment: the time of day, with the date where the run has several.
    pub(super) fn words(&self, time: Timestamp) -> String {
        if self.is_of_one_day() { clock(time, self.look) } else { moment(time, self.look) }
    }

    /// Lists the moments that are written along the axis, at round times of day.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let step = self.step();
        // Round in the zone in which it is written, not in UTC.
        let offset = self.offset();
        let local = self.from.as_millis().saturating_add(offset);
        let mut at = local.saturating_add(step - 1).div_euclid(step).saturating_mul(step);
        let mut ticks = Vec::new();
        for _ in 0..=TICKS_MAX {
            let time = Timestamp::from_millis(at.saturating_sub(offset));
            if at > local.saturating_add(self.length) {
                break;
            }
            let place = self.place(time);
            let last = if self.is_of_one_day() { LAST_CLOCK } else { LAST_DATE };
            let words = (place <= last).then(|| self.tick_words(time, step));
            ticks.push(Tick { place, words });
            at = at.saturating_add(step);
        }
        ticks
    }

    fn tick_words(&self, time: Timestamp, step: i64) -> String {
        if !self.is_of_one_day() {
            return date(time, self.look);
        }
        let mut words = clock(time, self.look);
        if step % 60_000 == 0 && words.len() == 8 {
            words.truncate(5);
        }
        words
    }

    /// Returns the pause between ticks. Unit: ms.
    fn step(&self) -> i64 {
        // Dates are twice as wide as times of day.
        let most = if self.is_of_one_day() { TICKS_MAX } else { TICKS_MAX / 2 + 1 };
        let fits = |step: &i64| self.length / (step * 1_000) < most;
        STEPS
            .into_iter()
            .find(fits)
            .map_or_else(|| (self.length / most).max(1), |step| step * 1_000)
    }

    fn is_of_one_day(&self) -> bool {
        let until = Timestamp::from_millis(self.from.as_millis().saturating_add(self.length));
        let day = |time| date(time, self.look).split(' ').next().map(ToOwned::to_owned);
        day(self.from) == day(until)
    }

    /// Returns by how much the zone's clocks are ahead of UTC when the run begins. Unit: ms.
    fn offset(&self) -> i64 {
        jiff::Timestamp::from_millisecond(self.from.as_millis())
            .map_or(0, |time| i64::from(self.look.zone.to_offset(time).seconds()) * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(from: i64, until: i64, look: &Look) -> Vec<String> {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let axis = Axis::new(at(from), at(until), look);
        axis.ticks().into_iter().map(|tick| tick.words.unwrap_or_default()).collect()
    }

    /// 2026-11-23 10:42:07 UTC.
    const BEGAN: i64 = 1_795_430_527;

    #[test]
    fn ticks_stand_at_round_times() {
        let look = Look::plain(80);
        let at = |until| words(BEGAN, BEGAN + until, &look).join(" ");
        assert_eq!(at(0), "10:42:07 ");
        assert_eq!(at(70), "10:42:10 10:42:20 10:42:30 10:42:40 10:42:50 10:43:00 ");
        assert_eq!(at(3_000), "10:50 11:00 11:10 11:20 ");
        assert_eq!(at(86_400), "2026-11-23 12:00 2026-11-23 18:00 2026-11-24 00:00 ");
    }

    #[test]
    fn ticks_are_round_in_the_zone_in_which_they_are_written() {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(19_800).unwrap());
        let look = Look { zone, ..Look::plain(80) };
        assert_eq!(words(BEGAN, BEGAN + 4 * 3_600, &look).join(" "), "17:00 18:00 19:00 ");
    }

    #[test]
    fn a_state_that_a_run_left_is_seen_however_short_it_was() {
        let look = Look::plain(80);
        let at = |seconds: i64| Timestamp::from_millis((BEGAN + seconds) * 1_000);
        let axis = Axis::new(at(0), at(100), &look);
        assert!(axis.left_until(at(100)) - axis.place(at(100)) > 3.0);
        assert!((axis.left_until(at(50)) - axis.place(at(50))).abs() < 1e-9);
    }

    #[test]
    fn a_time_that_no_calendar_knows_ends_nowhere_and_stands_on_the_page() {
        let look = Look::plain(80);
        let axis =
            Axis::new(Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX), &look);
        assert!(i64::try_from(axis.ticks().len()).unwrap() <= TICKS_MAX + 1);
        for time in [i64::MIN, 0, i64::MAX] {
            assert!((0.0..=END).contains(&axis.place(Timestamp::from_millis(time))));
        }
    }
}

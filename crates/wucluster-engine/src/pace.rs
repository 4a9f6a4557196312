//! When to look, ask and try again.

use std::time::Duration;

use wucluster_core::ports::CloudLimits;
use wucluster_core::time::Timestamp;

/// After a request was answered, how soon its effect is looked for. A request that is answered with
/// others of its kind settles within this time of them, so that one look serves them all.
pub(crate) const FIRST_LOOK: Duration = Duration::from_millis(20);

/// How long an answer is waited for that is about to come, before a look is begun that it would make old.
pub(crate) const ANSWER: Duration = Duration::from_millis(500);

/// After a node's answer, how soon it may be asked again: a probe counts as newer only when the clock
/// has moved on.
pub(crate) const AFTER_ANSWER: Duration = Duration::from_millis(1);

/// How old a node's word may be on which a detachment rests; older, the node is asked once more.
///
/// Source: where all goes well, a word is 1 s old by then: the node's answer after an unmount, and the look after it.
pub(crate) const WORD_AGE_MAX: Duration = Duration::from_secs(3);

/// How often a node is asked at most while nothing waits for its answer.
pub(crate) const UNASKED_PROBE: Duration = Duration::from_secs(5);

/// How long a node is not asked yet because more of its volumes are just being attached: what is seen of
/// several devices at once is done for them at once. Measured: 0.5 to 1.5 s on emulated machines; EC2's
/// attachments take 1 to 4 s, and come about together.
pub(crate) const ARRIVAL: Duration = Duration::from_secs(2);

/// Longest pause between two tries of a request that fails.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// Of the time for which nothing was new, one part passes before the next look. Sixteen parts: a machine that takes 40 s to
/// run is looked at 31 times, and seen to run 1.2 s late on average.
const PARTS_OF_QUIET: u32 = 16;

/// Of what is left until snapshots are expected to be whole, one part passes before the next look. Four parts: what takes
/// 100 s is looked at some 30 times, and its end is seen within the shortest pause.
const PARTS_TO_END: u32 = 4;

/// From so many nodes and mounts on, answers are gathered for a while before they are planned on.
const GATHER_ROWS_MIN: usize = 64;

/// How much longer for each of them: a plan looks at all of them, whatever changed.
///
/// Measured 2026-11: a plan for 3,000 nodes and mounts costs some 40 ms, and while they boot a thousand
/// of them answer, or do not, every two seconds. Planning takes a twentieth of the time then; each step of a launch waits
/// that long once or twice.
const GATHER_PER_ROW: Duration = Duration::from_micros(300);

/// How long answers are gathered at most.
const GATHER_MAX: Duration = Duration::from_secs(1);

/// Returns how long answers are gathered in a cluster of so many nodes and mounts.
pub(crate) fn gather(rows: usize) -> Duration {
    if rows < GATHER_ROWS_MIN {
        return Duration::ZERO;
    }
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    GATHER_PER_ROW.saturating_mul(rows).min(GATHER_MAX)
}

/// Returns when the next look begins that is to come a pause after the last one began. Looks that take long are fewer: half as
/// long as one took, none is begun.
pub(crate) fn next_look(began: Timestamp, pause: Duration, now: Timestamp) -> Timestamp {
    began.after(pause).max(now.after((now.since(began) / 2).max(FIRST_LOOK)))
}

/// Returns the pause before the next look at the cloud while something is under way that it would show: the provider's
/// shortest at first, and a part of the time for which nothing was new later, so that no wait grows by more than that part.
pub(crate) fn look_again(limits: &CloudLimits, quiet_for: Duration) -> Duration {
    (quiet_for / PARTS_OF_QUIET).clamp(limits.look_interval_min, limits.look_interval_max)
}

/// Returns the pause while nothing but snapshots is under way, which tell how far they have come: a part of what is left, so
/// that looks come closer together towards the end, and no more than a part of what passed, as they need not go on evenly.
pub(crate) fn look_at_end(limits: &CloudLimits, so_far: Duration, left: Duration) -> Duration {
    (so_far.min(left) / PARTS_TO_END).clamp(limits.look_interval_min, limits.look_interval_max)
}

/// Returns the pause after so many looks in a row that failed: longer by a half each time.
pub(crate) fn after_failed_look(limits: &CloudLimits, failed: u32) -> Duration {
    let factor = 1.5_f64.powi(i32::try_from(failed.min(20)).unwrap_or(20));
    let pause = limits.look_interval_min.mul_f64(factor).min(limits.look_interval_max);
    pause.max(Duration::from_secs(1))
}

/// Returns the pause before a node is asked again: short at first, growing with each answer that
/// says nothing new. A node that does not answer is asked at least every two seconds: the first
/// answer of a booting node is what a launch waits for.
pub(crate) fn probe_again(idle: u32, is_silent: bool) -> Duration {
    let (first, most) = if is_silent { (250, 2_000) } else { (300, 10_000) };
    let factor = 1.5_f64.powi(i32::try_from(idle.min(20)).unwrap_or(20));
    Duration::from_millis(first).mul_f64(factor).min(Duration::from_millis(most))
}

/// Returns the pause after the `times`th failure in a row of one request: 1 s, doubling, to a minute.
pub(crate) fn back_off(times: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(1 << times.saturating_sub(1).min(6)).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CloudLimits = CloudLimits {
        look_interval_min: Duration::from_secs(1),
        look_interval_max: Duration::from_secs(15),
        visibility_lag_max: Duration::ZERO,
        late_effect_max: Duration::ZERO,
        attachments_per_instance_max: None,
        launches_together_max: 1,
    };

    /// Looks until something has taken its time; returns how many looks that were, and how late the last one was.
    fn looks(takes: Duration, pause: impl Fn(Duration) -> Duration) -> (u32, Duration) {
        let (mut at, mut looks) = (Duration::ZERO, 0);
        while at < takes {
            at += pause(at);
            looks += 1;
        }
        (looks, at - takes)
    }

    #[test]
    fn what_comes_on_evenly_is_looked_at_seldom_and_seen_when_it_ends() {
        let takes = Duration::from_secs(100);
        let (looks, late) = looks(takes, |at| look_at_end(&LIMITS, at, takes - at));
        assert!(looks <= 30 && late < LIMITS.look_interval_min, "{looks} {late:?}");
    }

    #[test]
    fn what_says_nothing_of_its_end_is_seen_no_later_than_by_a_sixteenth() {
        for seconds in [20, 40, 90, 200] {
            let takes = Duration::from_secs(seconds);
            let (looks, late) = looks(takes, |at| look_again(&LIMITS, at));
            assert!(late <= (takes / 16).max(LIMITS.look_interval_min), "{takes:?}: {late:?}");
            assert!(looks <= 60, "{takes:?}: {looks}");
        }
        let hour = Duration::from_secs(3600);
        assert_eq!(look_again(&LIMITS, hour), LIMITS.look_interval_max);
    }

    #[test]
    fn looks_are_a_pause_apart_from_begin_to_begin_and_long_ones_further() {
        let began = Timestamp::from_millis(10_000);
        let next = |took: u64| {
            let ended = began.after(Duration::from_millis(took));
            next_look(began, Duration::from_secs(1), ended).since(began)
        };
        assert_eq!(next(400), Duration::from_secs(1));
        assert_eq!(next(3000), Duration::from_millis(4500), "a third of the time without one");
        assert_eq!(next(990), Duration::from_millis(1485));
    }

    #[test]
    fn back_off_never_shrinks_and_ends_at_a_minute() {
        let pauses: Vec<_> = (1..20).map(back_off).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses[0], Duration::from_secs(1));
        assert_eq!(pauses[18], BACK_OFF_MAX);
    }
}

//! When to look, ask and try again.

use std::time::Duration;

use wucluster_core::ports::CloudLimits;

/// After a request was answered, how soon its effect is looked for. A request that is answered with
/// others of its kind settles within this time of them, so that one look serves them all.
pub(crate) const FIRST_LOOK: Duration = Duration::from_millis(20);

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

/// Of what is left until something is expected to end, one part passes before the next look. Four parts: what takes 100 s is
/// looked at some 20 times, and its end is seen within the shortest pause.
const PARTS_TO_END: u32 = 4;

/// From so many nodes and mounts on, answers are gathered for a while before they are planned on.
const GATHER_ROWS_MIN: usize = 64;

/// How much longer for each of them: a plan looks at all of them, whatever changed.
///
/// Measured 2026-11: a plan for 3,000 nodes and mounts costs some 40 ms, and while they boot a thousand
/// of them answer, or do not, every two seconds.
const GATHER_PER_ROW: Duration = Duration::from_millis(1);

/// How long answers are gathered at most.
const GATHER_MAX: Duration = Duration::from_secs(3);

/// Returns how long answers are gathered in a cluster of so many nodes and mounts.
pub(crate) fn gather(rows: usize) -> Duration {
    if rows < GATHER_ROWS_MIN {
        return Duration::ZERO;
    }
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    GATHER_PER_ROW.saturating_mul(rows).min(GATHER_MAX)
}

/// Returns the pause before the next look at the cloud: the provider's shortest while things move,
/// growing by a half with each look that shows nothing new.
///
/// `is_awaited`: something is under way that a look would show; else the longest pause is taken.
pub(crate) fn look_again(limits: &CloudLimits, quiet_looks: u32, is_awaited: bool) -> Duration {
    if !is_awaited {
        return limits.look_interval_max;
    }
    let factor = 1.5_f64.powi(i32::try_from(quiet_looks.min(20)).unwrap_or(20));
    limits.look_interval_min.mul_f64(factor).min(limits.look_interval_max)
}

/// Returns the longest pause while something is under way that is expected to end in a while: a part of that while, so that
/// looks come closer together towards the end, and a wrong guess is noticed on the way.
pub(crate) fn look_at_end(limits: &CloudLimits, left: Duration) -> Duration {
    (left / PARTS_TO_END).max(limits.look_interval_min)
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

    /// Looks at a snapshot that takes 100 s and comes on evenly; returns the times, in seconds.
    fn looks(limits: &CloudLimits) -> Vec<f64> {
        let (mut at, mut looks) = (0.0_f64, Vec::new());
        while at < 100.0 {
            let quiet = u32::try_from(looks.len()).unwrap();
            let left = Duration::from_secs_f64(100.0 - at);
            let pause = look_again(limits, quiet, true).min(look_at_end(limits, left));
            at += pause.as_secs_f64();
            looks.push(at);
        }
        looks
    }

    #[test]
    fn what_comes_on_evenly_is_looked_at_seldom_and_seen_when_it_ends() {
        let limits = CloudLimits {
            look_interval_min: Duration::from_secs(1),
            look_interval_max: Duration::from_secs(15),
            visibility_lag_max: Duration::ZERO,
            late_effect_max: Duration::ZERO,
            attachments_per_instance_max: None,
        };
        let looks = looks(&limits);
        assert!(looks.len() < 25, "{looks:?}");
        assert!(looks.last().unwrap() - 100.0 < 1.0, "{looks:?}");
    }

    #[test]
    fn back_off_never_shrinks_and_ends_at_a_minute() {
        let pauses: Vec<_> = (1..20).map(back_off).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses[0], Duration::from_secs(1));
        assert_eq!(pauses[18], BACK_OFF_MAX);
    }
}

//! Randomness: a small seeded generator, cheap to clone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A seeded generator of pseudorandom numbers (SplitMix64).
///
/// Same seed, same numbers, on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// Makes a generator for one purpose, so that draws for one purpose never shift another's.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self { state: Digest::new(seed).with(purpose).value() }
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Returns a number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.number() % bound }
    }

    /// Returns a time from `min` to `max`, both included, in whole milliseconds.
    pub fn between(&mut self, min: Duration, max: Duration) -> Duration {
        let width = u64::try_from(max.saturating_sub(min).as_millis()).unwrap_or(u64::MAX - 1);
        min + Duration::from_millis(self.below(width.saturating_add(1)))
    }

    /// Returns a number from `min` to `max`, both included, whose order of magnitude is even: each
    /// doubling from `min` on is as likely as any other.
    pub fn magnitude(&mut self, min: u64, max: u64) -> u64 {
        let min = min.max(1);
        let doublings = u64::from((max / min).checked_ilog2().unwrap_or(0));
        let low = min << self.below(doublings + 1);
        let high = low.saturating_mul(2).min(max).max(low);
        low + self.below(high - low + 1)
    }

    /// Returns a time from `min` to `max` in whole milliseconds, whose order of magnitude is even.
    pub fn span(&mut self, min: Duration, max: Duration) -> Duration {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.magnitude(millis(min), millis(max)))
    }

    /// Says yes with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        // 2^53 is the finest grid that a double holds exactly.
        const GRID: u64 = 1 << 53;
        #[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
        let drawn = self.below(GRID) as f64 / GRID as f64;
        drawn < probability
    }

    /// Returns one of the things, or `None` when there are none.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(things.len() as u64)).unwrap_or(0);
        things.get(index)
    }

    /// Brings the things into a random order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(last);
            things.swap(last, other);
        }
    }
}

/// Spreads a number's bits over the whole word.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_give_the_same_numbers() {
        let draw = |seed, purpose| {
            let mut rng = Rng::new(seed, purpose);
            (0..8).map(|_| rng.number()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }

    #[test]
    fn magnitudes_are_even_and_stay_within_their_bounds() {
        let mut rng = Rng::new(7, "magnitude");
        let drawn: Vec<u64> = (0..3000).map(|_| rng.magnitude(1, 1000)).collect();
        assert!(drawn.iter().all(|number| (1..=1000).contains(number)));
        let small = drawn.iter().filter(|number| **number <= 32).count();
        assert!(
            (1200..2000).contains(&small),
            "{small} of 3000 are in the lower half of magnitudes"
        );
        assert_eq!(rng.magnitude(5, 5), 5);
    }

    #[test]
    fn a_time_between_stays_within_its_bounds() {
        let (min, max) = (Duration::from_millis(5), Duration::from_millis(9));
        let mut rng = Rng::new(7, "between");
        let drawn: Vec<_> = (0..200).map(|_| rng.between(min, max)).collect();
        assert!(drawn.iter().all(|span| *span >= min && *span <= max));
        assert!(drawn.contains(&min) && drawn.contains(&max));
    }
}

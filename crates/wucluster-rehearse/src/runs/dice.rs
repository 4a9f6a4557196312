//! The dice of a bad day.

use std::time::Duration;

/// Seeded dice (SplitMix64): same seed, same day.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Makes the dice of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0xa076_1d64_78bd_642f)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 up to, and without, 1.
    fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }

    /// Returns a number between two, small ones as likely as large ones.
    pub(crate) fn share(&mut self, least: f64, most: f64) -> f64 {
        least * (most / least).powf(self.unit())
    }

    /// Returns a span between two, in seconds, short ones as likely as long ones.
    pub(crate) fn span(&mut self, least: u32, most: u32) -> Duration {
        Duration::from_secs_f64(self.share(least.into(), most.into()).round())
    }

    /// Returns when something strikes: within the first minutes, where most happens.
    pub(crate) fn soon(&mut self) -> Duration {
        self.span(1, 240)
    }

    /// Says how often something strikes: once to three times.
    pub(crate) fn few(&mut self) -> u64 {
        1 + self.next() % 3
    }

    /// Says yes every other time.
    pub(crate) fn is_yes(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    /// Says yes with a probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Chooses one of several; there must be one.
    pub(crate) fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        let count = things.len() as u64;
        things[usize::try_from(self.next() % count).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_stay_within_their_bounds_and_reach_both_ends() {
        let mut dice = Dice::new(1);
        let shares: Vec<f64> = (0..2000).map(|_| dice.share(0.01, 0.3)).collect();
        assert!(shares.iter().all(|share| (0.01..0.3).contains(share)));
        assert!(shares.iter().any(|share| *share < 0.011));
        assert!(shares.iter().any(|share| *share > 0.29));
        assert_eq!(Dice::new(7).span(5, 600), Dice::new(7).span(5, 600));
    }
}

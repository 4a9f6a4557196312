//! Randomness from a seed, in streams that do not shift each other.

use std::time::Duration;

/// A stream of pseudorandom numbers (SplitMix64) for one purpose.
///
/// Each purpose has a stream of its own, so that what is drawn for one node, kind of fault or step
/// never changes what is drawn for another: a thing may be left out, and all else stays as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Makes the stream of a purpose.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a over the purpose, begun from the spread seed.
        let begin = mix(seed ^ 0xcbf2_9ce4_8422_2325);
        let state = purpose
            .bytes()
            .fold(begin, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { state }
    }

    /// Returns the next number.
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Returns a number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.roll() % bound }
    }

    /// Returns a number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Says yes so often in a thousand.
    pub fn permille(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }

    /// Returns a number from `least` to `most`, each order of magnitude equally often.
    pub fn log_uniform(&mut self, least: f64, most: f64) -> f64 {
        const GRID: u64 = 1 << 53;
        #[expect(clippy::cast_precision_loss, reason = "both are at most 2^53")]
        let part = self.below(GRID) as f64 / GRID as f64;
        (least.ln() + part * (most.ln() - least.ln())).exp()
    }

    /// Returns a time, each order of magnitude equally often, in whole milliseconds.
    pub fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let seconds = self.log_uniform(least.as_secs_f64().max(0.001), most.as_secs_f64());
        Duration::from_millis(Duration::from_secs_f64(seconds).as_millis().try_into().unwrap_or(1))
    }

    /// Returns one of the things, or `None` when there are none.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(things.len() as u64)).unwrap_or(0);
        things.get(index)
    }
}

/// Spreads a number's bits over the whole word.
fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_seed_and_purpose_alone() {
        let draw = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            (0..8).map(|_| dice.roll()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "node n1"), draw(1, "node n1"));
        assert_ne!(draw(1, "node n1"), draw(2, "node n1"));
        assert_ne!(draw(1, "node n1"), draw(1, "node n2"));
    }

    #[test]
    fn log_uniform_favours_no_order_of_magnitude() {
        let mut dice = Dice::new(3, "magnitudes");
        let mut counts = [0_u32; 3];
        for _ in 0..3000 {
            let drawn = dice.log_uniform(1.0, 1000.0);
            let slot = if drawn < 10.0 { 0 } else { usize::from(drawn >= 100.0) + 1 };
            counts[slot] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}

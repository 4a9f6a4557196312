//! How fast the simulated cloud's time passes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Fastest that can be asked for by number. Beyond it a clock of milliseconds grows coarse.
const FACTOR_MAX: f64 = 1000.0;

/// The pace of simulated time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many times as fast as ours, while a command runs and in between.
    Times(f64),
    /// It leaps to whatever happens next while a command waits, and stands still in between.
    Leaps,
}

impl Pace {
    /// The pace for people: a launch that takes two minutes on EC2 takes six seconds.
    pub(crate) const DEFAULT: Self = Self::Times(20.0);

    /// Returns how many seconds of it pass in one of ours; leaps count as our own seconds, since
    /// the runtime's clock is then the simulated one.
    pub(crate) fn factor(self) -> f64 {
        match self {
            Self::Times(factor) => factor,
            Self::Leaps => 1.0,
        }
    }

    /// Returns how long of our time a span of simulated time takes.
    pub(crate) fn ours(self, simulated: Duration) -> Duration {
        simulated.div_f64(self.factor())
    }

    /// Returns how much simulated time passes in a span of ours.
    pub(crate) fn theirs(self, ours: Duration) -> Duration {
        ours.mul_f64(self.factor())
    }

    /// Returns how much simulated time passes in a span of ours in which no command runs.
    pub(crate) fn between(self, ours: Duration) -> Duration {
        match self {
            Self::Times(_) => self.theirs(ours),
            Self::Leaps => Duration::ZERO,
        }
    }
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "real" => return Ok(Self::Times(1.0)),
            "fast" => return Ok(Self::Leaps),
            _ => {}
        }
        text.strip_suffix('x')
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|factor| (1.0..=FACTOR_MAX).contains(factor))
            .map(Self::Times)
            .ok_or_else(|| {
                format!("a speed is `real`, `fast`, or `1x` to `{FACTOR_MAX}x`, such as `20x`")
            })
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(1.0) => f.write_str("its time passes as ours does"),
            Self::Times(factor) => write!(f, "its time passes {factor} times as fast as ours"),
            Self::Leaps => f.write_str("its time leaps to what happens next"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read_as_it_is_documented() {
        assert_eq!("real".parse(), Ok(Pace::Times(1.0)));
        assert_eq!("fast".parse(), Ok(Pace::Leaps));
        assert_eq!("20x".parse(), Ok(Pace::DEFAULT));
        assert_eq!("2.5x".parse(), Ok(Pace::Times(2.5)));
        for wrong in ["", "x", "0x", "-1x", "20", "NaNx", "infx", "1001x", "slow"] {
            assert!(wrong.parse::<Pace>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_leaps_stands_still_between_commands() {
        let minute = Duration::from_secs(60);
        assert_eq!(Pace::Leaps.between(minute), Duration::ZERO);
        assert_eq!(Pace::DEFAULT.between(minute), Duration::from_secs(1200));
        assert_eq!(Pace::DEFAULT.ours(minute), Duration::from_secs(3));
    }
}

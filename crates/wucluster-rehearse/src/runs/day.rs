//! A bad day from its seed.

use std::time::Duration;

use wucluster_sim::Faults;

use super::dice::Dice;
use super::kinds::{Kind, LASTS};
use crate::forecast::Day;

/// With what probability each kind is on, on a day of several.
const ON: f64 = 0.3;

/// Draws a bad day: one day in ten has no fault, one in ten has a single kind, the others have each
/// kind with a probability of three in ten. Days that differ in what can go wrong find more than days
/// on which everything can.
#[must_use]
pub fn bad_day(seed: u64, wait: Duration) -> (Day, Vec<Kind>) {
    let mut dice = Dice::new(seed);
    let kinds: Vec<Kind> = if dice.chance(0.1) {
        Vec::new()
    } else if dice.chance(1.0 / 9.0) {
        vec![dice.one_of(&Kind::ALL)]
    } else {
        Kind::ALL.into_iter().filter(|_| dice.chance(ON)).collect()
    };
    (day_of(&kinds, &mut dice, seed, wait), kinds)
}

/// Makes the day of a seed on which these kinds go wrong.
#[must_use]
pub fn day_with(kinds: &[Kind], seed: u64, wait: Duration) -> Day {
    day_of(kinds, &mut Dice::new(seed), seed, wait)
}

fn day_of(kinds: &[Kind], dice: &mut Dice, seed: u64, wait: Duration) -> Day {
    let faults = kinds.iter().fold(Faults::none(), |day, kind| kind.add_to(dice, day));
    Day { seed, faults: faults.lasting(LASTS), wait }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_is_the_same_day_and_every_kind_has_its_days() {
        let mut seen = BTreeSet::new();
        for seed in 0..300 {
            let (day, kinds) = bad_day(seed, Duration::ZERO);
            let (again, _) = bad_day(seed, Duration::ZERO);
            assert_eq!(day.faults, again.faults, "seed {seed}");
            seen.extend(kinds.iter().map(|kind| kind.name));
        }
        assert_eq!(seen.len(), Kind::ALL.len());
    }

    #[test]
    fn kinds_are_found_by_their_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.name), Some(kind));
        }
        assert_eq!(Kind::named("flood"), None);
    }
}

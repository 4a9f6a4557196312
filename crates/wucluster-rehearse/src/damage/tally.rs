//! Many damaged stores, and what came of them.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Damage, Found, Origin};

/// What came of many damaged stores.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By kind of damage: how many were refused, permitted no more, permitted more and did no harm, did none and were
    /// held by nodes, and were guilty.
    pub kinds: BTreeMap<&'static str, [u64; 5]>,
    /// By origin and number: what must not be.
    pub guilty: Vec<(String, u64, String, Vec<String>)>,
}

impl Tally {
    /// Adds what came of one.
    pub fn add(&mut self, origin: &Origin, number: u64, damage: &Damage, found: Found) {
        let counts = self.kinds.entry(damage.kind()).or_default();
        match found {
            Found::Refused(_) => counts[0] += 1,
            Found::Within => counts[1] += 1,
            Found::Harmless => counts[2] += 1,
            Found::Held => counts[3] += 1,
            Found::Guilty(what) => {
                counts[4] += 1;
                self.guilty.push((origin.name.clone(), number, damage.to_string(), what));
            }
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: Self) {
        for (kind, counts) in other.kinds {
            let own = self.kinds.entry(kind).or_default();
            own.iter_mut().zip(counts).for_each(|(own, count)| *own += count);
        }
        self.guilty.extend(other.guilty);
    }

    /// Returns how many stores there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.kinds.values().flatten().sum()
    }

    /// Returns it as a table.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{:<10} {:>8} {:>8} {:>14} {:>14} {:>14} {:>7}\n",
            "damage",
            "stores",
            "refused",
            "permits less",
            "more, no harm",
            "held by nodes",
            "guilty"
        );
        for (kind, counts) in &self.kinds {
            let [refused, within, harmless, held, guilty] = counts;
            let all: u64 = counts.iter().sum();
            text += &format!(
                "{kind:<10} {all:>8} {refused:>8} {within:>14} {harmless:>14} {held:>14} {guilty:>7}\n"
            );
        }
        text
    }
}

/// Damages stores that operators left, so many times, each time another one in another way.
#[must_use]
pub fn damage_many(origins: &[Origin], numbers: Range<u64>) -> Tally {
    let next = AtomicU64::new(numbers.start);
    let tally = Mutex::new(Tally::default());
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Tally::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end || origins.is_empty() {
                        break;
                    }
                    let origin = &origins[usize::try_from(number).unwrap_or(0) % origins.len()];
                    let (number, damage) = origin.draw_one(origins, number);
                    own.add(origin, number, &damage, origin.judge(origins, number, &damage));
                }
                if let Ok(mut tally) = tally.lock() {
                    tally.merge(own);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap_or_default();
    tally.guilty.sort_by_key(|(_, number, _, _)| *number);
    tally
}

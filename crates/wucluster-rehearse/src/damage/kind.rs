//! What can become of a store.

use std::collections::BTreeSet;
use std::fmt;

use wucluster_sim::Rng;

use super::Origin;
use crate::depot::Image;

/// How often a damage is drawn that leaves the store as it was, before its listings are shuffled instead.
const REDRAWS: u64 = 100;

/// Numbers of stores are below this.
const NUMBERS_MAX: u64 = 1_000_000_000;

/// What was done to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// An object ends early.
    Cut(String, usize),
    /// A byte of an object is another one.
    Changed(String, usize, u8),
    /// From a byte on, an object is nothing but zeros.
    Zeroed(String, usize),
    /// An object is missing.
    Missing(String),
    /// Two objects have changed places.
    Swapped(String, String),
    /// An object is there under another key, too, or in the place of what was there.
    Copied(String, String),
    /// An object is that of the same key in another cluster's store.
    Foreign(String),
    /// Listings come in another order.
    Shuffled(u64),
    /// The store is as it was when so many objects had been made.
    Older(usize),
    /// All objects below a folder are missing.
    Lost(&'static str),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(key, at) => write!(f, "{key} ends after {at} bytes"),
            Self::Changed(key, at, with) => {
                write!(f, "byte {at} of {key} is changed by {with:#04x}")
            }
            Self::Zeroed(key, at) => write!(f, "{key} is zeros from byte {at} on"),
            Self::Missing(key) => write!(f, "{key} is missing"),
            Self::Swapped(one, other) => write!(f, "{one} and {other} have changed places"),
            Self::Copied(from, to) => write!(f, "{from} is there as {to}"),
            Self::Foreign(key) => write!(f, "{key} is another cluster's"),
            Self::Shuffled(seed) => write!(f, "listings are shuffled ({seed})"),
            Self::Older(count) => write!(f, "it is as it was with {count} objects"),
            Self::Lost(folder) => write!(f, "all of `{folder}` is gone"),
        }
    }
}

impl Damage {
    /// Returns its kind, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cut(..) => "cut",
            Self::Changed(..) => "changed",
            Self::Zeroed(..) => "zeroed",
            Self::Missing(_) => "missing",
            Self::Swapped(..) => "swapped",
            Self::Copied(..) => "copied",
            Self::Foreign(_) => "foreign",
            Self::Shuffled(_) => "shuffled",
            Self::Older(_) => "older",
            Self::Lost(_) => "lost",
        }
    }
}

impl Origin {
    /// Draws a damage that leaves another store than the intact one; returns the number that it is drawn from, too.
    #[must_use]
    pub fn draw_one(&self, others: &[Self], number: u64) -> (u64, Damage) {
        let drawn = (0..REDRAWS).map(|turn| {
            let number = number + turn * NUMBERS_MAX;
            (number, self.draw(others, number))
        });
        let is_one = |(number, damage): &(u64, Damage)| {
            let is_listing = matches!(damage, Damage::Shuffled(_));
            is_listing || self.damaged(others, *number, damage) != self.image
        };
        drawn.into_iter().find(is_one).unwrap_or((number, Damage::Shuffled(number)))
    }

    /// Draws a damage.
    #[must_use]
    pub fn draw(&self, others: &[Self], number: u64) -> Damage {
        let mut rng = Rng::new(number, &self.name);
        // Journals have most of the objects, and the other folders matter as much; what is not read hardly does.
        let folder = rng.pick(&["leases/", "phases/", "phases/", "runs/", "runs/"]).copied();
        let folder = folder.unwrap_or("runs/");
        let is_read = rng.below(8) > 0;
        let keys: Vec<&String> = self
            .image
            .keys()
            .filter(|key| key.starts_with(folder) && (!is_read || self.read.contains(key)))
            .collect();
        let key = |rng: &mut Rng| rng.pick(&keys).map_or(String::new(), |key| (*key).clone());
        let one = key(&mut rng);
        let length = self.image.get(&one).map_or(0, Vec::len) as u64;
        let at = |rng: &mut Rng| usize::try_from(rng.below(length.max(1))).unwrap_or(0);
        match rng.below(100) {
            0..30 => Damage::Cut(one, at(&mut rng)),
            30..62 => {
                let with = u8::try_from(1 + rng.below(255)).unwrap_or(1);
                Damage::Changed(one, at(&mut rng), with)
            }
            62..66 => Damage::Zeroed(one, at(&mut rng)),
            66..74 => Damage::Missing(one),
            74..79 => Damage::Swapped(one, key(&mut rng)),
            79..85 => Damage::Copied(one, key(&mut rng)),
            85..90 => {
                let has_it = |other: &&Self| other.image.contains_key(&one);
                let is_there = others.iter().any(|other| has_it(&other));
                if is_there { Damage::Foreign(one) } else { Damage::Missing(one) }
            }
            90..94 => Damage::Shuffled(rng.number()),
            94..99 => {
                let count = rng.below(self.made.len() as u64 + 1);
                Damage::Older(usize::try_from(count).unwrap_or(0))
            }
            _ => Damage::Lost(
                rng.pick(&["leases", "phases", "runs", ""]).copied().unwrap_or_default(),
            ),
        }
    }

    /// Does damage to the store.
    #[must_use]
    pub fn damaged(&self, others: &[Self], number: u64, damage: &Damage) -> Image {
        let mut image = self.image.clone();
        match damage {
            Damage::Cut(key, at) => {
                if let Some(body) = image.get_mut(key) {
                    body.truncate(*at);
                }
            }
            Damage::Changed(key, at, with) => {
                if let Some(byte) = image.get_mut(key).and_then(|body| body.get_mut(*at)) {
                    *byte ^= with;
                }
            }
            Damage::Zeroed(key, at) => {
                if let Some(body) = image.get_mut(key) {
                    body.iter_mut().skip(*at).for_each(|byte| *byte = 0);
                }
            }
            Damage::Missing(key) => {
                image.remove(key);
            }
            Damage::Swapped(one, other) => {
                let bodies = (image.get(one).cloned(), image.get(other).cloned());
                if let (Some(first), Some(second)) = bodies {
                    image.insert(one.clone(), second);
                    image.insert(other.clone(), first);
                }
            }
            Damage::Copied(from, to) => {
                if let Some(body) = image.get(from).cloned() {
                    image.insert(to.clone(), body);
                }
            }
            Damage::Foreign(key) => {
                let bodies: Vec<&Vec<u8>> =
                    others.iter().filter_map(|other| other.image.get(key)).collect();
                if let Some(body) = Rng::new(number, "foreign").pick(&bodies) {
                    image.insert(key.clone(), (*body).clone());
                }
            }
            Damage::Shuffled(_) => {}
            Damage::Older(count) => {
                let made = self.made.iter().take(*count);
                let made: BTreeSet<&String> = made.collect();
                image.retain(|key, _| {
                    // A beat belongs to its lease.
                    let lease = key.strip_suffix(".beat").map(str::to_owned);
                    made.contains(key) || lease.is_some_and(|lease| made.contains(&lease))
                });
            }
            Damage::Lost(folder) => image.retain(|key, _| !key.starts_with(folder)),
        }
        image
    }
}

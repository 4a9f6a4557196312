//! The store of a run: in memory, as slow as the scenario says, and with what befalls stores.
//!
//! What may befall it is what befalls folders on disks and buckets behind networks: it cannot be reached for a while, or
//! is slow; it takes no writes; an object is cut short, changed or gone; all of it is gone, or put back from a copy; and
//! what it answers to *make it unless it is there* is not what it did.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};
use wucluster_core::time::Timestamp;
use wucluster_engine::store::objects::{Listed, Objects, ObjectsError};
use wucluster_sim::FaultKind;

use crate::mail::{Kind, Mail};

/// How long an operation is tried on a store that cannot be reached.
///
/// Source: the connect timeout of clients of object stores; a folder whose disk is gone answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is in a store: bodies by their keys.
pub type Image = BTreeMap<String, Vec<u8>>;

type Bodies = Image;

/// Something that befalls a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreFault {
    /// It cannot be reached for so many milliseconds.
    Unreachable(u64),
    /// For so many milliseconds, each operation takes so many.
    Slow(u64, u64),
    /// For so many milliseconds, each renewal of a lease takes so many.
    SlowBeats(u64, u64),
    /// The n-th write from now on, and so many after it, are refused.
    RefusesWrites(u64, u64),
    /// The n-th object that is made from now on is made, and the answer is an error.
    MadeAndLost(u64),
    /// The n-th object that is made from now on is made, and the answer is that it was there.
    MadeAndDenied(u64),
    /// The n-th object that is made from now on is not made, and the answer is that it was there.
    DeniedForNothing(u64),
    /// An object is cut short: of a shelf, the n-th from the last.
    Torn(Shelf, u64),
    /// An object has other bytes: of a shelf, the n-th from the last.
    Changed(Shelf, u64),
    /// An object is gone: of a shelf, the n-th from the last.
    Missing(Shelf, u64),
    /// A copy of the store is kept, as a backup does.
    Copied,
    /// The store is put back to the last copy that was kept.
    PutBack,
}

impl StoreFault {
    /// Says whether what the store told is lost for it, or a part of it, and nobody is told so.
    #[must_use]
    pub fn forgets(&self) -> bool {
        matches!(self, Self::Missing(..) | Self::PutBack)
    }
}

/// Which objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shelf {
    /// Batches of journals.
    Runs,
    /// Of the log of phases.
    Phases,
    /// Leases, beats and ends.
    Leases,
}

impl Shelf {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Runs, Self::Phases, Self::Leases];

    fn prefix(self) -> &'static str {
        match self {
            Self::Runs => "runs/",
            Self::Phases => "phases/",
            Self::Leases => "leases/",
        }
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(millis) => write!(f, "the store cannot be reached for {millis} ms"),
            Self::Slow(millis, takes) => {
                write!(f, "for {millis} ms, the store takes {takes} ms for everything")
            }
            Self::SlowBeats(millis, takes) => {
                write!(f, "for {millis} ms, a renewal of a lease takes {takes} ms")
            }
            Self::RefusesWrites(nth, count) => {
                write!(f, "the store refuses {count} writes, from number {nth} on")
            }
            Self::MadeAndLost(nth) => {
                write!(f, "the answer to making object number {nth} is lost")
            }
            Self::MadeAndDenied(nth) => {
                write!(f, "object number {nth} is made, and said to have been there")
            }
            Self::DeniedForNothing(nth) => {
                write!(f, "object number {nth} is not made, and said to have been there")
            }
            Self::Torn(shelf, back) => write!(f, "{shelf:?} {back} from the last is cut short"),
            Self::Changed(shelf, back) => write!(f, "{shelf:?} {back} from the last is changed"),
            Self::Missing(shelf, back) => write!(f, "{shelf:?} {back} from the last is gone"),
            Self::Copied => f.write_str("a copy of the store is kept"),
            Self::PutBack => f.write_str("the store is put back to a copy"),
        }
    }
}

/// What is wrong with whoever's way to the store, for now.
#[derive(Debug, Default)]
struct Weather {
    unreachable_until: Option<Instant>,
    slow: Option<(Instant, Duration)>,
    slow_beats: Option<(Instant, Duration)>,
    /// Writes until the first that is refused, and how many are.
    refused: Option<(u64, u64)>,
    confused: Vec<(u64, Confusion)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confusion {
    MadeAndLost,
    MadeAndDenied,
    DeniedForNothing,
}

#[derive(Debug, Default)]
struct Shelves {
    bodies: Bodies,
    copy: Option<Bodies>,
    /// As it would be, had nothing been damaged or lost since the last drive began.
    whole: Option<(FaultKind, Bodies)>,
    felt: BTreeMap<FaultKind, u64>,
    /// The keys of all objects that were made, in the order of making.
    made: Vec<String>,
}

/// A store for operators in simulated time.
#[derive(Debug)]
pub struct Depot {
    shelves: Mutex<Shelves>,
    weather: Mutex<Weather>,
    /// How long it takes to make an object.
    takes: Duration,
    mail: Mail,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole between any two of its changes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Depot {
    /// Makes an empty one, in which objects take that long to be made.
    #[must_use]
    pub fn new(takes: Duration, mail: Mail) -> Self {
        Self { shelves: Mutex::default(), weather: Mutex::default(), takes, mail }
    }

    /// Returns all that is in it.
    #[must_use]
    pub fn image(&self) -> Image {
        open(&self.shelves).bodies.clone()
    }

    /// Puts other things into it, in the place of all that was there.
    pub fn restore(&self, image: &Image) {
        open(&self.shelves).bodies.clone_from(image);
    }

    /// Lists the keys of all objects that were made, in the order of making.
    #[must_use]
    pub fn made(&self) -> Vec<String> {
        open(&self.shelves).made.clone()
    }

    /// Forgets everything, as if somebody had deleted it; says whether there was anything.
    pub fn clear(&self) -> bool {
        open(&self.shelves).damage(FaultKind::StoreLost, |bodies, _| {
            let was_empty = bodies.is_empty();
            bodies.clear();
            !was_empty
        })
    }

    /// Moves objects away, as a person does who was told that they are damaged; returns their keys.
    pub fn move_away(&self, is_moved: impl Fn(&str) -> bool) -> Vec<String> {
        let mut shelves = open(&self.shelves);
        let moved = shelves.bodies.keys().filter(|key| is_moved(key)).cloned().collect();
        shelves.bodies.retain(|key, _| !is_moved(key));
        moved
    }

    /// Lets something befall it; says whether it could.
    pub fn strike(&self, fault: &StoreFault) -> bool {
        open(&self.weather).strike(fault) || open(&self.shelves).strike(fault)
    }

    /// Ends what is wrong for a while; what is damaged stays so.
    pub fn calm(&self) {
        *open(&self.weather) = Weather::default();
    }

    /// Takes what was felt of it since it was asked last.
    pub fn take_felt(&self) -> BTreeMap<FaultKind, u64> {
        std::mem::take(&mut open(&self.shelves).felt)
    }

    /// Takes what the store would be, had nothing been damaged or lost since it was asked last, and by which kind it was.
    pub fn take_whole(&self) -> Option<(FaultKind, Self)> {
        let (kind, bodies) = open(&self.shelves).whole.take()?;
        let shelves = Shelves { bodies, ..Shelves::default() };
        let whole = Self::new(Duration::ZERO, Mail::default());
        *open(&whole.shelves) = shelves;
        Some((kind, whole))
    }

    /// Counts that a kind was felt.
    pub fn is_felt(&self, kind: FaultKind) {
        *open(&self.shelves).felt.entry(kind).or_default() += 1;
    }
}

impl Shelves {
    /// Changes what is kept, as nobody should; says whether anything was changed.
    fn damage(
        &mut self,
        kind: FaultKind,
        change: impl FnOnce(&mut Bodies, Option<&Bodies>) -> bool,
    ) -> bool {
        let before = self.bodies.clone();
        let is_changed = change(&mut self.bodies, self.copy.as_ref());
        if is_changed && self.whole.is_none() {
            self.whole = Some((kind, before));
        }
        is_changed
    }

    fn strike(&mut self, fault: &StoreFault) -> bool {
        let chosen = |bodies: &Bodies, shelf: Shelf, back: u64| {
            let mut keys = bodies.keys().rev().filter(|key| key.starts_with(shelf.prefix()));
            keys.nth(usize::try_from(back).unwrap_or(0)).cloned()
        };
        match fault {
            StoreFault::Torn(shelf, back) => self.damage(FaultKind::JournalTorn, |bodies, _| {
                let key = chosen(bodies, *shelf, *back);
                let body = key.and_then(|key| bodies.get_mut(&key));
                body.is_some_and(|body| {
                    body.truncate(body.len() / 2);
                    true
                })
            }),
            StoreFault::Changed(shelf, back) => self.damage(FaultKind::JournalTorn, |bodies, _| {
                let key = chosen(bodies, *shelf, *back);
                let body = key.and_then(|key| bodies.get_mut(&key));
                let middle = body.and_then(|body| {
                    let at = body.len() / 2;
                    body.get_mut(at)
                });
                middle.is_some_and(|byte| {
                    *byte ^= 1;
                    true
                })
            }),
            StoreFault::Missing(shelf, back) => self.damage(FaultKind::JournalTorn, |bodies, _| {
                chosen(bodies, *shelf, *back).is_some_and(|key| bodies.remove(&key).is_some())
            }),
            StoreFault::Copied => {
                self.copy = Some(self.bodies.clone());
                true
            }
            StoreFault::PutBack => self.damage(FaultKind::StoreLost, |bodies, copy| {
                let Some(copy) = copy.filter(|copy| *copy != bodies) else { return false };
                bodies.clone_from(copy);
                true
            }),
            _ => false,
        }
    }
}

impl Weather {
    fn strike(&mut self, fault: &StoreFault) -> bool {
        let now = Instant::now();
        let until = |millis: u64| now + Duration::from_millis(millis);
        match *fault {
            StoreFault::Unreachable(millis) => self.unreachable_until = Some(until(millis)),
            StoreFault::Slow(millis, takes) => {
                self.slow = Some((until(millis), Duration::from_millis(takes)));
            }
            StoreFault::SlowBeats(millis, takes) => {
                self.slow_beats = Some((until(millis), Duration::from_millis(takes)));
            }
            StoreFault::RefusesWrites(nth, count) => self.refused = Some((nth, count)),
            StoreFault::MadeAndLost(nth) => self.confused.push((nth, Confusion::MadeAndLost)),
            StoreFault::MadeAndDenied(nth) => self.confused.push((nth, Confusion::MadeAndDenied)),
            StoreFault::DeniedForNothing(nth) => {
                self.confused.push((nth, Confusion::DeniedForNothing));
            }
            _ => return false,
        }
        true
    }

    /// Counts a write; says whether it is refused.
    fn refuses(&mut self) -> bool {
        match &mut self.refused {
            Some((wait, _)) if *wait > 1 => {
                *wait -= 1;
                false
            }
            Some((_, count)) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    /// Counts an object that is made; says how the answer to it is confused.
    fn confuses(&mut self) -> Option<Confusion> {
        for (left, _) in &mut self.confused {
            *left = left.saturating_sub(1);
        }
        let due = self.confused.iter().position(|(left, _)| *left == 0)?;
        Some(self.confused.remove(due).1)
    }
}

/// An operator's way to a store, which may be cut off by itself.
#[derive(Debug)]
pub struct Door {
    depot: Arc<Depot>,
    weather: Arc<Mutex<Weather>>,
}

impl Door {
    /// Opens a way to a store.
    #[must_use]
    pub fn new(depot: &Arc<Depot>) -> Self {
        Self { depot: Arc::clone(depot), weather: Arc::default() }
    }

    /// Lets something befall this way alone; says whether it can.
    pub fn strike(&self, fault: &StoreFault) -> bool {
        open(&self.weather).strike(fault)
    }

    fn failed(&self, what: &'static str, key: &str, why: &str) -> ObjectsError {
        ObjectsError {
            what,
            key: key.to_owned(),
            place: self.place(),
            why: why.to_owned(),
            is_denied: false,
        }
    }

    /// Comes to the store, or does not.
    async fn reach(&self, what: &'static str, key: &str) -> Result<(), ObjectsError> {
        for weather in [&*self.weather, &self.depot.weather] {
            let now = Instant::now();
            let (unreachable_until, slow) = {
                let weather = open(weather);
                let beats = weather.slow_beats.filter(|_| what == "write");
                let slow = beats.into_iter().chain(weather.slow).find(|(until, _)| *until > now);
                (weather.unreachable_until.filter(|until| *until > now), slow)
            };
            if let Some((_, takes)) = slow {
                self.depot.is_felt(FaultKind::LeaseLost);
                sleep(takes).await;
            }
            if let Some(until) = unreachable_until {
                self.depot.is_felt(FaultKind::LeaseLost);
                sleep_until(until.min(now + PATIENCE)).await;
                if until > now + PATIENCE {
                    return Err(self.failed(what, key, "it cannot be reached"));
                }
            }
        }
        Ok(())
    }

    fn is_taken(&self, what: &'static str, key: &str) -> Result<(), ObjectsError> {
        if open(&self.depot.weather).refuses() {
            self.depot.is_felt(FaultKind::StoreBroken);
            return Err(self.failed(what, key, "there is no space left"));
        }
        Ok(())
    }

    /// Makes an object, and answers as it is said to.
    fn make(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        self.is_taken("make", key)?;
        let confusion = open(&self.depot.weather).confuses();
        if confusion.is_some() {
            self.depot.is_felt(FaultKind::StoreConfused);
        }
        if confusion == Some(Confusion::DeniedForNothing) {
            return Ok(false);
        }
        let is_made = {
            let mut shelves = open(&self.depot.shelves);
            let is_new = !shelves.bodies.contains_key(key);
            if is_new {
                shelves.bodies.insert(key.to_owned(), body.to_owned());
                shelves.made.push(key.to_owned());
            }
            is_new
        };
        match confusion {
            Some(Confusion::MadeAndLost) => Err(self.failed("make", key, "the answer was lost")),
            Some(_) => Ok(false),
            None => Ok(is_made),
        }
    }

    /// Returns the same way, for what goes on by itself.
    fn again(&self) -> Self {
        Self { depot: Arc::clone(&self.depot), weather: Arc::clone(&self.weather) }
    }
}

#[async_trait]
impl Objects for Door {
    async fn put_new(&self, key: &str, body: &[u8]) -> Result<bool, ObjectsError> {
        self.reach("make", key).await?;
        let takes = self.depot.takes;
        if takes.is_zero() || !self.depot.mail.is_kept() {
            if !takes.is_zero() {
                sleep(takes).await;
            }
            return self.make(key, body);
        }
        // Whoever makes it may be gone before it is made.
        let (door, key, body) = (self.again(), key.to_owned(), body.to_owned());
        let rest = async move {
            sleep(takes).await;
            door.make(&key, &body)
        };
        self.depot.mail.carry(Kind::Object, rest).await
    }

    async fn put(&self, key: &str, body: &[u8]) -> Result<(), ObjectsError> {
        self.reach("write", key).await?;
        self.is_taken("write", key)?;
        open(&self.depot.shelves).bodies.insert(key.to_owned(), body.to_owned());
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectsError> {
        self.reach("read", key).await?;
        Ok(open(&self.depot.shelves).bodies.get(key).cloned())
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        self.reach("list", folder).await?;
        let prefix = format!("{folder}/");
        let shelves = open(&self.depot.shelves);
        let keys = shelves.bodies.keys().filter(|key| key.starts_with(&prefix));
        Ok(keys.map(|key| Listed { key: key.clone(), written_at: Timestamp::default() }).collect())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

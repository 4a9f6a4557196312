//! One world, shared by its adapters and the test that watches it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::time::Instant;
use wucluster_core::time::Timestamp;

use super::clock::{SimClock, SteadyClock, SteadyTime};
use super::cloud::SimCloud;
use super::shell::SimShell;
use crate::durations::Span;
use crate::rng::Rng;
use crate::world::World;

/// A shared world whose time is tokio's, or a multiple of it; clones share it.
///
/// The world's time stands still until the first use inside a runtime; from then on it is the
/// world's time of that moment plus what tokio's clock went on. For another runtime take the world
/// out ([`Sim::into_world`], [`Sim::snapshot`]) and make another `Sim` of it: time then goes on
/// where it stood, as for an operator who comes back.
#[derive(Debug, Clone)]
pub struct Sim {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    world: Mutex<World>,
    /// How many times faster than tokio's the world's time passes.
    speed: u32,
    latency: Mutex<Rng>,
    origin: OnceLock<(Instant, Timestamp)>,
    /// When looks were asked for in truth, by what the operator's clock showed, where that differs.
    looks: Mutex<BTreeMap<Timestamp, Timestamp>>,
    /// How the clock of the operator in charge goes, if it is a steady one.
    steady: Mutex<Option<SteadyTime>>,
    /// How often something was done with the world that may have changed it.
    done: AtomicU64,
}

impl Sim {
    /// Shares a world with an operator who begins.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self::at_speed(world, 1)
    }

    /// Shares a world whose time passes so many times faster than tokio's: for what takes real time, such as a connection
    /// to a server, and would else wait for hours of a launch.
    #[must_use]
    pub fn at_speed(mut world: World, speed: u32) -> Self {
        world.begin_operator();
        let latency = Mutex::new(Rng::new(world.seed(), "latency"));
        Self {
            inner: Arc::new(Inner {
                world: Mutex::new(world),
                speed: speed.max(1),
                latency,
                origin: OnceLock::new(),
                looks: Mutex::default(),
                steady: Mutex::default(),
                done: AtomicU64::new(0),
            }),
        }
    }

    /// Returns the world as a cloud.
    #[must_use]
    pub fn cloud(&self) -> SimCloud {
        SimCloud::new(self.clone())
    }

    /// Returns the world's nodes as a shell.
    #[must_use]
    pub fn shell(&self) -> SimShell {
        SimShell::new(self.clone())
    }

    /// Returns the world's time as a clock.
    #[must_use]
    pub fn clock(&self) -> SimClock {
        SimClock::new(self.clone())
    }

    /// Lets another operator begin, who reads the time of day once and counts on from there: however
    /// that clock is set afterwards, nothing is felt of it. Inside a runtime only.
    #[must_use]
    pub fn begin_operator(&self) -> SteadyClock {
        let shown = self.with(|world| {
            world.begin_operator();
            world.read_clock()
        });
        let rate_percent = self.peek(World::operator_rate_percent);
        let time = SteadyTime { began: (self.now(), shown), rate_percent };
        self.looks().clear();
        *self.steady() = Some(time);
        SteadyClock::new(self.clone(), time)
    }

    /// Returns the world's time. Must be called inside a runtime.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let begin = || (Instant::now(), self.lock().now());
        let (origin, base) = *self.inner.origin.get_or_init(begin);
        base.after(origin.elapsed() * self.inner.speed)
    }

    /// Returns after that time of the world's.
    pub(super) async fn sleep(&self, span: std::time::Duration) {
        tokio::time::sleep(span / self.inner.speed).await;
    }

    /// Reads the operator's clock. Time need not have come to now in the world.
    pub(super) fn read_clock(&self) -> Timestamp {
        self.with(World::read_clock)
    }

    /// Returns the true time that passes while the operator's clock shows that a span passed.
    pub(super) fn true_span(&self, span: std::time::Duration) -> std::time::Duration {
        self.lock().true_span(span)
    }

    /// Begins a look: returns when it is asked for, by the operator's clock.
    pub(super) fn begin_look(&self) -> Timestamp {
        let steady = *self.steady();
        let now = self.now();
        let shown = match steady {
            Some(time) => time.shown(now),
            None => self.read_clock(),
        };
        self.note_shown(now, shown);
        shown
    }

    /// Notes what the operator's clock showed at a true time.
    pub(super) fn note_shown(&self, now: Timestamp, shown: Timestamp) {
        if now != shown {
            self.looks().entry(shown).or_insert(now);
        }
    }

    /// Returns the true time of what the operator's clock dates so.
    #[must_use]
    pub fn true_time(&self, shown: Timestamp) -> Timestamp {
        self.looks().get(&shown).copied().unwrap_or(shown)
    }

    fn steady(&self) -> std::sync::MutexGuard<'_, Option<SteadyTime>> {
        self.inner.steady.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, BTreeMap<Timestamp, Timestamp>> {
        self.inner.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass in the world up to now, and does something with it. Inside a runtime only.
    pub fn with<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        let now = self.now();
        let mut world = self.lock();
        world.advance_to(now);
        self.inner.done.fetch_add(1, Ordering::Relaxed);
        act(&mut world)
    }

    /// Lets time pass in the world up to now, and looks at it beside a number: as long as that stays the same,
    /// nothing in the world has changed but the time. Inside a runtime only.
    pub fn watch<R>(&self, look: impl FnOnce(&World, u64) -> R) -> R {
        let now = self.now();
        let mut world = self.lock();
        world.advance_to(now);
        let changes = world.happened + self.inner.done.load(Ordering::Relaxed);
        look(&world, changes)
    }

    /// Looks at the world as it stands, without letting time pass, from anywhere.
    pub fn peek<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.lock())
    }

    /// Returns a copy of the world as it stands, from anywhere.
    #[must_use]
    pub fn snapshot(&self) -> World {
        self.lock().clone()
    }

    /// Takes the world out; other handles go on with a copy.
    #[must_use]
    pub fn into_world(self) -> World {
        self.snapshot()
    }

    /// Waits until a condition holds, looking each time that something falls due in the world.
    /// Returns whether it came to hold; `false` when nothing is left that could change it, or an
    /// hour passed.
    pub async fn wait_until(&self, condition: impl Fn(&World) -> bool) -> bool {
        let end = self.now().after(std::time::Duration::from_secs(3600));
        loop {
            let (holds, now, next) =
                self.with(|world| (condition(world), world.now(), world.next_event_at()));
            match next {
                _ if holds => return true,
                Some(next) if next <= end => {
                    let span = next.since(now).max(std::time::Duration::from_millis(1));
                    self.sleep(span).await;
                }
                Some(_) | None => return false,
            }
        }
    }

    /// Draws how long one half of a call takes.
    pub(super) fn half_call(&self, span: Span) -> std::time::Duration {
        let mut rng = self.inner.latency.lock().unwrap_or_else(PoisonError::into_inner);
        rng.between(span.min / 2, span.max / 2)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        // A world is whole between any two of its calls; a test that panicked inside one is over.
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The simulated cloud behind the ports: a world in a file, its nodes, and its clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use wucluster_core::action::{CloudAction, NodeAddress, ShellAction};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::ClusterName;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found, Gap, GapKind, NodeProbe, ProbeRequest};
use wucluster_core::ports::{
    Admission as _, Clock, Cloud, CloudError, CloudLimits, ErrorClass, NodeShell, Receipt,
    RequestBudget, ShellError, ShellReceipt,
};
use wucluster_core::time::Timestamp;
use wucluster_engine::SystemClock;
use wucluster_sim::{
    Bucket, LATE_EFFECT_MAX, LAUNCHES_TOGETHER_MAX, Limits, Sent, Sim, Span, World,
};

use super::file::{FileError, Lock, Version, WorldFile};
use super::pace::Pace;
use crate::dirs::Dirs;
use crate::fault::with_sources;

/// The seed of a world that is made anew: everybody's first simulated cluster is the same.
const SEED: u64 = 1;

/// How long a request whose command was killed is on its way before it arrives by itself. Unit: simulated time; and ours,
/// so that a command that lives is never slower than that.
const ARRIVES_BY_ITSELF: Duration = Duration::from_secs(60);
const ARRIVES_BY_ITSELF_OURS: Duration = Duration::from_secs(3);

/// The simulated cloud of this machine's user; clones share it.
///
/// What is looked at need not be saved: a world goes the same way from the same state, whoever lets
/// its time pass. Only what changes it is written, before it is answered; and requests when they are sent, so that what a
/// command had on its way that is killed arrives all the same, in whoever's time. Where time leaps, it is kept how far.
#[derive(Debug, Clone)]
pub(crate) struct SimAccount {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: WorldFile,
    pace: Pace,
    /// Whether the runtime's clock leaps already.
    leaps: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    world: World,
    /// The version of the file that the world was read from or written to.
    version: Option<Version>,
    /// When that version was saved, by our clock.
    saved_at: Timestamp,
    /// A moment of ours, and the world's time then.
    origin: (Instant, Timestamp),
    /// Whether time has begun to leap; it stands still before.
    is_leaping: bool,
    /// Held while something is changed and not yet written.
    changing: Option<Lock>,
    /// The cluster that was looked at last: what is changed of any other is harm.
    cluster: Option<ClusterName>,
}

impl SimAccount {
    /// Opens the cloud in its file, or an empty one where there is no file. Inside a runtime only.
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be read.
    pub(crate) fn open(dirs: &Dirs, pace: Pace) -> Result<Self, FileError> {
        let file = WorldFile::open(&dirs.state)?;
        let limits = Limits { keeps_trace: false, ..Limits::default() };
        let world = World::new(SEED).with_limits(limits);
        let origin = (Instant::now(), world.now());
        let held = Held {
            world,
            version: None,
            saved_at: Timestamp::default(),
            origin,
            is_leaping: false,
            changing: None,
            cluster: None,
        };
        let account = Self {
            inner: Arc::new(Inner {
                file,
                pace,
                leaps: AtomicBool::new(false),
                held: Mutex::new(held),
            }),
        };
        account.refresh(&mut account.held())?;
        Ok(account)
    }

    /// Returns how fast its time passes.
    pub(crate) fn pace(&self) -> Pace {
        self.inner.pace
    }

    /// Looks at the world as it is now.
    ///
    /// # Errors
    /// [`FileError`] when somebody changed the file and it cannot be read.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut World) -> R) -> Result<R, FileError> {
        let mut held = self.held();
        self.refresh(&mut held)?;
        let now = self.time(&held);
        let has_leaped = held.is_leaping && now > held.world.now();
        held.world.advance_to(now);
        // Whoever is told of it may write it down and be killed.
        if has_leaped && held.version.is_some() {
            self.inner.file.write_time(held.saved_at, now)?;
        }
        Ok(look(&mut held.world))
    }

    /// Changes the world, and returns once that is written. Changes of the same instant are written
    /// together.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be read or written.
    pub(crate) async fn change<R>(
        &self,
        change: impl FnOnce(&mut World) -> R,
    ) -> Result<R, FileError> {
        let result = {
            let mut held = self.held();
            if held.changing.is_none() {
                let lock = self.inner.file.lock()?;
                self.refresh(&mut held)?;
                held.changing = Some(lock);
            }
            let now = self.time(&held);
            held.world.advance_to(now);
            change(&mut held.world)
        };
        tokio::task::yield_now().await;
        self.inner.save()?;
        Ok(result)
    }

    /// Lists why the cloud could not carry a cluster.
    ///
    /// # Errors
    /// [`CloudError`] when the cloud cannot be looked at.
    pub(crate) async fn refusals(
        &self,
        definition: &ClusterDefinition,
    ) -> Result<Vec<String>, CloudError> {
        let (view, world) = self
            .look(|world| (world.observe(&definition.name), world.clone()))
            .map_err(|error| broken(&error))?;
        Ok(Sim::new(world).cloud().refusals(definition, &view?).await)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.inner.held()
    }

    /// Takes over what others saved meanwhile.
    fn refresh(&self, held: &mut Held) -> Result<(), FileError> {
        // While we have the lock nobody else saves, and our world may be ahead of the file.
        if held.changing.is_some() || !self.inner.file.is_newer_than(held.version.as_ref())? {
            return Ok(());
        }
        let Some(saved) = self.inner.file.read()? else { return Ok(()) };
        let passed = self.inner.pace.between(SystemClock.now().since(saved.at));
        // Time never goes back for whoever watches, though another command may have been slower.
        let is_first = held.version.is_none();
        let now = saved.world.now().after(passed);
        let now = now.max(self.inner.file.read_time(saved.at).unwrap_or_default());
        let now = if is_first { now } else { now.max(self.time(held)) };
        held.world = saved.world;
        (held.version, held.saved_at) = (Some(saved.version), saved.at);
        held.origin = (Instant::now(), now);
        Ok(())
    }

    fn time(&self, held: &Held) -> Timestamp {
        let (then, base) = held.origin;
        if self.inner.pace == Pace::Leaps && !held.is_leaping {
            return base;
        }
        base.after(self.inner.pace.theirs(then.elapsed()))
    }

    /// Returns after how much simulated time a request arrives by itself.
    fn arrives_by_itself(&self) -> Duration {
        let ours = self.inner.pace.theirs(ARRIVES_BY_ITSELF_OURS);
        ours.clamp(ARRIVES_BY_ITSELF, LATE_EFFECT_MAX / 2)
    }

    /// Lets the half of a call's usual time pass.
    async fn half_call(&self, of: impl FnOnce(&World) -> Span) {
        let Span { min, max } = of(&self.held().world);
        self.sleep((min + max) / 4).await;
    }
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self) -> Result<(), FileError> {
        let mut held = self.held();
        let Some(lock) = held.changing.take() else { return Ok(()) };
        held.world.forget_gone();
        self.write(&lock, &mut held)
    }

    fn write(&self, lock: &Lock, held: &mut Held) -> Result<(), FileError> {
        let now = SystemClock.now();
        held.version = Some(self.file.write(lock, &held.world, now)?);
        held.saved_at = now;
        Ok(())
    }
}

impl Inner {
    /// Keeps how far time has leaped: it stands still until the next command, and never goes back.
    fn save_time(&self) -> Result<(), FileError> {
        let lock = self.file.lock()?;
        let mut held = self.held();
        if held.version.is_some() && !self.file.is_newer_than(held.version.as_ref())? {
            self.write(&lock, &mut held)?;
        }
        Ok(())
    }
}

/// What was changed and not yet answered is kept if it can be; nobody was told of it.
impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.save();
        if self.leaps.load(Ordering::Relaxed) {
            let _ = self.save_time();
        }
    }
}

#[async_trait]
impl Clock for SimAccount {
    fn now(&self) -> Timestamp {
        self.time(&self.held())
    }

    async fn sleep(&self, span: Duration) {
        if self.inner.pace == Pace::Leaps && !self.inner.leaps.swap(true, Ordering::Relaxed) {
            // From here on the runtime's clock is the simulated one: it leaps to its next timer.
            tokio::time::pause();
            let mut held = self.held();
            held.origin.0 = Instant::now();
            held.is_leaping = true;
        }
        tokio::time::sleep(match self.inner.pace {
            Pace::Leaps => whole_millis(span),
            times @ Pace::Times(_) => times.ours(span),
        })
        .await;
    }
}

#[async_trait]
impl Cloud for SimAccount {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        self.held().cluster = Some(cluster.clone());
        self.half_call(|world| world.durations().cloud_call).await;
        let view = self.look(|world| world.observe(cluster)).map_err(|error| broken(&error))??;
        self.half_call(|world| world.durations().cloud_call).await;
        Ok(view)
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.half_call(|world| world.durations().cloud_call).await;
        let found = self.look(|world| world.find(id)).map_err(|error| broken(&error))?;
        self.half_call(|world| world.durations().cloud_call).await;
        Ok(found)
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        let cluster = self.held().cluster.clone();
        let after = self.arrives_by_itself();
        let sent = self
            .change(|world| {
                let send = |one: &Cleared<CloudAction>| {
                    world.send(cluster.as_ref(), one.action(), one.seen_at(), after)
                };
                actions.iter().map(send).collect::<Vec<_>>()
            })
            .await;
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => return actions.iter().map(|_| Err(broken(&error))).collect(),
        };
        self.half_call(|world| world.durations().cloud_call).await;
        let answers = self
            .change(|world| {
                let ask = |(one, sent): (&Cleared<CloudAction>, &Sent)| {
                    if world.arrives(*sent) {
                        world.request(cluster.as_ref(), one.action(), one.seen_at())
                    } else {
                        Err(unheard(one.action().name()))
                    }
                };
                actions.iter().zip(&sent).map(ask).collect::<Vec<_>>()
            })
            .await;
        self.half_call(|world| world.durations().cloud_call).await;
        match answers {
            Ok(answers) => answers,
            Err(error) => actions.iter().map(|_| Err(broken(&error))).collect(),
        }
    }

    fn limits(&self) -> CloudLimits {
        let held = self.held();
        let limits = held.world.limits();
        CloudLimits {
            look_interval_min: Duration::from_secs(1),
            look_interval_max: Duration::from_secs(15),
            visibility_lag_max: limits.visibility_lag_max,
            late_effect_max: LATE_EFFECT_MAX,
            attachments_per_instance_max: u32::try_from(limits.attachments_per_instance_max).ok(),
            launches_together_max: LAUNCHES_TOGETHER_MAX,
        }
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        self.held().world.limits().is_throttled.then(|| Bucket::budget_of(request))
    }

    fn soonest(&self, request: &str) -> Duration {
        self.held().world.durations().soonest(request)
    }
}

#[async_trait]
impl NodeShell for SimAccount {
    async fn probe(&self, node: &NodeAddress, request: &ProbeRequest) -> Result<NodeProbe, Gap> {
        self.half_call(|world| world.durations().shell_call).await;
        let (answer, took) = self.look(|world| world.probe(node, request)).map_err(|error| {
            Gap { kind: GapKind::NoAnswer, why: with_sources(&error), at: self.now() }
        })?;
        self.sleep(took).await;
        self.half_call(|world| world.durations().shell_call).await;
        answer
    }

    async fn issue(
        &self,
        node: &NodeAddress,
        actions: &[Cleared<ShellAction>],
    ) -> Vec<Result<ShellReceipt, ShellError>> {
        let after = self.arrives_by_itself();
        let sent = self
            .change(|world| {
                let send = |one: &Cleared<ShellAction>| {
                    world.send_to_node(node, one.action(), one.seen_at(), after)
                };
                actions.iter().map(send).collect::<Vec<_>>()
            })
            .await;
        let unanswered = |error: FileError| ShellError::NoAnswer(with_sources(&error));
        let sent = match sent.map_err(unanswered) {
            Ok(sent) => sent,
            Err(error) => return vec![Err(error); actions.len()],
        };
        self.half_call(|world| world.durations().shell_call).await;
        let mut answers = Vec::with_capacity(actions.len());
        for (cleared, sent) in actions.iter().zip(sent) {
            let asked = self
                .change(|world| {
                    if world.arrives(sent) {
                        return world.shell(node, cleared.action(), cleared.seen_at());
                    }
                    let name = cleared.action().name();
                    (Err(ShellError::NoAnswer(unheard(name).message)), Duration::ZERO)
                })
                .await
                .map_err(unanswered);
            match asked {
                Ok((answer, took)) => {
                    self.sleep(took).await;
                    answers.push(answer);
                }
                Err(error) => answers.push(Err(error)),
            }
        }
        self.half_call(|world| world.durations().shell_call).await;
        answers
    }
}

/// Rounds a span up, as the runtime's timers do, but always alike: theirs keep to whole milliseconds of
/// a clock that began at any moment.
fn whole_millis(span: Duration) -> Duration {
    let millis = span.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Says that a request arrived without whoever sent it: its command was too slow.
fn unheard(name: &str) -> CloudError {
    CloudError {
        class: ErrorClass::Ambiguous,
        code: "NoAnswer".to_owned(),
        message: format!("no answer to {name}: it arrived by itself"),
    }
}

/// Says that the cloud cannot be had because of its file.
fn broken(error: &FileError) -> CloudError {
    CloudError {
        class: ErrorClass::Permanent,
        code: "SimFile".to_owned(),
        message: with_sources(error),
    }
}

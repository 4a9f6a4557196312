//! The lease: who drives the cluster, told by write-once objects, and taken over only after silence.
//!
//! ```text
//! leases/000000000042        who took it, made once; its number is the number of the run
//! leases/000000000042.beat   a counter, written by its operator alone every 10 s
//! leases/000000000042.end    how its run ended, made once
//! ```
//!
//! It saves work and tells people who drives. It keeps no data safe by itself: no cloud heeds it, and a paused operator
//! may wake up at any time. What it rests on is that each clock goes at about the rate of the others; no two clocks
//! are ever compared. A lease is never deleted: whoever takes over makes the next one.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::demand::Demand;
use wucluster_core::ports::Clock;
use wucluster_core::tags::StoreMark;
use wucluster_core::time::Timestamp;

use super::Dismissed;
use super::objects::{Created, Objects, ObjectsError, create};
use super::{journal, phase_log};

/// Pause between two beats of an operator.
///
/// Source: a third of [`SELF_FENCE`], so that two lost ones do no harm.
pub const BEAT: Duration = Duration::from_secs(10);

/// How long after its last beat that succeeded an operator goes on asking for things.
///
/// Source: a third of [`SILENCE`]: clocks may go at rates that differ threefold.
pub const SELF_FENCE: Duration = Duration::from_secs(30);

/// How long an operator has to be silent, by the clock of whoever waits, before its lease is taken over.
///
/// Source: as long as anybody at a screen would wait for a cluster whose operator's laptop fell asleep.
pub const SILENCE: Duration = Duration::from_secs(90);

/// Pause between two looks of one who waits for a lease.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

const SCHEMA: &str = "wucluster/lease/1";

/// Where leases are.
const LEASES: &str = "leases";

/// Who drives, or drove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The version of this format, `wucluster/lease/1`.
    pub schema: String,
    /// Its number, which is the number of the run.
    pub run: u64,
    /// Makes the object one that nobody else would have written.
    pub nonce: String,
    /// Who.
    pub operator: Operator,
    /// What for.
    pub purpose: Purpose,
    /// Since when, by the operator's clock.
    pub since: Timestamp,
    /// Why the one before was not awaited; `None` when there was none, or it had ended.
    pub took_over: Option<TookOver>,
    /// By what nodes tell this run from earlier ones: more than that of the one before, and no less than the seconds since
    /// 1970 by the clock of whoever took it, so that it grows also where the store was lost, or put back to an older state.
    #[serde(default)]
    pub fence: u64,
}

impl Lease {
    /// Returns what is known of a lease whose object is gone.
    fn unknown(run: u64, since: Timestamp) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            run,
            nonce: String::new(),
            operator: Operator { who: "somebody".to_owned(), ..Operator::default() },
            purpose: Purpose { command: "unknown".to_owned(), demand: None, only: Vec::new() },
            since,
            took_over: None,
            fence: 0,
        }
    }
}

/// What a lease is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// The command, such as `launch`.
    pub command: String,
    /// The state that is demanded, if the command demands one.
    pub demand: Option<Demand>,
    /// Which parts of the cluster the demand is about; none: all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// Somebody who drives: enough to find them, and to tell whether their process is gone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Operator {
    /// User and host, such as `ann@mill`.
    pub who: String,
    /// The process.
    pub pid: u32,
    /// When the process began, in its system's own measure: a number is used again, and this is not.
    pub began: Option<u64>,
    /// Which start of which machine, and which of its sets of process numbers: what has another one cannot be told.
    pub boot: Option<String>,
}

/// Why a lease was taken that had not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum TookOver {
    /// The operator's process is gone: it was killed, or its machine started anew.
    Gone {
        /// Whose.
        run: u64,
    },
    /// The operator was silent.
    Silent {
        /// Whose.
        run: u64,
        /// For how long, by the clock of the one who took over.
        watched: Duration,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseEnd {
    /// In a word, as [`crate::Outcome::word`] has it.
    pub outcome: String,
    /// When, by the operator's clock.
    pub at: Timestamp,
    /// How many requests it made, looks included.
    pub requests: u64,
}

/// A lease that somebody else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// It.
    pub lease: Lease,
    /// When its operator last wrote, by the operator's clock.
    pub heard_at: Timestamp,
}

/// The newest lease of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Newest {
    /// Nobody ever drove it.
    None,
    /// The last one has ended.
    Ended(Lease, LeaseEnd),
    /// Somebody has it, or had it and was killed.
    Held(Held),
}

/// A lease could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else has it.
    #[error("{} drives the cluster (run {})", .0.lease.operator.who, .0.lease.run)]
    Held(Box<Held>),
    /// An object of it makes no sense.
    #[error("`{key}` in {place} is damaged: {why}")]
    Damaged {
        /// Its key.
        key: String,
        /// The store.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store did not do what it was asked.
    #[error(transparent)]
    Store(#[from] ObjectsError),
}

/// Returns the key of a lease.
pub(super) fn key_of(run: u64) -> String {
    format!("{LEASES}/{run:012}")
}

/// How to take a lease.
pub struct Taking<'a> {
    /// Who takes it.
    pub operator: Operator,
    /// What for.
    pub purpose: Purpose,
    /// A word that nobody else would choose: random, and new each time.
    pub nonce: String,
    /// How long to wait for another operator to end or fall silent.
    pub patience: Duration,
    /// Says whether an operator's process is known to be gone.
    pub is_gone: &'a (dyn Fn(&Operator) -> bool + Send + Sync),
    /// The clock by which people are told since when: the simulated one, where the cloud is simulated.
    pub calendar: &'a dyn Clock,
}

/// Finds out who has the newest lease.
///
/// # Errors
/// [`LeaseError::Store`] and [`LeaseError::Damaged`].
pub async fn newest(objects: &dyn Objects) -> Result<Newest, LeaseError> {
    let Some(run) = runs(objects).await?.pop() else { return Ok(Newest::None) };
    look_at(objects, run).await
}

/// Reads from a beat when it was made.
fn heard_at(beat: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(beat).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Timestamp::from_millis)
}

/// Lists all leases, oldest first, with how they ended.
///
/// # Errors
/// [`LeaseError::Store`] and [`LeaseError::Damaged`].
pub async fn all(
    objects: &dyn Objects,
    most: usize,
) -> Result<Vec<(Lease, Option<LeaseEnd>)>, LeaseError> {
    let runs = runs(objects).await?;
    let skipped = runs.len().saturating_sub(most);
    let read = runs.into_iter().skip(skipped).map(|run| one(objects, run));
    let read: Vec<Result<_, LeaseError>> = {
        use futures_util::StreamExt as _;
        futures_util::stream::iter(read).buffered(16).collect().await
    };
    read.into_iter().filter_map(Result::transpose).collect()
}

/// Tells how a run ended; `None` when no end was written.
///
/// # Errors
/// [`LeaseError::Store`] and [`LeaseError::Damaged`].
pub async fn end_of(objects: &dyn Objects, run: u64) -> Result<Option<LeaseEnd>, LeaseError> {
    read(objects, &format!("{}.end", key_of(run))).await
}

/// Reads the lease of a run, with how the run ended; `None` when there was no such run.
///
/// # Errors
/// [`LeaseError::Store`] and [`LeaseError::Damaged`].
pub async fn one(
    objects: &dyn Objects,
    run: u64,
) -> Result<Option<(Lease, Option<LeaseEnd>)>, LeaseError> {
    match read_lease(objects, run).await? {
        Some(lease) => Ok(Some((lease, end_of(objects, run).await?))),
        None => Ok(None),
    }
}

/// Lists the numbers of all runs, in their order.
///
/// # Errors
/// The store's.
pub(super) async fn runs(objects: &dyn Objects) -> Result<Vec<u64>, ObjectsError> {
    let listed = objects.list(LEASES).await?;
    let mut runs: Vec<u64> = listed.iter().filter_map(|one| run_of(&one.key)).collect();
    runs.sort_unstable();
    runs.dedup();
    Ok(runs)
}

/// Reads the number of a run from the key of its lease, beat or end: any of them tells that it was.
fn run_of(key: &str) -> Option<u64> {
    let name = key.strip_prefix(LEASES)?.strip_prefix('/')?;
    name.split('.').next()?.parse().ok()
}

async fn look_at(objects: &dyn Objects, run: u64) -> Result<Newest, LeaseError> {
    let key = key_of(run);
    let lease = read_lease(objects, run).await?;
    let end = end_of(objects, run).await?;
    let beat = objects.get(&format!("{key}.beat")).await?;
    let heard = beat.as_deref().and_then(heard_at);
    match (lease, end) {
        (lease, Some(end)) => {
            let lease = lease.unwrap_or_else(|| Lease::unknown(run, end.at));
            Ok(Newest::Ended(lease, end))
        }
        (Some(lease), None) => {
            let heard_at = heard.unwrap_or(lease.since);
            Ok(Newest::Held(Held { lease, heard_at }))
        }
        // Whoever it is may be there.
        (None, None) if beat.is_some() => {
            let heard_at = heard.unwrap_or_default();
            Ok(Newest::Held(Held { lease: Lease::unknown(run, heard_at), heard_at }))
        }
        (None, None) => Err(LeaseError::Damaged {
            key,
            place: objects.place(),
            why: "it is listed and not there".to_owned(),
        }),
    }
}

/// Reads a lease, which has to be the one of its place: what is copied or changed there tells nothing of who drives.
async fn read_lease(objects: &dyn Objects, run: u64) -> Result<Option<Lease>, LeaseError> {
    let key = key_of(run);
    let lease = read::<Lease>(objects, &key).await?;
    match lease {
        Some(lease) if lease.run != run => Err(LeaseError::Damaged {
            why: format!("it is the lease of run {}", lease.run),
            key,
            place: objects.place(),
        }),
        lease => Ok(lease),
    }
}

async fn read<T: for<'de> Deserialize<'de>>(
    objects: &dyn Objects,
    key: &str,
) -> Result<Option<T>, LeaseError> {
    let Some(body) = objects.get(key).await? else { return Ok(None) };
    let damaged = |error: serde_json::Error| LeaseError::Damaged {
        key: key.to_owned(),
        place: objects.place(),
        why: error.to_string(),
    };
    serde_json::from_slice(&body).map(Some).map_err(damaged)
}

/// Takes the lease: at once where nobody has it or its operator's process is gone, else after waiting.
///
/// Silence is measured by `clock`. `on_wait` is told whom is waited for, each time that it is looked.
///
/// # Errors
/// [`LeaseError::Held`] when the patience is over; nothing was written then.
pub async fn take(
    objects: &Arc<dyn Objects>,
    clock: &dyn Clock,
    taking: &Taking<'_>,
    on_wait: &mut (dyn FnMut(&Held) + Send),
) -> Result<Taken, LeaseError> {
    let begun = clock.now();
    let mut watched: Option<(u64, Vec<u8>, Timestamp)> = None;
    loop {
        let before = newest(objects.as_ref()).await?;
        let (before_run, before_fence) = match &before {
            Newest::None => (0, 0),
            Newest::Ended(lease, _) | Newest::Held(Held { lease, .. }) => (lease.run, lease.fence),
        };
        let took_over = match before {
            Newest::None | Newest::Ended(..) => None,
            Newest::Held(held) if (taking.is_gone)(&held.lease.operator) => {
                Some(TookOver::Gone { run: held.lease.run })
            }
            Newest::Held(held) => {
                let run = held.lease.run;
                // A beat that cannot be read is no silence.
                let beat = objects.get(&format!("{}.beat", key_of(run))).await?;
                let beat = beat.unwrap_or_default();
                let now = clock.now();
                let since = match &watched {
                    Some((of, counter, since)) if *of == run && *counter == beat => *since,
                    _ => now,
                };
                watched = Some((run, beat, since));
                let silent = now.since(since);
                if silent < SILENCE {
                    if now.since(begun) >= taking.patience {
                        return Err(LeaseError::Held(Box::new(held)));
                    }
                    on_wait(&held);
                    clock.sleep(LOOK_AGAIN).await;
                    continue;
                }
                Some(TookOver::Silent { run, watched: silent })
            }
        };
        let run = unused(objects.as_ref(), before_run + 1).await?;
        // Who took the lease just now has used its number: that is another lease, and no number to be passed over.
        if run != before_run + 1
            && runs(objects.as_ref()).await?.last().copied().unwrap_or(0) != before_run
        {
            continue;
        }
        let since = taking.calendar.now();
        let seconds = u64::try_from(since.as_millis() / 1000).unwrap_or(0);
        let lease = Lease {
            schema: SCHEMA.to_owned(),
            run,
            nonce: taking.nonce.clone(),
            operator: taking.operator.clone(),
            purpose: taking.purpose.clone(),
            since,
            took_over,
            fence: seconds.max(before_fence + 1),
        };
        let body = serde_json::to_vec(&lease).unwrap_or_default();
        match create(objects.as_ref(), &key_of(run), &body).await? {
            Created::Ours => return Ok(Taken { objects: Arc::clone(objects), lease }),
            // Somebody was faster: it is looked at who.
            Created::Theirs(_) => {}
        }
    }
}

/// Returns the first number from `run` on that nothing else in the store was written under: where leases were lost, journals
/// and the log of phases may still be there.
async fn unused(objects: &dyn Objects, run: u64) -> Result<u64, ObjectsError> {
    let began = phase_log::last_run(objects).await?.unwrap_or(0);
    let mut run = run.max(began + 1);
    let mut step = 1;
    while objects.get(&journal::key_of(run, 1)).await?.is_some() {
        run += step;
        step *= 2;
    }
    Ok(run)
}

/// A lease that is ours.
#[derive(Debug, Clone)]
pub struct Taken {
    objects: Arc<dyn Objects>,
    lease: Lease,
}

impl Taken {
    /// Returns it.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns the number of the run.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.lease.run
    }

    /// Returns the store that it is in.
    #[must_use]
    pub fn objects(&self) -> &Arc<dyn Objects> {
        &self.objects
    }

    /// Writes down that a person adopts the cluster for this store, up to so many adoptions that its resources tell of;
    /// a tenure that is begun afterwards counts as later than all that was driven from elsewhere.
    ///
    /// Idempotent: repeated after an interruption, it changes nothing.
    ///
    /// # Errors
    /// As [`super::identity::read`]; it may or may not have been written.
    pub async fn adopt(&self, seen: u64) -> Result<StoreMark, Dismissed> {
        super::identity::adopt(self.objects.as_ref(), &self.lease, seen).await
    }

    /// Writes that we are there, for the `beat`-th time; `at` is for people.
    ///
    /// # Errors
    /// The store's; somebody may take over if it stays so.
    pub async fn beat(&self, beat: u64, at: Timestamp) -> Result<(), ObjectsError> {
        let body = format!("{beat} {} {}\n", at.as_millis(), self.lease.nonce);
        self.objects.put(&format!("{}.beat", key_of(self.run())), body.as_bytes()).await
    }

    /// Finds out who took over, if anybody did.
    ///
    /// # Errors
    /// The store's, when it cannot be told.
    pub async fn successor(&self) -> Result<Option<String>, ObjectsError> {
        let body = self.objects.get(&key_of(self.run() + 1)).await?;
        Ok(body.map(|body| {
            let lease = serde_json::from_slice::<Lease>(&body);
            lease.map_or_else(|_| "somebody".to_owned(), |lease| lease.operator.who)
        }))
    }

    /// Gives it back: whoever comes next need not wait.
    ///
    /// # Errors
    /// The store's; the next one then waits for silence, or sees that our process is gone.
    pub async fn end(&self, end: &LeaseEnd) -> Result<(), ObjectsError> {
        let body = serde_json::to_vec(end).unwrap_or_default();
        create(self.objects.as_ref(), &format!("{}.end", key_of(self.run())), &body).await?;
        Ok(())
    }
}

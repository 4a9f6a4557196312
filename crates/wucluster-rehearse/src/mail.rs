//! What an operator has on its way when it is gone: requests that have not arrived, and objects that are being made.
//!
//! A process that is killed takes nothing back: what it sent arrives, or does not, or arrives when another one drives.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What becomes of what was on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It arrives as it would have, before anybody else drives.
    Arrives,
    /// It never arrives.
    IsLost,
    /// It stands still, and arrives so many milliseconds after that, while or after another one drives.
    ArrivesLater(u64),
}

/// What can be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests to the cloud or to a node.
    Requests,
    /// An object of the store.
    Object,
}

/// How much was on its way when an operator was gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnderWay {
    /// Requests that had not arrived.
    pub requests: u64,
    /// Of these, requests for a snapshot.
    pub snapshots: u64,
    /// Calls of which all had arrived, and the answer was on its way.
    pub answers: u64,
    /// Objects that were being made.
    pub objects: u64,
}

impl UnderWay {
    /// Says whether anything was to be decided: what has arrived has arrived.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.requests > 0 || self.objects > 0
    }
}

/// The rest of what was begun.
type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All that is on its way, for as long as it is kept track of.
#[derive(Clone, Default)]
pub struct Mail(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_kept: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Per name, how many requests were sent.
    sent: BTreeMap<&'static str, u64>,
    /// What nobody waits for any more.
    orphans: Vec<(Kind, Rest)>,
    /// What arrives later.
    late: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").finish_non_exhaustive()
    }
}

impl Mail {
    fn open(&self) -> MutexGuard<'_, State> {
        // It is whole between any two of its entries.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps track from now on; what is on its way outlives whoever waits for it.
    pub fn keep(&self) {
        self.open().sent.clear();
        self.0.is_kept.store(true, Ordering::Relaxed);
    }

    /// Keeps track no more: what nobody waits for is gone, as if it had never been sent.
    pub fn keep_no_more(&self) {
        self.0.is_kept.store(false, Ordering::Relaxed);
    }

    /// Says whether track is kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.0.is_kept.load(Ordering::Relaxed)
    }

    /// Counts a request that is sent.
    pub fn count(&self, name: &'static str) {
        *self.open().sent.entry(name).or_default() += 1;
    }

    /// Carries something on; whoever waits may be gone before it has come to its end.
    pub async fn carry<T: Send + 'static>(
        &self,
        kind: Kind,
        what: impl Future<Output = T> + Send + 'static,
    ) -> T {
        Carried { mail: self.clone(), kind, rest: Some(Box::pin(what)) }.await
    }

    /// Tells how much was on its way; `arrived` says how many requests of a name have arrived since track is kept.
    #[must_use]
    pub fn under_way(&self, arrived: impl Fn(&str) -> u64) -> UnderWay {
        let state = self.open();
        let open = |(name, sent): (&&str, &u64)| sent.saturating_sub(arrived(name));
        let requests = state.sent.iter().map(open).sum();
        let snapshots = state.sent.get_key_value("CreateSnapshot").map_or(0, open);
        let count = |kind| state.orphans.iter().filter(|(of, _)| *of == kind).count() as u64;
        let answers = if requests == 0 { count(Kind::Requests) } else { 0 };
        UnderWay { requests, snapshots, answers, objects: count(Kind::Object) }
    }

    /// Decides what becomes of what nobody waits for any more. What arrives has arrived when this returns.
    pub async fn decide(&self, requests: Fate, objects: Fate) {
        let orphans = std::mem::take(&mut self.open().orphans);
        let mut arriving = Vec::new();
        for (kind, rest) in orphans {
            match if kind == Kind::Requests { requests } else { objects } {
                Fate::IsLost => drop(rest),
                Fate::Arrives => arriving.push(tokio::spawn(rest)),
                Fate::ArrivesLater(millis) => {
                    let late = tokio::spawn(async move {
                        sleep(Duration::from_millis(millis)).await;
                        rest.await;
                    });
                    self.open().late.push(late);
                }
            }
        }
        for one in arriving {
            arrived(one).await;
        }
    }

    /// Waits until all that arrives later has arrived; says whether anything did.
    pub async fn all_arrived(&self) -> bool {
        let late = std::mem::take(&mut self.open().late);
        let is_any = !late.is_empty();
        for one in late {
            arrived(one).await;
        }
        is_any
    }
}

/// Waits for one; what went wrong in it goes wrong here.
async fn arrived(one: JoinHandle<()>) {
    if let Err(error) = one.await
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

struct Carried<T: Send + 'static> {
    mail: Mail,
    kind: Kind,
    rest: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T: Send + 'static> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(rest) = &mut self.rest else { return Poll::Pending };
        let output = std::task::ready!(rest.as_mut().poll(context));
        self.rest = None;
        Poll::Ready(output)
    }
}

impl<T: Send + 'static> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take().filter(|_| self.mail.is_kept()) {
            let rest = Box::pin(async move { drop(rest.await) });
            self.mail.open().orphans.push((self.kind, rest));
        }
    }
}

/// Counts how often a future goes on, and ends it, if it is to end, the n-th time that it would wait.
#[derive(Debug, Default)]
pub struct Waits {
    /// How often it waited, or would have.
    pub count: u64,
    /// How often at most.
    most: Option<u64>,
}

impl Waits {
    /// Counts; what is counted is gone when it has waited `most` times.
    #[must_use]
    pub fn at_most(most: Option<u64>) -> Self {
        Self { count: 0, most }
    }

    /// Lets a future go on; `None` when it is gone. What several futures of one operator wait counts together.
    pub async fn within<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            let is_over = |count: u64| self.most.is_some_and(|most| count >= most);
            if is_over(self.count) {
                return Poll::Ready(None);
            }
            self.count += 1;
            match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                // Nothing wakes us for the end otherwise.
                Poll::Pending if is_over(self.count) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

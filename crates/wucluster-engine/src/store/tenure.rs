//! A tenure: the right to drive while a lease lasts, and the journal that is written under it.
//!
//! Whatever is asked of a cloud or a node is written down first, durably; and nothing is asked any more once that
//! failed, once the lease could not be renewed for [`SELF_FENCE`], or once somebody else has the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wucluster_core::ports::Clock;
use wucluster_core::time::Timestamp;

use super::journal::{Left, batch, key_of};
use super::lease::{BEAT, LeaseEnd, SELF_FENCE, Taken};
use super::objects::{Created, ObjectsError, create};
use crate::event::{EngineEvent, EventKind};

/// Why nothing may be asked any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Dismissed {
    /// Somebody else drives now.
    #[error("{by} took over")]
    TakenOver {
        /// Who.
        by: String,
    },
    /// The lease could not be renewed for so long that somebody else may have it.
    #[error("the lease could not be renewed for {} s", .0.as_secs())]
    Silent(Duration),
    /// What was to be done could not be written down first.
    #[error(transparent)]
    Store(#[from] ObjectsError),
    /// Somebody else writes under our name: the store was copied, or its clock of names goes back.
    #[error("`{key}` in {place} was written by somebody else")]
    Foreign {
        /// What.
        key: String,
        /// The store.
        place: String,
    },
}

#[derive(Debug, Default)]
struct Writer {
    seq: u64,
    sum: String,
    dismissed: Option<Dismissed>,
}

#[derive(Debug, Clone, Copy)]
struct Beats {
    /// When the last one that succeeded was begun; at first, when the lease was taken.
    heard_at: Timestamp,
    /// When the last one was begun, if there was one.
    tried_at: Option<Timestamp>,
    count: u64,
}

/// The right to drive, with its journal.
pub struct Tenure {
    taken: Taken,
    /// What is told and not yet written.
    pending: Mutex<Vec<EngineEvent>>,
    writer: tokio::sync::Mutex<Writer>,
    beats: Mutex<Beats>,
    /// The clock by which the lease is renewed.
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Tenure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenure").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Tenure {
    /// Begins a tenure with a lease that was just taken; `left` is what earlier runs left, and is carried on.
    ///
    /// The lease is renewed by `clock`, which goes on while the machine sleeps; `now` is the time of the drive's own.
    #[must_use]
    pub fn new(taken: Taken, left: &Left, clock: Arc<dyn Clock>, now: Timestamp) -> Self {
        let carried = EventKind::Carried {
            records: left.records.compact(now).collect(),
            read: left.read.iter().map(|(run, seq)| (*run, *seq)).collect(),
            damage: left.damage.clone(),
        };
        let beats = Beats { heard_at: clock.now(), tried_at: None, count: 0 };
        Self {
            taken,
            pending: Mutex::new(vec![EngineEvent { at: now, kind: carried }]),
            writer: tokio::sync::Mutex::new(Writer::default()),
            beats: Mutex::new(beats),
            clock,
        }
    }

    /// Returns the number of the run.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.taken.run()
    }

    /// Takes an event for the journal; it is written with the next [`Tenure::commit`].
    pub fn tell(&self, event: &EngineEvent) {
        self.open_pending().push(event.clone());
    }

    /// Says whether something is told and not yet written.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.open_pending().is_empty()
    }

    fn open_pending(&self) -> std::sync::MutexGuard<'_, Vec<EngineEvent>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all that was told; when it returns well, it is durable.
    ///
    /// # Errors
    /// [`Dismissed`]: it may or may not have been written, and nothing will be any more.
    pub async fn commit(&self) -> Result<(), Dismissed> {
        let mut writer = self.writer.lock().await;
        if let Some(dismissed) = &writer.dismissed {
            return Err(dismissed.clone());
        }
        // Taken only now: whoever waited for another's batch finds what was told meanwhile written with it.
        let events = std::mem::take(&mut *self.open_pending());
        if events.is_empty() {
            return Ok(());
        }
        let (run, seq) = (self.run(), writer.seq + 1);
        let key = key_of(run, seq);
        let nonce = &self.taken.lease().nonce;
        let (body, sum) = batch(run, seq, &writer.sum, nonce, &events);
        let objects = self.taken.objects().as_ref();
        let done = match create(objects, &key, &body).await {
            Ok(Created::Ours) => Ok(()),
            Ok(Created::Theirs(_)) => Err(Dismissed::Foreign { key, place: objects.place() }),
            Err(error) => Err(Dismissed::Store(error)),
        };
        match &done {
            Ok(()) => (writer.seq, writer.sum) = (seq, sum),
            Err(dismissed) => writer.dismissed = Some(dismissed.clone()),
        }
        done
    }

    /// Writes all that was told, and finds out whether we may still ask for it.
    ///
    /// # Errors
    /// [`Dismissed`]: nothing may be asked any more.
    pub async fn permit(&self) -> Result<(), Dismissed> {
        self.commit().await?;
        let done = match self.taken.successor().await {
            Ok(None) => self.is_heard(),
            Ok(Some(by)) => Err(Dismissed::TakenOver { by }),
            Err(error) => Err(Dismissed::Store(error)),
        };
        if let Err(dismissed) = &done {
            self.writer.lock().await.dismissed.get_or_insert_with(|| dismissed.clone());
        }
        done
    }

    fn open_beats(&self) -> std::sync::MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether the lease was renewed lately.
    fn is_heard(&self) -> Result<(), Dismissed> {
        let silent = self.clock.now().since(self.open_beats().heard_at);
        if silent >= SELF_FENCE { Err(Dismissed::Silent(silent)) } else { Ok(()) }
    }

    /// Returns how long it is until the lease is to be renewed.
    #[must_use]
    pub fn beat_due(&self) -> Duration {
        let tried_at = self.open_beats().tried_at;
        tried_at.map_or(Duration::ZERO, |at| BEAT.saturating_sub(self.clock.now().since(at)))
    }

    /// Renews the lease; `now` is for people. What fails is tried again with the next beat.
    ///
    /// # Errors
    /// [`Dismissed`] once nothing may be asked any more.
    pub async fn beat(&self, now: Timestamp) -> Result<(), Dismissed> {
        let at = self.clock.now();
        let count = {
            let mut beats = self.open_beats();
            (beats.count, beats.tried_at) = (beats.count + 1, Some(at));
            beats.count
        };
        let is_written = self.taken.beat(count, now).await;
        // Whoever was silent for too long stays dismissed: somebody may have counted the silence.
        let fresh = self.is_heard();
        let done = match (fresh, is_written, self.taken.successor().await) {
            (_, _, Ok(Some(by))) => Err(Dismissed::TakenOver { by }),
            (Err(silent), _, _) => Err(silent),
            (Ok(()), Ok(()), _) => {
                self.open_beats().heard_at = at;
                Ok(())
            }
            // The next beat may succeed.
            (Ok(()), Err(_), _) => Ok(()),
        };
        if let Err(dismissed) = &done {
            self.writer.lock().await.dismissed.get_or_insert_with(|| dismissed.clone());
        }
        done
    }

    /// Writes what is left to be written and gives the lease back.
    ///
    /// # Errors
    /// [`Dismissed`]: the next one waits for silence, or sees that our process is gone.
    pub async fn end(&self, end: &LeaseEnd) -> Result<(), Dismissed> {
        let written = self.commit().await;
        if matches!(written, Err(Dismissed::TakenOver { .. } | Dismissed::Foreign { .. })) {
            return written;
        }
        self.taken.end(end).await?;
        written
    }
}

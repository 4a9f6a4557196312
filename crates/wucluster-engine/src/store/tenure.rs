//! A tenure: the right to drive while a lease lasts, and the journal that is written under it.
//!
//! Whatever is asked of a cloud or a node is written down first, durably; and nothing is asked any more once that
//! failed, once the lease could not be renewed for [`SELF_FENCE`], or once somebody else has the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wucluster_core::phases::{PhaseEntry, Phases};
use wucluster_core::ports::Clock;
use wucluster_core::tags::StoreMark;
use wucluster_core::time::Timestamp;

use super::identity;
use super::journal::{self, Left, key_of};
use super::lease::{BEAT, LeaseEnd, SELF_FENCE, Taken};
use super::lines::{self, Head};
use super::objects::{Created, ObjectsError, create};
use super::phase_log::PhaseLog;
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
    /// What tells which store it is makes no sense: whose a resource is cannot be told.
    #[error("`{key}` in {place} is damaged: {why}")]
    Damaged {
        /// What.
        key: String,
        /// The store.
        place: String,
        /// What is wrong with it.
        why: String,
    },
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
    log: PhaseLog,
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

/// What is to be written.
#[derive(Debug, Default)]
struct Pending {
    events: Vec<EngineEvent>,
    entries: Vec<PhaseEntry>,
}

/// The right to drive, with its journal.
pub struct Tenure {
    taken: Taken,
    /// What is told and not yet written.
    pending: Mutex<Pending>,
    /// Which store it is in.
    store: StoreMark,
    /// What was entered in the log of phases when it began.
    phases: Phases,
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
    ///
    /// # Errors
    /// [`Dismissed`]: a later run has begun, or the store does not do what it is asked. Nothing may be asked for.
    pub async fn begin(
        taken: Taken,
        left: &Left,
        clock: Arc<dyn Clock>,
        now: Timestamp,
    ) -> Result<Self, Dismissed> {
        let carried = EventKind::Carried {
            records: left.records.compact(now).collect(),
            read: left.read.iter().map(|(run, seq)| (*run, *seq)).collect(),
            damage: left.damage.clone(),
        };
        let beats = Beats { heard_at: clock.now(), tried_at: None, count: 0 };
        let store = identity::open(taken.objects().as_ref(), taken.lease()).await?;
        let mut log = left.log.clone();
        log.begin(&taken).await?;
        let events = vec![EngineEvent { at: now, kind: carried }];
        Ok(Self {
            taken,
            pending: Mutex::new(Pending { events, entries: Vec::new() }),
            store,
            phases: log.phases.clone(),
            writer: tokio::sync::Mutex::new(Writer { log, ..Writer::default() }),
            beats: Mutex::new(beats),
            clock,
        })
    }

    /// Returns what was entered in the log of phases when it began.
    #[must_use]
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    /// Returns which store it is in: what is made is marked as its.
    #[must_use]
    pub fn store(&self) -> &StoreMark {
        &self.store
    }

    /// Returns by what nodes tell the run from earlier ones: they refuse whatever one with a lower number asks.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.store.fence(self.taken.lease().fence)
    }

    /// Returns the number of the run.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.taken.run()
    }

    /// Takes an event for the journal; it is written with the next [`Tenure::commit`].
    pub fn tell(&self, event: &EngineEvent) {
        self.open_pending().events.push(event.clone());
    }

    /// Takes an entry for the log of phases; it is made with the next [`Tenure::commit`].
    pub fn enter(&self, entry: PhaseEntry) {
        self.open_pending().entries.push(entry);
    }

    /// Says whether something is told and not yet written.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let pending = self.open_pending();
        !pending.events.is_empty() || !pending.entries.is_empty()
    }

    fn open_pending(&self) -> std::sync::MutexGuard<'_, Pending> {
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
        let Pending { events, entries } = std::mem::take(&mut *self.open_pending());
        let Writer { seq, sum, log, dismissed } = &mut *writer;
        let journal = async {
            if events.is_empty() {
                return Ok(());
            }
            let head = Head {
                schema: journal::SCHEMA.to_owned(),
                run: self.run(),
                seq: *seq + 1,
                before: sum.clone(),
                nonce: self.taken.lease().nonce.clone(),
            };
            let key = key_of(head.run, head.seq);
            let (body, new_sum) = lines::compose(&head, &events);
            let objects = self.taken.objects().as_ref();
            match create(objects, &key, &body).await? {
                Created::Ours => {
                    (*seq, *sum) = (head.seq, new_sum);
                    Ok(())
                }
                Created::Theirs(_) => Err(Dismissed::Foreign { key, place: objects.place() }),
            }
        };
        let phases = async {
            if entries.is_empty() { Ok(()) } else { log.enter(&self.taken, &entries).await }
        };
        let (journal, phases) = futures_util::join!(journal, phases);
        let done = phases.and(journal);
        if let Err(why) = &done {
            *dismissed = Some(why.clone());
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

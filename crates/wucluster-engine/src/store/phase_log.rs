//! The log of phases: one write-once sequence that all operators of a store share.
//!
//! ```text
//! phases/000000000007
//!   {"schema":"wucluster/phases/1","run":42,"seq":7,"before":"...","nonce":"..."}
//!   {"line":"whole"}                        each run begins with all that is known
//!   {"line":"entry","volume":"vol-...","mount":"chief/home","phase":"sealed","epoch":3}
//!   {"end":"<SHA-256 of all lines above>"}
//! ```
//!
//! Whoever makes object N+1 has read object N: that is all the compare-and-swap that a folder, a bucket and memory have
//! in common, and it is enough. Each run begins by making one; from then on no run before it can enter anything, however
//! late it wakes up, and so ask for nothing that has to be entered first.
//!
//! One log for all volumes, and not one for each: the requests of a wave are entered in one object, and no two operators
//! drive at once but by mistake.

use serde::{Deserialize, Serialize};
use wucluster_core::phases::{PhaseEntry, Phases};

use super::journal::Damage;
use super::lease::{self, Taken};
use super::lines::{self, Bad, Head};
use super::objects::{Created, Objects, ObjectsError, create};
use super::tenure::Dismissed;

const SCHEMA: &str = "wucluster/phases/1";
const PHASES: &str = "phases";

/// How often a run tries to begin after somebody else made the next object first.
///
/// Source: each time, an operator that was overtaken has entered what it had under way, which it can do once.
const TRIES: u32 = 16;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "line")]
enum Line {
    /// What follows is all that is known; nothing before it counts.
    Whole,
    Entry(PhaseEntry),
}

/// The log, as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PhaseLog {
    /// The number of the last object.
    pub seq: u64,
    /// Its checksum.
    sum: String,
    /// What is entered.
    pub phases: Phases,
}

fn key_of(seq: u64) -> String {
    format!("{PHASES}/{seq:012}")
}

/// Reads the log, from the last object back to one that is whole.
///
/// # Errors
/// The store's. What is damaged is no error: it is returned, and the log is then as it was before that.
pub async fn read(objects: &dyn Objects) -> Result<(PhaseLog, Option<Damage>), ObjectsError> {
    let listed = objects.list(PHASES).await?;
    let name = |key: &str| key.rsplit_once('/').and_then(|(_, name)| name.parse::<u64>().ok());
    let mut seqs: Vec<u64> = listed.iter().filter_map(|one| name(&one.key)).collect();
    seqs.sort_unstable();
    let mut log = PhaseLog::default();
    let damaged = |seq: u64, why: &str| Some(Damage::Phases { seq, why: why.to_owned() });
    let (Some(first), Some(last)) = (seqs.first().copied(), seqs.last().copied()) else {
        return Ok((log, None));
    };
    let mut read = Vec::new();
    for seq in (first..=last).rev() {
        let body = objects.get(&key_of(seq)).await?;
        let (head, items, sum) = match body.map(|body| lines::parse::<Line>(SCHEMA, &body)) {
            None => return Ok((log, damaged(seq, "it is missing"))),
            Some(Err(Bad::Short)) => return Ok((log, damaged(seq, "it is not whole"))),
            Some(Err(Bad::Wrong(why))) => return Ok((log, damaged(seq, &why))),
            Some(Err(Bad::Newer(schema))) => {
                let why = format!("it was written by a later version ({schema})");
                return Ok((log, damaged(seq, &why)));
            }
            Some(Ok(parsed)) => parsed,
        };
        let is_next = read.last().is_none_or(|(next, _, _): &(Head, _, _)| next.before == sum);
        if head.seq != seq || !is_next {
            return Ok((log, damaged(seq, "it belongs elsewhere")));
        }
        let is_whole = items.first() == Some(&Line::Whole);
        read.push((head, items, sum));
        if is_whole {
            break;
        }
    }
    if !read.last().is_some_and(|(_, items, _)| items.first() == Some(&Line::Whole)) {
        return Ok((log, damaged(first, "what was before it is missing")));
    }
    for (head, items, sum) in read.into_iter().rev() {
        log.take(&head, items, sum);
    }
    Ok((log, None))
}

/// Returns the number of the last run that began, as far as the log tells.
///
/// # Errors
/// The store's.
pub(super) async fn last_run(objects: &dyn Objects) -> Result<Option<u64>, ObjectsError> {
    let listed = objects.list(PHASES).await?;
    let Some(last) = listed.last() else { return Ok(None) };
    let body = objects.get(&last.key).await?;
    let head = body.and_then(|body| lines::parse::<Line>(SCHEMA, &body).ok());
    Ok(head.map(|(head, _, _)| head.run))
}

impl PhaseLog {
    fn take(&mut self, head: &Head, items: Vec<Line>, sum: String) {
        for item in items {
            match item {
                Line::Whole => self.phases = Phases::default(),
                Line::Entry(entry) => self.phases.enter(entry),
            }
        }
        (self.seq, self.sum) = (head.seq, sum);
    }

    /// Makes the next object; returns what somebody else made in its place.
    async fn put(&mut self, taken: &Taken, items: Vec<Line>) -> Result<Option<Vec<u8>>, Dismissed> {
        let head = Head {
            schema: SCHEMA.to_owned(),
            run: taken.run(),
            seq: self.seq + 1,
            before: self.sum.clone(),
            nonce: taken.lease().nonce.clone(),
        };
        let (body, sum) = lines::compose(&head, &items);
        match create(taken.objects().as_ref(), &key_of(head.seq), &body).await? {
            Created::Ours => {
                self.take(&head, items, sum);
                Ok(None)
            }
            Created::Theirs(body) => Ok(Some(body)),
        }
    }

    /// Begins a run: from then on no earlier one can enter anything.
    ///
    /// # Errors
    /// [`Dismissed`]: a later run has begun already, or the store does not do what it is asked.
    pub(super) async fn begin(&mut self, taken: &Taken) -> Result<(), Dismissed> {
        for _ in 0..TRIES {
            self.phases.compact();
            let known = self.phases.iter().cloned().map(Line::Entry);
            let items = std::iter::once(Line::Whole).chain(known).collect();
            let Some(theirs) = self.put(taken, items).await? else { return Ok(()) };
            // An operator that was overtaken had something under way: it counts.
            let foreign = |log: &Self| Dismissed::Foreign {
                key: key_of(log.seq + 1),
                place: taken.objects().place(),
            };
            let Ok((head, items, sum)) = lines::parse::<Line>(SCHEMA, &theirs) else {
                return Err(foreign(self));
            };
            if head.run >= taken.run() {
                return Err(overtaken(taken, head.run).await);
            }
            if head.before != self.sum {
                return Err(foreign(self));
            }
            self.take(&head, items, sum);
        }
        Err(Dismissed::Foreign { key: key_of(self.seq + 1), place: taken.objects().place() })
    }

    /// Enters what is about to be asked for.
    ///
    /// # Errors
    /// [`Dismissed`]: it is not entered, or not known to be, and must not be asked for.
    pub(super) async fn enter(
        &mut self,
        taken: &Taken,
        entries: &[PhaseEntry],
    ) -> Result<(), Dismissed> {
        let items = entries.iter().cloned().map(Line::Entry).collect();
        let Some(theirs) = self.put(taken, items).await? else { return Ok(()) };
        Err(match lines::parse::<Line>(SCHEMA, &theirs) {
            Ok((head, _, _)) if head.run > taken.run() => overtaken(taken, head.run).await,
            _ => Dismissed::Foreign { key: key_of(self.seq + 1), place: taken.objects().place() },
        })
    }
}

async fn overtaken(taken: &Taken, run: u64) -> Dismissed {
    let lease = lease::one(taken.objects().as_ref(), run).await.ok().flatten();
    let by = lease.map_or_else(|| "somebody".to_owned(), |(lease, _)| lease.operator.who);
    Dismissed::TakenOver { by }
}

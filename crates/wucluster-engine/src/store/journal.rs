//! The journal: what runs did, written before they do it, in write-once batches of lines.
//!
//! ```text
//! runs/000000000042/000000000001    the first batch of run 42
//!   {"schema":"wucluster/journal/1","run":42,"seq":1,"before":"","nonce":"..."}
//!   {"at":...,"event":"carried",...}   what earlier runs left
//!   {"at":...,"event":"asked",...}     one event on each line
//!   {"end":"<SHA-256 of all lines above>"}
//! ```
//!
//! Each batch names the checksum of the one before it, so that a missing, torn, changed or foreign batch shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lease;
use super::lines::{self, Bad};
use super::objects::{Objects, ObjectsError};
use super::phase_log::{self, PhaseLog};
use crate::event::{EngineEvent, EventKind};
use crate::records::Records;

pub(super) const SCHEMA: &str = "wucluster/journal/1";
const RUNS: &str = "runs";

/// How many runs are looked through, from the newest, for one that tells what earlier ones left.
const RUNS_SEARCHED: usize = 50;

/// What is wrong with a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "damage")]
pub enum Damage {
    /// The last batch is not whole: its writer died. What it says may have been asked for.
    Torn {
        /// Of which run.
        run: u64,
        /// Which batch.
        seq: u64,
    },
    /// A batch is missing, changed, or another's.
    Broken {
        /// Of which run.
        run: u64,
        /// Which batch.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A later version wrote it.
    Newer {
        /// Of which run.
        run: u64,
        /// Which version.
        schema: String,
    },
    /// An object of the log of phases is missing, changed, or another's.
    Phases {
        /// Which one.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl Damage {
    /// Says whether an object is to be moved away by whoever goes on without what is damaged.
    ///
    /// Of a journal, it is what is damaged and what follows: what was told before stays known. Of the log of phases it is all:
    /// what an older entry says of a volume may be over, and a seal that is not entered is only made once more.
    #[must_use]
    pub fn spoils(&self, key: &str) -> bool {
        match self {
            Self::Torn { run, seq } | Self::Broken { run, seq, .. } => {
                key.starts_with(&format!("{}/", folder_of(*run))) && *key >= *key_of(*run, *seq)
            }
            Self::Newer { run, .. } => key.starts_with(&format!("{}/", folder_of(*run))),
            Self::Phases { .. } => key.starts_with("phases/"),
        }
    }

    /// Tells what is to be moved away, for people.
    #[must_use]
    pub fn what_to_move(&self, place: &str) -> String {
        match self {
            Self::Torn { run, seq } | Self::Broken { run, seq, .. } => {
                format!("{place}/{}, and what follows it in that folder,", key_of(*run, *seq))
            }
            Self::Newer { run, .. } => format!("{place}/{}", folder_of(*run)),
            Self::Phases { .. } => format!("{place}/phases"),
        }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Torn { run, seq } => {
                write!(f, "the last words of run {run} (batch {seq}) were not written whole")
            }
            Self::Broken { run, seq, why } => write!(f, "batch {seq} of run {run}: {why}"),
            Self::Newer { run, schema } => {
                write!(f, "run {run} was written by a later version ({schema})")
            }
            Self::Phases { seq, why } => write!(f, "entry {seq} of the log of phases: {why}"),
        }
    }
}

/// The journal of a run, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunJournal {
    /// What happened.
    pub events: Vec<EngineEvent>,
    /// The number of its last batch that is whole.
    pub seq: u64,
    /// The checksum of that batch.
    pub sum: String,
    /// What is wrong with what follows.
    pub damage: Option<Damage>,
}

fn folder_of(run: u64) -> String {
    format!("{RUNS}/{run:012}")
}

pub(super) fn key_of(run: u64, seq: u64) -> String {
    format!("{RUNS}/{run:012}/{seq:012}")
}

/// Reads the journal of a run, from the batch after `seq` on.
///
/// # Errors
/// The store's. What is damaged is no error: it is told in [`RunJournal::damage`].
pub async fn read(objects: &dyn Objects, run: u64, after: u64) -> Result<RunJournal, ObjectsError> {
    use futures_util::StreamExt as _;
    let listed = objects.list(&folder_of(run)).await?;
    let name = |key: &str| key.rsplit_once('/').and_then(|(_, name)| name.parse::<u64>().ok());
    let seqs = listed.iter().filter_map(|one| name(&one.key)).filter(|seq| *seq > after);
    let seqs: Vec<u64> = seqs.collect();
    let bodies = seqs.iter().map(|seq| {
        let key = key_of(run, *seq);
        async move { objects.get(&key).await }
    });
    let bodies: Vec<_> = futures_util::stream::iter(bodies).buffered(16).collect().await;
    let mut journal = RunJournal { seq: after, ..RunJournal::default() };
    let mut nonce = None;
    for (at, (seq, body)) in seqs.iter().zip(bodies).enumerate() {
        let is_last = at + 1 == seqs.len();
        let broken = |seq: u64, why: &str| Damage::Broken { run, seq, why: why.to_owned() };
        if *seq != journal.seq + 1 {
            journal.damage = Some(broken(journal.seq + 1, "it is missing"));
            break;
        }
        let parsed = match body? {
            Some(body) => lines::parse::<EngineEvent>(SCHEMA, &body),
            None => Err(Bad::Wrong("it is listed and not there".to_owned())),
        };
        match parsed {
            Err(Bad::Short) if is_last => {
                journal.damage = Some(Damage::Torn { run, seq: *seq });
            }
            Err(Bad::Short) => journal.damage = Some(broken(*seq, "it is not whole")),
            Err(Bad::Wrong(why)) => journal.damage = Some(broken(*seq, &why)),
            Err(Bad::Newer(schema)) => journal.damage = Some(Damage::Newer { run, schema }),
            Ok((head, events, sum)) => {
                let is_next = (after > 0 && *seq == after + 1) || head.before == journal.sum;
                let is_own = nonce.get_or_insert_with(|| head.nonce.clone()) == &head.nonce;
                if head.run != run || head.seq != *seq || !is_next || !is_own {
                    journal.damage = Some(broken(*seq, "it belongs elsewhere"));
                } else {
                    journal.events.extend(events);
                    (journal.seq, journal.sum) = (*seq, sum);
                    continue;
                }
            }
        }
        break;
    }
    Ok(journal)
}

/// What earlier runs left, and how far it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// The records.
    pub records: Records,
    /// Per run that may still be written by somebody, the last batch that is taken into account.
    pub read: BTreeMap<u64, u64>,
    /// The log of phases that operators share.
    pub log: PhaseLog,
    /// What was wrong with what was read.
    pub damage: Vec<Damage>,
}

/// How many of the latest runs are read on, though later ones have taken into account what they had told: an operator that
/// was silent may have written more.
const STILL_WRITTEN: usize = 4;

/// Reads what earlier runs left for the next.
///
/// # Errors
/// The store's. What is damaged is no error: it is told in [`Left::damage`].
pub async fn left(objects: &dyn Objects) -> Result<Left, ObjectsError> {
    // Of the leases: a listing of all batches of all runs grows without end.
    let runs = lease::runs(objects).await?;
    let mut left = Left::default();
    // From the newest back to one that tells what those before it left.
    let mut journals = BTreeMap::new();
    let mut carried = None;
    for run in runs.iter().rev().take(RUNS_SEARCHED) {
        let journal = read(objects, *run, 0).await?;
        let base = journal.events.iter().find_map(|event| match &event.kind {
            EventKind::Carried { records, read, damage } => {
                Some((records.clone(), read.clone(), damage.clone()))
            }
            _ => None,
        });
        journals.insert(*run, journal);
        if base.is_some() {
            carried = base;
            break;
        }
    }
    if let Some((records, read_before, damage)) = carried {
        for record in &records {
            left.records.apply(record);
        }
        left.damage = damage;
        // What the run that carried them told itself is read whole: told twice, a request would count as made twice.
        for (run, seq) in read_before.into_iter().filter(|(run, _)| !journals.contains_key(run)) {
            let more = read(objects, run, seq).await?;
            take_in(&mut left, run, more);
        }
    }
    for (run, journal) in journals {
        take_in(&mut left, run, journal);
    }
    while left.read.len() > STILL_WRITTEN {
        left.read.pop_first();
    }
    let (log, damage) = phase_log::read(objects).await?;
    left.log = log;
    left.damage.retain(|known| !matches!(known, Damage::Phases { .. }));
    left.damage.extend(damage);
    Ok(left)
}

fn take_in(left: &mut Left, run: u64, journal: RunJournal) {
    for event in &journal.events {
        left.records.take(event);
    }
    left.read.insert(run, journal.seq);
    if let Some(damage) = journal.damage
        && !left.damage.contains(&damage)
    {
        left.damage.push(damage);
    }
}

//! What runs left in the cluster's folder: the last one, what happened to whom, who drives now.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Serialize;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::time::Timestamp;
use wucluster_engine::store::Store;
use wucluster_engine::{EngineEvent, EventKind};

/// How much of a journal's beginning and end is read to tell what it was. Unit: bytes.
///
/// The first line is short; a line of a large cluster's progress takes some hundred KiB.
const PIECE: u64 = 512 << 10;

/// How many of the latest journals are searched for what happened to one node or mount.
const RUNS_SEARCHED: usize = 20;

/// The last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LastRun {
    /// Its number.
    pub(crate) run: u64,
    /// What it was for.
    pub(crate) demand: Demand,
    /// How it ended; `None` when that was not written: it goes on, or was ended from outside.
    pub(crate) outcome: Option<String>,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it last wrote.
    pub(crate) heard_at: Timestamp,
}

/// Who drives the cluster now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Driver {
    /// User and host.
    pub(crate) who: String,
    /// The process.
    pub(crate) pid: Option<u32>,
    /// The command, such as `launch`.
    pub(crate) command: String,
    /// Since when.
    pub(crate) since: Option<Timestamp>,
    /// The number of its run, once it has one.
    pub(crate) run: Option<u64>,
    /// When it last wrote to its journal.
    pub(crate) heard_at: Option<Timestamp>,
}

impl Driver {
    /// Describes ourselves, for others to read in the lock.
    pub(crate) fn ourselves(command: &str, since: Timestamp) -> Self {
        let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy().into_owned();
        Self {
            who: format!("{user}@{host}"),
            pid: Some(std::process::id()),
            command: command.to_owned(),
            since: Some(since),
            run: None,
            heard_at: None,
        }
    }

    /// Writes the text that the lock holds.
    pub(crate) fn to_lock(&self) -> String {
        let pid = self.pid.unwrap_or(0);
        let since = self.since.unwrap_or_default().as_millis();
        format!("{} pid {pid} since {since} for {}", self.who.replace(' ', "_"), self.command)
    }

    /// Reads the text that a lock holds; another version's is shown as it is.
    pub(crate) fn from_lock(text: &str) -> Self {
        let read = || {
            let (who, rest) = text.split_once(" pid ")?;
            let (pid, rest) = rest.split_once(" since ")?;
            let (since, command) = rest.split_once(" for ")?;
            Some(Self {
                who: who.to_owned(),
                pid: pid.parse().ok(),
                command: command.to_owned(),
                since: since.parse().ok().map(Timestamp::from_millis),
                run: None,
                heard_at: None,
            })
        };
        read().unwrap_or_else(|| Self { who: text.trim().to_owned(), ..Self::default() })
    }

    /// Says what it does.
    pub(crate) fn what(&self) -> String {
        let run = self.run.map_or_else(String::new, |run| format!("run {run}, "));
        if self.command.is_empty() {
            "something".to_owned()
        } else {
            format!("{run}{}", self.command)
        }
    }

    /// Adds what the newest journal tells, if it is this driver's.
    pub(crate) fn with_run(mut self, last: Option<&LastRun>) -> Self {
        let is_own = |run: &&LastRun| {
            run.outcome.is_none() && self.since.is_none_or(|since| run.started_at >= since)
        };
        if let Some(run) = last.filter(is_own) {
            self.run = Some(run.run);
            self.heard_at = Some(run.heard_at);
        }
        self
    }
}

/// Tells who drives the cluster, without standing in anybody's way for longer than a moment.
pub(crate) fn driver(store: &Store, last: Option<&LastRun>) -> Option<Driver> {
    let path = store.folder().join("lock");
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        // Nobody has it; closing the file gives it back.
        Ok(()) => None,
        Err(_) => {
            let text = fs::read_to_string(&path).unwrap_or_default();
            Some(Driver::from_lock(&text).with_run(last))
        }
    }
}

/// Reads what the last run was; `None` when there was none that can be read.
pub(crate) fn last_run(store: &Store) -> Option<LastRun> {
    journals(store).into_iter().rev().take(3).find_map(|(run, path)| read_run(run, &path))
}

/// Lists the last events about a node or mount, oldest first, each with its run.
pub(crate) fn about(store: &Store, subject: &Subject, most: usize) -> Vec<(u64, EngineEvent)> {
    let needle = match subject {
        Subject::Node(node) => node.to_string(),
        subject => subject.to_string(),
    };
    let mut found = Vec::new();
    for (run, path) in journals(store).into_iter().rev().take(RUNS_SEARCHED) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for line in text.lines().rev() {
            // Most lines are about others or repeat the whole; they need not be parsed.
            if line.contains("\"planned\"") || !line.contains(needle.as_str()) {
                continue;
            }
            let Ok(event) = serde_json::from_str::<EngineEvent>(line) else { continue };
            if subject_of(&event.kind) == Some(subject) {
                found.push((run, event));
            }
            if found.len() == most {
                break;
            }
        }
        if found.len() == most {
            break;
        }
    }
    found.reverse();
    found
}

/// Returns whom an event is about.
fn subject_of(kind: &EventKind) -> Option<&Subject> {
    match kind {
        EventKind::Changed { subject, .. }
        | EventKind::Asked { subject, .. }
        | EventKind::Answered { subject, .. }
        | EventKind::Failed { subject, .. }
        | EventKind::PassedOver { subject, .. }
        | EventKind::Released { subject } => Some(subject),
        EventKind::Held(hold) => Some(&hold.subject),
        EventKind::Started { .. }
        | EventKind::Planned(_)
        | EventKind::LookFailed { .. }
        | EventKind::DataSeen { .. }
        | EventKind::Recorded(_)
        | EventKind::Stopping { .. }
        | EventKind::Finished { .. } => None,
    }
}

/// Lists the journals by number.
fn journals(store: &Store) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = fs::read_dir(store.folder().join("runs")) else { return Vec::new() };
    let mut found: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let run = path.file_stem()?.to_str()?.parse().ok()?;
            Some((run, path))
        })
        .collect();
    found.sort();
    found
}

fn read_run(run: u64, path: &Path) -> Option<LastRun> {
    let mut file = File::open(path).ok()?;
    let meta = file.metadata().ok()?;
    let mut first = Vec::new();
    file.by_ref().take(PIECE).read_to_end(&mut first).ok()?;
    let first = String::from_utf8_lossy(&first).into_owned();
    let begun: EngineEvent = serde_json::from_str(first.lines().next()?).ok()?;
    let EventKind::Started { demand, .. } = begun.kind else { return None };
    file.seek(SeekFrom::Start(meta.len().saturating_sub(PIECE))).ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).ok()?;
    let end = String::from_utf8_lossy(&end).into_owned();
    let last = end.lines().rev().find_map(|line| serde_json::from_str::<EngineEvent>(line).ok());
    let outcome = match last.as_ref().map(|event| &event.kind) {
        Some(EventKind::Finished { outcome, .. }) => Some(outcome.clone()),
        _ => None,
    };
    let written = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let heard_at = match (&last, written) {
        (Some(event), _) => event.at,
        (None, Some(written)) => {
            Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap_or(i64::MAX))
        }
        (None, None) => begun.at,
    };
    Some(LastRun { run, demand, outcome, started_at: begun.at, heard_at })
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::Provider;
    use wucluster_core::ids::{ClusterName, NodeName};

    use super::*;

    fn store(state: &Path) -> Store {
        Store::open(state, Provider::Local, &ClusterName::new("gibbon").unwrap()).unwrap()
    }

    fn event(seconds: i64, kind: EventKind) -> EngineEvent {
        EngineEvent { at: Timestamp::from_millis(seconds * 1000), kind }
    }

    #[test]
    fn the_last_run_is_read_from_its_journal() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        assert_eq!(last_run(&store), None);
        let cluster = ClusterName::new("gibbon").unwrap();
        let mut journal = store.begin_run().unwrap();
        let started = EventKind::Started { cluster, demand: Demand::Launched };
        journal.write(&event(1, started)).unwrap();
        let node = Subject::Node(NodeName::new("chief").unwrap());
        let released = EventKind::Released { subject: node.clone() };
        journal.write(&event(2, released)).unwrap();
        let going = last_run(&store).unwrap();
        assert_eq!((going.run, going.outcome), (1, None));
        let finished = EventKind::Finished { outcome: "reached".into(), requests: 3 };
        journal.write(&event(3, finished)).unwrap();
        let ended = last_run(&store).unwrap();
        assert_eq!(ended.outcome.as_deref(), Some("reached"));
        assert_eq!(ended.heard_at, Timestamp::from_millis(3000));
        assert_eq!(about(&store, &node, 20).len(), 1);
        let other = Subject::Node(NodeName::new("worker").unwrap());
        assert!(about(&store, &other, 20).is_empty());
    }

    #[test]
    fn who_drives_is_told_and_looking_stands_in_nobodys_way() {
        let state = tempfile::tempdir().unwrap();
        let store = store(state.path());
        assert_eq!(driver(&store, None), None);
        let ourselves = Driver::ourselves("launch", Timestamp::from_millis(1000));
        let lock = store.lock(&ourselves.to_lock()).unwrap();
        let seen = driver(&store, None).unwrap();
        assert_eq!((seen.command.as_str(), seen.pid), ("launch", Some(std::process::id())));
        drop(lock);
        assert_eq!(driver(&store, None), None);
        store.lock("x").unwrap();
    }

    #[test]
    fn a_lock_of_another_version_is_shown_as_it_is() {
        assert_eq!(Driver::from_lock("ann, launch").who, "ann, launch");
    }
}

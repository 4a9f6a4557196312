//! What listings were told about a thing, and when.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::time::Timestamp;

/// The history of what a listing shows of one thing; `None` stands for not listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Published<T> {
    entries: VecDeque<(Timestamp, Option<T>)>,
    visible_at: Timestamp,
    /// Since when the newest was so that any look showed.
    shown: Timestamp,
}

impl<T: Clone + PartialEq> Published<T> {
    pub(super) fn new(visible_at: Timestamp) -> Self {
        Self { entries: VecDeque::new(), visible_at, shown: Timestamp::default() }
    }

    /// Records what is so from now on; forgets what no look of that staleness could show.
    pub(super) fn push(&mut self, now: Timestamp, seen: Option<T>, keep: Duration) {
        if self.entries.back().is_some_and(|(_, last)| *last == seen) {
            return;
        }
        self.entries.push_back((now, seen));
        while self.entries.get(1).is_some_and(|(since, _)| since.after(keep) <= now) {
            self.entries.pop_front();
        }
    }

    /// Returns what a look at `now` shows that is late by `lag`.
    pub(super) fn at(&self, now: Timestamp, lag: Duration) -> Option<&T> {
        if now < self.visible_at {
            return None;
        }
        self.entry(now, lag).and_then(|(_, seen)| seen.as_ref())
    }

    /// Returns what is so, whether or not listings show it yet.
    pub(super) fn newest(&self) -> Option<&T> {
        self.entries.back().and_then(|(_, seen)| seen.as_ref())
    }

    /// Returns since when it is as it is.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.entries.back().map(|(since, _)| *since)
    }

    /// Notes that a look at `now` shows it, late by `lag`; says whether an earlier look showed
    /// something newer.
    pub(super) fn show(&mut self, now: Timestamp, lag: Duration) -> bool {
        let since = self.entry(now, lag).map_or(self.shown, |(since, _)| *since);
        let went_back = since < self.shown;
        self.shown = self.shown.max(since);
        went_back
    }

    fn entry(&self, now: Timestamp, lag: Duration) -> Option<&(Timestamp, Option<T>)> {
        self.entries.iter().rev().find(|(since, _)| since.after(lag) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_look_shows_what_was() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let keep = Duration::from_secs(60);
        let mut published = Published::new(at(0));
        published.push(at(0), Some("a"), keep);
        published.push(at(10), Some("b"), keep);
        published.push(at(20), None, keep);
        assert_eq!(published.at(at(25), Duration::ZERO), None);
        assert_eq!(published.at(at(25), Duration::from_secs(10)), Some(&"b"));
        assert_eq!(published.at(at(25), Duration::from_secs(20)), Some(&"a"));
        assert_eq!(published.at(at(25), Duration::from_secs(40)), None);
    }

    #[test]
    fn a_look_that_shows_less_than_one_before_goes_back() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut published = Published::new(at(0));
        published.push(at(0), Some("a"), Duration::from_secs(60));
        published.push(at(10), Some("b"), Duration::from_secs(60));
        assert!(!published.show(at(12), Duration::from_secs(5)));
        assert!(!published.show(at(12), Duration::ZERO));
        assert!(published.show(at(13), Duration::from_secs(5)));
    }

    #[test]
    fn a_hidden_thing_is_not_listed() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut published = Published::new(at(5));
        published.push(at(0), Some("a"), Duration::ZERO);
        assert_eq!(published.at(at(4), Duration::ZERO), None);
        assert_eq!(published.at(at(5), Duration::ZERO), Some(&"a"));
    }
}

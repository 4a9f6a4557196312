//! What the cloud takes only so many of at a time: a refusal tells how many, and from then on no more are asked for than end.

use std::collections::BTreeSet;
use std::time::Duration;

use wucluster_core::ids::SnapshotId;
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::SnapshotState;
use wucluster_core::time::Timestamp;

use super::Drive;

/// How often one more is tried than were taken before: others' may have ended meanwhile, which nobody tells.
const TRY_MORE: Duration = Duration::from_secs(10);

/// How many are taken at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowd {
    most: usize,
    /// When that was found out, or tried.
    at: Timestamp,
}

impl Crowd {
    fn found(under_way: usize, now: Timestamp) -> Self {
        Self { most: under_way.max(1), at: now }
    }

    /// Returns how many more may be asked for.
    fn room(&mut self, under_way: usize, now: Timestamp) -> usize {
        if under_way >= self.most && now.since(self.at) >= TRY_MORE {
            *self = Self { most: under_way + 1, at: now };
        }
        self.most.saturating_sub(under_way)
    }
}

impl Drive<'_, '_> {
    /// Takes the cloud's word that no more snapshots are taken at a time.
    pub(super) fn snapshots_are_crowded(&mut self) {
        self.snapshots_most = Some(Crowd::found(self.snapshots_under_way(), self.now()));
    }

    /// Returns how many more snapshots may be asked for; `None`: nothing is known to limit them.
    pub(super) fn snapshot_room(&mut self) -> Option<usize> {
        let mut crowd = self.snapshots_most?;
        let room = crowd.room(self.snapshots_under_way(), self.now());
        self.snapshots_most = Some(crowd);
        Some(room)
    }

    /// Counts the snapshots that are pending as far as is known, and those that are being asked for.
    fn snapshots_under_way(&self) -> usize {
        let listed = self.view.iter().flat_map(|view| &view.snapshots);
        let seen: BTreeSet<&SnapshotId> = listed.clone().map(|seen| &seen.id).collect();
        let pending = listed.filter(|seen| seen.state == SnapshotState::Pending).count();
        let asked = self.memory.subjects.values().filter(|memory| {
            memory.in_flight == Some("CreateSnapshot")
                || memory
                    .awaited
                    .iter()
                    .any(|one| matches!(&one.what, AwaitedId::Snapshot(id) if !seen.contains(id)))
        });
        pending + asked.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_asked_for_than_end_but_for_one_now_and_then() {
        let start = Timestamp::from_millis(0);
        let mut crowd = Crowd::found(100, start);
        assert_eq!(crowd.room(100, start.after(Duration::from_secs(9))), 0);
        assert_eq!(crowd.room(93, start.after(Duration::from_secs(9))), 7);
        assert_eq!(crowd.room(93, start.after(Duration::from_secs(11))), 7, "there is room anyway");
        assert_eq!(crowd.room(100, start.after(Duration::from_secs(12))), 1, "one is tried");
        assert_eq!(crowd.room(101, start.after(Duration::from_secs(13))), 0);
    }

    #[test]
    fn where_nothing_of_ours_is_under_way_one_is_tried_all_the_same() {
        assert_eq!(Crowd::found(0, Timestamp::from_millis(0)).room(0, Timestamp::default()), 1);
    }
}

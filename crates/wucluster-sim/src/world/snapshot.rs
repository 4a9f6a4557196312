//! Snapshots: what the cloud keeps of them, and the request for one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::definition::Size;
use wucluster_core::ids::{MountKey, SnapshotId, VolumeId};
use wucluster_core::observation::{SnapshotSeen, SnapshotState, VolumeState};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::owner::Owner;
use super::published::Published;
use super::requests::By;
use super::state::World;
use crate::content::Content;
use crate::error::refuse;
use crate::faults::{Room, Upset};

/// A snapshot in truth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) id: SnapshotId,
    /// Its number in the order of making.
    pub(super) number: u64,
    pub(super) state: SnapshotState,
    pub(super) volume: VolumeId,
    pub(super) size: Size,
    pub(super) tags: Tags,
    pub(super) owner: Option<Owner>,
    pub(super) content: Content,
    pub(super) started_at: Timestamp,
    /// When it will complete or fail.
    pub(super) due_at: Timestamp,
    pub(super) fails: bool,
    /// How far it came and came no further.
    pub(super) stands_at: Option<u8>,
    pub(super) message: Option<String>,
    pub(super) turn: u64,
    pub(super) is_listed: bool,
    /// Whether it goes as soon as it is no longer pending.
    #[serde(default)]
    pub(super) is_going: bool,
    /// Whether it was put here without its volume, so that nobody knows how large that was.
    #[serde(default)]
    pub(super) has_any_size: bool,
    pub(super) published: Published<SnapshotSeen>,
}

impl Snapshot {
    /// Says whether a volume can be made from it, now and for certain.
    pub(super) fn is_usable(&self) -> bool {
        self.is_listed && self.state == SnapshotState::Completed
    }

    pub(super) fn seen(&self) -> Option<SnapshotSeen> {
        self.is_listed.then(|| SnapshotSeen {
            id: self.id.clone(),
            state: self.state.clone(),
            volume: self.volume.clone(),
            size: self.size,
            tags: self.tags.clone(),
            started_at: Some(self.started_at),
            progress_percent: (self.state == SnapshotState::Completed).then_some(100),
            message: self.message.clone(),
        })
    }

    /// Returns how much of it is copied at a time while it is pending.
    pub(super) fn progress_at(&self, now: Timestamp) -> u8 {
        if let Some(percent) = self.stands_at {
            return percent;
        }
        let whole = self.due_at.since(self.started_at).as_millis().max(1);
        let part = now.since(self.started_at).as_millis().min(whole);
        u8::try_from(part * 99 / whole).unwrap_or(99)
    }
}

/// What a new snapshot is made of.
#[derive(Clone)]
pub(super) struct NewSnapshot {
    pub(super) volume: VolumeId,
    pub(super) size: Size,
    pub(super) tags: Tags,
    pub(super) content: Content,
    pub(super) takes: Duration,
    pub(super) hidden_for: Duration,
}

impl World {
    pub(super) fn create_snapshot(
        &mut self,
        by: &By<'_>,
        id: &VolumeId,
        tags: &Tags,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        self.check_tags(tags)?;
        let volume = self.known_volume(id)?;
        if !matches!(volume.state, VolumeState::Available | VolumeState::InUse) {
            return Err(refuse("IncorrectState", format!("{id} is {}", volume.state)));
        }
        let (size, content) = (volume.size, volume.content.clone());
        if volume
            .snapshot_at
            .is_some_and(|last| self.now.since(last) < self.limits.snapshot_interval_min)
        {
            let message = format!("the previous snapshot of {id} was only just begun");
            return Err(refuse("SnapshotCreationPerVolumeRateExceeded", message));
        }
        let is_pending = |snapshot: &&Snapshot| snapshot.state == SnapshotState::Pending;
        let pending = self.snapshots.values().filter(is_pending).count();
        let of_volume =
            self.snapshots.values().filter(is_pending).filter(|found| &found.volume == id).count();
        if of_volume >= self.limits.snapshots_per_volume_pending_max {
            let message = format!("{of_volume} snapshots of {id} are already pending");
            return Err(refuse("ConcurrentSnapshotLimitExceeded", message));
        }
        if pending >= self.limits.snapshots_pending_max {
            let message = format!("{pending} snapshots are already pending");
            return Err(refuse("PendingSnapshotLimitExceeded", message));
        }
        self.check_room(Room::Snapshots)?;
        self.judge_ownership(by, id.as_str());
        let now = self.now;
        if let Some(volume) = self.volume_mut(id) {
            volume.snapshot_at = Some(now);
        }
        let mut takes = self.snapshot_time(id.as_str(), size);
        if let Some((fault, span)) = upset.snapshot_takes() {
            self.fired(fault);
            takes = takes.max(span);
        }
        let hidden_for = self.hidden_for(id.as_str(), upset);
        let new = NewSnapshot {
            volume: id.clone(),
            size,
            tags: tags.clone(),
            content,
            takes,
            hidden_for,
        };
        if let Some((fault, ())) = upset.takes_two_snapshots() {
            self.fired(fault);
            self.add_snapshot(new.clone());
        }
        let id = self.add_snapshot(new);
        if let Some((fault, ())) = upset.snapshot_fails() {
            self.fired(fault);
            if let Some(snapshot) = self.snapshot_mut(&id) {
                snapshot.fails = true;
            }
        }
        if let Some((fault, (percent, span))) = upset.snapshot_sticks() {
            self.fired(fault);
            self.stick_snapshot(&id, percent, span);
        }
        Ok(Receipt::Snapshot(id))
    }

    pub(super) fn snapshot_time(&mut self, about: &str, size: Size) -> Duration {
        self.draw(about, self.durations.snapshot) + self.durations.snapshot_per_gib * size.gib()
    }

    /// Adds a pending snapshot with its end scheduled.
    pub(super) fn add_snapshot(&mut self, new: NewSnapshot) -> SnapshotId {
        let (number, id) = self.make_id("snap", new.volume.as_str());
        let id = SnapshotId::new(id);
        let NewSnapshot { volume, size, tags, content, takes, hidden_for } = new;
        let snapshot = Snapshot {
            id: id.clone(),
            number,
            state: SnapshotState::Pending,
            volume,
            size,
            owner: Owner::of(&tags),
            tags,
            content,
            started_at: self.now,
            due_at: self.now.after(takes),
            fails: false,
            stands_at: None,
            message: None,
            turn: 0,
            is_listed: true,
            is_going: false,
            has_any_size: false,
            published: Published::new(self.now.after(hidden_for)),
        };
        self.snapshots.insert(id.clone(), snapshot);
        self.snapshot_mut(&id);
        self.schedule_glance(hidden_for);
        self.schedule(takes, Event::SnapshotDue { id: id.clone(), turn: 0 });
        id
    }

    /// Lets a pending snapshot come no further for a time, or until calm.
    fn stick_snapshot(&mut self, id: &SnapshotId, percent: u8, span: Option<Duration>) {
        let until = span.map_or(Timestamp::from_millis(i64::MAX), |span| self.now.after(span));
        let Some(snapshot) = self.snapshot_mut(id) else { return };
        snapshot.stands_at = Some(percent);
        snapshot.turn += 1;
        snapshot.due_at = snapshot.due_at.max(until);
        let turn = snapshot.turn;
        if let Some(span) = span {
            let due = span.max(self.durations.snapshot.min);
            self.schedule(due, Event::SnapshotDue { id: id.clone(), turn });
        }
    }

    pub(super) fn snapshot_due(&mut self, id: &SnapshotId, turn: u64) {
        let Some(snapshot) = self.snapshot_mut(id).filter(|found| found.turn == turn) else {
            return;
        };
        if snapshot.state != SnapshotState::Pending {
            return;
        }
        if snapshot.fails {
            snapshot.state = SnapshotState::Error;
            snapshot.message = Some("the snapshot could not be completed".to_owned());
        } else {
            snapshot.state = SnapshotState::Completed;
        }
        snapshot.is_listed &= !snapshot.is_going;
        let state = snapshot.state.clone();
        self.note(format!("snapshot {id} {state}"));
    }

    /// Lists the ids of a mount's snapshots that exist, newest first, whatever their state.
    #[must_use]
    pub fn snapshots_of(&self, mount: &MountKey) -> Vec<SnapshotId> {
        let mut found: Vec<&Snapshot> = self
            .snapshots
            .values()
            .filter(|snapshot| snapshot.is_listed)
            .filter(|snapshot| snapshot.owner.as_ref().is_some_and(|owner| owner.is_mount(mount)))
            .collect();
        found.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.number));
        found.into_iter().map(|snapshot| snapshot.id.clone()).collect()
    }

    /// Says whether the records of a mount's snapshots contradict each other: of those that exist, the one with the highest
    /// write epoch was begun before another one.
    #[must_use]
    pub fn snapshots_contradict(&self, mount: &MountKey) -> bool {
        let exist = self.snapshots_of(mount);
        let dated = exist
            .iter()
            .filter_map(|id| self.snapshots.get(id))
            .filter_map(|snapshot| Some((snapshot.tags.epoch()?.number, snapshot.started_at)));
        let dated: Vec<_> = dated.collect();
        dated.iter().max().is_some_and(|(highest, begun)| {
            dated.iter().any(|(epoch, at)| epoch < highest && at > begun)
        })
    }

    /// Returns a snapshot's true state; `None` when it does not exist any more, or never did.
    #[must_use]
    pub fn snapshot_state(&self, id: &SnapshotId) -> Option<SnapshotState> {
        self.snapshots.get(id).filter(|found| found.is_listed).map(|found| found.state.clone())
    }

    /// Returns the volume that a snapshot is of.
    #[must_use]
    pub fn volume_of_snapshot(&self, id: &SnapshotId) -> Option<&VolumeId> {
        self.snapshots.get(id).map(|snapshot| &snapshot.volume)
    }

    /// Returns what a snapshot holds, whether or not it is complete.
    #[must_use]
    pub fn content_of_snapshot(&self, id: &SnapshotId) -> Option<&Content> {
        self.snapshots.get(id).map(|snapshot| &snapshot.content)
    }
}

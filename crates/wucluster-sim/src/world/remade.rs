//! What a changed definition must never do to what is there, and what must never be cleared away.

use wucluster_core::definition::Size;
use wucluster_core::ids::{SnapshotId, VolumeId};
use wucluster_core::observation::{SnapshotState, VolumeState};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::Tags;

use super::harm::Cause;
use super::harm_kind::HarmKind;
use super::owner::{Maker, Owner};
use super::requests::By;
use super::snapshot::Snapshot;
use super::state::World;
use crate::content::Shape;
use crate::error::refuse;

/// So many of a mount's newest complete snapshots are never cleared away.
const SNAPSHOTS_KEPT_MIN: usize = 2;

impl World {
    /// I14: judges a new volume by the size and the zone of what it takes the place of.
    pub(super) fn judge_remade(&mut self, by: &By<'_>, tags: &Tags, (size, zone): (Size, &str)) {
        let Some(owner) = Owner::of(tags) else { return };
        let newest = self
            .snapshots
            .values()
            .filter(|found| found.is_listed && found.owner.as_ref() == Some(&owner))
            .filter(|found| found.content.holds_data())
            .max_by_key(|found| found.number);
        let smaller = newest
            .filter(|found| size < found.size)
            .map(|found| format!("{} is of {}, and this of {size}", found.id, found.size));
        let elsewhere = self
            .volumes
            .values()
            .filter(|found| found.maker == Maker::Operator && found.is_living())
            .find(|found| Owner::of(&found.tags).as_ref() == Some(&owner) && found.zone != zone)
            .map(|found| format!("{} is in {}, and this in {zone}", found.id, found.zone));
        for what in smaller.into_iter().chain(elsewhere) {
            self.harm_by(by, HarmKind::Remade, what);
        }
    }

    /// I14: says whether a file system of one kind would take the place of one of another kind.
    pub(super) fn is_of_another_kind(&self, volume: &VolumeId, kind: &str) -> bool {
        self.content_of_volume(volume).is_some_and(|content| match content.shape() {
            Shape::Filesystem { kind: found, .. } => found != kind,
            _ => false,
        })
    }

    /// Deletes a snapshot as a request would, and judges it (I10). No request of ours does so today.
    ///
    /// # Errors
    /// When there is no such snapshot.
    pub fn ask_delete_snapshot(&mut self, id: &SnapshotId) -> Result<Receipt, CloudError> {
        let Some(snapshot) = self.snapshots.get(id).filter(|found| found.is_listed) else {
            let message = format!("The snapshot '{id}' does not exist.");
            return Err(refuse("InvalidSnapshot.NotFound", message));
        };
        let owner = snapshot.owner.clone();
        let subject = owner
            .as_ref()
            .map_or_else(|| wucluster_core::ids::Subject::Stranger(id.to_string()), Owner::subject);
        if let Some(what) = self.keeps(snapshot) {
            let (by, now) = (format!("delete the snapshot {id}"), self.now());
            self.do_harm(HarmKind::DeletedSnapshot, subject, by, what, now);
        }
        if let Some(snapshot) = self.snapshot_mut(id) {
            snapshot.is_listed = false;
        }
        if let Some(owner) = owner {
            self.touch(owner.node(), Cause::Cloud, &[]);
        }
        self.publish();
        Ok(Receipt::Accepted)
    }

    /// Says for what a snapshot has to stay.
    fn keeps(&self, snapshot: &Snapshot) -> Option<String> {
        snapshot.owner.as_ref()?;
        let is_of = |found: &&Snapshot| found.owner == snapshot.owner && found.is_usable();
        let newer = self.snapshots.values().filter(is_of).filter(|it| it.number > snapshot.number);
        if snapshot.is_usable() && newer.count() < SNAPSHOTS_KEPT_MIN {
            return Some(format!("it is one of the last {SNAPSHOTS_KEPT_MIN} of its mount"));
        }
        let holds = |found: &Snapshot, volume: &super::volume::Volume| {
            found.state == SnapshotState::Completed
                && found.volume == volume.id
                && found.content == volume.content
        };
        let covered = self.volumes.values().find(|volume| {
            let is_sealed = volume.tags.epoch().is_some_and(|epoch| epoch.is_sealed);
            (is_sealed || volume.state == VolumeState::Deleting)
                && volume.state != VolumeState::Deleted
                && holds(snapshot, volume)
                && !self
                    .snapshots
                    .values()
                    .any(|other| other.id != snapshot.id && other.is_listed && holds(other, volume))
        });
        covered.map(|volume| format!("it alone holds what is on {}", volume.id))
    }
}

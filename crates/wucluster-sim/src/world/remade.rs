//! What a changed definition must never do to what is there, and what must never be cleared away.

use wucluster_core::definition::Size;
use wucluster_core::ids::{SnapshotId, VolumeId};
use wucluster_core::observation::{SnapshotState, VolumeState};
use wucluster_core::ports::{CloudError, ErrorClass, Receipt};
use wucluster_core::tags::Tags;

use super::harm_kind::HarmKind;
use super::owner::{Maker, Owner};
use super::requests::By;
use super::snapshot::Snapshot;
use super::state::World;
use crate::content::Shape;
use crate::error::{refuse, with_class};

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

    /// Deletes a snapshot, or refuses, as EC2 does; and judges it (I10).
    ///
    /// Source: EC2 API reference, `DeleteSnapshot`; EBS user guide, "Delete an Amazon EBS snapshot": a pending one goes when
    /// it completes.
    pub(super) fn delete_snapshot(
        &mut self,
        by: &By<'_>,
        id: &SnapshotId,
    ) -> Result<Receipt, CloudError> {
        let Some(snapshot) = self.snapshots.get(id).filter(|found| found.is_listed) else {
            let message = format!("The snapshot '{id}' does not exist.");
            let error = refuse("InvalidSnapshot.NotFound", message);
            return Err(with_class(error, ErrorClass::Ambiguous));
        };
        if self.imaged.contains(id) {
            let message = format!("The snapshot {id} is currently in use by an image");
            return Err(refuse("InvalidSnapshot.InUse", message));
        }
        let what = self.keeps(snapshot);
        self.judge_ownership(by, id.as_str());
        if let Some(what) = what {
            self.harm_by(by, HarmKind::DeletedSnapshot, what);
        }
        if let Some(snapshot) = self.snapshot_mut(id) {
            if snapshot.state == SnapshotState::Pending {
                snapshot.is_going = true;
            } else {
                snapshot.is_listed = false;
            }
        }
        Ok(Receipt::Accepted)
    }

    /// Makes an image of the account's of a snapshot, which cannot be deleted from then on.
    pub fn register_image(&mut self, of: &SnapshotId) {
        self.imaged.insert(of.clone());
    }

    /// Says for what a snapshot has to stay.
    fn keeps(&self, snapshot: &Snapshot) -> Option<String> {
        snapshot.owner.as_ref()?;
        // What holds nothing takes the place of no data.
        let supersedes = |found: &&Snapshot| {
            found.owner == snapshot.owner
                && found.is_usable()
                && found.number > snapshot.number
                && (found.content.holds_data() || !snapshot.content.holds_data())
        };
        if snapshot.state == SnapshotState::Completed
            && !self.snapshots.values().any(|it| supersedes(&it))
        {
            return Some("it is the newest complete one of its mount".to_owned());
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

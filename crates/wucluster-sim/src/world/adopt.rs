//! What a person names by its id, and gives a name.

use std::collections::BTreeSet;

use wucluster_core::ids::{ClusterName, InstanceId, NodeName, SnapshotId, VolumeId};
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::{Found, VolumeState};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::{KEY_WAS, Tags};

use super::owner::Owner;
use super::requests::By;
use super::state::World;
use crate::error::refuse;
use crate::world::harm_kind::HarmKind;

impl World {
    /// Finds one thing by its id, whosever it is, as it is now.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Found> {
        let instance = self.instances.get(&InstanceId::new(id)).filter(|found| found.is_listed);
        let instance = instance.and_then(|found| found.published.newest().cloned());
        let volume = self.volumes.get(&VolumeId::new(id));
        let volume = volume.and_then(|found| found.published.newest().cloned());
        let snapshot = self.snapshots.get(&SnapshotId::new(id));
        let snapshot = snapshot.and_then(|found| found.published.newest().cloned());
        instance
            .map(Found::Instance)
            .or_else(|| volume.map(Found::Volume))
            .or_else(|| snapshot.map(Found::Snapshot))
    }

    /// Returns the tags of something that is there, and neither gone nor going.
    pub(super) fn tags_of(&self, id: &AwaitedId) -> Option<&Tags> {
        match id {
            AwaitedId::Instance(id) => {
                let found = self.instances.get(id).filter(|found| !found.is_terminated());
                found.map(|found| &found.tags)
            }
            AwaitedId::Volume(id) => {
                let is_going =
                    |state| matches!(state, VolumeState::Deleting | VolumeState::Deleted);
                let found = self.volumes.get(id).filter(|found| !is_going(found.state.clone()));
                found.map(|found| &found.tags)
            }
            AwaitedId::Snapshot(id) => self.snapshots.get(id).map(|found| &found.tags),
        }
    }

    pub(super) fn adopt(
        &mut self,
        by: &By<'_>,
        id: &AwaitedId,
        tags: &Tags,
    ) -> Result<Receipt, CloudError> {
        let before = self.tags_of(id).ok_or_else(|| {
            let code = match id {
                AwaitedId::Instance(_) => "InvalidInstanceID.NotFound",
                AwaitedId::Volume(_) => "InvalidVolume.NotFound",
                AwaitedId::Snapshot(_) => "InvalidSnapshot.NotFound",
            };
            refuse(code, format!("{id} does not exist"))
        })?;
        let all = before.clone().with(tags);
        self.check_tags(&all)?;
        // What has a name keeps it, nobody may take it for another's: unless a person renamed it, which it then tells.
        let (is, becomes) = (Owner::of(before), Owner::of(&all));
        if let Some(is) = is.as_ref().filter(|is| becomes.as_ref() != Some(is)) {
            let was = is.subject().to_string();
            let is_same_cluster =
                becomes.as_ref().is_some_and(|becomes| becomes.cluster == is.cluster);
            if all.get(KEY_WAS) != Some(was.as_str()) || !is_same_cluster {
                let what = format!("{id} had another name before");
                self.harm_by(by, HarmKind::TouchedForeign, what);
            } else if self.is_taken(becomes.as_ref(), &was) {
                let what = format!("{id} was renamed to what has data of its own");
                self.harm_by(by, HarmKind::TouchedForeign, what);
            }
        }
        match id {
            AwaitedId::Instance(id) => {
                if let Some(found) = self.instance_mut(id) {
                    (found.tags, found.owner) = (all, becomes.clone());
                }
            }
            AwaitedId::Volume(id) => {
                if let Some(found) = self.volume_mut(id) {
                    (found.tags, found.owner) = (all, becomes.clone());
                }
            }
            AwaitedId::Snapshot(id) => {
                if let Some(found) = self.snapshot_mut(id) {
                    (found.tags, found.owner) = (all, becomes.clone());
                }
            }
        }
        if let (Some(is), Some(becomes)) = (is, becomes) {
            self.data_comes_along(&is, becomes);
        }
        Ok(Receipt::Accepted)
    }

    /// Says whether a name has something that did not come to it from a former one.
    fn is_taken(&self, becomes: Option<&Owner>, was: &str) -> bool {
        let is_other =
            |owner: Option<&Owner>, tags: &Tags| owner == becomes && tags.get(KEY_WAS) != Some(was);
        let volumes = self.volumes.values().filter(|found| found.state != VolumeState::Deleted);
        let snapshots = self.snapshots.values().filter(|found| found.is_listed);
        let machines = self.instances.values().filter(|found| !found.is_terminated());
        volumes.map(|found| (found.owner.as_ref(), &found.tags)).any(|(o, t)| is_other(o, t))
            || snapshots
                .map(|found| (found.owner.as_ref(), &found.tags))
                .any(|(o, t)| is_other(o, t))
            || machines
                .map(|found| (found.owner.as_ref(), &found.tags))
                .any(|(o, t)| is_other(o, t))
    }

    /// Whoever has a former name's things has its data; the former name has none once nothing of it is left.
    fn data_comes_along(&mut self, is: &Owner, becomes: Owner) {
        if *is == becomes || !self.had_data.contains(is) {
            return;
        }
        self.had_data.insert(becomes);
        let volumes = self.volumes.values().filter(|found| found.state != VolumeState::Deleted);
        let snapshots = self.snapshots.values().filter(|found| found.is_listed);
        let mut owners = volumes
            .map(|found| found.owner.as_ref())
            .chain(snapshots.map(|found| found.owner.as_ref()));
        if !owners.any(|owner| owner == Some(is)) {
            self.had_data.remove(is);
        }
    }
}

impl World {
    /// Lists the snapshots that are nobody's: a person took them.
    #[must_use]
    pub fn nameless_snapshots(&mut self) -> Vec<SnapshotId> {
        let nameless = self.snapshots.values().filter(|found| Owner::of(&found.tags).is_none());
        nameless.map(|found| found.id.clone()).collect()
    }

    /// Lists the ids of the stores that a node, and what is of its mounts, is marked with; `None` for what has no mark.
    #[must_use]
    pub fn stores_of(&self, cluster: &ClusterName, node: &NodeName) -> BTreeSet<Option<String>> {
        let is_of = |tags: &Tags| {
            Owner::of(tags).is_some_and(|owner| owner.cluster == *cluster && owner.node() == node)
        };
        let living = self.instances.values().filter(|found| !found.is_terminated());
        let volumes = self.volumes.values().filter(|found| found.state != VolumeState::Deleted);
        let tags = living
            .map(|found| &found.tags)
            .chain(volumes.map(|found| &found.tags))
            .chain(self.snapshots.values().map(|found| &found.tags));
        let ours = tags.filter(|tags| is_of(tags));
        ours.map(|tags| tags.store().map(|store| store.id)).collect()
    }
}

//! What was seen attached: a listing that goes back in time shows it as free, and its machine as about to start.

use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, NodeName, Subject, VolumeId};
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::{Observation, VolumeSeen};
use wucluster_core::time::Timestamp;

use super::Drive;
use crate::records::Fact;

/// A volume that was seen attached to a machine, and that its machine was not heard to have let go of since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenAttached {
    pub(super) mount: MountKey,
    pub(super) instance: InstanceId,
    /// When the last look was begun that showed it so.
    pub(super) seen_at: Timestamp,
}

impl Drive<'_, '_> {
    /// Remembers what a look shows as attached, and forgets what a machine has let go of, or took with it.
    pub(super) fn note_attached(&mut self, observation: &Observation) {
        let seen_at = observation.cloud_asked_at;
        for mount in &observation.mounts {
            for volume in &mount.volumes {
                let Some(attachment) = volume.open_attachments().next() else { continue };
                let instance = attachment.instance.clone();
                let seen = SeenAttached { mount: mount.key.clone(), instance, seen_at };
                let before = self.attached.insert(volume.id.clone(), seen);
                if before.is_none_or(|before| before.instance != attachment.instance) {
                    self.record(Fact::Attached {
                        mount: mount.key.clone(),
                        volume: volume.id.clone(),
                        instance: attachment.instance.clone(),
                    });
                }
            }
        }
        let lag = self.engine.cloud.limits().visibility_lag_max;
        let over: Vec<VolumeId> = self
            .attached
            .iter()
            .filter(|(volume, seen)| {
                seen.seen_at < seen_at
                    && (seen.seen_at.after(lag) <= seen_at
                        || self.was_let_go(volume, seen)
                        || self.has_ended(&AwaitedId::Instance(seen.instance.clone()))
                        || self.has_ended(&AwaitedId::Volume((*volume).clone())))
            })
            .map(|(volume, _)| volume.clone())
            .collect();
        for volume in over {
            self.attached.remove(&volume);
            self.record(Fact::LetGo { volume });
        }
    }

    fn has_ended(&self, id: &AwaitedId) -> bool {
        self.memory.ended.contains_key(id)
    }

    /// Says whether a machine answered since, and has no device of a volume.
    fn was_let_go(&self, volume: &VolumeId, seen: &SeenAttached) -> bool {
        let word = self.answers.get(&seen.mount.node);
        let word = word.filter(|word| word.instance == seen.instance);
        word.filter(|word| word.asked_at > seen.seen_at).is_some_and(|word| {
            word.probe.as_ref().is_ok_and(|probe| !probe.devices.contains_key(&volume.serial()))
        })
    }

    /// Says whether a listing shows as free what was seen attached before, for no longer than listings may be late, and
    /// nobody has told that it was let go of.
    pub(super) fn doubts_a_detachment(&self, observation: &Observation) -> bool {
        let is_apart = matches!(
            self.pursuit.demand,
            Demand::Unmounted
                | Demand::Separated
                | Demand::RecentlySnapshotted
                | Demand::Haltable
                | Demand::Parked
        );
        let scope = &self.pursuit.policy.scope;
        let is_meant = |seen: &SeenAttached| scope.has(&Subject::Mount(seen.mount.clone()));
        is_apart
            && self
                .attached
                .iter()
                .any(|(id, seen)| is_meant(seen) && is_shown_free(observation, id, seen))
    }

    /// Says whether a node is to be asked whether it has let go of what it was seen to have.
    pub(super) fn asks_what_it_let_go(
        &self,
        observation: &Observation,
        node: &NodeName,
        instance: &InstanceId,
    ) -> bool {
        self.attached.iter().any(|(id, seen)| {
            &seen.mount.node == node
                && &seen.instance == instance
                && is_shown_free(observation, id, seen)
        })
    }
}

fn is_shown_free(observation: &Observation, id: &VolumeId, seen: &SeenAttached) -> bool {
    let volumes = observation.mount(&seen.mount).into_iter().flat_map(|mount| &mount.volumes);
    volumes.filter(|volume| &volume.id == id).any(VolumeSeen::is_free)
}

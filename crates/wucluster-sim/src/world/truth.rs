//! The truth about one node or mount, for whoever judges: no listing and no node is asked.

use std::time::Duration;

use wucluster_core::action::CloudAction;
use wucluster_core::definition::Size;
use wucluster_core::ids::{
    ClusterName, InstanceId, MountKey, NodeName, SnapshotId, Subject, VolumeId,
};
use wucluster_core::observation::{SnapshotState, VolumeState};
use wucluster_core::tags::Identity;
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::owner::{Maker, Owner};
use super::snapshot::Snapshot;
use super::state::World;
use super::volume::Volume;

impl World {
    /// Lists the ids of a mount's volumes that are not gone, whatever their state, oldest first; by
    /// whom they were made for.
    #[must_use]
    pub fn existing_volumes_of(&self, mount: &MountKey) -> Vec<VolumeId> {
        let mut found: Vec<&Volume> = self
            .volumes
            .values()
            .filter(|volume| volume.state != VolumeState::Deleted)
            .filter(|volume| volume.owner.as_ref().is_some_and(|owner| owner.is_mount(mount)))
            .collect();
        found.sort_by_key(|volume| volume.number);
        found.into_iter().map(|volume| volume.id.clone()).collect()
    }

    /// Lists the ids of the volumes that carry a mount's name now, whatever their state.
    #[must_use]
    pub fn volumes_named(&self, cluster: &ClusterName, mount: &MountKey) -> Vec<VolumeId> {
        let name = Owner { cluster: cluster.clone(), identity: Identity::Mount(mount.clone()) };
        let volumes = self.volumes.values();
        volumes
            .filter(|found| found.state != VolumeState::Deleted && name.is_named_by(&found.tags))
            .map(|found| found.id.clone())
            .collect()
    }

    /// Lists the ids of the instances that carry a node's name now and are not terminated.
    #[must_use]
    pub fn instances_named(&self, cluster: &ClusterName, node: &NodeName) -> Vec<InstanceId> {
        let name = Owner { cluster: cluster.clone(), identity: Identity::Node(node.clone()) };
        let instances = self.instances.values();
        instances
            .filter(|found| !found.is_terminated() && name.is_named_by(&found.tags))
            .map(|found| found.id.clone())
            .collect()
    }

    /// Says whether an instance that carries a node's name has ended since a time.
    #[must_use]
    pub fn has_lost_namesake_since(
        &self,
        cluster: &ClusterName,
        node: &NodeName,
        since: Timestamp,
    ) -> bool {
        let name = Owner { cluster: cluster.clone(), identity: Identity::Node(node.clone()) };
        self.instances.values().any(|found| {
            found.is_terminated()
                && name.is_named_by(&found.tags)
                && found.published.since().is_some_and(|ended| ended >= since)
        })
    }

    /// Returns the node or mount of a cluster whose name a volume or instance carries now.
    #[must_use]
    pub fn named_by_tags(&self, cluster: &ClusterName, id: &str) -> Option<Subject> {
        let volume = self.volumes.get(&VolumeId::new(id)).map(|found| &found.tags);
        let instance = || self.instances.get(&InstanceId::new(id)).map(|found| &found.tags);
        let owner = Owner::of(volume.or_else(instance)?)?;
        (&owner.cluster == cluster).then(|| owner.subject())
    }

    /// Says whether somebody else made an instance or volume of a name, and changed it last within `late` before a
    /// time.
    #[must_use]
    pub fn has_new_namesake(&self, subject: &Subject, late: Duration, before: Timestamp) -> bool {
        let is_it = |maker: Maker, owner: Option<&Owner>, since: Option<Timestamp>| {
            maker == Maker::Human
                && owner.is_some_and(|owner| {
                    let named = owner.subject();
                    // Of which machine a mount is, is not known either.
                    &named == subject
                        || matches!(&named, Subject::Node(node) if Some(node) == subject.node())
                })
                && since.is_some_and(|since| since.after(late) >= before)
        };
        let mut instances = self.instances.values();
        let mut volumes = self.volumes.values();
        instances.any(|it| is_it(it.maker, it.owner.as_ref(), it.published.since()))
            || volumes.any(|it| is_it(it.maker, it.owner.as_ref(), it.published.since()))
    }

    /// Says whether a human made an instance.
    #[must_use]
    pub fn is_made_by_human(&self, id: &InstanceId) -> bool {
        self.instances.get(id).is_some_and(|found| found.maker == Maker::Human)
    }

    /// Says whether the cloud has accepted to end a volume or instance, and will.
    #[must_use]
    pub fn is_to_end(&self, id: &str) -> bool {
        let is_it = |action: &CloudAction| match action {
            CloudAction::DeleteVolume { volume, .. } => volume.as_str() == id,
            CloudAction::TerminateInstance { instance, .. } => instance.as_str() == id,
            _ => false,
        };
        self.is_to_come(is_it)
    }

    /// Says whether the cloud has accepted to stop an instance, or to end it, and will.
    #[must_use]
    pub fn is_to_halt(&self, id: &InstanceId) -> bool {
        self.is_to_come(|action| match action {
            CloudAction::StopInstance { instance, .. }
            | CloudAction::TerminateInstance { instance, .. } => instance == id,
            _ => false,
        })
    }

    fn is_to_come(&self, is_it: impl Fn(&CloudAction) -> bool) -> bool {
        self.events.values().any(
            |event| matches!(event, Event::Lands(parcel) if is_it(&parcel.action) && self.would_accept(&parcel.action)),
        )
    }

    /// Says whether a volume is attached to an instance that carries no mount's name.
    #[must_use]
    pub fn has_nameless_volume(&self, cluster: &ClusterName, instance: &InstanceId) -> bool {
        self.volumes.values().any(|volume| {
            let is_named = matches!(volume.tags.identity(cluster), Ok(Identity::Mount(_)));
            let to = volume.attachment.as_ref().map(|attachment| &attachment.instance);
            !is_named && to == Some(instance)
        })
    }

    /// Says whether a living machine has a file system of the mount in use, in any name space.
    #[must_use]
    pub fn is_in_use(&self, mount: &MountKey) -> bool {
        self.existing_volumes_of(mount).iter().any(|volume| {
            self.instances
                .values()
                .any(|found| !found.is_dead() && found.machine.is_holding(volume))
        })
    }

    /// Says whether a running machine sees the device of a mount's volume.
    #[must_use]
    pub fn sees_device(&self, mount: &MountKey) -> bool {
        self.existing_volumes_of(mount).iter().any(|volume| {
            self.instances
                .values()
                .any(|found| found.is_running() && found.machine.devices.contains_key(volume))
        })
    }

    /// Lists what keeps a mount from being unmounted now: processes, other name spaces, and what is
    /// mounted below it.
    #[must_use]
    pub fn kept_busy_by(&self, mount: &MountKey) -> Vec<String> {
        let mut busy = Vec::new();
        for volume in self.existing_volumes_of(mount) {
            for instance in self.instances.values().filter(|found| !found.is_dead()) {
                let machine = &instance.machine;
                let processes = machine.processes.iter();
                busy.extend(
                    processes
                        .filter(|(_, process)| process.volume == volume)
                        .map(|(pid, process)| format!("{} {pid}", process.command)),
                );
                busy.extend(machine.elsewhere.get(&volume).cloned());
                let own = machine.mounts.iter().filter(|mounted| mounted.volume == volume);
                busy.extend(
                    own.flat_map(|mounted| machine.nested(&mounted.at))
                        .map(|nested| format!("a mount at {}", nested.at)),
                );
            }
        }
        busy
    }

    /// Ends every process and container that holds a mount.
    pub fn let_go(&mut self, mount: &MountKey) {
        let volumes = self.existing_volumes_of(mount);
        for instance in self.instances.values_mut() {
            instance.machine.processes.retain(|_, process| !volumes.contains(&process.volume));
        }
        // In error when nothing holds it elsewhere, which is what is wanted.
        let _ = self.release_elsewhere(mount);
    }

    /// Says whether a complete snapshot that a launch would find holds what is on the volume.
    #[must_use]
    pub fn is_kept(&self, volume: &VolumeId) -> bool {
        self.volumes.get(volume).is_some_and(|volume| self.is_saved(volume))
    }

    /// Says whether a volume would be deleted with the instance that it is attached to.
    #[must_use]
    pub fn dies_with_instance(&self, volume: &VolumeId) -> bool {
        let attachment = self.volumes.get(volume).and_then(|found| found.attachment.as_ref());
        attachment.is_some_and(|attachment| attachment.delete_on_termination)
    }

    /// Returns the mount that a volume was made for.
    #[must_use]
    pub fn mount_of(&self, volume: &VolumeId) -> Option<MountKey> {
        match &self.volumes.get(volume)?.owner.as_ref()?.identity {
            Identity::Mount(mount) => Some(mount.clone()),
            Identity::Node(_) => None,
        }
    }

    /// Returns the state of a mount's newest snapshot that ever was, deleted ones included, and
    /// whether it still exists.
    #[must_use]
    pub fn newest_snapshot_ever(&self, mount: &MountKey) -> Option<(SnapshotState, bool)> {
        let newest: Option<&Snapshot> = self
            .snapshots
            .values()
            .filter(|found| found.owner.as_ref().is_some_and(|owner| owner.is_mount(mount)))
            .max_by_key(|found| found.number);
        newest.map(|found| (found.state.clone(), found.is_listed))
    }

    /// Says whether a snapshot of a mount that was begun before some time exists no more.
    #[must_use]
    pub fn lost_a_snapshot_of(&self, mount: &MountKey, before: Timestamp) -> bool {
        let of_mount = self
            .snapshots
            .values()
            .filter(|found| found.owner.as_ref().is_some_and(|owner| owner.is_mount(mount)));
        let mut earlier = of_mount.filter(|found| found.started_at < before);
        earlier.any(|found| !found.is_listed)
    }

    /// Returns a volume's true size; `None` when there never was such a volume.
    #[must_use]
    pub fn volume_size(&self, id: &VolumeId) -> Option<Size> {
        self.volumes.get(id).map(|found| found.size)
    }

    /// Returns the zone of a volume; `None` when there never was such a volume.
    #[must_use]
    pub fn volume_zone(&self, id: &VolumeId) -> Option<&str> {
        self.volumes.get(id).map(|found| found.zone.as_str())
    }

    /// Returns the zone of an instance; `None` when there never was such an instance.
    #[must_use]
    pub fn instance_zone(&self, id: &InstanceId) -> Option<&str> {
        self.instances.get(id).map(|found| found.zone.as_str())
    }

    /// Returns the size of the volume that a snapshot was taken of; `None` when there never was such a snapshot.
    #[must_use]
    pub fn snapshot_size(&self, id: &SnapshotId) -> Option<Size> {
        self.snapshots.get(id).map(|found| found.size)
    }

    /// Counts the snapshots of a volume that ended in error and still exist.
    #[must_use]
    pub fn failed_snapshots_of(&self, volume: &VolumeId) -> usize {
        let of_volume = self.snapshots.values().filter(|found| &found.volume == volume);
        of_volume.filter(|found| found.is_listed && found.state == SnapshotState::Error).count()
    }

    /// Says whether a mount ever held data.
    #[must_use]
    pub fn ever_had_data(&self, mount: &MountKey) -> bool {
        self.had_data.iter().any(|owner| owner.is_mount(mount))
    }

    /// Lists the ids of a node's instances that run, or are on their way up or down.
    #[must_use]
    pub fn living_instances_of(&self, node: &NodeName) -> Vec<InstanceId> {
        let ids = self.instances_of(node).into_iter();
        ids.filter(|id| self.instances.get(id).is_some_and(|found| !found.is_dead())).collect()
    }
}

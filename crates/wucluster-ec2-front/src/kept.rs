//! What the port does not tell, and EC2 would: kept from the requests themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use wucluster_core::ids::{
    ClusterName, InstanceId, MountKey, MountName, NodeName, Subject, VolumeId,
};
use wucluster_core::node_set::NodeSet;
use wucluster_core::observation::{AttachmentState, CloudView, VolumeSeen, VolumeState};
use wucluster_core::tags::{KEY_MOUNT, KEY_NODE, KEY_NODES, Tags};
use wucluster_core::time::Timestamp;

use crate::doors::Doors;

/// All that is kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Whose things are.
    pub(crate) subjects: BTreeMap<String, Subject>,
    pub(crate) machines: BTreeMap<InstanceId, Machine>,
    pub(crate) disks: BTreeMap<VolumeId, Disk>,
    /// The clusters that were ever asked about.
    pub(crate) clusters: BTreeSet<ClusterName>,
    /// Security groups and key pairs.
    pub(crate) doors: Doors,
    places: BTreeMap<VolumeId, Place>,
    /// Volumes as the newest look showed them.
    volumes: BTreeMap<VolumeId, VolumeSeen>,
    /// Since when volumes are being deleted.
    deleted: BTreeMap<VolumeId, Instant>,
    /// When the newest look was asked for: what is asked of the cloud rests on it.
    pub(crate) seen_at: Timestamp,
}

/// What an instance was run with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    pub(crate) image: String,
    pub(crate) kind: String,
    /// Its place among those that the call made.
    pub(crate) place: usize,
    /// Whose those are, by their tags.
    pub(crate) set: Option<NodeSet>,
}

impl Machine {
    /// Returns the tags that it was made with, and those that it got since: the port gives each machine its own name.
    pub(crate) fn tags(&self, seen: &Tags) -> Tags {
        let Some(set) = &self.set else { return seen.clone() };
        let own = set.nodes().nth(self.place);
        if own.is_some_and(|own| seen.get(KEY_NODE) == Some(own.as_str())) {
            return seen.of_set(set);
        }
        let mut tags = seen.clone();
        tags.set(KEY_NODES, set.as_str());
        tags
    }
}

/// What a volume was made with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) kind: Option<String>,
    pub(crate) iops: Option<u32>,
    pub(crate) throughput: Option<u32>,
    pub(crate) is_encrypted: bool,
}

/// Under which name a volume is attached.
#[derive(Debug, Clone)]
struct Place {
    instance: InstanceId,
    device: String,
    /// Whether a look showed it attached: only then one that does not means that it is gone.
    was_shown: bool,
}

impl Kept {
    /// Takes up a look.
    pub(crate) fn look(&mut self, view: &CloudView) {
        self.seen_at = self.seen_at.max(view.asked_at);
        let instances = view.instances.iter().map(|seen| (seen.id.as_str(), &seen.tags));
        let volumes = view.volumes.iter().map(|seen| (seen.id.as_str(), &seen.tags));
        let snapshots = view.snapshots.iter().map(|seen| (seen.id.as_str(), &seen.tags));
        for (id, tags) in instances.chain(volumes).chain(snapshots) {
            self.subjects.insert(id.to_owned(), subject(id, tags));
        }
        for seen in &view.volumes {
            self.volumes.insert(seen.id.clone(), seen.clone());
            let Some(place) = self.places.get_mut(&seen.id) else { continue };
            let is_here = seen.open_attachments().any(|one| one.instance == place.instance);
            if place.was_shown && !is_here {
                self.places.remove(&seen.id);
            } else {
                place.was_shown |= is_here;
            }
        }
    }

    /// Takes down that a volume was deleted.
    pub(crate) fn delete(&mut self, volume: VolumeId) {
        self.deleted.entry(volume).or_insert_with(Instant::now);
    }

    /// Shows what was deleted within that time, and is not listed any more, as being deleted.
    pub(crate) fn linger(&mut self, view: &mut CloudView, time: Duration) {
        self.deleted.retain(|_, since| since.elapsed() < time);
        for id in self.deleted.keys() {
            let Some(last) = self.volumes.get(id) else { continue };
            if view.volumes.iter().all(|seen| seen.id != *id) {
                let state = VolumeState::Deleting;
                view.volumes.push(VolumeSeen { state, attachments: Vec::new(), ..last.clone() });
            }
        }
    }

    /// Returns the name under which a volume is attached, if it is known.
    pub(crate) fn device(&self, volume: &VolumeId, instance: &InstanceId) -> Option<&str> {
        let place = self.places.get(volume).filter(|place| place.instance == *instance)?;
        Some(&place.device)
    }

    /// Says whether another volume has that name on an instance.
    pub(crate) fn is_taken(&self, instance: &InstanceId, device: &str, by: &VolumeId) -> bool {
        self.places.iter().any(|(volume, place)| {
            volume != by && place.instance == *instance && place.device == device
        })
    }

    /// Gives a volume its name on an instance.
    pub(crate) fn place(&mut self, volume: VolumeId, instance: InstanceId, device: String) {
        self.places.insert(volume, Place { instance, device, was_shown: false });
    }
}

/// Reads off tags whose a thing is.
pub(crate) fn subject(id: &str, tags: &Tags) -> Subject {
    let node = tags.get(KEY_NODE).and_then(|name| NodeName::new(name).ok());
    let mount = tags.get(KEY_MOUNT).map(MountName::new);
    match (node, mount) {
        (Some(node), None) => Subject::Node(node),
        (Some(node), Some(Ok(mount))) => Subject::Mount(MountKey { node, mount }),
        (_, _) => Subject::Stranger(id.to_owned()),
    }
}

/// The name of a node that has none.
pub(crate) fn nameless() -> NodeName {
    NodeName::new("nameless").expect("it is a name")
}

/// Returns the mount that a thing belongs to, or one without a name.
pub(crate) fn mount(subject: Subject) -> MountKey {
    match subject {
        Subject::Mount(key) => key,
        Subject::Node(_) | Subject::Cluster | Subject::Stranger(_) => {
            MountKey { node: nameless(), mount: MountName::new("nameless").expect("it is a name") }
        }
    }
}

/// The instance's word for the state of an attachment; it has none for `busy`. `None`: it has no entry.
pub(crate) fn instances_word(state: &AttachmentState) -> Option<String> {
    match state {
        AttachmentState::Detached => None,
        AttachmentState::Busy => Some(AttachmentState::Detaching.to_string()),
        state => Some(state.to_string()),
    }
}

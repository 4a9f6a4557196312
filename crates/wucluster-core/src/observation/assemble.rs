//! The join of the cloud's listing and the nodes' answers with the definition, by tags.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{
    AttachmentState, CloudView, DeviceSeen, FilesystemState, Gap, GapKind, InstanceSeen,
    InstanceState, MountObservation, MountSeen, NodeObservation, NodeProbe, NodeViews, Observation,
    Observed, SnapshotSeen, Stranger, VolumeSeen, VolumeState,
};
use crate::definition::ClusterDefinition;
use crate::ids::{InstanceId, MountKey, NodeName};
use crate::tags::{Identity, Tags};
use crate::time::Timestamp;

impl Observation {
    /// Joins one look at the cloud and the nodes' last answers with the definition.
    ///
    /// The order of the listings does not matter. Nothing is dropped: what fits no node or mount is
    /// set aside as a stranger.
    #[must_use]
    pub fn assemble(
        definition: &ClusterDefinition,
        cloud: &CloudView,
        answers: &NodeViews,
    ) -> Self {
        let mut found = Found::default();
        for instance in &cloud.instances {
            found.instance(definition, instance);
        }
        for volume in cloud.volumes.iter().filter(|volume| volume.state != VolumeState::Deleted) {
            found.volume(definition, volume);
        }
        for snapshot in &cloud.snapshots {
            found.snapshot(definition, snapshot);
        }
        let (names, keys) = (found.node_names(definition), found.mount_keys(definition));
        let nodes: Vec<NodeObservation> =
            names.into_iter().map(|name| found.node(definition, name, cloud, answers)).collect();
        let seen = Seen {
            at: cloud.asked_at,
            instances: cloud.instances.iter().map(|instance| (&instance.id, instance)).collect(),
            nodes: nodes.iter().map(|node| (&node.name, node)).collect(),
            serials: found.serials(),
        };
        let mounts = keys.into_iter().map(|key| found.mount(definition, key, &seen)).collect();
        found.strangers.sort_by(|a, b| a.id.cmp(&b.id));
        Self::new(cloud.asked_at, nodes, mounts, found.strangers, cloud.requests)
    }
}

/// What a mount's state is told from, by name.
struct Seen<'a> {
    at: Timestamp,
    instances: BTreeMap<&'a InstanceId, &'a InstanceSeen>,
    nodes: IndexMap<&'a NodeName, &'a NodeObservation>,
    /// The serials of all volumes that are listed by the name of a mount.
    serials: BTreeSet<String>,
}

#[derive(Default)]
struct Found {
    instances: BTreeMap<NodeName, Vec<InstanceSeen>>,
    volumes: BTreeMap<MountKey, Vec<VolumeSeen>>,
    snapshots: BTreeMap<MountKey, Vec<SnapshotSeen>>,
    strangers: Vec<Stranger>,
}

impl Found {
    fn instance(&mut self, definition: &ClusterDefinition, seen: &InstanceSeen) {
        match seen.tags.identity(&definition.name) {
            Ok(Identity::Node(node)) => self.instances.entry(node).or_default().push(seen.clone()),
            // A terminated instance loses its tags while it lingers, and is nobody's concern.
            _ if seen.state == InstanceState::Terminated => {}
            other => {
                self.strange(
                    "instance",
                    seen.id.as_str(),
                    seen.state.as_str(),
                    &seen.tags,
                    other,
                    &[],
                );
            }
        }
    }

    fn volume(&mut self, definition: &ClusterDefinition, seen: &VolumeSeen) {
        match seen.tags.identity(&definition.name) {
            Ok(Identity::Mount(key)) => self.volumes.entry(key).or_default().push(seen.clone()),
            other => {
                let held_by: Vec<_> =
                    seen.open_attachments().map(|one| one.instance.clone()).collect();
                let state = seen.state.as_str();
                self.strange("volume", seen.id.as_str(), state, &seen.tags, other, &held_by);
            }
        }
    }

    fn snapshot(&mut self, definition: &ClusterDefinition, seen: &SnapshotSeen) {
        match seen.tags.identity(&definition.name) {
            Ok(Identity::Mount(key)) => self.snapshots.entry(key).or_default().push(seen.clone()),
            other => {
                self.strange(
                    "snapshot",
                    seen.id.as_str(),
                    seen.state.as_str(),
                    &seen.tags,
                    other,
                    &[],
                );
            }
        }
    }

    fn strange(
        &mut self,
        kind: &str,
        id: &str,
        state: &str,
        tags: &Tags,
        identity: Result<Identity, String>,
        held_by: &[InstanceId],
    ) {
        let why = match identity {
            Ok(Identity::Node(node)) => {
                format!("it is tagged as node `{node}`, which a {kind} cannot be")
            }
            Ok(Identity::Mount(key)) => {
                format!("it is tagged as mount `{key}`, which an {kind} cannot be")
            }
            Err(why) => why,
        };
        // Whatever does not carry the cluster's own tag was listed by mistake and is not shown at all.
        if tags.get(crate::tags::KEY_CLUSTER).is_some() {
            self.strangers.push(Stranger {
                id: id.to_owned(),
                kind: kind.to_owned(),
                state: state.to_owned(),
                why,
                held_by: held_by.to_vec(),
            });
        }
    }

    fn serials(&self) -> BTreeSet<String> {
        self.volumes.values().flatten().map(|volume| volume.id.serial()).collect()
    }

    fn node_names(&self, definition: &ClusterDefinition) -> Vec<NodeName> {
        let living = self
            .instances
            .iter()
            .filter(|(_, seen)| {
                seen.iter().any(|instance| instance.state != InstanceState::Terminated)
            })
            .map(|(name, _)| name.clone());
        let of_mounts = self.volumes.keys().map(|key| key.node.clone());
        let others: BTreeSet<NodeName> =
            living.chain(of_mounts).filter(|name| !definition.nodes.contains_key(name)).collect();
        definition.nodes.keys().cloned().chain(others).collect()
    }

    fn mount_keys(&self, definition: &ClusterDefinition) -> Vec<MountKey> {
        let others: BTreeSet<MountKey> = self
            .volumes
            .keys()
            .chain(self.snapshots.keys())
            .filter(|key| definition.mount(key).is_none())
            .cloned()
            .collect();
        definition.mounts().map(|(key, _)| key).chain(others).collect()
    }

    fn node(
        &mut self,
        definition: &ClusterDefinition,
        name: NodeName,
        cloud: &CloudView,
        answers: &NodeViews,
    ) -> NodeObservation {
        let mut seen = self.instances.remove(&name).unwrap_or_default();
        seen.sort_by(|a, b| a.id.cmp(&b.id));
        // Pages that are torn list the same thing twice.
        seen.dedup();
        let (terminated, instances): (Vec<_>, Vec<_>) =
            seen.into_iter().partition(|instance| instance.state == InstanceState::Terminated);
        let answer = match instances.as_slice() {
            [one] => answers.get(&name).filter(|answer| answer.instance == one.id),
            _ => None,
        };
        let not_asked = |why: &str| {
            Observed::Unknown(Gap {
                kind: GapKind::NotAsked,
                why: why.to_owned(),
                at: cloud.asked_at,
            })
        };
        let probe = match instances.as_slice() {
            [] => Observed::Absent,
            [one] => match &one.state {
                InstanceState::Running if answer.is_none() && one.ssh.is_none() => {
                    Observed::Unknown(Gap {
                        kind: GapKind::NoAddress,
                        why: "boots; it has no address for ssh yet".to_owned(),
                        at: cloud.asked_at,
                    })
                }
                InstanceState::Stopped | InstanceState::Terminated => Observed::Absent,
                // What has answered has started: a listing that goes back in time shows what was.
                InstanceState::Pending => match answer.map(|answer| &answer.probe) {
                    Some(Ok(probe)) => Observed::Present(probe.clone()),
                    Some(Err(_)) | None => not_asked("the machine is starting"),
                },
                InstanceState::Stopping | InstanceState::ShuttingDown => {
                    not_asked("the machine is halting")
                }
                InstanceState::Unrecognized(word) => {
                    not_asked(&format!("the machine's state is `{word}`"))
                }
                InstanceState::Running => match answer.map(|answer| &answer.probe) {
                    Some(Ok(probe)) => Observed::Present(probe.clone()),
                    Some(Err(gap)) => Observed::Unknown(gap.clone()),
                    None => not_asked("not asked yet"),
                },
            },
            _ => not_asked("more than one instance carries this node's name"),
        };
        NodeObservation {
            is_defined: definition.nodes.contains_key(&name),
            name,
            instances,
            terminated,
            // The word of a machine that has halted since is no word, and no newer one will come.
            probed_at: answer.map(|answer| answer.asked_at).filter(|_| probe != Observed::Absent),
            probe,
        }
    }

    fn mount(
        &mut self,
        definition: &ClusterDefinition,
        key: MountKey,
        seen: &Seen<'_>,
    ) -> MountObservation {
        let mut volumes = self.volumes.remove(&key).unwrap_or_default();
        volumes.sort_by(|a, b| a.id.cmp(&b.id));
        volumes.dedup();
        let (mut checkpoints, mut snapshots): (Vec<_>, Vec<_>) = self
            .snapshots
            .remove(&key)
            .unwrap_or_default()
            .into_iter()
            .partition(|seen| seen.tags.is_checkpoint());
        checkpoints.sort_by(|a, b| {
            let rank =
                |seen: &SnapshotSeen| (seen.tags.checkpoint().map(|of| of.number), seen.started_at);
            rank(b).cmp(&rank(a)).then_with(|| b.id.cmp(&a.id))
        });
        snapshots.sort_by(|a, b| {
            let rank = |seen: &SnapshotSeen| {
                (seen.tags.epoch().map(|epoch| epoch.number), seen.started_at)
            };
            rank(b).cmp(&rank(a)).then_with(|| b.id.cmp(&a.id))
        });
        let point = definition.mount(&key).map(|mount| mount.at.as_str());
        let filesystem = match volumes.as_slice() {
            [] => unlisted_at(point, &key, seen).map_or(Observed::Absent, Observed::Present),
            [one] => filesystem(one, point, &key, seen),
            _ => Observed::Unknown(Gap {
                kind: GapKind::NotAsked,
                why: "more than one volume carries this mount's name".to_owned(),
                at: seen.at,
            }),
        };
        let is_defined = point.is_some();
        MountObservation { is_defined, key, volumes, snapshots, checkpoints, filesystem }
    }
}

/// Tells what is mounted at the place of a mount without a volume, if that is a volume which is not listed by any
/// name: one that lost it.
fn unlisted_at(point: Option<&str>, key: &MountKey, seen: &Seen<'_>) -> Option<FilesystemState> {
    let probe = seen.nodes.get(&key.node)?.probe.present()?;
    let is_there = |device: &DeviceSeen| device.mounts.iter().any(|mount| point == Some(&mount.at));
    let mut unlisted = probe.volumes().filter(|(serial, _)| !seen.serials.contains(*serial));
    let (serial, device) = unlisted.find(|(_, device)| is_there(device))?;
    Some(FilesystemState::MountedElsewhere {
        at: device.mounts.iter().map(|mount| mount.at.clone()).collect(),
        why: format!("it is device {serial}, and no volume that is listed for a mount is that"),
    })
}

/// Tells what the file system of a volume does, as far as the cloud and its node can say.
fn filesystem(
    volume: &VolumeSeen,
    point: Option<&str>,
    key: &MountKey,
    seen: &Seen<'_>,
) -> Observed<FilesystemState> {
    let unknown =
        |why: String| Observed::Unknown(Gap { kind: GapKind::NotAsked, why, at: seen.at });
    let open: Vec<_> = volume.open_attachments().collect();
    let attachment = match open.as_slice() {
        [] => return Observed::Absent,
        [one] => *one,
        _ => return unknown("the volume has several attachments".to_owned()),
    };
    let Some(holder) = seen.instances.get(&attachment.instance) else {
        return unknown(format!(
            "the listing does not show {}, which holds the volume",
            attachment.instance
        ));
    };
    if holder.state.is_dead() {
        return Observed::Absent;
    }
    let node = seen.nodes.get(&key.node);
    let Some(node) = node.filter(|node| node.instance().is_some_and(|own| own.id == holder.id))
    else {
        return unknown(format!("{} is not this node's own instance", holder.id));
    };
    match &node.probe {
        Observed::Present(probe) => match probe.devices.get(&volume.id.serial()) {
            None => match shown_without_device(probe, &volume.id.serial(), point) {
                Some(mount) => unknown(format!(
                    "the node lists no device of it, and {} is mounted at {}",
                    mount.kind, mount.at
                )),
                // While the cloud attaches or detaches, a device that is not there may still come or
                // be going.
                None => Observed::Present(FilesystemState::NoDevice),
            },
            Some(device) => {
                Observed::Present(device_state(device, &volume.id.serial(), point, probe))
            }
        },
        Observed::Absent => unknown("the node's instance is not seen to run".to_owned()),
        Observed::Unknown(gap) => match (&holder.state, &attachment.state) {
            // A machine that has not begun to run our requests cannot have mounted what is just arriving.
            (InstanceState::Pending, AttachmentState::Attaching) => {
                Observed::Present(FilesystemState::NoDevice)
            }
            _ => Observed::Unknown(gap.clone()),
        },
    }
}

/// Returns the mount that may be that of a device which the node does not list: an answer that
/// contradicts itself proves nothing.
fn shown_without_device<'a>(
    probe: &'a NodeProbe,
    serial: &str,
    point: Option<&str>,
) -> Option<&'a MountSeen> {
    probe.mount_table.iter().find(|mount| match mount.serial.as_deref() {
        Some(other) => other == serial,
        None => point == Some(mount.at.as_str()),
    })
}

fn device_state(
    device: &DeviceSeen,
    serial: &str,
    point: Option<&str>,
    probe: &NodeProbe,
) -> FilesystemState {
    let taken_by = point.and_then(|at| {
        let top = probe.mount_table.iter().rfind(|mount| mount.at == at)?;
        (top.serial.as_deref() != Some(serial)).then(|| match &top.serial {
            Some(other) => format!("{} of device {other}", top.kind),
            None => top.kind.clone(),
        })
    });
    if device.mounts.is_empty() {
        return match (device.is_held, device.on_top.is_empty()) {
            (Some(false), true) => match taken_by {
                Some(by) => FilesystemState::PointTaken { by, contents: device.contents.clone() },
                None => FilesystemState::Unmounted { contents: device.contents.clone() },
            },
            (Some(false), false) => FilesystemState::Held {
                why: format!("{} stands on it", device.on_top.join(", ")),
                holders: device.holders.clone(),
            },
            (Some(true), _) => FilesystemState::Held {
                why: "the kernel refuses an exclusive open, though no mount table that was read shows it mounted"
                    .to_owned(),
                holders: device.holders.clone(),
            },
            (None, _) => FilesystemState::Held {
                why: "whether it is in use could not be told".to_owned(),
                holders: device.holders.clone(),
            },
        };
    }
    let places = || device.mounts.iter().map(|mount| mount.at.clone()).collect();
    let Some(point) = point else {
        return FilesystemState::Mounted { at: device.mounts[0].at.clone() };
    };
    match device.mounts.iter().find(|mount| mount.at == point) {
        None => FilesystemState::MountedElsewhere { at: places(), why: format!("not at {point}") },
        Some(mount) if !mount.is_root => FilesystemState::MountedElsewhere {
            at: places(),
            why: "only a directory of it is mounted".to_owned(),
        },
        Some(mount) if mount.is_read_only => {
            FilesystemState::MountedElsewhere { at: places(), why: "it is read-only".to_owned() }
        }
        Some(_) => match taken_by {
            Some(by) => {
                FilesystemState::MountedElsewhere { at: places(), why: format!("{by} covers it") }
            }
            None => FilesystemState::Mounted { at: point.to_owned() },
        },
    }
}

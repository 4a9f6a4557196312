//! Instances, volumes and snapshots as EC2 writes them.

use wucluster_core::ids::{InstanceId, VolumeId};
use wucluster_core::observation::{
    AttachmentSeen, InstanceSeen, InstanceState, SnapshotSeen, VolumeSeen,
};
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use crate::front::{ACCOUNT, FrontOptions};
use crate::kept::{Kept, instances_word};
use crate::xml::Xml;

/// The name of the system's disk.
pub(crate) const ROOT: &str = "/dev/xvda";
/// Under which name a volume is shown of which nobody said one.
const SOMEWHERE: &str = "/dev/xvdzz";

/// Writes a time. Source: EC2 API reference: ISO 8601 in UTC.
pub(crate) fn time(at: Timestamp) -> String {
    let read = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    format!("{read:.3}")
}

pub(crate) fn tags(xml: &mut Xml, tags: &Tags) {
    xml.list("tagSet", tags.iter(), |xml, (key, value)| {
        xml.leaf("key", key);
        xml.leaf("value", value);
    });
}

/// Writes the state of an instance. Source: EC2 API reference, `InstanceState`.
pub(crate) fn state(xml: &mut Xml, name: &str, state: &InstanceState) {
    let code = match state {
        InstanceState::Pending => 0,
        InstanceState::Running => 16,
        InstanceState::ShuttingDown => 32,
        InstanceState::Terminated => 48,
        InstanceState::Stopping => 64,
        InstanceState::Stopped => 80,
        InstanceState::Unrecognized(_) => 255,
    };
    xml.node(name, |xml| {
        xml.leaf("code", code);
        xml.leaf("name", state);
    });
}

/// Writes an instance, with the volumes that are attached to it.
pub(crate) fn instance(
    xml: &mut Xml,
    seen: &InstanceSeen,
    volumes: &[VolumeSeen],
    kept: &Kept,
    options: &FrontOptions,
) {
    xml.leaf("instanceId", &seen.id);
    if let Some(machine) = kept.machines.get(&seen.id) {
        xml.leaf("imageId", &machine.image);
        xml.leaf("instanceType", &machine.kind);
    }
    state(xml, "instanceState", &seen.state);
    xml.leaf_of("launchTime", seen.launched_at.map(time));
    if let Some(zone) = &seen.zone {
        xml.node("placement", |xml| xml.leaf("availabilityZone", zone));
    }
    xml.leaf_of("privateIpAddress", seen.address.as_ref());
    xml.leaf_of("ipAddress", seen.ssh.as_ref().map(|ssh| (options.address)(ssh)));
    if let Some(reason) = &seen.state_reason {
        xml.node("stateReason", |xml| {
            xml.leaf("code", reason.split(':').next().unwrap_or_default());
            xml.leaf("message", reason);
        });
    }
    xml.leaf("rootDeviceName", ROOT);
    xml.leaf("rootDeviceType", "ebs");
    xml.node("blockDeviceMapping", |xml| {
        if seen.state != InstanceState::Terminated {
            let root = AttachmentSeen {
                instance: seen.id.clone(),
                state: wucluster_core::observation::AttachmentState::Attached,
                since: seen.launched_at,
                delete_on_termination: Some(true),
            };
            mapping(xml, &root_volume(&seen.id), ROOT, &root);
        }
        for volume in volumes {
            for one in volume.attachments.iter().filter(|one| one.instance == seen.id) {
                let device = kept.device(&volume.id, &seen.id).unwrap_or(SOMEWHERE);
                mapping(xml, &volume.id, device, one);
            }
        }
    });
    let machine = kept.machines.get(&seen.id);
    xml.leaf_of("amiLaunchIndex", machine.map(|machine| machine.place));
    match machine {
        Some(machine) => tags(xml, &machine.tags(&seen.tags)),
        None => tags(xml, &seen.tags),
    }
}

/// Names the volume that is an instance's root disk: nobody's mount, and in no listing.
fn root_volume(instance: &InstanceId) -> VolumeId {
    VolumeId::new(format!("vol-root{}", instance.as_str().trim_start_matches("i-")))
}

fn mapping(xml: &mut Xml, volume: &VolumeId, device: &str, one: &AttachmentSeen) {
    let Some(word) = instances_word(&one.state) else { return };
    xml.node("item", |xml| {
        xml.leaf("deviceName", device);
        xml.node("ebs", |xml| {
            xml.leaf("volumeId", volume);
            xml.leaf("status", word);
            xml.leaf_of("attachTime", one.since.map(time));
            xml.leaf_of("deleteOnTermination", one.delete_on_termination);
        });
    });
}

/// Writes a volume.
pub(crate) fn volume(xml: &mut Xml, seen: &VolumeSeen, kept: &Kept) {
    xml.leaf("volumeId", &seen.id);
    xml.leaf("size", seen.size.gib());
    // It is there, and empty, where it was made blank.
    xml.leaf("snapshotId", seen.from_snapshot.as_ref().map_or("", |id| id.as_str()));
    xml.leaf_of("availabilityZone", seen.zone.as_ref());
    xml.leaf("status", &seen.state);
    xml.leaf_of("createTime", seen.created_at.map(time));
    xml.list("attachmentSet", &seen.attachments, |xml, one| {
        let device = kept.device(&seen.id, &one.instance).unwrap_or(SOMEWHERE);
        xml.leaf("volumeId", &seen.id);
        xml.leaf("instanceId", &one.instance);
        xml.leaf("device", device);
        xml.leaf("status", &one.state);
        xml.leaf_of("attachTime", one.since.map(time));
        xml.leaf_of("deleteOnTermination", one.delete_on_termination);
    });
    if let Some(disk) = kept.disks.get(&seen.id) {
        xml.leaf_of("volumeType", disk.kind.as_ref());
        xml.leaf_of("iops", disk.iops);
        xml.leaf_of("throughput", disk.throughput);
        xml.leaf("encrypted", disk.is_encrypted);
    }
    tags(xml, &seen.tags);
}

/// Writes a snapshot.
pub(crate) fn snapshot(xml: &mut Xml, seen: &SnapshotSeen) {
    xml.leaf("snapshotId", &seen.id);
    xml.leaf("volumeId", &seen.volume);
    xml.leaf("status", &seen.state);
    xml.leaf_of("statusMessage", seen.message.as_ref());
    xml.leaf_of("startTime", seen.started_at.map(time));
    xml.leaf_of("progress", seen.progress_percent.map(|percent| format!("{percent}%")));
    xml.leaf("ownerId", ACCOUNT);
    xml.leaf("volumeSize", seen.size.gib());
    xml.leaf("storageTier", "standard");
    tags(xml, &seen.tags);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_their_milliseconds() {
        assert_eq!(time(Timestamp::from_millis(1_500)), "1970-01-01T00:00:01.500Z");
    }
}

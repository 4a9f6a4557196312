//! From the SDK's types to the core's: what a listing shows.

use std::collections::BTreeMap;

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{self, Instance, Snapshot, StorageTier, Tag, Volume};
use wucluster_core::definition::Size;
use wucluster_core::ids::{InstanceId, SnapshotId, VolumeId};
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, InstanceSeen, InstanceState, SnapshotSeen, SnapshotState,
    SshEndpoint, VolumeSeen, VolumeState,
};
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use crate::attachments;

/// What an instance's own listing says of a volume that it has.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) instance: InstanceId,
    pub(crate) state: Option<AttachmentState>,
    pub(crate) delete_on_termination: Option<bool>,
    pub(crate) since: Option<Timestamp>,
}

/// The instances' words about volumes.
#[derive(Debug, Default)]
pub(crate) struct Mappings {
    /// What they have, per volume.
    of_volume: BTreeMap<VolumeId, Vec<Mapping>>,
    /// The instances that are listed and have shown themselves long enough to have told what they have.
    listed: Vec<InstanceId>,
}

impl Mappings {
    /// Takes up what instances say.
    pub(crate) fn of<'a>(instances: impl IntoIterator<Item = &'a Instance>) -> Self {
        let mut mappings = Self::default();
        for one in instances {
            let Some(id) = one.instance_id.as_deref().map(InstanceId::new) else { continue };
            // A terminated one tells nothing of what is still being let go.
            if state(one) != InstanceState::Terminated {
                mappings.listed.push(id.clone());
            }
            for mapping in one.block_device_mappings() {
                let Some(ebs) = mapping.ebs() else { continue };
                let Some(volume) = ebs.volume_id() else { continue };
                let found = Mapping {
                    instance: id.clone(),
                    state: ebs.status().map(|status| status.as_str().to_owned().into()),
                    delete_on_termination: ebs.delete_on_termination(),
                    since: ebs.attach_time().map(time),
                };
                mappings.of_volume.entry(VolumeId::new(volume)).or_default().push(found);
            }
        }
        mappings
    }

    fn of_volume(&self, id: &VolumeId) -> &[Mapping] {
        self.of_volume.get(id).map_or(&[], Vec::as_slice)
    }
}

/// Returns an instance's state; a word that EC2 has and we do not is carried.
fn state(seen: &Instance) -> InstanceState {
    let state = seen.state();
    if let Some(name) = state.and_then(|state| state.name()) {
        return name.as_str().to_owned().into();
    }
    // The high byte of the code is EC2's own. Source: EC2 API reference, `InstanceState`.
    match state.and_then(types::InstanceState::code).map(|code| code & 0xff) {
        Some(0) => InstanceState::Pending,
        Some(16) => InstanceState::Running,
        Some(32) => InstanceState::ShuttingDown,
        Some(48) => InstanceState::Terminated,
        Some(64) => InstanceState::Stopping,
        Some(80) => InstanceState::Stopped,
        Some(code) => InstanceState::Unrecognized(format!("code {code}")),
        None => InstanceState::Unrecognized("no state".to_owned()),
    }
}

/// Translates an instance; `user` tells whom to log in as. `None`: it has no id.
pub(crate) fn instance(seen: &Instance, user: Option<String>) -> Option<InstanceSeen> {
    let reason = seen.state_reason().and_then(|reason| match (reason.code(), reason.message()) {
        (Some(code), Some(message)) if message.starts_with(code) => Some(message.to_owned()),
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    });
    let state = state(seen);
    let public = filled(seen.public_ip_address()).or_else(|| filled(seen.public_dns_name()));
    let address = public.or_else(|| filled(seen.private_ip_address()));
    let is_up = matches!(state, InstanceState::Running);
    let ssh = match (address.clone(), user) {
        (Some(host), Some(user)) if is_up => {
            Some(SshEndpoint { host, port: 22, user, host_key: None, identity_file: None })
        }
        _ => None,
    };
    Some(InstanceSeen {
        id: InstanceId::new(seen.instance_id()?),
        state,
        tags: tags_of(seen),
        ssh,
        address: filled(seen.private_ip_address()).or(address),
        zone: seen.placement().and_then(|placement| filled(placement.availability_zone())),
        launched_at: seen.launch_time().map(time),
        instance_type: seen.instance_type().map(|kind| kind.as_str().to_owned()),
        state_reason: reason,
    })
}

/// Translates a volume, with what instances say of it. `None`: it has no id.
pub(crate) fn volume(seen: &Volume, mappings: &Mappings) -> Option<VolumeSeen> {
    let id = VolumeId::new(seen.volume_id()?);
    let state = match seen.state() {
        Some(state) => VolumeState::from(state.as_str().to_owned()),
        None => VolumeState::Unrecognized("no state".to_owned()),
    };
    let mut attachments: BTreeMap<InstanceId, AttachmentSeen> = BTreeMap::new();
    for one in seen.attachments() {
        // A managed service's machine has no id of ours, and holds the volume all the same.
        let holder = one.instance_id().or(one.associated_resource()).unwrap_or("unknown");
        let holder = InstanceId::new(holder);
        let own = match one.state() {
            Some(state) => AttachmentState::from(state.as_str().to_owned()),
            None => AttachmentState::Unrecognized("no state".to_owned()),
        };
        let found = mappings.of_volume(&id).iter().find(|found| found.instance == holder);
        let joined = if found.is_some() || mappings.listed.contains(&holder) {
            attachments::join(Some(own), found.and_then(|found| found.state.clone()))
        } else {
            attachments::join(Some(own.clone()), Some(own))
        };
        let Some(state) = joined else { continue };
        // If either says that it goes with its instance, it does.
        let flags =
            [one.delete_on_termination(), found.and_then(|found| found.delete_on_termination)];
        let delete_on_termination =
            if flags.contains(&Some(true)) { Some(true) } else { flags[0].or(flags[1]) };
        let since = one.attach_time().map(time);
        let attachment =
            AttachmentSeen { instance: holder.clone(), state, since, delete_on_termination };
        attachments.insert(holder, attachment);
    }
    for found in mappings.of_volume(&id) {
        if attachments.contains_key(&found.instance) {
            continue;
        }
        // The volume's own word that it is gone was seen above, and counts as none.
        let word =
            found.state.clone().unwrap_or(AttachmentState::Unrecognized("no state".to_owned()));
        let Some(state) = attachments::join(None, Some(word)) else { continue };
        attachments.insert(
            found.instance.clone(),
            AttachmentSeen {
                instance: found.instance.clone(),
                state,
                since: found.since,
                delete_on_termination: found.delete_on_termination,
            },
        );
    }
    Some(VolumeSeen {
        state,
        size: size(seen.size()),
        tags: tags(seen.tags()),
        attachments: attachments.into_values().collect(),
        from_snapshot: filled(seen.snapshot_id()).map(SnapshotId::new),
        zone: filled(seen.availability_zone()),
        created_at: seen.create_time().map(time),
        id,
    })
}

/// Translates a snapshot. `None`: it has no id.
pub(crate) fn snapshot(seen: &Snapshot) -> Option<SnapshotSeen> {
    let state = match seen.state() {
        Some(state) => SnapshotState::from(state.as_str().to_owned()),
        None => SnapshotState::Unrecognized("no state".to_owned()),
    };
    // No volume can be made from it before it is brought back, which takes days.
    let tier = seen.storage_tier().filter(|tier| **tier != StorageTier::Standard);
    let state = match tier {
        Some(tier) => SnapshotState::Unrecognized(format!("in tier {}", tier.as_str())),
        None => state,
    };
    Some(SnapshotSeen {
        id: SnapshotId::new(seen.snapshot_id()?),
        state,
        volume: VolumeId::new(seen.volume_id().unwrap_or_default()),
        size: size(seen.volume_size()),
        tags: tags(seen.tags()),
        started_at: seen.start_time().map(time),
        progress_percent: seen
            .progress()
            .and_then(|text| text.trim_end_matches('%').parse::<u8>().ok())
            .map(|percent| percent.min(100)),
        message: filled(seen.state_message()),
    })
}

/// Translates tags; one without a value is empty.
pub(crate) fn tags(seen: &[Tag]) -> Tags {
    let mut tags = Tags::default();
    for tag in seen {
        if let Some(key) = tag.key() {
            tags.set(key, tag.value().unwrap_or_default());
        }
    }
    tags
}

/// Returns the place of an instance among those that its call made. One alone is the first.
pub(crate) fn place(seen: &Instance) -> usize {
    seen.ami_launch_index().and_then(|place| usize::try_from(place).ok()).unwrap_or_default()
}

/// Returns an instance's tags, with the name of its node: of those that share a call, its place tells which one it is.
pub(crate) fn tags_of(seen: &Instance) -> Tags {
    tags(seen.tags()).of_member(place(seen))
}

/// Translates a number of GiB; what is missing or makes no sense is nothing, which covers no volume.
fn size(gib: Option<i32>) -> Size {
    Size::from_gib(gib.and_then(|gib| u32::try_from(gib).ok()).unwrap_or(0))
}

fn time(at: &DateTime) -> Timestamp {
    Timestamp::from_millis(at.to_millis().unwrap_or(0))
}

fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{
        EbsInstanceBlockDevice, InstanceBlockDeviceMapping, VolumeAttachment,
    };

    use super::*;

    fn machine(state: &str, mapped: &[(&str, &str, bool)]) -> Instance {
        let mut machine = Instance::builder()
            .instance_id("i-1")
            .state(types::InstanceState::builder().name(state.into()).code(16).build());
        for (volume, status, goes_too) in mapped {
            machine = machine.block_device_mappings(
                InstanceBlockDeviceMapping::builder()
                    .device_name("/dev/sdf")
                    .ebs(
                        EbsInstanceBlockDevice::builder()
                            .volume_id(*volume)
                            .status((*status).into())
                            .delete_on_termination(*goes_too)
                            .build(),
                    )
                    .build(),
            );
        }
        machine.build()
    }

    fn disk(state: &str, attached: &[(&str, &str)]) -> Volume {
        let mut disk = Volume::builder().volume_id("vol-1").state(state.into()).size(8);
        for (instance, state) in attached {
            disk = disk.attachments(
                VolumeAttachment::builder()
                    .instance_id(*instance)
                    .state((*state).into())
                    .delete_on_termination(false)
                    .build(),
            );
        }
        disk.build()
    }

    fn attached(disk: &Volume, machine: &Instance) -> Vec<AttachmentSeen> {
        volume(disk, &Mappings::of([machine])).unwrap().attachments
    }

    #[test]
    fn words_that_are_not_known_are_carried() {
        let seen = instance(&machine("hibernating", &[]), None).unwrap();
        assert_eq!(seen.state, InstanceState::Unrecognized("hibernating".to_owned()));
        let seen = volume(&disk("melting", &[("i-9", "wobbling")]), &Mappings::default()).unwrap();
        assert_eq!(seen.state, VolumeState::Unrecognized("melting".to_owned()));
        let wobbling = AttachmentState::Unrecognized("wobbling".to_owned());
        assert_eq!(seen.attachments[0].state, wobbling);
        let odd = Snapshot::builder().snapshot_id("snap-1").state("sleeping".into()).build();
        let odd = snapshot(&odd).unwrap();
        assert_eq!(odd.state, SnapshotState::Unrecognized("sleeping".to_owned()));
    }

    #[test]
    fn a_state_without_a_word_is_told_by_its_low_byte() {
        let state = types::InstanceState::builder().code(256 + 80).build();
        let seen = Instance::builder().instance_id("i-1").state(state).build();
        assert_eq!(instance(&seen, None).unwrap().state, InstanceState::Stopped);
    }

    #[test]
    fn an_attachment_that_only_one_of_the_two_shows_is_neither_there_nor_gone() {
        let bare = machine("running", &[]);
        let seen = attached(&disk("in-use", &[("i-1", "attached")]), &bare);
        assert_eq!(seen[0].state, AttachmentState::Attaching);
        let has = machine("running", &[("vol-1", "attached", false)]);
        let seen = attached(&disk("available", &[]), &has);
        assert_eq!(seen[0].state, AttachmentState::Detaching);
        let seen = volume(&disk("available", &[]), &Mappings::of([&has])).unwrap();
        assert!(!seen.is_free());
        let seen = attached(&disk("in-use", &[("i-1", "attached")]), &has);
        assert_eq!(seen[0].state, AttachmentState::Attached);
    }

    #[test]
    fn of_an_instance_that_is_not_ours_the_volume_alone_tells() {
        let ours = machine("running", &[]);
        let seen = attached(&disk("in-use", &[("i-other", "attached")]), &ours);
        assert_eq!(seen[0].state, AttachmentState::Attached);
        let gone = machine("terminated", &[]);
        let seen = attached(&disk("in-use", &[("i-1", "detaching")]), &gone);
        assert_eq!(seen[0].state, AttachmentState::Detaching);
    }

    #[test]
    fn a_volume_goes_with_its_instance_if_either_says_so() {
        let has = machine("running", &[("vol-1", "attached", true)]);
        let seen = attached(&disk("in-use", &[("i-1", "attached")]), &has);
        assert_eq!(seen[0].delete_on_termination, Some(true));
    }

    #[test]
    fn an_archived_snapshot_is_not_a_completed_one() {
        let seen = Snapshot::builder()
            .snapshot_id("snap-1")
            .state("completed".into())
            .storage_tier("archive".into())
            .progress("100%")
            .build();
        let seen = snapshot(&seen).unwrap();
        assert_eq!(seen.state, SnapshotState::Unrecognized("in tier archive".to_owned()));
        assert_eq!(seen.progress_percent, Some(100));
    }
}

//! Under what names instances show volumes that carry no serial number on them: on Xen machines, by name and size.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Instance, Volume, VolumeAttachmentState};
use wucluster_core::definition::Size;
use wucluster_core::ids::{InstanceId, VolumeId};

/// A volume of the cluster on an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLabel {
    /// The volume.
    pub volume: VolumeId,
    /// The name that the kernel of a Xen machine gives it, such as `xvdf`.
    pub name: String,
    /// The volume's size.
    pub size: Size,
}

/// Reads off a look what is attached under what names. What instance and volume do not tell alike is left out.
pub(crate) fn labels(
    instances: &[Instance],
    volumes: &[Volume],
) -> BTreeMap<InstanceId, Vec<DiskLabel>> {
    let mut labels: BTreeMap<InstanceId, Vec<DiskLabel>> = BTreeMap::new();
    for volume in volumes {
        let Some(id) = volume.volume_id() else { continue };
        let size = volume.size().and_then(|gib| u32::try_from(gib).ok());
        // On several instances at once it is nobody's to write to.
        let ([attached], Some(gib)) = (volume.attachments(), size) else { continue };
        if attached.state() != Some(&VolumeAttachmentState::Attached) {
            continue;
        }
        let (Some(instance), Some(device)) = (attached.instance_id(), attached.device()) else {
            continue;
        };
        let Some(name) = kernel_name(device) else { continue };
        let own = instances.iter().find(|one| one.instance_id() == Some(instance));
        let mappings = own.map(Instance::block_device_mappings).unwrap_or_default();
        let of_volume =
            mappings.iter().find(|one| one.ebs().and_then(|ebs| ebs.volume_id()) == Some(id));
        let shown = of_volume.and_then(|one| one.device_name()).and_then(kernel_name);
        if shown.as_ref() == Some(&name) {
            let label = DiskLabel { volume: VolumeId::new(id), name, size: Size::from_gib(gib) };
            labels.entry(InstanceId::new(instance)).or_default().push(label);
        }
    }
    labels
}

/// Returns what the kernel of a Xen machine calls a device. `None`: it is no whole disk, or the system's.
///
/// Source: EC2 user guide, "Device names on Linux instances": `/dev/sdf` may be shown as `/dev/xvdf`.
fn kernel_name(device: &str) -> Option<String> {
    let device = device.strip_prefix("/dev/").unwrap_or(device);
    let (letters, length_max) = match device.strip_prefix("xvd") {
        Some(letters) => (letters, 2),
        None => (device.strip_prefix("sd")?, 1),
    };
    let is_whole = (1..=length_max).contains(&letters.len())
        && letters.bytes().all(|letter| letter.is_ascii_lowercase());
    (is_whole && letters != "a").then(|| format!("xvd{letters}"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{
        EbsInstanceBlockDevice, InstanceBlockDeviceMapping, VolumeAttachment,
    };

    use super::*;

    fn machine(names: &[(&str, &str)]) -> Instance {
        let mapping = |(name, volume): &(&str, &str)| {
            InstanceBlockDeviceMapping::builder()
                .device_name(*name)
                .ebs(EbsInstanceBlockDevice::builder().volume_id(*volume).build())
                .build()
        };
        let mappings = names.iter().map(mapping).collect();
        Instance::builder().instance_id("i-1").set_block_device_mappings(Some(mappings)).build()
    }

    fn disk(id: &str, attached: &[(&str, &str, &str)]) -> Volume {
        let attached = attached.iter().map(|(instance, device, state)| {
            VolumeAttachment::builder()
                .instance_id(*instance)
                .device(*device)
                .state((*state).into())
                .build()
        });
        Volume::builder().volume_id(id).size(8).set_attachments(Some(attached.collect())).build()
    }

    fn names(machine: &Instance, disks: &[Volume]) -> Vec<String> {
        let labels = labels(std::slice::from_ref(machine), disks);
        labels.into_values().flatten().map(|one| one.name).collect()
    }

    #[test]
    fn what_both_tell_alike_has_a_name() {
        let machine = machine(&[("/dev/sdf", "vol-1"), ("xvdba", "vol-2")]);
        let disks = [
            disk("vol-1", &[("i-1", "/dev/sdf", "attached")]),
            disk("vol-2", &[("i-1", "/dev/xvdba", "attached")]),
        ];
        assert_eq!(names(&machine, &disks), ["xvdf", "xvdba"]);
    }

    #[test]
    fn what_is_told_in_two_ways_has_none() {
        let machine = machine(&[("/dev/sdf", "vol-1")]);
        for attached in [
            &[("i-1", "/dev/sdg", "attached")][..],
            &[("i-1", "/dev/sdf", "attaching")],
            &[("i-1", "/dev/sdf", "detaching")],
            &[("i-2", "/dev/sdf", "attached")],
            &[("i-1", "/dev/sdf", "attached"), ("i-2", "/dev/sdf", "attached")],
            &[],
        ] {
            assert_eq!(names(&machine, &[disk("vol-1", attached)]), [""; 0], "{attached:?}");
        }
        let other = disk("vol-9", &[("i-1", "/dev/sdf", "attached")]);
        assert_eq!(names(&machine, &[other]), [""; 0], "the instance has another one there");
    }

    #[test]
    fn systems_and_partitions_have_none() {
        for device in [
            "/dev/sda1",
            "/dev/xvda",
            "/dev/sda",
            "/dev/sdf1",
            "/dev/nvme1n1",
            "sd",
            "/dev/sdaa",
            "/dev/xvdaaa",
        ] {
            assert_eq!(kernel_name(device), None, "{device}");
        }
        assert_eq!(kernel_name("/dev/xvdaa").as_deref(), Some("xvdaa"));
    }
}

//! Names under which volumes are attached. On Nitro machines they are but labels: a node finds its disks by serial number.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Instance;
use wucluster_core::ids::{InstanceId, VolumeId};

/// The names of the devices of each instance.
#[derive(Debug, Default)]
pub(crate) struct Devices(BTreeMap<InstanceId, BTreeMap<String, Use>>);

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Use {
    /// The instance shows it.
    Shown,
    /// We gave it to a volume, and the instance does not show it yet.
    Given(VolumeId),
    /// EC2 called it taken, though the instance does not show it.
    Refused,
}

impl Devices {
    /// Takes up what the instances show, and forgets those that are gone.
    pub(crate) fn look(&mut self, instances: &[Instance]) {
        let mut devices = BTreeMap::new();
        for seen in instances {
            let Some(id) = seen.instance_id().map(InstanceId::new) else { continue };
            let mut names: BTreeMap<String, Use> = self.0.remove(&id).unwrap_or_default();
            names.retain(|_, what| *what != Use::Shown);
            let shown = seen.block_device_mappings().iter().filter_map(|one| one.device_name());
            for name in shown.chain(seen.root_device_name()) {
                names.insert(plain(name), Use::Shown);
            }
            devices.insert(id, names);
        }
        self.0 = devices;
    }

    /// Gives a name to a volume, the same one as before if it has one. `None`: there are no more.
    ///
    /// Which one is tried first follows from the volume's id, so that a name is not used again right away for another
    /// one: on Xen that can hang.
    pub(crate) fn give(&mut self, instance: &InstanceId, volume: &VolumeId) -> Option<String> {
        let names = self.0.entry(instance.clone()).or_default();
        let given = Use::Given(volume.clone());
        if let Some((name, _)) = names.iter().find(|(_, what)| **what == given) {
            return Some(format!("/dev/{name}"));
        }
        let all = all_names();
        let first = volume
            .as_str()
            .bytes()
            .fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
        // The recommended ones first.
        let (recommended, others) = all.split_at(RECOMMENDED.min(all.len()));
        let turned = |names: &[String]| -> Vec<String> {
            let (end, begin) = names.split_at(first % names.len().max(1));
            begin.iter().chain(end).cloned().collect()
        };
        let name = turned(recommended)
            .into_iter()
            .chain(turned(others))
            .find(|name| !names.contains_key(name))?;
        names.insert(name.clone(), given);
        Some(format!("/dev/{name}"))
    }

    /// Takes a name back from a volume: it was not attached, or is not any more. A name that EC2 calls taken is not
    /// tried again.
    pub(crate) fn take_back(&mut self, instance: &InstanceId, volume: &VolumeId, is_taken: bool) {
        let Some(names) = self.0.get_mut(instance) else { return };
        let given = Use::Given(volume.clone());
        if is_taken {
            names.values_mut().filter(|what| **what == given).for_each(|what| *what = Use::Refused);
        } else {
            names.retain(|_, what| *what != given);
        }
    }
}

/// How many of the names are those that EC2 recommends: `sdf` to `sdp`.
const RECOMMENDED: usize = 11;

/// Lists all names, of which there are more than an instance may have volumes.
///
/// Source: EC2 user guide, "Device names on Linux instances"; `xvdaa` to `xvddx` as the EBS CSI driver uses them.
fn all_names() -> Vec<String> {
    let recommended = ('f'..='p').chain('q'..='z').map(|letter| format!("sd{letter}"));
    let others = ('a'..='d').flat_map(|one| ('a'..='z').map(move |two| format!("xvd{one}{two}")));
    recommended.chain(others).filter(|name| name.as_str() <= "xvddx").collect()
}

/// Returns a name without its folder; `xvdf` and `sdf` are the same device.
fn plain(name: &str) -> String {
    let name = name.strip_prefix("/dev/").unwrap_or(name);
    match name.strip_prefix("xvd") {
        Some(letter) if letter.len() == 1 => format!("sd{letter}"),
        Some(_) | None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn volume(number: usize) -> VolumeId {
        VolumeId::new(format!("vol-{number:017x}"))
    }

    #[test]
    fn each_volume_gets_a_name_of_its_own_and_keeps_it() {
        let (mut devices, instance) = (Devices::default(), InstanceId::new("i-1"));
        let names: BTreeSet<String> =
            (0..120).filter_map(|number| devices.give(&instance, &volume(number))).collect();
        assert_eq!(names.len(), 120);
        assert_eq!(devices.give(&instance, &volume(7)), devices.give(&instance, &volume(7)));
        let others = InstanceId::new("i-2");
        assert!(
            devices.give(&others, &volume(500)).is_some_and(|name| name.starts_with("/dev/sd"))
        );
    }

    #[test]
    fn a_name_that_is_taken_is_not_tried_again() {
        let (mut devices, instance) = (Devices::default(), InstanceId::new("i-1"));
        let first = devices.give(&instance, &volume(1));
        devices.take_back(&instance, &volume(1), true);
        let second = devices.give(&instance, &volume(1));
        assert_ne!(first, second);
        devices.take_back(&instance, &volume(1), false);
        assert_eq!(devices.give(&instance, &volume(1)), second);
    }

    #[test]
    fn two_names_of_one_device_are_one() {
        assert_eq!(plain("/dev/xvdf"), plain("/dev/sdf"));
        assert_ne!(plain("/dev/xvdfa"), plain("/dev/sdfa"));
    }
}

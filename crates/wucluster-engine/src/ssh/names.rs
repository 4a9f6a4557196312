//! Disks without serial numbers: what a cloud says of the names under which a machine shows them.

use std::collections::BTreeMap;
use std::fmt;

use wucluster_core::ids::InstanceId;

use super::wire::{is_serial, word};

/// Bytes in a sector, as the kernel counts.
const SECTOR: u64 = 512;

/// The name of a disk of a machine, as its cloud tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskName {
    /// The serial number that it would show if it showed one.
    pub serial: String,
    /// The kernel's name of it, such as `xvdf`.
    pub name: String,
    /// Its size. Unit: bytes.
    pub size_bytes: u64,
}

/// Tells the names of disks. A disk that shows a serial number is found by that and by nothing else.
pub trait DiskNames: fmt::Debug + Send + Sync {
    /// Lists the names of an instance's disks, as they were seen last.
    fn of(&self, instance: &InstanceId) -> Vec<DiskName>;
}

/// Writes names as words of a request, each with a blank behind it. What cannot be told apart, or is no name, is left out:
/// then no such disk is found.
pub(super) fn words(names: &[DiskName]) -> String {
    let (mut of_name, mut of_serial) = (BTreeMap::new(), BTreeMap::new());
    for one in names {
        *of_name.entry(&one.name).or_insert(0) += 1;
        *of_serial.entry(&one.serial).or_insert(0) += 1;
    }
    let is_name = |name: &str| {
        name.strip_prefix("xvd").is_some_and(|letters| {
            matches!(letters.len(), 1 | 2)
                && letters != "a"
                && letters.bytes().all(|b| b.is_ascii_lowercase())
        })
    };
    let good = names.iter().filter(|one| {
        is_name(&one.name)
            && is_serial(&one.serial)
            && of_name[&one.name] == 1
            && of_serial[&one.serial] == 1
    });
    let word = |one: &DiskName| {
        format!("disk {} {} {} ", word(&one.serial), word(&one.name), one.size_bytes / SECTOR)
    };
    good.map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(serial: &str, name: &str) -> DiskName {
        DiskName { serial: serial.to_owned(), name: name.to_owned(), size_bytes: 1 << 30 }
    }

    #[test]
    fn only_names_that_can_be_told_apart_are_told() {
        assert_eq!(words(&[]), "");
        let good = [name("vol1", "xvdf"), name("vol2", "xvdba")];
        assert_eq!(words(&good), "disk =vol1 =xvdf 2097152 disk =vol2 =xvdba 2097152 ");
        let twice = [name("vol1", "xvdf"), name("vol2", "xvdf"), name("vol3", "xvdg")];
        assert_eq!(words(&twice), "disk =vol3 =xvdg 2097152 ");
        let twice = [name("vol1", "xvdf"), name("vol1", "xvdg")];
        assert_eq!(words(&twice), "");
        for odd in ["xvda", "xvd", "sdf", "nvme1n1", "xvdF", "xvdfff", "xvdf;", "../xvdf"] {
            assert_eq!(words(&[name("vol1", odd)]), "", "{odd}");
        }
        assert_eq!(words(&[name("vol 1", "xvdf")]), "");
    }
}

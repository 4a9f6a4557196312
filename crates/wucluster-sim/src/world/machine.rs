//! A machine from the inside: devices, mount table, page cache, processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wucluster_core::ids::VolumeId;
use wucluster_core::time::Timestamp;

use crate::content::Write;
use crate::faults::Grip;

/// What runs on an instance, while it runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Machine {
    /// How often it was booted; tells one boot from the next.
    pub(super) boots: u32,
    /// Whether its ssh answers.
    pub(super) is_up: bool,
    /// Visible devices with their numbers in `/dev/nvmeNn1`, which change from boot to boot.
    pub(super) devices: BTreeMap<VolumeId, u32>,
    /// Its mount table, in the order of mounting.
    pub(super) mounts: Vec<Mounted>,
    /// Volumes that are mounted in another name space only or too, with who did it.
    pub(super) elsewhere: BTreeMap<VolumeId, String>,
    /// Writes that did not reach the device yet.
    pub(super) caches: BTreeMap<VolumeId, Vec<Write>>,
    /// Processes that hold something, by number.
    pub(super) processes: BTreeMap<u32, Process>,
    /// Per volume, of which run its last unmount was and on which look it rested, and when that was carried out.
    #[serde(default)]
    pub(super) fences: BTreeMap<VolumeId, ((u64, Timestamp), Timestamp)>,
    /// The latest run for which it was spoken to since its boot.
    #[serde(default)]
    pub(super) run: u64,
    /// Volumes whose file systems are frozen, until when at most, and the number of that freeze.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) frozen: BTreeMap<VolumeId, (Timestamp, u64)>,
    /// What else holds devices, by faults.
    pub(super) grips: Vec<(VolumeId, Grip)>,
    /// Where volumes were mounted, with the file system's type; kept on the root disk, over boots.
    pub(super) places: BTreeMap<VolumeId, (String, String)>,
    /// Files on the root disk.
    pub(super) root_files: BTreeMap<String, String>,
}

/// One line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mounted {
    pub(super) volume: VolumeId,
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) is_read_only: bool,
}

/// A process that holds a file or directory of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) volume: VolumeId,
    pub(super) user: String,
    pub(super) command: String,
    pub(super) what: String,
    /// Whether a fault started it, so that calm ends it.
    pub(super) is_fault: bool,
}

impl Machine {
    /// Says whether a file system of the volume is alive in its kernel, in any name space.
    pub(super) fn is_holding(&self, volume: &VolumeId) -> bool {
        self.is_mounted(volume)
            || self.elsewhere.contains_key(volume)
            || self.is_gripped(volume, Grip::OtherNamespace)
            || self.is_gripped(volume, Grip::Mapper)
    }

    /// Says whether something of that sort holds the volume's device.
    pub(super) fn is_gripped(&self, volume: &VolumeId, grip: Grip) -> bool {
        self.grips.iter().any(|(on, how)| on == volume && *how == grip)
    }

    /// Says whether the volume is in its mount table.
    pub(super) fn is_mounted(&self, volume: &VolumeId) -> bool {
        self.mounts.iter().any(|mounted| &mounted.volume == volume)
    }

    /// Returns what is mounted at a place, the topmost if several.
    pub(super) fn mounted_at(&self, at: &str) -> Option<&Mounted> {
        self.mounts.iter().rev().find(|mounted| mounted.at == at)
    }

    /// Returns the mount that a path lies on, and the path relative to its root.
    pub(super) fn resolve<'a, 'b>(&'a self, path: &'b str) -> Option<(&'a Mounted, &'b str)> {
        self.mounts
            .iter()
            .filter_map(|mounted| {
                let rest = path.strip_prefix(mounted.at.as_str())?.strip_prefix('/')?;
                Some((mounted, rest))
            })
            .max_by_key(|(mounted, _)| mounted.at.len())
    }

    /// Returns what is mounted below a place.
    pub(super) fn nested<'a>(&'a self, at: &'a str) -> impl Iterator<Item = &'a Mounted> {
        self.mounts.iter().filter(move |mounted| {
            mounted.at.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Returns the lowest free device number; 0 is the root disk's.
    pub(super) fn free_number(&self) -> u32 {
        (1..).find(|number| !self.devices.values().any(|used| used == number)).unwrap_or(u32::MAX)
    }

    /// Drops all that lives in memory only; returns the writes that never reached a device.
    pub(super) fn lose_power(&mut self) -> BTreeMap<VolumeId, Vec<Write>> {
        self.is_up = false;
        self.mounts.clear();
        self.elsewhere.clear();
        self.grips.clear();
        self.processes.clear();
        self.frozen.clear();
        let mut lost = std::mem::take(&mut self.caches);
        lost.retain(|_, writes| !writes.is_empty());
        lost
    }
}

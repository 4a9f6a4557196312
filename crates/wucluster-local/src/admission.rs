//! Whether this host can carry what is about to be launched: memory and disk.

use std::fs;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::observation::CloudView;
use wucluster_core::observation::InstanceState;
use wucluster_core::ports::CloudError;
use wucluster_core::tags::{KEY_MOUNT, KEY_NODE};

use crate::arguments::{MEMORY_DEFAULT_MIB, MEMORY_OVERHEAD_MIB};
use crate::copies;
use crate::error::{LocalError, refuse};
use crate::files;
use crate::store::Store;

/// Free disk space that one node needs for its root disk, console and keys. Unit: bytes.
///
/// Measured: an overlay takes 30 MB after its first boot; the rest is room for logs and packages.
const ROOT_SPACE: u64 = 256 << 20;
/// Free disk space that a blank volume needs for its file system. Unit: bytes.
///
/// Volumes are sparse: what is written later counts when it is written. See [`SPACE_KEPT`].
const BLANK_SPACE: u64 = 64 << 20;
/// Free disk space that nothing of ours may begin to fill. Unit: bytes.
pub(crate) const SPACE_KEPT: u64 = 256 << 20;

/// Returns the memory that a machine takes from the host at most. Unit: MiB.
fn memory_of(machine: &MachineDefinition) -> u64 {
    u64::from(machine.memory_mib.unwrap_or(MEMORY_DEFAULT_MIB) + MEMORY_OVERHEAD_MIB)
}

/// Returns the memory that programs can still have without pushing others out. Unit: MiB.
///
/// `None` when the kernel does not tell: then nothing is refused for it.
fn memory_available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? >> 10)
}

/// Refuses one instance that the host cannot carry.
///
/// # Errors
/// `InsufficientInstanceCapacity`, with what is needed and what is there.
pub(crate) fn check_one(store: &Store, machine: &MachineDefinition) -> Result<(), CloudError> {
    let need = Need { memory_mib: memory_of(machine), disk: ROOT_SPACE, nodes: 1, volumes: 0 };
    match need.refusals(memory_available(), files::free_bytes(store.root())?).first() {
        None => Ok(()),
        Some(why) => Err(refuse("InsufficientInstanceCapacity", why.clone())),
    }
}

/// Refuses a copy that the disk cannot hold.
///
/// # Errors
/// `InsufficientVolumeCapacity`, with what is needed and what is there.
pub(crate) fn check_copy(store: &Store, bytes: u64) -> Result<(), CloudError> {
    let free = files::free_bytes(store.root())?;
    if free >= bytes.saturating_add(SPACE_KEPT) {
        return Ok(());
    }
    let why = format!(
        "the copy takes up to {} MiB, and of the {} MiB free in {} some {} MiB are kept; make room there",
        bytes >> 20,
        free >> 20,
        store.root().display(),
        SPACE_KEPT >> 20
    );
    Err(refuse("InsufficientVolumeCapacity", why))
}

/// What a launch takes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Need {
    memory_mib: u64,
    disk: u64,
    nodes: usize,
    volumes: usize,
}

impl Need {
    /// Says in words what is lacking.
    fn refusals(self, memory_available: Option<u64>, disk_free: u64) -> Vec<String> {
        let Self { memory_mib, disk, nodes, volumes } = self;
        let mut refusals = Vec::new();
        if let Some(available) = memory_available
            && nodes > 0
            && memory_mib > available
        {
            refusals.push(format!(
                "{nodes} node(s) to start take up to {memory_mib} MiB of memory, and this host has {available} \
                 MiB available; end something, or set a smaller `memory` for the nodes"
            ));
        }
        let disk_wanted = disk + SPACE_KEPT;
        if nodes + volumes > 0 && disk_wanted > disk_free {
            refusals.push(format!(
                "{nodes} node(s) and {volumes} volume(s) to make take at least {} MiB of disk, and {} MiB are \
                 free where the state directory lies; make room there, or put it elsewhere",
                disk_wanted >> 20,
                disk_free >> 20
            ));
        }
        refusals
    }
}

/// Lists every reason why launching the cluster would fail, given what is there of it.
pub(crate) fn refusals(
    store: &Store,
    definition: &ClusterDefinition,
    view: &CloudView,
) -> Result<Vec<String>, LocalError> {
    let mut need = Need::default();
    for node in definition.nodes.values() {
        let runs = view.instances.iter().any(|seen| {
            seen.tags.get(KEY_NODE) == Some(node.name.as_str())
                && matches!(seen.state, InstanceState::Pending | InstanceState::Running)
        });
        if !runs {
            need.nodes += 1;
            need.memory_mib += memory_of(&node.machine);
            need.disk += ROOT_SPACE;
        }
    }
    for (key, _) in definition.mounts() {
        let is_it = |tags: &wucluster_core::tags::Tags| {
            tags.get(KEY_NODE) == Some(key.node.as_str())
                && tags.get(KEY_MOUNT) == Some(key.mount.as_str())
        };
        if view.volumes.iter().any(|seen| is_it(&seen.tags)) {
            continue;
        }
        need.volumes += 1;
        // Copies cost what they hold, unless the file system shares blocks; then this is too much.
        let newest =
            view.snapshots.iter().filter(|seen| is_it(&seen.tags)).max_by_key(|s| s.started_at);
        need.disk += newest.map_or(BLANK_SPACE, |snapshot| {
            files::allocated_bytes(&copies::kept_in(&store.snapshot_dir(&snapshot.id)))
        });
    }
    Ok(need.refusals(memory_available(), files::free_bytes(store.root())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_said_with_numbers() {
        let need = Need { memory_mib: 2000, disk: 1 << 30, nodes: 4, volumes: 2 };
        assert!(need.refusals(Some(4000), 10 << 30).is_empty());
        let both = need.refusals(Some(1000), 1 << 20);
        assert!(both[0].contains("2000 MiB") && both[0].contains("1000 MiB"), "{both:?}");
        assert!(both[1].contains("1280 MiB") && both[1].contains("1 MiB"), "{both:?}");
        assert!(
            Need::default().refusals(Some(0), 0).is_empty(),
            "nothing to launch, nothing lacking"
        );
    }

    #[test]
    fn this_host_tells_its_memory() {
        assert!(memory_available().is_some_and(|mib| mib > 0));
    }
}

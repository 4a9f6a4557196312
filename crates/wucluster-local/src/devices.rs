//! Volumes as devices of a running machine: plugged, seen, unplugged.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use wucluster_core::ids::VolumeId;

use crate::arguments::device_id;
use crate::error::LocalError;
use crate::qmp::Qmp;

/// What a machine has plugged in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// Ids of devices, from when QEMU adds one until the guest has let it go.
    devices: BTreeSet<String>,
    /// Ids of those that the guest's system has given addresses: it has found them.
    found: BTreeSet<String>,
    /// Names of open disks.
    disks: BTreeSet<String>,
}

impl Inventory {
    /// Asks the machine.
    pub(crate) async fn of(qmp: &mut Qmp) -> Result<Self, LocalError> {
        let peripheral = json!({ "path": "/machine/peripheral" });
        let devices = names(&qmp.execute("qom-list", peripheral).await?, "name");
        let nodes = qmp.execute("query-named-block-nodes", json!({ "flat": true })).await?;
        let disks = names(&nodes, "node-name");
        let mut found = BTreeSet::new();
        collect_found(&qmp.execute("query-pci", json!({})).await?, &mut found);
        Ok(Self { devices, found, disks })
    }

    /// Says whether QEMU has the volume's device; the guest may not know it yet.
    pub(crate) fn has_device(&self, volume: &VolumeId) -> bool {
        self.devices.contains(&device_id(volume))
    }

    /// Says whether the guest has found the volume's device.
    pub(crate) fn is_found(&self, volume: &VolumeId) -> bool {
        self.has_device(volume) && self.found.contains(&device_id(volume))
    }

    /// Says whether QEMU has the volume's file open.
    pub(crate) fn has_disk(&self, volume: &VolumeId) -> bool {
        self.disks.contains(&volume.serial())
    }
}

fn names(list: &Value, key: &str) -> BTreeSet<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.get(key)?.as_str().map(str::to_owned)).collect()
}

/// Collects the devices of `query-pci`, behind bridges too, whose first memory region has an
/// address; QEMU shows -1 for one that has none.
fn collect_found(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_found(item, found)),
        Value::Object(fields) => {
            if let (Some(Value::String(id)), Some(Value::Array(regions))) =
                (fields.get("qdev_id"), fields.get("regions"))
                && regions.iter().any(|region| {
                    region.get("address").and_then(Value::as_i64).is_some_and(|at| at > 0)
                })
            {
                found.insert(id.clone());
            }
            fields.values().for_each(|field| collect_found(field, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Plugs a volume in, unless it is. The guest finds it when it comes to it.
pub(crate) async fn plug(
    qmp: &mut Qmp,
    inventory: &Inventory,
    volume: &VolumeId,
    data: &Path,
    slot: u8,
) -> Result<(), LocalError> {
    if inventory.has_device(volume) {
        return Ok(());
    }
    let serial = volume.serial();
    if !inventory.has_disk(volume) {
        let file = json!({ "driver": "file", "filename": data });
        let disk =
            json!({ "driver": "raw", "node-name": serial, "discard": "unmap", "file": file });
        qmp.execute("blockdev-add", disk).await?;
    }
    let device = json!({
        "driver": "nvme", "id": device_id(volume), "serial": serial, "drive": serial,
        "bus": format!("rp{slot}"),
    });
    if let Err(error) = qmp.execute("device_add", device).await {
        // Left open, the file would stay locked. The first error is the one to tell.
        let _ = close(qmp, volume).await;
        return Err(error);
    }
    Ok(())
}

/// Asks the guest to let a device go. It may take its time, or be too early in its boot to hear.
pub(crate) async fn unplug(qmp: &mut Qmp, volume: &VolumeId) -> Result<(), LocalError> {
    match qmp.execute("device_del", json!({ "id": device_id(volume) })).await {
        // Asked already and under way, or gone in the meantime: the next look tells.
        Ok(_) | Err(LocalError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Closes the file of a volume whose device is gone.
pub(crate) async fn close(qmp: &mut Qmp, volume: &VolumeId) -> Result<(), LocalError> {
    qmp.execute("blockdev-del", json!({ "node-name": volume.serial() })).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_once_it_has_an_address() {
        let pci = json!([{ "bus": 0, "devices": [
            { "qdev_id": "rp0", "regions": [], "pci_bridge": { "devices": [
                { "qdev_id": "dev-a", "regions": [{ "bar": 0, "address": 4_244_635_648_u64 }] } ] } },
            { "qdev_id": "rp1", "regions": [], "pci_bridge": { "devices": [
                { "qdev_id": "dev-b", "regions": [{ "bar": 0, "address": -1 }] } ] } },
        ] }]);
        let mut found = BTreeSet::new();
        collect_found(&pci, &mut found);
        assert_eq!(found, BTreeSet::from(["dev-a".to_owned()]));
    }

    #[test]
    fn listings_are_read_by_key() {
        let list = json!([{ "name": "dev-a", "type": "x" }, { "other": 1 }]);
        assert_eq!(names(&list, "name"), BTreeSet::from(["dev-a".to_owned()]));
        assert!(names(&json!({}), "name").is_empty());
    }
}

//! Disks without serial numbers, as Xen machines show them: found by their name and size, or not at all.

use std::sync::{Arc, Mutex};

use wucluster_core::action::ShellAction;
use wucluster_core::definition::FilesystemKind;
use wucluster_core::ids::InstanceId;
use wucluster_core::observation::Contents;
use wucluster_core::ports::{ShellError, ShellReceipt};
use wucluster_engine::ssh::{DiskName, DiskNames};

use crate::disks::{Disk, together};
use crate::node::{Node, key};

const UUID: &str = "6f0c3c1e-91d5-4f0e-8a53-0d2a5f6b7c88";

/// What a cloud says of the one node.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<Vec<DiskName>>>);

impl DiskNames for Told {
    fn of(&self, _: &InstanceId) -> Vec<DiskName> {
        self.0.lock().unwrap().clone()
    }
}

impl Told {
    /// Lists serial numbers, names and sizes in MiB.
    fn say(&self, disks: &[(&str, &str, u64)]) {
        let name = |(serial, name, mib): &(&str, &str, u64)| DiskName {
            serial: (*serial).to_owned(),
            name: (*name).to_owned(),
            size_bytes: mib << 20,
        };
        *self.0.lock().unwrap() = disks.iter().map(name).collect();
    }
}

/// A node of Xen with its system's disk, and what its cloud says.
fn xen() -> Option<(Node, Told, Disk)> {
    let told = Told::default();
    let names = told.clone();
    let node = Node::start_with(move |options| options.disk_names = Some(Arc::new(names)))?;
    let root = Disk::add(&node, "xvda", "", 16)?;
    Some((node, told, root))
}

fn mkfs(serial: &str) -> ShellAction {
    ShellAction::MakeFilesystem {
        mount: key(),
        serial: serial.to_owned(),
        fs: FilesystemKind::Ext4,
        uuid: UUID.to_owned(),
    }
}

fn mount(node: &Node, serial: &str) -> ShellAction {
    ShellAction::Mount {
        mount: key(),
        serial: serial.to_owned(),
        at: node.path("mnt/data").to_str().unwrap().to_owned(),
        kind: "ext4".to_owned(),
        options: Vec::new(),
        owner: None,
        group: None,
        mode: None,
    }
}

fn unmount(serial: &str) -> ShellAction {
    ShellAction::Unmount { mount: key(), serial: serial.to_owned(), before: Vec::new() }
}

async fn ask(node: &Node, action: ShellAction) -> Result<ShellReceipt, ShellError> {
    node.issue(vec![action]).await.remove(0)
}

/// Says why a request was refused, and proves that the disks hold nothing.
async fn refused(node: &Node, action: ShellAction, blank: &[&Disk]) -> String {
    let answer = ask(node, action).await;
    for disk in blank {
        let bytes = std::fs::read(&disk.image).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0), "{} was written to", disk.device);
    }
    match answer {
        Err(ShellError::Refused(why) | ShellError::NotBlank(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_disk_is_found_by_its_name_and_size_and_goes_the_whole_way() {
    let _turn = together().await;
    let Some((node, told, root)) = xen() else { return };
    let disk = Disk::add(&node, "xvdf", "", 32).unwrap();
    let other = Disk::add(&node, "xvdg", "", 32).unwrap();
    told.say(&[("vol1", "xvdf", 32), ("vol2", "xvdg", 32)]);
    let probe = node.probe(&["vol1"]).await;
    // The system's disk has no name that is told, and none that it could be given.
    assert_eq!(probe.devices.keys().collect::<Vec<_>>(), ["vol1", "vol2"]);
    assert_eq!(probe.devices["vol1"].contents, Contents::Blank);
    assert_eq!(probe.devices["vol1"].size_bytes, 32 << 20);
    for action in [mkfs("vol1"), mount(&node, "vol1")] {
        ask(&node, action).await.unwrap();
    }
    let probe = node.probe(&["vol1"]).await;
    assert!(probe.mount_table.iter().any(|seen| seen.serial.as_deref() == Some("vol1")));
    // The cloud made it larger, and the kernel does not show it yet: it is unmounted all the same.
    told.say(&[("vol1", "xvdf", 64), ("vol2", "xvdg", 32)]);
    ask(&node, unmount("vol1")).await.unwrap();
    let probe = node.probe(&["vol1"]).await;
    let Contents::Filesystem { uuid, .. } = &probe.devices["vol1"].contents else {
        panic!("{:?}", probe.devices["vol1"])
    };
    assert_eq!(uuid.as_deref(), Some(UUID));
    assert_eq!(probe.devices["vol1"].is_held, Some(false));
    for blank in [&root, &other] {
        let bytes = std::fs::read(&blank.image).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
    drop(disk);
}

#[tokio::test]
async fn a_disk_that_nobody_told_of_is_no_device() {
    let _turn = together().await;
    let Some((node, told, root)) = xen() else { return };
    let disk = Disk::add(&node, "xvdf", "", 32).unwrap();
    assert_eq!(node.probe(&["vol1"]).await.devices.len(), 0);
    // Not by the name of another one, and never the system's.
    told.say(&[("vol1", "xvdh", 32), ("vol2", "xvda", 16)]);
    assert_eq!(node.probe(&["vol1", "vol2"]).await.devices.len(), 0);
    for serial in ["vol1", "vol2"] {
        let why = refused(&node, mkfs(serial), &[&disk, &root]).await;
        assert!(why.contains("no device has the serial number"), "{why}");
    }
}

#[tokio::test]
async fn a_disk_of_another_size_is_not_written_to() {
    let _turn = together().await;
    let Some((node, told, _root)) = xen() else { return };
    let disk = Disk::add(&node, "xvdf", "", 32).unwrap();
    for mib in [16, 64] {
        told.say(&[("vol1", "xvdf", mib)]);
        let probe = node.probe(&["vol1"]).await;
        let Contents::Unreadable(why) = &probe.devices["vol1"].contents else {
            panic!("{mib}: {:?}", probe.devices["vol1"])
        };
        assert!(why.contains("sectors"), "{why}");
        for action in [mkfs("vol1"), mount(&node, "vol1")] {
            let why = refused(&node, action, &[&disk]).await;
            assert!(why.contains("cannot be told"), "{why}");
        }
    }
}

#[tokio::test]
async fn of_two_that_it_may_be_none_is_written_to() {
    let _turn = together().await;
    let Some((node, told, _root)) = xen() else { return };
    let disk = Disk::add(&node, "xvdf", "", 32).unwrap();
    // Nobody told of it: a name is off, and perhaps the other one too.
    let stray = Disk::add(&node, "xvdj", "", 32).unwrap();
    told.say(&[("vol1", "xvdf", 32)]);
    let probe = node.probe(&["vol1"]).await;
    assert!(matches!(&probe.devices["vol1"].contents, Contents::Unreadable(_)));
    for action in [mkfs("vol1"), mount(&node, "vol1")] {
        let why = refused(&node, action, &[&disk, &stray]).await;
        assert!(why.contains("xvdj is as large"), "{why}");
    }
}

#[tokio::test]
async fn a_kernel_that_shifts_names_is_not_believed() {
    let _turn = together().await;
    let told = Told::default();
    let names = told.clone();
    let start = Node::start_with(move |options| options.disk_names = Some(Arc::new(names)));
    let Some(node) = start else { return };
    let Some(root) = Disk::add(&node, "xvde", "", 16) else { return };
    // What was attached as sdf is xvdj there, and xvdf is what was attached as sdb.
    let wrong = Disk::add(&node, "xvdf", "", 32).unwrap();
    told.say(&[("vol1", "xvdf", 32)]);
    let probe = node.probe(&["vol1"]).await;
    assert!(matches!(&probe.devices["vol1"].contents, Contents::Unreadable(_)));
    for action in [mkfs("vol1"), mount(&node, "vol1"), unmount("vol1")] {
        let why = refused(&node, action, &[&root, &wrong]).await;
        assert!(why.contains("there is no xvda"), "{why}");
    }
}

#[tokio::test]
async fn what_a_disk_holds_guards_it_whatever_it_is_called() {
    let _turn = together().await;
    let Some((node, told, _root)) = xen() else { return };
    let disk = Disk::add(&node, "xvdf", "", 32).unwrap();
    disk.format("ext4");
    let before = std::fs::read(&disk.image).unwrap();
    told.say(&[("vol1", "xvdf", 32)]);
    let answer = ask(&node, mkfs("vol1")).await;
    assert!(matches!(answer, Err(ShellError::NotBlank(_))), "{answer:?}");
    assert_eq!(std::fs::read(&disk.image).unwrap(), before);
}

#[tokio::test]
async fn a_disk_with_a_serial_number_is_found_by_that_alone() {
    let _turn = together().await;
    let Some((node, told, _root)) = xen() else { return };
    let named = Disk::add(&node, "xvdf", "vol2", 32).unwrap();
    let blank = Disk::add(&node, "xvdg", "", 32).unwrap();
    told.say(&[("vol1", "xvdf", 32), ("vol2", "xvdg", 32)]);
    let probe = node.probe(&["vol1", "vol2"]).await;
    assert!(!probe.devices.contains_key("vol1"));
    assert!(matches!(&probe.devices["vol2"].contents, Contents::Unreadable(_)), "two are vol2");
    let why = refused(&node, mkfs("vol2"), &[&named, &blank]).await;
    assert!(why.contains("two devices have the serial number vol2"), "{why}");
}

//! Growing file systems while they are mounted.

use std::fs;

use wucluster_core::action::ShellAction;
use wucluster_core::definition::{FilesystemKind, Size};
use wucluster_core::ports::{ShellError, ShellReceipt};

use crate::disks::{Disk, together};
use crate::node::{Node, key};

const UUID: &str = "6f0c3c1e-91d5-4f0e-8a53-0d2a5f6b7c88";

fn mkfs(fs: FilesystemKind) -> ShellAction {
    let (serial, uuid) = ("vol1".to_owned(), UUID.to_owned());
    ShellAction::MakeFilesystem { mount: key(), serial, fs, uuid }
}

fn mount(at: &str, kind: &str) -> ShellAction {
    ShellAction::Mount {
        mount: key(),
        serial: "vol1".to_owned(),
        at: at.to_owned(),
        kind: kind.to_owned(),
        options: vec!["noatime".to_owned()],
        owner: None,
        group: None,
        mode: None,
    }
}

fn grow(at: &str, gib: u32) -> ShellAction {
    let (serial, size) = ("vol1".to_owned(), Size::from_gib(gib));
    ShellAction::GrowFilesystem { mount: key(), serial, at: at.to_owned(), size }
}

#[tokio::test]
async fn a_mounted_file_system_is_grown_to_its_device_and_tells_so() {
    let _turn = together().await;
    for (kind, fs) in [("ext4", FilesystemKind::Ext4), ("xfs", FilesystemKind::Xfs)] {
        let Some(node) = Node::start() else { return };
        let Some(disk) = Disk::add(&node, "vdb", "vol1", 1024) else { return };
        let at = node.path("mnt/a b");
        let at = at.to_str().unwrap();
        let answers = node.issue(vec![mkfs(fs), mount(at, kind)]).await;
        assert_eq!(answers, [Ok(ShellReceipt::default()), Ok(ShellReceipt::default())]);
        fs::write(format!("{at}/file"), "kept").unwrap();

        // Only of what is asked for it is told, and it may lack what makes no whole group.
        assert_eq!(node.probe(&[]).await.devices["vol1"].filesystem_bytes, None);
        let room = |bytes: Option<u64>, gib: u64| {
            let bytes = bytes.unwrap_or_else(|| panic!("{kind} of {gib} GiB: nothing is told"));
            assert!(bytes <= gib << 30 && bytes + (128 << 20) >= gib << 30, "{kind} {bytes}");
        };
        room(node.probe(&["vol1"]).await.devices["vol1"].filesystem_bytes, 1);

        disk.grow(&node, "vdb", 2048);
        let device = node.probe(&["vol1"]).await.devices["vol1"].clone();
        assert_eq!(device.size_bytes, 2 << 30);
        room(device.filesystem_bytes, 1);
        for _ in 0..2 {
            let answer = node.one(grow(at, 2)).await;
            if answer.as_ref().is_err_and(|error| error.to_string().contains("Permission denied")) {
                eprintln!(
                    "SKIPPED: {kind} may not be grown here (this needs CAP_SYS_RESOURCE); the tests on machines cover it"
                );
                break;
            }
            assert_eq!(answer, Ok(ShellReceipt::default()), "{kind}");
            room(node.probe(&["vol1"]).await.devices["vol1"].filesystem_bytes, 2);
        }
        assert_eq!(fs::read_to_string(format!("{at}/file")).unwrap(), "kept");
        // `df` tells it, too.
        let seen = std::process::Command::new("stat").args(["-f", "-c", "%b %S", at]).output();
        let seen = String::from_utf8(seen.unwrap().stdout).unwrap();
        let (blocks, size) = seen.trim().split_once(' ').unwrap();
        let bytes = blocks.parse::<u64>().unwrap() * size.parse::<u64>().unwrap();
        let room = node.probe(&["vol1"]).await.devices["vol1"].filesystem_bytes;
        assert!(bytes > 3 << 29 || room <= Some(1 << 30), "{kind} {bytes}");
    }
}

#[tokio::test]
async fn what_is_not_mounted_there_or_not_as_large_yet_is_not_grown() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(_disk) = Disk::add(&node, "vdb", "vol1", 1024) else { return };
    let at = node.path("mnt/home");
    let at = at.to_str().unwrap();
    node.one(mkfs(FilesystemKind::Ext4)).await.unwrap();
    let Err(ShellError::Refused(why)) = node.one(grow(at, 1)).await else { panic!() };
    assert!(why.contains("not mounted whole at"), "{why}");
    node.one(mount(at, "ext4")).await.unwrap();
    let Err(ShellError::Refused(why)) = node.one(grow("/mnt/elsewhere", 1)).await else { panic!() };
    assert!(why.contains("not mounted whole at"), "{why}");
    let Err(ShellError::Failed { message, .. }) = node.one(grow(at, 2)).await else { panic!() };
    assert!(message.contains("not with its new size yet"), "{message}");
    assert_eq!(node.one(grow(at, 1)).await, Ok(ShellReceipt::default()));
}

//! Devices and file systems: what is told of them, and what is done to them and what is not.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wucluster_core::action::ShellAction;
use wucluster_core::definition::{FilesystemKind, Hook};
use wucluster_core::ids::MountKey;
use wucluster_core::observation::Contents;
use wucluster_core::ports::{ShellError, ShellReceipt};

use crate::disks::{Disk, alone, run, together};
use crate::node::{Node, key};

const UUID: &str = "6f0c3c1e-91d5-4f0e-8a53-0d2a5f6b7c88";

/// A child process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a shell command, and waits until it says that it is ready.
fn start(program: &str, arguments: &[&str]) -> Running {
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    assert_eq!(line, "ready\n");
    Running(child)
}

fn mkfs(serial: &str, fs: FilesystemKind) -> ShellAction {
    ShellAction::MakeFilesystem {
        mount: key(),
        serial: serial.to_owned(),
        fs,
        uuid: UUID.to_owned(),
    }
}

fn mount(serial: &str, at: &Path, kind: &str) -> ShellAction {
    ShellAction::Mount {
        mount: key(),
        serial: serial.to_owned(),
        at: at.to_str().unwrap().to_owned(),
        kind: kind.to_owned(),
        options: vec!["noatime".to_owned()],
        owner: None,
        group: None,
        mode: None,
    }
}

fn unmount(serial: &str) -> ShellAction {
    unmount_after(serial, "data", vec![])
}

fn unmount_after(serial: &str, name: &str, before: Vec<Hook>) -> ShellAction {
    let mount = MountKey::try_from(format!("db-1/{name}")).unwrap();
    ShellAction::Unmount { mount, serial: serial.to_owned(), before }
}

fn refusal(answer: Result<ShellReceipt, ShellError>) -> String {
    match answer {
        Err(ShellError::Refused(why) | ShellError::NotBlank(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

/// A partition table of one partition, with nothing in it.
fn partition_table() -> Vec<u8> {
    let mut sector = vec![0; 512];
    sector[446..462].copy_from_slice(&[0, 0, 2, 0, 0x83, 1, 1, 0, 0, 8, 0, 0, 0, 8, 0, 0]);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

#[tokio::test]
async fn contents_are_told_apart_and_only_what_was_asked_for_is_examined() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(_blank) = Disk::add(&node, "vdb", "volblank", 16) else { return };
    let ext4 = Disk::add(&node, "vdc", "volext4", 16).unwrap();
    let xfs = Disk::add(&node, "vdd", "volxfs", 320).unwrap();
    let table = Disk::add(&node, "nvme1n1", "voltable", 16).unwrap();
    let swap = Disk::add(&node, "xvdf", "volswap", 16).unwrap();
    let several = Disk::add(&node, "sdb", "volseveral", 16).unwrap();
    let random = Disk::add(&node, "vde", "volrandom", 16).unwrap();
    let _unasked = Disk::add(&node, "vdf", "volunasked", 16).unwrap();
    ext4.format("ext4");
    xfs.format("xfs");
    table.write(0, &partition_table());
    assert!(run("mkswap", &[&swap.device]));
    several.format("ext4");
    // The first sector of the one beside the rest of the other.
    several.write(0, &fs::read(&xfs.image).unwrap()[..512]);
    // What never was written on an encrypted volume reads like this.
    random.write(
        1 << 20,
        &(0..40_000_u32)
            .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
            .collect::<Vec<_>>(),
    );
    let asked = [
        "volblank",
        "volext4",
        "volxfs",
        "voltable",
        "volswap",
        "volseveral",
        "volrandom",
        "volnone",
    ];
    let probe = node.probe(&asked).await;
    assert_eq!(probe.devices.len(), 8);
    let contents = |serial: &str| &probe.devices[serial].contents;
    assert_eq!(contents("volblank"), &Contents::Blank);
    assert_eq!(contents("volrandom"), &Contents::Blank);
    assert_eq!(contents("volunasked"), &Contents::NotExamined);
    for kind in ["ext4", "xfs"] {
        let Contents::Filesystem { kind: seen, uuid: Some(uuid) } = contents(&format!("vol{kind}"))
        else {
            panic!("{:?}", contents(&format!("vol{kind}")));
        };
        assert_eq!((seen.as_str(), uuid.len()), (kind, 36));
    }
    for other in ["voltable", "volswap", "volseveral"] {
        assert!(matches!(contents(other), Contents::Other(_)), "{other}: {:?}", contents(other));
    }
    let blank = &probe.devices["volblank"];
    assert_eq!((blank.size_bytes, blank.is_held), (16 << 20, Some(false)));
    assert_eq!(blank.path, node.path("dev/vdb").to_str().unwrap());
}

#[tokio::test]
async fn a_device_is_blank_only_when_every_single_look_succeeded() {
    let _turn = together().await;
    for missing in ["blkid", "wipefs", "dd"] {
        let Some(node) = Node::start() else { return };
        let Some(_disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
        node.without(&[missing]);
        let probe = node.probe(&["vol1"]).await;
        let contents = &probe.devices["vol1"].contents;
        assert!(
            matches!(contents, Contents::Unreadable(why) if why.contains(missing) || missing == "dd"),
            "{missing}: {contents:?}"
        );
        refusal(node.one(mkfs("vol1", FilesystemKind::Ext4)).await);
    }
    // A device that cannot be read: its end is gone. blkid and wipefs see nothing amiss.
    let node = Node::start().unwrap();
    let disk = Disk::add(&node, "vdb", "vol1", 16).unwrap();
    fs::OpenOptions::new().write(true).open(&disk.image).unwrap().set_len(8 << 20).unwrap();
    let probe = node.probe(&["vol1"]).await;
    let contents = &probe.devices["vol1"].contents;
    assert!(matches!(contents, Contents::Unreadable(_)), "{contents:?}");
    refusal(node.one(mkfs("vol1", FilesystemKind::Ext4)).await);
}

#[tokio::test]
async fn whether_a_device_is_held_is_told_without_perl_and_else_not_at_all() {
    let _turn = alone().await;
    for (missing, free, held) in [
        (&["perl"][..], Some(false), Some(true)),
        (&["perl", "python3"][..], Some(false), Some(true)),
        (&["perl", "python3", "mke2fs"][..], None, None),
    ] {
        let Some(node) = Node::start() else { return };
        let Some(_free) = Disk::add(&node, "vdb", "volfree", 16) else { return };
        let used = Disk::add(&node, "vdc", "volheld", 16).unwrap();
        used.format("ext4");
        let at = node.path("mnt");
        let script =
            format!("mount {} {} && echo ready && exec sleep 60", used.device, at.display());
        let _space = start("unshare", &["-m", "sh", "-c", &script]);
        node.without(missing);
        let probe = node.probe(&["volfree", "volheld"]).await;
        assert_eq!(probe.devices["volfree"].is_held, free, "{missing:?}");
        assert_eq!(probe.devices["volheld"].is_held, held, "{missing:?}");
        if free.is_none() {
            assert!(matches!(probe.devices["volfree"].contents, Contents::Unreadable(_)));
            refusal(node.one(mkfs("volfree", FilesystemKind::Ext4)).await);
        } else {
            assert_eq!(probe.devices["volfree"].contents, Contents::Blank);
        }
    }
}

#[tokio::test]
async fn a_mount_of_another_name_space_is_seen_and_blocks_everything() {
    let _turn = alone().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let script = format!(
        "mount {} {} && echo ready && exec sleep 60",
        disk.device,
        node.path("mnt").display()
    );
    let space = start("unshare", &["-m", "sh", "-c", &script]);
    let probe = node.probe(&["vol1"]).await;
    let device = &probe.devices["vol1"];
    assert!(device.mounts.is_empty());
    assert_eq!((device.is_held, &device.contents), (Some(true), &Contents::NotExamined));
    let holder = device.holders.iter().find(|holder| holder.pid == space.0.id()).unwrap();
    assert_eq!(holder.command, "sleep 60");
    assert!(holder.what.contains("another name space"), "{holder:?}");

    let Err(ShellError::Busy { holders, .. }) = node.one(unmount("vol1")).await else { panic!() };
    assert!(holders.iter().any(|holder| holder.pid == space.0.id()));
    let why = refusal(node.one(mount("vol1", &node.path("mnt/x"), "ext4")).await);
    assert!(why.contains("in use") && why.contains("sleep 60"), "{why}");
    assert!(!node.path("mnt/x").exists());
}

#[tokio::test]
async fn a_blank_device_is_formatted_mounted_and_unmounted_and_each_twice_is_the_same() {
    let _turn = together().await;
    for (kind, fs, shell) in [
        ("ext4", FilesystemKind::Ext4, "/bin/dash"),
        ("xfs", FilesystemKind::Xfs, "/bin/bash --posix"),
    ] {
        let Some(node) = Node::start() else { return };
        if Path::new(shell.split(' ').next().unwrap()).exists() {
            node.shell_is(shell);
        }
        let Some(_disk) = Disk::add(&node, "vdb", "vol1", 320) else { return };
        let at = node.path("mnt/a b 1\\c");
        let mut owned = mount("vol1", &at, kind);
        if let ShellAction::Mount { owner, group, mode, .. } = &mut owned {
            (*owner, *group, *mode) =
                (Some("12345".to_owned()), Some("daemon".to_owned()), Some(0o2775));
        }
        for _ in 0..2 {
            let answers = node.issue(vec![mkfs("vol1", fs), owned.clone()]).await;
            assert_eq!(answers, [Ok(ShellReceipt::default()), Ok(ShellReceipt::default())]);
        }
        let seen = fs::metadata(&at).unwrap();
        assert_eq!((seen.uid(), seen.gid(), seen.mode() & 0o7777), (12345, 1, 0o2775));
        fs::write(at.join("file"), "kept").unwrap();

        let probe = node.probe(&["vol1"]).await;
        let device = &probe.devices["vol1"];
        assert_eq!(device.mounts.len(), 1, "{device:?}");
        let place = &device.mounts[0];
        assert_eq!((place.at.as_str(), place.kind.as_str()), (at.to_str().unwrap(), kind));
        assert!(place.is_root && !place.is_read_only);
        assert_eq!(device.contents, Contents::Filesystem { kind: kind.to_owned(), uuid: None });
        assert!(probe.mount_table.contains(place));

        for _ in 0..2 {
            assert_eq!(node.one(unmount("vol1")).await, Ok(ShellReceipt::default()));
            assert!(!at.join("file").exists());
        }
        let device = node.probe(&["vol1"]).await.devices["vol1"].clone();
        assert_eq!(device.is_held, Some(false));
        assert_eq!(
            device.contents,
            Contents::Filesystem { kind: kind.to_owned(), uuid: Some(UUID.to_owned()) }
        );
        // Asked once more to format what is there already, the node leaves it alone.
        let again = node.issue(vec![mkfs("vol1", fs), owned.clone()]).await;
        assert!(again.iter().all(Result::is_ok), "{again:?}");
        assert_eq!(fs::read_to_string(at.join("file")).unwrap(), "kept");
        assert_eq!(node.one(unmount("vol1")).await, Ok(ShellReceipt::default()));
    }
}

#[tokio::test]
async fn nothing_that_could_hold_data_is_formatted() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(ext4) = Disk::add(&node, "vdb", "volext4", 16) else { return };
    ext4.format("ext4");
    let table = Disk::add(&node, "vdc", "voltable", 16).unwrap();
    table.write(0, &partition_table());
    let topped = Disk::add(&node, "vdd", "voltopped", 16).unwrap();
    fs::create_dir_all(node.path("sys/block/vdd/vdd1")).unwrap();
    fs::write(node.path("sys/block/vdd/vdd1/partition"), "1\n").unwrap();
    let stacked = Disk::add(&node, "vde", "volstacked", 16).unwrap();
    fs::create_dir_all(node.path("sys/block/vde/holders/dm-0")).unwrap();
    let one = Disk::add(&node, "vdf", "voltwin", 16).unwrap();
    let two = Disk::add(&node, "vdg", "voltwin", 16).unwrap();
    let small = Disk::add(&node, "vdh", "volmounted", 16).unwrap();
    small.format("ext4");
    assert!(run("mount", &["-o", "ro", &small.device, node.path("mnt").to_str().unwrap()]));
    // A path that leads to another device than the serial number's.
    let swapped = Disk::add(&node, "vdi", "volswapped", 16).unwrap();
    fs::remove_file(node.path("dev/vdi")).unwrap();
    symlink(&table.device, node.path("dev/vdi")).unwrap();
    let disks = [&ext4, &table, &topped, &stacked, &one, &two, &small, &swapped];
    let digests =
        || disks.map(|disk| Command::new("sha256sum").arg(&disk.image).output().unwrap().stdout);
    assert!(run("sync", &[]));
    let before = digests();
    for fs in [FilesystemKind::Ext4, FilesystemKind::Xfs] {
        for (serial, word) in [
            ("volext4", "ext4"),
            ("voltable", "dos"),
            ("voltopped", "vdd1"),
            ("volstacked", "dm-0"),
            ("voltwin", "two devices"),
            ("volmounted", "mounted"),
            ("volswapped", "is not the device"),
            ("volnone", "no device"),
        ] {
            let why = refusal(node.one(mkfs(serial, fs)).await);
            assert!(why.contains(word), "{serial}: {why}");
        }
    }
    assert!(run("sync", &[]));
    assert!(before == digests(), "something was written");
}

#[tokio::test]
async fn a_mount_point_must_be_a_free_and_empty_directory_of_its_own_name() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let other = Disk::add(&node, "vdc", "vol2", 16).unwrap();
    other.format("ext4");
    let base = node.path("mnt");
    fs::create_dir_all(base.join("full")).unwrap();
    fs::write(base.join("full/.hidden"), "").unwrap();
    fs::create_dir_all(base.join("taken")).unwrap();
    assert!(run("mount", &[&other.device, base.join("taken").to_str().unwrap()]));
    fs::write(base.join("file"), "").unwrap();
    symlink("/usr", base.join("link")).unwrap();
    for (place, word) in [
        ("full", "not empty"),
        ("taken", "taken by something else"),
        ("file", "not a directory"),
        ("file/below", "not a directory"),
        ("link", "symbolic link"),
        ("link/below", "symbolic link"),
    ] {
        let why = refusal(node.one(mount("vol1", &base.join(place), "ext4")).await);
        assert!(why.contains(word), "{place}: {why}");
    }
    assert!(!Path::new("/usr/below").exists());
    // Another kind than was seen is refused as well, and so is mounting a second time elsewhere.
    let why = refusal(node.one(mount("vol1", &base.join("new"), "xfs")).await);
    assert!(why.contains("was to hold xfs; found: ext4"), "{why}");
    node.one(mount("vol1", &base.join("new"), "ext4")).await.unwrap();
    let why = refusal(node.one(mount("vol1", &base.join("newer"), "ext4")).await);
    assert!(why.contains("is mounted"), "{why}");
    // A directory below a mount of ours is a mount point like any other.
    node.one(unmount("vol2")).await.unwrap();
    node.one(mount("vol2", &base.join("new/below"), "ext4")).await.unwrap();
    let Err(ShellError::Busy { holders, .. }) = node.one(unmount("vol1")).await else { panic!() };
    assert!(
        holders.iter().any(|holder| holder.what.contains("new/below is mounted below it")),
        "{holders:?}"
    );
    let answers = node.issue(vec![unmount("vol2"), unmount("vol1")]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn an_owner_that_is_not_known_leaves_it_unmounted() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let mut action = mount("vol1", &node.path("mnt/x"), "ext4");
    if let ShellAction::Mount { owner, .. } = &mut action {
        *owner = Some("nobody-of-that-name".to_owned());
    }
    let answer = node.one(action).await;
    assert!(
        matches!(&answer, Err(ShellError::Failed { message, .. }) if message.contains("nobody-of-that-name")),
        "{answer:?}"
    );
    assert!(node.probe(&[]).await.devices["vol1"].mounts.is_empty());
}

#[tokio::test]
async fn a_node_refuses_a_run_that_others_came_after_and_a_look_is_enough() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let mount = || mount("vol1", &node.path("mnt/x"), "ext4");
    node.one_for_run(mount(), 7).await.unwrap();
    node.one_for_run(unmount("vol1"), 7).await.unwrap();
    node.probe_for_run(8).await.unwrap();
    for late in [mount(), unmount("vol1"), mkfs("vol1", FilesystemKind::Ext4)] {
        let why = refusal(node.one_for_run(late, 7).await);
        assert!(why.contains("a later run has been here: 8, and this is 7"), "{why}");
    }
    let gap = node.probe_for_run(7).await.unwrap_err();
    assert!(gap.why.contains("a later run has been here"), "{gap:?}");
    assert!(node.probe(&[]).await.devices["vol1"].mounts.is_empty(), "who only looks is answered");
    node.one_for_run(mount(), 8).await.unwrap();
    node.one_for_run(unmount("vol1"), 12).await.unwrap();
    assert!(node.one_for_run(mount(), 8).await.is_err());
}

#[tokio::test]
async fn a_mount_that_was_asked_for_before_an_unmount_is_refused_however_late_it_comes() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let now = 1_790_000_000_000;
    let mount = || mount("vol1", &node.path("mnt/x"), "ext4");
    node.one_seen_at(mount(), now).await.unwrap();
    node.one_seen_at(unmount("vol1"), now + 7).await.unwrap();
    let why = refusal(node.one_seen_at(mount(), now + 6).await);
    assert!(why.contains("before the last unmount"), "{why}");
    assert!(node.probe(&[]).await.devices["vol1"].mounts.is_empty());
    node.one_seen_at(mount(), now + 7).await.unwrap();
    // An unmount that finds nothing to do counts as well, and an older one takes nothing back.
    node.one_seen_at(unmount("vol1"), now + 8).await.unwrap();
    node.one_seen_at(unmount("vol1"), now + 20).await.unwrap();
    node.one_seen_at(unmount("vol1"), now + 9).await.unwrap();
    let why = refusal(node.one_seen_at(mount(), now + 19).await);
    assert!(why.contains("before the last unmount"), "{why}");
    // Not for ever: the clocks of two who ask may differ.
    node.edit("s|^WU_FENCE_KEPT=.*$|WU_FENCE_KEPT=0|");
    node.one_seen_at(mount(), now).await.unwrap();
    node.one(unmount("vol1")).await.unwrap();
}

#[tokio::test]
async fn two_copies_of_one_xfs_volume_mount_beside_each_other() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(one) = Disk::add(&node, "vdb", "vol1", 320) else { return };
    let two = Disk::add(&node, "vdc", "vol2", 320).unwrap();
    one.format("xfs");
    assert!(run(
        "dd",
        &[&format!("if={}", one.device), &format!("of={}", two.device), "bs=1M", "conv=fsync"]
    ));
    let answers = node
        .issue(vec![
            mount("vol1", &node.path("mnt/1"), "xfs"),
            mount("vol2", &node.path("mnt/2"), "xfs"),
        ])
        .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let probe = node.probe(&[]).await;
    for (serial, place) in [("vol1", "mnt/1"), ("vol2", "mnt/2")] {
        assert_eq!(probe.devices[serial].mounts[0].at, node.path(place).to_str().unwrap());
    }
}

#[tokio::test]
async fn who_keeps_a_mount_busy_is_named_with_what_they_hold() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let at = node.path("mnt/x");
    node.one(mount("vol1", &at, "ext4")).await.unwrap();
    let log = at.join("busy.log");
    let writer =
        start("sh", &["-c", &format!("exec 7>>{}; echo ready; exec sleep 601", log.display())]);
    let idler = start("sh", &["-c", &format!("cd {}; echo ready; exec sleep 602", at.display())]);
    let program = at.join("program");
    fs::copy("/bin/sleep", &program).unwrap();
    let runner = Running(Command::new(&program).arg("603").spawn().unwrap());
    let Err(ShellError::Busy { holders, message }) = node.one(unmount("vol1")).await else {
        panic!()
    };
    assert!(message.contains("busy"), "{message}");
    let held_by = |running: &Running| {
        holders
            .iter()
            .filter(|holder| holder.pid == running.0.id())
            .map(|h| h.what.clone())
            .collect::<Vec<_>>()
    };
    let named = |what: &str| held_by(&writer).iter().any(|held| held == what);
    assert!(named(&format!("{} (open for writing)", log.display())), "{holders:?}");
    assert!(
        held_by(&idler).contains(&format!("working directory {}", at.display())),
        "{holders:?}"
    );
    assert!(held_by(&runner).contains(&format!("program {}", program.display())), "{holders:?}");
    let first = holders.iter().find(|holder| holder.pid == writer.0.id()).unwrap();
    assert_eq!(first.command, "sleep 601");
    assert!(!first.user.is_empty() && first.user != "?");
    // It stays mounted, and goes once they have gone.
    assert!(log.exists());
    drop((writer, idler, runner));
    assert_eq!(node.one(unmount("vol1")).await, Ok(ShellReceipt::default()));
}

#[tokio::test]
async fn every_place_where_it_is_mounted_is_seen_and_unmounted() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let at = node.path("mnt/x");
    node.one(mount("vol1", &at, "ext4")).await.unwrap();
    fs::create_dir(at.join("part")).unwrap();
    for name in ["bound", "read-only"] {
        fs::create_dir(node.path("mnt").join(name)).unwrap();
    }
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    assert!(run("mount", &["--bind", &text(&at.join("part")), &text(&node.path("mnt/bound"))]));
    assert!(
        run("mount", &["-o", "ro", &disk.device, &text(&node.path("mnt/read-only"))]) || {
            assert!(run("mount", &["--bind", &text(&at), &text(&node.path("mnt/read-only"))]));
            run("mount", &["-o", "remount,bind,ro", &text(&node.path("mnt/read-only"))])
        }
    );
    let probe = node.probe(&["vol1"]).await;
    let seen: Vec<_> = probe.devices["vol1"]
        .mounts
        .iter()
        .map(|m| (m.at.rsplit('/').next().unwrap(), m.is_root, m.is_read_only))
        .collect();
    assert_eq!(seen, [("x", true, false), ("bound", false, false), ("read-only", true, true)]);
    node.one(unmount("vol1")).await.unwrap();
    let device = node.probe(&["vol1"]).await.devices["vol1"].clone();
    assert!(device.mounts.is_empty());
    assert_eq!(device.is_held, Some(false));
}

#[tokio::test]
async fn a_mount_that_another_one_covers_is_left_alone() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    let cover = Disk::add(&node, "vdc", "vol2", 16).unwrap();
    cover.format("ext4");
    let at = node.path("mnt/x");
    node.one(mount("vol1", &at, "ext4")).await.unwrap();
    assert!(run("mount", &[&cover.device, at.to_str().unwrap()]));
    let Err(ShellError::Busy { message, .. }) = node.one(unmount("vol1")).await else { panic!() };
    assert!(message.contains("covered"), "{message}");
    assert_eq!(node.probe(&[]).await.devices["vol2"].mounts.len(), 1);
    let answers = node.issue(vec![unmount("vol2"), unmount("vol1")]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn hooks_run_first_and_once_and_a_blocking_no_keeps_it_mounted() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(one) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    let two = Disk::add(&node, "vdc", "vol2", 16).unwrap();
    one.format("ext4");
    two.format("ext4");
    let places = [node.path("mnt/a b"), node.path("mnt/2")];
    let mounts = || vec![mount("vol1", &places[0], "ext4"), mount("vol2", &places[1], "ext4")];
    assert!(node.issue(mounts()).await.iter().all(Result::is_ok));
    let hook = |run: String, blocks| Hook { run, timeout: Duration::from_secs(20), blocks };
    let log = node.path("hooks");
    let stop = hook(format!("echo stop $WUCLUSTER_HOOK >>{}", log.display()), true);
    let each =
        hook(format!("echo $WUCLUSTER_MOUNT $WUCLUSTER_MOUNT_POINT >>{}", log.display()), true);
    let grumble = hook("echo not nice; exit 3".to_owned(), false);
    let never = hook("echo busy tonight; exit 1".to_owned(), true);

    let answers = node
        .issue(vec![unmount_after(
            "vol1",
            "data",
            vec![grumble.clone(), never.clone(), stop.clone()],
        )])
        .await;
    assert_eq!(
        answers,
        [Err(ShellError::HookRefused { hook: never, output: "busy tonight".to_owned() })]
    );
    assert!(!log.exists() && node.probe(&[]).await.devices["vol1"].mounts.len() == 1);

    let before = vec![stop, each, grumble.clone()];
    let answers = node
        .issue(vec![
            unmount_after("vol1", "data", before.clone()),
            unmount_after("vol2", "logs", before.clone()),
        ])
        .await;
    let receipt = ShellReceipt { passed_over: vec![(grumble, "not nice".to_owned())] };
    assert_eq!(answers, [Ok(receipt.clone()), Ok(receipt)]);
    let ran = fs::read_to_string(&log).unwrap();
    let expected = format!(
        "stop before-unmount\ndata {}\nlogs {}\n",
        places[0].display(),
        places[1].display()
    );
    assert_eq!(ran, expected);
    // What is unmounted already asks nobody.
    node.one(unmount_after("vol1", "data", before)).await.unwrap();
    assert_eq!(fs::read_to_string(&log).unwrap(), expected);
}

#[tokio::test]
async fn a_damaged_file_system_waits_for_a_person() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    // The root directory's inode is gone, which no automatic repair may mend.
    assert!(run("debugfs", &["-w", "-R", "clri <2>", &disk.device]));
    assert!(run("debugfs", &["-w", "-R", "ssv state 2", &disk.device]));
    let why = refusal(node.one(mount("vol1", &node.path("mnt/x"), "ext4")).await);
    assert!(why.contains("e2fsck -p"), "{why}");
    assert!(node.probe(&[]).await.devices["vol1"].mounts.is_empty());
}

#[tokio::test]
async fn one_request_at_a_time_changes_a_node() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 16) else { return };
    disk.format("ext4");
    node.edit("s/flock -w 60 9/flock -w 1 9/");
    let lock = node.path("lock");
    let _other = start(
        "flock",
        &["--no-fork", lock.to_str().unwrap(), "sh", "-c", "echo ready; exec sleep 60"],
    );
    let why = refusal(node.one(mount("vol1", &node.path("mnt/x"), "ext4")).await);
    assert_eq!(why, "another request is at work on this node");
}

#[tokio::test]
async fn a_file_system_stands_still_and_goes_on_whoever_is_lost() {
    let _turn = together().await;
    let Some(node) = Node::start() else { return };
    let Some(disk) = Disk::add(&node, "vdb", "vol1", 64) else { return };
    disk.format("ext4");
    let at = node.path("mnt/d");
    assert_eq!(node.one(mount("vol1", &at, "ext4")).await, Ok(ShellReceipt::default()));
    let place = at.to_str().unwrap().to_owned();
    let freeze = |at: &str, limit_seconds| ShellAction::Freeze {
        mount: key(),
        serial: "vol1".to_owned(),
        at: at.to_owned(),
        limit_seconds,
    };
    let thaw = || ShellAction::Thaw { mount: key(), serial: "vol1".to_owned(), at: place.clone() };
    let write = |name: &str| Command::new("touch").arg(at.join(name)).spawn().unwrap();
    // Neither another place nor what was not frozen.
    for action in [freeze("/tmp", 5), thaw()] {
        refusal(node.one(action).await);
    }
    assert_eq!(node.one(freeze(&place, 20)).await, Ok(ShellReceipt::default()));
    assert!(node.probe(&["vol1"]).await.devices["vol1"].is_frozen);
    let mut waits = write("waits");
    // In the kernel, which lets nobody write there now.
    while !fs::read_to_string(format!("/proc/{}/stat", waits.id())).unwrap().contains(") D ") {
        assert!(waits.try_wait().unwrap().is_none(), "who writes waits");
        std::thread::yield_now();
    }
    refusal(node.one(freeze(&place, 20)).await);
    assert_eq!(node.one(thaw()).await, Ok(ShellReceipt::default()));
    assert!(waits.wait().unwrap().success());
    assert!(!node.probe(&["vol1"]).await.devices["vol1"].is_frozen);
    // Nobody comes back: the node's own watchman thaws, and a thaw that comes later is told so.
    assert_eq!(node.one(freeze(&place, 5)).await, Ok(ShellReceipt::default()));
    assert!(write("late").wait().unwrap().success());
    refusal(node.one(thaw()).await);
    // What is frozen goes on before it is unmounted.
    assert_eq!(node.one(freeze(&place, 20)).await, Ok(ShellReceipt::default()));
    assert_eq!(node.one(unmount("vol1")).await, Ok(ShellReceipt::default()));
}

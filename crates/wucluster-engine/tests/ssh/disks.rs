//! Loop devices that the made-up `/sys/block` gives serial numbers.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::node::Node;

/// Name spaces that a test makes hold copies of every mount there is, those of other tests too.
static TURN: RwLock<()> = RwLock::const_new(());

/// Waits until no other test has a name space of its own.
pub(crate) async fn together() -> RwLockReadGuard<'static, ()> {
    TURN.read().await
}

/// Waits until no other test has disks.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().await
}

/// A disk of a node: a loop device under another name, with a serial number.
pub(crate) struct Disk {
    /// The device by its own name.
    pub(crate) device: String,
    pub(crate) image: PathBuf,
}

impl Disk {
    /// Adds a blank disk, or says why none can be had here. Unit of the size: MiB.
    pub(crate) fn add(node: &Node, name: &str, serial: &str, size_mib: u64) -> Option<Self> {
        let image = node.path(&format!("{name}.img"));
        File::create(&image).unwrap().set_len(size_mib << 20).unwrap();
        let made = Command::new("losetup").args(["-f", "--show"]).arg(&image).output();
        let Some(device) = made.ok().filter(|made| made.status.success()) else {
            eprintln!(
                "SKIPPED: no loop device can be made (this needs root); the tests on machines cover it"
            );
            return None;
        };
        let device = String::from_utf8(device.stdout).unwrap().trim().to_owned();
        let own = Path::new("/sys/block").join(Path::new(&device).file_name().unwrap());
        let disk = Self { device, image };
        let made_up = node.path("sys/block").join(name);
        fs::create_dir_all(made_up.join("holders")).unwrap();
        for file in ["dev", "size"] {
            fs::write(made_up.join(file), fs::read(own.join(file)).unwrap()).unwrap();
        }
        // Without a newline, as virtio disks tell it. Disks of Xen have no such file.
        if !serial.is_empty() {
            fs::write(made_up.join("serial"), serial).unwrap();
        }
        let number = fs::read_to_string(own.join("dev")).unwrap();
        let (major, minor) = number.trim().split_once(':').unwrap();
        let path = node.path("dev").join(name);
        assert!(run("mknod", &[path.to_str().unwrap(), "b", major, minor]));
        Some(disk)
    }

    /// Overwrites a part of the disk, past every cache.
    pub(crate) fn write(&self, place: u64, bytes: &[u8]) {
        let mut file = fs::OpenOptions::new().write(true).open(&self.device).unwrap();
        file.seek(SeekFrom::Start(place)).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
    }

    /// Makes it larger while it is in use; its node sees that under its name. Unit of the size: MiB.
    pub(crate) fn grow(&self, node: &Node, name: &str, size_mib: u64) {
        let image = fs::OpenOptions::new().write(true).open(&self.image).unwrap();
        image.set_len(size_mib << 20).unwrap();
        assert!(run("losetup", &["-c", &self.device]));
        let own = Path::new("/sys/block").join(Path::new(&self.device).file_name().unwrap());
        let size = fs::read(own.join("size")).unwrap();
        fs::write(node.path("sys/block").join(name).join("size"), size).unwrap();
    }

    /// Puts a file system on it by hand.
    pub(crate) fn format(&self, kind: &str) {
        assert!(run(&format!("mkfs.{kind}"), &["-q", &self.device]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let number = fs::metadata(&self.device).unwrap().rdev();
        let number = format!(" {}:{} ", number >> 8, number & 0xff);
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        for line in table.lines().rev().filter(|line| line.contains(&number)) {
            let at = line.split(' ').nth(4).unwrap();
            run("umount", &[&at.replace("\\040", " ").replace("\\134", "\\")]);
        }
        run("losetup", &["-d", &self.device]);
    }
}

/// Runs a program quietly; says whether it succeeded.
pub(crate) fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

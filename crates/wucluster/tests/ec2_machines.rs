//! The program with `provider = "aws"` on real machines: the official SDK speaks EC2's protocol over HTTP to a server of this
//! test, behind which QEMU runs the machines. So ssh, host keys, devices, file systems and data are real; what is not AWS's
//! is the cloud.
#![cfg(all(feature = "aws", feature = "local"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

#[path = "support/machines.rs"]
mod on_host;
#[path = "support/aws.rs"]
mod user;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use on_host::{end_machines_below, image_cache, machines_below};
use wucluster_core::definition::MachineDefinition;
use wucluster_core::observation::SshEndpoint;
use wucluster_ec2_front::{Front, FrontOptions};
use wucluster_local::{LocalCloud, LocalConfig};

/// Longest time that any one command may take here: many times what it does on two idle cores.
const PATIENCE: Duration = Duration::from_secs(600);

const DEFINITION: &str = r#"
[cluster]
name = "apes"
provider = "aws"
zone = "eu-central-1a"
network = "managed"
ssh-from = ["203.0.113.0/24"]
public-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ann"

[node.chief]
image = "ami-0123456789abcdef0"
type = "t3.micro"
user = "root"
mount.home = { at = "/mnt/home", size = "1 GiB", fs = "ext4", mode = "2775" }
mount.data = { at = "/mnt/data", size = "1 GiB", fs = "xfs", options = ["noatime"] }
"#;

const WRITE: &str = "for m in home data; do dd if=/dev/urandom of=/mnt/$m/bytes bs=1M count=4 status=none; echo $m >/mnt/$m/note; done";
const HASHES: &str = "cd /mnt && sha256sum home/[bn]* data/[bn]*";

/// The address that EC2 would show: it shows no port, so that it stands for one of this host's.
fn address(ssh: &SshEndpoint) -> String {
    let [high, low] = ssh.port.to_be_bytes();
    format!("127.77.{high}.{low}")
}

/// The machine behind every type.
fn machine(_: MachineDefinition) -> MachineDefinition {
    MachineDefinition { memory_mib: Some(384), ..MachineDefinition::default() }
}

/// Undoes [`address`], and offers the machines' key: what a user's own ssh is set up for.
fn ssh_script(key: &Path) -> String {
    format!(
        r#"#!/bin/sh
before=
for word in "$@"; do
    [ "$before" = -- ] && break
    before=$word
done
low=${{word##*.}} high=${{word%.*}} high=${{high##*.}}
exec ssh -F none -o HostName=127.0.0.1 -o Port=$((high * 256 + low)) -i '{}' "$@"
"#,
        key.display()
    )
}

/// A user with a folder, and an account of machines of his own.
struct User {
    folder: tempfile::TempDir,
    front: Front,
}

impl Drop for User {
    fn drop(&mut self) {
        end_machines_below(self.folder.path());
    }
}

impl User {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("wucluster-ec2-").tempdir().unwrap();
        fs::write(folder.path().join("apes.cluster.toml"), DEFINITION).unwrap();
        let cache_dir = image_cache();
        let config = LocalConfig { state_dir: folder.path().join("machines"), cache_dir };
        let cloud = LocalCloud::open(&config).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(cloud.prepare(|_| {})).unwrap();
        let script = folder.path().join("ssh");
        fs::write(&script, ssh_script(&cloud.client_key())).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        // Longer than the program lets pass between two looks: else it would have to wait until it may take for gone what it
        // never saw being deleted.
        let deleting_for = Duration::from_secs(5);
        let options = FrontOptions { machine, address, deleting_for, ..FrontOptions::default() };
        let front = Front::begin(Arc::new(cloud), options).unwrap();
        Self { folder, front }
    }

    /// Runs the program, which must end with that status; returns what it said.
    #[track_caller]
    fn run(&self, arguments: &[&str], status: i32) -> String {
        let started = Instant::now();
        let folder = self.folder.path();
        let child = user::program(folder, &self.front.url(), &folder.join("ssh"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let (done, finished) = mpsc::channel();
        std::thread::spawn(move || done.send(child.wait_with_output()));
        let output = finished.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
            panic!("`wucluster {}` took longer than {PATIENCE:?}", arguments.join(" "));
        });
        let output = output.unwrap();
        let (said, told) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        let arguments = arguments.join(" ");
        println!(
            "$ wucluster {arguments} -> {:?} in {:.1?}",
            output.status.code(),
            started.elapsed()
        );
        let code = output.status.code();
        let odd = self.front.misunderstood();
        assert_eq!(
            code,
            Some(status),
            "`wucluster {arguments}`\n--- stdout\n{said}\n--- stderr\n{told}\n--- not understood: {odd:?}"
        );
        said
    }

    /// Runs a command on the node.
    #[track_caller]
    fn on_chief(&self, command: &str) -> String {
        self.run(&["ssh", "chief", "--", command], 0)
    }

    /// The process ids of the machines of this folder.
    fn machines(&self) -> Vec<u32> {
        machines_below(self.folder.path())
    }
}

/// Ask, launch with a network of its own, write, put away, launch, compare, put away.
#[test]
fn what_was_written_comes_back_through_the_sdk() {
    let user = User::new();
    let told = user.run(&["check", "--online"], 0);
    for about in ["quota L-1216C47A", "quota L-7A658B76", "ec2:RunInstances", "wucluster-apes"] {
        assert!(told.contains(about), "{about}: {told}");
    }
    user.run(&["launch"], 0);
    assert_eq!(user.machines().len(), 1);
    let told = user.on_chief("stat -c '%a %n' /mnt/home; findmnt -no FSTYPE,OPTIONS /mnt/data");
    assert!(told.contains("2775 /mnt/home") && told.contains("xfs"), "{told}");
    // Devices are found by the serial numbers that EBS gives them: the id without its dash.
    let told = user.on_chief("lsblk -dno SERIAL,MOUNTPOINT");
    for at in ["/mnt/home", "/mnt/data"] {
        let is_found =
            told.lines().any(|line| line.starts_with("vol") && line.trim_end().ends_with(at));
        assert!(is_found, "{told}");
    }
    user.on_chief(WRITE);
    let before = user.on_chief(HASHES);
    assert_eq!(before.lines().count(), 4, "{before}");

    user.run(&["put-away", "--yes"], 0);
    user.run(&["status", "--is", "away"], 0);
    assert_eq!(user.machines().len(), 0);

    user.run(&["launch"], 0);
    assert_eq!(user.on_chief(HASHES), before);
    user.run(&["put-away", "--yes"], 0);
    assert_eq!(user.machines().len(), 0);

    let requests = user.front.requests();
    println!("{requests:?}");
    assert_eq!(user.front.misunderstood(), Vec::<String>::new());
    // What makes something was tried once before.
    for (name, times) in [
        ("RunInstances", 3),
        ("CreateSnapshot", 4),
        ("DeleteVolume", 4),
        ("CreateSecurityGroup", 3),
        ("ImportKeyPair", 3),
        ("DeleteSecurityGroup", 2),
        ("DeleteKeyPair", 2),
    ] {
        assert_eq!(requests.get(name), Some(&times), "{name}: {requests:?}");
    }
    assert!(requests["GetConsoleOutput"] >= 2, "host keys come from the console: {requests:?}");
}

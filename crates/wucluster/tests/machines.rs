//! The program on real machines: QEMU, OpenSSH, ext4 and xfs. What was written is compared by hash.
//!
//! Each test has a state folder of its own, whose machines end with it; the node image is shared, in
//! `WUCLUSTER_CACHE` or below the build folder.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

#[path = "support/machines.rs"]
mod on_host;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use on_host::{end_machines_below, image_cache, machines_below};

/// Longest time that any one command may take here: many times what it does on two idle cores.
const PATIENCE: Duration = Duration::from_secs(400);

/// A cluster's definition and state in a folder of their own.
struct Site {
    folder: tempfile::TempDir,
    cache: PathBuf,
}

impl Drop for Site {
    fn drop(&mut self) {
        end_machines_below(self.folder.path());
    }
}

impl Site {
    fn new(definition: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("wucluster-machines-").tempdir().unwrap();
        fs::write(folder.path().join("gibbon.cluster.toml"), definition).unwrap();
        let cache = image_cache();
        let site = Self { folder, cache };
        site.run(&["local", "image"]).expect(0);
        site
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn define(&self, definition: &str) {
        fs::write(self.folder.path().join("gibbon.cluster.toml"), definition).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wucluster"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("WUCLUSTER_STATE", self.state())
            .env("WUCLUSTER_CACHE", &self.cache)
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let started = Instant::now();
        let pid = child.id();
        let (done, finished) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(child.wait_with_output()));
        let output = finished.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
            panic!("`wucluster {}` took longer than {PATIENCE:?}", arguments.join(" "));
        });
        let ran = Ran {
            arguments: arguments.join(" "),
            output: output.unwrap(),
            took: started.elapsed(),
        };
        println!(
            "$ wucluster {} -> {:?} in {:.1?}",
            ran.arguments,
            ran.output.status.code(),
            ran.took
        );
        ran
    }

    /// Runs a command on a node and returns what it printed.
    #[track_caller]
    fn on(&self, node: &str, command: &str) -> String {
        self.run(&["ssh", node, "--", command]).expect(0).stdout()
    }

    /// Starts a drive and kills it, with -9, as soon as its journal tells of that request.
    fn kill_when_asked(&self, arguments: &[&str], request: &str) {
        let before = self.batches();
        let mut child: Child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let wanted = "\"event\":\"asked\"";
        let name = format!("\"name\":\"{request}\"");
        let started = Instant::now();
        loop {
            let told = self.batches().difference(&before).any(|batch| {
                let text = fs::read_to_string(batch).unwrap_or_default();
                text.lines().any(|line| line.contains(wanted) && line.contains(&name))
            });
            if told {
                break;
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "`wucluster {}` ended by itself ({status}) before {request}",
                    arguments.join(" ")
                );
            }
            assert!(started.elapsed() < PATIENCE, "{request} was never asked");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        println!("$ wucluster {} -> killed at {request}", arguments.join(" "));
    }

    /// Starts a drive and kills it, with -9, after so long; says whether it had not ended by then.
    fn kill_after(&self, arguments: &[&str], after: Duration) -> bool {
        let started = Instant::now();
        let mut child: Child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut has_ended = false;
        while !has_ended && started.elapsed() < after {
            std::thread::sleep(Duration::from_millis(1));
            has_ended = child.try_wait().unwrap().is_some();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let how = if has_ended { "ended before" } else { "killed after" };
        println!("$ wucluster {} -> {how} {after:.1?}", arguments.join(" "));
        !has_ended
    }

    /// Lists the batches of all journals.
    fn batches(&self) -> std::collections::BTreeSet<PathBuf> {
        let folder = self.state().join("clusters/local/gibbon/runs");
        let inside = |folder: PathBuf| {
            let entries = fs::read_dir(folder).into_iter().flatten();
            entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        inside(folder).into_iter().flat_map(inside).collect()
    }

    /// The process ids of the machines of this folder.
    fn machines(&self) -> Vec<u32> {
        machines_below(self.folder.path())
    }

    /// The disks of volumes that exist. One without a record is none: a process that was killed while
    /// it made the volume left it, and `local gc` takes it away.
    fn disks(&self) -> Vec<PathBuf> {
        let volumes =
            fs::read_dir(self.state().join("local/volumes")).into_iter().flatten().flatten();
        volumes
            .filter(|entry| entry.path().join("meta.json").exists())
            .map(|entry| entry.path().join("data.raw"))
            .filter(|disk| disk.exists())
            .collect()
    }

    /// Clears up, and looks whether what killed commands left half made is taken away.
    fn assert_nothing_is_half_made(&self) {
        self.run(&["local", "gc"]).expect(0);
        let folders = fs::read_dir(self.state().join("local/volumes")).unwrap().flatten();
        let unknown = folders.filter(|entry| !entry.path().join("meta.json").exists()).count();
        assert_eq!(unknown, 0, "what the killed ones left half made is taken away");
    }

    /// For each volume that was ever made: whether its disk is there, or a whole snapshot of it is.
    #[track_caller]
    fn assert_nothing_is_lost(&self) {
        let local = self.state().join("local");
        let read = |kind: &str| -> BTreeMap<String, (PathBuf, String)> {
            fs::read_dir(local.join(kind))
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let meta = fs::read_to_string(entry.path().join("meta.json")).ok()?;
                    Some((entry.file_name().to_string_lossy().into_owned(), (entry.path(), meta)))
                })
                .collect()
        };
        let snapshots = read("snapshots");
        for (id, (folder, _)) in read("volumes") {
            let is_kept = snapshots
                .values()
                .any(|(snapshot, meta)| meta.contains(&id) && snapshot.join("data.qcow2").exists());
            assert!(
                folder.join("data.raw").exists() || is_kept,
                "{id} is gone and no snapshot keeps it"
            );
        }
    }
}

/// A command that was run.
struct Ran {
    arguments: String,
    output: Output,
    took: Duration,
}

impl Ran {
    #[track_caller]
    fn expect(self, status: i32) -> Self {
        assert_eq!(
            self.output.status.code(),
            Some(status),
            "`wucluster {}` after {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.arguments,
            self.took,
            self.stdout(),
            self.stderr()
        );
        self
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        let told = self.stdout() + &self.stderr();
        assert!(
            told.contains(text),
            "`wucluster {}` does not say {text:?}:\n{told}",
            self.arguments
        );
        self
    }
}

const CHIEF: &str = r#"
[cluster]
name = "gibbon"

[defaults]
memory = "384 MiB"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB", fs = "ext4", mode = "2775" }
mount.data = { at = "/mnt/data", size = "1 GiB", fs = "xfs", options = ["noatime"] }
ready = ["test -d /mnt/home && test -d /mnt/data"]
before-halt = [{ run = "test ! -e /run/busy || { echo a job runs; exit 1; }", timeout = "10s" }]
"#;

const HASHES: &str = "cd /mnt && sha256sum home/[bn]* data/[bn]*";
const WRITE: &str = "for m in home data; do dd if=/dev/urandom of=/mnt/$m/bytes bs=1M count=4 status=none; echo $m >/mnt/$m/note; done";

/// A larger size is refused where a running machine has the disk, which stays up as it is; once it is detached, or away, it is
/// grown, and its file system while it is mounted.
#[test]
fn mounts_grow_with_the_data() {
    let of = |gib: u32| CHIEF.replace("1 GiB", &format!("{gib} GiB"));
    let site = Site::new(CHIEF);
    site.run(&["launch"]).expect(0);
    site.on("chief", WRITE);
    let before = site.on("chief", HASHES);
    let room = |gib: u32| {
        let told = site.on("chief", "df -BM --output=size /mnt/home /mnt/data | tail -n +2");
        let sizes: Vec<u32> =
            told.lines().map(|line| line.trim().trim_end_matches('M').parse().unwrap()).collect();
        // What a file system keeps for itself is no room.
        let fits = |size: &u32| *size <= gib * 1024 && *size > gib * 1024 * 85 / 100;
        assert!(sizes.len() == 2 && sizes.iter().all(fits), "{gib} GiB: {told}");
    };
    room(1);

    site.define(&of(2));
    site.run(&["plan", "launched"]).expect(0).says("to be grown to 2 GiB");
    site.run(&["launch"]).expect(4).says("does not grow while it is plugged in");
    room(1);
    assert_eq!(site.on("chief", HASHES), before);

    site.run(&["become", "separated"]).expect(0);
    site.run(&["launch"]).expect(0);
    room(2);
    assert_eq!(site.on("chief", HASHES), before);
    site.run(&["launch"]).expect(0).says("launched already");

    site.run(&["put-away", "--yes"]).expect(0);
    site.define(&of(3));
    site.run(&["launch"]).expect(0);
    room(3);
    assert_eq!(site.on("chief", HASHES), before);

    // A smaller size changes nothing.
    site.define(CHIEF);
    site.run(&["launch"]).expect(0);
    site.run(&["status"]).expect(0).says("no volume shrinks");
    room(3);
    site.run(&["put-away", "--yes"]).expect(0);
    site.assert_nothing_is_lost();
}

/// Launch, write, hold for every reason that a node can give, put away, launch: the data is there; and
/// a machine that loses its power is brought back with what was synced.
#[test]
fn the_whole_way_with_the_data() {
    let site = Site::new(CHIEF);
    site.run(&["launch"]).expect(0);
    let told = site.on("chief", "stat -c '%a %n' /mnt/home; findmnt -no FSTYPE,OPTIONS /mnt/data");
    assert!(
        told.contains("2775 /mnt/home") && told.contains("xfs") && told.contains("noatime"),
        "{told}"
    );
    site.on("chief", WRITE);
    let before = site.on("chief", HASHES);
    assert_eq!(before.lines().count(), 4, "{before}");

    // A process has a file open.
    site.on("chief", "nohup tail -f /mnt/data/note >/dev/null 2>&1 </dev/null &");
    site.run(&["put-away", "--yes"])
        .expect(4)
        .says("held[mount-busy] chief/data")
        .says("tail -f /mnt/data/note");
    assert_eq!(site.disks().len(), 1, "the other mount is away");
    site.on("chief", "pkill -x tail");

    // A process of another name space has it mounted, where no mount table of ours shows it.
    site.on("chief", "nohup unshare --mount --propagation private sleep 100000 >/dev/null 2>&1 </dev/null & sleep 1");
    site.run(&["put-away", "--yes"]).expect(4).says("held[mount-busy] chief/data");
    assert_eq!(site.disks().len(), 1);
    site.on("chief", "pkill -x sleep");

    // The node may not halt; its mounts go all the same.
    site.on("chief", "touch /run/busy");
    site.run(&["put-away", "--yes"]).expect(4).says("held[halt-refused] chief").says("a job runs");
    assert_eq!((site.disks().len(), site.machines().len()), (0, 1));
    site.on("chief", "rm /run/busy");
    site.run(&["put-away", "--yes"]).expect(0);
    site.run(&["status", "--is", "away"]).expect(0);
    assert_eq!((site.disks().len(), site.machines().len()), (0, 0));
    site.assert_nothing_is_lost();

    site.run(&["launch"]).expect(0);
    assert_eq!(site.on("chief", HASHES), before);

    // Power off in the middle of work: what was synced is there when it is back.
    site.on("chief", "echo late >/mnt/home/late; echo late >/mnt/data/late; sync; (while :; do echo x >>/mnt/data/grows; done) >/dev/null 2>&1 </dev/null &");
    let before = site.on("chief", "sha256sum /mnt/*/note /mnt/*/late /mnt/*/bytes");
    for pid in site.machines() {
        Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    }
    site.run(&["launch"]).expect(0);
    assert_eq!(site.on("chief", "sha256sum /mnt/*/note /mnt/*/late /mnt/*/bytes"), before);

    // A readiness check that says no gates `launched`, and undoes nothing.
    site.define(&CHIEF.replace("test -d /mnt/home && ", "false && "));
    site.run(&["launch", "--timeout", "20s"]).expect(7).says("says no");
    site.run(&["become", "mounted"]).expect(0);
    site.run(&["put-away", "--yes"]).expect(0);
    assert_eq!((site.disks().len(), site.machines().len()), (0, 0));
}

/// wucluster itself is killed at the worst moments and run again: reached, nothing lost, nothing twice.
#[test]
fn a_killed_wucluster_is_followed_by_one_that_finishes() {
    let site = Site::new(CHIEF);
    for request in ["CreateVolume", "AttachVolume", "mkfs", "mount"] {
        site.kill_when_asked(&["launch"], request);
        assert!(site.machines().len() <= 1);
    }
    site.run(&["launch"]).expect(0);
    assert_eq!((site.disks().len(), site.machines().len()), (2, 1));
    site.on("chief", &format!("{WRITE}; sync"));
    let before = site.on("chief", HASHES);
    for request in ["umount", "DetachVolume", "CreateSnapshot", "DeleteVolume"] {
        site.kill_when_asked(&["put-away", "--yes"], request);
        site.assert_nothing_is_lost();
    }
    site.run(&["put-away", "--yes"]).expect(0);
    assert_eq!((site.disks().len(), site.machines().len()), (0, 0));
    site.assert_nothing_is_lost();
    site.run(&["launch"]).expect(0);
    assert_eq!(site.on("chief", HASHES), before);
    assert_eq!((site.disks().len(), site.machines().len()), (2, 1));
    site.assert_nothing_is_half_made();
}

/// wucluster itself is killed at any moment, up and down, and run again. `WUCLUSTER_SEED` draws other moments.
#[test]
fn killed_at_any_moment_it_is_followed_by_one_that_finishes() {
    const ROUNDS: u32 = 3;
    let seed = std::env::var("WUCLUSTER_SEED").ok().and_then(|text| text.parse().ok());
    let mut luck: u64 = seed.unwrap_or(1);
    println!("WUCLUSTER_SEED={luck}");
    // Any part of what it took without a kill.
    let mut moment_of = |whole: Duration| {
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        whole.mul_f64(f64::from(u32::try_from(luck >> 40).unwrap()) / f64::from(1_u32 << 24))
    };
    let site = Site::new(CHIEF);
    let up = site.run(&["launch"]).expect(0).took;
    site.on("chief", &format!("{WRITE}; sync"));
    let before = site.on("chief", HASHES);
    let down = site.run(&["put-away", "--yes"]).expect(0).took;
    let mut killed = 0;
    for _ in 0..ROUNDS {
        killed += u32::from(site.kill_after(&["launch"], moment_of(up)));
        assert!(site.machines().len() <= 1 && site.disks().len() <= 2);
        site.assert_nothing_is_lost();
        site.run(&["launch"]).expect(0);
        assert_eq!(site.on("chief", HASHES), before);
        assert_eq!((site.disks().len(), site.machines().len()), (2, 1));

        killed += u32::from(site.kill_after(&["put-away", "--yes"], moment_of(down)));
        assert!(site.machines().len() <= 1 && site.disks().len() <= 2);
        site.assert_nothing_is_lost();
        site.run(&["put-away", "--yes"]).expect(0);
        site.assert_nothing_is_lost();
        site.run(&["status", "--is", "away"]).expect(0);
        assert_eq!((site.disks().len(), site.machines().len()), (0, 0));
    }
    assert!(killed > ROUNDS, "only {killed} of {} were killed before they ended", 2 * ROUNDS);
    site.run(&["launch"]).expect(0);
    assert_eq!(site.on("chief", HASHES), before);
    assert_eq!((site.disks().len(), site.machines().len()), (2, 1));
    site.assert_nothing_is_half_made();
}

/// What somebody else put on a disk that we made blank is neither formatted nor mounted.
#[test]
fn foreign_content_is_never_formatted() {
    let definition = "[cluster]\nname = \"gibbon\"\n[defaults]\nmemory = \"384 MiB\"\n\
                      [node.chief]\nmount.raw = { at = \"/mnt/raw\", size = \"1 GiB\" }\n";
    let site = Site::new(definition);
    site.run(&["become", "attached"]).expect(0);
    let device = "d=$(lsblk -dno PATH,SERIAL | awk '/vol/ { print $1; exit }')";
    let deadline = Instant::now() + PATIENCE;
    while !site
        .run(&["ssh", "chief", "--", &format!("{device}; test -b $d")])
        .output
        .status
        .success()
    {
        assert!(Instant::now() < deadline, "the device does not appear");
    }
    site.on("chief", &format!("{device}; echo precious | dd of=$d bs=1 seek=1048576 conv=notrunc status=none; mkswap $d; sync"));
    let look = format!("{device}; head -c 2097152 $d | sha256sum");
    let before = site.on("chief", &look);
    site.run(&["launch"]).expect(4).says("held[").says("nothing was written to it");
    assert_eq!(site.on("chief", &look), before);
    // It is kept like any other data.
    site.run(&["put-away", "--yes"]).expect(0);
    site.assert_nothing_is_lost();
}

/// Lines are written to both mounts without end, and not synced: a checkpoint holds all that was written before it, and none
/// is torn. An operator that is killed while everything stands still leaves a node that goes on by itself.
#[test]
fn a_checkpoint_of_what_is_written_all_the_time() {
    let site = Site::new(CHIEF);
    site.run(&["launch"]).expect(0);
    site.on(
        "chief",
        "nohup sh -c 'i=0; while :; do i=$((i+1)); echo line $i >>/mnt/home/log; echo line $i >>/mnt/data/log; sleep 0.02; done' \
         >/dev/null 2>&1 </dev/null & sleep 2; dd if=/dev/urandom of=/mnt/data/bytes bs=1M count=8 status=none; \
         sha256sum /mnt/data/bytes >/mnt/home/sum",
    );
    let count = |place: &str| -> usize {
        site.on("chief", &format!("wc -l <{place}")).trim().parse().unwrap()
    };
    let before = (count("/mnt/home/log"), count("/mnt/data/log"));
    let told = site.run(&["checkpoint"]).expect(0).says("checkpoint 1 of gibbon: 2 of 2 mounts");
    println!("{}", told.stdout());
    let after = count("/mnt/home/log");
    // They go on writing.
    let goes_on = format!("until [ $(wc -l </mnt/home/log) -gt {after} ]; do sleep 0.1; done");
    site.on("chief", &format!("timeout 20 sh -c '{goes_on}'"));

    // Killed while everything stands still.
    site.kill_when_asked(&["checkpoint"], "CreateSnapshot");
    let killed_at = Instant::now();
    let told = site.run(&["status", "-v"]).stdout();
    println!("{told}");
    site.on("chief", "touch /mnt/home/goes-on /mnt/data/goes-on");
    println!("it goes on {:.1?} after its operator was killed", killed_at.elapsed());
    // What stays says that the node thawed it by itself; the watchmen take the rest away once they have.
    site.on(
        "chief",
        "for i in $(seq 30); do ls /run/wucluster.frozen.vol* | grep -qv '[.]over$' || exit 0; sleep 1; done; exit 1",
    );

    site.on("chief", "pkill -f '[e]cho line'; true");
    site.run(&["put-away", "--yes"]).expect(0);
    site.run(&["launch", "--checkpoint", "1", "--yes"]).expect(0);
    let now = (count("/mnt/home/log"), count("/mnt/data/log"));
    assert!(now.0 >= before.0 && now.1 >= before.1, "{before:?} {now:?}");
    assert!(now.0 <= after, "{now:?} {after}");
    // Both are of one moment: between two lines there is one write to each.
    assert!(now.0 == now.1 || now.0 == now.1 + 1, "{now:?}");
    let torn = site.on("chief", "for m in home data; do awk '$2 != NR' /mnt/$m/log; done");
    assert_eq!(torn.trim(), "");
    site.on("chief", "sha256sum -c /mnt/home/sum && test ! -e /mnt/home/goes-on");
    site.assert_nothing_is_lost();
    site.run(&["put-away", "--yes"]).expect(0);
}

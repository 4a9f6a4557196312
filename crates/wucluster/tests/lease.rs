//! Several commands on one cluster, and commands that are killed: the program itself, on the simulated cloud.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{program, words};
use wucluster_core::ids::ClusterName;
use wucluster_sim::World;

/// How long anything here may take before the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns how many commands are killed: 40, or `WUCLUSTER_KILLS`.
fn kills() -> u64 {
    std::env::var("WUCLUSTER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// Where it is decided by chance; `WUCLUSTER_SEED` begins it elsewhere.
struct Luck(u64);

impl Luck {
    fn begin() -> Self {
        let seed = std::env::var("WUCLUSTER_SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or(7);
        println!("WUCLUSTER_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A folder with a definition and a state of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let definition = "[cluster]\nname = \"gibbon\"\nprovider = \"sim\"\n\n\
            [node.chief]\nmount.home = { at = \"/mnt/home\", size = \"2 GiB\" }\n\n\
            [node.worker]\ncount = 2\nmount.scratch = { at = \"/mnt/scratch\", size = \"1 GiB\" }\n";
        fs::write(folder.path().join("gibbon.cluster.toml"), definition).unwrap();
        Self { folder }
    }

    fn command(&self, speed: &str, line: &str) -> Command {
        let mut command = program(self.folder.path(), speed);
        command.args(line.split(' '));
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command("fast", line).output().unwrap()
    }

    /// Runs a command that has to do what it says, and returns what it printed.
    fn does(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command until it does what it says: what a killed one had on its way may arrive after the yes was said, which
    /// names what is there then, and nothing else is deleted.
    fn reaches(&self, line: &str) {
        for _ in 0..2 {
            let output = self.run(line);
            if output.status.success() {
                return;
            }
            let is_without_yes = words(&output).contains("nobody said yes to its deletion");
            assert!(
                output.status.code() == Some(4) && is_without_yes,
                "{line}: {}",
                words(&output)
            );
        }
        self.does(line);
    }

    fn start(&self, speed: &str, line: &str) -> Started {
        let child =
            self.command(speed, line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Started(child)
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("state/clusters/sim/gibbon")
    }

    fn runs(&self) -> u64 {
        fs::read_dir(self.store().join("leases")).map_or(0, |entries| {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.filter_map(|name| name.parse::<u64>().ok()).max().unwrap_or(0)
        })
    }

    /// The simulated cloud, as its file has it.
    fn document(&self) -> Vec<u8> {
        let file = fs::read(self.folder.path().join("state/sim/world")).unwrap();
        let first = file.iter().position(|byte| *byte == b'\n').unwrap();
        file[first..].to_vec()
    }

    /// The simulated cloud as it will be when all that is under way has come to its end.
    fn world(&self) -> World {
        let mut world = World::from_document(&self.document()).unwrap();
        assert!(world.settle(Duration::from_secs(3600)), "it does not come to rest");
        world
    }

    /// How many requests are on their way that nobody waits for.
    fn on_the_way(&self) -> usize {
        let text = String::from_utf8(self.document()).unwrap();
        text.matches("{\"Lands\":").count() + text.matches("{\"ShellLands\":").count()
    }

    /// How many machines and volumes cost money.
    fn things(&self, world: &World) -> (usize, usize) {
        let left = world.left_over(&ClusterName::new("gibbon").unwrap());
        let machines = left.iter().filter(|id| id.starts_with("i-")).count();
        (machines, left.len() - machines)
    }

    fn has_batch(&self, run: u64, seq: u64) -> bool {
        self.store().join(format!("runs/{run:012}/{seq:012}")).exists()
    }
}

/// What failed is kept, to be looked at.
impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("kept: {}", self.folder.path().display());
            self.folder.disable_cleanup(true);
        }
    }
}

/// A command that ends with the test.
struct Started(Child);

impl Started {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Kills it as `kill -9` does.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The same for what is over in a moment.
fn wait_until_at_once(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_second_command_is_told_who_drives_and_a_killed_one_is_not_waited_for() {
    let place = Place::new();
    let mut first = place.start("1x", "launch");
    wait_until("the first command drives", || place.has_batch(1, 2));
    let second = place.run("put-away --yes");
    assert_eq!(second.status.code(), Some(5), "{}", words(&second));
    for part in ["held[locked]", "run 1, launch", "nothing was asked", "lease take"] {
        assert!(words(&second).contains(part), "{part}: {}", words(&second));
    }
    assert!(place.does("lease").contains("run 1, launch"));
    assert!(place.does("status").contains("chief"));
    first.kill();
    assert!(place.does("lease").contains("was ended from outside"));
    place.reaches("put-away --yes");
    let history = place.does("history");
    let ended: Vec<&str> = history.lines().filter_map(|line| line.rsplit('\t').next()).collect();
    assert_eq!(
        (ended.first(), ended.last()),
        (Some(&"reached"), Some(&"no end recorded")),
        "{history}"
    );
}

#[test]
fn what_was_let_go_of_is_attached_again_at_once() {
    let place = Place::new();
    place.does("launch");
    for apart in ["separated", "haltable"] {
        place.does(&format!("become {apart}"));
        let before = place.runs();
        let told = place.does("launch --json");
        let at = |line: &str| -> i64 {
            let (_, rest) = line.split_once("\"at\":").unwrap();
            rest.split(',').next().unwrap().parse().unwrap()
        };
        let took = at(told.lines().last().unwrap()) - at(told.lines().next().unwrap());
        assert!(took < 120_000, "run {}, after {apart}: {took} ms of simulated time", before + 1);
    }
}

#[test]
fn who_waits_drives_next() {
    let place = Place::new();
    let mut first = place.start("20x", "launch");
    wait_until("the first command drives", || place.has_batch(1, 2));
    let second = place.command("20x", "launch --wait 1m").output().unwrap();
    assert!(second.status.success(), "{}", words(&second));
    assert!(words(&second).contains("waiting:"), "{}", words(&second));
    assert!(first.has_ended());
    assert_eq!(place.runs(), 2);
}

#[test]
fn killed_anywhere_and_repeated_it_reaches_what_was_demanded_with_all_data() {
    let place = Place::new();
    place.does("launch");
    place.does("ssh chief -- echo precious >/mnt/home/file && sync");
    let mut luck = Luck::begin();
    let kills = kills();
    let (mut killed, mut with_requests, mut arrived) = (0, 0, 0);
    for round in 0..kills {
        let is_down = round % 2 == 0;
        let line = if is_down { "put-away --yes" } else { "launch" };
        let before = place.runs();
        let mut command = place.start("fast", line);
        let is_killed = if luck.below(2) == 0 {
            // At any moment.
            let seq = 1 + luck.below(30);
            let after = Duration::from_micros(luck.below(8_000));
            wait_until("it comes so far, or ends", || {
                place.has_batch(before + 1, seq) || command.has_ended()
            });
            let begun = Instant::now();
            wait_until("the moment is over", || begun.elapsed() >= after || command.has_ended());
            !command.has_ended()
        } else {
            // While something is on its way: the n-th time that it is.
            let mut left = 1 + luck.below(7);
            let mut was_on_the_way = place.on_the_way();
            wait_until_at_once("something is on its way, or it ends", || {
                let now = place.on_the_way();
                left -= u64::from(now > was_on_the_way);
                was_on_the_way = now;
                left == 0 || command.has_ended()
            });
            left == 0
        };
        command.kill();
        let on_the_way = place.on_the_way();
        killed += u64::from(is_killed);
        with_requests += u64::from(is_killed && on_the_way > 0);
        // Now and then the next one turns back, or is killed too.
        if luck.below(4) == 0 {
            continue;
        }
        place.reaches(line);
        arrived += u64::from(place.on_the_way() < on_the_way);
        let world = place.world();
        let (machines, volumes) = place.things(&world);
        let wanted = if is_down { 0 } else { 3 };
        assert_eq!((machines, volumes), (wanted, wanted), "round {round}: {line}");
        assert!(world.harm().is_empty(), "round {round}: {:?}", world.harm());
        if !is_down {
            let read = place.does("ssh chief -- cat /mnt/home/file");
            assert_eq!(read.trim(), "precious", "round {round}");
        }
    }
    println!(
        "{killed} of {kills} were killed before they ended, {with_requests} of them with requests on their way; in {arrived} \
         rounds these arrived while the next command drove"
    );
    assert!(killed * 2 >= kills, "only {killed} of {kills} were killed before they ended");
    assert!(with_requests * 10 > kills, "only {with_requests} had anything on its way");
    assert!(arrived > 0, "nothing that was on its way ever arrived");
    place.does("launch");
    let status = place.does("status");
    assert_eq!(
        status.lines().count(),
        6,
        "three nodes with a mount each, and nothing beside: {status}"
    );
    assert!(status.lines().all(|line| !line.contains("(not defined)")), "{status}");
    place.does("put-away --yes");
    assert_eq!(place.things(&place.world()), (0, 0));
    place.does("launch");
    assert_eq!(place.does("ssh chief -- cat /mnt/home/file").trim(), "precious");
    assert!(place.world().harm().is_empty(), "{:?}", place.world().harm());
}

#[test]
fn what_cannot_be_written_is_not_asked_and_looking_goes_on() {
    let place = Place::new();
    place.does("launch");
    let before = place.does("status");
    // No batch can be made where a folder stands in its place, and none is seen there.
    let batch = place.store().join(format!("runs/{:012}/{:012}", 2, 1));
    fs::create_dir_all(&batch).unwrap();
    let stopped = place.run("put-away --yes");
    assert_eq!(stopped.status.code(), Some(1), "{}", words(&stopped));
    assert!(words(&stopped).contains("nothing more was asked"), "{}", words(&stopped));
    let kinds = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(kinds(&place.does("status")), kinds(&before));
    fs::remove_dir(batch).unwrap();
    place.does("put-away --yes");
}

#[test]
fn a_store_that_cannot_be_opened_stops_what_asks_and_not_what_looks() {
    let place = Place::new();
    place.does("launch");
    let no_folder = place.folder.path().join("no-folder");
    fs::write(&no_folder, "").unwrap();
    let store = format!("--store {}", no_folder.display());
    for line in [
        "status --is launched",
        "status",
        "plan away",
        "explain chief",
        "snapshots",
        "ssh chief -- hostname",
    ] {
        let looked = place.run(&format!("{store} {line}"));
        assert_eq!(looked.status.code(), Some(0), "{line}: {}", words(&looked));
    }
    for line in ["put-away --yes", "adopt", "lease", "history", "log"] {
        let refused = place.run(&format!("{store} {line}"));
        assert_eq!(refused.status.code(), Some(1), "{line}: {}", words(&refused));
        assert!(words(&refused).contains("it is no folder"), "{line}: {}", words(&refused));
    }
    place.does("status --is launched");
}

#[test]
fn nothing_is_driven_on_a_damaged_journal() {
    let place = Place::new();
    place.does("launch");
    let batch = place.store().join(format!("runs/{:012}/{:012}", 1, 3));
    let whole = fs::read(&batch).unwrap();
    fs::write(&batch, &whole[..whole.len() / 2]).unwrap();
    let refused = place.run("put-away --yes");
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    for part in ["batch 3 of run 1: it is not whole", "nothing was asked"] {
        assert!(words(&refused).contains(part), "{part}: {}", words(&refused));
    }
    assert!(place.does("status").contains("running"));
    let log = place.run("log 1");
    assert!(words(&log).contains("cannot be read"), "{}", words(&log));
    fs::write(&batch, whole).unwrap();
    place.does("put-away --yes");
}

#[test]
fn a_log_tells_what_was_deleted_and_what_keeps_it() {
    let place = Place::new();
    place.does("launch");
    place.does("put-away --yes");
    let log = place.does("log");
    let kept = log.lines().filter(|line| line.contains("vol-") && line.contains("snap-"));
    let ledger: Vec<&str> = kept.filter(|line| !line.contains("asks to")).collect();
    assert!(ledger.iter().any(|line| line.starts_with("chief/home")), "{log}");
    assert!(log.contains("root disk not kept") && log.contains("run 2 reached"), "{log}");
    let events = place.does("log 2 --json");
    for line in events.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["at"].is_i64() && event["event"].is_string(), "{line}");
    }
    assert_eq!(place.run("log 9").status.code(), Some(2));
}

#[test]
fn a_doctor_finds_what_is_left_over_and_changes_nothing() {
    let place = Place::new();
    place.does("launch");
    let well = place.does("doctor --report");
    assert!(well.contains("belongs to a node or mount"), "{well}");
    // The workers leave the definition, and go on costing money.
    let file = place.folder.path().join("gibbon.cluster.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.split("[node.worker]").next().unwrap()).unwrap();
    let found = place.run("doctor --report --permissions");
    assert_eq!(found.status.code(), Some(3), "{}", words(&found));
    for told in ["worker-1", "worker-2/scratch", "in no definition", "asks for none"] {
        assert!(words(&found).contains(told), "{told}: {}", words(&found));
    }
    assert_eq!(place.run("doctor").status.code(), Some(0), "only --report tells by its code");
    fs::write(&file, text).unwrap();
    place.does("status --is launched");
}

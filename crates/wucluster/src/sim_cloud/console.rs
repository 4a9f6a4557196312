//! A simulated node's own few commands, so that a person can see data go and come back.

use std::collections::BTreeSet;
use std::time::Duration;

use wucluster_core::ids::InstanceId;
use wucluster_sim::World;

use super::words::{After, Simple, commands};

/// Exit status of a command that is not known. Source: POSIX shells.
const STATUS_UNKNOWN: i32 = 127;

/// Exit status of a wrong command line. Source: POSIX shells.
const STATUS_USAGE: i32 = 2;

/// What people write without thinking; it shows no more than without.
const LS_OPTIONS: [&str; 5] = ["-l", "-a", "-la", "-al", "-lh"];

/// Longest time that `sleep` lets pass.
const SLEEP_MAX: Duration = Duration::from_secs(86_400);

/// Says what a simulated node knows.
pub(crate) const KNOWN: &str =
    "cat, df, echo, false, hostname, kill, ls, poweroff, reboot, sleep, sync, tail -f, true";

/// A node that somebody sits at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sitting<'a> {
    /// Its name.
    pub(crate) node: &'a str,
    /// The machine that it runs on.
    pub(crate) instance: &'a InstanceId,
}

/// What came of a command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    /// What was printed.
    pub(crate) out: String,
    /// What was complained about.
    pub(crate) err: String,
    /// The exit status of the last command.
    pub(crate) status: i32,
    /// How long it took, in simulated time.
    pub(crate) took: Duration,
}

impl Said {
    fn fails(&mut self, status: i32, what: &str) {
        self.err.push_str(what);
        self.err.push('\n');
        self.status = status;
    }
}

/// Runs a command line on a node of the world.
pub(crate) fn run(world: &mut World, at: Sitting<'_>, line: &str) -> Said {
    let mut said = Said::default();
    let commands = match commands(line) {
        Ok(commands) => commands,
        Err(why) => {
            said.fails(STATUS_USAGE, &why);
            return said;
        }
    };
    for simple in &commands {
        let runs = match simple.when {
            After::Any => true,
            After::Success => said.status == 0,
            After::Failure => said.status != 0,
        };
        if runs {
            one(world, at, simple, &mut said);
        }
    }
    said
}

fn one(world: &mut World, at: Sitting<'_>, simple: &Simple, said: &mut Said) {
    said.status = 0;
    let words: Vec<&str> = simple.words.iter().map(String::as_str).collect();
    let mut out = String::new();
    match words.as_slice() {
        [] | ["true"] => {}
        ["false"] => said.status = 1,
        ["echo", rest @ ..] => out = format!("{}\n", rest.join(" ")),
        ["hostname"] => out = format!("{}\n", at.node),
        ["sync"] => {
            if let Err(error) = world.sync(at.instance) {
                said.fails(1, &format!("sync: {error}"));
            }
        }
        ["cat", files @ ..] if !files.is_empty() => {
            for file in files {
                match world.read_path(at.instance, &absolute(file)) {
                    Ok(Some(data)) => out.push_str(&data),
                    Ok(None) => said.fails(1, &format!("cat: {file}: no such file")),
                    Err(error) => said.fails(1, &format!("cat: {file}: {error}")),
                }
            }
        }
        ["ls", rest @ ..] => {
            let folders: Vec<&&str> =
                rest.iter().filter(|word| !LS_OPTIONS.contains(*word)).collect();
            if folders.is_empty() {
                list(world, at, "/", &mut out, said);
            }
            for folder in folders {
                list(world, at, folder, &mut out, said);
            }
        }
        ["df", ..] => out = mounts(world, at),
        ["tail", "-f", file] => hold(world, at, file, &mut out, said),
        ["kill", pid] => match pid.parse() {
            Ok(pid) if world.kill_process(at.instance, pid) => {}
            _ => said.fails(1, &format!("kill: {pid}: no such process")),
        },
        ["sleep", seconds] => match seconds.parse::<f64>().map(Duration::try_from_secs_f64) {
            Ok(Ok(span)) if span <= SLEEP_MAX => said.took += span,
            _ => said.fails(1, &format!("sleep: {seconds}: no time that can be waited for")),
        },
        ["reboot"] => {
            world.reboot(at.instance, true);
        }
        ["poweroff"] => {
            world.stop_machine(at.instance, "Client.InstanceInitiatedShutdown: by its user");
        }
        ["poweroff", "-f"] => {
            world.kill_machine(at.instance);
        }
        [command, ..] => {
            let known = format!("{command}: a simulated node runs no programs; it knows {KNOWN}");
            said.fails(STATUS_UNKNOWN, &known);
        }
    }
    match &simple.into {
        None => said.out.push_str(&out),
        Some((file, adds)) => write(world, at, file, *adds, &out, said),
    }
}

fn write(world: &mut World, at: Sitting<'_>, file: &str, adds: bool, out: &str, said: &mut Said) {
    let path = absolute(file);
    let before = if adds { world.read_path(at.instance, &path).ok().flatten() } else { None };
    let data = before.unwrap_or_default() + out;
    if let Err(error) = world.write_path(at.instance, &path, &data) {
        said.fails(1, &format!("{file}: {error}"));
    }
}

/// Returns a path from the root, where a sitting begins.
fn absolute(path: &str) -> String {
    let parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

fn list(world: &World, at: Sitting<'_>, folder: &str, out: &mut String, said: &mut Said) {
    let path = absolute(folder);
    let files = world.files_of(at.instance);
    if files.contains_key(&path) {
        out.push_str(folder);
        out.push('\n');
        return;
    }
    let below = if path == "/" { path.clone() } else { format!("{path}/") };
    let mounts = world.mounts_of(at.instance);
    let all = files.keys().chain(mounts.iter().map(|(at, _)| at));
    let names: BTreeSet<&str> =
        all.filter_map(|path| path.strip_prefix(&below)?.split('/').next()).collect();
    let is_there = !names.is_empty() || path == "/" || mounts.iter().any(|(at, _)| *at == path);
    if !is_there {
        said.fails(2, &format!("ls: {folder}: no such file or directory"));
    }
    for name in names {
        out.push_str(name);
        out.push('\n');
    }
}

fn mounts(world: &World, at: Sitting<'_>) -> String {
    let lines = world.mounts_of(at.instance).into_iter();
    lines.map(|(place, volume)| format!("{volume}  {place}\n")).collect()
}

/// Starts a process that keeps a file of a mount open, as `tail -f` does; it stays until killed.
fn hold(world: &mut World, at: Sitting<'_>, file: &str, out: &mut String, said: &mut Said) {
    let path = absolute(file);
    if !world.files_of(at.instance).contains_key(&path) {
        said.fails(1, &format!("tail: {file}: no such file"));
        return;
    }
    let pid = (1000..).find(|pid| !world.has_process(*pid)).unwrap_or(u32::MAX);
    match world.hold_path(at.instance, pid, &path) {
        Ok(true) => out
            .push_str(&format!("[simulated] process {pid} keeps {path} open until `kill {pid}`\n")),
        Ok(false) => {
            said.fails(1, &format!("tail: {file}: it is on no mount, and would hold nothing"));
        }
        Err(error) => said.fails(1, &format!("tail: {file}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::ids::{ClusterName, MountKey, NodeName};
    use wucluster_core::observation::{AttachmentState, InstanceState};
    use wucluster_sim::{Content, PlaceVolume};

    use super::*;

    fn world() -> (World, InstanceId) {
        let mut world = World::new(1);
        let id = chief_of(&mut world, "gibbon");
        (world, id)
    }

    /// Places a node with something mounted.
    fn chief_of(world: &mut World, cluster: &str) -> InstanceId {
        let cluster = ClusterName::new(cluster).unwrap();
        let chief = NodeName::new("chief").unwrap();
        let id = world.place_instance(&cluster, &chief, InstanceState::Running);
        let home = MountKey::try_from("chief/home".to_owned()).unwrap();
        let place = PlaceVolume::new()
            .with_content(Content::formatted("ext4", "u"))
            .attached(&id, AttachmentState::Attached)
            .mounted("/mnt/home");
        world.place_volume(&cluster, &home, place);
        id
    }

    fn told(line: &str) -> (String, String, i32) {
        let (mut world, instance) = world();
        let at = Sitting { node: "chief", instance: &instance };
        let said = run(&mut world, at, line);
        (said.out, said.err, said.status)
    }

    #[test]
    fn what_is_written_is_read_and_listed() {
        let (out, err, status) = told(
            "echo kept >/mnt/home/note; echo more >>/mnt/home/note; cat /mnt/home/note; \
             ls /mnt/home; ls; hostname",
        );
        assert_eq!((out.as_str(), err.as_str()), ("kept\nmore\nnote\nmnt\nchief\n", ""));
        assert_eq!(status, 0);
    }

    #[test]
    fn what_is_not_there_fails_as_it_would_on_a_node() {
        assert_eq!(told("cat /mnt/home/x").2, 1);
        assert_eq!(told("ls /nowhere").2, 2);
        assert_eq!(told("ls -R").2, 2);
        assert_eq!(told("ls -la /mnt; ls -l; df -h"), told("ls /mnt; ls; df"));
        assert_eq!(told("false || echo so").0, "so\n");
        assert_eq!(told("false && echo so"), (String::new(), String::new(), 1));
        let (_, err, status) = told("python3 -V");
        assert!(err.contains("runs no programs; it knows cat, "), "{err}");
        assert_eq!(status, 127);
    }

    #[test]
    fn a_file_that_is_kept_open_holds_its_mount() {
        let (mut world, instance) = world();
        let at = Sitting { node: "chief", instance: &instance };
        let said = run(&mut world, at, "echo x >/mnt/home/note; tail -f /mnt/home/note &");
        assert!(said.out.contains("process 1000 keeps /mnt/home/note open"), "{}", said.out);
        assert!(world.has_process(1000));
        assert_eq!(run(&mut world, at, "kill 1000").status, 0);
        assert_eq!(run(&mut world, at, "kill 1000").status, 1);
        assert_eq!(run(&mut world, at, "tail -f /etc/motd").status, 1);
    }

    #[test]
    fn clusters_with_nodes_and_mounts_of_the_same_names_are_kept_apart() {
        let (mut world, one) = world();
        let other = chief_of(&mut world, "lab");
        let at = |instance| Sitting { node: "chief", instance };
        let said = run(&mut world, at(&other), "echo x >/mnt/home/note; tail -f /mnt/home/note &");
        assert!(said.out.contains("process 1000 keeps"), "{}", said.out);
        assert_eq!(run(&mut world, at(&one), "kill 1000").status, 1);
        assert_eq!(run(&mut world, at(&other), "kill 1000").status, 0);
    }
}

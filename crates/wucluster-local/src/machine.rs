//! One QEMU machine: started, found alive or dead, ended. No daemon of ours watches it.
//!
//! QEMU holds a lock on its pidfile as long as it lives. A pidfile that nobody locks is stale: left
//! by a kill or by a crash of the host.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{
    Flock, FlockOffsetType, FlockType, Pid, PidfdFlags, Signal, fcntl_getlk, pidfd_open,
    pidfd_send_signal,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use wucluster_core::ids::InstanceId;
use wucluster_core::ids::hex;

use crate::arguments::{MachineFiles, Start};
use crate::error::LocalError;
use crate::files;
use crate::program;
use crate::qmp::Qmp;
use crate::store::Store;

/// Longest path of a unix socket. Unit: bytes. Source: unix(7), `sun_path` less its final zero.
const SOCKET_PATH_MAX: usize = 107;
/// Longest time until QEMU has set itself up. Measured under load: below 3 s.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often another port is tried when one was taken in the meantime.
const PORT_TRIES: usize = 5;

/// Whether a machine lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Its process runs.
    Alive(Pid),
    /// It has none.
    Dead,
}

impl Life {
    /// Says whether it lives.
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Alive(_))
    }
}

/// Returns where an instance's files are; its runtime directory gets a short name elsewhere when
/// the account lies too deep for a socket's path.
pub(crate) fn files_of(store: &Store, id: &InstanceId) -> MachineFiles {
    MachineFiles { dir: store.instance_dir(id), runtime: runtime_root(store).join(id.as_str()) }
}

/// Returns the directory of all runtime directories of an account.
pub(crate) fn runtime_root(store: &Store) -> PathBuf {
    let near = store.root().join("run");
    // "/i-" and 17 digits, "/qmp".
    if near.as_os_str().len() + 20 + 4 <= SOCKET_PATH_MAX {
        return near;
    }
    let hash = hex(&Sha256::digest(store.root().as_os_str().as_encoded_bytes()));
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("wucluster-{user}-{}", &hash[..16]))
}

/// Makes a runtime directory, and makes sure that nobody else owns it.
fn make_runtime_dir(store: &Store, files: &MachineFiles) -> Result<(), LocalError> {
    let root = runtime_root(store);
    match fs::DirBuilder::new().mode(0o700).create(&root) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(LocalError::file("make the directory", &root)(error));
        }
        _ => {}
    }
    let meta = fs::symlink_metadata(&root).map_err(LocalError::file("look at", &root))?;
    let is_ours = meta.is_dir()
        && meta.uid() == rustix::process::geteuid().as_raw()
        && meta.mode() & 0o077 == 0;
    if !is_ours {
        let why = format!("{} is not a private directory of this user; remove it", root.display());
        return Err(LocalError::Unsupported { why });
    }
    files::remove_all(&files.runtime)?;
    files::create_private_dir(&files.runtime)
}

/// Says whether the machine lives, by the lock on its pidfile.
pub(crate) fn life(files: &MachineFiles) -> Result<Life, LocalError> {
    let path = files.pidfile();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Life::Dead),
        Err(error) => return Err(LocalError::file("open", &path)(error)),
    };
    let whole = Flock {
        start: 0,
        length: 0,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    let holder = fcntl_getlk(&file, &whole)
        .map_err(|error| LocalError::file("ask for the lock on", &path)(error.into()))?;
    Ok(match holder.and_then(|lock| lock.pid) {
        Some(pid) => Life::Alive(pid),
        None => Life::Dead,
    })
}

/// Starts the machine and returns once it runs.
///
/// # Errors
/// [`LocalError::Program`] with QEMU's words when it does not start.
pub(crate) async fn start(store: &Store, start: &Start<'_>) -> Result<(), LocalError> {
    make_runtime_dir(store, start.files)?;
    let console = start.files.console();
    files::write_whole(&console, b"")?;
    let mut command = program::command("qemu-system-x86_64", start.arguments(store));
    command.current_dir(&start.files.dir).kill_on_drop(false);
    program::run(command, START_LIMIT).await.map(drop)
}

/// Says whether a start failed only because the port was taken in the meantime.
pub(crate) fn is_port_taken(error: &LocalError) -> bool {
    matches!(error, LocalError::Program { output, .. } if output.contains("host forwarding"))
}

/// Lists the tries that a start has.
pub(crate) fn port_tries() -> std::ops::Range<usize> {
    0..PORT_TRIES
}

/// Pulls the plug: the process ends at once, and what the guest had not synced is gone.
///
/// The process is signalled through a handle that is opened first and checked then, so that no
/// other process can come to bear its number in between.
pub(crate) fn kill(files: &MachineFiles, id: &InstanceId) -> Result<(), LocalError> {
    let Life::Alive(pid) = life(files)? else { return Ok(()) };
    let control = |why: String| LocalError::Control { instance: id.to_string(), why };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(control(format!("its process cannot be opened: {error}"))),
    };
    if !is_ours(pid, id) {
        // Dead in between, or a pidfile that was tampered with.
        return match life(files)? {
            Life::Dead => Ok(()),
            Life::Alive(pid) => Err(control(format!(
                "process {} holds its pidfile and is not its machine; nothing was signalled",
                pid.as_raw_nonzero()
            ))),
        };
    }
    match pidfd_send_signal(&handle, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(control(format!("its process cannot be ended: {error}"))),
    }
}

/// Says whether a process is the machine of that instance, by its arguments.
fn is_ours(pid: Pid, id: &InstanceId) -> bool {
    let path = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let line = fs::read(Path::new(&path)).unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    words.windows(2).any(|pair| pair[0] == b"-name" && pair[1] == id.as_str().as_bytes())
}

/// Asks the guest to end itself in order: ctrl-alt-del, which a node takes as a wish to power off.
///
/// A guest in early boot reboots on it: then QEMU ends the machine instead, nothing is mounted yet.
pub(crate) async fn ask_to_end(qmp: &mut Qmp) -> Result<(), LocalError> {
    qmp.execute("set-action", json!({ "reboot": "shutdown" })).await?;
    let keys: Vec<_> =
        ["ctrl", "alt", "delete"].map(|key| json!({ "type": "qcode", "data": key })).into();
    qmp.execute("send-key", json!({ "keys": keys })).await.map(drop)
}

/// How far a living machine has booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boot {
    /// Its firmware or kernel is at work.
    Firmware,
    /// Its system has begun; it takes and gives devices.
    System,
    /// Its ssh answers.
    SshIsUp,
}

/// Tells how far a machine has booted, by what its node says on the console.
///
/// Knocking at the port instead costs more than it tells: the port is open from the start, a
/// connection made too early hangs for seconds, and each that comes too early for a node under TCG
/// takes the processor from those that count (measured: 60 s to the first answer instead of 9).
pub(crate) fn boot(files: &MachineFiles) -> Boot {
    let said = files::tail(&files.console(), 64 << 10);
    if said.contains("wucluster: ssh is up") {
        Boot::SshIsUp
    } else if said.contains("wucluster: the system has begun") {
        Boot::System
    } else {
        Boot::Firmware
    }
}

/// Says how a dead machine came to its end, as far as its console tells.
pub(crate) fn reason_of_death(files: &MachineFiles) -> &'static str {
    // The kernel's last words of an orderly end.
    if files::tail(&files.console(), 4096).contains("reboot: Power down") {
        "Client.InstanceInitiatedShutdown: the node powered itself off"
    } else {
        "Server.InternalError: the machine's process ended without the node shutting down; it was \
         killed, or the host went down"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_pidfile_is_no_life() {
        let dir = tempfile::tempdir().unwrap();
        let files = MachineFiles { dir: dir.path().into(), runtime: dir.path().into() };
        assert_eq!(life(&files).unwrap(), Life::Dead);
        // The number of a living process, which holds no lock on the file.
        fs::write(files.pidfile(), "1\n").unwrap();
        assert_eq!(life(&files).unwrap(), Life::Dead);
        kill(&files, &InstanceId::new("i-1")).unwrap();
    }

    #[test]
    fn a_deep_account_gets_a_short_runtime_directory() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120));
        let store = Store::open(&deep).unwrap();
        let files = files_of(&store, &InstanceId::new("i-0123456789abcdef0"));
        assert!(files.qmp().as_os_str().len() <= SOCKET_PATH_MAX);
        let near = Store::open(&dir.path().join("s")).unwrap();
        assert!(runtime_root(&near).starts_with(near.root()));
    }

    #[test]
    fn no_other_process_is_taken_for_a_machine() {
        let own = Pid::from_raw(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(!is_ours(own, &InstanceId::new("i-0123456789abcdef0")));
    }
}

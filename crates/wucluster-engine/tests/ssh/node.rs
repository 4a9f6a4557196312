//! A private ssh server that plays a node.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use wucluster_core::action::{NodeAddress, ShellAction};
use wucluster_core::ids::{ClusterName, InstanceId, MountKey, NodeName};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{Gap, NodeProbe, ProbeRequest, SshEndpoint};
use wucluster_core::ports::{NodeShell, ShellError, ShellReceipt};
use wucluster_core::time::Timestamp;
use wucluster_engine::SystemClock;
use wucluster_engine::ssh::{SshOptions, SshShell};

const SSHD: &str = "/usr/sbin/sshd";

/// What the forced command does with what it was sent. `$SSH_ORIGINAL_COMMAND` is what the client
/// asked for; the places of devices are the test's, and `mode` lets a test spoil things.
const FORCED: &str = r#"#!/bin/sh
base=${0%/*}
printf '%s\n' "$SSH_ORIGINAL_COMMAND" >>"$base/log"
if [ -e "$base/shell" ]; then
    read -r shell <"$base/shell"
    SSH_ORIGINAL_COMMAND=$(printf '%s' "$SSH_ORIGINAL_COMMAND" | sed "s|/bin/sh -c|$shell -c|")
fi
if [ -e "$base/mode" ]; then . "$base/mode"; fi
sed -f "$base/edits" | sh -c "$SSH_ORIGINAL_COMMAND"
"#;

/// A node, its server and a shell that speaks to it.
pub(crate) struct Node {
    pub(crate) base: TempDir,
    pub(crate) shell: SshShell,
    pub(crate) address: NodeAddress,
    /// How many connections were made.
    pub(crate) connections: Arc<AtomicUsize>,
    /// Whether the network swallows everything on the connections that were made so far.
    pub(crate) silence: Arc<Mutex<Arc<AtomicBool>>>,
    servers: Arc<Mutex<Vec<Child>>>,
    is_over: Arc<AtomicBool>,
    port: u16,
}

impl Node {
    /// Starts a node, or says why it cannot be had here.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut SshOptions)) -> Option<Self> {
        for program in [SSHD, "/usr/bin/ssh", "/usr/bin/ssh-keygen"] {
            if !Path::new(program).exists() {
                eprintln!("SKIPPED: there is no {program} on this machine");
                return None;
            }
        }
        // A short path: sockets lie in it.
        let base = tempfile::Builder::new().prefix("wu").tempdir_in("/tmp").unwrap();
        for key in ["host", "user"] {
            keygen(&base.path().join(key));
        }
        fs::copy(base.path().join("user.pub"), base.path().join("authorized")).unwrap();
        let forced = base.path().join("forced.sh");
        fs::write(&forced, FORCED).unwrap();
        fs::set_permissions(&forced, fs::Permissions::from_mode(0o755)).unwrap();
        for directory in ["sys/block", "dev", "mnt"] {
            fs::create_dir_all(base.path().join(directory)).unwrap();
        }
        if fs::create_dir_all("/run/sshd").is_err() {
            eprintln!("SKIPPED: the server's directory /run/sshd cannot be made");
            return None;
        }
        let place = base.path().display();
        fs::write(
            base.path().join("edits"),
            format!(
                "s|^WU_SYS=/sys$|WU_SYS={place}/sys|\ns|^WU_DEV=/dev$|WU_DEV={place}/dev|\n\
                 s|^WU_LOCK=.*$|WU_LOCK={place}/lock|\ns|^WU_FENCE=.*$|WU_FENCE={place}/fence|\ns|^WU_RUN=.*$|WU_RUN={place}/run|\n\
                 s|^WU_FROZEN=.*$|WU_FROZEN={place}/frozen|\n"
            ),
        )
        .unwrap();
        fs::write(
            base.path().join("sshd_config"),
            format!(
                "HostKey {place}/host\nAuthorizedKeysFile {place}/authorized\nPidFile none\nUsePAM no\n\
                 StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nLogLevel ERROR\n\
                 ForceCommand {place}/forced.sh\n"
            ),
        )
        .unwrap();

        if let Ok(shell) = std::env::var("WUCLUSTER_TEST_SHELL") {
            fs::write(base.path().join("shell"), format!("{shell}\n")).unwrap();
        }

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let silence = Arc::new(Mutex::new(Arc::new(AtomicBool::new(false))));
        let servers = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        {
            let (connections, silence, servers, is_over) =
                (connections.clone(), silence.clone(), servers.clone(), is_over.clone());
            let config = base.path().join("sshd_config");
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    connections.fetch_add(1, Ordering::SeqCst);
                    let quiet = silence.lock().unwrap().clone();
                    servers.lock().unwrap().push(serve(&config, stream.unwrap(), &quiet));
                }
            });
        }
        let mut options = SshOptions::new(
            ClusterName::new("test").unwrap(),
            base.path().join("r"),
            base.path().join("known"),
        );
        options.ssh_program = PathBuf::from("/usr/bin/ssh");
        options.connection_keep = Duration::from_secs(20);
        change(&mut options);
        let address = NodeAddress {
            node: NodeName::new("db-1").unwrap(),
            instance: InstanceId::new("i-0123456789"),
            ssh: SshEndpoint {
                host: "127.0.0.1".to_owned(),
                port,
                user: user(),
                host_key: Some(public_key(&base.path().join("host"))),
                identity_file: Some(base.path().join("user").display().to_string()),
            },
            run: None,
        };
        let shell = SshShell::new(options, Arc::new(SystemClock)).unwrap();
        Some(Self { base, shell, address, connections, silence, servers, is_over, port })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// Lists the commands that reached the node.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Lets the forced command run that first.
    pub(crate) fn spoil(&self, text: &str) {
        fs::write(self.path("mode"), text).unwrap();
    }

    /// Lets the node have that shell for `/bin/sh`.
    pub(crate) fn shell_is(&self, shell: &str) {
        fs::write(self.path("shell"), format!("{shell}\n")).unwrap();
    }

    /// Adds an edit to the node's text.
    pub(crate) fn edit(&self, edit: &str) {
        let mut edits = fs::OpenOptions::new().append(true).open(self.path("edits")).unwrap();
        writeln!(edits, "{edit}").unwrap();
    }

    /// Leaves the node nothing but the usual tools, without those named.
    pub(crate) fn without(&self, missing: &[&str]) {
        let bin = self.path("bin");
        fs::create_dir_all(&bin).unwrap();
        for directory in ["/usr/sbin", "/usr/bin"] {
            for tool in fs::read_dir(directory).unwrap() {
                let tool = tool.unwrap();
                let name = tool.file_name();
                let is_missing = missing.iter().any(|name_missing| name == *name_missing);
                if !is_missing && !bin.join(&name).exists() {
                    let _ = std::os::unix::fs::symlink(tool.path(), bin.join(&name));
                }
            }
        }
        self.edit(&format!("s|^PATH=.*$|PATH={}|", bin.display()));
    }

    pub(crate) async fn probe(&self, serials: &[&str]) -> NodeProbe {
        let serials = serials.iter().map(|serial| (*serial).to_owned()).collect();
        let request = ProbeRequest { serials, ..ProbeRequest::default() };
        self.shell.probe(&self.address, &request).await.unwrap()
    }

    pub(crate) async fn issue(
        &self,
        actions: Vec<ShellAction>,
    ) -> Vec<Result<ShellReceipt, ShellError>> {
        let cleared: Vec<_> = actions.into_iter().map(Cleared::unguarded).collect();
        self.shell.issue(&self.address, &cleared).await
    }

    pub(crate) async fn one(&self, action: ShellAction) -> Result<ShellReceipt, ShellError> {
        let mut answers = self.issue(vec![action]).await;
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    /// Asks for one thing as if it rested on a look of that time.
    pub(crate) async fn one_seen_at(
        &self,
        action: ShellAction,
        millis: i64,
    ) -> Result<ShellReceipt, ShellError> {
        let cleared = Cleared::unguarded(action).seen(Timestamp::from_millis(millis));
        self.shell.issue(&self.address, &[cleared]).await.remove(0)
    }

    /// Asks for one thing for a run.
    pub(crate) async fn one_for_run(
        &self,
        action: ShellAction,
        run: u64,
    ) -> Result<ShellReceipt, ShellError> {
        let address = NodeAddress { run: Some(run), ..self.address.clone() };
        self.shell.issue(&address, &[Cleared::unguarded(action)]).await.remove(0)
    }

    /// Looks for a run.
    pub(crate) async fn probe_for_run(&self, run: u64) -> Result<NodeProbe, Gap> {
        let address = NodeAddress { run: Some(run), ..self.address.clone() };
        self.shell.probe(&address, &ProbeRequest::default()).await
    }

    /// Ends every connection, as a machine does that is cut from power while its peer still hears.
    pub(crate) fn cut(&self) {
        for mut server in self.servers.lock().unwrap().drain(..) {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.cut();
    }
}

/// Runs one server for one connection, with a network in between that can fall silent.
fn serve(config: &Path, outside: TcpStream, silence: &Arc<AtomicBool>) -> Child {
    let (inside, theirs) = UnixStream::pair().unwrap();
    let copy = theirs.try_clone().unwrap();
    let server = Command::new(SSHD)
        .args(["-i", "-f"])
        .arg(config)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(OwnedFd::from(copy)))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (one, two) = (outside.try_clone().unwrap(), inside.try_clone().unwrap());
    let quiet = silence.clone();
    thread::spawn(move || {
        let _ = forward(one, two.try_clone().unwrap(), &quiet);
        let _ = two.shutdown(std::net::Shutdown::Both);
    });
    let quiet = silence.clone();
    thread::spawn(move || {
        let _ = forward(inside, outside.try_clone().unwrap(), &quiet);
        if !quiet.load(Ordering::SeqCst) {
            let _ = outside.shutdown(std::net::Shutdown::Both);
        }
    });
    server
}

fn forward(mut from: impl Read, mut to: impl Write, silence: &AtomicBool) -> io::Result<()> {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        if !silence.load(Ordering::SeqCst) {
            to.write_all(&chunk[..count])?;
        }
    }
}

pub(crate) fn keygen(path: &Path) {
    let _ = fs::remove_file(path);
    let status = Command::new("/usr/bin/ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

pub(crate) fn public_key(path: &Path) -> String {
    let text = fs::read_to_string(path.with_extension("pub")).unwrap();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn key() -> MountKey {
    MountKey::try_from("db-1/data".to_owned()).unwrap()
}

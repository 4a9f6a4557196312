//! [`SshShell`]: the port to nodes, over the user's OpenSSH client.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::Command;
use wucluster_core::action::{NodeAddress, ShellAction};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{Gap, GapKind, NodeProbe, ProbeRequest};
use wucluster_core::ports::{Clock, NodeShell, ShellError, ShellReceipt};

use super::command::{self, Session, Trust, check_endpoint};
use super::options::{SshError, SshOptions};
use super::run::{Finished, RunError, run};
use super::wire::{clean, clean_line};
use super::{issue, known_hosts, names, probe};

/// What the login user's shell is given: always this. It reads what is asked for as one line of data,
/// and then the verb's text. The working directory is left, as it could lie on a mount of ours.
const BOOT: &str = "/bin/sh -c 'IFS= read -r WU_ARGS && eval \"$(cat)\"'";

/// Longest wait for the node's lock and for the way there and back, beside what requests take.
const ISSUE_MARGIN: Duration = Duration::from_secs(90);

/// How much longer than its own limit a check may hold up a look: it gets 5 s to end by itself, and
/// what it leaves running 3 s more.
const CHECK_MARGIN: Duration = Duration::from_secs(10);

/// How long a connection's keeper may take to answer. It is a process of this machine.
const CONTROL_TIME_LIMIT: Duration = Duration::from_secs(2);

/// Speaks to nodes by ssh.
///
/// # Guarantees
/// One round trip per call. Nothing is sent to a host whose key is not the pinned one. Values reach
/// the node as data only. A call ends within its limits; a broken connection is given up, so that the
/// next call makes a new one. Dropping a call's future ends its process on this side; on the node, a
/// request that has begun may run to its end.
pub struct SshShell {
    options: SshOptions,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for SshShell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { options, clock: _ } = self;
        f.debug_struct("SshShell").field("options", options).finish_non_exhaustive()
    }
}

impl SshShell {
    /// Makes the shell and the private directories that it needs. The clock dates what goes unseen.
    ///
    /// # Errors
    /// [`SshError`] when a directory cannot be made, is not private, or is too long for sockets.
    pub fn new(options: SshOptions, clock: Arc<dyn Clock>) -> Result<Self, SshError> {
        options.prepare()?;
        Ok(Self { options, clock })
    }

    /// Makes the command for a person's session on a node, ready to be started.
    ///
    /// Standard streams are the caller's to set; they are inherited by default. Exit status 255 is
    /// ssh's own, every other one the remote command's.
    ///
    /// # Errors
    /// [`SshError`] when the node cannot be spoken to safely.
    pub fn command(&self, node: &NodeAddress, session: Session<'_>) -> Result<Command, SshError> {
        let (pin, trust) = self.trust(node)?;
        let mut command = Command::new(&self.options.ssh_program);
        command.args(command::session(&self.options, node, &pin, trust, session));
        Ok(command)
    }

    /// Ends the connection to a node that is kept for the next request, if there is one.
    pub async fn hang_up(&self, node: &NodeAddress) {
        self.control(node, "exit").await;
    }

    fn trust(&self, node: &NodeAddress) -> Result<(PathBuf, Trust), SshError> {
        check_endpoint(node)?;
        known_hosts::pin(&self.options, node)
    }

    /// Sends one request and its text; returns what came back.
    async fn send(
        &self,
        node: &NodeAddress,
        line: &str,
        script: &str,
        limit: Duration,
    ) -> Result<Vec<u8>, NoReply> {
        let (pin, trust) = self.trust(node).map_err(|error| NoReply::Unsent(chain(&error)))?;
        let mut command = Command::new(&self.options.ssh_program);
        command.args(command::request(&self.options, node, &pin, trust));
        let sudo = if node.ssh.user == "root" { "" } else { "sudo -n " };
        command.arg(format!("cd / && exec {sudo}{BOOT}"));
        let input = format!("{line}\n{script}");
        let result = run(command, input.as_bytes(), limit).await;
        match result {
            Ok(Finished { status: Some(0), stdout, .. }) => Ok(stdout),
            Ok(finished) => {
                let is_transport = finished.status == Some(255) || finished.status.is_none();
                if is_transport {
                    self.control(node, "stop").await;
                }
                Err(no_reply(&finished, is_transport))
            }
            Err(error @ RunError::Start(_)) => Err(NoReply::Unsent(format!(
                "{error}; is `{}` an OpenSSH client?",
                self.options.ssh_program.display()
            ))),
            Err(error @ (RunError::TimeLimit(_) | RunError::TooMuch)) => {
                self.control(node, "stop").await;
                Err(NoReply::Lost(error.to_string()))
            }
        }
    }

    /// Tells the keeper of a connection to take no more requests (`stop`) or to end (`exit`), and
    /// removes its socket in any case: whatever it is stuck in, the next request starts anew.
    ///
    /// `stop` lets requests that are under way on the same connection run on.
    async fn control(&self, node: &NodeAddress, request: &str) {
        let socket = command::socket(&self.options, node);
        if check_endpoint(node).is_err() || fs::symlink_metadata(&socket).is_err() {
            return;
        }
        let mut command = Command::new(&self.options.ssh_program);
        command.args(command::control(&self.options, node, request));
        // Its failure changes nothing: without its socket it is out of the way.
        let _ = run(command, b"", CONTROL_TIME_LIMIT).await;
        let _ = fs::remove_file(&socket);
    }

    /// Writes what the node's disks without serial numbers are called.
    fn disk_names(&self, node: &NodeAddress) -> String {
        let told = self.options.disk_names.as_ref();
        told.map(|told| names::words(&told.of(&node.instance))).unwrap_or_default()
    }

    fn variables<'a>(&'a self, node: &'a NodeAddress) -> [(&'static str, &'a str); 2] {
        [
            ("WUCLUSTER_CLUSTER", self.options.cluster.as_str()),
            ("WUCLUSTER_NODE", node.node.as_str()),
        ]
    }
}

#[async_trait]
impl NodeShell for SshShell {
    async fn probe(&self, node: &NodeAddress, request: &ProbeRequest) -> Result<NodeProbe, Gap> {
        let gap = |kind, why| Gap { kind, why, at: self.clock.now() };
        let line = probe::request(request, node.run, &self.variables(node))
            .map_err(|why| gap(GapKind::NoAnswer, why))?;
        let line = self.disk_names(node) + &line;
        let checks = request.ready.iter().chain(&request.before_halt);
        let limit = checks.fold(self.options.probe_time_limit, |sum, hook| {
            sum.saturating_add(hook.timeout).saturating_add(CHECK_MARGIN)
        });
        match self.send(node, &line, probe::SCRIPT, limit).await {
            Ok(output) => probe::parse(&output, request).map_err(|why| gap(GapKind::NoAnswer, why)),
            Err(NoReply::WrongHost(why)) => Err(gap(GapKind::WrongHost, why)),
            Err(NoReply::Unsent(why) | NoReply::Lost(why)) => Err(gap(GapKind::NoAnswer, why)),
        }
    }

    async fn issue(
        &self,
        node: &NodeAddress,
        actions: &[Cleared<ShellAction>],
    ) -> Vec<Result<ShellReceipt, ShellError>> {
        let plain: Vec<_> = actions.iter().map(|one| (one.action(), one.seen_at())).collect();
        let issue::Batch { line, sent, refused } =
            issue::batch(&plain, node.run, &self.variables(node));
        let line = self.disk_names(node) + &line;
        let mut answers: Vec<issue::Answer> =
            vec![Err(ShellError::NoAnswer("nothing was sent".to_owned())); actions.len()];
        for (place, error) in refused {
            answers[place] = Err(error);
        }
        if sent.is_empty() {
            return answers;
        }
        let limit = sent
            .iter()
            .fold(ISSUE_MARGIN, |sum, (_, action)| sum.saturating_add(action.time_limit()));
        let replies = match self.send(node, &line, issue::SCRIPT, limit).await {
            Ok(output) => issue::parse(&output, &sent),
            Err(NoReply::WrongHost(why) | NoReply::Unsent(why) | NoReply::Lost(why)) => Err(why),
        };
        match replies {
            Ok(replies) => {
                for ((place, _), reply) in sent.into_iter().zip(replies) {
                    answers[place] = reply;
                }
            }
            Err(why) => {
                for (place, _) in sent {
                    answers[place] = Err(ShellError::NoAnswer(why.clone()));
                }
            }
        }
        answers
    }
}

/// Why there is no reply; the text is for people.
#[derive(Debug)]
enum NoReply {
    /// The host has another key than expected; nothing was sent.
    WrongHost(String),
    /// It never came to sending.
    Unsent(String),
    /// It may have been sent.
    Lost(String),
}

/// Judges a client that ended otherwise than well.
fn no_reply(finished: &Finished, is_transport: bool) -> NoReply {
    let errors = String::from_utf8_lossy(&finished.stderr);
    if is_transport {
        let signs = ["Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"];
        if signs.iter().any(|sign| errors.contains(sign)) {
            return NoReply::WrongHost(
                "the host at its address has another host key than the instance's own; nothing was sent to it"
                    .to_owned(),
            );
        }
    }
    let mut why = last_words(&errors);
    if why.is_empty() {
        // A forced command or a notice to root speaks on the other stream.
        why = last_words(&String::from_utf8_lossy(&finished.stdout));
    }
    let who = if is_transport { "ssh" } else { "the node" };
    NoReply::Lost(match (why.is_empty(), finished.status) {
        (false, _) => format!("{who}: {why}"),
        (true, Some(status)) => format!("{who} ended with status {status} and said nothing"),
        (true, None) => format!("{who} was ended by a signal"),
    })
}

/// Returns the last lines that were said, as one.
fn last_words(text: &str) -> String {
    let cleaned = clean(text, 2000);
    let lines: Vec<_> = cleaned.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    clean_line(&lines[lines.len().saturating_sub(3)..].join("\n"), 400)
}

/// Writes an error with its sources.
fn chain(error: &SshError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(status: Option<i32>, stderr: &str) -> Finished {
        Finished { status, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() }
    }

    #[test]
    fn a_changed_key_is_another_host_and_only_from_ssh_itself() {
        let said = "@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@\nHost key verification failed.\r\n";
        assert!(matches!(no_reply(&finished(Some(255), said), true), NoReply::WrongHost(_)));
        assert!(matches!(no_reply(&finished(Some(1), said), false), NoReply::Lost(_)));
    }

    #[test]
    fn the_last_words_are_told_clean() {
        let said =
            "a\nb\nc\n\u{1b}[31mssh: connect to host 192.0.2.1 port 22: Connection refused\r\n\n";
        let NoReply::Lost(why) = no_reply(&finished(Some(255), said), true) else { panic!() };
        assert_eq!(why, "ssh: b; c; ssh: connect to host 192.0.2.1 port 22: Connection refused");
        let NoReply::Lost(why) = no_reply(&finished(None, ""), true) else { panic!() };
        assert_eq!(why, "ssh was ended by a signal");
    }

    #[test]
    fn what_runs_on_the_node_is_constant_and_ends_with_its_own_call() {
        assert!(probe::SCRIPT.trim_end().ends_with("\nprobe $WU_ARGS"));
        assert!(issue::SCRIPT.trim_end().ends_with("\nissue $WU_ARGS"));
        assert!(!BOOT.contains("%s") && !BOOT.contains('!'));
    }
}

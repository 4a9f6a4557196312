//! The way to the node and back, and what becomes of it when it is bad.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use wucluster_core::action::ShellAction;
use wucluster_core::definition::Hook;
use wucluster_core::observation::{Gap, GapKind, ProbeRequest};
use wucluster_core::ports::{NodeShell, ShellError};
use wucluster_engine::ssh::Session;

use crate::node::{Node, key, keygen, public_key};

fn hook(run: &str) -> Hook {
    Hook { run: run.to_owned(), timeout: Duration::from_secs(20), blocks: true }
}

fn unmount(before: Vec<Hook>) -> ShellAction {
    ShellAction::Unmount { mount: key(), serial: "vol1".to_owned(), before }
}

async fn gap(node: &Node) -> Gap {
    node.shell.probe(&node.address, &ProbeRequest::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_look_is_one_round_trip_and_the_next_one_uses_the_same_connection() {
    let Some(node) = Node::start() else { return };
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for _ in 0..3 {
        let probe = node.probe(&[]).await;
        assert_eq!(probe.boot_id, boot.trim());
        assert!(probe.mount_table.iter().any(|mount| mount.at == "/"));
    }
    assert_eq!(node.log().len(), 3);
    assert_eq!(node.connections.load(Ordering::SeqCst), 1);
    node.shell.hang_up(&node.address).await;
    node.probe(&[]).await;
    assert_eq!(node.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_host_with_another_key_is_sent_nothing() {
    let Some(mut node) = Node::start() else { return };
    keygen(&node.path("other"));
    node.address.ssh.host_key = Some(public_key(&node.path("other")));
    let seen = gap(&node).await;
    assert_eq!(seen.kind, GapKind::WrongHost, "{}", seen.why);
    let answer = node.one(unmount(vec![])).await;
    assert!(
        matches!(&answer, Err(ShellError::NoAnswer(why)) if why.contains("another host key")),
        "{answer:?}"
    );
    assert_eq!(node.log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_nobody_vouches_for_is_refused_before_any_connection() {
    let Some(mut node) = Node::start() else { return };
    node.address.ssh.host_key = None;
    let seen = gap(&node).await;
    assert!(seen.why.contains("no host key is known for i-0123456789"), "{}", seen.why);
    assert_eq!(node.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_key_pinned_on_first_use_is_the_only_one_from_then_on() {
    let Some(mut node) = Node::start_with(|options| options.accept_new = true) else { return };
    node.address.ssh.host_key = None;
    node.probe(&[]).await;
    let pinned = fs::read_to_string(node.path("known/i-0123456789")).unwrap();
    assert_eq!(pinned.trim(), format!("i-0123456789 {}", public_key(&node.path("host"))));
    assert_eq!(fs::metadata(node.path("known/i-0123456789")).unwrap().mode() & 0o077, 0);
    // Another machine answers at the same address.
    node.shell.hang_up(&node.address).await;
    keygen(&node.path("host"));
    assert_eq!(gap(&node).await.kind, GapKind::WrongHost);
    assert_eq!(node.log().len(), 1);
}

#[tokio::test]
async fn nobody_at_the_address_is_no_answer_in_sshs_own_words() {
    let Some(mut node) = Node::start() else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    node.address.ssh.port = free;
    let seen = gap(&node).await;
    assert_eq!(seen.kind, GapKind::NoAnswer);
    assert!(seen.why.contains("Connection refused"), "{}", seen.why);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_no_answer() {
    let Some(node) = Node::start() else { return };
    node.spoil("sed -f \"$base/edits\" | sh -c \"$SSH_ORIGINAL_COMMAND\" | head -c 20; exit 0");
    assert_eq!(gap(&node).await.why, "the answer was cut");
    assert_eq!(
        node.one(unmount(vec![])).await,
        Err(ShellError::NoAnswer("the answer was cut".to_owned()))
    );
}

#[tokio::test]
async fn a_flood_is_ended_and_the_next_look_succeeds() {
    let Some(node) = Node::start() else { return };
    node.spoil("exec yes");
    let seen = gap(&node).await;
    assert!(seen.why.contains("longer than 1048576 bytes"), "{}", seen.why);
    fs::remove_file(node.path("mode")).unwrap();
    node.probe(&[]).await;
}

#[tokio::test]
async fn a_node_that_hangs_is_given_up_at_the_limit() {
    let Some(node) = Node::start_with(|o| o.probe_time_limit = Duration::from_secs(2)) else {
        return;
    };
    node.spoil("exec sleep 30");
    let seen = gap(&node).await;
    assert_eq!(seen.why, "no answer within 2 s");
}

#[tokio::test]
async fn a_refusal_of_the_login_is_told_in_its_own_words() {
    let Some(node) = Node::start() else { return };
    node.spoil("echo 'sudo: a password is required' >&2; exit 1");
    assert_eq!(gap(&node).await.why, "the node: sudo: a password is required");
    node.spoil(
        "echo 'Please login as the user \"admin\" rather than the user \"root\".'; exit 142",
    );
    assert!(gap(&node).await.why.contains("Please login as the user"));
}

#[tokio::test]
async fn a_connection_that_died_in_silence_is_given_up_and_made_anew() {
    let Some(node) = Node::start() else { return };
    node.probe(&[]).await;
    // From now on the first connection swallows everything; later ones work.
    let first =
        std::mem::replace(&mut *node.silence.lock().unwrap(), Arc::new(AtomicBool::new(false)));
    first.store(true, Ordering::SeqCst);
    let start = Instant::now();
    // ssh may make another connection by itself once it notices; either answer is good, soon enough.
    let seen = node.shell.probe(&node.address, &ProbeRequest::default()).await;
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(20),
        "signs of life were waited for too long: {took:?}; {seen:?}"
    );
    node.probe(&[]).await;
    assert_eq!(node.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_was_cut_does_not_stand_in_the_way() {
    let Some(node) = Node::start() else { return };
    node.probe(&[]).await;
    node.cut();
    // The first look may still meet the dying connection; no later one may.
    let _ = node.shell.probe(&node.address, &ProbeRequest::default()).await;
    node.probe(&[]).await;
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_does_not_stand_in_the_way() {
    let Some(node) = Node::start() else { return };
    node.probe(&[]).await;
    let sockets =
        fs::read_dir(node.path("r")).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(sockets.len(), 1);
    node.shell.hang_up(&node.address).await;
    drop(std::os::unix::net::UnixListener::bind(&sockets[0]).unwrap());
    let _ = node.shell.probe(&node.address, &ProbeRequest::default()).await;
    node.probe(&[]).await;
}

#[tokio::test]
async fn a_request_that_was_cut_on_its_way_does_nothing() {
    let Some(node) = Node::start() else { return };
    let marker = node.path("marker");
    let ready = vec![hook(&format!("touch {}", marker.display()))];
    let request = ProbeRequest { ready, ..ProbeRequest::default() };
    for length in [0, 1, 30, 60, 90, 91, 120, 1000, 9000, 15000] {
        node.spoil(&format!(
            "head -c {length} | sed -f \"$base/edits\" | sh -c \"$SSH_ORIGINAL_COMMAND\"; exit 0"
        ));
        let seen = node.shell.probe(&node.address, &request).await;
        assert!(seen.is_err(), "{length}");
        assert!(!marker.exists(), "{length}");
    }
}

#[tokio::test]
async fn checks_answer_in_order_with_the_end_of_what_they_say() {
    let Some(node) = Node::start() else { return };
    let quick = |run: &str, seconds| Hook { timeout: Duration::from_secs(seconds), ..hook(run) };
    let request = ProbeRequest {
        ready: vec![
            hook("echo $WUCLUSTER_CLUSTER/$WUCLUSTER_NODE/$WUCLUSTER_HOOK/$EXTRA"),
            hook("printf '\\033[31mnever\\007'; exit 4"),
            quick("echo before; exec sleep 30", 1),
            hook("yes | head -c 3000000; echo; echo the end"),
            // What it leaves running keeps the pipe open and must not hold us up.
            hook("sleep 30 & echo left"),
        ],
        before_halt: vec![hook("echo $WUCLUSTER_HOOK; cat; exit 1")],
        environment: [("EXTRA".to_owned(), "a b".to_owned())].into(),
        ..ProbeRequest::default()
    };
    let mut short = request.clone();
    short.ready[4].timeout = Duration::from_secs(1);
    let probe = node.shell.probe(&node.address, &short).await.unwrap();
    let seen: Vec<_> = probe.ready.iter().map(|c| (c.passed, c.output.as_str())).collect();
    assert_eq!(seen[0], (true, "test/db-1/ready/a b"));
    assert_eq!(seen[1], (false, "never"));
    assert_eq!(seen[2], (false, "before\nended after 1 s"));
    assert!(seen[3].0 && seen[3].1.ends_with("the end") && seen[3].1.len() < 600);
    assert!(seen[4].0, "{:?}", seen[4]);
    assert_eq!(probe.before_halt[0].output, "before-halt");
    assert!(!probe.before_halt[0].passed);
}

/// Everything that could make a shell do something, if it ever reached one as text.
const HOSTILE: &[&str] = &[
    "'; touch MARK; '",
    "\"; touch MARK; \"",
    "$(touch MARK)",
    "`touch MARK`",
    "x\ntouch MARK\n",
    "; touch MARK",
    "| touch MARK",
    "& touch MARK &",
    "\\'; touch MARK #",
    "${IFS}$(touch${IFS}MARK)",
    "-rf / $(touch MARK)",
    "--help=$(touch MARK)",
    "%s%n$(touch MARK)",
    "\\0047; touch MARK; \\0047",
    "+$(touch MARK)",
    "=$(touch MARK)",
    "end\nWU_END\ntouch MARK",
    "\u{202e}ä$(touch MARK)🦀",
    "*",
    "~root",
    "\r\ntouch MARK\r\n",
    "a\tb",
];

#[tokio::test]
async fn hostile_values_are_data_in_every_place() {
    let Some(node) = Node::start() else { return };
    let marker = node.path("marker");
    for hostile in HOSTILE {
        let hostile = hostile.replace("MARK", &marker.display().to_string());
        // As the value of a variable it arrives unchanged.
        let request = ProbeRequest {
            ready: vec![hook("printf '%s' \"$HOSTILE\" | base64 -w 0")],
            environment: [("HOSTILE".to_owned(), hostile.clone())].into(),
            ..ProbeRequest::default()
        };
        let probe = node.shell.probe(&node.address, &request).await.unwrap();
        let back = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            &probe.ready[0].output,
        );
        assert_eq!(String::from_utf8(back.unwrap()).unwrap(), hostile);
        // As a serial, name or place it is refused, by us or by the node.
        let bad_serial = ProbeRequest { serials: vec![hostile.clone()], ..ProbeRequest::default() };
        assert!(node.shell.probe(&node.address, &bad_serial).await.is_err());
        let bad_name = ProbeRequest {
            environment: [(hostile.clone(), "x".to_owned())].into(),
            ..ProbeRequest::default()
        };
        assert!(node.shell.probe(&node.address, &bad_name).await.is_err());
        let mount = |at: &str, kind: &str, option: &str, owner: &str| ShellAction::Mount {
            mount: key(),
            serial: "vol1".to_owned(),
            at: at.to_owned(),
            kind: kind.to_owned(),
            options: vec![option.to_owned()],
            owner: Some(owner.to_owned()),
            group: Some(owner.to_owned()),
            mode: None,
        };
        for action in [
            mount(&format!("/mnt/{hostile}"), "ext4", "noatime", "root"),
            mount(&hostile, "ext4", "noatime", "root"),
            mount("/mnt/x", &hostile, "noatime", "root"),
            mount("/mnt/x", "ext4", &hostile, "root"),
            mount("/mnt/x", "ext4", "noatime", &hostile),
            ShellAction::Unmount { mount: key(), serial: hostile.clone(), before: vec![] },
            ShellAction::Unmount {
                mount: key(),
                serial: "vol1".to_owned(),
                before: vec![hook(&hostile)],
            },
        ] {
            let answer = node.one(action).await;
            assert!(matches!(answer, Err(ShellError::Refused(_))), "{answer:?}");
        }
        assert!(!marker.exists(), "{hostile:?} was executed");
    }
}

#[tokio::test]
async fn users_other_than_root_go_through_sudo_that_may_not_ask() {
    let Some(mut node) = Node::start() else { return };
    // A client that only writes down what it is told.
    let client = node.path("client");
    fs::write(&client, "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"${0%/*}/told\"\nexit 255\n").unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = wucluster_engine::ssh::SshOptions::new(
        wucluster_core::ids::ClusterName::new("test").unwrap(),
        node.path("r"),
        node.path("known"),
    );
    options.ssh_program = client;
    let clock = Arc::new(wucluster_engine::SystemClock);
    node.shell = wucluster_engine::ssh::SshShell::new(options, clock).unwrap();
    node.address.ssh.user = "admin".to_owned();
    gap(&node).await;
    let told = fs::read_to_string(node.path("told")).unwrap();
    let told: Vec<_> = told.lines().collect();
    assert_eq!(told[told.len() - 3..told.len() - 1], ["--", "127.0.0.1"]);
    assert!(told[told.len() - 1].starts_with("cd / && exec sudo -n /bin/sh -c '"), "{told:?}");
    for option in
        ["BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "IdentitiesOnly=yes"]
    {
        assert!(told.contains(&option), "{option}");
    }
}

#[tokio::test]
async fn a_persons_command_streams_and_keeps_its_status() {
    let Some(node) = Node::start() else { return };
    node.spoil("exec sh -c \"$SSH_ORIGINAL_COMMAND\"");
    let session = Session::Run("echo first; read -r line; echo \"got $line\"; exit 7");
    let mut command = node.shell.command(&node.address, session).unwrap();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The first line arrives while the command still waits for us.
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "first");
    tokio::io::AsyncWriteExt::write_all(&mut child.stdin.take().unwrap(), b"it\n").await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "got it");
    assert_eq!(child.wait().await.unwrap().code(), Some(7));

    let mut command = node.shell.command(&node.address, Session::Login).unwrap();
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // A command that looks like an option of ssh is none.
    let mut command =
        node.shell.command(&node.address, Session::Run("-oProxyCommand=false")).unwrap();
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(127), "{}", String::from_utf8_lossy(&output.stderr));
    node.shell.hang_up(&node.address).await;
}

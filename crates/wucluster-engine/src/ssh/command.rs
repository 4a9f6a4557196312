//! The ssh client's arguments.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use wucluster_core::action::NodeAddress;

use super::options::{SOCKET_NAME_LENGTH, SshError, SshOptions, check_path};

/// Time between two signs of life that are asked of a silent node. Unit: seconds.
///
/// With [`ALIVE_COUNT`] a connection to a machine that died ends after 10 to 15 s.
const ALIVE_INTERVAL: u32 = 5;

/// How many of them may stay unanswered.
const ALIVE_COUNT: u32 = 2;

/// What a person wants of ssh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session<'a> {
    /// A login shell, with a terminal if there is one, on a connection of its own. The person may be
    /// asked for a passphrase, never whether a host key is right.
    Login,
    /// One command line, handed to the login user's shell; output is passed through as it comes.
    Run(&'a str),
}

/// What host key is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Only the one in the file.
    Pinned,
    /// Any, if the file has none yet; it is then written there.
    FirstUse,
}

/// Checks that everything that the provider said of a node is fit to be an argument.
///
/// ssh expands host names in the user's own `ProxyCommand`, so that only plain names and address
/// literals may pass.
pub(super) fn check_endpoint(node: &NodeAddress) -> Result<(), SshError> {
    let refuse = |what, value: &str| {
        Err(SshError::Endpoint { node: node.node.clone(), what, value: value.to_owned() })
    };
    let plain = |text: &str, more: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !text.is_empty()
            && text.len() <= 255
            && text.chars().all(good)
            && !text.starts_with(['-', '.'])
    };
    if !plain(&node.ssh.host, ".:-_") {
        return refuse("address", &node.ssh.host);
    }
    if !plain(&node.ssh.user, ".-_") {
        return refuse("user", &node.ssh.user);
    }
    if !plain(node.instance.as_str(), ".-_") {
        return refuse("instance id", node.instance.as_str());
    }
    if let Some(file) = &node.ssh.identity_file {
        check_path(Path::new(file))?;
    }
    Ok(())
}

/// Returns the place of the connection's socket: another key, user or address gives another one.
pub(super) fn socket(options: &SshOptions, node: &NodeAddress) -> PathBuf {
    let mut digest = Sha256::new();
    for part in [
        options.cluster.as_str(),
        node.instance.as_str(),
        &node.ssh.host,
        &node.ssh.port.to_string(),
        &node.ssh.user,
        node.ssh.host_key.as_deref().unwrap_or(""),
        node.ssh.identity_file.as_deref().unwrap_or(""),
        &options.known_hosts_dir.to_string_lossy(),
    ] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let name: String =
        digest.finalize().iter().take(SOCKET_NAME_LENGTH / 2).map(|b| format!("{b:02x}")).collect();
    options.runtime_dir.join(name)
}

/// Lists the arguments of one of our own requests, up to and including the host.
pub(super) fn request(
    options: &SshOptions,
    node: &NodeAddress,
    pin: &Path,
    trust: Trust,
) -> Vec<OsString> {
    let mut list = shared(options, node, pin, trust);
    list.extend(own_connection(options, node));
    list.extend(texts(&["-o", "BatchMode=yes", "-o", "RequestTTY=no"]));
    list.extend(host(node));
    list
}

/// Lists the arguments of a person's session.
pub(super) fn session(
    options: &SshOptions,
    node: &NodeAddress,
    pin: &Path,
    trust: Trust,
    session: Session<'_>,
) -> Vec<OsString> {
    let mut list = shared(options, node, pin, trust);
    match session {
        Session::Login => {
            // Not through our connection: our giving it up would end the person's session.
            list.extend(texts(&["-o", "ControlMaster=no", "-o", "ControlPath=none"]));
            list.extend(texts(&["-o", "RequestTTY=auto"]));
            list.extend(host(node));
        }
        Session::Run(line) => {
            list.extend(own_connection(options, node));
            list.extend(texts(&["-o", "BatchMode=yes", "-o", "RequestTTY=no"]));
            list.extend(host(node));
            // ssh goes on looking for options after the host; a blank before the dash ends that.
            let blank = if line.starts_with('-') { " " } else { "" };
            list.push(format!("{blank}{line}").into());
        }
    }
    list
}

/// Lists the arguments that make the connection's keeper do something, such as `stop`.
pub(super) fn control(options: &SshOptions, node: &NodeAddress, request: &str) -> Vec<OsString> {
    let mut list = texts(&["-O", request]);
    list.extend([OsString::from("-o"), path_option("ControlPath", &socket(options, node))]);
    list.extend(texts(&["-o", "BatchMode=yes"]));
    list.extend(host(node));
    list
}

/// What every session has in common. The user's own configuration still applies to the rest.
fn shared(options: &SshOptions, node: &NodeAddress, pin: &Path, trust: Trust) -> Vec<OsString> {
    let mut list = texts(&[
        "-o",
        match trust {
            Trust::Pinned => "StrictHostKeyChecking=yes",
            Trust::FirstUse => "StrictHostKeyChecking=accept-new",
        },
    ]);
    let mut option = |text: String| list.extend([OsString::from("-o"), OsString::from(text)]);
    option(format!("HostKeyAlias={}", node.instance));
    option("GlobalKnownHostsFile=/dev/null".to_owned());
    for fixed in [
        "UpdateHostKeys=no",
        "VerifyHostKeyDNS=no",
        "CheckHostIP=no",
        "HashKnownHosts=no",
        "ForwardAgent=no",
        "ForwardX11=no",
        "ForwardX11Trusted=no",
        "ClearAllForwardings=yes",
        "Tunnel=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "ConnectionAttempts=1",
        "LogLevel=ERROR",
    ] {
        option(fixed.to_owned());
    }
    option(format!("ConnectTimeout={}", whole_seconds(options.connect_time_limit)));
    option(format!("ServerAliveInterval={ALIVE_INTERVAL}"));
    option(format!("ServerAliveCountMax={ALIVE_COUNT}"));
    list.extend([OsString::from("-o"), path_option("UserKnownHostsFile", pin)]);
    if let Some(file) = &node.ssh.identity_file {
        list.extend([OsString::from("-o"), path_option("IdentityFile", Path::new(file))]);
        if node.ssh.host_key.is_some() {
            list.extend(texts(&["-o", "IdentitiesOnly=yes"]));
        }
    }
    list
}

fn own_connection(options: &SshOptions, node: &NodeAddress) -> Vec<OsString> {
    let mut list = texts(&["-o", "ControlMaster=auto", "-o"]);
    list.push(format!("ControlPersist={}", whole_seconds(options.connection_keep)).into());
    list.extend([OsString::from("-o"), path_option("ControlPath", &socket(options, node))]);
    list
}

fn host(node: &NodeAddress) -> Vec<OsString> {
    let port = node.ssh.port.to_string();
    texts(&["-l", &node.ssh.user, "-p", &port, "--", &node.ssh.host])
}

fn texts(list: &[&str]) -> Vec<OsString> {
    list.iter().map(OsString::from).collect()
}

/// Writes a path as ssh reads it: quoted, as it may hold blanks, and with `%` doubled.
fn path_option(name: &str, path: &Path) -> OsString {
    let text = path.to_string_lossy().replace('%', "%%");
    format!("{name}=\"{text}\"").into()
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use wucluster_core::ids::{ClusterName, InstanceId, NodeName};
    use wucluster_core::observation::SshEndpoint;

    use super::*;

    fn node() -> NodeAddress {
        NodeAddress {
            node: NodeName::new("db-1").unwrap(),
            instance: InstanceId::new("i-0123"),
            ssh: SshEndpoint {
                host: "192.0.2.7".to_owned(),
                port: 2222,
                user: "admin".to_owned(),
                host_key: Some("ssh-ed25519 AAAA".to_owned()),
                identity_file: None,
            },
            run: None,
        }
    }

    fn options() -> SshOptions {
        SshOptions::new(ClusterName::new("test").unwrap(), "/run/u/wu", "/home/a b/hosts")
    }

    #[test]
    fn hostile_endpoints_are_refused() {
        for host in
            ["", "-oProxyCommand=x", "a b", "a;b", "%h", "a\nb", "$(id)", "`id`", "a'b", "ä"]
        {
            let mut bad = node();
            bad.ssh.host = host.to_owned();
            assert!(check_endpoint(&bad).is_err(), "{host:?}");
            let mut bad = node();
            bad.ssh.user = host.to_owned();
            assert!(check_endpoint(&bad).is_err(), "{host:?}");
            let mut bad = node();
            bad.instance = InstanceId::new(host);
            assert!(check_endpoint(&bad).is_err(), "{host:?}");
        }
        for host in ["192.0.2.7", "2001:db8::1", "node.example.org"] {
            let mut good = node();
            good.ssh.host = host.to_owned();
            assert!(check_endpoint(&good).is_ok(), "{host}");
        }
    }

    #[test]
    fn the_host_comes_last_and_after_a_double_dash() {
        let list = request(&options(), &node(), Path::new("/k"), Trust::Pinned);
        let tail: Vec<_> = list.iter().rev().take(2).map(|a| a.to_str().unwrap()).collect();
        assert_eq!(tail, ["192.0.2.7", "--"]);
        assert!(list.contains(&OsString::from("StrictHostKeyChecking=yes")));
        assert!(list.contains(&OsString::from("HostKeyAlias=i-0123")));
    }

    #[test]
    fn only_a_vouched_identity_keeps_the_users_own_keys_back() {
        let mut with = node();
        with.ssh.identity_file = Some("/keys/id 1".to_owned());
        let only = OsString::from("IdentitiesOnly=yes");
        let list = request(&options(), &with, Path::new("/k"), Trust::Pinned);
        assert!(
            list.contains(&only) && list.contains(&OsString::from("IdentityFile=\"/keys/id 1\""))
        );
        with.ssh.host_key = None;
        assert!(!request(&options(), &with, Path::new("/k"), Trust::FirstUse).contains(&only));
        assert!(!request(&options(), &node(), Path::new("/k"), Trust::Pinned).contains(&only));
    }

    #[test]
    fn another_key_or_address_never_reuses_a_connection() {
        let first = socket(&options(), &node());
        assert_eq!(first, socket(&options(), &node()));
        let mut other = node();
        other.ssh.host_key = Some("ssh-ed25519 BBBB".to_owned());
        assert_ne!(first, socket(&options(), &other));
        let mut other = node();
        other.instance = InstanceId::new("i-0124");
        assert_ne!(first, socket(&options(), &other));
        assert_eq!(first.file_name().unwrap().len(), SOCKET_NAME_LENGTH);
    }

    #[test]
    fn a_command_that_begins_with_a_dash_is_no_option() {
        let run = Session::Run("-oProxyCommand=x");
        let list = session(&options(), &node(), Path::new("/k"), Trust::Pinned, run);
        assert_eq!(list.last().unwrap(), " -oProxyCommand=x");
    }
}

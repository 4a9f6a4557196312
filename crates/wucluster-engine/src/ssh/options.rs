//! What the ssh client is run with, and the directories that it needs.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wucluster_core::ids::{ClusterName, InstanceId, NodeName};

use super::names::DiskNames;

/// Longest path of a control socket's directory and name, before ssh adds to it. Unit: bytes.
///
/// A socket's path holds 107 bytes (`sun_path`, Linux), and ssh binds a name with 17 more characters
/// first. Source: OpenSSH 9.2, `muxserver_listen`.
const SOCKET_PATH_MAX: usize = 107 - 17;

/// Length of a socket's own name. Unit: bytes.
pub(super) const SOCKET_NAME_LENGTH: usize = 20;

/// How [`SshShell`](super::SshShell) reaches nodes.
#[derive(Debug, Clone)]
pub struct SshOptions {
    /// The cluster, told to hooks as `WUCLUSTER_CLUSTER`.
    pub cluster: ClusterName,
    /// Where connection sockets lie; made with mode 0700. Must be short: see [`SshError::PathTooLong`].
    pub runtime_dir: PathBuf,
    /// Where the pinned host keys lie, one file per instance; made with mode 0700.
    pub known_hosts_dir: PathBuf,
    /// The ssh client.
    pub ssh_program: PathBuf,
    /// Whether a host key that the provider does not vouch for is pinned on first use. Otherwise
    /// such a node is not spoken to.
    pub accept_new: bool,
    /// Longest time to wait for a connection. Default: 10 s.
    pub connect_time_limit: Duration,
    /// How long an idle connection is kept for the next request. Default: 60 s.
    pub connection_keep: Duration,
    /// Longest time for one look at a node, beside what its checks may take. Default: 30 s.
    pub probe_time_limit: Duration,
    /// Who tells under what names machines show disks without serial numbers. `None`: there are no such machines.
    pub disk_names: Option<Arc<dyn DiskNames>>,
}

impl SshOptions {
    /// Makes options with the defaults; the client is `$WUCLUSTER_SSH`, else `ssh`.
    #[must_use]
    pub fn new(
        cluster: ClusterName,
        runtime_dir: impl Into<PathBuf>,
        known_hosts_dir: impl Into<PathBuf>,
    ) -> Self {
        Self {
            cluster,
            runtime_dir: runtime_dir.into(),
            known_hosts_dir: known_hosts_dir.into(),
            ssh_program: std::env::var_os("WUCLUSTER_SSH")
                .filter(|program| !program.is_empty())
                .map_or_else(|| PathBuf::from("ssh"), PathBuf::from),
            accept_new: false,
            connect_time_limit: Duration::from_secs(10),
            connection_keep: Duration::from_secs(60),
            probe_time_limit: Duration::from_secs(30),
            disk_names: None,
        }
    }

    /// Makes the directories and checks that nobody else can write to them.
    ///
    /// # Errors
    /// [`SshError`] says which directory is unfit, why, and what to do.
    pub(super) fn prepare(&self) -> Result<(), SshError> {
        for path in [&self.runtime_dir, &self.known_hosts_dir] {
            check_path(path)?;
            make_private(path)?;
        }
        let length = self.runtime_dir.as_os_str().len() + 1 + SOCKET_NAME_LENGTH;
        if length > SOCKET_PATH_MAX {
            return Err(SshError::PathTooLong {
                path: self.runtime_dir.clone(),
                length_max: SOCKET_PATH_MAX - 1 - SOCKET_NAME_LENGTH,
            });
        }
        Ok(())
    }
}

/// The ssh client cannot be used, or not for this node; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// A directory could not be made or looked at.
    #[error("the directory {} cannot be used", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory could be changed by others.
    #[error("the directory {} is not private: {why}; name another one, or remove it", path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Sockets would not fit.
    #[error(
        "the path {} is too long for connection sockets: name one of at most {length_max} bytes",
        path.display()
    )]
    PathTooLong {
        /// The directory.
        path: PathBuf,
        /// Longest path that will do. Unit: bytes.
        length_max: usize,
    },
    /// A path that ssh's configuration cannot carry.
    #[error(
        "the path {path:?} has a character that ssh's options cannot carry (a quote, `$`, `\\` or a \
         control character), or is not absolute: name another one"
    )]
    PathCharacters {
        /// The path.
        path: PathBuf,
    },
    /// What the provider said of the node cannot be handed to ssh.
    #[error("the {what} of {node} cannot be handed to ssh: {value:?}")]
    Endpoint {
        /// The node.
        node: NodeName,
        /// Which part of it.
        what: &'static str,
        /// What it is.
        value: String,
    },
    /// Nobody vouches for the host key, and pinning on first use is not allowed.
    #[error(
        "no host key is known for {instance} of {node}: the provider vouches for none (yet); allow it \
         to be pinned on first use, or wait for the provider to tell it"
    )]
    NoHostKey {
        /// The node.
        node: NodeName,
        /// Its instance.
        instance: InstanceId,
    },
    /// The file with the pinned key could not be read or written.
    #[error("the host key of {instance} cannot be kept in {}", path.display())]
    KnownHosts {
        /// The instance.
        instance: InstanceId,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Refuses a path that would be read as something else in an ssh option.
pub(super) fn check_path(path: &Path) -> Result<(), SshError> {
    let fits = path.is_absolute()
        && path.to_str().is_some_and(|text| {
            !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\'' | '$' | '\\'))
        });
    if fits { Ok(()) } else { Err(SshError::PathCharacters { path: path.to_owned() }) }
}

/// Makes a directory that only we can enter; one that is there must be ours, and is closed to others.
fn make_private(path: &Path) -> Result<(), SshError> {
    let failed = |source| SshError::Directory { path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let seen = fs::symlink_metadata(path).map_err(failed)?;
    let not_private = |why| Err(SshError::NotPrivate { path: path.to_owned(), why });
    if !seen.is_dir() {
        return not_private("it is a symbolic link");
    }
    if seen.uid() != rustix::process::geteuid().as_raw() {
        return not_private("it belongs to another user");
    }
    if seen.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(base: &Path) -> SshOptions {
        let cluster = ClusterName::new("test").unwrap();
        SshOptions::new(cluster, base.join("run"), base.join("hosts"))
    }

    #[test]
    fn directories_are_made_private_and_closed_when_they_were_open() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("hosts")).unwrap();
        fs::set_permissions(base.path().join("hosts"), fs::Permissions::from_mode(0o777)).unwrap();
        options(base.path()).prepare().unwrap();
        for name in ["run", "hosts"] {
            let mode = fs::metadata(base.path().join(name)).unwrap().mode();
            assert_eq!(mode & 0o777, 0o700, "{name}");
        }
    }

    #[test]
    fn a_symbolic_link_is_no_private_directory() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(base.path().join("elsewhere"), base.path().join("run")).unwrap();
        let refusal = options(base.path()).prepare().unwrap_err();
        assert!(matches!(refusal, SshError::NotPrivate { .. }), "{refusal}");
    }

    #[test]
    fn a_socket_directory_that_is_too_long_is_refused_with_the_length_that_will_do() {
        let base = tempfile::tempdir().unwrap();
        let mut long = options(base.path());
        long.runtime_dir = base.path().join("x".repeat(80));
        let refusal = long.prepare().unwrap_err();
        assert!(matches!(refusal, SshError::PathTooLong { length_max: 69, .. }), "{refusal}");
    }

    #[test]
    fn paths_that_ssh_would_read_otherwise_are_refused() {
        for path in ["relative", "/a\"b", "/a$b", "/a\nb", "/a\\b"] {
            assert!(check_path(Path::new(path)).is_err(), "{path}");
        }
        assert!(check_path(Path::new("/home/some one/%h")).is_ok());
    }
}

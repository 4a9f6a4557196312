//! The pinned host keys: one file per instance, known by the instance's id and never by address.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wucluster_core::action::NodeAddress;

use super::command::Trust;
use super::options::{SshError, SshOptions};

/// Writes the key that the provider vouches for, and says which key may be accepted.
///
/// A key that was pinned on first use stays good when nothing vouches for one. A key that the
/// provider vouches for replaces whatever was pinned before.
///
/// # Errors
/// [`SshError::NoHostKey`] when there is none and none may be learned; [`SshError::Endpoint`] when
/// the provider's word is no key; [`SshError::KnownHosts`] when the file cannot be written.
pub(super) fn pin(options: &SshOptions, node: &NodeAddress) -> Result<(PathBuf, Trust), SshError> {
    let path = options.known_hosts_dir.join(node.instance.as_str());
    let failed = |source| SshError::KnownHosts {
        instance: node.instance.clone(),
        path: path.clone(),
        source,
    };
    let present = match fs::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    if let Some(key) = &node.ssh.host_key {
        let Some(key) = checked_key(key) else {
            return Err(SshError::Endpoint {
                node: node.node.clone(),
                what: "host key",
                value: key.chars().take(120).collect(),
            });
        };
        let wanted = format!("{} {key}\n", node.instance);
        if present != wanted.as_bytes() {
            replace(&options.known_hosts_dir, &path, wanted.as_bytes()).map_err(failed)?;
        }
        return Ok((path, Trust::Pinned));
    }
    if !present.is_empty() {
        return Ok((path, Trust::Pinned));
    }
    if !options.accept_new {
        return Err(SshError::NoHostKey {
            node: node.node.clone(),
            instance: node.instance.clone(),
        });
    }
    // ssh would make it readable by others. One that is there may be getting its key just now.
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    Ok((path, Trust::FirstUse))
}

/// Returns `TYPE BASE64` if that is what it is, without a comment.
fn checked_key(key: &str) -> Option<String> {
    let mut words = key.split_ascii_whitespace();
    let (kind, blob) = (words.next()?, words.next()?);
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '@');
    let is_kind = kind.len() <= 64 && kind.chars().all(good) && !kind.starts_with(['@', '-']);
    let bytes = STANDARD.decode(blob).ok()?;
    // The blob begins with the length and text of its own kind.
    let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let own_kind = bytes.get(4..4 + usize::try_from(length).ok()?)?;
    (is_kind && own_kind == kind.as_bytes() && key.lines().count() == 1)
        .then(|| format!("{kind} {blob}"))
}

/// Puts a file in place whole, readable by us alone.
fn replace(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    // Two of our processes may write at once; each has its own name until it is renamed.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = directory.join(format!(".{name}.{}.new", std::process::id()));
    match fs::remove_file(&new) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    drop(file);
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use wucluster_core::ids::{ClusterName, InstanceId, NodeName};
    use wucluster_core::observation::SshEndpoint;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMGUeAuPEr0MZV0RvvTLMiKqvpnhvEdpBN8e4qEhhBPL";

    fn node(host_key: Option<&str>) -> NodeAddress {
        NodeAddress {
            node: NodeName::new("db-1").unwrap(),
            instance: InstanceId::new("i-0123"),
            ssh: SshEndpoint {
                host: "192.0.2.7".to_owned(),
                port: 22,
                user: "root".to_owned(),
                host_key: host_key.map(str::to_owned),
                identity_file: None,
            },
            run: None,
        }
    }

    fn options(base: &Path) -> SshOptions {
        let cluster = ClusterName::new("test").unwrap();
        SshOptions::new(cluster, base.join("run"), base.to_owned())
    }

    #[test]
    fn a_vouched_key_is_written_for_the_instance_and_readable_by_us_alone() {
        let base = tempfile::tempdir().unwrap();
        let (path, trust) = pin(&options(base.path()), &node(Some(KEY))).unwrap();
        assert_eq!(trust, Trust::Pinned);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("i-0123 {KEY}\n"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        // A comment behind the key is left out, and the same key changes nothing.
        let again = pin(&options(base.path()), &node(Some(&format!("{KEY} root@host")))).unwrap();
        assert_eq!(fs::read_to_string(again.0).unwrap(), format!("i-0123 {KEY}\n"));
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn without_a_key_nothing_is_trusted_unless_that_is_allowed() {
        let base = tempfile::tempdir().unwrap();
        let mut options = options(base.path());
        let refusal = pin(&options, &node(None)).unwrap_err();
        assert!(matches!(refusal, SshError::NoHostKey { .. }), "{refusal}");
        options.accept_new = true;
        assert_eq!(pin(&options, &node(None)).unwrap().1, Trust::FirstUse);
        // Once pinned it stays pinned, whatever is allowed.
        pin(&options, &node(Some(KEY))).unwrap();
        assert_eq!(pin(&options, &node(None)).unwrap().1, Trust::Pinned);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let base = tempfile::tempdir().unwrap();
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !!",
            "* ssh-ed25519",
            "@revoked AAAA",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIMGUeAuPEr0MZV0RvvTLMiKqvpnhvEdpBN8e4qEhhBPL",
        ] {
            let refusal = pin(&options(base.path()), &node(Some(bad))).unwrap_err();
            assert!(matches!(refusal, SshError::Endpoint { .. }), "{bad}: {refusal}");
        }
        let two = format!("{KEY}\n* {KEY}");
        assert!(pin(&options(base.path()), &node(Some(&two))).is_err());
    }
}

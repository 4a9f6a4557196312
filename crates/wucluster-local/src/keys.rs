//! Keys for ssh: one of the account for going in, one of each instance for being known.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::LocalError;
use crate::files;
use crate::program;

/// Name of the account's private key file.
const CLIENT_KEY: &str = "id_ed25519";

/// Returns the account's private key file, making the pair on first use.
///
/// Must be called while the account is held: two makers would overwrite each other.
pub(crate) async fn client_key(root: &Path) -> Result<PathBuf, LocalError> {
    let path = root.join(CLIENT_KEY);
    if !public_of(&path).exists() {
        make(&path, "wucluster").await?;
    }
    Ok(path)
}

/// Makes an instance's host key pair, and returns the public half as `TYPE BASE64`.
pub(crate) async fn make_host_key(path: &Path, instance: &str) -> Result<String, LocalError> {
    make(path, instance).await?;
    let text = files::read_text(&public_of(path))?.unwrap_or_default();
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(kind), Some(key)) => Ok(format!("{kind} {key}")),
        _ => Err(LocalError::Unreadable { path: public_of(path), why: "no key in it".to_owned() }),
    }
}

/// Returns the public key's file.
pub(crate) fn public_of(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

async fn make(path: &Path, comment: &str) -> Result<(), LocalError> {
    // Half a pair is no pair: begin anew.
    files::remove_all(path)?;
    files::remove_all(&public_of(path))?;
    let mut command =
        program::command("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]);
    command.arg(path);
    program::run(command, Duration::from_secs(20)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn the_accounts_key_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = client_key(dir.path()).await.unwrap();
        let first = std::fs::read(&path).unwrap();
        assert_eq!(client_key(dir.path()).await.unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let public = make_host_key(&dir.path().join("host_key"), "i-1").await.unwrap();
        assert!(public.starts_with("ssh-ed25519 AAAA"), "{public}");
    }
}

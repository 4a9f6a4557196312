//! Files of the account: private, written whole or not at all, changed by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::LocalError;

/// Makes a directory and those above it, readable by nobody else.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), LocalError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(LocalError::file("make the directory", path))
}

/// Makes what a directory lists durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), LocalError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(LocalError::file("make durable", path))
}

/// Writes a file so that a reader, and a host after a crash, finds the old content or the new.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LocalError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temp = dir.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temp, path)
    })();
    if let Err(error) = written {
        // The half-written file is of no use to anybody; failing to remove it changes nothing.
        let _ = fs::remove_file(&temp);
        return Err(LocalError::file("write", path)(error));
    }
    sync_dir(dir)
}

/// Writes a value as JSON, as [`write_whole`] does.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), LocalError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| LocalError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    bytes.push(b'\n');
    write_whole(path, &bytes)
}

/// Reads a value; `None` when there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LocalError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            LocalError::Unreadable { path: path.to_owned(), why: error.to_string() }
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LocalError::file("read", path)(error)),
    }
}

/// Reads a text file without its trailing white space; `None` when there is no such file.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, LocalError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LocalError::file("read", path)(error)),
    }
}

/// Removes a file or a directory with all that is in it; gone already is fine.
pub(crate) fn remove_all(path: &Path) -> Result<(), LocalError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(LocalError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Returns the space that a file really takes. Unit: bytes. 0 when it is not there.
pub(crate) fn allocated_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.blocks() * 512)
}

/// Returns the space that this user may still fill where `path` lies. Unit: bytes.
pub(crate) fn free_bytes(path: &Path) -> Result<u64, LocalError> {
    let stat = rustix::fs::statvfs(path)
        .map_err(|error| LocalError::file("ask for the free space of", path)(error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Reads at most the last `limit` bytes of a file as text; empty when it is not there.
pub(crate) fn tail(path: &Path, limit: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        io::Seek::seek(&mut file, io::SeekFrom::Start(length.saturating_sub(limit)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

/// Opens, or makes, a file to be locked.
pub(crate) fn open_lock(path: &Path) -> Result<File, LocalError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(LocalError::file("open the lock", path))
}

/// Takes a lock if nobody holds it. Dropping the file gives it back.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>, LocalError> {
    let file = open_lock(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(LocalError::file("lock", path)(error)),
    }
}

/// Takes a lock, waiting for others to give it back.
///
/// # Errors
/// [`LocalError::Locked`] when nobody gave it back within `limit`.
pub(crate) async fn lock(path: &Path, limit: Duration) -> Result<File, LocalError> {
    let since = Instant::now();
    loop {
        if let Some(file) = try_lock(path)? {
            return Ok(file);
        }
        if since.elapsed() >= limit {
            return Err(LocalError::Locked { path: path.to_owned(), limit });
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

/// Says whether somebody holds the lock. No such file: nobody.
pub(crate) fn is_locked(path: &Path) -> Result<bool, LocalError> {
    if !path.exists() {
        return Ok(false);
    }
    Ok(try_lock(path)?.is_none())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_is_private_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        create_private_dir(&inner).unwrap();
        assert_eq!(fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
        let path = inner.join("meta.json");
        write_json(&path, &vec![1, 2]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_json::<Vec<u8>>(&path).unwrap(), Some(vec![1, 2]));
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn absent_is_not_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.json");
        assert!(read_json::<u8>(&path).unwrap().is_none());
        fs::write(&path, "{").unwrap();
        assert!(matches!(read_json::<u8>(&path), Err(LocalError::Unreadable { .. })));
    }

    #[test]
    fn a_lock_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(!is_locked(&path).unwrap());
        let held = try_lock(&path).unwrap().unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        assert!(is_locked(&path).unwrap());
        drop(held);
        assert!(!is_locked(&path).unwrap());
    }
}

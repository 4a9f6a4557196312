//! Copies of disks, made by a background process that survives us.
//!
//! ```text
//! (start) -> running -> done     `sum` is there: content, name and checksum are durable
//!               |
//!               v
//!            failed              nobody holds the lock, and there is no `sum`
//! ```
//!
//! A copy is made under another name and renamed when it is whole, so that a half-written one is
//! never taken for it, whoever dies and whenever: copier, we, or the host.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::LocalError;
use crate::files;
use crate::program;

const SCRIPT: &str = include_str!("copy.sh");

/// A copy into a directory.
#[derive(Debug)]
pub(crate) struct Copy {
    /// The disk that is copied.
    pub(crate) source: PathBuf,
    /// The directory that the copy comes to.
    pub(crate) dir: PathBuf,
    /// The checksum that the source must have, if it is known.
    pub(crate) expected: Option<String>,
    /// The size that the copy gets. Unit: bytes; never less than the source's.
    pub(crate) bytes: u64,
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is being made.
    Running {
        /// How much of it is there. Unit: percent, at most 99.
        percent: u8,
    },
    /// It is whole and durable.
    Done {
        /// The checksum of the source: SHA-256 in hexadecimal digits.
        sum: String,
    },
    /// Its copier ended before it was whole.
    Failed {
        /// Why, as far as it could be told.
        why: String,
    },
}

impl Copy {
    /// Starts the copier and comes back at once.
    ///
    /// The account must be held, so that nobody looks before the copier has its lock.
    pub(crate) fn start(&self) -> Result<(), LocalError> {
        let Self { source, dir, expected, bytes } = self;
        let Some(lock) = files::try_lock(&lock_file(dir))? else {
            return Ok(());
        };
        let mut command = program::command("setsid", ["sh", "-c", SCRIPT, "copy"]);
        command.arg(source).arg(dir).arg(expected.as_deref().unwrap_or_default());
        command.arg(bytes.to_string());
        // The lock belongs to the open file: the copier and its children hold it until the last of
        // them ends.
        command.stdin(Stdio::from(lock)).stdout(Stdio::null()).stderr(Stdio::null());
        command.kill_on_drop(false);
        match command.spawn() {
            Ok(_) => Ok(()),
            Err(error) => Err(LocalError::Program {
                program: "setsid".to_owned(),
                status: "not started".to_owned(),
                output: error.to_string(),
            }),
        }
    }
}

/// Tells how far the copy in a directory is.
pub(crate) fn progress(dir: &Path, source: &Path) -> Result<Progress, LocalError> {
    // Asked first: a copier that ends in between has then written its `sum` already.
    let is_running = files::is_locked(&lock_file(dir))?;
    if is_running {
        let (part, whole) = (dir.join("data.part"), files::allocated_bytes(source));
        let there =
            files::allocated_bytes(&part).max(files::allocated_bytes(&dir.join("data.raw")));
        // Copying, checking and writing out: a guess of the shares.
        let percent = (there * 90).checked_div(whole).unwrap_or(90).min(99);
        return Ok(Progress::Running { percent: u8::try_from(percent).unwrap_or(99) });
    }
    if let Some(sum) = files::read_text(&dir.join("sum"))?
        && sum.len() == 64
        && dir.join("data.raw").exists()
    {
        // A copier that was killed just before its last step may have left this to us.
        files::sync_dir(dir)?;
        return Ok(Progress::Done { sum });
    }
    let said = program::last_lines(&files::tail(&dir.join("copy.err"), 2048), 3);
    let why = if said.is_empty() {
        "the copy ended before it was whole: its process was killed, or the host went down"
            .to_owned()
    } else {
        said
    };
    Ok(Progress::Failed { why })
}

/// Gives back the space of a copy that failed.
pub(crate) fn discard(dir: &Path) -> Result<(), LocalError> {
    for name in ["data.part", "sum.part", "data.raw", "sum"] {
        files::remove_all(&dir.join(name))?;
    }
    Ok(())
}

fn lock_file(dir: &Path) -> PathBuf {
    dir.join("copy.lock")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    async fn settled(copy: &Copy) -> Progress {
        for _ in 0..1000 {
            match progress(&copy.dir, &copy.source).unwrap() {
                Progress::Running { .. } => tokio::time::sleep(Duration::from_millis(10)).await,
                settled => return settled,
            }
        }
        panic!("the copy never ended");
    }

    fn copy(dir: &Path, content: &[u8]) -> Copy {
        let source = dir.join("source; $(touch never) 'x'");
        fs::write(&source, content).unwrap();
        let into = dir.join("into it");
        fs::create_dir(&into).unwrap();
        Copy { source, dir: into, expected: None, bytes: 4096 }
    }

    #[tokio::test]
    async fn a_copy_is_whole_or_failed() {
        let dir = tempfile::tempdir().unwrap();
        let good = copy(dir.path(), b"content");
        assert!(matches!(progress(&good.dir, &good.source).unwrap(), Progress::Failed { .. }));
        good.start().unwrap();
        let Progress::Done { sum } = settled(&good).await else { panic!("it failed") };
        let made = fs::read(good.dir.join("data.raw")).unwrap();
        assert_eq!((&made[..7], made.len()), (&b"content"[..], 4096));
        assert!(!dir.path().join("never").exists() && !Path::new("never").exists());

        let dir = tempfile::tempdir().unwrap();
        let bad = Copy { expected: Some(sum), ..copy(dir.path(), b"other") };
        bad.start().unwrap();
        let Progress::Failed { why } = settled(&bad).await else {
            panic!("it was taken for whole")
        };
        assert!(why.contains("checksum"), "{why}");
        discard(&bad.dir).unwrap();
        assert!(!bad.dir.join("data.raw").exists());
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_copy() {
        let full = Path::new("/dev/full");
        let dir = tempfile::tempdir().unwrap();
        let bad = copy(dir.path(), b"content");
        std::os::unix::fs::symlink(full, bad.dir.join("data.part")).unwrap();
        bad.start().unwrap();
        let Progress::Failed { why } = settled(&bad).await else {
            panic!("it was taken for whole")
        };
        assert!(why.contains("No space left"), "{why}");
    }
}

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

/// The file of a volume's disk.
pub(crate) const DISK: &str = "data.raw";
/// The file in which a snapshot keeps a disk.
const KEPT: &str = "data.qcow2";
/// The file that a machine writes while it takes a snapshot of a volume that it uses.
pub(crate) const TAKEN: &str = "disk.part";

/// Returns the file in which a snapshot's directory keeps its disk. Earlier versions kept it as it was.
pub(crate) fn kept_in(dir: &Path) -> PathBuf {
    let as_it_was = dir.join(DISK);
    if as_it_was.exists() { as_it_was } else { dir.join(KEPT) }
}

/// A copy into a directory.
#[derive(Debug)]
pub(crate) struct Copy {
    /// What becomes of what.
    pub(crate) work: Work,
    /// The directory that the copy comes to.
    pub(crate) dir: PathBuf,
}

/// What a copy is made of.
#[derive(Debug)]
pub(crate) enum Work {
    /// A disk is kept; one that lies in the copy's own directory is used up.
    Save {
        /// The disk.
        disk: PathBuf,
    },
    /// What is kept becomes a disk again.
    Restore {
        /// The file that keeps it.
        kept: PathBuf,
        /// The checksum that it must have.
        sum: String,
        /// The size that the disk gets. Unit: bytes; never less than the kept disk's.
        bytes: u64,
    },
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
        /// The checksum of the file that is kept: SHA-256 in hexadecimal digits.
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
        let Self { work, dir } = self;
        let Some(lock) = files::try_lock(&lock_file(dir))? else {
            return Ok(());
        };
        let mut command = program::command("setsid", ["sh", "-c", SCRIPT, "copy"]);
        match work {
            Work::Save { disk } => command.arg("save").arg(disk).arg(dir),
            Work::Restore { kept, sum, bytes } => {
                command.arg("restore").arg(kept).arg(dir).args([sum, &bytes.to_string()])
            }
        };
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
        let made = [part, dir.join(DISK), dir.join(KEPT)];
        let there = made.iter().map(|file| files::allocated_bytes(file)).max().unwrap_or(0);
        // Copying, checking and writing out: a guess of the shares.
        let percent = (there * 90).checked_div(whole).unwrap_or(90).min(99);
        return Ok(Progress::Running { percent: u8::try_from(percent).unwrap_or(99) });
    }
    if let Some(sum) = files::read_text(&dir.join("sum"))?
        && sum.len() == 64
        && (dir.join(DISK).exists() || dir.join(KEPT).exists())
    {
        // A copier that was killed just before its last step may have left this to us.
        files::sync_dir(dir)?;
        files::remove_all(&dir.join(TAKEN))?;
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
    for name in ["data.part", TAKEN, "sum.part", DISK, KEPT, "sum"] {
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
        let (Work::Save { disk: source } | Work::Restore { kept: source, .. }) = &copy.work;
        for _ in 0..1000 {
            match progress(&copy.dir, source).unwrap() {
                Progress::Running { .. } => tokio::time::sleep(Duration::from_millis(10)).await,
                settled => return settled,
            }
        }
        panic!("the copy never ended");
    }

    async fn done(copy: &Copy) -> String {
        copy.start().unwrap();
        match settled(copy).await {
            Progress::Done { sum } => sum,
            other => panic!("{other:?}"),
        }
    }

    async fn failed(copy: &Copy) -> String {
        copy.start().unwrap();
        match settled(copy).await {
            Progress::Failed { why } => why,
            other => panic!("it was taken for whole: {other:?}"),
        }
    }

    /// A disk of 1 MiB that holds that text in its middle, to be kept.
    fn save(dir: &Path, content: &[u8]) -> Copy {
        let disk = dir.join("source: $(touch never) 'x'");
        let mut bytes = vec![0; 1 << 20];
        bytes[300_000..300_000 + content.len()].copy_from_slice(content);
        fs::write(&disk, bytes).unwrap();
        Copy { work: Work::Save { disk }, dir: into(dir, "kept in") }
    }

    fn into(dir: &Path, name: &str) -> PathBuf {
        let into = dir.join(name);
        fs::create_dir(&into).unwrap();
        into
    }

    #[tokio::test]
    async fn what_is_kept_comes_back_to_the_byte() {
        let dir = tempfile::tempdir().unwrap();
        let saved = save(dir.path(), b"content");
        let Work::Save { disk } = &saved.work else { unreachable!() };
        assert!(matches!(progress(&saved.dir, disk).unwrap(), Progress::Failed { .. }));
        let sum = done(&saved).await;
        assert!(!dir.path().join("never").exists() && !Path::new("never").exists());
        let kept = kept_in(&saved.dir);
        assert!(fs::metadata(&kept).unwrap().len() < 1 << 19, "holes are left out");

        let work = Work::Restore { kept: kept.clone(), sum: sum.clone(), bytes: 2 << 20 };
        let restored = Copy { work, dir: into(dir.path(), "restored") };
        assert_eq!(done(&restored).await, sum);
        let (made, was) = (fs::read(restored.dir.join(DISK)).unwrap(), fs::read(disk).unwrap());
        assert!(
            made.len() == 2 << 20
                && made[..1 << 20] == was
                && made[1 << 20..].iter().all(|b| *b == 0)
        );

        // What lies on a disk for long may rot; it is found out before it is used.
        let mut bytes = fs::read(&kept).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&kept, bytes).unwrap();
        let work = Work::Restore { kept, sum, bytes: 2 << 20 };
        let rotten = Copy { work, dir: into(dir.path(), "rotten") };
        let why = failed(&rotten).await;
        assert!(why.contains("checksum"), "{why}");
        discard(&rotten.dir).unwrap();
        assert!(!rotten.dir.join(DISK).exists());
    }

    #[tokio::test]
    async fn what_an_earlier_version_kept_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let old = into(dir.path(), "old");
        fs::write(old.join(DISK), vec![7; 4096]).unwrap();
        let sum = wucluster_core::ids::hex(&sha2::Digest::finalize(
            <sha2::Sha256 as sha2::Digest>::new_with_prefix(vec![7; 4096]),
        ));
        let work = Work::Restore { kept: kept_in(&old), sum, bytes: 8192 };
        let restored = Copy { work, dir: into(dir.path(), "restored") };
        done(&restored).await;
        let made = fs::read(restored.dir.join(DISK)).unwrap();
        assert_eq!((&made[..4096], made.len()), (&vec![7; 4096][..], 8192));
        assert!(old.join(DISK).exists());
    }

    #[tokio::test]
    async fn a_disk_that_a_machine_wrote_for_it_is_used_up() {
        let dir = tempfile::tempdir().unwrap();
        let into = into(dir.path(), "snapshot");
        fs::write(into.join(TAKEN), vec![1; 4096]).unwrap();
        done(&Copy { work: Work::Save { disk: into.join(TAKEN) }, dir: into.clone() }).await;
        assert!(!into.join(TAKEN).exists() && kept_in(&into).exists());
    }

    #[tokio::test]
    async fn a_copy_that_cannot_be_written_fails() {
        let dir = tempfile::tempdir().unwrap();
        let bad = save(dir.path(), b"content");
        std::os::unix::fs::symlink("/dev/full", bad.dir.join("data.part")).unwrap();
        let why = failed(&bad).await;
        assert!(why.contains("qemu-img"), "{why}");
    }
}

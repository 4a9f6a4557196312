//! The file that keeps the simulated cloud between two commands.
//!
//! ```text
//! STATE/sim/
//!   lock    held for a moment, while a command changes the cloud
//!   world   one line about the file, then the world
//!   time    how far time has leaped since then, for whoever was told of it
//! ```
//!
//! A new version is written beside the old one and then takes its place, so that whoever reads sees
//! a whole world, and whoever reads needs no lock.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wucluster_core::time::Timestamp;
use wucluster_sim::{PersistError, World};

/// Version of the first line.
const SCHEMA: &str = "wucluster/sim-file/1";

/// Something about the file does not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be used.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It makes no sense; it is never overwritten then.
    #[error("the simulated cloud in {} cannot be read ({why}); move it away to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    schema: String,
    /// When it was written, by our clock.
    saved_at: Timestamp,
}

/// A world as it was saved.
#[derive(Debug)]
pub(crate) struct Saved {
    /// The world.
    pub(crate) world: World,
    /// When it was saved, by our clock.
    pub(crate) at: Timestamp,
    /// Which version of the file it is.
    pub(crate) version: Version,
}

/// A version of the file. While we have it open, no other version can be taken for it.
#[derive(Debug)]
pub(crate) struct Version(File);

/// The right to change the file; ends when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The file, by its place.
#[derive(Debug)]
pub(crate) struct WorldFile {
    folder: PathBuf,
    path: PathBuf,
}

impl WorldFile {
    /// Names the file below the state folder; makes the folder (mode 0700), not the file.
    ///
    /// # Errors
    /// [`FileError::Io`] when the folder cannot be made.
    pub(crate) fn open(state: &Path) -> Result<Self, FileError> {
        let folder = state.join("sim");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|source| FileError::Io { what: "make", path: folder.clone(), source })?;
        Ok(Self { path: folder.join("world"), folder })
    }

    /// Waits for the right to change the file. Others have it for moments only.
    ///
    /// # Errors
    /// [`FileError::Io`] when it cannot be locked.
    pub(crate) fn lock(&self) -> Result<Lock, FileError> {
        let path = self.folder.join("lock");
        let file = private().create(true).write(true).truncate(false).open(&path);
        file.and_then(|file| file.lock().map(|()| Lock { _file: file }))
            .map_err(|source| FileError::Io { what: "lock", path, source })
    }

    /// Says whether the file is another one than this version; `None`: than none at all.
    ///
    /// # Errors
    /// [`FileError::Io`] when that cannot be told.
    pub(crate) fn is_newer_than(&self, version: Option<&Version>) -> Result<bool, FileError> {
        let io = |source| FileError::Io { what: "look at", path: self.path.clone(), source };
        let now = match fs::metadata(&self.path) {
            Ok(now) => now,
            // What was removed under our feet is written again by the next change.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(io(source)),
        };
        let Some(Version(known)) = version else { return Ok(true) };
        let known = known.metadata().map_err(io)?;
        Ok((known.dev(), known.ino()) != (now.dev(), now.ino()))
    }

    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be read, or is no world.
    pub(crate) fn read(&self) -> Result<Option<Saved>, FileError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.io("read", source)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|source| self.io("read", source))?;
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (first, rest) = bytes.split_at(end);
        let header: Header =
            serde_json::from_slice(first).map_err(|error| self.damaged(&error.to_string()))?;
        if header.schema != SCHEMA {
            return Err(self.damaged(&format!("it is of version `{}`", header.schema)));
        }
        let world = World::from_document(rest).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(Some(Saved { world, at: header.saved_at, version: Version(file) }))
    }

    /// Puts a new version in the place of the file (mode 0600).
    ///
    /// It is not forced to the disk: after a power failure a simulated cloud may be as it was before,
    /// or be gone.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written; the former version is whole then.
    pub(crate) fn write(
        &self,
        _: &Lock,
        world: &World,
        at: Timestamp,
    ) -> Result<Version, FileError> {
        let header = Header { schema: SCHEMA.to_owned(), saved_at: at };
        let mut bytes = serde_json::to_vec(&header)
            .map_err(PersistError::from)
            .map_err(|error| self.damaged(&error.to_string()))?;
        bytes.push(b'\n');
        let document = world.to_document().map_err(|error| self.damaged(&error.to_string()))?;
        bytes.extend(document);
        let fresh = self.folder.join("world.new");
        let write = || -> io::Result<Version> {
            let mut file =
                private().create(true).read(true).write(true).truncate(true).open(&fresh)?;
            file.write_all(&bytes)?;
            fs::rename(&fresh, &self.path)?;
            Ok(Version(file))
        };
        write().map_err(|source| self.io("write", source))
    }

    /// Keeps that time has come so far since the version of `base` was written. A command that is killed was told of what
    /// came about by then, and its journal has it: the next one must not begin before that.
    ///
    /// # Errors
    /// [`FileError::Io`] when it cannot be written.
    pub(crate) fn write_time(&self, base: Timestamp, now: Timestamp) -> Result<(), FileError> {
        let path = self.folder.join("time");
        // Of one length, in one piece: it is never seen half written.
        let line = format!("{:>20} {:>20}\n", base.as_millis(), now.as_millis());
        let file = private().create(true).write(true).truncate(false).open(&path);
        file.and_then(|file| file.write_all_at(line.as_bytes(), 0))
            .map_err(|source| FileError::Io { what: "write", path, source })
    }

    /// Returns how far time has come since the version of `base` was written, where that was kept.
    pub(crate) fn read_time(&self, base: Timestamp) -> Option<Timestamp> {
        let text = fs::read_to_string(self.folder.join("time")).ok()?;
        let mut words = text.split_whitespace().map(str::parse::<i64>);
        let of = words.next()?.ok()?;
        let now = words.next()?.ok()?;
        (of == base.as_millis()).then(|| Timestamp::from_millis(now))
    }

    fn io(&self, what: &'static str, source: io::Error) -> FileError {
        FileError::Io { what, path: self.path.clone(), source }
    }

    fn damaged(&self, why: &str) -> FileError {
        FileError::Damaged { path: self.path.clone(), why: why.to_owned() }
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_world_is_read_as_it_was_saved_and_nobody_else_may_read_it() {
        let state = tempfile::tempdir().unwrap();
        let file = WorldFile::open(state.path()).unwrap();
        assert!(file.read().unwrap().is_none());
        let mut world = World::new(5);
        world.advance(Duration::from_secs(60));
        let lock = file.lock().unwrap();
        file.write(&lock, &world, at(77)).unwrap();
        let saved = file.read().unwrap().unwrap();
        assert_eq!((saved.world.now(), saved.at), (world.now(), at(77)));
        let mode = fs::metadata(state.path().join("sim/world")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn time_is_kept_for_the_version_that_it_belongs_to() {
        let state = tempfile::tempdir().unwrap();
        let file = WorldFile::open(state.path()).unwrap();
        assert_eq!(file.read_time(at(77)), None);
        file.write_time(at(77), at(5_000)).unwrap();
        file.write_time(at(77), at(60_000)).unwrap();
        assert_eq!((file.read_time(at(77)), file.read_time(at(78))), (Some(at(60_000)), None));
    }

    #[test]
    fn a_version_is_told_from_all_others() {
        let state = tempfile::tempdir().unwrap();
        let file = WorldFile::open(state.path()).unwrap();
        assert!(!file.is_newer_than(None).unwrap());
        let lock = file.lock().unwrap();
        let first = file.write(&lock, &World::new(1), at(1)).unwrap();
        assert!(!file.is_newer_than(Some(&first)).unwrap());
        // Numbers of files are used again once nobody has them open.
        for n in 0..20 {
            file.write(&lock, &World::new(n), at(2)).unwrap();
            assert!(file.is_newer_than(Some(&first)).unwrap());
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_and_stays() {
        let state = tempfile::tempdir().unwrap();
        let file = WorldFile::open(state.path()).unwrap();
        let path = state.path().join("sim/world");
        for text in ["", "{", "{\"schema\":\"wucluster/sim-file/1\",\"saved_at\":1}\n{}"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(file.read(), Err(FileError::Damaged { .. })), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}

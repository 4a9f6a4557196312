//! A store in a folder of this machine.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use rustix::fs::{Mode, OFlags};

use crate::error::OpenError;
use crate::place::Place;

/// A store in a folder of this machine: once opened, it is a [`Place`].
#[derive(Debug)]
pub enum Folder {}

impl Folder {
    /// Opens a folder, making it and those above it when they are missing (mode 0700).
    ///
    /// What is made in it is durable when a call returns, against a power cut too, and is there once whoever tries: a new
    /// file is written under another name and linked to its own, which one alone can do.
    ///
    /// Nobody else can read what is in it, because nobody else can enter the folder: the files inside have the modes that
    /// the umask of the process gives them. So a folder that others may enter is refused, as is one on a network.
    ///
    /// # Errors
    /// [`OpenError::Unfit`] when the folder is not one to rely on, [`OpenError::Io`] when it cannot be made or looked at.
    pub fn open(path: &Path) -> Result<Place, OpenError> {
        // Without a slash at its end, which would follow a link.
        let path: PathBuf = path.components().collect();
        let io = |what| {
            let path = path.clone();
            move |source| OpenError::Io { what, path, source }
        };
        let unfit = |why: String, fix: String| OpenError::Unfit { path: path.clone(), why, fix };

        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => {
                let there = fs::read_link(&path).map_err(io("read the link"))?;
                let fix = format!("give the folder that it leads to, {}", there.display());
                return Err(unfit(
                    "it is a symbolic link, which can come to lead elsewhere".into(),
                    fix,
                ));
            }
            Ok(meta) if !meta.is_dir() => {
                return Err(unfit("it is no folder".into(), "give another path".into()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(source) => return Err(io("look at")(source)),
        }

        // What is judged is what was opened.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, Mode::empty())
            .map(File::from)
            .map_err(|error| io("open")(error.into()))?;
        refuse_network(&path, &folder)?;
        let meta = folder.metadata().map_err(io("look at"))?;
        let us = rustix::process::geteuid().as_raw();
        if meta.uid() != us {
            let why = format!("it belongs to the user {}, and you are {us}", meta.uid());
            return Err(unfit(why, "give a folder of your own".into()));
        }
        let mode = meta.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let others = if mode & 0o022 != 0 { "change" } else { "read" };
            let why = format!("others may {others} what is in it (mode {mode:04o})");
            return Err(unfit(why, format!("`chmod 700 {}` makes it yours alone", quoted(&path))));
        }

        let store = LocalFileSystem::new_with_prefix(&path)
            .map_err(|error| io("open")(io::Error::other(error)))?
            .with_fsync(true);
        Ok(Place::new(Arc::new(store), "", path.display().to_string(), None))
    }
}

/// Makes a folder and those above it, durably.
fn make(path: &Path) -> Result<(), OpenError> {
    let io = |what| move |source| OpenError::Io { what, path: path.to_owned(), source };
    let is_there = |path: &&Path| path.exists();
    let above = path.ancestors().skip(1).find(is_there).unwrap_or(Path::new("/"));
    // Before anything is made where it cannot stay.
    refuse_network(path, &File::open(above).map_err(io("look above"))?)?;
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io("make"))?;
    for made_in in path.ancestors().skip(1).take_while(|folder| folder.starts_with(above)) {
        File::open(made_in).and_then(|folder| folder.sync_all()).map_err(io("make durable"))?;
    }
    Ok(())
}

/// Refuses what lies on another machine: there, whether a file was made by us alone, and is there at all, depends on
/// what client and server remember of each other.
fn refuse_network(path: &Path, at: &File) -> Result<(), OpenError> {
    let stat = rustix::fs::fstatfs(at).map_err(|error| OpenError::Io {
        what: "ask for the file system of",
        path: path.to_owned(),
        source: error.into(),
    })?;
    // The number has 32 bits, and is sign-extended on some machines.
    let Some(kind) = network_kind(stat.f_type as u32) else { return Ok(()) };
    Err(OpenError::Unfit {
        path: path.to_owned(),
        why: format!(
            "it is on {kind}, where two machines can both be told that they made the same file"
        ),
        fix: "give a folder on a disk of this machine, or `s3://BUCKET/PREFIX` for a team"
            .to_owned(),
    })
}

/// Returns the name of a file system of which it is not known that it is a disk of this machine.
///
/// Source of the numbers: `linux/magic.h`, and `smb2`'s in `fs/smb` of Linux.
fn network_kind(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x0102_1997 => Some("9p"),
        0x6573_5546 => Some("FUSE"),
        _ => None,
    }
}

/// Quotes a path for a shell, if need be.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,@:".contains(byte);
    let bytes = AsRef::<OsStr>::as_ref(path).as_bytes();
    if bytes.iter().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_not_taken_for_networks() {
        // ext4, xfs, btrfs, tmpfs, overlay, zfs.
        for magic in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1] {
            assert_eq!(network_kind(magic), None, "{magic:x}");
        }
        assert_eq!(network_kind(0x6969), Some("NFS"));
        assert_eq!(network_kind(-11_317_950_i64 as u32), Some("SMB"), "sign-extended");
    }

    #[test]
    fn a_path_in_a_command_is_quoted_where_it_must_be() {
        assert_eq!(quoted(Path::new("/home/ann/store")), "/home/ann/store");
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}

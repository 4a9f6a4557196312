//! What is on a volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wucluster_core::definition::Size;
use wucluster_core::observation::Contents;

use crate::digest::Digest;

/// What a device holds, as an examination would find it if it could see everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Shape {
    /// Nothing was ever written.
    #[default]
    Blank,
    /// A file system.
    Filesystem {
        /// Its type, such as `ext4`.
        kind: String,
        /// Its UUID.
        uuid: String,
    },
    /// Something else with a signature: partitions, LUKS, LVM, swap.
    Other(String),
    /// Data without any signature, such as a raw database file: looks blank, and is not.
    Raw,
}

/// One write of a user's, on its way to a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Write {
    /// The file, relative to the file system's root.
    pub(crate) file: String,
    /// What was written; replaces the file's former content.
    pub(crate) data: String,
}

/// How large a file system is, where it is not as large as its volume. It is no part of what was written: two contents are
/// equal whatever it is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Room(Option<Size>);

impl PartialEq for Room {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Room {}

/// The content of a volume or snapshot; cheap to clone.
///
/// Two contents are equal when they went through the same writes in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content {
    shape: Shape,
    #[serde(with = "crate::persist::shared")]
    files: Arc<BTreeMap<String, String>>,
    writes: u64,
    /// Whether its structure is damaged, so that it cannot be mounted.
    is_torn: bool,
    digest: Digest,
    #[serde(default)]
    room: Room,
}

impl Content {
    /// Makes the content of a volume that nobody wrote to.
    #[must_use]
    pub fn blank() -> Self {
        Self::default()
    }

    /// Makes an empty file system.
    #[must_use]
    pub fn formatted(kind: &str, uuid: &str) -> Self {
        let shape = Shape::Filesystem { kind: kind.to_owned(), uuid: uuid.to_owned() };
        Self { shape, digest: Digest::default().with(kind).with(uuid), ..Self::default() }
    }

    /// Makes a content of another kind that shows a signature, such as `LUKS`.
    #[must_use]
    pub fn other(what: &str) -> Self {
        let shape = Shape::Other(what.to_owned());
        Self { shape, digest: Digest::default().with(what), ..Self::default() }
    }

    /// Makes raw data that no examination can tell from blank.
    #[must_use]
    pub fn raw(data: &str) -> Self {
        Self {
            shape: Shape::Raw,
            writes: 1,
            digest: Digest::default().with(data),
            ..Self::default()
        }
    }

    /// Returns the content with its structure damaged, so that it cannot be mounted.
    #[must_use]
    pub fn torn(self) -> Self {
        Self { is_torn: true, ..self }
    }

    /// Says whether its structure is damaged.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Returns the content with a file written.
    #[must_use]
    pub fn with_file(mut self, file: &str, data: &str) -> Self {
        self.apply(&Write { file: file.to_owned(), data: data.to_owned() });
        self
    }

    /// Returns what kind of content it is.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns the data of a file, named relative to the file system's root.
    #[must_use]
    pub fn file(&self, file: &str) -> Option<&str> {
        self.files.get(file).map(String::as_str)
    }

    /// Lists all files with their data.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// Returns how many writes reached it.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Says whether somebody's data is on it; an empty file system is none.
    #[must_use]
    pub fn holds_data(&self) -> bool {
        self.writes > 0 || matches!(self.shape, Shape::Other(_) | Shape::Raw)
    }

    /// Returns what a careful examination of the device says.
    #[must_use]
    pub fn examined(&self) -> Contents {
        match &self.shape {
            Shape::Blank | Shape::Raw => Contents::Blank,
            Shape::Filesystem { kind, uuid } => {
                Contents::Filesystem { kind: kind.clone(), uuid: Some(uuid.clone()) }
            }
            Shape::Other(what) => Contents::Other(what.clone()),
        }
    }

    /// Returns the size of its file system on a volume of that size.
    #[must_use]
    pub fn room(&self, volume: Size) -> Size {
        self.room.0.unwrap_or(volume)
    }

    /// Keeps the size that its file system had on a volume of that size, wherever it comes.
    pub(crate) fn keep_room(&mut self, volume: Size) {
        self.room.0 = Some(self.room(volume));
    }

    /// Lets its file system fill a volume of that size.
    pub(crate) fn fill(&mut self, volume: Size) {
        self.room.0 = Some(volume);
    }

    pub(crate) fn apply(&mut self, write: &Write) {
        Arc::make_mut(&mut self.files).insert(write.file.clone(), write.data.clone());
        self.writes += 1;
        self.digest = self.digest.with(&write.file).with(&write.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_differ_once_one_write_more_reached_one_of_them() {
        let first = Content::formatted("ext4", "u").with_file("a", "1");
        let second = first.clone().with_file("a", "1");
        assert_ne!(first, second);
        assert_eq!(first.file("a"), second.file("a"));
    }

    #[test]
    fn raw_data_looks_blank_and_is_data() {
        let raw = Content::raw("rows");
        assert_eq!(raw.examined(), Contents::Blank);
        assert!(raw.holds_data());
        assert!(!Content::formatted("ext4", "u").holds_data());
    }
}

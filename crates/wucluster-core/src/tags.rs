//! Tags: the memory that a cluster keeps in the cloud itself.
//!
//! Every resource carries its identity from the moment that it is made. Volumes and snapshots also
//! carry what the interlocks need to know. A resource without our tags is never touched.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterName, MountKey, MountName, NodeName, VolumeId};

/// Version of the meaning of our tags. A resource with a later one is shown and never touched.
pub const SCHEMA: u32 = 1;

/// Tag key of the schema's version.
pub const KEY_SCHEMA: &str = "wucluster:schema";
/// Tag key of the cluster's name; listings are filtered by it.
pub const KEY_CLUSTER: &str = "wucluster:cluster";
/// Tag key of the node's name.
pub const KEY_NODE: &str = "wucluster:node";
/// Tag key of the nodes that share a call, on each instance that it made in place of [`KEY_NODE`], such as `worker-1..40`. Which
/// of them an instance is follows from its place in the answer, which the provider keeps.
pub const KEY_NODES: &str = "wucluster:nodes";
/// Tag key of the mount's name; instances have none.
pub const KEY_MOUNT: &str = "wucluster:mount";
/// Tag key of the write epoch, such as `3 live` or `3 sealed`.
pub const KEY_EPOCH: &str = "wucluster:epoch";
/// Tag key of the generation.
pub const KEY_GENERATION: &str = "wucluster:generation";
/// Tag key of the generation that a volume was made to go back to, such as `3`, or of the checkpoint, such as `checkpoint 3`;
/// volumes that begin from the newest data have none.
pub const KEY_BACK_TO: &str = "wucluster:back-to";
/// Tag key of the name that a thing had before it was renamed, such as `chief/data`.
pub const KEY_WAS: &str = "wucluster:was";
/// Tag key of a checkpoint, such as `3 of 4 at 7 frozen`. Whatever carries it is never taken for a put-away's snapshot.
pub const KEY_CHECKPOINT: &str = "wucluster:checkpoint";
/// Tag key of what is known about the content: `blank` or `data`.
pub const KEY_CONTENT: &str = "wucluster:content";
/// Tag key of the file system that was made or found, such as `ext4 UUID`, or `ext4 own` where the UUID follows from the id
/// of the volume ([`VolumeId::filesystem_uuid`]).
pub const KEY_FILESYSTEM: &str = "wucluster:filesystem";
/// Tag key of the store to which a resource belongs, such as `6f2a9c01b7d4e853 0 mill:/home/ann/...`.
pub const KEY_STORE: &str = "wucluster:store";
/// Tag key under which providers show a name to people.
pub const KEY_NAME: &str = "Name";

/// What stands for the UUID that follows from the volume's id.
const OWN_UUID: &str = "own";

/// All tags of a resource, by key; cheap to clone, as each look and each plan does for every resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Arc<BTreeMap<String, String>>);

impl Tags {
    /// Returns the value of a tag.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets a tag, replacing its former value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        Arc::make_mut(&mut self.0).insert(key.to_owned(), value.into());
    }

    /// Takes a tag away; says whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        Arc::make_mut(&mut self.0).remove(key).is_some()
    }

    /// Lists all tags in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns these tags with `others` set on top.
    #[must_use]
    pub fn with(mut self, others: &Self) -> Self {
        let others = others.0.iter().map(|(key, value)| (key.clone(), value.clone()));
        Arc::make_mut(&mut self.0).extend(others);
        self
    }

    /// Says whether every one of `others` is set here to the same value.
    #[must_use]
    pub fn contains(&self, others: &Self) -> bool {
        others.iter().all(|(key, value)| self.get(key) == Some(value))
    }

    /// Makes the identity tags of an instance.
    #[must_use]
    pub fn for_node(cluster: &ClusterName, node: &NodeName) -> Self {
        let mut tags = Self::default();
        tags.set(KEY_SCHEMA, SCHEMA.to_string());
        tags.set(KEY_CLUSTER, cluster.as_str());
        tags.set(KEY_NODE, node.as_str());
        tags.set(KEY_NAME, format!("{cluster}/{node}"));
        tags
    }

    /// Makes the identity tags of a volume or snapshot.
    #[must_use]
    pub fn for_mount(cluster: &ClusterName, key: &MountKey) -> Self {
        let mut tags = Self::for_node(cluster, &key.node);
        tags.set(KEY_MOUNT, key.mount.as_str());
        tags.set(KEY_NAME, format!("{cluster}/{key}"));
        tags
    }

    /// Reads whose resource this is.
    ///
    /// # Errors
    /// Says in words why the tags name no node or mount of `cluster`.
    pub fn identity(&self, cluster: &ClusterName) -> Result<Identity, String> {
        match self.get(KEY_CLUSTER) {
            Some(name) if name == cluster.as_str() => {}
            Some(name) => return Err(format!("it is tagged as cluster `{name}`'s")),
            None => return Err(format!("it lacks the tag {KEY_CLUSTER}")),
        }
        match self.get(KEY_SCHEMA).map(str::parse::<u32>) {
            Some(Ok(version)) if version <= SCHEMA => {}
            Some(Ok(version)) => {
                return Err(format!(
                    "its tags are of version {version}, made by a newer wucluster"
                ));
            }
            Some(Err(_)) | None => return Err(format!("it lacks a readable tag {KEY_SCHEMA}")),
        }
        let node = self.get(KEY_NODE).ok_or_else(|| format!("it lacks the tag {KEY_NODE}"))?;
        let node = NodeName::new(node).map_err(|error| error.to_string())?;
        match self.get(KEY_MOUNT) {
            None => Ok(Identity::Node(node)),
            Some(mount) => {
                let mount = MountName::new(mount).map_err(|error| error.to_string())?;
                Ok(Identity::Mount(MountKey { node, mount }))
            }
        }
    }

    /// Reads the write epoch. `None`: missing or unreadable, which permits nothing.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.get(KEY_EPOCH)?.parse().ok()
    }

    /// Reads the generation. `None`: missing or unreadable.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.get(KEY_GENERATION)?.parse().ok()
    }

    /// Reads which generation a volume was made to go back to. `None`: none, it began from the newest data, or from a
    /// checkpoint.
    #[must_use]
    pub fn back_to(&self) -> Option<u64> {
        match self.went_back()? {
            BackTo::Generation(number) => Some(number),
            BackTo::Checkpoint(_) => None,
        }
    }

    /// Reads what a volume was made to go back to. `None`: it began from the newest data.
    #[must_use]
    pub fn went_back(&self) -> Option<BackTo> {
        self.get(KEY_BACK_TO)?.parse().ok()
    }

    /// Reads of which checkpoint a snapshot is. `None`: missing or unreadable; [`Self::is_checkpoint`] tells them apart.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.get(KEY_CHECKPOINT)?.parse().ok()
    }

    /// Says whether a snapshot was taken for a checkpoint, whatever can be read of that.
    #[must_use]
    pub fn is_checkpoint(&self) -> bool {
        self.get(KEY_CHECKPOINT).is_some()
    }

    /// Reads what is known about the content. `None`: missing or unreadable.
    #[must_use]
    pub fn content(&self) -> Option<ContentMark> {
        self.get(KEY_CONTENT)?.parse().ok()
    }

    /// Reads to which store it belongs. `None`: missing or unreadable.
    #[must_use]
    pub fn store(&self) -> Option<StoreMark> {
        self.get(KEY_STORE)?.parse().ok()
    }

    /// Says whether it belongs to a store as it is. What tells of more adoptions than the store does not: the store is a
    /// copy of what it was before, and somebody drives from the other one.
    #[must_use]
    pub fn is_kept_in(&self, store: &StoreMark) -> bool {
        let Some(mark) = self.get(KEY_STORE) else { return false };
        let mut parts = mark.split(' ');
        let id = parts.next();
        let adoptions = parts.next().and_then(|word| word.parse::<u64>().ok());
        !store.id.is_empty()
            && id == Some(store.id.as_str())
            && adoptions.is_some_and(|adoptions| adoptions <= store.adoptions)
    }

    /// Marks it as a store's.
    #[must_use]
    pub fn kept_in(mut self, store: Option<&StoreMark>) -> Self {
        if let Some(store) = store {
            self.set(KEY_STORE, store.to_string());
        }
        self
    }

    /// Reads type and UUID of the file system that was made or found on a volume, from its tags or those of a snapshot of
    /// it. `None`: not recorded.
    #[must_use]
    pub fn filesystem(&self, volume: &VolumeId) -> Option<(&str, Cow<'_, str>)> {
        let (kind, uuid) = self.get(KEY_FILESYSTEM)?.split_once(' ')?;
        let uuid = match uuid {
            OWN_UUID => Cow::Owned(volume.filesystem_uuid()),
            uuid => Cow::Borrowed(uuid),
        };
        Some((kind, uuid))
    }

    /// Records the file system of a volume. One that we made is recorded alike on all volumes, which may get the tag in
    /// one request.
    pub fn set_filesystem(&mut self, volume: &VolumeId, kind: &str, uuid: &str) {
        let uuid = if uuid == volume.filesystem_uuid() { OWN_UUID } else { uuid };
        self.set(KEY_FILESYSTEM, format!("{kind} {uuid}"));
    }

    /// Takes over what another's tags, a volume's or a snapshot's, say of the content of `volume`; whatever id that comes to be
    /// under, its file system keeps the UUID that it has.
    pub fn take_content(&mut self, others: &Self, volume: &VolumeId) {
        if let Some(mark) = others.get(KEY_CONTENT) {
            self.set(KEY_CONTENT, mark);
        }
        match (others.get(KEY_FILESYSTEM), others.filesystem(volume)) {
            (_, Some((kind, uuid))) => self.set(KEY_FILESYSTEM, format!("{kind} {uuid}")),
            // What cannot be read is carried as it is: it permits nothing.
            (Some(unreadable), None) => self.set(KEY_FILESYSTEM, unreadable),
            (None, None) => {}
        }
    }
}

/// Whose a resource is, read from its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// A node's instance.
    Node(NodeName),
    /// A mount's volume or snapshot.
    Mount(MountKey),
}

/// The longest place that a [`StoreMark`] tells. Unit: characters.
///
/// Source: EC2's limit of 256 for a tag's value, less the id and a number.
const PLACE_MAX: usize = 200;

/// Which store a resource belongs to: only operators that share it drive the resource.
///
/// Two operators with two stores do not see each other's leases, journals and deletions: whoever comes second is held
/// until a person says that the first store's operators are done with the cluster, which is to adopt it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreMark {
    /// The store's id: 16 hexadecimal digits, drawn when it was first used for the cluster.
    pub id: String,
    /// How often the cluster had been adopted when it came to this store: grows with each adoption, whichever store
    /// adopts. Runs after an adoption count as later than all runs before it.
    pub adoptions: u64,
    /// Where it is, for people: a URL, or a machine's name and a path.
    pub place: String,
}

impl StoreMark {
    /// Makes the mark of a store; of its place only what any provider takes in a tag is kept.
    #[must_use]
    pub fn new(id: &str, adoptions: u64, place: &str) -> Self {
        let is_taken = |sign: &char| sign.is_ascii_alphanumeric() || "+-=._:/@".contains(*sign);
        let kept = |sign: char| if is_taken(&sign) { sign } else { '_' };
        let place = place.chars().map(kept).take(PLACE_MAX).collect();
        Self { id: id.to_owned(), adoptions, place }
    }

    /// Returns the number by which nodes order runs: higher after a later adoption, whatever the number is by which the
    /// runs of one store are ordered.
    #[must_use]
    pub const fn fence(&self, run: u64) -> u64 {
        // More than the seconds of 3,000 years.
        self.adoptions.saturating_mul(100_000_000_000).saturating_add(run)
    }
}

impl fmt::Display for StoreMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.id, self.adoptions, self.place)
    }
}

impl std::str::FromStr for StoreMark {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, ' ');
        let id = parts.next().filter(|id| id.len() == 16).ok_or(())?;
        if !id.bytes().all(|sign| sign.is_ascii_hexdigit()) {
            return Err(());
        }
        let adoptions = parts.next().ok_or(())?.parse().map_err(|_| ())?;
        Ok(Self {
            id: id.to_owned(),
            adoptions,
            place: parts.next().unwrap_or_default().to_owned(),
        })
    }
}

/// The write epoch of a volume: grows each time that the volume may become writable again.
///
/// A snapshot carries the number of the epoch that it covers. A number that was once sealed is
/// never written under again: attaching a sealed volume raises the number first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch {
    /// The number; the first is 1.
    pub number: u64,
    /// Whether writes under this number are over.
    pub is_sealed: bool,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, if self.is_sealed { "sealed" } else { "live" })
    }
}

impl std::str::FromStr for Epoch {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, phase) = text.split_once(' ').ok_or(())?;
        let number = number.parse().map_err(|_| ())?;
        match phase {
            "live" => Ok(Self { number, is_sealed: false }),
            "sealed" => Ok(Self { number, is_sealed: true }),
            _ => Err(()),
        }
    }
}

/// To what a volume goes back, by a person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackTo {
    /// To what a put-away kept.
    Generation(u64),
    /// To what a checkpoint kept while the cluster ran.
    Checkpoint(u64),
}

impl fmt::Display for BackTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation(number) => number.fmt(f),
            Self::Checkpoint(number) => write!(f, "checkpoint {number}"),
        }
    }
}

impl std::str::FromStr for BackTo {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.strip_prefix("checkpoint ") {
            Some(number) => number.parse().map(Self::Checkpoint).map_err(|_| ()),
            None => text.parse().map(Self::Generation).map_err(|_| ()),
        }
    }
}

/// Of which checkpoint a snapshot is: a set that was taken of mounted file systems while they stood still.
///
/// It claims no write epoch: a volume that is mounted is written to on, so that its snapshot proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The checkpoint's number; the first is 1.
    pub number: u64,
    /// How many mounts it is of.
    pub of: u64,
    /// The write epoch under which the mount was written to then: data was there. No cover follows from it.
    pub epoch: u64,
    /// Whether every file system of the set is known to have stood still from before the first snapshot was asked for until
    /// after the last one was begun. It is said afterwards, so that a set that was cut short never has it.
    pub is_frozen: bool,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, of, epoch, is_frozen } = self;
        let word = if *is_frozen { "frozen" } else { "begun" };
        write!(f, "{number} of {of} at {epoch} {word}")
    }
}

impl std::str::FromStr for Checkpoint {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        let [number, "of", of, "at", epoch, word] = words.as_slice() else { return Err(()) };
        let read = |word: &str| word.parse::<u64>().map_err(|_| ());
        let is_frozen = match *word {
            "begun" => false,
            "frozen" => true,
            _ => return Err(()),
        };
        Ok(Self { number: read(number)?, of: read(of)?, epoch: read(epoch)?, is_frozen })
    }
}

/// What is known about a volume's content from its history, not from looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentMark {
    /// Made blank by us and never mounted; a file system may have been made on it, no data was.
    Blank,
    /// It holds data, or must be treated so.
    Data,
    /// It was made blank by us, and held something when it was looked at that we did not put there. That is
    /// kept like data, and neither formatted over nor mounted.
    Foreign,
}

impl ContentMark {
    /// Returns the tag's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Data => "data",
            Self::Foreign => "foreign",
        }
    }
}

impl std::str::FromStr for ContentMark {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "blank" => Ok(Self::Blank),
            "data" => Ok(Self::Data),
            "foreign" => Ok(Self::Foreign),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_that_we_made_are_recorded_alike_and_found_by_the_volume() {
        let (one, two) = (VolumeId::new("vol-1"), VolumeId::new("vol-2"));
        let mut tags = [Tags::default(), Tags::default()];
        tags[0].set_filesystem(&one, "xfs", &one.filesystem_uuid());
        tags[1].set_filesystem(&two, "xfs", &two.filesystem_uuid());
        assert_eq!(tags[0], tags[1]);
        assert_eq!(tags[0].filesystem(&two), Some(("xfs", Cow::Owned(two.filesystem_uuid()))));
        // What somebody else made is recorded as it is.
        tags[1].set_filesystem(&two, "xfs", &one.filesystem_uuid());
        assert_eq!(tags[1].filesystem(&two), Some(("xfs", Cow::Owned(one.filesystem_uuid()))));
    }

    #[test]
    fn a_snapshot_says_which_file_system_it_holds_whatever_is_made_from_it() {
        let (made, restored) = (VolumeId::new("vol-1"), VolumeId::new("vol-2"));
        let mut volume = Tags::default();
        volume.set(KEY_CONTENT, "data");
        volume.set_filesystem(&made, "ext4", &made.filesystem_uuid());
        let mut snapshot = Tags::default();
        snapshot.take_content(&volume, &made);
        assert_eq!(snapshot.content(), Some(ContentMark::Data));
        let kept = Some(("ext4", Cow::Owned(made.filesystem_uuid())));
        assert_eq!(snapshot.filesystem(&restored), kept);
        volume.set(KEY_FILESYSTEM, "unreadable");
        snapshot.take_content(&volume, &made);
        assert_eq!(snapshot.get(KEY_FILESYSTEM), Some("unreadable"));
    }
}

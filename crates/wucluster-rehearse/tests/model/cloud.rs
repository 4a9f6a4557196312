//! The small cloud: what is listed, and below it the truth that no listing tells.
//!
//! Everything is a few bytes, so that millions of them fit. Numbers count from 1; 0 is none. A second
//! living instance or volume of one name is harm, and ends the search there: so one place is enough.

/// Most nodes of a scope.
pub const NODES: usize = 2;
/// Most mounts of a scope.
pub const MOUNTS: usize = 2;
/// Most snapshots of one mount; the next is refused, as EC2 does with more than five at once.
pub const SNAPSHOTS: usize = 4;

/// State of an instance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Run {
    #[default]
    None,
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl Run {
    /// Whether it still is, or may come back.
    pub fn is_living(self) -> bool {
        !matches!(self, Self::None | Self::Terminated)
    }

    /// Whether programs may run in it.
    pub fn is_awake(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Stopping | Self::ShuttingDown)
    }
}

/// A node's instance, and the terminated one before it while it is listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Node {
    pub run: Run,
    pub number: u8,
    /// Number of the terminated one before.
    pub gone: u8,
    /// How many were ever made.
    pub made: u8,
    /// The token that it was made with.
    pub token: u32,
    /// The token of the last that was terminated.
    pub spent: u32,
}

/// State of a volume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Vol {
    #[default]
    None,
    Creating,
    Available,
    InUse,
    Deleting,
}

/// State of an attachment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Attach {
    #[default]
    None,
    Attaching,
    Attached,
    Detaching,
    Busy,
}

/// Tags of a volume or snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Marks {
    pub epoch: u8,
    pub is_sealed: bool,
    pub generation: u8,
    /// Marked as data; else as blank.
    pub is_data: bool,
    /// The file system that is recorded, by the number of the volume that it was made on.
    pub recorded: u8,
}

/// What is on a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Content {
    /// The file system, by the number of the volume that it was made on; 0: nothing.
    pub fs: u8,
    /// How many writes of the user's are in it.
    pub writes: u8,
}

/// A mount's volume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Volume {
    pub state: Vol,
    pub number: u8,
    pub attach: Attach,
    /// The node whose instance has it, and the instance's number.
    pub holder: (u8, u8),
    pub marks: Marks,
    /// Number of the snapshot that it was made from.
    pub from: u8,
    /// Not listed.
    pub hidden: Hidden,
}

/// What no listing tells of a volume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Hidden {
    pub token: u32,
    pub content: Content,
    pub was_mounted: bool,
    /// Nothing on the node sees what is on it.
    pub looks_blank: bool,
}

/// State of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Snap {
    #[default]
    None,
    Pending,
    Completed,
    Error,
}

/// A snapshot; its number is its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Snapshot {
    pub state: Snap,
    /// Number of the volume that it was taken of.
    pub of: u8,
    pub marks: Marks,
    /// Not listed.
    pub content: Content,
}

/// Everything of one mount in the cloud.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mount {
    pub volume: Volume,
    pub snapshots: [Snapshot; SNAPSHOTS],
    /// How many volumes were ever made.
    pub made: u8,
    /// The token of the last that was deleted.
    pub spent: u32,
    /// Whether its newest data was taken away by a person.
    pub is_robbed: bool,
}

/// The cloud.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Cloud {
    pub nodes: [Node; NODES],
    pub mounts: [Mount; MOUNTS],
}

/// Kinds of listing, which may lag each by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Listing {
    Instances,
    Volumes,
    /// Of the volumes, only their tags.
    Tags,
    /// Of the volumes, only whether and to what they are attached.
    Attachments,
    Snapshots,
}

impl Cloud {
    /// What listings tell of it.
    pub fn listed(mut self) -> Self {
        for node in &mut self.nodes {
            (node.made, node.token, node.spent) = (0, 0, 0);
        }
        for mount in &mut self.mounts {
            (mount.made, mount.spent, mount.is_robbed) = (0, 0, false);
            mount.volume.hidden = Hidden::default();
            for snapshot in &mut mount.snapshots {
                snapshot.content = Content::default();
            }
        }
        self
    }

    /// Takes one kind of listing from an older look.
    pub fn with_older(mut self, older: &Self, which: Listing) -> Self {
        match which {
            Listing::Instances => self.nodes = older.nodes,
            Listing::Volumes => {
                for (mount, older) in self.mounts.iter_mut().zip(&older.mounts) {
                    mount.volume = older.volume;
                }
            }
            Listing::Tags | Listing::Attachments => {
                for (mount, older) in self.mounts.iter_mut().zip(&older.mounts) {
                    let (volume, older) = (&mut mount.volume, &older.volume);
                    let is_shown = volume.state != Vol::None && older.state != Vol::None;
                    if !is_shown || volume.number != older.number {
                        continue;
                    }
                    if which == Listing::Tags {
                        volume.marks = older.marks;
                    } else {
                        volume.state = older.state;
                        (volume.attach, volume.holder) = (older.attach, older.holder);
                    }
                }
            }
            Listing::Snapshots => {
                for (mount, older) in self.mounts.iter_mut().zip(&older.mounts) {
                    mount.snapshots = older.snapshots;
                }
            }
        }
        self
    }
}

/// What a mount's file system does on the machine that has the volume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Disk {
    /// In the machine's own mount table.
    pub is_mounted: bool,
    /// Kept mounted by another name space.
    pub is_pinned: bool,
    /// A process works in it.
    pub has_process: bool,
    /// A write is in memory only.
    pub is_dirty: bool,
}

impl Disk {
    /// Whether the kernel has the device open.
    pub fn is_held(self) -> bool {
        self.is_mounted || self.is_pinned
    }
}

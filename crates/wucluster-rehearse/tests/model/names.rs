//! The names and ids of a small world, and the way back from them to numbers.

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{InstanceId, MountKey, NodeName, SnapshotId, Subject, VolumeId};

use super::cloud::{MOUNTS, NODES};

/// Highest number of a volume that a small world may come to.
const VOLUMES_MAX: u8 = 12;

/// Which mount is on which node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// One node with one mount.
    OneMount,
    /// One node with two mounts.
    TwoMounts,
    /// Two nodes with one mount each.
    TwoNodes,
}

impl Layout {
    pub fn nodes(self) -> usize {
        if self == Self::TwoNodes { 2 } else { 1 }
    }

    pub fn mounts(self) -> usize {
        if self == Self::OneMount { 1 } else { 2 }
    }

    /// The node of a mount.
    pub fn owner(self, mount: usize) -> usize {
        if self == Self::TwoNodes { mount } else { 0 }
    }
}

/// Names and ids.
pub struct Names {
    pub layout: Layout,
    pub definition: ClusterDefinition,
    pub nodes: Vec<NodeName>,
    pub mounts: Vec<MountKey>,
    /// Per mount, the UUID of a file system by the number of the volume that it was made on.
    uuids: Vec<Vec<String>>,
}

impl Names {
    pub fn new(layout: Layout) -> Self {
        let text = match layout {
            Layout::OneMount => {
                "[cluster]\nname = \"small\"\n[node.a]\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\" }\n"
            }
            Layout::TwoMounts => {
                "[cluster]\nname = \"small\"\n[node.a]\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\" }\nmount.n = { at = \"/mnt/n\", size = \"1 GiB\" }\n"
            }
            Layout::TwoNodes => {
                "[cluster]\nname = \"small\"\n[node.a]\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\" }\n[node.b]\nmount.m = { at = \"/mnt/m\", size = \"1 GiB\" }\n"
            }
        };
        let definition = ClusterDefinition::parse(text).expect("the small definition is right");
        let nodes: Vec<_> = definition.nodes.keys().cloned().collect();
        let mounts: Vec<_> = definition.mounts().map(|(key, _)| key).collect();
        assert!(nodes.len() <= NODES && mounts.len() <= MOUNTS);
        let uuid = |mount, number| Self::volume(mount, number).filesystem_uuid();
        let uuids = (0..MOUNTS as u8)
            .map(|mount| (0..=VOLUMES_MAX).map(|number| uuid(mount, number)).collect())
            .collect();
        Self { layout, definition, nodes, mounts, uuids }
    }

    pub fn instance(node: usize, number: u8) -> InstanceId {
        InstanceId::new(format!("i-{node}-{number}"))
    }

    pub fn volume(mount: u8, number: u8) -> VolumeId {
        VolumeId::new(format!("vol-{mount}_{number}"))
    }

    pub fn snapshot(mount: usize, number: u8) -> SnapshotId {
        SnapshotId::new(format!("snap-{mount}-{number}"))
    }

    /// The UUID of the file system that was made on a mount's volume of that number.
    pub fn uuid(&self, mount: usize, number: u8) -> &str {
        &self.uuids[mount][usize::from(number)]
    }

    /// The number of the volume that a file system was made on.
    pub fn made_on(&self, mount: u8, uuid: &str) -> u8 {
        let known = &self.uuids[usize::from(mount)];
        let at = known.iter().position(|known| known == uuid).expect("the file system is ours");
        u8::try_from(at).expect("few volumes")
    }

    /// The number at the end of an id or serial.
    pub fn number(id: &str) -> u8 {
        let digits = id.rsplit(['-', '_']).next().expect("ids end in a number");
        digits.parse().expect("ids end in a number")
    }

    /// Node and number of an instance.
    pub fn instance_place(&self, id: &str) -> (u8, u8) {
        let node = id.split('-').nth(1).and_then(|node| node.parse().ok()).expect("the id is ours");
        (node, Self::number(id))
    }

    /// Place among all subjects.
    pub fn subject(&self, subject: &Subject) -> usize {
        match subject {
            Subject::Mount(_) => NODES + usize::from(self.place(subject)),
            _ => usize::from(self.place(subject)),
        }
    }

    /// Place among the nodes, or among the mounts.
    pub fn place(&self, subject: &Subject) -> u8 {
        let at = match subject {
            Subject::Node(node) => self.nodes.iter().position(|known| known == node),
            Subject::Mount(mount) => self.mounts.iter().position(|known| known == mount),
            Subject::Cluster | Subject::Stranger(_) => None,
        };
        u8::try_from(at.expect("the subject is defined")).expect("few subjects")
    }
}

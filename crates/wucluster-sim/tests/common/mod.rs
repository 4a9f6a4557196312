//! One node with one mount, and the requests about them.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod schedule;

use std::time::Duration;

use wucluster_core::action::{CloudAction, NodeAddress, ShellAction};
use wucluster_core::definition::{FilesystemKind, MachineDefinition, Size};
use wucluster_core::ids::{
    ClusterName, InstanceId, MountKey, MountName, NodeName, SnapshotId, VolumeId,
};
use wucluster_core::observation::{
    AttachmentState, CloudView, Gap, InstanceState, NodeProbe, ProbeRequest,
};
use wucluster_core::ports::{Receipt, ShellError, ShellReceipt};
use wucluster_core::tags::Tags;
use wucluster_sim::{Content, PlaceVolume, World};

pub fn node(name: &str) -> NodeName {
    NodeName::new(name).expect("tests use proper names")
}

pub struct Lab {
    pub world: World,
    pub cluster: ClusterName,
    pub node: NodeName,
    pub mount: MountKey,
}

impl Lab {
    pub fn new(world: World) -> Self {
        let mount =
            MountKey { node: node("head"), mount: MountName::new("data").expect("it is a name") };
        Self {
            world,
            cluster: ClusterName::new("lab").expect("it is a name"),
            node: node("head"),
            mount,
        }
    }

    /// A running node with its volume attached.
    pub fn attached(seed: u64, content: Content) -> Self {
        Self::attached_in(World::new(seed), content)
    }

    pub fn attached_in(world: World, content: Content) -> Self {
        let mut lab = Self::new(world);
        let instance = lab.world.place_instance(&lab.cluster, &lab.node, InstanceState::Running);
        let place =
            PlaceVolume::new().with_content(content).attached(&instance, AttachmentState::Attached);
        lab.world.place_volume(&lab.cluster, &lab.mount, place);
        lab
    }

    /// A running node with its volume mounted.
    pub fn mounted(seed: u64) -> Self {
        Self::mounted_in(World::new(seed))
    }

    pub fn mounted_in(world: World) -> Self {
        let mut lab = Self::attached_in(world, Content::formatted("ext4", "u"));
        lab.shell(&lab.mount_action()).expect("nothing keeps it from being mounted");
        lab
    }

    pub fn instance(&self) -> InstanceId {
        self.world.instance_of(&self.node).expect("the node has an instance")
    }

    pub fn volume(&self) -> VolumeId {
        self.world.volume_of(&self.mount).expect("the mount has a volume")
    }

    pub fn run_action(&self) -> CloudAction {
        CloudAction::RunInstance {
            node: self.node.clone(),
            machine: MachineDefinition::default(),
            zone: None,
            tags: Tags::for_node(&self.cluster, &self.node),
            token: "run-head".to_owned(),
            together: None,
        }
    }

    pub fn run_instance(&mut self) -> InstanceId {
        match self.world.ask(&self.run_action()) {
            Ok(Receipt::Instance(id)) => id,
            other => panic!("an instance is expected, not {other:?}"),
        }
    }

    pub fn create_volume(&self, token: &str) -> CloudAction {
        CloudAction::CreateVolume {
            mount: self.mount.clone(),
            size: Size::from_gib(1),
            from: None,
            zone: None,
            ebs: wucluster_core::definition::EbsVolume::default(),
            tags: Tags::for_mount(&self.cluster, &self.mount),
            token: token.to_owned(),
        }
    }

    pub fn attach(&self) -> CloudAction {
        let (mount, volume, instance) = (self.mount.clone(), self.volume(), self.instance());
        CloudAction::AttachVolume { mount, volume, instance }
    }

    pub fn detach(&self) -> CloudAction {
        let (mount, volume, instance) = (self.mount.clone(), self.volume(), self.instance());
        CloudAction::DetachVolume { mount, volume, instance }
    }

    pub fn delete_volume(&self) -> CloudAction {
        CloudAction::DeleteVolume {
            mount: self.mount.clone(),
            volume: self.volume(),
            kept_by: None,
        }
    }

    pub fn snapshot_action(&self) -> CloudAction {
        let tags = Tags::for_mount(&self.cluster, &self.mount);
        CloudAction::CreateSnapshot { mount: self.mount.clone(), volume: self.volume(), tags }
    }

    pub fn snapshot(&mut self) -> SnapshotId {
        match self.world.ask(&self.snapshot_action()) {
            Ok(Receipt::Snapshot(id)) => id,
            other => panic!("a snapshot is expected, not {other:?}"),
        }
    }

    pub fn view(&mut self) -> CloudView {
        self.world.observe(&self.cluster).expect("the cloud is in order")
    }

    pub fn address_if_seen(&mut self) -> Option<NodeAddress> {
        let view = self.world.observe(&self.cluster).ok()?;
        self.address_in(&view)
    }

    pub fn unmount_action(&self) -> ShellAction {
        let (mount, serial) = (self.mount.clone(), self.volume().serial());
        ShellAction::Unmount { mount, serial, before: Vec::new() }
    }

    pub fn address(&mut self) -> Option<NodeAddress> {
        let view = self.view();
        self.address_in(&view)
    }

    fn address_in(&self, view: &CloudView) -> Option<NodeAddress> {
        let seen = view.instances.iter().find(|seen| seen.state == InstanceState::Running)?;
        let ssh = seen.ssh.clone()?;
        Some(NodeAddress { node: self.node.clone(), instance: seen.id.clone(), ssh, run: None })
    }

    pub fn probe(&mut self) -> Result<NodeProbe, Gap> {
        let serials = self.world.volumes_of(&self.mount).iter().map(VolumeId::serial).collect();
        let address = self.address().expect("the node runs");
        self.world.probe(&address, &ProbeRequest { serials, ..ProbeRequest::default() }).0
    }

    pub fn shell(&mut self, action: &ShellAction) -> Result<ShellReceipt, ShellError> {
        let address = self.address().expect("the node runs");
        let now = self.world.now();
        self.world.shell(&address, action, now).0
    }

    pub fn make_filesystem(&self) -> ShellAction {
        ShellAction::MakeFilesystem {
            mount: self.mount.clone(),
            serial: self.volume().serial(),
            fs: FilesystemKind::Ext4,
            uuid: "u".to_owned(),
        }
    }

    pub fn mount_action(&self) -> ShellAction {
        ShellAction::Mount {
            mount: self.mount.clone(),
            serial: self.volume().serial(),
            at: "/data".to_owned(),
            kind: "ext4".to_owned(),
            options: Vec::new(),
            owner: None,
            group: None,
            mode: None,
        }
    }

    pub fn unmount(&mut self) -> Result<ShellReceipt, ShellError> {
        self.shell(&self.unmount_action())
    }

    pub fn settle(&mut self) {
        assert!(
            self.world.settle(Duration::from_secs(24 * 3600)),
            "things come to rest within a day"
        );
    }
}

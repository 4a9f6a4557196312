//! The work bench of the suite: one node, and short words for the requests.

use tokio::sync::Mutex;
use wucluster_core::action::{CloudAction, NodeAddress, ShellAction};
use wucluster_core::definition::{FilesystemKind, Hook, Size};
use wucluster_core::ids::{InstanceId, MountKey, MountName, NodeName, SnapshotId, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{
    AttachmentState, CloudView, InstanceSeen, InstanceState, NodeProbe, ProbeRequest, SnapshotSeen,
    SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::ports::{CloudError, ErrorClass, Receipt, ShellError, ShellReceipt};
use wucluster_core::tags::Tags;

use super::harness::Harness;

/// How often a node is asked that does not answer: a busy host's machine may not answer once.
const PROBES_MAX: usize = 3;

/// What a case comes to: nothing, or what was wrong.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// Fails a case unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(super) use ensure;

/// The suite's hold on the cloud.
pub(super) struct Bench<'a> {
    pub(super) harness: &'a dyn Harness,
    pub(super) node: NodeName,
    main: Mutex<Option<NodeAddress>>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(harness: &'a dyn Harness) -> Outcome<Self> {
        let node = NodeName::new("bench").map_err(|error| error.to_string())?;
        Ok(Self { harness, node, main: Mutex::new(None) })
    }

    /// Returns the mount of a name.
    pub(super) fn mount(&self, name: &str) -> Outcome<MountKey> {
        let mount = MountName::new(name).map_err(|error| error.to_string())?;
        Ok(MountKey { node: self.node.clone(), mount })
    }

    pub(super) async fn view(&self) -> Outcome<CloudView> {
        let view = self.harness.cloud().observe(self.harness.cluster()).await;
        view.map_err(|error| format!("the cloud could not be observed: {error}"))
    }

    /// Issues one request.
    pub(super) async fn ask(&self, action: CloudAction) -> Result<Receipt, CloudError> {
        let mut answers = self.harness.cloud().issue(&[Cleared::unguarded(action)]).await;
        answers.pop().unwrap_or_else(|| {
            Err(CloudError {
                class: ErrorClass::Permanent,
                code: "NoAnswerAtAll".to_owned(),
                message: "one request was issued, and no answer came".to_owned(),
            })
        })
    }

    /// Issues one request that must be accepted.
    pub(super) async fn must(&self, action: CloudAction) -> Outcome<Receipt> {
        let words = action.to_string();
        self.ask(action).await.map_err(|error| format!("`{words}` failed: {error}"))
    }

    /// Issues one request that must be refused with one of the codes, and returns the error.
    pub(super) async fn refused(&self, action: CloudAction, codes: &[&str]) -> Outcome<CloudError> {
        let words = action.to_string();
        match self.ask(action).await {
            Err(error) if codes.contains(&error.code.as_str()) => Ok(error),
            Err(error) => Err(format!("`{words}` failed with {error}, not with one of {codes:?}")),
            Ok(receipt) => {
                Err(format!("`{words}` was answered {receipt:?}, not refused with {codes:?}"))
            }
        }
    }

    /// Looks again and again until `look` finds what it wants.
    pub(super) async fn eventually<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&CloudView) -> Outcome<Option<T>>,
    ) -> Outcome<T> {
        for _ in 0..self.harness.looks_max() {
            if let Some(found) = look(&self.view().await?)? {
                return Ok(found);
            }
            self.harness.sleep(self.harness.pause()).await;
        }
        Err(format!("waited in vain: {what}"))
    }

    // Instances

    pub(super) fn run_action(&self) -> CloudAction {
        CloudAction::RunInstance {
            node: self.node.clone(),
            machine: self.harness.machine(),
            zone: self.harness.zone(),
            tags: Tags::for_node(self.harness.cluster(), &self.node),
            token: format!("{}-bench-instance", self.harness.cluster()),
            together: None,
        }
    }

    /// Returns the node's one instance, booted at the first use.
    pub(super) async fn main(&self) -> Outcome<NodeAddress> {
        let mut main = self.main.lock().await;
        if let Some(known) = &*main {
            return Ok(known.clone());
        }
        Ok(main.insert(self.boot().await?).clone())
    }

    /// Tells where the node's instance is reached from now on: a start gives it another address.
    pub(super) async fn moves_to(&self, address: NodeAddress) {
        *self.main.lock().await = Some(address);
    }

    async fn boot(&self) -> Outcome<NodeAddress> {
        let id = match self.must(self.run_action()).await? {
            Receipt::Instance(id) => id,
            other => return Err(format!("RunInstances was answered {other:?}")),
        };
        let mut before = Vec::new();
        let seen = self
            .eventually("the instance runs", |view| {
                let Some(seen) = view.instances.iter().find(|seen| seen.id == id) else {
                    return Ok(None);
                };
                match seen.state {
                    InstanceState::Running if seen.ssh.is_some() => Ok(Some(seen.clone())),
                    InstanceState::Running => Ok(None),
                    InstanceState::Pending => {
                        before.push(seen.clone());
                        Ok(None)
                    }
                    InstanceState::Stopping
                    | InstanceState::Stopped
                    | InstanceState::ShuttingDown
                    | InstanceState::Terminated
                    | InstanceState::Unrecognized(_) => Err(format!(
                        "a new instance went to {}: {:?}",
                        seen.state, seen.state_reason
                    )),
                }
            })
            .await?;
        let ssh = seen.ssh.ok_or("a running instance has no ssh endpoint")?;
        let address = NodeAddress { node: self.node.clone(), instance: id, ssh, run: None };
        for _ in 0..self.harness.looks_max() {
            if self.harness.shell().probe(&address, &ProbeRequest::default()).await.is_ok() {
                return Ok(address);
            }
            self.harness.sleep(self.harness.pause()).await;
        }
        Err("the instance runs, and its ssh never answered".to_owned())
    }

    pub(super) async fn instance_seen(&self, id: &InstanceId) -> Outcome<InstanceSeen> {
        let found = self.view().await?.instances.into_iter().find(|seen| &seen.id == id);
        found.ok_or_else(|| format!("{id} is not listed"))
    }

    // Volumes

    pub(super) fn create_action(&self, mount: &MountKey, from: Option<SnapshotId>) -> CloudAction {
        CloudAction::CreateVolume {
            mount: mount.clone(),
            size: Size::from_gib(1),
            from,
            zone: self.harness.zone(),
            ebs: wucluster_core::definition::EbsVolume::default(),
            tags: Tags::for_mount(self.harness.cluster(), mount),
            token: format!("{}-{}", self.harness.cluster(), mount.mount),
        }
    }

    /// Makes a volume, and waits until it is available.
    pub(super) async fn volume(
        &self,
        name: &str,
        from: Option<SnapshotId>,
    ) -> Outcome<(MountKey, VolumeId)> {
        let mount = self.mount(name)?;
        let id = match self.must(self.create_action(&mount, from)).await? {
            Receipt::Volume(id) => id,
            other => return Err(format!("CreateVolume was answered {other:?}")),
        };
        self.until_available(&id).await?;
        Ok((mount, id))
    }

    pub(super) async fn until_available(&self, id: &VolumeId) -> Outcome<VolumeSeen> {
        self.eventually("the volume is available", |view| {
            let seen = view.volumes.iter().find(|seen| &seen.id == id);
            match seen {
                Some(seen) if seen.state == VolumeState::Error => Err(format!("{id} is in error")),
                Some(seen) if seen.is_free() => Ok(Some(seen.clone())),
                Some(_) | None => Ok(None),
            }
        })
        .await
    }

    pub(super) async fn volume_seen(&self, id: &VolumeId) -> Outcome<VolumeSeen> {
        let found = self.view().await?.volumes.into_iter().find(|seen| &seen.id == id);
        found.ok_or_else(|| format!("{id} is not listed"))
    }

    pub(super) fn attach_action(
        mount: &MountKey,
        volume: &VolumeId,
        instance: &InstanceId,
    ) -> CloudAction {
        CloudAction::AttachVolume {
            mount: mount.clone(),
            volume: volume.clone(),
            instance: instance.clone(),
        }
    }

    pub(super) fn detach_action(
        mount: &MountKey,
        volume: &VolumeId,
        instance: &InstanceId,
    ) -> CloudAction {
        CloudAction::DetachVolume {
            mount: mount.clone(),
            volume: volume.clone(),
            instance: instance.clone(),
        }
    }

    pub(super) fn delete_action(mount: &MountKey, volume: &VolumeId) -> CloudAction {
        CloudAction::DeleteVolume { mount: mount.clone(), volume: volume.clone(), kept_by: None }
    }

    /// Attaches a volume, and waits until its node sees the device.
    pub(super) async fn attach(&self, mount: &MountKey, volume: &VolumeId) -> Outcome<NodeAddress> {
        let node = self.main().await?;
        self.must(Self::attach_action(mount, volume, &node.instance)).await?;
        self.eventually("the volume is attached", |view| {
            let seen = view.volumes.iter().find(|seen| &seen.id == volume);
            let is_attached = seen.is_some_and(|seen| {
                seen.attachments.iter().any(|found| found.state == AttachmentState::Attached)
            });
            Ok(is_attached.then_some(()))
        })
        .await?;
        for _ in 0..self.harness.looks_max() {
            if self.probe(&node, volume).await?.devices.contains_key(&volume.serial()) {
                return Ok(node);
            }
            self.harness.sleep(self.harness.pause()).await;
        }
        Err(format!("{volume} is attached, and its node never saw the device"))
    }

    /// Detaches a volume, and waits until it is available.
    pub(super) async fn detach(&self, mount: &MountKey, volume: &VolumeId) -> Outcome {
        let node = self.main().await?;
        self.must(Self::detach_action(mount, volume, &node.instance)).await?;
        self.until_available(volume).await?;
        Ok(())
    }

    /// Deletes a volume, and waits until it is not listed as living any more.
    pub(super) async fn delete(&self, mount: &MountKey, volume: &VolumeId) -> Outcome {
        self.must(Self::delete_action(mount, volume)).await?;
        self.eventually("the volume is gone", |view| {
            let seen = view.volumes.iter().find(|seen| &seen.id == volume);
            Ok(seen.is_none_or(|seen| seen.state == VolumeState::Deleted).then_some(()))
        })
        .await
    }

    // Snapshots

    pub(super) async fn snapshot(
        &self,
        mount: &MountKey,
        volume: &VolumeId,
    ) -> Outcome<SnapshotId> {
        let tags = Tags::for_mount(self.harness.cluster(), mount);
        let action =
            CloudAction::CreateSnapshot { mount: mount.clone(), volume: volume.clone(), tags };
        match self.must(action).await? {
            Receipt::Snapshot(id) => Ok(id),
            other => Err(format!("CreateSnapshot was answered {other:?}")),
        }
    }

    /// Takes one more snapshot of a volume, as soon as the cloud takes one again.
    pub(super) async fn another_snapshot(
        &self,
        mount: &MountKey,
        volume: &VolumeId,
    ) -> Outcome<SnapshotId> {
        let tags = Tags::for_mount(self.harness.cluster(), mount);
        for _ in 0..self.harness.looks_max() {
            let (mount, volume, tags) = (mount.clone(), volume.clone(), tags.clone());
            match self.ask(CloudAction::CreateSnapshot { mount, volume, tags }).await {
                Ok(Receipt::Snapshot(id)) => return Ok(id),
                Err(error) if error.class == ErrorClass::Retry => {}
                other => return Err(format!("CreateSnapshot was answered {other:?}")),
            }
            self.harness.sleep(self.harness.pause()).await;
        }
        Err(format!("no other snapshot of {volume} was taken"))
    }

    pub(super) fn delete_snapshot_action(
        mount: &MountKey,
        snapshot: &SnapshotId,
        kept_by: &SnapshotId,
    ) -> CloudAction {
        CloudAction::DeleteSnapshot {
            mount: mount.clone(),
            snapshot: snapshot.clone(),
            kept_by: kept_by.clone(),
        }
    }

    /// Deletes a snapshot, and waits until it is not listed any more.
    pub(super) async fn delete_snapshot(
        &self,
        mount: &MountKey,
        snapshot: &SnapshotId,
        kept_by: &SnapshotId,
    ) -> Outcome {
        self.must(Self::delete_snapshot_action(mount, snapshot, kept_by)).await?;
        self.eventually("the snapshot is gone", |view| {
            let is_listed = view.snapshots.iter().any(|seen| &seen.id == snapshot);
            Ok((!is_listed).then_some(()))
        })
        .await
    }

    pub(super) async fn until_completed(&self, id: &SnapshotId) -> Outcome<SnapshotSeen> {
        self.eventually("the snapshot is completed", |view| {
            let seen = view.snapshots.iter().find(|seen| &seen.id == id);
            match seen {
                Some(seen) if seen.state == SnapshotState::Error => {
                    Err(format!("{id} is in error"))
                }
                Some(seen) if seen.state == SnapshotState::Completed => Ok(Some(seen.clone())),
                Some(_) | None => Ok(None),
            }
        })
        .await
    }

    // On the node

    pub(super) async fn probe(&self, node: &NodeAddress, volume: &VolumeId) -> Outcome<NodeProbe> {
        let request = ProbeRequest { serials: vec![volume.serial()], ..ProbeRequest::default() };
        let mut last = String::new();
        for _ in 0..PROBES_MAX {
            match self.harness.shell().probe(node, &request).await {
                Ok(probe) => return Ok(probe),
                Err(gap) => last = gap.why,
            }
        }
        Err(format!("no probe in {PROBES_MAX} tries: {last}"))
    }

    pub(super) async fn shell(
        &self,
        node: &NodeAddress,
        action: ShellAction,
    ) -> Result<ShellReceipt, ShellError> {
        let mut answers = self.harness.shell().issue(node, &[Cleared::unguarded(action)]).await;
        answers.pop().unwrap_or_else(|| Err(ShellError::NoAnswer("no answer at all".to_owned())))
    }

    pub(super) fn format_action(mount: &MountKey, volume: &VolumeId) -> ShellAction {
        ShellAction::MakeFilesystem {
            mount: mount.clone(),
            serial: volume.serial(),
            fs: FilesystemKind::Ext4,
            uuid: UUID.to_owned(),
        }
    }

    pub(super) fn mount_action(mount: &MountKey, volume: &VolumeId) -> ShellAction {
        ShellAction::Mount {
            mount: mount.clone(),
            serial: volume.serial(),
            at: place_of(mount),
            kind: "ext4".to_owned(),
            options: Vec::new(),
            owner: None,
            group: None,
            mode: None,
        }
    }

    pub(super) fn unmount_action(
        mount: &MountKey,
        volume: &VolumeId,
        before: Vec<Hook>,
    ) -> ShellAction {
        ShellAction::Unmount { mount: mount.clone(), serial: volume.serial(), before }
    }

    /// Carries out a request on the node that must succeed.
    pub(super) async fn must_shell(&self, node: &NodeAddress, action: ShellAction) -> Outcome {
        let words = action.to_string();
        self.shell(node, action)
            .await
            .map(|_| ())
            .map_err(|error| format!("`{words}` failed: {error}"))
    }

    /// Makes a new volume with a file system, mounted on the node.
    pub(super) async fn mounted(&self, name: &str) -> Outcome<(NodeAddress, MountKey, VolumeId)> {
        let (mount, volume) = self.volume(name, None).await?;
        let node = self.attach(&mount, &volume).await?;
        self.must_shell(&node, Self::format_action(&mount, &volume)).await?;
        self.must_shell(&node, Self::mount_action(&mount, &volume)).await?;
        Ok((node, mount, volume))
    }

    /// Unmounts, detaches and deletes a volume.
    pub(super) async fn discard(
        &self,
        node: &NodeAddress,
        mount: &MountKey,
        volume: &VolumeId,
    ) -> Outcome {
        self.must_shell(node, Self::unmount_action(mount, volume, Vec::new())).await?;
        self.detach(mount, volume).await?;
        self.delete(mount, volume).await
    }
}

/// The UUID of every file system that the suite makes.
pub(super) const UUID: &str = "5b0c1f3e-8f5e-4c0e-9d7a-2f1d7c9b6a10";

/// Returns the mount point of a mount.
pub(super) fn place_of(mount: &MountKey) -> String {
    format!("/mnt/{}", mount.mount)
}

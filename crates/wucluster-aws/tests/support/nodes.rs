//! Stand-ins for nodes: moto has no machines. They see what is attached by asking moto, and keep disks in memory.
//!
//! What they say proves nothing about real nodes; it lets the rest be driven.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wucluster_aws::AwsCloud;
use wucluster_core::action::{CloudAction, NodeAddress, ShellAction};
use wucluster_core::definition::Hook;
use wucluster_core::ids::{ClusterName, InstanceId, SnapshotId, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{
    AttachmentState, CheckResult, CloudView, Contents, DeviceSeen, Found, Gap, GapKind,
    InstanceState, MountSeen, NodeProbe, ProbeRequest,
};
use wucluster_core::ports::{
    Cloud, CloudError, CloudLimits, NodeShell, Receipt, RequestBudget, ShellError, ShellReceipt,
};
use wucluster_core::time::Timestamp;

/// All nodes of a cluster.
pub struct Nodes {
    cloud: AwsCloud,
    cluster: ClusterName,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    disks: BTreeMap<VolumeId, Disk>,
    /// What each snapshot held when it was first seen.
    kept: BTreeMap<SnapshotId, Disk>,
    /// Where disks are mounted, with the instance that has them.
    mounts: BTreeMap<VolumeId, (InstanceId, MountSeen)>,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    filesystem: Option<(String, String)>,
    files: BTreeMap<String, String>,
}

impl Nodes {
    /// `cloud` is asked what is attached.
    pub fn new(cloud: AwsCloud, cluster: &ClusterName) -> Self {
        Self { cloud, cluster: cluster.clone(), inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what is attached to a running node; takes up new disks, and lets go of mounts whose disk is gone.
    async fn attached(&self, node: &NodeAddress) -> Result<BTreeMap<VolumeId, u64>, String> {
        let view = self.observe(&self.cluster).await.map_err(|error| error.to_string())?;
        let runs = view
            .instances
            .iter()
            .any(|seen| seen.id == node.instance && seen.state == InstanceState::Running);
        if !runs {
            return Err("connection refused".to_owned());
        }
        let mut attached = BTreeMap::new();
        for seen in &view.volumes {
            let is_here = |state: &AttachmentState| {
                matches!(state, AttachmentState::Attached | AttachmentState::Busy)
            };
            let mut here = seen.attachments.iter();
            if here.any(|one| one.instance == node.instance && is_here(&one.state)) {
                attached.insert(seen.id.clone(), seen.size.bytes());
                self.take_up(&view, &seen.id);
            }
        }
        self.inner().mounts.retain(|volume, (instance, _)| {
            *instance != node.instance || attached.contains_key(volume)
        });
        Ok(attached)
    }

    /// Gives a disk that is seen for the first time what its snapshot's volume held.
    fn take_up(&self, view: &CloudView, volume: &VolumeId) {
        let mut inner = self.inner();
        if inner.disks.contains_key(volume) {
            return;
        }
        let from = view.volumes.iter().find(|seen| &seen.id == volume);
        let from = from.and_then(|seen| seen.from_snapshot.clone());
        let disk = from.and_then(|from| inner.kept.get(&from)).cloned();
        inner.disks.insert(volume.clone(), disk.unwrap_or_default());
    }

    /// Keeps what snapshots hold that are seen for the first time: they may be deleted before anything is made of them.
    fn learn(&self, view: &CloudView) {
        let mut inner = self.inner();
        for seen in &view.snapshots {
            let disk = inner.disks.get(&seen.volume).cloned();
            if let Some(disk) = disk {
                inner.kept.entry(seen.id.clone()).or_insert(disk);
            }
        }
    }

    pub async fn write(&self, node: &NodeAddress, path: &str, data: &str) -> Result<(), String> {
        self.attached(node).await?;
        let mut inner = self.inner();
        let (volume, rest) = inner.at(&node.instance, path).ok_or("nothing is mounted there")?;
        inner.disks.entry(volume).or_default().files.insert(rest, data.to_owned());
        Ok(())
    }

    pub async fn read(&self, node: &NodeAddress, path: &str) -> Result<Option<String>, String> {
        self.attached(node).await?;
        let inner = self.inner();
        let Some((volume, rest)) = inner.at(&node.instance, path) else { return Ok(None) };
        Ok(inner.disks.get(&volume).and_then(|disk| disk.files.get(&rest)).cloned())
    }
}

impl Inner {
    /// Finds the disk that a path lies on, and the rest of the path.
    fn at(&self, instance: &InstanceId, path: &str) -> Option<(VolumeId, String)> {
        self.mounts.iter().find_map(|(volume, (owner, seen))| {
            let rest = path.strip_prefix(seen.at.as_str())?;
            (owner == instance && rest.starts_with('/')).then(|| (volume.clone(), rest.to_owned()))
        })
    }

    fn perform(
        &mut self,
        node: &NodeAddress,
        attached: &BTreeMap<VolumeId, u64>,
        action: &ShellAction,
    ) -> Result<ShellReceipt, ShellError> {
        let find = |serial: &str| attached.keys().find(|id| id.serial() == serial).cloned();
        let refuse = |why: &str| Err(ShellError::Refused(why.to_owned()));
        match action {
            ShellAction::MakeFilesystem { serial, fs, uuid, .. } => {
                let Some(volume) = find(serial) else { return refuse("there is no such device") };
                let wanted = (fs.as_str().to_owned(), uuid.clone());
                let disk = self.disks.entry(volume).or_default();
                match &disk.filesystem {
                    Some(there) if *there != wanted => {
                        Err(ShellError::NotBlank(format!("it holds {} {}", there.0, there.1)))
                    }
                    Some(_) => Ok(ShellReceipt::default()),
                    None => {
                        disk.filesystem = Some(wanted);
                        Ok(ShellReceipt::default())
                    }
                }
            }
            ShellAction::Mount { serial, at, kind, .. } => {
                let Some(volume) = find(serial) else { return refuse("there is no such device") };
                let filesystem = self.disks.get(&volume).and_then(|disk| disk.filesystem.clone());
                if filesystem.is_none_or(|(there, _)| there != *kind) {
                    return refuse("it holds no such file system");
                }
                let seen = MountSeen {
                    at: at.clone(),
                    kind: kind.clone(),
                    is_read_only: false,
                    serial: Some(serial.clone()),
                    is_root: true,
                };
                self.mounts.insert(volume, (node.instance.clone(), seen));
                Ok(ShellReceipt::default())
            }
            // They have no file systems that could be too small.
            ShellAction::GrowFilesystem { .. } => Ok(ShellReceipt::default()),
            // Nothing is ever written here.
            ShellAction::Freeze { .. } | ShellAction::Thaw { .. } => Ok(ShellReceipt::default()),
            ShellAction::Unmount { serial, before, .. } => {
                let mut receipt = ShellReceipt::default();
                for hook in before {
                    if passes(hook) {
                        continue;
                    }
                    if hook.blocks {
                        return Err(ShellError::HookRefused {
                            hook: hook.clone(),
                            output: String::new(),
                        });
                    }
                    receipt.passed_over.push((hook.clone(), String::new()));
                }
                self.mounts.retain(|volume, _| volume.serial() != *serial);
                Ok(receipt)
            }
        }
    }
}

/// Says whether a hook says yes; `exit N` is all that is understood.
fn passes(hook: &Hook) -> bool {
    hook.run.strip_prefix("exit ").is_none_or(|status| status == "0")
}

/// The cloud itself, with the nodes looking on.
#[async_trait]
impl Cloud for Nodes {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        let view = self.cloud.observe(cluster).await?;
        self.learn(&view);
        Ok(view)
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.cloud.find(id).await
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        Cloud::issue(&self.cloud, actions).await
    }

    fn limits(&self) -> CloudLimits {
        self.cloud.limits()
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        self.cloud.budget(request)
    }

    fn soonest(&self, request: &str) -> Duration {
        self.cloud.soonest(request)
    }
}

#[async_trait]
impl NodeShell for Nodes {
    async fn probe(&self, node: &NodeAddress, request: &ProbeRequest) -> Result<NodeProbe, Gap> {
        let gap = |kind, why: &str| Gap { kind, why: why.to_owned(), at: Timestamp::default() };
        // They have no key at all.
        if node.ssh.host_key.is_some() {
            return Err(gap(GapKind::WrongHost, "it has another host key"));
        }
        let attached = self.attached(node).await.map_err(|why| gap(GapKind::NoAnswer, &why))?;
        let inner = self.inner();
        let mut devices = BTreeMap::new();
        let root = MountSeen {
            at: "/".to_owned(),
            kind: "ext4".to_owned(),
            is_read_only: false,
            serial: None,
            is_root: true,
        };
        let mut mount_table = vec![root];
        for (volume, size_bytes) in &attached {
            let mounted = inner.mounts.get(volume).map(|(_, seen)| seen.clone());
            let filesystem = inner.disks.get(volume).and_then(|disk| disk.filesystem.clone());
            let contents = match filesystem {
                None => Contents::Blank,
                Some((kind, uuid)) => Contents::Filesystem { kind, uuid: Some(uuid) },
            };
            mount_table.extend(mounted.clone());
            let device = DeviceSeen {
                path: format!("/dev/disk/by-id/{}", volume.serial()),
                size_bytes: *size_bytes,
                filesystem_bytes: None,
                contents,
                is_held: Some(mounted.is_some()),
                is_frozen: false,
                mounts: mounted.into_iter().collect(),
                on_top: Vec::new(),
                holders: Vec::new(),
            };
            devices.insert(volume.serial(), device);
        }
        let checks = |hooks: &[Hook]| -> Vec<CheckResult> {
            let answer = |hook: &Hook| CheckResult {
                hook: hook.clone(),
                passed: passes(hook),
                output: String::new(),
            };
            hooks.iter().map(answer).collect()
        };
        Ok(NodeProbe {
            boot_id: format!("boot-of-{}", node.instance),
            devices,
            ready: checks(&request.ready),
            before_halt: checks(&request.before_halt),
            mount_table,
        })
    }

    async fn issue(
        &self,
        node: &NodeAddress,
        actions: &[Cleared<ShellAction>],
    ) -> Vec<Result<ShellReceipt, ShellError>> {
        let attached = match self.attached(node).await {
            Ok(attached) => attached,
            Err(why) => {
                return actions.iter().map(|_| Err(ShellError::NoAnswer(why.clone()))).collect();
            }
        };
        let mut inner = self.inner();
        actions.iter().map(|action| inner.perform(node, &attached, action.action())).collect()
    }
}

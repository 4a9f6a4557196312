//! A local cloud of its own for each test: own state, shared image cache, and no machine left behind.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use wucluster_core::action::CloudAction;
use wucluster_core::definition::{MachineDefinition, Size};
use wucluster_core::ids::{ClusterName, InstanceId, MountKey, NodeName, SnapshotId, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{
    AttachmentState, CloudView, InstanceSeen, InstanceState, SnapshotSeen, SnapshotState,
    VolumeSeen,
};
use wucluster_core::ports::{Cloud, CloudError, Receipt};
use wucluster_core::tags::Tags;
use wucluster_local::{LocalCloud, LocalConfig};

/// Longest wait for anything; far more than it takes on a loaded host without virtualisation.
const LIMIT: Duration = Duration::from_secs(180);

/// A cloud whose machines end with the test.
pub struct Host {
    pub cloud: LocalCloud,
    pub cluster: ClusterName,
    state: Option<tempfile::TempDir>,
}

impl Drop for Host {
    fn drop(&mut self) {
        let state = self.state.take();
        let (cloud, cluster) = (self.cloud.clone(), self.cluster.clone());
        // A runtime of its own: the test's may be unwinding. Only machines of this state directory
        // are known to this cloud, and each is checked against its own pidfile.
        let ending = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async {
                    for seen in
                        cloud.observe(&cluster).await.map(|v| v.instances).unwrap_or_default()
                    {
                        let _ = cloud.kill(&seen.id).await;
                    }
                });
            }
            drop(state);
        });
        let _ = ending.join();
    }
}

impl Host {
    /// Makes a cloud, with the node image ready.
    pub async fn new() -> Self {
        Self::within(&std::env::temp_dir()).await
    }

    /// Makes a cloud with its state directory in `dir`.
    pub async fn within(dir: &Path) -> Self {
        let state = tempfile::Builder::new().prefix("wucluster-vm-").tempdir_in(dir).unwrap();
        let shared = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let cache_dir = std::env::var_os("WUCLUSTER_CACHE")
            .map_or_else(|| shared.join("wucluster-cache"), PathBuf::from);
        let config = LocalConfig { state_dir: state.path().join("state"), cache_dir };
        let cloud = LocalCloud::open(&config).unwrap();
        let accel = cloud
            .prepare(|progress| println!("image: {:>5.1?} {}", progress.elapsed, progress.step))
            .await
            .unwrap_or_else(|error| panic!("this host cannot run machines: {error}"));
        println!("accelerator: {accel}");
        Self { cloud, cluster: ClusterName::new("demo").unwrap(), state: Some(state) }
    }

    pub async fn issue(&self, action: CloudAction) -> Result<Receipt, CloudError> {
        let mut answers = self.cloud.issue(&[Cleared::unguarded(action)]).await;
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    pub async fn look(&self) -> CloudView {
        self.cloud.observe(&self.cluster).await.unwrap()
    }

    /// Looks until the condition holds.
    pub async fn until<T>(&self, what: &str, hold: impl Fn(&CloudView) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            let view = self.look().await;
            if let Some(value) = hold(&view) {
                return value;
            }
            assert!(since.elapsed() < LIMIT, "not within {LIMIT:?}: {what}; last seen {view:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn run(&self, name: &str, token: &str) -> CloudAction {
        let node = node(name);
        CloudAction::RunInstance {
            tags: Tags::for_node(&self.cluster, &node),
            node,
            machine: MachineDefinition::default(),
            zone: None,
            token: token.to_owned(),
            together: None,
        }
    }

    pub async fn run_node(&self, name: &str) -> InstanceId {
        match self.issue(self.run(name, &format!("run-{name}"))).await.unwrap() {
            Receipt::Instance(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub async fn make_volume(
        &self,
        mount: &str,
        from: Option<&SnapshotId>,
        token: &str,
    ) -> VolumeId {
        let mount = key(mount);
        let action = CloudAction::CreateVolume {
            tags: Tags::for_mount(&self.cluster, &mount),
            mount,
            size: Size::from_gib(1),
            from: from.cloned(),
            zone: None,
            ebs: wucluster_core::definition::EbsVolume::default(),
            token: token.to_owned(),
        };
        let Receipt::Volume(id) = self.issue(action).await.unwrap() else { panic!("no volume") };
        self.until("volume available", |view| {
            volume(view, &id).filter(|seen| seen.is_free()).map(drop)
        })
        .await;
        id
    }

    pub async fn attach(
        &self,
        volume: &VolumeId,
        instance: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let (volume, instance) = (volume.clone(), instance.clone());
        self.issue(CloudAction::AttachVolume { mount: key("a/x"), volume, instance }).await
    }

    pub async fn detach(
        &self,
        volume: &VolumeId,
        instance: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let (volume, instance) = (volume.clone(), instance.clone());
        self.issue(CloudAction::DetachVolume { mount: key("a/x"), volume, instance }).await
    }

    pub async fn delete(&self, volume: &VolumeId) -> Result<Receipt, CloudError> {
        let volume = volume.clone();
        self.issue(CloudAction::DeleteVolume { mount: key("a/x"), volume, kept_by: None }).await
    }

    pub async fn terminate(
        &self,
        name: &str,
        instance: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let instance = instance.clone();
        self.issue(CloudAction::TerminateInstance { node: node(name), instance }).await
    }

    pub async fn snapshot(&self, mount: &str, volume: &VolumeId) -> SnapshotId {
        let (mount, volume) = (key(mount), volume.clone());
        let tags = Tags::for_mount(&self.cluster, &mount);
        let action = CloudAction::CreateSnapshot { mount, volume, tags };
        match self.issue(action).await.unwrap() {
            Receipt::Snapshot(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub async fn completed(&self, id: &SnapshotId) {
        self.until("snapshot completed", |view| {
            let seen = snapshot(view, id)?;
            assert_ne!(seen.state, SnapshotState::Error, "{:?}", seen.message);
            (seen.state == SnapshotState::Completed).then_some(())
        })
        .await;
    }

    pub async fn in_state(&self, id: &InstanceId, state: InstanceState) -> InstanceSeen {
        self.until(state.as_str(), |view| {
            instance(view, id).filter(|seen| seen.state == state).cloned()
        })
        .await
    }

    pub async fn attached(&self, volume: &VolumeId) {
        self.until("attached", |view| {
            (attachment(view, volume)? == AttachmentState::Attached).then_some(())
        })
        .await;
    }

    pub async fn free(&self, id: &VolumeId) {
        self.until("available", |view| volume(view, id).filter(|seen| seen.is_free()).map(drop))
            .await;
    }

    /// Waits for the node's ssh, and returns how long that took.
    pub async fn answers(&self, id: &InstanceId) -> Duration {
        let since = Instant::now();
        let endpoint = self
            .until("reachable", |view| {
                let seen =
                    instance(view, id).filter(|seen| seen.state == InstanceState::Running)?;
                seen.ssh.clone()
            })
            .await;
        let console = self.console(id).await;
        assert!(has_banner(endpoint.port).await, "{id} does not answer; its console: {console}");
        since.elapsed()
    }

    pub async fn console(&self, id: &InstanceId) -> String {
        std::fs::read_to_string(self.cloud.console(id).await.unwrap()).unwrap_or_default()
    }

    /// Runs a script on a node, with its host key pinned.
    pub async fn ssh(&self, id: &InstanceId, script: &str) -> Result<String, String> {
        let view = self.look().await;
        let endpoint = instance(&view, id).and_then(|seen| seen.ssh.clone()).expect("it runs");
        let known = tempfile::NamedTempFile::new().unwrap();
        let host_key = endpoint.host_key.clone().unwrap();
        std::fs::write(known.path(), format!("{id} {host_key}\n")).unwrap();
        let mut command = tokio::process::Command::new("ssh");
        command.args([
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "LogLevel=ERROR",
        ]);
        command.args(["-o", &format!("UserKnownHostsFile={}", known.path().display())]);
        command.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", &format!("HostKeyAlias={id}")]);
        command.args(["-F", "/dev/null", "-i", &endpoint.identity_file.unwrap()]);
        command.args([
            "-p",
            &endpoint.port.to_string(),
            "--",
            &format!("root@{}", endpoint.host),
            script,
        ]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output =
            tokio::time::timeout(LIMIT, command.output()).await.expect("ssh hangs").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Waits until a script succeeds on a node.
    pub async fn ssh_until(&self, id: &InstanceId, script: &str) -> String {
        let since = Instant::now();
        loop {
            match self.ssh(id, script).await {
                Ok(said) => return said,
                Err(said) => assert!(since.elapsed() < LIMIT, "`{script}` never succeeded: {said}"),
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

async fn has_banner(port: u16) -> bool {
    let reading = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let mut bytes = [0_u8; 4];
        stream.read_exact(&mut bytes).await.ok()?;
        Some(&bytes == b"SSH-")
    };
    matches!(tokio::time::timeout(Duration::from_secs(30), reading).await, Ok(Some(true)))
}

pub fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

pub fn key(name: &str) -> MountKey {
    MountKey::try_from(name.to_owned()).unwrap()
}

pub fn instance<'a>(view: &'a CloudView, id: &InstanceId) -> Option<&'a InstanceSeen> {
    view.instances.iter().find(|seen| &seen.id == id)
}

pub fn volume<'a>(view: &'a CloudView, id: &VolumeId) -> Option<&'a VolumeSeen> {
    view.volumes.iter().find(|seen| &seen.id == id)
}

pub fn snapshot<'a>(view: &'a CloudView, id: &SnapshotId) -> Option<&'a SnapshotSeen> {
    view.snapshots.iter().find(|seen| &seen.id == id)
}

pub fn attachment(view: &CloudView, id: &VolumeId) -> Option<AttachmentState> {
    volume(view, id)?.attachments.first().map(|seen| seen.state.clone())
}

/// A script that finds the device of a volume by its serial, as `$d`.
pub fn device_of(volume: &VolumeId) -> String {
    format!(
        "d=; for s in /sys/block/nvme*n1; do [ \"$(tr -d ' ' <$s/device/serial)\" = {} ] && d=/dev/${{s##*/}}; done; \
         [ -b \"$d\" ] || exit 9; ",
        volume.serial()
    )
}

//! Real machines: what the local cloud says is what is there, and no byte is lost on the way.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use support::{Host, attachment, device_of, instance, volume};
use wucluster_core::action::CloudAction;
use wucluster_core::observation::{AttachmentState, InstanceState, VolumeState};
use wucluster_core::ports::Receipt;

/// A node's whole life with its volumes, as EC2 would show it.
#[tokio::test]
async fn a_node_and_its_volumes_live_through_everything() {
    let host = Host::new().await;
    let home = host.make_volume("a/home", None, "home").await;
    let data = host.make_volume("a/data", None, "data").await;
    let node = host.run_node("a").await;
    assert_eq!(host.run_node("a").await, node, "same token, same instance");
    // Already in its firmware a machine takes volumes; the node finds them when it comes to it.
    host.attach(&home, &node).await.unwrap();
    host.attach(&data, &node).await.unwrap();
    assert_eq!(host.attach(&data, &node).await.unwrap(), Receipt::AlreadyDone);
    assert_eq!(host.delete(&data).await.unwrap_err().code, "VolumeInUse");
    println!("ssh after {:?}", host.answers(&node).await);
    host.attached(&home).await;
    host.attached(&data).await;

    // Each is told by its serial. What is written and synced is in the snapshot.
    host.ssh_until(&node, &device_of(&home)).await;
    let write = "mkfs.xfs -q $d && mkdir -p /mnt/d && mount $d /mnt/d && echo precious >/mnt/d/f && umount /mnt/d";
    host.ssh(&node, &format!("{}{write}", device_of(&data))).await.unwrap();
    host.detach(&data, &node).await.unwrap();
    host.free(&data).await;
    assert!(host.ssh(&node, &device_of(&data)).await.is_err(), "the device is gone from the node");
    let snapshot = host.snapshot("a/data", &data).await;
    host.completed(&snapshot).await;
    host.delete(&data).await.unwrap();
    assert!(volume(&host.look().await, &data).is_none());
    let copy = host.make_volume("a/data", Some(&snapshot), "data-2").await;
    host.attach(&copy, &node).await.unwrap();
    host.attached(&copy).await;
    let read = format!("{}mount $d /mnt/d && cat /mnt/d/f", device_of(&copy));
    assert_eq!(host.ssh_until(&node, &read).await, "precious");

    // The plug is pulled: seen as stopped, volumes stay attached, and a start brings all back.
    host.ssh(&node, "echo more >/mnt/d/g; sync").await.unwrap();
    host.cloud.kill(&node).await.unwrap();
    let seen = host.in_state(&node, InstanceState::Stopped).await;
    assert!(seen.state_reason.unwrap().starts_with("Server.InternalError"));
    assert_eq!(attachment(&host.look().await, &copy), Some(AttachmentState::Attached));
    let start = CloudAction::StartInstance { node: support::node("a"), instance: node.clone() };
    assert_eq!(host.issue(start.clone()).await.unwrap(), Receipt::Accepted);
    assert_eq!(host.issue(start).await.unwrap(), Receipt::AlreadyDone);
    host.answers(&node).await;
    host.attached(&copy).await;
    let read = format!("{}mount $d /mnt/d && cat /mnt/d/f /mnt/d/g", device_of(&copy));
    assert_eq!(host.ssh_until(&node, &read).await, "precious\nmore");

    // Termination is in order: the node unmounts. Its volumes are free, its root disk is gone.
    host.ssh(&node, "echo last >/mnt/d/h").await.unwrap();
    host.terminate("a", &node).await.unwrap();
    assert_eq!(instance(&host.look().await, &node).unwrap().state, InstanceState::ShuttingDown);
    host.in_state(&node, InstanceState::Terminated).await;
    assert!(
        host.cloud
            .root()
            .join("instances")
            .join(node.as_str())
            .join("root.qcow2")
            .metadata()
            .is_err()
    );
    assert!(host.console(&node).await.contains("Power down"), "it powered itself off");
    host.free(&copy).await;
    let again = host.issue(host.run("a", "run-a")).await.unwrap_err();
    assert_eq!(again.code, "IdempotentInstanceTerminated", "a token outlives its instance");

    let other = host.issue(host.run("a", "another")).await.unwrap();
    let Receipt::Instance(other) = other else { panic!("{other:?}") };
    host.attach(&copy, &other).await.unwrap();
    host.answers(&other).await;
    let read = format!("mkdir -p /mnt/d; {}mount $d /mnt/d && cat /mnt/d/h", device_of(&copy));
    assert_eq!(host.ssh_until(&other, &read).await, "last", "unmounted in order at termination");
}

/// A machine that is stopped by request powers itself off, and starts again with its root disk and its host key.
#[tokio::test]
async fn a_stopped_machine_starts_again_with_its_root_disk() {
    let host = Host::new().await;
    let node = host.run_node("a").await;
    host.answers(&node).await;
    host.ssh(&node, "echo mine >/root/note; sync").await.unwrap();
    let key = instance(&host.look().await, &node).unwrap().ssh.clone().unwrap().host_key;
    let stop = CloudAction::StopInstance { node: support::node("a"), instance: node.clone() };
    assert_eq!(host.issue(stop.clone()).await.unwrap(), Receipt::Accepted);
    assert_eq!(host.issue(stop).await.unwrap(), Receipt::AlreadyDone);
    host.in_state(&node, InstanceState::Stopped).await;
    assert!(host.console(&node).await.contains("Power down"), "it powered itself off");
    let start = CloudAction::StartInstance { node: support::node("a"), instance: node.clone() };
    assert_eq!(host.issue(start).await.unwrap(), Receipt::Accepted);
    host.answers(&node).await;
    assert_eq!(host.ssh_until(&node, "cat /root/note").await, "mine");
    assert_eq!(instance(&host.look().await, &node).unwrap().ssh.clone().unwrap().host_key, key);
}

/// Nodes know each other by name, also those that come later.
#[tokio::test]
async fn nodes_reach_each_other_by_name() {
    let host = Host::new().await;
    let first = host.run_node("first").await;
    host.answers(&first).await;
    let second = host.run_node("second").await;
    host.answers(&second).await;
    host.ssh_until(&second, "ping -c 1 -W 2 first").await;
    host.ssh_until(&first, "ping -c 1 -W 2 second").await;
}

/// A snapshot of a mounted volume is of one moment, as if the plug had been pulled.
#[tokio::test]
async fn a_volume_in_use_can_be_snapshotted() {
    let host = Host::new().await;
    let data = host.make_volume("a/data", None, "data").await;
    let node = host.run_node("a").await;
    host.attach(&data, &node).await.unwrap();
    host.answers(&node).await;
    let write =
        "mkfs.ext4 -q $d && mkdir -p /mnt/d && mount $d /mnt/d && echo precious >/mnt/d/f && sync";
    host.ssh_until(&node, &format!("{}{write}", device_of(&data))).await;
    let snapshot = host.snapshot("a/data", &data).await;
    host.ssh(&node, "echo later >/mnt/d/g && sync").await.unwrap();
    host.completed(&snapshot).await;
    let copy = host.make_volume("a/copy", Some(&snapshot), "copy").await;
    host.attach(&copy, &node).await.unwrap();
    host.attached(&copy).await;
    let read = "mkdir -p /mnt/c && mount $d /mnt/c && cat /mnt/c/f && test ! -e /mnt/c/g";
    assert_eq!(host.ssh_until(&node, &format!("{}{read}", device_of(&copy))).await, "precious");
}

/// A copier that is killed leaves an error, not half a snapshot; a machine's does as well.
#[tokio::test]
async fn a_snapshot_whose_maker_dies_is_an_error() {
    let host = Host::new().await;
    let data = host.make_volume("a/data", None, "data").await;
    let node = host.run_node("a").await;
    host.attach(&data, &node).await.unwrap();
    host.attached(&data).await;
    let snapshot = host.snapshot("a/data", &data).await;
    host.cloud.kill(&node).await.unwrap();
    host.in_state(&node, InstanceState::Stopped).await;
    let seen = host
        .until("settled", |view| {
            let seen = support::snapshot(view, &snapshot)?;
            (seen.state.as_str() != "pending").then(|| seen.clone())
        })
        .await;
    // The job may have been quicker than the kill; then the copier finished it.
    assert!(["error", "completed"].contains(&seen.state.as_str()), "{seen:?}");
    assert!(host.look().await.volumes.iter().all(|seen| seen.state == VolumeState::InUse));
    // A machine that is off lets go at once.
    host.detach(&data, &node).await.unwrap();
    host.free(&data).await;
}

/// A volume that is let go while it is mounted: nothing that was synced is lost.
#[tokio::test]
async fn a_mounted_volume_can_be_torn_off_without_losing_what_was_synced() {
    let host = Host::new().await;
    let data = host.make_volume("a/data", None, "data").await;
    let node = host.run_node("a").await;
    host.attach(&data, &node).await.unwrap();
    host.answers(&node).await;
    let write =
        "mkfs.ext4 -q $d && mkdir -p /mnt/d && mount $d /mnt/d && echo precious >/mnt/d/f && sync";
    host.ssh_until(&node, &format!("{}{write}", device_of(&data))).await;
    host.detach(&data, &node).await.unwrap();
    let states = host
        .until("let go, or busy", |view| match attachment(view, &data) {
            Some(AttachmentState::Detaching) => None,
            other => Some(other),
        })
        .await;
    println!("detached while mounted: {states:?}");
    host.cloud.stop(&node).await.unwrap();
    host.in_state(&node, InstanceState::Stopped).await;
    host.free(&data).await;
    host.attach(&data, &node).await.unwrap();
    let start = CloudAction::StartInstance { node: support::node("a"), instance: node.clone() };
    host.issue(start).await.unwrap();
    host.answers(&node).await;
    let read = format!("mkdir -p /mnt/d; {}mount $d /mnt/d && cat /mnt/d/f", device_of(&data));
    assert_eq!(host.ssh_until(&node, &read).await, "precious");
}

/// A full disk of the host is an error to the node's programs, and to who wants a snapshot.
///
/// Needs a small file system of its own, which only root may mount: else it is passed over.
#[tokio::test]
async fn a_full_host_disk_is_an_error_and_no_loss() {
    let Some(small) = SmallDisk::mount() else {
        println!("PASSED OVER: only root may mount a small file system");
        return;
    };
    let host = Host::within(small.0.path()).await;
    let data = host.make_volume("a/data", None, "data").await;
    let node = host.run_node("a").await;
    host.attach(&data, &node).await.unwrap();
    host.answers(&node).await;
    let write =
        "mkfs.ext4 -q $d && mkdir -p /mnt/d && mount $d /mnt/d && echo precious >/mnt/d/f && sync";
    host.ssh_until(&node, &format!("{}{write}", device_of(&data))).await;
    let fill = "timeout -k 5 45 dd if=/dev/urandom of=/mnt/d/fill bs=1M count=900 conv=fsync 2>&1; echo status $?";
    let filling = host.ssh(&node, fill);
    let looking = async {
        for _ in 0..150 {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let view = host.look().await;
            let seen = instance(&view, &node).unwrap();
            println!(
                "{} {:?} {}",
                seen.state,
                seen.state_reason,
                host.console(&node).await.lines().last().unwrap_or_default()
            );
        }
    };
    let said = tokio::select! { said = filling => said, () = looking => Err("slow".to_owned()) };
    println!("writing on a full disk: {said:?}");
    // Told of the error, or ended while it waited for a disk that takes nothing more: never "written".
    assert!(
        said.is_ok_and(|said| !said.ends_with("status 0")),
        "the program is not told of success"
    );
    println!("{:?}", instance(&host.look().await, &node));
    let mount = support::key("a/data");
    let tags = wucluster_core::tags::Tags::for_mount(&host.cluster, &mount);
    let action = CloudAction::CreateSnapshot { mount, volume: data.clone(), tags };
    let refused = host.issue(action).await.unwrap_err();
    println!("{refused}");
    assert_eq!(refused.code, "InsufficientVolumeCapacity");
    println!("{:?}", host.issue(host.run("b", "b")).await.unwrap_err());
    // What was synced before is there, and the node still works with what it has.
    let read = host.ssh(&node, "cat /mnt/d/f; dmesg | grep -i -E 'error|remount' | tail -5").await;
    println!("{read:?}");
    assert!(read.is_ok_and(|said| said.starts_with("precious")));
}

/// A file system of 700 MiB in memory, for as long as it is held.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::Builder::new().prefix("wucluster-small-").tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=700m,mode=700", "wucluster-test"]).arg(dir.path());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a machine that was just ended may let go of its files a moment later.
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

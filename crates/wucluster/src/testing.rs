//! Clusters to render in tests.

use std::collections::BTreeMap;

use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::ids::{InstanceId, MountKey, NodeName, SnapshotId, VolumeId};
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, CloudView, Contents, DeviceSeen, Gap, GapKind, InstanceSeen,
    InstanceState, MountSeen, NodeProbe, NodeView, NodeViews, Observation, SnapshotSeen,
    SnapshotState, SshEndpoint, VolumeSeen, VolumeState,
};
use wucluster_core::tags::{KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, KEY_GENERATION, Tags};
use wucluster_core::time::Timestamp;

/// The present, in these clusters: 2026-11-23 10:42:07 UTC.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_430_527_000);

const DEFINITION: &str = r#"
[cluster]
name = "gibbon"
provider = "local"

[node.chief]
mount.home = { at = "/mnt/home", size = "40 GiB" }
mount.data = { at = "/mnt/data", size = "500 GiB" }

[node.worker]
count = 2
mount.scratch = { at = "/mnt/scratch", size = "200 GiB" }
"#;

const MANY: &str = r#"
[cluster]
name = "large"
provider = "sim"

[node.n]
count = 500
mount.a = { at = "/mnt/a", size = "1 GiB" }
mount.b = { at = "/mnt/b", size = "2 GiB" }
mount.c = { at = "/mnt/c", size = "3 GiB" }
mount.d = { at = "/mnt/d", size = "4 GiB", fs = "xfs" }
"#;

fn ago(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(NOW.as_millis() - seconds * 1000))
}

fn definition() -> ClusterDefinition {
    ClusterDefinition::parse(DEFINITION).unwrap()
}

fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).unwrap()
}

pub(crate) fn instance(cluster: &ClusterDefinition, node: &str, digit: char) -> InstanceSeen {
    InstanceSeen {
        id: InstanceId::new(format!("i-{}", digit.to_string().repeat(17))),
        state: InstanceState::Running,
        tags: Tags::for_node(&cluster.name, &NodeName::new(node).unwrap()),
        ssh: Some(SshEndpoint {
            host: "127.0.0.1".into(),
            port: 2222,
            user: "root".into(),
            host_key: None,
            identity_file: None,
        }),
        address: Some(format!("10.0.3.{digit}")),
        zone: None,
        instance_type: None,
        launched_at: ago(11_520),
        state_reason: None,
    }
}

fn volume(cluster: &ClusterDefinition, mount: &str, gib: u32, digit: char) -> VolumeSeen {
    let mut tags = Tags::for_mount(&cluster.name, &key(mount));
    tags.set(KEY_EPOCH, "3 live");
    tags.set(KEY_GENERATION, "3");
    tags.set(KEY_CONTENT, "data");
    tags.set(KEY_FILESYSTEM, "ext4 0f3d6a77-0000-8000-8000-000000000001");
    VolumeSeen {
        id: VolumeId::new(format!("vol-{}", digit.to_string().repeat(17))),
        state: VolumeState::Available,
        size: Size::from_gib(gib),
        tags,
        attachments: Vec::new(),
        from_snapshot: None,
        zone: None,
        created_at: ago(12_000),
    }
}

fn attach(volume: &mut VolumeSeen, instance: &InstanceSeen) {
    volume.state = VolumeState::InUse;
    volume.attachments = vec![AttachmentSeen {
        instance: instance.id.clone(),
        state: AttachmentState::Attached,
        since: ago(11_400),
        delete_on_termination: Some(false),
    }];
}

fn snapshot(cluster: &ClusterDefinition, mount: &str, gib: u32, generation: u64) -> SnapshotSeen {
    let mut tags = Tags::for_mount(&cluster.name, &key(mount));
    tags.set(KEY_EPOCH, format!("{generation} sealed"));
    tags.set(KEY_GENERATION, generation.to_string());
    tags.set(KEY_CONTENT, "data");
    SnapshotSeen {
        id: SnapshotId::new(format!("snap-{generation:0>17}")),
        state: SnapshotState::Completed,
        volume: VolumeId::new("vol-99999999999999999"),
        size: Size::from_gib(gib),
        tags,
        started_at: ago(86_400 * (10 - i64::try_from(generation).unwrap())),
        progress_percent: Some(100),
        message: None,
    }
}

fn device(volume: &VolumeSeen, at: Option<&str>) -> (String, DeviceSeen) {
    let mounts = at.map(|at| MountSeen {
        at: at.into(),
        kind: "ext4".into(),
        is_read_only: false,
        serial: Some(volume.id.serial()),
        is_root: true,
    });
    let contents = Contents::Filesystem {
        kind: "ext4".into(),
        uuid: Some("0f3d6a77-0000-8000-8000-000000000001".into()),
    };
    let seen = DeviceSeen {
        is_frozen: false,
        path: "/dev/nvme1n1".into(),
        size_bytes: volume.size.bytes(),
        filesystem_bytes: None,
        contents: if mounts.is_some() { Contents::NotExamined } else { contents },
        is_held: Some(mounts.is_some()),
        mounts: mounts.into_iter().collect(),
        on_top: Vec::new(),
        holders: Vec::new(),
    };
    (volume.id.serial(), seen)
}

fn view(instance: &InstanceSeen, probe: Result<NodeProbe, Gap>) -> NodeView {
    NodeView { instance: instance.id.clone(), asked_at: NOW, probe }
}

fn probe(devices: Vec<(String, DeviceSeen)>) -> NodeProbe {
    let mount_table = devices.iter().flat_map(|(_, device)| device.mounts.clone()).collect();
    NodeProbe {
        boot_id: "b".into(),
        devices: devices.into_iter().collect(),
        mount_table,
        ..NodeProbe::default()
    }
}

/// Returns a cluster that is away: each mount has a snapshot.
pub(crate) fn away() -> (ClusterDefinition, Observation) {
    let definition = definition();
    let snapshots = definition
        .mounts()
        .map(|(key, mount)| snapshot(&definition, &key.to_string(), mount.size.gib(), 2))
        .collect();
    let cloud = CloudView { asked_at: NOW, snapshots, requests: 3, ..CloudView::default() };
    let observation = Observation::assemble(&definition, &cloud, &NodeViews::new());
    (definition, observation)
}

/// Returns 500 nodes with 4 mounts each, all away: mount `a` of all but one has a snapshot.
pub(crate) fn many() -> (ClusterDefinition, Observation) {
    let definition = ClusterDefinition::parse(MANY).unwrap();
    let snapshots = definition
        .mounts()
        .filter(|(key, _)| key.mount.as_str() == "a" && key.node.as_str() != "n-3")
        .map(|(key, mount)| snapshot(&definition, &key.to_string(), mount.size.gib(), 2))
        .collect();
    let cloud = CloudView { asked_at: NOW, snapshots, requests: 3, ..CloudView::default() };
    let observation = Observation::assemble(&definition, &cloud, &NodeViews::new());
    (definition, observation)
}

/// Returns a cluster of which everything runs and is mounted; `chief/data` has no snapshot yet.
pub(crate) fn running() -> (ClusterDefinition, Observation) {
    let definition = definition();
    let mut cloud = CloudView { asked_at: NOW, requests: 3, ..CloudView::default() };
    let mut answers: NodeViews = BTreeMap::new();
    for (node, digit) in [("chief", '1'), ("worker-1", '2'), ("worker-2", '3')] {
        let seen = instance(&definition, node, digit);
        let mut devices = Vec::new();
        for (key, mount) in definition.mounts().filter(|(key, _)| key.node.as_str() == node) {
            let digit = if key.mount.as_str() == "data" { 'd' } else { digit };
            let mut one = volume(&definition, &key.to_string(), mount.size.gib(), digit);
            attach(&mut one, &seen);
            devices.push(device(&one, Some(&mount.at)));
            cloud.volumes.push(one);
            if key.mount.as_str() != "data" {
                cloud.snapshots.push(snapshot(&definition, &key.to_string(), mount.size.gib(), 2));
            }
        }
        answers.insert(NodeName::new(node).unwrap(), view(&seen, Ok(probe(devices))));
        cloud.instances.push(seen);
    }
    (definition.clone(), Observation::assemble(&definition, &cloud, &answers))
}

/// Returns a mixture: `chief/data` attached only, `worker-1` silent, `worker-2` away, a stranger.
pub(crate) fn mixed() -> (ClusterDefinition, Observation) {
    let definition = definition();
    let chief = instance(&definition, "chief", '1');
    let worker = instance(&definition, "worker-1", '2');
    let mut home = volume(&definition, "chief/home", 40, '1');
    let mut data = volume(&definition, "chief/data", 500, 'd');
    let mut scratch = volume(&definition, "worker-1/scratch", 200, '2');
    attach(&mut home, &chief);
    attach(&mut data, &chief);
    attach(&mut scratch, &worker);
    let mut strange = volume(&definition, "chief/home", 9, 'e');
    strange.tags.set("wucluster:node", "NOT A NAME");
    let gap = Gap { kind: GapKind::NoAnswer, why: "Connection refused\u{1b}[2J".into(), at: NOW };
    let answers = BTreeMap::from([
        (
            NodeName::new("chief").unwrap(),
            view(&chief, Ok(probe(vec![device(&home, Some("/mnt/home")), device(&data, None)]))),
        ),
        (NodeName::new("worker-1").unwrap(), view(&worker, Err(gap))),
    ]);
    let cloud = CloudView {
        asked_at: NOW,
        instances: vec![chief, worker],
        volumes: vec![home, data, scratch, strange],
        snapshots: vec![
            snapshot(&definition, "chief/home", 40, 2),
            snapshot(&definition, "chief/home", 40, 1),
            snapshot(&definition, "worker-2/scratch", 200, 2),
        ],
        requests: 3,
    };
    (definition.clone(), Observation::assemble(&definition, &cloud, &answers))
}

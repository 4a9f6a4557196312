//! Worlds written down by hand, for tests of the planner.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, NodeName, SnapshotId, VolumeId};
use wucluster_core::interlock::Context;
use wucluster_core::memory::Memory;
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, CloudView, Contents, DeviceSeen, Gap, GapKind, InstanceSeen,
    InstanceState, MountSeen, NodeProbe, NodeView, NodeViews, Observation, SnapshotSeen,
    SnapshotState, SshEndpoint, VolumeSeen, VolumeState,
};
use wucluster_core::plan::Plan;
use wucluster_core::planner::plan;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::tags::{KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, KEY_GENERATION, Tags};
use wucluster_core::time::Timestamp;

pub const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

/// A cluster of a chief with an ext4 and an xfs mount, and one worker with one mount.
pub const GIBBON: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
mount.data = { at = "/mnt/data", size = "2 GiB", fs = "xfs" }

[node.worker]
count = 1
mount.scratch = { at = "/mnt/scratch", size = "1 GiB" }
"#;

/// A cluster of one node with one mount.
pub const SOLO: &str = r#"
[cluster]
name = "gibbon"

[node.chief]
mount.home = { at = "/mnt/home", size = "1 GiB" }
"#;

pub fn key(text: &str) -> MountKey {
    MountKey::try_from(text.to_owned()).unwrap()
}

pub fn node(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

/// The UUID that every file system in these worlds has.
pub const UUID: &str = "11111111-2222-8333-8444-555555555555";

/// Parses a definition, once: properties make the same world many thousand times.
fn parsed(text: &str) -> ClusterDefinition {
    static KNOWN: Mutex<BTreeMap<String, ClusterDefinition>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(definition) = known.get(text) {
        return definition.clone();
    }
    let definition = ClusterDefinition::parse(text).expect("the test's definition is right");
    known.insert(text.to_owned(), definition.clone());
    definition
}

#[derive(Debug, Clone)]
pub struct World {
    pub definition: ClusterDefinition,
    pub view: CloudView,
    pub answers: NodeViews,
    pub memory: Memory,
    pub policy: Policy,
}

impl World {
    pub fn new(definition: &str) -> Self {
        let definition = parsed(definition);
        let policy = Policy { consent: Consent::Everything, ..Policy::default() };
        let view = CloudView { asked_at: NOW, requests: 3, ..CloudView::default() };
        Self { definition, view, answers: NodeViews::new(), memory: Memory::default(), policy }
    }

    /// An instance `i-NODE`; one that runs answers, with no devices yet.
    pub fn instance(self, name: &str, state: &str) -> Self {
        self.instance_called(name, &format!("i-{name}"), state)
    }

    pub fn instance_called(mut self, name: &str, id: &str, state: &str) -> Self {
        let state = InstanceState::from(state.to_owned());
        if state == InstanceState::Running {
            self.answers.insert(
                node(name),
                NodeView {
                    instance: InstanceId::new(id),
                    asked_at: NOW,
                    probe: Ok(NodeProbe { boot_id: "boot".to_owned(), ..NodeProbe::default() }),
                },
            );
        }
        self.view.instances.push(InstanceSeen {
            id: InstanceId::new(id),
            state,
            tags: Tags::for_node(&self.definition.name, &node(name)),
            ssh: Some(SshEndpoint {
                host: "127.0.0.1".to_owned(),
                port: 22,
                user: "root".to_owned(),
                host_key: None,
                identity_file: None,
            }),
            address: None,
            zone: None,
            instance_type: None,
            launched_at: None,
            state_reason: None,
        });
        self
    }

    /// A volume `vol-NODE-MOUNT` that holds data, of write epoch `epoch` such as `1 live`.
    pub fn volume(self, name: &str, state: &str, epoch: &str) -> Self {
        let id = format!("vol-{}", name.replace('/', "-"));
        self.volume_called(name, &id, state, epoch)
    }

    pub fn volume_called(mut self, name: &str, id: &str, state: &str, epoch: &str) -> Self {
        let key = key(name);
        let mut tags = Tags::for_mount(&self.definition.name, &key);
        tags.set(KEY_EPOCH, epoch);
        tags.set(KEY_GENERATION, "1");
        tags.set(KEY_CONTENT, "data");
        tags.set(KEY_FILESYSTEM, format!("ext4 {UUID}"));
        let size = self.definition.mount(&key).map_or(Size::from_gib(1), |mount| mount.size);
        self.view.volumes.push(VolumeSeen {
            id: VolumeId::new(id),
            state: VolumeState::from(state.to_owned()),
            size,
            tags,
            attachments: Vec::new(),
            from_snapshot: None,
            zone: None,
            created_at: None,
        });
        self
    }

    /// Sets a tag of the last volume.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.view.volumes.last_mut().expect("a volume comes first").tags.set(key, value);
        self
    }

    /// Attaches the last volume to an instance; its device shows on the node that has it.
    /// Attaches the last volume; its node, if it shows it, has carried out an unmount of it in this drive.
    pub fn attached(mut self, instance: &str, state: &str) -> Self {
        let volume = self.view.volumes.last_mut().expect("a volume comes first");
        let state = AttachmentState::from(state.to_owned());
        volume.attachments.push(AttachmentSeen {
            instance: InstanceId::new(instance),
            state: state.clone(),
            since: Some(NOW),
            delete_on_termination: Some(false),
        });
        let serial = volume.id.serial();
        self.memory.fenced.insert(serial.clone());
        let size_bytes = volume.size.bytes();
        for answer in
            self.answers.values_mut().filter(|answer| answer.instance.as_str() == instance)
        {
            if let (Ok(probe), true) = (&mut answer.probe, state != AttachmentState::Attaching) {
                probe.devices.insert(
                    serial.clone(),
                    DeviceSeen {
                        path: "/dev/nvme1n1".to_owned(),
                        size_bytes,
                        filesystem_bytes: Some(size_bytes),
                        contents: Contents::Filesystem {
                            kind: "ext4".to_owned(),
                            uuid: Some(UUID.to_owned()),
                        },
                        mounts: Vec::new(),
                        is_held: Some(false),
                        is_frozen: false,
                        on_top: Vec::new(),
                        holders: Vec::new(),
                    },
                );
            }
        }
        self
    }

    /// Changes the device of the last volume, as its node sees it.
    pub fn device(mut self, change: impl Fn(&mut DeviceSeen)) -> Self {
        let serial = self.view.volumes.last().expect("a volume comes first").id.serial();
        for answer in self.answers.values_mut() {
            if let Ok(probe) = &mut answer.probe
                && let Some(device) = probe.devices.get_mut(&serial)
            {
                change(device);
            }
        }
        self
    }

    /// Mounts the last volume at a place.
    pub fn mounted(mut self, at: &str) -> Self {
        let serial = self.view.volumes.last().expect("a volume comes first").id.serial();
        let seen = MountSeen {
            at: at.to_owned(),
            kind: "ext4".to_owned(),
            is_read_only: false,
            serial: Some(serial.clone()),
            is_root: true,
        };
        for answer in self.answers.values_mut() {
            if let Ok(probe) = &mut answer.probe
                && let Some(device) = probe.devices.get_mut(&serial)
            {
                device.mounts.push(seen.clone());
                device.is_held = Some(true);
                probe.mount_table.push(seen.clone());
            }
        }
        self
    }

    /// A snapshot of the mount's volume `vol-NODE-MOUNT`, claiming write epoch `epoch`.
    pub fn snapshot(mut self, name: &str, id: &str, state: &str, epoch: u64) -> Self {
        let key = key(name);
        let mut tags = Tags::for_mount(&self.definition.name, &key);
        tags.set(KEY_EPOCH, format!("{epoch} sealed"));
        tags.set(KEY_GENERATION, epoch.to_string());
        tags.set(KEY_CONTENT, "data");
        tags.set(KEY_FILESYSTEM, format!("ext4 {UUID}"));
        let size = self.definition.mount(&key).map_or(Size::from_gib(1), |mount| mount.size);
        self.view.snapshots.push(SnapshotSeen {
            id: SnapshotId::new(id),
            state: SnapshotState::from(state.to_owned()),
            volume: VolumeId::new(format!("vol-{}", name.replace('/', "-"))),
            size,
            tags,
            started_at: Some(NOW),
            progress_percent: Some(50),
            message: None,
        });
        self
    }

    /// The node does not answer.
    pub fn silent(mut self, name: &str) -> Self {
        let answer = self.answers.get_mut(&node(name)).expect("a running instance comes first");
        answer.probe =
            Err(Gap { kind: GapKind::NoAnswer, why: "Connection timed out".to_owned(), at: NOW });
        self
    }

    /// The cloud says nowhere yet how the node is reached, and so it was never asked.
    pub fn without_address(mut self, name: &str) -> Self {
        let wanted = Tags::for_node(&self.definition.name, &node(name));
        for instance in self.view.instances.iter_mut().filter(|one| one.tags == wanted) {
            instance.ssh = None;
        }
        self.answers.remove(&node(name));
        self
    }

    pub fn observe(&self) -> Observation {
        Observation::assemble(&self.definition, &self.view, &self.answers)
    }

    pub fn with_context<T>(&self, demand: Demand, run: impl FnOnce(&Context<'_>) -> T) -> T {
        let observation = self.observe();
        run(&Context {
            definition: &self.definition,
            demand,
            observation: &observation,
            memory: &self.memory,
            policy: &self.policy,
            now: NOW,
        })
    }

    pub fn plan(&self, demand: Demand) -> Plan {
        self.with_context(demand, plan)
    }

    /// The plan as text: what is asked, waited for and held.
    pub fn told(&self, demand: Demand) -> String {
        tell(&self.plan(demand))
    }
}

pub fn tell(plan: &Plan) -> String {
    let mut text = format!("{}: {}\n", plan.demand, if plan.is_met() { "met" } else { "not met" });
    for shortfall in &plan.verdict.unknown {
        text += &format!("  unknown {}: {}\n", shortfall.subject, shortfall.why);
    }
    for action in &plan.actions {
        text += &format!("  do    {}\n", action.action());
    }
    for wait in &plan.waits {
        text += &format!("  wait  {}: {}\n", wait.subject, wait.what);
    }
    for hold in &plan.holds {
        text += &format!("  held[{}] {} {}\n", hold.interlock, hold.subject, hold.what);
        for why in &hold.why {
            text += &format!("    why {why}\n");
        }
        text += &format!("    so  {}\n", hold.so);
        for fix in &hold.fix {
            text += &format!("    fix {fix}\n");
        }
    }
    text
}

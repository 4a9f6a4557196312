//! What the operator saw, in the words of the planner: listings and nodes' answers.

use wucluster_core::definition::Size;
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, CloudView, Contents, DeviceSeen, Gap, GapKind, InstanceSeen,
    InstanceState, MountSeen, NodeProbe, NodeView, NodeViews, SnapshotSeen, SnapshotState,
    SshEndpoint, VolumeSeen, VolumeState,
};
use wucluster_core::tags::{
    ContentMark, Epoch, KEY_CONTENT, KEY_EPOCH, KEY_FILESYSTEM, KEY_GENERATION, Tags,
};
use wucluster_core::time::Timestamp;

use super::cloud::{Attach, Marks, Run, Snap, Vol};
use super::names::Names;
use super::operator::{Answer, Device, Operator};
use super::planner::{ASKED, NOW, Planner};

impl Planner {
    pub fn view(&self, operator: &Operator, asked_at: Timestamp) -> CloudView {
        let mut view = CloudView { asked_at, ..CloudView::default() };
        let cluster = &self.names.definition.name;
        for (at, name) in self.names.nodes.iter().enumerate() {
            let node = &operator.view.nodes[at];
            let seen = |number: u8, state: InstanceState| InstanceSeen {
                id: Names::instance(at, number),
                state,
                tags: Tags::for_node(cluster, name),
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
            };
            if let Some(state) = instance_state(node.run) {
                view.instances.push(seen(node.number, state));
            }
            if node.gone > 0 {
                view.instances.push(seen(node.gone, InstanceState::Terminated));
            }
        }
        for (at, key) in self.names.mounts.iter().enumerate() {
            let mount = &operator.view.mounts[at];
            let tags = |marks: &Marks| self.tags(at, marks);
            let volume = &mount.volume;
            if let Some(state) = volume_state(volume.state) {
                let attachment = (volume.attach != Attach::None).then(|| AttachmentSeen {
                    instance: Names::instance(usize::from(volume.holder.0), volume.holder.1),
                    state: attachment_state(volume.attach),
                    since: None,
                    delete_on_termination: Some(false),
                });
                view.volumes.push(VolumeSeen {
                    id: Names::volume(at as u8, volume.number),
                    state,
                    size: Size::from_gib(1),
                    tags: tags(&volume.marks),
                    attachments: attachment.into_iter().collect(),
                    from_snapshot: (volume.from > 0).then(|| Names::snapshot(at, volume.from)),
                    zone: None,
                    created_at: None,
                });
            }
            for (place, snapshot) in mount.snapshots.iter().enumerate() {
                let state = match snapshot.state {
                    Snap::None => continue,
                    Snap::Pending => SnapshotState::Pending,
                    Snap::Completed => SnapshotState::Completed,
                    Snap::Error => SnapshotState::Error,
                };
                view.snapshots.push(SnapshotSeen {
                    id: Names::snapshot(at, place as u8 + 1),
                    state,
                    volume: Names::volume(at as u8, snapshot.of),
                    size: Size::from_gib(1),
                    tags: tags(&snapshot.marks).with(&Tags::for_mount(cluster, key)),
                    started_at: Some(Timestamp::from_millis(place as i64)),
                    progress_percent: None,
                    message: None,
                });
            }
        }
        view
    }

    pub fn tags(&self, mount: usize, marks: &Marks) -> Tags {
        let mut tags = Tags::for_mount(&self.names.definition.name, &self.names.mounts[mount]);
        let epoch = Epoch { number: u64::from(marks.epoch), is_sealed: marks.is_sealed };
        tags.set(KEY_EPOCH, epoch.to_string());
        tags.set(KEY_GENERATION, marks.generation.to_string());
        let content = if marks.is_data { ContentMark::Data } else { ContentMark::Blank };
        tags.set(KEY_CONTENT, content.as_str());
        if marks.recorded > 0 {
            tags.set(KEY_FILESYSTEM, format!("ext4 {}", self.names.uuid(mount, marks.recorded)));
        }
        tags
    }

    pub fn answers(&self, operator: &Operator) -> NodeViews {
        let mut answers = NodeViews::new();
        for (at, name) in self.names.nodes.iter().enumerate() {
            let answer = &operator.answers[at];
            if answer.instance == 0 {
                continue;
            }
            let probe = if answer.is_silent {
                Err(Gap { kind: GapKind::NoAnswer, why: "no answer".to_owned(), at: NOW })
            } else {
                Ok(self.probe(at, answer))
            };
            let instance = Names::instance(at, answer.instance);
            answers.insert(name.clone(), NodeView { instance, asked_at: ASKED, probe });
        }
        answers
    }

    pub fn probe(&self, node: usize, answer: &Answer) -> NodeProbe {
        let mut probe = NodeProbe { boot_id: "boot".to_owned(), ..NodeProbe::default() };
        for (mount, key) in self.names.mounts.iter().enumerate() {
            let (seen, number) = answer.devices[mount];
            if self.names.layout.owner(mount) != node || seen == Device::None {
                continue;
            }
            let serial = Names::volume(mount as u8, number).serial();
            let at = self.names.definition.mount(key).map_or("", |defined| defined.at.as_str());
            let mounted = MountSeen {
                at: at.to_owned(),
                kind: "ext4".to_owned(),
                is_read_only: false,
                serial: Some(serial.clone()),
                is_root: true,
            };
            let mounts = if seen == Device::Mounted { vec![mounted] } else { Vec::new() };
            probe.mount_table.extend(mounts.iter().cloned());
            let contents = match seen {
                Device::Blank => Contents::Blank,
                Device::Filesystem(number) => Contents::Filesystem {
                    kind: "ext4".to_owned(),
                    uuid: Some(self.names.uuid(mount, number).to_owned()),
                },
                Device::None | Device::NotExamined | Device::Mounted | Device::Held => {
                    Contents::NotExamined
                }
            };
            let is_held = match seen {
                Device::Blank | Device::Filesystem(_) => Some(false),
                Device::Mounted | Device::Held => Some(true),
                Device::None | Device::NotExamined => None,
            };
            let device = DeviceSeen {
                is_frozen: false,
                path: "/dev/nvme1n1".to_owned(),
                size_bytes: Size::from_gib(1).bytes(),
                filesystem_bytes: None,
                contents,
                mounts,
                is_held,
                on_top: Vec::new(),
                holders: Vec::new(),
            };
            probe.devices.insert(serial, device);
        }
        probe
    }
}

fn instance_state(run: Run) -> Option<InstanceState> {
    Some(match run {
        Run::None => return None,
        Run::Pending => InstanceState::Pending,
        Run::Running => InstanceState::Running,
        Run::Stopping => InstanceState::Stopping,
        Run::Stopped => InstanceState::Stopped,
        Run::ShuttingDown => InstanceState::ShuttingDown,
        Run::Terminated => InstanceState::Terminated,
    })
}

fn volume_state(state: Vol) -> Option<VolumeState> {
    Some(match state {
        Vol::None => return None,
        Vol::Creating => VolumeState::Creating,
        Vol::Available => VolumeState::Available,
        Vol::InUse => VolumeState::InUse,
        Vol::Deleting => VolumeState::Deleting,
    })
}

pub fn attachment_state(attach: Attach) -> AttachmentState {
    match attach {
        Attach::None => AttachmentState::Detached,
        Attach::Attaching => AttachmentState::Attaching,
        Attach::Attached => AttachmentState::Attached,
        Attach::Detaching => AttachmentState::Detaching,
        Attach::Busy => AttachmentState::Busy,
    }
}

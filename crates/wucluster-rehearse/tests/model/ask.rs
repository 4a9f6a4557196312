//! Requests in a few bytes, translated from the planner's.

use wucluster_core::action::{Action, CloudAction, ShellAction};
use wucluster_core::ids::{Subject, VolumeId};
use wucluster_core::tags::{ContentMark, Tags};

use super::cloud::Marks;
use super::names::Names;

/// Places of subjects: nodes first, then mounts.
pub const SUBJECTS: usize = super::cloud::NODES + super::cloud::MOUNTS;

/// A request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ask {
    Run { node: u8, token: u32 },
    Start { node: u8, number: u8 },
    Terminate { node: u8, number: u8 },
    Create { mount: u8, from: u8, marks: Marks, token: u32 },
    Attach { mount: u8, number: u8, node: u8, instance: u8 },
    Detach { mount: u8, number: u8, node: u8, instance: u8 },
    TagEpoch { mount: u8, number: u8, epoch: u8, is_sealed: bool, generation: u8 },
    Record { mount: u8, number: u8, fs: u8 },
    Snapshot { mount: u8, number: u8, marks: Marks },
    Delete { mount: u8, number: u8 },
    Mkfs { mount: u8, number: u8 },
    Mount { mount: u8, number: u8 },
    Unmount { mount: u8, number: u8 },
}

impl Ask {
    /// Whether it goes to a node, not to the cloud.
    pub fn is_shell(self) -> bool {
        matches!(self, Self::Mkfs { .. } | Self::Mount { .. } | Self::Unmount { .. })
    }
}

/// Translates a request and tells whom it is about.
pub fn translate(names: &Names, action: &Action) -> (usize, Ask) {
    let subject = names.subject(&action.subject());
    let at = |mount: &wucluster_core::ids::MountKey| names.place(&Subject::Mount(mount.clone()));
    let ask = match action {
        Action::Cloud(action) => match action {
            CloudAction::RunInstance { node, token, .. } => {
                Ask::Run { node: names.place(&Subject::Node(node.clone())), token: short(token) }
            }
            CloudAction::StartInstance { instance, .. } => {
                let (node, number) = names.instance_place(instance.as_str());
                Ask::Start { node, number }
            }
            CloudAction::TerminateInstance { instance, .. } => {
                let (node, number) = names.instance_place(instance.as_str());
                Ask::Terminate { node, number }
            }
            CloudAction::CreateVolume { mount, from, tags, token, .. } => Ask::Create {
                mount: at(mount),
                from: from.as_ref().map_or(0, |id| Names::number(id.as_str())),
                // Nothing is recorded on it that would follow from its id, which it has not got yet.
                marks: marks(names, at(mount), &Names::volume(at(mount), 0), tags),
                token: short(token),
            },
            CloudAction::AttachVolume { mount, volume, instance } => {
                let (node, instance) = names.instance_place(instance.as_str());
                Ask::Attach {
                    mount: at(mount),
                    number: Names::number(volume.as_str()),
                    node,
                    instance,
                }
            }
            CloudAction::DetachVolume { mount, volume, instance } => {
                let (node, instance) = names.instance_place(instance.as_str());
                Ask::Detach {
                    mount: at(mount),
                    number: Names::number(volume.as_str()),
                    node,
                    instance,
                }
            }
            CloudAction::TagVolume { mount, volume, tags } => {
                let number = Names::number(volume.as_str());
                let marks = marks(names, at(mount), volume, tags);
                match tags.epoch() {
                    Some(epoch) => Ask::TagEpoch {
                        mount: at(mount),
                        number,
                        epoch: marks.epoch,
                        is_sealed: epoch.is_sealed,
                        generation: marks.generation,
                    },
                    None => Ask::Record { mount: at(mount), number, fs: marks.recorded },
                }
            }
            CloudAction::StopInstance { .. } => unreachable!("no scope parks"),
            CloudAction::Adopt { .. }
            | CloudAction::TagSnapshot { .. }
            | CloudAction::DeleteSnapshot { .. } => {
                unreachable!("a person asks for it, and no plan")
            }
            CloudAction::GrowVolume { .. } => unreachable!("sizes stay as they are defined"),
            CloudAction::CreateSnapshot { mount, volume, tags } => Ask::Snapshot {
                mount: at(mount),
                number: Names::number(volume.as_str()),
                marks: marks(names, at(mount), volume, tags),
            },
            CloudAction::DeleteVolume { mount, volume, .. } => {
                Ask::Delete { mount: at(mount), number: Names::number(volume.as_str()) }
            }
        },
        Action::Shell(action) => {
            let mount = at(action.mount());
            match action {
                ShellAction::MakeFilesystem { serial, .. } => {
                    Ask::Mkfs { mount, number: Names::number(serial) }
                }
                ShellAction::Mount { serial, .. } => {
                    Ask::Mount { mount, number: Names::number(serial) }
                }
                ShellAction::Unmount { serial, .. } => {
                    Ask::Unmount { mount, number: Names::number(serial) }
                }
                ShellAction::GrowFilesystem { .. } => {
                    unreachable!("sizes stay as they are defined")
                }
                ShellAction::Freeze { .. } | ShellAction::Thaw { .. } => {
                    unreachable!("a person asks for it, and no plan")
                }
            }
        }
    };
    (subject, ask)
}

fn marks(names: &Names, mount: u8, volume: &VolumeId, tags: &Tags) -> Marks {
    let small = |number: u64| u8::try_from(number).expect("numbers stay small in a small world");
    let epoch = tags.epoch();
    Marks {
        epoch: epoch.map_or(0, |epoch| small(epoch.number)),
        is_sealed: epoch.is_some_and(|epoch| epoch.is_sealed),
        generation: tags.generation().map_or(0, small),
        is_data: tags.content() == Some(ContentMark::Data),
        recorded: tags.filesystem(volume).map_or(0, |(_, uuid)| names.made_on(mount, &uuid)),
    }
}

/// Folds a token; what the cloud compares is whether two are equal.
fn short(token: &str) -> u32 {
    u32::from_str_radix(&token[..8], 16).expect("tokens are hexadecimal") | 1
}

//! Whether a hold is true: whether what it says is so, in the listings, answers and memory.

use wucluster_core::ids::Subject;
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_core::memory::FailureError;
use wucluster_core::observation::{
    AttachmentState, Contents, DeviceSeen, GapKind, InstanceSeen, InstanceState, NodeProbe,
    SnapshotSeen, SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::ports::{ErrorClass, ShellError};
use wucluster_core::tags::{ContentMark, Identity};

use crate::common::{NOW, World};

/// Says whether the evidence for a hold is there.
pub fn is_true(world: &World, hold: &Hold) -> bool {
    let seen = Seen { world, subject: &hold.subject };
    match hold.interlock {
        Interlock::MountBusy => {
            seen.devices().any(is_in_use)
                || seen.failed_at_node(|error| matches!(error, ShellError::Busy { .. }))
        }
        Interlock::NodeSilent => {
            seen.has_gap(GapKind::NoAnswer)
                || seen.failed_at_node(|error| matches!(error, ShellError::NoAnswer(_)))
        }
        Interlock::HostKeyChanged => seen.has_gap(GapKind::WrongHost),
        Interlock::UnmountRefused => {
            seen.failed_at_node(|error| matches!(error, ShellError::HookRefused { .. }))
        }
        Interlock::NodeFailed => seen.failed_at_node(|error| {
            matches!(error, ShellError::Failed { .. } | ShellError::Refused(_))
        }),
        Interlock::HaltRefused => {
            seen.probes().any(|probe| probe.before_halt.iter().any(|one| !one.passed))
        }
        Interlock::NotReady => seen.probes().any(|probe| probe.ready.iter().any(|one| !one.passed)),
        Interlock::DetachStuck => seen.volumes().any(|volume| {
            volume.open_attachments().any(|one| one.state != AttachmentState::Attached)
                && world
                    .memory
                    .attachments
                    .values()
                    .any(|(_, since)| NOW.since(*since).as_secs() >= 90)
        }),
        Interlock::StillAttached | Interlock::DeleteOnTermination => {
            let attached: Vec<_> =
                world.view.volumes.iter().flat_map(VolumeSeen::open_attachments).collect();
            // Or the machine's own word: it has a device in use, whatever the listing shows.
            seen.instances().any(|one| attached.iter().any(|attached| attached.instance == one.id))
                || seen.probes().any(|probe| {
                    let is_used = |device: &DeviceSeen| {
                        !device.mounts.is_empty() || device.is_held == Some(true)
                    };
                    // Or it has one that no listing shows.
                    let is_unlisted = |serial: &String| {
                        serial.starts_with("vol")
                            && world.view.volumes.iter().all(|one| &one.id.serial() != serial)
                    };
                    probe.devices.values().any(is_used) || probe.devices.keys().any(is_unlisted)
                })
        }
        Interlock::SnapshotUnfinished | Interlock::SnapshotOlder | Interlock::SnapshotNotOurs => {
            seen.volumes().next().is_some()
        }
        Interlock::SnapshotFailed => {
            seen.snapshots().filter(|one| one.state == SnapshotState::Error).count() >= 3
        }
        // No demand deletes a snapshot.
        Interlock::SnapshotNeeded => false,
        // The planner asks for nothing smaller.
        Interlock::NeverShrunk => false,
        Interlock::DataMissing => seen.is_data_missing(),
        Interlock::NotBlank => {
            seen.volumes().any(|volume| {
                volume.from_snapshot.is_some()
                    || volume.tags.content() != Some(ContentMark::Blank)
                    || seen.devices().any(|device| device.contents != Contents::Blank)
                    || seen.knows_data()
            }) || seen.failed_at_node(|error| matches!(error, ShellError::Refused(_)))
        }
        Interlock::WrongContents => {
            seen.devices().any(|device| device.contents != Contents::NotExamined)
        }
        Interlock::MountedElsewhere => {
            seen.devices().any(is_in_use)
                || seen.probes().any(|probe| !probe.mount_table.is_empty())
                || seen
                    .probes()
                    .any(|probe| probe.devices.values().any(|one| !one.mounts.is_empty()))
        }
        Interlock::AttachedElsewhere => seen.volumes().any(|volume| {
            let own: Vec<_> = seen.instances().collect();
            volume.open_attachments().count() > 1
                || volume.open_attachments().any(|one| own.len() != 1 || own[0].id != one.instance)
        }),
        Interlock::IdentityConflict => match hold.subject {
            Subject::Node(_) => seen.instances().count() > 1,
            _ => seen.volumes().count() > 1,
        },
        Interlock::Foreign => {
            matches!(hold.subject, Subject::Stranger(_))
                || seen.volumes().any(|volume| volume.tags.epoch().is_none())
        }
        Interlock::UnrecognizedState => {
            seen.instances().any(|one| matches!(one.state, InstanceState::Unrecognized(_)))
                || seen.volumes().any(|volume| {
                    matches!(volume.state, VolumeState::Unrecognized(_))
                        || volume
                            .attachments
                            .iter()
                            .any(|one| matches!(one.state, AttachmentState::Unrecognized(_)))
                })
        }
        Interlock::VolumeFailed => seen.volumes().any(|volume| volume.state == VolumeState::Error),
        Interlock::DeletionEntered => {
            world.memory.phases.is_some() && seen.volumes().next().is_some()
        }
        Interlock::OtherStore => world.memory.store.is_some(),
        Interlock::BeyondYes => {
            seen.instances().any(|one| !world.policy.consent.covers(one.id.as_str()))
                || seen.volumes().any(|one| !world.policy.consent.covers(one.id.as_str()))
        }
        Interlock::ProviderRefused => {
            seen.failed_at_cloud(&[ErrorClass::Permanent, ErrorClass::Retry, ErrorClass::Ambiguous])
        }
        Interlock::NotPermitted => seen.failed_at_cloud(&[ErrorClass::Permission]),
        Interlock::NoCapacity => seen.failed_at_cloud(&[ErrorClass::Capacity]),
    }
}

fn is_in_use(device: &DeviceSeen) -> bool {
    !device.mounts.is_empty() || device.is_held != Some(false) || !device.on_top.is_empty()
}

/// What the world shows of a subject: of a mount, also its node.
struct Seen<'a> {
    world: &'a World,
    subject: &'a Subject,
}

impl<'a> Seen<'a> {
    fn instances(&self) -> impl Iterator<Item = &'a InstanceSeen> + use<'a> {
        let (world, node) = (self.world, self.subject.node());
        world.view.instances.iter().filter(move |seen| {
            seen.state != InstanceState::Terminated
                && matches!(seen.tags.identity(&world.definition.name), Ok(Identity::Node(name)) if Some(&name) == node)
        })
    }

    fn volumes(&self) -> impl Iterator<Item = &'a VolumeSeen> + use<'a> {
        let (world, subject) = (self.world, self.subject);
        world.view.volumes.iter().filter(move |seen| {
            matches!(seen.tags.identity(&world.definition.name), Ok(Identity::Mount(key)) if &Subject::Mount(key.clone()) == subject)
        })
    }

    fn snapshots(&self) -> impl Iterator<Item = &'a SnapshotSeen> + use<'a> {
        let (world, subject) = (self.world, self.subject);
        world.view.snapshots.iter().filter(move |seen| {
            matches!(seen.tags.identity(&world.definition.name), Ok(Identity::Mount(key)) if &Subject::Mount(key.clone()) == subject)
        })
    }

    fn probes(&self) -> impl Iterator<Item = &'a NodeProbe> + use<'a> {
        let node = self.subject.node();
        let answers = self.world.answers.iter().filter(move |(name, _)| Some(*name) == node);
        answers.filter_map(|(_, answer)| answer.probe.as_ref().ok())
    }

    fn devices(&self) -> impl Iterator<Item = &'a DeviceSeen> {
        let serials: Vec<_> = self.volumes().map(|volume| volume.id.serial()).collect();
        self.probes()
            .flat_map(|probe| &probe.devices)
            .filter(move |(serial, _)| serials.contains(serial))
            .map(|(_, device)| device)
    }

    fn has_gap(&self, kind: GapKind) -> bool {
        let node = self.subject.node();
        let gaps = self.world.answers.iter().filter_map(|(name, answer)| {
            (Some(name) == node).then(|| answer.probe.as_ref().err()).flatten()
        });
        gaps.into_iter().any(|gap| gap.kind == kind)
    }

    fn failed_at_node(&self, is: impl Fn(&ShellError) -> bool) -> bool {
        let failure = self.world.memory.of(self.subject).and_then(|memory| memory.failure.as_ref());
        failure.is_some_and(
            |failure| matches!(&failure.error, FailureError::Shell(error) if is(error)),
        )
    }

    fn failed_at_cloud(&self, classes: &[ErrorClass]) -> bool {
        let failure = self.world.memory.of(self.subject).and_then(|memory| memory.failure.as_ref());
        failure.is_some_and(|failure| {
            matches!(&failure.error, FailureError::Cloud(error) if classes.contains(&error.class))
        })
    }

    fn knows_data(&self) -> bool {
        matches!(self.subject, Subject::Mount(key) if self.world.memory.data_epochs.contains_key(key))
    }

    fn is_data_missing(&self) -> bool {
        let data = || self.snapshots().filter(|one| one.tags.content() != Some(ContentMark::Blank));
        let number = |one: &SnapshotSeen| one.tags.epoch().map(|epoch| epoch.number);
        let newest = data().filter_map(number).max();
        let is_whole =
            data().any(|one| number(one) == newest && one.state == SnapshotState::Completed);
        let known = match self.subject {
            Subject::Mount(key) => self.world.memory.data_epochs.get(key).copied(),
            _ => None,
        };
        data().any(|one| number(one).is_none())
            || (newest.is_some() && !is_whole)
            || known.is_some_and(|known| newest < Some(known))
    }
}

//! An independent referee: the rules for requests, written from what must never happen and judged on
//! the listings, answers and memory themselves. It asks no interlock.

use wucluster_core::action::{Action, CloudAction, Hazard, ShellAction};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, NodeName, SnapshotId, Subject, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{
    AttachmentSeen, AttachmentState, Contents, DeviceSeen, InstanceSeen, InstanceState, NodeView,
    SnapshotSeen, SnapshotState, VolumeSeen, VolumeState,
};
use wucluster_core::phases::Phase;
use wucluster_core::tags::{ContentMark, Identity, KEY_EPOCH, KEY_FILESYSTEM, Tags};

use crate::common::World;

/// What an action may be objected to; `Err` says which rule it breaks.
type Judgement = Result<(), String>;

/// Judges one request of a plan.
pub fn judge(world: &World, demand: Demand, cleared: &Cleared<Action>) -> Judgement {
    let referee = Referee { world, demand };
    let action = cleared.action();
    referee
        .nothing_is_under_way(&action.subject())
        .and_then(|()| referee.belongs_here(&action.subject()))
        .and_then(|()| referee.serves_the_demand(action))
        .and_then(|()| match action {
            Action::Cloud(action) => referee.cloud(action),
            Action::Shell(action) => referee.shell(action),
        })
        .map_err(|why| format!("{action}: {why}"))
}

struct Referee<'a> {
    world: &'a World,
    demand: Demand,
}

fn must(holds: bool, rule: &str) -> Judgement {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

impl<'a> Referee<'a> {
    fn nothing_is_under_way(&self, subject: &Subject) -> Judgement {
        let Some(memory) = self.world.memory.subjects.get(subject) else { return Ok(()) };
        must(memory.in_flight.is_none(), "an answer about it is due")?;
        let asked = self.world.view.asked_at;
        must(
            memory.cloud_settled_at.is_none_or(|at| asked > at),
            "the look is older than its last answer",
        )?;
        let probed = subject.node().and_then(|node| self.world.answers.get(node));
        let is_newer =
            |answer: &NodeView| memory.shell_settled_at.is_none_or(|at| answer.asked_at > at);
        let is_told = probed.filter(|answer| self.is_sole_instance(&answer.instance));
        must(is_told.is_none_or(is_newer), "the node's word is older than its last answer")
    }

    /// Nothing of a node and its mounts is another store's.
    fn belongs_here(&self, subject: &Subject) -> Judgement {
        let (Some(own), Some(node)) = (&self.world.memory.store, subject.node()) else {
            return Ok(());
        };
        let view = &self.world.view;
        let living = view.instances.iter().filter(|one| one.state != InstanceState::Terminated);
        let volumes = view.volumes.iter().filter(|one| one.state != VolumeState::Deleted);
        let tags = living
            .map(|one| &one.tags)
            .chain(volumes.map(|one| &one.tags))
            .chain(view.snapshots.iter().map(|one| &one.tags));
        let mut of_node = tags.filter(|tags| match self.identity(tags) {
            Some(Identity::Node(name)) => &name == node,
            Some(Identity::Mount(key)) => &key.node == node,
            None => false,
        });
        must(
            of_node.all(|tags| tags.store().is_some_and(|mark| mark.id == own.id)),
            "something of it is another store's",
        )
    }

    fn serves_the_demand(&self, action: &Action) -> Judgement {
        let upward = matches!(
            self.demand,
            Demand::Instantiated | Demand::Attached | Demand::Mounted | Demand::Launched
        );
        let name = action.name();
        // What somebody began to delete is deleted, whatever is demanded by now.
        let is_doomed = |mount: &MountKey| self.volumes(mount).any(|one| self.is_doomed(&one.id));
        if matches!(&action.subject(), Subject::Mount(mount) if is_doomed(mount)) {
            return must(
                name != "AttachVolume" && name != "mkfs" && name != "mount",
                "it is doomed",
            );
        }
        must(
            action.hazard() != Hazard::Destroys || self.demand == Demand::Away || name == "mkfs",
            "only `away` ends anything",
        )?;
        match name {
            "RunInstances" | "StartInstances" | "CreateVolume" | "AttachVolume" | "mkfs"
            | "mount" => must(upward, "nothing is brought up on the way down"),
            "StopInstances" => must(self.demand == Demand::Parked, "only `parked` stops a machine"),
            "CreateSnapshot" | "DeleteVolume" | "TerminateInstances" => {
                must(!upward, "nothing is put away on the way up")
            }
            _ => Ok(()),
        }
    }

    fn cloud(&self, action: &CloudAction) -> Judgement {
        match action {
            CloudAction::RunInstance { node, tags, .. } => {
                must(self.instances(node).next().is_none(), "another instance lives")?;
                must(
                    tags == &Tags::for_node(&self.world.definition.name, node)
                        .kept_in(self.world.memory.store.as_ref()),
                    "its tags are its name and store",
                )
            }
            CloudAction::StartInstance { node, instance } => {
                let seen = self.sole_instance(node, instance)?;
                must(seen.state == InstanceState::Stopped, "only what is stopped is started")
            }
            CloudAction::StopInstance { node, instance } => {
                let seen = self.sole_instance(node, instance)?;
                must(seen.state == InstanceState::Running, "only what runs is stopped")?;
                let has = |volume: &VolumeSeen| open(volume).any(|one| &one.instance == instance);
                must(!self.world.view.volumes.iter().any(has), "a volume is attached to it")?;
                let probe = self.answer(node).and_then(|answer| answer.probe.as_ref().ok());
                let probe = probe.ok_or("it did not say what it has in use")?;
                must(!probe.devices.values().any(DeviceSeen::is_in_use), "it has something in use")
            }
            CloudAction::TerminateInstance { node, instance } => {
                self.sole_instance(node, instance)?;
                let has = |volume: &&VolumeSeen| open(volume).any(|one| &one.instance == instance);
                must(
                    !self.world.view.volumes.iter().any(|volume| has(&volume)),
                    "a volume is attached to it",
                )?;
                must(self.world.policy.consent.covers(instance.as_str()), "nobody said yes")
            }
            CloudAction::CreateVolume { mount, from, tags, .. } => {
                must(self.volumes(mount).next().is_none(), "another volume lives")?;
                must(
                    self.identity(tags).as_ref() == Some(&Identity::Mount(mount.clone())),
                    "its tags are its name",
                )?;
                self.begins_from(mount, from.as_ref().map(SnapshotId::as_str), tags)
            }
            CloudAction::AttachVolume { mount, volume, instance } => {
                let seen = self.sole_volume(mount, volume)?;
                must(is_free(seen), "it is not free")?;
                let own = self.sole_instance(&mount.node, instance)?;
                must(own.state == InstanceState::Running, "its machine does not run")?;
                let epoch = seen.tags.epoch().ok_or("its epoch cannot be read")?;
                must(!epoch.is_sealed, "its epoch is sealed")?;
                let claimed = self
                    .snapshots(mount)
                    .filter(|kept| &kept.volume == volume)
                    .any(|kept| kept.tags.epoch().is_none_or(|kept| kept.number >= epoch.number));
                must(!claimed, "a snapshot claims its epoch")
            }
            CloudAction::DetachVolume { mount, volume, instance } => {
                let seen = self.sole_volume(mount, volume)?;
                must(open(seen).any(|one| &one.instance == instance), "it is not attached there")?;
                self.sole_instance(&mount.node, instance)?;
                self.is_unmounted(mount, seen)?;
                // A node that could still mount it has carried out an unmount since it was last asked to.
                let serial = volume.serial();
                let runs =
                    self.sole_instance(&mount.node, instance)?.state == InstanceState::Running;
                let answers = self.world.answers.get(&mount.node);
                let probe = answers.and_then(|answer| answer.probe.as_ref().ok());
                let is_shown = probe.is_some_and(|probe| probe.devices.contains_key(&serial));
                must(
                    !(runs && is_shown) || self.world.memory.fenced.contains(&serial),
                    "a mount may still come",
                )
            }
            CloudAction::TagVolume { mount, volume, tags } => self.tag(mount, volume, tags),
            CloudAction::GrowVolume { mount, volume, size } => {
                let seen = self.sole_volume(mount, volume)?;
                must(*size > seen.size, "it is not smaller")?;
                let defined = self.world.definition.mount(mount).ok_or("it is not defined")?;
                must(*size == defined.size, "the definition has another size")?;
                self.is_live(mount, seen)
            }
            CloudAction::Adopt { .. } => must(false, "no plan adopts"),
            CloudAction::DeleteSnapshot { .. } => must(false, "no plan prunes"),
            CloudAction::TagSnapshot { .. } => must(false, "no plan takes a checkpoint"),
            CloudAction::CreateSnapshot { mount, volume, tags } => {
                let seen = self.sole_volume(mount, volume)?;
                must(is_free(seen), "it is not free")?;
                must(
                    seen.tags.epoch().is_some_and(|epoch| epoch.is_sealed),
                    "its epoch is not sealed",
                )?;
                must(tags.epoch() == seen.tags.epoch(), "it claims another epoch")?;
                must(
                    self.identity(tags).as_ref() == Some(&Identity::Mount(mount.clone())),
                    "its tags are its name",
                )
            }
            CloudAction::DeleteVolume { mount, volume, kept_by } => {
                let seen = self.sole_volume(mount, volume)?;
                must(is_free(seen), "it is not free")?;
                let epoch = seen.tags.epoch().ok_or("its epoch cannot be read")?;
                must(epoch.is_sealed, "its epoch is not sealed")?;
                let kept = self
                    .snapshots(mount)
                    .find(|kept| Some(&kept.id) == kept_by.as_ref())
                    .ok_or("no snapshot keeps it")?;
                must(kept.state == SnapshotState::Completed, "the snapshot is not complete")?;
                must(
                    &kept.volume == volume && kept.size == seen.size,
                    "the snapshot is of another volume",
                )?;
                must(
                    kept.tags.epoch().is_some_and(|kept| kept.number == epoch.number),
                    "the snapshot is of another epoch",
                )?;
                let is_doomed = self.is_doomed(volume);
                let phases = self.world.memory.phases.as_ref();
                let entered = phases.and_then(|phases| phases.of(volume));
                let is_entered = entered
                    .is_some_and(|last| last.phase == Phase::Sealed && last.epoch == epoch.number);
                must(phases.is_none() || is_doomed || is_entered, "its seal was not entered")?;
                must(
                    is_doomed || self.world.policy.consent.covers(volume.as_str()),
                    "nobody said yes",
                )
            }
        }
    }

    /// Whether a volume may be written to: live, and claimed by no snapshot.
    fn is_live(&self, mount: &MountKey, volume: &VolumeSeen) -> Judgement {
        let epoch = volume.tags.epoch().ok_or("its epoch cannot be read")?;
        must(!epoch.is_sealed, "its epoch is sealed")?;
        must(!self.is_doomed(&volume.id), "its deletion was entered")?;
        let claimed = self
            .snapshots(mount)
            .filter(|kept| kept.volume == volume.id)
            .any(|kept| kept.tags.epoch().is_none_or(|kept| kept.number >= epoch.number));
        must(!claimed, "a snapshot claims its epoch")
    }

    /// Whether the deletion of a volume was entered.
    fn is_doomed(&self, volume: &VolumeId) -> bool {
        let phases = self.world.memory.phases.as_ref();
        let last = phases.and_then(|phases| phases.of(volume));
        last.is_some_and(|last| matches!(last.phase, Phase::Deleting | Phase::Gone))
    }

    fn shell(&self, action: &ShellAction) -> Judgement {
        match action {
            ShellAction::MakeFilesystem { mount, serial, uuid, .. } => {
                let (volume, device) = self.idle_device(mount, serial)?;
                must(device.contents == Contents::Blank, "it is not seen to be blank")?;
                must(volume.from_snapshot.is_none(), "it was made from a snapshot")?;
                must(volume.tags.content() == Some(ContentMark::Blank), "it is not marked blank")?;
                must(
                    uuid == &volume.id.filesystem_uuid(),
                    "its UUID is not derived from the volume",
                )?;
                let known = self.world.memory.data_epochs.get(mount);
                let number = volume.tags.epoch().map(|epoch| epoch.number);
                must(
                    known.is_none_or(|known| number > Some(*known)),
                    "data was seen under its epoch",
                )
            }
            ShellAction::Mount { mount, serial, at, kind, .. } => {
                let (volume, device) = self.idle_device(mount, serial)?;
                let Contents::Filesystem { kind: seen, uuid: Some(uuid) } = &device.contents else {
                    return Err("no file system is seen on it".to_owned());
                };
                must(volume.tags.content() == Some(ContentMark::Data), "it is not marked as data")?;
                must(
                    volume.tags.filesystem(&volume.id) == Some((seen, uuid.into())),
                    "the file system is not the recorded one",
                )?;
                must(kind == seen, "it is mounted as another type")?;
                let defined = self.world.definition.mount(mount).ok_or("it is not defined")?;
                must(at == &defined.at, "the mount point is another one")?;
                let probe = self.answer(&mount.node).and_then(|answer| answer.probe.as_ref().ok());
                let is_taken = |one: &wucluster_core::observation::MountSeen| &one.at == at;
                must(
                    !probe.is_some_and(|probe| probe.mount_table.iter().any(is_taken)),
                    "the mount point is taken",
                )
            }
            ShellAction::Unmount { mount, serial, .. } => {
                let volume = self.sole_volume_by_serial(mount, serial)?;
                for attachment in open(volume) {
                    self.sole_instance(&mount.node, &attachment.instance)?;
                }
                Ok(())
            }
            ShellAction::GrowFilesystem { mount, serial, at, size } => {
                let volume = self.sole_volume_by_serial(mount, serial)?;
                must(*size == volume.size, "its volume has another size")?;
                let answers = self.answer(&mount.node);
                let probe = answers.and_then(|answer| answer.probe.as_ref().ok());
                let device = probe.and_then(|probe| probe.devices.get(serial));
                let device = device.ok_or("its node does not show it")?;
                must(device.mounts.iter().any(|seen| &seen.at == at), "it is not mounted there")?;
                self.is_live(mount, volume)
            }
            ShellAction::Freeze { .. } | ShellAction::Thaw { .. } => {
                must(false, "no plan takes a checkpoint")
            }
        }
    }

    fn begins_from(&self, mount: &MountKey, from: Option<&str>, tags: &Tags) -> Judgement {
        let data: Vec<&SnapshotSeen> = self
            .snapshots(mount)
            .filter(|seen| seen.tags.content() != Some(ContentMark::Blank))
            .collect();
        let newest =
            data.iter().filter_map(|seen| seen.tags.epoch()).map(|epoch| epoch.number).max();
        let base = self.world.definition.mount(mount).and_then(|defined| defined.from.as_ref());
        let is_base = from.is_some() && from == base.map(SnapshotId::as_str);
        let source = data.iter().find(|seen| Some(seen.id.as_str()) == from);
        if let Some(source) = source {
            must(source.state == SnapshotState::Completed, "its source is not complete")?;
        }
        must(
            tags.epoch().is_some_and(|epoch| newest < Some(epoch.number)),
            "its epoch is claimed already",
        )?;
        if self.world.policy.lose.contains(mount) {
            return Ok(());
        }
        let known = self.world.memory.data_epochs.get(mount).copied();
        must(known.is_none_or(|known| newest >= Some(known)), "newer data is known of")?;
        match source {
            Some(source) => must(
                source.tags.epoch().map(|epoch| epoch.number) == newest,
                "a newer snapshot is seen",
            ),
            None => must(
                data.is_empty() && (is_base || (from.is_none() && base.is_none())),
                "data is passed over",
            ),
        }
    }

    fn tag(&self, mount: &MountKey, id: &VolumeId, tags: &Tags) -> Judgement {
        let seen = self.sole_volume(mount, id)?;
        if let (Some(before), Some(after)) = (seen.tags.epoch(), tags.epoch()) {
            must(is_free(seen), "an epoch ends and begins only while nobody has the volume")?;
            let highest = self
                .snapshots(mount)
                .filter_map(|kept| kept.tags.epoch())
                .map(|kept| kept.number)
                .max();
            return if after.is_sealed {
                must(!before.is_sealed && after.number == before.number, "a seal keeps the number")
            } else {
                must(
                    after.number > before.number && Some(after.number) > highest,
                    "a raise grows the number",
                )
            };
        }
        must(tags.get(KEY_EPOCH).is_none(), "an epoch is written over one that cannot be read")?;
        if tags.content() == Some(ContentMark::Foreign) {
            return self.foreign(mount, seen);
        }
        must(tags.content() == Some(ContentMark::Data), "a mark never becomes blank")?;
        let (_, device) = self.idle_device(mount, &id.serial())?;
        let Contents::Filesystem { kind, uuid: Some(uuid) } = &device.contents else {
            return Err("no file system is seen on it".to_owned());
        };
        // `own` says that the UUID is the one that follows from the volume's id.
        let is_own = uuid == &seen.id.filesystem_uuid();
        let record = format!("{kind} {}", if is_own { "own" } else { uuid });
        must(tags.get(KEY_FILESYSTEM) == Some(&record), "the record is not what is seen")?;
        must(
            seen.tags.content() != Some(ContentMark::Blank) || uuid == &seen.id.filesystem_uuid(),
            "what is on a blank volume is not ours",
        )
    }

    /// What is not ours was seen on a volume that is recorded as blank, whoever has it by now.
    fn foreign(&self, mount: &MountKey, volume: &VolumeSeen) -> Judgement {
        must(volume.tags.content() == Some(ContentMark::Blank), "it is not marked blank")?;
        let answer = self.answer(&mount.node).ok_or("its node did not answer")?;
        let probe = answer.probe.as_ref().map_err(|gap| gap.why.clone())?;
        let device = probe.devices.get(&volume.id.serial()).ok_or("its device is not seen")?;
        let is_foreign = match &device.contents {
            Contents::Other(_) => true,
            Contents::Filesystem { uuid, .. } => {
                uuid.as_deref() != Some(volume.id.filesystem_uuid().as_str())
            }
            Contents::Blank | Contents::NotExamined | Contents::Unreadable(_) => false,
        };
        must(is_foreign, "nothing that is not ours is seen on it")
    }

    /// The device of a volume that its own machine has, told freshly to be open nowhere.
    fn idle_device(
        &self,
        mount: &MountKey,
        serial: &str,
    ) -> Result<(&'a VolumeSeen, &'a DeviceSeen), String> {
        let volume = self.sole_volume_by_serial(mount, serial)?;
        must(
            volume.state == VolumeState::InUse && open(volume).count() == 1,
            "it is not attached",
        )?;
        self.is_unmounted(mount, volume)?;
        let answer = self.answer(&mount.node).ok_or("its node did not answer")?;
        let probe = answer.probe.as_ref().map_err(|gap| gap.why.clone())?;
        Ok((volume, probe.devices.get(serial).ok_or("its device is not seen")?))
    }

    /// Whether the volume's own machine told, after all that was asked of it and after the attachment
    /// came to be as it is, that nothing has it open; or a dead machine has it, or none.
    fn is_unmounted(&self, mount: &MountKey, volume: &VolumeSeen) -> Judgement {
        for attachment in open(volume) {
            let seen = self.sole_instance(&mount.node, &attachment.instance)?;
            if matches!(seen.state, InstanceState::Stopped | InstanceState::Terminated) {
                continue;
            }
            if seen.state == InstanceState::Pending
                && attachment.state == AttachmentState::Attaching
            {
                continue;
            }
            must(seen.state == InstanceState::Running, "its machine cannot tell")?;
            let answer = self.answer(&mount.node).filter(|answer| answer.instance == seen.id);
            let answer = answer.ok_or("its machine was not asked")?;
            let probe = answer.probe.as_ref().map_err(|gap| gap.why.clone())?;
            let since = self.world.memory.attachments.get(mount).map(|(_, since)| *since);
            must(
                since.is_none_or(|since| answer.asked_at >= since),
                "the node's word is older than the attachment",
            )?;
            if let Some(device) = probe.devices.get(&volume.id.serial()) {
                must(device.mounts.is_empty() && device.on_top.is_empty(), "it is in use")?;
                must(device.is_held == Some(false), "it may be open")?;
            }
        }
        Ok(())
    }

    fn answer(&self, node: &NodeName) -> Option<&'a NodeView> {
        self.world.answers.get(node)
    }

    fn identity(&self, tags: &Tags) -> Option<Identity> {
        tags.identity(&self.world.definition.name).ok()
    }

    fn instances(&self, node: &'a NodeName) -> impl Iterator<Item = &'a InstanceSeen> {
        self.world
            .view
            .instances
            .iter()
            .filter(move |seen| self.identity(&seen.tags) == Some(Identity::Node(node.clone())))
            .filter(|seen| seen.state != InstanceState::Terminated)
    }

    fn volumes(&self, mount: &'a MountKey) -> impl Iterator<Item = &'a VolumeSeen> {
        let of_mount = Identity::Mount(mount.clone());
        let volumes =
            self.world.view.volumes.iter().filter(|seen| seen.state != VolumeState::Deleted);
        volumes.filter(move |seen| self.identity(&seen.tags).as_ref() == Some(&of_mount))
    }

    fn snapshots(&self, mount: &MountKey) -> impl Iterator<Item = &'a SnapshotSeen> {
        let of_mount = Identity::Mount(mount.clone());
        let snapshots = self.world.view.snapshots.iter();
        let cluster = &self.world.definition.name;
        snapshots.filter(move |seen| seen.tags.identity(cluster).ok().as_ref() == Some(&of_mount))
    }

    fn is_sole_instance(&self, id: &InstanceId) -> bool {
        let Some(seen) = self.world.view.instances.iter().find(|seen| &seen.id == id) else {
            return false;
        };
        match self.identity(&seen.tags) {
            Some(Identity::Node(node)) => self
                .world
                .view
                .instances
                .iter()
                .filter(|other| other.state != InstanceState::Terminated)
                .filter(|other| self.identity(&other.tags) == Some(Identity::Node(node.clone())))
                .all(|other| &other.id == id),
            _ => false,
        }
    }

    fn sole_instance(&self, node: &NodeName, id: &InstanceId) -> Result<&'a InstanceSeen, String> {
        must(self.is_sole_instance(id), "its machine has a twin, or is not seen")?;
        let seen = self.world.view.instances.iter().find(|seen| &seen.id == id);
        let seen = seen.ok_or("its machine is not seen")?;
        must(
            self.identity(&seen.tags) == Some(Identity::Node(node.clone())),
            "the machine is another node's",
        )?;
        Ok(seen)
    }

    fn sole_volume(&self, mount: &MountKey, id: &VolumeId) -> Result<&'a VolumeSeen, String> {
        let of_mount = Identity::Mount(mount.clone());
        let mut living = self
            .world
            .view
            .volumes
            .iter()
            .filter(|seen| seen.state != VolumeState::Deleted)
            .filter(|seen| self.identity(&seen.tags).as_ref() == Some(&of_mount));
        match (living.next(), living.next()) {
            (Some(one), None) if &one.id == id => Ok(one),
            (Some(_), Some(_)) => Err("its volume has a twin".to_owned()),
            _ => Err("its volume is not seen".to_owned()),
        }
    }

    fn sole_volume_by_serial(
        &self,
        mount: &MountKey,
        serial: &str,
    ) -> Result<&'a VolumeSeen, String> {
        let seen = self.world.view.volumes.iter().find(|seen| seen.id.serial() == serial);
        self.sole_volume(mount, &seen.ok_or("no volume has that serial")?.id)
    }
}

fn open(volume: &VolumeSeen) -> impl Iterator<Item = &AttachmentSeen> {
    volume.attachments.iter().filter(|one| one.state != AttachmentState::Detached)
}

fn is_free(volume: &VolumeSeen) -> bool {
    volume.state == VolumeState::Available && open(volume).next().is_none()
}

//! Requests about what is there.

use wucluster_core::action::CloudAction;
use wucluster_core::ids::{InstanceId, NodeName, SnapshotId, Subject, VolumeId};
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::InstanceState;
use wucluster_core::ports::Receipt;
use wucluster_core::tags::{KEY_MOUNT, KEY_NODE};

use crate::creations::size;
use crate::form::Form;
use crate::front::Desk;
use crate::kept::{mount, nameless, subject};
use crate::listings::not_found;
use crate::refusal::{Failure, misunderstood, refuse};
use crate::shown;
use crate::xml::Xml;

/// What is done with instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Start,
    Stop,
    Terminate,
}

impl Desk {
    /// Starts, stops or terminates instances; all of them, or it is refused for the first that cannot be.
    pub(crate) async fn power(&self, mut form: Form, power: Power) -> Result<Xml, Failure> {
        let ids = form.list("InstanceId");
        form.finish()?;
        if ids.is_empty() {
            let why = "The request must contain the parameter InstanceId";
            return Err(refuse("MissingParameter", why));
        }
        let mut actions = Vec::new();
        for id in &ids {
            let node = node(self.subject_of("InstanceID", id).await?);
            let instance = InstanceId::new(id.as_str());
            actions.push(match power {
                Power::Start => CloudAction::StartInstance { node, instance },
                Power::Stop => CloudAction::StopInstance { node, instance },
                Power::Terminate => CloudAction::TerminateInstance { node, instance },
            });
        }
        self.issue(actions).await?;
        let becomes = match power {
            Power::Start => InstanceState::Pending,
            Power::Stop => InstanceState::Stopping,
            Power::Terminate => InstanceState::ShuttingDown,
        };
        let mut xml = Xml::default();
        xml.list("instancesSet", &ids, |xml, id| {
            xml.leaf("instanceId", id);
            shown::state(xml, "currentState", &becomes);
        });
        Ok(xml)
    }

    pub(crate) async fn attach_volume(&self, mut form: Form) -> Result<Xml, Failure> {
        let volume = VolumeId::new(form.need("VolumeId")?);
        let instance = InstanceId::new(form.need("InstanceId")?);
        let device = form.need("Device")?;
        form.finish()?;
        let mount = mount(self.subject_of("Volume", volume.as_str()).await?);
        if device == shown::ROOT || self.kept().is_taken(&instance, &device, &volume) {
            let why = format!(
                "Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
            );
            return Err(refuse("InvalidParameterValue", why));
        }
        let action =
            CloudAction::AttachVolume { mount, volume: volume.clone(), instance: instance.clone() };
        self.issue_one(action).await?;
        self.kept().place(volume.clone(), instance.clone(), device.clone());
        Ok(attachment(&volume, &instance, &device, "attaching"))
    }

    pub(crate) async fn detach_volume(&self, mut form: Form) -> Result<Xml, Failure> {
        let volume = VolumeId::new(form.need("VolumeId")?);
        // Without it EC2 takes the one that it is attached to; here whoever detaches must know.
        let instance = InstanceId::new(form.need("InstanceId")?);
        let device = form.take("Device");
        form.finish()?;
        let mount = mount(self.subject_of("Volume", volume.as_str()).await?);
        let action =
            CloudAction::DetachVolume { mount, volume: volume.clone(), instance: instance.clone() };
        self.issue_one(action).await?;
        Ok(attachment(&volume, &instance, &device.unwrap_or_default(), "detaching"))
    }

    pub(crate) async fn modify_volume(&self, mut form: Form) -> Result<Xml, Failure> {
        let volume = form.need("VolumeId")?;
        let size = size(&mut form)?;
        form.finish()?;
        let mount = mount(self.subject_of("Volume", &volume).await?);
        let id = VolumeId::new(volume.as_str());
        self.issue_one(CloudAction::GrowVolume { mount, volume: id, size }).await?;
        let mut xml = Xml::default();
        xml.node("volumeModification", |xml| {
            xml.leaf("volumeId", &volume);
            xml.leaf("modificationState", "modifying");
            xml.leaf("targetSize", size.gib());
        });
        Ok(xml)
    }

    pub(crate) async fn delete_volume(&self, mut form: Form) -> Result<Xml, Failure> {
        let volume = form.need("VolumeId")?;
        form.finish()?;
        let mount = mount(self.subject_of("Volume", &volume).await?);
        let id = VolumeId::new(volume);
        // Whoever asked knows which snapshot keeps it; nobody tells EC2.
        let action = CloudAction::DeleteVolume { mount, volume: id.clone(), kept_by: None };
        // EC2 knows no volume any more that was deleted.
        if self.issue_one(action).await? == Receipt::AlreadyDone {
            return Err(not_found("Volume", id.as_str()));
        }
        self.kept().delete(id);
        Ok(done())
    }

    pub(crate) async fn delete_snapshot(&self, mut form: Form) -> Result<Xml, Failure> {
        let snapshot = form.need("SnapshotId")?;
        form.finish()?;
        let mount = mount(self.subject_of("Snapshot", &snapshot).await?);
        let (snapshot, kept_by) = (SnapshotId::new(snapshot), SnapshotId::new("unknown"));
        let action = CloudAction::DeleteSnapshot { mount, snapshot: snapshot.clone(), kept_by };
        if self.issue_one(action).await? == Receipt::AlreadyDone {
            return Err(not_found("Snapshot", snapshot.as_str()));
        }
        Ok(done())
    }

    /// Sets tags on anything. What names a node or mount gives the thing to it.
    pub(crate) async fn create_tags(&self, mut form: Form) -> Result<Xml, Failure> {
        let ids = form.list("ResourceId");
        let tags = form.tags("Tag");
        form.finish()?;
        if ids.is_empty() || tags.iter().len() == 0 {
            let why = "The request must contain the parameters ResourceId and Tag";
            return Err(refuse("MissingParameter", why));
        }
        let gives = tags.get(KEY_NODE).is_some() || tags.get(KEY_MOUNT).is_some();
        let mut actions = Vec::new();
        for id in &ids {
            let (kind, awaited) = match id.split('-').next() {
                Some("i") => ("InstanceID", AwaitedId::Instance(InstanceId::new(id.as_str()))),
                Some("vol") => ("Volume", AwaitedId::Volume(VolumeId::new(id.as_str()))),
                Some("snap") => ("Snapshot", AwaitedId::Snapshot(SnapshotId::new(id.as_str()))),
                _ => {
                    let why = format!("The ID '{id}' is not valid");
                    return Err(misunderstood("InvalidID", why));
                }
            };
            let owner = self.subject_of(kind, id).await?;
            let becomes = if gives { subject(id, &tags) } else { owner.clone() };
            actions.push(match (owner, awaited) {
                (Subject::Mount(mount), AwaitedId::Volume(volume)) if !gives => {
                    CloudAction::TagVolume { mount, volume, tags: tags.clone() }
                }
                (Subject::Mount(mount), AwaitedId::Snapshot(snapshot)) if !gives => {
                    CloudAction::TagSnapshot { mount, snapshot, tags: tags.clone() }
                }
                (_, id) => CloudAction::Adopt { subject: becomes, id, tags: tags.clone() },
            });
        }
        self.issue(actions).await?;
        if gives {
            let mut kept = self.kept();
            for id in &ids {
                kept.subjects.remove(id);
            }
        }
        Ok(done())
    }
}

fn node(subject: Subject) -> NodeName {
    match subject {
        Subject::Node(node) => node,
        Subject::Mount(_) | Subject::Cluster | Subject::Stranger(_) => nameless(),
    }
}

fn attachment(volume: &VolumeId, instance: &InstanceId, device: &str, state: &str) -> Xml {
    let mut xml = Xml::default();
    xml.leaf("volumeId", volume);
    xml.leaf("instanceId", instance);
    xml.leaf("device", device);
    xml.leaf("status", state);
    xml
}

fn done() -> Xml {
    let mut xml = Xml::default();
    xml.leaf("return", true);
    xml
}

//! Requests that make something.

use std::collections::BTreeMap;

use wucluster_core::action::CloudAction;
use wucluster_core::definition::{EbsVolume, Ec2Machine, MachineDefinition, Size};
use wucluster_core::ids::{SnapshotId, Subject, VolumeId};
use wucluster_core::node_set::NodeSet;
use wucluster_core::observation::InstanceState;
use wucluster_core::ports::Receipt;
use wucluster_core::tags::{KEY_CLUSTER, KEY_NODES, Tags};

use crate::form::Form;
use crate::front::{ACCOUNT, Desk};
use crate::kept::{Disk, Machine, mount, nameless, subject};
use crate::refusal::{Failure, misunderstood, refuse};
use crate::shown;
use crate::xml::Xml;

/// Most instances of one request here.
const TOGETHER_MAX: usize = 1000;

impl Desk {
    /// Runs instances: as many requests of the port as are wanted. Where the tags tell whose they are, these share the call;
    /// else each has a token of its own that follows from the request's.
    pub(crate) async fn run_instances(&self, mut form: Form) -> Result<Xml, Failure> {
        let token = form.need("ClientToken")?;
        let kept = Machine {
            image: form.need("ImageId")?,
            kind: form.need("InstanceType")?,
            ..Machine::default()
        };
        let zone = form.take("Placement.AvailabilityZone");
        let count = |form: &mut Form, name| -> Result<usize, Failure> {
            form.read_as(name)?.filter(|count| (1..=TOGETHER_MAX).contains(count)).ok_or_else(
                || {
                    misunderstood(
                        "InvalidParameterValue",
                        format!("{name} is no number of instances"),
                    )
                },
            )
        };
        let (min, max) = (count(&mut form, "MinCount")?, count(&mut form, "MaxCount")?);
        if min != max {
            let why = "only a whole number of instances is run here: MinCount and MaxCount differ";
            return Err(misunderstood("InvalidParameterValue", why));
        }
        let machine = machine(&mut form, &kept)?;
        let (groups, key) = (machine.ec2.security_groups.clone(), machine.ec2.key.clone());
        let machine = (self.options.machine)(machine);
        let mut tags = form.tag_specifications()?;
        let (own, of_root) = (tags.remove("instance"), tags.remove("volume"));
        no_others(&tags)?;
        if of_root.is_some_and(|tags| tags.get(KEY_CLUSTER).is_some()) {
            let why = "the system's disk would carry the tag of a cluster, and is nobody's mount";
            return Err(misunderstood("InvalidParameterValue", why));
        }
        form.finish()?;
        self.kept().doors.check(&groups, key.as_deref())?;
        if !self.options.images.contains_key(&kept.image) {
            let why = format!("The image id '[{}]' does not exist", kept.image);
            return Err(refuse("InvalidAMIID.NotFound", why));
        }
        let tags = own.unwrap_or_default();
        let set = tags.get(KEY_NODES).map(|set| NodeSet::try_from(set.to_owned()));
        let set = set
            .transpose()
            .map_err(|why| misunderstood("InvalidParameterValue", why.to_string()))?;
        if let Some(set) = set.as_ref().filter(|set| set.nodes().count() != max) {
            let why = format!("{max} instances are asked for, and the tags tell of {set}");
            return Err(misunderstood("InvalidParameterValue", why));
        }
        let of_one = |at: usize| {
            let tags = tags.clone().of_member(at);
            let node = match subject("", &tags) {
                Subject::Node(node) => node,
                Subject::Cluster | Subject::Mount(_) | Subject::Stranger(_) => nameless(),
            };
            let is_first = at == 0 || set.is_some();
            CloudAction::RunInstance {
                node,
                machine: machine.clone(),
                zone: zone.clone(),
                tags,
                token: if is_first { token.clone() } else { format!("{token}+{at}") },
                together: set.clone(),
            }
        };
        let actions = (0..max).map(of_one);
        let receipts = self.issue(actions.collect()).await?;
        let mut ids = Vec::new();
        for (at, receipt) in receipts.into_iter().enumerate() {
            let Receipt::Instance(id) = receipt else { return Err(odd(&receipt)) };
            let mut all = self.kept();
            all.machines
                .insert(id.clone(), Machine { place: at, set: set.clone(), ..kept.clone() });
            all.doors.ran(id.clone(), groups.clone());
            let own = tags.clone().of_member(at);
            all.subjects.insert(id.as_str().to_owned(), subject(id.as_str(), &own));
            ids.push(id);
        }
        let mut xml = Xml::default();
        xml.leaf("reservationId", format!("r-{}", ids[0].as_str().trim_start_matches("i-")));
        xml.leaf("ownerId", ACCOUNT);
        xml.list("instancesSet", ids.iter().enumerate(), |xml, (at, id)| {
            xml.leaf("instanceId", id);
            xml.leaf("imageId", &kept.image);
            shown::state(xml, "instanceState", &InstanceState::Pending);
            xml.leaf("amiLaunchIndex", at);
            xml.leaf("instanceType", &kept.kind);
            shown::tags(xml, &tags);
        });
        Ok(xml)
    }

    pub(crate) async fn create_volume(&self, mut form: Form) -> Result<Xml, Failure> {
        let token = form.need("ClientToken")?;
        let zone = form.need("AvailabilityZone")?;
        let size = size(&mut form)?;
        let from = form.take("SnapshotId").map(SnapshotId::new);
        let ebs = EbsVolume {
            kind: form.take("VolumeType"),
            iops: form.read_as("Iops")?,
            throughput: form.read_as("Throughput")?,
            initialization_rate: form.read_as("VolumeInitializationRate")?,
            encrypted: form.read_as("Encrypted")?,
            kms_key: form.take("KmsKeyId"),
        };
        let disk = Disk {
            kind: ebs.kind.clone(),
            iops: ebs.iops,
            throughput: ebs.throughput,
            is_encrypted: ebs.encrypted.unwrap_or_default(),
        };
        if ebs.initialization_rate.is_some() && from.is_none() {
            let why = "a blank volume has nothing to be fetched at a rate";
            return Err(misunderstood("InvalidParameterCombination", why));
        }
        let tags = tags_of(&mut form, "volume")?;
        form.finish()?;
        let action = CloudAction::CreateVolume {
            mount: mount(subject("", &tags)),
            size,
            from: from.clone(),
            zone: Some(zone.clone()),
            ebs,
            tags: tags.clone(),
            token,
        };
        let receipt = self.issue_one(action).await?;
        let Receipt::Volume(id) = receipt else { return Err(odd(&receipt)) };
        let mut kept = self.kept();
        kept.subjects.insert(id.as_str().to_owned(), subject(id.as_str(), &tags));
        kept.disks.insert(id.clone(), disk.clone());
        let mut xml = Xml::default();
        xml.leaf("volumeId", id);
        xml.leaf("size", size.gib());
        xml.leaf("snapshotId", from.as_ref().map_or("", SnapshotId::as_str));
        xml.leaf("availabilityZone", zone);
        xml.leaf("status", "creating");
        xml.leaf_of("volumeType", disk.kind);
        xml.leaf("encrypted", disk.is_encrypted);
        shown::tags(&mut xml, &tags);
        Ok(xml)
    }

    pub(crate) async fn create_snapshot(&self, mut form: Form) -> Result<Xml, Failure> {
        let volume = form.need("VolumeId")?;
        let description = form.take("Description").unwrap_or_default();
        let tags = tags_of(&mut form, "snapshot")?;
        form.finish()?;
        let mount = mount(self.subject_of("Volume", &volume).await?);
        let action = CloudAction::CreateSnapshot {
            mount,
            volume: VolumeId::new(volume.as_str()),
            tags: tags.clone(),
        };
        let receipt = self.issue_one(action).await?;
        let Receipt::Snapshot(id) = receipt else { return Err(odd(&receipt)) };
        self.kept().subjects.insert(id.as_str().to_owned(), subject(id.as_str(), &tags));
        let mut xml = Xml::default();
        xml.leaf("snapshotId", id);
        xml.leaf("volumeId", volume);
        xml.leaf("status", "pending");
        xml.leaf("progress", "");
        xml.leaf("ownerId", ACCOUNT);
        xml.leaf("description", description);
        shown::tags(&mut xml, &tags);
        Ok(xml)
    }
}

/// Reads which machine is wanted, so that a token that is used again for another one is told apart.
fn machine(form: &mut Form, kept: &Machine) -> Result<MachineDefinition, Failure> {
    let profile = form.take("IamInstanceProfile.Arn");
    let profile = profile.or_else(|| form.take("IamInstanceProfile.Name"));
    let market = form.take("InstanceMarketOptions.MarketType");
    if market.as_deref().is_some_and(|market| market != "spot") {
        return Err(misunderstood("InvalidParameterValue", format!("the market is {market:?}")));
    }
    // The user's own setting; nothing here depends on it.
    let tokens = form.take("MetadataOptions.HttpTokens");
    let _: Option<u32> = form.read_as("MetadataOptions.HttpPutResponseHopLimit")?;
    if tokens.as_deref().is_some_and(|tokens| tokens != "required") {
        return Err(misunderstood("InvalidParameterValue", format!("tokens are {tokens:?}")));
    }
    let root = match form.take("BlockDeviceMapping.1.DeviceName") {
        None => None,
        Some(device) if device == shown::ROOT => {
            let goes_too: Option<bool> =
                form.read_as("BlockDeviceMapping.1.Ebs.DeleteOnTermination")?;
            if goes_too != Some(true) {
                let why = "a root disk that stays behind its instance is nobody's";
                return Err(misunderstood("InvalidParameterValue", why));
            }
            form.read_as("BlockDeviceMapping.1.Ebs.VolumeSize")?.map(Size::from_gib)
        }
        Some(device) => {
            let why = format!("{device} is not the system's disk");
            return Err(misunderstood("InvalidBlockDeviceMapping", why));
        }
    };
    Ok(MachineDefinition {
        image: Some(kept.image.clone()),
        instance_type: Some(kept.kind.clone()),
        ec2: Ec2Machine {
            subnet: form.take("SubnetId"),
            security_groups: form.list("SecurityGroupId"),
            key: form.take("KeyName"),
            profile,
            root,
            spot: market.is_some(),
            ..Ec2Machine::default()
        },
        ..MachineDefinition::default()
    })
}

/// Takes the size of a volume.
pub(crate) fn size(form: &mut Form) -> Result<Size, Failure> {
    let size: Option<u32> = form.read_as("Size")?;
    size.map(Size::from_gib).ok_or_else(|| {
        refuse("MissingParameter", "The request must contain the parameter size/snapshot")
    })
}

/// Takes the tags of the one thing that is made.
fn tags_of(form: &mut Form, kind: &str) -> Result<Tags, Failure> {
    let mut tags = form.tag_specifications()?;
    let own = tags.remove(kind).unwrap_or_default();
    no_others(&tags).map(|()| own)
}

/// Refuses tags for what is not made.
fn no_others(tags: &BTreeMap<String, Tags>) -> Result<(), Failure> {
    match tags.keys().next() {
        None => Ok(()),
        Some(kind) => {
            let why = format!("'{kind}' is not a valid taggable resource type for this operation");
            Err(misunderstood("InvalidParameterValue", why))
        }
    }
}

/// The cloud confirmed something else than what was asked for.
fn odd(receipt: &Receipt) -> Failure {
    refuse("InternalError", format!("the cloud behind answered {receipt:?}"))
}

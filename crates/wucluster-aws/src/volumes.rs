//! Requests about volumes and snapshots.

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::create_volume::builders::CreateVolumeFluentBuilder;
use aws_sdk_ec2::types::{ResourceType, VolumeType};
use wucluster_core::definition::{EbsVolume, Size};
use wucluster_core::ids::{InstanceId, MountKey, SnapshotId, VolumeId};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::Tags;

use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::errors;
use crate::instances::{tag, tagged};
use crate::rates::Request;

/// The type of volumes whose definition names none. EC2's own default is `gp2`, which is slower and costs more.
pub(crate) const TYPE_DEFAULT: &str = "gp3";

/// A volume to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) mount: &'a MountKey,
    pub(crate) size: Size,
    pub(crate) from: Option<&'a SnapshotId>,
    pub(crate) zone: Option<&'a str>,
    pub(crate) ebs: &'a EbsVolume,
    pub(crate) tags: &'a Tags,
    pub(crate) token: &'a str,
}

impl AwsCloud {
    /// Makes a volume.
    pub(crate) async fn create_volume(
        &self,
        clients: &Clients,
        wish: Wish<'_>,
    ) -> Result<Receipt, CloudError> {
        let request = self.volume_request(clients, wish)?;
        self.rates.turn(Request::CreateVolume).await;
        let answer = self.heard(Request::CreateVolume, request.send().await).await?;
        match answer.volume_id() {
            Some(id) => Ok(Receipt::Volume(VolumeId::new(id))),
            None => Err(errors::garbled("CreateVolume", "the answer names no volume")),
        }
    }

    /// Writes the request for a volume; makes none.
    pub(crate) fn volume_request(
        &self,
        clients: &Clients,
        wish: Wish<'_>,
    ) -> Result<CreateVolumeFluentBuilder, CloudError> {
        let Wish { mount, size, from, zone, ebs, tags, token } = wish;
        let Some(zone) = zone else {
            return Err(errors::unaskable(
                "MissingParameter",
                "volumes are made in a zone: write `zone` in `[cluster]`",
            ));
        };
        let EbsVolume { kind, iops, throughput, initialization_rate, encrypted, kms_key } = ebs;
        let own = self.options.tags_of(mount);
        let number = |rate: &Option<u32>| rate.map(|rate| i32::try_from(rate).unwrap_or(i32::MAX));
        let request = clients
            .changes
            .create_volume()
            .availability_zone(zone)
            .size(i32::try_from(size.gib()).unwrap_or(i32::MAX))
            .set_snapshot_id(from.map(|id| id.as_str().to_owned()))
            .volume_type(VolumeType::from(kind.as_deref().unwrap_or(TYPE_DEFAULT)))
            .set_iops(number(iops))
            .set_throughput(number(throughput))
            // Of a blank volume there is nothing to fetch.
            .set_volume_initialization_rate(from.and_then(|_| number(initialization_rate)))
            .set_encrypted(*encrypted)
            .set_kms_key_id(kms_key.clone())
            .client_token(token)
            .set_tag_specifications(tagged(ResourceType::Volume, tags, own).map(|one| vec![one]));
        Ok(request)
    }

    /// Attaches a volume, under a name that is free on the instance as far as is known.
    pub(crate) async fn attach_volume(
        &self,
        clients: &Clients,
        volume: &VolumeId,
        instance: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let Some(device) = self.memory().devices.give(instance, volume) else {
            return Err(errors::unaskable(
                "AttachmentLimitExceeded",
                format!("{instance} has no device name left for {volume}"),
            ));
        };
        self.rates.turn(Request::AttachVolume).await;
        let answer = clients
            .changes
            .attach_volume()
            .volume_id(volume.as_str())
            .instance_id(instance.as_str())
            .device(device)
            .send()
            .await;
        match self.heard(Request::AttachVolume, answer).await {
            Ok(_) => Ok(Receipt::Accepted),
            Err(error) => {
                let is_taken = error.code == "InvalidParameterValue"
                    && error.message.contains("already in use");
                self.memory().devices.take_back(instance, volume, is_taken);
                Err(error)
            }
        }
    }

    /// Detaches a volume, never by force.
    pub(crate) async fn detach_volume(
        &self,
        clients: &Clients,
        volume: &VolumeId,
        instance: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        self.rates.turn(Request::DetachVolume).await;
        let answer = clients
            .changes
            .detach_volume()
            .volume_id(volume.as_str())
            .instance_id(instance.as_str())
            .send()
            .await;
        self.heard(Request::DetachVolume, answer).await.map(|_| Receipt::Accepted)
    }

    /// Makes a volume larger, in use or not. EC2 refuses a smaller size. Each call that it takes counts of the few a day.
    ///
    /// Source: EC2 API reference, `ModifyVolume`; EBS user guide, "Modify an Amazon EBS volume".
    pub(crate) async fn grow_volume(
        &self,
        clients: &Clients,
        volume: &VolumeId,
        size: Size,
    ) -> Result<Receipt, CloudError> {
        self.rates.turn(Request::ModifyVolume).await;
        let answer = clients
            .changes
            .modify_volume()
            .volume_id(volume.as_str())
            .size(i32::try_from(size.gib()).unwrap_or(i32::MAX))
            .send()
            .await;
        self.heard(Request::ModifyVolume, answer).await.map(|_| Receipt::Accepted)
    }

    /// Sets the same tags on volumes, all in one call.
    pub(crate) async fn tag_all(
        &self,
        clients: &Clients,
        ids: &[&str],
        tags: &Tags,
    ) -> Result<(), CloudError> {
        self.rates.turn(Request::CreateTags).await;
        let answer = clients
            .changes
            .create_tags()
            .set_resources(Some(ids.iter().map(|id| (*id).to_owned()).collect()))
            .set_tags(Some(tags.iter().map(|(key, value)| tag(key, value)).collect()))
            .send()
            .await;
        self.heard(Request::CreateTags, answer).await.map(drop)
    }

    /// Takes a snapshot. There is no token: each call makes another one.
    pub(crate) async fn create_snapshot(
        &self,
        clients: &Clients,
        mount: &MountKey,
        volume: &VolumeId,
        tags: &Tags,
    ) -> Result<Receipt, CloudError> {
        let own: &BTreeMap<String, String> = self.options.tags_of(mount);
        self.rates.turn(Request::CreateSnapshot).await;
        let answer = clients
            .changes
            .create_snapshot()
            .volume_id(volume.as_str())
            .description(format!("wucluster: {mount}"))
            .set_tag_specifications(tagged(ResourceType::Snapshot, tags, own).map(|one| vec![one]))
            .send()
            .await;
        let answer = self.heard(Request::CreateSnapshot, answer).await?;
        match answer.snapshot_id() {
            Some(id) => Ok(Receipt::Snapshot(SnapshotId::new(id))),
            None => Err(errors::garbled("CreateSnapshot", "the answer names no snapshot")),
        }
    }

    /// Deletes a volume.
    pub(crate) async fn delete_volume(
        &self,
        clients: &Clients,
        volume: &VolumeId,
    ) -> Result<Receipt, CloudError> {
        self.rates.turn(Request::DeleteVolume).await;
        let answer = clients.changes.delete_volume().volume_id(volume.as_str()).send().await;
        self.heard(Request::DeleteVolume, answer).await.map(|_| Receipt::Accepted)
    }

    /// Deletes a snapshot. What is not there any more is deleted already.
    ///
    /// Source: EC2 API reference, `DeleteSnapshot`: a snapshot holds all that its volume needs, whichever others go; a volume
    /// that was made from it does not need it.
    pub(crate) async fn delete_snapshot(
        &self,
        clients: &Clients,
        snapshot: &SnapshotId,
    ) -> Result<Receipt, CloudError> {
        self.rates.turn(Request::DeleteSnapshot).await;
        let answer = clients.changes.delete_snapshot().snapshot_id(snapshot.as_str()).send().await;
        match self.heard(Request::DeleteSnapshot, answer).await {
            Ok(_) => Ok(Receipt::Accepted),
            Err(error) if error.code == "InvalidSnapshot.NotFound" => Ok(Receipt::AlreadyDone),
            Err(error) => Err(error),
        }
    }
}

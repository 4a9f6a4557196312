//! Requests about instances.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMarketOptionsRequest, InstanceMetadataOptionsRequest, InstanceType, MarketType,
    Placement, Reservation, ResourceType, Tag, TagSpecification,
};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::{Ec2Machine, MachineDefinition};
use wucluster_core::ids::{InstanceId, VolumeId};
use wucluster_core::ports::CloudError;
use wucluster_core::tags::Tags;

use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::errors;
use crate::rates::Request;
use crate::seen;

/// Most hops that a token of the metadata service may go: no further than the machine itself.
const METADATA_HOPS: i32 = 1;

/// An instance to be run.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) machine: &'a MachineDefinition,
    pub(crate) zone: Option<&'a str>,
    /// Those of the instance; of several that share the call, those that all of them have.
    pub(crate) tags: Cow<'a, Tags>,
    pub(crate) token: &'a str,
    /// How many.
    pub(crate) many: usize,
}

impl<'a> Wish<'a> {
    /// Reads it from a request to run an instance, alone or with others. `None`: it is another request.
    pub(crate) fn of(action: &'a CloudAction) -> Option<Self> {
        let CloudAction::RunInstance { machine, zone, tags, token, together, node: _ } = action
        else {
            return None;
        };
        let (tags, many) = match together {
            None => (Cow::Borrowed(tags), 1),
            Some(set) => (Cow::Owned(tags.of_set(set)), set.nodes().count()),
        };
        Some(Self { machine, zone: zone.as_deref(), tags, token, many })
    }
}

/// Makes the tags of something that is being made.
pub(crate) fn tagged(
    what: ResourceType,
    tags: &Tags,
    own: &BTreeMap<String, String>,
) -> Option<TagSpecification> {
    let own = own.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let tags: Vec<Tag> = own.chain(tags.iter()).map(|(key, value)| tag(key, value)).collect();
    (!tags.is_empty())
        .then(|| TagSpecification::builder().resource_type(what).set_tags(Some(tags)).build())
}

/// Makes a tag.
pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

impl AwsCloud {
    /// Runs instances, all or none; returns them by their place in the call. See `docs/aws.md` for who shares one.
    pub(crate) async fn run_instances(
        &self,
        clients: &Clients,
        wish: Wish<'_>,
    ) -> Result<BTreeMap<usize, InstanceId>, CloudError> {
        let (machine, many) = (wish.machine, wish.many);
        let request = self.run_request(clients, wish).await?;
        self.rates.turn(Request::RunInstances).await;
        let answer = request.send().await;
        let answer = self.heard(Request::RunInstances, answer).await;
        let answer = answer.map_err(|error| self.as_of_new_key(&machine.ec2, error))?;
        let made: BTreeMap<usize, InstanceId> = answer
            .instances()
            .iter()
            .filter_map(|made| Some((seen::place(made), InstanceId::new(made.instance_id()?))))
            .collect();
        if made.len() == many {
            return Ok(made);
        }
        let why =
            format!("the answer tells {} instances apart, and {many} were asked for", made.len());
        Err(errors::garbled("RunInstances", &why))
    }

    /// Writes the request for one instance; makes none.
    pub(crate) async fn run_request(
        &self,
        clients: &Clients,
        wish: Wish<'_>,
    ) -> Result<RunInstancesFluentBuilder, CloudError> {
        let Wish { machine, zone, tags, token, many } = wish;
        let many = i32::try_from(many).unwrap_or(i32::MAX);
        let Ec2Machine {
            user: _,
            subnet,
            security_groups: _,
            key: _,
            profile,
            root,
            spot,
            tags: own,
        } = &machine.ec2;
        let Some(image) = &machine.image else {
            return Err(errors::unaskable(
                "MissingParameter",
                "the node has no `image`: name one, such as `ami-…`, in the definition",
            ));
        };
        let image = &self.image_of(image)?;
        let Some(kind) = &machine.instance_type else {
            return Err(errors::unaskable(
                "MissingParameter",
                "the node has no `type`: name one, such as `m7i.large`, in the definition",
            ));
        };
        let (groups, key) = self.ways_in(&machine.ec2)?;
        let mut request = clients
            .changes
            .run_instances()
            .image_id(image)
            .instance_type(InstanceType::from(kind.as_str()))
            .min_count(many)
            .max_count(many)
            .client_token(token)
            .set_tag_specifications(tagged(ResourceType::Instance, &tags, own).map(|one| vec![one]))
            .metadata_options(
                InstanceMetadataOptionsRequest::builder()
                    .http_tokens(HttpTokensState::Required)
                    .http_put_response_hop_limit(METADATA_HOPS)
                    .build(),
            )
            .set_subnet_id(subnet.clone())
            .set_key_name(key);
        // The system's disk must not carry the cluster's tag: it is nobody's mount.
        if let Some(disk) = tagged(ResourceType::Volume, &Tags::default(), own) {
            request = request.tag_specifications(disk);
        }
        if !groups.is_empty() {
            request = request.set_security_group_ids(Some(groups));
        }
        if let Some(zone) = zone {
            request = request.placement(Placement::builder().availability_zone(zone).build());
        }
        if let Some(profile) = profile {
            let by = IamInstanceProfileSpecification::builder();
            let by = if profile.starts_with("arn:") { by.arn(profile) } else { by.name(profile) };
            request = request.iam_instance_profile(by.build());
        }
        if *spot {
            let market = InstanceMarketOptionsRequest::builder().market_type(MarketType::Spot);
            request = request.instance_market_options(market.build());
        }
        if let Some(root) = root {
            let name = self.root_device(clients, image).await?;
            let disk = EbsBlockDevice::builder()
                .volume_size(i32::try_from(root.gib()).unwrap_or(i32::MAX))
                .delete_on_termination(true)
                .build();
            request = request.block_device_mappings(
                BlockDeviceMapping::builder().device_name(name).ebs(disk).build(),
            );
        }
        Ok(request)
    }

    /// Starts stopped instances, all in one call.
    pub(crate) async fn start_instances(
        &self,
        clients: &Clients,
        ids: &[&InstanceId],
    ) -> Result<(), CloudError> {
        self.rates.turn(Request::StartInstances).await;
        let ids = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let answer = clients.changes.start_instances().set_instance_ids(Some(ids)).send().await;
        self.heard(Request::StartInstances, answer).await.map(drop)
    }

    /// Stops running instances in good order, all in one call. Never by force, and never to hibernate.
    pub(crate) async fn stop_instances(
        &self,
        clients: &Clients,
        ids: &[&InstanceId],
    ) -> Result<(), CloudError> {
        self.rates.turn(Request::StopInstances).await;
        let ids = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let answer = clients.changes.stop_instances().set_instance_ids(Some(ids)).send().await;
        self.heard(Request::StopInstances, answer).await.map(drop)
    }

    /// Terminates instances, all in one call.
    pub(crate) async fn terminate_instances(
        &self,
        clients: &Clients,
        ids: &[&InstanceId],
    ) -> Result<(), CloudError> {
        self.rates.turn(Request::TerminateInstances).await;
        let ids = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let answer = clients.changes.terminate_instances().set_instance_ids(Some(ids)).send().await;
        self.heard(Request::TerminateInstances, answer).await.map(drop)
    }

    /// Finds, of instances that are to be terminated, those with which a volume of the cluster would be deleted.
    ///
    /// Looked at once more just before, since whoever set the flag since the last look would have the data deleted.
    /// An instance that is not listed is left to what EC2 says of it.
    pub(crate) async fn would_take_along(
        &self,
        clients: &Clients,
        ids: &[&InstanceId],
    ) -> Result<BTreeMap<InstanceId, VolumeId>, CloudError> {
        let filter = aws_sdk_ec2::types::Filter::builder()
            .name("instance-id")
            .set_values(Some(ids.iter().map(|id| id.as_str().to_owned()).collect()))
            .build();
        let answer = clients.looks.describe_instances().filters(filter).send().await;
        let answer = answer.map_err(|error| errors::translate("DescribeInstances", &error))?;
        if answer.next_token().is_some_and(|token| !token.is_empty()) {
            return Err(errors::garbled(
                "DescribeInstances",
                "it goes on, though a page would hold it",
            ));
        }
        let ours = self.memory().volumes.clone();
        let mut found = BTreeMap::new();
        let instances = answer.reservations().iter().flat_map(Reservation::instances);
        for seen in instances {
            let Some(id) = seen.instance_id() else { continue };
            for mapping in seen.block_device_mappings() {
                let Some(ebs) = mapping.ebs() else { continue };
                let Some(volume) = ebs.volume_id().map(VolumeId::new) else { continue };
                if ebs.delete_on_termination() != Some(false) && ours.contains(&volume) {
                    found.insert(InstanceId::new(id), volume);
                }
            }
        }
        Ok(found)
    }

    /// Returns the name of an image's system disk.
    async fn root_device(&self, clients: &Clients, image: &str) -> Result<String, CloudError> {
        let unknown = self.memory().images.unknown(std::iter::once(image));
        if !unknown.is_empty() {
            let images = crate::images::ask(&clients.looks, &unknown).await?;
            self.memory().images.learn(unknown, &images);
        }
        let known = self.memory().images.get(image).and_then(|info| info.root.clone());
        known.ok_or_else(|| {
            let why = format!("{image} shows no disk of its system, so that `root` cannot be set; leave `root` out, or take another image");
            errors::unaskable("InvalidAMIID.NotFound", why)
        })
    }
}

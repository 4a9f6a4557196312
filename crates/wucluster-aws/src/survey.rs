//! What can be known before a launch: asked of AWS, and judged. Nothing is changed by it.

mod judged;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Filter, Image, InstanceTypeInfo, LocationType, SecurityGroup, Snapshot, Subnet,
};
use wucluster_core::definition::{ClusterDefinition, NodeDefinition};
use wucluster_core::ids::SnapshotId;
use wucluster_core::ports::{CloudError, ErrorClass};

use crate::account::Account;
use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::errors;
use judged::{judge, types_named};

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is as a launch needs it.
    Fine,
    /// It could not be told.
    Unknown,
    /// A launch would fail on it.
    Wrong,
    /// It is not permitted.
    Forbidden,
}

/// What was found out about something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, such as `type m7i.large`.
    pub about: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub what: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Finding {
    pub(crate) fn fine(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self { about: about.into(), verdict: Verdict::Fine, what: what.into(), fix: None }
    }

    pub(crate) fn unknown(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, ..Self::fine(about, what) }
    }

    pub(crate) fn wrong(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, ..Self::fine(about, what) }
    }

    pub(crate) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// What could not be asked.
    pub(crate) fn unasked(about: impl Into<String>, error: &CloudError) -> Self {
        let verdict = match error.class {
            ErrorClass::Permission => Verdict::Forbidden,
            _ => Verdict::Unknown,
        };
        Self { verdict, ..Self::fine(about, error.to_string()) }
    }
}

/// What AWS says about what a definition names.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Per name of an image, what it stands for.
    pub(crate) images: BTreeMap<String, Result<Option<Image>, CloudError>>,
    pub(crate) types: Asked<InstanceTypeInfo>,
    /// Per type the zones in which it is offered.
    offers: Option<Result<BTreeMap<String, BTreeSet<String>>, CloudError>>,
    /// The zones of the region.
    zones: Option<Result<BTreeSet<String>, CloudError>>,
    subnets: Asked<Subnet>,
    groups: Asked<SecurityGroup>,
    keys: Option<Result<BTreeSet<String>, CloudError>>,
    snapshots: Asked<Snapshot>,
}

fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// What the nodes of a definition name, each once.
pub(crate) fn named<'a>(
    definition: &'a ClusterDefinition,
    what: impl Fn(&'a NodeDefinition) -> Option<&'a str>,
) -> BTreeSet<&'a str> {
    definition.nodes.values().filter_map(what).collect()
}

fn owned(names: &BTreeSet<&str>) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl AwsCloud {
    /// Asks AWS about all that a definition names, tries with dry runs whether it is permitted, and judges it.
    ///
    /// Nothing is made or changed. What a name of an image stands for now is settled for this one look only.
    ///
    /// # Errors
    /// [`CloudError`] when it is not even known whose account it is: `MissingRegion`, `CredentialsNotLoaded`, or what AWS
    /// said.
    pub async fn survey(
        &self,
        definition: &ClusterDefinition,
    ) -> Result<(Account, Vec<Finding>), CloudError> {
        let account = self.account().await?;
        let clients = self.clients().await?;
        let facts = self.facts(clients, definition).await;
        let mut findings = judge(definition, &account.region, &facts);
        for (name, found) in &facts.images {
            if let Ok(Some(id)) =
                found.as_ref().map(|image| image.as_ref().and_then(Image::image_id))
            {
                self.settle_image(name, Ok(id.to_owned()));
            }
        }
        findings.extend(self.quotas(clients, definition, &facts, &account.region).await);
        findings.extend(self.dry_runs(clients, definition).await);
        Ok((account, findings))
    }

    async fn facts(&self, clients: &Clients, definition: &ClusterDefinition) -> Facts {
        let ec2 = &clients.looks;
        let machine = |what: fn(&NodeDefinition) -> Option<&str>| named(definition, what);
        let types = types_named(definition);
        let subnets = machine(|node| node.machine.ec2.subnet.as_deref());
        let keys = machine(|node| node.machine.ec2.key.as_deref());
        let groups = definition.nodes.values().flat_map(|node| &node.machine.ec2.security_groups);
        let groups: BTreeSet<&str> = groups.map(String::as_str).collect();
        let bases = definition.mounts().filter_map(|(_, mount)| mount.from.as_ref());
        let bases: BTreeSet<&str> = bases.map(SnapshotId::as_str).collect();
        let mut facts = Facts { images: self.images_named(definition).await, ..Facts::default() };
        let zones = ec2.describe_availability_zones().send();
        let of_types =
            ec2.describe_instance_types().filters(filter("instance-type", owned(&types))).send();
        let offers = ec2
            .describe_instance_type_offerings()
            .location_type(LocationType::AvailabilityZone)
            .filters(filter("instance-type", owned(&types)))
            .send();
        let of_subnets =
            ec2.describe_subnets().filters(filter("subnet-id", owned(&subnets))).send();
        let of_groups =
            ec2.describe_security_groups().filters(filter("group-id", owned(&groups))).send();
        let of_keys = ec2.describe_key_pairs().filters(filter("key-name", owned(&keys))).send();
        let of_bases =
            ec2.describe_snapshots().filters(filter("snapshot-id", owned(&bases))).send();
        let (zones, of_types, offers, of_subnets, of_groups, of_keys, of_bases) = tokio::join!(
            zones,
            when(!types.is_empty(), of_types),
            when(!types.is_empty(), offers),
            when(!subnets.is_empty(), of_subnets),
            when(!groups.is_empty(), of_groups),
            when(!keys.is_empty(), of_keys),
            when(!bases.is_empty(), of_bases),
        );
        let zones = zones.map_err(|error| errors::translate("DescribeAvailabilityZones", &error));
        facts.zones = Some(zones.map(|answer| {
            let zones = answer.availability_zones.unwrap_or_default();
            zones.into_iter().filter_map(|zone| zone.zone_name).collect()
        }));
        facts.types = of_types.map(|answer| {
            let answer = answer.map_err(|error| errors::translate("DescribeInstanceTypes", &error));
            answer.map(|answer| answer.instance_types.unwrap_or_default())
        });
        facts.offers = offers.map(|answer| {
            let answer = answer
                .map_err(|error| errors::translate("DescribeInstanceTypeOfferings", &error))?;
            let mut offers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for offer in answer.instance_type_offerings() {
                if let (Some(kind), Some(zone)) = (offer.instance_type(), offer.location()) {
                    offers.entry(kind.as_str().to_owned()).or_default().insert(zone.to_owned());
                }
            }
            Ok(offers)
        });
        facts.subnets = of_subnets.map(|answer| {
            let answer = answer.map_err(|error| errors::translate("DescribeSubnets", &error));
            answer.map(|answer| answer.subnets.unwrap_or_default())
        });
        facts.groups = of_groups.map(|answer| {
            let answer =
                answer.map_err(|error| errors::translate("DescribeSecurityGroups", &error));
            answer.map(|answer| answer.security_groups.unwrap_or_default())
        });
        facts.keys = of_keys.map(|answer| {
            let answer = answer.map_err(|error| errors::translate("DescribeKeyPairs", &error))?;
            Ok(answer
                .key_pairs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|key| key.key_name)
                .collect())
        });
        facts.snapshots = of_bases.map(|answer| {
            let answer = answer.map_err(|error| errors::translate("DescribeSnapshots", &error));
            answer.map(|answer| answer.snapshots.unwrap_or_default())
        });
        facts
    }

    /// Finds the images that a definition names.
    async fn images_named(
        &self,
        definition: &ClusterDefinition,
    ) -> BTreeMap<String, Result<Option<Image>, CloudError>> {
        let mut found = BTreeMap::new();
        for name in named(definition, |node| node.machine.image.as_deref()) {
            let image = match self.find_image(name).await {
                Ok(id) => self.image_with(&id).await,
                Err(error) => Err(error),
            };
            found.insert(name.to_owned(), image);
        }
        found
    }

    async fn image_with(&self, id: &str) -> Result<Option<Image>, CloudError> {
        let clients = self.clients().await?;
        let asked = BTreeSet::from([id.to_owned()]);
        Ok(crate::images::ask(&clients.looks, &asked).await?.into_iter().next())
    }
}

/// Waits for an answer only where there is something to ask.
async fn when<T>(is_wanted: bool, asking: impl Future<Output = T>) -> Option<T> {
    if is_wanted { Some(asking.await) } else { None }
}

/// What was asked about several things at once, if it was.
pub(crate) type Asked<T> = Option<Result<Vec<T>, CloudError>>;

/// Finds one of the things that were asked about; else tells what is to be said of it, if anything.
fn find<T>(
    asked: &Asked<T>,
    is_it: impl Fn(&T) -> bool,
    none: Finding,
) -> Result<&T, Option<Finding>> {
    match asked {
        Some(Ok(all)) => all.iter().find(|one| is_it(one)).ok_or(Some(none)),
        Some(Err(error)) => Err(Some(Finding::unasked(none.about, error))),
        None => Err(None),
    }
}

//! What an account has without anybody's doing: zones, types of machines, the default network, quotas.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::filters::Filters;
use crate::form::Form;
use crate::front::{ACCOUNT, Desk};
use crate::refusal::{Failure, misunderstood};
use crate::xml::Xml;

/// The default network.
pub(crate) const NETWORK: &str = "vpc-0default";
/// What the requests about quotas begin with. Source: Service Quotas API reference.
const QUOTAS: &str = "ServiceQuotasV20190624.";
/// Quotas of an account for which nobody asked for more. Unit: vCPU, and TiB or a rate.
///
/// Source: AWS General Reference, "Amazon EC2 endpoints and quotas", "Amazon EBS endpoints and quotas".
const DEFAULTS: [(&str, f64); 2] = [("ec2", 5.0), ("ebs", 50.0)];
/// The shape of every type of machine. Source: EC2's listing of `t3.micro`.
const SHAPE: (u32, u32, u32) = (2, 1024, 28);

impl Desk {
    /// Names the zones of the region.
    fn zones(&self) -> impl Iterator<Item = &str> {
        self.options.zones.iter().map(String::as_str)
    }

    pub(crate) fn describe_availability_zones(&self, form: Form) -> Result<Xml, Failure> {
        form.finish()?;
        let mut xml = Xml::default();
        xml.list("availabilityZoneInfo", self.zones(), |xml, zone| {
            xml.leaf("zoneName", zone);
            xml.leaf("zoneState", "available");
        });
        Ok(xml)
    }

    /// Lists the types that are asked about; there is every one, and all are alike.
    pub(crate) fn describe_instance_types(mut form: Form) -> Result<Xml, Failure> {
        let kinds = kinds(&mut form)?;
        form.finish()?;
        let (cpus, memory, disks) = SHAPE;
        let mut xml = Xml::default();
        xml.list("instanceTypeSet", kinds, |xml, kind| {
            xml.leaf("instanceType", kind);
            xml.node("vCpuInfo", |xml| xml.leaf("defaultVCpus", cpus));
            xml.node("memoryInfo", |xml| xml.leaf("sizeInMiB", memory));
            xml.node("processorInfo", |xml| {
                xml.list("supportedArchitectures", ["x86_64"], Xml::put_text);
            });
            xml.node("ebsInfo", |xml| {
                xml.leaf("nvmeSupport", "required");
                xml.leaf("maximumEbsAttachments", disks);
            });
        });
        Ok(xml)
    }

    /// Offers every type in every zone.
    pub(crate) fn describe_instance_type_offerings(&self, mut form: Form) -> Result<Xml, Failure> {
        let place = form.take("LocationType");
        if place.as_deref() != Some("availability-zone") {
            let why = format!("offers are by zone here, and not by {place:?}");
            return Err(misunderstood("InvalidParameterValue", why));
        }
        let kinds = kinds(&mut form)?;
        form.finish()?;
        let offers = kinds.iter().flat_map(|kind| self.zones().map(move |zone| (kind, zone)));
        let mut xml = Xml::default();
        xml.list("instanceTypeOfferingSet", offers, |xml, (kind, zone)| {
            xml.leaf("instanceType", kind);
            xml.leaf("locationType", "availability-zone");
            xml.leaf("location", zone);
        });
        Ok(xml)
    }

    /// Lists the default subnets, one in each zone.
    pub(crate) fn describe_subnets(&self, mut form: Form) -> Result<Xml, Failure> {
        let others = &["default-for-az", "availability-zone"];
        let filters = Filters::take(&mut form, "subnet-id", others)?;
        form.finish()?;
        let none = wucluster_core::tags::Tags::default();
        let subnets = self.zones().map(|zone| (format!("subnet-{zone}"), zone));
        let subnets = subnets.filter(|(id, zone)| {
            filters.fit(id, &none)
                && filters.allows("default-for-az", "true")
                && filters.allows("availability-zone", zone)
        });
        let mut xml = Xml::default();
        xml.list("subnetSet", subnets, |xml, (id, zone)| {
            xml.leaf("subnetId", id);
            xml.leaf("vpcId", NETWORK);
            xml.leaf("ownerId", ACCOUNT);
            xml.leaf("availabilityZone", zone);
            xml.leaf("availableIpAddressCount", 4000);
            xml.leaf("defaultForAz", true);
        });
        Ok(xml)
    }

    /// Answers a request about quotas, which comes and goes as JSON; `None`: it is about something else.
    pub(crate) fn quota(&self, target: &str, body: &[u8]) -> Option<(u16, Value)> {
        let request = target.strip_prefix(QUOTAS)?;
        let asked: BTreeMap<String, String> = serde_json::from_slice(body).unwrap_or_default();
        let none =
            |why: &str| (400, json!({ "__type": "NoSuchResourceException", "Message": why }));
        let word = |name: &str| asked.get(name).map(String::as_str);
        let (Some(service), Some(code), 2) = (word("ServiceCode"), word("QuotaCode"), asked.len())
        else {
            return None;
        };
        let value = match request {
            "GetServiceQuota" => self.options.quotas.get(code).copied(),
            "GetAWSDefaultServiceQuota" => {
                DEFAULTS.iter().find(|(known, _)| *known == service).map(|(_, value)| *value)
            }
            _ => return None,
        };
        Some(match value {
            Some(value) => (
                200,
                json!({ "Quota": { "ServiceCode": service, "QuotaCode": code, "Value": value } }),
            ),
            None => none("The request failed because there is no such quota."),
        })
    }
}

/// Takes the types that a listing names one by one.
fn kinds(form: &mut Form) -> Result<Vec<String>, Failure> {
    let filters = Filters::take(form, "instance-type", &[])?;
    filters.ids().ok_or_else(|| {
        misunderstood("InvalidParameterValue", "types are listed here that are named one by one")
    })
}

//! What AWS said about what a definition names, judged.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    ArchitectureType, ArchitectureValues, EbsInfo, EbsNvmeSupport, Image, ImageState,
    InstanceTypeInfo, MemoryInfo, ProcessorInfo, SecurityGroup, Snapshot, SnapshotState, VCpuInfo,
};
use wucluster_core::definition::{ClusterDefinition, NodeDefinition};
use wucluster_core::ports::{CloudError, ErrorClass};

use super::{Facts, Finding, find, named};

/// The port of ssh.
const SSH: i32 = 22;
/// Disks of a machine beside its mounts: the system's.
const OWN_DISKS: usize = 1;

/// Judges what a definition names by what AWS says about it.
pub(super) fn judge(definition: &ClusterDefinition, region: &str, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(zones(definition, region, facts));
    findings.extend(facts.images.iter().map(|(name, found)| image(name, found)));
    findings.extend(types(definition, region, facts));
    findings.extend(network(definition, facts));
    for key in named(definition, |node| node.machine.ec2.key.as_deref()) {
        let about = format!("key {key}");
        findings.push(match &facts.keys {
            Some(Ok(keys)) if keys.contains(key) => Finding::fine(about, "it is there"),
            Some(Ok(_)) => Finding::wrong(about, format!("there is no key pair of that name in {region}"))
                .fix(format!("upload yours: aws ec2 import-key-pair --key-name {key} --public-key-material fileb://~/.ssh/id_ed25519.pub")),
            Some(Err(error)) => Finding::unasked(about, error),
            None => continue,
        });
    }
    findings.extend(bases(definition, facts));
    findings
}

/// Lists the types that a definition names.
pub(super) fn types_named(definition: &ClusterDefinition) -> BTreeSet<&str> {
    definition.nodes.values().flat_map(NodeDefinition::types).collect()
}

fn zones(definition: &ClusterDefinition, region: &str, facts: &Facts) -> Vec<Finding> {
    if definition.zone.is_none() {
        let none = Finding::wrong("zone", "the definition names none");
        return vec![none.fix(format!("write `zone = \"{region}a\"` in `[cluster]`"))];
    }
    definition.zones().map(|one| zone(one, region, facts)).collect()
}

fn zone(zone: &str, region: &str, facts: &Facts) -> Finding {
    let about = format!("zone {zone}");
    match &facts.zones {
        Some(Ok(zones)) if zones.contains(zone) => {
            Finding::fine(about, format!("it is in {region}"))
        }
        Some(Ok(zones)) => Finding::wrong(about, format!("it is not in {region}"))
            .fix(format!("its zones are {}", list(zones.iter().map(String::as_str)))),
        Some(Err(error)) => Finding::unasked(about, error),
        None => Finding::unknown(about, "it was not asked about"),
    }
}

fn image(name: &str, found: &Result<Option<Image>, CloudError>) -> Finding {
    let about = format!("image {name}");
    let image = match found {
        Ok(Some(image)) => image,
        Ok(None) => {
            return Finding::wrong(
                about,
                "there is none here, or it is not shared with this account",
            )
            .fix("images belong to a region: look for its twin in this one");
        }
        Err(error) if error.class == ErrorClass::Permanent => {
            return Finding::wrong(about, error.message.clone());
        }
        Err(error) => return Finding::unasked(about, error),
    };
    let id = image.image_id().unwrap_or_default();
    let kind = image.architecture().map_or("?", |kind| kind.as_str());
    let what = format!("{id}, {}, {kind}", image.name().unwrap_or("without a name"));
    match image.state() {
        Some(ImageState::Available) | None => Finding::fine(about, what),
        Some(state) => Finding::wrong(about, format!("{what}: it is {}", state.as_str())),
    }
}

fn types(definition: &ClusterDefinition, region: &str, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in types_named(definition) {
        let about = format!("type {kind}");
        let is_it =
            |info: &InstanceTypeInfo| info.instance_type().is_some_and(|own| own.as_str() == kind);
        let none = Finding::wrong(&about, format!("{region} has no such type"));
        let info = match find(&facts.types, is_it, none) {
            Ok(info) => info,
            Err(told) => {
                findings.extend(told);
                continue;
            }
        };
        let nodes = definition.nodes.values().filter(|node| node.types().any(|own| own == kind));
        let nodes: Vec<&NodeDefinition> = nodes.collect();
        findings.push(
            lacks_of_type(definition, kind, info, &nodes, facts)
                .unwrap_or_else(|| Finding::fine(about, shape(info, nodes.len()))),
        );
    }
    findings
}

/// Tells what of a type does not fit, if anything.
fn lacks_of_type(
    definition: &ClusterDefinition,
    kind: &str,
    info: &InstanceTypeInfo,
    nodes: &[&NodeDefinition],
    facts: &Facts,
) -> Option<Finding> {
    let about = || format!("type {kind}");
    if let Some(Ok(offers)) = &facts.offers {
        let zones = offers.get(kind);
        // Each pair is tried in its turn, and one that does not exist is no lack of capacity: the launch would be held there.
        let is_lacking = |zone: &&str| !zones.is_some_and(|zones| zones.contains(*zone));
        let lacking = list(definition.zones().filter(is_lacking));
        if !lacking.is_empty() {
            let finding = Finding::wrong(about(), format!("it is not offered in {lacking}"));
            let others = list(zones.into_iter().flatten().map(String::as_str));
            return Some(if others.is_empty() {
                finding
            } else {
                finding.fix(format!("it is offered in {others}"))
            });
        }
    }
    let ebs = info.ebs_info();
    let kinds =
        info.processor_info().map(ProcessorInfo::supported_architectures).unwrap_or_default();
    let kinds: BTreeSet<&str> = kinds.iter().map(ArchitectureType::as_str).collect();
    for name in
        nodes.iter().filter_map(|node| node.machine.image.as_deref()).collect::<BTreeSet<_>>()
    {
        let Some(Ok(Some(image))) = facts.images.get(name) else { continue };
        let of_image = image.architecture().map(ArchitectureValues::as_str);
        if let Some(of_image) =
            of_image.filter(|of_image| !kinds.is_empty() && !kinds.contains(of_image))
        {
            let what =
                format!("it is {}, and {name} is for {of_image}", list(kinds.iter().copied()));
            return Some(
                Finding::wrong(about(), what).fix("choose an image and a type of one architecture"),
            );
        }
    }
    let most =
        ebs.and_then(EbsInfo::maximum_ebs_attachments).and_then(|most| usize::try_from(most).ok());
    let needed = nodes.iter().map(|node| node.mounts.len() + OWN_DISKS).max().unwrap_or_default();
    if let Some(most) = most.filter(|most| needed > *most) {
        let what =
            format!("a node needs {needed} disks with its system's, and the type takes {most}");
        return Some(
            Finding::wrong(about(), what)
                .fix("choose a larger type, or fewer mounts for each node"),
        );
    }
    None
}

/// Says what a type is, and how much of it is wanted.
fn shape(info: &InstanceTypeInfo, nodes: usize) -> String {
    let cpus = info.v_cpu_info().and_then(VCpuInfo::default_v_cpus).unwrap_or_default();
    let memory = info.memory_info().and_then(MemoryInfo::size_in_mib).unwrap_or_default();
    let all = i64::from(cpus) * i64::try_from(nodes).unwrap_or(i64::MAX);
    // Volumes are NVMe disks on Nitro machines, and on no others. Source: EC2 user guide, "Amazon EBS volumes and NVMe".
    let nvme = info.ebs_info().and_then(EbsInfo::nvme_support);
    let is_xen = nvme.is_some_and(|nvme| *nvme != EbsNvmeSupport::Required);
    let xen = if is_xen { "; a Xen machine: mounts are found by name and size" } else { "" };
    format!("{cpus} vCPU, {} GiB each; {all} vCPU for {nodes} running{xen}", memory / 1024)
}

/// Judges subnets and security groups: they must fit to the zone, to each other, and let ssh in.
fn network(definition: &ClusterDefinition, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut networks: BTreeMap<&str, &str> = BTreeMap::new();
    for id in named(definition, |node| node.machine.ec2.subnet.as_deref()) {
        let about = format!("subnet {id}");
        let none = Finding::wrong(&about, "there is none of that id");
        let subnet = match find(&facts.subnets, |one| one.subnet_id() == Some(id), none) {
            Ok(subnet) => subnet,
            Err(told) => {
                findings.extend(told);
                continue;
            }
        };
        networks.extend(subnet.vpc_id().map(|vpc| (id, vpc)));
        let wanted = definition
            .nodes
            .values()
            .filter(|node| node.machine.ec2.subnet.as_deref() == Some(id))
            .count();
        let free = subnet.available_ip_address_count().and_then(|free| usize::try_from(free).ok());
        let lies_in = subnet.availability_zone().unwrap_or_default();
        findings.push(match (&definition.zone, free) {
            (Some(zone), _) if zone != lies_in => Finding::wrong(
                about,
                format!("it lies in {lies_in}, and the volumes are made in {zone}"),
            )
            .fix("choose a subnet of the cluster's zone"),
            (_, Some(free)) if free < wanted => {
                Finding::wrong(about, format!("it has {free} free addresses for {wanted} nodes"))
            }
            _ => Finding::fine(about, format!("it lies in {lies_in}")),
        });
    }
    let all = definition.nodes.values();
    let groups = all.flat_map(|node| {
        node.machine.ec2.security_groups.iter().map(move |id| (id.as_str(), node))
    });
    let groups: BTreeMap<&str, &NodeDefinition> = groups.collect();
    for (id, node) in groups {
        let about = format!("security group {id}");
        let none = Finding::wrong(&about, "there is none of that id");
        let group = match find(&facts.groups, |one| one.group_id() == Some(id), none) {
            Ok(group) => group,
            Err(told) => {
                findings.extend(told);
                continue;
            }
        };
        let subnet = node.machine.ec2.subnet.as_deref();
        let network = subnet.and_then(|subnet| networks.get(subnet).copied());
        findings.push(match (network, group.vpc_id()) {
            (Some(network), Some(own)) if network != own => Finding::wrong(
                about,
                format!("it is of the network {own}, and the subnet of {network}"),
            ),
            _ => Finding::fine(
                about,
                if lets_ssh_in(group) { "it lets ssh in" } else { "it lets no ssh in by itself" },
            ),
        });
    }
    let mut without = Vec::new();
    if let Some(Ok(groups)) = &facts.groups {
        for node in definition.nodes.values() {
            let own = &node.machine.ec2.security_groups;
            let mut of_node =
                groups.iter().filter(|group| own.iter().any(|id| group.group_id() == Some(id)));
            if !own.is_empty() && !of_node.any(lets_ssh_in) {
                without.push(node.group.as_str());
            }
        }
    }
    without.dedup();
    if !without.is_empty() {
        findings.push(
            Finding::wrong(format!("ssh to {}", list(without.into_iter())), "none of their security groups lets port 22 in")
                .fix("aws ec2 authorize-security-group-ingress --group-id sg-… --protocol tcp --port 22 --cidr YOUR.ADDRESS/32"),
        );
    }
    findings
}

/// Says whether a group lets port 22 in from anywhere.
fn lets_ssh_in(group: &SecurityGroup) -> bool {
    group.ip_permissions().iter().any(|rule| match rule.ip_protocol() {
        Some("-1") => true,
        Some("tcp" | "6") => {
            rule.from_port().is_none_or(|from| from <= SSH)
                && rule.to_port().is_none_or(|to| to >= SSH)
        }
        _ => false,
    })
}

fn bases(definition: &ClusterDefinition, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (key, mount) in definition.mounts() {
        let Some(id) = &mount.from else { continue };
        if !seen.insert((id, mount.size)) {
            continue;
        }
        let about = format!("snapshot {id}");
        let none = Finding::wrong(
            &about,
            format!("{key} begins from it, and it is not here, or not shared with this account"),
        )
        .fix("snapshots belong to a region: copy it into this one");
        let is_it = |one: &Snapshot| one.snapshot_id() == Some(id.as_str());
        let snapshot = match find(&facts.snapshots, is_it, none) {
            Ok(snapshot) => snapshot,
            Err(told) => {
                findings.extend(told);
                continue;
            }
        };
        let gib =
            snapshot.volume_size().and_then(|gib| u32::try_from(gib).ok()).unwrap_or_default();
        findings.push(match snapshot.state() {
            Some(SnapshotState::Completed) if gib > mount.size.gib() => Finding::wrong(
                about,
                format!("it is of {gib} GiB, and {key} of {} GiB", mount.size.gib()),
            )
            .fix(format!("write `size = \"{gib} GiB\"` or more")),
            Some(SnapshotState::Completed) => Finding::fine(about, format!("completed, {gib} GiB")),
            state => {
                let state = state.map_or("in no known state", |state| state.as_str());
                Finding::wrong(about, format!("it is {state}"))
            }
        });
    }
    findings
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceType, IpPermission, Subnet};

    use super::*;
    use crate::survey::Verdict;

    fn definition() -> ClusterDefinition {
        let text = r#"
[cluster]
name = "gibbon"
provider = "aws"
zone = "eu-central-1a"
[node.n]
image = "ami-1"
type = "m7i.large"
subnet = "subnet-1"
security-groups = ["sg-1"]
key = "ann"
mount.a = { at = "/mnt/a", size = "1 GiB", from = "snap-1" }
mount.b = { at = "/mnt/b", size = "1 GiB" }
"#;
        ClusterDefinition::parse(text).unwrap()
    }

    #[test]
    fn each_type_has_to_be_offered_in_each_zone_of_a_list() {
        let text = r#"
[cluster]
name = "gibbon"
provider = "aws"
zone = ["eu-central-1a", "eu-central-1b"]
[node.n]
image = "ami-1"
type = ["m7i.large", "m6i.large"]
key = "ann"
"#;
        let definition = ClusterDefinition::parse(text).unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let both: BTreeSet<String> = set(&["eu-central-1a", "eu-central-1b"]);
        let wrongs = |zones: &BTreeSet<String>, of_second: BTreeSet<String>| {
            let of_kind =
                |kind| named_machine(kind, EbsNvmeSupport::Required, 28, ArchitectureType::X8664);
            let types = vec![of_kind("m7i.large"), of_kind("m6i.large")];
            let offers = BTreeMap::from([
                ("m7i.large".to_owned(), both.clone()),
                ("m6i.large".to_owned(), of_second),
            ]);
            let facts = Facts {
                zones: Some(Ok(zones.clone())),
                types: Some(Ok(types)),
                offers: Some(Ok(offers)),
                ..facts()
            };
            let findings = judge(&definition, "eu-central-1", &facts);
            let wrong = findings.into_iter().filter(|one| one.verdict == Verdict::Wrong);
            wrong.map(|one| format!("{}: {}", one.about, one.what)).collect::<Vec<_>>()
        };
        assert_eq!(wrongs(&both, both.clone()), Vec::<String>::new());
        assert_eq!(
            wrongs(&both, set(&["eu-central-1a"])),
            ["type m6i.large: it is not offered in eu-central-1b"]
        );
        assert_eq!(
            wrongs(&set(&["eu-central-1a"]), both.clone()),
            ["zone eu-central-1b: it is not in eu-central-1"]
        );
    }

    fn machine(nvme: EbsNvmeSupport, disks: i32, kind: ArchitectureType) -> InstanceTypeInfo {
        named_machine("m7i.large", nvme, disks, kind)
    }

    fn named_machine(
        name: &str,
        nvme: EbsNvmeSupport,
        disks: i32,
        kind: ArchitectureType,
    ) -> InstanceTypeInfo {
        InstanceTypeInfo::builder()
            .instance_type(InstanceType::from(name))
            .ebs_info(EbsInfo::builder().nvme_support(nvme).maximum_ebs_attachments(disks).build())
            .processor_info(ProcessorInfo::builder().supported_architectures(kind).build())
            .build()
    }

    fn rule(from: i32, to: i32) -> IpPermission {
        IpPermission::builder().ip_protocol("tcp").from_port(from).to_port(to).build()
    }

    fn group(rule: IpPermission) -> SecurityGroup {
        SecurityGroup::builder().group_id("sg-1").vpc_id("vpc-1").ip_permissions(rule).build()
    }

    /// All as a launch needs it.
    fn facts() -> Facts {
        let image = Image::builder()
            .image_id("ami-1")
            .name("debian-12")
            .architecture(ArchitectureValues::X8664)
            .state(ImageState::Available);
        let subnet = Subnet::builder()
            .subnet_id("subnet-1")
            .vpc_id("vpc-1")
            .availability_zone("eu-central-1a")
            .available_ip_address_count(200);
        let snapshot = Snapshot::builder()
            .snapshot_id("snap-1")
            .state(SnapshotState::Completed)
            .volume_size(1);
        let zones = BTreeSet::from(["eu-central-1a".to_owned()]);
        Facts {
            images: BTreeMap::from([("ami-1".to_owned(), Ok(Some(image.build())))]),
            types: Some(Ok(vec![machine(EbsNvmeSupport::Required, 28, ArchitectureType::X8664)])),
            offers: Some(Ok(BTreeMap::from([("m7i.large".to_owned(), zones.clone())]))),
            zones: Some(Ok(zones)),
            subnets: Some(Ok(vec![subnet.build()])),
            groups: Some(Ok(vec![group(rule(20, 30))])),
            keys: Some(Ok(BTreeSet::from(["ann".to_owned()]))),
            snapshots: Some(Ok(vec![snapshot.build()])),
        }
    }

    /// Tells what is wrong.
    fn wrongs(facts: &Facts) -> Vec<String> {
        let findings = judge(&definition(), "eu-central-1", facts);
        let wrong = findings.into_iter().filter(|finding| finding.verdict != Verdict::Fine);
        wrong.map(|finding| format!("{}: {}", finding.about, finding.what)).collect()
    }

    #[test]
    fn what_is_right_is_found_right() {
        assert_eq!(wrongs(&facts()), Vec::<String>::new());
        assert_eq!(judge(&definition(), "eu-central-1", &facts()).len(), 7);
    }

    #[test]
    fn a_xen_machine_is_told_to_be_one() {
        let x86 = ArchitectureType::X8664;
        for (nvme, is_xen) in [
            (EbsNvmeSupport::Unsupported, true),
            (EbsNvmeSupport::Supported, true),
            (EbsNvmeSupport::Required, false),
        ] {
            assert_eq!(shape(&machine(nvme, 28, x86.clone()), 1).contains("Xen"), is_xen);
        }
    }

    #[test]
    fn each_thing_that_a_launch_would_fail_on_is_told() {
        let elsewhere = || BTreeSet::from(["eu-central-1b".to_owned()]);
        let nitro = EbsNvmeSupport::Required;
        let forbidden = CloudError {
            class: ErrorClass::Permission,
            code: "UnauthorizedOperation".to_owned(),
            message: "you may not".to_owned(),
        };
        let cases: Vec<(&str, Facts)> = vec![
            ("zone eu-central-1a: it is not in", Facts { zones: Some(Ok(elsewhere())), ..facts() }),
            (
                "image ami-1: there is none",
                Facts { images: BTreeMap::from([("ami-1".to_owned(), Ok(None))]), ..facts() },
            ),
            (
                "type m7i.large: eu-central-1 has no such",
                Facts { types: Some(Ok(Vec::new())), ..facts() },
            ),
            (
                "type m7i.large: it is not offered in eu-central-1a",
                Facts {
                    offers: Some(Ok(BTreeMap::from([("m7i.large".to_owned(), elsewhere())]))),
                    ..facts()
                },
            ),
            (
                "type m7i.large: it is arm64, and ami-1 is for x86_64",
                Facts {
                    types: Some(Ok(vec![machine(nitro.clone(), 28, ArchitectureType::Arm64)])),
                    ..facts()
                },
            ),
            (
                "type m7i.large: a node needs 3 disks with its system's, and the type takes 2",
                Facts {
                    types: Some(Ok(vec![machine(nitro, 2, ArchitectureType::X8664)])),
                    ..facts()
                },
            ),
            ("subnet subnet-1: there is none", Facts { subnets: Some(Ok(Vec::new())), ..facts() }),
            (
                "security group sg-1: there is none",
                Facts { groups: Some(Ok(Vec::new())), ..facts() },
            ),
            (
                "ssh to n: none of their",
                Facts { groups: Some(Ok(vec![group(rule(80, 443))])), ..facts() },
            ),
            ("key ann: there is no key pair", Facts { keys: Some(Ok(BTreeSet::new())), ..facts() }),
            (
                "key ann: UnauthorizedOperation: you may not",
                Facts { keys: Some(Err(forbidden)), ..facts() },
            ),
            (
                "snapshot snap-1: n/a begins from it",
                Facts { snapshots: Some(Ok(Vec::new())), ..facts() },
            ),
            (
                "snapshot snap-1: it is of 2 GiB",
                Facts {
                    snapshots: Some(Ok(vec![
                        Snapshot::builder()
                            .snapshot_id("snap-1")
                            .state(SnapshotState::Completed)
                            .volume_size(2)
                            .build(),
                    ])),
                    ..facts()
                },
            ),
            (
                "snapshot snap-1: it is pending",
                Facts {
                    snapshots: Some(Ok(vec![
                        Snapshot::builder()
                            .snapshot_id("snap-1")
                            .state(SnapshotState::Pending)
                            .build(),
                    ])),
                    ..facts()
                },
            ),
        ];
        for (told, facts) in cases {
            let wrongs = wrongs(&facts);
            assert!(wrongs.iter().any(|wrong| wrong.starts_with(told)), "{told}: {wrongs:#?}");
        }
    }
}

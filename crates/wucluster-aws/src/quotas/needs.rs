//! What a definition needs of the account's quotas, and what the account uses of them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    EbsBlockDevice, Image, Instance, InstanceLifecycleType, InstanceStateName, InstanceType,
    Tenancy, VCpuInfo, Volume, VolumeType,
};
use wucluster_core::definition::{ClusterDefinition, NodeDefinition};
use wucluster_core::tags::Identity;

use super::ByQuota;
use super::codes::{self, Quota};
use crate::seen;
use crate::survey::Facts;
use crate::volumes::TYPE_DEFAULT;

/// GiB in a TiB, in which quotas are counted.
const GIB_OF_TIB: f64 = 1024.0;

/// What is needed of a quota, and what of it is used, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Need {
    /// With the first type of each list.
    pub(super) planned: f64,
    /// With whatever types of the lists take most of it.
    pub(super) at_most: f64,
    /// By what is not the cluster's, or is of no node or mount of the definition.
    pub(super) used: f64,
    /// Instances that use some, and do not tell how much.
    pub(super) uncounted: u32,
}

/// What is needed of all quotas.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) of: ByQuota,
    /// What cannot be told of the needs: about what, and why.
    pub(super) unknown: Vec<(String, &'static str)>,
    /// vCPU of the types that are known.
    cpus: BTreeMap<String, i32>,
}

impl Needs {
    /// Reads off a definition what it needs.
    pub(super) fn of(definition: &ClusterDefinition, facts: &Facts) -> Self {
        let mut needs = Self::default();
        if let Some(Ok(types)) = &facts.types {
            let cpus = types.iter().filter_map(|info| {
                let cpus = info.v_cpu_info().and_then(VCpuInfo::default_v_cpus)?;
                Some((info.instance_type()?.as_str().to_owned(), cpus))
            });
            needs.cpus = cpus.collect();
        }
        let mut odd: BTreeSet<(&str, bool)> = BTreeSet::new();
        for node in definition.nodes.values() {
            let is_spot = node.machine.ec2.spot;
            // Per quota the type that takes most of it: a node has one type at a time.
            let mut most: BTreeMap<Quota, f64> = BTreeMap::new();
            for (place, kind) in node.types().enumerate() {
                let Some(quota) = codes::of_type(kind, is_spot) else {
                    odd.insert((kind, is_spot));
                    continue;
                };
                // Of a type that is not known it was told that there is no such type.
                let Some(cpus) = needs.cpus.get(kind).copied().map(f64::from) else { continue };
                if place == 0 {
                    needs.of.entry(quota).or_default().planned += cpus;
                }
                let largest = most.entry(quota).or_default();
                *largest = largest.max(cpus);
            }
            for (quota, cpus) in most {
                needs.of.entry(quota).or_default().at_most += cpus;
            }
            needs.add_root(node, facts);
        }
        for (_, mount) in definition.mounts() {
            let kind = mount.ebs.kind.as_deref().unwrap_or(TYPE_DEFAULT);
            needs.add_volume(kind, f64::from(mount.size.gib()), mount.ebs.iops);
        }
        needs.unknown = odd
            .into_iter()
            .map(|(kind, is_spot)| {
                let what = if is_spot {
                    "no quota for spot instances of its family is known"
                } else {
                    "no quota for instances of its family is known"
                };
                (format!("quota of {kind}"), what)
            })
            .collect();
        needs
    }

    /// Adds a node's system disk: as large as the node's definition, else its image has it.
    fn add_root(&mut self, node: &NodeDefinition, facts: &Facts) {
        let image = node.machine.image.as_deref().and_then(|name| facts.images.get(name));
        let disk = match image {
            Some(Ok(Some(image))) => root_of(image),
            _ => None,
        };
        let own = node.machine.ec2.root.map(|size| f64::from(size.gib()));
        let size = own.or_else(|| disk.and_then(EbsBlockDevice::volume_size).map(f64::from));
        // Of an image that tells no type EC2 makes the oldest that is no magnetic disk.
        let kind = disk.and_then(EbsBlockDevice::volume_type).map_or("gp2", VolumeType::as_str);
        if let Some(size) = size {
            self.add_volume(kind, size, None);
        }
    }

    fn add_volume(&mut self, kind: &str, gib: f64, iops: Option<u32>) {
        let rate = codes::of_rate(kind).zip(iops.map(f64::from));
        let storage = codes::of_storage(kind).map(|quota| (quota, gib / GIB_OF_TIB));
        for (quota, amount) in storage.into_iter().chain(rate) {
            let need = self.of.entry(quota).or_default();
            need.planned += amount;
            need.at_most += amount;
        }
    }

    /// Names the types of volumes that are needed.
    pub(super) fn kinds_of_volumes(&self) -> Vec<String> {
        let is_needed =
            |kind: &&str| codes::of_storage(kind).is_some_and(|quota| self.of.contains_key(&quota));
        let kinds = VolumeType::values().iter().copied().filter(is_needed);
        kinds.map(str::to_owned).collect()
    }

    /// Counts the account's instances, but for those that are nodes of the definition.
    ///
    /// Source: EC2 user guide, "On-Demand Instance quotas": running ones count, stopped ones do not, and those on dedicated
    /// hosts have quotas of their own.
    pub(super) fn count_instances(&mut self, definition: &ClusterDefinition, all: &[Instance]) {
        for one in all.iter().filter(|one| !is_node(definition, one)) {
            let state = one.state().and_then(|state| state.name());
            let is_up =
                matches!(state, Some(InstanceStateName::Pending | InstanceStateName::Running));
            let tenancy = one.placement().and_then(|placement| placement.tenancy());
            if !is_up || tenancy == Some(&Tenancy::Host) {
                continue;
            }
            let Some(kind) = one.instance_type().map(InstanceType::as_str) else { continue };
            let is_spot = one.instance_lifecycle() == Some(&InstanceLifecycleType::Spot);
            let quota = codes::of_type(kind, is_spot);
            let Some(need) = quota.and_then(|quota| self.of.get_mut(&quota)) else { continue };
            let own = one
                .cpu_options()
                .and_then(|cpus| Some(cpus.core_count()?.saturating_mul(cpus.threads_per_core()?)));
            match self.cpus.get(kind).copied().or(own) {
                Some(cpus) => need.used += f64::from(cpus),
                None => need.uncounted += 1,
            }
        }
    }

    /// Counts the account's volumes, but for those that are mounts of the definition, or system disks of its nodes.
    pub(super) fn count_volumes(
        &mut self,
        definition: &ClusterDefinition,
        instances: &[Instance],
        all: &[Volume],
    ) {
        let nodes = instances.iter().filter(|one| is_node(definition, one));
        let roots: BTreeSet<&str> = nodes.filter_map(root_disk).collect();
        for one in all {
            let is_root = one.volume_id().is_some_and(|id| roots.contains(id));
            if is_root || is_mount(definition, one) {
                continue;
            }
            let kind = one.volume_type().map_or("", VolumeType::as_str);
            let gib = f64::from(one.size().unwrap_or_default());
            let rate = codes::of_rate(kind).zip(one.iops().map(f64::from));
            let storage = codes::of_storage(kind).map(|quota| (quota, gib / GIB_OF_TIB));
            for (quota, amount) in storage.into_iter().chain(rate) {
                if let Some(need) = self.of.get_mut(&quota) {
                    need.used += amount;
                }
            }
        }
    }
}

/// Says whether an instance is a node of the definition, which is counted as needed.
fn is_node(definition: &ClusterDefinition, one: &Instance) -> bool {
    match seen::tags(one.tags()).identity(&definition.name) {
        Ok(Identity::Node(node)) => definition.nodes.contains_key(&node),
        Ok(Identity::Mount(_)) | Err(_) => false,
    }
}

/// Says whether a volume is a mount of the definition, which is counted as needed.
fn is_mount(definition: &ClusterDefinition, one: &Volume) -> bool {
    match seen::tags(one.tags()).identity(&definition.name) {
        Ok(Identity::Mount(key)) => {
            definition.nodes.get(&key.node).is_some_and(|node| node.mounts.contains_key(&key.mount))
        }
        Ok(Identity::Node(_)) | Err(_) => false,
    }
}

/// Finds the volume that an instance's system runs from.
fn root_disk(one: &Instance) -> Option<&str> {
    let name = one.root_device_name()?;
    let mapping = one.block_device_mappings().iter().find(|one| one.device_name() == Some(name))?;
    mapping.ebs()?.volume_id()
}

/// Finds the system's disk of an image.
fn root_of(image: &Image) -> Option<&EbsBlockDevice> {
    let name = image.root_device_name()?;
    let mapping =
        image.block_device_mappings().iter().find(|one| one.device_name() == Some(name))?;
    mapping.ebs()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{
        BlockDeviceMapping, CpuOptions, EbsInstanceBlockDevice, InstanceBlockDeviceMapping,
        InstanceState, InstanceTypeInfo, Placement, Tag,
    };
    use wucluster_core::tags::Tags;

    use super::*;

    fn definition(text: &str) -> ClusterDefinition {
        let head = "[cluster]\nname = \"gibbon\"\nprovider = \"aws\"\nzone = \"eu-central-1a\"\n";
        ClusterDefinition::parse(&format!("{head}{text}")).unwrap()
    }

    fn facts(types: &[(&str, i32)]) -> Facts {
        let info = |(kind, cpus): &(&str, i32)| {
            InstanceTypeInfo::builder()
                .instance_type(InstanceType::from(*kind))
                .v_cpu_info(VCpuInfo::builder().default_v_cpus(*cpus).build())
                .build()
        };
        let disk = EbsBlockDevice::builder().volume_size(8).volume_type(VolumeType::Gp3).build();
        let disk = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(disk).build();
        let image =
            Image::builder().root_device_name("/dev/xvda").block_device_mappings(disk).build();
        let mut facts = Facts::default();
        facts.types = Some(Ok(types.iter().map(info).collect()));
        facts.images.insert("ami-1".to_owned(), Ok(Some(image)));
        facts
    }

    fn tags(tags: &Tags) -> Vec<Tag> {
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }

    fn machine(kind: &str, node: Option<&str>) -> Instance {
        let cluster = "gibbon".parse_name();
        let own = node.map(|node| tags(&Tags::for_node(&cluster, &node.parse_node())));
        let disk = EbsInstanceBlockDevice::builder().volume_id(format!("vol-of-{node:?}")).build();
        let disk = InstanceBlockDeviceMapping::builder().device_name("/dev/xvda").ebs(disk).build();
        Instance::builder()
            .instance_type(InstanceType::from(kind))
            .state(InstanceState::builder().name(InstanceStateName::Running).build())
            .root_device_name("/dev/xvda")
            .block_device_mappings(disk)
            .set_tags(own)
            .build()
    }

    /// Short ways to names.
    trait Names {
        fn parse_name(&self) -> wucluster_core::ids::ClusterName;
        fn parse_node(&self) -> wucluster_core::ids::NodeName;
    }

    impl Names for str {
        fn parse_name(&self) -> wucluster_core::ids::ClusterName {
            wucluster_core::ids::ClusterName::new(self).unwrap()
        }
        fn parse_node(&self) -> wucluster_core::ids::NodeName {
            wucluster_core::ids::NodeName::new(self).unwrap()
        }
    }

    fn need(needs: &Needs, code: &str) -> Need {
        let found = needs.of.iter().find(|(quota, _)| quota.code == code);
        *found.unwrap_or_else(|| panic!("{code} is not needed: {:?}", needs.of)).1
    }

    const STANDARD: &str = "L-1216C47A";
    const SPOT: &str = "L-34B43A08";
    const GP3: &str = "L-7A658B76";

    #[test]
    fn only_what_a_definition_draws_on_is_asked_for() {
        let text = "[node.n]\ncount = 3\nimage = \"ami-1\"\ntype = \"m7i.large\"\n\
                    mount.a = { at = \"/a\", size = \"1 TiB\" }\n\
                    mount.b = { at = \"/b\", size = \"512 GiB\", volume-type = \"io2\", iops = 4000 }\n";
        let needs = Needs::of(&definition(text), &facts(&[("m7i.large", 2)]));
        let codes: Vec<&str> = needs.of.keys().map(|quota| quota.code).collect();
        assert_eq!(codes.len(), 4, "{codes:?}");
        assert_eq!(need(&needs, STANDARD).planned, 6.0);
        // With three system disks of 8 GiB.
        assert_eq!(need(&needs, GP3).planned, 3.0 + 3.0 * 8.0 / 1024.0);
        assert_eq!(need(&needs, "L-09BD8365").planned, 1.5);
        assert_eq!(need(&needs, "L-8D977E7E").planned, 12_000.0);
        assert_eq!(needs.kinds_of_volumes(), ["gp3", "io2"]);
    }

    #[test]
    fn a_list_of_types_is_counted_by_its_first_and_by_its_largest() {
        let text = "[node.n]\ncount = 2\nimage = \"ami-1\"\ntype = [\"m7i.large\", \"m7i.xlarge\", \"p5.4xlarge\"]\n";
        let known = [("m7i.large", 2), ("m7i.xlarge", 4), ("p5.4xlarge", 16)];
        let needs = Needs::of(&definition(text), &facts(&known));
        assert_eq!((need(&needs, STANDARD).planned, need(&needs, STANDARD).at_most), (4.0, 8.0));
        let of_p = need(&needs, "L-417A185B");
        assert_eq!((of_p.planned, of_p.at_most), (0.0, 32.0));
    }

    #[test]
    fn spot_counts_by_itself_and_what_has_no_quota_is_told() {
        let text = "[node.n]\nimage = \"ami-1\"\ntype = \"m7i.large\"\nspot = true\n\
                    [node.h]\nimage = \"ami-1\"\ntype = \"hpc7a.12xlarge\"\nspot = true\n";
        let needs = Needs::of(&definition(text), &facts(&[("m7i.large", 2)]));
        assert_eq!(need(&needs, SPOT).planned, 2.0);
        assert!(!needs.of.keys().any(|quota| quota.code == STANDARD));
        assert_eq!(needs.unknown.len(), 1);
        assert_eq!(needs.unknown[0].0, "quota of hpc7a.12xlarge");
    }

    #[test]
    fn what_is_the_clusters_own_is_counted_once() {
        let definition = definition(
            "[node.n]\nimage = \"ami-1\"\ntype = \"m7i.large\"\nmount.a = { at = \"/a\", size = \"1 TiB\" }\n",
        );
        let mut needs = Needs::of(&definition, &facts(&[("m7i.large", 2)]));
        let ours = machine("m7i.large", Some("n"));
        // A node that the definition has no more uses what it uses.
        let gone = machine("m7i.large", Some("gone"));
        let spot = Instance::builder()
            .instance_type(InstanceType::from("m7i.large"))
            .instance_lifecycle(InstanceLifecycleType::Spot)
            .state(InstanceState::builder().name(InstanceStateName::Running).build())
            .build();
        let stopped = Instance::builder()
            .instance_type(InstanceType::from("m7i.large"))
            .state(InstanceState::builder().name(InstanceStateName::Stopped).build())
            .build();
        let hosted = Instance::builder()
            .instance_type(InstanceType::from("m7i.large"))
            .placement(Placement::builder().tenancy(Tenancy::Host).build())
            .state(InstanceState::builder().name(InstanceStateName::Running).build())
            .build();
        let other = Instance::builder()
            .instance_type(InstanceType::from("r6i.4xlarge"))
            .cpu_options(CpuOptions::builder().core_count(8).threads_per_core(2).build())
            .state(InstanceState::builder().name(InstanceStateName::Pending).build())
            .build();
        let mute = machine("c5.large", None);
        let all = [ours, gone, spot, stopped, hosted, other, mute];
        needs.count_instances(&definition, &all);
        let standard = need(&needs, STANDARD);
        assert_eq!((standard.planned, standard.used, standard.uncounted), (2.0, 18.0, 1));

        let disk = |id: &str, gib: i32| {
            Volume::builder().volume_id(id).size(gib).volume_type(VolumeType::Gp3)
        };
        let key = wucluster_core::ids::MountKey::try_from("n/a".to_owned()).unwrap();
        let own = tags(&Tags::for_mount(&"gibbon".parse_name(), &key));
        let lost = wucluster_core::ids::MountKey::try_from("n/lost".to_owned()).unwrap();
        let lost = tags(&Tags::for_mount(&"gibbon".parse_name(), &lost));
        let disks = [
            disk("vol-1", 1024).set_tags(Some(own)).build(),
            disk("vol-2", 256).set_tags(Some(lost)).build(),
            disk("vol-of-Some(\"n\")", 8).build(),
            disk("vol-of-None", 512).build(),
        ];
        needs.count_volumes(&definition, &all, &disks);
        assert_eq!(need(&needs, GP3).used, 0.75);
    }
}

//! The quotas that a cluster draws on, by the codes that Service Quotas knows them by.
//!
//! Source of the codes: Service Quotas console, "Amazon EC2" and "Amazon EBS" (`aws service-quotas list-service-quotas`, with
//! `--service-code ec2` and `ebs`); AWS General Reference, "Amazon EC2 endpoints and quotas", "Amazon EBS endpoints and quotas".

/// A quota of the account in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quota {
    /// The service's code.
    pub(crate) service: &'static str,
    /// The quota's code.
    pub(crate) code: &'static str,
    /// What it limits, in EC2's words.
    pub(crate) name: &'static str,
    /// In what it is counted.
    pub(crate) unit: &'static str,
}

const fn vcpu(code: &'static str, name: &'static str) -> Quota {
    Quota { service: "ec2", code, name, unit: "vCPU" }
}

const fn storage(code: &'static str, name: &'static str) -> Quota {
    Quota { service: "ebs", code, name, unit: "TiB" }
}

const fn rate(code: &'static str, name: &'static str) -> Quota {
    Quota { service: "ebs", code, name, unit: "IOPS" }
}

/// Families with quotas of their own: what stands before the first digit of a type, and the quotas of on-demand and spot.
const FAMILIES: &[(&[&str], Quota, Option<Quota>)] = &[
    (
        &["g", "gr", "vt"],
        vcpu("L-DB2E81BA", "running on-demand G and VT instances"),
        Some(vcpu("L-3819A6DF", "G and VT spot instances")),
    ),
    (
        &["p"],
        vcpu("L-417A185B", "running on-demand P instances"),
        Some(vcpu("L-7212CCBC", "P spot instances")),
    ),
    (
        &["x"],
        vcpu("L-7295265B", "running on-demand X instances"),
        Some(vcpu("L-E3A00192", "X spot instances")),
    ),
    (
        &["inf"],
        vcpu("L-1945791B", "running on-demand Inf instances"),
        Some(vcpu("L-B5D1601B", "Inf spot instances")),
    ),
    (
        &["f"],
        vcpu("L-74FC7D96", "running on-demand F instances"),
        Some(vcpu("L-88CF9481", "F spot instances")),
    ),
    (
        &["dl"],
        vcpu("L-6E869C2A", "running on-demand DL instances"),
        Some(vcpu("L-85EED4F7", "DL spot instances")),
    ),
    (
        &["trn"],
        vcpu("L-2C3B7624", "running on-demand Trn instances"),
        Some(vcpu("L-6B0D517C", "Trn spot instances")),
    ),
    (&["hpc"], vcpu("L-F7808C92", "running on-demand HPC instances"), None),
    (&["u"], vcpu("L-43DA4232", "running on-demand High Memory instances"), None),
];

const STANDARD: Quota = vcpu("L-1216C47A", "running on-demand standard instances");
const STANDARD_SPOT: Quota = vcpu("L-34B43A08", "standard spot instances");
/// With what letters the families begin that share the standard quotas.
const STANDARD_LETTERS: &str = "acdhimrtz";

/// Finds the quota that the vCPU of a type count against. `None`: none that is known, as for what runs on dedicated hosts.
pub(crate) fn of_type(kind: &str, is_spot: bool) -> Option<Quota> {
    let end = kind.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(kind.len());
    let family = &kind[..end];
    if let Some((_, on_demand, spot)) =
        FAMILIES.iter().find(|(families, ..)| families.contains(&family))
    {
        return if is_spot { *spot } else { Some(*on_demand) };
    }
    let first = family.chars().next()?;
    if family == "mac" || !STANDARD_LETTERS.contains(first) {
        return None;
    }
    Some(if is_spot { STANDARD_SPOT } else { STANDARD })
}

/// Finds the quota for the size of a type of volumes.
pub(crate) fn of_storage(kind: &str) -> Option<Quota> {
    Some(match kind {
        "gp3" => storage("L-7A658B76", "storage in gp3 volumes"),
        "gp2" => storage("L-D18FCD1D", "storage in gp2 volumes"),
        "io1" => storage("L-FD252861", "storage in io1 volumes"),
        "io2" => storage("L-09BD8365", "storage in io2 volumes"),
        "st1" => storage("L-82ACEF56", "storage in st1 volumes"),
        "sc1" => storage("L-17AF77E8", "storage in sc1 volumes"),
        "standard" => storage("L-9CF3C2EB", "storage in standard volumes"),
        _ => return None,
    })
}

/// Finds the quota for the provisioned rate of a type of volumes. `None`: its rate counts against none.
pub(crate) fn of_rate(kind: &str) -> Option<Quota> {
    match kind {
        "io1" => Some(rate("L-B3A130E6", "provisioned rate of io1 volumes")),
        "io2" => Some(rate("L-8D977E7E", "provisioned rate of io2 volumes")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_type_counts_against_the_quota_of_its_family() {
        for (kind, on_demand, spot) in [
            ("m7i.large", Some("L-1216C47A"), Some("L-34B43A08")),
            ("t3.micro", Some("L-1216C47A"), Some("L-34B43A08")),
            ("im4gn.large", Some("L-1216C47A"), Some("L-34B43A08")),
            ("is4gen.large", Some("L-1216C47A"), Some("L-34B43A08")),
            ("d3en.xlarge", Some("L-1216C47A"), Some("L-34B43A08")),
            ("hs1.8xlarge", Some("L-1216C47A"), Some("L-34B43A08")),
            ("dl1.24xlarge", Some("L-6E869C2A"), Some("L-85EED4F7")),
            ("g4dn.xlarge", Some("L-DB2E81BA"), Some("L-3819A6DF")),
            ("gr6.4xlarge", Some("L-DB2E81BA"), Some("L-3819A6DF")),
            ("vt1.3xlarge", Some("L-DB2E81BA"), Some("L-3819A6DF")),
            ("p5en.48xlarge", Some("L-417A185B"), Some("L-7212CCBC")),
            ("x2iedn.xlarge", Some("L-7295265B"), Some("L-E3A00192")),
            ("inf2.xlarge", Some("L-1945791B"), Some("L-B5D1601B")),
            ("f2.6xlarge", Some("L-74FC7D96"), Some("L-88CF9481")),
            ("trn1.2xlarge", Some("L-2C3B7624"), Some("L-6B0D517C")),
            ("hpc7a.12xlarge", Some("L-F7808C92"), None),
            ("u-6tb1.metal", Some("L-43DA4232"), None),
            ("u7i-12tb.224xlarge", Some("L-43DA4232"), None),
            // On dedicated hosts only.
            ("mac2.metal", None, None),
            ("quux9.large", None, None),
            ("", None, None),
        ] {
            let code = |is_spot| of_type(kind, is_spot).map(|quota| quota.code);
            assert_eq!((code(false), code(true)), (on_demand, spot), "{kind}");
        }
    }

    #[test]
    fn no_code_stands_for_two_things() {
        let kinds = ["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"];
        let of_volumes = kinds.iter().flat_map(|kind| [of_storage(kind), of_rate(kind)]);
        let of_types = FAMILIES.iter().flat_map(|(_, one, other)| [Some(*one), *other]);
        let both = [Some(STANDARD), Some(STANDARD_SPOT)];
        let all: Vec<Quota> = of_volumes.chain(of_types).chain(both).flatten().collect();
        let codes: BTreeSet<&str> = all.iter().map(|quota| quota.code).collect();
        let names: BTreeSet<&str> = all.iter().map(|quota| quota.name).collect();
        assert_eq!((codes.len(), names.len()), (all.len(), all.len()));
    }
}

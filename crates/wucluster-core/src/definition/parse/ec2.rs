//! Keys that EC2 and EBS alone heed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::key::{Kind, nearest};
use super::section::{Field, Section, Sink};
use super::value;
use crate::definition::code::Code;
use crate::definition::diagnostic::shown;
use crate::definition::{EbsVolume, Ec2Machine, Size};

/// Types of volumes. Source: EC2's `VolumeType`.
pub(super) const VOLUME_TYPES: [&str; 7] = ["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"];
/// Most IOPS of any volume (io2). Source: EC2's `CreateVolume`; each type has its own limit, which EC2 tells.
const IOPS_MAX: i64 = 256_000;
/// Most MiB a second of any volume (gp3). Source: EC2's `CreateVolume`.
const THROUGHPUT_MAX: i64 = 2_000;
/// How many MiB a second a volume may be initialized with. Source: EC2's `CreateVolume`.
const INITIALIZATION_RATES: RangeInclusive<i64> = 100..=300;
/// Longest key and value of a tag. Unit: characters. Source: EC2 user guide, "Tag restrictions".
const TAG_KEY_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;
/// Most tags of the user's own: EC2 takes 50 on a thing, and ours are among them.
const TAGS_MAX: usize = 40;

/// Settings of a machine that a group may have from `[defaults]`.
#[derive(Debug, Default)]
pub(super) struct MachineSettings {
    user: Option<String>,
    pub(super) subnet: Option<String>,
    security_groups: Option<Vec<String>>,
    key: Option<String>,
    profile: Option<String>,
    root: Option<Size>,
    spot: Option<bool>,
    tags: Option<BTreeMap<String, String>>,
}

impl MachineSettings {
    /// Reads the settings of a section.
    pub(super) fn read(section: &Section<'_, '_>, sink: &mut Sink) -> Self {
        let mut word = |key| section.field(key).and_then(|field| value::word(&field, sink));
        let (subnet, key, profile) = (word("subnet"), word("key"), word("profile"));
        Self {
            user: section.field("user").and_then(|field| value::owner(&field, sink)),
            subnet,
            security_groups: section.field("security-groups").and_then(|field| words(&field, sink)),
            key,
            profile,
            root: section.field("root").and_then(|field| value::size(&field, sink)),
            spot: section.field("spot").and_then(|field| field.boolean(sink)),
            tags: section.field("tags").and_then(|field| tags(&field, sink)),
        }
    }

    /// Returns the machine, with `defaults` where it says nothing of its own.
    pub(super) fn or(&self, defaults: &Self) -> Ec2Machine {
        let pick = |own: &Option<String>, default: &Option<String>| own.clone().or(default.clone());
        let (own_groups, groups) = (&self.security_groups, &defaults.security_groups);
        Ec2Machine {
            user: pick(&self.user, &defaults.user),
            subnet: pick(&self.subnet, &defaults.subnet),
            security_groups: own_groups.clone().or(groups.clone()).unwrap_or_default(),
            key: pick(&self.key, &defaults.key),
            profile: pick(&self.profile, &defaults.profile),
            root: self.root.or(defaults.root),
            spot: self.spot.or(defaults.spot).unwrap_or(false),
            tags: self.tags.clone().or(defaults.tags.clone()).unwrap_or_default(),
        }
    }
}

/// Reads what EBS must know of a mount's volume.
pub(super) fn volume(section: &Section<'_, '_>, sink: &mut Sink) -> EbsVolume {
    EbsVolume {
        kind: section.field("volume-type").and_then(|field| volume_type(&field, sink)),
        iops: section.field("iops").and_then(|field| rate(&field, 1..=IOPS_MAX, sink)),
        throughput: section.field("throughput").and_then(|f| rate(&f, 1..=THROUGHPUT_MAX, sink)),
        initialization_rate: section
            .field("initialization-rate")
            .and_then(|field| rate(&field, INITIALIZATION_RATES, sink)),
        encrypted: section.field("encrypted").and_then(|field| field.boolean(sink)),
        kms_key: section.field("kms-key").and_then(|field| value::word(&field, sink)),
    }
}

/// Returns a volume's settings, with `defaults` where they say nothing of their own.
pub(super) fn volume_or(own: &EbsVolume, defaults: &EbsVolume) -> EbsVolume {
    EbsVolume {
        kind: own.kind.clone().or(defaults.kind.clone()),
        iops: own.iops.or(defaults.iops),
        throughput: own.throughput.or(defaults.throughput),
        initialization_rate: own.initialization_rate.or(defaults.initialization_rate),
        encrypted: own.encrypted.or(defaults.encrypted),
        kms_key: own.kms_key.clone().or(defaults.kms_key.clone()),
    }
}

/// Reads one word, or a list of words.
fn words(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Vec<String>> {
    match field.items() {
        Some(items) => Some(items.iter().filter_map(|item| value::word(item, sink)).collect()),
        None => value::word(field, sink).map(|word| vec![word]),
    }
}

fn volume_type(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    let text = field.string(sink)?;
    if VOLUME_TYPES.contains(&text) {
        return Some(text.to_owned());
    }
    let message = format!("EBS has no volumes of type `{}`", shown(text));
    let choice = format!("the types are `{}`", VOLUME_TYPES.join("`, `"));
    let diagnostic = field.error(Code::UnknownVolumeType, message, "unknown");
    sink.push(match nearest(text, &VOLUME_TYPES) {
        Some(meant) => diagnostic
            .help(format!("{choice}; did you mean `{meant}`?"))
            .patch(field.span.clone(), Some(format!("\"{meant}\""))),
        None => diagnostic.help(choice),
    });
    None
}

fn rate(field: &Field<'_, '_>, range: RangeInclusive<i64>, sink: &mut Sink) -> Option<u32> {
    let number = field.integer(sink)?;
    if let (true, Ok(rate)) = (range.contains(&number), u32::try_from(number)) {
        return Some(rate);
    }
    let (min, max) = range.into_inner();
    let label = if number < min { "too few" } else { "too many" };
    let message = format!("`{}` is between {min} and {max}", field.shown());
    sink.push(field.error(Code::RateRange, message, label));
    None
}

/// Reads the user's own tags: a table of strings.
fn tags(field: &Field<'_, '_>, sink: &mut Sink) -> Option<BTreeMap<String, String>> {
    let of = format!("the tags of {}", field.of);
    let help = "write `tags = { project = \"gibbon\" }`";
    let section = Section::from_field(field, Kind::Tags, of, help, sink)?;
    let fields = section.fields();
    if fields.len() > TAGS_MAX {
        let message = format!("{} tags of your own are too many, at most {TAGS_MAX}", fields.len());
        sink.push(field.error(Code::TagForm, message, "too many"));
        return None;
    }
    let mut tags = BTreeMap::new();
    for tag in fields {
        let Some(value) = tag.string_of_any_word(sink) else { continue };
        let (key, key_length) = (tag.name, tag.name.chars().count());
        let why = if key_length == 0 || key_length > TAG_KEY_MAX {
            format!("a key has 1 to {TAG_KEY_MAX} characters")
        } else if key.starts_with("wucluster:") || key == "Name" {
            "wucluster sets this one itself".to_owned()
        } else if key.to_ascii_lowercase().starts_with("aws:") {
            "keys that begin with `aws:` are AWS's own".to_owned()
        } else if value.chars().count() > TAG_VALUE_MAX {
            format!("a value has at most {TAG_VALUE_MAX} characters")
        } else if key.chars().chain(value.chars()).any(char::is_control) {
            "control characters may not stand in it".to_owned()
        } else {
            tags.insert(key.to_owned(), value.to_owned());
            continue;
        };
        let message = format!("`{}` of {} cannot be a tag", shown(key), field.of);
        sink.push(tag.error(Code::TagForm, message, why));
    }
    Some(tags)
}

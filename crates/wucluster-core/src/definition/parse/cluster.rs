//! The file's sections: `[cluster]`, `[defaults]` and all node groups.

use std::ops::Range;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::group::{self, GroupDraft, GroupSettings};
use super::key::{self, Kind};
use super::mount::{self, MountSettings};
use super::network;
use super::prices;
use super::section::{Section, Sink};
use super::source::Source;
use super::value::{self, Choice};
use crate::definition::code::Code;
use crate::definition::diagnostic::Diagnostic;
use crate::definition::prices::Prices;
use crate::definition::{ManagedNetwork, Provider};
use crate::ids::ClusterName;

/// Longest age at which a snapshot counts as recent. Unit: seconds.
const RECENT_MAX: u64 = 3650 * 86_400;

/// A definition as it is written; parts with mistakes are missing.
#[derive(Debug, Default)]
pub(super) struct ClusterDraft {
    /// The cluster's name.
    pub(super) name: Option<ClusterName>,
    /// Its provider.
    pub(super) provider: Option<Provider>,
    /// Its region.
    pub(super) region: Option<String>,
    /// Its zones.
    pub(super) zones: Option<Choice>,
    /// Where they stand.
    pub(super) zones_span: Option<Range<usize>>,
    /// The network that wucluster makes for it.
    pub(super) network: Option<ManagedNetwork>,
    /// Where leases and journals are.
    pub(super) store: Option<String>,
    /// What things cost.
    pub(super) prices: Option<Prices>,
    /// When a snapshot counts as recent.
    pub(super) recent: Option<Duration>,
    /// Settings for all groups.
    pub(super) defaults: GroupSettings,
    /// Settings for all mounts.
    pub(super) mount_defaults: MountSettings,
    /// The node groups in the order of the file.
    pub(super) groups: Vec<GroupDraft>,
    /// Whether any group is written, be it a good one or not.
    pub(super) has_groups: bool,
    /// Where `[cluster]` stands.
    pub(super) span: Option<Range<usize>>,
}

/// Reads all sections of the file.
pub(super) fn read(source: &Source<'_>, table: &DeTable<'_>, sink: &mut Sink) -> ClusterDraft {
    let root =
        Section { kind: Kind::Root, of: "the definition".to_owned(), table, key: 0..0, span: 0..0 };
    key::check(&root, sink);
    let mut draft = ClusterDraft::default();
    match root.field("cluster") {
        Some(field) => {
            let of = "`[cluster]`".to_owned();
            let help = "write `[cluster]` and below it `name = \"my-cluster\"`";
            if let Some(section) = Section::from_field(&field, Kind::Cluster, of, help, sink) {
                read_cluster(source, &section, &mut draft, sink);
            }
        }
        None => missing_cluster(source.text, sink),
    }
    if let Some(field) = root.field("store") {
        let of = "`[store]`".to_owned();
        let help = "write `[store]` and below it `url = \"s3://BUCKET/PREFIX\"`";
        if let Some(section) = Section::from_field(&field, Kind::Store, of, help, sink) {
            key::check(&section, sink);
            match section.field("url") {
                Some(field) => draft.store = value::store(&field, sink),
                None => section.missing(source, "url", "url = \"s3://BUCKET/PREFIX\"", sink),
            }
        }
    }
    if let Some(field) = root.field("prices") {
        let of = "`[prices]`".to_owned();
        let help = "write `[prices]` and below it `volume = { gp3 = 0.08 }`";
        if let Some(section) = Section::from_field(&field, Kind::Prices, of, help, sink) {
            draft.prices = Some(prices::read(&section, sink));
        }
    }
    if let Some(field) = root.field("defaults") {
        let of = "`[defaults]`".to_owned();
        let help = "write `[defaults]` and below it keys of a node group";
        if let Some(section) = Section::from_field(&field, Kind::Defaults, of, help, sink) {
            read_defaults(&section, &mut draft, sink);
        }
    }
    if let Some(field) = root.field("node") {
        draft.has_groups = !matches!(field.value, DeValue::Table(table) if table.is_empty());
        let of = "the node groups".to_owned();
        let help = "write `[node.NAME]`; for more of the same give it `count = 3`";
        if let Some(section) = Section::from_field(&field, Kind::Group, of, help, sink) {
            read_groups(source, &section, &mut draft, sink);
        }
    }
    draft
}

fn missing_cluster(text: &str, sink: &mut Sink) {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    sink.push(
        Diagnostic::new(Code::MissingCluster, "the definition has no `[cluster]` section")
            .help("begin it with `[cluster]` and the cluster's name")
            .patch(start..start, Some("[cluster]\nname = \"my-cluster\"\n\n".to_owned())),
    );
}

fn read_cluster(
    source: &Source<'_>,
    section: &Section<'_, '_>,
    draft: &mut ClusterDraft,
    sink: &mut Sink,
) {
    draft.span = Some(section.span.clone());
    key::check(section, sink);
    match section.field("name") {
        Some(field) => {
            if let Some(name) = field.string(sink) {
                match ClusterName::new(name) {
                    Ok(name) => draft.name = Some(name),
                    Err(error) => {
                        let mut diagnostic =
                            mount::invalid_name(&field.span, name, "cluster", error.reason);
                        if let Some(patch) = &mut diagnostic.patch {
                            patch.replacement = format!("\"{}\"", patch.replacement);
                        }
                        sink.push(diagnostic);
                    }
                }
            }
        }
        None => section.missing(source, "name", "name = \"my-cluster\"", sink),
    }
    draft.provider = match section.field("provider") {
        Some(field) => value::provider(&field, sink),
        None => Some(Provider::Local),
    };
    draft.region = section.field("region").and_then(|field| value::word(&field, sink));
    let zones = section.field("zone");
    draft.zones_span = zones.as_ref().map(|field| field.span.clone());
    draft.zones = zones.and_then(|field| value::choice(&field, sink));
    draft.network = network::read(section, sink);
    draft.recent =
        section.field("recent").and_then(|field| value::duration(&field, 1, RECENT_MAX, sink));
}

fn read_defaults(section: &Section<'_, '_>, draft: &mut ClusterDraft, sink: &mut Sink) {
    key::check(section, sink);
    draft.defaults = GroupSettings::read(section, sink);
    let Some(field) = section.field("mount") else { return };
    let of = "`[defaults.mount]`".to_owned();
    let help = "write `[defaults.mount]` and below it keys of a mount";
    if let Some(section) = Section::from_field(&field, Kind::DefaultsMount, of, help, sink) {
        key::check(&section, sink);
        draft.mount_defaults = MountSettings::read(&section, sink);
    }
}

fn read_groups(
    source: &Source<'_>,
    section: &Section<'_, '_>,
    draft: &mut ClusterDraft,
    sink: &mut Sink,
) {
    for field in section.fields() {
        let is_setting = Kind::Group.keys().contains(&field.name);
        if is_setting && !field.value.is_table() {
            sink.push(
                Diagnostic::new(Code::Nameless, "a node group has no name")
                    .at(field.key.clone(), "here should be a group's name, not one of its keys")
                    .at(section.span.clone(), "")
                    .help("write `[node.NAME]` above the group's keys"),
            );
            return;
        }
        draft.groups.extend(group::read(source, &field, &draft.mount_defaults, sink));
    }
}

//! Node groups: `[node.NAME]` and what `[defaults]` gives to all of them.

use std::ops::Range;

use super::ec2::MachineSettings;
use super::hook;
use super::key::{self, Kind};
use super::mount::{self, MountDraft, MountSettings};
use super::section::{Field, Section, Sink};
use super::source::Source;
use super::value::{self, Choice};
use crate::definition::code::Code;
use crate::definition::diagnostic::shown;
use crate::definition::{Hook, MachineDefinition, NodeHooks};
use crate::ids::NodeName;

/// Most nodes of one group, and of a cluster.
pub(super) const NODES_MAX: u32 = 10_000;

/// Settings that a node group may have from `[defaults]`.
#[derive(Debug, Default)]
pub(super) struct GroupSettings {
    image: Option<String>,
    types: Option<Choice>,
    memory_mib: Option<u32>,
    cpus: Option<u32>,
    ec2: MachineSettings,
    ready: Option<Vec<Hook>>,
    before_unmount: Option<Vec<Hook>>,
    before_halt: Option<Vec<Hook>>,
}

impl GroupSettings {
    /// Reads the settings of a section.
    pub(super) fn read(section: &Section<'_, '_>, sink: &mut Sink) -> Self {
        Self {
            image: section.field("image").and_then(|field| value::image(&field, sink)),
            types: section.field("type").and_then(|field| value::choice(&field, sink)),
            memory_mib: section.field("memory").and_then(|field| value::memory(&field, sink)),
            cpus: section.field("cpus").and_then(|field| value::cpus(&field, sink)),
            ec2: MachineSettings::read(section, sink),
            ready: section.field("ready").and_then(|field| hook::hooks(&field, sink)),
            before_unmount: section.field("before-unmount").and_then(|f| hook::hooks(&f, sink)),
            before_halt: section.field("before-halt").and_then(|f| hook::hooks(&f, sink)),
        }
    }
}

/// A node group as it is written; parts with mistakes are missing.
#[derive(Debug)]
pub(super) struct GroupDraft {
    /// Its name.
    pub(super) name: String,
    /// Where its name stands.
    pub(super) key: Range<usize>,
    /// How many nodes it has. `None`: one, with the name of the group.
    pub(super) count: Option<u32>,
    /// Where the count stands.
    pub(super) count_span: Option<Range<usize>>,
    /// What it was called before, and where that stands.
    pub(super) was: Option<(String, Range<usize>)>,
    /// The line of its name.
    pub(super) line: usize,
    /// Its mounts.
    pub(super) mounts: Vec<MountDraft>,
    settings: GroupSettings,
}

impl GroupDraft {
    /// Returns the machine of its nodes.
    pub(super) fn machine(&self, defaults: &GroupSettings) -> MachineDefinition {
        let own = &self.settings;
        MachineDefinition {
            image: own.image.as_ref().or(defaults.image.as_ref()).cloned(),
            instance_type: self.types(defaults).map(|types| types.first.clone()),
            memory_mib: own.memory_mib.or(defaults.memory_mib),
            cpus: own.cpus.or(defaults.cpus),
            ec2: own.ec2.or(&defaults.ec2),
        }
    }

    /// Says whether its nodes are in a subnet that the definition names.
    pub(super) fn has_subnet(&self, defaults: &GroupSettings) -> bool {
        self.settings.ec2.subnet.is_some() || defaults.ec2.subnet.is_some()
    }

    /// Returns the types that are tried after the machine's own; a list of its own takes the place of the default one.
    pub(super) fn other_types(&self, defaults: &GroupSettings) -> Vec<String> {
        self.types(defaults).map(|types| types.others.clone()).unwrap_or_default()
    }

    fn types<'a>(&'a self, defaults: &'a GroupSettings) -> Option<&'a Choice> {
        self.settings.types.as_ref().or(defaults.types.as_ref())
    }

    /// Returns the hooks of its nodes; a list of its own takes the place of the default one.
    pub(super) fn hooks(&self, defaults: &GroupSettings) -> NodeHooks {
        let pick = |own: &Option<Vec<Hook>>, default: &Option<Vec<Hook>>| {
            own.as_ref().or(default.as_ref()).cloned().unwrap_or_default()
        };
        let own = &self.settings;
        NodeHooks {
            ready: pick(&own.ready, &defaults.ready),
            before_unmount: pick(&own.before_unmount, &defaults.before_unmount),
            before_halt: pick(&own.before_halt, &defaults.before_halt),
        }
    }
}

/// Reads one node group.
pub(super) fn read(
    source: &Source<'_>,
    field: &Field<'_, '_>,
    mount_defaults: &MountSettings,
    sink: &mut Sink,
) -> Option<GroupDraft> {
    let has_name = NodeName::new(field.name).map_err(|error| {
        sink.push(mount::invalid_name(&field.key, field.name, "node group", error.reason));
    });
    let of = format!("node `{}`", field.shown());
    let help = "write `[node.NAME]`; for more of the same give it `count = 3`";
    let section = Section::from_field(field, Kind::Group, of, help, sink)?;
    key::check(&section, sink);
    let count_field = section.field("count");
    let count_span = count_field.as_ref().map(|field| field.span.clone());
    let count = count_field.map(|field| count(&field, sink));
    let was = section.field("was").and_then(|field| former(&field, sink));
    let settings = GroupSettings::read(&section, sink);
    let mounts = mount::read_all(source, &section, mount_defaults, sink);
    has_name.ok()?;
    let count = match count {
        None => None,
        Some(count) => Some(count?),
    };
    let line = source.line(field.key.start);
    Some(GroupDraft {
        name: field.name.to_owned(),
        key: field.key.clone(),
        count,
        count_span,
        was,
        line,
        mounts,
        settings,
    })
}

/// Reads what a group was called before.
fn former(field: &Field<'_, '_>, sink: &mut Sink) -> Option<(String, Range<usize>)> {
    let text = field.string(sink)?;
    match NodeName::new(text) {
        Ok(_) => Some((text.to_owned(), field.span.clone())),
        Err(error) => {
            let message = format!("`{}` is not a node group's former name", shown(text));
            let diagnostic = field.error(Code::WasForm, message, error.reason);
            sink.push(diagnostic.help("write the name that its table had: `[node.NAME]`"));
            None
        }
    }
}

fn count(field: &Field<'_, '_>, sink: &mut Sink) -> Option<u32> {
    let number = field.integer(sink)?;
    match u32::try_from(number) {
        Ok(count) if count <= NODES_MAX => Some(count),
        Ok(_) | Err(_) => {
            let label = if number < 0 { "it is negative" } else { "too many" };
            let message = format!("`count` is between 0 and {NODES_MAX}");
            sink.push(field.error(Code::CountRange, message, label));
            None
        }
    }
}

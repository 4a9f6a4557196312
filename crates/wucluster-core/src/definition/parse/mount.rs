//! Mounts: `[node.NAME.mount.NAME]` and what `[defaults.mount]` gives to all of them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::ec2;
use super::key::{self, Kind};
use super::option;
use super::section::{Field, Section, Sink};
use super::source::Source;
use super::value;
use crate::definition::code::Code;
use crate::definition::diagnostic::{Diagnostic, shown};
use crate::definition::mount_point::{MountPointFault, check_mount_point};
use crate::definition::{EbsVolume, FilesystemKind, MountDefinition, Size};
use crate::ids::{MountKey, MountName, NodeName, SnapshotId};

/// Most mounts of one node.
///
/// Source: EC2 attaches at most 128 volumes to one instance, one of them for the system.
const MOUNTS_MAX: usize = 127;

/// Settings that a mount may have from `[defaults.mount]`.
#[derive(Debug, Default)]
pub(super) struct MountSettings {
    size: Option<Size>,
    fs: Option<FilesystemKind>,
    options: Option<Vec<String>>,
    owner: Option<String>,
    group: Option<String>,
    mode: Option<u32>,
    ebs: EbsVolume,
    /// Whether there is a size, be it a good one or not.
    has_size: bool,
}

impl MountSettings {
    /// Reads the settings of a section.
    pub(super) fn read(section: &Section<'_, '_>, sink: &mut Sink) -> Self {
        let size = section.field("size");
        Self {
            has_size: size.is_some(),
            size: size.and_then(|field| value::size(&field, sink)),
            fs: section.field("fs").and_then(|field| value::filesystem(&field, sink)),
            options: section.field("options").and_then(|field| option::options(&field, sink)),
            owner: section.field("owner").and_then(|field| value::owner(&field, sink)),
            group: section.field("group").and_then(|field| value::owner(&field, sink)),
            mode: section.field("mode").and_then(|field| value::mode(&field, sink)),
            ebs: ec2::volume(section, sink),
        }
    }
}

/// A mount as it is written; parts with mistakes are missing.
#[derive(Debug)]
pub(super) struct MountDraft {
    name: MountName,
    at: Option<Place>,
    settings: MountSettings,
    from: Option<Begin>,
    was: Option<Was>,
    was_span: Option<Range<usize>>,
    line: usize,
}

/// What a mount begins from: one snapshot on all nodes of its group, or one on each.
#[derive(Debug)]
enum Begin {
    All(SnapshotId),
    /// In the order of the nodes; `None`: blank.
    Each(Vec<Option<SnapshotId>>, Range<usize>),
}

/// What a mount was called before.
#[derive(Debug)]
enum Was {
    /// Another name on the same node, whatever that one was called.
    Name(MountName),
    /// In the order of the nodes; `None`: this one had no other name.
    Keys(Vec<Option<MountKey>>, Range<usize>),
}

/// A mount point with its place in the file.
#[derive(Debug)]
struct Place {
    path: String,
    span: Range<usize>,
}

impl MountDraft {
    /// Passes a mount whose snapshots are as many as the nodes of its group.
    pub(super) fn check_count(&self, count: Option<u32>, sink: &mut Sink) -> bool {
        let Some(Begin::Each(list, span)) = &self.from else { return true };
        let nodes = usize::try_from(count.unwrap_or(1)).unwrap_or(usize::MAX);
        if list.len() == nodes {
            return true;
        }
        let message = format!("`from` of mount `{}` has not one snapshot for each node", self.name);
        let label = format!("{} for {nodes}", list.len());
        sink.push(
            Diagnostic::new(Code::FromCount, message)
                .at(span.clone(), label)
                .help("write `\"\"` for a node that begins blank; a single snapshot needs no list"),
        );
        false
    }

    /// Passes a mount whose former names on other nodes are as many as the nodes of its group.
    pub(super) fn check_former_count(&self, count: Option<u32>, sink: &mut Sink) -> bool {
        let Some(Was::Keys(list, span)) = &self.was else { return true };
        let nodes = usize::try_from(count.unwrap_or(1)).unwrap_or(usize::MAX);
        if list.len() == nodes {
            return true;
        }
        let message =
            format!("`was` of mount `{}` has not one former name for each node", self.name);
        let label = format!("{} for {nodes}", list.len());
        sink.push(
            Diagnostic::new(Code::WasCount, message).at(span.clone(), label).help(
                "write a list with one `NODE/MOUNT` for each node of the group, `\"\"` for one that had no other name",
            ),
        );
        false
    }

    /// Returns its name.
    pub(super) fn name(&self) -> &MountName {
        &self.name
    }

    /// Returns where it says what the mount was called before.
    pub(super) fn former_span(&self) -> Option<Range<usize>> {
        self.was_span.clone()
    }

    /// Returns the finished mount of the node with that number in its group, from 0 on, if all that it needs is there;
    /// `before` is what that node was called before it was renamed, or is called.
    pub(super) fn finish(
        &self,
        defaults: &MountSettings,
        number: usize,
        before: Before<'_>,
    ) -> Option<MountDefinition> {
        let own = &self.settings;
        let of_node =
            |mount: &MountName| MountKey { node: before.node.clone(), mount: mount.clone() };
        let was = match &self.was {
            Some(Was::Name(name)) => Some(of_node(name)),
            Some(Was::Keys(list, _)) => list.get(number).cloned().flatten(),
            None => before.is_renamed.then(|| of_node(&self.name)),
        };
        let from = self.from.as_ref().and_then(|from| match from {
            Begin::All(snapshot) => Some(snapshot.clone()),
            Begin::Each(list, _) => list.get(number).cloned().flatten(),
        });
        Some(MountDefinition {
            name: self.name.clone(),
            at: self.at.as_ref()?.path.clone(),
            size: own.size.or(defaults.size)?,
            fs: own.fs.or(defaults.fs).unwrap_or(FilesystemKind::Ext4),
            options: own
                .options
                .as_ref()
                .or(defaults.options.as_ref())
                .cloned()
                .unwrap_or_default(),
            owner: own.owner.as_ref().or(defaults.owner.as_ref()).cloned(),
            group: own.group.as_ref().or(defaults.group.as_ref()).cloned(),
            mode: own.mode.or(defaults.mode),
            from,
            was,
            ebs: ec2::volume_or(&own.ebs, &defaults.ebs),
            line: self.line,
        })
    }
}

/// What a node was called before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    /// Its former name; its name, if it had none.
    pub(super) node: &'a NodeName,
    /// Whether it had another name.
    pub(super) is_renamed: bool,
}

/// Reads the mounts of a node group in the order of the file.
pub(super) fn read_all(
    source: &Source<'_>,
    group: &Section<'_, '_>,
    defaults: &MountSettings,
    sink: &mut Sink,
) -> Vec<MountDraft> {
    let Some(field) = group.field("mount") else { return Vec::new() };
    let of = format!("the mounts of {}", group.of);
    let help = "write `mount.NAME = { at = \"/mnt/NAME\", size = \"40 GiB\" }`";
    let Some(table) = Section::from_field(&field, Kind::Mount, of, help, sink) else {
        return Vec::new();
    };
    let mut drafts = Vec::new();
    for field in table.fields() {
        let is_setting = Kind::Mount.keys().contains(&field.name);
        if is_setting && !field.value.is_table() {
            let message = format!("a mount of {} has no name", group.of);
            let mut diagnostic = Diagnostic::new(Code::Nameless, message)
                .at(field.key.clone(), "here should be a mount's name, not one of its keys")
                .help("write `[node.NAME.mount.NAME]` above the mount's keys");
            if source.line(table.span.start) != source.line(field.key.start) {
                diagnostic = diagnostic.at(table.span.clone(), "");
            }
            sink.push(diagnostic);
            return drafts;
        }
        drafts.extend(read(source, &field, group, defaults, sink));
    }
    if drafts.len() > MOUNTS_MAX {
        let number = drafts.len();
        let message =
            format!("{} has {number} mounts, at most {MOUNTS_MAX} can be attached", group.of);
        sink.push(
            Diagnostic::new(Code::TooManyMounts, message)
                .at(group.key.clone(), "this node")
                .help("spread them over more nodes"),
        );
    } else {
        check_places(group, &drafts, source, sink);
    }
    drafts
}

fn read(
    source: &Source<'_>,
    field: &Field<'_, '_>,
    group: &Section<'_, '_>,
    defaults: &MountSettings,
    sink: &mut Sink,
) -> Option<MountDraft> {
    let name = MountName::new(field.name).map_err(|error| {
        sink.push(invalid_name(&field.key, field.name, "mount", error.reason));
    });
    let of = format!("mount `{}` of {}", field.shown(), group.of);
    let help = "write `{ at = \"/mnt/NAME\", size = \"40 GiB\" }`";
    let section = Section::from_field(field, Kind::Mount, of, help, sink)?;
    key::check(&section, sink);
    let settings = MountSettings::read(&section, sink);
    let near = name.as_ref().map_or("data", |name| name.as_str());
    let at = match section.field("at") {
        Some(field) => place(&field, sink),
        None => {
            section.missing(source, "at", &format!("at = \"/mnt/{near}\""), sink);
            None
        }
    };
    if !settings.has_size && !defaults.has_size {
        section.missing(source, "size", "size = \"40 GiB\"", sink);
    }
    let from = section.field("from").and_then(|field| begin(&field, sink));
    let was_field = section.field("was");
    let was_span = was_field.as_ref().map(|field| field.span.clone());
    let was = was_field.and_then(|field| former(&field, sink));
    let line = source.line(section.key.start);
    Some(MountDraft { name: name.ok()?, at, settings, from, was, was_span, line })
}

/// Reads what a mount begins from: a snapshot, or a list of them.
fn begin(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Begin> {
    let Some(items) = field.items() else {
        return value::snapshot(field, sink).map(Begin::All);
    };
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        list.push(match item.value.as_str() {
            Some("") => None,
            _ => Some(value::snapshot(&item, sink)?),
        });
    }
    Some(Begin::Each(list, field.span.clone()))
}

/// Reads what a mount was called before: a name on its node, `NODE/MOUNT`, or a list of these.
fn former(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Was> {
    let Some(items) = field.items() else {
        let text = field.string(sink)?;
        if text.contains('/') {
            return Some(Was::Keys(vec![Some(former_key(field, sink)?)], field.span.clone()));
        }
        return match MountName::new(text) {
            Ok(name) => Some(Was::Name(name)),
            Err(error) => {
                sink.push(no_former_name(field, text, error.reason));
                None
            }
        };
    };
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        list.push(match item.value.as_str() {
            Some("") => None,
            _ => Some(former_key(&item, sink)?),
        });
    }
    Some(Was::Keys(list, field.span.clone()))
}

fn former_key(field: &Field<'_, '_>, sink: &mut Sink) -> Option<MountKey> {
    let text = field.string(sink)?;
    match MountKey::try_from(text.to_owned()) {
        Ok(key) => Some(key),
        Err(error) => {
            sink.push(no_former_name(field, text, error.reason));
            None
        }
    }
}

fn no_former_name(field: &Field<'_, '_>, text: &str, reason: &str) -> Diagnostic {
    let message = format!("`{}` is not a mount's former name", shown(text));
    field.error(Code::WasForm, message, reason).help(
        "write the name that it had on its node, such as `was = \"scratch\"`, or where it was, such as `was = \"chief/scratch\"`",
    )
}

/// Makes the diagnostic for a name that breaks the rule for names.
pub(super) fn invalid_name(span: &Range<usize>, name: &str, of: &str, reason: &str) -> Diagnostic {
    let message = format!("`{}` is not a name for a {of}", shown(name));
    let good: String = name.to_lowercase().replace(['_', ' ', '.'], "-");
    let patch = crate::ids::check_name(&good).is_ok().then_some(good);
    Diagnostic::new(Code::InvalidName, message)
        .at(span.clone(), reason)
        .help("a name has 1 to 32 characters of a-z, 0-9 and -, with no - at either end")
        .patch(span.clone(), patch)
}

fn place(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Place> {
    let path = field.string(sink)?;
    let Err(error) = check_mount_point(path) else {
        if path == "/home" {
            let message = format!("{} hides the home directories of the image", field.of);
            sink.push(
                field.error(Code::HidesHomes, message, "users made by the image live here").help(
                    "the user that wucluster logs in as may be among them; `/mnt/home` is safe",
                ),
            );
        }
        return Some(Place { path: path.to_owned(), span: field.span.clone() });
    };
    let patch = error.suggestion.map(|path| format!("\"{path}\""));
    let diagnostic = match error.fault {
        MountPointFault::Form => {
            let message = format!("`{}` is not a mount point", shown(path));
            let diagnostic = field.error(Code::MountPointForm, message, error.explanation);
            let help = "a mount point is an absolute path without `.`, `..`, `//` and blanks";
            diagnostic.help(help).patch(field.span.clone(), patch)
        }
        MountPointFault::Reserved => {
            let message = format!("nothing may be mounted at `{}`", shown(path));
            let diagnostic = field.error(Code::MountPointReserved, message, error.explanation);
            diagnostic.help("mount it below `/mnt`, `/srv` or a directory of its own")
        }
    };
    sink.push(diagnostic);
    None
}

/// Reports mount points of one node that are the same, or lie inside each other.
fn check_places(
    group: &Section<'_, '_>,
    drafts: &[MountDraft],
    source: &Source<'_>,
    sink: &mut Sink,
) {
    let mut seen: BTreeMap<&str, &MountDraft> = BTreeMap::new();
    for draft in drafts {
        let Some(place) = &draft.at else { continue };
        if let Some(first) = seen.get(place.path.as_str()) {
            sink.push(twice(group, first, draft, place, drafts, source));
            continue;
        }
        seen.insert(&place.path, draft);
    }
    for (path, inner) in &seen {
        let outer = path.match_indices('/').skip(1).find_map(|(end, _)| seen.get(&path[..end]));
        if let Some(outer) = outer {
            let message = format!("one mount point of {} lies inside another", group.of);
            let spans = (inner.at.as_ref(), outer.at.as_ref());
            let (Some(inner_place), Some(outer_place)) = spans else { continue };
            sink.push(
                Diagnostic::new(Code::MountPointNested, message)
                    .at(inner_place.span.clone(), format!("mount `{}` lies inside", inner.name))
                    .at(outer_place.span.clone(), format!("mount `{}` is around it", outer.name))
                    .help(
                        "each mount must be unmounted on its own, whatever the other does: put them \
                         side by side",
                    ),
            );
        }
    }
}

fn twice(
    group: &Section<'_, '_>,
    first: &MountDraft,
    second: &MountDraft,
    place: &Place,
    all: &[MountDraft],
    source: &Source<'_>,
) -> Diagnostic {
    let (of, path, name) = (&group.of, &place.path, &second.name);
    let message = format!("two mounts of {of} use the same mount point `{path}`");
    let mut diagnostic = Diagnostic::new(Code::MountPointTwice, message)
        .at(place.span.clone(), format!("mount `{name}` wants it too"))
        .help(format!("give `{name}` a mount point of its own"));
    if let Some(first_place) = &first.at {
        let label = format!("first used by mount `{}`", first.name);
        diagnostic = diagnostic.at(first_place.span.clone(), label);
        if source.line(group.key.start) != source.line(first_place.span.start) {
            diagnostic = diagnostic.at(group.span.clone(), "");
        }
    }
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let own = format!("{parent}/{name}");
    let taken = all.iter().filter_map(|draft| draft.at.as_ref()).any(|place| place.path == own);
    let free = !taken && check_mount_point(&own).is_ok();
    diagnostic.patch(place.span.clone(), free.then(|| format!("\"{own}\"")))
}

//! From drafts of groups to the nodes of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use indexmap::IndexMap;

use super::cluster::ClusterDraft;
use super::group::{GroupDraft, NODES_MAX};
use super::mount::{Before, MountDraft, invalid_name};
use super::section::Sink;
use crate::definition::code::Code;
use crate::definition::diagnostic::Diagnostic;
use crate::definition::{ClusterDefinition, Hook, NodeDefinition, NodeHooks};
use crate::ids::{InvalidName, NodeName};

/// Most bytes that the definition may take when all groups are expanded.
///
/// Source: far more than any real cluster; it keeps a small hostile file from filling the memory.
const EXPANDED_SIZE_MAX: u64 = 256 << 20;

/// Makes the definition, or reports why the drafts do not fit together.
///
/// `None` also when something was missing from a draft; that has been reported by then.
pub(super) fn expand(draft: &ClusterDraft, sink: &mut Sink) -> Option<ClusterDefinition> {
    warn_of_no_nodes(draft, sink);
    check_subnets(draft, sink);
    let nodes = if fits(draft, sink) { nodes(draft, sink) } else { None };
    Some(ClusterDefinition {
        name: draft.name.clone()?,
        provider: draft.provider?,
        region: draft.region.clone(),
        zone: draft.zones.as_ref().map(|zones| zones.first.clone()),
        other_zones: draft.zones.as_ref().map(|zones| zones.others.clone()).unwrap_or_default(),
        network: draft.network.clone(),
        store: draft.store.clone(),
        prices: draft.prices.clone(),
        recent: draft.recent,
        nodes: nodes?,
    })
}

fn warn_of_no_nodes(draft: &ClusterDraft, sink: &mut Sink) {
    for group in draft.groups.iter().filter(|group| group.count == Some(0)) {
        let message = format!("node group `{}` has no nodes now", group.name);
        let span = group.count_span.clone().unwrap_or_else(|| group.key.clone());
        let help = "nodes that it had before stay as they are until the cluster is put away";
        sink.push(Diagnostic::new(Code::GroupWithoutNodes, message).at(span, "none").help(help));
    }
    let has_errors = sink.found.iter().any(Diagnostic::is_error);
    if !draft.has_groups && !has_errors {
        let mut diagnostic = Diagnostic::new(Code::ClusterWithoutNodes, "the cluster has no nodes")
            .help("add a node with `[node.chief]`");
        if let Some(span) = &draft.span {
            diagnostic = diagnostic.at(span.clone(), "this cluster is empty");
        }
        sink.push(diagnostic);
    }
}

/// Reports a subnet where the cluster may be in several zones: EC2 would refuse the machine in all of them but one.
fn check_subnets(draft: &ClusterDraft, sink: &mut Sink) {
    let Some(zones) = draft.zones.as_ref().filter(|zones| !zones.others.is_empty()) else { return };
    let Some(group) = draft.groups.iter().find(|group| group.has_subnet(&draft.defaults)) else {
        return;
    };
    let message =
        format!("a subnet lies in one zone, and `zone` names {} of them", zones.others.len() + 1);
    let mut diagnostic = Diagnostic::new(Code::SubnetZones, message)
        .at(group.key.clone(), "this group has a `subnet`")
        .help("leave `subnet` out for each zone's own, or name the subnet's zone alone");
    if let Some(span) = &draft.zones_span {
        diagnostic = diagnostic.at(span.clone(), "several zones");
    }
    sink.push(diagnostic);
}

/// Reports when the groups together are too large to be expanded.
fn fits(draft: &ClusterDraft, sink: &mut Sink) -> bool {
    let mut total: u64 = 0;
    let mut size: u64 = 0;
    for group in &draft.groups {
        let count = u64::from(group.count.unwrap_or(1));
        total += count;
        size = size.saturating_add(count.saturating_mul(expanded_size(group, draft)));
        let message = if total > u64::from(NODES_MAX) {
            format!("the groups have more than {NODES_MAX} nodes together")
        } else if size > EXPANDED_SIZE_MAX {
            format!("the nodes take more than {} MiB when written out", EXPANDED_SIZE_MAX >> 20)
        } else {
            continue;
        };
        let span = group.count_span.clone().unwrap_or_else(|| group.key.clone());
        sink.push(
            Diagnostic::new(Code::TooManyNodes, message)
                .at(span, "too many from here on")
                .help("split the cluster, or make the groups smaller"),
        );
        return false;
    }
    true
}

/// Returns about how much memory a node of the group takes. Unit: bytes.
fn expanded_size(group: &GroupDraft, draft: &ClusterDraft) -> u64 {
    const NODE: usize = 512;
    const MOUNT: usize = 1024;
    let hook = |hooks: &[Hook]| hooks.iter().map(|hook| hook.run.len() + 64).sum::<usize>();
    let NodeHooks { ready, before_unmount, before_halt } = group.hooks(&draft.defaults);
    let hooks = hook(&ready) + hook(&before_unmount) + hook(&before_halt);
    let types =
        group.other_types(&draft.defaults).iter().map(|kind| kind.len() + 64).sum::<usize>();
    (NODE + group.mounts.len() * MOUNT + hooks + types) as u64
}

fn nodes(draft: &ClusterDraft, sink: &mut Sink) -> Option<IndexMap<NodeName, NodeDefinition>> {
    let mut nodes = IndexMap::new();
    let mut owner: BTreeMap<NodeName, &GroupDraft> = BTreeMap::new();
    let mut complete = true;
    for group in &draft.groups {
        for mount in &group.mounts {
            complete &= mount.check_count(group.count, sink);
            complete &= mount.check_former_count(group.count, sink);
        }
        let mounts = |number: usize, before: Before<'_>| {
            let mounts = group.mounts.iter();
            let mounts =
                mounts.filter_map(|mount| mount.finish(&draft.mount_defaults, number, before));
            mounts.map(|mount| (mount.name.clone(), mount)).collect::<IndexMap<_, _>>()
        };
        let former = group.was.as_ref().map(|(was, _)| was.as_str());
        let node = |name: NodeName, number: usize| {
            let was = former.and_then(|former| numbered(former, group.count, number).ok());
            let before = Before { node: was.as_ref().unwrap_or(&name), is_renamed: was.is_some() };
            NodeDefinition {
                group: group.name.clone(),
                machine: group.machine(&draft.defaults),
                other_types: group.other_types(&draft.defaults),
                mounts: mounts(number, before),
                hooks: group.hooks(&draft.defaults),
                line: group.line,
                was,
                name,
            }
        };
        let is_whole = |name: &NodeName| mounts(0, Before { node: name, is_renamed: false });
        if let Ok(name) = NodeName::new(group.name.as_str()) {
            complete &= is_whole(&name).len() == group.mounts.len();
        }
        for (number, name) in names(group).enumerate() {
            let name = match name {
                Ok(name) => name,
                Err(error) => {
                    sink.push(long_name(group, &error));
                    complete = false;
                    break;
                }
            };
            if let Some(first) = owner.insert(name.clone(), group) {
                sink.push(node_twice(&name, first, group));
                complete = false;
                break;
            }
            nodes.insert(name.clone(), node(name, number));
        }
    }
    complete &= complete && former_names_are_free(draft, &nodes, sink);
    complete.then_some(nodes)
}

/// Returns the names of a group's nodes: its own, or with `-1`, `-2` … where it has a count.
fn names(group: &GroupDraft) -> impl Iterator<Item = Result<NodeName, InvalidName>> {
    let count = group.count.unwrap_or(1) as usize;
    (0..count).map(|number| numbered(&group.name, group.count, number))
}

/// Returns the name of the node with that number in its group, from 0 on.
fn numbered(group: &str, count: Option<u32>, number: usize) -> Result<NodeName, InvalidName> {
    match count {
        None => NodeName::new(group),
        Some(_) => NodeName::new(format!("{group}-{}", number + 1)),
    }
}

/// Passes nodes whose former names are nobody's now, and nobody else's former ones.
fn former_names_are_free(
    draft: &ClusterDraft,
    nodes: &IndexMap<NodeName, NodeDefinition>,
    sink: &mut Sink,
) -> bool {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    // Each once: of a group with a thousand nodes the first tells enough.
    let mut told: BTreeSet<usize> = BTreeSet::new();
    let mut refuse = |span: Option<Range<usize>>, code, message: String, label, help: &str| {
        let Some(span) = span else { return };
        if told.insert(span.start) {
            sink.push(Diagnostic::new(code, message).at(span, label).help(help.to_owned()));
        }
    };
    let mut are_free = true;
    for node in nodes.values() {
        let group = draft.groups.iter().find(|group| group.name == node.group);
        let group_span =
            || group.and_then(|group| group.was.as_ref()).map(|(_, span)| span.clone());
        let mut judge = |from: String, is_defined: bool, span: Option<Range<usize>>| {
            if is_defined {
                let message = format!("`{from}` is still defined, so nothing else was called so");
                let help = "take the old one out of the definition, or take `was` out: then this one begins anew";
                refuse(span, Code::WasDefined, message, "it has that name now", help);
                are_free = false;
            } else if !seen.insert(from.clone()) {
                let message = format!("two nodes or mounts say that they were `{from}`");
                let help = "what was there can become only one of them";
                refuse(span, Code::WasTwice, message, "the second one", help);
                are_free = false;
            }
        };
        if let Some(was) = &node.was {
            judge(was.to_string(), nodes.contains_key(was), group_span());
        }
        for mount in node.mounts.values() {
            let Some(was) = &mount.was else { continue };
            let is_defined =
                nodes.get(&was.node).is_some_and(|node| node.mounts.contains_key(&was.mount));
            let draft =
                group.and_then(|group| group.mounts.iter().find(|it| it.name() == &mount.name));
            let span = draft.and_then(MountDraft::former_span).or_else(group_span);
            judge(was.to_string(), is_defined, span);
        }
    }
    are_free
}

fn long_name(group: &GroupDraft, error: &InvalidName) -> Diagnostic {
    invalid_name(&group.key, &error.name, "node", error.reason)
        .help("its number is part of a node's name; give the group a shorter one")
}

fn node_twice(name: &NodeName, first: &GroupDraft, second: &GroupDraft) -> Diagnostic {
    let maker = |group: &GroupDraft| match group.count {
        Some(count) => format!("`{}` with count {count} makes it", group.name),
        None => format!("`{}` is it", group.name),
    };
    Diagnostic::new(Code::NodeTwice, format!("two nodes get the name `{name}`"))
        .at(second.key.clone(), format!("{}, too", maker(second)))
        .at(first.key.clone(), maker(first))
        .help("give one of the groups another name")
}

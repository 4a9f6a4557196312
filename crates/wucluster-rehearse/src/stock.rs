//! Taking stock: all that a cluster has in truth, without ids, so that two runs can be compared.

use std::collections::BTreeMap;

use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::observation::{AttachmentState, InstanceState, SnapshotState, VolumeState};
use wucluster_sim::{Content, Shape, World};

use crate::truth::Stage;

/// What there is, in words, by whom it belongs to.
pub type Things = BTreeMap<Subject, Vec<String>>;

/// All that costs money, and what is on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stock {
    /// Machines and volumes: their states, what is attached and mounted where, and what is on it.
    pub things: Things,
    /// Snapshots, and what is on them.
    pub snapshots: Things,
}

/// Takes stock of what the nodes and mounts of a stage have; `written` are the files that users ever wrote. What is on its
/// way out is gone.
#[must_use]
pub fn take(stage: &Stage<'_>, written: &BTreeMap<MountKey, Vec<String>>, world: &World) -> Stock {
    let cluster = &stage.definition.name;
    let mut stock = Stock::default();
    for node in stage.nodes {
        let machines = world.instances_named(cluster, node);
        let words = machines.iter().filter_map(|id| world.instance_state(id));
        let words = words.filter(|state| *state != InstanceState::ShuttingDown);
        let words = words.map(|state| state.as_str().to_owned()).collect();
        put(&mut stock.things, Subject::Node(node.clone()), words);
    }
    for mount in stage.mounts {
        let own = world.instances_named(cluster, &mount.node);
        let volumes = world.volumes_named(cluster, mount).into_iter();
        let volumes = volumes.filter_map(|id| {
            let state = world.volume_state(&id).filter(|state| *state != VolumeState::Deleting)?;
            let attached = match world.attachment_of(&id) {
                None => "to nothing".to_owned(),
                Some((to, AttachmentState::Attached)) if own.contains(&to) => "to its node".into(),
                Some((to, state)) => format!("{state} to {to}"),
            };
            let mounted = world.volume_mounted_at(&id).unwrap_or_else(|| "nowhere".into());
            let size = world.volume_size(&id).map(|size| size.to_string());
            // What is mounted need not have reached its volume yet.
            let is_there = |file: &&String| matches!(world.read(mount, file), Ok(Some(_)));
            let files = written.get(mount).into_iter().flatten().filter(is_there);
            let content = world.content_of_volume(&id);
            let content = content.map(|content| match world.mounted_at(mount) {
                Some(_) => in_words(content, files.map(String::as_str)),
                None => in_words(content, content.files().keys().map(String::as_str)),
            });
            Some(format!(
                "{} volume of {}, attached {attached}, mounted {mounted}: {}",
                state.as_str(),
                size.unwrap_or_default(),
                content.unwrap_or_default()
            ))
        });
        put(&mut stock.things, Subject::Mount(mount.clone()), volumes.collect());
        let snapshots = world.snapshots_of(mount).into_iter().map(|id| {
            // One that is not complete yet will be: that is a matter of when stock is taken.
            let state = match world.snapshot_state(&id) {
                Some(SnapshotState::Pending | SnapshotState::Completed) | None => String::new(),
                Some(other) => format!("{} ", other.as_str()),
            };
            let size = world.snapshot_size(&id).map(|size| size.to_string());
            let content = world
                .content_of_snapshot(&id)
                .map(|content| in_words(content, content.files().keys().map(String::as_str)));
            let content = content.unwrap_or_default();
            format!("{state}snapshot of {}: {content}", size.unwrap_or_default())
        });
        put(&mut stock.snapshots, Subject::Mount(mount.clone()), snapshots.collect());
    }
    stock
}

fn put(things: &mut Things, subject: Subject, mut words: Vec<String>) {
    words.sort();
    if !words.is_empty() {
        things.insert(subject, words);
    }
}

fn in_words<'a>(content: &Content, files: impl Iterator<Item = &'a str>) -> String {
    let shape = match content.shape() {
        Shape::Filesystem { kind, .. } => kind.clone(),
        Shape::Blank => "blank".to_owned(),
        Shape::Raw => "raw data".to_owned(),
        Shape::Other(what) => what.clone(),
    };
    let files: Vec<&str> = files.collect();
    format!("{shape} [{}]", files.join(", "))
}

/// Returns what one stock has more than another of each subject.
#[must_use]
pub fn more(one: &Things, other: &Things) -> Vec<(Subject, String)> {
    let mut more = Vec::new();
    for (subject, words) in one {
        let mut known = other.get(subject).cloned().unwrap_or_default();
        for word in words {
            match known.iter().position(|it| it == word) {
                Some(at) => drop(known.remove(at)),
                None => more.push((subject.clone(), word.clone())),
            }
        }
    }
    more
}

//! What is about to be deleted, and what keeps it: the list that a yes covers.

use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::observation::{MountObservation, Observation};
use wucluster_core::time::Timestamp;

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::words::{count, short_span};
use crate::deletions::{Deletion, Kept};

/// Writes the list and what stays.
pub(crate) fn deletions(
    headline: &str,
    list: &[Deletion],
    observation: &Observation,
    now: Timestamp,
    look: &Look,
) -> String {
    let mut out = format!("{headline}\n");
    if list.iter().any(|one| one.size.is_some()) {
        out.push_str(
            "A volume is deleted only after the snapshot of its last write is complete.\n",
        );
    }
    out.push('\n');
    let mut table = Table::new([
        Column::new("DELETES"),
        Column::new(""),
        Column::new("").right(),
        Column::new("KEPT SAFE BY").shrinks(),
    ])
    .indent(2);
    for one in list {
        let is_below = |key: &MountKey| {
            let node = Subject::Node(key.node.clone());
            list.iter().any(|other| other.subject == node)
        };
        let name = match &one.subject {
            Subject::Mount(key) if is_below(key) => format!("  {}", key.mount),
            subject => subject.to_string(),
        };
        let is_kept = !matches!(one.kept, Kept::RootDisk);
        let tone = if is_kept { Tone::Good } else { Tone::Dim };
        table.row([
            Cell::new(name),
            Cell::new(&one.id),
            Cell::new(one.size.map_or_else(String::new, |size| size.to_string())),
            Cell::toned(tone, kept(&one.kept, now)),
        ]);
    }
    out.push_str(&table.render(look));
    out.push_str(&format!(
        "\nStays: {}, the definition, the history.\n",
        snapshots(&observation.mounts)
    ));
    out
}

/// Writes how much is deleted: `4 instances and 5 volumes (1140 GiB)`.
pub(crate) fn sum(list: &[Deletion]) -> String {
    let volumes: Vec<u64> =
        list.iter().filter_map(|one| one.size).map(|size| u64::from(size.gib())).collect();
    let instances = list.len() - volumes.len();
    let gib: u64 = volumes.iter().sum();
    match (instances, volumes.len()) {
        (0, 0) => "nothing".to_owned(),
        (instances, 0) => count(instances, "instance"),
        (0, volumes) => format!("{} ({gib} GiB)", count(volumes, "volume")),
        (instances, volumes) => {
            format!("{} and {} ({gib} GiB)", count(instances, "instance"), count(volumes, "volume"))
        }
    }
}

/// Writes how many snapshots there are: `12 snapshots (740 GiB)`.
pub(crate) fn snapshots<'a>(mounts: impl IntoIterator<Item = &'a MountObservation>) -> String {
    let all = mounts.into_iter().flat_map(|mount| &mount.snapshots);
    let sizes: Vec<u64> = all.map(|snapshot| u64::from(snapshot.size.gib())).collect();
    match sizes.len() {
        0 => "no snapshot so far".to_owned(),
        some => format!("{} ({} GiB)", count(some, "snapshot"), sizes.iter().sum::<u64>()),
    }
}

/// Says what keeps a thing's data.
pub(crate) fn kept(kept: &Kept, now: Timestamp) -> String {
    match kept {
        Kept::RootDisk => "root disk not kept".to_owned(),
        Kept::Snapshot { id } => format!("{id}, complete"),
        Kept::Pending { id } => format!("{id}, once complete"),
        Kept::New { is_blank: true, last: None } => "new snapshot; no data so far".to_owned(),
        Kept::New { last: None, .. } => "new snapshot, the first".to_owned(),
        Kept::New { last: Some(last), .. } => {
            format!("new snapshot (last: {})", short_span(now.since(*last)))
        }
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::demand::Demand;
    use wucluster_core::scope::Scope;

    use super::super::super::testing;
    use super::*;

    #[test]
    fn the_list_names_every_id_and_what_keeps_it() {
        let (definition, observation) = testing::running();
        let list = crate::deletions::deletions(Demand::Away, &Scope::default(), &observation);
        let text = deletions(
            &format!("{} -> away deletes {}.", definition.name, sum(&list)),
            &list,
            &observation,
            testing::NOW,
            &Look::plain(80),
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn nothing_that_is_gone_already_is_listed() {
        let (_, observation) = testing::away();
        let list = crate::deletions::deletions(Demand::Away, &Scope::default(), &observation);
        assert!(list.is_empty());
    }
}

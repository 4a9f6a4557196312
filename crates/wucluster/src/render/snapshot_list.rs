//! The snapshots that keep the cluster's data: the screen of `snapshots`.

use serde::Serialize;
use wucluster_core::ids::{MountKey, SnapshotId, VolumeId};
use wucluster_core::interlock::checkpoint::CheckpointSet;
use wucluster_core::interlock::prune::Generation;
use wucluster_core::observation::{MountObservation, SnapshotSeen, SnapshotState};
use wucluster_core::time::Timestamp;

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::words::{ago, date};

/// How many mounts that a generation lacks are named.
const NAMED_MAX: usize = 3;

/// A snapshot, as the screen and `--json` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SnapshotRow {
    /// The mount that it is of.
    pub(crate) mount: MountKey,
    /// Whether the definition has that mount.
    pub(crate) is_defined: bool,
    /// Its id.
    pub(crate) id: SnapshotId,
    /// Its state, in the provider's word.
    pub(crate) state: SnapshotState,
    /// How much of it is copied. Unit: percent.
    pub(crate) progress_percent: Option<u8>,
    /// The put-away that it belongs to.
    pub(crate) generation: Option<u64>,
    /// The checkpoint that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<u64>,
    /// The write epoch that it covers.
    pub(crate) epoch: Option<u64>,
    /// Its volume's size. Unit: GiB.
    pub(crate) size_gib: u32,
    /// When it was taken, by the provider's clock.
    pub(crate) taken_at: Option<Timestamp>,
    /// The volume that it was taken of.
    pub(crate) volume: VolumeId,
}

/// Lists the snapshots of mounts, newest first within each.
pub(crate) fn rows<'a>(mounts: impl IntoIterator<Item = &'a MountObservation>) -> Vec<SnapshotRow> {
    let mut rows = Vec::new();
    for mount in mounts {
        let of_mount = mount.snapshots.iter().map(|snapshot| row(mount, snapshot));
        let first = rows.len();
        rows.extend(of_mount);
        rows[first..]
            .sort_by(|a, b| (b.epoch, b.taken_at, &b.id).cmp(&(a.epoch, a.taken_at, &a.id)));
    }
    rows
}

/// Tells of one snapshot.
pub(crate) fn row(mount: &MountObservation, snapshot: &SnapshotSeen) -> SnapshotRow {
    SnapshotRow {
        mount: mount.key.clone(),
        is_defined: mount.is_defined,
        id: snapshot.id.clone(),
        state: snapshot.state.clone(),
        progress_percent: snapshot.progress_percent,
        generation: snapshot.tags.generation(),
        checkpoint: snapshot.tags.checkpoint().map(|of| of.number),
        epoch: snapshot.tags.epoch().map(|epoch| epoch.number),
        size_gib: snapshot.size.gib(),
        taken_at: snapshot.started_at,
        volume: snapshot.volume.clone(),
    }
}

/// Makes the table of generations.
pub(crate) fn generations(all: &[Generation], now: Timestamp) -> Table {
    let mut table = Table::new([
        Column::new("GENERATION").right(),
        Column::new("BEGUN"),
        Column::new("MOUNTS").right(),
        Column::new("").shrinks(),
    ]);
    for one in all {
        let begun = one.begun_at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
        let (tone, words) = standing(one);
        table.row([
            Cell::new(one.number.to_string()),
            Cell::new(begun),
            Cell::new(format!("{} of {}", one.complete.len(), of_generation(one))),
            Cell::toned(tone, words),
        ]);
    }
    table
}

/// Makes the table of checkpoints.
pub(crate) fn checkpoints(all: &[CheckpointSet], now: Timestamp) -> Table {
    let mut table = Table::new([
        Column::new("CHECKPOINT").right(),
        Column::new("TAKEN"),
        Column::new("MOUNTS").right(),
        Column::new("").shrinks(),
    ]);
    for one in all {
        let begun = one.begun_at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
        let lacks = [
            list("failed:", &one.failed),
            list("pending:", &one.pending),
            list("not of one moment:", &one.unfrozen),
        ];
        let lacks: Vec<String> = lacks.into_iter().flatten().collect();
        let (tone, words) = match (one.is_whole(), lacks.is_empty()) {
            (true, _) => (Tone::Good, "whole".to_owned()),
            (false, true) => (Tone::Bad, "some of it is gone".to_owned()),
            (false, false) if one.failed.is_empty() && one.unfrozen.is_empty() => {
                (Tone::Moving, lacks.join("; "))
            }
            (false, false) => (Tone::Bad, lacks.join("; ")),
        };
        table.row([
            Cell::new(one.number.to_string()),
            Cell::new(begun),
            Cell::new(format!("{} of {}", one.complete.len(), one.of)),
            Cell::toned(tone, words),
        ]);
    }
    table
}

/// Lists mounts under a word; `None`: there are none.
fn list(word: &str, mounts: &[MountKey]) -> Option<String> {
    let named = mounts.iter().take(NAMED_MAX).map(ToString::to_string);
    let mut text = named.collect::<Vec<_>>().join(", ");
    if mounts.len() > NAMED_MAX {
        text.push_str(&format!(" and {} more", mounts.len() - NAMED_MAX));
    }
    (!mounts.is_empty()).then(|| format!("{word} {text}"))
}

/// Counts the mounts that a generation would have if it were complete.
pub(crate) fn of_generation(one: &Generation) -> usize {
    one.complete.len() + one.pending.len() + one.failed.len() + one.missing.len()
}

fn standing(one: &Generation) -> (Tone, String) {
    let lacks = [
        list("failed:", &one.failed),
        list("pending:", &one.pending),
        list("not of", &one.missing),
    ];
    let lacks: Vec<String> = lacks.into_iter().flatten().collect();
    let tone = match (one.is_complete(), one.failed.is_empty()) {
        (true, _) => return (Tone::Good, "complete".to_owned()),
        (false, true) => Tone::Moving,
        (false, false) => Tone::Bad,
    };
    (tone, lacks.join("; "))
}

/// Makes the table.
pub(crate) fn table(
    rows: &[SnapshotRow],
    now: Timestamp,
    look: &Look,
    is_for_people: bool,
) -> Table {
    let mut table = Table::new([
        Column::new("MOUNT"),
        Column::new("SNAPSHOT"),
        Column::new("STATE"),
        Column::new("GENERATION").right(),
        Column::new("EPOCH").right().yields(),
        Column::new("SIZE").right(),
        Column::new("TAKEN").shrinks(),
        Column::new("OF VOLUME").yields(),
    ]);
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let mut before: Option<&MountKey> = None;
    for row in rows {
        let is_same = is_for_people && before == Some(&row.mount);
        before = Some(&row.mount);
        let name = match (is_same, row.is_defined) {
            (true, _) => String::new(),
            (false, true) => row.mount.to_string(),
            (false, false) if is_for_people => format!("{} (not defined)", row.mount),
            (false, false) => row.mount.to_string(),
        };
        let tone = match row.state {
            SnapshotState::Completed => Tone::Good,
            SnapshotState::Pending | SnapshotState::Recovering => Tone::Moving,
            SnapshotState::Error | SnapshotState::Recoverable | SnapshotState::Unrecognized(_) => {
                Tone::Bad
            }
        };
        let state = match (&row.state, row.progress_percent) {
            (SnapshotState::Pending, Some(percent)) => format!("pending {percent}%"),
            (state, _) => state.to_string(),
        };
        let taken = row.taken_at.map_or_else(
            || "-".to_owned(),
            |at| if is_for_people { ago(at, now) } else { date(at, look) },
        );
        table.row([
            Cell::new(name),
            Cell::new(row.id.as_str()),
            Cell::toned(tone, state),
            Cell::new(number(row.generation)),
            Cell::new(number(row.epoch)),
            Cell::new(format!("{} GiB", row.size_gib)),
            Cell::new(taken),
            Cell::new(row.volume.as_str()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::super::testing;
    use super::*;

    #[test]
    fn snapshots_are_listed_by_mount_newest_first() {
        let (_, observation) = testing::mixed();
        let rows = rows(&observation.mounts);
        insta::assert_snapshot!(
            table(&rows, testing::NOW, &Look::plain(120), true).render(&Look::plain(120))
        );
    }
}

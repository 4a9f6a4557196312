//! What `prune` deletes, and what keeps the data: the list that a yes covers.

use wucluster_core::observation::SnapshotState;
use wucluster_core::time::Timestamp;

use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::words::{ago, count};
use crate::commands::{About, Fate, PruneRow};

/// Writes what is to be deleted, what keeps the data, and what stays.
pub(crate) fn list(
    about: About,
    cluster: &str,
    rows: &[PruneRow],
    kept: &[u64],
    now: Timestamp,
    look: &Look,
) -> String {
    let (going, staying): (Vec<&PruneRow>, Vec<&PruneRow>) =
        rows.iter().partition(|row| row.fate == Fate::Goes);
    let mut out = format!("prune deletes {} of {cluster}.\n", sum(&going));
    out.push_str(&format!("{}\n\n", whole(about, kept)));
    let mut table = Table::new([
        Column::new("DELETES"),
        Column::new(""),
        // With the whole word no id would fit beside the other in 80 columns.
        Column::new(match about {
            About::Generations => "GEN",
            About::Checkpoints => "CHECKPOINT",
        })
        .right(),
        Column::new("SIZE").right().yields(),
        Column::new("TAKEN").yields(),
        Column::new("KEPT SAFE BY").drops(),
    ])
    .indent(2);
    let mut before = None;
    for row in going {
        let snapshot = &row.snapshot;
        let is_same = before == Some(&snapshot.mount);
        before = Some(&snapshot.mount);
        let name = if is_same { String::new() } else { snapshot.mount.to_string() };
        let taken = snapshot.taken_at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
        let failed = if snapshot.state == SnapshotState::Error { ", failed" } else { "" };
        let generation = snapshot.generation.or(snapshot.checkpoint);
        table.row([
            Cell::new(name),
            Cell::new(snapshot.id.as_str()),
            Cell::new(generation.map_or_else(|| "-".to_owned(), |number| number.to_string())),
            Cell::new(format!("{} GiB", snapshot.size_gib)),
            Cell::new(format!("{taken}{failed}")),
            Cell::toned(Tone::Good, keeper(row)),
        ]);
    }
    out.push_str(&table.render(look));
    out.push_str(&format!("\nStays: {}.\n", sum(&staying)));
    out
}

/// Says that there is nothing to delete.
pub(crate) fn nothing(about: About, cluster: &str, rows: &[PruneRow]) -> String {
    match rows.len() {
        0 if about == About::Checkpoints => {
            format!("nothing to prune: {cluster} has no checkpoints\n")
        }
        0 => format!("nothing to prune: {cluster} has no snapshots\n"),
        _ => {
            let all: Vec<&PruneRow> = rows.iter().collect();
            format!("nothing to prune: {} of {cluster}, and each is needed\n", sum(&all))
        }
    }
}

/// Writes what stays, and why.
pub(crate) fn staying(rows: &[PruneRow], look: &Look) -> String {
    let mut table =
        Table::new([Column::new("STAYS"), Column::new(""), Column::new("WHY").shrinks()]).indent(2);
    let mut before = None;
    let mut is_empty = true;
    for row in rows.iter().filter(|row| row.fate == Fate::Stays) {
        let is_same = before == Some(&row.snapshot.mount);
        before = Some(&row.snapshot.mount);
        is_empty = false;
        let name = if is_same { String::new() } else { row.snapshot.mount.to_string() };
        let why = row.why.clone().unwrap_or_default();
        table.row([Cell::new(name), Cell::new(row.snapshot.id.as_str()), Cell::new(why)]);
    }
    if is_empty { String::new() } else { format!("\n{}", table.render(look)) }
}

/// Writes how many snapshots there are: `12 snapshots (740 GiB)`.
pub(crate) fn sum(rows: &[&PruneRow]) -> String {
    let gib: u64 = rows.iter().map(|row| u64::from(row.snapshot.size_gib)).sum();
    match rows.len() {
        0 => "nothing".to_owned(),
        some => format!("{} ({gib} GiB)", count(some, "snapshot")),
    }
}

/// Says which generations stay whole.
fn whole(about: About, kept: &[u64]) -> String {
    let numbers: Vec<String> = kept.iter().map(u64::to_string).collect();
    if about == About::Checkpoints {
        return match numbers.as_slice() {
            [] => "No checkpoint is whole.".to_owned(),
            [one] => format!("Checkpoint {one} stays."),
            [most @ .., last] => format!("Checkpoints {} and {last} stay.", most.join(", ")),
        };
    }
    match numbers.as_slice() {
        [] => "No generation is complete.".to_owned(),
        [one] => format!("Generation {one} stays whole, and each mount's newest snapshot."),
        [most @ .., last] => format!(
            "Generations {} and {last} stay whole, and what each mount would begin from in them.",
            most.join(", ")
        ),
    }
}

/// Names what keeps the newest data of a snapshot's mount.
fn keeper(row: &PruneRow) -> String {
    row.kept_by.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use wucluster_core::ids::{MountKey, SnapshotId, VolumeId};

    use super::super::snapshot_list::SnapshotRow;
    use super::*;

    fn row(mount: &str, generation: u64, fate: Fate, why: Option<&str>) -> PruneRow {
        let id = |number: u64| SnapshotId::new(format!("snap-{}{number}", &mount[..1]));
        PruneRow {
            snapshot: SnapshotRow {
                mount: MountKey::try_from(mount.to_owned()).unwrap(),
                is_defined: true,
                id: id(generation),
                state: SnapshotState::Completed,
                progress_percent: None,
                generation: Some(generation),
                checkpoint: None,
                epoch: Some(generation),
                size_gib: 20,
                taken_at: Some(Timestamp::from_millis(1_000)),
                volume: VolumeId::new("vol-1"),
            },
            fate,
            kept_by: Some(id(5)),
            why: why.map(str::to_owned),
        }
    }

    fn rows() -> Vec<PruneRow> {
        vec![
            row("chief/home", 5, Fate::Stays, Some("the newest of its mount")),
            row("chief/home", 2, Fate::Goes, None),
            row("chief/home", 1, Fate::Goes, None),
            row("worker-1/scratch", 5, Fate::Stays, Some("the newest of its mount")),
            row("worker-1/scratch", 3, Fate::Stays, Some("generation 3 is kept")),
            row("worker-1/scratch", 1, Fate::Goes, None),
        ]
    }

    #[test]
    fn the_list_names_every_id_and_what_keeps_the_data() {
        let now = Timestamp::from_millis(3_601_000);
        let text = list(About::Generations, "gibbon", &rows(), &[5, 4, 3], now, &Look::plain(100));
        insta::assert_snapshot!(text, @r"
        prune deletes 3 snapshots (60 GiB) of gibbon.
        Generations 5, 4 and 3 stay whole, and what each mount would begin from in them.

          DELETES                    GEN    SIZE  TAKEN   KEPT SAFE BY
          chief/home        snap-c2    2  20 GiB  1h ago  snap-c5
                            snap-c1    1  20 GiB  1h ago  snap-c5
          worker-1/scratch  snap-w1    1  20 GiB  1h ago  snap-w5

        Stays: 3 snapshots (60 GiB).
        ");
    }

    #[test]
    fn what_stays_is_told_with_its_reason() {
        let text = staying(&rows(), &Look::plain(80));
        assert!(text.contains("worker-1/scratch  snap-w5  the newest of its mount\n"), "{text}");
        assert!(text.contains("                  snap-w3  generation 3 is kept\n"), "{text}");
        assert_eq!(text.matches("snap-").count(), 3, "only what stays: {text}");
        assert!(nothing(About::Generations, "gibbon", &[]).contains("no snapshots"));
        assert!(nothing(About::Generations, "gibbon", &rows()).contains("6 snapshots (120 GiB)"));
    }
}

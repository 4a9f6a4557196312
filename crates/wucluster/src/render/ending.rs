//! How a drive ended, and what goes on by itself.

use std::time::Duration;

use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::observation::{MountObservation, Observation, SnapshotState};
use wucluster_core::plan::Row;
use wucluster_core::scope::Scope;
use wucluster_engine::Progress;

use super::deletions::snapshots;
use super::fold;
use super::look::Look;
use super::table::{Cell, Column, Table};
use super::text::clean;
use super::words::{count, span};

/// Returns the command that goes the other way, for the same part.
pub(crate) fn way_back(demand: Demand, scope: &Scope) -> String {
    scope.command(if demand.is_upward() { Demand::Away } else { Demand::Launched })
}

/// Writes the line of a demand that holds.
pub(crate) fn reached(
    cluster: &str,
    demand: Demand,
    run: u64,
    was_so: bool,
    observation: Option<(&Scope, &Observation)>,
    requests: u64,
    took: Duration,
) -> String {
    let already = if was_so { " already" } else { "" };
    let kept = match (demand, observation) {
        (Demand::Away, Some((scope, observation))) => kept(scope, observation),
        (_, _) => String::new(),
    };
    let cost = if was_so {
        "nothing was changed".to_owned()
    } else {
        let requests = usize::try_from(requests).unwrap_or(usize::MAX);
        format!("run {run}, {}, {}", span(took), count(requests, "request"))
    };
    format!("{cluster} is {demand}{already}{kept} ({cost}).\n")
}

fn kept(scope: &Scope, observation: &Observation) -> String {
    let is_meant = |mount: &&MountObservation| scope.has(&Subject::Mount(mount.key.clone()));
    let mounts: Vec<&MountObservation> = observation.mounts.iter().filter(is_meant).collect();
    match mounts.iter().map(|mount| mount.snapshots.len()).sum::<usize>() {
        0 => "; there is no data to keep".to_owned(),
        1 => format!("; {} keeps its data", snapshots(mounts)),
        _ => format!("; {} keep its data", snapshots(mounts)),
    }
}

/// Writes what goes on in the cloud without us, or nothing.
pub(crate) fn under_way(
    progress: Option<&Progress>,
    observation: Option<&Observation>,
    look: &Look,
) -> String {
    let mut table =
        Table::new([Column::new(""), Column::new(""), Column::new(""), Column::new("").shrinks()])
            .untitled()
            .indent(2);
    let rows = progress.map_or(&[][..], |progress| &progress.rows);
    let mut going: Vec<Going> = rows.iter().filter_map(Going::of).collect();
    for mount in observation.map_or(&[][..], |observation| &observation.mounts) {
        for snapshot in mount.snapshots.iter().filter(|one| one.state == SnapshotState::Pending) {
            going.push(Going {
                name: mount.key.to_string(),
                state: "pending".to_owned(),
                id: snapshot.id.to_string(),
                future: "snapshot; will be complete",
            });
        }
    }
    let kind = |one: &Going| Some((one.state.clone(), one.future));
    for same in fold::together(&going, kind, |_| fold::FOLDS_FROM) {
        let names: Vec<String> = same.iter().map(|one| one.name.clone()).collect();
        let id = if let [one] = same.as_slice() { one.id.as_str() } else { "" };
        let (state, future) = (same[0].state.as_str(), same[0].future);
        table.row([fold::names(&names).as_str(), state, id, future].map(Cell::new));
    }
    if table.is_empty() {
        return String::new();
    }
    format!("By itself, without us:\n{}", table.render(look))
}

/// What goes on by itself.
struct Going {
    name: String,
    state: String,
    id: String,
    future: &'static str,
}

impl Going {
    fn of(row: &Row) -> Option<Self> {
        Some(Self {
            name: row.subject.to_string(),
            state: row.state.clone(),
            id: row.id.clone().unwrap_or_else(|| "-".to_owned()),
            future: future(row)?,
        })
    }
}

/// Says what becomes of something that nobody drives any more; `None` when it stays as it is.
fn future(row: &Row) -> Option<&'static str> {
    Some(match row.state.as_str() {
        "pending" => "will run; is paid for",
        "stopping" => "will be stopped",
        "shutting-down" => "will be gone",
        "creating" => "will be available",
        "attaching" => "will be attached",
        "detaching" => "will be detached",
        "busy" => "will be detached once its node lets go",
        "deleting" => "will be gone",
        _ => return None,
    })
}

/// Writes what is waited for: rows that are not there, with their notes.
pub(crate) fn still_open(progress: Option<&Progress>, look: &Look) -> String {
    let mut table = Table::new([Column::new(""), Column::new(""), Column::new("").shrinks()])
        .untitled()
        .indent(2);
    let rows = progress.map_or(&[][..], |progress| &progress.rows);
    let open: Vec<&Row> = rows.iter().filter(|row| !row.is_there).collect();
    let note = |row: &Row| row.note.as_deref().map(super::tree::in_words).unwrap_or_default();
    let kind = |row: &&Row| {
        let node = row.subject.node().map(ToString::to_string).unwrap_or_default();
        let is_mount = matches!(row.subject, Subject::Mount(_));
        Some((is_mount, row.state.clone(), row.wanted.clone(), fold::of_any(&node, &note(row))))
    };
    for same in fold::together(&open, kind, |_| fold::FOLDS_FROM) {
        let row = same[0];
        let wanted = row.wanted.as_deref().unwrap_or("-");
        let names: Vec<String> = same.iter().map(|row| row.subject.to_string()).collect();
        let note = match same.as_slice() {
            [_] => note(row),
            _ => kind(row).map(|(_, _, _, note)| note).unwrap_or_default(),
        };
        table.row([
            Cell::new(fold::names(&names)),
            Cell::new(format!("{} -> {wanted}", row.state)),
            Cell::new(note),
        ]);
    }
    table.render(look)
}

/// Writes the last line of a drive that is held.
pub(crate) fn tally(progress: Option<&Progress>, holds: usize) -> String {
    let Some(progress) = progress else { return format!("held {holds}. Safe to repeat.\n") };
    let (there, all) = progress.there();
    let held = progress.rows.iter().filter(|row| row.is_held).count();
    let waiting =
        all - there - progress.rows.iter().filter(|row| row.is_held && !row.is_there).count();
    let waits = if waiting > 0 { format!(", waiting for them {waiting}") } else { String::new() };
    clean(&format!("Held {held}{waits}, other {there} as demanded. Safe to repeat.")) + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::fold::tests::row;
    use super::*;

    #[test]
    fn what_goes_on_by_itself_is_told_with_what_becomes_of_it() {
        let progress = Progress {
            rows: vec![
                row("worker-3", "pending", "launched", ""),
                row("worker-3/scratch", "available", "mounted", "waits for worker-3 to run"),
                row("worker-2/scratch", "attaching", "mounted", ""),
            ],
            holds: Vec::new(),
            requests: 3,
        };
        insta::assert_snapshot!(under_way(Some(&progress), None, &Look::plain(100)), @r"
        By itself, without us:
          worker-3          pending    i-0a3f52c1e8b7d9014    will run; is paid for
          worker-2/scratch  attaching  vol-0a3f52c1e8b7d9014  will be attached
        ");
        assert_eq!(under_way(None, None, &Look::plain(100)), "");
    }

    #[test]
    fn the_end_of_a_held_drive_counts_everything() {
        let progress = Progress {
            rows: vec![
                row("chief", "running", "away", "waits for data"),
                row("chief/data", "mounted", "away", "it cannot be unmounted"),
                row("worker-1", "away", "away", ""),
            ],
            holds: Vec::new(),
            requests: 3,
        };
        assert_eq!(
            tally(Some(&progress), 1),
            "Held 1, waiting for them 1, other 1 as demanded. Safe to repeat.\n"
        );
    }

    #[test]
    fn what_many_have_in_common_is_told_once() {
        let mut rows = vec![row("chief", "pending", "launched", "boots")];
        for n in 1..=500 {
            rows.push(row(&format!("n-{n}"), "pending", "launched", "boots"));
            let waits = format!("waits for n-{n} to run");
            rows.push(row(&format!("n-{n}/a"), "available", "mounted", &waits));
            rows.push(row(&format!("n-{n}/b"), "creating", "mounted", "CreateVolume"));
        }
        let progress = Progress { rows, holds: Vec::new(), requests: 3 };
        insta::assert_snapshot!(still_open(Some(&progress), &Look::plain(80)), @r"
          chief and 500 more  pending -> launched   boots
          n-1/a and 499 more  available -> mounted  waits for its node to run
          n-1/b and 499 more  creating -> mounted   a volume is being asked for
        ");
        insta::assert_snapshot!(under_way(Some(&progress), None, &Look::plain(80)), @r"
        By itself, without us:
          chief and 500 more  pending     will run; is paid for
          n-1/b and 499 more  creating    will be available
        ");
    }

    #[test]
    fn the_way_back_is_up_or_down() {
        let (all, one) = (Scope::default(), Scope::of(vec!["chief/home".parse().unwrap()]));
        assert_eq!(way_back(Demand::Separated, &all), "launch");
        assert_eq!(way_back(Demand::Mounted, &one), "put-away --only chief/home");
    }
}

//! `snapshots`: lists what keeps the cluster's data.

use serde::Serialize;
use wucluster_core::ids::{ClusterName, MountKey};
use wucluster_core::interlock::checkpoint::{CheckpointSet, checkpoints};
use wucluster_core::interlock::prune::{Generation, generations};
use wucluster_core::observation::Observation;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;

use super::{Session, part};
use crate::args::SnapshotsArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::snapshot_list::{self, SnapshotRow, row, rows, table};
use crate::render::words::count;
use crate::site::Site;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    read_at: Timestamp,
    snapshots: Vec<SnapshotRow>,
    /// The newest first.
    generations: Vec<GenerationRow>,
    /// The newest first.
    checkpoints: Vec<CheckpointRow>,
}

/// A checkpoint, as `--json` shows it.
#[derive(Serialize)]
struct CheckpointRow {
    number: u64,
    /// How many mounts it was taken of.
    of: u64,
    /// When the first of its snapshots was begun, by the provider's clock.
    begun_at: Option<Timestamp>,
    is_whole: bool,
    /// Mounts whose snapshot is complete, and of when everything stood still.
    complete: Vec<MountKey>,
    /// Mounts whose snapshot is on its way.
    pending: Vec<MountKey>,
    /// Mounts whose snapshot failed.
    failed: Vec<MountKey>,
    /// Mounts of whose snapshot it is not known that everything stood still.
    unfrozen: Vec<MountKey>,
    /// Its snapshots.
    snapshots: Vec<SnapshotRow>,
}

impl CheckpointRow {
    fn of(set: CheckpointSet, observation: &Observation) -> Self {
        let is_whole = set.is_whole();
        let CheckpointSet { number, of, begun_at, complete, pending, failed, unfrozen } = set;
        let mounts = observation.mounts.iter();
        let snapshots = mounts.flat_map(|mount| {
            let own = mount.checkpoints.iter().map(|seen| row(mount, seen));
            own.filter(|row| row.checkpoint == Some(number))
        });
        let snapshots = snapshots.collect();
        Self { number, of, begun_at, is_whole, complete, pending, failed, unfrozen, snapshots }
    }
}

/// A generation, as `--json` shows it.
#[derive(Serialize)]
struct GenerationRow {
    number: u64,
    /// When the first of its snapshots was begun, by the provider's clock.
    begun_at: Option<Timestamp>,
    is_complete: bool,
    /// Mounts with a complete snapshot of it.
    complete: Vec<MountKey>,
    /// Mounts of which one is on its way.
    pending: Vec<MountKey>,
    /// Mounts of which it failed.
    failed: Vec<MountKey>,
    /// Mounts of the definition of which there is none.
    missing: Vec<MountKey>,
}

impl From<Generation> for GenerationRow {
    fn from(one: Generation) -> Self {
        let is_complete = one.is_complete();
        let Generation { number, begun_at, complete, pending, failed, missing } = one;
        Self { number, begun_at, is_complete, complete, pending, failed, missing }
    }
}

/// Lists the snapshots.
pub(crate) async fn snapshots(session: &Session, args: &SnapshotsArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let observation = site.look_at_cloud(&definition).await?;
    let scope = Scope::of(args.part.iter().cloned().collect());
    part::names_something(&scope, &definition, Some(&observation))?;
    let is_meant = |key: &MountKey| scope.has_mount(key);
    let rows = rows(observation.mounts.iter().filter(|mount| is_meant(&mount.key)));
    let all = generations(&observation, is_meant);
    // Of which mounts it is says whether it is whole: so it is shown as it is, or not at all.
    let names = |set: &CheckpointSet| {
        let parts = [&set.complete, &set.pending, &set.failed, &set.unfrozen];
        parts.into_iter().flatten().any(is_meant)
    };
    let sets: Vec<CheckpointSet> = checkpoints(&observation).into_iter().filter(names).collect();
    if output.is_json {
        output.json(&Document {
            schema: "wucluster/snapshots/1",
            cluster: &definition.name,
            read_at: observation.cloud_asked_at,
            snapshots: rows,
            generations: all.into_iter().map(GenerationRow::from).collect(),
            checkpoints: sets.into_iter().map(|set| CheckpointRow::of(set, &observation)).collect(),
        })?;
        return Ok(Exit::Done);
    }
    let now = site.now();
    let table = table(&rows, now, &output.out, output.is_out_terminal);
    if !output.is_out_terminal {
        output.result(&table.tabs());
    } else if rows.is_empty() && sets.is_empty() {
        output.result("There are no snapshots.\n");
    } else if rows.is_empty() {
        output.result("There are no snapshots of put-aways.\n");
    } else {
        output.result(&table.render(&output.out));
        let gib: u64 = rows.iter().map(|row| u64::from(row.size_gib)).sum();
        output.result(&format!("\n{} of volumes of {gib} GiB.\n", count(rows.len(), "snapshot")));
        if !all.is_empty() {
            let table = snapshot_list::generations(&all, now);
            output.result(&format!("\n{}", table.render(&output.out)));
        }
    }
    if output.is_out_terminal && !sets.is_empty() {
        let table = snapshot_list::checkpoints(&sets, now);
        output.result(&format!("\n{}", table.render(&output.out)));
    }
    Ok(Exit::Done)
}

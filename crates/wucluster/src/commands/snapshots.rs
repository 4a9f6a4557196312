//! `snapshots`: lists what keeps the cluster's data.

use serde::Serialize;
use wucluster_core::ids::{ClusterName, MountKey};
use wucluster_core::interlock::prune::{Generation, generations};
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;

use super::{Session, part};
use crate::args::SnapshotsArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::snapshot_list::{self, SnapshotRow, rows, table};
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
    if output.is_json {
        output.json(&Document {
            schema: "wucluster/snapshots/1",
            cluster: &definition.name,
            read_at: observation.cloud_asked_at,
            snapshots: rows,
            generations: all.into_iter().map(GenerationRow::from).collect(),
        })?;
        return Ok(Exit::Done);
    }
    let now = site.now();
    let table = table(&rows, now, &output.out, output.is_out_terminal);
    if !output.is_out_terminal {
        output.result(&table.tabs());
    } else if rows.is_empty() {
        output.result("There are no snapshots.\n");
    } else {
        output.result(&table.render(&output.out));
        let gib: u64 = rows.iter().map(|row| u64::from(row.size_gib)).sum();
        output.result(&format!("\n{} of volumes of {gib} GiB.\n", count(rows.len(), "snapshot")));
        if !all.is_empty() {
            let table = snapshot_list::generations(&all, now);
            output.result(&format!("\n{}", table.render(&output.out)));
        }
    }
    Ok(Exit::Done)
}

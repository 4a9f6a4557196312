//! `snapshots`: lists what keeps the cluster's data.

use serde::Serialize;
use wucluster_core::ids::{ClusterName, Subject};
use wucluster_core::time::Timestamp;

use super::Session;
use super::explain::subject_named;
use crate::args::SnapshotsArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::snapshot_list::{SnapshotRow, rows, table};
use crate::render::words::count;
use crate::site::Site;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    read_at: Timestamp,
    snapshots: Vec<SnapshotRow>,
}

/// Lists the snapshots.
pub(crate) async fn snapshots(session: &Session, args: &SnapshotsArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let observation = site.look_at_cloud(&definition).await?;
    let only = args.subject.as_deref().map(|name| subject_named(&observation, name)).transpose()?;
    let mounts = observation.mounts.iter().filter(|mount| match &only {
        None | Some(Subject::Cluster | Subject::Stranger(_)) => true,
        Some(Subject::Node(node)) => mount.key.node == *node,
        Some(Subject::Mount(key)) => mount.key == *key,
    });
    let rows = rows(mounts);
    if output.is_json {
        output.json(&Document {
            schema: "wucluster/snapshots/1",
            cluster: &definition.name,
            read_at: observation.cloud_asked_at,
            snapshots: rows,
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
    }
    Ok(Exit::Done)
}

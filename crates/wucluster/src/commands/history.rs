//! `history`: which runs there were.

use serde::Serialize;
use wucluster_core::ports::Clock as _;
use wucluster_core::time::Timestamp;
use wucluster_engine::SystemClock;
use wucluster_engine::store::lease::{self, Lease, LeaseEnd};

use super::Session;
use crate::args::HistoryArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::operator::is_gone;
use crate::render::look::Tone;
use crate::render::table::{Cell, Column, Table};
use crate::render::text::clean;
use crate::render::words::{ago, short_span};
use crate::site::{Site, has_cloud};
use crate::store::ClusterStore;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    #[serde(flatten)]
    lease: &'a Lease,
    end: Option<&'a LeaseEnd>,
}

/// Lists the runs, newest first.
pub(crate) async fn history(session: &Session, args: &HistoryArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let (store, now) = open(session)?;
    let most = if args.all { usize::MAX } else { args.last };
    let mut runs = lease::all(store.objects().as_ref(), most).await?;
    runs.reverse();
    if output.is_json {
        let runs = runs.iter().map(|(lease, end)| Run { lease, end: end.as_ref() }).collect();
        output.json(&Document { schema: "wucluster/history/1", runs })?;
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        output.result("Nobody has driven this cluster so far.\n");
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        Column::new("RUN").right(),
        Column::new("COMMAND"),
        Column::new("BY").shrinks(),
        Column::new("BEGAN"),
        Column::new("TOOK").right(),
        Column::new("REQUESTS").right(),
        Column::new("ENDED"),
    ]);
    for (at, (lease, end)) in runs.iter().enumerate() {
        table.row(cells(lease, end.as_ref(), at == 0, now));
    }
    if !output.is_out_terminal {
        output.result(&table.tabs());
        return Ok(Exit::Done);
    }
    output.result(&table.render(&output.out));
    output.result("\n");
    output.next(&[&format!("log {}", runs.first().map_or(1, |(lease, _)| lease.run))]);
    Ok(Exit::Done)
}

fn cells(lease: &Lease, end: Option<&LeaseEnd>, is_newest: bool, now: Timestamp) -> Vec<Cell> {
    let (took, requests) = end.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |end| (short_span(end.at.since(lease.since)), end.requests.to_string()),
    );
    let ended = match end {
        Some(end) if matches!(end.outcome.as_str(), "reached") => Cell::new(&end.outcome),
        Some(end) => Cell::toned(Tone::Bad, &end.outcome),
        None if is_newest && !is_gone(&lease.operator) => Cell::new("goes on"),
        None => Cell::toned(Tone::Bad, "no end recorded"),
    };
    vec![
        Cell::new(lease.run.to_string()),
        Cell::new(clean(&lease.purpose.command)),
        Cell::new(clean(&lease.operator.who)),
        Cell::new(ago(lease.since, now)),
        Cell::new(took),
        Cell::new(requests),
        ended,
    ]
}

/// Opens the store; nothing else is looked at.
pub(super) fn open(session: &Session) -> Result<(ClusterStore, Timestamp), Fault> {
    let definition = session.definition()?;
    let dirs = crate::dirs::Dirs::find()?;
    let (store, now) = if has_cloud(definition.provider) {
        let site = Site::open(session, &definition, &dirs)?;
        let now = site.now();
        (site.store, now)
    } else {
        // What was done is told by builds, too, that could not do it.
        let url = session.globals.store.as_deref().or(definition.store.as_deref());
        (ClusterStore::open(&definition, &dirs, url), SystemClock.now())
    };
    store.usable()?;
    Ok((store, now))
}

//! Where everything is: the screen of `status`.

use wucluster_core::demand::Demand;
use wucluster_core::time::Timestamp;

use super::cost;
use super::look::{Glyph, Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{sides, wrap};
use super::words::{ago, count, short_span, span, zones};
use crate::history::{Driver, LastRun};
use crate::view::{Status, StatusRow};

/// Which column tells what is wanted.
const WANTS: usize = 2;

/// Writes the screen, without the next steps.
pub(crate) fn status(
    status: &Status,
    is_failing_only: bool,
    now: Timestamp,
    look: &Look,
) -> String {
    let mut out = head(status, now, look);
    let table = table(status, is_failing_only, now, look);
    if table.is_empty() {
        out.push_str(if is_failing_only { "\nNothing is failing.\n" } else { "" });
    } else {
        out.push('\n');
        out.push_str(&table.render(look));
    }
    if !status.left_behind.is_empty() {
        let names: Vec<String> = status.left_behind.iter().map(ToString::to_string).collect();
        out.push_str(&format!(
            "\nNot in the definition any more, kept in snapshots: {}\n",
            names.join(", ")
        ));
    }
    out
}

/// Writes the rows with tabs between their cells.
pub(crate) fn tabs(status: &Status, is_failing_only: bool, now: Timestamp) -> String {
    let mut table = Table::new([Column::new(""); 6]);
    for row in status.rows.iter().filter(|row| !is_failing_only || row.is_failing()) {
        let mut cells = cells(row, now);
        cells[0] = Cell::new(&row.name);
        table.row(cells);
    }
    for stranger in &status.strangers {
        table.row(stranger_cells(stranger));
    }
    table.tabs()
}

fn head(status: &Status, now: Timestamp, look: &Look) -> String {
    let columns = look.width.min(100);
    let zone = zones(status.zone.iter().chain(&status.other_zones).map(String::as_str));
    let left = format!("{}  {}{zone}   {}", status.cluster, status.provider, whole(status));
    let requests = usize::try_from(status.requests).unwrap_or(usize::MAX);
    let right = format!("read {}, {}", ago(status.read_at, now), count(requests, "request"));
    let mut out = look.paint(Tone::Strong, &sides(&left, &right, columns, look));
    out.push('\n');
    let demand = status.last_run.as_ref().map_or("none so far".to_owned(), |run| last(run, now));
    let driver = status
        .driver
        .as_ref()
        .map_or_else(|| "nobody drives it".to_owned(), |driver| self::driver(driver, now));
    out.push_str(&sides(&format!("demand  {demand}"), &driver, columns, look));
    out.push('\n');
    let holds = match (&status.holds[..], &status.nearest) {
        ([], Some(nearest)) => format!(
            "none of the named states; nearest: {} ({} of {})",
            nearest.state, nearest.there, nearest.all
        ),
        ([], None) => "none of the named states".to_owned(),
        (some, _) => some.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", "),
    };
    out.push_str(&format!("holds   {holds}\n"));
    if let Some(costs) = &status.costs {
        let lines = wrap(&cost::of_states(costs), columns.saturating_sub(8));
        out.push_str(&format!("costs   {}\n", lines.join("\n        ")));
    }
    out
}

fn whole(status: &Status) -> String {
    let has = |demand: Demand| status.holds.contains(&demand);
    for demand in [Demand::Launched, Demand::Away, Demand::Parked, Demand::Mounted] {
        // A cluster of nothing is everything at once; it is more fitting to call it away.
        if has(demand) && !(status.rows.is_empty() && demand != Demand::Away) {
            return demand.as_str().to_uppercase();
        }
    }
    let all = status.rows.len();
    let parts: Vec<String> = [
        (status.up, format!("{} of {all} up", status.up)),
        (status.part_way, format!("{} part-way", status.part_way)),
        (status.away, format!("{} away", status.away)),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(_, text)| text)
    .collect();
    format!("MIXED: {}", parts.join(", "))
}

/// Writes what the last run was for and how it ended.
pub(crate) fn last(run: &LastRun, now: Timestamp) -> String {
    let outcome = run.outcome.as_deref().unwrap_or("no end recorded");
    let parts = match &run.only[..] {
        [] => String::new(),
        parts => format!(" for {}", parts.join(", ")),
    };
    format!("{}{parts} (run {}, {}, {outcome})", run.demand, run.run, ago(run.heard_at, now))
}

/// Writes who drives the cluster.
pub(crate) fn driver(driver: &Driver, now: Timestamp) -> String {
    let since = format!(", {} so far", span(now.since(driver.since)));
    let heard = format!(", last heard {}", ago(driver.heard_at, now));
    let what = format!("run {}, {}", driver.run, driver.command);
    format!("driven by {}: {what}{since}{heard}", driver.who)
}

fn table(status: &Status, is_failing_only: bool, now: Timestamp, look: &Look) -> Table {
    // A narrow screen leaves out the column that would be empty.
    let has_wants = look.width >= 100 || status.rows.iter().any(|row| row.wants.is_some());
    let shown = |cells: [Cell; 6]| -> Vec<Cell> {
        let cells = cells.into_iter().enumerate();
        cells.filter(|(at, _)| *at != WANTS || has_wants).map(|(_, cell)| cell).collect()
    };
    let mut columns = vec![
        Column::new("NAME"),
        Column::new("STATE"),
        Column::new("WANTS"),
        Column::new("ID"),
        Column::new("SINCE"),
        Column::new("NOTE").drops(),
    ];
    if !has_wants {
        columns.remove(WANTS);
    }
    let mut table = Table::new(columns);
    for (at, row) in status.rows.iter().enumerate() {
        if is_failing_only && !row.is_failing() {
            continue;
        }
        let mut cells = cells(row, now);
        let name = match (row.is_mount, is_failing_only, row.name.rsplit_once('/')) {
            (true, false, Some((_, mount))) => {
                let is_last = status.rows.get(at + 1).is_none_or(|next| !next.is_mount);
                let glyph = if is_last { Glyph::LastBranch } else { Glyph::Branch };
                format!("{} {mount}", look.glyph(glyph))
            }
            (_, _, _) => row.name.clone(),
        };
        cells[0] = Cell::new(name);
        table.row(shown(cells));
    }
    for stranger in &status.strangers {
        table.row(shown(stranger_cells(stranger)));
    }
    table
}

fn stranger_cells(stranger: &wucluster_core::observation::Stranger) -> [Cell; 6] {
    [
        Cell::toned(Tone::Bad, "(not defined)"),
        Cell::new(&stranger.state),
        Cell::new("-"),
        Cell::new(&stranger.id),
        Cell::new("-"),
        Cell::new(format!("{}: {}", stranger.kind, stranger.why)),
    ]
}

fn cells(row: &StatusRow, now: Timestamp) -> [Cell; 6] {
    let is_up = matches!(row.state.as_str(), "running" | "mounted");
    let tone = match (row.is_held || row.is_uncertain, row.wants.is_some(), is_up) {
        (true, _, _) => Tone::Bad,
        (false, true, _) => Tone::Moving,
        (false, false, true) => Tone::Good,
        (false, false, false) => Tone::Normal,
    };
    let state = if row.is_uncertain { format!("{} ?", row.state) } else { row.state.clone() };
    let since = row.since.map(|since| match now.since(since) {
        age if age.as_secs() < 86_400 => span(age),
        age => short_span(age),
    });
    [
        Cell::new(&row.name),
        Cell::toned(tone, state),
        Cell::new(row.wants.as_deref().unwrap_or("-")),
        Cell::new(row.id.as_deref().unwrap_or("-")),
        Cell::new(since.as_deref().unwrap_or("-")),
        Cell::new(&row.note),
    ]
}

#[cfg(test)]
mod tests {
    use wucluster_core::definition::ClusterDefinition;
    use wucluster_core::observation::Observation;
    use wucluster_core::scope::Scope;

    use super::super::super::{forecast, testing, view};
    use super::*;

    fn show(
        seen: &(ClusterDefinition, Observation),
        demand: Option<Demand>,
        is_failing_only: bool,
        width: usize,
    ) -> String {
        let (definition, observation) = seen;
        let plan = demand.map(|demand| {
            forecast::forecast(
                definition,
                demand,
                observation,
                &wucluster_core::memory::Memory::default(),
                testing::NOW,
            )
        });
        let run = demand.map(|demand| LastRun {
            only: Vec::new(),
            run: 42,
            demand,
            outcome: Some("interrupted".into()),
            started_at: testing::NOW,
            heard_at: Timestamp::from_millis(testing::NOW.as_millis() - 130_000),
        });
        let seen = view::status(
            definition,
            observation,
            &Scope::default(),
            plan.as_ref(),
            run,
            None,
            testing::NOW,
        );
        status(&seen, is_failing_only, testing::NOW, &Look::plain(width))
    }

    fn unasked(definition: &ClusterDefinition, observation: &Observation) -> Status {
        let all = Scope::default();
        view::status(definition, observation, &all, None, None, None, testing::NOW)
    }

    #[test]
    fn what_it_costs_is_told_below_the_states() {
        let (definition, observation) = testing::mixed();
        let mut seen = unasked(&definition, &observation);
        assert!(!status(&seen, false, testing::NOW, &Look::plain(80)).contains("costs"));
        let prices = "[cluster]\nname = \"gibbon\"\n[prices]\ninstance = 0.02\nvolume = 0.08\nsnapshot = 0.05\n\
            [node.chief]\nmount.home = { at = \"/mnt/home\", size = \"40 GiB\" }\n";
        let prices = ClusterDefinition::parse(prices).unwrap().prices;
        let priced = ClusterDefinition { prices, ..definition };
        seen.costs = wucluster_core::cost::costs(&priced, &observation);
        let shown = status(&seen, false, testing::NOW, &Look::plain(80));
        let line = shown.lines().find(|line| line.starts_with("costs   about ")).unwrap();
        assert!(line.contains(" launched, ") && shown.contains("not your bill"), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }

    #[test]
    fn a_mixture_is_shown_with_what_it_wants() {
        insta::assert_snapshot!(show(&testing::mixed(), Some(Demand::Launched), false, 120));
    }

    #[test]
    fn only_what_fails_is_shown_on_demand() {
        insta::assert_snapshot!(show(&testing::mixed(), Some(Demand::Launched), true, 80));
    }

    #[test]
    fn a_running_cluster_that_nobody_demanded_anything_of() {
        insta::assert_snapshot!(show(&testing::running(), None, false, 100));
    }

    #[test]
    fn on_a_narrow_screen_a_healthy_cluster_has_a_line_for_each() {
        let text = show(&testing::running(), None, false, 80);
        assert!(!text.contains("WANTS"), "{text}");
        assert_eq!(text.lines().count(), 3 + 1 + 1 + 7, "{text}");
    }

    #[test]
    fn a_cluster_that_is_away() {
        insta::assert_snapshot!(show(&testing::away(), Some(Demand::Away), false, 100));
    }

    #[test]
    fn for_programs_there_are_rows_with_tabs_and_full_names() {
        let (definition, observation) = testing::away();
        let seen = unasked(&definition, &observation);
        let text = tabs(&seen, false, testing::NOW);
        assert!(text.lines().all(|line| line.split('\t').count() == 6), "{text}");
        assert!(text.starts_with("chief\taway\t-\t-\t-\t"), "{text}");
        assert!(text.contains("\nchief/home\taway\t"), "{text}");
    }
}

//! What a demand would take: the screen of `plan`.

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::cost::costs;
use wucluster_core::definition::{ClusterDefinition, Provider};
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::observation::Observation;
use wucluster_core::plan::{Plan, Row};
use wucluster_core::time::Timestamp;
use wucluster_rehearse::forecast::{Estimate, NoEstimate, Range};

use super::cost;
use super::deletions::{kept, snapshots, sum};
use super::fold::{self, Block};
use super::hold::holds;
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{sentence, sides};
use super::words::{ago, count, span, zones};
use crate::commands::part;
use crate::deletions::Deletion;
use crate::forecast::Firsts;

/// Everything that the screen shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forecast<'a> {
    /// The definition.
    pub(crate) definition: &'a ClusterDefinition,
    /// What was seen.
    pub(crate) observation: &'a Observation,
    /// The plan on it.
    pub(crate) plan: &'a Plan,
    /// What it would take, or why nobody can say; `None` where nothing moves.
    pub(crate) estimate: Option<&'a Result<Estimate, NoEstimate>>,
    /// What would be deleted on the way.
    pub(crate) deletions: &'a [Deletion],
    /// Now.
    pub(crate) now: Timestamp,
    /// Whether nodes that are alike are listed one by one.
    pub(crate) is_unfolded: bool,
}

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Make,
    MoveOn,
    Delete,
    Held,
    There,
}

impl Sign {
    const fn mark(self) -> (&'static str, Tone) {
        match self {
            Self::Make => ("+", Tone::Good),
            Self::MoveOn => ("~", Tone::Moving),
            Self::Delete => ("-", Tone::Bad),
            Self::Held => ("!", Tone::Bad),
            Self::There => ("=", Tone::Dim),
        }
    }
}

/// Writes the screen, the next steps last.
pub(crate) fn plan(forecast: &Forecast<'_>, look: &Look) -> String {
    let rows = forecast.plan.rows_in_scope(forecast.definition, forecast.observation);
    let mut out = headline(forecast, look);
    let (table, is_folded) = table(forecast, &rows);
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&table.render(look));
    }
    if is_folded {
        out.push_str(&look.paint(Tone::Dim, "    (--all lists every node)\n"));
    }
    if !forecast.observation.strangers.is_empty() && forecast.plan.scope.is_whole() {
        out.push('\n');
        out.push_str(&strangers(forecast.observation, look));
    }
    if !forecast.plan.holds.is_empty() {
        out.push('\n');
        out.push_str(&holds(&forecast.plan.holds, look));
    }
    out.push('\n');
    out.push_str(&sentence(&summary(forecast, &rows), look));
    if let Some(made) = forecast.estimate {
        out.push_str(&sentence(&estimate(made, forecast), look));
    }
    // What it costs is told of a whole cluster.
    let costs = costs(forecast.definition, forecast.observation)
        .filter(|_| forecast.plan.scope.is_whole())
        .and_then(|costs| cost::of_demand(&costs, forecast.plan.demand));
    if let Some(words) = costs {
        out.push_str(&sentence(&words, look));
    }
    out
}

/// Writes about how much it would take.
fn estimate(made: &Result<Estimate, NoEstimate>, forecast: &Forecast<'_>) -> String {
    let Forecast { definition, plan, .. } = forecast;
    match made {
        Ok(Estimate { requests, took_ms, days }) => {
            let requests = match (requests.least, requests.most) {
                (least, most) if least == most => format!("{most} requests"),
                (least, most) => format!("{least} to {most} requests"),
            };
            let [least, most] =
                [took_ms.least, took_ms.most].map(|millis| span(Duration::from_millis(millis)));
            let time = match took_ms {
                Range { most: 0..1000, .. } => "a second".to_owned(),
                Range { least: 0..1000, .. } => format!("up to {most}"),
                Range { .. } if least == most => most,
                Range { .. } => format!("{least} to {most}"),
            };
            let days = count(usize::try_from(*days).unwrap_or(usize::MAX), "rehearsal");
            match definition.provider {
                Provider::Aws | Provider::Sim => {
                    format!("About {requests} and {time}, by {days}.")
                }
                // Machines on this host boot at its own speed, which nobody recorded.
                Provider::Local => format!("On EC2 about {requests} and {time}, by {days}."),
            }
        }
        Err(why @ NoEstimate::Large { .. }) => format!(
            "No estimate of requests and time: {why}; see `wucluster rehearse {}`.",
            plan.demand
        ),
        Err(why) => format!("No estimate of requests and time: {why}."),
    }
}

/// Writes the first line: the cluster, how much of it there is, and how old the look is.
pub(crate) fn headline(forecast: &Forecast<'_>, look: &Look) -> String {
    let Forecast { definition, observation, now, .. } = forecast;
    let zone = zones(definition.zones());
    let left = format!(
        "{}  {}{zone}  {}, {}",
        definition.name,
        definition.provider,
        count(definition.nodes.len(), "node"),
        count(definition.mounts().count(), "mount"),
    );
    let right = read(observation, *now);
    format!("{}\n", sides(&left, &right, look.width.min(100), look))
}

/// Says how old a look is and what it cost.
pub(crate) fn read(observation: &Observation, now: Timestamp) -> String {
    let requests = usize::try_from(observation.requests).unwrap_or(usize::MAX);
    format!("read {} with {}", ago(observation.cloud_asked_at, now), count(requests, "request"))
}

/// Makes the table, and tells whether something in it is folded.
fn table(forecast: &Forecast<'_>, rows: &[Row]) -> (Table, bool) {
    let mut table = Table::new([
        Column::new(""),
        Column::new("").right(),
        Column::new(""),
        Column::new(""),
        Column::new("").drops(),
    ])
    .untitled()
    .indent(2);
    let known = Known::of(forecast);
    let entries: Vec<Entry> =
        fold::blocks(rows).iter().map(|block| Entry::new(forecast, &known, block)).collect();
    let kind = |entry: &'_ Entry| (!forecast.is_unfolded).then(|| entry.kind()).flatten();
    let mut is_folded = false;
    for same in fold::together(&entries, kind, Entry::folds_from) {
        if let [entry] = same.as_slice() {
            for line in &entry.lines {
                table.row(line.cells(&line.name, &line.size, &line.id, &line.note));
            }
        } else {
            folded(&same, &mut table);
            is_folded = true;
        }
    }
    (table, is_folded)
}

/// Writes several nodes that are alike as one.
fn folded(same: &[&Entry], table: &mut Table) {
    let names: Vec<String> = same.iter().map(|entry| entry.node.clone()).collect();
    let names = fold::names(&names);
    let [node, mounts @ ..] = same[0].lines.as_slice() else { return };
    if same[0].is_there() {
        let note = if mounts.is_empty() { "" } else { "mounts too" };
        table.row(node.cells(&names, "", note, ""));
        return;
    }
    let note = fold::of_any(&same[0].node, &node.note);
    table.row(node.cells(&names, &count(same.len(), "node"), "", &note));
    for line in mounts {
        let note = fold::of_any(&same[0].node, &line.note);
        table.row(line.cells(&line.name, &format!("{} each", line.size), "", &note));
    }
}

/// What is looked up for each row.
struct Known<'a> {
    firsts: Firsts<'a>,
    deletions: BTreeMap<&'a Subject, &'a Deletion>,
    places: BTreeMap<Subject, &'a str>,
}

impl<'a> Known<'a> {
    fn of(forecast: &Forecast<'a>) -> Self {
        let mounts = forecast.definition.mounts();
        Self {
            firsts: Firsts::of(forecast.plan),
            deletions: forecast.deletions.iter().map(|one| (&one.subject, one)).collect(),
            places: mounts.map(|(key, mount)| (Subject::Mount(key), mount.at.as_str())).collect(),
        }
    }
}

/// A node with its mounts, as the table has them.
struct Entry {
    node: String,
    lines: Vec<Line>,
}

/// What nodes have in common that are alike: all but their numbers and ids.
type Kind = (String, Vec<(Sign, String, String, String, String)>);

impl Entry {
    fn new(forecast: &Forecast<'_>, known: &Known<'_>, block: &Block<'_>) -> Self {
        let lines = block.rows().map(|row| line(forecast, known, row)).collect();
        Self { node: block.name(), lines }
    }

    /// Returns what it may have in common with others; `None` where something is held, which is told of each.
    fn kind(&self) -> Option<Kind> {
        if self.lines.iter().any(|line| line.sign == Sign::Held) {
            return None;
        }
        let lines = self.lines.iter().map(|line| {
            let name = if line.is_mount { line.name.clone() } else { String::new() };
            let note = fold::of_any(&self.node, &line.note);
            (line.sign, name, line.size.clone(), line.state.clone(), note)
        });
        Some((fold::base(&self.node).to_owned(), lines.collect()))
    }

    fn is_there(&self) -> bool {
        self.lines.iter().all(|line| line.sign == Sign::There)
    }

    /// Returns how many of its kind it takes to fold them: what is done to a few is listed one by one.
    fn folds_from(&self) -> usize {
        if self.is_there() { 2 } else { fold::FOLDS_FROM }
    }
}

/// A row, before it is known whether it stands for others too.
struct Line {
    sign: Sign,
    is_mount: bool,
    name: String,
    size: String,
    state: String,
    id: String,
    note: String,
}

impl Line {
    fn cells(&self, name: &str, size: &str, id: &str, note: &str) -> [Cell; 5] {
        let (mark, tone) = self.sign.mark();
        let name =
            if self.is_mount { format!("{mark}   {name}") } else { format!("{mark} {name}") };
        let [size, state, id, note] = [size, &self.state, id, note].map(Cell::new);
        [Cell::toned(tone, name), size, state, id, note]
    }
}

fn line(forecast: &Forecast<'_>, known: &Known<'_>, row: &Row) -> Line {
    let busy = known.firsts.meets(forecast.observation, &row.subject);
    let sign = if busy.is_some() { Sign::Held } else { sign(row) };
    let (is_mount, name) = match &row.subject {
        Subject::Mount(key) => (true, key.mount.to_string()),
        subject => (false, subject.to_string()),
    };
    let state = match (&row.wanted, sign) {
        (Some(wanted), Sign::Make | Sign::MoveOn) if *wanted != row.state => {
            format!("{} -> {wanted}", row.state)
        }
        _ => row.state.clone(),
    };
    let place = known.places.get(&row.subject).map(|at| (*at).to_owned());
    let note = match (sign, known.deletions.get(&row.subject)) {
        (Sign::Held, _) => busy.or_else(|| row.note.clone()).unwrap_or_default(),
        (Sign::Delete, Some(deletion)) => kept(&deletion.kept, forecast.now),
        // What stays otherwise than it is defined is told beside its place.
        (Sign::There, _) => match (place.filter(|_| row.state == "mounted"), &row.note) {
            (Some(place), Some(more)) => format!("{place}; {more}"),
            (place, _) => place.unwrap_or_default(),
        },
        (Sign::Make | Sign::MoveOn | Sign::Delete, _) => known
            .firsts
            .say(&row.subject)
            .or_else(|| row.note.clone())
            .or(place)
            .unwrap_or_default(),
    };
    // What is made anew has no id yet; the snapshot that it begins from is in the note.
    let id = row.id.clone().filter(|_| sign != Sign::Make).unwrap_or_default();
    Line {
        sign,
        is_mount,
        name: if row.is_defined { name } else { format!("{name} (not defined)") },
        size: row.size.map_or_else(String::new, |size| size.to_string()),
        state,
        id,
        note,
    }
}

fn sign(row: &Row) -> Sign {
    if row.is_held {
        Sign::Held
    } else if row.is_there {
        Sign::There
    } else if row.wanted.as_deref() == Some(Demand::Away.as_str()) {
        Sign::Delete
    } else if row.state == "away" {
        Sign::Make
    } else {
        Sign::MoveOn
    }
}

/// Lists what carries the cluster's tag and fits nowhere.
pub(crate) fn strangers(observation: &Observation, look: &Look) -> String {
    let mut table =
        Table::new([Column::new(""), Column::new(""), Column::new(""), Column::new("").drops()])
            .untitled()
            .indent(2);
    for stranger in &observation.strangers {
        table.row([
            Cell::toned(Tone::Bad, "! (not defined)"),
            Cell::new(&stranger.state),
            Cell::new(&stranger.id),
            Cell::new(format!("{}: {}", stranger.kind, stranger.why)),
        ]);
    }
    table.render(look)
}

fn summary(forecast: &Forecast<'_>, rows: &[Row]) -> String {
    let Forecast { definition, observation, plan, deletions, .. } = forecast;
    if plan.is_met() {
        let name = part::named(&definition.name, &plan.scope);
        return format!("{name} is {} already: nothing to do.\n", plan.demand);
    }
    let number = |wanted: Sign| rows.iter().filter(|row| sign(row) == wanted).count();
    let parts: Vec<String> = [
        (Sign::Make, "to make"),
        (Sign::MoveOn, "to move on"),
        (Sign::Delete, "to put away"),
        (Sign::Held, "held"),
        (Sign::There, "there already"),
    ]
    .into_iter()
    .map(|(sign, word)| (number(sign), word))
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect();
    let deleted = match (plan.demand, deletions.is_empty()) {
        (Demand::Away, false) => format!(
            "{} would be deleted.\nA volume is deleted only after the snapshot of its last write is \
             complete.\nStays: {}, the definition, the history.",
            sum(deletions),
            snapshots(&observation.mounts)
        ),
        (_, _) => "nothing is deleted.".to_owned(),
    };
    format!("Plan: {}; {deleted}\n", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::super::{deletions, forecast, testing};
    use super::*;

    fn show(seen: &(ClusterDefinition, Observation), demand: Demand, width: usize) -> String {
        let (definition, observation) = seen;
        let made = forecast::forecast(
            definition,
            demand,
            observation,
            &wucluster_core::memory::Memory::default(),
            testing::NOW,
        );
        let list = deletions::deletions(demand, &made.scope, observation);
        let guess = (!made.is_met()).then(|| {
            wucluster_rehearse::forecast::estimate(
                definition,
                (demand, forecast::Wish::from(demand).policy()),
                observation,
                BTreeMap::new(),
            )
        });
        let shown = Forecast {
            definition,
            observation,
            plan: &made,
            estimate: guess.as_ref(),
            deletions: &list,
            now: testing::NOW,
            is_unfolded: false,
        };
        plan(&shown, &Look::plain(width))
    }

    #[test]
    fn launching_what_is_away() {
        insta::assert_snapshot!(show(&testing::away(), Demand::Launched, 100));
    }

    #[test]
    fn launching_many_that_are_alike() {
        let text = show(&testing::many(), Demand::Launched, 80);
        assert!(text.lines().count() < 24, "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn launching_a_mixture() {
        insta::assert_snapshot!(show(&testing::mixed(), Demand::Launched, 100));
    }

    #[test]
    fn putting_away_what_runs() {
        insta::assert_snapshot!(show(&testing::running(), Demand::Away, 80));
    }

    #[test]
    fn what_holds_already_says_so() {
        insta::assert_snapshot!(show(&testing::running(), Demand::Mounted, 80));
    }
}

//! One day: how it ended, the longest way, requests against their budgets, deletions.

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_rehearse::forecast::{Deleted, Ended, Forecast, KeptBy, Step, StepKind};

use super::super::hold::holds;
use super::super::look::{Look, Tone};
use super::super::table::{Cell, Column, Table};
use super::super::text::{WIDEST, clean, sentence};
use super::super::tree::in_words;
use super::super::words::{count, span};

/// Writes one day: how it ended, the longest way, requests against their budgets, deletions.
pub(crate) fn day(forecast: &Forecast, look: &Look) -> String {
    let mut out = verdict(forecast, look);
    if !forecast.path.is_empty() {
        out.push('\n');
        out.push_str(&path(&forecast.path, look));
    }
    if !forecast.usage.is_empty() {
        out.push('\n');
        out.push_str(&usage(forecast, look));
    }
    if !forecast.faults.is_empty() {
        out.push('\n');
        out.push_str(&faults(&forecast.faults, look));
    }
    out.push('\n');
    out.push_str(&sentence(&deletions(&forecast.deleted), look));
    if let Ended::Held { holds: held } = &forecast.ended {
        out.push('\n');
        out.push_str(&holds(held, look));
    }
    out.push('\n');
    out
}

fn verdict(forecast: &Forecast, look: &Look) -> String {
    let took = span(forecast.took);
    let requests = count(usize::try_from(forecast.requests()).unwrap_or(usize::MAX), "request");
    let probes = count(usize::try_from(forecast.probes).unwrap_or(usize::MAX), "look");
    let throttled: u64 = forecast.usage.iter().map(|usage| usage.throttled).sum();
    let refused = match throttled {
        0 => "none refused as too many".to_owned(),
        some => format!("{some} refused as too many"),
    };
    let cost = format!("{took}, {requests} ({refused}), {probes} at nodes");
    let (word, tone, text) = match &forecast.ended {
        Ended::Reached => {
            let word = forecast.demand.as_str();
            (word, Tone::Good, format!("It becomes {word} in {cost}."))
        }
        Ended::Held { holds } => {
            let by = count(holds.len(), "interlock");
            ("held", Tone::Bad, format!("It is held by {by} after {cost}."))
        }
        Ended::Stalled => ("does not", Tone::Bad, format!("It does not come to an end: {cost}.")),
        Ended::Blind { error } => {
            let text = format!("The cloud cannot be looked at after {cost}: {}", clean(error));
            ("cannot be looked at", Tone::Bad, text)
        }
    };
    sentence(&text, look).replacen(word, &look.paint(tone, word), 1)
}

fn path(steps: &[Step], look: &Look) -> String {
    let mut table = Table::new([
        Column::new("THE LONGEST WAY"),
        Column::new("").drops(),
        Column::new("AFTER").right(),
        Column::new("TAKES").right(),
    ])
    .indent(2);
    let mut last: Option<&Subject> = None;
    for step in steps {
        let name =
            if last == Some(&step.subject) { String::new() } else { step.subject.to_string() };
        last = Some(&step.subject);
        table.row([
            Cell::new(name),
            Cell::new(step_words(&step.kind)),
            Cell::new(span(step.after)),
            Cell::new(short(step.took)),
        ]);
    }
    table.render(&Look { width: look.width.min(WIDEST), ..look.clone() })
}

/// Writes a span that may be less than a second.
fn short(took: Duration) -> String {
    if took < Duration::from_secs(10) { format!("{:.1}s", took.as_secs_f64()) } else { span(took) }
}

fn step_words(kind: &StepKind) -> String {
    match kind {
        StepKind::Request { request, to } => format!("{request}, until seen {to}"),
        StepKind::State { from, to } => format!("{from}, until {to}"),
        StepKind::Snapshot => "its snapshot is taken and completes".to_owned(),
        StepKind::Boot => "boots, until its ssh answers".to_owned(),
        StepKind::Wait { on } if in_words(on) != *on => {
            format!("waits for its turn: only so many {on} a second")
        }
        StepKind::Wait { on } => format!("waits: {on}"),
        StepKind::Look => "is looked at".to_owned(),
    }
}

fn usage(forecast: &Forecast, look: &Look) -> String {
    let mut table = Table::new([
        Column::new("REQUEST"),
        Column::new("CALLS").right(),
        Column::new("REFUSED").right(),
        Column::new("EC2 TAKES"),
        Column::new("FULLEST").right(),
        Column::new(""),
    ])
    .indent(2);
    for usage in &forecast.usage {
        let full = usage.fullest_percent;
        let tone = if full >= 100 { Tone::Bad } else { Tone::Normal };
        let refused = usage.throttled + usage.failed;
        table.row([
            Cell::new(usage.request),
            Cell::new(usage.calls.to_string()),
            Cell::new(if refused == 0 { "-".to_owned() } else { refused.to_string() }),
            Cell::new(format!(
                "{} at once, {}/s",
                usage.budget.capacity, usage.budget.refill_per_second
            )),
            Cell::toned(tone, format!("{full}%")),
            Cell::toned(tone, bar(full, look)),
        ]);
    }
    table.render(&Look { width: look.width.min(WIDEST), ..look.clone() })
}

/// Draws how full a budget was, in ten cells.
fn bar(percent: u32, look: &Look) -> String {
    let cells = usize::try_from(percent.min(100).div_ceil(10)).unwrap_or(0);
    let (full, empty) = if look.ascii { ("#", ".") } else { ("■", "·") };
    format!("{}{}", full.repeat(cells), empty.repeat(10 - cells))
}

pub(super) fn faults(felt: &BTreeMap<String, u64>, look: &Look) -> String {
    let mut table =
        Table::new([Column::new("WHAT WENT WRONG"), Column::new("TIMES").right()]).indent(2);
    for (fault, times) in felt {
        table.row([Cell::new(fault), Cell::new(times.to_string())]);
    }
    table.render(look)
}

/// Writes what is deleted and what keeps it, in a sentence or two.
fn deletions(deleted: &[Deleted]) -> String {
    if deleted.is_empty() {
        return "Nothing is deleted.\n".to_owned();
    }
    let volumes: Vec<&Deleted> = deleted.iter().filter(|one| one.size.is_some()).collect();
    let instances = deleted.len() - volumes.len();
    let gib: u64 =
        volumes.iter().filter_map(|one| one.size).map(|size| u64::from(size.gib())).sum();
    let kept = |by: KeptBy| volumes.iter().filter(|one| one.kept_by == by).count();
    let mut out = match (instances, volumes.len()) {
        (instances, 0) => format!("Deletes {}.\n", count(instances, "instance")),
        (0, some) => format!("Deletes {} ({gib} GiB).\n", count(some, "volume")),
        (instances, some) => format!(
            "Deletes {} and {} ({gib} GiB).\n",
            count(instances, "instance"),
            count(some, "volume")
        ),
    };
    let ways: Vec<String> = [
        (KeptBy::NewSnapshot, "by a snapshot taken on the way"),
        (KeptBy::OldSnapshot, "by a snapshot that is there already"),
        (KeptBy::Nothing, "by NOTHING"),
    ]
    .into_iter()
    .map(|(by, how)| (kept(by), how))
    .filter(|(number, _)| *number > 0)
    .map(|(number, how)| format!("{number} {how}"))
    .collect();
    if !ways.is_empty() {
        out.push_str(&format!("Of the volumes' data is kept: {}.\n", ways.join(", ")));
    }
    out
}

/// Writes what became of a day that did not end well, once it was over.
pub(crate) fn afterwards(first: &Ended, then: &Ended, demand: Demand, look: &Look) -> String {
    match (first, then) {
        (_, Ended::Reached) => {
            format!("Repeated after that day, the command reaches {demand}.\n\n")
        }
        (Ended::Held { holds: before }, Ended::Held { holds: after })
            if by(before) == by(after) =>
        {
            "Repeated after that day, it is held by the same.\n\n".to_owned()
        }
        (_, Ended::Held { holds: held }) => {
            format!("Repeated after that day, it is held:\n\n{}\n", holds(held, look))
        }
        (_, Ended::Stalled) => {
            "Repeated after that day, it does not come to an end.\n\n".to_owned()
        }
        (_, Ended::Blind { error }) => {
            let error = clean(error);
            format!("Repeated after that day, the cloud cannot be looked at: {error}\n\n")
        }
    }
}

fn by(holds: &[Hold]) -> Vec<(Interlock, &Subject)> {
    holds.iter().map(|hold| (hold.interlock, &hold.subject)).collect()
}

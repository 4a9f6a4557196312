//! What was rehearsed: the screens of `rehearse`.

use std::collections::BTreeMap;
use std::time::Duration;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_rehearse::forecast::{Deleted, Ended, Forecast, KeptBy, Step, StepKind};
use wucluster_rehearse::runs::{Days, Kills, Violation};

use super::hold::holds;
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{clean, sides, wrap};
use super::tree::in_words;
use super::words::{count, span};

/// Widest that a screen is made. Unit: columns.
const WIDEST: usize = 100;

/// How many days or kills that went wrong are told whole.
const TOLD_MAX: usize = 5;

/// How many seeds are listed.
const SEEDS_MAX: usize = 6;

/// What all screens of a rehearsal show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The definition.
    pub(crate) definition: &'a ClusterDefinition,
    /// Where it begins.
    pub(crate) from: Demand,
    /// Where it is to go.
    pub(crate) demand: Demand,
    /// The seed.
    pub(crate) seed: u64,
}

/// Writes the first line: what is rehearsed, and that it is.
pub(crate) fn headline(scene: &Scene<'_>, look: &Look) -> String {
    let Scene { definition, from, demand, seed } = scene;
    let zone = definition.zone.as_ref().map_or_else(String::new, |zone| format!(" {zone}"));
    let left = format!(
        "{} -> {demand}, from {from}  {}{zone}  {}, {}",
        definition.name,
        definition.provider,
        count(definition.nodes.len(), "node"),
        count(definition.mounts().count(), "mount"),
    );
    let right = format!("simulated, seed {seed}");
    let line = sides(&clean(&left), &right, look.width.min(WIDEST), look);
    format!("{}\n", look.paint(Tone::Strong, &line))
}

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

/// Breaks sentences where the screen ends, each line of them ended.
pub(crate) fn sentence(text: &str, look: &Look) -> String {
    let columns = look.width.min(WIDEST);
    let lines = text.lines().flat_map(|line| wrap(line, columns));
    lines.map(|line| line + "\n").collect()
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
        StepKind::Request { request, to } => format!("{request}, until it is seen {to}"),
        StepKind::State { from, to } => format!("{from}, until it is {to}"),
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

fn faults(felt: &BTreeMap<String, u64>, look: &Look) -> String {
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

/// Says that nothing happened that must never happen.
pub(crate) fn safe(demand: Demand, look: &Look) -> String {
    let rest = if demand == Demand::Away { ", only snapshots are paid for" } else { "" };
    let text = format!("Judged by the truth: no data is lost, nothing foreign is touched{rest}.\n");
    sentence(&text, look)
}

/// Writes many bad days.
pub(crate) fn days(days: &Days, scene: &Scene<'_>, look: &Look) -> String {
    let all = usize::try_from(days.runs).unwrap_or(usize::MAX);
    let mut table = Table::new([Column::new(""), Column::new("").right(), Column::new("").drops()])
        .untitled()
        .indent(2);
    let demand = scene.demand;
    let typical = Duration::from_millis(days.took_median_ms);
    let longest = Duration::from_millis(days.took_longest_ms);
    let times = if days.reached == 0 {
        String::new()
    } else {
        format!("half within {}, the longest {}", span(typical), span(longest))
    };
    table.row([
        Cell::toned(Tone::Good, format!("{demand} at once")),
        Cell::new(days.reached.to_string()),
        Cell::new(times),
    ]);
    table.row([
        Cell::new(format!("{demand} when repeated")),
        Cell::new(days.reached_later.to_string()),
        Cell::new(seeds(&days.later_seeds)),
    ]);
    let tone = if days.not_reached > 0 { Tone::Bad } else { Tone::Normal };
    table.row([
        Cell::toned(tone, format!("not {demand} in the end")),
        Cell::toned(tone, days.not_reached.to_string()),
    ]);
    let mut out = format!("{}:\n\n", count(all, "bad day"));
    out.push_str(&table.render(look));
    if !days.held_by.is_empty() {
        let mut table =
            Table::new([Column::new("HELD AT FIRST BY"), Column::new("DAYS").right()]).indent(2);
        for (by, number) in &days.held_by {
            table.row([Cell::new(by), Cell::new(number.to_string())]);
        }
        out.push('\n');
        out.push_str(&table.render(look));
    }
    if !days.faults.is_empty() {
        out.push('\n');
        out.push_str(&faults(&days.faults, look));
    }
    out.push_str(&told("NOT REACHED", &days.unreached, "seed", look));
    out.push_str(&told("VIOLATION", &days.violations, "seed", look));
    out.push('\n');
    if days.violations.is_empty() {
        out.push_str(&safe(demand, look));
    } else {
        let times = count(days.violations.len(), "day");
        out.push_str(
            &look.paint(
                Tone::Bad,
                &format!("On {times} something happened that must never happen.\n"),
            ),
        );
    }
    out
}

/// Lists the seeds of days that went well once they were over.
fn seeds(seeds: &[u64]) -> String {
    if seeds.is_empty() {
        return String::new();
    }
    let some: Vec<String> = seeds.iter().take(SEEDS_MAX).map(u64::to_string).collect();
    let more = if seeds.len() > SEEDS_MAX { ", ..." } else { "" };
    format!("after that day; with seed {}{more}", some.join(", "))
}

/// Writes what came of killing the operator.
pub(crate) fn killed(kills: &Kills, scene: &Scene<'_>, look: &Look) -> String {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let which = if kills.killed == kills.points {
        "each of them".to_owned()
    } else {
        format!("{} of them, evenly spread", kills.killed)
    };
    let mut out = format!(
        "The operator waits at {} of the run, and was killed at {which}.\n\
         Each time another one began anew from what the cloud tells:\n\n",
        count(number(kills.points), "point"),
    );
    let mut table = Table::new([Column::new(""), Column::new("").right()]).untitled().indent(2);
    let demand = scene.demand;
    table.row([
        Cell::toned(Tone::Good, format!("{demand} all the same")),
        Cell::new(kills.reached.to_string()),
    ]);
    let tone = if kills.held > 0 { Tone::Bad } else { Tone::Normal };
    table.row([Cell::toned(tone, "held"), Cell::toned(tone, kills.held.to_string())]);
    let bad = kills.violations.len();
    let tone = if bad > 0 { Tone::Bad } else { Tone::Normal };
    table.row([Cell::toned(tone, "not the same end, or harm"), Cell::toned(tone, bad.to_string())]);
    out.push_str(&table.render(look));
    out.push_str(&told("VIOLATION", &kills.violations, "kill", look));
    out.push('\n');
    if bad == 0 {
        out.push_str(&safe(demand, look));
    }
    out
}

/// Tells the first of what went wrong, with the number that makes it again.
fn told(title: &str, found: &[Violation], number: &str, look: &Look) -> String {
    let mut out = String::new();
    for one in found.iter().take(TOLD_MAX) {
        let head = look.paint(Tone::Bad, title);
        out.push_str(&format!("\n{head} with {number} {}\n", one.seed));
        for what in &one.what {
            out.push_str(&format!("  {}\n", clean(what)));
        }
    }
    if found.len() > TOLD_MAX {
        let seeds: Vec<String> = found[TOLD_MAX..].iter().map(|one| one.seed.to_string()).collect();
        out.push_str(&format!("\nand with {number} {}\n", seeds.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use wucluster_rehearse::forecast::{Day, Stage, forecast};
    use wucluster_rehearse::runs::{kills, many};

    use super::super::text::width;
    use super::*;

    const DEFINITION: &str = r#"
[cluster]
name = "gibbon"
provider = "aws"
zone = "us-east-1d"

[defaults]
image = "ami-0d9c2b3a41f7e6650"
type = "m7i.xlarge"

[node.chief]
mount.home = { at = "/mnt/home", size = "40 GiB" }

[node.worker]
count = 2
mount.scratch = { at = "/mnt/scratch", size = "200 GiB", from = "snap-07be14aa90c2d3e51" }
"#;

    fn show(from: Demand, demand: Demand, look: &Look) -> String {
        let definition = ClusterDefinition::parse(DEFINITION).unwrap();
        let stage = Stage::set(&definition, from, 1).unwrap();
        let scene = Scene { definition: &definition, from, demand, seed: 1 };
        let seen = forecast(&stage, demand, &Day::calm(1));
        let text = format!("{}\n{}", headline(&scene, look), day(&seen, look));
        for line in text.lines() {
            assert!(width(line) <= look.width.min(WIDEST), "too wide: {line}");
        }
        text
    }

    #[test]
    fn a_launch_is_forecast() {
        insta::assert_snapshot!(show(Demand::Away, Demand::Launched, &Look::plain(100)));
    }

    #[test]
    fn a_put_away_is_forecast_on_a_narrow_screen_in_ascii() {
        let look = Look { ascii: true, ..Look::plain(80) };
        insta::assert_snapshot!(show(Demand::Launched, Demand::Away, &look));
    }

    #[test]
    fn bad_days_and_kills_are_counted() {
        let definition = ClusterDefinition::parse(DEFINITION).unwrap();
        let from = Demand::Launched;
        let stage = Stage::set(&definition, from, 1).unwrap();
        let scene = Scene { definition: &definition, from, demand: Demand::Away, seed: 1 };
        let look = Look::plain(100);
        let seen = many(&stage, Demand::Away, (1, 12), Duration::ZERO, &mut |_| {});
        let killed_at = kills(&stage, Demand::Away, &Day::calm(1), 10, &mut |_, _| {});
        let text = format!("{}\n{}", days(&seen, &scene, &look), killed(&killed_at, &scene, &look));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_must_never_happen_is_told_with_its_seed() {
        let found: Vec<Violation> =
            (1..=7).map(|seed| Violation { seed, what: vec![format!("harm {seed}")] }).collect();
        let text = told("VIOLATION", &found, "seed", &Look::plain(80));
        assert!(text.contains("VIOLATION with seed 5\n  harm 5\n"), "{text}");
        assert!(text.ends_with("and with seed 6, 7\n"), "{text}");
    }
}

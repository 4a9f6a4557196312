//! Many bad days, or kills: how many ended how, and what went wrong.

use std::time::Duration;

use wucluster_rehearse::runs::{Days, Kills, Violation};

use super::super::look::{Look, Tone};
use super::super::table::{Cell, Column, Table};
use super::super::text::clean;
use super::super::words::{count, span};
use super::day::faults;
use super::{Scene, safe};

/// How many days or kills that went wrong are told whole.
const TOLD_MAX: usize = 5;

/// How many seeds are listed.
const SEEDS_MAX: usize = 6;

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
        out.push_str(&safe(scene, look));
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
        out.push_str(&safe(scene, look));
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
    use super::*;

    #[test]
    fn what_must_never_happen_is_told_with_its_seed() {
        let found: Vec<Violation> =
            (1..=7).map(|seed| Violation { seed, what: vec![format!("harm {seed}")] }).collect();
        let text = told("VIOLATION", &found, "seed", &Look::plain(80));
        assert!(text.contains("VIOLATION with seed 5\n  harm 5\n"), "{text}");
        assert!(text.ends_with("and with seed 6, 7\n"), "{text}");
    }
}

//! What a report tells in tables: requests, holds, the ledger.

use std::time::Duration;

use super::super::text::clean;
use super::super::words::{count, span};
use super::axis::Axis;
use super::markup::Markup;
use super::timeline::precise;
use crate::report::{Entry, HoldTold, Kept, Report, Standing, Usage};

/// As many holds are written in full; of all there is a line.
const HOLDS_MAX: usize = 50;

/// Writes what each kind of request came to.
pub(super) fn requests(report: &Report, page: &mut Markup) {
    page.raw("<section id=\"requests\">\n<h2>Requests</h2>\n");
    if report.usage.is_empty() {
        page.raw("<p>The journal tells of no request.</p>\n</section>\n");
        return;
    }
    page.raw(
        "<div class=\"scroll\"><table>\n<thead><tr><th>Request</th><th class=\"number\">asked</th>\
         <th class=\"number\">answered</th><th class=\"number\">failed</th><th class=\"number\">too many</th>\
         <th class=\"number\">no answer</th><th class=\"number\">median</th><th class=\"number\">p95</th><th>last failure</th></tr></thead>\n<tbody>\n",
    );
    for usage in &report.usage {
        let Usage { name, asked, answered, failed, throttled, last_error, open, median_ms, p95_ms } =
            usage;
        page.raw("<tr>");
        page.leaf("td", &[("class", "name")], name);
        for number in [asked, answered, failed, throttled, open] {
            page.leaf("td", &[("class", "number")], number.to_string());
        }
        for time in [median_ms, p95_ms] {
            let words =
                time.map_or_else(|| "-".to_owned(), |ms| precise(Duration::from_millis(ms)));
            page.leaf("td", &[("class", "number")], words);
        }
        page.leaf("td", &[], last_error.as_deref().unwrap_or_default());
        page.raw("</tr>\n");
    }
    page.raw(
        "</tbody></table></div>\n<p class=\"note\">Median and p95 are the times until an answer, of those that were answered well; too many are those of the failed that the provider refused for that. \
         Looks at the cloud and at nodes are counted at the top and are not in the journal one by one.</p>\n</section>\n",
    );
}

/// Writes what was held, with why, so and fix.
pub(super) fn holds(report: &Report, axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<section id=\"holds\">\n<h2>Holds</h2>\n");
    if report.holds.is_empty() {
        page.raw("<p>Nothing was held.</p>\n");
    }
    let is_ended = report.standing == Standing::Ended && report.damage.is_none();
    for told in report.holds.iter().take(HOLDS_MAX) {
        hold(told, is_ended, axis, page);
    }
    if report.holds.len() > HOLDS_MAX {
        let rest = &report.holds[HOLDS_MAX..];
        page.raw("<details><summary>");
        page.text(count(rest.len(), "more hold"));
        page.raw("</summary>\n");
        for told in rest {
            hold(told, is_ended, axis, page);
        }
        page.raw("</details>\n");
    }
    page.raw("</section>\n");
}

fn hold(told: &HoldTold, is_ended: bool, axis: &Axis<'_>, page: &mut Markup) {
    let hold = &told.hold;
    page.raw("<article class=\"hold\">");
    page.leaf("h3", &[], format!("held[{}] {}: {}", hold.interlock, hold.subject, hold.what));
    let times = match told.to {
        Some(to) => format!(
            "from {} to {}, {}",
            axis.words(told.from),
            axis.words(to),
            span(to.since(told.from))
        ),
        None => {
            let ended = if is_ended { "ended" } else { "was last heard of" };
            format!("from {} on; still held when the run {ended}", axis.words(told.from))
        }
    };
    page.leaf("p", &[("class", "times")], times);
    page.raw("<dl>");
    let so = std::slice::from_ref(&hold.so);
    for (word, lines) in [("why", hold.why.as_slice()), ("so", so), ("fix", hold.fix.as_slice())] {
        if lines.iter().all(|line| clean(line).is_empty()) {
            continue;
        }
        page.leaf("dt", &[], word);
        page.raw("<dd>");
        page.lines("pre", lines);
        page.raw("</dd>");
    }
    page.raw("</dl></article>\n");
}

/// Writes what was deleted, and what keeps its data.
pub(super) fn ledger(report: &Report, axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<section id=\"ledger\">\n<h2>Safety ledger</h2>\n");
    if report.ledger.is_empty() {
        page.raw("<p>Nothing was asked to be deleted.</p>\n</section>\n");
        return;
    }
    page.raw(
        "<p class=\"note\">Each machine and volume that was asked to be deleted, and what keeps its data.</p>\n\
         <div class=\"scroll\"><table>\n<thead><tr><th>Deleted</th><th>id</th><th>kept safe by</th><th>asked</th>\
         <th>what came of it</th></tr></thead>\n<tbody>\n",
    );
    for entry in &report.ledger {
        page.raw("<tr>");
        page.leaf("td", &[("class", "name")], entry.subject.to_string());
        page.leaf("td", &[("class", "id")], &entry.id);
        kept(&entry.kept, axis, page);
        page.leaf("td", &[("class", "time")], axis.words(entry.asked_at));
        page.leaf("td", &[], came(entry, axis));
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

fn kept(kept: &Kept, axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<td>");
    match kept {
        Kept::Snapshot { snapshot, taken_at } => {
            page.leaf("span", &[("class", "id")], snapshot);
            page.text(match taken_at {
                Some(at) => format!(", begun {}", axis.words(*at)),
                None => ", from before this run".to_owned(),
            });
        }
        Kept::NeverHeldData => page.raw("nothing: it never held any data"),
        Kept::RootDisk => page.raw("root disk not kept"),
    }
    page.raw("</td>");
}

fn came(entry: &Entry, axis: &Axis<'_>) -> String {
    let asked = match entry.times {
        1 => String::new(),
        times => format!("; asked {times} times"),
    };
    let words = match (entry.gone_at, entry.answered_at, &entry.error) {
        (Some(at), _, _) => format!("seen to be gone {}", axis.words(at)),
        (None, _, Some(error)) => format!("failed: {error}"),
        (None, Some(at), None) => {
            format!("answered {}; not seen to be gone in this run", axis.words(at))
        }
        (None, None, None) => "no answer recorded: it may be gone".to_owned(),
    };
    words + &asked
}

#[cfg(test)]
mod tests {
    use super::super::super::look::Look;
    use super::*;
    use crate::report::testing::Journal;

    fn written(journal: &Journal, write: impl Fn(&Report, &Axis<'_>, &mut Markup)) -> String {
        let report = journal.report();
        let look = Look::plain(80);
        let mut page = Markup::default();
        write(&report, &Axis::new(report.began, report.until, &look), &mut page);
        page.finish()
    }

    #[test]
    fn a_deletion_is_told_with_what_keeps_the_data_and_what_came_of_it() {
        let text = written(&Journal::put_away(), ledger);
        let row = |id: &str| text.lines().find(|line| line.contains(id)).unwrap().to_owned();
        let volume = row("vol-1");
        assert!(volume.contains("snap-1</span>, begun 10:42:47"), "{volume}");
        assert!(volume.contains("seen to be gone 10:43:17; asked 2 times"), "{volume}");
        let machine = row("i-1");
        assert!(machine.contains("root disk not kept"), "{machine}");
        assert!(machine.contains("no answer recorded: it may be gone"), "{machine}");
    }

    #[test]
    fn more_holds_than_anybody_reads_are_folded_and_none_is_left_out() {
        let mut journal = Journal::put_away();
        for number in 1..=60 {
            journal.events.push(crate::report::testing::held(
                50,
                &format!("worker-{number}/a"),
                "x",
            ));
        }
        let text = written(&journal, holds);
        assert_eq!(text.matches("<article class=\"hold\">").count(), 61);
        assert!(text.contains("<summary>11 more holds</summary>"), "{text}");
    }
}

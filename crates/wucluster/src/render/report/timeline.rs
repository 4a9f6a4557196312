//! The timeline as a drawing: bars cut by state, thin marks for requests, hatched where held.

use wucluster_core::ids::Subject;
use wucluster_core::time::Timestamp;

use super::super::tree::in_words;
use super::super::words::{count, span};
use super::alike::{Block, Fold, folds};
use super::axis::Axis;
use super::markup::Markup;
use crate::report::{Bar, Hatch, Mark, Report, Standing, Stretch};

/// Height of a row. Unit: pixels.
const ROW: usize = 24;

/// Width of the bars on a page of 800 pixels, and on one of 1400.
const NARROW: f64 = 560.0;
const WIDE: f64 = 1_100.0;

/// Width of a letter in a bar. Unit: pixels.
const LETTER: f64 = 6.7;

/// Patterns that bars are filled with; colour never tells anything alone.
pub(super) const PATTERNS: &str = "\
<svg class=\"defs\" aria-hidden=\"true\"><defs>\n\
<pattern id=\"moving\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<rect width=\"8\" height=\"8\" class=\"moving-ground\"/><rect width=\"3\" height=\"8\" class=\"moving-stripe\"/></pattern>\n\
<pattern id=\"bad\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
<rect width=\"6\" height=\"6\" class=\"bad-ground\"/><path d=\"M0 0L6 6M6 0L0 6\" class=\"bad-stripe\"/></pattern>\n\
<pattern id=\"held\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
<rect width=\"2.5\" height=\"7\" class=\"held-stripe\"/></pattern>\n\
<pattern id=\"quiet\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
<circle cx=\"2.5\" cy=\"2.5\" r=\"0.9\" class=\"quiet-dot\"/></pattern>\n\
</defs></svg>\n";

/// What a state is drawn as: its class, and what the legend says of it.
const KINDS: [(&str, &str); 6] = [
    ("up", "runs, or is mounted"),
    ("there", "is there, and is not in use"),
    ("moving", "on its way"),
    ("gone", "away"),
    ("bad", "needs somebody"),
    ("quiet", "did not change"),
];

/// Writes the timeline of a run.
pub(super) fn write(report: &Report, axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<section id=\"timeline\">\n<h2>Timeline</h2>\n");
    if report.bars.is_empty() {
        page.raw("<p>The journal tells of no node and no mount.</p>\n</section>\n");
        return;
    }
    legend(page);
    page.raw("<p class=\"note\">");
    page.text(match (report.standing, &report.damage) {
        (_, Some(_)) => "Bars end where the journal does.",
        (Standing::Ended, None) => "Behind the end stands how the run left everything.",
        (Standing::GoesOn | Standing::NoEnd, None) => {
            "Behind the end stands how everything was when the run was last heard of."
        }
    });
    page.raw("</p>\n");
    let folds = folds(&report.bars);
    if folds.iter().any(|fold| !fold.behind.is_empty()) {
        page.raw("<p class=\"note\">Nodes that began, ended and were held alike are folded behind the one of them that took longest.</p>\n");
    }
    page.raw("<div class=\"chart\">\n");
    scale(axis, page);
    for fold in &folds {
        draw(&fold.shown, axis, page);
        if !fold.behind.is_empty() {
            behind(fold, axis, page);
        }
    }
    page.raw("</div>\n</section>\n");
}

fn legend(page: &mut Markup) {
    page.raw("<ul class=\"legend\">");
    for (kind, words) in KINDS {
        page.raw("<li><svg width=\"26\" height=\"14\" aria-hidden=\"true\">");
        page.empty("rect", &[("class", kind), ("width", "26"), ("height", "14")]);
        page.raw("</svg>");
        page.text(words);
        page.raw("</li>");
    }
    page.raw(
        "<li><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><rect class=\"held\" x=\"1\" y=\"1\" width=\"24\" height=\"12\"/>\
         </svg>held</li>\
         <li><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><path class=\"mark\" d=\"M9 4V10M15 4V10\"/></svg>a request</li>\
         <li><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><path class=\"cross\" d=\"M9 3L17 11M17 3L9 11\"/></svg>one that failed</li>\
         </ul>\n",
    );
}

/// Writes the times along the top.
fn scale(axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<div class=\"row scale\"><div class=\"names\">time</div><svg class=\"bars\" height=\"18\" aria-hidden=\"true\">");
    for tick in axis.ticks() {
        let place = percent(tick.place);
        page.empty("line", &[("class", "tick"), ("x1", &place), ("x2", &place), ("y2", "18")]);
        if let Some(words) = tick.words {
            page.leaf("text", &[("x", &place), ("dx", "4"), ("y", "12")], words);
        }
    }
    end_line("18", axis, page);
    page.leaf("text", &[("x", &percent(axis.end())), ("dx", "3"), ("y", "12")], "end");
    page.raw("</svg></div>\n");
}

/// Draws where the run ended, or was last heard of.
fn end_line(height: &str, axis: &Axis<'_>, page: &mut Markup) {
    let place = percent(axis.end());
    page.empty("line", &[("class", "end"), ("x1", &place), ("x2", &place), ("y2", height)]);
}

fn behind(fold: &Fold<'_>, axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<details class=\"more\"><summary>");
    let names: Vec<String> = fold.behind.iter().map(Block::name).collect();
    let few = match names.as_slice() {
        [first, .., last] if names.len() > 4 => format!("{first} to {last}"),
        few => few.join(", "),
    };
    page.text(format!("{} like {}: {few}", count(names.len(), "more node"), fold.shown.name()));
    page.raw("</summary>\n");
    for block in &fold.behind {
        draw(block, axis, page);
    }
    page.raw("</details>\n");
}

/// Draws a node with its mounts.
fn draw(block: &Block<'_>, axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<div class=\"row\"><ul class=\"names\">");
    for bar in block.bars {
        let name = bar.subject.to_string();
        match &bar.subject {
            Subject::Mount(key) => {
                page.leaf("li", &[("class", "mount"), ("title", &name)], key.mount.as_str());
            }
            Subject::Node(_) | Subject::Cluster | Subject::Stranger(_) => {
                page.leaf("li", &[("title", &name)], &name);
            }
        }
    }
    let height = (block.bars.len() * ROW).to_string();
    let label = format!("{} and its mounts through time", block.name());
    page.raw("</ul>");
    page.begin(
        "svg",
        &[("class", "bars"), ("height", &height), ("role", "img"), ("aria-label", &label)],
    );
    for tick in axis.ticks() {
        let place = percent(tick.place);
        page.empty("line", &[("class", "tick"), ("x1", &place), ("x2", &place), ("y2", &height)]);
    }
    end_line(&height, axis, page);
    for (at, bar) in block.bars.iter().enumerate() {
        one(bar, at * ROW, axis, page);
    }
    page.raw("</svg></div>\n");
}

/// Draws one bar: its stretches, over them what held it, then words, and below it a mark for each request.
fn one(bar: &Bar, top: usize, axis: &Axis<'_>, page: &mut Markup) {
    let mut words: Vec<(&'static str, &str, f64, f64)> = Vec::new();
    if bar.stretches.is_empty() {
        let title = format!("{}: it did not change in this run", bar.subject);
        piece("quiet", &title, (0.0, 100.0), (top + 3, "14"), page);
        words.push(("quiet", "did not change", 0.0, 100.0));
    }
    for stretch in &bar.stretches {
        let (from, to) = (axis.place(stretch.from), axis.left_until(stretch.to));
        let kind = kind_of(&stretch.state);
        piece(kind, &title(bar, stretch, axis), (from, to), (top + 3, "14"), page);
        words.push((kind, &stretch.state, from, to));
    }
    for hatch in &bar.hatches {
        let ends = (axis.place(hatch.from), axis.left_until(hatch.to));
        piece("held", &held_title(bar, hatch, axis), ends, (top + 1, "18"), page);
    }
    let y = (top + 14).to_string();
    for (kind, word, from, to) in words {
        if let Some(class) = room(kind, letters(word), to - from) {
            page.leaf(
                "text",
                &[("class", class), ("x", &percent(from)), ("dx", "5"), ("y", &y)],
                word,
            );
        }
    }
    for hatch in &bar.hatches {
        let (from, to) = (axis.place(hatch.from), axis.left_until(hatch.to));
        let word = format!("held[{}]", hatch.code);
        // The word of the state may stand at the beginning of the same stretch.
        if let Some(class) = room("held", letters(&word) + 110.0, to - from) {
            page.leaf(
                "text",
                &[("class", class), ("x", &percent(to)), ("dx", "-6"), ("y", &y)],
                word,
            );
        }
    }
    for mark in &bar.marks {
        one_mark(bar, mark, top, axis, page);
    }
}

fn one_mark(bar: &Bar, mark: &Mark, top: usize, axis: &Axis<'_>, page: &mut Markup) {
    let place = percent(axis.place(mark.at));
    let came = match (mark.answered_at, &mark.error) {
        (Some(at), Some(error)) => format!("failed after {}: {error}", precise(at.since(mark.at))),
        (Some(at), None) => format!("answered after {}", precise(at.since(mark.at))),
        (None, _) => "no answer recorded".to_owned(),
    };
    let title = format!("{} {}: {}, {came}", axis.words(mark.at), bar.subject, mark.name);
    if mark.error.is_some() {
        let y = (top + ROW + 1).to_string();
        page.begin("text", &[("class", "cross"), ("x", &place), ("y", &y)]);
        page.raw("\u{d7}");
        page.leaf("title", &[], title);
        page.end("text");
    } else {
        let (y1, y2) = ((top + 17).to_string(), (top + ROW).to_string());
        let ends = [("x1", place.as_str()), ("x2", &place), ("y1", &y1), ("y2", &y2)];
        page.begin("line", &[&[("class", "mark")], ends.as_slice()].concat());
        page.leaf("title", &[], title);
        page.end("line");
    }
}

/// Draws a piece of a bar, from one place to another, at some height and so high.
fn piece(
    kind: &'static str,
    title: &str,
    (from, to): (f64, f64),
    (y, height): (usize, &str),
    page: &mut Markup,
) {
    let (x, width, y) = (percent(from), percent(to - from), y.to_string());
    let box_ = [("x", x.as_str()), ("y", &y), ("width", &width), ("height", height)];
    page.begin("rect", &[&[("class", kind)], box_.as_slice()].concat());
    page.leaf("title", &[], title);
    page.end("rect");
}

/// Returns the class of a word in a piece of a bar; `None` where no page has room for it.
fn room(kind: &'static str, pixels: f64, percent: f64) -> Option<&'static str> {
    let share = percent / 100.0;
    if share * NARROW >= pixels {
        return Some(kind);
    }
    (share * WIDE >= pixels).then_some(match kind {
        "up" => "up wide",
        "there" => "there wide",
        "moving" => "moving wide",
        "gone" => "gone wide",
        "quiet" => "quiet wide",
        "held" => "held wide",
        _ => "bad wide",
    })
}

/// Returns how wide a word is. Unit: pixels.
fn letters(word: &str) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a word is short")]
    let letters = word.chars().count() as f64;
    letters * LETTER + 8.0
}

fn held_title(bar: &Bar, hatch: &Hatch, axis: &Axis<'_>) -> String {
    let during = during(hatch.from, hatch.to, axis);
    format!("{}: held[{}] {during}: {}", bar.subject, hatch.code, hatch.what)
}

fn title(bar: &Bar, stretch: &Stretch, axis: &Axis<'_>) -> String {
    let note =
        stretch.note.as_deref().map_or_else(String::new, |note| format!("; {}", in_words(note)));
    let id = stretch.id.as_deref().filter(|id| !note.contains(*id));
    let id = id.map_or_else(String::new, |id| format!("; {id}"));
    let during = during(stretch.from, stretch.to, axis);
    format!("{}: {} {during}{id}{note}", bar.subject, stretch.state)
}

/// Writes from when to when something was so, and for how long.
fn during(from: Timestamp, to: Timestamp, axis: &Axis<'_>) -> String {
    format!("{} to {} ({})", axis.words(from), axis.words(to), span(to.since(from)))
}

/// Returns how a state is drawn.
///
/// States are the provider's own words: one that nobody here knows needs somebody.
pub(super) fn kind_of(state: &str) -> &'static str {
    match state {
        "running" | "mounted" => "up",
        "available" | "attached" | "in-use" | "stopped" => "there",
        "pending" | "creating" | "attaching" | "detaching" | "detached" | "stopping"
        | "shutting-down" | "deleting" | "busy" => "moving",
        "away" | "terminated" | "deleted" => "gone",
        _ => "bad",
    }
}

fn percent(share: f64) -> String {
    format!("{share:.2}%")
}

/// Writes a span as tables have it: with a tenth of a second where it is short.
pub(super) fn precise(time: std::time::Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis @ 1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => span(time),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::look::Look;
    use super::*;
    use crate::report::testing::Journal;

    #[test]
    fn a_timeline_has_a_bar_for_each_node_and_mount() {
        let report = Journal::put_away().report();
        let look = Look::plain(80);
        let mut page = Markup::default();
        write(&report, &Axis::new(report.began, report.until, &look), &mut page);
        insta::assert_snapshot!(page.finish());
    }

    #[test]
    fn a_state_that_nobody_here_knows_is_not_drawn_as_if_it_were_well() {
        assert_eq!(
            (kind_of("running"), kind_of("impaired"), kind_of("conflict")),
            ("up", "bad", "bad")
        );
    }

    #[test]
    fn short_spans_are_told_precisely() {
        let told = |millis| precise(Duration::from_millis(millis));
        assert_eq!(
            (told(7), told(1_250), told(78_000)),
            ("7 ms".into(), "1.2 s".into(), "1m 18s".into())
        );
    }
}

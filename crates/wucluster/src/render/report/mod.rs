//! A report as a page: one file of HTML that needs nothing beside it, no script, and no network.

mod alike;
mod axis;
mod events;
mod markup;
mod tables;
mod timeline;

use wucluster_engine::EngineEvent;

use self::axis::Axis;
pub(crate) use self::events::what;
use self::markup::Markup;
use super::look::Look;
use super::words::{count, moment, span};
use crate::fault::Fault;
use crate::report::{Report, Standing};

/// How each report begins: by this we know a file as one that may be written anew.
pub(crate) const MARKER: &str = "<!DOCTYPE html>\n<!-- wucluster/report/";

/// The rest of the beginning. Nothing may run in a page, whatever gets into it.
const BEGINNING: &str = "\
1: made from a run's journal; `wucluster report` writes it anew -->\n\
<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";

const STYLE: &str = concat!("<style>\n", include_str!("style.css"), "</style>\n");

/// Writes the page of a run.
///
/// # Errors
/// When an event cannot be written as JSON.
pub(crate) fn page(report: &Report, events: &[EngineEvent], look: &Look) -> Result<String, Fault> {
    let mut page = Markup::default();
    let axis = Axis::new(report.began, report.until, look);
    page.raw(MARKER);
    page.raw(BEGINNING);
    page.leaf("title", &[], format!("{} run {}", report.cluster, report.run));
    page.raw("\n");
    page.raw(STYLE);
    page.raw("</head>\n<body>\n");
    page.raw(timeline::PATTERNS);
    head(report, look, &mut page);
    timeline::write(report, &axis, &mut page);
    tables::requests(report, &mut page);
    tables::holds(report, &axis, &mut page);
    tables::ledger(report, &axis, &mut page);
    events::write(events, &axis, &mut page);
    journal(report, events, &mut page)?;
    page.raw("</body>\n</html>\n");
    Ok(page.finish())
}

fn head(report: &Report, look: &Look, page: &mut Markup) {
    page.raw("<header>\n");
    let ended = match (report.standing, &report.outcome) {
        (Standing::Ended, Some(outcome)) => outcome.clone(),
        (Standing::Ended | Standing::NoEnd, _) => "no end recorded".to_owned(),
        (Standing::GoesOn, _) => "goes on".to_owned(),
    };
    let Report { cluster, run, command, .. } = report;
    page.leaf("h1", &[], format!("{cluster}, run {run}: {command}, {ended}"));
    if let Some(damage) = &report.damage {
        page.raw("<p class=\"warning\" id=\"damage\">");
        page.text(format!(
            "The rest of this run's journal cannot be read: {damage}. What follows ends there."
        ));
        page.raw("</p>\n");
    }
    page.raw("<dl class=\"head\">");
    let mut fact = |word: &str, text: String| {
        page.leaf("dt", &[], word);
        page.leaf("dd", &[], text);
    };
    fact("demand", report.demand.map_or_else(|| "none".to_owned(), |demand| demand.to_string()));
    fact("outcome", outcome(report, &ended));
    let took = span(report.until.since(report.began));
    let (began, until) = (moment(report.began, look), moment(report.until, look));
    fact(
        "when",
        match report.standing {
            Standing::Ended => format!("{began} to {until}, {took}"),
            Standing::GoesOn | Standing::NoEnd => {
                format!("from {began}; last heard of {until}, {took} later")
            }
        },
    );
    fact("by", report.by.clone());
    if let Some(took_over) = &report.took_over {
        fact("before", took_over.clone());
    }
    fact("requests", requests(report));
    let zone = look.zone.iana_name().unwrap_or("the zone of the machine that wrote this");
    fact("times", format!("in {zone}"));
    page.raw("</dl>\n</header>\n");
}

fn outcome(report: &Report, ended: &str) -> String {
    match report.standing {
        Standing::Ended => ended.to_owned(),
        Standing::GoesOn => "it may go on: whoever drives was not seen to be gone".to_owned(),
        Standing::NoEnd => "no end recorded: it was ended from outside. What has no answer may have come about all the same".to_owned(),
    }
}

fn requests(report: &Report) -> String {
    let made = report.requests_made.map_or_else(
        || "how many in all is not recorded".to_owned(),
        |made| {
            format!(
                "{} made, looks included",
                count(usize::try_from(made).unwrap_or(usize::MAX), "request")
            )
        },
    );
    let looks = match report.looks_failed {
        0 => String::new(),
        failed => format!("; {} failed", count(failed, "look")),
    };
    let refused = match (report.failed, report.throttled) {
        (0, _) => "none failed".to_owned(),
        (failed, 0) => format!("{failed} failed, none of them for being too many"),
        (failed, throttled) => format!("{failed} failed, {throttled} of them for being too many"),
    };
    format!("{made}; {refused}{looks}")
}

/// Writes the journal as it is, an event each line.
fn journal(report: &Report, events: &[EngineEvent], page: &mut Markup) -> Result<(), Fault> {
    page.raw("<section id=\"raw\">\n<h2>Journal</h2>\n<p class=\"note\">");
    page.text(format!(
        "This file holds the journal, an event as JSON each line, in its element `script id=\"journal\"`. `wucluster log {} --json` \
         prints the same lines.",
        report.run
    ));
    page.raw("</p>\n<script type=\"application/json\" id=\"journal\">\n");
    for event in events {
        let line = serde_json::to_string(event)
            .map_err(|error| Fault::failed(format!("cannot write JSON: {error}")))?;
        page.json_line(&line);
    }
    page.raw("</script>\n</section>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use wucluster_engine::store::journal::Damage;

    use super::*;
    use crate::report::testing::Journal;

    fn page_of(journal: &Journal) -> String {
        page(&journal.report(), &journal.events, &Look::plain(80)).unwrap()
    }

    #[test]
    fn a_page_tells_the_run_and_holds_its_journal() {
        let journal = Journal::put_away();
        let text = page_of(&journal);
        assert!(text.starts_with(MARKER));
        let (_, embedded) = text.split_once("id=\"journal\">\n").unwrap();
        let (embedded, _) = embedded.split_once("</script>").unwrap();
        let events: Vec<EngineEvent> =
            embedded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events, journal.events);
        // The style has a golden of its own: itself.
        let (before, rest) = text.split_once("<style>").unwrap();
        let (_, rest) = rest.split_once("</style>").unwrap();
        let (after, _) = rest.split_once("<section id=\"events\">").unwrap();
        insta::assert_snapshot!(format!("{before}{after}"));
    }

    #[test]
    fn nothing_that_others_say_becomes_markup() {
        let journal =
            Journal { who: "<img src=x>@mill\u{1b}[31m".to_owned(), ..Journal::put_away() };
        let text = page_of(&journal);
        assert!(text.contains("&lt;img src=x&gt;@mill"), "{text}");
        for markup in ["<b>", "<img", "<script>", "\u{1b}"] {
            assert!(!text.contains(markup), "{markup}");
        }
        assert_eq!(text.matches("<script").count(), 1);
        assert_eq!(text.matches("</script").count(), 1);
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let text = page_of(&Journal::put_away());
        for link in ["http://", "https://", "src=", "href=", "@import"] {
            assert!(!text.contains(link), "{link}");
        }
    }

    #[test]
    fn damage_is_told_and_not_hidden() {
        let whole = page_of(&Journal::put_away());
        assert!(!whole.contains("id=\"damage\""));
        let damage = Damage::Broken { run: 7, seq: 3, why: "it is not whole".to_owned() };
        let text = page_of(&Journal { damage: Some(damage), end: None, ..Journal::put_away() });
        assert!(text.contains("cannot be read: batch 3 of run 7: it is not whole"), "{text}");
        assert!(text.contains("no end recorded: it was ended from outside"), "{text}");
    }
}

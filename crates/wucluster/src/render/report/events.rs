//! All events of a run in words.

use wucluster_core::ids::Subject;
use wucluster_engine::{EngineEvent, EventKind, Fact};

use super::super::tree::in_words;
use super::super::words::count;
use super::axis::Axis;
use super::markup::Markup;
use crate::history::subject_of;

/// Writes all events, folded.
pub(super) fn write(events: &[EngineEvent], axis: &Axis<'_>, page: &mut Markup) {
    page.raw("<section id=\"events\">\n<h2>Events</h2>\n<details><summary>");
    page.text(count(events.len(), "event"));
    page.raw("</summary>\n<div class=\"scroll\"><table>\n<thead><tr><th>When</th><th>who</th><th>what</th></tr></thead>\n<tbody>\n");
    for event in events {
        page.raw("<tr>");
        page.leaf("td", &[], axis.words(event.at));
        page.leaf("td", &[], who(&event.kind));
        page.leaf("td", &[], what(&event.kind));
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n</details>\n</section>\n");
}

/// Returns whom an event is about, in words.
fn who(kind: &EventKind) -> String {
    let subject = match kind {
        EventKind::Recorded(fact) => of_fact(fact),
        EventKind::DataSeen { mount, .. } => Some(Subject::Mount(mount.clone())),
        other => subject_of(other).cloned(),
    };
    subject.map_or_else(String::new, |subject| subject.to_string())
}

fn of_fact(fact: &Fact) -> Option<Subject> {
    match fact {
        Fact::Intended { subject, .. }
        | Fact::Renounced { subject }
        | Fact::Made { subject, .. }
        | Fact::Refused { subject }
        | Fact::Open { subject, .. }
        | Fact::Heard { subject, .. }
        | Fact::Settled { subject, .. }
        | Fact::Lives { subject, .. }
        | Fact::Renaming { to: subject, .. }
        | Fact::Renamed { to: subject, .. } => Some(subject.clone()),
        Fact::Attached { mount, .. }
        | Fact::Sealing { mount, .. }
        | Fact::Strange { mount, .. }
        | Fact::DataSeen { mount, .. } => Some(Subject::Mount(mount.clone())),
        Fact::Ended { .. }
        | Fact::Vanished { .. }
        | Fact::LetGo { .. }
        | Fact::Doubted { .. }
        | Fact::Began { .. }
        | Fact::Looked
        | Fact::NodeAnswered { .. } => None,
    }
}

/// Writes an event in words, without its subject.
pub(crate) fn what(kind: &EventKind) -> String {
    match kind {
        EventKind::Started { cluster, demand, only } => {
            let parts = if only.is_empty() {
                String::new()
            } else {
                format!(", of it {}", only.join(", "))
            };
            format!("a drive of {cluster}{parts} to {demand} begins")
        }
        EventKind::Planned(progress) => {
            let (there, all) = progress.there();
            format!("planned: {there} of {all} there")
        }
        EventKind::Changed { from, to, id, note, .. } => {
            let note =
                note.as_deref().map_or_else(String::new, |note| format!("; {}", in_words(note)));
            let id = id.as_deref().filter(|id| !note.contains(*id));
            let id = id.map_or_else(String::new, |id| format!("; {id}"));
            format!("{from} -> {to}{id}{note}")
        }
        EventKind::Asked { action, .. } => format!("asked to {action}"),
        EventKind::Answered { name, made: Some(made), .. } => format!("{name} made {made}"),
        EventKind::Answered { name, made: None, .. } => format!("{name} was answered"),
        EventKind::Failed { name, error, times, .. } => {
            format!("{name} failed, {times} in a row: {error}")
        }
        EventKind::PassedOver { hook, output, .. } => {
            format!("`{hook}` said no, which does not block: {output}")
        }
        EventKind::LookFailed { error } => format!("the cloud could not be looked at: {error}"),
        EventKind::Held(hold) => {
            format!("held[{}]: {}; {}", hold.interlock, hold.what, hold.why.join("; "))
        }
        EventKind::Released { .. } => "no longer held".to_owned(),
        EventKind::DataSeen { epoch, .. } => format!("data was seen under write epoch {epoch}"),
        EventKind::Recorded(fact) => fact_in_words(fact),
        EventKind::Carried { records, damage, .. } => {
            let damage: Vec<String> = damage.iter().map(|one| format!("; {one}")).collect();
            format!("{} left by earlier runs{}", count(records.len(), "record"), damage.concat())
        }
        EventKind::Stopping { due } => format!("no new requests; {} due", count(*due, "answer")),
        EventKind::Finished { outcome, requests } => {
            format!("the drive ends: {outcome}, {requests} requests, looks included")
        }
    }
}

fn fact_in_words(fact: &Fact) -> String {
    let words = match fact {
        Fact::Intended { request, .. } => format!("it is about to be asked to {request}"),
        Fact::Renounced { .. } => "what is made next is another one".to_owned(),
        Fact::Made { made, .. } => format!("last made: {}", made.request),
        Fact::Refused { .. } => "the creation was refused: it made nothing".to_owned(),
        Fact::Open { request, .. } => format!("from here on this may come: {request}"),
        Fact::Heard { request, .. } => format!("the last try was answered: {request}"),
        Fact::Settled { request, .. } => format!("this comes no more: {request}"),
        Fact::Lives { id, .. } => format!("{id} lives"),
        Fact::Renaming { from, .. } => format!("what was {from} is about to have this name"),
        Fact::Renamed { from, .. } => format!("all that was {from} has this name"),
        Fact::Ended { id } => format!("{id} was seen to end"),
        Fact::Vanished { id } => format!("{id} was not seen for so long that it counts as gone"),
        Fact::Attached { volume, instance, .. } => {
            format!("{volume} was seen attached to {instance}")
        }
        Fact::LetGo { volume } => format!("{volume} is attached no more"),
        Fact::Doubted { .. } => {
            "nothing was recorded before: looks are doubted for a while".to_owned()
        }
        Fact::Began { .. } => "a drive begins to keep records".to_owned(),
        Fact::Looked => "a look showed nothing new".to_owned(),
        Fact::Sealing { epoch, .. } => format!("write epoch {epoch} is about to be sealed"),
        Fact::Strange { volume, .. } => format!("{volume} was made blank, and something is on it"),
        Fact::NodeAnswered { instance } => format!("{instance} answers"),
        Fact::DataSeen { epoch, .. } => format!("data was seen under write epoch {epoch}"),
    };
    format!("recorded: {words}")
}

#[cfg(test)]
mod tests {
    use super::super::super::look::Look;
    use super::*;
    use crate::report::testing::Journal;

    #[test]
    fn every_event_has_its_line() {
        let journal = Journal::put_away();
        let report = journal.report();
        let look = Look::plain(80);
        let mut page = Markup::default();
        write(&journal.events, &Axis::new(report.began, report.until, &look), &mut page);
        let text = page.finish();
        assert_eq!(text.matches("<tr><td").count(), journal.events.len());
        assert!(journal.events.iter().all(|event| !what(&event.kind).is_empty()));
        assert!(text.contains("recorded: vol-1 was seen to end"), "{text}");
        assert!(text.contains("&lt;b&gt;target&lt;/b&gt; is busy</td>"), "{text}");
    }
}

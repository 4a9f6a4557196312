//! A drive as lines: one for each change, as logs like it.

use std::time::Duration;

use wucluster_core::action::{Action, CloudAction, ShellAction};
use wucluster_core::plan::Row;
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind, Progress};

use super::look::Look;
use super::text::{clean, pad};
use super::tree::in_words;
use super::words::{clock, count, span};

/// Widest name that others are lined up with. Unit: columns.
const NAME_WIDTH: usize = 20;

/// What the lines of a drive have in common.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The number of the run.
    pub(crate) run: u64,
    /// Whether requests are told too.
    pub(crate) is_verbose: bool,
}

impl Lines {
    /// Writes the first line, once it is known where everything is.
    pub(crate) fn first(
        &self,
        at: Timestamp,
        demand: impl std::fmt::Display,
        progress: &Progress,
        look: &Look,
    ) -> String {
        let (there, all) = progress.there();
        format!(
            "{} {} run {} -> {demand}: {}, {there} there",
            clock(at, look),
            self.cluster,
            self.run,
            count(all, "thing"),
        )
    }

    /// Writes an event; `None` when it changes nothing that a person waits for.
    pub(crate) fn event(&self, event: &EngineEvent, look: &Look) -> Option<String> {
        let line = |name: &str, text: &str| {
            let text = clean(text);
            format!("{} {}  {text}", clock(event.at, look), pad(&clean(name), NAME_WIDTH))
                .trim_end()
                .to_owned()
        };
        match &event.kind {
            EventKind::Changed { subject, from, to, id, note } => {
                let more = match (note, id) {
                    (Some(note), _) => in_words(note),
                    (None, Some(id)) => id.clone(),
                    (None, None) => String::new(),
                };
                let text = format!("{} -> {}  {more}", pad(from, 10), pad(to, 10));
                Some(line(&subject.to_string(), &text))
            }
            EventKind::Failed { subject, name, error, times } => {
                let tries = if *times > 1 { format!(" ({times} times)") } else { String::new() };
                Some(line(&subject.to_string(), &format!("{name} failed{tries}: {error}")))
            }
            EventKind::PassedOver { subject, hook, output } => Some(line(
                &subject.to_string(),
                &format!("`{hook}` says no, which does not block: {output}"),
            )),
            EventKind::LookFailed { error } => {
                Some(line("look", &format!("the cloud cannot be looked at: {error}")))
            }
            EventKind::Held(hold) => Some(line(
                &hold.subject.to_string(),
                &format!("held[{}]: {}; {}", hold.interlock, hold.what, hold.why.join("; ")),
            )),
            EventKind::Released { subject } => Some(line(&subject.to_string(), "no longer held")),
            EventKind::Stopping { due } => {
                Some(line("stopping", &format!("no new requests; {}", due_answers(*due))))
            }
            // It changes no state, and somebody asked for it.
            EventKind::Asked { subject, action, .. } if is_growth(action) && !self.is_verbose => {
                let text = match action {
                    Action::Cloud(CloudAction::GrowVolume { size, .. }) => {
                        format!("its volume grows to {size}")
                    }
                    _ => "its file system grows with it".to_owned(),
                };
                Some(line(&subject.to_string(), &text))
            }
            EventKind::Asked { subject, action, .. } if self.is_verbose => {
                Some(line(&subject.to_string(), &format!("asks to {action}")))
            }
            EventKind::Answered { subject, name, made } if self.is_verbose => {
                let made = made.as_ref().map_or_else(String::new, |id| format!(": {id}"));
                Some(line(&subject.to_string(), &format!("{name} is answered{made}")))
            }
            EventKind::Started { .. }
            | EventKind::Planned(_)
            | EventKind::Asked { .. }
            | EventKind::Answered { .. }
            | EventKind::DataSeen { .. }
            | EventKind::Recorded(_)
            | EventKind::Carried { .. }
            | EventKind::Finished { .. } => None,
        }
    }

    /// Writes a sign of life, naming what is waited for.
    pub(crate) fn heartbeat(&self, at: Timestamp, progress: &Progress, look: &Look) -> String {
        let (there, all) = progress.there();
        let held = progress.rows.iter().filter(|row| row.is_held).count();
        let moving =
            all - there - progress.rows.iter().filter(|row| row.is_held && !row.is_there).count();
        let requests = usize::try_from(progress.requests).unwrap_or(usize::MAX);
        let waits =
            progress.rows.iter().find(|row| is_moving(row)).map_or_else(String::new, |row| {
                let note = row.note.as_deref().map_or_else(|| row.state.clone(), in_words);
                format!("; {}: {note}", row.subject)
            });
        clean(&format!(
            "{} {}  {there} of {all} there, {moving} moving, {held} held, {}{waits}",
            clock(at, look),
            pad("...", NAME_WIDTH),
            count(requests, "request"),
        ))
    }

    /// Writes the last line.
    pub(crate) fn last(
        &self,
        at: Timestamp,
        word: &str,
        progress: Option<&Progress>,
        took: Duration,
        look: &Look,
    ) -> String {
        let far = progress.map_or_else(String::new, |progress| {
            let (there, all) = progress.there();
            let requests = usize::try_from(progress.requests).unwrap_or(usize::MAX);
            // What has left the definition is nowhere any more once it is away.
            let there = if all == 0 { String::new() } else { format!("{there} of {all} there, ") };
            format!(": {there}{}, {}", span(took), count(requests, "request"))
        });
        format!("{} {} run {} {word}{far}", clock(at, look), self.cluster, self.run)
    }
}

fn is_growth(action: &Action) -> bool {
    matches!(
        action,
        Action::Cloud(CloudAction::GrowVolume { .. })
            | Action::Shell(ShellAction::GrowFilesystem { .. })
    )
}

/// Says how many answers are still to come.
pub(crate) fn due_answers(due: usize) -> String {
    match due {
        0 => "no answer is due".to_owned(),
        1 => "1 answer is due, 10s at most".to_owned(),
        due => format!("{due} answers are due, 10s at most"),
    }
}

/// Says whether a row waits for something other than its own node or mounts.
fn is_moving(row: &Row) -> bool {
    let waits = row.note.as_deref().is_some_and(|note| note.contains("waits for"));
    !row.is_there && !row.is_held && !waits
}

#[cfg(test)]
mod tests {
    use super::super::fold::tests::row;
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_795_430_527_000 + millis)
    }

    #[test]
    fn a_drive_reads_as_a_log() {
        let look = Look::plain(100);
        let lines = Lines { cluster: "gibbon".into(), run: 42, is_verbose: false };
        let worker = row("worker-3", "pending", "launched", "boots; ssh does not answer yet");
        let rows = vec![row("chief", "running", "running", ""), worker.clone()];
        let progress = Progress { rows, holds: Vec::new(), requests: 9 };
        let event = |kind| EngineEvent { at: at(1000), kind };
        let changed = event(EventKind::Changed {
            subject: worker.subject.clone(),
            from: "away".into(),
            to: "pending".into(),
            id: worker.id.clone(),
            note: worker.note.clone(),
        });
        let failed = event(EventKind::Failed {
            subject: worker.subject.clone(),
            name: "AttachVolume".into(),
            error: "IncorrectState: no\u{1b}]0;x\u{7}".into(),
            times: 2,
        });
        let text = [
            lines.first(at(0), "launched", &progress, &look),
            lines.event(&changed, &look).unwrap(),
            lines.event(&failed, &look).unwrap(),
            lines.heartbeat(at(31_000), &progress, &look),
            lines.last(at(115_000), "launched", Some(&progress), Duration::from_secs(115), &look),
        ]
        .join("\n");
        insta::assert_snapshot!(text, @r"
        10:42:07 gibbon run 42 -> launched: 2 things, 1 there
        10:42:08 worker-3              away       -> pending     boots; ssh does not answer yet
        10:42:08 worker-3              AttachVolume failed (2 times): IncorrectState: no]0;x
        10:42:38 ...                   1 of 2 there, 1 moving, 0 held, 9 requests; worker-3: boots; ssh does not answer yet
        10:44:02 gibbon run 42 launched: 1 of 2 there, 1m 55s, 9 requests
        ");
    }
}

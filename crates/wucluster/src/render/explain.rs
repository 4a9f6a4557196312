//! Everything about one node or mount: the screen of `explain`.

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{MountKey, NodeName, Subject};
use wucluster_core::interlock::Hold;
use wucluster_core::memory::Candidate;
use wucluster_core::observation::{
    FilesystemState, Holder, MountObservation, NodeObservation, Observation, Observed, VolumeSeen,
};
use wucluster_core::plan::Plan;
use wucluster_core::planner::differences;
use wucluster_core::tags::ContentMark;
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind};

use super::hold::hold;
use super::look::{Look, Tone};
use super::report::what;
use super::snapshot_list;
use super::text::{clean, wrap};
use super::tree::in_words;
use super::words::{ago, count, date, moment};
use crate::forecast::{Firsts, machine};

/// Width of the column of words at the left.
const INDENT: usize = 15;

/// Everything that the screen shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subjects<'a> {
    /// The definition.
    pub(crate) definition: &'a ClusterDefinition,
    /// What was seen.
    pub(crate) observation: &'a Observation,
    /// The plan for the last demand, if there was one.
    pub(crate) plan: Option<&'a Plan>,
    /// What happened last, with the numbers of the runs.
    pub(crate) events: &'a [(u64, EngineEvent)],
    /// Now.
    pub(crate) now: Timestamp,
}

/// A screen being written: words at the left, facts at the right.
struct Page<'a> {
    look: &'a Look,
    out: String,
}

impl Page<'_> {
    fn title(&mut self, text: &str) {
        self.out.push_str(&self.look.paint(Tone::Strong, &clean(text)));
        self.out.push('\n');
    }

    fn fact(&mut self, word: &str, text: impl AsRef<str>) {
        let mut word = word;
        let columns = self.look.width.saturating_sub(INDENT).max(30);
        for line in wrap(&clean(text.as_ref()), columns) {
            let head = format!("  {word:<width$}", width = INDENT - 2);
            self.out.push_str(&self.look.paint(Tone::Dim, &head));
            self.out.push_str(&line);
            self.out.push('\n');
            word = "";
        }
    }
}

/// Writes the screen of a node.
pub(crate) fn node(name: &NodeName, about: &Subjects<'_>, look: &Look) -> String {
    let mut page = Page { look, out: String::new() };
    page.title(&format!("{name}, a node of {}", about.definition.name));
    match about.definition.nodes.get(name) {
        Some(defined) => {
            page.fact(
                "definition",
                match machine(&defined.machine, &defined.other_types) {
                    Some(machine) => format!("line {}: {machine}", defined.line),
                    None => format!("line {}", defined.line),
                },
            );
        }
        None => {
            page.fact("definition", "not in it: put-away takes it away, launch leaves it alone");
        }
    }
    if let Some(seen) = about.observation.node(name) {
        cloud_of_node(seen, about, &mut page);
        answers_of_node(seen, about, &mut page);
    }
    for mount in about.observation.mounts.iter().filter(|mount| mount.key.node == *name) {
        page.fact("mount", format!("{}: {}", mount.key, mount.word()));
    }
    ending(&Subject::Node(name.clone()), about, page)
}

fn cloud_of_node(seen: &NodeObservation, about: &Subjects<'_>, page: &mut Page<'_>) {
    let read = ago(about.observation.cloud_asked_at, about.now);
    if seen.instances.is_empty() {
        page.fact("cloud", format!("no instance (read {read})"));
    }
    for instance in &seen.instances {
        page.fact("cloud", format!("{} is {} (read {read})", instance.id, instance.state));
        if let Some(reason) = &instance.state_reason {
            page.fact("", format!("because: {reason}"));
        }
        // Which of those that were tried it came to be.
        if about.definition.leaves_choice(&seen.name) {
            let candidate = Candidate {
                zone: instance.zone.clone(),
                instance_type: instance.instance_type.clone(),
            };
            page.fact("runs as", candidate.to_string());
        }
        if let Some(at) = instance.launched_at {
            page.fact("launched", format!("{}, {}", date(at, page.look), ago(at, about.now)));
        }
        if let Some(address) = &instance.address {
            page.fact("address", address);
        }
        if let Some(ssh) = &instance.ssh {
            let pinned =
                if ssh.host_key.is_some() { "host key vouched for" } else { "no host key known" };
            page.fact("ssh", format!("{}@{}:{}, {pinned}", ssh.user, ssh.host, ssh.port));
        }
    }
    for gone in &seen.terminated {
        page.fact("before it", format!("{} is {}", gone.id, gone.state));
    }
}

fn answers_of_node(seen: &NodeObservation, about: &Subjects<'_>, page: &mut Page<'_>) {
    let asked = seen.probed_at.map_or_else(String::new, |at| format!(" ({})", ago(at, about.now)));
    match &seen.probe {
        Observed::Absent => page.fact("node", "nothing runs, so there is nobody to ask"),
        Observed::Unknown(gap) => page.fact("node", format!("no answer: {}{asked}", gap.why)),
        Observed::Present(probe) => {
            page.fact(
                "node",
                format!("answers{asked}, {}", count(probe.devices.len(), "data device")),
            );
            for (word, results) in [("ready", &probe.ready), ("before-halt", &probe.before_halt)] {
                for result in results {
                    let says = if result.passed { "yes" } else { "no" };
                    let more = if result.output.is_empty() {
                        String::new()
                    } else {
                        format!(": {}", result.output)
                    };
                    page.fact(word, format!("`{}` says {says}{more}", result.hook.run));
                }
            }
        }
    }
}

/// Writes the screen of a mount.
pub(crate) fn mount(key: &MountKey, about: &Subjects<'_>, look: &Look) -> String {
    let mut page = Page { look, out: String::new() };
    page.title(&format!("{key}, a mount of {}", about.definition.name));
    match about.definition.mount(key) {
        Some(defined) => {
            let from =
                defined.from.as_ref().map_or_else(String::new, |from| format!(", from {from}"));
            page.fact(
                "definition",
                format!(
                    "line {}: {} {} at {}{from}",
                    defined.line, defined.size, defined.fs, defined.at
                ),
            );
        }
        None => page.fact(
            "definition",
            "not in it: put-away keeps it in a snapshot, launch leaves it alone",
        ),
    }
    if let Some(seen) = about.observation.mount(key) {
        three_facts(seen, about, &mut page);
        for volume in &seen.volumes {
            for one in differences(about.definition, about.observation, seen, volume) {
                page.fact("differs", one.what);
                if let Some(by_hand) = one.by_hand {
                    page.fact("by hand", by_hand);
                }
            }
            tags(volume, &mut page);
        }
        if seen.snapshots.is_empty() {
            page.fact("snapshots", "none");
        } else {
            let rows = snapshot_list::rows([seen]);
            page.out.push('\n');
            page.out.push_str(&snapshot_list::table(&rows, about.now, look, true).render(look));
        }
    }
    ending(&Subject::Mount(key.clone()), about, page)
}

fn three_facts(seen: &MountObservation, about: &Subjects<'_>, page: &mut Page<'_>) {
    let read = ago(about.observation.cloud_asked_at, about.now);
    if seen.volumes.is_empty() {
        page.fact("cloud", format!("no volume (read {read})"));
    }
    for volume in &seen.volumes {
        let from = volume
            .from_snapshot
            .as_ref()
            .map_or_else(|| "made blank".to_owned(), |from| format!("made from {from}"));
        page.fact(
            "cloud",
            format!("{} of {} is {}, {from} (read {read})", volume.id, volume.size, volume.state),
        );
        if let Some(at) = volume.created_at {
            page.fact("", format!("made {}, {}", date(at, page.look), ago(at, about.now)));
        }
        let mut open = volume.open_attachments().peekable();
        if open.peek().is_none() {
            page.fact("attachment", "none");
        }
        for one in open {
            let since =
                one.since.map_or_else(String::new, |at| format!(" since {}", ago(at, about.now)));
            page.fact("attachment", format!("{} to {}{since}", one.state, one.instance));
        }
    }
    let asked = about
        .observation
        .node(&seen.key.node)
        .and_then(|node| node.probed_at)
        .map_or_else(String::new, |at| format!(" (asked {})", ago(at, about.now)));
    page.fact("file system", format!("{}{asked}", filesystem(&seen.filesystem)));
    if let Observed::Present(FilesystemState::Held { holders, .. }) = &seen.filesystem {
        for holder in holders {
            page.fact("", self::holder(holder));
        }
    }
    device(seen, about, page);
}

fn filesystem(seen: &Observed<FilesystemState>) -> String {
    match seen {
        Observed::Absent => "attached to nothing that runs, so mounted nowhere".to_owned(),
        Observed::Unknown(gap) => format!("not known: {}", gap.why),
        Observed::Present(state) => match state {
            FilesystemState::NoDevice => "the node does not see the device (yet)".to_owned(),
            FilesystemState::Unmounted { contents } => {
                format!("not mounted; on the device: {contents}")
            }
            FilesystemState::Mounted { at } => format!("mounted at {at}"),
            FilesystemState::MountedElsewhere { at, why } => {
                format!("mounted at {}, not as wanted: {why}", at.join(", "))
            }
            FilesystemState::Held { why, .. } => format!("held: {why}"),
            FilesystemState::PointTaken { by, contents } => {
                format!("not mounted, its place is taken by {by}; on the device: {contents}")
            }
        },
    }
}

fn holder(holder: &Holder) -> String {
    let Holder { pid, user, command, what } = holder;
    format!("pid {pid}  {user}  {command}  {what}")
}

fn device(seen: &MountObservation, about: &Subjects<'_>, page: &mut Page<'_>) {
    let Some(volume) = seen.volume() else { return };
    let node = about.observation.node(&seen.key.node);
    let probe = node.and_then(|node| node.probe.present());
    let Some(device) = probe.and_then(|probe| probe.devices.get(&volume.id.serial())) else {
        return;
    };
    page.fact("device", format!("{} (serial {})", device.path, volume.id.serial()));
    for one in &device.holders {
        page.fact("", holder(one));
    }
}

fn tags(volume: &VolumeSeen, page: &mut Page<'_>) {
    match volume.tags.epoch() {
        None => page.fact("epoch", "cannot be read: nothing is attached or deleted without it"),
        Some(epoch) if epoch.is_sealed => page.fact(
            "epoch",
            format!(
                "{}, sealed: nothing was written since; a snapshot of it keeps everything",
                epoch.number
            ),
        ),
        Some(epoch) => page.fact(
            "epoch",
            format!(
                "{}, live: it may be written to, so older snapshots do not cover it",
                epoch.number
            ),
        ),
    }
    if let Some(generation) = volume.tags.generation() {
        page.fact("generation", format!("{generation}, of what is put away next"));
    }
    match volume.tags.content() {
        None => page.fact("content", "not recorded: treated as data"),
        Some(ContentMark::Blank) => page.fact("content", "made blank and never mounted"),
        Some(ContentMark::Data) => page.fact("content", "data"),
        Some(ContentMark::Foreign) => page.fact("content", "made blank; holds what is not ours"),
    }
    if let Some((kind, uuid)) = volume.tags.filesystem(&volume.id) {
        page.fact("", format!("{kind}, UUID {uuid}"));
    }
}

fn ending(subject: &Subject, about: &Subjects<'_>, mut page: Page<'_>) -> String {
    page.out.push('\n');
    match about.plan {
        None => page.fact("next", "nothing was demanded so far"),
        Some(plan) => {
            let (held, text) = next_step(plan, subject);
            page.fact("next", text);
            for one in held {
                page.out.push('\n');
                page.out.push_str(&hold(one, page.look));
            }
        }
    }
    if !about.events.is_empty() {
        page.out.push('\n');
        page.title("what happened last");
        for (run, event) in about.events {
            let text =
                format!("{}  run {run}  {}", moment(event.at, page.look), event_text(&event.kind));
            let columns = page.look.width.saturating_sub(4).max(30);
            for (at, line) in wrap(&clean(&text), columns).iter().enumerate() {
                page.out.push_str(if at == 0 { "  " } else { "      " });
                page.out.push_str(line);
                page.out.push('\n');
            }
        }
    }
    page.out
}

fn next_step<'a>(plan: &'a Plan, subject: &Subject) -> (Vec<&'a Hold>, String) {
    let demand = plan.demand;
    let held: Vec<&Hold> = plan
        .holds
        .iter()
        .filter(|hold| hold.subject == *subject || Some(&hold.subject) == node_of(subject).as_ref())
        .collect();
    let waits = plan.waits.iter().find(|wait| wait.subject == *subject);
    let short = plan.verdict.shortfalls().find(|short| short.subject == *subject);
    let text = match (held.is_empty(), Firsts::of(plan).say(subject), waits, short) {
        (false, _, _, _) => format!("held on its way to {demand}"),
        (true, Some(next), _, _) => format!("on its way to {demand}: {next}"),
        (true, None, Some(wait), _) => format!("on its way to {demand}: {}", wait.what),
        (true, None, None, Some(short)) => format!("not yet {demand}: {}", short.why),
        (true, None, None, None) => format!("nothing: it is where {demand} wants it"),
    };
    (held, text)
}

fn node_of(subject: &Subject) -> Option<Subject> {
    subject.node().cloned().map(Subject::Node)
}

/// Writes an event in words, without its subject.
fn event_text(kind: &EventKind) -> String {
    match kind {
        EventKind::Changed { from, to, note, .. } => {
            let note =
                note.as_ref().map_or_else(String::new, |note| format!("; {}", in_words(note)));
            format!("{from} -> {to}{note}")
        }
        EventKind::Asked { .. }
        | EventKind::Answered { .. }
        | EventKind::Failed { .. }
        | EventKind::Released { .. } => what(kind),
        EventKind::PassedOver { hook, output, .. } => {
            format!("`{hook}` said no and was passed over: {output}")
        }
        EventKind::Held(hold) => format!("held[{}]: {}", hold.interlock, hold.what),
        EventKind::Started { .. }
        | EventKind::Planned(_)
        | EventKind::LookFailed { .. }
        | EventKind::DataSeen { .. }
        | EventKind::Recorded(_)
        | EventKind::Carried { .. }
        | EventKind::Stopping { .. }
        | EventKind::Finished { .. } => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::demand::Demand;

    use super::super::super::{forecast, testing};
    use super::*;

    fn show(subject: &str, width: usize) -> String {
        let (definition, observation) = testing::mixed();
        let plan = forecast::forecast(
            &definition,
            Demand::Launched,
            &observation,
            &wucluster_core::memory::Memory::default(),
            testing::NOW,
        );
        let key = MountKey::try_from(subject.to_owned());
        let name = subject.split('/').next().unwrap();
        let name = NodeName::new(name).unwrap();
        let of = key.clone().map_or_else(|_| Subject::Node(name.clone()), Subject::Mount);
        let event = EngineEvent {
            at: testing::NOW,
            kind: EventKind::Failed {
                subject: of,
                name: "mount".into(),
                error: "wrong fs type".into(),
                times: 2,
            },
        };
        let about = Subjects {
            definition: &definition,
            observation: &observation,
            plan: Some(&plan),
            events: &[(42, event)],
            now: testing::NOW,
        };
        let look = Look::plain(width);
        match key {
            Ok(key) => mount(&key, &about, &look),
            Err(_) => node(&name, &about, &look),
        }
    }

    #[test]
    fn a_mount_is_explained_from_cloud_to_file_system() {
        insta::assert_snapshot!(show("chief/data", 100));
    }

    #[test]
    fn a_mount_that_is_away_is_explained_by_its_snapshots() {
        insta::assert_snapshot!(show("worker-2/scratch", 80));
    }

    #[test]
    fn a_silent_node_is_explained() {
        insta::assert_snapshot!(show("worker-1", 80));
    }
}

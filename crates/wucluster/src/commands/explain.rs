//! `explain`: tells everything about one node or mount.

use serde::Serialize;
use wucluster_core::ids::{MountKey, NodeName, Subject};
use wucluster_core::interlock::Hold;
use wucluster_core::observation::{NodeProbe, Observation, Observed};
use wucluster_core::planner::Ask;
use wucluster_core::time::Timestamp;
use wucluster_engine::EngineEvent;

use super::Session;
use crate::args::ExplainArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, with_sources};
use crate::forecast::forecast;
use crate::history;
use crate::render::explain::{Subjects, mount, node};
use crate::render::snapshot_list::{SnapshotRow, rows};
use crate::site::{PATIENCE, Site};

/// How many of the last events are shown.
const EVENTS: usize = 20;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    subject: &'a Subject,
    state: String,
    read_at: Timestamp,
    instances: Vec<&'a wucluster_core::observation::InstanceSeen>,
    volumes: Vec<&'a wucluster_core::observation::VolumeSeen>,
    filesystem: Option<&'a Observed<wucluster_core::observation::FilesystemState>>,
    probe: Option<&'a Observed<NodeProbe>>,
    snapshots: Vec<SnapshotRow>,
    holds: Vec<&'a Hold>,
    events: Vec<&'a EngineEvent>,
}

/// Tells everything about one node or mount.
pub(crate) async fn explain(session: &Session, args: &ExplainArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let last_run = site.lately(|text| output.warn(text)).await.last_run;
    let observation = site.look(&definition, Ask::State, PATIENCE).await?;
    let subject = subject_named(&observation, &args.subject)?;
    let now = site.now();
    let plan = match last_run {
        None => None,
        Some(run) => {
            let memory = site.remembered(|text| output.warn(text)).await;
            Some(forecast(&definition, &run, &observation, &memory, now))
        }
    };
    let events = history::about(site.store.objects().as_ref(), &subject, EVENTS).await;
    let events = events.unwrap_or_else(|error| {
        output.warn(with_sources(&error));
        Vec::new()
    });
    if output.is_json {
        let holds = plan.iter().flat_map(|plan| &plan.holds);
        let holds = holds.filter(|hold| hold.subject == subject).collect();
        let events = events.iter().map(|(_, event)| event).collect();
        output.json(&document(&subject, &observation, holds, events))?;
        return Ok(Exit::Done);
    }
    let about = Subjects {
        definition: &definition,
        observation: &observation,
        plan: plan.as_ref(),
        events: &events,
        now,
    };
    let text = match &subject {
        Subject::Mount(key) => mount(key, &about, &output.out),
        Subject::Node(name) => node(name, &about, &output.out),
        Subject::Cluster | Subject::Stranger(_) => String::new(),
    };
    output.result(&text);
    Ok(Exit::Done)
}

fn document<'a>(
    subject: &'a Subject,
    observation: &'a Observation,
    holds: Vec<&'a Hold>,
    events: Vec<&'a EngineEvent>,
) -> Document<'a> {
    let mut document = Document {
        schema: "wucluster/explain/1",
        subject,
        state: String::new(),
        read_at: observation.cloud_asked_at,
        instances: Vec::new(),
        volumes: Vec::new(),
        filesystem: None,
        probe: None,
        snapshots: Vec::new(),
        holds,
        events,
    };
    match subject {
        Subject::Node(name) => {
            if let Some(seen) = observation.node(name) {
                document.state = seen.word().to_owned();
                document.instances = seen.instances.iter().chain(&seen.terminated).collect();
                document.probe = Some(&seen.probe);
            }
        }
        Subject::Mount(key) => {
            if let Some(seen) = observation.mount(key) {
                document.state = seen.word().to_owned();
                document.volumes = seen.volumes.iter().collect();
                document.filesystem = Some(&seen.filesystem);
                document.snapshots = rows([seen]);
            }
        }
        Subject::Cluster | Subject::Stranger(_) => {}
    }
    document
}

/// Finds a node or mount by its name, defined or seen.
///
/// # Errors
/// A usage fault that lists what there is.
fn subject_named(observation: &Observation, name: &str) -> Result<Subject, Fault> {
    let mounts: Vec<&MountKey> = observation.mounts.iter().map(|mount| &mount.key).collect();
    let found = match name.split_once('/') {
        Some(_) => mounts
            .iter()
            .find(|key| key.to_string() == name)
            .map(|key| Subject::Mount((*key).clone())),
        None => NodeName::new(name)
            .ok()
            .filter(|name| observation.node(name).is_some())
            .map(Subject::Node),
    };
    found.ok_or_else(|| {
        let of_node = name.split_once('/').and_then(|(node, _)| NodeName::new(node).ok());
        let names: Vec<String> = match of_node.filter(|node| observation.node(node).is_some()) {
            Some(node) => observation
                .mounts
                .iter()
                .filter(|mount| mount.key.node == node)
                .map(|mount| mount.key.to_string())
                .collect(),
            None => observation.nodes.iter().map(|node| node.name.to_string()).collect(),
        };
        let fault = Fault::usage(format!("there is no node or mount `{name}` in this cluster"));
        if names.is_empty() { fault } else { fault.hint(format!("known are {}", names.join(", "))) }
    })
}

//! Where everything is, as `status` shows it and `--json` prints it.

mod states;

use std::collections::BTreeSet;

use serde::Serialize;
use wucluster_core::cost::{Costs, costs};
use wucluster_core::definition::{ClusterDefinition, Provider, Size};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{ClusterName, MountKey, NodeName, Subject};
use wucluster_core::interlock::Hold;
use wucluster_core::interlock::checkpoint::stands_still;
use wucluster_core::observation::{
    Contents, FilesystemState, InstanceState, MountObservation, NodeObservation, Observation,
    Observed, SnapshotSeen, Stranger,
};
use wucluster_core::plan::{Plan, Row};
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;

use crate::commands::generation::words;
use crate::commands::renamed::{self, Renaming};
use crate::forecast::Firsts;
use crate::history::{Driver, LastRun};
use crate::render::cost;
use crate::render::words::short_span;
use states::Far;

/// Version of the JSON document.
const SCHEMA: &str = "wucluster/status/1";

/// One look, told whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// Version of this document.
    pub(crate) schema: &'static str,
    /// The cluster.
    pub(crate) cluster: ClusterName,
    /// Its cloud.
    pub(crate) provider: Provider,
    /// Its zone, and the first of them if the definition names several.
    pub(crate) zone: Option<String>,
    /// The zones that are tried after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) other_zones: Vec<String>,
    /// When the cloud was asked. Unit: milliseconds since 1970, UTC.
    pub(crate) read_at: Timestamp,
    /// What the look cost.
    pub(crate) requests: u32,
    /// The named states that hold, the strongest first.
    pub(crate) holds: Vec<Demand>,
    /// The named state that least is missing to, when none holds.
    pub(crate) nearest: Option<Nearest>,
    /// How many nodes and mounts are up.
    pub(crate) up: usize,
    /// How many are neither up nor away.
    pub(crate) part_way: usize,
    /// How many are away.
    pub(crate) away: usize,
    /// The last run.
    pub(crate) last_run: Option<LastRun>,
    /// Who drives the cluster now.
    pub(crate) driver: Option<Driver>,
    /// Nodes and mounts.
    pub(crate) rows: Vec<StatusRow>,
    /// What stands against the last demand.
    pub(crate) held: Vec<Hold>,
    /// What carries the cluster's tag and fits nowhere.
    pub(crate) strangers: Vec<Stranger>,
    /// Mounts that left the definition and of which only snapshots are left.
    pub(crate) left_behind: Vec<MountKey>,
    /// What it costs an hour, now and in other states.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cost::document")]
    pub(crate) costs: Option<Costs>,
}

impl Status {
    /// Leaves out what is not about a part of the cluster.
    fn keep_only(&mut self, scope: &Scope) {
        if scope.is_whole() {
            return;
        }
        let named = |row: &StatusRow| scope.has(&row.subject());
        let nodes: BTreeSet<NodeName> =
            self.rows.iter().filter(|row| named(row)).map(|row| row.node.clone()).collect();
        self.rows.retain(|row| named(row) || !row.is_mount && nodes.contains(&row.node));
        self.strangers.clear();
        self.left_behind.retain(|key| scope.has(&Subject::Mount(key.clone())));
        self.held.retain(|hold| scope.has(&hold.subject));
    }

    fn count(&mut self) {
        let is_up = |row: &&StatusRow| match row.is_mount {
            true => row.state == "mounted",
            false => row.state == "running" && !row.is_uncertain,
        };
        self.up = self.rows.iter().filter(is_up).count();
        self.away = self.rows.iter().filter(|row| row.state == "away").count();
        self.part_way = self.rows.len() - self.up - self.away;
    }
}

/// A state that does not hold, and how much of it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Nearest {
    /// The state.
    pub(crate) state: Demand,
    /// How many nodes and mounts do not fall short of it.
    pub(crate) there: usize,
    /// How many there are.
    pub(crate) all: usize,
}

/// A node or mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StatusRow {
    /// Its name: `NODE` or `NODE/MOUNT`.
    pub(crate) name: String,
    /// Which node it is or belongs to.
    pub(crate) node: NodeName,
    /// Whether it is a mount.
    pub(crate) is_mount: bool,
    /// Whether the definition has it.
    pub(crate) is_defined: bool,
    /// Its state in a word.
    pub(crate) state: String,
    /// Whether the state may be more than the word says, as its node does not answer.
    pub(crate) is_uncertain: bool,
    /// Where the last demand wants it, when that is elsewhere.
    pub(crate) wants: Option<String>,
    /// Whether something holds it back.
    pub(crate) is_held: bool,
    /// The provider's id of its instance, its volume or its newest snapshot.
    pub(crate) id: Option<String>,
    /// The size of its volume. Unit: GiB.
    pub(crate) size_gib: Option<u32>,
    /// Since when it is so, by the provider's clock.
    pub(crate) since: Option<Timestamp>,
    /// What else is to be known, in words.
    pub(crate) note: String,
}

impl StatusRow {
    /// Returns the node or mount.
    pub(crate) fn subject(&self) -> Subject {
        match MountKey::try_from(self.name.clone()) {
            Ok(key) => Subject::Mount(key),
            Err(_) => Subject::Node(self.node.clone()),
        }
    }

    /// Says whether a person should look at it.
    pub(crate) fn is_failing(&self) -> bool {
        self.wants.is_some() || self.is_held || self.is_uncertain || !self.is_defined
    }
}

/// Puts the view of a part of the cluster together.
///
/// `plan` is the last demand's, made on this observation; without a demand so far, nothing is wanted.
pub(crate) fn status(
    definition: &ClusterDefinition,
    observation: &Observation,
    scope: &Scope,
    plan: Option<&Plan>,
    last_run: Option<LastRun>,
    driver: Option<Driver>,
    now: Timestamp,
) -> Status {
    let firsts = plan.map(Firsts::of);
    let blank = Plan {
        demand: Demand::Launched,
        scope: Scope::default(),
        verdict: Demand::Launched.verdict(definition, observation, now),
        actions: Vec::new(),
        waits: Vec::new(),
        holds: Vec::new(),
    };
    let mut rows: Vec<StatusRow> = plan
        .unwrap_or(&blank)
        .rows(definition, observation)
        .into_iter()
        .filter_map(|row| status_row(definition, observation, row, firsts.as_ref(), now))
        .collect();
    let renames = renamed::of(definition, observation);
    fold_renames(&mut rows, &renames);
    let left_behind = observation
        .mounts
        .iter()
        .filter(|mount| {
            let subject = Subject::Mount(mount.key.clone());
            !mount.is_defined
                && mount.volumes.is_empty()
                && !mount.snapshots.is_empty()
                && renames.iter().all(|one| one.from != subject)
        })
        .map(|mount| mount.key.clone())
        .collect();
    let mut status = Status {
        schema: SCHEMA,
        cluster: definition.name.clone(),
        provider: definition.provider,
        zone: definition.zone.clone(),
        other_zones: definition.other_zones.clone(),
        read_at: observation.cloud_asked_at,
        requests: observation.requests,
        holds: Vec::new(),
        nearest: None,
        up: 0,
        part_way: 0,
        away: 0,
        last_run,
        driver,
        rows,
        held: plan.map_or_else(Vec::new, |plan| plan.holds.clone()),
        strangers: observation.strangers.clone(),
        left_behind,
        costs: costs(definition, observation),
    };
    status.keep_only(scope);
    status.count();
    let far = Far { definition, observation, scope, now };
    status.holds = far.holding();
    if status.holds.is_empty() {
        let way = status.last_run.as_ref().map(|run| run.demand.is_upward());
        status.nearest = far.nearest(status.rows.len(), way);
    }
    status
}

/// Shows what the next launch renames once, under its new name.
fn fold_renames(rows: &mut Vec<StatusRow>, renames: &[Renaming]) {
    for Renaming { from, to, .. } in renames {
        let (former, new) = (from.to_string(), to.to_string());
        let Some(under) = rows.iter().position(|row| row.name == new) else { continue };
        rows[under].note = format!("{former} until the next launch");
        // What is away has no row of its own any more.
        let Some(at) = rows.iter().position(|row| row.name == former) else { continue };
        let was = rows[at].clone();
        let StatusRow { name, node, note, .. } = rows[under].clone();
        rows[under] = StatusRow { name, node, note, is_defined: true, ..was };
        rows.remove(at);
    }
}

fn status_row(
    definition: &ClusterDefinition,
    observation: &Observation,
    row: Row,
    firsts: Option<&Firsts<'_>>,
    now: Timestamp,
) -> Option<StatusRow> {
    let (node, is_mount, is_uncertain, since, note) = match &row.subject {
        Subject::Node(name) => {
            let seen = observation.node(name)?;
            let instance = seen.instances.first();
            // Since when it is in any other state, no listing tells.
            let since = instance
                .filter(|one| matches!(one.state, InstanceState::Pending | InstanceState::Running))
                .and_then(|one| one.launched_at);
            (name.clone(), false, seen.probe.gap().is_some(), since, node_note(seen))
        }
        Subject::Mount(key) => {
            let seen = observation.mount(key)?;
            let at = definition.mount(key).map(|mount| mount.at.as_str());
            let is_uncertain = seen.filesystem.gap().is_some();
            let mut note = mount_note(seen, at, now);
            if stands_still(observation, seen) {
                note.push_str(", frozen for a checkpoint");
            }
            (key.node.clone(), true, is_uncertain, mount_since(seen), note)
        }
        Subject::Cluster | Subject::Stranger(_) => return None,
    };
    let wants = row.wanted.clone().filter(|_| firsts.is_some() && !row.is_there);
    let note = match (&row.note, row.is_held, &wants) {
        (Some(held), true, _) => format!("! {held}"),
        (Some(more), false, None) if !note.is_empty() => format!("{note}; {more}"),
        (waits, false, Some(_)) if note.is_empty() => firsts
            .and_then(|firsts| firsts.say(&row.subject))
            .or_else(|| waits.clone())
            .unwrap_or_default(),
        // It is where it is wanted, and not as it is wanted.
        (waits, false, Some(wanted)) if *wanted == row.state => {
            let first = firsts.and_then(|firsts| firsts.say(&row.subject));
            match first.or_else(|| waits.clone()) {
                Some(more) => format!("{note}; {more}"),
                None => note,
            }
        }
        (_, _, _) => note,
    };
    let holders = firsts.and_then(|firsts| firsts.meets(observation, &row.subject));
    let is_held = row.is_held || holders.is_some();
    let note = holders.map_or(note, |holders| format!("! {holders}"));
    let note = match row.is_defined {
        true => note,
        false => format!("not in the definition; {note}").trim_end_matches("; ").to_owned(),
    };
    Some(StatusRow {
        name: row.subject.to_string(),
        node,
        is_mount,
        is_defined: row.is_defined,
        state: row.state,
        is_uncertain,
        wants,
        is_held,
        id: row.id,
        size_gib: row.size.map(Size::gib),
        since,
        note,
    })
}

fn node_note(node: &NodeObservation) -> String {
    if let Observed::Unknown(gap) = &node.probe {
        return format!("? {}", gap.why);
    }
    let Some(instance) = node.instances.first() else { return String::new() };
    // That it was stopped because somebody asked is what its state says.
    let is_news = |reason: &&String| !reason.starts_with("Client.UserInitiatedShutdown");
    let reason = || instance.state_reason.as_ref().filter(is_news).cloned();
    instance.address.clone().or_else(reason).unwrap_or_default()
}

fn mount_since(mount: &MountObservation) -> Option<Timestamp> {
    mount.volumes.first()?.open_attachments().next()?.since
}

/// Says whether a mount has a volume that its newest snapshot need not hold all of.
fn may_be_written(mount: &MountObservation) -> bool {
    mount.volumes.iter().any(|volume| volume.tags.epoch().is_none_or(|epoch| !epoch.is_sealed))
}

fn mount_note(mount: &MountObservation, at: Option<&str>, now: Timestamp) -> String {
    // What went back has nothing of the snapshots that were taken of others meanwhile.
    let gone_back =
        mount.volumes.first().and_then(|volume| Some((volume, volume.tags.went_back()?)));
    let of_it = |snapshot: &&SnapshotSeen| {
        gone_back.as_ref().is_none_or(|(volume, _)| snapshot.volume == volume.id)
    };
    let own: Vec<&SnapshotSeen> = mount.snapshots.iter().filter(of_it).collect();
    let newest = own.iter().filter_map(|snapshot| snapshot.started_at).max();
    let kept = match (newest, &gone_back) {
        // What is up may have been written to since.
        (Some(taken), _) if may_be_written(mount) => {
            format!("last saved {}", short_span(now.since(taken)))
        }
        (Some(taken), _) => format!("saved {} ago", short_span(now.since(taken))),
        (None, Some((_, back))) if own.is_empty() => format!("begun from {}", words(*back)),
        (None, _) if own.is_empty() => "never saved".to_owned(),
        (None, _) => "saved, it is not known when".to_owned(),
    };
    let place = match &mount.filesystem {
        Observed::Unknown(gap) => Some(format!("? {}", gap.why)),
        Observed::Absent => None,
        Observed::Present(state) => match state {
            FilesystemState::Mounted { at } => Some(at.clone()),
            FilesystemState::MountedElsewhere { at, why } => {
                Some(format!("mounted at {} ({why})", at.join(", ")))
            }
            FilesystemState::Held { why, .. } => Some(why.clone()),
            FilesystemState::PointTaken { by, .. } => {
                Some(format!("{} is taken by {by}", at.unwrap_or("its mount point")))
            }
            FilesystemState::NoDevice => Some("its device is not seen yet".to_owned()),
            FilesystemState::Unmounted { contents } => Some(match contents {
                Contents::Filesystem { kind, .. } => format!("not mounted, {kind}"),
                Contents::NotExamined
                | Contents::Blank
                | Contents::Other(_)
                | Contents::Unreadable(_) => format!("not mounted, {contents}"),
            }),
        },
    };
    match (place, mount.volumes.is_empty(), mount.snapshots.is_empty()) {
        (Some(place), _, _) => format!("{place}, {kept}"),
        (None, true, true) if !mount.checkpoints.is_empty() => {
            "only a checkpoint of it is left".to_owned()
        }
        (None, true, true) => "new: no volume, no snapshot".to_owned(),
        (None, _, _) => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, state: &str, is_defined: bool) -> StatusRow {
        let key = MountKey::try_from(name.to_owned()).unwrap();
        StatusRow {
            name: name.to_owned(),
            node: key.node,
            is_mount: true,
            is_defined,
            state: state.to_owned(),
            is_uncertain: false,
            wants: None,
            is_held: false,
            id: None,
            size_gib: None,
            since: None,
            note: "new: no volume, no snapshot".to_owned(),
        }
    }

    #[test]
    fn what_is_renamed_has_one_row_up_or_away() {
        let subject = |name: &str| Subject::Mount(MountKey::try_from(name.to_owned()).unwrap());
        let renames = [Renaming {
            from: subject("chief/data"),
            to: subject("files/homes"),
            instances: 0,
            volumes: 1,
            snapshots: 1,
            is_moved: true,
        }];
        let new = row("files/homes", "away", true);
        let up = row("chief/data", "mounted", false);
        for (mut rows, state) in [
            (vec![up.clone(), new.clone()], "mounted"),
            (vec![new.clone(), up], "mounted"),
            (vec![new], "away"),
        ] {
            fold_renames(&mut rows, &renames);
            let [one] = rows.as_slice() else { panic!("{rows:?}") };
            assert_eq!((one.name.as_str(), one.node.as_str()), ("files/homes", "files"));
            assert_eq!((one.state.as_str(), one.is_defined), (state, true));
            assert_eq!(one.note, "chief/data until the next launch");
        }
    }
}

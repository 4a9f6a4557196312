//! A plan: one wave of requests, what is waited for, what is held, and how far the demand is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::definition::{ClusterDefinition, Size};
use crate::demand::{Demand, Verdict};
use crate::ids::{NodeName, Subject};
use crate::interlock::{Cleared, Hold};
use crate::observation::{MountObservation, NodeObservation, Observation};
use crate::planner::differences;
use crate::scope::Scope;
use crate::time::Timestamp;

/// One wave: everything that can be asked for right now, and why the rest cannot.
///
/// # Guarantees
/// A plan whose verdict is not met, with no action and no wait, has a hold: never silently stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The demand that it serves.
    pub demand: Demand,
    /// Which part of the cluster the demand is about.
    pub scope: Scope,
    /// How far the demand is.
    pub verdict: Verdict,
    /// Requests, in the order of the definition; each may be issued now, all at once.
    pub actions: Vec<Cleared<Action>>,
    /// What is under way, or waits for something that is.
    pub waits: Vec<Wait>,
    /// What is refused, with evidence and remedy.
    pub holds: Vec<Hold>,
}

impl Plan {
    /// Says whether the demand holds.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.verdict.is_met()
    }

    /// Says whether nothing will move without somebody's help.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        !self.is_met() && self.actions.is_empty() && self.waits.is_empty()
    }
}

/// Something that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Who waits.
    pub subject: Subject,
    /// For what, in words: `boots; ssh does not answer yet`.
    pub what: String,
    /// What would end it.
    pub on: WaitOn,
}

/// What would end a wait.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitOn {
    /// A change that a look at the cloud would show.
    Cloud,
    /// A change that a node would tell.
    Node(NodeName),
    /// The answer to a request under way.
    Answer,
    /// A point in time.
    Time(Timestamp),
    /// Progress of others, which wait or act themselves.
    Others,
}

/// One line of a screen: a node or mount, where it is, and where the demand wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Who.
    pub subject: Subject,
    /// Whether the definition has it.
    pub is_defined: bool,
    /// Its state in a word.
    pub state: String,
    /// The state that the demand wants, in a word; `None` when the demand wants nothing of it.
    pub wanted: Option<String>,
    /// Whether it is where the demand wants it.
    pub is_there: bool,
    /// The provider's id of what stands for it: instance, volume, or newest snapshot.
    pub id: Option<String>,
    /// Size of the mount's volume or newest snapshot.
    pub size: Option<Size>,
    /// What it waits for or is held by, in words.
    pub note: Option<String>,
    /// Whether it is held.
    pub is_held: bool,
}

impl Plan {
    /// Lists a row for each node and mount that matters, mounts below their nodes, in the order of
    /// the definition; what left the definition comes last.
    #[must_use]
    pub fn rows(&self, definition: &ClusterDefinition, observation: &Observation) -> Vec<Row> {
        let mut rows = Vec::new();
        let notes = Notes::of(self);
        for node in &observation.nodes {
            let at = rows.len();
            rows.push(self.node_row(&notes, node, observation));
            let mounts = observation.mounts_of(&node.name);
            for mount in mounts.filter(|mount| mount.is_defined || !mount.volumes.is_empty()) {
                let row = self.mount_row(&notes, definition, observation, mount);
                // Where nothing moves any more, what waits for what is held is no wait of the plan.
                if row.is_held && !rows[at].is_there && !self.demand.is_upward() {
                    let note = || format!("kept up for {}", mount.key.mount);
                    rows[at].note.get_or_insert_with(note);
                }
                rows.push(row);
            }
        }
        rows
    }

    /// Lists the rows of what the demand is about: of a part, if it is about one, each mount below its node.
    #[must_use]
    pub fn rows_in_scope(
        &self,
        definition: &ClusterDefinition,
        observation: &Observation,
    ) -> Vec<Row> {
        let mut rows = self.rows(definition, observation);
        if !self.scope.is_whole() {
            let kept: BTreeSet<NodeName> = rows
                .iter()
                .filter(|row| self.scope.has(&row.subject))
                .filter_map(|row| row.subject.node().cloned())
                .collect();
            rows.retain(|row| match &row.subject {
                Subject::Node(node) => kept.contains(node),
                subject => self.scope.has(subject),
            });
        }
        rows
    }

    fn node_row(
        &self,
        notes: &Notes<'_>,
        node: &NodeObservation,
        observation: &Observation,
    ) -> Row {
        let wanted = self.scope.of_node(self.demand, node, observation);
        let wanted = wanted.and_then(|wanted| match wanted {
            Demand::Instantiated | Demand::Attached | Demand::Mounted => Some("running"),
            Demand::Launched => Some("launched"),
            Demand::Parked => Some("stopped"),
            Demand::Away => Some("away"),
            Demand::Haltable => Some("haltable"),
            Demand::Unmounted | Demand::Separated | Demand::RecentlySnapshotted => None,
        });
        notes.row(Subject::Node(node.name.clone()), node.is_defined, node.word(), wanted, |row| {
            row.id = node.instances.first().map(|instance| instance.id.to_string());
        })
    }

    fn mount_row(
        &self,
        notes: &Notes<'_>,
        definition: &ClusterDefinition,
        observation: &Observation,
        mount: &MountObservation,
    ) -> Row {
        let wanted = self.scope.of_mount(self.demand, mount);
        let wanted = wanted.map(|wanted| match wanted {
            Demand::Instantiated => "available",
            Demand::Attached => "attached",
            Demand::Mounted | Demand::Launched => "mounted",
            Demand::Unmounted => "unmounted",
            Demand::Separated | Demand::Haltable | Demand::Parked => "separated",
            Demand::RecentlySnapshotted => "snapshotted",
            Demand::Away => "away",
        });
        let volume = mount.volumes.first();
        let newest = mount.snapshots.first();
        notes.row(
            Subject::Mount(mount.key.clone()),
            mount.is_defined,
            mount.word(),
            wanted,
            |row| {
                row.id = volume
                    .map(|volume| volume.id.to_string())
                    .or_else(|| newest.map(|snapshot| snapshot.id.to_string()));
                if let (Some(volume), None) = (volume, &row.note) {
                    let told = differences(definition, observation, mount, volume);
                    let told: Vec<String> = told.into_iter().map(|one| one.what).collect();
                    row.note = (!told.is_empty()).then(|| told.join("; "));
                }
                row.size = volume
                    .map(|volume| volume.size)
                    .or_else(|| definition.mount(&mount.key).map(|defined| defined.size));
            },
        )
    }
}

/// What a plan says of each subject.
struct Notes<'a> {
    holds: BTreeMap<&'a Subject, &'a Hold>,
    waits: BTreeMap<&'a Subject, &'a Wait>,
    actions: BTreeMap<Subject, &'static str>,
    short: BTreeSet<&'a Subject>,
}

impl<'a> Notes<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            holds: plan.holds.iter().map(|hold| (&hold.subject, hold)).collect(),
            waits: plan.waits.iter().map(|wait| (&wait.subject, wait)).collect(),
            actions: plan
                .actions
                .iter()
                .map(|one| (one.action().subject(), one.action().name()))
                .collect(),
            short: plan.verdict.shortfalls().map(|shortfall| &shortfall.subject).collect(),
        }
    }

    fn row(
        &self,
        subject: Subject,
        is_defined: bool,
        state: &str,
        wanted: Option<&str>,
        fill: impl FnOnce(&mut Row),
    ) -> Row {
        let hold = self.holds.get(&subject);
        let mut row = Row {
            is_defined,
            state: state.to_owned(),
            wanted: wanted.map(str::to_owned),
            is_there: !self.short.contains(&subject),
            id: None,
            size: None,
            note: hold
                .map(|hold| hold.what.clone())
                .or_else(|| self.waits.get(&subject).map(|wait| wait.what.clone()))
                .or_else(|| self.actions.get(&subject).map(|name| (*name).to_owned())),
            is_held: hold.is_some(),
            subject,
        };
        fill(&mut row);
        row
    }
}

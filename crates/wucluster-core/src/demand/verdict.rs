//! Judging a demand on an observation.

use super::{Clause, Demand, Shortfall, Verdict};
use crate::definition::ClusterDefinition;
use crate::ids::Subject;
use crate::interlock::data;
use crate::observation::{
    AttachmentState, FilesystemState, InstanceState, MountObservation, NodeObservation,
    Observation, Observed, Stranger, VolumeState,
};
use crate::scope::Scope;
use crate::time::Timestamp;

/// Whether one clause holds for one subject.
pub(crate) enum Answer {
    Yes,
    No(String),
    Unknown(String),
}

impl Demand {
    /// Lists the clauses that this demand puts to every mount.
    #[must_use]
    pub fn mount_clauses(self) -> &'static [Clause] {
        match self {
            Self::Instantiated => &[Clause::VolumeExists, Clause::VolumeGrown],
            Self::Attached => &[Clause::VolumeExists, Clause::VolumeAttached, Clause::VolumeGrown],
            Self::Mounted | Self::Launched => &[
                Clause::VolumeExists,
                Clause::VolumeAttached,
                Clause::Mounted,
                Clause::VolumeGrown,
                Clause::FilesystemGrown,
            ],
            Self::Unmounted => &[Clause::NotMounted],
            Self::Separated | Self::Haltable | Self::Parked => {
                &[Clause::NotMounted, Clause::NotAttached]
            }
            Self::RecentlySnapshotted => {
                &[Clause::NotMounted, Clause::NotAttached, Clause::Snapshotted]
            }
            Self::Away => &[Clause::NoVolume],
        }
    }

    /// Lists the clauses that this demand puts to every node.
    #[must_use]
    pub fn node_clauses(self) -> &'static [Clause] {
        match self {
            Self::Instantiated | Self::Attached | Self::Mounted => &[Clause::InstanceRuns],
            Self::Launched => &[Clause::InstanceRuns, Clause::Ready],
            Self::Unmounted | Self::Separated | Self::RecentlySnapshotted => &[],
            Self::Haltable => &[Clause::MayHalt],
            Self::Parked => &[Clause::NotRunning],
            Self::Away => &[Clause::NoInstance],
        }
    }

    /// Says whether the demand is about bringing things up: it then concerns only what is defined.
    #[must_use]
    pub fn is_upward(self) -> bool {
        match self {
            Self::Instantiated | Self::Attached | Self::Mounted | Self::Launched => true,
            Self::Unmounted
            | Self::Separated
            | Self::RecentlySnapshotted
            | Self::Haltable
            | Self::Parked
            | Self::Away => false,
        }
    }

    /// Judges the demand on the whole cluster. What could not be seen is unknown, never met.
    ///
    /// `now` serves only to tell a snapshot's age, where the definition sets `recent`.
    #[must_use]
    pub fn verdict(
        self,
        definition: &ClusterDefinition,
        observation: &Observation,
        now: Timestamp,
    ) -> Verdict {
        self.verdict_in(&Scope::default(), definition, observation, now)
    }

    /// Judges the demand on a part of the cluster, as [`Demand::verdict`] does on all of it.
    #[must_use]
    pub fn verdict_in(
        self,
        scope: &Scope,
        definition: &ClusterDefinition,
        observation: &Observation,
        now: Timestamp,
    ) -> Verdict {
        let mut verdict = Verdict { unmet: Vec::new(), unknown: Vec::new() };
        let mut put = |clause: Clause, subject: Subject, answer: Answer| match answer {
            Answer::Yes => {}
            Answer::No(why) => verdict.unmet.push(Shortfall { clause, subject, why }),
            Answer::Unknown(why) => verdict.unknown.push(Shortfall { clause, subject, why }),
        };
        for node in &observation.nodes {
            let Some(wanted) = scope.of_node(self, node, observation) else { continue };
            for &clause in wanted.node_clauses() {
                put(
                    clause,
                    Subject::Node(node.name.clone()),
                    node_clause(clause, definition, node),
                );
            }
        }
        for mount in &observation.mounts {
            let Some(wanted) = scope.of_mount(self, mount) else { continue };
            for &clause in wanted.mount_clauses() {
                let answer = mount_clause(clause, definition, observation, mount, now);
                let is_yes = matches!(answer, Answer::Yes);
                put(clause, Subject::Mount(mount.key.clone()), answer);
                if !is_yes {
                    break;
                }
            }
        }
        // What fits no node or mount is in no part by name.
        let strangers = if scope.is_whole() { &observation.strangers[..] } else { &[] };
        if self == Self::Away {
            for stranger in strangers.iter().filter(|stranger| stranger.kind != "snapshot") {
                let clause =
                    if stranger.kind == "volume" { Clause::NoVolume } else { Clause::NoInstance };
                let why = format!("{} is {}: {}", stranger.kind, stranger.state, stranger.why);
                put(clause, Subject::Stranger(stranger.id.clone()), Answer::No(why));
            }
        } else if !self.is_upward() {
            let runs = |one: &&Stranger| {
                one.kind == "instance" && !matches!(one.state.as_str(), "stopped" | "terminated")
            };
            // What has the cluster's tag and runs is paid for, whatever it is.
            for stranger in strangers.iter().filter(|one| self == Self::Parked && runs(one)) {
                let why = format!("instance is {}: {}", stranger.state, stranger.why);
                let subject = Subject::Stranger(stranger.id.clone());
                put(Clause::NotRunning, subject, Answer::No(why));
            }
            for stranger in strangers {
                let answer = not_in_use(definition, observation, stranger);
                put(Clause::NotMounted, Subject::Stranger(stranger.id.clone()), answer);
            }
            let named = |node: &&NodeObservation| scope.of_node(self, node, observation).is_some();
            for node in observation.nodes.iter().filter(named) {
                let answer = nothing_unlisted(observation, node);
                put(Clause::NotMounted, Subject::Node(node.name.clone()), answer);
            }
        }
        verdict
    }
}

/// Whether a volume that fits no mount is in use on a node of the cluster: it was a mount's, perhaps of one that has
/// left the definition, and nothing else would tell that it is neither unmounted nor kept.
fn not_in_use(
    definition: &ClusterDefinition,
    observation: &Observation,
    stranger: &Stranger,
) -> Answer {
    let Some(node) = observation.holder_of(stranger) else { return Answer::Yes };
    let probe = match &node.probe {
        Observed::Present(probe) => probe,
        Observed::Absent => return Answer::Yes,
        Observed::Unknown(gap) => return Answer::Unknown(gap.why.clone()),
    };
    let device = probe.devices.get(&stranger.serial()).filter(|device| device.is_in_use());
    let Some(device) = device else { return Answer::Yes };
    // In the place of a mount it is told as that mount's.
    let is_told = observation.mounts_of(&node.name).any(|mount| {
        let point = definition.mount(&mount.key).map(|defined| defined.at.as_str());
        mount.volumes.is_empty() && device.mounts.iter().any(|seen| Some(seen.at.as_str()) == point)
    });
    if is_told {
        return Answer::Yes;
    }
    let at: Vec<&str> = device.mounts.iter().map(|mount| mount.at.as_str()).collect();
    Answer::No(format!("{} has it in use ({}): {}", node.name, at.join(", "), stranger.why))
}

/// Whether a node has nothing in use that no listing shows.
fn nothing_unlisted(observation: &Observation, node: &NodeObservation) -> Answer {
    if let Some(gap) = observation.unasked(node) {
        return Answer::Unknown(gap.why.clone());
    }
    match observation.unlisted_in_use(node) {
        Some((serial, _)) => {
            Answer::No(format!("it has device {serial} in use, which is not listed"))
        }
        None => Answer::Yes,
    }
}

fn node_clause(clause: Clause, definition: &ClusterDefinition, node: &NodeObservation) -> Answer {
    match clause {
        Clause::InstanceRuns => match node.instances.as_slice() {
            [] => Answer::No("away".to_owned()),
            [one] if one.state == InstanceState::Running => Answer::Yes,
            [one] => Answer::No(one.state.to_string()),
            several => Answer::No(format!("{} instances carry its name", several.len())),
        },
        Clause::Ready => ready(definition, node),
        Clause::MayHalt => may_halt(definition, node),
        Clause::NotRunning => match node.instances.as_slice() {
            [] => Answer::Yes,
            [one] if matches!(one.state, InstanceState::Stopped | InstanceState::Terminated) => {
                Answer::Yes
            }
            [one] => Answer::No(format!("{} is {}", one.id, one.state)),
            several => Answer::No(format!("{} instances carry its name", several.len())),
        },
        Clause::NoInstance => match node.instances.as_slice() {
            [] => Answer::Yes,
            [one] => Answer::No(format!("{} is {}", one.id, one.state)),
            several => Answer::No(format!("{} instances carry its name", several.len())),
        },
        Clause::VolumeExists
        | Clause::VolumeAttached
        | Clause::Mounted
        | Clause::VolumeGrown
        | Clause::FilesystemGrown
        | Clause::NotMounted
        | Clause::NotAttached
        | Clause::Snapshotted
        | Clause::NoVolume => Answer::Yes,
    }
}

/// Whether a node's readiness checks pass.
pub(crate) fn ready(definition: &ClusterDefinition, node: &NodeObservation) -> Answer {
    let Some(wanted) = definition.nodes.get(&node.name).map(|defined| &defined.hooks.ready) else {
        return Answer::Yes;
    };
    if wanted.is_empty() {
        return Answer::Yes;
    }
    match &node.probe {
        Observed::Present(probe) => {
            for hook in wanted.iter().filter(|hook| hook.blocks) {
                match probe.ready.iter().find(|result| &result.hook == hook) {
                    None => {
                        return Answer::Unknown("readiness was not asked yet".to_owned());
                    }
                    Some(result) if !result.passed => {
                        let said = match result.output.as_str() {
                            "" => String::new(),
                            output => format!(": {output}"),
                        };
                        return Answer::No(format!("`{}` says no{said}", hook.run));
                    }
                    Some(_) => {}
                }
            }
            Answer::Yes
        }
        Observed::Absent => Answer::No("nothing runs".to_owned()),
        Observed::Unknown(gap) => Answer::Unknown(gap.why.clone()),
    }
}

fn may_halt(definition: &ClusterDefinition, node: &NodeObservation) -> Answer {
    let Some(wanted) = definition.nodes.get(&node.name).map(|defined| &defined.hooks.before_halt)
    else {
        return Answer::Yes;
    };
    if wanted.iter().all(|hook| !hook.blocks) {
        return Answer::Yes;
    }
    match &node.probe {
        Observed::Absent => Answer::Yes,
        Observed::Unknown(gap) => Answer::Unknown(gap.why.clone()),
        Observed::Present(probe) => {
            for hook in wanted.iter().filter(|hook| hook.blocks) {
                match probe.before_halt.iter().find(|result| &result.hook == hook) {
                    None => {
                        return Answer::Unknown("whether it may halt was not asked yet".to_owned());
                    }
                    Some(result) if !result.passed => {
                        return Answer::No(format!("`{}` says no: {}", hook.run, result.output));
                    }
                    Some(_) => {}
                }
            }
            Answer::Yes
        }
    }
}

fn mount_clause(
    clause: Clause,
    definition: &ClusterDefinition,
    observation: &Observation,
    mount: &MountObservation,
    now: Timestamp,
) -> Answer {
    let several = || Answer::No(format!("{} volumes carry its name", mount.volumes.len()));
    match clause {
        Clause::VolumeExists => match mount.volumes.as_slice() {
            [] => Answer::No("away".to_owned()),
            [one] => match &one.state {
                VolumeState::Available | VolumeState::InUse => Answer::Yes,
                VolumeState::Creating
                | VolumeState::Deleting
                | VolumeState::Deleted
                | VolumeState::Error
                | VolumeState::Unrecognized(_) => Answer::No(one.state.to_string()),
            },
            _ => several(),
        },
        Clause::VolumeAttached => {
            let Some(volume) = mount.volume() else { return several() };
            let own = observation
                .node(&mount.key.node)
                .and_then(NodeObservation::instance)
                .map(|one| &one.id);
            match volume.open_attachments().collect::<Vec<_>>().as_slice() {
                [] => Answer::No(volume.state.to_string()),
                [one] if Some(&one.instance) != own => {
                    Answer::No(format!("attached to {}", one.instance))
                }
                [one] if one.state == AttachmentState::Attached => Answer::Yes,
                [one] => Answer::No(one.state.to_string()),
                _ => Answer::No("attached more than once".to_owned()),
            }
        }
        Clause::Mounted => match &mount.filesystem {
            Observed::Present(FilesystemState::Mounted { .. }) => Answer::Yes,
            Observed::Present(state) => Answer::No(state.word().to_owned()),
            Observed::Absent => Answer::No("the machine does not run".to_owned()),
            Observed::Unknown(gap) => Answer::Unknown(gap.why.clone()),
        },
        Clause::VolumeGrown => match (mount.volume(), definition.mount(&mount.key)) {
            (Some(volume), Some(defined)) if volume.size < defined.size => {
                Answer::No(format!("it has {} of {}", volume.size, defined.size))
            }
            (Some(_) | None, _) => Answer::Yes,
        },
        // A node that cannot tell is asked for nothing: the file system stays as it is.
        Clause::FilesystemGrown => match observation.room_of(mount) {
            Some(room) if room.is_short() => Answer::No(format!("its file system has {room}")),
            Some(_) | None => Answer::Yes,
        },
        Clause::NotMounted => match &mount.filesystem {
            Observed::Absent => {
                let node = &mount.key.node;
                if let Some((_, gap)) = observation.unasked_about(mount) {
                    Answer::Unknown(gap.why.clone())
                } else if mount.volumes.iter().any(|volume| observation.has_in_use(node, volume)) {
                    Answer::No(format!("{node} has it in use"))
                } else {
                    Answer::Yes
                }
            }
            Observed::Unknown(gap) => Answer::Unknown(gap.why.clone()),
            Observed::Present(state) => match state {
                FilesystemState::NoDevice
                | FilesystemState::Unmounted { .. }
                | FilesystemState::PointTaken { .. } => Answer::Yes,
                FilesystemState::Mounted { .. }
                | FilesystemState::MountedElsewhere { .. }
                | FilesystemState::Held { .. } => Answer::No(state.word().to_owned()),
            },
        },
        Clause::NotAttached => match mount.volumes.as_slice() {
            [] => Answer::Yes,
            [one] => match one.open_attachments().next() {
                None => match &one.state {
                    VolumeState::InUse => Answer::No("in-use".to_owned()),
                    // A listing that goes back in time shows as new what is attached.
                    VolumeState::Creating => Answer::No("creating".to_owned()),
                    VolumeState::Available
                    | VolumeState::Deleting
                    | VolumeState::Deleted
                    | VolumeState::Error => Answer::Yes,
                    VolumeState::Unrecognized(word) => {
                        Answer::Unknown(format!("its state is `{word}`"))
                    }
                },
                Some(attachment) => Answer::No(attachment.state.to_string()),
            },
            _ => several(),
        },
        Clause::Snapshotted => match mount.volumes.as_slice() {
            [] => Answer::Yes,
            [one] if matches!(one.state, VolumeState::Deleting | VolumeState::Deleted) => {
                Answer::Yes
            }
            [one] => match data::cover(mount, one, definition.recent, now) {
                data::Cover::Complete(_) => Answer::Yes,
                data::Cover::Pending(snapshot) => Answer::No(format!("{} is pending", snapshot.id)),
                data::Cover::Missing(why) => Answer::No(why),
            },
            _ => several(),
        },
        Clause::NoVolume => match mount.volumes.as_slice() {
            [] => Answer::Yes,
            [one] => Answer::No(format!("{} is {}", one.id, one.state)),
            _ => several(),
        },
        Clause::InstanceRuns
        | Clause::Ready
        | Clause::MayHalt
        | Clause::NotRunning
        | Clause::NoInstance => Answer::Yes,
    }
}

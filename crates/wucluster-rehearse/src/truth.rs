//! What is so in truth: whether a demand holds, and whether a hold's reason does.
//!
//! Nothing here asks the planner: it looks into the simulated world, past all listings.

use std::collections::{BTreeMap, BTreeSet};

use wucluster_core::definition::{ClusterDefinition, Hook, NodeHooks};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, NodeName, Subject, VolumeId};
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_core::observation::{AttachmentState, InstanceState, SnapshotState, VolumeState};
use wucluster_core::tags::{ContentMark, Identity};
use wucluster_sim::{Content, Shape, World};

use crate::wire::Log;

/// What a hold says of a mount whose snapshots contradict each other.
const CANNOT_BE_TOLD: &str = "its newest data cannot be told";

/// Who falls short of a demand in truth, and how.
pub type Shortfalls = BTreeMap<Subject, Shortfall>;

/// What a demand lacks first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// Which part of the demand it is.
    pub part: Part,
    /// How it falls short of it.
    pub why: String,
}

/// The parts of a demand, in the order in which they are looked at: who falls short of one has all those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Exactly one thing carries the name, or none is left.
    Name,
    /// It is in a state in which it can be used.
    State,
    /// So is its machine.
    Machine,
    /// It is attached there, or to nothing.
    Attachment,
    /// It is mounted where it should be.
    Mount,
    /// A snapshot keeps it.
    Snapshot,
    /// Its hooks say yes.
    Hooks,
}

impl Part {
    fn short(self, why: impl Into<String>) -> Shortfall {
        Shortfall { part: self, why: why.into() }
    }
}

/// The nodes and mounts of a run: those that are defined, and all that ever were.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// The definition in force.
    pub definition: &'a ClusterDefinition,
    /// All nodes that the cluster ever had.
    pub nodes: &'a [NodeName],
    /// All mounts that the cluster ever had.
    pub mounts: &'a [MountKey],
}

impl Stage<'_> {
    fn volume(&self, world: &World, mount: &MountKey) -> Result<VolumeId, Shortfall> {
        match world.volumes_named(&self.definition.name, mount).as_slice() {
            [one] => Ok(one.clone()),
            several => Err(Part::Name.short(format!("{} volumes carry its name", several.len()))),
        }
    }

    fn instance(&self, world: &World, node: &NodeName) -> Result<InstanceId, Shortfall> {
        match world.instances_named(&self.definition.name, node).as_slice() {
            [one] => Ok(one.clone()),
            several => Err(Part::Name.short(format!("{} instances carry its name", several.len()))),
        }
    }

    /// Lists who falls short of a demand now.
    #[must_use]
    pub fn shortfalls(&self, world: &World, demand: Demand) -> Shortfalls {
        let mut short = Shortfalls::new();
        let upward = demand.is_upward();
        for node in self.nodes {
            if upward && !self.definition.nodes.contains_key(node) {
                continue;
            }
            if let Err(lacks) = self.node_holds(world, demand, node) {
                short.insert(Subject::Node(node.clone()), lacks);
            }
        }
        for mount in self.mounts {
            if upward && self.definition.mount(mount).is_none() {
                continue;
            }
            if let Err(lacks) = self.mount_holds(world, demand, mount) {
                short.insert(Subject::Mount(mount.clone()), lacks);
            }
        }
        short
    }

    fn node_holds(&self, world: &World, demand: Demand, node: &NodeName) -> Result<(), Shortfall> {
        match demand {
            Demand::Instantiated | Demand::Attached | Demand::Mounted | Demand::Launched => {
                let id = self.instance(world, node)?;
                if world.instance_state(&id) != Some(InstanceState::Running) {
                    let state = world.instance_state(&id);
                    return Err(Part::State.short(format!("{id} is {state:?}")));
                }
                let is_ready = demand != Demand::Launched
                    || self.says_no(world, node, |hooks| &hooks.ready).is_err();
                if is_ready { Ok(()) } else { Err(Part::Hooks.short("it is not ready")) }
            }
            Demand::Unmounted | Demand::Separated | Demand::RecentlySnapshotted => Ok(()),
            Demand::Haltable => {
                let may_halt = self.says_no(world, node, |hooks| &hooks.before_halt).is_err();
                // There is nobody to ask on a machine that does not run.
                let runs = self.instance(world, node).is_ok_and(|id| world.is_up(&id));
                if may_halt || !runs { Ok(()) } else { Err(Part::Hooks.short("it may not halt")) }
            }
            Demand::Parked => {
                let mut runs = world.instances_named(&self.definition.name, node);
                runs.retain(|id| {
                    let state = world.instance_state(id);
                    !matches!(
                        state,
                        Some(
                            InstanceState::Stopping
                                | InstanceState::Stopped
                                | InstanceState::ShuttingDown
                                | InstanceState::Terminated
                        )
                    ) && !world.is_to_halt(id)
                });
                if runs.is_empty() {
                    Ok(())
                } else {
                    Err(Part::State.short(format!("{runs:?} run")))
                }
            }
            Demand::Away => {
                let mut left = world.instances_named(&self.definition.name, node);
                left.retain(|id| {
                    world.instance_state(id) != Some(InstanceState::ShuttingDown)
                        && !world.is_to_end(id.as_str())
                });
                if left.is_empty() {
                    Ok(())
                } else {
                    Err(Part::Name.short(format!("{left:?} exist")))
                }
            }
        }
    }

    /// Passes when the last run of one of a node's hooks that block said no.
    fn says_no(
        &self,
        world: &World,
        node: &NodeName,
        which: fn(&NodeHooks) -> &Vec<Hook>,
    ) -> Result<(), String> {
        let hooks = self.definition.nodes.get(node).map(|node| which(&node.hooks));
        let says_no = |hook: &&Hook| {
            let last = world.hook_runs().iter().rev();
            let last = last.filter(|run| &run.node == node).find(|run| run.run == hook.run);
            last.is_some_and(|run| !run.passed)
        };
        match hooks.into_iter().flatten().filter(|hook| hook.blocks).find(says_no) {
            Some(_) => Ok(()),
            None => Err("the last answers of its hooks were yes".to_owned()),
        }
    }

    fn mount_holds(
        &self,
        world: &World,
        demand: Demand,
        mount: &MountKey,
    ) -> Result<(), Shortfall> {
        match demand {
            Demand::Instantiated => self.exists(world, mount).map(drop),
            Demand::Attached => self.is_attached(world, mount).map(drop),
            Demand::Mounted | Demand::Launched => self.is_mounted(world, mount),
            Demand::Unmounted => not_in_use(world, mount),
            Demand::Separated | Demand::Haltable | Demand::Parked => self.is_separate(world, mount),
            Demand::RecentlySnapshotted => {
                self.is_separate(world, mount)?;
                for volume in world.volumes_named(&self.definition.name, mount) {
                    let is_going = world.volume_state(&volume) == Some(VolumeState::Deleting);
                    if !is_going && !world.is_kept(&volume) {
                        let why = format!("no snapshot holds what is on {volume}");
                        return Err(Part::Snapshot.short(why));
                    }
                }
                Ok(())
            }
            Demand::Away => {
                let mut left = world.volumes_named(&self.definition.name, mount);
                // What the provider has accepted to delete, and will, is on its way.
                left.retain(|id| {
                    world.volume_state(id) != Some(VolumeState::Deleting)
                        && !world.is_to_end(id.as_str())
                });
                if left.is_empty() {
                    Ok(())
                } else {
                    Err(Part::Name.short(format!("{left:?} exist")))
                }
            }
        }
    }

    fn exists(&self, world: &World, mount: &MountKey) -> Result<VolumeId, Shortfall> {
        let volume = self.volume(world, mount)?;
        match world.volume_state(&volume) {
            Some(VolumeState::Available | VolumeState::InUse) => Ok(volume),
            state => Err(Part::State.short(format!("{volume} is {state:?}"))),
        }
    }

    fn is_attached(&self, world: &World, mount: &MountKey) -> Result<VolumeId, Shortfall> {
        let volume = self.exists(world, mount)?;
        let own =
            self.instance(world, &mount.node).map_err(|lacks| Part::Machine.short(lacks.why))?;
        match world.attachment_of(&volume) {
            Some((to, AttachmentState::Attached)) if to == own => Ok(volume),
            other => {
                let why = format!("{volume} is {other:?}, its node is {own}");
                Err(Part::Attachment.short(why))
            }
        }
    }

    fn is_mounted(&self, world: &World, mount: &MountKey) -> Result<(), Shortfall> {
        // A volume that a human gave another mount's name is that mount's, whatever it was made for.
        let volume = self.is_attached(world, mount)?;
        let wanted = self.definition.mount(mount).map(|defined| defined.at.clone());
        let found = world.volume_mounted_at(&volume);
        if found.is_some() && found == wanted {
            Ok(())
        } else {
            Err(Part::Mount.short(format!("it is mounted at {found:?}")))
        }
    }

    fn is_separate(&self, world: &World, mount: &MountKey) -> Result<(), Shortfall> {
        for volume in world.volumes_named(&self.definition.name, mount) {
            if let Some((to, state)) = world.attachment_of(&volume) {
                return Err(Part::Attachment.short(format!("{volume} is {state} to {to}")));
            }
        }
        not_in_use(world, mount)
    }

    /// Says what is wrong with a hold, if its reason does not hold in truth.
    ///
    /// # Errors
    /// What is so instead.
    pub fn is_true(&self, world: &World, hold: &Hold, log: &Log) -> Result<(), String> {
        let is = |so: bool, otherwise: &str| if so { Ok(()) } else { Err(otherwise.to_owned()) };
        match &hold.subject {
            Subject::Mount(mount) => self.mount_hold_is_true(world, hold, mount, log),
            Subject::Node(node) => {
                let instances = world.instances_named(&self.definition.name, node);
                match hold.interlock {
                    // A node that was spoken to for a later run refuses this one, and is right: of a store that was put
                    // back, or lost by somebody whose clock was ahead by years, it cannot know.
                    Interlock::NodeSilent => is(
                        instances.iter().any(|id| {
                            world.instance_state(id) == Some(InstanceState::Running)
                                && (!world.is_up(id) || world.run_told(id) > log.run)
                        }),
                        "its ssh answers",
                    ),
                    Interlock::IdentityConflict => {
                        is(instances.len() > 1, "one instance carries its name at most")
                    }
                    Interlock::DeleteOnTermination => is(
                        self.mounts.iter().any(|mount| {
                            world
                                .volumes_named(&self.definition.name, mount)
                                .iter()
                                .any(|volume| world.dies_with_instance(volume))
                        }),
                        "no volume would be deleted with it",
                    ),
                    Interlock::ProviderRefused
                    | Interlock::NotPermitted
                    | Interlock::NoCapacity => refused(log, &hold.subject),
                    // Two reasons: what is attached there and fits no mount, and what is in use there and
                    // is not listed.
                    Interlock::StillAttached | Interlock::MountedElsewhere => is(
                        self.mounts.iter().any(|mount| {
                            &mount.node == node
                                && world.is_in_use(mount)
                                && world.volumes_named(&self.definition.name, mount).is_empty()
                        }) || instances
                            .iter()
                            .any(|id| world.has_nameless_volume(&self.definition.name, id)),
                        "no volume without its name is attached or in use there",
                    ),
                    // A cluster of a store that is lost is adopted before it is judged.
                    Interlock::OtherStore => is(
                        world.stores_of(&self.definition.name, node).len() > 1,
                        "all of it belongs to one store",
                    ),
                    Interlock::HaltRefused => self.says_no(world, node, |hooks| &hooks.before_halt),
                    Interlock::NotReady => self.says_no(world, node, |hooks| &hooks.ready),
                    _ => Err("calm has no such reason".to_owned()),
                }
            }
            Subject::Stranger(id) => {
                let tags = world.volume_tags(&VolumeId::new(id.clone()));
                let identity = tags.and_then(|tags| tags.identity(&self.definition.name).ok());
                let fits = matches!(identity, Some(Identity::Mount(_)));
                is(!fits, "it names a mount of the cluster")
            }
            Subject::Cluster => Err("nothing holds a whole cluster".to_owned()),
        }
    }

    fn mount_hold_is_true(
        &self,
        world: &World,
        hold: &Hold,
        mount: &MountKey,
        log: &Log,
    ) -> Result<(), String> {
        let is = |so: bool, otherwise: &str| if so { Ok(()) } else { Err(otherwise.to_owned()) };
        let volumes = world.volumes_named(&self.definition.name, mount);
        let any = |so: &dyn Fn(&VolumeId) -> bool| volumes.iter().any(so);
        let own = world.instances_named(&self.definition.name, &mount.node);
        match hold.interlock {
            Interlock::MountBusy => {
                is(!world.kept_busy_by(mount).is_empty(), "nothing keeps it busy")
            }
            Interlock::DetachStuck => is(
                any(&|volume| {
                    world
                        .attachment_of(volume)
                        .is_some_and(|(_, state)| state != AttachmentState::Attached)
                }) && world.is_in_use(mount),
                "nothing keeps it from being detached",
            ),
            Interlock::SnapshotFailed => {
                is(any(&|volume| world.failed_snapshots_of(volume) >= 3), "fewer than three failed")
            }
            // Requests that land late, and humans, leave snapshots whose numbers contradict the order in which they were
            // begun: which one is the newest cannot be told then, whichever it is, and a person has to say.
            Interlock::DataMissing if hold.what == CANNOT_BE_TOLD => is(
                volumes.is_empty() && world.snapshots_contradict(mount),
                "the numbers of its snapshots are in the order in which they were begun",
            ),
            Interlock::DataMissing => is(
                volumes.is_empty()
                    && match world.newest_snapshot_ever(mount) {
                        Some((SnapshotState::Completed, is_there)) => !is_there,
                        Some(_) => true,
                        None => world.ever_had_data(mount),
                    },
                "its newest snapshot is complete and there",
            ),
            Interlock::NotBlank => is(
                any(&|volume| {
                    world
                        .content_of_volume(volume)
                        .is_some_and(|content| *content != Content::blank())
                }) || self.has_odd_tags(world, &volumes),
                "its volume is blank",
            ),
            Interlock::WrongContents => is(
                any(&|volume| !is_as_recorded(world, volume)),
                "its volume holds what its record says",
            ),
            Interlock::MountedElsewhere => is(
                world.is_in_use(mount)
                    && (volumes.is_empty()
                        || world.mounted_at(mount)
                            != self.definition.mount(mount).map(|defined| defined.at.clone()))
                    || !world.kept_busy_by(mount).is_empty(),
                "it is not mounted in a wrong way",
            ),
            Interlock::AttachedElsewhere => is(
                any(&|volume| {
                    world
                        .attachment_of(volume)
                        .is_some_and(|(to, _)| own.len() > 1 || !own.contains(&to))
                }),
                "no other machine has it",
            ),
            Interlock::IdentityConflict => {
                is(volumes.len() > 1, "one volume carries its name at most")
            }
            Interlock::Foreign => {
                is(self.has_odd_tags(world, &volumes), "its tags can all be read")
            }
            Interlock::VolumeFailed => is(
                any(&|volume| world.volume_state(volume) == Some(VolumeState::Error)),
                "its volume has not failed",
            ),
            Interlock::NodeFailed if !world.sees_device(mount) => Ok(()),
            Interlock::ProviderRefused
            | Interlock::NotPermitted
            | Interlock::NoCapacity
            | Interlock::NodeFailed
            | Interlock::UnmountRefused => refused(log, &hold.subject),
            _ => Err("calm has no such reason".to_owned()),
        }
    }

    fn has_odd_tags(&self, world: &World, volumes: &[VolumeId]) -> bool {
        volumes.iter().any(|volume| {
            world
                .volume_tags(volume)
                .is_none_or(|tags| tags.epoch().is_none() || tags.content().is_none())
        })
    }

    /// Lists the subjects that the holds account for: those that are held, with their nodes and with
    /// the nodes whose machines have their volumes, and all that a held node carries.
    #[must_use]
    pub fn accounted_for(&self, world: &World, holds: &[Hold]) -> BTreeSet<Subject> {
        let mut subjects = BTreeSet::new();
        for hold in holds {
            subjects.insert(hold.subject.clone());
            match &hold.subject {
                Subject::Node(node) => subjects.extend(
                    self.mounts
                        .iter()
                        .filter(|mount| &mount.node == node)
                        .map(|mount| Subject::Mount(mount.clone())),
                ),
                Subject::Mount(mount) => {
                    subjects.insert(Subject::Node(mount.node.clone()));
                    let volumes = world.volumes_named(&self.definition.name, mount);
                    // What carries its name now may have been made for another.
                    let made_for = volumes.iter().filter_map(|volume| world.mount_of(volume));
                    subjects.extend(made_for.map(Subject::Mount));
                    let machines: Vec<_> = volumes
                        .iter()
                        .filter_map(|volume| world.attachment_of(volume))
                        .map(|(machine, _)| machine)
                        .collect();
                    subjects.extend(
                        self.nodes
                            .iter()
                            .filter(|node| {
                                let own = world.instances_named(&self.definition.name, node);
                                own.iter().any(|instance| machines.contains(instance))
                            })
                            .map(|node| Subject::Node(node.clone())),
                    );
                }
                // What fits no mount by its name now was made for one.
                Subject::Stranger(id) => {
                    let made_for = world.mount_of(&VolumeId::new(id.as_str()));
                    subjects.extend(made_for.map(Subject::Mount));
                }
                Subject::Cluster => {}
            }
        }
        subjects
    }
}

fn not_in_use(world: &World, mount: &MountKey) -> Result<(), Shortfall> {
    if world.is_in_use(mount) { Err(Part::Mount.short("a machine has it in use")) } else { Ok(()) }
}

fn refused(log: &Log, subject: &Subject) -> Result<(), String> {
    match log.last_refusal(subject) {
        Some(_) => Ok(()),
        None => Err("the last request about it was not refused".to_owned()),
    }
}

/// Says whether a volume's record of its content is what is on it.
fn is_as_recorded(world: &World, volume: &VolumeId) -> bool {
    let Some(content) = world.content_of_volume(volume) else { return false };
    let Some(tags) = world.volume_tags(volume) else { return false };
    let is_unreadable = world.volume_state(volume) == Some(VolumeState::Error);
    let recorded = tags.filesystem(volume).map(|(kind, uuid)| (kind.to_owned(), uuid.into_owned()));
    match content.shape() {
        Shape::Filesystem { kind, uuid } => {
            !is_unreadable && recorded == Some((kind.clone(), uuid.clone()))
        }
        Shape::Blank => !is_unreadable && tags.content() == Some(ContentMark::Blank),
        Shape::Other(_) | Shape::Raw => false,
    }
}

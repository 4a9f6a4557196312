//! What a demand would take from here: one wave, planned and never made.

use std::collections::BTreeMap;

use wucluster_core::action::{Action, CloudAction, ShellAction};
use wucluster_core::definition::{ClusterDefinition, MachineDefinition};
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::interlock::{Cleared, Context};
use wucluster_core::memory::Memory;
use wucluster_core::observation::{Holder, Observation};
use wucluster_core::plan::Plan;
use wucluster_core::planner;
use wucluster_core::policy::{Consent, Policy};
use wucluster_core::scope::Scope;
use wucluster_core::tags::BackTo;
use wucluster_core::time::Timestamp;

use crate::history::LastRun;

/// A demand, on which part of the cluster, and from which generation.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The state.
    pub(crate) demand: Demand,
    /// Of which part.
    pub(crate) scope: Scope,
    /// What to go back to.
    pub(crate) back: Option<BackTo>,
}

impl Wish {
    /// Returns the policy of somebody who wishes it, and says yes to everything safe.
    pub(crate) fn policy(&self) -> Policy {
        let scope = self.scope.clone();
        let mut policy = Policy { consent: Consent::Everything, scope, ..Policy::default() };
        match self.back {
            Some(BackTo::Generation(number)) => policy.generation = Some(number),
            Some(BackTo::Checkpoint(number)) => policy.checkpoint = Some(number),
            None => {}
        }
        policy
    }
}

impl From<Demand> for Wish {
    fn from(demand: Demand) -> Self {
        Self { demand, scope: Scope::default(), back: None }
    }
}

impl From<&LastRun> for Wish {
    fn from(run: &LastRun) -> Self {
        Self { scope: run.scope(), ..Self::from(run.demand) }
    }
}

/// Plans as if everything safe were said yes to.
pub(crate) fn forecast(
    definition: &ClusterDefinition,
    wish: impl Into<Wish>,
    observation: &Observation,
    memory: &Memory,
    now: Timestamp,
) -> Plan {
    let wish = wish.into();
    let (demand, policy) = (wish.demand, wish.policy());
    planner::plan(&Context { definition, demand, observation, memory, policy: &policy, now })
}

/// The first request about each node and mount, if there is one now.
pub(crate) struct Firsts<'a>(BTreeMap<Subject, &'a Action>);

impl<'a> Firsts<'a> {
    /// Picks them out of a plan.
    pub(crate) fn of(plan: &'a Plan) -> Self {
        // The first of each: what is inserted later stays.
        let firsts = plan.actions.iter().rev().map(Cleared::action);
        Self(firsts.map(|action| (action.subject(), action)).collect())
    }

    /// Tells who kept a mount open when its node was asked, where the first request about it is to unmount it.
    pub(crate) fn meets(&self, observation: &Observation, subject: &Subject) -> Option<String> {
        match self.0.get(subject)? {
            Action::Shell(ShellAction::Unmount { mount, .. }) => kept_open(observation, mount),
            _ => None,
        }
    }

    /// Says in a few words what the first request about a node or mount would be; `None` when there is none now.
    pub(crate) fn say(&self, subject: &Subject) -> Option<String> {
        self.0.get(subject).map(|action| in_words(action))
    }
}

/// Tells which processes kept a mount open when its node was asked; `None`: none, or it is not known.
fn kept_open(observation: &Observation, mount: &MountKey) -> Option<String> {
    let volume = observation.mount(mount)?.volume()?;
    let probe = observation.node(&mount.node)?.probe.present()?;
    let holders = &probe.devices.get(&volume.id.serial())?.holders;
    let first = holders.first()?;
    let more = match holders.len() {
        1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    let Holder { pid, user, command, .. } = first;
    Some(format!("in use: pid {pid} ({command}, {user}){more}"))
}

/// Says what a request does.
fn in_words(action: &Action) -> String {
    match action {
        Action::Cloud(action) => match action {
            CloudAction::RunInstance { machine: wanted, .. } => {
                machine(wanted, &[]).unwrap_or_else(|| "a new machine".to_owned())
            }
            CloudAction::StartInstance { .. } => "to be started again".to_owned(),
            CloudAction::StopInstance { .. } => "to be stopped".to_owned(),
            CloudAction::TerminateInstance { .. } => "to be terminated".to_owned(),
            CloudAction::CreateVolume { from: Some(from), .. } => format!("from {from}"),
            CloudAction::CreateVolume { from: None, .. } => "blank: no data ever was".to_owned(),
            CloudAction::AttachVolume { .. } => "to be attached".to_owned(),
            CloudAction::DetachVolume { .. } => "to be detached".to_owned(),
            CloudAction::TagVolume { .. } => "to be marked first".to_owned(),
            CloudAction::GrowVolume { size, .. } => format!("to be grown to {size}"),
            CloudAction::TagSnapshot { .. } => "its snapshot to be marked first".to_owned(),
            CloudAction::Adopt { .. } => "to be adopted".to_owned(),
            CloudAction::CreateSnapshot { .. } => "a snapshot is to be taken".to_owned(),
            CloudAction::DeleteVolume { kept_by: Some(snapshot), .. } => {
                format!("to be deleted, kept by {snapshot}")
            }
            CloudAction::DeleteVolume { kept_by: None, .. } => {
                "to be deleted; it never held data".to_owned()
            }
            CloudAction::DeleteSnapshot { kept_by, .. } => {
                format!("its old snapshot is to be deleted, superseded by {kept_by}")
            }
        },
        Action::Shell(action) => match action {
            ShellAction::MakeFilesystem { fs, .. } => format!("{fs} is to be made on it"),
            ShellAction::Mount { at, .. } => format!("to be mounted at {at}"),
            ShellAction::Unmount { .. } => "to be unmounted".to_owned(),
            ShellAction::GrowFilesystem { size, .. } => {
                format!("its file system is to be grown to {size}")
            }
            ShellAction::Freeze { .. } => "to be frozen".to_owned(),
            ShellAction::Thaw { .. } => "to be thawed".to_owned(),
        },
    }
}

/// Describes a machine in a few words, if anything is defined of it.
pub(crate) fn machine(machine: &MachineDefinition, other_types: &[String]) -> Option<String> {
    let MachineDefinition { image, instance_type, memory_mib, cpus, ec2: _ } = machine;
    let types: Vec<&str> = instance_type.iter().chain(other_types).map(String::as_str).collect();
    let parts = [
        (!types.is_empty()).then(|| types.join(" or ")),
        image.clone(),
        memory_mib.map(|mib| format!("{mib} MiB")),
        cpus.map(|cpus| if cpus == 1 { "1 cpu".to_owned() } else { format!("{cpus} cpus") }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

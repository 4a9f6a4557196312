//! Instances: what the cloud keeps of them, and the requests about them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::ids::{InstanceId, NodeName, Subject};
use wucluster_core::observation::{InstanceSeen, InstanceState, SshEndpoint};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::machine::Machine;
use super::owner::{Maker, Owner};
use super::published::Published;
use super::requests::By;
use super::state::World;
use crate::digest::Digest;
use crate::error::refuse;
use crate::faults::{Room, Upset};
use crate::limits::LAUNCHES_TOGETHER_MAX;

/// An instance in truth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) id: InstanceId,
    /// Its number in the order of making.
    pub(super) number: u64,
    pub(super) state: InstanceState,
    pub(super) tags: Tags,
    pub(super) owner: Option<Owner>,
    pub(super) maker: Maker,
    pub(super) zone: String,
    #[serde(default)]
    pub(super) instance_type: Option<String>,
    pub(super) launched_at: Timestamp,
    pub(super) reason: Option<String>,
    /// Whether a human protects it from termination.
    pub(super) is_protected: bool,
    /// The address that it has whatever its number, by a fault.
    pub(super) fixed_address: Option<String>,
    /// Grows with each change of direction; events of an earlier turn are void.
    pub(super) turn: u64,
    /// How often it got an address: each start gives another one.
    pub(super) starts: u32,
    pub(super) machine: Machine,
    pub(super) is_listed: bool,
    pub(super) published: Published<InstanceSeen>,
}

impl Instance {
    /// Says whether nothing of it runs any more, for certain.
    pub(super) fn is_dead(&self) -> bool {
        self.state.is_dead()
    }

    /// Says whether programs run in it and its users can do something.
    pub(super) fn is_running(&self) -> bool {
        self.state == InstanceState::Running
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.state == InstanceState::Terminated
    }

    /// Returns its public host key, which it keeps as long as it lives.
    pub(super) fn host_key(&self) -> String {
        let digits = Digest::new(0).with(self.id.as_str()).value();
        // As long as a real one: whoever reads it from a console decodes it.
        let (more, rest) = (digits.rotate_left(9), digits >> 20);
        format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{digits:016x}{more:016x}{rest:011x}")
    }

    /// Returns the address that it has while it runs.
    pub(super) fn address(&self) -> Option<String> {
        match self.state {
            InstanceState::Running | InstanceState::Stopping | InstanceState::ShuttingDown => {
                let by_number = || {
                    let (high, low) = (self.number / 250, self.number % 250 + 1);
                    format!("10.{}.{high}.{low}", self.starts % 256)
                };
                Some(self.fixed_address.clone().unwrap_or_else(by_number))
            }
            InstanceState::Pending
            | InstanceState::Stopped
            | InstanceState::Terminated
            | InstanceState::Unrecognized(_) => None,
        }
    }

    /// Returns the id of its present boot.
    pub(super) fn boot_id(&self) -> String {
        let digits = Digest::new(u64::from(self.machine.boots)).with(self.id.as_str()).value();
        format!("{digits:016x}")
    }

    pub(super) fn seen(&self) -> Option<InstanceSeen> {
        if !self.is_listed {
            return None;
        }
        let address = self.address();
        let ssh = address.clone().map(|host| SshEndpoint {
            host,
            port: 22,
            user: "root".to_owned(),
            host_key: Some(self.host_key()),
            identity_file: None,
        });
        Some(InstanceSeen {
            id: self.id.clone(),
            state: self.state.clone(),
            tags: self.tags.clone(),
            ssh,
            address,
            zone: Some(self.zone.clone()),
            instance_type: self.instance_type.clone(),
            launched_at: Some(self.launched_at),
            state_reason: self.reason.clone(),
        })
    }
}

/// What a new instance is made of.
pub(super) struct NewInstance {
    /// What it follows from: a token, or the like.
    pub(super) asked_by: String,
    pub(super) tags: Tags,
    pub(super) zone: String,
    pub(super) maker: Maker,
    pub(super) hidden_for: Duration,
}

/// Lists for whom a call runs instances, each with its tags, in their order.
fn fellows(by: &By<'_>, tags: &Tags) -> Vec<(Subject, Tags)> {
    let Some((set, _)) = by.action.shared() else {
        return vec![(by.subject.clone(), tags.clone())];
    };
    let of_one = |node: NodeName| match by.action.for_fellow(&node) {
        CloudAction::RunInstance { node, tags, .. } => Some((Subject::Node(node), tags)),
        _ => None,
    };
    set.nodes().filter_map(of_one).collect()
}

impl World {
    pub(super) fn run_instance(
        &mut self,
        by: &By<'_>,
        zone: Option<&str>,
        machine: &MachineDefinition,
        tags: &Tags,
        token: &str,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        let zone = self.zone(zone)?;
        self.check_tags(tags)?;
        if self.is_to_be_burned(by.action, &zone, token, upset) {
            self.use_token_before(by, &zone, token, tags, upset);
        }
        if let Some(ids) = self.replay(by.action, &zone, token)? {
            // Of several it is strictest, as EC2 does not say: one that is terminated makes the token a used one.
            let ids: Vec<InstanceId> = ids.split(' ').map(InstanceId::new).collect();
            let is_gone =
                |id: &&InstanceId| self.instances.get(*id).is_none_or(Instance::is_terminated);
            return match ids.iter().find(is_gone) {
                None => Ok(Receipt::Instance(ids[0].clone())),
                Some(id) => Err(refuse(
                    "IdempotentInstanceTerminated",
                    format!("the client token {token} belongs to {id}, which is terminated"),
                )),
            };
        }
        if machine.instance_type.as_deref().is_some_and(str::is_empty) {
            return Err(refuse("InvalidParameterValue", "the instance type is empty"));
        }
        let fellows = fellows(by, tags);
        if fellows.len() > LAUNCHES_TOGETHER_MAX {
            return Err(refuse("InvalidParameterValue", "too many instances in one call"));
        }
        let living = self.instances.values().filter(|instance| !instance.is_terminated()).count();
        if living + fellows.len() > self.limits.instances_max {
            return Err(refuse(
                "InstanceLimitExceeded",
                "you have reached your limit of instances",
            ));
        }
        self.check_room(Room::Instances)?;
        if let Some((fault, ())) = upset.has_no_capacity() {
            self.fired(fault);
            return Err(refuse(
                "InsufficientInstanceCapacity",
                format!("there is no capacity for this instance type in {zone} now"),
            ));
        }
        let kind = machine.instance_type.as_deref();
        let fails_late = self.check_full(&zone, kind)?;
        let mut ids = Vec::with_capacity(fellows.len());
        for (subject, tags) in fellows {
            let by = By { subject, ..*by };
            self.judge_new_instance(&by, &tags);
            // Each shows itself by itself.
            let asked_by =
                if ids.is_empty() { token.to_owned() } else { format!("{token} {}", ids.len()) };
            let hidden_for = self.hidden_for(&asked_by, upset);
            let zone = zone.clone();
            let new = NewInstance { asked_by, tags, zone, maker: Maker::Operator, hidden_for };
            let id = self.add_instance(new);
            if let Some(instance) = self.instance_mut(&id) {
                instance.instance_type.clone_from(&machine.instance_type);
            }
            ids.push(id);
        }
        let all: Vec<&str> = ids.iter().map(InstanceId::as_str).collect();
        self.burn(by.action, &zone, token, &all.join(" "));
        for (place, id) in ids.iter().enumerate() {
            let turn = self.instances[id].turn;
            // Of several, one fails by itself.
            let fails = match upset.launch_fails().filter(|_| place == 0) {
                Some((fault, ())) => {
                    self.fired(fault);
                    Some("Server.InternalError: the instance could not be started".to_owned())
                }
                None => fails_late.clone(),
            };
            self.launch(id, fails, turn);
        }
        Ok(Receipt::Instance(ids[0].clone()))
    }

    /// Lets a launch go on: to a running instance, or, for some reason, to a terminated one.
    fn launch(&mut self, id: &InstanceId, fails: Option<String>, turn: u64) {
        let state =
            if fails.is_some() { InstanceState::Terminated } else { InstanceState::Running };
        if let Some(instance) = self.instance_mut(id).filter(|_| fails.is_some()) {
            instance.reason = fails;
        }
        let after = self.draw(id.as_str(), self.durations.launch);
        self.schedule(after, Event::InstanceReaches { id: id.clone(), state, turn });
    }

    /// Refuses a machine where its type cannot be had in its zone; returns the reason for which it will fail, if it is told
    /// late.
    fn check_full(&mut self, zone: &str, kind: Option<&str>) -> Result<Option<String>, CloudError> {
        let full = self.faults.conditions.is_full((zone, kind), self.now);
        let Some((fault, is_told_late)) = full else { return Ok(None) };
        self.fired(fault);
        let kind = kind.unwrap_or("the default type");
        let why = format!("there is no capacity for {kind} in {zone} now");
        if is_told_late {
            return Ok(Some(format!("Server.InsufficientInstanceCapacity: {why}")));
        }
        Err(refuse("InsufficientInstanceCapacity", why))
    }

    /// Lets a token have been used before, for an instance that is listed as terminated.
    fn use_token_before(
        &mut self,
        by: &By<'_>,
        zone: &str,
        token: &str,
        tags: &Tags,
        upset: &Upset,
    ) {
        let gone = self.add_instance(NewInstance {
            asked_by: format!("before {token}"),
            tags: tags.clone(),
            zone: zone.to_owned(),
            maker: Maker::Operator,
            hidden_for: Duration::ZERO,
        });
        let is_listed = upset.token_was_used().is_some_and(|(_, is_listed)| is_listed);
        if let Some(instance) = self.instance_mut(&gone) {
            instance.state = InstanceState::Terminated;
            instance.reason = Some("Client.UserInitiatedShutdown: terminated before".to_owned());
            instance.is_listed = is_listed;
        }
        self.schedule(
            self.durations.terminated_listed,
            Event::InstanceForgotten { id: gone.clone() },
        );
        self.burn_by_fault(by.action, zone, token, (upset, Some(gone.as_str())));
    }

    /// Adds a pending instance; whoever calls schedules what becomes of it.
    pub(super) fn add_instance(&mut self, new: NewInstance) -> InstanceId {
        let (number, id) = self.make_id("i", &new.asked_by);
        let id = InstanceId::new(id);
        let NewInstance { asked_by: _, tags, zone, maker, hidden_for } = new;
        let instance = Instance {
            id: id.clone(),
            number,
            state: InstanceState::Pending,
            owner: Owner::of(&tags),
            tags,
            maker,
            zone,
            instance_type: None,
            launched_at: self.now,
            reason: None,
            is_protected: false,
            fixed_address: None,
            turn: 0,
            starts: 1,
            machine: Machine::default(),
            is_listed: true,
            published: Published::new(self.now.after(hidden_for)),
        };
        self.instances.insert(id.clone(), instance);
        self.instance_mut(&id);
        self.schedule_glance(hidden_for);
        id
    }

    pub(super) fn start_instance(
        &mut self,
        by: &By<'_>,
        id: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let instance = self.known_instance(id)?;
        let (state, zone) = (instance.state.clone(), instance.zone.clone());
        let kind = instance.instance_type.clone();
        match state {
            InstanceState::Running | InstanceState::Pending => Ok(Receipt::AlreadyDone),
            InstanceState::Stopped => {
                self.check_room(Room::Instances)?;
                if let Some(why) = self.check_full(&zone, kind.as_deref())? {
                    return Err(refuse("InsufficientInstanceCapacity", why));
                }
                self.judge_ownership(by, id.as_str());
                self.power_on(id);
                Ok(Receipt::Accepted)
            }
            InstanceState::Stopping
            | InstanceState::ShuttingDown
            | InstanceState::Terminated
            | InstanceState::Unrecognized(_) => Err(refuse(
                "IncorrectInstanceState",
                format!("the instance {id} is {state} and cannot be started"),
            )),
        }
    }

    /// Stops an instance by request. Stricter than EC2: what its system has mounted gets no time to be written.
    pub(super) fn stop_instance(
        &mut self,
        by: &By<'_>,
        id: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let state = self.known_instance(id)?.state.clone();
        match state {
            InstanceState::Stopping | InstanceState::Stopped => Ok(Receipt::AlreadyDone),
            InstanceState::Running => {
                self.judge_ownership(by, id.as_str());
                self.judge_stop(by, id);
                self.power_off(id, "Client.UserInitiatedShutdown: stopped by request");
                Ok(Receipt::Accepted)
            }
            InstanceState::Pending
            | InstanceState::ShuttingDown
            | InstanceState::Terminated
            | InstanceState::Unrecognized(_) => Err(refuse(
                "IncorrectInstanceState",
                format!("the instance {id} is {state} and cannot be stopped"),
            )),
        }
    }

    pub(super) fn terminate_instance(
        &mut self,
        by: &By<'_>,
        id: &InstanceId,
    ) -> Result<Receipt, CloudError> {
        let instance = self.known_instance(id)?;
        if instance.is_protected && !instance.is_terminated() {
            let message = format!("the instance {id} is protected from termination");
            return Err(refuse("OperationNotPermitted", message));
        }
        match instance.state {
            InstanceState::ShuttingDown | InstanceState::Terminated => Ok(Receipt::AlreadyDone),
            InstanceState::Pending
            | InstanceState::Running
            | InstanceState::Stopping
            | InstanceState::Stopped
            | InstanceState::Unrecognized(_) => {
                self.judge_ownership(by, id.as_str());
                self.judge_terminate(by, id);
                self.shut_down(id, "Client.UserInitiatedShutdown: terminated by request");
                Ok(Receipt::Accepted)
            }
        }
    }

    fn known_instance(&self, id: &InstanceId) -> Result<&Instance, CloudError> {
        self.instances.get(id).filter(|instance| instance.is_listed).ok_or_else(|| {
            refuse("InvalidInstanceID.NotFound", format!("the instance {id} does not exist"))
        })
    }

    /// Lists the ids of a node's instances that are not terminated, oldest first.
    #[must_use]
    pub fn instances_of(&self, node: &NodeName) -> Vec<InstanceId> {
        let mut found: Vec<&Instance> = self
            .instances
            .values()
            .filter(|instance| !instance.is_terminated())
            .filter(|instance| instance.owner.as_ref().is_some_and(|owner| owner.is_node(node)))
            .collect();
        found.sort_by_key(|instance| instance.number);
        found.into_iter().map(|instance| instance.id.clone()).collect()
    }

    /// Returns the id of a node's oldest living instance.
    #[must_use]
    pub fn instance_of(&self, node: &NodeName) -> Option<InstanceId> {
        self.instances_of(node).into_iter().next()
    }

    /// Returns an instance's true state; `None` when there never was such an instance.
    #[must_use]
    pub fn instance_state(&self, id: &InstanceId) -> Option<InstanceState> {
        self.instances.get(id).map(|instance| instance.state.clone())
    }

    /// Says whether an instance's ssh would answer now, if nothing stood between.
    #[must_use]
    pub fn is_up(&self, id: &InstanceId) -> bool {
        self.instances.get(id).is_some_and(|found| found.is_running() && found.machine.is_up)
    }

    /// Makes the by-passing request of an action by hand, without an adapter and its permit.
    ///
    /// # Errors
    /// As [`wucluster_core::ports::Cloud::issue`].
    pub fn ask(&mut self, action: &CloudAction) -> Result<Receipt, CloudError> {
        let seen_at = self.now;
        self.request(None, action, seen_at)
    }
}

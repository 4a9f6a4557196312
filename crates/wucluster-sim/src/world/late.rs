//! Requests that take effect long after they were asked, whoever is alive then.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::action::{CloudAction, Hazard, NodeAddress, ShellAction};
use wucluster_core::ids::{ClusterName, InstanceId, NodeName};
use wucluster_core::observation::{AttachmentState, InstanceState, VolumeState};
use wucluster_core::ports::Receipt;
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::state::World;
use crate::faults::{Fault, Upset};

/// Why a request is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Late {
    /// It was slow, which was felt when it was sent.
    Slow,
    /// Its effect was delayed.
    Delayed,
    /// It lands for the second time.
    Repeated,
}

impl Late {
    /// Returns the fault that is felt when it takes effect, unless it was felt before.
    fn fault(self) -> Option<&'static str> {
        let span = Duration::ZERO;
        match self {
            Self::Slow => None,
            Self::Delayed => Some(Fault::DelayedEffect { span, is_answered: false }.name()),
            Self::Repeated => Some(Fault::Repeated { after: span }.name()),
        }
    }
}

/// A request to the cloud on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parcel {
    pub(super) cluster: Option<ClusterName>,
    pub(super) action: CloudAction,
    pub(super) seen_at: Timestamp,
    pub(super) asked_at: Timestamp,
    pub(super) why: Late,
}

/// A request to a node on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShellParcel {
    pub(super) node: NodeName,
    pub(super) instance: InstanceId,
    pub(super) action: ShellAction,
    pub(super) seen_at: Timestamp,
    pub(super) asked_at: Timestamp,
    pub(super) run: Option<u64>,
    /// The boot of the machine that the connection was made to.
    pub(super) boots: u32,
}

/// A request that is on its way; see [`World::send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent(Timestamp, u64);

impl World {
    /// Sends a request to the cloud. Whoever sent it lets it arrive ([`World::arrives`]) and is answered; if nobody does, as
    /// the sender was killed meanwhile, it arrives by itself after a time, and nobody is.
    pub fn send(
        &mut self,
        cluster: Option<&ClusterName>,
        action: &CloudAction,
        seen_at: Timestamp,
        after: Duration,
    ) -> Sent {
        let parcel = Parcel {
            cluster: cluster.cloned(),
            action: action.clone(),
            seen_at,
            asked_at: self.now,
            why: Late::Slow,
        };
        self.post(after, Event::Lands(Box::new(parcel)))
    }

    /// Sends a request to a node, as [`World::send`] does to the cloud.
    pub fn send_to_node(
        &mut self,
        node: &NodeAddress,
        action: &ShellAction,
        seen_at: Timestamp,
        after: Duration,
    ) -> Sent {
        let parcel = ShellParcel {
            node: node.node.clone(),
            instance: node.instance.clone(),
            action: action.clone(),
            seen_at,
            asked_at: self.now,
            run: node.run,
            // What is not there has no boot that it could be the same as.
            boots: self.boots_of(&node.instance).unwrap_or(0),
        };
        self.post(after, Event::ShellLands(Box::new(parcel)))
    }

    fn post(&mut self, after: Duration, event: Event) -> Sent {
        let sent = Sent(self.now.after(after), self.next_event);
        self.schedule_at(sent.0, event);
        sent
    }

    /// Takes a request off its way, to be carried out now; says whether it was still on its way.
    pub fn arrives(&mut self, sent: Sent) -> bool {
        self.events.remove(&(sent.0, sent.1)).is_some()
    }

    pub(super) fn send_late(&mut self, after: Duration, parcel: Parcel) {
        self.note(format!("under way for {} ms: {}", after.as_millis(), parcel.action));
        self.schedule(after, Event::Lands(Box::new(parcel)));
    }

    /// Lets a request take effect now, if it still can. It is judged by what is so now.
    pub(super) fn lands(&mut self, parcel: &Parcel) {
        self.ledger.late_by = self.now.since(parcel.asked_at);
        let upset = Upset::default();
        let cluster = parcel.cluster.as_ref();
        let result = self.perform(cluster, &parcel.action, parcel.seen_at, &upset);
        self.ledger.late_by = Duration::ZERO;
        self.note(format!("landed {}: {result:?}", parcel.action));
        let takes_effect = result.is_ok_and(|receipt| receipt != Receipt::AlreadyDone);
        if let Some(fault) = parcel.why.fault().filter(|_| takes_effect) {
            self.fired(fault);
        }
    }

    pub(super) fn shell_lands(&mut self, parcel: &ShellParcel) {
        let id = &parcel.instance;
        let is_same = self.is_up(id) && self.boots_of(id) == Some(parcel.boots);
        if !is_same {
            self.note(format!("never arrived: {}", parcel.action));
            return;
        }
        if let Err(why) = self.enter_run(id, parcel.run) {
            self.note(format!("landed {}: {why}", parcel.action));
            return;
        }
        self.ledger.late_by = self.now.since(parcel.asked_at);
        let mut took = Duration::ZERO;
        let upset = Upset::default();
        let node = &parcel.node;
        let result = self.carry_out(node, id, &parcel.action, parcel.seen_at, &upset, &mut took);
        self.ledger.late_by = Duration::ZERO;
        self.note(format!("landed {}: {result:?}", parcel.action));
        if result.is_ok() {
            self.fired(Fault::ShellLate { span: Duration::ZERO }.name());
        }
    }

    /// Says whether the cloud would accept a request as things are.
    pub(super) fn would_accept(&self, action: &CloudAction) -> bool {
        match action {
            // A token that is known is answered from memory, and makes nothing now or later.
            CloudAction::RunInstance { zone, token, .. }
            | CloudAction::CreateVolume { zone, token, .. } => {
                !self.knows_token(action, zone.as_deref(), token)
            }
            CloudAction::CreateSnapshot { .. } => true,
            CloudAction::StartInstance { instance, .. } => {
                self.instance_state(instance) == Some(InstanceState::Stopped)
            }
            CloudAction::StopInstance { instance, .. } => {
                self.instance_state(instance) == Some(InstanceState::Running)
            }
            CloudAction::TerminateInstance { instance, .. } => {
                self.instances.get(instance).is_some_and(|found| {
                    found.is_listed
                        && !found.is_protected
                        && !matches!(
                            found.state,
                            InstanceState::ShuttingDown | InstanceState::Terminated
                        )
                })
            }
            CloudAction::AttachVolume { volume, instance, .. } => {
                self.may_attach(volume, instance).is_ok()
            }
            CloudAction::DetachVolume { volume, instance, .. } => {
                self.attachment_of(volume).is_some_and(|(to, state)| {
                    &to == instance
                        && matches!(state, AttachmentState::Attaching | AttachmentState::Attached)
                })
            }
            CloudAction::TagVolume { volume, .. } => self.known_volume(volume).is_ok(),
            CloudAction::GrowVolume { volume, size, .. } => self
                .known_volume(volume)
                .is_ok_and(|found| *size > found.size && found.grows_to.is_none()),
            CloudAction::Adopt { id, .. } => self.tags_of(id).is_some(),
            CloudAction::TagSnapshot { snapshot, .. } => self.snapshot_state(snapshot).is_some(),
            CloudAction::DeleteVolume { volume, .. } => {
                self.volume_state(volume) == Some(VolumeState::Available)
            }
            CloudAction::DeleteSnapshot { snapshot, .. } => {
                self.snapshot_state(snapshot).is_some() && !self.imaged.contains(snapshot)
            }
        }
    }
}

/// Says whether a request makes something, so that nobody can confirm it before it is made.
pub(super) fn creates(action: &CloudAction) -> bool {
    action.hazard() == Hazard::Creates
}

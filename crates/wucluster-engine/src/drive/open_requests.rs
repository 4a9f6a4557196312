//! Requests that may come late: what they would take away is not used meanwhile.

use wucluster_core::action::CloudAction;
use wucluster_core::ids::{InstanceId, NodeName, Subject};
use wucluster_core::memory::{AwaitedId, OpenRequest};
use wucluster_core::observation::{
    AttachmentState, InstanceSeen, InstanceState, NodeViews, Observation, VolumeState,
};

use super::Drive;
use crate::records::{Fact, may_come_late};

impl Drive<'_, '_> {
    /// Remembers a request that may come late, just before it is made.
    pub(super) fn note_open(&mut self, subject: &Subject, action: &CloudAction) {
        if !may_come_late(action) {
            return;
        }
        let asked_at = self.now();
        let until = asked_at.after(self.engine.cloud.limits().late_effect_max);
        let memory = self.memory.subjects.entry(subject.clone()).or_default();
        match memory.open_requests.iter_mut().find(|end| &end.action == action) {
            Some(end) => {
                (end.times, end.asked_at, end.until) = (end.times + 1, asked_at, until);
            }
            None => {
                let action = action.clone();
                memory.open_requests.push(OpenRequest { action, times: 1, asked_at, until });
            }
        }
    }

    /// Remembers that the answer to a request was lost: whoever carried it may have tried twice, and the effect that
    /// is seen may be that of the first try. Only a detachment can be asked for, have its effect, and harm later.
    pub(super) fn note_unanswered(&mut self, subject: &Subject, action: &CloudAction) {
        if matches!(action, CloudAction::DetachVolume { .. }) {
            self.note_open(subject, action);
        }
    }

    /// Remembers that a request was answered, well or badly.
    pub(super) fn note_heard(&mut self, subject: &Subject, action: &CloudAction) {
        if matches!(action, CloudAction::DetachVolume { .. }) {
            self.record(Fact::Heard { subject: subject.clone(), request: action.clone() });
        }
    }

    /// Forgets a request that was refused, unless it was asked for before.
    pub(super) fn note_refused(&mut self, subject: &Subject, action: &CloudAction) {
        let Some(memory) = self.memory.subjects.get_mut(subject) else { return };
        let once = |end: &OpenRequest| &end.action == action && end.times == 1;
        if memory.open_requests.iter().any(once) {
            memory.open_requests.retain(|end| !once(end));
            self.record(Fact::Settled { subject: subject.clone(), request: action.clone() });
        }
    }

    /// Forgets what was asked for once, and has come.
    pub(super) fn settle(&mut self, observation: &Observation) {
        let mut settled = Vec::new();
        let answers = &self.answers;
        for (subject, memory) in &mut self.memory.subjects {
            memory.open_requests.retain(|end| {
                let is_over = end.times == 1
                    && is_done(&end.action, observation)
                    && its_machine_says_so(end, observation, answers);
                if is_over {
                    settled.push((subject.clone(), end.action.clone()));
                }
                !is_over
            });
        }
        for (subject, request) in settled {
            self.record(Fact::Settled { subject, request });
        }
    }
}

/// Says whether a look shows that a request has taken effect.
fn is_done(action: &CloudAction, observation: &Observation) -> bool {
    match action {
        CloudAction::DetachVolume { mount, volume, instance } => observation
            .mount(mount)
            .and_then(|mount| mount.volumes.iter().find(|seen| &seen.id == volume))
            .is_some_and(|seen| {
                !seen
                    .open_attachments()
                    .any(|one| &one.instance == instance && one.state != AttachmentState::Detaching)
            }),
        CloudAction::AttachVolume { mount, volume, instance } => observation
            .mount(mount)
            .and_then(|mount| mount.volumes.iter().find(|seen| &seen.id == volume))
            .is_some_and(|seen| seen.open_attachments().any(|one| &one.instance == instance)),
        CloudAction::DeleteVolume { mount, volume, .. } => observation
            .mount(mount)
            .and_then(|mount| mount.volumes.iter().find(|seen| &seen.id == volume))
            .is_some_and(|seen| matches!(seen.state, VolumeState::Deleting | VolumeState::Deleted)),
        CloudAction::TerminateInstance { node, instance } => {
            observation.node(node).is_some_and(|node| {
                let is_it = |seen: &&InstanceSeen| &seen.id == instance;
                node.terminated.iter().any(|seen| is_it(&seen))
                    || node
                        .instances
                        .iter()
                        .find(is_it)
                        .is_some_and(|seen| seen.state == InstanceState::ShuttingDown)
            })
        }
        CloudAction::StopInstance { node, instance } => {
            observation.node(node).is_some_and(|node| {
                node.terminated.iter().any(|seen| &seen.id == instance)
                    || node.instances.iter().any(|seen| {
                        let is_off = matches!(
                            seen.state,
                            InstanceState::Stopping
                                | InstanceState::Stopped
                                | InstanceState::ShuttingDown
                        );
                        &seen.id == instance && is_off
                    })
            })
        }
        CloudAction::DeleteSnapshot { mount, snapshot, .. } => {
            observation.mount(mount).is_none_or(|mount| {
                let mut all = mount.snapshots.iter().chain(&mount.checkpoints);
                all.all(|seen| &seen.id != snapshot)
            })
        }
        // No listing tells the start that was asked for from one of before.
        CloudAction::StartInstance { .. } => true,
        _ => false,
    }
}

/// Says whether the machine that a volume was to be detached from has let go of it, or one that was to be started has
/// answered: a listing that goes back in time shows what was before the request, and a machine knows what it does.
fn its_machine_says_so(end: &OpenRequest, observation: &Observation, answers: &NodeViews) -> bool {
    let word = |name: &NodeName, instance: &InstanceId| {
        let word = answers.get(name).filter(|word| &word.instance == instance);
        word.filter(|word| word.asked_at > end.asked_at)?.probe.as_ref().ok()
    };
    match &end.action {
        CloudAction::StartInstance { node, instance } => word(node, instance).is_some(),
        CloudAction::DetachVolume { mount, volume, instance } => {
            let node = observation.node(&mount.node);
            let mut living = node.into_iter().flat_map(|node| &node.instances);
            !living.any(|seen| &seen.id == instance)
                || word(&mount.node, instance)
                    .is_some_and(|probe| !probe.devices.contains_key(&volume.serial()))
        }
        _ => true,
    }
}

/// Returns what a request ends.
pub(super) fn ended_by(action: &CloudAction) -> Option<AwaitedId> {
    match action {
        CloudAction::TerminateInstance { instance, .. } => {
            Some(AwaitedId::Instance(instance.clone()))
        }
        CloudAction::DeleteVolume { volume, .. } => Some(AwaitedId::Volume(volume.clone())),
        _ => None,
    }
}

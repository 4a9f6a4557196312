//! The ports between engine and simulator, with an ear on the wire.
//!
//! What passes here is what was really asked and answered, whatever the engine believes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use wucluster_core::action::{CloudAction, NodeAddress, ShellAction};
use wucluster_core::ids::{ClusterName, NodeName, Subject, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Contents, Found, Gap, NodeProbe, ProbeRequest};
use wucluster_core::ports::{
    Cloud, CloudError, CloudLimits, NodeShell, Receipt, ShellError, ShellReceipt,
};
use wucluster_core::time::Timestamp;
use wucluster_sim::{Sim, SimCloud, SimShell};

use crate::mail::{Kind, Mail};

/// A request that can change something, as it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When it was sent.
    pub at: Timestamp,
    /// About whom.
    pub subject: Subject,
    /// Its name.
    pub name: &'static str,
    /// When the look was begun that it rests on.
    pub seen_at: Timestamp,
    /// When it was answered, and whether well; `None` while it is on its way.
    pub answer: Option<(Timestamp, Result<(), String>)>,
    /// The id of what was made, as it was answered.
    pub made: Option<String>,
}

/// What passed.
#[derive(Debug, Default)]
pub struct Log {
    /// Requests that can change something, in the order of sending.
    pub calls: Vec<Call>,
    /// When looks at the cloud were begun.
    pub looks: Vec<Timestamp>,
    /// How often nodes were asked.
    pub probes: u64,
    /// Requests that were sent while another one about the same subject was on its way.
    pub doubled: Vec<(Subject, &'static str)>,
    /// Requests that rest on a look from before the last answer about their subject.
    pub outdated: Vec<(Subject, &'static str)>,
    /// Ids of everything that a look of this drive has shown.
    pub seen: BTreeSet<String>,
    /// Volumes on which a node showed anything at all, to any operator of the run, and when first.
    pub shown: BTreeMap<VolumeId, Timestamp>,
    /// What nodes answered last when they were asked whether they may be halted.
    pub may_halt: BTreeMap<NodeName, bool>,
    /// Nodes that run, said no, and were ended all the same.
    pub halted_despite_no: Vec<NodeName>,
    /// For which run nodes were asked last.
    pub run: Option<u64>,
    turns_left: Option<u64>,
    answered: BTreeMap<Subject, Timestamp>,
    on_the_way: BTreeMap<Subject, usize>,
}

impl Log {
    /// Forgets all; for the next drive. What was ever shown was shown.
    pub fn begin(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        *self = Self { shown, ..Self::default() };
    }

    /// Lists of whom something was asked that was not answered well, or was made and not seen.
    #[must_use]
    pub fn unseen(&self) -> BTreeSet<Subject> {
        let is_unseen = |call: &&Call| match (&call.answer, &call.made) {
            (Some((_, Ok(()))), Some(id)) => !self.seen.contains(id),
            (Some((_, Ok(()))), None) => false,
            (Some((_, Err(_))) | None, _) => true,
        };
        self.calls.iter().filter(is_unseen).map(|call| call.subject.clone()).collect()
    }

    /// Returns the last answer about a subject, if it was a refusal.
    #[must_use]
    pub fn last_refusal(&self, subject: &Subject) -> Option<&str> {
        let last = self.calls.iter().rev().find(|call| &call.subject == subject)?;
        match &last.answer {
            Some((_, Err(why))) => Some(why),
            Some((_, Ok(()))) | None => None,
        }
    }

    fn sent(&mut self, at: Timestamp, subject: Subject, name: &'static str, seen_at: Timestamp) {
        let under_way = self.on_the_way.entry(subject.clone()).or_default();
        if *under_way > 0 {
            self.doubled.push((subject.clone(), name));
        }
        *under_way += 1;
        if self.answered.get(&subject).is_some_and(|answered| seen_at <= *answered) {
            self.outdated.push((subject.clone(), name));
        }
        self.calls.push(Call { at, subject, name, seen_at, answer: None, made: None });
    }

    /// Takes the answers to requests. One from the cloud makes older looks worthless; one from a
    /// node says nothing about the cloud.
    fn answered(
        &mut self,
        from: usize,
        at: Timestamp,
        is_cloud: bool,
        results: Vec<Result<(), String>>,
    ) {
        for (call, result) in self.calls.iter_mut().skip(from).zip(results) {
            if let Some(count) = self.on_the_way.get_mut(&call.subject) {
                *count = count.saturating_sub(1);
            }
            if is_cloud {
                self.answered.insert(call.subject.clone(), at);
            }
            call.answer = Some((at, result));
        }
    }
}

/// A shared [`Log`], and the place at which an operator may be cut off.
#[derive(Debug, Clone, Default)]
pub struct Ear {
    /// What is on its way, where track is kept of it.
    pub mail: Mail,
    log: Arc<Mutex<Log>>,
    cut: Arc<Notify>,
}

impl Ear {
    /// Opens the log.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        // A log is whole between any two of its entries.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the n-th thing that passes from now on, a question or an answer, be the first one that
    /// does not, and returns then. A question that does not pass has no effect; an answer that does
    /// not pass leaves its effect behind. Dropped before that, it lets all pass again: whoever speaks through this ear after
    /// a drive that ended by itself is cut off by nobody.
    pub async fn deaf_from(&self, turn: u64) {
        let cut = Cut(self);
        self.log().turns_left = Some(turn.max(1));
        cut.0.cut.notified().await;
    }

    async fn pass(&self) {
        let is_cut = {
            let mut log = self.log();
            match &mut log.turns_left {
                None => false,
                Some(left) => {
                    *left = left.saturating_sub(1);
                    *left == 0
                }
            }
        };
        if is_cut {
            self.cut.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// Lets all pass again when it is dropped.
struct Cut<'a>(&'a Ear);

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.0.log().turns_left = None;
    }
}

/// The simulated cloud, overheard.
#[derive(Debug)]
pub struct WiredCloud {
    inner: Arc<SimCloud>,
    sim: Sim,
    ear: Ear,
}

/// The simulated nodes, overheard.
#[derive(Debug)]
pub struct WiredShell {
    inner: SimShell,
    sim: Sim,
    ear: Ear,
}

/// Puts an ear between an engine and a simulated world.
#[must_use]
pub fn wire(sim: &Sim, ear: &Ear) -> (WiredCloud, WiredShell) {
    let cloud = WiredCloud { inner: Arc::new(sim.cloud()), sim: sim.clone(), ear: ear.clone() };
    let shell = WiredShell { inner: sim.shell(), sim: sim.clone(), ear: ear.clone() };
    (cloud, shell)
}

#[async_trait]
impl Cloud for WiredCloud {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        self.ear.pass().await;
        self.ear.log().looks.push(self.sim.now());
        let view = self.inner.observe(cluster).await;
        if let Ok(view) = &view {
            let mut log = self.ear.log();
            log.seen.extend(view.instances.iter().map(|seen| seen.id.to_string()));
            log.seen.extend(view.volumes.iter().map(|seen| seen.id.to_string()));
            log.seen.extend(view.snapshots.iter().map(|seen| seen.id.to_string()));
        }
        self.ear.pass().await;
        view
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.inner.find(id).await
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        self.ear.pass().await;
        let now = self.sim.now();
        let from = {
            let mut log = self.ear.log();
            let from = log.calls.len();
            for action in actions {
                let (name, subject) = (action.action().name(), action.action().subject());
                log.sent(now, subject, name, self.sim.true_time(action.seen_at()));
                if let CloudAction::TerminateInstance { node, instance } = action.action()
                    && log.may_halt.get(node) == Some(&false)
                    && self.sim.peek(|world| world.is_up(instance))
                {
                    log.halted_despite_no.push(node.clone());
                }
            }
            from
        };
        let mail = &self.ear.mail;
        let answers = if mail.is_kept() {
            actions.iter().for_each(|action| mail.count(action.action().name()));
            let (inner, actions) = (Arc::clone(&self.inner), actions.to_vec());
            mail.carry(Kind::Requests, async move { inner.issue(&actions).await }).await
        } else {
            self.inner.issue(actions).await
        };
        self.ear.pass().await;
        let results =
            answers.iter().map(|answer| answer.as_ref().map(drop).map_err(ToString::to_string));
        let mut log = self.ear.log();
        log.answered(from, self.sim.now(), true, results.collect());
        for (call, answer) in log.calls.iter_mut().skip(from).zip(&answers) {
            call.made = match answer {
                Ok(Receipt::Instance(id)) => Some(id.to_string()),
                Ok(Receipt::Volume(id)) => Some(id.to_string()),
                Ok(Receipt::Snapshot(id)) => Some(id.to_string()),
                Ok(Receipt::Accepted | Receipt::AlreadyDone) | Err(_) => None,
            };
        }
        drop(log);
        answers
    }

    fn limits(&self) -> CloudLimits {
        self.inner.limits()
    }

    fn soonest(&self, request: &str) -> Duration {
        self.inner.soonest(request)
    }
}

#[async_trait]
impl NodeShell for WiredShell {
    async fn probe(&self, node: &NodeAddress, request: &ProbeRequest) -> Result<NodeProbe, Gap> {
        self.ear.pass().await;
        {
            let mut log = self.ear.log();
            log.probes += 1;
            log.run = node.run;
        }
        let probe = self.inner.probe(node, request).await;
        self.ear.pass().await;
        if let Ok(probe) = &probe {
            let shown = probe.devices.iter().filter(|(_, device)| {
                matches!(device.contents, Contents::Other(_) | Contents::Filesystem { .. })
            });
            // A serial number is the volume's id without its dash.
            let ids = shown.map(|(serial, _)| VolumeId::new(serial.replacen("vol", "vol-", 1)));
            let now = self.sim.now();
            let mut log = self.ear.log();
            for id in ids {
                log.shown.entry(id).or_insert(now);
            }
        }
        if let Ok(probe) = &probe
            && !probe.before_halt.is_empty()
        {
            let may = probe.before_halt.iter().all(|answer| answer.passed || !answer.hook.blocks);
            self.ear.log().may_halt.insert(node.node.clone(), may);
        }
        probe
    }

    async fn issue(
        &self,
        node: &NodeAddress,
        actions: &[Cleared<ShellAction>],
    ) -> Vec<Result<ShellReceipt, ShellError>> {
        self.ear.pass().await;
        let now = self.sim.now();
        let from = {
            let mut log = self.ear.log();
            let from = log.calls.len();
            for action in actions {
                let subject = Subject::Mount(action.action().mount().clone());
                let seen_at = self.sim.true_time(action.seen_at());
                log.sent(now, subject, action.action().name(), seen_at);
            }
            from
        };
        let mail = &self.ear.mail;
        let answers = if mail.is_kept() {
            actions.iter().for_each(|action| mail.count(action.action().name()));
            let (inner, node, actions) = (self.inner.clone(), node.clone(), actions.to_vec());
            mail.carry(Kind::Requests, async move { inner.issue(&node, &actions).await }).await
        } else {
            self.inner.issue(node, actions).await
        };
        self.ear.pass().await;
        let results =
            answers.iter().map(|answer| answer.as_ref().map(drop).map_err(ToString::to_string));
        self.ear.log().answered(from, self.sim.now(), false, results.collect());
        answers
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn who_speaks_after_a_drive_that_ended_by_itself_is_cut_off_by_nobody() {
        let ear = Ear::default();
        let mut cut = Box::pin(ear.deaf_from(2));
        assert!(cut.as_mut().now_or_never().is_none());
        assert!(ear.pass().now_or_never().is_some(), "the first one passes");
        drop(cut);
        for turn in 2..5 {
            assert!(ear.pass().now_or_never().is_some(), "turn {turn} is nobody's last");
        }
    }

    #[test]
    fn at_its_turn_an_operator_is_cut_off() {
        let ear = Ear::default();
        let mut cut = Box::pin(ear.deaf_from(2));
        assert!(cut.as_mut().now_or_never().is_none());
        assert!(ear.pass().now_or_never().is_some());
        assert!(ear.pass().now_or_never().is_none(), "the second one does not pass");
        assert!(cut.as_mut().now_or_never().is_some());
    }
}

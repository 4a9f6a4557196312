//! The engine: looks, plans, asks, looks again, until a demand holds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use wucluster_core::action::NodeAddress;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::interlock::{Hold, rename};
use wucluster_core::observation::{
    CloudView, Gap, GapKind, InstanceState, NodeView, NodeViews, Observation,
};
use wucluster_core::planner::{Ask, probe_request};
use wucluster_core::policy::Policy;
use wucluster_core::ports::{Clock, Cloud, CloudError, NodeShell};

use crate::drive::Drive;
use crate::event::{EngineEvent, Progress};
use crate::records::Records;
use crate::stop::Stop;
use crate::store::{Dismissed, Tenure};

/// Everything that one drive needs to know.
#[derive(Debug, Clone)]
pub struct Pursuit {
    /// The cluster.
    pub definition: ClusterDefinition,
    /// The state that is demanded.
    pub demand: Demand,
    /// What is permitted.
    pub policy: Policy,
    /// Stop waiting after this time. Nothing is undone and nothing is destroyed by it.
    pub timeout: Option<Duration>,
    /// How long to go on trying what is held and may clear by itself, such as a busy mount.
    pub wait: Duration,
    /// What earlier drives left.
    pub records: Records,
    /// The right to drive, where it is shared with others: what is done is written there first. `None`: nobody else
    /// drives, and nothing is written.
    pub tenure: Option<Arc<Tenure>>,
}

/// How a drive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The demand holds.
    Reached,
    /// Everything that could be done is done; these holds keep the rest.
    Held(Vec<Hold>),
    /// The time limit passed; what is under way goes on by itself.
    Stalled,
    /// A person interrupted; what is under way goes on by itself.
    Interrupted,
    /// The cloud cannot be looked at.
    Failed(CloudError),
    /// The right to drive was lost: nothing is asked any more; what is under way goes on by itself.
    Dismissed(Dismissed),
}

impl Outcome {
    /// Returns a word for it, as the journal has it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Held(_) => "held",
            Self::Stalled => "stalled",
            Self::Interrupted => "interrupted",
            Self::Failed(_) => "failed",
            Self::Dismissed(_) => "dismissed",
        }
    }
}

/// The last state of a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How it ended.
    pub outcome: Outcome,
    /// How far it came; `None` when nothing could be seen.
    pub progress: Option<Progress>,
    /// The last observation; `None` when nothing could be seen.
    pub observation: Option<Observation>,
    /// How many requests were made, looks included.
    pub requests: u64,
}

/// What is still to be done once a demand holds, before the right to drive is given back.
#[async_trait]
pub trait LastAct: Send + Sync {
    /// Does it, once. It is dropped in the middle when a person interrupts, or when the right to drive is lost; what it leaves
    /// it must be able to do another time.
    async fn perform(&self);
}

/// Drives clusters to demanded states, over the ports.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    pub(crate) last_act: Option<&'a dyn LastAct>,
    pub(crate) cloud: &'a dyn Cloud,
    pub(crate) shell: &'a dyn NodeShell,
    pub(crate) clock: &'a dyn Clock,
}

impl<'a> Engine<'a> {
    /// Makes an engine over a cloud, a way to speak to nodes, and a clock.
    #[must_use]
    pub fn new(cloud: &'a dyn Cloud, shell: &'a dyn NodeShell, clock: &'a dyn Clock) -> Self {
        Self { cloud, shell, clock, last_act: None }
    }

    /// Has something done at the end of each drive that reaches its demand.
    #[must_use]
    pub fn and_last(self, act: &'a dyn LastAct) -> Self {
        Self { last_act: Some(act), ..self }
    }

    /// Drives the cluster until the demand holds, is held, runs out of time, or is interrupted.
    ///
    /// Idempotent: it may be repeated at any time, from any state, and does less the second time.
    /// `emit` is told everything that happens, in order; it must not block for long.
    pub async fn pursue(
        &self,
        pursuit: Pursuit,
        stop: Stop,
        emit: &mut (dyn FnMut(&EngineEvent) + Send),
    ) -> Ending {
        Drive::new(*self, pursuit, stop, emit).run().await
    }

    /// Looks once at the cloud and, at once, at every node that may answer within `patience`.
    ///
    /// # Errors
    /// [`CloudError`] when the cloud cannot be looked at. A silent node is no error: it is a gap.
    pub async fn look(
        &self,
        definition: &ClusterDefinition,
        ask: Ask,
        patience: Duration,
    ) -> Result<Observation, CloudError> {
        self.look_as(definition, ask, patience, None).await
    }

    /// Looks once, and tells nodes for which run, if for any.
    pub(crate) async fn look_as(
        &self,
        definition: &ClusterDefinition,
        ask: Ask,
        patience: Duration,
        run: Option<u64>,
    ) -> Result<Observation, CloudError> {
        let view = self.cloud.observe(&definition.name).await?;
        Ok(self.ask_nodes(definition, view, ask, (patience, run)).await)
    }

    /// Looks as [`Engine::look`] does, and shows it as it will be once what the definition renames has its new name, for plans.
    ///
    /// # Errors
    /// [`CloudError`] when the cloud cannot be looked at. A silent node is no error: it is a gap.
    pub async fn look_as_renamed(
        &self,
        definition: &ClusterDefinition,
        ask: Ask,
        patience: Duration,
    ) -> Result<Observation, CloudError> {
        let view = self.cloud.observe(&definition.name).await?;
        let view = rename::as_renamed(definition, view);
        Ok(self.ask_nodes(definition, view, ask, (patience, None)).await)
    }

    async fn ask_nodes(
        &self,
        definition: &ClusterDefinition,
        view: CloudView,
        ask: Ask,
        (patience, run): (Duration, Option<u64>),
    ) -> Observation {
        let mut answers = NodeViews::new();
        // The second round asks what the first showed to be worth asking: readiness checks need to
        // know that everything is mounted.
        for round in 0..2 {
            let observation = Observation::assemble(definition, &view, &answers);
            let asked = observation.nodes.iter().filter_map(|node| {
                let instance = node.instance().filter(|one| one.state == InstanceState::Running)?;
                let ssh = instance.ssh.clone()?;
                let request = probe_request(definition, ask, &observation, node);
                let has_checks = !request.ready.is_empty() || !request.before_halt.is_empty();
                if round > 0 && (!has_checks || node.probe.present().is_none()) {
                    return None;
                }
                let address = NodeAddress {
                    node: node.name.clone(),
                    instance: instance.id.clone(),
                    ssh,
                    run,
                };
                Some(async move {
                    let asked_at = self.clock.now();
                    let probe = tokio::select! {
                        probe = self.shell.probe(&address, &request) => probe,
                        () = self.clock.sleep(patience) => Err(Gap {
                            kind: GapKind::NoAnswer,
                            why: format!("no answer within {}s", patience.as_secs()),
                            at: asked_at,
                        }),
                    };
                    (address.node, NodeView { instance: address.instance, asked_at, probe })
                })
            });
            let asked: Vec<_> = asked.collect();
            if asked.is_empty() {
                break;
            }
            answers.extend(join_all(asked).await);
        }
        Observation::assemble(definition, &view, &answers)
    }
}

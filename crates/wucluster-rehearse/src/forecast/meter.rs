//! A cloud and its nodes with a meter at each: who was asked what, when, and how it was answered.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::action::{CloudAction, NodeAddress, ShellAction};
use wucluster_core::ids::{ClusterName, NodeName};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found, Gap, NodeProbe, ProbeRequest};
use wucluster_core::ports::{
    Cloud, CloudError, CloudLimits, NodeShell, Receipt, RequestBudget, ShellError, ShellReceipt,
};
use wucluster_core::time::Timestamp;
use wucluster_sim::{Sim, SimCloud, SimShell};

/// How many things one page of a listing holds. Source: EC2 API reference, `MaxResults`.
const PAGE: usize = 500;

/// One request to the cloud.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) at: Timestamp,
    pub(crate) request: &'static str,
    pub(crate) is_throttled: bool,
    pub(crate) is_failed: bool,
}

/// One look at a node.
#[derive(Debug, Clone)]
pub(crate) struct Glimpse {
    pub(crate) at: Timestamp,
    pub(crate) node: NodeName,
    pub(crate) is_answered: bool,
}

/// The ports of a simulated world, metered.
#[derive(Debug)]
pub(crate) struct Meter {
    sim: Sim,
    cloud: SimCloud,
    shell: SimShell,
    calls: Mutex<Vec<Call>>,
    glimpses: Mutex<Vec<Glimpse>>,
}

impl Meter {
    pub(crate) fn new(sim: &Sim) -> Self {
        Self {
            sim: sim.clone(),
            cloud: sim.cloud(),
            shell: sim.shell(),
            calls: Mutex::default(),
            glimpses: Mutex::default(),
        }
    }

    /// Takes what was metered.
    pub(crate) fn read(self) -> (Vec<Call>, Vec<Glimpse>) {
        let calls = self.calls.into_inner().unwrap_or_else(PoisonError::into_inner);
        let glimpses = self.glimpses.into_inner().unwrap_or_else(PoisonError::into_inner);
        (calls, glimpses)
    }

    fn count(&self, at: Timestamp, request: &'static str, error: Option<&CloudError>) {
        let is_throttled = error.is_some_and(|error| error.code == "RequestLimitExceeded");
        let call = Call { at, request, is_throttled, is_failed: error.is_some() };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

#[async_trait]
impl Cloud for Meter {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        let at = self.sim.now();
        let result = self.cloud.observe(cluster).await;
        let pages = match &result {
            // Which of the listings failed is not told; it cost one request at least.
            Err(_) => [1, 0, 0],
            Ok(view) => [view.instances.len(), view.volumes.len(), view.snapshots.len()]
                .map(|things| things.div_ceil(PAGE).max(1)),
        };
        let names = ["DescribeInstances", "DescribeVolumes", "DescribeSnapshots"];
        for (request, pages) in names.into_iter().zip(pages) {
            for _ in 0..pages {
                self.count(at, request, result.as_ref().err());
            }
        }
        result
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.cloud.find(id).await
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        let at = self.sim.now();
        let answers = self.cloud.issue(actions).await;
        for (action, answer) in actions.iter().zip(&answers) {
            self.count(at, action.action().name(), answer.as_ref().err());
        }
        answers
    }

    fn limits(&self) -> CloudLimits {
        self.cloud.limits()
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        self.cloud.budget(request)
    }

    fn soonest(&self, request: &str) -> Duration {
        self.cloud.soonest(request)
    }
}

#[async_trait]
impl NodeShell for Meter {
    async fn probe(&self, node: &NodeAddress, request: &ProbeRequest) -> Result<NodeProbe, Gap> {
        let answer = self.shell.probe(node, request).await;
        let glimpse =
            Glimpse { at: self.sim.now(), node: node.node.clone(), is_answered: answer.is_ok() };
        self.glimpses.lock().unwrap_or_else(PoisonError::into_inner).push(glimpse);
        answer
    }

    async fn issue(
        &self,
        node: &NodeAddress,
        actions: &[Cleared<ShellAction>],
    ) -> Vec<Result<ShellReceipt, ShellError>> {
        self.shell.issue(node, actions).await
    }
}

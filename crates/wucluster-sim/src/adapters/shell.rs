//! The world's nodes as a shell.

use async_trait::async_trait;
use wucluster_core::action::{NodeAddress, ShellAction};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{Gap, NodeProbe, ProbeRequest};
use wucluster_core::ports::{NodeShell, ShellError, ShellReceipt};

use super::shared::Sim;

/// The way into the simulated nodes.
#[derive(Debug, Clone)]
pub struct SimShell {
    sim: Sim,
}

impl SimShell {
    pub(super) fn new(sim: Sim) -> Self {
        Self { sim }
    }

    async fn half_call(&self) {
        let span = self.sim.with(|world| world.durations().shell_call);
        self.sim.sleep(self.sim.half_call(span)).await;
    }
}

#[async_trait]
impl NodeShell for SimShell {
    async fn probe(&self, node: &NodeAddress, request: &ProbeRequest) -> Result<NodeProbe, Gap> {
        self.half_call().await;
        let (answer, took) = self.sim.with(|world| world.probe(node, request));
        self.sim.sleep(took).await;
        self.half_call().await;
        answer
    }

    async fn issue(
        &self,
        node: &NodeAddress,
        actions: &[Cleared<ShellAction>],
    ) -> Vec<Result<ShellReceipt, ShellError>> {
        self.half_call().await;
        let mut answers = Vec::with_capacity(actions.len());
        let mut is_cut = false;
        for cleared in actions {
            if is_cut {
                answers.push(Err(ShellError::NoAnswer("the connection was lost".to_owned())));
                continue;
            }
            let seen_at = self.sim.true_time(cleared.seen_at());
            let (answer, took) = self.sim.with(|world| {
                let answer = world.shell(node, cleared.action(), seen_at);
                is_cut = world.take_cut();
                answer
            });
            self.sim.sleep(took).await;
            answers.push(answer);
        }
        self.half_call().await;
        answers
    }
}

//! Requests to a node whose connection is lost on the way.

use std::time::Duration;

use wucluster_core::action::{NodeAddress, ShellAction};
use wucluster_core::ids::{InstanceId, NodeName};
use wucluster_core::ports::{ShellError, ShellReceipt};
use wucluster_core::time::Timestamp;

use super::event::Event;
use super::late::ShellParcel;
use super::shell::lost;
use super::state::World;
use crate::faults::{Cut, Fault, Leaves, Upset};

impl World {
    /// Answers a request that never gets to its end: cut off, or late.
    pub(super) fn interrupted(
        &mut self,
        node: &NodeAddress,
        id: &InstanceId,
        action: &ShellAction,
        seen_at: Timestamp,
        upset: &Upset,
    ) -> Option<(Result<ShellReceipt, ShellError>, Duration)> {
        if let Some((fault, cut)) = upset.is_cut() {
            self.fired(fault);
            self.is_cut = true;
            let mut took = Duration::ZERO;
            if cut == Cut::During && self.enter_run(id, node.run).is_ok() {
                self.half_do(&node.node, id, action, seen_at, &mut took);
            }
            return Some((Err(lost()), took));
        }
        let (_, span) = upset.arrives_late()?;
        let boots = self.boots_of(id)?;
        let run = node.run;
        let (node, instance) = (node.node.clone(), id.clone());
        let (action, asked_at) = (action.clone(), self.now);
        let parcel = ShellParcel { node, instance, action, seen_at, asked_at, run, boots };
        self.note(format!("under way for {} ms: {}", span.as_millis(), parcel.action));
        self.schedule(span, Event::ShellLands(Box::new(parcel)));
        self.is_cut = true;
        let hang = self.durations.hang;
        Some((Err(ShellError::NoAnswer("the connection timed out".to_owned())), hang))
    }

    /// Does half of a request.
    fn half_do(
        &mut self,
        node: &NodeName,
        id: &InstanceId,
        action: &ShellAction,
        seen_at: Timestamp,
        took: &mut Duration,
    ) {
        match action {
            ShellAction::MakeFilesystem { .. } => {
                let fault = Fault::MkfsFails { leaves: Leaves::Torn };
                let mut upset = Upset::default();
                upset.add(&fault);
                drop(self.carry_out(node, id, action, seen_at, &upset, took));
            }
            ShellAction::Mount { .. } | ShellAction::GrowFilesystem { .. } => {
                drop(self.carry_out(node, id, action, seen_at, &Upset::default(), took));
            }
            ShellAction::Unmount { before, .. } => {
                for hook in before {
                    *took += self.run_hook(node, hook).1;
                }
            }
            ShellAction::Freeze { .. } | ShellAction::Thaw { .. } => {
                drop(self.carry_out(node, id, action, seen_at, &Upset::default(), took));
            }
        }
    }
}

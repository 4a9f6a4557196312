//! Hooks: what a node's programmable scripts answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::definition::Hook;
use wucluster_core::ids::NodeName;
use wucluster_core::observation::CheckResult;
use wucluster_core::time::Timestamp;

use super::state::World;

/// One answer of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether its exit status is 0.
    pub passes: bool,
    /// What it prints.
    pub output: String,
    /// How long it takes; beyond the hook's time limit it is ended, which is a no.
    pub takes: Duration,
}

impl Answer {
    /// Makes a yes without a word.
    #[must_use]
    pub fn yes() -> Self {
        Self { passes: true, output: String::new(), takes: Duration::ZERO }
    }

    /// Makes a no with what it prints.
    #[must_use]
    pub fn no(output: &str) -> Self {
        Self { passes: false, output: output.to_owned(), takes: Duration::ZERO }
    }

    /// Returns the answer given only after that time.
    #[must_use]
    pub fn after(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }
}

/// What a hook answers each time that it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookScript {
    /// The first answers, one for each run.
    pub first: VecDeque<Answer>,
    /// The answer to every later run.
    pub then: Answer,
}

impl HookScript {
    /// Makes a script that always answers the same.
    #[must_use]
    pub fn always(then: Answer) -> Self {
        Self { first: VecDeque::new(), then }
    }

    /// Makes a script that says no a number of times, and yes ever after.
    #[must_use]
    pub fn yes_after(noes: usize, output: &str) -> Self {
        Self { first: (0..noes).map(|_| Answer::no(output)).collect(), then: Answer::yes() }
    }

    fn next(&mut self) -> Answer {
        self.first.pop_front().unwrap_or_else(|| self.then.clone())
    }
}

/// One run of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// When.
    pub at: Timestamp,
    /// On which node.
    pub node: NodeName,
    /// The command.
    pub run: String,
    /// Whether it said yes.
    pub passed: bool,
}

/// The scripts of all nodes, and their runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Hooks {
    #[serde(with = "crate::persist::pairs")]
    scripts: BTreeMap<(NodeName, String), HookScript>,
    runs: Vec<HookRun>,
}

impl World {
    /// Says what the command `run` answers on a node; without a script it says yes at once, except
    /// for `false` and `exit N`, which do what they say.
    ///
    /// Scripts stay with the node's name, whatever instance it runs on.
    pub fn script_hook(&mut self, node: &NodeName, run: &str, script: HookScript) {
        self.hooks.scripts.insert((node.clone(), run.to_owned()), script);
    }

    /// Lists all runs of hooks in their order.
    #[must_use]
    pub fn hook_runs(&self) -> &[HookRun] {
        &self.hooks.runs
    }

    /// Runs a hook; returns its answer and how long it took.
    pub(super) fn run_hook(&mut self, node: &NodeName, hook: &Hook) -> (CheckResult, Duration) {
        let script = self.hooks.scripts.get_mut(&(node.clone(), hook.run.clone()));
        let answer = script.map_or_else(|| unscripted(&hook.run), HookScript::next);
        let is_late = answer.takes > hook.timeout;
        let passed = answer.passes && !is_late;
        let output = if is_late { "ended: it ran out of time".to_owned() } else { answer.output };
        let run = HookRun { at: self.now, node: node.clone(), run: hook.run.clone(), passed };
        self.hooks.runs.push(run);
        self.note(format!("hook {node} `{}` {}", hook.run, if passed { "yes" } else { "no" }));
        (CheckResult { hook: hook.clone(), passed, output }, answer.takes.min(hook.timeout))
    }
}

/// Answers a command that nobody programmed.
fn unscripted(run: &str) -> Answer {
    let is_no = run == "false" || run.strip_prefix("exit ").is_some_and(|status| status != "0");
    if is_no { Answer::no("") } else { Answer::yes() }
}

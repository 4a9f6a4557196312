//! What is drawn in full, and what is folded behind what it is like.

use std::collections::BTreeMap;

use wucluster_core::ids::{NodeName, Subject};

use super::timeline::kind_of;
use crate::report::{Bar, group_of};

/// As many bars are drawn without folding.
const WHOLE_MAX: usize = 60;

/// As many nodes that are alike are folded behind one of them.
const ALIKE_MIN: usize = 4;

/// A node's bar, with those of its mounts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// The bars: the node's first.
    pub(super) bars: &'a [Bar],
}

/// Nodes of one group whose bars are alike: one that is drawn, and the rest.
#[derive(Debug)]
pub(super) struct Fold<'a> {
    /// The one that was the last to come to rest.
    pub(super) shown: Block<'a>,
    /// All others, by number.
    pub(super) behind: Vec<Block<'a>>,
}

impl Block<'_> {
    /// Returns the node's name.
    pub(super) fn name(&self) -> String {
        self.bars
            .first()
            .and_then(|bar| bar.subject.node())
            .map_or_else(String::new, ToString::to_string)
    }

    /// Returns what those that are alike have in common: group and mounts, how they began and ended, what somebody had to see
    /// to, what held them, and whether requests failed.
    ///
    /// What they passed on the way is no difference: looks catch a state that lasts a moment, or do not.
    fn likeness(&self) -> Vec<String> {
        let mut likeness = Vec::new();
        for bar in self.bars {
            likeness.push(match &bar.subject {
                Subject::Mount(key) => key.mount.to_string(),
                other => other.node().map_or_else(String::new, |node| group_of(node).0.to_owned()),
            });
            let ends = bar.stretches.first().into_iter().chain(bar.stretches.last());
            likeness.extend(ends.map(|one| format!("is {}", one.state)));
            let bad = bar.stretches.iter().filter(|one| kind_of(&one.state) == "bad");
            likeness.extend(bad.map(|one| format!("was {}", one.state)));
            likeness.extend(bar.hatches.iter().map(|one| format!("held {}", one.code)));
        }
        let has_failed =
            self.bars.iter().flat_map(|bar| &bar.marks).any(|mark| mark.error.is_some());
        likeness.push(has_failed.to_string());
        likeness
    }

    /// Returns when something about it last changed, was asked or was held.
    fn last(&self) -> Option<i64> {
        let changes = self.bars.iter().flat_map(|bar| &bar.stretches).map(|one| one.from);
        let marks = self.bars.iter().flat_map(|bar| &bar.marks).map(|mark| mark.at);
        changes.chain(marks).map(wucluster_core::time::Timestamp::as_millis).max()
    }
}

/// Splits bars into blocks, a node with its mounts each.
fn blocks(bars: &[Bar]) -> Vec<Block<'_>> {
    let node = |bar: &Bar| -> Option<NodeName> { bar.subject.node().cloned() };
    bars.chunk_by(|one, other| node(one) == node(other)).map(|bars| Block { bars }).collect()
}

/// Folds what is alike, where there are more bars than anybody would look at.
pub(super) fn folds(bars: &[Bar]) -> Vec<Fold<'_>> {
    let single = |shown| Fold { shown, behind: Vec::new() };
    let blocks = blocks(bars);
    if bars.len() <= WHOLE_MAX {
        return blocks.into_iter().map(single).collect();
    }
    let mut alike: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    for (at, block) in blocks.iter().enumerate() {
        alike.entry(block.likeness()).or_default().push(at);
    }
    // Each fold stands where its first node would.
    let mut folds: BTreeMap<usize, Fold<'_>> = BTreeMap::new();
    for members in alike.into_values() {
        if members.len() < ALIKE_MIN {
            folds.extend(members.into_iter().map(|at| (at, single(blocks[at]))));
            continue;
        }
        let first = members[0];
        let shown = members.iter().copied().max_by_key(|at| blocks[*at].last()).unwrap_or(first);
        let behind = members.iter().filter(|at| **at != shown).map(|at| blocks[*at]).collect();
        folds.insert(first, Fold { shown: blocks[shown], behind });
    }
    folds.into_values().collect()
}

#[cfg(test)]
mod tests {
    use crate::report::testing::{Journal, changed, held};

    use super::*;

    fn report(nodes: usize, more: impl FnOnce(&mut Journal)) -> Vec<Bar> {
        let mut journal = Journal { events: Vec::new(), ..Journal::put_away() };
        for number in 1..=nodes {
            let seconds = if number == 7 { 50 } else { 10 };
            journal.events.push(changed(seconds, &format!("worker-{number}"), "away", "running"));
            journal.events.push(changed(9, &format!("worker-{number}/a"), "away", "mounted"));
        }
        more(&mut journal);
        journal.events.sort_by_key(|event| event.at);
        journal.report().bars
    }

    fn told(bars: &[Bar]) -> Vec<String> {
        let line = |fold: &Fold<'_>| format!("{} and {}", fold.shown.name(), fold.behind.len());
        folds(bars).iter().map(line).collect()
    }

    #[test]
    fn few_nodes_are_drawn_one_by_one() {
        assert_eq!(told(&report(30, |_| {})).len(), 30);
    }

    #[test]
    fn many_that_are_alike_are_folded_behind_the_last_of_them() {
        assert_eq!(told(&report(40, |_| {})), ["worker-7 and 39"]);
    }

    #[test]
    fn what_ended_otherwise_or_needed_somebody_is_not_folded_away() {
        let bars = report(40, |journal| {
            journal.events.push(held(20, "worker-3/a", "busy"));
            journal.events.push(changed(60, "worker-12", "running", "stopped"));
            journal.events.push(changed(5, "worker-20", "away", "pending"));
            journal.events.push(changed(5, "worker-30", "away", "impaired"));
        });
        assert_eq!(
            told(&bars),
            ["worker-7 and 36", "worker-3 and 0", "worker-12 and 0", "worker-30 and 0"]
        );
    }
}

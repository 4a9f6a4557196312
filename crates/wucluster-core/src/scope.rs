//! Scopes: which part of a cluster a demand is about.

use std::fmt;
use std::str::FromStr;

use glob::Pattern;

use crate::demand::Demand;
use crate::ids::{MountKey, NodeName, Subject};
use crate::observation::{MountObservation, NodeObservation, Observation};
use crate::shell::quoted;

/// Nodes or mounts, by names with `*`, `?` and `[...]`: `worker-*` with all their mounts, or `*/scratch`.
///
/// Names have no `/`, so neither has what a `*` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    node: Pattern,
    mount: Option<Pattern>,
}

impl Part {
    /// Says whether it names this node, and with it all of its mounts.
    #[must_use]
    pub fn has_node(&self, name: &NodeName) -> bool {
        self.mount.is_none() && self.node.matches(name.as_str())
    }

    /// Says whether it names this mount, by itself or with its node.
    #[must_use]
    pub fn has_mount(&self, key: &MountKey) -> bool {
        self.node.matches(key.node.as_str())
            && self.mount.as_ref().is_none_or(|mount| mount.matches(key.mount.as_str()))
    }
}

impl FromStr for Part {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = |word: &str| {
            if word.is_empty() {
                return Err(format!("`{text}` lacks a name: it is NODE or NODE/MOUNT"));
            }
            Pattern::new(word).map_err(|error| format!("`{text}` is no pattern: {error}"))
        };
        match text.split_once('/') {
            None => Ok(Self { node: pattern(text)?, mount: None }),
            Some((_, mount)) if mount.contains('/') => {
                Err(format!("`{text}` has more than one `/`: it is NODE or NODE/MOUNT"))
            }
            Some((node, mount)) => Ok(Self { node: pattern(node)?, mount: Some(pattern(mount)?) }),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.node.as_str())?;
        self.mount.as_ref().map_or(Ok(()), |mount| write!(f, "/{}", mount.as_str()))
    }
}

/// Which part of a cluster a demand is about: all of it, or what some [`Part`]s name.
///
/// What is left out is neither asked for anything nor waited for, and says nothing about whether the demand holds. A mount
/// that is to come up takes its node along; a node takes its mounts along, in both directions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    parts: Vec<Part>,
    takes_away_removed: bool,
}

impl Scope {
    /// Makes the scope of what these parts name; the whole cluster, if there are none.
    #[must_use]
    pub fn of(parts: Vec<Part>) -> Self {
        Self { parts, takes_away_removed: false }
    }

    /// The same, and what of it has left the definition is put away though the demand brings things up. Nothing is deleted
    /// that the [`crate::policy::Consent`] does not cover.
    #[must_use]
    pub fn and_take_away_removed(self) -> Self {
        Self { takes_away_removed: true, ..self }
    }

    /// Says whether it is all of the cluster.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.is_empty()
    }

    /// Lists its parts; none: it is the whole cluster.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Says whether a node or mount is named, or all are.
    #[must_use]
    pub fn has(&self, subject: &Subject) -> bool {
        let named = |part: &Part| match subject {
            Subject::Node(node) => part.has_node(node),
            Subject::Mount(key) => part.has_mount(key),
            Subject::Cluster | Subject::Stranger(_) => false,
        };
        self.is_whole() || self.parts.iter().any(named)
    }

    /// Says whether a mount is named, by itself or with its node, or all are.
    #[must_use]
    pub fn has_mount(&self, key: &MountKey) -> bool {
        self.is_whole() || self.parts.iter().any(|part| part.has_mount(key))
    }

    /// Returns what a demand wants of a node; `None`: nothing.
    #[must_use]
    pub fn of_node(
        &self,
        demand: Demand,
        node: &NodeObservation,
        observation: &Observation,
    ) -> Option<Demand> {
        let is_named = self.has(&Subject::Node(node.name.clone()));
        if !demand.is_upward() {
            return is_named.then_some(demand);
        }
        if !node.is_defined {
            return (is_named && self.takes_away_removed).then_some(Demand::Away);
        }
        if is_named {
            return Some(demand);
        }
        let mut mounts = observation.mounts_of(&node.name).filter(|mount| mount.is_defined);
        let carries = mounts.any(|mount| self.has(&Subject::Mount(mount.key.clone())));
        // Its mounts need it to run; whether it is ready for more is nobody's question.
        carries.then(|| if demand == Demand::Launched { Demand::Mounted } else { demand })
    }

    /// Returns what a demand wants of a mount; `None`: nothing.
    #[must_use]
    pub fn of_mount(&self, demand: Demand, mount: &MountObservation) -> Option<Demand> {
        if !self.has(&Subject::Mount(mount.key.clone())) {
            return None;
        }
        match (demand.is_upward(), mount.is_defined) {
            (true, false) => self.takes_away_removed.then_some(Demand::Away),
            (true, true) | (false, _) => Some(demand),
        }
    }

    /// Lists its parts as they were written.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.parts.iter().map(ToString::to_string).collect()
    }

    /// Returns the command that makes this demand, without the program's name.
    #[must_use]
    pub fn command(&self, demand: Demand) -> String {
        format!("{}{}", demand.command(), self.options())
    }

    /// Returns its options as they are written after a command, each with a space before it.
    #[must_use]
    pub fn options(&self) -> String {
        let option = |part: &Part| format!(" --only {}", quoted(&part.to_string()));
        self.parts.iter().map(option).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part {
        text.parse().unwrap()
    }

    fn key(text: &str) -> MountKey {
        MountKey::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_node_comes_with_its_mounts_and_a_mount_by_itself() {
        let worker = NodeName::new("worker-1").unwrap();
        assert!(part("worker-*").has_node(&worker));
        assert!(part("worker-*").has_mount(&key("worker-1/scratch")));
        assert!(!part("worker-*/scratch").has_node(&worker));
        assert!(part("worker-*/scratch").has_mount(&key("worker-1/scratch")));
        assert!(!part("worker-*/scratch").has_mount(&key("worker-1/home")));
        assert!(!part("worker").has_mount(&key("worker-1/home")));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wrong in ["", "/", "a/", "/b", "a/b/c", "[a"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_can_be_copied_into_a_shell() {
        let scope = Scope::of(vec![part("chief"), part("worker-*/scratch")]);
        assert_eq!(scope.command(Demand::Away), "put-away --only chief --only 'worker-*/scratch'");
        assert_eq!(Scope::default().command(Demand::Mounted), "become mounted");
    }
}

//! Several nodes in one word: which of them share a call, and who is who of what it makes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::CloudAction;
use crate::ids::NodeName;
use crate::tags::{KEY_CLUSTER, KEY_NAME, KEY_NODE, KEY_NODES, Tags};

/// The longest text of a set, so that a tag holds it, also behind the cluster's name. Unit: characters.
///
/// Source: EC2's limit of 256 for a tag's value, less a cluster's name and a slash.
const TEXT_MAX: usize = 220;

/// Most nodes that a text is read as: whoever writes a tag by hand gets no more.
const NODES_MAX: usize = 1000;

/// Nodes in an order, written briefly: `chief worker-1..40 worker-42`.
///
/// The order is that of names with numbers read as numbers, so that equal sets are written alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeSet(Arc<str>);

impl NodeSet {
    /// Sorts nodes into as few sets as hold them, each of at most so many nodes, and each short enough for a tag.
    #[must_use]
    pub fn of<'a>(nodes: impl IntoIterator<Item = &'a NodeName>, nodes_max: usize) -> Vec<Self> {
        let mut nodes: Vec<&NodeName> = nodes.into_iter().collect();
        nodes.sort_by_key(|node| parts(node.as_str()));
        nodes.dedup();
        let mut sets = Vec::new();
        let mut rest = &nodes[..];
        while !rest.is_empty() {
            let mut many = rest.len().min(nodes_max.max(1));
            let mut text = written(&rest[..many]);
            while text.len() > TEXT_MAX && many > 1 {
                many -= 1;
                text = written(&rest[..many]);
            }
            sets.push(Self(text.into()));
            rest = &rest[many..];
        }
        sets
    }

    /// Lists the nodes in their order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeName> + '_ {
        self.0.split(' ').flat_map(|word| read(word).unwrap_or_default())
    }

    /// Tells the place of a node, from 0. `None`: it is not of the set.
    #[must_use]
    pub fn place(&self, node: &NodeName) -> Option<usize> {
        self.nodes().position(|one| &one == node)
    }

    /// Returns the set as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no set of nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a set of nodes, such as `chief worker-1..40`")]
pub struct InvalidNodeSet(String);

impl TryFrom<String> for NodeSet {
    type Error = InvalidNodeSet;
    fn try_from(text: String) -> Result<Self, InvalidNodeSet> {
        let words: Option<Vec<Vec<NodeName>>> = text.split(' ').map(read).collect();
        let many = words.map(|words| words.iter().map(Vec::len).sum::<usize>());
        match many {
            Some(1..=NODES_MAX) => Ok(Self(text.into())),
            Some(_) | None => Err(InvalidNodeSet(text)),
        }
    }
}

impl From<NodeSet> for String {
    fn from(set: NodeSet) -> Self {
        set.0.to_string()
    }
}

impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Splits a name into what stands before its number, and the number. What begins with 0 is no number, as it would be written
/// otherwise.
fn parts(name: &str) -> (&str, Option<u64>) {
    let text = name.trim_end_matches(|sign: char| sign.is_ascii_digit());
    match name[text.len()..].parse::<u64>() {
        Ok(number) if number.to_string().len() == name.len() - text.len() => (text, Some(number)),
        Ok(_) | Err(_) => (name, None),
    }
}

/// Writes nodes that are in their order.
fn written(nodes: &[&NodeName]) -> String {
    let mut words: Vec<(&str, Option<(u64, u64)>)> = Vec::new();
    for node in nodes {
        let (text, number) = parts(node.as_str());
        match (words.last_mut(), number) {
            (Some((before, Some((_, last)))), Some(number))
                if *before == text && last.checked_add(1) == Some(number) =>
            {
                *last = number;
            }
            _ => words.push((text, number.map(|number| (number, number)))),
        }
    }
    let word = |(text, numbers): &(&str, Option<(u64, u64)>)| match numbers {
        None => (*text).to_owned(),
        Some((first, last)) if first == last => format!("{text}{first}"),
        Some((first, last)) => format!("{text}{first}..{last}"),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Reads one word of a set.
fn read(word: &str) -> Option<Vec<NodeName>> {
    let Some((first, last)) = word.split_once("..") else {
        return NodeName::new(word).ok().map(|node| vec![node]);
    };
    let (text, first) = parts(first);
    let (_, last) = Some(parts(last)).filter(|(text, _)| text.is_empty())?;
    let (first, last) = (first?, last?);
    let many = last.checked_sub(first).filter(|many| (1..NODES_MAX as u64).contains(many))?;
    (0..=many).map(|at| NodeName::new(format!("{text}{}", first + at)).ok()).collect()
}

impl Tags {
    /// Returns the tags of one node's instance as all instances of a set have them that one call makes.
    #[must_use]
    pub fn of_set(&self, set: &NodeSet) -> Self {
        let mut tags = self.clone();
        tags.remove(KEY_NODE);
        tags.set(KEY_NODES, set.as_str());
        tags.set(KEY_NAME, self.name_of(set));
        tags
    }

    /// Returns the name that providers show for something of this cluster.
    fn name_of(&self, whose: impl fmt::Display) -> String {
        format!("{}/{whose}", self.get(KEY_CLUSTER).unwrap_or_default())
    }

    /// Returns the tags of an instance by its place among those that one call made: with its node's name, unless somebody has
    /// named it since. All other tags stay as they are, and so do those of an instance that was made by itself.
    #[must_use]
    pub fn of_member(self, place: usize) -> Self {
        let Some(text) = self.get(KEY_NODES).filter(|_| self.get(KEY_NODE).is_none()) else {
            return self;
        };
        let Ok(set) = NodeSet::try_from(text.to_owned()) else { return self };
        let Some(node) = set.nodes().nth(place) else { return self };
        let is_unnamed = self.get(KEY_NAME) == Some(&self.name_of(&set));
        let name = self.name_of(&node);
        let mut tags = self;
        tags.remove(KEY_NODES);
        tags.set(KEY_NODE, node.as_str());
        if is_unnamed {
            tags.set(KEY_NAME, name);
        }
        tags
    }
}

impl CloudAction {
    /// Returns the nodes that share the call, and its token. `None`: it is made for one alone.
    #[must_use]
    pub const fn shared(&self) -> Option<(&NodeSet, &String)> {
        match self {
            Self::RunInstance { together: Some(set), token, .. } => Some((set, token)),
            _ => None,
        }
    }

    /// Returns a request of several that share a call as it is for another of them.
    #[must_use]
    pub fn for_fellow(&self, fellow: &NodeName) -> Self {
        let mut other = self.clone();
        if let Self::RunInstance { node, tags, together: Some(_), .. } = &mut other {
            tags.set(KEY_NAME, tags.name_of(fellow));
            tags.set(KEY_NODE, fellow.as_str());
            *node = fellow.clone();
        }
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClusterName;

    fn names(words: &[&str]) -> Vec<NodeName> {
        words.iter().map(|word| NodeName::new(*word).unwrap()).collect()
    }

    fn texts(words: &[&str], nodes_max: usize) -> Vec<String> {
        NodeSet::of(&names(words), nodes_max).into_iter().map(String::from).collect()
    }

    #[test]
    fn sets_are_written_briefly_whatever_the_order_and_read_again() {
        let words = ["w-10", "w-2", "chief", "w-1", "w-3", "n7", "w-01", "w-0", "8"];
        assert_eq!(texts(&words, 100), ["8 chief n7 w-0..3 w-10 w-01"]);
        for set in NodeSet::of(&names(&words), 4) {
            let again = NodeSet::try_from(String::from(set.clone())).unwrap();
            assert_eq!(again, set);
            assert!((1..=4).contains(&again.nodes().count()));
            for (place, node) in again.nodes().enumerate() {
                assert_eq!(again.place(&node), Some(place));
            }
        }
        let of_all = NodeSet::of(&names(&words), 4);
        let mut all: Vec<_> = of_all.iter().flat_map(NodeSet::nodes).collect();
        all.sort();
        let mut wanted = names(&words);
        wanted.sort();
        assert_eq!(all, wanted);
    }

    #[test]
    fn no_set_is_longer_than_a_tag_takes() {
        let many: Vec<String> =
            (0..400).map(|at| format!("n-{}-with-a-long-name", at * 2)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let sets = NodeSet::of(&names(&many), 100);
        assert!(sets.iter().all(|set| set.as_str().len() <= TEXT_MAX));
        assert_eq!(sets.iter().flat_map(NodeSet::nodes).count(), 400);
        let even: Vec<String> = (1..=250).map(|at| format!("worker-{at}")).collect();
        let even: Vec<&str> = even.iter().map(String::as_str).collect();
        assert_eq!(texts(&even, 100), ["worker-1..100", "worker-101..200", "worker-201..250"]);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in [
            "",
            " ",
            "a  b",
            "A",
            "w-3..1",
            "w-1..1",
            "w-1..",
            "..3",
            "w-..3",
            "w-01..3",
            "w-1..03",
            "w-1..x3",
            "w-1..100000",
            "w-1..18446744073709551615",
            "a b..c",
        ] {
            assert!(NodeSet::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn who_is_who_follows_from_the_place_unless_somebody_says_otherwise() {
        let (cluster, nodes) = (ClusterName::new("ape").unwrap(), names(&["w-1", "w-2"]));
        let set = &NodeSet::of(&nodes, 9)[0];
        let shared = Tags::for_node(&cluster, &nodes[1]).of_set(set);
        assert_eq!(shared, Tags::for_node(&cluster, &nodes[0]).of_set(set));
        assert!(shared.identity(&cluster).is_err());
        for (place, node) in nodes.iter().enumerate() {
            assert_eq!(shared.clone().of_member(place), Tags::for_node(&cluster, node));
        }
        // No such place, and no readable set: it is nobody's.
        assert_eq!(shared.clone().of_member(2), shared);
        let mut named = shared.clone();
        named.set(KEY_NODE, "chief");
        assert_eq!(named.clone().of_member(0).get(KEY_NODE), Some("chief"));
        let mut shown = shared;
        shown.set(KEY_NAME, "my own");
        assert_eq!(shown.of_member(0).get(KEY_NAME), Some("my own"));
    }
}

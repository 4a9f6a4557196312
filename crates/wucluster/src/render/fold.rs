//! Nodes with their mounts, and which of them are alike, so that many need few lines.

use std::collections::BTreeMap;

use wucluster_core::ids::{MountName, Subject};
use wucluster_core::plan::Row;

/// A node's row and those of its mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The node.
    pub(crate) node: &'a Row,
    /// Its mounts.
    pub(crate) mounts: &'a [Row],
}

impl<'a> Block<'a> {
    /// Lists the node's row and those of its mounts.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'a Row> + use<'a> {
        std::iter::once(self.node).chain(self.mounts)
    }

    /// Says whether all of it is where it is wanted.
    pub(crate) fn is_there(&self) -> bool {
        self.rows().all(|row| row.is_there && !row.is_held)
    }

    /// Says whether the other differs in nothing but its number, its ids and what is said of it.
    fn is_like(&self, other: &Self) -> bool {
        base(&self.name()) == base(&other.name())
            && self.mounts.len() == other.mounts.len()
            && self.rows().zip(other.rows()).all(|(one, two)| is_like(one, two))
    }

    /// Returns the node's name.
    pub(crate) fn name(&self) -> String {
        self.node.subject.to_string()
    }
}

/// Cuts rows into blocks, each beginning with a node.
pub(crate) fn blocks(rows: &[Row]) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = rows;
    while let Some((node, after)) = rest.split_first() {
        let is_mount = |row: &Row| matches!(row.subject, Subject::Mount(_));
        let end = after.iter().position(|row| !is_mount(row)).unwrap_or(after.len());
        found.push(Block { node, mounts: &after[..end] });
        rest = &after[end..];
    }
    found
}

/// Puts neighbours together that are where they are wanted, and alike.
pub(crate) fn runs<'a>(blocks: &[Block<'a>]) -> Vec<Vec<Block<'a>>> {
    let mut found: Vec<Vec<Block<'a>>> = Vec::new();
    for block in blocks {
        match found.last_mut() {
            Some(run) if run[0].is_there() && run[0].is_like(block) => run.push(*block),
            _ => found.push(vec![*block]),
        }
    }
    found
}

/// How many must be alike before something that is done to each of them is told once.
pub(crate) const FOLDS_FROM: usize = 4;

/// Puts all of one kind together, where the first of them stands, if there are as many as it takes. What has no kind stays
/// alone.
pub(crate) fn together<'a, T, K: Ord>(
    all: &'a [T],
    kind: impl Fn(&'a T) -> Option<K>,
    folds_from: impl Fn(&T) -> usize,
) -> Vec<Vec<&'a T>> {
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    let mut kinds: Vec<Vec<&T>> = Vec::new();
    // For each one where its kind is.
    let mut found = Vec::new();
    for one in all {
        let place =
            kind(one).map_or(kinds.len(), |kind| *places.entry(kind).or_insert(kinds.len()));
        match kinds.get_mut(place) {
            Some(same) => same.push(one),
            None => kinds.push(vec![one]),
        }
        found.push((one, place));
    }
    let mut told = Vec::new();
    for (one, place) in found {
        let same = &mut kinds[place];
        if same.is_empty() {
            continue;
        }
        told.push(if same.len() < folds_from(one) { vec![one] } else { std::mem::take(same) });
    }
    told
}

fn is_like(one: &Row, two: &Row) -> bool {
    !(one.is_held || two.is_held)
        && mount(one) == mount(two)
        && (one.is_defined, &one.state, &one.wanted, one.is_there, one.size)
            == (two.is_defined, &two.state, &two.wanted, two.is_there, two.size)
}

fn mount(row: &Row) -> Option<&MountName> {
    match &row.subject {
        Subject::Mount(key) => Some(&key.mount),
        Subject::Node(_) | Subject::Cluster | Subject::Stranger(_) => None,
    }
}

/// Says something about a node without its name and ids, so that what is alike reads alike:
/// `from snap-0a3f52c1e8b7d9014` becomes `from its snapshot`.
pub(crate) fn of_any(node: &str, words: &str) -> String {
    let kinds = [("i-", "its machine"), ("vol-", "its volume"), ("snap-", "its snapshot")];
    let word = |word: &str| {
        if word == node {
            return "its node".to_owned();
        }
        let end = word.find([',', ';', ':', ')']).unwrap_or(word.len());
        let (id, rest) = word.split_at(end);
        let known = kinds.iter().find(|(prefix, _)| {
            id.strip_prefix(prefix)
                .is_some_and(|id| id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        });
        known.map_or_else(|| word.to_owned(), |(_, kind)| format!("{kind}{rest}"))
    };
    words.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Returns a node's name without its number.
pub(crate) fn base(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((base, number)) if number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}

/// Returns one name for several nodes of a group: `worker-1, -2`, `worker-1 to -9`.
pub(crate) fn names(names: &[String]) -> String {
    let [first, rest @ ..] = names else { return String::new() };
    let number =
        |name: &str| name.rsplit_once('-').and_then(|(_, number)| number.parse::<u32>().ok());
    let numbers: Option<Vec<u32>> = names.iter().map(|name| number(name)).collect();
    match (rest, numbers) {
        ([], _) => first.clone(),
        (_, None) => format!("{first} and {} more", rest.len()),
        (_, Some(numbers)) => {
            let is_row = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
            let last = numbers[numbers.len() - 1];
            if is_row && numbers.len() > 2 {
                format!("{first} to -{last}")
            } else if numbers.len() <= 3 {
                let more: Vec<String> = numbers[1..].iter().map(|n| format!("-{n}")).collect();
                format!("{first}, {}", more.join(", "))
            } else {
                format!("{first} and {} more", rest.len())
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use wucluster_core::definition::Size;
    use wucluster_core::ids::{MountKey, NodeName};

    use super::*;

    /// Makes a row from `NAME STATE WANTED NOTE`, a `/` in the name making it a mount's.
    pub(crate) fn row(name: &str, state: &str, wanted: &str, note: &str) -> Row {
        let subject = match MountKey::try_from(name.to_owned()) {
            Ok(key) => Subject::Mount(key),
            Err(_) => Subject::Node(NodeName::new(name).unwrap()),
        };
        let is_mount = matches!(subject, Subject::Mount(_));
        let prefix = if is_mount { "vol" } else { "i" };
        Row {
            subject,
            is_defined: true,
            state: state.to_owned(),
            wanted: Some(wanted.to_owned()),
            is_there: state == wanted,
            id: (state != "away").then(|| format!("{prefix}-0a3f52c1e8b7d9014")),
            size: is_mount.then(|| Size::from_gib(40)),
            note: (!note.is_empty()).then(|| note.to_owned()),
            is_held: note.starts_with("it cannot"),
        }
    }

    #[test]
    fn neighbours_that_are_there_and_alike_are_put_together() {
        let mut rows = vec![
            row("chief", "running", "running", ""),
            row("chief/home", "mounted", "mounted", ""),
        ];
        for (name, state) in
            [("1", "mounted"), ("2", "mounted"), ("3", "attached"), ("4", "attached")]
        {
            rows.push(row(&format!("worker-{name}"), "running", "running", ""));
            rows.push(row(&format!("worker-{name}/scratch"), state, "mounted", ""));
        }
        let runs = runs(&blocks(&rows));
        let lengths: Vec<usize> = runs.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2, 1, 1]);
    }

    #[test]
    fn several_names_become_one() {
        let all =
            |list: &[&str]| names(&list.iter().map(|&one| one.to_owned()).collect::<Vec<_>>());
        assert_eq!(all(&["chief"]), "chief");
        assert_eq!(all(&["worker-1", "worker-2"]), "worker-1, -2");
        assert_eq!(all(&["worker-1", "worker-2", "worker-3"]), "worker-1 to -3");
        assert_eq!(all(&["worker-1", "worker-3", "worker-7"]), "worker-1, -3, -7");
        assert_eq!(all(&["w-1", "w-3", "w-5", "w-7"]), "w-1 and 3 more");
    }

    #[test]
    fn what_is_alike_stands_where_its_first_one_does() {
        let words = ["a1", "b1", "a2", "c1", "b2", "a3", "-", "b3", "-"];
        let kind = |word: &&'static str| word.chars().next().filter(|letter| *letter != '-');
        let told = together(&words, kind, |word| if word.starts_with('b') { 4 } else { 3 });
        let told: Vec<String> =
            told.iter().map(|same| same.iter().map(|word| **word).collect::<String>()).collect();
        assert_eq!(told, ["a1a2a3", "b1", "c1", "b2", "-", "b3", "-"]);
    }

    #[test]
    fn names_and_ids_become_what_they_are_of() {
        let of_any = |words| of_any("n-1", words);
        assert_eq!(of_any("from snap-0a3f52c1e8b7d9014"), "from its snapshot");
        assert_eq!(of_any("snap-00000000000000002, complete"), "its snapshot, complete");
        assert_eq!(of_any("waits for n-1 to run"), "waits for its node to run");
        assert_eq!(of_any("waits for i-like to run"), "waits for i-like to run");
    }
}

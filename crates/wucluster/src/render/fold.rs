//! Nodes with their mounts, and which of them are alike, so that many need few lines.

use wucluster_core::ids::Subject;
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

    /// Says whether the other differs in nothing but its number and its ids.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
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

/// Puts neighbours that are alike together.
pub(crate) fn runs<'a>(blocks: &[Block<'a>]) -> Vec<Vec<Block<'a>>> {
    let mut found: Vec<Vec<Block<'a>>> = Vec::new();
    for block in blocks {
        match found.last_mut() {
            Some(run) if run[0].is_like(block) => run.push(*block),
            _ => found.push(vec![*block]),
        }
    }
    found
}

fn is_like(one: &Row, two: &Row) -> bool {
    let last = |row: &Row| match &row.subject {
        Subject::Mount(key) => key.mount.to_string(),
        Subject::Node(_) | Subject::Cluster | Subject::Stranger(_) => String::new(),
    };
    let held = one.is_held || two.is_held;
    !held
        && last(one) == last(two)
        && (one.is_defined, &one.state, &one.wanted, one.is_there, one.size)
            == (two.is_defined, &two.state, &two.wanted, two.is_there, two.size)
        && (one.is_there || note(one) == note(two))
}

/// A row's note without what tells it from its like: ids and its own node's name.
fn note(row: &Row) -> String {
    let words = row.note.as_deref().unwrap_or_default().split(' ');
    let node = row.subject.node().map(ToString::to_string).unwrap_or_default();
    words
        .filter(|word| {
            *word != node && !["i-", "vol-", "snap-"].iter().any(|id| word.starts_with(id))
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns a node's name without its number.
fn base(name: &str) -> &str {
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
    fn neighbours_that_are_alike_are_put_together() {
        let rows = [
            row("chief", "running", "running", ""),
            row("chief/home", "mounted", "mounted", ""),
            row("worker-1", "running", "running", ""),
            row("worker-1/scratch", "available", "mounted", "waits for worker-1 to run"),
            row("worker-2", "running", "running", ""),
            row("worker-2/scratch", "available", "mounted", "waits for worker-2 to run"),
            row("worker-3", "pending", "running", ""),
        ];
        let runs = runs(&blocks(&rows));
        let lengths: Vec<usize> = runs.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2, 1]);
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
}

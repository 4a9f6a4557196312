//! Old snapshots: the program itself, on the simulated cloud.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod support;

use std::fs;
use std::process::Output;

use serde_json::Value;
use support::{program, words};

/// A folder with a definition and a simulated cloud of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        place
            .define("[node.worker]\nmount.scratch = { at = \"/mnt/scratch\", size = \"1 GiB\" }\n");
        place
    }

    fn define(&self, more: &str) {
        let definition = format!(
            "[cluster]\nname = \"gibbon\"\nprovider = \"sim\"\n\n\
            [node.chief]\nmount.home = {{ at = \"/mnt/home\", size = \"2 GiB\" }}\n{more}"
        );
        fs::write(self.folder.path().join("gibbon.cluster.toml"), definition).unwrap();
    }

    fn run(&self, line: &[&str]) -> Output {
        program(self.folder.path(), "fast").args(line).output().unwrap()
    }

    /// Runs a command that ends with this code, and returns all that it printed.
    #[track_caller]
    fn ends(&self, code: i32, line: &str) -> String {
        let output = self.run(&line.split(' ').collect::<Vec<_>>());
        let text = words(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {text}");
        text
    }

    fn json(&self, line: &str) -> Value {
        let words: Vec<&str> = line.split(' ').collect();
        serde_json::from_slice(&self.run(&words).stdout).unwrap()
    }

    /// Launches, writes, and puts away.
    fn cycle(&self, round: usize) {
        self.ends(0, "launch -q");
        let write = format!("echo {round} >/mnt/home/round");
        assert!(self.run(&["ssh", "chief", "--", &write]).status.success());
        self.ends(0, "put-away --yes -q");
    }

    fn snapshots(&self, mount: &str) -> usize {
        let told = self.json("snapshots --json");
        let all = told["snapshots"].as_array().unwrap();
        all.iter().filter(|one| one["mount"] == mount).count()
    }
}

#[track_caller]
fn assert_tells(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn what_is_superseded_is_pruned_and_a_launch_brings_the_newest_back() {
    let place = Place::new();
    assert_tells(&place.ends(0, "prune"), &["nothing to prune: gibbon has no snapshots"]);
    for round in 1..=4 {
        place.cycle(round);
    }
    // Nobody is there to say yes.
    let asked = place.ends(8, "prune");
    assert_tells(
        &asked,
        &["prune deletes 2 snapshots (3 GiB)", "Generations 4, 3 and 2 stay whole"],
    );
    assert_tells(&asked, &["needs a yes", "nothing was done"]);
    let shown = place.ends(0, "prune --dry-run --keep 2");
    assert_tells(
        &shown,
        &["deletes 4 snapshots", "the newest of its mount", "generation 3 is kept"],
    );
    assert_eq!(place.snapshots("chief/home"), 4, "it was only shown");

    assert_tells(&place.ends(0, "prune chief/home --keep 2 --yes"), &["pruned: 2 snapshots"]);
    assert_eq!((place.snapshots("chief/home"), place.snapshots("worker/scratch")), (2, 4));
    assert_tells(&place.ends(0, "prune --keep 1 --yes -q"), &["pruned: 4 snapshots (5 GiB)"]);
    assert_eq!((place.snapshots("chief/home"), place.snapshots("worker/scratch")), (1, 1));
    let again = place.ends(0, "prune --keep 1 --yes");
    assert_tells(&again, &["nothing to prune: 2 snapshots (3 GiB) of gibbon, and each is needed"]);

    place.ends(0, "launch -q");
    let read = place.run(&["ssh", "chief", "--", "cat /mnt/home/round"]);
    assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), "4");
}

#[test]
fn what_was_pruned_is_told_with_what_keeps_the_data() {
    let place = Place::new();
    for round in 1..=3 {
        place.cycle(round);
    }
    let newest = place.json("snapshots chief/home --json")["snapshots"][0]["id"].clone();
    let newest = newest.as_str().unwrap();
    let told = place.json("prune chief --keep 1 --yes --json");
    let fates: Vec<&str> = told["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["fate"].as_str().unwrap())
        .collect();
    assert_eq!(fates, ["stays", "gone", "gone"]);
    assert_eq!(told["snapshots"][1]["kept_by"], newest);
    assert_tells(&place.ends(0, "history"), &["\tprune\t", "\tpruned"]);
    let log = place.ends(0, "log");
    assert_tells(&log, &["asks to delete snap-", "superseded by", "DELETED", "pruned, 2 requests"]);
    assert_eq!(log.matches(newest).count(), 4, "twice in the lines, twice in the table: {log}");
    let report = place.json("report --json");
    let ledger = report["ledger"].as_array().unwrap();
    assert_eq!(ledger.len(), 2, "{report}");
    for entry in ledger {
        assert_eq!(
            (entry["kept"].as_str(), entry["snapshot"].as_str()),
            (Some("snapshot"), Some(newest))
        );
        assert!(entry["gone_at"].is_i64(), "{entry}");
    }
    // The next drive has nothing to wait for.
    assert_tells(&place.ends(0, "plan launched"), &["to make; nothing is deleted"]);
}

#[test]
fn what_left_the_definition_and_what_is_of_another_store() {
    let place = Place::new();
    for round in 1..=3 {
        place.cycle(round);
    }
    place.define("");
    assert_tells(
        &place.ends(0, "prune --dry-run --keep 1"),
        &["worker/scratch", "deletes 4 snapshots"],
    );
    // Also by its node alone, of which nothing is left but snapshots.
    for name in ["worker", "worker/scratch", "w*/s*"] {
        let told = place.ends(0, &format!("prune --dry-run --keep 1 {name}"));
        assert_tells(&told, &["deletes 2 snapshots"]);
        let told = place.json(&format!("snapshots --json {name}"));
        assert_eq!(told["snapshots"].as_array().unwrap().len(), 3, "{told}");
    }
    assert_tells(
        &place.ends(2, "prune chief/nothing"),
        &["there is nothing named like `chief/nothing` in this cluster", "worker/scratch"],
    );
    let other = place.folder.path().join("other");
    let held = place.ends(4, &format!("prune --keep 1 --yes --store {}", other.display()));
    assert_tells(&held, &["nothing to prune", "held[other-store]", "wucluster adopt"]);
    assert_eq!(place.snapshots("chief/home"), 3);
    assert_tells(&place.ends(0, "prune --keep 1 --yes"), &["pruned: 4 snapshots"]);
    assert_eq!(place.snapshots("worker/scratch"), 1, "its newest stays");
}

#[test]
fn generations_are_told_with_what_they_lack() {
    let place = Place::new();
    place.cycle(1);
    place.define("");
    place.cycle(2);
    place.define("[node.worker]\nmount.scratch = { at = \"/mnt/scratch\", size = \"1 GiB\" }\n");
    let told = place.json("snapshots --json");
    let all = told["generations"].as_array().unwrap();
    let told: Vec<_> =
        all.iter().map(|one| (one["number"].as_u64(), one["is_complete"].as_bool())).collect();
    assert_eq!(told, [(Some(2), Some(false)), (Some(1), Some(true))]);
    assert_eq!(all[0]["missing"][0], "worker/scratch");
}

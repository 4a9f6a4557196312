//! Two stores and one cluster: the program itself, on the simulated cloud.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod support;

use std::fs;
use std::process::Output;

use support::{program, words};

/// A folder with a definition and a simulated cloud of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let definition = format!(
            "[cluster]\nname = \"gibbon\"\nprovider = \"sim\"\n{more}\n\
            [node.chief]\nmount.home = {{ at = \"/mnt/home\", size = \"2 GiB\" }}\n"
        );
        fs::write(folder.path().join("gibbon.cluster.toml"), definition).unwrap();
        Self { folder }
    }

    fn run(&self, line: &str) -> Output {
        let stores = self.folder.path().to_str().unwrap();
        let line = line.replace('@', stores);
        program(self.folder.path(), "fast").args(line.split(' ')).output().unwrap()
    }

    /// Runs a command that ends with this code, and returns all that it printed.
    #[track_caller]
    fn ends(&self, code: i32, line: &str) -> String {
        let output = self.run(line);
        let text = words(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {text}");
        text
    }
}

#[track_caller]
fn assert_tells(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn a_cluster_of_another_store_is_shown_and_left_alone_until_it_is_adopted() {
    let place = Place::new("");
    place.ends(0, "launch --store @/ann");
    assert_tells(&place.ends(0, "status --store @/bob"), &["chief", "mounted"]);
    let held = place.ends(4, "put-away --yes --store @/bob");
    assert_tells(&held, &["held[other-store]", "/ann", "wucluster adopt"]);
    assert_tells(&place.ends(0, "plan away --store @/bob"), &["other-store"]);

    assert_tells(&place.ends(8, "adopt --store @/bob"), &["1 instance, 1 volume", "needs a yes"]);
    assert_tells(&place.ends(0, "adopt --yes --store @/bob"), &["2 things of gibbon"]);
    assert_tells(&place.ends(0, "adopt --yes --store @/bob"), &["nothing to adopt"]);
    assert_tells(&place.ends(0, "history --store @/bob"), &["adopt", "\t2\tadopted"]);

    assert_tells(&place.ends(4, "put-away --yes --store @/ann"), &["held[other-store]", "/bob"]);
    place.ends(0, "put-away --yes --store @/bob");
    assert_tells(
        &place.ends(4, "launch --store @/ann"),
        &["held[other-store]", "1 snapshot of store"],
    );
    place.ends(0, "launch --store @/bob");
}

#[test]
fn the_definition_may_name_the_store_and_the_command_line_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("team");
    let place = Place::new(&format!("[store]\nurl = \"{}\"\n", store.display()));
    place.ends(0, "launch");
    assert!(store.join("sim/gibbon/leases").is_dir());
    assert_tells(&place.ends(4, "put-away --yes --store @/own"), &["held[other-store]", "team"]);
    place.ends(0, "put-away --yes");
}

#[test]
fn what_cannot_be_adopted_is_told_and_nothing_is_changed() {
    let place = Place::new("");
    assert_tells(&place.ends(2, "adopt vol-1 chief/home"), &["adopt ID as NODE[/MOUNT]"]);
    assert_tells(&place.ends(2, "adopt vol-1 as chief/data"), &["no node or mount `chief/data`"]);
    assert_tells(&place.ends(1, "adopt vol-1 as chief/home --yes"), &["no instance, volume or"]);
    assert_tells(&place.ends(0, "adopt"), &["nothing to adopt"]);
    place.ends(0, "launch");
    let looks = place.ends(0, "explain chief/home --json");
    let id = looks.split('"').find(|word| word.starts_with("vol-")).unwrap().to_owned();
    let line = format!("adopt {id} as chief --yes");
    assert_tells(&place.ends(4, &line), &["held[foreign]", "cannot be adopted"]);
    assert_tells(&place.ends(8, &format!("adopt {id} as chief/home")), &["needs a yes"]);
}

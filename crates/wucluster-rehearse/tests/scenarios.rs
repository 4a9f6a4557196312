//! Kept scenarios: each failure that was found and mended, and stories that are read as they are.
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use std::path::{Path, PathBuf};

use wucluster_rehearse::known;
use wucluster_rehearse::run::{Manner, run};
use wucluster_rehearse::scenario::Scenario;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn scenarios() -> Vec<(String, Scenario)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_some_and(|kind| kind == "json") {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let scenario = Scenario::from_json(&text);
            found.push((
                name.to_owned(),
                scenario.unwrap_or_else(|wrong| panic!("{name}: {wrong}")),
            ));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn every_kept_scenario_ends_well() {
    let all = scenarios();
    assert!(all.len() >= 6, "only {} are kept", all.len());
    for (name, scenario) in all {
        assert!(!scenario.note.is_empty(), "{name} does not say what it shows");
        let report = run(&scenario, &Manner { tells: true, ..Manner::default() });
        assert!(
            report.violations.is_empty(),
            "{name}: {}\n   cargo run -p wucluster-rehearse --bin torture -- replay crates/wucluster-rehearse/tests/scenarios/{name}.json\n{}",
            report.violations[0],
            report.story.join("\n")
        );
        // A defect that is known shows on its day, until it is mended; then its line and this go.
        let shows = |defect: &str| report.known.contains_key(defect);
        match name.as_str() {
            "known-ghosts" => assert!(shows(known::GHOSTS_HIDE_THE_LIVING)),
            "known-seen-and-not-recorded" => assert!(shows(known::SEEN_AND_NOT_RECORDED)),
            "known-late-request" => assert!(shows(known::LATE_REQUEST_HITS_WHAT_CAME_AFTER)),
            _ => assert!(report.known.is_empty(), "{name}: {:?}", report.known),
        }
    }
}

#[test]
fn stories_are_told_as_they_were_read() {
    for (name, scenario) in scenarios() {
        let golden = folder().join(format!("{name}.story"));
        let Ok(expected) = std::fs::read_to_string(&golden) else { continue };
        let report = run(&scenario, &Manner { tells: true, ..Manner::default() });
        let told = format!("{}\n\n{}\n", scenario.note, report.story.join("\n"));
        if std::env::var_os("WUCLUSTER_TELL").is_some() {
            std::fs::write(&golden, &told).expect("it can be written");
            continue;
        }
        assert_eq!(
            told, expected,
            "{name}: read the new story, then tell it with WUCLUSTER_TELL=1"
        );
    }
}

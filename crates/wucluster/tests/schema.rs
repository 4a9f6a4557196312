//! What the program prints as JSON, and what it reads as a definition, against the schemas that it prints.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test panics and prints")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;
use support::program;
use wucluster_core::definition::ClusterDefinition;

/// A folder with a definition and a state of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let definition = "[cluster]\nname = \"gibbon\"\nprovider = \"sim\"\n\n\
            [prices]\nas-of = \"2026-11\"\ninstance = 0.02\nvolume = 0.08\n\n\
            [node.chief]\nmount.home = { at = \"/mnt/home\", size = \"2 GiB\" }\n";
        fs::write(folder.path().join("gibbon.cluster.toml"), definition).unwrap();
        Self(folder)
    }

    /// Runs a command; returns what it printed, and its exit code.
    fn run(&self, line: &str) -> (String, i32) {
        let output = program(self.0.path(), "fast").args(line.split(' ')).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (text, output.status.code().unwrap_or(-1))
    }

    /// Returns the schema of that name.
    fn schema(&self, name: &str) -> Validator {
        let (text, code) = self.run(&format!("schema {name}"));
        assert_eq!(code, 0, "{name}");
        let schema: Value = serde_json::from_str(&text).unwrap();
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        jsonschema::validator_for(&schema).unwrap()
    }
}

/// Fails when a document is not as its schema says.
fn obeys(schema: &Validator, document: &Value, what: &str) {
    let wrong: Vec<String> = schema
        .iter_errors(document)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{document:#}");
}

#[test]
fn what_is_printed_as_json_is_as_its_schema_says() {
    let place = Place::new();
    let (names, _) = place.run("schema --list");
    let schemas: BTreeMap<&str, Validator> =
        names.lines().map(|name| (name, place.schema(name))).collect();
    let mut used = BTreeSet::from(["definition"]);
    // In an order in which there is something to tell of.
    for (line, name) in [
        ("check --json", "check"),
        ("check -f nowhere.cluster.toml --json", ""),
        ("plan launched --json", "plan"),
        ("history --json", "history"),
        ("lease --json", "driver"),
        ("status --json", "status"),
        ("rehearse launched --json", "rehearse"),
        ("rehearse launched --faults --seed 3 --json", "rehearse"),
        ("rehearse launched --runs 3 --json", "rehearse"),
        ("rehearse launched --kill --json", "rehearse"),
        ("rehearse separated --only chief --json", "rehearse"),
        ("launch --json", "event"),
        ("run --json chief -- touch /mnt/home/note", ""),
        ("checkpoint --dry-run --json", "checkpoint"),
        ("checkpoint --json", "checkpoint"),
        ("snapshots --json", "snapshots"),
        ("fork copy --checkpoint 1 --json", "fork"),
        ("prune --checkpoints --json", "prune"),
        ("plan away --json", "plan"),
        ("status --json", "status"),
        ("status --is away --json", "verdict"),
        ("wait launched --json", "verdict"),
        ("explain chief --json", "explain"),
        ("explain chief/home --json", "explain"),
        ("doctor --json", "doctor"),
        ("adopt --json", "adoption"),
        ("put-away --yes --json", "event"),
        ("log --json", "event"),
        ("log 1 --json", "event"),
        ("report --json", "report"),
        ("report 1 --json", "report"),
        ("snapshots --json", "snapshots"),
        ("fork trial --json", "fork"),
        ("prune --json", "prune"),
        ("prune --dry-run --json", "prune"),
        ("explain chief/home --json", "explain"),
        ("status --json", "status"),
        ("history --json", "history"),
        ("lease --json", "driver"),
        ("plan launched --json", "plan"),
        ("init other --json", "init"),
        ("local gc --json", "local-gc"),
    ] {
        let (text, _) = place.run(line);
        let Some(schema) = schemas.get(name) else { continue };
        used.insert(name);
        assert!(!text.is_empty(), "{line} printed nothing");
        let documents: Vec<Value> =
            serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect();
        for document in &documents {
            obeys(schema, document, line);
            if name != "event" {
                let told = document["schema"].as_str().unwrap();
                assert_eq!(told, format!("wucluster/{name}/1"), "{line}");
            }
        }
    }
    // A run is its lease, and how it ended.
    let mut history: Value =
        serde_json::from_str(&place.run("-f gibbon.cluster.toml history --json").0).unwrap();
    for run in history["runs"].as_array_mut().unwrap() {
        run.as_object_mut().unwrap().remove("end");
        used.insert("lease");
        obeys(&schemas["lease"], run, "a lease of `history`");
    }
    // A definition with a mistake, and a cluster that cannot be launched.
    let file = place.0.path().join("gibbon.cluster.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("size =", "sise =")).unwrap();
    let (text, code) = place.run("-f gibbon.cluster.toml check --json");
    assert_eq!(code, 2);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(!document["diagnostics"].as_array().unwrap().is_empty());
    obeys(&schemas["check"], &document, "check of a mistake");
    let all: BTreeSet<&str> = schemas.keys().copied().collect();
    assert_eq!(used, all, "each schema has something that is held against it");
}

#[test]
fn a_document_with_something_more_or_less_is_not_as_its_schema_says() {
    let place = Place::new();
    for (line, name, field) in [
        ("status --json", "status", "rows"),
        ("plan launched --json", "plan", "verdict"),
        ("launch --json", "event", "event"),
    ] {
        let schema = place.schema(name);
        let (text, _) = place.run(line);
        let first = serde_json::Deserializer::from_str(&text).into_iter::<Value>().next();
        let mut document = first.unwrap().unwrap();
        assert!(schema.is_valid(&document), "{line}");
        let gone = document.as_object_mut().unwrap().remove(field);
        assert!(gone.is_some() && !schema.is_valid(&document), "{line} without {field}");
    }
}

/// Reads TOML as the JSON that a schema judges.
fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// Definitions of the documents and examples, each as it stands.
fn written_definitions() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for (folder, ending) in [("docs", "md"), ("examples", "toml"), (".", "md")] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|found| found != ending) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let parts: Vec<String> = if ending == "toml" {
                vec![text]
            } else {
                let blocks = text.split("```toml\n").skip(1);
                blocks.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
            };
            found.extend(parts.into_iter().map(|part| (name.clone(), part)));
        }
    }
    found
}

#[test]
fn what_can_be_used_as_a_definition_is_as_its_schema_says() {
    let schema = Place::new().schema("definition");
    let all = written_definitions();
    let mut good = 0;
    for (name, text) in &all {
        if ClusterDefinition::parse(text).is_ok() {
            obeys(&schema, &as_json(text), name);
            good += 1;
        }
    }
    println!("{good} of {} written definitions are whole", all.len());
    assert!(good >= 6, "only {good} are whole");
}

#[test]
fn the_schema_has_the_keys_of_each_section_and_no_others() {
    let place = Place::new();
    let (text, _) = place.run("schema");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let group = &schema["$defs"]["node"]["properties"];
    // Where an unknown key stands, the message names all keys of the section.
    for (text, section) in [
        ("qqqqqqqq = 1", &schema["properties"]),
        ("[cluster]\nqqqqqqqq = 1", &schema["properties"]["cluster"]["properties"]),
        ("[store]\nqqqqqqqq = 1", &schema["properties"]["store"]["properties"]),
        ("[prices]\nqqqqqqqq = 1", &schema["properties"]["prices"]["properties"]),
        ("[defaults]\nqqqqqqqq = 1", &schema["properties"]["defaults"]["properties"]),
        (
            "[defaults.mount]\nqqqqqqqq = 1",
            &schema["properties"]["defaults"]["properties"]["mount"]["properties"],
        ),
        ("[node.n]\nqqqqqqqq = 1", group),
        ("[node.n.mount.m]\nqqqqqqqq = 1", &schema["$defs"]["mount"]["properties"]),
        ("[node.n]\nready = { qqqqqqqq = 1 }", &schema["$defs"]["hook"]["anyOf"][1]["properties"]),
    ] {
        let found = ClusterDefinition::parse(text).unwrap_err();
        let unknown = found.iter().find(|it| it.message.contains("qqqqqqqq")).unwrap();
        let help = unknown.help.as_deref().unwrap();
        let told = help.strip_prefix("its keys are ").unwrap_or_else(|| panic!("{text}: {help}"));
        let told: BTreeSet<&str> = told.split(", ").map(|key| key.trim_matches('`')).collect();
        let schema: BTreeSet<&str> =
            section.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(schema, told, "{text}");
    }
}

#[test]
fn what_cannot_be_used_is_mostly_refused_by_the_schema_too() {
    let schema = Place::new().schema("definition");
    let whole = |line: &str| {
        format!(
            "[cluster]\nname = \"c\"\n[node.n]\n[node.n.mount.m]\nat = \"/m\"\nsize = \"1 GiB\"\n{line}\n"
        )
    };
    assert!(schema.is_valid(&as_json(&whole(""))));
    for line in [
        "fs = \"btrfs\"",
        "mode = \"0888\"",
        "mode = 755",
        "from = \"vol-1\"",
        "iops = 0",
        "encrypted = \"yes\"",
        "options = \"noatime\"",
        "owner = \"Ann\"",
        "volume-type = \"gp9\"",
        "typo = 1",
    ] {
        let text = whole(line);
        assert!(ClusterDefinition::parse(&text).is_err(), "{line} can be used");
        assert!(!schema.is_valid(&as_json(&text)), "the schema takes {line}");
    }
    for text in [
        "[cluster]\nname = \"C\"\n[node.n]\n",
        "[cluster]\nname = \"c\"\nprovider = \"gcp\"\n[node.n]\n",
        "[cluster]\nname = \"c\"\nrecent = \"soon\"\n[node.n]\n",
        "[cluster]\nname = \"c\"\n[store]\nurl = \"here\"\n[node.n]\n",
        "[cluster]\nname = \"c\"\n[prices]\nsnapshot = -0.1\n[node.n]\n",
        "[cluster]\nname = \"c\"\n[prices]\nvolume = { gp9 = 0.1 }\n[node.n]\n",
        "[cluster]\nname = \"c\"\n[node.n]\ncount = -1\n",
        "[cluster]\nname = \"c\"\n[node.n]\nmemory = \"512 MB\"\n",
        "[cluster]\nname = \"c\"\n[node.n]\nready = [1]\n",
        "[node.n]\n",
    ] {
        assert!(ClusterDefinition::parse(text).is_err(), "{text} can be used");
        assert!(!schema.is_valid(&as_json(text)), "the schema takes {text}");
    }
}

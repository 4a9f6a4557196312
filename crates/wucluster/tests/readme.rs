//! What the README shows as printed is what the program prints: each line of it stands in a transcript, and those are run.
#![allow(clippy::unwrap_used, reason = "a test panics")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn what_the_readme_shows_is_printed() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(home.join("../../README.md")).unwrap();
    let transcripts: String = fs::read_dir(home.join("tests/transcripts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let printed: BTreeSet<&str> = transcripts.lines().collect();
    let mut is_console = false;
    let mut shown = 0;
    for line in readme.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
        } else if is_console && !line.is_empty() && !line.starts_with("$ ") {
            assert!(printed.contains(line), "the README shows what no transcript prints: {line}");
            shown += 1;
        }
    }
    assert!(shown > 10, "the README shows {shown} lines of output: nothing was compared");
}

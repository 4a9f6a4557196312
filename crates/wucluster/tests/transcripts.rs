//! Commands that need no machine, run as their users run them: what is printed, and the exit codes.
//!
//! Each transcript in `transcripts/` has its folder beside it: `NAME.in` is where its commands run.

/// Transcripts that are run in one folder of simulated clusters.
fn cases(home: &std::path::Path) -> trycmd::TestCases {
    let path = |name: &str| home.join(name).to_string_lossy().into_owned();
    let cases = trycmd::TestCases::new();
    cases
        .env("HOME", path("home"))
        .env("WUCLUSTER_STATE", path("state"))
        .env("WUCLUSTER_CACHE", path("cache"))
        .env("XDG_RUNTIME_DIR", path("run"))
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        // Simulated time leaps, and the same commands print the same text.
        .env("WUCLUSTER_SIM_SPEED", "fast");
    cases
}

#[test]
fn transcripts_read_as_they_are_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    let cases = cases(home.path());
    cases.case("tests/transcripts/*.md");
    for story in STORIES {
        cases.skip(story);
    }
    // What a build that leaves AWS out says.
    if cfg!(feature = "aws") {
        cases.skip("tests/transcripts/without-aws.md");
    }
}

/// What a simulated cloud draws depends on all that was done in it before: these stories have one each.
const PARTS: &str = "tests/transcripts/parts.md";
const RENAMES: &str = "tests/transcripts/renames.md";
const CHECKPOINT: &str = "tests/transcripts/checkpoint.md";
const GROW: &str = "tests/transcripts/grow.md";

#[test]
fn mounts_grow_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(GROW);
}

const PARKED: &str = "tests/transcripts/parked.md";

#[test]
fn parking_is_driven_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(PARKED);
}

#[test]
fn parts_are_driven_as_they_are_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(PARTS);
}

#[test]
fn names_are_changed_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(RENAMES);
}

#[test]
fn checkpoints_are_taken_as_they_are_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(CHECKPOINT);
}

/// All that have a home of their own.
const STORIES: [&str; 11] =
    [PARTS, RENAMES, GROW, PARKED, CHECKPOINT, GUIDE, QUEUE, NIGHTLY, OLD, REHEARSALS, HOOKS];

/// What `docs/first-cluster.md` tells.
const GUIDE: &str = "tests/transcripts/guide.md";

#[test]
fn the_guide_is_played_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(GUIDE);
}

/// What `docs/recipes.md` tells.
const QUEUE: &str = "tests/transcripts/queue.md";
const NIGHTLY: &str = "tests/transcripts/nightly.md";
const OLD: &str = "tests/transcripts/old.md";
const REHEARSALS: &str = "tests/transcripts/rehearsals.md";

#[test]
fn a_queue_is_driven_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(QUEUE);
}

#[test]
fn a_machine_is_put_away_every_night_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(NIGHTLY);
}

#[test]
fn old_snapshots_are_pruned_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(OLD);
}

#[test]
fn rehearsals_of_every_night_say_what_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(REHEARSALS);
}

/// What `docs/hooks.md` tells.
const HOOKS: &str = "tests/transcripts/hooks.md";

#[test]
fn hooks_say_no_as_it_is_written() {
    let home = tempfile::tempdir().expect("a folder for the tests can be made");
    cases(home.path()).case(HOOKS);
}

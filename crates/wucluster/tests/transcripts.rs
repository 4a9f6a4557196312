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

/// Makes a test of each story, and lists them all.
macro_rules! stories {
    ($($name:ident: $file:literal,)*) => {
        /// What a simulated cloud draws depends on all that was done in it before: these have one each.
        const STORIES: &[&str] = &[$(concat!("tests/transcripts/", $file),)*];

        $(
            #[test]
            fn $name() {
                let home = tempfile::tempdir().expect("a folder for the tests can be made");
                cases(home.path()).case(concat!("tests/transcripts/", $file));
            }
        )*
    };
}

stories! {
    checkpoints_are_taken_as_they_are_written: "checkpoint.md",
    mounts_grow_as_it_is_written: "grow.md",
    names_are_changed_as_it_is_written: "renames.md",
    parking_is_driven_as_it_is_written: "parked.md",
    parts_are_driven_as_they_are_written: "parts.md",
    // What `docs/first-cluster.md` tells.
    the_guide_is_played_as_it_is_written: "guide.md",
    // What `docs/recipes.md` tells.
    a_machine_is_put_away_every_night_as_it_is_written: "nightly.md",
    a_queue_is_driven_as_it_is_written: "queue.md",
    old_snapshots_are_pruned_as_it_is_written: "old.md",
    rehearsals_of_every_night_say_what_is_written: "rehearsals.md",
    // What `docs/hooks.md` tells.
    hooks_say_no_as_it_is_written: "hooks.md",
}

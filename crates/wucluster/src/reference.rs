//! The reference of commands in `docs/`, made from what `--help` says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};

use crate::args::Cli;

const HEAD: &str = "# Commands

What `wucluster help COMMAND` prints, for reading. The options of every command stand once, at the end; `wucluster man`
has the same as manual pages. See also: [exit codes](exit-codes.md), [states](concepts.md), [holds](holds.md).
";

/// What stands in every command's help.
const COMMON: &str = "Options of every command:";

fn page() -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut text = HEAD.to_owned();
    let own: Vec<&Command> = command.get_subcommands().collect();
    for inner in &own {
        tell(inner, "wucluster", 2, &mut text);
    }
    let first = own.first().expect("there are commands");
    let help = help_of(first, "wucluster init");
    let common = help.split_once(COMMON).expect("it has them").1;
    let common = common.split("\n\n").next().unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n## Options of every command\n\n```text\n{}\n```\n",
        common.trim_matches('\n')
    );
    text
}

fn tell(command: &Command, above: &str, depth: usize, text: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let help = help_of(command, &name);
    let (before, after) = help.split_once(COMMON).unwrap_or((&help, ""));
    let after = after.split_once("\n\n").map_or("", |(_, after)| after);
    let whole = format!("{}\n\n{}", before.trim_end(), after.trim());
    let heading = "#".repeat(depth);
    let _ = write!(text, "\n{heading} `{name}`\n\n```text\n{}\n```\n", whole.trim());
    for inner in command.get_subcommands() {
        tell(inner, &name, depth + 1, text);
    }
}

fn help_of(command: &Command, name: &str) -> String {
    let help = command.clone().bin_name(name.to_owned()).term_width(100).render_help().to_string();
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md")
}

#[test]
fn the_reference_says_what_the_help_says() {
    let page = page();
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        std::fs::write(file(), &page).expect("it can be written");
    }
    let written = std::fs::read_to_string(file()).expect("it is there");
    assert!(
        written == page,
        "docs/commands.md is not what the help says: INSTA_UPDATE=always cargo test -p wucluster reference"
    );
}

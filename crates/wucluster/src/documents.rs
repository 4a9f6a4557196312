//! What the documents show: commands that the program reads, output that it prints, definitions that it accepts, and
//! links that lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use wucluster_core::definition::ClusterDefinition;

use crate::args::Cli;

/// Begins the line above a block whose output no transcript has; the reason follows. Readers do not see it.
const NOT_PLAYED: &str = "<!-- not played: ";

/// Commands that print a table on a terminal, and other lines into a transcript. Their screens are goldens beside
/// `render`.
const TABLES: [&str; 3] = ["status", "snapshots", "history"];

/// What documents write in the place of a name or a value, and one such.
const PLACEHOLDERS: [(&str, &str); 9] = [
    ("STATE", "launched"),
    ("NODE", "chief"),
    ("NODE/MOUNT", "chief/home"),
    ("NODE[/MOUNT]", "chief/home"),
    ("COMMAND", "launch"),
    ("N", "3"),
    ("RUN", "3"),
    ("NEW", "trial"),
    ("NAME", "status"),
];

struct Document {
    path: PathBuf,
    text: String,
}

/// What stands between two fences.
struct Block<'a> {
    language: &'a str,
    /// Where it begins, as editors count.
    line: usize,
    /// The last line before it that is not empty.
    above: &'a str,
    lines: Vec<&'a str>,
}

/// A command of a console, and what is shown as printed by it.
struct Step<'a> {
    command: String,
    printed: Vec<&'a str>,
}

impl Document {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).expect("it can be read");
        Self { path, text }
    }

    fn name(&self) -> String {
        self.path.file_name().expect("it has a name").to_string_lossy().into_owned()
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut above = "";
        let mut is_inside = false;
        for (number, line) in self.text.lines().enumerate() {
            if let Some(language) = line.strip_prefix("```") {
                if !is_inside {
                    blocks.push(Block { language, line: number + 1, above, lines: Vec::new() });
                }
                is_inside = !is_inside;
                above = "";
            } else if is_inside {
                blocks.last_mut().expect("one was begun").lines.push(line);
            } else if !line.is_empty() {
                above = line;
            }
        }
        blocks
    }

    /// Returns what stands around the blocks.
    fn prose(&self) -> String {
        let mut prose = String::new();
        let mut is_inside = false;
        for line in self.text.lines() {
            if line.starts_with("```") {
                is_inside = !is_inside;
            } else if !is_inside {
                prose.push_str(line);
                prose.push('\n');
            }
        }
        prose
    }

    /// Returns what its headings are linked to by.
    fn anchors(&self) -> BTreeSet<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|line| {
                let heading = line.trim_start_matches('#').trim().to_lowercase();
                let kept =
                    heading.chars().filter(|one| one.is_alphanumeric() || " -_".contains(*one));
                kept.map(|one| if one == ' ' { '-' } else { one }).collect::<String>()
            })
            .collect()
    }
}

impl<'a> Block<'a> {
    fn steps(&self) -> Vec<Step<'a>> {
        let mut steps: Vec<Step<'a>> = Vec::new();
        for &line in &self.lines {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.to_owned(), printed: Vec::new() });
                continue;
            }
            let Some(step) = steps.last_mut() else { continue };
            match line.strip_prefix("> ") {
                Some(rest) if step.printed.is_empty() && step.command.ends_with('|') => {
                    step.command.push_str(rest);
                }
                _ if line.is_empty() || line == "..." => {}
                _ => step.printed.push(line),
            }
        }
        steps
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn markdown(folder: &Path) -> Vec<Document> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    paths.sort();
    paths.into_iter().map(Document::read).collect()
}

/// Returns all documents that are written by hand.
fn documents() -> Vec<Document> {
    let mut documents = markdown(&top());
    documents.extend(markdown(&top().join("docs")));
    documents.retain(|document| document.name() != "commands.md");
    documents
}

/// Splits a line as a shell does, as far as documents need it: quotes, comments, what joins commands, and what sends
/// their output elsewhere.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let quoted = letters.by_ref().take_while(|&next| next != letter);
                word.get_or_insert_default().extend(quoted);
            }
            '#' if word.is_none() => break,
            ' ' | '|' | '&' | ';' => {
                commands.last_mut().expect("one was begun").extend(word.take());
                if letter != ' ' {
                    commands.push(Vec::new());
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    commands.last_mut().expect("one was begun").extend(word);
    for command in &mut commands {
        if let Some(end) = command.iter().position(|word| word.starts_with('>')) {
            command.truncate(end);
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// Says whether a command is one of ours, and written out.
fn is_ours(words: &[String]) -> bool {
    let is_left_out = |word: &String| ["$", "...", "…"].iter().any(|part| word.contains(part));
    words[0] == "wucluster" && !words.iter().any(is_left_out)
}

/// Returns what the program says against a command line, if anything.
fn complaint(words: &[&str]) -> Option<String> {
    let stand_in = |word: &&str| -> String {
        let known = PLACEHOLDERS.iter().find(|(name, _)| name == word);
        known.map_or(*word, |&(_, value)| value).to_owned()
    };
    let error = Cli::try_parse_from(words.iter().map(stand_in)).err()?;
    let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_asked_for).then(|| error.to_string())
}

#[test]
fn commands_in_documents_can_be_read() {
    let mut wrong = Vec::new();
    let mut read = 0;
    for document in documents() {
        let name = document.name();
        let mut judge = |words: &[String], line: usize, is_mention: bool| {
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            // The name of a command, and nothing else, stands for the command.
            if is_mention && words.len() == 2 {
                words.push("--help");
            }
            read += 1;
            if let Some(complaint) = complaint(&words) {
                wrong.push(format!("{name}:{line}: {}\n{complaint}", words.join(" ")));
            }
        };
        for block in document.blocks() {
            let lines: Vec<String> = match block.language {
                "console" => block.steps().into_iter().map(|step| step.command).collect(),
                "sh" => block.lines.iter().map(|line| line.trim().to_owned()).collect(),
                _ => continue,
            };
            for words in lines.iter().flat_map(|line| commands(line)).filter(|one| is_ours(one)) {
                judge(&words, block.line, false);
            }
        }
        let prose = document.prose().replace('\n', " ");
        let mentions = prose.split('`').skip(1).step_by(2);
        for mention in mentions.filter(|mention| mention.starts_with("wucluster ")) {
            for words in commands(mention).into_iter().filter(|one| is_ours(one)) {
                judge(&words, 0, true);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "documents show what the program does not read:\n{}",
        wrong.join("\n")
    );
    assert!(read > 150, "{read} commands were read: documents are not where they were");
}

#[test]
fn output_in_documents_is_printed() {
    let transcripts = markdown(&top().join("crates/wucluster/tests/transcripts"));
    let printed: BTreeSet<&str> =
        transcripts.iter().flat_map(|one| one.text.lines()).map(str::trim_end).collect();
    let is_table = |words: &Vec<String>| {
        words[0] == "wucluster"
            && words.get(1).is_some_and(|name| TABLES.contains(&name.as_str()))
            && !words.iter().any(|word| word == "--is")
    };
    let mut wrong = Vec::new();
    let mut shown = 0;
    for document in documents() {
        for block in document.blocks() {
            if block.language != "console" || block.above.starts_with(NOT_PLAYED) {
                continue;
            }
            for step in block.steps() {
                let commands = commands(&step.command);
                if commands.iter().any(is_table) {
                    continue;
                }
                let echoed: Vec<String> = commands
                    .iter()
                    .filter(|words| words[0] == "echo")
                    .map(|words| words[1..].join(" "))
                    .collect();
                for line in step.printed {
                    shown += 1;
                    let is_known = printed.contains(line)
                        || line.starts_with("Go on? [y/N]")
                        || echoed.iter().any(|echo| echo == line);
                    if !is_known {
                        let (name, start) = (document.name(), block.line);
                        wrong.push(format!("{name}:{start}: {}\n    {line}", step.command));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "documents show what no transcript prints (play it, or write `{NOT_PLAYED}WHY -->` above):\n{}",
        wrong.join("\n")
    );
    assert!(shown > 50, "{shown} lines of output were compared: documents are not where they were");
}

#[test]
fn definitions_in_documents_are_good() {
    let mut read = 0;
    for document in documents() {
        for block in document.blocks().iter().filter(|block| block.language == "toml") {
            let mut text = block.lines.join("\n");
            if text.starts_with("[node.") {
                text.insert_str(0, "[cluster]\nname = \"gibbon\"\n\n");
            }
            if let Err(wrong) = ClusterDefinition::parse(&text) {
                panic!("{}:{}: {wrong:#?}", document.name(), block.line);
            }
            read += 1;
        }
    }
    assert!(read > 5, "{read} definitions were read: documents are not where they were");
}

#[test]
fn recipes_are_played_with_the_definitions_that_they_show() {
    let recipes = Document::read(top().join("docs/recipes.md"));
    let blocks = recipes.blocks();
    let shown = blocks.iter().filter(|block| block.language == "toml");
    // What is for AWS is played where nothing is real.
    let shown: Vec<String> = shown
        .map(|block| {
            let text = block.lines.join("\n");
            text.replace("\"aws\"", "\"sim\"").replace("us-east-1a", "sim-1a")
        })
        .collect();
    for played in [
        "queue.in/queue.cluster.toml",
        "rehearsals.in/queue.cluster.toml",
        "nightly.in/gpu.cluster.toml",
        "old.in/lab.cluster.toml",
    ] {
        let path = top().join("crates/wucluster/tests/transcripts").join(played);
        let text = fs::read_to_string(path).expect("it can be read");
        let is_shown = shown.iter().any(|one| one.trim_end() == text.trim_end());
        assert!(is_shown, "docs/recipes.md shows another definition than {played}");
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let prose = document.prose();
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (target, _) in targets.filter(|(target, _)| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => document.path.clone(),
                file => document.path.with_file_name(file),
            };
            let is_there = if anchor.is_empty() {
                path.exists()
            } else {
                path.is_file() && Document::read(path).anchors().contains(anchor)
            };
            if !is_there {
                wrong.push(format!("{}: {target}", document.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

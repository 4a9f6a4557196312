//! `man`: the manual, a page for each command.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::Session;
use crate::args::{Cli, ManArgs};
use crate::exit::Exit;
use crate::fault::Fault;

/// Prints one page, or writes all.
pub(crate) fn man(session: &Session, args: &ManArgs) -> Result<Exit, Fault> {
    let pages = pages();
    if let Some(dir) = &args.dir {
        write(&pages, dir)?;
        session.output.result(&format!("{} pages are in {}\n", pages.len(), dir.display()));
        return Ok(Exit::Done);
    }
    let name = std::iter::once("wucluster").chain(args.command.iter().map(String::as_str));
    let name = name.collect::<Vec<_>>().join("-");
    let Some(page) = pages.iter().find(|page| page.name == name) else {
        return Err(Fault::usage(format!("there is no command `{}`", args.command.join(" ")))
            .hint("`wucluster help` lists the commands"));
    };
    session.output.result(&page.text);
    Ok(Exit::Done)
}

/// A page of the manual.
struct Page {
    /// What it is looked up by, such as `wucluster-put-away`.
    name: String,
    /// Its text, in roff.
    text: String,
}

/// Makes all pages.
fn pages() -> Vec<Page> {
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages);
    pages
}

fn collect(command: &Command, pages: &mut Vec<Page>) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    // Writing to memory cannot fail.
    let text = text(command).unwrap_or_default();
    pages.push(Page { name, text: String::from_utf8_lossy(&text).into_owned() });
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        collect(inner, pages);
    }
}

/// Writes a page: as usual, with the sections that the help has at its end under names of their own.
fn text(command: &Command) -> std::io::Result<Vec<u8>> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command.clone());
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    if command.get_arguments().any(|one| !one.is_hide_set()) {
        man.render_options_section(&mut out)?;
    }
    if command.get_subcommands().any(|one| !one.is_hide_set()) {
        man.render_subcommands_section(&mut out)?;
    }
    sections(&help).to_writer(&mut out)?;
    if command.get_version().is_some() {
        man.render_version_section(&mut out)?;
    }
    Ok(out)
}

/// Makes sections of what a help has at its end: examples as they stand, notes, exit codes.
fn sections(help: &str) -> Roff {
    let mut page = Roff::new();
    let (mut is_example, mut has_notes) = (false, false);
    for line in help.lines() {
        if is_example && !line.starts_with(' ') {
            page.control("fi", []);
            is_example = false;
        }
        if line == "Examples:" {
            page.control("SH", ["EXAMPLES"]);
            page.control("nf", []);
            is_example = true;
        } else if is_example {
            page.text([roman(line)]);
        } else if let Some(codes) = line.strip_prefix("Exit codes:") {
            page.control("SH", ["EXIT STATUS"]);
            page.text([roman(codes.trim())]);
        } else if line.is_empty() {
            page.control("PP", []);
        } else {
            if !std::mem::replace(&mut has_notes, true) {
                page.control("SH", ["NOTES"]);
            }
            page.text([roman(line)]);
        }
    }
    if is_example {
        page.control("fi", []);
    }
    page
}

fn write(pages: &[Page], dir: &Path) -> Result<(), Fault> {
    fs::create_dir_all(dir).map_err(|error| Fault::file("make the folder", dir, &error))?;
    for page in pages {
        let path = dir.join(format!("{}.1", page.name));
        fs::write(&path, &page.text).map_err(|error| Fault::file("write", &path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        for name in ["wucluster", "wucluster-put-away", "wucluster-lease-take"] {
            assert!(names.contains(&name), "{names:?}");
        }
        let launch = pages.iter().find(|page| page.name == "wucluster-launch");
        let text = &launch.expect("it is a command").text;
        assert!(text.contains(".TH wucluster-launch 1"), "{text}");
        for section in ["EXAMPLES", "EXIT STATUS", "OPTIONS"] {
            assert!(
                text.contains(&format!(".SH {section}"))
                    || text.contains(&format!(".SH \"{section}\"")),
                "{text}"
            );
        }
        assert!(text.contains("wucluster launch"), "{text}");
    }
}

//! `man`: the manual, a page for each command.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

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
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = Man::new(command.clone()).render(&mut text);
    pages.push(Page { name, text: String::from_utf8_lossy(&text).into_owned() });
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        collect(inner, pages);
    }
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
        assert!(text.contains("Examples:"), "{text}");
        assert!(text.contains("wucluster launch"), "{text}");
    }
}

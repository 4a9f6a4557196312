//! The definition file: which one it is, and what is in it.

use std::fs;
use std::path::{Path, PathBuf};

use wucluster_core::definition::{ClusterDefinition, Diagnostic, decode};

use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::Output;
use crate::render::diagnostic;

/// How the name of a definition file ends.
pub(crate) const SUFFIX: &str = ".cluster.toml";

/// A definition file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path, as it was named.
    pub(crate) path: PathBuf,
    /// Its text; empty when it is none.
    pub(crate) text: String,
    /// What it defines, with warnings, or what is wrong.
    pub(crate) parsed: Result<(ClusterDefinition, Vec<Diagnostic>), Vec<Diagnostic>>,
}

/// Finds the definition file: the named one, or the only one in this folder.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, Fault> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let here = Path::new(".");
    let entries = fs::read_dir(here).map_err(|error| Fault::file("list", here, &error))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX))
        .map(|entry| PathBuf::from(entry.file_name()))
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Fault::usage("there is no definition (`*.cluster.toml`) in this folder")
            .hint("write one with `wucluster init`, or name one with `-f FILE`")),
        many => {
            let names: Vec<String> = many.iter().map(|path| path.display().to_string()).collect();
            Err(Fault::usage(format!(
                "there are {} definitions in this folder: {}",
                many.len(),
                names.join(", ")
            ))
            .hint(format!("name one of them: `wucluster -f {}`", names[0])))
        }
    }
}

/// Reads and parses a definition file.
pub(crate) fn read(path: PathBuf) -> Result<Source, Fault> {
    let bytes = fs::read(&path).map_err(|error| {
        let mut fault = Fault::file("read", &path, &error);
        fault.exit = Exit::Usage;
        fault
    })?;
    let (text, parsed) = match decode(&bytes) {
        Ok(text) => (text.to_owned(), ClusterDefinition::parse_with_warnings(text)),
        Err(found) => (String::new(), Err(found)),
    };
    Ok(Source { path, text, parsed })
}

/// Reads the definition for a command that needs a good one; what is wrong is printed.
pub(crate) fn load(named: Option<&Path>, output: &Output) -> Result<ClusterDefinition, Fault> {
    let source = read(find(named)?)?;
    match source.parsed {
        Ok((definition, _)) => Ok(definition),
        Err(found) => {
            let path = source.path.display().to_string();
            output.aside(&diagnostic::diagnostics(&found, &path, &source.text, &output.err));
            output.aside(&format!("{}\n", diagnostic::tally(&found)));
            Err(Fault::told(Exit::Usage))
        }
    }
}

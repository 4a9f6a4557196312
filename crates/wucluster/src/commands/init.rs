//! `init`: writes a definition to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wucluster_core::definition::template;
use wucluster_core::ids::ClusterName;

use super::Session;
use crate::args::InitArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::{SUFFIX, find};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    /// The file that was written.
    file: String,
}

/// Writes a definition; never over another file.
pub(crate) fn init(session: &Session, args: &InitArgs) -> Result<Exit, Fault> {
    let name = match &args.name {
        Some(name) => ClusterName::new(name.as_str()).map_err(|error| {
            Fault::usage(error.to_string())
                .hint("a name has a-z, 0-9 and - in it, and at most 32 of them")
        })?,
        None => folder_name()?,
    };
    let path = match &session.globals.file {
        Some(file) => file.clone(),
        None => PathBuf::from(format!("{name}{SUFFIX}")),
    };
    write(&path, &template(&name, args.provider))?;
    if session.output.is_json {
        let file = path.display().to_string();
        session.output.json(&Document { schema: "wucluster/init/1", cluster: &name, file })?;
        return Ok(Exit::Done);
    }
    session.output.result(&format!(
        "{} is written; look into it and change what you like.\n",
        path.display()
    ));
    // With a second one in the folder no command knows which is meant.
    let is_alone = session.globals.file.is_none() && find(None).is_ok();
    let option = if is_alone { String::new() } else { format!("-f {} ", path.display()) };
    let next = ["check", "plan launched"].map(|command| format!("{option}{command}"));
    session.output.next(&next.each_ref().map(String::as_str));
    Ok(Exit::Done)
}

fn folder_name() -> Result<ClusterName, Fault> {
    let here = std::env::current_dir()
        .map_err(|error| Fault::failed(format!("cannot tell the name of this folder: {error}")))?;
    let name = here.file_name().unwrap_or_default().to_string_lossy().into_owned();
    ClusterName::new(name.as_str()).map_err(|error| {
        Fault::usage(format!("the name of this folder will not do for a cluster: {error}"))
            .hint("give it a name: `wucluster init NAME`")
    })
}

/// Writes a file that is not there yet.
///
/// # Errors
/// A usage fault when it is there already: it stays as it is.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match error
            .kind()
        {
            ErrorKind::AlreadyExists => {
                Fault::usage(format!("{} is there already and stays as it is", path.display()))
                    .hint("give the new one another name")
            }
            _ => Fault::file("write", path, &error),
        })?;
    file.write_all(text.as_bytes()).map_err(|error| Fault::file("write", path, &error))
}

//! `check`: reads the definition and says what is wrong with it.

use serde::Serialize;
use wucluster_core::definition::{ClusterDefinition, Diagnostic};

use super::Session;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input;
use crate::render::diagnostic::{diagnostics, tally};
use crate::render::words::count;
use crate::site::has_cloud;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    file: String,
    is_usable: bool,
    cluster: Option<&'a str>,
    nodes: Option<usize>,
    mounts: Option<usize>,
    total_gib: Option<u64>,
    diagnostics: &'a [Diagnostic],
}

/// Checks the definition.
pub(crate) fn check(session: &Session) -> Result<Exit, Fault> {
    let output = &session.output;
    let source = input::read(input::find(session.globals.file.as_deref())?)?;
    let path = source.path.display().to_string();
    let (definition, found) = match &source.parsed {
        Ok((definition, warnings)) => (Some(definition), warnings),
        Err(found) => (None, found),
    };
    let exit = if definition.is_some() { Exit::Done } else { Exit::Usage };
    if output.is_json {
        let document = Document {
            schema: "wucluster/check/1",
            file: path,
            is_usable: definition.is_some(),
            cluster: definition.map(|definition| definition.name.as_str()),
            nodes: definition.map(|definition| definition.nodes.len()),
            mounts: definition.map(|definition| definition.mounts().count()),
            total_gib: definition.map(total_gib),
            diagnostics: found,
        };
        output.json(&document)?;
        return Ok(exit);
    }
    output.aside(&diagnostics(found, &path, &source.text, &output.err));
    match definition {
        Some(definition) => {
            output.result(&format!(
                "{path} is good: {} on {}, {}, {}, {} GiB in all.\n",
                definition.name,
                definition.provider,
                count(definition.nodes.len(), "node"),
                count(definition.mounts().count(), "mount"),
                total_gib(definition),
            ));
            if has_cloud(definition.provider) {
                output.next(&["plan launched", "launch"]);
            } else {
                let cloud = definition.provider;
                output.warn(format!(
                    "this wucluster has no cloud `{cloud}`: it can check and rehearse this, and do no more"
                ));
                output.next(&["rehearse launched", "rehearse away"]);
            }
        }
        None => output.aside(&format!("{}\n", tally(found))),
    }
    Ok(exit)
}

fn total_gib(definition: &ClusterDefinition) -> u64 {
    definition.mounts().map(|(_, mount)| u64::from(mount.size.gib())).sum()
}

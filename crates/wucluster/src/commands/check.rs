//! `check`: reads the definition and says what is wrong with it.

use serde::Serialize;
use wucluster_core::definition::{ClusterDefinition, Diagnostic, Provider};

use super::Session;
#[cfg(feature = "aws")]
use super::online::Online;
use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input;
#[cfg(not(feature = "aws"))]
use crate::output::Output;
use crate::render::diagnostic::{diagnostics, tally};
use crate::render::words::count;
use crate::site::has_cloud;
#[cfg(not(feature = "aws"))]
use crate::site::no_cloud;

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
    /// What AWS says about it; absent: it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<&'a Online>,
}

/// Checks the definition.
pub(crate) async fn check(session: &Session, args: &CheckArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let source = input::read(input::find(session.globals.file.as_deref())?)?;
    let path = source.path.display().to_string();
    let (definition, found) = match &source.parsed {
        Ok((definition, warnings)) => (Some(definition), warnings),
        Err(found) => (None, found),
    };
    let online = match definition {
        Some(definition) if args.online => ask(definition).await?,
        _ => None,
    };
    let exit = match (definition, &online) {
        (None, _) => Exit::Usage,
        (Some(_), Some(online)) => online.exit(),
        (Some(_), None) => Exit::Done,
    };
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
            online: online.as_ref(),
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
            if let Some(online) = &online {
                online.show(output);
            } else if args.online {
                output.aside(&format!("There is nobody to ask about `{}`.\n", definition.provider));
            }
            if exit != Exit::Done {
                return Ok(exit);
            }
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

/// Asks the provider about a definition; `None`: it is on this host, where nobody knows more than the definition.
async fn ask(definition: &ClusterDefinition) -> Result<Option<Online>, Fault> {
    match definition.provider {
        #[cfg(feature = "aws")]
        Provider::Aws => Online::ask(definition).await.map(Some),
        #[cfg(not(feature = "aws"))]
        Provider::Aws => Err(no_cloud(Provider::Aws)),
        Provider::Local | Provider::Sim => Ok(None),
    }
}

/// What no provider of this build can say.
#[cfg(not(feature = "aws"))]
#[derive(Debug, Serialize)]
enum Online {}

#[cfg(not(feature = "aws"))]
impl Online {
    fn exit(&self) -> Exit {
        match *self {}
    }

    fn show(&self, _: &Output) {
        match *self {}
    }
}

fn total_gib(definition: &ClusterDefinition) -> u64 {
    definition.mounts().map(|(_, mount)| u64::from(mount.size.gib())).sum()
}

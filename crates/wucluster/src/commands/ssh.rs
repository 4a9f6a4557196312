//! `ssh`: opens a shell on a node, or runs one command there.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use wucluster_engine::ssh::Session as Sitting;

use super::{Session, sitting};
use crate::args::SshArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, with_sources};
use crate::site::{Nodes, Site, address, node_named};

/// Becomes the user's ssh, so that its exit code is ours.
pub(crate) async fn ssh(session: &Session, args: &SshArgs) -> Result<Exit, Fault> {
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let observation = site.look_at_cloud(&definition).await?;
    let node = node_named(&observation, &args.node)?;
    let address = address(node).map_err(|why| {
        Fault::failed(why).hint(format!("bring it up: {} launch", session.output.err.program))
    })?;
    let line = command_line(&args.command)?;
    let shell = match &site.nodes {
        Nodes::Ssh(shell) => shell,
        Nodes::Sim(account) => {
            return sitting::ssh(session, account, &address, line.as_deref()).await;
        }
    };
    let sitting = match &line {
        None => Sitting::Login,
        Some(line) => Sitting::Run(line),
    };
    let command =
        shell.command(&address, sitting).map_err(|error| Fault::failed(with_sources(&error)))?;
    let mut command = command.into_std();
    let error = command.exec();
    let program = command.get_program().to_string_lossy().into_owned();
    Err(Fault::failed(format!("cannot run `{program}`: {error}"))
        .hint("install an OpenSSH client, or name one with WUCLUSTER_SSH"))
}

/// Joins a command for the node's shell with blanks, as ssh does; `None` when there is none.
pub(crate) fn command_line(words: &[OsString]) -> Result<Option<String>, Fault> {
    let words: Option<Vec<&str>> = words.iter().map(|word| word.to_str()).collect();
    let words = words.ok_or_else(|| Fault::usage("the command is not UTF-8"))?;
    Ok((!words.is_empty()).then(|| words.join(" ")))
}

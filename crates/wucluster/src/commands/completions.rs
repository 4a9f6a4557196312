//! `completions`: prints the script that completes commands in a shell.

use clap::CommandFactory as _;

use super::Session;
use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::fault::Fault;

/// Prints the script.
pub(crate) fn completions(session: &Session, args: &CompletionsArgs) -> Result<Exit, Fault> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wucluster", &mut text);
    session.output.result(&String::from_utf8_lossy(&text));
    Ok(Exit::Done)
}

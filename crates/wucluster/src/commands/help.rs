//! `help`: explains a command or a topic.

use clap::CommandFactory as _;

use super::Session;
use crate::args::{Cli, HelpArgs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::topics;

/// Prints the help of a command or a topic.
pub(crate) fn help(session: &Session, args: &HelpArgs) -> Result<Exit, Fault> {
    let mut command = Cli::command();
    command.build();
    if let [name] = args.topic.as_slice()
        && let Some(text) = topics::topic(name)
    {
        session.output.result(&text);
        return Ok(Exit::Done);
    }
    let mut found = &mut command;
    for name in &args.topic {
        found = found.find_subcommand_mut(name).ok_or_else(|| {
            Fault::usage(format!("there is no command or topic `{}`", args.topic.join(" "))).hint(
                format!(
                    "the topics are {}; `wucluster help` lists the commands",
                    topics::TOPICS.join(", ")
                ),
            )
        })?;
    }
    let text = if args.topic.is_empty() { found.render_long_help() } else { found.render_help() };
    session.output.result(&if session.output.out.colour {
        text.ansi().to_string()
    } else {
        text.to_string()
    });
    Ok(Exit::Done)
}

//! `ssh` and `run` on simulated nodes, which run nothing but a few commands of their own.

use std::io::IsTerminal as _;

use wucluster_core::action::NodeAddress;
use wucluster_core::ports::Clock as _;

use super::Session;
use crate::exit::Exit;
use crate::fault::{Fault, with_sources};
use crate::render::text::clean_lines;
use crate::sim_cloud::{self, KNOWN, Said, SimAccount, Sitting};

/// Exit status where there is no way to the node. Source: ssh(1).
const STATUS_NO_WAY: i32 = 255;

/// Runs one command line, or the lines of standard input, and ends as the last of them ended.
pub(crate) async fn ssh(
    session: &Session,
    account: &SimAccount,
    address: &NodeAddress,
    line: Option<&str>,
) -> Result<Exit, Fault> {
    let status = match line {
        Some(line) => one(session, account, address, line).await,
        None => sit(session, account, address).await?,
    };
    if status == 0 {
        return Ok(Exit::Done);
    }
    // As with a real ssh, the remote command's status is ours.
    std::process::exit(status)
}

async fn one(session: &Session, account: &SimAccount, address: &NodeAddress, line: &str) -> i32 {
    match run(account, address, line).await {
        Ok(said) => {
            session.output.result(&clean_lines(&said.out));
            session.output.aside(&clean_lines(&said.err));
            said.status
        }
        Err(why) => {
            session.output.aside(&format!("{why}\n"));
            STATUS_NO_WAY
        }
    }
}

/// Reads lines until they end, or one of them says `exit`.
async fn sit(session: &Session, account: &SimAccount, address: &NodeAddress) -> Result<i32, Fault> {
    let stdin = std::io::stdin();
    let is_asked = stdin.is_terminal();
    if is_asked {
        session.output.aside(&format!("{} is simulated. It knows {KNOWN}, exit.\n", address.node));
    }
    let mut status = 0;
    loop {
        if is_asked {
            session.output.aside(&format!("{} (simulated) $ ", address.node));
        }
        let mut line = String::new();
        let count = stdin
            .read_line(&mut line)
            .map_err(|error| Fault::failed(format!("cannot read a line: {error}")))?;
        match line.trim() {
            "exit" | "logout" => return Ok(status),
            _ if count == 0 => {
                session.output.aside(if is_asked { "\n" } else { "" });
                return Ok(status);
            }
            line => status = one(session, account, address, line).await,
        }
    }
}

/// Runs a command line on a simulated node.
///
/// # Errors
/// Says why there is no way to the node.
pub(crate) async fn run(
    account: &SimAccount,
    address: &NodeAddress,
    line: &str,
) -> Result<Said, String> {
    let node = address.node.as_str();
    let at = Sitting { node, instance: &address.instance };
    let said = account
        .change(|world| {
            let is_up = world.is_up(&address.instance);
            is_up.then(|| sim_cloud::run(world, at, line))
        })
        .await
        .map_err(|error| with_sources(&error))?;
    let said = said.ok_or_else(|| format!("{node} runs, and its ssh does not answer yet"))?;
    account.sleep(said.took).await;
    Ok(said)
}

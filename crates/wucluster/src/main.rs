//! The program `wucluster`: the command line over the engine and its clouds.
//!
//! Commands ask, judge and hand over; screens are pure functions from data to text (`render`); how
//! each command ends is in one table (`exit`).

mod args;
#[cfg(feature = "aws")]
mod aws_cloud;
#[cfg(feature = "aws")]
mod aws_network;
mod commands;
mod deletions;
mod dirs;
#[cfg(test)]
mod documents;
mod exit;
mod fault;
mod forecast;
mod history;
mod input;
#[cfg(feature = "local")]
mod local_cloud;
mod operator;
mod output;
mod progress;
#[cfg(test)]
mod reference;
mod render;
mod report;
mod signals;
mod sim_cloud;
mod site;
mod store;
#[cfg(test)]
mod testing;
mod topics;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let output = output::Output::new(&cli.globals);
    match commands::carry_out(cli, output.clone()) {
        Ok(exit) => exit.into(),
        Err(fault) => {
            output.fault(&fault);
            fault.exit.into()
        }
    }
}

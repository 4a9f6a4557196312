//! What each command does: it asks, judges and hands over to the screens.

pub(crate) mod admission;
mod adopt;
mod check;
mod checkpoint;
mod completions;
mod confirm;
mod doctor;
mod drive;
mod explain;
mod fork;
pub(crate) mod generation;
mod help;
mod history;
#[cfg(feature = "aws")]
mod iam_policy;
mod init;
mod lease;
#[cfg(feature = "local")]
mod local;
mod lock;
mod log;
mod man;
mod network;
#[cfg(feature = "aws")]
mod online;
pub(crate) mod part;
mod plan;
mod prune;
mod rehearse;
mod removed;
pub(crate) mod renamed;
mod report;
mod run;
mod schema;
mod sitting;
mod snapshots;
mod ssh;
mod status;
mod wait;

pub(crate) use log::took_over;
pub(crate) use prune::{About, Fate, PruneRow};

use std::future::Future;

use wucluster_core::definition::ClusterDefinition;
#[cfg(not(feature = "aws"))]
use wucluster_core::definition::Provider;
use wucluster_core::demand::Demand;

use crate::args::{Cli, Command, Globals};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input;
use crate::output::Output;

/// What every command has at hand.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// What was asked for on the command line.
    pub(crate) globals: Globals,
    /// Where words go.
    pub(crate) output: Output,
}

impl Session {
    /// Loads the definition; what is wrong with it is printed.
    pub(crate) fn definition(&self) -> Result<ClusterDefinition, Fault> {
        input::load(self.globals.file.as_deref(), &self.output)
    }
}

/// Carries out a command line.
///
/// # Errors
/// Why it did not do what it says, with the exit code.
pub(crate) fn carry_out(cli: Cli, output: Output) -> Result<Exit, Fault> {
    let session = Session { globals: cli.globals, output };
    let session = &session;
    match cli.command {
        Command::Init(args) => init::init(session, &args),
        Command::Check(args) => block_on(check::check(session, &args)),
        Command::Plan(args) => block_on(plan::plan(session, &args)),
        Command::Rehearse(args) => rehearse::rehearse(session, &args),
        Command::Become(args) => block_on(drive::drive(session, args.state, &args.up)),
        Command::Launch(args) => block_on(drive::drive(session, Demand::Launched, &args)),
        Command::Park(args) => block_on(drive::drive(session, Demand::Parked, &args.into())),
        Command::PutAway(args) => block_on(drive::drive(session, Demand::Away, &args.into())),
        Command::Status(args) => block_on(status::status(session, &args)),
        Command::Wait(args) => block_on(wait::wait(session, &args)),
        Command::Explain(args) => block_on(explain::explain(session, &args)),
        Command::History(args) => block_on(history::history(session, &args)),
        Command::Log(args) => block_on(log::log(session, &args)),
        Command::Report(args) => block_on(report::report(session, &args)),
        Command::Lease(args) => block_on(lease::lease(session, &args)),
        Command::Adopt(args) => block_on(adopt::adopt(session, &args)),
        Command::Snapshots(args) => block_on(snapshots::snapshots(session, &args)),
        Command::Fork(args) => block_on(fork::fork(session, &args)),
        Command::Checkpoint(args) => block_on(checkpoint::checkpoint(session, &args)),
        Command::Prune(args) => block_on(prune::prune(session, &args)),
        Command::Ssh(args) => block_on(ssh::ssh(session, &args)),
        Command::Run(args) => block_on(run::run(session, &args)),
        #[cfg(feature = "local")]
        Command::Local(command) => block_on(local::local(session, &command)),
        #[cfg(not(feature = "local"))]
        Command::Local(_) => Err(Fault::usage("this wucluster is built without the local cloud")),
        Command::Doctor(args) => block_on(doctor::doctor(session, &args)),
        #[cfg(feature = "aws")]
        Command::IamPolicy(args) => iam_policy::iam_policy(session, &args),
        #[cfg(not(feature = "aws"))]
        Command::IamPolicy(_) => Err(crate::site::no_cloud(Provider::Aws)),
        Command::Schema(args) => schema::schema(session, &args),
        Command::Man(args) => man::man(session, &args),
        Command::Completions(args) => completions::completions(session, &args),
        Command::Help(args) => help::help(session, &args),
    }
}

/// Runs a command that waits for others, on this thread.
fn block_on(work: impl Future<Output = Result<Exit, Fault>>) -> Result<Exit, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::failed(format!("cannot begin: {error}")))?
        .block_on(work)
}

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wucluster_core::definition::{Provider, parse_duration};
use wucluster_core::demand::Demand;
use wucluster_core::ids::MountKey;
use wucluster_core::scope::Part;
use wucluster_rehearse::runs::Kind;

use crate::topics;

/// Drives a cluster of machines and disks to the state that you demand.
///
/// A cluster is nodes with mounts. You say which state it is to be in; wucluster looks at what is,
/// asks for what is missing, and looks again until it holds. It may start from any mixture of states,
/// be interrupted anywhere, and be repeated. No byte is lost on the way: what would lose one is held,
/// with the reason and with what to do.
#[derive(Debug, Parser)]
#[command(
    name = "wucluster",
    version,
    long_version = version(),
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = topics::FIRST_STEPS,
)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Returns the version, and what this build has.
fn version() -> String {
    let with = |is_there: bool, word: &'static str| is_there.then_some(word);
    let clouds =
        [with(cfg!(feature = "local"), "local"), with(cfg!(feature = "aws"), "aws"), Some("sim")];
    let stores = [Some("folder"), with(cfg!(feature = "s3"), "s3")];
    let list =
        |words: &[Option<&str>]| words.iter().flatten().copied().collect::<Vec<_>>().join(", ");
    format!("{}\nclouds: {}\nstores: {}", env!("CARGO_PKG_VERSION"), list(&clouds), list(&stores))
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// The cluster's definition [default: the one `*.cluster.toml` in this folder]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Where leases and journals are: a folder, or `s3://BUCKET/PREFIX` for a team [default: STATE/clusters]
    #[arg(long, global = true, value_name = "URL", env = "WUCLUSTER_STORE", hide_env = true)]
    pub(crate) store: Option<String>,
    /// Says yes to what is about to be deleted; the list is printed all the same, unless `-q` is said
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// Stops waiting after this time, such as `20m`; nothing is undone by it
    #[arg(long, global = true, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<Duration>,
    /// Goes on trying so long what may clear by itself: a busy mount, a lock
    #[arg(long, global = true, value_name = "TIME", value_parser = time)]
    pub(crate) wait: Option<Duration>,
    /// Prints JSON: one document, or a line for each event of a drive
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How a drive is shown: auto, tty, plain, jsonl or quiet
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub(crate) progress: ProgressKind,
    /// When to colour: auto, always or never; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub(crate) color: ColorWhen,
    /// Draws with ASCII characters only
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// Says less: no progress, no next steps
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Says more: each request, and what is folded otherwise
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// How a drive shows where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressKind {
    /// A tree on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// A tree, repainted in place.
    Tty,
    /// A line for each change.
    Plain,
    /// Each event as a JSON line on standard output.
    Jsonl,
    /// Nothing but errors.
    Quiet,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Writes a commented definition to start from
    #[command(after_help = topics::INIT)]
    Init(InitArgs),
    /// Reads the definition and says what is wrong with it
    #[command(after_help = topics::CHECK)]
    Check(CheckArgs),
    /// Shows what a state would take: what is made, moved, deleted, held
    #[command(after_help = topics::PLAN)]
    Plan(PlanArgs),
    /// Runs a state on a simulated cloud: how long, how many requests, what could go wrong
    #[command(after_help = topics::REHEARSE)]
    Rehearse(RehearseArgs),
    /// Brings the cluster into a state
    #[command(name = "become", after_help = topics::BECOME)]
    Become(BecomeArgs),
    /// Brings everything up: the same as `become launched`
    #[command(after_help = topics::LAUNCH)]
    Launch(UpArgs),
    /// Stops the machines and keeps volumes and root disks: the same as `become parked`
    #[command(after_help = topics::PARK)]
    Park(DriveArgs),
    /// Keeps each mount in a snapshot and lets the rest go: the same as `become away`
    #[command(after_help = topics::PUT_AWAY)]
    PutAway(DriveArgs),
    /// Shows where everything is, with one look
    #[command(after_help = topics::STATUS)]
    Status(StatusArgs),
    /// Looks until a state holds; asks for nothing itself
    #[command(after_help = topics::WAIT)]
    Wait(WaitArgs),
    /// Tells everything about one node or mount
    #[command(after_help = topics::EXPLAIN)]
    Explain(ExplainArgs),
    /// Lists the runs: who drove the cluster where, and how it ended
    #[command(after_help = topics::HISTORY)]
    History(HistoryArgs),
    /// Tells what one run did, and what keeps the data of what it deleted
    #[command(after_help = topics::LOG)]
    Log(LogArgs),
    /// Writes a page about one run: timeline, requests, holds, deletions
    #[command(after_help = topics::REPORT)]
    Report(ReportArgs),
    /// Says who drives the cluster now
    #[command(after_help = topics::LEASE)]
    Lease(LeaseArgs),
    /// Takes over a cluster that was driven from another store, or a machine or volume made by hand
    #[command(after_help = topics::ADOPT)]
    Adopt(AdoptArgs),
    /// Lists the snapshots that keep the cluster's data
    #[command(after_help = topics::SNAPSHOTS)]
    Snapshots(SnapshotsArgs),
    /// Takes snapshots of the running cluster, of one moment in which all file systems stand still
    #[command(after_help = topics::CHECKPOINT)]
    Checkpoint(CheckpointArgs),
    /// Deletes snapshots that newer ones supersede; never the newest of a mount
    #[command(after_help = topics::PRUNE)]
    Prune(PruneArgs),
    /// Writes the definition of a second cluster that begins from this one's snapshots
    #[command(after_help = topics::FORK)]
    Fork(ForkArgs),
    /// Opens a shell on a node, or runs one command there
    #[command(after_help = topics::SSH)]
    Ssh(SshArgs),
    /// Runs a command on several nodes at once
    #[command(after_help = topics::RUN)]
    Run(RunArgs),
    /// Looks after the local cloud: image, left-overs, consoles, plugs
    #[command(subcommand, after_help = topics::LOCAL)]
    Local(LocalCommand),
    /// Looks at all that a drive needs, and for what is left over and costs money
    #[command(after_help = topics::DOCTOR)]
    Doctor(DoctorArgs),
    /// Prints the policy of IAM that this cluster takes on AWS
    #[command(after_help = topics::IAM_POLICY)]
    IamPolicy(IamPolicyArgs),
    /// Prints the JSON Schema of the definition, or of what `--json` prints
    #[command(after_help = topics::SCHEMA)]
    Schema(SchemaArgs),
    /// Prints the manual of a command, or writes all of them
    #[command(after_help = topics::MAN)]
    Man(ManArgs),
    /// Prints the script that completes commands in a shell
    #[command(after_help = topics::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Explains a command or a topic: exit-codes, states, hooks, files, sim, faults
    Help(HelpArgs),
}

/// What `init` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct InitArgs {
    /// The cluster's name [default: the name of this folder]
    pub(crate) name: Option<String>,
    /// The cloud to live in
    #[arg(long, value_name = "CLOUD", default_value = "local", value_parser = provider())]
    pub(crate) provider: Provider,
}

/// What `check` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    /// Asks AWS, too: images, types, zone, network, keys, snapshots, permissions; nothing is changed there
    #[arg(long)]
    pub(crate) online: bool,
}

/// What `plan` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanArgs {
    /// The state; `wucluster help states` explains them
    #[arg(value_parser = demand())]
    pub(crate) state: Demand,
    /// Exits with 3 when the state does not hold already
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Lists every node, without folding those that are alike
    #[arg(long)]
    pub(crate) all: bool,
    /// Only this part of the cluster, with `*`, `?` and `[1-3]` in names; may be repeated
    #[arg(long, value_name = "NODE[/MOUNT]")]
    pub(crate) only: Vec<Part>,
    /// Begins from what this generation holds, not from the newest; `wucluster snapshots` lists them
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<u64>,
    /// Begins from what this checkpoint holds, not from the newest; `wucluster snapshots` lists them
    #[arg(long, value_name = "N", conflicts_with = "generation")]
    pub(crate) checkpoint: Option<u64>,
}

/// What `rehearse` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct RehearseArgs {
    /// The state; `wucluster help states` explains them
    #[arg(value_parser = demand())]
    pub(crate) state: Demand,
    /// Where it begins [default: away, and launched for states on the way down]
    #[arg(long, value_name = "STATE", value_parser = demand(), hide_possible_values = true)]
    pub(crate) from: Option<Demand>,
    /// Rehearses it of this part only, with `*`, `?` and `[1-3]` in names; may be repeated
    #[arg(long, value_name = "NODE[/MOUNT]")]
    pub(crate) only: Vec<Part>,
    /// Makes it a bad day, on which these kinds of faults strike; any, if none is named
    #[arg(long, value_name = "KIND,...", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "any", value_parser = kinds)]
    pub(crate) faults: Option<Kinds>,
    /// What all luck is drawn from: the same seed is the same day
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = seed)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Rehearses so many random bad days, with the seeds from `--seed` on
    #[arg(long, value_name = "N", conflicts_with_all = ["faults", "kill"])]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) runs: Option<u64>,
    /// Kills the operator wherever it waits, and lets another one go on
    #[arg(long, conflicts_with = "faults")]
    pub(crate) kill: bool,
}

/// Kinds of faults that a day is to have; none: any.
#[derive(Debug, Clone)]
pub(crate) struct Kinds(pub(crate) Vec<Kind>);

fn at_least_one(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "it is a whole number from 1 on".to_owned())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

fn kinds(text: &str) -> Result<Kinds, String> {
    if text == "any" {
        return Ok(Kinds(Vec::new()));
    }
    let named = |name: &str| {
        Kind::named(name).ok_or_else(|| {
            let known = Kind::ALL.map(|kind| kind.name).join(", ");
            let wrong = match name {
                "" => "a name is missing".to_owned(),
                name => format!("there is no kind `{name}`"),
            };
            format!("{wrong}; there are {known}")
        })
    };
    text.split(',').map(str::trim).map(named).collect::<Result<_, _>>().map(Kinds)
}

/// What `become` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct BecomeArgs {
    /// The state; `wucluster help states` explains them
    #[arg(value_parser = demand())]
    pub(crate) state: Demand,
    /// How to drive there.
    #[command(flatten)]
    pub(crate) up: UpArgs,
}

/// What all drives take.
#[derive(Debug, Clone, Args)]
pub(crate) struct DriveArgs {
    /// Only shows what it would take, as `plan` does
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only this part of the cluster, with `*`, `?` and `[1-3]` in names; may be repeated
    ///
    /// A node comes with all its mounts, a mount that is to come up with its node. The rest is neither asked for anything
    /// nor waited for.
    #[arg(long, value_name = "NODE[/MOUNT]")]
    pub(crate) only: Vec<Part>,
}

impl From<DriveArgs> for UpArgs {
    fn from(drive: DriveArgs) -> Self {
        Self { drive, lose: Vec::new(), generation: None, checkpoint: None }
    }
}

/// What drives take that may go up.
#[derive(Debug, Clone, Args)]
pub(crate) struct UpArgs {
    /// How to drive there.
    #[command(flatten)]
    pub(crate) drive: DriveArgs,
    /// Gives up the newest data of this mount, and begins from what is left of it; may be repeated
    ///
    /// For a mount that is held[data-missing]: its newest snapshot is gone or failed. It then begins
    /// from the newest whole snapshot that is left, or blank. Nothing is deleted by it.
    #[arg(long, value_name = "NODE/MOUNT", value_parser = mount_key)]
    pub(crate) lose: Vec<MountKey>,
    /// Goes back: each mount begins from what this generation holds; `wucluster snapshots` lists them
    ///
    /// For mounts that are away. What is newer is left behind in its snapshots, after a question; nothing is deleted by it.
    #[arg(long, value_name = "N", conflicts_with = "lose")]
    pub(crate) generation: Option<u64>,
    /// Goes back: each mount begins from what this checkpoint holds; `wucluster snapshots` lists them
    ///
    /// As `--generation` does, for what was kept while the cluster ran. A mount that the checkpoint is not of begins from its
    /// newest data.
    #[arg(long, value_name = "N", conflicts_with_all = ["lose", "generation"])]
    pub(crate) checkpoint: Option<u64>,
}

fn mount_key(text: &str) -> Result<MountKey, String> {
    MountKey::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// What `status` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatusArgs {
    /// Says only whether this state holds: exits with 0 or 3
    #[arg(long, value_name = "STATE", value_parser = demand(), conflicts_with = "watch")]
    pub(crate) is: Option<Demand>,
    /// Lists only what is not where it is wanted, or cannot be seen
    #[arg(long)]
    pub(crate) failing: bool,
    /// Looks again every two seconds, until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Only this part of the cluster, with `*`, `?` and `[1-3]` in names; may be repeated
    #[arg(long, value_name = "NODE[/MOUNT]")]
    pub(crate) only: Vec<Part>,
}

/// What `wait` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct WaitArgs {
    /// The state; `wucluster help states` explains them
    #[arg(value_parser = demand())]
    pub(crate) state: Demand,
    /// Only this part of the cluster, with `*`, `?` and `[1-3]` in names; may be repeated
    #[arg(long, value_name = "NODE[/MOUNT]")]
    pub(crate) only: Vec<Part>,
}

/// What `explain` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArgs {
    /// The node or mount
    #[arg(value_name = "NODE[/MOUNT]")]
    pub(crate) subject: String,
}

/// What `history` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct HistoryArgs {
    /// How many runs to list
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) last: usize,
    /// Lists all runs
    #[arg(long, conflicts_with = "last")]
    pub(crate) all: bool,
}

/// What `log` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogArgs {
    /// The run's number [default: the last run]
    pub(crate) run: Option<u64>,
    /// Goes on telling while the run goes on, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
}

/// What `report` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// The run's number [default: the last run]
    pub(crate) run: Option<u64>,
    /// The file to write; `-` prints the page [default: CLUSTER-run-N.html in this folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What `adopt` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdoptArgs {
    /// An instance, volume or snapshot that was made by hand, and what it is from now on: `vol-1 as chief/home`
    /// [default: all of the cluster that belongs to another store]
    #[arg(value_names = ["ID", "as", "NODE[/MOUNT]"], num_args = 0..=3)]
    pub(crate) words: Vec<String>,
}

/// What `lease` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct LeaseArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) command: Option<LeaseCommand>,
}

/// What can be done with a lease.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum LeaseCommand {
    /// Takes it from somebody who is silent for 90 s, and gives it back
    #[command(after_help = topics::LEASE_TAKE)]
    Take,
}

/// What `fork` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ForkArgs {
    /// The name of the second cluster
    #[arg(value_name = "NEW")]
    pub(crate) name: String,
    /// The generation to begin from; `wucluster snapshots` lists them [default: the newest]
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<u64>,
    /// The checkpoint to begin from, in place of a generation
    #[arg(long, value_name = "N", conflicts_with = "generation")]
    pub(crate) checkpoint: Option<u64>,
    /// The file to write; `-` prints the definition [default: NEW/NEW.cluster.toml]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What `snapshots` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct SnapshotsArgs {
    /// Only those of this node or mount; `*` and `?` stand for anything
    #[arg(value_name = "NODE[/MOUNT]")]
    pub(crate) part: Option<Part>,
}

/// What `checkpoint` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckpointArgs {
    /// Only this part of the cluster, with `*`, `?` and `[1-3]` in names; may be repeated
    #[arg(long, value_name = "NODE[/MOUNT]")]
    pub(crate) only: Vec<Part>,
    /// How long anything may stand still; past it all is thawed, and there is no checkpoint
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = freeze_limit)]
    pub(crate) freeze_limit: Duration,
    /// Only shows what would be frozen
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What `prune` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct PruneArgs {
    /// Only those of this node or mount; `*` and `?` stand for anything
    #[arg(value_name = "NODE[/MOUNT]")]
    pub(crate) part: Option<Part>,
    /// Deletes old checkpoints, in place of what put-aways left; those that never became whole, too
    #[arg(long)]
    pub(crate) checkpoints: bool,
    /// How many of the newest generations stay whole, of those that there are; or of the newest whole checkpoints
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = at_least_one)]
    pub(crate) keep: u64,
    /// Only shows what would go, what stays, and why
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What `ssh` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct SshArgs {
    /// The node
    pub(crate) node: String,
    /// The command to run there, behind `--`; a shell without it
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// What `run` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// The nodes, by name or pattern such as `worker-*` [default: all that run]
    pub(crate) nodes: Vec<String>,
    /// The command, behind `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// What `local` does.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LocalCommand {
    /// Builds the image that machines start from, if it is not there
    #[command(after_help = topics::LOCAL_IMAGE)]
    Image,
    /// Removes what is of no use to anybody: half-made things, old images
    #[command(after_help = topics::LOCAL_GC)]
    Gc,
    /// Shows what a machine printed on its console
    Console {
        /// The node
        node: String,
        /// Goes on showing, until Ctrl-C
        #[arg(long)]
        follow: bool,
    },
    /// Asks a machine to power down; its disks stay
    #[command(after_help = topics::LOCAL_STOP)]
    Stop {
        /// The node
        node: String,
    },
    /// Pulls the plug of a machine; what it had not written is lost
    #[command(after_help = topics::LOCAL_KILL)]
    Kill {
        /// The node
        node: String,
    },
}

/// What `doctor` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    /// Tries with dry runs what the provider permits
    #[arg(long)]
    pub(crate) permissions: bool,
    /// Exits with 3 when something is wrong, for timers
    #[arg(long)]
    pub(crate) report: bool,
    /// Mends what a command of ours can mend, one by one, after a question each
    ///
    /// What has left the definition is put away, and what belongs to another store is adopted. What is to be deleted by the
    /// cloud's own tool is only told: nobody but you can say which one is meant.
    #[arg(long, conflicts_with_all = ["report", "json", "yes"])]
    pub(crate) fix: bool,
}

/// What `iam-policy` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct IamPolicyArgs {
    /// What is to be permitted
    #[arg(long, value_name = "STATE", value_enum, default_value_t)]
    pub(crate) r#for: PolicyFor,
    /// Permits `adopt` of what was made by hand, too: then all of the account that is nobody's can be taken
    #[arg(long)]
    pub(crate) adopt: bool,
}

/// What a policy permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PolicyFor {
    /// All states.
    #[default]
    Launched,
    /// To put away what is there, and to launch nothing.
    Away,
    /// To delete superseded snapshots, and nothing else.
    Prune,
}

/// What `schema` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct SchemaArgs {
    /// Whose: `status`, `plan`, `event` and the like [default: definition]
    #[arg(conflicts_with = "list")]
    pub(crate) name: Option<String>,
    /// Lists the names of all
    #[arg(long)]
    pub(crate) list: bool,
}

/// What `man` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManArgs {
    /// The command, such as `put-away` or `lease take` [default: the program itself]
    #[arg(conflicts_with = "dir")]
    pub(crate) command: Vec<String>,
    /// Writes the manuals of all commands into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

/// What `completions` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// What `help` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct HelpArgs {
    /// A command, or one of exit-codes, states, hooks, files, sim, faults
    pub(crate) topic: Vec<String>,
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| match error.suggestion {
        Some(suggestion) => format!("{}: write `{suggestion}`", error.explanation),
        None => error.explanation,
    })
}

/// The longest that a file system may be frozen: users wait meanwhile.
const FREEZE_LIMIT_MAX: Duration = Duration::from_secs(600);

fn freeze_limit(text: &str) -> Result<Duration, String> {
    let limit = time(text)?;
    if limit < Duration::from_secs(1) || limit > FREEZE_LIMIT_MAX {
        return Err(format!("it is from 1s to {}s", FREEZE_LIMIT_MAX.as_secs()));
    }
    Ok(limit)
}

fn demand() -> impl TypedValueParser<Value = Demand> {
    PossibleValuesParser::new(Demand::ALL.map(Demand::as_str))
        .try_map(|word| word.parse::<Demand>())
}

fn provider() -> impl TypedValueParser<Value = Provider> {
    PossibleValuesParser::new(["local", "aws", "sim"]).map(|word| match word.as_str() {
        "aws" => Provider::Aws,
        "sim" => Provider::Sim,
        _ => Provider::Local,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_makes_sense_to_clap() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_can_be_read() {
        for line in [
            "init",
            "init gibbon --provider aws",
            "check --json",
            "check --online",
            "plan launched --exit-code --all",
            "rehearse launched",
            "rehearse away --from mounted --faults --seed 7",
            "rehearse launched --faults=throttle,no-capacity",
            "rehearse launched --runs 100 --json",
            "rehearse away --kill",
            "become recently-snapshotted --wait 2h",
            "launch --dry-run --timeout 20m",
            "launch --lose chief/home --lose chief/data",
            "park --only worker-* --wait 10m",
            "put-away --yes --progress plain",
            "--yes put-away",
            "status --watch --failing",
            "status --is launched -q",
            "wait launched --timeout 20m",
            "wait away --json",
            "explain chief/home",
            "history",
            "history -n 5 --json",
            "history --all",
            "log",
            "log 42 --follow",
            "report",
            "report 42 --output -",
            "report --json",
            "lease",
            "lease take",
            "snapshots chief",
            "checkpoint --dry-run",
            "checkpoint --only chief --freeze-limit 20s --json",
            "launch --checkpoint 3",
            "plan launched --checkpoint 3",
            "fork trial --checkpoint 3",
            "prune --checkpoints --keep 2",
            "prune --dry-run",
            "prune chief/home --keep 1 --yes --json",
            "ssh chief -- df -h",
            "run worker-1 worker-2 -- uptime -p",
            "run -- uptime",
            "local image",
            "local gc",
            "local console chief --follow",
            "local stop chief",
            "local kill chief",
            "doctor",
            "doctor --permissions --report --json",
            "iam-policy",
            "iam-policy --for away",
            "iam-policy --for prune",
            "schema",
            "schema status",
            "schema --list",
            "man",
            "man lease take",
            "man --dir share/man/man1",
            "completions bash",
            "help exit-codes",
        ] {
            let words = std::iter::once("wucluster").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn every_demands_command_can_be_read() {
        for demand in Demand::ALL {
            let line = demand.command();
            let words = std::iter::once("wucluster").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_time_without_a_unit_is_told_how_it_is_written() {
        assert!(time("20").unwrap_err().ends_with("write `20s`"));
        assert_eq!(time("2h").unwrap(), Duration::from_secs(7200));
    }
}

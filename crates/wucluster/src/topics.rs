//! Help texts that are longer than a line.

mod holds;

use std::fmt::Write as _;

use wucluster_core::demand::Demand;
use wucluster_rehearse::runs::Kind;

use crate::exit::Exit;
use crate::render::text::wrap;
use crate::sim_cloud::KNOWN;

pub(crate) const FIRST_STEPS: &str = "\
First steps:
  wucluster init          write a definition, then look into it
  wucluster plan launched show what it would take
  wucluster launch        bring everything up
  wucluster status        see where everything is
  wucluster park          stop the machines for a while; their disks stay
  wucluster put-away      keep the data in snapshots, let the rest go

More: wucluster help COMMAND, and the topics exit-codes, states, hooks, files, sim, faults.";

pub(crate) const INIT: &str = "\
Examples:
  wucluster init                 write FOLDER.cluster.toml, named after this folder
  wucluster init gibbon          write gibbon.cluster.toml

A file that is there is never overwritten. Nothing is made in any cloud.
Exit codes: 0 written, 1 it could not be written, 2 no valid name, or the file is there.";

pub(crate) const CHECK: &str = "\
Examples:
  wucluster check
  wucluster check -f gibbon.cluster.toml --json
  wucluster check --online       on AWS: is there such an image, type, key; may you do all this

All mistakes are told at once, each with its place and, where there is one, the change that would \
mend it. Nothing but the file is looked at, but with --online: then AWS is asked about all that the file names, and tried \
with dry runs, which change nothing.
Exit codes: 0 it can be used (there may be warnings), 1 a launch would fail, 2 it cannot be used, 6 something is not permitted.";

pub(crate) const PLAN: &str = "\
Examples:
  wucluster plan launched
  wucluster plan away            what would be deleted, and what keeps the data
  wucluster plan launched --exit-code && echo up

Signs:  = there already   ~ moves on   + is made   - is deleted   ! is held

A plan is a forecast, not a script: a drive judges anew at each look.
Exit codes: 0 planned, 2 definition error, 3 with --exit-code: the state does not hold, 6 not permitted.";

pub(crate) const REHEARSE: &str = "\
Examples:
  wucluster rehearse launched            how long, with which requests, what takes longest
  wucluster rehearse away                what is deleted, and what keeps the data
  wucluster rehearse launched --faults   one bad day; --seed 2 is another one
  wucluster rehearse away --faults=umount-busy,lost-answer
  wucluster rehearse launched --runs 100 a hundred bad days: how many end well, what holds the others
  wucluster rehearse away --kill         the operator is lost wherever it waits, and another goes on
  wucluster rehearse away --only 'worker-*'

Nothing real is touched or looked at: the definition is run on a simulated EC2, in its own time, with \
its durations and limits, and judged by the truth. Kinds of faults are explained by `wucluster help \
faults`.
Exit codes: 0 it ends well, 1 something happened that must never happen, 2 definition error, 4 it is \
held (with --runs or --kill: in the end).";

pub(crate) const BECOME: &str = "\
Examples:
  wucluster become mounted
  wucluster become separated --timeout 10m
  wucluster become recently-snapshotted --wait 2h

Ctrl-C asks nothing new, takes the answers that are due and tells where things stand; nothing is \
undone. Only `away` deletes, and only what you said yes to.
Exit codes: 0 it holds, 1 failed, 2 definition error, 4 held, 5 another command drives the cluster, \
6 not permitted, 7 --timeout passed, 8 no yes, 130 interrupted.";

pub(crate) const LAUNCH: &str = "\
Examples:
  wucluster launch
  wucluster launch --dry-run     show what it would take
  wucluster launch --timeout 20m
  wucluster launch --only 'worker-*'
  wucluster launch --generation 3   go back to what generation 3 holds
  wucluster launch --checkpoint 2   go back to what checkpoint 2 holds
  wucluster launch --lose chief/home

Each mount begins from its volume, else from its newest snapshot, else, where no data ever was, blank. \
Where data was and its newest snapshot is not to be had, nothing takes its place, until `--lose` gives \
that data up by name. What has left the definition is put away after a question that names it; without a \
terminal to ask on, and with `--yes`, it stays.
Exit codes: as for `wucluster help become`.";

pub(crate) const PARK: &str = "\
Examples:
  wucluster park                 before lunch: `launch` then starts the same machines
  wucluster park --wait 30m      wait for busy mounts to become free
  wucluster park --only 'worker-*'

Unmounts and detaches each volume, asks the `before-halt` checks, and stops the machines. Nothing is \
deleted and no snapshot is taken: volumes stay, and so do the root disks of what is stopped, and both go on \
costing money. Volumes alone are no copy: `put-away` keeps the data in snapshots, also from here, and starts \
nothing for it. What a provider cannot stop (on AWS spot machines and those on an instance store) \
is held, and stays up.
Exit codes: as for `wucluster help become`.";

pub(crate) const PUT_AWAY: &str = "\
Examples:
  wucluster put-away             list what is deleted, ask, do it
  wucluster put-away --yes       print the list and do it
  wucluster put-away --wait 2h   wait for busy mounts to become free
  wucluster put-away --only worker-3 --only '*/scratch'

Unmounts, detaches, takes a snapshot of each mount, and deletes a volume only once its snapshot is \
complete. A yes covers the listed things and nothing that appears later. Without a terminal to ask on, \
`--yes` is needed.
Exit codes: as for `wucluster help become`.";

pub(crate) const STATUS: &str = "\
Examples:
  wucluster status
  wucluster status --failing     only what is not where it is wanted
  wucluster status --is launched && echo up
  wucluster status --json
  wucluster status | cut -f1,2   without a terminal: rows with tabs between

Looks, and changes nothing; it may be used while another command drives the cluster.
Exit codes: 0, 3 with --is: it is not so, 6 not permitted.";

pub(crate) const FORK: &str = "\
Examples:
  wucluster fork trial           from the newest generation
  wucluster fork trial --generation 3
  wucluster fork trial --checkpoint 2
  wucluster fork trial -o - | less

The second cluster has a name, machines and volumes of its own, and begins from the snapshots of the \
first, which goes on as it is; neither sees what the other writes from then on. Nothing is asked of \
the cloud but a look: launch it with `wucluster -f NEW/NEW.cluster.toml launch`. What a mount that is up \
has written since its last snapshot is not in it.
Exit codes: 0 written, 2 definition error, no such generation or checkpoint, or the file is there already, 4 a snapshot \
of it is not complete, 6 not permitted.";

pub(crate) const WAIT: &str = "\
Examples:
  wucluster wait launched --timeout 20m && ./begin.sh
  wucluster wait away            beside a put-away that somebody else runs

Looks every two seconds, takes no lease, and asks for nothing: somebody else has to drive there, and when nobody does it \
says so. A look that fails is made again.
Exit codes: 0 it is so, 6 not permitted, 7 the time limit passed, 130 interrupted.";

pub(crate) const HISTORY: &str = "\
Examples:
  wucluster history              the last 20 runs, newest first
  wucluster history --all --json

A run without an end is going on, or was ended from outside: what it had asked for is in its log.
Exit codes: 0, 1 the store cannot be read.";

pub(crate) const LOG: &str = "\
Examples:
  wucluster log                  what the last run did
  wucluster log 42               what run 42 did
  wucluster log --follow         look on while another command drives
  wucluster log 42 --json        its journal, an event each line
  wucluster log 42 --quiet       without the requests

At its end stands what it deleted, and the snapshot that keeps the data of each volume.
Exit codes: 0, 1 the store cannot be read, 2 there was no such run, 130 interrupted.";

pub(crate) const REPORT: &str = "\
Examples:
  wucluster report               gibbon-run-42.html, about the last run
  wucluster report 41            about run 41
  wucluster report --output a.html
  wucluster report --output -    print the page
  wucluster report --json        print the data of the page

One file of HTML that needs nothing beside it: no network, no script. It is made from the run's journal, the same that \
`log --json` prints, and holds it. A report that is there is written anew, any other file stays as it is. The cluster is not \
looked at, and a run that goes on is told as far as it came.
Exit codes: 0 written, 1 the store cannot be read or the file not be written, 2 there was no such run, or the file is \
something else.";

pub(crate) const LEASE: &str = "\
Examples:
  wucluster lease                who drives, what for, since when, when last heard
  wucluster lease take           take over from somebody who is silent

One command at a time drives a cluster. It renews its lease every 10 s, and asks for nothing more once \
it could not for 30 s. Looking, `ssh` and `run` need no lease. A command whose process is gone is never \
waited for.
Exit codes: 0, 1 the store cannot be read or written.";

pub(crate) const ADOPT: &str = "\
Examples:
  wucluster adopt                          the store is lost, or this machine takes the cluster over
  wucluster adopt vol-0a1b as chief/home   a volume that was made by hand becomes a mount's
  wucluster adopt snap-0a1b as chief/home  the next launch begins from it
  wucluster adopt i-0a1b as chief          a machine that was made by hand becomes a node's

Everything that wucluster makes is marked with the store that it was driven from. What has another mark is left alone: who \
drives it from there cannot be seen from here. To adopt it says that nobody does any more. Machines then refuse what the \
former operators still ask of them; what those asked of the cloud shortly before may still come, and until it cannot any \
more, what it would take away is not used.
By hand: the node or mount must be in the definition, and must have nothing of its own yet. Only tags are set.
Exit codes: 0, 1 something did not come over, 2, 4 it cannot be that, 5 another command drives, 6 not permitted, 8 no yes.";

pub(crate) const DOCTOR: &str = "\
Examples:
  wucluster doctor
  wucluster doctor --report      for a timer: exits with 3 when something is wrong
  wucluster doctor --fix         mends what it can, after a question each
  wucluster doctor --permissions what you may do on AWS; nothing is done

Looks at ssh, at the store with its journals and its lease, at the cloud, and for what carries the cluster's tag and belongs \
to no node or mount, is there twice, or failed and is of no use. Nothing is changed, unless `--fix` is there and you say yes: it \
puts away what left the definition, and adopts what belongs to another store. What is to be deleted by the cloud's own tool is \
told only.
Exit codes: 0, 3 with --report something is wrong, 6 something is not permitted, 8 with --fix there is nobody to ask.";

pub(crate) const IAM_POLICY: &str = "\
Examples:
  wucluster iam-policy                     for all states
  wucluster iam-policy --for away          for who may put it away, and launch nothing
  wucluster iam-policy --for prune         for who may delete superseded snapshots
  wucluster iam-policy > policy.json && aws iam create-policy --policy-name gibbon --policy-document file://policy.json

It holds the calls that wucluster makes and no others, and nearly all of them for what carries this cluster's tag only. \
Nothing is asked of AWS.
Exit codes: 0, 2 the cluster does not live on AWS.";

pub(crate) const LEASE_TAKE: &str = "\
Watches for 90 s whoever has it. Who renews the lease meanwhile keeps it; end that process if it hangs. \
What a silent operator has asked for may still come: the next drive waits for that before it deletes anything.
Exit codes: 0 it is free, 1 the store cannot be written, 5 whoever has it is there.";

pub(crate) const EXPLAIN: &str = "\
Examples:
  wucluster explain chief
  wucluster explain chief/home

Shows what the cloud says, what the node says and what its tags mean, each with its age; its snapshots; \
what holds it or what comes next; and what happened to it last.
Exit codes: 0, 2 there is no such node or mount, 6 not permitted.";

pub(crate) const SNAPSHOTS: &str = "\
Examples:
  wucluster snapshots
  wucluster snapshots chief/home
  wucluster snapshots --json

Newest first. GENERATION counts put-aways of the cluster; EPOCH counts the times that the mount's \
volume became writable. `launch` takes the newest complete one. On a terminal and with --json a list of generations \
follows: when each began, and of how many mounts it has a complete snapshot; and one of checkpoints, which are sets of \
their own. `prune` deletes old ones.
Exit codes: 0, 2 there is no such node or mount, 6 not permitted.";

pub(crate) const CHECKPOINT: &str = "\
Examples:
  wucluster checkpoint
  wucluster checkpoint --only 'db-*' --freeze-limit 20s
  wucluster checkpoint --dry-run  what would be frozen

All mounted file systems of the cluster are frozen, a snapshot of each is begun, and all are thawed at once: what was written \
before is in it, and whoever writes meanwhile waits. It takes a moment, and --freeze-limit at most (60s, if you do not say): \
past it everything is thawed, and there is no checkpoint. A node thaws by itself if this command is lost. A checkpoint never \
stands in for a put-away: no volume is deleted because of it, and nothing begins from it unless you say so, with \
`launch --checkpoint N` or `fork NEW --checkpoint N`.
Exit codes: 0 it is whole, 1 it failed, 2 there is no such node or mount, 4 something cannot be frozen, 5 another command \
drives the cluster, 6 not permitted, 7 --timeout passed, 130 interrupted.";

pub(crate) const PRUNE: &str = "\
Examples:
  wucluster prune                list what is superseded, ask, delete it
  wucluster prune --dry-run      what would go, what stays, and why
  wucluster prune --keep 1 --yes keep the newest generation only
  wucluster prune chief/home
  wucluster prune --checkpoints --keep 2

Each put-away is a generation. The newest ones stay whole, and so does what each mount would begin from if it went back to \
one of them; a mount's newest snapshot always stays. Nor is deleted what covers a volume that is there, what a volume is \
being made from, what the definition names with `from`, what is pending, or what belongs to another store; and of a mount \
whose newest snapshot cannot be told, or is not complete, nothing is. Checkpoints are left alone unless you say \
`--checkpoints`: then those go that are older than the newest whole ones. A yes covers the listed snapshots and nothing else.
Exit codes: 0 they are gone, or nothing was to go, 1 failed, 2 there is no such node or mount, 4 held, 5 another command \
drives the cluster, 6 not permitted, 8 no yes.";

pub(crate) const SSH: &str = "\
Examples:
  wucluster ssh chief
  wucluster ssh chief -- df -h /mnt/home

Uses your own ssh (or the program that WUCLUSTER_SSH names) with the host key that the cloud vouches \
for: no question about unknown keys.
Exit codes: those of the remote command; 255 when there is no connection; 1 the node does not run.";

pub(crate) const RUN: &str = "\
Examples:
  wucluster run -- uptime
  wucluster run 'worker-*' -- sudo systemctl restart worker
  wucluster run chief worker-1 -- 'echo $HOSTNAME; date'

The command is handed to the node's shell as `ssh` does: arguments are joined with blanks. Each line of \
output is preceded by its node's name.
Exit codes: 0 all succeeded, 1 one failed or did not run.";

pub(crate) const LOCAL: &str = "\
The local cloud runs each node as a QEMU machine on this host, with real disks. It needs \
qemu-system-x86_64 and qemu-img to run machines, and mmdebstrap to build their image; a command that \
misses one says which package brings it. No root is needed, and no daemon runs: machines go on when \
wucluster ends, and are found again by the next command.

Machines, volumes and snapshots lie in the state folder, the image in the cache folder \
(`wucluster help files`). Machines reach each other on a network of their own; from outside they are \
reached by ssh on 127.0.0.1 only.

Examples:
  wucluster local image          build the image now instead of at the first launch
  wucluster local console chief --follow
  wucluster local stop worker-2  as if somebody pressed its power button
  wucluster local gc";

pub(crate) const LOCAL_IMAGE: &str = "\
The image is a small Debian with ssh, ext4 and XFS. It is built from your host's Debian mirror, takes \
about a minute, and is shared by all machines. `launch` builds it when it is missing.
Exit codes: 0 it is there, 1 it could not be built.";

pub(crate) const LOCAL_GC: &str = "\
Never removes a volume, a snapshot or a machine that a cluster could use.
Exit codes: 0, 1 something could not be removed.";

pub(crate) const LOCAL_STOP: &str = "\
The machine's system unmounts and powers down; volumes stay attached. `launch` starts it again.
Exit codes: 0 it was asked, 1 it does not run or did not hear.";

pub(crate) const LOCAL_KILL: &str = "\
As a power failure: what the machine had not written yet is lost, file systems recover at the next \
mount. For machines that do not answer any more.
Exit codes: 0 it is off, 1 it does not run.";

pub(crate) const SCHEMA: &str = "\
Examples:
  wucluster schema > wucluster.schema.json
  wucluster schema status        what `status --json` prints
  wucluster schema event         a line of `launch --json` and of `log --json`

An editor that knows TOML completes and checks a definition that begins with the line
#:schema ./wucluster.schema.json
Exit codes: 0, 2 there is no such schema.";

pub(crate) const MAN: &str = "\
Examples:
  wucluster man | man -l -
  wucluster man put-away | man -l -
  wucluster man --dir ~/.local/share/man/man1

The pages say what `--help` says.
Exit codes: 0, 1 a page cannot be written, 2 there is no such command.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  wucluster completions bash > ~/.local/share/bash-completion/completions/wucluster
  wucluster completions zsh  > ~/.zfunc/_wucluster
  wucluster completions fish > ~/.config/fish/completions/wucluster.fish";

/// The topics of `help` that are no commands.
pub(crate) const TOPICS: [&str; 7] =
    ["exit-codes", "states", "holds", "hooks", "files", "sim", "faults"];

/// Returns the text of a topic.
pub(crate) fn topic(name: &str) -> Option<String> {
    match name {
        "exit-codes" => Some(exit_codes()),
        "states" => Some(states()),
        "hooks" => Some(HOOKS.to_owned()),
        "files" => Some(FILES.to_owned()),
        "sim" => Some(sim()),
        "faults" => Some(faults()),
        "holds" => Some(holds::all()),
        code => holds::one(code),
    }
}

fn exit_codes() -> String {
    let mut text = "Exit codes, the same for all commands:\n\n".to_owned();
    for exit in Exit::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text.push_str(
        "\n`ssh` passes the remote command's code on; 255 means that ssh found no way.\n",
    );
    text
}

fn sim() -> String {
    let known = wrap(&format!("A simulated node knows {KNOWN}."), 78).join("\n");
    format!("{SIM}\n{known}\n")
}

fn faults() -> String {
    let mut text =
        "What may go wrong in `wucluster rehearse STATE --faults=KIND,...`:\n\n".to_owned();
    for kind in Kind::ALL {
        let _ = writeln!(text, "  {:<19} {}", kind.name, kind.what);
    }
    text.push_str(
        "\nHow hard each strikes is drawn from the seed. `--faults` alone and `--runs` draw\n\
         the kinds too: one day in ten has none, one in ten a single one.\n",
    );
    text
}

fn states() -> String {
    let mut text = "The states that a cluster can be demanded to be in:\n\n".to_owned();
    for demand in Demand::ALL {
        let _ = writeln!(text, "  {:<21} {}", demand.as_str(), describe(demand));
    }
    text.push_str(
        "\nEach is a question about what is, not a stage on a line: `separated` holds for a\n\
         cluster that is away. What cannot be seen counts for neither yes nor no, and\n\
         permits nothing that could lose data. Any state can be demanded from any other,\n\
         or from a mixture.\n",
    );
    text
}

/// Returns when a demand holds, in one line.
pub(crate) const fn describe(demand: Demand) -> &'static str {
    match demand {
        Demand::Instantiated => "every node runs, and every mount has a volume",
        Demand::Attached => "instantiated, and every volume is attached to its own node",
        Demand::Mounted => "attached, and every mount is mounted at its mount point",
        Demand::Launched => "mounted, and every `ready` check says yes",
        Demand::Unmounted => "nothing is mounted",
        Demand::Separated => "unmounted, and nothing is attached",
        Demand::RecentlySnapshotted => "separated, and a snapshot keeps every mount's last write",
        Demand::Haltable => "separated, and every `before-halt` check says yes",
        Demand::Parked => "separated, and no machine runs; disks stay as they are",
        Demand::Away => "no machine and no volume is left; snapshots keep the data",
    }
}

const HOOKS: &str = "\
Hooks are your commands on a node, asked on the way. Exit status 0 means yes.

  [node.worker]
  ready          = [\"systemctl is-active worker\"]
  before-unmount = [{ run = \"/usr/local/bin/flush\", timeout = \"5m\" }]
  before-halt    = [{ run = \"test ! -e /run/job\", blocks = false }]

  hook            asked                                   a no
  ready           once all mounts of a node are mounted   it is not launched yet
  before-unmount  before a mount of a node is unmounted   the mount stays mounted
  before-halt     once nothing is attached to a node      the node stays up

A hook is a command, or { run, timeout, blocks }. `timeout` (60s where it is
left out) ends it and counts as a no; with `blocks = false` a no is reported
and passed over. Each runs on its node as `/bin/sh -c COMMAND` and sees:

  WUCLUSTER_CLUSTER       the cluster's name
  WUCLUSTER_NODE          the node's name
  WUCLUSTER_HOOK          ready, before-unmount or before-halt
  WUCLUSTER_MOUNT         before-unmount only: the mount's name
  WUCLUSTER_MOUNT_POINT   before-unmount only: where it is mounted

A hook may run more than once and must not mind; `ready` and `before-halt`
should only look.
";

const SIM: &str = "\
With `provider = \"sim\"` a cluster lives in a simulated cloud: EC2's states,
durations and limits, and nothing real. Every command works on it.

  wucluster init --provider sim
  wucluster launch
  wucluster ssh chief -- 'echo kept >/mnt/home/note'
  wucluster put-away && wucluster launch
  wucluster ssh chief -- cat /mnt/home/note

WUCLUSTER_SIM_SPEED says how fast its time passes, while commands run and in
between:

  20x      twenty times as fast as ours, which is the default; 1x to 1000x
  real     as ours does
  fast     it leaps to whatever happens next, and stands still in between

All times on the screen are simulated ones; the calendar begins at 2026-01-01.
`--timeout` counts in simulated time too.

The cloud is kept in STATE/sim/world (`wucluster help files`). It is shared by
all simulated clusters; remove the file, and it is empty again.

To see what holds and what recovers: `tail -f FILE` on a node keeps a mount
busy until `kill PID`; `poweroff`, `poweroff -f` and `reboot` do what they say.
";

const FILES: &str = "\
What wucluster reads and keeps on this machine:

  *.cluster.toml      the definition: the one in this folder, or that of `-f`
  STATE/clusters/...  per cluster: leases and journals, unless `--store` or
                      WUCLUSTER_STORE names another place; host keys
  STATE/local/...     the local cloud: machines, volumes and snapshots.
                      This is your data.
  STATE/sim/world     the simulated cloud, if one is used
  CACHE/images/...    the image of local machines; built anew when it is gone

  STATE is WUCLUSTER_STATE, else $XDG_STATE_HOME/wucluster,
        else ~/.local/state/wucluster
  CACHE is WUCLUSTER_CACHE, else $XDG_CACHE_HOME/wucluster,
        else ~/.cache/wucluster

WUCLUSTER_SSH names the ssh program, WUCLUSTER_SIM_SPEED how fast simulated
time passes, WUCLUSTER_ADDRESS_PAGE a page that answers with your address, where
a network on AWS is to let you in. NO_COLOR and TERM=dumb switch colour off.

What exists is told by the tags of machines, volumes and snapshots themselves.
Losing STATE/clusters costs the history, the guard against a mount whose
snapshots all vanished, an `adopt` of what is there, and one more snapshot of
each mount that is up.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_a_text_that_fits_a_terminal() {
        for name in TOPICS {
            let text = topic(name).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= 82), "{name}");
        }
    }
}

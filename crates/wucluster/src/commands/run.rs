//! `run`: runs a command on several nodes at once.

use std::io::Write as _;
use std::process::Stdio;

use futures_util::future::join_all;
use glob::Pattern;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use wucluster_core::observation::{InstanceState, NodeObservation, Observation};
use wucluster_engine::ssh::Session as Sitting;

use super::ssh::command_line;
use super::{Session, sitting};
use crate::args::RunArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, with_sources};
use crate::render::text::{clean_lines, pad};
use crate::render::words::count;
use crate::sim_cloud::Said;
use crate::site::{Nodes, Site, address};

/// Longest line that is passed on in one piece. Unit: bytes.
const LINE_MAX: usize = 64 << 10;

/// Runs a command on nodes, in parallel.
pub(crate) async fn run(session: &Session, args: &RunArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let observation = site.look_at_cloud(&definition).await?;
    let chosen = choose(&observation, &args.nodes)?;
    let Some(line) = command_line(&args.command)? else {
        return Err(Fault::usage("there is no command").hint("give it behind `--`"));
    };
    if chosen.is_empty() {
        return Err(Fault::failed(format!("no node of {} runs", definition.name))
            .hint(format!("bring it up: {} launch", output.err.program)));
    }
    let width = chosen.iter().map(|node| node.name.as_str().len()).max().unwrap_or(0);
    let runs = chosen.iter().map(|node| {
        let prefix = format!("{} | ", pad(node.name.as_str(), width));
        let line = &line;
        let site = &site;
        async move {
            let result = match address(node) {
                Err(why) => Err(why),
                Ok(address) => match &site.nodes {
                    Nodes::Sim(account) => {
                        let said = sitting::run(account, &address, line).await;
                        said.and_then(|said| tell(&said, &prefix))
                    }
                    Nodes::Ssh(shell) => match shell.command(&address, Sitting::Run(line)) {
                        Err(error) => Err(with_sources(&error)),
                        Ok(command) => on_node(command, &prefix).await,
                    },
                },
            };
            (node.name.clone(), result)
        }
    });
    let results = join_all(runs).await;
    let failed: Vec<String> = results
        .iter()
        .filter_map(|(node, result)| result.as_ref().err().map(|why| format!("{node}: {why}")))
        .collect();
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    let mut fault =
        Fault::failed(format!("{} of {} failed", failed.len(), count(results.len(), "node")));
    for one in failed {
        fault.message.push_str("; ");
        fault.message.push_str(&one);
    }
    Err(fault)
}

/// Chooses nodes by names and patterns; all that run, when there are none.
fn choose<'a>(
    observation: &'a Observation,
    wanted: &[String],
) -> Result<Vec<&'a NodeObservation>, Fault> {
    if wanted.is_empty() {
        let runs = |node: &&NodeObservation| {
            node.instance().is_some_and(|instance| instance.state == InstanceState::Running)
        };
        return Ok(observation.nodes.iter().filter(runs).collect());
    }
    let mut patterns = Vec::new();
    for text in wanted.iter().flat_map(|text| text.split(',')).filter(|text| !text.is_empty()) {
        let pattern = Pattern::new(text)
            .map_err(|error| Fault::usage(format!("`{text}` is no pattern: {error}")))?;
        if !observation.nodes.iter().any(|node| pattern.matches(node.name.as_str())) {
            let names: Vec<&str> =
                observation.nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(Fault::usage(format!("no node is named like `{text}`"))
                .hint(format!("the nodes are {}", names.join(", "))));
        }
        patterns.push(pattern);
    }
    let is_wanted =
        |node: &&NodeObservation| patterns.iter().any(|one| one.matches(node.name.as_str()));
    Ok(observation.nodes.iter().filter(is_wanted).collect())
}

/// Passes on what a simulated node said.
fn tell(said: &Said, prefix: &str) -> Result<(), String> {
    for (text, is_error) in [(&said.out, false), (&said.err, true)] {
        for line in text.lines() {
            write(prefix, line.as_bytes(), is_error);
        }
    }
    match said.status {
        0 => Ok(()),
        status => Err(format!("exit status {status}")),
    }
}

async fn on_node(mut command: Command, prefix: &str) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("cannot run ssh: {error}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let pass_out = async {
        if let Some(out) = out {
            pass_on(out, prefix, false).await;
        }
    };
    let pass_err = async {
        if let Some(err) = err {
            pass_on(err, prefix, true).await;
        }
    };
    tokio::join!(pass_out, pass_err);
    let status = child.wait().await.map_err(|error| format!("ssh was lost: {error}"))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(255) => Err("no connection (ssh exits with 255)".to_owned()),
        Some(code) => Err(format!("exit status {code}")),
        None => Err("ssh was ended by a signal".to_owned()),
    }
}

/// Passes lines on with a prefix, without what would steer the terminal.
async fn pass_on(stream: impl AsyncRead + Unpin, prefix: &str, is_error: bool) {
    let mut reader = BufReader::with_capacity(LINE_MAX, stream);
    loop {
        let (line, used) = match reader.fill_buf().await {
            Ok([]) | Err(_) => return,
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => (bytes[..end].to_vec(), end + 1),
                // A line without an end: what is there is passed on once no more comes at once.
                None => match gather(bytes) {
                    Some(line) => line,
                    None => {
                        let mut line = Vec::new();
                        if reader.read_until(b'\n', &mut line).await.is_err() {
                            return;
                        }
                        if line.last() == Some(&b'\n') {
                            line.pop();
                        }
                        write(prefix, &line, is_error);
                        continue;
                    }
                },
            },
        };
        reader.consume(used);
        write(prefix, &line, is_error);
    }
}

/// Takes a full buffer as a line of its own, so that endless lines need no endless memory.
fn gather(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    (bytes.len() >= LINE_MAX).then(|| (bytes.to_vec(), bytes.len()))
}

fn write(prefix: &str, line: &[u8], is_error: bool) {
    let text = clean_lines(&String::from_utf8_lossy(line));
    let line = format!("{prefix}{text}\n");
    // A reader that went away ends the output, not the commands.
    let _ = if is_error {
        std::io::stderr().lock().write_all(line.as_bytes())
    } else {
        std::io::stdout().lock().write_all(line.as_bytes())
    };
}

#[cfg(test)]
mod tests {
    use super::super::super::testing;
    use super::*;

    fn names(observation: &Observation, wanted: &[&str]) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|&one| one.to_owned()).collect();
        choose(observation, &wanted).unwrap().iter().map(|node| node.name.to_string()).collect()
    }

    #[test]
    fn nodes_are_chosen_by_name_pattern_or_by_running() {
        let (_, observation) = testing::mixed();
        assert_eq!(names(&observation, &[]), ["chief", "worker-1"]);
        assert_eq!(names(&observation, &["worker-*"]), ["worker-1", "worker-2"]);
        assert_eq!(names(&observation, &["worker-2,chief"]), ["chief", "worker-2"]);
        assert!(choose(&observation, &["boss".to_owned()]).is_err());
    }
}

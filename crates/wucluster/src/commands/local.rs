//! `local`: looks after the local cloud.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use wucluster_core::definition::Provider;
use wucluster_core::ids::InstanceId;
use wucluster_core::ports::Receipt;
use wucluster_local::{ImageStatus, LocalCloud, Removed};

use super::Session;
use crate::args::LocalCommand;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::local_cloud::{fault, open, prepare};
use crate::render::text::clean_lines;
use crate::render::words::{count, date};
use crate::signals::Interrupts;
use crate::site::{Site, node_named};

/// Pause between two looks at a console that is followed.
const PAUSE: Duration = Duration::from_millis(200);

/// Carries out a command about the local cloud.
pub(crate) async fn local(session: &Session, command: &LocalCommand) -> Result<Exit, Fault> {
    match command {
        LocalCommand::Image => image(session).await,
        LocalCommand::Gc => gc(session).await,
        LocalCommand::Console { node, follow } => console(session, node, *follow).await,
        LocalCommand::Stop { node } => stop(session, node).await,
        LocalCommand::Kill { node } => kill(session, node).await,
    }
}

async fn image(session: &Session) -> Result<Exit, Fault> {
    let local = open(&Dirs::find()?)?;
    let mut interrupts = Interrupts::listen()?;
    interrupts.unless(prepare(&local, &session.output)).await?;
    let ImageStatus { recipe, suite, dir, built, old_recipes } =
        local.image_status().map_err(fault)?;
    let Some(built) = built else { return Err(Fault::failed("the image is not there")) };
    let output = &session.output;
    output.result(&format!(
        "image {recipe} ({suite}) is there: {} MiB, built {} in {}s\n  {}\n",
        built.bytes >> 20,
        date(built.built_at, &output.out),
        built.build_time.as_secs(),
        dir.display(),
    ));
    if !old_recipes.is_empty() {
        output.result(&format!(
            "{} of other recipes: `local gc` removes those that nothing uses\n",
            count(old_recipes.len(), "image")
        ));
    }
    Ok(Exit::Done)
}

async fn gc(session: &Session) -> Result<Exit, Fault> {
    let local = open(&Dirs::find()?)?;
    let removed = local.gc().await.map_err(fault)?;
    if session.output.is_json {
        session.output.json(&Document::of(&removed))?;
    } else {
        session.output.result(&listed(&removed));
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    /// What was removed.
    removed: Vec<Gone>,
}

#[derive(Serialize)]
struct Gone {
    /// What it was, in words.
    what: &'static str,
    id: String,
}

impl Document {
    fn of(removed: &Removed) -> Self {
        let gone = kinds(removed)
            .into_iter()
            .flat_map(|(what, ids)| ids.iter().map(move |id| Gone { what, id: id.clone() }));
        Self { schema: "wucluster/local-gc/1", removed: gone.collect() }
    }
}

/// Lists what was removed, by what it was.
fn kinds(removed: &Removed) -> [(&'static str, &[String]); 5] {
    let Removed { instances, volume_records, failed_snapshots, leftovers, images } = removed;
    [
        ("terminated instance", instances),
        ("record of a deleted volume", volume_records),
        ("failed snapshot", failed_snapshots),
        ("left-over", leftovers),
        ("unused image", images),
    ]
}

fn listed(removed: &Removed) -> String {
    let lines = kinds(removed)
        .into_iter()
        .flat_map(|(what, ids)| ids.iter().map(move |id| format!("removed  {what}  {id}\n")));
    let out: String = lines.collect();
    if out.is_empty() { "there is nothing to remove\n".to_owned() } else { out }
}

/// Finds the machine of a node.
async fn machine(session: &Session, name: &str) -> Result<(LocalCloud, InstanceId), Fault> {
    let definition = session.definition()?;
    if definition.provider != Provider::Local {
        let cluster = &definition.name;
        return Err(Fault::usage(format!(
            "{cluster} has no machines on this host: it is on {}",
            definition.provider
        ))
        .hint("`wucluster ssh NODE` sits down at a node of any cloud"));
    }
    let dirs = Dirs::find()?;
    let site = Site::open(session, &definition, &dirs)?;
    let observation = site.look_at_cloud(&definition).await?;
    let node = node_named(&observation, name)?;
    match node.instances.as_slice() {
        [one] => Ok((open(&dirs)?, one.id.clone())),
        [] => Err(Fault::failed(format!("{name} has no machine: it is away"))),
        several => Err(Fault::failed(format!("{} machines carry the name {name}", several.len()))),
    }
}

async fn stop(session: &Session, name: &str) -> Result<Exit, Fault> {
    let (local, id) = machine(session, name).await?;
    let receipt = local.stop(&id).await?;
    session.output.result(&match receipt {
        Receipt::AlreadyDone => format!("{id} of {name} is stopped already\n"),
        Receipt::Accepted | Receipt::Instance(_) | Receipt::Volume(_) | Receipt::Snapshot(_) => {
            format!("{id} of {name} is asked to power down; its disks stay\n")
        }
    });
    session.output.next(&["status", "launch"]);
    Ok(Exit::Done)
}

async fn kill(session: &Session, name: &str) -> Result<Exit, Fault> {
    let (local, id) = machine(session, name).await?;
    local.kill(&id).await.map_err(fault)?;
    session.output.result(&format!(
        "{id} of {name} is off; what it had not written is lost, its disks stay\n"
    ));
    session.output.next(&["status", "launch"]);
    Ok(Exit::Done)
}

async fn console(session: &Session, name: &str, is_followed: bool) -> Result<Exit, Fault> {
    let (local, id) = machine(session, name).await?;
    let path = local.console(&id).await.map_err(fault)?;
    let mut at = pass_on(session, &path, 0)?;
    if !is_followed {
        return Ok(Exit::Done);
    }
    let mut interrupts = Interrupts::listen()?;
    loop {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => at = pass_on(session, &path, at)?,
            () = interrupts.next() => return Ok(Exit::Done),
        }
    }
}

/// Writes what a console file has beyond `at`; returns where it ends now.
fn pass_on(session: &Session, path: &Path, at: u64) -> Result<u64, Fault> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Fault::file("read", path, &error)),
    };
    let mut read = || -> std::io::Result<(u64, Vec<u8>)> {
        let end = file.metadata()?.len();
        // A shorter file is that of a machine started anew.
        let from = if end < at { 0 } else { at };
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((from + bytes.len() as u64, bytes))
    };
    let (end, bytes) = read().map_err(|error| Fault::file("read", path, &error))?;
    session.output.result(&clean_lines(&String::from_utf8_lossy(&bytes)));
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_listed() {
        assert_eq!(listed(&Removed::default()), "there is nothing to remove\n");
        let removed = Removed { images: vec!["abc".into()], ..Removed::default() };
        assert_eq!(listed(&removed), "removed  unused image  abc\n");
    }
}

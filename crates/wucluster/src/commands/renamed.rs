//! What the definition says to have had another name: it comes to its new one before anything is made under that.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use wucluster_core::definition::{ClusterDefinition, Rename};
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::interlock::rename::{attached_elsewhere, still_so_named};
use wucluster_core::memory::AwaitedId;
use wucluster_core::observation::Observation;
use wucluster_core::scope::Scope;
use wucluster_engine::store::Tenure;
use wucluster_engine::{AdoptError, Adoption, Engine, Records};

use super::Session;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::hold::holds;
use crate::render::words::count;

/// One renaming, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Renaming {
    /// The former name.
    pub(crate) from: Subject,
    /// The new one.
    pub(crate) to: Subject,
    /// How many machines have the former name.
    pub(crate) instances: usize,
    /// How many volumes.
    pub(crate) volumes: usize,
    /// How many snapshots.
    pub(crate) snapshots: usize,
    /// Whether it is attached to another machine than the one to which it comes, and has to be separated first.
    pub(crate) is_moved: bool,
}

/// Lists what a launch renames first.
pub(crate) fn of(definition: &ClusterDefinition, observation: &Observation) -> Vec<Renaming> {
    let elsewhere = attached_elsewhere(definition, observation);
    let mut list: BTreeMap<Rename, Renaming> = BTreeMap::new();
    for one in still_so_named(definition, observation) {
        let Rename { from, to } = one.rename.clone();
        let is_moved = elsewhere.iter().any(|(key, _)| from == Subject::Mount(key.clone()));
        let renaming = list.entry(one.rename).or_insert(Renaming {
            from,
            to,
            instances: 0,
            volumes: 0,
            snapshots: 0,
            is_moved,
        });
        match one.id {
            AwaitedId::Instance(_) => renaming.instances += 1,
            AwaitedId::Volume(_) => renaming.volumes += 1,
            AwaitedId::Snapshot(_) => renaming.snapshots += 1,
        }
    }
    list.into_values().collect()
}

/// Says what is renamed, a line each; beyond a dozen by number.
pub(crate) fn text(list: &[Renaming]) -> String {
    const LINES_MAX: usize = 12;
    let mut text = String::from("Renamed first, only tags change:\n");
    for Renaming { from, to, instances, volumes, snapshots, is_moved } in
        list.iter().take(LINES_MAX)
    {
        let kinds = [(*instances, "machine"), (*volumes, "volume"), (*snapshots, "snapshot")];
        let things: Vec<String> = kinds
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, kind)| count(number, kind))
            .collect();
        let first = match from {
            Subject::Mount(key) if *is_moved => {
                format!("; unmounted and detached from {} before", key.node)
            }
            _ => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {from} becomes {to}: {}{first}", things.join(", "));
    }
    if let Some(more) = list.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        let _ = writeln!(text, "    and {more} more");
    }
    text
}

/// Lists what of a scope has to be separated before it is renamed, by its former names.
pub(crate) fn to_be_separated(
    definition: &ClusterDefinition,
    observation: &Observation,
    scope: &Scope,
) -> Vec<MountKey> {
    let elsewhere = attached_elsewhere(definition, observation).into_iter();
    elsewhere.filter(|(_, to)| scope.has_mount(to)).map(|(from, _)| from).collect()
}

/// Renames all that is to be, and returns what is known of the cluster then, and how much was asked for.
///
/// # Errors
/// After saying what is held and why; nothing was changed then.
pub(crate) async fn rename(
    session: &Session,
    engine: Engine<'_>,
    definition: &ClusterDefinition,
    scope: &Scope,
    tenure: &Tenure,
    records: Records,
) -> Result<(Records, usize), Fault> {
    let mut known = records.clone();
    let adoption = Adoption { definition, tenure, records: &records };
    let done = engine.rename(&adoption, scope, &mut |event| drop(known.take(event))).await;
    let output = &session.output;
    let renamed = match done {
        Ok(renamed) => renamed,
        Err(AdoptError::Held(hold)) => {
            output.aside(&holds(&[*hold], &output.err));
            return Err(Fault::told(Exit::Held));
        }
        Err(AdoptError::Cloud(error)) => return Err(error.into()),
        Err(AdoptError::Dismissed(dismissed)) => return Err(dismissed.into()),
    };
    if let Some(first) = renamed.left.first() {
        let Rename { from, to } = &first.rename;
        return Err(Fault::new(
            Exit::Held,
            format!("not all was renamed: {} still has the name {from}", first.id),
        )
        .hint(format!(
            "something of {from} is under way, or the listing is late; nothing was made for {to}"
        ))
        .hint("repeat it in a minute: it goes on where it was"));
    }
    Ok((known, renamed.taken.len()))
}

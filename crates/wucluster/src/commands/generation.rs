//! `--generation`: goes back to what the cluster held at an earlier put-away.

use std::collections::BTreeSet;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::interlock::Context;
use wucluster_core::interlock::data::{Source, source};
use wucluster_core::memory::Memory;
use wucluster_core::observation::{MountObservation, Observation, SnapshotSeen};
use wucluster_core::policy::Policy;
use wucluster_core::scope::Scope;
use wucluster_core::tags::ContentMark;

use super::{Session, confirm};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::look::Tone;
use crate::render::table::{Cell, Column, Table};
use crate::render::words::{ago, count};
use crate::site::Site;

/// What one mount goes back to.
struct Return<'a> {
    key: &'a MountKey,
    /// What it begins from; `None`: it has no snapshot that is so old, or none that is whole.
    from: Option<SnapshotSeen>,
    /// Its newest snapshot, if that is a later one.
    leaves: Option<&'a SnapshotSeen>,
}

/// The fault of going back on the way down.
pub(crate) fn upward_only(demand: Demand) -> Fault {
    Fault::usage(format!(
        "`--generation` says what mounts begin from, and `{demand}` begins nothing"
    ))
}

/// Passes a generation of which there is a snapshot.
///
/// # Errors
/// A usage fault that lists the generations there are.
pub(crate) fn exists(generation: u64, observation: &Observation) -> Result<(), Fault> {
    let snapshots = observation.mounts.iter().flat_map(|mount| &mount.snapshots);
    let known: BTreeSet<u64> = snapshots.filter_map(|seen| seen.tags.generation()).collect();
    if known.contains(&generation) {
        return Ok(());
    }
    let fault = Fault::usage(format!("there is no generation {generation}; nothing was asked"));
    let names: Vec<String> = known.iter().rev().map(ToString::to_string).collect();
    Err(match names.as_slice() {
        [] => fault.hint("each put-away makes one; this cluster has no snapshot so far"),
        names => fault.hint(format!("there are {}; see `wucluster snapshots`", names.join(", "))),
    })
}

/// Shows what each mount would begin from, and gets a yes where newer data would be left behind.
///
/// What is on the way back to this generation already is not asked about once more.
///
/// # Errors
/// [`Exit::Held`] where a mount has a volume, whose data is newer; [`Exit::Declined`] without a yes.
pub(crate) async fn confirm(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
    scope: &Scope,
    generation: u64,
) -> Result<(), Fault> {
    let observation = site.look_at_cloud(definition).await?;
    exists(generation, &observation)?;
    let in_scope = |mount: &&MountObservation| {
        mount.is_defined && scope.has(&Subject::Mount(mount.key.clone()))
    };
    let mounts: Vec<&MountObservation> = observation.mounts.iter().filter(in_scope).collect();
    let is_newer = |mount: &&&MountObservation| {
        mount.volumes.iter().any(|volume| volume.tags.back_to() != Some(generation))
    };
    let newer: Vec<String> =
        mounts.iter().filter(is_newer).map(|mount| mount.key.to_string()).collect();
    if !newer.is_empty() {
        return Err(Fault::new(
            Exit::Held,
            format!(
                "nothing goes back to generation {generation}: newer data is on the volume of {}",
                newer.join(", ")
            ),
        )
        .hint(format!(
            "put it away first, which keeps that data: {} {}",
            session.output.err.program,
            scope.command(Demand::Away)
        )));
    }
    let memory = site.remembered(|text| session.output.warn(text)).await;
    let is_away = |mount: &&&MountObservation| mount.volumes.is_empty();
    let returns = mounts.iter().filter(is_away);
    let returns =
        returns.map(|mount| of(mount, definition, &observation, &memory, generation, site));
    let returns: Vec<Return<'_>> = returns.collect::<Result<_, _>>()?;
    let left = returns.iter().filter(|one| one.leaves.is_some()).count();
    if left == 0 {
        return Ok(());
    }
    let output = &session.output;
    if !(session.globals.yes && output.is_quiet) {
        output.aside(&screen(definition, generation, &returns, site, &output.err));
    }
    if session.globals.yes {
        return Ok(());
    }
    confirm::ask(session, &format!("leaving newer data of {} behind", count(left, "mount")))
}

fn of<'a>(
    mount: &'a MountObservation,
    definition: &ClusterDefinition,
    observation: &'a Observation,
    memory: &Memory,
    generation: u64,
    site: &Site,
) -> Result<Return<'a>, Fault> {
    let policy = Policy { generation: Some(generation), ..Policy::default() };
    let context = Context {
        definition,
        demand: Demand::Launched,
        observation,
        memory,
        policy: &policy,
        now: site.now(),
    };
    let from = match source(&context, &mount.key) {
        Ok(Source::Own(seen)) => Some(seen),
        Ok(Source::Base(_) | Source::Blank) => None,
        // It is not whole yet, or not at all: the drive tells, and goes on with the others.
        Err(_) => None,
    };
    let holds_data = |seen: &&SnapshotSeen| seen.tags.content() != Some(ContentMark::Blank);
    let newest = mount
        .snapshots
        .iter()
        .filter(holds_data)
        .max_by_key(|seen| seen.tags.epoch().map(|epoch| epoch.number));
    let epoch = |seen: &SnapshotSeen| seen.tags.epoch().map(|epoch| epoch.number);
    let is_later =
        |newest: &&SnapshotSeen| from.as_ref().is_none_or(|from| epoch(newest) > epoch(from));
    Ok(Return { key: &mount.key, leaves: newest.filter(is_later), from })
}

fn screen(
    definition: &ClusterDefinition,
    generation: u64,
    returns: &[Return<'_>],
    site: &Site,
    look: &crate::render::look::Look,
) -> String {
    let now = site.now();
    let of = |seen: &SnapshotSeen| {
        seen.tags.generation().map_or_else(String::new, |of| format!("generation {of}"))
    };
    let taken = |seen: &SnapshotSeen| {
        seen.started_at.map_or_else(String::new, |at| format!(", {}", ago(at, now)))
    };
    let mut table = Table::new([
        Column::new(""),
        Column::new("BEGINS FROM"),
        Column::new(""),
        Column::new("LEAVES BEHIND").shrinks(),
    ])
    .indent(2);
    for one in returns {
        let (from, age) = match &one.from {
            Some(seen) => (Cell::new(seen.id.as_str()), Cell::new(of(seen))),
            None => (Cell::toned(Tone::Bad, "no snapshot is so old"), Cell::default()),
        };
        let leaves = one.leaves.map_or_else(String::new, |seen| of(seen) + &taken(seen));
        table.row([Cell::new(one.key.to_string()), from, age, Cell::toned(Tone::Moving, leaves)]);
    }
    format!(
        "{} -> generation {generation}\n\n{}\nWhat is left behind stays in its snapshots; `--generation` brings it back, too.\n",
        definition.name,
        table.render(look)
    )
}

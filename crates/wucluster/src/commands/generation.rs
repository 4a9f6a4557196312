//! `--generation` and `--checkpoint`: go back to what the cluster held at an earlier put-away, or in a checkpoint.

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::interlock::Context;
use wucluster_core::interlock::data::{Source, source};
use wucluster_core::interlock::prune::generations;
use wucluster_core::memory::Memory;
use wucluster_core::observation::{MountObservation, Observation, SnapshotSeen};
use wucluster_core::policy::Policy;
use wucluster_core::scope::Scope;
use wucluster_core::tags::{BackTo, ContentMark};
use wucluster_core::time::Timestamp;

use super::{Session, checkpoint, confirm};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::look::Tone;
use crate::render::table::{Cell, Column, Table};
use crate::render::words::{ago, count};
use crate::site::Site;

/// What one mount goes back to.
struct Return<'a> {
    key: &'a MountKey,
    /// What it begins from, or why that is not to be had now.
    from: Result<Source, String>,
    /// Its newest snapshot, if that is a later one.
    leaves: Option<&'a SnapshotSeen>,
}

/// Tells what to go back to; the command line lets only one of them be said.
pub(crate) fn back_to(generation: Option<u64>, checkpoint: Option<u64>) -> Option<BackTo> {
    generation.map(BackTo::Generation).or(checkpoint.map(BackTo::Checkpoint))
}

/// Writes the option that says it.
pub(crate) fn option(back: BackTo) -> String {
    match back {
        BackTo::Generation(number) => format!("--generation {number}"),
        BackTo::Checkpoint(number) => format!("--checkpoint {number}"),
    }
}

/// Writes its name.
pub(crate) fn words(back: BackTo) -> String {
    match back {
        BackTo::Generation(number) => format!("generation {number}"),
        BackTo::Checkpoint(number) => format!("checkpoint {number}"),
    }
}

/// The fault of going back on the way down.
pub(crate) fn upward_only(back: BackTo, demand: Demand) -> Fault {
    let option = match back {
        BackTo::Generation(_) => "--generation",
        BackTo::Checkpoint(_) => "--checkpoint",
    };
    Fault::usage(format!("`{option}` says what mounts begin from, and `{demand}` begins nothing"))
}

/// Passes a generation of which there is a snapshot, or a checkpoint that is whole.
///
/// # Errors
/// A usage fault that lists those there are; a hold where a checkpoint is not whole.
pub(crate) fn exists(back: BackTo, observation: &Observation) -> Result<(), Fault> {
    let generation = match back {
        BackTo::Generation(number) => number,
        BackTo::Checkpoint(number) => return checkpoint::whole(number, observation).map(|_| ()),
    };
    let known: Vec<u64> =
        generations(observation, |_| true).into_iter().map(|one| one.number).collect();
    if known.contains(&generation) {
        return Ok(());
    }
    let fault = Fault::usage(format!("there is no generation {generation}; nothing was asked"));
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
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
    back: BackTo,
) -> Result<(), Fault> {
    let observation = site.look_at_cloud(definition).await?;
    exists(back, &observation)?;
    let in_scope = |mount: &&MountObservation| {
        mount.is_defined && scope.has(&Subject::Mount(mount.key.clone()))
    };
    let mounts: Vec<&MountObservation> = observation.mounts.iter().filter(in_scope).collect();
    let is_newer = |mount: &&&MountObservation| {
        mount.volumes.iter().any(|volume| volume.tags.went_back() != Some(back))
    };
    let newer: Vec<String> =
        mounts.iter().filter(is_newer).map(|mount| mount.key.to_string()).collect();
    if !newer.is_empty() {
        return Err(Fault::new(
            Exit::Held,
            format!(
                "nothing goes back to {}: newer data is on the volume of {}",
                words(back),
                newer.join(", ")
            ),
        )
        .hint(format!(
            "put it away first, which keeps that data: {} {}",
            session.output.err.program,
            scope.command(Demand::Away)
        )));
    }
    let away = mounts.iter().filter(|mount| mount.volumes.is_empty());
    let then = Then { definition, observation: &observation, back, now: site.now() };
    let returns: Vec<Return<'_>> = away.map(|mount| then.returns(mount)).collect();
    let left = returns.iter().filter(|one| one.leaves.is_some()).count();
    if left == 0 {
        return Ok(());
    }
    let output = &session.output;
    if !(session.globals.yes && output.is_quiet) {
        output.aside(&screen(definition, back, &returns, site, &output.err));
    }
    if session.globals.yes {
        return Ok(());
    }
    confirm::ask(session, &format!("leaving newer data of {} behind", count(left, "mount")))
}

/// A look at a cluster, for what it held in a generation or checkpoint.
pub(crate) struct Then<'a> {
    /// The cluster.
    pub(crate) definition: &'a ClusterDefinition,
    /// What was seen.
    pub(crate) observation: &'a Observation,
    /// Which.
    pub(crate) back: BackTo,
    /// The time.
    pub(crate) now: Timestamp,
}

impl<'a> Then<'a> {
    /// Finds what a mount held.
    ///
    /// # Errors
    /// Why it is not to be had: it is not complete yet, or failed.
    pub(crate) fn held(&self, key: &MountKey) -> Result<Source, String> {
        let mut policy = Policy::default();
        match self.back {
            BackTo::Generation(number) => policy.generation = Some(number),
            BackTo::Checkpoint(number) => policy.checkpoint = Some(number),
        }
        let context = Context {
            definition: self.definition,
            demand: Demand::Launched,
            observation: self.observation,
            memory: &Memory::default(),
            policy: &policy,
            now: self.now,
        };
        source(&context, key).map_err(|refusal| match refusal.into_hold() {
            Ok(hold) => hold.why.join("; "),
            Err(wait) => wait.what,
        })
    }

    fn returns(&self, mount: &'a MountObservation) -> Return<'a> {
        let from = self.held(&mount.key);
        let epoch = |seen: &SnapshotSeen| seen.tags.epoch().map(|epoch| epoch.number);
        let holds_data = |seen: &&SnapshotSeen| seen.tags.content() != Some(ContentMark::Blank);
        let newest = mount.snapshots.iter().filter(holds_data).max_by_key(|seen| epoch(seen));
        let is_later = |newest: &&SnapshotSeen| match &from {
            // What was put away since a checkpoint carries the write epoch that it was taken in, or a later one.
            Ok(Source::Own(from)) => match from.tags.checkpoint() {
                Some(of) => epoch(newest) >= Some(of.epoch),
                None => epoch(newest) > epoch(from),
            },
            Ok(Source::Base(_) | Source::Blank) | Err(_) => true,
        };
        Return { key: &mount.key, leaves: newest.filter(is_later), from }
    }
}

/// Tells what a mount begins from, and of which generation that is.
pub(crate) fn begins_from(source: &Source) -> [Cell; 2] {
    let older = || Cell::new("no snapshot is so old");
    match source {
        Source::Own(seen) => [Cell::new(seen.id.as_str()), Cell::new(named(seen))],
        Source::Base(id) => [Cell::toned(Tone::Moving, id.as_str()), older()],
        Source::Blank => [Cell::toned(Tone::Bad, "blank"), older()],
    }
}

fn named(seen: &SnapshotSeen) -> String {
    let generation = seen.tags.generation().map(BackTo::Generation);
    let checkpoint = seen.tags.checkpoint().map(|of| BackTo::Checkpoint(of.number));
    checkpoint.or(generation).map_or_else(String::new, words)
}

fn screen(
    definition: &ClusterDefinition,
    back: BackTo,
    returns: &[Return<'_>],
    site: &Site,
    look: &crate::render::look::Look,
) -> String {
    let now = site.now();
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
        let [from, age] = match &one.from {
            Ok(source) => begins_from(source),
            // The drive waits for it or is held, and goes on with the others.
            Err(why) => [Cell::toned(Tone::Bad, "nothing yet"), Cell::new(why)],
        };
        let leaves = one.leaves.map_or_else(String::new, |seen| named(seen) + &taken(seen));
        table.row([Cell::new(one.key.to_string()), from, age, Cell::toned(Tone::Moving, leaves)]);
    }
    format!(
        "{} -> {}\n\n{}\nWhat is left behind stays in its snapshots; `--generation` brings it back, too.\n",
        definition.name,
        words(back),
        table.render(look)
    )
}

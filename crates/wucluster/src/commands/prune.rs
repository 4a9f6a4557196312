//! `prune`: deletes snapshots on which nothing stands any more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{ClusterName, SnapshotId};
use wucluster_core::interlock::checkpoint;
use wucluster_core::interlock::prune::{Stays, fates, kept_generations};
use wucluster_core::interlock::{Context, Hold, Refusal};
use wucluster_core::observation::Observation;
use wucluster_core::policy::Consent;
use wucluster_core::ports::ErrorClass;
use wucluster_core::scope::Scope;
use wucluster_core::tags::StoreMark;
use wucluster_core::time::Timestamp;
use wucluster_engine::store::identity;
use wucluster_engine::store::lease::Purpose;
use wucluster_engine::{PruneError, Pruned, Pruning};

use super::{Session, confirm, lock, part};
use crate::args::PruneArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, exit_of};
use crate::render::hold::holds;
use crate::render::prune::{self as screen, sum};
use crate::render::snapshot_list::{SnapshotRow, row};
use crate::render::words::count;
use crate::site::Site;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    read_at: Timestamp,
    /// Whether it was only shown.
    is_dry_run: bool,
    /// How many of the newest generations stay whole.
    keep: u64,
    /// Which those are, the newest first.
    kept_generations: &'a [u64],
    /// Which of the newest whole checkpoints stay, where it is about these.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_checkpoints: Option<&'a [u64]>,
    snapshots: &'a [PruneRow],
    held: &'a [Hold],
}

/// A snapshot, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PruneRow {
    /// The snapshot.
    pub(crate) snapshot: SnapshotRow,
    /// What becomes of it.
    pub(crate) fate: Fate,
    /// The snapshot that keeps the newest data of its mount; `None` where that cannot be told.
    pub(crate) kept_by: Option<SnapshotId>,
    /// Why it stays, or is still there.
    pub(crate) why: Option<String>,
}

/// What becomes of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// It is to be deleted.
    Goes,
    /// It stays.
    Stays,
    /// It is deleted, and seen to be gone.
    Gone,
    /// It was asked to be deleted, and is still seen.
    Asked,
    /// It could not be deleted.
    Failed,
}

/// What a pruning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// What put-aways left.
    Generations,
    /// What checkpoints left.
    Checkpoints,
}

/// What a look shows.
struct Listed {
    kept: Vec<u64>,
    rows: Vec<PruneRow>,
    holds: Vec<Hold>,
}

/// Deletes superseded snapshots.
pub(crate) async fn prune(session: &Session, args: &PruneArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    if !args.dry_run {
        lock::glance(session, &site, "prune").await?;
    }
    let observation = site.look_at_cloud(&definition).await?;
    let scope = Scope::of(args.part.iter().cloned().collect());
    part::names_something(&scope, &definition, Some(&observation))?;
    let about = if args.checkpoints { About::Checkpoints } else { About::Generations };
    let meant = (about, &scope);
    let mut listed = look(&site, &definition, &observation, args.keep, meant).await?;
    let read_at = observation.cloud_asked_at;
    let told = Told { session, definition: &definition, args, about, read_at };
    told.left_alone(&observation, &scope);
    let going: Vec<&PruneRow> = listed.rows.iter().filter(|row| row.fate == Fate::Goes).collect();
    if args.dry_run || going.is_empty() {
        return told.nothing_asked(&listed, site.now());
    }
    let is_said = session.globals.yes;
    if !(is_said && output.is_quiet) {
        let (name, now) = (definition.name.as_str(), site.now());
        output.aside(&screen::list(about, name, &listed.rows, &listed.kept, now, &output.err));
    }
    if !is_said {
        confirm::ask(session, &format!("deleting {}", sum(&going)))?;
    }
    let wanted: BTreeSet<SnapshotId> = going.iter().map(|row| row.snapshot.id.clone()).collect();
    let purpose = Purpose { command: "prune".to_owned(), demand: None, only: Vec::new() };
    let taken = lock::take(session, &site, purpose).await?;
    let (tenure, records) = lock::begin(&site, taken).await?;
    let pruning = Pruning {
        definition: &definition,
        records: &records,
        phases: tenure.phases(),
        store: tenure.store(),
        keep: args.keep,
    };
    let result = site.engine().prune(&pruning, &tenure, &wanted, &mut |_| ()).await;
    let is_whole = result.as_ref().is_ok_and(Pruned::is_whole);
    let requests = result.as_ref().map_or(0, |pruned| pruned.requests);
    lock::end(&site, &tenure, if is_whole { "pruned" } else { "failed" }, requests).await;
    let pruned = result.map_err(|error| match error {
        PruneError::Cloud(error) => Fault::from(error),
        PruneError::Dismissed(dismissed) => dismissed.into(),
    })?;
    note(&mut listed, &pruned);
    told.pruned(&listed, &pruned)
}

/// Judges what a look shows by all that is known of the cluster.
async fn look(
    site: &Site,
    definition: &ClusterDefinition,
    observation: &Observation,
    keep: u64,
    meant: (About, &Scope),
) -> Result<Listed, Fault> {
    let left = site.store.left().await?;
    let own = identity::read(site.store.objects().as_ref()).await?;
    // From a store that was never used nothing was made.
    let own = own.unwrap_or_else(|| StoreMark::new("", 0, ""));
    let (records, phases) = (&left.records, &left.log.phases);
    let pruning = Pruning { definition, records, phases, store: &own, keep };
    let judge = |ctx: &Context<'_>| list(ctx, meant);
    Ok(pruning.judge(&site.engine(), observation, Consent::Everything, judge))
}

fn list(ctx: &Context<'_>, (about, scope): (About, &Scope)) -> Listed {
    let (kept, all) = match about {
        About::Generations => (kept_generations(ctx), fates(ctx)),
        About::Checkpoints => (checkpoint::kept(ctx), checkpoint::fates(ctx)),
    };
    let mut listed = Listed { kept, rows: Vec::new(), holds: Vec::new() };
    for fate in all.into_iter().filter(|fate| scope.has_mount(&fate.mount.key)) {
        if let Some(Stays::Refused(refusal)) = &fate.stays
            && let Refusal::First(_, hold) | Refusal::Hold(hold) = &**refusal
            && !listed.holds.contains(hold)
        {
            listed.holds.push((**hold).clone());
        }
        listed.rows.push(PruneRow {
            snapshot: row(fate.mount, fate.snapshot),
            fate: if fate.stays.is_some() { Fate::Stays } else { Fate::Goes },
            kept_by: fate.kept_by.cloned(),
            why: fate.stays.map(|stays| stays.why()),
        });
    }
    listed
}

/// Writes into the list what came of it.
fn note(listed: &mut Listed, pruned: &Pruned) {
    let mut became: BTreeMap<&SnapshotId, (Fate, Option<String>)> = BTreeMap::new();
    became.extend(pruned.gone.iter().map(|id| (id, (Fate::Gone, None))));
    let late = || Some("it is still listed".to_owned());
    became.extend(pruned.left.iter().map(|id| (id, (Fate::Asked, late()))));
    let failed = pruned.failed.iter();
    became.extend(failed.map(|(id, error)| (id, (Fate::Failed, Some(error.to_string())))));
    let spared = pruned.spared.iter();
    became.extend(spared.map(|(id, why)| (id, (Fate::Stays, Some(why.clone())))));
    for row in &mut listed.rows {
        if let Some((fate, why)) = became.remove(&row.snapshot.id) {
            (row.fate, row.why) = (fate, why);
        }
    }
    for hold in &pruned.holds {
        if !listed.holds.contains(hold) {
            listed.holds.push(hold.clone());
        }
    }
}

/// How the command tells what it did.
struct Told<'a> {
    session: &'a Session,
    definition: &'a ClusterDefinition,
    args: &'a PruneArgs,
    about: About,
    read_at: Timestamp,
}

impl Told<'_> {
    /// Says that checkpoints are left alone, where there are any and it is not about them.
    fn left_alone(&self, observation: &Observation, scope: &Scope) {
        let output = &self.session.output;
        let mounts = observation.mounts.iter().filter(|mount| scope.has_mount(&mount.key));
        let some: usize = mounts.map(|mount| mount.checkpoints.len()).sum();
        if some > 0 && self.about == About::Generations && !(output.is_json || output.is_quiet) {
            let what = count(some, "snapshot");
            output.aside(&format!(
                "{what} of checkpoints: left alone; `prune --checkpoints` deletes old ones\n"
            ));
        }
    }

    /// Tells what there is, where nothing was asked for.
    fn nothing_asked(&self, listed: &Listed, now: Timestamp) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let name = self.definition.name.as_str();
        // What is only shown is no reason to fail.
        let is_held = !listed.holds.is_empty() && !self.args.dry_run;
        let exit = if is_held { Exit::Held } else { Exit::Done };
        if output.is_json {
            self.document(listed)?;
            return Ok(exit);
        }
        if listed.rows.iter().any(|row| row.fate == Fate::Goes) {
            output.result(&screen::list(
                self.about,
                name,
                &listed.rows,
                &listed.kept,
                now,
                &output.out,
            ));
        } else {
            output.result(&screen::nothing(self.about, name, &listed.rows));
        }
        if self.args.dry_run {
            output.result(&screen::staying(&listed.rows, &output.out));
        }
        self.held(listed);
        Ok(exit)
    }

    /// Tells what came of it.
    fn pruned(&self, listed: &Listed, pruned: &Pruned) -> Result<Exit, Fault> {
        let output = &self.session.output;
        let denied = pruned.failed.iter().find(|(_, error)| error.class == ErrorClass::Permission);
        let exit = match (denied, pruned.failed.first()) {
            (Some((_, error)), _) => exit_of(error.class),
            (None, Some(_)) => Exit::Failed,
            (None, None) if !pruned.left.is_empty() => Exit::Failed,
            (None, None) if !pruned.spared.is_empty() || !listed.holds.is_empty() => Exit::Held,
            (None, None) => Exit::Done,
        };
        if output.is_json {
            self.document(listed)?;
            return Ok(exit);
        }
        let gone: Vec<&PruneRow> =
            listed.rows.iter().filter(|row| row.fate == Fate::Gone).collect();
        if !(gone.is_empty() && exit != Exit::Done) {
            output.result(&format!("pruned: {} of {}\n", sum(&gone), self.definition.name));
        }
        self.held(listed);
        match exit {
            Exit::Done => {
                output.next(&["snapshots"]);
                Ok(exit)
            }
            Exit::Held => {
                for (id, why) in &pruned.spared {
                    output.aside(&format!("{id} stays: {why}\n"));
                }
                Ok(exit)
            }
            exit => {
                let mut fault = Fault::new(exit, "not all of it is gone");
                for (id, error) in &pruned.failed {
                    fault = fault.hint(format!("{id}: {error}"));
                }
                if denied.is_some() {
                    let policy = "what it takes on AWS:    wucluster iam-policy --for prune";
                    fault = fault.hint(policy);
                }
                if !pruned.left.is_empty() {
                    let left: Vec<&str> = pruned.left.iter().map(SnapshotId::as_str).collect();
                    fault = fault.hint(format!("asked, and still listed: {}", left.join(", ")));
                }
                Err(fault.hint("to repeat it does no harm:    wucluster prune"))
            }
        }
    }

    fn held(&self, listed: &Listed) {
        let output = &self.session.output;
        if !listed.holds.is_empty() {
            output.aside(&format!("\n{}", holds(&listed.holds, &output.err)));
        }
    }

    fn document(&self, listed: &Listed) -> Result<(), Fault> {
        self.session.output.json(&Document {
            schema: "wucluster/prune/1",
            cluster: &self.definition.name,
            read_at: self.read_at,
            is_dry_run: self.args.dry_run,
            keep: self.args.keep,
            kept_generations: match self.about {
                About::Generations => &listed.kept,
                About::Checkpoints => &[],
            },
            kept_checkpoints: match self.about {
                About::Generations => None,
                About::Checkpoints => Some(&listed.kept),
            },
            snapshots: &listed.rows,
            held: &listed.holds,
        })
    }
}

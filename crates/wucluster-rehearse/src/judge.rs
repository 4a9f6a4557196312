//! The judges: each looks at a drive, or at its end, and says which rules were broken.

use std::time::Duration;

use wucluster_core::demand::Demand;
use wucluster_core::ids::{InstanceId, MountKey, Subject};
use wucluster_core::interlock::{Hold, Interlock};
use wucluster_core::observation::SnapshotState;
use wucluster_core::time::Timestamp;
use wucluster_engine::{Ending, Outcome};
use wucluster_sim::World;

use crate::bench::{Bench, Driven};
use crate::truth::{Shortfall, Shortfalls};
use crate::verdict::{Rule, Violation};
use crate::wire::{Call, Log};

/// Most requests of one name about one subject within [`SPIN_WINDOW`], while it is not seen to change.
///
/// Source: the back-off of 1, 2, 4 … 60 s lets six tries of one request pass in a minute.
const SPIN_MAX: usize = 7;

/// Most requests of all names: a new volume is attached, formatted, recorded and mounted, none of which
/// need show a change before the next, and of which two may fail, each with a back-off of its own.
const SPIN_MAX_IN_ALL: usize = 2 * SPIN_MAX;
const SPIN_WINDOW: Duration = Duration::from_secs(60);

/// What is ended without anybody's yes: where nobody said yes to anything.
#[must_use]
pub fn consent(log: &Log) -> Vec<Violation> {
    let ends = |call: &&Call| matches!(call.name, "TerminateInstances" | "DeleteVolume");
    let guilty = |call: &Call| Violation {
        rule: Rule::BeyondYes,
        subject: call.subject.clone(),
        what: format!("{} was asked, and nobody said yes to it", call.name),
    };
    log.calls.iter().filter(ends).map(guilty).collect()
}

/// L2 and the rules of the wire: on every drive, whatever goes wrong.
#[must_use]
pub fn wire(driven: &Driven, log: &Log, demand: Demand, world: &World) -> Vec<Violation> {
    let mut found = discarded(driven, log, demand);
    for (subject, name) in &log.doubled {
        let what = format!("{name} was asked while another request was on its way");
        found.push(Violation { rule: Rule::Doubled, subject: subject.clone(), what });
    }
    for (subject, name) in &log.outdated {
        let what = format!("{name} rests on a look from before the last answer");
        found.push(Violation { rule: Rule::Outdated, subject: subject.clone(), what });
    }
    for node in &log.halted_despite_no {
        let what = "its `before-halt` said no, and it was ended".to_owned();
        let subject = Subject::Node(node.clone());
        found.push(Violation { rule: Rule::HaltedDespiteNo, subject, what });
    }
    // A listing that shows what is not shows a change with each look, and each one is followed.
    let is_shown_right = |spun: &Violation| !is_late(driven, world, &spun.subject);
    found.extend(spin(driven, log).into_iter().filter(is_shown_right));
    found.extend(looks(driven, log, world));
    found
}

/// Says whether a listing of this drive showed somebody, or the node of a mount, other than it was.
#[must_use]
pub fn is_late(driven: &Driven, world: &World, subject: &Subject) -> bool {
    let node = subject.node().map(|node| Subject::Node(node.clone()));
    [Some(subject.clone()), node]
        .iter()
        .flatten()
        .any(|about| world.was_shown_late(about, driven.from, driven.to))
}

/// Says whether all that a subject lacks is that a human gave its node's name to another machine, and that no look of this
/// drive has shown it.
#[must_use]
pub fn has_unseen_twin(bench: &Bench, driven: &Driven, world: &World, found: &Violation) -> bool {
    let Some(node) = found.subject.node().filter(|_| found.what.contains("instances carry")) else {
        return false;
    };
    let log = bench.ear.log();
    let named = world.instances_named(&driven.definition.name, node);
    let is_unseen = |id: &InstanceId| world.is_made_by_human(id) && !log.seen.contains(id.as_str());
    named.iter().filter(|id| !is_unseen(id)).count() == 1
}

/// I14: what is defined and deleted on the way up, though nobody had begun to delete it before.
fn discarded(driven: &Driven, log: &Log, demand: Demand) -> Vec<Violation> {
    let is_defined = |call: &&Call| match &call.subject {
        Subject::Mount(mount) => {
            driven.definition.mount(mount).is_some() && !driven.doomed.contains(mount)
        }
        _ => false,
    };
    let guilty = |call: &Call| Violation {
        rule: Rule::Discarded,
        subject: call.subject.clone(),
        what: format!("{} was asked on the way to {demand}", call.name),
    };
    let calls = log.calls.iter().filter(|_| demand.is_upward()).filter(is_defined);
    calls.filter(|call| call.name == "DeleteVolume").map(guilty).collect()
}

fn spin(driven: &Driven, log: &Log) -> Vec<Violation> {
    let mut found: Vec<Violation> = Vec::new();
    for (at, call) in log.calls.iter().enumerate() {
        // By the operator's clock: who counts twice as fast pauses half as long.
        let within = |other: &&Call| {
            other.subject == call.subject && driven.felt_span(call.at, other.at) <= SPIN_WINDOW
        };
        let all: Vec<_> = log.calls.iter().skip(at).filter(within).collect();
        let alike: Vec<_> = all.iter().filter(|other| other.name == call.name).copied().collect();
        let last = alike.get(SPIN_MAX).or_else(|| all.get(SPIN_MAX_IN_ALL));
        let Some(last) = last else { continue };
        let is_changed = driven.changes.iter().any(|(when, subject)| {
            subject == &call.subject && *when >= call.at && *when <= last.at
        });
        let is_told = found.iter().any(|told| told.subject == call.subject);
        if !is_changed && !is_told {
            let names: Vec<&str> = all.iter().map(|call| call.name).collect();
            let what = format!(
                "{} requests in a minute without a change: {}",
                names.len(),
                names.join(", ")
            );
            found.push(Violation { rule: Rule::Spin, subject: call.subject.clone(), what });
        }
    }
    found
}

/// Looks at the cloud: at most one a second on the average, beside a few for each answer, and a second one at once for each
/// that went back in time: what it showed may be to be deleted, which takes two looks, and be gone in the next.
fn looks(driven: &Driven, log: &Log, world: &World) -> Option<Violation> {
    let seconds =
        usize::try_from(driven.felt_span(driven.from, driven.to).as_secs()).unwrap_or(usize::MAX);
    let most = seconds + 3 * log.calls.len() + 5;
    if log.looks.len() <= most {
        return None;
    }
    let ends = log.looks.iter().skip(1).chain([&driven.to]);
    let gone_back =
        log.looks.iter().zip(ends).filter(|(from, to)| world.has_gone_back(**from, **to));
    (log.looks.len() > most + gone_back.count()).then(|| Violation {
        rule: Rule::Spin,
        subject: Subject::Cluster,
        what: format!("{} looks in {seconds} s with {} requests", log.looks.len(), log.calls.len()),
    })
}

/// R1: who was reported to be where it was demanded, and was not, at any instant since the evidence. Each part of
/// a demand has evidence of its own: what bears a name is listed, what is mounted is told by its node.
#[must_use]
pub fn report(bench: &Bench, driven: &Driven, demand: Demand, world: &World) -> Vec<Violation> {
    let Some(Ending { outcome: Outcome::Reached, observation: Some(observation), .. }) =
        &driven.ending
    else {
        return Vec::new();
    };
    let short = bench.stage(&driven.definition).shortfalls(world, demand);
    if short.is_empty() {
        return Vec::new();
    }
    // By the operator's clock, whatever that shows.
    let looked = bench.sim.true_time(observation.cloud_asked_at);
    let probed = observation.nodes.iter().filter_map(|node| node.probed_at).min();
    let probed = probed.map(|probed| bench.sim.true_time(probed));
    let evidence = probed.map_or(looked, |probed| probed.min(looked));
    let was_so = |subject: &Subject, lacks: &Shortfall| {
        // What no listing of this drive showed late was seen as it was.
        let is_late = is_late(driven, world, subject);
        let stale = if is_late { world.staleness_max() } else { Duration::ZERO };
        // Nobody watched before the drive: what others made then, the look may not have shown yet.
        let is_watched = driven.from.after(stale) <= evidence;
        if is_late && !is_watched && world.has_new_namesake(subject, stale, evidence) {
            return true;
        }
        driven
            .watched
            .iter()
            .filter(|watched| watched.until.after(stale) >= evidence)
            .any(|watched| watched.short.get(subject).is_none_or(|then| then.part > lacks.part))
    };
    short
        .into_iter()
        .filter(|(subject, lacks)| !was_so(subject, lacks))
        .map(|(subject, lacks)| Violation { rule: Rule::UntrueReport, subject, what: lacks.why })
        .collect()
}

/// L1: in calm, a demand ends in its time, reached or held for a true reason, and nothing that is not
/// held stays behind.
#[must_use]
pub fn calm(bench: &Bench, driven: &Driven, demand: Demand, world: &World) -> Vec<Violation> {
    let stage = bench.stage(&driven.definition);
    let short = stage.shortfalls(world, demand);
    let all = |rule: Rule, short: Shortfalls| {
        let guilty =
            |(subject, lacks): (Subject, Shortfall)| Violation { rule, subject, what: lacks.why };
        short.into_iter().map(guilty).collect::<Vec<_>>()
    };
    match driven.ending.as_ref().map(|ending| &ending.outcome) {
        Some(Outcome::Reached) => all(Rule::UntrueReport, short),
        Some(Outcome::Held(holds)) => {
            let log = bench.ear.log();
            let mut found = Vec::new();
            let looked = driven.ending.as_ref().and_then(|ending| ending.observation.as_ref());
            let looked = looked.map(|seen| bench.sim.true_time(seen.cloud_asked_at));
            // What ended after the last look was there when it was held for.
            let was_true = |hold: &Hold| match (&hold.subject, looked) {
                (Subject::Node(node), Some(looked)) => {
                    hold.interlock == Interlock::IdentityConflict
                        && world.has_lost_namesake_since(&driven.definition.name, node, looked)
                }
                _ => false,
            };
            for hold in holds.iter().filter(|hold| !was_true(hold)) {
                // Whose record a human edited is held for that, whatever the words.
                if bench.is_robbed(world, &hold.subject) {
                    continue;
                }
                if let Err(instead) = stage.is_true(world, hold, &log) {
                    let why = hold.why.join("; ");
                    let what =
                        format!("held[{}] {}: {why}; but {instead}", hold.interlock, hold.what);
                    let subject = hold.subject.clone();
                    found.push(Violation { rule: Rule::UntrueHold, subject, what });
                }
            }
            let accounted = stage.accounted_for(world, holds);
            // A twin that came to light just now is held at the next look.
            let is_new_twin = |lacks: &Shortfall| lacks.why.contains("carry its name");
            let behind = short
                .into_iter()
                .filter(|(subject, lacks)| !accounted.contains(subject) && !is_new_twin(lacks))
                .collect();
            found.extend(all(Rule::LeftBehind, behind));
            found
        }
        other => {
            let notes: Vec<String> = driven
                .ending
                .iter()
                .filter_map(|ending| ending.progress.as_ref())
                .flat_map(|progress| &progress.rows)
                .filter(|row| !row.is_there)
                .map(|row| format!("{}: {}", row.subject, row.note.clone().unwrap_or_default()))
                .collect();
            let what = format!("{other:?}; {}; short: {short:?}", notes.join(", "));
            vec![Violation { rule: Rule::NoEnd, subject: Subject::Cluster, what }]
        }
    }
}

/// Says whether the provider lost a snapshot of a mount, and the store that knew of it was lost too, or put back: without
/// both, a mount looks like one that never held data, and nobody could know.
fn is_forgotten(forgotten_at: Option<Timestamp>, world: &World, mount: &MountKey) -> bool {
    forgotten_at.is_some_and(|at| world.lost_a_snapshot_of(mount, at))
}

/// I1 in terms of data: what users wrote is there, where their mounts are mounted.
#[must_use]
pub fn data(bench: &Bench, world: &World) -> Vec<Violation> {
    let notes = bench.notes.open();
    let lost = bench.lost_writes(world);
    let mut found = Vec::new();
    for (mount, files) in &notes.written {
        let is_robbed = bench.is_robbed(world, &Subject::Mount(mount.clone()));
        let is_forgotten = is_forgotten(notes.forgotten_at, world, mount);
        if is_robbed || is_forgotten || world.mounted_at(mount).is_none() {
            continue;
        }
        let missing: Vec<&String> = files
            .iter()
            .filter(|file| world.read(mount, file).ok().flatten().as_ref() != Some(*file))
            .collect();
        if missing.len() > lost.get(mount).copied().unwrap_or(0) {
            let what = format!("{missing:?} of {} files are gone", files.len());
            let subject = Subject::Mount(mount.clone());
            found.push(Violation { rule: Rule::LostData, subject, what });
        }
    }
    found
}

/// I1 in terms of snapshots: what users wrote is in a snapshot of each mount without a volume.
#[must_use]
pub fn kept(bench: &Bench, world: &World) -> Vec<Violation> {
    let notes = bench.notes.open();
    let lost = bench.lost_writes(world);
    let mut found = Vec::new();
    for (mount, files) in &notes.written {
        // What the provider lost, it lost; that it is missed, and not replaced, is judged elsewhere.
        let is_lost = matches!(world.newest_snapshot_ever(mount), Some((_, false)));
        let exists = !world.existing_volumes_of(mount).is_empty();
        let is_robbed = bench.is_robbed(world, &Subject::Mount(mount.clone()));
        let is_forgotten = is_forgotten(notes.forgotten_at, world, mount);
        if is_robbed || is_lost || is_forgotten || exists {
            continue;
        }
        let most = world
            .snapshots_of(mount)
            .iter()
            .filter(|id| world.snapshot_state(id) == Some(SnapshotState::Completed))
            .filter_map(|id| world.content_of_snapshot(id))
            .map(|content| files.iter().filter(|file| content.file(file).is_some()).count())
            .max()
            .unwrap_or(0);
        if most + lost.get(mount).copied().unwrap_or(0) < files.len() {
            let what = format!("no snapshot holds more than {most} of {} files", files.len());
            let subject = Subject::Mount(mount.clone());
            found.push(Violation { rule: Rule::LostData, subject, what });
        }
    }
    found
}

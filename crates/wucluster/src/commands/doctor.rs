//! `doctor`: what is in the way of working with the cluster, and what is left over and costs money.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde::Serialize;
use wucluster_core::definition::{ClusterDefinition, Provider};
use wucluster_core::demand::Demand;
use wucluster_core::interlock::adopt::{by_store, of_others};
use wucluster_core::observation::{Observation, SnapshotState, VolumeState};
use wucluster_core::planner::Ask;
use wucluster_engine::store::identity;
use wucluster_engine::store::lease::{self, Newest};

use super::{Session, adopt, confirm, drive, network};
use crate::args::{DoctorArgs, DriveArgs};
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::{Fault, with_sources};
use crate::operator::is_gone;
use crate::render::findings::{Finding, Remedy, Standing, table, tally};
use crate::render::text::clean;
use crate::render::words::{ago, count};
use crate::site::{GLANCE, Nodes, Site};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a str,
    findings: &'a [Finding],
}

/// Looks at everything that a drive needs, and at what is left over. Changes nothing, unless it is to mend.
pub(crate) async fn doctor(session: &Session, args: &DoctorArgs) -> Result<Exit, Fault> {
    let definition = session.definition()?;
    let dirs = Dirs::find()?;
    let site = Site::open(session, &definition, &dirs)?;
    let findings = examine(&site, &definition, args).await?;
    tell(session, &definition, &findings)?;
    if args.fix && mend(session, &site, &definition, &dirs, &findings).await? {
        let findings = examine(&site, &definition, args).await?;
        tell(session, &definition, &findings)?;
        return Ok(exit_of(args, &findings));
    }
    Ok(exit_of(args, &findings))
}

fn exit_of(args: &DoctorArgs, findings: &[Finding]) -> Exit {
    let (bad, _) = tally(findings);
    let is_forbidden = findings.iter().any(|finding| finding.verdict == Standing::Forbidden);
    match (args.report && bad > 0, is_forbidden) {
        (_, true) => Exit::Denied,
        (true, false) => Exit::Differs,
        (false, false) => Exit::Done,
    }
}

/// Runs the commands that mend what was found, one by one; each asks by itself. Says whether any was run.
///
/// # Errors
/// [`Exit::Declined`] when there is nobody to ask; what a command says that could not go on.
async fn mend(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
    dirs: &Dirs,
    findings: &[Finding],
) -> Result<bool, Fault> {
    let all: BTreeSet<&Remedy> =
        findings.iter().filter_map(|finding| finding.remedy.as_ref()).collect();
    // A node takes its mounts along.
    let with_its_node = |remedy: &Remedy| match remedy {
        Remedy::PutAway(part) => part
            .split_once('/')
            .is_some_and(|(node, _)| all.contains(&Remedy::PutAway(node.to_owned()))),
        Remedy::Adopt => false,
    };
    let remedies: Vec<&Remedy> =
        all.iter().copied().filter(|remedy| !with_its_node(remedy)).collect();
    let output = &session.output;
    if remedies.is_empty() {
        output.aside("Nothing that a command of wucluster mends.\n");
        return Ok(false);
    }
    if !confirm::is_somebody_there() {
        return Err(Fault::new(
            Exit::Declined,
            "there is no terminal to ask on; nothing was changed",
        )
        .hint("run the commands that are named above, each by itself"));
    }
    let mut has_run = false;
    for remedy in remedies {
        let question = format!("\n{} {} [y/N] ", output.err.program, remedy.command());
        if !confirm::answer(session, &question)? {
            output.aside("Left as it is.\n");
            continue;
        }
        has_run = true;
        let done = match remedy {
            Remedy::Adopt => adopt::take_over(session, site, definition).await,
            Remedy::PutAway(part) => {
                let only = part.parse().map(|part| vec![part]).map_err(Fault::usage)?;
                let args = DriveArgs { dry_run: false, only }.into();
                drive::drive_on(session, site, definition, dirs, Demand::Away, &args).await
            }
        };
        match done {
            // A no to what is deleted is an answer, too; the next one is asked all the same.
            Err(fault) if fault.exit == Exit::Declined => output.aside("Left as it is.\n"),
            done => drop(done?),
        }
    }
    output.aside("\nLooked at again:\n\n");
    Ok(has_run)
}

/// Looks at everything that a drive needs, and at what is left over.
async fn examine(
    site: &Site,
    definition: &ClusterDefinition,
    args: &DoctorArgs,
) -> Result<Vec<Finding>, Fault> {
    let mut findings = Vec::new();
    if matches!(site.nodes, Nodes::Ssh(_)) {
        findings.push(ssh());
    }
    findings.extend(store(site).await);
    let mut is_denied = false;
    match site.look(definition, Ask::State, GLANCE).await {
        Ok(observation) => {
            let what =
                format!("looked at with {}", count(observation.requests as usize, "request"));
            findings.push(Finding::ok(format!("cloud {}", definition.provider), what));
            let mut left = others(site, &observation).await;
            left.extend(left_over(&observation));
            if left.is_empty() {
                left.push(Finding::ok(
                    "left over",
                    "nothing: all that is there belongs to a node or mount of the definition",
                ));
            }
            findings.extend(left);
            findings.extend(network::finding(site, &observation).await);
        }
        Err(fault) => {
            is_denied = fault.exit == Exit::Denied;
            let standing = if is_denied { Standing::Forbidden } else { Standing::Wrong };
            findings.push(Finding::new(
                standing,
                format!("cloud {}", definition.provider),
                fault.message,
            ));
        }
    }
    if args.permissions && !is_denied {
        findings.extend(permissions(definition).await?);
    }
    Ok(findings)
}

/// Writes what was found.
fn tell(
    session: &Session,
    definition: &ClusterDefinition,
    findings: &[Finding],
) -> Result<(), Fault> {
    let output = &session.output;
    let (bad, unknown) = tally(findings);
    if output.is_json {
        let cluster = definition.name.as_str();
        return output.json(&Document { schema: "wucluster/doctor/1", cluster, findings });
    }
    output.result(&table(findings, "WHAT WAS FOUND", &output.out));
    let last = match (bad, unknown) {
        (0, 0) => "All is well.".to_owned(),
        (0, _) => format!("Nothing is wrong; {} could not be told.", count(unknown, "thing")),
        _ => format!("{} found. Nothing was changed.", count(bad, "trouble")),
    };
    output.aside(&format!("\n{last}\n"));
    Ok(())
}

/// Says which OpenSSH there is: nodes are reached by it.
fn ssh() -> Finding {
    let program = std::env::var_os("WUCLUSTER_SSH").unwrap_or_else(|| "ssh".into());
    let answer = Command::new(&program).arg("-V").stdin(Stdio::null()).output();
    match answer {
        Ok(answer) if answer.status.success() => {
            let text = String::from_utf8_lossy(&answer.stderr);
            Finding::ok("ssh", text.lines().next().unwrap_or_default())
        }
        Ok(answer) => Finding::wrong(
            "ssh",
            format!("`{} -V` ended with {}", program.display(), answer.status),
        ),
        Err(error) => {
            Finding::wrong("ssh", format!("`{}` cannot be run: {error}", program.display()))
                .fix("install OpenSSH's client, in Debian: apt install openssh-client")
        }
    }
}

/// Looks at the store, its journals and its lease.
async fn store(site: &Site) -> Vec<Finding> {
    let place = site.store.objects().place();
    if let Err(fault) = site.store.usable() {
        let fix = "name another one with --store, or mend it";
        return vec![Finding::wrong("store", fault.message).fix(fix)];
    }
    let mut findings = Vec::new();
    match site.store.left().await {
        Ok(_) => findings.push(Finding::ok("store", place)),
        Err(fault) => {
            let finding = Finding::wrong("store", fault.message);
            findings.push(match fault.hints.last() {
                Some(hint) => finding.fix(hint),
                None => finding,
            });
        }
    }
    findings.push(match lease::newest(site.store.objects().as_ref()).await {
        Err(error) => Finding::wrong("lease", with_sources(&error)),
        Ok(Newest::None) => Finding::ok("lease", "free: nobody has driven this cluster so far"),
        Ok(Newest::Ended(lease, _)) => {
            Finding::ok("lease", format!("free since run {}", lease.run))
        }
        Ok(Newest::Held(held)) => {
            let (run, who) = (held.lease.run, &held.lease.operator.who);
            let heard = ago(held.heard_at, site.now());
            if is_gone(&held.lease.operator) {
                Finding::ok(
                    "lease",
                    format!("free: run {run} of {who} was ended from outside, last heard {heard}"),
                )
            } else {
                Finding::ok("lease", format!("run {run} of {who} drives, last heard {heard}"))
            }
        }
    });
    findings
}

/// Lists what fits nowhere, what is there twice, and what failed and is of no use.
fn left_over(observation: &Observation) -> Vec<Finding> {
    let mut findings = Vec::new();
    for stranger in &observation.strangers {
        let what = format!(
            "a {} in state {}, tagged as this cluster's: {}",
            stranger.kind, stranger.state, stranger.why
        );
        findings.push(
            Finding::wrong(&stranger.id, what)
                .fix("give it to a node or mount with `wucluster adopt`, or take the tag wucluster:cluster from it"),
        );
    }
    for node in &observation.nodes {
        let there: Vec<_> =
            node.instances.iter().map(|one| (one.id.as_str(), one.state.to_string())).collect();
        let fix = "terminate the one that is not meant, by the cloud's own tool";
        findings.extend(misplaced(node.name.as_str(), "instance", node.is_defined, &there, fix));
    }
    for mount in &observation.mounts {
        let about = mount.key.to_string();
        let there: Vec<_> =
            mount.volumes.iter().map(|one| (one.id.as_str(), one.state.to_string())).collect();
        let fix = "look at both, and delete the one that is not meant, by the cloud's own tool";
        findings.extend(misplaced(&about, "volume", mount.is_defined, &there, fix));
        for volume in mount.volumes.iter().filter(|volume| volume.state == VolumeState::Error) {
            findings.push(
                Finding::wrong(
                    &about,
                    format!("{} failed to be made, and is of no use", volume.id),
                )
                .fix("delete it by the cloud's own tool; the next launch makes another one"),
            );
        }
        for snapshot in
            mount.snapshots.iter().filter(|snapshot| snapshot.state == SnapshotState::Error)
        {
            findings.push(
                Finding::wrong(&about, format!("{} failed, and keeps nothing", snapshot.id))
                    .fix("delete it by the cloud's own tool"),
            );
        }
    }
    findings
}

/// Tells of what belongs to another store: it is held, and nobody who drives from here sees why it changes.
async fn others(site: &Site, observation: &Observation) -> Vec<Finding> {
    let Ok(Some(own)) = identity::read(site.store.objects().as_ref()).await else {
        return Vec::new();
    };
    let others = by_store(&of_others(observation, &own));
    let told = others.into_iter().map(|(store, things)| {
        let about = store
            .as_ref()
            .map_or_else(|| "store".to_owned(), |store| format!("store {}", store.id));
        let whose = match store {
            Some(store) => format!("{things} of the store in {}", clean(&store.place)),
            None => format!("{things} without a store's mark"),
        };
        Finding::wrong(about, whose)
            .fix("drive it from there or, if nobody does any more, `wucluster adopt`")
            .mended_by(Remedy::Adopt)
    });
    told.collect()
}

/// Tells of what carries a name twice, or one that no definition has; each with its id and state.
fn misplaced(
    name: &str,
    kind: &str,
    is_defined: bool,
    there: &[(&str, String)],
    fix_twice: &str,
) -> Option<Finding> {
    match there {
        [] => None,
        [_] if is_defined => None,
        [(id, state)] => Some(
            Finding::wrong(name, format!("{id} is {state} and in no definition"))
                .fix(format!("write it back, or `wucluster put-away --only {name}`"))
                .mended_by(Remedy::PutAway(name.to_owned())),
        ),
        several => {
            let ids: Vec<&str> = several.iter().map(|(id, _)| *id).collect();
            let what = format!("{} carry this name: {}", count(ids.len(), kind), ids.join(", "));
            Some(Finding::wrong(name, what).fix(fix_twice))
        }
    }
}

/// Asks what is permitted, where there is somebody to ask.
async fn permissions(definition: &ClusterDefinition) -> Result<Vec<Finding>, Fault> {
    match definition.provider {
        #[cfg(feature = "aws")]
        Provider::Aws => super::online::permissions(definition).await,
        #[cfg(not(feature = "aws"))]
        Provider::Aws => Err(crate::site::no_cloud(Provider::Aws)),
        Provider::Local | Provider::Sim => {
            Ok(vec![Finding::ok("permissions", format!("`{}` asks for none", definition.provider))])
        }
    }
}

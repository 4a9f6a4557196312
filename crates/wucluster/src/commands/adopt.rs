//! `adopt`: takes over what belongs to another store, or was made by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{MountKey, NodeName, Subject};
use wucluster_core::interlock::adopt::{OfAnother, by_store};
use wucluster_core::observation::Found;
use wucluster_engine::store::lease::Purpose;
use wucluster_engine::store::{Tenure, identity};
use wucluster_engine::{AdoptError, Adopted, Adoption, EngineEvent, EventKind};

use super::{Session, confirm, lock};
use crate::args::AdoptArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::hold::holds;
use crate::render::text::clean;
use crate::render::words::count as counted;
use crate::site::Site;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a str,
    /// The store that it belongs to from now on.
    store: &'a str,
    taken: Vec<String>,
    /// What did not come over, and why.
    failed: BTreeMap<String, String>,
    /// What is still seen as another's.
    left: Vec<String>,
}

/// Takes over what belongs to another store, or was made by hand.
pub(crate) async fn adopt(session: &Session, args: &AdoptArgs) -> Result<Exit, Fault> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    let named = match words.as_slice() {
        [] => None,
        [id, "as", name] => Some((*id, *name)),
        _ => {
            return Err(Fault::usage("it is `adopt`, or `adopt ID as NODE[/MOUNT]`")
                .hint("such as:    wucluster adopt vol-0a1b2c as chief/home"));
        }
    };
    let definition = session.definition()?;
    let named = match named {
        Some((id, name)) => Some((id, subject_of(&definition, name)?)),
        None => None,
    };
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    lock::glance(session, &site, "adopt").await?;
    match named {
        None => take_over(session, &site, &definition).await,
        Some((id, subject)) => by_hand(session, &site, &definition, id, &subject).await,
    }
}

/// Finds the node or mount of that name in the definition.
fn subject_of(definition: &ClusterDefinition, name: &str) -> Result<Subject, Fault> {
    let found = if name.contains('/') {
        let key = MountKey::try_from(name.to_owned()).ok();
        key.filter(|key| definition.mount(key).is_some()).map(Subject::Mount)
    } else {
        let node = NodeName::new(name).ok();
        node.filter(|node| definition.nodes.contains_key(node)).map(Subject::Node)
    };
    found.ok_or_else(|| {
        Fault::usage(format!("the definition has no node or mount `{name}`"))
            .hint("write it into the definition first: there its mount point and size are told")
    })
}

pub(crate) async fn take_over(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
) -> Result<Exit, Fault> {
    let output = &session.output;
    let own = identity::read(site.store.objects().as_ref()).await?;
    let others = site.engine().of_others(definition, own.as_ref()).await?;
    if others.is_empty() {
        if output.is_json {
            let store = own.map(|own| own.to_string()).unwrap_or_default();
            output.json(&document(definition, &store, &Adopted::default()))?;
        } else {
            let name = &definition.name;
            output
                .result(&format!("nothing to adopt: nothing of {name} belongs to another store\n"));
        }
        return Ok(Exit::Done);
    }
    let is_said = session.globals.yes;
    if !(is_said && output.is_quiet) {
        output.aside(&what_is_taken(site, definition, &others));
    }
    if !is_said {
        confirm::ask(session, &format!("adopting {}", definition.name))?;
    }
    let seen =
        others.iter().filter_map(|one| one.store.as_ref()).map(|store| store.adoptions).max();
    let taken = lock::take(session, site, purpose()).await?;
    taken.adopt(seen.unwrap_or(0)).await?;
    let (tenure, records) = lock::begin(site, taken).await?;
    let adoption = Adoption { definition, tenure: &tenure, records: &records };
    let mut asked = 0;
    let result = site.engine().take_over(&adoption, &mut counts(&mut asked)).await;
    let is_whole =
        result.as_ref().is_ok_and(|adopted| adopted.failed.is_empty() && adopted.left.is_empty());
    lock::end(site, &tenure, outcome(is_whole), asked).await;
    let adopted = result.map_err(fault_of)?;
    tell(session, definition, &tenure, &adopted)
}

fn what_is_taken(site: &Site, definition: &ClusterDefinition, others: &[OfAnother]) -> String {
    let place = site.store.objects().place();
    let mut text = format!("{} comes to the store in {place}:\n", definition.name);
    // Writing to a string cannot fail.
    for (store, things) in by_store(others) {
        let of = match store {
            Some(store) => format!("of store {} ({})", store.id, store.place),
            None => "without the mark of a store".to_owned(),
        };
        let _ = writeln!(text, "    {things} {}", clean(&of));
    }
    let _ = writeln!(
        text,
        "Whoever drives it from there is held from then on. Make sure that nobody does now."
    );
    text
}

fn tell(
    session: &Session,
    definition: &ClusterDefinition,
    tenure: &Tenure,
    adopted: &Adopted,
) -> Result<Exit, Fault> {
    let output = &session.output;
    let is_whole = adopted.failed.is_empty() && adopted.left.is_empty();
    if output.is_json {
        output.json(&document(definition, &tenure.store().to_string(), adopted))?;
        return Ok(if is_whole { Exit::Done } else { Exit::Failed });
    }
    let count = counted(adopted.taken.len(), "thing");
    if is_whole {
        output.result(&format!("adopted: {count} of {} belong to this store\n", definition.name));
        output.next(&["status", "plan launched"]);
        return Ok(Exit::Done);
    }
    let mut fault = Fault::failed(format!("not all came over: {count} did"));
    for (id, error) in &adopted.failed {
        fault = fault.hint(format!("{id}: {error}"));
    }
    let seen: Vec<String> = adopted.left.iter().map(|one| one.id.to_string()).collect();
    if !seen.is_empty() {
        fault = fault.hint(format!("still seen as another store's: {}", seen.join(", ")));
    }
    Err(fault.hint("to repeat it does no harm:    wucluster adopt"))
}

fn document<'a>(
    definition: &'a ClusterDefinition,
    store: &'a str,
    adopted: &Adopted,
) -> Document<'a> {
    let failed = adopted.failed.iter().map(|(id, error)| (id.to_string(), error.to_string()));
    Document {
        schema: "wucluster/adoption/1",
        cluster: definition.name.as_str(),
        store,
        taken: adopted.taken.iter().map(ToString::to_string).collect(),
        failed: failed.collect(),
        left: adopted.left.iter().map(|one| one.id.to_string()).collect(),
    }
}

async fn by_hand(
    session: &Session,
    site: &Site,
    definition: &ClusterDefinition,
    id: &str,
    subject: &Subject,
) -> Result<Exit, Fault> {
    let output = &session.output;
    let Some(found) = site.cloud().find(id).await? else {
        return Err(Fault::failed(format!("there is no instance, volume or snapshot `{id}`"))
            .hint("nothing was changed; see its id in the provider's console, and which region and account these are"));
    };
    let is_said = session.globals.yes;
    if !(is_said && output.is_quiet) {
        output.aside(&format!(
            "{} becomes {subject} of {}; only tags are set\n",
            words(&found),
            definition.name
        ));
    }
    if !is_said {
        confirm::ask(session, &format!("adopting {id} as {subject}"))?;
    }
    let taken = lock::take(session, site, purpose()).await?;
    let (tenure, records) = lock::begin(site, taken).await?;
    let adoption = Adoption { definition, tenure: &tenure, records: &records };
    let mut asked = 0;
    let result = site.engine().adopt(&adoption, &found, subject, &mut counts(&mut asked)).await;
    lock::end(site, &tenure, outcome(result.is_ok()), asked).await;
    match result {
        Err(AdoptError::Held(hold)) => {
            output.aside(&holds(&[*hold], &output.err));
            return Err(Fault::told(Exit::Held));
        }
        Err(error) => return Err(fault_of(error)),
        Ok(()) => {}
    }
    if output.is_json {
        let adopted = Adopted { taken: vec![found.awaited_id()], ..Adopted::default() };
        output.json(&document(definition, &tenure.store().to_string(), &adopted))?;
        return Ok(Exit::Done);
    }
    output.result(&format!("adopted: {id} is {subject}\n"));
    output.next(&["status", "plan launched"]);
    Ok(Exit::Done)
}

/// Describes something in a few words.
fn words(found: &Found) -> String {
    match found {
        Found::Instance(seen) => format!("{} ({})", seen.id, seen.state),
        Found::Volume(seen) => format!("{} ({}, {})", seen.id, seen.state, seen.size),
        Found::Snapshot(seen) => format!("{} ({}, {})", seen.id, seen.state, seen.size),
    }
}

fn purpose() -> Purpose {
    Purpose { command: "adopt".to_owned(), demand: None, only: Vec::new() }
}

const fn outcome(is_whole: bool) -> &'static str {
    if is_whole { "adopted" } else { "failed" }
}

/// Counts what is asked of the cloud; looks are not told.
fn counts(asked: &mut u64) -> impl FnMut(&EngineEvent) + Send {
    |event| *asked += u64::from(matches!(event.kind, EventKind::Asked { .. }))
}

fn fault_of(error: AdoptError) -> Fault {
    match error {
        AdoptError::Cloud(error) => error.into(),
        AdoptError::Dismissed(dismissed) => dismissed.into(),
        AdoptError::Held(hold) => Fault::new(Exit::Held, hold.what),
    }
}

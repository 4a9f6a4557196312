//! The question before anything is deleted, and what a yes covers.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};

use wucluster_core::demand::Demand;
use wucluster_core::ids::ClusterName;
use wucluster_core::observation::Observation;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;

use super::{Session, part};
use crate::deletions::deletions;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::deletions::{self as screen, sum};

/// Lists what would be deleted and gets a yes for exactly that.
///
/// Returns the ids that the yes covers: none, when there is nothing to delete and nobody was asked.
///
/// # Errors
/// [`Exit::Declined`] when the answer is no, or nobody can be asked.
pub(crate) fn confirm(
    session: &Session,
    cluster: &ClusterName,
    scope: &Scope,
    observation: &Observation,
    now: Timestamp,
) -> Result<BTreeSet<String>, Fault> {
    let list = deletions(Demand::Away, scope, observation);
    if list.is_empty() {
        return Ok(BTreeSet::new());
    }
    let output = &session.output;
    let is_said = session.globals.yes;
    if !(is_said && output.is_quiet) {
        let headline = format!("{} -> away deletes {}.", part::named(cluster, scope), sum(&list));
        let text = screen::deletions(&headline, &list, observation, now, &output.err);
        output.aside(&text);
    }
    if !is_said {
        ask(session, &format!("deleting {}", sum(&list)))?;
    }
    Ok(list.into_iter().map(|one| one.id).collect())
}

/// Asks a person whether to go on with `what`.
///
/// # Errors
/// [`Exit::Declined`] when the answer is no, or nobody can be asked.
pub(crate) fn ask(session: &Session, what: &str) -> Result<(), Fault> {
    if !is_somebody_there() {
        return Err(Fault::new(
            Exit::Declined,
            format!("{what} needs a yes, and there is no terminal to ask on; nothing was done"),
        )
        .hint("say it beforehand with `--yes`"));
    }
    match answer(session, "Go on? [y/N] ")? {
        true => Ok(()),
        false => Err(Fault::new(Exit::Declined, "declined; nothing was done")),
    }
}

/// Says whether somebody can be asked.
pub(crate) fn is_somebody_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Puts a question to a person, and says whether the answer is a yes.
///
/// # Errors
/// [`Exit::Declined`] when there is no answer.
pub(crate) fn answer(session: &Session, question: &str) -> Result<bool, Fault> {
    session.output.aside(question);
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(0) => Err(Fault::new(Exit::Declined, "no answer; nothing was done")),
        Ok(1..) => Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")),
        Err(_) => Err(Fault::new(Exit::Declined, "declined; nothing was done")),
    }
}

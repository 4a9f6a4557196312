//! What has left the definition and still runs: it is put away only after a question that names it.

use std::collections::BTreeSet;

use wucluster_core::demand::Demand;
use wucluster_core::ids::Subject;
use wucluster_core::observation::Observation;
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;

use super::{Session, confirm};
use crate::deletions::{Deletion, deletions};
use crate::fault::Fault;
use crate::output::Output;
use crate::render::deletions::{self as screen, sum};
use crate::render::text::sentence;

/// Lists what of a scope has left the definition, and would be deleted if it were put away; nothing, where the demand puts
/// it away anyhow.
pub(crate) fn of(demand: Demand, scope: &Scope, observation: &Observation) -> Vec<Deletion> {
    if !demand.is_upward() {
        return Vec::new();
    }
    deletions(demand, &scope.clone().and_take_away_removed(), observation)
}

/// Says whether anybody can be asked. `--yes` is no answer: a count that was lowered by mistake would put nodes away that
/// nobody named.
pub(crate) fn can_ask(session: &Session) -> bool {
    confirm::is_somebody_there()
        && !session.output.is_quiet
        && !session.output.is_json
        && !session.globals.yes
}

/// Asks whether what has left the definition is to be put away, and returns the ids that the yes covers; `None`: no.
///
/// # Errors
/// [`crate::exit::Exit::Declined`] when nobody answers.
pub(crate) fn ask(
    session: &Session,
    list: &[Deletion],
    observation: &Observation,
    now: Timestamp,
) -> Result<Option<BTreeSet<String>>, Fault> {
    let output = &session.output;
    let headline = format!("Not in the definition any more: {}.", part_of(list).words().join(", "));
    output.aside(&screen::deletions(&headline, list, observation, now, &output.err));
    output.aside("Its data comes back when it is defined again.\n");
    let question = format!("Put it away, deleting {}? [y/N] ", sum(list));
    let is_yes = confirm::answer(session, &question)?;
    if !is_yes {
        output.aside("It stays as it is.\n");
    }
    Ok(is_yes.then(|| list.iter().map(|one| one.id.clone()).collect()))
}

/// Says that what has left the definition stays, and which command puts it away.
pub(crate) fn stays(list: &[Deletion], output: &Output) -> String {
    let named = part_of(list);
    let (names, command) = (named.words(), named.command(Demand::Away));
    let text = format!(
        "Not in the definition any more, and left as it is: {}.\nTo put it away:  {} {command}\n",
        names.join(", "),
        output.out.program,
    );
    sentence(&text, &output.out)
}

fn part_of(list: &[Deletion]) -> Scope {
    part(&list.iter().map(|one| &one.subject).collect::<Vec<_>>())
}

/// Returns the part of a cluster that these are: nodes, and mounts whose nodes are not among them.
pub(crate) fn part(subjects: &[&Subject]) -> Scope {
    let has_node = |subject: &Subject| match subject {
        Subject::Mount(key) => {
            let node = Subject::Node(key.node.clone());
            subjects.iter().any(|other| **other == node)
        }
        Subject::Node(_) | Subject::Cluster | Subject::Stranger(_) => false,
    };
    let shown = subjects.iter().filter(|one| !has_node(one));
    Scope::of(shown.filter_map(|one| one.to_string().parse().ok()).collect())
}

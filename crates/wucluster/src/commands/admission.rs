//! A cluster that its cloud cannot carry: held before anything is made.

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::{Hold, Interlock};

use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::Output;
use crate::render::hold::hold;

/// Tells why `who` cannot carry the cluster; nothing was made. There is a reason at least.
pub(crate) fn held(
    definition: &ClusterDefinition,
    who: &str,
    reasons: Vec<String>,
    output: &Output,
) -> Fault {
    let held = Hold {
        interlock: Interlock::NoCapacity,
        subject: Subject::Cluster,
        what: format!("{who} cannot carry {} now", definition.name),
        why: reasons,
        so: "nothing was made".to_owned(),
        fix: vec![
            "ask for less in the definition, or put another cluster away".to_owned(),
            format!("see what it would take:    {} plan launched", output.err.program),
        ],
        may_clear: true,
    };
    output.aside(&hold(&held, &output.err));
    Fault::told(Exit::Held)
}

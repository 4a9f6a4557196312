//! `iam-policy`: the least that AWS must allow for this cluster.

use wucluster_aws::{POLICY_LENGTH_MAX, PolicyScope, policy};
use wucluster_core::definition::Provider;

use super::Session;
use crate::args::{IamPolicyArgs, PolicyFor};
use crate::exit::Exit;
use crate::fault::Fault;

/// Prints the policy.
pub(crate) fn iam_policy(session: &Session, args: &IamPolicyArgs) -> Result<Exit, Fault> {
    let definition = session.definition()?;
    let output = &session.output;
    if definition.provider != Provider::Aws {
        let message = format!(
            "{} lives on `{}`, where no policy is needed",
            definition.name, definition.provider
        );
        return Err(Fault::usage(message).hint("policies are for `provider = \"aws\"`"));
    }
    let scope = PolicyScope {
        is_for_away: args.r#for == PolicyFor::Away,
        is_for_prune: args.r#for == PolicyFor::Prune,
        is_for_adopt: args.adopt,
    };
    let policy = policy(&definition, scope);
    output.json(&policy)?;
    let length = policy.to_string().chars().filter(|c| !c.is_whitespace()).count();
    if length > POLICY_LENGTH_MAX {
        output.warn(format!(
            "the policy has {length} characters, and a managed policy holds {POLICY_LENGTH_MAX}: split it by statements"
        ));
    }
    if definition.region.is_none() && definition.zone.is_none() {
        output.warn(
            "the definition names no region, so that the policy is for all of them".to_owned(),
        );
    }
    if definition.nodes.values().any(|node| node.machine.ec2.profile.is_some()) {
        output.warn(
            "GiveProfile supposes that the role has the name of its instance profile: mend it, if it has another"
                .to_owned(),
        );
    }
    Ok(Exit::Done)
}

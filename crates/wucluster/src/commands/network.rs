//! What commands do for the network that is a cluster's own. Only clusters on AWS have one.

#[cfg(feature = "aws")]
mod of_aws {
    use std::fs;

    use wucluster_core::definition::{AddressBlock, ClusterDefinition};
    use wucluster_core::demand::Demand;
    use wucluster_core::observation::Observation;
    use wucluster_core::ports::ErrorClass;
    use wucluster_core::scope::Scope;
    use wucluster_engine::{Engine, Pursuit};

    use crate::aws_network::what_keeps_ssh_out;
    use crate::commands::Session;
    use crate::fault::{Fault, exit_of};
    use crate::render::findings::Finding;
    use crate::site::Site;

    /// Has a network that is there let us in, and makes one where machines are to be run.
    ///
    /// # Errors
    /// Why it cannot be made, where waiting does not mend that; nothing that costs was asked for.
    pub(crate) async fn before(
        session: &Session,
        site: &Site,
        demand: Demand,
    ) -> Result<(), Fault> {
        let Some(aws) = &site.aws else { return Ok(()) };
        let is_final = |class| matches!(class, ErrorClass::Permanent | ErrorClass::Permission);
        let fault = |error: &wucluster_core::ports::CloudError| {
            Fault::new(
                exit_of(error.class),
                format!("the cluster's network cannot be made: {error}"),
            )
            .hint("no machine was asked for")
        };
        match aws.let_in().await {
            Ok(changed) => {
                let list = |blocks: &[AddressBlock]| {
                    blocks.iter().map(AddressBlock::to_string).collect::<Vec<_>>().join(", ")
                };
                let (opened, closed) = (list(&changed.opened), list(&changed.closed));
                let told = match (opened.is_empty(), closed.is_empty()) {
                    (true, true) => String::new(),
                    (false, true) => format!("ssh is let in from {opened} now\n"),
                    (true, false) => format!("ssh is no longer let in from {closed}\n"),
                    (false, false) => {
                        format!("ssh is let in from {opened} now, no longer from {closed}\n")
                    }
                };
                if !session.output.is_quiet && !session.output.is_json {
                    session.output.aside(&told);
                }
            }
            Err(error) if demand.is_upward() && is_final(error.class) => return Err(fault(&error)),
            Err(error) => {
                session.output.warn(format!("who is let in by ssh was left as it is: {error}"));
                return Ok(());
            }
        }
        if !demand.is_upward() {
            return Ok(());
        }
        match aws.make_network().await {
            Err(error) if is_final(error.class) => Err(fault(&error)),
            // What may clear is asked for again with the first machine.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns the engine for a drive: at the end of a put-away of the whole cluster its network goes, too.
    pub(crate) fn engine<'a>(site: &'a Site, pursuit: &Pursuit) -> Engine<'a> {
        let is_last = pursuit.demand == Demand::Away && pursuit.policy.scope.is_whole();
        match &site.aws {
            Some(aws) if is_last => site.engine().and_last(&**aws),
            _ => site.engine(),
        }
    }

    /// Says whether a cluster that is away has a network still. What cannot be told is not.
    pub(crate) async fn is_left(site: &Site, scope: &Scope) -> bool {
        match &site.aws {
            Some(_) if scope.is_whole() => left(site).await.is_some(),
            _ => false,
        }
    }

    /// Tells what became of the network.
    pub(crate) fn after(session: &Session, site: &Site, is_silent: bool) {
        match site.aws.as_ref().and_then(|aws| aws.network_end()) {
            None => {}
            Some(Ok(deleted)) if deleted.is_empty() || is_silent => {}
            Some(Ok(deleted)) => session.output.aside(&format!("deleted with it: {deleted}\n")),
            Some(Err(error)) => session.output.warn(format!(
                "its security group or key pair stays, which costs nothing: {error}; the next put-away tries again"
            )),
        }
    }

    /// Names what is left of the network of a cluster that is away. What cannot be told is not.
    pub(crate) async fn left(site: &Site) -> Option<String> {
        let seen = site.aws.as_ref()?.network_seen().await.ok()?;
        (!seen.is_empty()).then(|| format!("{seen} is left of it; the next put-away deletes it"))
    }

    /// Tells of a network that is there.
    pub(crate) async fn finding(site: &Site, observation: &Observation) -> Option<Finding> {
        let about = "network";
        let seen = match site.aws.as_ref()?.network_seen().await {
            Ok(seen) if seen.is_empty() => return None,
            Ok(seen) => seen,
            Err(error) => return Some(Finding::wrong(about, error.to_string())),
        };
        if observation.nodes.iter().any(|node| !node.instances.is_empty()) {
            return Some(Finding::ok(about, seen.to_string()));
        }
        Some(
            Finding::wrong(about, format!("{seen}: left of a cluster that has no machines"))
                .fix("`wucluster put-away` deletes it, or `wucluster launch` uses it"),
        )
    }

    /// Tells a newcomer what keeps ssh out; nobody whose ssh ever got in.
    pub(crate) fn notes(session: &Session, site: &Site, definition: &ClusterDefinition) {
        let keys = crate::site::host_keys_of(&site.store);
        let has_got_in = fs::read_dir(keys).is_ok_and(|mut keys| keys.next().is_some());
        if site.aws.is_none() || has_got_in || session.output.is_quiet {
            return;
        }
        for note in what_keeps_ssh_out(definition) {
            session.output.warn(note);
        }
    }
}

#[cfg(feature = "aws")]
pub(crate) use of_aws::{after, before, engine, finding, is_left, left, notes};

#[cfg(not(feature = "aws"))]
mod of_none {
    use wucluster_core::definition::ClusterDefinition;
    use wucluster_core::demand::Demand;
    use wucluster_core::observation::Observation;
    use wucluster_core::scope::Scope;
    use wucluster_engine::{Engine, Pursuit};

    use crate::commands::Session;
    use crate::fault::Fault;
    use crate::render::findings::Finding;
    use crate::site::Site;

    pub(crate) async fn before(_: &Session, _: &Site, _: Demand) -> Result<(), Fault> {
        Ok(())
    }

    pub(crate) fn engine<'a>(site: &'a Site, _: &Pursuit) -> Engine<'a> {
        site.engine()
    }

    pub(crate) async fn is_left(_: &Site, _: &Scope) -> bool {
        false
    }

    pub(crate) fn after(_: &Session, _: &Site, _: bool) {}

    pub(crate) async fn left(_: &Site) -> Option<String> {
        None
    }

    pub(crate) async fn finding(_: &Site, _: &Observation) -> Option<Finding> {
        None
    }

    pub(crate) fn notes(_: &Session, _: &Site, _: &ClusterDefinition) {}
}

#[cfg(not(feature = "aws"))]
pub(crate) use of_none::{after, before, engine, finding, is_left, left, notes};

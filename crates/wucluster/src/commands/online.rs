//! What AWS says about a definition, before anything is made: `check --online`, `doctor --permissions`.

use serde::Serialize;
use wucluster_aws::{AwsCloud, AwsOptions, Verdict};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ports::CloudError;

use crate::aws_network::OwnNetwork;
use crate::exit::Exit;
use crate::fault::{Fault, exit_of};
use crate::output::Output;
use crate::render::findings::{Finding, Standing, table, tally};
use crate::render::look::Look;
use crate::render::words::count;

/// What was found out, as `--json` shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Online {
    account: String,
    region: String,
    findings: Vec<Finding>,
}

impl Online {
    /// Asks AWS. Nothing is changed there.
    ///
    /// # Errors
    /// When AWS could not even be asked whose account it is.
    pub(crate) async fn ask(definition: &ClusterDefinition) -> Result<Self, Fault> {
        let cloud = AwsCloud::new(AwsOptions::of(definition));
        let (account, findings) =
            cloud.survey(definition).await.map_err(|error| unasked(&error))?;
        let mut findings: Vec<Finding> = findings.into_iter().map(ours).collect();
        findings.extend(of_network(&cloud, definition).await);
        Ok(Self { account: account.id, region: account.region, findings })
    }

    /// Returns how the command ends.
    pub(crate) fn exit(&self) -> Exit {
        let has = |standing| self.findings.iter().any(|finding| finding.verdict == standing);
        if has(Standing::Wrong) {
            Exit::Failed
        } else if has(Standing::Forbidden) {
            Exit::Denied
        } else {
            Exit::Done
        }
    }

    /// Shows it.
    pub(crate) fn show(&self, output: &Output) {
        output.result(&self.screen(&output.out));
    }

    fn screen(&self, look: &Look) -> String {
        let (bad, unknown) = tally(&self.findings);
        let mut last = match bad {
            0 => "Nothing stands in the way of a launch".to_owned(),
            _ => format!("{} would keep it from being launched", count(bad, "thing")),
        };
        if unknown > 0 {
            last.push_str(&format!("; {} could not be told", count(unknown, "thing")));
        }
        format!(
            "\nAWS was asked, as account {} in {}; nothing was changed there.\n\n{}\n{last}. Capacity shows itself only at a launch.\n",
            self.account,
            self.region,
            table(&self.findings, "WHAT AWS SAYS", look)
        )
    }
}

/// Finds out what stands in the way of the network that is the cluster's own.
async fn of_network(cloud: &AwsCloud, definition: &ClusterDefinition) -> Vec<Finding> {
    let Some(network) = OwnNetwork::of(definition) else { return Vec::new() };
    let mut findings = Vec::new();
    if network.plan().needs_group() {
        findings.push(match network.from().await {
            Ok(from) => {
                let from: Vec<String> = from.iter().map(ToString::to_string).collect();
                Finding::ok("ssh", format!("it would be let in from {}", from.join(", ")))
            }
            Err(error) => Finding::new(Standing::Unknown, "ssh", error.to_string()),
        });
    }
    let keys = match network.keys().await {
        Ok(keys) => keys,
        Err(_) if !network.plan().needs_key() => Vec::new(),
        Err(error) => {
            findings.push(Finding::wrong("public key", error.message));
            return findings;
        }
    };
    match cloud.survey_network(&keys).await {
        Ok(found) => findings.extend(found.into_iter().map(ours)),
        Err(error) => findings.push(Finding::new(Standing::Unknown, "network", error.to_string())),
    }
    findings
}

/// Asks AWS what is permitted, with dry runs.
///
/// # Errors
/// As [`Online::ask`].
pub(crate) async fn permissions(definition: &ClusterDefinition) -> Result<Vec<Finding>, Fault> {
    let cloud = AwsCloud::new(AwsOptions::of(definition));
    let findings = cloud.permissions(definition).await.map_err(|error| unasked(&error))?;
    Ok(findings.into_iter().map(ours).collect())
}

fn unasked(error: &CloudError) -> Fault {
    Fault::new(exit_of(error.class), format!("AWS cannot be asked: {error}"))
}

fn ours(finding: wucluster_aws::Finding) -> Finding {
    let wucluster_aws::Finding { about, verdict, what, fix } = finding;
    let verdict = match verdict {
        Verdict::Fine => Standing::Ok,
        Verdict::Unknown => Standing::Unknown,
        Verdict::Wrong => Standing::Wrong,
        Verdict::Forbidden => Standing::Forbidden,
    };
    Finding { about, verdict, what, fix, remedy: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn online(findings: Vec<Finding>) -> Online {
        Online { account: "123456789012".to_owned(), region: "eu-central-1".to_owned(), findings }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        let online = online(vec![
            Finding::ok("zone eu-central-1a", "it is in eu-central-1"),
            Finding::wrong("type m9.large", "it is not offered in eu-central-1a")
                .fix("it is offered in eu-central-1b"),
            Finding::new(Standing::Unknown, "ec2:DeleteVolume", "it cannot be told now"),
        ]);
        insta::assert_snapshot!(online.screen(&Look::plain(100)));
        assert_eq!(online.exit(), Exit::Failed);
    }

    #[test]
    fn what_is_not_permitted_has_an_exit_code_of_its_own() {
        let forbidden =
            || Finding::new(Standing::Forbidden, "ec2:RunInstances for n", "you may not");
        assert_eq!(online(vec![forbidden()]).exit(), Exit::Denied);
        let unknown = Finding::new(Standing::Unknown, "k", "?");
        assert_eq!(online(vec![unknown]).exit(), Exit::Done);
        assert_eq!(online(vec![forbidden(), Finding::wrong("k", "no")]).exit(), Exit::Failed);
    }
}

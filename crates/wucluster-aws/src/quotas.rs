//! Whether the account's quotas take what a definition needs, beside what the account uses already. Nothing is changed.

mod codes;
mod needs;

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use aws_sdk_servicequotas::types::ServiceQuota;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ports::{CloudError, ErrorClass};

use crate::calls::Call;
use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::errors;
use crate::listing;
use crate::survey::{Facts, Finding};
use codes::Quota;
use needs::{Need, Needs};

/// What Service Quotas says where the account's own value was never set.
const NOT_APPLIED: &str = "NoSuchResourceException";
/// The states of instances whose system's disk is there.
const THERE: [&str; 5] = ["pending", "running", "stopping", "stopped", "shutting-down"];

impl AwsCloud {
    /// Compares what a definition needs with the account's quotas, less what the account uses for something else. Only the
    /// quotas are asked about that the definition draws on.
    pub(crate) async fn quotas(
        &self,
        clients: &Clients,
        definition: &ClusterDefinition,
        facts: &Facts,
        region: &str,
    ) -> Vec<Finding> {
        let mut needs = Needs::of(definition, facts);
        let mut findings = Vec::new();
        if let Err(error) = count(clients, definition, &mut needs).await {
            let what = format!("what the account uses already cannot be told: {error}");
            findings.push(Finding::unknown("quotas", what));
        }
        findings.extend(needs.unknown.iter().map(|(about, what)| Finding::unknown(about, *what)));
        // Who gets no answer about one is not asked about the others.
        let mut refused: Option<CloudError> = None;
        for (quota, need) in &needs.of {
            let limit = match &refused {
                Some(error) => Err(error.clone()),
                None => limit(clients, quota).await,
            };
            refused = limit.as_ref().err().cloned();
            findings.push(judge(quota, need, &limit, region));
        }
        findings
    }
}

/// Asks for a quota: the account's own, else AWS's default.
async fn limit(clients: &Clients, quota: &Quota) -> Result<f64, CloudError> {
    let (service, code) = (quota.service, quota.code);
    let own = clients.quotas.get_service_quota().service_code(service).quota_code(code);
    let own = own.send().await.map_err(|error| errors::translate("GetServiceQuota", &error));
    let garbled = |request| errors::garbled(request, "the answer names no value");
    match own {
        Ok(answer) => {
            let value = answer.quota().and_then(ServiceQuota::value);
            return value.ok_or_else(|| garbled("GetServiceQuota"));
        }
        Err(error) if error.code == NOT_APPLIED => {}
        Err(error) => return Err(error),
    }
    let request = "GetAWSDefaultServiceQuota";
    let usual = clients.quotas.get_aws_default_service_quota();
    let usual = usual.service_code(service).quota_code(code).send().await;
    let usual = usual.map_err(|error| errors::translate(request, &error))?;
    usual.quota().and_then(ServiceQuota::value).ok_or_else(|| garbled(request))
}

/// Counts what the account uses of what is needed, but for what is the cluster's own and needed already.
async fn count(
    clients: &Clients,
    definition: &ClusterDefinition,
    needs: &mut Needs,
) -> Result<(), CloudError> {
    let filter = |name: &str, values: Vec<String>| {
        vec![Filter::builder().name(name).set_values(Some(values)).build()]
    };
    if needs.of.is_empty() {
        return Ok(());
    }
    let states = THERE.map(str::to_owned).to_vec();
    let there = listing::instances(&clients.looks, filter("instance-state-name", states)).await?;
    needs.count_instances(definition, &there.all);
    let kinds = needs.kinds_of_volumes();
    if !kinds.is_empty() {
        let disks = listing::volumes(&clients.looks, filter("volume-type", kinds)).await?;
        needs.count_volumes(definition, &there.all, &disks.all);
    }
    Ok(())
}

/// Says whether a quota suffices.
fn judge(quota: &Quota, need: &Need, limit: &Result<f64, CloudError>, region: &str) -> Finding {
    let Quota { service, code, name, unit } = quota;
    let about = format!("quota {code}");
    let show = |amount: f64| format!("{} {unit}", plain(amount));
    let mut wanted = format!("{name}: {} needed", show(need.planned));
    if need.used > 0.0 {
        wanted.push_str(&format!(", {} used by others", show(need.used)));
    }
    if need.uncounted > 0 {
        wanted.push_str(&format!(" without {} whose vCPU are not told", need.uncounted));
    }
    let limit = match limit {
        Ok(limit) => *limit,
        Err(error) if error.class == ErrorClass::Permission => {
            let call = Call::GetServiceQuota.permission();
            let what =
                format!("{wanted}; whether it suffices is not known: {call} is not permitted");
            return Finding::unknown(about, what)
                .fix("have it allowed: `wucluster iam-policy`, statement Look");
        }
        Err(error) => {
            let what = format!("{wanted}; whether it suffices is not known: {error}");
            return Finding::unknown(about, what);
        }
    };
    let raise = |to: f64| {
        format!(
            "have it raised: aws service-quotas request-service-quota-increase --region {region} --service-code {service} \
             --quota-code {code} --desired-value {}, or \
             https://{region}.console.aws.amazon.com/servicequotas/home/services/{service}/quotas/{code}",
            to.ceil()
        )
    };
    let what = format!("{wanted}, of {}", show(limit));
    let (planned, most) = (need.planned + need.used, need.at_most + need.used);
    if planned > limit {
        Finding::wrong(about, what).fix(raise(planned))
    } else if most > limit {
        let what =
            format!("{what}; with the other types of the lists up to {}", show(need.at_most));
        Finding::unknown(about, what).fix(raise(most))
    } else {
        Finding::fine(about, what)
    }
}

/// Writes an amount with two decimals at most. What is not nothing is not shown as nothing.
fn plain(amount: f64) -> String {
    let rounded = (amount * 100.0).ceil() / 100.0;
    format!("{rounded:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Needs by their quotas.
type ByQuota = BTreeMap<Quota, Need>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::Verdict;

    fn judged(planned: f64, at_most: f64, used: f64, limit: f64) -> Finding {
        let quota = codes::of_type("m7i.large", false).unwrap();
        judge(&quota, &Need { planned, at_most, used, uncounted: 0 }, &Ok(limit), "eu-central-1")
    }

    #[test]
    fn what_is_used_already_counts() {
        assert_eq!(judged(40.0, 40.0, 24.0, 64.0).verdict, Verdict::Fine);
        let finding = judged(40.0, 40.0, 25.0, 64.0);
        assert_eq!(finding.verdict, Verdict::Wrong);
        assert_eq!(finding.about, "quota L-1216C47A");
        assert_eq!(
            finding.what,
            "running on-demand standard instances: 40 vCPU needed, 25 vCPU used by others, of 64 vCPU"
        );
        let fix = finding.fix.unwrap();
        assert!(
            fix.contains("--region eu-central-1 --service-code ec2 --quota-code L-1216C47A --desired-value 65,"),
            "{fix}"
        );
        // A new account has none at all.
        assert_eq!(judged(2.0, 2.0, 0.0, 0.0).verdict, Verdict::Wrong);
    }

    #[test]
    fn what_other_types_of_a_list_would_take_is_no_failure() {
        let finding = judged(40.0, 80.0, 0.0, 64.0);
        assert_eq!(finding.verdict, Verdict::Unknown);
        assert!(finding.what.ends_with("with the other types of the lists up to 80 vCPU"));
        assert_eq!(judged(40.0, 64.0, 0.0, 64.0).verdict, Verdict::Fine);
    }

    #[test]
    fn amounts_are_never_rounded_down() {
        assert_eq!(plain(40.0), "40");
        assert_eq!(plain(1.0 / 1024.0), "0.01");
        assert_eq!(plain(0.5), "0.5");
        assert_eq!(plain(0.0), "0");
        assert_eq!(plain(100.0), "100");
    }

    #[test]
    fn who_may_not_ask_is_told_so_and_fails_nothing() {
        let quota = codes::of_storage("gp3").unwrap();
        let need = Need { planned: 1.5, at_most: 1.5, used: 0.0, uncounted: 0 };
        let refused = CloudError {
            class: ErrorClass::Permission,
            code: "AccessDeniedException".to_owned(),
            message: "no".to_owned(),
        };
        let finding = judge(&quota, &need, &Err(refused), "eu-central-1");
        assert_eq!(finding.verdict, Verdict::Unknown);
        assert!(finding.what.contains("1.5 TiB needed"), "{finding:?}");
        assert!(finding.what.contains("servicequotas:GetServiceQuota is not permitted"));
    }
}

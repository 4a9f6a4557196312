//! The clients: credentials, region, time limits, and who may try again by itself.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::retry::RetryPartition;
use wucluster_core::ports::{CloudError, ErrorClass};

use crate::account::Account;
use crate::calls::Gate;
use crate::cloud::AwsOptions;
use crate::errors;
use crate::late::InTime;

/// How long one try of a request may take; then its answer counts as lost.
///
/// EC2 answers within some seconds, `RunInstances` within ten or so; the SDK has no limit of its own.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);
/// How long a look's request may take with all its tries: three, with pauses of at most 20 s.
const LOOK_LIMIT: Duration = Duration::from_secs(120);
/// How often a look's request is tried.
const LOOK_TRIES: u32 = 3;

/// The ways to AWS, opened.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// For looks: tries again by itself, since nothing can come of it twice.
    pub(crate) looks: Client,
    /// For all that changes anything: never tries again by itself, since `CreateSnapshot`, `AttachVolume` and the like
    /// have no token, and what was asked once must take effect once at most.
    pub(crate) changes: Client,
    /// For images that are named by a parameter.
    pub(crate) ssm: aws_sdk_ssm::Client,
    /// For what the account may have at most.
    pub(crate) quotas: aws_sdk_servicequotas::Client,
    /// For the account's number, and for refusals put into words.
    pub(crate) sts: aws_sdk_sts::Client,
    /// The region.
    pub(crate) region: String,
    /// What all of them go through.
    pub(crate) gate: Gate,
}

impl Clients {
    /// Reads the user's own settings, as every tool of AWS does, and opens the clients. Asks nothing of EC2.
    ///
    /// # Errors
    /// When there is no region.
    pub(crate) async fn open(options: &AwsOptions) -> Result<Self, CloudError> {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_LIMIT).build(),
        );
        if let Ok(name) = AppName::new("wucluster") {
            loader = loader.app_name(name);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(keys) = &options.keys {
            let (id, secret) = (keys.id.as_str(), keys.secret.as_str());
            loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "given"));
        }
        let shared = loader.load().await;
        let Some(region) = shared.region().map(ToString::to_string) else {
            return Err(CloudError {
                class: ErrorClass::Permanent,
                code: "MissingRegion".to_owned(),
                message: "no region is set: write `region` in `[cluster]`, set AWS_REGION, or name one in your profile"
                    .to_owned(),
            });
        };
        let limits = |whole| {
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_LIMIT)
                .operation_timeout(whole)
                .build()
        };
        let gate = Gate::default();
        let look_retries = RetryConfig::standard().with_max_attempts(LOOK_TRIES);
        let look_retries = match options.look_pause {
            Some(pause) => look_retries.with_initial_backoff(pause),
            None => look_retries,
        };
        let looks = aws_sdk_ec2::config::Builder::from(&shared)
            .retry_config(look_retries)
            .retry_partition(RetryPartition::new("wucluster-looks"))
            .timeout_config(limits(LOOK_LIMIT))
            .interceptor(gate.clone())
            .build();
        let changes = aws_sdk_ec2::config::Builder::from(&shared)
            .retry_config(RetryConfig::disabled())
            .timeout_config(limits(ATTEMPT_LIMIT))
            .interceptor(gate.clone())
            .interceptor(InTime)
            .build();
        let ssm = aws_sdk_ssm::config::Builder::from(&shared)
            .retry_config(RetryConfig::standard().with_max_attempts(LOOK_TRIES))
            .timeout_config(limits(LOOK_LIMIT))
            .interceptor(gate.clone())
            .build();
        let quotas = aws_sdk_servicequotas::config::Builder::from(&shared)
            .retry_config(RetryConfig::standard().with_max_attempts(LOOK_TRIES))
            .timeout_config(limits(LOOK_LIMIT))
            .interceptor(gate.clone())
            .build();
        let sts = aws_sdk_sts::config::Builder::from(&shared)
            .retry_config(RetryConfig::standard().with_max_attempts(LOOK_TRIES))
            .timeout_config(limits(LOOK_LIMIT))
            .interceptor(gate.clone())
            .build();
        Ok(Self {
            looks: Client::from_conf(looks),
            changes: Client::from_conf(changes),
            ssm: aws_sdk_ssm::Client::from_conf(ssm),
            quotas: aws_sdk_servicequotas::Client::from_conf(quotas),
            sts: aws_sdk_sts::Client::from_conf(sts),
            region,
            gate,
        })
    }

    /// Asks whose account the credentials are.
    ///
    /// # Errors
    /// As [`errors::translate`]; without credentials `CredentialsNotLoaded`.
    pub(crate) async fn account(&self) -> Result<Account, CloudError> {
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| errors::translate("GetCallerIdentity", &error))?;
        match answer.account {
            Some(id) => Ok(Account { id, region: self.region.clone() }),
            None => Err(errors::garbled("GetCallerIdentity", "the answer names no account")),
        }
    }
}

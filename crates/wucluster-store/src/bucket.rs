//! A store in a bucket of S3, for teams and for machines that come and go.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{
    AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider, S3ConditionalPut,
};
use object_store::{BackoffConfig, ClientConfigKey, CredentialProvider, Error, RetryConfig};
use wucluster_engine::store::lease::SELF_FENCE;

use crate::error::OpenError;
use crate::names::fault_of_place;
use crate::place::Place;

/// After how long a call has failed, with all its tries; a single request after half of it.
///
/// Source: the time without a beat after which the holder of a lease asks for nothing more anyhow.
pub const LIMIT: Duration = SELF_FENCE;

/// How a bucket is reached.
#[derive(Clone)]
pub struct Options {
    /// Variables such as `AWS_REGION`, with what they hold.
    pub variables: Vec<(String, String)>,
    /// After how long a call has failed, with all its tries.
    pub limit: Duration,
}

impl Options {
    /// Takes the variables `AWS_…` of the environment, and [`LIMIT`].
    ///
    /// They are those of the tools of AWS: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`,
    /// `AWS_ENDPOINT_URL`, and those that name a web identity or a container's credentials. Where none gives credentials,
    /// those of the EC2 instance that this runs on are asked for. Files such as `~/.aws/credentials` are not read:
    /// `eval "$(aws configure export-credentials --format env)"` brings what is in them.
    #[must_use]
    pub fn from_environment() -> Self {
        let variables = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("AWS_"))
            .collect();
        Self { variables, limit: LIMIT }
    }
}

/// Tells the names of the variables alone: some hold secrets.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Options").field("variables", &names).field("limit", &self.limit).finish()
    }
}

/// A store in a bucket: once opened, it is a [`Place`].
#[derive(Debug)]
pub enum Bucket {}

impl Bucket {
    /// Opens a bucket: `s3://BUCKET`, or `s3://BUCKET/PREFIX` with any number of slashes in the prefix.
    ///
    /// Nothing is asked of it yet. What is made is made with `If-None-Match: *`, so that one alone makes it. Without TLS
    /// only where the endpoint is an `http://…`.
    ///
    /// # Errors
    /// [`OpenError::Malformed`] when the URL is none, [`OpenError::Environment`] when the options make no sense.
    pub fn open(url: &str, options: &Options) -> Result<Place, OpenError> {
        let malformed =
            |why: &str| OpenError::Malformed { url: url.to_owned(), why: why.to_owned() };
        let Some(rest) = url.strip_prefix("s3://") else {
            return Err(malformed("it does not begin with `s3://`"));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if let Some(why) = fault_of_place(bucket) {
            return Err(malformed(&format!("its bucket `{bucket}` cannot be: {why}")));
        }
        if let Some(why) = fault_of_place(prefix).filter(|_| !prefix.is_empty()) {
            return Err(malformed(&format!("its prefix `{prefix}` cannot be: {why}")));
        }

        let environment =
            |error: Error| OpenError::Environment { url: url.to_owned(), why: error.to_string() };
        let builder = builder(bucket, options);
        // Who gives credentials is decided when a client is built; the one that is used tells what their lack means.
        let given =
            builder.clone().with_retry(retry(ONE_MORE, options)).build().map_err(environment)?;
        let credentials = Told {
            credentials: Arc::clone(given.credentials()),
            is_instance: !GIVERS.iter().any(|key| builder.get_config_value(key).is_some()),
        };
        let store = builder
            .with_credentials(Arc::new(credentials))
            .with_retry(retry(usize::MAX, options))
            .build()
            .map_err(environment)?;
        Ok(Place::new(Arc::new(store), prefix, format!("s3://{bucket}"), Some(options.limit)))
    }
}

/// How often those who give credentials are asked again: they are near, and answer or do not.
const ONE_MORE: usize = 1;

/// What names somebody who gives credentials.
const GIVERS: [AmazonS3ConfigKey; 4] = [
    AmazonS3ConfigKey::AccessKeyId,
    AmazonS3ConfigKey::WebIdentityTokenFile,
    AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
    AmazonS3ConfigKey::ContainerCredentialsFullUri,
];

fn builder(bucket: &str, options: &Options) -> AmazonS3Builder {
    // A request that hangs leaves time for a second one.
    let request = format!("{} ms", (options.limit / 2).as_millis());
    let connect = format!("{} ms", (options.limit / 6).as_millis());
    let mut builder = AmazonS3Builder::new()
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), request)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ConnectTimeout), connect);
    for (name, value) in &options.variables {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let is_plain = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .iter()
        .find_map(|key| builder.get_config_value(key))
        .is_some_and(|endpoint| endpoint.starts_with("http://"));
    builder
        .with_bucket_name(bucket)
        .with_allow_http(is_plain)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
}

/// Tries again until two thirds of the limit have passed, so that the last try's own words are heard.
fn retry(max_retries: usize, options: &Options) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries,
        retry_timeout: options.limit * 2 / 3,
    }
}

/// Credentials, and what it means when there are none.
#[derive(Debug)]
struct Told {
    credentials: AwsCredentialProvider,
    /// Whether nobody else gives any.
    is_instance: bool,
}

/// No credentials were found.
#[derive(Debug, thiserror::Error)]
#[error(
    "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run this on an instance with a role"
)]
struct NoCredentials;

#[async_trait]
impl CredentialProvider for Told {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>, Error> {
        let got = self.credentials.get_credential().await;
        if got.is_err() && self.is_instance {
            return Err(Error::Unauthenticated {
                path: "credentials".to_owned(),
                source: Box::new(NoCredentials),
            });
        }
        got
    }
}

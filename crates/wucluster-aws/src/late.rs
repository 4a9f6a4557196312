//! Requests that would leave too late: what was cleared before the machine slept is not sent after it.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;

/// Within which time what was asked of the cloud is sent, or not at all.
///
/// Source: the engine asks for no more than the budgets let pass at once; what waits for longer waited for a machine that
/// slept, or was stopped.
pub(crate) const SENT_WITHIN: Duration = Duration::from_secs(60);
/// For how long AWS takes a request after it was signed.
///
/// Source: EC2 API reference, "Error codes", `RequestExpired`: more than 15 minutes after the date stamp on the request.
pub(crate) const SIGNED_FOR: Duration = Duration::from_secs(15 * 60);

tokio::task_local! {
    /// Since when what is made here has been asked for, by the time of day: other clocks stand still while a machine sleeps.
    static ASKED_AT: SystemTime;
}

/// Makes requests that count as asked for at that time.
pub(crate) async fn since<F: Future>(asked_at: SystemTime, requests: F) -> F::Output {
    ASKED_AT.scope(asked_at, requests).await
}

/// A request was not sent, since it was asked for too long ago.
#[derive(Debug)]
pub(crate) struct TooLate {
    /// For how long it had waited. `None`: somebody set the clock back meanwhile.
    waited: Option<Duration>,
}

impl TooLate {
    /// Finds it in what the SDK makes of it.
    pub(crate) fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(late) = error.downcast_ref() {
                return Some(late);
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.waited {
            Some(waited) => write!(
                f,
                "it waited for {} s, as this machine slept or was stopped",
                waited.as_secs()
            )?,
            None => f.write_str("this machine's clock was set back while it waited")?,
        }
        f.write_str("; nothing was sent, the next look tells whether it is still wanted")
    }
}

impl Error for TooLate {}

/// Lets pass what was asked for a moment ago. Looks are nobody's requests, and pass at any time.
///
/// It stands behind the signature: what passes cannot take effect later than the signature holds.
#[derive(Debug)]
pub(crate) struct InTime;

impl Intercept for InTime {
    fn name(&self) -> &'static str {
        "requests in time"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(asked_at) = ASKED_AT.try_with(|at| *at) else { return Ok(()) };
        let waited = asked_at.elapsed().ok();
        if waited.is_some_and(|waited| waited <= SENT_WITHIN) {
            return Ok(());
        }
        Err(TooLate { waited }.into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use wucluster_core::ports::ErrorClass;

    use super::*;
    use crate::cloud::{AwsKeys, AwsOptions};
    use crate::connect::Clients;
    use crate::errors;

    /// Asks for a detachment at a server that never answers; tells what came of it, and whether anybody called there.
    async fn detached(waited: Duration) -> (wucluster_core::ports::CloudError, bool) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let options = AwsOptions {
            region: Some("eu-central-1".to_owned()),
            keys: Some(AwsKeys { id: "id".to_owned(), secret: "secret".to_owned() }),
            endpoint_url: Some(format!("http://{}", server.local_addr().unwrap())),
            ..AwsOptions::default()
        };
        let clients = Clients::open(&options).await.unwrap();
        let call = clients.changes.detach_volume().volume_id("vol-1").send();
        let called = async {
            loop {
                match server.accept() {
                    // It is closed at once, which is an answer too.
                    Ok(_) => return true,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let asked_at = SystemTime::now().checked_sub(waited).unwrap();
        let call = since(asked_at, call);
        tokio::pin!(call, called);
        let mut is_called = false;
        let answer = loop {
            tokio::select! {
                answer = &mut call => break answer,
                is_it = &mut called, if !is_called => is_called = is_it,
            }
        };
        (errors::translate("DetachVolume", &answer.unwrap_err()), is_called)
    }

    #[tokio::test]
    async fn what_waited_too_long_does_not_leave() {
        let (error, is_called) = detached(SENT_WITHIN + Duration::from_secs(1)).await;
        assert!(!is_called);
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Retry, errors::TOO_LATE));
        assert!(error.message.contains("nothing was sent"), "{error}");
    }

    #[tokio::test]
    async fn what_was_asked_for_a_moment_ago_leaves() {
        let (error, is_called) = detached(SENT_WITHIN / 2).await;
        assert!(is_called);
        assert_eq!(error.class, ErrorClass::Ambiguous, "{error}");
    }

    #[test]
    fn a_clock_that_was_set_back_lets_nothing_pass() {
        let late = TooLate { waited: None };
        assert!(late.to_string().contains("set back"));
    }
}

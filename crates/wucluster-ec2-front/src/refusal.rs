//! What is not answered well: refusals in EC2's words, and answers that are lost.

use wucluster_core::ports::CloudError;

use crate::xml::Xml;

/// The code of a request that was heard, and whose answer is lost.
const NO_ANSWER: &str = "NoAnswer";

/// Why a request has no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is refused.
    Refused(Refusal),
    /// It is not answered at all: the connection ends.
    Lost,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Whether the request itself was not understood, whatever the cloud is like.
    pub(crate) is_misunderstood: bool,
}

impl Refusal {
    /// Writes it as EC2 does.
    pub(crate) fn body(&self, request: &str) -> String {
        let mut xml = Xml::default();
        xml.node("Response", |xml| {
            xml.node("Errors", |xml| {
                xml.node("Error", |xml| {
                    xml.leaf("Code", &self.code);
                    xml.leaf("Message", &self.message);
                });
            });
            xml.leaf("RequestID", request);
        });
        xml.text()
    }
}

/// Refuses a request for what the cloud is like.
pub(crate) fn refuse(code: &str, message: impl Into<String>) -> Failure {
    let message = message.into();
    let (status, code) = (status_of(code), code.to_owned());
    Failure::Refused(Refusal { status, code, message, is_misunderstood: false })
}

/// Refuses a request that this server does not understand.
pub(crate) fn misunderstood(code: &str, message: impl Into<String>) -> Failure {
    let message = message.into();
    Failure::Refused(Refusal {
        status: 400,
        code: code.to_owned(),
        message,
        is_misunderstood: true,
    })
}

/// The status of a code. Source: EC2 API reference, "Error codes"; recorded answers.
fn status_of(code: &str) -> u16 {
    match code {
        "DryRunOperation" => 412,
        "UnauthorizedOperation" => 403,
        "AuthFailure" => 401,
        "InternalError" | "InternalFailure" | "ServerInternal" => 500,
        "InsufficientInstanceCapacity" | "InsufficientVolumeCapacity" => 500,
        "RequestLimitExceeded" | "Unavailable" | "ServiceUnavailable" => 503,
        _ => 400,
    }
}

impl From<CloudError> for Failure {
    /// The code tells the provider what to do next; the class is for it to find.
    fn from(error: CloudError) -> Self {
        if error.code == NO_ANSWER { Self::Lost } else { refuse(&error.code, error.message) }
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::ports::ErrorClass;

    use super::*;

    fn of(code: &str) -> Failure {
        let class = ErrorClass::Retry;
        CloudError { class, code: code.to_owned(), message: "a < b".to_owned() }.into()
    }

    #[test]
    fn what_has_no_answer_is_lost_and_all_else_is_refused_with_its_status() {
        assert_eq!(of("NoAnswer"), Failure::Lost);
        for (code, status) in [("RequestLimitExceeded", 503), ("IncorrectState", 400)] {
            let Failure::Refused(refusal) = of(code) else { panic!("{code} is lost") };
            assert_eq!((refusal.status, refusal.is_misunderstood), (status, false), "{code}");
            let body = refusal.body("r-1");
            assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
            assert!(body.contains("<Message>a &lt; b</Message>"), "{body}");
        }
    }
}

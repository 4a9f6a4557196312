//! Refusals for lack of rights, put into words where that is allowed.

use serde_json::Value;
use wucluster_core::ports::CloudError;

use crate::cloud::AwsCloud;

/// What EC2 writes before the part that only STS can read.
const MARK: &str = "Encoded authorization failure message:";

impl AwsCloud {
    /// Tells what was not permitted. Who may not have it decoded is told how somebody else can.
    pub(crate) async fn explain(&self, error: CloudError) -> CloudError {
        let Some((encoded, before, after)) = parts(&error.message) else { return error };
        let Ok(clients) = self.clients().await else { return error };
        let answer =
            clients.sts.decode_authorization_message().encoded_message(encoded).send().await;
        let decoded = answer.ok().and_then(|answer| answer.decoded_message);
        let message = match decoded.as_deref().and_then(in_words) {
            Some(words) => format!("{before} {words}{after}"),
            None => format!(
                "{before} To read why: aws sts decode-authorization-message --encoded-message {encoded}{after}"
            ),
        };
        CloudError { message, ..error }
    }
}

/// Splits a message into what is encoded, what stands before it, and what stands after it.
fn parts(message: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = message.split_once(MARK)?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(rest.len());
    let (encoded, after) = rest.split_at(end);
    (!encoded.is_empty()).then(|| (encoded, before.trim_end(), after))
}

/// Says what was asked by whom on what, and whether something forbids it. `None`: it cannot be read.
fn in_words(decoded: &str) -> Option<String> {
    let decoded: Value = serde_json::from_str(decoded).ok()?;
    let context = decoded.get("context")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let action = text(context.get("action"))?;
    let resource = text(context.get("resource")).unwrap_or_else(|| "*".to_owned());
    let who = text(context.get("principal").and_then(|who| who.get("arn")))
        .map_or_else(String::new, |who| format!("{who} "));
    let is_forbidden = decoded.get("explicitDeny").and_then(Value::as_bool) == Some(true);
    let why = if is_forbidden {
        "a policy forbids it: of the user, a boundary of permissions, or the organization"
    } else {
        "no policy allows it"
    };
    Some(format!("{who}lacks {action} on {resource}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_found_and_put_into_words() {
        let message = format!("You may not. {MARK} abc_-123; a permission is missing (request r)");
        let found = Some(("abc_-123", "You may not.", "; a permission is missing (request r)"));
        assert_eq!(parts(&message), found);
        assert_eq!(parts("You may not."), None);
        let decoded = r#"{"allowed":false,"explicitDeny":true,"context":{"principal":{"arn":"arn:u"},
            "action":"ec2:RunInstances","resource":"arn:i"}}"#;
        let words = in_words(decoded).unwrap();
        assert!(
            words.starts_with("arn:u lacks ec2:RunInstances on arn:i: a policy forbids it"),
            "{words}"
        );
        assert_eq!(in_words("{}"), None);
    }
}

//! Errors: one table from EC2's codes to what to do next, and what to tell a person.
//!
//! Source of codes: EC2 API reference, "Error codes"; recorded answers. A code that is not here is tried again,
//! with pauses, and told with its request id.

use std::error::Error;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use wucluster_core::ports::{CloudError, ErrorClass};

use crate::late::TooLate;

/// What every throttled request is called, so that whoever paces requests knows it.
pub(crate) const THROTTLED: &str = "RequestLimitExceeded";
/// The code of a request that was sent and not answered.
pub(crate) const NO_ANSWER: &str = "NoAnswer";
/// The code of a request that was asked for too long ago to be sent.
pub(crate) const TOO_LATE: &str = "SentTooLate";
/// The code of a request that could not be signed.
const NO_CREDENTIALS: &str = "CredentialsNotLoaded";

/// A line of the table; the first that fits counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The requests that it is about; empty: every one.
    pub(crate) requests: &'static [&'static str],
    /// The code; a `*` in front or at the end stands for anything.
    pub(crate) code: &'static str,
    /// What the message must hold, if the code alone does not tell.
    pub(crate) text: &'static str,
    /// What to do next.
    pub(crate) class: ErrorClass,
    /// What to tell a person beside EC2's own words.
    pub(crate) remedy: &'static str,
}

const fn row(
    requests: &'static [&'static str],
    code: &'static str,
    class: ErrorClass,
    remedy: &'static str,
) -> Row {
    Row { requests, code, text: "", class, remedy }
}

const fn with_text(text: &'static str, row: Row) -> Row {
    Row { text, ..row }
}

const ANY: &[&str] = &[];
const SLOWER: &str =
    "AWS limits the rate of requests of this account in this region; it goes on, more slowly";
const KEY: &str = "wrong key, wrong account, or the region is not enabled for it";
const CLOCK: &str = "this computer's clock is off: synchronize it";
const ACTIVATE: &str =
    "the account or region is not activated: finish its verification, or ask AWS's support";
const QUOTA: &str = "a quota of the account is reached: `wucluster check --online` tells which, and how to have it raised; else ask \
                     for less, or wait until what was just ended no longer counts";
const STORAGE: &str = "a quota for disks is reached in this region: `wucluster check --online` tells which, and how to have it \
                       raised; else delete what is not needed";
const GONE: &str = "it may only be hidden; the next look tells";
const ELSEWHERE: &str = "choose another type or zone in the definition, or repeat later";
const MEND: &str = "mend it in the definition";
const HELD: &str = "see what holds it; nothing is taken from anybody";
const AGAIN: &str = "it is looked for again";
const KINDS: &str =
    "EC2 takes public keys of ed25519 and RSA: make one with `ssh-keygen -t ed25519`";
const STATE: &str = "its state is not right yet; it is tried again";

/// The table.
pub(crate) const TABLE: &[Row] = &[
    // Too fast: never a matter of capacity.
    row(ANY, "RequestLimitExceeded", ErrorClass::Retry, SLOWER),
    row(ANY, "Throttling*", ErrorClass::Retry, SLOWER),
    row(ANY, "EC2ThrottledException", ErrorClass::Retry, SLOWER),
    row(ANY, "BandwidthLimitExceeded", ErrorClass::Retry, SLOWER),
    row(ANY, "SlowDown", ErrorClass::Retry, SLOWER),
    row(ANY, "ConcurrentTagAccess", ErrorClass::Retry, ""),
    row(ANY, "RetryableError", ErrorClass::Retry, ""),
    row(ANY, "InvalidNextToken", ErrorClass::Retry, "the listing is begun anew"),
    row(ANY, "InvalidPaginationToken", ErrorClass::Retry, "the listing is begun anew"),
    // Who asks.
    row(ANY, "UnauthorizedOperation", ErrorClass::Permission, "a permission is missing"),
    row(ANY, "AccessDenied*", ErrorClass::Permission, "a permission is missing"),
    row(
        ANY,
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        ErrorClass::Permission,
        "allow iam:CreateServiceLinkedRole for spot.amazonaws.com once",
    ),
    row(ANY, "AuthFailure", ErrorClass::Permission, KEY),
    row(ANY, "SignatureDoesNotMatch", ErrorClass::Permission, KEY),
    row(ANY, "InvalidClientTokenId", ErrorClass::Permission, KEY),
    row(ANY, "InvalidAccessKeyId", ErrorClass::Permission, KEY),
    row(ANY, "UnrecognizedClientException", ErrorClass::Permission, KEY),
    row(ANY, "MissingAuthenticationToken", ErrorClass::Permission, KEY),
    row(ANY, "ExpiredToken*", ErrorClass::Permission, "sign in again and repeat; nothing is lost"),
    row(ANY, "RequestExpired", ErrorClass::Permanent, CLOCK),
    row(ANY, "InvalidSecurity.RequestHasExpired", ErrorClass::Permanent, CLOCK),
    row(ANY, "OptInRequired", ErrorClass::Permanent, ACTIVATE),
    row(ANY, "PendingVerification", ErrorClass::Permanent, ACTIVATE),
    row(ANY, "Blocked", ErrorClass::Permanent, ACTIVATE),
    // AWS's own trouble: what was to be changed may be changed.
    row(
        ANY,
        "Unavailable",
        ErrorClass::Ambiguous,
        "AWS's own fault; the next look tells what took effect",
    ),
    row(
        ANY,
        "ServiceUnavailable",
        ErrorClass::Ambiguous,
        "AWS's own fault; the next look tells what took effect",
    ),
    row(
        ANY,
        "InternalError",
        ErrorClass::Ambiguous,
        "AWS's own fault; the next look tells what took effect",
    ),
    row(
        ANY,
        "InternalFailure",
        ErrorClass::Ambiguous,
        "AWS's own fault; the next look tells what took effect",
    ),
    row(
        ANY,
        "ServerInternal",
        ErrorClass::Ambiguous,
        "AWS's own fault; the next look tells what took effect",
    ),
    // Tokens.
    row(ANY, "IdempotentInstanceTerminated", ErrorClass::Retry, "another one is launched"),
    row(
        ANY,
        "IdempotentParameterMismatch",
        ErrorClass::Ambiguous,
        "the token is used up; another one is taken",
    ),
    // Growing.
    row(
        &["ModifyVolume"],
        "IncorrectModificationState",
        ErrorClass::Retry,
        "the disk's last change is still under way; it is tried again",
    ),
    row(
        &["ModifyVolume"],
        "VolumeModificationRateExceeded",
        ErrorClass::Permanent,
        "EC2 takes 4 changes of a disk in 24 hours, and each only once the last one is complete: it works as it is; repeat when EC2's words above allow it",
    ),
    row(&["ModifyVolume"], "VolumeModificationSizeLimitExceeded", ErrorClass::Permanent, STORAGE),
    row(&["ModifyVolume"], "MaxIOPSLimitExceeded", ErrorClass::Permanent, STORAGE),
    // Capacity: elsewhere, or later.
    row(
        &["RunInstances", "StartInstances"],
        "InsufficientInstanceCapacity",
        ErrorClass::Capacity,
        ELSEWHERE,
    ),
    row(
        &["RunInstances", "StartInstances"],
        "InsufficientHostCapacity",
        ErrorClass::Capacity,
        ELSEWHERE,
    ),
    row(
        &["RunInstances", "StartInstances"],
        "InsufficientReservedInstanceCapacity",
        ErrorClass::Capacity,
        ELSEWHERE,
    ),
    row(&["RunInstances"], "UnfulfillableCapacity", ErrorClass::Capacity, ELSEWHERE),
    row(&["RunInstances"], "ReservationCapacityExceeded", ErrorClass::Capacity, ELSEWHERE),
    row(&["RunInstances"], "SpotMaxPriceTooLow", ErrorClass::Capacity, ELSEWHERE),
    row(
        &["RunInstances"],
        "InsufficientFreeAddressesInSubnet",
        ErrorClass::Capacity,
        "the subnet has no free address",
    ),
    row(
        &["RunInstances"],
        "InsufficientAddressCapacity",
        ErrorClass::Capacity,
        "AWS has no free address there",
    ),
    row(&["RunInstances"], "ResourceCountExceeded", ErrorClass::Capacity, ELSEWHERE),
    row(
        &["RunInstances"],
        "Unsupported",
        ErrorClass::Permanent,
        "the type is not offered in the zone; choose another one",
    ),
    row(&["CreateVolume"], "InsufficientVolumeCapacity", ErrorClass::Capacity, ELSEWHERE),
    row(&["CreateVolume"], "VolumeTypeNotAvailableInZone", ErrorClass::Permanent, ELSEWHERE),
    // Quotas: nothing that waiting mends.
    row(&["RunInstances", "StartInstances"], "InstanceLimitExceeded", ErrorClass::Permanent, QUOTA),
    row(&["RunInstances", "StartInstances"], "VcpuLimitExceeded", ErrorClass::Permanent, QUOTA),
    row(&["RunInstances"], "MaxSpotInstanceCountExceeded", ErrorClass::Permanent, QUOTA),
    // A volume that is there already may be answered with a quota too.
    row(&["CreateVolume"], "VolumeLimitExceeded", ErrorClass::Ambiguous, STORAGE),
    row(&["CreateVolume"], "MaxIOPSLimitExceeded", ErrorClass::Ambiguous, STORAGE),
    row(&["CreateVolume"], "VolumeIOPSLimit", ErrorClass::Ambiguous, STORAGE),
    row(&["CreateVolume"], "ResourceLimitExceeded", ErrorClass::Ambiguous, STORAGE),
    row(
        &["CreateSnapshot"],
        "SnapshotLimitExceeded",
        ErrorClass::Permanent,
        "too many snapshots in this region: delete old ones, or raise the quota",
    ),
    row(
        &["CreateSnapshot"],
        "SnapshotCreationPerVolumeRateExceeded",
        ErrorClass::Retry,
        "the volume's last snapshot was a moment ago",
    ),
    row(
        &["CreateSnapshot"],
        "ConcurrentSnapshotLimitExceeded",
        ErrorClass::Retry,
        "it waits for the volume's other snapshots",
    ),
    row(
        &["CreateSnapshot"],
        "PendingSnapshotLimitExceeded",
        ErrorClass::Retry,
        "it waits for other snapshots",
    ),
    row(
        &["AttachVolume"],
        "AttachmentLimitExceeded",
        ErrorClass::Permanent,
        "the type takes no more disks: choose a larger one, or fewer mounts",
    ),
    row(
        &["CreateSecurityGroup"],
        "SecurityGroupLimitExceeded",
        ErrorClass::Permanent,
        "delete groups that nobody needs, or raise the quota in Service Quotas",
    ),
    row(
        &["AuthorizeSecurityGroupIngress"],
        "RulesPerSecurityGroupLimitExceeded",
        ErrorClass::Permanent,
        "take rules out of the group, or blocks out of `ssh-from`",
    ),
    row(
        &["ImportKeyPair"],
        "KeyPairLimitExceeded",
        ErrorClass::Permanent,
        "delete key pairs that nobody needs",
    ),
    row(&["ImportKeyPair"], "InvalidKey.Format", ErrorClass::Permanent, KINDS),
    row(&["ImportKeyPair"], "InvalidKeyPair.Format", ErrorClass::Permanent, KINDS),
    row(ANY, "TagLimitExceeded", ErrorClass::Permanent, "a thing has at most 50 tags"),
    // States.
    row(
        &["CreateSnapshot", "AttachVolume", "DetachVolume", "CreateVolume", "DeleteVolume"],
        "IncorrectState",
        ErrorClass::Retry,
        STATE,
    ),
    row(
        &["StartInstances", "StopInstances", "TerminateInstances"],
        "IncorrectInstanceState",
        ErrorClass::Retry,
        STATE,
    ),
    row(
        &["StartInstances", "StopInstances", "TerminateInstances"],
        "IncorrectState",
        ErrorClass::Retry,
        STATE,
    ),
    row(ANY, "IncorrectState", ErrorClass::Retry, STATE),
    row(
        &["TerminateInstances", "StopInstances"],
        "OperationNotPermitted",
        ErrorClass::Permanent,
        "protection is on: switch it off yourself, if you mean it",
    ),
    // Source: EC2 API reference, `StopInstances`; user guide, "Stop and start": a spot instance of a one-time request and one
    // whose root is an instance store cannot be stopped.
    row(
        &["StopInstances"],
        "UnsupportedOperation",
        ErrorClass::Permanent,
        "this machine cannot be stopped (spot, or its root on an instance store): put it away instead",
    ),
    row(
        &["DeleteSecurityGroup"],
        "DependencyViolation",
        ErrorClass::Retry,
        "something uses it still: a machine that was just terminated for some minutes, or what somebody else gave it to",
    ),
    row(&["DeleteVolume"], "VolumeInUse", ErrorClass::Retry, "it is still attached"),
    row(&["AttachVolume"], "VolumeInUse", ErrorClass::Ambiguous, HELD),
    with_text(
        "already in use",
        row(
            &["AttachVolume"],
            "InvalidParameterValue",
            ErrorClass::Retry,
            "another device name is taken",
        ),
    ),
    row(
        &["AttachVolume"],
        "InvalidVolume.ZoneMismatch",
        ErrorClass::Permanent,
        "volume and node are in different zones: put the mount away, and launch it in the zone of the node",
    ),
    row(
        &["AttachVolume"],
        "InvalidVolumeID.ZoneMismatch",
        ErrorClass::Permanent,
        "volume and node are in different zones: put the mount away, and launch it in the zone of the node",
    ),
    row(
        &["AttachVolume"],
        "CustomerKeyHasBeenRevoked",
        ErrorClass::Permission,
        "the key in KMS was revoked",
    ),
    row(
        &["AttachVolume", "RunInstances"],
        "EncryptedVolumesNotSupported",
        ErrorClass::Permanent,
        "the type takes no encrypted disks",
    ),
    row(ANY, "InvalidAttachment.NotFound", ErrorClass::Ambiguous, GONE),
    row(
        &["DetachVolume"],
        "OperationNotPermitted",
        ErrorClass::Permanent,
        "the system's disk is not detached while its node runs",
    ),
    // What is not there, or not yet.
    row(&["CreateTags"], "InvalidVolume.NotFound", ErrorClass::Retry, GONE),
    row(&["CreateTags"], "InvalidID", ErrorClass::Retry, GONE),
    row(ANY, "InvalidInstanceID.NotFound", ErrorClass::Ambiguous, GONE),
    row(ANY, "InvalidVolume.NotFound", ErrorClass::Ambiguous, GONE),
    row(
        &["CreateVolume"],
        "InvalidSnapshot.NotFound",
        ErrorClass::Ambiguous,
        "no empty disk is made in its place; see the recycle bin",
    ),
    row(
        &["DeleteSnapshot"],
        "InvalidSnapshot.InUse",
        ErrorClass::Permanent,
        "an image is made of it: deregister that first, if it is of no use any more",
    ),
    row(ANY, "InvalidSnapshot.NotFound", ErrorClass::Ambiguous, GONE),
    with_text(
        "Invalid IAM Instance Profile",
        row(
            &["RunInstances"],
            "InvalidParameterValue",
            ErrorClass::Retry,
            "a new instance profile shows itself within minutes; else mend `profile`",
        ),
    ),
    row(
        &["RunInstances"],
        "InvalidGroup.NotFound",
        ErrorClass::Retry,
        "a new security group shows itself within minutes; else mend `security-groups`",
    ),
    row(&["AuthorizeSecurityGroupIngress"], "InvalidGroup.NotFound", ErrorClass::Retry, GONE),
    row(
        &["RunInstances"],
        "DefaultVpcDoesNotExist",
        ErrorClass::Permanent,
        "the account has no default network: give the nodes a `subnet`",
    ),
    row(
        &["RunInstances"],
        "VPCIdNotSpecified",
        ErrorClass::Permanent,
        "the account has no default network: give the nodes a `subnet`",
    ),
    row(ANY, "InvalidZone.NotFound", ErrorClass::Permanent, MEND),
    row(
        &["GetParameter"],
        "ParameterNotFound",
        ErrorClass::Permanent,
        "there is no such parameter in this region; mend `image` in the definition",
    ),
    row(
        ANY,
        "*.NotFound",
        ErrorClass::Permanent,
        "it does not exist in this region; mend it in the definition",
    ),
    row(
        ANY,
        "InvalidAMIID.Unavailable",
        ErrorClass::Permanent,
        "the image is not available; choose another one",
    ),
    row(ANY, "*.Malformed", ErrorClass::Permanent, MEND),
    // It was made a moment ago, by us or by somebody else.
    row(&["CreateSecurityGroup"], "InvalidGroup.Duplicate", ErrorClass::Ambiguous, AGAIN),
    row(&["ImportKeyPair"], "InvalidKeyPair.Duplicate", ErrorClass::Ambiguous, AGAIN),
    row(ANY, "*.Duplicate", ErrorClass::Permanent, MEND),
    row(ANY, "UnknownVolumeType", ErrorClass::Permanent, MEND),
    row(ANY, "InvalidBlockDeviceMapping", ErrorClass::Permanent, MEND),
    row(ANY, "BootForVolumeTypeUnsupported", ErrorClass::Permanent, MEND),
    row(
        ANY,
        "TagPolicyViolation",
        ErrorClass::Permanent,
        "your organization's policy asks for other tags",
    ),
    row(ANY, "InvalidParameter*", ErrorClass::Permanent, MEND),
    row(ANY, "MissingParameter", ErrorClass::Permanent, MEND),
    row(ANY, "UnknownParameter", ErrorClass::Permanent, MEND),
    row(ANY, "InvalidInput", ErrorClass::Permanent, MEND),
    row(ANY, "InvalidAction", ErrorClass::Permanent, MEND),
    row(ANY, "ValidationError", ErrorClass::Permanent, MEND),
    row(ANY, "FilterLimitExceeded", ErrorClass::Permanent, ""),
];

impl Row {
    /// Says whether the row is about a refusal.
    fn fits(&self, request: &str, code: &str, message: &str) -> bool {
        let is_code = match (self.code.strip_prefix('*'), self.code.strip_suffix('*')) {
            (Some(end), _) => code.ends_with(end),
            (None, Some(start)) => code.starts_with(start),
            (None, None) => code == self.code,
        };
        let is_request = self.requests.is_empty() || self.requests.contains(&request);
        is_code && is_request && message.contains(self.text)
    }
}

/// Says whether a request changes anything.
fn changes(request: &str) -> bool {
    !request.starts_with("Describe") && !request.starts_with("Get")
}

/// Finds the row of a refusal.
pub(crate) fn find(request: &str, code: &str, message: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.fits(request, code, message))
}

/// Says whether a refusal of several at once may be about one of them only: then each is asked for by itself.
pub(crate) fn may_be_about_one(error: &CloudError) -> bool {
    let code = error.code.as_str();
    matches!(
        code,
        "IncorrectInstanceState"
            | "IncorrectState"
            | "OperationNotPermitted"
            | "UnsupportedOperation"
            | "InvalidID"
            | "UnauthorizedOperation"
            | "InsufficientInstanceCapacity"
            | "TagLimitExceeded"
    ) || code.ends_with(".NotFound")
        || code.ends_with(".Malformed")
}

/// Makes an error of ours, for an answer that says less than it must. What was asked may have taken effect.
pub(crate) fn garbled(request: &str, what: &str) -> CloudError {
    let class = if changes(request) { ErrorClass::Ambiguous } else { ErrorClass::Retry };
    CloudError { class, code: "GarbledAnswer".to_owned(), message: format!("{request}: {what}") }
}

/// Makes an error of ours for what was not asked at all, as it cannot be.
pub(crate) fn unaskable(code: &str, message: impl Into<String>) -> CloudError {
    CloudError { class: ErrorClass::Permanent, code: code.to_owned(), message: message.into() }
}

/// Translates a failure of the SDK.
pub(crate) fn translate<E>(request: &str, error: &SdkError<E>) -> CloudError
where
    E: ProvideErrorMetadata + RequestId + Error + 'static,
{
    match error {
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let (code, message) = (refusal.err().code(), refusal.err().message());
            refused(request, status, code, message, refusal.err().request_id())
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            refused(request, status, None, Some("the answer cannot be read"), None)
        }
        SdkError::TimeoutError(_) => no_answer(request, "none came in time"),
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => not_sent(request, error),
        // Whatever the SDK comes to call it, an effect cannot be ruled out.
        other => no_answer(request, &chain(other)),
    }
}

/// Translates a refusal: by its code, and without one by its status.
fn refused(
    request: &str,
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    request_id: Option<&str>,
) -> CloudError {
    let is_fault = status >= 500;
    let own_code = format!("Http{status}");
    let message = message.map(str::trim).filter(|message| !message.is_empty());
    let (code, message) = (code.unwrap_or(&own_code), message.unwrap_or("no reason is given"));
    let row = find(request, code, message);
    let class = match row.map(|row| row.class) {
        // A look changes nothing, so that nothing about it is uncertain.
        Some(ErrorClass::Ambiguous) if !changes(request) => ErrorClass::Retry,
        Some(class) => class,
        None if is_fault && changes(request) => ErrorClass::Ambiguous,
        None => ErrorClass::Retry,
    };
    let is_throttled = row.is_some_and(|row| row.remedy == SLOWER);
    let mut text = message.trim_end_matches('.').to_owned();
    if is_throttled && code != THROTTLED {
        text = format!("{code}: {text}");
    }
    match row {
        Some(row) if !row.remedy.is_empty() => text = format!("{text}; {}", row.remedy),
        Some(_) => {}
        None => text = format!("{request}: {text}"),
    }
    if let Some(id) = request_id {
        text = format!("{text} (request {id})");
    }
    let code = if is_throttled { THROTTLED } else { code };
    CloudError { class, code: code.to_owned(), message: text }
}

/// Translates what was sent, or may have been, and got no answer.
fn no_answer(request: &str, why: &str) -> CloudError {
    let class = if changes(request) { ErrorClass::Ambiguous } else { ErrorClass::Retry };
    let message = format!("{request}: no answer from AWS: {why}");
    CloudError { class, code: NO_ANSWER.to_owned(), message }
}

/// Translates what may not have been sent at all: it is certain only where it could not be signed.
fn not_sent<E>(request: &str, error: &SdkError<E>) -> CloudError
where
    E: Error + 'static,
{
    if let Some(late) = TooLate::behind(error) {
        let message = format!("{request}: {late}");
        return CloudError { class: ErrorClass::Retry, code: TOO_LATE.to_owned(), message };
    }
    let why = chain(error);
    if is_without_credentials(error) {
        let message = format!(
            "{why}; sign in (`aws sso login`, `aws login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        );
        return CloudError {
            class: ErrorClass::Permission,
            code: NO_CREDENTIALS.to_owned(),
            message,
        };
    }
    if matches!(error, SdkError::ConstructionFailure(_)) {
        return unaskable("InvalidRequest", format!("{request} cannot be asked for: {why}"));
    }
    no_answer(request, &why)
}

/// Says whether credentials are what is missing.
fn is_without_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(one) = next {
        if one.is::<aws_credential_types::provider::error::CredentialsError>() {
            return true;
        }
        next = one.source();
    }
    false
}

/// Puts an error with all its causes in one line, each said once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(one) = next {
        let words = one.to_string();
        if !text.contains(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
        next = one.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_hides_behind_an_earlier_one() {
        for (at, row) in TABLE.iter().enumerate() {
            let request = row.requests.first().copied().unwrap_or("RunInstances");
            let code = row.code.trim_start_matches('*').trim_end_matches('*');
            let code = if row.code.starts_with('*') {
                format!("InvalidThing{code}")
            } else {
                code.to_owned()
            };
            let found = TABLE.iter().position(|one| one.fits(request, &code, row.text));
            let is_own = found.is_some_and(|found| {
                found == at || {
                    let (first, own) = (TABLE[found], row);
                    first.class == own.class && first.remedy == own.remedy
                }
            });
            assert!(is_own, "{row:?} is found as {found:?}");
        }
    }

    #[test]
    fn throttling_is_never_a_lack_of_capacity() {
        for code in
            ["RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException"]
        {
            let error =
                refused("RunInstances", 503, Some(code), Some("Request limit exceeded."), None);
            assert_eq!(
                (error.class, error.code.as_str()),
                (ErrorClass::Retry, THROTTLED),
                "{code}"
            );
        }
    }

    #[test]
    fn an_unknown_code_is_told_with_its_request() {
        let error = refused("AttachVolume", 400, Some("NewCode"), Some("Odd."), Some("r-1"));
        assert_eq!(error.class, ErrorClass::Retry);
        assert_eq!(error.to_string(), "NewCode: AttachVolume: Odd (request r-1)");
        let error = refused("AttachVolume", 400, Some("NewCode"), Some(" "), None);
        assert_eq!(error.to_string(), "NewCode: AttachVolume: no reason is given");
        let error = refused("AttachVolume", 500, None, None, None);
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Ambiguous, "Http500"));
        assert_eq!(refused("DescribeVolumes", 500, None, None, None).class, ErrorClass::Retry);
    }
}

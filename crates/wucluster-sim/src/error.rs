//! Errors of the simulated cloud: EC2's codes, each with what to do next.

use wucluster_core::ports::{CloudError, ErrorClass};

/// Makes the error of a code; the class follows from the code alone, except for 5xx answers.
///
/// Source: EC2 API reference, "Error codes", and recorded answers.
pub(crate) fn refuse(code: &str, message: impl Into<String>) -> CloudError {
    let class = match code {
        // Too many requests, too many snapshots under way, or a state that is not yet right.
        "RequestLimitExceeded"
        | "IncorrectState"
        | "IncorrectInstanceState"
        | "SnapshotCreationPerVolumeRateExceeded"
        | "ConcurrentSnapshotLimitExceeded"
        | "PendingSnapshotLimitExceeded"
        | "IdempotentInstanceTerminated" => ErrorClass::Retry,
        // Whether it happened, or who holds it, shows only in a listing.
        "InternalError"
        | "NoAnswer"
        | "VolumeInUse"
        | "IdempotentParameterMismatch"
        | "InvalidAttachment.NotFound"
        | "InvalidInstanceID.NotFound"
        | "InvalidVolume.NotFound" => ErrorClass::Ambiguous,
        "InsufficientInstanceCapacity" | "InsufficientVolumeCapacity" => ErrorClass::Capacity,
        "UnauthorizedOperation" | "AuthFailure" | "ExpiredToken" => ErrorClass::Permission,
        // All that is left is for the user to mend.
        _ => ErrorClass::Permanent,
    };
    CloudError { class, code: code.to_owned(), message: message.into() }
}

/// Returns the same error with another class, where the request decides it beside the code.
pub(crate) fn with_class(error: CloudError, class: ErrorClass) -> CloudError {
    CloudError { class, ..error }
}

//! What a store says, in words for people.

use std::error::Error as StdError;
use std::{io, iter};

use object_store::Error;

/// Returns the causes of an error, from the outermost to the innermost.
fn causes(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    iter::successors(Some(error as &(dyn StdError + 'static)), |&error| error.source())
}

/// Says in words why the store did not do what it was asked: the innermost cause, which names no request and no
/// number of tries.
pub(crate) fn words(error: &Error) -> String {
    let innermost = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    match (between(&innermost, "Code"), between(&innermost, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => code.to_owned(),
        (None, _) => innermost.trim_end_matches([' ', ':', '.']).to_owned(),
    }
}

/// Returns what an element of the answer of a bucket holds.
fn between<'a>(text: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    let (inner, _) = rest.split_once(&format!("</{element}>"))?;
    Some(inner.trim()).filter(|inner| !inner.is_empty())
}

/// Says whether it is the bucket that was not found, and not an object in it.
pub(crate) fn is_whole_store_missing(error: &Error) -> bool {
    causes(error).any(|cause| between(&cause.to_string(), "Code") == Some("NoSuchBucket"))
}

/// Says whether it is a matter of rights or credentials.
pub(crate) fn is_denied(error: &Error) -> bool {
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => true,
        _ => causes(error).any(|cause| {
            let is_io = cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
            is_io || is_answer_of_denial(cause)
        }),
    }
}

/// Says whether a bucket answered that it is not permitted: a listing tells so only in the text of a cause.
fn is_answer_of_denial(cause: &(dyn StdError + 'static)) -> bool {
    let text = cause.to_string();
    ["401", "403"]
        .iter()
        .any(|code| text.starts_with(&format!("Server returned non-2xx status code: {code} ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Answer(&'static str);

    fn answered(text: &'static str) -> Error {
        Error::Generic { store: "S3", source: Box::new(Answer(text)) }
    }

    #[test]
    fn of_an_answer_its_code_and_message_are_told() {
        let error = answered(
            "Server returned non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied</Code>\
             <Message>Access Denied.</Message></Error>",
        );
        assert_eq!(words(&error), "AccessDenied: Access Denied");
        assert!(is_denied(&error));
        let error = answered("Server returned non-2xx status code: 500 Internal Server Error: ");
        assert_eq!(words(&error), "Server returned non-2xx status code: 500 Internal Server Error");
        assert!(!is_denied(&error));
    }

    #[test]
    fn a_file_that_must_not_be_read_is_a_matter_of_rights() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(is_denied(&Error::Generic { store: "LocalFileSystem", source: Box::new(denied) }));
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(!is_denied(&Error::Generic { store: "LocalFileSystem", source: Box::new(full) }));
    }
}

//! A command's failure as its user reads it: what, why, what to do, and the exit code.

use std::fmt;
use std::path::Path;

use wucluster_core::ports::{CloudError, ErrorClass};

use crate::exit::Exit;

/// Why a command did not do what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What went wrong, without `error:`. Empty: everything was said already.
    pub(crate) message: String,
    /// What to do, a line each, without `hint:`.
    pub(crate) hints: Vec<String>,
}

impl Fault {
    /// Makes a failure.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new() }
    }

    /// Makes an ending whose reasons were printed already.
    pub(crate) fn told(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Makes a mistake in the command line or the definition.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Makes a failure that trying again does not clear.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Makes the failure of doing something with a file.
    pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        // The system's number says nothing that its words do not.
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        Self::failed(format!("cannot {doing} {}: {text}", path.display()))
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<CloudError> for Fault {
    fn from(error: CloudError) -> Self {
        Self::new(exit_of(error.class), format!("the cloud cannot be looked at: {error}"))
    }
}

/// Returns how a command ends that such an error of the cloud ends.
pub(crate) const fn exit_of(class: ErrorClass) -> Exit {
    match class {
        ErrorClass::Permission => Exit::Denied,
        ErrorClass::Capacity => Exit::Held,
        ErrorClass::Retry | ErrorClass::Ambiguous | ErrorClass::Permanent => Exit::Failed,
    }
}

/// Writes an error with all that is behind it, once, in one line.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot write a/b")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("disk full"));
        assert_eq!(with_sources(&error), "cannot write a/b: disk full");
    }

    #[test]
    fn a_refusal_for_lack_of_rights_has_its_own_code() {
        let error = CloudError {
            class: ErrorClass::Permission,
            code: "UnauthorizedOperation".into(),
            message: "no".into(),
        };
        assert_eq!(Fault::from(error).exit, Exit::Denied);
    }
}

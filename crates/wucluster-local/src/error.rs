//! What can go wrong on the host, and how it is told to the callers of the cloud.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wucluster_core::ports::{CloudError, ErrorClass};

/// Something on this host failed.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Programs that the local cloud needs are not installed.
    #[error("missing on this host: {}; install with `apt-get install {}`", .tools.join(", "), .packages.join(" "))]
    MissingTools {
        /// The programs.
        tools: Vec<String>,
        /// The Debian packages that bring them.
        packages: Vec<String>,
    },
    /// This host cannot run the local cloud at all.
    #[error("the local cloud does not run on this host: {why}")]
    Unsupported {
        /// Why not, and what would help.
        why: String,
    },
    /// A file operation failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program of the host failed.
    #[error("`{program}` failed ({status}): {output}")]
    Program {
        /// Its name.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// A program of the host did not come to its end in time, and was ended.
    #[error("`{program}` did not finish within {} s and was ended", limit.as_secs())]
    ProgramSlow {
        /// Its name.
        program: String,
        /// The limit.
        limit: Duration,
    },
    /// Somebody else holds a lock for too long.
    #[error("{} is locked by another process for more than {} s; wait for it, or end it", path.display(), limit.as_secs())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A file of the account cannot be understood.
    #[error("{} cannot be read: {why}; nothing was changed. Restore it, or move its directory out of the state directory", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The node image has not been built yet.
    #[error("the node image is not built yet: {} does not exist; build it first", path.display())]
    ImageMissing {
        /// Where it would be.
        path: PathBuf,
    },
    /// A machine's control socket failed.
    #[error("machine {instance} cannot be controlled: {why}")]
    Control {
        /// The instance.
        instance: String,
        /// What happened.
        why: String,
    },
    /// A machine refused a command.
    #[error("machine {instance} refused `{command}`: {why}")]
    Refused {
        /// The instance.
        instance: String,
        /// The QMP command.
        command: String,
        /// QEMU's words.
        why: String,
    },
    /// There is no such instance.
    #[error("there is no instance {instance} here")]
    NoSuchInstance {
        /// The id that was asked for.
        instance: String,
    },
}

impl LocalError {
    /// Makes the function that wraps an I/O error of `doing` something to `path`.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// Says whether a full disk is behind it.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::File { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Program { output, .. } => output.contains("No space left on device"),
            Self::MissingTools { .. }
            | Self::Unsupported { .. }
            | Self::ProgramSlow { .. }
            | Self::Locked { .. }
            | Self::Unreadable { .. }
            | Self::ImageMissing { .. }
            | Self::Control { .. }
            | Self::Refused { .. }
            | Self::NoSuchInstance { .. } => false,
        }
    }
}

/// Makes the answer to a request that is refused, in EC2's codes; what to do next follows from the code.
pub(crate) fn refuse(code: &str, message: impl Into<String>) -> CloudError {
    let class = match code {
        // A state that is not yet right, or a host that is busy.
        "RequestLimitExceeded"
        | "IncorrectState"
        | "IncorrectInstanceState"
        | "IdempotentInstanceTerminated" => ErrorClass::Retry,
        // Whether it happened, or who holds it, shows only in a look.
        "InternalError"
        | "VolumeInUse"
        | "IdempotentParameterMismatch"
        | "InvalidAttachment.NotFound"
        | "InvalidInstanceID.NotFound"
        | "InvalidVolume.NotFound" => ErrorClass::Ambiguous,
        "InsufficientInstanceCapacity" | "InsufficientVolumeCapacity" => ErrorClass::Capacity,
        "UnauthorizedOperation" => ErrorClass::Permission,
        // All that is left is for the user to mend.
        _ => ErrorClass::Permanent,
    };
    CloudError { class, code: code.to_owned(), message: message.into() }
}

/// Translates host errors for callers of the cloud: one line per kind, with EC2's code where it has one.
impl From<LocalError> for CloudError {
    fn from(error: LocalError) -> Self {
        let code = match &error {
            error if error.is_disk_full() => "InsufficientVolumeCapacity",
            LocalError::MissingTools { .. } | LocalError::Unsupported { .. } => "UnsupportedHost",
            LocalError::ImageMissing { .. } => "InvalidAMIID.NotFound",
            LocalError::Unreadable { .. } => "UnreadableState",
            LocalError::NoSuchInstance { .. } => "InvalidInstanceID.NotFound",
            LocalError::Locked { .. } => "RequestLimitExceeded",
            LocalError::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "UnauthorizedOperation"
            }
            LocalError::File { .. }
            | LocalError::Program { .. }
            | LocalError::ProgramSlow { .. }
            | LocalError::Control { .. }
            | LocalError::Refused { .. } => "InternalError",
        };
        refuse(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_matter_of_capacity() {
        let error = LocalError::Program {
            program: "cp".into(),
            status: "exit status: 1".into(),
            output: "cp: error writing: No space left on device".into(),
        };
        assert_eq!(CloudError::from(error).class, ErrorClass::Capacity);
    }

    #[test]
    fn missing_tools_come_with_the_line_that_installs_them() {
        let error = LocalError::MissingTools {
            tools: vec!["qemu-img".into(), "mmdebstrap".into()],
            packages: vec!["qemu-utils".into(), "mmdebstrap".into()],
        };
        assert!(error.to_string().contains("`apt-get install qemu-utils mmdebstrap`"));
    }
}

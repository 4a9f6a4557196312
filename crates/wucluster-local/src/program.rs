//! Programs of the host: which are needed, and how they are run.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::error::LocalError;

/// A program that the local cloud needs, with the Debian package that brings it.
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: &'static str,
    /// The package.
    pub(crate) package: &'static str,
}

/// What running machines takes.
pub(crate) const MACHINE_TOOLS: &[Tool] = &[
    Tool { name: "qemu-system-x86_64", package: "qemu-system-x86" },
    Tool { name: "qemu-img", package: "qemu-utils" },
    Tool { name: "ssh-keygen", package: "openssh-client" },
    Tool { name: "setsid", package: "util-linux" },
    Tool { name: "sha256sum", package: "coreutils" },
];

/// What building the node image takes.
pub(crate) const IMAGE_TOOLS: &[Tool] = &[
    Tool { name: "mmdebstrap", package: "mmdebstrap" },
    Tool { name: "mke2fs", package: "e2fsprogs" },
    Tool { name: "dpkg-deb", package: "dpkg" },
    Tool { name: "ldconfig", package: "libc-bin" },
];

/// What building the node image takes beside, for a user who is not root.
pub(crate) const ROOTLESS_TOOLS: &[Tool] = &[
    Tool { name: "fakeroot", package: "fakeroot" },
    Tool { name: "newuidmap", package: "uidmap" },
];

/// Finds a program on the search path, and where administrators' programs are.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Checks that all of `tools` are there.
///
/// # Errors
/// One [`LocalError::MissingTools`] that names all that are not.
pub(crate) fn require<'a>(tools: impl IntoIterator<Item = &'a Tool>) -> Result<(), LocalError> {
    let missing: Vec<&Tool> = tools.into_iter().filter(|tool| find(tool.name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<String> = missing.iter().map(|tool| tool.package.to_owned()).collect();
    packages.dedup();
    Err(LocalError::MissingTools {
        tools: missing.iter().map(|tool| tool.name.to_owned()).collect(),
        packages,
    })
}

/// Returns the search path for programs that we run: the user's, then the administrators'.
pub(crate) fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin");
    path
}

/// Makes a command with arguments handed over as they are: nothing passes through a shell.
pub(crate) fn command(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| program.into()));
    command
        .args(arguments)
        .env("PATH", search_path())
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// [`LocalError::Program`] when it fails, [`LocalError::ProgramSlow`] after `limit`.
pub(crate) async fn run(mut command: Command, limit: Duration) -> Result<String, LocalError> {
    let program = name_of(&command);
    let output = match tokio::time::timeout(limit, command.output()).await {
        Err(_) => return Err(LocalError::ProgramSlow { program, limit }),
        Ok(Err(error)) => {
            return Err(LocalError::Program {
                program,
                status: "not started".to_owned(),
                output: error.to_string(),
            });
        }
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(LocalError::Program {
        program,
        status: output.status.to_string(),
        output: last_lines(&said, 6),
    })
}

/// Returns a command's program without its directory.
pub(crate) fn name_of(command: &Command) -> String {
    PathBuf::from(command.as_std().get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Returns the last lines of a text in one line, without control characters.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(count)..].join("; ");
    tail.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let tools = [
            Tool { name: "sh", package: "dash" },
            Tool { name: "no-such-a", package: "a" },
            Tool { name: "no-such-b", package: "b" },
        ];
        let Err(LocalError::MissingTools { tools, packages }) = require(&tools) else {
            panic!("nothing was missed")
        };
        assert_eq!(tools, ["no-such-a", "no-such-b"]);
        assert_eq!(packages, ["a", "b"]);
    }

    #[tokio::test]
    async fn a_failure_carries_what_was_said() {
        let command = command("sh", ["-c", "echo first >&2; echo why >&2; exit 3"]);
        let error = run(command, Duration::from_secs(10)).await.unwrap_err().to_string();
        assert!(error.contains("first; why") && error.contains('3'), "{error}");
    }
}

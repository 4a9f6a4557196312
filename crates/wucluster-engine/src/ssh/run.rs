//! Runs one process with limits of time and output.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

/// Most that is read of each stream. Unit: bytes.
pub(super) const OUTPUT_MAX: usize = 1024 * 1024;

/// How long the error stream is waited for after the process ended: older ssh clients let the
/// connection that they leave behind keep it open.
const LAST_WORDS_TIME: Duration = Duration::from_millis(500);

/// What a process left.
#[derive(Debug)]
pub(super) struct Finished {
    /// Its exit status; `None` when a signal ended it.
    pub(super) status: Option<i32>,
    /// Its output.
    pub(super) stdout: Vec<u8>,
    /// Its errors.
    pub(super) stderr: Vec<u8>,
}

/// A process did not end by itself, and was ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// It could not be started or spoken to.
    #[error("the ssh client cannot be run: {0}")]
    Start(#[source] io::Error),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TimeLimit(Duration),
    /// It said too much.
    #[error("the answer is longer than {OUTPUT_MAX} bytes")]
    TooMuch,
}

/// Runs the command with that input, and returns when it ended.
///
/// It is killed when a limit is broken or the future is dropped.
pub(super) async fn run(
    mut command: Command,
    input: &[u8],
    limit: Duration,
) -> Result<Finished, RunError> {
    // A group of its own: what a terminal sends to our group must not end a request half way.
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    match timeout(limit, run_unlimited(command, input)).await {
        Ok(result) => result,
        Err(_) => Err(RunError::TimeLimit(limit)),
    }
}

async fn run_unlimited(mut command: Command, input: &[u8]) -> Result<Finished, RunError> {
    let mut child = command.spawn().map_err(RunError::Start)?;
    let missing = || RunError::Start(io::Error::other("a stream is missing"));
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let mut output = child.stdout.take().ok_or_else(missing)?;
    let mut errors = child.stderr.take().ok_or_else(missing)?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = {
        let write = async {
            // The other side may end without reading it all; its status tells more than our error.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
            drop(stdin);
            Ok(())
        };
        let work = async {
            tokio::try_join!(write, read(&mut output, &mut stdout))?;
            child.wait().await.map_err(RunError::Start)
        };
        let last_words = read(&mut errors, &mut stderr);
        tokio::pin!(work, last_words);
        let mut is_silent = false;
        let status = loop {
            tokio::select! {
                result = &mut work => break result?,
                result = &mut last_words, if !is_silent => {
                    result?;
                    is_silent = true;
                }
            }
        };
        if !is_silent && let Ok(result) = timeout(LAST_WORDS_TIME, last_words).await {
            result?;
        }
        status
    };
    Ok(Finished { status: status.code(), stdout, stderr })
}

/// Reads to the end, or to the limit.
async fn read(stream: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) -> Result<(), RunError> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) => return Ok(()),
            Ok(count) if into.len() + count > OUTPUT_MAX => return Err(RunError::TooMuch),
            Ok(count) => into.extend_from_slice(&chunk[..count]),
            Err(error) => return Err(RunError::Start(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn input_goes_in_and_both_streams_come_out() {
        let done = run(sh("cat; echo oops >&2; exit 3"), b"hello", LONG).await.unwrap();
        assert_eq!((done.status, done.stdout.as_slice()), (Some(3), b"hello".as_slice()));
        assert_eq!(done.stderr, b"oops\n");
    }

    #[tokio::test]
    async fn a_flood_is_ended_at_the_limit() {
        for stream in ["", ">&2"] {
            let error = run(sh(&format!("yes {stream}")), b"", LONG).await.unwrap_err();
            assert!(matches!(error, RunError::TooMuch), "{error}");
        }
    }

    #[tokio::test]
    async fn a_process_that_never_ends_is_ended() {
        let limit = Duration::from_millis(50);
        let error = run(sh("exec sleep 600"), b"", limit).await.unwrap_err();
        assert!(matches!(error, RunError::TimeLimit(_)), "{error}");
    }

    #[tokio::test]
    async fn input_that_nobody_reads_is_no_error() {
        let done = run(sh("exit 7"), &vec![b'x'; 4 * OUTPUT_MAX], LONG).await.unwrap();
        assert_eq!(done.status, Some(7));
    }

    #[tokio::test]
    async fn a_left_over_that_keeps_the_error_stream_open_does_not_hold_us_up() {
        let text = "sleep 20 >/dev/null </dev/null & echo last words >&2; exit 255";
        let done = run(sh(text), b"", Duration::from_secs(15)).await.unwrap();
        assert_eq!(done.stderr, b"last words\n");
    }
}

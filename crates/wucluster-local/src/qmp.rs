//! A client for QEMU's machine protocol (QMP): JSON lines on a unix socket, with time limits.
//!
//! QEMU serves one client at a time, a second one waits for its greeting: so connections are short,
//! and everything has a limit.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::error::LocalError;

/// Longest wait for the greeting: another client may be served first.
const GREETING_LIMIT: Duration = Duration::from_secs(4);
/// Longest wait for an answer. QEMU's main loop can be busy for a while on a loaded host.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// A connection to a machine.
#[derive(Debug)]
pub(crate) struct Qmp {
    instance: String,
    stream: BufReader<UnixStream>,
    next_id: u64,
}

impl Qmp {
    /// Connects and negotiates.
    ///
    /// # Errors
    /// [`LocalError::Control`] when nobody listens or the greeting does not come in time.
    pub(crate) async fn connect(instance: &str, socket: &Path) -> Result<Self, LocalError> {
        let failed = |why: String| LocalError::Control { instance: instance.to_owned(), why };
        let connecting = async {
            let stream = UnixStream::connect(socket)
                .await
                .map_err(|error| failed(format!("no connection to its control socket: {error}")))?;
            let mut qmp =
                Self { instance: instance.to_owned(), stream: BufReader::new(stream), next_id: 1 };
            let greeting = qmp.read().await?;
            if greeting.get("QMP").is_none() {
                return Err(failed(format!("unexpected greeting {greeting}")));
            }
            Ok(qmp)
        };
        let mut qmp = match tokio::time::timeout(GREETING_LIMIT, connecting).await {
            Ok(connected) => connected?,
            Err(_) => return Err(failed("no greeting from its control socket".to_owned())),
        };
        qmp.execute("qmp_capabilities", json!({})).await?;
        Ok(qmp)
    }

    /// Executes a command and returns its result; events on the way are dropped.
    ///
    /// # Errors
    /// [`LocalError::Refused`] with QEMU's words, [`LocalError::Control`] without an answer.
    pub(crate) async fn execute(
        &mut self,
        command: &str,
        arguments: Value,
    ) -> Result<Value, LocalError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut line = json!({ "execute": command, "arguments": arguments, "id": id }).to_string();
        line.push('\n');
        let asking = async {
            let written = self.stream.get_mut().write_all(line.as_bytes()).await;
            written.map_err(|error| self.failed(error.to_string()))?;
            loop {
                let message = self.read().await?;
                match Answer::of(&message, id) {
                    Answer::Other => {}
                    Answer::Return(value) => return Ok(value),
                    Answer::Error(why) => {
                        return Err(LocalError::Refused {
                            instance: self.instance.clone(),
                            command: command.to_owned(),
                            why,
                        });
                    }
                }
            }
        };
        match tokio::time::timeout(ANSWER_LIMIT, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(LocalError::Control {
                instance: self.instance.clone(),
                why: format!("no answer to `{command}` within {} s", ANSWER_LIMIT.as_secs()),
            }),
        }
    }

    async fn read(&mut self) -> Result<Value, LocalError> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) => Err(self.failed("it closed its control socket".to_owned())),
            Ok(_) => serde_json::from_str(&line).map_err(|error| self.failed(error.to_string())),
            Err(error) => Err(self.failed(error.to_string())),
        }
    }

    fn failed(&self, why: String) -> LocalError {
        LocalError::Control { instance: self.instance.clone(), why }
    }
}

/// What a message means to who waits for the answer to one request.
#[derive(Debug, PartialEq)]
enum Answer {
    /// The result.
    Return(Value),
    /// A refusal, in QEMU's words.
    Error(String),
    /// An event, or the answer to something else.
    Other,
}

impl Answer {
    fn of(message: &Value, id: u64) -> Self {
        if message.get("id").and_then(Value::as_u64) != Some(id) {
            return Self::Other;
        }
        if let Some(value) = message.get("return") {
            return Self::Return(value.clone());
        }
        let why = message.pointer("/error/desc").and_then(Value::as_str);
        Self::Error(why.unwrap_or("no reason given").to_owned())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    #[test]
    fn events_and_others_answers_are_no_answer() {
        let event = json!({ "event": "DEVICE_DELETED", "data": { "device": "dev-x" } });
        assert_eq!(Answer::of(&event, 1), Answer::Other);
        assert_eq!(Answer::of(&json!({ "return": {}, "id": 2 }), 1), Answer::Other);
        assert_eq!(Answer::of(&json!({ "return": 5, "id": 1 }), 1), Answer::Return(json!(5)));
        let error = json!({ "error": { "class": "GenericError", "desc": "no" }, "id": 1 });
        assert_eq!(Answer::of(&error, 1), Answer::Error("no".into()));
    }

    #[tokio::test]
    async fn a_conversation_goes_through_events_and_refusals() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp");
        let listener = UnixListener::bind(&path).unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            for reply in [
                "{\"QMP\":{}}\n",
                "{\"event\":\"RESUME\"}\n{\"return\":{},\"id\":1}\n",
                "{\"error\":{\"desc\":\"Device 'x' not found\"},\"id\":2}\n",
            ] {
                stream.get_mut().write_all(reply.as_bytes()).await.unwrap();
                stream.read_line(&mut line).await.unwrap();
            }
            line
        });
        let mut qmp = Qmp::connect("i-1", &path).await.unwrap();
        let error = qmp.execute("device_del", json!({ "id": "x" })).await.unwrap_err();
        assert!(matches!(error, LocalError::Refused { .. }), "{error}");
        drop(qmp);
        assert!(server.await.unwrap().contains("\"device_del\""));
    }

    #[tokio::test]
    async fn nobody_there_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let error = Qmp::connect("i-1", &dir.path().join("none")).await.unwrap_err();
        assert!(matches!(error, LocalError::Control { .. }));
    }
}

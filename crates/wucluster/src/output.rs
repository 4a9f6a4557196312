//! The two streams: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process;

use anstream::ColorChoice;
use jiff::tz::TimeZone;
use serde::Serialize;
use wucluster_core::shell::quoted;

use crate::args::{ColorWhen, Globals};
use crate::fault::Fault;
use crate::render::look::{Look, Tone};
use crate::render::text::{clean, width};

/// Width of lines where there is no terminal. Unit: columns.
const WIDTH_DEFAULT: usize = 100;

/// Where a command's words go, and how they may look there.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// How standard output may look.
    pub(crate) out: Look,
    /// How standard error may look.
    pub(crate) err: Look,
    /// Whether standard output is a terminal.
    pub(crate) is_out_terminal: bool,
    /// Whether standard error is a terminal on which lines can be repainted.
    pub(crate) is_err_terminal: bool,
    /// Whether results are wanted as JSON.
    pub(crate) is_json: bool,
    /// Whether to say no more than needed.
    pub(crate) is_quiet: bool,
}

impl Output {
    /// Looks at the streams, once.
    pub(crate) fn new(globals: &Globals) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let program = match &globals.file {
            None => "wucluster".to_owned(),
            Some(file) => format!("wucluster -f {}", quoted(&file.to_string_lossy())),
        };
        let look = |stream: &dyn Terminal| Look {
            width: stream.width().unwrap_or(WIDTH_DEFAULT).clamp(40, 250),
            colour: match globals.color {
                ColorWhen::Always => true,
                ColorWhen::Never => false,
                ColorWhen::Auto => stream.choice() != ColorChoice::Never,
            },
            ascii: globals.ascii || !is_utf8(),
            zone: TimeZone::system(),
            program: program.clone(),
        };
        Self {
            out: look(&stdout),
            err: look(&stderr),
            is_out_terminal: stdout.is_terminal(),
            is_err_terminal: stderr.is_terminal() && !is_dumb,
            is_json: globals.json,
            is_quiet: globals.quiet,
        }
    }

    /// Writes a result. A reader that went away ends the program, quietly.
    pub(crate) fn result(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            process::exit(0);
        }
    }

    /// Writes a JSON document as the result.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Fault::failed(format!("cannot write JSON: {error}")))?;
        self.result(&(text + "\n"));
        Ok(())
    }

    /// Writes something beside the result. Nobody to read it is no reason to stop.
    pub(crate) fn aside(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    /// Writes commands that make sense now; at most two, for copying. Not for JSON, not when quiet.
    pub(crate) fn next(&self, commands: &[&str]) {
        if self.is_json || self.is_quiet || !self.is_out_terminal {
            return;
        }
        let commands: Vec<String> =
            commands.iter().map(|command| format!("{} {command}", self.out.program)).collect();
        self.result(&next_lines(&commands, self.out.width));
    }

    /// Writes a command for another definition than this one's, likewise.
    pub(crate) fn next_for(&self, file: &std::path::Path, command: &str) {
        if self.is_json || self.is_quiet || !self.is_out_terminal {
            return;
        }
        let file = quoted(&file.display().to_string());
        self.result(&next_lines(&[format!("wucluster -f {file} {command}")], self.out.width));
    }

    /// Writes a warning.
    pub(crate) fn warn(&self, text: impl Display) {
        let word = self.err.paint(Tone::Moving, "warning");
        self.aside(&format!("{word}: {}\n", clean(&text.to_string())));
    }

    /// Writes why a command failed and what to do.
    pub(crate) fn fault(&self, fault: &Fault) {
        if fault.message.is_empty() {
            return;
        }
        let word = self.err.paint(Tone::Bad, "error");
        let mut text = format!("{word}: {}\n", clean(&fault.message));
        for hint in &fault.hints {
            text.push_str(&format!("{}: {}\n", self.err.paint(Tone::Strong, "hint"), clean(hint)));
        }
        self.aside(&text);
    }
}

/// Writes commands side by side, or below each other where that is too wide to be copied.
fn next_lines(commands: &[String], columns: usize) -> String {
    let line = format!("Next:  {}", commands.join("     "));
    if width(&line) <= columns {
        return line + "\n";
    }
    format!("Next:  {}\n", commands.join("\n       "))
}

/// A stream that may be a terminal.
trait Terminal {
    /// Returns how many columns it has.
    fn width(&self) -> Option<usize>;
    /// Says whether it takes colour, by itself and by the environment.
    fn choice(&self) -> ColorChoice;
}

impl Terminal for io::Stdout {
    fn width(&self) -> Option<usize> {
        size(self).map(|(columns, _)| columns)
    }
    fn choice(&self) -> ColorChoice {
        anstream::AutoStream::choice(self)
    }
}

impl Terminal for io::Stderr {
    fn width(&self) -> Option<usize> {
        size(self).map(|(columns, _)| columns)
    }
    fn choice(&self) -> ColorChoice {
        anstream::AutoStream::choice(self)
    }
}

/// Returns columns and lines of a terminal.
pub(crate) fn size(stream: impl std::os::fd::AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// Says whether the locale's characters are UTF-8.
fn is_utf8() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    named.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

//! Mistakes of a file as a whole: empty, too large, not text.

use crate::definition::code::Code;
use crate::definition::diagnostic::{Diagnostic, line_and_column};

/// Largest definition file. Unit: bytes.
///
/// Source: a hundred groups with all keys take about 100 KiB.
const FILE_SIZE_MAX: usize = 1 << 20;

/// What to do when a file is no definition at all.
const HELP_INIT: &str = "`wucluster init` writes a commented definition to start from";

/// Returns a file's bytes as text.
///
/// # Errors
/// One diagnostic, in the form that [`super::ClusterDefinition::parse`] uses, when the bytes are no
/// UTF-8. It has no labels, as there is no text to point at.
pub fn decode(bytes: &[u8]) -> Result<&str, Vec<Diagnostic>> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let (before, _) = bytes.split_at(error.valid_up_to());
    let before = std::str::from_utf8(before).unwrap_or_default();
    let (line, column) = line_and_column(before, before.len());
    let diagnostic = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        Diagnostic::new(Code::NotText, "the file is UTF-16, a definition is UTF-8")
            .help("save it again with the encoding UTF-8")
    } else if bytes.contains(&0) {
        Diagnostic::new(Code::NotText, "the file is binary, a definition is text").help(HELP_INIT)
    } else {
        let message =
            format!("the file is not UTF-8: line {line}, column {column} is something else");
        Diagnostic::new(Code::NotText, message).help("save it again with the encoding UTF-8")
    };
    Err(vec![diagnostic])
}

/// Checks the text as a whole and returns the mistake, if there is one.
pub(super) fn check(text: &str) -> Option<Diagnostic> {
    if text.len() > FILE_SIZE_MAX {
        let message =
            format!("the file has {} KiB, a definition at most 1024", text.len().div_ceil(1024));
        return Some(
            Diagnostic::new(Code::FileTooLarge, message)
                .help("is it the right file? A cluster is named with `-f FILE`"),
        );
    }
    if let Some(at) = text.find('\0') {
        let message = "the file has a NUL byte in it; a definition is plain text";
        return Some(
            Diagnostic::new(Code::NotText, message)
                .at(at..at + 1, "the first one")
                .help("is it the right file? A cluster is named with `-f FILE`"),
        );
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Some(Diagnostic::new(Code::EmptyFile, "the definition is empty").help(HELP_INIT));
    }
    None
}

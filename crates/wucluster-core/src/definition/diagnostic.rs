//! What is wrong with a definition, as data; the program renders it.

use std::ops::Range;

use serde::Serialize;

use super::code::Code;

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The definition cannot be used.
    Error,
    /// The definition can be used; something looks wrong.
    Warning,
}

/// One mistake in a definition file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable code, such as `E0107`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Places in the file; the first is the main one. Empty when the whole file is meant.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// The smallest change that would mend it, where there is one.
    pub patch: Option<Patch>,
}

/// A place in the file and what is to be seen there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Byte range in the file.
    pub span: Range<usize>,
    /// What is there. Empty: the place is only to be shown, as context, without a mark.
    pub text: String,
}

/// Text to put in place of a byte range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Patch {
    /// Byte range in the file.
    pub span: Range<usize>,
    /// What to write there.
    pub replacement: String,
}

impl Diagnostic {
    /// Makes a diagnostic about the whole file.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: code.as_str(),
            severity: code.severity(),
            message: message.into(),
            labels: Vec::new(),
            help: None,
            patch: None,
        }
    }

    /// Adds a place; the first one added is the main one.
    pub(crate) fn at(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Gives the change that would mend it, if there is one.
    pub(crate) fn patch(mut self, span: Range<usize>, replacement: Option<String>) -> Self {
        self.patch = replacement.map(|replacement| Patch { span, replacement });
        self
    }

    /// Says whether the definition cannot be used because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self.severity {
            Severity::Error => true,
            Severity::Warning => false,
        }
    }

    /// Returns where its main place begins; 0 when the whole file is meant.
    pub(crate) fn start(&self) -> usize {
        self.labels.first().map_or(0, |label| label.span.start)
    }
}

/// Returns the number of the line that holds a byte of the text. Unit: lines, the first is 1.
///
/// An offset behind the end counts as the end.
#[must_use]
pub fn line_number(text: &str, offset: usize) -> usize {
    line_and_column(text, offset).0
}

/// Returns line and column of a byte of the text. Unit: lines and characters, the first is 1.
///
/// An offset behind the end counts as the end, one inside a character as that character.
#[must_use]
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let column = text[start..].char_indices().take_while(|(at, _)| start + at < offset).count();
    (line, column + 1)
}

/// Returns a text of the user's for use in a message: one line, no control characters, not long.
pub(crate) fn shown(text: &str) -> String {
    const LENGTH_MAX: usize = 48;
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == LENGTH_MAX {
            out.push('…');
            break;
        }
        let steers = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || steers {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "ab\nä€c\n";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 2), (1, 3));
        assert_eq!(line_and_column(text, 3), (2, 1));
        assert_eq!(line_and_column(text, 5), (2, 2));
        assert_eq!(line_and_column(text, 8), (2, 3));
        assert_eq!(line_and_column(text, 10), (3, 1));
        assert_eq!(line_and_column(text, 99), (3, 1));
        assert_eq!(line_number("", 0), 1);
    }

    #[test]
    fn text_of_the_user_is_shown_on_one_line_without_control_characters() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(shown("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(shown(&"é".repeat(60)).chars().count(), 49);
    }
}

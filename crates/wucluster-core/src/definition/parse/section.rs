//! A table of the file with its place, its fields in the order of the file, and typed access to them.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::key::Kind;
use super::source::Source;
use crate::definition::code::Code;
use crate::definition::diagnostic::{Diagnostic, shown};

/// Takes up what is found.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub(super) found: Vec<Diagnostic>,
}

impl Sink {
    /// Takes up one diagnostic.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Reports a value of the wrong type: `expected X, found Y`.
    pub(super) fn wrong_type(
        &mut self,
        field: &Field<'_, '_>,
        expected: &str,
        help: Option<&str>,
        patch: Option<String>,
    ) {
        let found = type_name(field.value);
        let message =
            format!("expected {expected} for `{}` of {}, found {found}", field.shown(), field.of);
        let mut diagnostic = Diagnostic::new(Code::WrongType, message)
            .at(field.span.clone(), format!("this is {found}"))
            .patch(field.span.clone(), patch);
        diagnostic.help = help.map(str::to_owned);
        self.push(diagnostic);
    }
}

/// A table of the file.
#[derive(Debug)]
pub(super) struct Section<'a, 'i> {
    /// What kind of table it is.
    pub(super) kind: Kind,
    /// How it is called in messages, such as ``mount `home` of node `chief` ``.
    pub(super) of: String,
    /// The table.
    pub(super) table: &'a DeTable<'i>,
    /// Where its own key stands.
    pub(super) key: Range<usize>,
    /// Where its header `[...]` or its braces stand.
    pub(super) span: Range<usize>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// Takes a field's value as a section, or reports its wrong type.
    pub(super) fn from_field(
        field: &Field<'a, 'i>,
        kind: Kind,
        of: String,
        help: &str,
        sink: &mut Sink,
    ) -> Option<Self> {
        match field.value {
            DeValue::Table(table) => {
                Some(Self { kind, of, table, key: field.key.clone(), span: field.span.clone() })
            }
            _ => {
                sink.wrong_type(field, "a table", Some(help), None);
                None
            }
        }
    }

    /// Returns all fields in the order of the file.
    pub(super) fn fields<'s>(&'s self) -> Vec<Field<'s, 'i>>
    where
        'a: 's,
    {
        let mut fields: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| Field {
                name: key.get_ref(),
                of: &self.of,
                key: key.span(),
                span: value.span(),
                value: value.get_ref(),
            })
            .collect();
        fields.sort_by_key(|field| field.key.start);
        fields
    }

    /// Returns the field of that name, if it is there.
    pub(super) fn field<'s>(&'s self, name: &str) -> Option<Field<'s, 'i>>
    where
        'a: 's,
    {
        let (key, value) = self.table.get_key_value(name)?;
        Some(Field {
            name: key.get_ref(),
            of: &self.of,
            key: key.span(),
            span: value.span(),
            value: value.get_ref(),
        })
    }

    /// Reports that a key is missing; `example` is a line that would do.
    pub(super) fn missing(&self, source: &Source<'_>, key: &str, example: &str, sink: &mut Sink) {
        let mut diagnostic =
            Diagnostic::new(Code::MissingKey, format!("{} has no `{key}`", self.of))
                .at(self.span.clone(), format!("`{key}` is missing here"))
                .help(format!("add `{example}`"));
        let written = source.text.get(self.span.clone()).unwrap_or_default();
        if written.starts_with('[') && written.ends_with(']') {
            let end = self.span.end;
            diagnostic = diagnostic.patch(end..end, Some(format!("\n{example}")));
        } else if written.starts_with('{') {
            let last = self.table.iter().map(|(_, value)| value.span().end).max();
            let at = last.unwrap_or(self.span.start + 1);
            let comma = if last.is_some() { ", " } else { " " };
            diagnostic = diagnostic.patch(at..at, Some(format!("{comma}{example}")));
        }
        sink.push(diagnostic);
    }
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Field<'a, 'i> {
    /// The key.
    pub(super) name: &'a str,
    /// What section it belongs to, for messages.
    pub(super) of: &'a str,
    /// Where the key stands.
    pub(super) key: Range<usize>,
    /// Where the value stands.
    pub(super) span: Range<usize>,
    /// The value.
    pub(super) value: &'a DeValue<'i>,
}

impl<'a, 'i> Field<'a, 'i> {
    /// Returns the key for use in a message.
    pub(super) fn shown(&self) -> String {
        shown(self.name)
    }

    /// Begins a diagnostic about the value.
    pub(super) fn error(
        &self,
        code: Code,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(code, message).at(self.span.clone(), label)
    }

    /// Returns the value's items as fields of the same name, if it is an array.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        match self.value {
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .map(|item| Self { span: item.span(), value: item.get_ref(), ..self.clone() })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// Returns the value if it is a string, or reports its wrong type.
    pub(super) fn string(&self, sink: &mut Sink) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            sink.wrong_type(self, "a string", None, None);
        }
        text
    }

    /// Returns the value like [`Self::string`]; numbers and booleans get a patch with quotes.
    pub(super) fn string_of_any_word(&self, sink: &mut Sink) -> Option<&'a str> {
        match plain(self.value) {
            Some(word) => {
                let quoted = Some(format!("\"{word}\""));
                sink.wrong_type(self, "a string", Some("put it in quotes"), quoted);
                None
            }
            None => self.string(sink),
        }
    }

    /// Returns the value if it is a whole number, or reports its wrong type.
    ///
    /// Numbers that are too large for the type count as its largest, or smallest when negative.
    pub(super) fn integer(&self, sink: &mut Sink) -> Option<i64> {
        let help = match self.value {
            DeValue::Integer(_) => return integer(self.value),
            DeValue::String(text)
                if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) =>
            {
                let bare = text.trim_start_matches('0');
                let bare = if bare.is_empty() { "0" } else { bare };
                let help = Some("write it without quotes");
                sink.wrong_type(self, "a whole number", help, Some(bare.to_owned()));
                return None;
            }
            DeValue::Float(_) => Some("write it without a point"),
            _ => None,
        };
        sink.wrong_type(self, "a whole number", help, None);
        None
    }

    /// Returns the value if it is `true` or `false`, or reports its wrong type.
    pub(super) fn boolean(&self, sink: &mut Sink) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => return Some(*value),
            DeValue::String(text) => {
                let bare = match text.as_ref() {
                    "true" | "yes" | "on" => Some("true"),
                    "false" | "no" | "off" => Some("false"),
                    _ => None,
                };
                let help = bare.map(|_| "write it without quotes");
                sink.wrong_type(self, "`true` or `false`", help, bare.map(str::to_owned));
            }
            _ => sink.wrong_type(self, "`true` or `false`", None, None),
        }
        None
    }
}

/// Returns a whole number's worth; too large and too small ones become the largest and smallest.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    let (text, radix) = (number.as_str(), number.radix());
    let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(i64::from_str_radix(text, radix).unwrap_or(beyond))
}

/// Returns a number or boolean as it is written, if it is short and plain.
fn plain(value: &DeValue<'_>) -> Option<String> {
    let text = match value {
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::String(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            return None;
        }
    };
    (text.len() <= 32).then_some(text)
}

/// Returns a value's type with its article.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
            "a list of tables"
        }
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

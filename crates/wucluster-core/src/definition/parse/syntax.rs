//! Mistakes in the TOML itself, and what can still be said about the rest of such a file.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use super::source::Source;
use crate::definition::code::Code;
use crate::definition::diagnostic::{Diagnostic, Label, shown};

/// Most keys that are there twice for which the first place is searched.
const SEARCHES_MAX: usize = 8;

/// Joins the mistakes in the TOML with those found in what could still be read of it.
///
/// A mistake in the TOML may bend everything up to the next table header. What was found there, and
/// what is said to be missing from the file, is left out: it might not be true.
pub(super) fn merge(
    source: &Source<'_>,
    errors: &[Error],
    found: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let text = source.text;
    let mut all: Vec<Diagnostic> = Vec::new();
    let mut lines = BTreeSet::new();
    let mut searches = 0;
    for error in errors {
        let span = within(text, error.span().unwrap_or(0..0));
        if error.message().starts_with("duplicate key") {
            let first = if searches < SEARCHES_MAX { first_place(text, &span) } else { None };
            searches += 1;
            all.push(duplicate(text, span, first));
        } else if lines.insert(source.line(span.start)) {
            all.push(syntax(text, error.message(), span));
        }
    }
    if lines.is_empty() {
        all.extend(found);
        return all;
    }
    let bent = bent(source, &lines);
    let trusted = |diagnostic: &Diagnostic| {
        let is_straight = |label: &Label| {
            label.span != (0..0) && bent.get(source.line(label.span.start)) == Some(&false)
        };
        diagnostic.is_error()
            && !NOT_SURE.iter().any(|code| code.as_str() == diagnostic.code)
            && !diagnostic.labels.is_empty()
            && diagnostic.labels.iter().all(is_straight)
    };
    all.extend(found.into_iter().filter(trusted));
    all
}

/// What is not sure as long as parts of the file could not be read.
const NOT_SURE: [Code; 2] = [Code::MissingKey, Code::MissingCluster];

/// Tells for each line whether a mistake in the TOML may have bent it; there is no line 0.
fn bent(source: &Source<'_>, broken: &BTreeSet<usize>) -> Vec<bool> {
    let mut all = vec![true];
    let mut is_bent = false;
    for (at, line) in source.lines().enumerate() {
        is_bent = broken.contains(&(at + 1)) || is_bent && !line.trim_start().starts_with('[');
        all.push(is_bent);
    }
    all
}

fn syntax(text: &str, message: &str, span: Range<usize>) -> Diagnostic {
    let word = text.get(span.clone()).unwrap_or_default();
    let (what, label) = match message.split_once(", expected ") {
        None => (message, "here".to_owned()),
        Some(("string values must be quoted", _)) if word.is_empty() => {
            ("a value is missing", "expected a value".to_owned())
        }
        Some((what @ "string values must be quoted", _)) => (what, "without quotes".to_owned()),
        Some((what, "nothing")) => (what, "does not belong here".to_owned()),
        Some((what, expected)) => (what, format!("expected {}", shown(expected))),
    };
    let line = line_around(text, span.start);
    let mut diagnostic =
        Diagnostic::new(Code::Syntax, format!("this is not TOML: {}", shown(what)))
            .at(span.clone(), label);
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if start.starts_with('{') {
        diagnostic =
            diagnostic.help("the file looks like JSON; a definition is TOML: `key = value`");
    } else if start.starts_with("---") || line_is_yaml(line) {
        diagnostic = diagnostic.help("this looks like YAML; a definition is TOML: `key = value`");
    } else if what.contains("leading zero") && line.trim_start().starts_with("mode") {
        diagnostic = diagnostic.help("a mode is written in quotes: `mode = \"0755\"`");
    } else if what.contains("must be quoted") {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._/:@+-".contains(c);
        if !word.is_empty() && word.len() <= 64 && word.chars().all(plain) {
            let quoted = Some(format!("\"{word}\""));
            diagnostic = diagnostic.help("put it in quotes").patch(span, quoted);
        }
    }
    diagnostic
}

fn line_around(text: &str, offset: usize) -> &str {
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    text[start..].lines().next().unwrap_or_default()
}

/// Says whether a line is `key: value` or `key:`.
fn line_is_yaml(line: &str) -> bool {
    let (key, value) = line.trim().split_once(':').unwrap_or(("", ""));
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !key.is_empty() && key.chars().all(word) && (value.is_empty() || value.starts_with(' '))
}

fn duplicate(text: &str, span: Range<usize>, first: Option<Range<usize>>) -> Diagnostic {
    let key = shown(text.get(span.clone()).unwrap_or_default().trim_matches(['"', '\'']));
    let mut diagnostic = Diagnostic::new(Code::DuplicateKey, format!("`{key}` is there twice"))
        .at(span, "again here")
        .help("keep one of the two");
    if let Some(first) = first {
        diagnostic = diagnostic.at(first, "first here");
    }
    diagnostic
}

/// Finds the first place of a key that is there twice.
///
/// The second one is given a name that nobody uses; then the first one is its neighbour.
fn first_place(text: &str, second: &Range<usize>) -> Option<Range<usize>> {
    const NOBODYS: &str = "the-second-one-of-two-keys-with-one-name";
    let renamed = format!("{}{NOBODYS}{}", &text[..second.start], &text[second.end..]);
    let (root, _) = DeTable::parse_recoverable(&renamed);
    let key = text.get(second.clone())?;
    let key = DeTable::parse_recoverable(&format!("{key} = 0"))
        .0
        .into_inner()
        .keys()
        .next()?
        .get_ref()
        .to_string();
    let table = holder(root.get_ref(), NOBODYS)?;
    let (first, _) = table.get_key_value(key.as_str())?;
    let span = within(text, first.span());
    (span.end <= second.start).then_some(span)
}

/// Finds the table that has a key, at any depth.
fn holder<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    if table.contains_key(key) {
        return Some(table);
    }
    table.values().find_map(|value| holder_in_value(value.get_ref(), key))
}

fn holder_in_value<'a, 'i>(value: &'a DeValue<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    match value {
        DeValue::Table(table) => holder(table, key),
        DeValue::Array(items) => items.iter().find_map(|item| holder_in_value(item.get_ref(), key)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}

/// Returns the nearest range that lies within the text and on character boundaries.
fn within(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

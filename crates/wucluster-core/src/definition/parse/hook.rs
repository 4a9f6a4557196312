//! Hooks: commands of the user's that run on a node.

use toml::de::DeValue;

use super::key::{self, Kind};
use super::section::{Field, Section, Sink};
use super::value;
use crate::definition::code::Code;
use crate::definition::{HOOK_TIMEOUT_DEFAULT, Hook};

/// Longest command of a hook. Unit: bytes.
///
/// Source: what goes to a node in one message with room for the rest; a longer one is a script that
/// belongs into the image.
const COMMAND_LENGTH_MAX: usize = 16 << 10;

/// Longest time limit of a hook. Unit: seconds.
const TIMEOUT_MAX: u64 = 3600;

/// Reads hooks: a string, a table, or a list of both.
pub(super) fn hooks(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Vec<Hook>> {
    match field.value {
        DeValue::String(_) | DeValue::Table(_) => Some(hook(field, sink).into_iter().collect()),
        DeValue::Array(_) => {
            let items = field.items().unwrap_or_default();
            Some(items.iter().filter_map(|item| hook(item, sink)).collect())
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            sink.wrong_type(field, "a command or a list of commands", None, None);
            None
        }
    }
}

fn hook(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Hook> {
    let table = match field.value {
        DeValue::String(_) => {
            let run = command(field, sink)?;
            return Some(Hook { run, timeout: HOOK_TIMEOUT_DEFAULT, blocks: true });
        }
        DeValue::Table(table) => table,
        _ => {
            sink.wrong_type(field, "a command", Some(HELP), None);
            return None;
        }
    };
    let of = format!("hook `{}` of {}", field.shown(), field.of);
    let span = field.span.clone();
    let section =
        Section { kind: Kind::Hook, of, table, key: field.key.clone(), span: span.clone() };
    key::check(&section, sink);
    let run = match section.field("run") {
        Some(run) => command(&run, sink),
        None => {
            let diagnostic = crate::definition::Diagnostic::new(
                Code::MissingKey,
                format!("{} has no `run`", section.of),
            )
            .at(span, "`run` is missing here");
            sink.push(diagnostic.help(HELP));
            None
        }
    };
    let timeout =
        section.field("timeout").map(|field| value::duration(&field, 1, TIMEOUT_MAX, sink));
    let blocks = section.field("blocks").map(|field| field.boolean(sink));
    Some(Hook {
        run: run?,
        timeout: timeout.unwrap_or(Some(HOOK_TIMEOUT_DEFAULT))?,
        blocks: blocks.unwrap_or(Some(true))?,
    })
}

const HELP: &str = "a hook is a command in quotes, or `{ run = \"COMMAND\", timeout = \"30s\" }`";

fn command(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    let text = field.string(sink)?;
    let label = if text.trim().is_empty() {
        "it is empty".to_owned()
    } else if text.len() > COMMAND_LENGTH_MAX {
        format!("it has {} bytes, the most are {COMMAND_LENGTH_MAX}", text.len())
    } else if text.contains('\0') {
        "it has a NUL character in it".to_owned()
    } else {
        return Some(text.to_owned());
    };
    let message = format!("this is not a command that {} can run", field.of);
    let help = "it is handed to `/bin/sh -c`; a longer script belongs into the image";
    sink.push(field.error(Code::HookCommand, message, label).help(help));
    None
}

//! Mount options: which are taken, and which would break what is promised about mounts.

use std::collections::BTreeMap;

use super::section::{Field, Sink};
use crate::definition::code::Code;
use crate::definition::diagnostic::shown;

/// Longest mount option. Unit: bytes.
const OPTION_LENGTH_MAX: usize = 255;

/// Reads the list of mount options.
pub(super) fn options(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Vec<String>> {
    let Some(items) = field.items() else {
        let patch = field.value.as_str().and_then(listed);
        let help = patch.as_ref().map(|_| "write a list, each option on its own");
        sink.wrong_type(field, "a list of strings", help, patch);
        return None;
    };
    let mut first_use = BTreeMap::new();
    let mut options = Vec::new();
    for item in items {
        let Some(option) = option(&item, sink) else { continue };
        if let Some(first) = first_use.get(option) {
            let message = format!("the mount option `{option}` is there twice");
            let diagnostic = item.error(Code::OptionTwice, message, "again here");
            sink.push(diagnostic.at(std::ops::Range::clone(first), "first here"));
        } else {
            first_use.insert(option, item.span.clone());
            options.push(option.to_owned());
        }
    }
    Some(options)
}

fn option<'a>(item: &Field<'a, '_>, sink: &mut Sink) -> Option<&'a str> {
    let text = item.string(sink)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:=@/+-".contains(c);
    let fail = |label: String| item.error(Code::OptionForm, "this is not a mount option", label);
    if text.is_empty() {
        sink.push(fail("it is empty".to_owned()));
    } else if text.len() > OPTION_LENGTH_MAX {
        sink.push(fail(format!("it is longer than {OPTION_LENGTH_MAX} characters")));
    } else if text.contains(',') {
        let parts = listed(text)
            .and_then(|list| Some(list.strip_prefix('[')?.strip_suffix(']')?.to_owned()));
        sink.push(
            fail("these are several".to_owned())
                .help("write each option as a string of its own")
                .patch(item.span.clone(), parts),
        );
    } else if let Some(bad) = text.chars().find(|c| !plain(*c)) {
        let bad = shown(bad.encode_utf8(&mut [0; 4]));
        sink.push(
            fail(format!("`{bad}` may not stand in it"))
                .help("plain are A-Z a-z 0-9 _ . : = @ / + -"),
        );
    } else if text.starts_with('-') {
        sink.push(fail("it begins with `-`".to_owned()).help("leave out `-o` and the like"));
    } else if let Some(why) = refused(text) {
        let message = format!("the mount option `{}` is refused", shown(text));
        sink.push(item.error(Code::OptionRefused, message, why).help("take it out of the list"));
    } else {
        return Some(text);
    }
    None
}

/// Returns why an option is refused, if it is.
fn refused(option: &str) -> Option<&'static str> {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    Some(match (name, value) {
        ("ro" | "read-only", _) => "a mount is there to be written to",
        ("noauto" | "auto", _) => "wucluster alone decides when it is mounted",
        ("remount" | "move", _) => "it would change another mount",
        ("bind" | "rbind", _) => "it would mount a directory, not the volume",
        ("loop" | "offset" | "sizelimit", _) => {
            "it would mount through a loop device, not the volume"
        }
        ("user" | "users" | "owner" | "group", _) => "others could unmount it",
        ("helper" | "uhelper", _) => "another program would unmount it",
        ("noload" | "norecovery", _) => "the journal would not be replayed, and data be lost",
        ("nobarrier", _) | ("barrier", "0") => "data may be lost when a machine dies",
        ("x-systemd.automount", _) => "the system would mount it again by itself",
        _ => return None,
    })
}

/// Returns `a,b` as `["a", "b"]`, if all parts are plain.
fn listed(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:=@/+-".contains(c);
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() || !parts.iter().all(|part| part.chars().all(plain)) {
        return None;
    }
    let quoted: Vec<String> = parts.iter().map(|part| format!("\"{part}\"")).collect();
    Some(format!("[{}]", quoted.join(", ")))
}

//! Single values: sizes, times, words, owners, modes, ids.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

use super::key::nearest;
use super::section::{Field, Sink};
use crate::definition::code::Code;
use crate::definition::diagnostic::{Diagnostic, shown};
use crate::definition::duration::{parse_duration, written};
use crate::definition::memory_size::{MEMORY_LITTLE_MIB, parse_memory};
use crate::definition::quantity::{QuantityError, QuantityFault};
use crate::definition::{FilesystemKind, Provider, Size, is_image_owner};
use crate::ids::SnapshotId;

/// Most processors of a machine. Source: the largest machines of EC2 have 896; QEMU's limit is 4096.
const CPUS_MAX: i64 = 1024;

/// Longest image name, instance type, zone or snapshot id. Unit: bytes.
const WORD_LENGTH_MAX: usize = 255;
/// Most types or zones of a list. Source: no region has more than six zones, and who tries all types in all of them waits for
/// long before he is told.
const CHOICES_MAX: usize = 16;

/// Reads a volume's size.
pub(super) fn size(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Size> {
    let text = quantity_text(field, "GiB", "a size such as \"40 GiB\"", sink)?;
    let error = match Size::parse(text) {
        Ok(size) => return Some(size),
        Err(error) => error,
    };
    let (code, message) = match error.fault {
        QuantityFault::Unit => (Code::SizeUnit, "a size counts in GiB or TiB, as EBS does"),
        QuantityFault::Form => (Code::SizeForm, "a size is a whole number of GiB or TiB"),
        QuantityFault::Range => (Code::SizeRange, "a size is between 1 GiB and 64 TiB"),
    };
    sink.push(quantity(field, code, message, error));
    None
}

/// Reads a machine's memory. Unit: MiB.
pub(super) fn memory(field: &Field<'_, '_>, sink: &mut Sink) -> Option<u32> {
    let text = quantity_text(field, "MiB", "a size such as \"512 MiB\"", sink)?;
    let mib = match parse_memory(text) {
        Ok(mib) => mib,
        Err(error) => {
            let (code, message) = match error.fault {
                QuantityFault::Unit | QuantityFault::Form => {
                    (Code::MemoryForm, "memory is a whole number of MiB or GiB")
                }
                QuantityFault::Range => {
                    (Code::MemoryRange, "memory is between 64 MiB and 24576 GiB")
                }
            };
            sink.push(quantity(field, code, message, error));
            return None;
        }
    };
    if mib < MEMORY_LITTLE_MIB {
        let message = format!("{mib} MiB are little memory for {}", field.of);
        let label = format!("many images need {MEMORY_LITTLE_MIB} MiB to start");
        sink.push(
            field
                .error(Code::LittleMemory, message, label)
                .help("if the machine hangs at its start, give it more"),
        );
    }
    Some(mib)
}

fn quantity_text<'a>(
    field: &Field<'a, '_>,
    unit: &str,
    expected: &str,
    sink: &mut Sink,
) -> Option<&'a str> {
    match field.value {
        DeValue::String(text) => Some(text),
        DeValue::Integer(number) if number.radix() == 10 && number.as_str().len() < 12 => {
            let patch = Some(format!("\"{number} {unit}\""));
            sink.wrong_type(field, expected, Some("write the unit, and quotes around both"), patch);
            None
        }
        _ => {
            sink.wrong_type(field, expected, None, None);
            None
        }
    }
}

fn quantity(field: &Field<'_, '_>, code: Code, message: &str, error: QuantityError) -> Diagnostic {
    let mut diagnostic = field.error(code, message, error.explanation);
    diagnostic.help = error.suggestion.as_ref().map(|meant| format!("write `\"{meant}\"`"));
    diagnostic.patch(field.span.clone(), error.suggestion.map(|meant| format!("\"{meant}\"")))
}

/// Reads a length of time within bounds. Unit of the bounds: seconds.
pub(super) fn duration(
    field: &Field<'_, '_>,
    min: u64,
    max: u64,
    sink: &mut Sink,
) -> Option<Duration> {
    let text = match field.value {
        DeValue::String(text) => text,
        DeValue::Integer(number) if number.radix() == 10 && number.as_str().len() < 12 => {
            let patch = Some(format!("\"{number}s\""));
            let help = Some("write the unit, and quotes around both");
            sink.wrong_type(field, "a time such as \"90s\"", help, patch);
            return None;
        }
        _ => {
            sink.wrong_type(field, "a time such as \"90s\"", None, None);
            return None;
        }
    };
    let name = field.shown();
    match parse_duration(text) {
        Ok(duration) if (min..=max).contains(&duration.as_secs()) => Some(duration),
        Ok(duration) => {
            let message = format!("`{name}` is between {} and {}", written(min), written(max));
            let label = if duration.as_secs() < min { "too short" } else { "too long" };
            sink.push(field.error(Code::DurationRange, message, label));
            None
        }
        Err(error) => {
            let message = format!("`{name}` is a time such as `90s`, `5m` or `1h 30m`");
            let mut diagnostic = field.error(Code::DurationForm, message, error.explanation);
            diagnostic.help = error.suggestion.as_ref().map(|meant| format!("write `\"{meant}\"`"));
            let patch = error.suggestion.map(|meant| format!("\"{meant}\""));
            sink.push(diagnostic.patch(field.span.clone(), patch));
            None
        }
    }
}

/// Reads where a store is. Whether it is there, whoever opens it finds out.
pub(super) fn store(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    const LENGTH_MAX: usize = 1024;
    let text = field.string(sink)?;
    let place = text.strip_prefix("s3://").or_else(|| text.strip_prefix("file://"));
    let label = if text.chars().any(char::is_control) {
        "a control character may not stand in it".to_owned()
    } else if text.len() > LENGTH_MAX {
        format!("it is longer than {LENGTH_MAX} characters")
    } else if place == Some("") || (place.is_none() && !text.starts_with('/')) {
        "neither a bucket nor a folder".to_owned()
    } else {
        return Some(text.to_owned());
    };
    let message = format!("`{}` of {} is no store", field.shown(), field.of);
    sink.push(
        field.error(Code::StoreForm, message, label).help(
            "a store is `s3://BUCKET/PREFIX`, `file:///PATH`, or a path that begins with `/`",
        ),
    );
    None
}

/// Reads an instance type or a zone: a word that goes to the provider as it is.
pub(super) fn word(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    word_with(field, |_| "", WORD_HELP, sink)
}

/// Reads what is tried in its order until one of it can be had: one type or zone, or a list of them. Returns the first, and
/// the others.
pub(super) fn choice(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Choice> {
    let Some(items) = field.items() else {
        return word(field, sink).map(|first| Choice { first, others: Vec::new() });
    };
    let name = field.shown();
    if items.is_empty() || items.len() > CHOICES_MAX {
        let label =
            if items.is_empty() { "none is named" } else { "so many are never tried" }.to_owned();
        let message = format!("`{name}` of {} names 1 to {CHOICES_MAX}", field.of);
        let help = "leave the key out for the provider's default";
        let diagnostic = field.error(Code::ChoiceCount, message, label);
        sink.push(if items.is_empty() { diagnostic.help(help) } else { diagnostic });
        return None;
    }
    let mut first_use: BTreeMap<String, std::ops::Range<usize>> = BTreeMap::new();
    let mut words = Vec::new();
    let mut is_whole = true;
    for item in &items {
        let Some(word) = word(item, sink) else {
            is_whole = false;
            continue;
        };
        if let Some(first) = first_use.get(&word) {
            let message = format!("`{}` is in `{name}` of {} twice", shown(&word), field.of);
            let diagnostic = item.error(Code::ChoiceTwice, message, "again here");
            let help = "they are tried in the order of the list: once is enough";
            sink.push(diagnostic.at(first.clone(), "first here").help(help));
            is_whole = false;
        } else {
            first_use.insert(word.clone(), item.span.clone());
            words.push(word);
        }
    }
    let mut words = words.into_iter();
    let first = words.next().filter(|_| is_whole)?;
    Some(Choice { first, others: words.collect() })
}

/// What is tried in its order until one of it can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// What is tried first.
    pub(super) first: String,
    /// What is tried after that.
    pub(super) others: Vec<String>,
}

/// Reads an image: a word, or a pattern of the names that its owner gives.
pub(super) fn image(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    let has_owner =
        |text: &str| text.split_once('/').is_some_and(|(owner, _)| is_image_owner(owner));
    let more = move |text: &str| if has_owner(text) { "*?" } else { "" };
    word_with(field, more, IMAGE_HELP, sink)
}

const WORD_HELP: &str =
    "plain are A-Z a-z 0-9 . _ / : @ + -; leave the key out for the provider's default";
const IMAGE_HELP: &str = "plain are A-Z a-z 0-9 . _ / : @ + -, and `*` and `?` where an owner is named: \
                          `136693071363/debian-12-amd64-*` is the newest of that account's";

/// Reads a word that may have some characters more than others.
fn word_with(
    field: &Field<'_, '_>,
    more: impl Fn(&str) -> &'static str,
    help: &str,
    sink: &mut Sink,
) -> Option<String> {
    let text = field.string_of_any_word(sink)?;
    let more = more(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/:@+-".contains(c) || more.contains(c);
    let label = if text.is_empty() {
        "it is empty".to_owned()
    } else if text.len() > WORD_LENGTH_MAX {
        format!("it is longer than {WORD_LENGTH_MAX} characters")
    } else if text.starts_with('-') {
        "it begins with `-`".to_owned()
    } else if let Some(bad) = text.chars().find(|c| !plain(*c)) {
        format!("`{}` may not stand in it", shown(bad.encode_utf8(&mut [0; 4])))
    } else {
        return Some(text.to_owned());
    };
    let message =
        format!("`{}` of {} is not a name that a provider knows", field.shown(), field.of);
    sink.push(field.error(Code::WordForm, message, label).help(help));
    None
}

/// Reads the number of processors.
pub(super) fn cpus(field: &Field<'_, '_>, sink: &mut Sink) -> Option<u32> {
    let number = field.integer(sink)?;
    if let (1..=CPUS_MAX, Ok(cpus)) = (number, u32::try_from(number)) {
        return Some(cpus);
    }
    let label = if number < 1 { "too few" } else { "too many" };
    let message = format!("`cpus` is between 1 and {CPUS_MAX}");
    sink.push(field.error(Code::CpusRange, message, label));
    None
}

/// Reads a provider.
pub(super) fn provider(field: &Field<'_, '_>, sink: &mut Sink) -> Option<Provider> {
    match field.string(sink)? {
        "local" => Some(Provider::Local),
        "aws" => Some(Provider::Aws),
        "sim" => Some(Provider::Sim),
        other => {
            let alias = match other.to_ascii_lowercase().as_str() {
                "amazon" | "ec2" | "ebs" => Some("aws"),
                "qemu" | "kvm" | "localhost" => Some("local"),
                "simulator" | "simulation" => Some("sim"),
                _ => None,
            };
            let meant = alias.or_else(|| nearest(other, &["local", "aws", "sim"]));
            sink.push(chosen(
                field,
                Code::UnknownProvider,
                format!("there is no provider `{}`", shown(other)),
                "the providers are `local` (machines on this host), `aws` and `sim` (the simulator)",
                meant,
            ));
            None
        }
    }
}

/// Reads a kind of file system.
pub(super) fn filesystem(field: &Field<'_, '_>, sink: &mut Sink) -> Option<FilesystemKind> {
    match field.string(sink)? {
        "ext4" => Some(FilesystemKind::Ext4),
        "xfs" => Some(FilesystemKind::Xfs),
        other => {
            sink.push(chosen(
                field,
                Code::UnknownFilesystem,
                format!("wucluster cannot make the file system `{}`", shown(other)),
                "it makes `ext4` and `xfs`",
                nearest(other, &["ext4", "xfs"]),
            ));
            None
        }
    }
}

fn chosen(
    field: &Field<'_, '_>,
    code: Code,
    message: String,
    choice: &str,
    meant: Option<&str>,
) -> Diagnostic {
    let diagnostic = field.error(code, message, "unknown");
    match meant {
        Some(meant) => diagnostic
            .help(format!("{choice}; did you mean `{meant}`?"))
            .patch(field.span.clone(), Some(format!("\"{meant}\""))),
        None => diagnostic.help(choice),
    }
}

/// Reads the owner or group of a directory: a name, or a number with or without quotes.
pub(super) fn owner(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    /// Highest number of a user or group; the one above means "no change" to `chown`.
    const NUMBER_MAX: u64 = 4_294_967_294;
    let text = match field.value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        _ => field.string(sink)?.to_owned(),
    };
    let name = |text: &str| {
        let mut chars = text.chars();
        text.len() <= 32
            && chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
            && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
    };
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse::<u64>().is_ok_and(|number| number <= NUMBER_MAX)
    };
    if name(&text) || number(&text) {
        return Some(text);
    }
    let key = field.shown();
    let message = format!("`{key}` of {} is neither a name nor a number", field.of);
    let mut diagnostic = match text.split_once(':') {
        Some((user, group)) if key == "owner" && name(user) && name(group) => field
            .error(Code::OwnerForm, message, "a user and a group in one")
            .help(format!("write `owner = \"{user}\"` and `group = \"{group}\"`")),
        _ => field.error(Code::OwnerForm, message, "not a name that a system uses").help(
            "names are a-z 0-9 _ -, at most 32 and no digit first; numbers go up to 4294967294",
        ),
    };
    let lower = text.to_ascii_lowercase();
    if name(&lower) {
        diagnostic = diagnostic
            .help(format!("did you mean `{lower}`?"))
            .patch(field.span.clone(), Some(format!("\"{lower}\"")));
    }
    sink.push(diagnostic);
    None
}

/// Reads a mode: three or four octal digits in quotes.
pub(super) fn mode(field: &Field<'_, '_>, sink: &mut Sink) -> Option<u32> {
    let octal = |text: &str| {
        let whole = matches!(text.len(), 3 | 4) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
        whole.then(|| u32::from_str_radix(text, 8).ok()).flatten()
    };
    let four = |digits: &str| octal(digits).map(|mode| format!("\"{mode:04o}\""));
    let text = match field.value {
        DeValue::String(text) => text,
        DeValue::Integer(number) => {
            let patch = match number.radix() {
                8 | 10 => four(number.as_str()),
                _ => None,
            };
            let help = Some("a mode is octal, a number in TOML is not: write the digits in quotes");
            sink.wrong_type(field, "a mode such as \"0755\"", help, patch);
            return None;
        }
        _ => {
            sink.wrong_type(field, "a mode such as \"0755\"", None, None);
            return None;
        }
    };
    if let Some(mode) = octal(text) {
        return Some(mode);
    }
    let label = if text.contains(['=', '+', ',']) {
        "this is the form for `chmod`"
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) && matches!(text.len(), 3 | 4) {
        "octal digits are 0 to 7"
    } else {
        "not three or four octal digits"
    };
    let patch = text.strip_prefix("0o").and_then(four);
    sink.push(
        field
            .error(Code::ModeForm, "a mode is three or four octal digits", label)
            .help("such as \"0755\", or \"2775\" to hand the group down")
            .patch(field.span.clone(), patch),
    );
    None
}

/// Reads a snapshot's id.
pub(super) fn snapshot(field: &Field<'_, '_>, sink: &mut Sink) -> Option<SnapshotId> {
    let text = field.string(sink)?;
    let is_id = |text: &str| {
        text.len() <= 64
            && text.strip_prefix("snap-").is_some_and(|digits| {
                !digits.is_empty()
                    && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            })
    };
    if is_id(text) {
        return Some(SnapshotId::new(text));
    }
    let label = if text.starts_with("vol-") {
        "this is a volume"
    } else if text.starts_with("ami-") {
        "this is an image"
    } else {
        "not an id of a snapshot"
    };
    let message = format!("`from` of {} is not a snapshot", field.of);
    let lower = text.to_ascii_lowercase();
    let patch = is_id(&lower).then(|| format!("\"{lower}\""));
    sink.push(
        field
            .error(Code::SnapshotForm, message, label)
            .help("an id is `snap-` and digits 0-9 a-f; `wucluster snapshots` lists those of a cluster")
            .patch(field.span.clone(), patch),
    );
    None
}

//! The section `[prices]`: what things cost, as the user says it.

use toml::de::DeValue;

use super::ec2::VOLUME_TYPES;
use super::key::{self, Kind, nearest};
use super::section::{Field, Section, Sink};
use crate::definition::code::Code;
use crate::definition::diagnostic::{Diagnostic, shown};
use crate::definition::prices::{Price, Prices, PricesByType};

/// Reads the section.
pub(super) fn read(section: &Section<'_, '_>, sink: &mut Sink) -> Prices {
    key::check(section, sink);
    Prices {
        currency: section.field("currency").and_then(|field| currency(&field, sink)),
        as_of: section.field("as-of").and_then(|field| as_of(&field, sink)),
        instance: by_type(section, "instance", None, sink),
        volume: by_type(section, "volume", Some(&VOLUME_TYPES), sink),
        snapshot: section.field("snapshot").and_then(|field| price(&field, false, sink)),
    }
}

/// Reads a price for all types, or a table of them.
fn by_type(
    section: &Section<'_, '_>,
    key: &str,
    known: Option<&'static [&'static str]>,
    sink: &mut Sink,
) -> PricesByType {
    let mut prices = PricesByType::default();
    let Some(field) = section.field(key) else { return prices };
    let DeValue::Table(table) = field.value else {
        prices.all = price(&field, true, sink);
        return prices;
    };
    let of = format!("`{key}` of {}", section.of);
    let section = Section {
        kind: Kind::PriceTable,
        of,
        table,
        key: field.key.clone(),
        span: field.span.clone(),
    };
    for field in section.fields() {
        if let Some(diagnostic) = known.and_then(|known| unknown(&field, known)) {
            sink.push(diagnostic);
        } else if let Some(price) = price(&field, false, sink) {
            prices.of.insert(field.name.to_owned(), price);
        }
    }
    prices
}

fn unknown(field: &Field<'_, '_>, known: &'static [&'static str]) -> Option<Diagnostic> {
    if known.contains(&field.name) {
        return None;
    }
    let message = format!("EBS has no volumes of type `{}`", shown(field.name));
    let choice = format!("the types are `{}`", known.join("`, `"));
    let diagnostic =
        Diagnostic::new(Code::UnknownVolumeType, message).at(field.key.clone(), "unknown");
    Some(match nearest(field.name, known) {
        Some(meant) => diagnostic
            .help(format!("{choice}; did you mean `{meant}`?"))
            .patch(field.key.clone(), Some(meant.to_owned())),
        None => diagnostic.help(choice),
    })
}

fn price(field: &Field<'_, '_>, may_be_table: bool, sink: &mut Sink) -> Option<Price> {
    let text = match field.value {
        DeValue::Float(number) => number.as_str(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        other => {
            let expected = match may_be_table {
                true => "a price such as 0.08, or a table of prices by type",
                false => "a price such as 0.08",
            };
            let quoted = other.as_str().filter(|text| Price::parse(text).is_ok());
            let help = quoted.map(|_| "a price is a number: write it without quotes");
            sink.wrong_type(field, expected, help, quoted.map(str::to_owned));
            return None;
        }
    };
    match Price::parse(text) {
        Ok(price) => Some(price),
        Err(why) => {
            let message = format!("`{}` of {} is no price", field.shown(), field.of);
            sink.push(field.error(Code::PriceForm, message, why).help(
                "a price is a number such as 0.1008: at most six decimals, no sign and no exponent",
            ));
            None
        }
    }
}

fn currency(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    let is_code = |text: &str| text.len() == 3 && text.bytes().all(|c| c.is_ascii_uppercase());
    let text = field.string(sink)?;
    if is_code(text) {
        return Some(text.to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let patch = is_code(&upper).then(|| format!("\"{upper}\""));
    let message = format!("`currency` of {} is no currency", field.of);
    sink.push(
        field
            .error(Code::PricesWord, message, "not three capital letters")
            .help("a currency is a code such as \"USD\" or \"EUR\"")
            .patch(field.span.clone(), patch),
    );
    None
}

fn as_of(field: &Field<'_, '_>, sink: &mut Sink) -> Option<String> {
    let text = field.string(sink)?;
    let number = |part: &str, length: usize| {
        let is_number = part.len() == length && part.bytes().all(|c| c.is_ascii_digit());
        is_number.then(|| part.parse::<u32>().ok()).flatten()
    };
    let parts: Vec<&str> = text.split('-').collect();
    let is_date = match parts.as_slice() {
        [year, month, rest @ ..] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && match rest {
                    [] => true,
                    [day] => number(day, 2).is_some_and(|day| (1..=31).contains(&day)),
                    _ => false,
                }
        }
        _ => false,
    };
    if is_date {
        return Some(text.to_owned());
    }
    let message = format!("`as-of` of {} is no month or day", field.of);
    sink.push(
        field
            .error(Code::PricesWord, message, "not as dates are written here")
            .help("write the month or day of which the prices are: \"2026-11\" or \"2026-11-30\""),
    );
    None
}

//! Lengths of time as people write them: `90s`, `1h 30m`, `2d`.

use std::time::Duration;

use super::diagnostic::shown;
use super::quantity::digits;

/// A length of time that cannot be read, with the reason and often with what was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{explanation}")]
pub struct DurationError {
    /// What is wrong, in one line.
    pub explanation: String,
    /// What to write in its place.
    pub suggestion: Option<String>,
}

/// The units, longest first, with their worth in seconds and other words for them.
const UNITS: [(char, u64, &[&str]); 4] = [
    ('d', 86_400, &["D", "day", "days"]),
    ('h', 3_600, &["H", "hr", "hrs", "hour", "hours"]),
    ('m', 60, &["M", "min", "mins", "minute", "minutes"]),
    ('s', 1, &["S", "sec", "secs", "second", "seconds"]),
];

/// Reads a length of time: whole numbers with `d`, `h`, `m` or `s`, longest unit first.
///
/// Blanks between and before units do not matter. Zero can be read; the caller judges the range.
///
/// # Errors
/// [`DurationError`] says what is wrong and, where it can be known, what was meant.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fail = |explanation: String| DurationError { explanation, suggestion: None };
    let mut rest = text.trim_matches(' ');
    if rest.is_empty() {
        return Err(fail("it is empty".to_owned()));
    }
    if rest.starts_with('-') {
        return Err(fail("it is negative".to_owned()));
    }
    let mut seconds: u64 = 0;
    let mut canonical = Vec::new();
    let mut odd_word = None;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let Some((number, after)) = digits(rest) else {
            return Err(fail(format!("`{}` is not a number with a unit", shown(rest))));
        };
        if after.starts_with('.') {
            return Err(fraction(rest));
        }
        let after = after.trim_start_matches(' ');
        let end = after.find(|c: char| c == ' ' || c.is_ascii_digit()).unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        if word.is_empty() {
            let suggestion = canonical.is_empty().then(|| format!("{number}s"));
            let explanation = "a number without a unit; write `s`, `m`, `h` or `d` behind it";
            return Err(DurationError { explanation: explanation.to_owned(), suggestion });
        }
        let found = UNITS.iter().position(|(letter, _, words)| {
            word.chars().eq(std::iter::once(*letter)) || words.contains(&word)
        });
        let Some(unit) = found else {
            return Err(fail(match word {
                "ms" | "us" | "ns" => "times count in whole seconds".to_owned(),
                _ => format!("`{}` is no unit of time; they are s, m, h and d", shown(word)),
            }));
        };
        if unit < next_unit {
            return Err(fail("units go from long to short, each once".to_owned()));
        }
        next_unit = unit + 1;
        let (letter, worth, _) = UNITS[unit];
        if word.len() > 1 || !word.contains(letter) {
            odd_word = odd_word.or(Some((word, letter)));
        }
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(worth));
        seconds = part
            .and_then(|part| seconds.checked_add(part))
            .ok_or_else(|| fail("longer than can be counted".to_owned()))?;
        canonical.push(format!("{number}{letter}"));
        rest = after.trim_start_matches(' ');
    }
    match odd_word {
        Some((word, letter)) => Err(DurationError {
            explanation: format!("`{word}` is written `{letter}`"),
            suggestion: Some(canonical.join(" ")),
        }),
        None => Ok(Duration::from_secs(seconds)),
    }
}

/// Explains that there are no fractions; `1.5h` is known to mean `1h 30m`.
fn fraction(text: &str) -> DurationError {
    let suggestion = UNITS.iter().find_map(|(letter, worth, _)| {
        let number = text.strip_suffix(*letter)?.trim_end().parse::<f64>().ok()?;
        let seconds = number * *worth as f64;
        (seconds.fract() == 0.0 && (1.0..1e9).contains(&seconds)).then(|| written(seconds as u64))
    });
    DurationError { explanation: "a fraction; numbers are whole".to_owned(), suggestion }
}

/// Returns a length of time as [`parse_duration`] reads it, such as `1h 30m`. Unit: seconds.
pub(crate) fn written(seconds: u64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (letter, worth, _) in UNITS {
        if rest >= worth {
            parts.push(format!("{}{letter}", rest / worth));
            rest %= worth;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_in_seconds() {
        for (text, seconds) in [
            ("90s", 90),
            ("5m", 300),
            ("1h", 3600),
            ("1h 30m", 5400),
            ("1h30m", 5400),
            ("2d", 172_800),
            (" 1d  2h 3m 4 s ", 93_784),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_explained() {
        for (text, explanation, suggestion) in [
            ("", "it is empty", None),
            ("-1s", "it is negative", None),
            ("soon", "`soon` is not a number with a unit", None),
            ("90", "a number without a unit; write `s`, `m`, `h` or `d` behind it", Some("90s")),
            ("1h 30", "a number without a unit; write `s`, `m`, `h` or `d` behind it", None),
            ("5min", "`min` is written `m`", Some("5m")),
            ("1 hour 5 mins", "`hour` is written `h`", Some("1h 5m")),
            ("1H", "`H` is written `h`", Some("1h")),
            ("500ms", "times count in whole seconds", None),
            ("3 weeks", "`weeks` is no unit of time; they are s, m, h and d", None),
            ("1m 1h", "units go from long to short, each once", None),
            ("1m 1m", "units go from long to short, each once", None),
            ("1.5h", "a fraction; numbers are whole", Some("1h 30m")),
            ("0.0001s", "a fraction; numbers are whole", None),
            ("99999999999999999999s", "longer than can be counted", None),
            ("9999999999999999999d", "longer than can be counted", None),
        ] {
            let error = parse_duration(text).expect_err(text);
            assert_eq!(error.explanation, explanation, "{text}");
            assert_eq!(error.suggestion.as_deref(), suggestion, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for seconds in [0, 1, 59, 60, 61, 3600, 86_399, 86_400, 1_000_000] {
            assert_eq!(parse_duration(&written(seconds)), Ok(Duration::from_secs(seconds)));
        }
    }
}

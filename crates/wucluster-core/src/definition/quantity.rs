//! Amounts of bytes as people write them: a whole number and a binary unit.

/// What is wrong with an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantityFault {
    /// It is not a whole number and a unit.
    Form,
    /// Its unit is missing, unknown or not one of those allowed.
    Unit,
    /// It is zero or too large.
    Range,
}

/// An amount that cannot be used, with the reason and often with the amount that was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{explanation}")]
pub struct QuantityError {
    /// What is wrong.
    pub fault: QuantityFault,
    /// The same in words, in one line.
    pub explanation: String,
    /// What to write in its place.
    pub suggestion: Option<String>,
}

/// How one kind of amount is written.
#[derive(Debug)]
pub(crate) struct Scale {
    /// The unit of the result.
    pub(crate) base: &'static str,
    /// Bytes in the unit of the result.
    pub(crate) base_bytes: u64,
    /// Units that may be written, with their worth in the unit of the result.
    pub(crate) units: &'static [(&'static str, u64)],
    /// Largest amount, in the unit of the result.
    pub(crate) max: u64,
    /// The largest amount as people write it.
    pub(crate) max_shown: &'static str,
    /// Why there are no others: `volumes are whole GiB`.
    pub(crate) rule: &'static str,
    /// An amount to follow.
    pub(crate) example: &'static str,
}

/// Bytes in each unit that anyone may write; the last field is the way to write it.
const UNITS: [(&str, u64, &str); 11] = [
    ("b", 1, "B"),
    ("kb", 1_000, "kB"),
    ("mb", 1_000_000, "MB"),
    ("gb", 1_000_000_000, "GB"),
    ("tb", 1_000_000_000_000, "TB"),
    ("pb", 1_000_000_000_000_000, "PB"),
    ("kib", 1 << 10, "KiB"),
    ("mib", 1 << 20, "MiB"),
    ("gib", 1 << 30, "GiB"),
    ("tib", 1 << 40, "TiB"),
    ("pib", 1 << 50, "PiB"),
];

impl Scale {
    /// Reads an amount such as `40 GiB`; the blank before the unit may be missing.
    ///
    /// # Errors
    /// [`QuantityError`] says what is wrong and, where it can be known, what was meant.
    pub(crate) fn parse(&self, text: &str) -> Result<u64, QuantityError> {
        let Some((whole, fraction, unit)) = split(text) else {
            return Err(self.form(text));
        };
        let number = match fraction {
            Some(fraction) => format!("{whole}.{fraction}"),
            None => whole.to_owned(),
        };
        let worth = match self.units.iter().find(|(name, _)| *name == unit) {
            Some((_, worth)) => *worth,
            None => return Err(self.unit(&number, fraction.is_none(), unit)),
        };
        if fraction.is_some() {
            let bytes = as_bytes(&number, worth.saturating_mul(self.base_bytes));
            return Err(QuantityError {
                fault: QuantityFault::Form,
                explanation: format!("a fraction; {}", self.rule),
                suggestion: self.rounded_up(bytes),
            });
        }
        let amount = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(worth));
        match amount {
            Some(0) => Err(self.range("nothing fits into zero".to_owned())),
            Some(amount) if amount <= self.max => Ok(amount),
            Some(_) | None => Err(self.range(format!("more than {}", self.max_shown))),
        }
    }

    fn form(&self, text: &str) -> QuantityError {
        let trimmed = text.trim();
        let explanation = if trimmed.is_empty() {
            "it is empty".to_owned()
        } else if trimmed.starts_with('-') {
            "it is negative".to_owned()
        } else if trimmed.contains(',') || trimmed.contains('_') {
            "digits are written without commas or underscores".to_owned()
        } else {
            "it is not a whole number and a unit".to_owned()
        };
        let bare: String = trimmed.chars().filter(|c| !matches!(c, ',' | '_')).collect();
        let suggestion = (bare != trimmed && self.parse(&bare).is_ok()).then_some(bare);
        QuantityError { fault: QuantityFault::Form, explanation, suggestion }
    }

    fn range(&self, explanation: String) -> QuantityError {
        QuantityError { fault: QuantityFault::Range, explanation, suggestion: None }
    }

    fn unit(&self, number: &str, is_whole: bool, unit: &str) -> QuantityError {
        let fail = |explanation, suggestion: Option<String>| QuantityError {
            fault: QuantityFault::Unit,
            explanation,
            suggestion: suggestion.filter(|amount| self.parse(amount).is_ok()),
        };
        if unit.is_empty() {
            let (base, example) = (self.base, self.example);
            return fail(
                format!("a number without a unit; write it as in `{example}`"),
                is_whole.then(|| format!("{number} {base}")),
            );
        }
        let lower = unit.to_ascii_lowercase();
        let known = UNITS.iter().find(|(name, _, _)| *name == lower);
        let binary = match lower.as_bytes() {
            [letter @ (b'k' | b'm' | b'g' | b't' | b'p')] | [letter, b'b'] => {
                let name = format!("{}iB", (*letter as char).to_ascii_uppercase());
                self.units.iter().find(|(unit, _)| *unit == name).map(|(unit, _)| *unit)
            }
            _ => {
                self.units.iter().find(|(name, _)| *name == known.map_or("", |k| k.2)).map(|u| u.0)
            }
        };
        let same_number = binary.filter(|_| is_whole).map(|binary| format!("{number} {binary}"));
        let Some((_, bytes, written)) = known else {
            return match binary {
                Some(binary) => fail(
                    format!(
                        "`{unit}` may mean {}B or {binary}; write {binary}",
                        unit.to_ascii_uppercase()
                    ),
                    same_number,
                ),
                None => fail(format!("`{}` is no unit here", super::diagnostic::shown(unit)), None),
            };
        };
        if binary == Some(*written) {
            return fail(format!("`{unit}` is written `{written}`"), same_number);
        }
        let bytes = as_bytes(number, *bytes);
        let worth = bytes / self.base_bytes as f64;
        let worth = match worth {
            worth if worth < 0.1 => format!("less than 0.1 {}", self.base),
            worth if worth.fract() == 0.0 && worth < 1e9 => format!("{worth} {}", self.base),
            worth if worth < 1e9 => format!("{worth:.1} {}", self.base),
            _ => format!("far too many {}", self.base),
        };
        let suggestion = same_number.or_else(|| self.rounded_up(bytes));
        fail(format!("`{unit}` would be {worth}; {}", self.rule), suggestion)
    }

    /// Returns the next amount that may be written and holds that many bytes.
    fn rounded_up(&self, bytes: f64) -> Option<String> {
        let amount = (bytes / self.base_bytes as f64).ceil().max(1.0);
        (amount <= self.max as f64).then(|| format!("{amount} {}", self.base))
    }
}

fn as_bytes(number: &str, unit: u64) -> f64 {
    number.parse::<f64>().unwrap_or(f64::INFINITY) * unit as f64
}

/// Splits `12.5 GB` into `12`, `5` and `GB`.
fn split(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let text = text.trim_matches(' ');
    let (whole, rest) = digits(text)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let (fraction, rest) = digits(rest)?;
            (Some(fraction), rest)
        }
        None => (None, rest),
    };
    let unit = rest.trim_start_matches(' ');
    unit.bytes().all(|byte| byte.is_ascii_alphabetic()).then_some((whole, fraction, unit))
}

/// Splits off the digits at the beginning, at least one.
pub(crate) fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

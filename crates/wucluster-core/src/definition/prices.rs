//! What things cost, as the user says it.

use std::collections::BTreeMap;
use std::fmt;

/// An amount of money. Unit: millionths of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Price(u64);

impl Price {
    /// The highest price that is taken. Unit: millionths of the currency.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// Makes it of millionths of the currency.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns it in millionths of the currency.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Reads a decimal number such as `0.1008`: without a sign or an exponent, at most six decimals, at most a million.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.starts_with('-') {
            return Err("a price is not negative");
        }
        if whole.is_empty() || !are_digits(whole) || !are_digits(part) {
            return Err("not a plain decimal number");
        }
        if part.len() > 6 {
            return Err("more than six decimals");
        }
        let micros = format!("{whole}{part:0<6}").parse::<u64>().ok().map(Self);
        micros.filter(|price| *price <= Self::MAX).ok_or("more than a million")
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cents are enough where there are some; of less than ten of them, two digits are.
        if self.0 >= 99_500 {
            let cents = (self.0 + 5_000) / 10_000;
            return write!(f, "{}.{:02}", cents / 100, cents % 100);
        }
        let unit = 10_u64.pow(self.0.checked_ilog10().unwrap_or(0).saturating_sub(1));
        let rounded = format!("{:06}", (self.0 + unit / 2) / unit * unit);
        write!(f, "0.{:0<2}", rounded.trim_end_matches('0'))
    }
}

/// A price for each type, or one for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PricesByType {
    /// What every type costs that is not listed.
    pub all: Option<Price>,
    /// What these types cost.
    pub of: BTreeMap<String, Price>,
}

impl PricesByType {
    /// Returns what a type costs; `None`: it is not said.
    #[must_use]
    pub fn get(&self, kind: Option<&str>) -> Option<Price> {
        kind.and_then(|kind| self.of.get(kind).copied()).or(self.all)
    }
}

/// The section `[prices]`: they take the place of the program's own list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices {
    /// The currency, such as `USD`. `None`: `USD`.
    pub currency: Option<String>,
    /// As of when they are so, such as `2026-11`; only shown.
    pub as_of: Option<String>,
    /// Machines that run, by instance type. Unit: an hour.
    pub instance: PricesByType,
    /// Volumes and root disks, by volume type. Unit: a GiB and month.
    pub volume: PricesByType,
    /// Snapshots. Unit: a GiB and month.
    pub snapshot: Option<Price>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_a_plain_decimal_number() {
        let micros = |text| Price::parse(text).map(Price::micros);
        assert_eq!(micros("0.1008"), Ok(100_800));
        assert_eq!(micros("3"), Ok(3_000_000));
        assert_eq!(micros("0.000001"), Ok(1));
        assert_eq!(micros("1000000"), Ok(1_000_000_000_000));
        for wrong in
            ["", ".5", "-1", "1e3", "0.0000001", "1000000.1", "inf", "1_0", "99999999999999999999"]
        {
            assert!(micros(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_amount_is_shown_with_cents_and_little_ones_as_they_are() {
        let shown = |micros| Price::from_micros(micros).to_string();
        assert_eq!(shown(1_234_999), "1.23");
        assert_eq!(shown(0), "0.00");
        assert_eq!(shown(50_000), "0.05");
        assert_eq!(shown(5_479), "0.0055");
        assert_eq!(shown(15_343), "0.015");
        assert_eq!(shown(99_700), "0.10");
        assert_eq!(shown(9_999), "0.01");
        assert_eq!(shown(7), "0.000007");
        assert_eq!(shown(999_999), "1.00");
    }
}

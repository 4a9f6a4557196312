//! Sizes of volumes: whole GiB, as EBS counts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::quantity::{QuantityError, Scale};

/// A volume's size. Unit: whole GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Size {
    gib: u32,
}

/// How sizes are written.
///
/// Source of the largest: 64 TiB is the limit of the largest EBS volume types.
const SCALE: Scale = Scale {
    base: "GiB",
    base_bytes: 1 << 30,
    units: &[("GiB", 1), ("TiB", 1024)],
    max: 64 * 1024,
    max_shown: "64 TiB",
    rule: "volumes are whole GiB",
    example: "40 GiB",
};

impl Size {
    /// Reads a size such as `40 GiB` or `2 TiB`.
    ///
    /// # Errors
    /// [`QuantityError`] for other units, fractions, zero and more than 64 TiB; it often knows what
    /// was meant.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let gib = SCALE.parse(text)?;
        Ok(Self { gib: u32::try_from(gib).unwrap_or(u32::MAX) })
    }

    /// Makes a size of that many GiB.
    #[must_use]
    pub const fn from_gib(gib: u32) -> Self {
        Self { gib }
    }

    /// Returns the size in GiB.
    #[must_use]
    pub const fn gib(self) -> u32 {
        self.gib
    }

    /// Returns the size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        (self.gib as u64) << 30
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} GiB", self.gib))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::quantity::QuantityFault::{Form, Range, Unit};

    #[test]
    fn whole_gib_and_tib_are_sizes() {
        for (text, gib) in [
            ("1 GiB", 1),
            ("40GiB", 40),
            (" 40  GiB ", 40),
            ("2 TiB", 2048),
            ("64 TiB", 65536),
            ("0040 GiB", 40),
        ] {
            assert_eq!(Size::parse(text).map(Size::gib), Ok(gib), "{text}");
        }
    }

    #[test]
    fn other_sizes_are_refused_and_often_the_meant_one_is_known() {
        for (text, fault, explanation, suggestion) in [
            ("200 GB", Unit, "`GB` would be 186.3 GiB; volumes are whole GiB", Some("200 GiB")),
            ("1.5 TB", Unit, "`TB` would be 1397.0 GiB; volumes are whole GiB", Some("1397 GiB")),
            ("500 MiB", Unit, "`MiB` would be 0.5 GiB; volumes are whole GiB", Some("1 GiB")),
            ("1 MB", Unit, "`MB` would be less than 0.1 GiB; volumes are whole GiB", Some("1 GiB")),
            ("1 PiB", Unit, "`PiB` would be 1048576 GiB; volumes are whole GiB", None),
            ("20G", Unit, "`G` may mean GB or GiB; write GiB", Some("20 GiB")),
            ("20 gib", Unit, "`gib` is written `GiB`", Some("20 GiB")),
            ("20", Unit, "a number without a unit; write it as in `40 GiB`", Some("20 GiB")),
            ("20 apples", Unit, "`apples` is no unit here", None),
            ("1.5 TiB", Form, "a fraction; volumes are whole GiB", Some("1536 GiB")),
            (
                "1,000 GiB",
                Form,
                "digits are written without commas or underscores",
                Some("1000 GiB"),
            ),
            ("-5 GiB", Form, "it is negative", None),
            ("", Form, "it is empty", None),
            ("big", Form, "it is not a whole number and a unit", None),
            ("4 0 GiB", Form, "it is not a whole number and a unit", None),
            ("0 GiB", Range, "nothing fits into zero", None),
            ("65 TiB", Range, "more than 64 TiB", None),
            ("99999999999999999999999999 GiB", Range, "more than 64 TiB", None),
        ] {
            let error = Size::parse(text).expect_err(text);
            assert_eq!(error.fault, fault, "{text}");
            assert_eq!(error.explanation, explanation, "{text}");
            assert_eq!(error.suggestion.as_deref(), suggestion, "{text}");
        }
    }
}

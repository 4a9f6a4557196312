//! Sizes of memory: whole MiB.

use super::quantity::{QuantityError, QuantityFault, Scale};

/// The least memory that a machine may be given. Unit: MiB.
///
/// Source: below it no kernel with an initial file system starts.
pub const MEMORY_MIN_MIB: u32 = 64;

/// The memory below which a warning is given. Unit: MiB.
///
/// Source: common cloud images ask for 256 MiB or more to start.
pub const MEMORY_LITTLE_MIB: u32 = 256;

/// How sizes of memory are written.
///
/// Source of the largest: 24 TiB is the memory of the largest machines of EC2.
const SCALE: Scale = Scale {
    base: "MiB",
    base_bytes: 1 << 20,
    units: &[("MiB", 1), ("GiB", 1024)],
    max: 24 << 20,
    max_shown: "24576 GiB",
    rule: "memory is whole MiB",
    example: "512 MiB",
};

/// Reads a size of memory such as `512 MiB` or `4 GiB`. Unit of the result: MiB.
///
/// # Errors
/// [`QuantityError`] for other units, fractions, less than [`MEMORY_MIN_MIB`] and more than 24 TiB.
pub fn parse_memory(text: &str) -> Result<u32, QuantityError> {
    let mib = u32::try_from(SCALE.parse(text)?).unwrap_or(u32::MAX);
    if mib < MEMORY_MIN_MIB {
        return Err(QuantityError {
            fault: QuantityFault::Range,
            explanation: format!("no system starts with less than {MEMORY_MIN_MIB} MiB"),
            suggestion: None,
        });
    }
    Ok(mib)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_whole_mib_or_gib() {
        assert_eq!(parse_memory("512 MiB"), Ok(512));
        assert_eq!(parse_memory("4GiB"), Ok(4096));
        let suggestion = |text| parse_memory(text).expect_err(text).suggestion;
        assert_eq!(suggestion("512 MB"), Some("512 MiB".to_owned()));
        assert_eq!(suggestion("512M"), Some("512 MiB".to_owned()));
        assert_eq!(suggestion("0.5 GiB"), Some("512 MiB".to_owned()));
        assert_eq!(suggestion("512"), Some("512 MiB".to_owned()));
        assert_eq!(suggestion("8 MiB"), None);
        assert_eq!(suggestion("25000 GiB"), None);
    }
}

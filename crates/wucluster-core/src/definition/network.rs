//! What lets a person's ssh reach the nodes, where wucluster makes it and puts it away. Providers without networks ignore it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A security group and a key pair that wucluster makes for a cluster, and deletes when the cluster is away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManagedNetwork {
    /// From where ssh is let in. Empty: from the address under which the caller is seen.
    pub ssh_from: Vec<AddressBlock>,
    /// Whose ssh is let in. `None`: whoever has one of the caller's usual keys.
    pub public_key: Option<PublicKey>,
}

/// A public key of ssh, or where one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A file: absolute, or with `~/` for the caller's home.
    File(String),
    /// The key itself, such as `ssh-ed25519 AAAA…`.
    Text(String),
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(text) | Self::Text(text) => f.pad(text),
        }
    }
}

/// Addresses that have their first bits in common, such as `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressBlock {
    /// The first address.
    address: IpAddr,
    /// How many bits they have in common.
    bits: u8,
}

impl AddressBlock {
    /// Returns one address alone.
    #[must_use]
    pub const fn one(address: IpAddr) -> Self {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Self { address, bits }
    }

    /// Says whether these are addresses of IPv6.
    #[must_use]
    pub const fn is_v6(&self) -> bool {
        self.address.is_ipv6()
    }

    /// Says whether these are all addresses there are.
    #[must_use]
    pub const fn is_everywhere(&self) -> bool {
        self.bits == 0
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.address, self.bits))
    }
}

/// Why a text is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressBlockError {
    /// What is wrong.
    pub why: &'static str,
    /// What was probably meant.
    pub meant: Option<AddressBlock>,
}

impl FromStr for AddressBlock {
    type Err = AddressBlockError;

    /// Reads `ADDRESS/BITS`, or an address alone. As EC2 does, it takes no block that begins in its middle.
    fn from_str(text: &str) -> Result<Self, AddressBlockError> {
        let fail = |why| AddressBlockError { why, meant: None };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| fail("it is no address"))?;
        let whole = Self::one(address);
        let Some(bits) = bits else { return Ok(whole) };
        let is_number = !bits.is_empty() && bits.bytes().all(|c| c.is_ascii_digit());
        let bits: u8 = match bits.parse() {
            Ok(bits) if is_number && bits <= whole.bits => bits,
            _ => return Err(fail("an address has 32 bits, one of IPv6 128")),
        };
        let first = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        };
        let meant = Self { address: first, bits };
        if first == address {
            return Ok(meant);
        }
        Err(AddressBlockError { why: "it begins in the middle of a block", meant: Some(meant) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_they_are_written() {
        for (text, shown) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/32", "203.0.113.7/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:DB8::7", "2001:db8::7/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(
                text.parse::<AddressBlock>().map(|block| block.to_string()),
                Ok(shown.into())
            );
        }
        for text in ["", "auto", "203.0.113/24", "203.0.113.7/33", "203.0.113.7/", "10.0.0.0/+8"] {
            let error = text.parse::<AddressBlock>().unwrap_err();
            assert_eq!(error.meant, None, "{text}");
        }
        let error = "203.0.113.7/24".parse::<AddressBlock>().unwrap_err();
        assert_eq!(error.meant.map(|block| block.to_string()).as_deref(), Some("203.0.113.0/24"));
        let error = "2001:db8::7/32".parse::<AddressBlock>().unwrap_err();
        assert_eq!(error.meant.map(|block| block.to_string()).as_deref(), Some("2001:db8::/32"));
    }

    #[test]
    fn everywhere_is_known_as_such() {
        let everywhere = |text: &str| text.parse::<AddressBlock>().unwrap().is_everywhere();
        assert!(everywhere("0.0.0.0/0") && everywhere("::/0") && !everywhere("0.0.0.0/1"));
    }
}

//! What a recipe says about the network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a node chooses the address that its programs listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressPolicy {
    /// This machine alone: 127.0.0.1.
    Loopback,
    /// The fastest interface.
    Fastest,
    /// The interface of this name.
    Named(String),
    /// The interface with an address in this network.
    Within(Cidr),
    /// What the node's host name with this suffix resolves to, such as `-ib0` or `.hsn`.
    Suffix(String),
}

/// Reads what a recipe says in `network.interface`. What begins with `-` or `.` is a suffix, what has a slash a network.
impl From<&str> for AddressPolicy {
    fn from(text: &str) -> Self {
        match text {
            "auto" => Self::Fastest,
            suffix if suffix.starts_with(['-', '.']) => Self::Suffix(suffix.to_owned()),
            other => other
                .parse()
                .map_or_else(|_| Self::Named(other.to_owned()), Self::Within),
        }
    }
}

/// A network: `10.3.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    network: IpAddr,
    prefix: u32,
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network: write for example 10.3.0.0/16")]
pub struct InvalidCidr(String);

impl Cidr {
    /// The network of an address with this mask; none if the mask is none.
    pub(super) fn with_mask(address: IpAddr, mask: IpAddr) -> Option<Self> {
        let (bits, ones, zeros) = match mask {
            IpAddr::V4(mask) => (32, mask.to_bits().leading_ones(), mask.to_bits().trailing_zeros()),
            IpAddr::V6(mask) => (
                128,
                mask.to_bits().leading_ones(),
                mask.to_bits().trailing_zeros(),
            ),
        };
        let is_mask = ones + zeros == bits && mask.is_ipv4() == address.is_ipv4();
        is_mask.then_some(Self {
            network: address,
            prefix: ones,
        })
    }

    /// Whether the address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Self, InvalidCidr> {
        let read = || -> Option<Self> {
            let (network, prefix) = text.split_once('/')?;
            let network: IpAddr = network.parse().ok()?;
            let longest = if network.is_ipv4() { 32 } else { 128 };
            let prefix: u8 = prefix.parse().ok()?;
            (prefix <= longest).then_some(Self {
                network,
                prefix: prefix.into(),
            })
        };
        read().ok_or_else(|| InvalidCidr(text.chars().take(100).collect()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl TryFrom<String> for Cidr {
    type Error = InvalidCidr;

    fn try_from(text: String) -> Result<Self, InvalidCidr> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_recipe_says() {
        assert_eq!(AddressPolicy::from("auto"), AddressPolicy::Fastest);
        assert_eq!(AddressPolicy::from("ib0"), AddressPolicy::Named("ib0".to_owned()));
        assert_eq!(
            AddressPolicy::from("-ib"),
            AddressPolicy::Suffix("-ib".to_owned())
        );
        assert_eq!(
            AddressPolicy::from(".hsn"),
            AddressPolicy::Suffix(".hsn".to_owned())
        );
        let network = AddressPolicy::from("10.3.0.0/16");
        assert!(matches!(network, AddressPolicy::Within(_)), "{network:?}");
        assert_eq!(
            AddressPolicy::from("10.3.0.0/33"),
            AddressPolicy::Named("10.3.0.0/33".to_owned())
        );
    }

    #[test]
    fn a_network_ends_at_its_prefix() {
        let inside = |network: &str, address: &str| {
            let network: Cidr = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(inside("10.3.0.0/16", "10.3.255.1") && !inside("10.3.0.0/16", "10.4.0.0"));
        assert!(inside("10.3.0.7/32", "10.3.0.7") && !inside("10.3.0.7/32", "10.3.0.6"));
        assert!(inside("0.0.0.0/0", "192.0.2.1") && !inside("0.0.0.0/0", "::1"));
        assert!(inside("fd00:1::/32", "fd00:1::5") && !inside("fd00:1::/32", "fd00:2::5"));
    }

    #[test]
    fn a_mask_is_a_prefix() {
        let with = |address: &str, mask: &str| {
            Cidr::with_mask(address.parse().unwrap(), mask.parse().unwrap()).map(|cidr| cidr.to_string())
        };
        assert_eq!(with("10.3.0.7", "255.255.0.0").unwrap(), "10.3.0.7/16");
        assert_eq!(with("10.3.0.7", "255.255.255.255").unwrap(), "10.3.0.7/32");
        assert_eq!(with("fd00::7", "ffff:ffff::").unwrap(), "fd00::7/32");
        assert_eq!(with("10.3.0.7", "255.0.255.0"), None);
        assert_eq!(with("10.3.0.7", "ffff::"), None);
    }

    #[test]
    fn is_written_as_it_is_read() {
        let policy = AddressPolicy::from("fd00::/8");
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(json, r#"{"within":"fd00::/8"}"#);
        assert_eq!(serde_json::from_str::<AddressPolicy>(&json).unwrap(), policy);
    }
}

//! The interfaces of this node, from the system.

use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

use super::{AddressError, AddressPolicy, Interface, InterfaceKind, NodeAddress, choose};

/// Where the kernel shows its interfaces.
const SYS: &str = "/sys/class/net";
/// The kernel's number for InfiniBand.
const INFINIBAND: &str = "32";

/// This node's interfaces.
pub fn interfaces() -> Result<Vec<Interface>, AddressError> {
    let mut found: Vec<Interface> = Vec::new();
    for entry in getifaddrs().map_err(|error| AddressError::List(error.into()))? {
        let address = entry.address.as_ref().and_then(ip);
        if let Some(known) = found.iter_mut().find(|known| known.name == entry.interface_name) {
            known.addresses.extend(address);
            continue;
        }
        let folder = Path::new(SYS).join(&entry.interface_name);
        let shown = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let speed = shown("speed").and_then(|speed| speed.trim().parse().ok());
        let is_infiniband = shown("type").is_some_and(|kind| kind.trim() == INFINIBAND);
        let is_loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let has_device = folder.join("device").exists();
        found.push(Interface {
            addresses: address.into_iter().collect(),
            // A driver that does not know says -1, or 0.
            speed_mbps: speed.filter(|speed| *speed > 0),
            is_up: entry
                .flags
                .contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
            kind: InterfaceKind::of(&entry.interface_name, is_loopback, is_infiniband, has_device),
            name: entry.interface_name,
        });
    }
    Ok(found)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// The address that this node's programs listen on. `host` is the name that a suffix is appended to. May ask a name server.
pub fn own_address(policy: &AddressPolicy, host: &str) -> Result<NodeAddress, AddressError> {
    if *policy == AddressPolicy::Loopback {
        return Ok(NodeAddress::loopback());
    }
    let resolved = match policy {
        AddressPolicy::Suffix(suffix) => resolve(&format!("{host}{suffix}"))?,
        _ => Vec::new(),
    };
    choose(policy, &interfaces()?, &resolved)
}

fn resolve(name: &str) -> Result<Vec<IpAddr>, AddressError> {
    let unresolved = |problem: String| AddressError::Unresolved {
        name: name.to_owned(),
        problem,
    };
    let found = (name, 0)
        .to_socket_addrs()
        .map_err(|error| unresolved(format!("cannot be resolved: {error}")))?;
    Ok(found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_loopback_interface() {
        let all = interfaces().unwrap();
        let lo = all
            .iter()
            .find(|interface| interface.kind == InterfaceKind::Loopback);
        let lo = lo.unwrap();
        assert!(lo.addresses.iter().all(IpAddr::is_loopback), "{lo:?}");
    }

    #[test]
    fn a_name_that_leads_nowhere_says_so() {
        let error = own_address(&AddressPolicy::Suffix(".invalid".to_owned()), "node").unwrap_err();
        assert!(error.to_string().contains("node.invalid"), "{error}");
        assert_eq!(
            own_address(&AddressPolicy::Loopback, "node").unwrap(),
            NodeAddress::loopback()
        );
    }
}

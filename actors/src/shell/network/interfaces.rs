//! The interfaces of this node, from the system.

use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

use super::{AddressError, AddressPolicy, Cidr, Interface, InterfaceKind, NodeAddress, choose};

/// Where the kernel shows its interfaces.
const SYS: &str = "/sys/class/net";
/// How deep an interface may lie on others: a VLAN on a bond of cards is two.
const MAX_DEPTH: u32 = 4;
/// How the kernel names the links from an interface to those that it lies on.
const LOWER: &str = "lower_";
/// The kernel's number for InfiniBand.
const INFINIBAND: &str = "32";

/// This node's interfaces.
pub fn interfaces() -> Result<Vec<Interface>, AddressError> {
    let mut found: Vec<Interface> = Vec::new();
    for entry in getifaddrs().map_err(|error| AddressError::List(error.into()))? {
        let address = entry.address.as_ref().and_then(ip);
        let mask = entry.netmask.as_ref().and_then(ip);
        let network = address
            .zip(mask)
            .and_then(|(address, mask)| Cidr::with_mask(address, mask));
        if let Some(known) = found.iter_mut().find(|known| known.name == entry.interface_name) {
            known.addresses.extend(address);
            known.networks.extend(network);
            continue;
        }
        let folder = Path::new(SYS).join(&entry.interface_name);
        let shown = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let speed = shown("speed").and_then(|speed| speed.trim().parse().ok());
        let is_infiniband = shown("type").is_some_and(|kind| kind.trim() == INFINIBAND);
        let is_loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let has_device = leads_to_device(&folder, MAX_DEPTH);
        found.push(Interface {
            addresses: address.into_iter().collect(),
            networks: network.into_iter().collect(),
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

/// Whether there is hardware behind an interface, or behind one that it lies on: bonds, VLANs and bridges have no device of
/// their own.
fn leads_to_device(folder: &Path, depth: u32) -> bool {
    if folder.join("device").exists() {
        return true;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut lower = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(LOWER));
    depth > 0 && lower.any(|entry| leads_to_device(&entry.path(), depth - 1))
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// The address that this node's programs listen on. `host` is the name that a suffix is appended to, `peer` the address of
/// another node that is to be reached. May ask a name server.
pub fn own_address(
    policy: &AddressPolicy,
    host: &str,
    peer: Option<IpAddr>,
) -> Result<NodeAddress, AddressError> {
    if *policy == AddressPolicy::Loopback {
        return Ok(NodeAddress::loopback());
    }
    let resolved = match policy {
        AddressPolicy::Suffix(suffix) => resolve(&format!("{host}{suffix}"))?,
        _ => Vec::new(),
    };
    choose(policy, &interfaces()?, &resolved, peer)
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
    fn a_bond_of_cards_and_a_vlan_on_it_have_hardware_behind_them() {
        let sys = tempfile::tempdir().unwrap();
        let interface = |name: &str, lower: &[&str]| {
            let folder = sys.path().join(name);
            fs::create_dir(&folder).unwrap();
            for below in lower {
                let link = folder.join(format!("{LOWER}{below}"));
                std::os::unix::fs::symlink(sys.path().join(below), link).unwrap();
            }
            folder
        };
        let card = interface("eno1", &[]);
        fs::create_dir(card.join("device")).unwrap();
        interface("veth0", &[]);
        let hardware = [
            card,
            interface("bond0", &["eno1"]),
            interface("bond0.7", &["bond0"]),
        ];
        for folder in hardware {
            assert!(leads_to_device(&folder, MAX_DEPTH), "{}", folder.display());
        }
        for folder in [
            interface("br1", &["veth0"]),
            interface("tun0", &[]),
            interface("loop0", &["loop0"]),
        ] {
            assert!(!leads_to_device(&folder, MAX_DEPTH), "{}", folder.display());
        }
    }

    #[test]
    fn addresses_lie_in_their_networks() {
        let all = interfaces().unwrap();
        let lo = all
            .iter()
            .find(|interface| interface.kind == InterfaceKind::Loopback);
        let near = "127.0.0.77".parse().unwrap();
        assert!(lo.unwrap().networks.iter().any(|network| network.contains(near)));
    }

    #[test]
    fn a_name_that_leads_nowhere_says_so() {
        let error = own_address(&AddressPolicy::Suffix(".invalid".to_owned()), "node", None).unwrap_err();
        assert!(error.to_string().contains("node.invalid"), "{error}");
        assert_eq!(
            own_address(&AddressPolicy::Loopback, "node", None).unwrap(),
            NodeAddress::loopback()
        );
    }
}

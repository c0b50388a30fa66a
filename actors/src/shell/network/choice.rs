//! Choosing among a node's interfaces.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{AddressPolicy, Cidr};

/// Names of bridges that container engines and hypervisors make.
const BRIDGES: [&str; 8] = [
    "docker", "br-", "virbr", "cni", "podman", "lxcbr", "lxdbr", "flannel",
];
/// How the interfaces of HPE's Slingshot network are named.
const SLINGSHOT: &str = "hsn";

/// What an interface leads to; what comes later is better for a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterfaceKind {
    /// This machine only.
    Loopback,
    /// A bridge of a container engine or a hypervisor: other nodes cannot be reached through it.
    Bridge,
    /// No device: it may still be the only way out, in a container for example.
    Virtual,
    /// A network card.
    Card,
    /// A network that is made for this: InfiniBand, Slingshot.
    Fabric,
}

impl InterfaceKind {
    /// The kind of an interface of this name. `has_device`: there is hardware behind it.
    pub fn of(name: &str, is_loopback: bool, is_infiniband: bool, has_device: bool) -> Self {
        if is_loopback {
            Self::Loopback
        } else if is_infiniband || name.starts_with(SLINGSHOT) {
            Self::Fabric
        } else if BRIDGES.iter().any(|bridge| name.starts_with(bridge)) {
            Self::Bridge
        } else if has_device {
            Self::Card
        } else {
            Self::Virtual
        }
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its addresses, in the system's order.
    pub addresses: Vec<IpAddr>,
    /// The networks that these lie in.
    pub networks: Vec<Cidr>,
    /// Its speed in Mbit/s, where the driver says it.
    pub speed_mbps: Option<u64>,
    /// Whether it is up.
    pub is_up: bool,
    /// What it leads to.
    pub kind: InterfaceKind,
}

/// The address that a node's programs listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// The address.
    pub address: IpAddr,
    /// Its interface, where that is known.
    pub interface: Option<String>,
    /// The interface's speed in Mbit/s, where the driver says it.
    pub speed_mbps: Option<u64>,
}

/// No address of this node fits.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// No interface can be used.
    #[error(
        "no network interface is up with an address that other nodes can reach, only {found}: name one in the recipe's network.interface"
    )]
    None {
        /// What there is.
        found: String,
    },
    /// The one that is asked for is not there, or has no usable address.
    #[error("network.interface asks for {wanted}, and this node has only {found}")]
    NoSuch {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// The name with its suffix leads nowhere, or elsewhere.
    #[error("network.interface asks for the address of {name}, which {problem}")]
    Unresolved {
        /// The name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The system does not tell its interfaces.
    #[error("failed to list the network interfaces")]
    List(#[source] std::io::Error),
}

impl NodeAddress {
    /// This machine alone.
    pub const fn loopback() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            interface: None,
            speed_mbps: None,
        }
    }
}

/// The address that a policy leads to. `resolved` is what the host's name with the policy's suffix resolves to, `peer` the
/// address that another node of the run has chosen.
pub fn choose(
    policy: &AddressPolicy,
    interfaces: &[Interface],
    resolved: &[IpAddr],
    peer: Option<IpAddr>,
) -> Result<NodeAddress, AddressError> {
    let usable = || interfaces.iter().filter(|interface| interface.is_up);
    let no_such = |wanted: String| AddressError::NoSuch {
        wanted,
        found: listed(interfaces),
    };
    match policy {
        AddressPolicy::Loopback => Ok(NodeAddress::loopback()),
        AddressPolicy::Fastest => fastest(interfaces, peer).ok_or_else(|| AddressError::None {
            found: listed(interfaces),
        }),
        AddressPolicy::Named(name) => usable()
            .find(|interface| interface.name == *name)
            .and_then(|interface| interface.at(|_| true))
            .ok_or_else(|| no_such(format!("the interface {name}"))),
        AddressPolicy::Within(network) => usable()
            .find_map(|interface| interface.at(|address| network.contains(address)))
            .ok_or_else(|| no_such(format!("an address in {network}"))),
        AddressPolicy::Suffix(suffix) => usable()
            .find_map(|interface| interface.at(|address| resolved.contains(&address)))
            .ok_or_else(|| no_such(format!("the address of its host name with {suffix}"))),
    }
}

/// The best kind, then one that leads straight to the peer, then the fastest: a card for storage may be faster and lead to no
/// node. Of equals all nodes choose the same.
fn fastest(interfaces: &[Interface], peer: Option<IpAddr>) -> Option<NodeAddress> {
    let found = interfaces.iter().filter_map(|interface| {
        let usable = interface.is_up && interface.kind >= InterfaceKind::Virtual;
        let address = usable.then(|| interface.at(|_| true)).flatten()?;
        let mut networks = interface.networks.iter();
        let is_near = peer.is_some_and(|peer| networks.any(|network| network.contains(peer)));
        let speed = interface.speed_mbps.unwrap_or(0);
        let rank = (interface.kind, is_near, speed, Reverse(interface.name.clone()));
        Some((rank, address))
    });
    found
        .max_by(|(one, _), (other, _)| one.cmp(other))
        .map(|(_, address)| address)
}

impl Interface {
    /// Its first address for which this holds; IPv4 before IPv6, none that is valid on one link only.
    fn at(&self, fits: impl Fn(IpAddr) -> bool) -> Option<NodeAddress> {
        let usable = |address: &&IpAddr| match address {
            IpAddr::V4(address) => !address.is_link_local(),
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        };
        let fitting = self.addresses.iter().filter(usable);
        let address = *fitting
            .filter(|address| fits(**address))
            .min_by_key(|address| address.is_ipv6())?;
        Some(NodeAddress {
            address,
            interface: Some(self.name.clone()),
            speed_mbps: self.speed_mbps,
        })
    }
}

fn listed(interfaces: &[Interface]) -> String {
    let shown = |interface: &Interface| {
        let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
        let state = if interface.is_up { "" } else { ", down" };
        format!("{} ({}{state})", interface.name, addresses.join(" "))
    };
    let all: Vec<String> = interfaces.iter().map(shown).collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, addresses: &[&str], speed_mbps: Option<u64>) -> Interface {
        Interface {
            name: name.to_owned(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            networks: addresses
                .iter()
                .map(|address| format!("{address}/24").parse().unwrap())
                .collect(),
            speed_mbps,
            is_up: true,
            kind: InterfaceKind::of(name, name == "lo", name.starts_with("ib"), name.starts_with('e')),
        }
    }

    fn node() -> Vec<Interface> {
        vec![
            interface("lo", &["127.0.0.1", "::1"], None),
            interface("eno1", &["10.1.0.7"], Some(1_000)),
            interface("enp65s0", &["10.2.0.7"], Some(25_000)),
            interface("docker0", &["172.17.0.1"], Some(400_000)),
        ]
    }

    fn chosen(policy: &str, interfaces: &[Interface]) -> Option<String> {
        let chosen = choose(&policy.into(), interfaces, &[], None).ok()?;
        Some(chosen.address.to_string())
    }

    #[test]
    fn the_fastest_device_is_chosen() {
        assert_eq!(chosen("auto", &node()).unwrap(), "10.2.0.7");
    }

    #[test]
    fn a_fabric_comes_first_even_where_it_does_not_tell_its_speed() {
        for name in ["ib0", "hsn0"] {
            let mut all = node();
            all.push(interface(name, &["10.3.0.7"], None));
            assert_eq!(chosen("auto", &all).unwrap(), "10.3.0.7");
            all.last_mut().unwrap().is_up = false;
            assert_eq!(chosen("auto", &all).unwrap(), "10.2.0.7");
        }
    }

    #[test]
    fn of_a_kind_the_one_that_leads_to_the_peer_is_chosen() {
        let chosen = |all: &[Interface], peer: &str| {
            let peer = Some(peer.parse().unwrap());
            let chosen = choose(&AddressPolicy::Fastest, all, &[], peer).unwrap();
            chosen.address.to_string()
        };
        assert_eq!(chosen(&node(), "10.1.0.9"), "10.1.0.7");
        assert_eq!(chosen(&node(), "10.2.0.9"), "10.2.0.7");
        // Behind a router, or nowhere: what the node itself has counts.
        assert_eq!(chosen(&node(), "192.0.2.1"), "10.2.0.7");
        // A peer on a slower wire is no reason to leave the fabric.
        let mut all = node();
        all.push(interface("ib0", &["10.3.0.7"], None));
        assert_eq!(chosen(&all, "10.1.0.9"), "10.3.0.7");
    }

    #[test]
    fn of_equals_the_first_name_is_chosen_on_every_node() {
        let mut all = vec![
            interface("ib1", &["10.3.1.7"], Some(200_000)),
            interface("ib0", &["10.3.0.7"], Some(200_000)),
        ];
        assert_eq!(chosen("auto", &all).unwrap(), "10.3.0.7");
        all.reverse();
        assert_eq!(chosen("auto", &all).unwrap(), "10.3.0.7");
    }

    #[test]
    fn a_virtual_interface_is_better_than_none_and_a_bridge_is_not() {
        let mut all = vec![
            interface("lo", &["127.0.0.1"], None),
            interface("docker0", &["172.17.0.1"], None),
        ];
        let error = choose(&AddressPolicy::Fastest, &all, &[], None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("docker0 (172.17.0.1)"), "{error}");
        all.push(interface("veth3", &["10.77.0.11"], None));
        assert_eq!(chosen("auto", &all).unwrap(), "10.77.0.11");
    }

    #[test]
    fn ipv6_where_there_is_no_ipv4_and_never_an_address_of_one_link() {
        let both = [interface("eth0", &["fe80::1", "fd00::7", "10.1.0.7"], None)];
        assert_eq!(chosen("auto", &both).unwrap(), "10.1.0.7");
        let six = [interface("eth0", &["fe80::1", "169.254.1.1", "fd00::7"], None)];
        assert_eq!(chosen("auto", &six).unwrap(), "fd00::7");
        let link = [interface("eth0", &["fe80::1", "169.254.1.1"], None)];
        assert_eq!(chosen("auto", &link), None);
    }

    #[test]
    fn what_the_recipe_names_is_taken_or_refused() {
        assert_eq!(chosen("eno1", &node()).unwrap(), "10.1.0.7");
        assert_eq!(chosen("10.1.0.0/24", &node()).unwrap(), "10.1.0.7");
        assert_eq!(chosen("ib0", &node()), None);
        assert_eq!(chosen("10.9.0.0/24", &node()), None);
        let error = choose(&"ib0".into(), &node(), &[], None).unwrap_err().to_string();
        assert!(
            error.contains("the interface ib0") && error.contains("eno1 (10.1.0.7)"),
            "{error}"
        );
    }

    #[test]
    fn a_resolved_name_has_to_be_this_nodes() {
        let policy = AddressPolicy::from("-fast");
        let own = ["10.2.0.7".parse().unwrap()];
        let address = choose(&policy, &node(), &own, None).unwrap();
        assert_eq!(address.interface.as_deref(), Some("enp65s0"));
        assert!(choose(&policy, &node(), &["10.2.0.8".parse().unwrap()], None).is_err());
    }
}

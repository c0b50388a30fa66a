//! What the system must allow: file descriptors and local ports.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::spec::LoadSpec;

/// Descriptors of the process besides connections: files, polls, pipes, the rest of the program.
const OTHER_DESCRIPTORS: u64 = 128;

/// Descriptors of one engine thread: poll, timer, file of records.
const DESCRIPTORS_PER_THREAD: u64 = 4;

/// Where Linux says which ports it gives to outgoing connections.
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// What the system does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Too few file descriptors.
    #[error(
        "{needed} open files are needed for {connections} connections, but only {limit} are allowed: raise the hard limit \
         (ulimit -Hn), lower the concurrency, or use more clients"
    )]
    Descriptors {
        /// Descriptors that may be needed.
        needed: u64,
        /// Connections among them.
        connections: u64,
        /// The hard limit.
        limit: u64,
    },
    /// Too few local ports.
    #[error(
        "{connections} connections to {address} are needed, but the system has only {ports} local ports ({PORT_RANGE}): \
         widen the range, lower the concurrency, use more clients, or more endpoints"
    )]
    Ports {
        /// Connections to one address.
        connections: u64,
        /// The address.
        address: SocketAddr,
        /// Ports in the range.
        ports: u64,
    },
}

/// Makes sure that `connections` connections can be open at once; raises the soft limit of descriptors if it must.
pub(crate) fn check(spec: &LoadSpec, connections: u64, threads: u32) -> Result<(), LimitError> {
    let needed = connections + OTHER_DESCRIPTORS + u64::from(threads) * DESCRIPTORS_PER_THREAD;
    // A limit that cannot be read is left to show itself.
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < needed
        && (hard < needed || setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_err())
    {
        return Err(LimitError::Descriptors {
            needed,
            connections,
            limit: hard,
        });
    }
    match std::fs::read_to_string(PORT_RANGE)
        .ok()
        .and_then(|text| parse_range(&text))
    {
        Some(ports) => check_ports(
            spec.endpoints.iter().map(|endpoint| endpoint.address),
            connections,
            ports,
        ),
        None => Ok(()),
    }
}

/// Requests go to the endpoints in turn, so that each gets its part of the connections, rounded up.
fn check_ports(
    endpoints: impl ExactSizeIterator<Item = SocketAddr>,
    connections: u64,
    ports: u64,
) -> Result<(), LimitError> {
    let each = connections.div_ceil(endpoints.len().max(1) as u64);
    let mut per_address: BTreeMap<SocketAddr, u64> = BTreeMap::new();
    for address in endpoints {
        *per_address.entry(address).or_default() += each;
    }
    match per_address
        .into_iter()
        .find(|(_, connections)| *connections > ports)
    {
        Some((address, connections)) => Err(LimitError::Ports {
            connections,
            address,
            ports,
        }),
        None => Ok(()),
    }
}

/// Number of ports in a range such as `32768 60999`.
fn parse_range(text: &str) -> Option<u64> {
    let mut ends = text.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some(last.checked_sub(first)? + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges() {
        assert_eq!(parse_range("32768\t60999\n"), Some(28_232));
        assert_eq!(parse_range("60999 32768"), None);
        assert_eq!(parse_range("x"), None);
    }

    #[test]
    fn ports_are_counted_per_address() {
        let (a, b): (SocketAddr, SocketAddr) = (([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        assert_eq!(check_ports([a, b].into_iter(), 20, 10), Ok(()));
        assert_eq!(
            check_ports([a, b].into_iter(), 21, 10),
            Err(LimitError::Ports {
                connections: 11,
                address: a,
                ports: 10
            })
        );
        assert!(check_ports([a, a].into_iter(), 20, 10).is_err());
    }
}

//! What the system must allow: file descriptors and local ports.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::spec::{Connections, LoadSpec, Shape};

/// Descriptors of the process besides connections: files, polls, pipes, the rest of the program.
const OTHER_DESCRIPTORS: u64 = 128;

/// Descriptors of one engine thread: poll, timer, file of records.
const DESCRIPTORS_PER_THREAD: u64 = 4;

/// Where Linux says which ports it gives to outgoing connections.
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Where Linux says whether a port may be used again before its last connection is forgotten.
const PORT_REUSE: &str = "/proc/sys/net/ipv4/tcp_tw_reuse";

/// How long Linux remembers a connection that this side has closed, seconds.
const TIME_WAIT_SECONDS: f64 = 60.0;

/// The same where ports may be used again sooner.
const REUSE_SECONDS: f64 = 1.0;

/// What the system does not allow.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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
    /// Too few local ports for a fresh connection a request.
    #[error(
        "{rate:.0} fresh connections a second to {address} would need {needed} local ports, as each is kept for \
         {seconds:.0} s after its end, but the system has only {ports} ({PORT_RANGE}): use connections again, lower the \
         rate, use more clients, or more endpoints"
    )]
    FreshPorts {
        /// Connections a second to one address.
        rate: f64,
        /// The address.
        address: SocketAddr,
        /// Ports that are in use at once.
        needed: u64,
        /// How long each of them is kept.
        seconds: f64,
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
        Some(ports) => {
            let addresses = || spec.endpoints.iter().map(|endpoint| endpoint.address);
            check_ports(addresses(), connections, ports)?;
            let reuse = std::fs::read_to_string(PORT_REUSE).unwrap_or_default();
            match fresh_rate(spec) {
                Some(rate) => check_fresh(addresses(), rate, reuse.trim(), ports),
                None => Ok(()),
            }
        }
        None => Ok(()),
    }
}

/// Connections a second that this client opens, where each request has its own and a schedule says how many there are.
fn fresh_rate(spec: &LoadSpec) -> Option<f64> {
    let rate = match spec.shape {
        _ if spec.connections != Connections::Fresh => return None,
        Shape::Constant { rate, .. } | Shape::Poisson { rate, .. } | Shape::Gamma { rate, .. } => rate,
        Shape::Ramp { from, to, .. } => from.max(to),
        Shape::Closed { .. } | Shape::Trace { .. } => return None,
    };
    Some(rate / f64::from(spec.client.count.max(1)))
}

/// Ports stay in use for a while after a connection's end. `reuse` is the system's setting: 1 shortens that everywhere,
/// 2 on the machine itself.
fn check_fresh(
    addresses: impl ExactSizeIterator<Item = SocketAddr>,
    rate: f64,
    reuse: &str,
    ports: u64,
) -> Result<(), LimitError> {
    let each = rate / addresses.len().max(1) as f64;
    let mut per_address: BTreeMap<SocketAddr, f64> = BTreeMap::new();
    for address in addresses {
        *per_address.entry(address).or_default() += each;
    }
    for (address, rate) in per_address {
        let sooner = reuse == "1" || (reuse == "2" && address.ip().is_loopback());
        let seconds = if sooner { REUSE_SECONDS } else { TIME_WAIT_SECONDS };
        let needed = (rate * seconds).ceil() as u64;
        if needed > ports {
            return Err(LimitError::FreshPorts {
                rate,
                address,
                needed,
                seconds,
                ports,
            });
        }
    }
    Ok(())
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

    #[test]
    fn fresh_connections_use_ports_up() {
        let near: SocketAddr = ([127, 0, 0, 1], 1).into();
        let far: SocketAddr = ([10, 0, 0, 1], 1).into();
        for (address, rate, reuse, fits) in [
            (far, 100.0, "2", true),
            (far, 200.0, "2", false),
            (far, 200.0, "1", true),
            (near, 200.0, "2", true),
            (near, 200.0, "0", false),
            (near, 20_000.0, "2", false),
        ] {
            let result = check_fresh([address].into_iter(), rate, reuse, 10_000);
            assert_eq!(result.is_ok(), fits, "{address} {rate} {reuse}");
        }
        assert!(check_fresh([far, near].into_iter(), 200.0, "2", 10_000).is_ok());
    }
}

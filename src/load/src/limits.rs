//! What the system must allow: file descriptors and local ports.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::spec::{Connections, LoadSpec, Shape};

/// Descriptors of the process besides connections: files, polls, pipes, the rest of the program.
const OTHER_DESCRIPTORS: u64 = 128;

/// Descriptors of one engine thread: poll, timer, file of records, and the connection that its share is rounded up by.
const DESCRIPTORS_PER_THREAD: u64 = 5;

/// Connections that may be open where there are several endpoints, for each request that may be in flight: idle ones stay, as
/// the next request may go to their endpoint.
const SPARE_FACTOR: u64 = 2;

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
        "{connections} connections of this host to {address} may be needed at once, but the system has only {ports} local \
         ports ({PORT_RANGE}): widen the range, lower the concurrency, or use clients on more hosts"
    )]
    Ports {
        /// Connections to one address, of all clients on this host.
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
         rate, use clients on more hosts, or more endpoints"
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

/// Makes sure that `in_flight` requests can have a connection each; raises the soft limit of descriptors if it must. Returns
/// how many connections may be open at once, idle ones among them.
pub(crate) fn check(spec: &LoadSpec, in_flight: u64, threads: u32) -> Result<u64, LimitError> {
    // Each thread keeps a connection to each endpoint to see what its server does with it.
    let of_thread = DESCRIPTORS_PER_THREAD + spec.endpoints.len() as u64;
    let others = OTHER_DESCRIPTORS + u64::from(threads) * of_thread;
    let needed = in_flight + others;
    allow_descriptors(needed).map_err(|limit| LimitError::Descriptors {
        needed,
        connections: in_flight,
        limit,
    })?;
    check_ports_of(spec, in_flight)?;
    let with_spare = in_flight * SPARE_FACTOR;
    let spare = spec.endpoints.len() > 1 && allow_descriptors(with_spare + others).is_ok();
    Ok(if spare { with_spare } else { in_flight })
}

/// Makes sure that so many descriptors can be had; an error is the hard limit. One that cannot be read is left to show itself.
fn allow_descriptors(needed: u64) -> Result<(), u64> {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard))
            if soft < needed
                && (hard < needed || setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_err()) =>
        {
            Err(hard)
        }
        _ => Ok(()),
    }
}

/// Makes sure that the host has ports for all of its clients, each of which has so many requests in flight.
fn check_ports_of(spec: &LoadSpec, in_flight: u64) -> Result<(), LimitError> {
    let clients = spec.clients_on_host.max(1);
    match std::fs::read_to_string(PORT_RANGE)
        .ok()
        .and_then(|text| parse_range(&text))
    {
        Some(ports) => {
            let addresses = || spec.endpoints.iter().map(|endpoint| endpoint.address);
            check_ports(addresses(), in_flight * u64::from(clients), ports)?;
            let reuse = std::fs::read_to_string(PORT_REUSE).unwrap_or_default();
            match fresh_rate(spec) {
                Some(rate) => check_fresh(addresses(), rate * f64::from(clients), reuse.trim(), ports),
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

/// Requests go to the endpoints in turn, but those in flight gather at one that is slower than the others: it may have all of
/// the connections.
fn check_ports(
    mut addresses: impl Iterator<Item = SocketAddr>,
    connections: u64,
    ports: u64,
) -> Result<(), LimitError> {
    match addresses.next() {
        Some(address) if connections > ports => Err(LimitError::Ports {
            connections,
            address,
            ports,
        }),
        _ => Ok(()),
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
    fn every_address_may_have_all_connections() {
        let (a, b): (SocketAddr, SocketAddr) = (([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        assert_eq!(check_ports([a, b].into_iter(), 10, 10), Ok(()));
        // All of them may be at one of the two.
        assert_eq!(
            check_ports([a, b].into_iter(), 11, 10),
            Err(LimitError::Ports {
                connections: 11,
                address: a,
                ports: 10
            })
        );
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

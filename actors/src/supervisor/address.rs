//! Addresses for service instances.

use std::io;
use std::net::{IpAddr, TcpListener};

/// So many ports that are free now at an address of this node, all different. Another program may take one before the service
/// does: the service then ends with an error of its own, and is started again with others.
pub(super) fn free_ports(address: IpAddr, count: usize) -> io::Result<Vec<u16>> {
    // All are held until the last one is found.
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((address, 0)))
        .collect::<io::Result<_>>()?;
    listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_different() {
        let ports = free_ports(std::net::Ipv4Addr::LOCALHOST.into(), 50).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 50);
    }
}

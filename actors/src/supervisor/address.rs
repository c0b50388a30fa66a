//! Addresses for service instances.

use std::io;
use std::net::{IpAddr, TcpListener};

/// A port that is free now at an address of this node. Another program may take it before the service does: the service then ends
/// with an error of its own, and is started again with another port.
pub(super) fn free_port(address: IpAddr) -> io::Result<u16> {
    TcpListener::bind((address, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
}

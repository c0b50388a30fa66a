//! Addresses for service instances.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};

/// The one interface that services listen on in local mode.
pub(super) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A port that is free now. Another program may take it before the service does: the service then ends with an error of its
/// own, and is started again with another port.
pub(super) fn free_port() -> io::Result<u16> {
    TcpListener::bind((HOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
}

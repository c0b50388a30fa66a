//! Who listens at an address of this node: a process of this one's tree, or a stranger.
//!
//! Any user of a node may take a port, also between a server's end and its next start.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::tree;

/// Where the kernel lists the sockets of this network.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// How it says that a socket listens.
const LISTENS: &str = "0A";

/// Who listens at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerOwner {
    /// Only processes below this one.
    Own,
    /// Somebody else, alone or too.
    Stranger,
    /// Nobody.
    Nobody,
    /// It cannot be told: processes below this one do not let themselves be looked at.
    Unknown,
}

/// Who listens at this address.
pub fn listener_owner(address: SocketAddr) -> ListenerOwner {
    let tables = TABLES.iter().filter_map(|table| fs::read_to_string(table).ok());
    let sockets: BTreeSet<u64> = tables
        .flat_map(|table| table.lines().skip(1).filter_map(listening).collect::<Vec<_>>())
        .filter(|(local, _)| covers(*local, address))
        .map(|(_, inode)| inode)
        .collect();
    if sockets.is_empty() {
        return ListenerOwner::Nobody;
    }
    let mut is_readable = true;
    let mut own = BTreeSet::new();
    for pid in tree::descendants(std::process::id()) {
        match sockets_of(pid) {
            Some(found) => own.extend(found),
            None => is_readable = false,
        }
    }
    match (sockets.is_subset(&own), is_readable) {
        (true, _) => ListenerOwner::Own,
        (false, true) => ListenerOwner::Stranger,
        (false, false) => ListenerOwner::Unknown,
    }
}

/// The local address and the inode of a line of the table, if the socket listens.
fn listening(line: &str) -> Option<(SocketAddr, u64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != LISTENS {
        return None;
    }
    let (host, port) = fields.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let inode = fields.get(9)?.parse().ok()?;
    Some((SocketAddr::new(ip(host)?, port), inode))
}

/// An address as the kernel prints it: words of 32 bits, each in the machine's own order.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let digits = hex.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut octets = [0; 16];
            for (index, part) in octets.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            Some(Ipv6Addr::from(octets).to_canonical())
        }
        _ => None,
    }
}

/// Whether who listens there gets what is sent to this address.
fn covers(local: SocketAddr, address: SocketAddr) -> bool {
    local.port() == address.port() && (local.ip() == address.ip() || local.ip().is_unspecified())
}

/// The sockets that a process has open; none: it does not let itself be looked at. A process that has ended has none.
fn sockets_of(pid: u32) -> Option<BTreeSet<u64>> {
    let folder = format!("/proc/{pid}/fd");
    let Ok(entries) = fs::read_dir(&folder) else {
        return (!Path::new(&folder).exists()).then(BTreeSet::new);
    };
    let mut sockets = BTreeSet::new();
    for entry in entries.flatten() {
        // `socket:[12345]`
        let target = fs::read_link(entry.path()).ok();
        let inode = target.as_ref().and_then(|target| {
            let name = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            name.parse::<u64>().ok()
        });
        sockets.extend(inode);
    }
    Some(sockets)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_prints_them() {
        assert_eq!(ip("0100007F"), Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(
            ip("00000000000000000000000001000000"),
            Some(Ipv6Addr::LOCALHOST.into())
        );
        // IPv4 within IPv6.
        assert_eq!(
            ip("0000000000000000FFFF00000100007F"),
            Some(Ipv4Addr::LOCALHOST.into())
        );
        assert_eq!(ip("01"), None);
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0";
        assert_eq!(listening(line), Some(("127.0.0.1:8080".parse().unwrap(), 4242)));
        assert_eq!(listening(&line.replace(" 0A ", " 01 ")), None);
    }

    #[test]
    fn whoever_listens_is_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // This process is no child of itself.
        assert_eq!(listener_owner(address), ListenerOwner::Stranger);
        let passed_on = listener.as_fd().try_clone_to_owned().unwrap();
        let mut child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::from(passed_on))
            .spawn()
            .unwrap();
        assert_eq!(listener_owner(address), ListenerOwner::Own);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(listener);
        assert_eq!(listener_owner(address), ListenerOwner::Nobody);
    }
}

//! An instance's processes, where it has one on each of several nodes.

use std::net::IpAddr;
use std::num::NonZeroU32;

/// One of the processes of an instance that spans nodes. The first one, on the head, answers requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rank {
    /// Its number, from 0.
    pub index: u32,
    /// How many there are.
    pub of: NonZeroU32,
    /// The head's address, as the other nodes reach it.
    pub head: IpAddr,
    /// The port on the head by which the processes find each other.
    pub rendezvous_port: u16,
    /// Further ports on the head, as many as the kind [needs](crate::Needs) there.
    pub head_ports: Vec<u16>,
    /// The network interface that the processes talk over; none: they choose.
    pub interface: Option<String>,
}

impl Rank {
    /// Whether it is the one that answers requests.
    pub const fn is_head(&self) -> bool {
        self.index == 0
    }
}

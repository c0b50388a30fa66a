//! Which of a node's addresses its programs listen on.
//!
//! Host names of a cluster often lead to the slow management network: what is measured there is the wrong wire. And any user
//! of the cluster can reach a port, so that each program listens on one address only.

mod choice;
mod interfaces;
mod link;
mod policy;

pub use choice::{AddressError, Interface, InterfaceKind, NodeAddress, choose};
pub use interfaces::{interfaces, own_address};
pub use link::{LinkQuality, measure_link, open_link_end};
pub use policy::{AddressPolicy, Cidr};

//! The client pool: drives this node's share of the load.
//!
//! The load engine has threads of its own; nothing of the measurement passes through an actor or over the bus.

mod actor;
mod links;
mod load;
mod probe;
mod share;
mod spec;

pub use actor::ClientPool;

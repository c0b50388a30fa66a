//! What all actors share: clocks, panics that end nothing, files, the way reports take.

mod clock;
mod describe;
mod digest;
mod facts;
mod gate;
mod network;
mod outbox;
mod panics;
mod resources;
mod scratch;
mod scratch_disk;
mod successor;

pub use clock::now;
pub use describe::describe;
pub use digest::{FileDigest, artifact, digest_file, hex};
pub use facts::{
    boot_id, host_boot, host_facts, hostname, is_stopped, pid_namespace, process_start, user, writer,
};
pub use gate::{Admission, Gate};
pub use network::{
    AddressError, AddressPolicy, Cidr, Interface, InterfaceKind, LinkQuality, NodeAddress, choose,
    interfaces, measure_link, open_link_end, own_address,
};
pub use outbox::{Outbox, OutboxReader, outbox};
pub use panics::{catch, catch_future};
pub use resources::{NodeResources, raise_open_files};
pub use scratch::{Scratch, private_append, private_dir, private_file};
pub use scratch_disk::scratch_facts;
pub(crate) use successor::successor_of;

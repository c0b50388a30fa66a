//! What a node has that a site file names.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use hpcbench_actors::shell::{AddressPolicy, NodeResources, hostname, interfaces, own_address};
use hpcbench_journal::Reach;
use serde::{Deserialize, Serialize};

/// Where images and models come from: who reaches one of them has internet.
const OUTSIDE: [&str; 2] = ["registry-1.docker.io:443", "huggingface.co:443"];
/// How long that may take, name service included.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a node has that a site file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Node {
    /// Its name.
    pub(super) host: String,
    /// Processors that may be used.
    pub(super) cpus: usize,
    /// Memory, bytes.
    pub(super) memory_bytes: u64,
    /// The control group's limit, bytes.
    pub(super) memory_limit_bytes: Option<u64>,
    /// GPUs that may be used, as CUDA names them.
    pub(super) gpus: Vec<String>,
    /// Interfaces that are up.
    pub(super) interfaces: Vec<Link>,
    /// The one that `network.interface: auto` chooses.
    pub(super) chosen: Option<String>,
    /// The directory for temporary files.
    pub(super) scratch: String,
    /// Whether that is memory.
    pub(super) scratch_is_memory: bool,
    /// Whether the internet can be reached; none: not tried.
    pub(super) internet: Option<bool>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    /// Its name.
    pub(super) name: String,
    /// Its addresses.
    pub(super) addresses: Vec<String>,
    /// Its speed in Mbit/s, where the driver says it.
    pub(super) speed_mbps: Option<u64>,
}

/// Looks at this node. The internet is tried only if that is wanted.
pub(super) fn gather(scratch: &Path, tries_internet: bool) -> Node {
    let resources = NodeResources::gather();
    let up = interfaces().unwrap_or_default().into_iter();
    let up = up.filter(|interface| interface.is_up && !interface.addresses.is_empty());
    let file_system = hpcbench_journal::file_system(scratch);
    Node {
        host: hostname(),
        cpus: resources.cpus.len(),
        memory_bytes: resources.memory,
        memory_limit_bytes: resources.memory_limit,
        gpus: resources.gpus,
        interfaces: up
            .map(|interface| Link {
                name: interface.name,
                addresses: interface.addresses.iter().map(ToString::to_string).collect(),
                speed_mbps: interface.speed_mbps,
            })
            .collect(),
        chosen: own_address(&AddressPolicy::Fastest, "", None)
            .ok()
            .and_then(|address| address.interface),
        scratch: scratch.display().to_string(),
        scratch_is_memory: file_system.is_ok_and(|found| found.reach == Reach::Memory),
        internet: tries_internet.then(has_internet),
    }
}

/// Whether one of the places outside can be connected to.
fn has_internet() -> bool {
    let (found, answers) = channel();
    for place in OUTSIDE {
        let found = found.clone();
        // A name service that does not answer is not waited for.
        std::thread::spawn(move || {
            let addresses = place.to_socket_addrs().into_iter().flatten();
            let reached = addresses
                .take(2)
                .any(|address| TcpStream::connect_timeout(&address, PATIENCE / 2).is_ok());
            if reached {
                let _ = found.send(());
            }
        });
    }
    drop(found);
    answers.recv_timeout(PATIENCE).is_ok()
}

//! Rules about how many clients a node carries.

use super::{Subject, in_workload};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{LaunchMode, Load, Nodes, Service, Workload};

/// Local ports that Linux gives to connections with one address, unless it is told otherwise: 32768 to 60999.
const USUAL_PORTS: u64 = 28_232;

/// Descriptors that a process may raise its limit to, unless the system is told otherwise.
const USUAL_DESCRIPTORS: u64 = 524_288;

/// The requests that may be in flight at once, and the key that says so.
fn in_flight(workload: &Workload) -> (u64, &'static str) {
    let key = match workload.load {
        Load::Closed { .. } => "concurrency",
        _ => "max_in_flight",
    };
    (u64::from(workload.load.max_in_flight().get()), key)
}

fn agents(nodes: &Nodes) -> u64 {
    u64::from(nodes.clients.count.get()) * u64::from(nodes.clients.agents_per_node.get())
}

/// Addresses that requests go to.
fn endpoints(subject: &Subject<'_>, service: &Service, nodes: &Nodes) -> u64 {
    if !service.endpoints.is_empty() {
        return service.endpoints.len() as u64;
    }
    let servers = &nodes.servers;
    let instances = u64::from(servers.count.get()) * u64::from(servers.instances_per_node.get());
    let nodes = subject
        .catalog
        .placement(service)
        .nodes_per_instance(servers.count);
    (instances / u64::from(nodes.get())).max(1)
}

/// Each connection takes a descriptor of its agent and a local port of its node.
pub(super) fn limits(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(workload), Some(service), Some(nodes), Some(launch)) =
        (subject.workload, subject.service, subject.nodes, subject.launch)
    else {
        return Vec::new();
    };
    let (in_flight, key) = in_flight(workload);
    let hosts = match launch.mode {
        LaunchMode::Local => 1,
        LaunchMode::Slurm => u64::from(nodes.clients.count.get()),
    };
    let to_one_address = in_flight.div_ceil(hosts * endpoints(subject, service, nodes));
    let of_one_agent = in_flight.div_ceil(agents(nodes));
    let message = if to_one_address > USUAL_PORTS {
        format!(
            "a client node may need {to_one_address} connections to one address; Linux has {USUAL_PORTS} local ports for them"
        )
    } else if of_one_agent > USUAL_DESCRIPTORS {
        format!("a client agent may need {of_one_agent} open files; Linux usually allows {USUAL_DESCRIPTORS}")
    } else {
        return Vec::new();
    };
    let help =
        "use more client nodes (nodes.clients.count) or endpoints; `hpcbench doctor` tells a node's limits"
            .to_owned();
    vec![Problem::value(Code::ClientLimits, in_workload(["load", key]), message).with_help(help)]
}

/// Agents beyond the number of requests in flight have nothing to do.
pub(super) fn idle(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(workload), Some(nodes)) = (subject.workload, subject.nodes) else {
        return Vec::new();
    };
    let (in_flight, key) = in_flight(workload);
    let agents = agents(nodes);
    if in_flight >= agents {
        return Vec::new();
    }
    let message =
        format!("{agents} client agents share {in_flight} requests in flight: some have nothing to do");
    let help =
        "use fewer client nodes (nodes.clients.count) and agents (nodes.clients.agents_per_node)".to_owned();
    vec![Problem::value(Code::IdleClients, in_workload(["load", key]), message).with_help(help)]
}

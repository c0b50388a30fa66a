//! Rules about how many nodes there are, and what they have.

use super::{Subject, place};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{ClientPlacement, LaunchMode};

/// Agents of a local run: each is a process with threads of its own on this machine.
const MAX_LOCAL_NODES: u64 = 64;

/// A local run's nodes are processes of one machine.
pub(super) fn too_many_here(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(nodes), Some(launch)) = (subject.nodes, subject.launch) else {
        return Vec::new();
    };
    if launch.mode != LaunchMode::Local {
        return Vec::new();
    }
    let clients = u64::from(nodes.clients.count.get()) * u64::from(nodes.clients.agents_per_node.get());
    let counts = [
        (
            u64::from(nodes.servers.count.get()),
            ["nodes", "servers", "count"],
        ),
        (clients, ["nodes", "clients", "count"]),
    ];
    let too_many = counts.into_iter().filter(|(count, _)| *count > MAX_LOCAL_NODES);
    too_many
        .map(|(count, path)| {
            let message = format!("{count} agents of one role are too many for one machine");
            Problem::value(Code::Resources, place(path), message).with_help(format!(
                "in local mode a role has at most {MAX_LOCAL_NODES} agents"
            ))
        })
        .collect()
}

/// Clients that share the servers' nodes need as many of them.
pub(super) fn clients_beside_servers(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(nodes) = subject.nodes else {
        return Vec::new();
    };
    let (clients, servers) = (nodes.clients.count, nodes.servers.count);
    if nodes.clients.placement == ClientPlacement::Dedicated || clients <= servers {
        return Vec::new();
    }
    let message = format!(
        "each client node shares a server's, and there are {clients} of the former, {servers} of the latter"
    );
    let help = "use at most as many client nodes as server nodes, or placement: dedicated".to_owned();
    vec![Problem::value(Code::Resources, place(["nodes", "clients", "count"]), message).with_help(help)]
}

/// A service that already runs does not become more with the nodes that it is watched from.
pub(super) fn of_running_service(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(service), Some(nodes)) = (subject.service, subject.nodes) else {
        return Vec::new();
    };
    let kind = subject.catalog.describe(&service.kind);
    if kind.is_none_or(|kind| kind.launches) {
        return Vec::new();
    }
    let servers = &nodes.servers;
    let counts = [
        ("count", servers.count),
        ("instances_per_node", servers.instances_per_node),
    ];
    let more = counts.into_iter().filter(|(_, count)| count.get() > 1);
    more.map(|(key, _)| {
        let message = format!(
            "a service of kind {} runs already: this does not make more of it",
            service.kind
        );
        let help = "leave it out, and list all `endpoints` of the service".to_owned();
        Problem::value(Code::NoEffect, place(["nodes", "servers", key]), message).with_help(help)
    })
    .collect()
}

/// Where nothing says how many GPUs an instance gets, the node's are divided evenly.
pub(super) fn gpus_divide(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(servers) = subject.nodes.map(|nodes| &nodes.servers) else {
        return Vec::new();
    };
    let (gpus, instances) = (servers.gpus, servers.instances_per_node.get());
    if gpus == 0 || instances == 1 || servers.gpus_per_instance.is_some() {
        return Vec::new();
    }
    let pointer = place(["nodes", "servers", "instances_per_node"]);
    let idle = gpus % instances;
    let problem = if gpus < instances {
        let message = format!("{instances} instances cannot each have a GPU of their own of a node's {gpus}");
        let help = "start at most as many instances as there are GPUs; gpus_per_instance: 0 if they use none";
        Problem::value(Code::Resources, pointer, message).with_help(help.to_owned())
    } else if idle > 0 {
        let each = gpus / instances;
        let message =
            format!("{instances} instances get {each} of a node's {gpus} GPUs each: {idle} are idle");
        let help = "choose a number of instances that divides the GPUs, or say gpus_per_instance";
        Problem::value(Code::ServiceAdvice, pointer, message).with_help(help.to_owned())
    } else {
        return Vec::new();
    };
    vec![problem]
}

/// What a node's instances are given must be there.
pub(super) fn instances_fit(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(servers) = subject.nodes.map(|nodes| &nodes.servers) else {
        return Vec::new();
    };
    let instances = servers.instances_per_node.get();
    let needs = [
        (
            servers.gpus_per_instance,
            Some(servers.gpus),
            "gpus_per_instance",
            "GPUs",
        ),
        (
            servers.cpus_per_instance.map(std::num::NonZeroU32::get),
            servers.cpus.map(std::num::NonZeroU32::get),
            "cpus_per_instance",
            "CPUs",
        ),
    ];
    let mut problems = Vec::new();
    for (each, there, key, what) in needs {
        let (Some(each), Some(there)) = (each, there) else {
            continue;
        };
        if u64::from(each) * u64::from(instances) > u64::from(there) {
            let message =
                format!("{instances} instances with {each} {what} each need more than the node's {there}");
            problems.push(Problem::value(
                Code::Resources,
                place(["nodes", "servers", key]),
                message,
            ));
        }
    }
    problems
}

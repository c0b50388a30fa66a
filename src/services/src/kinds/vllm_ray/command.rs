//! Command lines and environments of Ray's nodes, and of vLLM on them.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use hpcbench_recipes::plan::ServicePlan;

use super::options::Options;
use crate::kinds::vllm::command::{Backend, command as vllm_command, equip};
use crate::launch::{LaunchCommand, LaunchContext, Token};
use crate::rank::Rank;

/// Ports of a node that are for Ray's own programs.
const OWN_PORTS: usize = 8;
/// Ports of a node that are for workers: one for each GPU, and for what Ray starts in advance and vLLM besides.
const WORKER_PORTS: usize = 64;
/// Ports of a node.
pub(super) const PORTS: usize = OWN_PORTS + WORKER_PORTS;

/// Ray's directory, below the short one. There is one for each node of a cluster, even where two are on one machine.
const DIRECTORY: &str = "ray";
/// A cache whose path vLLM would carry from the first node to all others.
const CARRIED_CACHE: &str = "VLLM_CACHE_ROOT";
/// What it is in containers, on all nodes.
const CACHE_IN_CONTAINER: &str = "/tmp/vllm";

/// The only process of an instance on one node.
pub(super) fn only_rank(context: &LaunchContext) -> Rank {
    Rank {
        index: 0,
        of: NonZeroU32::MIN,
        head: context.host,
        rendezvous_port: port(context, 0),
        head_ports: Vec::new(),
        interface: None,
    }
}

/// A port of the node's. 0, any port, stands for what the context does not have.
fn port(context: &LaunchContext, index: usize) -> u16 {
    context.extras.ports.get(index).copied().unwrap_or(0)
}

/// A node of the cluster: the head, or one that joins it.
pub(super) fn node(
    options: &Options,
    plan: &ServicePlan,
    context: &LaunchContext,
    rank: &Rank,
) -> LaunchCommand {
    let settings = &options.ray;
    let gpus = settings.gpus.unwrap_or(context.gpus);
    let mut words = vec!["start".to_owned(), "--block".to_owned()];
    let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
    if rank.is_head() {
        flag("port", rank.rendezvous_port.to_string());
        flag("include-dashboard", "false".to_owned());
        if settings.client_server {
            flag("ray-client-server-port", port(context, 1).to_string());
        }
    } else {
        flag("address", address(rank));
    }
    flag("node-ip-address", context.host.to_string());
    for (index, name) in [
        "node-manager-port",
        "object-manager-port",
        "dashboard-agent-listen-port",
        "dashboard-agent-grpc-port",
        "runtime-env-agent-port",
        "metrics-export-port",
    ]
    .into_iter()
    .enumerate()
    {
        flag(name, port(context, index + 2).to_string());
    }
    let workers = context.extras.ports.iter().skip(OWN_PORTS);
    let workers: Vec<String> = workers.map(u16::to_string).collect();
    flag("worker-port-list", workers.join(","));
    flag("num-cpus", settings.cpus(gpus).to_string());
    flag("num-gpus", gpus.to_string());
    flag(
        "object-store-memory",
        settings.object_store_memory.as_bytes().to_string(),
    );
    let directory = context.extras.short_path.join(DIRECTORY);
    flag("temp-dir", directory.display().to_string());
    let switches = ["--disable-usage-stats", "--log-style=record", "--log-color=false"];
    words.extend(switches.map(str::to_owned));
    if rank.is_head() {
        words.push("--head".to_owned());
    }
    ray(options, plan, context, rank.interface.as_deref(), words)
}

/// Prints how the cluster stands.
pub(super) fn status(
    options: &Options,
    plan: &ServicePlan,
    context: &LaunchContext,
    rank: &Rank,
) -> LaunchCommand {
    let words = vec!["status".to_owned(), format!("--address={}", address(rank))];
    ray(options, plan, context, None, words)
}

/// vLLM on the complete cluster.
pub(super) fn service(
    options: &Options,
    plan: &ServicePlan,
    context: &LaunchContext,
    rank: &Rank,
) -> LaunchCommand {
    let backend = Backend::Ray(rank.interface.as_deref());
    let mut command = vllm_command(&options.vllm, plan, context, backend);
    command.set("RAY_ADDRESS", address(rank));
    set_environment(&mut command, plan);
    command
}

fn ray(
    options: &Options,
    plan: &ServicePlan,
    context: &LaunchContext,
    interface: Option<&str>,
    words: Vec<String>,
) -> LaunchCommand {
    let words = words.into_iter().map(Into::into).collect();
    let mut command = LaunchCommand::new(options.ray.program.clone().into(), words, plan);
    // vLLM's workers are below Ray's, and have its environment.
    equip(&mut command, &options.vllm, plan, context, interface);
    set_environment(&mut command, plan);
    command
}

fn set_environment(command: &mut LaunchCommand, plan: &ServicePlan) {
    if !plan.environment.contains_key(CARRIED_CACHE) {
        match plan.image {
            // A container has a directory of its own there, on each node.
            Some(_) => command.set(CARRIED_CACHE, CACHE_IN_CONTAINER),
            None => drop(command.environment.remove(CARRIED_CACHE)),
        }
    }
    command.set("RAY_AUTH_MODE", "token");
    command
        .tokens
        .insert("RAY_AUTH_TOKEN".to_owned(), Token::Instance);
    command.set_default("RAY_USAGE_STATS_ENABLED", "0");
}

/// Where the head is found.
fn address(rank: &Rank) -> String {
    SocketAddr::new(rank.head, rank.rendezvous_port).to_string()
}

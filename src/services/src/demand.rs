//! What a workload and its nodes mean for one instance of a service.

use hpcbench_recipes::recipe::{Load, Nodes, Prompts, Workload};

/// Tokens that the longest request needs at least, its answer included. What a chat template adds is not known here, nor are
/// the lengths of a file's prompts or of a trace.
pub(crate) fn longest_request(workload: &Workload) -> u64 {
    let turns = match &workload.load {
        Load::Trace { .. } => return 0,
        Load::Closed { turns, .. } => u64::from(turns.get()),
        _ => 1,
    };
    let (input, output) = match &workload.prompts {
        Prompts::Synthetic {
            input_tokens,
            output_tokens,
            ..
        } => (input_tokens.largest(), output_tokens.largest()),
        Prompts::File { output_tokens, .. } => (0, output_tokens.largest()),
    };
    // The last request of a conversation carries all that was said before.
    turns.saturating_mul(u64::from(input).saturating_add(u64::from(output)))
}

/// Clients that each have a request in flight all the time; `None`: the load is not a closed loop.
pub(crate) fn clients(workload: &Workload) -> Option<u32> {
    match &workload.load {
        Load::Closed { concurrency, .. } => Some(concurrency.get()),
        _ => None,
    }
}

/// GPUs of one instance on one node.
pub(crate) fn gpus_per_instance(nodes: &Nodes) -> u32 {
    let servers = &nodes.servers;
    servers
        .gpus_per_instance
        .unwrap_or(servers.gpus / servers.instances_per_node)
}

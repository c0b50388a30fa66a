//! Where a run happens, and on how many nodes.

use super::old::{Old, count_of};
use crate::draft::Draft;

/// A job's time limit where the old recipe has none.
const TIME_LIMIT: &str = "01:00:00";

/// How many nodes the roles have.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeCounts {
    pub servers: u64,
    pub clients: u64,
}

pub(super) fn launch(old: &mut Old<'_>, new: &mut Draft) {
    match old.text("orchestration.mode") {
        Some(mode) if mode != "slurm" => {
            let line = old.take("orchestration.mode").map(|node| node.span);
            if let Some(span) = line {
                old.lose_at(
                    span,
                    "orchestration.mode",
                    format!("hpcbench runs on Slurm, not on {mode}"),
                );
            }
        }
        _ => {}
    }
    new.put("launch.mode", "slurm");
    for key in ["account", "partition", "qos"] {
        new.put_some(&format!("launch.{key}"), old.text(key));
    }
    match old.text("orchestration.job_config.time_limit") {
        Some(limit) => new.put("launch.time_limit", limit),
        None => new.put_with(
            "launch.time_limit",
            TIME_LIMIT,
            "the old recipe had none: check this",
        ),
    }
    new.put_some(
        "launch.reservation",
        old.text("orchestration.job_config.reservation"),
    );
    new.put_some(
        "launch.exclusive",
        old.truth("orchestration.job_config.exclusive"),
    );
    let modules = old.texts("modules");
    if !modules.is_empty() {
        new.put("launch.modules", modules);
    }
}

pub(super) fn nodes(old: &mut Old<'_>, new: &mut Draft) -> NodeCounts {
    let allocation = "orchestration.node_allocation";
    let servers = old.count(&format!("{allocation}.servers.nodes")).unwrap_or(1);
    let clients = old.count(&format!("{allocation}.clients.nodes")).unwrap_or(1);
    let monitors = old.count(&format!("{allocation}.monitors.nodes")).unwrap_or(0);
    new.put("nodes.servers.count", servers);
    resources(old, new, "servers", "servers");
    new.put("nodes.clients.count", clients);
    resources(old, new, "clients", "clients");
    if old.take("resources.clients.gpus").and_then(count_of) != Some(0) {
        old.lose("resources.clients.gpus", "clients use no GPUs");
    }
    if monitors > 0 {
        new.put_with(
            "nodes.orchestrator.placement",
            "dedicated",
            "the old monitor node: it holds the event log and the bus",
        );
        resources(old, new, "monitors", "orchestrator");
    } else {
        old.lose(
            "resources.monitors",
            "without a monitor node the orchestrator shares the first client's",
        );
    }
    for role in ["servers", "clients", "monitors"] {
        old.lose(
            &format!("{allocation}.{role}.node_range"),
            "Slurm chooses the nodes, each for one role",
        );
    }
    spreading(old, allocation);
    let sum = servers + clients + monitors.min(1);
    match old.count("orchestration.total_nodes") {
        Some(total) if total != sum => {
            let reason = format!("the roles have {sum} nodes together");
            old.lose("orchestration.total_nodes", reason);
        }
        _ => {}
    }
    NodeCounts { servers, clients }
}

fn resources(old: &mut Old<'_>, new: &mut Draft, from: &str, to: &str) {
    if from == "servers" {
        new.put_some("nodes.servers.gpus", old.count("resources.servers.gpus"));
    }
    new.put_some(
        &format!("nodes.{to}.cpus"),
        old.count(&format!("resources.{from}.cpus_per_task")),
    );
    let memory = old.count(&format!("resources.{from}.mem_gb"));
    new.put_some(
        &format!("nodes.{to}.memory"),
        memory.map(|size| format!("{size}GiB")),
    );
}

/// How clients find servers.
fn spreading(old: &mut Old<'_>, allocation: &str) {
    let path = format!("{allocation}.clients.distribution_strategy");
    let strategy = old.text(&path);
    if strategy.is_some_and(|strategy| !matches!(strategy.as_str(), "round-robin" | "all-to-all")) {
        old.lose(&path, "every client node uses all endpoints in turn");
    }
    old.lose(
        &format!("{allocation}.clients.target_mapping"),
        "every client node uses all endpoints in turn",
    );
}

//! The job that a plan asks for, in words.

use std::fmt::Write as _;

use hpcbench_recipes::estimate::Estimate;
use hpcbench_slurm::Layout;
use hpcbench_slurm::layout::Component;

/// The job in words: its parts, its time, what it costs; the estimate is that of its trials.
pub(super) fn in_words(layout: &Layout, estimate: &Estimate) -> String {
    let nodes = layout.node_count();
    let mut text = format!(
        "\nA Slurm job: {nodes} nodes for {}, {:.1} node-hours at most, about {:.1} for the trials{}; it winds down {} s before \
         its time limit.\n",
        layout.time_limit,
        layout.node_hours(),
        estimate.seconds / 3600.0 * nodes as f64,
        idle(estimate),
        layout.stop_before
    );
    for (index, component) in layout.components.iter().enumerate() {
        let name = if layout.is_heterogeneous() {
            format!("part {index}")
        } else {
            "nodes".to_owned()
        };
        let _ = writeln!(text, "  {name}: {}", part(component));
        for host in &component.hosts {
            let nodes: Vec<&str> = host.nodes.iter().map(|node| node.node.as_str()).collect();
            let _ = writeln!(text, "    {}", nodes.join(", "));
        }
    }
    text
}

/// What nodes cost that a trial does not use.
fn idle(estimate: &Estimate) -> String {
    if estimate.idle_node_seconds > 0.0 {
        format!(
            ", {:.1} of them on nodes that are idle",
            estimate.idle_node_seconds / 3600.0
        )
    } else {
        String::new()
    }
}

fn part(component: &Component) -> String {
    let mut words = vec![component.hosts.len().to_string()];
    let settings = [
        ("partition", &component.partition),
        ("account", &component.account),
        ("qos", &component.qos),
        ("reservation", &component.reservation),
        ("constraint", &component.constraint),
    ];
    for (name, setting) in settings {
        if let Some(setting) = setting {
            words.push(format!("{name} {}", setting.value));
        }
    }
    if let Some(gpus) = &component.gpus {
        words.push(format!("{} GPUs each", gpus.count));
    }
    if component.exclusive {
        words.push("exclusive".to_owned());
    }
    words.join(", ")
}

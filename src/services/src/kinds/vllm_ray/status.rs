//! What `ray status` says.

use crate::service::Wanted;

/// What is there of a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Found {
    nodes: u32,
    gpus: f64,
}

/// What is missing, by what `ray status` has printed.
pub(super) fn judge(printed: &str, wanted: Wanted) -> Result<(), String> {
    let found = found(printed);
    let nodes = wanted.nodes.get();
    let gpus = u64::from(nodes) * u64::from(wanted.gpus);
    if found.nodes >= nodes && found.gpus >= gpus as f64 {
        return Ok(());
    }
    Err(format!(
        "{} of {nodes} nodes and {} of {gpus} GPUs have joined Ray's cluster",
        found.nodes, found.gpus
    ))
}

/// Nodes are listed below `Active:` and, by newer versions, `Idle:`; resources as `used/total NAME`.
fn found(printed: &str) -> Found {
    let mut found = Found::default();
    let mut is_alive = false;
    for line in printed.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            is_alive = matches!(heading, "Active" | "Idle");
            continue;
        }
        let mut words = line.split_whitespace();
        let (Some(first), Some(second)) = (words.next(), words.next()) else {
            continue;
        };
        if is_alive && line.starts_with(' ') {
            found.nodes += first.parse().unwrap_or(0);
        }
        if second == "GPU"
            && let Some((_, total)) = first.split_once('/')
        {
            found.gpus = found.gpus.max(total.parse().unwrap_or(0.0));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Ray 2.60 printed for two nodes with two pretended GPUs each.
    const TWO_NODES: &str = "\
======== Autoscaler status: 2026-11-28 14:48:23.917592 ========
Node status
---------------------------------------------------------------
Active:
 1 node_948613be08c1e7d58e45472a3f8e63710a8927fabe9f2abbe3c3c53d
 1 node_0cb3f8530e757914e8de76fef927785b871eec08738d11b5a2c538f8
Pending:
 (no pending nodes)
Recent failures:
 (no failures)

Resources
---------------------------------------------------------------
Total Usage:
 0.0/2.0 CPU
 0.0/4.0 GPU
 0B/42.64GiB memory
 0B/190.73MiB object_store_memory

From request_resources:
 (none)
Pending Demands:
 (no resource demands)
";

    fn wanted(nodes: u32, gpus: u32) -> Wanted {
        Wanted {
            nodes: nodes.try_into().unwrap(),
            gpus,
        }
    }

    #[test]
    fn all_nodes_and_gpus_have_to_be_there() {
        assert_eq!(judge(TWO_NODES, wanted(2, 2)), Ok(()));
        assert_eq!(judge(TWO_NODES, wanted(2, 0)), Ok(()));
        assert_eq!(
            judge(TWO_NODES, wanted(3, 2)).unwrap_err(),
            "2 of 3 nodes and 4 of 6 GPUs have joined Ray's cluster"
        );
        assert!(judge(TWO_NODES, wanted(2, 4)).is_err());
    }

    #[test]
    fn nodes_that_do_nothing_count_and_those_to_come_do_not() {
        let newer = "Node status\n---\nActive:\n (no active nodes)\nIdle:\n 1 headgroup\n 2 workers\nPending:\n 4 workers\n\
                     Recent failures:\n 1 workers: LaunchFailed\n";
        assert_eq!(found(newer).nodes, 3);
    }

    #[test]
    fn nothing_is_there_before_ray_is() {
        let early =
            "No cluster status. It may take a few seconds for the Ray internal services to start up.\n";
        for printed in ["", early, "Failed to connect to GCS at address 127.0.0.2:20000"] {
            assert_eq!(found(printed), Found::default());
            assert!(judge(printed, wanted(1, 0)).is_err());
        }
    }
}

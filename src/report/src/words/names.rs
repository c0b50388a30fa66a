//! Names of nodes and points in time.

use hpcbench_core::{NodeId, Role, Timestamp};

/// A node with what it is for, unless its name says so already.
pub(crate) fn node_name(node: &NodeId, role: Role) -> String {
    if node.as_str() == role.as_str() {
        node.to_string()
    } else {
        format!("{node} ({role})")
    }
}

/// A point in time, to the second: `2023-11-14 22:13:20Z`.
pub(crate) fn date(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split('.').next().unwrap_or(&text);
    format!("{}Z", seconds.replace('T', " "))
}

//! A collected line.

use hpcbench_core::{LogCategory, NodeId, Timestamp};
use serde::{Deserialize, Serialize};

/// One line of a collected log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedLine {
    /// When it was read.
    pub at: Timestamp,
    /// What it is about.
    pub category: LogCategory,
    /// On which node.
    pub node: NodeId,
    /// Who wrote it.
    pub component: String,
    /// `stdout`, `stderr` or `log`.
    pub stream: String,
    /// What it belongs to.
    pub correlation: String,
    /// The line.
    pub message: String,
}

//! A collected line.

use hpcbench_core::{NodeId, Timestamp};
use serde::{Deserialize, Serialize};

/// What a log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The service.
    Application,
    /// The node and the batch system.
    System,
    /// hpcbench itself.
    Benchmark,
    /// What hpcbench runs for itself, such as nats-server.
    Infrastructure,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Application, Self::System, Self::Benchmark, Self::Infrastructure];

    /// Its name; also its directory below `logs/`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::System => "system",
            Self::Benchmark => "benchmark",
            Self::Infrastructure => "infrastructure",
        }
    }
}

/// One line of a collected log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedLine {
    /// When it was read.
    pub at: Timestamp,
    /// What it is about.
    pub category: Category,
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

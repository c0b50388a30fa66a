//! What an agent is told when it starts: over its standard input, for it holds a password.

use std::path::PathBuf;

use hpcbench_core::{Epoch, RunId, Seq};
use hpcbench_nats::Secret;
use serde::{Deserialize, Serialize};

/// The first line of an agent's standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Greeting {
    /// The run.
    pub run: RunId,
    /// The orchestrator's epoch.
    pub epoch: Epoch,
    /// Hash of the plan that the agent has to find in the run directory.
    pub plan: String,
    /// The event that asks for this agent.
    pub cause: Seq,
    /// Where the bus is.
    pub bus: String,
    /// The agent's own password for it.
    pub password: Secret,
    /// The run's directory on the node's disk.
    pub scratch: PathBuf,
}

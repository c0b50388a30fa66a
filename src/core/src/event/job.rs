//! Events of the batch job that a run lives in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{NodeId, Timestamp};

/// Data of `job.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequested {
    /// The idempotency key: the job's comment, by which it is found if its submission was not answered.
    pub key: String,
    /// The command that submits it.
    pub command: Vec<String>,
    /// Hex SHA-256 of the job script.
    pub script: String,
}

/// Data of `job.started`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStarted {
    /// The batch system's id.
    pub job: String,
    /// How often the batch system has started this job again.
    pub restarts: u32,
    /// The hosts of the plan's nodes.
    pub hosts: BTreeMap<NodeId, String>,
    /// Name of the cluster, where it has one.
    pub cluster: Option<String>,
    /// The partitions, as the batch system names them.
    pub partitions: Vec<String>,
    /// When it was submitted, where that is known.
    pub submitted_at: Option<Timestamp>,
    /// When the batch system started it, where that is known.
    pub started_at: Option<Timestamp>,
    /// When its time is up, where that is known.
    pub ends_at: Option<Timestamp>,
    /// Seconds before that at which the run winds down.
    pub stop_before: f64,
    /// Place of the orchestrator's node in the network, where the batch system knows it.
    pub topology: Option<String>,
    /// Version of the batch system.
    pub version: String,
    /// Versions of other programs where the job runs, by name. Logs of the first versions do not say.
    #[serde(default)]
    pub tools: BTreeMap<String, String>,
    /// Whether somebody had the nodes already and started the run there: nobody starts such a job again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

/// What becomes of a run that its job cannot finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// Nothing by itself: somebody may resume it.
    Wait,
    /// The batch system puts the job back into its queue.
    Requeue,
    /// A job that follows this one goes on with it.
    Resubmit,
}

/// Data of `job.ending`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEnding {
    /// Why.
    pub reason: String,
    /// Whether there is no time for an end in order: everything is about to be killed.
    pub at_once: bool,
    /// What becomes of the run.
    pub afterwards: Afterwards,
}

/// Data of `run.paused`: this epoch ends, and the run does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPaused {
    /// The program's exit code: 1.
    pub exit_code: u8,
    /// Why.
    pub reason: String,
    /// What becomes of the run.
    pub afterwards: Afterwards,
}

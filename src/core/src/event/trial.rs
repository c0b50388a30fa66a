//! Events of trials and their attempts.

use hpcbench_stats::TrialSummary;
use serde::{Deserialize, Serialize};

use crate::{Attempt, NodeId, TrialId};

use super::ArtifactRecorded;

/// Data of `trial.started`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialStarted {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// The clients that take part, in the order in which they split the load.
    pub clients: Vec<NodeId>,
}

/// Data of `trial.prepared`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialPrepared {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// Which client.
    pub node: NodeId,
}

/// Data of `load.started`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStarted {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
}

/// Why an attempt is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StopCause {
    /// The service or the workload is at fault: the trial fails for good.
    Fault {
        /// What went wrong.
        reason: String,
        /// The service's last log lines.
        log_tail: Vec<String>,
    },
    /// Something else: the trial may be attempted again.
    Interruption {
        /// What happened.
        reason: String,
    },
}

impl StopCause {
    /// The cause in words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Fault { reason, .. } | Self::Interruption { reason } => reason,
        }
    }
}

/// Data of `trial.stop_requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialStopRequested {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// Why.
    pub cause: StopCause,
}

/// Data of `share.reported`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareReported {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// Which client.
    pub node: NodeId,
    /// The client's records and its mergeable aggregate; none when the client could not measure.
    pub files: Option<ShareFiles>,
    /// What went wrong on the client, if anything did.
    pub problem: Option<String>,
}

/// The files of a client's share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareFiles {
    /// One row a request.
    pub records: ArtifactRecorded,
    /// Counts and histograms that merge with those of other clients.
    pub aggregate: ArtifactRecorded,
}

/// Data of `trial.completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialCompleted {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// What was measured, and the verdict.
    pub summary: Box<TrialSummary>,
}

/// Data of `trial.failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFailed {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// What went wrong.
    pub reason: String,
    /// The service's last log lines.
    pub log_tail: Vec<String>,
    /// What was measured until then, if anything was.
    pub summary: Option<Box<TrialSummary>>,
}

/// Data of `trial.interrupted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialInterrupted {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// What happened.
    pub reason: String,
}

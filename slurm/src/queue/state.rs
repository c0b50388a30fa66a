//! States of jobs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a job does, by Slurm's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum JobState {
    /// It waits.
    Pending,
    /// It was put back into the queue, and waits or is about to.
    Requeued,
    /// Its nodes are being made ready.
    Configuring,
    /// It runs.
    Running,
    /// It is stopped and keeps its nodes, or has given them up for others for a while.
    Suspended,
    /// It is ending.
    Completing,
    /// It ended with exit code 0.
    Completed,
    /// It ended with another exit code.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// Its time was up.
    Timeout,
    /// A node of it failed.
    NodeFail,
    /// It gave way to another job.
    Preempted,
    /// It ran out of memory.
    OutOfMemory,
    /// It ended in another way.
    Ended(String),
    /// A state that this program does not know: nothing follows from it.
    Other(String),
}

/// States with their names.
const NAMES: [(&str, JobState); 15] = [
    ("PENDING", JobState::Pending),
    ("REQUEUED", JobState::Requeued),
    ("REQUEUE_HOLD", JobState::Requeued),
    ("CONFIGURING", JobState::Configuring),
    ("RUNNING", JobState::Running),
    ("SUSPENDED", JobState::Suspended),
    ("STOPPED", JobState::Suspended),
    ("COMPLETING", JobState::Completing),
    ("COMPLETED", JobState::Completed),
    ("FAILED", JobState::Failed),
    ("CANCELLED", JobState::Cancelled),
    ("TIMEOUT", JobState::Timeout),
    ("NODE_FAIL", JobState::NodeFail),
    ("PREEMPTED", JobState::Preempted),
    ("OUT_OF_MEMORY", JobState::OutOfMemory),
];

/// States without a name of their own here, in which a job is over.
const ENDED: [&str; 4] = ["BOOT_FAIL", "DEADLINE", "REVOKED", "LAUNCH_FAILED"];

impl JobState {
    /// Reads a state; of `CANCELLED by 1000` the first word.
    pub fn parse(text: &str) -> Self {
        let word = text.split_whitespace().next().unwrap_or_default();
        if let Some((_, state)) = NAMES.into_iter().find(|(name, _)| *name == word) {
            return state;
        }
        if ENDED.contains(&word) {
            return Self::Ended(word.to_owned());
        }
        Self::Other(word.to_owned())
    }

    /// Whether the job waits for its nodes.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Pending | Self::Requeued)
    }

    /// Whether the job is over, and its processes are gone.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Completed
            | Self::Failed
            | Self::Cancelled
            | Self::Timeout
            | Self::NodeFail
            | Self::Preempted
            | Self::OutOfMemory
            | Self::Ended(_) => true,
            Self::Pending
            | Self::Requeued
            | Self::Configuring
            | Self::Running
            | Self::Suspended
            | Self::Completing
            | Self::Other(_) => false,
        }
    }

    /// The state by Slurm's name.
    pub fn as_str(&self) -> &str {
        if let Self::Ended(name) | Self::Other(name) = self {
            return name;
        }
        let known = NAMES.iter().find(|(_, state)| state == self);
        known.map_or("", |(name, _)| name)
    }
}

impl From<String> for JobState {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<JobState> for String {
    fn from(state: JobState) -> Self {
        state.as_str().to_owned()
    }
}

impl fmt::Display for JobState {
    /// The state in small letters, as in a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().to_ascii_lowercase().replace('_', " "))
    }
}

//! Trials and their attempts.

use std::collections::BTreeMap;

use hpcbench_stats::{ServiceReport, VerdictStatus};
use serde::Serialize;

use crate::event::{ShareReported, StopCause};
use crate::{Attempt, NodeId, Timestamp};

/// A trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// The latest attempt. Of a trial that could not be attempted: the one that it would have been.
    pub attempt: Attempt,
    /// How often an attempt was cut short since the run was created or last resumed.
    pub interruptions: u32,
    /// How it stands.
    pub status: TrialStatus,
}

/// How a trial stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum TrialStatus {
    /// An attempt is under way.
    Running(AttemptState),
    /// Executed to its end.
    Completed {
        /// What the result is worth.
        verdict: VerdictStatus,
    },
    /// Failed for good.
    Failed {
        /// What went wrong.
        reason: String,
    },
    /// The latest attempt was cut short.
    Interrupted {
        /// What happened.
        reason: String,
    },
}

/// An attempt under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptState {
    /// Its number.
    pub attempt: Attempt,
    /// How far it is.
    pub status: AttemptStatus,
    /// Since when it is that far.
    pub since: Timestamp,
    /// The clients that take part.
    pub shares: BTreeMap<NodeId, Share>,
    /// The nodes whose service instances are observed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub observers: BTreeMap<NodeId, Observation>,
    /// Why it is given up, if it is.
    pub stop: Option<StopCause>,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// The clients get ready.
    Preparing,
    /// The load is on.
    Loading,
    /// The clients were told to give up.
    Stopping,
}

/// One client's part of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "share", rename_all = "snake_case")]
pub enum Share {
    /// Not ready yet.
    Pending,
    /// Ready to begin.
    Prepared,
    /// Handed in.
    Reported(ShareReported),
    /// The client's node is gone.
    Lost,
}

/// What one node's service instances say about an attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "observation", rename_all = "snake_case")]
pub enum Observation {
    /// To be reported once the load has ended.
    Due,
    /// Reported.
    Reported(ServiceReport),
    /// The node is gone.
    Lost,
}

impl Share {
    /// Whether it is still to be handed in.
    pub const fn is_due(&self) -> bool {
        matches!(self, Self::Pending | Self::Prepared)
    }
}

impl Trial {
    /// Whether nothing more will be done about it.
    pub const fn is_settled(&self) -> bool {
        matches!(
            self.status,
            TrialStatus::Completed { .. } | TrialStatus::Failed { .. }
        )
    }

    /// Whether it was executed with a valid result.
    pub fn is_valid(&self) -> bool {
        matches!(
            self.status,
            TrialStatus::Completed {
                verdict: VerdictStatus::Valid
            }
        )
    }
}

impl AttemptState {
    /// Whether every client has handed in its share or is gone.
    pub fn is_over(&self) -> bool {
        !self.shares.values().any(Share::is_due)
    }

    /// Whether every client has handed in its share: nothing that happens now can spoil the attempt.
    pub fn is_handed_in(&self) -> bool {
        self.shares
            .values()
            .all(|share| matches!(share, Share::Reported(_)))
    }

    /// Whether the services' own account is still to come: that of an attempt which is given up is not waited for.
    pub fn awaits_observations(&self) -> bool {
        self.stop.is_none() && self.observers.values().any(|o| matches!(o, Observation::Due))
    }

    /// Whether every client is ready to begin.
    pub fn is_prepared(&self) -> bool {
        self.shares.values().all(|share| matches!(share, Share::Prepared))
    }
}

//! Events of service instances.

use hpcbench_stats::ServiceReport;
use serde::{Deserialize, Serialize};

use crate::{Attempt, InstanceId, NodeId, TrialId};

/// Data of `service.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRequested {
    /// Index of the service configuration in the plan.
    pub service: usize,
    /// Which instance.
    pub instance: InstanceId,
    /// Where.
    pub node: NodeId,
    /// Counts the starts of this instance, from 1: with the instance it names one launch.
    pub launch: u32,
}

/// Data of `service.launched`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLaunched {
    /// Which instance.
    pub instance: InstanceId,
    /// Which start.
    pub launch: u32,
    /// Process id of the guard that the service runs below; none for a service that already ran.
    pub pid: Option<u32>,
    /// Program and arguments; empty for a service that already ran.
    pub command: Vec<String>,
    /// The image that it runs in, if it runs in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ServiceImage>,
}

/// An image as it was when a service was started in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceImage {
    /// Where it is.
    pub path: String,
    /// Its hex SHA-256; none: a sandbox directory.
    pub sha256: Option<String>,
    /// The copy on the node's own disk that was used, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
}

/// Data of `service.ready`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceReady {
    /// Which instance.
    pub instance: InstanceId,
    /// Which start.
    pub launch: u32,
    /// Base URLs at which it answers.
    pub endpoints: Vec<String>,
    /// Seconds from launch to readiness.
    pub seconds: f64,
    /// Models that it says it serves.
    pub models: Vec<String>,
}

/// Data of `service.failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFailed {
    /// Which instance.
    pub instance: InstanceId,
    /// Which start.
    pub launch: u32,
    /// What went wrong.
    pub reason: String,
    /// The service's last log lines.
    pub log_tail: Vec<String>,
}

/// Data of `service.stop_requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStopRequested {
    /// Which instance.
    pub instance: InstanceId,
    /// Which start.
    pub launch: u32,
}

/// Data of `service.exited`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceExited {
    /// Which instance.
    pub instance: InstanceId,
    /// Which start.
    pub launch: u32,
    /// How: `exit code 3`, `signal 9 (SIGKILL)`.
    pub how: String,
    /// Whether it had been asked to.
    pub expected: bool,
    /// The service's last log lines.
    pub log_tail: Vec<String>,
}

/// Data of `service.observed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceObserved {
    /// Which trial.
    pub trial: TrialId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// Whose instances.
    pub node: NodeId,
    /// What the node's instances say about the attempt, together.
    pub service: ServiceReport,
}

//! Events of service instances.

use core::net::IpAddr;
use std::num::NonZeroU32;

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
    /// Which of the instance's processes it is; none: the instance has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<ServiceRank>,
}

/// One of the processes of an instance that spans nodes. Each has an id like an instance; that of the first is the instance's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRank {
    /// The instance: the id of its first process, which answers requests.
    pub head: InstanceId,
    /// The number of this process, from 0.
    pub index: u32,
    /// How many there are.
    pub of: NonZeroU32,
    /// Where it finds the first process; none for the first process itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendezvous: Option<Rendezvous>,
}

/// Where the processes of an instance find the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendezvous {
    /// The address of its node.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Further ports of it that they have to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_ports: Vec<u16>,
    /// Hex SHA-256 of the image that it runs in; none: it runs in none, or in a sandbox directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
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
    /// Where the instance's other processes find this one; none where it has no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendezvous: Option<Rendezvous>,
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
    /// Seconds before its launch in which its image and its model were brought to the node; none where it had neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outfit_seconds: Option<f64>,
    /// Seconds to load the model: after it had become ready, where the server does that only when it is asked to; else a part of
    /// `seconds`, by its log or by its answers. None: nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_seconds: Option<f64>,
    /// Seconds from the very first request to its first token, once the model is loaded; none where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_seconds: Option<f64>,
    /// What is to be known of it, in words, such as that it does not use the fast network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
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
    /// The line of its log that tells the cause, if one does, and its last ones: of standard output, then of standard error.
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
    /// What its log says about the cause, and what to do; none: nothing that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<String>,
    /// The line of its log that tells the cause, if one does, and its last ones: of standard output, then of standard error.
    pub log_tail: Vec<String>,
}

impl ServiceExited {
    /// How it ended and what of, as far as that is known.
    pub fn in_words(&self) -> String {
        match &self.diagnosis {
            Some(diagnosis) => format!("{}: {diagnosis}", self.how),
            None => self.how.clone(),
        }
    }
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

//! The service configuration in place and its instances.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{InstanceId, NodeId, Timestamp};

/// The service configuration in place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deployment {
    /// Its index in the plan.
    pub service: usize,
    /// Its instances seen so far.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// Starts of every instance in this epoch, under whichever configuration: a late word of a former configuration's
    /// process can so never be taken for one of this configuration's.
    pub launches: BTreeMap<InstanceId, u32>,
}

/// A service instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Instance {
    /// Where it runs.
    pub node: NodeId,
    /// Number of its latest start; starts are counted over the epoch.
    pub launches: u32,
    /// How often it failed or ended unasked under this configuration. The loss of its node does not count: that is no
    /// fault of the service.
    pub failures: u32,
    /// How it stands.
    pub status: InstanceStatus,
}

/// How a service instance stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum InstanceStatus {
    /// To be started.
    Requested {
        /// Since when.
        since: Timestamp,
    },
    /// Its process runs.
    Launched {
        /// Since when it had been requested.
        since: Timestamp,
    },
    /// It answers.
    Ready {
        /// Base URLs.
        endpoints: Vec<String>,
    },
    /// To be stopped.
    StopRequested {
        /// Since when.
        since: Timestamp,
    },
    /// Not running, and not asked to stop.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
        /// Its last log lines.
        log_tail: Vec<String>,
    },
    /// Stopped as asked.
    Stopped,
}

impl Instance {
    /// Whether it was asked to start and has not become ready since.
    pub const fn is_starting(&self) -> bool {
        matches!(
            self.status,
            InstanceStatus::Requested { .. } | InstanceStatus::Launched { .. }
        )
    }

    /// Whether a process of it may be running.
    pub const fn may_run(&self) -> bool {
        !matches!(self.status, InstanceStatus::Down { .. } | InstanceStatus::Stopped)
    }
}

impl Deployment {
    /// Whether any process of it may be running.
    pub fn may_run(&self) -> bool {
        self.instances.values().any(Instance::may_run)
    }

    /// The ready instances' base URLs, in the order of their ids.
    pub fn endpoints(&self) -> Vec<(InstanceId, String)> {
        let mut all = Vec::new();
        for (id, instance) in &self.instances {
            if let InstanceStatus::Ready { endpoints } = &instance.status {
                all.extend(endpoints.iter().map(|url| (id.clone(), url.clone())));
            }
        }
        all
    }
}

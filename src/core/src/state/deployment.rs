//! The service in place: its instances.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Rendezvous;
use crate::{InstanceId, NodeId, Timestamp};

/// The service in place.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Deployment {
    /// Its instances seen so far.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// Starts of every instance in this epoch, under whichever configuration: a late word of a former configuration's
    /// process can so never be taken for one of this configuration's.
    pub launches: BTreeMap<InstanceId, u32>,
}

/// A service instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Instance {
    /// Index of the configuration that it was last asked for under, or has failed under. It stays for others with the same processes.
    pub service: usize,
    /// Where it runs.
    pub node: NodeId,
    /// Number of its latest start; starts are counted over the epoch.
    pub launches: u32,
    /// How often it failed or ended unasked under that configuration. The loss of its node does not count: that is no
    /// fault of the service.
    pub failures: u32,
    /// How it stands.
    pub status: InstanceStatus,
    /// The instance that it is one of the processes of, if that spans nodes; failures count there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<InstanceId>,
    /// Where the instance's other processes find this one, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rendezvous: Option<Rendezvous>,
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
        /// Since when.
        since: Timestamp,
    },
    /// It runs for the first process of its instance, which is the one that answers.
    Joined,
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
    /// The instance that the process with this id is one of; failures count there.
    pub(crate) fn head<'a>(&'a self, id: &'a InstanceId) -> &'a InstanceId {
        self.part_of.as_ref().unwrap_or(id)
    }

    /// Whether it was asked to start and has not become ready since.
    pub const fn is_starting(&self) -> bool {
        matches!(
            self.status,
            InstanceStatus::Requested { .. } | InstanceStatus::Launched { .. }
        )
    }

    /// Whether it does what it is there for.
    pub const fn is_up(&self) -> bool {
        matches!(self.status, InstanceStatus::Ready { .. } | InstanceStatus::Joined)
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

    /// The id that failures of a process count under: its instance's.
    pub(crate) fn accountable(&self, id: &InstanceId) -> InstanceId {
        let known = self.instances.get(id);
        known.map_or(id, |known| known.head(id)).clone()
    }

    /// What is known of the processes of an instance, the instance itself among them.
    pub(crate) fn processes<'a>(
        &'a self,
        head: &'a InstanceId,
    ) -> impl Iterator<Item = (&'a InstanceId, &'a Instance)> {
        self.instances
            .iter()
            .filter(move |(id, known)| *id == head || known.part_of.as_ref() == Some(head))
    }

    /// A process as it is named to people: with its instance, if that has others.
    pub(crate) fn name(&self, id: &InstanceId) -> String {
        match self.instances.get(id) {
            Some(known) if known.part_of.is_some() => {
                let head = self.accountable(id);
                format!("{head}, its process {id} on {},", known.node)
            }
            _ => id.to_string(),
        }
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

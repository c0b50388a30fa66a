//! The nodes of a run, and which of them a trial uses.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{Plan, ServicePlan, TrialPlan};
use crate::ids::{NodeId, Role};
use crate::recipe::ClientPlacement;

/// A node and what it is there for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedNode {
    /// The node's token. In local mode: the role's name.
    pub node: NodeId,
    /// What the node is there for.
    pub role: Role,
}

impl Plan {
    /// The nodes of a role, in their order.
    pub fn nodes_of(&self, role: Role) -> impl Iterator<Item = &PlannedNode> {
        self.nodes.iter().filter(move |planned| planned.role == role)
    }

    /// The nodes that a service runs on, in their order.
    pub fn servers_of(&self, service: &ServicePlan) -> impl Iterator<Item = &PlannedNode> {
        self.nodes_of(Role::Server).take(first(service.server_nodes))
    }

    /// The nodes that drive a trial's load, in their order.
    pub fn clients_of(&self, trial: &TrialPlan) -> impl Iterator<Item = &PlannedNode> {
        self.nodes_of(Role::Client).take(first(trial.client_nodes))
    }

    /// Hosts of the run that a trial leaves idle. The orchestrator's is none of them, since it is the first client's or its own.
    pub fn idle_hosts(&self, trial: &TrialPlan) -> u32 {
        let (servers, clients) = (&self.resources.servers, &self.resources.clients);
        let left = |all: NonZeroU32, used: Option<u32>| used.map_or(0, |used| all.get().saturating_sub(used));
        let service = self.services.get(trial.service);
        let serving = service.and_then(|service| service.server_nodes);
        let idle_servers = left(servers.count, serving.map(NonZeroU32::get));
        let driving = trial
            .client_nodes
            .map(|agents| agents.get() / clients.agents_per_node);
        match clients.placement {
            ClientPlacement::WithServers => idle_servers,
            ClientPlacement::Dedicated => idle_servers + left(clients.count, driving),
        }
    }
}

/// How many to take; none given: all.
fn first(count: Option<NonZeroU32>) -> usize {
    count.map_or(usize::MAX, |count| count.get() as usize)
}

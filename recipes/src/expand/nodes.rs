//! The nodes of all trials together, and what is left of them for each.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use crate::ids::{NodeId, Role};
use crate::plan::{PlannedNode, ServicePlan, TrialPlan};
use crate::recipe::Nodes;

/// The most that any point of a sweep needs: all trials share one allocation.
pub(super) struct Most {
    servers: NonZeroU32,
    instances_per_node: NonZeroU32,
    clients: NonZeroU32,
    agents: NonZeroU32,
}

impl Most {
    /// The least that any point needs.
    pub(super) const LEAST: Self = Self {
        servers: NonZeroU32::MIN,
        instances_per_node: NonZeroU32::MIN,
        clients: NonZeroU32::MIN,
        agents: NonZeroU32::MIN,
    };

    /// Makes room for a point.
    pub(super) fn include(&mut self, nodes: &Nodes) {
        self.servers = self.servers.max(nodes.servers.count);
        self.instances_per_node = self.instances_per_node.max(nodes.servers.instances_per_node);
        self.clients = self.clients.max(nodes.clients.count);
        self.agents = self.agents.max(agents(nodes));
    }

    /// Writes it into the nodes that are asked for.
    pub(super) fn apply(&self, nodes: &mut Nodes) {
        nodes.servers.count = self.servers;
        nodes.servers.instances_per_node = self.instances_per_node;
        nodes.clients.count = self.clients;
    }

    /// Of services and trials that use all nodes of their role, no number is kept.
    pub(super) fn leave_out_all(&self, services: &mut [ServicePlan], trials: &mut [TrialPlan]) {
        for service in services {
            service.server_nodes = service.server_nodes.filter(|count| *count < self.servers);
        }
        for trial in trials {
            trial.client_nodes = trial.client_nodes.filter(|count| *count < self.agents);
        }
    }
}

/// Client agents: each is a node of the plan, whether or not it shares its host with others.
pub(super) fn agents(nodes: &Nodes) -> NonZeroU32 {
    nodes.clients.count.saturating_mul(nodes.clients.agents_per_node)
}

/// The nodes of the plan.
#[expect(
    clippy::expect_used,
    reason = "role names, and role names with a number, are tokens"
)]
pub(super) fn planned(nodes: &Nodes) -> Vec<PlannedNode> {
    let named = |role: Role, count: u32| {
        (1..=count).map(move |number| {
            let name = if count == 1 {
                role.to_string()
            } else {
                format!("{role}-{number}")
            };
            let node: NodeId = name.parse().expect("a token");
            PlannedNode { node, role }
        })
    };
    named(Role::Orchestrator, 1)
        .chain(named(Role::Server, nodes.servers.count.get()))
        .chain(named(Role::Client, agents(nodes).get()))
        .collect()
}

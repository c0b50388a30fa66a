//! Who shares a host with whom.

use hpcbench_recipes::recipe::{ClientPlacement, OrchestratorPlacement};
use hpcbench_recipes::{Plan, PlannedNode, Role};

use super::Host;
use super::demand::{Demand, Named};
use super::error::LayoutError;
use crate::place::Origin;
use crate::site::Site;

/// Hosts that are asked for in the same way.
#[derive(Debug)]
pub(super) struct Group {
    /// Whose hosts they are.
    pub(super) role: Role,
    pub(super) hosts: Vec<Host>,
    pub(super) demand: Demand,
}

impl Group {
    pub(super) fn has_orchestrator(&self) -> bool {
        self.hosts.iter().any(|host| host.has(Role::Orchestrator))
    }
}

/// The groups of a plan: at most one for each role.
pub(super) fn groups(plan: &Plan, site: &Site) -> Result<Vec<Group>, LayoutError> {
    let nodes = &plan.resources;
    let servers = hosts_of(plan, Role::Server, nodes.servers.count.get())?;
    let clients = hosts_of(plan, Role::Client, nodes.clients.count.get())?;
    let server_demand = Demand::of(plan, site, Role::Server)?;
    let mut groups = Vec::with_capacity(3);
    match nodes.clients.placement {
        ClientPlacement::Dedicated => {
            groups.push(Group {
                role: Role::Client,
                hosts: clients,
                demand: Demand::of(plan, site, Role::Client)?,
            });
            groups.push(Group {
                role: Role::Server,
                hosts: servers,
                demand: server_demand,
            });
        }
        ClientPlacement::WithServers => {
            let mut demand = server_demand;
            demand.shared_with(&Named::of(plan, Role::Client), site)?;
            groups.push(Group {
                role: Role::Server,
                hosts: together(servers, clients)?,
                demand,
            });
        }
    }
    place_orchestrator(plan, site, &mut groups)?;
    Ok(groups)
}

/// Puts the orchestrator on the first client's host, or on one of its own. The clients' group is the first.
fn place_orchestrator(plan: &Plan, site: &Site, groups: &mut Vec<Group>) -> Result<(), LayoutError> {
    let named = Named::of(plan, Role::Orchestrator);
    let host = hosts_of(plan, Role::Orchestrator, 1)?;
    let Some(clients) = groups.first_mut() else {
        return Ok(());
    };
    match plan.resources.orchestrator.placement {
        OrchestratorPlacement::Shared => {
            clients.demand.shared_with(&named, site)?;
            if let Some(first) = clients.hosts.first_mut() {
                let orchestrator = host.into_iter().flat_map(|host| host.nodes);
                first.nodes.splice(0..0, orchestrator);
            }
        }
        OrchestratorPlacement::Dedicated => {
            let demand = dedicated_demand(plan, site, &clients.demand, &named)?;
            groups.push(Group {
                role: Role::Orchestrator,
                hosts: host,
                demand,
            });
        }
    }
    Ok(())
}

/// An orchestrator that names no partition is asked for as one more client node, unless the site has another partition for
/// it than for the clients.
fn dedicated_demand(
    plan: &Plan,
    site: &Site,
    clients: &Demand,
    named: &Named,
) -> Result<Demand, LayoutError> {
    let by_site = clients
        .partition
        .as_ref()
        .is_some_and(|partition| partition.origin == Origin::Site);
    let own = plan.resources.orchestrator.partition.is_some();
    if own || (by_site && site.partitions.orchestrator.is_some()) {
        Demand::of(plan, site, Role::Orchestrator)
    } else {
        clients.followed_by(named, site)
    }
}

/// A role's nodes, spread evenly over so many hosts, in their order.
fn hosts_of(plan: &Plan, role: Role, hosts: u32) -> Result<Vec<Host>, LayoutError> {
    let nodes: Vec<&PlannedNode> = plan.nodes.iter().filter(|node| node.role == role).collect();
    let each = nodes.len() / hosts as usize;
    if each == 0 || !nodes.len().is_multiple_of(hosts as usize) {
        return Err(LayoutError::UnevenAgents {
            role,
            agents: nodes.len(),
            hosts,
        });
    }
    let host = |nodes: &[&PlannedNode]| Host {
        nodes: nodes.iter().copied().cloned().collect(),
    };
    Ok(nodes.chunks(each).map(host).collect())
}

/// Clients on the first of the servers' hosts.
fn together(mut servers: Vec<Host>, clients: Vec<Host>) -> Result<Vec<Host>, LayoutError> {
    if clients.len() > servers.len() {
        return Err(LayoutError::MoreClientsThanServers {
            clients: clients.len() as u32,
            servers: servers.len() as u32,
        });
    }
    for (server, client) in servers.iter_mut().zip(clients) {
        server.nodes.extend(client.nodes);
    }
    Ok(servers)
}

//! Which host each of the plan's nodes gets.

use std::collections::BTreeMap;

use hpcbench_recipes::{NodeId, PlannedNode, Role};

use super::{Allocation, GrantedHost};
use crate::layout::{Gpus, Host, Layout};
use crate::site::GpuRequest;

/// A node of the plan, and the host that it lives on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The node.
    pub node: NodeId,
    /// What it is there for.
    pub role: Role,
    /// The host.
    pub host: String,
    /// The component of the job that the host belongs to.
    pub component: u32,
    /// CPUs for the node's agent; none: it is not known how many the job has there.
    pub cpus: Option<u32>,
    /// GPUs for the node's agent.
    pub gpus: Option<Gpus>,
    /// How GPUs are asked for.
    pub gpu_request: GpuRequest,
}

/// An allocation that the run does not fit into.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignError {
    /// It is too small.
    #[error(
        "the allocation has {granted} nodes{}, and the run needs {wanted}: none is left for {}",
        .component.map(|index| format!(" in component {index}")).unwrap_or_default(),
        .left_over.iter().map(NodeId::as_str).collect::<Vec<_>>().join(", ")
    )]
    TooFewHosts {
        /// The component, where there are several.
        component: Option<u32>,
        /// Hosts that the run needs there.
        wanted: usize,
        /// Hosts that there are.
        granted: usize,
        /// Nodes of the plan without a host.
        left_over: Vec<NodeId>,
    },
    /// It has other components.
    #[error(
        "the allocation has {granted} components, and the run needs {wanted}, or one that has all its nodes"
    )]
    Components {
        /// Components that the run needs.
        wanted: usize,
        /// Components that there are.
        granted: usize,
    },
    /// A host has fewer CPUs than the recipe asks for.
    #[error("{node} needs {wanted} CPUs, and the job has {granted} on {host}")]
    TooFewCpus {
        /// The node.
        node: NodeId,
        /// Its host.
        host: String,
        /// CPUs that the recipe asks for.
        wanted: u32,
        /// CPUs that there are.
        granted: u32,
    },
}

/// Gives each node of the plan a host. The orchestrator gets the host that this process runs on, if that is one of the
/// first component's. An allocation that was made by hand may have one component for all.
///
/// # Errors
/// The allocation does not have what the run needs.
pub fn assign(layout: &Layout, allocation: &Allocation) -> Result<BTreeMap<NodeId, Placed>, AssignError> {
    let wanted = layout.components.len();
    let granted = allocation.components.len();
    let all_in_one = granted == 1 && wanted > 1;
    if wanted != granted && !all_in_one {
        return Err(AssignError::Components { wanted, granted });
    }
    let parts: Vec<Vec<&Host>> = if all_in_one {
        vec![
            layout
                .components
                .iter()
                .flat_map(|component| &component.hosts)
                .collect(),
        ]
    } else {
        let components = layout.components.iter();
        components
            .map(|component| component.hosts.iter().collect())
            .collect()
    };
    let mut placed = BTreeMap::new();
    for (index, (hosts, granted)) in parts.iter().zip(&allocation.components).enumerate() {
        let component = allocation.is_heterogeneous().then_some(index as u32);
        let there = here_first(&granted.hosts, allocation.here.as_deref().filter(|_| index == 0));
        enough(component, hosts, there.len())?;
        for (host, given) in hosts.iter().zip(there) {
            for node in &host.nodes {
                let place = place(layout, node, given, index as u32)?;
                placed.insert(node.node.clone(), place);
            }
        }
    }
    Ok(placed)
}

/// The hosts, the one that this process runs on first.
fn here_first<'h>(hosts: &'h [GrantedHost], here: Option<&str>) -> Vec<&'h GrantedHost> {
    let mut hosts: Vec<&GrantedHost> = hosts.iter().collect();
    hosts.sort_by_key(|host| here != Some(host.name.as_str()));
    hosts
}

fn enough(component: Option<u32>, hosts: &[&Host], granted: usize) -> Result<(), AssignError> {
    let left_over = hosts.iter().skip(granted).flat_map(|host| &host.nodes);
    let left_over: Vec<NodeId> = left_over.map(|node| node.node.clone()).collect();
    if left_over.is_empty() {
        return Ok(());
    }
    Err(AssignError::TooFewHosts {
        component,
        wanted: hosts.len(),
        granted,
        left_over,
    })
}

fn place(
    layout: &Layout,
    node: &PlannedNode,
    given: &GrantedHost,
    component: u32,
) -> Result<Placed, AssignError> {
    let share = layout.shares.get(&node.role);
    let wanted = share.and_then(|share| share.cpus).map(std::num::NonZeroU32::get);
    if let (Some(wanted), Some(granted)) = (wanted, given.cpus)
        && wanted > granted
    {
        return Err(AssignError::TooFewCpus {
            node: node.node.clone(),
            host: given.name.clone(),
            wanted,
            granted,
        });
    }
    Ok(Placed {
        node: node.node.clone(),
        role: node.role,
        host: given.name.clone(),
        component,
        cpus: wanted.or(given.cpus),
        gpus: share.and_then(|share| share.gpus.clone()),
        gpu_request: layout.gpu_request,
    })
}

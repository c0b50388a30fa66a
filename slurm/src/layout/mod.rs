//! From a plan to the parts of a job.
//!
//! ```text
//! roles ─► host groups (who shares a host) ─► components (one, or the parts of a heterogeneous job)
//! ```
//!
//! Each group of hosts asks for something: what its role names, else what the whole job names, else what the site has
//! for the role. A dedicated orchestrator that names no partition is asked for as one more client node. Groups become one
//! allocation wherever that gives each what it asks for: partition, account, qos, reservation, constraint, directives
//! and exclusiveness are the same, and CPUs and memory are the same or named by one of them only. Nodes with and without
//! GPUs are one allocation if they are exclusive: whole nodes of one partition are given out anyway, and only backfill
//! starts heterogeneous jobs. Component 0 holds the orchestrator.

mod build;
mod components;
mod demand;
mod directives;
mod errand;
mod error;
mod groups;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use hpcbench_recipes::{PlannedNode, Role};
use serde::Serialize;

use crate::place::Setting;
use crate::site::GpuRequest;
use crate::time::TimeLimit;

pub use build::layout;
pub use errand::Errand;
pub use error::LayoutError;

/// A plan as Slurm sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// The job's name: the recipe's.
    pub job_name: String,
    /// The parts of the job; more than one: a heterogeneous job. The first holds the orchestrator, on its first host.
    pub components: Vec<Component>,
    /// The job's time limit.
    pub time_limit: TimeLimit,
    /// Where it was said.
    pub time_limit_origin: crate::place::Origin,
    /// Seconds before the time limit at which the run winds down; less than the limit.
    pub stop_before: u32,
    /// How GPUs are asked for.
    pub gpu_request: GpuRequest,
    /// Environment modules that the job loads.
    pub modules: Vec<Setting>,
    /// The site's lines of shell that the job runs.
    pub preamble: Vec<String>,
    /// What one agent of each role gets.
    pub shares: BTreeMap<Role, Share>,
}

/// One part of a job: hosts that are asked for in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The partition.
    pub partition: Option<Setting>,
    /// The project account.
    pub account: Option<Setting>,
    /// The quality of service.
    pub qos: Option<Setting>,
    /// The reservation.
    pub reservation: Option<Setting>,
    /// Required features.
    pub constraint: Option<Setting>,
    /// Whether no other job may use the hosts.
    pub exclusive: bool,
    /// CPUs of each host; none: what Slurm gives.
    pub cpus: Option<NonZeroU32>,
    /// Memory of each host.
    pub memory: Memory,
    /// Which roles name these numbers.
    pub named_by: NamedBy,
    /// GPUs of each host.
    pub gpus: Option<Gpus>,
    /// More options of sbatch, checked.
    pub directives: Vec<Setting>,
}

/// The roles that name numbers of a component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NamedBy {
    /// CPUs; none: nobody names them.
    pub cpus: Option<Role>,
    /// Memory; none: nobody names it.
    pub memory: Option<Role>,
}

/// One host, and the plan's nodes that live there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// The nodes; the orchestrator first.
    pub nodes: Vec<PlannedNode>,
}

/// Memory of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// What Slurm gives by itself.
    Unstated,
    /// All of it. A host of one's own has it, but without this a job may use only the partition's default.
    All,
    /// So many mebibytes.
    Mebibytes(u64),
}

/// GPUs of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gpus {
    /// How many.
    pub count: NonZeroU32,
    /// Their type.
    pub kind: Option<Setting>,
}

/// What one agent of a role gets of its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// CPUs; none: all that the job has there.
    pub cpus: Option<NonZeroU32>,
    /// GPUs; none for roles that need none.
    pub gpus: Option<Gpus>,
}

impl Host {
    /// Whether a node of this role lives there.
    pub fn has(&self, role: Role) -> bool {
        self.nodes.iter().any(|node| node.role == role)
    }
}

impl Layout {
    /// Whether Slurm has to find several kinds of hosts at once.
    pub fn is_heterogeneous(&self) -> bool {
        self.components.len() > 1
    }

    /// All hosts.
    pub fn node_count(&self) -> usize {
        self.components
            .iter()
            .map(|component| component.hosts.len())
            .sum()
    }

    /// Hours of nodes that the job costs at most.
    pub fn node_hours(&self) -> f64 {
        self.node_count() as f64 * f64::from(self.time_limit.seconds()) / 3600.0
    }
}

/// Which role of these components has the most hosts.
pub(crate) fn most_frequent(components: &[Component]) -> Role {
    let hosts = || components.iter().flat_map(|component| &component.hosts);
    let count = |role: Role| hosts().filter(|host| host.has(role)).count();
    let order = [Role::Orchestrator, Role::Client, Role::Server];
    order
        .into_iter()
        .max_by_key(|role| count(*role))
        .unwrap_or(Role::Server)
}

/// The key of a role in the recipe's `nodes`.
pub(crate) const fn section(role: Role) -> &'static str {
    match role {
        Role::Orchestrator => "orchestrator",
        Role::Server => "servers",
        Role::Client => "clients",
    }
}

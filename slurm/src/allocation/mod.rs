//! The job that this process runs in.

mod assign;
mod environment;
mod facts;
#[cfg(test)]
mod tests;

use crate::ids::JobId;
use crate::time::UnixTime;

pub use assign::{AssignError, Placed, assign};
pub use environment::AllocationError;

/// The job that this process runs in, or an allocation made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The job; of a heterogeneous job, the whole.
    pub job: JobId,
    /// How often Slurm has started the job again.
    pub restarts: u32,
    /// What was given for each component.
    pub components: Vec<Granted>,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// The host's place in the network, where Slurm's topology plugin tells it.
    pub topology: Option<String>,
    /// The host that this process runs on, if it is one of the job's.
    pub here: Option<String>,
    /// When the job was submitted.
    pub submitted_at: Option<UnixTime>,
    /// When it started.
    pub started_at: Option<UnixTime>,
    /// When its time is up.
    pub ends_at: Option<UnixTime>,
}

/// What was given for a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The hosts, in Slurm's order.
    pub hosts: Vec<GrantedHost>,
    /// The partition.
    pub partition: Option<String>,
}

/// One host of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedHost {
    /// Its name.
    pub name: String,
    /// CPUs that the job has there, where Slurm says so.
    pub cpus: Option<u32>,
}

impl Allocation {
    /// Whether it has several components.
    pub fn is_heterogeneous(&self) -> bool {
        self.components.len() > 1
    }

    /// All hosts.
    pub fn host_count(&self) -> usize {
        self.components
            .iter()
            .map(|component| component.hosts.len())
            .sum()
    }

    /// The partitions, each once, in the components' order.
    pub fn partitions(&self) -> Vec<String> {
        let mut partitions: Vec<String> = Vec::new();
        for partition in self
            .components
            .iter()
            .filter_map(|component| component.partition.as_ref())
        {
            if !partitions.contains(partition) {
                partitions.push(partition.clone());
            }
        }
        partitions
    }
}

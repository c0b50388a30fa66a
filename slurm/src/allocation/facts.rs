//! What only Slurm's programs tell about a job.

use std::time::Duration;

use super::Allocation;
use crate::programs::{ProgramError, Slurm};

/// How long `scontrol --version` may take.
const LIMIT: Duration = Duration::from_secs(20);

impl Slurm {
    /// Slurm's version, such as `22.05.8`.
    ///
    /// # Errors
    /// There is no scontrol, or it gives no answer.
    pub fn version(&self) -> Result<String, ProgramError> {
        let answer = self.ask("scontrol", &["--version"], LIMIT)?;
        let last = answer.output.split_whitespace().last();
        Ok(last.unwrap_or_default().to_owned())
    }

    /// The cluster's name; none where Slurm does not tell.
    pub fn cluster(&self) -> Option<String> {
        let answer = self.ask("scontrol", &["show", "config"], LIMIT).ok()?;
        let line = answer
            .output
            .lines()
            .find(|line| line.starts_with("ClusterName "))?;
        let (_, name) = line.split_once('=')?;
        Some(name.trim().to_owned())
    }

    /// Adds what the job's environment does not say: when it was submitted and, before Slurm 23.02, when it started and
    /// when its time is up.
    ///
    /// # Errors
    /// The controller does not answer; nothing has changed then.
    pub fn add_times(&self, allocation: &mut Allocation) -> Result<(), ProgramError> {
        let jobs = self.jobs(allocation.job)?;
        let first = jobs.iter().find(|job| job.number == allocation.job.number());
        if let Some(job) = first.or(jobs.first()) {
            allocation.submitted_at = job.submitted_at;
            allocation.started_at = allocation.started_at.or(job.started_at);
            allocation.ends_at = allocation.ends_at.or(job.ends_at);
        }
        Ok(())
    }
}

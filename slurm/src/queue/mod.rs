//! The queue: what Slurm says about the jobs of this user.

mod cache;
mod listing;
mod reasons;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::programs::{ProgramError, Slurm};
use crate::time::UnixTime;

pub use cache::{Cached, MAX_AGE_SECONDS};
pub use reasons::reason_in_words;
pub use state::JobState;

/// How long squeue may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A job, or a component of one, as squeue lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedJob {
    /// The job: `123`, or `123+1` for a component of a heterogeneous one.
    pub job: JobId,
    /// Its own number, which components have, too.
    pub number: u32,
    /// What it does.
    pub state: JobState,
    /// Why it is in that state, as Slurm writes it.
    pub reason: Option<String>,
    /// When it was submitted.
    pub submitted_at: Option<UnixTime>,
    /// When it started, or is expected to.
    pub started_at: Option<UnixTime>,
    /// When its time is up, or when it ended.
    pub ends_at: Option<UnixTime>,
    /// How many nodes it has or wants.
    pub nodes: Option<u32>,
    /// How often Slurm has started it again.
    pub restarts: Option<u32>,
    /// The partition, or several to choose from.
    pub partition: String,
    /// Its comment: the key that it was submitted with.
    pub comment: String,
}

impl QueuedJob {
    /// Why a job waits, in words; none if it does not wait, or if Slurm has not said why yet.
    pub fn waits_because(&self) -> Option<String> {
        let reason = self.reason.as_deref().filter(|_| self.state.is_waiting())?;
        Some(reason_in_words(reason))
    }
}

/// What is known of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// All jobs of this user that have not ended, and some that have.
    Jobs(Vec<QueuedJob>),
    /// Slurm could not be asked, for this reason.
    Unknown(String),
}

/// What the queue says about one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting<'q> {
    /// It is there: one entry for each component.
    Listed(Vec<&'q QueuedJob>),
    /// Slurm does not list it: it ended a while ago.
    Gone,
    /// Slurm could not be asked, for this reason. The job may well run.
    Unknown(&'q str),
}

impl Queue {
    /// What the queue says about a job.
    pub fn find(&self, job: JobId) -> Sighting<'_> {
        self.select(|listed| listed.job.whole() == job.whole())
    }

    /// What the queue says about the job with this comment.
    pub fn find_by_key(&self, key: &str) -> Sighting<'_> {
        self.select(|listed| listed.comment == key)
    }

    fn select(&self, wanted: impl Fn(&QueuedJob) -> bool) -> Sighting<'_> {
        match self {
            Self::Unknown(why) => Sighting::Unknown(why),
            Self::Jobs(jobs) => {
                let found: Vec<&QueuedJob> = jobs.iter().filter(|job| wanted(job)).collect();
                if found.is_empty() {
                    Sighting::Gone
                } else {
                    Sighting::Listed(found)
                }
            }
        }
    }
}

impl Slurm {
    /// All jobs of this user that Slurm still knows. One question for all runs: ask it through [`Cached`].
    pub fn queue(&self) -> Queue {
        let format = listing::TABLE.format();
        match self.ask("squeue", &["-h", "--me", "-t", "all", "-O", &format], LIMIT) {
            Ok(answer) => Queue::Jobs(listing::parse(&answer.output)),
            Err(error) => Queue::Unknown(error.to_string()),
        }
    }

    /// One job: an entry for each component; empty if Slurm no longer knows it.
    ///
    /// # Errors
    /// There is no squeue, or Slurm does not answer.
    pub fn jobs(&self, job: JobId) -> Result<Vec<QueuedJob>, ProgramError> {
        let number = job.whole().to_string();
        let format = listing::TABLE.format();
        match self.ask(
            "squeue",
            &["-h", "-j", &number, "-t", "all", "-O", &format],
            LIMIT,
        ) {
            Ok(answer) => Ok(listing::parse(&answer.output)),
            Err(ProgramError::Failed { message, .. })
                if message.to_ascii_lowercase().contains("invalid job id") =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

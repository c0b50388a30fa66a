//! How the job of a run stands, as far as Slurm says.

use std::path::{Path, PathBuf};

use hpcbench_actors::shell::now;
use hpcbench_report::{JobLife, JobView, RunView};
use hpcbench_slurm::queue::{Cached, JobState, Queue, QueuedJob, Sighting};
use hpcbench_slurm::{JobId, Slurm, Submission, UnixTime};

/// What is known of the queue, for all runs beside this one: Slurm is asked seldom.
const CACHE: &str = ".queue.json";
/// What accounting has said of jobs, beside it.
const ENDS: &str = ".accounting.json";

/// How a run's job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobStanding {
    /// The queue has it.
    Queued {
        /// The job.
        job: JobId,
        /// What it does.
        state: JobState,
        /// Why it waits, if it does.
        because: Option<String>,
    },
    /// The queue does not have it any more.
    Gone {
        /// The job.
        job: JobId,
        /// How it ended, where accounting tells.
        how: Option<String>,
    },
    /// Slurm could not be asked.
    Unknown {
        /// The job.
        job: JobId,
        /// Why not.
        why: String,
    },
}

impl JobStanding {
    /// The job.
    pub(crate) const fn job(&self) -> JobId {
        match self {
            Self::Queued { job, .. } | Self::Gone { job, .. } | Self::Unknown { job, .. } => *job,
        }
    }

    fn life(&self) -> JobLife {
        match self {
            Self::Queued { state, .. } if state.is_waiting() => JobLife::Waits,
            Self::Queued { .. } | Self::Unknown { .. } => JobLife::MayRun,
            Self::Gone { .. } => JobLife::Over,
        }
    }

    /// Whether the job may still start or runs.
    pub(crate) fn may_live(&self) -> bool {
        match self {
            Self::Queued { state, .. } => !state.is_over(),
            Self::Gone { .. } => false,
            Self::Unknown { .. } => true,
        }
    }

    /// The job and what it does, for people.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Queued {
                job,
                state,
                because: Some(because),
            } => format!("job {job} is {state}: {because}"),
            Self::Queued {
                job,
                state,
                because: None,
            } => format!("job {job} is {state}"),
            Self::Gone { job, how: Some(how) } => format!("job {job} has ended: {how}"),
            Self::Gone { job, how: None } => format!("job {job} is not in the queue any more"),
            Self::Unknown { job, why } => format!("job {job}: Slurm cannot be asked ({why})"),
        }
    }
}

/// The same as a run's status needs it; none as well for a run that has ended, whose job is of no interest any more.
pub(crate) fn view_of(run_dir: &Path, view: &RunView) -> Option<JobView> {
    if view.state.outcome.is_some() {
        return None;
    }
    let standing = of(run_dir, view)?;
    Some(JobView {
        id: standing.job().to_string(),
        words: standing.in_words(),
        life: standing.life(),
    })
}

/// How the job of the run in this directory stands; none for a run without one.
pub(crate) fn of(run_dir: &Path, view: &RunView) -> Option<JobStanding> {
    let job = job_of(run_dir, view)?;
    let slurm = Slurm::on_path();
    let Cached { queue, .. } = slurm.cached_queue(&beside(run_dir, CACHE), seconds());
    let ended = || slurm.cached_end(&beside(run_dir, ENDS), job, seconds());
    Some(seen(&queue, job, || ended().map(|record| record.state)))
}

fn seconds() -> UnixTime {
    UnixTime::from_seconds(now().as_micros() / 1_000_000)
}

/// What is known of the queue is out of date: a job was submitted or ended by us.
pub(crate) fn forget_queue(run_dir: &Path) {
    // If it cannot be removed it grows old by itself.
    let _ = std::fs::remove_file(beside(run_dir, CACHE));
}

/// A file for all runs of a directory.
fn beside(run_dir: &Path, name: &str) -> PathBuf {
    run_dir.parent().unwrap_or(run_dir).join(name)
}

/// The latest job of a run.
pub(crate) fn job_of(run_dir: &Path, view: &RunView) -> Option<JobId> {
    // The submission is newer than what the log says, until its job has started.
    let submitted = Submission::read(run_dir)
        .ok()
        .flatten()
        .map(|submission| submission.job);
    let started = || view.state.job.as_ref().and_then(|job| job.id.parse().ok());
    submitted.or_else(started)
}

/// `ended` asks how a job ended that the queue does not have any more, where accounting tells.
fn seen(queue: &Queue, job: JobId, ended: impl FnOnce() -> Option<JobState>) -> JobStanding {
    match queue.find(job) {
        Sighting::Listed(parts) => listed(job, &parts),
        Sighting::Gone => JobStanding::Gone {
            job,
            how: ended().map(|state| state.to_string()),
        },
        Sighting::Unknown(why) => JobStanding::Unknown {
            job,
            why: why.to_owned(),
        },
    }
}

/// A job of several components waits as long as one of them does.
fn listed(job: JobId, parts: &[&QueuedJob]) -> JobStanding {
    let waiting = parts.iter().find(|part| part.state.is_waiting());
    let Some(part) = waiting.or(parts.first()) else {
        return JobStanding::Gone { job, how: None };
    };
    if parts.iter().all(|part| part.state.is_over()) {
        return JobStanding::Gone {
            job,
            how: Some(part.state.to_string()),
        };
    }
    JobStanding::Queued {
        job,
        state: part.state.clone(),
        because: part.waits_because(),
    }
}

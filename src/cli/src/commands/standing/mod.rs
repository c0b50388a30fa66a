//! How the job of a run stands, as far as Slurm says.

mod run_job;

use std::path::{Path, PathBuf};

use hpcbench_actors::shell::now;
use hpcbench_core::Timestamp;
use hpcbench_report::{JobLife, JobView, RunView};
use hpcbench_slurm::queue::{Cached, JobState, Queue, QueuedJob, Sighting};
use hpcbench_slurm::{JobId, Slurm, Submission, UnixTime};

use run_job::RunJob;

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
        job: RunJob,
        /// How it ended, where accounting tells.
        how: Option<String>,
    },
    /// Slurm could not be asked.
    Unknown {
        /// The job.
        job: RunJob,
        /// Why not.
        why: String,
    },
}

impl JobStanding {
    /// The job's number, where that is known.
    pub(crate) const fn job(&self) -> Option<JobId> {
        match self {
            Self::Queued { job, .. }
            | Self::Gone {
                job: RunJob::Numbered(job),
                ..
            }
            | Self::Unknown {
                job: RunJob::Numbered(job),
                ..
            } => Some(*job),
            Self::Gone { .. } | Self::Unknown { .. } => None,
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
            Self::Gone { job, how: Some(how) } => format!("{job} has ended: {how}"),
            Self::Gone {
                job: RunJob::Numbered(job),
                how: None,
            } => format!("job {job} is not in the queue any more"),
            Self::Gone { job, how: None } => format!("{job} is not in the queue"),
            Self::Unknown { job, why } => format!("{job}: Slurm cannot be asked ({why})"),
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
        id: standing.job().map(|job| job.to_string()),
        words: standing.in_words(),
        life: standing.life(),
    })
}

/// How the job of the run in this directory stands; none for a run without one. Slurm is asked seldom.
pub(crate) fn of(run_dir: &Path, view: &RunView) -> Option<JobStanding> {
    ask(run_dir, view, |slurm, cache, since| {
        slurm.cached_queue(cache, seconds(), since)
    })
}

/// The same as Slurm says at this moment: for whoever acts upon it.
pub(crate) fn of_now(run_dir: &Path, view: &RunView) -> Option<JobStanding> {
    ask(run_dir, view, |slurm, cache, _| slurm.queue_now(cache, seconds()))
}

fn ask(
    run_dir: &Path,
    view: &RunView,
    queue: impl Fn(&Slurm, &Path, Option<UnixTime>) -> Cached,
) -> Option<JobStanding> {
    let submission = Submission::read(run_dir).ok().flatten();
    let asked = view.requested.as_ref().map(|requested| requested.key.as_str());
    let started = view.state.job.as_ref().and_then(|job| job.id.parse().ok());
    let job = RunJob::latest(submission.as_ref(), asked, started)?;
    let since = match &job {
        RunJob::Numbered(_) => submission.map(|submission| submission.submitted_at),
        RunJob::Keyed(_) => view.requested.as_ref().map(|requested| unix_time(requested.at)),
    };
    let slurm = Slurm::on_path();
    let Cached { queue, .. } = queue(&slurm, &beside(run_dir, CACHE), since);
    let ended = |job| slurm.cached_end(&beside(run_dir, ENDS), job, seconds());
    Some(seen(&queue, job, |job| ended(job).map(|record| record.state)))
}

fn seconds() -> UnixTime {
    unix_time(now())
}

fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::from_seconds(at.as_micros() / 1_000_000)
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

/// `ended` asks how a job ended that the queue does not have any more, where accounting tells.
fn seen(queue: &Queue, job: RunJob, ended: impl FnOnce(JobId) -> Option<JobState>) -> JobStanding {
    let job = job.found_in(queue);
    let number = match &job {
        RunJob::Numbered(number) => *number,
        RunJob::Keyed(_) => return unseen(queue, job),
    };
    match queue.find(number) {
        Sighting::Listed(parts) => listed(number, &parts),
        Sighting::Gone => JobStanding::Gone {
            job,
            how: ended(number).map(|state| state.to_string()),
        },
        Sighting::Unknown(why) => unknown(job, why),
    }
}

/// A job that the queue does not have under its key.
fn unseen(queue: &Queue, job: RunJob) -> JobStanding {
    match queue {
        Queue::Unknown(why) => unknown(job, why),
        Queue::Jobs(_) => JobStanding::Gone { job, how: None },
    }
}

fn unknown(job: RunJob, why: &str) -> JobStanding {
    JobStanding::Unknown {
        job,
        why: why.to_owned(),
    }
}

/// A job of several components waits as long as one of them does.
fn listed(job: JobId, parts: &[&QueuedJob]) -> JobStanding {
    let waiting = parts.iter().find(|part| part.state.is_waiting());
    let Some(part) = waiting.or(parts.first()) else {
        return JobStanding::Gone {
            job: RunJob::Numbered(job),
            how: None,
        };
    };
    if parts.iter().all(|part| part.state.is_over()) {
        return JobStanding::Gone {
            job: RunJob::Numbered(job),
            how: Some(part.state.to_string()),
        };
    }
    JobStanding::Queued {
        job,
        state: part.state.clone(),
        because: part.waits_because(),
    }
}

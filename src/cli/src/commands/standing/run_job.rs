//! Which job a run is left to.

use std::fmt;

use hpcbench_slurm::queue::{Queue, Sighting};
use hpcbench_slurm::{JobId, Submission};

/// A run's latest job, as far as its directory tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunJob {
    /// Its number is known.
    Numbered(JobId),
    /// It was asked for with this key as its comment, and nobody has kept its number: `submit` was killed meanwhile, sbatch
    /// gave no answer, or the disk was full. There may be no such job.
    Keyed(String),
}

impl RunJob {
    /// The latest job of a run: of what was submitted, the key that was asked with last, and the job that the run lives in by its
    /// log.
    pub(super) fn latest(
        submission: Option<&Submission>,
        asked: Option<&str>,
        started: Option<JobId>,
    ) -> Option<Self> {
        // The submission is newer than what the log says, until its job has started; unless it is that of an earlier request.
        let current = submission.filter(|submission| asked.is_none_or(|key| key == submission.key));
        let number = current.map(|submission| submission.job).or(started);
        number
            .map(Self::Numbered)
            .or_else(|| asked.map(|key| Self::Keyed(key.to_owned())))
    }

    /// The same with its number, if the queue has it.
    pub(super) fn found_in(self, queue: &Queue) -> Self {
        let Self::Keyed(key) = &self else {
            return self;
        };
        match queue.find_by_key(key) {
            Sighting::Listed(parts) => parts
                .first()
                .map_or(self, |part| Self::Numbered(part.job.whole())),
            Sighting::Gone | Sighting::Unknown(_) => self,
        }
    }
}

impl fmt::Display for RunJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(job) => write!(f, "job {job}"),
            Self::Keyed(key) => write!(f, "the job with the comment {key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_slurm::UnixTime;

    use super::*;

    fn submission(key: &str) -> Submission {
        Submission {
            job: JobId::new(17),
            submitted_at: UnixTime::from_seconds(0),
            argv: Vec::new(),
            script_sha256: String::new(),
            key: key.to_owned(),
        }
    }

    #[test]
    fn a_request_whose_submission_was_not_kept_is_known_by_its_key() {
        let latest = |submission: Option<&Submission>, asked, started: Option<u32>| {
            RunJob::latest(submission, asked, started.map(JobId::new))
        };
        let (first, second) = ("hpcbench:r:1", "hpcbench:r:2");
        let kept = submission(first);
        let numbered = |job| Some(RunJob::Numbered(JobId::new(job)));
        assert_eq!(latest(Some(&kept), Some(first), None), numbered(17));
        assert_eq!(
            latest(None, Some(first), None),
            Some(RunJob::Keyed(first.to_owned()))
        );
        // Resumed with another job, about which nothing was written.
        assert_eq!(
            latest(Some(&kept), Some(second), None),
            Some(RunJob::Keyed(second.to_owned()))
        );
        // It has started since, and says its number itself.
        assert_eq!(latest(Some(&kept), Some(second), Some(18)), numbered(18));
        assert_eq!(latest(None, None, Some(18)), numbered(18));
        assert_eq!(latest(None, None, None), None);
    }

    #[test]
    fn a_key_that_nobody_can_be_asked_about_stays_one() {
        let keyed = RunJob::Keyed("hpcbench:r:1".to_owned());
        let silent = Queue::Unknown("no answer".to_owned());
        assert_eq!(keyed.clone().found_in(&silent), keyed);
        assert_eq!(keyed.clone().found_in(&Queue::Jobs(Vec::new())), keyed);
    }
}

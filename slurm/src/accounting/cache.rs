//! Accounting, asked for seldom.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Accounting, Record, latest};
use crate::file;
use crate::ids::JobId;
use crate::programs::Slurm;
use crate::queue::MAX_AGE_SECONDS;
use crate::time::UnixTime;

/// How long accounting that gave no answer is left alone, in seconds. It may be off for good, and one that hangs keeps
/// whoever asks waiting.
const SILENCE_SECONDS: i64 = 300;

/// What accounting said of jobs, and when.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Answers {
    jobs: BTreeMap<JobId, Answer>,
    /// When it gave no answer, whatever job it was asked for.
    silent_at: Option<UnixTime>,
}

/// What it said of one job.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    at: UnixTime,
    /// The latest start; none: it knows nothing of the job.
    record: Option<Record>,
}

impl Answer {
    /// Whether nothing else is to be expected now. The end of a job stays.
    fn holds(&self, now: UnixTime) -> bool {
        let is_end = self.record.as_ref().is_some_and(|record| record.state.is_over());
        is_end || now.is_within(MAX_AGE_SECONDS, self.at)
    }
}

impl Slurm {
    /// What has become of a job that the queue does not list any more, as this file has it, if that still holds; else as
    /// accounting says, which is kept there. None: accounting knows nothing of it, is off, absent or down.
    pub fn cached_end(&self, path: &Path, job: JobId, now: UnixTime) -> Option<Record> {
        let mut answers: Answers = file::read(path).unwrap_or_default();
        let job = job.whole();
        if let Some(answer) = answers.jobs.get(&job).filter(|answer| answer.holds(now)) {
            return answer.record.clone();
        }
        if answers
            .silent_at
            .is_some_and(|at| now.is_within(SILENCE_SECONDS, at))
        {
            return None;
        }
        let began = Instant::now();
        let said = self.accounting(job);
        let at = now.after(began.elapsed());
        let record = match said {
            Accounting::Records(records) => {
                let record = latest(records);
                answers.silent_at = None;
                answers.jobs.insert(
                    job,
                    Answer {
                        at,
                        record: record.clone(),
                    },
                );
                record
            }
            Accounting::Unavailable(_) => {
                answers.silent_at = Some(at);
                None
            }
        };
        // One that cannot be written is no reason not to answer.
        let _ = file::write(path, &answers);
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::JobState;
    use crate::testing::stand_in;

    const NOW: i64 = 1_795_580_000;

    /// A sacct that counts its calls and then does this, and how often it was called.
    fn counted(lines: &str) -> (tempfile::TempDir, Slurm, impl Fn() -> usize) {
        let (keep, slurm) = stand_in("sacct", &format!("echo >> \"$(dirname \"$0\")/calls\"\n{lines}"));
        let calls = keep.path().join("calls");
        let count = move || std::fs::read_to_string(&calls).map_or(0, |text| text.lines().count());
        (keep, slurm, count)
    }

    #[test]
    fn a_jobs_end_is_asked_for_once() {
        let (keep, slurm, calls) = counted(
            "echo '7|7|PREEMPTED|0:0|1795579200|1795579210|1795579300|90|5'\n\
             echo '7|7|FAILED|1:0|1795579300|1795579400|1795579410|10|5'",
        );
        let path = keep.path().join("accounting.json");
        for age in [0, 1, 100_000] {
            let record = slurm.cached_end(&path, JobId::new(7), UnixTime::from_seconds(NOW + age));
            assert_eq!(record.unwrap().state, JobState::Failed);
        }
        assert_eq!(calls(), 1);
    }

    #[test]
    fn what_may_change_is_asked_for_again_after_a_while() {
        let (keep, slurm, calls) = counted("");
        let path = keep.path().join("accounting.json");
        for age in [0, MAX_AGE_SECONDS - 1, MAX_AGE_SECONDS + 5] {
            let now = UnixTime::from_seconds(NOW + age);
            assert_eq!(slurm.cached_end(&path, JobId::new(7), now), None);
        }
        assert_eq!(calls(), 2);
    }

    #[test]
    fn accounting_that_gives_no_answer_is_left_alone_whatever_the_job() {
        let (keep, slurm, calls) = counted("echo 'sacct: error: Connection refused' >&2; exit 1");
        let path = keep.path().join("accounting.json");
        let ask = |job, age| slurm.cached_end(&path, JobId::new(job), UnixTime::from_seconds(NOW + age));
        for job in 1..10 {
            assert_eq!(ask(job, i64::from(job)), None);
        }
        assert_eq!(calls(), 1);
        assert_eq!(ask(1, SILENCE_SECONDS + 5), None);
        assert_eq!(calls(), 2);
    }
}

//! Accounting: what sacct remembers of jobs that squeue has forgotten.

mod cache;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::programs::{ProgramError, Slurm};
use crate::queue::JobState;
use crate::time::UnixTime;

/// How long sacct may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The fields that are asked for. None of them can contain the separator.
const FIELDS: &str = "JobID,JobIDRaw,State,ExitCode,Submit,Start,End,ElapsedRaw,NNodes";

/// What accounting says about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounting {
    /// It has these records: one for each component and for each start of the job, the latest last.
    Records(Vec<Record>),
    /// Accounting is off, absent or down, for this reason. That is not an error: many clusters have none.
    Unavailable(String),
}

/// One start of a job, or of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The job, or its component.
    pub job: JobId,
    /// How it ended, or what it does.
    pub state: JobState,
    /// The batch script's exit code.
    pub exit_code: Option<i32>,
    /// When it was submitted.
    pub submitted_at: Option<UnixTime>,
    /// When it started.
    pub started_at: Option<UnixTime>,
    /// When it ended.
    pub ended_at: Option<UnixTime>,
    /// How many seconds it took.
    pub elapsed: Option<u64>,
    /// How many nodes it had.
    pub nodes: Option<u32>,
}

impl Slurm {
    /// What accounting says about a job, over all its starts.
    pub fn accounting(&self, job: JobId) -> Accounting {
        let number = job.whole().to_string();
        let arguments = ["-n", "-P", "-X", "-D", "-j", &number, "-o", FIELDS];
        match self.ask("sacct", &arguments, LIMIT) {
            Ok(answer) if answer.output.trim().is_empty() && is_off(&answer.complaints) => {
                Accounting::Unavailable("Slurm's accounting is disabled here".to_owned())
            }
            Ok(answer) => Accounting::Records(answer.output.lines().filter_map(record).collect()),
            Err(ProgramError::NotFound { .. }) => {
                Accounting::Unavailable("there is no sacct here".to_owned())
            }
            Err(error) => Accounting::Unavailable(error.to_string()),
        }
    }
}

/// The latest start of a whole job: that of its first component, which has its script.
fn latest(records: Vec<Record>) -> Option<Record> {
    let mut whole = records.into_iter().filter(|record| record.job.is_first());
    whole.next_back()
}

fn is_off(complaints: &str) -> bool {
    complaints
        .to_ascii_lowercase()
        .contains("accounting storage is disabled")
}

fn record(line: &str) -> Option<Record> {
    let fields: Vec<&str> = line.split('|').collect();
    let [id, raw, state, exit_code, submit, start, end, elapsed, nodes] = fields.as_slice() else {
        return None;
    };
    Some(Record {
        // `123+1` where it is a component, else a number.
        job: id.parse().or_else(|_| raw.parse()).ok()?,
        state: JobState::parse(state),
        exit_code: exit_code.split(':').next().and_then(|code| code.parse().ok()),
        submitted_at: UnixTime::parse(submit),
        started_at: UnixTime::parse(start),
        ended_at: UnixTime::parse(end),
        elapsed: elapsed.parse().ok(),
        nodes: nodes.parse().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stand_in;

    #[test]
    fn reads_every_start_of_a_job() {
        let text = "123|123|PREEMPTED|0:0|1795579200|1795579210|1795579300|90|5\n\
                    123|123|CANCELLED by 1000|0:15|1795579300|1795579400|Unknown|10|5\n\
                    123+1|124|COMPLETED|1:0|1795579300|1795579400|1795579410|10|2\n\
                    something else\n";
        let records: Vec<Record> = text.lines().filter_map(record).collect();
        assert_eq!(records.len(), 3);
        assert_eq!(records[0].state, JobState::Preempted);
        assert_eq!(
            (records[1].state.clone(), records[1].ended_at),
            (JobState::Cancelled, None)
        );
        assert_eq!(
            (records[2].job, records[2].exit_code),
            (JobId::new(123).component(1), Some(1))
        );
    }

    #[test]
    fn a_job_is_what_its_latest_start_has_become() {
        let text = "7+0|7|PREEMPTED|0:0|1795579200|1795579210|1795579300|90|5\n\
                    7+1|8|PREEMPTED|0:0|1795579200|1795579210|1795579300|90|2\n\
                    7+0|7|FAILED|1:0|1795579300|1795579400|1795579410|10|5\n\
                    7+1|8|COMPLETED|0:0|1795579300|1795579400|1795579410|10|2\n";
        let records: Vec<Record> = text.lines().filter_map(record).collect();
        let last = latest(records).unwrap();
        assert_eq!((last.state, last.exit_code), (JobState::Failed, Some(1)));
        assert_eq!(latest(Vec::new()), None);
    }

    #[test]
    fn accounting_that_is_off_or_down_is_unavailable() {
        for lines in [
            "echo 'Slurm accounting storage is disabled' >&2; exit 1",
            "echo 'Slurm accounting storage is disabled' >&2",
            "echo 'sacct: error: slurm_persist_conn_open: Connection refused' >&2; exit 1",
        ] {
            let (_keep, slurm) = stand_in("sacct", lines);
            assert!(
                matches!(slurm.accounting(JobId::new(1)), Accounting::Unavailable(_)),
                "{lines}"
            );
        }
        let nothing = tempfile::tempdir().unwrap();
        let absent = Slurm::in_directory(nothing.path()).accounting(JobId::new(1));
        assert_eq!(
            absent,
            Accounting::Unavailable("there is no sacct here".to_owned())
        );
    }
}

//! Ending jobs, and putting jobs back into the queue.

use std::time::Duration;

use crate::ids::JobId;
use crate::programs::{ProgramError, Slurm};

/// How long scancel and scontrol may take.
const LIMIT: Duration = Duration::from_secs(30);

impl Slurm {
    /// Ends a whole job. A job that is over already is no error.
    ///
    /// # Errors
    /// There is no scancel, or Slurm says no or nothing.
    pub fn cancel(&self, job: JobId) -> Result<(), ProgramError> {
        match self.ask("scancel", &[&job.whole().to_string()], LIMIT) {
            Ok(_) => Ok(()),
            Err(ProgramError::Failed { message, .. }) if is_over(&message) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Puts a running job back into the queue: its processes end, and it starts again under the same id. A job that is there
    /// already is no error.
    ///
    /// # Errors
    /// There is no scontrol, or Slurm says no or nothing: many sites allow no requeue.
    pub fn requeue(&self, job: JobId) -> Result<(), ProgramError> {
        match self.ask("scontrol", &["requeue", &job.whole().to_string()], LIMIT) {
            Ok(_) => Ok(()),
            Err(ProgramError::Failed { message, .. }) if is_pending(&message) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_pending(message: &str) -> bool {
    message.to_ascii_lowercase().contains("job is pending execution")
}

fn is_over(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "already completing or completed",
        "invalid job id",
        "job/step already",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stand_in;

    #[test]
    fn what_is_over_is_cancelled() {
        let line = "echo 'scancel: error: Kill job error on job id 7: Job/step already completing or completed' >&2; exit 1";
        let (_keep, slurm) = stand_in("scancel", line);
        slurm.cancel(JobId::new(7)).unwrap();
    }

    #[test]
    fn what_waits_already_is_requeued() {
        let line = "echo 'Job is pending execution for job 7' >&2; exit 1";
        let (_keep, slurm) = stand_in("scontrol", line);
        slurm.requeue(JobId::new(7)).unwrap();
        let line = "echo 'Requested operation is presently disabled for job 7' >&2; exit 1";
        let (_keep, slurm) = stand_in("scontrol", line);
        slurm.requeue(JobId::new(7)).unwrap_err();
    }

    #[test]
    fn a_refusal_is_an_error() {
        let line = "echo 'scancel: error: Kill job error on job id 7: Access/permission denied' >&2; exit 1";
        let (_keep, slurm) = stand_in("scancel", line);
        let error = slurm.cancel(JobId::new(7)).unwrap_err();
        assert!(error.to_string().contains("denied"), "{error}");
    }

    #[test]
    fn the_whole_job_is_named() {
        let (keep, slurm) = stand_in("scancel", "echo \"$@\" > \"$(dirname \"$0\")/asked\"");
        let asked = || std::fs::read_to_string(keep.path().join("asked")).unwrap();
        slurm.cancel(JobId::new(7).component(1)).unwrap();
        assert_eq!(asked(), "7\n");
    }
}

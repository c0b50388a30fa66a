//! Calling sbatch.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::{Estimate, JobCommand, Refusal, sbatch_argv};
use crate::ids::JobId;
use crate::layout::Layout;
use crate::programs::{ProgramError, Slurm};

/// How long sbatch may take: it tries again by itself while a controller is busy.
const LIMIT: Duration = Duration::from_mins(2);

/// Why there is no job, or why it is not known whether there is.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no sbatch, or it cannot be started.
    #[error(transparent)]
    NoSbatch(ProgramError),
    /// Slurm said no.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// Slurm did not answer. The job may exist: its comment is the key.
    #[error("it is not known whether there is a job")]
    NoAnswer(#[source] ProgramError),
    /// sbatch printed something else than an id.
    #[error("sbatch printed {0:?} instead of the id of a job")]
    NoId(String),
}

impl Slurm {
    /// All arguments of sbatch for a job whose script is this file.
    pub fn submission(layout: &Layout, command: &JobCommand, script: &Path) -> Vec<OsString> {
        arguments(layout, command, script, "--parsable")
    }

    /// Submits a job with the arguments of [`Self::submission`].
    ///
    /// # Errors
    /// There is no sbatch, Slurm refuses the job, or it does not answer.
    pub fn submit(&self, layout: &Layout, arguments: &[OsString]) -> Result<JobId, SubmitError> {
        let answer = self.ask("sbatch", arguments, LIMIT);
        let answer = answer.map_err(|error| sorted(layout, error))?;
        let first = answer.output.split_whitespace().next().unwrap_or_default();
        let id = first.split(';').next().unwrap_or_default();
        id.parse()
            .map_err(|_| SubmitError::NoId(answer.output.chars().take(200).collect()))
    }

    /// Asks whether and when such a job would start, without submitting it.
    ///
    /// # Errors
    /// As for [`Self::submit`].
    pub fn estimate(
        &self,
        layout: &Layout,
        command: &JobCommand,
        script: &Path,
    ) -> Result<Estimate, SubmitError> {
        let arguments = arguments(layout, command, script, "--test-only");
        let answer = self.ask("sbatch", &arguments, LIMIT);
        let answer = answer.map_err(|error| sorted(layout, error))?;
        Ok(Estimate::parse(&answer.complaints))
    }
}

fn arguments(layout: &Layout, command: &JobCommand, script: &Path, manner: &str) -> Vec<OsString> {
    let mut arguments = vec![OsString::from(manner)];
    for (index, component) in sbatch_argv(layout, command).into_iter().enumerate() {
        if index > 0 {
            arguments.push(":".into());
        }
        arguments.extend(component);
    }
    arguments.push(script.into());
    arguments
}

fn sorted(layout: &Layout, error: ProgramError) -> SubmitError {
    if error.is_no_answer() {
        return SubmitError::NoAnswer(error);
    }
    match error {
        ProgramError::Failed { message, .. } => SubmitError::Refused(Box::new(Refusal::new(layout, message))),
        error => SubmitError::NoSbatch(error),
    }
}

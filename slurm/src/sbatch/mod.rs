//! Handing a job to Slurm.

mod command;
mod estimate;
mod options;
mod refusal;
mod script;
mod submission;
mod submit;
#[cfg(test)]
mod tests;

pub use command::{ENDED, JobCommand, JobCommandError};
pub use estimate::{Estimate, Part};
pub(crate) use options::gpu_argument;
pub use options::sbatch_argv;
pub use refusal::{Cause, Refusal};
pub use script::{ScriptError, job_script};
pub use submission::{Submission, SubmissionError};
pub use submit::SubmitError;

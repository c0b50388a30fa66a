//! Slurm: job scripts, submission, allocations, steps, queue and accounting. The only place that knows Slurm.
//!
//! ```text
//! Plan + Site ─► Layout ─► job script, arguments of sbatch ─► submit ─► job id
//!                  └─ in the job: environment ─► Allocation ─► assign ─► Placed ─► arguments of srun
//! ```
//!
//! Decisions are pure functions over data; [`Slurm`] runs Slurm's programs, each with a time limit.

mod accounting;
mod allocation;
mod control;
mod file;
mod hosts;
mod ids;
pub mod layout;
mod partitions;
mod place;
mod programs;
pub mod queue;
mod sbatch;
pub mod site;
mod step;
mod survey;
mod table;
#[cfg(test)]
mod testing;
mod time;

pub use accounting::{Accounting, Record};
pub use allocation::{Allocation, AllocationError, AssignError, Granted, GrantedHost, Placed, assign};
pub use hosts::{InvalidHostList, expand};
pub use ids::{InvalidJobId, JobId};
pub use layout::{Errand, Gpus, Layout, LayoutError, layout};
pub use partitions::Misfit;
pub use place::{Origin, RecipePath, Setting};
pub use programs::{ProgramError, Slurm};
pub use sbatch::{
    Cause, ENDED, Estimate, JobCommand, JobCommandError, Part, Refusal, ScriptError, Submission,
    SubmissionError, SubmitError, job_script, sbatch_argv,
};
pub use site::{Site, SiteError};
pub use step::{INHERITED_OPTIONS, srun_argv};
pub use survey::Partition;
pub use time::{InvalidTimeLimit, TimeLimit, UnixTime};

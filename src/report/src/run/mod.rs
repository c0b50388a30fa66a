//! A run directory, read once from its first event to its last.

mod ahead;
mod error;
mod find;
mod history;
mod plan_file;
mod starts;
mod until;
mod view;

#[cfg(test)]
mod tests;

pub use error::ReportError;
pub use find::{MAX_RUNS, find_run, run_dirs, run_id};
pub use history::history;
pub use plan_file::read_plan;
pub use starts::ServiceStart;
pub use until::Until;
pub use view::{EpochView, RequestedJob, RunView, Settled, TrialView};

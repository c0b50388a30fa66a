//! What people and scripts get to see of a run.
//!
//! Events as they happen, a line each: [`live::EventLines`].

pub mod live;
mod run;
mod status;
mod summary;
mod table;
#[cfg(test)]
mod testing;
mod timeline;
mod words;

pub use run::{
    EpochView, MAX_RUNS, ReportError, RunView, Settled, TrialView, Until, find_run, history, read_plan,
    run_dirs,
};
pub use status::{ListEntry, NodeLine, RunState, Status, TrialCounts, WriterLife, list_table};
pub use summary::{Summary, TrialReport, write_reports};
pub use table::results_table;
pub use timeline::Timeline;
pub use words::Style;

//! What people and scripts get to see of a run: projections of its events, the same whether they have just happened or
//! are read from a log.
//!
//! | projection | shown by |
//! |---|---|
//! | [`live::EventLines`] | progress, a line an event |
//! | [`Timeline`] | `replay`: a row for what belongs together |
//! | [`Trace`] | `replay --format trace`: the same as spans |
//! | [`why`] | `why`: what led to an event |
//! | [`RunView`] | what the others below are made of: plan, state and results |
//! | [`results_table`] | the end of `run`, `report` |
//! | [`SearchReport`] | a part of the two above and below: the levels of a search and its answer |
//! | [`Summary`], [`write_reports`] | `report/summary.json`, `report/summary.csv` |
//! | [`DefinitionsReport`] | `report --definitions`: other tools' metrics, recomputed by the caller |
//! | [`Status`], [`ListEntry`] | `status`, `list` |
//!
//! Nothing here asks for the time or for processes: both are given. Whatever a service or a user wrote is shown without
//! control characters.

mod definitions;
mod elapsed;
pub mod live;
mod run;
mod search;
mod status;
mod summary;
mod table;
#[cfg(test)]
mod testing;
mod timeline;
mod trace;
mod why;
mod words;

pub use definitions::{DefinedTrial, DefinitionsReport};
pub use run::{
    EpochView, MAX_RUNS, ReportError, RequestedJob, RunView, ServiceStart, Settled, TrialView, Until,
    find_run, history, read_plan, run_dirs, run_id,
};
pub use search::{LevelReport, SearchReport};
pub use status::{
    JobLife, JobView, ListEntry, NodeLine, RunState, SearchProgress, Status, TrialCounts, WriterLife,
    list_table,
};
pub use summary::{Summary, TrialReport, write_missing_reports, write_reports};
pub use table::results_table;
pub use timeline::Timeline;
pub use trace::{MAX_TRACED_EVENTS, Trace};
pub use why::{why, why_text};
pub use words::{ParameterNames, Style, length_of_time};

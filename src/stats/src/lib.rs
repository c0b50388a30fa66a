//! From records to numbers: mergeable distributions, what a trial's records add up to, and the verdict on whether the
//! numbers may be believed.
//!
//! ```text
//! Record* ─┐
//!          ├─> TrialAggregate ──merge──> TrialAggregate ──summarize(Expectations)──> TrialSummary
//! EngineReport ─┘   one a client             one a trial                             with its Verdict
//! ```

mod aggregate;
mod distribution;
mod engine_report;
mod expectations;
mod request;
mod steady;
mod summary;
mod verdict;
mod window;

#[cfg(test)]
mod testing;

pub use aggregate::{ClientTotals, GoodputCounts, Little, Outcomes, TokenTotals, TrialAggregate};
pub use distribution::{Distribution, DistributionError, rank};
pub use engine_report::{EngineReport, EngineThread, LONG_LOOP_GAP_NS};
pub use expectations::{
    CachedInput, ClientPlacement, Expectations, GoodputLimits, Load, OutputLength, SloLimit, SloMetric,
    Start, UnknownSlo,
};
pub use hpcbench_records::StampSource;
pub use request::{RequestMetrics, output_tokens, token_chunks};
pub use summary::{
    Concurrency, Goodput, MetricSummaries, MetricSummary, Note, NoteCode, RequestCounts, SloResult,
    SloSummary, TrialSummary,
};
pub use verdict::{Verdict, VerdictStatus};
pub use window::Window;

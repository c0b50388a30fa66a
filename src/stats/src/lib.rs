//! From records to numbers: mergeable distributions, what a trial's records add up to, and the verdict on whether the
//! numbers may be believed.
//!
//! ```text
//! Record* ─┐
//!          ├─> TrialAggregate ──merge──> TrialAggregate ──summarize(Expectations)──> TrialSummary
//! EngineReport ─┘   one a client        ▲    one a trial                             with its Verdict
//!                                 ServiceReport
//! ```

mod aggregate;
mod batches;
mod definitions;
mod distribution;
mod engine_report;
mod expectations;
mod interval;
mod request;
pub mod search;
mod service_report;
mod steady;
mod summary;
mod verdict;
mod window;

#[cfg(test)]
mod testing;

pub use aggregate::{
    ClientTotals, GoodputCounts, Little, MAX_ENDPOINTS, Outcomes, TokenTotals, TrialAggregate,
};
pub use definitions::{
    Absent, DefinedDistribution, DefinedValue, Definitions, Recomputation, Recomputed, RecomputedRequests,
    Unit,
};
pub use distribution::{Distribution, DistributionError, rank};
pub use engine_report::{EngineReport, EngineThread, LONG_LOOP_GAP_NS};
pub use expectations::{
    CachedInput, ClientPlacement, Expectations, GoodputLimits, Load, OutputLength, SloLimit, SloMetric,
    Start, UnknownSlo,
};
pub use hpcbench_records::StampSource;
pub use interval::{Counted, ShareBounds};
pub use request::{RequestMetrics, output_tokens, token_chunks};
pub use search::SloEvidence;
pub use service_report::{PrefixCache, QueueTime, ServiceActivity, ServiceReport, ThrottledGpu};
pub use steady::SteadyState;
pub use summary::{
    Bounds, Concurrency, EndpointSummary, Goodput, IntervalMethod, MetricSummaries, MetricSummary,
    NoInterval, Note, NoteCode, PercentileIntervals, RequestCounts, ServiceSummary, SloResult, SloSummary,
    ThroughputIntervals, TrialSummary,
};
pub use verdict::{Verdict, VerdictStatus};
pub use window::Window;

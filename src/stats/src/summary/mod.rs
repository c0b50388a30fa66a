//! A trial in numbers, as `summary.json` has it.

mod build;
mod endpoint;
mod interval;
mod metric;
mod note;
mod service;
mod slo;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use endpoint::EndpointSummary;
pub use interval::{Bounds, IntervalMethod, NoInterval, PercentileIntervals, ThroughputIntervals};
pub use metric::MetricSummary;
pub use note::{Note, NoteCode};
pub use service::ServiceSummary;
pub use slo::{SloResult, SloSummary};

use crate::aggregate::Outcomes;
use crate::{SloEvidence, SteadyState, Verdict};

/// One trial's part of `summary.json`, apart from what names the trial. Times are seconds; `None` (`null`) is written
/// where there is no data, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialSummary {
    /// Whether the numbers may be believed.
    pub verdict: Verdict,
    /// How the cohort's requests ended.
    pub requests: RequestCounts,
    /// The cohort's failures by kind.
    pub errors: BTreeMap<String, u64>,
    /// Length of the window; of the longest one, where clients differ.
    pub duration_seconds: Option<f64>,
    /// How far apart the windows of the clients may lie, which begin at a barrier and by their own clocks; left out with a single
    /// client, and where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_error_seconds: Option<f64>,
    /// Successful completions in the window per second.
    pub request_throughput: Option<f64>,
    /// Output tokens that arrived in the window per second.
    pub output_token_throughput: Option<f64>,
    /// How far the throughputs can be trusted; `None` where there is no data.
    #[serde(default)]
    pub throughput_intervals: Option<ThroughputIntervals>,
    /// Whether it matters when in the window the numbers were taken; `None` where nothing was in flight.
    #[serde(default)]
    pub steady_state: Option<SteadyState>,
    /// Input tokens of the cohort's successful requests.
    pub input_tokens: Option<u64>,
    /// Output tokens of the cohort's successful requests.
    pub output_tokens: Option<u64>,
    /// Requests in flight.
    pub concurrency: Concurrency,
    /// The distributions.
    pub metrics: MetricSummaries,
    /// The service-level objective; `None` if the recipe has none.
    pub slo: Option<SloSummary>,
    /// What the trial says about its level of load; `None` if it is not one of a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo_evidence: Option<SloEvidence>,
    /// Requests that met every per-request limit; `None` if the recipe has none.
    pub goodput: Option<Goodput>,
    /// How the service was used, by its own account; `None` where it was not asked.
    #[serde(default)]
    pub service: Option<ServiceSummary>,
    /// What the clients saw of each endpoint, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointSummary>,
    /// What a reader of the numbers has to know: labels, and why a value is missing.
    pub notes: Vec<Note>,
}

/// How the cohort's requests ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// All of them.
    pub issued: u64,
    /// Complete.
    pub ok: u64,
    /// Failed.
    pub error: u64,
    /// Took longer than the workload allows.
    pub timeout: u64,
    /// Stopped by us.
    pub cancelled: u64,
}

impl RequestCounts {
    /// Outcomes without the kinds of failures.
    pub(crate) fn of(outcomes: &Outcomes) -> Self {
        Self {
            issued: outcomes.issued(),
            ok: outcomes.ok,
            error: outcomes.error,
            timeout: outcomes.timeout,
            cancelled: outcomes.cancelled,
        }
    }
}

/// Requests in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// What the recipe asked for; `None` under an open load.
    pub requested: Option<u64>,
    /// The mean over the window, from sent to end.
    pub delivered_mean: Option<f64>,
}

/// The distributions of a trial. The cohort's successful requests make `ttft`, `tpot`, `e2e` and the `_sched` ones, its
/// sent requests `queue`, and whatever arrived in the window `itl`, `client_lag` and `loop_gap`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricSummaries {
    /// Sent to the first token.
    pub ttft: MetricSummary,
    /// Between consecutive token-carrying chunks.
    pub itl: MetricSummary,
    /// Per further output token of a request.
    pub tpot: MetricSummary,
    /// Sent to the last token.
    pub e2e: MetricSummary,
    /// Intended to sent.
    pub queue: MetricSummary,
    /// Intended to the first token.
    pub ttft_sched: MetricSummary,
    /// Intended to the last token.
    pub e2e_sched: MetricSummary,
    /// How late the client read what had arrived.
    pub client_lag: MetricSummary,
    /// How long the client did not look.
    pub loop_gap: MetricSummary,
}

/// Requests that met every per-request limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    /// Good / all that were left to end or had already missed a limit; `None` without any.
    pub share: Option<f64>,
    /// Good requests per second of the window.
    pub rate: Option<f64>,
    /// Good requests.
    pub good: u64,
    /// Requests that were cancelled before they had missed a limit; in no share.
    pub left_out: u64,
}

impl TrialSummary {
    /// The summary of a trial that gave no numbers, and why.
    pub fn without_data(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::invalid(reason),
            requests: RequestCounts::default(),
            errors: BTreeMap::new(),
            duration_seconds: None,
            start_error_seconds: None,
            request_throughput: None,
            output_token_throughput: None,
            throughput_intervals: None,
            steady_state: None,
            input_tokens: None,
            output_tokens: None,
            concurrency: Concurrency::default(),
            metrics: MetricSummaries::default(),
            slo: None,
            slo_evidence: None,
            goodput: None,
            service: None,
            endpoints: Vec::new(),
            notes: Vec::new(),
        }
    }
}

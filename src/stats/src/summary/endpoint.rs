//! What a trial's clients saw of one endpoint.

use serde::{Deserialize, Serialize};

use super::{MetricSummary, RequestCounts};
use crate::aggregate::{EndpointTotals, TrialAggregate};

/// The cohort's requests to one endpoint. Percentiles are of this endpoint's requests alone, and without intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSummary {
    /// The number that records have for it.
    pub endpoint: u16,
    /// The instance of the service that it belongs to, where that is known.
    pub instance: Option<String>,
    /// Its base URL, where that is known.
    pub url: Option<String>,
    /// How its requests ended.
    pub requests: RequestCounts,
    /// Its part of all requests that were issued.
    pub share: f64,
    /// Output tokens of its successful requests.
    pub output_tokens: u64,
    /// Sent to the first token.
    pub ttft: MetricSummary,
    /// Per further output token of a request; null if the trial counts tokens in two ways.
    pub tpot: MetricSummary,
    /// Sent to the last token.
    pub e2e: MetricSummary,
}

impl EndpointSummary {
    /// Of each endpoint, where there are several: one endpoint's numbers are the trial's.
    pub(super) fn of_each(aggregate: &TrialAggregate) -> Vec<Self> {
        let issued = aggregate.outcomes.issued();
        // Between endpoints that count tokens in different ways there is no comparison.
        let mixed = aggregate.tokens.sources_are_mixed();
        let each = aggregate.endpoints.iter();
        let all: Vec<Self> = each
            .map(|(endpoint, totals)| Self::of(endpoint, totals, issued, mixed))
            .collect();
        if all.len() > 1 { all } else { Vec::new() }
    }

    fn of(endpoint: u16, totals: &EndpointTotals, issued: u64, mixed: bool) -> Self {
        let outcomes = &totals.outcomes;
        Self {
            endpoint,
            instance: None,
            url: None,
            requests: RequestCounts::of(outcomes),
            share: outcomes.issued() as f64 / issued.max(1) as f64,
            output_tokens: totals.output_tokens,
            ttft: MetricSummary::of(&totals.ttft),
            tpot: if mixed {
                MetricSummary::default()
            } else {
                MetricSummary::of(&totals.tpot)
            },
            e2e: MetricSummary::of(&totals.e2e),
        }
    }
}

//! What the cohort saw of each endpoint.

use std::collections::BTreeMap;

use hpcbench_records::{Record, Status};
use serde::{Deserialize, Serialize};

use super::Outcomes;
use super::record::record_some;
use crate::Distribution;
use crate::request::{RequestMetrics, output_tokens};

/// Most endpoints of a trial: an aggregate has three distributions of each.
pub const MAX_ENDPOINTS: usize = 1_024;

/// The cohort's requests by endpoint, as records number them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Endpoints(BTreeMap<u16, EndpointTotals>);

/// The cohort's requests to one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EndpointTotals {
    pub(crate) outcomes: Outcomes,
    /// Output tokens of the successful ones.
    pub(crate) output_tokens: u64,
    pub(crate) ttft: Distribution,
    pub(crate) tpot: Distribution,
    pub(crate) e2e: Distribution,
}

impl Endpoints {
    pub(super) fn add(&mut self, record: &Record, metrics: &RequestMetrics) {
        let totals = self.0.entry(record.endpoint).or_default();
        totals.outcomes.add(record);
        if record.status == Status::Ok {
            totals.output_tokens += u64::from(output_tokens(record).unwrap_or(0));
            record_some(&mut totals.ttft, metrics.ttft);
            record_some(&mut totals.tpot, metrics.tpot);
            record_some(&mut totals.e2e, metrics.e2e);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (endpoint, totals) in &other.0 {
            let own = self.0.entry(*endpoint).or_default();
            own.outcomes.merge(&totals.outcomes);
            own.output_tokens += totals.output_tokens;
            own.ttft.merge(&totals.ttft);
            own.tpot.merge(&totals.tpot);
            own.e2e.merge(&totals.e2e);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &EndpointTotals)> {
        self.0.iter().map(|(endpoint, totals)| (*endpoint, totals))
    }
}

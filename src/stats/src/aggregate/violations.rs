//! What broke the limits of a service-level objective, batch by batch.

use hpcbench_records::{Record, Status};
use serde::{Deserialize, Serialize};

use crate::batches::BATCHES;
use crate::interval::Counted;
use crate::request::RequestMetrics;
use crate::{SloLimit, SloMetric, Start};

/// What broke each limit, batch by batch; of no limits where nobody asks for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ViolationCounts(Vec<LimitCounts>);

/// One limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LimitCounts {
    pub(crate) limit: SloLimit,
    pub(crate) what: Counting,
    /// By batch: values, and those beyond the limit.
    pub(crate) batches: [Counted; BATCHES],
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counting {
    /// Values, and those beyond the limit: of requests, a failed one among them; of gaps, whatever request they are in.
    Values,
    /// Requests, and those that failed: a failed request has an unknown number of gaps.
    Failures,
}

impl ViolationCounts {
    /// Nothing yet.
    pub(super) fn new(limits: &[SloLimit]) -> Self {
        let counts = |limit: &SloLimit, what| LimitCounts {
            limit: *limit,
            what,
            batches: [Counted::default(); BATCHES],
        };
        let of_gaps = limits.iter().filter(|limit| limit.metric == SloMetric::Itl);
        let values = limits.iter().map(|limit| counts(limit, Counting::Values));
        Self(
            values
                .chain(of_gaps.map(|limit| counts(limit, Counting::Failures)))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn limits(&self) -> &[LimitCounts] {
        &self.0
    }

    /// Adds a request of the cohort. One that was stopped by us broke nothing.
    pub(super) fn add(&mut self, batch: usize, record: &Record, metrics: &RequestMetrics, start: Start) {
        let failed = record.status.is_failure();
        if !failed && record.status != Status::Ok {
            return;
        }
        for LimitCounts { limit, what, batches } in &mut self.0 {
            let value = match limit.metric {
                SloMetric::Ttft => metrics.ttft_from(start),
                SloMetric::E2e => metrics.e2e_from(start),
                SloMetric::Tpot => metrics.tpot,
                SloMetric::Itl => None,
            };
            let violates = match what {
                Counting::Failures => Some(failed),
                Counting::Values if limit.metric == SloMetric::Itl => None,
                Counting::Values if failed => Some(true),
                Counting::Values => value.map(|value| value > limit.limit_ns),
            };
            if let (Some(violates), Some(counted)) = (violates, batches.get_mut(batch)) {
                counted.record(violates);
            }
        }
    }

    /// Adds a gap between chunks that ended in the window.
    pub(super) fn add_gap(&mut self, batch: usize, gap: u64) {
        let of_gaps = |counts: &&mut LimitCounts| {
            counts.limit.metric == SloMetric::Itl && counts.what == Counting::Values
        };
        for counts in self.0.iter_mut().filter(of_gaps) {
            if let Some(counted) = counts.batches.get_mut(batch) {
                counted.record(gap > counts.limit.limit_ns);
            }
        }
    }

    /// Adds what another client counted against the same limits.
    pub(super) fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            for (own, other) in own.batches.iter_mut().zip(&other.batches) {
                own.merge(other);
            }
        }
    }
}

impl LimitCounts {
    /// What is held against the share that the percentile leaves: the limit by its name, or failures of requests.
    pub(crate) fn name(&self) -> String {
        match self.what {
            Counting::Values => self.limit.name(),
            Counting::Failures => format!("{} failures", self.limit.name()),
        }
    }
}

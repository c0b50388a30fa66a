//! Requests that met every limit.

use hpcbench_records::{Record, Status};
use serde::{Deserialize, Serialize};

use crate::request::{RequestMetrics, output_tokens};
use crate::{GoodputLimits, Start};

/// How many requests of the cohort met every limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodputCounts {
    /// The limits.
    pub limits: GoodputLimits,
    /// Requests that met them.
    pub good: u64,
    /// Requests that did not: too slow, or failed.
    pub bad: u64,
    /// Requests that were cancelled before they had missed a limit.
    pub left_out: u64,
}

impl GoodputCounts {
    pub(super) const fn new(limits: GoodputLimits) -> Self {
        Self {
            limits,
            good: 0,
            bad: 0,
            left_out: 0,
        }
    }

    /// Adds a request of the cohort.
    pub(super) fn add(&mut self, record: &Record, metrics: &RequestMetrics, start: Start) {
        if self.limits.is_empty() {
            return;
        }
        match record.status {
            Status::Ok if self.met(record, metrics, start) => self.good += 1,
            Status::Cancelled if !self.missed_when_cancelled(record, metrics, start) => self.left_out += 1,
            _ => self.bad += 1,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.good += other.good;
        self.bad += other.bad;
        self.left_out += other.left_out;
    }

    fn met(&self, record: &Record, metrics: &RequestMetrics, start: Start) -> bool {
        // A time that a success does not have cannot be shown to be short enough, except for further tokens when
        // there are none.
        let within = |value: Option<u64>, limit: Option<u64>| {
            limit.is_none_or(|limit| value.is_some_and(|value| value <= limit))
        };
        let has_further_tokens = output_tokens(record).is_none_or(|tokens| tokens > 1);
        within(metrics.ttft_from(start), self.limits.ttft)
            && within(metrics.e2e_from(start), self.limits.e2e)
            && (!has_further_tokens || within(metrics.tpot, self.limits.tpot))
    }

    fn missed_when_cancelled(&self, record: &Record, metrics: &RequestMetrics, start: Start) -> bool {
        let begin = match start {
            Start::Sent => record.times.sent,
            Start::Intended => Some(record.times.intended),
        };
        let waited = begin
            .zip(record.times.end)
            .and_then(|(begin, end)| u64::try_from(end - begin).ok());
        let past = |value: Option<u64>, limit: Option<u64>| {
            limit.is_some_and(|limit| value.is_some_and(|value| value > limit))
        };
        past(metrics.ttft_from(start).or(waited), self.limits.ttft) || past(waited, self.limits.e2e)
    }
}

//! What happened in each of twenty equal parts of the window.
//!
//! Requests that are served at the same time are slow or fast together, so that counting them as independent makes
//! intervals far too narrow. Time batches are nearly independent of each other: how much they differ tells how far a
//! trial's numbers can be trusted. Batches count from T1, so that clients merge batch by batch.

mod counts;
mod wire;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use counts::FineCounts;

use crate::request::RequestMetrics;

/// Batches of a window.
pub(crate) const BATCHES: usize = 20;

/// A metric's values batch by batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batched([FineCounts; BATCHES]);

impl Batched {
    /// Adds a duration in nanoseconds to a batch; one beyond the last is ignored.
    pub(crate) fn record(&mut self, batch: usize, value: u64) {
        if let Some(counts) = self.0.get_mut(batch) {
            counts.record(value);
        }
    }

    pub(crate) fn batches(&self) -> &[FineCounts; BATCHES] {
        &self.0
    }

    fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            own.merge(other);
        }
    }
}

/// The metrics that have intervals. In all some megabytes, however long the trial is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchedMetrics {
    pub(crate) ttft: Batched,
    pub(crate) itl: Batched,
    pub(crate) tpot: Batched,
    pub(crate) e2e: Batched,
    pub(crate) queue: Batched,
    pub(crate) ttft_sched: Batched,
    pub(crate) e2e_sched: Batched,
}

impl BatchedMetrics {
    /// Adds a successful request of the cohort to the batch that it was sent in.
    pub(crate) fn add_success(&mut self, batch: usize, metrics: &RequestMetrics) {
        for (batched, value) in [
            (&mut self.ttft, metrics.ttft),
            (&mut self.tpot, metrics.tpot),
            (&mut self.e2e, metrics.e2e),
            (&mut self.ttft_sched, metrics.ttft_sched),
            (&mut self.e2e_sched, metrics.e2e_sched),
        ] {
            if let Some(value) = value {
                batched.record(batch, value);
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.ttft.merge(&other.ttft);
        self.itl.merge(&other.itl);
        self.tpot.merge(&other.tpot);
        self.e2e.merge(&other.e2e);
        self.queue.merge(&other.queue);
        self.ttft_sched.merge(&other.ttft_sched);
        self.e2e_sched.merge(&other.e2e_sched);
    }
}

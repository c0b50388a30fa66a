//! Adding one record.

use hpcbench_records::{Record, Status};

use super::{Metrics, TrialAggregate};
use crate::Window;
use crate::request::RequestMetrics;

/// A gap between chunks is unresolved if an end of it is less certain than this, nanoseconds.
const RESOLUTION_NS: u64 = 1_000_000;

impl TrialAggregate {
    /// Adds a request that belongs to the cohort.
    pub(super) fn add_cohort(&mut self, record: &Record) {
        let metrics = RequestMetrics::of(record);
        self.outcomes.add(record);
        self.goodput.add(record, &metrics, self.start);
        record_some(&mut self.metrics.queue, metrics.queue);
        if record.status == Status::Ok {
            self.tokens.add(record);
            self.metrics.add_success(&metrics);
        }
    }

    /// Adds the events that arrived in the window, whatever request they belong to.
    pub(super) fn add_stream(&mut self, record: &Record, window: Window) {
        let events = &record.events;
        let mut previous: Option<(i64, u64)> = None;
        let stamps = events
            .t
            .iter()
            .zip(&events.uncertainty)
            .zip(&events.read_lag)
            .zip(&events.kind);
        for (((&t, &uncertainty), &read_lag), kind) in stamps {
            let arrived_in_window = window.contains(t);
            if arrived_in_window {
                self.metrics
                    .client_lag
                    .record(read_lag.saturating_add(uncertainty));
            }
            if !record.stream || !kind.carries_tokens() {
                continue;
            }
            if let Some((before, uncertainty_before)) = previous.replace((t, uncertainty))
                && arrived_in_window
            {
                self.metrics.itl.record_between(before, t);
                let unresolved = uncertainty.max(uncertainty_before) > RESOLUTION_NS;
                self.unresolved_gaps += u64::from(unresolved);
            }
        }
    }
}

impl Metrics {
    fn add_success(&mut self, metrics: &RequestMetrics) {
        record_some(&mut self.ttft, metrics.ttft);
        record_some(&mut self.tpot, metrics.tpot);
        record_some(&mut self.e2e, metrics.e2e);
        record_some(&mut self.ttft_sched, metrics.ttft_sched);
        record_some(&mut self.e2e_sched, metrics.e2e_sched);
    }
}

fn record_some(distribution: &mut crate::Distribution, value: Option<u64>) {
    if let Some(value) = value {
        distribution.record(value);
    }
}

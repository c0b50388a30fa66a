//! Adding one record.

use hpcbench_records::{Record, Status};

use super::{Metrics, TrialAggregate};
use crate::batches::BATCHES;
use crate::request::RequestMetrics;
use crate::{Start, Window};

/// A gap between chunks is unresolved if an end of it is less certain than this, nanoseconds.
const RESOLUTION_NS: u64 = 1_000_000;

impl TrialAggregate {
    /// Adds a request that belongs to the cohort.
    pub(super) fn add_cohort(&mut self, record: &Record, window: Window) {
        let metrics = RequestMetrics::of(record);
        self.outcomes.add(record);
        self.endpoints.add(record, &metrics);
        self.goodput.add(record, &metrics, self.start);
        let batch = batch_in_cohort(record, self.start, window);
        self.violations.add(batch, record, &metrics, self.start);
        if let Some(queue) = metrics.queue {
            self.metrics.queue.record(queue);
            self.batches.queue.record(batch, queue);
        }
        if record.status == Status::Ok {
            self.tokens.add(record);
            self.metrics.add_success(&metrics);
            self.batches.add_success(batch, &metrics);
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
            // Where the time of the read stands for the arrival, nobody knows how late the read was.
            if arrived_in_window && read_lag > 0 {
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
                let gap = u64::try_from(t.saturating_sub(before)).unwrap_or(0);
                self.metrics.itl.record(gap);
                if let Some(batch) = window.part_at(BATCHES, t) {
                    self.batches.itl.record(batch, gap);
                    self.violations.add_gap(batch, gap);
                }
                let unresolved = uncertainty.max(uncertainty_before) > RESOLUTION_NS;
                self.unresolved_gaps += u64::from(unresolved);
            }
        }
    }
}

/// The batch of a request of the cohort: by the instant that made it one.
fn batch_in_cohort(record: &Record, start: Start, window: Window) -> usize {
    let times = &record.times;
    let at = match start {
        Start::Intended => times.intended,
        Start::Sent => times.sent.or(times.dispatch).unwrap_or(times.intended),
    };
    let last = window.t2.saturating_sub(1).max(window.t1);
    window.part_at(BATCHES, at.clamp(window.t1, last)).unwrap_or(0)
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

pub(super) fn record_some(distribution: &mut crate::Distribution, value: Option<u64>) {
    if let Some(value) = value {
        distribution.record(value);
    }
}

//! How the client did, in a sentence, and how long requests took from their schedule on.

use hpcbench_stats::{MetricSummary, TrialSummary};

use crate::words::milliseconds;

/// What every latency rests on: how late the client read, how long it did not look, how far apart several began. `None` if
/// nothing was measured.
pub(super) fn sentence(summary: &TrialSummary) -> Option<String> {
    let metrics = &summary.metrics;
    let parts = [
        metrics
            .client_lag
            .p99
            .map(|lag| format!("lag p99 {} ms", milliseconds(lag))),
        metrics
            .loop_gap
            .max
            .map(|gap| format!("longest loop gap {} ms", milliseconds(gap))),
        summary
            .start_error_seconds
            .map(|error| format!("all began within {} ms", milliseconds(error))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("client: {}", parts.join(", ")))
}

/// Under an open load objectives and verdict count from the schedule; `None` under another one.
pub(super) fn from_the_schedule(summary: &TrialSummary) -> Option<String> {
    if summary.concurrency.requested.is_some() {
        return None;
    }
    let metrics = &summary.metrics;
    let parts = [
        percentiles("TTFT", &metrics.ttft_sched),
        percentiles("E2E", &metrics.e2e_sched),
        percentiles("waiting to be sent", &metrics.queue),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("from the schedule on, p50 / p90 / p99: {}", parts.join(", ")))
}

fn percentiles(name: &str, metric: &MetricSummary) -> Option<String> {
    let of = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), milliseconds);
    (metric.count > 0).then(|| {
        format!(
            "{name} {} / {} / {} ms",
            of(metric.p50),
            of(metric.p90),
            of(metric.p99)
        )
    })
}

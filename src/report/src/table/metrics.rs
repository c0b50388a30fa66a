//! The numbers that a table shows, as texts.

use hpcbench_stats::{MetricSummary, TrialSummary};

use crate::words::{milliseconds, rate};

/// Stands where there is no data.
pub(super) const NO_DATA: &str = "-";
/// The percentiles that are shown.
pub(super) const PERCENTILES: [&str; 3] = ["p50", "p90", "p99"];

/// The latencies that are shown: their names and their [`PERCENTILES`] in milliseconds.
pub(super) fn latencies(summary: Option<&TrialSummary>) -> [(&'static str, [String; 3]); 4] {
    let metrics = summary.map(|summary| &summary.metrics);
    [
        ("TTFT", percentiles(metrics.map(|metrics| &metrics.ttft))),
        ("ITL", percentiles(metrics.map(|metrics| &metrics.itl))),
        ("TPOT", percentiles(metrics.map(|metrics| &metrics.tpot))),
        ("E2E", percentiles(metrics.map(|metrics| &metrics.e2e))),
    ]
}

fn percentiles(metric: Option<&MetricSummary>) -> [String; 3] {
    let shown = |value: fn(&MetricSummary) -> Option<f64>| or_no_data(metric.and_then(value), milliseconds);
    [shown(|m| m.p50), shown(|m| m.p90), shown(|m| m.p99)]
}

/// Requests and throughputs: header and text.
pub(super) fn totals(summary: Option<&TrialSummary>) -> [(&'static str, String); 4] {
    let requests = summary
        .map(|summary| summary.requests)
        .filter(|requests| requests.issued > 0);
    let count = |number: Option<u64>| or_no_data(number, |number| number.to_string());
    [
        ("ok", count(requests.map(|requests| requests.ok))),
        (
            "failed",
            count(requests.map(|requests| requests.error + requests.timeout)),
        ),
        (
            "req/s",
            or_no_data(summary.and_then(|summary| summary.request_throughput), rate),
        ),
        (
            "tok/s",
            or_no_data(summary.and_then(|summary| summary.output_token_throughput), rate),
        ),
    ]
}

fn or_no_data<T>(value: Option<T>, shown: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NO_DATA.to_owned(), shown)
}

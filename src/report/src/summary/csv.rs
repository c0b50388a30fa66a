//! One row a trial.

use std::fmt::Display;

use hpcbench_stats::{
    Bounds, MetricSummaries, MetricSummary, PercentileIntervals, SteadyState, ThroughputIntervals,
};
use serde_json::Value;

use super::{Summary, TrialReport};

/// The columns of a metric, after its name and `_`.
const METRIC_COLUMNS: [&str; 10] = [
    "mean", "stddev", "min", "p50", "p90", "p95", "p99", "p999", "max", "count",
];

/// The columns of an interval, after what it belongs to and `_`.
const BOUNDS: [&str; 2] = ["low", "high"];

/// An interval of a percentile: its name, and where to find it.
type Interval = (&'static str, fn(&PercentileIntervals) -> Option<Bounds>);

/// The percentiles whose intervals have columns; `summary.json` has all of them.
const INTERVALS: [Interval; 2] = [("p50", |of| of.p50), ("p99", |of| of.p99)];

/// An interval of a throughput: its name, and where to find it.
type ThroughputInterval = (&'static str, fn(&ThroughputIntervals) -> Option<Bounds>);

/// The throughputs that have intervals.
const THROUGHPUTS: [ThroughputInterval; 2] = [
    ("request_throughput", |of| of.request_throughput),
    ("output_token_throughput", |of| of.output_token_throughput),
];

/// A column: its name and what a trial has there.
type Column = (&'static str, fn(&TrialReport<'_>) -> String);

/// Before the parameters.
const BEFORE: [Column; 1] = [("trial", |t| t.id.to_string())];

/// Between the parameters and the metrics.
const BETWEEN: [Column; 18] = [
    ("repetition", |t| t.repetition.to_string()),
    ("attempt", |t| t.attempt.to_string()),
    ("verdict", |t| t.summary.verdict.status.as_str().to_owned()),
    ("reasons", |t| t.summary.verdict.reasons.join("; ")),
    ("issued", |t| t.summary.requests.issued.to_string()),
    ("ok", |t| t.summary.requests.ok.to_string()),
    ("error", |t| t.summary.requests.error.to_string()),
    ("timeout", |t| t.summary.requests.timeout.to_string()),
    ("cancelled", |t| t.summary.requests.cancelled.to_string()),
    ("errors", errors),
    ("duration_seconds", |t| cell(t.summary.duration_seconds)),
    ("request_throughput", |t| cell(t.summary.request_throughput)),
    ("output_token_throughput", |t| {
        cell(t.summary.output_token_throughput)
    }),
    ("input_tokens", |t| cell(t.summary.input_tokens)),
    ("output_tokens", |t| cell(t.summary.output_tokens)),
    ("concurrency_requested", |t| cell(t.summary.concurrency.requested)),
    ("concurrency_delivered_mean", |t| {
        cell(t.summary.concurrency.delivered_mean)
    }),
    ("notes", |t| {
        t.summary
            .notes
            .iter()
            .map(|note| note.text.as_str())
            .collect::<Vec<_>>()
            .join("; ")
    }),
];

/// After the metrics.
const AFTER: [Column; 3] = [
    ("slo_met", |t| cell(t.summary.slo.as_ref().map(|slo| slo.met))),
    ("goodput_share", |t| {
        cell(t.summary.goodput.as_ref().and_then(|goodput| goodput.share))
    }),
    ("goodput_rate", |t| {
        cell(t.summary.goodput.as_ref().and_then(|goodput| goodput.rate))
    }),
];

pub(super) fn table(summary: &Summary<'_>) -> String {
    let parameters = parameters(summary);
    let mut table = String::new();
    push_row(&mut table, header(&parameters));
    for trial in &summary.trials {
        push_row(&mut table, row(trial, &parameters));
    }
    table
}

/// The parameters of all trials, in the order of their first appearance.
fn parameters<'a>(summary: &'a Summary<'_>) -> Vec<&'a str> {
    let mut paths: Vec<&str> = Vec::new();
    for path in summary.trials.iter().flat_map(|trial| trial.parameters.keys()) {
        if !paths.contains(&path.as_str()) {
            paths.push(path);
        }
    }
    paths
}

fn header(parameters: &[&str]) -> Vec<String> {
    let names = |columns: &[Column]| {
        columns
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let mut header = names(&BEFORE);
    header.extend(parameters.iter().map(|path| (*path).to_owned()));
    header.extend(names(&BETWEEN));
    for (metric, _) in metrics(&MetricSummaries::default()) {
        header.extend(METRIC_COLUMNS.iter().map(|column| format!("{metric}_{column}")));
    }
    header.extend(names(&AFTER));
    header.push("steady_state".to_owned());
    let throughputs = THROUGHPUTS.map(|(name, _)| name.to_owned());
    let none = MetricSummaries::default();
    let percentiles = with_intervals(&none)
        .into_iter()
        .flat_map(|(metric, _)| INTERVALS.map(|(percentile, _)| format!("{metric}_{percentile}")));
    for interval in throughputs.into_iter().chain(percentiles) {
        header.extend(BOUNDS.map(|bound| format!("{interval}_{bound}")));
    }
    header
}

fn row(trial: &TrialReport<'_>, parameters: &[&str]) -> Vec<String> {
    let cells = |columns: &[Column]| columns.iter().map(|(_, of)| of(trial)).collect::<Vec<_>>();
    let mut row = cells(&BEFORE);
    row.extend(parameters.iter().map(|path| value(trial.parameters.get(*path))));
    row.extend(cells(&BETWEEN));
    for (_, metric) in metrics(&trial.summary.metrics) {
        row.extend(metric_cells(metric));
    }
    row.extend(cells(&AFTER));
    row.push(cell(trial.summary.steady_state.map(SteadyState::as_str)));
    for (_, of) in THROUGHPUTS {
        row.extend(bounds(trial.summary.throughput_intervals.as_ref().and_then(of)));
    }
    for (_, metric) in with_intervals(&trial.summary.metrics) {
        for (_, of) in INTERVALS {
            row.extend(bounds(metric.interval.as_ref().and_then(of)));
        }
    }
    row
}

/// The metrics that have intervals, by name.
fn with_intervals(all: &MetricSummaries) -> [(&'static str, &MetricSummary); 5] {
    [
        ("ttft", &all.ttft),
        ("itl", &all.itl),
        ("tpot", &all.tpot),
        ("e2e", &all.e2e),
        ("queue", &all.queue),
    ]
}

/// In the order of [`BOUNDS`].
fn bounds(interval: Option<Bounds>) -> [String; 2] {
    [
        cell(interval.map(|[low, _]| low)),
        cell(interval.map(|[_, high]| high)),
    ]
}

/// The metrics by name, in the order of `summary.json`.
fn metrics(all: &MetricSummaries) -> [(&'static str, &MetricSummary); 9] {
    [
        ("ttft", &all.ttft),
        ("itl", &all.itl),
        ("tpot", &all.tpot),
        ("e2e", &all.e2e),
        ("queue", &all.queue),
        ("ttft_sched", &all.ttft_sched),
        ("e2e_sched", &all.e2e_sched),
        ("client_lag", &all.client_lag),
        ("loop_gap", &all.loop_gap),
    ]
}

/// In the order of [`METRIC_COLUMNS`].
fn metric_cells(metric: &MetricSummary) -> [String; 10] {
    [
        cell(metric.mean),
        cell(metric.stddev),
        cell(metric.min),
        cell(metric.p50),
        cell(metric.p90),
        cell(metric.p95),
        cell(metric.p99),
        cell(metric.p999),
        cell(metric.max),
        metric.count.to_string(),
    ]
}

/// `http_status: 3; timeout: 1`.
fn errors(trial: &TrialReport<'_>) -> String {
    let kinds = trial.summary.errors.iter();
    kinds
        .map(|(kind, n)| format!("{kind}: {n}"))
        .collect::<Vec<_>>()
        .join("; ")
}

/// A number, or an empty cell.
pub(crate) fn cell(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A parameter's value; empty where there is none.
pub(crate) fn value(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Adds a row, quoting what needs it.
pub(crate) fn push_row(table: &mut String, cells: Vec<String>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            table.push(',');
        }
        if cell.contains(['"', ',', '\r', '\n']) {
            table.push('"');
            table.push_str(&cell.replace('"', "\"\""));
            table.push('"');
        } else {
            table.push_str(&cell);
        }
    }
    table.push('\n');
}

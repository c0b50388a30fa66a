//! The same numbers from an independent computation.

use std::io::Write;
use std::process::{Command, Stdio};

use hpcbench_records::Record;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::merging::any_record;
use crate::testing::{aggregate, expectations, window};
use crate::{MetricSummary, TrialSummary};

/// Recomputes a summary from the records, with exact order statistics and nothing of this crate.
const SCRIPT: &str = include_str!("../../../tests/recompute.py");

#[test]
fn python_comes_to_the_same_summary() {
    let mut runner = TestRunner::deterministic();
    let records: Vec<Record> = proptest::collection::vec(any_record(), 400)
        .new_tree(&mut runner)
        .unwrap()
        .current();
    let input = serde_json::json!({"t1": 100_000_000, "t2": 300_000_000, "records": records});
    let Some(theirs) = recompute(&input.to_string()) else {
        return;
    };
    let sum = aggregate(window(100, 300), &expectations(), &records);
    let mut ours = sum.summarize(&expectations());
    // Mixed token sources and unresolved gaps would hide the numbers that are to be compared.
    ours.metrics.tpot = MetricSummary::of(&sum.metrics.tpot);
    ours.metrics.itl = MetricSummary::of(&sum.metrics.itl);
    assert_eq!(ours.requests, theirs.requests);
    assert_eq!(ours.errors, theirs.errors);
    assert_eq!(
        (ours.input_tokens, ours.output_tokens),
        (theirs.input_tokens, theirs.output_tokens)
    );
    close("duration", ours.duration_seconds, theirs.duration_seconds, 1e-12);
    close(
        "requests/s",
        ours.request_throughput,
        theirs.request_throughput,
        1e-12,
    );
    close(
        "tokens/s",
        ours.output_token_throughput,
        theirs.output_token_throughput,
        1e-6,
    );
    close(
        "delivered",
        ours.concurrency.delivered_mean,
        theirs.concurrency.delivered_mean,
        1e-12,
    );
    metric("ttft", &ours.metrics.ttft, &theirs.metrics.ttft);
    metric("itl", &ours.metrics.itl, &theirs.metrics.itl);
    metric("tpot", &ours.metrics.tpot, &theirs.metrics.tpot);
    metric("e2e", &ours.metrics.e2e, &theirs.metrics.e2e);
    metric("queue", &ours.metrics.queue, &theirs.metrics.queue);
    metric("ttft_sched", &ours.metrics.ttft_sched, &theirs.metrics.ttft_sched);
    metric("e2e_sched", &ours.metrics.e2e_sched, &theirs.metrics.e2e_sched);
    metric("client_lag", &ours.metrics.client_lag, &theirs.metrics.client_lag);
}

fn metric(name: &str, ours: &MetricSummary, theirs: &MetricSummary) {
    assert!(ours.count > 50, "{name} is hardly tested");
    assert_eq!(ours.count, theirs.count, "{name}");
    close(name, ours.mean, theirs.mean, 1e-8);
    close(name, ours.stddev, theirs.stddev, 1e-6);
    for (ours, theirs) in [
        (ours.min, theirs.min),
        (ours.p50, theirs.p50),
        (ours.p90, theirs.p90),
        (ours.p95, theirs.p95),
        (ours.p99, theirs.p99),
        (ours.p999, theirs.p999),
        (ours.max, theirs.max),
    ] {
        close(name, ours, theirs, 1e-4);
    }
}

fn close(name: &str, ours: Option<f64>, theirs: Option<f64>, relative: f64) {
    let (Some(a), Some(b)) = (ours, theirs) else {
        assert_eq!(ours, theirs, "{name}");
        return;
    };
    assert!(
        (a - b).abs() <= relative * b.abs() + 1e-12,
        "{name}: {a} here, {b} there"
    );
}

fn recompute(input: &str) -> Option<TrialSummary> {
    let spawned = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = spawned else {
        eprintln!("SKIPPED: there is no python3");
        return None;
    };
    python.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

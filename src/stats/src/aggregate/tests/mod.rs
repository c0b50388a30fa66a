//! Aggregates by hand, merged, stored, and recomputed in Python.

mod goodput;
mod merging;
mod recomputed;

use hpcbench_records::ErrorKind;

use super::*;
use crate::testing::{MS, aggregate, calm_engine, cancelled, expectations, failure, stream, whole, window};

#[test]
fn gaps_belong_to_the_window_in_which_they_end() {
    // Gaps of 10, 20, 30 and 40 ms that end at 110, 130, 160 and 200.
    let record = stream(50, &[100, 110, 130, 160, 200]);
    let sum = aggregate(window(110, 200), &expectations(), &[record]);
    assert_eq!(sum.metrics.itl.count(), 3);
    assert_eq!(sum.metrics.itl.mean(), Some(20e6));
    assert_eq!(sum.metrics.client_lag.count(), 3);
}

#[test]
fn requests_outside_the_cohort_count_only_by_what_arrives() {
    let mut warm_up = stream(50, &[100, 110]);
    warm_up.cohort = false;
    let sum = aggregate(window(0, 200), &expectations(), &[warm_up]);
    assert_eq!(sum.outcomes.issued(), 0);
    assert!(sum.metrics.ttft.is_empty() && sum.metrics.queue.is_empty());
    assert_eq!(sum.metrics.itl.count(), 1);
    assert_eq!(sum.request_throughput(), Some(5.0));
}

#[test]
fn a_gap_with_an_uncertain_end_is_unresolved() {
    let mut record = stream(50, &[100, 110, 120, 130]);
    record.events.uncertainty = vec![0, 0, 1_000_001, 0, 1_000_000];
    let sum = aggregate(window(0, 200), &expectations(), &[record]);
    assert_eq!(sum.unresolved_gaps, 2);
    assert_eq!(sum.unresolved_share(), Some(2.0 / 3.0));
    assert_eq!(
        sum.metrics.client_lag.max(),
        Some(1_010_001),
        "lag reaches back to the earliest arrival"
    );
}

#[test]
fn gap_quantiles_need_few_enough_unresolved_gaps() {
    let mut sum = aggregate(window(0, 200), &expectations(), &[]);
    sum.metrics.itl.record_times(10, 1_000);
    assert!(sum.gap_quantile_is_resolved(0.999));
    sum.unresolved_gaps = 5;
    assert!(!sum.gap_quantile_is_resolved(0.99) && sum.gap_quantile_is_resolved(0.95));
    sum.unresolved_gaps = 250;
    assert!(!sum.gap_quantile_is_resolved(0.5));
}

#[test]
fn a_chunk_weighs_its_share_of_the_tokens() {
    let mut record = stream(50, &[100, 110, 120]);
    record.tokens.output_usage = Some(7);
    let sum = aggregate(window(105, 205), &expectations(), &[record]);
    let expected = 7.0 * 2.0 / 3.0 / 0.1;
    assert!((sum.token_throughput().unwrap() - expected).abs() < 1e-4);
}

#[test]
fn an_answer_without_stream_arrives_at_its_end() {
    let records = [whole(10, 50, 7), whole(10, 250, 90)];
    let sum = aggregate(window(0, 100), &expectations(), &records);
    assert_eq!(sum.token_throughput(), Some(70.0));
    assert_eq!(sum.request_throughput(), Some(10.0));
    assert_eq!(sum.tokens.output, Some(97), "both belong to the cohort");
}

#[test]
fn tokens_of_a_failed_stream_count_as_they_arrived() {
    let mut record = stream(10, &[20, 30]);
    record.status = hpcbench_records::Status::Error;
    record.error_kind = Some(ErrorKind::CutStream);
    record.tokens.source = hpcbench_records::TokensSource::Chunks;
    let sum = aggregate(window(0, 100), &expectations(), &[record]);
    assert_eq!(sum.token_throughput(), Some(20.0));
    assert_eq!(sum.request_throughput(), Some(0.0));
    assert_eq!(
        (
            sum.tokens.output,
            sum.metrics.ttft.count(),
            sum.metrics.queue.count()
        ),
        (None, 0, 1)
    );
    assert_eq!(sum.outcomes.errors[&ErrorKind::CutStream], 1);
}

#[test]
fn requests_in_flight_are_cut_at_the_window() {
    // In flight for 50 of [100, 200), for 100, for 0 and for 30.
    let records = [
        whole(50, 150, 1),
        whole(0, 900, 1),
        whole(10, 100, 1),
        failure(160, 190, ErrorKind::Server),
    ];
    let sum = aggregate(window(100, 200), &expectations(), &records);
    assert_eq!(sum.delivered_mean(), Some(1.8));
}

#[test]
fn little_by_hand() {
    // One client without a pause: ten requests of 10 ms in 100 ms.
    let records: Vec<_> = (0..10).map(|i| whole(i * 10, i * 10 + 10, 1)).collect();
    let sum = aggregate(window(0, 100), &expectations(), &records);
    let little = sum.little().unwrap();
    assert_eq!((little.in_flight, little.rate_times_residence), (1.0, 1.0));
    assert!((little.edge - 0.1).abs() < 1e-12);
    assert_eq!(sum.mean_residence_ns(), Some(1e7));
}

#[test]
fn a_record_too_few_or_too_many_is_missed_by_the_engines_count() {
    let records: Vec<_> = (0..100).map(|i| whole(i * 10, i * 10 + 10, 1)).collect();
    let off = |records: &[Record]| {
        let mut sum = aggregate(window(0, 1_000), &expectations(), records);
        let mut engine = calm_engine(window(0, 1_000));
        engine.count_in_flight(Some(1_000_000_000));
        sum.add_engine(&engine);
        let twice = sum.in_flight_twice().unwrap();
        twice.recorded - twice.counted
    };
    assert!(off(&records).abs() < 1e-12);
    assert!((off(&records[1..]) + 0.01).abs() < 1e-12);
    let doubled = [records.as_slice(), &records[..1]].concat();
    assert!((off(&doubled) - 0.01).abs() < 1e-12);
    // A client of an earlier version does not say.
    let mut sum = aggregate(window(0, 1_000), &expectations(), &records);
    sum.add_engine(&calm_engine(window(0, 1_000)));
    assert_eq!(sum.in_flight_twice(), None);
}

#[test]
fn rates_of_clients_add_up_each_over_its_own_window() {
    let mut sum = TrialAggregate::empty(&expectations());
    for (name, length) in [("a", 100), ("b", 200)] {
        let mut client = TrialAggregate::new(name, window(0, length), &expectations());
        client.add(&whole(0, 50, 1));
        sum.merge(&client);
    }
    assert_eq!(sum.request_throughput(), Some(10.0 + 5.0));
    assert_eq!(sum.window_seconds(), Some(0.2));
    assert_eq!(sum.outcomes.ok, 2);
}

#[test]
fn outcomes_are_told_apart() {
    let records = [
        stream(0, &[1, 2]),
        failure(0, 5, ErrorKind::Server),
        failure(0, 5, ErrorKind::TimeoutStream),
        failure(0, 5, ErrorKind::Server),
        cancelled(0, 5),
    ];
    let outcomes = aggregate(window(0, 100), &expectations(), &records).outcomes;
    assert_eq!(
        (outcomes.ok, outcomes.error, outcomes.timeout, outcomes.cancelled),
        (1, 2, 1, 1)
    );
    assert_eq!(outcomes.issued(), 5);
    assert_eq!(
        outcomes.failed_share(),
        Some(0.75),
        "what we cancelled is in no share"
    );
    assert_eq!(outcomes.errors[&ErrorKind::Server], 2);
    assert_eq!(outcomes.errors[&ErrorKind::TimeoutStream], 1);
}

#[test]
fn output_lengths_are_held_against_the_plan() {
    let mut short = stream(0, &[1, 2, 3]);
    short.tokens.output_planned = Some(4);
    let mut long = stream(0, &[1, 2, 3]);
    long.tokens.output_planned = Some(2);
    let sum = aggregate(window(0, 100), &expectations(), &[short, long, stream(0, &[1])]);
    assert_eq!(
        sum.tokens.off_plan_share(),
        Some(2.0 / 6.0),
        "too long and too short do not cancel"
    );
}

#[test]
fn cached_input_is_a_share_of_the_input_that_was_counted() {
    let mut hit = stream(0, &[1, 2]);
    hit.tokens.input_usage = Some(200);
    hit.tokens.cached_input = Some(50);
    let sum = aggregate(window(0, 100), &expectations(), &[hit, stream(0, &[1, 2])]);
    assert_eq!(sum.tokens.cached_share(), Some(0.25));
    assert_eq!(sum.tokens.input, Some(300));
}

#[test]
fn nothing_seen_is_none() {
    let sum = TrialAggregate::empty(&expectations());
    assert_eq!(
        (
            sum.window_seconds(),
            sum.request_throughput(),
            sum.delivered_mean()
        ),
        (None, None, None)
    );
    assert_eq!(
        (sum.little(), sum.unresolved_share(), sum.outcomes.failed_share()),
        (None, None, None)
    );
    let idle = aggregate(window(0, 0), &expectations(), &[stream(0, &[1])]);
    assert_eq!((idle.window_seconds(), idle.token_throughput()), (None, None));
}

#[test]
fn a_request_that_never_ended_was_in_flight_to_the_last() {
    let mut record = stream(150, &[160 * MS / MS]);
    record.times.end = None;
    let sum = aggregate(window(100, 200), &expectations(), &[record]);
    assert_eq!(sum.delivered_mean(), Some(0.5));
}

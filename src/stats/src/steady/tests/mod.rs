//! The tests of steadiness, by formula and on simulated trials.

mod from_records;
mod recomputed;
mod simulated;

use hpcbench_records::Record;

use super::*;
use crate::testing::{MS, failure, stream, whole, window};
use crate::{Start, Window};

fn series(window: Window, records: &[Record]) -> BatchSeries {
    let mut series = BatchSeries::new();
    for record in records {
        series.add(record, Start::Sent, window);
    }
    series
}

#[test]
fn the_number_of_batches_depends_on_the_requests() {
    let second = 1_000_000_000;
    assert_eq!(series::batches(60 * second, 1e9), Some(20));
    assert_eq!(series::batches(40 * second, 1e9), Some(20));
    assert_eq!(series::batches(39 * second, 1e9), Some(15));
    assert_eq!(series::batches(12 * second, 1e9), Some(6));
    assert_eq!(
        series::batches(6 * second, 1e9),
        Some(6),
        "of one request's duration each"
    );
    assert_eq!(series::batches(6 * second - 1, 1e9), None);
    assert_eq!(series::batches(0, 0.0), None);
}

#[test]
fn what_happens_is_counted_in_its_batch() {
    // Six batches of 100 ms.
    let (mut long, short) = (stream(50, &[150, 250, 350]), whole(210, 240, 5));
    long.tokens.output_usage = Some(6);
    let series = series(window(0, 600), &[long, short]);
    assert_eq!(
        series.values(Observed::Throughput, 6),
        [0.0, 2_000.0, 7_000.0, 2_000.0, 0.0, 0.0]
    );
    let ms = |values: &[i64]| values.iter().map(|ms| (ms * MS) as f64).collect::<Vec<_>>();
    assert_eq!(
        series.values(Observed::InFlight, 6),
        ms(&[50, 100, 130, 51, 0, 0])
    );
    assert_eq!(
        series.values(Observed::Outstanding, 6),
        ms(&[52, 100, 132, 51, 0, 0])
    );
    let ttft = series.values(Observed::Ttft, 6);
    assert_eq!(ttft.len(), 1, "batches without a value are left out");
    assert!((ttft[0] / 100e6 - 1.0).abs() < 0.004);
}

#[test]
fn under_an_open_load_first_tokens_are_waited_for_from_the_schedule_on() {
    // Intended in the first of six batches and sent in the second, 70 ms later; the first token comes 50 ms after that.
    let mut record = stream(110, &[160, 170]);
    record.times.intended = 40 * MS;
    let ttft = |start| {
        let mut series = BatchSeries::new();
        series.add(&record, start, window(0, 600));
        let values = series.values(Observed::Ttft, 6);
        (values[0] / 1e6).round()
    };
    assert!((ttft(Start::Sent) / 50.0 - 1.0).abs() < 0.02);
    assert!((ttft(Start::Intended) / 120.0 - 1.0).abs() < 0.02);
}

#[test]
fn only_the_window_is_looked_at() {
    let records = [
        stream(-50, &[-20, 20]),
        failure(90, 250, hpcbench_records::ErrorKind::Server),
    ];
    let series = series(window(0, 120), &records);
    let total = |what| series.values(what, 6).iter().sum::<f64>();
    assert!((total(Observed::InFlight) - 51e6).abs() < 1.0);
    assert!((total(Observed::Throughput) - 1_000.0).abs() < 1e-9);
}

#[test]
fn without_tokens_throughput_means_completions() {
    let series = series(
        window(0, 600),
        &[whole(10, 50, 0), whole(110, 120, 0), whole(130, 140, 0)],
    );
    assert_eq!(
        series.values(Observed::Throughput, 6),
        [1.0, 2.0, 0.0, 0.0, 0.0, 0.0]
    );
}

#[test]
fn a_clear_trend_is_found_and_a_small_one_is_not() {
    let rising = |by: f64| {
        (0..20)
            .map(|i| 100.0 * (1.0 + by * f64::from(i) / 19.0))
            .collect::<Vec<_>>()
    };
    let found = unsteady(Observed::Ttft, &rising(0.10));
    assert!(
        matches!(found, Some(Unsteady::Trend { drift, .. }) if (drift - 0.1 / 1.05).abs() < 1e-3),
        "{found:?}"
    );
    assert_eq!(unsteady(Observed::Ttft, &rising(0.04)), None);
}

#[test]
fn a_level_shift_is_found_where_ranks_alternate() {
    // Alternating around two levels: no monotone trend can be told from noise within a level.
    let values: Vec<f64> = (0..20)
        .map(|i| f64::from(i % 2) + if (6..14).contains(&i) { 125.0 } else { 100.0 })
        .collect();
    let found = unsteady(Observed::Throughput, &values);
    assert!(
        matches!(found, Some(Unsteady::Shift { .. } | Unsteady::Wandering { .. })),
        "{found:?}"
    );
    let step: Vec<f64> = (0..20)
        .map(|i| if i < 17 { 100.0 } else { 80.0 + f64::from(i % 2) })
        .collect();
    let found = unsteady(Observed::Throughput, &step);
    assert!(
        matches!(found, Some(Unsteady::Shift { shift, .. }) if (shift + 0.197).abs() < 0.01),
        "{found:?}"
    );
}

#[test]
fn slow_waves_are_undecided_only_if_they_are_high() {
    let wave = |height: f64| {
        (0..20)
            .map(|i| 100.0 + height * (f64::from(i) * std::f64::consts::TAU / 10.0).sin())
            .collect::<Vec<_>>()
    };
    let found = unsteady(Observed::InFlight, &wave(15.0));
    assert!(
        matches!(found, Some(Unsteady::Wandering { autocorrelation, .. }) if autocorrelation > 0.5),
        "{found:?}"
    );
    assert_eq!(unsteady(Observed::InFlight, &wave(5.0)), None);
}

#[test]
fn values_without_variation_or_number_say_nothing() {
    assert_eq!(unsteady(Observed::Ttft, &[5.0; 20]), None);
    assert_eq!(unsteady(Observed::Ttft, &[0.0; 20]), None);
    assert_eq!(unsteady(Observed::Ttft, &[1.0, 2.0, 3.0, 4.0, 5.0]), None);
    assert_eq!(unsteady(Observed::Ttft, &[]), None);
}

#[test]
fn a_window_shorter_than_a_few_requests_is_too_short() {
    let found = examine(&BatchSeries::new(), crate::Load::Open, 5_000_000_000, 1e9);
    assert_eq!(
        found,
        [Unsteady::TooShort {
            window_seconds: 5.0,
            request_seconds: 1.0
        }]
    );
}

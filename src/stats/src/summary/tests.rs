//! Summaries as scripts see them.

use hpcbench_records::{ErrorKind, Record, TokensSource};
use serde_json::{Value, json};

use super::*;
use crate::testing::{MS, aggregate, calm_engine, cancelled, expectations, failure, stream, whole, window};
use crate::{Expectations, GoodputLimits, Load, SloLimit, TrialAggregate, VerdictStatus};

/// A thousand requests of one client, one after the other: TTFT 5 to 14 ms, two further chunks after 2 and 3 ms.
fn healthy_records() -> Vec<Record> {
    (0..1_000)
        .map(|i| {
            let (sent, first) = (i * 20, i * 20 + 5 + i % 10);
            let mut record = stream(sent, &[first, first + 2, first + 5]);
            record.times.end = Some((sent + 20) * MS);
            record
        })
        .collect()
}

fn summary(expectations: &Expectations, records: &[Record]) -> TrialSummary {
    let window = window(0, 20_000);
    let mut sum = aggregate(window, expectations, records);
    sum.add_engine(&calm_engine(window));
    sum.summarize(expectations)
}

fn with_slo(limits: &[(&str, i64)]) -> Expectations {
    let slo = limits
        .iter()
        .map(|(name, ms)| SloLimit::parse(name, (ms * MS) as u64).unwrap())
        .collect();
    Expectations {
        slo,
        ..expectations()
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_healthy_trial_is_valid_and_adds_up() {
    let summary = summary(&expectations(), &healthy_records());
    assert_eq!(
        summary.verdict,
        Verdict {
            status: VerdictStatus::Valid,
            reasons: vec![]
        }
    );
    assert_eq!((summary.requests.issued, summary.requests.ok), (1_000, 1_000));
    assert_eq!(summary.duration_seconds, Some(20.0));
    assert_eq!(
        summary.request_throughput,
        Some(999.0 / 20.0),
        "the last one ends with the window"
    );
    assert_eq!(summary.output_token_throughput, Some(150.0));
    assert_eq!(
        (summary.input_tokens, summary.output_tokens),
        (Some(100_000), Some(3_000))
    );
    assert_eq!(
        summary.concurrency,
        Concurrency {
            requested: Some(1),
            delivered_mean: Some(1.0)
        }
    );
    let ttft = summary.metrics.ttft;
    assert_eq!(
        (ttft.min, ttft.max, ttft.count),
        (Some(0.005), Some(0.014), 1_000)
    );
    assert!((ttft.p90.unwrap() / 0.013 - 1.0).abs() < 1e-4);
    assert!((ttft.mean.unwrap() - 0.0095).abs() < 1e-12);
    assert_eq!(summary.metrics.loop_gap.count, 100);
    assert!(summary.notes.is_empty());
}

#[test]
fn the_keys_are_those_that_scripts_rely_on() {
    let value = serde_json::to_value(summary(&expectations(), &healthy_records())).unwrap();
    let trial = [
        "verdict",
        "requests",
        "errors",
        "duration_seconds",
        "request_throughput",
        "output_token_throughput",
        "throughput_intervals",
        "steady_state",
        "input_tokens",
        "output_tokens",
        "concurrency",
        "metrics",
        "slo",
        "goodput",
        "service",
        "notes",
    ];
    assert_eq!(keys(&value), trial);
    assert_eq!(keys(&value["verdict"]), ["status", "reasons"]);
    assert_eq!(
        keys(&value["requests"]),
        ["issued", "ok", "error", "timeout", "cancelled"]
    );
    assert_eq!(keys(&value["concurrency"]), ["requested", "delivered_mean"]);
    let metrics = [
        "ttft",
        "itl",
        "tpot",
        "e2e",
        "queue",
        "ttft_sched",
        "e2e_sched",
        "client_lag",
        "loop_gap",
    ];
    assert_eq!(keys(&value["metrics"]), metrics);
    let numbers = [
        "mean", "stddev", "min", "p50", "p90", "p95", "p99", "p999", "max", "count", "interval",
    ];
    for metric in metrics {
        assert_eq!(keys(&value["metrics"][metric]), numbers);
    }
    let percentiles = ["method", "p50", "p90", "p95", "p99", "p999", "null_because"];
    for metric in &metrics[..7] {
        assert_eq!(keys(&value["metrics"][*metric]["interval"]), percentiles);
    }
    let throughputs = [
        "method",
        "request_throughput",
        "output_token_throughput",
        "null_because",
    ];
    assert_eq!(keys(&value["throughput_intervals"]), throughputs);
}

#[test]
fn a_summary_survives_storage_to_the_last_bit() {
    let limits = GoodputLimits {
        ttft: Some(9 * MS as u64),
        ..GoodputLimits::default()
    };
    let expectations = Expectations {
        goodput: limits,
        ..with_slo(&[("ttft_p99", 10)])
    };
    let mut records = healthy_records();
    records[7] = failure(140, 159, ErrorKind::Server);
    let summary = summary(&expectations, &records);
    let text = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<TrialSummary>(&text).unwrap(), summary);
    let value = serde_json::to_value(&summary).unwrap();
    assert_eq!(serde_json::from_value::<TrialSummary>(value).unwrap(), summary);
}

#[test]
fn intervals_are_labelled_and_in_seconds() {
    let value = serde_json::to_value(summary(&expectations(), &healthy_records())).unwrap();
    let ttft = &value["metrics"]["ttft"]["interval"];
    assert_eq!(ttft["method"], "within-run, batch-robust");
    assert_eq!(ttft["null_because"], Value::Null);
    let bounds: [f64; 2] = serde_json::from_value(ttft["p90"].clone()).unwrap();
    assert!(bounds[0] <= 0.0131 && bounds[1] >= 0.0129, "{bounds:?}");
    assert_eq!(ttft["p999"], Value::Null, "one value of a thousand lies beyond");
    assert_eq!(value["metrics"]["client_lag"]["interval"], Value::Null);
    let throughputs = &value["throughput_intervals"];
    assert_eq!(throughputs["method"], "within-run, batch means");
    let bounds: [f64; 2] = serde_json::from_value(throughputs["request_throughput"].clone()).unwrap();
    assert!(
        bounds[0] < 49.95 && 49.95 < bounds[1] && bounds[1] < 50.5,
        "{bounds:?}"
    );
    assert_eq!(value["steady_state"], "steady");
}

#[test]
fn batches_shorter_than_two_requests_give_no_interval() {
    // A batch of the window of 20 s takes 1 s.
    let records = |e2e_ms: i64| -> Vec<Record> {
        (0..400)
            .map(|i| {
                let sent = i * 50;
                stream(sent, &[sent + 10, sent + e2e_ms])
            })
            .collect()
    };
    let interval = |e2e_ms| {
        let summary = summary(&expectations(), &records(e2e_ms));
        (
            summary.metrics.e2e.interval.unwrap(),
            summary.throughput_intervals.unwrap(),
        )
    };
    let (percentiles, throughputs) = interval(500);
    assert!(percentiles.p50.is_some() && throughputs.request_throughput.is_some());
    let (percentiles, throughputs) = interval(501);
    assert_eq!((percentiles.p50, throughputs.request_throughput), (None, None));
    assert_eq!(percentiles.null_because, Some(NoInterval::BatchesTooShort));
    assert_eq!(throughputs.null_because, Some(NoInterval::BatchesTooShort));
}

#[test]
fn what_earlier_versions_wrote_has_no_intervals() {
    let window = window(0, 20_000);
    let sum = aggregate(window, &expectations(), &healthy_records());
    let mut stored = serde_json::to_value(&sum).unwrap();
    for key in ["batches", "service"] {
        assert!(stored.as_object_mut().unwrap().remove(key).is_some());
    }
    let earlier: TrialAggregate = serde_json::from_value(stored).unwrap();
    let mut summary = earlier.summarize(&expectations());
    let interval = summary.metrics.ttft.interval.unwrap();
    assert_eq!(
        (interval.p50, interval.null_because),
        (None, Some(NoInterval::BatchesMissing))
    );
    let mut stored = serde_json::to_value(&summary).unwrap();
    for key in ["throughput_intervals", "steady_state"] {
        assert!(stored.as_object_mut().unwrap().remove(key).is_some());
    }
    for metric in stored["metrics"].as_object_mut().unwrap().values_mut() {
        assert!(metric.as_object_mut().unwrap().remove("interval").is_some());
    }
    (summary.throughput_intervals, summary.steady_state) = (None, None);
    let metrics = &mut summary.metrics;
    for metric in [
        &mut metrics.ttft,
        &mut metrics.itl,
        &mut metrics.tpot,
        &mut metrics.e2e,
        &mut metrics.queue,
        &mut metrics.ttft_sched,
        &mut metrics.e2e_sched,
    ] {
        metric.interval = None;
    }
    assert_eq!(serde_json::from_value::<TrialSummary>(stored).unwrap(), summary);
}

#[test]
fn no_data_is_null_and_invalid() {
    let nothing = TrialAggregate::empty(&expectations()).summarize(&expectations());
    assert_eq!(nothing.verdict.status, VerdictStatus::Invalid);
    let value = serde_json::to_value(&nothing).unwrap();
    for key in [
        "duration_seconds",
        "request_throughput",
        "output_token_throughput",
        "throughput_intervals",
        "steady_state",
        "output_tokens",
        "slo",
    ] {
        assert_eq!(value[key], Value::Null, "{key}");
    }
    let empty = json!({"mean": null, "stddev": null, "min": null, "p50": null, "p90": null, "p95": null,
        "p99": null, "p999": null, "max": null, "count": 0, "interval": null});
    assert_eq!(value["metrics"]["ttft"], empty);
    assert_eq!(value["metrics"]["loop_gap"], empty);
    assert_eq!(value["concurrency"]["delivered_mean"], Value::Null);
    let failed = TrialSummary::without_data("the service exited");
    assert_eq!(failed.verdict.reasons, ["the service exited"]);
    assert_eq!(serde_json::to_value(failed).unwrap()["metrics"]["e2e"], empty);
}

#[test]
fn a_trial_of_failures_has_no_latency() {
    let records: Vec<_> = (0..50)
        .map(|i| failure(i * 20, i * 20 + 1, ErrorKind::HttpStatus))
        .collect();
    let summary = summary(&expectations(), &records);
    assert_eq!(summary.verdict.status, VerdictStatus::Invalid);
    assert_eq!(summary.errors["http_status"], 50);
    assert_eq!((summary.metrics.ttft.p50, summary.metrics.e2e.p50), (None, None));
    assert_eq!(summary.request_throughput, Some(0.0), "this was measured");
}

#[test]
fn failures_are_above_every_percentile() {
    // TTFT is 5 to 14 ms, a hundred each; with 12 failures p99 is the 1002nd of 1012.
    let mut records = healthy_records();
    records.extend((0..12).map(|i| failure(i, i + 1, ErrorKind::Server)));
    let limits = with_slo(&[
        ("ttft_p99", 500),
        ("ttft_p95", 14),
        ("e2e_p50", 14),
        ("itl_p99", 5),
        ("itl_p90", 5),
    ]);
    let summary = summary(&limits, &records);
    let slo = summary.slo.unwrap();
    assert_eq!(
        slo.limits["ttft_p99"],
        SloResult {
            limit: 0.5,
            value: None,
            met: false
        }
    );
    assert!(slo.limits["ttft_p95"].met);
    assert!(!slo.limits["e2e_p50"].met, "{slo:?}");
    assert_eq!(slo.limits["itl_p99"].value, None, "more than 1 % failed");
    assert!(slo.limits["itl_p90"].met);
    assert!(!slo.met);
    let censored = summary
        .notes
        .iter()
        .filter(|note| note.code == NoteCode::Censored)
        .count();
    assert_eq!(censored, 2);
}

#[test]
fn an_open_load_is_held_against_its_schedule() {
    let limits = with_slo(&[("ttft_p99", 15), ("e2e_p99", 20)]);
    let closed = summary(&limits, &healthy_records()).slo.unwrap();
    let open = summary(
        &Expectations {
            load: Load::Open,
            ..limits
        },
        &healthy_records(),
    )
    .slo
    .unwrap();
    assert!(closed.limits["ttft_p99"].met && !open.limits["ttft_p99"].met);
    assert!(closed.limits["e2e_p99"].met && !open.limits["e2e_p99"].met);
}

#[test]
fn quantiles_of_unresolved_gaps_are_null() {
    let mut records = healthy_records();
    for record in &mut records[..30] {
        record.events.uncertainty = vec![2_000_000; record.events.len()];
    }
    let summary = summary(&with_slo(&[("itl_p99", 5)]), &records);
    let itl = summary.metrics.itl;
    assert!(itl.p50.is_some() && itl.p90.is_some() && itl.mean.is_some());
    assert_eq!((itl.p99, itl.p999), (None, None));
    assert_eq!(summary.notes[0].code, NoteCode::ItlUnresolved);
    assert!(!summary.slo.unwrap().met);
}

#[test]
fn tokens_counted_in_two_ways_give_no_tpot() {
    let mut records = healthy_records();
    records[3].tokens.source = TokensSource::Chunks;
    records[4].endpoint = 1;
    let summary = summary(&with_slo(&[("tpot_p50", 50)]), &records);
    assert_eq!(summary.metrics.tpot, MetricSummary::default());
    let of_endpoints = summary.endpoints.iter().map(|endpoint| endpoint.tpot);
    assert_eq!(
        of_endpoints.collect::<Vec<_>>(),
        [MetricSummary::default(); 2],
        "nor of any endpoint"
    );
    assert_eq!(summary.notes[0].code, NoteCode::TpotMixedSources);
    assert!(!summary.slo.unwrap().met);
}

#[test]
fn several_tokens_a_chunk_are_noted() {
    let mut records = healthy_records();
    for record in &mut records {
        record.tokens.output_usage = Some(6);
    }
    let summary = summary(&expectations(), &records);
    assert_eq!(summary.notes[0].code, NoteCode::ItlPerChunk);
    assert!(summary.notes[0].text.contains("2.00"), "{:?}", summary.notes);
}

#[test]
fn goodput_is_a_share_and_a_rate() {
    let limits = GoodputLimits {
        ttft: Some(9 * MS as u64),
        ..GoodputLimits::default()
    };
    let expectations = Expectations {
        goodput: limits,
        ..expectations()
    };
    let mut records = healthy_records();
    records.push(cancelled(0, 5));
    let summary = summary(&expectations, &records);
    let goodput = Goodput {
        share: Some(0.5),
        rate: Some(25.0),
        good: 500,
        left_out: 1,
    };
    assert_eq!(summary.goodput, Some(goodput));
    assert_eq!(summary.notes[0].code, NoteCode::GoodputLeftOut);
}

#[test]
fn goodput_by_tpot_needs_one_way_to_count_tokens() {
    let goodput = |limits: GoodputLimits, one_without_usage: bool| {
        let expectations = Expectations {
            goodput: limits,
            ..expectations()
        };
        let mut records = healthy_records();
        let source = if one_without_usage {
            TokensSource::Chunks
        } else {
            TokensSource::Usage
        };
        for record in &mut records {
            record.tokens.source = TokensSource::Usage;
            record.tokens.output_usage = record.tokens.chunks;
        }
        records[0].tokens.source = source;
        summary(&expectations, &records).goodput
    };
    let by_tpot = GoodputLimits {
        tpot: Some(MS as u64),
        ..GoodputLimits::default()
    };
    assert!(goodput(by_tpot, false).is_some());
    assert_eq!(goodput(by_tpot, true), None);
    let by_ttft = GoodputLimits {
        ttft: Some(MS as u64),
        ..GoodputLimits::default()
    };
    assert!(goodput(by_ttft, true).is_some());
}

#[test]
fn reads_without_a_usable_stamp_have_no_lag() {
    let mut records = healthy_records();
    for record in &mut records {
        record.events.read_lag[1] = 0;
        record.events.uncertainty[1] = 9_000_000;
    }
    let summary = summary(&expectations(), &records);
    let lag = summary.metrics.client_lag;
    assert_eq!((lag.count, lag.max), (3_000, Some(1e-5)));
}

#[test]
fn the_lag_of_whole_answers_is_the_engines_to_tell() {
    let window = window(0, 20_000);
    let records: Vec<_> = (0..1_000).map(|i| whole(i * 20, i * 20 + 20, 3)).collect();
    let mut sum = aggregate(window, &expectations(), &records);
    let mut engine = calm_engine(window);
    engine.document_lag.record_times(20_000, 980);
    engine.document_lag.record_times(9_000_000, 20);
    sum.add_engine(&engine);
    let summary = sum.summarize(&expectations());
    assert_eq!(summary.metrics.client_lag.count, 1_000);
    assert_eq!(summary.verdict.status, VerdictStatus::ClientBound);
    assert_eq!(
        summary.verdict.reasons,
        ["p99 of client_lag 9 ms is above 5 ms and 10 % of the E2E median (20 ms)"]
    );
}

#[test]
fn a_clock_that_was_set_is_noted() {
    let window = window(0, 20_000);
    let mut sum = aggregate(window, &expectations(), &healthy_records());
    let mut engine = calm_engine(window);
    engine.clock_steps = 3;
    sum.add_engine(&engine);
    let notes = sum.summarize(&expectations()).notes;
    assert_eq!(notes[0].code, NoteCode::ClockSteps);
    assert!(notes[0].text.contains("3 steps"), "{notes:?}");
}

#[test]
fn answers_without_stream_have_an_e2e_only() {
    let records: Vec<_> = (0..1_000).map(|i| whole(i * 20, i * 20 + 20, 3)).collect();
    let summary = summary(&expectations(), &records);
    assert_eq!(
        summary.verdict.status,
        VerdictStatus::Valid,
        "{:?}",
        summary.verdict
    );
    assert_eq!(summary.metrics.e2e.p50, Some(0.02));
    assert_eq!(
        (
            summary.metrics.ttft.count,
            summary.metrics.itl.count,
            summary.metrics.tpot.count
        ),
        (0, 0, 0)
    );
}

//! Small examples by hand, and many requests against Python.

use hpcbench_records::{ErrorKind, EventKind, Record, Status, StreamEvents};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::*;
use crate::testing::{MS, cancelled, failure, python, stream, whole};

/// A role-only event, and an event with content.
const ROLE: EventKind = EventKind::CHOICES;
const CONTENT: EventKind = EventKind::CHOICES.with(EventKind::CONTENT);
const REASONING: EventKind = EventKind::CHOICES.with(EventKind::REASONING);
const USAGE: EventKind = EventKind::USAGE;

fn recompute(definitions: Definitions, records: &[Record]) -> Recomputed {
    with_limits(definitions, GoodputLimits::default(), records)
}

fn with_limits(definitions: Definitions, limits: GoodputLimits, records: &[Record]) -> Recomputed {
    let mut recomputation = Recomputation::new(definitions, &limits);
    for record in records {
        recomputation.add(record);
    }
    recomputation.finish()
}

/// A successful stream of `tokens`; its events were read at these milliseconds, 1 ms after they arrived.
fn answer(
    intended_ms: i64,
    dispatch_ms: i64,
    events: &[(i64, EventKind)],
    end_ms: i64,
    tokens: u32,
) -> Record {
    let mut record = stream(dispatch_ms, &[]);
    record.times.intended = intended_ms * MS;
    record.times.dispatch = Some(dispatch_ms * MS);
    record.times.end = Some(end_ms * MS);
    record.tokens.output_usage = Some(tokens);
    record.tokens.input_planned = Some(100);
    record.events = StreamEvents {
        t: events.iter().map(|(ms, _)| (ms - 1) * MS).collect(),
        read_lag: vec![MS as u64; events.len()],
        uncertainty: vec![0; events.len()],
        kind: events.iter().map(|(_, kind)| *kind).collect(),
        text_bytes: vec![4; events.len()],
        tokens: vec![None; events.len()],
    };
    record
}

/// 5 tokens in 3 chunks after a role-only event, then a usage event and the end.
fn one() -> Record {
    let events = [
        (30, ROLE),
        (40, CONTENT),
        (50, CONTENT),
        (80, CONTENT),
        (85, USAGE),
    ];
    answer(0, 10, &events, 90, 5)
}

fn distribution<'a>(of: &'a Recomputed, name: &str) -> &'a DefinedDistribution {
    of.distributions.iter().find(|found| found.name == name).unwrap()
}

fn value(of: &Recomputed, name: &str) -> f64 {
    let found = of.values.iter().find(|found| found.name == name).unwrap();
    found.value.unwrap()
}

fn absent(of: &Recomputed, name: &str) -> Option<Absent> {
    let value = of.values.iter().find(|found| found.name == name);
    value.map_or_else(|| distribution(of, name).absent, |value| value.absent)
}

#[track_caller]
fn means(of: &Recomputed, expected: &[(&str, f64)]) {
    for (name, expected) in expected {
        let mean = distribution(of, name).mean.unwrap();
        assert!((mean - expected).abs() < 1e-6, "{name}: {mean}, not {expected}");
    }
}

#[test]
fn vllm_by_hand() {
    let of = recompute(Definitions::Vllm, &[one()]);
    // From the dispatch at 10 to the role-only event at 30, and to the last one with choices at 80.
    means(
        &of,
        &[
            ("ttft", 20.0),
            ("e2el", 70.0),
            ("tpot", 50.0 / 4.0),
            ("itl", 50.0 / 3.0),
        ],
    );
    assert_eq!(distribution(&of, "itl").count, 3);
    assert!((distribution(&of, "itl").p50.unwrap() - 10.0).abs() < 0.001);
    assert!((value(&of, "duration") - 0.08).abs() < 1e-9);
    assert!((value(&of, "output_throughput") - 5.0 / 0.08).abs() < 1e-6);
    assert!((value(&of, "total_token_throughput") - 105.0 / 0.08).abs() < 1e-6);
}

#[test]
fn aiperf_by_hand() {
    let of = recompute(Definitions::Aiperf, &[one()]);
    means(
        &of,
        &[
            ("time_to_first_token", 30.0),
            ("time_to_second_token", 10.0),
            ("time_to_first_output_token", 30.0),
            ("request_latency", 70.0),
            ("inter_token_latency", 40.0 / 4.0),
            ("inter_chunk_latency", 20.0),
            ("output_token_throughput_per_user", 100.0),
            ("output_sequence_length", 5.0),
            ("input_sequence_length", 100.0),
        ],
    );
}

#[test]
fn aiperf_takes_the_first_chunks_own_tokens_off_where_it_can() {
    let itl = |first: u32| {
        let mut record = one();
        record.events.tokens[1] = Some(first);
        let of = recompute(Definitions::Aiperf, &[record]);
        distribution(&of, "inter_token_latency").mean.unwrap()
    };
    assert!((itl(3) - 40.0 / 2.0).abs() < 1e-6);
    assert!((itl(0) - 40.0 / 4.0).abs() < 1e-6, "not counted yet");
    assert!((itl(5) - 40.0 / 4.0).abs() < 1e-6, "everything at once");
}

#[test]
fn aiperf_tells_the_first_output_from_reasoning() {
    let events = [(30, ROLE), (40, REASONING), (60, CONTENT)];
    let of = recompute(Definitions::Aiperf, &[answer(0, 10, &events, 90, 2)]);
    means(
        &of,
        &[
            ("time_to_first_token", 30.0),
            ("time_to_first_output_token", 50.0),
        ],
    );
    let silent = recompute(Definitions::Aiperf, &[answer(0, 10, &events[..2], 90, 2)]);
    assert_eq!(
        absent(&silent, "time_to_first_output_token"),
        Some(Absent::TooShort)
    );
}

#[test]
fn guidellm_by_hand() {
    // The second one: 1 token, from 60 to 100.
    let records = [one(), answer(50, 60, &[(95, CONTENT)], 100, 1)];
    let of = recompute(Definitions::Guidellm, &records);
    means(
        &of,
        &[
            ("request_latency", 0.06),
            ("time_to_first_token_ms", 32.5),
            // Weighted by 5 and 1: (70/5 · 5 + 35 · 1) / 6.
            ("time_per_output_token_ms", (70.0 + 35.0) / 6.0),
            ("inter_token_latency_ms", 40.0 / 4.0),
            // One from 10 to 60, two to 90, one to 100.
            ("request_concurrency", (50.0 + 60.0 + 10.0) / 90.0),
            ("output_token_count", 3.0),
        ],
    );
    let concurrency = distribution(&of, "request_concurrency");
    assert_eq!(
        (concurrency.count, concurrency.p50, concurrency.p90),
        (2, Some(1.0), Some(2.0))
    );
    assert!((value(&of, "requests_per_second") - 2.0 / 0.09).abs() < 1e-6);
    assert!((value(&of, "output_tokens_per_second") - 6.0 / 0.055).abs() < 1e-6);
}

#[test]
fn guidellm_counts_chunks_where_nobody_counts_tokens() {
    let mut record = one();
    record.tokens.output_usage = None;
    record.tokens.chunks = None;
    let of = recompute(Definitions::Guidellm, &[record]);
    means(
        &of,
        &[
            ("inter_token_latency_ms", 20.0),
            ("time_per_output_token_ms", 70.0 / 3.0),
        ],
    );
}

#[test]
fn mlperf_by_hand() {
    let records = [one(), answer(50, 60, &[(95, CONTENT)], 100, 1)];
    let of = recompute(Definitions::Mlperf, &records);
    means(
        &of,
        &[
            ("sample_latency", 70.0),
            ("first_token_latency", 42.5),
            ("time_per_output_token", 50.0 / 4.0),
        ],
    );
    // sorted[⌊2 · 0.5⌋] is the greater of the two.
    let median = distribution(&of, "sample_latency").p50.unwrap();
    assert!((median - 90.0).abs() < 0.009, "{median}");
    assert_eq!(distribution(&of, "sample_latency").std, None);
    assert!((value(&of, "scheduled_samples_per_second") - 1.0 / 0.05).abs() < 1e-6);
    assert!((value(&of, "completed_samples_per_second") - 1.0 / 0.1).abs() < 1e-6);
    assert!((value(&of, "completed_tokens_per_second") - 6.0 / 0.1).abs() < 1e-6);
}

#[test]
fn what_needs_a_stream_or_a_count_is_absent_without() {
    let mut plain = whole(0, 80, 5);
    plain.times.dispatch = Some(0);
    let of = |definitions| recompute(definitions, std::slice::from_ref(&plain));
    assert_eq!(absent(&of(Definitions::Vllm), "ttft"), Some(Absent::NotStreamed));
    assert_eq!(absent(&of(Definitions::Vllm), "e2el"), Some(Absent::NotStreamed));
    assert_eq!(
        absent(&of(Definitions::Aiperf), "inter_token_latency"),
        Some(Absent::NotStreamed)
    );
    assert_eq!(absent(&of(Definitions::Aiperf), "request_latency"), None);
    assert_eq!(
        absent(&of(Definitions::Guidellm), "time_per_output_token_ms"),
        None
    );
    assert_eq!(
        absent(&of(Definitions::Mlperf), "first_token_latency"),
        Some(Absent::NotStreamed)
    );

    let mut uncounted = one();
    uncounted.tokens.output_usage = None;
    let missing = |requests, of| Some(Absent::Uncounted { requests, of });
    let of = recompute(Definitions::Vllm, std::slice::from_ref(&uncounted));
    assert_eq!(absent(&of, "tpot"), missing(1, 1));
    assert_eq!(absent(&of, "output_throughput"), missing(1, 1));
    let of = recompute(Definitions::Vllm, &[uncounted, one()]);
    assert_eq!((absent(&of, "tpot"), distribution(&of, "tpot").count), (None, 1));
    assert_eq!(absent(&of, "output_throughput"), missing(1, 2));

    let mut unplanned = one();
    unplanned.tokens.input_planned = None;
    for (definitions, name) in [
        (Definitions::Aiperf, "input_sequence_length"),
        (Definitions::Guidellm, "prompt_token_count"),
        (Definitions::Vllm, "total_token_throughput"),
    ] {
        let of = recompute(definitions, std::slice::from_ref(&unplanned));
        assert_eq!(absent(&of, name), missing(1, 1), "{name}");
    }
}

#[test]
fn failures_count_as_such_and_nothing_else_does_outside_the_cohort() {
    let mut outside = one();
    outside.cohort = false;
    let mut failed = failure(20, 200, ErrorKind::HttpStatus);
    failed.times.dispatch = Some(20 * MS);
    let records = [outside, failed, cancelled(30, 500)];
    for &definitions in Definitions::ALL {
        let of = recompute(definitions, &records);
        let RecomputedRequests {
            completed,
            failed,
            cancelled,
        } = of.requests;
        assert_eq!((completed, failed, cancelled), (0, 1, 1), "{definitions:?}");
        assert!(
            of.values
                .iter()
                .all(|v| v.name == "duration" || v.absent == Some(Absent::NoSuccess)),
            "{of:?}"
        );
        assert!(
            of.distributions
                .iter()
                .all(|d| d.absent == Some(Absent::NoSuccess) && d.mean.is_none())
        );
    }
    let of = recompute(Definitions::Vllm, &[one(), records[1].clone()]);
    assert!(
        (value(&of, "duration") - 0.19).abs() < 1e-9,
        "its clock runs until the failure too"
    );
    let of = recompute(Definitions::Aiperf, &[one(), records[1].clone()]);
    assert!((value(&of, "benchmark_duration") - 0.08).abs() < 1e-9);
}

#[test]
fn vllm_takes_the_time_per_token_of_a_single_token_for_zero_in_its_goodput() {
    let limits = GoodputLimits {
        tpot: Some(5 * MS as u64),
        ..GoodputLimits::default()
    };
    let single = answer(0, 10, &[(30, ROLE), (80, CONTENT)], 90, 1);
    let of = with_limits(Definitions::Vllm, limits, &[single.clone(), one()]);
    assert!((value(&of, "request_goodput") - 1.0 / 0.08).abs() < 1e-6);
    let mut uncounted = single;
    uncounted.tokens.output_usage = None;
    let of = with_limits(Definitions::Vllm, limits, &[uncounted, one()]);
    assert_eq!(
        absent(&of, "request_goodput"),
        Some(Absent::Uncounted { requests: 1, of: 2 })
    );
    assert!(
        recompute(Definitions::Vllm, &[one()])
            .values
            .iter()
            .all(|v| v.name != "request_goodput")
    );
}

/// A request of any sort.
fn any_request() -> impl Strategy<Value = Record> {
    let kind = prop::sample::select(vec![ROLE, CONTENT, REASONING, CONTENT, CONTENT, USAGE]);
    let events = prop::collection::vec((0..40_i64, kind, prop::option::weighted(0.3, 0..4_u32)), 0..12);
    let status = prop::sample::select(vec![
        Status::Ok,
        Status::Ok,
        Status::Ok,
        Status::Timeout,
        Status::Cancelled,
    ]);
    let tokens = (
        prop::option::weighted(0.9, 0..20_u32),
        prop::option::of(50..60_u32),
    );
    let flags = (prop::bool::weighted(0.9), prop::bool::weighted(0.8));
    (0..2_000_i64, 0..30_i64, events, status, tokens, flags).prop_map(
        |(intended, wait, events, status, (output, input), (cohort, streamed))| {
            let dispatch = intended + wait;
            let mut t = dispatch + 1;
            let mut times = Vec::new();
            for (gap, kind, _) in events.iter().filter(|_| streamed) {
                t += gap;
                times.push((t, *kind));
            }
            let mut record = answer(intended, dispatch, &times, t + 3, 0);
            for (told, (_, _, tokens)) in record.events.tokens.iter_mut().zip(&events) {
                *told = *tokens;
            }
            record.cohort = cohort;
            record.stream = streamed;
            record.status = status;
            record.tokens.output_usage = output;
            record.tokens.input_usage = input;
            record.tokens.chunks = None;
            record
        },
    )
}

fn for_python(definitions: Definitions, limits: &GoodputLimits, records: &[Record]) -> Value {
    json!([definitions, {"goodput": limits, "clients": [{"records": records}]}])
}

#[track_caller]
fn assert_alike(ours: &Value, theirs: &Value, path: &str) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs {
                assert_alike(&ours[name], theirs, &format!("{path}/{name}"));
            }
        }
        (Value::Number(ours), Value::Number(theirs)) => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            // The width of a histogram's bin, and what is rounded to a nanosecond.
            assert!(
                (ours - theirs).abs() <= 1e-4 * theirs.abs() + 2e-6,
                "{path}: {ours}, not {theirs}"
            );
        }
        _ => assert_eq!(ours, theirs, "{path}"),
    }
}

#[test]
fn python_comes_to_the_same_numbers() {
    let mut runner = TestRunner::deterministic();
    let limits = GoodputLimits {
        ttft: Some(40 * MS as u64),
        tpot: None,
        e2e: Some(200 * MS as u64),
    };
    let mut cases = Vec::new();
    for size in [1, 2, 3, 10, 100, 1_001] {
        let records = prop::collection::vec(any_request(), size)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        for &definitions in Definitions::ALL {
            cases.push((definitions, limits, records.clone()));
        }
    }
    let input: Vec<Value> = cases
        .iter()
        .map(|(d, l, records)| for_python(*d, l, records))
        .collect();
    let Some(answers) = python("definitions_of.py", &input.into()) else {
        return;
    };
    for ((definitions, limits, records), theirs) in cases.iter().zip(answers.as_array().unwrap()) {
        let ours = serde_json::to_value(with_limits(*definitions, *limits, records)).unwrap();
        assert_alike(
            &ours,
            theirs,
            &format!("{} of {}", definitions.as_str(), records.len()),
        );
    }
}

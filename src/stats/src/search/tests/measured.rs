//! From records to what they say about a level.

use hpcbench_records::{ErrorKind, Record};

use super::super::{QueueTrend, SloEvidence};
use crate::testing::{MS, aggregate, calm_engine, expectations, failure, stream, stream_ns, window};
use crate::{Expectations, Load, SloLimit, TrialSummary};

fn searched(limits: &[(&str, u64)]) -> Expectations {
    let limit = |(name, ms): &(&str, u64)| SloLimit::parse(name, ms * MS as u64).unwrap();
    Expectations {
        slo: limits.iter().map(limit).collect(),
        searched: true,
        ..expectations()
    }
}

/// One request after the other for 20 s, 20 ms each: first tokens after 5 to 14 ms, gaps of 13 to 4 ms and of 1 ms.
fn healthy() -> Vec<Record> {
    let request = |i: i64| stream(20 * i, &[20 * i + 5 + i % 10, 20 * i + 18, 20 * i + 19]);
    (0..1_000).map(request).collect()
}

fn summary(expectations: &Expectations, records: &[Record]) -> TrialSummary {
    let window = window(0, 20_000);
    let mut all = aggregate(window, expectations, records);
    all.add_engine(&calm_engine(window));
    all.summarize(expectations)
}

fn evidence(expectations: &Expectations, records: &[Record]) -> SloEvidence {
    summary(expectations, records).slo_evidence.unwrap()
}

/// Values, and those beyond the limit, over all batches.
fn counted(evidence: &SloEvidence, objective: &str) -> (u64, u64) {
    let batches = &evidence.objectives[objective].batches;
    let sum = |of: fn(&crate::Counted) -> u64| batches.iter().map(of).sum();
    (sum(|batch| batch.all), sum(|batch| batch.counted))
}

#[test]
fn only_a_search_asks() {
    let not_searched = Expectations {
        searched: false,
        ..searched(&[("ttft_p90", 10)])
    };
    let summary = summary(&not_searched, &healthy());
    assert_eq!(summary.slo_evidence, None);
    let json = serde_json::to_value(&summary).unwrap();
    assert!(json.get("slo_evidence").is_none());
}

#[test]
fn violations_are_counted_batch_by_batch() {
    let evidence = evidence(&searched(&[("ttft_p90", 10), ("itl_p99", 12)]), &healthy());
    assert_eq!(
        (evidence.unusable.clone(), evidence.queue),
        (None, QueueTrend::None)
    );
    let ttft = &evidence.objectives["ttft_p90"];
    assert!((ttft.tolerated - 0.1).abs() < 1e-12 && ttft.independent);
    // A second has fifty requests; four of ten take longer than 10 ms.
    assert_eq!(ttft.batches.len(), 20);
    assert!(
        ttft.batches
            .iter()
            .all(|batch| (batch.all, batch.counted) == (50, 20)),
        "{ttft:?}"
    );
    assert_eq!(counted(&evidence, "itl_p99"), (2_000, 100));
    assert_eq!(counted(&evidence, "itl_p99 failures"), (1_000, 0));
}

#[test]
fn failures_break_every_objective_and_do_not_stop_a_search() {
    let mut records = healthy();
    records.extend((0..300).map(|i| failure(60 * i, 60 * i + 1, ErrorKind::HttpStatus)));
    let expectations = searched(&[("ttft_p90", 100), ("itl_p99", 50)]);
    let summary = summary(&expectations, &records);
    assert_eq!(summary.verdict.status, crate::VerdictStatus::Invalid);
    let evidence = summary.slo_evidence.unwrap();
    assert_eq!(evidence.unusable, None, "failed requests are the service's");
    assert_eq!(counted(&evidence, "ttft_p90"), (1_300, 300));
    assert_eq!(counted(&evidence, "itl_p99"), (2_000, 0));
    assert_eq!(counted(&evidence, "itl_p99 failures"), (1_300, 300));
}

#[test]
fn clients_merge() {
    let expectations = searched(&[("ttft_p90", 10), ("itl_p90", 1)]);
    let (records, window) = (healthy(), window(0, 20_000));
    let whole = aggregate(window, &expectations, &records);
    let mut parts = crate::TrialAggregate::empty(&expectations);
    for half in records.chunks(500) {
        let part = aggregate(window, &expectations, half);
        let text = serde_json::to_string(&part).unwrap();
        parts.merge(&serde_json::from_str(&text).unwrap());
    }
    assert_eq!(parts.violations, whole.violations);
}

#[test]
fn a_slow_client_says_nothing() {
    let window = window(0, 20_000);
    let expectations = searched(&[("ttft_p90", 10)]);
    let mut all = aggregate(window, &expectations, &healthy());
    let mut engine = calm_engine(window);
    engine.record_loop_gap(150_000_000);
    all.add_engine(&engine);
    let evidence = all.summarize(&expectations).slo_evidence.unwrap();
    assert!(
        evidence
            .unusable
            .unwrap()
            .starts_with("client-bound: the longest loop gap")
    );
}

#[test]
fn tokens_that_cannot_be_compared_are_not_judged() {
    let mut records = healthy();
    records[3].tokens.source = hpcbench_records::TokensSource::Chunks;
    let evidence = evidence(&searched(&[("tpot_p90", 10)]), &records);
    assert_eq!(evidence.objectives["tpot_p90"].batches, []);
}

#[test]
fn long_requests_have_longer_batches() {
    // Of 20 s each request takes 1.5 s: five batches are long enough, ten are not. Then 6 s: not even four are.
    for (seconds, batches, independent) in [(1_500, 5, true), (6_000, 4, false)] {
        let request = |i: i64| stream(20 * i, &[20 * i + 5, 20 * i + seconds]);
        let records: Vec<_> = (0..1_000).map(request).collect();
        let evidence = evidence(&searched(&[("ttft_p90", 10)]), &records);
        let ttft = &evidence.objectives["ttft_p90"];
        assert_eq!(
            (ttft.batches.len(), ttft.independent),
            (batches, independent),
            "{seconds} ms"
        );
    }
}

#[test]
fn a_queue_that_rises_has_a_trend() {
    let open = Expectations {
        load: Load::Open,
        ..searched(&[("ttft_p90", 10_000)])
    };
    assert_eq!(evidence(&open, &healthy()).queue, QueueTrend::None);
    // Each request takes a little longer than the one before it.
    let slower = |i: i64| stream_ns(20 * i * MS, &[20 * i * MS + 10 * MS + i * MS / 2]);
    let rising: Vec<_> = (0..1_000).map(slower).collect();
    assert_eq!(evidence(&open, &rising).queue, QueueTrend::Trend);
}

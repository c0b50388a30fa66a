//! What only the service's side knows, from its report to the verdict.

use crate::testing::{aggregate, calm_engine, expectations, stream, window};
use crate::{
    CachedInput, Expectations, PrefixCache, ServiceReport, ThrottledGpu, TrialAggregate, Verdict,
    VerdictStatus,
};

const SENT: i64 = 1_010;

/// A trial of a thousand requests, ten before its window, of which nothing is wrong.
fn trial() -> TrialAggregate {
    let window = window(0, 20_000);
    let records: Vec<_> = (-10..1_000_i64)
        .map(|i| {
            let sent = i * 20;
            let mut record = stream(sent, &[sent + 5, sent + 10, sent + 19]);
            record.cohort = i >= 0;
            record
        })
        .collect();
    let mut sum = aggregate(window, &expectations(), &records);
    sum.add_engine(&calm_engine(window));
    sum
}

fn verdict_with(report: &ServiceReport, expectations: &Expectations) -> Verdict {
    let mut sum = trial();
    sum.add_service(report);
    sum.summarize(expectations).verdict
}

fn counted(requests: i64) -> ServiceReport {
    ServiceReport {
        requests: Some(requests as u64),
        ..ServiceReport::default()
    }
}

fn cached(found: u64) -> ServiceReport {
    let cache = PrefixCache {
        looked_up: 1_000,
        found,
    };
    ServiceReport {
        prefix_cache: Some(cache),
        ..ServiceReport::default()
    }
}

#[test]
fn requests_of_others_make_a_trial_invalid() {
    assert_eq!(verdict_with(&counted(SENT), &expectations()).reasons, [""; 0]);
    let foreign = verdict_with(&counted(SENT + 2), &expectations());
    assert_eq!(foreign.status, VerdictStatus::Invalid);
    assert_eq!(
        foreign.reasons,
        ["foreign requests: the service counted 1012, 2 more than the 1010 that were sent to it"]
    );
}

#[test]
fn a_service_that_counts_no_requests_is_judged_by_its_tokens() {
    // Three of each request.
    let generated = |tokens: i64| ServiceReport {
        generated_tokens: Some(tokens as u64),
        ..ServiceReport::default()
    };
    assert_eq!(
        verdict_with(&generated(3 * SENT), &expectations()).reasons,
        [""; 0]
    );
    let foreign = verdict_with(&generated(3 * SENT + 5), &expectations());
    assert_eq!(foreign.status, VerdictStatus::Invalid);
    assert_eq!(
        foreign.reasons,
        [
            "foreign requests: the service generated 3035 tokens, 5 more than the 3030 that it was asked for at most"
        ]
    );
}

#[test]
fn a_stranger_in_the_services_place_makes_a_trial_invalid() {
    let mut report = counted(SENT);
    let stranger = "at 10.0.0.1:8000 of server-0 another process listened before the load";
    report.strangers.push(stranger.to_owned());
    let verdict = verdict_with(&report, &expectations());
    assert_eq!(verdict.status, VerdictStatus::Invalid);
    assert_eq!(
        verdict.reasons,
        [format!(
            "it may not have been the service that answered: {stranger}"
        )]
    );
    // What one node saw, another one does not undo.
    let mut all = ServiceReport::of_no_instance();
    all.merge(&report);
    all.merge(&counted(0));
    assert_eq!(all.strangers, [stranger]);
}

#[test]
fn a_trial_that_lacks_a_node_is_suspect() {
    let expectations = expectations();
    let mut all = trial();
    all.add_lost_node("server-2");
    let verdict = all.summarize(&expectations).verdict;
    assert_eq!(verdict.status, VerdictStatus::Suspect);
    assert_eq!(verdict.reasons, ["measured without server-2: lost"]);
}

#[test]
fn instances_add_up_and_one_that_does_not_count_hides_the_rest() {
    let mut both = counted(1_000);
    both.merge(&counted(20));
    assert_eq!(both.requests, Some(1_020));
    both.merge(&ServiceReport::default());
    assert_eq!(both.requests, None);
    let mut one = counted(1_000);
    one.merge(&ServiceReport::of_no_instance());
    assert_eq!(one, counted(1_000), "a node without instances changes nothing");
    let mut caches = cached(30);
    caches.merge(&cached(40));
    assert_eq!(
        caches.prefix_cache,
        Some(PrefixCache {
            looked_up: 2_000,
            found: 70
        })
    );
}

#[test]
fn a_client_that_does_not_say_what_it_sent_accuses_nobody() {
    let mut stored = serde_json::to_value(trial()).unwrap();
    let client = stored["clients"]["client"].as_object_mut().unwrap();
    assert!(client.remove("sent_in_all").is_some());
    let mut earlier: TrialAggregate = serde_json::from_value(stored).unwrap();
    earlier.add_service(&counted(9_999));
    let verdict = earlier.summarize(&expectations()).verdict;
    assert_eq!(verdict.status, VerdictStatus::Valid, "{verdict:?}");
}

#[test]
fn the_services_own_cache_counts_where_answers_do_not_tell() {
    let status = |found| verdict_with(&cached(found), &expectations()).status;
    assert_eq!(
        [status(20), status(21), status(201)],
        [
            VerdictStatus::Valid,
            VerdictStatus::Suspect,
            VerdictStatus::Invalid
        ]
    );
    let shared = Expectations {
        cached_input: CachedInput::Expected,
        ..expectations()
    };
    assert_eq!(verdict_with(&cached(900), &shared).status, VerdictStatus::Valid);
}

#[test]
fn what_prompts_begin_with_alike_may_come_from_a_cache_and_no_more() {
    // Each prompt has 100 tokens.
    let shared = Expectations {
        cached_input: CachedInput::Prefix { tokens: 40 },
        ..expectations()
    };
    let verdict = |found| verdict_with(&cached(found), &shared);
    assert_eq!(verdict(410).status, VerdictStatus::Valid);
    assert_eq!(verdict(430).status, VerdictStatus::Suspect);
    assert_eq!(
        verdict(610).reasons,
        [
            "61 % of the input tokens came from a cache, by more than 20 % above the 40 % that prompts were to share"
        ]
    );
}

#[test]
fn throttled_gpus_are_named() {
    let gpu = |gpu, throttled_ns| ThrottledGpu {
        node: "n1".to_owned(),
        gpu,
        throttled_ns,
    };
    let report = |throttled| ServiceReport {
        throttled,
        ..ServiceReport::default()
    };
    let reasons = |gpus| verdict_with(&report(gpus), &expectations()).reasons;
    assert_eq!(
        reasons(vec![gpu(0, 0), gpu(3, 4_250_000_000)]),
        ["GPU 3 of n1 was throttled for 4.25 s of the window"]
    );
    assert_eq!(
        reasons(vec![gpu(0, 1_000_000_000), gpu(3, 4_250_000_000)]),
        ["2 GPUs were throttled, GPU 3 of n1 for the longest time: 4.25 s of the window"]
    );
}

//! Metrics as servers show them.

use super::*;
use crate::prometheus::parse;

const VLLM: &str = r#"# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:num_requests_waiting{engine="1",model_name="m"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1000.0
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 40.0
vllm:num_preemptions_total{engine="0",model_name="m"} 2.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 5.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 10.0
vllm:request_success_total{engine="1",finished_reason="abort",model_name="m"} 1.0
vllm:request_queue_time_seconds_bucket{engine="0",le="0.3",model_name="m"} 16.0
vllm:request_queue_time_seconds_count{engine="0",model_name="m"} 16.0
vllm:request_queue_time_seconds_sum{engine="0",model_name="m"} 0.8
vllm:prompt_tokens_total{engine="0",model_name="m"} 1000.0
vllm:generation_tokens_total{engine="0",model_name="m"} 300.0
http_requests_total{handler="/metrics"} 9.0
"#;

const LLAMA_CPP: &str = "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 69
llamacpp:prompt_seconds_total 0.5
llamacpp:tokens_predicted_total 128
llamacpp:n_decode_total 40
llamacpp:n_busy_slots_per_decode 1.2
llamacpp:prompt_tokens_seconds 138
llamacpp:requests_processing 2
llamacpp:requests_deferred 5
";

fn reading(dialect: Dialect, text: &str) -> Reading {
    read(dialect, &parse(text.as_bytes()).unwrap())
}

#[test]
fn vllms_engines_add_up() {
    let seen = reading(Dialect::Vllm, VLLM);
    let expected = Reading {
        running: Some(7.0),
        waiting: Some(1.0),
        kv_cache_use: Some(0.5),
        prefix_queries: Some(1000.0),
        prefix_hits: Some(40.0),
        preemptions: Some(2.0),
        finished: Some(16.0),
        queue_seconds: Some(0.8),
        queue_count: Some(16.0),
        prompt_tokens: Some(1000.0),
        generation_tokens: Some(300.0),
    };
    assert_eq!(seen, expected);
}

#[test]
fn llama_cpp_does_not_count_requests() {
    let seen = reading(Dialect::LlamaCpp, LLAMA_CPP);
    assert_eq!((seen.running, seen.waiting), (Some(2.0), Some(5.0)));
    assert_eq!(
        (seen.prompt_tokens, seen.generation_tokens),
        (Some(69.0), Some(128.0))
    );
    assert_eq!(
        (seen.finished, seen.prefix_queries, seen.kv_cache_use),
        (None, None, None)
    );
    assert_eq!(difference(&seen, &seen), Difference::default());
    assert_eq!(reading(Dialect::Vllm, LLAMA_CPP), Reading::default());
}

#[test]
fn values_that_are_no_numbers_are_no_values() {
    let seen = reading(
        Dialect::Vllm,
        "vllm:num_requests_running NaN\nvllm:num_preemptions_total +Inf\n",
    );
    assert_eq!(seen, Reading::default());
}

#[test]
fn what_was_under_way_does_not_count() {
    let before = Reading {
        running: Some(2.0),
        waiting: Some(1.0),
        ..reading(Dialect::Vllm, VLLM)
    };
    let after = Reading {
        finished: Some(120.0),
        prefix_queries: Some(3000.0),
        prefix_hits: Some(60.0),
        preemptions: Some(2.0),
        queue_seconds: Some(1.3),
        queue_count: Some(116.0),
        ..before
    };
    let seen = difference(&before, &after);
    assert_eq!(seen.requests, Some(101));
    assert_eq!(seen.prefix_cache, Some((2000, 20)));
    assert_eq!(seen.preemptions, Some(0));
    assert!(
        seen.queue
            .is_some_and(|(seconds, n)| (seconds - 0.5).abs() < 1e-9 && n == 100)
    );
    assert_eq!(difference(&before, &before).requests, Some(0));
}

#[test]
fn tokens_count_where_nothing_was_under_way() {
    let tokens = |running| {
        let before = Reading {
            running: Some(running),
            waiting: Some(0.0),
            ..reading(Dialect::LlamaCpp, LLAMA_CPP)
        };
        let after = Reading {
            generation_tokens: Some(140.0),
            ..before
        };
        difference(&before, &after).generated_tokens
    };
    assert_eq!((tokens(0.0), tokens(1.0)), (Some(12), None));
}

#[test]
fn a_service_that_was_started_anew_has_no_difference() {
    let before = reading(Dialect::Vllm, VLLM);
    let after = Reading {
        finished: Some(3.0),
        ..before
    };
    assert_eq!(difference(&before, &after).requests, None);
    assert_eq!(difference(&Reading::default(), &before), Difference::default());
}

#[test]
fn samples_have_our_names_and_the_services_without_buckets() {
    let all = parse(VLLM.as_bytes()).unwrap();
    let reading = read(Dialect::Vllm, &all);
    let kept: Vec<_> = samples(7, "server-0", Dialect::Vllm, &all, &reading).collect();
    let of = |metric: &str| kept.iter().filter(|sample| sample.metric == metric).count();
    assert_eq!((of("running"), of("vllm:num_requests_running")), (1, 2));
    assert_eq!(of("vllm:request_queue_time_seconds_sum"), 1);
    assert_eq!(
        (
            of("vllm:request_queue_time_seconds_bucket"),
            of("vllm:prefix_cache_queries_created"),
            of("http_requests_total")
        ),
        (0, 0, 0)
    );
    assert!(
        kept.iter()
            .all(|sample| sample.at_ns == 7 && sample.instance == "server-0")
    );
    let engine = kept
        .iter()
        .find(|sample| sample.metric == "vllm:kv_cache_usage_perc")
        .unwrap();
    assert_eq!(engine.labels, "engine=\"0\",model_name=\"m\"");
}

//! Rules about services and workloads, which no schema can state.

use super::{MINIMAL, assert_found, found};
use crate::testing::check;
use crate::{Code, Severity};

#[test]
fn options_are_checked_by_their_kind() {
    let source = MINIMAL.replace(
        "{kind: simulator}",
        "{kind: simulator, options: {ttf: 1s, max_num_seqs: no}}",
    );
    assert_found(
        &source,
        &[
            (Code::UnknownKey, 3, 38, "/service/options/ttf"),
            (Code::WrongType, 3, 61, "/service/options/max_num_seqs"),
        ],
    );
    let advice = check(&MINIMAL.replace("{kind: simulator}", "{kind: simulator, options: {ttft: 1h}}"));
    assert_eq!(
        found(&advice),
        [(Code::ServiceAdvice, 3, 44, "/service/options/ttft")]
    );
    assert!(advice.plan.is_some());
    assert!(advice.strict().plan.is_none());
}

/// A replacement in the minimal recipe, the code it provokes and where.
type Case = (&'static str, &'static str, Code, &'static str);

const WORKLOADS: &[Case] = &[
    ("  duration: 30s\n", "", Code::Window, "/workload"),
    (
        "  duration: 30s\n",
        "  duration: 30s\n  requests: 5000\n",
        Code::Window,
        "/workload/requests",
    ),
    (
        "  duration: 30s\n",
        "  duration: 30s\n  warmup: 1m\n",
        Code::WarmupLength,
        "/workload/warmup",
    ),
    (
        "  duration: 30s\n",
        "  requests: 5000\n  cooldown: load\n",
        Code::CooldownKind,
        "/workload/cooldown",
    ),
    ("30s", "0s", Code::EmptyWindow, "/workload/duration"),
    (
        "  duration: 30s\n",
        "  requests: 10\n",
        Code::LittleData,
        "/workload/requests",
    ),
    (
        "  duration: 30s\n",
        "  requests: 1500\n  slo: {ttft_p999: 1s}\n",
        Code::SloSample,
        "/workload/slo/ttft_p999",
    ),
    (
        "64",
        "{mean: 5, stddev: 1, min: 9, max: 8}",
        Code::TokenRange,
        "/workload/prompts/input_tokens/min",
    ),
    (
        "64",
        "{mean: 50, stddev: 1, max: 8}",
        Code::TokenRange,
        "/workload/prompts/input_tokens/mean",
    ),
    (
        "64",
        "{values: [1, 2], weights: [1]}",
        Code::TokenRange,
        "/workload/prompts/input_tokens/weights",
    ),
    (
        "64,",
        "64, shared_prefix_tokens: 65,",
        Code::SharedPrefix,
        "/workload/prompts/shared_prefix_tokens",
    ),
    (
        "{source: synthetic, input_tokens: 64, output_tokens: 16}",
        "{source: file, path: no.jsonl}",
        Code::MissingFile,
        "/workload/prompts/path",
    ),
    (
        "64,",
        "64, tokenizer: no/tokenizer.json,",
        Code::MissingFile,
        "/workload/prompts/tokenizer",
    ),
];

const LOADS: &[Case] = &[
    (
        "{shape: closed, concurrency: 10}",
        "{shape: trace, path: t}",
        Code::MissingFile,
        "/workload/load/path",
    ),
    (
        "{shape: closed, concurrency: 10}",
        "{shape: trace, path: '{\"timestamp\": 1, \"there\": 1}|{\"timestamp\": 0}'}",
        Code::Trace,
        "/workload/load/path",
    ),
    (
        "{shape: closed, concurrency: 10}\n",
        "{shape: trace, path: '{\"timestamp\": 1, \"there\": 1}'}\n  warmup: 1s\n",
        Code::Trace,
        "/workload/load/path",
    ),
    (
        "{shape: closed, concurrency: 10}",
        "{shape: trace, path: '{\"timestamp\": 0, \"there\": 1}|{\"timestamp\": 29999}'}",
        Code::TraceLength,
        "/workload/load/path",
    ),
    (
        "{shape: closed, concurrency: 10}",
        "{shape: ramp, from: 1, to: 9, over: 31s}",
        Code::RampLength,
        "/workload/load/over",
    ),
    (
        "concurrency: 10",
        "concurrency: 28233",
        Code::ClientLimits,
        "/workload/load/concurrency",
    ),
    (
        "10}\n",
        "10, turns: 2}\n  endpoint: completions\n",
        Code::Conversation,
        "/workload/load/turns",
    ),
    (
        "10}\n",
        "10}\n  connections: {policy: reuse, max_age: 0s}\n",
        Code::EmptyWindow,
        "/workload/connections/max_age",
    ),
];

const SERVICES: &[Case] = &[
    (
        "  duration: 30s\n",
        "  duration: 30s\n  endpoint: ollama-chat\n",
        Code::EndpointDialect,
        "/workload/endpoint",
    ),
    ("simulator}", "openai, model: m}", Code::Endpoints, "/service"),
    (
        "simulator}",
        "openai, endpoints: [\"http://a\"]}",
        Code::Model,
        "/service",
    ),
    (
        "simulator}",
        "openai, model: m, endpoints: [\"http://a\", \"http://a\"]}",
        Code::Endpoints,
        "/service/endpoints/1",
    ),
    (
        "simulator}",
        "simulator, endpoints: [\"http://a\"]}",
        Code::Endpoints,
        "/service/endpoints",
    ),
    (
        "simulator}",
        "simulator, secrets: [\"A-B\"]}",
        Code::SecretName,
        "/service/secrets/0",
    ),
    (
        "simulator}",
        "simulator, environment: {1A: x}}",
        Code::SecretName,
        "/service/environment/1A",
    ),
    (
        "simulator}",
        "simulator, environment: {HF_TOKEN: hf_x, HF_TOKEN_PATH: /x, API_KEY: \"\"}}",
        Code::SecretName,
        "/service/environment/HF_TOKEN",
    ),
    (
        "simulator}",
        "simulator, image: {path: nowhere.sif}}",
        Code::MissingImage,
        "/service/image/path",
    ),
    (
        "simulator}",
        "simulator, secrets: {KEY: {file: nowhere}}}",
        Code::MissingFile,
        "/service/secrets/KEY/file",
    ),
];

#[test]
fn rules_find_what_no_schema_can() {
    for (from, to, code, pointer) in WORKLOADS.iter().chain(LOADS).chain(SERVICES) {
        let source = MINIMAL.replace(from, to);
        assert_ne!(source, MINIMAL);
        let checked = check(&source);
        let places: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|d| (d.code, d.pointer.as_str()))
            .collect();
        assert_eq!(places, [(*code, *pointer)], "{to}: {:#?}", checked.diagnostics);
        let is_error = checked.diagnostics[0].severity == Severity::Error;
        assert_eq!(checked.plan.is_none(), is_error, "{to}");
    }
}

#[test]
fn rules_run_beside_errors_of_form() {
    let source = MINIMAL.replace("  duration: 30s\n", "  durration: 30s\n") + "report: {formats: [pdf]}\n";
    assert_found(
        &source,
        &[
            (Code::Window, 5, 3, "/workload"),
            (Code::UnknownKey, 6, 3, "/workload/durration"),
            (Code::WrongValue, 8, 20, "/report/formats/0"),
        ],
    );
}

use crate::testing::{check, check_with};
use crate::{Checked, Code, Severity};

const MINIMAL: &str = "\
schema: hpcbench/v1
name: minimal
service: {kind: simulator}
workload:
  load: {shape: closed, concurrency: 10}
  duration: 30s
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16}
";

fn with(section: &str) -> String {
    format!("{MINIMAL}{section}")
}

fn found(checked: &Checked) -> Vec<(Code, u32, u32, &str)> {
    checked
        .diagnostics
        .iter()
        .map(|d| (d.code, d.line, d.column, d.pointer.as_str()))
        .collect()
}

#[track_caller]
fn assert_found(source: &str, expected: &[(Code, u32, u32, &str)]) {
    let checked = check(source);
    assert_eq!(found(&checked), expected, "{:#?}", checked.diagnostics);
}

#[test]
fn minimal_recipe_is_valid() {
    assert_found(MINIMAL, &[]);
    assert!(check(MINIMAL).plan.is_some());
}

#[test]
fn unknown_keys_are_shown_at_the_key() {
    let source = MINIMAL.replace("concurrency", "concurency") + "loging: {}\n";
    assert_found(
        &source,
        &[
            (Code::UnknownKey, 5, 25, "/workload/load/concurency"),
            (Code::UnknownKey, 8, 1, "/loging"),
        ],
    );
    let checked = check(&source);
    assert_eq!(
        checked.diagnostics[0].help.as_deref(),
        Some("did you mean `concurrency`?")
    );
    assert_eq!(
        checked.diagnostics[1].help.as_deref(),
        Some("did you mean `logging`?")
    );
}

#[test]
fn missing_keys_are_shown_at_their_mapping() {
    assert_found(
        "schema: hpcbench/v1\nworkload:\n  load: {concurrency: 1}\n  duration: 1m\n",
        &[
            (Code::MissingKey, 1, 1, ""),
            (Code::MissingKey, 1, 1, ""),
            (Code::MissingKey, 3, 3, "/workload"),
            (Code::MissingKey, 3, 9, "/workload/load"),
        ],
    );
}

#[test]
fn wrong_values_are_shown_at_the_value() {
    let source = MINIMAL
        .replace("concurrency: 10", "concurrency: 010")
        .replace("30s", "30 s")
        .replace("64", "{mean: 3, stddev: x, max: 9}");
    assert_found(
        &source,
        &[
            (Code::WrongType, 5, 38, "/workload/load/concurrency"),
            (Code::WrongValue, 6, 13, "/workload/duration"),
            (Code::WrongType, 7, 64, "/workload/prompts/input_tokens/stddev"),
        ],
    );
    let checked = check(&source);
    assert_eq!(
        checked.diagnostics[0].message,
        "expected a whole number, found the text `010`"
    );
    assert_eq!(
        checked.diagnostics[0].help.as_deref(),
        Some("write `10`, without quotes, signs and leading zeros")
    );
    assert_eq!(checked.diagnostics[1].message, "`30 s` is not a duration");
}

#[test]
fn unions_report_the_branch_that_was_meant() {
    for (from, to, message) in [
        (
            "shape: closed",
            "shape: clsed",
            "`clsed` is not one of `closed`, `constant`, `poisson`, `gamma`, `ramp` or `trace`",
        ),
        ("shape: closed, ", "", "missing key `shape`"),
        (
            "{shape: closed, concurrency: 10}",
            "closed",
            "expected a mapping with the key `shape`, found the text `closed`",
        ),
        ("shape: closed", "shape: poisson", "missing key `rate` in `load`"),
        ("concurrency: 10", "concurrency: 0", "0 is too small: at least 1"),
        (
            "concurrency: 10",
            "concurrency: 5000000000",
            "5000000000 is too large: at most 1000000",
        ),
        (
            "concurrency: 10",
            "concurrency: 1.5",
            "expected a whole number, found the number 1.5",
        ),
        ("64", "[1]", "a list is not possible here"),
        ("64", "-1", "-1 is too small: at least 0"),
        ("64", "{values: [1, 0]}", "0 is too small: at least 1"),
        ("30s", "yes", "`yes` is not a duration"),
        ("30s", "99999999d", "`99999999d` is not a duration"),
        ("simulator", "simulatr", "`simulatr` is not one of"),
        (
            "name: minimal",
            "name: No Name",
            "`No Name` does not have the right form",
        ),
        ("name: minimal", "name: 7", "expected a text, found the number 7"),
    ] {
        let source = MINIMAL.replace(from, to);
        assert_ne!(source, MINIMAL);
        let messages: Vec<String> = check(&source)
            .diagnostics
            .into_iter()
            .map(|d| d.message)
            .collect();
        assert!(
            messages.iter().any(|m| m.starts_with(message)),
            "{to}: {messages:?}"
        );
        assert!(
            messages.iter().all(|m| !m.contains("schemas")),
            "{to}: {messages:?}"
        );
    }
}

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
fn rules_about_the_run_name_their_section() {
    for (section, code, pointer) in [
        ("launch: {partition: gpu}\n", Code::NoEffect, "/launch/partition"),
        (
            "storage: {stage_model: true}\n",
            Code::NoEffect,
            "/storage/stage_model",
        ),
        (
            "nodes: {clients: {count: 65}}\n",
            Code::Resources,
            "/nodes/clients/count",
        ),
        (
            "nodes: {servers: {gpus: 4, instances_per_node: 3, gpus_per_instance: 2}}\n",
            Code::Resources,
            "/nodes/servers/gpus_per_instance",
        ),
        (
            "nodes: {servers: {gpus: 2, instances_per_node: 4}}\n",
            Code::Resources,
            "/nodes/servers/instances_per_node",
        ),
        (
            "nodes: {servers: {gpus: 4, instances_per_node: 3}}\n",
            Code::ServiceAdvice,
            "/nodes/servers/instances_per_node",
        ),
        (
            "nodes: {clients: {cpu_bind: numa}}\n",
            Code::Unsupported,
            "/nodes/clients/cpu_bind",
        ),
        (
            "report: {formats: [json, html]}\n",
            Code::Unsupported,
            "/report/formats/1",
        ),
        (
            "monitoring: {scrape_interval: 0s}\n",
            Code::EmptyWindow,
            "/monitoring/scrape_interval",
        ),
    ] {
        let checked = check(&with(section).replace("concurrency: 10", "concurrency: 1000"));
        let places: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|d| (d.code, d.pointer.as_str()))
            .collect();
        assert_eq!(places, [(code, pointer)], "{section}");
    }
    for section in [
        "launch: {mode: slurm, partition: gpu}\nnodes: {clients: {count: 200}}\n",
        "nodes: {servers: {gpus: 4, instances_per_node: 2}}\n",
        "nodes: {servers: {gpus: 2, instances_per_node: 4, gpus_per_instance: 0}}\n",
        "nodes: {servers: {count: 2, instances_per_node: 4}, clients: {count: 2, agents_per_node: 2}}\n",
    ] {
        assert_found(
            &with(section).replace("concurrency: 10", "concurrency: 1000"),
            &[],
        );
    }
}

#[test]
fn clients_are_counted_by_node_and_endpoint() {
    for (concurrency, section, code) in [
        // Two endpoints halve what each client node needs for one of them.
        (28_233, "nodes: {servers: {instances_per_node: 2}}\n", None),
        // In local mode all agents share the machine's ports.
        (28_233, "nodes: {clients: {count: 2}}\n", Some(Code::ClientLimits)),
        (
            28_233,
            "nodes: {clients: {count: 2}}\nlaunch: {mode: slurm}\n",
            None,
        ),
        (
            600_000,
            "nodes: {servers: {count: 64}}\n",
            Some(Code::ClientLimits),
        ),
        (
            3,
            "nodes: {clients: {count: 2, agents_per_node: 2}}\n",
            Some(Code::IdleClients),
        ),
        (4, "nodes: {clients: {count: 2, agents_per_node: 2}}\n", None),
    ] {
        let source = with(section).replace("concurrency: 10", &format!("concurrency: {concurrency}"));
        let checked = check(&source);
        let codes: Vec<_> = checked.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(
            codes,
            Vec::from_iter(code),
            "{section}: {:#?}",
            checked.diagnostics
        );
    }
}

#[test]
fn trials_fit_into_their_job() {
    for (launch, code) in [
        // Two of 30 s, and a second around each; a short job winds down after half of its time.
        ("time_limit: \"00:03:00\"", None),
        ("time_limit: \"00:01:00\"", Some(Code::TrialLength)),
        (
            "time_limit: \"00:02:00\", stop_before: 91s",
            Some(Code::TrialLength),
        ),
        (
            "time_limit: \"00:01:01\", stop_before: 30s",
            Some(Code::TimeLimit),
        ),
        (
            "time_limit: \"00:01:02\", stop_before: 31s, on_time_limit: requeue",
            None,
        ),
        ("partition: gpu", None),
    ] {
        let checked = check(&with(&format!(
            "launch: {{mode: slurm, {launch}}}\nsweep: {{repetitions: 2}}\n"
        )));
        let mut codes: Vec<_> = checked.diagnostics.iter().map(|d| d.code).collect();
        // A trial that does not fit is too long for the whole job as well.
        if code == Some(Code::TrialLength) {
            codes.retain(|code| *code != Code::TimeLimit);
        }
        assert_eq!(
            codes,
            Vec::from_iter(code),
            "{launch}: {:#?}",
            checked.diagnostics
        );
        assert_eq!(
            checked.plan.is_none(),
            code == Some(Code::TrialLength),
            "{launch}"
        );
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

#[test]
fn other_layouts_are_named() {
    assert_found(
        "schema: hpcbench/v2\nfoo: 1\n",
        &[(Code::SchemaVersion, 1, 9, "/schema")],
    );
    assert_found(
        "scenario: x\npartition: gpu\nresources: {}\norchestration: {}\n",
        &[(Code::SchemaVersion, 1, 1, "")],
    );
    assert_found("", &[(Code::Syntax, 1, 1, "")]);
    assert_found("# nothing\n", &[(Code::Syntax, 1, 1, "")]);
    assert_found("just a text", &[(Code::WrongType, 1, 1, "")]);
}

#[test]
fn problems_behind_an_anchor_are_shown_at_the_anchor() {
    let source = "\
schema: hpcbench/v1
name: anchors
metadata: {notes: &length 30}
service: {kind: simulator}
workload:
  load: {shape: closed, concurrency: 10}
  duration: *length
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16}
";
    let checked = check(source);
    let places: Vec<_> = checked
        .diagnostics
        .iter()
        .map(|d| (d.line, d.column, d.pointer.as_str()))
        .collect();
    assert_eq!(
        places,
        [(3, 27, "/metadata/notes"), (3, 27, "/workload/duration")]
    );
}

#[test]
fn overrides_are_checked_like_the_file() {
    let fine = check_with(
        MINIMAL.as_bytes(),
        &[
            "workload.load.concurrency=20",
            "sweep.matrix={workload.warmup: [1s, 2s]}",
        ],
    );
    assert_eq!(found(&fine), []);
    assert_eq!(fine.plan.unwrap().trials.len(), 2);
    for (text, code, column) in [
        ("workload.load.concurrency=many", Code::WrongType, 27),
        ("workload.load.concurency=5", Code::UnknownKey, 1),
        ("workload.load.concurrency", Code::Override, 1),
        ("workload..load=1", Code::Override, 1),
        ("workload.duration.x=1", Code::Override, 1),
        ("service.environment.HF_TOKEN=hf_x", Code::SecretName, 1),
        ("service.environment={HF_TOKEN: hf_x}", Code::SecretName, 22),
        (
            "sweep.matrix.service.environment.API_KEY=[x]",
            Code::SecretName,
            1,
        ),
        ("sweep.zip.7=1", Code::Override, 1),
        ("workload.load={shape: [}", Code::Override, 23),
    ] {
        let checked = check_with(MINIMAL.as_bytes(), &[text]);
        let places: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|d| (d.code, d.column, d.in_override()))
            .collect();
        if text.contains("sweep.zip.7") {
            assert_eq!(checked.diagnostics.len(), 1, "{text}: {:#?}", checked.diagnostics);
            continue;
        }
        assert_eq!(
            places,
            [(code, column, Some(0))],
            "{text}: {:#?}",
            checked.diagnostics
        );
        assert!(checked.plan.is_none());
    }
}

#[test]
fn large_recipes_with_many_points_are_refused() {
    let variables: Vec<String> = (0..5000).map(|index| format!("V{index}: x")).collect();
    let environment = format!("{{kind: simulator, environment: {{{}}}}}", variables.join(", "));
    let levels: Vec<String> = (1..5000).map(|level| level.to_string()).collect();
    let sweep = format!(
        "sweep: {{matrix: {{workload.load.concurrency: [{}]}}}}\n",
        levels.join(", ")
    );
    let source = with(&sweep).replace("{kind: simulator}", &environment);
    let checked = check(&source);
    let codes: Vec<Code> = checked.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, [Code::SweepSize]);
}

#[test]
fn thousands_of_problems_take_linear_time() {
    let entries = vec!["{sharr: 1, fautl: x}"; 3000].join(", ");
    let keys: Vec<String> = (0..4000).map(|index| format!("unknown{index}: 1")).collect();
    let checked = check(&MINIMAL.replace(
        "{kind: simulator}",
        &format!("{{kind: simulator, options: {{a: [{entries}]}}}}"),
    ));
    assert!(!checked.diagnostics.is_empty());
    let checked = check(&with(&(keys.join("\n") + "\n")));
    assert_eq!(checked.diagnostics.len(), keys.len());
}

//! The shipped recipes and the checked-in schema, with the services of this build.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use hpcbench_recipes::recipe::ServiceKind;
use hpcbench_recipes::{
    Checked, Code, DiskFiles, Input, PathBase, Plan, RecipeChecker, json_schema, schema_text,
};
use hpcbench_services::{LaunchContext, REGISTRY, Start, find};
use hpcbench_sim::SimulatorConfig;
use serde_json::{Value, json};

/// Set to write the schema instead of comparing it.
const UPDATE_VARIABLE: &str = "HPCBENCH_UPDATE";

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes")
}

fn checker() -> RecipeChecker<'static> {
    RecipeChecker::new(&REGISTRY)
}

fn check(checker: &RecipeChecker<'_>, source: &[u8]) -> Checked {
    let paths = PathBase {
        directory: recipes(),
        home: None,
    };
    checker.check(&Input {
        source,
        overrides: &[],
        paths: &paths,
        files: &DiskFiles,
    })
}

fn shipped() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(recipes())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect()
}

fn plan(name: &str) -> Plan {
    let source = fs::read(recipes().join(name)).unwrap();
    let checked = check(&checker(), &source);
    checked
        .plan
        .unwrap_or_else(|| panic!("{name}: {:#?}", checked.diagnostics))
}

#[test]
fn shipped_recipes_are_valid_without_a_warning() {
    let checker = checker();
    assert!(shipped().len() >= 8);
    for (name, source) in shipped() {
        let checked = check(&checker, &source);
        // Images are fetched, not shipped.
        let found: Vec<_> = checked
            .diagnostics
            .iter()
            .filter(|found| found.code != Code::MissingImage)
            .collect();
        assert!(found.is_empty(), "{name}: {found:#?}");
        let plan = checked.plan.unwrap();
        assert!(plan.is_intact());
        let text = serde_json::to_string(&plan).unwrap();
        let again: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(again, plan, "{name}");
        assert!(again.is_intact(), "{name}");
        assert!(
            source.starts_with(b"# yaml-language-server: $schema=schema/recipe.schema.json\n"),
            "{name}"
        );
    }
}

#[test]
fn schema_is_current() {
    let path = recipes().join("schema/recipe.schema.json");
    let current = schema_text(&REGISTRY);
    if env::var_os(UPDATE_VARIABLE).is_some() {
        fs::write(&path, &current).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == current,
        "run `hpcbench schema > recipes/schema/recipe.schema.json`"
    );
}

#[test]
fn every_field_is_documented() {
    fn undocumented(path: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(serde_json::Value::as_object) {
            for (name, property) in properties {
                let is_tag = property.get("const").is_some();
                // A pair of `if` and `then` only refers to what is documented elsewhere.
                if property.get("description").is_none() && !is_tag && !path.contains("allOf") {
                    found.push(format!("{path}/{name}"));
                }
            }
        }
        let children = schema
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value));
        let items = schema
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value));
        for (key, value) in children.chain(items) {
            undocumented(&format!("{path}/{key}"), value, found);
        }
    }
    let mut found = Vec::new();
    undocumented("", &json_schema(&REGISTRY), &mut found);
    // Objectives are named by pattern: ttft_p99 needs no sentence of its own.
    found.retain(|path| !path.contains("/Slo/"));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn quickstart_keeps_its_service_and_varies_concurrency() {
    let plan = plan("quickstart.yaml");
    assert_eq!((plan.services.len(), plan.trials.len()), (1, 3));
    let nodes: Vec<_> = plan.nodes.iter().map(|node| node.node.as_str()).collect();
    assert_eq!(nodes, ["orchestrator", "server", "client"]);
    assert_eq!(plan.services[0].options["max_num_seqs"], 100_000);
}

/// Every byte replaced by some others, every byte left out, and every prefix: an error or a plan, never a panic.
#[test]
fn mutations_of_a_shipped_recipe_are_survived() {
    let checker = checker();
    let source = fs::read(recipes().join("quickstart.yaml")).unwrap();
    // Comments are not worth the time.
    let text = String::from_utf8(source).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default())
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(str::trim_end)
        .collect();
    let source = lines
        .join(
            "
",
        )
        .into_bytes();
    let survives = |mutant: &[u8]| {
        let checked = check(&checker, mutant);
        let has_error = checked
            .diagnostics
            .iter()
            .any(hpcbench_recipes::Diagnostic::is_error);
        assert_eq!(
            checked.plan.is_none(),
            has_error,
            "{}",
            String::from_utf8_lossy(mutant)
        );
        for diagnostic in &checked.diagnostics {
            assert!(diagnostic.line >= 1 && diagnostic.column >= 1 && diagnostic.end_line >= diagnostic.line);
        }
        hpcbench_recipes::render(
            &checked.diagnostics,
            &hpcbench_recipes::Sources {
                path: "x",
                source: mutant,
                overrides: &[],
            },
            false,
        );
    };
    for index in 0..source.len() {
        survives(&source[..index]);
        survives(&[&source[..index], &source[index + 1..]].concat());
        for byte in *b"\0 \t\n:-[{\"'&*!|#9\xff" {
            let mut mutant = source.clone();
            mutant[index] = byte;
            survives(&mutant);
        }
    }
}

#[test]
fn simulator_is_launched_without_a_shell() {
    let plan = plan("quickstart.yaml");
    let context = LaunchContext {
        host: "127.0.0.1".parse().unwrap(),
        port: 4000,
        hpcbench_exe: "/bin/hpcbench".into(),
        run_dir: "runs/x".into(),
        scratch: "/tmp/x".into(),
        instance: 0,
        gpus: 0,
        extras: hpcbench_services::Extras::default(),
    };
    let service = find(&plan.services[0].kind).unwrap();
    let Start::Launch(command) = service.start(&plan.services[0], &context).unwrap() else {
        panic!("not launched")
    };
    let arguments: Vec<_> = command
        .arguments
        .iter()
        .map(|argument| argument.to_str().unwrap())
        .collect();
    assert_eq!(arguments[0], "simulate");
    assert!(arguments[2].contains("\"ttft\":\"30ms\""), "{arguments:?}");
    assert_eq!(
        arguments[3..],
        [
            "--host",
            "127.0.0.1",
            "--port",
            "4000",
            "--model",
            "simulated",
            "--run-dir",
            "runs/x"
        ]
    );
    let endpoints = service.endpoints(&plan.services[0], &context).unwrap();
    assert_eq!(endpoints[0].url.to_string(), "http://127.0.0.1:4000");
}

#[test]
fn the_simulator_understands_its_options() {
    let service = find(&ServiceKind::named("simulator")).unwrap();
    let read = |options: Value| -> SimulatorConfig {
        let complete = service.complete_options(options.as_object().unwrap()).unwrap();
        serde_json::from_value(Value::Object(complete)).unwrap()
    };
    assert_eq!(read(json!({})), SimulatorConfig::default());
    let faults =
        json!([{"share": 0.1, "fault": "status=503"}, {"share": 0.2, "fault": "multi-token=4,no-usage"}]);
    let config = read(json!({"ttft": "1m250us", "role_chunk": "null", "die_after": 5, "faults": faults}));
    assert_eq!(config.problems(), []);
    assert_eq!(config.ttft.get(), Duration::from_micros(60_000_250));
    assert_eq!((config.die_after, config.faults.len()), (Some(5), 2));
}

#[test]
fn external_servers_are_checked() {
    let checker = checker();
    let source = fs::read_to_string(recipes().join("openai-endpoint.yaml")).unwrap();
    for (from, to, pointer) in [
        ("http://127", "ftp://127", "/service/endpoints/0"),
        ("http://127", "127", "/service/endpoints/0"),
        (
            "  # options: {api_key: API_KEY}",
            "  options: {api_key: API_KEY}",
            "/service/options/api_key",
        ),
        (
            "  # options: {api_key: API_KEY}",
            "  options: {apikey: X}",
            "/service/options/apikey",
        ),
        (
            "  # options: {api_key: API_KEY}",
            "  secrets: [KEY]",
            "/service/secrets",
        ),
        (
            "http://127.0.0.1:8080/v1\"]   # several are used in turn",
            "https://127.0.0.1:8080/v1\"]\n  options: {tls: {ca_file: ca.pem}}",
            "/service/options/tls/ca_file",
        ),
        (
            "  # options: {api_key: API_KEY}",
            "  options: {tls: {ca_file: /ca.pem}}",
            "/service/options/tls",
        ),
        (
            "http://127.0.0.1:8080/v1\"]   # several are used in turn",
            "https://127.0.0.1:8080/v1\"]\n  options: {tls: {verify: false}}",
            "/service/options/tls",
        ),
    ] {
        let mutant = source.replace(from, to);
        assert_ne!(mutant, source);
        let checked = check(&checker, mutant.as_bytes());
        let pointers: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.pointer.as_str())
            .collect();
        assert_eq!(pointers, [pointer], "{to}: {:#?}", checked.diagnostics);
    }
}

/// A generous limit: it catches an accidental square, not a slow machine.
#[test]
fn large_sweeps_are_planned_quickly() {
    let levels: Vec<String> = (1..=1000).map(|level| level.to_string()).collect();
    let seeds: Vec<String> = (1..=10).map(|seed| seed.to_string()).collect();
    let source = fs::read_to_string(recipes().join("quickstart.yaml")).unwrap();
    let axes = format!(
        "[{}]\n    service.options.seed: [{}]",
        levels.join(", "),
        seeds.join(", ")
    );
    let source = source.replace("[20, 40, 80]", &axes);
    let checker = checker();
    let start = Instant::now();
    let checked = check(&checker, source.as_bytes());
    let elapsed = start.elapsed();
    let plan = checked
        .plan
        .unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    assert_eq!((plan.trials.len(), plan.services.len()), (10_000, 10));
    let switches = plan
        .trials
        .windows(2)
        .filter(|pair| pair[0].service != pair[1].service)
        .count();
    assert_eq!(switches, 9);
    eprintln!("10,000 trials planned in {elapsed:?}");
    assert!(elapsed.as_secs() < 30, "{elapsed:?}");
}

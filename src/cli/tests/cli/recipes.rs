//! `validate`, `schema` and `plan`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::common::World;

const WRONG: &str = "\
schema: hpcbench/v1
name: tiny
service: {kind: simulator}
workload:
  load: {shape: closed, concurency: 2}
  requests: 5000
  prompts: {source: synthetic, input_tokens: 8, output_tokens: 8}
";

#[test]
fn validation_as_json_has_the_promised_shape() {
    let world = World::with_recipe();
    world.write("wrong.yaml", WRONG);
    let finished = world.run(&["validate", "good.yaml", "wrong.yaml", "--format", "json"]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let report = finished.json();
    assert_eq!(
        report["files"][0],
        json!({"path": "good.yaml", "valid": true, "diagnostics": []})
    );
    let wrong = &report["files"][1];
    assert_eq!(
        (&wrong["path"], &wrong["valid"]),
        (&json!("wrong.yaml"), &json!(false))
    );
    let diagnostic = wrong["diagnostics"].as_array().unwrap()[0].as_object().unwrap();
    let fields = [
        "severity",
        "code",
        "message",
        "line",
        "column",
        "end_line",
        "end_column",
        "pointer",
        "help",
    ];
    assert_eq!(diagnostic.keys().collect::<Vec<_>>(), fields);
    assert_eq!(
        (&diagnostic["line"], &diagnostic["column"]),
        (&json!(5), &json!(25))
    );
    assert!(diagnostic["help"].as_str().unwrap().contains("concurrency"));
}

#[test]
fn validation_in_words_shows_the_place() {
    let world = World::with_recipe();
    world.write("wrong.yaml", WRONG);
    let good = world.run(&["validate", "good.yaml"]);
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""));
    assert!(
        good.stdout
            .contains("good.yaml: valid, 1 trial on 1 service configuration"),
        "{good:?}"
    );
    let wrong = world.run(&["validate", "wrong.yaml"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stdout.contains("wrong.yaml:5:25"), "{wrong:?}");
    assert!(!wrong.stdout.contains('\u{1b}'), "colour without a terminal");
}

#[test]
fn warnings_are_errors_if_that_is_wanted() {
    let world = World::with_recipe();
    let few = ["--set", "workload.requests=5"];
    let lenient = world.run(&[&["validate", "good.yaml"][..], &few].concat());
    assert_eq!(lenient.code, Some(0), "{lenient:?}");
    assert!(lenient.stdout.contains("warning"), "{lenient:?}");
    let strict = world.run(&[&["validate", "good.yaml", "--strict"][..], &few].concat());
    assert_eq!(strict.code, Some(2), "{strict:?}");
}

#[test]
fn the_schema_is_json() {
    let schema = World::new().run(&["schema"]);
    assert_eq!(schema.code, Some(0));
    assert_eq!(schema.json()["title"], "hpcbench recipe");
}

#[test]
fn a_plan_lists_its_trials_and_what_they_take() {
    let world = World::with_recipe();
    let sweep = "sweep={matrix: {workload.load.concurrency: [2, 4]}, repetitions: 3}";
    let text = world.run(&["plan", "good.yaml", "--set", sweep]);
    assert_eq!(text.code, Some(0), "{text:?}");
    for words in [
        "concurrency=2",
        "concurrency=4",
        "-r3",
        "simulator",
        "closed, 4 at once",
        "An estimate: about",
    ] {
        assert!(text.stdout.contains(words), "no {words}: {text:?}");
    }
    let json = world.run(&["plan", "good.yaml", "--set", sweep, "--format", "json"]);
    let plan = json.json();
    assert_eq!(plan["trials"].as_array().map(Vec::len), Some(6));
    assert_eq!(plan["overrides"], json!([sweep]));
    assert_eq!(plan["hash"].as_str().map(str::len), Some(64));
}

#[test]
fn the_same_recipe_gives_the_same_plan() {
    let world = World::with_recipe();
    let plan = || -> Value { world.run(&["plan", "good.yaml", "--format", "json"]).json() };
    assert_eq!(plan(), plan());
}

#[test]
fn an_invalid_recipe_has_no_plan() {
    let world = World::new();
    world.write("wrong.yaml", WRONG);
    world
        .run(&["plan", "wrong.yaml"])
        .expect_refused(2, &["wrong.yaml:5:25", "wrong.yaml is invalid"]);
    world
        .run(&["plan", "missing.yaml"])
        .expect_refused(2, &["missing.yaml", "No such file"]);
    world
        .run(&["validate", "missing.yaml"])
        .expect_refused(2, &["missing.yaml", "No such file"]);
}

#[test]
fn every_code_is_explained_with_an_example() {
    let world = World::new();
    let text = world.run(&["validate", "--explain", "window"]);
    assert_eq!(text.code, Some(0), "{text:?}");
    for words in [
        "window (error)",
        "exactly one of them ends the measured window",
        "    workload: {duration: 5m, requests: 5000}",
        "Right:",
    ] {
        assert!(text.stdout.contains(words), "no {words}: {text:?}");
    }
    let json = world.run(&["validate", "--explain", "slo-sample", "--format", "json"]);
    let rule = json.json();
    assert_eq!(
        (&rule["code"], &rule["severity"]),
        (&json!("slo-sample"), &json!("warning"))
    );
    assert!(rule["example"]["wrong"].as_str().unwrap().contains("ttft_p999"));
    let unknown = world.run(&["validate", "--explain", "windw"]);
    unknown.expect_refused(2, &["windw", "warmup-length", "'window'"]);
}

/// `plan` of a shipped recipe.
fn plan_of(recipe: &str, more: &[&str]) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../recipes")
        .join(recipe);
    let world = World::new();
    let server = world.write("nats-server", "#!/bin/sh\necho 'nats-server: v2.11.0'\n");
    fs::set_permissions(&server, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = world.command(&["plan"]);
    let command = command.arg(path).args(more).env("HPCBENCH_NATS_SERVER", server);
    let finished = crate::common::Finished::of(command.output().unwrap());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout
}

#[test]
fn the_example_of_ollama_is_a_job_of_five_nodes_with_their_roles() {
    let script = plan_of("ollama-slurm.yaml", &["--job-script"]);
    for line in [
        "# Nodes: orchestrator, client-1, client-2",
        "#SBATCH --partition=cpu",
        "#SBATCH --nodes=3",
        "#SBATCH hetjob",
        "# Nodes: server-1, server-2",
        "#SBATCH --partition=gpu",
        "#SBATCH --nodes=2",
        "#SBATCH --gpus-per-node=4",
    ] {
        assert!(
            script.lines().any(|known| known == line),
            "no {line:?} in\n{script}"
        );
    }
    let plan: Value = serde_json::from_str(&plan_of("ollama-slurm.yaml", &["--format", "json"])).unwrap();
    let load = &plan["trials"][0]["workload"]["load"];
    assert_eq!(load["concurrency"], 200, "100 of each client node: {load}");
}

const SEARCH: &str = "\
schema: hpcbench/v1
name: searched
service: {kind: simulator}
workload:
  load: {shape: poisson}
  requests: 1000
  prompts: {source: synthetic, input_tokens: 8, output_tokens: 8}
  slo: {ttft_p95: 100ms}
sweep: {search: {parameter: workload.load.rate, from: 10, to: 80, max_trials: 12}}
";

#[test]
fn what_a_search_will_do_is_told() {
    let world = World::new();
    world.write("search.yaml", SEARCH);
    let plan = world.run(&["plan", "search.yaml"]);
    assert_eq!(plan.code, Some(0), "{plan:?}");
    for words in [
        "A search for the highest rate that keeps ttft_p95 at most 100ms:",
        "workload.load.rate is doubled from 10",
        "At most 12 trials, each 1000 requests",
        "An estimate: at most about 20 min",
    ] {
        assert!(
            plan.stdout.contains(words),
            "{words:?} is not in\n{}",
            plan.stdout
        );
    }
    let valid = world.run(&["validate", "search.yaml"]);
    let words = "valid, a search of at most 12 trials on 1 service configuration";
    assert!(valid.stdout.contains(words), "{valid:?}");
    let json = world.run(&["plan", "search.yaml", "--format", "json"]).json();
    assert_eq!(
        (&json["trials"], &json["search"]["from"]),
        (&json!([]), &json!(10.0))
    );
}

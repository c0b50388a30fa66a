//! Servers that cannot be had here: scripts that take their command lines and environments, and run the simulated service.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{Recipe, Workdir, binary, data, events, expect_no_file_with, of_type};

use crate::recomputed::python;

const SETTLE: Duration = Duration::from_secs(5);

/// `ollama serve` as far as it concerns who starts it: its address comes from the environment, its models from a directory.
const OLLAMA: &str = r#"
[ "$*" = serve ] || { echo "Error: unknown command \"$*\" for \"ollama\"" >&2; exit 1; }
{ env | grep '^OLLAMA_\|^HOME=\|^CUDA_VISIBLE_DEVICES='; grep '^Cpus_allowed_list' /proc/self/status; } \
  > "$OLLAMA_MODELS/environment-${OLLAMA_HOST##*:}"
exec "$SIMULATOR" simulate --host "${OLLAMA_HOST%:*}" --port "${OLLAMA_HOST##*:}" --model "$(cat "$OLLAMA_MODELS/name")"
"#;

/// `vllm serve` with the flags that say where and as what it serves.
const VLLM: &str = r#"
[ "$1" = serve ] || { echo "vllm: error: invalid choice: '$1'" >&2; exit 2; }
echo "$2" > "$HF_HOME/served"
echo "$HF_TOKEN" > "$HF_HOME/token"
echo "INFO 10-20 07:01:02 [gpu_model_runner.py:2653] Model loading took 1.1201 GiB memory and 2.5 seconds"
shift 2
while [ $# -gt 0 ]; do
  case $1 in
    --host) host=$2 ;; --port) port=$2 ;; --served-model-name) name=$2 ;;
    --tensor-parallel-size | --pipeline-parallel-size | --max-model-len) ;;
    *) echo "vllm serve: error: unrecognized arguments: $1" >&2; exit 2 ;;
  esac
  shift 2
done
exec "$SIMULATOR" simulate --host "$host" --port "$port" --model "$name"
"#;

/// Compares the durations in the records, and prints how many requests have them.
const DURATIONS: &str = r#"
import pathlib, pyarrow.parquet as pq, sys
requests = 0
for path in pathlib.Path(sys.argv[1]).glob("records/*/*/*.parquet"):
    for row in pq.read_table(path, columns=["status", "server_ns", "t_send_start", "t_end"]).to_pylist():
        if row["status"] != "ok":
            continue
        told = dict(row["server_ns"])
        parts = told.get("load_duration", 0) + told["prompt_eval_duration"] + told["eval_duration"]
        assert told["eval_duration"] > 0 and parts <= told["total_duration"], told
        assert told["total_duration"] <= row["t_end"] - row["t_send_start"], row
        requests += 1
print(requests)
"#;

/// Writes an executable script and a directory for the models.
fn install(workdir: &Workdir, name: &str, script: &str) -> Result<(PathBuf, PathBuf)> {
    let program = workdir.write(name, &format!("#!/bin/sh{script}"))?;
    fs::set_permissions(&program, Permissions::from_mode(0o755)).context("cannot make it executable")?;
    let models = workdir.path().join("models");
    fs::create_dir(&models).context("cannot make a directory")?;
    Ok((program, models))
}

fn recipe(kind: &str, model: &str, options: &str) -> Result<Recipe> {
    Ok(Recipe::of(kind)
        .service("model", &format!("\"{model}\""))
        .service("options", options)
        .service("environment", &format!("{{SIMULATOR: {}}}", binary()?.display()))
        .service("health", "{timeout: 20s, interval: 100ms}")
        .service("restart", "{max: 0}"))
}

/// What the server says about its part of each request is in the records, and no more than what the client waited.
fn expect_durations(run: &Path) -> Result<()> {
    let Some(python) = python("what Ollama says of its durations")? else {
        return Ok(());
    };
    let output = Command::new(python).args(["-c", DURATIONS]).arg(run).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let requests: u32 = String::from_utf8(output.stdout)?.trim().parse()?;
    ensure!(requests > 10, "{requests}");
    Ok(())
}

#[test]
fn ollama_is_told_everything_by_its_environment() -> Result<()> {
    let workdir = Workdir::new()?;
    let (program, models) = install(&workdir, "ollama", OLLAMA)?;
    fs::write(models.join("name"), "llama3.1:8b").context("cannot write")?;
    let options = format!(
        "{{program: {}, models_dir: {}, num_parallel: 8}}",
        program.display(),
        models.display()
    );
    for (endpoint, name) in [("ollama-chat", "first"), ("generate", "second")] {
        let recipe = recipe("ollama", "llama3.1:8b", &options)?
            .workload("endpoint", endpoint)
            .top("nodes", "{servers: {instances_per_node: 2}}");
        let run = workdir.runs().join(name);
        let file = workdir.write("recipe.yaml", &recipe.text())?;
        let finished = workdir
            .hpcbench()?
            .arg("run")
            .arg(file)
            .arg("--run-dir")
            .arg(&run)
            .run()?;
        ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
        workdir.expect_no_process(SETTLE)?;
        let trials = trials(&run)?;
        let trial = trials.first().context("no trial")?;
        ensure!(
            count(trial, "/requests/ok")? > 0 && count(trial, "/requests/error")? == 0,
            "{trial}"
        );
        expect_durations(&run)?;
    }
    let mut homes = Vec::new();
    for entry in fs::read_dir(&models)? {
        let path = entry?.path();
        if path.ends_with("name") {
            continue;
        }
        let environment = fs::read_to_string(path)?;
        for line in [
            "OLLAMA_NUM_PARALLEL=8",
            "OLLAMA_KEEP_ALIVE=-1",
            "OLLAMA_NOPRUNE=1",
            "OLLAMA_MAX_LOADED_MODELS=1",
            "OLLAMA_MAX_QUEUE=16384",
            "OLLAMA_CONTEXT_LENGTH=4096",
        ] {
            ensure!(environment.lines().any(|set| set == line), "{environment}");
        }
        homes.extend(
            environment
                .lines()
                .filter(|line| line.starts_with("HOME="))
                .map(str::to_owned),
        );
    }
    // Two instances in two runs, each with a home of its own.
    homes.sort_unstable();
    homes.dedup();
    assert_eq!(homes.len(), 4, "{homes:?}");
    Ok(())
}

/// The values of a line of what each instance of Ollama has noted.
fn noted(models: &Path, before: &str) -> Result<Vec<String>> {
    let mut values = Vec::new();
    for entry in fs::read_dir(models)? {
        let text = fs::read_to_string(entry?.path())?;
        values.extend(
            text.lines()
                .filter_map(|line| line.strip_prefix(before))
                .map(str::to_owned),
        );
    }
    values.sort_unstable();
    Ok(values)
}

#[test]
fn instances_of_ollama_have_their_own_part_of_the_node_and_answer_as_openai_does() -> Result<()> {
    let workdir = Workdir::new()?;
    let (program, models) = install(&workdir, "ollama", OLLAMA)?;
    fs::write(models.join("name"), "llama3.1:8b").context("cannot write")?;
    let options = format!(
        "{{program: {}, models_dir: {}, num_parallel: 8}}",
        program.display(),
        models.display()
    );
    let recipe = recipe("ollama", "llama3.1:8b", &options)?
        .top("nodes", "{servers: {gpus: 2, instances_per_node: 2}}")
        .top("sweep", "{matrix: {workload.endpoint: [chat, completions]}}");
    let finished = workdir.bench(&recipe)?.env("CUDA_VISIBLE_DEVICES", "0,1").run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    workdir.expect_no_process(SETTLE)?;
    let trials = trials(&workdir.run())?;
    assert_eq!(trials.len(), 2, "{finished}");
    for trial in trials {
        ensure!(
            count(&trial, "/requests/ok")? > 0 && count(&trial, "/requests/error")? == 0,
            "{trial}"
        );
    }
    for ready in of_type(&events(&workdir.run())?, "service.ready") {
        let seconds = |name: &str| ready["data"][name].is_number();
        ensure!(
            seconds("load_seconds") && seconds("first_token_seconds"),
            "{ready}"
        );
    }
    assert_eq!(noted(&models, "CUDA_VISIBLE_DEVICES=")?, ["0", "1"]);
    let processors = noted(&models, "Cpus_allowed_list:")?;
    assert_eq!(processors.len(), 2, "{processors:?}");
    // On a machine with one processor both have that one.
    let is_alone = std::thread::available_parallelism()?.get() < 2;
    ensure!(is_alone || processors[0] != processors[1], "{processors:?}");
    Ok(())
}

#[test]
fn a_server_of_the_recipes_own_gets_a_further_port_and_a_key() -> Result<()> {
    let workdir = Workdir::new()?;
    let script = "\necho \"$2 $SERVER_KEY\" > \"$3/noted\"\n\
                  exec \"$SIMULATOR\" simulate --host 127.0.0.1 --port \"$1\" --model \"$4\"\n";
    let (program, models) = install(&workdir, "server", script)?;
    let options = format!(
        "{{command: [{}, \"{{port}}\", \"{{port1}}\", {}, \"{{model}}\"], environment: {{SERVER_KEY: \"{{key}}\"}}}}",
        program.display(),
        models.display()
    );
    let finished = workdir.bench(&recipe("custom", "own", &options)?)?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    workdir.expect_no_process(SETTLE)?;
    let noted = fs::read_to_string(models.join("noted"))?;
    let (further, key) = noted.trim().split_once(' ').context("no key")?;
    let log = events(&workdir.run())?;
    let ready = data(&log, "service.ready")?;
    let endpoint = ready["endpoints"][0].as_str().unwrap_or_default();
    let further: u16 = further.parse()?;
    ensure!(!endpoint.ends_with(&format!(":{further}")), "{ready}: {further}");
    ensure!(
        key.len() >= 16 && !finished.to_string().contains(key),
        "{finished}"
    );
    expect_no_file_with(key, &workdir.run(), &[])?;
    // Though hpcbench does not know it, no measured request is its first one.
    ensure!(ready["first_token_seconds"].is_number(), "{ready}");
    Ok(())
}

#[test]
fn programs_that_will_not_do_are_told_before_anything_starts() -> Result<()> {
    let workdir = Workdir::new()?;
    let script = "\n[ \"$*\" = --version ] && echo \"ray, version 2.51.1\" || exit 7\n";
    let (ray, _) = install(&workdir, "ray", script)?;
    let options = format!("{{ray: {{program: {}}}}}", ray.display());
    let finished = workdir
        .bench(&recipe("vllm-ray", "org/model", &options)?)?
        .run()?
        .expect_code(1)?;
    workdir.expect_no_process(SETTLE)?;
    let log = events(&workdir.run())?;
    let reason = data(&log, "service.failed")?["reason"].to_string();
    ensure!(reason.contains("Ray 2.51 lets everybody"), "{reason}: {finished}");
    ensure!(of_type(&log, "service.launched").is_empty(), "{finished}");
    Ok(())
}

#[test]
fn a_model_that_ollama_does_not_have_is_named() -> Result<()> {
    let workdir = Workdir::new()?;
    let (program, models) = install(&workdir, "ollama", OLLAMA)?;
    fs::write(models.join("name"), "mistral:7b").context("cannot write")?;
    let options = format!(
        "{{program: {}, models_dir: {}, num_parallel: 8}}",
        program.display(),
        models.display()
    );
    let finished = workdir
        .bench(&recipe("ollama", "llama3.1:8b", &options)?)?
        .run()?
        .expect_code(1)?;
    workdir.expect_no_process(SETTLE)?;
    let log = events(&workdir.run())?;
    let reason = data(&log, "service.failed")?["reason"].to_string();
    ensure!(
        reason.contains("llama3.1:8b") && reason.contains("mistral:7b"),
        "{reason}: {finished}"
    );
    Ok(())
}

#[test]
fn vllm_serves_a_model_under_its_name() -> Result<()> {
    let workdir = Workdir::new()?;
    let (program, models) = install(&workdir, "vllm", VLLM)?;
    let options = format!(
        "{{program: {}, hf_home: {}, max_model_len: 2048}}",
        program.display(),
        models.display()
    );
    workdir.write("hf_token", "hf_5e7d")?;
    let recipe = recipe("vllm", "org/model", &options)?
        .service("secrets", "{HF_TOKEN: {file: hf_token}}")
        .workload("endpoint", "completions");
    let finished = workdir.bench(&recipe)?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    workdir.expect_no_process(SETTLE)?;
    assert_eq!(fs::read_to_string(models.join("served"))?, "org/model\n");
    assert_eq!(fs::read_to_string(models.join("token"))?, "hf_5e7d\n");
    let log = events(&workdir.run())?;
    let ready = data(&log, "service.ready")?;
    assert_eq!(ready["models"][0], "org/model");
    assert_eq!(ready["load_seconds"], 2.5, "{ready}");
    assert_eq!(of_type(&log, "trial.completed").len(), 1);
    Ok(())
}

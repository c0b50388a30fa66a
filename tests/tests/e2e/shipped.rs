//! Recipes that are shipped, with less time and with what this machine has in the place of what its user has.

use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{Llama, LlamaFiles, Workdir, workspace};

/// Levels of concurrency that both recipes sweep over.
const LEVELS: usize = 3;

/// Runs a recipe with these values set, and expects a measurement at each level.
fn run(workdir: &Workdir, recipe: &str, set: &[String]) -> Result<()> {
    let file = workspace().join("recipes").join(recipe);
    let mut command = workdir.hpcbench()?.arg("run").arg(file);
    let less = ["workload.warmup=500ms", "workload.duration=3s"].map(str::to_owned);
    for value in less.iter().chain(set) {
        command = command.arg("--set").arg(value);
    }
    let finished = command.arg("--run-dir").arg(workdir.run()).run()?;
    // Whether so short a measurement is valid depends on the machine; that it is a measurement does not.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trials = trials(&workdir.run())?;
    assert_eq!(trials.len(), LEVELS, "{finished}");
    for trial in trials {
        let ok = count(&trial, "/requests/ok")?;
        ensure!(ok > 0 && count(&trial, "/requests/error")? == 0, "{trial}");
        // `ignore_eos`: each answer has all of its tokens.
        assert_eq!(count(&trial, "/output_tokens")?, 64 * ok, "{trial}");
    }
    workdir.expect_no_process(Duration::from_secs(5))
}

#[test]
fn llama_cpp_on_a_laptop() -> Result<()> {
    let Some(files) = LlamaFiles::get("llama_cpp_on_a_laptop")? else {
        return Ok(());
    };
    let set = [
        format!("service.options.program={}", files.program.display()),
        format!("service.options.model_path={}", files.model.display()),
    ];
    run(&Workdir::new()?, "llama-cpp-laptop.yaml", &set)
}

#[test]
fn an_endpoint_that_runs_already() -> Result<()> {
    let workdir = Workdir::new()?;
    let Some(llama) = Llama::start("an_endpoint_that_runs_already", &workdir, 16)? else {
        return Ok(());
    };
    let set = [
        format!("service.endpoints=[\"http://{}/v1\"]", llama.address()),
        "service.model=tiny".to_owned(),
    ];
    run(&workdir, "openai-endpoint.yaml", &set)
}
